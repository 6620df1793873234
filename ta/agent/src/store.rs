// SPDX-License-Identifier: Apache-2.0
//! What the Agent remembers across restarts.
//!
//! One small object, the index, says what is installed, who needs it, and where its bytes are: manifests and data
//! components are objects of their own ([`objects`]). The index is replaced as a whole, so that every change of state is
//! one atomic write. An object that it does not refer to means nothing and is deleted at the next start.

mod codec;
pub(crate) mod objects;
mod updates;

use crate::component;
use crate::env::{Env, EnvError, Storage};
use crate::limits::{
    MAX_FLOORS, MAX_INDEX, MAX_INSTALLED, MAX_MANIFESTS, MAX_UPDATES, TRUST_RESERVE, UPDATE_RECORD,
};
use alloc::vec::Vec;
use teep_proto::cose::Thumbprint;
use teep_proto::limits::MAX_LIST;
use teep_proto::suit::Digest;
pub(crate) use updates::UpdateRecord;

/// Name of the storage object.
const INDEX: &str = "state";
/// SHA-256 of something that is only compared.
pub(crate) type Hash = [u8; 32];

/// SHA-256 of `bytes`.
pub(crate) fn hash(bytes: &[u8]) -> Hash {
    Digest::of(bytes).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// The index.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Number of the next object. It only rises, so that no object is taken for an older one.
    next_object: u64,
    /// Hash of each manifest identifier ever installed, and the lowest sequence number acceptable for it
    /// (REQ-SUIT-128).
    floors: Vec<(Hash, u64)>,
    /// Manifests that are installed.
    pub(crate) manifests: Vec<ManifestRecord>,
    /// Components that are installed.
    pub(crate) components: Vec<ComponentRecord>,
    /// Updates that were carried out, the latest one last (AMB-18).
    updates: Vec<UpdateRecord>,
    /// Object with the Attestation Result that a TAM has handed over.
    pub(crate) passport: Option<u64>,
    /// What the platform is still to do for this state to be true.
    pub(crate) journal: Option<Journal>,
    /// Objects that could not be deleted, and are to be. Stored nowhere: the next start finds them.
    pub(crate) left: Vec<u64>,
}

/// One installed manifest and the links that it has on others (suit.md 9.5).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ManifestRecord {
    /// Encoded manifest component identifier.
    pub(crate) id: Vec<u8>,
    /// suit-manifest-sequence-number.
    pub(crate) sequence_number: u64,
    /// Who signed it.
    pub(crate) signer: Thumbprint,
    /// Digest of the manifest, as in its authentication wrapper.
    pub(crate) digest: Digest,
    /// Its envelope without integrated payloads.
    pub(crate) object: u64,
    /// TAMs that installed it as a root manifest, by the hashes of their URIs (AMB-19).
    pub(crate) roots: Vec<Hash>,
    /// Encoded identifiers of the manifests it needs.
    pub(crate) dependencies: Vec<Vec<u8>>,
    /// Encoded identifiers of its own components.
    pub(crate) components: Vec<Vec<u8>>,
}

/// One installed component.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ComponentRecord {
    /// Encoded component identifier.
    pub(crate) id: Vec<u8>,
    /// Its digest; `None` when the platform left it open which bytes it has.
    pub(crate) digest: Option<Digest>,
    /// Its bytes.
    pub(crate) size: u64,
    /// Version of the Trusted Application, from the image.
    pub(crate) version: Option<u32>,
    /// Where it is.
    pub(crate) content: Stored,
    /// Its content was encrypted on the way here.
    pub(crate) confidential: bool,
}

/// Where a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// With the platform, as the Trusted Application with this UUID.
    Native([u8; 16]),
    /// In the Agent's storage, as the object with this number.
    Object(u64),
}

/// What is still to be done after the index was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journal {
    /// In this order. Each can be done again.
    pub(crate) actions: Vec<Action>,
    /// Object with the index to go back to when the platform, which checks an image only now, refuses it.
    pub(crate) fallback: Option<u64>,
    /// Objects that nobody needs when all is done.
    pub(crate) replaced: Vec<u64>,
}

/// Something the platform is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Install this Trusted Application from an object.
    Install {
        /// Its UUID.
        uuid: [u8; 16],
        /// The object with its image.
        object: u64,
    },
    /// Remove this Trusted Application.
    Remove {
        /// Its UUID.
        uuid: [u8; 16],
    },
}

impl Action {
    /// The Trusted Application it is about.
    pub(crate) fn uuid(&self) -> [u8; 16] {
        match self {
            Self::Install { uuid, .. } | Self::Remove { uuid } => *uuid,
        }
    }
}

/// Numbers of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) manifests: usize,
    pub(crate) components: usize,
    /// Of lowest acceptable sequence numbers.
    pub(crate) floors: usize,
}

/// There is no room for more; the text says of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full(pub(crate) &'static str);

const FULL: Full = Full("the Agent's record of what is installed is full: remove something first");

