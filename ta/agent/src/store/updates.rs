// SPDX-License-Identifier: Apache-2.0
//! Which Updates are remembered, so that they are recognised when they come again, and which are forgotten first.

use super::{Hash, State, hash};
use crate::limits::{MAX_FLOORS, MAX_UPDATES};

/// An Update that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UpdateRecord {
    /// Hash of the TAM's URI.
    pub(crate) tam: Hash,
    /// Hash of its key and of the payload it signed.
    pub(crate) payload: Hash,
    /// All of it was. Otherwise it stopped on the way.
    pub(crate) complete: bool,
    /// Which manifests it installed or unlinked.
    pub(super) about: Manifests,
}

impl UpdateRecord {
    /// An Update that is about no manifest yet: [`State::remember_update`] adds them.
    pub(crate) fn new(tam: Hash, payload: Hash, complete: bool) -> Self {
        Self { tam, payload, complete, about: Manifests::default() }
    }
}

/// A set of manifests, by their positions among the lowest acceptable sequence numbers, which never change: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifests(pub(super) [u8; MAX_FLOORS / 8]);

impl Manifests {
    fn insert(&mut self, position: usize) {
        if let Some(byte) = self.0.get_mut(position / 8) {
            *byte |= bit(position);
        }
    }

    fn contains(&self, position: usize) -> bool {
        self.0.get(position / 8).is_some_and(|byte| byte & bit(position) != 0)
    }
}

/// The bit for `position` in its byte.
fn bit(position: usize) -> u8 {
    [1, 2, 4, 8, 16, 32, 64, 128].get(position % 8).copied().unwrap_or_default()
}

impl State {
    /// What is known of the Update with this `payload`, and whether no other one was carried out since.
    pub(crate) fn update(&self, payload: &Hash) -> Option<(&UpdateRecord, bool)> {
        let position = self.updates.iter().position(|update| update.payload == *payload)?;
        let record = self.updates.get(position)?;
        Some((record, position.saturating_add(1) == self.updates.len()))
    }

    /// Remembers that `record` was carried out, so far, now with the manifest that has the identifier `manifest`. When
    /// there is no room another Update is forgotten. Says whether one was.
    pub(crate) fn remember_update(&mut self, mut record: UpdateRecord, manifest: &[u8]) -> bool {
        if let Some((so_far, _)) = self.update(&record.payload) {
            record.about = so_far.about;
        }
        let manifest = hash(manifest);
        // One that was never installed has none, and its Update does no harm when it comes again.
        if let Some(position) = self.floors.iter().position(|(of, _)| *of == manifest) {
            record.about.insert(position);
        }
        self.updates.retain(|update| update.payload != record.payload);
        let full = self.updates.len() >= MAX_UPDATES;
        if full {
            self.forget_update(record.tam);
        }
        self.updates.push(record);
        full
    }

    /// Forgets an Update of the TAM with the most of them, `next` being whose comes now: no TAM can make the Agent forget
    /// another's. Of its Updates goes the one about whose manifests there are the most, about each of them, and of such
    /// ones the oldest: whoever has one thing installed and removed again and again cannot make the Agent forget what
    /// was done about another (AMB-18).
    fn forget_update(&mut self, next: Hash) {
        let of = |tam: Hash| self.updates.iter().filter(move |update| update.tam == tam);
        let with_next = |tam: &Hash| (of(*tam).count().saturating_add((*tam == next).into()), *tam == next);
        let Some(tam) = self.updates.iter().map(|update| update.tam).max_by_key(with_next) else { return };
        let count = |position: usize| of(tam).filter(|update| update.about.contains(position)).count();
        let least = |update: &&UpdateRecord| {
            let positions = (0..MAX_FLOORS).filter(|position| update.about.contains(*position));
            positions.map(count).min().unwrap_or(usize::MAX)
        };
        // The last one of several is taken: the oldest.
        let goes = of(tam).rev().max_by_key(least).map(|update| update.payload);
        self.updates.retain(|update| Some(update.payload) != goes);
    }
}

#[cfg(test)]
mod tests;
