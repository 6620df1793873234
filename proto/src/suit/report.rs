// SPDX-License-Identifier: Apache-2.0
use super::labels::{parameter, report};
use super::{ComponentId, Digest};
use crate::Error;
use crate::cbor::{Major, Reader, Writer, encode};
use crate::limits::{MAX_COMPONENTS, MAX_LIST, MAX_SEQUENCE_DEPTH, MAX_URI};
use crate::teep::TOKEN_SIZE;
use alloc::vec::Vec;

/// A SUIT_Report: what became of one root manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<'b> {
    /// suit-reference-uri of the manifest; empty if it has none (AMB-SUIT-08).
    pub reference_uri: &'b str,
    /// Digest of the manifest, as in its authentication wrapper.
    pub manifest_digest: Digest,
    /// In TEEP the token of the message that carried the manifest (REQ-TEEP-085).
    pub nonce: Option<&'b [u8]>,
    /// Measured properties, one entry for each.
    pub properties: Vec<SystemPropertyClaims<'b>>,
    /// How it ended.
    pub result: ReportResult,
}

/// How processing a manifest ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ReportResult {
    /// Every section ran to its end.
    Success,
    /// It stopped.
    Failure {
        /// The Agent's own number, for debugging only.
        code: i64,
        /// Where.
        record: Record,
        /// Why, in the registry's words.
        reason: Reason,
    },
}

/// The place of a command: SUIT_Record without properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Path of component indices through dependencies; empty for the root manifest.
    pub manifest_id: Vec<u64>,
    /// Manifest label of the section; 3 for the shared sequence, 0 before any ran (AMB-SUIT-17).
    pub section: u64,
    /// Byte offset of the command within its sequence.
    pub offset: u64,
    /// Component index in force.
    pub component_index: u64,
}

/// Reasons of suit-report-result-reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// No failure.
    Ok = 0,
    /// The manifest could not be decoded.
    CborParse = 1,
    /// COSE structure or header not supported.
    CoseUnsupported = 2,
    /// Algorithm not supported.
    AlgorithmUnsupported = 3,
    /// Signature, MAC or envelope digest wrong.
    Unauthenticated = 4,
    /// Unknown command.
    CommandUnsupported = 5,
    /// Component that does not exist here.
    ComponentUnsupported = 6,
    /// The signer may not touch this component.
    ComponentUnauthorised = 7,
    /// Unknown parameter.
    ParameterUnsupported = 8,
    /// A severed member is missing or severing is not supported.
    SeveringUnsupported = 9,
    /// A condition failed; also a sequence number that is too low.
    ConditionFailed = 10,
    /// A directive failed.
    OperationFailed = 11,
    /// Reported before suit-invoke.
    InvokePending = 12,
}

impl Reason {
    const ALL: [Self; 13] = [
        Self::Ok,
        Self::CborParse,
        Self::CoseUnsupported,
        Self::AlgorithmUnsupported,
        Self::Unauthenticated,
        Self::CommandUnsupported,
        Self::ComponentUnsupported,
        Self::ComponentUnauthorised,
        Self::ParameterUnsupported,
        Self::SeveringUnsupported,
        Self::ConditionFailed,
        Self::OperationFailed,
        Self::InvokePending,
    ];

    fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u64 == number)
    }
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Ok => "no failure",
            Self::CborParse => "the manifest could not be decoded",
            Self::CoseUnsupported => "a COSE structure or header is not supported",
            Self::AlgorithmUnsupported => "an algorithm is not supported",
            Self::Unauthenticated => "no valid signature by a trusted signer",
            Self::CommandUnsupported => "a command or member is not supported",
            Self::ComponentUnsupported => "there is no such component on this device",
            Self::ComponentUnauthorised => "the signer or TAM may not touch this component",
            Self::ParameterUnsupported => "a parameter is not supported",
            Self::SeveringUnsupported => "a severed member is missing",
            Self::ConditionFailed => "a condition failed",
            Self::OperationFailed => "an operation failed",
            Self::InvokePending => "not invoked yet",
        })
    }
}

/// A component and its measured digest, as in SUIT Reports and in the tc-list of a QueryResponse.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemPropertyClaims<'b> {
    /// The component.
    pub component_id: ComponentId<'b>,
    /// suit-parameter-image-digest; the TEEP Agent always tells it, another device may not.
    pub digest: Option<Digest>,
}

impl<'b> SystemPropertyClaims<'b> {
    /// Writes `{0: component-id, 3: digest}`.
    pub fn write(&self, w: &mut Writer) {
        w.map(if self.digest.is_some() { 2 } else { 1 }).int(report::SYSTEM_COMPONENT_ID);
        w.raw(self.component_id.as_bytes());
        if let Some(digest) = &self.digest {
            w.int(parameter::IMAGE_DIGEST).bytes(&digest.encode());
        }
    }

