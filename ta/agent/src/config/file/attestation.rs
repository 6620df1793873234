// SPDX-License-Identifier: Apache-2.0
//! The entries `[attestation]` and `[eat]`.

use super::hexadecimal;
use crate::config::{DeviceClaims, EatProfile};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Deserialize;
use std::path::Path;
use teep_proto::eat::{Claims, HardwareVersion, ManifestClaim, OemId};
use teep_proto::suit::{Digest, DigestAlgorithm, Envelope};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Attestation {
    oemid: Oem,
    hwmodel: String,
    hwversion: String,
    profile: Option<String>,
    manifests: Vec<Manifest>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Oem {
    Pen(u64),
    Digits(String),
}

/// A SUIT manifest by its digest, or by the file its envelope is in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    uri: String,
    digest: Option<String>,
    envelope: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Eat {
    teep_profile: Option<String>,
    suit_reference_content_type: Option<u64>,
}

impl Eat {
    pub(super) fn profile(&self) -> EatProfile {
        let draft = EatProfile::default();
        EatProfile {
            uri: self.teep_profile.clone().unwrap_or(draft.uri),
            suit_reference_content_type: self
                .suit_reference_content_type
                .unwrap_or(draft.suit_reference_content_type),
        }
    }
}

impl Manifest {
    fn digest(&self, directory: &Path) -> Result<Digest, String> {
        match (&self.digest, &self.envelope) {
            (Some(digits), None) => {
                let digest = hexadecimal(digits)?.try_into();
                let digest = digest.map_err(|_| format!("{digits:?} is no SHA-256 digest of 64 digits"))?;
                Ok(Digest::sha256(digest))
            }
            (None, Some(name)) => {
                let path = directory.join(name);
                let wrong = |what: &dyn core::fmt::Display| format!("envelope {}: {what}", path.display());
                let bytes = std::fs::read(&path).map_err(|e| wrong(&e))?;
                let envelope = Envelope::decode(&bytes).map_err(|e| wrong(&e))?;
                Ok(envelope.manifest_digest(DigestAlgorithm::Sha256))
            }
            _ => Err(format!("{} needs either a digest or an envelope", self.uri)),
        }
    }
}

impl Attestation {
    /// Files are relative to `directory`.
    ///
    /// # Errors
    /// Which entry is wrong, and how.
    pub(super) fn claims(&self, directory: &Path, profile: &EatProfile) -> Result<DeviceClaims, String> {
        let mut manifests = Vec::new();
        for manifest in &self.manifests {
            let digest = manifest.digest(directory).map_err(|e| format!("attestation.manifests: {e}"))?;
            manifests.push(ManifestClaim::SuitReference { uri: &manifest.uri, digest });
        }
        let claims = Claims {
            oemid: Some(self.oemid()?),
            hardware_model: Some(self.hwmodel.as_bytes()),
            hardware_version: Some(HardwareVersion { version: &self.hwversion, scheme: None }),
            eat_profile: self.profile.as_deref(),
            manifests,
            ..Claims::default()
        };
        DeviceClaims::new(&claims, profile).map_err(|error| format!("attestation: {error}"))
    }

    fn oemid(&self) -> Result<OemId, String> {
        let digits = match &self.oemid {
            Oem::Pen(number) => return Ok(OemId::Pen(*number)),
            Oem::Digits(digits) => digits,
        };
        let bytes = hexadecimal(digits)?;
        let ieee = <[u8; 3]>::try_from(bytes.as_slice()).map(OemId::Ieee);
        ieee.or_else(|_| bytes.try_into().map(OemId::Random)).map_err(|_| {
            "attestation.oemid is a private enterprise number, or the hexadecimal digits of 3 bytes (IEEE) or 16 \
             (random)"
                .to_string()
        })
    }
}
