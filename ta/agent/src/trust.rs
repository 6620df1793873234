// SPDX-License-Identifier: Apache-2.0
//! The trust store as something that is installed: how it is replaced, and which one counts.
//!
//! It is a component with an identifier of its own, of one manifest with an identifier of its own. To whom that is
//! open is decided by [`admit`] before the manifest is processed; whether the Agent can live with what it brings, by
//! [`check_content`] before anything is committed. The commit is that of any component: one write.

use crate::agent::{Agent, Failed};
use crate::component;
use crate::config::TrustStore;
use crate::env::{Env, EnvError};
use crate::install::Halted;
use crate::processor::{Failure, Installed};
use crate::store::{ComponentRecord, ManifestRecord, State, Stored, objects};
use crate::transaction::Refusal;
use crate::world::Device;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use teep_proto::cose::Verified;
use teep_proto::limits::MAX_TRUST_STORE;
use teep_proto::suit::{ComponentId, Digest, DigestAlgorithm, Envelope, Manifest, Reason};
use teep_proto::teec::{Reply, TrustSource};

/// The trust store that counts.
#[derive(Debug)]
pub(crate) struct Effective {
    store: Arc<TrustStore>,
    /// The object of the stored one that was considered.
    object: Option<u64>,
    /// It is the stored one.
    is_stored: bool,
}

impl Effective {
    /// As long as nothing stored is known of.
    pub(crate) fn built_in(store: &TrustStore) -> Self {
        Self { store: Arc::new(store.clone()), object: None, is_stored: false }
    }
}

/// A component, by its encoded identifier, and its digest.
pub(crate) type Claim = (Vec<u8>, Option<Digest>);

impl<E: Env> Agent<E> {
    /// The trust store that counts, now: another command may change it.
    pub(crate) fn trust(&mut self) -> Result<Arc<TrustStore>, Failed> {
        self.state()?;
        self.effective_trust().map_err(unreadable)
    }

    /// The trust store that counts, and where it is from. Nothing is changed.
    pub(crate) fn read_trust(&mut self) -> Result<(Arc<TrustStore>, TrustSource), Failed> {
        self.read_state()?;
        let store = self.effective_trust().map_err(unreadable)?;
        let brought = component::trust_store_manifest();
        let is_brought = self.state.as_ref().is_some_and(|state| state.manifest(&brought).is_some());
        let source = match (self.trust.is_stored, is_brought) {
            (false, _) => TrustSource::BuiltIn,
            (true, false) => TrustSource::Provisioned,
            (true, true) => TrustSource::Updated,
        };
        Ok((store, source))
    }

    /// The trust store that counts in the state that was read. The stored one is read when it is another one than last
    /// time; objects never change.
    ///
    /// # Errors
    /// [`EnvError::CORRUPT`] when storage lost the stored one or has something else in its place: then none counts, for
    /// the built-in one may trust whom the lost one did not any more.
    pub(crate) fn effective_trust(&mut self) -> Result<Arc<TrustStore>, EnvError> {
        let state = self.state.as_ref().ok_or(EnvError::BAD_STATE)?;
        let object = state.trust_object();
        if self.trust.object != object {
            let built_in = &self.config.trust;
            // The floor is its sequence number. One that is superseded need not be readable.
            let floor = state.floor(&component::trust_store_manifest());
            let stored = match floor.is_some_and(|floor| floor < built_in.sequence_number) {
                true => None,
                false => load(&mut self.env, state)?,
            };
            let is_stored = stored.is_some();
            let store = Arc::new(stored.unwrap_or_else(|| built_in.clone()));
            self.env
                .log(format_args!("the trust store with sequence number {} counts", store.sequence_number));
            self.trust = Effective { store, object, is_stored };
        }
        Ok(Arc::clone(&self.trust.store))
    }

    /// What a TAM is told of the trust store that counts, built-in or not, so that it sees whether to send another:
    /// identifier and digest. `None` when no manifest could bring one.
    pub(crate) fn trust_store_claim(&mut self) -> Result<Option<Claim>, Failed> {
        let trust = self.trust()?;
        let id = component::trust_store();
        let stored = self.state.as_ref().filter(|_| self.trust.is_stored);
        let digest = match stored.and_then(|state| state.component(&id)) {
            Some(component) => component.digest,
            None if trust.signers.iter().any(|signer| signer.trust_store) => {
                Some(Digest::of(&trust.encode()))
            }
            None => return Ok(None),
        };
        Ok(Some((id, digest)))
    }

