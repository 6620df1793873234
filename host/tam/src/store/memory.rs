// SPDX-License-Identifier: Apache-2.0
use super::{Listing, Offer, Store};
use crate::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use teep_proto::cose::PublicKey;

/// A store in memory, for tests and demonstrations. Its clones share one content, so that it can be changed
/// while a TAM uses it. It serves what it is given: whether a signer vouches for an [`Offer`] is up to who
/// made it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    content: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    agents: Vec<PublicKey>,
    offers: Vec<Offer>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an Agent.
    pub fn enrol(&self, agent: PublicKey) {
        self.content().agents.push(agent);
    }

    /// Replaces all offers.
    pub fn set_offers(&self, offers: Vec<Offer>) {
        self.content().offers = offers;
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // The content is whole at every moment, whoever panicked elsewhere.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn agents(&self) -> Result<Listing<PublicKey>, Error> {
        Ok(Listing { items: self.content().agents.clone(), unusable: Vec::new() })
    }

    fn offers(&self) -> Result<Listing<Offer>, Error> {
        Ok(Listing { items: self.content().offers.clone(), unusable: Vec::new() })
    }
}
