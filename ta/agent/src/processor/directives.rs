// SPDX-License-Identifier: Apache-2.0
//! Directives that change the current component. A failure of one ends the procedure (REQ-SUIT-018).

use super::run::{Halt, Outcome, Procedure, Run};
use super::{Content, Stop, World};
use alloc::format;
use alloc::vec::Vec;
use teep_proto::cose::Thumbprint;
use teep_proto::suit::labels::{command, manifest as section_label};
use teep_proto::suit::{ComponentId, Digest, Parameter, Reason};

/// Bytes of CBOR tag 107: the size of a dependency may be given with or without it (AMB-SUIT-15).
const TAG_SIZE: u64 = 2;

impl<'b, W: World<'b>> Run<'_, 'b, W> {
    /// Takes the integrated payload under the URI (REQ-SUIT-029, REQ-SUIT-115), or else what the network has there.
    pub(super) fn fetch(&mut self) -> Result<(), Stop> {
        let (_, slot) = self.current()?;
        self.prepare(slot, command::FETCH)?;
        if self.is_fulfilled(slot)? {
            return Ok(());
        }
        self.check_overwritable(slot)?;
        let component = self.components.get(slot)?;
        let (id, values, is_manifest) = (component.id, component.values, component.is_manifest());
        let uri = values.uri.ok_or(Stop::fail(Reason::OperationFailed, "fetch without a URI"))?;
        let content = match self.manifest()?.envelope.payload(uri) {
            Some(payload) => Content::Bytes(payload),
            None if is_http(uri) => {
                let digest = values.digest.filter(|_| !is_manifest);
                let tag = if is_manifest { TAG_SIZE } else { 0 };
                self.world.fetch(uri, digest, values.size.map(|size| size.saturating_add(tag)))?
            }
            None => {
                let text = "the URI names no integrated payload, and is none of http or https";
                return Err(Stop::fail(Reason::OperationFailed, text));
            }
        };
        if let Some(expected) = values.size {
            let found = self.world.size(&id, content)?.unwrap_or_default();
            let is_tag = is_manifest && expected.abs_diff(found) == TAG_SIZE;
            if found != expected && !is_tag {
                self.found.push(Parameter::ImageSize(found));
                let text = format!("the payload has {found} bytes, and {expected} in the manifest");
                return Err(Stop::Fail(Reason::OperationFailed, text.into()));
            }
        }
        // AMB-SUIT-18: only a manifest is decrypted by fetch.
        let content = match values.encryption_info.filter(|_| is_manifest) {
            Some(info) => self.world.decrypt(&id, content, info)?,
            None => content,
        };
        self.replace(slot, content, command::FETCH)
    }

    /// Stores the parameter content, decrypted if there is encryption-info (REQ-SUIT-060).
    pub(super) fn write(&mut self) -> Result<(), Stop> {
        let (_, slot) = self.current()?;
        self.prepare(slot, command::WRITE)?;
        if self.is_fulfilled(slot)? {
            return Ok(());
        }
        self.check_overwritable(slot)?;
        let component = self.components.get(slot)?;
        let (id, values) = (component.id, component.values);
        let content = values.content.ok_or(Stop::fail(Reason::OperationFailed, "write without content"))?;
        let mut content = Content::Bytes(content);
        if let Some(info) = values.encryption_info {
            content = self.world.decrypt(&id, content, info)?;
        }
        self.replace(slot, content, command::WRITE)?;
        let component = self.components.get_mut(slot)?;
        component.vouched = true;
        component.confidential = values.encryption_info.is_some();
        Ok(())
    }

