// SPDX-License-Identifier: Apache-2.0
use super::x509::{Chain, bad};
use super::{Algorithm, Certificate, HssPublicKey};
use crate::cbor::{Reader, encode};
use crate::limits::MAX_COSE_HEADER;
use crate::{Error, Kind};
use alloc::boxed::Box;
use alloc::vec::Vec;
use coset::cbor::value::Value;
use coset::iana::{EllipticCurve, EnumI64};
use coset::{CborSerializable, CoseKey, KeyType, Label, iana};
use p256::ecdsa::signature::MultipartSigner;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::elliptic_curve::sec1::ToSec1Point;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const BAD_POINT: &str = "a valid point on the key's curve";

/// SHA-256 COSE Key Thumbprint (RFC 9679), used as `kid` everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(pub [u8; 32]);

impl Thumbprint {
    /// Hashes a COSE_Key that holds exactly the required members in deterministic order.
    pub(super) fn of(cose_key: &[u8]) -> Self {
        Self(Sha256::digest(cose_key).into())
    }
}

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
    /// For [`Algorithm::Esp256`], and for [`Algorithm::Es256`] where that is accepted. A point on the curve,
    /// never the identity.
    P256(Box<p256::ecdsa::VerifyingKey>),
    /// For [`Algorithm::Ed25519`]. Never of small order.
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    /// For [`Algorithm::HssLms`].
    HssLms(Box<HssPublicKey>),
}

impl PublicKey {
    /// Decodes a COSE_Key (RFC 9052 section 7) and validates the point.
    ///
    /// # Errors
    /// Malformed or oversize input, another key type or curve, a private key, a point that is not on the
    /// curve or of small order, or an `alg` that contradicts the curve.
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        let key = cose_key(bytes)?;
        let private = [iana::Ec2KeyParameter::D.to_i64(), iana::OkpKeyParameter::D.to_i64()];
        let has_private = private.iter().any(|label| param(&key, *label).is_some());
        let parsed = match (&key.kty, curve(&key)) {
            (KeyType::Assigned(iana::KeyType::EC2 | iana::KeyType::OKP), _) if has_private => {
                return Err(Error::malformed("a public key: this COSE_Key holds a private one", 0));
            }
            (KeyType::Assigned(iana::KeyType::EC2), Some(EllipticCurve::P_256)) => {
                Self::P256(Box::new(EcKey::from_cose_key(&key)?.point()?.into()))
            }
            (KeyType::Assigned(iana::KeyType::OKP), Some(EllipticCurve::Ed25519)) => {
                let x = param(&key, iana::OkpKeyParameter::X.to_i64()).and_then(Value::as_bytes);
                x.and_then(|x| Self::ed25519(x)).ok_or(Error::malformed(BAD_POINT, 0))?
            }
            (KeyType::Assigned(iana::KeyType::HSS_LMS), _) => {
                let public = param(&key, iana::HssLmsKeyParameter::Pub.to_i64()).and_then(Value::as_bytes);
                let public = public.ok_or(Error::malformed("an HSS-LMS key with pub", 0))?;
                Self::HssLms(Box::new(HssPublicKey::from_bytes(public)?))
            }
            _ => return Err(Error::unsupported("a P-256, Ed25519 or HSS-LMS key", 0)),
        };
        let expected = iana::Algorithm::from_i64(parsed.algorithm().number());
        let expected = expected.map(coset::RegisteredLabelWithPrivate::Assigned);
        if key.alg.is_some() && key.alg != expected {
            return Err(Error::malformed("an alg that fits the key's curve", 0));
        }
        Ok(parsed)
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
        match self {
            Self::P256(key) => {
                let d = private.and_then(|d| d.try_into().ok()).map(Zeroizing::new);
                EcKey { d, ..EcKey::from_point(&p256::PublicKey::from(**key)) }.encode()
            }
            Self::Ed25519(key) => encode(|w| {
                w.map(if private.is_some() { 4 } else { 3 });
                w.int(iana::KeyParameter::Kty.to_i64()).int(iana::KeyType::OKP.to_i64());
                w.int(iana::OkpKeyParameter::Crv.to_i64()).int(EllipticCurve::Ed25519.to_i64());
                w.int(iana::OkpKeyParameter::X.to_i64()).bytes(key.as_bytes());
                if let Some(d) = private {
                    w.int(iana::OkpKeyParameter::D.to_i64()).bytes(d);
                }
            }),
            Self::HssLms(key) => encode(|w| {
                w.map(2);
                w.int(iana::KeyParameter::Kty.to_i64()).int(iana::KeyType::HSS_LMS.to_i64());
                w.int(iana::HssLmsKeyParameter::Pub.to_i64()).bytes(key.as_bytes());
            }),
        }
    }

    /// RFC 9679 thumbprint with SHA-256 (REQ-TEEP-143).
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(&self.to_cose_key())
    }

    /// The algorithm this key verifies: with P-256 the one of today's documents, ESP256.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Esp256,
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::HssLms(_) => Algorithm::HssLms,
        }
    }

    /// Whether signatures that say they are made with `algorithm` can be this key's.
    pub(super) fn serves(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::P256(_) => matches!(algorithm, Algorithm::Esp256 | Algorithm::Es256),
            Self::Ed25519(_) => algorithm == Algorithm::Ed25519,
            Self::HssLms(_) => algorithm == Algorithm::HssLms,
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
            Self::HssLms(key) => key.verifies(prefix, payload, signature),
        }
    }
}

