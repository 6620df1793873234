// SPDX-License-Identifier: Apache-2.0
//! The [`Tee`] of a build that has none.

use teep_broker::{Tee, TeeError, TeeSession};
use teep_proto::teec::Command;

/// No TEE: every session is refused, with the reason.
pub(crate) struct NoTee;

/// There is none.
pub(crate) enum NoSession {}

impl Tee for NoTee {
    type Session<'a> = NoSession;

    fn open_session(&mut self) -> Result<NoSession, TeeError> {
        Err(TeeError::new(
            "this teep-broker was built without OP-TEE, for reading its help: devices need the one that is built with the \
             feature optee, as make does for the image",
        ))
    }
}

impl TeeSession for NoSession {
    fn invoke(&mut self, _: Command, _: &[u8]) -> Result<Vec<u8>, TeeError> {
        match *self {}
    }
}
