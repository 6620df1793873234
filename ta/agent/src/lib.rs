// SPDX-License-Identifier: Apache-2.0
//! The TEEP Agent: what runs inside the TEE, without anything that is particular to one TEE.
//!
//! The Agent is sans-io. [`Agent::invoke`] takes the bytes of one request of the Broker and returns the
//! bytes of a [`Reply`](teep_proto::teec::Reply) that says what the Broker is to do next. Storage, installer
//! and device keys are reached through one trait, [`Env`]: OP-TEE implements it in the Trusted Application,
//! `teep-sim` in memory.
//!
//! What an Update may do is decided here, in this order: the TAM's signature under an anchor of the TAM role
//! for that TAM URI; the manifest's digest and signature under an anchor of the Trusted Component signer
//! role; that signer's scope; the rollback floor; support for every command before any runs; the manifest's
//! own conditions; the payload's digest; the identity inside the payload. Only then the platform's installer
//! is asked, which checks its own signature.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "toml"))]
extern crate std;

mod agent;
mod component;
pub mod config;
mod conversation;
mod env;
mod platform_image;
mod processor;
mod session;
mod state;
mod update;

pub use agent::Agent;
pub use env::{Env, EnvError, InstallError, Installer, Storage};
pub use session::Session;
