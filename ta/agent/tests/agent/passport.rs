// SPDX-License-Identifier: Apache-2.0
//! The Attestation Result that a TAM hands over and others are shown.

use crate::author::*;
use crate::support::*;
use teep_agent::config::{Config, DeviceClaims, EatProfile, TrustStore};
use teep_proto::cose::{AgreementSecret, RecipientKey, Signatures, SigningKey, sign1};
use teep_proto::eat::{self, Claims, Confirmation, HardwareVersion, ManifestClaim, OemId, Profile};
use teep_proto::suit::Digest;
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{
    AttestationKind, AttestationPayload, ErrCode, Message, QueryRequest, Update, eat_media_type,
};
use teep_sim::MemoryEnv;

const PROFILE: Profile<'_> = Profile::DRAFT;
/// A format of another Verifier's, for which the Agent is only a messenger.
const OTHER_FORMAT: &str = "application/ear+cwt";
/// In the year 2100.
const FAR: i64 = 4_102_444_800;

/// Whom the Agent trusts to vouch, too.
pub(crate) fn verifier() -> SigningKey {
    key(20)
}

fn maker_claims() -> Claims<'static> {
    Claims {
        oemid: Some(OemId::Pen(32473)),
        hardware_model: Some(b"board"),
        hardware_version: Some(HardwareVersion { version: "1.0", scheme: None }),
        manifests: vec![ManifestClaim::SuitReference { uri: "urn:x", digest: Digest::of(b"tee") }],
        ..Claims::default()
    }
}

pub(crate) fn config() -> Config {
    let claims = DeviceClaims::new(&maker_claims(), &EatProfile::default()).expect("complete");
    let trust = TrustStore { verifiers: vec![verifier().public_key().into()], ..configuration().trust };
    Config { attestation: Some(claims), trust, ..configuration() }
}

fn device() -> Device {
    Device::start_with(MemoryEnv::new([7; 32]), &config().encode())
}

/// What `verifier` says of the key of `subject`, since `issued_at`.
pub(crate) fn result(verifier: &SigningKey, subject: &Device, issued_at: i64) -> Vec<u8> {
    let subject = subject.public_key().thumbprint();
    let claims = Claims {
        ueid: Some(b"\x01a device"),
        issued_at: Some(issued_at),
        expiration: Some(FAR),
        confirmation: Some(Confirmation::kid(&subject)),
        eat_profile: Some(PROFILE.uri),
        ..maker_claims()
    };
    eat::sign(&claims, &PROFILE, verifier).expect("signs")
}

pub(crate) fn bringing(payload: &[u8], format: Option<&str>) -> Vec<u8> {
    let attestation = Some(AttestationPayload { format, payload });
    order(&tam_key(), Update { attestation, ..Update::default() })
}

/// A device that was given a passport, and the passport.
pub(crate) fn with_passport() -> (Device, Vec<u8>) {
    let mut device = device();
    let passport = result(&verifier(), &device, 100);
    assert_eq!(device.say(&bringing(&passport, None), &[]).code(), 0);
    (device, passport)
}

/// Asks for attestation without a challenge.
pub(crate) fn passport_request(mechanisms: Option<Vec<u64>>) -> QueryRequest<'static> {
    QueryRequest {
        token: None,
        supported_freshness_mechanisms: mechanisms,
        data_item_requested: data_item::ATTESTATION | data_item::TRUSTED_COMPONENTS,
        ..query_request()
    }
}

/// What the device shows when it is asked with `request`; `None` for an Error.
pub(crate) fn shown(device: &mut Device, request: QueryRequest<'_>) -> Option<(Option<String>, Vec<u8>)> {
    device.agent.close(&mut device.session);
    assert!(!matches!(device.invoke(Command::RequestPolicyCheck, &[]), Reply::Nothing));
    let received = device.process(&signed_query_request(request));
    match received.message() {
        Message::QueryResponse(response) => {
            assert_eq!(response.token, None, "REQ-TEEP-060");
            assert!(response.tc_list.is_some(), "REQ-TEEP-064");
            let attestation = response.attestation.expect("REQ-TEEP-061");
            Some((attestation.format.map(str::to_owned), attestation.payload.to_vec()))
        }
        Message::Error(error) => {
            assert_eq!(error.err_code, ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS);
            assert_eq!(error.supported_freshness_mechanisms, Some(vec![0]), "REQ-TEEP-090");
            assert_eq!(received.outcome, None, "the TAM may ask for Evidence: nobody has failed yet");
            None
        }
        other => panic!("{}", other.name()),
    }
}

/// REQ-TEEP-061, 063, 075, 108.
#[test]
fn an_attestation_result_is_kept_and_shown() {
    let (mut device, passport) = with_passport();
    for mechanisms in [None, Some(vec![1]), Some(vec![0]), Some(vec![7, 1])] {
        assert_eq!(shown(&mut device, passport_request(mechanisms)), Some((None, passport.clone())));
    }
    // And after a restart.
    let mut device = Device::start_with(device.env.clone(), &config().encode());
    assert_eq!(shown(&mut device, passport_request(Some(vec![1]))), Some((None, passport)));
}

