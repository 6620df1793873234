// SPDX-License-Identifier: Apache-2.0
//! What the command line prints.
//!
//! Text is for people and may change; JSON is for programs: fields are added to schema 1, never changed.

use super::exit;
use crate::policy;
use crate::store::{Directory, KeyEntry, Listing, Offer, StoreError};
use serde_json::{Value, json};
use teep_proto::suit::ComponentId;

const SCHEMA: u32 = 1;

/// What a task has to tell, for a person and for a program.
pub(super) struct Done {
    pub(super) text: String,
    pub(super) object: Value,
}

impl Done {
    pub(super) fn new(text: String, fields: Value) -> Self {
        Self { text, object: with_result("ok", fields) }
    }
}

fn with_result(result: &str, fields: Value) -> Value {
    let mut object = json!({ "schema": SCHEMA, "result": result });
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
    object
}

/// Exit code and object of a task that was not done.
pub(super) fn failed(error: &StoreError) -> (u8, Value) {
    let (code, result) = match error {
        StoreError::Nothing(_) => (exit::NOTHING, "nothing"),
        StoreError::NotFound(_) => (exit::NOT_FOUND, "not-found"),
        StoreError::Refused(_) => (exit::REFUSED, "refused"),
        StoreError::File(_) | StoreError::Invalid(_) => (exit::FAILURE, "failed"),
    };
    (code, with_result(result, json!({ "error": error.to_string() })))
}

pub(super) fn list(directory: &Directory) -> Result<Done, StoreError> {
    let (agents, signers) = (directory.agent_entries()?, directory.signer_entries()?);
    let manifests = directory.manifests()?;
    let mut text = String::new();
    section(&mut text, "agents", agents.items.iter().map(key_line));
    section(&mut text, "signers", signers.items.iter().map(key_line));
    section(&mut text, "manifests", manifests.items.iter().map(|offer| offer_line(offer, &manifests.items)));
    let unusable: Vec<&(String, String)> =
        [&agents.unusable, &signers.unusable, &manifests.unusable].into_iter().flatten().collect();
    if !unusable.is_empty() {
        section(&mut text, "not usable", unusable.iter().map(|(name, why)| format!("{name}: {why}")));
    }
    let object = json!({
        "agents": key_objects(&agents),
        "signers": key_objects(&signers),
        "manifests": manifests.items.iter().map(|o| offer_object(o, &manifests.items)).collect::<Vec<_>>(),
        "unusable": unusable.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect::<Vec<_>>(),
    });
    Ok(Done::new(text.trim_end().to_owned(), object))
}

fn section(text: &mut String, title: &str, lines: impl ExactSizeIterator<Item = String>) {
    text.push_str(&format!("{title}:{}\n", if lines.len() == 0 { " none" } else { "" }));
    lines.for_each(|line| text.push_str(&format!("  {line}\n")));
}

fn key_line(entry: &KeyEntry) -> String {
    format!("{}  {} key {}", entry.name, entry.key.algorithm(), entry.key.thumbprint())
}

fn key_objects(listing: &Listing<KeyEntry>) -> Vec<Value> {
    let object = |entry: &KeyEntry| {
        let (algorithm, kid) = (entry.key.algorithm().to_string(), entry.key.thumbprint().to_string());
        json!({ "name": entry.name, "algorithm": algorithm, "kid": kid })
    };
    listing.items.iter().map(object).collect()
}

fn offer_line(offer: &Offer, all: &[Offer]) -> String {
    let mut line = format!("{}  sequence number {}", offer.name, offer.sequence_number);
    for (id, served) in components(offer, all) {
        line.push_str(&format!("\n    {id}{}", if served { "" } else { " (not served: another is newer)" }));
    }
    line
}

fn offer_object(offer: &Offer, all: &[Offer]) -> Value {
    let components: Vec<Value> = components(offer, all)
        .map(|(id, served)| json!({ "component_id": id.to_string(), "served": served }))
        .collect();
    json!({
        "name": offer.name,
        "sequence_number": offer.sequence_number,
        "bytes": offer.envelope.len(),
        "components": components,
    })
}

/// The components of `offer`, and for each whether devices get this offer for it.
fn components<'o>(offer: &'o Offer, all: &[Offer]) -> impl Iterator<Item = (ComponentId<'o>, bool)> {
    let ids = offer.components.iter().filter_map(|component| ComponentId::decode(&component.id).ok());
    ids.map(move |id| (id, policy::best(&id, all).is_some_and(|best| std::ptr::eq(best, offer))))
}
