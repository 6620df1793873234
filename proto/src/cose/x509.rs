// SPDX-License-Identifier: Apache-2.0
//! X.509 certificates (RFC 5280), as far as a signature of TEEP or SUIT needs them.

mod path;

pub(super) use path::{Chain, MAX_X5CHAIN};

use super::{Algorithm, PublicKey};
use crate::limits::MAX_CERTIFICATE;
use crate::{Error, Kind};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::ops::Range;
use sha2::{Digest, Sha256};
use x509_cert::der::asn1::{Any, AnyRef, BitString, ObjectIdentifier};
use x509_cert::der::oid::db::{rfc5280, rfc5912, rfc8410};
use x509_cert::der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::name::Name;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::{TbsCertificate, Version};

/// A certificate: version 3, with a key and a signature of P-256 with SHA-256 or of Ed25519. Nothing of it is trusted
/// before it was found below a [`TrustAnchor`](super::TrustAnchor), or is one.
#[derive(Clone, PartialEq)]
pub struct Certificate {
    der: Vec<u8>,
    /// Where in `der` that lies which the issuer signed.
    signed: Range<usize>,
    algorithm: Algorithm,
    signature: Vec<u8>,
    /// Encoded Names. They are compared as they are written, with no folding of case or space.
    issuer: Vec<u8>,
    subject: Vec<u8>,
    key: Box<PublicKey>,
    /// Seconds since 1970, both included.
    validity: (u64, u64),
    uses: Uses,
}

/// What a certificate says its key is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Uses {
    is_ca: bool,
    path_len: Option<u8>,
    /// digitalSignature and keyCertSign of keyUsage; `None` for a key without restrictions.
    key_usage: Option<(bool, bool)>,
    /// An extendedKeyUsage without anyExtendedKeyUsage: none of its purposes is TEEP.
    for_other_purposes: bool,
}

impl core::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Certificate({})", self.key.thumbprint())
    }
}

impl Certificate {
    /// Decodes a certificate in DER. Its signature is not checked.
    ///
    /// # Errors
    /// [`Kind::BadCertificate`]: malformed or larger than [`MAX_CERTIFICATE`], another version, another kind of key
    /// or signature, a point that is not valid, the same extension twice, or a critical one that is neither
    /// basicConstraints nor keyUsage nor extendedKeyUsage.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        if der.len() > MAX_CERTIFICATE {
            return Err(bad("a certificate of at most 2048 bytes"));
        }
        let (signed, algorithm, signature) =
            envelope(der).ok_or(bad("a certificate in DER: tbsCertificate, algorithm, signature"))?;
        let content = der.get(signed.clone()).unwrap_or_default();
        let tbs = TbsCertificate::from_der(content).map_err(|_| bad("a certificate as in RFC 5280"))?;
        if tbs.version() != Version::V3 {
            return Err(bad("a certificate of version 3"));
        }
        if *tbs.signature() != algorithm {
            return Err(bad("a certificate that names one signature algorithm"));
        }
        let (algorithm, signature) = signature_of(&algorithm, &signature)?;
        let name = |name: &Name| name.to_der().map_err(|_| bad("a name as in RFC 5280"));
        if tbs.issuer().is_empty() {
            return Err(bad("a certificate that names its issuer"));
        }
        let uses = Uses::of(tbs.extensions().map_or(&[], Vec::as_slice))?;
        let validity = tbs.validity();
        Ok(Self {
            der: der.to_vec(),
            signed,
            algorithm,
            signature,
            issuer: name(tbs.issuer())?,
            subject: name(tbs.subject())?,
            key: Box::new(key_of(tbs.subject_public_key_info())?),
            validity: [validity.not_before, validity.not_after]
                .map(|time| time.to_unix_duration().as_secs())
                .into(),
            uses,
        })
    }

    /// The certificate as it was decoded.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Key of the subject.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// First and last second, since 1970, of its validity.
    pub fn validity(&self) -> (u64, u64) {
        self.validity
    }

    /// Name of the subject as RFC 4514 writes it, for a person.
    pub fn subject(&self) -> String {
        let mut text = String::new();
        if let Ok(name) = Name::from_der(&self.subject) {
            // Not to_string, which panics when a value cannot be written; such a text ends early.
            let _ = write!(text, "{name}");
        }
        text
    }

    /// SHA-256 of all of it, as in x5t.
    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }

    /// Whether `issuer` is whom it names, and signed it. Whether the issuer had the right to is another question.
    fn is_issued_by(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject
            && issuer.key.serves(self.algorithm)
            && issuer.key.verifies(
                self.der.get(self.signed.clone()).unwrap_or_default(),
                b"",
                &self.signature,
            )
    }

    /// Whether the key may sign messages and manifests.
    pub(super) fn check_signs(&self) -> Result<(), Error> {
        let digital_signature = self.uses.key_usage.map(|(digital_signature, _)| digital_signature);
        if !digital_signature.unwrap_or(!self.uses.is_ca) {
            return Err(bad("a certificate whose key may sign messages (digitalSignature)"));
        }
        if self.uses.for_other_purposes {
            return Err(bad("a certificate for any purpose: extendedKeyUsage has others only"));
        }
        Ok(())
    }

    /// Whether the key may issue certificates, with `below` certificates of CAs between it and the one that signs.
    pub(super) fn check_issues(&self, below: usize) -> Result<(), Error> {
        let key_cert_sign = self.uses.key_usage.is_none_or(|(_, key_cert_sign)| key_cert_sign);
        if !self.uses.is_ca || !key_cert_sign {
            return Err(bad("an issuer that is a CA"));
        }
        if self.uses.for_other_purposes {
            return Err(bad("a CA for any purpose: its extendedKeyUsage has others only"));
        }
        if self.uses.path_len.is_some_and(|limit| usize::from(limit) < below) {
            return Err(bad("no more CAs than pathLenConstraint allows"));
        }
        Ok(())
    }

    /// Whether it is valid at `now`, in seconds since 1970. Without a clock that is not known, and not asked.
    pub(super) fn check_validity(&self, now: Option<u64>) -> Result<(), Error> {
        let (not_before, not_after) = self.validity;
        match now {
            Some(now) if now < not_before => Err(expired("a certificate that is valid already")),
            Some(now) if now > not_after => Err(expired("a certificate that has not expired")),
            _ => Ok(()),
        }
    }
}

