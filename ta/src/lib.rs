// SPDX-License-Identifier: Apache-2.0
//! The TEEP Agent's seat in OP-TEE: parameters in and out of shared memory, and OP-TEE's storage, keys and
//! TA store as the [`Env`](teep_agent::Env) of [`teep_agent`]. Nothing is decided here.
//!
//! The library is tested on any machine against a mock of the TEE Internal Core API; the program beside
//! it adds the entry points and is linked with the TA dev kit of the OP-TEE it is to run on.
#![cfg_attr(not(test), no_std)]
#![allow(unsafe_code, reason = "OP-TEE's interface is one of raw pointers")]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "a wrong sum fails the test"))]

extern crate alloc;

mod call;
mod caller;
mod env;
mod installer;
mod instance;
mod pta;
mod storage;

#[cfg(test)]
mod mock;

pub use call::{Call, DataCall, TeepCall};
pub use env::{OpteeEnv, log};
pub use installer::{Image, PtaInstaller};
pub use instance::{Client, Instance};
pub use storage::SecureStorage;
