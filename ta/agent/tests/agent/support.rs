// SPDX-License-Identifier: Apache-2.0
//! A device in memory and a TAM made of the wire formats alone, so that it can also be a hostile one.

use crate::{DIALECT, SUITE};
use std::sync::atomic::{AtomicU64, Ordering};
use teep_agent::config::{Config, Policy, SignerAnchor, Suite, TamAnchor, TrustStore};
use teep_agent::{Agent, Session};
use teep_proto::cose::{Algorithm, PublicKey, Signatures, SigningKey, sign, sign1};
use teep_proto::suit::{ComponentId, Reason, Report, ReportLayer, ReportResult, text};
use teep_proto::teec::{
    AgentInfo, Command, FetchData, InstalledComponent, Outcome, Reply, Stored, TaRequest,
};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{CipherSuite, Message, QueryRequest, SuitCoseProfile, Update};
use teep_sim::MemoryEnv;

pub(crate) const TAM_URI: &str = "http://tam.example/tam";
pub(crate) const OTHER_TAM_URI: &str = "http://other.example/tam";
pub(crate) const TOKEN: &[u8] = b"a token of 16 by";
pub(crate) const TA: [u8; 16] = [0x1c; 16];
pub(crate) const OTHER_TA: [u8; 16] = [0x2c; 16];
pub(crate) const VENDOR: [u8; 16] = [0xc0; 16];
pub(crate) const CLASS: [u8; 16] = [0xc1; 16];

pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar")
}

/// A key of this cipher suite.
pub(crate) fn key_of(suite: Suite, n: u8) -> SigningKey {
    match suite {
        Suite::Esp256 => key(n),
        Suite::Ed25519 => SigningKey::ed25519_from_seed(&[n; 32]),
    }
}

/// The cipher suite that the Agent has not.
pub(crate) fn other_suite() -> Suite {
    match SUITE {
        Suite::Esp256 => Suite::Ed25519,
        Suite::Ed25519 => Suite::Esp256,
    }
}

/// The TAM's key of the Agent's suite.
pub(crate) fn tam_key() -> SigningKey {
    key_of(SUITE, 1)
}

/// Its key of the other one.
pub(crate) fn tam_other_suite_key() -> SigningKey {
    key_of(other_suite(), 2)
}

pub(crate) fn other_tam_key() -> SigningKey {
    key_of(SUITE, 3)
}

pub(crate) fn signer_key() -> SigningKey {
    key(4)
}

/// Trusted for components below "Elsewhere" only.
pub(crate) fn narrow_signer_key() -> SigningKey {
    key(5)
}

/// Trusted for the component `[TA]`.
pub(crate) fn uuid_signer_key() -> SigningKey {
    key(6)
}

/// Trusted as [`signer_key`] is, and for personalization data in the clear.
pub(crate) fn clear_signer_key() -> SigningKey {
    key(7)
}

/// The TAM's own author: may name what is below "TEEP-Device", and write nothing.
pub(crate) fn tam_author_key() -> SigningKey {
    key(8)
}

/// Trusted as [`signer_key`] is, but not to write.
pub(crate) fn fetching_signer_key() -> SigningKey {
    key(9)
}

/// Trusted to replace the trust store, and for nothing else.
pub(crate) fn trust_signer_key() -> SigningKey {
    key(10)
}

/// A TAM with these keys, and the dialect of these tests.
pub(crate) fn tam(uri: &str, keys: &[SigningKey]) -> TamAnchor {
    let keys = keys.iter().map(SigningKey::public_key).collect();
    TamAnchor { dialect: DIALECT, ..TamAnchor::new(uri.to_owned(), keys) }
}

pub(crate) fn configuration() -> Config {
    let signer = |key: SigningKey, prefix: &[u8]| {
        SignerAnchor::new(key.public_key(), vec![ComponentId::encode(&[prefix])])
    };
    let clear = SignerAnchor { personalization_in_clear: true, ..signer(clear_signer_key(), b"TEEP-Device") };
    let fetching = SignerAnchor { commands: Some(vec![21]), ..signer(fetching_signer_key(), b"TEEP-Device") };
    let trust = TrustStore {
        tams: vec![tam(TAM_URI, &[tam_key(), tam_other_suite_key()]), tam(OTHER_TAM_URI, &[other_tam_key()])],
        signers: vec![
            signer(signer_key(), b"TEEP-Device"),
            signer(narrow_signer_key(), b"Elsewhere"),
            signer(uuid_signer_key(), &TA),
            clear,
            SignerAnchor { commands: Some(vec![]), ..signer(tam_author_key(), b"TEEP-Device") },
            fetching,
            SignerAnchor { trust_store: true, ..SignerAnchor::new(trust_signer_key().public_key(), vec![]) },
        ],
        policy: Policy {
            contact_interval: 0,
            errors_per_minute: u32::MAX,
            updates_per_hour: 0,
            ..Policy::default()
        },
        ..TrustStore::default()
    };
    Config { vendor_ids: vec![VENDOR], class_ids: vec![CLASS], suite: SUITE, trust, ..Config::default() }
}

