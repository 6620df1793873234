// SPDX-License-Identifier: Apache-2.0
use super::names;
use super::text::printable;
use crate::Error;
use crate::payloads::each_parameter;
use serde::Serialize;
use std::fmt;
use teep_agent::config::{Policy, Quota, SignerAnchor, TamAnchor, TrustStore};
use teep_proto::cose::TrustAnchor;
use teep_proto::suit::{ComponentId, Envelope, Manifest, Parameter, text};
use teep_proto::teec::Validity;
use teep_proto::teep::Dialect;

/// What a trust store of the TEEP Agent says, for a person ([`Display`](fmt::Display)) or a program (serde).
#[derive(Clone, Debug, Serialize)]
pub struct TrustStoreSummary {
    /// Bytes of it.
    pub bytes: usize,
    /// It only rises, and is that of the manifest that brings it.
    pub sequence_number: u64,
    /// The TAMs that the Agent talks to.
    pub tams: Vec<TamSummary>,
    /// The signers whose manifests it installs.
    pub signers: Vec<SignerSummary>,
    /// Whose Attestation Results about TAMs count.
    pub verifiers: Vec<AnchorSummary>,
    /// What holds for all of them.
    pub policy: PolicySummary,
    /// Under which identifier a device keeps it.
    pub component_id: String,
    /// Of the manifest that may bring it.
    pub manifest_id: String,
}

/// A key that is trusted, or the key in a certificate that is.
#[derive(Clone, Debug, Serialize)]
pub struct AnchorSummary {
    /// SHA-256 thumbprint of the key (RFC 9679).
    pub kid: String,
    /// The certificate it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateSummary>,
}

/// A certificate that is trusted: that of a signer, or of a CA.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateSummary {
    /// Whose it is.
    pub subject: String,
    /// First second of its validity, since 1970.
    pub not_before: u64,
    /// Last second of its validity, since 1970.
    pub not_after: u64,
}

/// A TAM that is trusted.
#[derive(Clone, Debug, Serialize)]
pub struct TamSummary {
    /// Where it is.
    pub uri: String,
    /// Whose numbers it uses: "final" or "pre-26".
    pub dialect: &'static str,
    /// Any of them may sign.
    pub keys: Vec<AnchorSummary>,
    /// kid of the key to which reports are encrypted, in hexadecimal digits.
    pub report_key: Option<String>,
    /// Whether a Verifier has to vouch for it.
    pub attestation_required: bool,
}

/// A signer that is trusted, and its rights.
#[derive(Clone, Debug, Serialize)]
pub struct SignerSummary {
    /// Its key.
    #[serde(flatten)]
    pub key: AnchorSummary,
    /// It may touch components that begin with one of these.
    pub prefixes: Vec<String>,
    /// The commands it may use on them; `None` for all.
    pub commands: Option<Vec<String>>,
    /// Whether it may bring personalization data that is not encrypted.
    pub personalization_in_clear: bool,
    /// Whether it may replace the trust store.
    pub trust_store: bool,
    /// How many components its manifests may have installed.
    pub max_components: Option<u64>,
    /// How many bytes these may have.
    pub max_bytes: Option<u64>,
    /// How many manifests it may have installed.
    pub max_manifests: Option<u64>,
}

/// What holds for all TAMs and signers.
#[derive(Clone, Debug, Serialize)]
pub struct PolicySummary {
    /// manifests.strict-dependencies.
    pub strict_dependencies: bool,
    /// manifests.unnamed.
    pub unnamed_manifests: bool,
    /// policy.contact-interval, in seconds.
    pub contact_interval: u32,
    /// policy.errors-per-minute.
    pub errors_per_minute: u32,
    /// policy.updates-per-hour; 0: any number.
    pub updates_per_hour: u32,
}

impl TrustStoreSummary {
    /// What the encoded trust store `bytes` says. Nobody vouches for any of it: it has no signature of its own.
    ///
    /// # Errors
    /// [`Error::TrustStore`].
    pub fn unauthenticated(bytes: &[u8]) -> Result<Self, Error> {
        let store = TrustStore::decode(bytes).map_err(Error::TrustStore)?;
        let TrustStore { sequence_number, tams, signers, verifiers, policy } = &store;
        Ok(Self {
            bytes: bytes.len(),
            sequence_number: *sequence_number,
            tams: tams.iter().map(TamSummary::of).collect(),
            signers: signers.iter().map(SignerSummary::of).collect(),
            verifiers: verifiers.iter().map(AnchorSummary::of).collect(),
            policy: PolicySummary::of(*policy),
            component_id: text::format(&text::trust_store()),
            manifest_id: text::format(&text::trust_store_manifest()),
        })
    }

    /// Why each device refuses it from a manifest with this sequence number; `None` for a number that fits.
    pub fn mismatch(&self, sequence_number: u64) -> Option<String> {
        let own = self.sequence_number;
        (own != sequence_number)
            .then(|| format!("devices refuse the trust store: it has sequence number {own}"))
    }

    /// The one that comes with `manifest`: in its envelope, or written in itself.
    pub(super) fn brought(envelope: &Envelope<'_>, manifest: &Manifest<'_>) -> Result<Option<Self>, Error> {
        let mut contents: Vec<_> = envelope.payloads().iter().map(|(_, bytes)| *bytes).collect();
        each_parameter(manifest, |_, parameter| {
            if let Parameter::Content(bytes) = parameter {
                contents.push(bytes);
            }
        })?;
        Ok(contents.into_iter().find_map(|bytes| Self::unauthenticated(bytes).ok()))
    }
}

