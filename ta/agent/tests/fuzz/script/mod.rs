// SPDX-License-Identifier: Apache-2.0
//! A whole life of a device, out of the bytes of a script: commands of a hostile Linux in several sessions, messages of
//! TAMs, payloads, power cuts, failures of the platform. Shared with the fuzz target `session`.
//!
//! Messages and manifests are well made, then bent by the script, and signed after that: so what lies behind the
//! signatures is reached. After whatever ends in an error, the device as it would be after a restart is looked at from
//! outside: [`audit`].

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a fault is found"
)]

mod audit;
mod fixture;
mod index;
mod input;
mod manifests;

use fixture::*;
use input::Input;
use manifests::{HARDWARE_KEY, Server};
use std::collections::BTreeMap;
use teep_agent::{Agent, Session};
use teep_proto::cose::{Algorithm, Signatures, sign1};
use teep_proto::suit::text;
use teep_proto::teec::{Command, FetchData, MAX_FETCH_DATA, MAX_REPLY, Reply, TaRequest};
use teep_proto::teep::{AttestationPayload, CipherSuite, Message, QueryRequest, SuitCoseProfile, Update};
use teep_sim::MemoryEnv;

const SESSIONS: usize = 3;
/// Steps of a script, so that none takes for ever.
const MAX_STEPS: usize = 48;

/// What a script came to: for tests of the scripts themselves.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) steps: usize,
    pub(crate) successes: usize,
    pub(crate) errors: usize,
    pub(crate) fetches: usize,
    pub(crate) restarts: usize,
    pub(crate) installed: usize,
}

struct Life {
    env: MemoryEnv,
    agent: Agent<MemoryEnv>,
    sessions: [Session; SESSIONS],
    /// What each session's Agent asked for last.
    wanted: [Option<(String, u64)>; SESSIONS],
    server: Server,
    floors: BTreeMap<Vec<u8>, u64>,
    /// Trusted Applications that were taken from the platform.
    lost: Vec<[u8; 16]>,
    tokens: u64,
    summary: Summary,
}

/// Runs the script `bytes`. Panics when the Agent does what it must not.
pub(crate) fn run(bytes: &[u8]) -> Summary {
    let mut input = Input(bytes);
    let env = MemoryEnv::new(HARDWARE_KEY);
    env.set_stock(input.byte() & 1 == 1);
    let mut life = Life {
        agent: start(&env),
        env,
        sessions: Default::default(),
        wanted: Default::default(),
        server: Server::new(),
        floors: BTreeMap::new(),
        lost: Vec::new(),
        tokens: 0,
        summary: Summary::default(),
    };
    while !input.is_empty() && life.summary.steps < MAX_STEPS {
        life.step(&mut input);
        life.summary.steps += 1;
    }
    let index = audit::restart(&life.env, &life.lost);
    life.summary.installed = index.components.len();
    life.summary
}

fn start(env: &MemoryEnv) -> Agent<MemoryEnv> {
    Agent::new(env.clone(), &CONFIG.encode()).expect("the configuration")
}

impl Life {
    fn step(&mut self, input: &mut Input<'_>) {
        let (what, session) = (input.byte(), input.below(SESSIONS));
        match what % 16 {
            0..=2 => self.update(session, input),
            3 => self.query(session, input),
            4 => self.serve(session, input),
            5 => self.piece(session, input),
            6 => drop(self.invoke(session, Command::FetchFailed, b"404")),
            7 if input.one_in(8) => {
                let store = trust_store(input.below(4) as u64, input.byte().into());
                self.invoke(session, Command::Provision, &store.encode());
            }
            7 => self.request(session, input),
            8 => drop(self.invoke(session, Command::RequestPolicyCheck, &[])),
            9 => self.garbage(session, input),
            10 => drop(self.invoke(session, Command::ProcessError, &[])),
            11 => {
                self.agent.close(&mut self.sessions[session]);
                self.wanted[session] = None;
            }
            12 => self.restart(),
            13 => self.env.cut_power_after(input.below(64)),
            14 => self.platform(input),
            _ => self.read(input),
        }
    }