pub(crate) fn config() -> Vec<u8> {
    configuration().encode()
}

/// An Agent with one session, and the device it runs on.
pub(crate) struct Device {
    pub(crate) env: MemoryEnv,
    pub(crate) agent: Agent<MemoryEnv>,
    pub(crate) session: Session,
    public_key: PublicKey,
    config: Vec<u8>,
}

/// A message from the Agent, its signature checked.
pub(crate) struct Received {
    pub(crate) payload: Vec<u8>,
    pub(crate) tam_uri: String,
    pub(crate) outcome: Option<Outcome>,
}

impl Received {
    pub(crate) fn message(&self) -> Message<'_> {
        Message::inspect_in(DIALECT, &self.payload).expect("the Agent sends TEEP messages")
    }

    /// Error code; 0 for Success.
    pub(crate) fn code(&self) -> u64 {
        match self.message() {
            Message::Success(_) => 0,
            Message::Error(error) => error.err_code.number(),
            other => panic!("neither Success nor Error but {}", other.name()),
        }
    }

    pub(crate) fn token(&self) -> Option<Vec<u8>> {
        match self.message() {
            Message::QueryResponse(m) => m.token.map(<[u8]>::to_vec),
            Message::Success(m) => m.token.map(<[u8]>::to_vec),
            Message::Error(m) => m.token.map(<[u8]>::to_vec),
            other => panic!("an Agent does not send {}", other.name()),
        }
    }

    /// The SUIT Reports, bare or signed; each nonce must be the message's token (REQ-TEEP-085).
    pub(crate) fn full_reports(&self) -> Vec<Report<'_>> {
        let list = match self.message() {
            Message::Success(m) => m.suit_reports,
            Message::Error(m) => m.suit_reports,
            Message::QueryResponse(m) => m.suit_reports,
            other => panic!("no SUIT Reports are expected in {}", other.name()),
        };
        let reports = list.into_iter().map(|bytes| {
            let bare = match ReportLayer::decode(bytes).expect("a SUIT Report") {
                ReportLayer::Bare(bytes) => bytes,
                ReportLayer::Signed(signed) => signed.claimed_payload().expect("attached"),
                other => panic!("{other:?}"),
            };
            let report = Report::decode(bare).expect("a SUIT Report");
            assert_eq!(report.nonce, self.token().as_deref());
            report
        });
        reports.collect()
    }

    /// Results of the SUIT Reports.
    pub(crate) fn reports(&self) -> Vec<ReportResult<'_>> {
        self.full_reports().into_iter().map(|report| report.result).collect()
    }

    /// Error code, and the reason in the last SUIT Report.
    pub(crate) fn refusal(&self) -> (u64, Reason) {
        match self.reports().pop() {
            Some(ReportResult::Failure { reason, .. }) => (self.code(), reason),
            other => panic!("a report of a failure is expected, not {other:?}"),
        }
    }
}

impl Device {
    pub(crate) fn new() -> Self {
        Self::start(MemoryEnv::new([7; 32]))
    }

    /// Starts the Agent, again if `env` has seen it before.
    pub(crate) fn start(env: MemoryEnv) -> Self {
        Self::start_with(env, &config())
    }

    pub(crate) fn start_with(env: MemoryEnv, config: &[u8]) -> Self {
        let mut agent = Agent::new(env.clone(), config).expect("the configuration");
        let info = agent.invoke(&mut Session::default(), Command::Info, &[]);
        let public_key = match Reply::decode(&info).expect("the Agent's replies decode") {
            Reply::Info(info) => PublicKey::from_cose_key(&info.public_key).expect("a key"),
            other => panic!("{other:?}"),
        };
        Self { env, agent, session: Session::default(), public_key, config: config.to_vec() }
    }

