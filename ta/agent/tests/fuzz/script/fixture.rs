// SPDX-License-Identifier: Apache-2.0
//! The device's configuration, and the keys of those who talk to it.

use std::sync::LazyLock;
use teep_agent::config::{Config, Policy, Quota, SignerAnchor, Suite, TamAnchor, TrustStore};
use teep_proto::cose::SigningKey;
use teep_proto::suit::{ComponentId, text};
use teep_proto::teep::Dialect;

pub(crate) const VENDOR: [u8; 16] = [0xc0; 16];
pub(crate) const CLASS: [u8; 16] = [0xc1; 16];
/// Trusted Applications; the last one is no component of anybody.
pub(crate) const UUIDS: [[u8; 16]; 4] = [[0x1c; 16], [0x2c; 16], [0x3c; 16], [0x4c; 16]];
pub(crate) const DATA: [&str; 4] = ["d0", "d1", "config", "zone"];
pub(crate) const TAM_URIS: [&str; 2] = ["http://tam.example/tam", "http://other.example/tam"];

/// TAMs of the URIs, and a stranger.
pub(crate) static TAM_KEYS: LazyLock<[SigningKey; 3]> =
    LazyLock::new(|| [1, 2, 3].map(|n| SigningKey::ed25519_from_seed(&[n; 32])));

/// Signers: of everything, also in the clear; of what is elsewhere; of one TA; without the right to write; with a quota;
/// of trust stores only. A stranger.
pub(crate) static SIGNER_KEYS: LazyLock<[SigningKey; 7]> = LazyLock::new(|| {
    [11, 12, 13, 14, 15, 16, 17].map(|n| match n {
        12 => SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar"),
        _ => SigningKey::ed25519_from_seed(&[n; 32]),
    })
});

/// Ed25519 is its suite because it is the faster one.
pub(crate) static CONFIG: LazyLock<Config> = LazyLock::new(|| Config {
    vendor_ids: vec![VENDOR],
    class_ids: vec![CLASS],
    suite: Suite::Ed25519,
    provisioning: true,
    trust: trust_store(1, 0),
    ..Config::default()
});

/// A trust store with this number, and with fewer TAMs and signers than the first one by `variant`: none has others.
pub(crate) fn trust_store(sequence_number: u64, variant: usize) -> TrustStore {
    let tam = |n: usize, dialect| TamAnchor {
        dialect,
        ..TamAnchor::new(TAM_URIS[n].to_owned(), vec![TAM_KEYS[n].public_key()])
    };
    let signer = |n: usize, prefixes: &[&[&[u8]]]| {
        let prefixes = prefixes.iter().map(|prefix| ComponentId::encode(prefix)).collect();
        SignerAnchor::new(SIGNER_KEYS[n].public_key(), prefixes)
    };
    let quota = Quota { max_components: Some(2), max_bytes: Some(2000), max_manifests: Some(2) };
    let mut store = TrustStore {
        sequence_number,
        tams: vec![tam(0, Dialect::Final), tam(1, Dialect::Pre26)],
        signers: vec![
            SignerAnchor { personalization_in_clear: true, ..signer(0, &[&[b"TEEP-Device"]]) },
            signer(1, &[&[b"Elsewhere"]]),
            signer(2, &[&[b"TEEP-Device", b"SecureFS", &UUIDS[0]]]),
            SignerAnchor { commands: Some(vec![21]), ..signer(3, &[&[b"TEEP-Device"]]) },
            SignerAnchor { quota, ..signer(4, &[&[b"TEEP-Device"]]) },
            SignerAnchor { trust_store: true, ..signer(5, &[]) },
        ],
        policy: Policy {
            unnamed_manifests: true,
            contact_interval: 0,
            errors_per_minute: 60_000,
            updates_per_hour: 0,
            ..Policy::default()
        },
        ..TrustStore::default()
    };
    if variant & 1 == 1 {
        store.tams.pop();
    }
    if variant & 2 == 2 {
        // One that could never be changed again, and may not be taken.
        store.signers.pop();
    }
    if variant & 4 == 4 {
        store.signers.remove(variant >> 3 & 3);
    }
    store
}

/// Identifiers of components, some of which none may have.
pub(crate) fn component_id(n: usize) -> Vec<u8> {
    match n % 12 {
        n @ 0..=2 => ComponentId::encode(&text::native_ta(UUIDS[n])),
        3 => ComponentId::encode(&[UUIDS[0]]),
        n @ 4..=6 => ComponentId::encode(&["TEEP-Device", "SecureFS", DATA[n - 4]]),
        7 => ComponentId::encode(&[&b"TEEP-Device"[..], b"SecureFS", &UUIDS[1], b"config"]),
        8 => ComponentId::encode(&["Elsewhere", "zone"]),
        9 => ComponentId::encode(&text::native_ta(teep_proto::teec::AGENT_UUID)),
        10 => manifest_id(0),
        _ => ComponentId::encode(&["TEEP-Device", ".."]),
    }
}

/// Identifiers of manifests.
pub(crate) fn manifest_id(n: usize) -> Vec<u8> {
    match n % 8 {
        n @ 0..=2 => ComponentId::encode(&text::native_ta_manifest(UUIDS[n])),
        n @ 3..=6 => ComponentId::encode(&["TEEP-Device", "SecureFS", &format!("{}.suit", DATA[n - 3])]),
        _ => ComponentId::encode(&["Elsewhere", "zone.suit"]),
    }
}
