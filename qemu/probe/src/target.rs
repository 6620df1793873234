// SPDX-License-Identifier: Apache-2.0
//! The Agent under attack.

use crate::param::{Memory, Shape};
use optee_teec::{Context, Error, Operation, ParamNone, ParamTmpRef, Session, Uuid};
use teep_proto::teec::{AGENT_UUID, MAX_REPLY};

/// A session with the Agent.
pub(crate) struct Target {
    context: Context,
    session: Session,
    memory: Memory,
}

impl Target {
    pub(crate) fn connect() -> Result<Self, Error> {
        let mut context = Context::new()?;
        let session = context.open_session(Uuid::from_bytes(AGENT_UUID))?;
        Ok(Self { context, session, memory: Memory::new(MAX_REPLY.saturating_mul(4)) })
    }

    /// Gives up the session for a new one.
    pub(crate) fn reconnect(&mut self) -> Result<(), Error> {
        self.session = self.context.open_session(Uuid::from_bytes(AGENT_UUID))?;
        Ok(())
    }

    /// A call with the right parameter types and `room` bytes for the reply.
    pub(crate) fn call(&mut self, command: u32, request: &[u8], room: usize) -> Result<Vec<u8>, Error> {
        // libteec maps some bytes even of an empty reference: they must be there.
        let nothing = [0; 8];
        let request = if request.is_empty() { nothing.get(..0).unwrap_or_default() } else { request };
        let mut reply = Vec::with_capacity(room.max(8));
        reply.resize(room, 0);
        let p0 = ParamTmpRef::new_input(request);
        let p1 = ParamTmpRef::new_output(&mut reply);
        let mut operation = Operation::new(0, p0, p1, ParamNone, ParamNone);
        self.session.invoke_command(command, &mut operation)?;
        let length = operation.parameters().1.updated_size();
        reply.truncate(length);
        Ok(reply)
    }

    /// A call with parameters of the types `shapes`, each memory reference with room for a reply.
    pub(crate) fn call_shaped(&mut self, command: u32, shapes: [Shape; 4]) -> Result<(), Error> {
        let memory = &self.memory;
        let room = |position: usize| {
            let start = position.saturating_mul(MAX_REPLY);
            memory.part(start..start.saturating_add(MAX_REPLY))
        };
        let [s0, s1, s2, s3] = shapes;
        let value = (1, u32::MAX);
        let (p0, p1) = (s0.param(value, room(0)), s1.param(value, room(1)));
        let (p2, p3) = (s2.param(value, room(2)), s3.param(value, room(3)));
        self.session.invoke_command(command, &mut Operation::new(0, p0, p1, p2, p3))
    }
}
