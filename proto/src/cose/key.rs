// SPDX-License-Identifier: Apache-2.0
use super::Algorithm;
use crate::cbor::{Reader, encode};
use crate::limits::MAX_COSE_HEADER;
use crate::{Error, Kind};
use alloc::boxed::Box;
use alloc::vec::Vec;
use coset::cbor::value::Value;
use coset::iana::{EllipticCurve, EnumI64};
use coset::{CborSerializable, CoseKey, KeyType, Label, iana};
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use sha2::{Digest, Sha256};

/// SHA-256 COSE Key Thumbprint (RFC 9679), used as `kid` everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(pub [u8; 32]);

impl core::fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// A public key that verifies signatures of one algorithm.
#[derive(Clone, Debug, PartialEq)]
pub enum PublicKey {
    /// For [`Algorithm::Esp256`]. A point on the curve, never the identity.
    P256(Box<p256::ecdsa::VerifyingKey>),
    /// For [`Algorithm::Ed25519`]. Never of small order.
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

impl PublicKey {
    /// Decodes a COSE_Key (RFC 9052 section 7) and validates the point.
    ///
    /// # Errors
    /// Malformed or oversize input, another key type or curve, a private key, a point that is not on the
    /// curve or of small order, or an `alg` that contradicts the curve.
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_COSE_HEADER {
            return Err(Error::new(Kind::TooLarge, "a COSE_Key of at most 512 bytes", 0));
        }
        Reader::open(bytes)?;
        let key = CoseKey::from_slice(bytes).map_err(|_| Error::malformed("a COSE_Key", 0))?;
        let curve = param(&key, iana::Ec2KeyParameter::Crv.to_i64())
            .and_then(Value::as_integer)
            .and_then(|n| i64::try_from(n).ok())
            .and_then(EllipticCurve::from_i64);
        let coordinate = |label| param(&key, label).and_then(Value::as_bytes);
        if param(&key, iana::Ec2KeyParameter::D.to_i64()).is_some() {
            return Err(Error::malformed("a public key: this COSE_Key holds a private one", 0));
        }
        let x = coordinate(iana::Ec2KeyParameter::X.to_i64());
        let parsed = match (&key.kty, curve) {
            (KeyType::Assigned(iana::KeyType::EC2), Some(EllipticCurve::P_256)) => {
                Self::p256(x, coordinate(iana::Ec2KeyParameter::Y.to_i64()))
            }
            (KeyType::Assigned(iana::KeyType::OKP), Some(EllipticCurve::Ed25519)) => {
                x.and_then(|x| Self::ed25519(x))
            }
            _ => return Err(Error::unsupported("a P-256 or Ed25519 key", 0)),
        };
        let parsed = parsed.ok_or(Error::malformed("a valid point on the key's curve", 0))?;
        let expected = coset::RegisteredLabelWithPrivate::Assigned(parsed.algorithm().iana());
        if key.alg.as_ref().is_some_and(|alg| *alg != expected) {
            return Err(Error::malformed("an alg that fits the key's curve", 0));
        }
        Ok(parsed)
    }

    fn p256(x: Option<&Vec<u8>>, y: Option<&Vec<u8>>) -> Option<Self> {
        let (x, y) = (x.filter(|x| x.len() == 32)?, y.filter(|y| y.len() == 32)?);
        let sec1: Vec<u8> = [0x04].iter().chain(x).chain(y).copied().collect();
        p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).ok().map(|key| Self::P256(Box::new(key)))
    }

    pub(super) fn ed25519(x: &[u8]) -> Option<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(x.try_into().ok()?).ok()?;
        if key.is_weak() { None } else { Some(Self::Ed25519(Box::new(key))) }
    }

    /// Encodes as a COSE_Key with exactly the members the thumbprint covers, in deterministic order.
    pub fn to_cose_key(&self) -> Vec<u8> {
        self.encode_with(None)
    }

    /// A COSE_Key in deterministic order, with the private part if one is given.
    fn encode_with(&self, private: Option<&[u8]>) -> Vec<u8> {
        let (kty, crv, coordinates) = match self {
            Self::P256(key) => {
                let point = key.to_sec1_point(false);
                let xy = [point.x().map(|x| x.to_vec()), point.y().map(|y| y.to_vec())];
                (iana::KeyType::EC2, EllipticCurve::P_256, xy)
            }
            Self::Ed25519(key) => {
                (iana::KeyType::OKP, EllipticCurve::Ed25519, [Some(key.as_bytes().to_vec()), None])
            }
        };
        let labels = [iana::Ec2KeyParameter::X.to_i64(), iana::Ec2KeyParameter::Y.to_i64()];
        let mut members: Vec<(i64, &[u8])> =
            labels.iter().zip(&coordinates).filter_map(|(l, c)| Some((*l, c.as_deref()?))).collect();
        members.extend(private.map(|d| (iana::Ec2KeyParameter::D.to_i64(), d)));
        encode(|w| {
            w.map(members.len().saturating_add(2));
            w.int(iana::KeyParameter::Kty.to_i64()).int(kty.to_i64());
            w.int(iana::Ec2KeyParameter::Crv.to_i64()).int(crv.to_i64());
            for (label, value) in &members {
                w.int(*label).bytes(value);
            }
        })
    }

    /// RFC 9679 thumbprint with SHA-256 (REQ-TEEP-143).
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint(Sha256::digest(self.to_cose_key()).into())
    }

    /// The one algorithm this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Esp256,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Whether `signature` is this key's over `prefix` followed by `payload`, hashed where they lie.
    pub(super) fn verifies(&self, prefix: &[u8], payload: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .and_then(|signature| key.verify_prehash(&prehash(prefix, payload), &signature))
                .is_ok(),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| key.verify_stream(&signature))
                .and_then(|mut verifier| {
                    verifier.update(prefix);
                    verifier.update(payload);
                    verifier.finalize_and_verify()
                })
                .is_ok(),
        }
    }
}

