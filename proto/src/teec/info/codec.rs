// SPDX-License-Identifier: Apache-2.0
//! Identifiers and lists of positions are byte strings, so that the largest reply has few enough items for the strict
//! reader.

mod trust;

use super::{
    Abilities, AgentInfo, InstalledComponent, InstalledManifest, Pending, PendingAction, RollbackProtection,
    Room, StillRunning, Stored, TrustInfo,
};
use crate::Error;
use crate::cbor::{Reader, Writer};
use crate::cose::Thumbprint;
use crate::limits::{MAX_COMPONENTS, MAX_DEPENDENCIES, MAX_LIST};
use crate::suit::{ComponentId, Digest};
use crate::teec::MAX_TEXT;
use alloc::borrow::ToOwned;
use alloc::vec::Vec;

/// Trusted Applications that are replaced, and others that are removed.
const MAX_ACTIONS: usize = 2 * MAX_LIST;

const INSTALL: u64 = 0;
const REMOVE: u64 = 1;

impl AgentInfo {
    pub(in crate::teec) fn write(&self, w: &mut Writer) {
        w.array(11).text(&self.version);
        let keys = [&self.public_key, &self.decryption_key, &self.report_key, &self.attestation_key];
        for bytes in keys.into_iter().chain([&self.measurement, &self.tee_measurement]) {
            w.bytes(bytes);
        }
        w.text(&self.suite).uint(self.rollback_protection.number());
        self.platform.write(w);
        match &self.stored {
            Ok(stored) => stored.write(w),
            Err(damage) => {
                w.text(crate::teec::clip(damage));
            }
        }
    }

    pub(in crate::teec) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(11, "Agent information")?;
        Ok(Self {
            version: r.text("a version")?.to_owned(),
            public_key: r.bytes("a COSE_Key")?.to_vec(),
            decryption_key: r.bytes("a COSE_Key")?.to_vec(),
            report_key: r.bytes("a COSE_Key")?.to_vec(),
            attestation_key: r.bytes("a COSE_Key")?.to_vec(),
            measurement: r.bytes("a measurement")?.to_vec(),
            tee_measurement: r.bytes("a measurement")?.to_vec(),
            suite: r.text("an algorithm")?.to_owned(),
            rollback_protection: RollbackProtection::read(r)?,
            platform: Abilities::read(r)?,
            stored: if r.next_is(crate::cbor::Major::Text) {
                Err(r.sized_text(MAX_TEXT, "why storage cannot be read")?.to_owned())
            } else {
                Ok(Stored::read(r)?)
            },
        })
    }
}

impl RollbackProtection {
    fn number(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Rpmb => 1,
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        one_of(r, [Self::None, Self::Rpmb], Self::number, "a rollback protection that is known")
    }
}

impl Abilities {
    fn write(&self, w: &mut Writer) {
        let Self { checks_first, removes, lists, counts_sessions, exclusive } = *self;
        w.array(5).bool(checks_first).bool(removes).bool(lists).bool(counts_sessions).bool(exclusive);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        const WHAT: &str = "true or false";
        r.array_of(5, "the platform's abilities")?;
        Ok(Self {
            checks_first: r.bool(WHAT)?,
            removes: r.bool(WHAT)?,
            lists: r.bool(WHAT)?,
            counts_sessions: r.bool(WHAT)?,
            exclusive: r.bool(WHAT)?,
        })
    }
}

