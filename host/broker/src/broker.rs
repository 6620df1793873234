// SPDX-License-Identifier: Apache-2.0
//! The conversations of the Broker.

use crate::fetch::Fetcher;
use crate::http::Client;
use crate::uri::WebUri;
use crate::{Config, Error, Tee, TeeSession};
use std::fmt;
use teep_proto::teec::{AgentInfo, Command, Outcome, Reply, TaRequest, clip};

/// Relays between the Agent in a [`Tee`] and the TAMs the Agent names.
///
/// Each method is one request of somebody in Linux, run to its end. The Agent's session lives as long as
/// the method: no state of a conversation outlasts it (REQ-HTTP-020).
pub struct Broker<T> {
    tee: T,
    client: Client,
    config: Config,
}

/// Progress of a conversation, as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The Agent is called; it may take its time.
    AgentWorking {
        /// With which command.
        command: Command,
    },
    /// The TAM is about to be contacted.
    Connecting {
        /// The TAM's URI.
        tam_uri: &'a str,
    },
    /// A POST has been sent and answered.
    Sent {
        /// Bytes of its body; 0 asks the TAM to speak first.
        bytes: usize,
    },
    /// The answer of the TAM has been received.
    Received {
        /// Bytes of its body; 0 ends the session.
        bytes: usize,
    },
    /// A payload server is about to be asked for a payload, or for the rest of it.
    Fetching {
        /// The payload's URI.
        uri: &'a str,
        /// Bytes of it that the Agent has.
        offset: u64,
    },
    /// The Agent has taken a piece of the payload.
    Fetched {
        /// Bytes of the payload that it has now.
        bytes: u64,
        /// Bytes of the whole payload, where the server said it.
        total: Option<u64>,
    },
    /// The transfer of a payload broke.
    FetchTrouble {
        /// The payload's URI.
        uri: &'a str,
        /// What happened: the end of a sentence about the payload server.
        cause: &'a str,
        /// Whether it is tried again.
        again: bool,
    },
    /// The Agent says what the TAM's message led to.
    Outcome(&'a Outcome),
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// POSTs answered by a TAM. 0: the Agent needed no TAM, there was nothing to do.
    pub exchanges: u32,
    /// What the Agent says the TAM's messages led to, in order.
    pub outcomes: Vec<Outcome>,
    /// For each payload that could not be fetched, why: what the Agent was told.
    pub unfetched: Vec<String>,
}

impl Report {
    /// The first outcome that is not a success.
    pub fn refusal(&self) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.err_code != 0)
    }
}

