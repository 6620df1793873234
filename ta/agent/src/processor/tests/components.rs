// SPDX-License-Identifier: Apache-2.0
//! What directives do to components: fetch, write, copy, swap, with and without decryption.

use super::case::{Author, exactly, fetch, fetch_and_match, single};
use super::*;

const FAILED: Reason = Reason::ConditionFailed;
const STOPPED: Reason = Reason::OperationFailed;
const URI: &str = "https://example.org/c";

/// Writes `bytes`.
pub(super) fn write(bytes: &[u8]) -> SequenceBuilder {
    seq().override_parameters(&[Parameter::Content(bytes)]).simple(command::WRITE, 0)
}

/// REQ-SUIT-029
#[test]
fn integrated_payload_is_fetched_and_compared() {
    case("fetch-integrated", "the payload is in the envelope", &single(fetch_and_match()))
        .installs(&[("c", Some(PAYLOAD))]);
}

/// It is taken from the envelope even when it could be had from the network.
#[test]
fn integrated_payload_is_taken_before_the_network() {
    let root = single(fetch(URI).simple(command::IMAGE_MATCH, 0)).payload(URI, PAYLOAD);
    case("fetch-integrated-first", "the envelope has a payload under an https URI", &root)
        .network(URI, b"something else")
        .installs(&[("c", Some(PAYLOAD))]);
}

#[test]
fn payload_comes_from_the_network() {
    let root = single(fetch(URI).simple(command::IMAGE_MATCH, 0));
    case("fetch-network", "the payload is fetched by its URI", &root)
        .network(URI, PAYLOAD)
        .installs(&[("c", Some(PAYLOAD))]);
    let record = case("fetch-network-other", "the network has something else", &root)
        .network(URI, b"something else")
        .refused(FAILED, section::INSTALL, command::IMAGE_MATCH);
    assert_eq!(record.digest.expect("what was found").0, Digest::of(b"something else").encode());
}

/// REQ-SUIT-028: the procedure is run again each time a payload has come; what it did before it does again.
#[test]
fn several_payloads_come_from_the_network() {
    let other = "https://example.org/other";
    let install = seq()
        .set_component_index(0)
        .override_parameters(&[Parameter::Uri(URI)])
        .override_parameters(&exactly(b"first"))
        .set_component_index(1)
        .override_parameters(&[Parameter::Uri(other)])
        .override_parameters(&exactly(b"second"))
        .select(&Index::All)
        .simple(command::FETCH, 0)
        .simple(command::IMAGE_MATCH, 0);
    case("fetch-two", "two payloads are fetched", &Author::new("m.suit", &["a", "b"]).install(install))
        .network(URI, b"first")
        .network(other, b"second")
        .installs(&[("a", Some(b"first")), ("b", Some(b"second"))]);
}

#[test]
fn wrong_payload_and_missing_payload() {
    let wrong = single(fetch("#bad").simple(command::IMAGE_MATCH, 0));
    case("fetch-wrong", "the payload has another digest", &wrong).refused(
        FAILED,
        section::INSTALL,
        command::IMAGE_MATCH,
    );
    case("fetch-missing", "the URI names no integrated payload", &single(fetch("#none"))).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
    case("fetch-no-uri", "no URI is set", &single(seq().simple(command::FETCH, 0))).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
    case("fetch-coaps", "a URI scheme the Agent does not have", &single(fetch("coaps://example.org/c")))
        .refused(STOPPED, section::INSTALL, command::FETCH);
}

#[test]
fn payload_of_another_size_is_refused() {
    let sized = |size, uri| {
        let shared = [Parameter::ImageDigest(good()), Parameter::ImageSize(size), Parameter::Uri(uri)];
        single(seq().simple(command::FETCH, 0).simple(command::IMAGE_MATCH, 0))
            .shared(seq().override_parameters(&shared))
    };
    let record = case("fetch-size", "the payload is longer than the manifest says", &sized(20, "#tc"))
        .refused(STOPPED, section::INSTALL, command::FETCH);
    assert_eq!(record.size, Some(21));
    case("fetch-size-short", "the payload is shorter than the manifest says", &sized(22, "#tc")).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
    case("fetch-size-network", "the network has more than the manifest says", &sized(20, URI))
        .network(URI, PAYLOAD)
        .refused(STOPPED, section::INSTALL, command::FETCH);
    case("fetch-size-right", "the size is right", &sized(21, URI))
        .network(URI, PAYLOAD)
        .installs(&[("c", Some(PAYLOAD))]);
}

