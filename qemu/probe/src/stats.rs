// SPDX-License-Identifier: Apache-2.0
//! Memory statistics, from OP-TEE's statistics PTA (`CFG_WITH_STATS`, `CFG_TA_STATS`).

use optee_teec::{Context, Error, ErrorKind, Operation, ParamNone, ParamTmpRef, ParamType, ParamValue, Uuid};
use serde_json::{Value, json};
use std::io;
use std::process::{Command, Stdio};
use teep_proto::teec::AGENT_UUID;

const STATS_PTA: [u8; 16] =
    [0xd9, 0x6a, 0x5b, 0x40, 0xe2, 0xc7, 0xb1, 0xaf, 0x87, 0x94, 0x10, 0x02, 0xa5, 0xd5, 0xc6, 0x1b];
const ALLOC_STATS: u32 = 1;
const TA_STATS: u32 = 3;
/// Pools of `ALLOC_STATS`: the heap of the core, and the memory TAs are loaded into.
const CORE_HEAP: u32 = 1;
const TA_MEMORY: u32 = 3;

/// Sizes of `struct pta_stats_alloc` and of `struct pta_stats_ta`, which ends with one.
const ALLOC_SIZE: usize = 64;
const TA_SIZE: usize = 88;
/// TAs there is room for in the answer: more than the machine can load.
const MAX_TAS: usize = 64;

/// Runs `command`, if there is one, then prints the statistics; `hold_agent` keeps a session with the Agent all the
/// while. True if the command ended well.
///
/// # Errors
/// When there is no OP-TEE, it has no statistics, or the Agent does not open.
pub(crate) fn run(hold_agent: bool, command: &[String]) -> Result<bool, Error> {
    let mut context = Context::new()?;
    let agent = hold_agent.then(|| context.open_session(Uuid::from_bytes(AGENT_UUID))).transpose()?;
    let status = run_command(command);
    let statistics = json!({
        "schema": 1,
        "status": status,
        "core": { "heap": pool(&mut context, CORE_HEAP)?, "ta_memory": pool(&mut context, TA_MEMORY)? },
        "tas": tas(&mut context)?,
    });
    println!("{statistics}");
    drop(agent);
    Ok(status == Some(0))
}

/// Its exit status, 0 if there is nothing to run, none if it did not run or did not end by itself.
pub(crate) fn run_command(command: &[String]) -> Option<i32> {
    let Some((program, arguments)) = command.split_first() else { return Some(0) };
    let mut command = Command::new(program);
    match command.args(arguments).stdin(Stdio::null()).stdout(io::stderr()).status() {
        Ok(status) => status.code(),
        Err(error) => {
            eprintln!("guest-probe: {program}: {error}");
            None
        }
    }
}

fn pool(context: &mut Context, id: u32) -> Result<Value, Error> {
    let mut session = context.open_session(Uuid::from_bytes(STATS_PTA))?;
    let mut buffer = [0; ALLOC_SIZE];
    let which = ParamValue::new(id, 0, ParamType::ValueInput);
    let answer = ParamTmpRef::new_output(&mut buffer);
    let mut operation = Operation::new(0, which, answer, ParamNone, ParamNone);
    session.invoke_command(ALLOC_STATS, &mut operation)?;
    Ok(allocations(&buffer))
}

fn tas(context: &mut Context) -> Result<Vec<Value>, Error> {
    let mut session = context.open_session(Uuid::from_bytes(STATS_PTA))?;
    let mut buffer = vec![0; TA_SIZE.saturating_mul(MAX_TAS)];
    let answer = ParamTmpRef::new_output(&mut buffer);
    let mut operation = Operation::new(0, answer, ParamNone, ParamNone, ParamNone);
    match session.invoke_command(TA_STATS, &mut operation) {
        // How it says that none is loaded.
        Err(error) if error.kind() == ErrorKind::ItemNotFound => return Ok(Vec::new()),
        result => result?,
    }
    let size = operation.parameters().0.updated_size();
    buffer.truncate(size);
    Ok(buffer.chunks_exact(TA_SIZE).map(ta).collect())
}

/// `struct pta_stats_ta`.
fn ta(bytes: &[u8]) -> Value {
    json!({
        "uuid": uuid(bytes),
        "panicked": number(bytes, 16) != 0,
        "sessions": number(bytes, 20),
        "heap": allocations(bytes.get(24..).unwrap_or_default()),
    })
}

/// `struct pta_stats_alloc`.
fn allocations(bytes: &[u8]) -> Value {
    json!({
        "allocated": number(bytes, 40),
        "peak": number(bytes, 44),
        "size": number(bytes, 48),
        "failures": number(bytes, 52),
    })
}

/// The `TEE_UUID` at the start, whose first three fields are in the order of the machine.
fn uuid(bytes: &[u8]) -> Option<String> {
    let &[a, b, c, d, e, f, g, h, ref node @ ..] = bytes.first_chunk::<16>()?;
    let mut octets = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
    octets.get_mut(8..)?.copy_from_slice(node);
    Some(Uuid::from_bytes(octets).to_string())
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.copied().map_or(0, u32::from_le_bytes)
}
