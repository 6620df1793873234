// SPDX-License-Identifier: Apache-2.0
//! Commands and parameters: every one of the tables, what is private, what is unknown, and the rules.
use super::*;
use crate::limits::MAX_ALTERNATIVES;
use crate::suit::labels::parameter;

fn commands(sequence: &[u8]) -> Result<Vec<Command<'_>>, Error> {
    Sequence::new(sequence).validate()?;
    Sequence::new(sequence).instructions()?.collect()
}

fn only(sequence: &[u8]) -> Command<'_> {
    let [command] = &commands(sequence).expect("a sequence")[..] else { panic!("one command") };
    command.clone()
}

fn kind(sequence: &[u8]) -> Kind {
    commands(sequence).expect_err("must be refused").kind
}

fn every_parameter() -> Vec<Parameter<'static>> {
    let digest = |algorithm: DigestAlgorithm| algorithm.digest(b"image");
    vec![
        Parameter::VendorIdentifier(&[1; 16]),
        Parameter::ClassIdentifier(&[2; 16]),
        Parameter::ImageDigest(digest(DigestAlgorithm::Sha512)),
        Parameter::UseBefore(u64::MAX),
        Parameter::ComponentSlot(1),
        Parameter::StrictOrder(false),
        Parameter::SoftFailure(true),
        Parameter::ImageSize(1 << 32),
        Parameter::Content(b"content"),
        Parameter::EncryptionInfo(b"\xd8\x60"),
        Parameter::Uri("#tc"),
        Parameter::SourceComponent(2),
        Parameter::InvokeArgs(b"args"),
        Parameter::DeviceIdentifier(&[3; 16]),
        Parameter::FetchArguments(b"fetch"),
        Parameter::MinimumBattery(5),
        Parameter::UpdatePriority(-5),
        Parameter::Version(b"\x82\x01\x81\x01"),
        Parameter::WaitInfo(b"\xa0"),
        Parameter::ComponentMetadata(b"\xa0"),
        Parameter::Custom(-1, Value::Bool(true)),
        Parameter::Custom(-2, Value::Int(-7)),
        Parameter::Custom(-3, Value::Text("private")),
        Parameter::Custom(-300, Value::Bytes(b"private")),
    ]
}

/// The table of parameters, and REQ-SUIT-031: labels in deterministic order whatever the order given.
#[test]
fn every_parameter_reads_back_in_order() {
    let parameters = every_parameter();
    for label in parameter::ALL {
        assert!(parameters.iter().any(|p| p.label() == *label), "{label} {:?}", parameter::name(*label));
    }
    let backwards: Vec<_> = parameters.iter().rev().copied().collect();
    for sequence in [
        SequenceBuilder::new().override_parameters(&backwards).build(),
        SequenceBuilder::new().set_parameters(&backwards).build(),
    ] {
        let command = only(&sequence);
        let Argument::Parameters(list) = command.argument else { panic!("no parameters") };
        let read: Vec<_> = list.iter().expect("a map").map(|p| p.expect("a parameter")).collect();
        assert_eq!(read, parameters);
        assert_eq!(SequenceBuilder::new().command(&command).expect("encodes").build(), sequence);
    }
}

#[test]
fn vendor_may_be_an_enterprise_number() {
    let pen = [Parameter::VendorEnterprise(b"\x83\x86\x11")];
    let sequence = SequenceBuilder::new().override_parameters(&pen).build();
    let Argument::Parameters(list) = only(&sequence).argument else { panic!("no parameters") };
    assert_eq!(list.iter().expect("a map").next(), Some(Ok(pen[0])));
    assert_eq!(kind(b"\x82\x14\xa1\x01\xd8\x6f\x41\x01"), Kind::Malformed, "tag 111");
}

#[test]
fn parameters_of_another_type_are_refused() {
    for (label, value) in [
        (parameter::USE_BEFORE, &b"\x20"[..]),
        (parameter::COMPONENT_SLOT, b"\x40"),
        (parameter::CONTENT, b"\x60"),
        (parameter::ENCRYPTION_INFO, b"\xa0"),
        (parameter::URI, b"\x60"),
        (parameter::SOURCE_COMPONENT, b"\x81\x00"),
        (parameter::INVOKE_ARGS, b"\x60"),
        (parameter::DEVICE_IDENTIFIER, b"\x41\x00"),
        (parameter::FETCH_ARGUMENTS, b"\x00"),
        (parameter::MINIMUM_BATTERY, b"\x20"),
        (parameter::UPDATE_PRIORITY, b"\x40"),
        (parameter::VERSION, b"\x80"),
        (parameter::WAIT_INFO, b"\xa0"),
        (parameter::COMPONENT_METADATA, b"\xa0"),
        (-1, b"\xf6"),
        (-1, b"\x80"),
    ] {
        let sequence = encode(|w| {
            w.array(2).int(command::OVERRIDE_PARAMETERS).map(1).int(label).raw(value);
        });
        assert_eq!(kind(&sequence), Kind::Malformed, "{label}");
    }
}

