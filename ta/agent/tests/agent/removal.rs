// SPDX-License-Identifier: Apache-2.0
//! Removing what nobody needs any more, and what an attacker makes of it.

use crate::author::*;
use crate::support::*;
use teep_proto::suit::{Reason, ReportResult};
use teep_proto::teec::{Command, Reply, TaRequest};
use teep_proto::teep::{Message, Update};

fn app(name: &'static str, ta: &[u8]) -> Vec<u8> {
    let mut author = DataAuthor::new(name, Data::Clear(b"settings")).needing(Needed::ta(TA, "#ta", ta));
    author.key = clear_signer_key();
    author.envelope()
}

fn empty(device: &mut Device) -> bool {
    device.components().is_empty() && device.objects() == 0 && device.env.installed_uuids().is_empty()
}

#[test]
fn unneeded_manifest_goes_with_its_ta() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    let received = device.remove(&[manifest_id(TA)]);
    assert_eq!((received.code(), received.reports()), (0, vec![ReportResult::Success]));
    assert_eq!(received.outcome.expect("an outcome").text, "1 manifest removed");
    assert!(empty(&mut device));
    assert!(matches!(device.request_ta(None), Reply::Connect { .. }), "it can be asked for again");
}

#[test]
fn shared_dependency_stays_until_its_last_user_goes() {
    let ta = envelope(1);
    let mut device = Device::new();
    assert_eq!(device.update(&[app("one", &ta), app("two", &ta)]).code(), 0);
    assert_eq!(device.remove(&[name("one.suit")]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)), "still needed");
    let received = device.remove(&[name("two.suit")]);
    assert_eq!((received.code(), received.reports().len()), (0, 2));
    assert!(empty(&mut device));
}

#[test]
fn manifest_installed_in_its_own_right_outlives_its_dependents() {
    let mut device = Device::new();
    let ta = envelope(1);
    assert_eq!(device.update(&[ta.clone(), app("one", &ta)]).code(), 0);
    assert_eq!(device.remove(&[name("one.suit")]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    assert!(empty(&mut device));
}

#[test]
fn needed_manifest_only_loses_its_tam() {
    let mut device = Device::new();
    let ta = envelope(1);
    assert_eq!(device.update(&[ta.clone(), app("one", &ta)]).code(), 0);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)), "the app needs it");
    assert_eq!(device.remove(&[name("one.suit")]).code(), 0);
    assert!(empty(&mut device));
}

#[test]
fn attack_replayed_update_brings_a_removed_ta_back() {
    let mut device = Device::new();
    let install = update(&tam_key(), &[envelope(1)]);
    assert_eq!(device.say(&install, &[]).code(), 0);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    let mut device = device.restarted();
    let received = device.say(&install, &[]);
    assert!(received.outcome.expect("an outcome").text.contains("carried out before"));
    assert!(empty(&mut device), "REQ-TEEP-095");
    // The TAM itself can bring it back, with the developer's manifest as it is.
    assert_eq!(device.update(&[envelope(1)]).code(), 0, "REQ-SUIT-007");
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn attack_replayed_update_that_only_confirmed_what_was_installed() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    let confirming = update(&tam_key(), &[envelope(1)]);
    assert_eq!(device.say(&confirming, &[]).code(), 0);
    device.remove(&[manifest_id(TA)]);
    device.say(&confirming, &[]);
    assert!(empty(&mut device), "AMB-18");
}

