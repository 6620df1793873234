// SPDX-License-Identifier: Apache-2.0
//! What the Agent says of itself. Nothing is changed for that: what was interrupted is told as it is, not finished.

use crate::agent::{Agent, Failed};
use crate::config::{SignerAnchor, TamAnchor, TrustStore};
use crate::contacts::Contacts;
use crate::env::{Env, Installer, Measured};
use crate::keys;
use crate::limits::{MAX_FLOORS, MAX_INSTALLED, MAX_MANIFESTS};
use crate::quota::Usage;
use crate::running::Running;
use crate::store::{Action, ComponentRecord, ManifestRecord, State, Stored as Place, hash, objects};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use teep_proto::cose::Anchor;
use teep_proto::suit::ComponentId;
use teep_proto::teec::{
    AgentInfo, AnchorKey, InstalledComponent, InstalledManifest, LastContact, Pending, PendingAction, Room,
    SignerInfo, Stored, TamInfo, TrustInfo, Validity,
};

impl<E: Env> Agent<E> {
    /// What the Agent is and has. When storage cannot be read it says so, and all that does not come from there.
    ///
    /// # Errors
    /// When the device's keys cannot be derived.
    pub(crate) fn info(&mut self) -> Result<AgentInfo, Failed> {
        let failed = |error| format!("the device's keys cannot be derived: {error}");
        let suite = self.config.suite;
        let measured = self.measurement();
        let mut info = AgentInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            public_key: self.signing_key()?.public_key().to_cose_key(),
            decryption_key: keys::decryption_secret(&mut self.env)
                .map_err(failed)?
                .public_key()
                .to_cose_key(),
            report_key: keys::report_key(&mut self.env, suite).map_err(failed)?.public_key().to_cose_key(),
            attestation_key: keys::attestation_key(&mut self.env, suite)
                .map_err(failed)?
                .public_key()
                .to_cose_key(),
            measurement: measured.map(|measured| measured.agent.to_vec()).unwrap_or_default(),
            tee_measurement: measured.map(|measured| measured.tee.to_vec()).unwrap_or_default(),
            suite: format!("{}", suite.algorithm()),
            rollback_protection: self.env.rollback_protection(),
            platform: self.env.installer().abilities().unwrap_or_default(),
            stored: self.stored(),
        };
        info.fit();
        Ok(info)
    }

    /// What the TEE measured when that was asked first, which takes it long: Evidence has it measured anew. `None` where it
    /// measures nothing, or cannot just now, which does not keep a device from being enrolled.
    pub(crate) fn measurement(&mut self) -> Option<Measured> {
        if self.measured.is_none() {
            self.measured = self.env.measurement().unwrap_or_else(|error| {
                self.env.log(format_args!("the Agent cannot be measured: {error}"));
                None
            });
        }
        self.measured
    }

    fn stored(&mut self) -> Result<Stored, Failed> {
        let (trust, source) = self.read_trust()?;
        let now = self.env.uptime();
        let Self { env, state: Some(state), contacts, running, .. } = self else {
            return Err("the Agent's state is not there".to_owned());
        };
        let taken = state.places_taken();
        Ok(Stored {
            trust: TrustInfo {
                source,
                sequence_number: trust.sequence_number,
                tams: trust.tams.iter().map(|anchor| tam(anchor, contacts, now)).collect(),
                signers: trust.signers.iter().map(|anchor| signer(anchor, state)).collect(),
                verifiers: trust.verifiers.iter().map(key).collect(),
            },
            components: state.components.iter().map(|record| installed(env, state, record)).collect(),
            manifests: state.manifests.iter().map(|record| manifest(&trust, state, record)).collect(),
            pending: pending(env, state, running),
            component_room: room(taken.components, MAX_INSTALLED),
            manifest_room: room(taken.manifests, MAX_MANIFESTS),
            sequence_number_room: room(taken.floors, MAX_FLOORS),
        })
    }
}

/// One of the places is the trust store's, in each of the lists.
fn room(used: usize, places: usize) -> Room {
    Room { used: used as u64, limit: places.saturating_sub(1) as u64 }
}

