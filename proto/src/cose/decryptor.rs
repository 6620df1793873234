// SPDX-License-Identifier: Apache-2.0
//! Decrypting content as it arrives, in constant memory. Content that is there as a whole is decrypted by the
//! same code.

use super::ContentAlgorithm;
use crate::{Error, Kind};
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, InnerIvInit, KeyInit, KeyIvInit, StreamCipher};
use aes::{Aes128, Aes192, Aes256};
use chacha20::ChaCha20;
use ctr::{Ctr32BE, Ctr128BE};
use ghash::GHash;
use poly1305::Poly1305;
use poly1305::universal_hash::{Block, UniversalHash};
use zeroize::Zeroizing;

/// Bytes of a tag, and of a block of what computes it.
const TAG: usize = 16;

/// The content of an [`Encrypted`](super::Encrypted) while its ciphertext arrives in pieces.
///
/// Owns its state, of constant size, and wipes it when dropped. With an algorithm that
/// [authenticates](ContentAlgorithm::authenticates) the last 16 bytes of the ciphertext are the tag.
///
/// ```
/// use teep_proto::cose::{CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, EncryptTo, Encrypted, RecipientKey, SymmetricKey, encrypt};
///
/// # let mut random = |bytes: &mut [u8]| { bytes.fill(7); Ok(()) };
/// let key = SymmetricKey::new(&[1; 16], None)?;
/// let to = [EncryptTo::Symmetric(&key)];
/// let made = encrypt(ContentAlgorithm::A128Gcm, &to, b"a firmware image", CONTEXT_SUIT_PAYLOAD, &mut random, false)?;
/// # let mut ciphertext = made.ciphertext.unwrap_or_default();
///
/// let mut decryptor =
///     Encrypted::decode(&made.structure)?.decryptor(&[RecipientKey::Symmetric(key)], CONTEXT_SUIT_PAYLOAD)?;
/// let mut image = Vec::new();
/// for piece in ciphertext.chunks_mut(10) {
///     image.extend_from_slice(decryptor.update(piece)?);
/// }
/// decryptor.finish()?;
/// assert_eq!(image, b"a firmware image");
/// # Ok::<(), teep_proto::Error>(())
/// ```
pub struct ContentDecryptor {
    algorithm: ContentAlgorithm,
    keystream: Keystream,
    authenticator: Option<Authenticator>,
}

impl core::fmt::Debug for ContentDecryptor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ContentDecryptor({})", self.algorithm)
    }
}

impl ContentDecryptor {
    /// `None` when `key` or `iv` does not have the length the algorithm needs.
    pub(super) fn new(algorithm: ContentAlgorithm, key: &[u8], iv: &[u8], aad: &[u8]) -> Option<Self> {
        let (keystream, authenticator) = match algorithm {
            ContentAlgorithm::A128Gcm => {
                let (keystream, hash, mask) = gcm(key, iv)?;
                (keystream, Some(Authenticator::new(Hash::GHash(Blocks::new(hash)), mask, aad)))
            }
            ContentAlgorithm::ChaCha20Poly1305 => {
                let (keystream, hash) = chacha20_poly1305(key, iv)?;
                let hash = Hash::Poly1305(Blocks::new(hash));
                (keystream, Some(Authenticator::new(hash, Zeroizing::default(), aad)))
            }
            _ => (Keystream::counter(algorithm, key, iv)?, None),
        };
        Some(Self { algorithm, keystream, authenticator })
    }

    /// What the content is encrypted with.
    pub fn algorithm(&self) -> ContentAlgorithm {
        self.algorithm
    }

    /// Decrypts the next piece of the ciphertext where it lies, and returns what plaintext there now is: a part
    /// of `piece`.
    ///
    /// The last 16 bytes so far, which may be the tag, are held back; so the plaintext may be shorter than the
    /// piece or empty, and is never longer. It is **not authentic** before [`finish`](Self::finish) has said
    /// so, and must not become usable before.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] past what one IV can encrypt, 64 GiB or more.
    pub fn update<'c>(&mut self, piece: &'c mut [u8]) -> Result<&'c [u8], Error> {
        let content = match &mut self.authenticator {
            Some(authenticator) => {
                let content = authenticator.hold_back(piece);
                authenticator.update(content);
                content
            }
            None => piece,
        };
        self.keystream.apply(content).ok_or(Error::new(
            Kind::TooLarge,
            "no more content than one IV can encrypt",
            0,
        ))?;
        Ok(content)
    }

    /// Ends the content. With AES-CTR there is nothing to find out, and the caller compares the plaintext with
    /// a signed digest.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] when the tag is missing or wrong: the plaintext is to be thrown away.
    pub fn finish(self) -> Result<(), Error> {
        let holds = self.authenticator.is_none_or(Authenticator::holds);
        holds.then_some(()).ok_or(Error::unauthenticated("a ciphertext that is whole and made with this key"))
    }
}

