// SPDX-License-Identifier: Apache-2.0
//! Keys as other tools write them (feature `pem`).

use super::{PublicKey, SigningKey};
use crate::Error;
use alloc::boxed::Box;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey};

const WHAT: &str = "a P-256 or Ed25519 key in PEM";

impl PublicKey {
    /// Decodes a SubjectPublicKeyInfo in PEM ("BEGIN PUBLIC KEY").
    ///
    /// # Errors
    /// Any other text, another kind of key, or a point that is not valid.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_pem(pem) {
            return Ok(Self::P256(Box::new(key)));
        }
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem);
        key.ok().and_then(|key| Self::ed25519(key.as_bytes())).ok_or(Error::unsupported(WHAT, 0))
    }
}

impl SigningKey {
    /// Decodes a PKCS#8 private key in PEM ("BEGIN PRIVATE KEY").
    ///
    /// # Errors
    /// Any other text or another kind of key.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self::P256(Box::new(key)));
        }
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem);
        key.map(|key| Self::Ed25519(Box::new(key))).map_err(|_| Error::unsupported(WHAT, 0))
    }
}