    /// The same device after a restart.
    pub(crate) fn restarted(&self) -> Self {
        self.env.restore_power();
        self.on(self.env.clone())
    }

    /// Restarts the device, and cuts its power again after so many operations of what it does first.
    pub(crate) fn restarted_for(&self, operations: usize) -> Self {
        self.env.restore_power();
        self.env.cut_power_after(operations);
        self.on(self.env.clone())
    }

    /// The same device, started in a twin of its environment.
    pub(crate) fn twin(&self) -> Self {
        let mut twin = self.on(self.env.twin());
        // With its keys derived it can answer even when storage and platform fail.
        twin.invoke(Command::Info, &[]);
        twin
    }

    fn on(&self, env: MemoryEnv) -> Self {
        let (public_key, config) = (self.public_key.clone(), self.config.clone());
        let agent = Agent::new(env.clone(), &config).expect("the configuration");
        let mut device = Self { env, agent, session: Session::default(), public_key, config };
        device.settle();
        device
    }

    /// Lets the Agent finish what was interrupted, as it does with the next command.
    pub(crate) fn settle(&mut self) {
        let nothing = TaRequest { component_id: vec![b"nothing".to_vec()], tam_uri_hint: None };
        self.invoke(Command::UnrequestTa, &nothing.encode());
    }

    pub(crate) fn invoke(&mut self, command: Command, request: &[u8]) -> Reply {
        let reply = self.agent.invoke(&mut self.session, command, request);
        Reply::decode(&reply).expect("the Agent's replies decode")
    }

    pub(crate) fn request_ta(&mut self, hint: Option<&str>) -> Reply {
        self.request_ta_of(TA, hint)
    }

    pub(crate) fn request_ta_of(&mut self, uuid: [u8; 16], hint: Option<&str>) -> Reply {
        let request =
            TaRequest { component_id: text::native_ta(uuid), tam_uri_hint: hint.map(str::to_owned) };
        self.invoke(Command::RequestTa, &request.encode())
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        self.public_key.clone()
    }

    /// Hands a TAM's bytes to the Agent and checks the signature of its answer.
    pub(crate) fn process(&mut self, message: &[u8]) -> Received {
        let reply = self.invoke(Command::ProcessTeepMessage, message);
        self.received(reply)
    }

    /// The answer in `reply`, its signature checked.
    pub(crate) fn received(&self, reply: Reply) -> Received {
        match reply {
            Reply::Send { tam_uri, message, outcome } => {
                let signatures = Signatures::decode(&message).expect("COSE");
                let payload = signatures.verify(&[self.public_key()]).expect("the Agent's signature");
                Received { payload: payload.get().to_vec(), tam_uri, outcome }
            }
            other => panic!("{other:?}"),
        }
    }

    /// As a Broker, fetches what `reply` asks for from `server`, in pieces, until there is an answer.
    pub(crate) fn serve(&mut self, mut reply: Reply, server: &[(&str, &[u8])]) -> Received {
        while let Reply::Fetch { uri, offset } = &reply {
            let payload = server.iter().find(|(at, _)| at == uri).map(|(_, payload)| *payload);
            reply = match payload {
                Some(payload) => {
                    let at = usize::try_from(*offset).expect("small").min(payload.len());
                    let end = payload.len().min(at + PIECE);
                    let data = FetchData { offset: *offset, bytes: &payload[at..end] };
                    self.invoke(Command::FetchData, &data.encode())
                }
                None => self.invoke(Command::FetchFailed, b"404 Not Found"),
            };
        }
        self.received(reply)
    }

    /// Begins a conversation and processes an Update with `envelopes` in it.
    pub(crate) fn update(&mut self, envelopes: &[Vec<u8>]) -> Received {
        self.update_from(envelopes, &[])
    }

    /// As [`update`](Self::update), with payloads on a server.
    pub(crate) fn update_from(&mut self, envelopes: &[Vec<u8>], server: &[(&str, &[u8])]) -> Received {
        self.say(&update(&tam_key(), envelopes), server)
    }

    /// Begins a conversation in which the first TAM says `message`.
    pub(crate) fn say(&mut self, message: &[u8], server: &[(&str, &[u8])]) -> Received {
        self.agent.close(&mut self.session);
        self.invoke(Command::RequestPolicyCheck, &[]);
        let reply = self.invoke(Command::ProcessTeepMessage, message);
        let received = self.serve(reply, server);
        self.agent.close(&mut self.session);
        received
    }

