// SPDX-License-Identifier: Apache-2.0
//! The whole chain in one process: author, TAM behind HTTP, Broker, Agent; only OP-TEE is simulated.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use teep_agent::Measured;
use teep_agent::config::{
    Config, DeviceClaims, EatProfile, Policy, SignerAnchor, Suite, TamAnchor, TrustStore,
};
use teep_broker::{Broker, Failure, Report};
use teep_proto::cose::{AgreementSecret, PublicKey, RecipientKey, SigningKey, Thumbprint};
use teep_proto::eat::{self, Claims, Confirmation, HardwareVersion, ManifestClaim, OemId, Profile};
use teep_proto::suit::{ComponentId, Digest, text};
use teep_proto::teec::TaRequest;
use teep_proto::teep::Dialect;
use teep_sim::{MemoryEnv, SimTee, ta_image};
use teep_suit::{Algorithm, Description, keys};
use teep_tam::store::Offer;
use teep_tam::{Attestation, Handle, HttpConfig, MemoryStore, Tam, TamConfig, spawn};

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
        Self::with(Dialect::Final, Dialect::Final)
    }

    /// With these settings of the TAM, and of the Agent for it.
    fn with(tam_dialect: Dialect, agent_dialect: Dialect) -> Self {
        let mut tam_config = TamConfig::generate().expect("keys");
        tam_config.dialect = tam_dialect;
        Self::built(tam_config, |tam| tam, |config| config.trust.tams[0].dialect = agent_dialect)
    }

    /// With a TAM that wants its devices attested, and decrypts what they say; and a device that has something to say.
    fn attesting(suite: Suite) -> Self {
        let mut tam_config = TamConfig::generate().expect("keys");
        let secret = AgreementSecret::from_scalar(&[21; 32]).expect("a scalar");
        tam_config.attestation = Attestation::Required;
        tam_config.report_keys = vec![RecipientKey::Agreement(secret.clone())];
        Self::built(
            tam_config,
            |tam| tam,
            |config| {
                config.suite = suite;
                config.trust.tams[0].report_key = Some(secret.public_key().clone());
                config.attestation = Some(device_claims());
            },
        )
    }

    /// With a device that wants its TAM attested, and a TAM for which `verifier` vouches.
    fn demanding(verifier: SigningKey) -> Self {
        let tam_config = TamConfig::generate().expect("keys");
        let trusted = key(20).public_key();
        let build = |tam: Tam| tam.attested_by(move |challenge, key| Some(vouch(&verifier, challenge, key)));
        Self::built(tam_config, build, |config| {
            config.trust.tams[0].attestation_required = true;
            config.trust.verifiers = vec![trusted.into()];
        })
    }

    fn built(
        tam_config: TamConfig,
        build: impl FnOnce(Tam) -> Tam,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let signer = keys::generate(Algorithm::Esp256).expect("a key");
        let tam_keys =
            [Algorithm::Esp256, Algorithm::Ed25519].map(|a| tam_config.signing_key(a).public_key());
        let (store, seen) = (MemoryStore::new(), Arc::default());
        let log = Arc::clone(&seen);
        let tam = Tam::with_observer(tam_config, store.clone(), move |event| {
            let log: &Mutex<Vec<String>> = &log;
            log.lock().expect("no panic").push(event.to_string());
        });
        let tam =
            spawn(Arc::new(build(tam)), ([127, 0, 0, 1], 0).into(), HttpConfig::default()).expect("a port");
        let prefix = ComponentId::encode(&["TEEP-Device", "SecureFS"]);
        let trust = TrustStore {
            tams: vec![TamAnchor::new(tam.uri(), tam_keys.to_vec())],
            signers: vec![SignerAnchor::new(signer.public_key(), vec![prefix])],
            policy: Policy { contact_interval: 0, ..Policy::default() },
            ..TrustStore::default()
        };
        let mut config =
            Config { vendor_ids: vec![VENDOR], class_ids: vec![CLASS], trust, ..Config::default() };
        configure(&mut config);
        let env = MemoryEnv::new([7; 32]);
        let tee = SimTee::start(env.clone(), &config.encode()).expect("the configuration");
        let mut broker = Broker::new(tee, teep_broker::Config::default());
        let info = broker.info().expect("the Agent answers");
        let [agent, attestation_key] = [&info.public_key, &info.attestation_key]
            .map(|key| PublicKey::from_cose_key(key).expect("a key"));
        store.enrol(agent.clone());
        store.enrol_attestation_key(agent.thumbprint(), attestation_key);
        let measured =
            [info.measurement, info.tee_measurement].map(|digest| digest.try_into().expect("SHA-256"));
        store.set_reference_values(measured.to_vec());
        Self { env, broker, signer, store, seen, _tam: tam }
    }

    fn publish(&self, version: u32) {
        self.publish_as(version.into(), version);
    }

    /// Publishes the manifest with this sequence number for this version of the Trusted Application.
    fn publish_as(&self, sequence_number: u64, version: u32) {
        let image = ta_image(TA, version, b"code");
        let description = Description::new(TA, sequence_number, VENDOR, CLASS, image);
        let envelope =
            teep_suit::create(&description, std::slice::from_ref(&self.signer)).expect("an envelope");
        let name = format!("{sequence_number}.suit");
        let offer = Offer::verified(name, envelope, &[self.signer.public_key()]);
        self.store.set_offers(vec![offer.expect("an offer")]);
    }

    fn request(&mut self) -> Report {
        self.try_request().expect("a conversation")
    }

    fn try_request(&mut self) -> Result<Report, Failure> {
        let request = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None };
        self.broker.request_ta(&request, &mut |_| {})
    }

    fn policy_check(&mut self) -> Report {
        self.broker.policy_check(&mut |_| {}).expect("a conversation")
    }

    fn version(&self) -> Option<u32> {
        self.env.installed(TA).map(|(version, _)| version)
    }

    /// What the TAM noted since the last call.
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("no panic"))
    }

    /// What the TAM sent and received since the last call, by message name.
    fn messages(&self) -> Vec<String> {
        let seen = self.log();
        seen.iter().map(|line| line.split([' ', ',']).take(2).collect::<Vec<_>>().join(" ")).collect()
    }
}

