// SPDX-License-Identifier: Apache-2.0
/// Reasons of suit-report-result-reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// No failure.
    Ok = 0,
    /// The manifest could not be decoded.
    CborParse = 1,
    /// COSE structure or header not supported.
    CoseUnsupported = 2,
    /// Algorithm not supported.
    AlgorithmUnsupported = 3,
    /// Signature, MAC or envelope digest wrong.
    Unauthenticated = 4,
    /// Unknown command.
    CommandUnsupported = 5,
    /// Component that does not exist here.
    ComponentUnsupported = 6,
    /// The signer may not touch this component.
    ComponentUnauthorised = 7,
    /// Unknown parameter.
    ParameterUnsupported = 8,
    /// A severed member is missing or severing is not supported.
    SeveringUnsupported = 9,
    /// A condition failed; also a sequence number that is too low.
    ConditionFailed = 10,
    /// A directive failed.
    OperationFailed = 11,
    /// Reported before suit-invoke.
    InvokePending = 12,
}

impl Reason {
    const ALL: [Self; 13] = [
        Self::Ok,
        Self::CborParse,
        Self::CoseUnsupported,
        Self::AlgorithmUnsupported,
        Self::Unauthenticated,
        Self::CommandUnsupported,
        Self::ComponentUnsupported,
        Self::ComponentUnauthorised,
        Self::ParameterUnsupported,
        Self::SeveringUnsupported,
        Self::ConditionFailed,
        Self::OperationFailed,
        Self::InvokePending,
    ];

    pub(crate) fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u64 == number)
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Ok => "no failure",
            Self::CborParse => "the manifest could not be decoded",
            Self::CoseUnsupported => "a COSE structure or header is not supported",
            Self::AlgorithmUnsupported => "an algorithm is not supported",
            Self::Unauthenticated => "no valid signature by a trusted signer",
            Self::CommandUnsupported => "a command or member is not supported",
            Self::ComponentUnsupported => "there is no such component on this device",
            Self::ComponentUnauthorised => "the signer or TAM may not touch this component",
            Self::ParameterUnsupported => "a parameter is not supported",
            Self::SeveringUnsupported => "a severed member is missing",
            Self::ConditionFailed => "a condition failed",
            Self::OperationFailed => "an operation failed",
            Self::InvokePending => "not invoked yet",
        }
    }
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}
