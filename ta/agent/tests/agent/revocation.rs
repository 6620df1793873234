// SPDX-License-Identifier: Apache-2.0
//! Who is not in the trust store any more: at once, in the middle of an Update, and for what was installed before.

use crate::SUITE;
use crate::author::*;
use crate::support::*;
use teep_agent::config::{SignerAnchor, TrustStore};
use teep_proto::suit::labels::command;
use teep_proto::suit::{ComponentId, Reason, ReportResult, SequenceBuilder};
use teep_proto::teec::{Command, FetchData, Reply, TaRequest};

/// A manifest that takes the first TAM's trust away.
fn without_tam(sequence_number: u64) -> Vec<u8> {
    trust_envelope(&trust_store(sequence_number, |store| store.tams.retain(|tam| tam.uri != TAM_URI)))
}

/// A manifest that takes the trust of the usual signer away.
fn without_signer(sequence_number: u64) -> Vec<u8> {
    trust_envelope(&trust_store(sequence_number, drop_signer))
}

fn drop_signer(store: &mut TrustStore) {
    let key = signer_key().public_key().thumbprint();
    store.signers.retain(|signer| signer.key.thumbprint() != key);
}

/// The other TAM brings `envelope`.
fn other_tam_brings(device: &mut Device, envelope: Vec<u8>) {
    assert_eq!(device.other_tam_says(&update(&other_tam_key(), &[envelope])).code(), 0);
}

/// A device with a TA by a signer who is not trusted any more.
fn with_orphan(ta: Vec<u8>) -> Device {
    let mut device = Device::new();
    assert_eq!(device.update(&[ta, without_signer(1)]).code(), 0);
    device
}

fn signer_trusted(device: &mut Device, id: &[u8]) -> bool {
    let id = ComponentId::decode(id).expect("an id").to_elements();
    let manifests = device.stored().manifests;
    manifests.iter().find(|manifest| manifest.manifest_id == id).expect("installed").signer_trusted
}

/// A TA whose manifest keeps whoever obeys it from removing it.
fn clinging() -> Vec<u8> {
    let mut author = Author::new(1);
    author.uninstall = SequenceBuilder::new().simple(command::ABORT, 15).build();
    author.envelope()
}

/// Data by another signer that needs the TA in `ta`.
fn app(ta: &[u8]) -> Vec<u8> {
    let mut author = DataAuthor::new("app", Data::Clear(b"settings")).needing(Needed::ta(TA, "#ta", ta));
    author.key = clear_signer_key();
    author.envelope()
}

#[test]
fn revoked_signers_ta_stays_and_is_listed_as_such() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert!(signer_trusted(&mut device, &manifest_id(TA)));
    assert_eq!(device.update(&[without_signer(1)]).code(), 0);
    for _ in 0..2 {
        assert!(!signer_trusted(&mut device, &manifest_id(TA)));
        assert_eq!(device.installed(), (Some(1), Some(1)));
        device = device.restarted();
    }
}

#[test]
fn signer_whose_right_to_it_was_taken_away_is_listed_too() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    let narrowed = trust_store(1, |store| store.signers[0].prefixes = vec![ComponentId::encode(&["x"])]);
    assert_eq!(device.update(&[trust_envelope(&narrowed)]).code(), 0);
    assert!(!signer_trusted(&mut device, &manifest_id(TA)));
    assert_eq!(device.update(&[envelope(2)]).refusal(), (11, Reason::ComponentUnauthorised));
}

#[test]
fn attack_revoked_signer_updates_its_ta() {
    let mut device = with_orphan(envelope(1));
    for n in [1, 2] {
        assert_eq!(device.update(&[envelope(n)]).refusal(), (11, Reason::Unauthenticated));
    }
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn attack_revoked_signers_ta_as_a_dependency_of_something_new() {
    let ta = envelope(1);
    let mut device = with_orphan(ta.clone());
    assert_eq!(device.update(&[app(&ta)]).refusal(), (11, Reason::Unauthenticated), "brought again");
    let mut installed = DataAuthor::new("app", Data::Clear(b"settings"));
    installed.key = clear_signer_key();
    let needed = Needed { uri: "http://tc.example/ta.suit", ..Needed::ta(TA, "", &ta) };
    assert_eq!(device.update(&[installed.needing(needed).envelope()]).refusal().0, 11, "installed already");
    assert_eq!(device.components().len(), 2, "the TA and the trust store");
}

#[test]
fn revoked_signers_ta_is_withdrawn_whatever_its_manifest_says() {
    let mut device = Device::new();
    assert_eq!(device.update(&[clinging()]).code(), 0);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 11, "its signer is trusted, and obeyed");
    assert_eq!(device.update(&[without_signer(1)]).code(), 0);
    let received = device.remove(&[manifest_id(TA)]);
    assert_eq!((received.code(), received.reports()), (0, vec![ReportResult::Success]));
    assert_eq!((device.installed(), device.components().len(), device.objects()), ((None, None), 1, 2));
}

