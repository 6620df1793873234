// SPDX-License-Identifier: Apache-2.0
//! SUIT Reports: what became of each manifest, and how that is protected on its way to the TAM.

mod capability;

pub(crate) use capability::{capabilities, capabilities_for};

use crate::config::{Suite, TamAnchor};
use crate::env::{Env, EnvError};
use crate::keys;
use crate::limits::{MAX_ALL_REPORTS, MAX_REPORTS};
use crate::processor::Failure;
use crate::transaction::Refusal;
use alloc::vec::Vec;
use teep_proto::cose::{AgreementKey, Algorithm, ContentAlgorithm, EncryptTo, KeyWrap, Random, SigningKey};
use teep_proto::limits::MAX_LIST;
use teep_proto::suit::{Authenticator, Reason, Record, Report, ReportEntry, ReportLayer, ReportResult};
use teep_proto::teep::{QueryRequest, SuitCoseProfile};
use teep_proto::{Error, Kind};

/// Profiles of the SUIT Reports of an Agent of this suite (REQ-TEEP-029), the preferred one first.
pub(crate) const fn profiles(suite: Suite) -> &'static [SuitCoseProfile] {
    match suite {
        Suite::Esp256 => &[SuitCoseProfile::ESP256_ECDH_A128GCM, SuitCoseProfile::ESP256_ECDH_A128CTR],
        Suite::Ed25519 => &[SuitCoseProfile::ED25519_ECDH_CHACHA_POLY, SuitCoseProfile::ED25519_ECDH_A128CTR],
    }
}

/// Whether the SUIT Report `bytes` of a TAM is in a profile of an Agent of this suite, as far as its outermost layer tells.
/// What it says is not looked at: the Agent judges a TAM by its Attestation Result alone (REQ-TEEP-127).
///
/// # Errors
/// When it is no SUIT Report.
pub(crate) fn is_readable(suite: Suite, bytes: &[u8]) -> Result<bool, Error> {
    let has = |part: usize, number: i64| {
        profiles(suite).iter().any(|SuitCoseProfile(algorithms)| algorithms.get(part) == Some(&number))
    };
    let (authenticates, encrypts) = (|number| has(1, number), |number| has(3, number));
    Ok(match ReportLayer::decode(bytes) {
        Ok(ReportLayer::Bare(_)) => true,
        Ok(ReportLayer::Signed(signatures)) => signatures
            .claimed_signers()
            .any(|(algorithm, _)| algorithm.is_some_and(|algorithm| authenticates(algorithm.number()))),
        Ok(ReportLayer::Authenticated(_)) => authenticates(Algorithm::Hmac256.number()),
        Ok(ReportLayer::Encrypted0(encrypted)) => encrypts(encrypted.algorithm().number()),
        Ok(ReportLayer::Encrypted(encrypted)) => encrypts(encrypted.algorithm().number()),
        Err(Error { kind: Kind::Unsupported | Kind::UnsupportedAlgorithm, .. }) => false,
        Err(error) => return Err(error),
    })
}

/// How the reports of a conversation are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protection {
    /// The TAM has not said yet what it can read: they are in a signed TEEP message, and so bare.
    #[default]
    Bare,
    /// By this profile.
    Profile(SuitCoseProfile),
    /// It can read nothing that the Agent has: none are sent.
    Impossible,
}

impl Protection {
    /// What `request` allows an Agent of this suite.
    pub(crate) fn negotiate(suite: Suite, request: &QueryRequest<'_>) -> Self {
        let offered = &request.supported_suit_cose_profiles;
        let common = profiles(suite).iter().copied().find(|profile| offered.contains(profile));
        common.map_or(Self::Impossible, Self::Profile)
    }
}

/// The reports of one message.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    list: Vec<Vec<u8>>,
}

impl Reports {
    /// Each encoded and protected.
    pub(crate) fn list(&self) -> Vec<&[u8]> {
        self.list.iter().map(Vec::as_slice).collect()
    }

    /// Adds `report`. Where there are more than a message can have, the last one counts.
    ///
    /// # Errors
    /// The TEE's reason.
    pub(crate) fn add<E: Env>(
        &mut self,
        env: &mut E,
        protector: &Protector,
        mut report: Report<'_>,
    ) -> Result<(), EnvError> {
        report.records.truncate(MAX_LIST);
        let mut protected = protector.protect(env, &report)?;
        if !self.has_room(&protected) {
            report.records.clear();
            report.capabilities = None;
            protected = protector.protect(env, &report)?;
        }
        self.list.truncate(MAX_LIST.saturating_sub(1));
        if self.has_room_within(&protected, MAX_ALL_REPORTS) {
            self.list.extend(protected);
        }
        Ok(())
    }

