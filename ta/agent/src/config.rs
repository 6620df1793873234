// SPDX-License-Identifier: Apache-2.0
//! Trust anchors and device identity, as built into the Agent.
//!
//! An integrator edits a TOML file (its form is documented in `docs/agent-configuration.md`); `compile_toml`
//! (feature `toml`, for build scripts) checks it and makes the bytes that [`crate::Agent::new`] takes.

use crate::processor::Policy;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::cbor::{Reader, encode};
use teep_proto::cose::{AgreementKey, AgreementSecret, PublicKey, RecipientKey, SymmetricKey};
use teep_proto::limits::{MAX_LIST, MAX_URI};
use teep_proto::suit::ComponentId;
use teep_proto::teep::Dialect;
use teep_proto::{Error, cose::Thumbprint};
use zeroize::Zeroizing;

mod attestation;
#[cfg(feature = "toml")]
mod file;
#[cfg(feature = "toml")]
pub use file::compile_toml;

pub use attestation::{DeviceClaims, EatProfile};

/// Keys one TAM may have, and prefixes one signer.
const MAX_PER_ANCHOR: usize = 8;

/// The Agent's configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Vendor identifiers (UUIDs) that manifests for this device may name.
    pub vendor_ids: Vec<[u8; 16]>,
    /// Class identifiers (UUIDs) that manifests for this device may name.
    pub class_ids: Vec<[u8; 16]>,
    /// The TAMs the Agent talks to.
    pub tams: Vec<TamAnchor>,
    /// The signers whose manifests it installs.
    pub signers: Vec<SignerAnchor>,
    /// Keys that decrypt payloads, besides the device's own.
    pub decryption_keys: Vec<DecryptionKey>,
    /// Refuses manifests that do with dependencies what the published examples do against the text of trust-domains:
    /// process-dependency without dependency-integrity, a dependent without a section that its dependency has.
    pub strict_dependencies: bool,
    /// Takes the first component's identifier for that of a manifest that has none (AMB-SUIT-20).
    pub unnamed_manifests: bool,
    /// What Evidence says of the device; without it the Agent has no attestation to offer.
    pub attestation: Option<DeviceClaims>,
    /// The EAT profile of TEEP.
    pub eat_profile: EatProfile,
    /// Role Verifier: whose Attestation Results count for TAMs.
    pub verifiers: Vec<PublicKey>,
}

/// Trust anchor of the TAM role: its keys count for messages in conversations with this URI only.
#[derive(Clone, Debug, PartialEq)]
pub struct TamAnchor {
    /// Where the TAM is.
    pub uri: String,
    /// The numbers of all messages from and to this TAM; never guessed from what it sends.
    pub dialect: Dialect,
    /// Any of them may sign.
    pub keys: Vec<PublicKey>,
    /// SUIT Reports and Evidence for this TAM are encrypted to this key; without it they are only signed.
    pub report_key: Option<AgreementKey>,
    /// It is told nothing and obeyed in nothing before a Verifier vouched for it (REQ-TEEP-091).
    pub attestation_required: bool,
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

/// Trust anchor of the Trusted Component signer role.
#[derive(Clone, Debug, PartialEq)]
pub struct SignerAnchor {
    /// Signs manifests.
    pub key: PublicKey,
    /// Encoded component identifiers; the signer may touch what begins with one of them.
    pub prefixes: Vec<Vec<u8>>,
    /// Codes of the commands it may use on them, of those that write or read components; `None` for all.
    pub commands: Option<Vec<i64>>,
    /// Its manifests may bring personalization data that was not encrypted.
    pub personalization_in_clear: bool,
}

impl SignerAnchor {
    /// Whether this signer's manifests may name `id` (REQ-SUIT-030, 054).
    pub fn may_touch(&self, id: &ComponentId<'_>) -> bool {
        self.prefixes
            .iter()
            .any(|prefix| ComponentId::decode(prefix).is_ok_and(|prefix| id.starts_with(&prefix)))
    }

