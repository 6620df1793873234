// SPDX-License-Identifier: Apache-2.0
//! What the Agent answers to a message from a TAM (draft-ietf-teep-protocol-26 section 7.2).

use crate::agent::{Agent, Failed};
use crate::config::TamAnchor;
use crate::env::{Env, EnvError};
use crate::processor::Failure;
use crate::session::Session;
use crate::update::{self, Processed, Refusal};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::cose::{Algorithm, Signatures, Verified, sign1};
use teep_proto::suit::{ComponentId, Reason, SystemPropertyClaims};
use teep_proto::teec::{AGENT_UUID, Outcome, Reply};
use teep_proto::teep::labels::{data_item, freshness};
use teep_proto::teep::{
    Dialect, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse, RequestedTc, Success, Supported,
    Update, VERSION, diagnostic_text,
};
use teep_proto::{Error, Kind};

/// What this Agent has to offer a TAM. Its SUIT Reports are bare, so it needs no profile for them.
const SUPPORTED: Supported<'_> = Supported {
    versions: &[VERSION],
    algorithms: &[Algorithm::Esp256],
    freshness_mechanisms: &[freshness::NONCE],
    suit_cose_profiles: &[],
};

/// The answer to a message: what is sent, and what is told to the person at the Broker.
struct Answer {
    payload: Vec<u8>,
    outcome: Option<Outcome>,
}

impl Answer {
    fn error(message: ErrorMessage<'_>, text: &str) -> Self {
        let outcome = Some(Outcome { err_code: message.err_code.number(), text: text.to_owned() });
        Self { payload: Message::Error(message).encode(), outcome }
    }
}

impl<E: Env> Agent<E> {
    /// Validates a TAM's message and answers it; an invalid one with an Error (REQ-TEEP-093).
    pub(crate) fn process_teep_message(
        &mut self,
        session: &mut Session,
        bytes: &[u8],
    ) -> Result<Reply, Failed> {
        let tam = session.tam.and_then(|tam| self.config.tams.get(tam)).cloned();
        let tam =
            tam.ok_or("there is no conversation in this session: start with a request or policy check")?;
        let answer = match verify(&tam, bytes) {
            Ok(message) => match message.get() {
                Message::QueryRequest(request) => self.answer_query_request(session, request)?,
                Message::Update(update) => self.answer_update(update)?,
                Message::QueryResponse(_) | Message::Success(_) | Message::Error(_) => {
                    let text = "a TAM sends QueryRequest and Update only";
                    Answer::error(ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, Some(text)), text)
                }
            },
            Err(error) => {
                self.env.log(format_args!("message refused: {error}"));
                refuse_message(bytes, &error)
            }
        };
        let message = sign1(self.signing_key()?, &answer.payload).map_err(|error| format!("{error}"))?;
        Ok(Reply::Send { tam_uri: tam.uri, message, outcome: answer.outcome })
    }

    fn answer_query_request(
        &mut self,
        session: &Session,
        request: &QueryRequest<'_>,
    ) -> Result<Answer, Failed> {
        if let Err(error) = SUPPORTED.negotiate(request) {
            let text = format!("nothing in common with the TAM: {}", error.err_code);
            return Ok(Answer::error(*error, &text));
        }
        if request.requests(data_item::ATTESTATION) {
            let text = "this Agent has no attestation to offer";
            let error = ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, Some(text));
            return Ok(Answer::error(error, text));
        }
        let own_id =
            ComponentId::encode(&[&b"TEEP-Device"[..], &b"SecureFS"[..], &AGENT_UUID[..], &b"ta"[..]]);
        let state = self.state()?;
        let mut response = QueryResponse { token: request.token, ..QueryResponse::default() };
        if request.requests(data_item::TRUSTED_COMPONENTS) {
            // The Agent lists itself, so that the list is never empty (AMB-04).
            let installed =
                state.manifests.iter().map(|record| (&record.component_id, state.certain_digest(record)));
            let claims = installed
                .chain([(&own_id, None)])
                .map(|(id, digest)| ComponentId::decode(id).map(|id| SystemPropertyClaims::new(id, digest)));
            response.tc_list = Some(claims.collect::<Result<_, _>>().map_err(|e| format!("{e}"))?);
        }
        if request.requests(data_item::EXTENSIONS) {
            response.ext_list = Some(Vec::new());
        }
        // What is installed by now is wanted no more (REQ-TEEP-074).
        if let Some(id) = session.requested.as_ref().filter(|id| state.owner(id).is_none()) {
            let component_id = ComponentId::decode(id).map_err(|e| format!("{e}"))?;
            response.requested_tc_list.push(RequestedTc {
                component_id,
                tc_manifest_sequence_number: None,
                have_binary: None,
            });
        }
        if let Some(id) = &session.unneeded {
            response.unneeded_manifest_list.push(ComponentId::decode(id).map_err(|e| format!("{e}"))?);
        }
        Ok(Answer { payload: Message::QueryResponse(response).encode(), outcome: None })
    }

    /// Unlinks, then installs in order, and stops at the first failure (REQ-TEEP-080 to 083, AMB-20).
    fn answer_update(&mut self, update: &Update<'_>) -> Result<Answer, Failed> {
        if let Some(code) = update.err_code
            && update.unneeded_manifest_list.is_empty()
            && update.manifest_list.is_empty()
        {
            return Ok(receipt(update, code));
        }
        let mut state = self.take_state()?;
        let mut done = Done::default();
        for id in &update.unneeded_manifest_list {
            // What is not installed is unneeded already (suit.md 9.5 rule 9).
            if state.manifest(id.as_bytes()).is_some() {
                let text = "this OP-TEE offers no way to remove a Trusted Application";
                done.refusal = Some(Failure::early(Reason::OperationFailed, text).into());
            }
        }
        for envelope in &update.manifest_list {
            if done.refusal.is_some() {
                break;
            }
            match update::process(&mut self.env, &self.config, &mut state, envelope, update.token) {
                Ok(Processed { report, refusal }) => {
                    done.reports.push(report);
                    done.refusal = refusal;
                }
                Err(failure) => done.refusal = Some(failure.into()),
            }
        }
        self.put_state(state);
        if let Some(refusal) = &done.refusal {
            self.env.log(format_args!("update refused: {}", done.sentence(refusal)));
        }
        Ok(done.answer(update))
    }
}

