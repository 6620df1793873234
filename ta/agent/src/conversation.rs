// SPDX-License-Identifier: Apache-2.0
//! What the Agent answers to a message from a TAM (draft-ietf-teep-protocol-26 section 7.2).

use crate::agent::{Agent, Failed};
use crate::config::{Suite, TamAnchor, TrustStore};
use crate::env::{Env, accepted_now};
use crate::report::profiles;
use crate::session::Session;
use crate::store::{Hash, hash};
use crate::update::{Order, Progress};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use teep_proto::cose::{Accept, Algorithm, Signatures, Verified, sign1};
use teep_proto::teec::{Outcome, Reply};
use teep_proto::teep::labels::freshness;
use teep_proto::teep::{
    Dialect, ErrCode, ErrorMessage, Message, QueryResponse, Supported, VERSION, diagnostic_text,
};
use teep_proto::{Error, Kind};

/// What an Agent of this suite has to offer a TAM; with a passport also attestation that is fresh until it expires.
pub(crate) const fn supported(suite: Suite, has_passport: bool) -> Supported<'static> {
    Supported {
        versions: &[VERSION],
        algorithms: match suite {
            Suite::Esp256 => &[Algorithm::Esp256],
            Suite::Ed25519 => &[Algorithm::Ed25519],
        },
        freshness_mechanisms: match has_passport {
            true => &[freshness::TIMESTAMP, freshness::NONCE],
            false => &[freshness::NONCE],
        },
        suit_cose_profiles: profiles(suite),
    }
}

/// The answer to a message: what is sent, in the dialect of the TAM it is for, and what is told to the person at
/// the Broker.
pub(crate) struct Answer {
    payload: Vec<u8>,
    outcome: Option<Outcome>,
}

impl Answer {
    pub(crate) fn new(dialect: Dialect, message: &Message<'_>, outcome: Outcome) -> Result<Self, Failed> {
        Ok(Self { payload: encode(dialect, message)?, outcome: Some(outcome) })
    }

    pub(crate) fn error(dialect: Dialect, message: ErrorMessage<'_>, text: &str) -> Result<Self, Failed> {
        let outcome = Outcome { err_code: message.err_code.number(), text: text.to_owned() };
        Self::new(dialect, &Message::Error(message), outcome)
    }

    /// A QueryResponse, of which nothing needs to be told to anybody.
    pub(crate) fn query_response(dialect: Dialect, response: QueryResponse<'_>) -> Result<Self, Failed> {
        Ok(Self { payload: encode(dialect, &Message::QueryResponse(response))?, outcome: None })
    }

    /// An Error in the middle of a conversation, of which nothing needs to be told to anybody.
    pub(crate) fn intermediate(dialect: Dialect, message: ErrorMessage<'_>) -> Result<Self, Failed> {
        Ok(Self { payload: encode(dialect, &Message::Error(message))?, outcome: None })
    }
}

fn encode(dialect: Dialect, message: &Message<'_>) -> Result<Vec<u8>, Failed> {
    message.encode_in(dialect).map_err(|error| format!("{} cannot be encoded: {error}", message.name()))
}

