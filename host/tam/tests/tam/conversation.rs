// SPDX-License-Identifier: Apache-2.0
//! What the TAM says to an Agent that means well.

use crate::world::{UUID, World, component, error, having, report, requesting, success};
use std::collections::HashSet;
use teep_proto::cose::{
    AgreementSecret, Algorithm, ContentAlgorithm, EncryptTo, KeyWrap, RecipientKey, Signatures, sign1,
};
use teep_proto::suit::{
    Authenticator, ComponentId, Digest, Envelope, Reason, Record, Report, ReportResult, text,
};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{CipherSuite, ErrCode, Message, QueryResponse, SuitCoseProfile};
use teep_suit::keys;
use teep_tam::{Error, TamConfig};

/// REQ-TEEP-020, 022, 028, 040, 041, 042, 043, 049.
#[test]
fn the_first_query_request_is_for_an_agent_nobody_knows() {
    let world = World::new();
    let bytes = world.tam.process_connect().unwrap();
    let signatures = Signatures::decode(&bytes).unwrap();
    for key in &world.tam_keys {
        let payload = signatures.verify([key]).expect("one signature for each suite (REQ-TEEP-022)");
        let message = Message::decode(payload).expect("valid (REQ-TEEP-041, 042, 043)").into_inner();
        let Message::QueryRequest(request) = message else { panic!("a QueryRequest (REQ-TEEP-040)") };
        assert_eq!(request.token.unwrap().len(), 16);
        let asked = data_item::TRUSTED_COMPONENTS | data_item::SUIT_REPORTS;
        assert_eq!(request.data_item_requested, asked, "no more (REQ-TEEP-049)");
        assert_eq!(request.challenge, None);
        assert_eq!(request.supported_freshness_mechanisms, None);
        assert_eq!(request.versions, Some(vec![0]));
        let suites = [Algorithm::Esp256, Algorithm::Ed25519].map(CipherSuite::sign1);
        assert_eq!(request.supported_teep_cipher_suites, suites);
        assert_eq!(request.supported_suit_cose_profiles, SuitCoseProfile::TEEP);
    }
}

#[test]
fn a_requested_component_is_sent_and_the_outcome_taken_note_of() {
    let world = World::new();
    let token = world.query();
    let reaction = world.send(&requesting(&token, &component()));
    let update_token = reaction.update(&world, |update| {
        assert_eq!(update.manifest_list, [world.offer(1).envelope]);
        assert_eq!((update.err_code, update.err_msg), (None, None));
        let envelope = Envelope::decode(update.manifest_list[0]).unwrap();
        assert!(envelope.verify(&[world.signer.public_key()]).is_ok());
        update.token.unwrap().to_vec()
    });
    assert_ne!(token, update_token, "every message has its own (REQ-TEEP-046)");
    let kid = world.agent.public_key().thumbprint().to_string();
    let id = ComponentId::decode(&component()).map(|id| id.to_string()).unwrap();
    assert!(reaction.events[0].starts_with("received QueryResponse, "), "{:?}", reaction.events);
    assert!(reaction.events[0].ends_with(&format!("from agent {}: has 0, wants {id}", &kid[..16])));
    assert!(reaction.events[1].starts_with("sent Update, "), "{:?}", reaction.events);
    assert!(reaction.events[1].ends_with(": hello-1.suit"));
    let report = report(Some(&update_token));
    let done = world.send(&success(Some(&update_token), &[&report]));
    assert!(done.is_settled());
    assert!(done.events[0].ends_with("; manifest 0707070707070707 done"), "{:?}", done.events);
}

/// REQ-TEEP-020, 026.
#[test]
fn an_ed25519_agent_is_answered_in_its_suite() {
    let world = World::with(TamConfig::generate().unwrap(), Algorithm::Ed25519);
    world.send(&requesting(&world.query(), &component())).update(&world, |_| ());
}

#[test]
fn an_outdated_component_is_updated_and_a_current_one_left_alone() {
    let world = World::new();
    let component = component();
    assert!(world.send(&having(&world.query(), &component, 1)).is_settled());
    world.store.set_offers(vec![world.offer(1), world.offer(2)]);
    world.send(&having(&world.query(), &component, 1)).update(&world, |update| {
        assert_eq!(update.manifest_list, [world.offer(2).envelope], "the highest sequence number");
    });
    assert!(world.send(&having(&world.query(), &component, 2)).is_settled());
    // Told to serve the old one again, the TAM sends it; to refuse it is the Agent's duty.
    world.store.set_offers(vec![world.offer(1)]);
    world.send(&having(&world.query(), &component, 2)).update(&world, |update| {
        assert_eq!(update.manifest_list, [world.offer(1).envelope]);
    });
}

