// SPDX-License-Identifier: Apache-2.0
//! The one Agent of this Trusted Application, and its sessions.

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

    /// Admits one more session.
    ///
    /// # Errors
    /// `TEE_ERROR_BUSY` when [`MAX_SESSIONS`] are open.
    pub fn open_session(&self) -> Result<()> {
        self.with_state(|state| {
            if state.sessions >= MAX_SESSIONS {
                return Err(ErrorKind::Busy.into());
            }
            state.sessions = state.sessions.saturating_add(1);
            Ok(())
        })
    }

    /// Makes room for another session.
    pub fn close_session(&self) {
        // It cannot fail: no other entry point is running.
        let _ = self.with_state(|state| {
            state.sessions = state.sessions.saturating_sub(1);
            Ok(())
        });
    }

    /// Runs one command of `session`.
    ///
    /// # Errors
    /// Those of [`Call::serve`]. Everything the Agent itself has to say is in its reply.
    pub fn invoke(&self, session: &mut Session, command: u32, call: &mut Call<'_>) -> Result<()> {
        self.with_state(|state| {
            let agent = state.agent.as_mut().ok_or(ErrorKind::BadState)?;
            call.serve(command, |command, request| agent.invoke(session, command, request))
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
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_sessions_holds_and_closing_makes_room() {
        let instance = Instance::new();
        for _ in 0..MAX_SESSIONS {
            instance.open_session().expect("within the limit");
        }
        let refused = instance.open_session().expect_err("one past the limit");
        assert_eq!(refused.kind(), ErrorKind::Busy);
        instance.close_session();
        instance.open_session().expect("within the limit again");
    }
}
