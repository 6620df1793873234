// SPDX-License-Identifier: Apache-2.0
//! Uninstall (suit.md 9.5).

use super::case::{Author, developer};
use super::*;
use teep_proto::suit::ComponentId;

const FAILED: Reason = Reason::ConditionFailed;

/// Removes its one component.
fn plain() -> Author {
    Author::new("m.suit", &["c"]).uninstall(seq().simple(command::UNLINK, 0))
}

/// As the personalization example of TEEP: gives up its dependency, then its component.
fn dependent() -> Author {
    Author::new("m.suit", &["c"]).dependency(1, "d.suit").uninstall(
        seq()
            .set_component_index(1)
            .simple(command::PROCESS_DEPENDENCY, 0)
            .set_component_index(0)
            .simple(command::UNLINK, 0),
    )
}

fn dependency() -> Author {
    Author::new("d.suit", &["d"]).uninstall(seq().simple(command::UNLINK, 0))
}

fn uninstall(name: &'static str, about: &str, author: &Author) -> Case {
    case(name, about, author).uninstalls("m.suit").stored("m.suit", author)
}

/// REQ-SUIT-129: rule 3.
#[test]
fn unlink_removes_the_manifests_own_link() {
    uninstall("uninstall", "unlink of the component", &plain())
        .link("m.suit", "c")
        .link("other.suit", "c")
        .removes(&[("other.suit", "c")]);
    uninstall("uninstall-again", "the link is gone already", &plain()).removes(&[]);
}

/// REQ-SUIT-052: links are a set.
#[test]
fn unlink_twice_removes_one_link() {
    let author =
        Author::new("m.suit", &["c"]).uninstall(seq().simple(command::UNLINK, 0).simple(command::UNLINK, 0));
    uninstall("unlink-twice", "unlink of one component twice", &author)
        .link("m.suit", "c")
        .link("other.suit", "c")
        .removes(&[("other.suit", "c")]);
}

#[test]
fn a_manifest_without_suit_uninstall_is_uninstalled() {
    let author = Author::new("m.suit", &["c"]);
    uninstall("uninstall-nothing", "no section uninstall: the links go when the manifest does", &author)
        .link("m.suit", "c")
        .removes(&[("m.suit", "c")]);
}

/// REQ-SUIT-049, REQ-SUIT-051, REQ-SUIT-112, AMB-SUIT-06: rules 4 and 5.
#[test]
fn the_last_user_of_a_dependency_uninstalls_it() {
    let base = |name, about| {
        uninstall(name, about, &dependent())
            .stored("d.suit", &dependency())
            .link("m.suit", "c")
            .link("m.suit", "d.suit")
            .link("d.suit", "d")
    };
    base("uninstall-dependency", "nobody else needs the dependency, so its section uninstall runs")
        .removes(&[]);
    base("uninstall-shared-dependency", "somebody else does, so it does not")
        .link("other.suit", "d.suit")
        .removes(&[("d.suit", "d"), ("other.suit", "d.suit")]);
}

/// AMB-SUIT-06: unlink of a dependency does the same as process-dependency.
#[test]
fn unlink_of_a_dependency_uninstalls_it() {
    let author = Author::new("m.suit", &["c"])
        .dependency(1, "d.suit")
        .uninstall(seq().select(&Index::Several(alloc::vec![1, 0])).simple(command::UNLINK, 0));
    uninstall("unlink-dependency", "the last link on a dependency is removed by unlink", &author)
        .stored("d.suit", &dependency())
        .link("m.suit", "c")
        .link("m.suit", "d.suit")
        .link("d.suit", "d")
        .removes(&[]);
}

#[test]
fn the_section_of_a_dependency_runs_once() {
    let author = Author::new("m.suit", &["c"]).dependency(1, "d.suit").uninstall(
        seq()
            .set_component_index(1)
            .simple(command::PROCESS_DEPENDENCY, 0)
            .simple(command::UNLINK, 0)
            .simple(command::PROCESS_DEPENDENCY, 0),
    );
    uninstall("uninstall-once", "process-dependency, unlink and process-dependency again", &author)
        .stored("d.suit", &dependency())
        .link("m.suit", "d.suit")
        .link("d.suit", "d")
        .removes(&[]);
}

/// REQ-SUIT-129: rule 9.
#[test]
fn a_dependency_that_is_gone_is_no_obstacle() {
    uninstall("uninstall-dependency-gone", "the dependency is not installed any more", &dependent())
        .link("m.suit", "c")
        .removes(&[]);
}

/// REQ-SUIT-129: rule 6. The key of the vector's one signer is another one.
#[test]
fn components_of_a_revoked_signer_can_be_removed() {
    let author = plain().signed_by(teep_proto::cose::SigningKey::ed25519_from_seed(&[9; 32]));
    assert_ne!(author.key.public_key().thumbprint(), developer().public_key().thumbprint());
    uninstall("uninstall-revoked", "the signer is no trust anchor any more", &author)
        .link("m.suit", "c")
        .removes(&[]);
}

/// REQ-SUIT-015, REQ-SUIT-009
#[test]
fn shared_sequence_runs_before_uninstall() {
    let author = plain().shared(seq().simple(command::ABORT, 0));
    uninstall("uninstall-shared", "a condition of the shared sequence fails", &author)
        .link("m.suit", "c")
        .refused(FAILED, section::COMMON, command::ABORT);
}

