// SPDX-License-Identifier: Apache-2.0
use crate::config::Config;
use crate::contacts::Contacts;
use crate::data::{self, DataPiece};
use crate::env::{Env, EnvError, Measured, Storage};
use crate::keys;
use crate::rate::Rate;
use crate::request::Requests;
use crate::running::Running;
use crate::session::Session;
use crate::staging::Effects;
use crate::store::{State, objects};
use crate::transaction::{self, Refusal};
use crate::trust::Effective;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use teep_proto::Error;
use teep_proto::cose::SigningKey;
use teep_proto::teec::{Command, Reply};

/// The TEEP Agent of one TEE.
pub struct Agent<E: Env> {
    pub(crate) env: E,
    pub(crate) config: Config,
    /// The trust store that counts.
    pub(crate) trust: Effective,
    pub(crate) state: Option<State>,
    damaged: bool,
    /// The state before a write of which it is not known whether it was done, and the one after it.
    doubt: Option<[State; 2]>,
    /// What an interruption left was deleted.
    swept: bool,
    /// Numbers of objects that were given out since the start.
    numbers: Option<Range<u64>>,
    /// Objects that may not be needed, to be looked at when the state is there again.
    left: Vec<u64>,
    key: Option<SigningKey>,
    /// What the TEE measured when that was asked first.
    pub(crate) measured: Option<Measured>,
    pub(crate) contacts: Contacts,
    pub(crate) requests: Requests,
    /// Errors to invalid messages.
    pub(crate) errors: Rate,
    /// Updates that wrote something.
    pub(crate) updates: Rate,
    /// What was replaced or removed and runs still.
    pub(crate) running: Running,
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
        let trust = Effective::built_in(&config.trust);
        Ok(Self {
            env,
            config,
            trust,
            state: None,
            damaged: false,
            doubt: None,
            swept: false,
            numbers: None,
            left: Vec::new(),
            key: None,
            measured: None,
            contacts: Contacts::default(),
            requests: Requests::default(),
            errors: Rate::default(),
            updates: Rate::default(),
            running: Running::default(),
        })
    }

    /// Carries out one command of the Broker in `session` and returns the encoded [`Reply`].
    ///
    /// Whatever the bytes are, there is a reply; a reply that says "failed" changed nothing.
    pub fn invoke(&mut self, session: &mut Session, command: Command, request: &[u8]) -> Vec<u8> {
        let reply = match command {
            Command::RequestTa => self.request_ta(session, request),
            Command::UnrequestTa => self.unrequest_ta(session, request),
            Command::RequestPolicyCheck => self.request_policy_check(session),
            Command::ProcessTeepMessage => self.process_teep_message(session, request),
            Command::ProcessError => {
                self.process_error(session);
                Ok(Reply::Nothing)
            }
            Command::Info => self.info().map(|info| Reply::Info(info.into())),
            Command::FetchData => self.fetch_data(session, request),
            Command::FetchFailed => self.fetch_failed(session, request),
            Command::Provision => self.provision(request),
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
        // Somebody stopped the Broker: the conversation may be begun again at once.
        match session.work {
            Some(_) => self.process_error(session),
            None => self.end(session),
        }
        *session = Session::default();
        self.env.storage().release();
    }

    /// Ends the conversation; a policy check may go on with the next TAM.
    pub(crate) fn end(&mut self, session: &mut Session) {
        self.drop_work(session);
        let policy_checked = core::mem::take(&mut session.policy_checked);
        *session = Session { policy_checked, ..Session::default() };
    }

    /// Gives up the Update that waits for a payload, if there is one.
    pub(crate) fn drop_work(&mut self, session: &mut Session) {
        if let Some(mut work) = session.work.take() {
            self.discard(&mut work.progress.effects);
        }
    }

    /// Deletes what a procedure staged and the state does not refer to.
    pub(crate) fn discard(&mut self, effects: &mut Effects) {
        match &mut self.state {
            Some(state) => effects.discard(&mut self.env, state),
            None => self.left.extend(core::mem::take(effects).into_objects()),
        }
    }

    /// What is installed; read from storage when first needed, and what was interrupted is finished then.
    pub(crate) fn state(&mut self) -> Result<&mut State, Failed> {
        self.load().map_err(unreadable)?;
        self.state.as_mut().ok_or_else(|| "the Agent's state is not there".to_owned())
    }

    /// As [`state`](Self::state); what the platform or storage has lost by now is open in it.
    pub(crate) fn present_state(&mut self) -> Result<&mut State, Failed> {
        self.state()?;
        let Self { env, state: Some(state), .. } = self else {
            return Err("the Agent's state is not there".to_owned());
        };
        if state.journal.is_none() {
            transaction::compare_with_platform(env, state);
        }
        Ok(state)
    }

    /// What is installed; read from storage when first needed. Nothing is changed.
    pub(crate) fn read_state(&mut self) -> Result<(), Failed> {
        self.read().map_err(unreadable)
    }

    fn load(&mut self) -> Result<(), EnvError> {
        self.read()?;
        let Some(state) = &mut self.state else { return Ok(()) };
        self.left.append(&mut state.left);
        objects::delete_unneeded(&mut self.env, state, core::mem::take(&mut self.left));
        if state.journal.is_some() {
            match transaction::resume(&mut self.env, state) {
                Ok(replaced) => self.running.replaced(&replaced),
                Err(error) => {
                    self.env.log(format_args!("what was interrupted cannot be finished yet: {error}"));
                }
            }
        }
        if !self.swept && state.journal.is_none() {
            let first = self.numbers.as_ref().map_or(0, |numbers| numbers.start);
            match objects::sweep(&mut self.env, state, first..state.next_object()) {
                Ok(()) => self.swept = true,
                Err(error) => self.env.log(format_args!("what is not needed cannot be deleted yet: {error}")),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), EnvError> {
        // What was damaged once must not be taken for an empty state when it has vanished.
        if self.damaged {
            return Err(EnvError::CORRUPT);
        }
        if self.state.is_none() {
            let loaded = State::load(&mut self.env);
            // What is in doubt is which of the two it is: anything else, none included, was put in their place.
            let loaded = match &self.doubt {
                Some([before, after]) => {
                    loaded.and_then(|state| match before.may_be(&state) || *after == state {
                        true => Ok(state),
                        false => Err(EnvError::CORRUPT),
                    })
                }
                None => loaded,
            };
            self.damaged = loaded == Err(EnvError::CORRUPT);
            let state = self.state.insert(loaded?);
            self.doubt = None;
            // Sessions may have staged objects since the state was read first: their numbers are taken.
            let next = state.next_object();
            state.continue_numbers(self.numbers.get_or_insert(next..next).end);
        }
        Ok(())
    }

    /// Reads the state again when it is needed next, which has to be the present one or `next`, and then deletes of its
    /// objects and of those that were `staged` for
    /// another one what it does not refer to. What other sessions have staged stays theirs.
    pub(crate) fn forget_state(&mut self, mut next: State, staged: impl IntoIterator<Item = u64>) {
        let Some(mut state) = self.state.take() else { return };
        self.left.append(&mut state.left);
        self.left.extend(state.objects().chain(staged));
        if let Some(numbers) = &mut self.numbers {
            numbers.end = state.next_object();
        }
        next.left.clear();
        self.doubt = Some([state, next]);
    }

    /// Keeps `bytes` as an object that `refer` has the state refer to, in one step.
    ///
    /// # Errors
    /// Why nothing was kept.
    pub(crate) fn keep(&mut self, bytes: &[u8], refer: impl FnOnce(&mut State, u64)) -> Result<(), Refusal> {
        let Self { env, state: Some(state), .. } = self else { return Err(EnvError::BAD_STATE.into()) };
        let object = state.new_object();
        let kept = objects::write(env, object, bytes).map_err(Refusal::from).and_then(|()| {
            let mut next = state.clone();
            refer(&mut next, object);
            transaction::commit(env, state, next, &[])
        });
        match kept {
            Ok(_) => Ok(()),
            Err(Refusal::Unknown(error, next)) => {
                self.forget_state(*next, [object]);
                Err(error.into())
            }
            Err(refusal) => {
                objects::delete_unneeded(env, state, [object]);
                Err(refusal)
            }
        }
    }

    /// The key that signs this Agent's TEEP messages. It exists in the TEE's memory only.
    pub(crate) fn signing_key(&mut self) -> Result<&SigningKey, Failed> {
        if self.key.is_none() {
            let key = keys::message_key(&mut self.env, self.config.suite);
            self.key = Some(key.map_err(|error| format!("the device key cannot be derived: {error}"))?);
        }
        self.key.as_ref().ok_or_else(|| "the Agent has no key".to_owned())
    }
}

fn unreadable(error: EnvError) -> Failed {
    match error {
        EnvError::CORRUPT => {
            "the Agent's stored state is damaged: restart the device, and have what it needs installed again"
                .to_owned()
        }
        error => format!("the Agent's stored state cannot be read: {error}"),
    }
}
