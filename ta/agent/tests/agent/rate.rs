// SPDX-License-Identifier: Apache-2.0
//! How often the Agent does what somebody else makes it do (REQ-TEEP-152, 153).

use crate::author::*;
use crate::passport::verifier;
use crate::support::*;
use teep_proto::suit::ComponentId;
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::{ErrCode, QueryRequest, Update};
use teep_sim::MemoryEnv;

fn device(errors_per_minute: u32, updates_per_hour: u32) -> Device {
    let mut config = configuration();
    config.trust.policy.errors_per_minute = errors_per_minute;
    config.trust.policy.updates_per_hour = updates_per_hour;
    Device::start_with(MemoryEnv::new([7; 32]), &config.encode())
}

/// Begins a conversation in a new session, in which the TAM says `message`.
fn say(device: &mut Device, message: &[u8]) -> Reply {
    device.agent.close(&mut device.session);
    device.invoke(Command::RequestPolicyCheck, &[]);
    device.invoke(Command::ProcessTeepMessage, message)
}

/// Why nothing was sent.
fn silence(reply: Reply) -> String {
    match reply {
        Reply::Failed { reason } => reason,
        other => panic!("{other:?}"),
    }
}

fn text(received: &Received) -> String {
    received.outcome.as_ref().expect("an outcome").text.clone()
}

/// Attack: whoever can send to the Agent has it sign Errors without end (AMB-07).
#[test]
fn attack_error_oracle() {
    let mut device = device(3, 0);
    let reflected = {
        let reply = say(&mut device, &signed_query_request(query_request()));
        let answer = device.received(reply);
        teep_proto::cose::sign1(&tam_key(), &answer.payload).expect("signs")
    };
    // Garbage, a stranger's message, and one that a TAM does not send: in sessions of their own.
    let invalid = [b"garbage".to_vec(), update(&key(0x55), &[envelope(1)]), reflected];
    for message in &invalid {
        let reply = say(&mut device, message);
        assert_ne!(device.received(reply).code(), 0);
    }
    for message in invalid.iter().cycle().take(30) {
        let reason = silence(say(&mut device, message));
        assert!(reason.contains("in 20 seconds"), "{reason}");
    }
    assert_eq!(device.update(&[envelope(1)]).code(), 0, "valid messages are answered as ever");
    device.env.pass(20);
    let reply = say(&mut device, b"garbage");
    assert_ne!(device.received(reply).code(), 0);
    silence(say(&mut device, b"garbage"));
}

/// Attack: an Update of the TAM's that counts for nothing, and changes nothing, is replayed without end.
#[test]
fn attack_error_oracle_by_an_update_that_counts_for_nothing() {
    let other_suite = update(&tam_other_suite_key(), &[envelope(1)]);
    let ids: Vec<_> = (0..33).map(|n| name(&format!("{n}.suit"))).collect();
    let good = envelope(1);
    let lists = Update {
        unneeded_manifest_list: ids[1..].iter().map(|id| ComponentId::decode(id).expect("an id")).collect(),
        manifest_list: vec![&good],
        ..Update::default()
    };
    let too_many = order(&tam_key(), lists);
    let unattested = update(&tam_key(), &[envelope(1)]);
    for (message, is_demanding, code) in [
        (other_suite, false, ErrCode::PERMANENT_ERROR),
        (too_many, false, ErrCode::PERMANENT_ERROR),
        (unattested, true, ErrCode::ATTESTATION_REQUIRED),
    ] {
        let device = |errors_per_minute| {
            let mut config = configuration();
            config.trust.policy.errors_per_minute = errors_per_minute;
            config.trust.verifiers = vec![verifier().public_key().into()];
            config.trust.tams[0].attestation_required = is_demanding;
            Device::start_with(MemoryEnv::new([7; 32]), &config.encode())
        };
        silence(say(&mut device(0), &message));
        let mut device = device(1);
        let reply = say(&mut device, &message);
        assert_eq!(device.received(reply).code(), code.number());
        for _ in 1..100 {
            let reason = silence(say(&mut device, &message));
            assert!(reason.contains("in 60 seconds"), "{reason}");
        }
        device.env.pass(60);
        let reply = say(&mut device, &message);
        assert_eq!(device.received(reply).code(), code.number());
    }
}

/// REQ-TEEP-090: it has to learn why, and whoever replays its request has no more of it than of one that is answered.
#[test]
fn tam_learns_that_negotiation_failed_however_many_errors_were_sent() {
    let mut device = device(0, 0);
    let request = QueryRequest { versions: Some(vec![9]), ..query_request() };
    for _ in 0..10 {
        let reply = say(&mut device, &signed_query_request(request.clone()));
        assert_eq!(device.received(reply).code(), ErrCode::UNSUPPORTED_MSG_VERSION.number());
    }
}

