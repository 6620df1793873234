// SPDX-License-Identifier: Apache-2.0
use crate::cbor::Reader;
use crate::cose::{
    Accept, Anchor, Mac0, PublicKey, Signatures, SigningKey, SymmetricKey, TAG_MAC0, TAG_SIGN, TAG_SIGN1,
    Verified, mac0, mac0_detached, sign1, sign1_detached,
};
use crate::{Error, Kind};
use alloc::vec::Vec;

/// CBOR tag of COSE_Mac.
const TAG_MAC: u64 = 97;

/// An authentication block of an envelope, unchecked: a tagged COSE structure over the manifest's digest.
#[derive(Clone, Debug)]
pub enum AuthenticationBlock<'b> {
    /// COSE_Sign1 or COSE_Sign.
    Signatures(Signatures<'b>),
    /// COSE_Mac0, of the profile suit-sha256-hmac-a128kw-a128ctr.
    Mac0(Mac0<'b>),
}

/// Which keys a receiver trusts to authenticate.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrustedKeys<'k> {
    /// For signatures.
    pub public: &'k [PublicKey],
    /// Signature algorithms besides ESP256 and Ed25519.
    pub accept: Accept,
    /// For MACs.
    pub symmetric: &'k [SymmetricKey],
}

/// A key that authenticates.
#[derive(Clone, Copy, Debug)]
pub enum Authenticator<'k> {
    /// Signs, as COSE_Sign1.
    Sign(&'k SigningKey),
    /// Authenticates to those who have the same key, as COSE_Mac0.
    Mac(&'k SymmetricKey),
}

impl<'b> AuthenticationBlock<'b> {
    /// Decodes one.
    ///
    /// # Errors
    /// When it has no tag (M 8.3) or is malformed; other COSE structures are unsupported.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        match Reader::open(bytes)?.optional_tag() {
            Some(TAG_SIGN1 | TAG_SIGN) => Signatures::decode(bytes).map(Self::Signatures),
            Some(TAG_MAC0) => Mac0::decode(bytes).map(Self::Mac0),
            // Its recipients would carry the key of the MAC; the profile with HMAC has it on both sides.
            Some(TAG_MAC) => {
                Err(Error::unsupported("COSE_Mac0 (17) as MAC: COSE_Mac (97) with recipients is not", 0))
            }
            Some(_) => Err(Error::unsupported("COSE_Sign1, COSE_Sign or COSE_Mac0", 0)),
            None => Err(Error::malformed("a tagged COSE structure as authentication block", 0)),
        }
    }

    /// Checks it over `digest` with signing keys.
    pub(super) fn verify<'p, 'k, A: Anchor + 'k>(
        &self,
        digest: &'p [u8],
        anchors: impl IntoIterator<Item = &'k A> + Clone,
        accept: Accept,
    ) -> Result<Verified<&'p [u8]>, Error> {
        match self {
            Self::Signatures(signatures) => signatures.verify_detached_with(digest, anchors, accept),
            Self::Mac0(_) => Err(Error::new(Kind::UnsupportedAlgorithm, "a signature, not a MAC", 0)),
        }
    }

    /// Checks it over `digest` with symmetric keys.
    pub(super) fn verify_mac<'p>(
        &self,
        digest: &'p [u8],
        keys: &[SymmetricKey],
    ) -> Result<Verified<&'p [u8]>, Error> {
        match self {
            Self::Mac0(mac) => mac.verify_detached(digest, keys),
            Self::Signatures(_) => Err(Error::new(Kind::UnsupportedAlgorithm, "a MAC, not a signature", 0)),
        }
    }
}

impl Authenticator<'_> {
    /// The tagged COSE structure over `payload`, which it contains.
    ///
    /// # Errors
    /// When the key cannot do that.
    pub(super) fn attached(&self, payload: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Sign(key) => sign1(key, payload),
            Self::Mac(key) => mac0(key, payload),
        }
    }

    /// The tagged COSE structure over `payload`, which is elsewhere.
    ///
    /// # Errors
    /// When the key cannot do that.
    pub(super) fn detached(&self, payload: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Sign(key) => sign1_detached(key, payload),
            Self::Mac(key) => mac0_detached(key, payload),
        }
    }
}
