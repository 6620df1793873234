// SPDX-License-Identifier: Apache-2.0
mod capability;
mod protected;
mod reason;
mod record;

pub use capability::{CapabilityReport, ComponentCapability};
pub use protected::{OpenedReport, ReportKeys, ReportLayer};
pub use reason::Reason;
pub use record::{Record, SystemPropertyClaims};

use super::Digest;
use super::labels::report;
use crate::Error;
use crate::cbor::{Major, Reader, encode};
use crate::limits::{MAX_LIST, MAX_URI};
use crate::teep::TOKEN_SIZE;
use alloc::vec::Vec;

/// A SUIT_Report: what became of one root manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<'b> {
    /// suit-reference-uri of the manifest; empty if it has none (AMB-SUIT-08, REQ-SUIT-081).
    pub reference_uri: &'b str,
    /// Digest of the manifest, as in its authentication wrapper (REQ-SUIT-081).
    pub manifest_digest: Digest,
    /// In TEEP the token of the message that carried the manifest (REQ-TEEP-085).
    pub nonce: Option<&'b [u8]>,
    /// What was found on the way, in order.
    pub records: Vec<ReportEntry<'b>>,
    /// How it ended.
    pub result: ReportResult<'b>,
    /// What the processor has; sent when a manifest needed something else.
    pub capabilities: Option<CapabilityReport<'b>>,
}

/// One entry of suit-report-records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportEntry<'b> {
    /// What a command found. It says nothing without the manifest (REQ-SUIT-085).
    Record(Record<'b>),
    /// Measured properties of a component.
    Properties(SystemPropertyClaims<'b>),
}

/// How processing a manifest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportResult<'b> {
    /// Every section ran to its end.
    Success,
    /// It stopped.
    Failure {
        /// The Agent's own number, for debugging only.
        code: i64,
        /// Where.
        record: Record<'b>,
        /// Why, in the registry's words.
        reason: Reason,
    },
}

impl<'b> Report<'b> {
    /// A report of success without records, to be filled further.
    pub fn new(reference_uri: &'b str, manifest_digest: Digest, nonce: Option<&'b [u8]>) -> Self {
        let result = ReportResult::Success;
        Self { reference_uri, manifest_digest, nonce, records: Vec::new(), result, capabilities: None }
    }

    /// The measured properties among the records, in order.
    pub fn properties(&self) -> impl Iterator<Item = &SystemPropertyClaims<'b>> {
        self.records.iter().filter_map(|entry| match entry {
            ReportEntry::Properties(claims) => Some(claims),
            ReportEntry::Record(_) => None,
        })
    }

    /// Encodes the bare SUIT_Report map, keys in deterministic order.
    ///
    /// # Errors
    /// What [`decode`](Self::decode) would refuse: a nonce of another size, a list past its limit, a
    /// [`CapabilityReport`] without one of its required lists.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.written();
        Report::decode(&bytes)?;
        Ok(bytes)
    }

    fn written(&self) -> Vec<u8> {
        let optional = [self.nonce.is_some(), self.capabilities.is_some()];
        encode(|w| {
            w.map(optional.into_iter().filter(|there| *there).count().saturating_add(3));
            if let Some(nonce) = self.nonce {
                w.uint(report::NONCE).bytes(nonce);
            }
            w.uint(report::RECORDS).array(self.records.len());
            for entry in &self.records {
                match entry {
                    ReportEntry::Record(record) => record.write(w),
                    ReportEntry::Properties(claims) => claims.write(w),
                }
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
            if let Some(capabilities) = &self.capabilities {
                w.uint(report::CAPABILITY_REPORT);
                capabilities.write(w);
            }
            w.uint(report::REFERENCE).array(2).text(self.reference_uri);
            self.manifest_digest.write(w);
        })
    }

    /// Decodes a bare SUIT_Report map.
    ///
    /// # Errors
    /// When a required member is missing (REQ-SUIT-080) or something is malformed.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let (mut nonce, mut records, mut result, mut reference) = (None, None, None, None);
        let mut capabilities = None;
        for _ in 0..r.map("a SUIT_Report map")? {
            let label = r.uint("a report label")?;
            let name = report::name(label).unwrap_or("unknown member");
            let member = |error: Error| error.within(name);
            match label {
                report::NONCE => {
                    nonce = Some(r.sized_bytes(TOKEN_SIZE, "a nonce of 8 to 64 bytes").map_err(member)?);
                }
                report::RECORDS => records = Some(read_records(&mut r).map_err(member)?),
                report::RESULT => result = Some(ReportResult::read(&mut r).map_err(member)?),
                report::CAPABILITY_REPORT => {
                    capabilities = Some(CapabilityReport::read(&mut r).map_err(member)?);
                }
                report::REFERENCE => reference = Some(read_reference(&mut r).map_err(member)?),
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
            records: records.ok_or(Error::malformed("suit-report-records", 0))?,
            result: result.ok_or(Error::malformed("suit-report-result", 0))?,
            capabilities,
        })
    }
}

/// A SUIT_Reference.
fn read_reference<'b>(r: &mut Reader<'b>) -> Result<(&'b str, Digest), Error> {
    r.array_of(2, "a SUIT_Reference [uri, digest]")?;
    let at = r.offset();
    let uri = r.text("a URI")?;
    if uri.len() > MAX_URI {
        return Err(Error::malformed("a URI of at most 512 bytes", at));
    }
    Ok((uri, Digest::read(r)?))
}

fn read_records<'b>(r: &mut Reader<'b>) -> Result<Vec<ReportEntry<'b>>, Error> {
    let mut records = Vec::new();
    for index in 0..r.list(0, MAX_LIST, "records and property claims")? {
        let entry = if r.next_is(Major::Map) {
            SystemPropertyClaims::read(r).map(ReportEntry::Properties)
        } else {
            Record::read(r).map(ReportEntry::Record)
        };
        records.push(entry.map_err(|error| error.in_entry(index))?);
    }
    Ok(records)
}

impl<'b> ReportResult<'b> {
    fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        const WHAT: &str = "true, or a map of code, record and reason";
        let at = r.offset();
        if !r.next_is(Major::Map) {
            return if r.bool(WHAT)? { Ok(Self::Success) } else { Err(Error::malformed(WHAT, at)) };
        }
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
