// SPDX-License-Identifier: Apache-2.0
//! The Agent in a heap of a limited size. It is a program of its own, since all of its threads share that heap.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, reason = "most helpers serve other tests")]

mod author;
mod support;

use author::*;
use cap::Cap;
use std::alloc::System;
use support::*;
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::ErrCode;

/// Cipher suite of the Agents in these tests.
const SUITE: teep_agent::config::Suite = teep_agent::config::Suite::Esp256;

/// What an Update must find free to be begun.
const WORKING_MEMORY: usize = 96 * 1024;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// The err-code for an Update, 0 for Success, when `room` bytes are free as it arrives. Where the heap were too small for
/// what is needed on the way, this program would end, as a Trusted Application would.
fn update_in(room: usize) -> u64 {
    let mut device = Device::new();
    let ta = Author::of(OTHER_TA, 1).envelope();
    let mut app = DataAuthor::new("app", Data::Clear(&[7; 1000])).needing(Needed::ta(OTHER_TA, "#ta", &ta));
    app.key = clear_signer_key();
    let message = update(&tam_key(), &[envelope(1), app.envelope()]);
    device.invoke(Command::RequestPolicyCheck, &[]);
    HEAP.set_limit(HEAP.allocated() + room).expect("more than is allocated");
    let reply = device.agent.invoke(&mut device.session, Command::ProcessTeepMessage, &message);
    HEAP.set_limit(usize::MAX).expect("no limit");
    let received = device.received(Reply::decode(&reply).expect("a reply"));
    let expected = if received.code() == 0 { 3 } else { 0 };
    assert_eq!(device.components().len(), expected, "all of it or nothing");
    received.code()
}

#[test]
fn update_begins_with_its_working_memory_free_and_then_has_enough() {
    assert_eq!(update_in(WORKING_MEMORY - 1), ErrCode::TEMPORARY_ERROR.number());
    let codes: Vec<u64> = (0..64).map(|n| update_in(WORKING_MEMORY + 512 * n)).collect();
    let begun = codes.iter().position(|code| *code == 0).expect("with so much beside it");
    println!("an Update begins with {} bytes free", WORKING_MEMORY + 512 * begun);
    assert!(codes[..begun].iter().all(|code| *code == ErrCode::TEMPORARY_ERROR.number()), "{codes:?}");
    assert!(codes[begun..].iter().all(|code| *code == 0), "and with more: {codes:?}");
}
