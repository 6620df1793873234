// SPDX-License-Identifier: Apache-2.0
//! The rules of the interpreter (suit.md 8.2).

use super::case::{Author, exactly, fetch, fetch_and_match, single, soft};
use super::*;
use alloc::vec::Vec;

const FAILED: Reason = Reason::ConditionFailed;
const STOPPED: Reason = Reason::OperationFailed;

fn abort() -> SequenceBuilder {
    seq().simple(command::ABORT, 0)
}

#[test]
fn sections_run_in_the_order_of_the_procedure_whatever_order_they_have_in_the_manifest() {
    let mut root = single(seq().simple(command::FETCH, 0));
    for (label, uri) in [
        (section::VALIDATE, "#none"),
        (section::CANDIDATE_VERIFICATION, "#tc"),
        (section::PAYLOAD_FETCH, "#bad"),
        (section::DEPENDENCY_RESOLUTION, "#none"),
    ] {
        let mut sequence = seq().override_parameters(&[Parameter::Uri(uri)]);
        if label == section::VALIDATE {
            sequence = sequence.simple(command::IMAGE_MATCH, 0);
        }
        root = root.section(label, sequence);
    }
    case("sections-in-order", "15, 16, 18, 20, 7; parameters last for the procedure", &root)
        .installs(&[("c", Some(PAYLOAD))]);
}

/// REQ-SUIT-092
#[test]
fn conditions_of_every_section_of_the_procedure_count() {
    for (name, label) in [
        ("abort-in-dependency-resolution", section::DEPENDENCY_RESOLUTION),
        ("abort-in-payload-fetch", section::PAYLOAD_FETCH),
        ("abort-in-candidate-verification", section::CANDIDATE_VERIFICATION),
        ("abort-in-validate", section::VALIDATE),
    ] {
        let root = single(fetch_and_match()).section(label, abort());
        case(name, "a condition that fails in any section ends the procedure", &root).refused(
            FAILED,
            label,
            command::ABORT,
        );
    }
}

#[test]
fn sections_of_other_procedures_are_not_run() {
    let root = [section::LOAD, section::INVOKE, section::UNINSTALL]
        .into_iter()
        .fold(single(fetch_and_match()), |root, label| root.section(label, abort()));
    case("other-procedures", "load, invoke and uninstall do not belong to Update", &root)
        .installs(&[("c", Some(PAYLOAD))]);
}

/// REQ-SUIT-015: the digest that the install section changes is set again before validate.
#[test]
fn shared_sequence_runs_before_each_section() {
    let root = single(
        fetch_and_match().override_parameters(&[Parameter::ImageDigest(Digest::of(b"something else"))]),
    )
    .section(section::VALIDATE, seq().simple(command::IMAGE_MATCH, 0));
    case("shared-before-each-section", "the shared sequence runs before every section", &root)
        .installs(&[("c", Some(PAYLOAD))]);
}

/// REQ-SUIT-009
#[test]
fn parameters_are_not_set_at_the_beginning() {
    let root = Author::new("m.suit", &["c"]).install(seq().simple(command::IMAGE_MATCH, 0));
    case("no-parameters", "nothing is set before the manifest sets it", &root).has("c", PAYLOAD).refused(
        FAILED,
        section::INSTALL,
        command::IMAGE_MATCH,
    );
}

/// REQ-SUIT-048
#[test]
fn set_parameters_does_not_replace() {
    let root = single(
        seq()
            .override_parameters(&[Parameter::Uri("#tc")])
            .set_parameters(&[Parameter::Uri("#bad")])
            .simple(command::FETCH, 0)
            .simple(command::IMAGE_MATCH, 0),
    );
    case("set-parameters", "set-parameters sets only what is not set yet", &root)
        .installs(&[("c", Some(PAYLOAD))]);
}

#[test]
fn override_parameters_replaces() {
    let root = single(
        seq()
            .set_parameters(&[Parameter::Uri("#bad")])
            .override_parameters(&[Parameter::Uri("#tc")])
            .simple(command::FETCH, 0)
            .simple(command::IMAGE_MATCH, 0),
    );
    case("override-parameters", "override-parameters replaces what is set", &root)
        .installs(&[("c", Some(PAYLOAD))]);
}

#[test]
fn try_each_takes_the_first_that_succeeds() {
    let (bad, ok) = (fetch("#bad").simple(command::IMAGE_MATCH, 0).build(), fetch_and_match().build());
    let each = |list: &[Option<&Vec<u8>>]| single(seq().try_each(list));
    let installed = [("c", Some(PAYLOAD))];
    case(
        "try-each-second",
        "the first alternative fails, the second succeeds",
        &each(&[Some(&bad), Some(&ok)]),
    )
    .installs(&installed);
    let then_abort = abort().build();
    case(
        "try-each-first",
        "what follows the first that succeeds is not tried",
        &each(&[Some(&ok), Some(&then_abort)]),
    )
    .installs(&installed);
    case("try-each-none", "no alternative succeeds", &each(&[Some(&bad), Some(&bad)])).refused(
        FAILED,
        section::INSTALL,
        command::IMAGE_MATCH,
    );
    let nil = single(seq().try_each(&[Some(&bad), None]).run_sequence(&ok));
    case("try-each-nil", "nil always succeeds", &nil).installs(&installed);
    let empty = seq().build();
    let empty = single(seq().try_each(&[Some(&bad), Some(&empty)]).run_sequence(&ok));
    case("try-each-empty", "an empty alternative succeeds (AMB-SUIT-21)", &empty).installs(&installed);
}

