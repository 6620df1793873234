// SPDX-License-Identifier: Apache-2.0
//! A TAM that wants its devices attested, devices that are, and those that only say so.

use crate::world::{Reaction, World, component, error, requesting, success};
use teep_proto::cose::{
    AgreementSecret, Algorithm, ContentAlgorithm, EncryptTo, KeyWrap, RecipientKey, Signatures, SigningKey,
    Thumbprint,
};
use teep_proto::eat::{
    self, Claims, Confirmation, HardwareVersion, ManifestClaim, Measurement, OemId, Profile,
};
use teep_proto::suit::Digest;
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{
    AttestationPayload, EAT_CWT, ErrCode, ErrorMessage, Message, QueryResponse, eat_media_type,
};
use teep_suit::keys;
use teep_tam::{Attestation, TamConfig};

const PROFILE: Profile<'_> = Profile::DRAFT;
const MEASURED: [u8; 32] = [0xcd; 32];

struct Attesting {
    world: World,
    /// Signs the Evidence of the enrolled Agent.
    attestation_key: SigningKey,
}

/// What a device says of itself.
struct Says {
    signer: SigningKey,
    nonce: Option<Vec<u8>>,
    agent: Thumbprint,
    measured: Option<[u8; 32]>,
    profile: Option<&'static str>,
    format: Option<String>,
}

fn report_secret() -> AgreementSecret {
    AgreementSecret::from_scalar(&[21; 32]).unwrap()
}

impl Attesting {
    fn new() -> Self {
        Self::with(TamConfig::generate().unwrap())
    }

    fn with(mut config: TamConfig) -> Self {
        config.attestation = Attestation::Required;
        config.report_keys = vec![RecipientKey::Agreement(report_secret())];
        let world = World::with(config, Algorithm::Esp256);
        let attestation_key = keys::generate(Algorithm::Esp256).unwrap();
        let agent = world.agent.public_key().thumbprint();
        world.store.enrol_attestation_key(agent, attestation_key.public_key());
        world.store.set_reference_values(vec![[1; 32], MEASURED]);
        Self { world, attestation_key }
    }

    /// A new QueryRequest's challenge.
    fn challenge(&self) -> Vec<u8> {
        let bytes = self.world.tam.process_connect().unwrap();
        let payload = Signatures::decode(&bytes).unwrap().verify(&self.world.tam_keys).unwrap();
        let message = Message::decode_in(self.world.dialect, payload).unwrap().into_inner();
        let Message::QueryRequest(request) = message else { panic!("a QueryRequest") };
        assert_eq!(request.token, None, "REQ-TEEP-041");
        assert_eq!(request.supported_freshness_mechanisms, None, "REQ-TEEP-132: the nonce");
        let asked = data_item::ATTESTATION | data_item::TRUSTED_COMPONENTS | data_item::SUIT_REPORTS;
        assert_eq!(request.data_item_requested, asked, "REQ-TEEP-049");
        request.challenge.expect("AMB-17").to_vec()
    }

    /// An honest device's answer to `nonce`.
    fn honest(&self, nonce: &[u8]) -> Says {
        Says {
            signer: self.attestation_key.clone(),
            nonce: Some(nonce.to_vec()),
            agent: self.world.agent.public_key().thumbprint(),
            measured: Some(MEASURED),
            profile: None,
            format: Some(EAT_CWT.to_owned()),
        }
    }

    fn send(&self, says: &Says) -> Reaction {
        self.present(says.format.as_deref(), &says.token())
    }

    fn present(&self, format: Option<&str>, payload: &[u8]) -> Reaction {
        let component = component();
        let Message::QueryResponse(response) = requesting(b"x", &component) else {
            panic!("a QueryResponse")
        };
        let attestation = Some(AttestationPayload { format, payload });
        self.world.send(&Message::QueryResponse(QueryResponse { token: None, attestation, ..response }))
    }

    /// `forge` spoils what an honest device says. The device is told why it gets nothing.
    fn refused(forge: impl FnOnce(&Self, &mut Says), why: &str) {
        let tam = Self::new();
        let mut says = tam.honest(&tam.challenge());
        forge(&tam, &mut says);
        tam.told(&tam.send(&says), why);
    }

