// SPDX-License-Identifier: Apache-2.0
//! What `teep-suit` makes of descriptions, through TAM, Broker and Agent: payloads by URI, personalization data,
//! dependencies, a URI that a dependent moves, updates and removal.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use teep_agent::EnvError;
use teep_agent::config::{Config, Policy, SignerAnchor, TamAnchor, TrustStore};
use teep_broker::{Broker, Event, Report};
use teep_proto::cose::{
    AgreementKey, AgreementSecret, ContentAlgorithm, PublicKey, RecipientKey, SigningKey,
};
use teep_proto::suit::{Authenticator, ComponentId, Envelope, text};
use teep_proto::teec::TaRequest;
use teep_sim::{MemoryEnv, SimTee, ta_image};
use teep_suit::{
    Algorithm, Component, Dependency, Description, Encryption, Override, Recipient, Sealing, Source,
    create_for, keys,
};
use teep_tam::store::Offer;
use teep_tam::{Handle, HttpConfig, MemoryStore, Tam, TamConfig, spawn};

const TA: [u8; 16] = [0x1c; 16];
const OTHER_TA: [u8; 16] = [0x2d; 16];
const VENDOR: [u8; 16] = [0xc0; 16];
const CLASS: [u8; 16] = [0xc1; 16];

/// A device, and a TAM that has a developer's manifests, its own, and a directory of payloads.
struct World {
    env: MemoryEnv,
    config: Vec<u8>,
    broker: Broker<SimTee>,
    developer: SigningKey,
    /// The TAM's own key for manifests. It may name and personalize, but not write a Trusted Application.
    operator: SigningKey,
    device: AgreementKey,
    agent: PublicKey,
    store: MemoryStore,
    offers: Vec<Offer>,
    payloads: tempfile::TempDir,
    seen: Arc<Mutex<Vec<String>>>,
    tam: Handle,
}

impl World {
    fn new() -> Self {
        let mut tam_config = TamConfig::generate().expect("keys");
        let report_key = AgreementSecret::from_scalar(&[0x33; 32]).expect("a key");
        tam_config.report_keys.push(RecipientKey::Agreement(report_key.clone()));
        let [developer, operator] = [(); 2].map(|()| keys::generate(Algorithm::Esp256).expect("a key"));
        let tam_keys =
            [Algorithm::Esp256, Algorithm::Ed25519].map(|a| tam_config.signing_key(a).public_key());
        let (store, seen) = (MemoryStore::new(), Arc::default());
        let log = Arc::clone(&seen);
        let tam = Tam::with_observer(tam_config, store.clone(), move |event| {
            let log: &Mutex<Vec<String>> = &log;
            log.lock().expect("no panic").push(event.to_string());
        });
        let payloads = tempfile::tempdir().expect("a directory");
        let http = HttpConfig { payloads: Some(payloads.path().to_owned()), ..HttpConfig::default() };
        let tam = spawn(Arc::new(tam), ([127, 0, 0, 1], 0).into(), http).expect("a port");
        let signer = |key: &SigningKey| {
            SignerAnchor::new(key.public_key(), vec![ComponentId::encode(&["TEEP-Device", "SecureFS"])])
        };
        let trust = TrustStore {
            tams: vec![TamAnchor {
                report_key: Some(report_key.public_key().clone()),
                ..TamAnchor::new(tam.uri(), tam_keys.to_vec())
            }],
            // write and copy, but not fetch.
            signers: vec![signer(&developer), SignerAnchor { commands: Some(vec![18]), ..signer(&operator) }],
            policy: Policy { contact_interval: 0, ..Policy::default() },
            ..TrustStore::default()
        };
        let config = Config { vendor_ids: vec![VENDOR], class_ids: vec![CLASS], trust, ..Config::default() };
        let config = config.encode();
        let env = MemoryEnv::new([7; 32]);
        let tee = SimTee::start(env.clone(), &config).expect("the configuration");
        let mut broker = Broker::new(tee, impatient());
        let info = broker.info().expect("the Agent answers");
        let agent = PublicKey::from_cose_key(&info.public_key).expect("a key");
        store.enrol(agent.clone());
        let device = AgreementKey::from_cose_key(&info.decryption_key).expect("a key");
        let offers = Vec::new();
        Self { env, config, broker, developer, operator, device, agent, store, offers, payloads, seen, tam }
    }

    /// The developer's description of version `version` of the TA.
    fn ta(&self, version: u32) -> Description {
        Description::new(TA, version.into(), VENDOR, CLASS, ta_image(TA, version, b"code"))
    }

