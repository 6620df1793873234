// SPDX-License-Identifier: Apache-2.0
//! This device, as the manifest processor sees it.

mod arena;
mod source;

pub(crate) use arena::Arena;

use crate::component;
use crate::config::{Config, TrustStore};
use crate::env::{Env, EnvError, InstallError, Installer, Storage, accepted_now};
use crate::processor::{Content, Policy, Staged, Stop, World};
use crate::staging::{Effects, FetchError};
use crate::store::{ComponentRecord, State, Stored, objects};
use crate::trust;
use alloc::format;
use alloc::vec::Vec;
use source::{Readable, cause, undecryptable};
use teep_proto::cose::{Accept, CONTEXT_SUIT_PAYLOAD, Encrypted, Thumbprint, Verified};
use teep_proto::suit::{ComponentId, Digest, DigestAlgorithm, Envelope, Manifest, Reason};

/// The device while one manifest is processed, and the state it will be in.
pub(crate) struct Device<'w, 'b, E: Env> {
    pub(crate) env: &'w mut E,
    pub(crate) config: &'w Config,
    pub(crate) trust: &'w TrustStore,
    /// As it is.
    pub(crate) state: &'w mut State,
    /// As it will be.
    pub(crate) next: State,
    pub(crate) effects: &'w mut Effects,
    /// What has to outlive the procedure.
    pub(crate) arena: &'b Arena,
    /// What is processed may replace the trust store, and names nothing else.
    pub(crate) changes_trust: bool,
    /// The manifests whose suit-uninstall was run, or is being run.
    pub(crate) uninstalled: Vec<Uninstalled<'b>>,
}

/// A manifest that goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uninstalled<'b> {
    /// Under which it was stored.
    pub(crate) id: ComponentId<'b>,
    /// As it was stored.
    pub(crate) envelope: &'b [u8],
}

impl<'w, 'b, E: Env> Device<'w, 'b, E> {
    /// The device in the state `state`.
    pub(crate) fn new(
        env: &'w mut E,
        config: &'w Config,
        trust: &'w TrustStore,
        state: &'w mut State,
        effects: &'w mut Effects,
        arena: &'b Arena,
    ) -> Self {
        effects.begin_run();
        let next = state.clone();
        Self {
            env,
            config,
            trust,
            state,
            next,
            effects,
            arena,
            changes_trust: false,
            uninstalled: Vec::new(),
        }
    }

    /// Stages `bytes` as an object.
    pub(crate) fn stage(&mut self, bytes: &[u8]) -> Result<Staged, EnvError> {
        let object = self.state.new_object();
        self.effects.wrote(object);
        objects::write(self.env, object, bytes)?;
        Ok(Staged { object, size: bytes.len() as u64 })
    }

    /// Notes that the stored manifest `id` goes, and gives its envelope; `None` when that was noted before.
    pub(crate) fn begin_uninstall(&mut self, id: &[u8]) -> Result<Option<Uninstalled<'b>>, Stop> {
        if self.uninstalled.iter().any(|gone| gone.id.as_bytes() == id) {
            return Ok(None);
        }
        let kept = self.arena.keep(id.to_vec())?;
        let id = ComponentId::decode(kept)?;
        let envelope = self.open(&id, Content::Installed)?;
        let gone = Uninstalled { id, envelope };
        self.uninstalled.push(gone);
        Ok(Some(gone))
    }

    /// The installed component `id`, if it is really there.
    fn installed(&mut self, id: &ComponentId<'_>) -> Result<Option<ComponentRecord>, Stop> {
        let Some(record) = self.next.component(id.as_bytes()).cloned() else { return Ok(None) };
        let there = match record.content {
            Stored::Object(object) => self.env.storage().size(&objects::name(object))? == Some(record.size),
            Stored::Native(uuid) => {
                self.env.installer().is_installed(uuid).map_err(|error| match error {
                    InstallError::OutOfMemory => EnvError::OUT_OF_MEMORY,
                    InstallError::Failed(code) => EnvError { code },
                    _ => EnvError::BAD_STATE,
                })? != Some(false)
            }
        };
        Ok(there.then_some(record))
    }
}

impl<'b, E: Env> World<'b> for Device<'_, 'b, E> {
    fn policy(&self) -> Policy {
        self.trust.manifest_policy()
    }

    fn vendor_ids(&self) -> &[[u8; 16]] {
        &self.config.vendor_ids
    }

    fn class_ids(&self) -> &[[u8; 16]] {
        &self.config.class_ids
    }

    fn device_id(&self) -> Option<[u8; 16]> {
        None
    }

