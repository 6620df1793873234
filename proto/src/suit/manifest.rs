// SPDX-License-Identifier: Apache-2.0
use super::labels::{MANIFEST_VERSION, common, dependency, manifest};
use super::{ComponentId, Digest, Sequence};
use crate::cbor::{Major, Reader};
use crate::limits::{MAX_COMPONENTS, MAX_DEPENDENCIES, MAX_LIST, MAX_URI};
use crate::{Error, Kind};
use alloc::vec::Vec;

/// A SUIT_Manifest. Its command sequences are well-formed, but nothing is said yet about whether this
/// device can or may run them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest<'b> {
    /// suit-manifest-sequence-number.
    pub sequence_number: u64,
    /// suit-reference-uri.
    pub reference_uri: Option<&'b str>,
    /// suit-manifest-component-id: what names this manifest when it is stored or unlinked.
    pub component_id: Option<ComponentId<'b>>,
    /// suit-set-version; empty if absent.
    pub set_version: Vec<i64>,
    /// suit-dependencies, by rising index.
    pub dependencies: Vec<Dependency<'b>>,
    /// suit-components, in index order.
    pub components: Vec<ComponentId<'b>>,
    /// suit-shared-sequence; empty if absent.
    pub shared: Sequence<'b>,
    /// The command sequences of the procedures, by manifest label.
    pub sections: Vec<(u64, Section<'b>)>,
    /// suit-text, encoded; see [`Envelope::text`](super::Envelope::text).
    pub text: Option<Severable<&'b [u8]>>,
    /// suit-coswid, encoded; see [`Envelope::coswid`](super::Envelope::coswid).
    pub coswid: Option<Severable<&'b [u8]>>,
}

/// One entry of suit-dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency<'b> {
    /// Component index. It need not be one of suit-components (AMB-SUIT-01).
    pub index: u64,
    /// suit-dependency-prefix. TEEP names with it where the dependency manifest itself lives (AMB-SUIT-02).
    pub prefix: Option<ComponentId<'b>>,
}

/// A member whose content is in the manifest or, severed, in the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severable<T> {
    /// In the manifest.
    Present(T),
    /// In the envelope, under this digest.
    Severed(Digest),
}

/// Where a section's commands are.
pub type Section<'b> = Severable<Sequence<'b>>;

impl<'b> Manifest<'b> {
    /// Decodes the content of envelope label 3. Crate-private: only a verified envelope leads here.
    pub(super) fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let (mut version, mut sequence_number, mut common) = (None, None, None);
        let (mut reference_uri, mut component_id, mut set_version) = (None, None, Vec::new());
        let (mut sections, mut text, mut coswid) = (Vec::new(), None, None);
        for _ in 0..r.map("a SUIT_Manifest map")? {
            let at = r.offset();
            let label = r.uint("a manifest label")?;
            let name = manifest::name(label).unwrap_or("unknown member");
            let member = |error: Error| error.within(name);
            match label {
                manifest::VERSION => version = Some(r.uint("a manifest version").map_err(member)?),
                manifest::SEQUENCE_NUMBER => {
                    sequence_number = Some(r.uint("a sequence number").map_err(member)?)
                }
                manifest::COMMON => common = Some(r.bytes("suit-common in a byte string").map_err(member)?),
                manifest::REFERENCE_URI => {
                    reference_uri = Some(r.sized_text(MAX_URI, "a reference URI").map_err(member)?);
                }
                manifest::COMPONENT_ID => component_id = Some(ComponentId::read(&mut r).map_err(member)?),
                manifest::SET_VERSION => set_version = read_version(&mut r).map_err(member)?,
                // Never severable (REQ-SUIT-053).
                manifest::VALIDATE | manifest::LOAD | manifest::INVOKE | manifest::UNINSTALL => {
                    let sequence = r.bytes("a command sequence in a byte string").map_err(member)?;
                    sections.push((label, Section::Present(Sequence::new(sequence))));
                }
                manifest::DEPENDENCY_RESOLUTION
                | manifest::PAYLOAD_FETCH
                | manifest::CANDIDATE_VERIFICATION
                | manifest::INSTALL => {
                    sections.push((label, Severable::read(&mut r).map_err(member)?.map(Sequence::new)));
                }
                manifest::TEXT => text = Some(Severable::read(&mut r).map_err(member)?),
                manifest::COSWID => coswid = Some(Severable::read(&mut r).map_err(member)?),
                _ => return Err(Error::unsupported("a manifest member this implementation knows", at)),
            }
        }
        if version != Some(MANIFEST_VERSION) {
            return Err(Error::unsupported("suit-manifest-version 1", 0));
        }
        let common = common.ok_or(Error::malformed("suit-common", 0))?;
        let sequence_number = sequence_number.ok_or(Error::malformed("a sequence number", 0))?;
        let common = Common::decode(common).map_err(|error| error.within("common"))?;
        let Common { dependencies, components, shared } = common;
        let decoded = Self {
            sequence_number,
            reference_uri,
            component_id,
            set_version,
            dependencies,
            components,
            shared,
            sections,
            text,
            coswid,
        };
        decoded.shared.validate().map_err(|error| error.within("shared-sequence").within("common"))?;
        for (label, section) in &decoded.sections {
            if let Section::Present(sequence) = section {
                let name = manifest::name(*label).unwrap_or("section");
                sequence.validate().map_err(|error| error.within(name))?;
            }
        }
        Ok(decoded)
    }

    /// The section with manifest label `label`.
    pub fn section(&self, label: u64) -> Option<Section<'b>> {
        self.sections.iter().find(|(l, _)| *l == label).map(|(_, section)| *section)
    }

    /// The dependency with component index `index`.
    pub fn dependency(&self, index: u64) -> Option<&Dependency<'b>> {
        self.dependencies.iter().find(|dependency| dependency.index == index)
    }

    /// What the component index `index` stands for: the component there, else the prefix of the dependency
    /// with this index (AMB-SUIT-01); `None` if it is neither.
    pub fn identity(&self, index: u64) -> Option<ComponentId<'b>> {
        let component = usize::try_from(index).ok().and_then(|index| self.components.get(index));
        component.copied().or_else(|| self.dependency(index)?.prefix)
    }
}