/// A Broker has other things that are on offer installed and removed again and again, so that the Agent forgets what it
/// did with one.
#[test]
fn attack_replayed_update_after_many_others() {
    let mut device = Device::new();
    let other = |n: usize| DataAuthor::new(&format!("other{n}"), Data::Clear(b"data")).envelope();
    let alone = update(&tam_key(), &[envelope(1)]);
    let together = update(&tam_key(), &[other(0), envelope(1), other(1)]);
    for install in [&alone, &together] {
        assert_eq!(device.say(install, &[]).code(), 0);
        assert_eq!(device.remove(&[manifest_id(TA), name("other0.suit"), name("other1.suit")]).code(), 0);
    }
    assert!(empty(&mut device));
    // One other thing, then several in turns, then together.
    let (one, turns) = ((0..40).map(|_| vec![0]), (0..60).map(|n| vec![n % 6]));
    let several = (0..40).map(|n| vec![n % 6, (n + 1) % 6]);
    for (n, others) in one.chain(turns).chain(several).enumerate() {
        assert_eq!(device.update(&others.iter().map(|n| other(*n)).collect::<Vec<_>>()).code(), 0);
        let ids: Vec<_> = others.iter().map(|n| name(&format!("other{n}.suit"))).collect();
        assert_eq!(device.remove(&ids).code(), 0);
        if n % 20 != 0 {
            continue;
        }
        device = device.restarted();
        for install in [&alone, &together] {
            let received = device.say(install, &[]);
            assert!(received.outcome.expect("an outcome").text.contains("carried out before"), "{n}");
            assert!(empty(&mut device), "REQ-TEEP-095, {n}");
        }
    }
}

#[test]
fn attack_replayed_removal_after_the_ta_came_back() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    let removal = unneeded(&tam_key(), &[manifest_id(TA)]);
    assert_eq!(device.say(&removal, &[]).code(), 0);
    device.update(&[envelope(1)]);
    assert_eq!(device.say(&removal, &[]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn attack_failed_update_replayed_after_others() {
    let mut device = Device::new();
    let mut bad = Author::of(OTHER_TA, 1);
    bad.vendor = [0; 16];
    let half = update(&tam_key(), &[envelope(1), bad.envelope()]);
    assert_eq!(device.say(&half, &[]).code(), 11);
    assert_eq!(device.say(&half, &[]).code(), 11, "it can go on while nothing else came");
    device.remove(&[manifest_id(TA)]);
    assert_eq!(device.say(&half, &[]).code(), 11);
    assert!(empty(&mut device));
}

#[test]
fn attack_old_sequence_number_after_removal() {
    let mut device = Device::new();
    device.update(&[envelope(3)]);
    device.remove(&[manifest_id(TA)]);
    let mut device = device.restarted();
    assert_eq!(device.update(&[envelope(2)]).refusal(), (11, Reason::ConditionFailed), "REQ-SUIT-128");
    assert!(empty(&mut device));
}

#[test]
fn attack_tam_removes_what_another_tam_installed() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    let received = device.other_tam_says(&unneeded(&other_tam_key(), &[manifest_id(TA)]));
    assert_eq!(received.refusal(), (11, Reason::ComponentUnauthorised), "AMB-19");
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn two_tams_share_a_manifest() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    assert_eq!(device.other_tam_says(&update(&other_tam_key(), &[envelope(1)])).code(), 0);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)), "the other TAM needs it");
    assert_eq!(device.remove(&[manifest_id(TA)]).refusal().1, Reason::ComponentUnauthorised);
    assert_eq!(device.other_tam_says(&unneeded(&other_tam_key(), &[manifest_id(TA)])).code(), 0);
    assert!(empty(&mut device));
}

#[test]
fn manifest_that_takes_another_component_gives_up_the_old_one() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    let mut author = Author::of(OTHER_TA, 2);
    author.manifest.component_id = Some(manifest_id(TA));
    assert_eq!(device.update(&[author.envelope()]).code(), 0);
    assert_eq!(device.env.installed_uuids(), [OTHER_TA]);
    assert_eq!(device.objects(), 1);
}

#[test]
fn removal_comes_before_installation_and_stops_it() {
    let mut device = Device::new();
    device.other_tam_says(&update(&other_tam_key(), &[envelope(1)]));
    let (other, id) = (Author::of(OTHER_TA, 1).envelope(), manifest_id(TA));
    let id = teep_proto::suit::ComponentId::decode(&id).expect("an id");
    let both = Update { unneeded_manifest_list: vec![id], manifest_list: vec![&other], ..Update::default() };
    assert_eq!(device.say(&order(&tam_key(), both), &[]).code(), 11, "REQ-TEEP-080");
    assert_eq!(device.env.installed_uuids(), [TA]);
}

