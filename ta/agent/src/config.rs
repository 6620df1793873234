// SPDX-License-Identifier: Apache-2.0
//! Trust anchors and device identity, as built into the Agent.
//!
//! An integrator edits a TOML file (its form is documented in `docs/agent-configuration.md`); `compile_toml`
//! (feature `toml`, for build scripts) checks it and makes the bytes that [`crate::Agent::new`] takes.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::cbor::{Reader, encode};
use teep_proto::cose::PublicKey;
use teep_proto::limits::{MAX_LIST, MAX_URI};
use teep_proto::suit::ComponentId;
use teep_proto::{Error, cose::Thumbprint};

#[cfg(feature = "toml")]
mod file;
#[cfg(feature = "toml")]
pub use file::compile_toml;

/// Keys one TAM may have, and prefixes one signer.
const MAX_PER_ANCHOR: usize = 8;

/// The Agent's configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Vendor identifiers (UUIDs) that manifests for this device may name.
    pub vendor_ids: Vec<[u8; 16]>,
    /// Class identifiers (UUIDs) that manifests for this device may name.
    pub class_ids: Vec<[u8; 16]>,
    /// The TAMs the Agent talks to.
    pub tams: Vec<TamAnchor>,
    /// The signers whose manifests it installs.
    pub signers: Vec<SignerAnchor>,
}

/// Trust anchor of the TAM role: its keys count for messages in conversations with this URI only.
#[derive(Clone, Debug, PartialEq)]
pub struct TamAnchor {
    /// Where the TAM is.
    pub uri: String,
    /// Any of them may sign.
    pub keys: Vec<PublicKey>,
}

/// Trust anchor of the Trusted Component signer role.
#[derive(Clone, Debug, PartialEq)]
pub struct SignerAnchor {
    /// Signs manifests.
    pub key: PublicKey,
    /// Encoded component identifiers; the signer may touch what begins with one of them.
    pub prefixes: Vec<Vec<u8>>,
}

impl SignerAnchor {
    /// Whether this signer's manifests may name `id` (REQ-SUIT-030, 054).
    pub fn may_touch(&self, id: &ComponentId<'_>) -> bool {
        self.prefixes
            .iter()
            .any(|prefix| ComponentId::decode(prefix).is_ok_and(|prefix| id.starts_with(&prefix)))
    }
}

impl Config {
    /// Encodes for [`crate::Agent::new`].
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(4);
            for ids in [&self.vendor_ids, &self.class_ids] {
                w.array(ids.len());
                for id in ids {
                    w.bytes(id);
                }
            }
            w.array(self.tams.len());
            for tam in &self.tams {
                w.array(2).text(&tam.uri).array(tam.keys.len());
                for key in &tam.keys {
                    w.bytes(&key.to_cose_key());
                }
            }
            w.array(self.signers.len());
            for signer in &self.signers {
                w.array(2).bytes(&signer.key.to_cose_key()).array(signer.prefixes.len());
                for prefix in &signer.prefixes {
                    w.bytes(prefix);
                }
            }
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    ///
    /// # Errors
    /// When `bytes` are anything else, a key is not valid, or one key has two roles (REQ-ARCH-007).
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(4, "an Agent configuration")?;
        let (vendor_ids, class_ids) = (uuids(&mut r)?, uuids(&mut r)?);
        let mut tams = Vec::new();
        for _ in 0..r.list(1, MAX_LIST, "at least one TAM")? {
            r.array_of(2, "a TAM [uri, keys]")?;
            let uri = r.sized_text(MAX_URI, "a TAM URI")?.to_owned();
            let mut keys = Vec::new();
            for _ in 0..r.list(1, MAX_PER_ANCHOR, "one to eight keys of a TAM")? {
                keys.push(key(&mut r)?);
            }
            tams.push(TamAnchor { uri, keys });
        }
        let mut signers = Vec::new();
        for _ in 0..r.list(0, MAX_LIST, "signers")? {
            r.array_of(2, "a signer [key, prefixes]")?;
            let key = key(&mut r)?;
            let mut prefixes = Vec::new();
            for _ in 0..r.list(1, MAX_PER_ANCHOR, "one to eight component prefixes of a signer")? {
                let prefix = r.bytes("an encoded component identifier")?;
                prefixes.push(ComponentId::decode(prefix)?.as_bytes().to_vec());
            }
            signers.push(SignerAnchor { key, prefixes });
        }
        let config = Self { vendor_ids, class_ids, tams, signers };
        if config.key_with_two_roles().is_some() {
            return Err(r.error("a key in one role only"));
        }
        Ok(config)
    }

    /// A key that is both a TAM's and a signer's.
    fn key_with_two_roles(&self) -> Option<Thumbprint> {
        let mut tam_keys = self.tams.iter().flat_map(|tam| &tam.keys);
        tam_keys.find(|key| self.signers.iter().any(|signer| signer.key == **key)).map(PublicKey::thumbprint)
    }

    /// The signer whose key has this thumbprint.
    pub(crate) fn signer(&self, thumbprint: Thumbprint) -> Option<&SignerAnchor> {
        self.signers.iter().find(|signer| signer.key.thumbprint() == thumbprint)
    }
}

fn uuids(r: &mut Reader<'_>) -> Result<Vec<[u8; 16]>, Error> {
    const WHAT: &str = "UUIDs of 16 bytes";
    let count = r.list(1, MAX_LIST, WHAT)?;
    (0..count)
        .map(|_| r.sized_bytes(16..=16, WHAT).and_then(|id| id.try_into().map_err(|_| r.error(WHAT))))
        .collect()
}

fn key(r: &mut Reader<'_>) -> Result<PublicKey, Error> {
    PublicKey::from_cose_key(r.bytes("a COSE_Key")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use teep_proto::cose::SigningKey;

    fn public(n: u8) -> PublicKey {
        SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar").public_key()
    }

    fn config(signer: u8) -> Config {
        Config {
            vendor_ids: vec![[1; 16]],
            class_ids: vec![[2; 16], [3; 16]],
            tams: vec![TamAnchor { uri: "https://tam.example/tam".to_owned(), keys: vec![public(1)] }],
            signers: vec![SignerAnchor {
                key: public(signer),
                prefixes: vec![ComponentId::encode(&["TEEP-Device"])],
            }],
        }
    }

    #[test]
    fn round_trips() {
        let config = config(2);
        assert_eq!(Config::decode(&config.encode()), Ok(config));
    }

    #[test]
    fn attack_one_key_in_two_roles() {
        Config::decode(&config(1).encode()).expect_err("REQ-ARCH-007");
    }

    #[test]
    fn scope_is_a_prefix_of_whole_elements() {
        let signer = &config(2).signers[0];
        let id = |elements: &[&str]| ComponentId::encode(elements);
        assert!(signer.may_touch(&ComponentId::decode(&id(&["TEEP-Device", "x"])).expect("id")));
        assert!(!signer.may_touch(&ComponentId::decode(&id(&["TEEP-Devices", "x"])).expect("id")));
        assert!(!signer.may_touch(&ComponentId::decode(&id(&["x", "TEEP-Device"])).expect("id")));
        assert!(!signer.may_touch(&ComponentId::decode(&id(&[])).expect("id")));
    }
}
