// SPDX-License-Identifier: Apache-2.0
//! Replays, forgeries, mixed-up tokens and garbage.

use crate::world::{World, component, error, having, report, requesting, success};
use std::time::Duration;
use teep_proto::cose::{Algorithm, sign1};
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::teep::{ErrCode, Message, QueryRequest, QueryResponse, Update};
use teep_suit::keys;
use teep_tam::{Error, TamConfig};

/// REQ-TEEP-101.
#[test]
fn a_query_response_counts_once() {
    let world = World::new();
    let (token, component) = (world.query(), component());
    let message = requesting(&token, &component);
    world.send(&message).update(&world, |_| ());
    assert!(world.send(&message).is_dropped());
    // Not even with another content.
    assert!(world.send(&having(&token, &component, 9)).is_dropped());
}

/// REQ-TEEP-101.
#[test]
fn a_success_counts_once() {
    let world = World::new();
    let token = world.update();
    assert!(world.send(&success(Some(&token), &[])).is_settled());
    assert!(world.send(&success(Some(&token), &[])).is_dropped());
    assert!(world.send(&error(Some(&token), ErrCode::TEMPORARY_ERROR)).is_dropped());
}

/// REQ-TEEP-050, 051, 102.
#[test]
fn an_expired_token_does_not_count() {
    let mut config = TamConfig::generate().unwrap();
    config.token_lifetime = Duration::ZERO;
    let world = World::with(config, Algorithm::Esp256);
    let reaction = world.send(&requesting(&world.query(), &component()));
    assert!(reaction.is_dropped());
    assert!(reaction.dropped.unwrap().contains("expired"));
    assert_eq!(TamConfig::generate().unwrap().token_lifetime, Duration::from_secs(12 * 3600));
}

/// REQ-TEEP-006, 100, 101: what nobody signed burns nothing.
#[test]
fn a_forged_message_does_not_burn_the_token() {
    let world = World::new();
    let (token, component) = (world.query(), component());
    let message = requesting(&token, &component);
    let stranger = keys::generate(Algorithm::Esp256).unwrap();
    let forged = world.send_bytes(&sign1(&stranger, &message.encode().unwrap()).unwrap());
    assert!(matches!(forged.answer, Err(Error::Unauthenticated { .. })));
    assert!(world.send(&message).answer.unwrap().is_some());
}

#[test]
fn an_update_token_is_bound_to_its_agent() {
    let world = World::new();
    let other = keys::generate(Algorithm::Ed25519).unwrap();
    world.store.enrol(other.public_key());
    let token = world.update();
    let stolen = sign1(&other, &success(Some(&token), &[]).encode().unwrap()).unwrap();
    assert!(world.send_bytes(&stolen).is_dropped());
    assert!(world.send(&success(Some(&token), &[])).is_settled());
}

#[test]
fn a_token_answers_its_own_kind_of_message_only() {
    let world = World::new();
    let (query, update, component) = (world.query(), world.update(), component());
    assert!(world.send(&success(Some(&query), &[])).is_dropped());
    assert!(world.send(&requesting(&update, &component)).is_dropped());
    // Neither attempt has burned anything.
    assert!(world.send(&success(Some(&update), &[])).is_settled());
    assert!(world.send(&requesting(&query, &component)).answer.unwrap().is_some());
}

/// REQ-TEEP-113, AMB-07: a Broker can make an Agent sign these, so they end no Update.
#[test]
fn negotiation_errors_do_not_settle_an_update() {
    let world = World::new();
    let token = world.update();
    for code in [
        ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS,
        ErrCode::UNSUPPORTED_MSG_VERSION,
        ErrCode::UNSUPPORTED_CIPHER_SUITES,
        ErrCode::UNSUPPORTED_SUIT_REPORT,
    ] {
        assert!(world.send(&error(Some(&token), code)).is_dropped(), "{code}");
    }
    assert!(world.send(&success(Some(&token), &[])).is_settled());
}

/// REQ-TEEP-113: no request went out without a token.
#[test]
fn answers_without_token_settle_nothing() {
    let world = World::new();
    let token = world.update();
    let response = QueryResponse { tc_list: Some(Vec::new()), ..QueryResponse::default() };
    assert!(world.send(&success(None, &[])).is_dropped());
    assert!(world.send(&error(None, ErrCode::MANIFEST_PROCESSING_FAILED)).is_dropped());
    assert!(world.send(&Message::QueryResponse(response)).is_dropped());
    assert!(world.send(&success(Some(&token), &[])).is_settled());
}

/// REQ-TEEP-109.
#[test]
fn reports_with_another_nonce_are_dropped() {
    let world = World::new();
    for foreign in [report(None), report(Some(&[0; 16])), b"\xa0".to_vec(), b"junk".to_vec()] {
        let token = world.update();
        let mine = report(Some(&token));
        assert!(world.send(&success(Some(&token), &[&mine, &foreign])).is_dropped());
    }
}

#[test]
fn messages_only_a_tam_sends_are_dropped() {
    let world = World::new();
    let query = QueryRequest {
        token: Some(&[1; 16]),
        supported_teep_cipher_suites: vec![teep_proto::teep::CipherSuite::sign1(Algorithm::Esp256)],
        supported_suit_cose_profiles: teep_proto::teep::SuitCoseProfile::TEEP.to_vec(),
        ..QueryRequest::default()
    };
    assert!(world.send(&Message::QueryRequest(query)).is_dropped());
    assert!(world.send(&Message::Update(Update::default())).is_dropped());
}

/// REQ-TEEP-003, 004: whatever it is, it is refused and costs nothing.
#[test]
fn garbage_is_refused() {
    let world = World::new();
    let junk: [&[u8]; 7] = [
        b"\x00",
        b"hello",
        b"\xd2\x84\x40\xa0\xf6\x40",
        &[0x81; 4096],
        &[0xff; 64],
        &requesting(&[1; 16], &component()).encode().unwrap(),
        &vec![0; MAX_MESSAGE + 1],
    ];
    for bytes in junk {
        assert!(
            matches!(world.send_bytes(bytes).answer, Err(Error::Malformed(_))),
            "{:02x?}",
            bytes.get(..8)
        );
    }
    // Also when an enrolled Agent signs it (REQ-TEEP-007).
    for payload in [&b"\x82\x06\xa0"[..], b"\x82\x02\xa1\x13\x41\x00", b"\x80", b""] {
        let reaction = world.send_bytes(&sign1(&world.agent, payload).unwrap());
        assert!(matches!(reaction.answer, Err(Error::Malformed(_))), "{payload:02x?}");
    }
}

#[test]
fn every_damaged_message_is_refused_and_burns_nothing() {
    let world = World::new();
    let (token, component) = (world.query(), component());
    let good = sign1(&world.agent, &requesting(&token, &component).encode().unwrap()).unwrap();
    for at in 0..good.len() {
        assert!(world.send_bytes(&good[..at]).answer.is_err(), "cut at {at}");
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(world.send_bytes(&bad).answer.is_err(), "bit flipped at {at}");
    }
    assert!(world.send_bytes(&good).answer.unwrap().is_some());
}
