// SPDX-License-Identifier: Apache-2.0
//! The manifests in the directory, and the files they name.

use super::{
    Directory, MANIFESTS, PAYLOADS, REPLACED, StoreError, WITHDRAWN, checked_name, list, make_directory,
    read, visible,
};
use crate::store::{Listing, Offer};
use std::fs;
use std::path::{Path, PathBuf};
use teep_proto::Kind;
use teep_proto::cose::Thumbprint;
use teep_proto::suit::{ComponentId, Digest, Envelope, text};
use teep_suit::{Summary, TrustStoreSummary, files};

/// Before the first digits of a device's thumbprint: the directory of what is for this device.
const FOR: &str = "for-";

/// What became of publishing a manifest.
#[derive(Clone, Debug)]
pub struct Published {
    /// The manifest.
    pub offer: Offer,
    /// Whether one of the same name was replaced.
    pub replaced: bool,
    /// Names of the payload files that were put there with it.
    pub payloads: Vec<String>,
}

impl Directory {
    /// Where the files are that manifests name by URI.
    pub fn payloads(&self) -> PathBuf {
        self.root.join(PAYLOADS)
    }

    /// Puts the envelope in the file `source` among the manifests, under the name of the file. One of that
    /// name is replaced. With `agent` it is for this device only. Before it the files `payloads` are put where they are
    /// served; the manifest has to name each by its digest.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when no vetted signer signed it, [`StoreError::Nothing`] when it is there,
    /// [`StoreError::Invalid`] when a payload is not what it names, or the manifest brings a trust store that no device
    /// takes from it.
    pub fn publish(
        &self,
        source: &Path,
        agent: Option<Thumbprint>,
        payloads: &[PathBuf],
    ) -> Result<Published, StoreError> {
        let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if Path::new(checked_name(name)?).extension().is_none_or(|extension| extension != "suit") {
            return Err(StoreError::Invalid(format!("{name:?}: an envelope's name ends with .suit")));
        }
        let name = match agent {
            Some(agent) => format!("{FOR}{:.16}/{name}", agent.to_string()),
            None => name.to_owned(),
        };
        let envelope = read(source)?;
        let offer = Offer::verified(name.clone(), envelope, &self.signer_anchors()?).map_err(|error| {
            let text = format!("{}: {}", source.display(), why_not_served(&error));
            match error.kind {
                Kind::Unauthenticated | Kind::BadCertificate | Kind::CertificateExpired => {
                    StoreError::Refused(text)
                }
                _ => StoreError::Invalid(text),
            }
        })?;
        check_trust_store(&offer)
            .map_err(|problem| StoreError::Invalid(format!("{}: {problem}", source.display())))?;
        let payloads =
            payloads.iter().map(|payload| self.add_payload(payload, &offer)).collect::<Result<_, _>>()?;
        let path = self.root.join(MANIFESTS).join(&name);
        let replaced = path.exists();
        if replaced && read(&path)? == offer.envelope {
            return Err(StoreError::Nothing(format!("{name} is published already")));
        }
        path.parent().map_or(Ok(()), |parent| make_directory(parent, 0o755))?;
        if replaced {
            self.remember(&path)?;
        }
        files::write_atomic(&path, &offer.envelope)?;
        let withdrawn = self.root.join(WITHDRAWN).join(&name);
        if withdrawn.exists() {
            remove(withdrawn)?;
        }
        Ok(Published { offer: Offer { agent, ..offer }, replaced, payloads })
    }

    /// Puts the file `source` among the payloads, under its name. A file that no device would take is not served.
    fn add_payload(&self, source: &Path, manifest: &Offer) -> Result<String, StoreError> {
        let name = checked_name(source.file_name().and_then(|name| name.to_str()).unwrap_or_default())?;
        let bytes = fs::read(source).map_err(|error| teep_suit::Error::Io {
            doing: "read",
            path: source.to_owned(),
            source: error,
        })?;
        if !teep_suit::names_payload(&manifest.envelope, &bytes)? {
            return Err(StoreError::Invalid(format!(
                "{} does not name {}: its digest is that of another file",
                manifest.name,
                source.display()
            )));
        }
        if is_for_trust_store(manifest) {
            let summary = TrustStoreSummary::unauthenticated(&bytes).map_err(|error| error.to_string());
            let problem = summary.map_or_else(Some, |summary| summary.mismatch(manifest.sequence_number));
            if let Some(problem) = problem {
                return Err(StoreError::Invalid(format!("{}: {problem}", source.display())));
            }
        }
        make_directory(&self.payloads(), 0o755)?;
        files::write_atomic(&self.payloads().join(name), &bytes)?;
        Ok(name.to_owned())
    }