    /// Copies the source component, decrypted if there is encryption-info (REQ-SUIT-060).
    pub(super) fn copy(&mut self) -> Result<(), Stop> {
        let (_, slot) = self.current()?;
        self.prepare(slot, command::COPY)?;
        if self.is_fulfilled(slot)? {
            return Ok(());
        }
        self.check_overwritable(slot)?;
        let source = self.source(slot, command::COPY)?;
        let info = self.components.get(slot)?.values.encryption_info;
        let from = self.components.get(source)?;
        let (vouched, digest, confidential) = (from.vouched, from.digest, from.confidential);
        // REQ-SUIT-066, REQ-SUIT-118: nobody learns anything from how this device decrypts what he made up.
        if info.is_some() && !vouched {
            let text = format!("{} would be decrypted before it was compared with a digest", from.id);
            return Err(Stop::Fail(Reason::OperationFailed, text.into()));
        }
        let content = match info {
            Some(info) => self.world.decrypt(&from.id, from.content, info)?,
            None => self.world.copy(&from.id, from.content)?,
        };
        self.replace(slot, content, command::COPY)?;
        let from = self.components.get_mut(source)?;
        // What could be decrypted is ciphertext: it came encrypted, though nobody decrypted it before.
        from.confidential |= info.is_some() && from.content != Content::Installed;
        let component = self.components.get_mut(slot)?;
        // What is known of the source says what the copy is, and what its plaintext is.
        component.vouched = vouched;
        component.digest = digest.filter(|_| info.is_none());
        component.confidential = confidential || info.is_some();
        Ok(())
    }

    /// Exchanges the current component and the source component.
    pub(super) fn swap(&mut self) -> Result<(), Stop> {
        let (_, slot) = self.current()?;
        self.prepare(slot, command::SWAP)?;
        let source = self.source(slot, command::SWAP)?;
        if !self.exists(slot)? {
            return Err(Stop::fail(Reason::OperationFailed, "nothing to exchange the source component with"));
        }
        for slot in [slot, source] {
            if self.components.get(slot)?.is_manifest() {
                return Err(Stop::fail(Reason::OperationFailed, "a manifest is not exchanged"));
            }
            self.check_overwritable(slot)?;
        }
        let (here, there) = (self.taken_out(slot)?, self.taken_out(source)?);
        self.put_in(slot, there)?;
        self.put_in(source, here)
    }

    /// Takes away this manifest's link on the current component or dependency (REQ-SUIT-049, REQ-SUIT-051, REQ-SUIT-052,
    /// REQ-SUIT-129).
    ///
    /// In an Update that has no effect of its own: when the manifest is installed, its links are those of its lists
    /// (suit.md 9.5 rule 8).
    pub(super) fn unlink(&mut self) -> Result<Outcome, Halt> {
        let (index, slot) = self.current()?;
        if self.procedure == Procedure::Update {
            return Ok(Outcome::Done);
        }
        let (manifest_id, id) = (self.manifest()?.id, self.components.get(slot)?.id);
        if self.is_dependency(index)? {
            return self.unlink_dependency(index, slot);
        }
        self.world.unlink_component(&manifest_id, &id)?;
        Ok(Outcome::Done)
    }

    /// What must hold before the current component is changed by `command`: rights, and a complete component set.
    fn prepare(&mut self, slot: usize, command: i64) -> Result<(), Stop> {
        // Dependencies come first, and what one is made of may be fetched on its own (AMB-SUIT-18).
        let is_payload = !self.components.get(slot)?.is_manifest();
        if is_payload && self.context()?.section != section_label::DEPENDENCY_RESOLUTION {
            self.check_set()?;
        }
        self.authorise(slot, command)?;
        self.used(None, slot)
    }

    /// Whether the signer of the manifest being run may do `command` to what is in `slot`. Of manifests their own
    /// signer needs the right, which is checked when they are opened.
    fn authorise(&mut self, slot: usize, command: i64) -> Result<(), Stop> {
        let signer = self.manifest()?.signer().ok_or(Stop::INTERNAL)?;
        let component = self.components.get(slot)?;
        if component.is_manifest() {
            return Ok(());
        }
        self.world.authorise(signer, &component.id, Some(command))
    }

