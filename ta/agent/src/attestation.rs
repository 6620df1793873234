// SPDX-License-Identifier: Apache-2.0
//! Attestation in both directions: Evidence about this device for a TAM (draft section 5), and Attestation Results
//! about a TAM (section 7.2.1.1).

use crate::agent::{Agent, Failed};
use crate::config::{TamAnchor, TrustStore};
use crate::conversation::{Answer, supported};
use crate::env::{Env, accepted_now};
use crate::keys;
use crate::passport::Passport;
use crate::report::{Protection, content_algorithm, randomly};
use crate::session::Session;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::cose::{Accept, EncryptTo, KeyWrap, Signatures, Thumbprint, TrustAnchor};
use teep_proto::eat::{self, Confirmation, Expected, Measurement};
use teep_proto::teep::labels::freshness;
use teep_proto::teep::{
    AttestationKind, AttestationPayload, EAT_CWT, ErrCode, ErrorMessage, QueryRequest, Update,
    diagnostic_text, eat_media_type,
};

/// ueid: a type byte that says "random" (RFC 9711 section 4.2.1.1), and as many bytes as a thumbprint has.
const UEID_RANDOM: u8 = 1;
/// Bytes of the challenge for a TAM.
const CHALLENGE: usize = 32;
/// Bytes of the challenge that eat_nonce has room for.
const MAX_NONCE: usize = 64;

/// Evidence or a passport, ready to be sent.
pub(crate) struct DeviceAttestation {
    /// Evidence always has one, without which it would pass for an Attestation Result (REQ-TEEP-063).
    format: Option<String>,
    payload: Vec<u8>,
}

impl DeviceAttestation {
    /// As it stands in a message.
    pub(crate) fn payload(&self) -> AttestationPayload<'_> {
        AttestationPayload { format: self.format.as_deref(), payload: &self.payload }
    }
}

/// Where a conversation stands with the attestation of its TAM.
#[derive(Debug, Default)]
pub(crate) enum TamAttestation {
    /// Nobody has vouched for the TAM.
    #[default]
    Missing,
    /// It was asked for, with this challenge, which counts once.
    Challenged([u8; CHALLENGE]),
    /// A Verifier vouched for the TAM.
    Attested {
        /// With which the TAM signs.
        key: Thumbprint,
        /// By its anchor. Its word counts as long as it is trusted.
        verifier: Thumbprint,
    },
}

impl<E: Env> Agent<E> {
    /// What attests this device in answer to `request` (REQ-TEEP-061): the `passport` if it is asked for and there is one,
    /// else Evidence. The inner error is the Error for the TAM.
    pub(crate) fn attest(
        &mut self,
        tam: &TamAnchor,
        protection: Protection,
        request: &QueryRequest<'_>,
        passport: Option<Passport>,
    ) -> Result<Result<DeviceAttestation, Answer>, Failed> {
        if let Some(passport) = passport {
            return self.show(tam, protection, passport).map(Ok);
        }
        let refused = |text: &str| {
            let error = ErrorMessage::new(request.token, ErrCode::PERMANENT_ERROR, Some(text));
            Answer::error(tam.dialect, error, text).map(Err)
        };
        if self.config.attestation.is_none() {
            return refused("this Agent has no attestation to offer");
        }
        let Some(challenge) = request.challenge else {
            // With the nonce mechanism, but no nonce: nothing could make Evidence fresh (REQ-TEEP-131).
            let text = "there is no Attestation Result to show, and Evidence needs a challenge";
            let code = ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS;
            let error = ErrorMessage {
                supported_freshness_mechanisms: Some([freshness::NONCE].to_vec()),
                ..ErrorMessage::new(request.token, code, Some(text))
            };
            return Answer::intermediate(tam.dialect, error).map(Err);
        };
        if challenge.len() > MAX_NONCE {
            return refused("a challenge of more than 64 bytes fits into no eat_nonce");
        }
        self.evidence(tam, protection, challenge).map(Ok)
    }

    /// The `passport` for `tam`, encrypted if its key is known (REQ-TEEP-071).
    pub(crate) fn show(
        &mut self,
        tam: &TamAnchor,
        protection: Protection,
        passport: Passport,
    ) -> Result<DeviceAttestation, Failed> {
        let Passport { format, payload } = passport;
        // What is encrypted already, or is no EAT, is not this Agent's to wrap.
        let is_plain = AttestationPayload { format: format.as_deref(), payload: &payload }.is_eat()
            && Signatures::decode(&payload).is_ok();
        let payload = if is_plain { self.encrypted(tam, protection, payload)? } else { payload };
        Ok(DeviceAttestation { format, payload })
    }

    /// `token` for `tam`, encrypted if its key is known.
    fn encrypted(
        &mut self,
        tam: &TamAnchor,
        protection: Protection,
        token: Vec<u8>,
    ) -> Result<Vec<u8>, Failed> {
        let Some(recipient) = &tam.report_key else { return Ok(token) };
        let to = [EncryptTo::Agreement(recipient, KeyWrap::A128Kw)];
        let content = content_algorithm(protection);
        let encrypted = randomly(&mut self.env, |random| eat::encrypt(&token, content, &to, random));
        encrypted.map_err(unmade)?.map_err(unmade)
    }

