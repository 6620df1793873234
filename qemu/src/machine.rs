// SPDX-License-Identifier: Apache-2.0
//! A booted machine that takes commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Error;
use crate::console::{Console, Silence};
use crate::process::{ImageDir, Options, SECURE_LOG, driven, make_run_dir};

/// How long a boot may take. It takes 6 s on two idle cores; a busy machine is many times slower.
const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// What the guest's `timeout` and the serial line may need on top of the limit of a command.
const GRACE: Duration = Duration::from_secs(20);
/// The status of a command that the guest's `timeout` killed: 128 + SIGKILL.
const KILLED: i32 = 137;

/// A running machine. It is killed when this is dropped; nothing of it lives on but the logs and
/// [`Options::storage`].
#[derive(Debug)]
pub struct Machine {
    image: ImageDir,
    options: Options,
    console: Console,
    run_dir: PathBuf,
    boot_time: Duration,
    commands: u64,
}

/// What a command in the guest did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit status.
    pub status: i32,
    /// What it wrote to stdout and stderr, in the order written.
    pub stdout: String,
}

impl Machine {
    /// Boots the image and returns when the guest takes commands: OP-TEE's driver is loaded, tee-supplicant runs
    /// and the network is up.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] if there is no QEMU, [`Error::Ended`] if it or the guest ended early,
    /// [`Error::BootTimeout`] if the guest hangs, [`Error::File`] if the directory of the run cannot be made.
    pub fn boot(image: &ImageDir, options: &Options) -> Result<Self, Error> {
        let run_dir = make_run_dir(image, options)?;
        let start = Instant::now();
        let console = start_console(image, options, &run_dir)?;
        let mut machine = Self {
            image: image.clone(),
            options: options.clone(),
            console,
            run_dir,
            boot_time: Duration::ZERO,
            commands: 0,
        };
        machine.wait_until_ready(start)?;
        Ok(machine)
    }

    /// Cuts the power, whatever the machine is doing, and boots it again. Of the guest only
    /// [`Options::storage`] is as it was.
    ///
    /// # Errors
    ///
    /// As for [`boot`](Self::boot).
    pub fn restart(&mut self) -> Result<(), Error> {
        self.console.kill();
        let start = Instant::now();
        self.console = start_console(&self.image, &self.options, &self.run_dir)?;
        self.wait_until_ready(start)
    }

    /// Starts the shell command `command`, and as soon as `moment` returns cuts the power, whether the command has
    /// ended by then or not. Boots again, as after [`restart`](Self::restart).
    ///
    /// # Errors
    ///
    /// As for [`boot`](Self::boot), and [`Error::BadCommand`] if `command` has several lines.
    pub fn cut_during(&mut self, command: &str, moment: impl FnOnce()) -> Result<(), Error> {
        self.start(command, BOOT_LIMIT)?;
        moment();
        self.restart()
    }

    /// Runs the shell command `command` (one line) as root in the guest, with nothing on its stdin. What it leaves
    /// in the background must not write to the console.
    ///
    /// # Errors
    ///
    /// [`Error::CommandTimeout`] if it takes longer than `limit` (rounded up to seconds): it is killed then and the
    /// machine takes further commands. [`Error::Ended`] if the machine ended, [`Error::BadCommand`] if `command`
    /// has several lines.
    pub fn run(&mut self, command: &str, limit: Duration) -> Result<Output, Error> {
        let start = Instant::now();
        let token = self.start(command, limit)?;
        let timed_out =
            || Error::CommandTimeout { command: command.to_owned(), limit, run_dir: self.run_dir.clone() };
        let (stdout, end) = match self.console.read_line_starting(&token, limit.saturating_add(GRACE)) {
            Ok(answer) => answer,
            Err(Silence::Ended) => return Err(self.ended()),
            Err(Silence::TimedOut) => return Err(timed_out()),
        };
        let status = end.trim().parse().unwrap_or(-1);
        if status == KILLED && start.elapsed().as_secs_f64() >= whole_seconds(limit) {
            return Err(timed_out());
        }
        // The guest puts a line end of its own before the token.
        let stdout = stdout.strip_suffix('\n').unwrap_or(&stdout).to_owned();
        Ok(Output { status, stdout })
    }

    /// How long it took from the start of QEMU until the guest took commands.
    #[must_use]
    pub fn boot_time(&self) -> Duration {
        self.boot_time
    }

    /// The directory with `normal.log`, `secure.log` and `qemu.log` of this run.
    #[must_use]
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// What the secure world has said so far.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if its log cannot be read.
    pub fn secure_log(&self) -> Result<String, Error> {
        let file = self.run_dir.join(SECURE_LOG);
        match fs::read(&file) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => Err(Error::File(file, error)),
        }
    }

    /// Lets the guest begin with `command`. The line with its status starts with what this returns.
    fn start(&mut self, command: &str, limit: Duration) -> Result<String, Error> {
        if command.contains(['\n', '\r']) {
            return Err(Error::BadCommand(command.to_owned()));
        }
        self.commands = self.commands.wrapping_add(1);
        let token = format!("guest-{}-{:x}:", self.commands, std::process::id());
        let line = format!("{token} {} {command}", whole_seconds(limit));
        if self.console.write_line(&line).is_err() {
            return Err(self.ended());
        }
        Ok(token)
    }

    /// Waits for the guest of a QEMU that was started at `start`.
    fn wait_until_ready(&mut self, start: Instant) -> Result<(), Error> {
        match self.console.read_line_starting("guest: ready", BOOT_LIMIT) {
            Ok(_) => {
                self.boot_time = start.elapsed();
                Ok(())
            }
            Err(Silence::Ended) => Err(self.ended()),
            Err(Silence::TimedOut) => {
                Err(Error::BootTimeout { limit: BOOT_LIMIT, run_dir: self.run_dir.clone() })
            }
        }
    }

    /// The error for a machine that is no more, with QEMU's last message.
    fn ended(&mut self) -> Error {
        let mut how = match self.console.wait() {
            Some(status) => format!("QEMU: {status}"),
            None => "QEMU closed the console".to_owned(),
        };
        let messages = fs::read_to_string(self.run_dir.join("qemu.log")).unwrap_or_default();
        if let Some(last) = messages.lines().rev().find(|line| !line.trim().is_empty()) {
            how.push_str(", ");
            how.push_str(last.trim());
        }
        Error::Ended { how, run_dir: self.run_dir.clone() }
    }
}

/// What the guest's `timeout` takes.
fn whole_seconds(limit: Duration) -> f64 {
    limit.as_secs_f64().ceil().max(1.0)
}

fn start_console(image: &ImageDir, options: &Options, run_dir: &Path) -> Result<Console, Error> {
    Console::start(driven(image, options, run_dir)?).map_err(|error| Error::Start("QEMU", error))
}
