// SPDX-License-Identifier: Apache-2.0
//! Who may read a data component.
//!
//! Personalization data is for the Trusted Applications that its manifest names, by owning them, by depending on their
//! manifests, or in the component's identifier; for nobody else, and so is whatever was encrypted. Other data is for the
//! Trusted Applications whose manifests depend on its manifest.

use crate::component::personalized_ta;
use crate::env::{Env, EnvError, Storage};
use crate::store::{ComponentRecord, ManifestRecord, State, Stored, objects};
use teep_proto::suit::ComponentId;

/// TEE_ERROR_BAD_PARAMETERS.
const BAD_PARAMETERS: EnvError = EnvError { code: 0xffff_0006 };

/// A piece of a data component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataPiece {
    /// Bytes that are in the buffer now; none at the component's end.
    pub read: usize,
    /// Bytes of the whole component.
    pub size: u64,
}

/// Reads the data component `id` from `offset` on, for the Trusted Application `reader`.
///
/// # Errors
/// [`EnvError::NOT_FOUND`] when there is none, or it is not for this reader, which is not to be told apart;
/// TEE_ERROR_BAD_PARAMETERS when `id` is no component identifier; else the TEE's reason.
pub(crate) fn read<E: Env>(
    env: &mut E,
    state: &State,
    reader: [u8; 16],
    id: &[u8],
    offset: u64,
    buffer: &mut [u8],
) -> Result<DataPiece, EnvError> {
    let id = ComponentId::decode(id).map_err(|_| BAD_PARAMETERS)?;
    let component = state.component(id.as_bytes()).ok_or(EnvError::NOT_FOUND)?;
    let Stored::Object(object) = component.content else { return Err(EnvError::NOT_FOUND) };
    if !may_read(state, component, reader) {
        return Err(EnvError::NOT_FOUND);
    }
    let read = if offset < component.size {
        env.storage().read_at(&objects::name(object), offset, buffer)?
    } else {
        0
    };
    Ok(DataPiece { read, size: component.size })
}

/// Whether the data of `component` is meant for certain Trusted Applications only.
pub(crate) fn is_private(state: &State, component: &ComponentRecord) -> bool {
    component.confidential
        || personalized_ta(&component.id).is_some()
        || state.owners(&component.id).any(|owner| meant_for(state, owner).next().is_some())
}

fn may_read(state: &State, component: &ComponentRecord, reader: [u8; 16]) -> bool {
    if is_private(state, component) {
        return personalized_ta(&component.id) == Some(reader)
            || state.owners(&component.id).any(|owner| meant_for(state, owner).any(|ta| ta == reader));
    }
    let mut owners = state.owners(&component.id);
    owners.any(|owner| {
        state.dependents(&owner.id).any(|dependent| natives(state, dependent).any(|ta| ta == reader))
    })
}

/// The Trusted Applications that the data of the manifest `owner` is for: its own, and those it depends on.
fn meant_for<'s>(state: &'s State, owner: &'s ManifestRecord) -> impl Iterator<Item = [u8; 16]> + 's {
    let dependencies = owner.dependencies.iter().filter_map(|id| state.manifest(id));
    natives(state, owner).chain(dependencies.flat_map(|dependency| natives(state, dependency)))
}

/// The Trusted Applications among the components of `manifest`.
fn natives<'s>(state: &'s State, manifest: &'s ManifestRecord) -> impl Iterator<Item = [u8; 16]> + 's {
    manifest.components.iter().filter_map(|id| match state.component(id)?.content {
        Stored::Native(uuid) => Some(uuid),
        Stored::Object(_) => None,
    })
}

#[cfg(test)]
mod tests;