/// What an Update has led to so far.
#[derive(Default)]
struct Done {
    reports: Vec<Vec<u8>>,
    refusal: Option<Refusal>,
}

impl Done {
    fn sentence(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::Temporary(EnvError::OUT_OF_MEMORY) => "out of memory or storage".to_owned(),
            Refusal::Temporary(error) => format!("storage failed: {error}"),
            Refusal::Manifest(failure) => format!("{}: {}", failure.reason, failure.text),
        }
    }

    fn answer(&self, update: &Update<'_>) -> Answer {
        let suit_reports = self.reports.iter().map(Vec::as_slice).collect();
        let Some(refusal) = &self.refusal else {
            let installed = self.reports.len();
            let text = match installed {
                0 => "nothing to install".to_owned(),
                1 => "1 manifest installed".to_owned(),
                n => format!("{n} manifests installed"),
            };
            let success = Success { token: update.token, msg: None, suit_reports };
            return Answer {
                payload: Message::Success(success).encode(),
                outcome: Some(Outcome { err_code: 0, text }),
            };
        };
        let code = match refusal {
            Refusal::Temporary(_) => ErrCode::TEMPORARY_ERROR,
            Refusal::Manifest(_) => ErrCode::MANIFEST_PROCESSING_FAILED,
        };
        let text = self.sentence(refusal);
        let err_msg = diagnostic_text(&text);
        let error =
            ErrorMessage { suit_reports, ..ErrorMessage::new(update.token, code, err_msg.as_deref()) };
        Answer::error(error, &text)
    }
}

/// An Update that reports an error of ours: received, nothing done (AMB-08).
fn receipt(update: &Update<'_>, code: ErrCode) -> Answer {
    let success = Success { token: update.token, ..Success::default() };
    let text = format!("the TAM reports {code}: {}", update.err_msg.unwrap_or("no explanation"));
    Answer {
        payload: Message::Success(success).encode(),
        outcome: Some(Outcome { err_code: code.number(), text }),
    }
}

/// Checks signature, then form, of a message in a conversation with `tam`.
fn verify<'b>(tam: &TamAnchor, bytes: &'b [u8]) -> Result<Verified<Message<'b>>, Error> {
    Message::decode(Signatures::decode(bytes)?.verify(&tam.keys)?)
}

/// The Error for a message that could not be accepted. As a rule it has no token: nothing in such a message is
/// one yet (AMB-07).
fn refuse_message(bytes: &[u8], error: &Error) -> Answer {
    let text = format!("{error}");
    let err_msg = diagnostic_text(&text);
    let refusal = match error.kind {
        Kind::Unauthenticated | Kind::UnsupportedAlgorithm => {
            let claimed = Signatures::decode(bytes).ok().and_then(|signatures| signatures.claimed_payload());
            *SUPPORTED.unverified(Dialect::Final, claimed)
        }
        _ => ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, None),
    };
    Answer::error(ErrorMessage { err_msg: err_msg.as_deref(), ..refusal }, &text)
}