    fn told(&self, reaction: &Reaction, why: &str) {
        assert!(reaction.dropped.as_ref().is_some_and(|line| line.contains(why)), "{:?}", reaction.events);
        reaction.update(&self.world, |update| {
            assert_eq!(update.err_code, Some(ErrCode::ATTESTATION_REQUIRED), "REQ-TEEP-107");
            assert!(update.err_msg.unwrap().contains(why), "{:?}", update.err_msg);
            assert!(update.manifest_list.is_empty() && update.unneeded_manifest_list.is_empty());
        });
    }
}

impl Says {
    fn token(&self) -> Vec<u8> {
        let measured = self.measured.unwrap_or_default();
        let claims = Claims {
            confirmation: Some(Confirmation::kid(&self.agent)),
            nonce: self.nonce.as_deref(),
            ueid: Some(b"\x01a device"),
            oemid: Some(OemId::Pen(32473)),
            hardware_model: Some(b"board"),
            hardware_version: Some(HardwareVersion { version: "1", scheme: None }),
            eat_profile: self.profile,
            manifests: vec![ManifestClaim::SuitReference { uri: "urn:x", digest: Digest::of(b"tee") }],
            measurements: self.measured.map(|_| Measurement::sha256(&measured)).into_iter().collect(),
            ..Claims::default()
        };
        eat::sign(&claims, &PROFILE, &self.signer).unwrap()
    }
}

/// REQ-TEEP-041, 043, 049, 105, 114.
#[test]
fn an_attested_device_gets_its_component() {
    let tam = Attesting::new();
    let reaction = tam.send(&tam.honest(&tam.challenge()));
    let token = reaction.update(&tam.world, |update| {
        assert_eq!(update.manifest_list, [tam.world.offer(1).envelope]);
        update.token.unwrap().to_vec()
    });
    assert!(tam.world.send(&success(Some(&token), &[])).is_settled());
}

#[test]
fn encrypted_evidence_is_opened_with_the_tams_key() {
    let tam = Attesting::new();
    let encrypt_to = |secret: &AgreementSecret| {
        let to = [EncryptTo::Agreement(secret.public_key(), KeyWrap::A128Kw)];
        let token = tam.honest(&tam.challenge()).token();
        let mut random = |bytes: &mut [u8]| {
            bytes.fill(9);
            Ok(())
        };
        eat::encrypt(&token, ContentAlgorithm::A128Gcm, &to, &mut random).unwrap()
    };
    tam.present(Some(EAT_CWT), &encrypt_to(&report_secret()))
        .update(&tam.world, |update| assert_eq!(update.manifest_list.len(), 1));
    let stranger = AgreementSecret::from_scalar(&[22; 32]).unwrap();
    tam.told(&tam.present(Some(EAT_CWT), &encrypt_to(&stranger)), "cannot be opened");
}

#[test]
fn evidence_may_have_a_profile_of_its_own() {
    let tam = Attesting::new();
    let (profile, format) = (Some("urn:board"), Some(eat_media_type("urn:board")));
    let says = Says { profile, format, ..tam.honest(&tam.challenge()) };
    tam.send(&says).update(&tam.world, |update| assert_eq!(update.manifest_list.len(), 1));
}

#[test]
fn without_reference_values_nothing_is_compared() {
    let tam = Attesting::new();
    tam.world.store.set_reference_values(Vec::new());
    for measured in [None, Some([9; 32])] {
        let says = Says { measured, ..tam.honest(&tam.challenge()) };
        tam.send(&says).update(&tam.world, |update| assert_eq!(update.manifest_list.len(), 1));
    }
}

#[test]
fn attack_wrong_or_missing_measurement() {
    Attesting::refused(
        |_, says| says.measured = Some([9; 32]),
        "0909090909090909 is no expected measurement",
    );
    Attesting::refused(|_, says| says.measured = None, "was not measured");
}

#[test]
fn attack_evidence_by_a_key_that_was_not_enrolled() {
    let stranger = |_: &Attesting, says: &mut Says| says.signer = keys::generate(Algorithm::Esp256).unwrap();
    Attesting::refused(stranger, "does not convince");
}

/// The message key signs messages; that it signs Evidence proves nothing of the TEE.
#[test]
fn attack_message_key_used_as_attestation_key() {
    Attesting::refused(|tam, says| says.signer = tam.world.agent.clone(), "does not convince");
}

