// SPDX-License-Identifier: Apache-2.0
//! Component identifiers as people write them, in every tool the same.
//!
//! A SUIT component identifier is a list of byte strings. Written, its segments are separated by slashes; a
//! segment is text, or `uuid:` and a UUID, or `hex:` and hexadecimal digits. A UUID alone stands for the
//! Trusted Application with that UUID: `TEEP-Device/SecureFS/uuid:<UUID>/ta`.

use super::ComponentId;
use crate::teec::AGENT_UUID;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use uuid::Uuid;

const UUID_PREFIX: &str = "uuid:";
const HEX_PREFIX: &str = "hex:";

/// Why text is not a component identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// A segment has no characters.
    EmptySegment,
    /// What follows `uuid:` is no UUID.
    NotUuid(String),
    /// What follows `hex:` is not hexadecimal, or only half a byte.
    NotHex(String),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptySegment => f.write_str("it has an empty segment: write e.g. my-device/my-component"),
            Self::NotUuid(text) => {
                write!(f, "{text:?} is not a UUID: write e.g. uuid:1c42796f-7fc4-4536-b751-6a58e6f4540c")
            }
            Self::NotHex(text) => write!(f, "{text:?} is not hexadecimal: write e.g. hex:00a1ff"),
        }
    }
}

impl core::error::Error for ParseError {}

/// Reads a component identifier, or a UUID for that of a Trusted Application.
///
/// # Errors
/// When a segment is empty or does not keep what its prefix promises.
pub fn parse(text: &str) -> Result<Vec<Vec<u8>>, ParseError> {
    match parse_uuid(text) {
        Some(uuid) => Ok(native_ta(uuid)),
        None => text.split('/').map(parse_segment).collect(),
    }
}

/// The component identifier of the native Trusted Application `uuid`, as the TEEP examples form it.
pub fn native_ta(uuid: [u8; 16]) -> Vec<Vec<u8>> {
    in_secure_storage(uuid, b"ta")
}

/// The manifest component identifier that goes with [`native_ta`].
pub fn native_ta_manifest(uuid: [u8; 16]) -> Vec<Vec<u8>> {
    in_secure_storage(uuid, b"suit")
}

/// The component identifier of the TEEP Agent's trust store.
pub fn trust_store() -> Vec<Vec<u8>> {
    in_secure_storage(AGENT_UUID, b"trust")
}

/// The identifier of the manifest that brings the TEEP Agent a trust store; no other one may.
pub fn trust_store_manifest() -> Vec<Vec<u8>> {
    let mut id = trust_store();
    id.push(b"suit".to_vec());
    id
}

fn in_secure_storage(uuid: [u8; 16], what: &[u8]) -> Vec<Vec<u8>> {
    [&b"TEEP-Device"[..], b"SecureFS", &uuid, what].map(<[u8]>::to_vec).to_vec()
}

/// Writes a component identifier so that [`parse`] reads it back.
pub fn format(id: &[Vec<u8>]) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_segments(&mut text, id.iter().map(Vec::as_slice));
    text
}

/// The text form, as [`format`] writes it.
impl fmt::Display for ComponentId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_segments(f, self.elements())
    }
}

fn write_segments<'s>(w: &mut impl Write, segments: impl Iterator<Item = &'s [u8]>) -> fmt::Result {
    for (index, segment) in segments.enumerate() {
        if index > 0 {
            w.write_str("/")?;
        }
        write_segment(w, segment)?;
    }
    Ok(())
}

/// Reads a UUID. Only the form with hyphens: without them a UUID and a word of digits look the same.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text).ok().filter(|_| hyphenated).map(Uuid::into_bytes)
}

/// Writes a UUID so that [`parse_uuid`] reads it back.
pub fn format_uuid(uuid: [u8; 16]) -> impl fmt::Display {
    Uuid::from_bytes(uuid)
}

