// SPDX-License-Identifier: Apache-2.0
//! Offers and choices, attestation formats, diagnostic texts.

use super::labels::freshness;
use super::*;
use alloc::format;

const AGENT: Supported<'_> = Supported {
    versions: &[0, 2],
    algorithms: &[Algorithm::Ed25519, Algorithm::Esp256],
    freshness_mechanisms: &[freshness::TIMESTAMP, freshness::NONCE],
    suit_cose_profiles: &[SuitCoseProfile::ESP256_ECDH_A128GCM, SuitCoseProfile::ESP256_ECDH_A128CTR],
};

fn attested<'b>() -> QueryRequest<'b> {
    let item = data_item::ATTESTATION;
    QueryRequest { token: None, challenge: Some(&TOKEN), data_item_requested: item, ..query_request() }
}

/// REQ-TEEP-020, REQ-TEEP-021, REQ-TEEP-028, REQ-TEEP-029.
#[test]
fn suites_and_profiles_have_the_published_bytes() {
    for (algorithm, bytes) in
        [(Algorithm::Esp256, b"\x81\x82\x12\x28"), (Algorithm::Ed25519, b"\x81\x82\x12\x32")]
    {
        assert_eq!(encode(|w| CipherSuite::sign1(algorithm).write(w)), bytes, "REQ-TEEP-020");
    }
    let profiles: [&[u8]; 4] = [
        b"\x84\x2f\x28\x38\x1c\x39\xff\xfd",
        b"\x84\x2f\x32\x38\x1c\x39\xff\xfd",
        b"\x84\x2f\x28\x38\x1c\x01",
        b"\x84\x2f\x32\x38\x1c\x18\x18",
    ];
    for (profile, bytes) in SuitCoseProfile::TEEP.iter().zip(profiles) {
        assert_eq!(encode(|w| profile.write(w)), bytes, "REQ-TEEP-028");
    }
}

/// REQ-TEEP-023, REQ-TEEP-025: whichever key signs, also an Error 5, the message is a COSE_Sign1 of one of the two suites
/// that are mandatory for a TAM.
#[test]
fn each_suite_is_a_sign1_of_its_algorithm() {
    let keys =
        [SigningKey::p256_from_scalar(&[1; 32]).expect("a scalar"), SigningKey::ed25519_from_seed(&[2; 32])];
    let error = ErrorMessage {
        supported_teep_cipher_suites: vec![CipherSuite::sign1(Algorithm::Esp256)],
        ..ErrorMessage::new(Some(&TOKEN), ErrCode::UNSUPPORTED_CIPHER_SUITES, None)
    };
    let error = Message::Error(error).encode().expect("encodes");
    for (key, algorithm, suite) in [
        (&keys[0], Algorithm::Esp256, b"\x81\x82\x12\x28"),
        (&keys[1], Algorithm::Ed25519, b"\x81\x82\x12\x32"),
    ] {
        let message = sign1(key, &error).expect("signs");
        assert_eq!(message[..2], [0xd2, 0x84], "REQ-TEEP-023: tag 18");
        let signers = Signatures::decode(&message).expect("decodes");
        let claimed: Vec<_> = signers.claimed_signers().map(|(algorithm, _)| algorithm).collect();
        assert_eq!(claimed, [Some(algorithm)], "REQ-TEEP-023, REQ-TEEP-025");
        assert_eq!(encode(|w| CipherSuite::sign1(algorithm).write(w)), suite, "REQ-TEEP-025");
        assert!(signers.verify(&[key.public_key()]).is_ok());
    }
}

