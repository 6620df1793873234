// SPDX-License-Identifier: Apache-2.0
//! The TAM as Agents, Brokers and operators meet it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests fail by panicking"
)]

mod attestation;
mod cli;
mod conversation;
mod dialect;
mod hostile;
mod http;
mod manifests;
mod passport;
mod world;
