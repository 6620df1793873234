// SPDX-License-Identifier: Apache-2.0
use super::labels::{self, confirmation};
use super::{Claims, Confirmation, HardwareVersion, ManifestClaim, Measurement, OemId, Profile};
use crate::Error;
use crate::cbor::{Major, Reader};
use crate::cose::{PublicKey, Thumbprint};
use crate::limits::{MAX_LIST, MAX_URI};
use crate::suit::Digest;
use minicbor::data::Type;

const URI: &str = "a URI of at most 512 bytes";

pub(super) fn claims<'b>(bytes: &'b [u8], profile: &Profile<'_>) -> Result<Claims<'b>, Error> {
    refuse_tags(bytes)?;
    let mut r = Reader::open(bytes)?;
    let mut claims = Claims::default();
    for _ in 0..r.map("a claims set map")? {
        if r.next_is(Major::Text) {
            r.item()?;
            r.item()?;
            continue;
        }
        let label = r.int("a claim label")?;
        let name = name(label).unwrap_or("unknown claim");
        read(&mut claims, label, &mut r, profile).map_err(|error| error.within(name))?;
    }
    Ok(claims)
}

fn read<'b>(
    claims: &mut Claims<'b>,
    label: i64,
    r: &mut Reader<'b>,
    profile: &Profile<'_>,
) -> Result<(), Error> {
    const TIME: &str = "a whole number of seconds";
    match label {
        labels::EXPIRATION => claims.expiration = Some(r.int(TIME)?),
        labels::NOT_BEFORE => claims.not_before = Some(r.int(TIME)?),
        labels::ISSUED_AT => claims.issued_at = Some(r.int(TIME)?),
        labels::CONFIRMATION => claims.confirmation = Some(confirmation(r)?),
        labels::NONCE => claims.nonce = Some(r.sized_bytes(8..=64, "one nonce of 8 to 64 bytes")?),
        labels::UEID => claims.ueid = Some(r.sized_bytes(7..=33, "a ueid of 7 to 33 bytes")?),
        labels::OEMID => claims.oemid = Some(oemid(r)?),
        labels::HARDWARE_MODEL => {
            claims.hardware_model = Some(r.sized_bytes(1..=32, "a model of 1 to 32 bytes")?);
        }
        labels::HARDWARE_VERSION => claims.hardware_version = Some(hardware_version(r)?),
        labels::PROFILE => claims.eat_profile = Some(r.sized_text(MAX_URI, URI)?),
        labels::SOFTWARE_NAME => claims.software_name = Some(r.sized_text(MAX_URI, URI)?),
        labels::MANIFESTS => {
            for index in 0..r.list(1, MAX_LIST, "1 to 32 manifests")? {
                claims.manifests.push(manifest(r, profile).map_err(|error| error.in_entry(index))?);
            }
        }
        labels::MEASUREMENTS => {
            for index in 0..r.list(1, MAX_LIST, "1 to 32 measurements")? {
                claims.measurements.push(measurement(r).map_err(|error| error.in_entry(index))?);
            }
        }
        _ => {
            r.item()?;
        }
    }
    Ok(())
}

/// Name of a claim, for messages to people.
pub(crate) const fn name(label: i64) -> Option<&'static str> {
    Some(match label {
        labels::EXPIRATION => "exp",
        labels::NOT_BEFORE => "nbf",
        labels::ISSUED_AT => "iat",
        labels::CONFIRMATION => "cnf",
        labels::NONCE => "eat_nonce",
        labels::UEID => "ueid",
        labels::OEMID => "oemid",
        labels::HARDWARE_MODEL => "hwmodel",
        labels::HARDWARE_VERSION => "hwversion",
        labels::PROFILE => "eat_profile",
        labels::SOFTWARE_NAME => "swname",
        labels::MANIFESTS => "manifests",
        labels::MEASUREMENTS => "measurements",
        _ => return None,
    })
}

