// SPDX-License-Identifier: Apache-2.0
//! The whole chain in one process: author, TAM behind HTTP, Broker, Agent; only OP-TEE is simulated.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use teep_agent::config::{Config, SignerAnchor, TamAnchor};
use teep_broker::{Broker, Report};
use teep_proto::cose::PublicKey;
use teep_proto::suit::{ComponentId, text};
use teep_proto::teec::TaRequest;
use teep_sim::{MemoryEnv, SimTee, ta_image};
use teep_suit::{Algorithm, Description, keys};
use teep_tam::store::Offer;
use teep_tam::{Handle, HttpConfig, MemoryStore, Tam, TamConfig, spawn};

const TA: [u8; 16] = [0x1c; 16];
const VENDOR: [u8; 16] = [0xc0; 16];
const CLASS: [u8; 16] = [0xc1; 16];

/// A device, its TAM, and the messages the TAM saw.
struct World {
    env: MemoryEnv,
    broker: Broker<SimTee>,
    signer: teep_proto::cose::SigningKey,
    store: MemoryStore,
    seen: Arc<Mutex<Vec<String>>>,
    _tam: Handle,
}

impl World {
    fn new() -> Self {
        let tam_config = TamConfig::generate().expect("keys");
        let signer = keys::generate(Algorithm::Esp256).expect("a key");
        let tam_keys =
            [Algorithm::Esp256, Algorithm::Ed25519].map(|a| tam_config.signing_key(a).public_key());
        let (store, seen) = (MemoryStore::new(), Arc::default());
        let log = Arc::clone(&seen);
        let tam = Tam::with_observer(tam_config, store.clone(), move |event| {
            let log: &Mutex<Vec<String>> = &log;
            log.lock().expect("no panic").push(event.to_string());
        });
        let tam = spawn(Arc::new(tam), ([127, 0, 0, 1], 0).into(), HttpConfig::default()).expect("a port");
        let config = Config {
            vendor_ids: vec![VENDOR],
            class_ids: vec![CLASS],
            tams: vec![TamAnchor { uri: tam.uri(), keys: tam_keys.to_vec() }],
            signers: vec![SignerAnchor {
                key: signer.public_key(),
                prefixes: vec![ComponentId::encode(&["TEEP-Device", "SecureFS"])],
            }],
        };
        let env = MemoryEnv::new([7; 32]);
        let tee = SimTee::start(env.clone(), &config.encode()).expect("the configuration");
        let mut broker = Broker::new(tee, teep_broker::Config::default());
        let info = broker.info().expect("the Agent answers");
        store.enrol(PublicKey::from_cose_key(&info.public_key).expect("a key"));
        Self { env, broker, signer, store, seen, _tam: tam }
    }

    fn publish(&self, version: u32) {
        let image = ta_image(TA, version, b"code");
        let description = Description::new(TA, version.into(), VENDOR, CLASS, image);
        let envelope =
            teep_suit::create(&description, std::slice::from_ref(&self.signer)).expect("an envelope");
        let offer = Offer::verified(format!("{version}.suit"), envelope, &[self.signer.public_key()]);
        self.store.set_offers(vec![offer.expect("an offer")]);
    }

    fn request(&mut self) -> Report {
        let request = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None };
        self.broker.request_ta(&request, &mut |_| {}).expect("a conversation")
    }

    fn policy_check(&mut self) -> Report {
        self.broker.policy_check(&mut |_| {}).expect("a conversation")
    }

    fn version(&self) -> Option<u32> {
        self.env.installed(TA).map(|(version, _)| version)
    }

    /// What the TAM sent and received since the last call, by message name.
    fn messages(&self) -> Vec<String> {
        let seen = std::mem::take(&mut *self.seen.lock().expect("no panic"));
        seen.iter().map(|line| line.split([' ', ',']).take(2).collect::<Vec<_>>().join(" ")).collect()
    }
}

#[test]
fn install_update_and_refused_rollback() {
    let mut world = World::new();
    assert_eq!(world.version(), None);

    world.publish(1);
    assert_eq!(world.request().refusal(), None);
    assert_eq!(world.version(), Some(1));
    let exchange = ["sent QueryRequest", "received QueryResponse", "sent Update", "received Success"];
    assert_eq!(world.messages(), exchange);

    world.publish(2);
    assert_eq!(world.policy_check().refusal(), None);
    assert_eq!(world.version(), Some(2));
    assert_eq!(world.messages(), exchange);

    world.publish(1);
    let report = world.policy_check();
    let refusal = report.refusal().expect("a refusal");
    assert_eq!(refusal.err_code, 11);
    assert!(refusal.text.contains("rollback"), "{}", refusal.text);
    assert_eq!(world.version(), Some(2));
    assert_eq!(world.messages().last().map(String::as_str), Some("received Error"));
}

#[test]
fn nothing_to_do_costs_one_exchange_or_none() {
    let mut world = World::new();
    world.publish(1);
    world.request();
    world.messages();
    assert_eq!(world.request().exchanges, 0, "REQ-HTTP-016: it is installed");
    assert_eq!(world.messages(), [""; 0]);
    assert_eq!(world.policy_check().outcomes, []);
    assert_eq!(world.messages(), ["sent QueryRequest", "received QueryResponse"]);
}

#[test]
fn power_cut_in_the_middle_and_a_second_try() {
    let mut world = World::new();
    world.publish(1);
    world.env.cut_power_after(1);
    assert!(world.request().refusal().is_some());
    world.env.restore_power();
    assert_eq!(world.request().refusal(), None);
    assert_eq!(world.version(), Some(1));
}
