// SPDX-License-Identifier: Apache-2.0
//! The same behaviour of an Agent that is built with Ed25519 as its cipher suite.
//!
//! Nothing here is about ESP256 alone. `power_cut` is not among these tests because it takes as long as all of them, and
//! what is written, and when, does not depend on the suite.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, reason = "some helpers serve tests that have nothing to do with the suite")]

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

/// Cipher suite of the Agents in these tests.
const SUITE: teep_agent::config::Suite = teep_agent::config::Suite::Ed25519;
/// Dialect that they speak with their TAMs.
const DIALECT: teep_proto::teep::Dialect = teep_proto::teep::Dialect::Final;
