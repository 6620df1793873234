// SPDX-License-Identifier: Apache-2.0
mod attestation;
mod manifests;
mod roles;

pub use attestation::{Measurement, parse_measurement};
pub use manifests::Published;
pub use roles::KeyEntry;

use super::{Listing, Offer, Store};
use crate::{Error, TamConfig};
use roles::{ONE_ROLE, ROLES, keys_only};
use std::fmt;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use teep_proto::cose::{Algorithm, PublicKey, SigningKey, Thumbprint};
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::Digest;
use teep_suit::keys;

const AGENTS: &str = "agents";
const SIGNERS: &str = "signers";
const ATTESTATION_KEYS: &str = "attestation-keys";
const VERIFIERS: &str = "verifiers";
const MEASUREMENTS: &str = "measurements";
const MANIFESTS: &str = "manifests";
const WITHDRAWN: &str = "withdrawn";
const REPLACED: &str = "replaced";
const PAYLOADS: &str = "payloads";
const KEYS: &str = "keys";
/// End of the name of a file with the certificates of one of the TAM's own keys.
const CERTIFICATES: &str = ".chain.pem";
const ESP256_KEY: &str = "tam-esp256";
const ED25519_KEY: &str = "tam-ed25519";
const REPORT_KEY: &str = "tam-report";
/// Bytes of a name of an Agent, a signer or a manifest at most.
const MAX_NAME: usize = 100;

/// A store in a directory, which is read anew for every message: putting a file there publishes it, removing
/// it withdraws it.
///
/// | Path | What |
/// | --- | --- |
/// | `keys/tam-esp256.pem`, `keys/tam-ed25519.pem` | the TAM's own keys, with their public halves beside them |
/// | `keys/tam-esp256.chain.pem`, `keys/tam-ed25519.chain.pem` | if there: certificates of the TAM's own keys, which its messages bring along |
/// | `keys/tam-report.cose` | the key that decrypts SUIT Reports, with its public half beside it |
/// | `agents/*` | public keys of enrolled Agents, COSE_Key or PEM |
/// | `attestation-keys/*` | public keys that vouch for the Agents of the same name, COSE_Key or PEM |
/// | `verifiers/*` | public keys of Verifiers whose Attestation Results about Agents count, COSE_Key or PEM |
/// | `measurements/*` | what TEEs may measure Agents to be, hexadecimal digits; without any nothing is compared |
/// | `attestation` | whether devices have to be attested: `required`, `passport` or `off` |
/// | `signers/*` | public keys of vetted Trusted Component signers, COSE_Key or PEM, and certificates, PEM or DER: with that of a CA all are vetted below it |
/// | `manifests/*.suit` | SUIT envelopes for every device |
/// | `manifests/for-<16 digits>/*.suit` | those for the device whose key has a thumbprint that begins so |
/// | `withdrawn/` | likewise, envelopes of manifests that devices are to give up |
/// | `replaced/*.suit` | envelopes of manifests in whose place others came, without payloads: which sequence number devices have that tell the digest |
/// | `payloads/*` | what manifests name by URI, served as it is |
///
/// Names that begin with a dot are passed over. A key has one role: what is in two of these directories counts in
/// neither, and with its own key in one of these roles the TAM does not start (REQ-ARCH-007).
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

