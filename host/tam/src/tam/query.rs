// SPDX-License-Identifier: Apache-2.0
//! What a QueryRequest asks for, and what becomes of a QueryResponse that does not answer it.

use crate::exchange::Token;
use teep_proto::cose::Algorithm;
use teep_proto::teep::labels::{data_item, freshness};
use teep_proto::teep::{CipherSuite, ErrCode, QueryRequest, QueryResponse, SuitCoseProfile, VERSION};

/// Both suites a TAM must have (REQ-TEEP-020), in the order of preference.
pub(super) const SUITES: [Algorithm; 2] = [Algorithm::Esp256, Algorithm::Ed25519];

/// What the answer to a QueryRequest is known by, and so what the Agent is asked for (REQ-TEEP-041, 043).
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// Its token.
    Token(Token),
    /// The nonce of its Evidence.
    Evidence(Token),
    /// Nothing: an Attestation Result that it has already, fresh by the time it expires (AMB-03).
    Passport,
}

impl Asked {
    /// What every Agent is asked: its Trusted Components, and SUIT Reports for the manifests they are of, which is all the
    /// policy here looks at (REQ-TEEP-049); and what attests it if it has to be attested.
    pub(super) fn query_request(&self) -> QueryRequest<'_> {
        let request = QueryRequest {
            versions: Some(vec![VERSION]),
            supported_teep_cipher_suites: SUITES.map(CipherSuite::sign1).to_vec(),
            supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
            data_item_requested: data_item::TRUSTED_COMPONENTS | data_item::SUIT_REPORTS,
            ..QueryRequest::default()
        };
        let data_item_requested = request.data_item_requested | data_item::ATTESTATION;
        match self {
            Self::Token(token) => QueryRequest { token: Some(token), ..request },
            Self::Evidence(challenge) => {
                QueryRequest { challenge: Some(challenge), data_item_requested, ..request }
            }
            Self::Passport => {
                let mechanisms = Some(vec![freshness::TIMESTAMP]);
                QueryRequest { supported_freshness_mechanisms: mechanisms, data_item_requested, ..request }
            }
        }
    }
}

/// What an Attestation Result for the Agent says, for one whose QueryResponse counts.
pub(super) type Settled = Result<Option<Vec<u8>>, Refused>;

/// Why a QueryResponse does not count.
pub(super) struct Refused {
    pub(super) why: String,
    pub(super) answer: Answer,
}

/// What the Agent hears of it.
pub(super) enum Answer {
    /// Nothing: it is one that anybody can have sent again.
    Nothing,
    /// This error.
    Code {
        err_code: ErrCode,
        /// It answered a request, and for the first time.
        is_fresh: bool,
    },
    /// A request for Evidence, which may convince instead.
    Challenge,
}

impl Refused {
    pub(super) fn silently(why: &str) -> Self {
        Self { why: why.to_owned(), answer: Answer::Nothing }
    }

    pub(super) fn with(err_code: ErrCode, why: String) -> Self {
        Self { why, answer: Answer::Code { err_code, is_fresh: true } }
    }

    /// Attestation failed in a message that anybody can send again: it must not push out an Update at work.
    pub(super) fn anytime(why: String) -> Self {
        Self::with(ErrCode::ATTESTATION_REQUIRED, why).replayable()
    }

    pub(super) fn replayable(mut self) -> Self {
        if let Answer::Code { is_fresh, .. } = &mut self.answer {
            *is_fresh = false;
        }
        self
    }
}

/// Whether `response` has all that `asked` asks for (REQ-TEEP-104).
pub(super) fn complete(response: &QueryResponse<'_>, asked: &Asked) -> Result<(), Refused> {
    response.answers(&asked.query_request()).map_err(|error| {
        Refused::with(ErrCode::PERMANENT_ERROR, format!("the QueryResponse lacks {}", error.what))
    })
}
