// SPDX-License-Identifier: Apache-2.0
//! A TAM (Trusted Application Manager) for TEEP: what to install on which device, and the signed messages
//! that say so.
//!
//! [`Tam`] is the protocol without any network: bytes in, bytes out. It takes what it knows from a [`Store`]:
//! a directory ([`Directory`]) or memory ([`MemoryStore`]). [`router`] and [`serve`] put it behind HTTP as
//! TEEP over HTTP asks, [`spawn`] does so on a thread of its own, for tests and demonstrations.
//!
//! Agents are attested if [`TamConfig::attestation`] says so: by a Verifier of its own, which can also give them an
//! Attestation Result as a passport ([`TamConfig::verifier`]), or by the passport that another Verifier gave them. The TAM
//! is attested to Agents that want it by whom [`Tam::attested_by`] names.
//!
//! Not there yet: SUIT Reports about the TAM.
#![forbid(unsafe_code)]

mod attestation;
pub mod cli;
mod config;
mod error;
mod event;
mod exchange;
mod http;
mod passport;
mod policy;
mod report;
mod server;
pub mod store;
mod tam;
mod voucher;

pub use attestation::Attestation;
pub use config::TamConfig;
pub use error::Error;
pub use event::Event;
pub use http::{HttpConfig, PAYLOADS_PATH, TAM_PATH, router};
pub use passport::Verifier;
pub use server::{Handle, serve, spawn};
pub use store::{Directory, MemoryStore, Store};
pub use tam::Tam;
