// SPDX-License-Identifier: Apache-2.0
//! What there may be at most, and what happens past that.

use crate::author::*;
use crate::support::*;
use teep_proto::limits::MAX_LIST;
use teep_proto::teec::{Command, MAX_REPLY, Reply};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{ErrCode, QueryRequest};

/// Manifests beside the trust store's, and components: with it and with the Agent itself they fill the tc-list.
const MAX_OTHERS: usize = MAX_LIST - 2;

fn text(received: &Received) -> String {
    received.outcome.as_ref().expect("an outcome").text.clone()
}

#[test]
fn data_components_fill_the_list_and_no_more() {
    let mut device = Device::new();
    for n in 0..MAX_OTHERS {
        let data = format!("data {n}");
        let author = DataAuthor::new(&data, Data::Clear(b"x"));
        assert_eq!(device.update(&[author.envelope()]).code(), 0, "{n}");
    }
    let objects = device.objects();
    let received = device.update(&[DataAuthor::new("one more", Data::Clear(b"x")).envelope()]);
    assert_eq!(received.code(), ErrCode::TEMPORARY_ERROR.number());
    assert!(text(&received).contains("remove one first"), "{}", text(&received));
    assert_eq!(device.objects(), objects, "nothing of it is kept");
    assert_eq!(device.remove(&[name("data 0.suit")]).code(), 0);
    assert_eq!(device.update(&[DataAuthor::new("one more", Data::Clear(b"x")).envelope()]).code(), 0);
}

#[test]
fn sequence_numbers_are_remembered_for_255_manifests_and_the_trust_store() {
    let mut device = Device::new();
    let id = |n: usize| format!("data {n}");
    for n in 0..255 {
        assert_eq!(device.update(&[DataAuthor::new(&id(n), Data::Clear(b"x")).envelope()]).code(), 0, "{n}");
        assert_eq!(device.remove(&[name(&format!("{}.suit", id(n)))]).code(), 0);
    }
    let mut device = device.restarted();
    let received = device.update(&[DataAuthor::new("one more", Data::Clear(b"x")).envelope()]);
    assert_eq!(received.code(), ErrCode::TEMPORARY_ERROR.number());
    assert!(text(&received).contains("sequence numbers of 255 manifests"), "{}", text(&received));
    assert_eq!(
        device.update(&[DataAuthor::new(&id(7), Data::Clear(b"x")).envelope()]).code(),
        0,
        "a known one"
    );
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
}

#[test]
fn update_with_more_entries_than_a_report_list_has_room_for() {
    let ids: Vec<_> = (0..MAX_LIST).map(|n| name(&format!("{n}.suit"))).collect();
    assert_eq!(Device::new().remove(&ids).code(), 0);
    let ids: Vec<_> =
        ids.iter().map(|id| teep_proto::suit::ComponentId::decode(id).expect("an id")).collect();
    let envelope = envelope(1);
    let update = teep_proto::teep::Update {
        unneeded_manifest_list: ids,
        manifest_list: vec![&envelope],
        ..Default::default()
    };
    let received = Device::new().say(&order(&tam_key(), update), &[]);
    assert_eq!(received.code(), ErrCode::PERMANENT_ERROR.number());
}

#[test]
fn envelope_of_a_dependency_up_to_64_kib() {
    let with_body = |size: usize| {
        let image = teep_sim::ta_image(TA, 1, &vec![7; size]);
        Author { payload: image.clone(), image, ..Author::new(1) }.envelope()
    };
    let limit = 64 * 1024;
    let overhead = with_body(limit / 2).len() - limit / 2;
    for (size, code) in [(limit, 0), (limit + 1, 11)] {
        let big = with_body(size - overhead);
        assert_eq!(big.len(), size);
        let uri = "https://tc.example/hello.suit";
        let mut app = DataAuthor::new("app", Data::Clear(b"x")).needing(Needed::ta(TA, uri, &big));
        app.key = clear_signer_key();
        let received = Device::new().update_from(&[app.envelope()], &[(uri, &big)]);
        assert_eq!(received.code(), code, "{size}: {}", text(&received));
    }
}

#[test]
fn everything_installed_under_the_longest_names_fits_a_reply() {
    let mut device = Device::new();
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    for n in 0..MAX_OTHERS {
        let long = format!("{n:0>200}");
        assert_eq!(device.update(&[DataAuthor::new(&long, Data::Clear(b"x")).envelope()]).code(), 0, "{n}");
    }
    device.invoke(Command::RequestPolicyCheck, &[]);
    let request = QueryRequest {
        data_item_requested: data_item::SUIT_REPORTS | data_item::TRUSTED_COMPONENTS,
        ..query_request()
    };
    let message = signed_query_request(request);
    let reply = device.agent.invoke(&mut device.session, Command::ProcessTeepMessage, &message);
    assert!(reply.len() <= MAX_REPLY, "{}", reply.len());
    let received = device.received(Reply::decode(&reply).expect("a reply"));
    assert_eq!(received.full_reports().len(), MAX_LIST - 1);
}

#[test]
fn remembered_updates_of_one_tam_do_not_displace_anothers() {
    let mut device = Device::new();
    let install = update(&other_tam_key(), &[envelope(1)]);
    assert_eq!(device.other_tam_says(&install).code(), 0);
    for n in 0..70 {
        assert_eq!(
            device.update(&[DataAuthor::new(&format!("{}", n % 3), Data::Clear(b"x")).envelope()]).code(),
            0
        );
    }
    let removal = unneeded(&other_tam_key(), &[manifest_id(TA)]);
    assert_eq!(device.other_tam_says(&removal).code(), 0);
    let received = device.other_tam_says(&install);
    assert!(text(&received).contains("carried out before"));
    assert_eq!(device.installed(), (None, None));
}