impl Stored {
    fn write(&self, w: &mut Writer) {
        w.array(7);
        self.trust.write(w);
        list(w, &self.components, InstalledComponent::write);
        list(w, &self.manifests, InstalledManifest::write);
        self.pending.write(w);
        for room in [self.component_room, self.manifest_room, self.sequence_number_room] {
            room.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(7, "what is in storage")?;
        let stored = Self {
            trust: TrustInfo::read(r)?,
            components: items(r, MAX_LIST, InstalledComponent::read)?,
            manifests: items(r, MAX_LIST, InstalledManifest::read)?,
            pending: Pending::read(r)?,
            component_room: Room::read(r)?,
            manifest_room: Room::read(r)?,
            sequence_number_room: Room::read(r)?,
        };
        let within = |positions: &[usize], len: usize| positions.iter().all(|position| *position < len);
        let consistent = stored.manifests.iter().all(|manifest| {
            within(&manifest.tams, stored.trust.tams.len())
                && within(&manifest.dependencies, stored.manifests.len())
                && within(&manifest.components, stored.components.len())
        });
        if consistent { Ok(stored) } else { Err(r.error("positions of what is there")) }
    }
}

impl Room {
    fn write(self, w: &mut Writer) {
        w.array(2).uint(self.used).uint(self.limit);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(2, "places [used, limit]")?;
        Ok(Self { used: r.uint("a number of places")?, limit: r.uint("a number of places")? })
    }
}

impl InstalledComponent {
    fn write(&self, w: &mut Writer) {
        w.array(6).bytes(&ComponentId::encode(&self.component_id));
        match &self.uuid {
            Some(uuid) => w.bytes(uuid),
            None => w.null(),
        };
        optional(w, self.version);
        w.uint(self.size);
        match &self.digest {
            Some(digest) => digest.write(w),
            None => {
                w.null();
            }
        }
        optional(w, self.sessions);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(6, "a component [id, UUID, version, size, digest, sessions]")?;
        Ok(Self {
            component_id: named(r)?,
            uuid: if r.optional_null() { None } else { Some(fixed(r, "a UUID")?) },
            version: read_optional(r)?,
            size: r.uint("a size")?,
            digest: if r.optional_null() { None } else { Some(Digest::read(r)?) },
            sessions: read_optional(r)?,
        })
    }
}

impl InstalledManifest {
    fn write(&self, w: &mut Writer) {
        w.array(8).bytes(&ComponentId::encode(&self.manifest_id)).uint(self.sequence_number);
        w.bytes(&self.signer.0).bool(self.signer_trusted);
        positions(w, &self.tams);
        w.uint(self.former_tams);
        positions(w, &self.dependencies);
        positions(w, &self.components);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(8, "an installed manifest")?;
        Ok(Self {
            manifest_id: named(r)?,
            sequence_number: r.uint("a sequence number")?,
            signer: Thumbprint(fixed(r, "a thumbprint")?),
            signer_trusted: r.bool("true or false")?,
            tams: read_positions(r, MAX_LIST)?,
            former_tams: r.uint("a number of TAMs")?,
            dependencies: read_positions(r, MAX_DEPENDENCIES)?,
            components: read_positions(r, MAX_COMPONENTS)?,
        })
    }
}

impl Pending {
    fn write(&self, w: &mut Writer) {
        w.array(3);
        list(w, &self.actions, |action, w| {
            match action {
                PendingAction::Install(uuid) => w.array(2).uint(INSTALL).bytes(uuid),
                PendingAction::Remove(uuid) => w.array(2).uint(REMOVE).bytes(uuid),
            };
        });
        w.uint(self.objects);
        list(w, &self.still_running, |running, w| {
            w.array(2).bytes(&running.uuid).uint(running.sessions.into());
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(3, "pending work [actions, objects, still running]")?;
        let actions = items(r, MAX_ACTIONS, |r| {
            r.array_of(2, "an action [kind, UUID]")?;
            match r.uint("a kind of action")? {
                INSTALL => Ok(PendingAction::Install(fixed(r, "a UUID")?)),
                REMOVE => Ok(PendingAction::Remove(fixed(r, "a UUID")?)),
                _ => Err(r.error("an action that is known")),
            }
        })?;
        let objects = r.uint("a number of objects")?;
        let still_running = items(r, MAX_LIST, |r| {
            r.array_of(2, "a Trusted Application [UUID, sessions]")?;
            Ok(StillRunning { uuid: fixed(r, "a UUID")?, sessions: word(r)? })
        })?;
        Ok(Self { actions, objects, still_running })
    }
}

fn list<T>(w: &mut Writer, items: &[T], write: impl Fn(&T, &mut Writer)) {
    w.array(items.len());
    items.iter().for_each(|item| write(item, w));
}

fn items<'b, T>(
    r: &mut Reader<'b>,
    max: usize,
    read: impl Fn(&mut Reader<'b>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    (0..r.list(0, max, "a list")?).map(|_| read(r)).collect()
}

/// One byte for each; there are never as many as 256 of anything.
fn positions(w: &mut Writer, positions: &[usize]) {
    let bytes: Vec<u8> = positions.iter().filter_map(|position| u8::try_from(*position).ok()).collect();
    w.bytes(&bytes);
}

fn read_positions(r: &mut Reader<'_>, max: usize) -> Result<Vec<usize>, Error> {
    let bytes = r.sized_bytes(0..=max, "positions in a list")?;
    Ok(bytes.iter().copied().map(usize::from).collect())
}

/// The one of `all` with the number that is next.
fn one_of<T: Copy, const N: usize>(
    r: &mut Reader<'_>,
    all: [T; N],
    number: impl Fn(T) -> u64,
    what: &'static str,
) -> Result<T, Error> {
    let found = r.uint(what)?;
    all.into_iter().find(|one| number(*one) == found).ok_or_else(|| r.error(what))
}

fn optional(w: &mut Writer, number: Option<u32>) {
    match number {
        Some(number) => w.uint(number.into()),
        None => w.null(),
    };
}

fn read_optional(r: &mut Reader<'_>) -> Result<Option<u32>, Error> {
    if r.optional_null() { Ok(None) } else { word(r).map(Some) }
}

fn word(r: &mut Reader<'_>) -> Result<u32, Error> {
    let number = r.uint("a number of 32 bits")?;
    u32::try_from(number).map_err(|_| r.error("a number of 32 bits"))
}

fn fixed<const N: usize>(r: &mut Reader<'_>, what: &'static str) -> Result<[u8; N], Error> {
    let bytes = r.sized_bytes(N..=N, what)?;
    bytes.try_into().map_err(|_| r.error(what))
}

/// The elements of an encoded component identifier.
fn identifier(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Error> {
    ComponentId::decode(r.bytes("an encoded component identifier")?).map(|id| id.to_elements())
}

/// The same, of something, which therefore has a name.
fn named(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let id = identifier(r)?;
    if id.is_empty() { Err(r.error("a component identifier with elements")) } else { Ok(id) }
}