/// Walks the whole claims set once, in claims that are passed over too.
fn refuse_tags(bytes: &[u8]) -> Result<(), Error> {
    let mut r = Reader::open(bytes)?;
    let mut left = 1usize;
    while let Some(rest) = left.checked_sub(1) {
        let inside = match r.peek() {
            Some(Type::Array) => r.array("an array")?,
            Some(Type::Map) => r.map("a map")?.saturating_mul(2),
            Some(Type::Tag) => return Err(r.error("no CBOR tag (REQ-TEEP-140)")),
            _ => r.item().map(|_| 0)?,
        };
        left = rest.saturating_add(inside);
    }
    Ok(())
}

fn oemid(r: &mut Reader<'_>) -> Result<OemId, Error> {
    const WHAT: &str = "an enterprise number, or 3 or 16 bytes";
    if r.next_is(Major::Uint) {
        return r.uint(WHAT).map(OemId::Pen);
    }
    let at = r.offset();
    let bytes = r.bytes(WHAT)?;
    let ieee = <[u8; 3]>::try_from(bytes).map(OemId::Ieee);
    ieee.or_else(|_| bytes.try_into().map(OemId::Random)).map_err(|_| Error::malformed(WHAT, at))
}

fn hardware_version<'b>(r: &mut Reader<'b>) -> Result<HardwareVersion<'b>, Error> {
    const WHAT: &str = "a version of at most 512 bytes and perhaps the number of its scheme";
    let items = r.list(1, 2, WHAT)?;
    let version = r.sized_text(MAX_URI, WHAT)?;
    let scheme = if items == 2 { Some(r.int(WHAT)?) } else { None };
    Ok(HardwareVersion { version, scheme })
}

fn confirmation<'b>(r: &mut Reader<'b>) -> Result<Confirmation<'b>, Error> {
    const WHAT: &str = "a cnf with kid, COSE_Key or ckt";
    let at = r.offset();
    let mut read = Confirmation::default();
    for _ in 0..r.map(WHAT)? {
        match r.int(WHAT)? {
            confirmation::COSE_KEY => read.key = Some(PublicKey::from_cose_key(r.item()?)?),
            confirmation::KID => read.kid = Some(r.sized_bytes(1..=64, "a kid of 1 to 64 bytes")?),
            confirmation::THUMBPRINT => {
                let at = r.offset();
                let thumbprint = r.bytes("a SHA-256 thumbprint")?.try_into();
                read.thumbprint =
                    Some(Thumbprint(thumbprint.map_err(|_| Error::malformed("a SHA-256 thumbprint", at))?));
            }
            _ => {
                r.item()?;
            }
        }
    }
    if read == Confirmation::default() { Err(Error::malformed(WHAT, at)) } else { Ok(read) }
}

fn manifest<'b>(r: &mut Reader<'b>, profile: &Profile<'_>) -> Result<ManifestClaim<'b>, Error> {
    r.array_of(2, "a manifest [content type, content]")?;
    let content_type = r.uint("a content type")?;
    if content_type != profile.suit_reference_content_type {
        return Ok(ManifestClaim::Other { content_type, content: r.item()? });
    }
    if r.next_is(Major::Bytes) {
        let wrapped = r.bytes("a SUIT_Reference in a byte string")?;
        let reference = Reader::open(wrapped).and_then(|mut r| suit_reference(&mut r));
        return reference.map_err(|error| error.within("SUIT_Reference"));
    }
    suit_reference(r)
}

fn measurement<'b>(r: &mut Reader<'b>) -> Result<Measurement<'b>, Error> {
    r.array_of(2, "a measurement [content type, content]")?;
    let content_type = r.uint("a content type")?;
    Ok(Measurement { content_type, content: r.sized_bytes(1..=MAX_URI, "1 to 512 bytes of measurement")? })
}

fn suit_reference<'b>(r: &mut Reader<'b>) -> Result<ManifestClaim<'b>, Error> {
    r.array_of(2, "a SUIT_Reference [uri, digest]")?;
    Ok(ManifestClaim::SuitReference { uri: r.sized_text(MAX_URI, URI)?, digest: Digest::read(r)? })
}
