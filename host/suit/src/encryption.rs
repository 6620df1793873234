// SPDX-License-Identifier: Apache-2.0
//! Encrypting a component for those who are to have it (draft-ietf-suit-firmware-encryption).

use crate::Error;
use teep_proto::cose::{
    AgreementKey, CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, EncryptTo, Encrypted, KeyWrap, SymmetricKey,
    encrypt,
};

/// Whom a component is encrypted to, and with what.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// The cipher. One that authenticates is the better choice for data (REQ-SUIT-067).
    pub algorithm: ContentAlgorithm,
    /// Who is able to decrypt.
    pub recipients: Vec<Recipient>,
}

/// Somebody who is able to decrypt.
#[derive(Clone, Debug)]
pub enum Recipient {
    /// The device with the private half of this key: ECDH-ES, then AES-KW with 128 bits.
    Agreement(AgreementKey),
    /// Whoever has this key of 16, 24 or 32 bytes: AES-KW.
    Symmetric(SymmetricKey),
}

/// What encrypting makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The SUIT_Encryption_Info.
    pub info: Vec<u8>,
    /// The ciphertext.
    pub ciphertext: Vec<u8>,
}

impl Sealing {
    /// Encrypts `plaintext` under a new random key.
    ///
    /// # Errors
    /// [`Error::Randomness`], and [`Error::Key`] when there is no recipient, or one too many, or a key that is no
    /// key for AES-KW.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Sealed, Error> {
        let recipients: Vec<_> = self.recipients.iter().map(Recipient::to).collect();
        let mut no_randomness = false;
        let mut random = |bytes: &mut [u8]| {
            if getrandom::fill(bytes).is_err() {
                no_randomness = true;
            }
            Ok(())
        };
        let made = encrypt(self.algorithm, &recipients, plaintext, CONTEXT_SUIT_PAYLOAD, &mut random, false);
        if no_randomness {
            return Err(Error::Randomness);
        }
        let made = made.map_err(|error| Error::Key(format!("cannot encrypt to these keys: {error}")))?;
        Ok(Sealed { info: made.structure, ciphertext: made.ciphertext.unwrap_or_default() })
    }
}

impl Recipient {
    fn to(&self) -> EncryptTo<'_> {
        match self {
            Self::Agreement(key) => EncryptTo::Agreement(key, KeyWrap::A128Kw),
            Self::Symmetric(key) => EncryptTo::Symmetric(key),
        }
    }
}

impl Sealed {
    /// Checks that the ciphertext can be the one of a plaintext of `len` bytes that the info is about.
    ///
    /// # Errors
    /// [`Error::Description`].
    pub fn check(&self, len: usize) -> Result<(), Error> {
        let wrong = |problem: String| Err(Error::Description(problem));
        let info = match Encrypted::decode(&self.info) {
            Ok(info) => info,
            Err(error) => return wrong(format!("not an encryption-info: {error}")),
        };
        if !info.is_detached() {
            return wrong(
                "the encryption-info has the ciphertext in it: use the one teep-suit encrypt writes".into(),
            );
        }
        let expected = len.saturating_add(info.algorithm().tag_len());
        if self.ciphertext.len() == expected {
            return Ok(());
        }
        let algorithm = info.algorithm();
        wrong(format!(
            "the ciphertext has {} bytes, but {len} bytes encrypted with {algorithm} have {expected}: encrypt it again",
            self.ciphertext.len()
        ))
    }
}
