// SPDX-License-Identifier: Apache-2.0
//! Certificates as trust anchors of TAMs, signers and Verifiers, and below them.

#[path = "../../../../proto/tests/common/certificate.rs"]
pub(crate) mod certificate;
mod roles;

use crate::SUITE;
use crate::attestation::{challenge, result};
use crate::author::*;
use crate::passport::passport_request;
use crate::support::*;
use certificate::{Content, NOT_AFTER, NOT_BEFORE};
use teep_agent::config::{Config, SignerAnchor, TrustStore};
use teep_proto::cose::{Certificate, SigningKey, TrustAnchor, sign1};
use teep_proto::suit::{ComponentId, Reason, text};
use teep_proto::teec::{Command, Reply, TaRequest, Validity};
use teep_proto::teep::{AttestationPayload, ErrCode, Message, QueryRequest, Update};
use teep_sim::MemoryEnv;

/// CAs of TAMs, of signers and of Verifiers.
const TAM_CA: &str = "TAM CA";
const SIGNER_CA: &str = "Signer CA";
const VERIFIER_CA: &str = "Verifier CA";

fn ca_key(name: &str) -> SigningKey {
    key([TAM_CA, SIGNER_CA, VERIFIER_CA].iter().position(|ca| *ca == name).expect("a CA") as u8 + 0x70)
}

fn ca(name: &'static str) -> Certificate {
    Content::ca(name, name, &ca_key(name), None).issue(&ca_key(name))
}

fn anchor(certificate: Certificate) -> TrustAnchor {
    TrustAnchor::new(certificate).expect("an anchor")
}

/// Key `n` of the Agent's suite, with a certificate of a CA in between, whose certificate is of `name`.
fn below(name: &'static str, n: u8) -> SigningKey {
    let (leaf, issuing) = (key_of(SUITE, n), key(0x7f));
    let certificates = [
        Content::leaf("Leaf", "Issuing", &leaf).issue(&issuing),
        Content::ca("Issuing", name, &issuing, Some(0)).issue(&ca_key(name)),
    ];
    leaf.with_certificates(&certificates).expect("its own")
}

/// The first TAM and a signer are known by their CAs, and so are Verifiers.
fn configuration_of_cas() -> Config {
    let mut config = configuration();
    config.trust.tams[0].keys = vec![anchor(ca(TAM_CA))];
    let signer = SignerAnchor::new(anchor(ca(SIGNER_CA)), vec![ComponentId::encode(&["TEEP-Device"])]);
    config.trust.signers.push(signer);
    config.trust.verifiers = vec![anchor(ca(VERIFIER_CA))];
    config
}

fn device_with(config: &Config) -> Device {
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    device.request_ta(None);
    device
}

/// What becomes of an Update with one manifest, at `now`.
fn updated_at(config: &Config, tam: &SigningKey, author: Author, now: Option<u64>) -> (Device, Received) {
    let mut device = device_with(config);
    device.env.set_trusted_time(now);
    let received = device.process(&update(tam, &[author.envelope()]));
    (device, received)
}

fn updated(config: &Config, tam: &SigningKey, author: Author) -> (Device, Received) {
    updated_at(config, tam, author, None)
}

/// An Update by `tam` is refused with `code`, by an Error that gives nothing away (AMB-07).
fn refused(config: &Config, tam: &SigningKey, now: Option<u64>, code: ErrCode) -> String {
    let (mut device, received) = updated_at(config, tam, Author::new(1), now);
    assert_eq!((received.code(), received.token()), (code.number(), None), "{:?}", received.outcome);
    assert_eq!(device.installed(), (None, None));
    let Message::Error(error) = received.message() else { panic!("no Error") };
    assert!(error.suit_reports.is_empty());
    error.err_msg.expect("it says why").to_owned()
}

#[test]
fn configuration_with_certificates_round_trips() {
    let config = configuration_of_cas();
    assert_eq!(Config::decode(&config.encode()), Ok(config.clone()));
    assert_eq!(TrustStore::decode(&config.trust.encode()), Ok(config.trust));
}

