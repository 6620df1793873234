// SPDX-License-Identifier: Apache-2.0
//! How Trusted Applications get into OP-TEE and out of it: its TA store in secure storage.
//!
//! An OP-TEE with this project's patches takes an image piece by piece, removes and lists. Any other one installs an
//! image that is handed over as a whole, and does nothing else. Which one it is shows at run time.

use crate::pta;
use alloc::vec::Vec;
use optee_utee::{Error, ErrorKind, ParamIndex, Result, TaSession, TeeParams};
use teep_agent::{Abilities, InstallError, Installer, OpenSessions};

/// The TA store, 6e256cba-fc4d-4941-ad09-2ca1860342dd.
const SECSTOR_TA_MGMT: [u8; 16] =
    [0x6e, 0x25, 0x6c, 0xba, 0xfc, 0x4d, 0x49, 0x41, 0xad, 0x09, 0x2c, 0xa1, 0x86, 0x03, 0x42, 0xdd];

/// Its commands; all but the first are those of the patches.
mod command {
    /// Installs a signed TA. In: the complete image.
    pub(super) const BOOTSTRAP: u32 = 0;
    /// Out: version of the interface, and what it offers.
    pub(super) const GET_ABILITIES: u32 = 1;
    /// Begins an installation. In: the start of the image, with the whole header in it.
    pub(super) const INSTALL_BEGIN: u32 = 2;
    /// Goes on with it. In: the next bytes.
    pub(super) const INSTALL_WRITE: u32 = 3;
    /// Makes the TA visible. Out: usage of the one before.
    pub(super) const INSTALL_COMMIT: u32 = 4;
    /// Removes a TA. In: its UUID, out: its usage.
    pub(super) const REMOVE: u32 = 6;
    /// Out: entries of all installed TAs.
    pub(super) const LIST: u32 = 7;
    /// In: UUID of a TA, out: its usage.
    pub(super) const GET_USAGE: u32 = 8;
}

/// What GET_ABILITIES may say.
mod offer {
    /// INSTALL_BEGIN to INSTALL_ABORT.
    pub(super) const STREAMING: u32 = 1;
    /// REMOVE.
    pub(super) const REMOVE: u32 = 1 << 1;
    /// LIST.
    pub(super) const LIST: u32 = 1 << 2;
    /// GET_USAGE.
    pub(super) const USAGE: u32 = 1 << 3;
    /// No command: only one TA is admitted, which is this one.
    pub(super) const EXCLUSIVE: u32 = 1 << 4;
}

/// The version of the interface that is known here. Another one is used like an OP-TEE without patches.
const INTERFACE: u32 = 1;
/// Bytes an image's start is collected to before the store gets it: more than the longest header, and one block of
/// secure storage.
const START: u64 = 4096;
/// Bytes of an entry of LIST: UUID, version, size.
const ENTRY: usize = 24;
/// Entries LIST is given room for at first and at most.
const ENTRIES: core::ops::RangeInclusive<usize> = 32..=4096;

/// Installs Trusted Applications into OP-TEE's TA store in secure storage, and removes them from it.
#[derive(Debug, Default)]
pub struct PtaInstaller {
    /// Bits of [`offer`], when the store has been asked.
    offers: Option<u32>,
}

/// An image on its way to the TA store. It holds the session in which the store receives it; the end of the session
/// drops what has not been committed.
pub struct Image {
    store: TaSession,
    /// Bytes of the image.
    size: u64,
    /// Bytes of it that were written.
    written: u64,
    transfer: Transfer,
}

enum Transfer {
    /// The first bytes are collected until INSTALL_BEGIN can have them.
    Start(Vec<u8>),
    /// The store has got what was written.
    Stream,
    /// The whole image is collected, for BOOTSTRAP. The room for it is there.
    Whole(Vec<u8>),
}

impl Installer for PtaInstaller {
    type Image = Image;

