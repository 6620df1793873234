// SPDX-License-Identifier: Apache-2.0
//! The TOML form of a description; docs/manifest-descriptions.md explains every entry.

use super::{Component, Dependency, Description, Encryption, Override, PAYLOAD_URI, Source, Texts};
use crate::{Error, Sealed, Sealing, keys};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use teep_agent::config::parse_toml;
use teep_proto::cose::ContentAlgorithm;
use teep_proto::suit::labels::{component_text, text as manifest_text};
use teep_proto::suit::text::{self, native_ta, native_ta_manifest};

/// The description in the file at `path`.
///
/// # Errors
/// [`Error::Io`] for each file it names, [`Error::Description`] with the place of the mistake.
pub(super) fn read(path: &Path) -> Result<Description, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    let file: Result<File, _> = parse_toml(&text).map_err(Error::Description);
    let directory = path.parent().unwrap_or(Path::new(""));
    file.and_then(|file| file.describe(directory)).map_err(|error| error.in_file(path))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    sequence_number: u64,
    vendor_id: String,
    class_id: String,
    manifest_id: Option<String>,
    reference_uri: Option<String>,
    /// The short form of one component: these entries without a table of their own.
    ta: Option<PathBuf>,
    uuid: Option<String>,
    component_id: Option<String>,
    uri: Option<String>,
    uri_overridable: Option<bool>,
    #[serde(default)]
    component: Vec<ComponentFile>,
    #[serde(default)]
    dependency: Vec<DependencyFile>,
    #[serde(default)]
    text: TextFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ComponentFile {
    id: Option<String>,
    uuid: Option<String>,
    ta: Option<PathBuf>,
    file: Option<PathBuf>,
    delivery: Option<Delivery>,
    uri: Option<String>,
    uri_overridable: Option<bool>,
    #[serde(default)]
    encrypt_to: Vec<PathBuf>,
    cipher: Option<Cipher>,
    ciphertext: Option<PathBuf>,
    encryption_info: Option<PathBuf>,
    #[serde(default)]
    text: TextFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DependencyFile {
    manifest: PathBuf,
    signer: Option<PathBuf>,
    id: Option<String>,
    delivery: Option<Delivery>,
    uri: Option<String>,
    uri_overridable: Option<bool>,
    #[serde(default, rename = "override")]
    overrides: Vec<OverrideFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct OverrideFile {
    component_id: String,
    uri: String,
}

/// By language tag, by the name of the entry.
type TextFile = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Delivery {
    Integrated,
    Fetch,
    Write,
    Installed,
}

/// A cipher as it is written in a description and on the command line.
#[derive(Clone, Copy, Debug, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Cipher {
    /// AES-GCM with 128 bits, which authenticates
    #[default]
    A128gcm,
    /// ChaCha20/Poly1305, which authenticates
    Chacha20Poly1305,
    /// AES-CTR with 128 bits
    A128ctr,
    /// AES-CTR with 192 bits
    A192ctr,
    /// AES-CTR with 256 bits
    A256ctr,
}

impl From<Cipher> for ContentAlgorithm {
    fn from(cipher: Cipher) -> Self {
        match cipher {
            Cipher::A128gcm => Self::A128Gcm,
            Cipher::Chacha20Poly1305 => Self::ChaCha20Poly1305,
            Cipher::A128ctr => Self::A128Ctr,
            Cipher::A192ctr => Self::A192Ctr,
            Cipher::A256ctr => Self::A256Ctr,
        }
    }
}

impl File {
    fn describe(mut self, directory: &Path) -> Result<Description, Error> {
        let short = ComponentFile {
            id: self.component_id.take(),
            uuid: self.uuid.take(),
            ta: self.ta.take(),
            uri: self.uri.take(),
            uri_overridable: self.uri_overridable.take(),
            ..ComponentFile::default()
        };
        if short.is_there() {
            self.component.insert(0, short);
        }
        let (mut components, mut dependencies) = (Vec::new(), Vec::new());
        for (number, component) in self.component.into_iter().enumerate() {
            let described = component.describe(directory, number);
            components.push(described.map_err(|error| within(error, "component", number))?);
        }
        for (number, dependency) in self.dependency.into_iter().enumerate() {
            let described = dependency.describe(directory, number);
            dependencies.push(described.map_err(|error| within(error, "dependency", number))?);
        }
        let manifest_id = match (self.manifest_id, components.iter().find_map(|c: &Component| c.uuid)) {
            (Some(id), _) => parse_id("manifest-id", &id)?,
            (None, Some(uuid)) => native_ta_manifest(uuid),
            (None, None) => {
                return wrong(
                    "manifest-id is missing: under it the device keeps the manifest, e.g. \
                              TEEP-Device/SecureFS/config.suit",
                );
            }
        };
        Ok(Description {
            sequence_number: self.sequence_number,
            vendor_id: parse_uuid("vendor-id", &self.vendor_id)?,
            class_id: parse_uuid("class-id", &self.class_id)?,
            manifest_id,
            reference_uri: self.reference_uri,
            text: numbered(self.text, manifest_text::ALL, manifest_text::name)?,
            components,
            dependencies,
        })
    }
}

impl ComponentFile {
    fn is_there(&self) -> bool {
        self.id.is_some()
            || self.uuid.is_some()
            || self.ta.is_some()
            || self.uri.is_some()
            || self.uri_overridable.is_some()
    }

    fn describe(self, directory: &Path, number: usize) -> Result<Component, Error> {
        let uuid = self.uuid.as_deref().map(|uuid| parse_uuid("uuid", uuid)).transpose()?;
        let id = self.id.as_deref().map(|id| parse_id("id", id)).transpose()?;
        let (uuid, id, file) = match (self.ta, self.file, uuid, id) {
            (Some(ta), None, Some(uuid), id) => (Some(uuid), id.unwrap_or_else(|| native_ta(uuid)), ta),
            (None, Some(file), None, Some(id)) => (None, id, file),
            (Some(_), None, None, _) => return wrong("ta needs uuid, the UUID of the Trusted Application"),
            (None, Some(_), _, None) => return wrong("file needs id, the component's identifier"),
            _ => {
                return wrong(
                    "a component is either a Trusted Application, with ta and uuid, or data, with file and id",
                );
            }
        };
        let default_uri = if number == 0 { PAYLOAD_URI.to_owned() } else { format!("{PAYLOAD_URI}{number}") };
        let source = match self.delivery {
            Some(Delivery::Write) if self.uri.is_some() || self.uri_overridable.is_some() => {
                return wrong("delivery = \"write\" puts the bytes into the manifest: leave the uri out");
            }
            Some(Delivery::Write) => None,
            Some(Delivery::Installed) => return wrong("only a dependency can be installed already"),
            delivery => Some(source(delivery, self.uri, self.uri_overridable, &default_uri)?),
        };
        let encryption = match (self.encrypt_to.as_slice(), self.ciphertext, self.encryption_info) {
            ([], None, None) if self.cipher.is_some() => {
                return wrong("cipher needs encrypt-to, the keys of the devices");
            }
            ([], None, None) => None,
            ([], Some(ciphertext), Some(info)) => Some(Encryption::Made(Sealed {
                info: read_file(&directory.join(info))?,
                ciphertext: read_file(&directory.join(ciphertext))?,
            })),
            (files, None, None) => {
                let load = |file: &PathBuf| keys::load_recipient(&directory.join(file));
                let recipients = files.iter().map(load).collect::<Result<_, _>>()?;
                Some(Encryption::New(Sealing {
                    algorithm: self.cipher.unwrap_or_default().into(),
                    recipients,
                }))
            }
            _ => return wrong("a component has encrypt-to, or ciphertext with encryption-info"),
        };
        let path = directory.join(&file);
        let content = read_file(&path)?;
        if let Some(uuid) = uuid {
            // The name of the file says more than what is wrong with it.
            crate::platform_image::check(&content, uuid).map_err(|error| match error {
                Error::Image(problem) => Error::Image(format!("{}: {problem}", path.display())),
                other => other,
            })?;
        }
        let text = numbered(self.text, component_text::ALL, component_text::name)?;
        Ok(Component { id, uuid, content, source, encryption, text })
    }
}

impl DependencyFile {
    fn describe(self, directory: &Path, number: usize) -> Result<Dependency, Error> {
        let default_uri = if number == 0 { "#dependency".to_owned() } else { format!("#dependency{number}") };
        let source = match self.delivery {
            Some(Delivery::Write) => {
                return wrong("a dependency cannot be written: say integrated, fetch or installed");
            }
            Some(Delivery::Installed) if self.uri.is_some() => {
                return wrong("what is installed already is not fetched: leave the uri out");
            }
            Some(Delivery::Installed) => None,
            delivery => Some(source(delivery, self.uri, self.uri_overridable, &default_uri)?),
        };
        let path = directory.join(&self.manifest);
        let envelope = read_file(&path)?;
        if let Some(signer) = &self.signer {
            let trusted = keys::Trusted::load(&[directory.join(signer)])?;
            trusted.verify(&teep_proto::suit::Envelope::decode(&envelope)?)?;
        }
        let mut dependency = match self.id {
            Some(id) => Dependency { id: parse_id("id", &id)?, envelope, source, overrides: Vec::new() },
            None => Dependency::new(envelope, source)?,
        };
        for other in self.overrides {
            let component = parse_id("override.component-id", &other.component_id)?;
            dependency.overrides.push(Override { component, uri: other.uri });
        }
        Ok(dependency)
    }
}

fn source(
    delivery: Option<Delivery>,
    uri: Option<String>,
    overridable: Option<bool>,
    default_uri: &str,
) -> Result<Source, Error> {
    let integrated = match (delivery, &uri) {
        (Some(Delivery::Integrated), _) | (None, None) => true,
        (Some(Delivery::Fetch), None) => return wrong("delivery = \"fetch\" needs the uri to fetch from"),
        _ => false,
    };
    if overridable.is_some() && uri.is_none() {
        return wrong("uri-overridable is about a uri: say which one");
    }
    if let (false, Some(uri)) = (integrated, &uri)
        && !["http://", "https://"].iter().any(|scheme| uri.starts_with(scheme))
    {
        return wrong(&format!("uri: devices fetch from http and https servers only, not from {uri:?}"));
    }
    let uri = uri.unwrap_or_else(|| default_uri.to_owned());
    Ok(Source { uri, integrated, overridable: overridable.unwrap_or(false) })
}

/// Texts by number.
fn numbered(file: TextFile, all: &[i64], name: impl Fn(i64) -> Option<&'static str>) -> Result<Texts, Error> {
    let mut texts = Texts::new();
    for (tag, entries) in file {
        for (entry, text) in entries {
            let Some(label) = all.iter().find(|label| name(**label) == Some(entry.as_str())) else {
                let known: Vec<_> = all.iter().filter_map(|label| name(*label)).collect();
                return wrong(&format!("text.{tag}.{entry} is unknown: there are {}", known.join(", ")));
            };
            texts.entry(tag.clone()).or_default().insert(*label, text);
        }
    }
    Ok(texts)
}

fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::io("read", path, source))
}

fn parse_id(key: &str, text: &str) -> Result<Vec<Vec<u8>>, Error> {
    text::parse(text).map_err(|error| Error::Description(format!("{key}: {error}")))
}

/// Reads a UUID in its usual form.
fn parse_uuid(key: &str, text: &str) -> Result<[u8; 16], Error> {
    text::parse_uuid(text).ok_or_else(|| {
        Error::Description(format!(
            "{key}: {text:?} is not a UUID: write it as in 1c42796f-7fc4-4536-b751-6a58e6f4540c"
        ))
    })
}

fn wrong<T>(problem: &str) -> Result<T, Error> {
    Err(Error::Description(problem.to_owned()))
}

fn within(error: Error, table: &str, number: usize) -> Error {
    match error {
        Error::Description(problem) => {
            Error::Description(format!("{table} {}: {problem}", number.saturating_add(1)))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
