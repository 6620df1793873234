// SPDX-License-Identifier: Apache-2.0
//! Records that reporting policies ask for (M 8.4.7).

use super::case::{Author, exactly, fetch, single};
use super::vector::{Expected, Record};
use super::*;

fn record(offset: u64, digest: Option<Digest>) -> Record {
    let digest = digest.map(|digest| super::vector::Hex(digest.encode()));
    Record { section: section::INSTALL, offset, digest, ..Record::default() }
}

#[test]
fn reporting_policy_asks_for_records() {
    let with = |policy| single(fetch("#tc").simple(command::IMAGE_MATCH, policy));
    let installed = [("c", Some(PAYLOAD))];
    let offset = 10;
    for (name, policy, expected) in [
        ("policy-success", 1, Some(record(offset, None))),
        ("policy-failure", 2, None),
        ("policy-success-measured", 5, Some(record(offset, Some(good())))),
        ("policy-all", 15, Some(record(offset, Some(good())))),
    ] {
        let records =
            case(name, "a condition that holds, with a reporting policy", &with(policy)).installs(&installed);
        assert_eq!(records, expected.into_iter().collect::<alloc::vec::Vec<_>>(), "{name}");
    }
}

#[test]
fn failures_that_do_not_end_the_procedure_are_recorded() {
    let root = |policy| {
        let bad = fetch("#bad").simple(command::IMAGE_MATCH, policy).build();
        let ok = fetch("#tc").simple(command::IMAGE_MATCH, 0).build();
        single(seq().try_each(&[Some(bad), Some(ok)]))
    };
    let found = Digest::of(b"something else");
    for (name, policy, digest) in
        [("policy-alternative", 2, None), ("policy-alternative-measured", 10, Some(found))]
    {
        let records = case(name, "an alternative that fails, with a reporting policy", &root(policy))
            .installs(&[("c", Some(PAYLOAD))]);
        assert_eq!(records, [record(15, digest)]);
    }
}

/// REQ-SUIT-102
#[test]
fn one_record_for_each_component() {
    let root = Author::new("m.suit", &["a", "b"]).install(
        seq()
            .set_component_index(0)
            .override_parameters(&exactly(b"a"))
            .set_component_index(1)
            .override_parameters(&exactly(b"b"))
            .select(&Index::All)
            .simple(command::IMAGE_MATCH, 5),
    );
    let records = case("policy-each", "true, with a reporting policy", &root)
        .has("a", b"a")
        .has("b", b"b")
        .installs(&[("a", None), ("b", None)]);
    let found: alloc::vec::Vec<_> = records
        .iter()
        .map(|record| (record.component_index, record.digest.clone().expect("a digest").0))
        .collect();
    assert_eq!(found, [(0, Digest::of(b"a").encode()), (1, Digest::of(b"b").encode())]);
}

#[test]
fn records_of_a_failed_procedure_are_kept_and_bounded() {
    let root = |count: usize| {
        let install = (0..count).fold(fetch("#tc"), |s, _| s.simple(command::IMAGE_MATCH, 1));
        single(install.simple(command::ABORT, 15))
    };
    for (name, count) in [("records-limit", 16), ("records-past-limit", 17)] {
        let expected = case(name, "many records, and a failure", &root(count)).run();
        let Expected::Refused { records, record, .. } = expected else { panic!("{expected:?}") };
        assert_eq!(records.len(), 16);
        assert_eq!(record.section, section::INSTALL);
    }
}
