// SPDX-License-Identifier: Apache-2.0
//! The example of an Agent that drives its own transport, against a TAM in this process: no Broker, no OP-TEE.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "../examples/own-transport/device.rs"]
mod device;

use device::Device;
use std::sync::Arc;
use teep_agent::config::{Config, Policy, SignerAnchor, TamAnchor, TrustStore};
use teep_proto::cose::{Algorithm, PublicKey, SigningKey};
use teep_proto::suit::{Authenticator, ComponentId};
use teep_sim::{MemoryEnv, ta_image};
use teep_suit::{Description, Source, create_for, keys};
use teep_tam::store::Offer;
use teep_tam::{Handle, HttpConfig, MemoryStore, Tam, TamConfig, spawn};

const TA: [u8; 16] = [0x1c; 16];
const VENDOR: [u8; 16] = [0xc0; 16];
const CLASS: [u8; 16] = [0xc1; 16];

struct World {
    env: MemoryEnv,
    device: Device,
    signer: SigningKey,
    store: MemoryStore,
    payloads: tempfile::TempDir,
    tam: Handle,
}

impl World {
    fn new() -> Self {
        let signer = keys::generate(Algorithm::Esp256).expect("a key");
        let tam_config = TamConfig::generate().expect("keys");
        let tam_keys =
            [Algorithm::Esp256, Algorithm::Ed25519].map(|a| tam_config.signing_key(a).public_key());
        let (store, payloads) = (MemoryStore::new(), tempfile::tempdir().expect("a directory"));
        let http = HttpConfig { payloads: Some(payloads.path().to_owned()), ..HttpConfig::default() };
        let tam = Arc::new(Tam::new(tam_config, store.clone()));
        let tam = spawn(tam, ([127, 0, 0, 1], 0).into(), http).expect("a port");
        let prefix = ComponentId::encode(&["TEEP-Device", "SecureFS"]);
        let trust = TrustStore {
            tams: vec![TamAnchor::new(tam.uri(), tam_keys.to_vec())],
            signers: vec![SignerAnchor::new(signer.public_key(), vec![prefix])],
            policy: Policy { contact_interval: 0, ..Policy::default() },
            ..TrustStore::default()
        };
        let config = Config { vendor_ids: vec![VENDOR], class_ids: vec![CLASS], trust, ..Config::default() };
        let env = MemoryEnv::new([7; 32]);
        let mut device = Device::start(env.clone(), &config).expect("the configuration");
        let info = device.info().expect("the Agent answers");
        store.enrol(PublicKey::from_cose_key(&info.public_key).expect("a key"));
        Self { env, device, signer, store, payloads, tam }
    }

    /// Offers this version; its payload is fetched from the TAM's server, and is there if it is `present`.
    fn publish(&self, version: u32, present: bool) {
        // Of several pieces.
        let image = ta_image(TA, version, &[0x5a; 100_000]);
        let mut description = Description::new(TA, version.into(), VENDOR, CLASS, image.clone());
        let name = format!("{version}.ta");
        description.components[0].source = Some(Source::fetched(&self.tam.payload_uri(&name)));
        let created = create_for(&description, &[Authenticator::Sign(&self.signer)]).expect("an envelope");
        if present {
            std::fs::write(self.payloads.path().join(name), image).expect("a file");
        }
        let name = format!("{version}.suit");
        let offer = Offer::verified(name, created.envelope, &[self.signer.public_key()]).expect("an offer");
        self.store.set_offers(vec![offer]);
    }

    fn version(&self) -> Option<u32> {
        self.env.installed(TA).map(|(version, _)| version)
    }
}

/// REQ-ARCH-020.
#[test]
fn a_device_without_a_broker_installs_and_updates() {
    let mut world = World::new();
    assert_eq!(world.device.policy_check(), Ok(vec![]), "nothing to do");
    world.publish(1, true);
    let outcomes = world.device.request_ta(TA).expect("a conversation");
    assert_eq!(outcomes.iter().map(|outcome| outcome.err_code).collect::<Vec<_>>(), [0]);
    assert_eq!(world.version(), Some(1));
    assert_eq!(world.device.request_ta(TA), Ok(vec![]), "REQ-TEEP-120");
    world.publish(2, true);
    assert_eq!(world.device.policy_check().expect("a conversation").len(), 1);
    assert_eq!(world.version(), Some(2));
}

#[test]
fn a_payload_that_is_not_there_and_a_tam_that_is_not_there() {
    let mut world = World::new();
    world.publish(1, false);
    let outcomes = world.device.request_ta(TA).expect("a conversation");
    assert_eq!(outcomes[0].err_code, 11, "{}", outcomes[0].text);
    assert!(outcomes[0].text.contains("404"), "{}", outcomes[0].text);
    assert_eq!(world.version(), None);
    drop(world.tam);
    world.device.request_ta(TA).expect_err("nobody listens");
    world.device.policy_check().expect_err("nobody listens");
}
