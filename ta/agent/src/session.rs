// SPDX-License-Identifier: Apache-2.0
use crate::attestation::TamAttestation;
use crate::report::Protection;
use crate::update::Work;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What the Agent remembers of one TEEP-over-HTTP session, which is one session of the TEE client API. It is to be
/// ended with [`Agent::close`](crate::Agent::close).
#[derive(Debug, Default)]
pub struct Session {
    /// The TAM of the conversation under way, an index into the configuration.
    pub(crate) tam: Option<usize>,
    /// The encoded component identifier somebody in Linux asked for.
    pub(crate) requested: Option<Vec<u8>>,
    /// The encoded identifiers of the root manifests that nobody in Linux needs any longer.
    pub(crate) unneeded: Vec<Vec<u8>>,
    /// How many TAMs a policy check in this session has gone through.
    pub(crate) policy_checked: usize,
    /// How SUIT Reports are protected, since the TAM said what it can read.
    pub(crate) protection: Protection,
    /// Whether somebody vouched for the TAM.
    pub(crate) tam_attestation: TamAttestation,
    /// An Update that waits for a payload.
    pub(crate) work: Option<Box<Work>>,
}

impl Session {
    /// Begins a conversation with a TAM, after the one before has ended.
    pub(crate) fn begin(&mut self, tam: usize) {
        *self = Self { tam: Some(tam), policy_checked: self.policy_checked, ..Self::default() };
    }
}