/// The table of commands, among them those of trust-domains and update-management.
#[test]
fn every_command_reads_back() {
    let inner = SequenceBuilder::new().simple(command::ABORT, 0).build();
    let with_shape = SequenceBuilder::new()
        .set_component_index(0)
        .select(&Index::All)
        .select(&Index::Several(vec![2, 0, 1]))
        .try_each(&[Some(&inner), Some(&inner), None])
        .set_parameters(&[Parameter::ImageSize(1)])
        .override_parameters(&[])
        .run_sequence(&inner)
        .override_multiple(&[(1, &[Parameter::Uri("b")]), (0, &[Parameter::Uri("a")])])
        .copy_parameters(&[(4, vec![parameter::URI, -1]), (3, vec![parameter::IMAGE_DIGEST])]);
    let shaped = commands(&with_shape.clone().build()).expect("a sequence").len();
    let policies: Vec<i64> =
        command::ALL.iter().copied().filter(|code| ![12, 15, 19, 20, 32, 34, 35].contains(code)).collect();
    assert_eq!(policies.len() + 7, command::ALL.len());
    let sequence = policies.iter().fold(with_shape, |s, code| s.simple(*code, 15)).build();
    let read = commands(&sequence).expect("a sequence");
    for (command, code) in read[shaped..].iter().zip(&policies) {
        assert_eq!((command.code, &command.argument), (*code, &Argument::Policy(15)));
    }
    let Argument::Multiple(multiple) = &read[7].argument else { panic!("no override-multiple") };
    assert_eq!(multiple.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1], "REQ-SUIT-031");
    let copied = vec![(3, vec![parameter::IMAGE_DIGEST]), (4, vec![parameter::URI, -1])];
    assert_eq!(read[8].argument, Argument::CopyParameters(copied));
    let names = [read[4].code, read[5].code].map(command::name);
    assert_eq!(names, [Some("set-parameters"), Some("override-parameters")], "REQ-SUIT-114");
    assert_eq!(read[1].argument, Argument::Index(Index::All), "REQ-SUIT-021");
    assert_eq!(read[2].argument, Argument::Index(Index::Several(vec![2, 0, 1])), "REQ-SUIT-021");
    let again = read.iter().fold(SequenceBuilder::new(), |s, c| s.command(c).expect("encodes")).build();
    assert_eq!(again, sequence);
}

#[test]
fn malformed_arguments_are_refused() {
    for sequence in [
        &b"\x82\x18\x22\xa0"[..],            // override-multiple without component
        b"\x82\x18\x22\xa1\x00\x80",         // whose parameters are no map
        b"\x82\x18\x22\xa1\x20\xa0",         // with a negative index
        b"\x82\x18\x23\xa1\x00\x80",         // copy-params without parameter
        b"\x82\x18\x23\xa1\x00\x15",         // with no array
        b"\x82\x0f\x82\xf6\x41\x80",         // nil before the last alternative
        b"\x82\x0f\x82\x41\x80\x80",         // an alternative that is no byte string
        b"\x82\x0b\x40",                     // process-dependency without policy
        b"\x82\x39\x01\x00\x80",             // a private command with an array
        b"\x82\x39\x01\x00\xf5",             // a private command with true
        b"\x82\x18\x22\xa1\x00\xa1\x15\x00", // a URI that is none, inside
    ] {
        assert_eq!(kind(sequence), Kind::Malformed, "{sequence:02x?}");
    }
}

/// AMB-SUIT-12, AMB-SUIT-23, REQ-SUIT-017: private codes are those below -256; what is not assigned is told as
/// such, whatever its argument is.
#[test]
fn private_and_unassigned_commands() {
    for value in [Value::Int(-9), Value::Text("x"), Value::Bytes(b"x"), Value::Null] {
        let sequence = SequenceBuilder::new().custom(-257, &value).build();
        assert_eq!(only(&sequence).argument, Argument::Custom(value));
    }
    for code in [-256, -1, 0, 9, 13, 30, 36, 1000] {
        let sequence = encode(|w| {
            w.array(2).int(code).array(1).map(0);
        });
        assert_eq!(only(&sequence).argument, Argument::Unknown, "{code}");
    }
    let unassigned = SequenceBuilder::new().override_parameters(&[Parameter::Unknown(77)]).build();
    let Argument::Parameters(list) = only(&unassigned).argument else { panic!("no parameters") };
    assert_eq!(list.iter().expect("a map").next(), Some(Ok(Parameter::Unknown(77))), "REQ-SUIT-017");
}

