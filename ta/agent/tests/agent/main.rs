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
mod attacks_messages;
mod attacks_payloads;
mod attestation;
mod author;
mod certificates;
mod conversation;
mod dependencies;
mod dialect;
mod fetch;
mod limits;
mod negotiation;
mod passport;
mod personalization;
mod platform;
mod policy_check;
mod power_cut;
mod provisioning;
mod published;
mod quota;
mod rate;
mod removal;
mod reports;
mod revocation;
mod sessions;
mod status;
mod suites;
mod support;
mod trust;
mod unsolicited;

/// Cipher suite of the Agents in these tests. Those that exchange messages run for the other one, too: `ed25519.rs`.
const SUITE: teep_agent::config::Suite = teep_agent::config::Suite::Esp256;
