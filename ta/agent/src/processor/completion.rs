// SPDX-License-Identifier: Apache-2.0
//! What must hold of all manifests together: before any payload, and at the end. What does not hold ends the procedure
//! (REQ-SUIT-056).

use super::manifest::{Loaded, Proof, early};
use super::run::{Halt, Run};
use super::{Content, Ended, Failure, Installed, ProcessedComponent, ProcessedManifest, Stop, World};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use teep_proto::suit::{DigestAlgorithm, Reason, Record};

impl<'b, W: World<'b>> Run<'_, 'b, W> {
    /// Checks, before any payload is fetched, that every dependency was verified (REQ-SUIT-042), and that the
    /// manifests together give a digest and a payload for each of their components (REQ-SUIT-106). That they have the
    /// rights was checked when they were taken into the procedure.
    pub(super) fn check_set(&mut self) -> Result<(), Stop> {
        if self.is_set_checked {
            return Ok(());
        }
        let mut needed = Vec::new();
        for manifest in self.manifests.iter().filter(|manifest| !self.is_stored(manifest)) {
            for (_, slot) in manifest.dependencies() {
                if !self.manifests.iter().any(|known| known.slot == Some(slot)) {
                    let id = self.components.get(slot)?.id;
                    let text = format!("a payload is wanted before the dependency {id} was checked");
                    return Err(Stop::Fail(Reason::OperationFailed, text.into()));
                }
            }
            needed.extend(manifest.own_components().map(|(_, slot)| slot));
        }
        for slot in needed {
            let given = || self.manifests.iter().flat_map(|m| &m.given).filter(|given| given.slot == slot);
            let (digest, payload) = (given().any(|given| given.digest), given().any(|given| given.payload));
            let missing = match (digest, payload || self.exists(slot)?) {
                (true, true) => continue,
                (false, _) => "no digest",
                (true, false) => "no payload",
            };
            let text = format!("the manifests give {missing} for {}", self.components.get(slot)?.id);
            return Err(Stop::Fail(Reason::OperationFailed, text.into()));
        }
        self.is_set_checked = true;
        Ok(())
    }

    /// What is to be installed, if every dependency was processed (REQ-SUIT-109) and the manifests say of every
    /// component what it must be (REQ-SUIT-027, REQ-SUIT-108).
    pub(super) fn finish(mut self) -> Result<Installed<'b>, Ended> {
        self.result().map_err(|halt| self.ended(halt))
    }

    fn result(&mut self) -> Result<Installed<'b>, Halt> {
        let mut components: Vec<(usize, ProcessedComponent<'b>)> = Vec::new();
        for position in 0..self.manifests.len() {
            for (index, slot) in self.complete(position)? {
                if !components.iter().any(|(known, _)| *known == slot) {
                    let component = self.processed_component(position, index, slot)?;
                    components.extend(component.map(|component| (slot, component)));
                }
            }
        }
        let mut manifests = Vec::new();
        for loaded in core::mem::take(&mut self.manifests) {
            let id = |(_, slot)| self.components.get(slot).map(|component| component.id);
            let dependencies = loaded.dependencies().map(id).collect::<Result<_, _>>()?;
            let own = loaded.own_components().map(id).collect::<Result<_, _>>()?;
            let Proof::Verified(manifest) = loaded.proof else { return Err(Stop::INTERNAL.into()) };
            manifests.push(ProcessedManifest {
                id: loaded.id,
                envelope: loaded.envelope,
                manifest,
                dependencies,
                components: own,
            });
        }
        let components = components.into_iter().map(|(_, component)| component).collect();
        Ok(Installed { manifests, components, records: core::mem::take(&mut self.records) })
    }

    /// Whether it is a dependency that is installed as it is. All that belongs to it was seen to when it was installed.
    fn is_stored(&self, loaded: &Loaded<'b>) -> bool {
        let slot = loaded.slot.filter(|_| !loaded.path.is_empty());
        let component = slot.and_then(|slot| self.components.get(slot).ok());
        component.is_some_and(|component| component.content == Content::Installed)
    }

    /// Checks that all dependencies of the manifest at `position` took part; gives its own components.
    fn complete(&self, position: usize) -> Result<Vec<(u64, usize)>, Halt> {
        let loaded = self.manifests.get(position).ok_or(Stop::INTERNAL)?;
        for (_, slot) in loaded.dependencies().filter(|_| !self.is_stored(loaded)) {
            if !self.processed.iter().any(|(by, of, _)| (*by, *of) == (position, slot)) {
                let id = self.components.get(slot)?.id;
                let text = format!("{} never processes its dependency {id}", loaded.id);
                return Err(early(Stop::Fail(Reason::OperationFailed, text.into()), &loaded.path));
            }
        }
        Ok(loaded.own_components().collect())
    }

    /// The component in `slot`, as it shall be; `None` if nothing becomes of it.
    fn processed_component(
        &mut self,
        position: usize,
        index: u64,
        slot: usize,
    ) -> Result<Option<ProcessedComponent<'b>>, Halt> {
        let loaded = self.manifests.get(position).ok_or(Stop::INTERNAL)?;
        let component = self.components.get(slot)?;
        let (id, content, confidential) = (component.id, component.content, component.confidential);
        if !component.vouched {
            if content == Content::Installed && self.is_stored(loaded) {
                return Ok(None);
            }
            let record =
                Record { manifest_id: loaded.path.clone(), component_index: index, ..Record::default() };
            let text = format!("the manifests never compare {id} with a digest").into();
            let (reason, records) = (Reason::ConditionFailed, Box::default());
            return Err(Halt::Elsewhere(Failure { reason, record, text, records }));
        }
        let owner = component.written.map_or(position, |(writer, _)| writer);
        let digest = match component.digest {
            Some(digest) => digest,
            None => self.digest(slot, DigestAlgorithm::Sha256)?.ok_or(Stop::INTERNAL)?,
        };
        Ok(Some(ProcessedComponent { id, owner, content, digest, confidential }))
    }
}