impl State {
    /// Reads the index; an Agent that never wrote one has the empty one.
    pub(crate) fn load<E: Env>(env: &mut E) -> Result<Self, EnvError> {
        match env.storage().read(INDEX, MAX_INDEX)? {
            None => Ok(Self::default()),
            Some(bytes) => Self::decode(&bytes).map_err(|_| EnvError::CORRUPT),
        }
    }

    /// Writes this index in place of the old one.
    pub(crate) fn store<E: Env>(&self, env: &mut E) -> Result<(), EnvError> {
        env.storage().write(INDEX, &self.encode())
    }

    /// How many places are taken, beside those of the trust store, which are its own.
    pub(crate) fn places_taken(&self) -> Places {
        let trust = component::trust_store();
        let trust_manifest = component::trust_store_manifest();
        let trust_floor = hash(&trust_manifest);
        Places {
            manifests: self.manifests.iter().filter(|manifest| manifest.id != trust_manifest).count(),
            components: self.components.iter().filter(|component| component.id != trust).count(),
            floors: self.floors.iter().filter(|(id, _)| *id != trust_floor).count(),
        }
    }

    /// Whether there is room for all of this in the place of `before`. Places and bytes are kept free for the trust
    /// store, so that nobody can fill the Agent to keep it from being changed.
    ///
    /// # Errors
    /// What there is too much of.
    pub(crate) fn check_room(&self, before: &Self) -> Result<(), Full> {
        let Places { manifests, components, floors } = self.places_taken();
        let rooms = [
            (
                manifests < MAX_MANIFESTS,
                "the Agent keeps 30 manifests beside the trust store's: remove one first",
            ),
            (
                components < MAX_INSTALLED,
                "the Agent keeps 30 components beside its trust store: remove one first",
            ),
            (
                floors < MAX_FLOORS,
                "the Agent remembers the sequence numbers of 255 manifests, installed or removed, and no more",
            ),
            (
                self.manifests.iter().all(|manifest| manifest.roots.len() <= MAX_LIST),
                "a manifest belongs to 32 TAMs already",
            ),
        ];
        if let Some((_, what)) = rooms.into_iter().find(|(fits, _)| !fits) {
            return Err(Full(what));
        }
        self.check_size()?;
        // As if all Updates were remembered already that are: a change of the trust store is one more.
        let free = MAX_UPDATES.saturating_sub(self.updates.len()).saturating_mul(UPDATE_RECORD);
        let bytes = self.encode().len();
        let fits = bytes.saturating_add(free) <= MAX_INDEX.saturating_sub(TRUST_RESERVE)
            || self.trust_object() != before.trust_object()
            || bytes <= before.encode().len();
        if fits { Ok(()) } else { Err(FULL) }
    }

    /// Whether this can be written: not what could not be read again.
    ///
    /// # Errors
    /// That there is too much of it.
    pub(crate) fn check_size(&self) -> Result<(), Full> {
        let bytes = self.encode();
        if bytes.len() > MAX_INDEX || Self::decode(&bytes).is_err() { Err(FULL) } else { Ok(()) }
    }

    /// Whether `stored` is this state as it was written. Since then numbers may have been given out, and what the
    /// platform has lost may have been left open.
    pub(crate) fn may_be(&self, stored: &Self) -> bool {
        let settled = |state: &Self| {
            let mut state = state.clone();
            state.next_object = 0;
            state.components.iter_mut().for_each(|component| component.digest = None);
            state
        };
        settled(self) == settled(stored)
    }

    /// A number that no object has yet.
    pub(crate) fn new_object(&mut self) -> u64 {
        let number = self.next_object;
        self.next_object = number.saturating_add(1);
        number
    }

