// SPDX-License-Identifier: Apache-2.0
use crate::attestation::{Evidence, Reference};
use crate::exchange::{Outstanding, Refusal, Token};
use crate::policy::Catalogue;
use crate::store::Listing;
use crate::{Attestation, Error, Event, Store, TamConfig, report};
use std::sync::{Mutex, MutexGuard, PoisonError};
use teep_proto::cose::{Algorithm, Signatures, Thumbprint, Verified, sign, sign1};
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::{ComponentId, Report};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{
    AttestationPayload, CipherSuite, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse,
    SuitCoseProfile, Update, VERSION, diagnostic_text,
};
use teep_proto::{Kind, teep};

/// Both suites a TAM must have (REQ-TEEP-020), in the order of preference.
const SUITES: [Algorithm; 2] = [Algorithm::Esp256, Algorithm::Ed25519];

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
        let token = new_token()?;
        let keys = SUITES.map(|algorithm| self.config.signing_key(algorithm).clone());
        self.ask(token, None, None, |payload| sign(&keys, payload))
    }

    /// Asks an Agent again, now with the attestation it wants; nothing without one (REQ-TEEP-110).
    fn ask_attested(&self, peer: &Peer, challenge: Option<&[u8]>) -> Result<Option<Vec<u8>>, Error> {
        let key = self.config.signing_key(peer.suite);
        let vouch = |voucher: &Voucher| voucher(challenge.unwrap_or_default(), key.public_key().thumbprint());
        let Some(result) = self.voucher.as_ref().and_then(vouch) else {
            self.dropped(peer, "the Agent wants this TAM attested, and nobody vouches for it");
            return Ok(None);
        };
        // Without a format: it is an Attestation Result in the profile of TEEP (REQ-TEEP-045).
        let attestation = AttestationPayload { format: None, payload: &result };
        self.ask(new_token()?, Some(attestation), Some(peer.agent), |payload| sign1(key, payload)).map(Some)
    }

    fn ask(
        &self,
        token: Token,
        attestation: Option<AttestationPayload<'_>>,
        agent: Option<Thumbprint>,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, teep_proto::Error>,
    ) -> Result<Vec<u8>, Error> {
        let request = QueryRequest { attestation, ..self.query_request(&token) };
        let request = Message::QueryRequest(request);
        let payload = request.encode_in(self.config.dialect).map_err(cannot_encode)?;
        let bytes = sign(&payload).map_err(cannot_sign)?;
        match self.config.attestation {
            Attestation::Off => self.outstanding().asked(token),
            Attestation::Required => self.outstanding().challenged(token),
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
            Attestation::Off => self.settle_query(response, reports),
            Attestation::Required => self.settle_attested(peer, response)?,
        };
        if let Err(refused) = settled {
            self.dropped(peer, &refused.why);
            let Some(err_code) = refused.err_code else { return Ok(None) };
            let err_msg = diagnostic_text(&refused.why);
            let (err_code, err_msg) = (Some(err_code), err_msg.as_deref());
            let update = Update { err_code, err_msg, ..Update::default() };
            return self.update(peer, update, &[], refused.is_fresh).map(Some);
        }
        let (offers, withdrawn) = (self.usable(self.store.offers()?), self.usable(self.store.withdrawn()?));
        let catalogue = Catalogue::new(Some(peer.agent), &offers, &withdrawn);
        let decision = catalogue.decide(response, self.config.honour_unneeded);
        if decision.is_empty() {
            return Ok(None);
        }
        let unneeded = decision.unneeded.iter().map(|id| ComponentId::decode(id)).collect::<Result<_, _>>();
        let update = Update {
            unneeded_manifest_list: unneeded.map_err(cannot_encode)?,
            manifest_list: decision.manifests.iter().map(|offer| offer.envelope.as_slice()).collect(),
            ..Update::default()
        };
        let names: Vec<&str> = decision.manifests.iter().map(|offer| offer.name.as_str()).collect();
        self.update(peer, update, &names, true).map(Some)
    }

    /// Whether `response` is the complete answer to a QueryRequest with a token, which it burns.
    fn settle_query(&self, response: &QueryResponse<'_>, reports: &[Option<Vec<u8>>]) -> Result<(), Refused> {
        // Every QueryRequest sent here has a token, so an answer without one answers none of them.
        let token = response.token.unwrap_or_default();
        self.outstanding().settle_query(token).map_err(|refusal| Refused::silently(refusal.as_str()))?;
        self.complete(response, token)?;
        reports_answer(reports, token).map_err(|why| Refused::with(ErrCode::PERMANENT_ERROR, why.to_owned()))
    }

    /// Whether `response` is the complete answer to a QueryRequest with a challenge, which it burns, and its Evidence
    /// convinces (REQ-TEEP-105, 107, 114).
    fn settle_attested(
        &self,
        peer: &Peer,
        response: &QueryResponse<'_>,
    ) -> Result<Result<(), Refused>, Error> {
        let config = &self.config;
        let unattested = |why| Refused::with(ErrCode::ATTESTATION_REQUIRED, why);
        let evidence = Evidence::open(response, config.eat_profile, &config.report_keys);
        let opened = evidence.and_then(|evidence| evidence.nonce().map(|nonce| (evidence, nonce)));
        let (evidence, nonce) = match opened {
            Ok(opened) => opened,
            // Anybody can replay a message that answers nothing: it must not push out an Update at work.
            Err(why) => return Ok(Err(Refused { is_fresh: false, ..unattested(why) })),
        };
        if let Err(refusal) = self.outstanding().settle_challenge(&nonce) {
            return Ok(Err(Refused::silently(refusal.of_a_challenge())));
        }
        let keys = self.usable(self.store.attestation_keys(peer.agent)?);
        let measurements = self.store.reference_values()?;
        let reference =
            Reference { agent: peer.agent, keys: &keys, measurements: &measurements, nonce: &nonce };
        if let Err(why) = evidence.appraise(&reference) {
            return Ok(Err(unattested(why)));
        }
        Ok(self.complete(response, &nonce))
    }

    fn complete(&self, response: &QueryResponse<'_>, asked: &[u8]) -> Result<(), Refused> {
        response.answers(&self.query_request(asked)).map_err(|error| {
            Refused::with(ErrCode::PERMANENT_ERROR, format!("the QueryResponse lacks {}", error.what))
        })
    }

    /// What every Agent is asked: its Trusted Components, which is all the policy here looks at (REQ-TEEP-049), and
    /// Evidence if it has to be attested. `asked` is the token, or the challenge in its place (REQ-TEEP-041, 043).
    fn query_request<'b>(&self, asked: &'b [u8]) -> QueryRequest<'b> {
        let request = QueryRequest {
            versions: Some(vec![VERSION]),
            supported_teep_cipher_suites: SUITES.map(CipherSuite::sign1).to_vec(),
            supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
            data_item_requested: data_item::TRUSTED_COMPONENTS,
            ..QueryRequest::default()
        };
        match self.config.attestation {
            Attestation::Off => QueryRequest { token: Some(asked), ..request },
            Attestation::Required => QueryRequest {
                challenge: Some(asked),
                data_item_requested: request.data_item_requested | data_item::ATTESTATION,
                ..request
            },
        }
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
            // It may answer a QueryRequest with a challenge. It settles nothing, neither that nor an Update.
            (None, Attestation::Required) => return Ok(()),
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

/// Why a QueryResponse does not count.
struct Refused {
    /// What the Agent is told of it; `None` for nothing.
    err_code: Option<ErrCode>,
    /// It answered a request, and for the first time.
    is_fresh: bool,
    why: String,
}

impl Refused {
    fn silently(why: &str) -> Self {
        Self { err_code: None, is_fresh: false, why: why.to_owned() }
    }

    fn with(err_code: ErrCode, why: String) -> Self {
        Self { err_code: Some(err_code), is_fresh: true, why }
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
