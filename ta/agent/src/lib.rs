// SPDX-License-Identifier: Apache-2.0
//! The TEEP Agent: what runs inside the TEE, without anything that is particular to one TEE.
//!
//! The Agent is sans-io. [`Agent::invoke`] takes the bytes of one request of the Broker and returns the
//! bytes of a [`Reply`](teep_proto::teec::Reply) that says what the Broker is to do next. Storage, installer
//! and device keys are reached through one trait, [`Env`]: OP-TEE implements it in the Trusted Application,
//! `teep-sim` in memory.
//!
//! What an Update may do is decided here, in this order: the TAM's signature under an anchor of the TAM role
//! for that TAM URI; whether the Update is a repeat; for each manifest its digest and its signature under an anchor of
//! the Trusted Component signer role; that signer's scope; the rollback floor; support for every command before any
//! runs; the manifest's own conditions; the digests of payloads and dependencies; the identity inside a payload; who
//! else needs what would be replaced. Only then the platform's installer is asked, which checks its own signature.
//!
//! | Module | What |
//! | --- | --- |
//! | `request`, `contacts`, `rate` | what Linux asks for, whom the Agent contacts for it, and how often |
//! | `conversation`, `query`, `update` | messages of a TAM, what it is told, and an Update over several calls |
//! | `attestation`, `passport` | Evidence about the device, Attestation Results about it and about TAMs |
//! | `processor` | what the commands of a manifest mean; it sees the device through one trait |
//! | `world`, `staging` | the device as it sees it: storage, payloads on their way, keys |
//! | `install`, `uninstall` | what a procedure's result makes of the state |
//! | `store`, `transaction` | the state, and how it changes in one step |
//! | `trust`, `quota` | how the trust store is replaced, and how much a signer may have |
//! | `data` | who may read data components |
//! | `status` | what it says of itself |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "toml"))]
extern crate std;

mod agent;
mod attestation;
mod component;
pub mod config;
mod contacts;
mod conversation;
mod data;
mod env;
mod install;
mod keys;
mod limits;
mod passport;
mod platform_image;
mod processor;
mod query;
mod quota;
mod rate;
mod report;
mod request;
mod running;
mod session;
mod staging;
mod status;
mod store;
mod transaction;
mod trust;
mod uninstall;
mod update;
mod world;

pub use agent::Agent;
pub use data::DataPiece;
pub use env::{
    Abilities, Env, EnvError, InstallError, Installer, Measured, OpenSessions, RollbackProtection, Storage,
};
pub use session::Session;
