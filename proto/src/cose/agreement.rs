// SPDX-License-Identifier: Apache-2.0
//! ECDH-ES on P-256 with HKDF-SHA-256 (RFC 9053 sections 6.3 and 5): the keys of both sides and what they agree on.

use super::key::{EcKey, Thumbprint, cose_key};
use super::{KeyWrap, Random};
use crate::cbor::encode;
use crate::limits::MAX_KID;
use crate::{Error, Kind};
use alloc::vec::Vec;
use coset::RegisteredLabelWithPrivate;
use coset::iana::EnumI64;
use hkdf::Hkdf;
use p256::ecdh::diffie_hellman;
use sha2::Sha256;
use zeroize::Zeroizing;

/// How often a random scalar is drawn before the source is given up: each is unfit once in 2^32 times.
const DRAWS: usize = 4;

/// The public key of a recipient, or an ephemeral one: a point on P-256, never the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementKey {
    point: p256::PublicKey,
    kid: Option<Vec<u8>>,
}

impl AgreementKey {
    /// Decodes a COSE_Key (RFC 9052 section 7) and validates the point (REQ-SUIT-121).
    ///
    /// # Errors
    /// Malformed or oversize input, another key type or curve, a private key, a point that is not on the
    /// curve, or an `alg` other than ECDH-ES with AES-KW: a signature key is no agreement key.
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        let (key, kid) = Self::parse(bytes)?;
        if key.d.is_some() {
            return Err(Error::malformed("a public key: this COSE_Key holds a private one", 0));
        }
        Ok(Self { point: key.point()?, kid })
    }

    fn parse(bytes: &[u8]) -> Result<(EcKey, Option<Vec<u8>>), Error> {
        let key = cose_key(bytes)?;
        let fits = |alg: &coset::Algorithm| match alg {
            RegisteredLabelWithPrivate::Assigned(alg) => {
                KeyWrap::ALL.iter().any(|wrap| wrap.ecdh_es_number() == alg.to_i64())
            }
            _ => false,
        };
        if !key.alg.as_ref().is_none_or(fits) {
            return Err(Error::new(Kind::UnsupportedAlgorithm, "a key for ECDH-ES with AES-KW", 0));
        }
        let kid = Some(key.key_id.clone()).filter(|kid| !kid.is_empty());
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(Error::new(Kind::TooLarge, "a kid of at most 256 bytes", 0));
        }
        Ok((EcKey::from_cose_key(&key)?, kid))
    }

    /// Encodes as a COSE_Key with exactly the members the thumbprint covers, in deterministic order.
    pub fn to_cose_key(&self) -> Vec<u8> {
        EcKey::from_point(&self.point).encode()
    }

    /// RFC 9679 thumbprint with SHA-256.
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(&self.to_cose_key())
    }

    /// Name of the key in messages: that of its COSE_Key, otherwise its thumbprint (REQ-TEEP-143).
    pub fn kid(&self) -> Vec<u8> {
        self.kid.clone().unwrap_or_else(|| self.thumbprint().0.to_vec())
    }
}

/// The private key of a recipient.
#[derive(Clone)]
pub struct AgreementSecret {
    secret: p256::SecretKey,
    public: AgreementKey,
}

impl core::fmt::Debug for AgreementSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AgreementSecret({})", self.public.thumbprint())
    }
}

impl AgreementSecret {
    /// A P-256 key from its secret scalar, big-endian.
    ///
    /// # Errors
    /// When the scalar is zero or not below the order of the curve.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self, Error> {
        let secret = p256::SecretKey::from_slice(scalar)
            .map_err(|_| Error::malformed("a scalar below the order of P-256", 0))?;
        let public = AgreementKey { point: secret.public_key(), kid: None };
        Ok(Self { secret, public })
    }

    /// Decodes a COSE_Key that holds a private key.
    ///
    /// # Errors
    /// As [`AgreementKey::from_cose_key`]; also when the public part is another key's.
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        let (key, kid) = AgreementKey::parse(bytes)?;
        let scalar = key.d.as_ref().ok_or(Error::malformed("a private key: this COSE_Key has no d", 0))?;
        let mut parsed = Self::from_scalar(scalar)?;
        if key.point()? != parsed.public.point {
            return Err(Error::malformed("a public part that belongs to the private key", 0));
        }
        parsed.public.kid = kid;
        Ok(parsed)
    }

    /// A new key from random bytes.
    ///
    /// # Errors
    /// Those of `random`, and when its bytes are unfit again and again.
    pub fn generate(random: &mut Random<'_>) -> Result<Self, Error> {
        let mut scalar = Zeroizing::new([0; 32]);
        for _ in 0..DRAWS {
            random(scalar.as_mut_slice())?;
            if let Ok(secret) = Self::from_scalar(&scalar) {
                return Ok(secret);
            }
        }
        Err(Error::malformed("random bytes that vary", 0))
    }

    /// The public half.
    pub fn public_key(&self) -> &AgreementKey {
        &self.public
    }

    /// Whether a layer that claims the key `kid` can mean this one: by its name or by its thumbprint.
    pub(super) fn is_meant_by(&self, kid: Option<&[u8]>) -> bool {
        kid.is_none_or(|kid| self.public.kid.as_deref() == Some(kid) || self.public.thumbprint().0 == kid)
    }

    /// The key encryption key agreed on with `peer`.
    ///
    /// `protected` is the content of the recipient's protected header as it stands in the message, `other` the
    /// SuppPubInfo that tells uses apart (REQ-TEEP-032), `salt` the header of that name.
    pub(super) fn agree(
        &self,
        peer: &AgreementKey,
        wrap: KeyWrap,
        protected: &[u8],
        other: &[u8],
        salt: Option<&[u8]>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let shared = diffie_hellman(self.secret.to_nonzero_scalar(), peer.point.as_affine());
        let mut kek = Zeroizing::new(alloc::vec![0; wrap.key_len()]);
        Hkdf::<Sha256>::new(salt, shared.raw_secret_bytes())
            .expand(&kdf_context(wrap, protected, other), &mut kek)
            .ok()?;
        Some(kek)
    }
}

/// COSE_KDF_Context (RFC 9053 section 5.2) with neither party identified.
pub(super) fn kdf_context(wrap: KeyWrap, protected: &[u8], other: &[u8]) -> Vec<u8> {
    let bits = wrap.key_len().saturating_mul(8);
    encode(|w| {
        w.array(4).int(wrap.number());
        for _party in 0..2 {
            w.array(3).null().null().null();
        }
        w.array(3).uint(bits as u64).bytes(protected).bytes(other);
    })
}