#[test]
fn revoked_signers_ta_goes_with_the_last_that_needs_it() {
    let mut device = Device::new();
    assert_eq!(device.update(&[app(&clinging()), without_signer(1)]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(device.remove(&[name("app.suit")]).code(), 0);
    assert_eq!((device.installed(), device.components().len(), device.objects()), ((None, None), 1, 2));
}

#[test]
fn another_signer_with_the_right_replaces_a_revoked_ones_ta() {
    let mut device = with_orphan(envelope(1));
    let author = Author { key: clear_signer_key(), ..Author::new(2) };
    assert_eq!(device.update(&[author.envelope()]).code(), 0);
    assert!(signer_trusted(&mut device, &manifest_id(TA)));
    assert_eq!(device.installed(), (Some(2), Some(2)));
}

#[test]
fn attack_revoked_trust_signer_comes_back() {
    let mut device = Device::new();
    let changed = trust_store(1, |store| {
        store.signers.retain(|signer| !signer.trust_store);
        store
            .signers
            .push(SignerAnchor { trust_store: true, ..SignerAnchor::new(key(33).public_key(), vec![]) });
    });
    assert_eq!(device.update(&[trust_envelope(&changed)]).code(), 0);
    let back = trust_store(2, |_| ());
    assert_eq!(device.update(&[trust_envelope(&back)]).refusal(), (11, Reason::Unauthenticated));
    assert_eq!(device.update(&[Author { key: key(33), ..trust_author(&back) }.envelope()]).code(), 0);
}

#[test]
fn the_rest_of_an_update_goes_by_the_new_trust_store() {
    let mut device = Device::new();
    let received = device.update(&[without_signer(1), envelope(1)]);
    assert_eq!(received.refusal(), (11, Reason::Unauthenticated), "revoked");
    assert_eq!((device.stored().trust.sequence_number, device.installed()), (1, (None, None)));
    let added = trust_store(2, |store| {
        let prefix = ComponentId::encode(&["TEEP-Device"]);
        store.signers.push(SignerAnchor::new(key(34).public_key(), vec![prefix]));
    });
    let by_the_new_one = Author { key: key(34), ..Author::new(1) }.envelope();
    assert_eq!(device.update(&[trust_envelope(&added), by_the_new_one]).code(), 0, "added");
}

#[test]
fn the_rest_of_an_update_is_refused_when_its_tam_was_revoked() {
    let mut device = Device::new();
    let message = update(&tam_key(), &[without_tam(1), envelope(1)]);
    let received = device.say(&message, &[]);
    assert_eq!((received.code(), received.tam_uri.as_str()), (11, TAM_URI), "it is told so");
    let text = received.outcome.expect("an outcome").text;
    assert!(text.contains("does not trust this TAM"), "{text}");
    assert_eq!((device.stored().trust.sequence_number, device.installed()), (1, (None, None)));
    assert_eq!(
        device.request_ta(Some(TAM_URI)),
        Reply::Connect { tam_uri: OTHER_TAM_URI.to_owned() },
        "it is not talked to any more"
    );
}

#[test]
fn the_rest_of_an_update_is_refused_when_the_key_that_signed_it_was_revoked() {
    let other = key_of(SUITE, 35);
    let rotated = |with_old: bool| {
        trust_store(if with_old { 1 } else { 2 }, |store| {
            let old = store.tams[0].keys.clone();
            store.tams[0] = tam(TAM_URI, std::slice::from_ref(&other));
            store.tams[0].keys.extend(if with_old { old } else { vec![] });
        })
    };
    let mut device = Device::new();
    let both = [trust_envelope(&rotated(true)), envelope(1)];
    assert_eq!(device.update(&both).code(), 0, "the old key counts still");
    let received = device.update(&[trust_envelope(&rotated(false)), envelope(2)]);
    assert_eq!((received.code(), device.installed()), (11, (Some(1), Some(1))));
    assert_eq!(device.say(&update(&other, &[envelope(2)]), &[]).code(), 0);
}

#[test]
fn the_rest_of_an_update_is_refused_when_its_tam_has_to_be_attested_now() {
    let strict = trust_store(1, |store| {
        store.tams[0].attestation_required = true;
        store.verifiers.push(key(36).public_key().into());
    });
    let mut device = Device::new();
    assert_eq!(device.update(&[trust_envelope(&strict), envelope(1)]).code(), 11);
    assert_eq!((device.stored().trust.sequence_number, device.installed()), (1, (None, None)));
}

#[test]
fn attack_tam_revoked_in_the_middle_of_its_conversation() {
    let mut device = Device::new();
    device.request_ta(None);
    let mut others = core::mem::take(&mut device.session);
    other_tam_brings(&mut device, without_tam(1));
    core::mem::swap(&mut device.session, &mut others);
    let reply = device.invoke(Command::ProcessTeepMessage, &update(&tam_key(), &[envelope(1)]));
    let Reply::Failed { reason } = reply else { panic!("{reply:?}") };
    assert_eq!(reason, format!("the TAM {TAM_URI} is not trusted any more"));
    assert_eq!(device.installed(), (None, None));
}

/// A device in whose first session an Update waits for the second half of a payload, and that payload.
fn waiting() -> (Device, Vec<u8>) {
    let author = Author::new(1);
    let image = author.image.clone();
    let message = update(&tam_key(), &[author.fetched_from("http://tc.example/ta", false)]);
    let mut device = Device::new();
    device.request_ta(None);
    let reply = device.invoke(Command::ProcessTeepMessage, &message);
    assert!(matches!(reply, Reply::Fetch { offset: 0, .. }), "{reply:?}");
    let half = FetchData { offset: 0, bytes: &image[..image.len() / 2] };
    device.invoke(Command::FetchData, &half.encode());
    (device, image)
}

/// Hands over the rest of `image` and its end.
fn finish(device: &mut Device, image: &[u8]) -> Reply {
    let half = image.len() / 2;
    let rest = FetchData { offset: half as u64, bytes: &image[half..] };
    let reply = device.invoke(Command::FetchData, &rest.encode());
    assert!(matches!(reply, Reply::Fetch { .. }), "{reply:?}");
    device.invoke(Command::FetchData, &FetchData { offset: image.len() as u64, bytes: &[] }.encode())
}

#[test]
fn attack_tam_revoked_while_its_update_waits_for_a_payload() {
    let (mut device, image) = waiting();
    let mut waiting = core::mem::take(&mut device.session);
    other_tam_brings(&mut device, without_tam(1));
    core::mem::swap(&mut device.session, &mut waiting);
    let reply = finish(&mut device, &image);
    assert!(
        matches!(&reply, Reply::Failed { reason } if reason.contains("not trusted any more")),
        "{reply:?}"
    );
    assert_eq!((device.installed(), device.objects()), ((None, None), 2), "nothing of it is left");
}

#[test]
fn attack_signer_revoked_while_its_payload_is_fetched() {
    let (mut device, image) = waiting();
    let mut waiting = core::mem::take(&mut device.session);
    other_tam_brings(&mut device, without_signer(1));
    core::mem::swap(&mut device.session, &mut waiting);
    let reply = finish(&mut device, &image);
    let received = device.received(reply);
    assert_eq!(received.refusal(), (11, Reason::Unauthenticated));
    assert_eq!((device.installed(), device.objects()), ((None, None), 2), "nothing of it is left");
}

#[test]
fn what_a_revoked_tam_installed_stays_until_another_has_it_removed() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    let removal = || unneeded(&other_tam_key(), &[manifest_id(TA)]);
    assert_eq!(device.other_tam_says(&removal()).refusal(), (11, Reason::ComponentUnauthorised), "AMB-19");
    other_tam_brings(&mut device, without_tam(1));
    let mut device = device.restarted();
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(device.other_tam_says(&removal()).code(), 0);
    assert_eq!(device.installed(), (None, None));
}

#[test]
fn another_tam_is_told_of_what_a_revoked_one_installed() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    other_tam_brings(&mut device, without_tam(1));
    let component_id = teep_proto::suit::text::native_ta(TA);
    let request = TaRequest { component_id, tam_uri_hint: None }.encode();
    let reply = device.invoke(Command::UnrequestTa, &request);
    assert_eq!(reply, Reply::Connect { tam_uri: OTHER_TAM_URI.to_owned() });
}

