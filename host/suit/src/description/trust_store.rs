// SPDX-License-Identifier: Apache-2.0
use super::{Component, Description};
use crate::Error;
use teep_agent::config::TrustStore;
use teep_proto::suit::{ComponentId, text};

/// Checks that `description` leaves alone what is the TEEP Agent's, or brings its trust store in the one way in which
/// devices take it.
///
/// # Errors
/// [`Error::Description`], which says what every device would refuse.
pub(super) fn check(description: &Description) -> Result<(), Error> {
    let (id, manifest_id) = (text::trust_store(), text::trust_store_manifest());
    let (shown, manifest_shown) = (text::format(&id), text::format(&manifest_id));
    let is_misplaced = |c: &&Component| c.id != id && TrustStore::decode(&c.content).is_ok();
    if let Some(component) = description.components.iter().find(is_misplaced) {
        let own = text::format(&component.id);
        return wrong(format!("the component {own} is a trust store, which devices take only as {shown}"));
    }
    let brought = description.components.iter().find(|component| component.id == id);
    match (brought, description.manifest_id == manifest_id) {
        (Some(_), false) => {
            let own = text::format(&description.manifest_id);
            return wrong(format!(
                "manifest-id is {own}, but devices take a trust store only from the manifest {manifest_shown}"
            ));
        }
        (None, true) => {
            return wrong(format!(
                "manifest-id is that of the trust store, which has to be its component: {shown}"
            ));
        }
        _ => {}
    }
    if let Some(other) = others(description).find(|other| is_agents(other)) {
        let other = text::format(other);
        return wrong(format!(
            "{other} is the TEEP Agent's own, which devices let nobody touch; the trust store is the component \
             {shown} of the manifest {manifest_shown}"
        ));
    }
    brought.map_or(Ok(()), |component| check_brought(description, component))
}

/// Identifiers with which the trust store cannot be meant.
fn others(description: &Description) -> impl Iterator<Item = &Vec<Vec<u8>>> {
    let components = description.components.iter().map(|component| &component.id);
    let components = components.filter(|id| **id != text::trust_store());
    let dependencies = description.dependencies.iter().flat_map(|dependency| {
        [&dependency.id].into_iter().chain(dependency.overrides.iter().map(|other| &other.component))
    });
    let manifest = Some(&description.manifest_id).filter(|id| **id != text::trust_store_manifest());
    manifest.into_iter().chain(components).chain(dependencies)
}

fn is_agents(id: &[Vec<u8>]) -> bool {
    ComponentId::decode(&ComponentId::encode(id)).is_ok_and(|id| id.is_agents())
}

/// Checks the manifest that brings the trust store in `component`.
fn check_brought(description: &Description, component: &Component) -> Result<(), Error> {
    if description.components.len() != 1 || !description.dependencies.is_empty() {
        return wrong(
            "the manifest of the trust store has to have that one component and no dependency".to_owned(),
        );
    }
    if component.encryption.is_some() && component.source.is_some() {
        let problem = "the ciphertext would be a second component of the trust store's manifest: say delivery = \
                       \"write\", or do not encrypt it";
        return wrong(problem.to_owned());
    }
    let store = TrustStore::decode(&component.content).map_err(|error| {
        Error::Description(format!(
            "the file of the trust store is not what teep-suit trust-store makes, {error}"
        ))
    })?;
    let number = description.sequence_number;
    if store.sequence_number != number {
        let own = store.sequence_number;
        return wrong(format!(
            "sequence-number is {number}, but that in the trust store is {own}, and devices demand that they are equal"
        ));
    }
    if number == 0 {
        return wrong("with sequence-number 0 the trust store is newer than that of no device".to_owned());
    }
    Ok(())
}

fn wrong(problem: String) -> Result<(), Error> {
    Err(Error::Description(problem))
}

#[cfg(test)]
mod tests;
