// SPDX-License-Identifier: Apache-2.0
use super::{Listing, Offer, Store};
use crate::{Error, TamConfig};
use std::fmt;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use teep_proto::cose::{Algorithm, PublicKey};
use teep_proto::limits::MAX_MESSAGE;
use teep_suit::{files, keys};

const AGENTS: &str = "agents";
const SIGNERS: &str = "signers";
const MANIFESTS: &str = "manifests";
const KEYS: &str = "keys";
const ESP256_KEY: &str = "tam-esp256";
const ED25519_KEY: &str = "tam-ed25519";
/// Bytes of a name of an Agent, a signer or a manifest at most.
const MAX_NAME: usize = 100;

/// A store in a directory, which is read anew for every message: putting a file there publishes it, removing
/// it withdraws it.
///
/// | Path | What |
/// | --- | --- |
/// | `keys/tam-esp256.pem`, `keys/tam-ed25519.pem` | the TAM's own keys, with their public halves beside them |
/// | `agents/*` | public keys of enrolled Agents, COSE_Key or PEM |
/// | `signers/*` | public keys of vetted Trusted Component signers, COSE_Key or PEM |
/// | `manifests/*.suit` | SUIT envelopes |
///
/// Names that begin with a dot are passed over.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

/// A key with the name of its file.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    /// Name of the file.
    pub name: String,
    /// The key in it.
    pub key: PublicKey,
}

/// What became of publishing a manifest.
#[derive(Clone, Debug)]
pub struct Published {
    /// The manifest.
    pub offer: Offer,
    /// Whether one of the same name was replaced.
    pub replaced: bool,
}

/// Why a change of the directory was not made.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Reading or writing a file or key failed.
    File(teep_suit::Error),
    /// What is meant does not exist.
    NotFound(String),
    /// Everything is as it should be already.
    Nothing(String),
    /// It must not be done.
    Refused(String),
    /// It cannot be done like this.
    Invalid(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::NotFound(text) | Self::Nothing(text) | Self::Refused(text) | Self::Invalid(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl From<teep_suit::Error> for StoreError {
    fn from(error: teep_suit::Error) -> Self {
        Self::File(error)
    }
}

impl Directory {
    /// Makes the directory with all it needs, or adds what is missing in it. Keys that are there stay.
    /// Also returns the names of the keys made, without ending.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn init(root: &Path) -> Result<(Self, Vec<PathBuf>), StoreError> {
        for (name, mode) in [(AGENTS, 0o755), (SIGNERS, 0o755), (MANIFESTS, 0o755), (KEYS, 0o700)] {
            let path = root.join(name);
            fs::DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(&path)
                .map_err(|source| teep_suit::Error::Io { doing: "make", path, source })?;
        }
        let directory = Self { root: root.to_owned() };
        let mut made = Vec::new();
        for (algorithm, name) in [(Algorithm::Esp256, ESP256_KEY), (Algorithm::Ed25519, ED25519_KEY)] {
            let name = directory.key_name(name);
            if !keys::KeyFiles::of(&name).private_pem.exists() {
                keys::write(&keys::generate(algorithm)?, &name)?;
                made.push(name);
            }
        }
        Ok((directory, made))
    }

    /// Opens a directory that [`init`](Self::init) made.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is none.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        if [AGENTS, SIGNERS, MANIFESTS, KEYS].iter().all(|name| root.join(name).is_dir()) {
            return Ok(Self { root: root.to_owned() });
        }
        let root = root.display();
        Err(StoreError::NotFound(format!("{root} is no TAM directory: make one with: teep-tam init {root}")))
    }

    /// The configuration with the keys in the directory.
    ///
    /// # Errors
    /// [`StoreError::File`] when one cannot be read.
    pub fn config(&self) -> Result<TamConfig, StoreError> {
        let [esp256, ed25519] =
            [ESP256_KEY, ED25519_KEY].map(|name| keys::KeyFiles::of(&self.key_name(name)).private_pem);
        Ok(TamConfig::new(keys::load_signing_key(&esp256)?, keys::load_signing_key(&ed25519)?)?)
    }

    fn key_name(&self, name: &str) -> PathBuf {
        self.root.join(KEYS).join(name)
    }

    /// Admits the Agent that has `key`. Without `name` the first digits of its thumbprint are one. Returns
    /// the name.
    ///
    /// # Errors
    /// [`StoreError::Nothing`] when it is enrolled; else as for any file and name.
    pub fn enrol(&self, key: &PublicKey, name: Option<&str>) -> Result<String, StoreError> {
        self.add_key(AGENTS, key, name)
    }

    /// Vets the Trusted Component signer that has `key`, as [`enrol`](Self::enrol) does for Agents.
    ///
    /// # Errors
    /// As [`enrol`](Self::enrol).
    pub fn add_signer(&self, key: &PublicKey, name: Option<&str>) -> Result<String, StoreError> {
        self.add_key(SIGNERS, key, name)
    }

    fn add_key(&self, kind: &str, key: &PublicKey, name: Option<&str>) -> Result<String, StoreError> {
        let present = self.read_keys(kind)?.items.into_iter().find(|entry| entry.key == *key);
        if let Some(entry) = present {
            return Err(StoreError::Nothing(format!("the key is there already, as {kind}/{}", entry.name)));
        }
        let name = match name {
            Some(name) => format!("{name}.cose"),
            None => format!("{:.16}.cose", key.thumbprint().to_string()),
        };
        let path = self.root.join(kind).join(checked_name(&name)?);
        if path.exists() {
            let problem = format!("{} holds another key: choose another name", path.display());
            return Err(StoreError::Invalid(problem));
        }
        files::write_atomic(&path, &key.to_cose_key())?;
        Ok(name)
    }

    /// Puts the envelope in the file `source` among the manifests, under the name of the file. One of that
    /// name is replaced.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when no vetted signer signed it, [`StoreError::Nothing`] when it is there.
    pub fn publish(&self, source: &Path) -> Result<Published, StoreError> {
        let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if Path::new(checked_name(name)?).extension().is_none_or(|extension| extension != "suit") {
            return Err(StoreError::Invalid(format!("{name:?}: an envelope's name ends with .suit")));
        }
        let envelope = read(source)?;
        let offer = Offer::verified(name.to_owned(), envelope, &self.signer_keys()?).map_err(|error| {
            let text = format!("{}: {}", source.display(), why_not_served(&error));
            if error.kind == teep_proto::Kind::Unauthenticated {
                StoreError::Refused(text)
            } else {
                StoreError::Invalid(text)
            }
        })?;
        let path = self.root.join(MANIFESTS).join(name);
        let replaced = path.exists();
        if replaced && read(&path)? == offer.envelope {
            return Err(StoreError::Nothing(format!("{name} is published already")));
        }
        files::write_atomic(&path, &offer.envelope)?;
        Ok(Published { offer, replaced })
    }

    /// Takes the manifest `name` away.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub fn withdraw(&self, name: &str) -> Result<(), StoreError> {
        let path = self.root.join(MANIFESTS).join(checked_name(name)?);
        if !path.exists() {
            return Err(StoreError::NotFound(format!("{name} is not published: see teep-tam list")));
        }
        fs::remove_file(&path).map_err(|source| teep_suit::Error::Io { doing: "remove", path, source }.into())
    }

    /// The enrolled Agents by name.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn agent_entries(&self) -> Result<Listing<KeyEntry>, StoreError> {
        self.read_keys(AGENTS)
    }

    /// The vetted signers by name.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn signer_entries(&self) -> Result<Listing<KeyEntry>, StoreError> {
        self.read_keys(SIGNERS)
    }

    fn signer_keys(&self) -> Result<Vec<PublicKey>, StoreError> {
        Ok(self.read_keys(SIGNERS)?.items.into_iter().map(|entry| entry.key).collect())
    }

    fn read_keys(&self, kind: &str) -> Result<Listing<KeyEntry>, StoreError> {
        let mut listing = Listing::default();
        for (name, path) in list(&self.root.join(kind))? {
            match keys::load_public_key(&path) {
                Ok(key) => listing.items.push(KeyEntry { name, key }),
                Err(error) => listing.unusable.push((format!("{kind}/{name}"), error.to_string())),
            }
        }
        Ok(listing)
    }

    /// The manifests by name.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn manifests(&self) -> Result<Listing<Offer>, StoreError> {
        let signers = self.signer_keys()?;
        let mut listing = Listing::default();
        for (name, path) in list(&self.root.join(MANIFESTS))? {
            if path.extension().is_none_or(|extension| extension != "suit") {
                continue;
            }
            let offer = read(&path).map_err(|error| error.to_string()).and_then(|envelope| {
                Offer::verified(name.clone(), envelope, &signers).map_err(|error| why_not_served(&error))
            });
            match offer {
                Ok(offer) => listing.items.push(offer),
                Err(why) => listing.unusable.push((format!("{MANIFESTS}/{name}"), why)),
            }
        }
        Ok(listing)
    }
}