    /// Takes the manifest `name` away, e.g. `hello.suit` or `for-0123456789abcdef/greeting.suit`. With `give_up`
    /// devices that have it are told to give it up; else they keep it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub fn withdraw(&self, name: &str, give_up: bool) -> Result<(), StoreError> {
        let (own, file) = name.split_once('/').unwrap_or(("x", name));
        [own, file].into_iter().try_for_each(|part| checked_name(part).map(|_| ()))?;
        let path = self.root.join(MANIFESTS).join(name);
        if !path.is_file() {
            let hint = match give_up {
                true => {
                    "; to have devices give up what was withdrawn without --give-up, publish it again first"
                }
                false => "",
            };
            return Err(StoreError::NotFound(format!("{name} is not published: see teep-tam list{hint}")));
        }
        if give_up
            && Offer::withdrawn(name.to_owned(), read(&path)?).is_ok_and(|offer| is_for_trust_store(&offer))
        {
            return Err(StoreError::Invalid(format!(
                "{name} has a trust store, which no device can give up: publish another one, or withdraw it without \
                 --give-up"
            )));
        }
        self.remember(&path)?;
        if give_up {
            let kept = self.root.join(WITHDRAWN).join(name);
            kept.parent().map_or(Ok(()), |parent| make_directory(parent, 0o755))?;
            files::write_atomic(&kept, &read(&path)?)?;
        }
        remove(path)
    }

    /// The manifests by name.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn manifests(&self) -> Result<Listing<Offer>, StoreError> {
        let signers = self.signer_anchors()?;
        self.offers_in(MANIFESTS, |name, envelope| Offer::verified(name, envelope, &signers))
    }

    /// The manifests that devices are to give up, by name; also when their signers are not vetted any more.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be read.
    pub fn withdrawn_manifests(&self) -> Result<Listing<Offer>, StoreError> {
        self.offers_in(WITHDRAWN, Offer::withdrawn)
    }

    /// Keeps the manifest at `path` in mind, which is to go.
    fn remember(&self, path: &Path) -> Result<(), StoreError> {
        let bytes = read(path)?;
        // What is no envelope no device has.
        let Ok(envelope) = Envelope::decode(&bytes) else { return Ok(()) };
        make_directory(&self.root.join(REPLACED), 0o755)?;
        let path = self.place_of_replaced(envelope.claimed_digest());
        Ok(files::write_atomic(&path, &envelope.without_payloads().encode(false))?)
    }

    fn place_of_replaced(&self, digest: Digest) -> PathBuf {
        self.root.join(REPLACED).join(format!("{digest}.suit"))
    }

    /// The manifest with `digest`, if another one came in its place and its signer is vetted still.
    pub(super) fn replaced_manifest(&self, digest: Digest) -> Result<Option<Offer>, StoreError> {
        let path = self.place_of_replaced(digest);
        if !path.exists() {
            return Ok(None);
        }
        let name = path.display().to_string();
        let offer = Offer::verified_at(name, read(&path)?, &self.signer_anchors()?, None);
        Ok(offer.ok().filter(|offer| offer.digest == digest))
    }

    fn offers_in(
        &self,
        kind: &str,
        verified: impl Fn(String, Vec<u8>) -> Result<Offer, teep_proto::Error>,
    ) -> Result<Listing<Offer>, StoreError> {
        let mut listing = Listing::default();
        let root = self.root.join(kind);
        if !root.is_dir() {
            return Ok(listing);
        }
        let mut add = |name: String, path: &Path, agent: Option<Thumbprint>| {
            if path.extension().is_none_or(|extension| extension != "suit") {
                return;
            }
            let offer = read(path).map_err(|error| error.to_string()).and_then(|envelope| {
                verified(name.clone(), envelope).map_err(|error| why_not_served(&error))
            });
            match offer {
                Ok(offer) => listing.items.push(Offer { agent, ..offer }),
                Err(why) => listing.unusable.push((format!("{kind}/{name}"), why)),
            }
        };
        list(&root)?.into_iter().for_each(|(name, path)| add(name, &path, None));
        let mut known = Vec::new();
        for entry in self.agent_entries()?.items {
            let agent = entry.anchor.thumbprint();
            let own = format!("{FOR}{:.16}", agent.to_string());
            let directory = root.join(&own);
            if directory.is_dir() {
                list(&directory)?
                    .into_iter()
                    .for_each(|(name, path)| add(format!("{own}/{name}"), &path, Some(agent)));
            }
            known.push(own);
        }
        for name in directories(&root)? {
            if !known.contains(&name) {
                let why = "it is for a device that is not enrolled".to_owned();
                listing.unusable.push((format!("{kind}/{name}"), why));
            }
        }
        Ok(listing)
    }
}

fn remove(path: PathBuf) -> Result<(), StoreError> {
    fs::remove_file(&path).map_err(|source| teep_suit::Error::Io { doing: "remove", path, source }.into())
}

fn why_not_served(error: &teep_proto::Error) -> String {
    match error.kind {
        Kind::Unauthenticated => format!(
            "{error}; vet its signer with teep-tam add-signer, if you trust it, and if it is vetted by its CA, sign \
             with teep-suit create --certificates"
        ),
        Kind::BadCertificate | Kind::CertificateExpired => {
            format!("{error}; sign it again, with certificates that are in order")
        }
        _ => format!("not a usable SUIT envelope, {error}"),
    }
}

fn is_for_trust_store(manifest: &Offer) -> bool {
    let id = ComponentId::encode(&text::trust_store());
    manifest.components.iter().any(|component| component.id == id)
}

/// That devices take the trust store in the envelope, if it is a manifest for one, from this manifest.
fn check_trust_store(manifest: &Offer) -> Result<(), String> {
    if !is_for_trust_store(manifest) {
        return Ok(());
    }
    let summary = Summary::unauthenticated(&manifest.envelope).map_err(|error| error.to_string())?;
    match summary.trust_store {
        Some(store) => store.mismatch(manifest.sequence_number).map_or(Ok(()), Err),
        None if summary.payloads.is_empty() => Ok(()),
        None => Err("what it brings as the trust store is not what teep-suit trust-store makes".to_owned()),
    }
}

/// Names of the visible directories in a directory, in order.
fn directories(directory: &Path) -> Result<Vec<String>, StoreError> {
    Ok(visible(directory)?.into_iter().filter(|(_, path)| path.is_dir()).map(|(name, _)| name).collect())
}
