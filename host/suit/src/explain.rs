// SPDX-License-Identifier: Apache-2.0
//! What a SUIT Report says, put together with the manifest it is about: offsets mean nothing without it (REQ-SUIT-085).

use crate::Error;
use crate::payloads::{Named, is_unchanged};
use crate::summary::{line, names, printable};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use teep_proto::suit::labels::manifest;
use teep_proto::suit::{
    Envelope, Manifest, OpenedReport, Record, ReportEntry, ReportResult, Section, Sequence,
};

/// Section of a record that is about the shared sequence (AMB-SUIT-17).
const SHARED: u64 = manifest::COMMON;
/// What a SUIT Report says, for a person ([`Display`](fmt::Display)) or a program (serde).
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Identifier of the root manifest.
    pub manifest_id: Option<String>,
    /// Its sequence number.
    pub sequence_number: u64,
    /// Whose signature or MAC the report has; `None`: nobody's, and all of this is but a claim.
    pub authenticated_by: Option<String>,
    /// Whether it was encrypted.
    pub encrypted: bool,
    /// How it ended; `None`: well.
    pub failure: Option<Failure>,
    /// What was recorded on the way.
    pub records: Vec<Place>,
    /// What components were found to be, by identifier.
    pub components: Vec<(String, BTreeMap<String, String>)>,
}

/// Why a manifest was not processed to its end.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The reason in the registry's words.
    pub reason: String,
    /// The device's own number.
    pub code: i64,
    /// Where it was.
    #[serde(flatten)]
    pub place: Place,
}

/// A command of a manifest, and what it found.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// The manifest, where it is a dependency.
    pub dependency: Option<String>,
    /// Name of the section; `None`: before any ran.
    pub section: Option<String>,
    /// Byte offset of the command in its section.
    pub offset: u64,
    /// The command; `None` where the manifest is not at hand, or has no command there.
    pub command: Option<String>,
    /// The component it was about.
    pub component: Option<String>,
    /// Actual values, by parameter.
    pub found: BTreeMap<String, String>,
}

impl Explanation {
    /// Explains `report` with the envelope it is about, which is one of `envelopes`; the others are those of
    /// dependencies that it does not carry.
    ///
    /// # Errors
    /// [`Error::Description`] when the envelope is not among them, [`Error::Envelope`] when one is malformed.
    pub fn new(report: &OpenedReport, envelopes: &[Vec<u8>]) -> Result<Self, Error> {
        let authenticated_by = report.authenticated_by().map(|key| key.to_string());
        let encrypted = report.was_encrypted();
        let report = report.report()?;
        let all = envelopes.iter().map(|bytes| Envelope::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
        let digest = report.manifest_digest;
        let about = all.iter().find(|e| e.claimed_digest() == digest && is_unchanged(e));
        let about = about.ok_or_else(|| {
            Error::Description(format!("the report is about another manifest, the one with {digest}"))
        })?;
        let manifest = about.inspect()?;
        let known = Known { root: about, others: &all };
        let failure = match &report.result {
            ReportResult::Success => None,
            ReportResult::Failure { code, record, reason } => {
                Some(Failure { reason: reason.to_string(), code: *code, place: known.place(record)? })
            }
        };
        let (mut records, mut components) = (Vec::new(), Vec::new());
        for entry in &report.records {
            match entry {
                ReportEntry::Record(record) => records.push(known.place(record)?),
                ReportEntry::Properties(claims) => components.push((
                    claims.component_id.to_string(),
                    claims.parameters.iter().map(names::parameter).collect(),
                )),
            }
        }
        Ok(Self {
            manifest_id: manifest.component_id.map(|id| id.to_string()),
            sequence_number: manifest.sequence_number,
            authenticated_by,
            encrypted,
            failure,
            records,
            components,
        })
    }
}

/// The envelopes at hand.
struct Known<'e, 'b> {
    root: &'e Envelope<'b>,
    others: &'e [Envelope<'b>],
}

