// SPDX-License-Identifier: Apache-2.0
use super::{Listing, Offer, Store};
use crate::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use teep_proto::cose::{PublicKey, Thumbprint};
use teep_proto::suit::Digest;

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
    withdrawn: Vec<Offer>,
    replaced: Vec<Offer>,
    attestation_keys: Vec<(Thumbprint, PublicKey)>,
    verifiers: Vec<PublicKey>,
    reference_values: Vec<[u8; 32]>,
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
        let mut content = self.content();
        let old = std::mem::replace(&mut content.offers, offers);
        content.replaced.extend(old);
    }

    /// Replaces all manifests that devices are to give up.
    pub fn set_withdrawn(&self, withdrawn: Vec<Offer>) {
        self.content().withdrawn = withdrawn;
    }

    /// Lets `key` vouch for the Agent whose messages the key `agent` signs.
    pub fn enrol_attestation_key(&self, agent: Thumbprint, key: PublicKey) {
        self.content().attestation_keys.push((agent, key));
    }

    /// Replaces the keys of Verifiers whose Attestation Results count.
    pub fn set_verifiers(&self, verifiers: Vec<PublicKey>) {
        self.content().verifiers = verifiers;
    }

    /// Replaces what TEEs may measure Agents to be.
    pub fn set_reference_values(&self, values: Vec<[u8; 32]>) {
        self.content().reference_values = values;
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

    fn withdrawn(&self) -> Result<Listing<Offer>, Error> {
        Ok(Listing { items: self.content().withdrawn.clone(), unusable: Vec::new() })
    }

    fn replaced(&self, digest: Digest) -> Result<Option<Offer>, Error> {
        Ok(self.content().replaced.iter().find(|offer| offer.digest == digest).cloned())
    }

    fn attestation_keys(&self, agent: Thumbprint) -> Result<Listing<PublicKey>, Error> {
        let content = self.content();
        let keys = content.attestation_keys.iter().filter(|(whose, _)| *whose == agent);
        Ok(Listing { items: keys.map(|(_, key)| key.clone()).collect(), unusable: Vec::new() })
    }

    fn verifiers(&self) -> Result<Listing<PublicKey>, Error> {
        Ok(Listing { items: self.content().verifiers.clone(), unusable: Vec::new() })
    }

    fn reference_values(&self) -> Result<Vec<[u8; 32]>, Error> {
        Ok(self.content().reference_values.clone())
    }
}
