// SPDX-License-Identifier: Apache-2.0
use crate::cbor::{Reader, Writer, encode};
use crate::{Error, Kind};
use alloc::vec::Vec;
use core::fmt;
use sha2::Digest as _;

/// Bytes of the longest digest.
const MAX: usize = 64;

/// Digest algorithms, with their numbers in the COSE registry. Every SUIT implementation has SHA-256
/// (REQ-SUIT-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum DigestAlgorithm {
    /// SHA-256
    Sha256 = -16,
    /// SHA-384
    Sha384 = -43,
    /// SHA-512
    Sha512 = -44,
}

impl DigestAlgorithm {
    /// Every algorithm there is.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// Number in the IANA COSE Algorithms registry.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The algorithm with number `number`, if it is one of these.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.number() == number)
    }

    /// Bytes of a digest.
    pub const fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => MAX,
        }
    }

    /// Digest of `bytes`.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        let mut state = DigestState::new(self);
        state.update(bytes);
        state.finish()
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// The digest of what arrives in pieces.
#[derive(Clone, Debug)]
pub struct DigestState(State);

#[derive(Clone, Debug)]
enum State {
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl DigestState {
    /// Of nothing yet.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self(match algorithm {
            DigestAlgorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            DigestAlgorithm::Sha384 => State::Sha384(sha2::Sha384::new()),
            DigestAlgorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::new(DigestAlgorithm::Sha256, &state.finalize()),
            State::Sha384(state) => Digest::new(DigestAlgorithm::Sha384, &state.finalize()),
            State::Sha512(state) => Digest::new(DigestAlgorithm::Sha512, &state.finalize()),
        }
    }
}

/// A SUIT_Digest: an algorithm and what it gave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    algorithm: DigestAlgorithm,
    /// As many bytes as the algorithm gives, then zeros.
    bytes: [u8; MAX],
}

impl Digest {
    /// SHA-256 of `bytes`; the other algorithms by [`DigestAlgorithm::digest`].
    pub fn of(bytes: &[u8]) -> Self {
        DigestAlgorithm::Sha256.digest(bytes)
    }

    /// The SHA-256 digest with this value.
    pub fn sha256(value: [u8; 32]) -> Self {
        Self::new(DigestAlgorithm::Sha256, &value)
    }

    fn new(algorithm: DigestAlgorithm, value: &[u8]) -> Self {
        let mut bytes = [0; MAX];
        bytes.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        Self { algorithm, bytes }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// The value, as long as the algorithm makes it.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.algorithm.size()).unwrap_or_default()
    }

    /// Whether `bytes` has this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.algorithm.digest(bytes) == *self
    }

    /// Reads `[algorithm, digest]`.
    ///
    /// # Errors
    /// Another algorithm than SHA-256, -384 and -512 is unsupported; another length than the algorithm's
    /// malformed.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(2, "a SUIT_Digest [algorithm, bytes]")?;
        let at = r.offset();
        let algorithm = DigestAlgorithm::from_number(r.int("a digest algorithm")?).ok_or(Error::new(
            Kind::UnsupportedAlgorithm,
            "a SHA-256, SHA-384 or SHA-512 digest",
            at,
        ))?;
        let size = algorithm.size();
        let value = r.sized_bytes(size..=size, "a digest of the length its algorithm gives")?;
        Ok(Self::new(algorithm, value))
    }

    /// Decodes one that stands alone.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(&mut Reader::open(bytes)?)
    }

    /// Writes `[algorithm, digest]`.
    pub fn write(&self, w: &mut Writer) {
        w.array(2).int(self.algorithm.number()).bytes(self.as_bytes());
    }

    /// Encodes it standing alone.
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| self.write(w))
    }
}

/// The value in hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} {self})", self.algorithm)
    }
}
