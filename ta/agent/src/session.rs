// SPDX-License-Identifier: Apache-2.0
use crate::attestation::TamAttestation;
use crate::report::Protection;
use crate::request::Requested;
use crate::update::Work;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// What the Agent remembers of one TEEP-over-HTTP session, which is one session of the TEE client API. It is to be
/// ended with [`Agent::close`](crate::Agent::close).
#[derive(Debug, Default)]
pub struct Session {
    /// The URI of the TAM of the conversation under way. Whether it is trusted still is asked of the trust store.
    pub(crate) tam: Option<String>,
    /// The encoded component identifier somebody in Linux asked for.
    pub(crate) requested: Option<Requested>,
    /// The encoded identifiers of the root manifests that nobody in Linux needs any longer.
    pub(crate) unneeded: Vec<Vec<u8>>,
    /// URIs of the TAMs that the policy check under way in this session has named.
    pub(crate) policy_checked: Vec<String>,
    /// How SUIT Reports are protected, since the TAM said what it can read.
    pub(crate) protection: Protection,
    /// Whether somebody vouched for the TAM.
    pub(crate) tam_attestation: TamAttestation,
    /// An Update that waits for a payload.
    pub(crate) work: Option<Box<Work>>,
}

impl Session {
    /// Begins a conversation with a TAM, after the one before has ended.
    pub(crate) fn begin(&mut self, tam: String) {
        let policy_checked = core::mem::take(&mut self.policy_checked);
        *self = Self { tam: Some(tam), policy_checked, ..Self::default() };
    }
}
