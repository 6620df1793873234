// SPDX-License-Identifier: Apache-2.0
use super::AgentInfo;
use crate::Error;
use crate::cbor::{Reader, encode};
use crate::limits::MAX_URI;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of a text for people in a reply or in [`Command::FetchFailed`](super::Command::FetchFailed).
pub const MAX_TEXT: usize = 512;

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
    /// GET a payload and hand it over with [`Command::FetchData`](super::Command::FetchData), piece by piece from
    /// `offset` on. This is also the answer to each piece that was not the last one: `offset` then says where the next
    /// one begins, which after a broken transfer, or a piece that did not fit, is not where the Broker thinks.
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
    /// Answer to [`Command::Info`](super::Command::Info).
    Info(Box<AgentInfo>),
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

const NOTHING: u64 = 0;
const CONNECT: u64 = 1;
const SEND: u64 = 2;
const FAILED: u64 = 3;
const INFO: u64 = 4;
const FETCH: u64 = 5;

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
                    info.write(w);
                    w
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
            (INFO, 2) => Self::Info(Box::new(AgentInfo::read(&mut r)?)),
            _ => return Err(Error::unsupported("a kind of reply this Broker knows", at)),
        };
        Ok(reply)
    }
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
    fn replies_round_trip() {
        let tam_uri = "https://tam.example/tam".to_owned();
        let outcome = Some(Outcome { err_code: 11, text: "no".to_owned() });
        for reply in [
            Reply::Nothing,
            Reply::Connect { tam_uri: tam_uri.clone() },
            Reply::Send { tam_uri: tam_uri.clone(), message: vec![1; 300], outcome: None },
            Reply::Send { tam_uri, message: vec![], outcome },
            Reply::Fetch { uri: "https://tc.example/ta".to_owned(), offset: 32768 },
            Reply::Failed { reason: "storage".to_owned() },
            Reply::Info(Box::new(super::super::info::tests::info())),
        ] {
            assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
        }
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [&b""[..], b"\x80", b"\x81\x09", b"\x82\x00\x00", b"\xa0", b"\x84\x02\x61a\x00\xf6"] {
            Reply::decode(bytes).expect_err("not a reply");
        }
    }
}