/// Reads one segment of a component identifier.
///
/// # Errors
/// When it is empty or does not keep what its prefix promises.
pub fn parse_segment(text: &str) -> Result<Vec<u8>, ParseError> {
    if let Some(uuid) = text.strip_prefix(UUID_PREFIX) {
        parse_uuid(uuid).map(|uuid| uuid.to_vec()).ok_or_else(|| ParseError::NotUuid(uuid.to_owned()))
    } else if let Some(digits) = text.strip_prefix(HEX_PREFIX) {
        parse_hex(digits).ok_or_else(|| ParseError::NotHex(digits.to_owned()))
    } else if text.is_empty() {
        Err(ParseError::EmptySegment)
    } else {
        Ok(text.as_bytes().to_vec())
    }
}

fn parse_hex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    pairs.iter().map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn write_segment(f: &mut impl Write, segment: &[u8]) -> fmt::Result {
    match (core::str::from_utf8(segment), <[u8; 16]>::try_from(segment)) {
        (Ok(text), _) if reads_as_text(text) => f.write_str(text),
        (_, Ok(uuid)) => write!(f, "{UUID_PREFIX}{}", Uuid::from_bytes(uuid)),
        _ => {
            f.write_str(HEX_PREFIX)?;
            segment.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
}

/// Whether [`parse`] reads `text` back as it is, and a terminal shows all of it.
fn reads_as_text(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(UUID_PREFIX)
        && !text.starts_with(HEX_PREFIX)
        && parse_uuid(text).is_none()
        && text.chars().all(|c| c != '/' && (c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const TEXT: &str = "1c42796f-7fc4-4536-b751-6a58e6f4540c";
    const UUID: [u8; 16] =
        [0x1c, 0x42, 0x79, 0x6f, 0x7f, 0xc4, 0x45, 0x36, 0xb7, 0x51, 0x6a, 0x58, 0xe6, 0xf4, 0x54, 0x0c];

    #[test]
    fn a_uuid_is_a_trusted_application() {
        let id = parse(TEXT).expect("a UUID");
        assert_eq!(id, [&b"TEEP-Device"[..], b"SecureFS", &UUID, b"ta"]);
        assert_eq!(format(&id), alloc::format!("TEEP-Device/SecureFS/uuid:{TEXT}/ta"));
    }

    #[test]
    fn segments_are_text_uuid_or_hex() {
        let id = parse(&alloc::format!("a b/uuid:{TEXT}/hex:00fF/hex:/é")).expect("well-formed");
        assert_eq!(id, [&b"a b"[..], &UUID, b"\x00\xff", b"", "é".as_bytes()]);
    }

    #[test]
    fn what_is_not_a_segment_is_refused() {
        assert_eq!(parse(""), Err(ParseError::EmptySegment));
        assert_eq!(parse("a//b"), Err(ParseError::EmptySegment));
        assert_eq!(parse("/a"), Err(ParseError::EmptySegment));
        assert_eq!(parse("uuid:12"), Err(ParseError::NotUuid("12".to_owned())));
        for digits in ["0", "0g", "+1", "0é"] {
            assert_eq!(parse(&alloc::format!("a/hex:{digits}")), Err(ParseError::NotHex(digits.to_owned())));
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for id in [
            vec![UUID.to_vec()],
            vec![b"exactly 16 bytes".to_vec()],
            vec![TEXT.as_bytes().to_vec()],
            vec![b"uuid:x".to_vec(), b"hex:00".to_vec(), b"a/b".to_vec(), vec![]],
            vec![b"\x1b[2J".to_vec(), "\u{202e}x".as_bytes().to_vec(), vec![0xff; 3]],
        ] {
            assert_eq!(parse(&format(&id)), Ok(id.clone()), "{}", format(&id));
        }
        assert_eq!(format(&[b"exactly 16 bytes".to_vec()]), "exactly 16 bytes");
        assert_eq!(format(&[UUID.to_vec()]), alloc::format!("uuid:{TEXT}"));
    }
}
