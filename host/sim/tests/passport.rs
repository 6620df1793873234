// SPDX-License-Identifier: Apache-2.0
//! A device that proves to one TAM what it is, and shows another one what that one said: Broker, TAMs behind HTTP, and
//! the Agent; only OP-TEE is simulated.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use teep_agent::config::{
    Config, DeviceClaims, EatProfile, Policy, SignerAnchor, Suite, TamAnchor, TrustStore,
};
use teep_broker::{Broker, Failure, Report};
use teep_proto::cose::{AgreementSecret, Algorithm, PublicKey, RecipientKey, SigningKey};
use teep_proto::eat::{Claims, HardwareVersion, ManifestClaim, OemId};
use teep_proto::suit::{ComponentId, Digest, text};
use teep_proto::teec::TaRequest;
use teep_sim::{MemoryEnv, SimTee, ta_image};
use teep_suit::{Description, create, keys};
use teep_tam::store::Offer;
use teep_tam::{Attestation, Handle, HttpConfig, MemoryStore, Tam, TamConfig, Verifier, spawn};

const TA: [u8; 16] = [0x1c; 16];
const VENDOR: [u8; 16] = [0xc0; 16];
const CLASS: [u8; 16] = [0xc1; 16];
const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A TAM, and what it noted.
struct Server {
    tam: Arc<Tam>,
    store: MemoryStore,
    keys: Vec<PublicKey>,
    seen: Arc<Mutex<Vec<String>>>,
    handle: Option<Handle>,
    uri: String,
}

impl Server {
    fn new(config: TamConfig) -> Self {
        let keys = [Algorithm::Esp256, Algorithm::Ed25519].map(|a| config.signing_key(a).public_key());
        let (store, seen) = (MemoryStore::new(), Arc::<Mutex<Vec<String>>>::default());
        let log = Arc::clone(&seen);
        let tam = Arc::new(Tam::with_observer(config, store.clone(), move |event| {
            log.lock().expect("no panic").push(event.to_string());
        }));
        let handle = spawn(tam.clone(), ANY_PORT.into(), HttpConfig::default()).expect("a port");
        let uri = handle.uri();
        Self { tam, store, keys: keys.to_vec(), seen, handle: Some(handle), uri }
    }

    /// Stops it and returns where it was.
    fn stop(&mut self) -> SocketAddr {
        self.handle.take().expect("it runs").address()
    }

    fn start_at(&mut self, address: SocketAddr) {
        self.handle = Some(spawn(self.tam.clone(), address, HttpConfig::default()).expect("the same port"));
    }

    /// What it sent and received since the last call, by message name.
    fn messages(&self) -> Vec<String> {
        let seen = std::mem::take(&mut *self.seen.lock().expect("no panic"));
        let seen = seen.iter().filter(|line| !line.starts_with("dropped"));
        seen.map(|line| line.split([' ', ',']).take(2).collect::<Vec<_>>().join(" ")).collect()
    }
}

struct World {
    env: MemoryEnv,
    broker: Broker<SimTee>,
    signer: SigningKey,
    /// Appraises Evidence, and vouches for what convinced it.
    checker: Server,
    /// Believes the checker.
    believer: Server,
    attestation_key: PublicKey,
    agent: PublicKey,
}

impl World {
    fn new(suite: Suite, result_lifetime: Duration) -> Self {
        let [signer, verifier] = [(); 2].map(|()| keys::generate(Algorithm::Ed25519).expect("a key"));
        let mut config = TamConfig::generate().expect("keys");
        config.attestation = Attestation::Required;
        config.verifier = Some(Verifier { key: verifier.clone(), result_lifetime });
        let checker = Server::new(config);
        let secret = AgreementSecret::from_scalar(&[21; 32]).expect("a scalar");
        let mut config = TamConfig::generate().expect("keys");
        config.attestation = Attestation::Passport;
        config.report_keys = vec![RecipientKey::Agreement(secret.clone())];
        let believer = Server::new(config);
        believer.store.set_verifiers(vec![verifier.public_key()]);
        let prefix = ComponentId::encode(&["TEEP-Device", "SecureFS"]);
        let trust = TrustStore {
            tams: vec![
                TamAnchor::new(checker.uri.clone(), checker.keys.clone()),
                TamAnchor {
                    report_key: Some(secret.public_key().clone()),
                    ..TamAnchor::new(believer.uri.clone(), believer.keys.clone())
                },
            ],
            signers: vec![SignerAnchor::new(signer.public_key(), vec![prefix])],
            policy: Policy { contact_interval: 0, ..Policy::default() },
            ..TrustStore::default()
        };
        let (vendor_ids, class_ids) = (vec![VENDOR], vec![CLASS]);
        let attestation = Some(device_claims());
        let config = Config { vendor_ids, class_ids, suite, attestation, trust, ..Config::default() };
        let env = MemoryEnv::new([7; 32]);
        let tee = SimTee::start(env.clone(), &config.encode()).expect("the configuration");
        let mut broker = Broker::new(tee, teep_broker::Config::default());
        let info = broker.info().expect("the Agent answers");
        let [agent, attestation_key] = [&info.public_key, &info.attestation_key]
            .map(|key| PublicKey::from_cose_key(key).expect("a key"));
        checker.store.enrol(agent.clone());
        checker.store.enrol_attestation_key(agent.thumbprint(), attestation_key.clone());
        believer.store.enrol(agent.clone());
        Self { env, broker, signer, checker, believer, attestation_key, agent }
    }

