// SPDX-License-Identifier: Apache-2.0
//! Linux client of the demo Trusted Application: prints what it says.
//!
//! Exit codes: 0 it answered, 3 it is not installed, 1 anything else went wrong.
#![forbid(unsafe_code)]

#[path = "../../src/protocol.rs"]
mod protocol;

use optee_teec::{Context, ErrorKind, Operation, ParamNone, ParamTmpRef, Uuid};
use std::process::ExitCode;

/// Bytes of room for the sentence.
const ROOM: usize = 256;

const NOT_INSTALLED: u8 = 3;

/// A sentence for the person, and the exit code.
struct Failure(String, u8);

fn main() -> ExitCode {
    match hello() {
        Ok(sentence) => {
            println!("{sentence}");
            ExitCode::SUCCESS
        }
        Err(Failure(message, code)) => {
            eprintln!("hello-client: {message}");
            ExitCode::from(code)
        }
    }
}

fn hello() -> Result<String, Failure> {
    let uuid =
        Uuid::parse_str(protocol::UUID).map_err(|error| failure("cannot parse its own UUID", &error))?;
    let mut context = Context::new().map_err(|error| {
        failure("cannot use /dev/tee0: is OP-TEE's driver loaded, and are you root?", &error)
    })?;
    let mut session = context.open_session(uuid).map_err(|error| match error.kind() {
        ErrorKind::ItemNotFound => {
            let uuid = protocol::UUID;
            Failure(
                format!("the Trusted Application is not installed; try: teep-broker request-ta {uuid}"),
                NOT_INSTALLED,
            )
        }
        _ => failure("cannot open a session with the Trusted Application", &error),
    })?;

    let mut room = [0; ROOM];
    let sentence = ParamTmpRef::new_output(&mut room);
    let mut operation = Operation::new(0, sentence, ParamNone, ParamNone, ParamNone);
    session
        .invoke_command(protocol::HELLO, &mut operation)
        .map_err(|error| failure("the Trusted Application does not say hello", &error))?;
    let length = operation.parameters().0.updated_size();
    room.get(..length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .map(str::to_owned)
        .ok_or_else(|| Failure("the Trusted Application's answer is not text".to_owned(), 1))
}

fn failure(what: &str, error: &optee_teec::Error) -> Failure {
    Failure(format!("{what} (TEE error 0x{:08x})", error.raw_code()), 1)
}
