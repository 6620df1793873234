// SPDX-License-Identifier: Apache-2.0
use crate::config::Config;
use crate::data::{self, DataPiece};
use crate::env::{Env, EnvError};
use crate::keys;
use crate::session::Session;
use crate::store::{State, hash, objects};
use crate::transaction;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::cose::SigningKey;
use teep_proto::suit::ComponentId;
use teep_proto::teec::{AgentInfo, Command, InstalledComponent, Reply, TaRequest};

/// The TEEP Agent of one TEE.
pub struct Agent<E: Env> {
    pub(crate) env: E,
    pub(crate) config: Config,
    pub(crate) state: Option<State>,
    damaged: bool,
    /// What an interruption left was deleted.
    swept: bool,
    key: Option<SigningKey>,
}

impl<E: Env> core::fmt::Debug for Agent<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Agent").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Why a command ended the session without a message.
pub(crate) type Failed = String;

impl<E: Env> Agent<E> {
    /// An Agent with the encoded configuration `config` (see [`crate::config`]). Nothing is read or derived
    /// before the first command needs it.
    ///
    /// # Errors
    /// When the configuration is not what [`Config::encode`] makes.
    pub fn new(env: E, config: &[u8]) -> Result<Self, Error> {
        let config = Config::decode(config)?;
        Ok(Self { env, config, state: None, damaged: false, swept: false, key: None })
    }

    /// Carries out one command of the Broker in `session` and returns the encoded [`Reply`].
    ///
    /// Whatever the bytes are, there is a reply; a reply that says "failed" changed nothing.
    pub fn invoke(&mut self, session: &mut Session, command: Command, request: &[u8]) -> Vec<u8> {
        let reply = match command {
            Command::RequestTa => self.request_ta(session, request),
            Command::UnrequestTa => self.unrequest_ta(session, request),
            Command::RequestPolicyCheck => Ok(self.request_policy_check(session)),
            Command::ProcessTeepMessage => self.process_teep_message(session, request),
            Command::ProcessError => {
                self.end(session);
                Ok(Reply::Nothing)
            }
            Command::Info => self.info().map(Reply::Info),
            Command::FetchData => self.fetch_data(session, request),
            Command::FetchFailed => self.fetch_failed(session, request),
        };
        let reply = reply.unwrap_or_else(|reason| {
            self.env.log(format_args!("{}: {reason}", command.name()));
            self.end(session);
            Reply::Failed { reason }
        });
        reply.encode()
    }

    /// Reads the data component with the encoded identifier `component_id` from `offset` on into `buffer`, for the
    /// Trusted Application `reader`, for whose UUID the TEE vouches.
    ///
    /// # Errors
    /// [`EnvError::NOT_FOUND`] when there is none, or it is not for this Trusted Application, which is not to be told
    /// apart; TEE_ERROR_BAD_PARAMETERS when `component_id` is no component identifier; else the TEE's reason.
    pub fn read_data(
        &mut self,
        reader: [u8; 16],
        component_id: &[u8],
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<DataPiece, EnvError> {
        self.load()?;
        let state = self.state.as_ref().ok_or(EnvError::BAD_STATE)?;
        data::read(&mut self.env, state, reader, component_id, offset, buffer)
    }

    /// Ends `session`, whatever it was doing; what it had fetched so far is deleted.
    pub fn close(&mut self, session: &mut Session) {
        self.end(session);
        *session = Session::default();
    }

    /// Ends the conversation; a policy check may go on with the next TAM.
    pub(crate) fn end(&mut self, session: &mut Session) {
        self.drop_work(session);
        *session = Session { policy_checked: session.policy_checked, ..Session::default() };
    }

    /// Gives up the Update that waits for a payload, if there is one.
    pub(crate) fn drop_work(&mut self, session: &mut Session) {
        if let (Some(mut work), Some(state)) = (session.work.take(), &self.state) {
            work.progress.effects.discard(&mut self.env, state);
        }
    }

    /// A Trusted Component is wanted: nothing if it is installed (REQ-TEEP-120), else a TAM to ask.
    fn request_ta(&mut self, session: &mut Session, request: &[u8]) -> Result<Reply, Failed> {
        let request = decode_request(request)?;
        let id = ComponentId::encode(&request.component_id);
        if self.state()?.has(&id) {
            return Ok(Reply::Nothing);
        }
        let tam = self.hinted(request.tam_uri_hint.as_deref()).unwrap_or(0);
        let reply = self.connect(session, tam)?;
        session.requested = Some(id);
        Ok(reply)
    }

    /// A Trusted Component is no longer wanted. A hint only: the TAM decides (REQ-ARCH-025). It is told of those of its
    /// root manifests that keep the component alive.
    fn unrequest_ta(&mut self, session: &mut Session, request: &[u8]) -> Result<Reply, Failed> {
        let request = decode_request(request)?;
        let id = ComponentId::encode(&request.component_id);
        let hint = self.hinted(request.tam_uri_hint.as_deref());
        let count = self.config.tams.len();
        for tam in hint.into_iter().chain(0..count) {
            let Some(uri) = self.config.tams.get(tam).map(|tam| hash(tam.uri.as_bytes())) else { continue };
            let state = self.state()?;
            let keeping =
                state.keeping_alive(&id).into_iter().filter(|manifest| manifest.roots.contains(&uri));
            let unneeded: Vec<_> = keeping.map(|manifest| manifest.id.clone()).collect();
            if !unneeded.is_empty() {
                let reply = self.connect(session, tam)?;
                session.unneeded = unneeded;
                return Ok(reply);
            }
        }
        Ok(Reply::Nothing)
    }

    /// One TAM per call, then nothing (REQ-TEEP-122).
    fn request_policy_check(&mut self, session: &mut Session) -> Reply {
        self.end(session);
        let next = session.policy_checked;
        let Some(tam) = self.config.tams.get(next) else {
            session.policy_checked = 0;
            return Reply::Nothing;
        };
        session.policy_checked = next.saturating_add(1);
        session.begin(next);
        Reply::Connect { tam_uri: tam.uri.clone() }
    }

    /// The TAM of the hint, if it is a trusted one (REQ-TEEP-121, REQ-ARCH-013).
    fn hinted(&self, hint: Option<&str>) -> Option<usize> {
        hint.and_then(|hint| self.config.tams.iter().position(|tam| tam.uri == hint))
    }

    /// Begins a conversation with a TAM.
    fn connect(&mut self, session: &mut Session, tam: usize) -> Result<Reply, Failed> {
        self.end(session);
        let anchor = self.config.tams.get(tam).ok_or("the Agent has no TAM in its configuration")?;
        session.begin(tam);
        Ok(Reply::Connect { tam_uri: anchor.uri.clone() })
    }

    fn info(&mut self) -> Result<AgentInfo, Failed> {
        let state = self.state()?;
        let components = state.components.iter().map(|component| InstalledComponent {
            component_id: ComponentId::decode(&component.id).map(|id| id.to_elements()).unwrap_or_default(),
            manifest_sequence_number: state
                .owners(&component.id)
                .map(|owner| owner.sequence_number)
                .max()
                .unwrap_or_default(),
            digest: state
                .certain_digest(component)
                .map(|digest| digest.as_bytes().to_vec())
                .unwrap_or_default(),
        });
        let components = components.collect();
        let failed = |error| format!("the device's keys cannot be derived: {error}");
        Ok(AgentInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            public_key: self.signing_key()?.public_key().to_cose_key(),
            decryption_key: keys::decryption_secret(&mut self.env)
                .map_err(failed)?
                .public_key()
                .to_cose_key(),
            report_key: keys::report_key(&mut self.env).map_err(failed)?.public_key().to_cose_key(),
            attestation_key: keys::attestation_key(&mut self.env).map_err(failed)?.public_key().to_cose_key(),
            measurement: self.measurement(),
            tam_uris: self.config.tams.iter().map(|tam| tam.uri.clone()).collect(),
            components,
        })
    }