    /// Whether there is room for `protected` as it is.
    fn has_room(&self, protected: &[Vec<u8>]) -> bool {
        self.has_room_within(protected, MAX_REPORTS)
    }

    fn has_room_within(&self, protected: &[Vec<u8>], limit: usize) -> bool {
        let bytes = self.list.iter().chain(protected).map(Vec::len).fold(0, usize::saturating_add);
        bytes <= limit
    }
}

/// What protects reports for one TAM.
pub(crate) struct Protector {
    protection: Protection,
    key: Option<SigningKey>,
    recipient: Option<AgreementKey>,
}

impl Protector {
    /// Of reports of an Agent of this suite for `tam`.
    ///
    /// # Errors
    /// The TEE's reason.
    pub(crate) fn new<E: Env>(
        env: &mut E,
        suite: Suite,
        protection: Protection,
        tam: &TamAnchor,
    ) -> Result<Self, EnvError> {
        let key = match protection {
            Protection::Profile(_) => Some(keys::report_key(env, suite)?),
            Protection::Bare | Protection::Impossible => None,
        };
        Ok(Self { protection, key, recipient: tam.report_key.clone() })
    }

    fn protect<E: Env>(&self, env: &mut E, report: &Report<'_>) -> Result<Vec<Vec<u8>>, EnvError> {
        let key = match (self.protection, &self.key) {
            (Protection::Bare, _) => return Ok(report.encode().into_iter().collect()),
            (Protection::Profile(profile), Some(key)) => (profile, key),
            _ => return Ok(Vec::new()),
        };
        let (profile, key) = key;
        let content = content_algorithm(Protection::Profile(profile));
        let authenticator = Authenticator::Sign(key);
        let Some(recipient) = &self.recipient else {
            return Ok(report.protect(authenticator).into_iter().collect());
        };
        let to = [EncryptTo::Agreement(recipient, KeyWrap::A128Kw)];
        let protected = randomly(env, |random| report.protect_for(authenticator, content, &to, random))?;
        Ok(protected.into_iter().collect())
    }
}

/// How what is for one TAM is encrypted: as it can read it, and else with the algorithm that is preferred.
pub(crate) fn content_algorithm(protection: Protection) -> ContentAlgorithm {
    match protection {
        Protection::Profile(SuitCoseProfile::ESP256_ECDH_A128CTR | SuitCoseProfile::ED25519_ECDH_A128CTR) => {
            ContentAlgorithm::A128Ctr
        }
        Protection::Profile(SuitCoseProfile::ED25519_ECDH_CHACHA_POLY) => ContentAlgorithm::ChaCha20Poly1305,
        _ => ContentAlgorithm::A128Gcm,
    }
}

/// Runs `encrypt` with random numbers of the TEE.
///
/// # Errors
/// The TEE's reason to give none.
pub(crate) fn randomly<E: Env, T>(
    env: &mut E,
    encrypt: impl FnOnce(&mut Random<'_>) -> Result<T, Error>,
) -> Result<Result<T, Error>, EnvError> {
    let mut failure = None;
    let mut random = |bytes: &mut [u8]| {
        env.random(bytes).map_err(|error| {
            failure = Some(error);
            Error { kind: Kind::Unsupported, what: "random numbers", offset: 0, path: Vec::new() }
        })
    };
    let encrypted = encrypt(&mut random);
    failure.map_or(Ok(encrypted), Err)
}

/// How processing ended, in the words of a report.
pub(crate) fn result(refusal: &Refusal) -> ReportResult<'static> {
    let (code, record, reason) = match refusal {
        Refusal::Manifest(Failure { reason, record, .. }) => (*reason as i64, record.clone(), *reason),
        Refusal::Temporary(error) | Refusal::Unknown(error, _) => {
            (i64::from(error.code), Record::default(), Reason::OperationFailed)
        }
        Refusal::Full(_) | Refusal::Unfinished | Refusal::TooOften(_) => {
            (i64::from(EnvError::OUT_OF_MEMORY.code), Record::default(), Reason::OperationFailed)
        }
    };
    ReportResult::Failure { code, record, reason }
}

/// What reporting policies asked for.
pub(crate) fn entries(records: &[Record<'static>]) -> Vec<ReportEntry<'static>> {
    records.iter().cloned().map(ReportEntry::Record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn reports_have_room_up_to_the_limit() {
        let reports = Reports { list: vec![vec![0; 20_000], vec![0; MAX_REPORTS - 20_100]] };
        assert!(reports.has_room(&[vec![0; 100]]));
        assert!(!reports.has_room(&[vec![0; 101]]));
        assert!(reports.has_room(&[]), "none are sent");
    }
}
