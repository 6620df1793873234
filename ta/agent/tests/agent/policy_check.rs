// SPDX-License-Identifier: Apache-2.0
//! Whom the Agent contacts, and how soon again: RequestPolicyCheck and RequestTA (draft section 7.2).

use crate::author::*;
use crate::support::*;
use teep_agent::Session;
use teep_agent::config::{Config, Policy};
use teep_proto::suit::text;
use teep_proto::teec::{Command, Reply, TaRequest};
use teep_sim::MemoryEnv;

const INTERVAL: u32 = 3600;
const SECONDS: u64 = 3600;
const THIRD_TAM_URI: &str = "http://third.example/tam";

/// With three TAMs.
fn contacting_every(interval: u32) -> Config {
    let mut config = configuration();
    config.trust.policy.contact_interval = interval;
    config.trust.tams.push(tam(THIRD_TAM_URI, &[key(0x33)]));
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
    assert_eq!(device.request_ta(Some(TAM_URI)), to(TAM_URI), "it may not have got the answer");
}

/// Draft section 7.2: a failure counts when the next TAM is chosen.
#[test]
fn tam_that_was_not_reached_is_asked_after_the_others_for_a_while() {
    const AVOIDED: u64 = 600;
    let mut device = device(0);
    let fail = |device: &mut Device, uri: &str| {
        assert_eq!(device.request_ta(None), to(uri));
        device.invoke(Command::ProcessError, &[]);
        let log = device.env.log_lines();
        assert!(log.last().is_some_and(|line| line.contains(uri) && line.contains("not reach")), "{log:?}");
    };
    fail(&mut device, TAM_URI);
    assert_eq!(device.request_ta(Some(TAM_URI)), to(TAM_URI), "a hint counts still");
    device.invoke(Command::ProcessError, &[]);
    assert_eq!(device.request_ta(Some("http://evil.example/tam")), to(OTHER_TAM_URI), "a hint that does not");
    fail(&mut device, OTHER_TAM_URI);
    fail(&mut device, THIRD_TAM_URI);
    fail(&mut device, TAM_URI);
    // Whoever is contacted again is in its place again.
    assert_eq!(device.request_ta(Some(OTHER_TAM_URI)), to(OTHER_TAM_URI));
    assert_eq!(device.request_ta(None), to(OTHER_TAM_URI));
    device.env.pass(AVOIDED - 1);
    assert_eq!(device.request_ta(None), to(OTHER_TAM_URI));
    device.env.pass(1);
    assert_eq!(device.request_ta(None), to(TAM_URI), "it may be well again");
}

#[test]
fn component_that_came_may_be_asked_for_again_when_it_is_gone() {
    let mut device = device(INTERVAL);
    assert_eq!(device.request_ta(None), to(TAM_URI));
    device.process(&signed_query_request(query_request()));
    assert_eq!(device.process(&update(&tam_key(), &[envelope(1)])).code(), 0);
    device.agent.close(&mut device.session);
    assert_eq!(device.request_ta(None), Reply::Nothing);
    let request = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None };
    assert_eq!(device.invoke(Command::UnrequestTa, &request.encode()), to(TAM_URI));
    assert_eq!(device.process(&unneeded(&tam_key(), &[manifest_id(TA)])).code(), 0);
    device.agent.close(&mut device.session);
    assert_eq!(device.request_ta(None), to(TAM_URI));
}

/// Attack: a Broker makes the Agent ask for the same component over and over, to keep TAM and device busy. With the
/// policy of a configuration that says nothing of it.
#[test]
fn attack_broker_repeats_a_request() {
    let interval = Policy::default().contact_interval;
    let mut device = device(interval);
    let mut told = 0;
    for _ in 0..100 {
        if device.request_ta(None) == to(TAM_URI) {
            device.process(&signed_query_request(query_request()));
            told += 1;
        }
        device.agent.close(&mut device.session);
    }
    assert_eq!((interval, told), (60, 1));
    device.env.pass(interval.into());
    device.update(&[envelope(1)]);
    device.env.pass(interval.into());
    assert_eq!(device.request_ta(None), Reply::Nothing, "REQ-TEEP-120");
}

/// The Broker is killed while it fetches a payload: its session is closed without a word.
#[test]
fn conversation_that_broke_off_in_a_payload_may_be_begun_again_at_once() {
    let mut device = device(3600);
    let mut author = Author::new(1);
    author.image = teep_sim::ta_image(TA, 1, &[7; 2000]);
    assert_eq!(device.request_ta(None), to(TAM_URI));
    device.process(&signed_query_request(query_request()));
    let message = update(&tam_key(), &[author.fetched_from("https://tc.example/hello.ta", false)]);
    assert!(matches!(device.invoke(Command::ProcessTeepMessage, &message), Reply::Fetch { .. }));
    device.agent.close(&mut device.session);
    assert_eq!(device.invoke(Command::RequestPolicyCheck, &[]), to(TAM_URI));
    device.agent.close(&mut device.session);
    assert_eq!(device.request_ta(None), to(TAM_URI));
}
