// SPDX-License-Identifier: Apache-2.0
//! Rights, rollback, links, loops and limits where several manifests take part.

use super::*;

/// REQ-SUIT-055: it would be stored in the place of another manifest, and move the floor of that.
#[test]
fn attack_dependency_under_the_name_of_another() {
    let dependency = dependency();
    let mut root = dependent(&dependency);
    root.manifest.dependencies[0].1 = Some(super::case::id("other.suit"));
    let vector = case("dependency-name", "the dependency has another manifest-component-id", &root).run();
    let super::vector::Expected::Refused { reason, record, .. } = vector else { panic!("{vector:?}") };
    assert_eq!((reason, record.section), (Reason::ComponentUnauthorised as u8, 0));
    assert_eq!(record.manifest_id, [1]);
}

/// REQ-SUIT-006: any manifest, so dependencies as well.
#[test]
fn rollback_of_a_dependency_is_refused() {
    let record =
        case("dependency-rollback", "the sequence number is below the floor", &dependent(&dependency()))
            .floor("d.suit", 2)
            .refused(FAILED, 0, 0);
    assert_eq!(record.manifest_id, [1]);
    case("dependency-same-number", "it is the floor", &dependent(&dependency()))
        .floor("d.suit", 1)
        .installs(&BOTH);
}

/// REQ-SUIT-030, REQ-SUIT-054: its own signer needs the rights, the dependent's does not.
#[test]
fn each_signer_needs_rights_to_its_own_components_only() {
    let narrow = |mut root: Author| {
        root.manifest.component_id = Some(ComponentId::encode(&["operator", "m.suit"]));
        root.manifest.components = Vec::from([ComponentId::encode(&["operator", "c"])]);
        root.signed_by(operator())
    };
    let root = narrow(dependent(&dependency()));
    let expected = case("rights-dependent", "the operator has no right to the developer's component", &root)
        .operator(&["operator"], None)
        .run();
    assert!(matches!(expected, super::vector::Expected::Installed { .. }), "{expected:?}");
    let record = case(
        "rights-dependency",
        "the operator signs a manifest for it",
        &narrow(dependent(&dependency().signed_by(operator()))),
    )
    .operator(&["operator"], None)
    .refused(Reason::ComponentUnauthorised, 0, 0);
    assert_eq!(record.manifest_id, [1]);
}

/// REQ-SUIT-108: a digest counts if its signer may write the component, not if it may only name it.
#[test]
fn attack_operator_vouches_for_another_payload_of_the_developers_component() {
    const NEW: &str = "https://operator.example/d";
    let mut dependency = dependency();
    dependency.payloads.clear();
    dependency.manifest.sections.clear();
    let dependency = dependency.install(seq().simple(command::FETCH, 0));
    let evil = b"another application!!";
    let mut root = dependent(&dependency).signed_by(operator());
    root.manifest.components.push(super::case::id("d"));
    root.manifest.dependencies[0].0 = 2;
    root.manifest.sections.clear();
    let parameters = [Parameter::ImageDigest(dependency.digest()), Parameter::Uri("#dependency")];
    let root = root
        .shared(
            seq()
                .set_component_index(2)
                .override_parameters(&parameters)
                .set_component_index(1)
                .override_parameters(&[Parameter::Uri(NEW)]),
        )
        .install(then_write(
            check_and_process(seq().set_component_index(2).simple(command::FETCH, 0))
                .set_component_index(1)
                .override_parameters(&[Parameter::ImageDigest(Digest::of(evil))])
                .simple(command::IMAGE_MATCH, 0),
        ));
    case(
        "vouched-by-another",
        "the operator compares the developer's component with a digest of its own",
        &root,
    )
    .operator(&[], Some(&[command::WRITE]))
    .network(NEW, evil)
    .refused(FAILED, 0, 0);
}

/// suit.md 9.5 rule 8
#[test]
fn dependency_others_need_is_not_overwritten() {
    let old = dependency();
    let new = dependency().number(2);
    let root = dependent(&new);
    let stored = |name, about: &str| {
        case(name, about, &root).stored("d.suit", &old).has("d", b"old").link("d.suit", "d")
    };
    stored("dependency-linked", "another manifest depends on the older version")
        .link("other.suit", "d.suit")
        .refused(STOPPED, section::DEPENDENCY_RESOLUTION, command::FETCH);
    stored("dependency-update", "only this one does").link("m.suit", "d.suit").installs(&BOTH);
}