/// Decodes the members of a COSE_Key after the strict reader has bounded it.
pub(super) fn cose_key(bytes: &[u8]) -> Result<CoseKey, Error> {
    if bytes.len() > MAX_COSE_HEADER {
        return Err(Error::new(Kind::TooLarge, "a COSE_Key of at most 512 bytes", 0));
    }
    Reader::open(bytes)?;
    CoseKey::from_slice(bytes).map_err(|_| Error::malformed("a COSE_Key", 0))
}

pub(super) fn param(key: &CoseKey, label: i64) -> Option<&Value> {
    key.params.iter().find(|(l, _)| *l == Label::Int(label)).map(|(_, value)| value)
}

fn curve(key: &CoseKey) -> Option<EllipticCurve> {
    let number = param(key, iana::Ec2KeyParameter::Crv.to_i64())?.as_integer()?;
    EllipticCurve::from_i64(i64::try_from(number).ok()?)
}

/// The members of a P-256 key: both coordinates, and the scalar if it is a private one.
pub(super) struct EcKey {
    x: [u8; 32],
    y: [u8; 32],
    pub(super) d: Option<Zeroizing<[u8; 32]>>,
}

impl EcKey {
    pub(super) fn from_cose_key(key: &CoseKey) -> Result<Self, Error> {
        if key.kty != KeyType::Assigned(iana::KeyType::EC2) || curve(key) != Some(EllipticCurve::P_256) {
            return Err(Error::unsupported("a P-256 key", 0));
        }
        let member = |label: iana::Ec2KeyParameter| match param(key, label.to_i64()) {
            None => Ok(None),
            Some(value) => value
                .as_bytes()
                .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
                .map(Some)
                .ok_or(Error::malformed("x, y and d of a P-256 key in 32 bytes each", 0)),
        };
        let missing = Error::malformed("a P-256 key with x and y", 0);
        Ok(Self {
            x: member(iana::Ec2KeyParameter::X)?.ok_or(missing.clone())?,
            y: member(iana::Ec2KeyParameter::Y)?.ok_or(missing)?,
            d: member(iana::Ec2KeyParameter::D)?.map(Zeroizing::new),
        })
    }

    pub(super) fn from_point(point: &p256::PublicKey) -> Self {
        let sec1 = point.to_sec1_point(false);
        let coordinate = |bytes: Option<&p256::FieldBytes>| bytes.map(|b| (*b).into()).unwrap_or_default();
        Self { x: coordinate(sec1.x()), y: coordinate(sec1.y()), d: None }
    }

    /// The point, which lies on the curve and is not the identity.
    pub(super) fn point(&self) -> Result<p256::PublicKey, Error> {
        let sec1: Vec<u8> = [0x04].iter().chain(&self.x).chain(&self.y).copied().collect();
        p256::PublicKey::from_sec1_bytes(&sec1).map_err(|_| Error::malformed(BAD_POINT, 0))
    }

    /// A COSE_Key in deterministic order.
    pub(super) fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.map(if self.d.is_some() { 5 } else { 4 });
            w.int(iana::KeyParameter::Kty.to_i64()).int(iana::KeyType::EC2.to_i64());
            w.int(iana::Ec2KeyParameter::Crv.to_i64()).int(EllipticCurve::P_256.to_i64());
            w.int(iana::Ec2KeyParameter::X.to_i64()).bytes(&self.x);
            w.int(iana::Ec2KeyParameter::Y.to_i64()).bytes(&self.y);
            if let Some(d) = &self.d {
                w.int(iana::Ec2KeyParameter::D.to_i64()).bytes(d.as_slice());
            }
        })
    }
}

