// SPDX-License-Identifier: Apache-2.0
//! What `teep-tam list` prints.

use crate::event::printable;
use crate::policy::Catalogue;
use crate::store::{Directory, KeyEntry, Listing, Measurement, Offer, StoreError};
use serde_json::{Value, json};
use teep_proto::cose::Anchor;
use teep_proto::suit::ComponentId;
use teep_proto::teec::Validity;
use teep_suit::command::Done;

pub(super) fn list(directory: &Directory) -> Result<Done, StoreError> {
    let (agents, signers) = (directory.agent_entries()?, directory.signer_entries()?);
    let (manifests, withdrawn) = (directory.manifests()?, directory.withdrawn_manifests()?);
    let (attestation_keys, measurements) = (directory.attestation_entries()?, directory.measurements()?);
    let verifiers = directory.verifier_entries()?;
    let mut text = format!("attestation: {}\n", directory.attestation()?);
    section(&mut text, "agents", agents.items.iter().map(key_line));
    if !attestation_keys.items.is_empty() {
        section(&mut text, "attestation keys", attestation_keys.items.iter().map(key_line));
    }
    if !verifiers.items.is_empty() {
        section(&mut text, "verifiers", verifiers.items.iter().map(key_line));
    }
    if !measurements.is_empty() {
        section(&mut text, "expected measurements", measurements.iter().map(measurement_line));
    }
    section(&mut text, "signers", signers.items.iter().map(key_line));
    section(&mut text, "manifests", manifests.items.iter().map(|offer| offer_line(offer, &manifests.items)));
    if !withdrawn.items.is_empty() {
        section(&mut text, "to be given up", withdrawn.items.iter().map(|offer| offer.name.clone()));
    }
    let unusable = [
        &agents.unusable,
        &attestation_keys.unusable,
        &verifiers.unusable,
        &signers.unusable,
        &manifests.unusable,
        &withdrawn.unusable,
    ];
    let unusable: Vec<&(String, String)> = unusable.into_iter().flatten().collect();
    if !unusable.is_empty() {
        section(&mut text, "not usable", unusable.iter().map(|(name, why)| format!("{name}: {why}")));
    }
    let object = json!({
        "attestation": directory.attestation()?.to_string(),
        "agents": key_objects(&agents),
        "attestation_keys": key_objects(&attestation_keys),
        "verifiers": key_objects(&verifiers),
        "measurements": measurements.iter().map(measurement_object).collect::<Vec<_>>(),
        "signers": key_objects(&signers),
        "withdrawn": withdrawn.items.iter().map(|offer| &offer.name).collect::<Vec<_>>(),
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
    let key = entry.anchor.key();
    let line = format!("{}  {} key {}", entry.name, key.algorithm(), key.thumbprint());
    line + &certificate_text(&entry.anchor)
}

/// What follows the key of an anchor that is a certificate.
pub(super) fn certificate_text(anchor: &impl Anchor) -> String {
    anchor.certificate().map_or_else(String::new, |certificate| {
        let (not_before, not_after) = certificate.validity();
        format!(
            ", certificate of {}, valid {}",
            printable(&certificate.subject()),
            Validity { not_before, not_after }
        )
    })
}

fn measurement_line(measurement: &Measurement) -> String {
    format!("{}  {}", measurement.name, hex::encode(measurement.digest))
}

fn measurement_object(measurement: &Measurement) -> Value {
    json!({ "name": measurement.name, "measurement": hex::encode(measurement.digest) })
}

fn key_objects(listing: &Listing<KeyEntry>) -> Vec<Value> {
    let object = |entry: &KeyEntry| {
        let key = entry.anchor.key();
        let (algorithm, kid) = (key.algorithm().to_string(), key.thumbprint().to_string());
        let certificate = entry.anchor.certificate().map(|certificate| {
            let ((not_before, not_after), subject) = (certificate.validity(), certificate.subject());
            json!({ "subject": subject, "not_before": not_before, "not_after": not_after })
        });
        json!({ "name": entry.name, "algorithm": algorithm, "kid": kid, "certificate": certificate })
    };
    listing.items.iter().map(object).collect()
}

fn offer_line(offer: &Offer, all: &[Offer]) -> String {
    let mut line = format!("{}  sequence number {}", offer.name, offer.sequence_number);
    if let Some(agent) = offer.agent {
        line.push_str(&format!(", for the agent {:.16} only", agent.to_string()));
    }
    for (id, served) in components(offer, all) {
        line.push_str(&format!(
            "\n    {id}{}",
            if served { "" } else { " (not served: another takes its place)" }
        ));
    }
    line
}

fn offer_object(offer: &Offer, all: &[Offer]) -> Value {
    let components: Vec<Value> = components(offer, all)
        .iter()
        .map(|(id, served)| json!({ "component_id": id.to_string(), "served": served }))
        .collect();
    json!({
        "name": offer.name,
        "sequence_number": offer.sequence_number,
        "agent": offer.agent.map(|agent| agent.to_string()),
        "bytes": offer.envelope.len(),
        "components": components,
    })
}

/// The components of `offer`, and for each whether devices get this offer for it.
fn components<'o>(offer: &'o Offer, all: &[Offer]) -> Vec<(ComponentId<'o>, bool)> {
    let catalogue = Catalogue::new(offer.agent, all, &[]);
    let ids = offer.components.iter().filter_map(|component| ComponentId::decode(&component.id).ok());
    ids.map(|id| (id, catalogue.best(&id).is_some_and(|best| best.name == offer.name))).collect()
}
