// SPDX-License-Identifier: Apache-2.0
//! The five TEEP messages (draft-ietf-teep-protocol-26), final numbers.
//!
//! A received message is decoded by [`Message::decode`] from a payload whose signature was verified; it is
//! encoded by [`Message::encode`] and then signed with [`crate::cose`]. Everything is borrowed from the
//! input.

mod decode;
mod encode;
pub mod labels;
mod negotiation;

pub use negotiation::{CipherSuite, ErrCode, SuitCoseProfile};

use crate::Error;
use crate::cose::Verified;
use crate::suit::{ComponentId, SystemPropertyClaims};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// Bytes of a token (REQ-TEEP-009).
pub const TOKEN_SIZE: RangeInclusive<usize> = 8..=64;
/// Bytes of a challenge (REQ-TEEP-009).
pub const CHALLENGE_SIZE: RangeInclusive<usize> = 8..=512;
/// Bytes of msg and err-msg at most (REQ-TEEP-009).
pub const MAX_MSG: usize = 128;
/// Bytes of err-lang at most (REQ-TEEP-009).
pub const MAX_ERR_LANG: usize = 35;
/// The protocol version this implementation speaks; also what an absent list of versions means.
pub const VERSION: u32 = 0;

/// A TEEP message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'b> {
    /// TAM asks.
    QueryRequest(QueryRequest<'b>),
    /// Agent answers.
    QueryResponse(QueryResponse<'b>),
    /// TAM orders.
    Update(Update<'b>),
    /// Agent did it.
    Success(Success<'b>),
    /// Agent did not.
    Error(ErrorMessage<'b>),
}

impl<'b> Message<'b> {
    /// Decodes and validates the payload of a verified COSE message.
    ///
    /// # Errors
    /// Whatever breaks a rule for this message (REQ-TEEP-007, 016); unassigned option labels do not
    /// (REQ-TEEP-008).
    pub fn decode(payload: Verified<&'b [u8]>) -> Result<Verified<Self>, Error> {
        payload.decode(|bytes| {
            let message = decode::message(bytes)?;
            message.validate()?;
            Ok(message)
        })
    }

    /// Decodes a payload that nobody vouches for, to show it to a person. Never act on it.
    ///
    /// # Errors
    /// When it has not the form of a TEEP message.
    pub fn inspect(bytes: &'b [u8]) -> Result<Self, Error> {
        decode::message(bytes)
    }

    /// Encodes the payload for a COSE message: definite lengths, options in the order of their labels.
    pub fn encode(&self) -> Vec<u8> {
        encode::message(self)
    }

    /// Name as in the document.
    pub fn name(&self) -> &'static str {
        match self {
            Self::QueryRequest(_) => "QueryRequest",
            Self::QueryResponse(_) => "QueryResponse",
            Self::Update(_) => "Update",
            Self::Success(_) => "Success",
            Self::Error(_) => "Error",
        }
    }

    /// The rules that span several fields.
    fn validate(&self) -> Result<(), Error> {
        match self {
            Self::QueryRequest(request) => request.validate(),
            Self::QueryResponse(response) => {
                let incomplete = |tc: &RequestedTc<'_>| {
                    tc.have_binary == Some(true) && tc.tc_manifest_sequence_number.is_none()
                };
                if response.requested_tc_list.iter().any(incomplete) {
                    return Err(Error::malformed("a sequence number with have-binary (REQ-TEEP-067)", 0));
                }
                Ok(())
            }
            Self::Update(_) | Self::Success(_) | Self::Error(_) => Ok(()),
        }
    }
}

/// QueryRequest, TAM to Agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryRequest<'b> {
    /// Correlates the response; present iff attestation is not requested.
    pub token: Option<&'b [u8]>,
    /// Freshness mechanisms the TAM accepts; `None` means nonce only (REQ-TEEP-044).
    pub supported_freshness_mechanisms: Option<Vec<u64>>,
    /// Nonce for the attestation payload.
    pub challenge: Option<&'b [u8]>,
    /// Protocol versions the TAM speaks; `None` means version 0 only (REQ-TEEP-044).
    pub versions: Option<Vec<u32>>,
    /// Evidence or Attestation Result about the TAM.
    pub attestation: Option<AttestationPayload<'b>>,
    /// SUIT Reports about the TAM, each encoded.
    pub suit_reports: Vec<&'b [u8]>,
    /// Cipher suites the TAM offers, at least one.
    pub supported_teep_cipher_suites: Vec<CipherSuite>,
    /// Profiles the TAM can read in SUIT Reports, at least one.
    pub supported_suit_cose_profiles: Vec<SuitCoseProfile>,
    /// What the TAM wants to know: bits of [`labels::data_item`].
    pub data_item_requested: u64,
}

impl QueryRequest<'_> {
    /// Whether all bits of `item` are requested.
    pub fn requests(&self, item: u64) -> bool {
        self.data_item_requested & item == item
    }

    fn validate(&self) -> Result<(), Error> {
        let attestation = self.requests(labels::data_item::ATTESTATION);
        if attestation == self.token.is_some() {
            return Err(Error::malformed(
                "a token if and only if attestation is not requested (REQ-TEEP-041)",
                0,
            ));
        }
        if !attestation && self.challenge.is_some() {
            return Err(Error::malformed("no challenge unless attestation is requested (REQ-TEEP-043)", 0));
        }
        if !attestation && self.supported_freshness_mechanisms.is_some() {
            return Err(Error::malformed(
                "no freshness mechanisms unless attestation is requested (REQ-TEEP-042)",
                0,
            ));
        }
        Ok(())
    }
}

