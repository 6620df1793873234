// SPDX-License-Identifier: Apache-2.0
//! The PTA that installs Trusted Applications, as a Linux client sees it.

use crate::tally::hex;
use optee_teec::{ConnectionMethods, Context, Error, Operation, ParamNone, Session, Uuid};
use serde_json::{Map, Value, json};

const INSTALL_PTA: [u8; 16] =
    [0x6e, 0x25, 0x6c, 0xba, 0xfc, 0x4d, 0x49, 0x41, 0xad, 0x09, 0x2c, 0xa1, 0x86, 0x03, 0x42, 0xdd];

/// What a TA is logged in as. No Linux client can be.
const TRUSTED_APP: u32 = 0xf000_0000;

/// The logins that libteec and Linux's driver pass on, and the forged one.
const LOGINS: [(&str, ConnectionMethods); 3] = [
    ("public", ConnectionMethods::LoginPublic),
    ("user", ConnectionMethods::LoginUser),
    ("trusted-app", ConnectionMethods::Unknown(TRUSTED_APP)),
];

/// One past the last command of the patched PTA.
const COMMANDS: u32 = 9;

/// Prints the TEE result of opening a session by each kind of login, and of each command, called without
/// parameters, where the PTA admits a public client. True if no session was to be had.
///
/// # Errors
/// When there is no OP-TEE.
pub(crate) fn run() -> Result<bool, Error> {
    let mut context = Context::new()?;
    let mut logins = Map::new();
    let mut commands = Map::new();
    let mut refused = true;
    for (name, login) in LOGINS {
        let session = context.open_session_with_login(Uuid::from_bytes(INSTALL_PTA), login);
        logins.insert(name.to_owned(), code(&session));
        if let Ok(mut session) = session {
            refused = false;
            for command in 0..=COMMANDS {
                commands.insert(command.to_string(), call(&mut session, command));
            }
        }
    }
    println!("{}", json!({ "schema": 1, "logins": logins, "commands": commands }));
    Ok(refused)
}

fn call(session: &mut Session, command: u32) -> Value {
    let mut operation = Operation::new(0, ParamNone, ParamNone, ParamNone, ParamNone);
    code(&session.invoke_command(command, &mut operation))
}

/// The TEE result as text, as everywhere in the output.
pub(crate) fn code<T>(result: &Result<T, Error>) -> Value {
    hex(result.as_ref().err().map_or(0, Error::raw_code)).into()
}
