// SPDX-License-Identifier: Apache-2.0
//! Whatever an encoder makes, the decoder takes, and reads the same in it; what the decoder would refuse, the
//! encoder refuses. On generated values, many of which are just within a limit or just past it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod common;

use common::numbers::Numbers;
use teep_proto::cose::{Algorithm, Signatures, SigningKey, sign1};
use teep_proto::eat::{Claims, Confirmation, HardwareVersion, ManifestClaim, OemId, Profile};
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    CapabilityReport, ComponentCapability, ComponentId, Digest, DigestAlgorithm, Envelope, EnvelopeBuilder,
    ManifestBuilder, Parameter, Reason, Record, Report, ReportEntry, ReportResult, SequenceBuilder,
    SystemPropertyClaims, Value,
};
use teep_proto::teep::{
    AttestationPayload, CipherSuite, Dialect, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse,
    RequestedTc, Success, SuitCoseProfile, Update,
};

/// What the generated values borrow from.
static BYTES: [u8; 600] = [0x5a; 600];
const TEXT: &str = "en-GB-abcdefgh-abcdefgh-abcdefgh-abc";
const ROUNDS: usize = 3000;

fn one_of<T: Copy>(numbers: &mut Numbers, list: &[T]) -> T {
    list[numbers.below(list.len() as u64) as usize]
}

fn maybe<T>(numbers: &mut Numbers, make: impl FnOnce(&mut Numbers) -> T) -> Option<T> {
    (numbers.below(3) > 0).then(|| make(numbers))
}

fn list<T>(numbers: &mut Numbers, make: impl Fn(&mut Numbers) -> T) -> Vec<T> {
    let len = one_of(numbers, &[0, 0, 1, 1, 2, 3, 32, 33]);
    (0..len).map(|_| make(numbers)).collect()
}

/// As long as a token, a challenge or a nonce may be, or not quite.
fn bytes(numbers: &mut Numbers) -> &'static [u8] {
    &BYTES[..one_of(numbers, &[8, 8, 16, 16, 16, 64, 0, 7, 65, 512, 513])]
}

fn text(numbers: &mut Numbers) -> &'static str {
    one_of(
        numbers,
        &["", "fine", "fine", "two\r\nlines", "bell\u{7}", "e\u{301}", &LONG[..128], &LONG[..129]],
    )
}

const LONG: &str = "128 bytes and one more: 128 bytes and one more: 128 bytes and one more: 128 bytes and one more: \
                    128 bytes and one more: 128 bytes.";

fn token(numbers: &mut Numbers) -> Option<&'static [u8]> {
    maybe(numbers, bytes)
}

fn reports(numbers: &mut Numbers) -> Vec<&'static [u8]> {
    if numbers.below(2) == 0 { Vec::new() } else { list(numbers, |_| &BYTES[..20]) }
}

fn attestation(numbers: &mut Numbers) -> Option<AttestationPayload<'static>> {
    maybe(numbers, |n| AttestationPayload {
        format: maybe(n, |n| one_of(n, &["application/eat+cwt", "x", "", &LONG[..100]])),
        payload: &BYTES[..30],
    })
}

fn suites(numbers: &mut Numbers) -> Vec<CipherSuite> {
    list(numbers, |n| CipherSuite::sign1(one_of(n, &[Algorithm::Esp256, Algorithm::Ed25519])))
}

fn profiles(numbers: &mut Numbers) -> Vec<SuitCoseProfile> {
    list(numbers, |n| one_of(n, &SuitCoseProfile::TEEP))
}

fn message<'a>(numbers: &mut Numbers, ids: &[ComponentId<'a>]) -> Message<'a> {
    let codes =
        [ErrCode::TEMPORARY_ERROR, ErrCode::UNSUPPORTED_CIPHER_SUITES, ErrCode::UNSUPPORTED_MSG_VERSION];
    let n = numbers;
    match n.below(5) {
        0 => Message::QueryRequest(QueryRequest {
            token: token(n),
            supported_freshness_mechanisms: maybe(n, |n| list(n, Numbers::next)).filter(|_| n.below(2) == 0),
            challenge: token(n).filter(|_| n.below(2) == 0),
            versions: maybe(n, |n| list(n, |n| n.next() as u32)),
            attestation: attestation(n),
            suit_reports: reports(n),
            supported_teep_cipher_suites: suites(n),
            supported_suit_cose_profiles: profiles(n),
            data_item_requested: n.below(16),
        }),
        1 => Message::QueryResponse(QueryResponse {
            token: token(n),
            selected_version: maybe(n, |n| n.next() as u32),
            attestation: attestation(n),
            suit_reports: reports(n),
            tc_list: maybe(n, |n| list(n, |n| SystemPropertyClaims::new(one_of(n, ids), None))),
            requested_tc_list: list(n, |n| RequestedTc {
                component_id: one_of(n, ids),
                tc_manifest_sequence_number: maybe(n, Numbers::next),
                have_binary: maybe(n, |n| n.below(2) == 0),
            }),
            unneeded_manifest_list: list(n, |n| one_of(n, ids)),
            ext_list: maybe(n, |n| list(n, |n| n.next() as u32)),
        }),
        2 => Message::Update(Update {
            token: token(n),
            unneeded_manifest_list: list(n, |n| one_of(n, ids)),
            manifest_list: reports(n),
            attestation: attestation(n),
            err_code: maybe(n, |n| one_of(n, &codes)),
            err_msg: maybe(n, text),
            err_lang: maybe(n, |n| &TEXT[..one_of(n, &[0, 2, 3, 5, 35, 36])]),
        }),
        3 => Message::Success(Success { token: token(n), msg: maybe(n, text), suit_reports: reports(n) }),
        _ => Message::Error(ErrorMessage {
            err_lang: maybe(n, |n| &TEXT[..one_of(n, &[2, 5, 35, 36])]),
            supported_teep_cipher_suites: suites(n),
            supported_freshness_mechanisms: maybe(n, |n| list(n, Numbers::next)),
            supported_suit_cose_profiles: profiles(n),
            challenge: token(n),
            versions: maybe(n, |n| list(n, |n| n.next() as u32)),
            suit_reports: reports(n),
            ..ErrorMessage::new(token(n), one_of(n, &codes), maybe(n, text))
        }),
    }
}

