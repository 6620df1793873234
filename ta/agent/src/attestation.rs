// SPDX-License-Identifier: Apache-2.0
//! Attestation in both directions: Evidence about this device for a TAM (draft section 5), and Attestation Results
//! about a TAM (section 7.2.1.1).

use crate::agent::{Agent, Failed};
use crate::config::TamAnchor;
use crate::conversation::{Answer, SUPPORTED};
use crate::env::Env;
use crate::keys;
use crate::report::{Protection, content_algorithm, randomly};
use crate::session::Session;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::cose::{EncryptTo, KeyWrap, Signatures, Thumbprint};
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

/// Evidence, ready to be sent.
pub(crate) struct Evidence {
    format: String,
    payload: Vec<u8>,
}

impl Evidence {
    /// As it stands in a message: always with a format, without which it would pass for an Attestation Result
    /// (REQ-TEEP-063).
    pub(crate) fn payload(&self) -> AttestationPayload<'_> {
        AttestationPayload { format: Some(&self.format), payload: &self.payload }
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
    /// A Verifier vouched for the TAM, which signs with this key.
    Attested(Thumbprint),
}

impl<E: Env> Agent<E> {
    /// Evidence in answer to `request` (REQ-TEEP-061). The inner error is why there is none, for the TAM.
    pub(crate) fn evidence(
        &mut self,
        tam: &TamAnchor,
        protection: Protection,
        request: &QueryRequest<'_>,
    ) -> Result<Result<Evidence, &'static str>, Failed> {
        if self.config.attestation.is_none() {
            return Ok(Err("this Agent has no attestation to offer"));
        }
        if request.challenge.is_some_and(|challenge| challenge.len() > MAX_NONCE) {
            return Ok(Err("a challenge of more than 64 bytes fits into no eat_nonce"));
        }
        let message_key = self.signing_key()?.public_key().thumbprint();
        let Self { env, config, .. } = self;
        let Some(device) = &config.attestation else { return Err("there are no claims".to_owned()) };
        let key = keys::attestation_key(env).map_err(unmade)?;
        let ueid = [&[UEID_RANDOM][..], &key.public_key().thumbprint().0].concat();
        let measured = env.measurement().map_err(unmade)?;
        let profile = config.eat_profile.as_profile();
        let mut claims = device.claims(&config.eat_profile).map_err(unmade)?;
        claims.nonce = request.challenge;
        claims.confirmation = Some(Confirmation::kid(&message_key));
        claims.ueid = Some(&ueid);
        claims.measurements = measured.iter().map(Measurement::sha256).collect();
        let format = claims.eat_profile.map_or_else(|| EAT_CWT.to_owned(), eat_media_type);
        let mut payload = eat::sign(&claims, &profile, &key).map_err(unmade)?;
        if let Some(recipient) = &tam.report_key {
            let to = [EncryptTo::Agreement(recipient, KeyWrap::A128Kw)];
            let content = content_algorithm(protection);
            let encrypted =
                randomly(env, |random| eat::encrypt(&payload, content, &to, random)).map_err(unmade)?;
            payload = encrypted.map_err(unmade)?;
        }
        Ok(Ok(Evidence { format, payload }))
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
            return match self.appraise(tam, payload, &challenge, bytes) {
                Ok(key) => {
                    session.tam_attestation = TamAttestation::Attested(key);
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
        let error = *SUPPORTED.attestation_required(request, Some(&challenge));
        Answer::intermediate(tam.dialect, error).map(Some)
    }

    /// The key of the TAM that a Verifier vouches for in answer to `challenge` (REQ-TEEP-124).
    fn appraise(
        &self,
        tam: &TamAnchor,
        payload: &AttestationPayload<'_>,
        challenge: &[u8],
        bytes: &[u8],
    ) -> Result<Thumbprint, String> {
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
            // The Agent trusts no clock: the nonce says that the result is fresh.
            now: None,
        };
        let mut problem = "no key of the TAM signed the request".to_owned();
        // The request may be signed by several keys of the TAM. It is bound to one of them.
        for key in &tam.keys {
            let Ok(signed) = signatures.verify([key]) else { continue };
            match eat::verify(payload.payload, &self.config.verifiers, &expected(signed.signer())) {
                Ok(_) => return Ok(signed.signer()),
                Err(error) => problem = format!("the TAM's Attestation Result does not count: {error}"),
            }
        }
        Err(problem)
    }

    /// The Error for an Update of a TAM that has to be attested, and is not or signed with another key; `None` if
    /// it may be carried out.
    pub(crate) fn unattested_update(
        tam: &TamAnchor,
        session: &Session,
        update: &Update<'_>,
        signer: Thumbprint,
    ) -> Result<Option<Answer>, Failed> {
        let attested = matches!(session.tam_attestation, TamAttestation::Attested(key) if key == signer);
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
