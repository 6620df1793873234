// SPDX-License-Identifier: Apache-2.0
//! COSE signatures (RFC 9052, RFC 9053) as TEEP and SUIT use them: Sign1 and Sign, ESP256 and Ed25519.
//!
//! Headers, keys and algorithm numbers are coset's. Payloads never go through it: the Sig_structure is
//! hashed as a short prefix followed by the payload where it lies, so that verifying a message of one
//! megabyte allocates nothing of that size. No header reaches coset before the strict reader has bounded
//! its depth and size.

mod key;
#[cfg(feature = "pem")]
mod pem;
mod sign;

pub use key::{PublicKey, SigningKey, Thumbprint};
pub(crate) use sign::TAG_SIGN1;
pub use sign::{Signatures, sign, sign1, sign1_detached};

use coset::iana;

/// Signature algorithms of the TEEP cipher suites and of the SUIT profiles in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256, fixed curve (-9).
    Esp256,
    /// Ed25519 (-19).
    Ed25519,
}

impl Algorithm {
    /// Number in the IANA COSE Algorithms registry.
    pub const fn number(self) -> i64 {
        match self {
            Self::Esp256 => iana::Algorithm::ESP256 as i64,
            Self::Ed25519 => iana::Algorithm::Ed25519 as i64,
        }
    }

    /// The algorithm with number `number`, if it is one of these.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Esp256, Self::Ed25519].into_iter().find(|a| a.number() == number)
    }

    const fn iana(self) -> iana::Algorithm {
        match self {
            Self::Esp256 => iana::Algorithm::ESP256,
            Self::Ed25519 => iana::Algorithm::Ed25519,
        }
    }
}

impl core::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Esp256 => "ESP256",
            Self::Ed25519 => "Ed25519",
        })
    }
}

/// Something whose signature was checked. Only [`Signatures`] makes one, so whoever holds it holds proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    signer: Thumbprint,
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

    /// Thumbprint of the key that made the signature.
    pub fn signer(&self) -> Thumbprint {
        self.signer
    }

    /// Algorithm of the signature.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Decodes what was signed; the proof goes with the result.
    ///
    /// # Errors
    /// Those of `decode`.
    pub(crate) fn decode<U, E>(self, decode: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        let Self { value, signer, algorithm } = self;
        Ok(Verified { value: decode(value)?, signer, algorithm })
    }
}

#[cfg(test)]
mod tests;