    fn authorise(
        &mut self,
        signer: Thumbprint,
        id: &ComponentId<'b>,
        command: Option<i64>,
    ) -> Result<(), Stop> {
        let is_agents = id.is_agents();
        if is_agents && !self.changes_trust {
            return Err(Stop::Fail(Reason::ComponentUnauthorised, trust::untouchable(id).into()));
        }
        let anchor = self.trust.signer(signer);
        let anchor =
            anchor.filter(|anchor| if is_agents { anchor.trust_store } else { anchor.may_touch(id) });
        let text = match (anchor, command) {
            (None, _) => format!("the signer has no right to {id}"),
            (Some(anchor), Some(command)) if !anchor.may_use(command) => {
                let name = teep_proto::suit::labels::command::name(command).unwrap_or("this command");
                format!("the signer has no right to {name}")
            }
            (Some(_), _) => return Ok(()),
        };
        Err(Stop::Fail(Reason::ComponentUnauthorised, text.into()))
    }

    fn supports(&mut self, id: &ComponentId<'b>) -> Result<(), Stop> {
        let is_trust_store = self.changes_trust && id.as_bytes() == component::trust_store();
        if is_trust_store || component::is_supported(id) {
            return Ok(());
        }
        let text = format!("{id} is no component of this device");
        Err(Stop::Fail(Reason::ComponentUnsupported, text.into()))
    }

    fn size(&mut self, id: &ComponentId<'b>, content: Content<'b>) -> Result<Option<u64>, Stop> {
        Ok(match content {
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Staged(staged) => Some(staged.size),
            Content::Installed => match (self.installed(id)?, self.next.manifest(id.as_bytes())) {
                (Some(record), _) => Some(record.size),
                (None, Some(manifest)) => self.env.storage().size(&objects::name(manifest.object))?,
                (None, None) => None,
            },
        })
    }

    fn matches(&mut self, id: &ComponentId<'b>, content: Content<'b>, digest: &Digest) -> Result<bool, Stop> {
        Ok(self.digest(id, content, digest.algorithm())? == Some(*digest))
    }

    fn digest(
        &mut self,
        id: &ComponentId<'b>,
        content: Content<'b>,
        algorithm: DigestAlgorithm,
    ) -> Result<Option<Digest>, Stop> {
        let known = match content {
            Content::Bytes(bytes) => return Ok(Some(algorithm.digest(bytes))),
            Content::Staged(staged) => self.effects.digest(staged),
            Content::Installed => {
                let Some(record) = self.installed(id)? else { return Ok(None) };
                let digest = self.next.certain_digest(&record);
                if matches!(record.content, Stored::Native(_)) {
                    return Ok(digest.filter(|digest| digest.algorithm() == algorithm));
                }
                digest
            }
        };
        if let Some(digest) = known.filter(|digest| digest.algorithm() == algorithm) {
            return Ok(Some(digest));
        }
        match self.readable(id, content)? {
            Some(Readable::Object(staged)) => {
                self.effects.measure(self.env, staged, algorithm).map_err(Stop::Env).map(Some)
            }
            Some(Readable::Bytes(bytes)) => Ok(Some(algorithm.digest(bytes))),
            None => Ok(None),
        }
    }

    fn equals(&mut self, id: &ComponentId<'b>, content: Content<'b>, expected: &[u8]) -> Result<bool, Stop> {
        if self.size(id, content)? != Some(expected.len() as u64) {
            return Ok(false);
        }
        let Some(source) = self.readable(id, content)? else { return Ok(false) };
        let (mut rest, mut difference) = (expected, 0u8);
        self.for_each_piece(source, |_, piece| {
            // Every byte is looked at, wherever the first difference is.
            let expected = rest.split_off(..piece.len().min(rest.len())).unwrap_or_default();
            difference = piece.iter().zip(expected).fold(difference, |acc, (a, b)| acc | (a ^ b));
            Ok(())
        })?;
        Ok(rest.is_empty() && core::hint::black_box(difference) == 0)
    }

