// SPDX-License-Identifier: Apache-2.0
//! The generic functions of `teep-proto` in use, so that compiling this makes their object code; what is
//! not generic is in the object code of the library itself. `panic-check.sh` looks at both.
#![no_std]
#![allow(missing_docs, reason = "nobody calls these")]

extern crate alloc;

use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::cbor::{encode, encode_exact};
use teep_proto::cose::{Accept, PublicKey, Signatures, TrustAnchor};
use teep_proto::eat::{self, Expected};
use teep_proto::suit::{ComponentId, Envelope, Sequence, SequenceBuilder};
use teep_proto::teep::Message;

pub fn component_id(elements: &[Vec<u8>]) -> Vec<u8> {
    ComponentId::encode(elements)
}

pub fn item(bytes: &[u8]) -> Vec<u8> {
    encode(|w| {
        w.bytes(bytes);
    })
}

pub fn large_item(bytes: &[u8]) -> Vec<u8> {
    encode_exact(|w| {
        w.bytes(bytes);
    })
}

pub fn message(bytes: &[u8], keys: &[PublicKey]) -> Result<&'static str, Error> {
    let payload = Signatures::decode(bytes)?.verify(keys)?;
    Message::decode(payload).map(|message| message.get().name())
}

pub fn detached(bytes: &[u8], payload: &[u8], keys: &[PublicKey]) -> Result<usize, Error> {
    Signatures::decode(bytes)?.verify_detached(payload, keys).map(|verified| verified.get().len())
}

pub fn envelope(bytes: &[u8], keys: &[PublicKey]) -> Result<u64, Error> {
    Envelope::decode(bytes)?.verify(keys).map(|manifest| manifest.get().sequence_number)
}

pub fn with(bytes: &[u8], payload: &[u8], keys: &[PublicKey], accept: Accept) -> Result<usize, Error> {
    let signatures = Signatures::decode(bytes)?;
    signatures.verify_with(keys, accept)?;
    signatures.verify_detached_with(payload, keys, accept).map(|verified| verified.get().len())
}

pub fn old_envelope(bytes: &[u8], keys: &[PublicKey], accept: Accept) -> Result<u64, Error> {
    Envelope::decode(bytes)?.verify_with(keys, accept).map(|manifest| manifest.get().sequence_number)
}

pub fn below_anchors(bytes: &[u8], anchors: &[TrustAnchor], accept: Accept) -> Result<usize, Error> {
    let signatures = Signatures::decode(bytes)?;
    let all = signatures.verify_each(anchors, accept).count();
    signatures.verify_with(anchors, accept).map(|_| all)
}

pub fn envelope_below_anchors(bytes: &[u8], anchors: &[TrustAnchor], accept: Accept) -> Result<u64, Error> {
    let envelope = Envelope::decode(bytes)?;
    envelope.verify_with(anchors, accept).map(|manifest| manifest.get().sequence_number)
}

pub fn token(bytes: &[u8], anchors: &[TrustAnchor], expected: &Expected<'_>) -> Result<usize, Error> {
    eat::verify(bytes, anchors, expected).map(|claims| claims.get().manifests.len())
}

pub fn commands(sequence: Sequence<'_>) -> Result<usize, Error> {
    let mut count = 0usize;
    sequence.visit(|_| {
        count = count.saturating_add(1);
        Ok(())
    })?;
    Ok(count)
}

pub fn try_each(alternatives: &[Option<Vec<u8>>]) -> Vec<u8> {
    SequenceBuilder::new().try_each(alternatives).build()
}
