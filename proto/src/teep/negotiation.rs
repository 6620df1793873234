// SPDX-License-Identifier: Apache-2.0
//! What an Agent makes of a TAM's offers (draft sections 7.2.1 and 8): pure functions, whose errors are the
//! Error messages to send.

use super::labels::{data_item, freshness};
use super::{
    CipherSuite, Dialect, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse, SuitCoseProfile,
    VERSION,
};
use crate::Error;
use crate::cose::Algorithm;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What an Agent supports.
#[derive(Clone, Copy, Debug)]
pub struct Supported<'s> {
    /// Protocol versions.
    pub versions: &'s [u32],
    /// Signature algorithms; each is a cipher suite by itself ([`CipherSuite::sign1`]).
    pub algorithms: &'s [Algorithm],
    /// Freshness mechanisms, the preferred one first; [`freshness::NONCE`] is mandatory (REQ-TEEP-130).
    pub freshness_mechanisms: &'s [u64],
    /// Profiles for SUIT Reports, the preferred one first; empty when it sends and reads bare ones only.
    pub suit_cose_profiles: &'s [SuitCoseProfile],
}

/// What Agent and TAM have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The highest common version.
    pub version: u32,
    /// Algorithm of the suite the TAM would rather have; both sides keep to it (REQ-TEEP-026).
    pub algorithm: Algorithm,
    /// How attestation is to be fresh; `None` when none is requested.
    pub freshness: Option<u64>,
    /// Profile for protected SUIT Reports; without one they are left out.
    pub suit_cose_profile: Option<SuitCoseProfile>,
}