impl<E: Env> Agent<E> {
    /// Validates a TAM's message and answers it; an invalid one with an Error (REQ-TEEP-093). `None` while an Update,
    /// of which `progress` was made, waits for a payload.
    pub(crate) fn answer(
        &mut self,
        session: &mut Session,
        bytes: &[u8],
        progress: &mut Progress,
    ) -> Result<Option<Reply>, Failed> {
        // What cannot be answered is not to be carried out.
        self.signing_key()?;
        let trust = self.trust()?;
        let uri = session.tam.as_deref();
        let uri =
            uri.ok_or("there is no conversation in this session: start with a request or policy check")?;
        let tam = trust.tam(uri).ok_or_else(|| format!("the TAM {uri} is not trusted any more"))?;
        let answer = match verify(&trust, tam, bytes, accepted_now(&mut self.env)) {
            Ok((message, payload)) => match message.get() {
                Message::QueryRequest(request) => {
                    self.answer_query_request(&trust, tam, session, request, bytes)?
                }
                // The suites are of COSE_Sign1. A COSE_Sign by two keys would be two Updates, one for each of them.
                Message::Update(update)
                    if message.algorithm() != self.config.suite.algorithm()
                        || !Signatures::decode(bytes).is_ok_and(|signatures| signatures.is_sign1()) =>
                {
                    let text = "an Update signed in another cipher suite than the Agent's (REQ-TEEP-026)";
                    self.count_error(&trust, &text)?;
                    let error = ErrorMessage::new(update.token, ErrCode::PERMANENT_ERROR, Some(text));
                    Answer::error(tam.dialect, error, text)?
                }
                Message::Update(update) => {
                    match Self::unattested_update(&trust, tam, session, update, message.key())? {
                        Some(refusal) => {
                            self.count_error(&trust, &"a TAM that was not attested sent an Update")?;
                            refusal
                        }
                        None => {
                            let order = Order { tam, update, payload, message: bytes };
                            let answer = self.answer_update(session, &order, progress)?;
                            let Some(answer) = answer else { return Ok(None) };
                            answer
                        }
                    }
                }
                Message::QueryResponse(_) | Message::Success(_) | Message::Error(_) => {
                    let text = "a TAM sends QueryRequest and Update only";
                    self.count_error(&trust, &text)?;
                    let error = ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, Some(text));
                    Answer::error(tam.dialect, error, text)?
                }
            },
            Err(error) => {
                self.count_error(&trust, &error)?;
                self.env.log(format_args!("message refused: {error}"));
                refuse_message(self.config.suite, tam.dialect, bytes, &error)?
            }
        };
        if let Some(outcome) = &answer.outcome {
            self.contacts.ended(&tam.uri, outcome.err_code);
        }
        if let (Some(requested), Some(state)) = (&session.requested, &self.state)
            && state.has(requested)
        {
            self.requests.forget(requested);
        }
        self.sign(tam, answer).map(Some)
    }

    /// What the Broker is to send `tam`.
    pub(crate) fn sign(&mut self, tam: &TamAnchor, answer: Answer) -> Result<Reply, Failed> {
        let message = sign1(self.signing_key()?, &answer.payload).map_err(|error| format!("{error}"))?;
        Ok(Reply::Send { tam_uri: tam.uri.clone(), message, outcome: answer.outcome })
    }

    /// Counts an Error to a message that is invalid, or an Update that counts for nothing, for the reason `why`: of them so
    /// many are sent and no more, lest anybody who can write to the Agent has it sign without end (AMB-07, REQ-TEEP-152).
    /// The answers to a valid QueryRequest are not counted, be they QueryResponses or Errors: a TAM has to learn in either
    /// case what it asked for (REQ-TEEP-090).
    ///
    /// # Errors
    /// When this one is not to be sent.
    pub(crate) fn count_error(&mut self, trust: &TrustStore, why: &dyn fmt::Display) -> Result<(), Failed> {
        const MINUTE: u64 = 60;
        let (limit, now) = (trust.policy.errors_per_minute.into(), self.env.uptime());
        match self.errors.check(limit, MINUTE, now) {
            Ok(()) => {
                self.errors.count(limit, MINUTE, now);
                Ok(())
            }
            Err(_) if limit == 0 => Err(format!("the TAM's message was dropped without an answer: {why}")),
            Err(wait) => Err(format!(
                "the TAM's message was dropped without an answer: {why}; the Agent sends the next Error of this kind \
                 in {wait} seconds"
            )),
        }
    }
}

/// Checks signature, then form, of a message in a conversation with `tam`. With it comes the hash of who signed and
/// what, by which the message is known when it comes again.
pub(crate) fn verify<'b>(
    trust: &TrustStore,
    tam: &TamAnchor,
    bytes: &'b [u8],
    accept: Accept,
) -> Result<(Verified<Message<'b>>, Hash), Error> {
    let payload = Signatures::decode(bytes)?.verify_with(&tam.keys, accept)?;
    if trust.is_no_tams(payload.key()) {
        let what = "a message signed with the key of a signer or a Verifier";
        return Err(Error { kind: Kind::Unauthenticated, what, offset: 0, path: Vec::new() });
    }
    let known_by = hash(&[payload.signer().0, hash(payload.get())].concat());
    Ok((Message::decode_in(tam.dialect, payload)?, known_by))
}

/// The Error for a message that could not be accepted. As a rule it has no token: nothing in such a message is
/// one yet (AMB-07).
fn refuse_message(suite: Suite, dialect: Dialect, bytes: &[u8], error: &Error) -> Result<Answer, Failed> {
    let text = format!("{error}");
    let err_msg = diagnostic_text(&text);
    let refusal = match error.kind {
        Kind::Unauthenticated | Kind::UnsupportedAlgorithm => {
            let claimed = Signatures::decode(bytes).ok().and_then(|signatures| signatures.claimed_payload());
            *supported(suite, false).unverified(dialect, claimed)
        }
        Kind::BadCertificate => ErrorMessage::new(None, ErrCode::BAD_CERTIFICATE, None),
        Kind::CertificateExpired => ErrorMessage::new(None, ErrCode::CERTIFICATE_EXPIRED, None),
        _ => ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, None),
    };
    Answer::error(dialect, ErrorMessage { err_msg: err_msg.as_deref(), ..refusal }, &text)
}
