// SPDX-License-Identifier: Apache-2.0
//! SUIT envelopes, manifests and reports (draft-ietf-suit-manifest-37, trust-domains-12,
//! update-management-14, report-22).
//!
//! Reading starts with [`Envelope::decode`], which looks at nothing but the envelope itself.
//! [`Envelope::verify`] checks digest and signature and only then decodes the manifest, as
//! [`Verified<Manifest>`](crate::cose::Verified). Command sequences are decoded lazily, command by command,
//! after [`Sequence::validate`] has walked all of them once. Everything is borrowed from the input, so that
//! a payload is never copied by decoding.

mod authentication;
mod build;
mod description;
mod digest;
mod encode;
mod envelope;
mod identifier;
pub mod labels;
mod manifest;
mod nested;
mod parameter;
mod report;
mod rules;
mod sequence;
pub mod text;

pub use authentication::{AuthenticationBlock, Authenticator, TrustedKeys};
pub use build::SequenceBuilder;
pub use description::{Language, Text};
pub use digest::{Digest, DigestAlgorithm, DigestState};
pub use encode::{EnvelopeBuilder, ManifestBuilder, encode_envelope};
pub use envelope::Envelope;
pub use identifier::ComponentId;
pub use manifest::{Dependency, Manifest, Section, Severable};
pub use parameter::{Parameter, Parameters, Value};
pub use report::{
    CapabilityReport, ComponentCapability, OpenedReport, Reason, Record, Report, ReportEntry, ReportKeys,
    ReportLayer, ReportResult, SystemPropertyClaims,
};
pub use sequence::{Argument, Command, Index, Instructions, Sequence};

#[cfg(test)]
mod tests;