impl<'b> Known<'_, 'b> {
    fn place(&self, record: &Record<'_>) -> Result<Place, Error> {
        let mut place = Place {
            dependency: None,
            section: match record.section {
                0 => None,
                SHARED => Some("shared".to_owned()),
                label => Some(names::section(label).to_owned()),
            },
            offset: record.offset,
            command: None,
            component: None,
            found: record.properties.iter().map(names::parameter).collect(),
        };
        let mut envelope = self.root.clone();
        for index in &record.manifest_id {
            let parent = envelope.inspect()?;
            place.dependency =
                Some(parent.identity(*index).map_or_else(|| format!("index {index}"), |id| id.to_string()));
            match self.dependency(&envelope, &parent, *index)? {
                Some(dependency) => envelope = dependency,
                // Its commands are not known, but what was found may say enough.
                None => return Ok(place),
            }
        }
        let manifest = envelope.inspect()?;
        if place.section.is_some() {
            place.component = manifest.identity(record.component_index).map(|id| id.to_string());
            if let Some(sequence) = sequence(&envelope, &manifest, record.section)? {
                place.command = command(sequence, record.offset)?;
            }
        }
        Ok(place)
    }

    /// The dependency `index` of the manifest `parent`, which `carrier` gave: known by identifier and digest.
    fn dependency(
        &self,
        carrier: &Envelope<'b>,
        parent: &Manifest<'b>,
        index: u64,
    ) -> Result<Option<Envelope<'b>>, Error> {
        let id = parent.identity(index);
        let named = Named::by(parent)?;
        let carried = carrier.payloads().iter().filter_map(|(_, bytes)| Envelope::decode(bytes).ok());
        let fits = |envelope: &Envelope<'b>| {
            let own = envelope.inspect().ok().and_then(|manifest| manifest.component_id);
            named.digests.contains(&envelope.claimed_digest())
                && is_unchanged(envelope)
                && (own.is_none() || own == id)
        };
        Ok(carried.chain(self.others.iter().cloned()).find(fits))
    }
}

/// The sequence of the section `label`, from wherever it is.
fn sequence<'b>(
    envelope: &Envelope<'b>,
    manifest: &Manifest<'b>,
    label: u64,
) -> Result<Option<Sequence<'b>>, Error> {
    Ok(match manifest.section(label) {
        _ if label == SHARED => Some(manifest.shared),
        Some(Section::Present(sequence)) => Some(sequence),
        Some(Section::Severed(digest)) => envelope.severed(label, &digest)?.map(Sequence::new),
        None => None,
    })
}

/// Name of the command at `offset` of the section `sequence`, be it in a sequence within.
fn command(sequence: Sequence<'_>, offset: u64) -> Result<Option<String>, Error> {
    let mut waiting = vec![(0, sequence)];
    while let Some((begin, sequence)) = waiting.pop() {
        for command in sequence.instructions()? {
            let command = command?;
            let at = (command.offset as u64).saturating_add(begin);
            if at == offset {
                return Ok(Some(names::command(command.code)));
            }
            let nested = command.nested(at).into_iter();
            waiting.extend(nested.filter_map(|(begin, sequence)| Some((begin, sequence?))));
        }
    }
    Ok(None)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.authenticated_by {
            Some(key) => line(f, "reported by", &format!("key {key}"))?,
            None => writeln!(f, "NOT AUTHENTICATED: anybody may have written this report")?,
        }
        line(f, "manifest", self.manifest_id.as_deref().unwrap_or("without id"))?;
        line(f, "sequence number", &self.sequence_number.to_string())?;
        match &self.failure {
            None => line(f, "result", "success")?,
            Some(failure) => {
                line(f, "result", &format!("failed, {} (code {})", failure.reason, failure.code))?;
                failure.place.fmt(f)?;
            }
        }
        for record in &self.records {
            writeln!(f, "\nrecorded")?;
            record.fmt(f)?;
        }
        for (component, found) in &self.components {
            writeln!(f, "\nfound {}", printable(component))?;
            found.iter().try_for_each(|(name, value)| line(f, name, value))?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(dependency) = &self.dependency {
            line(f, "in the dependency", dependency)?;
        }
        match &self.section {
            None => line(f, "where", "before any command")?,
            Some(section) => line(f, "where", &format!("{section}, byte {}", self.offset))?,
        }
        match &self.command {
            Some(command) => line(f, "command", command)?,
            None if self.section.is_none() => {}
            None => {
                let advice =
                    "not known: give the envelope of this manifest too, in the version that was sent";
                line(f, "command", advice)?;
            }
        }
        if let Some(component) = &self.component {
            line(f, "component", component)?;
        }
        self.found.iter().try_for_each(|(name, value)| line(f, &format!("found {name}"), value))
    }
}

#[cfg(test)]
mod tests;
