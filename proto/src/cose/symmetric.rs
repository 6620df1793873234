// SPDX-License-Identifier: Apache-2.0
//! Symmetric keys, and wrapping keys with them (AES-KW, RFC 3394).

use super::key::{Thumbprint, cose_key, param};
use crate::cbor::encode;
use crate::limits::MAX_KID;
use crate::{Error, Kind};
use aes_kw::{KeyInit, KwAes128, KwAes192, KwAes256};
use alloc::vec::Vec;
use coset::cbor::value::Value;
use coset::iana::{self, EnumI64};
use coset::{KeyType, RegisteredLabelWithPrivate};
use zeroize::Zeroizing;

/// A secret of 16 to 64 bytes, shared with a peer. It serves one algorithm if its COSE_Key says so, which
/// is good practice: key wrapping, MACs and content encryption should have keys of their own.
#[derive(Clone)]
pub struct SymmetricKey {
    secret: Zeroizing<Vec<u8>>,
    kid: Option<Vec<u8>>,
    alg: Option<i64>,
}

impl core::fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SymmetricKey").field("kid", &self.kid).field("alg", &self.alg).finish_non_exhaustive()
    }
}

impl SymmetricKey {
    /// A key for any algorithm, found by `kid` or tried where a message has none.
    ///
    /// # Errors
    /// A secret of less than 16 or more than 64 bytes, a `kid` of more than [`MAX_KID`] bytes.
    pub fn new(secret: &[u8], kid: Option<&[u8]>) -> Result<Self, Error> {
        if !(16..=64).contains(&secret.len()) {
            return Err(Error::malformed("a symmetric key of 16 to 64 bytes", 0));
        }
        if kid.is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(Error::new(Kind::TooLarge, "a kid of at most 256 bytes", 0));
        }
        Ok(Self { secret: Zeroizing::new(secret.to_vec()), kid: kid.map(<[u8]>::to_vec), alg: None })
    }

    /// Decodes a symmetric COSE_Key (RFC 9053 section 6).
    ///
    /// # Errors
    /// Malformed or oversize input, another key type, a secret of a length as in [`new`](Self::new).
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        let key = cose_key(bytes)?;
        if key.kty != KeyType::Assigned(iana::KeyType::Symmetric) {
            return Err(Error::unsupported("a symmetric key", 0));
        }
        let secret = param(&key, iana::SymmetricKeyParameter::K.to_i64()).and_then(Value::as_bytes);
        let kid = Some(key.key_id.as_slice()).filter(|kid| !kid.is_empty());
        let mut parsed = Self::new(secret.ok_or(Error::malformed("a symmetric key with k", 0))?, kid)?;
        parsed.alg = match &key.alg {
            None => None,
            Some(RegisteredLabelWithPrivate::Assigned(alg)) => Some(alg.to_i64()),
            Some(_) => {
                return Err(Error::new(Kind::UnsupportedAlgorithm, "a key for a registered algorithm", 0));
            }
        };
        Ok(parsed)
    }

    /// Encodes as a COSE_Key. Keep it secret.
    pub fn to_cose_key(&self) -> Zeroizing<Vec<u8>> {
        let members = [self.kid.is_some(), self.alg.is_some()].into_iter().filter(|there| *there).count();
        Zeroizing::new(encode(|w| {
            w.map(members.saturating_add(2));
            w.int(iana::KeyParameter::Kty.to_i64()).int(iana::KeyType::Symmetric.to_i64());
            if let Some(kid) = &self.kid {
                w.int(iana::KeyParameter::Kid.to_i64()).bytes(kid);
            }
            if let Some(alg) = self.alg {
                w.int(iana::KeyParameter::Alg.to_i64()).int(alg);
            }
            w.int(iana::SymmetricKeyParameter::K.to_i64()).bytes(&self.secret);
        }))
    }

    /// Name of the key in messages, if it has one.
    pub fn kid(&self) -> Option<&[u8]> {
        self.kid.as_deref()
    }

    /// RFC 9679 thumbprint with SHA-256. It tells a random key from others and gives nothing of it away.
    pub(super) fn thumbprint(&self) -> Thumbprint {
        let bare = Self { secret: self.secret.clone(), kid: None, alg: None };
        Thumbprint::of(&bare.to_cose_key())
    }

    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Whether the key may be used with the algorithm `number`, in a layer that claims the key `kid`.
    pub(super) fn serves(&self, number: i64, kid: Option<&[u8]>) -> bool {
        self.alg.is_none_or(|alg| alg == number) && kid.is_none_or(|kid| self.kid() == Some(kid))
    }
}

/// AES key wrapping with a key encryption key of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyWrap {
    /// With a 128-bit key (-3).
    A128Kw,
    /// With a 192-bit key (-4).
    A192Kw,
    /// With a 256-bit key (-5).
    A256Kw,
}

impl KeyWrap {
    pub(super) const ALL: [Self; 3] = [Self::A128Kw, Self::A192Kw, Self::A256Kw];
    /// What wrapping adds to a key.
    pub(super) const OVERHEAD: usize = 8;

    /// Number in the IANA COSE Algorithms registry.
    pub const fn number(self) -> i64 {
        match self {
            Self::A128Kw => iana::Algorithm::A128KW as i64,
            Self::A192Kw => iana::Algorithm::A192KW as i64,
            Self::A256Kw => iana::Algorithm::A256KW as i64,
        }
    }

    /// Number of ECDH-ES with HKDF-SHA-256 followed by this wrapping.
    pub const fn ecdh_es_number(self) -> i64 {
        match self {
            Self::A128Kw => iana::Algorithm::ECDH_ES_A128KW as i64,
            Self::A192Kw => iana::Algorithm::ECDH_ES_A192KW as i64,
            Self::A256Kw => iana::Algorithm::ECDH_ES_A256KW as i64,
        }
    }

    /// Bytes of the key encryption key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::A128Kw => 16,
            Self::A192Kw => 24,
            Self::A256Kw => 32,
        }
    }

    /// The wrapping whose key encryption key has `len` bytes.
    pub fn with_key_len(len: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|wrap| wrap.key_len() == len)
    }

    pub(super) fn wrap(self, kek: &[u8], key: &[u8]) -> Option<Vec<u8>> {
        let mut out = alloc::vec![0; key.len().checked_add(Self::OVERHEAD)?];
        match self {
            Self::A128Kw => KwAes128::new_from_slice(kek).ok()?.wrap_key(key, &mut out).ok()?,
            Self::A192Kw => KwAes192::new_from_slice(kek).ok()?.wrap_key(key, &mut out).ok()?,
            Self::A256Kw => KwAes256::new_from_slice(kek).ok()?.wrap_key(key, &mut out).ok()?,
        };
        Some(out)
    }

    /// The wrapped key; `None` when its integrity check fails.
    pub(super) fn unwrap(self, kek: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(alloc::vec![0; wrapped.len().checked_sub(Self::OVERHEAD)?]);
        match self {
            Self::A128Kw => KwAes128::new_from_slice(kek).ok()?.unwrap_key(wrapped, &mut out).ok()?,
            Self::A192Kw => KwAes192::new_from_slice(kek).ok()?.unwrap_key(wrapped, &mut out).ok()?,
            Self::A256Kw => KwAes256::new_from_slice(kek).ok()?.unwrap_key(wrapped, &mut out).ok()?,
        };
        Some(out)
    }
}
