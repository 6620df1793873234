// SPDX-License-Identifier: Apache-2.0
use crate::MemoryEnv;
use teep_agent::{Agent, DataPiece, EnvError, Session};
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

    /// The data component with the encoded identifier `component_id`, as the Trusted Application `reader` gets it.
    ///
    /// # Errors
    /// [`EnvError::NOT_FOUND`] when there is none, or it is not for this reader.
    pub fn read_data(&mut self, reader: [u8; 16], component_id: &[u8]) -> Result<Vec<u8>, EnvError> {
        let (mut data, mut piece) = (Vec::new(), [0; 1024]);
        loop {
            let offset = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let DataPiece { read, .. } = self.agent.read_data(reader, component_id, offset, &mut piece)?;
            match piece.get(..read) {
                Some([]) | None => return Ok(data),
                Some(bytes) => data.extend(bytes),
            }
        }
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

impl Drop for SimSession<'_> {
    fn drop(&mut self) {
        self.agent.close(&mut self.session);
    }
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
