// SPDX-License-Identifier: Apache-2.0
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use teep_proto::Kind;

/// What went wrong, so that the person at the keyboard knows what to do about it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    Io {
        /// What was tried, e.g. "read".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that would be written is already there.
    Exists(PathBuf),
    /// Something that should be a key is none, or not one that fits.
    Key(String),
    /// A description says something that cannot be.
    Description(String),
    /// The Trusted Application is not what the platform would install.
    Image(String),
    /// An envelope, or what stands in it, is not what it should be.
    Envelope(teep_proto::Error),
    /// A SUIT Report cannot be opened.
    Report(teep_proto::Error),
    /// What is no envelope, and no usable trust store either.
    TrustStore(teep_proto::Error),
    /// The integrated payload under this key has no digest that the manifest names.
    Payload(String),
    /// The operating system gave no random bytes.
    Randomness,
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }

    /// The same, about the description or another file at `path`.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Description(problem) => Self::Description(format!("{}: {problem}", path.display())),
            other => other,
        }
    }

    /// Whether input was refused because no acceptable key vouches for all of it.
    pub fn is_refusal(&self) -> bool {
        match self {
            // What is signed in a way that is not understood is not signed by the keys given.
            Self::Envelope(error) | Self::Report(error) => {
                matches!(error.kind, Kind::Unauthenticated | Kind::UnsupportedAlgorithm)
            }
            Self::Payload(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, source } => write!(f, "cannot {doing} {}: {source}", path.display()),
            Self::Exists(path) => {
                write!(f, "{} is already there: remove it or choose another name", path.display())
            }
            Self::Key(problem) | Self::Description(problem) | Self::Image(problem) => f.write_str(problem),
            Self::Envelope(error) | Self::Report(error) if error.kind == Kind::Unauthenticated => {
                write!(f, "{error}")
            }
            Self::Envelope(error) => write!(f, "not a usable SUIT envelope, {error}"),
            Self::Report(error) => write!(f, "not a usable SUIT Report, {error}"),
            Self::TrustStore(error) => write!(f, "neither a SUIT envelope nor a usable trust store, {error}"),
            Self::Payload(uri) => {
                write!(f, "the payload {uri:?} was changed: it does not have the digest that was signed")
            }
            Self::Randomness => f.write_str("the operating system gave no random bytes"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Envelope(error) | Self::Report(error) | Self::TrustStore(error) => Some(error),
            _ => None,
        }
    }
}

impl From<teep_proto::Error> for Error {
    fn from(error: teep_proto::Error) -> Self {
        Self::Envelope(error)
    }
}
