// SPDX-License-Identifier: Apache-2.0
//! What is built into the Agent: the device's identity, and whom it trusts until it is told otherwise.
//!
//! [`Config`] never changes on a device. Its part [`Config::trust`] is a [`TrustStore`], in whose place another one can
//! come: once at manufacture, where the configuration allows that, and by manifests of signers with that right.
//!
//! An integrator edits a TOML file (its form is documented in `docs/agent-configuration.md`); `compile_toml`
//! (feature `toml`, for build scripts) checks it and makes the bytes that [`crate::Agent::new`] takes.

use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::cbor::{Reader, encode};
use teep_proto::cose::{AgreementSecret, RecipientKey, SymmetricKey};
use teep_proto::limits::MAX_LIST;
use zeroize::Zeroizing;

mod anchor;
mod attestation;
#[cfg(feature = "toml")]
mod file;
mod suite;
mod trust;
#[cfg(feature = "toml")]
pub use file::{compile_toml, compile_trust_store, parse_toml};

pub use anchor::{Quota, SignerAnchor, TamAnchor};
pub use attestation::{DeviceClaims, EatProfile};
pub use suite::Suite;
pub use trust::{Policy, TrustStore};

/// The Agent's configuration, as it is built in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Vendor identifiers (UUIDs) that manifests for this device may name.
    pub vendor_ids: Vec<[u8; 16]>,
    /// Class identifiers (UUIDs) that manifests for this device may name.
    pub class_ids: Vec<[u8; 16]>,
    /// The TEEP cipher suite of this Agent.
    pub suite: Suite,
    /// Keys that decrypt payloads, besides the device's own.
    pub decryption_keys: Vec<DecryptionKey>,
    /// What Evidence says of the device; without it the Agent has no attestation to offer.
    pub attestation: Option<DeviceClaims>,
    /// The EAT profile of TEEP.
    pub eat_profile: EatProfile,
    /// A trust store may be handed over once, by whoever reaches the Agent first: at manufacture. Until then there may
    /// be no TAM.
    pub provisioning: bool,
    /// Whom the Agent trusts as long as it has no other trust store, or only older ones.
    pub trust: TrustStore,
}

/// A secret key to which payloads may be encrypted: an encoded COSE_Key, symmetric for AES-KW or with P-256 for
/// ECDH-ES.
#[derive(Clone, PartialEq, Eq)]
pub struct DecryptionKey {
    cose_key: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DecryptionKey")
    }
}

impl DecryptionKey {
    /// Takes a COSE_Key that holds a secret.
    ///
    /// # Errors
    /// When it is neither symmetric nor a private key on P-256.
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        let key = Self { cose_key: Zeroizing::new(bytes.to_vec()) };
        key.recipient_key()?;
        Ok(key)
    }

    /// The key, to be used.
    pub(crate) fn recipient_key(&self) -> Result<RecipientKey, Error> {
        match SymmetricKey::from_cose_key(&self.cose_key) {
            Ok(key) => Ok(RecipientKey::Symmetric(key)),
            Err(_) => AgreementSecret::from_cose_key(&self.cose_key).map(RecipientKey::Agreement),
        }
    }
}

impl Config {
    /// Encodes for [`crate::Agent::new`].
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(8);
            for ids in [&self.vendor_ids, &self.class_ids] {
                w.array(ids.len());
                for id in ids {
                    w.bytes(id);
                }
            }
            w.int(self.suite.algorithm().number()).array(self.decryption_keys.len());
            for key in &self.decryption_keys {
                w.bytes(&key.cose_key);
            }
            self.eat_profile.write(w);
            match &self.attestation {
                Some(claims) => claims.write(w),
                None => {
                    w.null();
                }
            }
            w.bool(self.provisioning);
            self.trust.write(w);
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    ///
    /// # Errors
    /// When `bytes` are anything else; the trust store is none ([`TrustStore`]); it has no TAM and none can be
    /// provisioned, it has none and would still take the place of older ones that have, or has none that can be reached
    /// and has a key of the Agent's cipher suite.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(8, "an Agent configuration")?;
        let (vendor_ids, class_ids) = (uuids(&mut r)?, uuids(&mut r)?);
        let suite = Suite::from_number(r.int("a cipher suite")?);
        let suite = suite.ok_or_else(|| r.error("the cipher suite with ESP256 or the one with Ed25519"))?;
        let mut decryption_keys = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "decryption keys")? {
            decryption_keys.push(DecryptionKey::from_cose_key(r.bytes("a COSE_Key")?)?);
        }
        let eat_profile = EatProfile::read(&mut r)?;
        let attestation =
            if r.optional_null() { None } else { Some(DeviceClaims::read(&mut r, &eat_profile)?) };
        let provisioning = r.bool("true or false")?;
        let trust = TrustStore::read(&mut r)?;
        let config = Self {
            vendor_ids,
            class_ids,
            suite,
            decryption_keys,
            attestation,
            eat_profile,
            provisioning,
            trust,
        };
        match config.flaw() {
            Some(flaw) => Err(r.error(flaw)),
            None => Ok(config),
        }
    }

    /// What keeps a device with this configuration from ever talking to a TAM.
    fn flaw(&self) -> Option<&'static str> {
        if !self.trust.tams.is_empty() {
            return self.trust.missing_tam(self.suite, None);
        }
        if !self.provisioning {
            return Some("at least one TAM");
        }
        (self.trust.sequence_number > 0).then_some("a TAM, or sequence number 0 in a trust store without one")
    }
}

fn uuids(r: &mut Reader<'_>) -> Result<Vec<[u8; 16]>, Error> {
    const WHAT: &str = "UUIDs of 16 bytes";
    let count = r.list(1, MAX_LIST, WHAT)?;
    (0..count)
        .map(|_| r.sized_bytes(16..=16, WHAT).and_then(|id| id.try_into().map_err(|_| r.error(WHAT))))
        .collect()
}

#[cfg(test)]
mod tests;
