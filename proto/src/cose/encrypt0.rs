// SPDX-License-Identifier: Apache-2.0
//! COSE_Encrypt0: content under a key both sides have (suit.md section 12).

use super::content::{self, ContentLayer};
use super::{ContentAlgorithm, Random, SymmetricKey};
use crate::Error;
use crate::cbor::{Reader, encode_exact};
use alloc::vec::Vec;

/// CBOR tag of COSE_Encrypt0.
pub(crate) const TAG_ENCRYPT0: u64 = 16;
const CONTEXT_ENCRYPT0: &str = "Encrypt0";

/// A COSE_Encrypt0 that has not been decrypted yet: a SUIT Report's confidential form.
#[derive(Clone, Debug)]
pub struct Encrypted0<'b> {
    content: ContentLayer<'b>,
    ciphertext: &'b [u8],
}

impl<'b> Encrypted0<'b> {
    /// Decodes a COSE_Encrypt0 with its ciphertext, tagged or not.
    ///
    /// # Errors
    /// Anything RFC 9052 does not allow, header parameters not understood, a detached ciphertext.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let at = r.offset();
        if !matches!(r.optional_tag(), None | Some(TAG_ENCRYPT0)) {
            return Err(Error::malformed("tag 16 on a COSE_Encrypt0, or none", at));
        }
        r.array_of(3, "a COSE_Encrypt0 array of 3 items")?;
        let protected = r.bytes("a protected header in a byte string")?;
        let content = ContentLayer::decode(protected, r.item()?)?;
        Ok(Self { content, ciphertext: r.bytes("a ciphertext")? })
    }

    /// What the content is encrypted with.
    pub fn algorithm(&self) -> ContentAlgorithm {
        self.content.algorithm
    }

    /// Decrypts with the key the `kid` names, or without one with the first of `keys` that fits. With AES-CTR
    /// the result is *not* authentic: it must lie within something signed, and without a `kid` a single key is
    /// what should be given.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`](crate::Kind) when no key fits, or the content was changed.
    pub fn decrypt(&self, keys: &[SymmetricKey]) -> Result<Vec<u8>, Error> {
        let ContentLayer { algorithm, kid, .. } = self.content;
        keys.iter()
            .filter(|key| key.serves(algorithm.number(), kid) && key.secret().len() == algorithm.key_len())
            .find_map(|key| self.content.open(key.secret(), CONTEXT_ENCRYPT0, self.ciphertext).ok())
            .ok_or(Error::unauthenticated("no key here that opens this ciphertext"))
    }
}

/// A tagged COSE_Encrypt0 of `plaintext` under `key`.
///
/// # Errors
/// Those of `random`, and a key of another length or for another algorithm.
pub fn encrypt0(
    content: ContentAlgorithm,
    key: &SymmetricKey,
    plaintext: &[u8],
    random: &mut Random<'_>,
) -> Result<Vec<u8>, Error> {
    if !key.serves(content.number(), None) {
        return Err(Error::malformed("a key for the content encryption algorithm", 0));
    }
    let sealed = content::seal(content, key.secret(), key.kid(), CONTEXT_ENCRYPT0, plaintext, random)?;
    Ok(encode_exact(|w| {
        w.tag(TAG_ENCRYPT0)
            .array(3)
            .bytes(&sealed.protected)
            .raw(&sealed.unprotected)
            .bytes(&sealed.ciphertext);
    }))
}

#[cfg(test)]
mod tests;
