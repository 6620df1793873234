// SPDX-License-Identifier: Apache-2.0
use crate::env::{Env, EnvError, Storage};
use crate::limits::{MAX_ENVELOPE, MAX_KEPT, MAX_KEPT_BYTES};
use crate::processor::Stop;
use crate::store::objects;
use alloc::vec::Vec;
use core::cell::OnceCell;
use teep_proto::suit::Reason;

/// Memory whose content does not move while a procedure runs, so that all of it can be borrowed.
pub(crate) struct Arena {
    slots: Vec<OnceCell<Slot>>,
}

struct Slot {
    /// The object it was read from.
    object: Option<u64>,
    bytes: Vec<u8>,
}

impl Arena {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { slots: (0..MAX_KEPT).map(|_| OnceCell::new()).collect() }
    }

    /// Keeps `bytes`.
    ///
    /// # Errors
    /// [`EnvError::OUT_OF_MEMORY`] when it is full.
    pub(crate) fn keep(&self, bytes: Vec<u8>) -> Result<&[u8], EnvError> {
        self.put(None, bytes)
    }

    /// The bytes of the object `object`, read once.
    ///
    /// # Errors
    /// Those of the storage; a failed operation when it is larger than [`MAX_ENVELOPE`].
    pub(crate) fn open<E: Env>(&self, env: &mut E, object: u64) -> Result<&[u8], Stop> {
        if let Some(slot) = self.filled().find(|slot| slot.object == Some(object)) {
            return Ok(&slot.bytes);
        }
        let size = env.storage().size(&objects::name(object))?.ok_or(EnvError::CORRUPT)?;
        if size > MAX_ENVELOPE as u64 {
            return Err(Stop::Fail(Reason::OperationFailed, "an envelope of more than 64 KiB".into()));
        }
        let bytes = objects::read(env, object, MAX_ENVELOPE)?;
        Ok(self.put(Some(object), bytes)?)
    }

    fn put(&self, object: Option<u64>, bytes: Vec<u8>) -> Result<&[u8], EnvError> {
        let kept = self.filled().map(|slot| slot.bytes.len()).fold(bytes.len(), usize::saturating_add);
        let free = self.slots.iter().find(|slot| slot.get().is_none()).filter(|_| kept <= MAX_KEPT_BYTES);
        let slot = free.ok_or(EnvError::OUT_OF_MEMORY)?;
        Ok(&slot.get_or_init(|| Slot { object, bytes }).bytes)
    }

    fn filled(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter_map(OnceCell::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn keeps_so_many_and_no_more() {
        let arena = Arena::new();
        for n in 0..MAX_KEPT {
            assert_eq!(arena.keep(vec![n as u8]), Ok(&[n as u8][..]));
        }
        assert_eq!(arena.keep(vec![]), Err(EnvError::OUT_OF_MEMORY));
    }

    #[test]
    fn keeps_so_many_bytes_and_no_more() {
        let arena = Arena::new();
        arena.keep(vec![0; MAX_KEPT_BYTES]).expect("room");
        assert_eq!(arena.keep(vec![0]), Err(EnvError::OUT_OF_MEMORY));
        arena.keep(vec![]).expect("nothing needs no room");
    }
}