/// REQ-ARCH-007
#[test]
fn attack_one_key_in_two_roles_in_a_certificate() {
    let mut config = configuration_of_cas();
    // The same key in a certificate of another form.
    let again = Content::leaf("Signer", "Signer", &ca_key(TAM_CA)).issue(&ca_key(TAM_CA));
    for key in [anchor(again), ca_key(TAM_CA).public_key().into()] {
        config.trust.signers[0].key = key;
        assert_eq!(Config::decode(&config.encode()).expect_err("two roles").what, "a key in one role only");
    }
    config.trust.signers[0].key = ca_key(SIGNER_CA).public_key().into();
    assert_eq!(Config::decode(&config.encode()).expect_err("twice").what, "each signer once");
}

/// REQ-TEEP-154, REQ-TEEP-155
#[test]
fn tam_with_a_self_signed_certificate_counts_while_it_is_valid() {
    let mut config = configuration();
    let certificate = Content::leaf("TAM", "TAM", &tam_key()).issue(&tam_key());
    config.trust.tams[0].keys = vec![anchor(certificate)];
    for now in [None, Some(NOT_BEFORE), Some(NOT_AFTER)] {
        let (mut device, received) = updated_at(&config, &tam_key(), Author::new(1), now);
        assert_eq!(received.code(), 0, "{:?}", received.outcome);
        assert_eq!(device.installed(), (Some(1), Some(1)));
    }
    for now in [0, NOT_BEFORE - 1, NOT_AFTER + 1, u64::MAX] {
        let why = refused(&config, &tam_key(), Some(now), ErrCode::CERTIFICATE_EXPIRED);
        assert!(why.starts_with("certificate not valid now"), "{why}");
    }
    // Who has not the key is not told what it is about.
    let why = refused(&config, &key(99), Some(0), ErrCode::BAD_CERTIFICATE);
    assert_eq!(why, "not authenticated: no signature by a trusted key");
}

