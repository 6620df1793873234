// SPDX-License-Identifier: Apache-2.0
use super::labels::{MANIFEST_VERSION, common, manifest};
use super::{ComponentId, Digest, Sequence};
use crate::Error;
use crate::cbor::{Major, Reader};
use crate::limits::{MAX_COMPONENTS, MAX_URI};
use alloc::vec::Vec;

/// A SUIT_Manifest. Its command sequences are well-formed, but nothing is said yet about whether this
/// device can or may run them.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest<'b> {
    /// suit-manifest-sequence-number.
    pub sequence_number: u64,
    /// suit-reference-uri.
    pub reference_uri: Option<&'b str>,
    /// suit-manifest-component-id: what names this manifest when it is stored or unlinked.
    pub component_id: Option<ComponentId<'b>>,
    /// suit-components, in index order.
    pub components: Vec<ComponentId<'b>>,
    /// Whether there are suit-dependencies.
    pub has_dependencies: bool,
    /// suit-shared-sequence; empty if absent.
    pub shared: Sequence<'b>,
    /// The command sequences of the procedures, by manifest label.
    pub sections: Vec<(u64, Section<'b>)>,
}

/// Where a section's commands are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Section<'b> {
    /// In the manifest.
    Present(Sequence<'b>),
    /// In the envelope, under this digest.
    Severed(Digest),
}

impl<'b> Manifest<'b> {
    /// Decodes the content of envelope label 3. Crate-private: only a verified envelope leads here.
    pub(super) fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let (mut version, mut sequence_number, mut common) = (None, None, None);
        let (mut reference_uri, mut component_id) = (None, None);
        let mut sections = Vec::new();
        for _ in 0..r.map("a SUIT_Manifest map")? {
            let at = r.offset();
            match r.uint("a manifest label")? {
                manifest::VERSION => version = Some(r.uint("a manifest version")?),
                manifest::SEQUENCE_NUMBER => sequence_number = Some(r.uint("a sequence number")?),
                manifest::COMMON => common = Some(r.bytes("suit-common in a byte string")?),
                manifest::REFERENCE_URI => reference_uri = Some(r.sized_text(MAX_URI, "a reference URI")?),
                manifest::COMPONENT_ID => component_id = Some(ComponentId::read(&mut r)?),
                label @ (manifest::VALIDATE | manifest::LOAD | manifest::INVOKE | manifest::UNINSTALL) => {
                    let sequence = Sequence::new(r.bytes("a command sequence in a byte string")?);
                    sections.push((label, Section::Present(sequence)));
                }
                label @ (manifest::DEPENDENCY_RESOLUTION
                | manifest::PAYLOAD_FETCH
                | manifest::CANDIDATE_VERIFICATION
                | manifest::INSTALL) => {
                    sections.push((label, Section::read(&mut r)?));
                }
                // For people only; what they say is covered by the manifest's signature.
                manifest::TEXT | manifest::COSWID | manifest::SET_VERSION => {
                    r.item()?;
                }
                _ => return Err(Error::unsupported("a manifest member this implementation knows", at)),
            }
        }
        if version != Some(MANIFEST_VERSION) {
            return Err(Error::unsupported("suit-manifest-version 1", 0));
        }
        let common = common.ok_or(Error::malformed("suit-common", 0))?;
        let sequence_number = sequence_number.ok_or(Error::malformed("a sequence number", 0))?;
        let (components, has_dependencies, shared) = decode_common(common)?;
        let decoded = Self {
            sequence_number,
            reference_uri,
            component_id,
            components,
            has_dependencies,
            shared,
            sections,
        };
        decoded.shared.validate()?;
        for (_, section) in &decoded.sections {
            if let Section::Present(sequence) = section {
                sequence.validate()?;
            }
        }
        Ok(decoded)
    }

    /// The section with manifest label `label`.
    pub fn section(&self, label: u64) -> Option<Section<'b>> {
        self.sections.iter().find(|(l, _)| *l == label).map(|(_, section)| *section)
    }
}

impl<'b> Section<'b> {
    fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        if r.next_is(Major::Bytes) {
            return Ok(Self::Present(Sequence::new(r.bytes("a command sequence")?)));
        }
        Digest::read(r).map(Self::Severed)
    }
}

fn decode_common<'b>(bytes: &'b [u8]) -> Result<(Vec<ComponentId<'b>>, bool, Sequence<'b>), Error> {
    let mut r = Reader::open(bytes)?;
    let (mut components, mut has_dependencies, mut shared) = (Vec::new(), false, Sequence::EMPTY);
    for _ in 0..r.map("a SUIT_Common map")? {
        let at = r.offset();
        match r.uint("a label of suit-common")? {
            common::DEPENDENCIES => {
                has_dependencies = true;
                r.item()?;
            }
            common::COMPONENTS => {
                for _ in 0..r.list(1, MAX_COMPONENTS, "one to sixteen components")? {
                    components.push(ComponentId::read(&mut r)?);
                }
            }
            common::SHARED_SEQUENCE => {
                shared = Sequence::new(r.bytes("a command sequence in a byte string")?);
            }
            _ => return Err(Error::unsupported("a member of suit-common this implementation knows", at)),
        }
    }
    Ok((components, has_dependencies, shared))
}