/// AMB-SUIT-21: an empty sequence as alternative; and the limit and one past it.
#[test]
fn alternatives() {
    let many = |n: usize| SequenceBuilder::new().try_each(&vec![Some(b"\x80"); n]).build();
    commands(&many(MAX_ALTERNATIVES)).expect("at the limit");
    assert_eq!(kind(&many(MAX_ALTERNATIVES + 1)), Kind::TooLarge);
    assert_eq!(kind(&many(1)), Kind::Malformed);
}

#[test]
fn uri_limit_and_one_past_it() {
    let uri = |n: usize| "u".repeat(n);
    let with = |uri: &str| SequenceBuilder::new().override_parameters(&[Parameter::Uri(uri)]).build();
    commands(&with(&uri(crate::limits::MAX_URI))).expect("at the limit");
    assert_eq!(kind(&with(&uri(crate::limits::MAX_URI + 1))), Kind::Malformed);
}

/// REQ-SUIT-012, REQ-SUIT-013, AMB-SUIT-05.
#[test]
fn shared_sequence_has_no_effects_and_nothing_private() {
    let check = |s: SequenceBuilder| Sequence::new(&s.build()).check_shared();
    let seq = SequenceBuilder::new;
    let fetch = seq().simple(command::FETCH, 0).build();
    check(
        seq().set_component_index(0).set_parameters(&[Parameter::Uri("x")]).simple(command::IMAGE_MATCH, 15),
    )
    .expect("AMB-SUIT-05");
    let harmless = seq().simple(command::CLASS_IDENTIFIER, 15).build();
    check(seq().try_each(&[Some(&harmless), None]).run_sequence(&harmless)).expect("conditions");
    for code in command::ALL.iter().copied().filter(|code| {
        [
            command::PROCESS_DEPENDENCY,
            command::WRITE,
            command::FETCH,
            command::COPY,
            command::INVOKE,
            command::WAIT,
            command::SWAP,
            command::UNLINK,
        ]
        .contains(code)
    }) {
        check(seq().simple(code, 0)).expect_err("REQ-SUIT-013");
    }
    check(seq().run_sequence(&fetch)).expect_err("REQ-SUIT-013, nested");
    check(seq().try_each(&[Some(&harmless), Some(&fetch)])).expect_err("REQ-SUIT-013, nested");
    check(seq().custom(-300, &Value::Null)).expect_err("REQ-SUIT-012, command");
    check(seq().override_parameters(&[Parameter::Custom(-1, Value::Int(0))])).expect_err("REQ-SUIT-012");
    check(seq().simple(13, 0)).expect_err("unassigned");
}

#[test]
fn vendor_and_class_checks_are_recommended() {
    let seq = SequenceBuilder::new;
    let missing = |shared: SequenceBuilder| {
        let bytes = envelope(&ManifestBuilder { shared: shared.build(), ..builder() });
        let manifest = verified(&Envelope::decode(&bytes).expect("decodes")).expect("verifies");
        manifest.check_rules().expect("a recommendation is no rule");
        manifest.recommendations().expect("well-formed")
    };
    let (vendor, class) = (command::VENDOR_IDENTIFIER, command::CLASS_IDENTIFIER);
    assert_eq!(missing(seq().simple(vendor, 15).simple(class, 15)), [""; 0], "REQ-SUIT-011");
    let nested = seq().simple(class, 15).build();
    assert_eq!(missing(seq().simple(vendor, 15).run_sequence(&nested)), [""; 0], "REQ-SUIT-011");
    let without_class = missing(seq().simple(vendor, 15));
    assert!(
        without_class.len() == 1 && without_class[0].contains("class"),
        "REQ-SUIT-011: {without_class:?}"
    );
    assert_eq!(missing(seq()).len(), 2, "REQ-SUIT-011");
}

