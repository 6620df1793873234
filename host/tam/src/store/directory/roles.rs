// SPDX-License-Identifier: Apache-2.0
//! The keys in the directory, each in the role it has.

use super::{
    AGENTS, ATTESTATION_KEYS, Directory, SIGNERS, StoreError, VERIFIERS, checked_name, list, make_directory,
};
use crate::store::Listing;
use std::path::Path;
use teep_proto::cose::{Anchor, PublicKey, Thumbprint, TrustAnchor};
use teep_suit::{files, keys};

/// Directories with public keys, one for each role.
pub(super) const ROLES: [&str; 4] = [AGENTS, SIGNERS, ATTESTATION_KEYS, VERIFIERS];
pub(super) const ONE_ROLE: &str = "each role needs keys of its own";

/// A key with the name of its file.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    /// Name of the file.
    pub name: String,
    /// The key in it; of signers also a certificate.
    pub anchor: TrustAnchor,
}

impl Directory {
    /// Admits the Agent that has `key`. Without `name` the first digits of its thumbprint are one. Returns
    /// the name.
    ///
    /// # Errors
    /// [`StoreError::Nothing`] when it is enrolled; else as for any file and name.
    pub fn enrol(&self, key: &PublicKey, name: Option<&str>) -> Result<String, StoreError> {
        self.add_key(AGENTS, key, name)
    }

    /// Vets a Trusted Component signer, as [`enrol`](Self::enrol) does for Agents: the one with this key or certificate,
    /// or with the certificate of a CA all who have certificates below it.
    ///
    /// # Errors
    /// As [`enrol`](Self::enrol).
    pub fn add_signer(&self, anchor: &impl Anchor, name: Option<&str>) -> Result<String, StoreError> {
        self.add_key(SIGNERS, anchor, name)
    }

    pub(super) fn add_key(
        &self,
        kind: &str,
        anchor: &impl Anchor,
        name: Option<&str>,
    ) -> Result<String, StoreError> {
        let key = anchor.key();
        if let Some(place) = self.place_of(kind, key)? {
            return Err(StoreError::Nothing(format!("the key is there already, as {place}")));
        }
        self.check_role(kind, key)?;
        let (content, ending) = match anchor.certificate() {
            Some(certificate) => (certificate.as_der().to_vec(), "crt"),
            None => (key.to_cose_key(), "cose"),
        };
        let name = match name {
            Some(name) => format!("{name}.{ending}"),
            None => format!("{:.16}.{ending}", key.thumbprint().to_string()),
        };
        let path = self.root.join(kind).join(checked_name(&name)?);
        if path.exists() {
            let problem = format!("{} holds another key: choose another name", path.display());
            return Err(StoreError::Invalid(problem));
        }
        make_directory(&self.root.join(kind), 0o755)?;
        files::write_atomic(&path, &content)?;
        Ok(name)
    }

    /// That `key` has no role beside the one of `kind`.
    pub(super) fn check_role(&self, kind: &str, key: &PublicKey) -> Result<(), StoreError> {
        for other in other_roles(kind) {
            if let Some(place) = self.place_of(other, key)? {
                return Err(StoreError::Invalid(format!("the key is {place}: {ONE_ROLE}")));
            }
        }
        if self.config()?.owns(key) {
            return Err(StoreError::Invalid(format!("the key is one of the TAM itself: {ONE_ROLE}")));
        }
        Ok(())
    }

    /// The enrolled Agent that is called `name`, or whose thumbprint begins so.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, [`StoreError::Invalid`] when there are several.
    pub fn agent(&self, name: &str) -> Result<Thumbprint, StoreError> {
        const MIN_DIGITS: usize = 8;
        let is_meant = |entry: &&KeyEntry| {
            let stem = Path::new(&entry.name).file_stem().and_then(|stem| stem.to_str());
            entry.name == name
                || stem == Some(name)
                || (name.len() >= MIN_DIGITS && entry.anchor.thumbprint().to_string().starts_with(name))
        };
        let entries = self.agent_entries()?.items;
        let mut meant = entries.iter().filter(is_meant);
        match (meant.next(), meant.next()) {
            (Some(entry), None) => Ok(entry.anchor.thumbprint()),
            (None, _) => Err(StoreError::NotFound(format!("no agent {name} is enrolled: see teep-tam list"))),
            (Some(_), Some(_)) => Err(StoreError::Invalid(format!(
                "several agents are called {name}: say more of the thumbprint"
            ))),
        }
    }

    /// The enrolled Agents by name.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn agent_entries(&self) -> Result<Listing<KeyEntry>, StoreError> {
        self.keys_of(AGENTS)
    }

    /// The vetted signers by name.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn signer_entries(&self) -> Result<Listing<KeyEntry>, StoreError> {
        self.keys_of(SIGNERS)
    }

    pub(super) fn signer_anchors(&self) -> Result<Vec<TrustAnchor>, StoreError> {
        Ok(self.signer_entries()?.items.into_iter().map(|entry| entry.anchor).collect())
    }

    /// The keys of a role, without those that are in another one too.
    pub(super) fn keys_of(&self, kind: &str) -> Result<Listing<KeyEntry>, StoreError> {
        let Listing { mut items, mut unusable } = self.read_keys(kind)?;
        for other in other_roles(kind) {
            let others = self.read_keys(other)?.items;
            let is_other =
                |entry: &mut KeyEntry| others.iter().any(|other| other.anchor.key() == entry.anchor.key());
            for entry in items.extract_if(.., is_other) {
                let why = format!("its key is in {other}, too: {ONE_ROLE}");
                unusable.push((format!("{kind}/{}", entry.name), why));
            }
        }
        Ok(Listing { items, unusable })
    }

    /// The file with `key` among those of a role.
    pub(super) fn place_of(&self, kind: &str, key: &PublicKey) -> Result<Option<String>, StoreError> {
        let entries = self.read_keys(kind)?.items;
        let mut entries = entries.iter().filter(|entry| entry.anchor.key() == key);
        Ok(entries.next().map(|entry| format!("{kind}/{}", entry.name)))
    }

    fn read_keys(&self, kind: &str) -> Result<Listing<KeyEntry>, StoreError> {
        let mut listing = Listing::default();
        let directory = self.root.join(kind);
        // One that an earlier teep-tam made has not all of them.
        if !directory.is_dir() {
            return Ok(listing);
        }
        for (name, path) in list(&directory)? {
            let anchors = match kind {
                SIGNERS => keys::load_anchors(&path),
                _ => keys::load_public_key(&path).map(|key| vec![key.into()]),
            };
            match anchors {
                Ok(anchors) => {
                    let entry = |anchor| KeyEntry { name: name.clone(), anchor };
                    listing.items.extend(anchors.into_iter().map(entry));
                }
                Err(error) => listing.unusable.push((format!("{kind}/{name}"), error.to_string())),
            }
        }
        Ok(listing)
    }
}

fn other_roles(kind: &str) -> impl Iterator<Item = &'static str> {
    ROLES.into_iter().filter(move |role| *role != kind)
}

pub(super) fn keys_only(entries: Listing<KeyEntry>) -> Listing<PublicKey> {
    let Listing { items, unusable } = entries;
    Listing { items: items.into_iter().map(|entry| entry.anchor.key().clone()).collect(), unusable }
}
