// SPDX-License-Identifier: Apache-2.0
//! The parameters of a command: checked, and copied between shared memory and the Agent.

mod data;
mod teep;

pub use data::DataCall;
pub use teep::TeepCall;

use alloc::vec::Vec;
use optee_utee::{
    ErrorKind, FromRawParameter, FromRawParameters, ParameterMemref, ParameterMemrefInput,
    ParameterMemrefOutput, ParameterMemrefRead, ParameterValueInout, RawParamTypes, RawParams, Result, raw,
};
use teep_proto::teec::MAX_REPLY;

/// Input buffer, output buffer.
const TEEP: RawParamTypes = raw::TEE_PARAM_TYPE_MEMREF_INPUT | raw::TEE_PARAM_TYPE_MEMREF_OUTPUT << 4;
/// Input buffer, value, output buffer.
const READ_DATA: RawParamTypes = raw::TEE_PARAM_TYPE_MEMREF_INPUT
    | raw::TEE_PARAM_TYPE_VALUE_INOUT << 4
    | raw::TEE_PARAM_TYPE_MEMREF_OUTPUT << 8;

/// The parameters of one command, as [`teep_proto::teec`] defines them. The buffers are in memory that the client,
/// and Linux if it is one, can change at any time.
pub enum Call<'a> {
    /// Of a [`Command`](teep_proto::teec::Command).
    Teep(TeepCall<'a>),
    /// Of [`READ_DATA`](teep_proto::teec::READ_DATA).
    ReadData(DataCall<'a>),
}

impl<'a> FromRawParameters<'a> for Call<'a> {
    /// Checks types and buffers.
    ///
    /// # Errors
    /// `TEE_ERROR_BAD_PARAMETERS` for types that no command has, or an input of some length without a buffer.
    /// `TEE_ERROR_SHORT_BUFFER`, with the size needed, when the reply buffer of a
    /// [`Command`](teep_proto::teec::Command) is shorter than [`MAX_REPLY`].
    ///
    /// # Safety
    /// `types` and `params` must be those of one call by OP-TEE.
    unsafe fn from_raw(types: RawParamTypes, params: &'a mut RawParams) -> Result<Self> {
        let [first, second, third, _] = params;
        match types {
            TEEP => {
                // SAFETY: the types say that it is a memory reference.
                if unsafe { second.memref }.size < MAX_REPLY {
                    second.memref.size = MAX_REPLY;
                    return Err(ErrorKind::ShortBuffer.into());
                }
                // SAFETY: type and parameters are from OP-TEE (this function's precondition), which has also checked
                // that the client may access the memory.
                let reply = unsafe { output(second) }?.ok_or(ErrorKind::BadParameters)?;
                // SAFETY: as above.
                let request = unsafe { input(first) }?;
                Ok(Self::Teep(TeepCall { request, reply }))
            }
            READ_DATA => {
                // SAFETY: as above.
                let (component_id, bytes) = unsafe { (input(first)?, output(third)?) };
                // SAFETY: as above.
                let position =
                    unsafe { ParameterValueInout::from_raw(raw::TEE_PARAM_TYPE_VALUE_INOUT, second) }?;
                Ok(Self::ReadData(DataCall { component_id, position, bytes }))
            }
            _ => Err(ErrorKind::BadParameters.into()),
        }
    }
}

/// The input buffer; None for an empty one, which need not be anywhere.
///
/// # Safety
/// `param` must be an input memory reference from OP-TEE.
unsafe fn input(param: &mut raw::TEE_Param) -> Result<Option<ParameterMemrefInput<'_>>> {
    // SAFETY: this function's precondition.
    if unsafe { param.memref }.size == 0 {
        return Ok(None);
    }
    // SAFETY: this function's precondition.
    unsafe { ParameterMemrefInput::from_raw(raw::TEE_PARAM_TYPE_MEMREF_INPUT, param) }.map(Some)
}

/// The output buffer; None for an empty one, which need not be anywhere.
///
/// # Safety
/// `param` must be an output memory reference from OP-TEE.
unsafe fn output(param: &mut raw::TEE_Param) -> Result<Option<ParameterMemrefOutput<'_>>> {
    // SAFETY: this function's precondition.
    if unsafe { param.memref }.size == 0 {
        return Ok(None);
    }
    // SAFETY: this function's precondition.
    unsafe { ParameterMemrefOutput::from_raw(raw::TEE_PARAM_TYPE_MEMREF_OUTPUT, param) }.map(Some)
}

/// Copies an input of at most `limit` bytes out of shared memory, once.
///
/// # Errors
/// `TEE_ERROR_EXCESS_DATA` when it is longer, `TEE_ERROR_OUT_OF_MEMORY` when there is no room for the copy.
fn copy(input: Option<&ParameterMemrefInput<'_>>, limit: usize) -> Result<Vec<u8>> {
    let Some(input) = input else { return Ok(Vec::new()) };
    let len = input.buffer_len();
    if len > limit {
        return Err(ErrorKind::ExcessData.into());
    }
    let mut copy = room(len)?;
    input.read_at(0, &mut copy)?;
    Ok(copy)
}

/// A buffer of `len` bytes.
///
/// # Errors
/// `TEE_ERROR_OUT_OF_MEMORY`.
fn room(len: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| ErrorKind::OutOfMemory)?;
    buffer.resize(len, 0);
    Ok(buffer)
}

#[cfg(test)]
mod tests;