    /// Makes and offers it, with what devices are to fetch in the payload directory.
    fn publish(&mut self, name: &str, description: &Description, key: &SigningKey) -> Vec<u8> {
        let created = create_for(description, &[Authenticator::Sign(key)]).expect("an envelope");
        self.put_payloads(&created.payloads);
        let signers = [self.developer.public_key(), self.operator.public_key()];
        let offer = Offer::verified(name.to_owned(), created.envelope.clone(), &signers).expect("an offer");
        self.offers.retain(|offer| offer.name != name);
        self.offers.push(offer);
        self.store.set_offers(self.offers.clone());
        created.envelope
    }

    fn put_payloads(&self, payloads: &BTreeMap<String, Vec<u8>>) {
        for (uri, bytes) in payloads {
            if let Some(name) = uri.strip_prefix(&self.tam.payload_uri("")) {
                std::fs::write(self.payloads.path().join(name), bytes).expect("a file");
            }
        }
    }

    /// Withdraws the offer `name`: devices are to give it up.
    fn withdraw(&mut self, name: &str) {
        let (gone, kept) = self.offers.drain(..).partition(|offer| offer.name == name);
        self.offers = kept;
        self.store.set_offers(self.offers.clone());
        self.store.set_withdrawn(gone);
    }

    /// Personalization data for the TA, for this device alone, depending on the manifest in `envelope`.
    fn greeting(&self, words: &str, envelope: Vec<u8>, sequence_number: u64) -> Description {
        let to = vec![Recipient::Agreement(self.device.clone())];
        let sealing = Sealing { algorithm: ContentAlgorithm::A128Gcm, recipients: to };
        let mut component = Component::written(greeting_id(), words.into());
        component.encryption = Some(Encryption::New(sealing));
        Description {
            manifest_id: text::parse("TEEP-Device/SecureFS/greeting.suit").expect("an id"),
            components: vec![component],
            dependencies: vec![Dependency::new(envelope, None).expect("a manifest")],
            ..Description::new(TA, sequence_number, VENDOR, CLASS, Vec::new())
        }
    }

    fn request(&mut self, component_id: Vec<Vec<u8>>) -> Report {
        let request = TaRequest { component_id, tam_uri_hint: None };
        self.broker.request_ta(&request, &mut |_| {}).expect("a conversation")
    }

    fn policy_check(&mut self) -> Report {
        self.broker.policy_check(&mut |_| {}).expect("a conversation")
    }

    /// What the TA reads.
    fn read(&self, reader: [u8; 16], id: &[Vec<u8>]) -> Result<String, EnvError> {
        let mut tee = SimTee::start(self.env.clone(), &self.config).expect("the configuration");
        let data = tee.read_data(reader, &ComponentId::encode(id))?;
        Ok(String::from_utf8(data).expect("text"))
    }

    fn version(&self) -> Option<u32> {
        self.env.installed(TA).map(|(version, _)| version)
    }

    fn last_event(&self) -> String {
        self.seen.lock().expect("no panic").last().cloned().expect("an event")
    }
}

fn impatient() -> teep_broker::Config {
    teep_broker::Config { retry_pause: Duration::from_millis(1), ..teep_broker::Config::default() }
}

fn greeting_id() -> Vec<Vec<u8>> {
    [b"TEEP-Device".to_vec(), b"SecureFS".to_vec(), TA.to_vec(), b"greeting".to_vec()].to_vec()
}

fn refused(report: &Report) -> String {
    report.refusal().map(|outcome| outcome.text.clone()).unwrap_or_default()
}

/// A payload larger than any message, fetched in pieces from the TAM's own payload server.
#[test]
fn a_payload_by_uri() {
    let mut world = World::new();
    let image = ta_image(TA, 1, &vec![0x5a; 1_200_000]);
    let mut description = Description::new(TA, 1, VENDOR, CLASS, image.clone());
    description.components[0].source = Some(Source::fetched(&world.tam.payload_uri("hello.ta")));
    let developer = world.developer.clone();
    world.publish("hello.suit", &description, &developer);
    let request = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None };
    let mut fetched = 0;
    let mut count = |event: Event<'_>| {
        if let Event::Fetched { bytes, total } = event {
            fetched = bytes;
            assert_eq!(total, Some(image.len() as u64));
        }
    };
    let report = world.broker.request_ta(&request, &mut count).expect("a conversation");
    assert_eq!(refused(&report), "");
    assert_eq!(fetched, image.len() as u64);
    assert!(world.env.installed(TA).is_some_and(|(_, bytes)| bytes == image));
}

/// A payload server that breaks each connection off after `most` bytes of body, and knows ranges.
fn cutting_server(payload: Vec<u8>, most: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let uri = format!("http://{}/hello.ta", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (mut first, mut line) = (0, String::new());
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
                    first = range.trim().trim_end_matches('-').parse().expect("a number");
                }
                line.clear();
            }
            let (total, last) = (payload.len(), payload.len().saturating_sub(1));
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{total}\r\nContent-Length: {}\r\n\r\n",
                total.saturating_sub(first)
            );
            let body = &payload[first..total.min(first.saturating_add(most))];
            // The client may be gone.
            let _ = stream.write_all(&[head.as_bytes(), body].concat());
        }
    });
    uri
}

