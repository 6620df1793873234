// SPDX-License-Identifier: Apache-2.0
use super::Report;
use crate::cbor::{Major, Reader, encode};
use crate::cose::{
    Algorithm, CONTEXT_SUIT_REPORT, ContentAlgorithm, EncryptTo, Encrypted, Encrypted0, Mac0, Random,
    RecipientKey, Signatures, SymmetricKey, TAG_ENCRYPT, TAG_ENCRYPT0, TAG_MAC0, TAG_SIGN1, Thumbprint,
    encrypt, encrypt0,
};
use crate::suit::{Authenticator, TrustedKeys};
use crate::{Error, Kind};
use alloc::vec::Vec;

/// COSE header label of the algorithm.
const ALG: i64 = 1;

/// A SUIT Report as it is carried, one layer of it, unchecked (R 8).
#[derive(Clone, Debug)]
pub enum ReportLayer<'b> {
    /// The report itself.
    Bare(&'b [u8]),
    /// COSE_Sign1.
    Signed(Signatures<'b>),
    /// COSE_Mac0.
    Authenticated(Mac0<'b>),
    /// COSE_Encrypt0, as suit-report has it within one of the former.
    Encrypted0(Encrypted0<'b>),
    /// COSE_Encrypt, as TEEP has it around a signed report (AMB-09).
    Encrypted(Encrypted<'b>),
}

/// The keys of one who reads reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportKeys<'k> {
    /// Of those who report.
    pub trusted: TrustedKeys<'k>,
    /// For COSE_Encrypt.
    pub recipient: &'k [RecipientKey],
    /// For COSE_Encrypt0.
    pub content: &'k [SymmetricKey],
}

/// A report that was taken out of its protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedReport {
    bytes: Vec<u8>,
    authenticated_by: Option<Thumbprint>,
    encrypted: bool,
}

impl<'b> ReportLayer<'b> {
    /// Decodes the outermost layer. A map is the bare report, an array of three COSE_Encrypt0; of arrays of
    /// four, when no tag says it, the fourth item and the algorithm tell the structure.
    ///
    /// # Errors
    /// What is malformed.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        const WHAT: &str = "a SUIT_Report, or COSE_Sign1, COSE_Mac0, COSE_Encrypt0 or COSE_Encrypt";
        let mut r = Reader::open(bytes)?;
        match r.optional_tag() {
            Some(TAG_SIGN1) => Signatures::decode(bytes).map(Self::Signed),
            Some(TAG_MAC0) => Mac0::decode(bytes).map(Self::Authenticated),
            Some(TAG_ENCRYPT0) => Encrypted0::decode(bytes).map(Self::Encrypted0),
            Some(TAG_ENCRYPT) => Encrypted::decode(bytes).map(Self::Encrypted),
            Some(_) => Err(Error::malformed(WHAT, 0)),
            None if r.next_is(Major::Map) => Ok(Self::Bare(bytes)),
            None => match r.array(WHAT)? {
                3 => Encrypted0::decode(bytes).map(Self::Encrypted0),
                4 => Self::decode_untagged(r, bytes),
                _ => Err(Error::malformed(WHAT, 0)),
            },
        }
    }

    /// Tells an untagged COSE_Encrypt by its recipients, and COSE_Mac0 from COSE_Sign1 by the algorithm.
    fn decode_untagged(mut r: Reader<'b>, bytes: &'b [u8]) -> Result<Self, Error> {
        let protected = r.bytes("a protected header in a byte string")?;
        r.item()?;
        r.item()?;
        if r.next_is(Major::Array) {
            return Encrypted::decode(bytes).map(Self::Encrypted);
        }
        if claimed_algorithm(protected)? == Some(Algorithm::Hmac256.number()) {
            return Mac0::decode(bytes).map(Self::Authenticated);
        }
        Signatures::decode(bytes).map(Self::Signed)
    }
}

/// The algorithm in a protected header, before anything else about it is known.
fn claimed_algorithm(protected: &[u8]) -> Result<Option<i64>, Error> {
    if protected.is_empty() {
        return Ok(None);
    }
    let mut r = Reader::open(protected)?;
    for _ in 0..r.map("a COSE header map")? {
        let is_int = r.next_is(Major::Uint) || r.next_is(Major::Negative);
        if is_int && r.int("a header label")? == ALG {
            return if r.next_is(Major::Text) { Ok(None) } else { r.int("an algorithm").map(Some) };
        }
        if !is_int {
            r.item()?;
        }
        r.item()?;
    }
    Ok(None)
}

impl OpenedReport {
    /// Takes a report out of whatever protects it: at most one layer that authenticates and one that
    /// encrypts, in either order (AMB-09).
    ///
    /// # Errors
    /// When a layer cannot be opened with `keys`, or there are more layers. A report without any layer is no
    /// error: see [`authenticated_by`](Self::authenticated_by).
    pub fn open(bytes: &[u8], keys: &ReportKeys<'_>) -> Result<Self, Error> {
        let mut opened = Self { bytes: bytes.to_vec(), authenticated_by: None, encrypted: false };
        // A layer of each kind and the report itself.
        for _ in 0..3 {
            let TrustedKeys { public, accept, symmetric } = keys.trusted;
            let (content, signer) = match ReportLayer::decode(&opened.bytes)? {
                ReportLayer::Bare(_) => {
                    Report::decode(&opened.bytes)?;
                    return Ok(opened);
                }
                ReportLayer::Signed(signatures) => {
                    let verified = signatures.verify_with(public, accept)?;
                    (verified.get().to_vec(), Some(verified.signer()))
                }
                ReportLayer::Authenticated(mac) => {
                    let verified = mac.verify(symmetric)?;
                    (verified.get().to_vec(), Some(verified.signer()))
                }
                ReportLayer::Encrypted0(encrypted) => {
                    let plaintext = encrypted.decrypt(keys.content)?;
                    (unwrapped(&plaintext)?.to_vec(), None)
                }
                ReportLayer::Encrypted(encrypted) => {
                    let plaintext = encrypted.decrypt(keys.recipient, CONTEXT_SUIT_REPORT, None)?;
                    let is_wrapped = Reader::open(&plaintext)?.next_is(Major::Bytes);
                    (if is_wrapped { unwrapped(&plaintext)?.to_vec() } else { plaintext }, None)
                }
            };
            let seen_before =
                if signer.is_some() { opened.authenticated_by.is_some() } else { opened.encrypted };
            if seen_before {
                break;
            }
            opened.encrypted |= signer.is_none();
            opened.authenticated_by = opened.authenticated_by.or(signer);
            opened.bytes = content;
        }
        Err(Error::new(Kind::Malformed, "a report authenticated once and encrypted once at most", 0))
    }

    /// The report.
    ///
    /// # Errors
    /// None: it was decoded before.
    pub fn report(&self) -> Result<Report<'_>, Error> {
        Report::decode(&self.bytes)
    }

    /// Thumbprint of the key that authenticated it; `None` when none did, which only a channel that is
    /// authenticated itself makes acceptable (REQ-SUIT-082, REQ-SUIT-124).
    pub fn authenticated_by(&self) -> Option<Thumbprint> {
        self.authenticated_by
    }

    /// Whether it was encrypted.
    pub fn was_encrypted(&self) -> bool {
        self.encrypted
    }
}