/// REQ-ARCH-006, REQ-ARCH-032
#[test]
fn tam_below_a_ca_is_answered_and_obeyed() {
    let config = configuration_of_cas();
    let tam = below(TAM_CA, 0x21);
    let mut device = device_with(&config);
    let request = encoded(&Message::QueryRequest(query_request()));
    let answer = device.process(&sign1(&tam, &request).expect("signs"));
    assert!(matches!(answer.message(), Message::QueryResponse(_)), "{:?}", answer.outcome);
    let received = device.process(&update(&tam, &[envelope(1)]));
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    // Another key of that CA is the same TAM.
    let (mut device, _) = updated(&config, &below(TAM_CA, 0x22), Author::new(1));
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn expired_certificate_below_a_ca_is_refused_where_there_is_a_clock() {
    let config = configuration_of_cas();
    let tam = below(TAM_CA, 0x21);
    for now in [NOT_BEFORE - 1, NOT_AFTER + 1] {
        refused(&config, &tam, Some(now), ErrCode::CERTIFICATE_EXPIRED);
    }
    for now in [None, Some(NOT_BEFORE)] {
        let (_, received) = updated_at(&config, &tam, Author::new(1), now);
        assert_eq!(received.code(), 0);
    }
    // Time passes in the middle of a conversation.
    let mut device = device_with(&config);
    device.env.set_trusted_time(Some(NOT_AFTER - 1));
    assert_eq!(device.process(&update(&tam, &[envelope(1)])).code(), 0);
    device.env.pass(2);
    let received = device.process(&update(&tam, &[envelope(2)]));
    assert_eq!(received.code(), ErrCode::CERTIFICATE_EXPIRED.number());
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn attack_bad_chains_of_a_tam() {
    let config = configuration_of_cas();
    let unknown = "not authenticated: no signature by a trusted key";
    let refused = |tam: &SigningKey| refused(&config, tam, Some(NOT_BEFORE), ErrCode::BAD_CERTIFICATE);
    assert_eq!(refused(&key_of(SUITE, 0x21)), unknown, "without its certificates");
    assert_eq!(refused(&below(SIGNER_CA, 0x21)), unknown, "below the CA of another role");
    // A CA's name is not its key.
    let (mallory, leaf) = (key(0x66), key_of(SUITE, 0x21));
    let forged = Content::leaf("Leaf", TAM_CA, &leaf).issue(&mallory);
    assert_eq!(refused(&leaf.clone().with_certificates(&[forged]).expect("its own")), unknown);
    let only = Content::leaf("Leaf", "Issuing", &leaf).issue(&key(0x7f));
    assert_eq!(refused(&leaf.clone().with_certificates(&[only]).expect("its own")), unknown, "a gap");
    // The CA itself is no TAM, whatever it signs.
    assert!(refused(&ca_key(TAM_CA)).contains("digitalSignature"));
    let itself =
        Content::leaf("Leaf", TAM_CA, &leaf).with_usage(certificate::KEY_CERT_SIGN).issue(&ca_key(TAM_CA));
    leaf.with_certificates(&[itself]).expect_err("a key that may sign no messages");
}

#[test]
fn attack_tam_of_a_ca_in_the_conversation_of_another_tam() {
    let mut device = device_with(&configuration_of_cas());
    let received = device.other_tam_says(&update(&below(TAM_CA, 0x21), &[envelope(1)]));
    assert_eq!((received.code(), received.token()), (ErrCode::BAD_CERTIFICATE.number(), None));
    assert_eq!(device.installed(), (None, None));
}

/// REQ-ARCH-006
#[test]
fn signer_below_a_ca_has_the_rights_of_its_ca() {
    let config = configuration_of_cas();
    let signed = |n| Author { key: below(SIGNER_CA, n), ..Author::new(1) };
    let tam = below(TAM_CA, 0x21);
    let (mut device, received) = updated(&config, &tam, signed(0x31));
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    // The next version may be signed by another key of that CA.
    let next = Author { key: below(SIGNER_CA, 0x32), ..Author::new(2) };
    assert_eq!(device.process(&update(&tam, &[next.envelope()])).code(), 0);

    let mut narrow = config.clone();
    narrow.trust.signers.last_mut().expect("a signer").prefixes = vec![ComponentId::encode(&["Elsewhere"])];
    let (mut device, received) = updated(&narrow, &tam, signed(0x31));
    assert_eq!(received.refusal(), (11, Reason::ComponentUnauthorised));
    assert_eq!(device.installed(), (None, None));
    let mut without_commands = config;
    without_commands.trust.signers.last_mut().expect("a signer").commands = Some(vec![]);
    let (_, received) = updated(&without_commands, &tam, signed(0x31));
    assert_eq!(received.refusal(), (11, Reason::ComponentUnauthorised));
}

#[test]
fn manifest_with_a_certificate_that_is_not_valid_is_refused_where_there_is_a_clock() {
    let mut config = configuration_of_cas();
    config.trust.tams[0].keys = vec![tam_key().public_key().into()];
    let signed = || Author { key: below(SIGNER_CA, 0x31), ..Author::new(1) };
    for now in [NOT_BEFORE - 1, NOT_AFTER + 1] {
        let (mut device, received) = updated_at(&config, &tam_key(), signed(), Some(now));
        assert_eq!(received.refusal(), (11, Reason::Unauthenticated));
        assert!(
            received.outcome.as_ref().is_some_and(|o| o.text.contains("certificate")),
            "{:?}",
            received.outcome
        );
        assert_eq!(device.installed(), (None, None));
    }
    for now in [None, Some(NOT_BEFORE)] {
        assert_eq!(updated_at(&config, &tam_key(), signed(), now).1.code(), 0);
    }
}

#[test]
fn attack_bad_chains_of_a_signer() {
    let mut config = configuration_of_cas();
    config.trust.tams[0].keys = vec![tam_key().public_key().into(), anchor(ca(TAM_CA))];
    let leaf = key(0x31);
    let stranger = Content::leaf("Leaf", "Leaf", &leaf).issue(&leaf);
    for key in [
        leaf.clone(),
        leaf.with_certificates(&[stranger]).expect("its own"),
        below(TAM_CA, 0x31),
        below(VERIFIER_CA, 0x31),
        ca_key(SIGNER_CA),
    ] {
        let (mut device, received) = updated(&config, &tam_key(), Author { key, ..Author::new(1) });
        assert_eq!(received.refusal(), (11, Reason::Unauthenticated));
        assert_eq!(device.installed(), (None, None));
    }
}

/// The manifest of a dependency that is installed was judged when it came.
#[test]
fn installed_dependency_counts_after_its_certificate_expired() {
    let mut config = configuration_of_cas();
    config.trust.tams[0].keys = vec![tam_key().public_key().into()];
    let dependency = Author { key: below(SIGNER_CA, 0x31), ..Author::new(1) }.envelope();
    let app = |name: &'static str| {
        let mut author = DataAuthor::new(name, Data::Clear(b"settings"));
        author.key = clear_signer_key();
        author.needing(Needed::ta(TA, "#ta", &dependency)).envelope()
    };
    let mut device = device_with(&config);
    device.env.set_trusted_time(Some(NOT_AFTER + 1));
    let received = device.process(&update(&tam_key(), &[app("app")]));
    assert_eq!(received.refusal(), (11, Reason::Unauthenticated), "it comes too late");
    device.env.set_trusted_time(Some(NOT_AFTER));
    assert_eq!(device.process(&update(&tam_key(), &[app("app")])).code(), 0);
    device.env.pass(1000);
    let received = device.process(&update(&tam_key(), &[app("other")]));
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    // And it can be removed with those that need it.
    let ids = ["app.suit", "other.suit"].map(name);
    assert_eq!(device.process(&unneeded(&tam_key(), &ids)).code(), 0);
    assert_eq!(device.installed(), (None, None));
}

/// A QueryRequest with an Attestation Result, signed by `key`.
fn with_result_by(key: &SigningKey, payload: &[u8]) -> Vec<u8> {
    let attestation = Some(AttestationPayload { format: None, payload });
    let request = QueryRequest { attestation, ..query_request() };
    sign1(key, &encoded(&Message::QueryRequest(request))).expect("signs")
}

/// The Attestation Result is about the key that signs, not about its CA.
#[test]
fn attested_is_one_key_below_the_ca() {
    let mut config = configuration_of_cas();
    config.trust.tams[0].attestation_required = true;
    let (tam, other, verifier) = (below(TAM_CA, 0x21), below(TAM_CA, 0x22), below(VERIFIER_CA, 0x41));
    let request = encoded(&Message::QueryRequest(query_request()));
    let request = sign1(&tam, &request).expect("signs");
    for (subject, now, counts) in [
        (&tam, None, true),
        (&tam, Some(NOT_BEFORE), true),
        (&other, None, false),
        (&ca_key(TAM_CA), None, false),
    ] {
        let mut device = device_with(&config);
        device.env.set_trusted_time(now);
        let nonce = challenge(&device.process(&request));
        let payload = result(&verifier, subject, Some(&nonce));
        let answer = device.process(&with_result_by(&tam, &payload));
        assert_eq!(matches!(answer.message(), Message::QueryResponse(_)), counts, "{:?}", answer.outcome);
        if counts {
            let received = device.process(&update(&other, &[envelope(1)]));
            assert_eq!(received.code(), ErrCode::ATTESTATION_REQUIRED.number(), "by another key of that CA");
            assert_eq!(device.process(&update(&tam, &[envelope(1)])).code(), 0);
        }
    }
    let mut device = device_with(&config);
    let nonce = challenge(&device.process(&request));
    let payload = result(&below(SIGNER_CA, 0x41), &tam, Some(&nonce));
    let answer = device.process(&with_result_by(&tam, &payload));
    assert_eq!(answer.code(), ErrCode::PERMANENT_ERROR.number(), "no Verifier");
}

#[test]
fn revoked_ca_takes_all_below_it_along() {
    let config = configuration_of_cas();
    let tam = below(TAM_CA, 0x21);
    let mut device = device_with(&config);
    let signed = |n| Author { key: below(SIGNER_CA, 0x31), ..Author::new(n) }.envelope();
    assert_eq!(device.process(&update(&tam, &[signed(1)])).code(), 0);

    let mut store = TrustStore { sequence_number: 1, ..config.trust };
    store.signers.pop();
    assert_eq!(device.process(&update(&tam, &[trust_envelope(&store)])).code(), 0);
    assert_eq!(device.process(&update(&tam, &[signed(2)])).refusal(), (11, Reason::Unauthenticated));
    assert_eq!(device.installed(), (Some(1), Some(1)), "what is installed stays until it is removed");

    store.sequence_number = 2;
    store.tams[0].keys = vec![tam_key().public_key().into()];
    assert_eq!(device.process(&update(&tam, &[trust_envelope(&store)])).code(), 0);
    let received = device.process(&update(&tam, &[envelope(3)]));
    assert_eq!(received.code(), ErrCode::BAD_CERTIFICATE.number());
    assert_eq!(device.process(&update(&tam_key(), &[envelope(3)])).code(), 0);
}

/// What `teep-broker status` shows of the trust store.
#[test]
fn validity_of_certificates_is_told() {
    let mut device = device_with(&configuration_of_cas());
    let trust = device.stored().trust;
    let validity = Some(Validity { not_before: NOT_BEFORE, not_after: NOT_AFTER });
    let told = [&trust.tams[0].keys[0], &trust.signers.last().expect("a signer").key, &trust.verifiers[0]];
    for (told, name) in told.into_iter().zip([TAM_CA, SIGNER_CA, VERIFIER_CA]) {
        assert_eq!(told.thumbprint, ca_key(name).public_key().thumbprint());
        assert_eq!(told.certificate, validity);
    }
    assert_eq!(trust.tams[1].keys[0].certificate, None, "a raw key");
}

/// REQ-TEEP-073: condition (c), "the key is cached and not expired".
#[test]
fn no_unsolicited_query_response_after_the_certificate_of_the_tam_expired() {
    let tam = below(TAM_CA, 0x21);
    let mut device = device_with(&configuration_of_cas());
    device.env.set_trusted_time(Some(NOT_AFTER));
    let passport = Some(AttestationPayload { format: Some("text/plain"), payload: b"whatever" });
    let update = Update { attestation: passport, ..Update::default() };
    assert_eq!(device.process(&order(&tam, update)).code(), 0);
    let request = encoded(&Message::QueryRequest(passport_request(Some(vec![1]))));
    let answer = device.process(&sign1(&tam, &request).expect("signs"));
    assert!(matches!(answer.message(), Message::QueryResponse(_)), "{:?}", answer.outcome);
    device.agent.close(&mut device.session);
    let request = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None }.encode();
    assert!(matches!(device.invoke(Command::RequestTa, &request), Reply::Send { .. }));
    device.agent.close(&mut device.session);
    device.env.pass(1);
    assert!(matches!(device.invoke(Command::RequestTa, &request), Reply::Connect { .. }));
}

/// REQ-TEEP-073, condition c: what was remembered of the TAM counts as long as its certificates do.
#[test]
fn no_unsolicited_query_response_to_a_tam_whose_certificate_has_expired() {
    let mut device = device_with(&configuration_of_cas());
    let tam = below(TAM_CA, 0x21);
    let attestation = Some(AttestationPayload { format: Some("application/x"), payload: b"for others" });
    let message = order(&tam, Update { attestation, ..Update::default() });
    assert_eq!(device.process(&message).code(), 0);
    device.env.set_trusted_time(Some(NOT_BEFORE));
    let request = encoded(&Message::QueryRequest(passport_request(None)));
    let received = device.process(&sign1(&tam, &request).expect("signs"));
    assert!(matches!(received.message(), Message::QueryResponse(_)));
    for (now, speaks_first) in [(NOT_AFTER, true), (NOT_AFTER + 1, false)] {
        device.env.set_trusted_time(Some(now));
        let reply = device.request_ta_of([0xee; 16], None);
        assert_eq!(matches!(reply, Reply::Send { .. }), speaks_first, "{reply:?}");
    }
}
