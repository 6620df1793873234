// SPDX-License-Identifier: Apache-2.0
//! The parameters of a command: checked, and copied between shared memory and the Agent.

use alloc::vec::Vec;
use optee_utee::raw::{self, TEE_PARAM_TYPES};
use optee_utee::{
    ErrorKind, FromRawParameter, FromRawParameters, ParameterMemref, ParameterMemrefInput,
    ParameterMemrefOutput, ParameterMemrefRead, ParameterMemrefWrite, RawParamTypes, RawParams, Result,
};
use teep_proto::teec::{Command, MAX_REPLY};

/// The buffers of one command, as [`teep_proto::teec`] defines them. They are in memory that Linux can
/// change at any time.
pub struct Call<'a> {
    /// None stands for an empty request without a buffer.
    request: Option<ParameterMemrefInput<'a>>,
    reply: ParameterMemrefOutput<'a>,
}

impl Call<'_> {
    /// Lets `agent` answer command `id`: copies the request out of shared memory, once, and the reply back.
    ///
    /// # Errors
    /// Before `agent` is asked: `TEE_ERROR_BAD_PARAMETERS` for an unknown command, `TEE_ERROR_EXCESS_DATA`
    /// for a request longer than the command's limit, `TEE_ERROR_OUT_OF_MEMORY` when there is no room for the
    /// copy. After: `TEE_ERROR_SHORT_BUFFER` for a reply that the client's buffer cannot hold; the
    /// Agent's replies are within [`MAX_REPLY`].
    pub fn serve(&mut self, id: u32, agent: impl FnOnce(Command, &[u8]) -> Vec<u8>) -> Result<()> {
        let command = Command::from_id(id).ok_or(ErrorKind::BadParameters)?;
        let request = self.copy_request(command.max_request())?;
        let reply = agent(command, &request);
        self.reply.set_output(reply)
    }

    fn copy_request(&self, limit: usize) -> Result<Vec<u8>> {
        let mut copy = Vec::new();
        let Some(request) = &self.request else { return Ok(copy) };
        let len = request.buffer_len();
        if len > limit {
            return Err(ErrorKind::ExcessData.into());
        }
        copy.try_reserve_exact(len).map_err(|_| ErrorKind::OutOfMemory)?;
        copy.resize(len, 0);
        request.read_at(0, &mut copy)?;
        Ok(copy)
    }
}

impl<'a> FromRawParameters<'a> for Call<'a> {
    /// Checks types and buffers.
    ///
    /// # Errors
    /// `TEE_ERROR_BAD_PARAMETERS` for other types than (memref input, memref output, none, none) or a
    /// request of some length without a buffer. `TEE_ERROR_SHORT_BUFFER`, with the size needed, when the
    /// reply buffer is shorter than [`MAX_REPLY`].
    ///
    /// # Safety
    /// `types` and `params` must be those of one call by OP-TEE.
    unsafe fn from_raw(types: RawParamTypes, params: &'a mut RawParams) -> Result<Self> {
        let expected = TEE_PARAM_TYPES(
            raw::TEE_PARAM_TYPE_MEMREF_INPUT,
            raw::TEE_PARAM_TYPE_MEMREF_OUTPUT,
            raw::TEE_PARAM_TYPE_NONE,
            raw::TEE_PARAM_TYPE_NONE,
        );
        if types != expected {
            return Err(ErrorKind::BadParameters.into());
        }
        let [request, reply, ..] = params;
        // SAFETY: the types say that both are memory references.
        let (input, output) = unsafe { (request.memref, reply.memref) };
        if output.size < MAX_REPLY {
            reply.memref.size = MAX_REPLY;
            return Err(ErrorKind::ShortBuffer.into());
        }
        // SAFETY: type and parameter are a pair from OP-TEE (this function's precondition), which has also
        // checked that the client may access the memory.
        let reply = unsafe { ParameterMemrefOutput::from_raw(raw::TEE_PARAM_TYPE_MEMREF_OUTPUT, reply) }?;
        let request = if input.buffer.is_null() && input.size == 0 {
            None
        } else {
            // SAFETY: as above.
            Some(unsafe { ParameterMemrefInput::from_raw(raw::TEE_PARAM_TYPE_MEMREF_INPUT, request) }?)
        };
        Ok(Self { request, reply })
    }
}

#[cfg(test)]
mod tests;