/// suit.md 9.5 rule 8: a manifest with dependents is not replaced alone.
#[test]
fn root_manifest_others_need_is_not_replaced() {
    let old = Author::new("m.suit", &["c"]).install(write(b"older"));
    let stored = |name, about: &str, root: &Author| {
        case(name, about, root)
            .stored("m.suit", &old)
            .has("c", b"older")
            .link("m.suit", "c")
            .link("other.suit", "m.suit")
    };
    let new = old.clone().number(2);
    stored("root-linked", "another manifest depends on the older version", &new).refused(STOPPED, 0, 0);
    stored("root-again", "it is the same version", &old).installs(&[("c", Some(b"older"))]);
}

#[test]
fn attack_a_manifest_as_component() {
    let root = dependent(&dependency());
    let mut clash = root.clone();
    clash.manifest.components = Vec::from([super::case::id("d.suit")]);
    case("component-is-manifest", "one identifier for a component and a dependency", &clash).refused(
        Reason::ComponentUnsupported,
        0,
        0,
    );
    let mut own = root;
    own.manifest.components = Vec::from([super::case::id("m.suit")]);
    case("component-is-itself", "one identifier for a manifest and its component", &own).refused(
        Reason::ComponentUnsupported,
        0,
        0,
    );
}

/// The two names of a native Trusted Application.
#[test]
fn attack_one_component_under_two_names() {
    let mut root = dependent(&dependency());
    let uuid = [7; 16];
    root.manifest.components = Vec::from([
        ComponentId::encode(&[uuid]),
        ComponentId::encode(&teep_proto::suit::text::native_ta(uuid)),
    ]);
    root.manifest.dependencies[0].0 = 2;
    case("two-names", "both names of a native Trusted Application", &root).refused(
        Reason::ComponentUnsupported,
        0,
        0,
    );
}

/// A chain of manifests, each depending on the next one; the last one writes a component.
fn chain(length: usize) -> Author {
    let name = |n: usize| format!("{n}.suit");
    let last = Author::new(&name(length), &["last"]).install(write(b"last"));
    (0..length).rev().fold(last, |dependency, n| {
        let parameters = [Parameter::ImageDigest(dependency.digest()), Parameter::Uri("#next")];
        let component = n.to_string();
        Author::new(&name(n), &[&component])
            .dependency(1, &name(n.saturating_add(1)))
            .install(then_write(check_and_process(
                seq().set_component_index(1).override_parameters(&parameters).simple(command::FETCH, 0),
            )))
            .payload("#next", &dependency.envelope())
    })
}

#[test]
fn dependency_depth_at_its_limit_and_one_past_it() {
    let expected =
        case("depth-limit", "dependencies as deep as they may be", &chain(MAX_DEPENDENCY_DEPTH)).run();
    assert!(matches!(expected, super::vector::Expected::Installed { .. }), "{expected:?}");
    let record = case("depth-past-limit", "one level more", &chain(MAX_DEPENDENCY_DEPTH + 1)).refused(
        STOPPED,
        section::INSTALL,
        command::DEPENDENCY_INTEGRITY,
    );
    assert_eq!(record.manifest_id, [1; MAX_DEPENDENCY_DEPTH]);
}

/// Processes the dependencies with indices from 1 to `count`.
fn process_all(count: u64) -> SequenceBuilder {
    (1..=count).fold(seq(), |s, index| s.set_component_index(index).simple(command::PROCESS_DEPENDENCY, 0))
}

