// SPDX-License-Identifier: Apache-2.0
//! From the certificate of a signature up to a trust anchor (RFC 9360 x5chain, RFC 5280 section 6).

use super::{Certificate, bad};
use crate::Error;
use crate::cbor::{Major, Reader, encode};
use crate::cose::PublicKey;
use crate::limits::{MAX_CERTIFICATE, MAX_CERTIFICATES};
use alloc::vec::Vec;

/// Certificates as they stand in x5chain: first the one whose key signs, behind each the one that issued it.
#[derive(Clone, Debug)]
pub(in crate::cose) struct Chain(Vec<Certificate>);

impl Chain {
    /// Takes `certificates`, of which each must have been issued by the next, a CA.
    pub(in crate::cose) fn new(certificates: &[Certificate]) -> Result<Self, Error> {
        let chain = Self(certificates.to_vec());
        if !(1..=MAX_CERTIFICATES).contains(&certificates.len()) {
            return Err(bad("one to four certificates"));
        }
        let (issued, issuers) = (certificates.iter(), certificates.iter().skip(1));
        if issued.zip(issuers.clone()).any(|(issued, issuer)| !issued.is_issued_by(issuer)) {
            return Err(bad("behind each certificate the one of its issuer"));
        }
        issuers.enumerate().try_for_each(|(below, issuer)| issuer.check_issues(below))?;
        chain.leaf()?.check_signs()?;
        Ok(chain)
    }

    /// Decodes the content of x5chain: a byte string, or an array of several.
    pub(in crate::cose) fn decode(item: &[u8]) -> Result<Self, Error> {
        const WHAT: Error = bad("one to four certificates in x5chain");
        let mut r = Reader::open(item).map_err(|_| WHAT)?;
        let count = match r.next_is(Major::Bytes) {
            true => 1,
            false => r.list(2, MAX_CERTIFICATES, "").map_err(|_| WHAT)?,
        };
        let mut certificates = Vec::new();
        for _ in 0..count {
            let certificate = Certificate::from_der(r.bytes("").map_err(|_| WHAT)?)?;
            if certificates.contains(&certificate) {
                return Err(bad("each certificate once in x5chain"));
            }
            certificates.push(certificate);
        }
        Ok(Self(certificates))
    }

    /// The content of x5chain.
    pub(in crate::cose) fn encode(&self) -> Vec<u8> {
        encode(|w| {
            if self.0.len() > 1 {
                w.array(self.0.len());
            }
            self.0.iter().for_each(|certificate| {
                w.bytes(certificate.as_der());
            });
        })
    }

    /// The certificates, the one whose key signs first.
    pub(in crate::cose) fn into_certificates(self) -> Vec<Certificate> {
        self.0
    }

    /// The certificate whose key signs.
    pub(in crate::cose) fn leaf(&self) -> Result<&Certificate, Error> {
        self.0.first().ok_or(bad("a certificate"))
    }

    /// What the chain amounts to under `anchor`: `None` when the signatures do not lead from there to the first
    /// certificate, or when that one's key did not sign, which `signs` tells. Only whoever knows it may hear what is
    /// wrong with the chain besides (REQ-ARCH-032, REQ-TEEP-154).
    pub(in crate::cose) fn below(
        &self,
        anchor: &Certificate,
        now: Option<u64>,
        signs: impl FnOnce(&PublicKey) -> bool,
    ) -> Option<Result<(), Error>> {
        // The anchor may be sent along.
        let path = self.0.split_last().filter(|(last, _)| *last == anchor).map_or(&*self.0, |(_, path)| path);
        let (leaf, issuers) = path.split_first()?;
        // From the anchor down, so that nothing is computed for a stranger.
        let mut issuer = anchor;
        for certificate in path.iter().rev() {
            if !certificate.is_issued_by(issuer) {
                return None;
            }
            issuer = certificate;
        }
        signs(leaf.key()).then(|| {
            let upwards = issuers.iter().chain([anchor]);
            upwards.clone().enumerate().try_for_each(|(below, issuer)| issuer.check_issues(below))?;
            leaf.check_signs()?;
            upwards.chain([leaf]).try_for_each(|certificate| certificate.check_validity(now))
        })
    }
}

/// Bytes of the largest x5chain.
pub(in crate::cose) const MAX_X5CHAIN: usize = 1 + MAX_CERTIFICATES * (3 + MAX_CERTIFICATE);
