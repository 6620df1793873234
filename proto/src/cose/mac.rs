// SPDX-License-Identifier: Apache-2.0
//! COSE_Mac0 with HMAC 256/256, for the profile suit-sha256-hmac-a128kw-a128ctr.

use super::header::{ALG, Header, KID, one_kid, protected_alg};
use super::{Algorithm, SymmetricKey, Verified};
use crate::cbor::{Reader, bytes_head, encode, encode_exact};
use crate::{Error, Kind};
use alloc::vec::Vec;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// CBOR tag of COSE_Mac0.
pub(crate) const TAG_MAC0: u64 = 17;
const CONTEXT_MAC0: &str = "MAC0";
/// Bytes a key must have at least: less than the tag's length would weaken it (RFC 2104 section 3).
const MIN_KEY: usize = 32;

/// A COSE_Mac0 whose tag has *not* been checked yet.
#[derive(Clone, Debug)]
pub struct Mac0<'b> {
    protected: &'b [u8],
    kid: Option<&'b [u8]>,
    payload: Option<&'b [u8]>,
    tag: &'b [u8],
}

impl<'b> Mac0<'b> {
    /// Decodes a COSE_Mac0, tagged or not.
    ///
    /// # Errors
    /// Anything RFC 9052 does not allow, header parameters not understood, another algorithm than
    /// [`Algorithm::Hmac256`], a tag that is not of 32 bytes.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let at = r.offset();
        if !matches!(r.optional_tag(), None | Some(TAG_MAC0)) {
            return Err(Error::malformed("tag 17 on a COSE_Mac0, or none", at));
        }
        r.array_of(4, "a COSE_Mac0 array of 4 items")?;
        let protected = r.bytes("a protected header in a byte string")?;
        let inner = Header::read_protected(protected, &[ALG, KID]).map_err(|e| e.within("protected"))?;
        let outer = Header::read(r.item()?, &[KID]).map_err(|e| e.within("unprotected"))?;
        let number = inner.alg.ok_or(Error::malformed("an algorithm in the protected header", at))?;
        if number != Algorithm::Hmac256.number() {
            return Err(Error::new(Kind::UnsupportedAlgorithm, "HMAC 256/256", at));
        }
        let payload = if r.optional_null() { None } else { Some(r.bytes("a payload or null")?) };
        let tag = r.sized_bytes(32..=32, "a tag of 32 bytes")?;
        Ok(Self { protected, kid: one_kid(&inner, &outer)?, payload, tag })
    }

    /// Checks the attached payload and hands it out.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] when none of `keys` made the tag.
    pub fn verify(&self, keys: &[SymmetricKey]) -> Result<Verified<&'b [u8]>, Error> {
        self.check(self.payload.ok_or(Error::malformed("an attached payload", 0))?, keys)
    }

    /// Checks a detached payload and hands it back with the proof.
    ///
    /// # Errors
    /// As [`verify`](Self::verify); also when there is an attached payload after all.
    pub fn verify_detached<'p>(
        &self,
        payload: &'p [u8],
        keys: &[SymmetricKey],
    ) -> Result<Verified<&'p [u8]>, Error> {
        if self.payload.is_some() {
            return Err(Error::malformed("a detached payload", 0));
        }
        self.check(payload, keys)
    }

    fn check<'p>(&self, payload: &'p [u8], keys: &[SymmetricKey]) -> Result<Verified<&'p [u8]>, Error> {
        let algorithm = Algorithm::Hmac256;
        keys.iter()
            .filter(|key| key.serves(algorithm.number(), self.kid))
            .find(|key| {
                authenticator(key, self.protected, payload).is_some_and(|m| m.verify_slice(self.tag).is_ok())
            })
            .map(|key| {
                let key = key.thumbprint();
                Verified { value: payload, signer: key, key, algorithm }
            })
            .ok_or(Error::unauthenticated("no MAC by a trusted key"))
    }
}

/// A tagged COSE_Mac0 with attached payload.
///
/// # Errors
/// A key of less than 32 bytes or for another algorithm.
pub fn mac0(key: &SymmetricKey, payload: &[u8]) -> Result<Vec<u8>, Error> {
    mac0_with(key, payload, Some(payload))
}

/// A tagged COSE_Mac0 over a detached payload, as SUIT uses it.
///
/// # Errors
/// As [`mac0`].
pub fn mac0_detached(key: &SymmetricKey, payload: &[u8]) -> Result<Vec<u8>, Error> {
    mac0_with(key, payload, None)
}

fn mac0_with(key: &SymmetricKey, payload: &[u8], attached: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let protected = protected_alg(Algorithm::Hmac256.number());
    let mac = Some(key)
        .filter(|key| key.serves(Algorithm::Hmac256.number(), None))
        .and_then(|key| authenticator(key, &protected, payload))
        .ok_or(Error::malformed("a key for HMAC 256/256, of 32 bytes or more", 0))?;
    let tag = mac.finalize().into_bytes();
    Ok(encode_exact(|w| {
        w.tag(TAG_MAC0).array(4).bytes(&protected);
        Header { kid: key.kid(), ..Header::default() }.write(w);
        match attached {
            Some(payload) => w.bytes(payload),
            None => w.null(),
        };
        w.bytes(&tag);
    }))
}

/// HMAC over the MAC_structure (RFC 9052 section 6.3), the payload hashed where it lies.
fn authenticator(key: &SymmetricKey, protected: &[u8], payload: &[u8]) -> Option<Hmac<Sha256>> {
    let secret = Some(key.secret()).filter(|secret| secret.len() >= MIN_KEY)?;
    let mut prefix = encode(|w| {
        w.array(4).text(CONTEXT_MAC0).bytes(protected).bytes(b"");
    });
    bytes_head(&mut prefix, payload.len());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(&prefix);
    mac.update(payload);
    Some(mac)
}

#[cfg(test)]
mod tests;
