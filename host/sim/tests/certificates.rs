// SPDX-License-Identifier: Apache-2.0
//! A TAM and a signer whose keys the device does not know, but the CAs of which it trusts: from the files of their
//! certificates to an installed Trusted Application.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../../../proto/tests/common/certificate.rs"]
mod certificate;

use certificate::{Content, NOT_AFTER, NOT_BEFORE};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use teep_agent::config::{Config, SignerAnchor, TamAnchor, TrustStore};
use teep_broker::{Broker, Report};
use teep_proto::cose::{Certificate, PublicKey, SigningKey, TrustAnchor};
use teep_proto::suit::{ComponentId, text};
use teep_proto::teec::TaRequest;
use teep_sim::{MemoryEnv, SimTee, ta_image};
use teep_suit::keys;
use teep_tam::store::Directory;
use teep_tam::{Handle, HttpConfig, Tam, spawn};

const TA: [u8; 16] = [0x1c; 16];
const VENDOR: [u8; 16] = [0xc0; 16];
const CLASS: [u8; 16] = [0xc1; 16];

fn key(n: u8) -> SigningKey {
    SigningKey::p256_from_scalar(&[n; 32]).unwrap()
}

/// The certificate of a CA with key `n`, which devices trust.
fn ca(name: &'static str, n: u8) -> Certificate {
    Content::ca(name, name, &key(n), Some(1)).issue(&key(n))
}

/// Writes the chain from the certificate of `key` to that of a CA below `name`, which has the key `n`.
fn write_chain(path: &Path, key_: &SigningKey, name: &'static str, n: u8) {
    let between = key(n + 1);
    let chain = [
        Content::leaf("Leaf", "Between", key_).issue(&between),
        Content::ca("Between", name, &between, Some(0)).issue(&key(n)),
    ];
    let pem = chain.map(|certificate| format!("a comment\n{}", certificate.to_pem().unwrap()));
    fs::write(path, pem.concat()).unwrap();
}

/// Runs a tool in `dir`; words that begin with @ are files there.
fn run(tool: &str, dir: &Path, line: &str) -> (u8, String) {
    let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
        Some(name) => dir.join(name).into_os_string(),
        None => OsString::from(word),
    });
    let words = std::iter::once(OsString::from(tool)).chain(words);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = match tool {
        "teep-suit" => teep_suit::cli::run(words, &mut out, &mut err),
        _ => teep_tam::cli::run(words, &mut out, &mut err),
    };
    out.extend(err);
    (code, String::from_utf8(out).unwrap())
}

struct World {
    dir: tempfile::TempDir,
    env: MemoryEnv,
    broker: Broker<SimTee>,
    _tam: Handle,
}

impl World {
    /// With files `signer` and `chain.pem` for the signer, and a TAM directory `tam`.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        keys::write(&key(2), &at("signer")).unwrap();
        write_chain(&at("chain.pem"), &key(2), "Signer CA", 20);
        let (directory, _) = Directory::init(&at("tam")).unwrap();
        for name in ["tam-esp256", "tam-ed25519"] {
            let own = keys::load_signing_key(&at(&format!("tam/keys/{name}.pem"))).unwrap();
            write_chain(&at(&format!("tam/keys/{name}.chain.pem")), &own, "TAM CA", 10);
        }
        assert_eq!(run("teep-tam", dir.path(), "add-signer @tam @signer.pub.pem").0, 0);

        let config = directory.config().unwrap();
        let tam = Tam::new(config, directory.clone());
        let tam = spawn(Arc::new(tam), ([127, 0, 0, 1], 0).into(), HttpConfig::default()).unwrap();
        let anchor = |certificate| TrustAnchor::new(certificate).unwrap();
        let prefix = ComponentId::encode(&["TEEP-Device", "SecureFS"]);
        let trust = TrustStore {
            tams: vec![TamAnchor::new(tam.uri(), vec![anchor(ca("TAM CA", 10))])],
            signers: vec![SignerAnchor::new(anchor(ca("Signer CA", 20)), vec![prefix])],
            ..TrustStore::default()
        };
        let config = Config { vendor_ids: vec![VENDOR], class_ids: vec![CLASS], trust, ..Config::default() };
        let env = MemoryEnv::new([7; 32]);
        let tee = SimTee::start(env.clone(), &config.encode()).unwrap();
        let mut broker = Broker::new(tee, teep_broker::Config::default());
        let agent = PublicKey::from_cose_key(&broker.info().unwrap().public_key).unwrap();
        directory.enrol(&agent, None).unwrap();
        Self { dir, env, broker, _tam: tam }
    }

    /// Makes version `version` with `teep-suit create` and these options, and publishes it.
    fn publish(&self, version: u32, options: &str) {
        let dir = self.dir.path();
        fs::write(dir.join("ta.ta"), ta_image(TA, version, b"code")).unwrap();
        let [vendor, class, uuid] = [VENDOR, CLASS, TA].map(text::format_uuid);
        let description = format!(
            "ta = \"ta.ta\"\nuuid = \"{uuid}\"\nsequence-number = {version}\nvendor-id = \"{vendor}\"\n\
             class-id = \"{class}\"\n"
        );
        fs::write(dir.join("ta.toml"), description).unwrap();
        let (code, text) =
            run("teep-suit", dir, &format!("create @ta.toml --key @signer.pem {options} --out @ta.suit"));
        assert_eq!(code, 0, "{text}");
        let (code, text) = run("teep-tam", dir, "publish @tam @ta.suit");
        assert_eq!(code, 0, "{text}");
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
}

