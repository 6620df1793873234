// SPDX-License-Identifier: Apache-2.0
//! What can go wrong with a machine.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a machine could not be started or did not answer. The text says what to look at.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file of the image is not there.
    NoImage(PathBuf),
    /// A file or directory of the run could not be made or read.
    File(PathBuf, io::Error),
    /// A program could not be started.
    Start(&'static str, io::Error),
    /// QEMU ended, or the guest did and QEMU with it.
    Ended {
        /// How QEMU ended, and its last message if it had one.
        how: String,
        /// The directory of the run.
        run_dir: PathBuf,
    },
    /// The guest did not get to the point where it takes commands.
    BootTimeout {
        /// How long it had.
        limit: Duration,
        /// The directory of the run.
        run_dir: PathBuf,
    },
    /// A command did not end. It has been killed, unless the guest itself hangs.
    CommandTimeout {
        /// The command.
        command: String,
        /// How long it had.
        limit: Duration,
        /// The directory of the run.
        run_dir: PathBuf,
    },
    /// A command that the console cannot carry: it has more than one line.
    BadCommand(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoImage(file) => {
                write!(
                    f,
                    "the image is not complete: {} is missing; run make image platform-stock",
                    file.display()
                )
            }
            Error::File(path, error) => write!(f, "{}: {error}", path.display()),
            Error::Start(program, error) => {
                write!(
                    f,
                    "{program} cannot be started ({error}); run qemu/host-tools.sh to see what to install"
                )
            }
            Error::Ended { how, run_dir } => {
                write!(f, "the machine ended: {how}; see normal.log, secure.log in {}", run_dir.display())
            }
            Error::BootTimeout { limit, run_dir } => write!(
                f,
                "the guest did not boot within {} s; see normal.log, secure.log in {}",
                limit.as_secs(),
                run_dir.display()
            ),
            Error::CommandTimeout { command, limit, run_dir } => write!(
                f,
                "`{command}` did not end within {} s; see normal.log, secure.log in {}",
                limit.as_secs(),
                run_dir.display()
            ),
            Error::BadCommand(command) => write!(f, "`{command}` has more than one line; join them with `;`"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File(_, error) | Error::Start(_, error) => Some(error),
            _ => None,
        }
    }
}
