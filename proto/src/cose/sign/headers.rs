// SPDX-License-Identifier: Apache-2.0
use crate::Error;
use crate::cose::Algorithm;
use crate::cose::header::{ALG, Header, KID, X5CHAIN, X5T, one_kid};
use crate::cose::x509::{Chain, bad};

/// What the two headers of a layer say, after everything not understood was refused.
#[derive(Clone, Debug)]
pub(super) struct Headers<'b> {
    alg: Option<i64>,
    kid: Option<&'b [u8]>,
    x5chain: Option<&'b [u8]>,
    /// x5chain is not protected.
    is_chain_loose: bool,
    x5t: Option<&'b [u8]>,
}

impl<'b> Headers<'b> {
    pub(super) fn decode(protected: &'b [u8], unprotected: &'b [u8]) -> Result<Self, Error> {
        let inner = Header::read_protected(protected, &[ALG, KID, X5CHAIN, X5T]);
        let inner = inner.map_err(|e| e.within("protected"))?;
        let outer = Header::read(unprotected, &[ALG, KID, X5CHAIN]).map_err(|e| e.within("unprotected"))?;
        if outer.alg.is_some() {
            return Err(Error::malformed("an algorithm in the protected header only", 0));
        }
        if inner.x5chain.is_some() && outer.x5chain.is_some() {
            return Err(Error::malformed("x5chain in one header only", 0));
        }
        let x5chain = inner.x5chain.or(outer.x5chain);
        if inner.x5t.is_some() && x5chain.is_none() {
            return Err(Error::unsupported("x5t with x5chain only", 0));
        }
        let is_chain_loose = outer.x5chain.is_some();
        Ok(Self { alg: inner.alg, kid: one_kid(&inner, &outer)?, x5chain, is_chain_loose, x5t: inner.x5t })
    }

    /// The same headers, which have to name an algorithm.
    pub(super) fn with_algorithm(self) -> Result<Self, Error> {
        match self.alg {
            Some(_) => Ok(self),
            None => Err(Error::malformed("an algorithm in the protected header", 0)),
        }
    }

    /// The algorithm, if it is one that signs and is implemented.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.alg.and_then(Algorithm::from_number).filter(|algorithm| *algorithm != Algorithm::Hmac256)
    }

    /// Whether it names an algorithm, of whatever kind.
    pub(super) fn has_algorithm(&self) -> bool {
        self.alg.is_some()
    }

    /// The name of the key.
    pub(super) fn kid(&self) -> Option<&'b [u8]> {
        self.kid
    }

    /// The content of x5chain, as it came.
    pub(super) fn x5chain(&self) -> Option<&'b [u8]> {
        self.x5chain
    }

    /// The certificates in x5chain. The signature has to cover the first one, itself or by its hash (RFC 9360 section 2).
    pub(super) fn chain(&self) -> Option<Result<Chain, Error>> {
        self.x5chain.map(|x5chain| {
            let chain = Chain::decode(x5chain)?;
            if self.is_chain_loose && self.x5t.is_none() {
                return Err(bad("x5chain, or x5t with it, in the protected header"));
            }
            let hash = chain.leaf()?.hash();
            if self.x5t.is_some_and(|x5t| x5t != hash) {
                return Err(bad("x5t of the first certificate in x5chain"));
            }
            Ok(chain)
        })
    }
}
