// SPDX-License-Identifier: Apache-2.0
//! Attestation: Evidence about the device, and Attestation Results about its TAM.

use crate::author::*;
use crate::support::*;
use std::borrow::Cow;
use teep_agent::config::{Config, DeviceClaims, EatProfile, TrustStore};
use teep_proto::cose::{AgreementSecret, PublicKey, RecipientKey, Signatures, SigningKey, Thumbprint};
use teep_proto::eat::{
    self, Claims, Confirmation, Expected, HardwareVersion, ManifestClaim, Measurement, OemId, Profile,
};
use teep_proto::suit::Digest;
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{
    AttestationKind, AttestationPayload, EAT_CWT, ErrCode, Message, QueryRequest, eat_media_type,
};
use teep_sim::MemoryEnv;

const CHALLENGE: &[u8] = b"a challenge of 24 bytes.";
const PROFILE: Profile<'_> = Profile::DRAFT;

fn verifier_key() -> SigningKey {
    key(20)
}

fn report_secret() -> AgreementSecret {
    AgreementSecret::from_scalar(&[21; 32]).expect("a scalar")
}

fn device_claims() -> Claims<'static> {
    Claims {
        oemid: Some(OemId::Pen(32473)),
        hardware_model: Some(b"board"),
        hardware_version: Some(HardwareVersion { version: "1.0", scheme: None }),
        manifests: vec![ManifestClaim::SuitReference {
            uri: "https://x.example/tee",
            digest: Digest::of(b"tee"),
        }],
        ..Claims::default()
    }
}

/// The usual configuration, with something to say in Evidence.
fn attesting() -> Config {
    let claims = DeviceClaims::new(&device_claims(), &EatProfile::default()).expect("complete");
    Config { attestation: Some(claims), ..configuration() }
}

fn attestation_key(device: &mut Device) -> PublicKey {
    PublicKey::from_cose_key(&device.info().attestation_key).expect("a key")
}

fn attestation_request(challenge: Option<&[u8]>) -> QueryRequest<'_> {
    QueryRequest {
        token: None,
        challenge,
        data_item_requested: data_item::ATTESTATION | data_item::TRUSTED_COMPONENTS,
        ..query_request()
    }
}

/// The Agent's answer to a request with `challenge`.
fn asked(device: &mut Device, challenge: &[u8]) -> Received {
    device.request_ta(None);
    device.process(&signed_query_request(attestation_request(Some(challenge))))
}

/// Format and payload of the Evidence in a QueryResponse, which has no token.
fn evidence(received: &Received) -> (Option<String>, Vec<u8>) {
    let Message::QueryResponse(response) = received.message() else { panic!("{:?}", received.outcome) };
    assert_eq!(response.token, None, "REQ-TEEP-041, 060: the request had none");
    assert!(response.tc_list.is_some(), "REQ-TEEP-064");
    let attestation = response.attestation.expect("REQ-TEEP-061");
    assert_eq!(attestation.kind(PROFILE.uri), AttestationKind::Evidence, "REQ-TEEP-063");
    (attestation.format.map(str::to_owned), attestation.payload.to_vec())
}

fn expected(nonce: &[u8], message_key: Thumbprint) -> Expected<'_> {
    Expected {
        profile: PROFILE,
        eat_profile: None,
        teep_key: Some(message_key),
        nonce: Some(nonce),
        now: None,
    }
}

/// REQ-TEEP-060, 061, 062, 063, 131, 140, 141, 143.
#[test]
fn evidence_answers_a_request_for_attestation() {
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &attesting().encode());
    let (key, message_key) = (attestation_key(&mut device), device.public_key().thumbprint());
    let (format, payload) = evidence(&asked(&mut device, CHALLENGE));
    assert_eq!(format.as_deref(), Some(EAT_CWT));
    let verified = eat::verify(&payload, std::slice::from_ref(&key), &expected(CHALLENGE, message_key));
    let claims = verified.expect("the attestation key vouches for it").into_inner();
    assert_eq!(claims.ueid, Some(&[&[1][..], &key.thumbprint().0].concat()[..]));
    assert_eq!((claims.oemid, claims.hardware_model), (Some(OemId::Pen(32473)), Some(&b"board"[..])));
    assert_eq!(claims.hardware_version, device_claims().hardware_version);
    assert_eq!(claims.manifests, device_claims().manifests, "REQ-TEEP-076: as configured");
    let info = device.info();
    let measured: [[u8; 32]; 2] =
        [info.measurement, info.tee_measurement].map(|digest| digest.try_into().expect("measured"));
    assert_eq!(
        claims.measurements,
        measured.each_ref().map(Measurement::sha256),
        "the Agent and what runs it"
    );
    assert_eq!(payload[0], 0x84, "REQ-TEEP-140: no CBOR tag");
}

