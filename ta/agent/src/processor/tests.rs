// SPDX-License-Identifier: Apache-2.0
use super::*;
use alloc::vec;
use teep_proto::cose::SigningKey;
use teep_proto::suit::{
    ComponentId, DigestAlgorithm, ManifestBuilder, SequenceBuilder, Value, encode_envelope,
};

const PAYLOAD: &[u8] = b"a Trusted Application";
const VENDOR: [u8; 16] = [1; 16];

fn config() -> Config {
    Config { vendor_ids: vec![VENDOR], class_ids: vec![[2; 16]], ..Config::default() }
}

fn good() -> Digest {
    Digest::of(PAYLOAD)
}

fn seq() -> SequenceBuilder {
    SequenceBuilder::new()
}

/// Runs the Update procedure over these sequences; gives the digest and whether there is a new image.
fn run_with(
    shared: SequenceBuilder,
    sections: Vec<(u64, SequenceBuilder)>,
    installed: Option<Digest>,
) -> Result<(Digest, bool), Failure> {
    let manifest = ManifestBuilder {
        components: vec![ComponentId::encode(&["c"])],
        shared: shared.build(),
        sections: sections.into_iter().map(|(label, s)| (label, s.build())).collect(),
        ..ManifestBuilder::default()
    };
    let key = SigningKey::ed25519_from_seed(&[1; 32]);
    let payloads: [(&str, &[u8]); 2] = [("#tc", PAYLOAD), ("#bad", b"something else")];
    let bytes = encode_envelope(&manifest.build(), core::slice::from_ref(&key), &payloads).expect("signs");
    let envelope = Envelope::decode(&bytes).expect("decodes");
    let manifest = envelope.verify(&[key.public_key()]).expect("verifies");
    let outcome = update(manifest.get(), &envelope, &config(), installed)?;
    Ok((outcome.digest, outcome.image.is_some()))
}

fn run(install: SequenceBuilder) -> Result<(Digest, bool), Failure> {
    let shared = seq().override_parameters(&[Parameter::ImageDigest(good())]);
    run_with(shared, vec![(section_label::INSTALL, install)], None)
}

fn fetch(uri: &str) -> SequenceBuilder {
    seq().override_parameters(&[Parameter::Uri(uri)]).simple(command::FETCH, 0)
}

fn soft(value: bool) -> SequenceBuilder {
    seq().override_parameters(&[Parameter::SoftFailure(value)])
}

fn reason(result: Result<(Digest, bool), Failure>) -> Reason {
    result.expect_err("must fail").reason
}

#[test]
fn fetch_and_match_gives_the_image() {
    assert_eq!(run(fetch("#tc").simple(command::IMAGE_MATCH, 0)), Ok((good(), true)));
}

#[test]
fn payload_that_was_not_matched_is_not_installed() {
    assert_eq!(reason(run(fetch("#tc"))), Reason::ConditionFailed, "REQ-SUIT-108");
    let matched_then_fetched_again =
        fetch("#tc").simple(command::IMAGE_MATCH, 0).override_parameters(&[Parameter::Uri("#bad")]);
    assert_eq!(reason(run(matched_then_fetched_again.simple(command::FETCH, 0))), Reason::ConditionFailed);
}

#[test]
fn match_of_an_earlier_payload_does_not_count_for_the_installed_component() {
    let old = Digest::of(b"installed");
    let size = b"installed".len() as u64;
    let install = fetch("#tc")
        .simple(command::IMAGE_MATCH, 0)
        .override_parameters(&[Parameter::ImageDigest(old), Parameter::ImageSize(size)])
        .simple(command::FETCH, 0);
    let shared = seq().override_parameters(&[Parameter::ImageDigest(good())]);
    let result = run_with(shared, vec![(section_label::INSTALL, install)], Some(old));
    assert_eq!(reason(result), Reason::ConditionFailed);
}

#[test]
fn conditions_of_every_section_of_the_procedure_count() {
    for label in [section_label::DEPENDENCY_RESOLUTION, section_label::CANDIDATE_VERIFICATION] {
        let shared = seq().override_parameters(&[Parameter::ImageDigest(good())]);
        let install = fetch("#tc").simple(command::IMAGE_MATCH, 0);
        let sections = vec![(label, seq().simple(command::ABORT, 0)), (section_label::INSTALL, install)];
        assert_eq!(reason(run_with(shared, sections, None)), Reason::ConditionFailed, "REQ-SUIT-092");
    }
}

