// SPDX-License-Identifier: Apache-2.0
use super::{Profile, decode, encode};
use crate::Error;
use crate::cose::{PublicKey, Thumbprint, Verified};
use crate::suit::Digest;
use alloc::vec::Vec;

/// The claims of a token that TEEP uses; others are passed over when decoding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims<'b> {
    /// exp: seconds since 1970 from which on the token is not valid any more.
    pub expiration: Option<i64>,
    /// nbf: seconds since 1970 before which it is not valid yet.
    pub not_before: Option<i64>,
    /// iat: seconds since 1970 when it was made.
    pub issued_at: Option<i64>,
    /// cnf: whose token this is; required.
    pub confirmation: Option<Confirmation<'b>>,
    /// eat_nonce: 8 to 64 bytes, one only (REQ-TEEP-142).
    pub nonce: Option<&'b [u8]>,
    /// ueid: 7 to 33 bytes, the device; required.
    pub ueid: Option<&'b [u8]>,
    /// oemid: the maker; required.
    pub oemid: Option<OemId>,
    /// hwmodel: 1 to 32 bytes, the class of device; required.
    pub hardware_model: Option<&'b [u8]>,
    /// hwversion: the TEE's hardware; required.
    pub hardware_version: Option<HardwareVersion<'b>>,
    /// eat_profile.
    pub eat_profile: Option<&'b str>,
    /// swname: URI of the SUIT manifest of a component (REQ-TEEP-145).
    pub software_name: Option<&'b str>,
    /// manifests: the TEE's firmware, the Agent included (REQ-TEEP-076); required.
    pub manifests: Vec<ManifestClaim<'b>>,
    /// measurements: of software by what it runs on.
    pub measurements: Vec<Measurement<'b>>,
}

/// The oemid claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OemId {
    /// An IANA private enterprise number.
    Pen(u64),
    /// An IEEE MA-L, MA-M or MA-S identifier in its first 24 bits.
    Ieee([u8; 3]),
    /// A random number made once.
    Random([u8; 16]),
}

/// The hwversion claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardwareVersion<'b> {
    /// The version.
    pub version: &'b str,
    /// How to compare it: a CoSWID version scheme.
    pub scheme: Option<i64>,
}

/// The cnf claim: the key the token is bound to, in one or more forms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confirmation<'b> {
    /// kid: the RFC 9679 thumbprint, the form TEEP uses.
    pub kid: Option<&'b [u8]>,
    /// ckt: the thumbprint again, under its own label.
    pub thumbprint: Option<Thumbprint>,
    /// The key itself.
    pub key: Option<PublicKey>,
}

/// One entry of the manifests claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ManifestClaim<'b> {
    /// A SUIT_Reference.
    SuitReference {
        /// suit-reference-uri of the manifest.
        uri: &'b str,
        /// Its digest, as in its authentication wrapper.
        digest: Digest,
    },
    /// Something else.
    Other {
        /// CoAP Content-Format.
        content_type: u64,
        /// The encoded item.
        content: &'b [u8],
    },
}

/// One entry of the measurements claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement<'b> {
    /// CoAP Content-Format.
    pub content_type: u64,
    /// What was measured, in that format; 1 to 512 bytes.
    pub content: &'b [u8],
}

impl<'b> Measurement<'b> {
    /// application/octet-stream: the content is a digest and nothing else.
    const OCTET_STREAM: u64 = 42;

    /// A SHA-256 digest alone.
    pub const fn sha256(digest: &'b [u8; 32]) -> Self {
        Self { content_type: Self::OCTET_STREAM, content: digest }
    }

    /// The digest in an entry that [`sha256`](Self::sha256) makes; `None` for every other one.
    pub fn as_sha256(&self) -> Option<[u8; 32]> {
        self.content.try_into().ok().filter(|_| self.content_type == Self::OCTET_STREAM)
    }
}

impl<'b> Claims<'b> {
    /// Decodes the payload of a verified token.
    ///
    /// # Errors
    /// A tag anywhere (REQ-TEEP-140), a claim of another type or size than RFC 9711 says, several nonces
    /// (REQ-TEEP-142). Missing claims are [`complete`](Self::complete)'s affair.
    pub fn decode(payload: Verified<&'b [u8]>, profile: &Profile<'_>) -> Result<Verified<Self>, Error> {
        payload.decode(|bytes| Self::inspect(bytes, profile))
    }

    /// Decodes claims nobody vouches for, to show them to a person. Never act on them.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn inspect(bytes: &'b [u8], profile: &Profile<'_>) -> Result<Self, Error> {
        decode::claims(bytes, profile)
    }

    /// Encodes the claims that are there in deterministic order, with each SUIT_Reference in a byte string as
    /// RFC 9711 wants it.
    ///
    /// # Errors
    /// What [`decode`](Self::decode) would refuse.
    pub fn encode(&self, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
        let bytes = encode::claims(self, profile);
        decode::claims(&bytes, profile)?;
        Ok(bytes)
    }

    /// Whether all claims are there that the TEEP profile requires (REQ-TEEP-141), and the manifests are told
    /// by SUIT_Reference (REQ-TEEP-145).
    ///
    /// # Errors
    /// Which one is missing.
    pub fn complete(&self) -> Result<(), Error> {
        let claims = [
            (self.ueid.is_some(), "the claim ueid (REQ-TEEP-141)"),
            (self.oemid.is_some(), "the claim oemid (REQ-TEEP-141)"),
            (self.hardware_model.is_some(), "the claim hwmodel (REQ-TEEP-141)"),
            (self.hardware_version.is_some(), "the claim hwversion (REQ-TEEP-141)"),
            (!self.manifests.is_empty(), "the claim manifests (REQ-TEEP-141)"),
            (
                self.manifests.iter().all(|m| matches!(m, ManifestClaim::SuitReference { .. })),
                "manifests told by SUIT_Reference (REQ-TEEP-145)",
            ),
            (self.confirmation.is_some(), "the claim cnf (REQ-TEEP-141)"),
        ];
        let missing = claims.into_iter().find(|(there, _)| !there);
        missing.map_or(Ok(()), |(_, what)| Err(Error::malformed(what, 0)))
    }
}

impl<'b> Confirmation<'b> {
    /// The form TEEP uses: the thumbprint as kid.
    pub fn kid(thumbprint: &'b Thumbprint) -> Self {
        Self { kid: Some(&thumbprint.0), ..Self::default() }
    }

    /// Whether every form that is there names the key with this thumbprint, and there is one.
    pub fn names(&self, thumbprint: &Thumbprint) -> bool {
        let forms = [
            self.kid.map(|kid| kid == thumbprint.0),
            self.thumbprint.map(|own| own == *thumbprint),
            self.key.as_ref().map(|key| key.thumbprint() == *thumbprint),
        ];
        forms.iter().any(Option::is_some) && forms.into_iter().flatten().all(|names| names)
    }
}
