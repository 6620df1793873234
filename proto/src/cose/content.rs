// SPDX-License-Identifier: Apache-2.0
//! Content encryption algorithms: AES-CTR (RFC 9459), AES-GCM and ChaCha20/Poly1305 (RFC 9053 section 4).

use super::decryptor::{ContentDecryptor, Keystream};
use super::header::{ALG, Header, IV, KID, one_kid, protected_alg};
use crate::cbor::encode;
use crate::{Error, Kind};
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Nonce};
use alloc::vec::Vec;
use chacha20poly1305::ChaCha20Poly1305;
use coset::iana;
use zeroize::Zeroizing;

/// What encrypts content with a content encryption key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentAlgorithm {
    /// AES-CTR with a 128-bit key (-65534). No integrity: a digest must stand elsewhere.
    A128Ctr,
    /// AES-CTR with a 192-bit key (-65533). No integrity: a digest must stand elsewhere.
    A192Ctr,
    /// AES-CTR with a 256-bit key (-65532). No integrity: a digest must stand elsewhere.
    A256Ctr,
    /// AES-GCM with a 128-bit key and a 128-bit tag (1).
    A128Gcm,
    /// ChaCha20/Poly1305 with a 256-bit key and a 128-bit tag (24).
    ChaCha20Poly1305,
}

impl ContentAlgorithm {
    pub(super) const ALL: [Self; 5] =
        [Self::A128Ctr, Self::A192Ctr, Self::A256Ctr, Self::A128Gcm, Self::ChaCha20Poly1305];

    /// Number in the IANA COSE Algorithms registry.
    pub const fn number(self) -> i64 {
        match self {
            Self::A128Ctr => iana::Algorithm::AesCtr128 as i64,
            Self::A192Ctr => iana::Algorithm::AesCtr192 as i64,
            Self::A256Ctr => iana::Algorithm::AesCtr256 as i64,
            Self::A128Gcm => iana::Algorithm::A128GCM as i64,
            Self::ChaCha20Poly1305 => iana::Algorithm::ChaCha20Poly1305 as i64,
        }
    }

    /// The algorithm with number `number`, if it is one of these.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.number() == number)
    }

    /// Bytes of a key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::A128Ctr | Self::A128Gcm => 16,
            Self::A192Ctr => 24,
            Self::A256Ctr | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Bytes of an IV: a nonce, or the first counter block.
    pub const fn iv_len(self) -> usize {
        if self.authenticates() { 12 } else { 16 }
    }

    /// Bytes that follow the content as its tag: what a ciphertext is longer than its plaintext.
    pub const fn tag_len(self) -> usize {
        if self.authenticates() { 16 } else { 0 }
    }

    /// Whether a changed ciphertext is noticed when it is decrypted.
    pub const fn authenticates(self) -> bool {
        match self {
            Self::A128Ctr | Self::A192Ctr | Self::A256Ctr => false,
            Self::A128Gcm | Self::ChaCha20Poly1305 => true,
        }
    }

    pub(super) fn seal(self, key: &[u8], iv: &[u8], aad: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        let input = Payload { msg: plaintext, aad };
        match self {
            Self::A128Gcm => {
                Aes128Gcm::new_from_slice(key).ok()?.encrypt(&Nonce::try_from(iv).ok()?, input).ok()
            }
            Self::ChaCha20Poly1305 => {
                ChaCha20Poly1305::new_from_slice(key).ok()?.encrypt(iv.try_into().ok()?, input).ok()
            }
            _ => {
                let mut bytes = plaintext.to_vec();
                Keystream::counter(self, key, iv)?.apply(&mut bytes)?;
                Some(bytes)
            }
        }
    }
}

impl core::fmt::Display for ContentAlgorithm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::A128Ctr => "A128CTR",
            Self::A192Ctr => "A192CTR",
            Self::A256Ctr => "A256CTR",
            Self::A128Gcm => "A128GCM",
            Self::ChaCha20Poly1305 => "ChaCha20/Poly1305",
        })
    }
}

/// Headers of a layer that encrypts content.
///
/// An algorithm that authenticates stands in the protected header and covers it; with AES-CTR, which covers
/// nothing, the protected header is empty and the algorithm stands in the unprotected one (REQ-SUIT-062,
/// AMB-SUIT-22).
#[derive(Clone, Debug)]
pub(super) struct ContentLayer<'b> {
    pub(super) algorithm: ContentAlgorithm,
    pub(super) kid: Option<&'b [u8]>,
    protected: &'b [u8],
    iv: &'b [u8],
}

impl<'b> ContentLayer<'b> {
    pub(super) fn decode(protected: &'b [u8], unprotected: &'b [u8]) -> Result<Self, Error> {
        let inner = Header::read_protected(protected, &[ALG, KID]).map_err(|e| e.within("protected"))?;
        let outer = Header::read(unprotected, &[ALG, KID, IV]).map_err(|e| e.within("unprotected"))?;
        let kid = one_kid(&inner, &outer)?;
        let number = match (inner.alg, outer.alg) {
            (Some(number), None) | (None, Some(number)) => number,
            _ => return Err(Error::malformed("a content encryption algorithm, once", 0)),
        };
        let algorithm = ContentAlgorithm::from_number(number).ok_or(Error::new(
            Kind::UnsupportedAlgorithm,
            "AES-CTR, A128GCM or ChaCha20/Poly1305",
            0,
        ))?;
        if algorithm.authenticates() != inner.alg.is_some() {
            return Err(Error::malformed("AEAD in the protected header, AES-CTR in the unprotected one", 0));
        }
        if !algorithm.authenticates() && inner != Header::default() {
            return Err(Error::malformed("an empty protected header with AES-CTR", 0));
        }
        let iv = outer.iv.filter(|iv| iv.len() == algorithm.iv_len());
        let iv = iv.ok_or(Error::malformed("an IV of the length the algorithm has", 0))?;
        Ok(Self { algorithm, kid, protected, iv })
    }

