// SPDX-License-Identifier: Apache-2.0
//! What a Trusted Application links to read its personalization data from the TEEP Agent.
//!
//! Personalization data is a component of a SUIT manifest, like the Trusted Application itself: a signer made it, a TAM
//! sent it, the Agent checked, perhaps decrypted, and stored it. It is handed to the Trusted Application it is for and
//! to nobody else: OP-TEE tells the Agent the UUID of the caller.
//!
//! ```no_run
//! # fn main() -> optee_utee::Result<()> {
//! # const UUID: [u8; 16] = [0; 16];
//! use teep_personalization::{Error, Personalization};
//!
//! let greeting = [&b"TEEP-Device"[..], b"SecureFS", &UUID, b"greeting"];
//! match Personalization::open()?.read(&greeting, 1024) {
//!     Ok(bytes) => assert!(bytes.len() <= 1024),
//!     Err(Error::NotFound) => {} // not personalized yet
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Data too large for the heap is read in pieces with [`Personalization::read_at`].
#![cfg_attr(not(test), no_std)]
#![cfg_attr(not(test), forbid(unsafe_code))]

extern crate alloc;

mod error;

pub use error::Error;

use alloc::vec::Vec;
use optee_utee::{ErrorKind, ParamIndex, TaSession, TaSessionBuilder, TeeParams, Uuid};
use teep_proto::suit::ComponentId;
use teep_proto::teec::{AGENT_UUID, READ_DATA};

/// A session with the TEEP Agent. The Agent has few of them: keep it no longer than it is needed.
pub struct Personalization {
    agent: TaSession,
}

/// What [`Personalization::read_at`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Bytes that were put into the buffer.
    pub read: usize,
    /// Bytes of the whole component.
    pub size: u32,
}

impl Personalization {
    /// Opens a session with the Agent.
    ///
    /// # Errors
    /// [`Error::NoAgent`], [`Error::Busy`], [`Error::OutOfMemory`], [`Error::Failed`].
    pub fn open() -> Result<Self, Error> {
        TaSessionBuilder::new(Uuid::from_bytes(AGENT_UUID)).build().map(|agent| Self { agent }).map_err(
            |error| match error.kind() {
                ErrorKind::ItemNotFound => Error::NoAgent,
                _ => Error::from_tee(&error),
            },
        )
    }

    /// The whole component with these elements of a SUIT component identifier, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error`]; [`Error::TooLarge`] before memory is spent on it.
    pub fn read<E: AsRef<[u8]>>(&mut self, component_id: &[E], limit: usize) -> Result<Vec<u8>, Error> {
        let size = self.size(component_id)?;
        let len = usize::try_from(size).ok().filter(|len| *len <= limit).ok_or(Error::TooLarge { size })?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| Error::OutOfMemory)?;
        bytes.resize(len, 0);
        // In one call, so that the bytes are those of one version.
        let piece = self.read_at(component_id, 0, &mut bytes)?;
        if piece == (Piece { read: len, size }) { Ok(bytes) } else { Err(Error::Busy) }
    }

    /// Bytes of a component.
    ///
    /// # Errors
    /// [`Error`].
    pub fn size<E: AsRef<[u8]>>(&mut self, component_id: &[E]) -> Result<u32, Error> {
        self.read_at(component_id, 0, &mut []).map(|piece| piece.size)
    }

    /// Fills `buffer` from a component, from byte `offset` on; with fewer bytes than it holds only at the component's
    /// end. One call sees one version of the component; between two calls the Agent may replace it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read_at<E: AsRef<[u8]>>(
        &mut self,
        component_id: &[E],
        offset: u32,
        buffer: &mut [u8],
    ) -> Result<Piece, Error> {
        let component_id = ComponentId::encode(component_id);
        let mut params = TeeParams::new()
            .with_memref_in(ParamIndex::Arg0, &component_id)
            .with_value_inout(ParamIndex::Arg1, offset, 0)
            .with_memref_out(ParamIndex::Arg2, buffer);
        self.agent.invoke_command(READ_DATA, &mut params).map_err(|error| Error::from_tee(&error))?;
        let read = params[ParamIndex::Arg2].written_slice().map_or(0, <[u8]>::len);
        let size = params[ParamIndex::Arg1].output_value().map_or(0, |(size, _)| size);
        Ok(Piece { read, size })
    }
}

#[cfg(test)]
mod tests;