#[test]
fn unrequested_component_names_the_root_manifests_that_keep_it() {
    let mut device = Device::new();
    assert_eq!(device.update(&[app("one", &envelope(1))]).code(), 0);
    let request = TaRequest { component_id: teep_proto::suit::text::native_ta(TA), tam_uri_hint: None };
    assert_eq!(
        device.invoke(Command::UnrequestTa, &request.encode()),
        Reply::Connect { tam_uri: TAM_URI.into() }
    );
    let received = device.process(&signed_query_request(query_request()));
    let teep_proto::teep::Message::QueryResponse(response) = received.message() else {
        panic!("no QueryResponse")
    };
    let unneeded: Vec<_> = response.unneeded_manifest_list.iter().map(|id| id.as_bytes().to_vec()).collect();
    assert_eq!(unneeded, [name("one.suit")], "not the manifest that only the app needs");
}

#[test]
fn unrequested_component_is_told_to_the_tam_it_came_from() {
    let mut device = Device::new();
    device.other_tam_says(&update(&other_tam_key(), &[envelope(1)]));
    let request = |hint: Option<&str>| TaRequest {
        component_id: teep_proto::suit::text::native_ta(TA),
        tam_uri_hint: hint.map(str::to_owned),
    };
    for hint in [None, Some(TAM_URI), Some(OTHER_TAM_URI)] {
        let reply = device.invoke(Command::UnrequestTa, &request(hint).encode());
        assert_eq!(reply, Reply::Connect { tam_uri: OTHER_TAM_URI.into() }, "{hint:?}");
    }
}

#[test]
fn manifest_that_linux_damaged_in_storage_can_still_be_removed_or_installed_again() {
    let damages = [None, Some(vec![]), Some(vec![0xff; 300]), Some(envelope(7))];
    for (reinstall, damage) in
        damages.into_iter().flat_map(|damage| [(false, damage.clone()), (true, damage)])
    {
        let mut device = Device::new();
        device.update(&[envelope(1)]);
        let object =
            device.env.object_names().into_iter().find(|name| name != "state").expect("the manifest");
        device.env.tamper(&object, damage.clone());
        let mut device = device.restarted();
        if reinstall {
            assert_eq!(device.update(&[envelope(2)]).code(), 0);
            assert_eq!((device.installed(), device.objects()), ((Some(2), Some(2)), 1));
        }
        assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
        assert!(empty(&mut device));
    }
}

#[test]
fn data_that_linux_deleted_from_storage_is_installed_again() {
    let mut device = Device::new();
    device.update(&[app("one", &envelope(1))]);
    for object in device.env.object_names().into_iter().filter(|name| name != "state") {
        if device.env.object_len(&object) == Some(b"settings".len()) {
            device.env.tamper(&object, None);
        }
    }
    assert_eq!(device.read(TA, &name("one")), None);
    device.invoke(Command::RequestPolicyCheck, &[]);
    let received = device.process(&signed_query_request(query_request()));
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    let requested: Vec<_> = response.requested_tc_list.iter().map(|tc| tc.component_id.as_bytes()).collect();
    assert_eq!(requested, [name("one")]);
    assert_eq!(device.update(&[app("one", &envelope(1))]).code(), 0);
    assert_eq!(device.read(TA, &name("one")).as_deref(), Some(&b"settings"[..]));
}

#[test]
fn attack_manifests_that_need_each_other() {
    // The first version of "two" needs nothing; then "one" needs it; then "two" would need "one".
    let plain = |name: &'static str, n: u64| {
        let mut author = DataAuthor::new(name, Data::Clear(b"x"));
        author.sequence_number = n;
        author
    };
    let two = plain("two", 1).envelope();
    let one =
        plain("one", 1).needing(Needed { id: name("two.suit"), uri: "#two", envelope: &two }).envelope();
    let mut device = Device::new();
    assert_eq!(device.update(std::slice::from_ref(&one)).code(), 0);
    let looping =
        plain("two", 2).needing(Needed { id: name("one.suit"), uri: "#one", envelope: &one }).envelope();
    assert_eq!(device.update(&[looping]).code(), 11, "nobody could ever remove them");
    assert_eq!(device.remove(&[name("one.suit")]).code(), 0);
    assert!(empty(&mut device));
}