pub(super) const fn bad(what: &'static str) -> Error {
    Error::new(Kind::BadCertificate, what, 0)
}

const fn expired(what: &'static str) -> Error {
    Error::new(Kind::CertificateExpired, what, 0)
}

/// Takes the outermost SEQUENCE apart, so that the signature is checked over the bytes that came.
fn envelope(der: &[u8]) -> Option<(Range<usize>, AlgorithmIdentifierOwned, BitString)> {
    let outer = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut reader = SliceReader::new(outer.value()).ok()?;
    let start = der.len().checked_sub(outer.value().len())?;
    let end = start.checked_add(reader.tlv_bytes().ok()?.len())?;
    let algorithm = reader.decode().ok()?;
    let signature = reader.decode().ok()?;
    reader.finish().ok()?;
    Some((start..end, algorithm, signature))
}

/// The signature as COSE writes it.
fn signature_of(
    algorithm: &AlgorithmIdentifierOwned,
    bits: &BitString,
) -> Result<(Algorithm, Vec<u8>), Error> {
    let bytes = bits.as_bytes().ok_or(bad("a signature of whole bytes"))?;
    match (algorithm.oid, &algorithm.parameters) {
        (rfc5912::ECDSA_WITH_SHA_256, None) => {
            let signature = p256::ecdsa::Signature::from_der(bytes);
            let signature = signature.map_err(|_| bad("an ECDSA signature of P-256"))?;
            Ok((Algorithm::Esp256, signature.to_bytes().to_vec()))
        }
        (rfc8410::ID_ED_25519, None) => Ok((Algorithm::Ed25519, bytes.to_vec())),
        _ => Err(bad("a certificate signed with ECDSA and SHA-256, or with Ed25519")),
    }
}

fn key_of(info: &SubjectPublicKeyInfoOwned) -> Result<PublicKey, Error> {
    const INVALID: Error = bad("a certificate with a valid point on its key's curve");
    let bytes = info.subject_public_key.as_bytes().ok_or(INVALID)?;
    let parameters = info.algorithm.parameters.as_ref();
    let is_p256 = |curve: &Any| curve.decode_as::<ObjectIdentifier>() == Ok(rfc5912::SECP_256_R_1);
    match (info.algorithm.oid, parameters) {
        (rfc5912::ID_EC_PUBLIC_KEY, Some(curve)) if is_p256(curve) => {
            // Uncompressed, the one form that everybody has to know (RFC 5480 section 2.2).
            let point = Some(bytes).filter(|bytes| bytes.first() == Some(&0x04)).ok_or(INVALID)?;
            let point = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| INVALID)?;
            Ok(PublicKey::P256(Box::new(point)))
        }
        (rfc8410::ID_ED_25519, None) => PublicKey::ed25519(bytes).ok_or(INVALID),
        _ => Err(bad("a certificate with a P-256 or Ed25519 key")),
    }
}

impl Uses {
    fn of(extensions: &[Extension]) -> Result<Self, Error> {
        let mut uses = Self::default();
        for extension in extensions {
            let id = extension.extn_id;
            if extensions.iter().filter(|other| other.extn_id == id).count() > 1 {
                return Err(bad("each extension once"));
            }
            let value = extension.extn_value.as_bytes();
            match id {
                rfc5280::ID_CE_BASIC_CONSTRAINTS => {
                    let constraints = BasicConstraints::from_der(value);
                    let constraints = constraints.map_err(|_| bad("basicConstraints as in RFC 5280"))?;
                    uses.is_ca = constraints.ca;
                    uses.path_len = constraints.path_len_constraint;
                }
                rfc5280::ID_CE_KEY_USAGE => {
                    let usage = KeyUsage::from_der(value).map_err(|_| bad("keyUsage as in RFC 5280"))?;
                    uses.key_usage = Some((usage.digital_signature(), usage.key_cert_sign()));
                }
                rfc5280::ID_CE_EXT_KEY_USAGE => {
                    let purposes = ExtendedKeyUsage::from_der(value);
                    let purposes = purposes.map_err(|_| bad("extendedKeyUsage as in RFC 5280"))?;
                    uses.for_other_purposes = !purposes.0.contains(&rfc5280::ANY_EXTENDED_KEY_USAGE);
                }
                _ if extension.critical => {
                    return Err(bad("no critical extension that is not understood"));
                }
                _ => {}
            }
        }
        Ok(uses)
    }
}
