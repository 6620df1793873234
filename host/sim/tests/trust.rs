// SPDX-License-Identifier: Apache-2.0
//! A trust store from its description to the device: compiled, handed over at manufacture, replaced by a manifest that a
//! TAM sends, and with it a TAM revoked.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use teep_agent::config::{Config, Policy, TrustStore};
use teep_broker::Broker;
use teep_proto::cose::{Algorithm, PublicKey, SigningKey};
use teep_proto::suit::{
    ComponentId, Digest, ManifestBuilder, Parameter, SequenceBuilder, encode_envelope, text,
};
use teep_proto::teec::{TaRequest, TrustSource};
use teep_sim::{MemoryEnv, SimTee};
use teep_suit::keys;
use teep_tam::store::{Directory, Offer};
use teep_tam::{Handle, HttpConfig, MemoryStore, Tam, TamConfig, spawn};

const VENDOR: [u8; 16] = [0xc0; 16];
const CLASS: [u8; 16] = [0xc1; 16];

/// A TAM, and what it did.
struct Server {
    handle: Handle,
    store: MemoryStore,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Its public keys go into the directory, under its name.
    fn new(directory: &Path, name: &str) -> Self {
        let config = TamConfig::generate().expect("keys");
        for algorithm in [Algorithm::Esp256, Algorithm::Ed25519] {
            write(directory, &format!("{name}-{algorithm}"), &config.signing_key(algorithm).public_key());
        }
        let (store, seen) = (MemoryStore::new(), Arc::default());
        let log = Arc::clone(&seen);
        let tam = Tam::with_observer(config, store.clone(), move |event| {
            let log: &Mutex<Vec<String>> = &log;
            log.lock().expect("no panic").push(event.to_string());
        });
        let address = ([127, 0, 0, 1], 0).into();
        let handle = spawn(Arc::new(tam), address, HttpConfig::default()).expect("a port");
        Self { handle, store, seen }
    }

    fn events(&self) -> usize {
        self.seen.lock().expect("no panic").len()
    }
}

fn write(directory: &Path, name: &str, key: &PublicKey) {
    std::fs::write(directory.join(name), key.to_cose_key()).expect("a file");
}

/// Runs `teep-suit` and gives what it prints.
fn teep_suit(arguments: &[&str]) -> Result<String, String> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = ["teep-suit"].iter().chain(arguments).map(OsString::from);
    let code = teep_suit::cli::run(arguments, &mut out, &mut err);
    let [out, err] = [out, err].map(|text| String::from_utf8(text).expect("text"));
    if code == 0 { Ok(out) } else { Err(err) }
}

