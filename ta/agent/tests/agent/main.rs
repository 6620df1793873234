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
mod conversation;
mod power_cut;
mod support;
