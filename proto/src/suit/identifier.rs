// SPDX-License-Identifier: Apache-2.0
use crate::cbor::{Reader, encode};
use crate::limits::{MAX_COMPONENT_ID, MAX_COMPONENT_ID_ELEMENTS};
use crate::teec::AGENT_UUID;
use crate::{Error, Kind};
use alloc::vec::Vec;
use core::fmt;

/// A SUIT component identifier: a list of byte strings, kept in its one canonical encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId<'b> {
    encoded: &'b [u8],
}

impl<'b> ComponentId<'b> {
    /// Reads one from `r`.
    ///
    /// # Errors
    /// When it is no array of byte strings, or larger than [`MAX_COMPONENT_ID`] bytes in
    /// [`MAX_COMPONENT_ID_ELEMENTS`] elements.
    pub fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        let mut elements = r.clone();
        let at = r.offset();
        let mut total = 0usize;
        for _ in
            0..elements.list(0, MAX_COMPONENT_ID_ELEMENTS, "a component identifier of at most 8 elements")?
        {
            total = total.saturating_add(elements.bytes("a component identifier of byte strings")?.len());
        }
        if total > MAX_COMPONENT_ID {
            return Err(Error::new(Kind::TooLarge, "a component identifier of at most 256 bytes", at));
        }
        Ok(Self { encoded: r.item()? })
    }

    /// Decodes one that stands alone.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        Self::read(&mut Reader::open(bytes)?)
    }

    /// Encodes `elements`, for [`decode`](Self::decode).
    pub fn encode<E: AsRef<[u8]>>(elements: &[E]) -> Vec<u8> {
        encode(|w| {
            w.array(elements.len());
            for element in elements {
                w.bytes(element.as_ref());
            }
        })
    }

    /// The canonical encoding; equal identifiers have equal bytes.
    pub fn as_bytes(&self) -> &'b [u8] {
        self.encoded
    }

    /// The elements in order.
    pub fn elements(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let mut reader = Reader::open(self.encoded).ok();
        let count = reader.as_mut().and_then(|r| r.array("elements").ok()).unwrap_or(0);
        (0..count).filter_map(move |_| reader.as_mut()?.bytes("an element").ok())
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.elements().next().is_none()
    }

    /// The elements as owned byte strings.
    pub fn to_elements(&self) -> Vec<Vec<u8>> {
        self.elements().map(<[u8]>::to_vec).collect()
    }

    /// Whether the first elements of this identifier are those of `prefix`.
    pub fn starts_with(&self, prefix: &ComponentId<'_>) -> bool {
        let mut own = self.elements();
        prefix.elements().all(|element| own.next() == Some(element))
    }

    /// Whether it names something of the TEEP Agent itself, which no prefix gives a right to.
    pub fn is_agents(&self) -> bool {
        self.elements().any(|element| element == AGENT_UUID)
    }
}

impl fmt::Debug for ComponentId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ComponentId({self})")
    }
}
