// SPDX-License-Identifier: Apache-2.0
//! Any call with any parameters in any session, a great many times.

mod call;

use crate::param::{AnyParam, Memory, Shape};
use crate::random::Random;
use crate::tally::{Tally, hex};
use call::{Call, MEMORY};
use optee_teec::{ConnectionMethods, Context, Error, ErrorKind, Operation, Session, Uuid};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;
use teep_proto::teec::AGENT_UUID;

/// Sessions a client tries to hold.
const SESSIONS: usize = 6;
/// Of so many steps of a client one opens a session, and one closes one.
const STEPS: usize = 100;

/// Logins that a client may ask for; the last one is that of a TA.
const LOGINS: [ConnectionMethods; 7] = [
    ConnectionMethods::LoginPublic,
    ConnectionMethods::LoginPublic,
    ConnectionMethods::LoginUser,
    ConnectionMethods::LoginApplication,
    ConnectionMethods::LoginUserApplication,
    ConnectionMethods::Unknown(0x8000_0000),
    ConnectionMethods::Unknown(0xf000_0000),
];

/// Makes `calls` calls that reach the Agent, and prints what came of them. True if each ended as it should.
///
/// # Errors
/// When no session with the Agent can be had.
pub(crate) fn run(calls: u64, clients: u64, seed: u64) -> Result<bool, Error> {
    let start = Instant::now();
    let reached = AtomicU64::new(0);
    let reached = &reached;
    let ended: Vec<Result<Client, Error>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|number| {
                let random = Random::new(seed.wrapping_mul(clients).wrapping_add(number));
                scope.spawn(move || {
                    let mut client = Client::connect(random)?;
                    while reached.load(Ordering::Relaxed) < calls {
                        client.step(reached)?;
                    }
                    client.sessions.clear();
                    Ok(client)
                })
            })
            .collect();
        let panicked = |error| std::panic::resume_unwind(error);
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    });
    let (mut tally, mut opens) = (Tally::default(), BTreeMap::<String, u64>::new());
    for client in ended {
        let client = client?;
        tally.add(client.tally);
        for (code, count) in client.opens {
            let sum = opens.entry(hex(code)).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let clean = tally.is_clean();
    let mut report = tally.to_json();
    let more: [(&str, Value); 3] = [
        ("reached", reached.load(Ordering::Relaxed).into()),
        ("opens", json!(opens)),
        ("seconds", start.elapsed().as_secs().into()),
    ];
    if let Some(report) = report.as_object_mut() {
        report.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    // libteec writes to stdout too, and not by lines.
    println!("\n{report}");
    Ok(clean)
}

/// A program in Linux that does what it likes.
struct Client {
    context: Context,
    sessions: Vec<Session>,
    memory: Memory,
    random: Random,
    tally: Tally,
    /// How often a session was to be opened, by the TEE result.
    opens: BTreeMap<u32, u64>,
}

impl Client {
    fn connect(random: Random) -> Result<Self, Error> {
        let mut context = Context::new()?;
        let sessions = vec![context.open_session(Uuid::from_bytes(AGENT_UUID))?];
        let memory = Memory::new(MEMORY);
        Ok(Self { context, sessions, memory, random, tally: Tally::default(), opens: BTreeMap::new() })
    }

    /// One call, or a session opened or closed.
    fn step(&mut self, reached: &AtomicU64) -> Result<(), Error> {
        match self.random.below(STEPS) {
            0 if self.sessions.len() < SESSIONS => self.open(),
            1 if self.sessions.len() > 1 => {
                let position = self.random.below(self.sessions.len());
                self.sessions.swap_remove(position);
                Ok(())
            }
            _ => self.call(reached),
        }
    }

    /// Tries to open one more session, some way or other.
    fn open(&mut self) -> Result<(), Error> {
        let login = LOGINS.get(self.random.below(LOGINS.len())).copied().unwrap_or(LOGINS[0]);
        let uuid = Uuid::from_bytes(AGENT_UUID);
        let plain = self.random.below(4) > 0;
        let opened = if plain {
            self.context.open_session_with_login(uuid, login)
        } else {
            let shape = Shape::ALL.get(self.random.below(Shape::ALL.len())).copied().unwrap_or(Shape::None);
            let param = shape.param((1, 2), self.memory.part(0..100));
            let mut operation =
                Operation::new(0, param, AnyParam::none(), AnyParam::none(), AnyParam::none());
            Session::new(&mut self.context, uuid, login, Some(&mut operation))
        };
        let code = opened.as_ref().err().map_or(0, Error::raw_code);
        let count = self.opens.entry(code).or_default();
        *count = count.saturating_add(1);
        if opened.as_ref().is_err_and(|error| error.kind() == ErrorKind::TargetDead) {
            self.tally.trouble(format_args!("the Agent died when a session was opened"));
        }
        self.sessions.extend(opened.ok());
        Ok(())
    }

    fn call(&mut self, reached: &AtomicU64) -> Result<(), Error> {
        let call = Call::random(&mut self.random, &self.memory);
        let position = self.random.below(self.sessions.len());
        let Some(session) = self.sessions.get_mut(position) else { return Ok(()) };
        let (result, arrived) = call.make(session, &self.memory);
        call.judge(&mut self.tally, &result, arrived);
        if arrived {
            reached.fetch_add(1, Ordering::Relaxed);
        }
        if result.is_err_and(|error| error.kind() == ErrorKind::TargetDead) {
            // All sessions are dead with it.
            self.sessions.clear();
            self.sessions.push(self.context.open_session(Uuid::from_bytes(AGENT_UUID))?);
        }
        Ok(())
    }
}
