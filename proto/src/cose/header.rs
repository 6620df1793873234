// SPDX-License-Identifier: Apache-2.0
//! COSE header maps (RFC 9052 section 3), one bucket at a time: only parameters that the layer uses may occur.

use super::x509::MAX_X5CHAIN;
use crate::cbor::{Major, Reader, Writer, encode};
use crate::limits::MAX_COSE_HEADER;
use crate::{Error, Kind};
use alloc::vec::Vec;
use coset::iana::{self, HeaderAlgorithmParameter, HeaderParameter};

pub(super) const ALG: i64 = HeaderParameter::Alg as i64;
pub(super) const KID: i64 = HeaderParameter::Kid as i64;
pub(super) const IV: i64 = HeaderParameter::Iv as i64;
pub(super) const EPHEMERAL_KEY: i64 = HeaderAlgorithmParameter::EphemeralKey as i64;
pub(super) const X5CHAIN: i64 = HeaderParameter::X5Chain as i64;
pub(super) const X5T: i64 = HeaderParameter::X5T as i64;
pub(super) const SALT: i64 = HeaderAlgorithmParameter::Salt as i64;

/// The number of no algorithm: what an algorithm that is named by a text becomes.
const RESERVED: i64 = 0;

/// What one bucket of one layer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header<'b> {
    pub(super) alg: Option<i64>,
    pub(super) kid: Option<&'b [u8]>,
    pub(super) iv: Option<&'b [u8]>,
    /// Encoded COSE_Key.
    pub(super) ephemeral_key: Option<&'b [u8]>,
    pub(super) salt: Option<&'b [u8]>,
    /// Encoded COSE_X509.
    pub(super) x5chain: Option<&'b [u8]>,
    /// SHA-256 of the first certificate.
    pub(super) x5t: Option<&'b [u8]>,
}

impl<'b> Header<'b> {
    /// Reads a header map in which no other labels than those of `allowed` may occur (REQ-TEEP-005); `crit`
    /// is never among them.
    pub(super) fn read(bytes: &'b [u8], allowed: &[i64]) -> Result<Self, Error> {
        let limit = if allowed.contains(&X5CHAIN) { MAX_COSE_HEADER + MAX_X5CHAIN } else { MAX_COSE_HEADER };
        if bytes.len() > limit {
            let what = "a COSE header of at most 512 bytes, with x5chain of four certificates more";
            return Err(Error::new(Kind::TooLarge, what, 0));
        }
        let not_understood = |at| Error::unsupported("no COSE header parameter that is not understood", at);
        let mut header = Self::default();
        let mut r = Reader::open(bytes)?;
        for _ in 0..r.map("a COSE header map")? {
            let at = r.offset();
            if r.next_is(Major::Text) {
                return Err(not_understood(at));
            }
            let label = r.int("a header label")?;
            if !allowed.contains(&label) {
                return Err(not_understood(at));
            }
            match label {
                ALG if r.next_is(Major::Text) => {
                    r.item()?;
                    header.alg = Some(RESERVED);
                }
                ALG => header.alg = Some(r.int("an algorithm number")?),
                KID => header.kid = Some(r.bytes("a kid in a byte string")?),
                IV => header.iv = Some(r.bytes("an IV in a byte string")?),
                EPHEMERAL_KEY => header.ephemeral_key = Some(r.item()?),
                X5CHAIN => header.x5chain = Some(r.item()?),
                X5T => header.x5t = Some(sha256_of_certificate(&mut r)?),
                SALT => header.salt = Some(r.bytes("a salt in a byte string")?),
                _ => return Err(not_understood(at)),
            }
        }
        Ok(header)
    }

    /// Reads a protected header: the content of its byte string. An empty one may also be written as an
    /// empty map (RFC 9052 section 3).
    pub(super) fn read_protected(bytes: &'b [u8], allowed: &[i64]) -> Result<Self, Error> {
        if bytes.is_empty() { Ok(Self::default()) } else { Self::read(bytes, allowed) }
    }

    /// Encodes with labels in deterministic order.
    pub(super) fn write(&self, w: &mut Writer) {
        let members = [self.alg.is_some(), self.kid.is_some(), self.iv.is_some(), self.x5chain.is_some()];
        let extension = [self.ephemeral_key.is_some(), self.salt.is_some()];
        w.map(members.iter().chain(&extension).filter(|there| **there).count());
        if let Some(alg) = self.alg {
            w.int(ALG).int(alg);
        }
        for (label, value) in [(KID, self.kid), (IV, self.iv)] {
            if let Some(value) = value {
                w.int(label).bytes(value);
            }
        }
        if let Some(chain) = self.x5chain {
            w.int(X5CHAIN).raw(chain);
        }
        if let Some(key) = self.ephemeral_key {
            w.int(EPHEMERAL_KEY).raw(key);
        }
        if let Some(salt) = self.salt {
            w.int(SALT).bytes(salt);
        }
    }
}

/// A COSE_CertHash (RFC 9360 section 2).
fn sha256_of_certificate<'b>(r: &mut Reader<'b>) -> Result<&'b [u8], Error> {
    /// SHA-256 in the IANA COSE Algorithms registry.
    const SHA_256: i64 = iana::Algorithm::SHA_256 as i64;
    let at = r.offset();
    r.array_of(2, "x5t with algorithm and digest")?;
    if r.next_is(Major::Text) || r.int("an algorithm number")? != SHA_256 {
        return Err(Error::unsupported("x5t with SHA-256", at));
    }
    r.sized_bytes(32..=32, "a digest of 32 bytes")
}

/// The content of a protected header that holds `alg` and nothing else.
pub(super) fn protected_alg(alg: i64) -> Vec<u8> {
    encode(|w| Header { alg: Some(alg), ..Header::default() }.write(w))
}

/// The `kid` of a layer, from whichever bucket holds it.
pub(super) fn one_kid<'b>(
    protected: &Header<'b>,
    unprotected: &Header<'b>,
) -> Result<Option<&'b [u8]>, Error> {
    if protected.kid.is_some() && unprotected.kid.is_some() {
        return Err(Error::malformed("a kid in one header only", 0));
    }
    Ok(protected.kid.or(unprotected.kid))
}
