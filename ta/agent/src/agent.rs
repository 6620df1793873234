// SPDX-License-Identifier: Apache-2.0
use crate::config::Config;
use crate::env::{Env, EnvError};
use crate::session::Session;
use crate::state::State;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::cose::SigningKey;
use teep_proto::suit::ComponentId;
use teep_proto::teec::{AgentInfo, Command, InstalledComponent, Reply, TaRequest};

/// Label under which the key of TEEP messages is derived; other purposes get other labels (REQ-TEEP-086).
const MESSAGE_KEY_LABEL: &[u8] = b"TEEP message signing key, ESP256, try ";
/// Tries to derive a scalar below the order of P-256. One fails with a probability of 2^-32.
const MESSAGE_KEY_TRIES: u8 = 4;

/// The TEEP Agent of one TEE.
pub struct Agent<E: Env> {
    pub(crate) env: E,
    pub(crate) config: Config,
    state: Option<State>,
    damaged: bool,
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
        Ok(Self { env, config: Config::decode(config)?, state: None, damaged: false, key: None })
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
                session.end();
                Ok(Reply::Nothing)
            }
            Command::Info => self.info().map(Reply::Info),
        };
        let reply = reply.unwrap_or_else(|reason| {
            self.env.log(format_args!("{}: {reason}", command.name()));
            session.end();
            Reply::Failed { reason }
        });
        reply.encode()
    }

    /// A Trusted Component is wanted: nothing if it is installed (REQ-TEEP-120), else a TAM to ask.
    fn request_ta(&mut self, session: &mut Session, request: &[u8]) -> Result<Reply, Failed> {
        let request = decode_request(request)?;
        let id = ComponentId::encode(&request.component_id);
        if self.state()?.owner(&id).is_some() {
            return Ok(Reply::Nothing);
        }
        let reply = self.connect(session, request.tam_uri_hint.as_deref())?;
        session.requested = Some(id);
        Ok(reply)
    }

    /// A Trusted Component is no longer wanted. A hint only: the TAM decides (REQ-ARCH-025).
    fn unrequest_ta(&mut self, session: &mut Session, request: &[u8]) -> Result<Reply, Failed> {
        let request = decode_request(request)?;
        let id = ComponentId::encode(&request.component_id);
        let Some(manifest_id) = self.state()?.owner(&id).map(|record| record.manifest_id.clone()) else {
            return Ok(Reply::Nothing);
        };
        let reply = self.connect(session, request.tam_uri_hint.as_deref())?;
        session.unneeded = Some(manifest_id);
        Ok(reply)
    }

    /// One TAM per call, then nothing (REQ-TEEP-122).
    fn request_policy_check(&mut self, session: &mut Session) -> Reply {
        let next = session.policy_checked;
        let Some(tam) = self.config.tams.get(next) else {
            session.policy_checked = 0;
            session.end();
            return Reply::Nothing;
        };
        session.policy_checked = next.saturating_add(1);
        session.begin(next);
        Reply::Connect { tam_uri: tam.uri.clone() }
    }

    /// Begins a conversation with the TAM of the hint if it is a trusted one, else with the first
    /// (REQ-TEEP-121, REQ-ARCH-013).
    fn connect(&mut self, session: &mut Session, hint: Option<&str>) -> Result<Reply, Failed> {
        let tams = &self.config.tams;
        let hinted = hint.and_then(|hint| tams.iter().position(|tam| tam.uri == hint));
        let index = hinted.unwrap_or(0);
        let tam = tams.get(index).ok_or("the Agent has no TAM in its configuration")?;
        session.begin(index);
        Ok(Reply::Connect { tam_uri: tam.uri.clone() })
    }

    fn info(&mut self) -> Result<AgentInfo, Failed> {
        let state = self.state()?;
        let components = state.manifests.iter().map(|record| InstalledComponent {
            component_id: ComponentId::decode(&record.component_id)
                .map(|id| id.to_elements())
                .unwrap_or_default(),
            manifest_sequence_number: record.sequence_number,
            digest: state.certain_digest(record).map(|digest| digest.as_bytes().to_vec()).unwrap_or_default(),
        });
        let components = components.collect();
        Ok(AgentInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            public_key: self.signing_key()?.public_key().to_cose_key(),
            tam_uris: self.config.tams.iter().map(|tam| tam.uri.clone()).collect(),
            components,
        })
    }

    /// What is installed; read from storage when first needed.
    pub(crate) fn state(&mut self) -> Result<&mut State, Failed> {
        // What was damaged once must not be taken for an empty state when it has vanished.
        const DAMAGED: &str = "the Agent's stored state is damaged";
        if self.damaged {
            return Err(DAMAGED.to_owned());
        }
        if self.state.is_none() {
            let state = State::load(&mut self.env).map_err(|error| {
                self.damaged = error == EnvError::CORRUPT;
                if self.damaged {
                    DAMAGED.to_owned()
                } else {
                    format!("the Agent's stored state cannot be read: {error}")
                }
            })?;
            for pending in &state.pending {
                let number = pending.sequence_number;
                self.env.log(format_args!("an installation was interrupted, sequence number {number}"));
            }
            self.state = Some(state);
        }
        self.state.as_mut().ok_or_else(|| "the Agent's state is not there".to_owned())
    }

    /// The state taken out, to be worked on beside the environment; [`Self::put_state`] puts it back.
    pub(crate) fn take_state(&mut self) -> Result<State, Failed> {
        self.state()?;
        Ok(self.state.take().unwrap_or_default())
    }

    /// Puts back what [`Self::take_state`] took.
    pub(crate) fn put_state(&mut self, state: State) {
        self.state = Some(state);
    }

    /// The key that signs this Agent's TEEP messages. It exists in the TEE's memory only.
    pub(crate) fn signing_key(&mut self) -> Result<&SigningKey, Failed> {
        if self.key.is_none() {
            self.key = Some(self.derive_signing_key()?);
        }
        self.key.as_ref().ok_or_else(|| "the Agent has no key".to_owned())
    }

    fn derive_signing_key(&mut self) -> Result<SigningKey, Failed> {
        for attempt in 0..MESSAGE_KEY_TRIES {
            let label = [MESSAGE_KEY_LABEL, &[attempt]].concat();
            let scalar = self.env.derive_key(&label);
            let scalar = scalar.map_err(|error| format!("the device key cannot be derived: {error}"))?;
            if let Ok(key) = SigningKey::p256_from_scalar(&scalar) {
                return Ok(key);
            }
        }
        Err("the device key cannot be derived: no usable scalar".to_owned())
    }
}

fn decode_request(request: &[u8]) -> Result<TaRequest, Failed> {
    TaRequest::decode(request).map_err(|error| format!("the request is not understood: {error}"))
}
