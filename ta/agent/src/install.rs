// SPDX-License-Identifier: Apache-2.0
//! Installing what one manifest of an Update's manifest-list says, with its dependencies.

use crate::component::{self, native_ta};
use crate::data;
use crate::env::{Env, EnvError};
use crate::limits::MAX_ENVELOPE;
use crate::platform_image;
use crate::processor::{self, Content, Ended, Failure, Installed, ProcessedComponent, Staged, World};
use crate::quota;
use crate::store::objects;
use crate::store::{ComponentRecord, Hash, ManifestRecord, State, Stored, UpdateRecord};
use crate::transaction::{self, NewImage, Refusal};
use crate::trust;
use crate::uninstall;
use crate::world::{Device, Uninstalled};
use alloc::format;
use alloc::vec::Vec;
use teep_proto::cose::Verified;
use teep_proto::suit::{ComponentId, Digest, Envelope, Manifest, Reason, Record};
use teep_proto::teec::StillRunning;

/// Why a manifest was not installed, or an identifier not unlinked.
#[derive(Debug)]
pub(crate) enum Halted {
    /// A payload has to come from the network first.
    Suspended,
    /// It is refused.
    Refused(Refusal),
}

impl<R: Into<Refusal>> From<R> for Halted {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Ended> for Halted {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Suspended => Self::Suspended,
            Ended::Failed(failure) => Self::Refused(failure.into()),
            Ended::Env(error) => Self::Refused(error.into()),
        }
    }
}

impl From<processor::Stop> for Halted {
    fn from(stop: processor::Stop) -> Self {
        match stop {
            processor::Stop::Suspended => Self::Suspended,
            processor::Stop::Fail(reason, text) => Self::Refused(Failure::early(reason, text).into()),
            processor::Stop::Env(error) => Self::Refused(error.into()),
        }
    }
}

/// What became of the device.
#[derive(Debug, Default)]
pub(crate) struct Done<'b> {
    /// Components of the manifests that took part, with their digests.
    pub(crate) components: Vec<(ComponentId<'b>, Digest)>,
    /// What reporting policies asked for.
    pub(crate) records: Vec<Record<'static>>,
    /// Manifests that are gone.
    pub(crate) uninstalled: Vec<Uninstalled<'b>>,
    /// Trusted Applications of which sessions still run code that was replaced or removed.
    pub(crate) running: Vec<StillRunning>,
}

/// Runs the Update procedure of the root manifest in `envelope` for the TAM `tam` and makes the device what it says.
/// `update` is remembered with that.
///
/// # Errors
/// Why not; the device is then as it was.
pub(crate) fn install<'b, E: Env>(
    mut device: Device<'_, 'b, E>,
    envelope: &Envelope<'b>,
    verified: &Verified<Manifest<'b>>,
    tam: Hash,
    update: UpdateRecord,
) -> Result<Done<'b>, Halted> {
    if device.trust.is_no_signers(verified.key()) {
        let text = "a manifest signed with the key of a TAM or a Verifier";
        return Err(Failure::early(Reason::Unauthenticated, text).into());
    }
    device.changes_trust = trust::admit(&device, envelope, verified)?;
    let installed = processor::update(&mut device, envelope, verified)?;
    record_manifests(&mut device, &installed, tam)?;
    let images = record_components(&mut device, &installed)?;
    match device.changes_trust {
        true => trust::check_content(&mut device, &installed)?,
        false => trust::check_untouched(&installed)?,
    }
    uninstall::drop_unneeded(&mut device)?;
    check_privacy(&device, &installed)?;
    quota::check(device.trust, device.state, &device.next).map_err(Refusal::from)?;
    let root = installed.manifests.first().map(|root| root.id).ok_or(EnvError::BAD_STATE)?;
    let running = commit(&mut device, update, &root, &images)?;
    Ok(Done {
        components: installed.components.iter().map(|component| (component.id, component.digest)).collect(),
        records: installed.records,
        uninstalled: device.uninstalled,
        running,
    })
}

