// SPDX-License-Identifier: Apache-2.0
//! QueryResponses: to a QueryRequest (draft section 7.2.1), and such as nobody asked for (section 7.2).

use crate::agent::{Agent, Failed};
use crate::attestation::DeviceAttestation;
use crate::config::{Suite, TamAnchor, TrustStore};
use crate::conversation::{Answer, supported, verify};
use crate::env::{Env, accepted_now};
use crate::limits::MAX_ENVELOPE;
use crate::report::{self, Protection, Protector, Reports};
use crate::session::Session;
use crate::store::objects;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use teep_proto::suit::{ComponentId, Digest, Envelope, Report, ReportEntry, SystemPropertyClaims};
use teep_proto::teec::{AGENT_UUID, Reply};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{
    ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse, RequestedTc, diagnostic_text,
};

impl<E: Env> Agent<E> {
    /// Answers the QueryRequest in `bytes`.
    ///
    /// An extension that the Agent recognises but does not support would be refused with ERR_UNSUPPORTED_EXTENSION. It
    /// recognises none, as the draft defines none, and what is not assigned is ignored (REQ-TEEP-008, AMB-06).
    pub(crate) fn answer_query_request(
        &mut self,
        trust: &TrustStore,
        tam: &TamAnchor,
        session: &mut Session,
        request: &QueryRequest<'_>,
        bytes: &[u8],
    ) -> Result<Answer, Failed> {
        // Until it is answered it permits nothing.
        self.contacts.forget_request(&tam.uri);
        let passport = match is_for_a_passport(request) {
            true => self.passport(trust)?,
            false => None,
        };
        let suite = self.config.suite;
        if let Err(error) = supported(suite, passport.is_some()).negotiate(request) {
            let lacks_passport = error.err_code == ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS
                && request.challenge.is_none()
                && passport.is_none();
            // A TAM that wants a passport may take Evidence in its place, and then sends a challenge.
            if lacks_passport && self.config.attestation.is_some() {
                return Answer::intermediate(tam.dialect, *error);
            }
            let text = match lacks_passport {
                true => "the TAM wants an Attestation Result about this device, which has none".to_owned(),
                false => format!("nothing in common with the TAM: {}", error.err_code),
            };
            return Answer::error(tam.dialect, *error, &text);
        }
        if let Some(refusal) = self.unattested(tam, session, request, bytes)? {
            return Ok(refusal);
        }
        if let Some(refusal) = unreadable_reports(suite, tam, request)? {
            return Ok(refusal);
        }
        session.protection = Protection::negotiate(suite, request);
        let attestation = match request.requests(data_item::ATTESTATION) {
            true => match self.attest(tam, session.protection, request, passport)? {
                Ok(attestation) => Some(attestation),
                Err(refusal) => return Ok(refusal),
            },
            false => None,
        };
        self.respond(tam, session, request, bytes, attestation.as_ref())
    }

    /// What `tam` may be told without being asked, in a conversation that begins: the answer to its last QueryRequest, as
    /// it would be now. `None` unless that one had neither token nor challenge, the Broker has not failed to reach
    /// the TAM since, and its signature is still one that counts (REQ-TEEP-073, conditions a, b and c).
    pub(crate) fn unsolicited(
        &mut self,
        trust: &TrustStore,
        tam: &TamAnchor,
        session: &mut Session,
    ) -> Result<Option<Reply>, Failed> {
        // A TAM that has to be attested has not been in this conversation.
        if tam.attestation_required {
            return Ok(None);
        }
        let Some(bytes) = self.contacts.get(&tam.uri).and_then(|contact| contact.asked.clone()) else {
            return Ok(None);
        };
        let Ok((message, _)) = verify(trust, tam, &bytes, accepted_now(&mut self.env)) else {
            return Ok(None);
        };
        let (Message::QueryRequest(request), Some(passport)) = (message.get(), self.passport(trust)?) else {
            return Ok(None);
        };
        session.protection = Protection::negotiate(self.config.suite, request);
        let attestation = self.show(tam, session.protection, passport)?;
        let answer = self.respond(tam, session, request, &bytes, Some(&attestation))?;
        self.sign(tam, answer).map(Some)
    }