/// REQ-TEEP-027, REQ-TEEP-030: suites of other algorithms are read and told again, and passed over; one that does not
/// sign is never chosen.
#[test]
fn suites_of_other_algorithms_are_passed_over() {
    let suite = |operations: &[(i64, i64)]| {
        let bytes = encode(|w| {
            w.array(operations.len());
            for (structure, algorithm) in operations {
                w.array(2).int(*structure).int(*algorithm);
            }
        });
        let suite =
            CipherSuite::read(&mut crate::cbor::Reader::open(&bytes).expect("CBOR")).expect("a suite");
        assert_eq!(encode(|w| suite.write(w)), bytes, "REQ-TEEP-027");
        suite
    };
    let others = [suite(&[(18, -48)]), suite(&[(16, 1)]), suite(&[(16, 1), (18, -48)]), suite(&[(96, 24)])];
    let request =
        |suites: Vec<CipherSuite>| QueryRequest { supported_teep_cipher_suites: suites, ..query_request() };
    let error = *AGENT
        .negotiate(&request(others.to_vec()))
        .expect_err("REQ-TEEP-030: none of them signs as it should");
    assert_eq!(error.err_code, ErrCode::UNSUPPORTED_CIPHER_SUITES);
    let mut offered = others.to_vec();
    offered.push(CipherSuite::sign1(Algorithm::Ed25519));
    let chosen = AGENT.negotiate(&request(offered)).expect("REQ-TEEP-027").algorithm;
    assert_eq!(chosen, Algorithm::Ed25519);
}

/// REQ-TEEP-150: what a log may show of a message and of keys.
#[test]
fn debug_forms_keep_evidence_and_keys_to_themselves() {
    let attestation = Some(AttestationPayload { format: None, payload: &[0xe7; 40] });
    let response = Message::QueryResponse(QueryResponse { attestation, ..QueryResponse::default() });
    let shown = alloc::format!("{response:?}");
    assert!(shown.contains("40 bytes") && !shown.contains("231"), "REQ-TEEP-150: {shown}");
    for key in
        [SigningKey::ed25519_from_seed(&[0xe7; 32]), SigningKey::p256_from_scalar(&[0xe7; 32]).expect("one")]
    {
        let shown = alloc::format!("{key:?}");
        assert!(!shown.contains("e7e7") && !shown.contains("231"), "REQ-TEEP-150: {shown}");
    }
}

#[test]
fn media_type_without_parameters() {
    assert_eq!(MEDIA_TYPE, "application/teep+cbor", "REQ-TEEP-161");
}

#[test]
fn the_best_common_choice() {
    let expected = Negotiated {
        version: 0,
        algorithm: Algorithm::Esp256,
        freshness: None,
        suit_cose_profile: Some(SuitCoseProfile::ESP256_ECDH_A128GCM),
    };
    assert_eq!(AGENT.negotiate(&query_request()), Ok(expected), "REQ-TEEP-026: the TAM's order decides");
    let version = |versions| AGENT.version(&QueryRequest { versions, ..query_request() });
    assert_eq!(version(Some(vec![0, 1, 2, 3])), Ok(2));
    assert_eq!(version(None), Ok(0), "REQ-TEEP-044: an absent list is version 0");
    let fresh = |list| AGENT.freshness(&QueryRequest { supported_freshness_mechanisms: list, ..attested() });
    assert_eq!(
        fresh(None),
        Ok(Some(freshness::NONCE)),
        "REQ-TEEP-044, REQ-TEEP-130: an absent list is the nonce"
    );
    assert_eq!(fresh(Some(vec![0, 1])), Ok(Some(freshness::TIMESTAMP)));
    let unknown =
        QueryRequest { supported_suit_cose_profiles: vec![SuitCoseProfile([0; 4])], ..query_request() };
    assert_eq!(AGENT.suit_cose_profile(&unknown), None);
}

