// SPDX-License-Identifier: Apache-2.0
//! Whom the Agent contacts, and how soon again: RequestPolicyCheck and RequestTA (draft section 7.2).

use crate::author::*;
use crate::support::*;
use teep_agent::Session;
use teep_agent::config::{Config, TamAnchor};
use teep_proto::teec::{Command, Reply};
use teep_sim::MemoryEnv;

const INTERVAL: u32 = 3600;
const SECONDS: u64 = 3600;
const THIRD_TAM_URI: &str = "http://third.example/tam";

/// With three TAMs.
fn contacting_every(interval: u32) -> Config {
    let mut config = configuration();
    config.trust.policy.contact_interval = interval;
    config.trust.tams.push(TamAnchor::new(THIRD_TAM_URI.to_owned(), vec![key(0x33).public_key()]));
    config
}

fn device(interval: u32) -> Device {
    Device::start_with(MemoryEnv::new([7; 32]), &contacting_every(interval).encode())
}

fn to(uri: &str) -> Reply {
    Reply::Connect { tam_uri: uri.to_owned() }
}

fn check(device: &mut Device) -> Reply {
    device.invoke(Command::RequestPolicyCheck, &[])
}

/// The TAMs of one whole policy check, in a session of its own.
fn checked(device: &mut Device) -> Vec<String> {
    device.agent.close(&mut device.session);
    let mut uris = Vec::new();
    while let Reply::Connect { tam_uri } = check(device) {
        uris.push(tam_uri);
        assert!(uris.len() < 10, "it comes to an end");
    }
    device.agent.close(&mut device.session);
    uris
}

#[test]
fn tams_are_named_one_after_the_other_in_each_session() {
    let mut device = device(0);
    for session in 0..2 {
        assert_eq!(checked(&mut device), [TAM_URI, OTHER_TAM_URI, THIRD_TAM_URI], "{session}: REQ-TEEP-122");
    }
}

#[test]
fn whoever_was_contacted_within_the_interval_is_left_out() {
    let mut device = device(INTERVAL);
    assert_eq!(check(&mut device), to(TAM_URI));
    device.env.pass(10);
    assert_eq!(checked(&mut device), [OTHER_TAM_URI, THIRD_TAM_URI], "another session");
    assert_eq!(checked(&mut device), [""; 0]);
    device.env.pass(SECONDS - 10);
    assert_eq!(checked(&mut device), [TAM_URI]);
    device.env.pass(10);
    assert_eq!(checked(&mut device), [OTHER_TAM_URI, THIRD_TAM_URI]);
}

#[test]
fn sessions_that_check_at_the_same_time_share_the_tams() {
    let mut device = device(INTERVAL);
    let mut other = Session::default();
    let mut named = Vec::new();
    for _ in 0..4 {
        std::mem::swap(&mut device.session, &mut other);
        named.push(check(&mut device));
    }
    assert_eq!(named, [to(TAM_URI), to(OTHER_TAM_URI), to(THIRD_TAM_URI), Reply::Nothing]);
}

#[test]
fn request_for_a_ta_is_a_contact_too() {
    let mut device = device(INTERVAL);
    assert_eq!(device.request_ta(Some(OTHER_TAM_URI)), to(OTHER_TAM_URI));
    assert_eq!(checked(&mut device), [TAM_URI, THIRD_TAM_URI]);
}

#[test]
fn tam_that_was_not_reached_is_named_again_by_the_next_check() {
    let mut device = device(INTERVAL);
    assert_eq!(check(&mut device), to(TAM_URI));
    device.invoke(Command::ProcessError, &[]);
    assert_eq!(check(&mut device), to(OTHER_TAM_URI), "not twice in one check");
    assert_eq!(check(&mut device), to(THIRD_TAM_URI));
    assert_eq!(check(&mut device), Reply::Nothing);
    assert_eq!(checked(&mut device), [TAM_URI]);
}

/// What is remembered of TAMs is in the TEE's memory only.
#[test]
fn every_tam_is_due_after_a_restart() {
    let mut first = device(INTERVAL);
    assert_eq!(checked(&mut first).len(), 3);
    let mut again = Device::start_with(first.env.clone(), &contacting_every(INTERVAL).encode());
    assert_eq!(checked(&mut again).len(), 3);
}

#[test]
fn component_that_another_session_asks_for_is_not_asked_for_again() {
    let mut device = device(0);
    let mut other = Session::default();
    assert_eq!(device.request_ta(None), to(TAM_URI));
    std::mem::swap(&mut device.session, &mut other);
    let Reply::Failed { reason } = device.request_ta(Some(OTHER_TAM_URI)) else { panic!("asked twice") };
    assert!(reason.contains("another session"), "{reason}");
    assert_eq!(device.request_ta_of(OTHER_TA, None), to(TAM_URI), "another component");
    // The first session asks anew, then for something else: its first request is no more.
    std::mem::swap(&mut device.session, &mut other);
    assert_eq!(device.request_ta(None), to(TAM_URI));
    assert_eq!(device.request_ta_of([0x3c; 16], None), to(TAM_URI));
    std::mem::swap(&mut device.session, &mut other);
    assert_eq!(device.request_ta(None), to(TAM_URI));
    device.agent.close(&mut device.session);
    assert_eq!(device.request_ta(None), to(TAM_URI), "nobody asks any more");
}

#[test]
fn tam_that_was_told_of_a_component_is_not_told_again_within_the_interval() {
    let mut device = device(INTERVAL);
    assert_eq!(device.request_ta(None), to(TAM_URI));
    device.process(&signed_query_request(query_request()));
    device.agent.close(&mut device.session);
    device.env.pass(SECONDS - 1);
    let Reply::Failed { reason } = device.request_ta(None) else { panic!("asked again") };
    assert!(reason.contains("ask again in 1 seconds"), "{reason}");
    assert_eq!(device.request_ta(Some(OTHER_TAM_URI)), to(OTHER_TAM_URI), "another TAM may have it");
    device.agent.close(&mut device.session);
    device.env.pass(1);
    assert_eq!(device.request_ta(None), to(TAM_URI));
}

#[test]
fn request_that_did_not_reach_the_tam_may_be_repeated_at_once() {
    let mut device = device(INTERVAL);
    device.request_ta(None);
    device.agent.close(&mut device.session);
    assert_eq!(device.request_ta(None), to(TAM_URI), "the Broker gave up before it was told");
    device.process(&signed_query_request(query_request()));
    device.invoke(Command::ProcessError, &[]);
    assert_eq!(device.request_ta(None), to(TAM_URI), "it may not have got the answer");
}

/// Attack: a Broker makes the Agent ask for the same component over and over, to keep TAM and device busy.
#[test]
fn attack_broker_repeats_a_request() {
    let mut device = device(INTERVAL);
    let mut told = 0;
    for _ in 0..100 {
        if device.request_ta(None) == to(TAM_URI) {
            device.process(&signed_query_request(query_request()));
            told += 1;
        }
        device.agent.close(&mut device.session);
    }
    assert_eq!(told, 1);
    device.env.pass(SECONDS);
    device.update(&[envelope(1)]);
    device.env.pass(SECONDS);
    assert_eq!(device.request_ta(None), Reply::Nothing, "REQ-TEEP-120");
}
