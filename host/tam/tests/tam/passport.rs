// SPDX-License-Identifier: Apache-2.0
//! A TAM that believes what a Verifier said of a device before, and one that is such a Verifier.

use crate::world::{Reaction, World, component, having, requesting, success};
use std::time::Duration;
use teep_proto::cose::{
    AgreementSecret, Algorithm, ContentAlgorithm, EncryptTo, KeyWrap, RecipientKey, Signatures, SigningKey,
    Thumbprint,
};
use teep_proto::eat::{self, Claims, Confirmation, Expected, HardwareVersion, ManifestClaim, OemId, Profile};
use teep_proto::suit::Digest;
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{
    AttestationPayload, EAT_CWT, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse, eat_media_type,
};
use teep_suit::keys;
use teep_tam::{Attestation, TamConfig, Verifier};

const PROFILE: Profile<'_> = Profile::DRAFT;
/// In the year 2100.
const FAR: i64 = 4_102_444_800;

fn key(n: u8) -> SigningKey {
    SigningKey::p256_from_scalar(&[n; 32]).unwrap()
}

/// Whom the TAM trusts.
fn verifier() -> SigningKey {
    key(30)
}

/// Signs the Evidence of the enrolled Agent, where it has such a key.
fn attestation_key() -> SigningKey {
    key(31)
}

fn report_secret() -> AgreementSecret {
    AgreementSecret::from_scalar(&[21; 32]).unwrap()
}

fn world(attestation: Attestation) -> World {
    let mut config = TamConfig::generate().unwrap();
    config.attestation = attestation;
    config.report_keys = vec![RecipientKey::Agreement(report_secret())];
    config.verifier = Some(Verifier { key: verifier(), result_lifetime: Verifier::RESULT_LIFETIME });
    let world = World::with(config, Algorithm::Esp256);
    world.store.set_verifiers(vec![key(32).public_key(), verifier().public_key()]);
    world
}

/// With an Agent that can make Evidence, too.
fn attestable(attestation: Attestation) -> World {
    let world = world(attestation);
    world.store.enrol_attestation_key(agent(&world), attestation_key().public_key());
    world
}

fn agent(world: &World) -> Thumbprint {
    world.agent.public_key().thumbprint()
}

fn claims(agent: &Thumbprint) -> Claims<'_> {
    Claims {
        confirmation: Some(Confirmation::kid(agent)),
        ueid: Some(b"\x01a device"),
        oemid: Some(OemId::Pen(32473)),
        hardware_model: Some(b"board"),
        hardware_version: Some(HardwareVersion { version: "1", scheme: None }),
        manifests: vec![ManifestClaim::SuitReference { uri: "urn:x", digest: Digest::of(b"tee") }],
        ..Claims::default()
    }
}

/// What a Verifier says of `agent` until `expiration`.
fn passport(verifier: &SigningKey, agent: &Thumbprint, expiration: Option<i64>) -> Vec<u8> {
    let claims = Claims { expiration, eat_profile: Some(PROFILE.uri), ..claims(agent) };
    eat::sign(&claims, &PROFILE, verifier).unwrap()
}

fn evidence(agent: &Thumbprint, nonce: &[u8]) -> Vec<u8> {
    let claims = Claims { nonce: Some(nonce), ..claims(agent) };
    eat::sign(&claims, &PROFILE, &attestation_key()).unwrap()
}

