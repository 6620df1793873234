// SPDX-License-Identifier: Apache-2.0
//! SUIT envelopes, manifests and reports (draft-ietf-suit-manifest-37, trust-domains-12, report-22).
//!
//! Reading starts with [`Envelope::decode`], which looks at nothing but the envelope itself.
//! [`Envelope::verify`] checks digest and signature and only then decodes the manifest, as
//! [`Verified<Manifest>`](crate::cose::Verified). Command sequences are decoded lazily, command by command,
//! after [`Sequence::validate`] has walked all of them once. Everything is borrowed from the input, so that
//! a payload is never copied by decoding.

mod encode;
mod envelope;
mod identifier;
pub mod labels;
mod manifest;
mod report;
mod sequence;
pub mod text;

pub use encode::{ManifestBuilder, SequenceBuilder, encode_envelope};
pub use envelope::Envelope;
pub use identifier::{ComponentId, Digest};
pub use manifest::{Manifest, Section};
pub use report::{Reason, Record, Report, ReportResult, SystemPropertyClaims};
pub use sequence::{Argument, Command, Index, Instructions, Parameter, Parameters, Sequence};

#[cfg(test)]
mod tests;
