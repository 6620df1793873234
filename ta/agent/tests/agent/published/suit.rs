// SPDX-License-Identifier: Apache-2.0
//! The examples of the trust-domains, firmware-encryption and manifest documents.

use super::*;

#[test]
fn trust_domains_dependency_is_installed_on_its_own() {
    let mut device = TRUST_DOMAINS.device();
    let (received, _) = exchange(&mut device, &[TRUST_DOMAINS.bytes("example0-dependent")], &[]);
    check_installed(&mut device, &received, &[("00", b"hello world")]);
}

const BOTH_DOMAINS: [(&str, &[u8]); 2] = [("10", b" in multiple trust domains"), ("00", b"hello world")];

/// REQ-SUIT-042. Its invoke section does not process the dependency's, which does not matter to an Update.
#[test]
fn trust_domains_dependency_is_fetched_and_processed_also_in_strict_mode() {
    let dependency = TRUST_DOMAINS.bytes("example0-dependent");
    let uri = "http://example.com/dependent.suit";
    for mut device in [TRUST_DOMAINS.device(), TRUST_DOMAINS.device_with(strict)] {
        let envelope = TRUST_DOMAINS.bytes("example1-process");
        let (received, fetched) = exchange(&mut device, &[envelope], &[(uri, &dependency)]);
        assert_eq!(fetched, [uri]);
        check_installed(&mut device, &received, &BOTH_DOMAINS);
    }
}

/// REQ-SUIT-043, REQ-SUIT-115, AMB-SUIT-03
#[test]
fn trust_domains_integrated_lacks_dependency_integrity_and_is_refused_in_strict_mode() {
    let envelope = TRUST_DOMAINS.bytes("example2-integrated");
    let mut device = TRUST_DOMAINS.device();
    let (received, _) = exchange(&mut device, std::slice::from_ref(&envelope), &[]);
    check_installed(&mut device, &received, &BOTH_DOMAINS);
    let mut device = TRUST_DOMAINS.device_with(strict);
    let (reason, _) = refuses_in_install(&mut device, &envelope, command::PROCESS_DEPENDENCY);
    assert_eq!(reason, Reason::OperationFailed);
}

/// REQ-SUIT-113: the dependency by key A has a section validate, which its dependent by key B leaves out.
#[test]
fn encryption_dependency_whose_section_validate_is_skipped_is_refused_in_strict_mode() {
    let envelope = ENCRYPTION.bytes("suit-manifest-es-ecdh-dependency");
    let mut device = ENCRYPTION.device();
    let (received, _) = exchange(&mut device, std::slice::from_ref(&envelope), &[]);
    check_installed(&mut device, &received, &[("decrypted-firmware", FIRMWARE)]);
    let mut device = ENCRYPTION.device_with(strict);
    let (reason, _) = refuses_in_install(&mut device, &envelope, command::DEPENDENCY_INTEGRITY);
    assert_eq!(reason, Reason::OperationFailed);
}

/// AMB-SUIT-20: the manifest then has the identifier of its component.
#[test]
fn encryption_content_without_a_name_is_installed_only_where_unnamed_manifests_are_taken() {
    for (envelope, id) in [
        (ENCRYPTION.bytes("suit-manifest-es-ecdh-content"), "decrypted-firmware"),
        (ENCRYPTION.signed_anew("suit-manifest-aes-kw-content"), "plaintext-firmware"),
    ] {
        let (reason, _) = refuses_as_a_whole(&mut ENCRYPTION.device(), &envelope);
        assert_eq!(reason, Reason::ComponentUnsupported);
        let mut device = ENCRYPTION.device_with(unnamed);
        // Installed, and applied again.
        for _ in 0..2 {
            let (received, _) = exchange(&mut device, std::slice::from_ref(&envelope), &[]);
            check_installed(&mut device, &received, &[(id, FIRMWARE)]);
        }
    }
}

/// REQ-SUIT-060, REQ-SUIT-061
#[test]
fn encryption_content_signed_anew_with_a_name_is_decrypted_and_installed() {
    for (file, id) in [
        ("suit-manifest-es-ecdh-content", "decrypted-firmware"),
        ("suit-manifest-aes-kw-content", "plaintext-firmware"),
    ] {
        let mut device = ENCRYPTION.device();
        let (received, _) = exchange(&mut device, &[ENCRYPTION.named_and_signed_anew(file)], &[]);
        check_installed(&mut device, &received, &[(id, FIRMWARE)]);
        assert_eq!(device.read(TA, &ComponentId::encode(&[id])), None, "it was encrypted, and for no TA");
    }
}

