// SPDX-License-Identifier: Apache-2.0
//! Wire formats of TEEP (Trusted Execution Environment Provisioning), SUIT and COSE.
//!
//! Shared by the TEEP Agent, the TAM and the author's tool. Everything here is `no_std`, contains no
//! `unsafe`, and treats every byte as hostile: decoding is strict (definite lengths, shortest
//! integers, no duplicate keys, no trailing bytes, bounded depth and size; see [`cbor`] and [`limits`])
//! and nothing inside a message or manifest is available before its signature was verified (see
//! [`cose::Verified`]).
//!
//! | Module | Document |
//! | --- | --- |
//! | [`teep`] | draft-ietf-teep-protocol-26, final numbers |
//! | [`suit`] | draft-ietf-suit-manifest-37, trust-domains-12, report-22 |
//! | [`cose`] | RFC 9052, RFC 9053, RFC 9679 |
//! | [`teec`] | the private interface between TEEP Broker and TEEP Agent |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cbor;
pub mod cose;
mod error;
pub mod limits;
pub mod suit;
pub mod teec;
pub mod teep;

pub use error::{Error, Kind, Step};
