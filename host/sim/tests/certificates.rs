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
use teep_agent::config::{Config, Policy, SignerAnchor, TamAnchor, TrustStore};
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
            policy: Policy { contact_interval: 0, ..Policy::default() },
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
    // The key that signed is named the same, whoever vouches for it.
    let [leaf, authority] = [2, 20].map(|n| key(n).public_key().thumbprint());
    let vouched = format!("ESP256 key {leaf}, vouched for by the CA CN=Signer CA with key {authority}");
    for (line, before) in [("verify", "unchanged, signed by "), ("inspect", "checked with      ")] {
        let (code, text) = run("teep-suit", dir, &format!("{line} @ta.suit --key @ca.pem"));
        assert!(code == 0 && text.contains(&format!("{before}{vouched}\n")), "{text}");
        let (code, text) = run("teep-suit", dir, &format!("{line} @ta.suit --key @signer.pub.pem"));
        assert!(code == 0 && text.contains(&format!("{before}ESP256 key {leaf}\n")), "{text}");
        let (_, text) = run("teep-suit", dir, &format!("--json {line} @ta.suit --key @ca.pem"));
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        let by = &object["envelope"]["authenticated_by"];
        assert_eq!(by["kid"], leaf.to_string());
        assert_eq!(by["vouched_by"]["subject"], "CN=Signer CA");
        assert_eq!(by["vouched_by"]["kid"], authority.to_string());
    }
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
    let (code, text) = run("teep-tam", dir, "enrol @tam @ca.pem");
    assert!(code == 1 && text.contains("openssl x509 -pubkey"), "{text}");
}

/// A TAM that vets a signer by `anchor` alone, and manifests signed with key 2 in one directory with it.
struct Vetting(tempfile::TempDir);

impl Vetting {
    fn by(anchor: &Certificate) -> Self {
        let vetting = Self(tempfile::tempdir().unwrap());
        let dir = vetting.0.path();
        keys::write(&key(2), &dir.join("signer")).unwrap();
        fs::write(dir.join("anchor.pem"), anchor.to_pem().unwrap()).unwrap();
        fs::write(dir.join("ta.ta"), ta_image(TA, 1, b"code")).unwrap();
        vetting.ok("teep-tam", "init @tam");
        vetting.ok("teep-tam", "add-signer @tam @anchor.pem --name author");
        vetting
    }

    fn ok(&self, tool: &str, line: &str) -> String {
        let (code, text) = run(tool, self.0.path(), line);
        assert_eq!(code, 0, "{line}: {text}");
        text
    }

    /// What `publish` says of a manifest, signed with `signer`, with these certificates.
    fn publish(&self, signer: &str, chain: &[Certificate]) -> (u8, String) {
        let dir = self.0.path();
        let [vendor, class, uuid] = [VENDOR, CLASS, TA].map(text::format_uuid);
        let description = format!(
            "ta = \"ta.ta\"\nuuid = \"{uuid}\"\nsequence-number = 1\nvendor-id = \"{vendor}\"\n\
             class-id = \"{class}\"\n"
        );
        fs::write(dir.join("ta.toml"), description).unwrap();
        let pem: String = chain.iter().map(|certificate| certificate.to_pem().unwrap()).collect();
        fs::write(dir.join("chain.pem"), pem).unwrap();
        let certificates = if chain.is_empty() { "" } else { "--certificates @chain.pem" };
        self.ok("teep-suit", &format!("create @ta.toml --key @{signer} {certificates} --out @ta.suit"));
        run("teep-tam", dir, "publish @tam @ta.suit")
    }

    /// The TAM does not take it, nor serve it when it is put there by hand.
    fn refuses(&self, signer: &str, chain: &[Certificate], why: &str) {
        let (code, text) = self.publish(signer, chain);
        assert!(code == 6 && text.contains(why), "{code} {text}");
        let dir = self.0.path();
        fs::copy(dir.join("ta.suit"), dir.join("tam/manifests/ta.suit")).unwrap();
        let list = self.ok("teep-tam", "list @tam");
        assert!(list.contains("manifests: none") && list.contains("manifests/ta.suit: "), "{list}");
        fs::remove_file(dir.join("tam/manifests/ta.suit")).unwrap();
    }
}

fn signer_ca() -> Certificate {
    ca("Signer CA", 20)
}

/// The certificate of the signer, by the CA of this name.
fn leaf(issuer: &'static str) -> Content {
    Content::leaf("Leaf", issuer, &key(2))
}

const EXPIRED: [&str; 2] = ["200101000000Z", "210101000000Z"];
const TO_COME: [&str; 2] = ["480101000000Z", "490101000000Z"];

/// The device and its TAM know the CA only: a new key below it needs no word to either.
#[test]
fn signer_that_the_tam_vets_by_its_ca_changes_its_key() {
    let mut world = World::new();
    let dir = world.dir.path().to_owned();
    fs::remove_dir_all(dir.join("tam/signers")).unwrap();
    fs::create_dir(dir.join("tam/signers")).unwrap();
    fs::write(dir.join("ca.pem"), signer_ca().to_pem().unwrap()).unwrap();
    assert_eq!(run("teep-tam", &dir, "add-signer @tam @ca.pem").0, 0);
    world.publish(1, "--certificates @chain.pem");
    assert_eq!(world.request().refusal(), None);
    assert_eq!(world.version(), Some(1));

    for name in ["signer.pem", "signer.pub.pem", "signer.pub.cose"] {
        fs::remove_file(dir.join(name)).unwrap();
    }
    keys::write(&key(3), &dir.join("signer")).unwrap();
    write_chain(&dir.join("chain.pem"), &key(3), "Signer CA", 20);
    world.publish(2, "--certificates @chain.pem");
    assert_eq!(world.policy_check().refusal(), None);
    assert_eq!(world.version(), Some(2));
}