fn installed<E: Env>(env: &mut E, state: &State, record: &ComponentRecord) -> InstalledComponent {
    let uuid = match record.content {
        Place::Native(uuid) => Some(uuid),
        Place::Object(_) => None,
    };
    let gone = uuid.is_some_and(|uuid| env.installer().is_installed(uuid) == Ok(Some(false)));
    let digest = state.certain_digest(record).filter(|_| !gone);
    InstalledComponent {
        component_id: elements(&record.id),
        uuid,
        version: record.version.filter(|_| digest.is_some()),
        size: record.size,
        digest,
        sessions: uuid.and_then(|uuid| env.installer().open_sessions(uuid).ok().flatten()),
    }
}

fn manifest(trust: &TrustStore, state: &State, record: &ManifestRecord) -> InstalledManifest {
    let tams: Vec<_> = trust.tams.iter().map(|tam| hash(tam.uri.as_bytes())).collect();
    let wanting: Vec<usize> = positions(&tams, |tam| record.roots.contains(tam));
    InstalledManifest {
        manifest_id: elements(&record.id),
        sequence_number: record.sequence_number,
        signer: record.signer,
        signer_trusted: record.is_authorised(trust),
        former_tams: record.roots.len().saturating_sub(wanting.len()) as u64,
        tams: wanting,
        dependencies: positions(&state.manifests, |other| record.depends_on(&other.id)),
        components: positions(&state.components, |component| record.owns(&component.id)),
    }
}

/// Where in `list` what `is_meant` is.
fn positions<T>(list: &[T], is_meant: impl Fn(&T) -> bool) -> Vec<usize> {
    list.iter().enumerate().filter(|(_, item)| is_meant(item)).map(|(position, _)| position).collect()
}

fn pending<E: Env>(env: &mut E, state: &State, running: &mut Running) -> Pending {
    let actions = state.actions().iter().map(|action| match action {
        Action::Install { uuid, .. } => PendingAction::Install(*uuid),
        Action::Remove { uuid } => PendingAction::Remove(*uuid),
    });
    let objects = objects::count_unneeded(env, state).unwrap_or_else(|error| {
        env.log(format_args!("the objects in storage cannot be counted: {error}"));
        0
    });
    Pending { actions: actions.collect(), objects, still_running: running.now(env) }
}

fn tam(tam: &TamAnchor, contacts: &Contacts, now: u64) -> TamInfo {
    let contact = contacts.get(&tam.uri);
    TamInfo {
        uri: tam.uri.clone(),
        dialect: tam.dialect.name().to_owned(),
        attestation_required: tam.attestation_required,
        keys: tam.keys.iter().map(key).collect(),
        more_keys: 0,
        last_contact: contact.map(|contact| LastContact {
            seconds_ago: now.saturating_sub(contact.at),
            course: contact.course,
        }),
    }
}

fn signer(signer: &SignerAnchor, state: &State) -> SignerInfo {
    let usage = Usage::of(state, signer.key.thumbprint());
    let room = |used: u64, limit: Option<u64>| limit.map(|limit| Room { used, limit });
    SignerInfo {
        key: key(&signer.key),
        prefixes: signer.prefixes.iter().map(|prefix| elements(prefix)).collect(),
        more_prefixes: 0,
        commands_limited: signer.commands.is_some(),
        personalization_in_clear: signer.personalization_in_clear,
        changes_trust: signer.trust_store,
        components: room(usage.components, signer.quota.max_components),
        bytes: room(usage.bytes, signer.quota.max_bytes),
        manifests: room(usage.manifests, signer.quota.max_manifests),
    }
}

fn key(anchor: &impl Anchor) -> AnchorKey {
    let validity = anchor.certificate().map(|certificate| certificate.validity());
    AnchorKey {
        thumbprint: anchor.key().thumbprint(),
        certificate: validity.map(|(not_before, not_after)| Validity { not_before, not_after }),
    }
}

fn elements(id: &[u8]) -> Vec<Vec<u8>> {
    ComponentId::decode(id).map(|id| id.to_elements()).unwrap_or_default()
}
