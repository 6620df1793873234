// SPDX-License-Identifier: Apache-2.0
//! What a procedure has put into storage before anything refers to it.
//!
//! A procedure that needs a payload from the network ends there, and is run again from its beginning when the payload is
//! there. What it had staged until then is found again in the order in which it was made.

use crate::env::{Env, EnvError, Storage};
use crate::limits::{MAX_EFFECTS, MAX_PAYLOAD, push_latest};
use crate::processor::Staged;
use crate::store::{Hash, State, objects};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::suit::{Digest, DigestAlgorithm, DigestState};
use teep_proto::teec::FetchData;

/// What one procedure has staged.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    made: Vec<Effect>,
    /// How many of them the present run has come by.
    met: usize,
    /// The payload that is on its way.
    fetching: Option<Fetching>,
    /// Further objects that were written for the procedure.
    others: Vec<u64>,
    /// Digests of objects, which never change: lest a manifest has the same one computed a thousand times.
    measured: Vec<(u64, Digest)>,
}

/// Something staged.
#[derive(Debug)]
struct Effect {
    /// Hash of what made it.
    cause: Hash,
    staged: Staged,
    /// Digest computed on the way.
    digest: Option<Digest>,
}

/// A payload on its way from the network.
#[derive(Debug)]
struct Fetching {
    cause: Hash,
    uri: String,
    staged: Staged,
    limit: u64,
    digest: Option<DigestState>,
    /// Why it will never be there.
    failed: Option<FetchError>,
}

/// Why a payload cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FetchError {
    /// The Broker cannot get it, and says why.
    Unavailable(String),
    /// There is more of it than there may be.
    TooLarge,
    /// The TEE's reason.
    Env(EnvError),
}

impl Effects {
    /// A run begins, from the start.
    pub(crate) fn begin_run(&mut self) {
        self.met = 0;
    }

    /// What `cause` staged in an earlier run, if this run has come the same way.
    ///
    /// Otherwise the device is another one than it was then: what was staged from here on is of no use any more, and is
    /// deleted.
    pub(crate) fn met<E: Env>(&mut self, env: &mut E, state: &mut State, cause: &Hash) -> Option<Staged> {
        match self.made.get(self.met) {
            Some(effect) if effect.cause == *cause => {
                self.met = self.met.saturating_add(1);
                Some(effect.staged)
            }
            _ => {
                let stale = self.made.iter().skip(self.met).map(|effect| effect.staged.object);
                objects::delete_unneeded(env, state, stale);
                self.made.truncate(self.met);
                None
            }
        }
    }

    /// `cause` has staged something in this run.
    ///
    /// # Errors
    /// [`EnvError::OUT_OF_MEMORY`] when it was too much.
    pub(crate) fn made(
        &mut self,
        cause: Hash,
        staged: Staged,
        digest: Option<Digest>,
    ) -> Result<(), EnvError> {
        self.made.push(Effect { cause, staged, digest });
        self.met = self.made.len();
        if self.made.len() > MAX_EFFECTS { Err(EnvError::OUT_OF_MEMORY) } else { Ok(()) }
    }

    /// An object was written that goes when the procedure does, unless the state refers to it then.
    pub(crate) fn wrote(&mut self, object: u64) {
        self.others.push(object);
    }

    /// The digest that was computed when `staged` was made.
    pub(crate) fn digest(&self, staged: Staged) -> Option<Digest> {
        self.made.iter().find(|effect| effect.staged == staged).and_then(|effect| effect.digest)
    }

    /// Digest of `staged`, computed once.
    ///
    /// # Errors
    /// Those of the storage.
    pub(crate) fn measure<E: Env>(
        &mut self,
        env: &mut E,
        staged: Staged,
        algorithm: DigestAlgorithm,
    ) -> Result<Digest, EnvError> {
        let is_it =
            |(object, digest): &&(u64, Digest)| *object == staged.object && digest.algorithm() == algorithm;
        if let Some((_, digest)) = self.measured.iter().find(is_it) {
            return Ok(*digest);
        }
        let digest = objects::digest(env, staged.object, algorithm)?;
        push_latest(&mut self.measured, MAX_EFFECTS.saturating_mul(4), (staged.object, digest));
        Ok(digest)
    }