    /// The second TAM offers this version.
    fn publish(&self, version: u32) {
        let description = Description::new(TA, version.into(), VENDOR, CLASS, ta_image(TA, version, b"code"));
        let envelope = create(&description, std::slice::from_ref(&self.signer)).expect("an envelope");
        let offer = Offer::verified(format!("{version}.suit"), envelope, &[self.signer.public_key()]);
        self.believer.store.set_offers(vec![offer.expect("an offer")]);
    }

    /// Somebody on the device needs the TA, and says that the second TAM has it.
    fn request(&mut self) -> Result<Report, Failure> {
        let tam_uri_hint = Some(self.believer.uri.clone());
        self.broker.request_ta(&TaRequest { component_id: text::native_ta(TA), tam_uri_hint }, &mut |_| {})
    }

    fn policy_check(&mut self) -> Report {
        self.broker.policy_check(&mut |_| {}).expect("two conversations")
    }

    fn version(&self) -> Option<u32> {
        self.env.installed(TA).map(|(version, _)| version)
    }
}

fn device_claims() -> DeviceClaims {
    let claims = Claims {
        oemid: Some(OemId::Pen(32473)),
        hardware_model: Some(b"board"),
        hardware_version: Some(HardwareVersion { version: "1", scheme: None }),
        manifests: vec![ManifestClaim::SuitReference { uri: "urn:x", digest: Digest::of(b"firmware") }],
        ..Claims::default()
    };
    DeviceClaims::new(&claims, &EatProfile::default()).expect("complete")
}

const UPDATED: [&str; 2] = ["sent Update", "received Success"];

/// REQ-TEEP-073, 106, 108; with both cipher suites (REQ-TEEP-020, 021).
#[test]
fn a_passport_from_one_tam_opens_the_other() {
    for suite in [Suite::Esp256, Suite::Ed25519] {
        let mut world = World::new(suite, Verifier::RESULT_LIFETIME);
        assert_eq!(world.policy_check().refusal(), None);
        let asked = ["sent QueryRequest", "received QueryResponse"];
        assert_eq!(world.checker.messages(), [&asked[..], &UPDATED].concat(), "it hands over a passport");
        assert_eq!(world.believer.messages(), asked, "and there is nothing to do");
        world.publish(1);
        let report = world.request().expect("a conversation");
        assert_eq!((report.refusal(), report.exchanges), (None, 2));
        let unsolicited = [&["received QueryResponse"][..], &UPDATED].concat();
        assert_eq!(world.believer.messages(), unsolicited, "the device speaks first");
        assert_eq!(world.version(), Some(1));
        world.publish(2);
        assert_eq!(world.policy_check().refusal(), None);
        assert_eq!(world.believer.messages(), unsolicited);
        assert_eq!(world.version(), Some(2));
    }
}

/// Without one that counts it has to send Evidence, which the second TAM can check, too.
#[test]
fn a_device_without_a_passport_that_counts_is_asked_for_evidence() {
    let mut world = World::new(Suite::Esp256, Duration::ZERO);
    world.believer.store.enrol_attestation_key(world.agent.thumbprint(), world.attestation_key.clone());
    world.publish(1);
    let asked_again = ["sent QueryRequest", "received QueryResponse"];
    let answered = [&asked_again[..], &UPDATED].concat();
    // It has none.
    assert_eq!(world.request().expect("a conversation").refusal(), None);
    let no_passport = ["sent QueryRequest", "received Error"];
    assert_eq!(world.believer.messages(), [&no_passport[..], &answered].concat());
    assert_eq!(world.version(), Some(1));
    // It has one that has expired already.
    world.publish(2);
    assert_eq!(world.policy_check().refusal(), None);
    assert_eq!(world.believer.messages(), [&asked_again[..], &answered].concat());
    assert_eq!(world.version(), Some(2));
}

#[test]
fn a_device_whose_passport_the_tam_does_not_trust_gets_nothing() {
    let mut world = World::new(Suite::Esp256, Verifier::RESULT_LIFETIME);
    world.believer.store.set_verifiers(vec![keys::generate(Algorithm::Esp256).expect("a key").public_key()]);
    world.publish(1);
    let report = world.policy_check();
    let refusal = report.refusal().expect("the person at the device is told");
    assert_eq!(refusal.err_code, 7, "ERR_ATTESTATION_REQUIRED");
    assert!(refusal.text.contains("does not count"), "{}", refusal.text);
    assert_eq!(world.version(), None);
}

/// REQ-TEEP-073, condition b: the Broker tells the Agent that it did not reach the TAM.
#[test]
fn after_a_failure_the_tam_speaks_first_again() {
    let mut world = World::new(Suite::Esp256, Verifier::RESULT_LIFETIME);
    world.policy_check();
    world.believer.messages();
    let address = world.believer.stop();
    world.publish(1);
    world.request().expect_err("nobody listens");
    world.believer.start_at(address);
    assert_eq!(world.request().expect("a conversation").refusal(), None);
    let asked = ["sent QueryRequest", "received QueryResponse"];
    assert_eq!(world.believer.messages(), [&asked[..], &UPDATED].concat());
    assert_eq!(world.version(), Some(1));
}
