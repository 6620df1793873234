// SPDX-License-Identifier: Apache-2.0
//! A TEE whose Agent answers what the test says, and remembers what it was asked.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use teep_broker::{Tee, TeeError, TeeSession};
use teep_proto::teec::{Command, Reply};

#[derive(Clone)]
pub(crate) struct FakeTee(Rc<RefCell<State>>);

/// What the Agent answers to a command.
type Play = Box<dyn FnMut(Command, &[u8]) -> Result<Vec<u8>, TeeError>>;

struct State {
    play: Play,
    calls: Vec<Call>,
    opened: usize,
    closed: usize,
    refuse_sessions: Option<TeeError>,
}

/// A command the Agent was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) session: usize,
    pub(crate) command: Command,
    pub(crate) request: Vec<u8>,
}

pub(crate) struct FakeSession {
    state: Rc<RefCell<State>>,
    number: usize,
}

impl FakeTee {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::raw(replies.into_iter().map(|reply| Ok(reply.encode())))
    }

    pub(crate) fn raw(replies: impl IntoIterator<Item = Result<Vec<u8>, TeeError>>) -> Self {
        let mut replies: VecDeque<_> = replies.into_iter().collect();
        Self::playing(move |command, _| {
            replies.pop_front().unwrap_or_else(|| panic!("unexpected {}", command.name()))
        })
    }

    /// An Agent that answers what `play` says to each command but ProcessError.
    pub(crate) fn playing(play: impl FnMut(Command, &[u8]) -> Result<Vec<u8>, TeeError> + 'static) -> Self {
        Self(Rc::new(RefCell::new(State {
            play: Box::new(play),
            calls: Vec::new(),
            opened: 0,
            closed: 0,
            refuse_sessions: None,
        })))
    }

    pub(crate) fn closed(error: TeeError) -> Self {
        let tee = Self::new([]);
        tee.0.borrow_mut().refuse_sessions = Some(error);
        tee
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.borrow().calls.clone()
    }

    /// The commands the Agent was given, in order.
    pub(crate) fn commands(&self) -> Vec<Command> {
        self.0.borrow().calls.iter().map(|call| call.command).collect()
    }

    pub(crate) fn sessions_opened_and_closed(&self) -> (usize, usize) {
        let state = self.0.borrow();
        (state.opened, state.closed)
    }

    /// How often the Agent was told of an HTTP error.
    pub(crate) fn process_errors(&self) -> usize {
        self.commands().iter().filter(|command| **command == Command::ProcessError).count()
    }
}

impl Tee for FakeTee {
    type Session<'a> = FakeSession;

    fn open_session(&mut self) -> Result<FakeSession, TeeError> {
        let mut state = self.0.borrow_mut();
        if let Some(error) = &state.refuse_sessions {
            return Err(error.clone());
        }
        state.opened += 1;
        Ok(FakeSession { state: self.0.clone(), number: state.opened })
    }
}

impl TeeSession for FakeSession {
    fn invoke(&mut self, command: Command, request: &[u8]) -> Result<Vec<u8>, TeeError> {
        let mut state = self.state.borrow_mut();
        state.calls.push(Call { session: self.number, command, request: request.to_vec() });
        match command {
            Command::ProcessError => Ok(Reply::Nothing.encode()),
            _ => (state.play)(command, request),
        }
    }
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        self.state.borrow_mut().closed += 1;
    }
}