    /// As [`say`](Self::say), for the other TAM.
    pub(crate) fn other_tam_says(&mut self, message: &[u8]) -> Received {
        assert!(matches!(self.request_ta_of([0xee; 16], Some(OTHER_TAM_URI)), Reply::Connect { .. }));
        let received = self.process(message);
        self.agent.close(&mut self.session);
        received
    }

    /// An Update that has the manifests `ids` removed.
    pub(crate) fn remove(&mut self, ids: &[Vec<u8>]) -> Received {
        self.say(&unneeded(&tam_key(), ids), &[])
    }

    /// What `reader` reads as the data component `id`.
    pub(crate) fn read(&mut self, reader: [u8; 16], id: &[u8]) -> Option<Vec<u8>> {
        let mut data = Vec::new();
        loop {
            let mut buffer = [0; 7];
            let piece = self.agent.read_data(reader, id, data.len() as u64, &mut buffer).ok()?;
            data.extend(&buffer[..piece.read]);
            if data.len() as u64 == piece.size {
                return Some(data);
            }
            assert!(piece.read > 0);
        }
    }

    /// What the Agent says is installed.
    pub(crate) fn components(&mut self) -> Vec<InstalledComponent> {
        self.stored().components
    }

    /// What the Agent says of its storage, which it can read.
    pub(crate) fn stored(&mut self) -> Stored {
        self.info().stored.expect("storage can be read")
    }

    /// What the Agent says of itself.
    pub(crate) fn info(&mut self) -> AgentInfo {
        match self.invoke(Command::Info, &[]) {
            Reply::Info(info) => *info,
            other => panic!("{other:?}"),
        }
    }

    /// Storage objects beside the index.
    pub(crate) fn objects(&self) -> usize {
        self.env.object_names().iter().filter(|name| *name != "state").count()
    }

    /// Sequence number and TA version installed, as far as the Agent and the platform know.
    pub(crate) fn installed(&mut self) -> (Option<u64>, Option<u32>) {
        let stored = self.stored();
        let position = stored.components.iter().position(|c| c.component_id == text::native_ta(TA));
        let number = position.and_then(|position| stored.sequence_number(position));
        (number, self.env.installed(TA).map(|(version, _)| version))
    }
}

pub(crate) fn query_request() -> QueryRequest<'static> {
    QueryRequest {
        token: Some(TOKEN),
        supported_teep_cipher_suites: vec![
            CipherSuite::sign1(Algorithm::Esp256),
            CipherSuite::sign1(Algorithm::Ed25519),
        ],
        supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
        data_item_requested: data_item::TRUSTED_COMPONENTS,
        ..QueryRequest::default()
    }
}

pub(crate) fn signed_query_request(request: QueryRequest<'_>) -> Vec<u8> {
    let payload = encoded(&Message::QueryRequest(request));
    sign(&[tam_key(), tam_other_suite_key()], &payload).expect("signs")
}

/// `message` in the dialect of the TAMs, unsigned.
pub(crate) fn encoded(message: &Message<'_>) -> Vec<u8> {
    message.encode_in(DIALECT).expect("encodes")
}

/// An Update with a token of its own, as a TAM makes them (AMB-18).
pub(crate) fn update(key: &SigningKey, envelopes: &[Vec<u8>]) -> Vec<u8> {
    let manifest_list = envelopes.iter().map(Vec::as_slice).collect();
    order(key, Update { manifest_list, ..Update::default() })
}

/// An Update that has the manifests `ids` removed.
pub(crate) fn unneeded(key: &SigningKey, ids: &[Vec<u8>]) -> Vec<u8> {
    let ids = ids.iter().map(|id| ComponentId::decode(id).expect("an id"));
    order(key, Update { unneeded_manifest_list: ids.collect(), ..Update::default() })
}

/// `update`, with a token of its own unless it has one.
pub(crate) fn order(key: &SigningKey, update: Update<'_>) -> Vec<u8> {
    static TOKENS: AtomicU64 = AtomicU64::new(0);
    let token = format!("a token {:08}", TOKENS.fetch_add(1, Ordering::Relaxed));
    let update = Update { token: update.token.or(Some(token.as_bytes())), ..update };
    sign1(key, &encoded(&Message::Update(update))).expect("signs")
}

/// Pieces in which payloads are served.
pub(crate) const PIECE: usize = 1000;
