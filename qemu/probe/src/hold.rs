// SPDX-License-Identifier: Apache-2.0
//! A client that holds a session with a Trusted Application while that is replaced or removed.

use crate::stats;
use crate::tally::hex;
use optee_teec::{Context, Error, Operation, ParamNone, ParamTmpRef, Session, Uuid};
use serde_json::{Value, json};

/// The command of the demo TA that says hello: a sentence into an output buffer.
const HELLO: u32 = 0;
/// Bytes a sentence may have.
const ROOM: usize = 256;

/// Says what the TA `uuid` says before `command` runs; after it, in the same session and in a new one; and in another
/// new one when no session from before is left. A TEE error stands for no answer. True if `command` ended well.
///
/// # Errors
/// When there is no session with the TA to begin with.
pub(crate) fn run(uuid: &str, command: &[String]) -> Result<bool, Error> {
    let mut context = Context::new()?;
    let mut session = context.open_session(Uuid::parse_str(uuid)?)?;
    let before = hello(&mut session);
    let status = stats::run_command(command);
    let held = hello(&mut session);
    let new = newly(&mut context, uuid);
    drop(session);
    let last = newly(&mut context, uuid);
    println!(
        "{}",
        json!({ "schema": 1, "status": status, "before": before, "held": held, "new": new, "last": last })
    );
    Ok(status == Some(0))
}

fn newly(context: &mut Context, uuid: &str) -> Value {
    let session = Uuid::parse_str(uuid).and_then(|uuid| context.open_session(uuid));
    session.map_or_else(|error| hex(error.raw_code()).into(), |mut session| hello(&mut session))
}

fn hello(session: &mut Session) -> Value {
    let mut room = [0; ROOM];
    let sentence = ParamTmpRef::new_output(&mut room);
    let mut operation = Operation::new(0, sentence, ParamNone, ParamNone, ParamNone);
    if let Err(error) = session.invoke_command(HELLO, &mut operation) {
        return hex(error.raw_code()).into();
    }
    let length = operation.parameters().0.updated_size();
    String::from_utf8_lossy(room.get(..length).unwrap_or_default()).into()
}