#[test]
fn without_one_the_tam_is_told_to_send_a_challenge() {
    let mut device = device();
    for mechanisms in [None, Some(vec![1]), Some(vec![0])] {
        assert_eq!(shown(&mut device, passport_request(mechanisms)), None);
    }
    let request = QueryRequest { challenge: Some(b"a challenge of 24 bytes."), ..passport_request(None) };
    let (format, payload) = shown(&mut device, request).expect("Evidence");
    let evidence = AttestationPayload { format: format.as_deref(), payload: &payload };
    assert_eq!(evidence.kind(PROFILE.uri), AttestationKind::Evidence, "REQ-TEEP-063");
}

/// REQ-TEEP-131: what is fresh by time does not answer a nonce.
#[test]
fn a_challenge_is_answered_with_evidence_also_by_a_device_with_a_passport() {
    let (mut device, passport) = with_passport();
    let request = QueryRequest { challenge: Some(b"a challenge of 24 bytes."), ..passport_request(None) };
    let (format, payload) = shown(&mut device, request).expect("Evidence");
    assert!(format.is_some() && payload != passport);
}

#[test]
fn a_newer_one_takes_the_place_of_the_one_before_and_leaves_nothing_behind() {
    let (mut device, _) = with_passport();
    let objects = device.objects();
    let newer = result(&verifier(), &device, 101);
    let received = device.say(&bringing(&newer, None), &[]);
    assert!(received.outcome.expect("an outcome").text.contains("an Attestation Result kept"));
    assert_eq!(device.objects(), objects);
    assert_eq!(shown(&mut device, passport_request(None)), Some((None, newer.clone())));
    let operations = device.env.operations();
    assert_eq!(device.say(&bringing(&newer, None), &[]).code(), 0);
    assert_eq!(device.env.operations(), operations, "what is there already is not written again");
}

/// One in another format, or by a Verifier that the Agent does not know, is for others to judge.
#[test]
fn what_the_agent_cannot_judge_it_keeps_as_it_is() {
    let mut device = device();
    let strange = result(&key(99), &device, 1);
    let teep = eat_media_type(PROFILE.uri);
    for (payload, format) in
        [(&b"anything"[..], Some(OTHER_FORMAT)), (&strange, None), (&strange, Some(teep.as_str()))]
    {
        assert_eq!(device.say(&bringing(payload, format), &[]).code(), 0);
        let kept = Some((format.map(str::to_owned), payload.to_vec()));
        assert_eq!(shown(&mut device, passport_request(None)), kept);
    }
}

#[test]
fn a_passport_is_encrypted_to_the_tam_whose_key_is_known() {
    let secret = AgreementSecret::from_scalar(&[21; 32]).expect("a scalar");
    let mut config = config();
    config.trust.tams[0].report_key = Some(secret.public_key().clone());
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let passport = result(&verifier(), &device, 1);
    device.say(&bringing(&passport, None), &[]);
    let (format, payload) = shown(&mut device, passport_request(None)).expect("a passport");
    Signatures::decode(&payload).expect_err("it is encrypted");
    let opened = eat::open(&payload, &[RecipientKey::Agreement(secret)]).expect("for the TAM");
    assert_eq!((format, opened.into_owned()), (None, passport), "REQ-TEEP-071");
    // What is no EAT stays as it is: its format says what it is.
    let mut device = Device::start_with(MemoryEnv::new([8; 32]), &config.encode());
    device.say(&bringing(b"anything", Some(OTHER_FORMAT)), &[]);
    let kept = Some((Some(OTHER_FORMAT.to_owned()), b"anything".to_vec()));
    assert_eq!(shown(&mut device, passport_request(None)), kept);
}

/// The Error of a device that does not take `payload`, and keeps what it has.
fn refused(payload: impl FnOnce(&Device) -> Vec<u8>, why: &str) {
    let (mut device, passport) = with_passport();
    let payload = payload(&device);
    let envelope = envelope(1);
    let attestation = Some(AttestationPayload { format: None, payload: &payload });
    let update = Update { attestation, manifest_list: vec![&envelope], ..Update::default() };
    let received = device.say(&order(&tam_key(), update), &[]);
    assert_eq!(received.code(), ErrCode::PERMANENT_ERROR.number());
    let text = received.outcome.expect("an outcome").text;
    assert!(text.contains(why), "{text}");
    assert_eq!(device.installed(), (None, None), "nothing of the Update is carried out");
    assert_eq!(shown(&mut device, passport_request(None)), Some((None, passport)));
}

#[test]
fn attack_passport_of_another_device() {
    let other = |_: &Device| {
        let other = Device::start_with(MemoryEnv::new([8; 32]), &config().encode());
        result(&verifier(), &other, 200)
    };
    refused(other, "not this device's");
}

