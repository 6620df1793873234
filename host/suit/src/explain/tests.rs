// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::keys::{self, Trusted};
use crate::{Algorithm, Component, Dependency, Description, Source, create};
use teep_proto::cose::{AgreementSecret, ContentAlgorithm, EncryptTo, KeyWrap, RecipientKey, SigningKey};
use teep_proto::suit::{
    Authenticator, ComponentId, Digest, ManifestBuilder, Parameter, Reason, Report, ReportKeys,
    SequenceBuilder, SystemPropertyClaims, encode_envelope,
};

const TA: [u8; 16] = [1; 16];

fn key() -> SigningKey {
    keys::generate(Algorithm::Esp256).unwrap()
}

fn ta() -> Vec<u8> {
    create(&Description::new(TA, 7, [2; 16], [3; 16], b"image".to_vec()), &[key()]).unwrap()
}

/// A manifest that depends on the one in `envelope`.
fn dependent(envelope: Vec<u8>, source: Option<Source>) -> Vec<u8> {
    let description = Description {
        manifest_id: vec![b"dependent".to_vec()],
        components: vec![Component::written(vec![b"data".to_vec()], b"words".to_vec())],
        dependencies: vec![Dependency::new(envelope, source).unwrap()],
        ..Description::new(TA, 8, [2; 16], [3; 16], Vec::new())
    };
    create(&description, &[key()]).unwrap()
}

/// Offset of the first command `code` in the section `label` of the manifest in `envelope`.
fn offset(envelope: &[u8], label: u64, code: i64) -> u64 {
    let envelope = Envelope::decode(envelope).unwrap();
    let manifest = envelope.inspect().unwrap();
    let sequence = sequence(&envelope, &manifest, label).unwrap().unwrap();
    let found = sequence.instructions().unwrap().map(Result::unwrap).find(|command| command.code == code);
    found.unwrap().offset as u64
}

fn failure<'b>(record: Record<'b>, reason: Reason, root: &[u8]) -> Report<'b> {
    let digest = Envelope::decode(root).unwrap().claimed_digest();
    Report { result: ReportResult::Failure { code: 17, record, reason }, ..Report::new("", digest, None) }
}

fn opened(report: &Report<'_>) -> OpenedReport {
    OpenedReport::open(&report.encode().unwrap(), &ReportKeys::default()).unwrap()
}

fn shown(report: &Report<'_>, envelopes: &[Vec<u8>]) -> String {
    Explanation::new(&opened(report), envelopes).unwrap().to_string()
}

fn has(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
}

#[test]
fn the_command_that_failed_is_named() {
    let envelope = ta();
    let record = Record {
        section: manifest::INSTALL,
        offset: offset(&envelope, manifest::INSTALL, 3),
        properties: vec![Parameter::ImageDigest(Digest::of(b"other"))],
        ..Record::default()
    };
    let text = shown(&failure(record, Reason::ConditionFailed, &envelope), &[envelope]);
    has(
        &text,
        &[
            "NOT AUTHENTICATED",
            "result            failed, a condition failed (code 17)",
            "command           image-match",
            "where             install, byte ",
            "component         TEEP-Device/SecureFS/uuid:01010101-0101-0101-0101-010101010101/ta",
            &format!("found image-digest SHA-256 {}", Digest::of(b"other")),
        ],
    );
}

/// AMB-SUIT-17: the shared sequence, and failures before anything ran.
#[test]
fn what_failed_outside_sections_is_told() {
    let envelope = ta();
    let record = Record { section: 3, offset: offset(&envelope, SHARED, 2), ..Record::default() };
    let text = shown(&failure(record, Reason::ConditionFailed, &envelope), std::slice::from_ref(&envelope));
    has(&text, &["where             shared, byte ", "command           class-identifier"]);
    let text = shown(&failure(Record::default(), Reason::Unauthenticated, &envelope), &[envelope]);
    has(&text, &["where             before any command", "no valid signature by a trusted signer"]);
    assert!(!text.contains("component  "), "{text}");
}

#[test]
fn a_failure_in_a_dependency_needs_its_envelope() {
    let inner = ta();
    let record = Record {
        manifest_id: vec![1],
        section: manifest::INSTALL,
        offset: offset(&inner, manifest::INSTALL, 21),
        ..Record::default()
    };
    let expected = ["in the dependency TEEP-Device/SecureFS/", "command           fetch"];
    let carried = dependent(inner.clone(), Some(Source::integrated("#dependency")));
    has(&shown(&failure(record.clone(), Reason::OperationFailed, &carried), &[carried]), &expected);
    let apart = dependent(inner.clone(), None);
    let report = failure(record, Reason::OperationFailed, &apart);
    has(&shown(&report, &[inner, apart.clone()]), &expected);
    // The same identifier in another version is another manifest: its offsets mean nothing (REQ-SUIT-085).
    let other = create(&Description::new(TA, 6, [2; 16], [3; 16], b"other".to_vec()), &[key()]).unwrap();
    has(&shown(&report, &[apart, other]), &["command           not known: give the envelope"]);
}

