// SPDX-License-Identifier: Apache-2.0
//! The device, as a procedure sees it.

use crate::env::EnvError;
use alloc::borrow::Cow;
use teep_proto::cose::{Thumbprint, Verified};
use teep_proto::suit::{ComponentId, Digest, DigestAlgorithm, Envelope, Manifest, Reason};

/// Why a command, and with it the procedure, ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It cannot be done: the reason in the words of SUIT Reports, and one phrase for people.
    Fail(Reason, Cow<'static, str>),
    /// A payload has to come from the network first. The same procedure is run again when it is there.
    Suspended,
    /// Storage or memory: it may be right another time.
    Env(EnvError),
}

impl Stop {
    /// A defect of this processor: something is not where it put it.
    pub(super) const INTERNAL: Self = Self::Env(EnvError::BAD_STATE);

    /// [`Stop::Fail`] with a fixed phrase.
    pub(super) fn fail(reason: Reason, text: &'static str) -> Self {
        Self::Fail(reason, Cow::Borrowed(text))
    }
}

impl From<EnvError> for Stop {
    fn from(error: EnvError) -> Self {
        Self::Env(error)
    }
}

/// Bytes of a component during a procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'b> {
    /// What is installed under the component's identifier, or nothing.
    Installed,
    /// In the message or in a manifest.
    Bytes(&'b [u8]),
    /// In storage, and nothing refers to it yet.
    Staged(Staged),
}

/// An object in storage that holds the bytes of a component to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Staged {
    /// Number of the object.
    pub(crate) object: u64,
    /// Bytes in it.
    pub(crate) size: u64,
}

/// Settings for manifests that do not keep all rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Refuses what the published examples of TEEP and trust-domains do against the text of trust-domains
    /// (suit.md 13.3): process-dependency without dependency-integrity before it, and a dependent without a section
    /// that its dependency has. Otherwise the check is made by process-dependency itself, and such a section skipped.
    pub(crate) strict_dependencies: bool,
    /// Takes the first component's identifier for that of a root manifest without manifest-component-id
    /// (AMB-SUIT-20). Otherwise it is refused.
    pub(crate) unnamed_manifests: bool,
}

