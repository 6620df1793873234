// SPDX-License-Identifier: Apache-2.0
//! Compiles the Agent's configuration, writes the TA's header, and links with the TA dev kit.

use optee_utee_build::{TaConfig, Uuid};
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use teep_proto::teec::{AGENT_UUID, Command};

/// Bytes of stack: several times what a P-256 verification takes, which is the deepest call.
const STACK_SIZE: u32 = 64 * 1024;
/// Bytes of heap beside the one copy of the request.
const WORKING_HEAP: u32 = 512 * 1024;
/// `TA_FLAG_SINGLE_INSTANCE | TA_FLAG_MULTI_SESSION | TA_FLAG_INSTANCE_KEEP_ALIVE`: one Agent that serves all sessions,
/// one call at a time, and that stays when the last one has ended: what it counts, and what it knows to be damaged, must
/// not be forgotten because the Broker ends its session.
const FLAGS: u32 = 1 << 2 | 1 << 3 | 1 << 4;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_OPTEE").is_none() {
        return ExitCode::SUCCESS;
    }
    match compile_config().and_then(|()| link()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

/// Turns the configuration file that TEEP_AGENT_CONFIG names into what the Agent reads at start.
fn compile_config() -> Result<(), String> {
    println!("cargo::rerun-if-env-changed=TEEP_AGENT_CONFIG");
    let path = env::var_os("TEEP_AGENT_CONFIG").map(PathBuf::from).ok_or(
        "TEEP_AGENT_CONFIG is not set: it must name the Agent's configuration file (TAMs and trust anchors)",
    )?;
    // The directory, for the key files beside the configuration.
    println!("cargo::rerun-if-changed={}", path.parent().unwrap_or(Path::new(".")).display());
    let config = teep_agent::config::compile_toml(&path)?;
    let out = Path::new(&env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: run this through cargo")?)
        .join("agent-config.cbor");
    std::fs::write(&out, config).map_err(|error| format!("cannot write {}: {error}", out.display()))
}

/// Links as OP-TEE wants it, with the identity and sizes of this TA.
fn link() -> Result<(), String> {
    // What the compiler would start with belongs to Linux programs: a TA starts at __ta_entry.
    println!("cargo::rustc-link-arg=-nostartfiles");
    let heap = u32::try_from(Command::ProcessTeepMessage.max_request())
        .ok()
        .and_then(|request| request.checked_add(WORKING_HEAP))
        .ok_or("the largest request does not fit a TA's heap")?;
    TaConfig::new_default_with_cargo_env(&Uuid::from_bytes(AGENT_UUID).to_string())
        .map(|config| {
            config.ta_flags(FLAGS).ta_stack_size(STACK_SIZE).ta_data_size(heap).trace_ext_prefix("teep-agent")
        })
        .and_then(optee_utee_build::build)
        .map_err(|error| format!("cannot link with the TA dev kit: {error:?}; build with ta/build-ta.sh"))
}
