// SPDX-License-Identifier: Apache-2.0
//! The entries `[attestation]` and `[eat]`.

use super::hexadecimal;
use crate::config::{DeviceClaims, EatProfile};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Deserialize;
use teep_proto::eat::{Claims, HardwareVersion, ManifestClaim, OemId};
use teep_proto::suit::Digest;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    uri: String,
    digest: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Eat {
    teep_profile: Option<String>,
    suit_reference_content_type: Option<u64>,
}

impl Eat {
    pub(super) fn profile(self) -> EatProfile {
        let draft = EatProfile::default();
        EatProfile {
            uri: self.teep_profile.unwrap_or(draft.uri),
            suit_reference_content_type: self
                .suit_reference_content_type
                .unwrap_or(draft.suit_reference_content_type),
        }
    }
}

impl Attestation {
    /// # Errors
    /// Which entry is wrong, and how.
    pub(super) fn claims(&self, profile: &EatProfile) -> Result<DeviceClaims, String> {
        let mut manifests = Vec::new();
        for Manifest { uri, digest } in &self.manifests {
            let digest: [u8; 32] = hexadecimal(digest)?.try_into().map_err(|_| {
                format!("attestation.manifests: {digest:?} is no SHA-256 digest of 64 digits")
            })?;
            manifests.push(ManifestClaim::SuitReference { uri, digest: Digest::sha256(digest) });
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