/// A manifest with `count` dependencies below two others, so that the limit of one manifest does not matter.
fn wide(count: usize) -> Author {
    let level = |name: &str, dependencies: &[(alloc::string::String, Author)]| {
        let mut author = Author::new(name, &[&format!("{name} c")]);
        let mut resolve = seq();
        for (index, (name, dependency)) in (1u64..).zip(dependencies) {
            let uri = format!("#{name}");
            author = author.dependency(index, name).payload(&uri, &dependency.envelope());
            let parameters = [Parameter::ImageDigest(dependency.digest()), Parameter::Uri(&uri)];
            resolve = check_and_process(
                resolve.set_component_index(index).override_parameters(&parameters).simple(command::FETCH, 0),
            );
        }
        author.resolve(resolve).install(then_write(process_all(dependencies.len() as u64)))
    };
    let leaves: Vec<_> = (0..count)
        .map(|n| {
            (
                format!("{n}.suit"),
                Author::new(&format!("{n}.suit"), &[&n.to_string()]).install(write(b"leaf")),
            )
        })
        .collect();
    let (left, right) = leaves.split_at(count / 2);
    let sides =
        [("left.suit".into(), level("left.suit", left)), ("right.suit".into(), level("right.suit", right))];
    level("m.suit", &sides)
}

#[test]
fn manifests_at_their_limit_and_one_past_it() {
    let expected =
        case("manifests-limit", "as many manifests as there may be", &wide(MAX_PROCEDURE_MANIFESTS - 3))
            .run();
    assert!(matches!(expected, super::vector::Expected::Installed { .. }), "{expected:?}");
    let record = case("manifests-past-limit", "one more", &wide(MAX_PROCEDURE_MANIFESTS - 2)).refused(
        STOPPED,
        section::DEPENDENCY_RESOLUTION,
        command::DEPENDENCY_INTEGRITY,
    );
    assert_eq!(record.manifest_id, [2]);
}

/// A digest cannot stand in what it is made over, so a loop needs a digest that is set from outside the inner one.
#[test]
fn attack_a_dependency_that_depends_on_itself() {
    let inner = Author::new("d.suit", &["d"])
        .dependency(1, "m.suit")
        .install(check_and_process(seq().set_component_index(1)));
    let mut root = dependent(&inner);
    root.manifest.sections.clear();
    let root =
        root.install(then_write(check_and_process(seq().set_component_index(1).simple(command::FETCH, 0))));
    let stored = Author::new("m.suit", &["c"]).install(write(b"older"));
    let inner_digest = stored.digest();
    let inner = inner
        .shared(seq().set_component_index(1).override_parameters(&[Parameter::ImageDigest(inner_digest)]));
    let mut root = Author { manifest: root.manifest, ..dependent(&inner) };
    root.manifest.shared = about(&inner).build();
    let record = case("dependency-loop", "the dependency depends on the root manifest", &root)
        .stored("m.suit", &stored)
        .refused(STOPPED, section::INSTALL, command::DEPENDENCY_INTEGRITY);
    assert_eq!(record.manifest_id, [1]);
}

/// Two dependents of one dependency: it is there once.
#[test]
fn a_dependency_of_two_is_installed_once() {
    let leaf = Author::new("leaf.suit", &["leaf"]).install(write(b"leaf"));
    let middle = |name: &str, component: &str| {
        let parameters = [Parameter::ImageDigest(leaf.digest()), Parameter::Uri("#leaf")];
        Author::new(name, &[component])
            .dependency(1, "leaf.suit")
            .resolve(check_and_process(
                seq().set_component_index(1).override_parameters(&parameters).simple(command::FETCH, 0),
            ))
            .install(then_write(process_all(1)))
            .payload("#leaf", &leaf.envelope())
    };
    let (left, right) = (middle("left.suit", "l"), middle("right.suit", "r"));
    let both = [(1, &left, "#left"), (2, &right, "#right")];
    let resolve = both.iter().fold(seq(), |resolve, (index, author, uri)| {
        let parameters = [Parameter::ImageDigest(author.digest()), Parameter::Uri(uri)];
        check_and_process(
            resolve.set_component_index(*index).override_parameters(&parameters).simple(command::FETCH, 0),
        )
    });
    let root = Author::new("m.suit", &["c"])
        .dependency(1, "left.suit")
        .dependency(2, "right.suit")
        .resolve(resolve)
        .install(then_write(process_all(2)))
        .payload("#left", &left.envelope())
        .payload("#right", &right.envelope());
    let text: Option<&[u8]> = Some(b"configuration");
    case("dependency-shared", "two dependencies have one dependency in common", &root).installs(&[
        ("c", text),
        ("l", text),
        ("leaf", Some(b"leaf")),
        ("r", text),
    ]);
}
