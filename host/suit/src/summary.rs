// SPDX-License-Identifier: Apache-2.0
pub(crate) mod names;
mod text;
mod trust_store;

pub(crate) use text::{line, printable};
pub use trust_store::TrustStoreSummary;

use crate::Error;
use crate::keys::Trusted;
use serde::Serialize;
use std::collections::BTreeMap;
use teep_proto::cose::{Algorithm, Certificate, Signatures};
use teep_proto::suit::{
    Argument, AuthenticationBlock, Command, Digest, Envelope, Index, Manifest, Parameter, Parameters,
    Section, Sequence,
};

/// What an envelope says, for a person ([`Display`](std::fmt::Display)) or a program (serde).
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Bytes of the envelope.
    pub bytes: usize,
    /// Whose signature was checked; `None` when nobody's was and all of this is but a claim.
    pub authenticated_by: Option<Signer>,
    /// Who signed, as the envelope claims.
    pub signatures: Vec<Signer>,
    /// SHA-256 of the manifest, which is what is signed.
    pub manifest_digest: String,
    /// suit-manifest-component-id.
    pub manifest_id: Option<String>,
    /// suit-manifest-sequence-number.
    pub sequence_number: u64,
    /// suit-reference-uri.
    pub reference_uri: Option<String>,
    /// suit-components, in index order.
    pub components: Vec<String>,
    /// suit-dependencies: by component index, where the dependency is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<u64, Option<String>>,
    /// suit-text: by language, what the manifest and its components are said to be.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub text: BTreeMap<String, BTreeMap<String, String>>,
    /// The shared sequence, then the sections in the order of their labels.
    pub sequences: Vec<CommandSequence>,
    /// The integrated payloads.
    pub payloads: Vec<Payload>,
    /// The TEEP Agent's trust store, if the manifest brings one that the Agent can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_store: Option<TrustStoreSummary>,
    /// Rules of the documents that it breaks although it can be decoded, and what they recommend and it lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// ESP256 or Ed25519; `None` when it is one not known here.
    pub algorithm: Option<String>,
    /// SHA-256 thumbprint of the key (RFC 9679); `None` when the envelope does not say.
    pub kid: Option<String>,
    /// Subjects of the certificates that came with the signature, as claimed: the signer's first, behind each its issuer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// The CA that vouches for the key, where it is a CA that is trusted and not the key itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vouched_by: Option<Authority>,
}

/// A CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Authority {
    /// Its name.
    pub subject: String,
    /// SHA-256 thumbprint of its key.
    pub kid: String,
}

/// A command sequence of the manifest.
#[derive(Clone, Debug, Serialize)]
pub struct CommandSequence {
    /// Name of the section, e.g. "install".
    pub name: String,
    /// Digest of a sequence that stands in the envelope instead of the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severed: Option<String>,
    /// The commands in order.
    pub commands: Vec<CommandSummary>,
}

/// A command.
#[derive(Clone, Debug, Serialize)]
pub struct CommandSummary {
    /// Its name, e.g. "fetch".
    pub command: String,
    /// What follows it.
    #[serde(flatten)]
    pub argument: ArgumentSummary,
}

/// The argument of a command.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArgumentSummary {
    /// Reporting policy.
    Policy(u64),
    /// Component indices; "all" for every component.
    Components(String),
    /// Parameters by name.
    Parameters(BTreeMap<String, String>),
    /// Sequences of which the first that succeeds counts; empty for one that always does.
    Alternatives(Vec<Vec<CommandSummary>>),
    /// A sequence within.
    Sequence(Vec<CommandSummary>),
    /// Parameters by name, for each of several components.
    ParametersOf(BTreeMap<u64, BTreeMap<String, String>>),
    /// Names of the parameters that are copied, for each component they come from.
    CopiedFrom(BTreeMap<u64, Vec<String>>),
    /// Of a private command.
    Private(String),
    /// Not shown: an unknown command.
    Unknown(()),
}