/// Whoever can check a MAC can make one, so signers have public keys on this device.
#[test]
fn encryption_aes_kw_examples_have_a_mac_instead_of_a_signature_and_are_refused() {
    for file in ["suit-manifest-aes-kw-content", "suit-manifest-aes-kw", "suit-manifest-aes-kw-slot"] {
        let mut device = ENCRYPTION.device_with(unnamed);
        let (reason, text) = refuses_as_a_whole(&mut device, &ENCRYPTION.bytes(file));
        assert_eq!(reason, Reason::AlgorithmUnsupported, "{file}");
        assert!(text.ends_with("a signature, not a MAC"), "{text}");
    }
    let k = key_member("hmac-256", "k");
    let key = encode(|w| {
        w.map(2).int(1).int(4).int(-1).bytes(&k);
    });
    assert!(PublicKey::from_cose_key(&key).is_err(), "a trust anchor cannot be symmetric");
}

/// REQ-SUIT-065: "the manifest must contain a digest of ciphertext and/or plaintext".
#[test]
fn encryption_aes_kw_and_its_slots_signed_anew_give_no_digest_and_are_refused() {
    for file in ["suit-manifest-aes-kw", "suit-manifest-aes-kw-slot"] {
        let mut device = ENCRYPTION.device_with(unnamed);
        let (reason, text) = refuses_in_install(&mut device, &ENCRYPTION.signed_anew(file), command::FETCH);
        assert_eq!(reason, Reason::OperationFailed, "{file}");
        assert!(text.contains("the manifests give no digest for "), "{text}");
    }
}

/// REQ-SUIT-060, REQ-SUIT-061, REQ-SUIT-062, REQ-SUIT-065: fetched by URI, compared, then decrypted by copy.
#[test]
fn encryption_infos_decrypt_their_payloads_from_the_network() {
    let uri = "https://example.com/encrypted-firmware";
    for example in ["aes-kw-aes-ctr", "aes-kw-aes-gcm", "es-ecdh-aes-ctr", "es-ecdh-aes-gcm"] {
        let info = ENCRYPTION.bytes(&format!("suit-encryption-info-{example}"));
        let ciphertext = ENCRYPTION.bytes(&format!("encrypted-payload-{example}"));
        let install = SequenceBuilder::new()
            .set_component_index(1)
            .override_parameters(&[
                Parameter::ImageDigest(Digest::of(&ciphertext)),
                Parameter::ImageSize(ciphertext.len() as u64),
                Parameter::Uri(uri),
            ])
            .simple(command::FETCH, 15)
            .simple(command::IMAGE_MATCH, 15)
            .set_component_index(0)
            .override_parameters(&[
                Parameter::ImageDigest(Digest::of(FIRMWARE)),
                Parameter::EncryptionInfo(&info),
                Parameter::SourceComponent(1),
            ])
            .simple(command::COPY, 15)
            .simple(command::IMAGE_MATCH, 15);
        let manifest = ManifestBuilder {
            sequence_number: 1,
            component_id: Some(ComponentId::encode(&["dependent-manifest.suit"])),
            components: ["plaintext-firmware", "encrypted-firmware"]
                .map(|id| ComponentId::encode(&[id]))
                .to_vec(),
            sections: vec![(section::INSTALL, install.build())],
            ..ManifestBuilder::default()
        };
        let envelope = encode_envelope(&manifest.build(), &[signer("key-a")], &[]).expect("signs");
        let mut device = ENCRYPTION.device();
        let (received, fetched) = exchange(&mut device, &[envelope], &[(uri, &ciphertext)]);
        assert_eq!(fetched, [uri], "{example}");
        let expected = [("plaintext-firmware", FIRMWARE), ("encrypted-firmware", ciphertext.as_slice())];
        check_installed(&mut device, &received, &expected);
    }
}

/// AMB-SUIT-16, AMB-SUIT-20
#[test]
fn manifest_draft_examples_are_signed_with_es256_and_have_no_name_and_are_refused() {
    for number in 0..6 {
        let severable = if number == 2 { "-severable" } else { "" };
        let file = format!("example{number}-signed{severable}");
        let mut device = MANIFEST.device();
        let (reason, text) = refuses_as_a_whole(&mut device, &MANIFEST.bytes(&file));
        assert_eq!(reason, Reason::AlgorithmUnsupported, "{file}: {text}");
        let (reason, text) = refuses_as_a_whole(&mut device, &MANIFEST.signed_anew(&file));
        assert_eq!(reason, Reason::ComponentUnsupported, "{file}: {text}");
    }
}