    /// Takes the one trust store that may be provisioned, if the build allows that.
    pub(crate) fn provision(&mut self, request: &[u8]) -> Result<Reply, Failed> {
        if !self.config.provisioning {
            let text = "this Agent was not built to be provisioned: its trust store is the built-in one, until a \
                        manifest by a signer with that right brings another";
            return Err(text.to_owned());
        }
        let state = self.state()?;
        if state.trust_object().is_some() || state.floor(&component::trust_store_manifest()).is_some() {
            let text = "the Agent has a trust store already: it is provisioned once, and from then on changed only by \
                        manifests of signers with that right";
            return Err(text.to_owned());
        }
        if state.journal.is_some() {
            return Err(format!("{}", Refusal::Unfinished));
        }
        let store =
            TrustStore::decode(request).map_err(|error| format!("the trust store is refused: {error}"))?;
        let now = self.env.trusted_time();
        if let Some(what) = store.missing(self.config.suite, now) {
            return Err(format!("the trust store is refused: it needs {what}"));
        }
        let built_in = self.config.trust.sequence_number;
        if store.sequence_number < built_in {
            return Err(format!(
                "the trust store is refused: its sequence number {} is below {built_in} of the built-in one",
                store.sequence_number
            ));
        }
        self.keep_provisioned(&store, request).map_err(|refusal| format!("not provisioned: {refusal}"))?;
        self.env.log(format_args!("provisioned with a trust store"));
        Ok(Reply::Nothing)
    }

    fn keep_provisioned(&mut self, store: &TrustStore, bytes: &[u8]) -> Result<(), Refusal> {
        self.keep(bytes, |next, object| {
            next.raise_floor(&component::trust_store_manifest(), store.sequence_number);
            next.put_component(ComponentRecord {
                id: component::trust_store(),
                digest: Some(Digest::of(bytes)),
                size: bytes.len() as u64,
                version: None,
                content: Stored::Object(object),
                confidential: false,
            });
        })
    }
}

fn unreadable(error: EnvError) -> Failed {
    match error {
        EnvError::CORRUPT => "the Agent's stored trust store is damaged".to_owned(),
        error => format!("the Agent's stored trust store cannot be read: {error}"),
    }
}

/// The stored trust store, if there is one.
fn load<E: Env>(env: &mut E, state: &State) -> Result<Option<TrustStore>, EnvError> {
    let Some(object) = state.trust_object() else { return Ok(None) };
    let bytes = objects::read(env, object, MAX_TRUST_STORE)?;
    let expected = state.component(&component::trust_store()).and_then(|component| component.digest);
    let algorithm = expected.map_or(DigestAlgorithm::Sha256, |digest| digest.algorithm());
    if expected != Some(algorithm.digest(&bytes)) {
        return Err(EnvError::CORRUPT);
    }
    TrustStore::decode(&bytes).map(Some).map_err(|_| EnvError::CORRUPT)
}

