// SPDX-License-Identifier: Apache-2.0
//! A Linux client for the system test: it attacks the TEEP Agent and the install PTA, and reads OP-TEE's memory
//! statistics.
//!
//! Prints one line of JSON with what it saw. Exit codes: 0 all as it should be, 1 something was not, 2 OP-TEE
//! could not be reached, 64 wrong usage.
#![forbid(unsafe_code)]

mod attacks;
mod install_pta;
mod param;
mod random;
mod read_data;
mod stats;
mod tally;
mod target;

use clap::{Parser, Subcommand};
use optee_teec::Error;
use std::process::ExitCode;
use tally::Tally;
use target::Target;
use teep_proto::suit::text;

#[derive(Parser)]
#[command(version, about = "Attacks and measures the secure world from Linux")]
struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Throws malformed calls at the TEEP Agent and checks how it takes them
    ///
    /// What is thrown depends on nothing but --rounds.
    Agent {
        /// Garbage requests to each command
        #[arg(long, default_value_t = 50)]
        rounds: u32,
    },
    /// Tries to get a session with the PTA that installs TAs, and calls its commands where it gets one
    InstallPta,
    /// Tries to read a data component, which only the Trusted Application it is for may
    ReadData {
        /// Its identifier, for example TEEP-Device/SecureFS/uuid:1c42796f-7fc4-4536-b751-6a58e6f4540c/greeting
        #[arg(value_parser = text::parse)]
        component: std::vec::Vec<Vec<u8>>,
    },
    /// Prints the heap of OP-TEE's core and of every loaded TA: bytes in use, at most in use, in all
    Stats {
        /// Keep a session with the Agent meanwhile: its peak is that of one instance, which ends with its last session
        #[arg(long)]
        hold_agent: bool,
        /// What to run before; its output goes to stderr
        #[arg(last = true)]
        command: Vec<String>,
    },
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
    let result = match args.action {
        Action::Agent { rounds } => agent(rounds),
        Action::InstallPta => install_pta::run(),
        Action::ReadData { component } => read_data::run(&component),
        Action::Stats { hold_agent, command } => stats::run(hold_agent, &command),
    };
    match result {
        Err(error) => {
            eprintln!("guest-probe: OP-TEE does not answer (TEE error 0x{:08x})", error.raw_code());
            ExitCode::from(2)
        }
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
    }
}

/// Attacks the Agent; true if it took everything as it should.
fn agent(rounds: u32) -> Result<bool, Error> {
    let mut tally = Tally::default();
    let result = Target::connect().and_then(|mut target| attacks::run(&mut target, &mut tally, rounds));
    println!("{}", tally.to_json());
    result.map(|()| tally.is_clean())
}