/// What is added to the content byte by byte.
pub(super) enum Keystream {
    Aes128(Ctr128BE<Aes128>),
    Aes192(Ctr128BE<Aes192>),
    Aes256(Ctr128BE<Aes256>),
    Gcm(Ctr32BE<Aes128>),
    ChaCha20(ChaCha20),
}

impl Keystream {
    /// AES in counter mode; `None` with another algorithm, or a key or IV of another length.
    pub(super) fn counter(algorithm: ContentAlgorithm, key: &[u8], iv: &[u8]) -> Option<Self> {
        match algorithm {
            ContentAlgorithm::A128Ctr => Ctr128BE::new_from_slices(key, iv).ok().map(Self::Aes128),
            ContentAlgorithm::A192Ctr => Ctr128BE::new_from_slices(key, iv).ok().map(Self::Aes192),
            ContentAlgorithm::A256Ctr => Ctr128BE::new_from_slices(key, iv).ok().map(Self::Aes256),
            ContentAlgorithm::A128Gcm | ContentAlgorithm::ChaCha20Poly1305 => None,
        }
    }

    /// The same in both directions; `None` at its end.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self {
            Self::Aes128(keystream) => keystream.try_apply_keystream(bytes),
            Self::Aes192(keystream) => keystream.try_apply_keystream(bytes),
            Self::Aes256(keystream) => keystream.try_apply_keystream(bytes),
            Self::Gcm(keystream) => keystream.try_apply_keystream(bytes),
            Self::ChaCha20(keystream) => keystream.try_apply_keystream(bytes),
        }
        .ok()
    }
}

/// NIST SP 800-38D section 7.2: the counter starts at IV || 1; its first block hides the tag.
fn gcm(key: &[u8], iv: &[u8]) -> Option<(Keystream, GHash, Zeroizing<[u8; TAG]>)> {
    let cipher = Aes128::new_from_slice(key).ok()?;
    let mut hash_key = Zeroizing::new([0; TAG]);
    cipher.encrypt_block((&mut *hash_key).into());
    let [a, b, c, d, e, f, g, h, i, j, k, l]: [u8; 12] = iv.try_into().ok()?;
    let start = [a, b, c, d, e, f, g, h, i, j, k, l, 0, 0, 0, 1];
    let mut keystream = Keystream::Gcm(Ctr32BE::from_core(InnerIvInit::inner_iv_init(cipher, &start.into())));
    let mut mask = Zeroizing::new([0; TAG]);
    keystream.apply(mask.as_mut_slice())?;
    Some((keystream, GHash::new((&*hash_key).into()), mask))
}

/// RFC 8439 section 2.8: the first half of the first block is the key of Poly1305, the second is not used.
fn chacha20_poly1305(key: &[u8], iv: &[u8]) -> Option<(Keystream, Poly1305)> {
    let mut keystream = Keystream::ChaCha20(ChaCha20::new_from_slices(key, iv).ok()?);
    let mut first = Zeroizing::new([0; 64]);
    keystream.apply(first.as_mut_slice())?;
    Some((keystream, Poly1305::new_from_slice(first.first_chunk::<32>()?).ok()?))
}

/// Computes the tag of what arrives, and keeps the one that is claimed.
struct Authenticator {
    hash: Hash,
    mask: Zeroizing<[u8; TAG]>,
    aad_len: u64,
    content_len: u64,
    /// The last bytes that arrived, as many as `held`.
    claimed: [u8; TAG],
    held: usize,
}

#[allow(clippy::large_enum_variant, reason = "Poly1305 is large on machines with AVX2 only")]
enum Hash {
    GHash(Blocks<GHash>),
    Poly1305(Blocks<Poly1305>),
}

