// SPDX-License-Identifier: Apache-2.0
use super::labels::data_item;
use super::*;
use crate::cbor::{Writer, encode};
use crate::cose::{Algorithm, Signatures, SigningKey, sign1};
use crate::suit::Digest;
use alloc::string::String;
use alloc::vec;

mod dialect;
mod limits;
mod negotiation;

const TOKEN: [u8; 16] =
    [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf];

/// Encoded as it stands, whether a peer takes it or not.
fn raw(dialect: Dialect, message: &Message<'_>) -> Vec<u8> {
    super::encode::message(dialect, message)
}

/// Decodes as a receiver does: signed, verified, validated.
fn receive(payload: &[u8]) -> Result<String, Error> {
    let key = SigningKey::p256_from_scalar(&[1; 32])?;
    let message = sign1(&key, payload)?;
    let verified = Signatures::decode(&message)?.verify(&[key.public_key()])?;
    Message::decode(verified).map(|m| String::from(m.get().name()))
}

fn round_trip(message: &Message<'_>) {
    let bytes = message.encode().expect("encodes");
    assert_eq!(Message::inspect(&bytes).as_ref(), Ok(message));
    for end in 0..bytes.len() {
        Message::inspect(&bytes[..end]).expect_err("cut short");
    }
}

fn query_request<'b>() -> QueryRequest<'b> {
    QueryRequest {
        token: Some(&TOKEN),
        versions: Some(vec![0]),
        supported_teep_cipher_suites: vec![
            CipherSuite::sign1(Algorithm::Esp256),
            CipherSuite::sign1(Algorithm::Ed25519),
        ],
        supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
        data_item_requested: data_item::TRUSTED_COMPONENTS,
        ..QueryRequest::default()
    }
}

/// A message of the given type and number of items with one option.
fn with_option(kind: u64, label: u64, value: impl Fn(&mut Writer)) -> Vec<u8> {
    encode(|w| {
        w.array(if kind == 5 { 3 } else { 2 }).uint(kind).map(1).uint(label);
        value(w);
        if kind == 5 {
            w.uint(1);
        }
    })
}

#[test]
fn golden_success_and_error() {
    let success = Message::Success(Success { token: Some(&TOKEN), ..Success::default() });
    let mut expected = vec![0x82, 0x04, 0xa1, 0x13, 0x50];
    expected.extend(TOKEN);
    assert_eq!(success.encode(), Ok(expected));
    let code = ErrCode::MANIFEST_PROCESSING_FAILED;
    let error = Message::Error(ErrorMessage::new(Some(&TOKEN), code, Some("disk-full")));
    let mut expected = vec![0x83, 0x05, 0xa2, 0x0b, 0x69];
    expected.extend(b"disk-full\x13\x50");
    expected.extend(TOKEN);
    expected.push(0x0b);
    assert_eq!(error.encode(), Ok(expected));
}

#[test]
fn published_error_with_options_in_another_order_is_accepted() {
    let mut bytes = vec![0x83, 0x05, 0xa2, 0x13, 0x50];
    bytes.extend(TOKEN);
    bytes.extend(b"\x0b\x69disk-full\x0b");
    assert_eq!(receive(&bytes).as_deref(), Ok("Error"));
}

#[test]
fn all_messages_round_trip() {
    let id = ComponentId::encode(&["a", "ta"]);
    let id = ComponentId::decode(&id).expect("an id");
    let attestation = Some(AttestationPayload { format: Some("application/eat+cwt"), payload: b"eat" });
    let (suites, profiles) =
        (vec![CipherSuite::sign1(Algorithm::Esp256)], vec![SuitCoseProfile::ESP256_ECDH_A128CTR]);
    round_trip(&Message::QueryRequest(query_request()));
    round_trip(&Message::QueryRequest(QueryRequest {
        token: None,
        challenge: Some(&TOKEN),
        supported_freshness_mechanisms: Some(vec![0, 1]),
        attestation,
        suit_reports: vec![b"report"],
        data_item_requested: data_item::ATTESTATION,
        ..query_request()
    }));
    round_trip(&Message::QueryResponse(QueryResponse {
        token: Some(&TOKEN),
        selected_version: Some(0),
        attestation,
        suit_reports: vec![b"report"],
        tc_list: Some(vec![SystemPropertyClaims::new(id, Some(Digest::of(b"x")))]),
        requested_tc_list: vec![RequestedTc {
            component_id: id,
            tc_manifest_sequence_number: Some(3),
            have_binary: Some(true),
        }],
        unneeded_manifest_list: vec![id],
        ext_list: Some(vec![]),
    }));
    round_trip(&Message::Update(Update {
        token: Some(&TOKEN),
        unneeded_manifest_list: vec![id],
        manifest_list: vec![b"envelope"],
        attestation,
        err_code: Some(ErrCode::TEMPORARY_ERROR),
        err_msg: Some("later"),
        err_lang: Some("en"),
    }));
    let success = Success { token: Some(&TOKEN), msg: Some("done"), suit_reports: vec![b"report"] };
    round_trip(&Message::Success(success));
    round_trip(&Message::Error(ErrorMessage {
        token: Some(&TOKEN),
        err_code: ErrCode::UNSUPPORTED_CIPHER_SUITES,
        err_msg: Some("no"),
        err_lang: Some("en"),
        supported_teep_cipher_suites: suites,
        supported_freshness_mechanisms: Some(vec![0]),
        supported_suit_cose_profiles: profiles,
        challenge: Some(&TOKEN),
        versions: Some(vec![0]),
        suit_reports: vec![b"report"],
    }));
}

