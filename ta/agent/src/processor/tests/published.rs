// SPDX-License-Identifier: Apache-2.0
//! The published examples with dependencies, personalization data and encryption. What a test's name says besides is
//! where they deviate from the text, or this Agent from them (suit.md 13.3).

#[path = "../../../tests/agent/published/examples.rs"]
mod examples;

use self::examples::{bytes as published, key_member};
use super::case::raw_case;
use super::vector::{Expected, Hex, Signer, Stored};
use super::*;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use teep_proto::cbor::encode;
use teep_proto::suit::{Argument, ComponentId, Envelope};

const STOPPED: Reason = Reason::OperationFailed;

const TEEP: &str = "teep-protocol-a9d2fad";
const TRUST_DOMAINS: &str = "suit-trust-domains-97bf14c";
const ENCRYPTION: &str = "suit-firmware-encryption-2947c35";

fn public_key(name: &str) -> Vec<u8> {
    let (x, y) = (key_member(name, "x"), key_member(name, "y"));
    encode(|w| {
        w.map(4).int(1).int(2).int(-1).int(1).int(-2).bytes(&x).int(-3).bytes(&y);
    })
}

/// The recipient of all ECDH-ES examples.
fn recipient() -> Hex {
    let member = |name| key_member("kek-p256", name);
    Hex(encode(|w| {
        w.map(6).int(1).int(2).int(2).bytes(&member("kid")).int(-1).int(1);
        w.int(-2).bytes(&member("x")).int(-3).bytes(&member("y")).int(-4).bytes(&member("d"));
    }))
}

fn symmetric(name: &str) -> Hex {
    let kid = (name == "kek-aes").then(|| key_member(name, "kid"));
    Hex(encode(|w| {
        w.map(if kid.is_some() { 3 } else { 2 }).int(1).int(4);
        if let Some(kid) = &kid {
            w.int(2).bytes(kid);
        }
        w.int(-1).bytes(&key_member(name, "k"));
    }))
}

fn anyone(key: Vec<u8>) -> Signer {
    Signer { key: Hex(key), prefixes: vec![Hex(ComponentId::encode::<&[u8]>(&[]))], commands: None }
}

/// A device that is of the example's vendor and class and trusts its signers.
fn example(name: &'static str, about: &str, directory: &str, file: &str) -> Case {
    let bytes = published(directory, file);
    let (mut vendors, mut classes) = (Vec::new(), Vec::new());
    let manifest = Envelope::decode(&bytes).expect("an envelope").inspect().expect("a manifest");
    for command in manifest.shared.instructions().expect("a sequence") {
        let Argument::Parameters(parameters) = command.expect("a command").argument else { continue };
        for parameter in parameters.iter().expect("a map") {
            match parameter.expect("a parameter") {
                Parameter::VendorIdentifier(id) => vendors.push(Hex(id.to_vec())),
                Parameter::ClassIdentifier(id) => classes.push(Hex(id.to_vec())),
                _ => {}
            }
        }
    }
    raw_case(name, about, bytes).device(|device| {
        device.vendor_ids = vendors;
        device.class_ids = classes;
        device.signers = vec![anyone(public_key("key-a")), anyone(public_key("key-b"))];
        device.decryption_keys = vec![recipient(), symmetric("kek-aes")];
    })
}

const UUID: &[u8] = b"\x8d\x82\x57\x3a\x92\x6d\x47\x54\x93\x53\x32\xdc\x29\x99\x7f\x74";

fn teep_id(last: &[&[u8]]) -> Hex {
    Hex(ComponentId::encode(&[&[b"TEEP-Device".as_slice(), b"SecureFS"], last].concat()))
}

