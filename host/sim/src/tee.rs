// SPDX-License-Identifier: Apache-2.0
use crate::MemoryEnv;
use teep_agent::{Agent, Session};
use teep_broker::{Tee, TeeError, TeeSession};
use teep_proto::teec::{Command, MAX_REPLY};

/// A TEE with a TEEP Agent in it, for [`teep_broker::Broker`].
#[derive(Debug)]
pub struct SimTee {
    agent: Agent<MemoryEnv>,
}

impl SimTee {
    /// Starts the Agent with the encoded configuration `config` on `env`.
    ///
    /// # Errors
    /// When the configuration does not decode.
    pub fn start(env: MemoryEnv, config: &[u8]) -> Result<Self, teep_proto::Error> {
        Agent::new(env, config).map(|agent| Self { agent })
    }
}

impl Tee for SimTee {
    type Session<'a> = SimSession<'a>;

    fn open_session(&mut self) -> Result<SimSession<'_>, TeeError> {
        Ok(SimSession { agent: &mut self.agent, session: Session::default() })
    }
}

/// One session with the simulated Agent.
#[derive(Debug)]
pub struct SimSession<'a> {
    agent: &'a mut Agent<MemoryEnv>,
    session: Session,
}

impl TeeSession for SimSession<'_> {
    fn invoke(&mut self, command: Command, request: &[u8]) -> Result<Vec<u8>, TeeError> {
        if request.len() > command.max_request() {
            return Err(TeeError::new("the request is larger than the Agent takes"));
        }
        let reply = self.agent.invoke(&mut self.session, command, request);
        if reply.len() > MAX_REPLY {
            return Err(TeeError::new("the Agent's reply is larger than it may be"));
        }
        Ok(reply)
    }
}
