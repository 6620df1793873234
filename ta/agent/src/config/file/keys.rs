// SPDX-License-Identifier: Apache-2.0
//! Key files.

use super::super::DecryptionKey;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::path::Path;
use teep_proto::Error;
use teep_proto::cbor::{Reader, encode};
use teep_proto::cose::{AgreementKey, Certificate, PublicKey, SigningKey, TrustAnchor};
use zeroize::Zeroizing;

/// A public key in PEM (SubjectPublicKeyInfo) or as a COSE_Key, or a certificate in PEM or DER.
pub(super) fn trust_anchor(path: &Path) -> Result<TrustAnchor, String> {
    let wrong = |what: &dyn core::fmt::Display| format!("key {}: {what}", path.display());
    let bytes = std::fs::read(path).map_err(|e| wrong(&e))?;
    let text = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN"));
    let anchor = match text {
        None => TrustAnchor::decode(&bytes),
        Some(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => {
            let mut certificates = Certificate::from_pem(pem).map_err(|e| wrong(&e))?;
            match (certificates.pop(), certificates.is_empty()) {
                (Some(certificate), true) => TrustAnchor::new(certificate),
                _ => return Err(wrong(&"it holds several certificates; the anchor is one of them")),
            }
        }
        Some(pem) => PublicKey::from_pem(pem).map(TrustAnchor::from),
    };
    anchor.map_err(|e| wrong(&e))
}

/// A public key for ECDH-ES: a key on P-256 in PEM, or a COSE_Key.
pub(super) fn agreement_key(path: &Path) -> Result<AgreementKey, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("key {}: {e}", path.display()))?;
    // In PEM a key does not say what it is for.
    let pem = std::str::from_utf8(&bytes).ok().filter(|_| is_pem(&bytes));
    let cose_key = pem.map(|pem| PublicKey::from_pem(pem).map(|key| key.to_cose_key())).transpose();
    cose_key
        .and_then(|cose_key| AgreementKey::from_cose_key(cose_key.as_ref().unwrap_or(&bytes)))
        .map_err(|e| format!("key {}: {e}", path.display()))
}

/// A secret key in PEM (PKCS#8, P-256) or as a COSE_Key, under the name `kid` if there is one.
pub(super) fn decryption_key(path: &Path, kid: Option<&str>) -> Result<DecryptionKey, String> {
    let wrong = |what: &dyn core::fmt::Display| format!("key {}: {what}", path.display());
    let bytes = Zeroizing::new(std::fs::read(path).map_err(|e| wrong(&e))?);
    let cose_key = match std::str::from_utf8(&bytes).ok().filter(|_| is_pem(&bytes)) {
        Some(pem) => Zeroizing::new(SigningKey::from_pem(pem).map_err(|e| wrong(&e))?.to_cose_key()),
        None => bytes,
    };
    let named = kid.map(|kid| with_kid(&cose_key, kid.as_bytes())).transpose().map_err(|e| wrong(&e))?;
    DecryptionKey::from_cose_key(&named.unwrap_or(cose_key)).map_err(|e| wrong(&e))
}

/// The COSE_Key `cose_key` with the name `kid` in place of the one that it has.
fn with_kid(cose_key: &[u8], kid: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    /// Label of the name of a COSE_Key (RFC 9052 section 7).
    const KID: i64 = 2;
    let mut r = Reader::open(cose_key)?;
    let name = encode(|w| {
        w.bytes(kid);
    });
    let mut members = Vec::from([(KID, name)]);
    for _ in 0..r.map("a COSE_Key map")? {
        let label = r.int("a label of a COSE_Key")?;
        let item = r.item()?.to_vec();
        if label != KID {
            members.push((label, item));
        }
    }
    // Deterministic order: labels from 0 up, then those from -1 down.
    members.sort_by_key(|(label, _)| (*label < 0, label.unsigned_abs()));
    Ok(Zeroizing::new(encode(|w| {
        w.map(members.len());
        for (label, item) in &members {
            w.int(*label).raw(item);
        }
    })))
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN")
}
