// SPDX-License-Identifier: Apache-2.0
//! What the Agent says of itself: all that anybody in Linux may know, and no secret.

mod codec;
#[cfg(test)]
pub(super) mod tests;

use super::MAX_REPLY;
use crate::cbor::encode;
use crate::cose::Thumbprint;
use crate::suit::Digest;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use x509_cert::der::DateTime;

/// What the Agent is, what it trusts and what it has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentInfo {
    /// Version of the Agent.
    pub version: String,
    /// The public key that verifies the Agent's TEEP messages, an encoded COSE_Key: what a TAM enrols.
    pub public_key: Vec<u8>,
    /// The public key for key agreement to which payloads for this device alone are encrypted, an encoded COSE_Key.
    pub decryption_key: Vec<u8>,
    /// The public key that verifies the Agent's SUIT Reports, an encoded COSE_Key.
    pub report_key: Vec<u8>,
    /// The public key that verifies the Agent's Evidence, an encoded COSE_Key: what a TAM enrols with the first one.
    pub attestation_key: Vec<u8>,
    /// What the TEE measures the Agent to be, SHA-256; empty when it does or can not.
    pub measurement: Vec<u8>,
    /// What the TEE measures itself to be, SHA-256; empty when it does or can not.
    pub tee_measurement: Vec<u8>,
    /// The algorithm that signs its TEEP messages, by its name in the registry of COSE, for example "ESP256".
    pub suite: String,
    /// What keeps Linux from putting an older copy of the Agent's storage back.
    pub rollback_protection: RollbackProtection,
    /// What the platform can do.
    pub platform: Abilities,
    /// What is in the Agent's storage; why it cannot be read, if it cannot, for people.
    pub stored: Result<Stored, String>,
}

/// What keeps Linux from putting an older copy of the TEE's secure storage back, which the TEE cannot tell from the
/// present one by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollbackProtection {
    /// Nothing.
    #[default]
    None,
    /// A counter or memory that only the TEE can write: in OP-TEE the RPMB partition of an eMMC.
    Rpmb,
}

/// What a platform's installer can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// An image passes through in constant memory and is checked completely before it is committed. Otherwise it is
    /// held in the Agent's heap, and checked by the commit.
    pub checks_first: bool,
    /// Trusted Applications can be removed.
    pub removes: bool,
    /// It says which Trusted Applications are installed.
    pub lists: bool,
    /// It says how many sessions a Trusted Application has.
    pub counts_sessions: bool,
    /// It takes orders from the Agent alone. Otherwise any program in Linux can install what the platform's owner signed.
    pub exclusive: bool,
}

/// What is in the Agent's storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Whom it trusts, with what.
    pub trust: TrustInfo,
    /// Trusted Components that are installed.
    pub components: Vec<InstalledComponent>,
    /// Manifests that installed them.
    pub manifests: Vec<InstalledManifest>,
    /// What is still to be done.
    pub pending: Pending,
    /// Places for components. Here and below, those of the trust store are its own, and not counted.
    pub component_room: Room,
    /// Places for manifests.
    pub manifest_room: Room,
    /// Places for sequence numbers, of manifests that are installed or were.
    pub sequence_number_room: Room,
}

impl Stored {
    /// The manifests to which the component with this position belongs.
    pub fn owners(&self, component: usize) -> impl Iterator<Item = &InstalledManifest> {
        self.manifests.iter().filter(move |manifest| manifest.components.contains(&component))
    }

    /// The manifests that need `manifest`.
    pub fn dependents(&self, manifest: &InstalledManifest) -> impl Iterator<Item = &InstalledManifest> {
        let position = self.manifests.iter().position(|other| other.manifest_id == manifest.manifest_id);
        self.manifests
            .iter()
            .filter(move |other| position.is_some_and(|position| other.dependencies.contains(&position)))
    }

    /// Sequence number of the manifest that installed the component with this position: the highest of its owners'.
    pub fn sequence_number(&self, component: usize) -> Option<u64> {
        self.owners(component).map(|manifest| manifest.sequence_number).max()
    }
}

/// How much of something is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Places taken.
    pub used: u64,
    /// Places there are.
    pub limit: u64,
}

/// One Trusted Component the Agent has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledComponent {
    /// Elements of its SUIT component identifier.
    pub component_id: Vec<Vec<u8>>,
    /// UUID of the Trusted Application that it is; `None` for data.
    pub uuid: Option<[u8; 16]>,
    /// Version of the Trusted Application, as the platform compares it; `None` for data, and while it is not known.
    pub version: Option<u32>,
    /// Bytes of it.
    pub size: u64,
    /// Its digest; `None` while it is open which bytes the platform has, so that it will be installed again.
    pub digest: Option<Digest>,
    /// Sessions that are open with the Trusted Application; `None` for data, and when the platform does not tell.
    pub sessions: Option<u32>,
}

/// One manifest that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledManifest {
    /// Elements of the component identifier of the manifest itself.
    pub manifest_id: Vec<Vec<u8>>,
    /// suit-manifest-sequence-number.
    pub sequence_number: u64,
    /// Who signed it.
    pub signer: Thumbprint,
    /// Whether that key is still trusted to sign manifests for all that this one names.
    pub signer_trusted: bool,
    /// Positions in [`TrustInfo::tams`] of the TAMs that want it.
    pub tams: Vec<usize>,
    /// How many TAMs want it that are not trusted any more.
    pub former_tams: u64,
    /// Positions in [`Stored::manifests`] of the manifests that it needs.
    pub dependencies: Vec<usize>,
    /// Positions in [`Stored::components`] of its own components.
    pub components: Vec<usize>,
}

