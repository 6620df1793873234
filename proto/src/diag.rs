// SPDX-License-Identifier: Apache-2.0
//! Diagnostic text of everything this crate decodes, for a person to read.
//!
//! The text is CBOR's extended diagnostic notation (RFC 8949 section 8, RFC 8610 appendix G): labels and numbers
//! have their names beside them as `/ comments /`, a byte string that holds CBOR is opened as `<< … >>`, and
//! long byte strings show their beginning and length only. Whatever does not have the form that is expected of
//! it is shown as plain CBOR, and what is no strict CBOR as hexadecimal digits with the reason, so that
//! something can be shown of any bytes. Nothing is verified: never act on what is shown here.
//!
//! ```
//! let text = teep_proto::diag::message(b"\x83\x05\xa1\x0b\x69disk-full\x0a");
//! let expected = r#"[
//!   / type / 5 / Error /,
//!   / options / {/ err-msg / 11: "disk-full"},
//!   / err-code / 10 / ERR_TEMPORARY_ERROR /
//! ]"#;
//! assert_eq!(text, expected);
//! ```

mod printer;
mod shapes;

use crate::cbor::{Major, Reader};
use crate::cose::Signatures;
use crate::suit::labels::{TAG_ENVELOPE, envelope as envelope_labels, report as report_labels};
use crate::teep::Dialect;
use alloc::string::String;
use printer::{Printer, Shape};

/// A TEEP message, with or without its COSE wrapper. The numbers are those of the dialect in which it is
/// valid.
pub fn message(bytes: &[u8]) -> String {
    let signed = Signatures::decode(bytes).ok().and_then(|signatures| signatures.claimed_payload());
    let dialect = Dialect::detect(signed.unwrap_or(bytes)).unwrap_or_default();
    let text = Printer { dialect }.bytes(bytes, &shapes::MESSAGE);
    if dialect == Dialect::Pre26 {
        alloc::format!("/ numbers of the drafts before -26 /\n{text}")
    } else {
        text
    }
}

/// A SUIT envelope, with the manifest and everything in it.
pub fn envelope(bytes: &[u8]) -> String {
    show(bytes, &shapes::ENVELOPE)
}

/// A SUIT Report, bare or protected.
pub fn report(bytes: &[u8]) -> String {
    show(bytes, &shapes::REPORT)
}

/// An Entity Attestation Token: signed, encrypted, or the bare claims set.
pub fn eat(bytes: &[u8]) -> String {
    show(bytes, &shapes::EAT)
}

/// Any CBOR item, without names.
pub fn item(bytes: &[u8]) -> String {
    show(bytes, &Shape::Any)
}

/// What this is by its form: envelope, TEEP message, report, token, or else any item.
pub fn any(bytes: &[u8]) -> String {
    let signed = Signatures::decode(bytes).ok();
    let payload = match &signed {
        Some(signatures) => signatures.claimed_payload().unwrap_or_default(),
        None => bytes,
    };
    match (kind(payload), signed) {
        (Some(Kind::Envelope), None) => envelope(bytes),
        (Some(Kind::Message), _) => message(bytes),
        (Some(Kind::Report), _) => report(bytes),
        (Some(Kind::Claims), Some(_)) => eat(bytes),
        _ => show(bytes, &shapes::COSE),
    }
}

fn show(bytes: &[u8], shape: &Shape) -> String {
    Printer { dialect: Dialect::Final }.bytes(bytes, shape)
}

/// What the items of this crate are told apart by.
enum Kind {
    Envelope,
    Message,
    Report,
    Claims,
}

fn kind(bytes: &[u8]) -> Option<Kind> {
    let mut r = Reader::open(bytes).ok()?;
    if r.optional_tag() == Some(TAG_ENVELOPE) {
        return Some(Kind::Envelope);
    }
    if r.next_is(Major::Array) {
        r.array("items").ok()?;
        // Options follow the type of each message. What has another number there is something else.
        let is_message = r.uint("a type").is_ok() && r.next_is(Major::Map);
        return is_message.then_some(Kind::Message);
    }
    for _ in 0..r.map("a map").ok()? {
        let label = r.clone().uint("a label").ok();
        r.item().ok()?;
        match label {
            Some(report_labels::REFERENCE) => return Some(Kind::Report),
            Some(envelope_labels::MANIFEST) if r.next_is(Major::Bytes) => return Some(Kind::Envelope),
            _ => r.item().ok()?,
        };
    }
    Some(Kind::Claims)
}

#[cfg(test)]
mod tests;
