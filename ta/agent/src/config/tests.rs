// SPDX-License-Identifier: Apache-2.0
use super::*;
use alloc::{format, vec};
use teep_proto::cose::{PublicKey, SigningKey};
use teep_proto::eat::{Claims, HardwareVersion, ManifestClaim, OemId};
use teep_proto::suit::{ComponentId, Digest};
use teep_proto::teep::Dialect;

fn public(n: u8) -> PublicKey {
    SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar").public_key()
}

fn ed25519(n: u8) -> PublicKey {
    SigningKey::ed25519_from_seed(&[n; 32]).public_key()
}

fn config(signer: u8) -> Config {
    Config {
        vendor_ids: vec![[1; 16]],
        class_ids: vec![[2; 16], [3; 16]],
        suite: Suite::Ed25519,
        decryption_keys: vec![
            DecryptionKey::from_cose_key(
                &SymmetricKey::new(&[5; 16], Some(b"kid")).expect("a key").to_cose_key(),
            )
            .expect("a secret key"),
        ],
        attestation: Some(DeviceClaims::new(&claims(), &EatProfile::default()).expect("complete")),
        eat_profile: EatProfile::default(),
        provisioning: true,
        trust: trust(signer),
    }
}

/// A trust store with something in every place.
fn trust(signer: u8) -> TrustStore {
    TrustStore {
        sequence_number: 4,
        tams: Dialect::ALL
            .map(|dialect| TamAnchor {
                dialect,
                report_key: (dialect == Dialect::Final).then(|| secret().public_key().clone()),
                attestation_required: dialect == Dialect::Final,
                ..TamAnchor::new(format!("https://{dialect}.example/tam"), vec![ed25519(1), public(1)])
            })
            .to_vec(),
        signers: vec![
            SignerAnchor {
                commands: Some(vec![21]),
                personalization_in_clear: true,
                quota: Quota { max_components: Some(1), max_bytes: None, max_manifests: Some(u64::MAX) },
                ..SignerAnchor::new(public(signer), vec![ComponentId::encode(&["TEEP-Device"])])
            },
            SignerAnchor { trust_store: true, ..SignerAnchor::new(public(7), vec![]) },
        ],
        verifiers: vec![public(6).into()],
        policy: Policy {
            strict_dependencies: true,
            unnamed_manifests: false,
            contact_interval: 3600,
            errors_per_minute: 0,
            updates_per_hour: 7,
        },
    }
}

fn claims() -> Claims<'static> {
    Claims {
        oemid: Some(OemId::Pen(32473)),
        hardware_model: Some(b"board"),
        hardware_version: Some(HardwareVersion { version: "1", scheme: None }),
        manifests: vec![ManifestClaim::SuitReference { uri: "urn:x", digest: Digest::of(b"firmware") }],
        ..Claims::default()
    }
}

fn secret() -> AgreementSecret {
    AgreementSecret::from_scalar(&[9; 32]).expect("a scalar")
}

#[test]
fn a_public_key_decrypts_nothing() {
    DecryptionKey::from_cose_key(&secret().public_key().to_cose_key()).expect_err("no secret in it");
}

#[test]
fn a_signer_may_be_kept_from_commands() {
    let mut signer = trust(2).signers.remove(0);
    assert!(signer.may_use(21) && !signer.may_use(18));
    signer.commands = None;
    assert!(signer.may_use(18));
}

#[test]
fn round_trips() {
    let config = config(2);
    assert_eq!(Config::decode(&config.encode()), Ok(config));
    let trust = trust(2);
    assert_eq!(TrustStore::decode(&trust.encode()), Ok(trust));
}

#[test]
fn a_dialect_of_another_name_is_refused() {
    let bytes = config(2).encode();
    let at = bytes.windows(7).position(|item| item == b"\x66pre-26").expect("the second TAM's");
    for item in [b"\x66pre-25", b"\x66Pre-26", b"\x66final "] {
        let mut other = bytes.clone();
        other[at..at + 7].copy_from_slice(item);
        assert_eq!(
            Config::decode(&other).expect_err("no dialect").what,
            "the dialect is \"final\" or \"pre-26\""
        );
    }
}