/// Why a change of the directory was not made.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Reading or writing a file or key failed.
    File(teep_suit::Error),
    /// What is meant does not exist.
    NotFound(String),
    /// Everything is as it should be already.
    Nothing(String),
    /// It must not be done.
    Refused(String),
    /// It cannot be done like this.
    Invalid(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::NotFound(text) | Self::Nothing(text) | Self::Refused(text) | Self::Invalid(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl From<teep_suit::Error> for StoreError {
    fn from(error: teep_suit::Error) -> Self {
        Self::File(error)
    }
}

impl Directory {
    /// Makes the directory with all it needs, or adds what is missing in it. Keys that are there stay.
    /// Also returns the names of the keys made, without ending.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn init(root: &Path) -> Result<(Self, Vec<PathBuf>), StoreError> {
        let public =
            [AGENTS, ATTESTATION_KEYS, VERIFIERS, MEASUREMENTS, SIGNERS, MANIFESTS, WITHDRAWN, PAYLOADS];
        for name in public {
            make_directory(&root.join(name), 0o755)?;
        }
        make_directory(&root.join(KEYS), 0o700)?;
        let directory = Self { root: root.to_owned() };
        let mut made = Vec::new();
        for (algorithm, name) in [(Algorithm::Esp256, ESP256_KEY), (Algorithm::Ed25519, ED25519_KEY)] {
            let name = directory.key_name(name);
            if !keys::KeyFiles::of(&name).private_pem.exists() {
                keys::write(&keys::generate(algorithm)?, &name)?;
                made.push(name);
            }
        }
        let (private, public) = directory.report_key();
        if !private.exists() {
            // As a COSE_Key a key for agreement looks like one for signing; this one never signs.
            let key = keys::generate(Algorithm::Esp256)?;
            keys::write_cose_key(&private, &key.to_cose_key(), true)?;
            keys::write_cose_key(&public, &key.public_key().to_cose_key(), false)?;
            made.push(directory.key_name(REPORT_KEY));
        }
        Ok((directory, made))
    }

    /// Opens a directory that [`init`](Self::init) made.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is none.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        if [AGENTS, SIGNERS, MANIFESTS, KEYS].iter().all(|name| root.join(name).is_dir()) {
            return Ok(Self { root: root.to_owned() });
        }
        let root = root.display();
        Err(StoreError::NotFound(format!("{root} is no TAM directory: make one with: teep-tam init {root}")))
    }

    /// The configuration with the keys in the directory.
    ///
    /// # Errors
    /// [`StoreError::File`] when one cannot be read, [`StoreError::Invalid`] when one has another role too.
    pub fn config(&self) -> Result<TamConfig, StoreError> {
        let mut config = TamConfig::new(self.signing_key(ESP256_KEY)?, self.signing_key(ED25519_KEY)?)?;
        config.attestation = self.attestation()?;
        let (report_key, _) = self.report_key();
        if report_key.exists() {
            config.report_keys.push(keys::load_recipient_key(&report_key)?);
        }
        for key in [&config.esp256, &config.ed25519].map(SigningKey::public_key) {
            for kind in ROLES {
                if let Some(place) = self.place_of(kind, &key)? {
                    return Err(StoreError::Invalid(format!(
                        "{place} is a key of the TAM itself: {ONE_ROLE}"
                    )));
                }
            }
        }
        Ok(config)
    }

    /// One of the TAM's own keys, with its certificates if there are any.
    fn signing_key(&self, name: &str) -> Result<SigningKey, StoreError> {
        let key = keys::load_signing_key(&keys::KeyFiles::of(&self.key_name(name)).private_pem)?;
        let certificates = self.key_name(&format!("{name}{CERTIFICATES}"));
        if certificates.exists() { Ok(keys::certified(key, &certificates)?) } else { Ok(key) }
    }

    /// Files of the key that decrypts SUIT Reports: private, public.
    fn report_key(&self) -> (PathBuf, PathBuf) {
        let [private, public] = [".cose", ".pub.cose"].map(|ending| format!("{REPORT_KEY}{ending}"));
        (self.key_name(&private), self.key_name(&public))
    }

    fn key_name(&self, name: &str) -> PathBuf {
        self.root.join(KEYS).join(name)
    }
}

impl Store for Directory {
    fn agents(&self) -> Result<Listing<PublicKey>, Error> {
        self.agent_entries().map(keys_only).map_err(internal)
    }

    fn offers(&self) -> Result<Listing<Offer>, Error> {
        self.manifests().map_err(internal)
    }

    fn withdrawn(&self) -> Result<Listing<Offer>, Error> {
        self.withdrawn_manifests().map_err(internal)
    }

    fn replaced(&self, digest: Digest) -> Result<Option<Offer>, Error> {
        self.replaced_manifest(digest).map_err(internal)
    }

    fn attestation_keys(&self, agent: Thumbprint) -> Result<Listing<PublicKey>, Error> {
        self.attestation_keys_of(agent).map_err(internal)
    }

    fn verifiers(&self) -> Result<Listing<PublicKey>, Error> {
        self.verifier_entries().map(keys_only).map_err(internal)
    }

    fn reference_values(&self) -> Result<Vec<[u8; 32]>, Error> {
        let measurements = self.measurements().map_err(internal)?;
        Ok(measurements.into_iter().map(|measurement| measurement.digest).collect())
    }
}

fn make_directory(path: &Path, mode: u32) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|source| teep_suit::Error::Io { doing: "make", path: path.to_owned(), source }.into())
}

fn internal(error: StoreError) -> Error {
    Error::Internal(error.to_string())
}

/// A file of at most the length of a message; one byte more is kept, so that the excess is noticed.
fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take((MAX_MESSAGE as u64).saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|source| teep_suit::Error::Io { doing: "read", path: path.to_owned(), source })?;
    Ok(bytes)
}

/// The visible files of a directory in the order of their names.
fn list(directory: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    Ok(visible(directory)?.into_iter().filter(|(_, path)| path.is_file()).collect())
}

fn visible(directory: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let entries = fs::read_dir(directory).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let entries = entries.map_err(|source| teep_suit::Error::Io {
        doing: "read the directory",
        path: directory.to_owned(),
        source,
    })?;
    let mut visible: Vec<(String, PathBuf)> = entries
        .into_iter()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, _)| !name.starts_with('.'))
        .collect();
    visible.sort();
    Ok(visible)
}

/// A name that stays within its directory, looks the same everywhere and needs no quotes.
fn checked_name(name: &str) -> Result<&str, StoreError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if first && name.len() <= MAX_NAME && name.bytes().all(plain) {
        return Ok(name);
    }
    Err(StoreError::Invalid(format!(
        "{name:?} cannot be a name: use letters, digits, '-', '_' and '.', at most {MAX_NAME}, with a letter \
         or digit first"
    )))
}

#[cfg(test)]
mod tests;
