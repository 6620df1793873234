// SPDX-License-Identifier: Apache-2.0
use core::fmt;
use optee_utee::ErrorKind;

/// Why there is no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No such component is installed, or it is not for this Trusted Application: the Agent does not tell which.
    NotFound,
    /// What was given is no SUIT component identifier: it is too long.
    BadIdentifier,
    /// The component has more bytes than the caller wants.
    TooLarge {
        /// How many.
        size: u32,
    },
    /// The TEEP Agent is not in this TEE.
    NoAgent,
    /// The Agent has as many sessions as it serves, or was replacing the data: try again.
    Busy,
    /// This Trusted Application's heap, or the TEE's memory, is full.
    OutOfMemory,
    /// Anything else, as its TEE_Result.
    Failed(u32),
}

impl Error {
    /// The meaning of an error in a call of the Agent.
    pub(crate) fn from_tee(error: &optee_utee::Error) -> Self {
        match error.kind() {
            ErrorKind::ItemNotFound => Self::NotFound,
            ErrorKind::BadParameters | ErrorKind::ExcessData => Self::BadIdentifier,
            ErrorKind::Busy => Self::Busy,
            ErrorKind::OutOfMemory => Self::OutOfMemory,
            _ => Self::Failed(error.raw_code()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such data is installed for this Trusted Application"),
            Self::BadIdentifier => f.write_str("not a SUIT component identifier"),
            Self::TooLarge { size } => write!(f, "the data has {size} bytes, more than wanted"),
            Self::NoAgent => f.write_str("there is no TEEP Agent in this TEE"),
            Self::Busy => f.write_str("the TEEP Agent is busy: try again"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Failed(code) => write!(f, "TEE error {code:#010x}"),
        }
    }
}

impl core::error::Error for Error {}

/// For a Trusted Application that passes it on to its own client.
impl From<Error> for optee_utee::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound | Error::NoAgent => ErrorKind::ItemNotFound.into(),
            Error::BadIdentifier => ErrorKind::BadParameters.into(),
            Error::TooLarge { .. } => ErrorKind::ExcessData.into(),
            Error::Busy => ErrorKind::Busy.into(),
            Error::OutOfMemory => ErrorKind::OutOfMemory.into(),
            Error::Failed(code) => Self::from_raw_error(code),
        }
    }
}