#[test]
fn invalid_messages_are_dropped_silently_where_the_policy_says_so() {
    let mut device = device(0, 0);
    for message in [b"garbage".to_vec(), update(&key(0x55), &[envelope(1)])] {
        let reason = silence(say(&mut device, &message));
        assert!(reason.contains("dropped"), "{reason}");
    }
    let reply = device.invoke(Command::ProcessTeepMessage, &signed_query_request(query_request()));
    assert!(matches!(reply, Reply::Failed { .. }), "the conversation is over");
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
}

/// Attack: a Broker has a TA installed and removed in turns, as fast as its TAM makes Updates, until the flash is worn
/// out.
#[test]
fn attack_broker_loops_install_and_uninstall() {
    let mut device = device(30, 4);
    let mut loops = 0;
    let refused = loop {
        loops += 1;
        let installed = device.update(&[envelope(1)]);
        let removed = if installed.code() == 0 { device.remove(&[manifest_id(TA)]) } else { installed };
        if removed.code() != 0 {
            break removed;
        }
    };
    assert_eq!((loops, refused.code()), (3, ErrCode::TEMPORARY_ERROR.number()));
    assert!(text(&refused).contains("try again in 15 minutes"), "{}", text(&refused));
    let operations = device.env.operations();
    for _ in 0..20 {
        assert_eq!(device.update(&[envelope(1)]).code(), ErrCode::TEMPORARY_ERROR.number());
    }
    assert_eq!(device.env.operations(), operations, "nothing is written");
    assert_eq!(device.objects(), 0);
    device.env.pass(15 * 60);
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert_eq!(device.update(&[envelope(2)]).code(), ErrCode::TEMPORARY_ERROR.number());
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

/// Attack: a Broker repeats an Update whose payload it never delivers completely.
#[test]
fn attack_broker_loops_a_payload_that_never_arrives() {
    let mut device = device(30, 3);
    let author = Author::new(1);
    let image = author.image.clone();
    let message = update(&tam_key(), &[author.fetched_from("https://tc.example/hello.ta", false)]);
    for n in 0..6 {
        let reply = say(&mut device, &message);
        if n < 3 {
            assert!(matches!(reply, Reply::Fetch { .. }), "{n}: {reply:?}");
            let piece = teep_proto::teec::FetchData { offset: 0, bytes: &image[..20] };
            device.invoke(Command::FetchData, &piece.encode());
            let reply = device.invoke(Command::FetchFailed, b"no");
            assert_eq!(device.received(reply).code(), 11);
        } else {
            assert_eq!(device.received(reply).code(), ErrCode::TEMPORARY_ERROR.number(), "{n}");
        }
    }
}

#[test]
fn updates_that_write_nothing_are_not_counted() {
    let mut device = device(30, 2);
    let message = update(&tam_key(), &[envelope(2)]);
    assert_eq!(device.say(&message, &[]).code(), 0);
    for _ in 0..10 {
        assert_eq!(device.update(&[envelope(1)]).code(), 11, "a rollback");
        assert!(text(&device.say(&message, &[])).contains("carried out before"));
    }
    assert_eq!(device.update(&[envelope(3)]).code(), 0);
    assert_eq!(device.update(&[envelope(4)]).code(), ErrCode::TEMPORARY_ERROR.number());
    assert!(text(&device.say(&message, &[])).contains("carried out before"), "a repeat is one still");
}

#[test]
fn update_that_waits_for_payloads_is_counted_once() {
    let mut device = device(30, 1);
    let server: Vec<(String, Vec<u8>)> =
        (1..4).map(|n| (format!("https://tc.example/{n}"), Author::of([n; 16], 1).image)).collect();
    let envelopes: Vec<_> =
        (1..4).map(|n| Author::of([n; 16], 1).fetched_from(&server[usize::from(n) - 1].0, false)).collect();
    let server: Vec<_> = server.iter().map(|(uri, image)| (uri.as_str(), image.as_slice())).collect();
    assert_eq!(device.update_from(&envelopes, &server).code(), 0);
    assert_eq!(device.env.installed_uuids().len(), 3);
}

#[test]
fn quota_of_none_is_no_limit() {
    let mut device = device(30, 0);
    for n in 1..300 {
        assert_eq!(device.update(&[envelope(n)]).code(), 0, "{n}");
    }
}

/// Both are counted for the Agent as a whole: neither the end of a session nor another TAM begins anew.
#[test]
fn quota_is_for_all_tams_together() {
    let mut device = device(30, 1);
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    let other = Author::of(OTHER_TA, 1).envelope();
    let received = device.other_tam_says(&update(&other_tam_key(), &[other]));
    assert_eq!(received.code(), ErrCode::TEMPORARY_ERROR.number());
}
