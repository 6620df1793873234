// SPDX-License-Identifier: Apache-2.0
use teep_proto::cose::Algorithm;

/// The TEEP cipher suite that an Agent is built with (REQ-TEEP-021): what it signs its messages, SUIT Reports and
/// Evidence with, and what the Updates for it have to be signed with (REQ-TEEP-026). TAMs have both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suite {
    /// teep-cipher-suite-sign1-esp256
    #[default]
    Esp256,
    /// teep-cipher-suite-sign1-ed25519
    Ed25519,
}

impl Suite {
    /// All there are.
    pub(super) const ALL: [Self; 2] = [Self::Esp256, Self::Ed25519];

    /// Its one algorithm.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Esp256 => Algorithm::Esp256,
            Self::Ed25519 => Algorithm::Ed25519,
        }
    }

    /// The suite with this number of an algorithm; `None` for all others.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.algorithm().number() == number)
    }
}