impl Supported<'_> {
    /// Settles everything a QueryRequest offers, in the order of section 7.2.1.
    ///
    /// # Errors
    /// The Error message of the first negotiation that fails, with the list it has to carry (REQ-TEEP-090).
    pub fn negotiate<'b>(&self, request: &QueryRequest<'b>) -> Result<Negotiated, Box<ErrorMessage<'b>>> {
        Ok(Negotiated {
            version: self.version(request)?,
            algorithm: self.algorithm(request)?,
            freshness: self.freshness(request)?,
            suit_cose_profile: self.suit_cose_profile(request),
        })
    }

    /// The highest common version; an absent offer is version 0 (REQ-TEEP-044).
    ///
    /// # Errors
    /// ERR_UNSUPPORTED_MSG_VERSION with the versions.
    pub fn version<'b>(&self, request: &QueryRequest<'b>) -> Result<u32, Box<ErrorMessage<'b>>> {
        let offered = request.versions.as_deref().unwrap_or(&[VERSION]);
        let common = offered.iter().copied().filter(|version| self.versions.contains(version)).max();
        common.ok_or_else(|| {
            let error = ErrorMessage::new(request.token, ErrCode::UNSUPPORTED_MSG_VERSION, None);
            Box::new(ErrorMessage { versions: Some(self.versions.to_vec()), ..error })
        })
    }

    /// The algorithm of the first suite of the TAM's list that is supported.
    ///
    /// # Errors
    /// ERR_UNSUPPORTED_CIPHER_SUITES with the suites.
    pub fn algorithm<'b>(&self, request: &QueryRequest<'b>) -> Result<Algorithm, Box<ErrorMessage<'b>>> {
        let known = |suite: &CipherSuite| {
            self.algorithms.iter().copied().find(|algorithm| *suite == CipherSuite::sign1(*algorithm))
        };
        let chosen = request.supported_teep_cipher_suites.iter().find_map(known);
        chosen.ok_or_else(|| {
            let supported_teep_cipher_suites =
                self.algorithms.iter().copied().map(CipherSuite::sign1).collect();
            let error = ErrorMessage::new(request.token, ErrCode::UNSUPPORTED_CIPHER_SUITES, None);
            Box::new(ErrorMessage { supported_teep_cipher_suites, ..error })
        })
    }

    /// The preferred freshness mechanism the TAM accepts, if it requests attestation; an absent offer is the
    /// nonce (REQ-TEEP-044).
    ///
    /// # Errors
    /// ERR_UNSUPPORTED_FRESHNESS_MECHANISMS with the mechanisms.
    pub fn freshness<'b>(&self, request: &QueryRequest<'b>) -> Result<Option<u64>, Box<ErrorMessage<'b>>> {
        if !request.requests(data_item::ATTESTATION) {
            return Ok(None);
        }
        let offered = request.supported_freshness_mechanisms.as_deref().unwrap_or(&[freshness::NONCE]);
        let common = self.freshness_mechanisms.iter().copied().find(|mechanism| offered.contains(mechanism));
        common.map(Some).ok_or_else(|| {
            let code = ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS;
            let supported_freshness_mechanisms = Some(self.freshness_mechanisms.to_vec());
            let error = ErrorMessage::new(request.token, code, None);
            Box::new(ErrorMessage { supported_freshness_mechanisms, ..error })
        })
    }

    /// The preferred profile for SUIT Reports the TAM can read. The draft has no error for there being none:
    /// reports are then left out.
    pub fn suit_cose_profile(&self, request: &QueryRequest<'_>) -> Option<SuitCoseProfile> {
        let offered = &request.supported_suit_cose_profiles;
        self.suit_cose_profiles.iter().copied().find(|profile| offered.contains(profile))
    }

    /// ERR_UNSUPPORTED_SUIT_REPORT with the profiles: the answer to a QueryRequest whose SUIT Reports are in
    /// a profile that is not supported (REQ-TEEP-092).
    pub fn unsupported_suit_report<'b>(&self, request: &QueryRequest<'b>) -> Box<ErrorMessage<'b>> {
        let supported_suit_cose_profiles = self.suit_cose_profiles.to_vec();
        let error = ErrorMessage::new(request.token, ErrCode::UNSUPPORTED_SUIT_REPORT, None);
        Box::new(ErrorMessage { supported_suit_cose_profiles, ..error })
    }

    /// ERR_ATTESTATION_REQUIRED: the answer to a QueryRequest that lacks the attestation of the TAM this
    /// Agent wants (REQ-TEEP-091). `challenge` is the nonce for the TAM's Evidence.
    pub fn attestation_required<'b>(
        &self,
        request: &QueryRequest<'b>,
        challenge: Option<&'b [u8]>,
    ) -> Box<ErrorMessage<'b>> {
        let supported_freshness_mechanisms = Some(self.freshness_mechanisms.to_vec());
        let error = ErrorMessage::new(request.token, ErrCode::ATTESTATION_REQUIRED, None);
        Box::new(ErrorMessage { supported_freshness_mechanisms, challenge, ..error })
    }

    /// The answer to a message no signature of which could be verified, where `payload` is what it claims to
    /// say, if anything.
    ///
    /// A QueryRequest that offers no suite of this Agent's cannot be verified by it and is answered with
    /// ERR_UNSUPPORTED_CIPHER_SUITES and its token; everything else with ERR_BAD_CERTIFICATE and without any
    /// token, since in such a message nothing is one yet (REQ-TEEP-126, AMB-07).
    pub fn unverified<'b>(&self, dialect: Dialect, payload: Option<&'b [u8]>) -> Box<ErrorMessage<'b>> {
        let claimed = payload.and_then(|payload| Message::inspect_in(dialect, payload).ok());
        let unsupported = match &claimed {
            Some(Message::QueryRequest(request)) => self.algorithm(request).err(),
            _ => None,
        };
        unsupported.unwrap_or_else(|| Box::new(ErrorMessage::new(None, ErrCode::BAD_CERTIFICATE, None)))
    }
}

impl QueryResponse<'_> {
    /// Whether this has everything `request` asked for, and is the answer to it (REQ-TEEP-104).
    ///
    /// # Errors
    /// What is missing or does not fit. The nonces of SUIT Reports are not looked at.
    pub fn answers(&self, request: &QueryRequest<'_>) -> Result<(), Error> {
        let offered = request.versions.as_deref().unwrap_or(&[VERSION]);
        let asked = |item, present: bool| !request.requests(item) || present;
        let rules = [
            (self.token == request.token, "the token of the QueryRequest (REQ-TEEP-060)"),
            (
                asked(data_item::ATTESTATION, self.attestation.is_some()),
                "the attestation payload that was requested (REQ-TEEP-061)",
            ),
            (
                asked(data_item::TRUSTED_COMPONENTS, self.tc_list.is_some()),
                "the tc-list that was requested (REQ-TEEP-064)",
            ),
            (
                asked(data_item::EXTENSIONS, self.ext_list.is_some()),
                "the ext-list that was requested (REQ-TEEP-065)",
            ),
            (
                offered.contains(&self.selected_version.unwrap_or(VERSION)),
                "a selected-version that was offered (REQ-TEEP-068)",
            ),
        ];
        let broken: Vec<_> = rules.into_iter().filter(|(holds, _)| !holds).collect();
        broken.first().map_or(Ok(()), |(_, what)| Err(Error::malformed(what, 0)))
    }
}
