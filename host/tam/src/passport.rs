// SPDX-License-Identifier: Apache-2.0
//! Attestation Results about Agents (draft section 7.1.1.1): those of Verifiers this TAM trusts, which an Agent shows as
//! a passport, and those that this TAM makes when it has appraised Evidence.

use crate::Error;
use crate::attestation::now;
use std::time::Duration;
use teep_proto::cose::{PublicKey, RecipientKey, SigningKey, Thumbprint};
use teep_proto::eat::{self, Claims, Confirmation, Expected, Profile};
use teep_proto::teep::AttestationPayload;

/// Makes Attestation Results about Agents whose Evidence convinced the TAM (REQ-TEEP-108): the TAM hands them to the
/// Agents, which show them to TAMs that trust the key.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// Signs Attestation Results, and nothing else.
    pub key: SigningKey,
    /// How long one counts. There is no nonce in it: as long as it counts, so does what is repeated with it (AMB-03).
    pub result_lifetime: Duration,
}

impl Verifier {
    /// How long an Attestation Result counts if nothing else is said.
    pub const RESULT_LIFETIME: Duration = Duration::from_hours(24);

    /// The Attestation Result, in the EAT profile of TEEP, about the Agent whose messages the key `agent` signs, and of
    /// which `evidence` was appraised.
    pub(crate) fn vouch(
        &self,
        evidence: &Claims<'_>,
        agent: Thumbprint,
        profile: Profile<'_>,
    ) -> Result<Vec<u8>, Error> {
        let failed = |what: String| Error::Internal(format!("no Attestation Result: {what}"));
        let now = now().ok_or_else(|| failed("the clock is set to before 1970".to_owned()))?;
        let lifetime = i64::try_from(self.result_lifetime.as_secs()).unwrap_or(i64::MAX);
        let result = Claims {
            issued_at: Some(now),
            expiration: Some(now.saturating_add(lifetime)),
            confirmation: Some(Confirmation::kid(&agent)),
            eat_profile: Some(profile.uri),
            ueid: evidence.ueid,
            oemid: evidence.oemid,
            hardware_model: evidence.hardware_model,
            hardware_version: evidence.hardware_version,
            manifests: evidence.manifests.clone(),
            ..Claims::default()
        };
        eat::sign(&result, &profile, &self.key).map_err(|error| failed(error.to_string()))
    }
}

/// Whether one of `verifiers` vouches in `attestation` for the key `agent`, and does so still. The error is why not, in
/// words for operator and device.
pub(crate) fn check(
    attestation: &AttestationPayload<'_>,
    verifiers: &[PublicKey],
    agent: Thumbprint,
    profile: Profile<'_>,
    keys: &[RecipientKey],
) -> Result<(), String> {
    if verifiers.is_empty() {
        return Err("this TAM trusts no Verifier".to_owned());
    }
    let refused = |error: teep_proto::Error| format!("the Attestation Result does not count: {error}");
    let token = eat::open(attestation.payload, keys).map_err(refused)?;
    let expected = Expected {
        profile,
        eat_profile: Some(profile.uri),
        teep_key: Some(agent),
        nonce: None,
        now: Some(now().ok_or("without a clock no Attestation Result can be judged")?),
    };
    let claims = eat::verify(&token, verifiers, &expected).map_err(refused)?;
    if claims.get().expiration.is_none() {
        return Err(
            "the Attestation Result does not count: it has no nonce and never expires (AMB-03)".to_owned()
        );
    }
    Ok(())
}
