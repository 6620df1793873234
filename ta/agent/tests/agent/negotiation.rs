// SPDX-License-Identifier: Apache-2.0
//! What the Agent and a TAM have not in common: the Error for each, with the list it has to carry (REQ-TEEP-090).

use crate::SUITE;
use crate::reports::profiles;
use crate::support::*;
use teep_agent::Measured;
use teep_proto::cose::{AgreementSecret, ContentAlgorithm, EncryptTo, KeyWrap, SigningKey, SymmetricKey};
use teep_proto::suit::{Authenticator, Digest, Report};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{CipherSuite, ErrCode, Message, QueryRequest};
use teep_sim::MemoryEnv;

const CHALLENGE: &[u8] = b"challenge";

fn answer(device: &mut Device, request: QueryRequest<'_>) -> Received {
    device.request_ta(None);
    device.process(&signed_query_request(request))
}

/// The answer to a request with `report` about the TAM.
fn answer_to(report: &[u8]) -> Received {
    answer(&mut Device::new(), QueryRequest { suit_reports: vec![report], ..query_request() })
}

fn report() -> Report<'static> {
    Report::new("http://tam.example/firmware.suit", Digest::of(b"the TAM's manifest"), None)
}

fn signed(key: &SigningKey) -> Vec<u8> {
    report().protect(Authenticator::Sign(key)).expect("signs")
}

fn encrypted(content: ContentAlgorithm) -> Vec<u8> {
    let recipient = AgreementSecret::from_scalar(&[9; 32]).expect("a scalar");
    let to = [EncryptTo::Agreement(recipient.public_key(), KeyWrap::A128Kw)];
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(3);
        Ok(())
    };
    let key = key_of(SUITE, 60);
    report().protect_for(Authenticator::Sign(&key), content, &to, &mut random).expect("encrypts")
}

/// What goes with code 3, 4, 5, 7 and 8 is there, and nothing else of the kind.
#[test]
fn each_failure_carries_its_list_and_the_token() {
    let mut config = configuration();
    config.trust.verifiers = vec![key(0x66).public_key().into()];
    config.trust.tams[0].attestation_required = true;
    let mut demanding = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let mut device = Device::new();
    let other = vec![CipherSuite::sign1(other_suite().algorithm())];
    let unreadable = signed(&key_of(other_suite(), 60));
    let timestamps = QueryRequest {
        token: None,
        challenge: Some(CHALLENGE),
        data_item_requested: data_item::ATTESTATION,
        supported_freshness_mechanisms: Some(vec![1]),
        ..query_request()
    };
    let cases = [
        (ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS, answer(&mut device, timestamps)),
        (
            ErrCode::UNSUPPORTED_MSG_VERSION,
            answer(&mut device, QueryRequest { versions: Some(vec![1, 9]), ..query_request() }),
        ),
        (
            ErrCode::UNSUPPORTED_CIPHER_SUITES,
            answer(&mut device, QueryRequest { supported_teep_cipher_suites: other, ..query_request() }),
        ),
        (ErrCode::ATTESTATION_REQUIRED, answer(&mut demanding, query_request())),
        (
            ErrCode::UNSUPPORTED_SUIT_REPORT,
            answer(&mut device, QueryRequest { suit_reports: vec![&unreadable], ..query_request() }),
        ),
    ];
    for (code, received) in cases {
        let Message::Error(error) = received.message() else { panic!("{code}: no Error") };
        assert_eq!(error.err_code, code);
        let has = [
            error.supported_freshness_mechanisms.is_some(),
            error.versions.is_some(),
            !error.supported_teep_cipher_suites.is_empty(),
            error.challenge.is_some(),
            !error.supported_suit_cose_profiles.is_empty(),
        ];
        let expected = match code {
            ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS => [true, false, false, false, false],
            ErrCode::UNSUPPORTED_MSG_VERSION => [false, true, false, false, false],
            ErrCode::UNSUPPORTED_CIPHER_SUITES => [false, false, true, false, false],
            ErrCode::ATTESTATION_REQUIRED => [true, false, false, true, false],
            _ => [false, false, false, false, true],
        };
        assert_eq!(has, expected, "{code}: REQ-TEEP-090, REQ-TEEP-091, REQ-TEEP-092");
        let is_attested = code == ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS;
        assert_eq!(error.token, if is_attested { None } else { Some(TOKEN) }, "{code}");
    }
}

/// REQ-TEEP-092.
#[test]
fn reports_of_the_tam_in_profiles_the_agent_has_not() {
    let secret = SymmetricKey::new(&[5; 32], None).expect("a key");
    let foreign_content = match SUITE {
        teep_agent::config::Suite::Esp256 => ContentAlgorithm::ChaCha20Poly1305,
        teep_agent::config::Suite::Ed25519 => ContentAlgorithm::A128Gcm,
    };
    let reports = [
        signed(&key_of(other_suite(), 60)),
        report().protect(Authenticator::Mac(&secret)).expect("authenticates"),
        encrypted(foreign_content),
    ];
    for (n, report) in reports.iter().enumerate() {
        let received = answer_to(report);
        let Message::Error(error) = received.message() else { panic!("{n}: no Error") };
        assert_eq!(error.err_code, ErrCode::UNSUPPORTED_SUIT_REPORT, "{n}");
        let listed = &error.supported_suit_cose_profiles;
        assert_eq!(listed.len(), 2, "{n}");
        assert!(profiles(SUITE).iter().all(|profile| listed.contains(profile)), "{n}");
        assert!(error.err_msg.is_some_and(|text| text.contains("SUIT Report")), "{n}");
    }
}

#[test]
fn reports_of_the_tam_in_profiles_the_agent_has() {
    for report in [
        report().encode().expect("encodes"),
        signed(&key_of(SUITE, 60)),
        encrypted(ContentAlgorithm::A128Ctr),
    ] {
        assert!(matches!(answer_to(&report).message(), Message::QueryResponse(_)));
    }
}

#[test]
fn report_of_the_tam_that_is_none() {
    for bytes in [&b""[..], b"\xff", b"\x01", b"\x84\x40\xa0"] {
        assert_eq!(answer_to(bytes).code(), ErrCode::PERMANENT_ERROR.number(), "{bytes:02x?}");
    }
}

/// The Agent lists itself with what the TEE measures it to be (AMB-04).
#[test]
fn agent_lists_itself_with_its_measurement() {
    for measured in [Some(Measured { agent: [0x4d; 32], tee: [0x54; 32] }), None] {
        let env = MemoryEnv::new([7; 32]);
        env.set_measurement(measured);
        let mut device = Device::start_with(env, &configuration().encode());
        let received = answer(&mut device, query_request());
        let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
        let listed = response.tc_list.expect("REQ-TEEP-064");
        assert_eq!(listed.len(), 2, "its trust store first");
        assert_eq!(listed[1].digest(), measured.map(|measured| Digest::sha256(measured.agent)));
    }
}
