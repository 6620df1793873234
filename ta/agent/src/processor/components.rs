// SPDX-License-Identifier: Apache-2.0
//! The components and manifests that a procedure names, by identity: the same one may have another index in each
//! manifest, and parameters belong to what is named (suit.md 9.2).

use super::parameters::Values;
use super::run::Procedure;
use super::{Content, Stop};
use crate::component;
use alloc::format;
use alloc::vec::Vec;
use teep_proto::suit::{ComponentId, Digest, Reason};

/// What an identifier stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something to be installed.
    Component,
    /// A dependency, or the root manifest.
    Manifest,
}

/// A component or manifest during a procedure, with a place for each of its parameters (REQ-SUIT-094).
pub(super) struct Component<'b> {
    pub(super) id: ComponentId<'b>,
    kind: Kind,
    /// Its parameters; they last as long as the procedure.
    pub(super) values: Values<'b>,
    /// Its bytes.
    pub(super) content: Content<'b>,
    /// Of a manifest, the envelope that `content` is, once it was opened.
    pub(super) opened: Option<&'b [u8]>,
    /// Whether a manifest whose signer may write this component says what the bytes are: they are of one of its
    /// parameters, or have a digest that it gives (REQ-SUIT-108).
    pub(super) vouched: bool,
    /// The digest the bytes were found to have.
    pub(super) digest: Option<Digest>,
    /// Whether they were decrypted on the way.
    pub(super) confidential: bool,
    /// Position of the manifest that wrote them, and with which command.
    pub(super) written: Option<(usize, i64)>,
}

impl<'b> Component<'b> {
    /// Whether it is a manifest: a dependency, or the root manifest.
    pub(super) fn is_manifest(&self) -> bool {
        self.kind == Kind::Manifest
    }

    /// Puts other bytes in place of those there were. All that was known of them is forgotten.
    pub(super) fn replace(&mut self, content: Content<'b>, written: (usize, i64)) {
        self.content = content;
        self.opened = None;
        self.vouched = false;
        self.digest = None;
        self.confidential = false;
        self.written = Some(written);
    }
}

/// All that are named by the manifests of a procedure. A slot is a position in it.
pub(super) struct Components<'b> {
    list: Vec<Component<'b>>,
    procedure: Procedure,
}

impl<'b> Components<'b> {
    pub(super) fn new(procedure: Procedure) -> Self {
        Self { list: Vec::new(), procedure }
    }

    /// The slot of `id`, which stands for a `kind` of thing.
    ///
    /// # Errors
    /// In an Update, when it stands for another kind elsewhere in the procedure: what is written as a component would
    /// then be read as a manifest; and when it goes by another name elsewhere: a native TA has two. What was installed
    /// one by one must be removable together, though.
    pub(super) fn slot(&mut self, id: ComponentId<'b>, kind: Kind) -> Result<usize, Stop> {
        let is_update = self.procedure == Procedure::Update;
        let same = |known: &Component<'b>| {
            component::same(known.id.as_bytes(), id.as_bytes()) && (is_update || known.kind == kind)
        };
        if let Some((slot, known)) = self.list.iter().enumerate().find(|(_, known)| same(known)) {
            let text = if known.kind != kind {
                format!("{id} is both a component and a manifest")
            } else if is_update && known.id != id {
                format!("{id} and {} are one component", known.id)
            } else {
                return Ok(slot);
            };
            return Err(Stop::Fail(Reason::ComponentUnsupported, text.into()));
        }
        self.list.push(Component {
            id,
            kind,
            values: Values::default(),
            content: Content::Installed,
            opened: None,
            vouched: false,
            digest: None,
            confidential: false,
            written: None,
        });
        Ok(self.list.len().saturating_sub(1))
    }

    /// What is in `slot`.
    ///
    /// # Errors
    /// When there is no such slot.
    pub(super) fn get(&self, slot: usize) -> Result<&Component<'b>, Stop> {
        self.list.get(slot).ok_or(Stop::INTERNAL)
    }

    /// As [`get`](Self::get), to be changed.
    ///
    /// # Errors
    /// When there is no such slot.
    pub(super) fn get_mut(&mut self, slot: usize) -> Result<&mut Component<'b>, Stop> {
        self.list.get_mut(slot).ok_or(Stop::INTERNAL)
    }
}
