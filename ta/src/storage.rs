// SPDX-License-Identifier: Apache-2.0
//! The Agent's files: persistent objects in the TEE's private storage.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use optee_utee::{
    DataFlag, ErrorKind, GenericObject, ObjectEnumHandle, ObjectStorageConstants, PersistentObject, Result,
    Whence,
};
use teep_agent::{EnvError, Storage};

/// Bytes of a persistent object's identifier. A longer one would panic the TA.
const MAX_NAME: usize = 64;
/// Corrupt objects that are passed over while names are enumerated. More may be one, met again and again.
const MAX_CORRUPT: usize = 64;

/// The TEE's private storage. Only this TA can read it, on this device.
///
/// Corruption is what Linux can do to it. OP-TEE reports it once, with `TEE_ERROR_CORRUPT_OBJECT`, and deletes the
/// object.
#[derive(Debug, Default)]
pub struct SecureStorage {
    /// The object that was read or written in pieces last. It stays open: OP-TEE reads a record for each 4 KiB of an
    /// object that it opens, one by one, so that opening it for each piece would take longer than all the rest.
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    name: String,
    object: PersistentObject,
}

impl Storage for SecureStorage {
    fn read(&mut self, name: &str, limit: usize) -> core::result::Result<Option<Vec<u8>>, EnvError> {
        self.read_whole(name, limit).map_err(env_error)
    }

    /// OP-TEE writes an object whose data is given at its creation to a new file and then, in one step,
    /// puts that in the old one's place: a power cut leaves the old data or the new.
    fn write(&mut self, name: &str, bytes: &[u8]) -> core::result::Result<(), EnvError> {
        self.close(name);
        create(name, DataFlag::ACCESS_WRITE, bytes).map(drop).map_err(env_error)
    }

    fn size(&mut self, name: &str) -> core::result::Result<Option<u64>, EnvError> {
        self.with_current(name, |object| Ok(object.info()?.data_size() as u64)).map_err(env_error)
    }

    fn read_at(
        &mut self,
        name: &str,
        offset: u64,
        buffer: &mut [u8],
    ) -> core::result::Result<usize, EnvError> {
        self.read_piece(name, offset, buffer).map_err(env_error)
    }

    fn append(&mut self, name: &str, offset: u64, bytes: &[u8]) -> core::result::Result<(), EnvError> {
        self.write_piece(name, offset, bytes).map_err(env_error)
    }

    fn delete(&mut self, name: &str) -> core::result::Result<(), EnvError> {
        self.close(name);
        delete(name).map_err(env_error)
    }

    /// An object that stays open would keep OP-TEE's view of the directory open with it, and with that the files of
    /// Linux's supplicant, which may be another one by the next session.
    fn release(&mut self) {
        self.current = None;
    }

    /// Objects that are corrupt are left out: OP-TEE does not tell their names.
    fn for_each_name(&mut self, visit: &mut dyn FnMut(&str)) -> core::result::Result<(), EnvError> {
        for_each_name(visit).map_err(env_error)
    }
}

impl SecureStorage {
    fn read_whole(&mut self, name: &str, limit: usize) -> Result<Option<Vec<u8>>> {
        self.close(name);
        let Some(mut object) = open(name, DataFlag::ACCESS_READ)? else { return Ok(None) };
        let size = object.info()?.data_size();
        if size > limit {
            return Err(ErrorKind::ExcessData.into());
        }
        let read = object.read_remaining_to_vec();
        let (_, bytes) = close_unless_corrupt(object, read)?;
        if bytes.len() != size {
            return Err(ErrorKind::CorruptObject.into());
        }
        Ok(Some(bytes))
    }

    fn read_piece(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let offset = i32::try_from(offset).map_err(|_| ErrorKind::Overflow)?;
        let read = self.with_current(name, |object| {
            object.seek(offset, Whence::DataSeekSet)?;
            object.read(buffer)
        })?;
        Ok(read.ok_or(ErrorKind::ItemNotFound)? as usize)
    }

