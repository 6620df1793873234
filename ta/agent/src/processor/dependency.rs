// SPDX-License-Identifier: Apache-2.0
//! Dependencies: how they are checked, taken into the procedure, run and given up.

use super::manifest::{Loaded, Proof, UPDATE, early};
use super::run::{Halt, Outcome, Procedure, Run};
use super::{Content, Stop, World};
use alloc::format;
use alloc::vec::Vec;
use teep_proto::cose::Verified;
use teep_proto::limits::{MAX_DEPENDENCY_DEPTH, MAX_PROCEDURE_MANIFESTS};
use teep_proto::suit::labels::manifest as section_label;
use teep_proto::suit::{ComponentId, Digest, Envelope, Manifest, Parameter, Reason};

impl<'b, W: World<'b>> Run<'_, 'b, W> {
    /// Checks digest and signature of the current dependency and takes it into the procedure (REQ-SUIT-045).
    pub(super) fn dependency_integrity(&mut self) -> Result<(), Halt> {
        let (index, slot) = self.current()?;
        if !self.is_dependency(index)? {
            let text = "dependency-integrity of what is no dependency";
            return Err(Stop::fail(Reason::OperationFailed, text).into());
        }
        match self.procedure {
            Procedure::Update => self.check_integrity(index, slot),
            Procedure::Uninstall => Ok(self.check_stored(slot)?),
        }
    }

    /// Runs the current dependency's shared sequence and its section of the same name (REQ-SUIT-043). What it does to
    /// parameters lasts, and what stops it stops the procedure (REQ-SUIT-113).
    pub(super) fn process_dependency(&mut self) -> Result<Outcome, Halt> {
        let (index, slot) = self.current()?;
        if !self.is_dependency(index)? {
            let text = "process-dependency of what is no dependency";
            return Err(Stop::fail(Reason::OperationFailed, text).into());
        }
        if self.procedure == Procedure::Uninstall {
            self.check_stored(slot)?;
            return self.unlink_dependency(index, slot);
        }
        let (dependent, section) = (self.context()?.manifest, self.context()?.section);
        if !self.checked.iter().any(|(by, of, _)| (*by, *of) == (dependent, slot)) {
            if self.policy.strict_dependencies {
                let text = "process-dependency without dependency-integrity before it";
                return Err(Stop::fail(Reason::OperationFailed, text).into());
            }
            // AMB-SUIT-03.
            self.check_integrity(index, slot)?;
        }
        let position = self.manifests.iter().position(|manifest| manifest.slot == Some(slot));
        let position = position.ok_or(Stop::INTERNAL)?;
        let processed = (dependent, slot, section);
        if !self.processed.contains(&processed) {
            self.processed.push(processed);
        }
        self.enter(position, self.path_of(index)?, section)?;
        Ok(Outcome::Entered)
    }

    /// Takes away the link of the manifest being run on a dependency, and runs the section suit-uninstall of that if it
    /// was the last one (suit.md 9.5 rules 3 to 5, REQ-SUIT-112).
    pub(super) fn unlink_dependency(&mut self, index: u64, slot: usize) -> Result<Outcome, Halt> {
        let (manifest_id, id) = (self.manifest()?.id, self.components.get(slot)?.id);
        let Some(stored) = self.world.unlink_dependency(&manifest_id, &id)? else {
            return Ok(Outcome::Done);
        };
        let path = self.path_of(index)?;
        self.check_bounds(slot, &path)?;
        let position = self.load_stored(id, Envelope::decode(stored)?, path.clone())?;
        self.enter(position, path, self.context()?.section)?;
        Ok(Outcome::Entered)
    }

    /// Takes the root manifest of an Update into the procedure.
    pub(super) fn load_root(
        &mut self,
        envelope: &Envelope<'b>,
        verified: &Verified<Manifest<'b>>,
    ) -> Result<(), Halt> {
        let manifest = verified.get();
        let first = manifest.components.first().filter(|_| self.policy.unnamed_manifests).copied();
        let id = match (manifest.component_id, first) {
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => {
                let text = "a manifest without manifest-component-id, which could never be removed";
                return Err(Stop::fail(Reason::ComponentUnsupported, text).into());
            }
        };
        self.load(id, envelope.clone(), verified.clone(), Vec::new())?;
        self.check_replaceable(&envelope.claimed_digest()).map_err(|stop| early(stop, &[]))
    }

    /// Refuses another version of the root manifest while manifests that do not take part depend on the installed one
    /// (suit.md 9.5 rule 8).
    fn check_replaceable(&mut self, digest: &Digest) -> Result<(), Stop> {
        match self.manifests.first().and_then(|root| root.slot) {
            Some(slot) if self.exists(slot)? && !self.has_digest(slot, digest)? => {
                self.check_overwritable(slot)
            }
            _ => Ok(()),
        }
    }

