// SPDX-License-Identifier: Apache-2.0
//! One call, and how it has to end.

use crate::garbage;
use crate::param::{AnyParam, Memory, Shape};
use crate::random::Random;
use crate::tally::Tally;
use optee_teec::{Error, ErrorKind, ErrorOrigin, Operation, Session, raw};
use std::ops::Range;
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::teec::{Command, MAX_REPLY, READ_DATA};

/// Types of the parameters of a [`Command`], and of [`READ_DATA`].
const TEEP: [Shape; 4] = [Shape::MemoryInput, Shape::MemoryOutput, Shape::None, Shape::None];
const DATA: [Shape; 4] = [Shape::MemoryInput, Shape::ValueInout, Shape::MemoryOutput, Shape::None];

/// Where memory that is referred to begins at most.
const LAST_START: usize = 2 * MAX_REPLY;
/// Bytes of memory that any reference of a call may need.
pub(crate) const MEMORY: usize = LAST_START + MAX_MESSAGE + MAX_REPLY;
/// Sizes of a buffer for a reply; it mostly has [`MAX_REPLY`].
const ROOMS: [usize; 4] = [0, 1, MAX_REPLY - 1, MAX_REPLY + 1];

/// A call of the Agent.
#[derive(Debug)]
pub(crate) struct Call {
    command: u32,
    parameters: [Parameter; 4],
}

/// A parameter of it. If it is a reference to memory, then to these bytes.
#[derive(Clone, Debug)]
struct Parameter {
    shape: Shape,
    value: (u32, u32),
    reference: Reference,
    range: Range<usize>,
}

/// How memory is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    /// As memory of this call.
    Temporary,
    /// As nothing.
    Null,
    /// As part of memory that is registered under this number.
    Registered(i32),
}

/// How a call has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refusal(ErrorKind),
    /// Of this command.
    Reply(Command),
}

impl Call {
    /// Some call, with its request in `memory` if it gets as far as that.
    pub(crate) fn random(random: &mut Random, memory: &Memory) -> Self {
        let command = command(random);
        let shapes = shapes(random);
        let parameters =
            core::array::from_fn(|position| Parameter::random(random, command, position, &shapes));
        let mut call = Self { command, parameters };
        if let Expected::Reply(command) = call.expected()
            && random.below(4) > 0
        {
            let request = garbage::request(random, command);
            let [first, ..] = &mut call.parameters;
            first.range.end = first.range.start.saturating_add(request.len());
            if first.reference == Reference::Null && !request.is_empty() {
                first.reference = Reference::Temporary;
            }
            memory.put(first.range.start, &request);
        }
        call.register(random);
        call
    }

    /// Lets one reference be to part of the memory of another one, which libteec registers for the call. Which number
    /// it will have is a guess; the driver refuses the call if it is wrong.
    fn register(&mut self, random: &mut Random) {
        let temporary = |parameter: &Parameter| {
            parameter.shape.temporary().is_some() && parameter.reference == Reference::Temporary
        };
        let sizes: Vec<usize> =
            self.parameters.iter().filter(|parameter| temporary(parameter)).map(|p| p.range.len()).collect();
        let [first, second] = sizes[..] else { return };
        if random.below(4) > 0 {
            return;
        }
        let block = 1i32.saturating_add(i32::from(random.byte() % 3));
        let (smaller, larger) = (first.min(second), first.max(second));
        let part = self.parameters.iter_mut().find(|p| temporary(p) && p.range.len() == smaller);
        if let Some(part) = part {
            let start = random.below(larger.saturating_sub(smaller));
            part.range = start..start.saturating_add(smaller);
            part.reference = Reference::Registered(block);
        }
    }

    /// Makes the call; the reply, and whether the Agent got it.
    pub(crate) fn make(&self, session: &mut Session, memory: &Memory) -> (Result<Vec<u8>, Error>, bool) {
        let mut blocks: [raw::TEEC_SharedMemory; 4] =
            core::array::from_fn(|position| self.parameters.get(position).map_or(0, Parameter::block))
                .map(block);
        let [b0, b1, b2, b3] = &mut blocks;
        let [p0, p1, p2, p3] = &self.parameters;
        let mut operation = Operation::new(
            0,
            p0.param(memory, b0),
            p1.param(memory, b1),
            p2.param(memory, b2),
            p3.param(memory, b3),
        );
        let result = session.invoke_command(self.command, &mut operation);
        let arrived = match &result {
            Ok(()) => true,
            Err(error) => error.origin() == Some(ErrorOrigin::TA),
        };
        let reply = result.map(|()| {
            let start = p1.range.start;
            memory.get(start..start.saturating_add(operation.parameters().1.size()))
        });
        (reply, arrived)
    }

