// SPDX-License-Identifier: Apache-2.0
use super::updates::{Manifests, UpdateRecord};
use super::{Action, ComponentRecord, Hash, Journal, ManifestRecord, State, Stored};
use crate::limits::{MAX_FLOORS, MAX_INSTALLED, MAX_MANIFESTS, MAX_UPDATES};
use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::cbor::{Reader, Writer, encode};
use teep_proto::cose::Thumbprint;
use teep_proto::limits::{MAX_COMPONENTS, MAX_DEPENDENCIES, MAX_LIST};
use teep_proto::suit::{ComponentId, Digest};

/// Format of the index; another one is refused rather than guessed at.
const FORMAT: u64 = 5;
const NATIVE: u64 = 0;
const OBJECT: u64 = 1;
const INSTALL: u64 = 0;
const REMOVE: u64 = 1;
/// Installed Trusted Applications replaced, and others removed; manifests and components replaced.
const MAX_ACTIONS: usize = 2 * MAX_INSTALLED;

impl State {
    /// Encodes the index for [`decode`](Self::decode).
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(8).uint(FORMAT).uint(self.next_object).array(self.floors.len().saturating_mul(2));
            for (id, floor) in &self.floors {
                w.bytes(id).uint(*floor);
            }
            w.array(self.manifests.len());
            self.manifests.iter().for_each(|manifest| manifest.write(w));
            w.array(self.components.len());
            self.components.iter().for_each(|component| component.write(w));
            w.array(self.updates.len());
            self.updates.iter().for_each(|update| update.write(w));
            match self.passport {
                Some(object) => w.uint(object),
                None => w.null(),
            };
            match &self.journal {
                None => {
                    w.null();
                }
                Some(journal) => journal.write(w),
            }
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(8, "the state")?;
        if r.uint("a format")? != FORMAT {
            return Err(r.error("state in format 5"));
        }
        let next_object = r.uint("an object number")?;
        let mut floors = Vec::new();
        for _ in 0..r.list(0, MAX_FLOORS.saturating_mul(2), "sequence numbers")? / 2 {
            floors.push((hash(&mut r)?, r.uint("a sequence number")?));
        }
        let mut manifests = Vec::new();
        for _ in 0..r.list(0, MAX_MANIFESTS, "manifests")? {
            manifests.push(ManifestRecord::read(&mut r)?);
        }
        let mut components = Vec::new();
        for _ in 0..r.list(0, MAX_INSTALLED, "components")? {
            components.push(ComponentRecord::read(&mut r)?);
        }
        let mut updates = Vec::new();
        for _ in 0..r.list(0, MAX_UPDATES, "updates")? {
            updates.push(UpdateRecord::read(&mut r)?);
        }
        let passport = if r.optional_null() { None } else { Some(r.uint("an object number")?) };
        let journal = if r.optional_null() { None } else { Some(Journal::read(&mut r)?) };
        Ok(Self { next_object, floors, manifests, components, updates, passport, journal, left: Vec::new() })
    }
}

