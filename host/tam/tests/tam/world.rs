// SPDX-License-Identifier: Apache-2.0
//! A TAM with one component to offer, and an Agent that says what it is told to.

use std::sync::{Arc, Mutex};
use teep_proto::cose::{Algorithm, PublicKey, Signatures, SigningKey, sign1};
use teep_proto::suit::{ComponentId, Digest, Report, SystemPropertyClaims, text};
use teep_proto::teep::{
    CipherSuite, Dialect, ErrCode, ErrorMessage, Message, QueryResponse, RequestedTc, Success,
    SuitCoseProfile, Update,
};
use teep_suit::{Description, create, keys};
use teep_tam::store::Offer;
use teep_tam::{Error, Event, MemoryStore, Tam, TamConfig};

pub(crate) const UUID: [u8; 16] = [0x1c; 16];

pub(crate) struct World {
    pub(crate) tam: Arc<Tam>,
    pub(crate) store: MemoryStore,
    /// The TAM's public keys: ESP256, Ed25519.
    pub(crate) tam_keys: [PublicKey; 2],
    pub(crate) signer: SigningKey,
    pub(crate) agent: SigningKey,
    /// The numbers both sides are configured for.
    pub(crate) dialect: Dialect,
    events: Arc<Mutex<Vec<String>>>,
}

/// What the TAM made of a message.
#[derive(Debug)]
pub(crate) struct Reaction {
    pub(crate) answer: Result<Option<Vec<u8>>, Error>,
    /// Why it was dropped, if it was.
    pub(crate) dropped: Option<String>,
    pub(crate) events: Vec<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(TamConfig::generate().unwrap(), Algorithm::Esp256)
    }

    pub(crate) fn with(config: TamConfig, agent: Algorithm) -> Self {
        Self::with_tam(config, agent, |tam| tam)
    }

    pub(crate) fn with_tam(config: TamConfig, agent: Algorithm, build: impl FnOnce(Tam) -> Tam) -> Self {
        let store = MemoryStore::new();
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = events.clone();
        let observer = move |event: &Event<'_>| log.lock().unwrap().push(event.to_string());
        let dialect = config.dialect;
        let tam_keys = [Algorithm::Esp256, Algorithm::Ed25519].map(|a| config.signing_key(a).public_key());
        let tam = Arc::new(build(Tam::with_observer(config, store.clone(), observer)));
        let world = Self {
            tam,
            store,
            tam_keys,
            signer: keys::generate(Algorithm::Esp256).unwrap(),
            agent: keys::generate(agent).unwrap(),
            dialect,
            events,
        };
        world.store.enrol(world.agent.public_key());
        world.store.set_offers(vec![world.offer(1)]);
        world
    }

    /// Version `number` of the component.
    pub(crate) fn offer(&self, number: u64) -> Offer {
        let description = Description::new(UUID, number, [2; 16], [3; 16], image(number));
        let envelope = create(&description, std::slice::from_ref(&self.signer)).unwrap();
        Offer::verified(format!("hello-{number}.suit"), envelope, &[self.signer.public_key()]).unwrap()
    }

    /// A new QueryRequest's token.
    pub(crate) fn query(&self) -> Vec<u8> {
        let bytes = self.tam.process_connect().unwrap();
        let payload = Signatures::decode(&bytes).unwrap().verify(&self.tam_keys).unwrap();
        let message = Message::decode_in(self.dialect, payload).unwrap().into_inner();
        let Message::QueryRequest(request) = message else { panic!("a QueryRequest") };
        request.token.unwrap().to_vec()
    }

    /// Brings the exchange to the point where an Update is with the Agent; its token.
    pub(crate) fn update(&self) -> Vec<u8> {
        self.send(&requesting(&self.query(), &component()))
            .update(self, |update| update.token.unwrap().to_vec())
    }

    /// `message` comes from the enrolled Agent.
    pub(crate) fn send(&self, message: &Message<'_>) -> Reaction {
        self.send_bytes(&sign1(&self.agent, &message.encode_in(self.dialect).unwrap()).unwrap())
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8]) -> Reaction {
        self.events.lock().unwrap().clear();
        let answer = self.tam.process_teep_message(bytes);
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        let dropped = events.iter().find(|event| event.starts_with("dropped")).cloned();
        Reaction { answer, dropped, events }
    }
}

impl Reaction {
    /// Looks at the Update that answers; REQ-TEEP-112: it is never anything else.
    pub(crate) fn update<T>(&self, world: &World, look: impl FnOnce(&Update<'_>) -> T) -> T {
        let bytes = self.answer.as_ref().unwrap().as_ref().expect("an answer");
        let payload = Signatures::decode(bytes).unwrap().verify(&world.tam_keys).unwrap();
        assert_eq!(payload.algorithm(), world.agent.public_key().algorithm(), "REQ-TEEP-026");
        let message = Message::decode_in(world.dialect, payload).unwrap();
        let Message::Update(update) = message.get() else {
            panic!("an Update, not {}", message.get().name())
        };
        look(update)
    }

    /// Nothing to say, and the message was taken for what it is.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.answer, Ok(None)) && self.dropped.is_none()
    }

    /// Nothing to say, and the message did not count.
    pub(crate) fn is_dropped(&self) -> bool {
        matches!(self.answer, Ok(None)) && self.dropped.is_some()
    }
}

pub(crate) fn image(number: u64) -> Vec<u8> {
    format!("version {number}").into_bytes()
}

pub(crate) fn component() -> Vec<u8> {
    ComponentId::encode(&text::native_ta(UUID))
}

/// A QueryResponse of an Agent that has nothing and wants `component`.
pub(crate) fn requesting<'b>(token: &'b [u8], component: &'b [u8]) -> Message<'b> {
    let wanted = RequestedTc {
        component_id: ComponentId::decode(component).unwrap(),
        tc_manifest_sequence_number: None,
        have_binary: None,
    };
    let (requested_tc_list, tc_list) = (vec![wanted], Some(Vec::new()));
    Message::QueryResponse(QueryResponse {
        token: Some(token),
        requested_tc_list,
        tc_list,
        ..QueryResponse::default()
    })
}

/// A QueryResponse of an Agent that has version `number` of `component`.
pub(crate) fn having<'b>(token: &'b [u8], component: &'b [u8], number: u64) -> Message<'b> {
    let component_id = ComponentId::decode(component).unwrap();
    let tc_list = Some(vec![SystemPropertyClaims::new(component_id, Some(Digest::of(&image(number))))]);
    Message::QueryResponse(QueryResponse { token: Some(token), tc_list, ..QueryResponse::default() })
}

pub(crate) fn success<'b>(token: Option<&'b [u8]>, suit_reports: &'b [&'b [u8]]) -> Message<'b> {
    Message::Success(Success { token, msg: None, suit_reports: suit_reports.to_vec() })
}

/// With the lists that some codes have to come with (REQ-TEEP-090).
pub(crate) fn error(token: Option<&[u8]>, code: ErrCode) -> Message<'_> {
    Message::Error(ErrorMessage {
        supported_teep_cipher_suites: vec![CipherSuite::sign1(Algorithm::Esp256)],
        supported_freshness_mechanisms: Some(vec![0]),
        supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
        versions: Some(vec![0]),
        err_lang: Some("en"),
        ..ErrorMessage::new(token, code, Some("no"))
    })
}

pub(crate) fn report(nonce: Option<&[u8]>) -> Vec<u8> {
    Report::new("", Digest::sha256([7; 32]), nonce).encode().unwrap()
}