#[test]
fn a_failure_in_a_dependencys_uninstall_is_reported_with_its_path() {
    let failing = Author::new("d.suit", &["d"]).uninstall(seq().simple(command::ABORT, 0));
    let record = uninstall("uninstall-dependency-abort", "a condition of the dependency fails", &dependent())
        .stored("d.suit", &failing)
        .link("m.suit", "d.suit")
        .refused(FAILED, section::UNINSTALL, command::ABORT);
    assert_eq!(record.manifest_id, [1]);
}

/// suit.md 13.3: the digest from installation counts; one that is given again must be right.
#[test]
fn dependency_integrity_at_uninstall() {
    let author = |digest: Option<Digest>| {
        let mut sequence = seq().set_component_index(1);
        if let Some(digest) = digest {
            sequence = sequence.override_parameters(&[Parameter::ImageDigest(digest)]);
        }
        Author::new("m.suit", &["c"]).dependency(1, "d.suit").uninstall(
            sequence
                .simple(command::DEPENDENCY_INTEGRITY, 0)
                .simple(command::PROCESS_DEPENDENCY, 0)
                .set_component_index(0)
                .simple(command::UNLINK, 0),
        )
    };
    let base = |name, about, author: &Author| {
        uninstall(name, about, author)
            .stored("d.suit", &dependency())
            .link("m.suit", "c")
            .link("m.suit", "d.suit")
            .link("d.suit", "d")
    };
    base("uninstall-integrity-stored", "no digest is given", &author(None)).removes(&[]);
    base("uninstall-integrity", "the right digest is given", &author(Some(dependency().digest())))
        .removes(&[]);
    base("uninstall-integrity-other", "another digest is given", &author(Some(good()))).refused(
        FAILED,
        section::UNINSTALL,
        command::DEPENDENCY_INTEGRITY,
    );
}

/// Conditions look at what is installed.
#[test]
fn conditions_run_at_uninstall() {
    let matching = seq()
        .override_parameters(&[Parameter::ImageDigest(good())])
        .simple(command::IMAGE_MATCH, 0)
        .simple(command::UNLINK, 0)
        .build();
    let author = Author::new("m.suit", &["c"]).uninstall(seq().try_each(&[Some(matching), None]));
    uninstall(
        "uninstall-condition",
        "unlink only if the component is still the one of the manifest",
        &author,
    )
    .has("c", b"something else")
    .link("m.suit", "c")
    .removes(&[("m.suit", "c")]);
}

/// REQ-SUIT-017: found when it is installed, not when it shall go.
#[test]
fn what_could_not_run_at_uninstall_is_refused_at_installation() {
    for (name, code) in [
        ("uninstall-write", command::WRITE),
        ("uninstall-fetch", command::FETCH),
        ("uninstall-copy", command::COPY),
        ("uninstall-swap", command::SWAP),
        ("uninstall-invoke", command::INVOKE),
    ] {
        let root = super::case::single(super::case::fetch_and_match()).uninstall(seq().simple(code, 0));
        case(name, "a command that has no place in Uninstall", &root).refused(
            Reason::CommandUnsupported,
            section::UNINSTALL,
            code,
        );
    }
}

#[test]
fn a_dependency_loop_among_stored_manifests_is_refused() {
    let looping = Author::new("d.suit", &["d"])
        .dependency(1, "m.suit")
        .uninstall(seq().set_component_index(1).simple(command::PROCESS_DEPENDENCY, 0));
    let record =
        uninstall("uninstall-loop", "the dependency's dependency is the manifest itself", &dependent())
            .stored("d.suit", &looping)
            .link("m.suit", "d.suit")
            .link("d.suit", "m.suit")
            .refused(Reason::OperationFailed, section::UNINSTALL, command::PROCESS_DEPENDENCY);
    assert_eq!(record.manifest_id, [1]);
}

/// Each was installed on its own; together they must be removable.
#[test]
fn two_names_of_one_component_are_no_obstacle_at_uninstall() {
    let uuid = [7; 16];
    let mut author = dependent();
    author.manifest.components = alloc::vec![ComponentId::encode(&[uuid])];
    let mut other = dependency();
    other.manifest.components = alloc::vec![ComponentId::encode(&teep_proto::suit::text::native_ta(uuid))];
    let link = |from: &str, to: &Author| {
        (super::vector::Hex(super::case::id(from)), super::vector::Hex(to.manifest.components[0].clone()))
    };
    let links = [link("m.suit", &author), link("d.suit", &other)];
    let case = uninstall("uninstall-two-names", "both names of a native Trusted Application", &author)
        .stored("d.suit", &other)
        .link("m.suit", "d.suit")
        .device(|device| device.links.extend(links));
    case.removes(&[]);
}

#[test]
fn a_damaged_stored_manifest_is_an_error_of_the_storage() {
    let id = ComponentId::encode(&["m.suit"]);
    let mut bytes = plain().envelope();
    let at = bytes.windows(7).position(|window| window == b"\x46m.suit").expect("the identifier");
    bytes[at + 1] = b'x';
    let vector = super::vector::Vector {
        about: "never kept".into(),
        procedure: super::vector::Procedure::Uninstall,
        manifest_id: Some(super::vector::Hex(id)),
        envelope: super::vector::Hex(bytes),
        expected: super::vector::Expected::Removed { links: alloc::vec::Vec::new() },
        device: super::vector::Device::default(),
    };
    let error = super::world::ended(&vector).expect_err("damaged");
    assert_eq!(error, crate::processor::Ended::Env(crate::env::EnvError::CORRUPT));
}