    fn abilities(&mut self) -> core::result::Result<Abilities, InstallError> {
        let offers = self.offers().map_err(failed)?;
        Ok(Abilities {
            checks_first: offers & offer::STREAMING != 0,
            removes: offers & offer::REMOVE != 0,
            lists: offers & offer::LIST != 0,
            counts_sessions: offers & offer::USAGE != 0,
            exclusive: offers & offer::EXCLUSIVE != 0,
        })
    }

    fn begin(&mut self, size: u64) -> core::result::Result<Image, InstallError> {
        let streams = self.offers().map_err(failed)? & offer::STREAMING != 0;
        Image::begin(size, streams).map_err(install_error)
    }

    fn write(&mut self, image: &mut Image, bytes: &[u8]) -> core::result::Result<(), InstallError> {
        image.write(bytes).map_err(install_error)
    }

    fn commit(&mut self, image: Image) -> core::result::Result<OpenSessions, InstallError> {
        image.commit().map_err(install_error)
    }

    fn remove(&mut self, uuid: [u8; 16]) -> core::result::Result<OpenSessions, InstallError> {
        if self.offers().map_err(failed)? & offer::REMOVE == 0 {
            return Err(InstallError::Unsupported);
        }
        match ask_usage(command::REMOVE, &uuid) {
            // It was removed, and what may run of it still runs on.
            Err(error) if error.kind() == ErrorKind::ItemNotFound => self.open_sessions(uuid),
            removed => removed.map_err(failed),
        }
    }

    fn is_installed(&mut self, uuid: [u8; 16]) -> core::result::Result<Option<bool>, InstallError> {
        if self.offers().map_err(failed)? & offer::LIST == 0 {
            return Ok(None);
        }
        list()
            .map(|entries| Some(entries.chunks(ENTRY).any(|entry| entry.starts_with(&uuid))))
            .map_err(failed)
    }

    fn open_sessions(&mut self, uuid: [u8; 16]) -> core::result::Result<OpenSessions, InstallError> {
        if self.offers().map_err(failed)? & offer::USAGE == 0 {
            return Ok(None);
        }
        ask_usage(command::GET_USAGE, &uuid).map_err(failed)
    }
}

impl PtaInstaller {
    /// What the store offers beside BOOTSTRAP: bits of [`offer`].
    fn offers(&mut self) -> Result<u32> {
        if let Some(offers) = self.offers {
            return Ok(offers);
        }
        let mut params = TeeParams::new().with_value_out(ParamIndex::Arg0, 0, 0);
        let asked = pta::open(SECSTOR_TA_MGMT)
            .and_then(|mut session| session.invoke_command(command::GET_ABILITIES, &mut params));
        let offers = match asked {
            Ok(()) => match params[ParamIndex::Arg0].output_value() {
                Some((INTERFACE, offers)) => offers,
                _ => 0,
            },
            // What an OP-TEE without the patches says to any command but BOOTSTRAP, and one without the pseudo-TA.
            Err(error) if matches!(error.kind(), ErrorKind::NotImplemented | ErrorKind::ItemNotFound) => 0,
            Err(error) => return Err(error),
        };
        self.offers = Some(offers);
        Ok(offers)
    }
}

impl Image {
    fn begin(size: u64, streams: bool) -> Result<Self> {
        let collected = if streams { START.min(size) } else { size };
        let bytes = usize::try_from(collected).ok().and_then(with_room).ok_or(ErrorKind::OutOfMemory)?;
        let transfer = if streams { Transfer::Start(bytes) } else { Transfer::Whole(bytes) };
        Ok(Self { store: pta::open(SECSTOR_TA_MGMT)?, size, written: 0, transfer })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.written.checked_add(bytes.len() as u64).filter(|written| *written <= self.size);
        self.written = written.ok_or(ErrorKind::ExcessData)?;
        match &mut self.transfer {
            Transfer::Whole(whole) => whole.extend_from_slice(bytes),
            Transfer::Start(start) => {
                // As much as there is room for: it is exactly what INSTALL_BEGIN is to have.
                let missing = START.min(self.size).saturating_sub(start.len() as u64);
                let (first, rest) = split(bytes, missing);
                start.extend_from_slice(first);
                if (first.len() as u64) < missing {
                    return Ok(());
                }
                let start = core::mem::take(start);
                self.transfer = Transfer::Stream;
                self.send(command::INSTALL_BEGIN, &start)?;
                if !rest.is_empty() {
                    self.send(command::INSTALL_WRITE, rest)?;
                }
            }
            Transfer::Stream => self.send(command::INSTALL_WRITE, bytes)?,
        }
        Ok(())
    }

