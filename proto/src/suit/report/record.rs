// SPDX-License-Identifier: Apache-2.0
use crate::Error;
use crate::cbor::{Reader, Writer};
use crate::limits::{MAX_COMPONENTS, MAX_SEQUENCE_DEPTH};
use crate::suit::labels::SYSTEM_COMPONENT_ID;
use crate::suit::parameter::write_map;
use crate::suit::{ComponentId, Digest, Parameter};
use alloc::vec::Vec;

/// SUIT_Record: the place of a command, and what was found there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record<'b> {
    /// Path of component indices through dependencies; empty for the root manifest.
    pub manifest_id: Vec<u64>,
    /// Manifest label of the section; 3 for the shared sequence, 0 before any ran (AMB-SUIT-17).
    pub section: u64,
    /// Byte offset of the command within the section, also of one in a nested sequence
    /// ([`Command::nested`](crate::suit::Command::nested)).
    pub offset: u64,
    /// Component index in force.
    pub component_index: u64,
    /// Actual values, e.g. the digest found where another was demanded.
    pub properties: Vec<Parameter<'b>>,
}

impl<'b> Record<'b> {
    pub(super) fn write(&self, w: &mut Writer) {
        w.array(5).array(self.manifest_id.len());
        for index in &self.manifest_id {
            w.uint(*index);
        }
        w.uint(self.section).uint(self.offset).uint(self.component_index);
        write_map(w, None, &self.properties);
    }

    pub(super) fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        r.array_of(5, "a SUIT_Record of 5 items")?;
        let mut manifest_id = Vec::new();
        for _ in 0..r.list(0, MAX_COMPONENTS.saturating_mul(MAX_SEQUENCE_DEPTH), "a manifest path")? {
            manifest_id.push(r.uint("a component index")?);
        }
        let section = r.uint("a section")?;
        let offset = r.uint("an offset")?;
        let component_index = r.uint("a component index")?;
        let mut properties = Vec::new();
        for _ in 0..r.map("a map of properties")? {
            let label = r.int("a parameter label")?;
            properties.push(Parameter::read(label, r)?);
        }
        Ok(Self { manifest_id, section, offset, component_index, properties })
    }
}

/// A component and its measured properties, as in SUIT Reports and in the tc-list of a QueryResponse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemPropertyClaims<'b> {
    /// The component.
    pub component_id: ComponentId<'b>,
    /// Its properties.
    pub parameters: Vec<Parameter<'b>>,
}

impl<'b> SystemPropertyClaims<'b> {
    /// Claims about the digest of a component, which the TEEP Agent always tells and another device may not.
    pub fn new(component_id: ComponentId<'b>, digest: Option<Digest>) -> Self {
        Self { component_id, parameters: digest.map(Parameter::ImageDigest).into_iter().collect() }
    }

    /// suit-parameter-image-digest.
    pub fn digest(&self) -> Option<Digest> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::ImageDigest(digest) => Some(*digest),
            _ => None,
        })
    }

    /// Writes `{0: component-id, ...}`, in deterministic order.
    pub fn write(&self, w: &mut Writer) {
        write_map(w, Some(&self.component_id), &self.parameters);
    }

    /// Reads one.
    ///
    /// # Errors
    /// When the component identifier is missing or something is malformed.
    pub fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        let at = r.offset();
        let (mut component_id, mut parameters) = (None, Vec::new());
        for _ in 0..r.map("a map of system property claims")? {
            match r.int("a claim label")? {
                SYSTEM_COMPONENT_ID => component_id = Some(ComponentId::read(r)?),
                label => parameters.push(Parameter::read(label, r)?),
            }
        }
        let component_id =
            component_id.ok_or(Error::malformed("a component identifier in the claims", at))?;
        Ok(Self { component_id, parameters })
    }
}