/// The Agent says where to go on, and the pieces make the whole.
#[test]
fn a_payload_over_connections_that_break() {
    let mut world = World::new();
    let image = ta_image(TA, 1, &[0x5a; 300_000]);
    let mut description = Description::new(TA, 1, VENDOR, CLASS, image.clone());
    description.components[0].source = Some(Source::fetched(&cutting_server(image.clone(), 70_001)));
    let developer = world.developer.clone();
    world.publish("hello.suit", &description, &developer);
    let request = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None };
    let mut offsets = Vec::new();
    let mut note = |event: Event<'_>| {
        if let Event::Fetching { offset, .. } = event {
            offsets.push(offset);
        }
    };
    let tee = SimTee::start(world.env.clone(), &world.config).expect("the configuration");
    let report = Broker::new(tee, impatient()).request_ta(&request, &mut note).expect("a conversation");
    assert_eq!(refused(&report), "");
    assert_eq!(offsets, [0, 70_001, 140_002, 210_003, 280_004]);
    assert!(world.env.installed(TA).is_some_and(|(_, bytes)| bytes == image));
}

/// What cannot be had is told to the TAM, with the command that failed, in a report only the TAM can read.
#[test]
fn a_payload_that_is_not_there() {
    let mut world = World::new();
    let mut description = world.ta(1);
    description.components[0].source = Some(Source::fetched(&world.tam.payload_uri("hello.ta")));
    let developer = world.developer.clone();
    world.publish("hello.suit", &description, &developer);
    std::fs::remove_file(world.payloads.path().join("hello.ta")).expect("it was there");
    let report = world.request(text::native_ta(TA));
    assert!(refused(&report).contains("cannot be fetched"), "{}", refused(&report));
    assert!(report.unfetched[0].contains("404"), "{:?}", report.unfetched);
    let event = world.last_event();
    assert!(event.starts_with("received Error, ") && event.contains("failed: "), "{event}");
    assert!(event.contains("(install, byte "), "{event}");
    // A payload that was changed is refused as well.
    std::fs::write(world.payloads.path().join("hello.ta"), b"other").expect("a file");
    world.request(text::native_ta(TA));
    assert_eq!(world.version(), None);
    assert!(world.last_event().starts_with("received Error, "), "{}", world.last_event());
}

/// The case the TEEP hackathon asked for: the developer's signed manifest names one server, the TAM's own dependent
/// manifest moves the payload to another, and the developer's is not signed again. The TAM's signer has no right to fetch.
#[test]
fn a_dependent_moves_the_payload() {
    let mut world = World::new();
    let mut description = world.ta(1);
    let gone = Source { overridable: true, ..Source::fetched("http://127.0.0.1:1/hello.ta") };
    description.components[0].source = Some(gone);
    let (developer, operator) = (world.developer.clone(), world.operator.clone());
    let envelope = world.publish("hello.suit", &description, &developer);
    assert!(world.request(text::native_ta(TA)).unfetched[0].contains("nothing listens"));
    let uri = world.tam.payload_uri("hello.ta");
    std::fs::write(world.payloads.path().join("hello.ta"), &description.components[0].content)
        .expect("a file");
    let dependency = Dependency::new(envelope, Some(Source::integrated("#dependency"))).expect("a manifest");
    let moved = Override { component: text::native_ta(TA), uri };
    let mirror = Description {
        manifest_id: text::parse("TEEP-Device/SecureFS/mirror.suit").expect("an id"),
        components: Vec::new(),
        dependencies: vec![Dependency { overrides: vec![moved], ..dependency }],
        ..world.ta(1)
    };
    mirror.check().expect("a description");
    world.publish("mirror.suit", &mirror, &operator);
    assert_eq!(refused(&world.request(text::native_ta(TA))), "");
    assert_eq!(world.version(), Some(1));
    assert_eq!(world.policy_check().outcomes, [], "nothing more to do");
}

