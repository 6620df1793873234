// SPDX-License-Identifier: Apache-2.0
//! The component index: one, several, all; and strict-order.

use super::case::{Author, exactly, fetch};
use super::*;
use alloc::vec;

const FAILED: Reason = Reason::ConditionFailed;
const STOPPED: Reason = Reason::OperationFailed;

/// REQ-SUIT-014
#[test]
fn with_several_components_a_sequence_selects_first() {
    let root = Author::new("m.suit", &["a", "b"]).install(seq().simple(command::ABORT, 0));
    case("no-index", "several components, and no set-component-index first", &root).refused(
        Reason::ComponentUnsupported,
        section::INSTALL,
        command::ABORT,
    );
}

/// REQ-SUIT-021, REQ-SUIT-094: each component has its own parameters.
#[test]
fn index_true_runs_commands_once_for_each_component() {
    let each = |index: Index| {
        Author::new("m.suit", &["a", "b", "c"])
            .install(
                (0..)
                    .zip(["#a", "#b", "#c"])
                    .fold(seq(), |s, (index, uri)| {
                        s.set_component_index(index)
                            .override_parameters(&[Parameter::Uri(uri)])
                            .override_parameters(&exactly(uri.as_bytes()))
                    })
                    .select(&index)
                    .simple(command::FETCH, 0)
                    .simple(command::IMAGE_MATCH, 0),
            )
            .payload("#a", b"#a")
            .payload("#b", b"#b")
            .payload("#c", b"#c")
    };
    let all: [(&str, Option<&[u8]>); 3] = [("a", Some(b"#a")), ("b", Some(b"#b")), ("c", Some(b"#c"))];
    case("index-true", "true: every component", &each(Index::All)).installs(&all);
    let list = Index::Several(vec![2, 0, 1]);
    case("index-array", "an array of indices, in its order", &each(list)).installs(&all);
    let missing = each(Index::Several(vec![0, 2]));
    case("index-array-part", "the component that is not in the array is not fetched", &missing).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
    case("index-array-part-installed", "nor is it compared", &missing).has("b", b"#b").refused(FAILED, 0, 0);
}

/// REQ-SUIT-022, REQ-SUIT-102: the record says which component it was.
#[test]
fn try_each_and_run_sequence_run_once_for_each_index() {
    let choose = |index: &Index| {
        let first = fetch("#first").simple(command::IMAGE_MATCH, 0).build();
        let second = fetch("#second").simple(command::IMAGE_MATCH, 0).build();
        let inner = seq().try_each(&[Some(first), Some(second)]).build();
        Author::new("m.suit", &["a", "b"])
            .install(
                seq()
                    .set_component_index(0)
                    .override_parameters(&[Parameter::ImageDigest(Digest::of(b"1"))])
                    .set_component_index(1)
                    .override_parameters(&[Parameter::ImageDigest(Digest::of(b"2"))])
                    .select(index)
                    .run_sequence(&inner)
                    .simple(command::IMAGE_MATCH, 0),
            )
            .payload("#first", b"1")
            .payload("#second", b"2")
    };
    case("index-true-nested", "nested sequences run once for each index", &choose(&Index::All))
        .installs(&[("a", Some(b"1")), ("b", Some(b"2"))]);
    let wrong = choose(&Index::All).payload("#third", b"").section(
        section::VALIDATE,
        seq()
            .set_component_index(1)
            .override_parameters(&[Parameter::ImageDigest(good())])
            .select(&Index::All)
            .simple(command::IMAGE_MATCH, 0),
    );
    let record = case("index-true-failure", "the record names the component that failed", &wrong).refused(
        FAILED,
        section::VALIDATE,
        command::IMAGE_MATCH,
    );
    assert_eq!(record.component_index, 1);
}

#[test]
fn the_selection_is_the_same_after_a_nested_sequence_under_an_array() {
    let inner = seq().set_component_index(0).build();
    let root = Author::new("m.suit", &["a", "b"]).install(
        seq()
            .set_component_index(0)
            .override_parameters(&exactly(b"a"))
            .set_component_index(1)
            .override_parameters(&exactly(b"b"))
            .select(&Index::All)
            .run_sequence(&inner)
            .simple(command::IMAGE_MATCH, 0),
    );
    case("index-true-restored", "true is in force again behind the nested sequence", &root)
        .has("a", b"a")
        .has("b", b"b")
        .installs(&[("a", None), ("b", None)]);
}

/// REQ-SUIT-097
#[test]
fn without_strict_order_what_must_not_stand_there_is_noticed() {
    let unordered = || {
        seq()
            .set_component_index(0)
            .override_parameters(&[Parameter::SourceComponent(1), Parameter::StrictOrder(false)])
    };
    let root = |install| Author::new("m.suit", &["a", "b"]).install(install);
    let (one, two) = (
        seq().set_component_index(1).override_parameters(&exactly(b"b")).simple(command::IMAGE_MATCH, 0),
        seq().set_component_index(1).set_component_index(0),
    );
    let both = unordered()
        .simple(command::COPY, 0)
        .set_component_index(1)
        .override_parameters(&[Parameter::Content(b"x")])
        .simple(command::WRITE, 0);
    let offset = case("unordered-source-and-target", "a component both read and written", &root(both))
        .has("b", b"b")
        .refused(STOPPED, section::INSTALL, command::WRITE);
    assert_eq!(offset.component_index, 1);
    case(
        "unordered-second-index",
        "two indices in a run-sequence",
        &root(unordered().run_sequence(&two.build())),
    )
    .refused(STOPPED, section::INSTALL, command::RUN_SEQUENCE);
    let none = seq().simple(command::ABORT, 0).build();
    case("unordered-no-index", "no index in a run-sequence", &root(unordered().run_sequence(&none))).refused(
        STOPPED,
        section::INSTALL,
        command::RUN_SEQUENCE,
    );
    let fine = unordered().run_sequence(&one.build()).override_parameters(&[Parameter::StrictOrder(true)]);
    let fine = fine.set_component_index(0).simple(command::COPY, 0);
    case("unordered", "commands run in order all the same", &root(fine))
        .has("b", b"b")
        .installs(&[("a", Some(b"b")), ("b", None)]);
}