#[test]
fn each_failed_negotiation_is_the_error_to_send_with_its_list() {
    let sent = |error: ErrorMessage<'_>| {
        let bytes = Message::Error(error).encode().expect("encodes");
        assert_eq!(receive(&bytes).as_deref(), Ok("Error"), "REQ-TEEP-090");
    };
    let request = QueryRequest { versions: Some(vec![1, 3]), ..query_request() };
    let error = *AGENT.negotiate(&request).expect_err("no common version");
    assert_eq!((error.err_code, error.token), (ErrCode::UNSUPPORTED_MSG_VERSION, Some(&TOKEN[..])));
    assert_eq!(error.versions, Some(vec![0, 2]), "REQ-TEEP-090");
    sent(error);

    let only_esp256 = Supported { algorithms: &[Algorithm::Esp256], ..AGENT };
    let ed25519 = vec![CipherSuite::sign1(Algorithm::Ed25519)];
    let request = QueryRequest { supported_teep_cipher_suites: ed25519, ..query_request() };
    let error = *only_esp256.negotiate(&request).expect_err("no common suite");
    assert_eq!((error.err_code, error.token), (ErrCode::UNSUPPORTED_CIPHER_SUITES, Some(&TOKEN[..])));
    assert_eq!(error.supported_teep_cipher_suites, [CipherSuite::sign1(Algorithm::Esp256)], "REQ-TEEP-090");
    sent(error);

    let request = QueryRequest { supported_freshness_mechanisms: Some(vec![7]), ..attested() };
    let error = *AGENT.negotiate(&request).expect_err("no common freshness mechanism");
    assert_eq!((error.err_code, error.token), (ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS, None));
    assert_eq!(error.supported_freshness_mechanisms, Some(vec![1, 0]), "REQ-TEEP-090");
    sent(error);

    let error = *AGENT.unsupported_suit_report(&query_request());
    assert_eq!(error.err_code, ErrCode::UNSUPPORTED_SUIT_REPORT, "REQ-TEEP-092");
    assert_eq!(error.supported_suit_cose_profiles.len(), 2, "REQ-TEEP-090");
    sent(error);

    let request = attested();
    let error = *AGENT.attestation_required(&request, Some(&[5; 32]));
    assert_eq!(
        (error.err_code, error.challenge),
        (ErrCode::ATTESTATION_REQUIRED, Some(&[5; 32][..])),
        "REQ-TEEP-091"
    );
    sent(error);
}

#[test]
fn error_without_the_list_of_its_code_is_refused() {
    for (code, needs_list) in
        [(3, true), (4, true), (5, true), (8, true), (1, false), (7, false), (11, false)]
    {
        let bytes = encode(|w| {
            w.array(3).uint(5).map(0).uint(code);
        });
        assert_eq!(receive(&bytes).is_err(), needs_list, "REQ-TEEP-090: code {code}");
    }
}

#[test]
fn unverified_message_is_answered_with_5_only_for_a_request_of_unknown_suites() {
    let only_esp256 = Supported { algorithms: &[Algorithm::Esp256], ..AGENT };
    let answer = |payload: Option<&[u8]>, dialect| {
        let error = only_esp256.unverified(dialect, payload);
        (error.err_code.number(), error.token.map(<[u8]>::to_vec))
    };
    let foreign = CipherSuite::sign1(Algorithm::Ed25519);
    let foreign = QueryRequest { supported_teep_cipher_suites: vec![foreign], ..query_request() };
    let foreign = Message::QueryRequest(foreign);
    for dialect in Dialect::ALL {
        let bytes = foreign.encode_in(dialect).expect("encodes");
        assert_eq!(answer(Some(&bytes), dialect), (5, Some(TOKEN.to_vec())), "AMB-07, REQ-TEEP-126");
    }
    let known = Message::QueryRequest(query_request()).encode().expect("encodes");
    assert_eq!(answer(Some(&known), Dialect::Final), (6, None), "REQ-TEEP-126: no token");
    let update =
        Message::Update(Update { token: Some(&TOKEN), ..Update::default() }).encode().expect("encodes");
    assert_eq!(answer(Some(&update), Dialect::Final), (6, None), "REQ-TEEP-126: no token");
    assert_eq!(answer(Some(b"\xff"), Dialect::Final), (6, None));
    assert_eq!(answer(None, Dialect::Final), (6, None));
}

/// REQ-TEEP-104: what a TAM drops.
#[test]
fn response_answers_its_request_or_not() {
    let all = QueryRequest {
        data_item_requested: data_item::TRUSTED_COMPONENTS | data_item::EXTENSIONS,
        versions: Some(vec![0, 1]),
        ..query_request()
    };
    let response = || QueryResponse {
        token: Some(&TOKEN),
        tc_list: Some(vec![]),
        ext_list: Some(vec![]),
        ..QueryResponse::default()
    };
    assert_eq!(response().answers(&all), Ok(()));
    assert_eq!(QueryResponse { selected_version: Some(1), ..response() }.answers(&all), Ok(()));
    let attestation = Some(AttestationPayload { format: None, payload: b"eat" });
    let untokened = QueryResponse { token: None, attestation, ..response() };
    assert_eq!(untokened.answers(&attested()), Ok(()));
    for (response, request, id) in [
        (QueryResponse { token: Some(&[0; 16]), ..response() }, &all, "REQ-TEEP-060"),
        (untokened, &all, "REQ-TEEP-060"),
        (response(), &attested(), "REQ-TEEP-060"),
        (QueryResponse { token: None, ..response() }, &attested(), "REQ-TEEP-061"),
        (QueryResponse { tc_list: None, ..response() }, &all, "REQ-TEEP-064"),
        (QueryResponse { ext_list: None, ..response() }, &all, "REQ-TEEP-065"),
        (QueryResponse { selected_version: Some(2), ..response() }, &all, "REQ-TEEP-068"),
    ] {
        let error = response.answers(request).expect_err(id);
        assert!(error.what.contains(id), "{error}");
    }
}