#[test]
fn wrong_payload_and_missing_payload() {
    assert_eq!(reason(run(fetch("#bad").simple(command::IMAGE_MATCH, 0))), Reason::ConditionFailed);
    assert_eq!(reason(run(fetch("#none").simple(command::IMAGE_MATCH, 0))), Reason::OperationFailed);
    assert_eq!(reason(run(seq().simple(command::FETCH, 0))), Reason::OperationFailed, "no URI");
    let sized = seq().override_parameters(&[Parameter::Uri("#tc"), Parameter::ImageSize(1)]);
    assert_eq!(reason(run(sized.simple(command::FETCH, 0))), Reason::OperationFailed, "another size");
}

#[test]
fn installed_component_is_not_fetched_again() {
    let size = PAYLOAD.len() as u64;
    let shared = || seq().override_parameters(&[Parameter::ImageDigest(good()), Parameter::ImageSize(size)]);
    let install = || vec![(section_label::INSTALL, fetch("#none").simple(command::IMAGE_MATCH, 0))];
    assert_eq!(run_with(shared(), install(), Some(good())), Ok((good(), false)), "suit.md 9.5 rule 7");
    assert_eq!(reason(run_with(shared(), install(), Some(Digest::of(b"older")))), Reason::OperationFailed);
}

#[test]
fn identifiers_must_be_set_and_known() {
    let vendor = |id: &[u8; 16]| {
        let shared =
            seq().override_parameters(&[Parameter::VendorIdentifier(id), Parameter::ImageDigest(good())]);
        let install = fetch("#tc").simple(command::IMAGE_MATCH, 0);
        run_with(shared.simple(command::VENDOR_IDENTIFIER, 0), vec![(section_label::INSTALL, install)], None)
    };
    assert_eq!(vendor(&VENDOR), Ok((good(), true)));
    assert_eq!(reason(vendor(&[2; 16])), Reason::ConditionFailed, "a class is no vendor");
    assert_eq!(
        reason(run(seq().simple(command::VENDOR_IDENTIFIER, 0))),
        Reason::ConditionFailed,
        "REQ-SUIT-016"
    );
    assert_eq!(
        reason(run(seq().simple(command::CLASS_IDENTIFIER, 0))),
        Reason::ConditionFailed,
        "REQ-SUIT-016"
    );
    assert_eq!(reason(run(seq().simple(command::DEVICE_IDENTIFIER, 0))), Reason::ConditionFailed);
}

#[test]
fn shared_sequence_runs_before_each_section() {
    let shared = seq().override_parameters(&[Parameter::ImageDigest(good()), Parameter::Uri("#tc")]);
    let sections = vec![
        (section_label::PAYLOAD_FETCH, seq().override_parameters(&[Parameter::Uri("#bad")])),
        (section_label::INSTALL, seq().simple(command::FETCH, 0).simple(command::IMAGE_MATCH, 0)),
        (section_label::VALIDATE, seq().simple(command::IMAGE_MATCH, 0)),
    ];
    assert_eq!(run_with(shared, sections, None), Ok((good(), true)), "REQ-SUIT-015");
}

#[test]
fn set_parameters_does_not_replace() {
    // 19 {21: "#bad"}: the URI is set already, so it stays.
    let set = b"\x82\x13\xa1\x15\x64#bad";
    let install = seq()
        .override_parameters(&[Parameter::Uri("#tc")])
        .run_sequence(set)
        .simple(command::FETCH, 0)
        .simple(command::IMAGE_MATCH, 0);
    assert_eq!(run(install), Ok((good(), true)), "REQ-SUIT-048");
}

#[test]
fn try_each_takes_the_first_that_succeeds() {
    let bad = fetch("#bad").simple(command::IMAGE_MATCH, 0).build();
    let ok = fetch("#tc").simple(command::IMAGE_MATCH, 0).build();
    assert_eq!(run(seq().try_each(&[Some(bad.clone()), Some(ok.clone())])), Ok((good(), true)));
    assert_eq!(run(seq().try_each(&[Some(ok.clone()), Some(bad.clone())])), Ok((good(), true)));
    assert_eq!(reason(run(seq().try_each(&[Some(bad.clone()), Some(bad.clone())]))), Reason::ConditionFailed);
    let nil = seq().try_each(&[Some(bad), None]).run_sequence(&ok);
    assert_eq!(run(nil), Ok((good(), true)));
}

#[test]
fn try_each_stops_at_a_failed_directive() {
    let broken = fetch("#none").build();
    let ok = fetch("#tc").simple(command::IMAGE_MATCH, 0).build();
    assert_eq!(
        reason(run(seq().try_each(&[Some(broken), Some(ok)]))),
        Reason::OperationFailed,
        "REQ-SUIT-018"
    );
}

