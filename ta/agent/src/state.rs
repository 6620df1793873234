// SPDX-License-Identifier: Apache-2.0
//! What the Agent remembers across restarts: one object, replaced as a whole, so that every change of state
//! is one atomic write.

use crate::env::{Env, EnvError, Storage};
use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::cbor::{Reader, encode};
use teep_proto::cose::Thumbprint;
use teep_proto::limits::MAX_LIST;
use teep_proto::suit::{ComponentId, Digest};

/// Name of the storage object.
const OBJECT: &str = "state";
/// Format of the object; another one is refused rather than guessed at.
const FORMAT: u64 = 1;
/// Bytes of the object at most. Bounds what all TAMs together can make the Agent store.
const MAX_STATE: usize = 64 * 1024;

/// Everything the Agent has stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Manifests that are installed.
    pub(crate) manifests: Vec<Record>,
    /// The manifest whose installation was under way when this was written. Found at a start, it says that
    /// power failed: the platform may or may not have the new image.
    pub(crate) pending: Option<Pending>,
}

/// One installed manifest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Encoded manifest component identifier.
    pub(crate) manifest_id: Vec<u8>,
    /// Its sequence number: the rollback floor (REQ-SUIT-128).
    pub(crate) sequence_number: u64,
    /// Who signed it.
    pub(crate) signer: Thumbprint,
    /// The manifest itself.
    pub(crate) manifest: Vec<u8>,
    /// Encoded identifier of the component it installed.
    pub(crate) component_id: Vec<u8>,
    /// Digest of that component.
    pub(crate) digest: Digest,
}

/// An installation under way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pending {
    /// Encoded manifest component identifier.
    pub(crate) manifest_id: Vec<u8>,
    /// Sequence number of the manifest being installed.
    pub(crate) sequence_number: u64,
}

impl State {
    /// Reads the stored state; an Agent that never stored any has the empty one.
    pub(crate) fn load<E: Env>(env: &mut E) -> Result<Self, EnvError> {
        match env.storage().read(OBJECT, MAX_STATE)? {
            None => Ok(Self::default()),
            Some(bytes) => Self::decode(&bytes).map_err(|_| EnvError::CORRUPT),
        }
    }

    /// Stores this state in place of the old one.
    pub(crate) fn store<E: Env>(&self, env: &mut E) -> Result<(), EnvError> {
        let bytes = self.encode();
        if bytes.len() > MAX_STATE || self.manifests.len() > MAX_LIST {
            return Err(EnvError::OUT_OF_MEMORY);
        }
        env.storage().write(OBJECT, &bytes)
    }

    /// The installed manifest `manifest_id`.
    pub(crate) fn manifest(&self, manifest_id: &[u8]) -> Option<&Record> {
        self.manifests.iter().find(|record| record.manifest_id == manifest_id)
    }

    /// The installed manifest that owns the component `component_id`.
    pub(crate) fn owner(&self, component_id: &[u8]) -> Option<&Record> {
        self.manifests.iter().find(|record| record.component_id == component_id)
    }

    /// The lowest sequence number acceptable for `manifest_id`: that of what is, or may be, installed.
    pub(crate) fn floor(&self, manifest_id: &[u8]) -> Option<u64> {
        let installed = self.manifest(manifest_id).map(|record| record.sequence_number);
        let pending =
            self.pending.as_ref().filter(|p| p.manifest_id == manifest_id).map(|p| p.sequence_number);
        installed.max(pending)
    }

    /// Puts `record` in the place of the one with its identifier, or adds it.
    pub(crate) fn put(&mut self, record: Record) {
        match self.manifests.iter_mut().find(|old| old.manifest_id == record.manifest_id) {
            Some(old) => *old = record,
            None => self.manifests.push(record),
        }
    }

    fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(3).uint(FORMAT).array(self.manifests.len());
            for record in &self.manifests {
                w.array(6).bytes(&record.manifest_id).uint(record.sequence_number).bytes(&record.signer.0);
                w.bytes(&record.manifest).bytes(&record.component_id).bytes(&record.digest.0);
            }
            match &self.pending {
                Some(pending) => w.array(2).bytes(&pending.manifest_id).uint(pending.sequence_number),
                None => w.null(),
            };
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(3, "the state")?;
        if r.uint("a format")? != FORMAT {
            return Err(r.error("state in format 1"));
        }
        let mut manifests = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "manifests")? {
            r.array_of(6, "a manifest record")?;
            manifests.push(Record {
                manifest_id: identifier(&mut r)?,
                sequence_number: r.uint("a sequence number")?,
                signer: Thumbprint(hash(&mut r)?),
                manifest: r.bytes("a manifest")?.to_vec(),
                component_id: identifier(&mut r)?,
                digest: Digest(hash(&mut r)?),
            });
        }
        let mut pending = None;
        if !r.optional_null() {
            r.array_of(2, "a pending manifest")?;
            pending = Some(Pending {
                manifest_id: identifier(&mut r)?,
                sequence_number: r.uint("a sequence number")?,
            });
        }
        Ok(Self { manifests, pending })
    }
}

fn identifier(r: &mut Reader<'_>) -> Result<Vec<u8>, Error> {
    let bytes = r.bytes("an encoded component identifier")?;
    ComponentId::decode(bytes).map(|id| id.as_bytes().to_vec())
}

fn hash(r: &mut Reader<'_>) -> Result<[u8; 32], Error> {
    let bytes = r.sized_bytes(32..=32, "32 bytes")?;
    bytes.try_into().map_err(|_| r.error("32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn record(name: &str, sequence_number: u64) -> Record {
        Record {
            manifest_id: ComponentId::encode(&[name, "suit"]),
            sequence_number,
            signer: Thumbprint([1; 32]),
            manifest: vec![2; 40],
            component_id: ComponentId::encode(&[name, "ta"]),
            digest: Digest([3; 32]),
        }
    }

    #[test]
    fn round_trips() {
        let mut state = State::default();
        assert_eq!(State::decode(&state.encode()), Ok(state.clone()));
        state.put(record("a", 1));
        state.put(record("b", 2));
        state.pending = Some(Pending { manifest_id: record("a", 0).manifest_id, sequence_number: 3 });
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }

    #[test]
    fn floor_counts_what_may_have_been_installed_when_power_failed() {
        let id = record("a", 0).manifest_id;
        let mut state = State::default();
        assert_eq!(state.floor(&id), None);
        state.put(record("a", 4));
        assert_eq!(state.floor(&id), Some(4));
        state.pending = Some(Pending { manifest_id: id.clone(), sequence_number: 5 });
        assert_eq!(state.floor(&id), Some(5));
        assert_eq!(state.floor(&record("b", 0).manifest_id), None);
    }

    #[test]
    fn put_replaces_the_same_manifest() {
        let mut state = State::default();
        state.put(record("a", 1));
        state.put(record("a", 2));
        assert_eq!(state.manifests, vec![record("a", 2)]);
    }

    #[test]
    fn every_truncation_of_the_stored_state_is_refused() {
        let mut state = State::default();
        state.put(record("a", 1));
        let bytes = state.encode();
        for end in 0..bytes.len() {
            State::decode(&bytes[..end]).expect_err("cut short");
        }
    }
}
