// SPDX-License-Identifier: Apache-2.0
use std::fmt;
use teep_proto::cose::Thumbprint;
use teep_proto::suit::labels::manifest as labels;
use teep_proto::suit::{Record, Report, ReportResult};
use teep_proto::teep::{ErrCode, Message};

/// Something that happened at the TAM. [`Display`](fmt::Display) writes one line for an operator; it has no
/// payload bytes and no raw reports (REQ-TEEP-150, 151, 168).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A message with a valid signature came.
    Received {
        /// What it says.
        message: &'a Message<'a>,
        /// The SUIT Reports in it, opened; `None` for one that cannot be.
        reports: &'a [Option<Vec<u8>>],
        /// Its length with signature.
        bytes: usize,
        /// Key of the Agent that signed it.
        agent: Thumbprint,
    },
    /// A message goes out.
    Sent {
        /// What it says.
        message: &'a Message<'a>,
        /// Its length with signatures.
        bytes: usize,
        /// Key of the Agent it is for; `None` while that is unknown.
        agent: Option<Thumbprint>,
        /// Names of the manifests in it.
        manifests: &'a [&'a str],
    },
    /// A message was dropped (REQ-TEEP-100).
    Dropped {
        /// Its length.
        bytes: usize,
        /// Key of the Agent that signed it; `None` when no enrolled one did.
        agent: Option<Thumbprint>,
        /// Why.
        why: &'a str,
    },
    /// Something in the store cannot be used and is passed over.
    Unusable {
        /// What.
        name: &'a str,
        /// Why.
        why: &'a str,
    },
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Received { message, reports, bytes, agent } => {
                write!(f, "received {}, {bytes} bytes, from agent {}", message.name(), Short(Some(*agent)))?;
                write_details(f, message)?;
                // In a QueryResponse there is one for each manifest that is installed: only another outcome is news.
                let is_response = matches!(message, Message::QueryResponse(_));
                reports.iter().try_for_each(|report| write_report(f, report.as_deref(), !is_response))
            }
            Self::Sent { message, bytes, agent, manifests } => {
                write!(f, "sent {}, {bytes} bytes, to agent {}", message.name(), Short(*agent))?;
                if !manifests.is_empty() {
                    write!(f, ": {}", printable(&manifests.join(", ")))?;
                }
                write_details(f, message)
            }
            Self::Dropped { bytes, agent, why } => {
                write!(f, "dropped {bytes} bytes from agent {}: {why}", Short(*agent))
            }
            Self::Unusable { name, why } => write!(f, "passing over {}: {}", printable(name), printable(why)),
        }
    }
}

/// The first digits of a key's thumbprint, enough to tell devices apart in a log.
struct Short(Option<Thumbprint>);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(thumbprint) => write!(f, "{:.16}", thumbprint.to_string()),
            None => f.write_str("(unknown)"),
        }
    }
}

fn write_details(f: &mut fmt::Formatter<'_>, message: &Message<'_>) -> fmt::Result {
    match message {
        Message::QueryRequest(_) => Ok(()),
        Message::QueryResponse(response) => {
            write!(f, ": has {}", response.tc_list.as_ref().map_or(0, Vec::len))?;
            for tc in &response.requested_tc_list {
                write!(f, ", wants {}", tc.component_id)?;
            }
            for id in &response.unneeded_manifest_list {
                write!(f, ", needs no longer {id}")?;
            }
            Ok(())
        }
        Message::Update(update) => {
            for id in &update.unneeded_manifest_list {
                write!(f, "; to give up: {id}")?;
            }
            if update.attestation.is_some() {
                f.write_str("; with an Attestation Result")?;
            }
            write_error(f, update.err_code, update.err_msg, update.err_lang)
        }
        Message::Success(success) => success.msg.map_or(Ok(()), |msg| write!(f, ": {}", printable(msg))),
        Message::Error(error) => write_error(f, Some(error.err_code), error.err_msg, error.err_lang),
    }
}

/// In which language `msg` is, is told with it (REQ-TEEP-015).
fn write_error(
    f: &mut fmt::Formatter<'_>,
    code: Option<ErrCode>,
    msg: Option<&str>,
    language: Option<&str>,
) -> fmt::Result {
    if let Some(code) = code {
        write!(f, ": {code}")?;
    }
    if let (Some(_), Some(language)) = (msg, language) {
        write!(f, ", in language {}", printable(language))?;
    }
    msg.map_or(Ok(()), |msg| write!(f, ": {}", printable(msg)))
}

fn write_report(f: &mut fmt::Formatter<'_>, report: Option<&[u8]>, with_success: bool) -> fmt::Result {
    let Some(report) = report.and_then(|report| Report::decode(report).ok()) else {
        return f.write_str("; a report that cannot be opened");
    };
    let digest = report.manifest_digest.to_string();
    match &report.result {
        ReportResult::Success if with_success => write!(f, "; manifest {digest:.16} done"),
        ReportResult::Success => Ok(()),
        ReportResult::Failure { reason, record, .. } => {
            write!(f, "; manifest {digest:.16} failed: {reason}")?;
            write_place(f, record)
        }
    }
}

/// Where in the manifest it failed: `teep-suit explain` says which command that is.
fn write_place(f: &mut fmt::Formatter<'_>, record: &Record<'_>) -> fmt::Result {
    // No section had begun (AMB-SUIT-17).
    if record.section == 0 {
        return Ok(());
    }
    let section = match record.section {
        labels::COMMON => "shared-sequence",
        label => labels::name(label).unwrap_or("unknown section"),
    };
    write!(f, " ({section}, byte {}, component {}", record.offset, record.component_index)?;
    if !record.manifest_id.is_empty() {
        write!(f, " of dependency {:?}", record.manifest_id)?;
    }
    f.write_str(")")
}

/// `text` without the characters that steer a terminal or break a log line: parts of it come from Agents.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
