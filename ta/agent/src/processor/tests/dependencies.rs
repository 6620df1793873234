// SPDX-License-Identifier: Apache-2.0
//! Dependencies in an Update (suit.md 9.1 to 9.4, 9.6).

mod bounds;
mod checks;

use super::case::{Author, exactly, operator};
use super::components::write;
use super::*;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use teep_proto::limits::{MAX_DEPENDENCY_DEPTH, MAX_PROCEDURE_MANIFESTS};
use teep_proto::suit::ComponentId;

const FAILED: Reason = Reason::ConditionFailed;
const STOPPED: Reason = Reason::OperationFailed;

/// A dependency that installs [`PAYLOAD`] as component d.
fn dependency() -> Author {
    let shared = seq().override_parameters(&exactly(PAYLOAD)).set_parameters(&[Parameter::Uri("#d")]);
    Author::new("d.suit", &["d"])
        .shared(shared)
        .install(seq().simple(command::FETCH, 0).simple(command::IMAGE_MATCH, 0))
        .payload("#d", PAYLOAD)
}

/// Selects the dependency of index 1 and says what it must be and where it is.
fn about(dependency: &Author) -> SequenceBuilder {
    let parameters = [Parameter::ImageDigest(dependency.digest()), Parameter::Uri("#dependency")];
    seq().set_component_index(1).override_parameters(&parameters)
}

fn check_and_process(sequence: SequenceBuilder) -> SequenceBuilder {
    sequence.simple(command::DEPENDENCY_INTEGRITY, 0).simple(command::PROCESS_DEPENDENCY, 0)
}

/// As the template of suit.md 9.7: index 1 is the dependency, component 0 is written.
fn dependent(dependency: &Author) -> Author {
    Author::new("m.suit", &["c"])
        .dependency(1, "d.suit")
        .shared(about(dependency))
        .resolve(check_and_process(seq().set_component_index(1).simple(command::FETCH, 0)))
        .install(then_write(check_and_process(seq().set_component_index(1))))
        .payload("#dependency", &dependency.envelope())
}

fn then_write(sequence: SequenceBuilder) -> SequenceBuilder {
    sequence
        .set_component_index(0)
        .override_parameters(&[Parameter::Content(b"configuration")])
        .simple(command::WRITE, 0)
}

/// What is there when both are installed.
const BOTH: [(&str, Option<&[u8]>); 2] = [("c", Some(b"configuration")), ("d", Some(PAYLOAD))];

/// REQ-SUIT-042, REQ-SUIT-115
#[test]
fn integrated_dependency_is_processed_in_lockstep() {
    case(
        "dependency-integrated",
        "the template: fetch, dependency-integrity, process-dependency",
        &dependent(&dependency()),
    )
    .installs(&BOTH);
}

/// It is installed strictly by the text of trust-domains, too.
#[test]
fn the_template_is_accepted_in_strict_mode() {
    case("dependency-strict", "the template, with nothing left to leniency", &dependent(&dependency()))
        .strict()
        .installs(&BOTH);
}

/// AMB-SUIT-10, AMB-SUIT-15: the size is that of the envelope, with or without its tag.
#[test]
fn dependency_comes_from_the_network_tagged_or_not() {
    const URI: &str = "https://example.org/d.suit";
    let dependency = dependency();
    let tagged = dependency.envelope();
    let root = |size: u64| {
        let mut root = dependent(&dependency);
        root.payloads.clear();
        let parameters =
            [Parameter::ImageDigest(dependency.digest()), Parameter::Uri(URI), Parameter::ImageSize(size)];
        root.shared(seq().set_component_index(1).override_parameters(&parameters))
    };
    let size = tagged.len() as u64;
    let untagged = &tagged[2..];
    for (name, size, bytes) in [
        ("dependency-network", size, tagged.as_slice()),
        ("dependency-network-untagged", size, untagged),
        ("dependency-network-other-tag", size - 2, tagged.as_slice()),
    ] {
        case(name, "the dependency is fetched by its URI", &root(size)).network(URI, bytes).installs(&BOTH);
    }
    for (name, size) in [("dependency-network-size", size - 1), ("dependency-network-short", size + 3)] {
        case(name, "it has another size than the manifest says", &root(size)).network(URI, &tagged).refused(
            STOPPED,
            section::DEPENDENCY_RESOLUTION,
            command::FETCH,
        );
    }
}

