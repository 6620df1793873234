// SPDX-License-Identifier: Apache-2.0
//! Strict CBOR reading and preferred writing on top of `minicbor`.
//!
//! [`Reader::open`] checks a whole byte string once, without recursion and without allocating per
//! item: one well-formed item and nothing behind it, definite lengths, shortest integers and lengths,
//! valid UTF-8, no duplicate map keys, and the bounds of [`crate::limits`]. What is read afterwards is
//! known to be well-formed; nested byte strings are opened, and so checked, on their own.

mod writer;

pub use writer::{Writer, bytes_head, encode, encode_exact};

use crate::limits::{MAX_DEPTH, MAX_ITEMS, MAX_MAP_ENTRIES};
use crate::{Error, Kind};
use alloc::vec::Vec;
use minicbor::Decoder;
use minicbor::data::Type;

/// Reads the items of one strictly checked byte string in order.
#[derive(Clone, Debug)]
pub struct Reader<'b> {
    decoder: Decoder<'b>,
}

impl<'b> Reader<'b> {
    /// Checks that `bytes` is exactly one strict CBOR item and starts reading it.
    ///
    /// # Errors
    /// [`Kind::Malformed`] or [`Kind::TooLarge`] with the offset of the offending item.
    pub fn open(bytes: &'b [u8]) -> Result<Self, Error> {
        check(bytes, 1)?;
        Ok(Self { decoder: Decoder::new(bytes) })
    }

    /// Offset of the next item within the byte string.
    pub fn offset(&self) -> usize {
        self.decoder.position()
    }

    /// A malformed-input error at the next item.
    pub fn error(&self, what: &'static str) -> Error {
        Error::malformed(what, self.offset())
    }

    /// The next item is an unsigned integer.
    pub fn uint(&mut self, what: &'static str) -> Result<u64, Error> {
        let at = self.offset();
        self.decoder.u64().map_err(|_| Error::malformed(what, at))
    }

    /// The next item is an integer that fits 64 bits, signed.
    pub fn int(&mut self, what: &'static str) -> Result<i64, Error> {
        let at = self.offset();
        self.decoder.i64().map_err(|_| Error::malformed(what, at))
    }

    /// The next item is a byte string.
    pub fn bytes(&mut self, what: &'static str) -> Result<&'b [u8], Error> {
        let at = self.offset();
        self.decoder.bytes().map_err(|_| Error::malformed(what, at))
    }

    /// The next item is a byte string whose length lies in `len`.
    pub fn sized_bytes(
        &mut self,
        len: core::ops::RangeInclusive<usize>,
        what: &'static str,
    ) -> Result<&'b [u8], Error> {
        let at = self.offset();
        Some(self.bytes(what)?).filter(|b| len.contains(&b.len())).ok_or(Error::malformed(what, at))
    }

    /// The next item is a text string.
    pub fn text(&mut self, what: &'static str) -> Result<&'b str, Error> {
        let at = self.offset();
        self.decoder.str().map_err(|_| Error::malformed(what, at))
    }

    /// The next item is a text string of at most `max` bytes and at least one.
    pub fn sized_text(&mut self, max: usize, what: &'static str) -> Result<&'b str, Error> {
        let at = self.offset();
        Some(self.text(what)?).filter(|t| (1..=max).contains(&t.len())).ok_or(Error::malformed(what, at))
    }

    /// The next item is `true` or `false`.
    pub fn bool(&mut self, what: &'static str) -> Result<bool, Error> {
        let at = self.offset();
        self.decoder.bool().map_err(|_| Error::malformed(what, at))
    }

    /// Enters an array and returns the number of its items.
    pub fn array(&mut self, what: &'static str) -> Result<usize, Error> {
        let at = self.offset();
        let len = self.decoder.array().ok().flatten();
        len.and_then(|n| usize::try_from(n).ok()).ok_or(Error::malformed(what, at))
    }

    /// Enters an array that must have exactly `len` items.
    pub fn array_of(&mut self, len: usize, what: &'static str) -> Result<(), Error> {
        let at = self.offset();
        if self.array(what)? == len { Ok(()) } else { Err(Error::malformed(what, at)) }
    }

    /// Enters an array of at least `min` and at most `max` items and returns their number.
    pub fn list(&mut self, min: usize, max: usize, what: &'static str) -> Result<usize, Error> {
        let at = self.offset();
        match self.array(what)? {
            n if n < min => Err(Error::malformed(what, at)),
            n if n > max => Err(Error::new(Kind::TooLarge, what, at)),
            n => Ok(n),
        }
    }

    /// Enters a map and returns the number of its entries.
    pub fn map(&mut self, what: &'static str) -> Result<usize, Error> {
        let at = self.offset();
        let len = self.decoder.map().ok().flatten();
        len.and_then(|n| usize::try_from(n).ok()).ok_or(Error::malformed(what, at))
    }

    /// Reads a tag if the next item is one.
    pub fn optional_tag(&mut self) -> Option<u64> {
        if self.peek() == Some(Type::Tag) { self.decoder.tag().ok().map(|t| t.as_u64()) } else { None }
    }

    /// Reads `null` if the next item is that.
    pub fn optional_null(&mut self) -> bool {
        self.peek() == Some(Type::Null) && self.decoder.null().is_ok()
    }

    /// Type of the next item.
    pub fn peek(&self) -> Option<Type> {
        self.decoder.datatype().ok()
    }

    /// Whether the next item is an integer, a byte string or a text string of the given major type.
    pub fn next_is(&self, major: Major) -> bool {
        self.decoder.input().get(self.offset()).is_some_and(|b| b >> 5 == major as u8)
    }

    /// The encoded bytes of the next item, whatever it is.
    pub fn item(&mut self) -> Result<&'b [u8], Error> {
        let start = self.offset();
        self.decoder.skip().map_err(|_| Error::malformed("a CBOR item", start))?;
        let end = self.offset();
        self.decoder.input().get(start..end).ok_or(Error::malformed("a CBOR item", start))
    }
}

/// CBOR major types that readers distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Major {
    /// Unsigned integer.
    Uint = 0,
    /// Negative integer.
    Negative = 1,
    /// Byte string.
    Bytes = 2,
    /// Text string.
    Text = 3,
    /// Array.
    Array = 4,
    /// Map.
    Map = 5,
}