impl Store for Directory {
    fn agents(&self) -> Result<Listing<PublicKey>, Error> {
        let Listing { items, unusable } = self.agent_entries().map_err(internal)?;
        Ok(Listing { items: items.into_iter().map(|entry| entry.key).collect(), unusable })
    }

    fn offers(&self) -> Result<Listing<Offer>, Error> {
        self.manifests().map_err(internal)
    }
}

fn internal(error: StoreError) -> Error {
    Error::Internal(error.to_string())
}

fn why_not_served(error: &teep_proto::Error) -> String {
    if error.kind == teep_proto::Kind::Unauthenticated {
        return format!("{error}; vet its signer with teep-tam add-signer, if you trust it");
    }
    format!("not a usable SUIT envelope, {error}")
}

/// A file of at most the length of a message; one byte more is kept, so that the excess is noticed.
fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take((MAX_MESSAGE as u64).saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|source| teep_suit::Error::Io { doing: "read", path: path.to_owned(), source })?;
    Ok(bytes)
}

/// The visible files of a directory in the order of their names.
fn list(directory: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let entries = fs::read_dir(directory).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let entries = entries.map_err(|source| teep_suit::Error::Io {
        doing: "read the directory",
        path: directory.to_owned(),
        source,
    })?;
    let mut files: Vec<(String, PathBuf)> = entries
        .into_iter()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, path)| !name.starts_with('.') && path.is_file())
        .collect();
    files.sort();
    Ok(files)
}

/// A name that stays within its directory, looks the same everywhere and needs no quotes.
fn checked_name(name: &str) -> Result<&str, StoreError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if first && name.len() <= MAX_NAME && name.bytes().all(plain) {
        return Ok(name);
    }
    Err(StoreError::Invalid(format!(
        "{name:?} cannot be a name: use letters, digits, '-', '_' and '.', at most {MAX_NAME}, with a letter \
         or digit first"
    )))
}

#[cfg(test)]
mod tests;
