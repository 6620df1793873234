// SPDX-License-Identifier: Apache-2.0
//! The same behaviour of an Agent that is built with Ed25519 as its cipher suite: the tests that exchange messages.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, reason = "some helpers serve tests that have nothing to do with the suite")]

mod attacks;
mod attacks_messages;
mod attestation;
mod author;
mod conversation;
mod dialect;
mod negotiation;
mod passport;
mod personalization;
mod removal;
mod reports;
mod suites;
mod support;
mod unsolicited;

/// Cipher suite of the Agents in these tests.
const SUITE: teep_agent::config::Suite = teep_agent::config::Suite::Ed25519;