/// REQ-SUIT-108
#[test]
fn payload_that_was_not_compared_is_not_installed() {
    case("not-compared", "the payload is never compared with its digest", &single(fetch("#tc")))
        .refused(FAILED, 0, 0);
    let again = fetch_and_match().override_parameters(&[Parameter::Uri("#bad")]).simple(command::FETCH, 0);
    case("not-compared-again", "the payload is compared, and then another one fetched", &single(again))
        .refused(FAILED, 0, 0);
}

/// REQ-SUIT-027: the comparison was of other bytes than those that are installed.
#[test]
fn a_component_that_nothing_is_said_of_is_refused() {
    let root = Author::new("m.suit", &["a", "b"]).install(
        seq()
            .set_component_index(1)
            .override_parameters(&[Parameter::ImageDigest(good())])
            .set_component_index(0)
            .override_parameters(&exactly(b"a"))
            .simple(command::IMAGE_MATCH, 0),
    );
    let record = case("untouched", "one of two components is never looked at", &root)
        .has("a", b"a")
        .has("b", b"b")
        .refused(FAILED, 0, 0);
    assert_eq!(record.component_index, 1);
}

/// suit.md 9.5 rule 7
#[test]
fn installed_component_is_not_fetched_again() {
    let root =
        |parameters: &[Parameter<'_>]| single(fetch("#none")).shared(seq().override_parameters(parameters));
    case(
        "fetch-fulfilled",
        "digest and size are set and the component is that already",
        &root(&exactly(PAYLOAD)),
    )
    .has("c", PAYLOAD)
    .link("other.suit", "c")
    .installs(&[("c", None)]);
    case("fetch-other-installed", "something else is installed", &root(&exactly(PAYLOAD)))
        .has("c", b"an older application.")
        .refused(STOPPED, section::INSTALL, command::FETCH);
    case("fetch-without-size", "no size is set, so it is fetched", &root(&[Parameter::ImageDigest(good())]))
        .has("c", PAYLOAD)
        .refused(STOPPED, section::INSTALL, command::FETCH);
}

#[test]
fn content_of_the_manifest_is_written() {
    let root = Author::new("m.suit", &["c"]).install(write(b"configuration"));
    case("write", "the content is in the manifest, so its signature is enough", &root)
        .has("c", b"older")
        .installs(&[("c", Some(b"configuration"))]);
    let root = single(seq().simple(command::WRITE, 0));
    case("write-no-content", "no content is set", &root).refused(STOPPED, section::INSTALL, command::WRITE);
}

#[test]
fn fulfilled_write_and_copy_change_nothing() {
    let shared = seq().override_parameters(&exactly(PAYLOAD));
    for (name, code) in [("write-fulfilled", command::WRITE), ("copy-fulfilled", command::COPY)] {
        let root = Author::new("m.suit", &["c"]).shared(shared.clone()).install(seq().simple(code, 0));
        case(name, "the component is that already", &root)
            .has("c", PAYLOAD)
            .link("other.suit", "c")
            .installs(&[("c", None)]);
    }
}

/// REQ-SUIT-024
#[test]
fn copy_and_swap_without_source_fail() {
    for (name, missing, code) in [
        ("copy-no-source", "copy-source-missing", command::COPY),
        ("swap-no-source", "swap-source-missing", command::SWAP),
    ] {
        let root = |parameters: &[Parameter<'_>]| {
            let install = seq().set_component_index(0).override_parameters(parameters).simple(code, 0);
            Author::new("m.suit", &["a", "b"]).install(install.set_component_index(1).simple(code, 0))
        };
        case(name, "no source component is set", &root(&[])).has("a", b"a").has("b", b"b").refused(
            STOPPED,
            section::INSTALL,
            code,
        );
        case(missing, "nothing is installed as source component", &root(&[Parameter::SourceComponent(1)]))
            .has("a", b"a")
            .refused(STOPPED, section::INSTALL, code);
    }
}

fn swapping(then: SequenceBuilder) -> Author {
    Author::new("m.suit", &["a", "b"])
        .install(
            seq()
                .set_component_index(1)
                .override_parameters(&[Parameter::Uri("#b")])
                .override_parameters(&exactly(b"new"))
                .simple(command::FETCH, 0)
                .simple(command::IMAGE_MATCH, 0)
                .set_component_index(0)
                .override_parameters(&exactly(b"old"))
                .simple(command::IMAGE_MATCH, 0)
                .override_parameters(&[Parameter::SourceComponent(1)])
                .simple(command::SWAP, 0)
                .run_sequence(&then.build()),
        )
        .payload("#b", b"new")
}

#[test]
fn swap_exchanges_contents() {
    case(
        "swap",
        "new bytes take the place of those installed, which are kept as the other component",
        &swapping(seq()),
    )
    .has("a", b"old")
    .installs(&[("a", Some(b"new")), ("b", Some(b"old"))]);
    let back = seq().simple(command::SWAP, 0);
    case("swap-back", "exchanged twice", &swapping(back))
        .has("a", b"old")
        .installs(&[("a", Some(b"old")), ("b", Some(b"new"))]);
    let linked = swapping(seq());
    case("swap-linked", "another manifest needs the source component", &linked)
        .has("a", b"old")
        .link("other.suit", "a")
        .refused(STOPPED, section::INSTALL, command::SWAP);
}

/// suit.md 9.5 rule 8, REQ-SUIT-050, REQ-SUIT-111
#[test]
fn component_of_another_manifest_is_not_overwritten() {
    for (name, root, code) in [
        ("fetch-linked", single(fetch_and_match()), command::FETCH),
        ("write-linked", single(write(PAYLOAD)), command::WRITE),
    ] {
        case(name, "another installed manifest needs the component", &root)
            .has("c", b"older")
            .link("other.suit", "c")
            .refused(STOPPED, section::INSTALL, code);
    }
    case("fetch-own", "the component belongs to the manifest that is replaced", &single(fetch_and_match()))
        .has("c", b"older")
        .link("m.suit", "c")
        .installs(&[("c", Some(PAYLOAD))]);
}

/// suit.md 9.5 rule 8
#[test]
fn unlink_in_an_update_changes_nothing_of_its_own() {
    let install = seq().simple(command::UNLINK, 0).run_sequence(&fetch_and_match().build());
    case("unlink-in-update", "unlinked and fetched anew: the link is there at the end", &single(install))
        .has("c", b"older")
        .link("m.suit", "c")
        .installs(&[("c", Some(PAYLOAD))]);
}

/// REQ-SUIT-056, REQ-SUIT-106
#[test]
fn an_incomplete_component_set_is_refused_before_any_payload_is_fetched() {
    let two = |second: SequenceBuilder| {
        let install = seq().set_component_index(0).run_sequence(
            &seq()
                .override_parameters(&[Parameter::Uri(URI), Parameter::ImageDigest(good())])
                .simple(command::FETCH, 0)
                .simple(command::IMAGE_MATCH, 0)
                .build(),
        );
        Author::new("m.suit", &["a", "b"])
            .install(install.set_component_index(1).run_sequence(&second.build()))
    };
    let no_digest = two(fetch("#none"));
    case("set-no-digest", "a component without digest", &no_digest).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
    let no_payload = two(seq().override_parameters(&exactly(b"b")).simple(command::IMAGE_MATCH, 0));
    case("set-no-payload", "a component that is neither fetched nor installed", &no_payload).refused(
        STOPPED,
        section::INSTALL,
        command::FETCH,
    );
    case("set-complete", "it is installed", &no_payload)
        .network(URI, PAYLOAD)
        .has("b", b"b")
        .installs(&[("a", Some(PAYLOAD)), ("b", None)]);
}