#[test]
fn personalization_from_installation_to_removal() {
    let mut world = World::new();
    let (developer, operator) = (world.developer.clone(), world.operator.clone());
    let hello = world.publish("hello.suit", &world.ta(1), &developer);
    let greeting = world.greeting("Hello, device", hello, 1);
    world.publish("greeting.suit", &greeting, &operator);
    // One request brings both, in order.
    assert_eq!(refused(&world.request(text::native_ta(TA))), "");
    assert_eq!(world.version(), Some(1));
    assert_eq!(world.read(TA, &greeting_id()), Ok("Hello, device".to_owned()));
    assert_eq!(world.read(OTHER_TA, &greeting_id()), Err(EnvError::NOT_FOUND), "it is nobody else's");
    assert_eq!(world.policy_check().outcomes, [], "nothing more to do");

    // Both are replaced together: the data holds the application until it is given up.
    let hello = world.publish("hello.suit", &world.ta(2), &developer);
    let greeting = world.greeting("Hello again", hello, 2);
    world.publish("greeting.suit", &greeting, &operator);
    assert_eq!(refused(&world.policy_check()), "");
    assert_eq!(world.version(), Some(2));
    assert_eq!(world.read(TA, &greeting_id()), Ok("Hello again".to_owned()));

    // The device needs it no longer: the TAM lets it give up both.
    let request = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None };
    let report = world.broker.unrequest_ta(&request, &mut |_| {}).expect("a conversation");
    assert_eq!(refused(&report), "");
    assert_eq!(world.version(), None);
    assert_eq!(world.read(TA, &greeting_id()), Err(EnvError::NOT_FOUND));
    assert_eq!(world.policy_check().outcomes, [], "and it does not come back by itself");
}

#[test]
fn what_the_tam_withdraws_is_removed() {
    let mut world = World::new();
    let developer = world.developer.clone();
    world.publish("hello.suit", &world.ta(1), &developer);
    world.request(text::native_ta(TA));
    assert_eq!(world.version(), Some(1));
    world.withdraw("hello.suit");
    assert_eq!(refused(&world.policy_check()), "");
    assert_eq!(world.version(), None);
    assert_eq!(world.policy_check().outcomes, []);
}

/// An offer for one device is not sent to another.
#[test]
fn an_offer_for_another_device_is_not_sent() {
    let mut world = World::new();
    let developer = world.developer.clone();
    world.publish("hello.suit", &world.ta(1), &developer);
    let other = keys::generate(Algorithm::Esp256).expect("a key").public_key().thumbprint();
    let bound: Vec<_> = world.offers.drain(..).map(|offer| offer.only_for(other)).collect();
    world.store.set_offers(bound.clone());
    assert_eq!(world.request(text::native_ta(TA)).outcomes, []);
    let own = world.agent.thumbprint();
    world.store.set_offers(bound.into_iter().map(|offer| offer.only_for(own)).collect());
    assert_eq!(refused(&world.policy_check()), "");
    assert_eq!(world.version(), Some(1), "what is for this device comes without asking");
}

/// Ciphertext that is fetched goes through a staging component: compared, decrypted, compared.
#[test]
fn encrypted_payloads() {
    for algorithm in [ContentAlgorithm::A128Ctr, ContentAlgorithm::ChaCha20Poly1305] {
        let mut world = World::new();
        let developer = world.developer.clone();
        let mut description = world.ta(1);
        let to = vec![Recipient::Agreement(world.device.clone())];
        description.components[0].encryption = Some(Encryption::New(Sealing { algorithm, recipients: to }));
        description.components[0].source = Some(Source::fetched(&world.tam.payload_uri("hello.enc")));
        world.publish("hello.suit", &description, &developer);
        assert_eq!(refused(&world.request(text::native_ta(TA))), "", "{algorithm}");
        assert_eq!(world.version(), Some(1));
        assert_eq!(world.policy_check().outcomes, [], "nothing more to do");
    }
}

/// A manifest of several components, and data in clear that others may read when they depend on it.
#[test]
fn several_components_and_an_uninstallation() {
    let mut world = World::new();
    let developer = world.developer.clone();
    let id = text::parse("TEEP-Device/SecureFS/words").expect("an id");
    let mut description = world.ta(1);
    description.components[0] = Component::written(id.clone(), b"one".to_vec());
    let second = Component {
        source: Some(Source::integrated("#two")),
        ..Component::written(text::parse("TEEP-Device/SecureFS/more").expect("an id"), b"two".to_vec())
    };
    description.components.push(second);
    description.manifest_id = text::parse("TEEP-Device/SecureFS/words.suit").expect("an id");
    let words = world.publish("words.suit", &description, &developer);
    assert_eq!(refused(&world.request(id.clone())), "");
    assert_eq!(world.read(TA, &id), Err(EnvError::NOT_FOUND), "nothing depends on it");
    let mut hello = world.ta(1);
    hello.dependencies.push(Dependency::new(words.clone(), None).expect("a manifest"));
    world.publish("hello.suit", &hello, &developer);
    assert_eq!(refused(&world.request(text::native_ta(TA))), "");
    assert_eq!(world.read(TA, &id), Ok("one".to_owned()));
    assert!(Envelope::decode(&words).is_ok());
}
