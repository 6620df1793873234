// SPDX-License-Identifier: Apache-2.0
//! Trust stores that the Agent could not live with.

use super::{counts, refused, store_id};
use crate::author::*;
use crate::certificates::certificate::{Content, NOT_AFTER, NOT_BEFORE};
use crate::provisioning::blank;
use crate::support::*;
use teep_agent::config::{SignerAnchor, TrustStore};
use teep_proto::cbor::encode;
use teep_proto::cose::{PublicKey, SigningKey, TrustAnchor};
use teep_proto::limits::MAX_TRUST_STORE;
use teep_proto::suit::labels::command;
use teep_proto::suit::{ComponentId, Reason};
use teep_proto::teec::{Command, Reply, TrustSource};

/// How a device refuses a trust store that was changed so.
fn refused_store(change: impl FnOnce(&mut TrustStore)) -> String {
    let (code, reason, text) = refused(trust_author(&trust_store(1, change)));
    assert_eq!((code, reason), (11, Reason::OperationFailed), "{text}");
    text
}

#[test]
fn attack_trust_store_with_which_nobody_could_talk_to_the_agent() {
    assert!(refused_store(|store| store.tams.clear()).contains("at least one TAM"));
}

/// How a device with no clock, or with one that says `now`, refuses a trust store that was changed so, by a manifest and
/// when it is provisioned; `None` when it takes it.
fn refused_at(now: Option<u64>, change: impl Fn(&mut TrustStore)) -> Option<String> {
    let (mut device, mut unsealed) = (Device::new(), blank());
    device.env.set_trusted_time(now);
    unsealed.env.set_trusted_time(now);
    let store = trust_store(1, change);
    let received = device.update(&[trust_envelope(&store)]);
    let provisioned = unsealed.invoke(Command::Provision, &store.encode());
    if received.code() == 0 {
        assert_eq!((counts(&mut device), provisioned), ((1, TrustSource::Updated), Reply::Nothing));
        return None;
    }
    assert_eq!(received.refusal(), (11, Reason::OperationFailed));
    assert_eq!((counts(&mut device), device.objects()), ((0, TrustSource::BuiltIn), 0));
    let Reply::Failed { reason } = provisioned else { panic!("{provisioned:?}") };
    let text = received.outcome.expect("an outcome").text;
    assert!(text.ends_with(&reason), "{text}: {reason}");
    Some(reason)
}

fn keys(key: SigningKey) -> Vec<TrustAnchor> {
    vec![key.public_key().into()]
}

/// The TAMs could be talked to, and would be obeyed in nothing (REQ-TEEP-026).
#[test]
fn attack_trust_store_whose_tams_have_only_the_other_suite() {
    let only_other = |store: &mut TrustStore| {
        store.tams[0].keys = keys(tam_other_suite_key());
        store.tams[1].keys = keys(key_of(other_suite(), 3));
    };
    let text = refused_at(None, only_other).expect("refused");
    assert!(text.contains("a key of the Agent's own cipher suite"), "{text}");
    assert_eq!(
        refused_at(None, |store| store.tams[0].keys = keys(tam_other_suite_key())),
        None,
        "one is enough"
    );
    // Whom a CA will issue certificates for is open.
    let ca = key_of(other_suite(), 0x41);
    let ca = TrustAnchor::new(Content::ca("CA", "CA", &ca, None).issue(&ca)).expect("a CA");
    let below_a_ca = |store: &mut TrustStore| {
        only_other(store);
        store.tams[1].keys = vec![ca.clone()];
    };
    assert_eq!(refused_at(None, below_a_ca), None);
}

#[test]
fn attack_trust_store_whose_tams_cannot_be_reached() {
    for uri in ["tam.example/tam", "coaps://tam.example/tam", "file:///tam", "http://"] {
        let unreachable = |store: &mut TrustStore| {
            store.tams.truncate(1);
            store.tams[0].uri = uri.to_owned();
        };
        let text = refused_at(None, unreachable).expect("refused");
        assert!(text.contains("a TAM with an http or https URI"), "{uri:?}: {text}");
        assert_eq!(refused_at(None, |store| store.tams[0].uri = uri.to_owned()), None, "one is enough");
    }
    let split = |store: &mut TrustStore| {
        store.tams[0].uri = "coap://tam.example".to_owned();
        store.tams[1].keys = keys(key_of(other_suite(), 3));
    };
    assert!(refused_at(None, split).is_some(), "neither of them can be used");
}

/// A certificate of its own key, or a CA's.
fn certificate(key: &SigningKey, is_ca: bool) -> TrustAnchor {
    let content = match is_ca {
        true => Content::ca("Own", "Own", key, None),
        false => Content::leaf("Own", "Own", key),
    };
    TrustAnchor::new(content.issue(key)).expect("an anchor")
}

#[test]
fn attack_trust_store_with_expired_certificates_only() {
    for is_ca in [false, true] {
        let tams = |store: &mut TrustStore| {
            store.tams[0].keys = vec![certificate(&tam_key(), is_ca)];
            store.tams[1].keys = vec![certificate(&other_tam_key(), is_ca)];
        };
        let signer = |store: &mut TrustStore| {
            store.signers.last_mut().expect("the trust signer").key = certificate(&trust_signer_key(), is_ca);
        };
        let verifier = |store: &mut TrustStore| {
            store.tams.iter_mut().for_each(|tam| tam.attestation_required = true);
            store.verifiers = vec![certificate(&key(0x42), is_ca)];
        };
        for now in [NOT_BEFORE - 1, NOT_AFTER + 1] {
            let text = refused_at(Some(now), tams).expect("nobody could talk to the Agent");
            assert!(text.contains("a TAM with") && text.contains("valid now"), "{text}");
            let text = refused_at(Some(now), signer).expect("nobody could change it again");
            assert!(
                text.contains("a signer that may change it again") && text.contains("valid now"),
                "{text}"
            );
            let text = refused_at(Some(now), verifier).expect("nobody could attest the TAMs");
            assert!(text.contains("a Verifier that is valid now"), "{text}");
        }
        for now in [None, Some(NOT_BEFORE), Some(NOT_AFTER)] {
            assert_eq!(refused_at(now, tams), None, "{now:?}");
            assert_eq!(refused_at(now, signer), None, "{now:?}");
            assert_eq!(refused_at(now, verifier), None, "{now:?}");
        }
    }
    // One key that is valid is enough.
    let mixed = |store: &mut TrustStore| store.tams[0].keys = vec![certificate(&tam_key(), false)];
    assert_eq!(refused_at(Some(NOT_AFTER + 1), mixed), None);
}