fn installed(expected: Expected) -> Vec<(Vec<u8>, Option<Vec<u8>>, bool)> {
    match expected {
        Expected::Installed { components, .. } => {
            components.into_iter().map(|c| (c.id.0, c.bytes.map(|bytes| bytes.0), c.confidential)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn teep_uri() {
    let payload = published(TEEP, "payload");
    let bytes = published(TEEP, "suit-uri");
    let uri = "https://example.org/8d82573a-926d-4754-9353-32dc29997f74.ta";
    assert!(bytes.windows(uri.len()).any(|window| window == uri.as_bytes()));
    let expected =
        example("teep-uri", "TEEP: the payload is fetched", TEEP, "suit-uri").network(uri, &payload).run();
    assert_eq!(installed(expected), [(teep_id(&[UUID, b"ta"]).0, Some(payload), false)]);
}

#[test]
fn teep_integrated() {
    let payload = published(TEEP, "payload");
    let expected =
        example("teep-integrated", "TEEP: the payload is in the envelope", TEEP, "suit-integrated").run();
    assert_eq!(installed(expected), [(teep_id(&[UUID, b"ta"]).0, Some(payload), false)]);
}

/// What the personalization example is about.
const CONFIGURATION: &[u8] = b"{";

fn personalization(name: &'static str, about: &str) -> Case {
    example(name, about, TEEP, "suit-personalization")
}

/// The Trusted Application's manifest and binary are installed.
fn with_application(case: Case) -> Case {
    case.device(|device| {
        let manifest = Stored { id: teep_id(&[UUID, b"suit"]), bytes: Hex(published(TEEP, "suit-uri")) };
        let binary = Stored { id: teep_id(&[UUID, b"ta"]), bytes: Hex(published(TEEP, "payload")) };
        device.links.push((manifest.id.clone(), binary.id.clone()));
        device.manifests.push(manifest);
        device.components.push(binary);
    })
}

fn check_personalization(expected: Expected, binary: Option<Vec<u8>>) {
    let [data, application] = installed(expected).try_into().expect("two components");
    assert_eq!(data.0, teep_id(&[b"config.json"]).0);
    assert!(data.1.expect("new bytes").starts_with(CONFIGURATION));
    assert!(data.2, "it was encrypted");
    assert_eq!(application, (teep_id(&[UUID, b"ta"]).0, binary, false));
}

/// REQ-SUIT-060, suit.md 9.5 rule 7.
#[test]
fn teep_personalization_of_an_installed_application_which_is_not_fetched_again() {
    let case =
        personalization("teep-personalization", "TEEP: encrypted personalization data; the TA is installed");
    check_personalization(with_application(case).run(), None);
}

/// AMB-SUIT-15: the image size of the dependency is that of the tagged envelope.
#[test]
fn teep_personalization_with_the_dependency_from_the_network() {
    let (manifest, payload) = (published(TEEP, "suit-uri"), published(TEEP, "payload"));
    let tagged = [b"\xd8\x6b".as_slice(), &manifest].concat();
    for (name, envelope) in
        [("teep-personalization-fetch", tagged), ("teep-personalization-fetch-untagged", manifest)]
    {
        let case = personalization(name, "TEEP: encrypted personalization data; the TA is fetched as well");
        let base = "https://example.org/8d82573a-926d-4754-9353-32dc29997f74";
        let expected =
            case.network(&format!("{base}.suit"), &envelope).network(&format!("{base}.ta"), &payload).run();
        check_personalization(expected, Some(payload.clone()));
    }
}

/// REQ-SUIT-043, AMB-SUIT-03
#[test]
fn teep_personalization_lacks_dependency_integrity_and_is_refused_in_strict_mode() {
    let case = personalization(
        "teep-personalization-strict",
        "TEEP: process-dependency without dependency-integrity",
    );
    with_application(case).strict().refused(STOPPED, section::INSTALL, command::PROCESS_DEPENDENCY);
}

fn personalization_links() -> [(Hex, Hex); 2] {
    let own = teep_id(&[b"config.suit"]);
    [(own.clone(), teep_id(&[UUID, b"suit"])), (own, teep_id(&[b"config.json"]))]
}

/// AMB-SUIT-06: its suit-uninstall says process-dependency, which must not remove an application others need.
#[test]
fn teep_personalization_is_uninstalled_and_the_application_stays_while_it_has_a_link() {
    let uninstall = |name, about: &str| {
        let case = with_application(personalization(name, about));
        let case = case.device(|device| device.links.extend(personalization_links()));
        case.uninstalls_id(teep_id(&[b"config.suit"]))
    };
    let other = (Hex(ComponentId::encode(&["other.suit"])), teep_id(&[UUID, b"suit"]));
    let kept = other.clone();
    let case = uninstall("teep-uninstall-shared", "TEEP: the TA has another user")
        .device(|device| device.links.push(other));
    let Expected::Removed { links } = case.run() else { panic!("not removed") };
    assert_eq!(links, [(teep_id(&[UUID, b"suit"]), teep_id(&[UUID, b"ta"])), kept]);
    let case = uninstall("teep-uninstall", "TEEP: it was the last user of the TA");
    assert_eq!(case.run(), Expected::Removed { links: Vec::new() });
}

fn text_id(name: &str) -> Vec<u8> {
    ComponentId::encode(&[name])
}

#[test]
fn trust_domains_dependency_on_its_own() {
    let expected = example(
        "td-dependency",
        "trust-domains example 0 as root manifest",
        TRUST_DOMAINS,
        "example0-dependent",
    )
    .run();
    assert_eq!(installed(expected), [(text_id("00"), Some(b"hello world".to_vec()), false)]);
}

fn check_trust_domains(expected: Expected) {
    assert_eq!(
        installed(expected),
        [
            (text_id("10"), Some(b" in multiple trust domains".to_vec()), false),
            (text_id("00"), Some(b"hello world".to_vec()), false),
        ]
    );
}

/// REQ-SUIT-042. Its invoke section does not process the dependency, which does not matter to an Update.
#[test]
fn trust_domains_process_dependency() {
    let base = |name, about: &str| {
        example(name, about, TRUST_DOMAINS, "example1-process")
            .network("http://example.com/dependent.suit", &published(TRUST_DOMAINS, "example0-dependent"))
    };
    check_trust_domains(base("td-process", "trust-domains example 1: the dependency is fetched").run());
    check_trust_domains(base("td-process-strict", "trust-domains example 1 by the text").strict().run());
}

/// REQ-SUIT-043, REQ-SUIT-115, AMB-SUIT-03
#[test]
fn trust_domains_integrated_lacks_dependency_integrity_and_is_refused_in_strict_mode() {
    let base = |name, about: &str| example(name, about, TRUST_DOMAINS, "example2-integrated");
    check_trust_domains(base("td-integrated", "trust-domains example 2: the dependency is integrated").run());
    base("td-integrated-strict", "trust-domains example 2 by the text").strict().refused(
        STOPPED,
        section::INSTALL,
        command::PROCESS_DEPENDENCY,
    );
}

const FIRMWARE: &[u8] = b"This is a real firmware image.";

/// REQ-SUIT-060, REQ-SUIT-113: the dependency's section validate is left out by its dependent, so it is skipped.
#[test]
fn encryption_dependency_whose_section_validate_is_skipped() {
    let base = |name, about: &str| example(name, about, ENCRYPTION, "suit-manifest-es-ecdh-dependency");
    let expected = base("fe-dependency", "firmware-encryption: the dependent sets encryption-info").run();
    assert_eq!(installed(expected), [(text_id("decrypted-firmware"), Some(FIRMWARE.to_vec()), true)]);
    base("fe-dependency-strict", "the dependent has no section validate, which its dependency has")
        .strict()
        .refused(STOPPED, section::INSTALL, command::DEPENDENCY_INTEGRITY);
}

/// AMB-SUIT-20
#[test]
fn encryption_content_has_no_name_and_is_refused_unless_that_is_accepted() {
    let base = |name, about: &str| example(name, about, ENCRYPTION, "suit-manifest-es-ecdh-content");
    base("fe-es-ecdh-content-unnamed", "firmware-encryption: no manifest-component-id").refused(
        Reason::ComponentUnsupported,
        0,
        0,
    );
    let expected = base("fe-es-ecdh-content", "firmware-encryption: encrypted content in the manifest")
        .device(|device| device.unnamed_manifests = true)
        .run();
    assert_eq!(installed(expected), [(text_id("decrypted-firmware"), Some(FIRMWARE.to_vec()), true)]);
}

/// Those with AES-KW have a MAC and no name.
fn under_a_mac(name: &'static str, about: &str, file: &str) -> Case {
    example(name, about, ENCRYPTION, file).device(|device| {
        device.unnamed_manifests = true;
        device.signers = vec![anyone(symmetric("hmac-256").0)];
    })
}

#[test]
fn encryption_aes_kw_content() {
    let about = "firmware-encryption: encrypted content in the manifest, AES-KW";
    let expected = under_a_mac("fe-aes-kw-content", about, "suit-manifest-aes-kw-content").run();
    assert_eq!(installed(expected), [(text_id("plaintext-firmware"), Some(FIRMWARE.to_vec()), true)]);
}

/// REQ-SUIT-065: "the manifest must contain a digest of ciphertext and/or plaintext".
#[test]
fn encryption_aes_kw_and_its_slots_give_no_digest_and_are_refused() {
    for (name, file) in
        [("fe-aes-kw", "suit-manifest-aes-kw"), ("fe-aes-kw-slot", "suit-manifest-aes-kw-slot")]
    {
        under_a_mac(name, "firmware-encryption: no digest of the payload at all", file).refused(
            STOPPED,
            section::INSTALL,
            command::FETCH,
        );
    }
}

/// AMB-SUIT-16, AMB-SUIT-20
#[test]
fn manifest_draft_examples_have_no_name_and_are_refused() {
    for (name, file) in [
        ("manifest-example-0", "example0-signed"),
        ("manifest-example-1", "example1-signed"),
        ("manifest-example-2", "example2-signed"),
        ("manifest-example-3", "example3-signed"),
        ("manifest-example-4", "example4-signed"),
        ("manifest-example-5", "example5-signed"),
    ] {
        example(name, "an example of the manifest draft, signed with ES256", "suit-manifest-3c9b790", file)
            .device(|device| device.accept_es256 = true)
            .refused(Reason::ComponentUnsupported, 0, 0);
    }
}
