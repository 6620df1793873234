// SPDX-License-Identifier: Apache-2.0
//! HSS-LMS signatures (RFC 8554) with SHA-256 and n = m = 32, as COSE uses them (RFC 8778): verifying only.
//!
//! The whole signature is cut into its parts, each of the length its key's parameters demand, before the
//! first hash is computed. The work is bounded by the parameters: at most 8 levels of 34 chains of 255 hashes.

use crate::limits::MAX_HSS_LEVELS;
use crate::{Error, Kind};
use alloc::vec::Vec;
use sha2::{Digest, Sha256};

/// Bytes of a hash, of a chain element and of a node.
const N: usize = 32;
/// Bytes of an LMS public key: two types, I, root.
const LMS_KEY: usize = 4 + 4 + 16 + N;

const D_PBLK: u16 = 0x8080;
const D_MESG: u16 = 0x8181;
const D_LEAF: u16 = 0x8282;
const D_INTR: u16 = 0x8383;

/// An HSS public key: the number of levels and the key of the topmost tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HssPublicKey {
    encoded: [u8; 4 + LMS_KEY],
}

impl HssPublicKey {
    /// Decodes the 60 bytes of RFC 8554 section 6.1.
    ///
    /// # Errors
    /// Any other length, no or more than 8 levels, and parameter sets other than LMS_SHA256_M32_H5 to H25 with
    /// LMOTS_SHA256_N32_W1 to W8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let encoded: [u8; 4 + LMS_KEY] =
            bytes.try_into().map_err(|_| Error::malformed("an HSS public key of 60 bytes", 0))?;
        let key = Self { encoded };
        if !(1..=MAX_HSS_LEVELS).contains(&key.levels()) {
            return Err(Error::malformed("an HSS public key with 1 to 8 levels", 0));
        }
        key.root().ok_or(Error::new(
            Kind::UnsupportedAlgorithm,
            "LMS and LMOTS with SHA-256, 32 bytes",
            4,
        ))?;
        Ok(key)
    }

    /// The 60 bytes of RFC 8554 section 6.1.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// Number of levels of trees, 1 to 8.
    pub fn levels(&self) -> usize {
        Parser(&self.encoded).u32().and_then(|levels| usize::try_from(levels).ok()).unwrap_or(usize::MAX)
    }

    fn root(&self) -> Option<LmsKey<'_>> {
        let mut parser = Parser(&self.encoded);
        parser.u32()?;
        parser.key()
    }

    /// Whether `signature` is this key's over `prefix` followed by `payload` (RFC 8554 section 6.3).
    pub(super) fn verifies(&self, prefix: &[u8], payload: &[u8], signature: &[u8]) -> bool {
        self.cut(signature).is_some_and(|(links, key, last)| {
            links.iter().all(|link| link.signer.signed(&[link.signed], &link.signature))
                && key.signed(&[prefix, payload], &last)
        })
    }

    /// Cuts an HSS signature into the signed keys of the lower levels and the signature of the message.
    fn cut<'a>(&'a self, signature: &'a [u8]) -> Option<(Vec<Link<'a>>, LmsKey<'a>, LmsSignature<'a>)> {
        let mut parser = Parser(signature);
        let below = usize::try_from(parser.u32()?).ok()?;
        if below.checked_add(1)? != self.levels() {
            return None;
        }
        let mut key = self.root()?;
        let mut links = Vec::new();
        for _ in 0..below {
            let signature = parser.signature(&key)?;
            let signed = parser.0.get(..LMS_KEY)?;
            let next = parser.key()?;
            links.push(Link { signer: key, signature, signed });
            key = next;
        }
        let last = parser.signature(&key)?;
        parser.0.is_empty().then_some((links, key, last))
    }
}

/// The key of a lower level, signed by the level above it.
struct Link<'a> {
    signer: LmsKey<'a>,
    signature: LmsSignature<'a>,
    signed: &'a [u8],
}

/// LMOTS_SHA256_N32_W1, _W2, _W4, _W8 (RFC 8554 section 4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
struct OtsType {
    code: u32,
    /// Width of a Winternitz digit in bits.
    w: u8,
    /// Number of chains.
    p: u16,
    /// How far the checksum is shifted left.
    ls: u8,
}

impl OtsType {
    fn from_code(code: u32) -> Option<Self> {
        let (w, p, ls) = match code {
            1 => (1, 265, 7),
            2 => (2, 133, 6),
            3 => (4, 67, 4),
            4 => (8, 34, 0),
            _ => return None,
        };
        Some(Self { code, w, p, ls })
    }

    /// The largest digit: the end of every chain.
    fn top(self) -> u8 {
        u8::MAX >> 8u8.saturating_sub(self.w)
    }

