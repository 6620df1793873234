// SPDX-License-Identifier: Apache-2.0
//! What an attacker, or bad luck, does on the way between Broker and TAM.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The end of a conversation.
const SILENCE: &[u8] = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// A relay between Broker and TAM, for one who controls the network. Connections are carried as they are until it is
/// told otherwise; each carries one exchange.
#[derive(Clone, Debug)]
pub struct Wire {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    tam: Option<SocketAddr>,
    mischief: Mischief,
    /// The TAM's first answer, with its HTTP header.
    first: Vec<u8>,
    /// The TAM's longest answer so far, with its HTTP header.
    longest: Vec<u8>,
}

/// What is done to connections.
#[derive(Debug, Default)]
enum Mischief {
    #[default]
    None,
    /// The next connection on which the TAM answers more than this many bytes ends there.
    CutAfter(usize),
    /// The next connection gets this answer, further ones learn that there is nothing more to say, and the TAM hears
    /// of none.
    Answer(Vec<u8>),
    /// The next connection gets this answer, and the TAM does not hear of it.
    AnswerOnce(Vec<u8>),
}

impl Wire {
    /// A relay that listens on the loopback.
    ///
    /// # Errors
    /// When there is no port.
    pub fn new() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let wire = Self { port: listener.local_addr()?.port(), state: Arc::default() };
        let relay = wire.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let relay = relay.clone();
                // A connection that breaks is what happens on wires.
                thread::spawn(move || relay.carry(stream));
            }
        });
        Ok(wire)
    }

    /// Where the Broker finds it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says where the TAM is.
    pub fn lead_to(&self, tam: SocketAddr) {
        self.state().tam = Some(tam);
    }

    /// Cuts the next connection on which more than `bytes` come from the TAM.
    pub fn cut_after(&self, bytes: usize) {
        self.state().mischief = Mischief::CutAfter(bytes);
    }

    /// Whether all connections are carried as they are: always before the first mischief, and again after a cut.
    pub fn is_honest(&self) -> bool {
        matches!(self.state().mischief, Mischief::None)
    }

    /// The first answer of the TAM: to a Broker that says nothing yet it is a QueryRequest.
    pub fn first(&self) -> Vec<u8> {
        self.state().first.clone()
    }

    /// The longest answer of the TAM so far, of equally long ones the last.
    pub fn longest(&self) -> Vec<u8> {
        self.state().longest.clone()
    }

    /// From now on the TAM is not heard any more. Whatever is asked first is answered with `answer`.
    pub fn replay(&self, answer: Vec<u8>) {
        self.state().mischief = Mischief::Answer(answer);
    }

    /// What is asked next is answered with `answer`, and what the Broker says to that reaches the TAM.
    pub fn replay_once(&self, answer: Vec<u8>) {
        self.state().mischief = Mischief::AnswerOnce(answer);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next connection gets in place of the TAM's answer.
    fn own_answer(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        match &mut state.mischief {
            Mischief::None | Mischief::CutAfter(_) => None,
            Mischief::Answer(answer) => Some(core::mem::replace(answer, SILENCE.to_vec())),
            Mischief::AnswerOnce(answer) => {
                let answer = core::mem::take(answer);
                state.mischief = Mischief::None;
                Some(answer)
            }
        }
    }

    fn carry(&self, mut broker: TcpStream) -> io::Result<()> {
        if let Some(answer) = self.own_answer() {
            let _request = broker.read(&mut [0; 65536])?;
            broker.write_all(&answer)?;
            return broker.shutdown(Shutdown::Both);
        }
        let tam = self.state().tam.ok_or(io::ErrorKind::NotConnected)?;
        let mut tam = TcpStream::connect(tam)?;
        let (mut from, mut to) = (broker.try_clone()?, tam.try_clone()?);
        thread::spawn(move || io::copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Write)));
        let mut answer = Vec::new();
        let carried = self.carry_answer(&mut tam, &mut broker, &mut answer);
        let mut state = self.state();
        if state.first.is_empty() {
            state.first.clone_from(&answer);
        }
        if answer.len() >= state.longest.len() {
            state.longest = answer;
        }
        drop(state);
        // The other thread ends with the connections.
        tam.shutdown(Shutdown::Both).and(broker.shutdown(Shutdown::Both)).and(carried)
    }

    fn carry_answer(
        &self,
        tam: &mut TcpStream,
        broker: &mut TcpStream,
        answer: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut piece = [0; 4096];
        loop {
            let len = tam.read(&mut piece)?;
            let Some(piece) = piece.get(..len).filter(|piece| !piece.is_empty()) else { return Ok(()) };
            answer.extend_from_slice(piece);
            let mut state = self.state();
            if matches!(state.mischief, Mischief::CutAfter(limit) if answer.len() > limit) {
                state.mischief = Mischief::None;
                return Ok(());
            }
            drop(state);
            broker.write_all(piece)?;
        }
    }
}
