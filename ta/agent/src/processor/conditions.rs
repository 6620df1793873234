// SPDX-License-Identifier: Apache-2.0
//! Conditions. None has a side effect (REQ-SUIT-092), and one whose parameter is not set fails (REQ-SUIT-016).

use super::run::{Outcome, Run};
use super::{Content, Stop, World};
use teep_proto::suit::labels::command;
use teep_proto::suit::{Digest, DigestAlgorithm, Envelope, Parameter};

impl<'b, W: World<'b>> Run<'_, 'b, W> {
    /// Runs the condition `code` on the current component.
    pub(super) fn condition(&mut self, code: i64) -> Result<Outcome, Stop> {
        let (index, slot) = self.current()?;
        let values = self.components.get(slot)?.values;
        Ok(match code {
            command::VENDOR_IDENTIFIER => Outcome::of(
                is_one_of(values.vendor_id, self.world.vendor_ids()),
                "the manifest is for another vendor's devices",
            ),
            command::CLASS_IDENTIFIER => Outcome::of(
                is_one_of(values.class_id, self.world.class_ids()),
                "the manifest is for another class of devices",
            ),
            command::DEVICE_IDENTIFIER => Outcome::of(
                is_one_of(values.device_id, self.world.device_id().as_slice()),
                "the manifest is for another device",
            ),
            command::IMAGE_MATCH => Outcome::of(
                self.image_matches(slot, values.digest)? == Some(true),
                "the component's bytes do not have the digest in the manifest",
            ),
            command::IMAGE_NOT_MATCH => Outcome::of(
                self.image_matches(slot, values.digest)? == Some(false),
                "the component's bytes have the digest they must not have",
            ),
            command::CHECK_CONTENT => Outcome::of(
                self.content_matches(slot, values.content)?,
                "the component's bytes are not those in the manifest",
            ),
            command::IS_DEPENDENCY => {
                Outcome::of(self.is_dependency(index)?, "the component is no dependency")
            }
            command::ABORT => Outcome::Failed("the manifest says abort".into()),
            _ => Outcome::Failed("a condition this Agent does not have".into()),
        })
    }

    /// Whether the component index is one of suit-dependencies.
    pub(super) fn is_dependency(&self, index: u64) -> Result<bool, Stop> {
        Ok(self.manifest()?.manifest().dependency(index).is_some())
    }

    /// Whether the component has `digest`, if there is one to compare with. What is found is measured.
    fn image_matches(&mut self, slot: usize, digest: Option<Digest>) -> Result<Option<bool>, Stop> {
        let Some(digest) = digest else { return Ok(None) };
        let matches = self.has_digest(slot, &digest)?;
        if matches {
            self.vouch(slot, Some(digest))?;
        }
        let found = if matches { Some(digest) } else { self.digest(slot, digest.algorithm())? };
        self.found.extend(found.map(Parameter::ImageDigest));
        Ok(Some(matches))
    }

    /// Whether what is in `slot` has `digest`.
    pub(super) fn has_digest(&mut self, slot: usize, digest: &Digest) -> Result<bool, Stop> {
        let component = self.components.get(slot)?;
        if component.is_manifest() {
            return Ok(self.manifest_digest(slot, digest.algorithm())? == Some(*digest));
        }
        self.world.matches(&component.id, component.content, digest)
    }

    /// The digest of what is in `slot`; `None` if there is nothing.
    pub(super) fn digest(&mut self, slot: usize, algorithm: DigestAlgorithm) -> Result<Option<Digest>, Stop> {
        let component = self.components.get(slot)?;
        if component.is_manifest() {
            return self.manifest_digest(slot, algorithm);
        }
        self.world.digest(&component.id, component.content, algorithm)
    }

    /// Of a manifest only the byte string item it stands in counts, not the envelope around it (REQ-SUIT-047).
    fn manifest_digest(&mut self, slot: usize, algorithm: DigestAlgorithm) -> Result<Option<Digest>, Stop> {
        if !self.exists(slot)? {
            return Ok(None);
        }
        let Ok(envelope) = Envelope::decode(self.opened(slot)?) else { return Ok(None) };
        Ok(Some(envelope.manifest_digest(algorithm)))
    }

    /// Whether there is anything in `slot`.
    pub(super) fn exists(&mut self, slot: usize) -> Result<bool, Stop> {
        let component = self.components.get(slot)?;
        Ok(self.world.size(&component.id, component.content)?.is_some())
    }

    /// The bytes of the envelope in `slot`, in memory.
    pub(super) fn opened(&mut self, slot: usize) -> Result<&'b [u8], Stop> {
        let component = self.components.get_mut(slot)?;
        if let Some(opened) = component.opened {
            return Ok(opened);
        }
        let bytes = match component.content {
            Content::Bytes(bytes) => bytes,
            content => self.world.open(&component.id, content)?,
        };
        component.opened = Some(bytes);
        Ok(bytes)
    }

    /// Whether the component is exactly `expected` (REQ-SUIT-023).
    fn content_matches(&mut self, slot: usize, expected: Option<&'b [u8]>) -> Result<bool, Stop> {
        let Some(expected) = expected else { return Ok(false) };
        if !self.exists(slot)? {
            return Ok(false);
        }
        let component = self.components.get(slot)?;
        let equal = self.world.equals(&component.id, component.content, expected)?;
        if equal {
            self.vouch(slot, None)?;
        }
        Ok(equal)
    }

    /// Notes that the manifest being run says what the bytes in `slot` are. That counts if its signer may write them,
    /// and not if it may only name the component.
    pub(super) fn vouch(&mut self, slot: usize, digest: Option<Digest>) -> Result<(), Stop> {
        let component = self.components.get(slot)?;
        let (id, written) = (component.id, component.written);
        let signer = self.manifest()?.signer();
        let counts = match (written, signer) {
            (Some((writer, command)), Some(signer)) => {
                let writer = self.manifests.get(writer).and_then(|manifest| manifest.signer());
                writer == Some(signer) || self.may(signer, &id, command)?
            }
            _ => true,
        };
        if counts {
            let component = self.components.get_mut(slot)?;
            component.vouched = true;
            component.digest = digest.or(component.digest);
        }
        Ok(())
    }
}

/// Identifiers tell whether a manifest is for this device, not who made it (REQ-SUIT-032).
fn is_one_of(id: Option<&[u8]>, known: &[[u8; 16]]) -> bool {
    id.is_some_and(|id| known.iter().any(|known| known == id))
}
