// SPDX-License-Identifier: Apache-2.0
//! The two tables of numbers: section 3 of the digest, whole conversations, the draft's vectors.

use super::*;

/// The payload signed, verified and decoded in `dialect`, as a peer configured for it does.
fn receive_in(dialect: Dialect, payload: &[u8]) -> Result<String, Error> {
    let key = SigningKey::ed25519_from_seed(&[3; 32]);
    let message = sign1(&key, payload)?;
    let verified = Signatures::decode(&message)?.verify(&[key.public_key()])?;
    Message::decode_in(dialect, verified).map(|m| String::from(m.get().name()))
}

/// One conversation of every message, each with every option it may have: the token or its absence
/// (REQ-TEEP-084), err-lang (REQ-TEEP-015), manifest component ids (REQ-TEEP-069).
fn conversation(check: impl Fn(&Message<'_>)) {
    let id = ComponentId::encode(&["TEEP-Device", "ta"]);
    let id = ComponentId::decode(&id).expect("an id");
    let evidence =
        AttestationPayload { format: Some("application/eat+cwt; eat_profile=\"urn:x\""), payload: b"eat" };
    let result = AttestationPayload { format: None, payload: b"eat" };
    let suites = vec![CipherSuite::sign1(Algorithm::Esp256), CipherSuite::sign1(Algorithm::Ed25519)];
    check(&Message::QueryRequest(QueryRequest {
        token: None,
        supported_freshness_mechanisms: Some(vec![0, 1]),
        challenge: Some(&[7; 32]),
        versions: Some(vec![0, 1]),
        attestation: Some(evidence),
        suit_reports: vec![b"report", b"another"],
        data_item_requested: 15,
        ..query_request()
    }));
    check(&Message::QueryRequest(query_request()));
    check(&Message::Error(ErrorMessage {
        err_msg: Some("attest yourself"),
        err_lang: Some("en"),
        challenge: Some(&[8; 64]),
        supported_freshness_mechanisms: Some(vec![0]),
        ..ErrorMessage::new(Some(&TOKEN), ErrCode::ATTESTATION_REQUIRED, None)
    }));
    check(&Message::QueryResponse(QueryResponse {
        token: Some(&TOKEN),
        selected_version: Some(0),
        attestation: Some(evidence),
        suit_reports: vec![b"report"],
        tc_list: Some(vec![SystemPropertyClaims::new(id, Some(Digest::of(b"x")))]),
        requested_tc_list: vec![RequestedTc {
            component_id: id,
            tc_manifest_sequence_number: Some(3),
            have_binary: Some(false),
        }],
        unneeded_manifest_list: vec![id],
        ext_list: Some(vec![1]),
    }));
    check(&Message::Update(Update {
        token: Some(&TOKEN),
        unneeded_manifest_list: vec![id],
        manifest_list: vec![b"envelope", b"another"],
        attestation: Some(result),
        err_code: Some(ErrCode::MANIFEST_PROCESSING_FAILED),
        err_msg: Some("later"),
        err_lang: Some("en"),
    }));
    let (msg, suit_reports) = (Some("done"), vec![&b"report"[..]]);
    check(&Message::Success(Success { token: Some(&TOKEN), msg, suit_reports }));
    check(&Message::Error(ErrorMessage {
        supported_teep_cipher_suites: suites,
        supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
        versions: Some(vec![0]),
        suit_reports: vec![b"report"],
        ..ErrorMessage::new(Some(&TOKEN), ErrCode::MANIFEST_PROCESSING_FAILED, Some("disk-full"))
    }));
}

#[test]
fn whole_conversation_in_each_dialect() {
    for dialect in Dialect::ALL {
        conversation(|message| {
            let bytes = message.encode_in(dialect).expect("encodes");
            assert_eq!(Message::inspect_in(dialect, &bytes).as_ref(), Ok(message), "{dialect}");
            assert_eq!(receive_in(dialect, &bytes).as_deref(), Ok(message.name()), "{dialect}");
        });
    }
}

#[test]
fn a_message_of_the_other_dialect_is_refused_and_the_reason_says_so() {
    for dialect in Dialect::ALL {
        conversation(|message| {
            // QueryRequests differ by their token or freshness list only; these have one.
            let bytes = message.encode_in(dialect.other()).expect("encodes");
            let error = receive_in(dialect, &bytes).expect_err(message.name());
            assert!(error.what.contains("give both sides one dialect"), "{error}");
        });
    }
}

#[test]
fn options_of_no_dialect_hide_nothing() {
    // REQ-TEEP-008, 016 in the old numbers: 24 is the first unassigned label; 0 and 5 may not be used.
    let success = |label| {
        encode(|w| {
            w.array(2).uint(5).map(1).uint(label).null();
        })
    };
    for label in [24, 1023, u64::MAX] {
        assert!(receive_in(Dialect::Pre26, &success(label)).is_ok(), "REQ-TEEP-008: {label}");
    }
    for label in (0..=23).filter(|label| ![11, 19, 20].contains(label)) {
        assert!(receive_in(Dialect::Pre26, &success(label)).is_err(), "REQ-TEEP-016: {label}");
    }
    for kind in [0, 4, 7, 24] {
        let bytes = encode(|w| {
            w.array(2).uint(kind).map(0);
        });
        assert!(receive_in(Dialect::Pre26, &bytes).is_err(), "REQ-TEEP-002: type {kind}");
    }
}

#[test]
fn error_codes_survive_both_ways() {
    for (dialect, wire, name) in [
        (Dialect::Final, 11, "ERR_MANIFEST_PROCESSING_FAILED (11)"),
        (Dialect::Pre26, 17, "ERR_MANIFEST_PROCESSING_FAILED (11)"),
        (Dialect::Final, 17, "unknown error code (17)"),
        (Dialect::Pre26, 200, "unknown error code (200)"),
    ] {
        let kind = if dialect == Dialect::Final { 5 } else { 6 };
        let bytes = encode(|w| {
            w.array(3).uint(kind).map(0).uint(wire);
        });
        let message = Message::inspect_in(dialect, &bytes).expect("REQ-TEEP-013");
        let Message::Error(error) = &message else { panic!("an Error") };
        assert_eq!(alloc::format!("{}", error.err_code), name, "{dialect}");
        assert_eq!(message.encode_in(dialect), Ok(bytes.clone()));
    }
    let old_eleven = Message::inspect_in(Dialect::Pre26, b"\x83\x06\xa0\x0b").expect("REQ-TEEP-013");
    let Message::Error(error) = &old_eleven else { panic!("an Error") };
    assert_ne!(error.err_code, ErrCode::MANIFEST_PROCESSING_FAILED, "11 was unassigned before -26");
    assert_eq!(old_eleven.encode_in(Dialect::Pre26).as_deref(), Ok(&b"\x83\x06\xa0\x0b"[..]));
}

/// A message of type `kind` with the one option `label`, its value by `value`.
fn one_option(kind: u64, label: u64, value: &[u8]) -> Vec<u8> {
    encode(|w| {
        w.array(2).uint(kind).map(1).uint(label).raw(value);
    })
}

#[test]
fn detection_is_the_table_of_structural_collisions() {
    use Dialect::{Final, Pre26};
    let token = b"\x48abcdefgh";
    let rows: &[(&str, Vec<u8>, Option<Dialect>)] = &[
        ("type 4", b"\x82\x04\xa0".to_vec(), Some(Final)),
        ("type 5, 2 items", b"\x82\x05\xa0".to_vec(), Some(Pre26)),
        ("type 5, 3 items", b"\x83\x05\xa0\x01".to_vec(), Some(Final)),
        ("type 6, 3 items", b"\x83\x06\xa0\x01".to_vec(), Some(Pre26)),
        ("19 bstr", one_option(3, 19, token), Some(Final)),
        ("19 array", one_option(2, 19, b"\x81\x41r"), Some(Pre26)),
        ("20 bstr", one_option(3, 20, token), Some(Pre26)),
        ("5 uint", one_option(2, 5, b"\x00"), Some(Final)),
        ("5 array", one_option(2, 5, b"\x81\x82\x12\x28"), None),
        ("6 bstr", one_option(2, 6, b"\x41e"), Some(Final)),
        ("6 uint", one_option(2, 6, b"\x00"), Some(Pre26)),
        ("7 bstr", one_option(2, 7, b"\x41e"), Some(Pre26)),
        ("8 array of uint", one_option(2, 8, b"\x81\x01"), Some(Final)),
        ("8 array of maps", one_option(2, 8, b"\x81\xa1\x00\x81\x41a"), Some(Pre26)),
        ("9 array of bstr", one_option(3, 9, b"\x81\x41e"), Some(Final)),
        ("9 array of uint", one_option(2, 9, b"\x81\x01"), Some(Pre26)),
        ("10 array", one_option(3, 10, b"\x81\x41e"), Some(Pre26)),
        ("10 tstr", one_option(4, 10, b"\x61m"), Some(Final)),
        ("13 array", one_option(2, 13, b"\x81\xa1\x0f\x81\x41a"), Some(Final)),
        ("14 array of arrays", one_option(3, 14, b"\x81\x81\x41a"), Some(Final)),
        ("14 array of maps", one_option(2, 14, b"\x81\xa1\x10\x81\x41a"), Some(Pre26)),
        ("21 tstr", one_option(3, 21, b"\x62en"), Some(Final)),
        ("22 uint", one_option(3, 22, b"\x01"), Some(Final)),
        ("22 tstr", one_option(3, 22, b"\x62en"), Some(Pre26)),
        ("11 in an Update is err-msg", one_option(3, 11, b"\x61m"), Some(Final)),
        ("12 in an Update is err-msg", one_option(3, 12, b"\x61m"), Some(Pre26)),
        ("an empty QueryResponse", b"\x82\x02\xa0".to_vec(), None),
        ("no message", b"\x82\x09\xa0".to_vec(), None),
        ("no CBOR", b"\xff".to_vec(), None),
    ];
    for (what, bytes, dialect) in rows {
        assert_eq!(Dialect::detect(bytes), *dialect, "{what}");
    }
    // The important exception: nothing in it tells the dialects apart.
    let challenge = QueryRequest {
        token: None,
        challenge: Some(&TOKEN),
        data_item_requested: data_item::ATTESTATION,
        ..query_request()
    };
    let challenge = Message::QueryRequest(challenge);
    assert_eq!(challenge.encode(), challenge.encode_in(Dialect::Pre26));
    assert_eq!(Dialect::detect(&challenge.encode().expect("encodes")), None);
}

/// The bytes of a vector file of plain or annotated hexadecimal.
fn vector(text: &str) -> Vec<u8> {
    let digits = text.lines().filter_map(|line| line.split('#').next());
    let digits: String = digits.flat_map(str::chars).filter(char::is_ascii_hexdigit).collect();
    hex::decode(digits).expect("hexadecimal")
}

macro_rules! vectors {
    ($directory:literal) => {
        ["query-request", "query-response", "update", "success", "error"].map(String::from).into_iter().zip([
            vector(include_str!(concat!("../../../vectors/", $directory, "/query-request.hex"))),
            vector(include_str!(concat!("../../../vectors/", $directory, "/query-response.hex"))),
            vector(include_str!(concat!("../../../vectors/", $directory, "/update.hex"))),
            vector(include_str!(concat!("../../../vectors/", $directory, "/success.hex"))),
            vector(include_str!(concat!("../../../vectors/", $directory, "/error.hex"))),
        ])
    };
}

#[test]
fn published_examples_of_both_dialects() {
    let names = ["QueryRequest", "QueryResponse", "Update", "Success", "Error"];
    let sizes = [64, 85, 360, 21, 33];
    let old: Vec<_> = vectors!("teep-protocol-a9d2fad").collect();
    let new: Vec<_> = vectors!("teep-protocol-15c643e").collect();
    for (dialect, files) in [(Dialect::Pre26, &old), (Dialect::Final, &new)] {
        for ((file, bytes), (name, size)) in files.iter().zip(names.into_iter().zip(sizes)) {
            assert_eq!(bytes.len(), size, "{file}");
            let message = Message::inspect_in(dialect, bytes).expect(file);
            assert_eq!(message.name(), name);
            let again = raw(dialect, &message);
            assert_eq!(Message::inspect_in(dialect, &again).as_ref(), Ok(&message), "{file}");
            assert_eq!(Dialect::detect(bytes), Some(dialect), "{file}");
            match receive_in(dialect, bytes) {
                // AMB-02: it asks for attestation and has a token all the same.
                Err(error) if name == "QueryRequest" => {
                    assert!(error.what.contains("REQ-TEEP-041"), "{error}");
                }
                received => assert_eq!(received.as_deref(), Ok(name), "{file}"),
            }
        }
    }
    // The same messages: only the numbers differ.
    for ((file, old), (_, new)) in old.iter().zip(&new) {
        let translated = Message::inspect_in(Dialect::Pre26, old).map(|m| raw(Dialect::Final, &m));
        let new = Message::inspect(new).map(|m| raw(Dialect::Final, &m));
        assert_eq!(translated, new, "{file}");
    }
}
