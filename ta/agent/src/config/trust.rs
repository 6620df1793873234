// SPDX-License-Identifier: Apache-2.0
//! Whom the Agent trusts and what it lets them do: the part of its configuration that can be replaced, as a whole.

use super::Suite;
use super::anchor::{self, SignerAnchor, TamAnchor};
use crate::processor;
use alloc::vec::Vec;
use teep_proto::cbor::{Reader, Writer, encode};
use teep_proto::cose::{Thumbprint, TrustAnchor};
use teep_proto::limits::{MAX_LIST, MAX_TRUST_STORE};
use teep_proto::suit::labels::command;
use teep_proto::{Error, Kind};

/// Version of the encoded form. An Agent that is newer than a stored trust store has to read it still.
const VERSION: u64 = 1;

/// The trust anchors, and the policy for what they may do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrustStore {
    /// It only rises: a trust store with a lower number does not take the place of this one.
    pub sequence_number: u64,
    /// The TAMs the Agent talks to; the first one is asked when nobody proposes another.
    pub tams: Vec<TamAnchor>,
    /// The signers whose manifests it installs.
    pub signers: Vec<SignerAnchor>,
    /// Role Verifier: whose Attestation Results count for TAMs.
    pub verifiers: Vec<TrustAnchor>,
    /// What holds for all of them.
    pub policy: Policy,
}

/// What holds for all TAMs and signers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Refuses manifests that do with dependencies what the published examples do against the text of trust-domains:
    /// process-dependency without dependency-integrity, a dependent without a section that its dependency has.
    pub strict_dependencies: bool,
    /// Takes the first component's identifier for that of a manifest that has none (AMB-SUIT-20).
    pub unnamed_manifests: bool,
    /// Seconds in which a TAM that was contacted is left out by policy checks, and not told again that the same component
    /// is wanted. With 0 each check contacts each TAM.
    pub contact_interval: u32,
    /// Errors to invalid messages, and to Updates that count for nothing whatever is in them, that the Agent sends in a
    /// minute at most. With 0 it sends none: such messages are dropped without an answer (AMB-07).
    pub errors_per_minute: u32,
    /// Updates that the Agent lets write to storage in an hour at most, those of all TAMs together; 0: any number.
    pub updates_per_hour: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strict_dependencies: false,
            unnamed_manifests: false,
            contact_interval: 60,
            errors_per_minute: 30,
            updates_per_hour: 200,
        }
    }
}

