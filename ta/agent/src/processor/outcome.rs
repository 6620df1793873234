// SPDX-License-Identifier: Apache-2.0
//! How a procedure ended.

use super::{Content, Stop};
use crate::env::EnvError;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use teep_proto::cose::Verified;
use teep_proto::suit::{ComponentId, Digest, Envelope, Manifest, Reason, Record};
use teep_proto::{Error, Kind};

/// What an Update procedure that ran to its end wants to be there.
#[derive(Debug)]
pub(crate) struct Installed<'b> {
    /// The root manifest first, then each dependency that took part, in the order in which they were met.
    pub(crate) manifests: Vec<ProcessedManifest<'b>>,
    /// Their components, each once.
    pub(crate) components: Vec<ProcessedComponent<'b>>,
    /// What reporting policies asked for, in order; bounded.
    pub(crate) records: Vec<Record<'static>>,
}

/// A manifest that took part.
#[derive(Debug)]
pub(crate) struct ProcessedManifest<'b> {
    /// Under which it is stored.
    pub(crate) id: ComponentId<'b>,
    /// As it came, or as it was stored.
    pub(crate) envelope: Envelope<'b>,
    /// With its signer.
    pub(crate) manifest: Verified<Manifest<'b>>,
    /// The manifests it depends on, by their identifiers.
    pub(crate) dependencies: Vec<ComponentId<'b>>,
    /// Its own components: those of suit-components that are no dependencies.
    pub(crate) components: Vec<ComponentId<'b>>,
}

/// A component of a manifest that took part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessedComponent<'b> {
    /// The component.
    pub(crate) id: ComponentId<'b>,
    /// Position in [`Installed::manifests`] of the one that wrote it, else of the first that lists it.
    pub(crate) owner: usize,
    /// Its bytes; [`Content::Installed`] if they do not change.
    pub(crate) content: Content<'b>,
    /// Digest of the bytes: the one they were compared with, else SHA-256.
    pub(crate) digest: Digest,
    /// Whether they were decrypted on the way.
    pub(crate) confidential: bool,
}

/// Why a procedure ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It cannot be done.
    Failed(Failure),
    /// A payload has to come from the network first; the procedure is then run again.
    Suspended,
    /// Storage or memory: it may be right another time.
    Env(EnvError),
}

/// Why and where a procedure failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In the words of SUIT Reports.
    pub(crate) reason: Reason,
    /// The command, if it was one (AMB-SUIT-17).
    pub(crate) record: Record<'static>,
    /// One phrase for people.
    pub(crate) text: Cow<'static, str>,
    /// What reporting policies asked for up to there.
    pub(crate) records: Box<[Record<'static>]>,
}

impl Failure {
    /// A failure before any command ran (AMB-SUIT-17).
    pub(crate) fn early(reason: Reason, text: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, record: Record::default(), text: text.into(), records: Box::default() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::early(reason(&error), error.what)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fail(reason(&error), error.what.into())
    }
}

/// What a SUIT Report calls an error of decoding or verifying.
fn reason(error: &Error) -> Reason {
    match error.kind {
        Kind::Unauthenticated | Kind::BadCertificate | Kind::CertificateExpired => Reason::Unauthenticated,
        Kind::UnsupportedAlgorithm => Reason::AlgorithmUnsupported,
        Kind::Unsupported => Reason::CommandUnsupported,
        _ => Reason::CborParse,
    }
}