#[test]
fn attack_evidence_about_another_message_key() {
    Attesting::refused(|_, says| says.agent = Thumbprint([5; 32]), "REQ-TEEP-106");
}

/// Another device is enrolled, too, and made its Evidence for this very challenge.
#[test]
fn attack_evidence_of_another_enrolled_device() {
    let enrolled = |tam: &Attesting| {
        let [other, key] = [(); 2].map(|()| keys::generate(Algorithm::Esp256).unwrap());
        let agent = other.public_key().thumbprint();
        tam.world.store.enrol(other.public_key());
        tam.world.store.enrol_attestation_key(agent, key.public_key());
        (agent, key)
    };
    let whole = |tam: &Attesting, says: &mut Says| (says.agent, says.signer) = enrolled(tam);
    Attesting::refused(whole, "does not convince");
    // Its key vouches for itself only, not for whom it names.
    Attesting::refused(|tam, says| says.signer = enrolled(tam).1, "does not convince");
}

#[test]
fn attack_device_without_attestation_key() {
    let mut tam = Attesting::new();
    tam.world.agent = keys::generate(Algorithm::Esp256).unwrap();
    tam.world.store.enrol(tam.world.agent.public_key());
    tam.told(&tam.send(&tam.honest(&tam.challenge())), "no attestation key is enrolled");
}

/// REQ-TEEP-063, 075: without a format the payload claims to be an Attestation Result, and with that of one it does.
#[test]
fn attack_evidence_that_says_to_be_an_attestation_result() {
    let why = "by its format the payload is an Attestation Result";
    Attesting::refused(|_, says| says.format = None, why);
    Attesting::refused(|_, says| says.format = Some(eat_media_type(PROFILE.uri)), why);
}

#[test]
fn attack_evidence_in_another_profile_than_its_format_says() {
    let why = "its eat_profile is not that of its format";
    Attesting::refused(|_, says| says.profile = Some("urn:board"), why);
    Attesting::refused(|_, says| says.format = Some(eat_media_type("urn:board")), why);
    let inside = |_: &Attesting, says: &mut Says| {
        (says.profile, says.format) = (Some(PROFILE.uri), Some(eat_media_type("urn:board")));
    };
    Attesting::refused(inside, why);
    Attesting::refused(|_, says| says.format = Some("application/x".to_owned()), "none this TAM appraises");
}

#[test]
fn attack_missing_nonce_or_payload() {
    Attesting::refused(|_, says| says.nonce = None, "no eat_nonce");
    let tam = Attesting::new();
    tam.challenge();
    let component = component();
    let Message::QueryResponse(response) = requesting(b"x", &component) else { panic!("a QueryResponse") };
    let bare = tam.world.send(&Message::QueryResponse(QueryResponse { token: None, ..response }));
    tam.told(&bare, "REQ-TEEP-061");
    tam.told(&tam.present(Some(EAT_CWT), b"\x80"), "cannot be opened");
}

/// REQ-TEEP-101, 114: the challenge counts once, and only here. There is no answer: anybody can replay.
#[test]
fn attack_stale_foreign_and_replayed_nonces() {
    let tam = Attesting::new();
    assert!(tam.send(&tam.honest(&[7; 16])).is_dropped(), "nobody's nonce");
    let foreign = Attesting::new().challenge();
    assert!(tam.send(&tam.honest(&foreign)).is_dropped(), "another TAM's challenge");
    let says = tam.honest(&tam.challenge());
    tam.send(&says).update(&tam.world, |_| ());
    let replayed = tam.send(&says);
    assert!(replayed.is_dropped() && replayed.dropped.unwrap().contains("was answered already"));
    let update = tam.send(&tam.honest(&tam.challenge())).update(&tam.world, |u| u.token.unwrap().to_vec());
    assert!(tam.send(&tam.honest(&update)).is_dropped(), "the token of an Update is no challenge");
}

#[test]
fn attack_evidence_that_comes_too_late() {
    let mut config = TamConfig::generate().unwrap();
    config.token_lifetime = std::time::Duration::ZERO;
    let tam = Attesting::with(config);
    let late = tam.send(&tam.honest(&tam.challenge()));
    assert!(late.is_dropped() && late.dropped.unwrap().contains("expired"));
}

