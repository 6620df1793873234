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
    sequence_number: Option<u64>,
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
    /// Checks that the file is about a trust store that can take the place of another one, and about nothing else.
    ///
    /// # Errors
    /// All that is too much, and all that is missing.
    pub(super) fn check_replaces(&self) -> Result<(), String> {
        let built_in = [
            ("[device]", self.device.is_some()),
            ("[[decryption-key]]", !self.decryption_key.is_empty()),
            ("[attestation]", self.attestation.is_some()),
            ("[eat]", self.eat.is_some()),
            ("trust.provisioning", self.trust.provisioning),
        ];
        let built_in: Vec<_> = built_in.into_iter().filter(|(_, there)| *there).map(|(it, _)| it).collect();
        let can_change = self.signer.iter().any(|signer| signer.trust_store);
        let flaws = [
            (
                !built_in.is_empty(),
                format!("what is built into the Agent cannot be in a trust store: {}", built_in.join(", ")),
            ),
            (
                self.trust.sequence_number.is_none(),
                "no trust.sequence-number: it has to be above that of the trust store the devices have"
                    .to_string(),
            ),
            (self.tam.is_empty(), "no [[tam]]: nobody could reach the devices any more".to_string()),
            (
                !can_change,
                "no [[signer]] has trust-store = true: nobody could ever change the trust store again"
                    .to_string(),
            ),
        ];
        let flaws: Vec<_> = flaws.into_iter().filter(|(there, _)| *there).map(|(_, flaw)| flaw).collect();
        if flaws.is_empty() { Ok(()) } else { Err(flaws.join("; ")) }
    }

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
            sequence_number: self.trust.sequence_number.unwrap_or_default(),
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
        if self.keys.is_empty() {
            return Err(format!("the TAM {} has no keys", self.uri));
        }
        let dialect = self.dialect.as_deref().map_or(Ok(Dialect::Final), str::parse);
        let keys = self.keys.iter().map(|name| trust_anchor(&directory.join(name)));
        let report_key = self.report_key.as_ref().map(|name| agreement_key(&directory.join(name)));
        let anchor = TamAnchor {
            uri: self.uri.clone(),
            dialect: dialect.map_err(|e| format!("the TAM {}: {e}", self.uri))?,
            keys: keys.collect::<Result<_, _>>()?,
            report_key: report_key.transpose()?,
            attestation_required: self.attestation == Some(TamAttestation::Required),
        };
        if !anchor.is_reachable() {
            return Err(format!("tam.uri {:?} is no http or https URI", anchor.uri));
        }
        Ok(anchor)
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