/// Both outcomes have to be seen, or the test shows nothing.
fn both(made: usize, refused: usize) {
    assert!(made > 100 && refused > 100, "{made} made, {refused} refused");
}

#[test]
fn what_a_message_encodes_to_is_a_message() {
    let mut numbers = Numbers(11);
    let ids =
        [ComponentId::encode(&["a"]), ComponentId::encode(&["b", "ta"]), ComponentId::encode(&[[0; 256]])];
    let ids: Vec<_> = ids.iter().map(|id| ComponentId::decode(id).expect("an id")).collect();
    let key = SigningKey::ed25519_from_seed(&[1; 32]);
    let trusted = [key.public_key()];
    let (mut made, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let message = message(&mut numbers, &ids);
        for dialect in Dialect::ALL {
            let Ok(payload) = message.encode_in(dialect) else {
                refused += 1;
                continue;
            };
            made += 1;
            assert_eq!(payload.capacity(), payload.len(), "memory of the right size");
            let signed = sign1(&key, &payload).expect("signs");
            let verified = Signatures::decode(&signed).and_then(|s| s.verify(&trusted)).expect("verifies");
            let again = Message::decode_in(dialect, verified).expect("what was encoded decodes");
            assert_eq!(again.get(), &message);
        }
    }
    both(made, refused);
}

fn parameters(numbers: &mut Numbers) -> Vec<Parameter<'static>> {
    let len = numbers.below(4);
    (0..len)
        .map(|_| match numbers.below(9) {
            0 => Parameter::VendorIdentifier(&BYTES[..one_of(numbers, &[16, 16, 16, 15])]),
            1 => Parameter::ImageDigest(one_of(numbers, &DigestAlgorithm::ALL).digest(b"x")),
            2 => Parameter::ImageSize(numbers.size()),
            3 => Parameter::Content(&BYTES[..numbers.below(40) as usize]),
            4 => Parameter::Uri(one_of(numbers, &["#tc", "https://example.org/x", ""])),
            5 => Parameter::Custom(-1, Value::Text("private")),
            6 => Parameter::SourceComponent(numbers.below(3)),
            7 => Parameter::Unknown(99),
            _ => Parameter::Unknown(one_of(numbers, &[100, 3])),
        })
        .collect()
}

fn record(numbers: &mut Numbers) -> Record<'static> {
    Record {
        manifest_id: (0..numbers.below(4)).collect(),
        section: numbers.below(25),
        offset: numbers.size(),
        component_index: numbers.below(5),
        properties: parameters(numbers),
    }
}

fn capabilities(numbers: &mut Numbers) -> CapabilityReport<'static> {
    let some = |n: &mut Numbers| vec![1; one_of(n, &[1, 1, 1, 5, 64, 65, 0])];
    let few = |n: &mut Numbers| vec![-7; one_of(n, &[0, 0, 1, 2])];
    CapabilityReport {
        components: list(numbers, |n| ComponentCapability {
            elements: vec![b"c"; one_of(n, &[0, 1, 2, 8])],
            is_prefix: n.below(2) == 0,
        }),
        commands: some(numbers),
        parameters: some(numbers),
        algorithms: some(numbers),
        envelope: few(numbers),
        manifest: few(numbers),
        text: few(numbers),
        ..CapabilityReport::default()
    }
}

