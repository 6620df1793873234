// SPDX-License-Identifier: Apache-2.0
//! A manifest that takes part in a procedure, and what must hold before anything of it is run.

use super::components::{Components, Kind};
use super::run::{Halt, Procedure};
use super::support::{self, Given};
use super::{Failure, Stop, World};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use teep_proto::cose::{Thumbprint, Verified};
use teep_proto::limits::MAX_MANIFEST;
use teep_proto::suit::labels::manifest as section_label;
use teep_proto::suit::{ComponentId, Envelope, Manifest, Reason, Record, Section, Sequence};

/// Sections of the Update procedure in their order (suit.md 8.1).
pub(super) const UPDATE: [u64; 5] = [
    section_label::DEPENDENCY_RESOLUTION,
    section_label::PAYLOAD_FETCH,
    section_label::CANDIDATE_VERIFICATION,
    section_label::INSTALL,
    section_label::VALIDATE,
];

/// Why a manifest is believed.
pub(super) enum Proof<'b> {
    /// Its signature was checked just now.
    Verified(Verified<Manifest<'b>>),
    /// It was checked when it was installed and has been kept protected since (suit.md 9.5 rule 6).
    Stored(Manifest<'b>),
}

/// A manifest that takes part in a procedure.
pub(super) struct Loaded<'b> {
    pub(super) id: ComponentId<'b>,
    /// Its own slot; `None` for a manifest without a name of its own (AMB-SUIT-20), which is no dependency.
    pub(super) slot: Option<usize>,
    pub(super) envelope: Envelope<'b>,
    pub(super) proof: Proof<'b>,
    /// Component indices that led to it first.
    pub(super) path: Vec<u64>,
    /// What its commands give to which components.
    pub(super) given: Vec<Given>,
    sections: Vec<(u64, Sequence<'b>)>,
    /// The slot of each component index there is.
    slots: Vec<(u64, usize)>,
}

impl<'b> Loaded<'b> {
    /// Finds the sections that `procedure` runs, also severed ones, and the slots of all that is named.
    pub(super) fn new(
        id: ComponentId<'b>,
        envelope: Envelope<'b>,
        proof: Proof<'b>,
        path: Vec<u64>,
        components: &mut Components<'b>,
        procedure: Procedure,
    ) -> Result<Self, Halt> {
        let early = |stop| early(stop, &path);
        let manifest = proof.manifest();
        let is_unnamed = path.is_empty() && manifest.component_id.is_none();
        let slot = Some(id).filter(|_| !is_unnamed);
        let slot = slot.map(|id| components.slot(id, Kind::Manifest)).transpose().map_err(early)?;
        let slots = slots(manifest, components).map_err(early)?;
        let labels = UPDATE.into_iter().filter(|_| procedure == Procedure::Update);
        let sections = labels.chain([section_label::UNINSTALL]).filter_map(|label| {
            let sequence = sequence(manifest, &envelope, label);
            Some(sequence.transpose()?.map(|sequence| (label, sequence)))
        });
        let sections = sections.collect::<Result<_, _>>().map_err(early)?;
        Ok(Self { id, slot, envelope, proof, path, given: Vec::new(), sections, slots })
    }

    pub(super) fn manifest(&self) -> &Manifest<'b> {
        self.proof.manifest()
    }

    /// Who signed it; `None` for a stored one.
    pub(super) fn signer(&self) -> Option<Thumbprint> {
        match &self.proof {
            Proof::Verified(verified) => Some(verified.signer()),
            Proof::Stored(_) => None,
        }
    }

    /// The section with manifest label `label`.
    pub(super) fn section(&self, label: u64) -> Option<Sequence<'b>> {
        self.sections.iter().find(|(l, _)| *l == label).map(|(_, sequence)| *sequence)
    }

    /// What is behind the component index `index`.
    pub(super) fn slot(&self, index: u64) -> Option<usize> {
        self.slots.iter().find(|(i, _)| *i == index).map(|(_, slot)| *slot)
    }

    /// Every component index: those of suit-components, then the remaining ones of suit-dependencies.
    pub(super) fn indices(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().map(|(index, _)| *index)
    }

    /// The component indices of dependencies.
    pub(super) fn dependency_indices(&self) -> impl Iterator<Item = u64> {
        self.manifest().dependencies.iter().map(|dependency| dependency.index)
    }

    /// The slots of its dependencies, with their indices.
    pub(super) fn dependencies(&self) -> impl Iterator<Item = (u64, usize)> {
        self.slots.iter().copied().filter(|(index, _)| self.manifest().dependency(*index).is_some())
    }

    /// The slots of its own components, with their indices.
    pub(super) fn own_components(&self) -> impl Iterator<Item = (u64, usize)> {
        self.slots.iter().copied().filter(|(index, _)| self.manifest().dependency(*index).is_none())
    }

    /// Checks what must hold before anything of it is run in an Update: rollback (REQ-SUIT-006, REQ-SUIT-007), rights
    /// (REQ-SUIT-030, REQ-SUIT-054), components this device can hold (REQ-SUIT-010), commands and parameters this
    /// processor has (REQ-SUIT-017).
    pub(super) fn admit<W: World<'b>>(
        &mut self,
        world: &mut W,
        components: &Components<'b>,
    ) -> Result<(), Halt> {
        self.admit_identity(world, components).map_err(|stop| early(stop, &self.path))?;
        self.check_support()
    }

    /// Checks the commands and parameters of every section that this procedure runs or that Uninstall will run.
    pub(super) fn check_support(&mut self) -> Result<(), Halt> {
        let shared = (section_label::COMMON, self.manifest().shared);
        let mut all = Vec::new();
        for (section, sequence) in core::iter::once(shared).chain(self.sections.iter().copied()) {
            let given = support::check(self, section, sequence).map_err(|refused| {
                let (manifest_id, offset) = (self.path.clone(), refused.offset);
                let record = Record { manifest_id, section, offset, ..Record::default() };
                let (reason, text) = (refused.reason, refused.text.into());
                Halt::Elsewhere(Failure { reason, record, text, records: Box::default() })
            })?;
            given.into_iter().for_each(|given| support::add(&mut all, given));
        }
        self.given = all;
        Ok(())
    }

    fn admit_identity<W: World<'b>>(&self, world: &mut W, components: &Components<'b>) -> Result<(), Stop> {
        let manifest = self.manifest();
        let number = manifest.sequence_number;
        if let Some(floor) = world.floor(&self.id)
            && number < floor
        {
            let text = format!("rollback refused: sequence number {number} is below {floor} of {}", self.id);
            return Err(Stop::Fail(Reason::ConditionFailed, text.into()));
        }
        let Some(signer) = self.signer() else { return Err(Stop::INTERNAL) };
        world.authorise(signer, &self.id, None)?;
        for (_, slot) in self.own_components() {
            let id = components.get(slot)?.id;
            world.authorise(signer, &id, None)?;
            world.supports(&id)?;
        }
        Ok(())
    }
}

