// SPDX-License-Identifier: Apache-2.0
//! Runs the OP-TEE QEMU image.

#![forbid(unsafe_code)]

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use teep_qemu::bench::Failure;
use teep_qemu::{demo, forward, workbench};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Installs, updates and fails to roll back a Trusted Application, step by step
    Demo {
        /// The build directory
        #[arg(long, default_value = "build")]
        build: PathBuf,
    },
    /// Boots the image with a root shell on this terminal and a TAM on this host; Ctrl-A and then X leaves
    Shell {
        /// The build directory
        #[arg(long, default_value = "build")]
        build: PathBuf,
    },
    /// Carries bytes between stdin and stdout and a TCP address: what QEMU runs for a connection of the guest
    Forward {
        /// Where to connect to, for example 127.0.0.1:8080
        address: SocketAddr,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Action::Demo { build } => with_program(|program| demo(&build, program)),
        Action::Shell { build } => with_program(|program| workbench(&build, program)),
        // Without a message: stderr is the guest's connection.
        Action::Forward { address } => {
            return if forward::pump(address).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs something that needs the path of this program.
fn with_program(run: impl FnOnce(PathBuf) -> Result<(), Failure>) -> Result<(), Failure> {
    run(env::current_exe()?)
}