/// An integrated payload.
#[derive(Clone, Debug, Serialize)]
pub struct Payload {
    /// Its key in the envelope.
    pub uri: String,
    /// Its length.
    pub bytes: usize,
    /// Its SHA-256.
    pub sha256: String,
    /// If it is an envelope: identifier and sequence number of its manifest. Its signature was not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

impl Summary {
    /// What `envelope` says, after checking that one of `keys` authenticates it.
    ///
    /// # Errors
    /// [`Error::Envelope`]; [`Error::is_refusal`] tells whether it is the signature.
    pub fn verified(envelope: &[u8], keys: &Trusted) -> Result<Self, Error> {
        let decoded = Envelope::decode(envelope)?;
        let manifest = keys.verify(&decoded)?;
        crate::check_payloads(&decoded, manifest.get())?;
        let vouched_by = keys
            .authority(&manifest)
            .map(|ca| Authority { subject: ca.subject(), kid: ca.key().thumbprint().to_string() });
        let signer = Signer::new(Some(manifest.algorithm()), Some(&manifest.key().0));
        let signer = Signer { vouched_by, ..signer };
        Self::of(envelope.len(), &decoded, manifest.get(), Some(signer))
    }

    /// What `envelope` claims. Nobody vouches for any of it.
    ///
    /// # Errors
    /// [`Error::Envelope`] when it is malformed.
    pub fn unauthenticated(envelope: &[u8]) -> Result<Self, Error> {
        let decoded = Envelope::decode(envelope)?;
        Self::of(envelope.len(), &decoded, &decoded.inspect()?, None)
    }

    fn of(
        bytes: usize,
        envelope: &Envelope<'_>,
        manifest: &Manifest<'_>,
        authenticated_by: Option<Signer>,
    ) -> Result<Self, Error> {
        let shared = CommandSequence::present("shared", manifest.shared)?;
        let sections = manifest.sections.iter().map(|(label, section)| match section {
            Section::Present(sequence) => CommandSequence::present(names::section(*label), *sequence),
            Section::Severed(digest) => Ok(CommandSequence {
                name: names::section(*label).to_owned(),
                severed: Some(digest.to_string()),
                commands: Vec::new(),
            }),
        });
        let trust_store = TrustStoreSummary::brought(envelope, manifest)?;
        let warnings = warnings(manifest, trust_store.as_ref())?;
        Ok(Self {
            bytes,
            authenticated_by,
            signatures: signatures(envelope)?,
            manifest_digest: envelope.claimed_digest().to_string(),
            manifest_id: manifest.component_id.map(|id| id.to_string()),
            sequence_number: manifest.sequence_number,
            reference_uri: manifest.reference_uri.map(str::to_owned),
            components: manifest.components.iter().map(ToString::to_string).collect(),
            dependencies: manifest
                .dependencies
                .iter()
                .map(|dependency| (dependency.index, dependency.prefix.map(|prefix| prefix.to_string())))
                .collect(),
            text: text_by_language(envelope, manifest)?,
            sequences: std::iter::once(Ok(shared)).chain(sections).collect::<Result<_, _>>()?,
            payloads: envelope.payloads().iter().map(|(uri, bytes)| Payload::of(uri, bytes)).collect(),
            trust_store,
            warnings,
        })
    }
}

fn warnings(manifest: &Manifest<'_>, trust_store: Option<&TrustStoreSummary>) -> Result<Vec<String>, Error> {
    let differing = trust_store.and_then(|store| store.mismatch(manifest.sequence_number));
    let broken = manifest.check_rules().err().map(|error| error.to_string());
    let lacking = manifest.recommendations()?.into_iter().map(|what| format!("it lacks {what}"));
    Ok(broken.into_iter().chain(lacking).chain(differing).collect())
}

impl Signer {
    fn new(algorithm: Option<Algorithm>, kid: Option<&[u8]>) -> Self {
        let (algorithm, kid) = (algorithm.map(|a| a.to_string()), kid.map(hex::encode));
        Self { algorithm, kid, certificates: Vec::new(), vouched_by: None }
    }