#[test]
fn install_update_and_refused_rollback() {
    install_update_and_refuse_rollback(World::new());
}

/// TAM and Agent are both configured for the numbers before draft -26.
#[test]
fn install_update_and_refused_rollback_before_26() {
    install_update_and_refuse_rollback(World::with(Dialect::Pre26, Dialect::Pre26));
}

/// REQ-TEEP-020, 021: an Agent that is built with the other cipher suite.
#[test]
fn install_update_and_refused_rollback_with_ed25519() {
    let tam_config = TamConfig::generate().expect("keys");
    let ed25519 = |config: &mut Config| config.suite = Suite::Ed25519;
    install_update_and_refuse_rollback(World::built(tam_config, |tam| tam, ed25519));
}

fn install_update_and_refuse_rollback(mut world: World) {
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
    let log = world.log();
    let last = log.last().expect("the TAM hears of it");
    assert!(last.starts_with("received Error, "), "{last}");
    assert!(last.contains("ERR_MANIFEST_PROCESSING_FAILED (11)") && last.contains("rollback"), "{last}");
}

/// A TAM and an Agent with different settings: both say so, and nothing is installed.
fn different_dialects(tam: Dialect, agent: Dialect) {
    const CAUSE: &str = "give both sides one dialect";
    let mut world = World::with(tam, agent);
    world.publish(1);
    let failure = world.try_request().expect_err("no conversation");
    let refusal = failure.report.refusal().expect("the Agent says why");
    assert_eq!(refusal.err_code, 1, "ERR_PERMANENT_ERROR");
    assert!(refusal.text.contains(CAUSE), "{}", refusal.text);
    assert!(failure.to_string().contains("400"), "the TAM refuses the Agent's Error: {failure}");
    let [asked, refused] = &world.log()[..] else { panic!("one exchange") };
    assert!(asked.starts_with("sent QueryRequest, "), "{asked}");
    assert!(refused.starts_with("dropped ") && refused.contains(CAUSE), "{refused}");
    assert_eq!(world.version(), None);
}

#[test]
fn tam_of_the_final_numbers_and_agent_before_26() {
    different_dialects(Dialect::Final, Dialect::Pre26);
}

#[test]
fn tam_before_26_and_agent_of_the_final_numbers() {
    different_dialects(Dialect::Pre26, Dialect::Final);
}

fn key(n: u8) -> SigningKey {
    SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar")
}

/// What a Verifier says of a TAM's key.
fn vouch(verifier: &SigningKey, challenge: &[u8], key: Thumbprint) -> Vec<u8> {
    let device = Claims {
        nonce: Some(challenge),
        ueid: Some(b"\x01the TAM"),
        confirmation: Some(Confirmation::kid(&key)),
        ..maker_claims()
    };
    eat::sign(&device, &Profile::DRAFT, verifier).expect("signs")
}

