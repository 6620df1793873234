// SPDX-License-Identifier: Apache-2.0
//! The same conversations of an Agent that speaks with its TAMs in the dialect of the drafts before -26.
//!
//! Those drafts (as of -24 and -25) have all that is said here, in other numbers. Not among these tests are those in
//! which it does not matter what messages look like: of the platform, storage, limits, quotas, status and manifests
//! alone; and `dialect`, which tries both dialects anyway.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, reason = "some helpers serve tests that have nothing to do with the dialect")]

mod attacks;
mod attacks_messages;
mod attestation;
mod author;
mod certificates;
mod conversation;
mod dependencies;
mod fetch;
mod negotiation;
mod passport;
mod personalization;
mod policy_check;
mod provisioning;
mod removal;
mod reports;
mod revocation;
mod sessions;
mod suites;
mod support;
mod trust;
mod unsolicited;

/// Cipher suite of the Agents in these tests.
const SUITE: teep_agent::config::Suite = teep_agent::config::Suite::Esp256;
/// Dialect that they speak with their TAMs.
const DIALECT: teep_proto::teep::Dialect = teep_proto::teep::Dialect::Pre26;
