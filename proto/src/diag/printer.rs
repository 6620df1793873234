// SPDX-License-Identifier: Apache-2.0
use super::shapes;
use crate::cbor::{Major, Reader};
use crate::teep::labels::{message_type, option};
use crate::teep::{Dialect, ErrCode};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;
use minicbor::data::Type;

/// Levels of items and opened byte strings together; the rest is not shown. Bounds the recursion.
const MAX_LEVELS: usize = 48;
/// Byte strings of more than this many bytes are shortened...
const WHOLE_BYTES: usize = 16;
/// ... to so many.
const SHORT_BYTES: usize = 8;
/// Characters of a text that are shown.
const MAX_TEXT: usize = 512;
/// Characters of an array or map that stands in one line.
const LINE: usize = 100;

/// Finds the name of a number.
pub(super) type Name = fn(i64) -> Option<&'static str>;

/// What form an item is expected to have. One that has another is shown as [`Shape::Any`].
pub(super) enum Shape {
    /// By its CBOR type only.
    Any,
    /// An integer with a name.
    Number(Name),
    /// An integer of bits with names, from bit 0 on.
    Bits(&'static [&'static str]),
    /// An array of items of one form.
    List(&'static Shape),
    /// An array of named items.
    Tuple(&'static [(&'static str, Shape)]),
    /// A map with integer labels: their names, and the forms of the values.
    Map(Name, fn(i64) -> &'static Shape),
    /// As [`Map`](Self::Map); the values behind keys of this other CBOR type, and those keys, have forms of their own.
    MapAnd(Name, fn(i64) -> &'static Shape, Major, &'static Shape, &'static Shape),
    /// A map with other keys and values of one form.
    Values(&'static Shape),
    /// A byte string that holds an item.
    Open(&'static Shape),
    /// A byte string that holds an item if that starts with this tag or, without tag, is a map; else just bytes.
    OpenIf(u64, &'static Shape),
    /// Either, by the CBOR type.
    Either(Major, &'static Shape, &'static Shape),
    /// A SUIT component identifier.
    ComponentId,
    /// A SUIT command sequence.
    Commands,
    /// A COSE structure around an item of this form, or just the item.
    Cose(&'static Shape),
    /// A TEEP message without wrapper.
    Message,
    /// Options of a TEEP message.
    Options,
    /// A TEEP error code.
    ErrCode,
}

/// Writes items as text. Every method consumes one item of its reader and returns its text.
pub(super) struct Printer {
    pub(super) dialect: Dialect,
}

impl Printer {
    /// All of `bytes`, which should be one item.
    pub(super) fn bytes(&self, bytes: &[u8], shape: &Shape) -> String {
        match Reader::open(bytes) {
            Ok(mut r) => self.value(&mut r, shape, 0),
            Err(error) => format!("{} / no strict CBOR: {error} /", hex(bytes)),
        }
    }

    fn value(&self, r: &mut Reader<'_>, shape: &Shape, level: usize) -> String {
        if level > MAX_LEVELS {
            return skipped(r);
        }
        let inner = level.saturating_add(1);
        match shape {
            Shape::Cose(content) if is_cose(r) => return self.cose(r, content, inner),
            Shape::Cose(content) => return self.value(r, content, inner),
            Shape::Either(major, this, that) => {
                return self.value(r, if r.next_is(*major) { this } else { that }, inner);
            }
            _ => {}
        }
        if let Some(tag) = r.optional_tag() {
            return format!("{tag}({})", self.value(r, shape, inner));
        }
        match r.peek() {
            Some(Type::Array) => self.array(r, shape, inner),
            Some(Type::Map) => self.map(r, shape, inner),
            Some(Type::Bytes) => self.byte_string(r, shape, inner),
            Some(Type::String) => r.text("text").map_or_else(|_| skipped(r), text),
            Some(Type::Bool) => r.bool("bool").map_or_else(|_| skipped(r), |value| value.to_string()),
            Some(Type::Null) if r.optional_null() => "null".to_owned(),
            _ => self.integer(r, shape),
        }
    }

    fn integer(&self, r: &mut Reader<'_>, shape: &Shape) -> String {
        let Some(number) = small_integer(r) else {
            // Beyond 63 bits, a float or a simple value.
            return if r.next_is(Major::Uint) {
                r.uint("integer").map_or_else(|_| skipped(r), |number| number.to_string())
            } else {
                r.item().map_or_else(|_| skipped(r), |item| format!("/ CBOR / {}", hex(item)))
            };
        };
        match shape {
            Shape::Number(name) => named_number(number, name(number)),
            Shape::Bits(names) => {
                let is_set = |bit| number.checked_shr(bit).is_some_and(|rest| rest & 1 == 1);
                let set = (0..).zip(names.iter()).filter(|(bit, _)| is_set(*bit));
                let set: Vec<_> = set.map(|(_, name)| *name).collect();
                format!("{number} / {} /", set.join(", "))
            }
            Shape::ErrCode => {
                let code = u64::try_from(number).ok().and_then(|wire| ErrCode::from_wire(self.dialect, wire));
                named_number(number, code.map(ErrCode::name))
            }
            _ => number.to_string(),
        }
    }

    fn byte_string(&self, r: &mut Reader<'_>, shape: &Shape, level: usize) -> String {
        let Ok(bytes) = r.bytes("bytes") else { return skipped(r) };
        let content = match shape {
            Shape::Open(content) => content,
            Shape::OpenIf(tag, content) if starts_with(bytes, *tag) => content,
            _ => return hex(bytes),
        };
        match Reader::open(bytes) {
            Ok(mut r) => format!("<< {} >>", self.value(&mut r, content, level)),
            Err(_) => hex(bytes),
        }
    }

    fn array(&self, r: &mut Reader<'_>, shape: &Shape, level: usize) -> String {
        if matches!(shape, Shape::Message) {
            return self.message(r, level);
        }
        let count = r.array("array").unwrap_or_default();
        let mut items = Vec::new();
        match shape {
            Shape::Tuple(names) => return self.tuple(r, count, names.iter().map(|(n, s)| (*n, s)), level),
            Shape::ComponentId => {
                for _ in 0..count {
                    items.push(r.bytes("bytes").map_or_else(|_| self.value(r, &Shape::Any, level), element));
                }
            }
            Shape::Commands => {
                for _ in 0..count / 2 {
                    let code = small_integer(r);
                    let name = code.and_then(shapes::command_name);
                    let number = code.map_or_else(|| self.value(r, &Shape::Any, level), |n| n.to_string());
                    let argument = self.value(r, code.map_or(&Shape::Any, shapes::argument), level);
                    items.push(format!("{}, {argument}", labelled(name, &number)));
                }
                if count % 2 == 1 {
                    items.push(self.value(r, &Shape::Any, level));
                }
            }
            shape => {
                let of = if let Shape::List(of) = shape { of } else { &Shape::Any };
                for _ in 0..count {
                    items.push(self.value(r, of, level));
                }
            }
        }
        enclosed('[', items, ']')
    }

    /// `count` items with names; further ones have none.
    fn tuple<'s>(
        &self,
        r: &mut Reader<'_>,
        count: usize,
        names: impl Iterator<Item = (&'static str, &'s Shape)>,
        level: usize,
    ) -> String {
        let mut names = names.fuse();
        let items = (0..count).map(|_| match names.next() {
            Some((name, shape)) => labelled(Some(name), &self.value(r, shape, level)),
            None => self.value(r, &Shape::Any, level),
        });
        enclosed('[', items.collect(), ']')
    }

    fn map(&self, r: &mut Reader<'_>, shape: &Shape, level: usize) -> String {
        let mut entries = Vec::new();
        for _ in 0..r.map("map").unwrap_or_default() {
            let number = r.clone().int("label").ok();
            let mut key_shape = &Shape::Any;
            let (name, of) = match (shape, number) {
                (Shape::Map(name, of) | Shape::MapAnd(name, of, ..), Some(number)) => {
                    (name(number), of(number))
                }
                (Shape::MapAnd(_, _, major, key, of), None) if r.next_is(*major) => {
                    key_shape = key;
                    (None, *of)
                }
                (Shape::Options, Some(number)) => {
                    let label = u64::try_from(number).ok().and_then(|n| self.dialect.option_from_wire(n));
                    (label.map(option::name), label.map_or(&Shape::Any, shapes::option))
                }
                (Shape::Values(of), _) => (None, *of),
                _ => (None, &Shape::Any),
            };
            let key = self.value(r, key_shape, level);
            entries.push(format!("{}: {}", labelled(name, &key), self.value(r, of, level)));
        }
        enclosed('{', entries, '}')
    }

    fn message(&self, r: &mut Reader<'_>, level: usize) -> String {
        let count = r.array("array").unwrap_or_default();
        let mut items = Vec::new();
        let mut names = [].iter();
        if count > 0 {
            let wire = r.clone().uint("type").ok();
            let kind = wire.and_then(|wire| self.dialect.type_from_wire(wire));
            let number = self.value(r, &Shape::Any, level);
            let name = kind.and_then(message_type::name).map(|name| format!(" / {name} /"));
            items.push(format!("{}{}", labelled(Some("type"), &number), name.unwrap_or_default()));
            names = shapes::message_items(kind).iter();
        }
        for _ in 1..count {
            items.push(match names.next() {
                Some((name, shape)) => labelled(Some(name), &self.value(r, shape, level)),
                None => self.value(r, &Shape::Any, level),
            });
        }
        enclosed('[', items, ']')
    }

    /// A COSE structure, told from the others by its tag, or by its items and algorithm.
    fn cose(&self, r: &mut Reader<'_>, content: &'static Shape, level: usize) -> String {
        let tag = r.optional_tag();
        let count = r.array("array").unwrap_or_default();
        let algorithm = r.clone().bytes("header").ok().and_then(shapes::header_algorithm);
        let list = {
            let mut last = r.clone();
            (1..count).all(|_| last.item().is_ok()) && last.next_is(Major::Array)
        };
        // AES-CTR has its algorithm in the unprotected header; a COSE_Sign has one in none of its own headers.
        let algorithm = algorithm.or_else(|| {
            let mut unprotected = r.clone();
            unprotected.item().ok()?;
            unprotected.item().ok().and_then(shapes::header_algorithm)
        });
        let (name, content_name, last) = match (tag, count, list) {
            (Some(16), ..) | (None, 3, _) => ("COSE_Encrypt0", "ciphertext", None),
            (Some(17), ..) => ("COSE_Mac0", "payload", Some(("tag", &Shape::Any))),
            (None, 4, false) if algorithm == Some(shapes::HMAC_256) => {
                ("COSE_Mac0", "payload", Some(("tag", &Shape::Any)))
            }
            (Some(96), ..) => ("COSE_Encrypt", "ciphertext", Some(("recipients", &shapes::RECIPIENTS))),
            (None, 4, true) if algorithm.is_some() => {
                ("COSE_Encrypt", "ciphertext", Some(("recipients", &shapes::RECIPIENTS)))
            }
            (Some(98), ..) | (None, 4, true) => {
                ("COSE_Sign", "payload", Some(("signatures", &shapes::SIGNATURES)))
            }
            _ => ("COSE_Sign1", "payload", Some(("signature", &Shape::Any))),
        };
        let open = Shape::Open(content);
        let content = if content_name == "payload" { &open } else { &Shape::Any };
        let headers = [("protected", &shapes::PROTECTED), ("unprotected", &shapes::HEADER)];
        let names = headers.into_iter().chain([(content_name, content)]).chain(last);
        let items = self.tuple(r, count, names, level);
        match tag {
            Some(tag) => format!("/ {name} / {tag}({items})"),
            None => format!("/ {name} / {items}"),
        }
    }
}

/// Whether the next item looks like a COSE structure: an array that starts with a byte string.
fn is_cose(r: &Reader<'_>) -> bool {
    let mut r = r.clone();
    r.optional_tag();
    r.next_is(Major::Array) && matches!(r.array("array"), Ok(3 | 4)) && r.next_is(Major::Bytes)
}

fn starts_with(bytes: &[u8], tag: u64) -> bool {
    Reader::open(bytes).is_ok_and(|mut r| match r.optional_tag() {
        Some(found) => found == tag,
        None => r.next_is(Major::Map),
    })
}

/// Reads an integer of at most 63 bits, if one is next.
fn small_integer(r: &mut Reader<'_>) -> Option<i64> {
    let mut after = r.clone();
    let number = after.int("integer").ok()?;
    *r = after;
    Some(number)
}

fn skipped(r: &mut Reader<'_>) -> String {
    let bytes = r.item().map_or(0, <[u8]>::len);
    format!("/ not shown: {bytes} bytes / null")
}

fn labelled(name: Option<&str>, value: &str) -> String {
    name.map_or_else(|| value.to_owned(), |name| format!("/ {name} / {value}"))
}

fn named_number(number: i64, name: Option<&str>) -> String {
    name.map_or_else(|| number.to_string(), |name| format!("{number} / {name} /"))
}

/// In one line when short, else one line for each item.
fn enclosed(open: char, items: Vec<String>, close: char) -> String {
    let length = items.iter().fold(0usize, |sum, item| sum.saturating_add(item.len()).saturating_add(2));
    if length <= LINE && !items.iter().any(|item| item.contains('\n')) {
        return format!("{open}{}{close}", items.join(", "));
    }
    let lines: Vec<_> = items.iter().map(|item| format!("  {}", item.replace('\n', "\n  "))).collect();
    format!("{open}\n{}\n{close}", lines.join(",\n"))
}

fn hex(bytes: &[u8]) -> String {
    let short = if bytes.len() > WHOLE_BYTES { bytes.get(..SHORT_BYTES) } else { None };
    let mut text = "h'".to_owned();
    for byte in short.unwrap_or(bytes) {
        // Writing into memory cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    match short {
        Some(_) => format!("{text}…' / {} bytes /", bytes.len()),
        None => format!("{text}'"),
    }
}

/// An element of a component identifier, which often is a readable name.
fn element(bytes: &[u8]) -> String {
    match core::str::from_utf8(bytes) {
        Ok(name) if !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && !"'\\".contains(c)) => {
            format!("'{name}'")
        }
        _ => hex(bytes),
    }
}

/// A text in quotes, without anything that could pass for something else on a terminal.
fn text(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for character in text.chars().take(MAX_TEXT) {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' ' => quoted.push(' '),
            _ => quoted.extend(character.escape_debug()),
        }
    }
    quoted.push('"');
    if text.chars().count() > MAX_TEXT { format!("{quoted}… / {} bytes /", text.len()) } else { quoted }
}
