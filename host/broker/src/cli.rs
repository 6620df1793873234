// SPDX-License-Identifier: Apache-2.0
//! The command line `teep-broker`, over any [`Tee`].

mod args;
mod output;
mod progress;
mod status;

use crate::{Broker, Config, Error, Failure, Report, Tee};
use args::{Args, Task};
use clap::Parser;
use output::Output;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

/// Exit codes. They are part of the interface: scripts depend on them.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Failed in another way than those below.
    pub const FAILURE: u8 = 1;
    /// There was nothing to do.
    pub const NOTHING: u8 = 2;
    /// The TAM does not offer what was requested.
    pub const NOT_FOUND: u8 = 3;
    /// The TAM could not be reached.
    pub const TAM_UNREACHABLE: u8 = 4;
    /// The TEE or the Agent in it could not be used.
    pub const TEE_UNAVAILABLE: u8 = 5;
    /// The Agent refused what the TAM wanted.
    pub const REFUSED: u8 = 6;
    /// The command line is wrong.
    pub const USAGE: u8 = 64;
}

/// Runs the command line `args` (the program name first) on `tee`: the result goes to `out`, progress and
/// errors to `err`. Returns the [`exit`] code.
pub fn run<T: Tee>(
    args: impl IntoIterator<Item = OsString>,
    tee: T,
    out: &mut impl Write,
    err: &mut impl Write,
) -> u8 {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => return usage(&error, out, err),
    };
    let mut output = Output::new(out, err, &args);
    let config = match config(&args) {
        Ok(config) => config,
        Err(message) => return output.wrong_usage(&message),
    };
    let mut broker = Broker::new(tee, config);
    let mut progress = |event: crate::Event<'_>| output.progress(event);
    let result = match &args.task {
        Task::RequestTa(component) => broker.request_ta(&component.request(), &mut progress),
        Task::UnrequestTa(component) => broker.unrequest_ta(&component.request(), &mut progress),
        Task::PolicyCheck => broker.policy_check(&mut progress),
        Task::Provision { trust_store } => {
            let bytes = match std::fs::read(trust_store) {
                Ok(bytes) => bytes,
                Err(error) => return output.wrong_usage(&format!("{}: {error}", trust_store.display())),
            };
            return match broker.provision(&bytes) {
                Ok(()) => output.provisioned(),
                Err(error) => output.failed(&Failure { error, report: Report::default() }),
            };
        }
        Task::Status | Task::Keys => {
            return match broker.info() {
                Ok(info) if matches!(args.task, Task::Keys) => output.keys(&info),
                Ok(info) => output.status(&info),
                Err(error) => output.failed(&Failure { error, report: Report::default() }),
            };
        }
    };
    match result {
        Ok(report) => output.done(&report, &args.task),
        Err(failure) => output.failed(&failure),
    }
}

/// Help and version are results, everything else clap reports is wrong usage.
fn usage(error: &clap::Error, out: &mut impl Write, err: &mut impl Write) -> u8 {
    // A reader that has gone away is not told anything anyway.
    if error.use_stderr() {
        let _ = write!(err, "{}", error.render());
        exit::USAGE
    } else {
        let _ = write!(out, "{}", error.render());
        exit::OK
    }
}

fn config(args: &Args) -> Result<Config, String> {
    let mut config = Config { exchange_timeout: args.timeout(), ..Config::default() };
    if let Some(path) = &args.ca_file {
        trust_only(&mut config, path)
            .map_err(|problem| format!("--ca-file {}: {problem}", path.display()))?;
    }
    Ok(config)
}

fn trust_only(config: &mut Config, path: &Path) -> Result<(), String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    config.trust_only(&pem).map_err(|error| error.to_string())
}

/// The exit code for an error.
fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Tee(_) | Error::AgentReply { .. } => exit::TEE_UNAVAILABLE,
        Error::Unreachable { .. } => exit::TAM_UNREACHABLE,
        Error::RequestTooLong { .. } | Error::TrustStoreTooLong { .. } => exit::USAGE,
        _ => exit::FAILURE,
    }
}
