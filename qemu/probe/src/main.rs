// SPDX-License-Identifier: Apache-2.0
//! A Linux client for the system test: it attacks the TEEP Agent and the install PTA, and reads OP-TEE's memory
//! statistics.
//!
//! Prints one line of JSON with what it saw. Exit codes: 0 all as it should be, 1 something was not, 2 OP-TEE
//! could not be reached, 64 wrong usage.
#![forbid(unsafe_code)]

mod attacks;
mod flip;
mod garbage;
mod hold;
mod install_pta;
mod param;
mod random;
mod read_data;
mod stats;
mod storm;
mod tally;
mod target;

use clap::{Parser, Subcommand};
use optee_teec::Error;
use std::ffi::OsString;
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
    /// Makes calls with any command and parameters in any of several sessions, from several clients at once
    Storm {
        /// Calls that reach the Agent
        #[arg(long, default_value_t = 100_000)]
        calls: u64,
        /// Clients at a time; between them two try to hold more sessions than the Agent admits
        #[arg(long, default_value_t = 2)]
        clients: u64,
        /// What they are depends on this number, their order also on how fast the clients are
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Acts as teep-broker, and changes what the Agent reads while it reads it
    Flip {
        /// What is changed
        #[arg(value_enum)]
        prey: flip::Prey,
        /// Calls during which it is changed, at most: then it is left as it is
        #[arg(long, default_value_t = 16)]
        tries: u64,
        /// Which bytes are changed
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Arguments of teep-broker
        #[arg(last = true)]
        broker: Vec<OsString>,
    },
    /// Holds a session with the demo TA while a command runs; prints what the TA says in it and in new ones
    Hold {
        /// The TA
        uuid: String,
        /// What to run; its output goes to stderr
        #[arg(last = true)]
        command: Vec<String>,
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
        /// Keep a session with the Agent meanwhile. Its peak is that since the start: it outlives its sessions
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
        Action::Storm { calls, clients, seed } => storm::run(calls, clients, seed),
        Action::Flip { prey, tries, seed, broker } => Ok(flip::run(prey, tries, seed, &broker)),
        Action::Hold { uuid, command } => hold::run(&uuid, &command),
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
