// SPDX-License-Identifier: Apache-2.0
//! Devices that tell in SUIT Reports which manifests they have.

use super::*;
use teep_proto::suit::{Reason, Record, Report, ReportEntry, ReportResult};

/// The SUIT Report of a device that has installed the manifest with `digest` for these components.
fn report(digest: Digest, components: &[&[u8]], result: ReportResult<'_>) -> Option<Vec<u8>> {
    let claims = components.iter().map(|id| installed(&(*id, None))).map(ReportEntry::Properties);
    let report = Report { records: claims.collect(), result, ..Report::new("", digest, None) };
    Some(report.encode().unwrap())
}

/// Names of what an Agent gets that has these components by these manifests, as far as it tells them.
fn updated(
    has: &[Installed<'_>],
    by: &[(Digest, &[&[u8]])],
    (offers, withdrawn): (&[Offer], &[Offer]),
) -> Vec<String> {
    let response =
        QueryResponse { tc_list: Some(has.iter().map(installed).collect()), ..QueryResponse::default() };
    let reports: Vec<_> =
        by.iter().map(|(digest, ids)| report(*digest, ids, ReportResult::Success)).collect();
    let device = Device::new(&response, &reports);
    names(&Catalogue::new(None, offers, withdrawn).decide(&device, true))
}

/// Another manifest with the same components.
fn renewed(offer: &Offer, name: &str, sequence_number: u64) -> Offer {
    Offer { name: name.to_owned(), digest: Digest::of(name.as_bytes()), sequence_number, ..offer.clone() }
}

#[test]
fn a_newer_manifest_with_the_same_image_is_sent() {
    let ta = id(1);
    let (has, old) = ([(&*ta, Some(1))], offer("old", &[(&ta, 1)], 1, 10));
    let new = renewed(&old, "new", 2);
    let told = |digest, offers: &[Offer]| updated(&has, &[(digest, &[&*ta])], (offers, &[]));
    assert_eq!(told(old.digest, &[old.clone(), new.clone()]), ["new"]);
    assert_eq!(
        told(old.digest, std::slice::from_ref(&new)),
        ["new"],
        "nobody knows the old one here any more"
    );
    assert!(told(new.digest, &[old.clone(), new.clone()]).is_empty(), "it has it");
    assert!(updated(&has, &[], (std::slice::from_ref(&new), &[])).is_empty(), "it does not tell");
    let other = id(2);
    assert!(
        updated(&has, &[(old.digest, &[&*other])], (std::slice::from_ref(&new), &[])).is_empty(),
        "nor of this component"
    );
}

#[test]
fn a_manifest_that_is_not_newer_is_not_sent_for_the_same_image() {
    let ta = id(1);
    let has = [(&*ta, Some(1))];
    let served = offer("served", &[(&ta, 1)], 5, 10).only_for(AGENT);
    for (number, why) in [(5, "equal"), (6, "higher")] {
        let known = renewed(&served, "known", number);
        let by = [(known.digest, &[&*ta][..])];
        let for_all = Offer { agent: None, ..known };
        let response =
            QueryResponse { tc_list: Some(has.iter().map(installed).collect()), ..QueryResponse::default() };
        let reports: Vec<_> = by.iter().map(|(d, ids)| report(*d, ids, ReportResult::Success)).collect();
        let device = Device::new(&response, &reports);
        let offers = [served.clone(), for_all];
        assert!(Catalogue::new(Some(AGENT), &offers, &[]).decide(&device, true).is_empty(), "{why}");
    }
    // Numbers of manifests with different names say nothing of each other.
    let elsewhere = Offer { manifest_id: Some(b"elsewhere".to_vec()), ..renewed(&served, "elsewhere", 1) };
    let offers = [Offer { agent: None, ..served }, Offer { agent: None, ..elsewhere.clone() }];
    assert!(updated(&has, &[(elsewhere.digest, &[&*ta])], (&offers, &[])).is_empty());
}

#[test]
fn a_report_of_a_failure_tells_nothing_that_is_installed() {
    let ta = id(1);
    let new = [offer("new", &[(&ta, 1)], 2, 10)];
    let response =
        QueryResponse { tc_list: Some(vec![installed(&(&*ta, Some(1)))]), ..QueryResponse::default() };
    let (record, reason) = (Record::default(), Reason::OperationFailed);
    let failed = ReportResult::Failure { code: 0, record, reason };
    let reports = [report(Digest::of(b"old"), &[&ta], failed), None, Some(b"junk".to_vec())];
    let catalogue = Catalogue::new(None, &new, &[]);
    assert!(catalogue.decide(&Device::new(&response, &reports), true).is_empty());
}

/// What a device has by a root manifest with its dependencies is told for each of them.
#[test]
fn a_manifest_and_its_dependencies_are_current_together() {
    let ta = id(1);
    let hello = offer("hello", &[(&ta, 1)], 7, 10);
    let mirror = depending(offer("mirror", &[(&ta, 1)], 1, 10), &hello, true);
    let (hello_told, ids) = ((hello.digest, &[&*ta][..]), [&*ta]);
    let has = [(&*ta, Some(1))];
    for root in [(mirror.digest, &[][..]), (mirror.digest, &ids[..])] {
        for offers in [&[hello.clone(), mirror.clone()][..], std::slice::from_ref(&mirror)] {
            assert!(updated(&has, &[hello_told, root], (offers, &[])).is_empty());
        }
    }
    assert_eq!(updated(&has, &[hello_told], (&[hello, mirror], &[])), ["mirror"], "it is not there yet");
}

/// The image of the application is the same, but its data depends on the manifest that says so in its new version.
#[test]
fn a_dependency_is_sent_when_only_its_manifest_is_older() {
    let (ta, data) = (id(1), id(2));
    let old = offer("old", &[(&ta, 1)], 1, 10);
    let hello = renewed(&old, "hello", 2);
    let greeting = depending(offer("greeting", &[(&data, 1)], 1, 10), &hello, false);
    let offers = [greeting.clone(), hello.clone()];
    let has = [(&*ta, Some(1))];
    assert_eq!(updated(&has, &[(old.digest, &[&*ta])], (&offers, &[])), ["hello", "greeting"]);
    assert_eq!(updated(&has, &[(hello.digest, &[&*ta])], (&offers, &[])), ["greeting"]);
    let both = [(&*ta, Some(1)), (&*data, Some(1))];
    let told = [(hello.digest, &[&*ta][..]), (greeting.digest, &[&*data][..])];
    assert!(updated(&both, &told, (&offers, &[])).is_empty());
}

#[test]
fn an_offer_that_does_not_tell_its_digest_is_sent_to_a_device_once() {
    let data = id(2);
    let mut own = offer("own", &[(&data, 1)], 1, 10);
    own.components[0].digest = None;
    let (offers, has) = ([own.only_for(AGENT)], [(&*data, Some(1))]);
    let response =
        QueryResponse { tc_list: Some(has.iter().map(installed).collect()), ..QueryResponse::default() };
    let catalogue = Catalogue::new(Some(AGENT), &offers, &[]);
    assert_eq!(names(&catalogue.decide(&Device::new(&response, &[]), true)), ["own"]);
    let reports = [report(offers[0].digest, &[&data], ReportResult::Success)];
    assert!(catalogue.decide(&Device::new(&response, &reports), true).is_empty());
}

/// What is to be given up is neither renewed nor brought back.
#[test]
fn a_withdrawn_manifest_is_given_up_whatever_its_version() {
    let ta = id(1);
    let withdrawn = [offer("hello", &[(&ta, 1)], 1, 10)];
    for digest in [withdrawn[0].digest, Digest::of(b"older")] {
        let response =
            QueryResponse { tc_list: Some(vec![installed(&(&*ta, Some(1)))]), ..QueryResponse::default() };
        let reports = [report(digest, &[&ta], ReportResult::Success)];
        let catalogue = Catalogue::new(None, &[], &withdrawn);
        let decision = catalogue.decide(&Device::new(&response, &reports), true);
        assert_eq!(decision.unneeded, [b"hello"]);
        assert!(decision.manifests.is_empty());
    }
}

/// A device gives up the data first, and would be left without it.
#[test]
fn data_is_not_given_up_for_an_application_that_may_be_refused() {
    let (ta, data) = (id(1), id(2));
    let hello = offer("hello", &[(&ta, 1)], 3, 10);
    let mut greeting = depending(offer("greeting", &[(&data, 1)], 1, 10), &hello, false);
    greeting.dependencies[0].digest = None;
    let offers = [greeting.clone(), hello.clone()];
    let has = [(&*ta, Some(1)), (&*data, Some(1))];
    let response =
        QueryResponse { tc_list: Some(has.iter().map(installed).collect()), ..QueryResponse::default() };
    for (number, is_sent) in [(None, false), (Some(4), false), (Some(3), false), (Some(2), true)] {
        let other = renewed(&hello, "other", number.unwrap_or_default());
        let other = Offer { manifest_id: hello.manifest_id.clone(), ..other };
        let reports = [(other.digest, &ta), (greeting.digest, &data)]
            .map(|(digest, id)| report(digest, &[id], ReportResult::Success));
        let replaced = if number.is_some() { vec![other] } else { Vec::new() };
        let catalogue = Catalogue::new(None, &offers, &[]).knowing(&replaced);
        let decision = catalogue.decide(&Device::new(&response, &reports), true);
        let expected: &[&str] = if is_sent { &["hello", "greeting"] } else { &[] };
        assert_eq!(names(&decision), expected, "{number:?}");
        assert_eq!(decision.unneeded.len(), usize::from(is_sent), "{number:?}");
    }
}