#[test]
fn a_report_about_another_manifest_is_refused() {
    let (envelope, other) = (ta(), dependent(ta(), None));
    let report = failure(Record::default(), Reason::ConditionFailed, &other);
    let error = Explanation::new(&opened(&report), &[envelope]).unwrap_err();
    assert!(error.to_string().contains("about another manifest"), "{error}");
    // Nor does an envelope count that only claims the digest.
    let mut changed = other.clone();
    let at = changed.windows(9).position(|window| window == b"dependent").unwrap();
    changed[at] ^= 1;
    Explanation::new(&opened(&report), &[changed]).unwrap_err();
}

#[test]
fn success_tells_what_was_found() {
    let envelope = ta();
    let id = ComponentId::encode(&["data"]);
    let id = ComponentId::decode(&id).unwrap();
    let mut report = Report::new("", Envelope::decode(&envelope).unwrap().claimed_digest(), None);
    report.records.push(ReportEntry::Properties(SystemPropertyClaims::new(id, Some(Digest::of(b"words")))));
    let record = Record { section: 20, offset: offset(&envelope, 20, 21), ..Record::default() };
    report.records.push(ReportEntry::Record(record));
    let text = shown(&report, &[envelope]);
    has(
        &text,
        &["result            success", "\nfound data\nimage-digest", "\nrecorded\nwhere             install"],
    );
}

/// Signed and encrypted, as TEEP has it (AMB-09).
#[test]
fn protected_reports_are_opened() {
    let envelope = ta();
    let report = failure(Record::default(), Reason::CborParse, &envelope);
    let (device, tam) = (key(), AgreementSecret::from_scalar(&[5; 32]).unwrap());
    let to = [EncryptTo::Agreement(tam.public_key(), KeyWrap::A128Kw)];
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    let protected =
        report.protect_for(Authenticator::Sign(&device), ContentAlgorithm::A128Gcm, &to, &mut random);
    let protected = protected.unwrap();
    let trusted = Trusted::from(&[device.public_key()][..]);
    let recipient = [RecipientKey::Agreement(tam)];
    let keys = ReportKeys { trusted: trusted.keys(), recipient: &recipient, content: &[] };
    let opened = OpenedReport::open(&protected, &keys).unwrap();
    let explanation = Explanation::new(&opened, &[envelope]).unwrap();
    assert!(explanation.encrypted);
    has(&explanation.to_string(), &[&format!("reported by       key {}", device.public_key().thumbprint())]);
    let stranger = Trusted::from(&[key().public_key()][..]);
    let keys = ReportKeys { trusted: stranger.keys(), ..keys };
    OpenedReport::open(&protected, &keys).unwrap_err();
}

/// The offset counts from the beginning of the section, whatever sequences the command stands in.
#[test]
fn a_command_in_a_nested_sequence_is_named() {
    let inner = SequenceBuilder::new().simple(3, 0).simple(21, 0).build();
    let section =
        SequenceBuilder::new().simple(1, 0).try_each(&[Some(inner.clone()), Some(inner), None]).build();
    let manifest = ManifestBuilder {
        components: vec![ComponentId::encode(&["c"])],
        sections: vec![(manifest::INSTALL, section.clone())],
        ..ManifestBuilder::default()
    };
    let envelope = encode_envelope(&manifest.build(), &[], &[]).unwrap();
    // Code 21 has two bytes, and is there twice.
    let fetches: Vec<_> =
        (0..section.len()).filter(|at| section[*at..].starts_with(&[0x15])).map(|at| at as u64).collect();
    assert_eq!(fetches.len(), 2);
    for offset in fetches {
        let record = Record { section: manifest::INSTALL, offset, ..Record::default() };
        let report = failure(record, Reason::OperationFailed, &envelope);
        has(&shown(&report, std::slice::from_ref(&envelope)), &["command           fetch"]);
    }
    let record = Record { section: manifest::INSTALL, offset: 2, ..Record::default() };
    let report = failure(record, Reason::OperationFailed, &envelope);
    has(&shown(&report, &[envelope]), &["command           not known"]);
}