/// An attestation payload and the media type of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttestationPayload<'b> {
    /// attestation-payload-format; absent for a CWT EAT in the TEEP profile (REQ-TEEP-075).
    pub format: Option<&'b str>,
    /// attestation-payload.
    pub payload: &'b [u8],
}

/// QueryResponse, Agent to TAM.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryResponse<'b> {
    /// Token of the QueryRequest (REQ-TEEP-060).
    pub token: Option<&'b [u8]>,
    /// The version the Agent chose; `None` means 0.
    pub selected_version: Option<u32>,
    /// Evidence or Attestation Result about the Agent.
    pub attestation: Option<AttestationPayload<'b>>,
    /// SUIT Reports of the last boot, each encoded.
    pub suit_reports: Vec<&'b [u8]>,
    /// Installed Trusted Components; required when they were asked for (REQ-TEEP-064).
    pub tc_list: Option<Vec<SystemPropertyClaims<'b>>>,
    /// Trusted Components somebody on the device wants.
    pub requested_tc_list: Vec<RequestedTc<'b>>,
    /// Manifests nobody on the device needs any more, by manifest component id (REQ-TEEP-069).
    pub unneeded_manifest_list: Vec<ComponentId<'b>>,
    /// Supported extensions; required when they were asked for (REQ-TEEP-065).
    pub ext_list: Option<Vec<u32>>,
}

/// One entry of the requested-tc-list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestedTc<'b> {
    /// The Trusted Component.
    pub component_id: ComponentId<'b>,
    /// Lowest acceptable sequence number.
    pub tc_manifest_sequence_number: Option<u64>,
    /// Whether the Agent has the binary and wants a manifest only.
    pub have_binary: Option<bool>,
}

/// Update, TAM to Agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update<'b> {
    /// Correlates Success, Error and SUIT Reports.
    pub token: Option<&'b [u8]>,
    /// Manifests to unlink, by manifest component id; before any is installed (REQ-TEEP-080).
    pub unneeded_manifest_list: Vec<ComponentId<'b>>,
    /// SUIT envelopes to process in order.
    pub manifest_list: Vec<&'b [u8]>,
    /// An Attestation Result for the Agent to use elsewhere.
    pub attestation: Option<AttestationPayload<'b>>,
    /// What was wrong with the QueryResponse, if anything.
    pub err_code: Option<ErrCode>,
    /// For the operator.
    pub err_msg: Option<&'b str>,
    /// Language of `err_msg`, an RFC 5646 tag.
    pub err_lang: Option<&'b str>,
}

/// Success, Agent to TAM.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Success<'b> {
    /// Token of the Update (REQ-TEEP-084).
    pub token: Option<&'b [u8]>,
    /// Diagnostic text.
    pub msg: Option<&'b str>,
    /// One for each manifest processed, each encoded.
    pub suit_reports: Vec<&'b [u8]>,
}

/// Error, Agent to TAM.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorMessage<'b> {
    /// Token of the message it answers, if that one was verified (REQ-TEEP-126).
    pub token: Option<&'b [u8]>,
    /// What went wrong.
    pub err_code: ErrCode,
    /// For the operator.
    pub err_msg: Option<&'b str>,
    /// Language of `err_msg`, an RFC 5646 tag.
    pub err_lang: Option<&'b str>,
    /// Required with [`ErrCode::UNSUPPORTED_CIPHER_SUITES`] (REQ-TEEP-090).
    pub supported_teep_cipher_suites: Vec<CipherSuite>,
    /// Required with [`ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS`].
    pub supported_freshness_mechanisms: Option<Vec<u64>>,
    /// Required with [`ErrCode::UNSUPPORTED_SUIT_REPORT`].
    pub supported_suit_cose_profiles: Vec<SuitCoseProfile>,
    /// Nonce for the TAM's Evidence, with [`ErrCode::ATTESTATION_REQUIRED`].
    pub challenge: Option<&'b [u8]>,
    /// Required with [`ErrCode::UNSUPPORTED_MSG_VERSION`].
    pub versions: Option<Vec<u32>>,
    /// Details of [`ErrCode::MANIFEST_PROCESSING_FAILED`], each encoded.
    pub suit_reports: Vec<&'b [u8]>,
}

impl<'b> ErrorMessage<'b> {
    /// An Error with nothing but its code and a text.
    pub fn new(token: Option<&'b [u8]>, err_code: ErrCode, err_msg: Option<&'b str>) -> Self {
        Self {
            token,
            err_code,
            err_msg,
            err_lang: None,
            supported_teep_cipher_suites: Vec::new(),
            supported_freshness_mechanisms: None,
            supported_suit_cose_profiles: Vec::new(),
            challenge: None,
            versions: None,
            suit_reports: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