#[test]
fn a_tam_has_one_entry() {
    let mut config = config(2);
    config.trust.tams[1].uri = config.trust.tams[0].uri.clone();
    Config::decode(&config.encode()).expect_err("else it had two dialects");
}

#[test]
fn attack_one_key_in_two_roles() {
    Config::decode(&config(1).encode()).expect_err("REQ-ARCH-007");
    for verifier in [1, 2] {
        let trust = TrustStore { verifiers: vec![public(verifier).into()], ..trust(2) };
        let error = TrustStore::decode(&trust.encode()).expect_err("a TAM's or a signer's key");
        assert_eq!(error.what, "a key in one role only");
    }
}

#[test]
fn a_tam_that_has_to_be_attested_needs_a_verifier() {
    let trust = TrustStore { verifiers: vec![], ..trust(2) };
    let error = TrustStore::decode(&trust.encode()).expect_err("nobody can vouch for it");
    assert_eq!(error.what, "a verifier for the TAMs that have to be attested");
}

/// Why an Agent is not built with `trust`; its suite is Ed25519.
fn flaw(trust: TrustStore) -> &'static str {
    let config = Config { trust, ..config(2) };
    Config::decode(&config.encode()).expect_err("it could not be reached").what
}

#[test]
fn attack_built_in_tams_have_only_the_other_suite() {
    let mut trust = trust(2);
    trust.tams.iter_mut().for_each(|tam| tam.keys = vec![public(1).into()]);
    assert!(flaw(trust.clone()).contains("the Agent's own cipher suite"), "REQ-TEEP-026");
    trust.tams[0].keys.push(ed25519(1).into());
    assert_eq!(trust.missing_tam(Suite::Ed25519, None), None);
}

#[test]
fn attack_built_in_tams_cannot_be_reached() {
    let mut trust = trust(2);
    for uri in ["coaps://tam.example/tam", "tam.example", "https://"] {
        (trust.tams[0].uri, trust.tams[1].uri) = (uri.into(), format!("ftp://{uri}"));
        assert_eq!(flaw(trust.clone()), "a TAM with an http or https URI", "{uri:?}");
    }
    // The one that could be reached has to have the key.
    trust.tams[0].uri = "http://tam.example/tam".into();
    trust.tams[0].keys = vec![public(1).into()];
    assert!(flaw(trust).contains("the Agent's own cipher suite"));
}

/// REQ-TEEP-141, REQ-TEEP-063.
#[test]
fn evidence_is_complete_and_cannot_pass_for_an_attestation_result() {
    let profile = EatProfile::default();
    let incomplete = Claims { hardware_model: None, ..claims() };
    let error = DeviceClaims::new(&incomplete, &profile).expect_err("REQ-TEEP-141");
    assert!(error.what.contains("hwmodel"), "{error}");
    let disguised = Claims { eat_profile: Some(&profile.uri), ..claims() };
    DeviceClaims::new(&disguised, &profile).expect_err("REQ-TEEP-063");
}

#[test]
fn scope_is_a_prefix_of_whole_elements() {
    let signer = &trust(2).signers[0];
    let id = |elements: &[&str]| ComponentId::encode(elements);
    assert!(signer.may_touch(&ComponentId::decode(&id(&["TEEP-Device", "x"])).expect("id")));
    assert!(!signer.may_touch(&ComponentId::decode(&id(&["TEEP-Devices", "x"])).expect("id")));
    assert!(!signer.may_touch(&ComponentId::decode(&id(&["x", "TEEP-Device"])).expect("id")));
    assert!(!signer.may_touch(&ComponentId::decode(&id(&[])).expect("id")));
}