    /// Whether `signer` has the right to do `command` to `id`.
    pub(super) fn may(
        &mut self,
        signer: Thumbprint,
        id: &ComponentId<'b>,
        command: i64,
    ) -> Result<bool, Stop> {
        match self.world.authorise(signer, id, Some(command)) {
            Ok(()) => Ok(true),
            Err(Stop::Fail(..)) => Ok(false),
            Err(stop) => Err(stop),
        }
    }

    /// Whether digest and size are set and the component is what they say already (suit.md 9.5 rule 7). Of a dependency
    /// the digest is enough: the size is that of an envelope, which need not be the one that is stored (AMB-SUIT-15).
    fn is_fulfilled(&mut self, slot: usize) -> Result<bool, Stop> {
        let component = self.components.get(slot)?;
        let Some(digest) = component.values.digest else { return Ok(false) };
        if !component.is_manifest() {
            let size = component.values.size;
            if size.is_none() || self.world.size(&component.id, component.content)? != size {
                return Ok(false);
            }
        }
        let is_fulfilled = self.has_digest(slot, &digest)?;
        if is_fulfilled {
            self.vouch(slot, Some(digest))?;
        }
        Ok(is_fulfilled)
    }

    /// Refuses to overwrite what others are linked to (suit.md 9.5 rule 8, REQ-SUIT-050, REQ-SUIT-111).
    pub(super) fn check_overwritable(&mut self, slot: usize) -> Result<(), Stop> {
        let mut running: Vec<ComponentId<'b>> = Vec::new();
        for manifest in &self.manifests {
            running.push(manifest.id);
            for (_, slot) in manifest.dependencies() {
                running.push(self.components.get(slot)?.id);
            }
        }
        let id = self.components.get(slot)?.id;
        self.world.overwritable(&id, &running)
    }

    /// The slot of the source component, which must be there (REQ-SUIT-024).
    fn source(&mut self, target: usize, command: i64) -> Result<usize, Stop> {
        let source = self.components.get(target)?.values.source;
        let source = source.ok_or(Stop::fail(Reason::OperationFailed, "no source component is set"))?;
        self.authorise(source, command)?;
        self.used(Some(source), target)?;
        if self.exists(source)? {
            return Ok(source);
        }
        let text = format!("the source component {} is not there", self.components.get(source)?.id);
        Err(Stop::Fail(Reason::OperationFailed, text.into()))
    }

    /// Puts `content` into `slot`. Checks of what was there do not count any more (REQ-SUIT-046).
    fn replace(&mut self, slot: usize, content: Content<'b>, command: i64) -> Result<(), Stop> {
        let written = (self.context()?.manifest, command);
        self.components.get_mut(slot)?.replace(content, written);
        self.checked.retain(|(_, checked, _)| *checked != slot);
        Ok(())
    }

    /// What is in `slot`, in a form that can go elsewhere.
    fn taken_out(&mut self, slot: usize) -> Result<Moved<'b>, Stop> {
        let component = self.components.get(slot)?;
        let (vouched, digest, confidential) = (component.vouched, component.digest, component.confidential);
        let content = match component.content {
            Content::Installed => self.world.copy(&component.id, Content::Installed)?,
            content => content,
        };
        Ok(Moved { content, vouched, digest, confidential })
    }

    fn put_in(&mut self, slot: usize, moved: Moved<'b>) -> Result<(), Stop> {
        self.replace(slot, moved.content, command::SWAP)?;
        let component = self.components.get_mut(slot)?;
        component.vouched = moved.vouched;
        component.digest = moved.digest;
        component.confidential = moved.confidential;
        Ok(())
    }
}

/// Bytes on their way from one component to another, and what is known of them.
struct Moved<'b> {
    content: Content<'b>,
    vouched: bool,
    digest: Option<Digest>,
    confidential: bool,
}

/// Whether the Broker can fetch from `uri`.
fn is_http(uri: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|known| uri.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known)))
}