fn unwrapped(plaintext: &[u8]) -> Result<&[u8], Error> {
    Reader::open(plaintext)?.bytes("a report in a byte string")
}

impl Report<'_> {
    /// The report as sole payload of a COSE_Sign1 or COSE_Mac0 (REQ-SUIT-123). The key is not the one of TEEP
    /// messages.
    ///
    /// # Errors
    /// When the key cannot do that.
    pub fn protect(&self, with: Authenticator<'_>) -> Result<Vec<u8>, Error> {
        with.attached(&self.encode()?)
    }

    /// As [`protect`](Self::protect), but the payload is a COSE_Encrypt0 of the report in a byte string, as
    /// suit-report has it.
    ///
    /// # Errors
    /// When one of the keys cannot do that, and those of `random`.
    pub fn protect_confidential(
        &self,
        with: Authenticator<'_>,
        content: ContentAlgorithm,
        key: &SymmetricKey,
        random: &mut Random<'_>,
    ) -> Result<Vec<u8>, Error> {
        let report = self.encode()?;
        let wrapped = encode(|w| {
            w.bytes(&report);
        });
        with.attached(&encrypt0(content, key, &wrapped, random)?)
    }

    /// As [`protect`](Self::protect), then encrypted in a COSE_Encrypt to `recipients`, as TEEP has it
    /// (AMB-09).
    ///
    /// # Errors
    /// When one of the keys cannot do that, and those of `random`.
    pub fn protect_for(
        &self,
        with: Authenticator<'_>,
        content: ContentAlgorithm,
        recipients: &[EncryptTo<'_>],
        random: &mut Random<'_>,
    ) -> Result<Vec<u8>, Error> {
        let signed = self.protect(with)?;
        encrypt(content, recipients, &signed, CONTEXT_SUIT_REPORT, random, true).map(|e| e.structure)
    }
}
