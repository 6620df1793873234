// SPDX-License-Identifier: Apache-2.0
use super::copy;
use alloc::vec::Vec;
use optee_utee::{ErrorKind, ParameterMemrefInput, ParameterMemrefOutput, ParameterMemrefWrite, Result};
use teep_proto::teec::Command;

/// The buffers of a [`Command`].
pub struct TeepCall<'a> {
    pub(super) request: Option<ParameterMemrefInput<'a>>,
    pub(super) reply: ParameterMemrefOutput<'a>,
}

impl TeepCall<'_> {
    /// Lets `agent` answer command `id`: copies the request out of shared memory, once, and the reply back.
    ///
    /// # Errors
    /// Before `agent` is asked: `TEE_ERROR_BAD_PARAMETERS` for an unknown command, `TEE_ERROR_EXCESS_DATA`
    /// for a request longer than the command's limit, `TEE_ERROR_OUT_OF_MEMORY` when there is no room for the
    /// copy. After: `TEE_ERROR_SHORT_BUFFER` for a reply that the client's buffer cannot hold; the
    /// Agent's replies are within [`MAX_REPLY`](teep_proto::teec::MAX_REPLY).
    pub fn serve(&mut self, id: u32, agent: impl FnOnce(Command, &[u8]) -> Vec<u8>) -> Result<()> {
        let command = Command::from_id(id).ok_or(ErrorKind::BadParameters)?;
        let request = copy(self.request.as_ref(), command.max_request())?;
        let reply = agent(command, &request);
        self.reply.set_output(reply)
    }
}
