// SPDX-License-Identifier: Apache-2.0
use super::Major;
use alloc::vec::Vec;
use minicbor::Encoder;

/// Encodes with `write` into a new vector. Writing into memory cannot fail.
pub fn encode(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer { encoder: Encoder::new(Sink::Memory(Vec::new())) };
    write(&mut writer);
    writer.encoder.into_writer().into_bytes()
}

/// As [`encode`], for what contains a payload: `write` runs twice, the first time only to learn the length, so
/// that memory is allocated once and for no more than that.
pub fn encode_exact(write: impl Fn(&mut Writer)) -> Vec<u8> {
    let mut measuring = Writer { encoder: Encoder::new(Sink::Length(0)) };
    write(&mut measuring);
    let Sink::Length(len) = measuring.encoder.into_writer() else { return Vec::new() };
    let mut writer = Writer { encoder: Encoder::new(Sink::Memory(Vec::with_capacity(len))) };
    write(&mut writer);
    writer.encoder.into_writer().into_bytes()
}

/// Encodes preferred, definite-length CBOR into memory. The caller writes maps in key order.
#[derive(Debug)]
pub struct Writer {
    encoder: Encoder<Sink>,
}

/// What a [`Writer`] fills.
#[derive(Debug)]
enum Sink {
    Memory(Vec<u8>),
    /// Nothing: the bytes are only counted.
    Length(usize),
}

impl Sink {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Length(_) => Vec::new(),
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        match self {
            Self::Memory(memory) => memory.extend_from_slice(bytes),
            Self::Length(len) => *len = len.saturating_add(bytes.len()),
        }
    }
}

impl minicbor::encode::Write for Sink {
    type Error = core::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.put(bytes);
        Ok(())
    }
}

/// What writing into memory returns: it has no error to report.
type Written = Result<(), minicbor::encode::Error<core::convert::Infallible>>;

fn infallible(written: Written) {
    debug_assert!(written.is_ok());
}

impl Writer {
    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        infallible(self.encoder.u64(value).map(|_| ()));
        self
    }

    /// An integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        infallible(self.encoder.i64(value).map(|_| ()));
        self
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        infallible(self.encoder.bytes(value).map(|_| ()));
        self
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        infallible(self.encoder.str(value).map(|_| ()));
        self
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        infallible(self.encoder.bool(value).map(|_| ()));
        self
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        infallible(self.encoder.null().map(|_| ()));
        self
    }

    /// The head of an array of `len` items.
    pub fn array(&mut self, len: usize) -> &mut Self {
        infallible(self.encoder.array(len as u64).map(|_| ()));
        self
    }

    /// The head of a map of `len` entries.
    pub fn map(&mut self, len: usize) -> &mut Self {
        infallible(self.encoder.map(len as u64).map(|_| ()));
        self
    }

    /// A tag; the tagged item follows.
    pub fn tag(&mut self, tag: u64) -> &mut Self {
        infallible(self.encoder.tag(minicbor::data::Tag::new(tag)).map(|_| ()));
        self
    }

    /// One or more items that are encoded already.
    pub fn raw(&mut self, encoded: &[u8]) -> &mut Self {
        self.encoder.writer_mut().put(encoded);
        self
    }
}

/// Appends the head of a byte string of `len` bytes: what precedes the content when it is hashed in place.
pub fn bytes_head(out: &mut Vec<u8>, len: usize) {
    let head = encode(|w| {
        w.uint(len as u64);
    });
    let mut head = head.into_iter();
    if let Some(first) = head.next() {
        out.push(first | (Major::Bytes as u8) << 5);
    }
    out.extend(head);
}
