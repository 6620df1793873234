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
mod attacks_dependents;
mod attacks_messages;
mod attacks_payloads;
mod attacks_stored;
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

/// Cipher suite of the Agents in these tests. They pass for the other one, too: `ed25519.rs`.
const SUITE: teep_agent::config::Suite = teep_agent::config::Suite::Esp256;
/// Dialect that the Agents speak with their TAMs. The conversations pass in the other one, too: `pre26.rs`.
const DIALECT: teep_proto::teep::Dialect = teep_proto::teep::Dialect::Final;
