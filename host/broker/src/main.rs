// SPDX-License-Identifier: Apache-2.0
//! The command `teep-broker`: the Broker for the Agent in OP-TEE.
//!
//! Built without the feature `optee` it is for reading its help on a machine without libteec.
#![forbid(unsafe_code)]

#[cfg(not(feature = "optee"))]
mod no_tee;

use std::process::ExitCode;
use teep_broker::cli;

#[cfg(not(feature = "optee"))]
use no_tee::NoTee as TheTee;
#[cfg(feature = "optee")]
use teep_broker::optee::OpteeTee as TheTee;

fn main() -> ExitCode {
    let code = cli::run(std::env::args_os(), TheTee, &mut std::io::stdout(), &mut std::io::stderr());
    ExitCode::from(code)
}