    /// Evidence with this challenge.
    fn evidence(
        &mut self,
        tam: &TamAnchor,
        protection: Protection,
        challenge: &[u8],
    ) -> Result<DeviceAttestation, Failed> {
        let message_key = self.signing_key()?.public_key().thumbprint();
        let Self { env, config, .. } = self;
        let Some(device) = &config.attestation else { return Err("there are no claims".to_owned()) };
        let key = keys::attestation_key(env, config.suite).map_err(unmade)?;
        let ueid = [&[UEID_RANDOM][..], &key.public_key().thumbprint().0].concat();
        let measured = env.measurement().map_err(unmade)?;
        let profile = config.eat_profile.as_profile();
        let mut claims = device.claims(&config.eat_profile).map_err(unmade)?;
        claims.nonce = Some(challenge);
        claims.confirmation = Some(Confirmation::kid(&message_key));
        claims.ueid = Some(&ueid);
        claims.measurements =
            measured.iter().flat_map(|it| [&it.agent, &it.tee]).map(Measurement::sha256).collect();
        let format = claims.eat_profile.map_or_else(|| EAT_CWT.to_owned(), eat_media_type);
        let token = eat::sign(&claims, &profile, &key).map_err(unmade)?;
        Ok(DeviceAttestation { format: Some(format), payload: self.encrypted(tam, protection, token)? })
    }

    /// The Error for a QueryRequest of a TAM that has to be attested and is not; `None` if nothing stands against
    /// answering it (draft section 7.2.1, steps d and e). `bytes` are the request with its signatures.
    pub(crate) fn unattested(
        &mut self,
        tam: &TamAnchor,
        session: &mut Session,
        request: &QueryRequest<'_>,
        bytes: &[u8],
    ) -> Result<Option<Answer>, Failed> {
        if !tam.attestation_required {
            return Ok(None);
        }
        let state = core::mem::take(&mut session.tam_attestation);
        if let (TamAttestation::Challenged(challenge), Some(payload)) = (state, &request.attestation) {
            let trust = self.trust()?;
            let accept = accepted_now(&mut self.env);
            return match self.appraise(&trust.verifiers, tam, payload, &challenge, bytes, accept) {
                Ok(attested) => {
                    session.tam_attestation = attested;
                    Ok(None)
                }
                // Not code 7, which has to be answered with the next request: the two would go on for ever.
                Err(problem) => {
                    self.env.log(format_args!("{problem}"));
                    let err_msg = diagnostic_text(&problem);
                    let error =
                        ErrorMessage::new(request.token, ErrCode::PERMANENT_ERROR, err_msg.as_deref());
                    Answer::error(tam.dialect, error, &problem).map(Some)
                }
            };
        }
        let mut challenge = [0; CHALLENGE];
        self.env.random(&mut challenge).map_err(|error| format!("no challenge for the TAM: {error}"))?;
        session.tam_attestation = TamAttestation::Challenged(challenge);
        let error = *supported(self.config.suite, false).attestation_required(request, Some(&challenge));
        Answer::intermediate(tam.dialect, error).map(Some)
    }

    /// The key of the TAM that a Verifier vouches for in answer to `challenge`, and which one does (REQ-TEEP-124).
    fn appraise(
        &self,
        verifiers: &[TrustAnchor],
        tam: &TamAnchor,
        payload: &AttestationPayload<'_>,
        challenge: &[u8],
        bytes: &[u8],
        accept: Accept,
    ) -> Result<TamAttestation, String> {
        let profile = self.config.eat_profile.as_profile();
        if payload.kind(profile.uri) == AttestationKind::Evidence {
            return Err("the TAM sent Evidence, but this Agent takes Attestation Results only".to_owned());
        }
        let signatures = Signatures::decode(bytes).map_err(|error| format!("{error}"))?;
        let expected = |key| Expected {
            profile,
            eat_profile: Some(profile.uri),
            teep_key: Some(key),
            nonce: Some(challenge),
            // Without a clock that is trusted the nonce says that the result is fresh.
            now: accept.now.and_then(|now| now.try_into().ok()),
        };
        let mut problem = "no key of the TAM signed the request".to_owned();
        // The request may be signed by several keys of the TAM. It is bound to one of them.
        for signed in signatures.verify_each(&tam.keys, accept) {
            match eat::verify(payload.payload, verifiers, &expected(signed.key())) {
                Ok(result) => {
                    return Ok(TamAttestation::Attested { key: signed.key(), verifier: result.signer() });
                }
                Err(error) => problem = format!("the TAM's Attestation Result does not count: {error}"),
            }
        }
        Err(problem)
    }

    /// The Error for an Update of a TAM that has to be attested, and is not, signed with another key, or was by a Verifier
    /// that `trust` has no more; `None` if it may be carried out.
    pub(crate) fn unattested_update(
        trust: &TrustStore,
        tam: &TamAnchor,
        session: &Session,
        update: &Update<'_>,
        key: Thumbprint,
    ) -> Result<Option<Answer>, Failed> {
        let is_trusted =
            |verifier: Thumbprint| trust.verifiers.iter().any(|anchor| anchor.thumbprint() == verifier);
        let attested = matches!(session.tam_attestation,
            TamAttestation::Attested { key: known, verifier } if known == key && is_trusted(verifier));
        if attested || !tam.attestation_required {
            return Ok(None);
        }
        let text = "this TAM has to be attested before it is obeyed";
        let error = ErrorMessage {
            supported_freshness_mechanisms: Some([freshness::NONCE].to_vec()),
            ..ErrorMessage::new(update.token, ErrCode::ATTESTATION_REQUIRED, Some(text))
        };
        Answer::error(tam.dialect, error, text).map(Some)
    }
}

fn unmade(error: impl core::fmt::Display) -> Failed {
    format!("Evidence cannot be made: {error}")
}