/// REQ-SUIT-065, REQ-SUIT-118.
#[test]
fn encrypted_content_from_elsewhere_has_a_digest() {
    let seq = SequenceBuilder::new;
    let info = Parameter::EncryptionInfo(b"\xd8\x60");
    let check = |install: SequenceBuilder, dependencies: Vec<(u64, Option<Vec<u8>>)>| {
        let sections =
            vec![(manifest::INSTALL, seq().set_component_index(0).run_sequence(&install.build()).build())];
        let bytes = envelope(&ManifestBuilder { shared: Vec::new(), sections, dependencies, ..builder() });
        verified(&Envelope::decode(&bytes).expect("decodes")).expect("verifies").check_rules()
    };
    let copy = |parameters: &[Parameter<'_>]| seq().override_parameters(parameters).simple(command::COPY, 15);
    check(copy(&[info, Parameter::SourceComponent(0)]), vec![]).expect_err("REQ-SUIT-065, REQ-SUIT-118");
    let digest = Parameter::ImageDigest(Digest::of(b"plaintext"));
    check(copy(&[info, Parameter::SourceComponent(0), digest]), vec![]).expect("a digest");
    check(copy(&[info, Parameter::Content(b"ciphertext")]), vec![]).expect("signed with the manifest");
    check(copy(&[info]), vec![(1, None)]).expect("the dependency may have it");
    check(seq().override_multiple(&[(0, &[info])]), vec![]).expect_err("REQ-SUIT-065");
}

/// REQ-SUIT-103.
#[test]
fn identifiers_are_uuids_of_a_version_with_names_or_chance() {
    for version in 0..16u8 {
        let mut id = [0xff; 16];
        id[6] = version << 4;
        for parameter in [
            Parameter::VendorIdentifier(&id),
            Parameter::ClassIdentifier(&id),
            Parameter::DeviceIdentifier(&id),
        ] {
            for shared in [
                SequenceBuilder::new().override_parameters(&[parameter]),
                SequenceBuilder::new().set_parameters(&[parameter]),
            ] {
                let bytes = envelope(&ManifestBuilder { shared: shared.build(), ..builder() });
                let manifest = verified(&Envelope::decode(&bytes).expect("decodes")).expect("verifies");
                assert_eq!(manifest.check_rules().is_ok(), (3..=5).contains(&version), "{version}");
            }
        }
    }
}

/// REQ-SUIT-014, and indices that there are (TD 5.1).
#[test]
fn sequences_select_a_component_first() {
    let check = |install: SequenceBuilder, components: &[&str], dependencies: &[u64]| {
        let manifest = ManifestBuilder {
            components: components.iter().map(|id| ComponentId::encode(&[id])).collect(),
            dependencies: dependencies.iter().map(|index| (*index, None)).collect(),
            shared: Vec::new(),
            sections: vec![(manifest::INSTALL, install.build())],
            ..builder()
        };
        let bytes = envelope(&manifest);
        verified(&Envelope::decode(&bytes).expect("decodes")).expect("verifies").check_rules()
    };
    let seq = SequenceBuilder::new;
    let fetch = || seq().simple(command::FETCH, 0);
    check(fetch(), &["a"], &[]).expect("one component needs no index");
    check(fetch(), &["a", "b"], &[]).expect_err("REQ-SUIT-014");
    check(fetch(), &["a"], &[1]).expect_err("REQ-SUIT-014");
    check(seq().set_component_index(1).simple(command::FETCH, 0), &["a", "b"], &[]).expect("an index first");
    check(seq().set_component_index(7), &["a"], &[7]).expect("the dependency's index");
    check(seq().set_component_index(2), &["a", "b"], &[7]).expect_err("no such index");
    check(seq().select(&Index::Several(vec![0, 2])), &["a", "b"], &[]).expect_err("no such index");
    let nested = seq().set_component_index(3).build();
    check(seq().set_component_index(0).run_sequence(&nested), &["a", "b"], &[]).expect_err("nested");
    check(seq().set_component_index(0).copy_parameters(&[(5, vec![3])]), &["a", "b"], &[]).expect_err("35");
    check(seq().set_component_index(0).override_multiple(&[(5, &[])]), &["a", "b"], &[]).expect_err("34");
}

#[test]
fn every_truncation_and_flip_is_survived() {
    let inner = SequenceBuilder::new().override_parameters(&every_parameter()).build();
    let sequence = SequenceBuilder::new()
        .override_multiple(&[(0, &every_parameter())])
        .copy_parameters(&[(0, vec![3])])
        .try_each(&[Some(&inner), Some(&inner), None])
        .custom(-300, &Value::Text("x"))
        .build();
    commands(&sequence).expect("a sequence");
    for at in 0..sequence.len() {
        commands(&sequence[..at]).expect_err("cut short");
        for bit in 0..8 {
            let mut flipped = sequence.clone();
            flipped[at] ^= 1 << bit;
            let _ = commands(&flipped);
            let _ = Sequence::new(&flipped).check_shared();
        }
    }
}
