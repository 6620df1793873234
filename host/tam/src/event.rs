// SPDX-License-Identifier: Apache-2.0
use std::fmt;
use teep_proto::cose::Thumbprint;
use teep_proto::suit::{Report, ReportResult};
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
            Self::Received { message, bytes, agent } => {
                write!(f, "received {}, {bytes} bytes, from agent {}", message.name(), Short(Some(*agent)))?;
                write_details(f, message)
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
            Ok(())
        }
        Message::Update(update) => write_error(f, update.err_code, update.err_msg),
        Message::Success(success) => {
            if let Some(msg) = success.msg {
                write!(f, ": {}", printable(msg))?;
            }
            write_reports(f, &success.suit_reports)
        }
        Message::Error(error) => {
            write_error(f, Some(error.err_code), error.err_msg)?;
            write_reports(f, &error.suit_reports)
        }
    }
}

fn write_error(f: &mut fmt::Formatter<'_>, code: Option<ErrCode>, msg: Option<&str>) -> fmt::Result {
    if let Some(code) = code {
        write!(f, ": {code}")?;
    }
    msg.map_or(Ok(()), |msg| write!(f, ": {}", printable(msg)))
}

fn write_reports(f: &mut fmt::Formatter<'_>, reports: &[&[u8]]) -> fmt::Result {
    for report in reports.iter().filter_map(|bytes| Report::decode(bytes).ok()) {
        match report.result {
            ReportResult::Success => write!(f, "; manifest {:.16} done", report.manifest_digest.to_string())?,
            ReportResult::Failure { reason, .. } => {
                write!(f, "; manifest {:.16} failed: {reason}", report.manifest_digest.to_string())?;
            }
        }
    }
    Ok(())
}

/// `text` without the characters that steer a terminal or break a log line: parts of it come from Agents.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