fn prehash(prefix: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(prefix).chain_update(payload).finalize().into()
}

/// A private key that makes signatures of one algorithm, and the certificates that go with them.
#[derive(Clone)]
pub struct SigningKey {
    pub(super) secret: Secret,
    chain: Option<Chain>,
}

#[derive(Clone)]
pub(super) enum Secret {
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

impl From<p256::ecdsa::SigningKey> for SigningKey {
    fn from(key: p256::ecdsa::SigningKey) -> Self {
        Self { secret: Secret::P256(Box::new(key)), chain: None }
    }
}

impl From<ed25519_dalek::SigningKey> for SigningKey {
    fn from(key: ed25519_dalek::SigningKey) -> Self {
        Self { secret: Secret::Ed25519(Box::new(key)), chain: None }
    }
}

impl SigningKey {
    /// A P-256 key from its secret scalar, big-endian.
    ///
    /// # Errors
    /// When the scalar is zero or not below the order of the curve.
    pub fn p256_from_scalar(scalar: &[u8; 32]) -> Result<Self, Error> {
        p256::ecdsa::SigningKey::from_slice(scalar)
            .map(Self::from)
            .map_err(|_| Error::malformed("a scalar below the order of P-256", 0))
    }

    /// An Ed25519 key from its 32-byte seed.
    pub fn ed25519_from_seed(seed: &[u8; 32]) -> Self {
        ed25519_dalek::SigningKey::from_bytes(seed).into()
    }

    /// The same key, whose signatures bring `certificates` along: first its own, behind each the one of its issuer (RFC
    /// 9360 x5chain). The receiver's trust anchor may be among them and need not.
    ///
    /// # Errors
    /// When the first certificate is another key's, one was not issued by the next, or one does not allow what it is
    /// used for; no or more than [`MAX_CERTIFICATES`](crate::limits::MAX_CERTIFICATES).
    pub fn with_certificates(self, certificates: &[Certificate]) -> Result<Self, Error> {
        if certificates.first().is_some_and(|first| *first.key() != self.public_key()) {
            return Err(bad("first the certificate of the key that signs"));
        }
        Ok(Self { chain: Some(Chain::new(certificates)?), ..self })
    }

    /// The certificates that go with its signatures.
    pub(super) fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// Decodes a COSE_Key that holds a private key.
    ///
    /// # Errors
    /// As [`PublicKey::from_cose_key`]; also when the public part, if there, is another key's.
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        let mut key = cose_key(bytes)?;
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
            PublicKey::HssLms(_) => return Err(Error::unsupported("a P-256 or Ed25519 key", 0)),
        };
        if signing.public_key() == public {
            Ok(signing)
        } else {
            Err(Error::malformed("a public part that belongs to the private key", 0))
        }
    }

    /// Encodes as a COSE_Key that holds the private key, without certificates. Keep it secret.
    pub fn to_cose_key(&self) -> Vec<u8> {
        let secret = match &self.secret {
            Secret::P256(key) => key.to_bytes().to_vec(),
            Secret::Ed25519(key) => key.to_bytes().to_vec(),
        };
        self.public_key().encode_with(Some(&secret))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        match &self.secret {
            Secret::P256(key) => PublicKey::P256(Box::new(*key.verifying_key())),
            Secret::Ed25519(key) => PublicKey::Ed25519(Box::new(key.verifying_key())),
        }
    }

    /// Signs `prefix` followed by `payload`.
    pub(super) fn sign(&self, prefix: &[u8], payload: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.secret {
            Secret::P256(key) => {
                let signature: Result<p256::ecdsa::Signature, _> =
                    key.sign_prehash(&prehash(prefix, payload));
                let signature = signature.map_err(|_| Error::unauthenticated("a usable P-256 key"))?;
                Ok(signature.to_bytes().to_vec())
            }
            Secret::Ed25519(key) => {
                let signature = key.try_multipart_sign(&[prefix, payload]);
                let signature = signature.map_err(|_| Error::unauthenticated("a usable Ed25519 key"))?;
                Ok(signature.to_bytes().to_vec())
            }
        }
    }
}