#[test]
fn tam_and_signer_below_cas_install_and_update() {
    let mut world = World::new();
    world.publish(1, "--certificates @chain.pem");
    assert_eq!(world.request().refusal(), None);
    assert_eq!(world.version(), Some(1));

    // The device has no use for the bare key, though the TAM vetted it.
    world.publish(2, "");
    assert!(world.policy_check().refusal().is_some());
    assert_eq!(world.version(), Some(1));

    world.env.set_trusted_time(Some(NOT_BEFORE));
    world.publish(3, "--certificates @chain.pem");
    assert_eq!(world.policy_check().refusal(), None);
    assert_eq!(world.version(), Some(3));
}

#[test]
fn device_with_a_clock_refuses_a_tam_whose_certificate_expired() {
    let mut world = World::new();
    world.publish(1, "--certificates @chain.pem");
    world.env.set_trusted_time(Some(NOT_AFTER + 1));
    let refusal = world.request();
    assert!(refusal.refusal().is_some_and(|outcome| outcome.text.contains("certificate")), "{refusal:?}");
    assert_eq!(world.version(), None);
}

#[test]
fn tools_show_and_check_certificates() {
    let world = World::new();
    world.publish(1, "--certificates @chain.pem");
    let dir = world.dir.path();
    fs::write(dir.join("ca.pem"), ca("Signer CA", 20).to_pem().unwrap()).unwrap();
    fs::write(dir.join("other.der"), ca("TAM CA", 10).as_der()).unwrap();
    let (code, text) = run("teep-suit", dir, "inspect @ta.suit");
    assert!(code == 0 && text.contains("certificate of CN=Leaf, issued by CN=Between"), "{text}");
    assert_eq!(run("teep-suit", dir, "verify @ta.suit --key @ca.pem").0, 0);
    assert_eq!(run("teep-suit", dir, "verify @ta.suit --key @signer.pub.pem").0, 0);
    assert_eq!(run("teep-suit", dir, "verify @ta.suit --key @other.der").0, 6);

    // Mistakes: the certificates of somebody else, in the wrong order, none at all.
    keys::write(&key(3), &dir.join("stranger")).unwrap();
    let create = |key: &str, chain: &str| {
        run("teep-suit", dir, &format!("create @ta.toml --key @{key} --certificates @{chain} --out @no.suit"))
    };
    let chain = fs::read_to_string(dir.join("chain.pem")).unwrap();
    let second = chain.match_indices("a comment").nth(1).unwrap().0;
    fs::write(dir.join("turned.pem"), [&chain[second..], &chain[..second]].concat()).unwrap();
    let leaf_twice = [&chain[..second], &chain[..second]].concat();
    fs::write(dir.join("twice.pem"), leaf_twice).unwrap();
    for (key, chain, why) in [
        ("stranger.pem", "chain.pem", "the first certificate is of none of the keys"),
        ("signer.pem", "turned.pem", "the first certificate is of none of the keys"),
        ("signer.pem", "twice.pem", "behind each certificate the one of its issuer"),
        ("signer.pem", "signer.pub.pem", "BEGIN CERTIFICATE"),
    ] {
        let (code, text) = create(key, chain);
        assert!(code == 1 && text.contains(why), "{key} {chain}: {text}");
    }
    assert!(!dir.join("no.suit").exists());
    fs::copy(dir.join("chain.pem"), dir.join("tam/keys/tam-esp256.chain.pem")).unwrap();
    let error = Directory::open(&dir.join("tam")).unwrap().config().unwrap_err().to_string();
    assert!(error.contains("first the certificate of the key that signs"), "{error}");
    let (code, text) = run("teep-tam", dir, "add-signer @tam @ca.pem");
    assert!(code == 1 && text.contains("openssl x509 -pubkey"), "{text}");
}