    /// Whether this signer's manifests may use the command with code `command`.
    pub fn may_use(&self, command: i64) -> bool {
        self.commands.as_ref().is_none_or(|commands| commands.contains(&command))
    }
}

impl Config {
    /// Encodes for [`crate::Agent::new`].
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(10);
            for ids in [&self.vendor_ids, &self.class_ids] {
                w.array(ids.len());
                for id in ids {
                    w.bytes(id);
                }
            }
            w.array(self.tams.len());
            for tam in &self.tams {
                w.array(5).text(&tam.uri).text(tam.dialect.name()).array(tam.keys.len());
                for key in &tam.keys {
                    w.bytes(&key.to_cose_key());
                }
                match &tam.report_key {
                    Some(key) => w.bytes(&key.to_cose_key()),
                    None => w.null(),
                };
                w.bool(tam.attestation_required);
            }
            w.array(self.signers.len());
            for signer in &self.signers {
                w.array(4).bytes(&signer.key.to_cose_key()).array(signer.prefixes.len());
                for prefix in &signer.prefixes {
                    w.bytes(prefix);
                }
                match &signer.commands {
                    Some(commands) => {
                        w.array(commands.len());
                        commands.iter().for_each(|command| {
                            w.int(*command);
                        });
                    }
                    None => {
                        w.null();
                    }
                }
                w.bool(signer.personalization_in_clear);
            }
            w.array(self.decryption_keys.len());
            for key in &self.decryption_keys {
                w.bytes(&key.cose_key);
            }
            w.bool(self.strict_dependencies).bool(self.unnamed_manifests);
            self.eat_profile.write(w);
            match &self.attestation {
                Some(claims) => claims.write(w),
                None => {
                    w.null();
                }
            }
            w.array(self.verifiers.len());
            for key in &self.verifiers {
                w.bytes(&key.to_cose_key());
            }
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    ///
    /// # Errors
    /// When `bytes` are anything else, a key is not valid, a TAM stands in them twice, one key has two roles
    /// (REQ-ARCH-007), or a TAM needs an attestation that no Verifier can give.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(10, "an Agent configuration")?;
        let (vendor_ids, class_ids) = (uuids(&mut r)?, uuids(&mut r)?);
        let mut tams = Vec::new();
        for _ in 0..r.list(1, MAX_LIST, "at least one TAM")? {
            r.array_of(5, "a TAM [uri, dialect, keys, report key, attestation required]")?;
            let uri = r.sized_text(MAX_URI, "a TAM URI")?.to_owned();
            if tams.iter().any(|tam: &TamAnchor| tam.uri == uri) {
                return Err(r.error("each TAM URI once"));
            }
            let dialect = r.text("a dialect")?.parse().map_err(|what| r.error(what))?;
            let mut keys = Vec::new();
            for _ in 0..r.list(1, MAX_PER_ANCHOR, "one to eight keys of a TAM")? {
                keys.push(key(&mut r)?);
            }
            let report_key = if r.optional_null() {
                None
            } else {
                Some(AgreementKey::from_cose_key(r.bytes("a COSE_Key")?)?)
            };
            let attestation_required = r.bool("true or false")?;
            tams.push(TamAnchor { uri, dialect, keys, report_key, attestation_required });
        }
        let mut signers = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "signers")? {
            r.array_of(4, "a signer [key, prefixes, commands, personalization in clear]")?;
            let key = key(&mut r)?;
            let mut prefixes = Vec::new();
            for _ in 0..r.list(1, MAX_PER_ANCHOR, "one to eight component prefixes of a signer")? {
                let prefix = r.bytes("an encoded component identifier")?;
                prefixes.push(ComponentId::decode(prefix)?.as_bytes().to_vec());
            }
            let commands = if r.optional_null() {
                None
            } else {
                let count = r.list(0, MAX_LIST, "command codes")?;
                Some((0..count).map(|_| r.int("a command code")).collect::<Result<_, _>>()?)
            };
            let personalization_in_clear = r.bool("true or false")?;
            signers.push(SignerAnchor { key, prefixes, commands, personalization_in_clear });
        }
        let mut decryption_keys = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "decryption keys")? {
            decryption_keys.push(DecryptionKey::from_cose_key(r.bytes("a COSE_Key")?)?);
        }
        let strict_dependencies = r.bool("true or false")?;
        let unnamed_manifests = r.bool("true or false")?;
        let eat_profile = EatProfile::read(&mut r)?;
        let attestation =
            if r.optional_null() { None } else { Some(DeviceClaims::read(&mut r, &eat_profile)?) };
        let mut verifiers = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "verifiers")? {
            verifiers.push(key(&mut r)?);
        }
        let config = Self {
            vendor_ids,
            class_ids,
            tams,
            signers,
            decryption_keys,
            strict_dependencies,
            unnamed_manifests,
            attestation,
            eat_profile,
            verifiers,
        };
        if config.unattestable_tam().is_some() {
            return Err(r.error("a verifier for the TAMs that have to be attested"));
        }
        if config.key_with_two_roles().is_some() {
            return Err(r.error("a key in one role only"));
        }
        Ok(config)
    }

    /// A key that is two of a TAM's, a signer's and a Verifier's.
    fn key_with_two_roles(&self) -> Option<Thumbprint> {
        let is_tam = |key: &PublicKey| self.tams.iter().any(|tam| tam.keys.contains(key));
        let is_signer = |key: &PublicKey| self.signers.iter().any(|signer| signer.key == *key);
        let mut signers = self.signers.iter().map(|signer| &signer.key);
        let twice = signers.find(|key| is_tam(key));
        let twice = twice.or_else(|| self.verifiers.iter().find(|key| is_tam(key) || is_signer(key)));
        twice.map(PublicKey::thumbprint)
    }

    /// A TAM that has to be attested although there is nobody who could.
    fn unattestable_tam(&self) -> Option<&TamAnchor> {
        self.tams.iter().find(|tam| tam.attestation_required && self.verifiers.is_empty())
    }

    /// The settings of the manifest processor.
    pub(crate) fn policy(&self) -> Policy {
        Policy { strict_dependencies: self.strict_dependencies, unnamed_manifests: self.unnamed_manifests }
    }

    /// The signer whose key has this thumbprint.
    pub(crate) fn signer(&self, thumbprint: Thumbprint) -> Option<&SignerAnchor> {
        self.signers.iter().find(|signer| signer.key.thumbprint() == thumbprint)
    }
}

fn uuids(r: &mut Reader<'_>) -> Result<Vec<[u8; 16]>, Error> {
    const WHAT: &str = "UUIDs of 16 bytes";
    let count = r.list(1, MAX_LIST, WHAT)?;
    (0..count)
        .map(|_| r.sized_bytes(16..=16, WHAT).and_then(|id| id.try_into().map_err(|_| r.error(WHAT))))
        .collect()
}

fn key(r: &mut Reader<'_>) -> Result<PublicKey, Error> {
    PublicKey::from_cose_key(r.bytes("a COSE_Key")?)
}

#[cfg(test)]
mod tests;
