// SPDX-License-Identifier: Apache-2.0
//! What a TAM knows: the Agents it talks to and the manifests it has for them.

mod directory;
mod memory;
mod offer;

pub use directory::{Directory, KeyEntry, Measurement, Published, StoreError, parse_measurement};
pub use memory::MemoryStore;
pub use offer::{Offer, OfferedComponent, OfferedDependency};

use crate::Error;
use teep_proto::cose::{PublicKey, Thumbprint};
use teep_proto::suit::Digest;

/// Where a TAM takes its knowledge from. Asked anew for every message, so that changes count at once.
pub trait Store: Send + Sync {
    /// Public keys of the enrolled Agents.
    ///
    /// # Errors
    /// When the store as a whole cannot be read.
    fn agents(&self) -> Result<Listing<PublicKey>, Error>;

    /// The manifests to choose from. The store vouches for them: each is by a signer the TAM's operator has
    /// vetted (REQ-TEEP-111).
    ///
    /// # Errors
    /// When the store as a whole cannot be read.
    fn offers(&self) -> Result<Listing<Offer>, Error>;

    /// Manifests that devices which have them are to give up.
    ///
    /// # Errors
    /// When the store as a whole cannot be read.
    fn withdrawn(&self) -> Result<Listing<Offer>, Error>;

    /// The manifest with this digest, without its payloads, if it was among those and others took its place. It is never
    /// sent, but tells the sequence number of devices that still have it.
    ///
    /// # Errors
    /// When the store as a whole cannot be read.
    fn replaced(&self, digest: Digest) -> Result<Option<Offer>, Error>;

    /// The keys that sign the Evidence of the Agent whose messages the key `agent` signs.
    ///
    /// # Errors
    /// When the store as a whole cannot be read.
    fn attestation_keys(&self, agent: Thumbprint) -> Result<Listing<PublicKey>, Error>;

    /// The keys of Verifiers whose Attestation Results about Agents count (REQ-TEEP-106).
    ///
    /// # Errors
    /// When the store as a whole cannot be read.
    fn verifiers(&self) -> Result<Listing<PublicKey>, Error>;

    /// What TEEs may measure Agents to be, SHA-256. With none at all, that does not matter.
    ///
    /// # Errors
    /// When they cannot all be read.
    fn reference_values(&self) -> Result<Vec<[u8; 32]>, Error>;
}

/// What a store has of a kind.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    /// What can be used.
    pub items: Vec<T>,
    /// What cannot, by name, and why.
    pub unusable: Vec<(String, String)>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new(), unusable: Vec::new() }
    }
}
