// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::{Algorithm, Component, Description, create, keys};
use teep_agent::config::{SignerAnchor, TamAnchor, TrustStore};
use teep_proto::cose::SymmetricKey;
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    Authenticator, ComponentId, DigestAlgorithm, EnvelopeBuilder, Language, ManifestBuilder, SequenceBuilder,
    Text, Value, encode_envelope, text,
};

#[test]
fn text_and_json_tell_the_same() {
    let key = keys::generate(Algorithm::Ed25519).unwrap();
    let description = Description::new([1; 16], 42, [2; 16], [3; 16], b"image".to_vec());
    let envelope = create(&description, std::slice::from_ref(&key)).unwrap();
    let summary = Summary::verified(&envelope, &Trusted::from(&[key.public_key()][..])).unwrap();
    let kid = key.public_key().thumbprint().to_string();
    let text = summary.to_string();
    for words in [
        &*format!("checked with      Ed25519 key {kid}\nsigned by         Ed25519 key {kid}\n"),
        "sequence number   42",
        "component 0       TEEP-Device/SecureFS/uuid:01010101-0101-0101-0101-010101010101/ta",
        "payload #tc       5 bytes",
        "  override-parameters\n    class-identifier   03030303-0303-0303-0303-030303030303",
        "  fetch (reporting policy 15)",
        "\nuninstall\n  unlink (reporting policy 15)",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["authenticated_by"]["kid"], kid);
    assert_eq!(json["sequence_number"], 42);
    assert_eq!(json["sequences"][2]["commands"][1]["command"], "fetch");
    assert_eq!(json["sequences"][2]["commands"][1]["policy"], 15);
}

#[test]
fn without_key_the_reader_is_warned_first() {
    let key = keys::generate(Algorithm::Esp256).unwrap();
    let description = Description::new([1; 16], 42, [2; 16], [3; 16], b"image".to_vec());
    let envelope = create(&description, &[key]).unwrap();
    let summary = Summary::unauthenticated(&envelope).unwrap();
    assert!(summary.to_string().starts_with("NOT AUTHENTICATED"));
    assert!(serde_json::to_value(&summary).unwrap()["authenticated_by"].is_null());
    assert!(Summary::unauthenticated(&envelope[1..]).is_err());
}

#[test]
fn nested_sequences_and_hostile_text_are_shown() {
    let inner = SequenceBuilder::new().simple(14, 0).build();
    let shared = SequenceBuilder::new()
        .set_component_index(0)
        .try_each(&[Some(inner.clone()), None])
        .run_sequence(&inner)
        .build();
    let manifest = ManifestBuilder {
        sequence_number: 1,
        reference_uri: Some("\u{1b}[2Jgone".to_owned()),
        components: vec![ComponentId::encode(&[b"c"])],
        shared,
        ..ManifestBuilder::default()
    };
    let envelope = encode_envelope(&manifest.build(), &[], &[]).unwrap();
    let text = Summary::unauthenticated(&envelope).unwrap().to_string();
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.contains("try-each\n    either\n      abort"), "{text}");
    assert!(text.contains("    or nothing\n  run-sequence\n    abort"), "{text}");
}

#[test]
fn commands_of_the_extensions_are_shown_by_name() {
    let shared = SequenceBuilder::new()
        .set_component_index(1)
        .set_parameters(&[
            Parameter::ImageDigest(DigestAlgorithm::Sha384.digest(b"x")),
            Parameter::Content(&[0xab; 40]),
            Parameter::Custom(-1, Value::Text("\u{1b}x")),
        ])
        .simple(command::DEPENDENCY_INTEGRITY, 15)
        .simple(command::PROCESS_DEPENDENCY, 0)
        .override_multiple(&[(0, &[Parameter::Uri("#tc")])])
        .copy_parameters(&[(1, vec![3, 99])])
        .custom(-300, &Value::Int(-4))
        .build();
    let id = ComponentId::encode(&["c"]);
    let about = Language { tag: "en", manifest: vec![(1, "what it does")], ..Language::default() };
    let manifest = ManifestBuilder {
        components: vec![id.clone()],
        dependencies: vec![(1, Some(id))],
        shared,
        sections: vec![(manifest::TEXT, Text { languages: vec![about] }.encode())],
        ..ManifestBuilder::default()
    };
    let manifest = manifest.build();
    let mac = SymmetricKey::new(&[1; 32], None).unwrap();
    let envelope = EnvelopeBuilder::new(&manifest).authenticate(&[Authenticator::Mac(&mac)]).unwrap();
    let text = Summary::unauthenticated(&envelope).unwrap().to_string();
    for words in [
        "signed by         HMAC 256/256 key without kid",
        "dependency 1      c",
        "text in en        manifest-description: what it does",
        "image-digest       SHA-384 ",
        "abab... (40 bytes)",
        "dependency-integrity (reporting policy 15)\n  process-dependency (reporting policy 0)",
        "override-multiple\n    of component 0\n      uri                #tc",
        "copy-params\n    from component 1: image-digest, parameter 99",
        "command -300 -4",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "REQ-SUIT-091");
}

#[test]
fn broken_rules_and_recommendations_are_told() {
    let key = keys::generate(Algorithm::Esp256).unwrap();
    let of = |vendor| {
        let description = Description::new([1; 16], 1, vendor, [0x53; 16], b"image".to_vec());
        let envelope = create(&description, std::slice::from_ref(&key)).unwrap();
        Summary::unauthenticated(&envelope).unwrap().to_string()
    };
    assert!(!of([0x52; 16]).contains("WARNING"));
    assert!(of([2; 16]).contains("UUIDs of version 3, 4 or 5"), "REQ-SUIT-103");
    let bare =
        ManifestBuilder { components: vec![ComponentId::encode(&["c"])], ..ManifestBuilder::default() };
    let bare = encode_envelope(&bare.build(), &[], &[]).unwrap();
    let text = Summary::unauthenticated(&bare).unwrap().to_string();
    assert!(text.contains("WARNING           it lacks a shared sequence that checks the vendor"), "{text}");
}

/// Of a tool that did not look.
#[test]
fn a_trust_store_that_is_not_its_manifests_is_told() {
    let key = keys::generate(Algorithm::Esp256).unwrap();
    let signer = SignerAnchor { trust_store: true, ..SignerAnchor::new(key.public_key(), Vec::new()) };
    let other = keys::generate(Algorithm::Esp256).unwrap().public_key();
    let tams = vec![TamAnchor::new("https://tam.example/\u{1b}[2J".to_owned(), vec![other])];
    let store = TrustStore { sequence_number: 3, tams, signers: vec![signer], ..TrustStore::default() };
    let description = |sequence_number| Description {
        manifest_id: text::trust_store_manifest(),
        components: vec![Component::written(text::trust_store(), store.encode())],
        ..Description::new([1; 16], sequence_number, [0x52; 16], [0x53; 16], Vec::new())
    };
    let shown = |sequence_number| {
        let envelope = create(&description(sequence_number), std::slice::from_ref(&key)).unwrap();
        Summary::unauthenticated(&envelope).unwrap().to_string()
    };
    let (equal, differing) = (shown(3), shown(2));
    assert!(equal.contains("\ntrust store, sequence number 3") && !equal.contains("WARNING"), "{equal}");
    assert!(differing.contains("devices refuse the trust store: it has sequence number 3"), "{differing}");
    assert!(!equal.contains('\u{1b}'), "{equal}");
}