#[test]
fn certificates_of_signers_are_shown_and_added_once() {
    let vetting = Vetting::by(&signer_ca());
    let dir = vetting.0.path();
    let kid = key(20).public_key().thumbprint();
    let list = vetting.ok("teep-tam", "list @tam");
    let shown = format!("author.crt  ESP256 key {kid}, certificate of CN=Signer CA, valid from 2026-01-01");
    assert!(list.contains(&shown), "{list}");
    let list: serde_json::Value = serde_json::from_str(&vetting.ok("teep-tam", "--json list @tam")).unwrap();
    assert_eq!(list["signers"][0]["certificate"]["subject"], "CN=Signer CA");
    assert_eq!(list["signers"][0]["certificate"]["not_after"], NOT_AFTER);
    assert_eq!(run("teep-tam", dir, "add-signer @tam @anchor.pem").0, 2);
    // A key has one role, in a certificate too.
    fs::write(dir.join("agent"), key(20).public_key().to_cose_key()).unwrap();
    let (code, text) = run("teep-tam", dir, "enrol @tam @agent");
    assert!(code == 1 && text.contains("signers/author.crt: each role needs keys of its own"), "{text}");
    // In DER, and as many as there are in a file that was put there.
    fs::write(dir.join("other.der"), ca("Other CA", 30).as_der()).unwrap();
    vetting.ok("teep-tam", "add-signer @tam @other.der");
    let both = [ca("Third CA", 31), ca("Fourth CA", 32)].map(|ca| ca.to_pem().unwrap()).concat();
    fs::write(dir.join("both.pem"), &both).unwrap();
    let (code, text) = run("teep-tam", dir, "add-signer @tam @both.pem");
    assert!(code == 1 && text.contains("in a file of its own"), "{text}");
    fs::write(dir.join("tam/signers/both.pem"), both).unwrap();
    assert!(vetting.ok("teep-tam", "list @tam").contains("CN=Fourth CA"));
}

#[test]
fn manifest_by_a_key_below_the_ca_is_vetted() {
    let vetting = Vetting::by(&signer_ca());
    assert_eq!(vetting.publish("signer.pem", &[leaf("Signer CA").issue(&key(20))]).0, 0);
    // One certificate that is no CA's stands for its own key, with or without being sent along.
    let own = leaf("Leaf").issue(&key(2));
    for chain in [&[own.clone()][..], &[]] {
        let vetting = Vetting::by(&own);
        assert_eq!(vetting.publish("signer.pem", chain).0, 0);
    }
}

#[test]
fn attack_leaf_below_another_ca_of_the_same_name() {
    let vetting = Vetting::by(&signer_ca());
    let other = ca("Signer CA", 30);
    let leaf = leaf("Signer CA").issue(&key(30));
    for chain in [&[leaf.clone()][..], &[leaf, other]] {
        vetting.refuses("signer.pem", chain, "not authenticated");
    }
}

#[test]
fn attack_chain_stripped() {
    let vetting = Vetting::by(&signer_ca());
    vetting.refuses("signer.pem", &[], "sign with teep-suit create --certificates");
}

/// As those who could pass them on would: by the clock of the TAM's machine.
#[test]
fn attack_certificates_that_are_not_valid_now() {
    for validity in [EXPIRED, TO_COME] {
        let expired = Content { validity, ..leaf("Signer CA") }.issue(&key(20));
        Vetting::by(&signer_ca()).refuses("signer.pem", &[expired], "certificate not valid now");
        let between = Content { validity, ..Content::ca("Between", "Signer CA", &key(21), Some(0)) };
        let chain = [leaf("Between").issue(&key(21)), between.issue(&key(20))];
        Vetting::by(&signer_ca()).refuses("signer.pem", &chain, "certificate not valid now");
        let anchor = Content { validity, ..Content::ca("Signer CA", "Signer CA", &key(20), None) };
        let valid = leaf("Signer CA").issue(&key(20));
        Vetting::by(&anchor.issue(&key(20))).refuses("signer.pem", &[valid], "certificate not valid now");
    }
}

/// Whom the TAM vets is for what it serves: devices are told to give up what it does not.
#[test]
fn expired_certificates_do_not_keep_a_manifest_from_being_given_up() {
    let vetting = Vetting::by(&signer_ca());
    let dir = vetting.0.path();
    let expired = Content { validity: EXPIRED, ..leaf("Signer CA") }.issue(&key(20));
    vetting.refuses("signer.pem", &[expired], "certificate not valid now");
    fs::copy(dir.join("ta.suit"), dir.join("tam/withdrawn/ta.suit")).unwrap();
    assert!(vetting.ok("teep-tam", "list @tam").contains("to be given up:\n  ta.suit"));
}

#[test]
fn attack_anchor_that_is_no_ca_used_as_a_ca() {
    let anchor = Content::leaf("Signer CA", "Signer CA", &key(20)).issue(&key(20));
    let below = leaf("Signer CA").issue(&key(20));
    Vetting::by(&anchor).refuses("signer.pem", &[below], "an issuer that is a CA");
}

/// Its key may issue certificates and nothing else.
#[test]
fn attack_key_of_the_ca_signs_a_manifest_itself() {
    let vetting = Vetting::by(&signer_ca());
    keys::write(&key(20), &vetting.0.path().join("ca")).unwrap();
    vetting.refuses("ca.pem", &[], "may sign messages");
}
