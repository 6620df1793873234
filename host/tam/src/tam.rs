// SPDX-License-Identifier: Apache-2.0
use crate::exchange::{Outstanding, Refusal, Token};
use crate::store::Listing;
use crate::{Error, Event, Store, TamConfig, policy};
use std::sync::{Mutex, MutexGuard, PoisonError};
use teep_proto::cose::{Algorithm, Signatures, Thumbprint, sign, sign1};
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::Report;
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{
    CipherSuite, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse, SuitCoseProfile, Update,
    VERSION,
};
use teep_proto::{Kind, teep};

/// Both suites a TAM must have (REQ-TEEP-020), in the order of preference.
const SUITES: [Algorithm; 2] = [Algorithm::Esp256, Algorithm::Ed25519];

type Observer = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// A TAM: answers TEEP messages. Knows nothing of connections; an exchange is held together by tokens and
/// the Agent's key (AMB-HTTP-2).
pub struct Tam {
    config: TamConfig,
    store: Box<dyn Store>,
    outstanding: Mutex<Outstanding>,
    observer: Observer,
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
        Self { config, store: Box::new(store), outstanding, observer: Box::new(observer) }
    }

    /// An Agent's Broker has connected: the QueryRequest to send (REQ-TEEP-040).
    ///
    /// It asks for the Trusted Components only, which is all the policy here looks at (REQ-TEEP-049).
    /// Nothing is known of the Agent yet, so there is one signature for each suite (REQ-TEEP-022).
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn process_connect(&self) -> Result<Vec<u8>, Error> {
        self.connect().inspect_err(|error| self.failed(0, error))
    }

    fn connect(&self) -> Result<Vec<u8>, Error> {
        let token = new_token()?;
        let request = Message::QueryRequest(QueryRequest {
            token: Some(&token),
            versions: Some(vec![VERSION]),
            supported_teep_cipher_suites: SUITES.map(CipherSuite::sign1).to_vec(),
            supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
            data_item_requested: data_item::TRUSTED_COMPONENTS,
            ..QueryRequest::default()
        });
        let keys = SUITES.map(|algorithm| self.config.signing_key(algorithm).clone());
        let bytes = sign(&keys, &request.encode()).map_err(cannot_sign)?;
        self.outstanding().asked(token);
        self.tell(&Event::Sent { message: &request, bytes: bytes.len(), agent: None, manifests: &[] });
        Ok(bytes)
    }

    /// A message has come: the answer to send, `None` for none. A message that is valid but not acceptable,
    /// e.g. because its token was used, is dropped and has no answer either (REQ-TEEP-100).
    ///
    /// # Errors
    /// See [`Error`].
    pub fn process_teep_message(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.process(bytes).inspect_err(|error| self.failed(bytes.len(), error))
    }

    fn process(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
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
        let message = Message::decode(payload).map_err(Error::Malformed)?;
        let message = message.get();
        self.tell(&Event::Received { message, bytes: bytes.len(), agent: peer.agent });
        let answer = match message {
            Message::QueryResponse(response) => return self.query_response(&peer, response),
            Message::Success(success) => self.settle_update(&peer, success.token, &success.suit_reports),
            Message::Error(error) => self.settle_error(&peer, error),
            Message::QueryRequest(_) | Message::Update(_) => Err("only a TAM sends this"),
        };
        if let Err(why) = answer {
            self.dropped(&peer, why);
        }
        // Whatever the Agent says of an Update ends the exchange: the same manifest is not sent again before
        // the Agent's next contact.
        Ok(None)
    }

    fn query_response(&self, peer: &Peer, response: &QueryResponse<'_>) -> Result<Option<Vec<u8>>, Error> {
        // Every QueryRequest sent here has a token, so an answer without one answers none of them.
        let settled = response.token.ok_or(Refusal::Unknown).and_then(|t| self.outstanding().settle_query(t));
        if let Err(refusal) = settled {
            self.dropped(peer, refusal.as_str());
            return Ok(None);
        }
        if let Err(problem) = complete(response) {
            self.dropped(peer, problem);
            let (err_code, err_msg) = (Some(ErrCode::PERMANENT_ERROR), Some(problem));
            return self.update(peer, Update { err_code, err_msg, ..Update::default() }, &[]).map(Some);
        }
        let offers = self.usable(self.store.offers()?);
        let chosen = policy::decide(response, &offers);
        if chosen.is_empty() {
            return Ok(None);
        }
        let manifest_list = chosen.iter().map(|offer| offer.envelope.as_slice()).collect();
        let names: Vec<&str> = chosen.iter().map(|offer| offer.name.as_str()).collect();
        self.update(peer, Update { manifest_list, ..Update::default() }, &names).map(Some)
    }

    /// Signs `update` in the suite the Agent chose (REQ-TEEP-026), with a token of its own (AMB-18).
    fn update(&self, peer: &Peer, update: Update<'_>, manifests: &[&str]) -> Result<Vec<u8>, Error> {
        let token = new_token()?;
        let message = Message::Update(Update { token: Some(&token), ..update });
        let key = self.config.signing_key(peer.suite);
        let bytes = sign1(key, &message.encode()).map_err(cannot_sign)?;
        self.outstanding().ordered(peer.agent, token);
        let (message, agent) = (&message, Some(peer.agent));
        self.tell(&Event::Sent { message, bytes: bytes.len(), agent, manifests });
        Ok(bytes)
    }

    fn settle_update(
        &self,
        peer: &Peer,
        token: Option<&[u8]>,
        reports: &[&[u8]],
    ) -> Result<(), &'static str> {
        let token = token.ok_or("it has no token, but every request had one (REQ-TEEP-113)")?;
        self.outstanding().settle_update(peer.agent, token).map_err(Refusal::as_str)?;
        reports_answer(reports, token)
    }

    fn settle_error(&self, peer: &Peer, error: &ErrorMessage<'_>) -> Result<(), &'static str> {
        let token = error.token.ok_or("it has no token, but every request had one (REQ-TEEP-113)")?;
        if self.outstanding().settle_query(token).is_ok() {
            return reports_answer(&error.suit_reports, token);
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
        self.settle_update(peer, error.token, &error.suit_reports)
    }

    /// What can be used of a listing, after telling what cannot.
    fn usable<T>(&self, listing: Listing<T>) -> Vec<T> {
        for (name, why) in &listing.unusable {
            self.tell(&Event::Unusable { name, why });
        }
        listing.items
    }

    fn failed(&self, bytes: usize, error: &Error) {
        self.tell(&Event::Dropped { bytes, agent: None, why: &error.to_string() });
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

/// Whether a QueryResponse has everything that was asked for (REQ-TEEP-104). The text goes into an err-msg.
fn complete(response: &QueryResponse<'_>) -> Result<(), &'static str> {
    if response.tc_list.is_none() {
        return Err("tc-list was requested and is missing");
    }
    if response.selected_version.is_some_and(|version| version != VERSION) {
        return Err("selected-version is none of the offered versions");
    }
    reports_answer(&response.suit_reports, response.token.unwrap_or_default())
}

/// Whether each report has `nonce` as its nonce (REQ-TEEP-104, 109). One that cannot be read has not.
fn reports_answer(reports: &[&[u8]], nonce: &[u8]) -> Result<(), &'static str> {
    let answers = |bytes: &[u8]| Report::decode(bytes).is_ok_and(|report| report.nonce == Some(nonce));
    if reports.iter().all(|report| answers(report)) {
        return Ok(());
    }
    Err("a SUIT Report has not the token as suit-report-nonce")
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

fn cannot_sign(error: teep_proto::Error) -> Error {
    Error::Internal(format!("the TAM's key cannot sign: {error}"))
}