    /// The QueryResponse with all that the `request` in `bytes` asks for.
    fn respond(
        &mut self,
        tam: &TamAnchor,
        session: &Session,
        request: &QueryRequest<'_>,
        bytes: &[u8],
        attestation: Option<&DeviceAttestation>,
    ) -> Result<Answer, Failed> {
        let reports = match request.requests(data_item::SUIT_REPORTS) {
            true => self.reports_on_everything(tam, session.protection, request)?,
            false => Reports::default(),
        };
        let own_id =
            ComponentId::encode(&[&b"TEEP-Device"[..], &b"SecureFS"[..], &AGENT_UUID[..], &b"ta"[..]]);
        let own_digest = match request.requests(data_item::TRUSTED_COMPONENTS) {
            true => self.measurement().map(|measured| Digest::sha256(measured.agent)),
            false => None,
        };
        let trust_store = self.trust_store_claim()?;
        let state = self.state()?;
        let mut response = QueryResponse {
            token: request.token,
            attestation: attestation.map(DeviceAttestation::payload),
            suit_reports: reports.list(),
            ..QueryResponse::default()
        };
        if request.requests(data_item::TRUSTED_COMPONENTS) {
            // The Agent lists itself, so that the list is never empty (AMB-04).
            let own = trust_store.iter().map(|(id, digest)| (id, *digest)).chain([(&own_id, own_digest)]);
            let installed = state.components.iter().filter(|component| !component.is_trust_store());
            let claims = installed
                .map(|component| (&component.id, state.certain_digest(component)))
                .chain(own)
                .map(|(id, digest)| ComponentId::decode(id).map(|id| SystemPropertyClaims::new(id, digest)));
            response.tc_list = Some(claims.collect::<Result<_, _>>().map_err(|e| format!("{e}"))?);
        }
        if request.requests(data_item::EXTENSIONS) {
            response.ext_list = Some(Vec::new());
        }
        // What is installed by now is wanted no more (REQ-TEEP-074); what was lost is wanted again.
        let requested = session.requested.as_deref().filter(|id| state.component(id).is_none());
        let lost = state.components.iter().filter(|component| state.certain_digest(component).is_none());
        for id in requested.into_iter().chain(lost.map(|component| component.id.as_slice())) {
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
        let answer = Answer::query_response(tam.dialect, response)?;
        self.contacts.answered(&tam.uri, request, bytes);
        if let Some(requested) = &session.requested {
            let now = self.env.uptime();
            self.requests.told(requested, now);
        }
        Ok(answer)
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
        let protector = Protector::new(&mut self.env, self.config.suite, protection, tam).map_err(failed)?;
        self.state()?;
        let Self { env, state: Some(state), .. } = self else {
            return Err("the Agent's state is not there".to_owned());
        };
        let mut reports = Reports::default();
        let mut capabilities = Some(report::capabilities());
        for manifest in &state.manifests {
            // One that storage lost is installed all the same; it only has no URI then.
            let stored = objects::read(env, manifest.object, MAX_ENVELOPE).unwrap_or_default();
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

/// The Error for a QueryRequest with a SUIT Report about the TAM that this Agent could not read; `None` when it has none
/// (REQ-TEEP-092).
fn unreadable_reports(
    suite: Suite,
    tam: &TamAnchor,
    request: &QueryRequest<'_>,
) -> Result<Option<Answer>, Failed> {
    for report in &request.suit_reports {
        let (error, text) = match report::is_readable(suite, report) {
            Ok(true) => continue,
            Ok(false) => {
                let text =
                    "a SUIT Report of the TAM is in a profile that this Agent does not have".to_owned();
                (*supported(suite, false).unsupported_suit_report(request), text)
            }
            Err(error) => {
                let text = format!("the TAM's SUIT Reports: {error}");
                (ErrorMessage::new(request.token, ErrCode::PERMANENT_ERROR, None), text)
            }
        };
        let err_msg = diagnostic_text(&text);
        let error = ErrorMessage { err_msg: err_msg.as_deref(), ..error };
        return Answer::error(tam.dialect, error, &text).map(Some);
    }
    Ok(None)
}

/// Whether `request` asks for an Attestation Result that the Agent has already: for attestation, and nothing in it could
/// make Evidence fresh.
fn is_for_a_passport(request: &QueryRequest<'_>) -> bool {
    request.requests(data_item::ATTESTATION) && request.challenge.is_none()
}
