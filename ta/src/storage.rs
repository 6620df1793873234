// SPDX-License-Identifier: Apache-2.0
//! The Agent's files: persistent objects in the TEE's private storage.

use alloc::vec::Vec;
use optee_utee::{DataFlag, ErrorKind, GenericObject, ObjectStorageConstants, PersistentObject, Result};
use teep_agent::{EnvError, Storage};

/// Bytes of a persistent object's identifier. A longer one would panic the TA.
const MAX_NAME: usize = 64;

/// The TEE's private storage. Only this TA can read it, on this device.
#[derive(Debug, Default)]
pub struct SecureStorage;

impl Storage for SecureStorage {
    fn read(&mut self, name: &str, limit: usize) -> core::result::Result<Option<Vec<u8>>, EnvError> {
        read(name, limit).map_err(env_error)
    }

    /// OP-TEE writes an object whose data is given at its creation to a new file and then, in one step,
    /// puts that in the old one's place: a power cut leaves the old data or the new.
    fn write(&mut self, name: &str, bytes: &[u8]) -> core::result::Result<(), EnvError> {
        write(name, bytes).map_err(env_error)
    }
}

fn read(name: &str, limit: usize) -> Result<Option<Vec<u8>>> {
    let flags = DataFlag::ACCESS_READ;
    let mut object = match PersistentObject::open(ObjectStorageConstants::Private, id(name)?, flags) {
        Ok(object) => object,
        Err(error) if error.kind() == ErrorKind::ItemNotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = object.info()?.data_size();
    if size > limit {
        return Err(ErrorKind::ExcessData.into());
    }
    let bytes = object.read_remaining_to_vec()?;
    if bytes.len() != size {
        return Err(ErrorKind::CorruptObject.into());
    }
    Ok(Some(bytes))
}

fn write(name: &str, bytes: &[u8]) -> Result<()> {
    let flags = DataFlag::ACCESS_WRITE | DataFlag::OVERWRITE;
    PersistentObject::create(ObjectStorageConstants::Private, id(name)?, flags, None, bytes).map(drop)
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
