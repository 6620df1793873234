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
use std::sync::Mutex;
use support::*;
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{Digest, ManifestBuilder, Parameter, SequenceBuilder, encode_envelope};
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::ErrCode;

/// Cipher suite of the Agents in these tests.
const SUITE: teep_agent::config::Suite = teep_agent::config::Suite::Esp256;
/// Dialect that they speak with their TAMs.
const DIALECT: teep_proto::teep::Dialect = teep_proto::teep::Dialect::Final;

/// What an Update must find free to be begun.
const WORKING_MEMORY: usize = 96 * 1024;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);
/// Held by the one test that runs: the limit that it sets would be that of the others, too.
static ALONE: Mutex<()> = Mutex::new(());

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
    let _alone = ALONE.lock();
    assert_eq!(update_in(WORKING_MEMORY - 1), ErrCode::TEMPORARY_ERROR.number());
    let codes: Vec<u64> = (0..64).map(|n| update_in(WORKING_MEMORY + 512 * n)).collect();
    let begun = codes.iter().position(|code| *code == 0).expect("with so much beside it");
    println!("an Update begins with {} bytes free", WORKING_MEMORY + 512 * begun);
    assert!(codes[..begun].iter().all(|code| *code == ErrCode::TEMPORARY_ERROR.number()), "{codes:?}");
    assert!(codes[begun..].iter().all(|code| *code == 0), "and with more: {codes:?}");
}

/// A data component with a long name.
fn long(n: usize) -> Vec<u8> {
    name(&format!("{n:0>228}"))
}

/// A manifest `id` that shares the first `count` of the long components.
fn sharing(id: &str, count: usize) -> Vec<u8> {
    let digest = [Parameter::ImageDigest(Digest::of(b"x"))];
    let mut validate = SequenceBuilder::new();
    for index in 0..count as u64 {
        if count > 1 {
            validate = validate.set_component_index(index);
        }
        validate = validate.override_parameters(&digest).simple(command::IMAGE_MATCH, 15);
    }
    let manifest = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(name(id)),
        components: (0..count).map(long).collect(),
        sections: vec![(manifest::VALIDATE, validate.build())],
        ..ManifestBuilder::default()
    };
    encode_envelope(&manifest.build(), &[clear_signer_key()], &[]).expect("signs")
}

/// A device whose record of what is installed takes no more.
fn full_device() -> Device {
    let mut device = Device::new();
    let mut author = DataAuthor::new("0", Data::Clear(b"x"));
    author.components = (0..16).map(|n| (long(n), Data::Clear(b"x"))).collect();
    author.key = clear_signer_key();
    assert_eq!(device.update(&[author.envelope()]).code(), 0);
    let mut n = 0;
    for count in [16, 8, 4, 2, 1] {
        while {
            n += 1;
            device.update(&[sharing(&format!("{n}.suit"), count)]).code() == 0
        } {}
    }
    device
}

#[test]
fn update_of_a_full_device_begins_with_as_much_as_that_takes() {
    let _alone = ALONE.lock();
    let full = full_device();
    let mut codes = Vec::new();
    for kib in (96..=512).step_by(16) {
        let mut device = Device::start(full.env.twin());
        device.invoke(Command::RequestPolicyCheck, &[]);
        let message = unneeded(&tam_key(), &[name("0.suit")]);
        HEAP.set_limit(HEAP.allocated() + kib * 1024).expect("more than is allocated");
        let reply = device.agent.invoke(&mut device.session, Command::ProcessTeepMessage, &message);
        HEAP.set_limit(usize::MAX).expect("no limit");
        codes.push(device.received(Reply::decode(&reply).expect("a reply")).code());
    }
    let begun = codes.iter().position(|code| *code == 0).expect("with so much beside it");
    println!("an Update of a full device begins with {} KiB free", 96 + 16 * begun);
    assert!(codes[..begun].iter().all(|code| *code == ErrCode::TEMPORARY_ERROR.number()), "{codes:?}");
    assert!(codes[begun..].iter().all(|code| *code == 0), "and with more: {codes:?}");
}

#[test]
fn attack_full_record_keeps_the_trust_store_from_being_changed_often() {
    let _alone = ALONE.lock();
    let mut device = full_device();
    for n in 1..80 {
        let received = device.update(&[trust_envelope(&trust_store(n, |_| ()))]);
        assert_eq!(received.code(), 0, "change {n}: {:?}", received.outcome);
    }
}