    /// For a ciphertext made with `key`; `context` is that of the Enc_structure.
    pub(super) fn decryptor(&self, key: &[u8], context: &str) -> Result<ContentDecryptor, Error> {
        let aad = enc_structure(context, self.protected);
        ContentDecryptor::new(self.algorithm, key, self.iv, &aad)
            .ok_or(Error::unauthenticated("a key of the length the algorithm has"))
    }

    /// Decrypts a ciphertext that is there as a whole.
    pub(super) fn open(&self, key: &[u8], context: &str, ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
        let mut decryptor = self.decryptor(key, context)?;
        // What a decryptor holds back goes into it first, so that all of the rest comes out at once.
        let held_back = self.algorithm.tag_len().min(ciphertext.len());
        let (first, rest) = ciphertext.split_at_checked(held_back).unwrap_or_default();
        decryptor.update(&mut first.to_vec())?;
        let mut plaintext = Zeroizing::new(rest.to_vec());
        decryptor.update(&mut plaintext)?;
        decryptor.finish()?;
        Ok(core::mem::take(&mut *plaintext))
    }
}

/// Content that was encrypted, with the headers that say how.
pub(super) struct Sealed {
    pub(super) protected: Vec<u8>,
    /// Encoded map.
    pub(super) unprotected: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
}

/// Encrypts `plaintext` under `key` with an IV from `random`.
pub(super) fn seal(
    algorithm: ContentAlgorithm,
    key: &[u8],
    kid: Option<&[u8]>,
    context: &str,
    plaintext: &[u8],
    random: &mut Random<'_>,
) -> Result<Sealed, Error> {
    let mut iv = alloc::vec![0; algorithm.iv_len()];
    random(&mut iv)?;
    let mut header = Header { kid, iv: Some(&iv), ..Header::default() };
    let protected = if algorithm.authenticates() {
        protected_alg(algorithm.number())
    } else {
        header.alg = Some(algorithm.number());
        Vec::new()
    };
    let aad = enc_structure(context, &protected);
    let ciphertext = algorithm
        .seal(key, &iv, &aad, plaintext)
        .ok_or(Error::malformed("a key of the length the algorithm has", 0))?;
    let unprotected = encode(|w| header.write(w));
    Ok(Sealed { protected, unprotected, ciphertext })
}

/// Fills a buffer with random bytes that nobody can predict, or says why it cannot.
pub type Random<'r> = dyn FnMut(&mut [u8]) -> Result<(), Error> + 'r;

/// The Enc_structure of RFC 9052 section 5.3, which AEAD algorithms authenticate.
fn enc_structure(context: &str, protected: &[u8]) -> Vec<u8> {
    encode(|w| {
        w.array(3).text(context).bytes(protected).bytes(b"");
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        hex::decode(text).expect("hexadecimal")
    }

    fn open(algorithm: ContentAlgorithm, key: &[u8], iv: &[u8], aad: &[u8], ciphertext: &[u8]) -> Vec<u8> {
        let mut bytes = ciphertext.to_vec();
        let mut decryptor = ContentDecryptor::new(algorithm, key, iv, aad).expect("key and IV");
        let plaintext = decryptor.update(&mut bytes).expect("fits").to_vec();
        decryptor.finish().expect("the tag holds");
        plaintext
    }

    /// NIST SP 800-38A F.5.1, F.5.3 and F.5.5.
    #[test]
    fn aes_ctr_check_values() {
        let counter = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let block = hex("6bc1bee22e409f96e93d7e117393172a");
        for (algorithm, key, expected) in [
            (
                ContentAlgorithm::A128Ctr,
                "2b7e151628aed2a6abf7158809cf4f3c",
                "874d6191b620e3261bef6864990db6ce",
            ),
            (
                ContentAlgorithm::A192Ctr,
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                "1abc932417521ca24f2b0459fe7e6e0b",
            ),
            (
                ContentAlgorithm::A256Ctr,
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "601ec313775789a5b7a7f504bbf3d228",
            ),
        ] {
            assert_eq!(algorithm.seal(&hex(key), &counter, b"", &block), Some(hex(expected)));
            assert_eq!(open(algorithm, &hex(key), &counter, b"", &hex(expected)), block);
        }
    }

    /// RFC 8439 section 2.8.2.
    #[test]
    fn chacha20_poly1305_check_value() {
        let key: Vec<u8> = (0x80..0xa0).collect();
        let nonce = hex("070000004041424344454647");
        let aad = hex("50515253c0c1c2c3c4c5c6c7");
        let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
            for the future, sunscreen would be it.";
        let expected = hex(
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b\
             1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
             3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
        );
        let algorithm = ContentAlgorithm::ChaCha20Poly1305;
        assert_eq!(algorithm.seal(&key, &nonce, &aad, plaintext), Some(expected.clone()));
        assert_eq!(open(algorithm, &key, &nonce, &aad, &expected), plaintext);
    }

    #[test]
    fn aes_counter_carries_over_its_whole_width() {
        let count = |iv, len| open(ContentAlgorithm::A128Ctr, &[1; 16], &[iv; 16], b"", &alloc::vec![0; len]);
        assert_eq!(count(0xff, 32), [count(0xff, 16), count(0, 16)].concat());
    }
}
