// SPDX-License-Identifier: Apache-2.0
use alloc::vec::Vec;
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
    /// A certificate cannot be processed, or does not allow what it is used for.
    BadCertificate,
    /// A certificate that is in order but for its validity, which is over or has not begun.
    CertificateExpired,
}

/// Why input was refused: by whose fault, what was expected, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Blame.
    pub kind: Kind,
    /// What was expected, as a phrase a person can act on.
    pub what: &'static str,
    /// Byte offset of the offending item within the innermost byte string of [`path`](Self::path).
    pub offset: usize,
    /// The way to that byte string, outermost step first.
    pub path: Vec<Step>,
}

/// One step into nested structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into the member of this name, as the document calls it.
    Member(&'static str),
    /// Into the entry of this index.
    Index(usize),
    /// Into the argument of the command of this name, at this byte offset of its sequence.
    Command(&'static str, usize),
}

impl Error {
    pub(crate) const fn new(kind: Kind, what: &'static str, offset: usize) -> Self {
        Self { kind, what, offset, path: Vec::new() }
    }

    /// The same error, seen from one level further out: it happened within the member `name`.
    pub(crate) fn within(self, name: &'static str) -> Self {
        self.behind(Step::Member(name))
    }

    /// The same error, seen from the list in whose entry `index` it happened.
    pub(crate) fn in_entry(self, index: usize) -> Self {
        self.behind(Step::Index(index))
    }

    /// The same error, seen from the byte string that starts at `offset` of the one around it and is no step of
    /// its own.
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        if self.path.is_empty() {
            self.offset = self.offset.saturating_add(offset);
        }
        self
    }

    /// Not with `Vec::insert`, which can panic.
    pub(crate) fn behind(mut self, step: Step) -> Self {
        self.path = core::iter::once(step).chain(self.path).collect();
        self
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
            Kind::BadCertificate => return write!(f, "bad certificate: expected {}", self.what),
            Kind::CertificateExpired => {
                return write!(f, "certificate not valid now: expected {}", self.what);
            }
        };
        write!(f, "{kind}: {} (at byte {}", self.what, self.offset)?;
        if !self.path.is_empty() {
            f.write_str(" of ")?;
        }
        for (position, step) in self.path.iter().enumerate() {
            match step {
                Step::Member(name) if position == 0 => f.write_str(name)?,
                Step::Member(name) => write!(f, "/{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Command(name, offset) if position == 0 => write!(f, "{name}@{offset}")?,
                Step::Command(name, offset) => write!(f, "/{name}@{offset}")?,
            }
        }
        f.write_str(")")
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn says_kind_place_and_expectation() {
        let error = Error::malformed("a SUIT_Digest", 7);
        assert_eq!(error.to_string(), "malformed: a SUIT_Digest (at byte 7)");
        let error = error.within("suit-common").in_entry(2).within("manifest-list");
        assert_eq!(error.to_string(), "malformed: a SUIT_Digest (at byte 7 of manifest-list[2]/suit-common)");
        let inside =
            Error::malformed("a UUID", 3).behind(Step::Index(1)).behind(Step::Command("try-each", 9));
        assert_eq!(inside.to_string(), "malformed: a UUID (at byte 3 of try-each@9[1])");
        assert_eq!(inside.shifted(4).offset, 3, "it is within a byte string of its own");
        assert_eq!(Error::malformed("a UUID", 3).shifted(4).offset, 7);
    }
}