#[test]
fn every_purpose_and_every_device_has_its_own_key() {
    let mut devices = [7, 8].map(|n| Device::start_with(MemoryEnv::new([n; 32]), &attesting().encode()));
    let keys = devices.each_mut().map(|device| {
        let info = device.info();
        [info.public_key, info.decryption_key, info.report_key, info.attestation_key]
    });
    let keys: Vec<_> = keys.into_iter().flatten().collect();
    for (n, key) in keys.iter().enumerate() {
        assert!(!keys[..n].contains(key), "REQ-TEEP-086");
    }
    let [device, _] = &mut devices;
    let (_, payload) = evidence(&asked(device, CHALLENGE));
    let message_key = device.public_key();
    eat::verify(&payload, std::slice::from_ref(&message_key), &expected(CHALLENGE, message_key.thumbprint()))
        .expect_err("the message key signs messages only");
}

/// REQ-TEEP-031, 032, 033, 071.
#[test]
fn evidence_is_encrypted_to_the_tam_whose_key_is_known() {
    let mut config = attesting();
    config.trust.tams[0].report_key = Some(report_secret().public_key().clone());
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let (key, message_key) = (attestation_key(&mut device), device.public_key().thumbprint());
    let (format, payload) = evidence(&asked(&mut device, CHALLENGE));
    assert_eq!(format.as_deref(), Some(EAT_CWT));
    Signatures::decode(&payload).expect_err("it is encrypted");
    let stranger = AgreementSecret::from_scalar(&[22; 32]).expect("a scalar");
    eat::open(&payload, &[RecipientKey::Agreement(stranger)]).expect_err("for the TAM alone");
    let recipient = [RecipientKey::Agreement(report_secret())];
    let token = eat::open(&payload, &recipient).expect("for the TAM");
    assert!(matches!(token, Cow::Owned(_)));
    eat::verify(&token, &[key], &expected(CHALLENGE, message_key)).expect("signed first, then encrypted");
}

#[test]
fn evidence_has_a_profile_by_configuration_and_a_measurement_where_there_is_one() {
    let claims = Claims { eat_profile: Some("urn:board"), ..device_claims() };
    let claims = DeviceClaims::new(&claims, &EatProfile::default()).expect("complete");
    let config = Config { attestation: Some(claims), ..configuration() };
    let env = MemoryEnv::new([7; 32]);
    env.set_measurement(None);
    let mut device = Device::start_with(env, &config.encode());
    let (key, message_key) = (attestation_key(&mut device), device.public_key().thumbprint());
    let (format, payload) = evidence(&asked(&mut device, CHALLENGE));
    assert_eq!(format, Some(eat_media_type("urn:board")));
    let verified = eat::verify(&payload, &[key], &expected(CHALLENGE, message_key)).expect("valid");
    assert_eq!(verified.get().eat_profile, Some("urn:board"));
    assert_eq!(verified.get().measurements, [], "none is made up");
    let info = device.info();
    assert!(info.measurement.is_empty() && info.tee_measurement.is_empty(), "none is made up");
}

/// A nonce has 8 to 64 bytes (RFC 9711), a challenge up to 512.
#[test]
fn a_challenge_that_fits_into_no_nonce_is_refused() {
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &attesting().encode());
    let long = [0x5a; 65];
    for n in [8, 64] {
        evidence(&asked(&mut device, &long[..n]));
    }
    let refused = asked(&mut device, &long);
    assert_eq!((refused.code(), refused.token()), (ErrCode::PERMANENT_ERROR.number(), None));
}

