// SPDX-License-Identifier: Apache-2.0
//! The configuration file an integrator edits, and the file of a trust store.

mod attestation;
mod keys;
mod trust;

use super::{Config, Suite, TrustStore};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use attestation::{Attestation, Eat};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use teep_proto::limits::MAX_TRUST_STORE;
use teep_proto::suit::text;
use trust::{Limits, Manifests, Signer, Tam, Trust, Verifier};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    device: Option<Device>,
    #[serde(default)]
    trust: Trust,
    #[serde(default)]
    tam: Vec<Tam>,
    #[serde(default)]
    signer: Vec<Signer>,
    #[serde(default)]
    decryption_key: Vec<Decryption>,
    #[serde(default)]
    manifests: Manifests,
    #[serde(default)]
    policy: Limits,
    attestation: Option<Attestation>,
    eat: Option<Eat>,
    #[serde(default)]
    verifier: Vec<Verifier>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Device {
    vendor_ids: Vec<String>,
    class_ids: Vec<String>,
    #[serde(default)]
    cipher_suite: CipherSuite,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum CipherSuite {
    #[default]
    #[serde(rename = "ESP256")]
    Esp256,
    Ed25519,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Decryption {
    key: String,
    kid: Option<String>,
}

/// Compiles the configuration file at `path`, for [`crate::Agent::new`]. Key files are relative to it.
///
/// # Errors
/// One sentence that names the file and what is wrong in it.
pub fn compile_toml(path: &Path) -> Result<Vec<u8>, String> {
    compile(path, |file, directory| {
        let device = file.device.as_ref().ok_or("it needs a [device]")?;
        if device.vendor_ids.is_empty() || device.class_ids.is_empty() {
            return Err("device.vendor-ids and device.class-ids need at least one UUID each".to_string());
        }
        if file.tam.is_empty() && !file.trust.provisioning {
            return Err("it needs at least one [[tam]], or trust.provisioning = true".to_string());
        }
        let trust = file.trust_store(directory)?;
        let decryption_keys = file.decryption_key.iter();
        let decryption_keys = decryption_keys
            .map(|entry| keys::decryption_key(&directory.join(&entry.key), entry.kid.as_deref()));
        let eat_profile = file.eat.as_ref().map(Eat::profile).unwrap_or_default();
        let config = Config {
            vendor_ids: device.vendor_ids.iter().map(|id| uuid(id)).collect::<Result<_, _>>()?,
            class_ids: device.class_ids.iter().map(|id| uuid(id)).collect::<Result<_, _>>()?,
            suite: match device.cipher_suite {
                CipherSuite::Esp256 => Suite::Esp256,
                CipherSuite::Ed25519 => Suite::Ed25519,
            },
            decryption_keys: decryption_keys.collect::<Result<_, _>>()?,
            attestation: file.attestation.as_ref().map(|a| a.claims(directory, &eat_profile)).transpose()?,
            eat_profile,
            provisioning: file.trust.provisioning,
            trust,
        };
        if let Some(flaw) = config.flaw() {
            return Err(format!("it needs {flaw}"));
        }
        let bytes = config.encode();
        Config::decode(&bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    })
}

/// Compiles the trust store that the file at `path` describes in the entries of a configuration file that are about
/// trust, for a manifest or for `teep-broker provision`. Key files are relative to it.
///
/// # Errors
/// One sentence that names the file and what is wrong in it; all that is too much, and all that is missing.
pub fn compile_trust_store(path: &Path) -> Result<Vec<u8>, String> {
    compile(path, |file, directory| {
        file.check_replaces()?;
        let bytes = file.trust_store(directory)?.encode();
        if bytes.len() > MAX_TRUST_STORE {
            return Err(format!(
                "it makes {} bytes, and a trust store has at most {MAX_TRUST_STORE}",
                bytes.len()
            ));
        }
        TrustStore::decode(&bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    })
}

/// Reads the file at `path` and hands it to `make`, with its directory.
fn compile(
    path: &Path,
    make: impl FnOnce(&File, &Path) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    let wrong = |what: String| format!("{}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let file: File = parse_toml(&text).map_err(wrong)?;
    make(&file, path.parent().unwrap_or(Path::new("."))).map_err(wrong)
}

/// Reads the `text` of a TOML file that a person wrote.
///
/// # Errors
/// One line that says which line is wrong, and how.
pub fn parse_toml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        match before.map(|before| before.matches('\n').count()) {
            Some(lines) => format!("line {}: {}", lines.saturating_add(1), error.message()),
            None => error.message().to_string(),
        }
    })
}

/// The bytes of hexadecimal digits.
fn hexadecimal(digits: &str) -> Result<Vec<u8>, String> {
    text::parse_segment(&format!("hex:{digits}")).map_err(|e| e.to_string())
}

fn uuid(text: &str) -> Result<[u8; 16], String> {
    text::parse_uuid(text).ok_or_else(|| format!("{text:?} is no UUID"))
}

#[cfg(test)]
mod tests;