impl<'b> Proof<'b> {
    fn manifest(&self) -> &Manifest<'b> {
        match self {
            Self::Verified(verified) => verified.get(),
            Self::Stored(manifest) => manifest,
        }
    }
}

/// Something that happened in the manifest at `path` before anything of it was run (AMB-SUIT-17).
pub(super) fn early(stop: Stop, path: &[u64]) -> Halt {
    let Stop::Fail(reason, text) = stop else { return Halt::Stop(stop) };
    let record = Record { manifest_id: path.to_vec(), ..Record::default() };
    Halt::Elsewhere(Failure { reason, record, text, records: Box::default() })
}

/// The slots of suit-components, then those of dependencies that are not among them (suit.md 9.1).
fn slots<'b>(manifest: &Manifest<'b>, components: &mut Components<'b>) -> Result<Vec<(u64, usize)>, Stop> {
    let listed = 0..manifest.components.len() as u64;
    let rest = manifest.dependencies.iter().map(|d| d.index).filter(|index| !listed.contains(index));
    let mut slots = Vec::new();
    for index in listed.clone().chain(rest) {
        let kind = if manifest.dependency(index).is_some() { Kind::Manifest } else { Kind::Component };
        let id = manifest.identity(index).ok_or(Stop::fail(
            Reason::ComponentUnsupported,
            "a dependency that is no component and has no prefix",
        ))?;
        slots.push((index, components.slot(id, kind)?));
    }
    Ok(slots)
}

/// The section `label`, from the envelope if it is severed (REQ-SUIT-025, REQ-SUIT-026).
fn sequence<'b>(
    manifest: &Manifest<'b>,
    envelope: &Envelope<'b>,
    label: u64,
) -> Result<Option<Sequence<'b>>, Stop> {
    let digest = match manifest.section(label) {
        None => return Ok(None),
        Some(Section::Present(sequence)) => return Ok(Some(sequence)),
        Some(Section::Severed(digest)) => digest,
    };
    let missing = "a severed member the procedure needs is not in the envelope";
    let content =
        envelope.severed(label, &digest)?.ok_or(Stop::fail(Reason::SeveringUnsupported, missing))?;
    if content.len() > MAX_MANIFEST {
        return Err(Stop::fail(Reason::CborParse, "a severed member of more than 8 KiB"));
    }
    let sequence = Sequence::new(content);
    sequence.validate()?;
    Ok(Some(sequence))
}