#[test]
fn what_nobody_offers_is_not_answered() {
    let world = World::new();
    let other = ComponentId::encode(&text::native_ta([9; 16]));
    assert!(world.send(&requesting(&world.query(), &other)).is_settled());
    world.store.set_offers(Vec::new());
    assert!(world.send(&requesting(&world.query(), &component())).is_settled());
}

#[test]
fn an_agent_counts_from_the_moment_it_is_enrolled() {
    let world = World::new();
    let newcomer = keys::generate(Algorithm::Esp256).unwrap();
    let (token, component) = (world.query(), component());
    let bytes = sign1(&newcomer, &requesting(&token, &component).encode().unwrap()).unwrap();
    let refused = world.send_bytes(&bytes);
    assert!(matches!(refused.answer, Err(Error::Unauthenticated { .. })));
    let words = format!(
        "key {:.16}: if that is yours, teep-tam enrol",
        newcomer.public_key().thumbprint().to_string()
    );
    assert!(refused.dropped.unwrap().contains(&words));
    world.store.enrol(newcomer.public_key());
    assert!(
        matches!(world.send_bytes(&bytes).answer, Ok(Some(_))),
        "the token was not burned (REQ-TEEP-101)"
    );
}

/// REQ-TEEP-046: tokens of both kinds of message, also when there are many.
#[test]
fn no_two_tokens_are_alike() {
    let world = World::new();
    let mut tokens: HashSet<Vec<u8>> = (0..8).map(|_| world.query()).collect();
    tokens.extend((0..8).map(|_| world.update()));
    assert_eq!(tokens.len(), 16);
}

/// REQ-TEEP-088, 104, 112: the TAM says what was wrong in an Update.
#[test]
fn an_incomplete_query_response_is_told_so() {
    let world = World::new();
    let (mine, none, other) = (world.query(), report(None), report(Some(b"another token")));
    let complete =
        QueryResponse { token: Some(&mine), tc_list: Some(Vec::new()), ..QueryResponse::default() };
    let incomplete = [
        (QueryResponse { tc_list: None, ..complete.clone() }, "tc-list"),
        (QueryResponse { selected_version: Some(1), ..complete.clone() }, "selected-version"),
        (QueryResponse { suit_reports: vec![&none], ..complete.clone() }, "suit-report-nonce"),
        (QueryResponse { suit_reports: vec![&other], ..complete.clone() }, "suit-report-nonce"),
        (QueryResponse { suit_reports: vec![b"\xa0"], ..complete }, "suit-report-nonce"),
    ];
    for (response, words) in incomplete {
        let token = world.query();
        let response = QueryResponse { token: Some(&token), ..response };
        let reaction = world.send(&Message::QueryResponse(response));
        assert!(reaction.dropped.as_ref().unwrap().contains(words));
        let update_token = reaction.update(&world, |update| {
            assert_eq!(update.err_code, Some(ErrCode::PERMANENT_ERROR));
            assert!(update.err_msg.unwrap().contains(words), "{:?}", update.err_msg);
            assert!(update.manifest_list.is_empty());
            update.token.unwrap().to_vec()
        });
        // The Agent's receipt (AMB-08) ends it: no loop.
        assert!(world.send(&success(Some(&update_token), &[])).is_settled());
    }
    let token = world.query();
    let report = report(Some(&token));
    let response = QueryResponse {
        token: Some(&token),
        tc_list: Some(Vec::new()),
        suit_reports: vec![&report],
        ..QueryResponse::default()
    };
    assert!(world.send(&Message::QueryResponse(response)).is_settled());
}

/// One failed manifest is not sent again in the same exchange; the next contact starts afresh.
#[test]
fn a_failed_update_ends_the_exchange() {
    let world = World::new();
    let failed = world.send(&error(Some(&world.update()), ErrCode::MANIFEST_PROCESSING_FAILED));
    assert!(failed.is_settled());
    let told = "ERR_MANIFEST_PROCESSING_FAILED (11), in language en: no";
    assert!(failed.events[0].contains(told), "{:?} (REQ-TEEP-015)", failed.events);
    world.update();
}