/// A message with a token answers no request of this TAM, even if its Evidence is perfect.
#[test]
fn attack_challenge_in_place_of_a_token() {
    let tam = Attesting::new();
    let challenge = tam.challenge();
    let (component, evidence) = (component(), tam.honest(&challenge).token());
    let Message::QueryResponse(response) = requesting(&challenge, &component) else {
        panic!("a QueryResponse")
    };
    let attestation = Some(AttestationPayload { format: Some(EAT_CWT), payload: &evidence });
    let response = QueryResponse { attestation, ..response };
    tam.world.send(&Message::QueryResponse(response)).update(&tam.world, |update| {
        assert_eq!(update.err_code, Some(ErrCode::PERMANENT_ERROR), "REQ-TEEP-060");
        assert!(update.manifest_list.is_empty());
    });
}

/// What answers no request can be replayed as often as anybody likes: it must not push out an Update at work.
#[test]
fn attack_replays_do_not_push_out_an_update() {
    let tam = Attesting::new();
    let token = tam.send(&tam.honest(&tam.challenge())).update(&tam.world, |u| u.token.unwrap().to_vec());
    for _ in 0..20 {
        tam.told(&tam.present(Some(EAT_CWT), b"\x80"), "cannot be opened");
    }
    assert!(tam.world.send(&success(Some(&token), &[])).is_settled());
}

/// REQ-TEEP-113: it settles nothing.
#[test]
fn an_error_without_token_ends_no_update() {
    let tam = Attesting::new();
    let token = tam.send(&tam.honest(&tam.challenge())).update(&tam.world, |u| u.token.unwrap().to_vec());
    assert!(tam.world.send(&error(None, ErrCode::PERMANENT_ERROR)).is_settled());
    assert!(
        tam.world.send(&success(Some(&token), &[])).is_settled(),
        "the Update still waited for its answer"
    );
}

#[test]
fn a_tam_that_does_not_ask_ignores_evidence() {
    let world = World::new();
    let token = world.query();
    let component = component();
    let Message::QueryResponse(response) = requesting(&token, &component) else { panic!("a QueryResponse") };
    let attestation = Some(AttestationPayload { format: Some(EAT_CWT), payload: b"\x80" });
    world
        .send(&Message::QueryResponse(QueryResponse { attestation, ..response }))
        .update(&world, |update| assert_eq!(update.manifest_list.len(), 1));
}

/// REQ-TEEP-045, 110: an Agent that wants the TAM attested is asked again, with what was brought for its challenge.
#[test]
fn a_tam_is_attested_to_an_agent_that_wants_it() {
    let voucher = |challenge: &[u8], key: Thumbprint| Some([challenge, &key.0].concat());
    let config = TamConfig::generate().unwrap();
    let world = World::with_tam(config, Algorithm::Esp256, |tam| tam.attested_by(voucher));
    let token = world.query();
    let wanted = ErrorMessage {
        challenge: Some(b"a challenge"),
        ..ErrorMessage::new(Some(&token), ErrCode::ATTESTATION_REQUIRED, None)
    };
    let wanted = Message::Error(wanted);
    let reaction = world.send(&wanted);
    let answer = reaction.answer.unwrap().expect("REQ-TEEP-110");
    let payload = Signatures::decode(&answer).unwrap().verify(&world.tam_keys[..1]).unwrap();
    let signer = payload.signer();
    let Message::QueryRequest(request) = Message::decode(payload).unwrap().into_inner() else {
        panic!("no request")
    };
    let attestation = request.attestation.expect("an Attestation Result");
    assert_eq!(attestation.format, None, "REQ-TEEP-045");
    assert_eq!(attestation.payload, [b"a challenge", &signer.0[..]].concat());
    assert_ne!(request.token, Some(&token[..]), "REQ-TEEP-046");
    world.send(&requesting(request.token.unwrap(), &component())).update(&world, |_| ());
    assert!(world.send(&wanted).is_dropped(), "REQ-TEEP-101: the token was used");
}

#[test]
fn a_tam_for_which_nobody_vouches_says_so() {
    let world = World::new();
    let refused = world.send(&error(Some(&world.query()), ErrCode::ATTESTATION_REQUIRED));
    assert!(refused.is_dropped() && refused.dropped.unwrap().contains("nobody vouches for it"));
}