    /// Reads one; other SUIT parameters than the digest are allowed and passed over.
    ///
    /// # Errors
    /// When the component identifier is missing or something is malformed.
    pub fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        let at = r.offset();
        let (mut component_id, mut digest) = (None, None);
        for _ in 0..r.map("a map of system property claims")? {
            match r.int("a claim label")? {
                report::SYSTEM_COMPONENT_ID => component_id = Some(ComponentId::read(r)?),
                parameter::IMAGE_DIGEST => digest = Some(Digest::decode(r.bytes("a SUIT_Digest")?)?),
                _ => {
                    r.item()?;
                }
            }
        }
        let component_id =
            component_id.ok_or(Error::malformed("a component identifier in the claims", at))?;
        Ok(Self { component_id, digest })
    }
}

impl<'b> Report<'b> {
    /// Encodes the bare SUIT_Report map, keys in deterministic order.
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.map(if self.nonce.is_some() { 4 } else { 3 });
            if let Some(nonce) = self.nonce {
                w.uint(report::NONCE).bytes(nonce);
            }
            w.uint(report::RECORDS).array(self.properties.len());
            for claims in &self.properties {
                claims.write(w);
            }
            w.uint(report::RESULT);
            match &self.result {
                ReportResult::Success => {
                    w.bool(true);
                }
                ReportResult::Failure { code, record, reason } => {
                    w.map(3).uint(report::RESULT_CODE).int(*code).uint(report::RESULT_RECORD);
                    record.write(w);
                    w.uint(report::RESULT_REASON).uint(*reason as u64);
                }
            }
            w.uint(report::REFERENCE).array(2).text(self.reference_uri);
            self.manifest_digest.write(w);
        })
    }

    /// Decodes a bare SUIT_Report map. Records other than the one of the failure are passed over.
    ///
    /// # Errors
    /// When a required member is missing or something is malformed.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let (mut nonce, mut properties, mut result, mut reference) = (None, None, None, None);
        for _ in 0..r.map("a SUIT_Report map")? {
            let at = r.offset();
            match r.uint("a report label")? {
                report::NONCE => nonce = Some(r.sized_bytes(TOKEN_SIZE, "a nonce of 8 to 64 bytes")?),
                report::RECORDS => properties = Some(read_properties(&mut r)?),
                report::RESULT => result = Some(ReportResult::read(&mut r)?),
                report::REFERENCE => {
                    r.array_of(2, "a SUIT_Reference [uri, digest]")?;
                    let uri = r.text("a URI")?;
                    if uri.len() > MAX_URI {
                        return Err(Error::malformed("a URI of at most 512 bytes", at));
                    }
                    reference = Some((uri, Digest::read(&mut r)?));
                }
                _ => {
                    r.item()?;
                }
            }
        }
        let (reference_uri, manifest_digest) = reference.ok_or(Error::malformed("a suit-reference", 0))?;
        Ok(Self {
            reference_uri,
            manifest_digest,
            nonce,
            properties: properties.ok_or(Error::malformed("suit-report-records", 0))?,
            result: result.ok_or(Error::malformed("suit-report-result", 0))?,
        })
    }
}

fn read_properties<'b>(r: &mut Reader<'b>) -> Result<Vec<SystemPropertyClaims<'b>>, Error> {
    let mut properties = Vec::new();
    for _ in 0..r.list(0, MAX_LIST, "records and property claims")? {
        if r.next_is(Major::Map) {
            properties.push(SystemPropertyClaims::read(r)?);
        } else {
            Record::read(r)?;
        }
    }
    Ok(properties)
}

impl ReportResult {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        const WHAT: &str = "true, or a map of code, record and reason";
        if !r.next_is(Major::Map) {
            return if r.bool(WHAT)? { Ok(Self::Success) } else { Err(r.error(WHAT)) };
        }
        let at = r.offset();
        let (mut code, mut record, mut reason) = (None, None, None);
        for _ in 0..r.map(WHAT)? {
            match r.uint("a label of the result")? {
                report::RESULT_CODE => code = Some(r.int("a result code")?),
                report::RESULT_RECORD => record = Some(Record::read(r)?),
                report::RESULT_REASON => reason = Reason::from_number(r.uint("a reason")?),
                _ => return Err(Error::malformed(WHAT, at)),
            }
        }
        match (code, record, reason) {
            (Some(code), Some(record), Some(reason)) => Ok(Self::Failure { code, record, reason }),
            _ => Err(Error::malformed(WHAT, at)),
        }
    }
}

impl Record {
    fn write(&self, w: &mut Writer) {
        w.array(5).array(self.manifest_id.len());
        for index in &self.manifest_id {
            w.uint(*index);
        }
        w.uint(self.section).uint(self.offset).uint(self.component_index).map(0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(5, "a SUIT_Record of 5 items")?;
        let mut manifest_id = Vec::new();
        for _ in 0..r.list(0, MAX_COMPONENTS.saturating_mul(MAX_SEQUENCE_DEPTH), "a manifest path")? {
            manifest_id.push(r.uint("a component index")?);
        }
        let section = r.uint("a section")?;
        let offset = r.uint("an offset")?;
        let component_index = r.uint("a component index")?;
        r.map("a map of properties")?;
        Ok(Self { manifest_id, section, offset, component_index })
    }
}
