// SPDX-License-Identifier: Apache-2.0
use crate::Error;
use crate::cbor::{Major, Reader, Writer, encode};
use crate::limits::{MAX_CAPABILITIES, MAX_COMPONENT_ID_ELEMENTS, MAX_LIST};
use crate::suit::labels::capability;
use alloc::vec::Vec;

/// SUIT_Capability_Report: what a manifest processor has beyond what every one has (REQ-SUIT-083). Lists that
/// may be left out are empty then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapabilityReport<'b> {
    /// Components there are or can be.
    pub components: Vec<ComponentCapability<'b>>,
    /// Command codes.
    pub commands: Vec<i64>,
    /// Parameter labels.
    pub parameters: Vec<i64>,
    /// COSE algorithms.
    pub algorithms: Vec<i64>,
    /// Members of SUIT_Envelope.
    pub envelope: Vec<i64>,
    /// Members of SUIT_Manifest.
    pub manifest: Vec<i64>,
    /// Members of SUIT_Common.
    pub common: Vec<i64>,
    /// Entries of suit-text for the manifest.
    pub text: Vec<i64>,
    /// Entries of suit-text for a component.
    pub component_text: Vec<i64>,
    /// Members of SUIT_Dependency_Metadata.
    pub dependency: Vec<i64>,
    /// Members of other elements, by the path of labels to the element.
    pub other: Vec<(Vec<i64>, Vec<i64>)>,
}

/// A component, or all whose identifiers begin alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentCapability<'b> {
    /// Elements of the component identifier.
    pub elements: Vec<&'b [u8]>,
    /// Whether these are only the first elements of the components meant.
    pub is_prefix: bool,
}

impl<'b> CapabilityReport<'b> {
    /// Encodes it standing alone, in deterministic order.
    ///
    /// # Errors
    /// What [`decode`](Self::decode) would refuse: no components, commands, parameters or algorithms, and a
    /// list past its limit.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let bytes = encode(|w| self.write(w));
        CapabilityReport::decode(&bytes)?;
        Ok(bytes)
    }

    /// Decodes one that stands alone.
    ///
    /// # Errors
    /// When one of the four required lists is missing or something is malformed; more than
    /// [`MAX_CAPABILITIES`] entries in one list.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        Self::read(&mut Reader::open(bytes)?)
    }

    pub(super) fn write(&self, w: &mut Writer) {
        let lists: Vec<_> = self.lists().into_iter().filter(|(_, list)| !list.is_empty()).collect();
        let mut other: Vec<_> =
            self.other.iter().map(|(path, list)| (encode(|w| write_list(w, path)), list)).collect();
        other.sort();
        w.map(lists.len().saturating_add(other.len()).saturating_add(1));
        w.uint(capability::COMPONENTS).array(self.components.len());
        for component in &self.components {
            component.write(w);
        }
        for (label, list) in lists {
            w.uint(label);
            write_list(w, list);
        }
        for (path, list) in other {
            w.raw(&path);
            write_list(w, list);
        }
    }

    /// The lists that have a label of their own, in its order.
    fn lists(&self) -> [(u64, &[i64]); 9] {
        [
            (capability::COMMANDS, &self.commands),
            (capability::PARAMETERS, &self.parameters),
            (capability::ALGORITHMS, &self.algorithms),
            (capability::ENVELOPE, &self.envelope),
            (capability::MANIFEST, &self.manifest),
            (capability::COMMON, &self.common),
            (capability::TEXT, &self.text),
            (capability::COMPONENT_TEXT, &self.component_text),
            (capability::DEPENDENCY, &self.dependency),
        ]
    }

    pub(super) fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        let at = r.offset();
        let mut report = Self::default();
        for _ in 0..r.map("a SUIT_Capability_Report map")? {
            if r.next_is(Major::Array) {
                let path = read_list(r)?;
                report.other.push((path, read_list(r)?));
                continue;
            }
            let label = r.uint("a label of a capability report")?;
            let name = capability::name(label).unwrap_or("extension");
            let list = match label {
                capability::COMPONENTS => {
                    for index in
                        0..r.list(1, MAX_LIST, "an array of components").map_err(|e| e.within(name))?
                    {
                        let component = ComponentCapability::read(r);
                        report.components.push(component.map_err(|e| e.in_entry(index).within(name))?);
                    }
                    continue;
                }
                capability::COMMANDS => &mut report.commands,
                capability::PARAMETERS => &mut report.parameters,
                capability::ALGORITHMS => &mut report.algorithms,
                capability::ENVELOPE => &mut report.envelope,
                capability::MANIFEST => &mut report.manifest,
                capability::COMMON => &mut report.common,
                capability::TEXT => &mut report.text,
                capability::COMPONENT_TEXT => &mut report.component_text,
                capability::DEPENDENCY => &mut report.dependency,
                // Extensions, whose form is not known.
                _ => {
                    r.item()?;
                    continue;
                }
            };
            *list = read_list(r).map_err(|error| error.within(name))?;
        }
        let required = [&report.commands, &report.parameters, &report.algorithms];
        if report.components.is_empty() || required.iter().any(|list| list.is_empty()) {
            return Err(Error::malformed("components, commands, parameters and algorithms", at));
        }
        Ok(report)
    }
}

impl<'b> ComponentCapability<'b> {
    fn write(&self, w: &mut Writer) {
        w.array(self.elements.len().saturating_add(self.is_prefix.into()));
        for element in &self.elements {
            w.bytes(element);
        }
        if self.is_prefix {
            w.bool(true);
        }
    }

    fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        const WHAT: &str = "an array of byte strings, or true at its end";
        let mut capability = Self::default();
        let count = r.list(0, MAX_COMPONENT_ID_ELEMENTS.saturating_add(1), WHAT)?;
        for left in (0..count).rev() {
            if left == 0 && !r.next_is(Major::Bytes) {
                let at = r.offset();
                if !r.bool(WHAT)? {
                    return Err(Error::malformed(WHAT, at));
                }
                capability.is_prefix = true;
            } else {
                capability.elements.push(r.bytes(WHAT)?);
            }
        }
        Ok(capability)
    }
}

fn write_list(w: &mut Writer, list: &[i64]) {
    w.array(list.len());
    for number in list {
        w.int(*number);
    }
}

fn read_list(r: &mut Reader<'_>) -> Result<Vec<i64>, Error> {
    let mut list = Vec::new();
    for _ in 0..r.list(1, MAX_CAPABILITIES, "an array of integers")? {
        list.push(r.int("an integer")?);
    }
    Ok(list)
}
