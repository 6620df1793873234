// SPDX-License-Identifier: Apache-2.0
//! The entries that make a trust store.

use super::File;
use super::keys::{agreement_key, trust_anchor};
use crate::config::{Policy, Quota, SignerAnchor, TamAnchor, TrustStore};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Deserialize;
use std::path::Path;
use teep_proto::suit::labels::command;
use teep_proto::suit::{ComponentId, text};
use teep_proto::teep::Dialect;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Trust {
    #[serde(default)]
    sequence_number: u64,
    #[serde(default)]
    pub(super) provisioning: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Tam {
    uri: String,
    dialect: Option<String>,
    keys: Vec<String>,
    report_key: Option<String>,
    attestation: Option<TamAttestation>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum TamAttestation {
    Required,
    Off,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verifier {
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Signer {
    key: String,
    #[serde(default)]
    components: Vec<Vec<String>>,
    commands: Option<Vec<String>>,
    #[serde(default)]
    personalization_in_clear: bool,
    #[serde(default)]
    trust_store: bool,
    max_components: Option<u64>,
    max_bytes: Option<u64>,
    max_manifests: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Manifests {
    #[serde(default)]
    strict_dependencies: bool,
    #[serde(default)]
    unnamed: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Limits {
    contact_interval: Option<u32>,
    errors_per_minute: Option<u32>,
    updates_per_hour: Option<u32>,
}

impl File {
    /// The trust store that the file describes, with the keys in files in `directory`.
    pub(super) fn trust_store(&self, directory: &Path) -> Result<TrustStore, String> {
        let tams = self.tam.iter().map(|tam| tam.anchor(directory)).collect::<Result<_, _>>()?;
        let signers = self.signer.iter().map(|signer| signer.anchor(directory)).collect::<Result<_, _>>()?;
        let verifiers = self.verifier.iter().map(|verifier| trust_anchor(&directory.join(&verifier.key)));
        let defaults = Policy::default();
        let policy = Policy {
            strict_dependencies: self.manifests.strict_dependencies,
            unnamed_manifests: self.manifests.unnamed,
            contact_interval: self.policy.contact_interval.unwrap_or(defaults.contact_interval),
            errors_per_minute: self.policy.errors_per_minute.unwrap_or(defaults.errors_per_minute),
            updates_per_hour: self.policy.updates_per_hour.unwrap_or(defaults.updates_per_hour),
        };
        let store = TrustStore {
            sequence_number: self.trust.sequence_number,
            tams,
            signers,
            verifiers: verifiers.collect::<Result<_, _>>()?,
            policy,
        };
        if let Some(tam) = store.tam_with_two_entries() {
            return Err(format!("the TAM {} has two entries; one with all its keys is meant", tam.uri));
        }
        if let Some(kid) = store.signer_with_two_entries() {
            return Err(format!(
                "the signer with key {kid} has two entries; one with all its rights is meant"
            ));
        }
        if let Some(tam) = store.unattestable_tam() {
            return Err(format!("the TAM {} has to be attested, but there is no [[verifier]]", tam.uri));
        }
        if let Some(kid) = store.key_with_two_roles() {
            return Err(format!("key {kid} has two roles; each role needs keys of its own"));
        }
        Ok(store)
    }
}

impl Tam {
    fn anchor(&self, directory: &Path) -> Result<TamAnchor, String> {
        if !["http://", "https://"].iter().any(|scheme| self.uri.starts_with(scheme)) {
            return Err(format!("tam.uri {:?} is no http or https URI", self.uri));
        }
        if self.keys.is_empty() {
            return Err(format!("the TAM {} has no keys", self.uri));
        }
        let dialect = self.dialect.as_deref().map_or(Ok(Dialect::Final), str::parse);
        let keys = self.keys.iter().map(|name| trust_anchor(&directory.join(name)));
        let report_key = self.report_key.as_ref().map(|name| agreement_key(&directory.join(name)));
        Ok(TamAnchor {
            uri: self.uri.clone(),
            dialect: dialect.map_err(|e| format!("the TAM {}: {e}", self.uri))?,
            keys: keys.collect::<Result<_, _>>()?,
            report_key: report_key.transpose()?,
            attestation_required: self.attestation == Some(TamAttestation::Required),
        })
    }
}

impl Signer {
    fn anchor(&self, directory: &Path) -> Result<SignerAnchor, String> {
        if self.components.is_empty() && !self.trust_store || self.components.iter().any(Vec::is_empty) {
            return Err(format!(
                "the signer with {} needs components, each with an element at least",
                self.key
            ));
        }
        let named = |commands: &Vec<String>| commands.iter().map(|name| command_code(name)).collect();
        Ok(SignerAnchor {
            key: trust_anchor(&directory.join(&self.key))?,
            prefixes: self.components.iter().map(|c| prefix(c)).collect::<Result<_, _>>()?,
            commands: self.commands.as_ref().map(named).transpose()?,
            personalization_in_clear: self.personalization_in_clear,
            trust_store: self.trust_store,
            quota: Quota {
                max_components: self.max_components,
                max_bytes: self.max_bytes,
                max_manifests: self.max_manifests,
            },
        })
    }
}

/// Code of the command that the documents call `directive-NAME`, one of those that touch components.
fn command_code(name: &str) -> Result<i64, String> {
    let short = name.strip_prefix("directive-").unwrap_or(name);
    let touching = [command::WRITE, command::FETCH, command::COPY, command::SWAP];
    let found = touching.into_iter().find(|code| command::name(*code) == Some(short));
    found.ok_or_else(|| format!("{name:?} is none of the commands write, fetch, copy and swap"))
}

fn prefix(elements: &[String]) -> Result<Vec<u8>, String> {
    let elements = elements.iter().map(|element| text::parse_segment(element)).collect::<Result<Vec<_>, _>>();
    let encoded = ComponentId::encode(&elements.map_err(|e| e.to_string())?);
    ComponentId::decode(&encoded).map_err(|e| e.to_string())?;
    Ok(encoded)
}
