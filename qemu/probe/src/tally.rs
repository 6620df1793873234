// SPDX-License-Identifier: Apache-2.0
//! What was seen.

use optee_teec::{Error, ErrorKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use teep_proto::teec::Reply;

/// Descriptions kept of calls that did not get what they should: enough to find the first cause.
const MAX_WRONG: usize = 20;

#[derive(Default)]
pub(crate) struct Tally {
    calls: u64,
    codes: BTreeMap<u32, u64>,
    replies: BTreeMap<&'static str, u64>,
    dead: u64,
    undecodable: u64,
    wrong: u64,
    first_wrong: Vec<String>,
}

impl Tally {
    /// A call that was to fail with `expected`.
    pub(crate) fn refusal<T>(
        &mut self,
        what: fmt::Arguments<'_>,
        expected: ErrorKind,
        result: &Result<T, Error>,
    ) {
        self.count(result);
        let seen = result.as_ref().err().map(Error::raw_code);
        if seen != Some(expected.into()) {
            let seen = seen.map_or("success".to_owned(), hex);
            self.wrong(format!("{what}: {} instead of {}", seen, hex(expected.into())));
        }
    }

    /// A call with well-formed parameters: the Agent was to reply, whatever the request.
    pub(crate) fn reply(&mut self, what: fmt::Arguments<'_>, result: &Result<Vec<u8>, Error>) {
        self.count(result);
        match result {
            Err(error) => self.wrong(format!("{what}: {} instead of a reply", hex(error.raw_code()))),
            Ok(bytes) => match Reply::decode(bytes) {
                Ok(reply) => increment(self.replies.entry(kind(&reply)).or_default()),
                Err(error) => {
                    increment(&mut self.undecodable);
                    self.wrong(format!("{what}: the reply does not decode, {error}"));
                }
            },
        }
    }

    /// A call that may not have got to the Agent at all.
    pub(crate) fn uncertain<T>(&mut self, result: &Result<T, Error>) {
        self.count(result);
    }

    /// Something else that should not be.
    pub(crate) fn trouble(&mut self, what: fmt::Arguments<'_>) {
        self.wrong(what.to_string());
    }

    /// Adds what somebody else saw.
    pub(crate) fn add(&mut self, other: Self) {
        for (sum, count) in [
            (&mut self.calls, other.calls),
            (&mut self.dead, other.dead),
            (&mut self.undecodable, other.undecodable),
            (&mut self.wrong, other.wrong),
        ] {
            *sum = sum.saturating_add(count);
        }
        for (code, count) in other.codes {
            let sum = self.codes.entry(code).or_default();
            *sum = sum.saturating_add(count);
        }
        for (kind, count) in other.replies {
            let sum = self.replies.entry(kind).or_default();
            *sum = sum.saturating_add(count);
        }
        self.first_wrong.extend(other.first_wrong);
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.wrong == 0 && self.dead == 0 && self.undecodable == 0
    }

    pub(crate) fn to_json(&self) -> Value {
        let codes: BTreeMap<_, _> = self.codes.iter().map(|(code, count)| (hex(*code), count)).collect();
        json!({
            "schema": 1,
            "calls": self.calls,
            "tee_errors": codes,
            "replies": self.replies,
            "target_dead": self.dead,
            "undecodable": self.undecodable,
            "wrong": self.wrong,
            "first_wrong": self.first_wrong,
        })
    }

    fn count<T>(&mut self, result: &Result<T, Error>) {
        increment(&mut self.calls);
        if let Err(error) = result {
            increment(self.codes.entry(error.raw_code()).or_default());
            if error.kind() == ErrorKind::TargetDead {
                increment(&mut self.dead);
            }
        }
    }

    fn wrong(&mut self, description: String) {
        increment(&mut self.wrong);
        if self.first_wrong.len() < MAX_WRONG {
            self.first_wrong.push(description);
        }
    }
}

fn increment(count: &mut u64) {
    *count = count.saturating_add(1);
}

/// A TEE result code as text.
pub(crate) fn hex(code: u32) -> String {
    format!("0x{code:08x}")
}

fn kind(reply: &Reply) -> &'static str {
    match reply {
        Reply::Nothing => "nothing",
        Reply::Connect { .. } => "connect",
        Reply::Send { .. } => "send",
        Reply::Failed { .. } => "failed",
        Reply::Fetch { .. } => "fetch",
        Reply::Info(_) => "info",
    }
}
