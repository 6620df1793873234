// SPDX-License-Identifier: Apache-2.0
//! Trust stores that the Agent could not live with.

use super::{counts, refused, store_id};
use crate::author::*;
use crate::support::*;
use teep_agent::config::{SignerAnchor, TrustStore};
use teep_proto::limits::MAX_TRUST_STORE;
use teep_proto::suit::{ComponentId, Reason};
use teep_proto::teec::TrustSource;

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
