// SPDX-License-Identifier: Apache-2.0
//! Linux client of the demo Trusted Applications: prints what they say.
//!
//! ```text
//! hello-client [--other] [read COMPONENT]
//! ```
//!
//! Says hello, or lets the Trusted Application read a component (for example
//! `TEEP-Device/SecureFS/uuid:1c42796f-7fc4-4536-b751-6a58e6f4540c/greeting`) from the TEEP Agent and prints it.
//! `--other` talks to the one for which the first one's data is not.
//!
//! Exit codes: 0 it answered, 3 it is not installed, 4 there is no such component or it is not for it, 1 anything
//! else went wrong.
#![forbid(unsafe_code)]

#[path = "../../src/protocol.rs"]
mod protocol;

use optee_teec::{Context, ErrorKind, Operation, ParamNone, ParamTmpRef, Session, Uuid};
use std::process::ExitCode;
use teep_proto::suit::{ComponentId, text};

/// Bytes of room for an answer.
const ROOM: usize = 4096;

const FAILED: u8 = 1;
const NOT_INSTALLED: u8 = 3;
const NO_SUCH_DATA: u8 = 4;

const USAGE: &str = "usage: hello-client [--other] [read COMPONENT]";

/// A sentence for the person, and the exit code.
struct Failure(String, u8);

fn main() -> ExitCode {
    match run() {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(Failure(message, code)) => {
            eprintln!("hello-client: {message}");
            ExitCode::from(code)
        }
    }
}

fn run() -> Result<String, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments: &[&str] = &arguments.iter().map(String::as_str).collect::<Vec<_>>();
    let mut uuid = protocol::HELLO_UUID;
    if let Some(rest) = arguments.strip_prefix(&["--other"]) {
        (uuid, arguments) = (protocol::OTHER_UUID, rest);
    }
    let component_id = match arguments {
        [] => None,
        ["read", id] => Some(text::parse(id).map_err(|error| Failure(format!("{id}: {error}"), FAILED))?),
        _ => return Err(Failure(USAGE.to_owned(), FAILED)),
    };

    let mut context = Context::new().map_err(|error| {
        failure("cannot use /dev/tee0: is OP-TEE's driver loaded, and are you root?", &error)
    })?;
    let mut session = open(&mut context, uuid)?;
    let mut room = [0; ROOM];
    let length = match component_id {
        None => hello(&mut session, &mut room)?,
        Some(id) => read(&mut session, &ComponentId::encode(&id), &mut room)?,
    };
    room.get(..length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .map(str::to_owned)
        .ok_or_else(|| Failure("the Trusted Application's answer is not text".to_owned(), FAILED))
}

fn open(context: &mut Context, uuid: &str) -> Result<Session, Failure> {
    let parsed = Uuid::parse_str(uuid).map_err(|error| failure("cannot parse its own UUID", &error))?;
    context.open_session(parsed).map_err(|error| match error.kind() {
        ErrorKind::ItemNotFound => Failure(
            format!("the Trusted Application is not installed; try: teep-broker request-ta {uuid}"),
            NOT_INSTALLED,
        ),
        _ => failure("cannot open a session with the Trusted Application", &error),
    })
}

fn hello(session: &mut Session, room: &mut [u8]) -> Result<usize, Failure> {
    let sentence = ParamTmpRef::new_output(room);
    let mut operation = Operation::new(0, sentence, ParamNone, ParamNone, ParamNone);
    session
        .invoke_command(protocol::HELLO, &mut operation)
        .map_err(|error| failure("the Trusted Application does not say hello", &error))?;
    Ok(operation.parameters().0.updated_size())
}

fn read(session: &mut Session, component_id: &[u8], room: &mut [u8]) -> Result<usize, Failure> {
    let component_id = ParamTmpRef::new_input(component_id);
    let data = ParamTmpRef::new_output(room);
    let mut operation = Operation::new(0, component_id, data, ParamNone, ParamNone);
    session.invoke_command(protocol::READ, &mut operation).map_err(|error| match error.kind() {
        ErrorKind::ItemNotFound => Failure(
            "there is no such component, or it is not for this Trusted Application".to_owned(),
            NO_SUCH_DATA,
        ),
        _ => failure("the Trusted Application cannot read the component", &error),
    })?;
    Ok(operation.parameters().1.updated_size())
}

fn failure(what: &str, error: &optee_teec::Error) -> Failure {
    Failure(format!("{what} (TEE error 0x{:08x})", error.raw_code()), FAILED)
}