/// An Update that comes again must not put an older one back. What else it says is carried out.
#[test]
fn attack_older_passport_brought_again() {
    let (mut device, passport) = with_passport();
    let older = result(&verifier(), &device, 99);
    let envelope = envelope(1);
    let attestation = Some(AttestationPayload { format: None, payload: &older });
    let update = Update { attestation, manifest_list: vec![&envelope], ..Update::default() };
    assert_eq!(device.say(&order(&tam_key(), update), &[]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(shown(&mut device, passport_request(None)), Some((None, passport)));
}

/// A TAM cannot take away what another one gave, if that counts for more.
#[test]
fn attack_garbage_in_place_of_a_good_passport() {
    let (mut device, passport) = with_passport();
    let strange = result(&key(99), &device, 200);
    for (payload, format) in [(&b"x"[..], None), (&b"x"[..], Some(OTHER_FORMAT)), (&strange, None)] {
        let attestation = Some(AttestationPayload { format, payload });
        let update = Update { attestation, ..Update::default() };
        assert_eq!(device.other_tam_says(&order(&other_tam_key(), update)).code(), 0);
        assert_eq!(shown(&mut device, passport_request(None)), Some((None, passport.clone())));
    }
}

#[test]
fn attack_passport_without_an_end() {
    refused(|_| vec![0; 4097], "more than 4096 bytes");
    let mut device = device();
    let (largest, one_more) = (vec![0; 4096 - 5], vec![0; 4096 - 4]);
    assert_eq!(device.say(&bringing(&largest, None), &[]).code(), 0);
    assert_eq!(device.say(&bringing(&one_more, None), &[]).code(), ErrCode::PERMANENT_ERROR.number());
}

/// Where there is a clock that Linux cannot set.
#[test]
fn a_passport_that_has_expired_is_neither_taken_nor_shown() {
    let (mut device, _) = with_passport();
    device.env.set_trusted_time(Some(4_102_444_799));
    assert!(shown(&mut device, passport_request(None)).is_some());
    device.env.set_trusted_time(Some(4_102_444_800));
    assert_eq!(shown(&mut device, passport_request(None)), None);
    let newer = result(&verifier(), &device, 101);
    assert_eq!(device.say(&bringing(&newer, None), &[]).code(), ErrCode::PERMANENT_ERROR.number());
}

/// REQ-TEEP-070: nothing is shown to a stranger, nor to a TAM for which nobody vouched yet.
#[test]
fn attack_stranger_asks_for_the_passport() {
    let (mut device, _) = with_passport();
    device.invoke(Command::RequestPolicyCheck, &[]);
    let request = encoded(&Message::QueryRequest(passport_request(None)));
    let received = device.process(&sign1(&key(99), &request).expect("signs"));
    assert_eq!(received.code(), ErrCode::BAD_CERTIFICATE.number());
    let mut demanding = config();
    demanding.trust.tams[0].attestation_required = true;
    let mut device = Device::start_with(device.env.clone(), &demanding.encode());
    device.invoke(Command::RequestPolicyCheck, &[]);
    let received = device.process(&signed_query_request(passport_request(None)));
    assert_eq!(received.code(), ErrCode::ATTESTATION_REQUIRED.number());
}

#[test]
fn storage_that_lost_the_passport_is_no_harm() {
    let (device, _) = with_passport();
    for name in device.env.object_names().iter().filter(|name| *name != "state") {
        device.env.tamper(name, None);
    }
    let mut device = Device::start_with(device.env.clone(), &config().encode());
    assert_eq!(shown(&mut device, passport_request(None)), None);
    let newer = result(&verifier(), &device, 1);
    assert_eq!(device.say(&bringing(&newer, None), &[]).code(), 0);
    assert_eq!(shown(&mut device, passport_request(None)), Some((None, newer)));
}

/// The passport is the one before or the new one, and nothing of the other stays.
#[test]
fn power_cut_while_a_passport_is_replaced() {
    for operations in 0.. {
        let (mut device, old) = with_passport();
        let new = result(&verifier(), &device, 101);
        let objects = device.objects();
        device.env.cut_power_after(operations);
        let message = bringing(&new, None);
        device.agent.close(&mut device.session);
        device.invoke(Command::RequestPolicyCheck, &[]);
        let finished = device.invoke(Command::ProcessTeepMessage, &message);
        let was_cut =
            !matches!(&finished, Reply::Send { outcome: Some(outcome), .. } if outcome.err_code == 0);
        device.env.restore_power();
        let mut device = Device::start_with(device.env.clone(), &config().encode());
        let (_, kept) = shown(&mut device, passport_request(None)).expect("there is one");
        assert!(kept == old && was_cut || kept == new, "after {operations}");
        assert_eq!(device.objects(), objects, "after {operations}");
        if !was_cut {
            assert!(operations > 1);
            return;
        }
    }
}

#[test]
fn attack_older_passport_of_another_verifier() {
    let mut config = config();
    config.trust.verifiers.push(key(21).public_key().into());
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let newer = result(&verifier(), &device, 200);
    let older = result(&key(21), &device, 100);
    assert_eq!(device.say(&bringing(&newer, None), &[]).code(), 0);
    device.say(&bringing(&older, None), &[]);
    let shown = shown(&mut device, passport_request(None));
    assert_eq!(shown, Some((None, newer)), "displaced by an older one");
}
