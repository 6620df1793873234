// SPDX-License-Identifier: Apache-2.0
//! The one Agent of this Trusted Application, and its sessions.

use crate::caller::Caller;
use crate::{Call, OpteeEnv, log};
use core::cell::RefCell;
use optee_utee::{ErrorKind, Result};
use teep_agent::{Agent, Session};
use teep_proto::limits::MAX_SESSIONS;

/// What the entry points share: the Agent, from creation on, and the number of open sessions.
pub struct Instance(RefCell<State>);

struct State {
    agent: Option<Agent<OpteeEnv>>,
    sessions: usize,
}

/// One session of a client with this Trusted Application.
#[derive(Debug, Default)]
pub struct Client {
    caller: Caller,
    session: Session,
}

// SAFETY: OP-TEE lets one thread at a time into an instance, from entry to return, unless the TA asks
// otherwise with TA_FLAG_CONCURRENT, which build.rs does not. No entry point calls another.
unsafe impl Sync for Instance {}

impl Instance {
    /// An instance without its Agent.
    pub const fn new() -> Self {
        Self(RefCell::new(State { agent: None, sessions: 0 }))
    }

    /// Starts the Agent with its compiled configuration.
    ///
    /// # Errors
    /// `TEE_ERROR_BAD_FORMAT` when `config` is not what [`teep_agent::config`] compiles.
    pub fn create(&self, config: &[u8]) -> Result<()> {
        let agent = Agent::new(OpteeEnv::default(), config).map_err(|error| {
            log(format_args!("the configuration built into this TA is of no use: {error}"));
            ErrorKind::BadFormat
        })?;
        self.with_state(|state| {
            state.agent = Some(agent);
            Ok(())
        })
    }

    /// Admits one more session, with the client that OP-TEE names.
    ///
    /// # Errors
    /// `TEE_ERROR_BUSY` when [`MAX_SESSIONS`] are open; OP-TEE's reason not to name the client.
    pub fn open_session(&self, client: &mut Client) -> Result<()> {
        client.caller = Caller::identify()?;
        self.with_state(|state| {
            if state.sessions >= MAX_SESSIONS {
                return Err(ErrorKind::Busy.into());
            }
            state.sessions = state.sessions.saturating_add(1);
            Ok(())
        })
    }

    /// Ends a session and makes room for another one.
    pub fn close_session(&self, client: &mut Client) {
        // It cannot fail: no other entry point is running.
        let _ = self.with_state(|state| {
            if let Some(agent) = &mut state.agent {
                agent.close(&mut client.session);
            }
            state.sessions = state.sessions.saturating_sub(1);
            Ok(())
        });
    }

    /// Runs one command of `client`.
    ///
    /// # Errors
    /// `TEE_ERROR_ACCESS_DENIED` for Linux reading data, and for a Trusted Application doing anything else;
    /// `TEE_ERROR_BAD_PARAMETERS` for parameters of another command; those of [`TeepCall::serve`] and
    /// [`DataCall::serve`]. Everything else the Agent has to say to Linux is in its reply.
    ///
    /// [`TeepCall::serve`]: crate::TeepCall::serve
    /// [`DataCall::serve`]: crate::DataCall::serve
    pub fn invoke(&self, client: &mut Client, command: u32, call: &mut Call<'_>) -> Result<()> {
        if !client.caller.may(command) {
            return Err(ErrorKind::AccessDenied.into());
        }
        self.with_state(|state| {
            let agent = state.agent.as_mut().ok_or(ErrorKind::BadState)?;
            match (client.caller, call) {
                (Caller::Linux, Call::Teep(call)) => {
                    let session = &mut client.session;
                    call.serve(command, |command, request| agent.invoke(session, command, request))
                }
                (Caller::TrustedApplication(reader), Call::ReadData(call)) => {
                    call.serve(|id, offset, buffer| agent.read_data(reader, id, offset, buffer))
                }
                _ => Err(ErrorKind::BadParameters.into()),
            }
        })
    }

    fn with_state<T>(&self, run: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.0.try_borrow_mut().map_err(|_| ErrorKind::Busy)?;
        run(&mut state)
    }
}

impl Default for Instance {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