    /// What the Agent answers, which is always something that the Broker understands.
    fn invoke(&mut self, session: usize, command: Command, request: &[u8]) -> Reply {
        let before = audit::object(&self.env, "state");
        let bytes = self.agent.invoke(&mut self.sessions[session], command, request);
        assert!(bytes.len() <= MAX_REPLY, "a reply of {} bytes", bytes.len());
        let reply = Reply::decode(&bytes).expect("a reply");
        let failed = match &reply {
            Reply::Send { message, tam_uri, outcome } => {
                assert!(TAM_URIS.contains(&tam_uri.as_str()));
                let signed = Signatures::decode(message).expect("COSE");
                signed.claimed_payload().expect("an attached payload");
                outcome.as_ref().is_some_and(|outcome| outcome.err_code != 0)
            }
            Reply::Failed { .. } => true,
            _ => false,
        };
        if let Reply::Failed { .. } = &reply
            && let (Some(before), Some(after)) = (before, audit::object(&self.env, "state"))
            && !audit::index(&self.env).has_journal
        {
            let journal_ended = index::Index::decode(&before).has_journal;
            assert!(before == after || journal_ended, "a reply that says failed changed nothing");
        }
        self.wanted[session] = match &reply {
            Reply::Fetch { uri, offset } => Some((uri.clone(), *offset)),
            _ => None,
        };
        self.summary.successes += usize::from(matches!(&reply, Reply::Send { .. }) && !failed);
        self.summary.errors += usize::from(failed);
        if failed {
            audit::restart(&self.env, &self.lost);
        }
        self.floors();
        reply
    }

    /// Floors of sequence numbers only rise, whatever happens, from one settled state to the next.
    fn floors(&mut self) {
        if audit::object(&self.env, "state").is_none() {
            return;
        }
        let index = audit::index(&self.env);
        if !index.has_journal {
            audit::floors_rise(&self.floors, &index.floors);
            self.floors = index.floors;
        }
    }

    /// Lets the Agent begin a conversation with a TAM, unless one is to go on.
    fn connect(&mut self, session: usize, tam: usize, input: &mut Input<'_>) {
        if input.one_in(8) {
            return;
        }
        let request = TaRequest {
            component_id: text::native_ta(UUIDS[3]),
            tam_uri_hint: Some(TAM_URIS[tam].to_owned()),
        };
        self.invoke(session, Command::RequestTa, &request.encode());
    }

    /// Signs a message, mostly with the key of `tam`, and hands it to the Agent.
    fn say(&mut self, session: usize, tam: usize, message: &Message<'_>, input: &mut Input<'_>) {
        let dialect = CONFIG.trust.tams[tam].dialect;
        let Ok(mut payload) = message.encode_in(dialect) else { return };
        input.mutate(&mut payload);
        let key = if input.one_in(16) { input.below(TAM_KEYS.len()) } else { tam };
        let mut message = sign1(&TAM_KEYS[key], &payload).expect("signs");
        if input.one_in(8) {
            input.mutate(&mut message);
        }
        self.invoke(session, Command::ProcessTeepMessage, &message);
        if input.one_in(16) {
            self.invoke(session, Command::ProcessTeepMessage, &message);
        }
    }

    fn update(&mut self, session: usize, input: &mut Input<'_>) {
        let tam = usize::from(input.one_in(4));
        self.connect(session, tam, input);
        let mut envelopes = Vec::new();
        let mut unneeded = Vec::new();
        match input.below(8) {
            0..=4 => envelopes.push(manifests::envelope(input, &mut self.server)),
            5 => unneeded.push(manifest_id(input.below(8))),
            _ => {
                envelopes.extend((0..input.below(3)).map(|_| manifests::envelope(input, &mut self.server)));
                unneeded.extend((0..input.below(3)).map(|_| manifest_id(input.below(8))));
            }
        }
        // By a Verifier that the Agent does not know, which it keeps.
        let passport = input.one_in(8).then(|| input.bytes(16));
        self.tokens += 1;
        let token = format!("token {:010}", self.tokens);
        let update = Update {
            token: (!input.one_in(16)).then_some(token.as_bytes()),
            manifest_list: envelopes.iter().map(Vec::as_slice).collect(),
            unneeded_manifest_list: unneeded.iter().map(|id| manifests::unneeded(id)).collect(),
            attestation: passport
                .map(|payload| AttestationPayload { format: Some("application/x"), payload }),
            ..Update::default()
        };
        self.say(session, tam, &Message::Update(update), input);
        // Most servers answer.
        if !input.one_in(4) {
            self.serve(session, input);
        }
    }

