// SPDX-License-Identifier: Apache-2.0
//! What the command line prints.
//!
//! Text is for people and may change; JSON is for programs: fields are added to schema 1, never changed.

use super::args::{Args, Task};
use super::progress::{self, Progress};
use super::{exit, exit_code, status};
use crate::{Event, Failure, Report};
use serde_json::{Value, json};
use std::io::Write;
use teep_proto::teec::{AgentInfo, Outcome};

pub(super) const SCHEMA: u32 = 1;

/// Where results and progress go. Errors of writing are ignored: a reader that has gone away is not
/// interested, and the exit code still tells what was done.
pub(super) struct Output<'a, O, E> {
    out: &'a mut O,
    err: &'a mut E,
    command: &'static str,
    json: bool,
    quiet: bool,
    progress: Progress,
}

impl<'a, O: Write, E: Write> Output<'a, O, E> {
    pub(super) fn new(out: &'a mut O, err: &'a mut E, args: &Args) -> Self {
        Self {
            out,
            err,
            command: args.task.name(),
            json: args.json,
            quiet: args.quiet,
            progress: Progress::default(),
        }
    }

    pub(super) fn progress(&mut self, event: Event<'_>) {
        if self.quiet {
            return;
        }
        let line =
            if self.json { Some(progress::json(event).to_string()) } else { self.progress.line(event) };
        if let Some(line) = line {
            let _ = writeln!(self.err, "{line}");
        }
    }

    pub(super) fn done(&mut self, report: &Report, task: &Task) -> u8 {
        // Then a TAM that does nothing has not got it.
        let wanted = matches!(task, Task::RequestTa(_));
        let (code, result) = match (report.refusal(), report.exchanges) {
            (Some(_), _) => (exit::REFUSED, "refused"),
            (None, 0) => (exit::NOTHING, "nothing"),
            (None, _) if wanted && report.outcomes.is_empty() => (exit::NOT_FOUND, "not-found"),
            (None, _) => (exit::OK, "ok"),
        };
        if self.json {
            self.object(result, report_fields(report));
            return code;
        }
        self.told(report);
        if report.outcomes.is_empty() {
            let _ = writeln!(
                self.out,
                "{}",
                match report.exchanges {
                    // An Agent without TAMs fails.
                    0 if matches!(task, Task::PolicyCheck) =>
                        "Nothing to do: each TAM was contacted a short time ago, see teep-broker status. Try again later: \
                         how soon the Agent contacts a TAM again its policy says (contact-interval, 60 seconds as a rule).",
                    0 => "Nothing to do: the Agent needs no TAM for this.",
                    _ if wanted => "Not found: the TAM does not offer this to the device.",
                    _ => "Done: the TAM has nothing to install or remove.",
                }
            );
        }
        code
    }

    pub(super) fn failed(&mut self, failure: &Failure) -> u8 {
        let code = exit_code(&failure.error);
        let message = failure.to_string();
        if self.json {
            let result = match code {
                exit::TAM_UNREACHABLE => "tam-unreachable",
                exit::TEE_UNAVAILABLE => "tee-unavailable",
                exit::USAGE => "usage",
                _ => "failed",
            };
            let mut fields = report_fields(&failure.report);
            fields.push(("error", message.as_str().into()));
            self.object(result, fields);
        } else {
            self.told(&failure.report);
        }
        let _ = writeln!(self.err, "teep-broker: {}", printable(&message));
        code
    }

    /// What the Agent said, and what it may not know the reason of.
    fn told(&mut self, report: &Report) {
        for outcome in &report.outcomes {
            let _ = writeln!(self.out, "{}", sentence(outcome));
        }
        for why in &report.unfetched {
            let _ = writeln!(self.out, "Not fetched: {}", printable(why));
        }
    }

    pub(super) fn wrong_usage(&mut self, message: &str) -> u8 {
        if self.json {
            self.object("usage", vec![("error", message.into())]);
        }
        let _ = writeln!(self.err, "teep-broker: {}", printable(message));
        exit::USAGE
    }

    pub(super) fn status(&mut self, info: &AgentInfo) -> u8 {
        let (code, result) = match info.stored {
            Ok(_) => (exit::OK, "ok"),
            Err(_) => (exit::FAILURE, "damaged"),
        };
        if self.json {
            self.object(result, vec![("status", status::status_json(info))]);
        } else {
            let _ = self.out.write_all(status::status(info).as_bytes());
        }
        code
    }

    pub(super) fn keys(&mut self, info: &AgentInfo) -> u8 {
        if self.json {
            self.object("ok", vec![("keys", status::keys_json(info))]);
        } else {
            let _ = self.out.write_all(status::keys(info).as_bytes());
        }
        exit::OK
    }

    pub(super) fn provisioned(&mut self) -> u8 {
        if self.json {
            self.object("ok", Vec::new());
        } else {
            let text = "Provisioned: from now on the Agent trusts whom this trust store names, and only manifests of \
                        its trust-store signers change that.";
            let _ = writeln!(self.out, "{text}");
        }
        exit::OK
    }

    fn object(&mut self, result: &str, fields: Vec<(&str, Value)>) {
        let mut object = json!({ "schema": SCHEMA, "command": self.command, "result": result });
        if let Some(map) = object.as_object_mut() {
            map.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        let _ = writeln!(self.out, "{object}");
    }
}

fn report_fields(report: &Report) -> Vec<(&'static str, Value)> {
    let outcomes: Vec<_> = report
        .outcomes
        .iter()
        .map(|outcome| json!({ "err_code": outcome.err_code, "text": outcome.text }))
        .collect();
    vec![
        ("exchanges", report.exchanges.into()),
        ("outcomes", outcomes.into()),
        ("unfetched", report.unfetched.clone().into()),
    ]
}

fn sentence(outcome: &Outcome) -> String {
    let text = printable(&outcome.text);
    match outcome.err_code {
        0 => format!("Done: {text}"),
        code => format!("Refused: {text} (TEEP error {code})"),
    }
}

/// `text` without the characters that steer a terminal: parts of it come from a TAM.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