/// Whether the manifest in `verified` is the one that brings a trust store, and may (nothing of it was run yet): its
/// signer has that right, it is newer than all there were, and it has nothing else in it.
///
/// # Errors
/// Why it may not.
pub(crate) fn admit<E: Env>(
    device: &Device<'_, '_, E>,
    envelope: &Envelope<'_>,
    verified: &Verified<Manifest<'_>>,
) -> Result<bool, Failure> {
    let (manifest, id) = (verified.get(), component::trust_store_manifest());
    if manifest.component_id.is_none_or(|own| own.as_bytes() != id) {
        return Ok(false);
    }
    let refuse = |reason, text: String| Err(Failure::early(reason, text));
    if !device.trust.signer(verified.signer()).is_some_and(|signer| signer.trust_store) {
        let text = "the signer has no right to the trust store".to_owned();
        return refuse(Reason::ComponentUnauthorised, text);
    }
    let is_alone = manifest.dependencies.is_empty()
        && matches!(manifest.components.as_slice(), [only] if only.as_bytes() == component::trust_store());
    if !is_alone {
        let text = "a manifest for the trust store has that one component and no dependencies".to_owned();
        return refuse(Reason::ComponentUnsupported, text);
    }
    let number = manifest.sequence_number;
    let is_installed =
        device.state.manifest(&id).is_some_and(|installed| installed.digest == envelope.claimed_digest());
    let floor = device.state.floor(&id).filter(|_| !is_installed);
    let floor = floor.max(Some(device.config.trust.sequence_number));
    if let Some(floor) = floor.filter(|floor| number <= *floor) {
        let text =
            format!("rollback of the trust store refused: sequence number {number} is not above {floor}");
        return refuse(Reason::ConditionFailed, text);
    }
    Ok(true)
}

/// Checks the trust store that the next state of `device` has.
///
/// # Errors
/// Why the Agent does not take it.
pub(crate) fn check_content<E: Env>(
    device: &mut Device<'_, '_, E>,
    installed: &Installed<'_>,
) -> Result<(), Halted> {
    let refuse = |text: String| {
        let text = format!("the trust store is refused: {text}");
        Err(Failure::early(Reason::OperationFailed, text).into())
    };
    let size = device.next.component(&component::trust_store()).map_or(0, |component| component.size);
    if size > MAX_TRUST_STORE as u64 {
        return refuse(format!("it has {size} bytes, more than {MAX_TRUST_STORE}"));
    }
    let object = device.next.trust_object().ok_or(EnvError::NOT_FOUND)?;
    let store = match TrustStore::decode(&objects::read(device.env, object, MAX_TRUST_STORE)?) {
        Ok(store) => store,
        Err(error) => return refuse(format!("{error}")),
    };
    let manifest = installed.manifests.first().map_or(0, |root| root.manifest.get().sequence_number);
    if store.sequence_number != manifest {
        let own = store.sequence_number;
        return refuse(format!("it has the sequence number {own}, and its manifest {manifest}"));
    }
    if let Some(what) = store.missing(device.config.suite, device.env.trusted_time()) {
        return refuse(format!("it needs {what}"));
    }
    Ok(())
}

/// Refuses a procedure that has something of the Agent's own among what it names, although [`admit`] did not say so.
///
/// # Errors
/// [`Reason::ComponentUnauthorised`].
pub(crate) fn check_untouched(installed: &Installed<'_>) -> Result<(), Failure> {
    for manifest in &installed.manifests {
        let mut named = [manifest.id].into_iter().chain(manifest.dependencies.iter().copied());
        let own = named.find(ComponentId::is_agents);
        if let Some(id) = own.or(manifest.components.iter().copied().find(ComponentId::is_agents)) {
            return Err(Failure::early(Reason::ComponentUnauthorised, untouchable(&id)));
        }
    }
    Ok(())
}

/// Why nobody may name `id`.
pub(crate) fn untouchable(id: &ComponentId<'_>) -> String {
    format!("{id} is the Agent's own: no signer has a right to it")
}

impl State {
    /// The object with the stored trust store.
    pub(crate) fn trust_object(&self) -> Option<u64> {
        match self.component(&component::trust_store())?.content {
            Stored::Object(object) => Some(object),
            Stored::Native(_) => None,
        }
    }
}

impl ComponentRecord {
    /// Whether it is the trust store.
    pub(crate) fn is_trust_store(&self) -> bool {
        self.id == component::trust_store()
    }
}

impl ManifestRecord {
    /// Whether `trust` still gives its signer the right to all that it names. Otherwise it stays installed, but is
    /// obeyed in nothing any more.
    pub(crate) fn is_authorised(&self, trust: &TrustStore) -> bool {
        let Some(signer) = trust.signer(self.signer) else { return false };
        if self.id == component::trust_store_manifest() {
            return signer.trust_store;
        }
        let mut named = [&self.id].into_iter().chain(&self.components);
        named.all(|id| ComponentId::decode(id).is_ok_and(|id| signer.may_touch(&id)))
    }
}
