// SPDX-License-Identifier: Apache-2.0
//! What the Agent answers to a message from a TAM (draft-ietf-teep-protocol-26 section 7.2).

use crate::agent::{Agent, Failed};
use crate::attestation::Evidence;
use crate::config::TamAnchor;
use crate::env::Env;
use crate::limits::MAX_ENVELOPE;
use crate::report::{self, PROFILES, Protection, Protector, Reports};
use crate::session::Session;
use crate::store::{Hash, hash, objects};
use crate::update::{Order, Progress};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use teep_proto::cose::{Algorithm, Signatures, Verified, sign1};
use teep_proto::suit::{ComponentId, Digest, Envelope, Report, ReportEntry, SystemPropertyClaims};
use teep_proto::teec::{AGENT_UUID, Outcome, Reply};
use teep_proto::teep::labels::{data_item, freshness};
use teep_proto::teep::{
    Dialect, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse, RequestedTc, Supported, VERSION,
    diagnostic_text,
};
use teep_proto::{Error, Kind};

/// What this Agent has to offer a TAM.
pub(crate) const SUPPORTED: Supported<'_> = Supported {
    versions: &[VERSION],
    algorithms: &[Algorithm::Esp256],
    freshness_mechanisms: &[freshness::NONCE],
    suit_cose_profiles: &PROFILES,
};

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
        let tam = session.tam.and_then(|tam| self.config.tams.get(tam)).cloned();
        let tam =
            tam.ok_or("there is no conversation in this session: start with a request or policy check")?;
        let answer = match verify(&tam, bytes) {
            Ok((message, payload)) => match message.get() {
                Message::QueryRequest(request) => self.answer_query_request(&tam, session, request, bytes)?,
                Message::Update(update) => {
                    match Self::unattested_update(&tam, session, update, message.signer())? {
                        Some(refusal) => refusal,
                        None => {
                            let order = Order { tam: &tam, update, payload };
                            let answer = self.answer_update(session, &order, progress)?;
                            let Some(answer) = answer else { return Ok(None) };
                            answer
                        }
                    }
                }
                Message::QueryResponse(_) | Message::Success(_) | Message::Error(_) => {
                    let text = "a TAM sends QueryRequest and Update only";
                    let error = ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, Some(text));
                    Answer::error(tam.dialect, error, text)?
                }
            },
            Err(error) => {
                self.env.log(format_args!("message refused: {error}"));
                refuse_message(tam.dialect, bytes, &error)?
            }
        };
        let message = sign1(self.signing_key()?, &answer.payload).map_err(|error| format!("{error}"))?;
        Ok(Some(Reply::Send { tam_uri: tam.uri, message, outcome: answer.outcome }))
    }

    fn answer_query_request(
        &mut self,
        tam: &TamAnchor,
        session: &mut Session,
        request: &QueryRequest<'_>,
        bytes: &[u8],
    ) -> Result<Answer, Failed> {
        if let Err(error) = SUPPORTED.negotiate(request) {
            let text = format!("nothing in common with the TAM: {}", error.err_code);
            return Answer::error(tam.dialect, *error, &text);
        }
        if let Some(refusal) = self.unattested(tam, session, request, bytes)? {
            return Ok(refusal);
        }
        session.protection = Protection::negotiate(request);
        let evidence = match request.requests(data_item::ATTESTATION) {
            true => match self.evidence(tam, session.protection, request)? {
                Ok(evidence) => Some(evidence),
                Err(text) => {
                    let error = ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, Some(text));
                    return Answer::error(tam.dialect, error, text);
                }
            },
            false => None,
        };
        let reports = match request.requests(data_item::SUIT_REPORTS) {
            true => self.reports_on_everything(tam, session.protection, request)?,
            false => Reports::default(),
        };
        let own_id =
            ComponentId::encode(&[&b"TEEP-Device"[..], &b"SecureFS"[..], &AGENT_UUID[..], &b"ta"[..]]);
        let state = self.state()?;
        let mut response = QueryResponse {
            token: request.token,
            attestation: evidence.as_ref().map(Evidence::payload),
            suit_reports: reports.list(),
            ..QueryResponse::default()
        };
        if request.requests(data_item::TRUSTED_COMPONENTS) {
            // The Agent lists itself, so that the list is never empty (AMB-04).
            let installed =
                state.components.iter().map(|component| (&component.id, state.certain_digest(component)));
            let claims = installed
                .chain([(&own_id, None)])
                .map(|(id, digest)| ComponentId::decode(id).map(|id| SystemPropertyClaims::new(id, digest)));
            response.tc_list = Some(claims.collect::<Result<_, _>>().map_err(|e| format!("{e}"))?);
        }
        if request.requests(data_item::EXTENSIONS) {
            response.ext_list = Some(Vec::new());
        }
        // What is installed by now is wanted no more (REQ-TEEP-074); what the platform lost is wanted again.
        let requested = session.requested.as_ref().filter(|id| state.component(id).is_none());
        let lost = state.components.iter().filter(|component| state.certain_digest(component).is_none());
        for id in requested.into_iter().chain(lost.map(|component| &component.id)) {
            let component_id = ComponentId::decode(id).map_err(|e| format!("{e}"))?;
            response.requested_tc_list.push(RequestedTc {
                component_id,
                tc_manifest_sequence_number: None,
                have_binary: None,
            });
        }
        for id in &session.unneeded {
            response.unneeded_manifest_list.push(ComponentId::decode(id).map_err(|e| format!("{e}"))?);
        }
        Ok(Answer { payload: encode(tam.dialect, &Message::QueryResponse(response))?, outcome: None })
    }

    /// A report for each installed manifest, made now from what is recorded (AMB-22), the first one with what the
    /// manifest processor is capable of. When nothing is installed there is that alone, with a reference to nothing.
    fn reports_on_everything(
        &mut self,
        tam: &TamAnchor,
        protection: Protection,
        request: &QueryRequest<'_>,
    ) -> Result<Reports, Failed> {
        let failed = |error| format!("SUIT Reports cannot be made: {error}");
        let protector = Protector::new(&mut self.env, protection, tam).map_err(failed)?;
        self.state()?;
        let Self { env, state: Some(state), .. } = self else {
            return Err("the Agent's state is not there".to_owned());
        };
        let mut reports = Reports::default();
        let mut capabilities = Some(report::capabilities());
        for manifest in &state.manifests {
            let stored = objects::read(env, manifest.object, MAX_ENVELOPE).map_err(failed)?;
            let uri = Envelope::decode(&stored).and_then(|envelope| envelope.inspect());
            let uri = uri.ok().and_then(|manifest| manifest.reference_uri).unwrap_or_default();
            let mut report = Report::new(uri, manifest.digest, request.token);
            for id in &manifest.components {
                let digest = state.component(id).and_then(|component| state.certain_digest(component));
                let id = ComponentId::decode(id).map_err(|e| format!("{e}"))?;
                report.records.push(ReportEntry::Properties(SystemPropertyClaims::new(id, digest)));
            }
            report.capabilities = capabilities.take();
            reports.add(env, &protector, report).map_err(failed)?;
        }
        if let Some(capabilities) = capabilities {
            let nothing = Report::new("", Digest::of(b""), request.token);
            let report = Report { capabilities: Some(capabilities), ..nothing };
            reports.add(env, &protector, report).map_err(failed)?;
        }
        Ok(reports)
    }
}

/// Checks signature, then form, of a message in a conversation with `tam`. With it comes the hash of who signed and
/// what, by which the message is known when it comes again.
fn verify<'b>(tam: &TamAnchor, bytes: &'b [u8]) -> Result<(Verified<Message<'b>>, Hash), Error> {
    let payload = Signatures::decode(bytes)?.verify(&tam.keys)?;
    let known_by = hash(&[payload.signer().0, hash(payload.get())].concat());
    Ok((Message::decode_in(tam.dialect, payload)?, known_by))
}

/// The Error for a message that could not be accepted. As a rule it has no token: nothing in such a message is
/// one yet (AMB-07).
fn refuse_message(dialect: Dialect, bytes: &[u8], error: &Error) -> Result<Answer, Failed> {
    let text = format!("{error}");
    let err_msg = diagnostic_text(&text);
    let refusal = match error.kind {
        Kind::Unauthenticated | Kind::UnsupportedAlgorithm => {
            let claimed = Signatures::decode(bytes).ok().and_then(|signatures| signatures.claimed_payload());
            *SUPPORTED.unverified(dialect, claimed)
        }
        _ => ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, None),
    };
    Answer::error(dialect, ErrorMessage { err_msg: err_msg.as_deref(), ..refusal }, &text)
}
