// SPDX-License-Identifier: Apache-2.0
//! The guest's console: lines out, lines in, each wait with a bound.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// QEMU with its console on a pipe in each direction; killed when dropped.
#[derive(Debug)]
pub(crate) struct Console {
    qemu: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// What was received and not yet given to a reader.
    pending: Vec<u8>,
    /// Ends the reading thread when it is dropped.
    _release: Sender<()>,
}

/// Why a line did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// QEMU closed the console.
    Ended,
    /// The bound was reached.
    TimedOut,
}

impl Console {
    /// Starts QEMU by `command`, whose stdin and stdout are pipes.
    pub(crate) fn start(command: Command) -> io::Result<Self> {
        let (started, start) = channel();
        let (received, output) = channel();
        let (release, released) = channel::<()>();
        // QEMU dies with the thread that started it, so that is one which lives as long as this console.
        thread::Builder::new().name("console".to_owned()).spawn(move || {
            read(command, &started, received);
            let _ = released.recv();
        })?;
        let (qemu, input) = start.recv().map_err(io::Error::other)??;
        Ok(Self { qemu, input, output, pending: Vec::new(), _release: release })
    }

    /// Sends `line` and a line end.
    pub(crate) fn write_line(&mut self, line: &str) -> io::Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes())?;
        self.input.flush()
    }

    /// Waits until a line that starts with `token` is complete. Returns all before it, without carriage returns,
    /// and the rest of that line.
    pub(crate) fn read_line_starting(
        &mut self,
        token: &str,
        limit: Duration,
    ) -> Result<(String, String), Silence> {
        let deadline = Instant::now().checked_add(limit);
        let mut searched = 0;
        loop {
            if let Some(found) = self.take_line_starting(token, &mut searched) {
                return Ok(found);
            }
            let left = deadline.map_or(limit, |deadline| deadline.saturating_duration_since(Instant::now()));
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.pending.extend(bytes.iter().filter(|byte| **byte != b'\r')),
                Err(RecvTimeoutError::Timeout) => return Err(Silence::TimedOut),
                Err(RecvTimeoutError::Disconnected) => return Err(Silence::Ended),
            }
        }
    }

    /// How QEMU ended. Only called after its console was closed, so it does not wait for long.
    pub(crate) fn wait(&mut self) -> Option<ExitStatus> {
        self.qemu.wait().ok()
    }

    /// Ends QEMU without asking it.
    pub(crate) fn kill(&mut self) {
        // Both fail only if QEMU has ended already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }

    /// Takes the text up to a complete line that starts with `token` out of `pending`. The lines before the
    /// position `searched` are known not to be it.
    fn take_line_starting(&mut self, token: &str, searched: &mut usize) -> Option<(String, String)> {
        loop {
            let rest = self.pending.get(*searched..)?;
            let length = rest.iter().position(|byte| *byte == b'\n')?;
            let line = rest.get(..length)?;
            if let Some(end) = line.strip_prefix(token.as_bytes()) {
                let end = String::from_utf8_lossy(end).into_owned();
                let before = String::from_utf8_lossy(self.pending.get(..*searched)?).into_owned();
                self.pending.drain(..searched.saturating_add(length).saturating_add(1));
                return Some((before, end));
            }
            *searched = searched.saturating_add(length).saturating_add(1);
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The reading thread: starts QEMU, hands it over, and passes on what it prints until it closes the console.
fn read(mut command: Command, started: &Sender<io::Result<(Child, ChildStdin)>>, received: Sender<Vec<u8>>) {
    let mut qemu = match command.spawn() {
        Ok(qemu) => qemu,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let (Some(input), Some(mut output)) = (qemu.stdin.take(), qemu.stdout.take()) else {
        let _ = started.send(Err(io::Error::other("stdin and stdout must be pipes")));
        return;
    };
    if started.send(Ok((qemu, input))).is_err() {
        return;
    }
    let mut buffer = vec![0; 4096];
    while let Ok(length @ 1..) = output.read(&mut buffer) {
        if received.send(buffer.iter().take(length).copied().collect()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn start(script: &str) -> Console {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Console::start(command).unwrap()
    }

    #[test]
    fn returns_what_comes_before_the_token_and_the_rest_of_its_line() {
        let mut console = start(r"printf 'a\r\nb t: c\r\nt: 7\nnext\nt: 8\n'; cat");
        assert_eq!(console.read_line_starting("t:", LIMIT), Ok(("a\nb t: c\n".into(), " 7".into())));
        assert_eq!(console.read_line_starting("t:", LIMIT), Ok(("next\n".into(), " 8".into())));
    }

    #[test]
    fn finds_a_token_that_comes_in_pieces() {
        let mut console = start("printf 'text\nto'; sleep 0.1; printf 'ken: '; sleep 0.1; printf '1\n'; cat");
        assert_eq!(console.read_line_starting("token:", LIMIT), Ok(("text\n".into(), " 1".into())));
    }

    #[test]
    fn sends_lines() {
        let mut console = start("read -r line; echo \"t: $line\"");
        console.write_line("a 'b' $c").unwrap();
        assert_eq!(console.read_line_starting("t:", LIMIT), Ok((String::new(), " a 'b' $c".into())));
    }

    #[test]
    fn tells_an_end_from_a_silence() {
        let mut console = start("echo text; exec >&-; sleep 0.1; exit 3");
        assert_eq!(console.read_line_starting("t:", LIMIT), Err(Silence::Ended));
        assert_eq!(console.wait().and_then(|status| status.code()), Some(3));
        let mut console = start("cat");
        assert_eq!(console.read_line_starting("t:", Duration::from_millis(50)), Err(Silence::TimedOut));
    }

    #[test]
    fn reports_a_program_that_is_not_there() {
        let mut command = Command::new("/nonexistent");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        assert_eq!(Console::start(command).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
