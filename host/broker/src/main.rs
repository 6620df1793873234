// SPDX-License-Identifier: Apache-2.0
//! The command `teep-broker`: the Broker for the Agent in OP-TEE.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use teep_broker::cli;
use teep_broker::optee::OpteeTee;

fn main() -> ExitCode {
    let code = cli::run(std::env::args_os(), OpteeTee, &mut std::io::stdout(), &mut std::io::stderr());
    ExitCode::from(code)
}
