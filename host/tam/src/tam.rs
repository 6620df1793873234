// SPDX-License-Identifier: Apache-2.0
mod attestation;
mod query;

use crate::exchange::{Outstanding, Refusal, Token};
use crate::policy::{Catalogue, Device};
use crate::store::Listing;
use crate::{Attestation, Error, Event, Store, TamConfig, report};
use query::{Answer, Asked, Refused, SUITES, complete};
use std::sync::{Mutex, MutexGuard, PoisonError};
use teep_proto::cose::{Algorithm, Signatures, Thumbprint, Verified, sign, sign1};
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::{ComponentId, Report};
use teep_proto::teep::{
    AttestationPayload, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse, Update, diagnostic_text,
};
use teep_proto::{Kind, teep};

type Observer = Box<dyn Fn(&Event<'_>) + Send + Sync>;
type Voucher = Box<dyn Fn(&[u8], Thumbprint) -> Option<Vec<u8>> + Send + Sync>;

/// A TAM: answers TEEP messages. Knows nothing of connections; an exchange is held together by tokens and
/// the Agent's key (AMB-HTTP-2).
pub struct Tam {
    config: TamConfig,
    store: Box<dyn Store>,
    outstanding: Mutex<Outstanding>,
    observer: Observer,
    voucher: Option<Voucher>,
}

impl Tam {
    /// A TAM that tells nobody what happens.
    pub fn new(config: TamConfig, store: impl Store + 'static) -> Self {
        Self::with_observer(config, store, |_| {})
    }

    /// A TAM that tells `observer` what happens, as it happens.
    pub fn with_observer(
        config: TamConfig,
        store: impl Store + 'static,
        observer: impl Fn(&Event<'_>) + Send + Sync + 'static,
    ) -> Self {
        let outstanding = Mutex::new(Outstanding::new(&config));
        Self { config, store: Box::new(store), outstanding, observer: Box::new(observer), voucher: None }
    }

    /// A TAM that is attested to Agents that want it (REQ-TEEP-110). `voucher` takes the challenge of an Agent, and the
    /// thumbprint of the TAM's key that the answer will be signed with; from a Verifier that the Agent trusts it
    /// brings the Attestation Result in the EAT profile of TEEP with both as eat_nonce and cnf, or nothing.
    #[must_use]
    pub fn attested_by(
        mut self,
        voucher: impl Fn(&[u8], Thumbprint) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.voucher = Some(Box::new(voucher));
        self
    }

    /// An Agent's Broker has connected: the QueryRequest to send (REQ-TEEP-040).
    ///
    /// Nothing is known of the Agent yet, so there is one signature for each suite (REQ-TEEP-022).
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn process_connect(&self) -> Result<Vec<u8>, Error> {
        self.connect().inspect_err(|error| self.failed(0, None, error))
    }

    fn connect(&self) -> Result<Vec<u8>, Error> {
        let keys = SUITES.map(|algorithm| self.config.signing_key(algorithm).clone());
        self.ask(self.asked()?, None, None, |payload| sign(&keys, payload))
    }

    fn ask(
        &self,
        asked: Asked,
        attestation: Option<AttestationPayload<'_>>,
        agent: Option<Thumbprint>,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, teep_proto::Error>,
    ) -> Result<Vec<u8>, Error> {
        let request = QueryRequest { attestation, ..asked.query_request() };
        let request = Message::QueryRequest(request);
        let payload = request.encode_in(self.config.dialect).map_err(cannot_encode)?;
        let bytes = sign(&payload).map_err(cannot_sign)?;
        match asked {
            Asked::Token(token) => self.outstanding().asked(token),
            Asked::Evidence(challenge) => self.outstanding().challenged(challenge),
            Asked::Passport => {}
        }
        self.tell(&Event::Sent { message: &request, bytes: bytes.len(), agent, manifests: &[] });
        Ok(bytes)
    }

    /// A message has come: the answer to send, `None` for none. A message that is valid but not acceptable,
    /// e.g. because its token was used, is dropped and has no answer either (REQ-TEEP-100).
    ///
    /// # Errors
    /// See [`Error`].
    pub fn process_teep_message(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let (peer, payload) =
            self.authenticate(bytes).inspect_err(|error| self.failed(bytes.len(), None, error))?;
        self.process(&peer, payload).inspect_err(|error| self.failed(peer.bytes, Some(peer.agent), error))
    }

    /// Who sent a message, and what stands in it.
    fn authenticate<'b>(&self, bytes: &'b [u8]) -> Result<(Peer, Verified<&'b [u8]>), Error> {
        if bytes.len() > MAX_MESSAGE {
            let error = teep_proto::Error {
                kind: Kind::TooLarge,
                what: "at most 1 MiB",
                offset: 0,
                path: Vec::new(),
            };
            return Err(Error::Malformed(error));
        }
        let signatures = Signatures::decode(bytes).map_err(Error::Malformed)?;
        let agents = self.usable(self.store.agents()?);
        let payload = signatures.verify(&agents).map_err(|error| refused(error, &signatures))?;
        let peer = Peer { agent: payload.signer(), suite: payload.algorithm(), bytes: bytes.len() };
        Ok((peer, payload))
    }

    fn process(&self, peer: &Peer, payload: Verified<&[u8]>) -> Result<Option<Vec<u8>>, Error> {
        let message = Message::decode_in(self.config.dialect, payload).map_err(Error::Malformed)?;
        let message = message.get();
        let reports = self.reports_of(message);
        self.tell(&Event::Received { message, reports: &reports, bytes: peer.bytes, agent: peer.agent });
        let answer = match message {
            Message::QueryResponse(response) => return self.query_response(peer, response, &reports),
            Message::Success(success) => self.settle_update(peer, success.token, &reports),
            Message::Error(error) => match self.settle_error(peer, error, &reports) {
                Ok(()) if error.err_code == ErrCode::ATTESTATION_REQUIRED => {
                    return self.ask_attested(peer, error.challenge);
                }
                Ok(()) if self.has_no_passport(error) => return self.ask_for_evidence(peer),
                settled => settled,
            },
            Message::QueryRequest(_) | Message::Update(_) => Err("only a TAM sends this"),
        };
        if let Err(why) = answer {
            self.dropped(peer, why);
        }
        // Whatever the Agent says of an Update ends the exchange: the same manifest is not sent again before
        // the Agent's next contact.
        Ok(None)
    }

    /// The SUIT Reports in `message`, opened; `None` for one that cannot be.
    fn reports_of(&self, message: &Message<'_>) -> Vec<Option<Vec<u8>>> {
        let reports = match message {
            Message::QueryResponse(response) => &response.suit_reports,
            Message::Success(success) => &success.suit_reports,
            Message::Error(error) => &error.suit_reports,
            Message::QueryRequest(_) | Message::Update(_) => return Vec::new(),
        };
        reports.iter().map(|report| report::open(report, &self.config.report_keys)).collect()
    }

    fn query_response(
        &self,
        peer: &Peer,
        response: &QueryResponse<'_>,
        reports: &[Option<Vec<u8>>],
    ) -> Result<Option<Vec<u8>>, Error> {
        let settled = match self.config.attestation {
            Attestation::Off => self.settle_query(response, reports).map(|()| None),
            Attestation::Required => self.settle_evidence(peer, response)?,
            Attestation::Passport => self.settle_passport(peer, response)?,
        };
        let result = match settled {
            Ok(result) => result,
            Err(refused) => return self.refuse(peer, &refused),
        };
        let (offers, withdrawn) = (self.usable(self.store.offers()?), self.usable(self.store.withdrawn()?));
        let device = Device::new(response, reports);
        let replaced = device.manifests().filter_map(|digest| self.store.replaced(digest).transpose());
        let replaced = replaced.collect::<Result<Vec<_>, _>>()?;
        let catalogue = Catalogue::new(Some(peer.agent), &offers, &withdrawn).knowing(&replaced);
        let decision = catalogue.decide(&device, self.config.honour_unneeded);
        if decision.is_empty() && result.is_none() {
            return Ok(None);
        }
        let unneeded = decision.unneeded.iter().map(|id| ComponentId::decode(id)).collect::<Result<_, _>>();
        let update = Update {
            unneeded_manifest_list: unneeded.map_err(cannot_encode)?,
            manifest_list: decision.manifests.iter().map(|offer| offer.envelope.as_slice()).collect(),
            // Without a format: it is in the profile of TEEP (REQ-TEEP-045).
            attestation: result.as_deref().map(|payload| AttestationPayload { format: None, payload }),
            ..Update::default()
        };
        let names: Vec<&str> = decision.manifests.iter().map(|offer| offer.name.as_str()).collect();
        self.update(peer, update, &names, true).map(Some)
    }

    /// Tells the Agent why its QueryResponse does not count, if it is to know.
    fn refuse(&self, peer: &Peer, refused: &Refused) -> Result<Option<Vec<u8>>, Error> {
        self.dropped(peer, &refused.why);
        let (err_code, is_fresh) = match refused.answer {
            Answer::Nothing => return Ok(None),
            Answer::Challenge => return self.ask_for_evidence(peer),
            Answer::Code { err_code, is_fresh } => (err_code, is_fresh),
        };
        let err_msg = diagnostic_text(&refused.why);
        let (err_code, err_msg) = (Some(err_code), err_msg.as_deref());
        self.update(peer, Update { err_code, err_msg, ..Update::default() }, &[], is_fresh).map(Some)
    }

    /// Whether `response` is the complete answer to a QueryRequest with a token, which it burns.
    fn settle_query(&self, response: &QueryResponse<'_>, reports: &[Option<Vec<u8>>]) -> Result<(), Refused> {
        // Every QueryRequest sent here has a token, so an answer without one answers none of them.
        let token = response.token.unwrap_or_default();
        let settled = self.outstanding().settle_query(token);
        let token = settled.map_err(|refusal| Refused::silently(refusal.as_str()))?;
        complete(response, &Asked::Token(token))?;
        reports_answer(reports, &token).map_err(|why| Refused::with(ErrCode::PERMANENT_ERROR, why.to_owned()))
    }

    /// Signs `update` in the suite the Agent chose (REQ-TEEP-026), with a token of its own (AMB-18).
    /// Its answer is waited for if `is_awaited`.
    fn update(
        &self,
        peer: &Peer,
        update: Update<'_>,
        manifests: &[&str],
        is_awaited: bool,
    ) -> Result<Vec<u8>, Error> {
        let token = new_token()?;
        let message = Message::Update(Update { token: Some(&token), ..update });
        let key = self.config.signing_key(peer.suite);
        let payload = message.encode_in(self.config.dialect).map_err(cannot_encode)?;
        let bytes = sign1(key, &payload).map_err(cannot_sign)?;
        if is_awaited {
            self.outstanding().ordered(peer.agent, token);
        }
        let (message, agent) = (&message, Some(peer.agent));
        self.tell(&Event::Sent { message, bytes: bytes.len(), agent, manifests });
        Ok(bytes)
    }

    /// What an Agent of which nothing is known is asked for.
    fn asked(&self) -> Result<Asked, Error> {
        Ok(match self.config.attestation {
            Attestation::Off => Asked::Token(new_token()?),
            Attestation::Required => Asked::Evidence(new_token()?),
            Attestation::Passport => Asked::Passport,
        })
    }

    fn settle_update(
        &self,
        peer: &Peer,
        token: Option<&[u8]>,
        reports: &[Option<Vec<u8>>],
    ) -> Result<(), &'static str> {
        let token = token.ok_or("it has no token, but every request had one (REQ-TEEP-113)")?;
        self.outstanding().settle_update(peer.agent, token).map_err(Refusal::as_str)?;
        reports_answer(reports, token)
    }

    fn settle_error(
        &self,
        peer: &Peer,
        error: &ErrorMessage<'_>,
        reports: &[Option<Vec<u8>>],
    ) -> Result<(), &'static str> {
        let token = match (error.token, self.config.attestation) {
            (Some(token), _) => token,
            // It may answer a QueryRequest without a token. It settles nothing, neither that nor an Update.
            (None, Attestation::Required | Attestation::Passport) => return Ok(()),
            (None, Attestation::Off) => {
                return Err("it has no token, but every request had one (REQ-TEEP-113)");
            }
        };
        if self.outstanding().settle_query(token).is_ok() {
            return reports_answer(reports, token);
        }
        // An Agent can be made to say these by anybody (AMB-07), so they do not end an Update.
        const OF_QUERIES: [ErrCode; 4] = [
            ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS,
            ErrCode::UNSUPPORTED_MSG_VERSION,
            ErrCode::UNSUPPORTED_CIPHER_SUITES,
            ErrCode::UNSUPPORTED_SUIT_REPORT,
        ];
        if OF_QUERIES.contains(&error.err_code) {
            return Err("this error code answers a QueryRequest only (REQ-TEEP-113)");
        }
        self.settle_update(peer, error.token, reports)
    }

    /// What can be used of a listing, after telling what cannot.
    fn usable<T>(&self, listing: Listing<T>) -> Vec<T> {
        for (name, why) in &listing.unusable {
            self.tell(&Event::Unusable { name, why });
        }
        listing.items
    }

    fn failed(&self, bytes: usize, agent: Option<Thumbprint>, error: &Error) {
        self.tell(&Event::Dropped { bytes, agent, why: &error.to_string() });
    }

    fn dropped(&self, peer: &Peer, why: &str) {
        self.tell(&Event::Dropped { bytes: peer.bytes, agent: Some(peer.agent), why });
    }

    fn tell(&self, event: &Event<'_>) {
        (self.observer)(event);
    }

    fn outstanding(&self) -> MutexGuard<'_, Outstanding> {
        // Tokens are whole at every moment, whoever panicked elsewhere.
        self.outstanding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who sent a message, by its signature.