/// The device, as a procedure sees it. Nothing a procedure does through it lasts before the caller commits it.
///
/// Where `content` is [`Content::Installed`], the method is about what is installed under `id`: a component, or the
/// envelope of a manifest as it was stored.
pub(crate) trait World<'b> {
    /// Settings.
    fn policy(&self) -> Policy;

    /// Vendor identifiers of this device.
    fn vendor_ids(&self) -> &[[u8; 16]];

    /// Class identifiers of this device.
    fn class_ids(&self) -> &[[u8; 16]];

    /// The identifier of this very device, if it has one.
    fn device_id(&self) -> Option<[u8; 16]>;

    /// Whether `signer` may name `id`, which is a component or a manifest, and if there is a `command` (its code), do
    /// this to it (REQ-SUIT-030, REQ-SUIT-054).
    ///
    /// # Errors
    /// [`Reason::ComponentUnauthorised`].
    fn authorise(
        &mut self,
        signer: Thumbprint,
        id: &ComponentId<'b>,
        command: Option<i64>,
    ) -> Result<(), Stop>;

    /// Whether this device can hold the component `id`.
    ///
    /// # Errors
    /// [`Reason::ComponentUnsupported`].
    fn supports(&mut self, id: &ComponentId<'b>) -> Result<(), Stop>;

    /// Bytes of the component; `None` when there is nothing.
    ///
    /// # Errors
    /// The TEE's reason.
    fn size(&mut self, id: &ComponentId<'b>, content: Content<'b>) -> Result<Option<u64>, Stop>;

    /// Whether the component has this digest. Not when there is nothing, or when it is uncertain what there is. Of
    /// components only, never of manifests.
    ///
    /// # Errors
    /// The TEE's reason.
    fn matches(&mut self, id: &ComponentId<'b>, content: Content<'b>, digest: &Digest) -> Result<bool, Stop>;

    /// Digest of the component; `None` when there is nothing, or when it cannot be told with this algorithm. Of
    /// components only, never of manifests.
    ///
    /// # Errors
    /// The TEE's reason.
    fn digest(
        &mut self,
        id: &ComponentId<'b>,
        content: Content<'b>,
        algorithm: DigestAlgorithm,
    ) -> Result<Option<Digest>, Stop>;

    /// Whether the component is exactly `expected`, compared in a time that depends on nothing but the lengths
    /// (REQ-SUIT-023).
    ///
    /// # Errors
    /// The TEE's reason; also when the platform does not let it be read back.
    fn equals(&mut self, id: &ComponentId<'b>, content: Content<'b>, expected: &[u8]) -> Result<bool, Stop>;

    /// The payload at `uri` (http or https), of at most `limit` bytes. `digest` is what it will probably be compared
    /// with, so that it can be hashed while it arrives; another digest is no error here.
    ///
    /// # Errors
    /// [`Stop::Suspended`] while it is not there; [`Reason::OperationFailed`] when it cannot be had.
    fn fetch(
        &mut self,
        uri: &'b str,
        digest: Option<Digest>,
        limit: Option<u64>,
    ) -> Result<Content<'b>, Stop>;

    /// The plaintext of `source`, which is what the component `source_id` holds, by the SUIT_Encryption_Info `info`.
    ///
    /// # Errors
    /// [`Reason::OperationFailed`], [`Reason::AlgorithmUnsupported`], [`Reason::CoseUnsupported`].
    fn decrypt(
        &mut self,
        source_id: &ComponentId<'b>,
        source: Content<'b>,
        info: &'b [u8],
    ) -> Result<Content<'b>, Stop>;

    /// A copy of `source`, which is what the component `source_id` holds; never [`Content::Installed`].
    ///
    /// # Errors
    /// [`Reason::OperationFailed`], also when the platform does not let it be read back.
    fn copy(&mut self, source_id: &ComponentId<'b>, source: Content<'b>) -> Result<Content<'b>, Stop>;

    /// The envelope that `content` is, in memory for the rest of the run.
    ///
    /// # Errors
    /// [`Reason::OperationFailed`] when there is none or it is too large.
    fn open(&mut self, id: &ComponentId<'b>, content: Content<'b>) -> Result<&'b [u8], Stop>;

    /// Checks an envelope against the anchors of the Trusted Component signer role (REQ-SUIT-041).
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`], or what is wrong with the manifest.
    fn verify(&mut self, envelope: &Envelope<'b>) -> Result<Verified<Manifest<'b>>, Stop>;

    /// The highest sequence number that was ever installed under `manifest_id` (REQ-SUIT-006, REQ-SUIT-128).
    fn floor(&mut self, manifest_id: &ComponentId<'b>) -> Option<u64>;

    /// Whether `id`, a component or a manifest, may be overwritten by a procedure in which the manifests `running`
    /// take part: each component or dependency link on it is one of theirs (suit.md 9.5 rule 8, REQ-SUIT-050).
    ///
    /// # Errors
    /// [`Reason::OperationFailed`].
    fn overwritable(&mut self, id: &ComponentId<'b>, running: &[ComponentId<'b>]) -> Result<(), Stop>;

    /// Uninstall: takes away the link of `manifest_id` on the component `id`. One that is not there is taken away
    /// already (suit.md 9.5 rule 3).
    ///
    /// # Errors
    /// The TEE's reason.
    fn unlink_component(&mut self, manifest_id: &ComponentId<'b>, id: &ComponentId<'b>) -> Result<(), Stop>;

    /// Uninstall: takes away the link of `manifest_id` on the manifest `dependency_id`. Gives the stored envelope of
    /// `dependency_id` if that was its last link, once, so that its suit-uninstall is run (suit.md 9.5 rules 3 to 5).
    ///
    /// # Errors
    /// The TEE's reason.
    fn unlink_dependency(
        &mut self,
        manifest_id: &ComponentId<'b>,
        dependency_id: &ComponentId<'b>,
    ) -> Result<Option<&'b [u8]>, Stop>;
}
