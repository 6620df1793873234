// SPDX-License-Identifier: Apache-2.0
use super::{copy, room};
use core::result;
use optee_utee::{
    Error, ErrorKind, ParameterMemref, ParameterMemrefInput, ParameterMemrefOutput, ParameterMemrefWrite,
    ParameterValueInout, ParameterValueRead, ParameterValueWrite, Result,
};
use teep_agent::{DataPiece, EnvError};
use teep_proto::limits::MAX_ENCODED_COMPONENT_ID;
use zeroize::Zeroizing;

/// Bytes that are read from storage at a time. The caller's buffer may be of any size.
const PIECE: usize = 16 * 1024;

/// The parameters of [`READ_DATA`](teep_proto::teec::READ_DATA).
pub struct DataCall<'a> {
    pub(super) component_id: Option<ParameterMemrefInput<'a>>,
    pub(super) position: ParameterValueInout<'a>,
    pub(super) bytes: Option<ParameterMemrefOutput<'a>>,
}

impl DataCall<'_> {
    /// Fills the caller's buffer with what `agent` reads of the component with this encoded identifier, from this
    /// offset on. What is read is one state of the component: no other call comes between.
    ///
    /// # Errors
    /// `TEE_ERROR_EXCESS_DATA` for an identifier longer than any, or a component that a 32-bit number cannot count;
    /// `TEE_ERROR_OUT_OF_MEMORY`; the reasons of `agent`.
    pub fn serve(
        &mut self,
        mut agent: impl FnMut(&[u8], u64, &mut [u8]) -> result::Result<DataPiece, EnvError>,
    ) -> Result<()> {
        let component_id = copy(self.component_id.as_ref(), MAX_ENCODED_COMPONENT_ID)?;
        let mut offset = u64::from(self.position.get_a());
        let space = self.bytes.as_ref().map_or(0, ParameterMemref::buffer_len);
        let mut piece = Zeroizing::new(room(space.min(PIECE))?);
        let mut filled = 0usize;
        loop {
            let wanted = piece.get_mut(..space.saturating_sub(filled).min(PIECE)).unwrap_or_default();
            let DataPiece { read, size } =
                agent(&component_id, offset, wanted).map_err(|error| Error::from_raw_error(error.code))?;
            self.position.set_a(u32::try_from(size).map_err(|_| ErrorKind::ExcessData)?);
            if let Some(bytes) = &mut self.bytes {
                bytes.write_at(filled, wanted.get(..read).unwrap_or_default())?;
            }
            filled = filled.saturating_add(read);
            offset = offset.saturating_add(read as u64);
            if read == 0 || filled >= space {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