/// suit.md 9.5 rule 7: the personalization example of TEEP needs it.
#[test]
fn installed_dependency_is_not_fetched_again() {
    let dependency = dependency();
    let mut root = dependent(&dependency);
    root.payloads.clear();
    let parameters = [Parameter::ImageDigest(dependency.digest())];
    let root = root.shared(seq().set_component_index(1).override_parameters(&parameters));
    case("dependency-installed", "it has the digest already, and others may need it", &root)
        .stored("d.suit", &dependency)
        .has("d", PAYLOAD)
        .link("other.suit", "d.suit")
        .link("d.suit", "d")
        .installs(&[("c", Some(b"configuration")), ("d", None)]);
    case("dependency-not-installed", "it is neither installed nor can it be fetched", &root).refused(
        STOPPED,
        section::DEPENDENCY_RESOLUTION,
        command::FETCH,
    );
}

/// suit.md 9.1: one component, dependency index 1, identified by its prefix alone, and the other form.
#[test]
fn dependency_index_may_be_one_of_suit_components() {
    let dependency = dependency();
    let mut root = dependent(&dependency);
    root.manifest.components.push(super::case::id("d.suit"));
    root.manifest.dependencies = Vec::from([(1, None)]);
    case("dependency-in-components", "the dependency is a component of its dependent", &root).installs(&BOTH);
    root.manifest.components.pop();
    case("dependency-unnamed", "neither a component nor a prefix", &root).refused(
        Reason::ComponentUnsupported,
        0,
        0,
    );
}

/// REQ-SUIT-044
#[test]
fn a_section_the_dependency_lacks_is_a_success() {
    let root =
        dependent(&dependency()).section(section::VALIDATE, check_and_process(seq().set_component_index(1)));
    case("dependency-without-section", "the dependency has no section validate", &root).installs(&BOTH);
}

/// REQ-SUIT-113: an abort inside is one outside; the record says in which manifest.
#[test]
fn a_failure_in_a_dependency_is_reported_with_its_path() {
    let mut dependency = dependency();
    dependency.manifest.sections.clear();
    let dependency = dependency.install(seq().simple(command::FETCH, 0).simple(command::ABORT, 0));
    let record = case("dependency-abort", "a condition of the dependency fails", &dependent(&dependency))
        .refused(FAILED, section::INSTALL, command::ABORT);
    assert_eq!(record.manifest_id, [1]);
    let dependency = dependency.shared(seq().simple(command::ABORT, 0));
    let record = case("dependency-abort-shared", "one of its shared sequence", &dependent(&dependency))
        .refused(FAILED, section::COMMON, command::ABORT);
    assert_eq!(record.manifest_id, [1]);
}

/// REQ-SUIT-113: parameters belong to the component, whatever its index is in each manifest.
#[test]
fn parameters_are_kept_by_component_across_manifests() {
    let dependency = Author::new("d.suit", &["other", "d"]).install(
        seq()
            .set_component_index(1)
            .simple(command::WRITE, 0)
            .set_component_index(0)
            .override_parameters(&[Parameter::Content(b"other")])
            .simple(command::WRITE, 0),
    );
    let mut root = dependent(&dependency);
    root.manifest.components = Vec::from([super::case::id("d")]);
    root.manifest.sections.pop();
    let root = root.install(check_and_process(
        seq()
            .set_component_index(0)
            .override_parameters(&[Parameter::Content(b"from the dependent")])
            .set_component_index(1),
    ));
    case("parameters-by-identity", "the dependent sets the content that the dependency writes", &root)
        .installs(&[("d", Some(b"from the dependent")), ("other", Some(b"other"))]);
}