/// Makes the device's next state its state, and remembers with it that `update` did something about `manifest`.
pub(crate) fn commit<E: Env>(
    device: &mut Device<'_, '_, E>,
    update: UpdateRecord,
    manifest: &ComponentId<'_>,
    images: &[NewImage],
) -> Result<Vec<StillRunning>, Refusal> {
    if device.next.remember_update(update, manifest.as_bytes()) {
        device.env.log(format_args!("an old one of the remembered Updates is forgotten"));
    }
    let next = core::mem::take(&mut device.next);
    transaction::commit(device.env, device.state, next, images)
}

/// Whether `id` is that of a root manifest without a name of its own: the identifier of its first component
/// (AMB-SUIT-20).
fn is_unnamed(installed: &Installed<'_>, id: &ComponentId<'_>) -> bool {
    let root = installed.manifests.first();
    root.is_some_and(|root| root.manifest.get().component_id.is_none() && root.id == *id)
}

/// Puts the manifests that took part into the next state, with their links.
fn record_manifests<'b, E: Env>(
    device: &mut Device<'_, 'b, E>,
    installed: &Installed<'b>,
    tam: Hash,
) -> Result<(), Halted> {
    let running: Vec<_> = installed.manifests.iter().map(|manifest| manifest.id).collect();
    for (position, processed) in installed.manifests.iter().enumerate() {
        let id = processed.id.as_bytes();
        if device.next.component(id).is_some() && !is_unnamed(installed, &processed.id) {
            let text = format!("{} is a component and cannot be a manifest too", processed.id);
            return Err(Failure::early(Reason::OperationFailed, text).into());
        }
        let digest = processed.envelope.claimed_digest();
        let old = device.next.manifest(id).cloned();
        if old.as_ref().is_none_or(|old| old.digest != digest) {
            device.overwritable(&processed.id, &running)?;
        }
        let encoded = processed.envelope.without_payloads().encode(false);
        // What nobody signed stands in it too, and what cannot be opened again cannot be removed.
        if encoded.len() > MAX_ENVELOPE {
            let text = format!("an envelope of more than {MAX_ENVELOPE} bytes without its payloads");
            return Err(Failure::early(Reason::OperationFailed, text).into());
        }
        let stored = old.as_ref().map(|old| old.object);
        let is_stored =
            |object: &u64| objects::read(device.env, *object, MAX_ENVELOPE).as_ref() == Ok(&encoded);
        let object = match stored.filter(is_stored) {
            Some(object) => object,
            None => device.stage(&encoded)?.object,
        };
        let mut roots = old.map(|old| old.roots).unwrap_or_default();
        // The trust store belongs to no TAM.
        if position == 0 && !roots.contains(&tam) && !device.changes_trust {
            roots.push(tam);
        }
        let owned = |ids: &[ComponentId<'b>]| ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        let manifest = processed.manifest.get();
        device.next.raise_floor(id, manifest.sequence_number);
        device.next.put_manifest(ManifestRecord {
            id: id.to_vec(),
            sequence_number: manifest.sequence_number,
            signer: processed.manifest.signer(),
            digest,
            object,
            roots,
            dependencies: owned(&processed.dependencies),
            components: owned(&processed.components),
        });
    }
    Ok(())
}

/// Puts their components into the next state, and returns what the platform is to install for that.
fn record_components<'b, E: Env>(
    device: &mut Device<'_, 'b, E>,
    installed: &Installed<'b>,
) -> Result<Vec<NewImage>, Halted> {
    let mut images: Vec<NewImage> = Vec::new();
    for component in &installed.components {
        let id = component.id.as_bytes();
        if device.next.manifest(id).is_some() && !is_unnamed(installed, &component.id) {
            let text = format!("{} is a manifest and cannot be a component too", component.id);
            return Err(Failure::early(Reason::OperationFailed, text).into());
        }
        let old = device.state.component(id);
        if let Some(old) = old.filter(|_| component.content == Content::Installed) {
            check_signers(device.state, installed, component, old)?;
        }
        if is_installed(device, component)? {
            continue;
        }
        let staged = match component.content {
            Content::Staged(staged) => staged,
            Content::Bytes(bytes) => device.stage(bytes)?,
            Content::Installed => {
                let text = format!("{} is not installed with the digest in the manifest", component.id);
                return Err(Failure::early(Reason::ConditionFailed, text).into());
            }
        };
        let source = device.state.components.iter().find(|old| old.content == Stored::Object(staged.object));
        if let Some(source) = source {
            check_signers(device.state, installed, component, source)?;
        }
        let confidential = component.confidential || source.is_some_and(|source| source.confidential);
        let (content, version) = match native_ta(id) {
            None => (Stored::Object(staged.object), None),
            Some(uuid) => {
                let version = check_image(device, uuid, staged)?;
                images.push(NewImage { uuid, object: staged.object, size: staged.size });
                (Stored::Native(uuid), Some(version))
            }
        };
        device.next.put_component(ComponentRecord {
            id: id.to_vec(),
            digest: Some(component.digest),
            size: staged.size,
            version,
            content,
            confidential,
        });
    }
    Ok(images)
}

