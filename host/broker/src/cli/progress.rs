// SPDX-License-Identifier: Apache-2.0
//! Progress as it is shown: a line for people, or an object for programs.

use super::output::{SCHEMA, printable};
use crate::Event;
use serde_json::{Value, json};

/// Between two lines about a payload whose length is not known.
const STEP: u64 = 1 << 20;

/// What has been shown of the payload that is being fetched: a payload has many pieces, and a person wants a few lines.
#[derive(Debug, Default)]
pub(super) struct Progress {
    shown: u64,
}

impl Progress {
    /// The line for `event`, when it deserves one.
    pub(super) fn line(&mut self, event: Event<'_>) -> Option<String> {
        Some(match event {
            Event::AgentWorking { command } => format!("agent: {}", command.name()),
            Event::Connecting { tam_uri } => format!("connecting to {}", printable(tam_uri)),
            Event::Sent { bytes: 0 } => "sent an empty request".to_owned(),
            Event::Sent { bytes } => format!("sent {bytes} bytes"),
            Event::Received { bytes: 0 } => "received an empty answer: the TAM is done".to_owned(),
            Event::Received { bytes } => format!("received {bytes} bytes"),
            Event::Fetching { uri, offset } => {
                self.shown = offset;
                match offset {
                    0 => format!("fetching {}", printable(uri)),
                    _ => format!("fetching {} from byte {offset} on", printable(uri)),
                }
            }
            Event::Fetched { bytes, total } => return self.fetched(bytes, total),
            Event::FetchTrouble { uri, cause, again } => {
                let next = if again { "trying again" } else { "giving up" };
                format!("the server of {} {}: {next}", printable(uri), printable(cause))
            }
            Event::Outcome(outcome) => format!("agent: {}", printable(&outcome.text)),
        })
    }

    /// A line for each tenth of the payload.
    fn fetched(&mut self, bytes: u64, total: Option<u64>) -> Option<String> {
        let step = total.map_or(STEP, |total| total.div_ceil(10)).max(1);
        if bytes.checked_div(step) == self.shown.checked_div(step) && Some(bytes) != total {
            return None;
        }
        self.shown = bytes;
        Some(match total {
            Some(total) => format!("fetched {bytes} of {total} bytes"),
            None => format!("fetched {bytes} bytes"),
        })
    }
}

/// The object for `event`.
pub(super) fn json(event: Event<'_>) -> Value {
    let mut object = match event {
        Event::AgentWorking { command } => {
            json!({ "event": "agent-working", "agent_command": command.name() })
        }
        Event::Connecting { tam_uri } => json!({ "event": "connecting", "uri": tam_uri }),
        Event::Sent { bytes } => json!({ "event": "sent", "bytes": bytes }),
        Event::Received { bytes } => json!({ "event": "received", "bytes": bytes }),
        Event::Fetching { uri, offset } => json!({ "event": "fetching", "uri": uri, "offset": offset }),
        Event::Fetched { bytes, total } => json!({ "event": "fetched", "bytes": bytes, "total": total }),
        Event::FetchTrouble { uri, cause, again } => {
            json!({ "event": "fetch-trouble", "uri": uri, "cause": cause, "again": again })
        }
        Event::Outcome(outcome) => {
            json!({ "event": "outcome", "err_code": outcome.err_code, "text": outcome.text })
        }
    };
    if let Some(map) = object.as_object_mut() {
        map.insert("schema".to_owned(), SCHEMA.into());
    }
    object
}
