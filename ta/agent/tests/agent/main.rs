// SPDX-License-Identifier: Apache-2.0
//! The Agent's behaviour over the in-memory environment.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod attacks;
mod attestation;
mod author;
mod conversation;
mod dependencies;
mod dialect;
mod fetch;
mod limits;
mod personalization;
mod platform;
mod power_cut;
mod published;
mod removal;
mod reports;
mod support;
