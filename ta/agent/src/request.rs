// SPDX-License-Identifier: Apache-2.0
//! What Linux asks for: RequestTA, UnrequestTA, RequestPolicyCheck and ProcessError (RFC 9397 section 6.2.1). Which TAM is
//! contacted for that, and whether one is, the Agent decides.

mod recent;

pub(crate) use recent::{Requested, Requests};

use crate::agent::{Agent, Failed};
use crate::config::{TamAnchor, TrustStore};
use crate::env::Env;
use crate::session::Session;
use crate::store::hash;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use teep_proto::suit::ComponentId;
use teep_proto::teec::{Reply, TaRequest};

/// Only before the first trust store there may be no TAM.
const UNPROVISIONED: &str = "the Agent has no TAM yet: it has to be provisioned first";

impl<E: Env> Agent<E> {
    /// A Trusted Component is wanted: nothing if it is installed (REQ-TEEP-120), else a TAM to ask, unless it was asked.
    pub(crate) fn request_ta(&mut self, session: &mut Session, request: &[u8]) -> Result<Reply, Failed> {
        let request = decode_request(request)?;
        let id = ComponentId::encode(&request.component_id);
        if self.present_state()?.has(&id) {
            return Ok(Reply::Nothing);
        }
        let trust = self.trust()?;
        let tams = self.by_preference(&trust, request.tam_uri_hint.as_deref());
        let tam = tams.first().ok_or(UNPROVISIONED)?;
        self.end(session);
        let now = self.env.uptime();
        let interval = trust.policy.contact_interval.into();
        let requested = self.requests.take(&id, &tam.uri, interval, now)?;
        Ok(self.connect(session, &trust, tam, |session| session.requested = Some(requested)))
    }

    /// A Trusted Component is no longer wanted. A hint only: the TAM decides (REQ-ARCH-025). It is told of those of its
    /// root manifests that keep the component alive.
    pub(crate) fn unrequest_ta(&mut self, session: &mut Session, request: &[u8]) -> Result<Reply, Failed> {
        let request = decode_request(request)?;
        let id = ComponentId::encode(&request.component_id);
        self.present_state()?;
        let trust = self.trust()?;
        for tam in self.by_preference(&trust, request.tam_uri_hint.as_deref()) {
            let uri = hash(tam.uri.as_bytes());
            let state = self.state()?;
            let keeping = state
                .keeping_alive(&id)
                .into_iter()
                .filter(|manifest| manifest.may_be_unlinked_by(&uri, &trust));
            let unneeded: Vec<_> = keeping.map(|manifest| manifest.id.clone()).collect();
            if !unneeded.is_empty() {
                return Ok(self.connect(session, &trust, tam, |session| session.unneeded = unneeded));
            }
        }
        Ok(Reply::Nothing)
    }

    /// One TAM per call that this check has not named and that was not contacted of late, then nothing (REQ-TEEP-122).
    pub(crate) fn request_policy_check(&mut self, session: &mut Session) -> Result<Reply, Failed> {
        self.end(session);
        self.present_state()?;
        let trust = self.trust()?;
        if trust.tams.is_empty() {
            return Err(UNPROVISIONED.to_owned());
        }
        let now = self.env.uptime();
        let interval = trust.policy.contact_interval.into();
        let is_due = |tam: &&TamAnchor| {
            !session.policy_checked.contains(&tam.uri) && self.contacts.is_due(&tam.uri, interval, now)
        };
        let Some(tam) = trust.tams.iter().find(is_due) else {
            session.policy_checked.clear();
            return Ok(Reply::Nothing);
        };
        session.policy_checked.push(tam.uri.clone());
        Ok(self.connect(session, &trust, tam, |_| {}))
    }

    /// The Broker did not reach the TAM: it counts as not contacted, and never as told anything (REQ-TEEP-123). For a
    /// while others are asked before it.
    pub(crate) fn process_error(&mut self, session: &mut Session) {
        if let Some(uri) = &session.tam {
            self.env.log(format_args!("the Broker did not reach the TAM {uri}, or not to the end"));
            self.contacts.failed(uri);
        }
        if let Some(requested) = &session.requested {
            self.requests.forget(requested);
        }
        self.end(session);
    }

    /// The TAMs in the order in which they are to be asked: that of the hint, if it is a trusted one (REQ-TEEP-121,
    /// REQ-ARCH-013), and the others as they stand in the trust store, but those last that the Broker did not reach.
    fn by_preference<'t>(&mut self, trust: &'t TrustStore, hint: Option<&str>) -> Vec<&'t TamAnchor> {
        let now = self.env.uptime();
        let has_failed = |tam: &&TamAnchor| self.contacts.has_failed(&tam.uri, now);
        let (failed, others): (Vec<_>, Vec<_>) = trust.tams.iter().partition(has_failed);
        let hinted = hint.and_then(|hint| trust.tam(hint));
        hinted.into_iter().chain(others).chain(failed).collect()
    }

    /// Begins a conversation with `tam`, one of `trust`, about what `prepare` puts into the session. It begins with the
    /// TAM's QueryRequest, except when a QueryResponse may be sent at once.
    fn connect(
        &mut self,
        session: &mut Session,
        trust: &TrustStore,
        tam: &TamAnchor,
        prepare: impl FnOnce(&mut Session),
    ) -> Reply {
        self.end(session);
        let now = self.env.uptime();
        self.contacts.begin(&trust.tams, &tam.uri, now);
        session.begin(tam.uri.clone());
        prepare(session);
        let unsolicited = self.unsolicited(trust, tam, session).unwrap_or_else(|reason| {
            self.env.log(format_args!("the TAM is asked to speak first: {reason}"));
            None
        });
        unsolicited.unwrap_or_else(|| Reply::Connect { tam_uri: tam.uri.clone() })
    }
}

fn decode_request(request: &[u8]) -> Result<TaRequest, Failed> {
    TaRequest::decode(request).map_err(|error| format!("the request is not understood: {error}"))
}
