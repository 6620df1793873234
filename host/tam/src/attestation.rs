// SPDX-License-Identifier: Apache-2.0
//! Attestation of Agents: what the TAM asks for, and its own Verifier for Evidence in EAT (draft section 7.1.1).
//!
//! The Verifier believes the attestation key that was enrolled with a device, and checks what that key signed:
//! the nonce of this exchange, the binding to the key of the TEEP message, the profile, the validity, and the
//! measurement if there are reference values.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};
use teep_proto::cose::{PublicKey, RecipientKey, Signatures, Thumbprint};
use teep_proto::eat::{self, Claims, Expected, Profile};
use teep_proto::teep::{AttestationKind, AttestationPayload, QueryResponse};

/// Whether devices have to prove what they are before they get anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attestation {
    /// They are believed by their signature alone.
    #[default]
    Off,
    /// Evidence is asked for, and without it a device gets nothing (REQ-TEEP-107).
    Required,
    /// An Attestation Result is asked for that the device was given before, and without one Evidence; a device that has
    /// neither gets nothing. One that has one may send it without being asked (REQ-TEEP-073).
    Passport,
}

impl Attestation {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::Off, "off"), (Self::Required, "required"), (Self::Passport, "passport")];
}

impl fmt::Display for Attestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(policy, _)| policy == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for Attestation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let policy = Self::NAMES.iter().find(|(_, name)| *name == text).map(|(policy, _)| *policy);
        policy.ok_or_else(|| format!("attestation is \"required\", \"passport\" or \"off\", not {text:?}"))
    }
}

/// Evidence in a QueryResponse. Who made it is not known yet; that the Agent sent it is.
#[derive(Debug)]
pub(crate) struct Evidence<'b> {
    attestation: AttestationPayload<'b>,
    token: Cow<'b, [u8]>,
    profile: Profile<'static>,
}

/// What the Verifier compares Evidence with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference<'r> {
    /// Key that signed the TEEP message.
    pub(crate) agent: Thumbprint,
    /// Attestation keys that were enrolled with it.
    pub(crate) keys: &'r [PublicKey],
    /// What the Agent may be measured to be; empty when that does not matter.
    pub(crate) measurements: &'r [[u8; 32]],
    /// Challenge of the QueryRequest.
    pub(crate) nonce: &'r [u8],
}

impl<'b> Evidence<'b> {
    /// The Evidence in `response`, decrypted if need be. The error is what it has instead.
    pub(crate) fn open(
        response: &QueryResponse<'b>,
        profile: Profile<'static>,
        keys: &[RecipientKey],
    ) -> Result<Self, String> {
        let attestation =
            response.attestation.ok_or("the QueryResponse lacks the attestation payload (REQ-TEEP-061)")?;
        if attestation.kind(profile.uri) == AttestationKind::AttestationResult {
            let why =
                "by its format the payload is an Attestation Result, but this TAM appraises Evidence only";
            return Err(why.to_owned());
        }
        if !attestation.is_eat() {
            return Err("the format of the Evidence is none this TAM appraises".to_owned());
        }
        let token = eat::open(attestation.payload, keys)
            .map_err(|error| format!("Evidence cannot be opened: {error}"))?;
        Ok(Self { attestation, token, profile })
    }

    /// The nonce, on the word of the Agent that signed the message alone: it says which request is answered
    /// (AMB-17), and nothing more before [`appraise`](Self::appraise).
    pub(crate) fn nonce(&self) -> Result<Vec<u8>, String> {
        let malformed = |error: teep_proto::Error| format!("Evidence is malformed: {error}");
        let payload = Signatures::decode(&self.token).map_err(malformed)?.claimed_payload();
        let claims = Claims::inspect(payload.unwrap_or_default(), &self.profile).map_err(malformed)?;
        claims.nonce.map(<[u8]>::to_vec).ok_or_else(|| "Evidence has no eat_nonce (REQ-TEEP-062)".to_owned())
    }

    /// Judges the Evidence, and returns what it says. The error is why it does not convince, in words for operator and
    /// device.
    pub(crate) fn appraise(&self, reference: &Reference<'_>) -> Result<Claims<'_>, String> {
        if reference.keys.is_empty() {
            return Err("no attestation key is enrolled for this device".to_owned());
        }
        let expected = Expected {
            profile: self.profile,
            // Told with the format below: the Evidence of devices of several makers may be in several profiles.
            eat_profile: None,
            teep_key: Some(reference.agent),
            nonce: Some(reference.nonce),
            now: now(),
        };
        let claims = eat::verify(&self.token, reference.keys, &expected)
            .map_err(|error| format!("Evidence does not convince: {error}"))?;
        let claims = claims.into_inner();
        if !self.is_in_the_profile_it_says(&claims) {
            return Err("Evidence does not convince: its eat_profile is not that of its format".to_owned());
        }
        if reference.measurements.is_empty() {
            return Ok(claims);
        }
        if claims.measurements.is_empty() {
            return Err("Evidence does not convince: the Agent was not measured".to_owned());
        }
        // A good Agent on another TEE is no good one.
        for measured in &claims.measurements {
            if !measured.as_sha256().is_some_and(|digest| reference.measurements.contains(&digest)) {
                let measured = hex::encode(measured.content);
                return Err(format!("Evidence does not convince: {measured:.16} is no expected measurement"));
            }
        }
        Ok(claims)
    }

    fn is_in_the_profile_it_says(&self, claims: &Claims<'_>) -> bool {
        match claims.eat_profile {
            Some(profile) => self.attestation.kind(profile) == AttestationKind::AttestationResult,
            None => self.attestation.format.is_some_and(|format| !format.contains(';')),
        }
    }
}

/// Seconds since 1970; `None` with a clock that is set to before.
pub(crate) fn now() -> Option<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    since.as_secs().try_into().ok()
}