/// REQ-TEEP-044, 070, 090: negotiation comes before Evidence.
#[test]
fn no_evidence_without_a_common_freshness_mechanism_or_for_a_stranger() {
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &attesting().encode());
    device.request_ta(None);
    let request = attestation_request(Some(CHALLENGE));
    let timestamps = QueryRequest { supported_freshness_mechanisms: Some(vec![1]), ..request.clone() };
    let refused = device.process(&signed_query_request(timestamps));
    assert_eq!(refused.code(), ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS.number());
    let Message::Error(error) = refused.message() else { panic!("no Error") };
    assert_eq!(error.supported_freshness_mechanisms, Some(vec![0]), "REQ-TEEP-090");
    let payload = encoded(&Message::QueryRequest(request));
    let stranger = teep_proto::cose::sign1(&key(99), &payload).expect("signs");
    assert_eq!(device.process(&stranger).code(), ErrCode::BAD_CERTIFICATE.number(), "REQ-TEEP-070");
}

/// A device that wants its first TAM attested.
fn demanding() -> Device {
    let mut config = configuration();
    config.trust.verifiers = vec![verifier_key().public_key().into()];
    config.trust.tams[0].attestation_required = true;
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    device.request_ta(None);
    device
}

/// The challenge in ERR_ATTESTATION_REQUIRED.
pub(crate) fn challenge(refused: &Received) -> Vec<u8> {
    let Message::Error(error) = refused.message() else { panic!("{}", refused.message().name()) };
    assert_eq!(error.err_code, ErrCode::ATTESTATION_REQUIRED, "REQ-TEEP-091");
    assert_eq!(error.supported_freshness_mechanisms, Some(vec![0]));
    error.challenge.expect("a challenge").to_vec()
}

/// An Attestation Result about a TAM's key.
pub(crate) fn result(verifier: &SigningKey, subject: &SigningKey, nonce: Option<&[u8]>) -> Vec<u8> {
    let subject = subject.public_key().thumbprint();
    let claims = Claims {
        nonce,
        ueid: Some(b"\x01the TAM"),
        confirmation: Some(Confirmation::kid(&subject)),
        eat_profile: Some(PROFILE.uri),
        ..device_claims()
    };
    eat::sign(&claims, &PROFILE, verifier).expect("signs")
}

fn with_result<'b>(payload: &'b [u8], format: Option<&'b str>) -> Vec<u8> {
    let attestation = Some(AttestationPayload { format, payload });
    signed_query_request(QueryRequest { attestation, ..query_request() })
}

