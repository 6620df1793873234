// SPDX-License-Identifier: Apache-2.0
//! Keys and certificates as other tools write them (feature `pem`).

use super::key::Secret;
use super::x509::bad;
use super::{Certificate, PublicKey, SigningKey};
use crate::Error;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use ed25519_dalek::pkcs8::KeypairBytes;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, LineEnding};
use x509_cert::der::pem;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
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
            return Ok(key.into());
        }
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem);
        key.map(Self::from).map_err(|_| Error::unsupported(WHAT, 0))
    }

    /// Encodes as PKCS#8 in PEM, without certificates. Keep it secret.
    ///
    /// # Errors
    /// None for keys this crate made.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, Error> {
        let pem = match &self.secret {
            Secret::P256(key) => key.to_pkcs8_pem(LineEnding::LF),
            // Without the public half: other tools do not know PKCS#8 version 2.
            Secret::Ed25519(key) => {
                KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_pem(LineEnding::LF)
            }
        };
        pem.map_err(|_| Error::unsupported(WHAT, 0))
    }
}

impl Certificate {
    /// Decodes all certificates in PEM ("BEGIN CERTIFICATE") of a text, which may say something between them.
    ///
    /// # Errors
    /// No certificate at all, and those of [`from_der`](Self::from_der).
    pub fn from_pem(text: &str) -> Result<Vec<Self>, Error> {
        const WHAT: Error = bad("certificates in PEM (BEGIN CERTIFICATE)");
        let mut certificates = Vec::new();
        for part in text.split_inclusive(END) {
            let Some((_, content)) = part.split_once(BEGIN) else { continue };
            let pem = [BEGIN, content].concat();
            let (_, der) = pem::decode_vec(pem.as_bytes()).map_err(|_| WHAT)?;
            certificates.push(Self::from_der(&der)?);
        }
        if certificates.is_empty() { Err(WHAT) } else { Ok(certificates) }
    }

    /// Encodes in PEM.
    ///
    /// # Errors
    /// None for certificates this crate decoded.
    pub fn to_pem(&self) -> Result<String, Error> {
        pem::encode_string("CERTIFICATE", LineEnding::LF, self.as_der())
            .map_err(|_| bad("a certificate that fits PEM"))
    }
}
