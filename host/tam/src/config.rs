// SPDX-License-Identifier: Apache-2.0
use crate::{Attestation, Verifier};
use std::time::Duration;
use teep_proto::cose::{Algorithm, PublicKey, RecipientKey, SigningKey};
use teep_proto::eat::Profile;
use teep_proto::teep::Dialect;
use teep_suit::{Error, keys};

/// Keys and limits of a TAM.
#[derive(Clone, Debug)]
pub struct TamConfig {
    pub(crate) esp256: SigningKey,
    pub(crate) ed25519: SigningKey,
    /// The numbers of all messages. The first one goes to an Agent nobody knows, so a TAM has one dialect for all; for
    /// Agents of the other one there is another TAM URI.
    pub dialect: Dialect,
    /// Whether Agents have to be attested.
    pub attestation: Attestation,
    /// Makes Attestation Results about Agents whose Evidence convinces; without it they get none.
    pub verifier: Option<Verifier>,
    /// The EAT profile of TEEP.
    pub eat_profile: Profile<'static>,
    /// Keys that decrypt the SUIT Reports and the Evidence of Agents.
    pub report_keys: Vec<RecipientKey>,
    /// Whether a manifest that nobody on a device needs any more, as its Agent says, is to be given up.
    pub honour_unneeded: bool,
    /// How long an answer to a request is waited for (REQ-TEEP-050, 102).
    pub token_lifetime: Duration,
    /// Unanswered QueryRequests kept in mind; beyond, the oldest are forgotten (REQ-TEEP-103).
    pub max_queries: usize,
    /// Unanswered Updates kept in mind for each Agent; beyond, the oldest are forgotten (REQ-TEEP-103).
    pub max_updates_per_agent: usize,
}

impl TamConfig {
    /// The default lifetime of a token: an Update may take hours on a slow device.
    pub const TOKEN_LIFETIME: Duration = Duration::from_hours(12);

    /// A TAM with these keys, one for each cipher suite (REQ-TEEP-020), the final numbers
    /// and default limits.
    ///
    /// # Errors
    /// [`Error::Key`] when a key is for the other suite.
    pub fn new(esp256: SigningKey, ed25519: SigningKey) -> Result<Self, Error> {
        for (key, algorithm) in [(&esp256, Algorithm::Esp256), (&ed25519, Algorithm::Ed25519)] {
            if key.public_key().algorithm() != algorithm {
                return Err(Error::Key(format!("the TAM's {algorithm} key is a key of the other kind")));
            }
        }
        Ok(Self {
            esp256,
            ed25519,
            dialect: Dialect::Final,
            attestation: Attestation::Off,
            verifier: None,
            eat_profile: Profile::DRAFT,
            report_keys: Vec::new(),
            honour_unneeded: true,
            token_lifetime: Self::TOKEN_LIFETIME,
            max_queries: 65_536,
            max_updates_per_agent: 8,
        })
    }

    /// A TAM with new keys, the final numbers and default limits.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn generate() -> Result<Self, Error> {
        Self::new(keys::generate(Algorithm::Esp256)?, keys::generate(Algorithm::Ed25519)?)
    }

    /// Whether `key` is one of the TAM's own.
    pub(crate) fn owns(&self, key: &PublicKey) -> bool {
        [&self.esp256, &self.ed25519].iter().any(|own| own.public_key() == *key)
    }

    /// The key of the cipher suite with `algorithm`; for what is no cipher suite's, the ESP256 key.
    pub fn signing_key(&self, algorithm: Algorithm) -> &SigningKey {
        match algorithm {
            Algorithm::Ed25519 => &self.ed25519,
            Algorithm::Esp256 | Algorithm::Es256 | Algorithm::HssLms | Algorithm::Hmac256 => &self.esp256,
        }
    }
}
