// SPDX-License-Identifier: Apache-2.0
//! The system test: Broker, Agent, OP-TEE and TAM as they are, each test on a device of its own in QEMU.
//!
//! A test runs on the patched OP-TEE unless it names the stock one (`Bench::on`); what must hold on both is a
//! function with two tests.
//!
//! Needs the image (`make image`) and the variable TEEP_BUILD, the build directory; `make test` sees to both.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod attacks;
mod attestation;
mod components;
mod cycles;
mod hostile;
mod kills;
mod life;
mod platform;
#[path = "../../probe/src/random.rs"]
#[allow(dead_code, reason = "the probe draws more kinds of numbers")]
mod random;
mod status;
mod storage;
mod suites;
mod support;
mod trust;
