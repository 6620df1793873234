// SPDX-License-Identifier: Apache-2.0
//! What must hold of a dependency before it is run, and of its dependent (suit.md 9.2, 9.3, 9.6).

use super::*;

/// REQ-SUIT-043
#[test]
fn process_dependency_of_what_is_no_dependency_aborts() {
    let root = dependent(&dependency())
        .section(section::VALIDATE, seq().set_component_index(0).simple(command::PROCESS_DEPENDENCY, 0));
    case("process-component", "process-dependency of a component", &root).refused(
        STOPPED,
        section::VALIDATE,
        command::PROCESS_DEPENDENCY,
    );
    let root = dependent(&dependency())
        .section(section::VALIDATE, seq().set_component_index(0).simple(command::DEPENDENCY_INTEGRITY, 0));
    case("integrity-component", "dependency-integrity of a component", &root).refused(
        STOPPED,
        section::VALIDATE,
        command::DEPENDENCY_INTEGRITY,
    );
    let common = dependent(&dependency())
        .shared(about(&dependency()).simple(command::FETCH, 0).simple(command::PROCESS_DEPENDENCY, 0));
    case("process-in-shared", "process-dependency in the shared sequence", &common).refused(
        Reason::CommandUnsupported,
        section::COMMON,
        command::FETCH,
    );
}

/// REQ-SUIT-043, AMB-SUIT-03
#[test]
fn process_dependency_makes_the_check_that_is_missing() {
    let dependency = dependency();
    let mut root = dependent(&dependency);
    root.manifest.sections.clear();
    let root = root
        .resolve(seq().set_component_index(1).simple(command::FETCH, 0))
        .install(then_write(seq().set_component_index(1).simple(command::PROCESS_DEPENDENCY, 0)));
    case("process-unchecked", "no dependency-integrity: process-dependency checks itself", &root)
        .installs(&BOTH);
    case("process-unchecked-strict", "in strict mode that is refused", &root).strict().refused(
        STOPPED,
        section::INSTALL,
        command::PROCESS_DEPENDENCY,
    );
    let unknown =
        root.shared(seq().set_component_index(1).override_parameters(&[Parameter::Uri("#dependency")]));
    case("process-no-digest", "no digest to check it with", &unknown).refused(
        FAILED,
        section::INSTALL,
        command::PROCESS_DEPENDENCY,
    );
}

/// REQ-SUIT-045: not even try-each goes on.
#[test]
fn dependency_integrity_aborts_inside_try_each() {
    let dependency = dependency();
    let other = dependency.clone().number(2);
    let checks = check_and_process(seq().set_component_index(1).simple(command::FETCH, 0)).build();
    let mut root = dependent(&other);
    root.manifest.sections.clear();
    let root = root
        .resolve(seq().set_component_index(1).try_each(&[Some(checks), None]))
        .install(then_write(seq()))
        .payload("#dependency", &dependency.envelope());
    let mut root = root;
    root.payloads.remove(0);
    let record = case("integrity-digest", "the dependency has another digest", &root).refused(
        FAILED,
        section::DEPENDENCY_RESOLUTION,
        command::DEPENDENCY_INTEGRITY,
    );
    assert_eq!(record.digest.expect("what was found").0, dependency.digest().encode());
}

/// REQ-SUIT-041
#[test]
fn dependency_by_an_unknown_signer_is_refused() {
    let dependency = dependency().signed_by(operator());
    case("dependency-signature", "its signer is no trust anchor", &dependent(&dependency)).refused(
        Reason::Unauthenticated,
        section::DEPENDENCY_RESOLUTION,
        command::DEPENDENCY_INTEGRITY,
    );
}

#[test]
fn what_is_no_envelope_is_refused() {
    let mut root = dependent(&dependency());
    root.payloads = Vec::from([("#dependency".into(), b"\xd8\x6b\xa0".to_vec())]);
    case("dependency-malformed", "it cannot be decoded", &root).refused(
        Reason::CborParse,
        section::DEPENDENCY_RESOLUTION,
        command::DEPENDENCY_INTEGRITY,
    );
    let mut root = dependent(&dependency());
    root.manifest.sections.remove(0);
    let root = root.resolve(check_and_process(seq().set_component_index(1)));
    case("dependency-missing", "it is neither installed nor was it fetched", &root).refused(
        STOPPED,
        section::DEPENDENCY_RESOLUTION,
        command::DEPENDENCY_INTEGRITY,
    );
}

/// REQ-SUIT-046: what was fetched after the check is checked anew, and must be the same.
#[test]
fn integrity_check_does_not_outlast_a_fetch() {
    let dependency = dependency();
    let other = dependency.clone().number(2);
    let fetch_other = || {
        let parameters = [Parameter::Uri("#other"), Parameter::ImageDigest(other.digest())];
        seq().set_component_index(1).override_parameters(&parameters).simple(command::FETCH, 0)
    };
    let root = |then| {
        dependent(&dependency).section(section::PAYLOAD_FETCH, then).payload("#other", &other.envelope())
    };
    let unchecked = root(fetch_other().simple(command::PROCESS_DEPENDENCY, 0));
    case("integrity-cache", "another dependency was fetched after the check", &unchecked).strict().refused(
        STOPPED,
        section::PAYLOAD_FETCH,
        command::PROCESS_DEPENDENCY,
    );
    let checked = root(check_and_process(fetch_other()));
    case("dependency-replaced", "another version of a dependency that takes part already", &checked).refused(
        STOPPED,
        section::PAYLOAD_FETCH,
        command::DEPENDENCY_INTEGRITY,
    );
}

