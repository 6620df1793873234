// SPDX-License-Identifier: Apache-2.0
//! What a TAM's directory knows of attestation.

use super::roles::keys_only;
use super::{
    ATTESTATION_KEYS, Directory, KeyEntry, Listing, MEASUREMENTS, StoreError, VERIFIERS, checked_name, list,
    make_directory, read,
};
use crate::attestation::Attestation;
use crate::passport::Verifier;
use std::path::Path;
use std::time::Duration;
use teep_proto::cose::{PublicKey, Thumbprint};
use teep_suit::{files, keys};

/// File with the policy.
const POLICY: &str = "attestation";

/// A reference value with the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Name of the file.
    pub name: String,
    /// SHA-256 that a TEE may measure an Agent to be.
    pub digest: [u8; 32],
}

impl Directory {
    /// Whether devices have to be attested; off when nothing is said.
    ///
    /// # Errors
    /// [`StoreError::File`] when the file cannot be read, [`StoreError::Invalid`] when it says something else.
    pub fn attestation(&self) -> Result<Attestation, StoreError> {
        let path = self.root.join(POLICY);
        if !path.exists() {
            return Ok(Attestation::Off);
        }
        let text = String::from_utf8_lossy(&read(&path)?).trim().to_owned();
        text.parse().map_err(|problem| StoreError::Invalid(format!("{}: {problem}", path.display())))
    }

    /// Sets whether devices have to be attested.
    ///
    /// # Errors
    /// [`StoreError::Nothing`] when it is so already; else as for any file.
    pub fn set_attestation(&self, policy: Attestation) -> Result<(), StoreError> {
        if self.attestation()? == policy {
            return Err(StoreError::Nothing(format!("attestation is {policy} already")));
        }
        Ok(files::write_atomic(&self.root.join(POLICY), format!("{policy}\n").as_bytes())?)
    }

    /// Lets `key` vouch for the enrolled Agent that signs with the key `agent`. Returns the name of both.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such an Agent, [`StoreError::Nothing`] when it is so already; else as for
    /// any file and name.
    pub fn enrol_attestation_key(&self, agent: Thumbprint, key: &PublicKey) -> Result<String, StoreError> {
        let entries = self.agent_entries()?.items;
        let entry = entries.iter().find(|entry| entry.anchor.thumbprint() == agent);
        let entry = entry.ok_or_else(|| StoreError::NotFound(format!("no agent has the key {agent}")))?;
        self.add_key(ATTESTATION_KEYS, key, Some(stem(&entry.name)))
    }

    /// The attestation keys of Agents; each has the name of its Agent.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn attestation_entries(&self) -> Result<Listing<KeyEntry>, StoreError> {
        self.keys_of(ATTESTATION_KEYS)
    }

    /// The attestation keys of the Agent that signs with the key `agent`.
    pub(super) fn attestation_keys_of(&self, agent: Thumbprint) -> Result<Listing<PublicKey>, StoreError> {
        let agents = self.agent_entries()?.items;
        let named = |name: &str| {
            agents.iter().any(|entry| entry.anchor.thumbprint() == agent && stem(&entry.name) == stem(name))
        };
        let Listing { items, unusable } = self.attestation_entries()?;
        let items = items.into_iter().filter(|entry| named(&entry.name)).collect();
        Ok(keys_only(Listing { items, unusable }))
    }

    /// Trusts the Verifier that has `key`, as [`enrol`](Self::enrol) does for Agents.
    ///
    /// # Errors
    /// As [`enrol`](Self::enrol).
    pub fn add_verifier(&self, key: &PublicKey, name: Option<&str>) -> Result<String, StoreError> {
        self.add_key(VERIFIERS, key, name)
    }

    /// The trusted Verifiers by name.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn verifier_entries(&self) -> Result<Listing<KeyEntry>, StoreError> {
        self.keys_of(VERIFIERS)
    }

    /// A Verifier with the private key in `path`, whose Attestation Results count for so many hours.
    ///
    /// # Errors
    /// [`StoreError::File`] when it cannot be read, [`StoreError::Invalid`] when the key has another role too.
    pub fn verifier(&self, path: &Path, result_hours: u32) -> Result<Verifier, StoreError> {
        let key = keys::load_signing_key(path)?;
        self.check_role(VERIFIERS, &key.public_key())?;
        Ok(Verifier { key, result_lifetime: Duration::from_hours(result_hours.into()) })
    }

    /// Adds `digest` to the reference values. Without `name` its first digits are one. Returns the name.
    ///
    /// # Errors
    /// [`StoreError::Nothing`] when it is there; else as for any file and name.
    pub fn add_measurement(&self, digest: [u8; 32], name: Option<&str>) -> Result<String, StoreError> {
        let known = self.measurements()?;
        if let Some(known) = known.iter().find(|known| known.digest == digest) {
            return Err(StoreError::Nothing(format!("the measurement is there already, as {}", known.name)));
        }
        let digits = hex::encode(digest);
        let name = checked_name(name.unwrap_or(digits.get(..16).unwrap_or_default()))?;
        let directory = self.root.join(MEASUREMENTS);
        let path = directory.join(name);
        if path.exists() {
            let problem = format!("{} holds another measurement: choose another name", path.display());
            return Err(StoreError::Invalid(problem));
        }
        make_directory(&directory, 0o755)?;
        files::write_atomic(&path, format!("{digits}\n").as_bytes())?;
        Ok(name.to_owned())
    }

    /// The reference values by name.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read, [`StoreError::Invalid`] when a file in it is no reference
    /// value: passed over, it could leave none, and then nothing would be compared.
    pub fn measurements(&self) -> Result<Vec<Measurement>, StoreError> {
        let mut measurements = Vec::new();
        let directory = self.root.join(MEASUREMENTS);
        if !directory.is_dir() {
            return Ok(measurements);
        }
        for (name, path) in list(&directory)? {
            let text = String::from_utf8_lossy(&read(&path)?).into_owned();
            let digest = parse_measurement(&text)
                .map_err(|problem| StoreError::Invalid(format!("{MEASUREMENTS}/{name}: {problem}")))?;
            measurements.push(Measurement { name, digest });
        }
        Ok(measurements)
    }
}

/// A SHA-256 digest in hexadecimal digits.
///
/// # Errors
/// One sentence that says what is wrong.
pub fn parse_measurement(digits: &str) -> Result<[u8; 32], String> {
    let bytes = hex::decode(digits.trim()).unwrap_or_default();
    bytes.try_into().map_err(|_| "a measurement is a SHA-256 digest of 64 hexadecimal digits".to_owned())
}

/// The name of a key file without its ending.
fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}
