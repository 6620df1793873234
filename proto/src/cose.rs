// SPDX-License-Identifier: Apache-2.0
//! COSE (RFC 9052, RFC 9053) as TEEP and SUIT use it.
//!
//! | Type | Structure |
//! | --- | --- |
//! | [`Signatures`], [`sign`], [`sign1`] | COSE_Sign1 and COSE_Sign with ESP256, Ed25519; where accepted ES256, HSS-LMS |
//! | [`TrustAnchor`], [`Certificate`] | what signatures are checked with: keys, X.509 certificates, x5chain (RFC 9360) |
//! | [`Mac0`], [`mac0`] | COSE_Mac0 with HMAC 256/256 |
//! | [`Encrypted`], [`encrypt`] | COSE_Encrypt to AES-KW and ECDH-ES+AES-KW recipients |
//! | [`ContentDecryptor`] | its content, as it arrives |
//! | [`Encrypted0`], [`encrypt0`] | COSE_Encrypt0 |
//!
//! Keys and numbers are coset's. Payloads never go through it: what is signed or authenticated is hashed as a
//! short prefix followed by the payload where it lies, so that verifying a message of one megabyte allocates
//! nothing of that size. No key reaches coset before the strict reader has bounded its depth and size.

mod agreement;
mod anchor;
mod content;
mod decryptor;
mod encrypt;
mod encrypt0;
mod header;
mod hss_lms;
mod key;
mod mac;
#[cfg(feature = "pem")]
mod pem;
mod recipient;
mod sign;
mod symmetric;
mod x509;

pub use agreement::{AgreementKey, AgreementSecret};
pub use anchor::{Anchor, TrustAnchor};
pub use content::{ContentAlgorithm, Random};
pub use decryptor::ContentDecryptor;
pub(crate) use encrypt::TAG_ENCRYPT;
pub use encrypt::{Encrypted, Encryption, encrypt};
pub(crate) use encrypt0::TAG_ENCRYPT0;
pub use encrypt0::{Encrypted0, encrypt0};
pub use hss_lms::HssPublicKey;
pub use key::{PublicKey, SigningKey, Thumbprint};
pub(crate) use mac::TAG_MAC0;
pub use mac::{Mac0, mac0, mac0_detached};
pub use recipient::{EncryptTo, RecipientKey};
pub use sign::{Accept, Signatures, sign, sign1, sign1_detached};
pub(crate) use sign::{TAG_SIGN, TAG_SIGN1};
pub use symmetric::{KeyWrap, SymmetricKey};
pub use x509::Certificate;

use coset::iana;

/// Context of what encrypts payloads and manifests (FE, SuppPubInfo `other`).
pub const CONTEXT_SUIT_PAYLOAD: &[u8] = b"SUIT Payload Encryption";
/// Context of what encrypts SUIT Reports (REQ-TEEP-032).
pub const CONTEXT_SUIT_REPORT: &[u8] = b"SUIT Report Encryption";
/// Context of what encrypts Evidence and Attestation Results (REQ-TEEP-032).
pub const CONTEXT_EAT: &[u8] = b"EAT Encryption";

/// Algorithms that authenticate: those of the TEEP cipher suites and of the SUIT profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256, fixed curve (-9).
    Esp256,
    /// Ed25519 (-19).
    Ed25519,
    /// ECDSA with SHA-256 and the key's curve (-7), here only with P-256 and only where [`Accept`] says so.
    Es256,
    /// HSS-LMS (-46), verified only, and only where [`Accept`] says so.
    HssLms,
    /// HMAC with SHA-256 and a tag of 256 bits (5), in a [`Mac0`] only.
    Hmac256,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Esp256, Self::Ed25519, Self::Es256, Self::HssLms, Self::Hmac256];

    /// Number in the IANA COSE Algorithms registry.
    pub const fn number(self) -> i64 {
        match self {
            Self::Esp256 => iana::Algorithm::ESP256 as i64,
            Self::Ed25519 => iana::Algorithm::Ed25519 as i64,
            Self::Es256 => iana::Algorithm::ES256 as i64,
            Self::HssLms => iana::Algorithm::HSS_LMS as i64,
            Self::Hmac256 => iana::Algorithm::HMAC_256_256 as i64,
        }
    }

    /// The algorithm with number `number`, if it is one of these.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.number() == number)
    }
}

impl core::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Esp256 => "ESP256",
            Self::Ed25519 => "Ed25519",
            Self::Es256 => "ES256",
            Self::HssLms => "HSS-LMS",
            Self::Hmac256 => "HMAC 256/256",
        })
    }
}

/// Something whose signature or MAC was checked. Only [`Signatures`] and [`Mac0`] make one, so whoever holds it
/// holds proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    signer: Thumbprint,
    key: Thumbprint,
    algorithm: Algorithm,
}

impl<T> Verified<T> {
    /// What was signed.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// What was signed, without the proof.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Thumbprint of the key of the anchor that vouches for the signature or MAC: who it is that signed, and what rights
    /// are granted to.
    pub fn signer(&self) -> Thumbprint {
        self.signer
    }

    /// Thumbprint of the key that made the signature or MAC. It is the anchor's own, or below the certificate of a CA that
    /// of the first certificate in x5chain.
    pub fn key(&self) -> Thumbprint {
        self.key
    }

    /// Algorithm of the signature or MAC.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Decodes what was signed; the proof goes with the result.
    ///
    /// # Errors
    /// Those of `decode`.
    pub(crate) fn decode<U, E>(self, decode: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        let Self { value, signer, key, algorithm } = self;
        Ok(Verified { value: decode(value)?, signer, key, algorithm })
    }
}

#[cfg(test)]
mod tests;