    /// Writes down whether this was the right end.
    pub(crate) fn judge(&self, tally: &mut Tally, result: &Result<Vec<u8>, Error>, arrived: bool) {
        let guessed = self.parameters.iter().any(|p| matches!(p.reference, Reference::Registered(_)));
        let died = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::TargetDead);
        if guessed && !arrived && !died {
            return tally.uncertain(result);
        }
        match self.expected() {
            Expected::Refusal(kind) => tally.refusal(format_args!("{self:?}"), kind, result),
            // The reply is in memory that is somewhere else than it says.
            Expected::Reply(_) if self.reply_is_elsewhere() && result.is_ok() => tally.uncertain(result),
            Expected::Reply(_) => tally.reply(format_args!("{self:?}"), result),
        }
    }

    fn reply_is_elsewhere(&self) -> bool {
        let [_, second, ..] = &self.parameters;
        matches!(second.reference, Reference::Registered(_))
    }

    /// What the Agent does with such a call from Linux, whatever is in the request.
    fn expected(&self) -> Expected {
        let shapes = self.parameters.each_ref().map(|parameter| parameter.shape);
        let [first, second, ..] = self.parameters.each_ref().map(Parameter::size);
        if shapes == DATA {
            let denied = self.command == READ_DATA;
            return Expected::Refusal(if denied {
                ErrorKind::AccessDenied
            } else {
                ErrorKind::BadParameters
            });
        }
        if shapes != TEEP {
            return Expected::Refusal(ErrorKind::BadParameters);
        }
        if second < MAX_REPLY {
            return Expected::Refusal(ErrorKind::ShortBuffer);
        }
        match Command::from_id(self.command) {
            None if self.command == READ_DATA => Expected::Refusal(ErrorKind::AccessDenied),
            None => Expected::Refusal(ErrorKind::BadParameters),
            Some(command) if first > command.max_request() => Expected::Refusal(ErrorKind::ExcessData),
            Some(command) => Expected::Reply(command),
        }
    }
}

impl Parameter {
    /// Parameter `position` of a call of `command` with these types.
    fn random(random: &mut Random, command: u32, position: usize, shapes: &[Shape; 4]) -> Self {
        let shape = shapes.get(position).copied().unwrap_or(Shape::None);
        let start = random.below(LAST_START);
        let size = if position == 1 && shape != Shape::MemoryInput {
            ROOMS.get(random.below(10)).copied().unwrap_or(MAX_REPLY)
        } else {
            let limit = Command::from_id(command).map_or(MAX_REPLY, Command::max_request);
            match random.below(32) {
                0 => limit,
                1 => limit.saturating_add(1),
                2..=8 => 0,
                9..=15 => 1,
                _ => random.below(600),
            }
        };
        let reference = match random.below(8) {
            0 => Reference::Null,
            _ => Reference::Temporary,
        };
        let range =
            if reference == Reference::Null { start..start } else { start..start.saturating_add(size) };
        let value = (u32::from(random.byte()), u32::MAX);
        Self { shape, value, reference, range }
    }

    /// Bytes that OP-TEE is told of.
    fn size(&self) -> usize {
        self.range.len()
    }

    fn block(&self) -> i32 {
        match self.reference {
            Reference::Registered(number) => number,
            Reference::Temporary | Reference::Null => 0,
        }
    }

    fn param<'a>(&self, memory: &'a Memory, block: &'a mut raw::TEEC_SharedMemory) -> AnyParam<'a> {
        match (self.reference, self.shape.temporary(), self.shape.partial()) {
            (Reference::Null, Some(param_type), _) => AnyParam::null(param_type),
            (Reference::Registered(_), _, Some(param_type)) => {
                AnyParam::registered(block, self.range.clone(), param_type)
            }
            _ => self.shape.param(self.value, memory.part(self.range.clone())),
        }
    }
}

/// What libteec takes for the block of registered memory with this number.
fn block(number: i32) -> raw::TEEC_SharedMemory {
    raw::TEEC_SharedMemory {
        buffer: std::ptr::null_mut(),
        size: usize::MAX,
        flags: raw::TEEC_MEM_INPUT | raw::TEEC_MEM_OUTPUT,
        imp: raw::TEEC_SharedMemory__Imp {
            id: number,
            alloced_size: 0,
            shadow_buffer: std::ptr::null_mut(),
            registered_fd: -1,
            flags: 0,
        },
    }
}

/// A command of the Agent, mostly; that for TAs; or one that nobody has.
fn command(random: &mut Random) -> u32 {
    match random.below(16) {
        0 => READ_DATA,
        1 => u32::try_from(random.below(64)).unwrap_or(0),
        2 => u32::try_from(random.next() & u64::from(u32::MAX)).unwrap_or(0),
        _ => {
            let command = Command::ALL.get(random.below(Command::ALL.len()));
            match command {
                // It takes a hundred times as long as others.
                Some(Command::Info) if random.below(512) > 0 => Command::RequestPolicyCheck.id(),
                command => command.map_or(0, |command| command.id()),
            }
        }
    }
}

/// Any types; or the right ones, or those with one that is not. Fewer references to memory than there could be: most of
/// the time goes into sharing it.
fn shapes(random: &mut Random) -> [Shape; 4] {
    let mut any = || Shape::ALL.get(random.below(9)).copied().unwrap_or(Shape::None);
    let mut shapes = [any(), any(), any(), any()];
    let other = any();
    match random.below(8) {
        0..=3 => {}
        4..=5 => shapes = TEEP,
        6 => shapes = DATA,
        _ => {
            shapes = if random.below(2) == 0 { TEEP } else { DATA };
            if let Some(shape) = shapes.get_mut(random.below(4)) {
                *shape = other;
            }
        }
    }
    shapes
}