/// REQ-SUIT-048, REQ-SUIT-114: the case the TEEP hackathon asked for.
#[test]
fn dependent_moves_the_uri_of_a_dependency() {
    const NEW: &str = "https://operator.example/d";
    let mut dependency = dependency();
    dependency.payloads.clear();
    let root = |dependency: &Author| {
        let mut root = dependent(dependency).signed_by(operator());
        root.manifest.components.push(super::case::id("d"));
        root.manifest.dependencies[0].0 = 2;
        root.manifest.sections.clear();
        let parameters = [Parameter::ImageDigest(dependency.digest()), Parameter::Uri("#dependency")];
        root.shared(
            seq()
                .set_component_index(2)
                .override_parameters(&parameters)
                .set_component_index(1)
                .override_parameters(&[Parameter::Uri(NEW)]),
        )
        .resolve(check_and_process(seq().set_component_index(2).simple(command::FETCH, 0)))
        .install(then_write(check_and_process(seq().set_component_index(2))))
    };
    // The operator may write its own component, and name the developer's.
    case(
        "moved-uri",
        "the developer set the URI with set-parameters, so the operator's counts",
        &root(&dependency),
    )
    .operator(&[], Some(&[command::WRITE]))
    .network(NEW, PAYLOAD)
    .installs(&[("c", Some(b"configuration")), ("d", Some(PAYLOAD))]);
    case("moved-uri-payload", "another payload there is still refused", &root(&dependency))
        .operator(&[], Some(&[command::WRITE]))
        .network(NEW, b"another application!!")
        .refused(FAILED, section::INSTALL, command::IMAGE_MATCH);
    let fixed = dependency.shared(
        seq()
            .override_parameters(&exactly(PAYLOAD))
            .override_parameters(&[Parameter::Uri("https://developer.example/d")]),
    );
    case("moved-uri-fixed", "the developer fixed it with override-parameters", &root(&fixed))
        .operator(&[], Some(&[command::WRITE]))
        .network(NEW, PAYLOAD)
        .network("https://developer.example/d", PAYLOAD)
        .installs(&[("c", Some(b"configuration")), ("d", Some(PAYLOAD))]);
}

/// REQ-SUIT-113, AMB-SUIT-21: the template for all dependencies at once.
#[test]
fn index_true_means_all_dependencies() {
    let (first, second) = (
        Author::new("a.suit", &["a"]).install(write(b"a")),
        Author::new("b.suit", &["b"]).install(write(b"b")),
    );
    let each = seq()
        .simple(command::IS_DEPENDENCY, 0)
        .simple(command::FETCH, 0)
        .simple(command::DEPENDENCY_INTEGRITY, 0)
        .simple(command::PROCESS_DEPENDENCY, 0)
        .build();
    let digest = |author: &Author, uri| [Parameter::ImageDigest(author.digest()), Parameter::Uri(uri)];
    let root = Author::new("m.suit", &["c"])
        .dependency(1, "a.suit")
        .dependency(2, "b.suit")
        .shared(
            seq()
                .set_component_index(1)
                .override_parameters(&digest(&first, "#a"))
                .set_component_index(2)
                .override_parameters(&digest(&second, "#b")),
        )
        .resolve(seq().select(&Index::All).try_each(&[Some(each), Some(seq().build())]))
        .install(then_write(seq().select(&Index::All).simple(command::PROCESS_DEPENDENCY, 0)))
        .payload("#a", &first.envelope())
        .payload("#b", &second.envelope());
    case("dependencies-all", "12 true with 8, 21, 7 and 11, and with 11 alone", &root).installs(&[
        ("c", Some(b"configuration")),
        ("a", Some(b"a")),
        ("b", Some(b"b")),
    ]);
}

/// AMB-SUIT-18
#[test]
fn encrypted_dependency_is_decrypted_when_it_is_fetched() {
    use teep_proto::cose::{CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, EncryptTo, KeyWrap, encrypt};
    let dependency = dependency();
    let key = super::case::device_key();
    let to = [EncryptTo::Agreement(key.public_key(), KeyWrap::A128Kw)];
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(9);
        Ok(())
    };
    let made = encrypt(
        ContentAlgorithm::A128Gcm,
        &to,
        &dependency.envelope(),
        CONTEXT_SUIT_PAYLOAD,
        &mut random,
        false,
    )
    .expect("encrypts");
    let mut root = dependent(&dependency);
    root.payloads.clear();
    let info = [Parameter::EncryptionInfo(&made.structure)];
    let root = root
        .shared(about(&dependency).set_parameters(&info))
        .payload("#dependency", made.ciphertext.as_deref().expect("detached"));
    case("dependency-encrypted", "a dependency with encryption-info", &root)
        .device(|device| device.decryption_keys.push(super::vector::Hex(super::case::private_key(7))))
        .installs(&BOTH);
}

/// The fetch of a payload goes to the envelope of the manifest that is being run.
#[test]
fn payload_of_the_dependent_is_not_that_of_the_dependency() {
    let mut dependency = dependency();
    dependency.payloads.clear();
    let root = dependent(&dependency).payload("#d", PAYLOAD);
    case("payload-of-dependent", "the dependent has a payload under the dependency's URI", &root).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
}
