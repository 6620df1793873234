// SPDX-License-Identifier: Apache-2.0
//! Manifests that need others (draft-ietf-suit-trust-domains-12).

use crate::author::*;
use crate::support::*;
use teep_proto::suit::Reason;

const URI: &str = "https://tc.example/hello.ta";
const MOVED: &str = "https://tam.example/copies/hello.ta";
const MANIFEST: &str = "https://tc.example/hello.suit";

/// The manifest of an app with its settings, which needs the TA in `ta`.
fn app(name: &'static str, ta: &[u8], uri: &str) -> Vec<u8> {
    let mut author = DataAuthor::new(name, Data::Clear(b"settings")).needing(Needed::ta(TA, uri, ta));
    author.key = clear_signer_key();
    author.envelope()
}

#[test]
fn dependency_in_the_envelope_is_installed_with_its_dependent() {
    let mut device = Device::new();
    let received = device.update(&[app("app", &envelope(1), "#ta")]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(device.components().len(), 2);
    assert_eq!(device.objects(), 3, "two manifests, one data component");
}

#[test]
fn dependency_and_its_payload_from_the_network() {
    let ta = Author::new(1).fetched_from(URI, false);
    let image = Author::new(1).image;
    let mut device = Device::new();
    let app = app("app", &ta, MANIFEST);
    let received = device.update_from(&[app], &[(URI, &image), (MANIFEST, &ta)]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(device.objects(), 3);
}

#[test]
fn dependency_with_another_digest_than_the_dependent_demands() {
    let mut device = Device::new();
    let wanted = Author::new(1).fetched_from(URI, false);
    let other = Author::new(2).fetched_from(URI, false);
    let received = device.update_from(&[app("app", &wanted, MANIFEST)], &[(MANIFEST, &other)]);
    assert_eq!(received.code(), 11);
    assert_eq!((device.components().len(), device.objects()), (0, 0));
}

#[test]
fn dependency_by_an_unknown_signer() {
    let stranger = Author { key: key(98), ..Author::new(1) }.envelope();
    let mut device = Device::new();
    let received = device.update(&[app("app", &stranger, "#ta")]);
    assert_eq!(received.refusal(), (11, Reason::Unauthenticated), "REQ-SUIT-041");
    assert_eq!((device.components().len(), device.objects()), (0, 0));
}

#[test]
fn dependency_whose_signer_has_no_right_to_it() {
    let narrow = Author { key: narrow_signer_key(), ..Author::new(1) }.envelope();
    let received = Device::new().update(&[app("app", &narrow, "#ta")]);
    assert_eq!(received.refusal(), (11, Reason::ComponentUnauthorised));
}

#[test]
fn dependency_rolled_back_by_an_old_dependent() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
    let received = device.update(&[app("app", &envelope(1), "#ta")]);
    assert_eq!(received.refusal(), (11, Reason::ConditionFailed), "REQ-SUIT-006");
    assert_eq!(device.installed(), (Some(2), Some(2)));
}

#[test]
fn failing_dependent_leaves_the_old_dependency() {
    let mut device = Device::new();
    assert_eq!(device.update(&[app("app", &envelope(1), "#ta")]).code(), 0);
    let objects = device.objects();
    let mut bad = Author::new(2);
    let last = bad.payload.len() - 1;
    bad.payload[last] ^= 1;
    let mut author = DataAuthor::new("app", Data::Clear(b"new")).needing(Needed::ta(TA, "#ta", &[])); // filled below
    let bad = bad.envelope();
    author.needs[0].envelope = &bad;
    author.sequence_number = 2;
    author.key = clear_signer_key();
    assert_eq!(device.update(&[author.envelope()]).code(), 11);
    assert_eq!((device.installed(), device.objects()), ((Some(1), Some(1)), objects));
}

#[test]
fn needed_ta_is_not_replaced_behind_its_dependents_back() {
    let mut device = Device::new();
    assert_eq!(device.update(&[app("app", &envelope(1), "#ta")]).code(), 0);
    let received = device.update(&[envelope(2)]);
    assert_eq!(received.refusal(), (11, Reason::OperationFailed), "REQ-SUIT-050, 9.5 rule 8");
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn new_dependent_replaces_its_dependency_too() {
    let mut device = Device::new();
    assert_eq!(device.update(&[app("app", &envelope(1), "#ta")]).code(), 0);
    let newer = envelope(2);
    let mut author =
        DataAuthor::new("app", Data::Clear(b"settings 2")).needing(Needed::ta(TA, "#ta", &newer));
    author.sequence_number = 2;
    author.key = clear_signer_key();
    assert_eq!(device.update(&[author.envelope()]).code(), 0);
    assert_eq!((device.installed(), device.objects()), ((Some(2), Some(2)), 3));
    assert_eq!(device.read(TA, &name("app")).as_deref(), Some(&b"settings 2"[..]));
}

#[test]
fn dependency_that_is_not_needed_any_more_goes() {
    let mut device = Device::new();
    assert_eq!(device.update(&[app("app", &envelope(1), "#ta")]).code(), 0);
    let mut author = DataAuthor::new("app", Data::Clear(b"alone"));
    author.sequence_number = 2;
    let received = device.update(&[author.envelope()]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(received.reports().len(), 2, "of what was installed and of what is gone");
    assert_eq!((device.installed(), device.objects()), ((None, None), 2));
}

#[test]
fn installed_dependency_is_not_fetched_again() {
    let ta = Author::new(1).fetched_from(URI, false);
    let image = Author::new(1).image;
    let mut device = Device::new();
    assert_eq!(device.update_from(std::slice::from_ref(&ta), &[(URI, &image)]).code(), 0);
    // The manifest may come again, the payload does not.
    let received = device.update_from(&[app("app", &ta, MANIFEST)], &[(MANIFEST, &ta)]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
}

#[test]
fn tam_moves_a_payload_without_resigning_the_developers_manifest() {
    // The case of the TEEP hackathon at IETF 111: the developer's manifest says where the payload is, by
    // set-parameters; the TAM has a copy elsewhere, and no right to write components.
    let developer = Author::new(1).fetched_from(URI, true);
    let image = Author::new(1).image;
    let tam = |developer: &[u8]| {
        let ta = teep_proto::suit::ComponentId::encode(&teep_proto::suit::text::native_ta(TA));
        DataAuthor {
            id: name("hello-from-tam.suit"),
            sequence_number: 1,
            components: vec![(ta, Data::Moved(MOVED))],
            needs: vec![Needed::ta(TA, "#developer", developer)],
            key: tam_author_key(),
        }
        .envelope()
    };
    let mut device = Device::new();
    let received = device.update_from(&[tam(&developer)], &[(MOVED, &image)]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.env.installed(TA), Some((1, image.clone())));
    // Without the TAM's manifest it comes from where the developer says.
    let mut device = Device::new();
    assert_eq!(device.update_from(&[developer], &[(URI, &image)]).code(), 0);
    // A developer who wants none of that uses override-parameters.
    let fixed = Author::new(1).fetched_from(URI, false);
    let mut device = Device::new();
    assert_eq!(device.update_from(&[tam(&fixed)], &[(MOVED, &image)]).code(), 11);
    assert_eq!(device.update_from(&[tam(&fixed)], &[(URI, &image)]).code(), 0);
}

#[test]
fn moved_payload_must_still_be_the_developers() {
    let developer = Author::new(1).fetched_from(URI, true);
    let ta = teep_proto::suit::ComponentId::encode(&teep_proto::suit::text::native_ta(TA));
    let envelope = DataAuthor {
        id: name("hello-from-tam.suit"),
        sequence_number: 1,
        components: vec![(ta, Data::Moved(MOVED))],
        needs: vec![Needed::ta(TA, "#developer", &developer)],
        key: tam_author_key(),
    }
    .envelope();
    let other = Author::of(TA, 7).image;
    let mut device = Device::new();
    let received = device.update_from(&[envelope], &[(MOVED, &other)]);
    assert_eq!(received.code(), 11);
    assert!(device.env.installed(TA).is_none());
}

#[test]
fn signer_without_the_right_to_write() {
    let mut author = DataAuthor::new("app", Data::Clear(b"settings"));
    author.key = fetching_signer_key();
    let received = Device::new().update(&[author.envelope()]);
    assert_eq!(received.refusal(), (11, Reason::ComponentUnauthorised), "REQ-SUIT-030");
    let fetching = Author { key: fetching_signer_key(), ..Author::new(1) };
    assert_eq!(Device::new().update(&[fetching.envelope()]).code(), 0);
}

#[test]
fn manifest_and_component_of_one_name() {
    let mut device = Device::new();
    assert_eq!(device.update(&[DataAuthor::new("app", Data::Clear(b"x")).envelope()]).code(), 0);
    let mut author = DataAuthor::new("other", Data::Clear(b"y"));
    author.components[0].0 = name("app.suit");
    assert_eq!(device.update(&[author.envelope()]).code(), 11);
    let mut author = DataAuthor::new("other", Data::Clear(b"y"));
    author.id = name("app");
    assert_eq!(device.update(&[author.envelope()]).code(), 11);
    assert_eq!((device.components().len(), device.objects()), (1, 2));
}
