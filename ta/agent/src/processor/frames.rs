// SPDX-License-Identifier: Apache-2.0
//! What is being run: manifests, and in them sequences.

use alloc::vec::Vec;
use teep_proto::suit::{Command, Index, Instructions, Sequence};

/// One section of one manifest while it is being run, and the shared sequence before it.
pub(super) struct Context {
    /// Position of the manifest among those of the procedure.
    pub(super) manifest: usize,
    /// Component indices that lead to it, each in the manifest one level up.
    pub(super) path: Vec<u64>,
    /// Manifest label of the section.
    pub(super) section: u64,
    /// Whether the shared sequence is being run.
    pub(super) is_shared: bool,
    /// Byte offset of the command being run within the section, or within the shared sequence.
    pub(super) offset: u64,
    /// The component index.
    pub(super) selection: Index,
    /// Components used since strict-order was set to false, if it was.
    pub(super) unordered: Option<Unordered>,
}

/// Slots used while commands need not be run in order.
#[derive(Default)]
pub(super) struct Unordered {
    pub(super) sources: Vec<usize>,
    pub(super) targets: Vec<usize>,
}

/// One level of the stack.
pub(super) enum Frame<'b> {
    /// A command sequence.
    Sequence(Running<'b>),
    /// A command that is run once for each of several components (REQ-SUIT-022).
    Each(Each<'b>),
}

/// A command sequence that is being run.
pub(super) struct Running<'b> {
    /// What is left of it.
    pub(super) instructions: Instructions<'b>,
    /// Where it begins within the section.
    pub(super) base: u64,
    pub(super) entered: Entered<'b>,
    pub(super) soft_failure: bool,
}

/// How a sequence was entered, which decides what a failed condition means.
pub(super) enum Entered<'b> {
    /// As the shared sequence: a failed condition stops the procedure.
    Shared,
    /// As a section: likewise.
    Section,
    /// By run-sequence.
    RunSequence,
    /// By try-each.
    TryEach(Alternatives<'b>),
}

/// What try-each has not tried yet.
pub(super) struct Alternatives<'b> {
    /// Where each begins within the section, and the sequence, `None` for nil; the next one last.
    pub(super) left: Vec<(u64, Option<Sequence<'b>>)>,
    /// The component index each begins with.
    pub(super) selection: Index,
}

/// A command with a list of component indices.
pub(super) struct Each<'b> {
    pub(super) command: Command<'b>,
    /// Where it stands within the section.
    pub(super) offset: u64,
    /// The indices for which it was not run yet, the next one last.
    pub(super) left: Vec<u64>,
    /// The component index to go on with.
    pub(super) selection: Index,
}
