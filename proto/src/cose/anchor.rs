// SPDX-License-Identifier: Apache-2.0
use super::{Algorithm, Certificate, PublicKey, Thumbprint};
use crate::Error;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// First byte of a certificate in DER, a SEQUENCE. A COSE_Key, which is a map, cannot begin with it.
const DER_SEQUENCE: u8 = 0x30;

/// What a receiver trusts to authenticate (RFC 9397 section 5, REQ-ARCH-006).
#[derive(Clone, Debug, PartialEq)]
pub enum TrustAnchor {
    /// A key that signs.
    Key(PublicKey),
    /// A certificate. With one that is not a CA's, self-signed or not, its key signs as long as it is valid. Below one of
    /// a CA, the keys sign that it issued certificates for, directly or through other CAs; those come in x5chain.
    Certificate(Box<Certificate>),
}

impl From<PublicKey> for TrustAnchor {
    fn from(key: PublicKey) -> Self {
        Self::Key(key)
    }
}

impl TrustAnchor {
    /// Decodes a COSE_Key or, where the first byte says so, a certificate in DER.
    ///
    /// # Errors
    /// Those of [`PublicKey::from_cose_key`] or [`Certificate::from_der`], and those of [`new`](Self::new).
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.first() {
            Some(&DER_SEQUENCE) => Self::new(Certificate::from_der(bytes)?),
            _ => PublicKey::from_cose_key(bytes).map(Self::Key),
        }
    }

    /// Trusts `certificate`.
    ///
    /// # Errors
    /// When it allows its key neither to sign messages nor to issue certificates.
    pub fn new(certificate: Certificate) -> Result<Self, Error> {
        certificate.check_signs().or_else(|error| certificate.check_issues(0).map_err(|_| error))?;
        Ok(Self::Certificate(Box::new(certificate)))
    }

    /// Encodes as [`decode`](Self::decode) reads it.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Key(key) => key.to_cose_key(),
            Self::Certificate(certificate) => certificate.as_der().to_vec(),
        }
    }

    /// The anchor's key. Two anchors with one key are the same to whoever grants rights.
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key,
            Self::Certificate(certificate) => certificate.key(),
        }
    }

    /// Whether signatures made with `algorithm` can count under this anchor: by its own key or, below a CA, by those that
    /// it issued certificates for. `now` is the time by a clock that is trusted, as in [`Accept`](super::Accept).
    pub fn serves(&self, algorithm: Algorithm, now: Option<u64>) -> bool {
        match self {
            Self::Key(key) => key.serves(algorithm),
            Self::Certificate(certificate) => {
                let by_others = certificate.check_issues(0).is_ok();
                certificate.check_validity(now).is_ok() && (by_others || certificate.key().serves(algorithm))
            }
        }
    }

    /// Thumbprint of the anchor's key, by which it is known.
    pub fn thumbprint(&self) -> Thumbprint {
        self.key().thumbprint()
    }
}

/// What signatures can be checked with: a [`TrustAnchor`], or a [`PublicKey`] that is one.
pub trait Anchor {
    /// The key.
    fn key(&self) -> &PublicKey;

    /// The certificate, if the key is trusted as it says there.
    fn certificate(&self) -> Option<&Certificate>;
}

impl Anchor for PublicKey {
    fn key(&self) -> &PublicKey {
        self
    }

    fn certificate(&self) -> Option<&Certificate> {
        None
    }
}

impl Anchor for TrustAnchor {
    fn key(&self) -> &PublicKey {
        Self::key(self)
    }

    fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Key(_) => None,
            Self::Certificate(certificate) => Some(certificate),
        }
    }
}
