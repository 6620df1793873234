// SPDX-License-Identifier: Apache-2.0
mod plan;
mod script;

use crate::description::Texts;
use crate::{Description, Error};
use plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use teep_proto::cose::SigningKey;
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::labels::manifest;
use teep_proto::suit::{
    Authenticator, ComponentId, Envelope, EnvelopeBuilder, Language, ManifestBuilder, Text,
};

/// Bytes an Update and its signature need around the envelope, rounded up.
const ROOM_FOR_UPDATE: usize = 512;

/// What a description becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The signed envelope.
    pub envelope: Vec<u8>,
    /// What devices fetch, by URI: to be put there as it is.
    pub payloads: BTreeMap<String, Vec<u8>>,
}

/// Makes the envelope of `description`, signed by each of `keys`. Nothing else is needed to install it unless
/// something is fetched: see [`create_for`], which also says what.
///
/// # Errors
/// As [`create_for`].
pub fn create(description: &Description, keys: &[SigningKey]) -> Result<Vec<u8>, Error> {
    let authenticators: Vec<_> = keys.iter().map(Authenticator::Sign).collect();
    create_for(description, &authenticators).map(|created| created.envelope)
}

/// Makes the envelope of `description`, authenticated by each of `keys`. The same input gives the same bytes, unless
/// something is encrypted. What the description says is taken as it is: [`Description::check`] looks at it.
///
/// # Errors
/// [`Error::Description`] when the envelope would not fit an Update, or would not be accepted by the
/// decoder every receiver has; [`Error::Key`] without any key, or with one that does not fit.
pub fn create_for(description: &Description, keys: &[Authenticator<'_>]) -> Result<Created, Error> {
    if keys.is_empty() {
        return Err(Error::Key("an envelope needs at least one signature: give a key".to_owned()));
    }
    let plan = Plan::new(description)?;
    let manifest = encode_manifest(description, &plan);
    let payloads = plan.payloads(true);
    check_uris(&payloads)?;
    let builder = EnvelopeBuilder { payloads: &payloads, ..EnvelopeBuilder::new(&manifest) };
    // What is wrong with the manifest is told before it is signed.
    let invalid = |error| Error::Description(format!("the description gives no valid manifest: {error}"));
    Envelope::decode(&builder.build(&[])).and_then(|unsigned| unsigned.inspect()).map_err(invalid)?;
    let envelope = builder.authenticate(keys).map_err(|error| Error::Key(format!("cannot sign: {error}")))?;
    let most = MAX_MESSAGE.saturating_sub(ROOM_FOR_UPDATE);
    if envelope.len() > most {
        return Err(Error::Description(format!(
            "the envelope would have {} bytes, but one TEEP message carries at most {most}: give a uri, so that \
             devices fetch the component, or make it smaller",
            envelope.len()
        )));
    }
    let fetched = plan.payloads(false);
    check_uris(&fetched)?;
    let payloads = fetched.into_iter().map(|(uri, bytes)| (uri.to_owned(), bytes.to_vec())).collect();
    Ok(Created { envelope, payloads })
}

fn check_uris(payloads: &[(&str, &[u8])]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match payloads.iter().find(|(uri, _)| !seen.insert(*uri)) {
        Some((uri, _)) => {
            Err(Error::Description(format!("two payloads have the URI {uri}: give each its own")))
        }
        None => Ok(()),
    }
}

fn encode_manifest(description: &Description, plan: &Plan<'_>) -> Vec<u8> {
    let mut sections = plan.sections();
    sections.extend(encode_text(description).map(|text| (manifest::TEXT, text)));
    ManifestBuilder {
        sequence_number: description.sequence_number,
        reference_uri: description.reference_uri.clone(),
        component_id: Some(ComponentId::encode(&description.manifest_id)),
        dependencies: plan.dependency_ids(),
        components: plan.component_ids(),
        shared: plan.shared().unwrap_or_default(),
        sections,
        ..ManifestBuilder::default()
    }
    .build()
}

/// The suit-text, if anything is said.
fn encode_text(description: &Description) -> Option<Vec<u8>> {
    let ids: Vec<_> = description.components.iter().map(|c| ComponentId::encode(&c.id)).collect();
    let components = || description.components.iter().map(|component| &component.text);
    let tags: BTreeSet<_> = components().chain([&description.text]).flat_map(|texts| texts.keys()).collect();
    let languages = tags.into_iter().map(|tag| Language {
        tag,
        manifest: entries(&description.text, tag),
        components: ids
            .iter()
            .zip(components())
            .filter_map(|(id, texts)| Some((ComponentId::decode(id).ok()?, entries(texts, tag))))
            .filter(|(_, entries)| !entries.is_empty())
            .collect(),
    });
    let languages: Vec<_> = languages.collect();
    (!languages.is_empty()).then(|| Text { languages }.encode())
}

/// What is said in one language.
fn entries<'t>(texts: &'t Texts, tag: &str) -> Vec<(i64, &'t str)> {
    let entries = texts.get(tag).into_iter().flatten();
    entries.map(|(label, text)| (*label, text.as_str())).collect()
}

#[cfg(test)]
mod tests;