/// The QueryRequest in `bytes`.
fn request<T>(world: &World, bytes: &[u8], look: impl FnOnce(&QueryRequest<'_>) -> T) -> T {
    let payload = Signatures::decode(bytes).unwrap().verify(&world.tam_keys).unwrap();
    let message = Message::decode_in(world.dialect, payload).unwrap().into_inner();
    let Message::QueryRequest(request) = message else { panic!("a QueryRequest, not {}", message.name()) };
    look(&request)
}

/// The challenge that the TAM answers with, and nothing else.
fn challenge(world: &World, reaction: &Reaction) -> Vec<u8> {
    let bytes = reaction.answer.as_ref().unwrap().as_ref().expect("a QueryRequest");
    request(world, bytes, |request| request.challenge.expect("a challenge").to_vec())
}

/// The Agent wants its component and shows `payload`.
fn show(world: &World, format: Option<&str>, payload: &[u8]) -> Reaction {
    let component = component();
    let Message::QueryResponse(response) = requesting(b"x", &component) else { panic!("a QueryResponse") };
    let attestation = Some(AttestationPayload { format, payload });
    world.send(&Message::QueryResponse(QueryResponse { token: None, attestation, ..response }))
}

fn served(world: &World, reaction: &Reaction) -> Vec<u8> {
    reaction.update(world, |update| {
        assert_eq!(update.manifest_list, [world.offer(1).envelope]);
        update.token.unwrap().to_vec()
    })
}

/// The device is told why it gets nothing.
fn told(world: &World, reaction: &Reaction, why: &str) {
    assert!(reaction.dropped.as_ref().is_some_and(|line| line.contains(why)), "{:?}", reaction.events);
    reaction.update(world, |update| {
        assert_eq!(update.err_code, Some(ErrCode::ATTESTATION_REQUIRED), "REQ-TEEP-107");
        assert!(update.err_msg.unwrap().contains(why), "{:?}", update.err_msg);
        assert!(update.manifest_list.is_empty() && update.unneeded_manifest_list.is_empty());
        assert!(update.attestation.is_none());
    });
}

/// What does not count gets nothing from a TAM that could not check Evidence, and a challenge from one that can.
fn refused(forge: impl Fn(&World) -> Vec<u8>, why: &str) {
    let world = world(Attestation::Passport);
    told(&world, &show(&world, None, &forge(&world)), why);
    let world = attestable(Attestation::Passport);
    let reaction = show(&world, None, &forge(&world));
    assert!(reaction.dropped.as_ref().is_some_and(|line| line.contains(why)), "{:?}", reaction.events);
    challenge(&world, &reaction);
}

/// REQ-TEEP-041, 043, 106.
#[test]
fn a_passport_is_asked_for_without_a_challenge_and_believed() {
    let world = world(Attestation::Passport);
    request(&world, &world.tam.process_connect().unwrap(), |request| {
        assert_eq!((request.token, request.challenge), (None, None), "REQ-TEEP-041, 043");
        assert_eq!(request.supported_freshness_mechanisms.as_deref(), Some(&[1][..]), "AMB-03");
        let asked = data_item::ATTESTATION | data_item::TRUSTED_COMPONENTS | data_item::SUIT_REPORTS;
        assert_eq!(request.data_item_requested, asked);
    });
    let shown = passport(&verifier(), &agent(&world), Some(FAR));
    let token = served(&world, &show(&world, None, &shown));
    assert!(world.send(&success(Some(&token), &[])).is_settled());
    served(&world, &show(&world, Some(&eat_media_type(PROFILE.uri)), &shown));
}

#[test]
fn an_encrypted_passport_is_opened_with_the_tams_key() {
    let world = world(Attestation::Passport);
    let secret = report_secret();
    let to = [EncryptTo::Agreement(secret.public_key(), KeyWrap::A128Kw)];
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(9);
        Ok(())
    };
    let shown = passport(&verifier(), &agent(&world), Some(FAR));
    let shown = eat::encrypt(&shown, ContentAlgorithm::A128Gcm, &to, &mut random).unwrap();
    served(&world, &show(&world, None, &shown));
}

/// REQ-TEEP-073: nothing was sent to this Agent before.
#[test]
fn an_unsolicited_query_response_is_answered() {
    let world = world(Attestation::Passport);
    served(&world, &show(&world, None, &passport(&verifier(), &agent(&world), Some(FAR))));
}

#[test]
fn attack_unsolicited_query_response_to_a_tam_that_uses_tokens() {
    let world = world(Attestation::Off);
    assert!(show(&world, None, &passport(&verifier(), &agent(&world), Some(FAR))).is_dropped());
}

#[test]
fn attack_unsolicited_query_response_to_a_tam_that_uses_challenges() {
    let world = attestable(Attestation::Required);
    let shown = show(&world, None, &passport(&verifier(), &agent(&world), Some(FAR)));
    told(&world, &shown, "appraises Evidence only");
}

