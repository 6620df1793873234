// SPDX-License-Identifier: Apache-2.0
//! Uninstalling: a manifest lives while a TAM or another manifest needs it, a component while a manifest does (suit.md
//! 9.5).

use crate::component;
use crate::config::TrustStore;
use crate::env::{Env, EnvError};
use crate::install::{Done, Halted, commit};
use crate::processor::{self, Failure};
use crate::store::{Hash, ManifestRecord, UpdateRecord, hash};
use crate::transaction::Refusal;
use crate::world::Device;
use alloc::format;
use teep_proto::suit::{ComponentId, Envelope, Reason};

/// Takes away the link of the TAM `tam` on the manifest `id`, those of TAMs that are not trusted any more, and what
/// nobody needs then (AMB-19). An identifier that is not installed is unlinked already (rule 9). `update` is remembered with that.
///
/// # Errors
/// Why not; the device is then as it was.
pub(crate) fn unlink<'b, E: Env>(
    mut device: Device<'_, 'b, E>,
    id: &ComponentId<'_>,
    tam: Hash,
    update: UpdateRecord,
) -> Result<Done<'b>, Halted> {
    if id.as_bytes() == component::trust_store_manifest() {
        let text = "the trust store can be replaced, but not removed";
        return Err(Failure::early(Reason::ComponentUnauthorised, text).into());
    }
    let trust = device.trust;
    if let Some(manifest) = device.next.manifest_mut(id.as_bytes()) {
        if !manifest.may_be_unlinked_by(&tam, trust) {
            let text = format!("this TAM did not install {id}");
            return Err(Failure::early(Reason::ComponentUnauthorised, text).into());
        }
        manifest.roots.retain(|root| *root != tam && is_trusted(root, trust));
    }
    drop_unneeded(&mut device)?;
    let running = commit(&mut device, update, id, &[])?;
    Ok(Done { uninstalled: device.uninstalled, running, ..Done::default() })
}

/// Uninstalls every manifest of the next state that nobody needs, each after its suit-uninstall was run once, and drops
/// every component without an owner (rules 1, 4 and 5).
pub(crate) fn drop_unneeded<E: Env>(device: &mut Device<'_, '_, E>) -> Result<(), Halted> {
    loop {
        let unneeded = device.next.manifests.iter().find(|manifest| !device.next.is_needed(&manifest.id));
        let Some(id) = unneeded.map(|manifest| manifest.id.clone()) else { break };
        let manifest = device.next.manifest(&id);
        let gone = if manifest.is_some_and(|manifest| manifest.is_authorised(device.trust)) {
            run_uninstall(device, &id)
        } else {
            device
                .env
                .log(format_args!("a manifest goes without its suit-uninstall: its signer is not trusted"));
            device.begin_uninstall(&id).map(drop).map_err(Halted::from)
        };
        if let Err(halted) = gone {
            let Halted::Refused(Refusal::Temporary(
                EnvError::CORRUPT | EnvError::NOT_FOUND | EnvError::OUT_OF_MEMORY,
            )) = halted
            else {
                return Err(halted);
            };
            // A manifest that storage has lost, or one of more than can be opened together, must not stay for ever. Its
            // links go in any case.
            device
                .env
                .log(format_args!("a stored manifest cannot be opened and goes without its suit-uninstall"));
        }
        device.next.manifests.retain(|manifest| manifest.id != id);
    }
    let trust_store = component::trust_store();
    let owned = |id: &[u8]| *id == *trust_store || device.next.owners(id).next().is_some();
    let kept = device.next.components.iter().filter(|component| owned(&component.id)).cloned().collect();
    device.next.components = kept;
    Ok(())
}

/// Whether the TAM with the hash `tam` is one that `trust` has.
fn is_trusted(tam: &Hash, trust: &TrustStore) -> bool {
    trust.tams.iter().any(|known| hash(known.uri.as_bytes()) == *tam)
}

impl ManifestRecord {
    /// Whether the TAM `tam` may have it removed: it has a link on it, or only TAMs have that are not trusted any more.
    pub(crate) fn may_be_unlinked_by(&self, tam: &Hash, trust: &TrustStore) -> bool {
        let is_orphan = !self.roots.is_empty() && !self.roots.iter().any(|root| is_trusted(root, trust));
        self.roots.contains(tam) || is_orphan
    }
}

/// Runs the suit-uninstall of the stored manifest `id`, unless that was done.
fn run_uninstall<E: Env>(device: &mut Device<'_, '_, E>, id: &[u8]) -> Result<(), Halted> {
    let Some(gone) = device.begin_uninstall(id)? else { return Ok(()) };
    let envelope = Envelope::decode(gone.envelope).map_err(|_| EnvError::CORRUPT)?;
    Ok(processor::uninstall(device, gone.id, &envelope)?)
}