#[test]
fn attack_tam_removes_what_another_one_has_a_link_on_although_a_third_was_revoked() {
    let mut device = Device::new();
    let third = ("http://third.example/tam", key_of(SUITE, 37));
    let with_third = trust_store(1, |store| {
        store.tams.push(tam(third.0, std::slice::from_ref(&third.1)));
    });
    assert_eq!(device.update(&[trust_envelope(&with_third), envelope(1)]).code(), 0);
    other_tam_brings(&mut device, envelope(1));
    let without_first = trust_store(2, |store| {
        store.tams = with_third.tams[1..].to_vec();
    });
    other_tam_brings(&mut device, trust_envelope(&without_first));
    assert!(matches!(device.request_ta_of([0xee; 16], Some(third.0)), Reply::Connect { .. }));
    let received = device.process(&unneeded(&third.1, &[manifest_id(TA)]));
    assert_eq!(received.refusal(), (11, Reason::ComponentUnauthorised), "the other TAM's");
    let received = device.other_tam_says(&unneeded(&other_tam_key(), &[manifest_id(TA)]));
    assert_eq!(
        (received.code(), device.installed()),
        (0, (None, None)),
        "the revoked TAM's link holds nothing"
    );
}

#[test]
fn tam_that_is_trusted_again_has_its_links_still() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    other_tam_brings(&mut device, without_tam(1));
    other_tam_brings(&mut device, trust_envelope(&trust_store(2, |_| ())));
    let removal = unneeded(&other_tam_key(), &[manifest_id(TA)]);
    assert_eq!(device.other_tam_says(&removal).refusal(), (11, Reason::ComponentUnauthorised));
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
}
