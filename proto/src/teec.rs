// SPDX-License-Identifier: Apache-2.0
//! The private interface between TEEP Broker and TEEP Agent: commands, and what their buffers hold.
//!
//! The Agent is sans-io: each command takes bytes and returns a [`Reply`] that says what the Broker is to
//! do next. The Broker never looks into a TEEP message. One TEE client session is one TEEP-over-HTTP
//! session: the Agent remembers in it which TAM and which request it belongs to.
//!
//! Every command has the same TEE client parameters: a memory reference with the request, a memory
//! reference of at least [`MAX_REPLY`] bytes for the encoded [`Reply`], and two unused ones.

use crate::cbor::{Reader, Writer, encode};
use crate::limits::{MAX_COMPONENT_ID, MAX_LIST, MAX_MESSAGE, MAX_URI};
use crate::suit::ComponentId;
use crate::{Error, Kind};
use alloc::borrow::ToOwned;
use alloc::string::String;
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
    /// What the Agent is: [`Reply::Info`]. Request: empty.
    Info = 6,
    /// More of what [`Reply::Fetch`] asked for. Request: [`FetchData`].
    FetchData = 7,
    /// What [`Reply::Fetch`] asked for cannot be had. Request: why, UTF-8 text for people of at most
    /// [`MAX_TEXT`] bytes.
    FetchFailed = 8,
}

/// Command id for Trusted Applications, not for Linux: reads a data component that is meant for the calling TA.
/// Parameters: a memory reference with the encoded component identifier; a value with the offset in bytes to read from
/// (`a`), which the Agent replaces by the bytes of the whole component; a memory reference for the bytes; none.
pub const READ_DATA: u32 = 0x100;

impl Command {
    /// Every command.
    pub const ALL: [Self; 8] = [
        Self::RequestTa,
        Self::UnrequestTa,
        Self::RequestPolicyCheck,
        Self::ProcessTeepMessage,
        Self::ProcessError,
        Self::Info,
        Self::FetchData,
        Self::FetchFailed,
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
        }
    }
}

/// A request of Linux concerning one Trusted Component: `[component-id, hint / null]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaRequest {
    /// The Trusted Component, elements of its SUIT component identifier.
    pub component_id: Vec<Vec<u8>>,
    /// A TAM URI somebody proposes. Advisory: the Agent decides (REQ-TEEP-121).
    pub tam_uri_hint: Option<String>,
}

impl TaRequest {
    /// Encodes for [`Command::RequestTa`] and [`Command::UnrequestTa`].
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(2);
            write_component_id(w, &self.component_id);
            match &self.tam_uri_hint {
                Some(hint) => w.text(hint),
                None => w.null(),
            };
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    ///
    /// # Errors
    /// When `bytes` are anything else, or exceed [`crate::limits`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(2, "a TA request [component-id, hint]")?;
        let component_id = read_component_id(&mut r)?;
        let tam_uri_hint =
            if r.optional_null() { None } else { Some(r.sized_text(MAX_URI, "a TAM URI")?.to_owned()) };
        Ok(Self { component_id, tam_uri_hint })
    }
}

/// Part of a payload that [`Reply::Fetch`] asked for: `[offset, bytes]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchData<'b> {
    /// Where in the payload the bytes belong.
    pub offset: u64,
    /// At most [`MAX_FETCH_DATA`] bytes. None at all says that the payload ends at `offset`.
    pub bytes: &'b [u8],
}

impl<'b> FetchData<'b> {
    /// Encodes for [`Command::FetchData`].
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(2).uint(self.offset).bytes(self.bytes);
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    ///
    /// # Errors
    /// When `bytes` are anything else, or more than [`MAX_FETCH_DATA`].
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(2, "fetched data [offset, bytes]")?;
        let offset = r.uint("an offset")?;
        Ok(Self { offset, bytes: r.sized_bytes(0..=MAX_FETCH_DATA, "at most 32 KiB")? })
    }
}

/// What the Broker is to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing: the conversation is over, or there was nothing to do.
    Nothing,
    /// POST an empty body to the TAM: it will speak first (REQ-HTTP-017).
    Connect {
        /// The TAM the Agent chose (REQ-HTTP-013).
        tam_uri: String,
    },
    /// POST a message to the TAM.
    Send {
        /// The TAM of this session.
        tam_uri: String,
        /// A TEEP message, opaque to the Broker.
        message: Vec<u8>,
        /// What the message just processed led to, for the person at the Broker, when it is decided.
        outcome: Option<Outcome>,
    },
    /// GET a payload and hand it over with [`Command::FetchData`], piece by piece from `offset` on. This is also the
    /// answer to each piece that was not the last one: `offset` then says where the next one begins, which after a
    /// broken transfer, or a piece that did not fit, is not where the Broker thinks.
    Fetch {
        /// Where the payload is; `http` or `https`.
        uri: String,
        /// Bytes of it that the Agent has.
        offset: u64,
    },
    /// The Agent could not do it; the session is over (REQ-HTTP-026).
    Failed {
        /// Why, and what to do about it.
        reason: String,
    },
    /// Answer to [`Command::Info`].
    Info(AgentInfo),
}

