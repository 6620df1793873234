// SPDX-License-Identifier: Apache-2.0
//! Writes the Trusted Application's header and links it with the TA dev kit.

#[path = "src/protocol.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the Trusted Application and its client")]
mod protocol;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The same directory, seen from package hello-ta and from package other-ta.
    println!("cargo::rerun-if-changed=../hello/build.rs");
    println!("cargo::rerun-if-changed=../hello/src/protocol.rs");
    // What the compiler would start with belongs to Linux programs: a TA starts at __ta_entry.
    println!("cargo::rustc-link-arg=-nostartfiles");
    let uuid = match env!("CARGO_PKG_NAME") {
        "hello-ta" => protocol::HELLO_UUID,
        _ => protocol::OTHER_UUID,
    };
    let built = optee_utee_build::TaConfig::new_default_with_cargo_env(uuid)
        .map(|config| config.ta_stack_size(8 * 1024))
        .and_then(optee_utee_build::build);
    match built {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error=cannot link with the TA dev kit: {error:?}; build with ta/build-ta.sh");
            ExitCode::FAILURE
        }
    }
}
