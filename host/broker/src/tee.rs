// SPDX-License-Identifier: Apache-2.0
//! What the Broker needs of a TEE: sessions with the Agent, and errors a person can act on.

use std::fmt;
use teep_proto::teec::Command;

/// A TEE in which a TEEP Agent runs.
pub trait Tee {
    /// An open session with the Agent. Dropping it closes the session.
    type Session<'a>: TeeSession
    where
        Self: 'a;

    /// Opens a session with the Agent.
    ///
    /// # Errors
    /// When the TEE cannot be reached or refuses the session.
    fn open_session(&mut self) -> Result<Self::Session<'_>, TeeError>;
}

/// One session with the Agent: one TEEP-over-HTTP session.
pub trait TeeSession {
    /// Runs `command` in the Agent with `request`, and returns the encoded
    /// [`Reply`](teep_proto::teec::Reply).
    ///
    /// # Errors
    /// When the call did not get an answer from the Agent.
    fn invoke(&mut self, command: Command, request: &[u8]) -> Result<Vec<u8>, TeeError>;
}

/// The TEE, or the Agent in it, could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeeError {
    message: String,
    code: Option<u32>,
}

/// TEE client error codes with a meaning of their own here (GlobalPlatform TEE Client API 1.0 section 4.4.2).
mod code {
    pub(super) const ACCESS_DENIED: u32 = 0xffff_0001;
    pub(super) const EXCESS_DATA: u32 = 0xffff_0004;
    pub(super) const BAD_FORMAT: u32 = 0xffff_0005;
    pub(super) const BAD_PARAMETERS: u32 = 0xffff_0006;
    pub(super) const ITEM_NOT_FOUND: u32 = 0xffff_0008;
    pub(super) const OUT_OF_MEMORY: u32 = 0xffff_000c;
    pub(super) const BUSY: u32 = 0xffff_000d;
    pub(super) const COMMUNICATION: u32 = 0xffff_000e;
    pub(super) const SECURITY: u32 = 0xffff_000f;
    pub(super) const SHORT_BUFFER: u32 = 0xffff_0010;
    pub(super) const TARGET_DEAD: u32 = 0xffff_3024;
}

impl TeeError {
    /// An error without a TEE error code. `message` says what is wrong and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: None }
    }

    /// The TEE answered `code` when a session with the Agent was to be opened.
    pub fn from_open(code: u32) -> Self {
        let message = match code {
            code::ITEM_NOT_FOUND => {
                "the TEEP Agent is not installed in the TEE: put its .ta file where tee-supplicant looks for \
                 Trusted Applications (usually /lib/optee_armtz), or build it into OP-TEE"
            }
            code::SECURITY => {
                "OP-TEE refuses the TEEP Agent's signature: sign the .ta file with the key of the OP-TEE that runs here, \
                 and check that it is complete"
            }
            code::BAD_FORMAT => {
                "OP-TEE cannot load the TEEP Agent: its .ta file is damaged or was built wrongly"
            }
            code => return Self::from_code(code),
        };
        Self { message: message.to_owned(), code: Some(code) }
    }

    /// The TEE answered `code` to a command of an open session.
    pub fn from_invoke(code: u32) -> Self {
        let message = match code {
            code::BAD_PARAMETERS | code::EXCESS_DATA | code::SHORT_BUFFER => {
                "the TEEP Agent does not know this call: Broker and Agent are from different versions, \
                 update the older one"
            }
            code => return Self::from_code(code),
        };
        Self { message: message.to_owned(), code: Some(code) }
    }

    fn from_code(code: u32) -> Self {
        let message = match code {
            code::TARGET_DEAD => {
                "the TEEP Agent has crashed; what it was doing is undone or done, never half done. \
                 Try again, and report it with OP-TEE's log"
            }
            code::OUT_OF_MEMORY => "the TEE is out of memory: close other users of the TEE and try again",
            code::BUSY => "the TEEP Agent is busy with another client: try again in a moment",
            code::COMMUNICATION => {
                "the TEE cannot reach Linux: is tee-supplicant running? Start it and try again"
            }
            code::ACCESS_DENIED => "the TEE denies this client access to the TEEP Agent",
            _ => "the TEE reports an error; OP-TEE's log may say more",
        };
        Self { message: message.to_owned(), code: Some(code) }
    }

    /// The TEE error code, where there is one.
    pub fn code(&self) -> Option<u32> {
        self.code
    }
}

impl fmt::Display for TeeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} (TEE error 0x{code:08x})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for TeeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_code_has_its_own_advice() {
        for (error, part) in [
            (TeeError::from_open(0xffff_0008), "not installed"),
            (TeeError::from_open(0xffff_000f), "signature"),
            (TeeError::from_open(0xffff_0005), "cannot load"),
            (TeeError::from_open(0xffff_3024), "crashed"),
            (TeeError::from_open(0xffff_000e), "tee-supplicant"),
            (TeeError::from_invoke(0xffff_3024), "crashed"),
            (TeeError::from_invoke(0xffff_000c), "out of memory"),
            (TeeError::from_invoke(0xffff_000d), "busy"),
            (TeeError::from_invoke(0xffff_0001), "denies"),
            (TeeError::from_invoke(0xffff_0006), "different versions"),
        ] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn an_unknown_code_is_shown() {
        let error = TeeError::from_invoke(0x1234);
        assert_eq!(error.code(), Some(0x1234));
        assert!(error.to_string().ends_with("(TEE error 0x00001234)"), "{error}");
        assert_eq!(TeeError::new("no TEE").to_string(), "no TEE");
    }
}
