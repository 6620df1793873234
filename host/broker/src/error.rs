// SPDX-License-Identifier: Apache-2.0
//! Why a conversation ended badly, split by who is to blame.

use crate::TeeError;
use std::fmt;
use teep_proto::teec::Command;

/// Why a conversation ended badly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The request is longer than the Agent takes; nothing was sent.
    RequestTooLong {
        /// Bytes the Agent takes.
        limit: usize,
    },
    /// What was to be provisioned is longer than any trust store; nothing was sent.
    TrustStoreTooLong {
        /// Bytes the Agent takes.
        limit: usize,
    },
    /// The TEE or the Agent could not be used (REQ-HTTP-026).
    Tee(TeeError),
    /// The Agent could not do what it was asked for (REQ-HTTP-026).
    AgentFailed {
        /// The Agent's own words.
        reason: String,
    },
    /// The Agent answered something the Broker cannot act on.
    AgentReply {
        /// The command it answered.
        command: Command,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The Agent named a TAM URI the Broker does not dereference (REQ-HTTP-036).
    BadUri {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// DNS, TCP, TLS or HTTP failed below the answer, or took too long (REQ-HTTP-027).
    Unreachable {
        /// The TAM.
        uri: String,
        /// What happened.
        cause: String,
    },
    /// The TAM answered with an HTTP error (REQ-HTTP-027).
    Status {
        /// The TAM.
        uri: String,
        /// HTTP status code.
        status: u16,
    },
    /// The TAM redirects; redirects are not followed (REQ-HTTP-005).
    Redirect {
        /// The TAM.
        uri: String,
        /// HTTP status code.
        status: u16,
    },
    /// The answer is not a TEEP message (REQ-HTTP-002).
    ContentType {
        /// The TAM.
        uri: String,
        /// Its Content-Type, if it has one.
        found: Option<String>,
    },
    /// The answer is longer than the Agent takes.
    AnswerTooLong {
        /// The TAM.
        uri: String,
        /// Bytes the Agent takes.
        limit: usize,
    },
    /// TAM and Agent would not come to an end.
    TooManyExchanges {
        /// The TAM.
        uri: String,
        /// POSTs that were made.
        limit: u32,
    },
    /// The Agent wanted one payload after the other without an end.
    TooManyFetches {
        /// Payloads that were fetched.
        limit: u32,
    },
    /// The Agent named one TAM after the other without an end.
    TooManySessions {
        /// TAMs that were contacted.
        limit: u32,
    },
}

impl Error {
    /// Whether it is the affair of one TAM, not of the device.
    pub(crate) fn is_of_the_tam(&self) -> bool {
        match self {
            Self::BadUri { .. }
            | Self::Unreachable { .. }
            | Self::Status { .. }
            | Self::Redirect { .. }
            | Self::ContentType { .. }
            | Self::AnswerTooLong { .. }
            | Self::TooManyExchanges { .. }
            | Self::TooManyFetches { .. } => true,
            Self::RequestTooLong { .. }
            | Self::TrustStoreTooLong { .. }
            | Self::Tee(_)
            | Self::AgentFailed { .. }
            | Self::AgentReply { .. }
            | Self::TooManySessions { .. } => false,
        }
    }
}

impl From<TeeError> for Error {
    fn from(error: TeeError) -> Self {
        Self::Tee(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrustStoreTooLong { limit } => {
                write!(f, "this is no trust store: it has more than the {limit} bytes that the Agent takes")
            }
            Self::RequestTooLong { limit } => {
                write!(
                    f,
                    "the component id and the TAM URI are too long: the Agent takes {limit} bytes of both"
                )
            }
            Self::Tee(error) => error.fmt(f),
            Self::AgentFailed { reason } => write!(f, "the Agent could not do it: {reason}"),
            Self::AgentReply { command, problem } => write!(
                f,
                "the Agent's answer to {} {problem}; if Broker and Agent are from different versions, update the \
                 older one",
                command.name()
            ),
            Self::BadUri { uri, problem } => write!(
                f,
                "the Agent names the TAM {uri:?}, which {problem}; correct the TAM URI in the Agent's configuration"
            ),
            Self::Unreachable { uri, cause } => write!(f, "no answer from the TAM {uri}: {cause}"),
            Self::Status { uri, status } => {
                write!(f, "the TAM {uri} answers with HTTP status {status}: {}", advice(*status))
            }
            Self::Redirect { uri, status } => write!(
                f,
                "the TAM {uri} redirects (HTTP status {status}), which TEEP does not follow: put the URI it \
                 redirects to into the Agent's configuration"
            ),
            Self::ContentType { uri, found } => {
                write!(f, "the answer of {uri} is not a TEEP message but ")?;
                match found {
                    Some(found) => write!(f, "{found:?}")?,
                    None => f.write_str("has no Content-Type")?,
                }
                f.write_str(": check that the URI is that of a TAM")
            }
            Self::AnswerTooLong { uri, limit } => write!(
                f,
                "the answer of the TAM {uri} is longer than the {limit} bytes the Agent takes: the component may be \
                 too large to travel inside the message"
            ),
            Self::TooManyExchanges { uri, limit } => {
                write!(f, "the TAM {uri} did not come to an end after {limit} messages: look at its log")
            }
            Self::TooManyFetches { limit } => {
                write!(f, "the Agent still wants payloads after {limit} of them: look at its log")
            }
            Self::TooManySessions { limit } => {
                write!(f, "the Agent still wants to contact a TAM after {limit} of them: look at its log")
            }
        }
    }
}

impl std::error::Error for Error {}

/// What to do about an HTTP error status.
fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "it does not admit this device",
        404 | 410 => "there is no TAM at this path, check the URI in the Agent's configuration",
        405 | 406 | 415 => "it does not speak TEEP over HTTP, check the URI in the Agent's configuration",
        413 => "the device's message is too long for it",
        408 | 429 | 503 => "it is overloaded, try again later",
        400..=499 => "it refuses the device's message, its log says why",
        _ => "it has failed, its log says why; try again later",
    }
}
