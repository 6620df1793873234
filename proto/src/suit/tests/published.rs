// SPDX-License-Identifier: Apache-2.0
//! Published envelopes: they verify with their keys, and what was decoded encodes to the same bytes.
use super::*;
use crate::cose::{Accept, SymmetricKey};

macro_rules! vectors {
    ($($file:literal),+ $(,)?) => { [$(($file, include_str!(concat!("../../../vectors/", $file)))),+] };
}

fn public_key(x: &str, y: &str) -> PublicKey {
    let key = encode(|w| {
        w.map(4).int(1).int(2).int(-1).int(1).int(-2).bytes(&hex(x)).int(-3).bytes(&hex(y));
    });
    PublicKey::from_cose_key(&key).expect("a key")
}

fn keys() -> [PublicKey; 2] {
    let b = public_key(
        "0e908aa8f066db1f084e0c3652c63952bd99f2a5bdb22f9e01367aad03aba68b",
        "77da1bd8ac4f0cb490ba210648bf79ab164d49ad3551d71d314b2749ee42d29a",
    );
    [super::published().1, b]
}

/// Every command and parameter of `sequence` decoded and written again.
fn rebuilt(sequence: Sequence<'_>) -> Vec<u8> {
    let commands = sequence.instructions().expect("a sequence");
    let rebuild = |builder: SequenceBuilder, command: Result<Command<'_>, Error>| {
        let mut command = command.expect("a command");
        let inner: Vec<Option<Vec<u8>>>;
        match &command.argument {
            Argument::Sequence(sequence) => return builder.run_sequence(&rebuilt(*sequence)),
            Argument::Alternatives(list) => {
                inner = list.iter().map(|one| one.map(rebuilt)).collect();
                let list = inner.iter().map(|one| one.as_deref().map(Sequence::new)).collect();
                command.argument = Argument::Alternatives(list);
                return builder.command(&command).expect("encodes");
            }
            _ => {}
        }
        builder.command(&command).expect("encodes")
    };
    commands.fold(SequenceBuilder::new(), rebuild).build()
}

fn rebuilt_manifest(manifest: &Manifest<'_>) -> Vec<u8> {
    let mut builder = ManifestBuilder::from(manifest);
    if !builder.shared.is_empty() {
        builder.shared = rebuilt(manifest.shared);
    }
    for (label, section) in &manifest.sections {
        if let Section::Present(sequence) = section {
            let member = builder.sections.iter_mut().find(|(l, _)| l == label).expect("the section");
            member.1 = rebuilt(*sequence);
        }
    }
    builder.build()
}

/// REQ-SUIT-002, REQ-SUIT-003, REQ-SUIT-031, REQ-SUIT-060: every published envelope of the current format.
#[test]
fn all_verify_and_encode_to_the_same_bytes() {
    let accept = Accept { es256: true, ..Accept::default() };
    let mac_key = SymmetricKey::new(&[b'a'; 32], None).expect("a key");
    for (file, text) in vectors![
        "suit-manifest-3c9b790/example0-signed.hex",
        "suit-manifest-3c9b790/example1-signed.hex",
        "suit-manifest-3c9b790/example2-signed.hex",
        "suit-manifest-3c9b790/example2-signed-severable.hex",
        "suit-manifest-3c9b790/example3-signed.hex",
        "suit-manifest-3c9b790/example4-signed.hex",
        "suit-manifest-3c9b790/example5-signed.hex",
        "suit-trust-domains-97bf14c/example0-dependent.hex",
        "suit-trust-domains-97bf14c/example1-process.hex",
        "suit-trust-domains-97bf14c/example2-integrated.hex",
        "suit-firmware-encryption-2947c35/suit-manifest-aes-kw.hex",
        "suit-firmware-encryption-2947c35/suit-manifest-aes-kw-content.hex",
        "suit-firmware-encryption-2947c35/suit-manifest-aes-kw-slot.hex",
        "suit-firmware-encryption-2947c35/suit-manifest-es-ecdh-content.hex",
        "suit-firmware-encryption-2947c35/suit-manifest-es-ecdh-dependency.hex",
        "teep-protocol-a9d2fad/suit-uri.hex",
        "teep-protocol-a9d2fad/suit-integrated.hex",
        "teep-protocol-a9d2fad/suit-personalization.hex",
    ] {
        let bytes = hex(text);
        let envelope = Envelope::decode(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        let verified = envelope
            .verify_with(&keys(), accept)
            .or_else(|_| envelope.verify_mac(core::slice::from_ref(&mac_key)))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let manifest = verified.get();
        assert_eq!(rebuilt_manifest(manifest), envelope.manifest_bytes(), "{file}");
        assert_eq!(envelope.encode(bytes[0] == 0xd8), bytes, "{file}");
        // The two that copy and decrypt say nowhere what must come out, or go in.
        let lacks_digest = ["/suit-manifest-aes-kw.hex", "/suit-manifest-aes-kw-slot.hex"];
        let lacks_digest = lacks_digest.iter().any(|name| file.ends_with(name));
        assert_eq!(manifest.check_rules().is_err(), lacks_digest, "REQ-SUIT-065: {file}");
        envelope.text(manifest).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

/// AMB-SUIT-16: ES256 only where it is asked for.
#[test]
fn old_algorithm_needs_to_be_accepted() {
    let bytes = hex(include_str!("../../../vectors/suit-manifest-3c9b790/example0-signed.hex"));
    let envelope = Envelope::decode(&bytes).expect("decodes");
    assert_eq!(envelope.verify(&keys()).expect_err("refused").kind, Kind::UnsupportedAlgorithm);
}

/// REQ-SUIT-025, REQ-SUIT-026, REQ-SUIT-101: severed install and text.
#[test]
fn severed_members_of_the_published_example() {
    let bytes = hex(include_str!("../../../vectors/suit-manifest-3c9b790/example2-signed-severable.hex"));
    let envelope = Envelope::decode(&bytes).expect("decodes");
    let manifest = envelope.inspect().expect("a manifest");
    let Some(Section::Severed(digest)) = manifest.section(manifest::INSTALL) else { panic!("not severed") };
    let install = envelope.severed(manifest::INSTALL, &digest).expect("its digest").expect("is there");
    Sequence::new(install).validate().expect("a sequence");
    let text = envelope.text(&manifest).expect("its digest").expect("is there");
    assert_eq!(text.languages[0].tag, "en-US");
    assert_eq!(text.languages[0].components[0].0, manifest.components[0]);
}

/// AMB-SUIT-01, AMB-SUIT-02, REQ-SUIT-115: the dependency is outside suit-components, known by its prefix, and
/// its envelope is integrated under the URI.
#[test]
fn dependencies_of_the_published_examples() {
    let bytes = hex(include_str!("../../../vectors/suit-trust-domains-97bf14c/example2-integrated.hex"));
    let envelope = Envelope::decode(&bytes).expect("decodes");
    let manifest = envelope.inspect().expect("a manifest");
    let [dependency] = manifest.dependencies[..] else { panic!("one dependency") };
    assert_eq!(dependency.index, 1);
    assert_eq!(manifest.identity(1), dependency.prefix);
    assert_eq!(manifest.identity(0), manifest.components.first().copied());
    assert_eq!(manifest.identity(2), None);
    let (uri, _) = envelope.payloads()[0];
    let inner = envelope.dependency(uri).expect("an envelope").expect("is there");
    inner.verify(&keys()).expect("verifies");
    assert!(envelope.dependency("#other").expect("nothing wrong").is_none());
}