/// One array or map that is being checked.
struct Frame {
    /// Items still to come, keys and values counted singly.
    left: usize,
    /// For a map, where each key seen so far starts and ends.
    keys: Option<Vec<(usize, usize)>>,
    /// For a map, where the key being read starts, if a key is next or under way.
    key_start: Option<usize>,
}

/// Checks that `bytes` holds exactly `items` strict CBOR items.
fn check(bytes: &[u8], items: usize) -> Result<(), Error> {
    let mut at = 0usize;
    let mut budget = MAX_ITEMS;
    let mut stack: Vec<Frame> = Vec::new();
    stack.push(Frame { left: items, keys: None, key_start: None });
    loop {
        // Close everything that is complete.
        while let Some(top) = stack.last() {
            if top.left > 0 {
                break;
            }
            stack.pop();
            if let Some(parent) = stack.last_mut() {
                item_ended(bytes, parent, at)?;
            }
        }
        let Some(top) = stack.last_mut() else { break };
        if top.keys.is_some() && top.key_start.is_none() && top.left.is_multiple_of(2) {
            top.key_start = Some(at);
        }
        budget = budget.checked_sub(1).ok_or(Error::new(Kind::TooLarge, "at most 4096 CBOR items", at))?;
        let head = Head::read(bytes, at)?;
        at = head.end;
        let opened = match head.major {
            0 | 1 => None,
            2 | 3 => {
                let end = head.content_end(bytes)?;
                if head.major == 3 {
                    let text = bytes.get(at..end).unwrap_or_default();
                    core::str::from_utf8(text).map_err(|_| Error::malformed("valid UTF-8", head.start))?;
                }
                at = end;
                None
            }
            4 => Some(Frame { left: head.length(bytes)?, keys: None, key_start: None }),
            5 => {
                let entries = head.length(bytes)?;
                if entries > MAX_MAP_ENTRIES {
                    return Err(Error::new(Kind::TooLarge, "at most 64 map entries", head.start));
                }
                let left = entries.saturating_mul(2);
                Some(Frame { left, keys: Some(Vec::with_capacity(entries)), key_start: None })
            }
            6 => Some(Frame { left: 1, keys: None, key_start: None }),
            _ => None,
        };
        match opened {
            Some(frame) => {
                if stack.len() > MAX_DEPTH {
                    return Err(Error::new(Kind::TooLarge, "at most 16 levels of nesting", head.start));
                }
                stack.push(frame);
            }
            None => {
                if let Some(top) = stack.last_mut() {
                    item_ended(bytes, top, at)?;
                }
            }
        }
    }
    if at == bytes.len() { Ok(()) } else { Err(Error::malformed("no bytes behind the item", at)) }
}

/// Records in `frame` that one of its items ended at `at`; refuses a key seen before.
fn item_ended(bytes: &[u8], frame: &mut Frame, at: usize) -> Result<(), Error> {
    frame.left = frame.left.saturating_sub(1);
    if let (Some(keys), Some(start)) = (&mut frame.keys, frame.key_start.take()) {
        let key = bytes.get(start..at);
        if keys.iter().any(|&(s, e)| bytes.get(s..e) == key) {
            return Err(Error::malformed("map keys that occur once", start));
        }
        keys.push((start, at));
    }
    Ok(())
}

/// The initial byte and argument of an item.
struct Head {
    major: u8,
    argument: u64,
    start: usize,
    end: usize,
}

impl Head {
    fn read(bytes: &[u8], start: usize) -> Result<Self, Error> {
        let truncated = || Error::malformed("more bytes: the item is cut short", start);
        let first = *bytes.get(start).ok_or_else(truncated)?;
        let (major, info) = (first >> 5, first & 0x1f);
        let width = match info {
            0..=23 => 0,
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(Error::malformed("a definite length", start)),
        };
        let body = start.saturating_add(1);
        let end = body.saturating_add(width);
        let raw = bytes.get(body..end).ok_or_else(truncated)?;
        let argument = match width {
            0 => u64::from(info),
            _ => raw.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte)),
        };
        let shortest = match (major, width) {
            // false, true, null, undefined; one-byte simple values start at 32; floats keep their width.
            (7, 0) => (20..=23).contains(&argument),
            (7, 1) => argument >= 32,
            (7, _) | (_, 0) => true,
            (_, 1) => argument > 23,
            (_, 2) => argument > 0xff,
            (_, 4) => argument > 0xffff,
            (_, _) => argument > 0xffff_ffff,
        };
        if !shortest {
            return Err(Error::malformed("the shortest encoding", start));
        }
        Ok(Self { major, argument, start, end })
    }

    /// Number of items, refused early when even one byte each would not fit into what is left.
    fn length(&self, bytes: &[u8]) -> Result<usize, Error> {
        let left = bytes.len().saturating_sub(self.end);
        usize::try_from(self.argument)
            .ok()
            .filter(|n| *n <= left)
            .ok_or(Error::malformed("more bytes: the item is cut short", self.start))
    }

    fn content_end(&self, bytes: &[u8]) -> Result<usize, Error> {
        self.length(bytes).map(|len| self.end.saturating_add(len))
    }
}

#[cfg(test)]
mod tests;
