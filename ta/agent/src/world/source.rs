// SPDX-License-Identifier: Apache-2.0
//! Reading the bytes of components, wherever they are.

use super::Device;
use crate::env::{Env, Storage};
use crate::keys;
use crate::limits::PIECE;
use crate::processor::{Content, Staged, Stop};
use crate::store::{ComponentRecord, Hash, Stored, hash, objects};
use alloc::format;
use alloc::vec::Vec;
use teep_proto::cose::{ContentDecryptor, RecipientKey};
use teep_proto::suit::{ComponentId, Digest, DigestAlgorithm, DigestState, Reason};
use teep_proto::{Error, Kind};

impl<'b, E: Env> Device<'_, 'b, E> {
    /// Where the bytes of `content` can be read, if they can.
    pub(super) fn readable(
        &mut self,
        id: &ComponentId<'_>,
        content: Content<'b>,
    ) -> Result<Option<Readable<'b>>, Stop> {
        Ok(match content {
            Content::Bytes(bytes) => Some(Readable::Bytes(bytes)),
            Content::Staged(staged) => Some(Readable::Object(staged)),
            Content::Installed => match self.next.component(id.as_bytes()) {
                Some(ComponentRecord { content: Stored::Object(object), size, .. }) => {
                    Some(Readable::Object(Staged { object: *object, size: *size }))
                }
                Some(ComponentRecord { content: Stored::Native(_), .. }) => {
                    let text = format!("{id} cannot be read back from this platform");
                    return Err(Stop::Fail(Reason::OperationFailed, text.into()));
                }
                None => None,
            },
        })
    }

    /// As [`readable`](Self::readable), for a command that needs a source (REQ-SUIT-024).
    pub(super) fn source(
        &mut self,
        id: &ComponentId<'_>,
        content: Content<'b>,
    ) -> Result<Readable<'b>, Stop> {
        let missing = || Stop::Fail(Reason::OperationFailed, format!("there is nothing in {id}").into());
        self.readable(id, content)?.ok_or_else(missing)
    }

    pub(super) fn for_each_piece(
        &mut self,
        source: Readable<'b>,
        mut visit: impl FnMut(&mut E, &mut [u8]) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        match source {
            Readable::Object(staged) => objects::for_each_piece(self.env, staged.object, visit),
            Readable::Bytes(bytes) => {
                let mut buffer = objects::memory(bytes.len().min(PIECE))?;
                for piece in bytes.chunks(PIECE) {
                    let Some(buffer) = buffer.get_mut(..piece.len()) else { continue };
                    buffer.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
                    visit(self.env, buffer)?;
                }
                Ok(())
            }
        }
    }

    /// The keys to which payloads for this device may be encrypted.
    pub(super) fn decryption_keys(&mut self) -> Result<Vec<RecipientKey>, Stop> {
        let own = keys::decryption_secret(self.env)?;
        let provisioned = self.config.decryption_keys.iter().filter_map(|key| key.recipient_key().ok());
        Ok(core::iter::once(RecipientKey::Agreement(own)).chain(provisioned).collect())
    }

    pub(super) fn decrypt_into(
        &mut self,
        staged: &mut Staged,
        source: Readable<'b>,
        mut decryptor: ContentDecryptor,
    ) -> Result<Digest, Stop> {
        let name = objects::name(staged.object);
        self.env.storage().append(&name, 0, &[])?;
        let mut digest = DigestState::new(DigestAlgorithm::Sha256);
        self.for_each_piece(source, |env, piece| {
            let plain = decryptor.update(piece).map_err(undecryptable)?;
            if plain.is_empty() {
                return Ok(());
            }
            env.storage().append(&name, staged.size, plain)?;
            digest.update(plain);
            staged.size = staged.size.saturating_add(plain.len() as u64);
            Ok(())
        })?;
        decryptor.finish().map_err(undecryptable)?;
        Ok(digest.finish())
    }
}

/// Bytes that can be read.
#[derive(Clone, Copy)]
pub(super) enum Readable<'b> {
    Bytes(&'b [u8]),
    Object(Staged),
}

impl Readable<'_> {
    /// What tells it from others.
    pub(super) fn hash(&self) -> Hash {
        match self {
            Self::Bytes(bytes) => hash(bytes),
            Self::Object(staged) => hash(&staged.object.to_be_bytes()),
        }
    }
}

/// Hash of what stages something: what is done, and to what.
pub(super) fn cause(what: &str, to: &[&[u8]]) -> Hash {
    let mut digest = DigestState::new(DigestAlgorithm::Sha256);
    for part in core::iter::once(what.as_bytes()).chain(to.iter().copied()) {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finish().as_bytes().first_chunk().copied().unwrap_or_default()
}

pub(super) fn undecryptable(error: Error) -> Stop {
    let reason = match error.kind {
        Kind::UnsupportedAlgorithm => Reason::AlgorithmUnsupported,
        Kind::Malformed | Kind::Unsupported => Reason::CoseUnsupported,
        _ => Reason::OperationFailed,
    };
    Stop::Fail(reason, format!("the payload cannot be decrypted: {}", error.what).into())
}
