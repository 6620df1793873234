// SPDX-License-Identifier: Apache-2.0
use super::labels::{option, pre_26};
use super::{ErrCode, Message};

/// Which numbers a peer speaks. Both dialects announce protocol version 0, so the dialect is a setting made
/// for each peer before the first message; it is never guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The numbers of draft-ietf-teep-protocol-26 and the IANA registry.
    #[default]
    Final,
    /// The numbers of the drafts before -26 (as of -24 and -25), for peers that were never updated.
    Pre26,
}

impl Dialect {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Final, Self::Pre26];

    /// The one dialect in which `payload` (without COSE wrapper) is a valid message; `None` when it is one in
    /// both or in neither.
    ///
    /// This is for the line of log that explains a refusal, and for showing a message to a person. Never
    /// choose by it how to read a message: the same QueryRequest is valid in both dialects.
    pub fn detect(payload: &[u8]) -> Option<Self> {
        let valid = |dialect| Message::inspect_in(dialect, payload).is_ok();
        match (valid(Self::Final), valid(Self::Pre26)) {
            (true, false) => Some(Self::Final),
            (false, true) => Some(Self::Pre26),
            _ => None,
        }
    }

    /// Its name in configuration files and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Pre26 => "pre-26",
        }
    }

    /// The other one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Final => Self::Pre26,
            Self::Pre26 => Self::Final,
        }
    }

    /// Number on the wire of the message type `number` of [`super::labels::message_type`].
    pub(crate) fn type_on_wire(self, number: u64) -> u64 {
        self.translate(&pre_26::MESSAGE_TYPE, number)
    }

    /// Number in [`super::labels::message_type`] of what stands on the wire.
    pub(crate) fn type_from_wire(self, wire: u64) -> Option<u64> {
        match self {
            Self::Final => Some(wire),
            Self::Pre26 => position(&pre_26::MESSAGE_TYPE, wire),
        }
    }

    /// Number on the wire of the label `label` of [`option`].
    pub(crate) fn option_on_wire(self, label: u64) -> u64 {
        self.translate(&pre_26::OPTION, label)
    }

    /// Number in [`option`] of a label on the wire: [`option::RESERVED`] for one that may not be used, `None`
    /// for an unassigned one, which is ignored (REQ-TEEP-008).
    pub(crate) fn option_from_wire(self, wire: u64) -> Option<u64> {
        match self {
            Self::Final => (wire <= option::LAST_ASSIGNED).then_some(wire),
            Self::Pre26 if wire == pre_26::RETIRED_OPTION => Some(option::RESERVED),
            Self::Pre26 => position(&pre_26::OPTION, wire),
        }
    }

    /// Translates an error code in either direction. The two codes that changed places stand for each other,
    /// so that unknown codes stay unknown and every code survives the way there and back.
    pub(super) fn translate_err_code(self, code: u64) -> u64 {
        let failed = ErrCode::MANIFEST_PROCESSING_FAILED.number();
        match (self, code) {
            (Self::Pre26, pre_26::ERR_MANIFEST_PROCESSING_FAILED) => failed,
            (Self::Pre26, code) if code == failed => pre_26::ERR_MANIFEST_PROCESSING_FAILED,
            (_, code) => code,
        }
    }

    fn translate(self, table: &[u64], number: u64) -> u64 {
        let old = usize::try_from(number).ok().and_then(|index| table.get(index));
        match self {
            Self::Final => number,
            Self::Pre26 => old.copied().unwrap_or(number),
        }
    }
}

impl core::fmt::Display for Dialect {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl core::str::FromStr for Dialect {
    type Err = &'static str;

    /// Reads a [`name`](Self::name); nothing else is one.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|dialect| dialect.name() == name);
        named.ok_or("the dialect is \"final\" or \"pre-26\"")
    }
}

fn position(table: &[u64], wire: u64) -> Option<u64> {
    table.iter().position(|old| *old == wire).and_then(|index| u64::try_from(index).ok())
}