/// What the Agent says it did, for the person at the Broker. Not authenticated towards anybody else: the
/// TAM learns it from the signed Success or Error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// 0 for success, else the TEEP err-code that was sent (or received in an Update).
    pub err_code: u64,
    /// One sentence.
    pub text: String,
}

/// What the Agent is, as anybody in Linux may know.
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
    /// TAMs the Agent trusts.
    pub tam_uris: Vec<String>,
    /// Trusted Components installed by the Agent.
    pub components: Vec<InstalledComponent>,
}

/// One Trusted Component the Agent has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledComponent {
    /// Elements of its SUIT component identifier.
    pub component_id: Vec<Vec<u8>>,
    /// Sequence number of the manifest that installed it.
    pub manifest_sequence_number: u64,
    /// SHA-256 of the component.
    pub digest: Vec<u8>,
}

const NOTHING: u64 = 0;
const CONNECT: u64 = 1;
const SEND: u64 = 2;
const FAILED: u64 = 3;
const INFO: u64 = 4;
const FETCH: u64 = 5;

/// Bytes of a text for people in a reply or in [`Command::FetchFailed`].
pub const MAX_TEXT: usize = 512;

/// Bytes of a payload in one [`Command::FetchData`] at most.
pub const MAX_FETCH_DATA: usize = 32 * 1024;

impl Reply {
    /// Encodes as an array that starts with the kind of reply.
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            match self {
                Self::Nothing => w.array(1).uint(NOTHING),
                Self::Connect { tam_uri } => w.array(2).uint(CONNECT).text(tam_uri),
                Self::Send { tam_uri, message, outcome } => {
                    w.array(4).uint(SEND).text(tam_uri).bytes(message);
                    match outcome {
                        Some(outcome) => w.array(2).uint(outcome.err_code).text(clip(&outcome.text)),
                        None => w.null(),
                    }
                }
                Self::Fetch { uri, offset } => w.array(3).uint(FETCH).text(uri).uint(*offset),
                Self::Failed { reason } => w.array(2).uint(FAILED).text(clip(reason)),
                Self::Info(info) => {
                    w.array(2).uint(INFO);
                    info.write(w)
                }
            };
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    ///
    /// # Errors
    /// When `bytes` are anything else, or exceed [`crate::limits`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let items = r.array("a reply array")?;
        let at = r.offset();
        let reply = match (r.uint("a kind of reply")?, items) {
            (NOTHING, 1) => Self::Nothing,
            (CONNECT, 2) => Self::Connect { tam_uri: r.sized_text(MAX_URI, "a TAM URI")?.to_owned() },
            (SEND, 4) => Self::Send {
                tam_uri: r.sized_text(MAX_URI, "a TAM URI")?.to_owned(),
                message: r.bytes("a message")?.to_vec(),
                outcome: if r.optional_null() {
                    None
                } else {
                    r.array_of(2, "an outcome [err-code, text]")?;
                    let err_code = r.uint("an err-code")?;
                    Some(Outcome { err_code, text: r.text("a text")?.to_owned() })
                },
            },
            (FETCH, 3) => {
                let uri = r.sized_text(MAX_URI, "a payload URI")?.to_owned();
                Self::Fetch { uri, offset: r.uint("an offset")? }
            }
            (FAILED, 2) => Self::Failed { reason: r.text("a reason")?.to_owned() },
            (INFO, 2) => Self::Info(AgentInfo::read(&mut r)?),
            _ => return Err(Error::unsupported("a kind of reply this Broker knows", at)),
        };
        Ok(reply)
    }
}