#[test]
fn soft_failure_has_its_scope() {
    let ok = || fetch("#tc").simple(command::IMAGE_MATCH, 0);
    let failing = |value| soft(value).simple(command::ABORT, 0).build();
    assert_eq!(run(ok().run_sequence(&failing(true))), Ok((good(), true)));
    assert_eq!(reason(run(ok().run_sequence(&failing(false)))), Reason::ConditionFailed, "REQ-SUIT-020");
    let alternatives = [Some(failing(false)), Some(ok().build())];
    assert_eq!(reason(run(seq().try_each(&alternatives))), Reason::ConditionFailed);
    let inherited = soft(true).run_sequence(&seq().simple(command::ABORT, 0).build()).build();
    assert_eq!(reason(run(ok().run_sequence(&inherited))), Reason::ConditionFailed, "not inherited");
    assert_eq!(reason(run(soft(true).simple(command::ABORT, 0))), Reason::OperationFailed, "REQ-SUIT-019");
}

#[test]
fn what_is_not_supported_is_found_before_anything_runs() {
    let hidden = seq().simple(command::ABORT, 0).simple(command::UNLINK, 0).build();
    let failure = run(seq().simple(command::ABORT, 0).run_sequence(&hidden)).expect_err("must fail");
    assert_eq!(failure.reason, Reason::CommandUnsupported);
    assert_eq!((failure.record.section, failure.record.offset), (section_label::INSTALL, 3));
    let unknown = seq().override_parameters(&[Parameter::Unknown(77)]);
    assert_eq!(reason(run(unknown)), Reason::ParameterUnsupported, "REQ-SUIT-017");
    assert_eq!(reason(run(seq().simple(13, 0))), Reason::CommandUnsupported, "an unassigned code");
    assert_eq!(reason(run(seq().set_component_index(1))), Reason::ComponentUnsupported);
    assert_eq!(run(fetch("#tc").set_component_index(0).simple(command::IMAGE_MATCH, 0)), Ok((good(), true)));
    let effect = run_with(fetch("#tc"), vec![(section_label::VALIDATE, seq())], None);
    assert_eq!(reason(effect), Reason::CommandUnsupported, "REQ-SUIT-013");
}

#[test]
fn what_proto_decodes_but_this_agent_does_not_have_is_refused() {
    let codes = command::ALL.iter().copied().filter(|code| {
        !has_command(section_label::INSTALL, *code)
            && ![command::OVERRIDE_MULTIPLE, command::COPY_PARAMS].contains(code)
    });
    let last = SequenceBuilder::new().simple(command::ABORT, 0);
    for code in codes {
        assert_eq!(reason(run(last.clone().simple(code, 0))), Reason::CommandUnsupported, "{code}");
    }
    for shaped in [
        last.clone().override_multiple(&[(0, &[])]),
        last.clone().copy_parameters(&[(0, vec![3])]),
        last.clone().custom(-300, &Value::Null),
    ] {
        assert_eq!(reason(run(shaped)), Reason::CommandUnsupported, "REQ-SUIT-017");
    }
    for parameter in [
        Parameter::Content(b"x"),
        Parameter::EncryptionInfo(b"x"),
        Parameter::VendorEnterprise(b"x"),
        Parameter::Custom(-1, Value::Int(0)),
    ] {
        let refused = run(last.clone().override_parameters(&[parameter]));
        assert_eq!(reason(refused), Reason::ParameterUnsupported, "REQ-SUIT-017");
    }
}

#[test]
fn every_digest_algorithm_is_compared() {
    for algorithm in DigestAlgorithm::ALL {
        let (right, wrong) = (algorithm.digest(PAYLOAD), algorithm.digest(b"something else"));
        let image = |digest| {
            let shared = seq().override_parameters(&[Parameter::ImageDigest(digest)]);
            let install = fetch("#tc").simple(command::IMAGE_MATCH, 0);
            run_with(shared, vec![(section_label::INSTALL, install)], Some(right))
        };
        assert_eq!(image(right), Ok((right, true)), "REQ-SUIT-004");
        assert_eq!(reason(image(wrong)), Reason::ConditionFailed);
    }
}

#[test]
fn failure_names_section_and_offset() {
    let failure = run(fetch("#bad").simple(command::IMAGE_MATCH, 0)).expect_err("must fail");
    // Array head, then 20 {21: "#bad"} of 8 bytes, then 21 0 of 3 bytes.
    assert_eq!((failure.record.section, failure.record.offset), (section_label::INSTALL, 11));
}

#[test]
fn run_away_manifest_is_stopped() {
    let inner = (0..200).fold(seq(), |s, _| s.override_parameters(&[])).build();
    // Each section is within the limit for decoding; both together exceed the one for running.
    let sections = [section_label::PAYLOAD_FETCH, section_label::INSTALL]
        .map(|label| (label, (0..4).fold(seq(), |s, _| s.run_sequence(&inner))));
    assert_eq!(reason(run_with(seq(), sections.to_vec(), None)), Reason::OperationFailed);
}