    /// About as many bytes as it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        let ids = |ids: &[Vec<u8>]| {
            ids.iter()
                .fold(0usize, |sum, id| sum.saturating_add(id.len()).saturating_add(size_of::<Vec<u8>>()))
        };
        let manifests = self.manifests.iter().map(|manifest| {
            size_of::<ManifestRecord>()
                .saturating_add(manifest.id.len())
                .saturating_add(size_of_val(manifest.roots.as_slice()))
                .saturating_add(ids(&manifest.dependencies))
                .saturating_add(ids(&manifest.components))
        });
        let components =
            self.components.iter().map(|one| size_of::<ComponentRecord>().saturating_add(one.id.len()));
        let lists = size_of_val(self.floors.as_slice()).saturating_add(size_of_val(self.updates.as_slice()));
        manifests.chain(components).fold(lists, usize::saturating_add)
    }

    /// The number that the next object gets.
    pub(crate) fn next_object(&self) -> u64 {
        self.next_object
    }

    /// Lets new objects have numbers from `next` on, unless theirs are higher already.
    pub(crate) fn continue_numbers(&mut self, next: u64) {
        self.next_object = self.next_object.max(next);
    }

    /// The objects that this index refers to.
    pub(crate) fn objects(&self) -> impl Iterator<Item = u64> + '_ {
        let manifests = self.manifests.iter().map(|manifest| manifest.object);
        let components = self.components.iter().filter_map(|component| match component.content {
            Stored::Object(object) => Some(object),
            Stored::Native(_) => None,
        });
        let images = self.actions().iter().filter_map(|action| match action {
            Action::Install { object, .. } => Some(*object),
            Action::Remove { .. } => None,
        });
        let journal = self.journal.iter();
        let held = journal.flat_map(|journal| journal.fallback.iter().chain(&journal.replaced).copied());
        manifests.chain(components).chain(self.passport).chain(images).chain(held)
    }

    /// What the platform is still to do.
    pub(crate) fn actions(&self) -> &[Action] {
        self.journal.as_ref().map(|journal| journal.actions.as_slice()).unwrap_or_default()
    }

    /// The installed manifest `id`.
    pub(crate) fn manifest(&self, id: &[u8]) -> Option<&ManifestRecord> {
        self.manifests.iter().find(|manifest| manifest.id == id)
    }

    /// The installed manifest `id`, to be changed.
    pub(crate) fn manifest_mut(&mut self, id: &[u8]) -> Option<&mut ManifestRecord> {
        self.manifests.iter_mut().find(|manifest| manifest.id == id)
    }

    /// Puts `record` in the place of the one with its identifier, or adds it.
    pub(crate) fn put_manifest(&mut self, record: ManifestRecord) {
        match self.manifest_mut(&record.id) {
            Some(old) => *old = record,
            None => self.manifests.push(record),
        }
    }

    /// The installed component `id`, under either of its names.
    pub(crate) fn component(&self, id: &[u8]) -> Option<&ComponentRecord> {
        self.components.iter().find(|component| component::same(&component.id, id))
    }

    /// Puts `record` in the place of the one with its identifier, or adds it.
    pub(crate) fn put_component(&mut self, record: ComponentRecord) {
        let same = |old: &&mut ComponentRecord| component::same(&old.id, &record.id);
        match self.components.iter_mut().find(same) {
            Some(old) => *old = record,
            None => self.components.push(record),
        }
    }

    /// The manifests with a link on the component `id`.
    pub(crate) fn owners<'s>(&'s self, id: &'s [u8]) -> impl Iterator<Item = &'s ManifestRecord> {
        self.manifests.iter().filter(move |manifest| manifest.owns(id))
    }

    /// The manifests with a link on the manifest `id`.
    pub(crate) fn dependents<'s>(&'s self, id: &'s [u8]) -> impl Iterator<Item = &'s ManifestRecord> {
        self.manifests.iter().filter(move |manifest| manifest.depends_on(id))
    }

    /// Whether a TAM or another manifest needs the manifest `id` (rule 1), or the Agent itself.
    pub(crate) fn is_needed(&self, id: &[u8]) -> bool {
        *id == *component::trust_store_manifest()
            || self.manifest(id).is_some_and(|manifest| !manifest.roots.is_empty())
            || self.dependents(id).next().is_some()
    }

    /// The manifests with root links through which the component `id` is needed, directly or by what depends on its
    /// owners.
    pub(crate) fn keeping_alive(&self, id: &[u8]) -> Vec<&ManifestRecord> {
        let mut found: Vec<&ManifestRecord> =
            self.manifests.iter().filter(|manifest| manifest.owns(id)).collect();
        let mut next = 0usize;
        while let Some(manifest) = found.get(next).copied() {
            for dependent in self.manifests.iter().filter(|other| other.depends_on(&manifest.id)) {
                if !found.iter().any(|known| known.id == dependent.id) {
                    found.push(dependent);
                }
            }
            next = next.saturating_add(1);
        }
        found.retain(|manifest| !manifest.roots.is_empty());
        found
    }

    /// Whether the component `id` is installed, and it is certain what it is.
    pub(crate) fn has(&self, id: &[u8]) -> bool {
        self.component(id).is_some_and(|component| self.certain_digest(component).is_some())
    }

    /// Digest of the component; `None` while it is open which bytes the platform has.
    pub(crate) fn certain_digest(&self, component: &ComponentRecord) -> Option<Digest> {
        let open = match component.content {
            Stored::Native(uuid) => self.actions().iter().any(|action| action.uuid() == uuid),
            Stored::Object(_) => false,
        };
        component.digest.filter(|_| !open)
    }

    /// The lowest sequence number acceptable for the manifest `id`.
    pub(crate) fn floor(&self, id: &[u8]) -> Option<u64> {
        let hash = hash(id);
        self.floors.iter().find(|(of, _)| *of == hash).map(|(_, floor)| *floor)
    }

    /// Accepts nothing below `sequence_number` for the manifest `id` from now on, and for ever.
    pub(crate) fn raise_floor(&mut self, id: &[u8], sequence_number: u64) {
        let hash = hash(id);
        match self.floors.iter_mut().find(|(of, _)| *of == hash) {
            Some((_, floor)) => *floor = sequence_number.max(*floor),
            None => self.floors.push((hash, sequence_number)),
        }
    }
}

impl ManifestRecord {
    /// Whether it has a link on the component `id`.
    pub(crate) fn owns(&self, id: &[u8]) -> bool {
        self.components.iter().any(|own| component::same(own, id))
    }

    /// Whether it has a link on the manifest `id`.
    pub(crate) fn depends_on(&self, id: &[u8]) -> bool {
        self.dependencies.iter().any(|dependency| dependency == id)
    }
}

#[cfg(test)]
mod tests;