impl AnchorSummary {
    fn of(anchor: &TrustAnchor) -> Self {
        let certificate = match anchor {
            TrustAnchor::Key(_) => None,
            TrustAnchor::Certificate(certificate) => {
                let (not_before, not_after) = certificate.validity();
                Some(CertificateSummary { subject: certificate.subject(), not_before, not_after })
            }
        };
        Self { kid: anchor.thumbprint().to_string(), certificate }
    }
}

impl TamSummary {
    fn of(tam: &TamAnchor) -> Self {
        let TamAnchor { uri, dialect, keys, report_key, attestation_required } = tam;
        Self {
            uri: uri.clone(),
            dialect: dialect.name(),
            keys: keys.iter().map(AnchorSummary::of).collect(),
            report_key: report_key.as_ref().map(|key| hex::encode(key.kid())),
            attestation_required: *attestation_required,
        }
    }
}

impl SignerSummary {
    fn of(signer: &SignerAnchor) -> Self {
        let SignerAnchor { key, prefixes, commands, personalization_in_clear, trust_store, quota } = signer;
        let Quota { max_components, max_bytes, max_manifests } = *quota;
        // What does not decode covers nothing; the trust store's decoder has refused it.
        let prefixes = prefixes.iter().filter_map(|prefix| ComponentId::decode(prefix).ok());
        let named = |codes: &Vec<i64>| codes.iter().map(|code| names::command(*code)).collect();
        Self {
            key: AnchorSummary::of(key),
            prefixes: prefixes.map(|prefix| prefix.to_string()).collect(),
            commands: commands.as_ref().map(named),
            personalization_in_clear: *personalization_in_clear,
            trust_store: *trust_store,
            max_components,
            max_bytes,
            max_manifests,
        }
    }
}

impl PolicySummary {
    fn of(policy: Policy) -> Self {
        let Policy {
            strict_dependencies,
            unnamed_manifests,
            contact_interval,
            errors_per_minute,
            updates_per_hour,
        } = policy;
        Self { strict_dependencies, unnamed_manifests, contact_interval, errors_per_minute, updates_per_hour }
    }
}

impl fmt::Display for TrustStoreSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "trust store, sequence number {}, {} bytes", self.sequence_number, self.bytes)?;
        self.tams.iter().try_for_each(|tam| tam.fmt(f))?;
        self.signers.iter().try_for_each(|signer| signer.fmt(f))?;
        self.verifiers.iter().try_for_each(|verifier| line(f, 1, "Verifier", &verifier.to_string()))?;
        self.policy.fmt(f)
    }
}

impl fmt::Display for AnchorSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kid)?;
        match &self.certificate {
            None => Ok(()),
            Some(CertificateSummary { subject, not_before, not_after }) => {
                let validity = Validity { not_before: *not_before, not_after: *not_after };
                write!(f, ", certificate of {subject}, valid {validity}")
            }
        }
    }
}

impl fmt::Display for TamSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, 1, "TAM", &self.uri)?;
        self.keys.iter().try_for_each(|key| line(f, 2, "key", &key.to_string()))?;
        if self.dialect != Dialect::Final.name() {
            line(f, 2, "dialect", self.dialect)?;
        }
        if let Some(kid) = &self.report_key {
            line(f, 2, "report key", kid)?;
        }
        if self.attestation_required {
            line(f, 2, "attestation", "required")?;
        }
        Ok(())
    }
}

impl fmt::Display for SignerSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, 1, "signer", &self.key.to_string())?;
        for prefix in &self.prefixes {
            line(f, 2, "for", if prefix.is_empty() { "everything" } else { prefix })?;
        }
        if let Some(commands) = &self.commands {
            line(
                f,
                2,
                "commands",
                &if commands.is_empty() { "none".to_owned() } else { commands.join(", ") },
            )?;
        }
        if self.personalization_in_clear {
            line(f, 2, "may", "bring personalization data in the clear")?;
        }
        if self.trust_store {
            line(f, 2, "may", "replace the trust store")?;
        }
        let quotas = [
            (self.max_components, "components"),
            (self.max_bytes, "bytes"),
            (self.max_manifests, "manifests"),
        ];
        for (limit, what) in quotas {
            if let Some(limit) = limit {
                line(f, 2, "at most", &format!("{limit} {what}"))?;
            }
        }
        Ok(())
    }
}

/// In the words of the file that it is compiled from.
impl fmt::Display for PolicySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, 1, "policy", &format!("contact-interval {}", self.contact_interval))?;
        line(f, 1, "", &format!("errors-per-minute {}", self.errors_per_minute))?;
        line(f, 1, "", &format!("updates-per-hour {}", self.updates_per_hour))?;
        line(f, 1, "manifests", &format!("strict-dependencies {}", self.strict_dependencies))?;
        line(f, 1, "", &format!("unnamed {}", self.unnamed_manifests))
    }
}

/// A line of which the value begins in the same column at each level.
fn line(f: &mut fmt::Formatter<'_>, level: usize, name: &str, value: &str) -> fmt::Result {
    let name = format!("{}{name}", "  ".repeat(level));
    writeln!(f, "{name:<17} {}", printable(value))
}