#[test]
fn what_a_report_encodes_to_is_a_report() {
    let mut numbers = Numbers(12);
    let id = ComponentId::encode(&["c"]);
    let id = ComponentId::decode(&id).expect("an id");
    let (mut made, mut refused, mut capable) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let n = &mut numbers;
        let records = list(n, |n| match n.below(2) {
            0 => ReportEntry::Record(record(n)),
            _ => {
                ReportEntry::Properties(SystemPropertyClaims { component_id: id, parameters: parameters(n) })
            }
        });
        let failure = ReportResult::Failure {
            code: -5,
            record: record(n),
            reason: one_of(n, &[Reason::ConditionFailed]),
        };
        let report = Report {
            nonce: token(n),
            records,
            result: if n.below(2) == 0 { ReportResult::Success } else { failure },
            capabilities: maybe(n, capabilities).filter(|_| n.below(2) == 0),
            ..Report::new(one_of(n, &["", "https://example.org/m"]), Digest::of(b"m"), None)
        };
        match report.encode() {
            Err(_) => refused += 1,
            Ok(bytes) => {
                made += 1;
                Report::decode(&bytes).expect("what was encoded decodes");
            }
        }
        if let Ok(bytes) = capabilities(&mut numbers).encode() {
            capable += 1;
            CapabilityReport::decode(&bytes).expect("what was encoded decodes");
        }
    }
    both(made, refused);
    both(capable, ROUNDS - capable);
}

#[test]
fn what_claims_encode_to_are_claims() {
    let mut numbers = Numbers(13);
    let (mut made, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let n = &mut numbers;
        let claims = Claims {
            nonce: token(n),
            ueid: maybe(n, |n| &BYTES[..one_of(n, &[7, 33, 6, 34])]),
            oemid: maybe(n, |n| OemId::Pen(n.size())),
            hardware_model: maybe(n, |n| &BYTES[..one_of(n, &[1, 32, 0, 33])]),
            hardware_version: maybe(n, |n| HardwareVersion {
                version: one_of(n, &["1.0", ""]),
                scheme: None,
            }),
            confirmation: maybe(n, |n| Confirmation { kid: Some(bytes(n)), ..Confirmation::default() }),
            manifests: list(n, |_| ManifestClaim::SuitReference { uri: "u", digest: Digest::of(b"m") }),
            ..Claims::default()
        };
        match claims.encode(&Profile::DRAFT) {
            Err(_) => refused += 1,
            Ok(bytes) => {
                made += 1;
                assert_eq!(Claims::inspect(&bytes, &Profile::DRAFT), Ok(claims));
            }
        }
    }
    both(made, refused);
}

/// What is signed is what a receiver takes (REQ-SUIT-099).
#[test]
fn what_is_signed_is_an_envelope() {
    let mut numbers = Numbers(14);
    let key = SigningKey::ed25519_from_seed(&[2; 32]);
    let trusted = [key.public_key()];
    let (mut made, mut refused) = (0, 0);
    for _ in 0..ROUNDS / 3 {
        let n = &mut numbers;
        let commands = one_of(n, &[0, 1, 3, 1024, 1025]);
        let many = (0..commands).fold(SequenceBuilder::new(), |s, _| s.simple(command::IMAGE_MATCH, 15));
        let depth = one_of(n, &[0, 1, 2, 3, 4]);
        let nested =
            (0..depth).fold(many.build(), |inner, _| SequenceBuilder::new().run_sequence(&inner).build());
        let mut manifest = ManifestBuilder {
            sequence_number: n.size(),
            reference_uri: maybe(n, |n| "u".repeat(one_of(n, &[1, 512, 0, 513]))),
            component_id: maybe(n, |n| ComponentId::encode(&vec![b"m"; one_of(n, &[1, 8, 9])])),
            dependencies: maybe(n, |_| vec![(1, None)]).unwrap_or_default(),
            components: vec![ComponentId::encode(&["c"]); one_of(n, &[1, 2, 16, 17])],
            shared: SequenceBuilder::new().override_parameters(&parameters(n)).build(),
            sections: vec![(manifest::INSTALL, nested), (manifest::COSWID, vec![0x80])],
            ..ManifestBuilder::default()
        };
        let severed =
            maybe(n, |_| manifest.sever(manifest::INSTALL, DigestAlgorithm::Sha256).expect("is there"));
        let severed: Vec<_> = severed.into_iter().filter(|_| n.below(4) > 0).collect();
        let payloads: &[(&str, &[u8])] = &[("#tc", b"payload")];
        let (built, tagged) = (manifest.build(), n.below(2) == 0);
        let envelope =
            EnvelopeBuilder { severed: &severed, payloads, tagged, ..EnvelopeBuilder::new(&built) };
        match envelope.sign(std::slice::from_ref(&key)) {
            Err(_) => refused += 1,
            Ok(bytes) => {
                made += 1;
                assert_eq!(bytes.capacity(), bytes.len(), "memory of the right size");
                Envelope::decode(&bytes)
                    .and_then(|e| e.verify(&trusted).map(|_| ()))
                    .expect("what was signed");
            }
        }
    }
    both(made, refused);
}
