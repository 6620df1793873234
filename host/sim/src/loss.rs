// SPDX-License-Identifier: Apache-2.0
//! What storage may lose in a power cut: of the changes since the last `write`, which it has to keep with all before it,
//! the later ones to each object.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Changes that storage need not keep yet, while anybody wants them to be lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsettled {
    /// Decides what is lost; `None`: nothing is.
    seed: Option<u64>,
    /// The object and what it held before, in order.
    changes: Vec<(String, Option<Vec<u8>>)>,
}

impl Unsettled {
    /// Everything is settled so far; what is lost later, `seed` decides.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self { seed, changes: Vec::new() }
    }

    /// The object `name`, which holds `before`, is about to be changed.
    pub(crate) fn note(&mut self, name: &str, before: Option<&Vec<u8>>) {
        if self.seed.is_some() {
            self.changes.push((name.to_owned(), before.cloned()));
        }
    }

    /// All that was done until now lasts.
    pub(crate) fn settle(&mut self) {
        self.changes.clear();
    }

    /// Takes some of the changes back, of each object the last ones.
    pub(crate) fn lose(&mut self, objects: &mut BTreeMap<String, Vec<u8>>) {
        let Some(seed) = self.seed else { return };
        let names: BTreeSet<&String> = self.changes.iter().map(|(name, _)| name).collect();
        for name in names {
            let mut before = self.changes.iter().filter(|(of, _)| of == name).map(|(_, before)| before);
            let hash = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(name).finalize();
            // One past the last of them: nothing of this object is lost.
            let choices = before.clone().count().saturating_add(1);
            let kept = hash.first().copied().map(usize::from).and_then(|first| first.checked_rem(choices));
            let kept = kept.unwrap_or_default();
            match before.nth(kept) {
                Some(Some(bytes)) => drop(objects.insert(name.clone(), bytes.clone())),
                Some(None) => drop(objects.remove(name)),
                None => {}
            }
        }
        self.changes.clear();
    }
}
