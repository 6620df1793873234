// SPDX-License-Identifier: Apache-2.0
//! A hostile Linux client of the TEEP Agent, for the system test: it makes every kind of malformed TEE
//! client call it can and checks that each gets the TEE error it should, that every reply decodes, and that
//! the Agent never dies.
//!
//! Prints one line of JSON with what it saw. Exit codes: 0 all as it should be, 1 something was not, 2 the
//! Agent could not be reached, 64 wrong usage.
#![forbid(unsafe_code)]

mod attacks;
mod param;
mod random;
mod tally;
mod target;

use clap::Parser;
use std::process::ExitCode;
use tally::Tally;
use target::Target;

/// Throw malformed calls at the TEEP Agent and check how it takes them
///
/// What is thrown depends on nothing but --rounds.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Garbage requests to each command
    #[arg(long, default_value_t = 50)]
    rounds: u32,
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nothing can be done if not even the message can be written.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    let mut tally = Tally::default();
    let result = Target::connect().and_then(|mut target| attacks::run(&mut target, &mut tally, args.rounds));
    println!("{}", tally.to_json());
    match result {
        Err(error) => {
            eprintln!("guest-probe: no session with the TEEP Agent (TEE error 0x{:08x})", error.raw_code());
            ExitCode::from(2)
        }
        Ok(()) if tally.is_clean() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
    }
}
