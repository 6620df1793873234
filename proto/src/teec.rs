// SPDX-License-Identifier: Apache-2.0
//! The private interface between TEEP Broker and TEEP Agent: commands, and what their buffers hold.
//!
//! The Agent is sans-io: each command takes bytes and returns a [`Reply`] that says what the Broker is to
//! do next. The Broker never looks into a TEEP message. One TEE client session is one TEEP-over-HTTP
//! session: the Agent remembers in it which TAM and which request it belongs to.
//!
//! Every command has the same TEE client parameters: a memory reference with the request, a memory
//! reference of at least [`MAX_REPLY`] bytes for the encoded [`Reply`], and two unused ones.

mod info;
mod reply;
mod request;

pub use info::{
    Abilities, AgentInfo, AnchorKey, Course, InstalledComponent, InstalledManifest, LastContact, Pending,
    PendingAction, RollbackProtection, Room, SignerInfo, StillRunning, Stored, TamInfo, TrustInfo,
    TrustSource, Validity,
};
pub use reply::{MAX_TEXT, Outcome, Reply, clip};
pub use request::{FetchData, MAX_FETCH_DATA, TaRequest};

use crate::cbor::{Reader, Writer};
use crate::limits::{MAX_COMPONENT_ID, MAX_MESSAGE, MAX_TRUST_STORE, MAX_URI};
use crate::suit::ComponentId;
use crate::{Error, Kind};
use alloc::vec::Vec;

/// UUID of the TEEP Agent's Trusted Application, f15aa4a3-e3c4-4c8f-8477-30824b81d2b4.
pub const AGENT_UUID: [u8; 16] =
    [0xf1, 0x5a, 0xa4, 0xa3, 0xe3, 0xc4, 0x4c, 0x8f, 0x84, 0x77, 0x30, 0x82, 0x4b, 0x81, 0xd2, 0xb4];

/// Bytes the reply buffer must have. The Agent checks it before it does anything, so that no reply of a
/// command that changed something is ever lost for want of room.
pub const MAX_REPLY: usize = 64 * 1024;

/// The commands of the Agent: the conceptual APIs of RFC 9397 section 6.2.1, and [`Command::Info`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Command {
    /// Somebody in Linux needs a Trusted Application. Request: [`TaRequest`].
    RequestTa = 1,
    /// Somebody in Linux no longer needs one. Request: [`TaRequest`].
    UnrequestTa = 2,
    /// The time has come to ask the TAMs for changes. Request: empty. To be repeated until
    /// [`Reply::Nothing`].
    RequestPolicyCheck = 3,
    /// The body of a TAM's HTTP response. Request: these bytes.
    ProcessTeepMessage = 4,
    /// HTTP failed; the session is over. Request: empty. Never yields a message (REQ-TEEP-123).
    ProcessError = 5,
    /// What the Agent is and has, and the device's public keys: [`Reply::Info`]. Changes nothing, and answers even when
    /// the Agent's storage is damaged. Request: empty.
    Info = 6,
    /// More of what [`Reply::Fetch`] asked for. Request: [`FetchData`].
    FetchData = 7,
    /// What [`Reply::Fetch`] asked for cannot be had. Request: why, UTF-8 text for people of at most
    /// [`MAX_TEXT`] bytes.
    FetchFailed = 8,
    /// Hands over the first trust store, once, where the Agent's build allows that. Request: an encoded trust store.
    /// Answer: [`Reply::Nothing`].
    Provision = 9,
}

/// Command id for Trusted Applications, not for Linux: reads a data component that is meant for the calling TA.
/// Parameters: a memory reference with the encoded component identifier; a value with the offset in bytes to read from
/// (`a`), which the Agent replaces by the bytes of the whole component; a memory reference for the bytes; none.
pub const READ_DATA: u32 = 0x100;

impl Command {
    /// Every command.
    pub const ALL: [Self; 9] = [
        Self::RequestTa,
        Self::UnrequestTa,
        Self::RequestPolicyCheck,
        Self::ProcessTeepMessage,
        Self::ProcessError,
        Self::Info,
        Self::FetchData,
        Self::FetchFailed,
        Self::Provision,
    ];

    /// The command with TEE client command id `id`.
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.id() == id)
    }

    /// TEE client command id.
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// Bytes the request may have at most.
    pub const fn max_request(self) -> usize {
        match self {
            Self::RequestTa | Self::UnrequestTa => MAX_COMPONENT_ID + MAX_URI + 64,
            Self::ProcessTeepMessage => MAX_MESSAGE,
            Self::FetchData => MAX_FETCH_DATA + 16,
            Self::FetchFailed => MAX_TEXT,
            Self::Provision => MAX_TRUST_STORE,
            Self::RequestPolicyCheck | Self::ProcessError | Self::Info => 0,
        }
    }

    /// Name as in RFC 9397, for messages to people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestTa => "RequestTA",
            Self::UnrequestTa => "UnrequestTA",
            Self::RequestPolicyCheck => "RequestPolicyCheck",
            Self::ProcessTeepMessage => "ProcessTeepMessage",
            Self::ProcessError => "ProcessError",
            Self::Info => "Info",
            Self::FetchData => "FetchData",
            Self::FetchFailed => "FetchFailed",
            Self::Provision => "Provision",
        }
    }
}

fn write_component_id(w: &mut Writer, id: &[Vec<u8>]) {
    w.array(id.len());
    for element in id {
        w.bytes(element);
    }
}

fn read_component_id(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let at = r.offset();
    let id = ComponentId::read(r)?;
    if id.is_empty() {
        return Err(Error::new(Kind::Malformed, "a component identifier with elements", at));
    }
    Ok(id.to_elements())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_ids_are_their_own_inverse() {
        for command in Command::ALL {
            assert_eq!(Command::from_id(command.id()), Some(command));
        }
        assert_eq!(Command::from_id(0), None);
        assert_eq!(Command::from_id(10), None);
        assert_eq!(Command::from_id(READ_DATA), None, "not for Linux");
    }
}
