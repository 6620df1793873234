// SPDX-License-Identifier: Apache-2.0
//! A Broker that changes what the Agent is just reading: a second thread flips bytes in shared memory during the call.

use crate::param::{AnyParam, Memory};
use crate::random::Random;
use clap::ValueEnum;
use optee_teec::{Context, Operation, ParamType, Session, Uuid};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ffi::OsString;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use teep_broker::{Tee, TeeError, TeeSession, cli};
use teep_proto::teec::{AGENT_UUID, Command, FetchData, MAX_REPLY, Reply};

/// A message that is longer brings a manifest; a QueryRequest is shorter.
const LONGEST_QUERY: usize = 600;
/// Turns of a loop for which the bytes stay flipped, for each time that they are right.
const FLIPPED: usize = 400;

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Prey {
    /// The TAM's Update, with all that is integrated in it
    Update,
    /// A payload that is fetched, of one piece
    Payload,
}

/// What came of it.
#[derive(Debug, Default)]
struct Count {
    /// Calls during which bytes were flipped.
    tries: u64,
    /// The Agent carried out the Update.
    accepted: u64,
    /// It did not.
    refused: u64,
    /// Bytes were flipped or put right that often.
    flips: u64,
}

/// Runs teep-broker with these arguments on an Agent whose memory is changed, `tries` times or until the Agent takes
/// the bytes for good. Prints what came of it; true if teep-broker ended well.
pub(crate) fn run(prey: Prey, tries: u64, seed: u64, arguments: &[OsString]) -> bool {
    let count = RefCell::new(Count::default());
    let tee = Flipper { prey, tries, random: RefCell::new(Random::new(seed)), count: &count };
    let program = [OsString::from("teep-broker"), "--json".into(), "--quiet".into()];
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = cli::run(program.into_iter().chain(arguments.iter().cloned()), tee, &mut out, &mut err);
    let count = count.into_inner();
    let broker: Value = serde_json::from_slice(&out).unwrap_or_default();
    println!(
        "{}",
        json!({
            "schema": 1, "status": status, "broker": broker, "stderr": String::from_utf8_lossy(&err),
            "tries": count.tries, "accepted": count.accepted, "refused": count.refused, "flips": count.flips,
        })
    );
    status == 0
}

struct Flipper<'c> {
    prey: Prey,
    tries: u64,
    random: RefCell<Random>,
    count: &'c RefCell<Count>,
}

struct FlipperSession<'s> {
    flipper: &'s Flipper<'s>,
    session: Session,
    memory: Memory,
    /// The Update, whose payload is flipped.
    update: Vec<u8>,
}

impl Tee for Flipper<'_> {
    type Session<'s>
        = FlipperSession<'s>
    where
        Self: 's;

    fn open_session(&mut self) -> Result<FlipperSession<'_>, TeeError> {
        let session =
            Context::new().and_then(|mut context| context.open_session(Uuid::from_bytes(AGENT_UUID)));
        let session = session.map_err(|error| TeeError::from_open(error.raw_code()))?;
        let memory = Memory::new(Command::ProcessTeepMessage.max_request().saturating_add(MAX_REPLY));
        Ok(FlipperSession { flipper: self, session, memory, update: Vec::new() })
    }
}

impl TeeSession for FlipperSession<'_> {
    fn invoke(&mut self, command: Command, request: &[u8]) -> Result<Vec<u8>, TeeError> {
        let brings_manifest = command == Command::ProcessTeepMessage && request.len() > LONGEST_QUERY;
        if brings_manifest {
            self.update = request.to_vec();
        }
        match (self.flipper.prey, command) {
            (Prey::Update, Command::ProcessTeepMessage) if brings_manifest => self.flip(command, request),
            (Prey::Payload, Command::FetchData) if is_whole(request) => self.flip(command, request),
            _ => self.call(command, request, None),
        }
    }
}

