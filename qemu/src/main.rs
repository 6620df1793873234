// SPDX-License-Identifier: Apache-2.0
//! Runs the OP-TEE QEMU image.

#![forbid(unsafe_code)]

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use teep_qemu::{ImageDir, Options, forward, shell};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Boots the image with a root shell on this terminal; Ctrl-A and then X leaves
    Shell {
        /// The build directory
        #[arg(long, default_value = "build")]
        build: PathBuf,
        /// The port of a TAM on this host's loopback; the guest reaches it as http://10.0.2.100:8080/tam
        #[arg(long)]
        tam_port: Option<u16>,
    },
    /// Carries bytes between stdin and stdout and a TCP address: what QEMU runs for a connection of the guest
    Forward {
        /// Where to connect to, for example 127.0.0.1:8080
        address: SocketAddr,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Action::Shell { build, tam_port } => match run_shell(&build, tam_port) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        // Without a message: stderr is the guest's connection.
        Action::Forward { address } => match forward::pump(address) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
    }
}

fn run_shell(build: &std::path::Path, tam_port: Option<u16>) -> Result<(), Box<dyn std::error::Error>> {
    let image = ImageDir::new(build)?;
    shell(&image, &Options { name: "shell".to_owned(), tam_port, program: env::current_exe()? })?;
    Ok(())
}
