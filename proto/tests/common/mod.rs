// SPDX-License-Identifier: Apache-2.0
//! The table of vectors and the published keys, for every test that runs over them.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test program uses a part of it")]

pub mod judge;
pub mod numbers;
pub mod reencode;

use serde::Deserialize;
use std::path::{Path, PathBuf};
use teep_proto::Kind;
use teep_proto::cbor::encode;
use teep_proto::cose::{AgreementSecret, PublicKey, RecipientKey, SigningKey, SymmetricKey};

/// One line of `vectors/vectors.jsonl`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub file: String,
    pub kind: VectorKind,
    #[serde(default)]
    pub dialect: Option<String>,
    /// Names in `keys.json` whose public halves may have signed.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Names of symmetric keys that may have made a MAC.
    #[serde(default)]
    pub mac_keys: Vec<String>,
    /// Whether the receiver is set to accept ES256 (-7) besides ESP256.
    #[serde(default)]
    pub es256: bool,
    /// Whether the receiver is set to accept HSS-LMS (-46).
    #[serde(default)]
    pub hss_lms: bool,
    /// Names of recipients' keys.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// Names of symmetric keys that may have encrypted the content itself.
    #[serde(default)]
    pub content_keys: Vec<String>,
    #[serde(default)]
    pub ciphertext: Option<String>,
    #[serde(default)]
    pub context: Option<String>,
    #[serde(default)]
    pub plaintext: Option<String>,
    pub expected: Expected,
    #[serde(default)]
    pub blame: Option<String>,
    #[serde(default)]
    pub says: Option<String>,
    #[serde(default)]
    pub why: Option<String>,
    #[serde(default)]
    pub canonical: Option<bool>,
    #[serde(default)]
    pub because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VectorKind {
    TeepMessage,
    TeepSigned,
    SuitEnvelope,
    SuitReport,
    ProtectedReport,
    Eat,
    CoseEncrypt,
    #[serde(rename = "cose-encrypt0")]
    CoseEncrypt0,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    Accept,
    Reject,
}

pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// Every vector of the table.
pub fn all() -> Vec<Vector> {
    let table = read(&directory().join("vectors.jsonl"));
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}"));
    table.lines().map(parse).collect()
}

pub fn of(kind: VectorKind) -> Vec<Vector> {
    let list: Vec<_> = all().into_iter().filter(|v| v.kind == kind).collect();
    assert!(!list.is_empty(), "no vector of kind {kind:?}");
    list
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.split_whitespace().collect::<String>()).expect("hexadecimal")
}

/// The bytes of a file in `vectors`.
pub fn bytes(file: &str) -> Vec<u8> {
    unhex(&read(&directory().join(file)))
}

/// A key of `keys.json`: its members as hexadecimal text.
pub fn key(name: &str) -> serde_json::Value {
    let keys: serde_json::Value = serde_json::from_str(&read(&directory().join("keys.json"))).expect("keys");
    keys.get(name).unwrap_or_else(|| panic!("no key {name} in keys.json")).clone()
}

pub fn member(key: &serde_json::Value, name: &str) -> Vec<u8> {
    unhex(key[name].as_str().unwrap_or_else(|| panic!("no member {name} in {key}")))
}

/// The public half of the key `name`, from its coordinates.
pub fn public_key(name: &str) -> PublicKey {
    let key = key(name);
    if key["kty"] == "HSS-LMS" {
        let public = member(&key, "pub");
        let cose = encode(|w| {
            w.map(2).int(1).int(5).int(-1).bytes(&public);
        });
        return PublicKey::from_cose_key(&cose).expect("a valid key");
    }
    let (x, crv) = (member(&key, "x"), key["crv"].as_str().expect("a curve").to_owned());
    let cose = encode(|w| match crv.as_str() {
        "P-256" => {
            w.map(4).int(1).int(2).int(-1).int(1).int(-2).bytes(&x).int(-3).bytes(&member(&key, "y"));
        }
        "Ed25519" => {
            w.map(3).int(1).int(1).int(-1).int(6).int(-2).bytes(&x);
        }
        other => panic!("curve {other}"),
    });
    PublicKey::from_cose_key(&cose).expect("a valid key")
}

pub fn signing_key(name: &str) -> SigningKey {
    let key = key(name);
    let d: [u8; 32] = member(&key, "d").try_into().expect("32 bytes");
    match key["crv"].as_str() {
        Some("P-256") => SigningKey::p256_from_scalar(&d).expect("a scalar"),
        _ => SigningKey::ed25519_from_seed(&d),
    }
}

pub fn symmetric_key(name: &str) -> SymmetricKey {
    let key = key(name);
    let kid = key.get("kid").map(|_| member(&key, "kid"));
    SymmetricKey::new(&member(&key, "k"), kid.as_deref()).expect("a symmetric key")
}

pub fn recipient_key(name: &str) -> RecipientKey {
    let description = key(name);
    if description["kty"] == "Symmetric" {
        return RecipientKey::Symmetric(symmetric_key(name));
    }
    let d: [u8; 32] = member(&description, "d").try_into().expect("32 bytes");
    RecipientKey::Agreement(AgreementSecret::from_scalar(&d).expect("a scalar"))
}

pub fn blame(kind: Kind) -> &'static str {
    match kind {
        Kind::Malformed => "malformed",
        Kind::TooLarge => "too-large",
        Kind::Unsupported => "unsupported",
        Kind::UnsupportedAlgorithm => "unsupported-algorithm",
        Kind::Unauthenticated => "unauthenticated",
        _ => "other",
    }
}
