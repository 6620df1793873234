// SPDX-License-Identifier: Apache-2.0
//! The TEEP Agent on an in-memory environment, behind the Broker's TEE trait.
//!
//! [`SimTee`] takes the place of OP-TEE: Broker, TAM and tools run end to end in one process, and tests can
//! look at, and break, what OP-TEE would keep to itself. The Agent in it is the real one; only
//! [`MemoryEnv`] stands in for the TEE. Power can be cut at any operation ([`MemoryEnv::cut_power_after`]).
#![forbid(unsafe_code)]

mod env;
mod image;
mod loss;
mod tee;

pub use env::{Call, MemoryEnv};
pub use image::ta_image;
pub use tee::{SimSession, SimTee};