impl Authenticator {
    fn new(mut hash: Hash, mask: Zeroizing<[u8; TAG]>, aad: &[u8]) -> Self {
        match &mut hash {
            Hash::GHash(hash) => hash.update(aad).pad(),
            Hash::Poly1305(hash) => hash.update(aad).pad(),
        }
        Self { hash, mask, aad_len: aad.len() as u64, content_len: 0, claimed: [0; TAG], held: 0 }
    }

    /// Puts the bytes held back so far before those of `piece`, and holds back the last 16 of them all. The
    /// rest is a part of `piece`, and content.
    fn hold_back<'c>(&mut self, piece: &'c mut [u8]) -> &'c mut [u8] {
        let missing = TAG.saturating_sub(self.held).min(piece.len());
        let Some((first, rest)) = piece.split_at_mut_checked(missing) else { return &mut [] };
        for (slot, byte) in self.claimed.iter_mut().skip(self.held).zip(first) {
            *slot = *byte;
        }
        self.held = self.held.saturating_add(missing);
        // What is not empty here finds 16 bytes held. Each byte changes places with the oldest of them, and is
        // then the newest.
        for block in rest.chunks_mut(TAG) {
            block.iter_mut().zip(&mut self.claimed).for_each(|(byte, slot)| core::mem::swap(byte, slot));
        }
        let oldest = rest.len().checked_rem(TAG).unwrap_or_default();
        let turned = self.claimed;
        self.claimed
            .iter_mut()
            .zip(turned.iter().cycle().skip(oldest))
            .for_each(|(slot, byte)| *slot = *byte);
        rest
    }

    fn update(&mut self, content: &[u8]) {
        self.content_len = self.content_len.saturating_add(content.len() as u64);
        match &mut self.hash {
            Hash::GHash(hash) => _ = hash.update(content),
            Hash::Poly1305(hash) => _ = hash.update(content),
        }
    }

    /// Whether the bytes held back are the tag; compared in constant time.
    fn holds(mut self) -> bool {
        let lengths = [self.aad_len, self.content_len];
        self.claimed.iter_mut().zip(self.mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
        self.held == TAG
            && match self.hash {
                Hash::GHash(hash) => {
                    hash.ends_in(lengths.map(|n| n.saturating_mul(8).to_be_bytes()), &self.claimed)
                }
                Hash::Poly1305(hash) => hash.ends_in(lengths.map(u64::to_le_bytes), &self.claimed),
            }
    }
}

/// A hash over blocks of 16 bytes, of what arrives in pieces of any size.
struct Blocks<H> {
    hash: H,
    /// The start of a block, then zeros.
    block: [u8; TAG],
    filled: usize,
}

impl<H: UniversalHash<BlockSize = U16>> Blocks<H> {
    fn new(hash: H) -> Self {
        Self { hash, block: [0; TAG], filled: 0 }
    }

    fn update(&mut self, bytes: &[u8]) -> &mut Self {
        let missing = if self.filled == 0 { 0 } else { TAG.saturating_sub(self.filled) };
        let (first, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        self.fill(first);
        let (blocks, last) = Block::<H>::slice_as_chunks(rest);
        self.hash.update(blocks);
        self.fill(last);
        self
    }

    /// Adds to the block no more than it lacks.
    fn fill(&mut self, bytes: &[u8]) {
        for (slot, byte) in self.block.iter_mut().skip(self.filled).zip(bytes) {
            *slot = *byte;
        }
        self.filled = self.filled.saturating_add(bytes.len());
        if self.filled >= TAG {
            self.pad();
        }
    }

    /// Fills the block up with zeros, if it was begun.
    fn pad(&mut self) {
        if self.filled > 0 {
            self.hash.update(&[self.block.into()]);
            (self.block, self.filled) = ([0; TAG], 0);
        }
    }

    /// Whether padding and then a block of two lengths leads to `expected`.
    fn ends_in(mut self, lengths: [[u8; 8]; 2], expected: &[u8; TAG]) -> bool {
        self.pad();
        self.update(lengths.as_flattened());
        self.hash.verify(expected.into()).is_ok()
    }
}

#[cfg(test)]
mod tests;
