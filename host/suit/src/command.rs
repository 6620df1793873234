// SPDX-License-Identifier: Apache-2.0
//! How `teep-suit` and `teep-tam` take a command line and tell what came of it.
//!
//! Text is for people and may change; JSON is for programs: fields are added to schema 1, never changed.

use crate::cli::exit;
use clap::Parser;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;

const SCHEMA: u32 = 1;

/// What may be written on a program's command line, and what the program then does.
pub trait CommandLine: Parser {
    /// Why it was not done, in one line.
    type Error: Display;

    /// Whether the result is wanted as JSON.
    fn json(&self) -> bool;

    /// Does it. What is to be read before the end goes to `out`.
    ///
    /// # Errors
    /// When it was not done.
    fn perform(&self, out: &mut impl Write) -> Result<Done, Self::Error>;

    /// Exit code and JSON result of a failure.
    fn classify(error: &Self::Error) -> (u8, &'static str);
}

/// What has been done, for a person and for a program.
#[derive(Debug)]
pub struct Done {
    text: String,
    object: Value,
}

impl Done {
    /// What `text` says, with the same in `fields`, a JSON object.
    pub fn new(text: String, fields: Value) -> Self {
        Self { text, object: with_result("ok", fields) }
    }
}

/// Runs the command line `args` (the program name first): results go to `out`, errors to `err`. Returns the exit
/// code.
pub fn run<C: CommandLine>(
    args: impl IntoIterator<Item = OsString>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> u8 {
    // A reader that has gone away is told nothing; the exit code still says what was done.
    let line = match C::try_parse_from(args) {
        Ok(line) => line,
        Err(error) if error.use_stderr() => {
            let _ = write!(err, "{}", error.render());
            return exit::USAGE;
        }
        Err(help) => {
            let _ = write!(out, "{}", help.render());
            return exit::OK;
        }
    };
    match line.perform(out) {
        Ok(Done { text, object }) => {
            let _ = if line.json() { writeln!(out, "{object}") } else { writeln!(out, "{text}") };
            exit::OK
        }
        Err(error) => {
            let (code, result) = C::classify(&error);
            if line.json() {
                let _ = writeln!(out, "{}", with_result(result, json!({ "error": error.to_string() })));
            }
            let _ = writeln!(err, "{}: {error}", C::command().get_name());
            code
        }
    }
}

fn with_result(result: &str, fields: Value) -> Value {
    let mut object = json!({ "schema": SCHEMA, "result": result });
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
    object
}