#[test]
fn token_if_and_only_if_attestation_is_not_requested() {
    let receive = |request: QueryRequest<'_>| receive(&raw(Dialect::Final, &Message::QueryRequest(request)));
    assert!(receive(query_request()).is_ok());
    let attested =
        QueryRequest { token: None, data_item_requested: data_item::ATTESTATION, ..query_request() };
    assert!(receive(QueryRequest { challenge: Some(&TOKEN), ..attested.clone() }).is_ok());
    assert!(receive(QueryRequest { token: Some(&TOKEN), ..attested }).is_err(), "REQ-TEEP-041");
    assert!(receive(QueryRequest { token: None, ..query_request() }).is_err(), "REQ-TEEP-041");
    assert!(receive(QueryRequest { challenge: Some(&TOKEN), ..query_request() }).is_err(), "REQ-TEEP-043");
    let freshness = QueryRequest { supported_freshness_mechanisms: Some(vec![0]), ..query_request() };
    assert!(receive(freshness).is_err(), "REQ-TEEP-042");
}

#[test]
fn sizes_at_their_limits_and_one_past_them() {
    let token = |n: usize| {
        with_option(4, 19, |w| {
            w.bytes(&vec![0; n]);
        })
    };
    let msg = |n: usize| {
        with_option(4, 10, |w| {
            w.text(&"x".repeat(n));
        })
    };
    let lang = |n: usize| {
        with_option(5, 21, |w| {
            w.text(&"x-abcdefgh-abcdefgh-abcdefgh-abcdefgh-a".chars().take(n).collect::<String>());
        })
    };
    let challenge = |n: usize| {
        with_option(5, 2, |w| {
            w.bytes(&vec![0; n]);
        })
    };
    type Make<'m> = &'m dyn Fn(usize) -> Vec<u8>;
    let cases: [(Make<'_>, usize, usize); 4] =
        [(&token, 8, 64), (&msg, 1, 128), (&lang, 1, 35), (&challenge, 8, 512)];
    for (make, min, max) in cases {
        for good in [min, max] {
            assert!(receive(&make(good)).is_ok(), "REQ-TEEP-009: {good}");
        }
        for bad in [min - 1, max + 1] {
            assert!(receive(&make(bad)).is_err(), "REQ-TEEP-009: {bad}");
        }
    }
    let umlauts = with_option(4, 10, |w| {
        w.text(&"ü".repeat(65));
    });
    assert!(receive(&umlauts).is_err(), "bytes are counted, not characters");
}

#[test]
fn unassigned_labels_are_ignored_misplaced_ones_refused() {
    assert!(
        receive(&with_option(4, 23, |w| {
            w.null();
        }))
        .is_ok(),
        "REQ-TEEP-008"
    );
    assert!(
        receive(&with_option(4, 4000, |w| {
            w.map(0);
        }))
        .is_ok(),
        "REQ-TEEP-008"
    );
    for label in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22] {
        assert!(
            receive(&with_option(4, label, |w| {
                w.uint(1);
            }))
            .is_err(),
            "REQ-TEEP-016, REQ-TEEP-128: {label}"
        );
    }
}

#[test]
fn pre_26_messages_are_refused() {
    // Success was type 5 with two items, token was label 20.
    assert!(
        receive(&encode(|w| {
            w.array(2).uint(5).map(0);
        }))
        .is_err()
    );
    assert!(
        receive(&with_option(4, 20, |w| {
            w.bytes(&TOKEN);
        }))
        .is_err()
    );
    // An Update whose manifest-list has the old number must not become an empty Update.
    assert!(
        receive(&with_option(3, 10, |w| {
            w.array(1).bytes(b"envelope");
        }))
        .is_err()
    );
}

#[test]
fn other_types_shapes_and_empty_lists_are_refused() {
    for bytes in [
        &b"\x82\x00\xa0"[..],
        b"\x82\x06\xa0",
        b"\x82\x01\xa0",
        b"\x81\x04",
        b"\x83\x04\xa0\x00",
        b"\xa0",
        b"\x80",
        b"\x82\x20\xa0",
        b"\x82\x04\x80",
        b"\x83\x05\xa0\x00",
    ] {
        assert!(receive(bytes).is_err(), "{bytes:02x?}");
    }
    assert!(
        receive(&with_option(3, 9, |w| {
            w.array(0);
        }))
        .is_err(),
        "REQ-TEEP-011"
    );
    assert!(
        receive(&with_option(2, 5, |w| {
            w.uint(1 << 32);
        }))
        .is_err(),
        "REQ-TEEP-010"
    );
    assert!(
        receive(&with_option(2, 7, |w| {
            w.array(0);
        }))
        .is_ok(),
        "AMB-04"
    );
}

#[test]
fn have_binary_needs_a_sequence_number() {
    let id = ComponentId::encode(&["a"]);
    let requested = RequestedTc {
        component_id: ComponentId::decode(&id).expect("an id"),
        tc_manifest_sequence_number: None,
        have_binary: Some(true),
    };
    let response = QueryResponse { requested_tc_list: vec![requested], ..QueryResponse::default() };
    let response = Message::QueryResponse(response);
    assert!(receive(&raw(Dialect::Final, &response)).is_err(), "REQ-TEEP-067");
    assert!(response.encode().is_err(), "REQ-TEEP-067: nor is it made");
}

#[test]
fn unknown_error_codes_are_kept() {
    let bytes = b"\x83\x05\xa0\x18\xc8";
    let Ok(Message::Error(error)) = Message::inspect(bytes) else { panic!("REQ-TEEP-013") };
    assert_eq!(error.err_code.number(), 200);
}
