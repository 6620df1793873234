// SPDX-License-Identifier: Apache-2.0
//! A device without a REE (RFC 9397 section 4.1, REQ-ARCH-020): there is no Broker, and the Agent's own code talks to
//! its TAM. The Agent is the same; what a Broker does between two calls is done here by a few functions.

use std::io::Read;
use std::time::Duration;
use teep_agent::config::Config;
use teep_agent::{Agent, Session};
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::text;
use teep_proto::teec::{AgentInfo, Command, FetchData, MAX_FETCH_DATA, Outcome, Reply, TaRequest};
use teep_proto::teep::MEDIA_TYPE;
use teep_sim::MemoryEnv;

/// POSTs of one conversation, and TAMs of one policy check: a TAM must not keep the device busy for ever.
const MAX_EXCHANGES: usize = 64;
/// No server may be silent for longer.
const SILENCE: Duration = Duration::from_secs(60);

/// The device: an Agent, what it runs on, and an HTTP client.
pub(crate) struct Device {
    agent: Agent<MemoryEnv>,
    http: ureq::Agent,
}

/// What is to be POSTed to a TAM; an empty message asks it to speak first.
struct Post {
    tam_uri: String,
    message: Vec<u8>,
    outcome: Option<Outcome>,
}

impl Device {
    /// Starts the Agent on `env`.
    ///
    /// # Errors
    /// When `config` cannot be the configuration of an Agent.
    pub(crate) fn start(env: MemoryEnv, config: &Config) -> Result<Self, String> {
        let agent = Agent::new(env, &config.encode()).map_err(|error| error.to_string())?;
        // As strict as a Broker: no redirects, and nothing that goes on for ever.
        let http = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .build();
        Ok(Self { agent, http: http.into() })
    }

    /// The Trusted Application `uuid` is needed on this device.
    ///
    /// # Errors
    /// What failed. A TAM's order that the Agent refuses is an outcome.
    pub(crate) fn request_ta(&mut self, uuid: [u8; 16]) -> Result<Vec<Outcome>, String> {
        let request = TaRequest { component_id: text::native_ta(uuid), tam_uri_hint: None };
        self.run(Command::RequestTa, &request.encode())
    }

    /// The time has come to ask the TAMs for changes.
    ///
    /// # Errors
    /// As [`request_ta`](Self::request_ta).
    pub(crate) fn policy_check(&mut self) -> Result<Vec<Outcome>, String> {
        self.run(Command::RequestPolicyCheck, &[])
    }

    /// What the Agent is and has.
    ///
    /// # Errors
    /// When it does not say.
    pub(crate) fn info(&mut self) -> Result<AgentInfo, String> {
        match self.invoke(&mut Session::default(), Command::Info, &[])? {
            Reply::Info(info) => Ok(*info),
            _ => Err("the Agent does not say what it is".to_owned()),
        }
    }

    fn run(&mut self, command: Command, request: &[u8]) -> Result<Vec<Outcome>, String> {
        let (mut session, mut outcomes) = (Session::default(), Vec::new());
        let result = self.conversations(&mut session, command, request, &mut outcomes);
        self.agent.close(&mut session);
        result.map(|()| outcomes)
    }

    /// A policy check is repeated until the Agent names no further TAM; everything else is one conversation.
    fn conversations(
        &mut self,
        session: &mut Session,
        command: Command,
        request: &[u8],
        outcomes: &mut Vec<Outcome>,
    ) -> Result<(), String> {
        for _ in 0..MAX_EXCHANGES {
            let reply = self.invoke(session, command, request)?;
            let Some(first) = post_of(reply)? else { return Ok(()) };
            self.converse(session, first, outcomes)?;
            if command != Command::RequestPolicyCheck {
                return Ok(());
            }
        }
        Err("the Agent has more TAMs than a policy check asks".to_owned())
    }

    /// From the first POST to the end of the conversation with one TAM.
    fn converse(
        &mut self,
        session: &mut Session,
        first: Post,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<(), String> {
        let mut next = Some(first);
        for _ in 0..MAX_EXCHANGES {
            let Some(Post { tam_uri, message, outcome }) = next else { return Ok(()) };
            outcomes.extend(outcome);
            let answer = match self.post(&tam_uri, &message) {
                Ok(answer) => answer,
                Err(problem) => {
                    self.invoke(session, Command::ProcessError, &[])?;
                    return Err(problem);
                }
            };
            if answer.is_empty() {
                return Ok(());
            }
            let mut reply = self.invoke(session, Command::ProcessTeepMessage, &answer)?;
            while let Reply::Fetch { uri, offset } = &reply {
                reply = match self.fetch(session, uri, *offset)? {
                    Ok(reply) => reply,
                    Err(problem) => self.invoke(session, Command::FetchFailed, problem.as_bytes())?,
                };
            }
            next = post_of(reply)?;
        }
        self.invoke(session, Command::ProcessError, &[])?;
        Err("the TAM comes to no end".to_owned())
    }

    fn post(&self, uri: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        let failed = |error: ureq::Error| format!("{uri}: {error}");
        let request = self.http.post(uri).header("Accept", MEDIA_TYPE);
        let sent = match message {
            [] => request.send_empty(),
            message => request.content_type(MEDIA_TYPE).send(message),
        };
        let mut response = sent.map_err(failed)?;
        if !response.status().is_success() {
            return Err(format!("{uri}: the TAM answers {}", response.status()));
        }
        response.body_mut().with_config().limit(MAX_MESSAGE as u64).read_to_vec().map_err(failed)
    }

    /// Hands the Agent the payload at `uri` from `offset` on, piece by piece. The inner error is why it cannot be had,
    /// which is for the Agent to know.
    fn fetch(
        &mut self,
        session: &mut Session,
        uri: &str,
        mut offset: u64,
    ) -> Result<Result<Reply, String>, String> {
        let request = self.http.get(uri).header("Range", format!("bytes={offset}-"));
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // A server that knows no ranges sends everything, which is right from the beginning only.
        match response.status().as_u16() {
            206 => {}
            200 if offset == 0 => {}
            status => return Ok(Err(format!("the server answers {status}"))),
        }
        let mut body = response.into_body().into_reader();
        loop {
            let mut piece = Vec::new();
            if let Err(error) = body.by_ref().take(MAX_FETCH_DATA as u64).read_to_end(&mut piece) {
                return Ok(Err(error.to_string()));
            }
            let data = FetchData { offset, bytes: &piece };
            let reply = self.invoke(session, Command::FetchData, &data.encode())?;
            let after = offset.saturating_add(piece.len() as u64);
            match &reply {
                Reply::Fetch { uri: same, offset: next } if same == uri && *next == after => offset = after,
                _ => return Ok(Ok(reply)),
            }
            if piece.is_empty() {
                return Ok(Err("the payload is shorter than it should be".to_owned()));
            }
        }
    }

    fn invoke(&mut self, session: &mut Session, command: Command, request: &[u8]) -> Result<Reply, String> {
        let reply = self.agent.invoke(session, command, request);
        match Reply::decode(&reply) {
            Ok(Reply::Failed { reason }) => Err(reason),
            Ok(reply) => Ok(reply),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// What `reply` says to POST, if anything.
fn post_of(reply: Reply) -> Result<Option<Post>, String> {
    match reply {
        Reply::Nothing => Ok(None),
        Reply::Connect { tam_uri } => Ok(Some(Post { tam_uri, message: Vec::new(), outcome: None })),
        Reply::Send { tam_uri, message, outcome } => Ok(Some(Post { tam_uri, message, outcome })),
        _ => Err("the Agent answers another question than the one it was asked".to_owned()),
    }
}
