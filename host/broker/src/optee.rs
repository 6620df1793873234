// SPDX-License-Identifier: Apache-2.0
//! The [`Tee`] on OP-TEE, through libteec.

use crate::{Tee, TeeError, TeeSession};
use optee_teec::{Context, Error, ErrorKind, Operation, ParamNone, ParamTmpRef, Session, Uuid};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use teep_proto::teec::{AGENT_UUID, Command, MAX_REPLY};

/// How long OP-TEE may take to load the Agent and open a session.
///
/// Without tee-supplicant the kernel waits for one, for ever and inside a system call.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// The TEEP Agent in OP-TEE.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpteeTee;

/// An open session with the Agent.
pub struct OpteeSession {
    session: Session,
    reply: Vec<u8>,
}

impl Tee for OpteeTee {
    type Session<'a> = OpteeSession;

    fn open_session(&mut self) -> Result<OpteeSession, TeeError> {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(open()));
        let session = receiver.recv_timeout(OPEN_TIMEOUT).map_err(|_| {
            TeeError::new(format!(
                "OP-TEE does not answer within {} s: is tee-supplicant running? Start it and try again",
                OPEN_TIMEOUT.as_secs()
            ))
        })??;
        Ok(OpteeSession { session, reply: vec![0; MAX_REPLY] })
    }
}

impl TeeSession for OpteeSession {
    fn invoke(&mut self, command: Command, request: &[u8]) -> Result<Vec<u8>, TeeError> {
        // libteec maps some bytes even of an empty reference: they must be there.
        let nothing = [0; 8];
        let request = if request.is_empty() { nothing.get(..0).unwrap_or_default() } else { request };
        let p0 = ParamTmpRef::new_input(request);
        let p1 = ParamTmpRef::new_output(&mut self.reply);
        let mut operation = Operation::new(0, p0, p1, ParamNone, ParamNone);
        self.session
            .invoke_command(command.id(), &mut operation)
            .map_err(|error| TeeError::from_invoke(error.raw_code()))?;
        let length = operation.parameters().1.updated_size();
        self.reply.get(..length).map(<[u8]>::to_vec).ok_or_else(|| {
            TeeError::new("OP-TEE returned more bytes than there was room for: update libteec")
        })
    }
}

fn open() -> Result<Session, TeeError> {
    let mut context = Context::new().map_err(|error| no_context(&error))?;
    context.open_session(Uuid::from_bytes(AGENT_UUID)).map_err(|error| TeeError::from_open(error.raw_code()))
}

/// libteec says "not found" both when there is no device and when it may not be opened.
fn no_context(error: &Error) -> TeeError {
    let device = Path::new("/dev/tee0");
    TeeError::new(match error.kind() {
        ErrorKind::ItemNotFound if device.exists() => {
            "cannot open /dev/tee0: run as root or as a member of the group that owns it".to_owned()
        }
        ErrorKind::ItemNotFound => {
            "there is no /dev/tee0: this machine has no OP-TEE, or Linux has not loaded its driver (modules tee \
             and optee)"
                .to_owned()
        }
        _ => format!("libteec cannot be used (TEE error 0x{:08x})", error.raw_code()),
    })
}