impl TrustStore {
    /// Encodes for a manifest that brings it, or for [`Command::Provision`](teep_proto::teec::Command::Provision).
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| self.write(w))
    }

    /// Decodes a trust store that is to take the place of another one.
    ///
    /// # Errors
    /// When `bytes` are not what [`encode`](Self::encode) makes or more than [`MAX_TRUST_STORE`], a key is not valid, a
    /// TAM or a signer stands in them twice, one key has two roles (REQ-ARCH-007), a TAM needs an attestation that no
    /// Verifier can give, there is no TAM, or no signer who could ever change it again.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_TRUST_STORE {
            let what = "a trust store of at most 16 KiB";
            return Err(Error { kind: Kind::TooLarge, what, offset: 0, path: Vec::new() });
        }
        let mut r = Reader::open(bytes)?;
        let store = Self::read(&mut r)?;
        match store.shortcoming() {
            Some(what) => Err(r.error(what)),
            None => Ok(store),
        }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(6).uint(VERSION).uint(self.sequence_number).array(self.tams.len());
        self.tams.iter().for_each(|tam| tam.write(w));
        w.array(self.signers.len());
        self.signers.iter().for_each(|signer| signer.write(w));
        w.array(self.verifiers.len());
        for key in &self.verifiers {
            w.bytes(&key.encode());
        }
        let Policy {
            strict_dependencies,
            unnamed_manifests,
            contact_interval,
            errors_per_minute,
            updates_per_hour,
        } = self.policy;
        w.array(5).bool(strict_dependencies).bool(unnamed_manifests);
        for number in [contact_interval, errors_per_minute, updates_per_hour] {
            w.uint(number.into());
        }
    }

    /// Reads one that is consistent, but may be without TAMs and signers.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(6, "a trust store [version, sequence number, TAMs, signers, verifiers, policy]")?;
        if r.uint("a version")? != VERSION {
            return Err(r.error("version 1 of the trust store's form"));
        }
        let sequence_number = r.uint("a sequence number")?;
        let mut tams: Vec<TamAnchor> = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "at most 32 TAMs")? {
            tams.push(TamAnchor::read(r)?);
        }
        let mut signers: Vec<SignerAnchor> = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "at most 32 signers")? {
            signers.push(SignerAnchor::read(r)?);
        }
        let mut verifiers = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "at most 32 verifiers")? {
            verifiers.push(anchor::key(r)?);
        }
        r.array_of(5, "a policy [strict, unnamed, interval, errors, updates]")?;
        let (strict_dependencies, unnamed_manifests) = (r.bool("true or false")?, r.bool("true or false")?);
        let mut number = || {
            let number = r.uint("a number")?;
            u32::try_from(number).map_err(|_| r.error("a number below 2^32"))
        };
        let policy = Policy {
            strict_dependencies,
            unnamed_manifests,
            contact_interval: number()?,
            errors_per_minute: number()?,
            updates_per_hour: number()?,
        };
        let store = Self { sequence_number, tams, signers, verifiers, policy };
        match store.contradiction() {
            Some(what) => Err(r.error(what)),
            None => Ok(store),
        }
    }

    /// What in it contradicts itself.
    fn contradiction(&self) -> Option<&'static str> {
        if self.tam_with_two_entries().is_some() {
            return Some("each TAM URI once");
        }
        if self.signer_with_two_entries().is_some() {
            return Some("each signer once");
        }
        if self.unattestable_tam().is_some() {
            return Some("a verifier for the TAMs that have to be attested");
        }
        self.key_with_two_roles().map(|_| "a key in one role only")
    }

    /// What it lacks to take the place of another one: with it the Agent could be reached and changed no more.
    fn shortcoming(&self) -> Option<&'static str> {
        if self.tams.is_empty() {
            return Some("a trust store with at least one TAM");
        }
        if self.sequence_number == u64::MAX {
            return Some(
                "a trust store with a sequence number below 2^64 - 1, so that there can be a higher one",
            );
        }
        (!self.can_be_changed(None))
            .then_some("a trust store with at least one signer that may change it again")
    }

    /// What an Agent of the cipher suite `suite` needs besides, to be reached and changed still with this one. `now` is
    /// the time where there is a clock that is trusted.
    pub(crate) fn missing(&self, suite: Suite, now: Option<u64>) -> Option<&'static str> {
        self.missing_tam(suite, now).or_else(|| {
            let what = "a signer that may change it again, with a key or certificate that is valid now";
            (!self.can_be_changed(now)).then_some(what)
        })
    }

    /// Whether a signer has the right to bring another one, the commands for that, and a key that counts `now`.
    fn can_be_changed(&self, now: Option<u64>) -> bool {
        let brings = |signer: &SignerAnchor| {
            [command::WRITE, command::FETCH].iter().any(|command| signer.may_use(*command))
        };
        let mut signers = self.signers.iter();
        signers.any(|signer| signer.trust_store && brings(signer) && is_valid(&signer.key, now))
    }

    /// What the TAMs lack, if none of them can order anything of an Agent of the cipher suite `suite` (REQ-TEEP-026).
    pub(super) fn missing_tam(&self, suite: Suite, now: Option<u64>) -> Option<&'static str> {
        let signs = |tam: &TamAnchor, now| tam.keys.iter().any(|key| key.serves(suite.algorithm(), now));
        let reachable = || self.tams.iter().filter(|tam| tam.is_reachable());
        let obeyed = || reachable().filter(|tam| signs(tam, None));
        let valid = || obeyed().filter(|tam| signs(tam, now));
        let has_verifier = self.verifiers.iter().any(|key| is_valid(key, now));
        if reachable().next().is_none() {
            return Some("a TAM with an http or https URI");
        }
        if obeyed().next().is_none() {
            return Some("a TAM to be reached by http or https with a key of the Agent's own cipher suite");
        }
        if valid().next().is_none() {
            return Some(
                "a TAM with a key of the Agent's own cipher suite or a certificate that is valid now",
            );
        }
        let has_one = valid().any(|tam| !tam.attestation_required || has_verifier);
        (!has_one).then_some("a Verifier that is valid now, for the TAMs that have to be attested")
    }

    /// A TAM that stands in it twice.
    pub(super) fn tam_with_two_entries(&self) -> Option<&TamAnchor> {
        let twice = |tam: &&TamAnchor| self.tams.iter().filter(|other| other.uri == tam.uri).count() > 1;
        self.tams.iter().find(twice)
    }

    /// The key of a signer that stands in it twice.
    pub(super) fn signer_with_two_entries(&self) -> Option<Thumbprint> {
        let same = |a: &SignerAnchor, b: &SignerAnchor| a.key.key() == b.key.key();
        let twice =
            |signer: &&SignerAnchor| self.signers.iter().filter(|other| same(signer, other)).count() > 1;
        self.signers.iter().find(twice).map(|signer| signer.key.thumbprint())
    }

    /// A key, be it in a certificate, that is two of a TAM's, a signer's and a Verifier's.
    pub(super) fn key_with_two_roles(&self) -> Option<Thumbprint> {
        let same = |a: &TrustAnchor, b: &TrustAnchor| a.key() == b.key();
        let is_tam = |key: &TrustAnchor| self.tams.iter().flat_map(|tam| &tam.keys).any(|own| same(own, key));
        let is_signer = |key: &TrustAnchor| self.signers.iter().any(|signer| same(&signer.key, key));
        let mut signers = self.signers.iter().map(|signer| &signer.key);
        let twice = signers.find(|key| is_tam(key));
        let twice = twice.or_else(|| self.verifiers.iter().find(|key| is_tam(key) || is_signer(key)));
        twice.map(TrustAnchor::thumbprint)
    }

    /// Whether the key is a TAM's or a Verifier's: it signs no manifests then, also where the CA of a signer has given it a
    /// certificate (REQ-ARCH-007).
    pub(crate) fn is_no_signers(&self, key: Thumbprint) -> bool {
        let others = self.tams.iter().flat_map(|tam| &tam.keys).chain(&self.verifiers);
        others.into_iter().any(|other| other.thumbprint() == key)
    }

    /// Whether the key is a signer's or a Verifier's: it signs no messages then, also where the CA of a TAM has given it a
    /// certificate (REQ-ARCH-007).
    pub(crate) fn is_no_tams(&self, key: Thumbprint) -> bool {
        let others = self.signers.iter().map(|signer| &signer.key).chain(&self.verifiers);
        others.into_iter().any(|other| other.thumbprint() == key)
    }

    /// A TAM that has to be attested although there is nobody who could.
    pub(super) fn unattestable_tam(&self) -> Option<&TamAnchor> {
        self.tams.iter().find(|tam| tam.attestation_required && self.verifiers.is_empty())
    }

    /// The settings of the manifest processor.
    pub(crate) fn manifest_policy(&self) -> processor::Policy {
        let Policy { strict_dependencies, unnamed_manifests, .. } = self.policy;
        processor::Policy { strict_dependencies, unnamed_manifests }
    }

    /// The TAM at `uri`.
    pub(crate) fn tam(&self, uri: &str) -> Option<&TamAnchor> {
        self.tams.iter().find(|tam| tam.uri == uri)
    }

    /// The signer whose key has this thumbprint.
    pub(crate) fn signer(&self, thumbprint: Thumbprint) -> Option<&SignerAnchor> {
        self.signers.iter().find(|signer| signer.key.thumbprint() == thumbprint)
    }
}

/// Whether some signature can count under `anchor`. Those of manifests and Attestation Results may be of any suite.
fn is_valid(anchor: &TrustAnchor, now: Option<u64>) -> bool {
    Suite::ALL.iter().any(|suite| anchor.serves(suite.algorithm(), now))
}
