// SPDX-License-Identifier: Apache-2.0
//! Conditions (suit.md section 4).

use super::case::{Author, CLASS, VENDOR, exactly, fetch_and_match, single};
use super::*;
use teep_proto::suit::DigestAlgorithm;

const FAILED: Reason = Reason::ConditionFailed;

/// REQ-SUIT-032, REQ-SUIT-103
#[test]
fn identifiers_must_be_known_to_the_device() {
    const OTHER: [u8; 16] = *b"\x03\x03\x03\x03\x03\x03\x53\x03\x83\x03\x03\x03\x03\x03\x03\x03";
    let with = |parameter: Parameter<'_>, code| {
        let shared = seq().override_parameters(&[parameter, Parameter::ImageDigest(good())]);
        single(fetch_and_match()).shared(shared.simple(code, 0))
    };
    let installed = [("c", Some(PAYLOAD))];
    case("vendor", "a vendor of the device", &with(Parameter::VendorIdentifier(&VENDOR), 1))
        .installs(&installed);
    case("class", "a class of the device", &with(Parameter::ClassIdentifier(&CLASS), 2)).installs(&installed);
    case("device", "the device itself", &with(Parameter::DeviceIdentifier(&OTHER), 24))
        .device(|device| device.device_id = Some(super::vector::Hex(OTHER.to_vec())))
        .installs(&installed);
    for (name, parameter, code) in [
        ("vendor-other", Parameter::VendorIdentifier(&CLASS), command::VENDOR_IDENTIFIER),
        ("class-other", Parameter::ClassIdentifier(&VENDOR), command::CLASS_IDENTIFIER),
        ("device-other", Parameter::DeviceIdentifier(&VENDOR), command::DEVICE_IDENTIFIER),
    ] {
        case(name, "an identifier of something else", &with(parameter, code)).refused(
            FAILED,
            section::COMMON,
            code,
        );
    }
}

/// REQ-SUIT-016
#[test]
fn a_condition_without_its_parameter_fails() {
    for (name, code) in [
        ("vendor-unset", command::VENDOR_IDENTIFIER),
        ("class-unset", command::CLASS_IDENTIFIER),
        ("device-unset", command::DEVICE_IDENTIFIER),
        ("image-match-unset", command::IMAGE_MATCH),
        ("image-not-match-unset", command::IMAGE_NOT_MATCH),
        ("check-content-unset", command::CHECK_CONTENT),
    ] {
        let root = Author::new("m.suit", &["c"]).install(seq().simple(code, 0));
        case(name, "the parameter is not set", &root).has("c", PAYLOAD).refused(
            FAILED,
            section::INSTALL,
            code,
        );
    }
}

/// REQ-SUIT-004
#[test]
fn every_digest_algorithm_is_compared() {
    for (name, wrong, algorithm) in [
        ("image-match-sha256", "image-match-sha256-other", DigestAlgorithm::Sha256),
        ("image-match-sha384", "image-match-sha384-other", DigestAlgorithm::Sha384),
        ("image-match-sha512", "image-match-sha512-other", DigestAlgorithm::Sha512),
    ] {
        let image = |bytes| {
            let digest = Parameter::ImageDigest(algorithm.digest(bytes));
            single(fetch_and_match()).shared(seq().override_parameters(&[digest]))
        };
        case(name, "the digest is right", &image(PAYLOAD)).installs(&[("c", Some(PAYLOAD))]);
        let record =
            case(wrong, "the digest is another one, and the one found is reported", &image(b"other"))
                .refused(FAILED, section::INSTALL, command::IMAGE_MATCH);
        assert_eq!(record.digest.expect("the digest found").0, algorithm.digest(PAYLOAD).encode());
    }
}

#[test]
fn image_match_of_nothing_fails() {
    let root = Author::new("m.suit", &["c"])
        .shared(seq().override_parameters(&[Parameter::ImageDigest(good())]))
        .install(seq().simple(command::IMAGE_MATCH, 0));
    let record = case("image-match-nothing", "there is no component", &root).refused(
        FAILED,
        section::INSTALL,
        command::IMAGE_MATCH,
    );
    assert_eq!(record.digest, None);
}

#[test]
fn image_not_match_is_the_inverse() {
    let root = Author::new("m.suit", &["c"]).payload("#tc", PAYLOAD).install(
        seq()
            .override_parameters(&[Parameter::ImageDigest(Digest::of(b"a bad version"))])
            .simple(command::IMAGE_NOT_MATCH, 0)
            .override_parameters(&[Parameter::ImageDigest(good())])
            .run_sequence(&fetch_and_match().build()),
    );
    let installed = [("c", Some(PAYLOAD))];
    case("image-not-match", "another component than the one that must not be there", &root)
        .has("c", b"a good version")
        .installs(&installed);
    case("image-not-match-nothing", "nothing is there", &root).installs(&installed);
    case("image-not-match-same", "the one that must not be there", &root).has("c", b"a bad version").refused(
        FAILED,
        section::INSTALL,
        command::IMAGE_NOT_MATCH,
    );
}

/// REQ-SUIT-023: that it takes a constant time is for the device to see to.
#[test]
fn check_content_compares_all_bytes() {
    let root = |content| {
        Author::new("m.suit", &["c"]).install(
            seq().override_parameters(&[Parameter::Content(content)]).simple(command::CHECK_CONTENT, 0),
        )
    };
    case("check-content", "the component is what the manifest says", &root(PAYLOAD))
        .has("c", PAYLOAD)
        .installs(&[("c", None)]);
    for (name, content) in [
        ("check-content-prefix", PAYLOAD.split_last().expect("bytes").1),
        ("check-content-other", &[0; PAYLOAD.len()]),
    ] {
        case(name, "it is something else", &root(content)).has("c", PAYLOAD).refused(
            FAILED,
            section::INSTALL,
            command::CHECK_CONTENT,
        );
    }
    case("check-content-nothing", "there is no component", &root(b"")).refused(
        FAILED,
        section::INSTALL,
        command::CHECK_CONTENT,
    );
}

#[test]
fn is_dependency_tells_components_from_dependencies() {
    let dependency = Author::new("d.suit", &["d"]).install(super::components::write(b"d"));
    let root = |index| {
        Author::new("m.suit", &["c"])
            .dependency(1, "d.suit")
            .resolve(
                seq()
                    .set_component_index(index)
                    .simple(command::IS_DEPENDENCY, 0)
                    .set_component_index(1)
                    .override_parameters(&[Parameter::ImageDigest(dependency.digest()), Parameter::Uri("#d")])
                    .simple(command::FETCH, 0)
                    .simple(command::DEPENDENCY_INTEGRITY, 0)
                    .simple(command::PROCESS_DEPENDENCY, 0),
            )
            .install(
                seq()
                    .set_component_index(1)
                    .simple(command::PROCESS_DEPENDENCY, 0)
                    .set_component_index(0)
                    .override_parameters(&exactly(PAYLOAD))
                    .simple(command::IMAGE_MATCH, 0),
            )
            .payload("#d", &dependency.envelope())
    };
    case("is-dependency", "the index is one of suit-dependencies", &root(1))
        .has("c", PAYLOAD)
        .installs(&[("c", None), ("d", Some(b"d"))]);
    case("is-dependency-not", "the index is a component's", &root(0)).has("c", PAYLOAD).refused(
        FAILED,
        section::DEPENDENCY_RESOLUTION,
        command::IS_DEPENDENCY,
    );
}