/// What is still to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// What the platform is to do for that to be true which is said to be installed. It is tried again with the next
    /// command.
    pub actions: Vec<PendingAction>,
    /// Objects in storage that nothing installed needs: of an Update that is being carried out, or what an interruption
    /// left, which is deleted with the next command.
    pub objects: u64,
    /// Trusted Applications that were replaced or removed while they had sessions.
    pub still_running: Vec<StillRunning>,
}

/// Something that the platform is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingAction {
    /// Install the Trusted Application with this UUID.
    Install([u8; 16]),
    /// Remove it.
    Remove([u8; 16]),
}

/// A Trusted Application of which an old copy may run still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillRunning {
    /// Its UUID.
    pub uuid: [u8; 16],
    /// Sessions at most that go on with the code from before until they end. An instance that the TEE keeps alive
    /// without a session counts as one.
    pub sessions: u32,
}

/// Trust anchors, and where they are from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustInfo {
    /// Where they are from.
    pub source: TrustSource,
    /// Sequence number of the trust store.
    pub sequence_number: u64,
    /// Role TAM.
    pub tams: Vec<TamInfo>,
    /// Role Trusted Component signer.
    pub signers: Vec<SignerInfo>,
    /// Role Verifier.
    pub verifiers: Vec<AnchorKey>,
}

/// Where trust anchors are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustSource {
    /// They were built into the Agent.
    #[default]
    BuiltIn,
    /// They were provisioned, once, and not changed since.
    Provisioned,
    /// A manifest brought them.
    Updated,
}

/// A TAM the Agent trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TamInfo {
    /// Where it is. Its keys count for messages from there only.
    pub uri: String,
    /// The numbers of its messages, by the name of the setting.
    pub dialect: String,
    /// It is obeyed only after a Verifier vouched for it.
    pub attestation_required: bool,
    /// Its keys.
    pub keys: Vec<AnchorKey>,
    /// How many more keys it has, for which the reply has no room.
    pub more_keys: u64,
    /// The last conversation with it since the Agent started.
    pub last_contact: Option<LastContact>,
}

/// The last conversation with a TAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastContact {
    /// Seconds since it began.
    pub seconds_ago: u64,
    /// How far it came.
    pub course: Course,
}

/// How far a conversation with a TAM came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The Broker was told to connect.
    Begun,
    /// A QueryRequest was answered with a QueryResponse.
    Answered,
    /// It ended with this err-code, the Agent's or the TAM's; 0 for Success.
    Ended(u64),
    /// The Broker says that it did not reach the TAM.
    Failed,
}

/// A signer whose manifests the Agent installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerInfo {
    /// Its key.
    pub key: AnchorKey,
    /// Elements of component identifiers: it may touch what begins with one of them.
    pub prefixes: Vec<Vec<Vec<u8>>>,
    /// How many more prefixes it has, for which the reply has no room.
    pub more_prefixes: u64,
    /// It may use some of the commands of manifests only.
    pub commands_limited: bool,
    /// Its manifests may bring personalization data that was not encrypted.
    pub personalization_in_clear: bool,
    /// Its manifests may change the trust anchors.
    pub changes_trust: bool,
    /// Components its manifests may have installed, where that is limited.
    pub components: Option<Room>,
    /// Bytes of them.
    pub bytes: Option<Room>,
    /// Its manifests that may be installed.
    pub manifests: Option<Room>,
}

/// A key that is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnchorKey {
    /// The COSE Key Thumbprint of the key.
    pub thumbprint: Thumbprint,
    /// When it is valid, if it came in a certificate.
    pub certificate: Option<Validity>,
}

/// When a certificate is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From this moment on.
    pub not_before: u64,
    /// Until this one.
    pub not_after: u64,
}

/// As a person reads it, to the second; moments later than the year 9999 as they are.
impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, moment) in [("from", self.not_before), (" until", self.not_after)] {
            match DateTime::from_unix_duration(Duration::from_secs(moment)) {
                Ok(date) => write!(f, "{word} {date}")?,
                Err(_) => write!(f, "{word} {moment} s after 1970")?,
            }
        }
        Ok(())
    }
}

/// How many keys of a TAM and prefixes of a signer are told, until it fits. With none of them it always does.
const CLIPS: [usize; 4] = [4, 2, 1, 0];

impl AgentInfo {
    /// Takes keys of TAMs and prefixes of signers out until it fits into a reply, the same number from each that has so
    /// many, and says with each how many. No anchor is left out.
    pub fn fit(&mut self) {
        for most in CLIPS {
            if self.fits() {
                return;
            }
            let Ok(stored) = &mut self.stored else { return };
            for tam in &mut stored.trust.tams {
                clip(&mut tam.keys, &mut tam.more_keys, most);
            }
            for signer in &mut stored.trust.signers {
                clip(&mut signer.prefixes, &mut signer.more_prefixes, most);
            }
        }
    }

    fn fits(&self) -> bool {
        // The head of the reply around it has two bytes.
        encode(|w| self.write(w)).len() <= MAX_REPLY.saturating_sub(2)
    }
}

/// Takes the end of `list` away, so that `most` items stay, and counts it in `more`.
fn clip<T>(list: &mut Vec<T>, more: &mut u64, most: usize) {
    *more = more.saturating_add(list.len().saturating_sub(most) as u64);
    list.truncate(most);
}