    fn query(&mut self, session: usize, input: &mut Input<'_>) {
        let tam = input.below(2);
        self.connect(session, tam, input);
        let challenge = input.bytes(input.0.first().map_or(0, |len| usize::from(*len % 70)));
        let request = QueryRequest {
            token: Some(b"a token of a query"),
            supported_teep_cipher_suites: vec![
                CipherSuite::sign1(input.pick(&[Algorithm::Esp256, Algorithm::Ed25519])),
                CipherSuite::sign1(Algorithm::Esp256),
            ],
            supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
            challenge: (!challenge.is_empty()).then_some(challenge),
            data_item_requested: input.byte().into(),
            ..QueryRequest::default()
        };
        self.say(session, tam, &Message::QueryRequest(request), input);
    }

    /// Hands over what the Agent asks for, until it asks for nothing more.
    fn serve(&mut self, session: usize, input: &mut Input<'_>) {
        let size = input.pick(&[MAX_FETCH_DATA, 1000, 4096, 20_000]);
        for _ in 0..40 {
            let Some((uri, offset)) = self.wanted[session].clone() else { return };
            self.summary.fetches += 1;
            let Some(payload) = self.server.get(&uri) else {
                self.invoke(session, Command::FetchFailed, b"404 Not Found");
                continue;
            };
            let from = usize::try_from(offset).expect("small").min(payload.len());
            let data = FetchData { offset, bytes: &payload[from..payload.len().min(from + size)] }.encode();
            self.invoke(session, Command::FetchData, &data);
        }
    }

    /// Some piece that the Agent may not have asked for.
    fn piece(&mut self, session: usize, input: &mut Input<'_>) {
        let offset = match &self.wanted[session] {
            Some((_, offset)) if !input.one_in(4) => *offset,
            _ => input.number() as u64,
        };
        let bytes = vec![input.byte(); input.number() % (MAX_FETCH_DATA + 10)];
        let data = FetchData { offset, bytes: &bytes }.encode();
        self.invoke(session, Command::FetchData, &data);
    }

    fn request(&mut self, session: usize, input: &mut Input<'_>) {
        let hints = [None, Some(TAM_URIS[0]), Some(TAM_URIS[1]), Some("http://nobody.example")];
        let request = TaRequest {
            component_id: text::native_ta(input.pick(&UUIDS)),
            tam_uri_hint: input.pick(&hints).map(str::to_owned),
        };
        let command = input.pick(&[Command::RequestTa, Command::UnrequestTa]);
        self.invoke(session, command, &request.encode());
    }

    /// Any command with any bytes.
    fn garbage(&mut self, session: usize, input: &mut Input<'_>) {
        let command = input.pick(&Command::ALL);
        let len = input.byte().into();
        let bytes = input.bytes(len);
        if bytes.len() <= command.max_request() {
            self.invoke(session, command, bytes);
        }
    }

    fn restart(&mut self) {
        self.summary.restarts += 1;
        self.env.restore_power();
        self.agent = start(&self.env);
        self.sessions = Default::default();
        self.wanted = Default::default();
    }

    fn platform(&mut self, input: &mut Input<'_>) {
        let on = input.byte() & 1 == 1;
        match input.below(6) {
            0 => self.env.set_out_of_memory(on),
            1 => self.env.set_answers_lost(on),
            2 => self.env.set_write_answers_lost(on, input.one_in(2)),
            3 => {
                let uuid = input.pick(&UUIDS);
                self.env.uninstall(uuid);
                self.lost.push(uuid);
            }
            4 => self.env.pass(input.byte().into()),
            _ => self.env.set_open_sessions(input.pick(&UUIDS), input.byte().into()),
        }
    }

    /// A Trusted Application reads data.
    fn read(&mut self, input: &mut Input<'_>) {
        let (id, reader) = (component_id(input.below(12)), input.pick(&UUIDS));
        let mut buffer = [0; 8];
        if let Ok(piece) = self.agent.read_data(reader, &id, input.byte().into(), &mut buffer)
            && piece.read > 0
        {
            audit::readable(&audit::index(&self.env), &id, reader);
        }
    }
}