/// REQ-TEEP-091, 110, 124.
#[test]
fn a_tam_is_attested_to_a_device_that_wants_it() {
    let mut world = World::demanding(key(20));
    world.publish(1);
    assert_eq!(world.request().refusal(), None);
    assert_eq!(world.version(), Some(1));
    let exchange = [
        "sent QueryRequest",
        "received Error",
        "sent QueryRequest",
        "received QueryResponse",
        "sent Update",
        "received Success",
    ];
    assert_eq!(world.messages(), exchange);
}

#[test]
fn a_tam_vouched_for_by_a_stranger_is_refused() {
    let mut world = World::demanding(key(21));
    world.publish(1);
    let report = world.request();
    let refusal = report.refusal().expect("the person at the device is told");
    assert_eq!(refusal.err_code, 1);
    assert!(refusal.text.contains("does not count"), "{}", refusal.text);
    let exchange = ["sent QueryRequest", "received Error", "sent QueryRequest", "received Error"];
    assert_eq!(world.messages(), exchange, "they do not go on for ever");
    assert_eq!(world.version(), None);
}

/// What the maker of the device says in its Evidence.
fn device_claims() -> DeviceClaims {
    DeviceClaims::new(&maker_claims(), &EatProfile::default()).expect("complete")
}

fn maker_claims() -> Claims<'static> {
    Claims {
        oemid: Some(OemId::Pen(32473)),
        hardware_model: Some(b"board"),
        hardware_version: Some(HardwareVersion { version: "1", scheme: None }),
        manifests: vec![ManifestClaim::SuitReference { uri: "urn:x", digest: Digest::of(b"firmware") }],
        ..Claims::default()
    }
}

/// REQ-TEEP-061, 071, 105, 107; with both cipher suites.
#[test]
fn an_attested_device_is_served_and_one_with_another_agent_is_not() {
    for suite in [Suite::Esp256, Suite::Ed25519] {
        serve_the_attested_one(World::attesting(suite));
    }
}

fn serve_the_attested_one(mut world: World) {
    world.publish(1);
    assert_eq!(world.request().refusal(), None);
    assert_eq!(world.version(), Some(1));
    let exchange = ["sent QueryRequest", "received QueryResponse", "sent Update", "received Success"];
    assert_eq!(world.messages(), exchange);
    // The same device with the same keys runs other code.
    world.env.set_measurement(Some(Measured { agent: [9; 32], tee: [9; 32] }));
    world.publish(2);
    let report = world.policy_check();
    let refusal = report.refusal().expect("the person at the device is told");
    assert!(refusal.text.contains("no expected measurement"), "{}", refusal.text);
    assert_eq!(refusal.err_code, 7, "ERR_ATTESTATION_REQUIRED");
    assert_eq!(world.version(), Some(1));
    let log = world.log();
    assert!(
        log.iter().any(|line| line.starts_with("dropped ") && line.contains("no expected measurement")),
        "{log:?}"
    );
}

/// Also before -26, in the other cipher suite, and when the device encrypts its reports.
#[test]
fn newer_manifest_for_the_same_image_reaches_the_device() {
    let ed25519 = |config: &mut Config| config.suite = Suite::Ed25519;
    let worlds = [
        World::new(),
        World::with(Dialect::Pre26, Dialect::Pre26),
        World::built(TamConfig::generate().expect("keys"), |tam| tam, ed25519),
        World::attesting(Suite::Esp256),
        World::attesting(Suite::Ed25519),
    ];
    let asked = ["sent QueryRequest", "received QueryResponse"];
    for mut world in worlds {
        world.publish_as(1, 1);
        assert_eq!(world.request().refusal(), None);
        world.messages();
        world.publish_as(2, 1);
        assert_eq!(world.policy_check().refusal(), None);
        assert_eq!(world.messages(), [&asked[..], &["sent Update", "received Success"]].concat());
        for _again in 0..2 {
            assert_eq!(world.policy_check().outcomes, []);
            assert_eq!(world.messages(), asked, "the device has it");
        }
        world.publish_as(1, 1);
        assert_eq!(world.policy_check().outcomes, []);
        assert_eq!(world.messages(), asked, "the TAM knows that it would be refused");
        // With the manifest the device has taken its number.
        world.publish_as(1, 3);
        let report = world.policy_check();
        assert!(report.refusal().is_some_and(|refusal| refusal.text.contains("rollback")), "{report:?}");
    }
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
