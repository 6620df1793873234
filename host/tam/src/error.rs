// SPDX-License-Identifier: Apache-2.0
use std::fmt;

/// Why a message gets no answer of the TAM, not even the empty one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It is no TEEP message (REQ-TEEP-003, 004, 005, 007), or one in the numbers of the other dialect.
    Malformed(teep_proto::Error),
    /// No enrolled Agent signed it (REQ-TEEP-006).
    Unauthenticated {
        /// First digits of the key it claims to be signed with, if it does.
        claimed: Option<String>,
    },
    /// The TAM is in trouble, not the message.
    Internal(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not a usable TEEP message, {error}"),
            Self::Unauthenticated { claimed } => {
                let claimed = claimed.as_deref().unwrap_or("it does not name");
                write!(f, "no enrolled Agent signed it, but key {claimed}: if that is yours, teep-tam enrol")
            }
            Self::Internal(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            Self::Unauthenticated { .. } | Self::Internal(_) => None,
        }
    }
}

impl From<teep_suit::Error> for Error {
    fn from(error: teep_suit::Error) -> Self {
        Self::Internal(error.to_string())
    }
}
