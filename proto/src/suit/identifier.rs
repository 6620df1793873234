// SPDX-License-Identifier: Apache-2.0
use super::labels::SHA_256;
use crate::cbor::{Reader, Writer, encode};
use crate::limits::{MAX_COMPONENT_ID, MAX_COMPONENT_ID_ELEMENTS};
use crate::{Error, Kind};
use alloc::vec::Vec;
use core::fmt;
use sha2::Digest as _;

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
}

impl fmt::Debug for ComponentId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ComponentId({self})")
    }
}

/// A SUIT_Digest with SHA-256, the algorithm every SUIT implementation has (REQ-SUIT-004).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Reads `[algorithm, digest]`.
    ///
    /// # Errors
    /// Another algorithm than SHA-256 is unsupported; another length than its 32 bytes malformed.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(2, "a SUIT_Digest [algorithm, bytes]")?;
        let at = r.offset();
        if r.int("a digest algorithm")? != SHA_256 {
            return Err(Error::new(Kind::UnsupportedAlgorithm, "a SHA-256 digest", at));
        }
        let at = r.offset();
        let bytes = r.bytes("a digest of 32 bytes")?;
        bytes.try_into().map(Self).map_err(|_| Error::malformed("a digest of 32 bytes", at))
    }

    /// Decodes one that stands alone.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(&mut Reader::open(bytes)?)
    }

    /// Writes `[algorithm, digest]`.
    pub fn write(&self, w: &mut Writer) {
        w.array(2).int(SHA_256).bytes(&self.0);
    }

    /// Encodes it standing alone.
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| self.write(w))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