/// Whether the component is there as the manifest wants it, so that nothing is to be done.
fn is_installed<'b, E: Env>(
    device: &mut Device<'_, 'b, E>,
    component: &ProcessedComponent<'b>,
) -> Result<bool, Halted> {
    let ProcessedComponent { id, digest, .. } = component;
    // Data that was encrypted this time is private from now on, whatever it was before.
    let record = device.next.component(id.as_bytes());
    let known = record.is_some_and(|record| record.confidential || !component.confidential);
    Ok(known && device.matches(id, Content::Installed, digest)?)
}

/// Data that is meant for certain Trusted Applications stays with who brought it: a manifest by somebody else can
/// neither have the installed `data` as its `component` nor a copy of it.
fn check_signers(
    state: &State,
    installed: &Installed<'_>,
    component: &ProcessedComponent<'_>,
    data: &ComponentRecord,
) -> Result<(), Failure> {
    if matches!(data.content, Stored::Native(_)) || !data::is_private(state, data) {
        return Ok(());
    }
    let brought_it = |signer| state.owners(&data.id).any(|owner| owner.signer == signer);
    let lists_it = |id: &ComponentId<'_>| component::same(id.as_bytes(), component.id.as_bytes());
    let mut listing = installed.manifests.iter().filter(|manifest| manifest.components.iter().any(lists_it));
    if listing.all(|manifest| brought_it(manifest.manifest.signer())) {
        return Ok(());
    }
    let text =
        format!("{} would get what another signer installed for certain Trusted Applications", component.id);
    Err(Failure::early(Reason::ComponentUnauthorised, text))
}

/// The image must be that of the Trusted Application whose component it becomes. Otherwise a signer trusted for one
/// could replace another. Returns its version.
fn check_image<E: Env>(
    device: &mut Device<'_, '_, E>,
    uuid: [u8; 16],
    staged: Staged,
) -> Result<u32, Halted> {
    let mut header = [0; platform_image::MAX_HEADER];
    let len = objects::read_start(device.env, staged.object, &mut header)?;
    match platform_image::identity(header.get(..len).unwrap_or_default()) {
        Some((named, version)) if named == uuid => return Ok(version),
        _ => {}
    }
    let text = "the payload is no Trusted Application file for the UUID of its component";
    Err(Failure::early(Reason::ComponentUnauthorised, text).into())
}

/// Personalization data comes encrypted, unless its signer may bring it in the clear.
fn check_privacy<E: Env>(device: &Device<'_, '_, E>, installed: &Installed<'_>) -> Result<(), Halted> {
    for component in &installed.components {
        let Some(record) = device.next.component(component.id.as_bytes()) else { continue };
        let is_data = matches!(record.content, Stored::Object(_));
        if !is_data || record.confidential || !data::is_private(&device.next, record) {
            continue;
        }
        let owner = installed.manifests.get(component.owner);
        let anchor = owner.and_then(|owner| device.trust.signer(owner.manifest.signer()));
        if !anchor.is_some_and(|anchor| anchor.personalization_in_clear) {
            let text = format!(
                "{} is personalization data that was not encrypted, and its signer may not bring it in the clear",
                component.id
            );
            return Err(Failure::early(Reason::ComponentUnauthorised, text).into());
        }
    }
    Ok(())
}
