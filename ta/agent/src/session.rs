// SPDX-License-Identifier: Apache-2.0
use alloc::vec::Vec;

/// What the Agent remembers of one TEEP-over-HTTP session, which is one session of the TEE client API.
#[derive(Debug, Default)]
pub struct Session {
    /// The TAM of the conversation under way, an index into the configuration.
    pub(crate) tam: Option<usize>,
    /// The encoded component identifier somebody in Linux asked for.
    pub(crate) requested: Option<Vec<u8>>,
    /// The encoded manifest component identifier somebody in Linux no longer needs.
    pub(crate) unneeded: Option<Vec<u8>>,
    /// How many TAMs a policy check in this session has gone through.
    pub(crate) policy_checked: usize,
}

impl Session {
    /// Begins a conversation with a TAM.
    pub(crate) fn begin(&mut self, tam: usize) {
        self.tam = Some(tam);
        self.requested = None;
        self.unneeded = None;
    }

    /// Ends the conversation; a policy check may go on with the next TAM.
    pub(crate) fn end(&mut self) {
        self.tam = None;
        self.requested = None;
        self.unneeded = None;
    }
}
