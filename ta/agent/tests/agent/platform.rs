// SPDX-License-Identifier: Apache-2.0
//! What the platform under the Agent can and cannot do.

use crate::author::*;
use crate::support::*;
use teep_proto::suit::{Reason, text};
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::Message;
use teep_sim::Call;

fn stock() -> Device {
    let device = Device::new();
    device.env.set_stock(true);
    device
}

#[test]
fn stock_platform_installs_and_updates() {
    let mut device = stock();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
    assert_eq!((device.installed(), device.objects()), ((Some(2), Some(2)), 1));
}

#[test]
fn stock_platform_that_refuses_an_image_leaves_the_old_state() {
    let mut device = stock();
    device.update(&[envelope(1)]);
    let mut author = Author::new(2);
    let last = author.image.len() - 1;
    author.image[last] ^= 1;
    author.payload = author.image.clone();
    assert_eq!(device.update(&[author.envelope()]).refusal(), (11, Reason::OperationFailed));
    for mut device in [device.restarted(), device] {
        assert_eq!((device.installed(), device.objects()), ((Some(1), Some(1)), 1));
        assert_eq!(device.update(&[envelope(1)]).code(), 0, "a failed update raises no floor");
    }
}

#[test]
fn stock_platform_out_of_memory_is_temporary() {
    let mut device = stock();
    device.update(&[envelope(1)]);
    device.env.set_out_of_memory(true);
    assert_eq!(device.update(&[envelope(2)]).code(), 10);
    device.env.set_out_of_memory(false);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
}

#[test]
fn stock_platform_cannot_remove_and_says_so_before_anything_changes() {
    let mut device = stock();
    device.update(&[envelope(1)]);
    let received = device.remove(&[manifest_id(TA)]);
    assert_eq!(received.refusal(), (11, Reason::OperationFailed));
    assert!(received.outcome.expect("an outcome").text.contains("no way to remove"));
    for mut device in [device.restarted(), device] {
        assert_eq!((device.installed(), device.objects()), ((Some(1), Some(1)), 1));
    }
}

#[test]
fn stock_platform_installs_one_ta_at_a_time() {
    let (one, two) = (envelope(1), Author::of(OTHER_TA, 1).envelope());
    let mut author = DataAuthor::new("app", Data::Clear(b"x")).needing(Needed::ta(TA, "#1", &one));
    author.needs.push(Needed::ta(OTHER_TA, "#2", &two));
    author.key = clear_signer_key();
    let both = author.envelope();
    let mut device = stock();
    let received = device.update(std::slice::from_ref(&both));
    assert_eq!(received.refusal(), (11, Reason::OperationFailed));
    assert!(received.outcome.expect("an outcome").text.contains("one Trusted Application at a time"));
    assert_eq!((device.components().len(), device.objects()), (0, 0));
    assert_eq!(device.update(&[one, two, both]).code(), 0, "one after the other");
}

#[test]
fn answer_lost_on_a_stock_platform_is_settled_by_the_next_command() {
    let mut device = stock();
    device.update(&[envelope(1)]);
    device.env.set_answers_lost(true);
    assert_eq!(device.update(&[envelope(2)]).refusal(), (11, Reason::OperationFailed));
    assert_eq!(device.update(&[envelope(2)]).code(), 10, "nothing is begun before that is settled");
    device.env.set_answers_lost(false);
    device.settle();
    assert_eq!((device.installed(), device.objects()), ((Some(2), Some(2)), 1));
}

#[test]
fn open_sessions_of_what_was_replaced_or_removed_are_told() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    device.env.set_open_sessions(TA, 2);
    let said = |received: Received| received.outcome.expect("an outcome").text;
    assert_eq!(
        said(device.update(&[envelope(2)])),
        "1 manifest installed; 2 sessions still run the code from before until they end"
    );
    device.env.set_open_sessions(TA, 1);
    assert_eq!(
        said(device.remove(&[manifest_id(TA)])),
        "1 manifest removed; 1 session still runs the code from before until it ends"
    );
}

/// The Agent does not end with its sessions, and so looks again whenever somebody asks for something.
#[test]
fn ta_that_the_platform_loses_while_the_agent_runs_is_not_taken_for_installed() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    assert_eq!(device.request_ta(None), Reply::Nothing);
    device.env.uninstall(TA);
    assert!(matches!(device.request_ta(None), Reply::Connect { .. }));
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert_eq!(device.request_ta(None), Reply::Nothing);
}

#[test]
fn ta_that_the_platform_lost_is_asked_for_and_installed_again() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    device.env.uninstall(TA);
    let mut device = device.restarted();
    device.invoke(Command::RequestPolicyCheck, &[]);
    let received = device.process(&signed_query_request(query_request()));
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    let requested: Vec<_> =
        response.requested_tc_list.iter().map(|tc| tc.component_id.to_elements()).collect();
    assert_eq!(requested, [text::native_ta(TA)]);
    let listed = response.tc_list.expect("REQ-TEEP-064");
    let ta = listed.iter().find(|claims| claims.component_id.to_elements() == text::native_ta(TA));
    assert_eq!(ta.expect("it is listed").digest(), None, "nothing is claimed of what is not there");
    assert!(matches!(device.request_ta(None), Reply::Connect { .. }));
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(device.request_ta(None), Reply::Nothing);
}

/// A reply that says "failed" changed nothing.
#[test]
fn update_of_which_the_answer_cannot_be_signed_is_not_carried_out() {
    let mut device = Device::new().restarted();
    device.invoke(Command::RequestPolicyCheck, &[]);
    device.env.set_failing(Call::DeriveKey, true);
    let message = update(&tam_key(), &[envelope(1)]);
    let reply = device.invoke(Command::ProcessTeepMessage, &message);
    assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
    assert_eq!(device.env.installed(TA), None);
    device.env.set_failing(Call::DeriveKey, false);
    assert_eq!(device.say(&message, &[]).code(), 0);
}

#[test]
fn platform_that_does_not_answer_is_no_stock_one() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    device.env.set_failing(Call::Abilities, true);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 10, "ERR_TEMPORARY_ERROR");
    device.env.set_failing(Call::Abilities, false);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
}

#[test]
fn object_that_could_not_be_deleted_goes_later() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    device.env.set_failing(Call::Delete, true);
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
    assert!(device.objects() > 1);
    device.env.set_failing(Call::Delete, false);
    device.settle();
    assert_eq!(device.objects(), 1);
}