struct Peer {
    agent: Thumbprint,
    suite: Algorithm,
    bytes: usize,
}

fn refused(error: teep_proto::Error, signatures: &Signatures<'_>) -> Error {
    if error.kind != Kind::Unauthenticated {
        return Error::Malformed(error);
    }
    let kid = signatures.claimed_signers().find_map(|(_, kid)| kid);
    Error::Unauthenticated { claimed: kid.map(|kid| hex::encode(kid.get(..8).unwrap_or(kid))) }
}

/// Whether each report has `nonce` as its nonce (REQ-TEEP-104, 109). One that cannot be opened or read has not.
fn reports_answer(reports: &[Option<Vec<u8>>], nonce: &[u8]) -> Result<(), &'static str> {
    for report in reports {
        let report =
            report.as_ref().ok_or("a SUIT Report cannot be opened: is it encrypted to another key?")?;
        if Report::decode(report).map(|report| report.nonce) != Ok(Some(nonce)) {
            return Err("a SUIT Report has not the token as suit-report-nonce");
        }
    }
    Ok(())
}

/// From the operating system's generator: unlike every other (REQ-TEEP-046), and of no other use
/// (REQ-TEEP-047).
fn new_token() -> Result<Token, Error> {
    const { assert!(*teep::TOKEN_SIZE.start() <= size_of::<Token>()) };
    let mut token = Token::default();
    getrandom::fill(&mut token)
        .map_err(|_| Error::Internal("the operating system gave no random bytes".to_owned()))?;
    Ok(token)
}

fn cannot_encode(error: teep_proto::Error) -> Error {
    Error::Internal(format!("no Agent would take this message: {error}"))
}

fn cannot_sign(error: teep_proto::Error) -> Error {
    Error::Internal(format!("the TAM's key cannot sign: {error}"))
}