    fn fetch(
        &mut self,
        uri: &'b str,
        digest: Option<Digest>,
        limit: Option<u64>,
    ) -> Result<Content<'b>, Stop> {
        let cause = cause("fetch", &[uri.as_bytes()]);
        if let Some(staged) = self.effects.met(self.env, self.state, &cause) {
            return Ok(Content::Staged(staged));
        }
        let fail = |text| Err(Stop::Fail(Reason::OperationFailed, text));
        match self.effects.fetch(cause, uri, digest, limit, || self.state.new_object()) {
            Ok(()) => Err(Stop::Suspended),
            Err(FetchError::Unavailable(words)) => {
                fail(format!("the payload cannot be fetched: {words}").into())
            }
            Err(FetchError::TooLarge) if limit.is_some() => {
                fail("the payload is larger than the manifest says".into())
            }
            Err(FetchError::TooLarge) => fail(
                "the payload is larger than 16 MiB, and the manifest does not say how large it is".into(),
            ),
            Err(FetchError::Env(error)) => Err(error.into()),
        }
    }

    fn decrypt(
        &mut self,
        source_id: &ComponentId<'b>,
        source: Content<'b>,
        info: &'b [u8],
    ) -> Result<Content<'b>, Stop> {
        let source = self.source(source_id, source)?;
        let cause = cause("decrypt", &[info, &source.hash()]);
        if let Some(staged) = self.effects.met(self.env, self.state, &cause) {
            return Ok(Content::Staged(staged));
        }
        let encrypted = Encrypted::decode(info).map_err(undecryptable)?;
        let keys = self.decryption_keys()?;
        let decryptor = encrypted.decryptor(&keys, CONTEXT_SUIT_PAYLOAD).map_err(undecryptable)?;
        let mut staged = Staged { object: self.state.new_object(), size: 0 };
        self.effects.wrote(staged.object);
        let digest = self.decrypt_into(&mut staged, source, decryptor)?;
        self.effects.made(cause, staged, Some(digest))?;
        Ok(Content::Staged(staged))
    }

    fn copy(&mut self, source_id: &ComponentId<'b>, source: Content<'b>) -> Result<Content<'b>, Stop> {
        // Objects are never changed, so two components can have the same one.
        Ok(match self.source(source_id, source)? {
            Readable::Bytes(bytes) => Content::Bytes(bytes),
            Readable::Object(staged) => Content::Staged(staged),
        })
    }

    fn open(&mut self, id: &ComponentId<'b>, content: Content<'b>) -> Result<&'b [u8], Stop> {
        let object = match content {
            Content::Bytes(bytes) => return Ok(bytes),
            Content::Staged(staged) => staged.object,
            Content::Installed => {
                let missing = || Stop::Fail(Reason::OperationFailed, format!("{id} is not installed").into());
                self.next.manifest(id.as_bytes()).ok_or_else(missing)?.object
            }
        };
        self.arena.open(self.env, object)
    }

    fn verify(&mut self, envelope: &Envelope<'b>) -> Result<Verified<Manifest<'b>>, Stop> {
        // The certificates of one that is installed were valid when it came, which is all they have to be.
        let digest = envelope.claimed_digest();
        let is_installed = self.state.manifests.iter().any(|manifest| manifest.digest == digest);
        let accept = if is_installed { Accept::default() } else { accepted_now(self.env) };
        let verified = envelope.verify_with(self.trust.signers.iter().map(|signer| &signer.key), accept)?;
        if self.trust.is_no_signers(verified.key()) {
            let text = "a manifest signed with the key of a TAM or a Verifier";
            return Err(Stop::Fail(Reason::Unauthenticated, text.into()));
        }
        Ok(verified)
    }

    fn floor(&mut self, manifest_id: &ComponentId<'b>) -> Option<u64> {
        self.next.floor(manifest_id.as_bytes())
    }

    fn overwritable(&mut self, id: &ComponentId<'b>, running: &[ComponentId<'b>]) -> Result<(), Stop> {
        // What a manifest needs whose signer is not trusted any more keeps nobody from updating it.
        let dependents = self.next.dependents(id.as_bytes());
        let obeyed = dependents.filter(|manifest| manifest.is_authorised(self.trust));
        let mut links = self.next.owners(id.as_bytes()).chain(obeyed);
        let foreign = links.find(|link| !running.iter().any(|running| running.as_bytes() == link.id));
        let Some(foreign) = foreign else { return Ok(()) };
        let by = ComponentId::decode(&foreign.id)?;
        let text = format!("{id} is needed by the manifest {by} and cannot be overwritten");
        Err(Stop::Fail(Reason::OperationFailed, text.into()))
    }

    fn unlink_component(&mut self, manifest_id: &ComponentId<'b>, id: &ComponentId<'b>) -> Result<(), Stop> {
        if let Some(manifest) = self.next.manifest_mut(manifest_id.as_bytes()) {
            manifest.components.retain(|own| !component::same(own, id.as_bytes()));
        }
        Ok(())
    }

    fn unlink_dependency(
        &mut self,
        manifest_id: &ComponentId<'b>,
        dependency_id: &ComponentId<'b>,
    ) -> Result<Option<&'b [u8]>, Stop> {
        let id = dependency_id.as_bytes();
        match self.next.manifest_mut(manifest_id.as_bytes()) {
            Some(manifest) if manifest.depends_on(id) => manifest.dependencies.retain(|own| own != id),
            _ => return Ok(None),
        }
        // What a manifest says whose signer is not trusted any more is not done; it goes afterwards, with the rest.
        let obeyed = self.next.manifest(id).is_some_and(|manifest| manifest.is_authorised(self.trust));
        if self.next.is_needed(id) || !obeyed {
            return Ok(None);
        }
        Ok(self.begin_uninstall(id)?.map(|gone| gone.envelope))
    }
}
