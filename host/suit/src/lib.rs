// SPDX-License-Identifier: Apache-2.0
//! The author's side of SUIT: keys, envelopes, and a look inside them.
//!
//! What the command `teep-suit` does, as a library. A [`Description`] says what a Trusted Component is and
//! whom it is for; [`create`] makes a signed envelope of it that carries the component; a [`Summary`] tells
//! a person what an envelope says.
//!
//! ```
//! # fn main() -> Result<(), teep_suit::Error> {
//! use teep_suit::{Algorithm, Description, create, keys};
//!
//! let signer = keys::generate(Algorithm::Esp256)?;
//! let description = Description::new([0x1c; 16], 1, [0xc0; 16], [0x7e; 16], b"a Trusted Application".to_vec());
//! let envelope = create(&description, &[signer])?;
//! # assert!(!envelope.is_empty());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod cli;
pub mod command;
mod create;
mod description;
mod encryption;
mod error;
mod explain;
pub mod files;
pub mod keys;
mod payloads;
mod platform_image;
mod summary;

pub use create::{Created, create, create_for};
pub use description::{
    Cipher, Component, Dependency, Description, Encryption, Override, PAYLOAD_URI, Source, Texts,
};
pub use encryption::{Recipient, Sealed, Sealing};
pub use error::Error;
pub use explain::{Explanation, Failure, Place};
pub use payloads::{check_payloads, names_payload};
pub use summary::{Summary, TrustStoreSummary};
pub use teep_proto::cose::Algorithm;