/// REQ-TEEP-045, REQ-TEEP-063: so a format has to stand with everything else.
#[test]
fn attestation_kind_follows_from_the_format() {
    const PROFILE: &str = "urn:ietf:rfc:rfcXXXX";
    let kind = |format| AttestationPayload { format, payload: b"" }.kind(PROFILE);
    assert_eq!(kind(None), AttestationKind::AttestationResult, "REQ-TEEP-075");
    let own = eat_media_type(PROFILE);
    assert_eq!(own, "application/eat+cwt; eat_profile=\"urn:ietf:rfc:rfcXXXX\"");
    for result in [
        own.as_str(),
        "application/eat+cwt; eat_profile=urn:ietf:rfc:rfcXXXX",
        "application/eat+cwt;eat_profile=\"urn:ietf:rfc:rfcXXXX\"",
        "Application/EAT+CWT ; EAT_Profile=\"urn:ietf:rfc:rfcXXXX\"",
    ] {
        assert_eq!(kind(Some(result)), AttestationKind::AttestationResult, "REQ-TEEP-105: {result}");
    }
    for evidence in [
        "application/eat+cwt",
        "application/eat+cwt; eat_profile=\"urn:ietf:rfc:rfc9999\"",
        "application/eat+cwt; eat_profile=\"urn:ietf:rfc:rfcxxxx\"",
        "application/eat+cwt; eat_profile=\"urn:ietf:rfc:rfcXXXX\"; x=y",
        "application/eat+cwt; eat_profile=\"urn:ietf:rfc:rfcXXXX",
        "application/eat+jwt; eat_profile=\"urn:ietf:rfc:rfcXXXX\"",
        "application/vnd.example",
        ";",
        "=",
    ] {
        assert_eq!(kind(Some(evidence)), AttestationKind::Evidence, "REQ-TEEP-105: {evidence}");
    }
}

#[test]
fn format_without_payload_is_refused() {
    for kind in [2, 3] {
        let bytes = with_option(kind, 12, |w| {
            w.text("application/eat+cwt");
        });
        assert!(receive(&bytes).is_err(), "a format has to be one of something: type {kind}");
    }
}

#[test]
fn msg_and_err_msg_are_net_unicode() {
    let success = |text: &str| {
        with_option(4, 10, |w| {
            w.text(text);
        })
    };
    let error = |text: &str| {
        with_option(5, 11, |w| {
            w.text(text);
        })
    };
    for text in ["no space left", "zu groß", "two\r\nlines", "空きがありません"] {
        assert!(receive(&success(text)).is_ok() && receive(&error(text)).is_ok(), "REQ-TEEP-014: {text:?}");
    }
    for text in ["\n", "a\rb", "a\nb", "\r\r\n", "bell\u{7}", "\u{1b}[31m", "\u{85}", "\u{9b}", "\u{7f}"] {
        assert!(receive(&success(text)).is_err() && receive(&error(text)).is_err(), "REQ-TEEP-014: {text:?}");
    }
    for text in ["\u{feff}bom", "a\u{2028}b", "a\u{2029}b"] {
        assert!(receive(&success(text)).is_err(), "REQ-TEEP-014: {text:?}");
    }
    // Not UTF-8.
    assert!(receive(b"\x82\x04\xa1\x0a\x61\xff").is_err(), "REQ-TEEP-014");
}

