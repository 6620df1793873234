// SPDX-License-Identifier: Apache-2.0
//! What the Agent remembers across restarts: one object, replaced as a whole, so that every change of state
//! is one atomic write.

use crate::component;
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
const FORMAT: u64 = 2;
/// Bytes of the object at most. Bounds what all TAMs together can make the Agent store.
const MAX_STATE: usize = 64 * 1024;
/// Manifests kept, installed and under way: with the Agent itself they fill the tc-list of a QueryResponse.
pub(crate) const MAX_MANIFESTS: usize = MAX_LIST - 1;

/// Everything the Agent has stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Manifests that are installed.
    pub(crate) manifests: Vec<Record>,
    /// Installations under way when this was written, one for each manifest. One found at a start says that it
    /// was interrupted: the platform may or may not have the new image.
    pub(crate) pending: Vec<Pending>,
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
    /// Encoded identifier of its component.
    pub(crate) component_id: Vec<u8>,
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
        env.storage().write(OBJECT, &self.fitting()?)
    }

    /// The encoded state, if there is room for it.
    pub(crate) fn fitting(&self) -> Result<Vec<u8>, EnvError> {
        let bytes = self.encode();
        let new = self.pending.iter().filter(|pending| self.manifest(&pending.manifest_id).is_none()).count();
        if bytes.len() > MAX_STATE || self.manifests.len().saturating_add(new) > MAX_MANIFESTS {
            return Err(EnvError::OUT_OF_MEMORY);
        }
        Ok(bytes)
    }

    /// The installed manifest `manifest_id`.
    pub(crate) fn manifest(&self, manifest_id: &[u8]) -> Option<&Record> {
        self.manifests.iter().find(|record| record.manifest_id == manifest_id)
    }

    /// The installed manifest that owns the component `component_id`.
    pub(crate) fn owner(&self, component_id: &[u8]) -> Option<&Record> {
        self.manifests.iter().find(|record| component::same(&record.component_id, component_id))
    }

    /// Whether a manifest other than `manifest_id` has the component, or was about to install it.
    pub(crate) fn belongs_to_another(&self, component_id: &[u8], manifest_id: &[u8]) -> bool {
        let installed = self.manifests.iter().map(|record| (&record.manifest_id, &record.component_id));
        let pending = self.pending.iter().map(|pending| (&pending.manifest_id, &pending.component_id));
        installed
            .chain(pending)
            .any(|(id, component)| id != manifest_id && component::same(component, component_id))
    }

    /// Digest of the component of `record`; `None` while an interrupted installation leaves it open which it is.
    pub(crate) fn certain_digest(&self, record: &Record) -> Option<Digest> {
        let open = self.pending.iter().any(|pending| pending.manifest_id == record.manifest_id);
        (!open).then_some(record.digest)
    }

    /// The lowest sequence number acceptable for `manifest_id`: that of what is, or may be, installed.
    pub(crate) fn floor(&self, manifest_id: &[u8]) -> Option<u64> {
        let installed = self.manifest(manifest_id).map(|record| record.sequence_number);
        let pending = self.pending.iter().filter(|pending| pending.manifest_id == manifest_id);
        installed.max(pending.map(|pending| pending.sequence_number).max())
    }

    /// Notes that `pending` is about to be installed, in place of an older note on the same manifest.
    pub(crate) fn note(&mut self, pending: Pending) {
        self.settle(&pending.manifest_id);
        self.pending.push(pending);
    }

    /// Forgets the note on `manifest_id`: it is certain again what is installed.
    pub(crate) fn settle(&mut self, manifest_id: &[u8]) {
        self.pending.retain(|pending| pending.manifest_id != manifest_id);
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
                w.bytes(&record.manifest).bytes(&record.component_id);
                record.digest.write(w);
            }
            w.array(self.pending.len());
            for pending in &self.pending {
                w.array(3)
                    .bytes(&pending.manifest_id)
                    .uint(pending.sequence_number)
                    .bytes(&pending.component_id);
            }
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(3, "the state")?;
        if r.uint("a format")? != FORMAT {
            return Err(r.error("state in format 2"));
        }
        let mut manifests = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "manifests")? {
            r.array_of(6, "a manifest record")?;
            manifests.push(Record {
                manifest_id: identifier(&mut r)?,
                sequence_number: r.uint("a sequence number")?,
                signer: thumbprint(&mut r)?,
                manifest: r.bytes("a manifest")?.to_vec(),
                component_id: identifier(&mut r)?,
                digest: Digest::read(&mut r)?,
            });
        }
        let mut pending = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "pending manifests")? {
            r.array_of(3, "a pending manifest")?;
            pending.push(Pending {
                manifest_id: identifier(&mut r)?,
                sequence_number: r.uint("a sequence number")?,
                component_id: identifier(&mut r)?,
            });
        }
        Ok(Self { manifests, pending })
    }
}

fn identifier(r: &mut Reader<'_>) -> Result<Vec<u8>, Error> {
    let bytes = r.bytes("an encoded component identifier")?;
    ComponentId::decode(bytes).map(|id| id.as_bytes().to_vec())
}

fn thumbprint(r: &mut Reader<'_>) -> Result<Thumbprint, Error> {
    let bytes = r.sized_bytes(32..=32, "32 bytes")?;
    bytes.try_into().map(Thumbprint).map_err(|_| r.error("32 bytes"))
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
            digest: Digest::sha256([3; 32]),
        }
    }

    fn pending(name: &str, sequence_number: u64) -> Pending {
        let Record { manifest_id, component_id, .. } = record(name, sequence_number);
        Pending { manifest_id, sequence_number, component_id }
    }

    #[test]
    fn round_trips() {
        let mut state = State::default();
        assert_eq!(State::decode(&state.encode()), Ok(state.clone()));
        state.put(record("a", 1));
        state.put(record("b", 2));
        state.note(pending("a", 3));
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }

    #[test]
    fn floor_counts_what_may_have_been_installed_when_power_failed() {
        let id = record("a", 0).manifest_id;
        let mut state = State::default();
        assert_eq!(state.floor(&id), None);
        state.put(record("a", 4));
        assert_eq!(state.floor(&id), Some(4));
        state.note(pending("a", 5));
        state.note(pending("b", 9));
        assert_eq!(state.floor(&id), Some(5));
        assert_eq!(state.certain_digest(&record("a", 4)), None);
        state.settle(&record("b", 0).manifest_id);
        assert_eq!(state.floor(&id), Some(5), "another manifest's note does not touch this one");
        state.settle(&id);
        assert_eq!(
            (state.floor(&id), state.certain_digest(&record("a", 4))),
            (Some(4), Some(Digest::sha256([3; 32])))
        );
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