    /// Takes a stored manifest into an Uninstall, without asking who signed it (suit.md 9.5 rule 6); gives its
    /// position.
    pub(super) fn load_stored(
        &mut self,
        id: ComponentId<'b>,
        envelope: Envelope<'b>,
        path: Vec<u64>,
    ) -> Result<usize, Halt> {
        let claimed = envelope.claimed_digest();
        if envelope.manifest_digest(claimed.algorithm()) != claimed {
            return Err(Stop::Env(crate::env::EnvError::CORRUPT).into());
        }
        let proof = Proof::Stored(envelope.inspect()?);
        let mut loaded = Loaded::new(id, envelope, proof, path, &mut self.components, self.procedure)?;
        loaded.check_support()?;
        self.manifests.push(loaded);
        Ok(self.manifests.len().saturating_sub(1))
    }

    /// Digest first, then signature; then the manifest is taken into the procedure if it is not there yet.
    fn check_integrity(&mut self, index: u64, slot: usize) -> Result<(), Halt> {
        let text = "dependency-integrity without a digest to compare with";
        let digest = self.components.get(slot)?.values.digest;
        let digest = digest.ok_or(Stop::fail(Reason::ConditionFailed, text))?;
        let dependent = self.context()?.manifest;
        if self.checked.contains(&(dependent, slot, digest)) {
            return Ok(());
        }
        let id = self.components.get(slot)?.id;
        if !self.exists(slot)? {
            let text = format!("the dependency {id} is neither installed nor was it fetched");
            return Err(Stop::Fail(Reason::OperationFailed, text.into()).into());
        }
        let envelope = Envelope::decode(self.opened(slot)?)?;
        let found = envelope.manifest_digest(digest.algorithm());
        if found != digest {
            self.found.push(Parameter::ImageDigest(found));
            let text = format!("the dependency {id} does not have the digest in the manifest");
            return Err(Stop::Fail(Reason::ConditionFailed, text.into()).into());
        }
        let verified = self.world.verify(&envelope)?;
        self.check_bounds(slot, &self.path_of(index)?)?;
        match self.manifests.iter().find(|manifest| manifest.slot == Some(slot)) {
            Some(known) if known.envelope.manifest_bytes() != envelope.manifest_bytes() => {
                let text = format!("the dependency {id} changed after it was taken into the procedure");
                return Err(Stop::Fail(Reason::OperationFailed, text.into()).into());
            }
            Some(_) => {}
            None => self.load(id, envelope, verified, self.path_of(index)?)?,
        }
        self.checked.push((dependent, slot, digest));
        Ok(())
    }

    /// At uninstall the digest from installation counts, unless the manifest gives one again (suit.md 9.5 rule 5). A
    /// dependency that is gone is no obstacle (rule 9).
    fn check_stored(&mut self, slot: usize) -> Result<(), Stop> {
        let component = self.components.get(slot)?;
        let (id, digest) = (component.id, component.values.digest);
        let Some(digest) = digest else { return Ok(()) };
        if !self.exists(slot)? || self.has_digest(slot, &digest)? {
            return Ok(());
        }
        let text = format!("the dependency {id} does not have the digest in the manifest");
        Err(Stop::Fail(Reason::ConditionFailed, text.into()))
    }

    /// Takes a verified manifest into the procedure, if all holds that must hold before anything of it is run.
    fn load(
        &mut self,
        id: ComponentId<'b>,
        envelope: Envelope<'b>,
        verified: Verified<Manifest<'b>>,
        path: Vec<u64>,
    ) -> Result<(), Halt> {
        // A dependency goes by the name its dependent gives it (REQ-SUIT-055). With another one of its own it would be
        // stored, and its sequence number kept, in the place of a manifest that it is not.
        let own_id = verified.get().component_id;
        if let Some(own_id) = own_id.filter(|own| *own != id) {
            let text = format!("the dependency {id} calls itself {own_id}");
            return Err(early(Stop::Fail(Reason::ComponentUnauthorised, text.into()), &path));
        }
        if own_id.is_none() {
            self.check_naming(&id).map_err(|stop| early(stop, &path))?;
        }
        let proof = Proof::Verified(verified);
        let mut loaded = Loaded::new(id, envelope, proof, path, &mut self.components, self.procedure)?;
        loaded.admit(self.world, &self.components)?;
        self.check_sections(&loaded)?;
        self.manifests.push(loaded);
        self.is_set_checked = false;
        Ok(())
    }