#[test]
fn attack_trust_store_that_nobody_could_change_again() {
    let text = refused_store(|store| store.signers.retain(|signer| !signer.trust_store));
    assert!(text.contains("at least one signer that may change it again"), "{text}");
    refused_store(|store| store.signers.clear());
}

#[test]
fn attack_trust_store_with_a_key_in_two_roles() {
    for text in [
        refused_store(|store| {
            store.signers.push(SignerAnchor::new(tam_key().public_key(), vec![store_id()]))
        }),
        refused_store(|store| store.verifiers.push(signer_key().public_key().into())),
        refused_store(|store| store.verifiers.push(tam_key().public_key().into())),
    ] {
        assert!(text.contains("a key in one role only"), "REQ-ARCH-007: {text}");
    }
}

#[test]
fn attack_trust_store_with_a_tam_that_nobody_can_attest() {
    assert!(refused_store(|store| store.tams[0].attestation_required = true).contains("a verifier"));
}

#[test]
fn attack_trust_store_that_is_malformed() {
    let good = trust_store(1, |_| ()).encode();
    let mut device = Device::new();
    let truncated = (0..good.len()).step_by(29).map(|end| good[..end].to_vec());
    for payload in truncated.chain([[&good[..], b"\0"].concat(), b"hello".to_vec(), vec![0x9f; 64]]) {
        let mut author = trust_author(&trust_store(1, |_| ()));
        (author.image, author.payload) = (payload.clone(), payload);
        let refusal = device.update(&[author.envelope()]).refusal();
        assert_eq!(refusal, (11, Reason::OperationFailed));
    }
    assert_eq!((counts(&mut device), device.objects()), ((0, TrustSource::BuiltIn), 0));
}

#[test]
fn attack_trust_store_with_the_sequence_number_of_another_manifest() {
    let mut author = trust_author(&trust_store(1, |_| ()));
    author.manifest.sequence_number = 2;
    let (code, reason, text) = refused(author);
    assert_eq!((code, reason), (11, Reason::OperationFailed));
    assert!(text.contains("it has the sequence number 1, and its manifest 2"), "{text}");
}

/// A trust store of exactly `size` bytes.
fn sized(size: usize) -> TrustStore {
    let mut store = trust_store(1, |_| ());
    for n in 40.. {
        let missing = size - store.encode().len();
        if missing <= 200 {
            // The other TAM's URI, to the byte.
            store.tams[1].uri.push_str(&"x".repeat(missing));
            break;
        }
        let prefix = |len: usize| ComponentId::encode(&[vec![7; len]]);
        let prefixes =
            if missing > 2400 { vec![prefix(250); 8] } else { vec![prefix((missing - 150).min(250))] };
        store.signers.push(SignerAnchor::new(key(n).public_key(), prefixes));
    }
    assert_eq!(store.encode().len(), size);
    store
}

#[test]
fn attack_oversize_trust_store() {
    let mut device = Device::new();
    let received = device.update(&[trust_envelope(&sized(MAX_TRUST_STORE + 1))]);
    assert_eq!(received.refusal(), (11, Reason::OperationFailed));
    assert_eq!((counts(&mut device), device.objects()), ((0, TrustSource::BuiltIn), 0));
    assert_eq!(device.update(&[trust_envelope(&sized(MAX_TRUST_STORE))]).code(), 0);
    assert_eq!(counts(&mut device.restarted()), (1, TrustSource::Updated));
}

#[test]
fn attack_trust_store_with_the_last_sequence_number() {
    let last = |store: &mut TrustStore| store.sequence_number = u64::MAX;
    let (code, _, text) = refused(trust_author(&trust_store(1, last)));
    assert_eq!(code, 11, "{text}");
    assert!(text.contains("so that there can be a higher one"), "{text}");
}

#[test]
fn attack_trust_store_whose_trust_signer_may_bring_nothing() {
    refused_store(|store| {
        let signers = store.signers.iter_mut().filter(|signer| signer.trust_store);
        signers.for_each(|signer| signer.commands = Some(vec![command::COPY]));
    });
}

#[test]
fn attack_trust_store_whose_trust_signer_has_a_key_of_which_no_signature_counts() {
    refused_store(|store| {
        // COSE_Key {1: 5, -1: pub}: HSS-LMS, one level, LMS_SHA256_M32_H5, LMOTS_SHA256_N32_W8.
        let mut public = vec![0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 4];
        public.extend([7; 48]);
        let cose = encode(|w| {
            w.map(2).int(1).int(5).int(-1).bytes(&public);
        });
        let key = PublicKey::from_cose_key(&cose).expect("an HSS-LMS key");
        store.signers.retain(|signer| !signer.trust_store);
        store.signers.push(SignerAnchor { trust_store: true, ..SignerAnchor::new(key, vec![]) });
    });
}