impl FlipperSession<'_> {
    /// Makes the call while its request is changed, again and again, until it is accepted; the last time it is left as
    /// it is.
    fn flip(&mut self, command: Command, request: &[u8]) -> Result<Vec<u8>, TeeError> {
        for number in 0..self.flipper.tries {
            // The first time the Agent is called when the bytes are being flipped already, so that what it copies is hardly
            // ever what was signed; then at once, so that the flipping begins some time during the call.
            let prey = (self.place(request.len()), number == 0);
            let reply = self.call(command, request, Some(prey))?;
            let reply = self.end_payload(reply)?;
            let mut count = self.flipper.count.borrow_mut();
            count.tries = count.tries.saturating_add(1);
            if is_success(&reply) {
                count.accepted = count.accepted.saturating_add(1);
                return Ok(reply);
            }
            count.refused = count.refused.saturating_add(1);
            drop(count);
            self.begin_again(command)?;
        }
        self.call(command, request, None)
    }

    /// Some bytes of a request of `length`: one, or a few.
    fn place(&self, length: usize) -> Range<usize> {
        let mut random = self.flipper.random.borrow_mut();
        let start = random.below(length);
        let most = if random.below(2) == 0 { 1 } else { 64 };
        start..start.saturating_add(most).min(length)
    }

    /// The Agent waits to hear that the payload it has is all of it.
    fn end_payload(&mut self, reply: Vec<u8>) -> Result<Vec<u8>, TeeError> {
        match Reply::decode(&reply) {
            Ok(Reply::Fetch { offset: offset @ 1.., .. }) => {
                self.call(Command::FetchData, &FetchData { offset, bytes: &[] }.encode(), None)
            }
            _ => Ok(reply),
        }
    }

    /// After a refused payload the Update has to be begun again.
    fn begin_again(&mut self, command: Command) -> Result<(), TeeError> {
        if command == Command::FetchData {
            let update = std::mem::take(&mut self.update);
            let reply = self.call(Command::ProcessTeepMessage, &update, None)?;
            self.update = update;
            let reply = Reply::decode(&reply);
            if !matches!(reply, Ok(Reply::Fetch { offset: 0, .. })) {
                return Err(TeeError::new(format!(
                    "the Agent does not ask for the payload again: {reply:?}"
                )));
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        command: Command,
        request: &[u8],
        prey: Option<(Range<usize>, bool)>,
    ) -> Result<Vec<u8>, TeeError> {
        self.memory.put(MAX_REPLY, request);
        let end = MAX_REPLY.saturating_add(request.len());
        let shared = self.memory.part(MAX_REPLY..end);
        let p0 = if request.is_empty() {
            AnyParam::null(ParamType::MemrefTempInput)
        } else {
            AnyParam::memory(shared, ParamType::MemrefTempInput)
        };
        let p1 = AnyParam::memory(self.memory.part(0..MAX_REPLY), ParamType::MemrefTempOutput);
        let mut operation = Operation::new(0, p0, p1, AnyParam::none(), AnyParam::none());
        let (begun, stop, session) = (&AtomicBool::new(false), &AtomicBool::new(false), &mut self.session);
        let (result, flips) = thread::scope(|scope| {
            let (prey, waits) = prey.map_or((None, false), |(prey, waits)| (shared.get(prey), waits));
            let flipping = prey.map(|prey| scope.spawn(move || flip(prey, begun, stop)));
            while waits && flipping.is_some() && !begun.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            let result = session.invoke_command(command.id(), &mut operation);
            stop.store(true, Ordering::Relaxed);
            (result, flipping.and_then(|thread| thread.join().ok()).unwrap_or(0))
        });
        let mut count = self.flipper.count.borrow_mut();
        count.flips = count.flips.saturating_add(flips);
        result.map_err(|error| TeeError::from_invoke(error.raw_code()))?;
        Ok(self.memory.get(0..operation.parameters().1.size()))
    }
}

/// Flips all bits of `bytes` and puts them right again, until it is told to `stop`; says when it has `begun`, and in the
/// end how often.
fn flip(bytes: &[AtomicU8], begun: &AtomicBool, stop: &AtomicBool) -> u64 {
    let mut flips = 0u64;
    let invert = || {
        for byte in bytes {
            byte.fetch_xor(0xff, Ordering::Relaxed);
        }
    };
    while !stop.load(Ordering::Relaxed) {
        invert();
        begun.store(true, Ordering::Relaxed);
        for _ in 0..FLIPPED {
            std::hint::spin_loop();
        }
        invert();
        flips = flips.saturating_add(2);
    }
    flips
}

/// Whether a request for FetchData brings all there is: the end has its own, without bytes.
fn is_whole(request: &[u8]) -> bool {
    FetchData::decode(request).is_ok_and(|data| data.offset == 0 && !data.bytes.is_empty())
}

/// Whether the Agent says in `reply` that it carried out an Update.
fn is_success(reply: &[u8]) -> bool {
    matches!(Reply::decode(reply), Ok(Reply::Send { outcome: Some(outcome), .. }) if outcome.err_code == 0)
}
