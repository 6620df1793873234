// SPDX-License-Identifier: Apache-2.0
use core::fmt;

/// Who is to blame for a refusal, and so what the receiver should answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The bytes break a rule of the format.
    Malformed,
    /// The bytes are well-formed but exceed one of [`crate::limits`].
    TooLarge,
    /// Well-formed, but uses something this implementation does not have.
    Unsupported,
    /// A signature or digest algorithm this implementation does not have.
    UnsupportedAlgorithm,
    /// A signature or digest does not hold, or no acceptable key made it.
    Unauthenticated,
}

/// Why input was refused: by whose fault, what was expected, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Blame.
    pub kind: Kind,
    /// What was expected, as a phrase a person can act on.
    pub what: &'static str,
    /// Byte offset of the offending item within the byte string being decoded.
    pub offset: usize,
}

impl Error {
    pub(crate) const fn new(kind: Kind, what: &'static str, offset: usize) -> Self {
        Self { kind, what, offset }
    }

    pub(crate) const fn malformed(what: &'static str, offset: usize) -> Self {
        Self::new(Kind::Malformed, what, offset)
    }

    pub(crate) const fn unsupported(what: &'static str, offset: usize) -> Self {
        Self::new(Kind::Unsupported, what, offset)
    }

    pub(crate) const fn unauthenticated(what: &'static str) -> Self {
        Self::new(Kind::Unauthenticated, what, 0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Malformed => "malformed",
            Kind::TooLarge => "too large",
            Kind::Unsupported | Kind::UnsupportedAlgorithm => "unsupported",
            Kind::Unauthenticated => return write!(f, "not authenticated: {}", self.what),
        };
        write!(f, "{kind}: {} (at byte {})", self.what, self.offset)
    }
}

impl core::error::Error for Error {}