    fn write_piece(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        if offset == 0 {
            self.close(name);
            let object = create(name, both(), bytes)?;
            self.current = Some(Current { name: name.to_owned(), object });
            return Ok(());
        }
        let written = self.with_current(name, |object| {
            if object.info()?.data_size() as u64 != offset {
                return Err(ErrorKind::BadState.into());
            }
            object.seek(0, Whence::DataSeekEnd)?;
            object.write(bytes)
        })?;
        Ok(written.ok_or(ErrorKind::BadState)?)
    }

    /// Runs `operation` on the object `name`, if there is one, and keeps it open if that went well.
    fn with_current<T>(
        &mut self,
        name: &str,
        operation: impl FnOnce(&mut PersistentObject) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut object = match self.current.take() {
            Some(current) if current.name == name => current.object,
            other => {
                // Before the next one is opened, for the sake of OP-TEE's memory.
                drop(other);
                match open(name, both())? {
                    Some(object) => object,
                    None => return Ok(None),
                }
            }
        };
        let result = operation(&mut object);
        let (object, result) = close_unless_corrupt(object, result)?;
        self.current = Some(Current { name: name.to_owned(), object });
        Ok(Some(result))
    }

    /// Closes the object `name` if it is open: no object can be open twice.
    fn close(&mut self, name: &str) {
        if self.current.as_ref().is_some_and(|current| current.name == name) {
            self.current = None;
        }
    }
}

/// After an operation that failed the object is closed; unless it turned out to be corrupt: then OP-TEE has closed it,
/// and panics a TA that does it again.
fn close_unless_corrupt<T>(object: PersistentObject, result: Result<T>) -> Result<(PersistentObject, T)> {
    match result {
        Ok(value) => Ok((object, value)),
        Err(error) => {
            if error.kind() == ErrorKind::CorruptObject {
                core::mem::forget(object);
            }
            Err(error)
        }
    }
}

fn delete(name: &str) -> Result<()> {
    match open(name, DataFlag::ACCESS_WRITE_META) {
        Ok(Some(object)) => object.close_and_delete(),
        Ok(None) => Ok(()),
        // What cannot be opened can be replaced. OP-TEE has deleted it already, other TEEs may not.
        Err(error) if error.kind() == ErrorKind::CorruptObject => {
            create(name, DataFlag::ACCESS_WRITE_META, &[])?.close_and_delete()
        }
        Err(error) => Err(error),
    }
}

fn for_each_name(visit: &mut dyn FnMut(&str)) -> Result<()> {
    let mut objects = ObjectEnumHandle::allocate()?;
    let mut id = [0; MAX_NAME];
    let mut corrupt = 0;
    match objects.start(ObjectStorageConstants::Private as u32) {
        Err(error) if error.kind() == ErrorKind::ItemNotFound => return Ok(()),
        started => started?,
    }
    loop {
        match objects.get_next(None, &mut id) {
            // A name that is no text is none of the Agent's.
            Ok(len) => id
                .get(..len as usize)
                .and_then(|id| core::str::from_utf8(id).ok())
                .into_iter()
                .for_each(&mut *visit),
            Err(error) if error.kind() == ErrorKind::ItemNotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::CorruptObject && corrupt < MAX_CORRUPT => {
                corrupt = corrupt.saturating_add(1);
            }
            Err(error) => return Err(error),
        }
    }
}

/// The object `name`, if there is one.
fn open(name: &str, access: DataFlag) -> Result<Option<PersistentObject>> {
    match PersistentObject::open(ObjectStorageConstants::Private, id(name)?, access) {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.kind() == ErrorKind::ItemNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The object `name` with these bytes, in place of one that was there.
fn create(name: &str, access: DataFlag, bytes: &[u8]) -> Result<PersistentObject> {
    let flags = access | DataFlag::OVERWRITE;
    PersistentObject::create(ObjectStorageConstants::Private, id(name)?, flags, None, bytes)
}

fn both() -> DataFlag {
    DataFlag::ACCESS_READ | DataFlag::ACCESS_WRITE
}

fn id(name: &str) -> Result<&[u8]> {
    if name.len() > MAX_NAME {
        return Err(ErrorKind::BadParameters.into());
    }
    Ok(name.as_bytes())
}

fn env_error(error: optee_utee::Error) -> EnvError {
    EnvError { code: error.raw_code() }
}

#[cfg(test)]
mod tests;