    /// Waits for the payload at `uri`, by `cause`. Unless it is on its way already it is begun, as an object with a
    /// number from `new_object`.
    ///
    /// # Errors
    /// Why it will not come.
    pub(crate) fn fetch(
        &mut self,
        cause: Hash,
        uri: &str,
        digest: Option<Digest>,
        limit: Option<u64>,
        new_object: impl FnOnce() -> u64,
    ) -> Result<(), FetchError> {
        match &self.fetching {
            Some(fetching) if fetching.cause == cause => return fetching.failed.clone().map_or(Ok(()), Err),
            // The run has come another way than before: that payload is not wanted any more.
            Some(other) => self.others.push(other.staged.object),
            None => {}
        }
        self.fetching = Some(Fetching {
            cause,
            uri: uri.to_owned(),
            staged: Staged { object: new_object(), size: 0 },
            limit: limit.unwrap_or(MAX_PAYLOAD),
            digest: digest.map(|digest| DigestState::new(digest.algorithm())),
            failed: None,
        });
        Ok(())
    }

    /// The payload on its way, and how much of it is here.
    pub(crate) fn fetching(&self) -> Option<(&str, u64)> {
        self.fetching.as_ref().map(|fetching| (fetching.uri.as_str(), fetching.staged.size))
    }

    /// Takes the next bytes of the payload on its way. Says whether it needs no more of them: it is complete, or it
    /// will never be. Bytes from another place than that where the next ones belong are not taken.
    pub(crate) fn receive<E: Env>(&mut self, env: &mut E, data: &FetchData<'_>) -> bool {
        let Some(fetching) = &mut self.fetching else { return true };
        if data.offset != fetching.staged.size {
            return false;
        }
        match fetching.append(env, data.bytes) {
            Err(error) => {
                fetching.failed = Some(error);
                true
            }
            Ok(()) if data.bytes.is_empty() => {
                self.complete();
                true
            }
            Ok(()) => false,
        }
    }

    /// The payload on its way will not come.
    pub(crate) fn give_up(&mut self, error: FetchError) {
        if let Some(fetching) = &mut self.fetching {
            fetching.failed = Some(error);
        }
    }

    fn complete(&mut self) {
        let Some(Fetching { cause, staged, digest, .. }) = self.fetching.take() else { return };
        self.made.push(Effect { cause, staged, digest: digest.map(DigestState::finish) });
    }

    /// Deletes what was staged, except what `state` refers to.
    pub(crate) fn discard<E: Env>(&mut self, env: &mut E, state: &mut State) {
        objects::delete_unneeded(env, state, core::mem::take(self).into_objects());
    }

    /// What was staged.
    pub(crate) fn into_objects(self) -> impl Iterator<Item = u64> {
        let Self { made, fetching, others, .. } = self;
        let fetching = fetching.map(|fetching| fetching.staged.object);
        made.into_iter().map(|effect| effect.staged.object).chain(fetching).chain(others)
    }

    /// Whether nothing was staged.
    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty() && self.fetching.is_none() && self.others.is_empty()
    }
}

impl Fetching {
    fn append<E: Env>(&mut self, env: &mut E, bytes: &[u8]) -> Result<(), FetchError> {
        let size = self.staged.size.saturating_add(bytes.len() as u64);
        if size > self.limit {
            return Err(FetchError::TooLarge);
        }
        // An empty payload is an object too.
        if !bytes.is_empty() || size == 0 {
            let name = objects::name(self.staged.object);
            env.storage().append(&name, self.staged.size, bytes).map_err(FetchError::Env)?;
        }
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.staged.size = size;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