/// Its lists are only hints (AMB-03): the Update is what it would be now, it has a token of its own each time, and the
/// Agent, which knows what it has, installs nothing over something newer.
#[test]
fn attack_replayed_unsolicited_query_response() {
    let world = world(Attestation::Passport);
    let component = component();
    let shown = passport(&verifier(), &agent(&world), Some(FAR));
    let Message::QueryResponse(response) = having(b"x", &component, 1) else { panic!("a QueryResponse") };
    let attestation = Some(AttestationPayload { format: None, payload: &shown });
    let old = Message::QueryResponse(QueryResponse { token: None, attestation, ..response });
    assert!(world.send(&old).is_settled(), "it has what there is");
    world.store.set_offers(vec![world.offer(2)]);
    let tokens = [(); 2].map(|()| {
        world.send(&old).update(&world, |update| {
            assert_eq!(update.manifest_list, [world.offer(2).envelope]);
            update.token.unwrap().to_vec()
        })
    });
    assert_ne!(tokens[0], tokens[1], "REQ-TEEP-046");
    for token in tokens {
        assert!(world.send(&success(Some(&token), &[])).is_settled());
    }
}

#[test]
fn attack_passport_of_another_device() {
    refused(|_| passport(&verifier(), &Thumbprint([5; 32]), Some(FAR)), "REQ-TEEP-106");
    let other = |world: &World| {
        let other = keys::generate(Algorithm::Esp256).unwrap().public_key();
        world.store.enrol(other.clone());
        passport(&verifier(), &other.thumbprint(), Some(FAR))
    };
    refused(other, "REQ-TEEP-106");
}

#[test]
fn attack_passport_that_has_expired() {
    refused(|world| passport(&verifier(), &agent(world), Some(1_700_000_000)), "has not expired");
}

#[test]
fn attack_passport_that_never_expires() {
    refused(|world| passport(&verifier(), &agent(world), None), "never expires");
}

#[test]
fn attack_passport_by_nobody_trusted() {
    for n in [40, 31] {
        refused(|world| passport(&key(n), &agent(world), Some(FAR)), "trusted key");
    }
    refused(|world| passport(&world.agent, &agent(world), Some(FAR)), "trusted key");
    let world = world(Attestation::Passport);
    world.store.set_verifiers(Vec::new());
    let shown = show(&world, None, &passport(&verifier(), &agent(&world), Some(FAR)));
    told(&world, &shown, "trusts no Verifier");
}

#[test]
fn attack_evidence_in_place_of_a_passport() {
    let world = attestable(Attestation::Passport);
    // As what it is it answers a challenge, or nothing.
    assert!(show(&world, Some(EAT_CWT), &evidence(&agent(&world), b"a nonce of its own")).is_dropped());
    let token = eat::sign(&claims(&agent(&world)), &PROFILE, &attestation_key()).unwrap();
    told(&world, &show(&world, Some(EAT_CWT), &token), "no eat_nonce");
    // And it is none that a Verifier signed.
    refused(|world| evidence(&agent(world), b"a nonce of its own"), "trusted key");
}

#[test]
fn attack_query_response_without_a_passport_or_with_a_token() {
    let world = world(Attestation::Passport);
    let component = component();
    let Message::QueryResponse(response) = requesting(b"some token", &component) else {
        panic!("a QueryResponse")
    };
    let bare = world.send(&Message::QueryResponse(QueryResponse { token: None, ..response.clone() }));
    told(&world, &bare, "lacks the attestation payload");
    let shown = passport(&verifier(), &agent(&world), Some(FAR));
    let attestation = Some(AttestationPayload { format: None, payload: &shown });
    let token = world.send(&Message::QueryResponse(QueryResponse { attestation, ..response }));
    token.update(&world, |update| {
        assert_eq!(update.err_code, Some(ErrCode::PERMANENT_ERROR), "REQ-TEEP-060");
        assert!(update.manifest_list.is_empty());
    });
}