/// REQ-TEEP-091, 124.
#[test]
fn a_tam_that_has_to_be_attested_is_challenged_and_then_answered() {
    let mut device = demanding();
    let refused = device.process(&signed_query_request(query_request()));
    assert_eq!(refused.outcome, None, "nobody has failed yet");
    let nonce = challenge(&refused);
    assert_eq!(refused.token(), Some(TOKEN.to_vec()));
    let format = eat_media_type(PROFILE.uri);
    let answer =
        device.process(&with_result(&result(&verifier_key(), &tam_key(), Some(&nonce)), Some(&format)));
    assert!(matches!(answer.message(), Message::QueryResponse(_)), "{:?}", answer.outcome);
    let reply = device.invoke(Command::ProcessTeepMessage, &update(&tam_key(), &[envelope(1)]));
    assert_eq!(device.serve(reply, &[]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn a_tam_that_need_not_be_attested_is_not() {
    let mut device = demanding();
    let reply = device.request_ta_of(TA, Some(OTHER_TAM_URI));
    assert!(matches!(reply, Reply::Connect { .. }));
    let payload = encoded(&Message::QueryRequest(query_request()));
    let request = teep_proto::cose::sign1(&other_tam_key(), &payload).expect("signs");
    assert!(matches!(device.process(&request).message(), Message::QueryResponse(_)));
}

/// What comes after the challenge does not count, and the next challenge is another one. The Error is not the one that
/// has to be answered: two sides that are at odds would go on for ever.
fn refused(forge: impl FnOnce(&[u8]) -> Vec<u8>) {
    let mut device = demanding();
    let nonce = challenge(&device.process(&signed_query_request(query_request())));
    let message = forge(&nonce);
    let refused = device.process(&message);
    assert_eq!((refused.code(), refused.token()), (ErrCode::PERMANENT_ERROR.number(), Some(TOKEN.to_vec())));
    assert!(refused.outcome.is_some(), "the person at the Broker is told");
    assert_ne!(challenge(&device.process(&message)), nonce, "each counts once");
    // Nothing came of it.
    let order = device.process(&update(&tam_key(), &[envelope(1)]));
    assert_eq!(order.code(), ErrCode::ATTESTATION_REQUIRED.number());
    assert_eq!(device.installed(), (None, None));
}

#[test]
fn attack_attestation_result_by_nobody_trusted() {
    for stranger in [key(99), tam_key(), signer_key()] {
        refused(|nonce| with_result(&result(&stranger, &tam_key(), Some(nonce)), None));
    }
}

#[test]
fn attack_attestation_result_of_another_tam() {
    refused(|nonce| with_result(&result(&verifier_key(), &other_tam_key(), Some(nonce)), None));
}

#[test]
fn attack_stale_attestation_result() {
    refused(|_| with_result(&result(&verifier_key(), &tam_key(), Some(&[1; 32])), None));
    refused(|_| with_result(&result(&verifier_key(), &tam_key(), None), None));
}

#[test]
fn attack_evidence_in_place_of_an_attestation_result() {
    refused(|nonce| with_result(&result(&verifier_key(), &tam_key(), Some(nonce)), Some(EAT_CWT)));
}

#[test]
fn attack_attestation_result_of_an_earlier_conversation() {
    let mut device = demanding();
    let nonce = challenge(&device.process(&signed_query_request(query_request())));
    let message = with_result(&result(&verifier_key(), &tam_key(), Some(&nonce)), None);
    assert!(matches!(device.process(&message).message(), Message::QueryResponse(_)));
    assert_ne!(challenge(&device.process(&message)), nonce, "in the same conversation");
    device.request_ta(None);
    assert_ne!(challenge(&device.process(&message)), nonce, "in the next one");
}

#[test]
fn attack_unattested_tam_sends_an_update_at_once() {
    let mut device = demanding();
    let refused = device.process(&update(&tam_key(), &[envelope(1)]));
    assert_eq!(refused.code(), ErrCode::ATTESTATION_REQUIRED.number());
    assert_eq!(device.installed(), (None, None));
}

/// The Verifier vouched for one key; another one of the same TAM is not covered.
#[test]
fn attack_update_by_a_key_that_was_not_attested() {
    let mut device = demanding();
    let nonce = challenge(&device.process(&signed_query_request(query_request())));
    let message = with_result(&result(&verifier_key(), &tam_other_suite_key(), Some(&nonce)), None);
    assert!(matches!(device.process(&message).message(), Message::QueryResponse(_)));
    let refused = device.process(&update(&tam_key(), &[envelope(1)]));
    assert_eq!(refused.code(), ErrCode::ATTESTATION_REQUIRED.number());
    assert_eq!(device.installed(), (None, None));
}

#[test]
fn attack_tam_whose_verifier_was_revoked_in_the_middle_of_its_conversation() {
    let verifier = verifier_key();
    let mut config = configuration();
    config.trust.verifiers = vec![verifier.public_key().into(), key(21).public_key().into()];
    config.trust.tams[0].attestation_required = true;
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    device.request_ta(None);
    let nonce = challenge(&device.process(&signed_query_request(query_request())));
    let payload = result(&verifier, &tam_key(), Some(&nonce));
    let attestation = Some(AttestationPayload { format: None, payload: &payload });
    let request = signed_query_request(QueryRequest { attestation, ..query_request() });
    assert!(matches!(device.process(&request).message(), Message::QueryResponse(_)));
    // In another session the Verifier is revoked.
    let store =
        TrustStore { sequence_number: 1, verifiers: vec![key(21).public_key().into()], ..config.trust };
    let mut kept = std::mem::take(&mut device.session);
    let received = device.other_tam_says(&update(&other_tam_key(), &[trust_envelope(&store)]));
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    std::mem::swap(&mut device.session, &mut kept);
    let received = device.process(&update(&tam_key(), &[envelope(1)]));
    assert_eq!(device.installed(), (None, None), "{:?}", received.outcome);
}