    fn commit(mut self) -> Result<OpenSessions> {
        match core::mem::replace(&mut self.transfer, Transfer::Stream) {
            Transfer::Whole(whole) => self.send(command::BOOTSTRAP, &whole).map(|()| None),
            Transfer::Stream => {
                let mut params = TeeParams::new().with_value_out(ParamIndex::Arg0, 0, 0);
                self.store.invoke_command(command::INSTALL_COMMIT, &mut params)?;
                Ok(in_use(&params, ParamIndex::Arg0))
            }
            // As the store says it of an image that is not complete.
            Transfer::Start(_) => Err(ErrorKind::Security.into()),
        }
    }

    fn send(&mut self, command: u32, bytes: &[u8]) -> Result<()> {
        self.store.invoke_command(command, &mut TeeParams::new().with_memref_in(ParamIndex::Arg0, bytes))
    }
}

/// Gives a command that is about one TA and that answers with its usage.
fn ask_usage(command: u32, uuid: &[u8; 16]) -> Result<OpenSessions> {
    let mut params =
        TeeParams::new().with_memref_in(ParamIndex::Arg0, uuid).with_value_out(ParamIndex::Arg1, 0, 0);
    pta::open(SECSTOR_TA_MGMT)?.invoke_command(command, &mut params)?;
    Ok(in_use(&params, ParamIndex::Arg1))
}

/// Entries of all installed TAs.
fn list() -> Result<Vec<u8>> {
    let mut store = pta::open(SECSTOR_TA_MGMT)?;
    let mut room = *ENTRIES.start();
    loop {
        let bytes = room.saturating_mul(ENTRY);
        let mut entries = with_room(bytes).ok_or(ErrorKind::OutOfMemory)?;
        entries.resize(bytes, 0);
        let mut params = TeeParams::new().with_memref_out(ParamIndex::Arg0, &mut entries);
        match store.invoke_command(command::LIST, &mut params) {
            Ok(()) => {
                let written = params[ParamIndex::Arg0].written_slice().map_or(0, <[u8]>::len);
                entries.truncate(written);
                return Ok(entries);
            }
            Err(error) if error.kind() == ErrorKind::ShortBuffer && room < *ENTRIES.end() => {
                room = room.saturating_mul(2);
            }
            Err(error) => return Err(error),
        }
    }
}

/// How many sessions a TA has, as the store says in a usage. An instance that OP-TEE keeps alive without a session, and
/// that the next session would be in, counts as one.
fn in_use(params: &TeeParams<'_>, usage: ParamIndex) -> OpenSessions {
    params[usage].output_value().map(|(sessions, instances)| sessions.max(instances))
}

fn with_room(bytes: usize) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).ok().map(|()| buffer)
}

/// The first `len` of `bytes`, or fewer if there are not so many, and the rest.
fn split(bytes: &[u8], len: u64) -> (&[u8], &[u8]) {
    usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len)).unwrap_or((bytes, &[]))
}

/// What went wrong with an image.
fn install_error(error: Error) -> InstallError {
    match error.kind() {
        ErrorKind::Security => InstallError::Refused,
        ErrorKind::AccessConflict => InstallError::OlderVersion,
        _ => failed(error),
    }
}

/// What went wrong, whatever it was about.
fn failed(error: Error) -> InstallError {
    match error.kind() {
        ErrorKind::OutOfMemory | ErrorKind::StorageNoSpace => InstallError::OutOfMemory,
        _ => InstallError::Failed(error.raw_code()),
    }
}

#[cfg(test)]
mod tests;
