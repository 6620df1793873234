// SPDX-License-Identifier: Apache-2.0
//! The five TEEP messages (draft-ietf-teep-protocol-26).
//!
//! A received message is decoded by [`Message::decode`] from a payload whose signature was verified; it is
//! encoded by [`Message::encode`] and then signed with [`crate::cose`]. Everything is borrowed from the
//! input. The numbers are the final ones; a peer that still speaks those of earlier drafts is configured as
//! [`Dialect::Pre26`] and served by [`Message::decode_in`] and [`Message::encode_in`].
//!
//! An Agent decodes and verifies a QueryRequest, and settles what it offers:
//!
//! ```
//! # use teep_proto::{Error, cose::SigningKey};
//! use teep_proto::cose::{Algorithm, Signatures, sign1};
//! use teep_proto::teep::{CipherSuite, Message, QueryRequest, SuitCoseProfile, Supported};
//! # let tam = SigningKey::p256_from_scalar(&[1; 32])?;
//! # let request = Message::QueryRequest(QueryRequest {
//! #     token: Some(b"a token of 16 by"),
//! #     supported_teep_cipher_suites: vec![CipherSuite::sign1(Algorithm::Esp256)],
//! #     supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
//! #     ..QueryRequest::default()
//! # });
//! # let received = sign1(&tam, &request.encode()?)?;
//! let trusted = [tam.public_key()];
//! let message = Message::decode(Signatures::decode(&received)?.verify(&trusted)?)?;
//! let Message::QueryRequest(request) = message.get() else { panic!("another message") };
//! let agent = Supported {
//!     versions: &[0],
//!     algorithms: &[Algorithm::Esp256],
//!     freshness_mechanisms: &[0],
//!     suit_cose_profiles: &[],
//! };
//! let common = agent.negotiate(request).expect("else the Error message to send");
//! assert_eq!((common.version, common.algorithm), (0, Algorithm::Esp256));
//! # Ok::<(), Error>(())
//! ```
//!
//! A TAM builds and signs an Update:
//!
//! ```
//! # use teep_proto::{Error, cose::SigningKey};
//! use teep_proto::cose::sign1;
//! use teep_proto::teep::{Message, Update};
//! # let (tam, envelope) = (SigningKey::p256_from_scalar(&[1; 32])?, b"");
//! let token = [0x5a; 16]; // random in earnest
//! let manifest_list = vec![envelope.as_slice()];
//! let update = Message::Update(Update { token: Some(&token), manifest_list, ..Update::default() });
//! let message = sign1(&tam, &update.encode()?)?;
//! # assert!(!message.is_empty());
//! # Ok::<(), Error>(())
//! ```

mod attestation;
mod decode;
mod dialect;
mod encode;
pub mod labels;
mod negotiation;
mod numbers;
mod text;

pub use attestation::{AttestationKind, AttestationPayload, EAT_CWT, eat_media_type};
pub use dialect::Dialect;
pub use negotiation::{Negotiated, Supported};
pub use numbers::{CipherSuite, ErrCode, SuitCoseProfile};
pub use text::diagnostic_text;

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
/// Media type of a TEEP message; it has no parameters (REQ-TEEP-161).
pub const MEDIA_TYPE: &str = "application/teep+cbor";
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
        Self::decode_in(Dialect::Final, payload)
    }

    /// As [`decode`](Self::decode), in the numbers the peer is configured for.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); a message that is valid in the other dialect only is said to be that.
    pub fn decode_in(dialect: Dialect, payload: Verified<&'b [u8]>) -> Result<Verified<Self>, Error> {
        payload.decode(|bytes| {
            let decoded = decode::message(dialect, bytes);
            let message = decoded.map_err(|error| explain(dialect, bytes, error))?;
            message.validate()?;
            Ok(message)
        })
    }

    /// Decodes a payload that nobody vouches for, to show it to a person. Never act on it.
    ///
    /// # Errors
    /// When it has not the form of a TEEP message.
    pub fn inspect(bytes: &'b [u8]) -> Result<Self, Error> {
        Self::inspect_in(Dialect::Final, bytes)
    }

    /// As [`inspect`](Self::inspect), in the numbers of `dialect`.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    pub fn inspect_in(dialect: Dialect, bytes: &'b [u8]) -> Result<Self, Error> {
        decode::message(dialect, bytes)
    }

    /// Encodes the payload for a COSE message: definite lengths, options in the order of their labels.
    ///
    /// # Errors
    /// What [`decode`](Self::decode) would refuse: nothing is made that no peer takes. Also a text that is not
    /// normalised; [`diagnostic_text`] makes one that is.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.encode_in(Dialect::Final)
    }

    /// As [`encode`](Self::encode), in the numbers the peer is configured for.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_in(&self, dialect: Dialect) -> Result<Vec<u8>, Error> {
        let bytes = encode::message(dialect, self);
        decode::message(dialect, &bytes)?.validate()?;
        text::check_normalised(self)?;
        Ok(bytes)
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
            Self::Error(error) => error.validate(),
            Self::Update(_) | Self::Success(_) => Ok(()),
        }
    }
}

/// Why `bytes` are no message in `dialect`: the `error`, unless they are one in the other dialect.
fn explain(dialect: Dialect, bytes: &[u8], error: Error) -> Error {
    if Dialect::detect(bytes) != Some(dialect.other()) {
        return error;
    }
    Error::malformed(
        match dialect {
            Dialect::Final => {
                "the numbers of draft -26, but the sender uses those before it: give both sides one dialect"
            }
            Dialect::Pre26 => {
                "the numbers before draft -26, but the sender uses the final ones: give both sides one dialect"
            }
        },
        0,
    )
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

    /// The lists that some codes have to come with (REQ-TEEP-090).
    fn validate(&self) -> Result<(), Error> {
        let missing = match self.err_code {
            ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS => self.supported_freshness_mechanisms.is_none(),
            ErrCode::UNSUPPORTED_MSG_VERSION => self.versions.is_none(),
            ErrCode::UNSUPPORTED_CIPHER_SUITES => self.supported_teep_cipher_suites.is_empty(),
            ErrCode::UNSUPPORTED_SUIT_REPORT => self.supported_suit_cose_profiles.is_empty(),
            _ => false,
        };
        if missing {
            return Err(Error::malformed("the list that belongs to this err-code (REQ-TEEP-090)", 0));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