struct World {
    directory: tempfile::TempDir,
    tams: [Server; 2],
    root: SigningKey,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let tams = ["first", "second"].map(|name| Server::new(directory.path(), name));
        let root = keys::generate(Algorithm::Esp256).expect("a key");
        keys::write(&root, &directory.path().join("root")).expect("key files");
        Self { directory, tams, root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Describes and compiles a trust store with the TAMs at these positions, and gives its file.
    fn compile(&self, sequence_number: u64, tams: &[usize]) -> String {
        let mut description = format!("[trust]\nsequence-number = {sequence_number}\n");
        for tam in tams {
            let (uri, name) = (self.tams[*tam].handle.uri(), ["first", "second"][*tam]);
            description +=
                &format!("[[tam]]\nuri = \"{uri}\"\nkeys = [\"{name}-ESP256\", \"{name}-Ed25519\"]\n");
        }
        description +=
            "[[signer]]\nkey = \"root.pub.pem\"\ntrust-store = true\n[policy]\ncontact-interval = 0\n";
        std::fs::write(self.path("trust.toml"), description).expect("a file");
        let (toml, cbor) = (self.shown("trust.toml"), self.shown("trust.cbor"));
        let out = teep_suit(&["trust-store", &toml, "--out", &cbor]).expect("it compiles");
        assert!(out.contains(&format!("sequence number {sequence_number}")), "{out}");
        cbor
    }

    /// The envelope of a manifest that brings the trust store that was compiled last.
    fn envelope(&self, sequence_number: u64) -> Vec<u8> {
        let [id, manifest_id] =
            [text::trust_store(), text::trust_store_manifest()].map(|id| text::format(&id));
        let description = format!(
            "sequence-number = {sequence_number}\nvendor-id = \"{VENDOR}\"\nclass-id = \"{CLASS}\"\n\
             manifest-id = \"{manifest_id}\"\n[[component]]\nfile = \"trust.cbor\"\nid = \"{id}\"\n",
            VENDOR = uuid(VENDOR),
            CLASS = uuid(CLASS),
        );
        std::fs::write(self.path("manifest.toml"), description).expect("a file");
        let (toml, key, suit) =
            (self.shown("manifest.toml"), self.shown("root.pem"), self.shown("trust.suit"));
        teep_suit(&["create", &toml, "--key", &key, "--out", &suit]).expect("an envelope");
        std::fs::read(suit).expect("a file")
    }
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A device that trusts nobody yet.
fn blank() -> Vec<u8> {
    let trust = TrustStore { policy: Policy::default(), ..TrustStore::default() };
    let config = Config {
        vendor_ids: vec![VENDOR],
        class_ids: vec![CLASS],
        provisioning: true,
        trust,
        ..Config::default()
    };
    config.encode()
}

fn start(env: &MemoryEnv) -> SimTee {
    SimTee::start(env.clone(), &blank()).expect("the configuration")
}

fn teep_broker(env: &MemoryEnv, arguments: &[&str]) -> (u8, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = ["teep-broker", "-q"].iter().chain(arguments).map(OsString::from);
    let code = teep_broker::cli::run(arguments, start(env), &mut out, &mut err);
    (code, String::from_utf8([out, err].concat()).expect("text"))
}

#[test]
fn from_its_description_to_the_device() {
    let world = World::new();
    let env = MemoryEnv::new([7; 32]);
    let (code, said) = teep_broker(&env, &["policy-check"]);
    assert!(code == 1 && said.contains("has to be provisioned first"), "{said}");

    let file = world.compile(1, &[0, 1]);
    assert_eq!(teep_broker(&env, &["provision", &file]).0, 0);
    let (code, said) = teep_broker(&env, &["provision", &file]);
    assert!(code == 1 && said.contains("has a trust store already"), "{said}");

    let mut broker = Broker::new(start(&env), teep_broker::Config::default());
    let info = broker.info().expect("the Agent answers");
    let agent = PublicKey::from_cose_key(&info.public_key).expect("a key");
    for tam in &world.tams {
        tam.store.enrol(agent.clone());
    }
    world.compile(2, &[1]);
    let envelope = world.envelope(2);
    let offer =
        Offer::verified("trust.suit".to_owned(), envelope, &[world.root.public_key()]).expect("an offer");
    world.tams[1].store.set_offers(vec![offer]);
    let report = broker.policy_check(&mut |_| {}).expect("conversations");
    assert_eq!(report.refusal(), None, "{report:?}");
    let trust = broker.info().expect("the Agent answers").stored.expect("it is readable").trust;
    let uris: Vec<_> = trust.tams.iter().map(|tam| tam.uri.as_str()).collect();
    assert_eq!((trust.sequence_number, trust.source), (2, TrustSource::Updated));
    assert_eq!(uris, [world.tams[1].handle.uri()]);

    // The first TAM is not talked to any more, whoever proposes it; the other one sees that all is as it should be.
    let [first, second] = world.tams.each_ref().map(Server::events);
    let hint = Some(world.tams[0].handle.uri());
    let request = TaRequest { component_id: text::native_ta([9; 16]), tam_uri_hint: hint };
    let mut broker = Broker::new(start(&env), teep_broker::Config::default());
    broker.request_ta(&request, &mut |_| {}).expect("a conversation");
    let report = broker.policy_check(&mut |_| {}).expect("a conversation");
    assert!(report.outcomes.is_empty(), "nothing is sent again: {report:?}");
    assert_eq!(world.tams[0].events(), first);
    assert!(world.tams[1].events() > second);
}

#[test]
fn a_trust_store_that_could_not_be_lived_with_is_not_compiled() {
    let world = World::new();
    let compile = |description: &str| {
        std::fs::write(world.path("trust.toml"), description).expect("a file");
        let (toml, cbor) = (world.shown("trust.toml"), world.shown("trust.cbor"));
        let error = teep_suit(&["trust-store", &toml, "--out", &cbor]).expect_err("it is refused");
        assert!(!world.path("trust.cbor").exists());
        error
    };
    let number = "[trust]\nsequence-number = 1\n";
    let tam = "[[tam]]\nuri = \"https://tam.example\"\nkeys = [\"first-ESP256\"]\n";
    let root = "[[signer]]\nkey = \"root.pub.pem\"\ntrust-store = true\n";
    let device = "[device]\nvendor-ids = []\nclass-ids = []\n";
    for (description, expected) in [
        (format!("{number}{root}"), "no [[tam]]"),
        (format!("{number}{tam}"), "no [[signer]] has trust-store = true"),
        (format!("{tam}{root}"), "no trust.sequence-number"),
        (format!("{number}{tam}{}", root.replace("root.pub.pem", "first-ESP256")), "two roles"),
        (format!("{number}{device}{tam}{root}"), "cannot be in a trust store: [device]"),
        (
            format!("{number}provisioning = true\n{tam}{root}"),
            "cannot be in a trust store: trust.provisioning",
        ),
        (format!("{number}{tam}{root}[polity]\n"), "polity"),
    ] {
        let error = compile(&description);
        assert!(error.contains("trust.toml") && error.contains(expected), "{error}");
    }
    let many = (0..8).map(|n| format!("[{}]", [format!("\"{n:0>250}\"")].join(", "))).collect::<Vec<_>>();
    let mut large = format!("{number}{tam}{root}");
    for n in 0..10 {
        let key = keys::generate(Algorithm::Esp256).expect("a key");
        write(world.directory.path(), &format!("key-{n}"), &key.public_key());
        large += &format!("[[signer]]\nkey = \"key-{n}\"\ncomponents = [{}]\n", many.join(", "));
    }
    assert!(compile(&large).contains("a trust store has at most 16384"));
}

/// `teep-suit create` would not make them; what another tool made is not published either.
#[test]
fn attack_published_trust_store_that_every_device_would_refuse() {
    let world = World::new();
    let (tam, _) = Directory::init(&world.path("tam")).expect("a TAM");
    tam.add_signer(&world.root.public_key(), None).expect("vetted");
    let path = PathBuf::from(world.compile(1, &[0]));
    let trust_store = std::fs::read(&path).expect("a file");
    let publish = |sequence_number: u64, content: &[u8], payloads: &[(&str, &[u8])], files: &[PathBuf]| {
        let shared =
            SequenceBuilder::new().override_parameters(&[Parameter::ImageDigest(Digest::of(content))]);
        let manifest = ManifestBuilder {
            sequence_number,
            component_id: Some(ComponentId::encode(&text::trust_store_manifest())),
            components: vec![ComponentId::encode(&text::trust_store())],
            shared: shared.build(),
            ..ManifestBuilder::default()
        };
        let root = std::slice::from_ref(&world.root);
        let envelope = encode_envelope(&manifest.build(), root, payloads).expect("an envelope");
        std::fs::write(world.path("trust.suit"), envelope).expect("a file");
        let published = tam.publish(&world.path("trust.suit"), None, files);
        published.map(|_| ()).map_err(|error| error.to_string())
    };
    let file = std::slice::from_ref(&path);
    for (payloads, files) in [(&[("#trust", &*trust_store)][..], &[][..]), (&[], file)] {
        let refused = publish(2, &trust_store, payloads, files).expect_err("another number");
        assert!(refused.contains("devices refuse the trust store: it has sequence number 1"), "{refused}");
        assert!(tam.manifests().expect("a listing").items.is_empty());
        publish(1, &trust_store, payloads, files).expect("as devices take it");
        let refused = tam.withdraw("trust.suit", true).expect_err("it stays on devices").to_string();
        assert!(refused.contains("no device can give up"), "{refused}");
        tam.withdraw("trust.suit", false).expect("it was there");
    }
    let refused = publish(1, b"junk", &[("#trust", b"junk")], &[]).expect_err("no trust store");
    assert!(refused.contains("not what teep-suit trust-store makes"), "{refused}");
    std::fs::write(&path, b"junk").expect("a file");
    let refused = publish(1, b"junk", &[], file).expect_err("no trust store");
    assert!(refused.contains("usable trust store"), "{refused}");
}