/// REQ-SUIT-018
#[test]
fn try_each_stops_at_a_failed_directive() {
    let root = single(seq().try_each(&[Some(fetch("#none").build()), Some(fetch_and_match().build())]));
    case("try-each-directive", "a failed directive is no failed condition", &root).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
}

#[test]
fn parameters_of_a_failed_alternative_stay_set() {
    let failing = seq().override_parameters(&[Parameter::Uri("#tc")]).simple(command::ABORT, 0).build();
    let next = seq().simple(command::FETCH, 0).simple(command::IMAGE_MATCH, 0).build();
    let root = single(seq().try_each(&[Some(failing), Some(next)]));
    case("try-each-parameters", "parameters set by an alternative that failed stay set", &root)
        .installs(&[("c", Some(PAYLOAD))]);
}

#[test]
fn each_alternative_begins_with_the_same_component_index() {
    let failing = seq().set_component_index(1).simple(command::ABORT, 0).build();
    let next = seq().simple(command::IMAGE_MATCH, 0).build();
    let root = Author::new("m.suit", &["a", "b"]).install(
        seq()
            .set_component_index(1)
            .override_parameters(&exactly(b"b"))
            .simple(command::IMAGE_MATCH, 0)
            .set_component_index(0)
            .override_parameters(&exactly(b"a"))
            .try_each(&[Some(failing), Some(next)]),
    );
    case("try-each-index", "an alternative that failed does not change the component index", &root)
        .has("a", b"a")
        .has("b", b"b")
        .installs(&[("a", None), ("b", None)]);
}

/// REQ-SUIT-020
#[test]
fn soft_failure_has_its_scope() {
    let ok = || fetch_and_match();
    let failing = |value| soft(value).simple(command::ABORT, 0).build();
    let installed = [("c", Some(PAYLOAD))];
    let root = single(ok().run_sequence(&failing(true)));
    case("soft-failure", "with soft-failure a condition ends the run-sequence only", &root)
        .installs(&installed);
    let root = single(ok().run_sequence(&failing(false)));
    case("soft-failure-off", "without it, the procedure", &root).refused(
        FAILED,
        section::INSTALL,
        command::ABORT,
    );
    let root = single(ok().run_sequence(&abort().build()));
    case("soft-failure-default", "it is off at the beginning of a run-sequence", &root).refused(
        FAILED,
        section::INSTALL,
        command::ABORT,
    );
    let root = single(seq().try_each(&[Some(failing(false)), Some(ok().build())]));
    case("soft-failure-try-each", "it can be switched off in a try-each", &root).refused(
        FAILED,
        section::INSTALL,
        command::ABORT,
    );
    let root = single(ok().run_sequence(&soft(true).run_sequence(&abort().build()).build()));
    case("soft-failure-inherited", "a sequence within does not inherit it", &root).refused(
        FAILED,
        section::INSTALL,
        command::ABORT,
    );
}

/// REQ-SUIT-019
#[test]
fn soft_failure_outside_try_each_and_run_sequence_aborts() {
    let root = single(soft(true).simple(command::ABORT, 0));
    case("soft-failure-in-section", "soft-failure outside try-each and run-sequence", &root).refused(
        STOPPED,
        section::INSTALL,
        command::OVERRIDE_PARAMETERS,
    );
    let root = single(fetch_and_match()).shared(soft(true));
    case("soft-failure-in-shared", "soft-failure in the shared sequence", &root).refused(
        STOPPED,
        section::COMMON,
        command::OVERRIDE_PARAMETERS,
    );
}

/// REQ-SUIT-018
#[test]
fn a_failed_directive_aborts_whatever_soft_failure_says() {
    let inner = soft(true).simple(command::FETCH, 0).build();
    let root = single(seq().run_sequence(&inner));
    case("directive-soft-failure", "soft-failure is for conditions", &root).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
}

/// The limit is for the procedure: each section is within the one for decoding.
#[test]
fn run_away_manifest_is_stopped() {
    let inner = (0..200).fold(seq(), |s, _| s.override_parameters(&[])).build();
    let sequence = || (0..4).fold(seq(), |s, _| s.run_sequence(&inner));
    let root = single(sequence()).section(section::PAYLOAD_FETCH, sequence());
    case("commands-limit", "more than 1024 commands are run", &root).refused(
        STOPPED,
        section::INSTALL,
        command::OVERRIDE_PARAMETERS,
    );
}

#[test]
fn failure_names_the_offset_within_the_section_however_deep() {
    let deep = seq().run_sequence(&seq().run_sequence(&abort().build()).build());
    let long = seq().simple(command::ABORT, 0).override_parameters(&[Parameter::Content(&[0; 300])]).build();
    let root = single(fetch_and_match().try_each(&[Some(deep.build()), Some(long)]));
    let envelope = root.envelope();
    let record = case("offset-nested", "the offset counts from the beginning of the section", &root).refused(
        FAILED,
        section::INSTALL,
        command::ABORT,
    );
    let install = root.manifest.sections[0].1.clone();
    let offset = usize::try_from(record.offset).expect("an offset");
    assert_eq!(&install[offset..offset + 2], [0x0e, 0x00], "condition-abort stands there");
    assert!(envelope.windows(install.len()).any(|window| window == install));
}
