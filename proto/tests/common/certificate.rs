// SPDX-License-Identifier: Apache-2.0
//! X.509 certificates for tests, written piece by piece in DER so that wrong ones can be made too. One file for the
//! tests of all crates.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "each test uses a part, some of them in a module; a panic is how a test fails"
)]

use p256::ecdsa::signature::Signer;
use std::vec;
use std::vec::Vec;
use teep_proto::cose::{Certificate, PublicKey, SigningKey};

/// 2026-01-01T00:00:00Z, when what is made here begins to be valid.
pub const NOT_BEFORE: u64 = 1_767_225_600;
/// 2036-01-01T00:00:00Z, the last second of it.
pub const NOT_AFTER: u64 = 2_082_758_400;

const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const ECDSA_WITH_SHA256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";
/// OBJECT IDENTIFIERs of extensions.
pub const BASIC_CONSTRAINTS: &[u8] = b"\x06\x03\x55\x1d\x13";
pub const KEY_USAGE: &[u8] = b"\x06\x03\x55\x1d\x0f";
pub const EXT_KEY_USAGE: &[u8] = b"\x06\x03\x55\x1d\x25";
pub const NAME_CONSTRAINTS: &[u8] = b"\x06\x03\x55\x1d\x1e";

/// The first bit of keyUsage.
pub const DIGITAL_SIGNATURE: u8 = 0x80;
/// The sixth bit of keyUsage.
pub const KEY_CERT_SIGN: u8 = 0x04;

/// A TLV of DER.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content.to_vec()].concat()
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// A BIT STRING of whole bytes.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes].concat())
}

/// A Name of one commonName.
fn name(common_name: &str) -> Vec<u8> {
    let attribute = sequence(&[b"\x06\x03\x55\x04\x03", &tlv(0x0c, common_name.as_bytes())]);
    sequence(&[&tlv(0x31, &attribute)])
}

/// SubjectPublicKeyInfo of `key`.
pub fn public_key_info(key: &PublicKey) -> Vec<u8> {
    match key {
        PublicKey::P256(key) => {
            sequence(&[&sequence(&[EC_PUBLIC_KEY, P256]), &bits(key.to_sec1_point(false).as_bytes())])
        }
        PublicKey::Ed25519(key) => sequence(&[&sequence(&[ED25519]), &bits(key.as_bytes())]),
        PublicKey::HssLms(_) => panic!("no certificates for HSS-LMS"),
    }
}

/// The AlgorithmIdentifier of signatures by `key`.
pub fn algorithm(key: &SigningKey) -> Vec<u8> {
    match key.public_key() {
        PublicKey::P256(_) => sequence(&[ECDSA_WITH_SHA256]),
        _ => sequence(&[ED25519]),
    }
}

/// The signature of `key` over `bytes`, as X.509 writes it.
pub fn signature(key: &SigningKey, bytes: &[u8]) -> Vec<u8> {
    // d is the last member of a COSE_Key.
    let secret: [u8; 32] = *key.to_cose_key().last_chunk().unwrap();
    match key.public_key() {
        PublicKey::P256(_) => {
            let signature: p256::ecdsa::Signature =
                p256::ecdsa::SigningKey::from_slice(&secret).unwrap().sign(bytes);
            signature.to_der().as_bytes().to_vec()
        }
        _ => ed25519_dalek::SigningKey::from_bytes(&secret).sign(bytes).to_bytes().to_vec(),
    }
}

/// What a certificate says.
#[derive(Clone)]
pub struct Content {
    /// Content of `[0]`.
    pub version: Option<u8>,
    pub issuer: &'static str,
    pub subject: &'static str,
    /// SubjectPublicKeyInfo.
    pub key: Vec<u8>,
    /// UTCTime of 13, GeneralizedTime of 15 characters.
    pub validity: [&'static str; 2],
    /// Identifier, whether critical, content.
    pub extensions: Vec<(&'static [u8], bool, Vec<u8>)>,
}

impl Content {
    /// Of a certificate that signs.
    pub fn leaf(subject: &'static str, issuer: &'static str, key: &SigningKey) -> Self {
        Self {
            version: Some(2),
            issuer,
            subject,
            key: public_key_info(&key.public_key()),
            validity: ["260101000000Z", "360101000000Z"],
            extensions: Vec::new(),
        }
        .with_usage(DIGITAL_SIGNATURE)
    }

    /// Of a CA, with pathLenConstraint if there is one.
    pub fn ca(subject: &'static str, issuer: &'static str, key: &SigningKey, path_len: Option<u8>) -> Self {
        let path_len = path_len.map(|limit| tlv(0x02, &[limit])).unwrap_or_default();
        let constraints = sequence(&[&tlv(0x01, &[0xff]), &path_len]);
        Self::leaf(subject, issuer, key).with_usage(KEY_CERT_SIGN).with_extension(
            BASIC_CONSTRAINTS,
            true,
            constraints,
        )
    }

    pub fn with_usage(self, usage: u8) -> Self {
        let unused = u8::try_from(usage.trailing_zeros()).unwrap();
        self.with_extension(KEY_USAGE, true, tlv(0x03, &[unused, usage]))
    }

    /// With this extension, in place of one with the same identifier.
    pub fn with_extension(mut self, id: &'static [u8], critical: bool, content: Vec<u8>) -> Self {
        self.extensions.retain(|(other, ..)| *other != id);
        self.extensions.push((id, critical, content));
        self
    }

    pub fn without_extension(mut self, id: &'static [u8]) -> Self {
        self.extensions.retain(|(other, ..)| *other != id);
        self
    }

    /// The TBSCertificate.
    fn encode(&self, algorithm: &[u8]) -> Vec<u8> {
        let version = self.version.map(|version| tlv(0xa0, &tlv(0x02, &[version])));
        let extensions = self.extensions.iter().map(|(id, critical, content)| {
            let critical = if *critical { tlv(0x01, &[0xff]) } else { Vec::new() };
            sequence(&[id, &critical, &tlv(0x04, content)])
        });
        let extensions: Vec<u8> = extensions.flatten().collect();
        let extensions = match extensions.is_empty() {
            true => Vec::new(),
            false => tlv(0xa3, &tlv(0x30, &extensions)),
        };
        let time = |time: &str| tlv(if time.len() == 13 { 0x17 } else { 0x18 }, time.as_bytes());
        let validity = self.validity.map(time).concat();
        sequence(&[
            &version.unwrap_or_default(),
            &tlv(0x02, &[1]),
            algorithm,
            &name(self.issuer),
            &tlv(0x30, &validity),
            &name(self.subject),
            &self.key,
            &extensions,
        ])
    }

    /// The certificate in DER, signed by `issuer`.
    pub fn sign(&self, issuer: &SigningKey) -> Vec<u8> {
        let content = self.encode(&algorithm(issuer));
        sequence(&[&content, &algorithm(issuer), &bits(&signature(issuer, &content))])
    }

    /// The certificate, signed by `issuer`.
    pub fn issue(&self, issuer: &SigningKey) -> Certificate {
        Certificate::from_der(&self.sign(issuer)).expect("a certificate in order")
    }
}
