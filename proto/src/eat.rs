// SPDX-License-Identifier: Apache-2.0
//! Entity Attestation Tokens (RFC 9711) in the TEEP profile (draft-ietf-teep-protocol-26 section 5):
//! Evidence, and the Attestation Results Verifiers make of it.
//!
//! [`Claims`] is what a token says. It is signed with [`sign`], encrypted on top of that with [`encrypt`], and
//! believed after [`open`] and [`verify`]. The URI of the profile and the content type of a SUIT_Reference
//! are not assigned before the documents are published, so both are configuration ([`Profile`]).

mod claims;
mod decode;
mod encode;

pub use claims::{Claims, Confirmation, HardwareVersion, ManifestClaim, Measurement, OemId};
pub(crate) use decode::name as claim_name;

use crate::Error;
use crate::cbor::Reader;
use crate::cose::{
    Accept, Anchor, CONTEXT_EAT, ContentAlgorithm, EncryptTo, Encrypted, Random, RecipientKey, Signatures,
    SigningKey, Thumbprint, Verified, encrypt as cose_encrypt, sign1,
};
use alloc::borrow::{Cow, ToOwned};
use alloc::vec::Vec;

/// Labels of the claims, as in the IANA registry of CWT claims.
pub mod labels {
    /// exp
    pub const EXPIRATION: i64 = 4;
    /// nbf
    pub const NOT_BEFORE: i64 = 5;
    /// iat
    pub const ISSUED_AT: i64 = 6;
    /// cnf
    pub const CONFIRMATION: i64 = 8;
    /// eat_nonce
    pub const NONCE: i64 = 10;
    /// ueid
    pub const UEID: i64 = 256;
    /// oemid
    pub const OEMID: i64 = 258;
    /// hwmodel
    pub const HARDWARE_MODEL: i64 = 259;
    /// hwversion
    pub const HARDWARE_VERSION: i64 = 260;
    /// eat_profile
    pub const PROFILE: i64 = 265;
    /// swname
    pub const SOFTWARE_NAME: i64 = 270;
    /// manifests
    pub const MANIFESTS: i64 = 272;
    /// measurements
    pub const MEASUREMENTS: i64 = 273;

    /// Members of cnf (RFC 8747, RFC 9679).
    pub mod confirmation {
        /// COSE_Key
        pub const COSE_KEY: i64 = 1;
        /// kid
        pub const KID: i64 = 3;
        /// ckt
        pub const THUMBPRINT: i64 = 5;
    }
}

/// What of the TEEP profile has no assigned value yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile<'p> {
    /// URI of the profile, in the eat_profile claim and the media type.
    pub uri: &'p str,
    /// CoAP Content-Format of a SUIT_Reference in the manifests claim.
    pub suit_reference_content_type: u64,
}

impl Profile<'static> {
    /// The stand-ins of the draft.
    pub const DRAFT: Self = Self { uri: "urn:ietf:rfc:rfcXXXX", suit_reference_content_type: 60 };
}

/// Signs `claims`, without CBOR tag as the profile wants it (REQ-TEEP-140); kid is the thumbprint of the key
/// (REQ-TEEP-143).
///
/// # Errors
/// Those of [`Claims::encode`].
pub fn sign(claims: &Claims<'_>, profile: &Profile<'_>, key: &SigningKey) -> Result<Vec<u8>, Error> {
    untagged(&sign1(key, &claims.encode(profile)?)?)
}

/// Encrypts a signed token for `recipients`, its ciphertext inside (REQ-TEEP-031 to 033).
///
/// # Errors
/// Those of [`cose::encrypt`](crate::cose::encrypt).
pub fn encrypt(
    token: &[u8],
    content: ContentAlgorithm,
    recipients: &[EncryptTo<'_>],
    random: &mut Random<'_>,
) -> Result<Vec<u8>, Error> {
    untagged(&cose_encrypt(content, recipients, token, CONTEXT_EAT, random, true)?.structure)
}

/// The signed token in an attestation payload: the payload itself, or what it decrypts to with one of `keys`.
///
/// # Errors
/// When it is encrypted, and for none of `keys` or with a detached ciphertext (REQ-TEEP-031).
pub fn open<'b>(payload: &'b [u8], keys: &[RecipientKey]) -> Result<Cow<'b, [u8]>, Error> {
    if Signatures::decode(payload).is_ok() {
        return Ok(Cow::Borrowed(payload));
    }
    Encrypted::decode(payload)?.decrypt(keys, CONTEXT_EAT, None).map(Cow::Owned)
}

/// What has to hold of a token beside its signature.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// The configured values of the profile.
    pub profile: Profile<'e>,
    /// eat_profile must be this one; `None` for Evidence, whose profile the Verifier judges. An Attestation
    /// Result that does not say its profile is taken for what the message says it is.
    pub eat_profile: Option<&'e str>,
    /// cnf must name the key that signed the TEEP message the token came in (REQ-TEEP-106, 124). `None` only
    /// where the deployment does without proof of possession (AMB-10): without it a device can present the
    /// token of another.
    pub teep_key: Option<Thumbprint>,
    /// eat_nonce must be this one; `None` where freshness comes otherwise.
    pub nonce: Option<&'e [u8]>,
    /// Seconds since 1970 to judge exp, nbf and certificates by; `None` without a clock.
    pub now: Option<i64>,
}

/// Checks a signed token: a signature by one of `anchors`, which for an Attestation Result are those of trusted
/// Verifiers; the form; the claims the profile requires (REQ-TEEP-141); and what is `expected`
/// (draft section 7.1.1.1 and 7.2.1.1).
///
/// # Errors
/// [`Kind::Unauthenticated`](crate::Kind) when nobody trusted vouches for the token, or it is about another
/// key, request or time; what is wrong with a certificate; else what is malformed or missing.
pub fn verify<'b, A: Anchor>(
    token: &'b [u8],
    anchors: &[A],
    expected: &Expected<'_>,
) -> Result<Verified<Claims<'b>>, Error> {
    let now = expected.now.and_then(|now| u64::try_from(now).ok());
    let signed = Signatures::decode(token)?.verify_with(anchors, Accept { now, ..Accept::default() })?;
    let claims = Claims::decode(signed, &expected.profile)?;
    let said = claims.get();
    said.complete()?;
    if let (Some(wanted), Some(profile)) = (expected.eat_profile, said.eat_profile) {
        ensure(wanted == profile, "an EAT in the configured profile")?;
    }
    if let Some(key) = &expected.teep_key {
        let bound = said.confirmation.as_ref().is_some_and(|confirmation| confirmation.names(key));
        ensure(bound, "a cnf that names the key that signed the message (REQ-TEEP-106, REQ-TEEP-124)")?;
    }
    if let Some(nonce) = expected.nonce {
        ensure(said.nonce == Some(nonce), "an eat_nonce equal to the nonce that was sent")?;
    }
    if let Some(now) = expected.now {
        ensure(said.expiration.is_none_or(|end| now < end), "an EAT that has not expired")?;
        ensure(said.not_before.is_none_or(|start| start <= now), "an EAT that is valid already")?;
    }
    Ok(claims)
}

fn ensure(holds: bool, what: &'static str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::unauthenticated(what)) }
}

/// The item within the tag of `tagged`.
fn untagged(tagged: &[u8]) -> Result<Vec<u8>, Error> {
    let mut r = Reader::open(tagged)?;
    r.optional_tag();
    r.item().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests;