    /// What the TEE measures, for people: a TEE that cannot measure just now does not keep a device from being enrolled.
    fn measurement(&mut self) -> Vec<u8> {
        match self.env.measurement() {
            Ok(measured) => measured.map(Vec::from).unwrap_or_default(),
            Err(error) => {
                self.env.log(format_args!("the Agent cannot be measured: {error}"));
                Vec::new()
            }
        }
    }

    /// What is installed; read from storage when first needed, and what was interrupted is finished then.
    pub(crate) fn state(&mut self) -> Result<&mut State, Failed> {
        self.load().map_err(|error| match error {
            EnvError::CORRUPT => "the Agent's stored state is damaged".to_owned(),
            error => format!("the Agent's stored state cannot be read: {error}"),
        })?;
        self.state.as_mut().ok_or_else(|| "the Agent's state is not there".to_owned())
    }

    fn load(&mut self) -> Result<(), EnvError> {
        // What was damaged once must not be taken for an empty state when it has vanished.
        if self.damaged {
            return Err(EnvError::CORRUPT);
        }
        if self.state.is_none() {
            let loaded = State::load(&mut self.env);
            self.damaged = loaded == Err(EnvError::CORRUPT);
            self.state = Some(loaded?);
        }
        let Some(state) = &mut self.state else { return Ok(()) };
        if state.journal.is_some()
            && let Err(error) = transaction::resume(&mut self.env, state)
        {
            self.env.log(format_args!("what was interrupted cannot be finished yet: {error}"));
        }
        if !self.swept && state.journal.is_none() {
            transaction::compare_with_platform(&mut self.env, state);
            match objects::sweep(&mut self.env, state) {
                Ok(()) => self.swept = true,
                Err(error) => self.env.log(format_args!("what is not needed cannot be deleted yet: {error}")),
            }
        }
        Ok(())
    }

    /// Reads the state again, and deletes what it does not refer to, when it is needed next.
    pub(crate) fn forget_state(&mut self) {
        self.state = None;
        self.swept = false;
    }

    /// The key that signs this Agent's TEEP messages. It exists in the TEE's memory only.
    pub(crate) fn signing_key(&mut self) -> Result<&SigningKey, Failed> {
        if self.key.is_none() {
            let key = keys::message_key(&mut self.env);
            self.key = Some(key.map_err(|error| format!("the device key cannot be derived: {error}"))?);
        }
        self.key.as_ref().ok_or_else(|| "the Agent has no key".to_owned())
    }
}

fn decode_request(request: &[u8]) -> Result<TaRequest, Failed> {
    TaRequest::decode(request).map_err(|error| format!("the request is not understood: {error}"))
}