    /// Whoever names a dependency that has no name of its own, and is not installed under this one, needs the right to
    /// the name: it takes the place of what is there, and its sequence number counts from then on.
    fn check_naming(&mut self, id: &ComponentId<'b>) -> Result<(), Stop> {
        let Some(dependent) = self.contexts.last() else { return Ok(()) };
        let dependent = self.manifests.get(dependent.manifest).ok_or(Stop::INTERNAL)?;
        let signer = dependent.signer().ok_or(Stop::INTERNAL)?;
        let named = dependent
            .dependencies()
            .find_map(|(_, slot)| self.components.get(slot).ok().filter(|component| component.id == *id));
        match named.map(|component| component.content) {
            Some(Content::Installed) => Ok(()),
            _ => self.world.authorise(signer, id, None),
        }
    }

    /// Refuses what would run for ever, or take more than its share.
    fn check_bounds(&self, slot: usize, path: &[u64]) -> Result<(), Stop> {
        let running = self.contexts.iter().filter_map(|context| self.manifests.get(context.manifest));
        let text = if running.into_iter().any(|manifest| manifest.slot == Some(slot)) {
            format!("{} depends on itself", self.components.get(slot)?.id)
        } else if path.len() > MAX_DEPENDENCY_DEPTH {
            format!("more than {MAX_DEPENDENCY_DEPTH} dependencies, one above the other")
        } else if self.manifests.len() >= MAX_PROCEDURE_MANIFESTS
            && !self.manifests.iter().any(|manifest| manifest.slot == Some(slot))
        {
            format!("more than {MAX_PROCEDURE_MANIFESTS} manifests in one procedure")
        } else {
            return Ok(());
        };
        Err(Stop::Fail(Reason::OperationFailed, text.into()))
    }

    /// In strict mode, a dependent has every section that its dependency has (REQ-SUIT-109).
    fn check_sections(&mut self, dependency: &Loaded<'b>) -> Result<(), Stop> {
        if self.contexts.is_empty() || self.may_leave_out(dependency.id, dependency.slot)? {
            return Ok(());
        }
        let dependent = self.manifest()?;
        let missing = UPDATE
            .into_iter()
            .find(|label| dependency.section(*label).is_some() && dependent.section(*label).is_none());
        let Some(label) = missing else { return Ok(()) };
        let name = section_label::name(label).unwrap_or("a section");
        let text = format!("the dependency {} has {name}, and its dependent has not", dependency.id);
        Err(Stop::Fail(Reason::OperationFailed, text.into()))
    }

    /// In strict mode, a section ends only when it was run of every dependency that has it (REQ-SUIT-109).
    pub(super) fn check_processed(&mut self) -> Result<(), Stop> {
        if self.procedure == Procedure::Uninstall {
            return Ok(());
        }
        let (dependent, section) = (self.context()?.manifest, self.context()?.section);
        let dependencies: Vec<_> = self.manifest()?.dependencies().collect();
        for (_, slot) in dependencies {
            let known = self.manifests.iter().find(|manifest| manifest.slot == Some(slot));
            let has = known.is_some_and(|known| known.section(section).is_some());
            let id = self.components.get(slot)?.id;
            if has
                && !self.processed.contains(&(dependent, slot, section))
                && !self.may_leave_out(id, Some(slot))?
            {
                let text = format!("a section that ends without processing the dependency {id}");
                return Err(Stop::Fail(Reason::OperationFailed, text.into()));
            }
        }
        Ok(())
    }

    /// Whether the manifest being run may leave out sections of the dependency `id`, and with them what those check:
    /// not in strict mode, and only if its signer has the right to the dependency, or the dependency is installed as it is.
    fn may_leave_out(&mut self, id: ComponentId<'b>, slot: Option<usize>) -> Result<bool, Stop> {
        if self.policy.strict_dependencies {
            return Ok(false);
        }
        let component = slot.and_then(|slot| self.components.get(slot).ok());
        if component.is_some_and(|component| component.content == Content::Installed) {
            return Ok(true);
        }
        let signer = self.manifest()?.signer().ok_or(Stop::INTERNAL)?;
        match self.world.authorise(signer, &id, None) {
            Ok(()) => Ok(true),
            Err(Stop::Fail(..)) => Ok(false),
            Err(stop) => Err(stop),
        }
    }

    /// Component indices that lead to the dependency `index` of the manifest being run.
    fn path_of(&self, index: u64) -> Result<Vec<u64>, Stop> {
        Ok(self.context()?.path.iter().copied().chain([index]).collect())
    }
}