/// REQ-TEEP-132: what it can is a nonce.
fn no_passport() -> Message<'static> {
    Message::Error(ErrorMessage {
        supported_freshness_mechanisms: Some(vec![0]),
        ..ErrorMessage::new(None, ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS, None)
    })
}

/// REQ-TEEP-108, 132: background check, after which it has a passport.
#[test]
fn a_device_without_a_passport_is_asked_for_evidence_and_given_one() {
    let world = attestable(Attestation::Passport);
    let nonce = challenge(&world, &world.send(&no_passport()));
    let reaction = show(&world, Some(EAT_CWT), &evidence(&agent(&world), &nonce));
    served(&world, &reaction);
    let shown = reaction.update(&world, |update| {
        let attestation = update.attestation.expect("REQ-TEEP-108");
        assert_eq!(attestation.format, None, "REQ-TEEP-045");
        attestation.payload.to_vec()
    });
    let expected = Expected {
        profile: PROFILE,
        eat_profile: Some(PROFILE.uri),
        teep_key: Some(agent(&world)),
        nonce: None,
        now: None,
    };
    let result = eat::verify(&shown, &[verifier().public_key()], &expected).unwrap().into_inner();
    let lifetime = result.expiration.unwrap() - result.issued_at.unwrap();
    assert_eq!(lifetime, 24 * 60 * 60);
    assert_eq!((result.nonce, result.ueid), (None, Some(&b"\x01a device"[..])));
    served(&world, &show(&world, None, &shown));
}

/// REQ-TEEP-108: also when there is nothing else to say.
#[test]
fn an_update_may_bring_nothing_but_a_passport() {
    let mut config = TamConfig::generate().unwrap();
    config.attestation = Attestation::Required;
    let result_lifetime = Duration::from_secs(60);
    config.verifier = Some(Verifier { key: verifier(), result_lifetime });
    let world = World::with(config, Algorithm::Ed25519);
    world.store.enrol_attestation_key(agent(&world), attestation_key().public_key());
    world.store.set_offers(Vec::new());
    let bytes = world.tam.process_connect().unwrap();
    let nonce = request(&world, &bytes, |request| request.challenge.expect("AMB-17").to_vec());
    let reaction = show(&world, Some(EAT_CWT), &evidence(&agent(&world), &nonce));
    assert!(reaction.events.iter().any(|line| line.ends_with("; with an Attestation Result")));
    let token = reaction.update(&world, |update| {
        assert!(update.manifest_list.is_empty() && update.err_code.is_none());
        assert!(update.attestation.is_some());
        update.token.unwrap().to_vec()
    });
    assert!(world.send(&success(Some(&token), &[])).is_settled());
}

#[test]
fn a_device_with_neither_passport_nor_attestation_key_gets_nothing() {
    let world = world(Attestation::Passport);
    let refused = world.send(&no_passport());
    assert!(refused.is_dropped() && refused.dropped.unwrap().contains("no attestation key is enrolled"));
}

/// Only the one Error says that Evidence could be made; and only a TAM that asks for a passport would have it.
#[test]
fn other_errors_get_no_challenge() {
    let world = attestable(Attestation::Passport);
    for error in [
        ErrorMessage {
            supported_freshness_mechanisms: Some(vec![7]),
            ..ErrorMessage::new(None, ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS, None)
        },
        ErrorMessage {
            supported_freshness_mechanisms: Some(vec![0]),
            ..ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, None)
        },
    ] {
        assert!(world.send(&Message::Error(error)).is_settled());
    }
    assert!(attestable(Attestation::Required).send(&no_passport()).is_settled());
    assert!(attestable(Attestation::Off).send(&no_passport()).is_dropped());
}

/// What anybody can send again must not push out an Update at work.
#[test]
fn attack_replays_of_what_does_not_count_do_not_push_out_an_update() {
    let world = world(Attestation::Passport);
    let token = served(&world, &show(&world, None, &passport(&verifier(), &agent(&world), Some(FAR))));
    for _ in 0..20 {
        let old = passport(&verifier(), &agent(&world), Some(1_700_000_000));
        told(&world, &show(&world, None, &old), "has not expired");
    }
    assert!(world.send(&success(Some(&token), &[])).is_settled());
}
