// SPDX-License-Identifier: Apache-2.0
//! What a TAM does about attestation: that of its Agents, and its own for those of them that want it.

use super::query::{Answer, Asked, Refused, Settled, complete};
use super::{Peer, Tam, Voucher, new_token};
use crate::attestation::{Evidence, Reference};
use crate::{Attestation, Error, passport};
use teep_proto::cose::sign1;
use teep_proto::teep::labels::freshness;
use teep_proto::teep::{AttestationKind, AttestationPayload, ErrCode, ErrorMessage, QueryResponse};

impl Tam {
    /// Asks an Agent again, now with the attestation it wants; nothing without one (REQ-TEEP-110).
    pub(super) fn ask_attested(
        &self,
        peer: &Peer,
        challenge: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let key = self.config.signing_key(peer.suite);
        let vouch = |voucher: &Voucher| voucher(challenge.unwrap_or_default(), key.public_key().thumbprint());
        let Some(result) = self.voucher.as_ref().and_then(vouch) else {
            self.dropped(peer, "the Agent wants this TAM attested, and nobody vouches for it");
            return Ok(None);
        };
        // Without a format: it is an Attestation Result in the profile of TEEP (REQ-TEEP-045).
        let attestation = AttestationPayload { format: None, payload: &result };
        self.ask(self.asked()?, Some(attestation), Some(peer.agent), |payload| sign1(key, payload)).map(Some)
    }

    /// Asks an Agent again, now for Evidence, if there is a key to check it with (REQ-TEEP-132).
    pub(super) fn ask_for_evidence(&self, peer: &Peer) -> Result<Option<Vec<u8>>, Error> {
        if self.usable(self.store.attestation_keys(peer.agent)?).is_empty() {
            self.dropped(peer, "it has no Attestation Result, and no attestation key is enrolled for it");
            return Ok(None);
        }
        let key = self.config.signing_key(peer.suite);
        let asked = Asked::Evidence(new_token()?);
        self.ask(asked, None, Some(peer.agent), |payload| sign1(key, payload)).map(Some)
    }

    /// Whether `error` is the answer of an Agent without an Attestation Result that could make Evidence.
    pub(super) fn has_no_passport(&self, error: &ErrorMessage<'_>) -> bool {
        let mechanisms = error.supported_freshness_mechanisms.as_deref().unwrap_or_default();
        self.config.attestation == Attestation::Passport
            && error.token.is_none()
            && error.err_code == ErrCode::UNSUPPORTED_FRESHNESS_MECHANISMS
            && mechanisms.contains(&freshness::NONCE)
    }

    /// Whether `response` is the complete answer to a QueryRequest with a challenge, which it burns, and its Evidence
    /// convinces (REQ-TEEP-105, 107, 114). Then there is an Attestation Result for it, if this TAM makes them
    /// (REQ-TEEP-108).
    pub(super) fn settle_evidence(
        &self,
        peer: &Peer,
        response: &QueryResponse<'_>,
    ) -> Result<Settled, Error> {
        let config = &self.config;
        let evidence = Evidence::open(response, config.eat_profile, &config.report_keys);
        let opened = evidence.and_then(|evidence| evidence.nonce().map(|nonce| (evidence, nonce)));
        let (evidence, nonce) = match opened {
            Ok(opened) => opened,
            Err(why) => return Ok(Err(Refused::anytime(why))),
        };
        let challenge = match self.outstanding().settle_challenge(&nonce) {
            Ok(challenge) => challenge,
            Err(refusal) => return Ok(Err(Refused::silently(refusal.of_a_challenge()))),
        };
        let keys = self.usable(self.store.attestation_keys(peer.agent)?);
        let measurements = self.store.reference_values()?;
        let reference =
            Reference { agent: peer.agent, keys: &keys, measurements: &measurements, nonce: &nonce };
        let claims = match evidence.appraise(&reference) {
            Ok(claims) => claims,
            Err(why) => return Ok(Err(Refused::with(ErrCode::ATTESTATION_REQUIRED, why))),
        };
        if let Err(refused) = complete(response, &Asked::Evidence(challenge)) {
            return Ok(Err(refused));
        }
        let verifier = config.verifier.as_ref();
        verifier.map(|verifier| verifier.vouch(&claims, peer.agent, config.eat_profile)).transpose().map(Ok)
    }

    /// Whether `response` is complete and has an Attestation Result that counts, or the Evidence that was asked for
    /// in its place (REQ-TEEP-106, 107). Nothing in it says which request it answers, so it counts as well when
    /// the Agent was not asked before (REQ-TEEP-073), and when somebody sends it again: its lists may be old, and
    /// the Agent knows better what to do with the Update than they say.
    pub(super) fn settle_passport(
        &self,
        peer: &Peer,
        response: &QueryResponse<'_>,
    ) -> Result<Settled, Error> {
        let config = &self.config;
        let Some(attestation) = response.attestation else {
            return Ok(Err(Refused::anytime("the QueryResponse lacks the attestation payload".to_owned())));
        };
        if attestation.kind(config.eat_profile.uri) == AttestationKind::Evidence {
            return self.settle_evidence(peer, response);
        }
        let verifiers = self.usable(self.store.verifiers()?);
        let checked =
            passport::check(&attestation, &verifiers, peer.agent, config.eat_profile, &config.report_keys);
        let Err(why) = checked else {
            return Ok(complete(response, &Asked::Passport).map(|()| None).map_err(Refused::replayable));
        };
        let can_attest = !self.usable(self.store.attestation_keys(peer.agent)?).is_empty();
        Ok(Err(if can_attest { Refused { why, answer: Answer::Challenge } } else { Refused::anytime(why) }))
    }
}