impl<'b> Severable<&'b [u8]> {
    fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        if r.next_is(Major::Bytes) {
            return r.bytes("a member in a byte string").map(Self::Present);
        }
        Digest::read(r).map(Self::Severed)
    }
}

impl<T> Severable<T> {
    /// The digest of what is severed.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Present(_) => None,
            Self::Severed(digest) => Some(*digest),
        }
    }

    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Severable<U> {
        match self {
            Self::Present(content) => Severable::Present(map(content)),
            Self::Severed(digest) => Severable::Severed(digest),
        }
    }
}

fn read_version(r: &mut Reader<'_>) -> Result<Vec<i64>, Error> {
    let mut r = Reader::open(r.bytes("a version in a byte string")?)?;
    let mut version = Vec::new();
    for _ in 0..r.list(1, MAX_LIST, "a version of one to 32 numbers")? {
        version.push(r.int("a version of integers")?);
    }
    Ok(version)
}

/// A SUIT_Common.
struct Common<'b> {
    dependencies: Vec<Dependency<'b>>,
    components: Vec<ComponentId<'b>>,
    shared: Sequence<'b>,
}

impl<'b> Common<'b> {
    fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let mut decoded = Self { dependencies: Vec::new(), components: Vec::new(), shared: Sequence::EMPTY };
        for _ in 0..r.map("a SUIT_Common map")? {
            let at = r.offset();
            let label = r.uint("a label of suit-common")?;
            let name = common::name(label).unwrap_or("unknown member");
            let member = |error: Error| error.within(name);
            match label {
                common::DEPENDENCIES => decoded.dependencies = read_dependencies(&mut r).map_err(member)?,
                common::COMPONENTS => {
                    let count = r.list(1, MAX_COMPONENTS, "one to sixteen components").map_err(member)?;
                    for index in 0..count {
                        let component = ComponentId::read(&mut r);
                        decoded.components.push(component.map_err(|error| member(error.in_entry(index)))?);
                    }
                }
                common::SHARED_SEQUENCE => {
                    let sequence = r.bytes("a command sequence in a byte string").map_err(member)?;
                    decoded.shared = Sequence::new(sequence);
                }
                _ => {
                    return Err(Error::unsupported("a member of suit-common this implementation knows", at));
                }
            }
        }
        Ok(decoded)
    }
}

/// The map of dependencies in deterministic order (REQ-SUIT-110).
fn read_dependencies<'b>(r: &mut Reader<'b>) -> Result<Vec<Dependency<'b>>, Error> {
    let at = r.offset();
    let mut dependencies: Vec<Dependency<'b>> = Vec::new();
    match r.map("a map of dependencies")? {
        0 => return Err(Error::malformed("at least one dependency", at)),
        count if count > MAX_DEPENDENCIES => {
            return Err(Error::new(Kind::TooLarge, "at most eight dependencies", at));
        }
        count => {
            for position in 0..count {
                let at = r.offset();
                let index = r.uint("a component index")?;
                if dependencies.last().is_some_and(|last| last.index >= index) {
                    return Err(Error::malformed("dependencies in the order of their indices", at));
                }
                let prefix = read_prefix(r).map_err(|error| error.in_entry(position))?;
                dependencies.push(Dependency { index, prefix });
            }
        }
    }
    Ok(dependencies)
}

fn read_prefix<'b>(r: &mut Reader<'b>) -> Result<Option<ComponentId<'b>>, Error> {
    let mut prefix = None;
    for _ in 0..r.map("a map about the dependency")? {
        let at = r.offset();
        match r.uint("a label of dependency metadata")? {
            dependency::PREFIX => prefix = Some(ComponentId::read(r)?),
            _ => return Err(Error::unsupported("dependency metadata this implementation knows", at)),
        }
    }
    Ok(prefix)
}