fn param(key: &CoseKey, label: i64) -> Option<&Value> {
    key.params.iter().find(|(l, _)| *l == Label::Int(label)).map(|(_, value)| value)
}

fn prehash(prefix: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(prefix).chain_update(payload).finalize().into()
}

/// A private key that makes signatures of one algorithm.
#[derive(Clone)]
pub enum SigningKey {
    /// For [`Algorithm::Esp256`]; signatures are deterministic (RFC 6979).
    P256(Box<p256::ecdsa::SigningKey>),
    /// For [`Algorithm::Ed25519`].
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SigningKey({})", self.public_key().thumbprint())
    }
}

impl SigningKey {
    /// A P-256 key from its secret scalar, big-endian.
    ///
    /// # Errors
    /// When the scalar is zero or not below the order of the curve.
    pub fn p256_from_scalar(scalar: &[u8; 32]) -> Result<Self, Error> {
        p256::ecdsa::SigningKey::from_slice(scalar)
            .map(|key| Self::P256(Box::new(key)))
            .map_err(|_| Error::malformed("a scalar below the order of P-256", 0))
    }

    /// An Ed25519 key from its 32-byte seed.
    pub fn ed25519_from_seed(seed: &[u8; 32]) -> Self {
        Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// Decodes a COSE_Key that holds a private key.
    ///
    /// # Errors
    /// As [`PublicKey::from_cose_key`]; also when the public part, if there, is another key's.
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        Reader::open(bytes)?;
        let mut key = CoseKey::from_slice(bytes).map_err(|_| Error::malformed("a COSE_Key", 0))?;
        let private = Label::Int(iana::Ec2KeyParameter::D.to_i64());
        let d = param(&key, iana::Ec2KeyParameter::D.to_i64()).and_then(Value::as_bytes);
        let d: [u8; 32] = d
            .and_then(|d| d.as_slice().try_into().ok())
            .ok_or(Error::malformed("a private key: this COSE_Key has no 32-byte d", 0))?;
        key.params.retain(|(label, _)| *label != private);
        let public = key.to_vec().map_err(|_| Error::malformed("a COSE_Key", 0))?;
        let public = PublicKey::from_cose_key(&public)?;
        let signing = match public {
            PublicKey::P256(_) => Self::p256_from_scalar(&d)?,
            PublicKey::Ed25519(_) => Self::ed25519_from_seed(&d),
        };
        if signing.public_key() == public {
            Ok(signing)
        } else {
            Err(Error::malformed("a public part that belongs to the private key", 0))
        }
    }

    /// Encodes as a COSE_Key that holds the private key. Keep it secret.
    pub fn to_cose_key(&self) -> Vec<u8> {
        let secret = match self {
            Self::P256(key) => key.to_bytes().to_vec(),
            Self::Ed25519(key) => key.to_bytes().to_vec(),
        };
        self.public_key().encode_with(Some(&secret))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::P256(key) => PublicKey::P256(Box::new(*key.verifying_key())),
            Self::Ed25519(key) => PublicKey::Ed25519(Box::new(key.verifying_key())),
        }
    }

    /// Signs `prefix` followed by `payload`.
    pub(super) fn sign(&self, prefix: &[u8], payload: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::P256(key) => {
                let signature: Result<p256::ecdsa::Signature, _> =
                    key.sign_prehash(&prehash(prefix, payload));
                let signature = signature.map_err(|_| Error::unauthenticated("a usable P-256 key"))?;
                Ok(signature.to_bytes().to_vec())
            }
            Self::Ed25519(key) => {
                use ed25519_dalek::Signer;
                let message: Vec<u8> = prefix.iter().chain(payload).copied().collect();
                Ok(key.sign(&message).to_bytes().to_vec())
            }
        }
    }
}