/// REQ-SUIT-047: of a dependency only the manifest is digested, not the envelope around it.
#[test]
fn image_match_on_a_dependency_digests_the_manifest() {
    let dependency = dependency();
    let matching = |code| {
        let mut root = dependent(&dependency);
        root.manifest.sections.clear();
        root.resolve(
            seq()
                .set_component_index(1)
                .simple(command::FETCH, 0)
                .simple(code, 0)
                .simple(command::PROCESS_DEPENDENCY, 0),
        )
        .install(then_write(seq().set_component_index(1).simple(command::PROCESS_DEPENDENCY, 0)))
    };
    case("dependency-image-match", "its wrapper's digest is the right one", &matching(command::IMAGE_MATCH))
        .installs(&BOTH);
    let record =
        case("dependency-image-not-match", "so it must not be this one", &matching(command::IMAGE_NOT_MATCH))
            .refused(FAILED, section::DEPENDENCY_RESOLUTION, command::IMAGE_NOT_MATCH);
    assert_eq!(record.digest.expect("the digest").0, dependency.digest().encode());
}

/// REQ-SUIT-109: a must, whatever the mode.
#[test]
fn a_dependency_that_is_never_processed_is_refused() {
    let mut root = dependent(&dependency());
    root.manifest.sections.clear();
    let root = root
        .resolve(
            seq().set_component_index(1).simple(command::FETCH, 0).simple(command::DEPENDENCY_INTEGRITY, 0),
        )
        .install(then_write(seq()));
    case("dependency-not-processed", "checked, but not processed", &root).refused(STOPPED, 0, 0);
}

/// REQ-SUIT-109, suit.md 13.3
#[test]
fn a_section_the_dependent_leaves_out_is_skipped_or_refused_in_strict_mode() {
    let dependency = dependency().section(section::VALIDATE, seq().simple(command::ABORT, 0));
    case(
        "section-left-out",
        "the dependent has no section validate, so the dependency's is not run",
        &dependent(&dependency),
    )
    .installs(&BOTH);
    case("section-left-out-strict", "in strict mode it is refused", &dependent(&dependency))
        .strict()
        .refused(STOPPED, section::DEPENDENCY_RESOLUTION, command::DEPENDENCY_INTEGRITY);
    let unprocessed = dependent(&dependency).section(section::VALIDATE, seq().set_component_index(0));
    case(
        "section-unprocessed-strict",
        "it has the section, and does not process the dependency there",
        &unprocessed,
    )
    .strict()
    .refused(STOPPED, section::VALIDATE, command::SET_COMPONENT_INDEX);
}

/// REQ-SUIT-042
#[test]
fn no_payload_is_fetched_before_the_dependencies_were_checked() {
    let root = Author::new("m.suit", &["c"])
        .dependency(1, "d.suit")
        .shared(about(&dependency()))
        .install(check_and_process(then_write(seq()).set_component_index(1).simple(command::FETCH, 0)))
        .payload("#dependency", &dependency().envelope());
    case("payload-before-dependency", "a component is written before the dependency is checked", &root)
        .refused(STOPPED, section::INSTALL, command::WRITE);
}

/// REQ-SUIT-017: before anything of the dependency runs, its shared sequence included.
#[test]
fn unsupported_command_of_a_dependency_is_found_when_it_is_checked() {
    let mut dependency = dependency();
    dependency.manifest.sections.clear();
    let dependency = dependency
        .shared(seq().simple(command::ABORT, 0))
        .section(section::VALIDATE, seq().simple(command::MINIMUM_BATTERY, 0));
    let record = case("dependency-unsupported", "a command the Agent does not have", &dependent(&dependency))
        .refused(Reason::CommandUnsupported, section::VALIDATE, command::MINIMUM_BATTERY);
    assert_eq!(record.manifest_id, [1]);
}

/// What belongs to an installed dependency was seen to when it was installed.
#[test]
fn dependencies_of_an_installed_dependency_need_not_be_processed_again() {
    let library = Author::new("library.suit", &["library"]).install(write(b"library"));
    let parameters = [Parameter::ImageDigest(library.digest())];
    let application = Author::new("d.suit", &["d"])
        .dependency(1, "library.suit")
        .shared(seq().set_component_index(1).override_parameters(&parameters))
        .resolve(check_and_process(seq().set_component_index(1).simple(command::FETCH, 0)))
        .install(then_write(seq().set_component_index(1).simple(command::PROCESS_DEPENDENCY, 0)));
    let mut root = dependent(&application);
    root.manifest.sections.clear();
    root.payloads.clear();
    let root = root
        .resolve(seq().set_component_index(1).simple(command::FETCH, 0))
        .section(section::VALIDATE, check_and_process(seq().set_component_index(1)))
        .install(then_write(seq().set_component_index(1).simple(command::DEPENDENCY_INTEGRITY, 0)));
    let base = |name, about: &str| {
        case(name, about, &root)
            .stored("library.suit", &library)
            .has("library", b"library")
            .has("d", b"configuration")
    };
    base("dependency-of-installed", "the dependent has no section in which the library would be processed")
        .stored("d.suit", &application)
        .installs(&[("c", Some(b"configuration"))]);
    let fetched = root.clone().payload("#dependency", &application.envelope());
    case("dependency-of-fetched", "the same, but the dependency is not installed yet", &fetched).refused(
        STOPPED,
        section::INSTALL,
        command::WRITE,
    );
}