#[test]
fn texts_are_sent_in_normalisation_form_c() {
    let (composed, decomposed) = ("\u{e9}", "e\u{301}");
    for (text, fits) in [(composed, true), (decomposed, false), ("plain", true)] {
        let (token, code) = (Some(&TOKEN[..]), Some(ErrCode::TEMPORARY_ERROR));
        for message in [
            Message::Success(Success { token, msg: Some(text), suit_reports: vec![] }),
            Message::Update(Update { token, err_code: code, err_msg: Some(text), ..Update::default() }),
            Message::Error(ErrorMessage::new(token, ErrCode::TEMPORARY_ERROR, Some(text))),
        ] {
            assert_eq!(message.encode().is_ok(), fits, "REQ-TEEP-014: {text:?}");
            // To normalise is a should of the sender (RFC 5198 section 2): a receiver takes it all the same.
            assert!(receive(&raw(Dialect::Final, &message)).is_ok(), "REQ-TEEP-014: {text:?}");
        }
    }
}

#[test]
fn err_lang_is_a_language_tag() {
    for kind in [3, 5] {
        let with = |tag: &str| {
            receive(&with_option(kind, 21, |w| {
                w.text(tag);
            }))
        };
        let longest = "a".repeat(8) + &"-abcdefgh".repeat(3);
        assert_eq!(longest.len(), MAX_ERR_LANG);
        for tag in ["en", "de-CH-1996", "x-private", &longest] {
            assert!(with(tag).is_ok(), "REQ-TEEP-015: {tag}");
        }
        for tag in ["", "english language", "en_US", "en-", "d\u{e9}", &(longest.clone() + "x")] {
            assert_eq!(with(tag).expect_err(tag).kind, crate::Kind::Malformed, "REQ-TEEP-009: {tag}");
        }
    }
}

#[test]
fn diagnostic_text_always_fits() {
    assert_eq!(diagnostic_text(""), None);
    for text in ["fine", "two\nlines", "\u{1b}[2J", &"ü".repeat(65), &"x".repeat(129), &"€".repeat(43)] {
        let fit = diagnostic_text(text).expect("not empty");
        assert!((1..=MAX_MSG).contains(&fit.len()), "REQ-TEEP-009: {text:?}");
        let success = Success { msg: Some(&fit), ..Success::default() };
        assert!(
            receive(&Message::Success(success).encode().expect("encodes")).is_ok(),
            "REQ-TEEP-014: {text:?}"
        );
    }
    assert_eq!(diagnostic_text("e\u{301}!").as_deref(), Some("e\u{fffd}!"), "REQ-TEEP-014: NFC");
    assert_eq!(
        diagnostic_text("\u{212b}").as_deref(),
        Some("\u{fffd}"),
        "REQ-TEEP-014: the unit, not the letter"
    );
    for text in ["\u{e9}", "q\u{307}\u{323}", "\u{915}\u{94d}\u{937}", "\u{1112}\u{1161}\u{11ab}", "한"] {
        let msg = diagnostic_text(text).expect("not empty");
        let success = Success { msg: Some(&msg), ..Success::default() };
        assert!(Message::Success(success).encode().is_ok(), "REQ-TEEP-014: {text:?}");
    }
    let marks = "\u{915}\u{94d}\u{937}";
    assert_eq!(diagnostic_text(marks).as_deref(), Some(marks), "normalised marks stay");
    assert_eq!(diagnostic_text("two\nlines").as_deref(), Some("two lines"));
    assert_eq!(diagnostic_text(&"€".repeat(43)).map(|fit| fit.len()), Some(126), "cut at a character");
}

#[test]
fn diagnostic_text_of_128_bytes_and_one_more() {
    let longest = format!("{} the end", "x".repeat(MAX_MSG - 8));
    assert_eq!(longest.len(), MAX_MSG);
    assert_eq!(diagnostic_text(&longest).as_deref(), Some(longest.as_str()));
    let cut = format!("{} the\u{2026}", "x".repeat(MAX_MSG - 8));
    assert_eq!(diagnostic_text(&(longest + "s")), Some(cut), "after a whole word");
    let one_word = diagnostic_text(&format!("a {}", "x".repeat(200))).expect("not empty");
    assert_eq!(one_word, format!("a {}\u{2026}", "x".repeat(MAX_MSG - 5)));
}