    /// The digits of `hash` and of its checksum, one for each chain.
    fn digits(self, hash: &[u8; N]) -> impl Iterator<Item = u8> + '_ {
        let checksum = self
            .split(hash)
            .fold(0u16, |sum, digit| sum.saturating_add(u16::from(self.top().saturating_sub(digit))));
        let checksum = (checksum << self.ls).to_be_bytes();
        // The checksum's own digits are copied: two bytes hold sixteen at most.
        let tail: Vec<u8> = self.split(&checksum).collect();
        self.split(hash).chain(tail).take(usize::from(self.p))
    }

    /// Digits of `bytes`, most significant first.
    fn split(self, bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
        let (w, top) = (self.w, self.top());
        // Not with `step_by`, which can panic.
        let firsts = move || (0..8u8).filter(move |first| first.is_multiple_of(w));
        let shifts = move || firsts().map(move |first| 8u8.saturating_sub(w).saturating_sub(first));
        bytes.iter().flat_map(move |byte| shifts().map(move |shift| byte >> shift & top))
    }
}

/// LMS_SHA256_M32_H5 to _H25 (RFC 8554 section 5.1).
#[derive(Clone, Copy, PartialEq, Eq)]
struct TreeType {
    code: u32,
    height: u8,
}

impl TreeType {
    fn from_code(code: u32) -> Option<Self> {
        let height = match code {
            5 => 5,
            6 => 10,
            7 => 15,
            8 => 20,
            9 => 25,
            _ => return None,
        };
        Some(Self { code, height })
    }
}

/// An LMS public key (RFC 8554 section 5.3).
#[derive(Clone, Copy)]
struct LmsKey<'a> {
    tree: TreeType,
    ots: OtsType,
    identifier: &'a [u8],
    root: &'a [u8],
}

/// An LMS signature (RFC 8554 section 5.4) whose parts fit the key's parameters.
struct LmsSignature<'a> {
    q: u32,
    randomizer: &'a [u8],
    chains: &'a [u8],
    path: &'a [u8],
}

impl LmsKey<'_> {
    /// Algorithm 6a: whether `signature` leads from the message to the root of this key's tree.
    fn signed(&self, message: &[&[u8]], signature: &LmsSignature<'_>) -> bool {
        let LmsSignature { q, randomizer, chains, path } = signature;
        let mut hash = self.hash(*q).chain_update(D_MESG.to_be_bytes()).chain_update(randomizer);
        for part in message {
            hash.update(part);
        }
        let digits = self.ots.digits(&hash.finalize().into()).collect::<Vec<u8>>();

        // Algorithm 4b: the one-time public key the signature belongs to.
        let mut ends = self.hash(*q).chain_update(D_PBLK.to_be_bytes());
        for ((i, start), digit) in (0u16..).zip(chains.chunks_exact(N)).zip(digits) {
            ends.update(self.chain_end(*q, i, digit, start));
        }
        let candidate: [u8; N] = ends.finalize().into();

        let mut node = (1u32 << self.tree.height).saturating_add(*q);
        let mut value: [u8; N] =
            self.hash(node).chain_update(D_LEAF.to_be_bytes()).chain_update(candidate).finalize().into();
        for sibling in path.chunks_exact(N) {
            let (left, right) = if node & 1 == 1 { (sibling, &value[..]) } else { (&value[..], sibling) };
            node >>= 1;
            let parent = self.hash(node).chain_update(D_INTR.to_be_bytes());
            value = parent.chain_update(left).chain_update(right).finalize().into();
        }
        value == self.root
    }

    /// Walks chain `i` from its element at `digit` to its end.
    fn chain_end(&self, q: u32, i: u16, digit: u8, start: &[u8]) -> [u8; N] {
        let mut value = [0; N];
        value.iter_mut().zip(start).for_each(|(to, from)| *to = *from);
        let step = self.hash(q).chain_update(i.to_be_bytes());
        for j in digit..self.ots.top() {
            value = step.clone().chain_update([j]).chain_update(value).finalize().into();
        }
        value
    }

    /// Every hash begins with the tree's identifier and a number.
    fn hash(&self, number: u32) -> Sha256 {
        Sha256::new().chain_update(self.identifier).chain_update(number.to_be_bytes())
    }
}

/// Takes parts off the front of what is left; `None` as soon as something is missing or does not fit.
struct Parser<'a>(&'a [u8]);

impl<'a> Parser<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(part)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn key(&mut self) -> Option<LmsKey<'a>> {
        let tree = TreeType::from_code(self.u32()?)?;
        let ots = OtsType::from_code(self.u32()?)?;
        Some(LmsKey { tree, ots, identifier: self.take(16)?, root: self.take(N)? })
    }

    fn signature(&mut self, key: &LmsKey<'_>) -> Option<LmsSignature<'a>> {
        let q = self.u32().filter(|q| q >> key.tree.height == 0)?;
        self.u32().filter(|code| *code == key.ots.code)?;
        let randomizer = self.take(N)?;
        let chains = self.take(N.checked_mul(usize::from(key.ots.p))?)?;
        self.u32().filter(|code| *code == key.tree.code)?;
        let path = self.take(N.checked_mul(usize::from(key.tree.height))?)?;
        Some(LmsSignature { q, randomizer, chains, path })
    }
}

#[cfg(test)]
mod tests;
