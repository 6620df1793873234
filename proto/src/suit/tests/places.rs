// SPDX-License-Identifier: Apache-2.0
//! Errors say where: the path of members and commands, and the offset in the innermost byte string.
use super::*;
use alloc::string::String;

/// The error of a manifest as a person reads it.
fn complaint(manifest: &ManifestBuilder) -> String {
    let envelope = signed(&manifest.build());
    verified(&Envelope::decode(&envelope).expect("decodes")).expect_err("must be refused").to_string()
}

fn installing(install: SequenceBuilder) -> ManifestBuilder {
    ManifestBuilder { sections: vec![(manifest::INSTALL, install.build())], ..builder() }
}

fn fetch(times: usize) -> SequenceBuilder {
    (0..times).fold(SequenceBuilder::new(), |s, _| s.simple(command::FETCH, 15))
}

/// A parameter of the wrong type, two commands into a sequence: array head, two times two bytes, then code, map
/// head, label and value.
fn broken() -> Vec<u8> {
    let mut sequence = vec![0x86];
    sequence.extend(b"\x15\x0f\x15\x0f\x14\xa1\x05\x40");
    sequence
}

#[test]
fn in_a_section() {
    let sections = vec![(manifest::INSTALL, broken())];
    let text = complaint(&ManifestBuilder { sections, ..builder() });
    assert!(text.ends_with("a slot (at byte 8 of suit-manifest/install/component-slot)"), "{text}");
}

#[test]
fn in_nested_sequences() {
    let ok = fetch(1).build();
    let inner = SequenceBuilder::new().try_each(&[Some(&ok), Some(&broken()), None]).build();
    let text = complaint(&installing(fetch(3).run_sequence(&inner)));
    let place = "(at byte 8 of suit-manifest/install/run-sequence@7/try-each@1[1]/component-slot)";
    assert!(text.ends_with(place), "{text}");
    // The second try-each of a sequence is told from the first.
    let twice = fetch(1).try_each(&[&ok, &ok].map(Some)).try_each(&[&broken(), &ok].map(Some));
    let text = complaint(&installing(twice));
    assert!(text.contains("install/try-each@13[0]/component-slot"), "{text}");
}

#[test]
fn in_nested_values() {
    let digest = b"\x82\x14\xa1\x03\x45\x82\x2f\x42\x00\x00";
    let sections = vec![(manifest::VALIDATE, digest.to_vec())];
    let text = complaint(&ManifestBuilder { sections, ..builder() });
    assert!(text.ends_with("(at byte 2 of suit-manifest/validate/image-digest/SUIT_Digest)"), "{text}");
    let sequence = fetch(1).override_multiple(&[(0, &[Parameter::ImageSize(1)]), (7, &[])]).build();
    let at = sequence.len() - 1;
    assert_eq!(sequence[at], 0xa0, "the empty map of component 7");
    let mut sequence = sequence;
    sequence[at] = 0x80;
    let sections = vec![(manifest::INSTALL, sequence)];
    let text = complaint(&ManifestBuilder { sections, ..builder() });
    assert!(text.ends_with(&alloc::format!("(at byte {at} of suit-manifest/install)")), "{text}");
}

#[test]
fn in_common_and_other_members() {
    let id = ComponentId::encode(&["c"]);
    let components = vec![id.clone(), ComponentId::encode(&[[0; MAX_COMPONENT_ID + 1]])];
    let text = complaint(&ManifestBuilder { components, ..builder() });
    assert!(text.contains("suit-manifest/common/components[1])"), "{text}");
    let dependencies = vec![(1, Some(id)), (2, Some(b"\x81\x61x".to_vec()))];
    let text = complaint(&ManifestBuilder { dependencies, ..builder() });
    assert!(text.contains("suit-manifest/common/dependencies[1])"), "{text}");
    let shared = b"\x82\x18\x20\x41\x81".to_vec();
    let text = complaint(&ManifestBuilder { shared, ..builder() });
    assert!(text.contains("suit-manifest/common/shared-sequence/run-sequence@1)"), "{text}");
    let text = complaint(&ManifestBuilder { component_id: Some(b"\x01".to_vec()), ..builder() });
    assert!(text.contains("suit-manifest/manifest-component-id)"), "{text}");
}

#[test]
fn rules_name_the_place_too() {
    let private = SequenceBuilder::new().custom(-300, &Value::Null).build();
    let shared = fetch(0).try_each(&[Some(&private), None]).build();
    let error = Sequence::new(&shared).check_shared().expect_err("REQ-SUIT-012");
    assert!(error.to_string().ends_with("(at byte 1 of try-each@1[0])"), "{error}");
}

#[test]
fn in_a_report() {
    let good = Report::new("", Digest::of(b"m"), None);
    let record = Record { properties: vec![Parameter::ComponentSlot(1)], ..Record::default() };
    let report =
        Report { records: vec![ReportEntry::Record(record.clone()), ReportEntry::Record(record)], ..good };
    let mut bytes = report.encode().expect("encodes");
    let slot = bytes.windows(3).rposition(|w| w == b"\xa1\x05\x01").expect("the second record") + 2;
    bytes[slot] = 0x20;
    let error = Report::decode(&bytes).expect_err("a negative slot").to_string();
    let place = alloc::format!("(at byte {slot} of records[1]/component-slot)");
    assert!(error.ends_with(&place), "{error}");
}
