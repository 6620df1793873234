// SPDX-License-Identifier: Apache-2.0
//! The first trust store is handed over once, where the Agent was built for that.

use crate::author::*;
use crate::support::*;
use teep_agent::config::{Config, TrustStore};
use teep_proto::limits::MAX_TRUST_STORE;
use teep_proto::suit::Reason;
use teep_proto::teec::{Command, Reply, TrustSource};
use teep_sim::MemoryEnv;

/// A device that was built without anchors, to be provisioned.
pub(crate) fn blank() -> Device {
    let trust = TrustStore { tams: vec![], signers: vec![], ..configuration().trust };
    start(Config { provisioning: true, trust, ..configuration() })
}

fn start(config: Config) -> Device {
    Device::start_with(MemoryEnv::new([7; 32]), &config.encode())
}

/// Why `device` does not take `store`.
fn refused(device: &mut Device, store: &[u8]) -> String {
    match device.invoke(Command::Provision, store) {
        Reply::Failed { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn provisioned_once() {
    let mut device = blank();
    let store = trust_store(0, |_| ());
    assert_eq!(device.invoke(Command::Provision, &store.encode()), Reply::Nothing);
    assert_eq!(device.stored().trust.source, TrustSource::Provisioned);
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    let mut device = device.restarted();
    assert_eq!(device.stored().trust.source, TrustSource::Provisioned);
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
}

#[test]
fn agent_without_anchors_talks_to_nobody_until_it_is_provisioned() {
    let mut device = blank();
    for (command, request) in [
        (
            Command::RequestTa,
            teep_proto::teec::TaRequest {
                component_id: vec![b"x".to_vec()],
                tam_uri_hint: Some(TAM_URI.to_owned()),
            }
            .encode(),
        ),
        (Command::RequestPolicyCheck, vec![]),
    ] {
        let Reply::Failed { reason } = device.invoke(command, &request) else { panic!("{}", command.name()) };
        assert!(reason.contains("provisioned"), "{reason}");
    }
}

#[test]
fn attack_provisioned_twice() {
    let mut device = blank();
    assert_eq!(device.invoke(Command::Provision, &trust_store(1, |_| ()).encode()), Reply::Nothing);
    let attackers = trust_store(9, |store| store.tams[0].keys = vec![key(66).public_key().into()]).encode();
    for _ in 0..2 {
        let reason = refused(&mut device, &attackers);
        assert!(reason.contains("has a trust store already"), "{reason}");
        assert_eq!(device.stored().trust.sequence_number, 1);
        device = device.restarted();
    }
}

#[test]
fn attack_provisioned_where_the_build_does_not_allow_it() {
    let mut device = Device::new();
    let reason = refused(&mut device, &trust_store(1, |_| ()).encode());
    assert!(reason.contains("was not built to be provisioned"), "{reason}");
    assert_eq!(device.stored().trust.source, TrustSource::BuiltIn);
}

#[test]
fn attack_provisioned_after_a_manifest_brought_a_trust_store() {
    let mut device = start(Config { provisioning: true, ..configuration() });
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    let reason = refused(&mut device, &trust_store(2, |_| ()).encode());
    assert!(reason.contains("has a trust store already"), "{reason}");
}

#[test]
fn attack_provisioned_with_what_is_no_trust_store_to_live_with() {
    let mut device = blank();
    let good = trust_store(1, |_| ()).encode();
    for end in (0..good.len()).step_by(13) {
        refused(&mut device, &good[..end]);
    }
    for (store, expected) in [
        (trust_store(1, |store| store.tams.clear()), "at least one TAM"),
        (trust_store(1, |store| store.signers.clear()), "may change it again"),
        (trust_store(1, |store| store.verifiers.push(tam_key().public_key().into())), "one role only"),
    ] {
        let reason = refused(&mut device, &store.encode());
        assert!(reason.contains(expected), "{reason}");
    }
    let reason = refused(&mut device, &vec![0; MAX_TRUST_STORE + 1]);
    assert!(reason.contains("16 KiB"), "{reason}");
    assert_eq!(device.objects(), 0);
    assert_eq!(device.invoke(Command::Provision, &good), Reply::Nothing, "none of this counted");
}

#[test]
fn attack_provisioned_below_the_built_in_trust_store() {
    let mut config = Config { provisioning: true, ..configuration() };
    config.trust.sequence_number = 3;
    let mut device = start(config);
    let reason = refused(&mut device, &trust_store(2, |_| ()).encode());
    assert!(reason.contains("below 3"), "{reason}");
    assert_eq!(device.invoke(Command::Provision, &trust_store(3, |_| ()).encode()), Reply::Nothing);
}

#[test]
fn provisioned_trust_store_is_changed_by_newer_manifests_only() {
    let mut device = blank();
    assert_eq!(device.invoke(Command::Provision, &trust_store(5, |_| ()).encode()), Reply::Nothing);
    for number in [4, 5] {
        let refusal = device.update(&[trust_envelope(&trust_store(number, |_| ()))]).refusal();
        assert_eq!(refusal, (11, Reason::ConditionFailed));
    }
    assert_eq!(device.update(&[trust_envelope(&trust_store(6, |_| ()))]).code(), 0);
    let trust = device.restarted().stored().trust;
    assert_eq!((trust.sequence_number, trust.source), (6, TrustSource::Updated));
}

#[test]
fn attack_deleted_trust_store_opens_no_second_provisioning() {
    let mut device = blank();
    assert_eq!(device.invoke(Command::Provision, &trust_store(1, |_| ()).encode()), Reply::Nothing);
    for object in device.env.object_names().into_iter().filter(|name| name != "state") {
        device.env.tamper(&object, None);
    }
    let mut device = device.restarted();
    let reason = refused(&mut device, &trust_store(2, |_| ()).encode());
    assert!(reason.contains("has a trust store already"), "{reason}");
}