    /// Those of `signatures`, as claimed.
    fn claimed<'s>(signatures: &'s Signatures<'_>) -> impl Iterator<Item = Self> + 's {
        let certificates = signatures.claimed_certificates().map(|certificates| match certificates {
            Ok(certificates) => certificates.iter().map(Certificate::subject).collect(),
            Err(error) => vec![error.to_string()],
        });
        let signers = signatures.claimed_signers().zip(certificates);
        signers.map(|((algorithm, kid), certificates)| Self { certificates, ..Self::new(algorithm, kid) })
    }
}

fn signatures(envelope: &Envelope<'_>) -> Result<Vec<Signer>, Error> {
    let mut signers = Vec::new();
    for block in envelope.authentication_blocks() {
        match block? {
            AuthenticationBlock::Signatures(signatures) => signers.extend(Signer::claimed(&signatures)),
            AuthenticationBlock::Mac0(_) => signers.push(Signer::new(Some(Algorithm::Hmac256), None)),
        }
    }
    Ok(signers)
}

impl Payload {
    fn of(uri: &str, bytes: &[u8]) -> Self {
        let manifest = Envelope::decode(bytes).ok().and_then(|envelope| {
            let manifest = envelope.inspect().ok()?;
            let id = manifest.component_id.map_or_else(|| "without id".to_owned(), |id| id.to_string());
            Some(format!("{id}, sequence number {}", manifest.sequence_number))
        });
        Self { uri: uri.to_owned(), bytes: bytes.len(), sha256: Digest::of(bytes).to_string(), manifest }
    }
}

impl CommandSequence {
    fn present(name: &str, sequence: Sequence<'_>) -> Result<Self, Error> {
        Ok(Self { name: name.to_owned(), severed: None, commands: commands(sequence)? })
    }
}

/// The depth of the recursion is that of the sequences, which the decoder has bounded.
fn commands(sequence: Sequence<'_>) -> Result<Vec<CommandSummary>, Error> {
    sequence
        .instructions()?
        .map(|command| {
            let Command { code, argument, .. } = command?;
            Ok(CommandSummary { command: names::command(code), argument: ArgumentSummary::of(argument)? })
        })
        .collect()
}

impl ArgumentSummary {
    fn of(argument: Argument<'_>) -> Result<Self, Error> {
        Ok(match argument {
            Argument::Policy(policy) => Self::Policy(policy),
            Argument::Index(Index::One(index)) => Self::Components(index.to_string()),
            Argument::Index(Index::All) => Self::Components("all".to_owned()),
            Argument::Index(Index::Several(list)) => {
                Self::Components(list.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))
            }
            Argument::Parameters(list) => Self::Parameters(parameters(list)?),
            Argument::Alternatives(list) => Self::Alternatives(
                list.into_iter().map(|s| s.map_or(Ok(Vec::new()), commands)).collect::<Result<_, _>>()?,
            ),
            Argument::Sequence(sequence) => Self::Sequence(commands(sequence)?),
            Argument::Multiple(list) => Self::ParametersOf(
                list.into_iter()
                    .map(|(index, list)| Ok((index, parameters(list)?)))
                    .collect::<Result<_, Error>>()?,
            ),
            Argument::CopyParameters(list) => Self::CopiedFrom(
                list.into_iter()
                    .map(|(index, labels)| (index, labels.into_iter().map(names::parameter_label).collect()))
                    .collect(),
            ),
            Argument::Custom(value) => Self::Private(names::value(&value)),
            Argument::Unknown => Self::Unknown(()),
        })
    }
}

fn text_by_language(
    envelope: &Envelope<'_>,
    manifest: &Manifest<'_>,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, Error> {
    let languages = envelope.text(manifest)?.unwrap_or_default().languages;
    Ok(languages.into_iter().map(|language| (language.tag.to_owned(), names::texts(&language))).collect())
}

fn parameters(list: Parameters<'_>) -> Result<BTreeMap<String, String>, Error> {
    list.iter()?.map(|parameter| Ok(names::parameter(&parameter?))).collect()
}

#[cfg(test)]
mod tests;
