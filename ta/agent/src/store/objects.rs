// SPDX-License-Identifier: Apache-2.0
//! The objects with the bytes of manifests, data components and images. Each is written once and has a number that no
//! other one ever had.

use super::State;
use crate::env::{Env, EnvError, Storage};
use crate::limits::{MAX_LEFT, PIECE};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use teep_proto::suit::{Digest, DigestAlgorithm, DigestState};

/// Objects that one round of [`sweep`] deletes: bounds the list of names.
const SWEPT_AT_A_TIME: usize = 32;
/// What the name of an object begins with; its number follows.
const PREFIX: &str = "c";

/// Name of the object `number`.
pub(crate) fn name(number: u64) -> String {
    format!("{PREFIX}{number}")
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// `len` bytes of memory, if there are so many.
pub(crate) fn memory(len: usize) -> Result<Vec<u8>, EnvError> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| EnvError::OUT_OF_MEMORY)?;
    bytes.resize(len, 0);
    Ok(bytes)
}

/// All bytes of the object `object`.
///
/// # Errors
/// [`EnvError::OUT_OF_MEMORY`] when they are more than `limit`, or than there is memory; [`EnvError::CORRUPT`] when
/// there is no such object.
pub(crate) fn read<E: Env>(env: &mut E, object: u64, limit: usize) -> Result<Vec<u8>, EnvError> {
    let name = name(object);
    let size = env.storage().size(&name)?.ok_or(EnvError::CORRUPT)?;
    let size = usize::try_from(size).ok().filter(|size| *size <= limit).ok_or(EnvError::OUT_OF_MEMORY)?;
    let mut bytes = memory(size)?;
    if env.storage().read_at(&name, 0, &mut bytes)? != size {
        return Err(EnvError::CORRUPT);
    }
    Ok(bytes)
}

/// Reads the first bytes of the object `object` and returns how many.
///
/// # Errors
/// Those of the storage.
pub(crate) fn read_start<E: Env>(env: &mut E, object: u64, buffer: &mut [u8]) -> Result<usize, EnvError> {
    env.storage().read_at(&name(object), 0, buffer)
}

/// Goes through the bytes of the object `object` in pieces, which `visit` may change where they lie.
///
/// # Errors
/// Those of the storage and of `visit`.
pub(crate) fn for_each_piece<E: Env, F: From<EnvError>>(
    env: &mut E,
    object: u64,
    mut visit: impl FnMut(&mut E, &mut [u8]) -> Result<(), F>,
) -> Result<(), F> {
    let name = name(object);
    let mut buffer = memory(PIECE)?;
    let mut offset = 0u64;
    loop {
        let len = env.storage().read_at(&name, offset, &mut buffer)?;
        let Some(piece) = buffer.get_mut(..len).filter(|piece| !piece.is_empty()) else { return Ok(()) };
        visit(env, piece)?;
        if len < PIECE {
            return Ok(());
        }
        offset = offset.saturating_add(len as u64);
    }
}

/// Digest of the object `object`.
///
/// # Errors
/// Those of the storage.
pub(crate) fn digest<E: Env>(
    env: &mut E,
    object: u64,
    algorithm: DigestAlgorithm,
) -> Result<Digest, EnvError> {
    let mut digest = DigestState::new(algorithm);
    for_each_piece(env, object, |_, piece| {
        digest.update(piece);
        Ok::<(), EnvError>(())
    })?;
    Ok(digest.finish())
}

/// Writes `bytes` as the object `object`, in pieces.
///
/// # Errors
/// Those of the storage.
pub(crate) fn write<E: Env>(env: &mut E, object: u64, bytes: &[u8]) -> Result<(), EnvError> {
    let name = name(object);
    let mut offset = 0u64;
    env.storage().append(&name, 0, bytes.get(..PIECE).unwrap_or(bytes))?;
    for piece in bytes.chunks(PIECE).skip(1) {
        offset = offset.saturating_add(PIECE as u64);
        env.storage().append(&name, offset, piece)?;
    }
    Ok(())
}

/// Deletes those of `objects` that `state` does not refer to. What cannot be deleted now means nothing, and goes later:
/// what the state has no room to remember of it, with the next start.
pub(crate) fn delete_unneeded<E: Env>(
    env: &mut E,
    state: &mut State,
    objects: impl IntoIterator<Item = u64>,
) {
    for object in objects {
        if !state.objects().any(|needed| needed == object)
            && let Err(error) = env.storage().delete(&name(object))
        {
            env.log(format_args!("an object that is no longer needed stays for now: {error}"));
            if state.left.len() < MAX_LEFT {
                state.left.push(object);
            }
        }
    }
}

/// How many objects `state` does not refer to.
///
/// # Errors
/// Those of the storage.
pub(crate) fn count_unneeded<E: Env>(env: &mut E, state: &State) -> Result<u64, EnvError> {
    let mut count = 0u64;
    env.storage().for_each_name(&mut |name| {
        count = count.saturating_add(unneeded(state, name).is_some().into());
    })?;
    Ok(count)
}

/// The number in `name` if it is that of an object and `state` does not refer to it.
fn unneeded(state: &State, name: &str) -> Option<u64> {
    number(name).filter(|number| !state.objects().any(|object| object == *number))
}

/// Deletes every object that `state` does not refer to: what an interruption left. Those with one of the `numbers` that
/// were given out since the start are spared: a session may have staged them.
///
/// # Errors
/// Those of the storage.
pub(crate) fn sweep<E: Env>(env: &mut E, state: &State, numbers: Range<u64>) -> Result<(), EnvError> {
    loop {
        let mut found = Vec::new();
        env.storage().for_each_name(&mut |name| {
            if found.len() < SWEPT_AT_A_TIME {
                found.extend(unneeded(state, name).filter(|number| !numbers.contains(number)));
            }
        })?;
        for object in &found {
            env.storage().delete(&name(*object))?;
        }
        if found.len() < SWEPT_AT_A_TIME {
            return Ok(());
        }
    }
}
