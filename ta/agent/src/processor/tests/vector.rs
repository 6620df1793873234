// SPDX-License-Identifier: Apache-2.0
//! The form of the files in `vectors/`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes, as hexadecimal text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hex(pub(super) Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vector {
    pub(super) about: String,
    pub(super) procedure: Procedure,
    /// Of Uninstall: under which the manifest is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) manifest_id: Option<Hex>,
    pub(super) envelope: Hex,
    pub(super) expected: Expected,
    pub(super) device: Device,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Procedure {
    Update,
    Uninstall,
}

/// The device before the procedure. Identifiers are encoded component identifiers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Device {
    pub(super) vendor_ids: Vec<Hex>,
    pub(super) class_ids: Vec<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device_id: Option<Hex>,
    pub(super) strict_dependencies: bool,
    pub(super) unnamed_manifests: bool,
    pub(super) accept_es256: bool,
    /// What begins with one of these can be held.
    pub(super) supported: Vec<Hex>,
    /// Private and symmetric COSE_Keys to which payloads are encrypted.
    pub(super) decryption_keys: Vec<Hex>,
    pub(super) signers: Vec<Signer>,
    pub(super) components: Vec<Stored>,
    pub(super) manifests: Vec<Stored>,
    /// Component and dependency links: the manifest, and what it is linked to.
    pub(super) links: Vec<(Hex, Hex)>,
    pub(super) floors: Vec<Floor>,
    /// What the network has.
    pub(super) network: Vec<Resource>,
}

/// A trust anchor of the Trusted Component signer role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signer {
    /// A COSE_Key, public or symmetric.
    pub(super) key: Hex,
    /// It may touch what begins with one of these.
    pub(super) prefixes: Vec<Hex>,
    /// Effectful commands it may use; all if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) commands: Option<Vec<i64>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    pub(super) id: Hex,
    pub(super) bytes: Hex,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Floor {
    pub(super) id: Hex,
    pub(super) sequence_number: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) uri: String,
    pub(super) bytes: Hex,
}

/// What must become of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Expected {
    /// Update ran to its end.
    Installed {
        /// The root manifest, then those of its dependencies that took part.
        manifests: Vec<Hex>,
        /// What is there then. Digests are encoded SUIT_Digests.
        components: Vec<Component>,
        /// What reporting policies asked for.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        records: Vec<Record>,
    },
    /// Uninstall ran to its end.
    Removed {
        /// What is left of the links.
        links: Vec<(Hex, Hex)>,
    },
    /// The procedure failed, and nothing changes.
    Refused {
        /// Number of the reason, as in a SUIT Report.
        reason: u8,
        record: Record,
        /// One phrase for people; of this implementation.
        text: String,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        records: Vec<Record>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) id: Hex,
    pub(super) digest: Hex,
    /// Its new bytes; absent if what is installed stays.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) bytes: Option<Hex>,
    /// Whether the bytes were decrypted on the way.
    pub(super) confidential: bool,
}

/// A SUIT_Record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) manifest_id: Vec<u64>,
    pub(super) section: u64,
    pub(super) offset: u64,
    pub(super) component_index: u64,
    /// A digest that was found, encoded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) digest: Option<Hex>,
    /// A size that was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) size: Option<u64>,
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

/// Whether the vectors are being written just now.
pub(super) fn is_updating() -> bool {
    std::env::var_os("UPDATE_GENERATED").is_some()
}

/// Every vector that is kept, with its name.
pub(super) fn kept() -> Vec<(String, Vector)> {
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    files(&directory(), "toml").iter().map(|path| (name(path), Vector::read(path))).collect()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

impl Vector {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Keeps it as `name.toml`; a file that says something else is stale.
    pub(super) fn keep(&self, name: &str) {
        let path = directory().join(format!("{name}.toml"));
        let text = toml::to_string(self).expect("TOML");
        if is_updating() {
            fs::create_dir_all(directory()).expect("vectors");
            fs::write(&path, &text).expect("a vector");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        let again = "UPDATE_GENERATED=1 cargo test -p teep-agent --lib processor";
        assert!(found == text, "{} is stale; run {again}", path.display());
    }
}

/// REQ-SUIT-096: every file gives what it says, also when it is read again.
#[test]
fn kept_vectors_give_what_they_say() {
    if is_updating() {
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/processor/tests");
    let sources = [files(&tests, "rs"), files(&tests.join("dependencies"), "rs")].concat();
    let sources: String = sources.iter().map(|path| fs::read_to_string(path).expect("a source")).collect();
    let kept = kept();
    assert!(kept.len() > 250, "only {} vectors", kept.len());
    for (name, vector) in kept {
        assert_eq!(super::world::run(&vector), vector.expected, "{name}");
        assert!(sources.contains(&format!("\"{name}\"")), "{name} belongs to no test any more");
    }
}