/// A conversation that ended badly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why it ended.
    pub error: Error,
    /// What had been done until then; it stays done.
    pub report: Report,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl<T: Tee> Broker<T> {
    /// A Broker for the Agent in `tee`.
    pub fn new(tee: T, config: Config) -> Self {
        Self { tee, client: Client::new(&config), config }
    }

    /// Asks for a Trusted Component (RequestTA). Whether it is needed is for the Agent to judge
    /// (REQ-HTTP-014).
    ///
    /// # Errors
    /// When the Agent, the TAM or the network fails. A TAM's request that the Agent refuses is not an error
    /// but a [`Report::refusal`].
    pub fn request_ta(
        &mut self,
        request: &TaRequest,
        progress: &mut dyn FnMut(Event<'_>),
    ) -> Result<Report, Failure> {
        self.run(Command::RequestTa, &request.encode(), progress)
    }

    /// Says that a Trusted Component is no longer needed (UnrequestTA).
    ///
    /// # Errors
    /// As [`request_ta`](Self::request_ta).
    pub fn unrequest_ta(
        &mut self,
        request: &TaRequest,
        progress: &mut dyn FnMut(Event<'_>),
    ) -> Result<Report, Failure> {
        self.run(Command::UnrequestTa, &request.encode(), progress)
    }

    /// Asks the Agent's TAMs for changes (RequestPolicyCheck), repeated in one session with the Agent until
    /// the Agent names no further TAM (REQ-HTTP-024). Ends at the first TAM that fails.
    ///
    /// # Errors
    /// As [`request_ta`](Self::request_ta).
    pub fn policy_check(&mut self, progress: &mut dyn FnMut(Event<'_>)) -> Result<Report, Failure> {
        self.run(Command::RequestPolicyCheck, &[], progress)
    }

    /// What the Agent is.
    ///
    /// # Errors
    /// When the Agent cannot be asked.
    pub fn info(&mut self) -> Result<AgentInfo, Error> {
        let mut session = self.tee.open_session()?;
        match call(&mut session, Command::Info, &[])? {
            Reply::Info(info) => Ok(*info),
            Reply::Failed { reason } => Err(Error::AgentFailed { reason }),
            _ => Err(unexpected(Command::Info)),
        }
    }

    /// Hands the Agent its first trust store (`teep-suit trust-store` makes them), which the Agent takes once and only
    /// if it was built for that.
    ///
    /// # Errors
    /// [`Error::AgentFailed`] with the reason if the Agent does not take it.
    pub fn provision(&mut self, trust_store: &[u8]) -> Result<(), Error> {
        let limit = Command::Provision.max_request();
        if trust_store.len() > limit {
            return Err(Error::TrustStoreTooLong { limit });
        }
        let mut session = self.tee.open_session()?;
        match call(&mut session, Command::Provision, trust_store)? {
            Reply::Nothing => Ok(()),
            Reply::Failed { reason } => Err(Error::AgentFailed { reason }),
            _ => Err(unexpected(Command::Provision)),
        }
    }

    fn run(
        &mut self,
        command: Command,
        request: &[u8],
        progress: &mut dyn FnMut(Event<'_>),
    ) -> Result<Report, Failure> {
        let mut report = Report::default();
        let relay =
            Relay { client: &self.client, config: &self.config, progress, report: &mut report, fetches: 0 };
        let limit = command.max_request();
        let result = if request.len() > limit {
            Err(Error::RequestTooLong { limit })
        } else {
            match self.tee.open_session() {
                Ok(mut session) => relay.run(&mut session, command, request),
                Err(error) => Err(Error::Tee(error)),
            }
        };
        match result {
            Ok(()) => Ok(report),
            Err(error) => Err(Failure { error, report }),
        }
    }
}

/// What the Agent wants POSTed; an empty message asks the TAM to speak first.
struct Post {
    tam_uri: String,
    message: Vec<u8>,
}

/// One conversation in progress.
struct Relay<'a> {
    client: &'a Client,
    config: &'a Config,
    progress: &'a mut dyn FnMut(Event<'_>),
    report: &'a mut Report,
    /// Payloads fetched so far in this conversation.
    fetches: u32,
}

impl Relay<'_> {
    fn run<S: TeeSession>(mut self, session: &mut S, command: Command, request: &[u8]) -> Result<(), Error> {
        let mut failed = None;
        for contacted in 0..=self.config.max_sessions {
            let Some(post) = self.ask(session, command, request)? else { break };
            if contacted == self.config.max_sessions {
                process_error(session);
                return Err(Error::TooManySessions { limit: contacted });
            }
            let conversation = self.converse(session, post);
            if command != Command::RequestPolicyCheck {
                return conversation;
            }
            // A TAM that fails does not keep the others from being asked; the first failure is told at the end.
            match conversation {
                // Where it is the device that failed, the Agent says so again when it is asked for the next one.
                Err(error) if error.is_of_the_tam() || matches!(error, Error::AgentFailed { .. }) => {
                    failed = failed.or(Some(error));
                }
                other => other?,
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// From the first POST to the end of the session with this TAM.
    fn converse<S: TeeSession>(&mut self, session: &mut S, first: Post) -> Result<(), Error> {
        let Post { tam_uri, mut message } = first;
        self.fetches = 0;
        let tam = WebUri::parse(&tam_uri).map_err(|problem| {
            process_error(session);
            Error::BadUri { uri: tam_uri.clone(), problem }
        })?;
        for _ in 0..self.config.max_exchanges {
            let answer = self.exchange(&tam, &message).inspect_err(|_| process_error(session))?;
            if answer.is_empty() {
                return Ok(());
            }
            match self.ask(session, Command::ProcessTeepMessage, &answer)? {
                // A message of no bytes is no message.
                Some(post) if !post.message.is_empty() => {
                    if post.tam_uri != tam_uri {
                        return Err(Error::AgentReply {
                            command: Command::ProcessTeepMessage,
                            problem: "is for another TAM than the one of this session".to_owned(),
                        });
                    }
                    message = post.message;
                }
                _ => return Ok(()),
            }
        }
        process_error(session);
        Err(Error::TooManyExchanges { uri: tam_uri, limit: self.config.max_exchanges })
    }

    fn exchange(&mut self, tam: &WebUri, message: &[u8]) -> Result<Vec<u8>, Error> {
        (self.progress)(Event::Connecting { tam_uri: tam.as_str() });
        let answer = self.client.post(tam, message, Command::ProcessTeepMessage.max_request())?;
        self.report.exchanges = self.report.exchanges.saturating_add(1);
        (self.progress)(Event::Sent { bytes: message.len() });
        (self.progress)(Event::Received { bytes: answer.len() });
        Ok(answer)
    }

    /// Calls the Agent and returns what it wants POSTed, if anything, once it has the payloads it needs for that.
    fn ask<S: TeeSession>(
        &mut self,
        session: &mut S,
        command: Command,
        request: &[u8],
    ) -> Result<Option<Post>, Error> {
        (self.progress)(Event::AgentWorking { command });
        let mut reply = call(session, command, request)?;
        while let (Command::ProcessTeepMessage, Reply::Fetch { uri, offset }) = (command, &reply) {
            if self.fetches == self.config.max_fetches {
                process_error(session);
                return Err(Error::TooManyFetches { limit: self.fetches });
            }
            self.fetches = self.fetches.saturating_add(1);
            let fetcher = Fetcher::new(self.client, self.config, self.progress);
            reply = match fetcher.run(session, uri, *offset)? {
                Ok(reply) => reply,
                Err(why) => {
                    let reply = call(session, Command::FetchFailed, clip(&why).as_bytes())?;
                    self.report.unfetched.push(why);
                    reply
                }
            };
        }
        match reply {
            Reply::Nothing => Ok(None),
            Reply::Connect { tam_uri } if command != Command::ProcessTeepMessage => {
                Ok(Some(Post { tam_uri, message: Vec::new() }))
            }
            Reply::Send { tam_uri, message, outcome } => {
                if let Some(outcome) = outcome {
                    (self.progress)(Event::Outcome(&outcome));
                    self.report.outcomes.push(outcome);
                }
                Ok(Some(Post { tam_uri, message }))
            }
            Reply::Failed { reason } => Err(Error::AgentFailed { reason }),
            Reply::Connect { .. } | Reply::Info(_) | Reply::Fetch { .. } => Err(unexpected(command)),
        }
    }
}

/// Calls the Agent and decodes its reply.
pub(crate) fn call<S: TeeSession>(session: &mut S, command: Command, request: &[u8]) -> Result<Reply, Error> {
    let reply = session.invoke(command, request)?;
    Reply::decode(&reply)
        .map_err(|error| Error::AgentReply { command, problem: format!("cannot be decoded ({error})") })
}

/// Tells the Agent that HTTP failed (REQ-HTTP-027). What it answers is ignored: the session ends either way,
/// and the failure to report is the one that led here.
fn process_error<S: TeeSession>(session: &mut S) {
    let _ = session.invoke(Command::ProcessError, &[]);
}

fn unexpected(command: Command) -> Error {
    Error::AgentReply { command, problem: "is an answer to another command".to_owned() }
}