#[test]
fn an_error_may_answer_a_query_request() {
    let world = World::new();
    for code in [ErrCode::UNSUPPORTED_CIPHER_SUITES, ErrCode::BAD_CERTIFICATE, ErrCode::TEMPORARY_ERROR] {
        let token = world.query();
        assert!(world.send(&error(Some(&token), code)).is_settled());
        assert!(world.send(&error(Some(&token), code)).is_dropped(), "burned (REQ-TEEP-101)");
    }
}

/// REQ-TEEP-080: what is to be given up stands in an Update, and in the log.
#[test]
fn what_is_withdrawn_is_to_be_given_up() {
    let world = World::new();
    world.store.set_withdrawn(vec![world.offer(1)]);
    world.store.set_offers(Vec::new());
    let reaction = world.send(&having(&world.query(), &component(), 1));
    reaction.update(&world, |update| {
        let ids: Vec<_> = update.unneeded_manifest_list.iter().map(ToString::to_string).collect();
        assert_eq!(ids, [text::format(&text::native_ta_manifest(UUID))]);
        assert!(update.manifest_list.is_empty());
    });
    let sent = reaction.events.iter().find(|event| event.starts_with("sent Update")).expect("it is told");
    assert!(sent.contains("to give up: TEEP-Device/SecureFS/"), "{sent}");
}

/// REQ-TEEP-069: a hint of the device, which policy may heed.
#[test]
fn what_a_device_does_not_need_is_to_be_given_up() {
    for honour_unneeded in [true, false] {
        let mut config = TamConfig::generate().unwrap();
        config.honour_unneeded = honour_unneeded;
        let world = World::with(config, Algorithm::Esp256);
        let (token, id) = (world.query(), ComponentId::encode(&text::native_ta_manifest(UUID)));
        let component = component();
        let Message::QueryResponse(response) = having(&token, &component, 1) else {
            panic!("a QueryResponse")
        };
        let unneeded_manifest_list = vec![ComponentId::decode(&id).unwrap()];
        let reaction =
            world.send(&Message::QueryResponse(QueryResponse { unneeded_manifest_list, ..response }));
        assert_eq!(reaction.is_settled(), !honour_unneeded);
        if honour_unneeded {
            reaction.update(&world, |update| assert_eq!(update.unneeded_manifest_list.len(), 1));
        }
    }
}

/// Reports come bare, signed, or signed and encrypted to the TAM's report key; the log has where it failed.
#[test]
fn reports_are_shown_however_they_are_protected() {
    let device = keys::generate(Algorithm::Esp256).unwrap();
    let report_key = AgreementSecret::from_scalar(&[5; 32]).unwrap();
    let to = [EncryptTo::Agreement(report_key.public_key(), KeyWrap::A128Kw)];
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    let mut config = TamConfig::generate().unwrap();
    config.report_keys.push(RecipientKey::Agreement(report_key.clone()));
    let world = World::with(config, Algorithm::Esp256);
    for protection in 0..4 {
        let token = world.update();
        let record =
            Record { manifest_id: vec![1], section: 20, offset: 42, component_index: 3, ..Record::default() };
        let result = ReportResult::Failure { code: 0, record, reason: Reason::OperationFailed };
        let report = Report { result, ..Report::new("", Digest::sha256([7; 32]), Some(&token)) };
        let sign = Authenticator::Sign(&device);
        let bytes = match protection {
            0 => report.encode(),
            1 => report.protect(sign),
            2 => report.protect_for(sign, ContentAlgorithm::A128Ctr, &to, &mut random),
            _ => {
                let stranger = AgreementSecret::from_scalar(&[6; 32]).unwrap();
                let to = [EncryptTo::Agreement(stranger.public_key(), KeyWrap::A128Kw)];
                report.protect_for(sign, ContentAlgorithm::A128Gcm, &to, &mut random)
            }
        };
        let bytes = bytes.unwrap();
        let reaction = world.send(&success(Some(&token), &[&bytes]));
        let told = reaction.events.join("\n");
        if protection < 3 {
            assert!(reaction.is_settled(), "{told}");
            let place = "failed: an operation failed (install, byte 42, component 3 of dependency [1])";
            assert!(told.contains(place), "{told}");
        } else {
            assert!(reaction.is_dropped());
            assert!(told.contains("cannot be opened: is it encrypted to another key?"), "{told}");
        }
    }
}