impl ManifestRecord {
    fn write(&self, w: &mut Writer) {
        w.array(8).bytes(&self.id).uint(self.sequence_number).bytes(&self.signer.0);
        self.digest.write(w);
        w.uint(self.object).array(self.roots.len());
        for root in &self.roots {
            w.bytes(root);
        }
        for ids in [&self.dependencies, &self.components] {
            w.array(ids.len());
            for id in ids {
                w.bytes(id);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(8, "a manifest record")?;
        Ok(Self {
            id: identifier(r)?,
            sequence_number: r.uint("a sequence number")?,
            signer: Thumbprint(hash(r)?),
            digest: Digest::read(r)?,
            object: r.uint("an object number")?,
            roots: list(r, MAX_LIST, hash)?,
            dependencies: list(r, MAX_DEPENDENCIES, identifier)?,
            components: list(r, MAX_COMPONENTS, identifier)?,
        })
    }
}

impl ComponentRecord {
    fn write(&self, w: &mut Writer) {
        w.array(7).bytes(&self.id);
        match &self.digest {
            Some(digest) => digest.write(w),
            None => {
                w.null();
            }
        }
        w.uint(self.size);
        match self.version {
            Some(version) => w.uint(version.into()),
            None => w.null(),
        };
        match &self.content {
            Stored::Native(uuid) => w.uint(NATIVE).bytes(uuid),
            Stored::Object(number) => w.uint(OBJECT).uint(*number),
        };
        w.bool(self.confidential);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(7, "a component record")?;
        Ok(Self {
            id: identifier(r)?,
            digest: if r.optional_null() { None } else { Some(Digest::read(r)?) },
            size: r.uint("a size")?,
            version: if r.optional_null() { None } else { Some(version(r)?) },
            content: match r.uint("a place")? {
                NATIVE => Stored::Native(uuid(r)?),
                OBJECT => Stored::Object(r.uint("an object number")?),
                _ => return Err(r.error("a place that is known")),
            },
            confidential: r.bool("true or false")?,
        })
    }
}

impl UpdateRecord {
    fn write(&self, w: &mut Writer) {
        w.array(4).bytes(&self.tam).bytes(&self.payload).bool(self.complete).bytes(&self.about.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(4, "an update")?;
        let (tam, payload, complete) = (hash(r)?, hash(r)?, r.bool("true or false")?);
        Ok(Self { tam, payload, complete, about: Manifests(hash(r)?) })
    }
}

impl Journal {
    fn write(&self, w: &mut Writer) {
        w.array(3).array(self.replaced.len());
        self.replaced.iter().for_each(|object| {
            w.uint(*object);
        });
        match self.fallback {
            Some(object) => w.uint(object),
            None => w.null(),
        };
        w.array(self.actions.len());
        for action in &self.actions {
            match action {
                Action::Install { uuid, object } => w.array(3).uint(INSTALL).bytes(uuid).uint(*object),
                Action::Remove { uuid } => w.array(2).uint(REMOVE).bytes(uuid),
            };
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(3, "a journal")?;
        let replaced = list(r, MAX_ACTIONS, |r| r.uint("an object number"))?;
        let fallback = if r.optional_null() { None } else { Some(r.uint("an object number")?) };
        let actions = list(r, MAX_ACTIONS, |r| {
            let items = r.array("an action")?;
            Ok(match (r.uint("a kind of action")?, items) {
                (INSTALL, 3) => Action::Install { uuid: uuid(r)?, object: r.uint("an object number")? },
                (REMOVE, 2) => Action::Remove { uuid: uuid(r)? },
                _ => return Err(r.error("an action that is known")),
            })
        })?;
        Ok(Self { actions, fallback, replaced })
    }
}

fn list<'b, T>(
    r: &mut Reader<'b>,
    max: usize,
    read: impl Fn(&mut Reader<'b>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    (0..r.list(0, max, "a list")?).map(|_| read(r)).collect()
}

fn identifier(r: &mut Reader<'_>) -> Result<Vec<u8>, Error> {
    let bytes = r.bytes("an encoded component identifier")?;
    ComponentId::decode(bytes).map(|id| id.as_bytes().to_vec())
}

fn hash(r: &mut Reader<'_>) -> Result<Hash, Error> {
    let bytes = r.sized_bytes(32..=32, "32 bytes")?;
    bytes.try_into().map_err(|_| r.error("32 bytes"))
}

fn version(r: &mut Reader<'_>) -> Result<u32, Error> {
    u32::try_from(r.uint("a version")?).map_err(|_| r.error("a version of 32 bits"))
}

fn uuid(r: &mut Reader<'_>) -> Result<[u8; 16], Error> {
    let bytes = r.sized_bytes(16..=16, "16 bytes")?;
    bytes.try_into().map_err(|_| r.error("16 bytes"))
}
