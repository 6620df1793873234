// SPDX-License-Identifier: Apache-2.0
mod dependency;
mod file;
mod trust_store;

pub use dependency::{Dependency, Override};
pub use file::Cipher;

use crate::{Error, Sealed, Sealing, platform_image};
use std::collections::BTreeMap;
use std::path::Path;
use teep_proto::suit::text::{native_ta, native_ta_manifest};

/// The key of the first integrated payload, where the description names no other.
pub const PAYLOAD_URI: &str = "#tc";

/// Texts for people: by language tag, by number of suit-text.
pub type Texts = BTreeMap<String, BTreeMap<i64, String>>;

/// What a manifest installs and whom it is for: everything an envelope says, but its signatures.
#[derive(Clone, Debug)]
pub struct Description {
    /// Grows with every release; a device refuses a number below that of what it has.
    pub sequence_number: u64,
    /// Vendor of the devices this is for.
    pub vendor_id: [u8; 16],
    /// Class of the devices this is for.
    pub class_id: [u8; 16],
    /// Segments of the manifest's own identifier.
    pub manifest_id: Vec<Vec<u8>>,
    /// Where the manifest can be had; reports name it.
    pub reference_uri: Option<String>,
    /// What the manifest is about.
    pub text: Texts,
    /// What it installs.
    pub components: Vec<Component>,
    /// Manifests that have to be there, or are installed with it.
    pub dependencies: Vec<Dependency>,
}

/// One Trusted Component: a Trusted Application, or data.
#[derive(Clone, Debug)]
pub struct Component {
    /// Segments of its identifier.
    pub id: Vec<Vec<u8>>,
    /// Its UUID, if it is a native Trusted Application.
    pub uuid: Option<[u8; 16]>,
    /// The component as the device is to have it.
    pub content: Vec<u8>,
    /// Where its bytes come from; `None`: they stand in the manifest itself.
    pub source: Option<Source>,
    /// How they are encrypted on the way, if they are.
    pub encryption: Option<Encryption>,
    /// What it is.
    pub text: Texts,
}

/// Where a device gets bytes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Their URI; if they are integrated, the key under which the envelope carries them.
    pub uri: String,
    /// Whether the envelope carries them.
    pub integrated: bool,
    /// Whether a manifest that depends on this one may name another place.
    pub overridable: bool,
}

/// How a component is encrypted on the way.
#[derive(Clone, Debug)]
pub enum Encryption {
    /// When the envelope is made: each time under another key.
    New(Sealing),
    /// Before: the same ciphertext each time.
    Made(Sealed),
}

impl Source {
    /// Bytes that the envelope carries under `uri`.
    pub fn integrated(uri: &str) -> Self {
        Self { uri: uri.to_owned(), integrated: true, overridable: false }
    }

    /// Bytes that the device fetches.
    pub fn fetched(uri: &str) -> Self {
        Self { uri: uri.to_owned(), integrated: false, overridable: false }
    }
}

impl Component {
    /// The Trusted Application `uuid` under its usual identifier, carried by the envelope.
    pub fn native_ta(uuid: [u8; 16], image: Vec<u8>) -> Self {
        let source = Some(Source::integrated(PAYLOAD_URI));
        Self { uuid: Some(uuid), source, ..Self::written(native_ta(uuid), image) }
    }

    /// Data that stands in the manifest.
    pub fn written(id: Vec<Vec<u8>>, content: Vec<u8>) -> Self {
        Self { id, uuid: None, content, source: None, encryption: None, text: Texts::new() }
    }
}

impl Description {
    /// The description of one Trusted Application under its usual identifiers, carried by the envelope.
    /// Nothing is checked: [`check`](Self::check) does.
    pub fn new(
        uuid: [u8; 16],
        sequence_number: u64,
        vendor_id: [u8; 16],
        class_id: [u8; 16],
        image: Vec<u8>,
    ) -> Self {
        Self {
            sequence_number,
            vendor_id,
            class_id,
            manifest_id: native_ta_manifest(uuid),
            reference_uri: None,
            text: Texts::new(),
            components: vec![Component::native_ta(uuid, image)],
            dependencies: Vec::new(),
        }
    }

    /// Reads a description from a TOML file and the files it names, and checks it.
    ///
    /// # Errors
    /// [`Error::Io`] for each of the files, [`Error::Description`] for what the TOML file says wrongly, and what
    /// [`check`](Self::check) finds.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let description = file::read(path)?;
        description.check().map_err(|error| error.in_file(path))?;
        Ok(description)
    }

    /// Checks that what is a Trusted Application could be installed by the platform and has its UUID, that
    /// dependencies are what they are taken for, and that what is the TEEP Agent's is a trust store as devices take it.
    ///
    /// # Errors
    /// [`Error::Image`], [`Error::Description`].
    pub fn check(&self) -> Result<(), Error> {
        for component in &self.components {
            if let Some(uuid) = component.uuid {
                platform_image::check(&component.content, uuid)?;
            }
        }
        self.dependencies.iter().try_for_each(Dependency::check)?;
        trust_store::check(self)
    }
}
