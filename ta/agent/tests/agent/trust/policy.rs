// SPDX-License-Identifier: Apache-2.0
//! The policy in a trust store that a manifest brings counts at once, whatever was done under the one before.

use crate::author::*;
use crate::support::*;
use teep_agent::config::{Policy, TrustStore};
use teep_proto::suit::Reason;
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::ErrCode;
use teep_sim::MemoryEnv;

/// A device with this policy built in.
fn device(policy: Policy) -> Device {
    let mut config = configuration();
    config.trust.policy = policy;
    Device::start_with(MemoryEnv::new([7; 32]), &config.encode())
}

/// What limits nothing.
fn open() -> Policy {
    Policy { contact_interval: 0, ..configuration().trust.policy }
}

/// `device` gets a trust store with this number and policy.
fn bring(device: &mut Device, number: u64, policy: Policy) {
    let store = trust_store(number, |store| store.policy = policy);
    assert_eq!(device.update(&[trust_envelope(&store)]).code(), 0);
    assert_eq!(device.stored().trust.sequence_number, number);
}

#[test]
fn a_new_policy_counts_at_once() {
    let mut device = device(open());
    let bare = || {
        let mut bare = Author::new(1);
        bare.manifest.component_id = None;
        bare.manifest.components = vec![name("data")];
        bare.envelope()
    };
    assert_eq!(device.update(&[bare()]).refusal(), (11, Reason::ComponentUnsupported), "AMB-SUIT-20");
    let store = trust_store(1, |store| store.policy.unnamed_manifests = true);
    assert_eq!(device.update(&[trust_envelope(&store), bare()]).code(), 0);
}

#[test]
fn a_new_contact_interval_counts_at_once() {
    let mut device = device(open());
    // How many TAMs a policy check names, in a session of its own.
    let checked = |device: &mut Device| {
        device.agent.close(&mut device.session);
        let named = (0..10).map(|_| device.invoke(Command::RequestPolicyCheck, &[]));
        named.take_while(|reply| matches!(reply, Reply::Connect { .. })).count()
    };
    assert_eq!([checked(&mut device), checked(&mut device)], [2, 2]);
    bring(&mut device, 1, Policy { contact_interval: 3600, ..open() });
    assert_eq!(checked(&mut device), 0, "contacts of before count");
    device.env.pass(3600);
    assert_eq!([checked(&mut device), checked(&mut device)], [2, 0]);
    device.env.pass(3600);
    bring(&mut device, 2, Policy { contact_interval: 10, ..open() });
    device.env.pass(10);
    assert_eq!([checked(&mut device), checked(&mut device)], [2, 0]);
    device.env.pass(10);
    bring(&mut device, 3, open());
    assert_eq!([checked(&mut device), checked(&mut device)], [2, 2]);
}

#[test]
fn a_new_limit_of_errors_counts_at_once() {
    let mut device = device(Policy { errors_per_minute: 60, ..open() });
    // Whether an invalid message is answered.
    let answered = |device: &mut Device| {
        device.agent.close(&mut device.session);
        device.invoke(Command::RequestPolicyCheck, &[]);
        matches!(device.invoke(Command::ProcessTeepMessage, b"garbage"), Reply::Send { .. })
    };
    assert!((0..60).all(|_| answered(&mut device)) && !answered(&mut device));
    device.env.pass(60);
    assert!(answered(&mut device));
    bring(&mut device, 1, Policy { errors_per_minute: 0, ..open() });
    device.env.pass(3600);
    assert!(!answered(&mut device), "never");
    bring(&mut device, 2, Policy { errors_per_minute: 2, ..open() });
    assert_eq!([(); 3].map(|()| answered(&mut device)), [true, true, false]);
    device.env.pass(30);
    assert_eq!([(); 2].map(|()| answered(&mut device)), [true, false]);
}

#[test]
fn a_new_limit_of_updates_counts_at_once() {
    let mut device = device(open());
    // The err-codes of so many Updates, each of which installs the TA again.
    let updated = |device: &mut Device, count: usize| -> Vec<u64> {
        (0..count).map(|_| device.update(&[envelope(1)]).code()).collect()
    };
    let later = ErrCode::TEMPORARY_ERROR.number();
    assert_eq!(updated(&mut device, 20), [0; 20], "any number");
    bring(&mut device, 1, Policy { updates_per_hour: 2, ..open() });
    // Those before use it up, and no more than that.
    assert_eq!(updated(&mut device, 3), [later; 3]);
    device.env.pass(1800);
    assert_eq!(updated(&mut device, 2), [0, later]);
    device.env.pass(1800);
    bring(&mut device, 2, Policy { updates_per_hour: 10, ..open() });
    device.env.pass(3600);
    assert_eq!(updated(&mut device, 11)[9..], [0, later]);
    device.env.pass(360);
    bring(&mut device, 3, Policy { updates_per_hour: 1, ..open() });
    assert_eq!(updated(&mut device, 1), [later]);
    device.env.pass(3600);
    assert_eq!(updated(&mut device, 2), [0, later], "the ten before are as many as one now");
}

#[test]
fn a_signers_new_rights_to_personalization_data_count_at_once() {
    let mut device = device(open());
    let app = |n: u64| {
        let ta = envelope(1);
        let mut app = DataAuthor::new("app", Data::Clear(b"settings")).needing(Needed::ta(TA, "#ta", &ta));
        app.sequence_number = n;
        app.envelope()
    };
    let in_clear =
        |allowed: bool| move |store: &mut TrustStore| store.signers[0].personalization_in_clear = allowed;
    let refused = (11, Reason::ComponentUnauthorised);
    assert_eq!(device.update(&[app(1)]).refusal(), refused);
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, in_clear(true))), app(1)]).code(), 0);
    assert_eq!(device.read(TA, &name("app")).as_deref(), Some(&b"settings"[..]));
    let received = device.update(&[trust_envelope(&trust_store(2, in_clear(false))), app(2)]);
    assert_eq!(received.refusal(), refused);
    assert_eq!(device.stored().trust.sequence_number, 2);
    assert_eq!(device.read(TA, &name("app")).as_deref(), Some(&b"settings"[..]), "what is there stays");
}
