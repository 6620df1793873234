// SPDX-License-Identifier: Apache-2.0
//! What Evidence says of the device, as its integrator knows it, and the values of the EAT profile that have no
//! assigned number yet.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::cbor::{Reader, Writer};
use teep_proto::cose::Thumbprint;
use teep_proto::eat::{Claims, Confirmation, Profile};
use teep_proto::limits::MAX_URI;
use teep_proto::{Error, Kind};

/// The EAT profile of TEEP ([`Profile`]), owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EatProfile {
    /// Its URI.
    pub uri: String,
    /// CoAP Content-Format of a SUIT_Reference.
    pub suit_reference_content_type: u64,
}

impl Default for EatProfile {
    fn default() -> Self {
        Self {
            uri: Profile::DRAFT.uri.to_owned(),
            suit_reference_content_type: Profile::DRAFT.suit_reference_content_type,
        }
    }
}

impl EatProfile {
    /// For encoding and decoding.
    pub fn as_profile(&self) -> Profile<'_> {
        Profile { uri: &self.uri, suit_reference_content_type: self.suit_reference_content_type }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(2).text(&self.uri).uint(self.suit_reference_content_type);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(2, "an EAT profile [uri, content type]")?;
        let uri = r.sized_text(MAX_URI, "the URI of an EAT profile")?.to_owned();
        Ok(Self { uri, suit_reference_content_type: r.uint("a content type")? })
    }
}

/// The claims of Evidence that are the same for all devices of a kind: oemid, hwmodel, hwversion, manifests and
/// eat_profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceClaims {
    encoded: Vec<u8>,
}

impl DeviceClaims {
    /// Takes `claims`, in which those that differ from device to device and from time to time do not count.
    ///
    /// # Errors
    /// A claim has a size that RFC 9711 does not allow; one that the TEEP profile requires is missing
    /// (REQ-TEEP-141); eat_profile is that of TEEP, in which Evidence would pass for an Attestation Result.
    pub fn new(claims: &Claims<'_>, profile: &EatProfile) -> Result<Self, Error> {
        if claims.eat_profile == Some(&profile.uri) {
            let what = "a profile of Evidence that is not the one of Attestation Results";
            return Err(Error { kind: Kind::Malformed, what, offset: 0, path: Vec::new() });
        }
        let anybody = Thumbprint([0; 32]);
        let confirmation = Some(Confirmation::kid(&anybody));
        Claims { ueid: Some(&anybody.0), confirmation, ..claims.clone() }.complete()?;
        Ok(Self { encoded: claims.encode(&profile.as_profile())? })
    }

    /// The claims, to be completed.
    pub(crate) fn claims(&self, profile: &EatProfile) -> Result<Claims<'_>, Error> {
        Claims::inspect(&self.encoded, &profile.as_profile())
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.bytes(&self.encoded);
    }

    pub(super) fn read(r: &mut Reader<'_>, profile: &EatProfile) -> Result<Self, Error> {
        let encoded = r.bytes("the claims of Evidence")?;
        Self::new(&Claims::inspect(encoded, &profile.as_profile())?, profile)
    }
}
