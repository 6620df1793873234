// SPDX-License-Identifier: Apache-2.0
//! Recipient layers of a COSE_Encrypt: how each one gets the content encryption key (suit.md section 10).

use super::header::{ALG, EPHEMERAL_KEY, Header, KID, SALT, one_kid, protected_alg};
use super::{AgreementKey, AgreementSecret, KeyWrap, Random, SymmetricKey};
use crate::Error;
use crate::cbor::{Reader, Writer};
use alloc::boxed::Box;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// A key of the one who decrypts.
#[derive(Clone, Debug)]
pub enum RecipientKey {
    /// Unwraps with AES-KW; its length says which.
    Symmetric(SymmetricKey),
    /// Agrees with ECDH-ES.
    Agreement(AgreementSecret),
}

/// Someone who is to be able to decrypt.
#[derive(Clone, Copy, Debug)]
pub enum EncryptTo<'k> {
    /// Whoever has this key of 16, 24 or 32 bytes: AES-KW of that length.
    Symmetric(&'k SymmetricKey),
    /// Whoever has the private half of this key: ECDH-ES, then AES-KW of the given length.
    Agreement(&'k AgreementKey, KeyWrap),
}

/// One recipient layer.
#[derive(Clone, Debug)]
pub(super) struct Recipient<'b> {
    wrap: KeyWrap,
    kid: Option<&'b [u8]>,
    /// What ECDH-ES needs; nothing for AES-KW alone.
    ephemeral: Option<Ephemeral<'b>>,
    wrapped: &'b [u8],
}

#[derive(Clone, Debug)]
struct Ephemeral<'b> {
    key: Box<AgreementKey>,
    protected: &'b [u8],
    salt: Option<&'b [u8]>,
}

impl<'b> Recipient<'b> {
    /// Reads a recipient layer. `None` when it is well-formed and uses an algorithm that is not implemented:
    /// it is another device's affair.
    ///
    /// # Errors
    /// What a COSE_recipient must not contain; a wrapped key that does not have the length of a wrapped key
    /// of `key_len` bytes; an ephemeral key that is no point on P-256 (REQ-SUIT-121).
    pub(super) fn read(r: &mut Reader<'b>, key_len: usize) -> Result<Option<Self>, Error> {
        const LABELS: [i64; 4] = [ALG, KID, EPHEMERAL_KEY, SALT];
        r.array_of(3, "a COSE_recipient of 3 items")?;
        let protected = r.bytes("a protected header in a byte string")?;
        let unprotected = r.item()?;
        let wrapped = r.bytes("an encrypted key")?;
        let inner = Header::read_protected(protected, &[ALG, KID]).map_err(|e| e.within("protected"))?;
        let outer = Header::read(unprotected, &LABELS).map_err(|e| e.within("unprotected"))?;
        let kid = one_kid(&inner, &outer)?;
        let (number, is_protected) = match (inner.alg, outer.alg) {
            (Some(number), None) => (number, true),
            (None, Some(number)) => (number, false),
            _ => return Err(Error::malformed("an algorithm of the recipient, once", 0)),
        };
        let known = KeyWrap::ALL.into_iter().find_map(|wrap| {
            let agrees = number == wrap.ecdh_es_number();
            (agrees || number == wrap.number()).then_some((wrap, agrees))
        });
        let Some((wrap, agrees)) = known else { return Ok(None) };
        if wrapped.len() != key_len.saturating_add(KeyWrap::OVERHEAD) {
            return Err(Error::malformed("an encrypted key as long as the content algorithm needs", 0));
        }
        if agrees != is_protected {
            return Err(Error::malformed(
                "ECDH-ES in the protected header, AES-KW in the unprotected one",
                0,
            ));
        }
        let ephemeral = match (agrees, outer.ephemeral_key) {
            (true, Some(key)) => {
                let key = AgreementKey::from_cose_key(key).map_err(|e| e.within("ephemeral key"))?;
                Some(Ephemeral { key: Box::new(key), protected, salt: outer.salt })
            }
            (true, None) => return Err(Error::malformed("an ephemeral key with ECDH-ES", 0)),
            (false, None) if outer.salt.is_none() && inner == Header::default() => None,
            _ => return Err(Error::malformed("no protected header, ephemeral key or salt with AES-KW", 0)),
        };
        Ok(Some(Self { wrap, kid, ephemeral, wrapped }))
    }

    /// The content encryption key, if `key` is the one this layer is for.
    pub(super) fn unwrap(&self, key: &RecipientKey, context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match (key, &self.ephemeral) {
            (RecipientKey::Symmetric(key), None) if key.serves(self.wrap.number(), self.kid) => {
                self.wrap.unwrap(key.secret(), self.wrapped)
            }
            (RecipientKey::Agreement(secret), Some(ephemeral)) if secret.is_meant_by(self.kid) => {
                let Ephemeral { key, protected, salt } = ephemeral;
                let kek = secret.agree(key, self.wrap, protected, context, *salt)?;
                self.wrap.unwrap(&kek, self.wrapped)
            }
            _ => None,
        }
    }
}

/// A recipient layer for `to`, ready to be written.
pub(super) struct Wrapped {
    protected: Vec<u8>,
    alg: Option<i64>,
    kid: Option<Vec<u8>>,
    ephemeral_key: Option<Vec<u8>>,
    wrapped: Vec<u8>,
}

impl Wrapped {
    pub(super) fn new(
        to: EncryptTo<'_>,
        key: &[u8],
        context: &[u8],
        random: &mut Random<'_>,
    ) -> Result<Self, Error> {
        match to {
            EncryptTo::Symmetric(kek) => {
                let unfit = Error::malformed("a key for AES-KW, of 16, 24 or 32 bytes", 0);
                let wrap = KeyWrap::with_key_len(kek.secret().len());
                let wrap = wrap.filter(|wrap| kek.serves(wrap.number(), None)).ok_or(unfit.clone())?;
                let wrapped = wrap.wrap(kek.secret(), key).ok_or(unfit)?;
                let kid = kek.kid().map(<[u8]>::to_vec);
                Ok(Self {
                    protected: Vec::new(),
                    alg: Some(wrap.number()),
                    kid,
                    ephemeral_key: None,
                    wrapped,
                })
            }
            EncryptTo::Agreement(peer, wrap) => {
                let ephemeral = AgreementSecret::generate(random)?;
                let protected = protected_alg(wrap.ecdh_es_number());
                let wrapped = ephemeral
                    .agree(peer, wrap, &protected, context, None)
                    .and_then(|kek| wrap.wrap(&kek, key))
                    .ok_or(Error::malformed("a key that can be wrapped", 0))?;
                let ephemeral_key = Some(ephemeral.public_key().to_cose_key());
                Ok(Self { protected, alg: None, kid: Some(peer.kid()), ephemeral_key, wrapped })
            }
        }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(3).bytes(&self.protected);
        let header = Header {
            alg: self.alg,
            kid: self.kid.as_deref(),
            ephemeral_key: self.ephemeral_key.as_deref(),
            ..Header::default()
        };
        header.write(w);
        w.bytes(&self.wrapped);
    }
}
