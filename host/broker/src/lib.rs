// SPDX-License-Identifier: Apache-2.0
//! TEEP Broker: relays HTTP between the TEEP Agent in the TEE and its TAM.
//!
//! The Broker is the untrusted half of the device (RFC 9397 section 6): it asks the Agent what to do,
//! POSTs what the Agent hands it, and hands back what the TAM answers, following
//! draft-ietf-teep-otrp-over-http-15. It never looks into a TEEP message (REQ-HTTP-037), never contacts a
//! server the Agent did not name (REQ-HTTP-019) and decides nothing.
//!
//! [`Broker`] runs the conversations over any [`Tee`]; the feature `optee` gives the one on OP-TEE
//! (`optee::OpteeTee`), the feature `cli` the command line.
//!
//! # Payloads
//!
//! A manifest may name a payload by URI. The Agent then asks for it in place of its next message, and the Broker GETs
//! it and hands it over in pieces as they arrive: it never holds more than one. This is not TEEP over HTTP
//! (REQ-HTTP-041): the server may be any, its bytes are worth nothing until the Agent has compared their digest with
//! the signed one, and a broken transfer goes on where the Agent says, with a Range request. Redirects are not
//! followed, and nothing that identifies the device is sent.
//!
//! # Limits and time
//!
//! The TEEP-over-HTTP layer itself has no timeout (REQ-HTTP-028): how long a TAM may think is for the
//! Agent to judge. What is bounded is HTTP: connecting, silence on an open connection, and one exchange
//! as a whole. A connection that exceeds them has failed, like one that was reset, and the Agent hears so
//! by ProcessError. See [`Config`].
#![forbid(unsafe_code)]

mod broker;
mod config;
mod error;
mod fetch;
mod http;
mod tee;
mod uri;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "optee")]
pub mod optee;

pub use broker::{Broker, Event, Failure, Report};
pub use config::{Config, ConfigError};
pub use error::Error;
pub use tee::{Tee, TeeError, TeeSession};