impl AgentInfo {
    fn write<'w>(&self, w: &'w mut Writer) -> &'w mut Writer {
        w.array(8).text(&self.version);
        let keys = [&self.public_key, &self.decryption_key, &self.report_key, &self.attestation_key];
        for bytes in keys.into_iter().chain([&self.measurement]) {
            w.bytes(bytes);
        }
        w.array(self.tam_uris.len());
        for uri in &self.tam_uris {
            w.text(uri);
        }
        w.array(self.components.len());
        for component in &self.components {
            w.array(3);
            write_component_id(w, &component.component_id);
            w.uint(component.manifest_sequence_number).bytes(&component.digest);
        }
        w
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(8, "Agent information")?;
        let version = r.text("a version")?.to_owned();
        let public_key = r.bytes("a COSE_Key")?.to_vec();
        let decryption_key = r.bytes("a COSE_Key")?.to_vec();
        let report_key = r.bytes("a COSE_Key")?.to_vec();
        let attestation_key = r.bytes("a COSE_Key")?.to_vec();
        let measurement = r.bytes("a measurement")?.to_vec();
        let mut tam_uris = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "TAM URIs")? {
            tam_uris.push(r.sized_text(MAX_URI, "a TAM URI")?.to_owned());
        }
        let mut components = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "components")? {
            r.array_of(3, "a component [id, sequence number, digest]")?;
            components.push(InstalledComponent {
                component_id: read_component_id(r)?,
                manifest_sequence_number: r.uint("a sequence number")?,
                digest: r.bytes("a digest")?.to_vec(),
            });
        }
        Ok(Self {
            version,
            public_key,
            decryption_key,
            report_key,
            attestation_key,
            measurement,
            tam_uris,
            components,
        })
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

/// `text`, cut at a character boundary to [`MAX_TEXT`] bytes.
pub fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn command_ids_are_their_own_inverse() {
        for command in Command::ALL {
            assert_eq!(Command::from_id(command.id()), Some(command));
        }
        assert_eq!(Command::from_id(0), None);
        assert_eq!(Command::from_id(9), None);
        assert_eq!(Command::from_id(READ_DATA), None, "not for Linux");
    }

    #[test]
    fn requests_round_trip() {
        for tam_uri_hint in [None, Some("https://tam.example/tam".to_owned())] {
            let request = TaRequest { component_id: vec![b"a".to_vec(), vec![0; 16]], tam_uri_hint };
            assert_eq!(TaRequest::decode(&request.encode()), Ok(request));
        }
    }

    #[test]
    fn largest_request_fits_its_limit() {
        let request = TaRequest {
            component_id: vec![vec![0; MAX_COMPONENT_ID]],
            tam_uri_hint: Some("x".repeat(MAX_URI)),
        };
        let bytes = request.encode();
        assert!(bytes.len() <= Command::RequestTa.max_request());
        TaRequest::decode(&bytes).expect("within the limits");
    }

    #[test]
    fn fetched_data_round_trips_up_to_its_limit() {
        let bytes = vec![7; MAX_FETCH_DATA + 1];
        for len in [0, 1, MAX_FETCH_DATA] {
            let data = FetchData { offset: u64::MAX, bytes: &bytes[..len] };
            let request = data.encode();
            assert!(request.len() <= Command::FetchData.max_request());
            assert_eq!(FetchData::decode(&request), Ok(data));
        }
        FetchData::decode(&FetchData { offset: 0, bytes: &bytes }.encode()).expect_err("one past the limit");
    }

    #[test]
    fn replies_round_trip() {
        let tam_uri = "https://tam.example/tam".to_owned();
        let info = AgentInfo {
            version: "1.0".to_owned(),
            public_key: vec![1, 2],
            decryption_key: vec![3],
            report_key: vec![4],
            attestation_key: vec![5],
            measurement: vec![6; 32],
            tam_uris: vec![tam_uri.clone()],
            components: vec![InstalledComponent {
                component_id: vec![b"x".to_vec()],
                manifest_sequence_number: 3,
                digest: vec![9; 32],
            }],
        };
        let outcome = Some(Outcome { err_code: 11, text: "no".to_owned() });
        for reply in [
            Reply::Nothing,
            Reply::Connect { tam_uri: tam_uri.clone() },
            Reply::Send { tam_uri: tam_uri.clone(), message: vec![1; 300], outcome: None },
            Reply::Send { tam_uri, message: vec![], outcome },
            Reply::Fetch { uri: "https://tc.example/ta".to_owned(), offset: 32768 },
            Reply::Failed { reason: "storage".to_owned() },
            Reply::Info(info),
        ] {
            assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
        }
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [&b""[..], b"\x80", b"\x81\x09", b"\x82\x00\x00", b"\xa0", b"\x84\x02\x61a\x00\xf6"] {
            Reply::decode(bytes).expect_err("not a reply");
            TaRequest::decode(bytes).expect_err("not a request");
        }
        TaRequest::decode(b"\x82\x80\xf6").expect_err("a component identifier without elements");
    }
}
