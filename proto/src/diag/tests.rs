// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::cbor::encode;
use crate::cose::{SigningKey, sign, sign1};
use crate::teep::{ErrCode, ErrorMessage, Message, Success, Update};
use alloc::vec;
use alloc::vec::Vec;

fn vector(text: &str) -> Vec<u8> {
    let digits = text.lines().filter_map(|line| line.split('#').next());
    let digits: String = digits.flat_map(str::chars).filter(char::is_ascii_hexdigit).collect();
    hex::decode(digits).expect("hexadecimal")
}

fn key() -> SigningKey {
    SigningKey::p256_from_scalar(&[2; 32]).expect("a scalar")
}

fn personalization() -> Vec<u8> {
    vector(include_str!("../../vectors/teep-protocol-a9d2fad/suit-personalization.hex"))
}

#[track_caller]
fn shows(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn published_messages_of_both_dialects_read_the_same() {
    let old = message(&vector(include_str!("../../vectors/teep-protocol-a9d2fad/query-request.hex")));
    let new = message(&vector(include_str!("../../vectors/teep-protocol-15c643e/query-request.hex")));
    assert!(old.starts_with("/ numbers of the drafts before -26 /\n"), "{old}");
    let parts = [
        "/ type / 1 / QueryRequest /",
        "/ COSE_Sign1 /",
        "/ ESP256 /",
        "/ attestation, trusted-components /",
    ];
    shows(&old, &["/ token / 20: h'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf'", "/ versions / 3: [0]"]);
    shows(&new, &["/ token / 19: h'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf'", "/ versions / 3: [0]"]);
    for text in [&old, &new] {
        shows(text, &[parts[0], "-9 / ESP256 /", "-19 / Ed25519 /", parts[3]]);
    }
    let response = message(&vector(include_str!("../../vectors/teep-protocol-15c643e/query-response.hex")));
    shows(
        &response,
        &["/ tc-list / 7", "/ component-id / 0: [h'0102030405060708090a0b0c0d0e0f']", "/ SHA-256 /"],
    );
    let error = message(&vector(include_str!("../../vectors/teep-protocol-a9d2fad/error.hex")));
    shows(
        &error,
        &["/ type / 6 / Error /", "/ err-code / 17 / ERR_MANIFEST_PROCESSING_FAILED /", "\"disk-full\""],
    );
}

#[test]
fn signed_message_with_an_envelope_is_opened_to_the_commands() {
    let envelope = personalization();
    let update = Update { token: Some(&[1; 16]), manifest_list: vec![&envelope], ..Update::default() };
    let update = Message::Update(update).encode().expect("encodes");
    for signed in [sign1(&key(), &update), sign(&[key(), SigningKey::ed25519_from_seed(&[3; 32])], &update)] {
        let text = message(&signed.expect("signs"));
        shows(
            &text,
            &["/ alg / 1: -9 / ESP256 /", "/ kid / 4: h'", "/ type / 3 / Update /", "/ manifest-list / 9"],
        );
        shows(
            &text,
            &["/ manifest-sequence-number / 2: 3", "/ override-parameters / 20", "/ process-dependency / 11"],
        );
        shows(
            &text,
            &["/ encryption-info / 19: << / COSE_Encrypt / 96(", "-29 / ECDH-ES+A128KW /", "/ A128CTR /"],
        );
        shows(
            &text,
            &[
                "'TEEP-Device'",
                "/ uri / 21: \"https://",
                "/ image-digest / 3: << [/ algorithm / -16 / SHA-256 /",
            ],
        );
        assert!(text.lines().count() > 40, "{text}");
    }
}

#[test]
fn report_in_each_form() {
    // A failed one, as the Agent makes it.
    let bytes = encode(|w| {
        w.map(4).uint(2).bytes(&[7; 16]).uint(3).array(1).map(2).int(0).array(1).bytes(b"a").int(14).uint(20);
        w.uint(4)
            .map(3)
            .uint(5)
            .int(-1)
            .uint(6)
            .array(5)
            .array(0)
            .uint(20)
            .uint(9)
            .uint(0)
            .map(0)
            .uint(7)
            .uint(10);
        w.uint(99).array(2).text("https://example.com/a.suit").array(2).int(-16).bytes(&[9; 32]);
    });
    let parts = [
        "/ result-reason / 7: 10 / a condition failed /",
        "/ section / 20 / install /",
        "/ image-size / 14: 20",
        "/ reference / 99: [",
        "/ uri / \"https://example.com/a.suit\"",
        "h'0909090909090909…' / 32 bytes /",
    ];
    shows(&report(&bytes), &parts);
    let signed = sign1(&key(), &bytes).expect("signs");
    shows(&report(&signed), &parts);
    let success = Message::Success(Success { suit_reports: vec![&bytes, &signed], ..Success::default() });
    shows(&message(&success.encode().expect("encodes")), &parts);
    let encrypted = encode(|w| {
        w.array(3).bytes(b"\xa1\x01\x01").map(1).uint(5).bytes(&[0; 12]).bytes(&[0xee; 40]);
    });
    shows(
        &report(&encrypted),
        &["/ COSE_Encrypt0 /", "1 / A128GCM /", "/ ciphertext / h'eeeeeeeeeeeeeeee…' / 40 bytes /"],
    );
    let mac = encode(|w| {
        w.tag(17).array(4).bytes(b"\xa1\x01\x05").map(0).bytes(&bytes).bytes(&[0xaa; 32]);
    });
    shows(&report(&mac), &["/ COSE_Mac0 / 17(", "5 / HMAC 256/256 /", parts[0]]);
}

#[test]
fn token_of_an_agent() {
    let claims = encode(|w| {
        w.map(3).uint(8).map(1).uint(3).bytes(&[4; 32]).uint(10).bytes(&[5; 8]);
        w.uint(272).array(1).array(2).uint(60).bytes(&encode(|w| {
            w.array(2).text("coap://x/m").array(2).int(-16).bytes(&[6; 32]);
        }));
    });
    let parts =
        ["/ cnf / 8: {/ kid / 3: h'", "/ eat_nonce / 10: h'0505050505050505'", "/ uri / \"coap://x/m\""];
    shows(&eat(&claims), &parts);
    shows(&eat(&sign1(&key(), &claims).expect("signs")), &parts);
}

#[test]
fn encrypted_structures_are_opened_with_their_recipients() {
    let tagged = vector(include_str!(
        "../../vectors/suit-firmware-encryption-2947c35/suit-encryption-info-es-ecdh-aes-ctr.hex"
    ));
    for bytes in [&tagged[..], &tagged[2..]] {
        let parts = [
            "/ COSE_Encrypt /",
            "/ unprotected / {/ alg / 1: -65534 / A128CTR /, / IV / 5:",
            "/ ciphertext / null",
            "/ recipients / [",
            "/ protected / << {/ alg / 1: -29 / ECDH-ES+A128KW /} >>",
            "/ ephemeral key / -1: {",
            "/ crv / -1: 1,",
            "/ x / -2: h'",
            "/ encrypted key / h'",
        ];
        shows(&any(bytes), &parts);
    }
}

#[test]
fn integrated_dependency_is_opened_and_a_payload_is_not() {
    let set = envelope(&vector(include_str!("../../vectors/own/suit-dependency-set.hex")));
    shows(&set, &["\"#dependency\": << 107({", "/ dependencies / 1", "\"#payload\": h'7061796c6f6164'"]);
    assert_eq!(set.matches("/ authentication-wrapper / 2: <<").count(), 2, "{set}");
    assert_eq!(set.matches("/ image-digest / 3: << [").count(), 2, "{set}");
}

#[test]
fn text_about_components_is_named() {
    use crate::suit::labels::{component_text, manifest, text};
    use crate::suit::{
        ComponentId, Language, ManifestBuilder, Parameter, SequenceBuilder, Text, encode_envelope,
    };
    let id = ComponentId::encode(&["c"]);
    let about = Language {
        tag: "en",
        manifest: vec![(text::MANIFEST_DESCRIPTION, "what it is")],
        components: vec![(
            ComponentId::decode(&id).expect("an id"),
            vec![(component_text::VENDOR_NAME, "who made it")],
        )],
    };
    // REQ-SUIT-091: shown as text, and nothing in it reaches the terminal as more than that.
    let hostile = Language {
        manifest: vec![(text::MANIFEST_DESCRIPTION, "\u{1b}[2J\r\n\"\u{202e}txt")],
        ..about.clone()
    };
    let hostile = item(&Text { languages: vec![hostile] }.encode());
    assert!(hostile.contains(r#"\u{1b}[2J\r\n\"\u{202e}txt"#), "REQ-SUIT-091: {hostile}");
    assert!(
        hostile.chars().all(|c| c == '\n' || !c.is_control()) && !hostile.contains('\u{202e}'),
        "REQ-SUIT-091"
    );
    let version = [Parameter::Version(b"\x82\x01\x81\x02"), Parameter::ComponentMetadata(b"\xa1\x01\x02")];
    let manifest = ManifestBuilder {
        components: vec![id.clone()],
        shared: SequenceBuilder::new().override_parameters(&version).build(),
        sections: vec![(manifest::TEXT, Text { languages: vec![about] }.encode())],
        ..ManifestBuilder::default()
    };
    let shown = envelope(&encode_envelope(&manifest.build(), &[key()], &[]).expect("signs"));
    let parts = ["\"en\": {", "\"what it is\"", "['c']: {/ vendor-name / 1: \"who made it\"}"];
    shows(&shown, &parts);
    shows(&shown, &["/ version / 28: << [1, [2]] >>", "30: << {1: 2} >>"]);
}

#[test]
fn kinds_are_told_apart() {
    let error =
        Message::Error(ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, None)).encode().expect("encodes");
    shows(&any(&error), &["/ Error /"]);
    shows(&any(&sign1(&key(), &error).expect("signs")), &["/ COSE_Sign1 / 18(", "/ Error /"]);
    shows(&any(&personalization()), &["/ authentication-wrapper / 2"]);
    let report = encode(|w| {
        w.map(1).uint(99).array(2).text("u").array(2).int(-16).bytes(&[9; 32]);
    });
    shows(&any(&report), &["/ reference / 99"]);
    shows(&any(&sign1(&key(), b"\xa1\x0a\x48nnnnnnnn").expect("signs")), &["/ eat_nonce / 10"]);
    assert_eq!(any(b"\x82\xf6\xf4"), "[null, false]");
}

#[test]
fn what_has_not_the_form_is_shown_as_it_is() {
    assert_eq!(item(b"\x18\x01"), "h'1801' / no strict CBOR: malformed: the shortest encoding (at byte 0) /");
    assert_eq!(item(b""), "h'' / no strict CBOR: malformed: more bytes: the item is cut short (at byte 0) /");
    assert_eq!(message(b"\x83\x18\x63\x01\x02"), "[/ type / 99, / options / 1, 2]");
    assert_eq!(envelope(b"\xa1\x03\x42\xff\xff"), "{/ manifest / 3: h'ffff'}");
    assert_eq!(
        envelope(b"\x81\xc1\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00"),
        "[1(/ CBOR / h'fb3ff0000000000000')]"
    );
    assert_eq!(
        item(b"\x82\x1b\xff\xff\xff\xff\xff\xff\xff\xff\xf7"),
        "[18446744073709551615, / CBOR / h'f7']"
    );
    assert_eq!(item(b"\x66a\x1b[1m\""), "\"a\\u{1b}[1m\\\"\"", "no control characters");
}

#[test]
fn long_and_deep_things_are_cut() {
    let text = item(&encode(|w| {
        w.text(&"x".repeat(600));
    }));
    assert!(text.len() < 560 && text.ends_with("\"… / 600 bytes /"), "{text}");
    // Command sequences in command sequences, far deeper than anything may be.
    let mut nested = encode(|w| {
        w.array(0);
    });
    for _ in 0..2000 {
        nested = encode(|w| {
            w.array(2).uint(32).bytes(&nested);
        });
    }
    let bytes = encode(|w| {
        w.map(1).uint(7).bytes(&nested);
    });
    shows(&envelope(&bytes), &["/ run-sequence / 32, <<", "/ not shown: "]);
}

#[test]
fn no_bytes_at_all_make_it_panic() {
    let mut files = vec![
        personalization(),
        vector(include_str!("../../vectors/teep-protocol-15c643e/query-response.hex")),
        vector(include_str!("../../vectors/teep-protocol-a9d2fad/update.hex")),
    ];
    let update = Update { manifest_list: vec![&files[0]], ..Update::default() };
    files.push(sign1(&key(), &Message::Update(update).encode().expect("encodes")).expect("signs"));
    for bytes in &files {
        for at in (0..bytes.len()).step_by(3) {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << (at % 8);
            for show in [message, envelope, report, eat, item, any] {
                assert!(!show(&bent).is_empty());
            }
            assert!(!any(&bytes[..at]).is_empty());
        }
    }
}

#[test]
fn a_list_that_begins_with_a_number_need_not_be_a_message() {
    let bytes = encode(|w| {
        w.array(3).uint(1).uint(2).array(0);
    });
    assert_eq!(any(&bytes), item(&bytes));
    let bytes = encode(|w| {
        w.array(2).uint(1).map(0);
    });
    assert_eq!(any(&bytes), message(&bytes));
}
