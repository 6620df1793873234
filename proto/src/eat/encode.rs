// SPDX-License-Identifier: Apache-2.0
use super::labels::{self, confirmation};
use super::{Claims, Confirmation, ManifestClaim, OemId, Profile};
use crate::cbor::{Writer, encode};
use alloc::vec::Vec;

pub(super) fn claims(claims: &Claims<'_>, profile: &Profile<'_>) -> Vec<u8> {
    let mut set: Vec<(i64, Vec<u8>)> = Vec::new();
    let mut put = |label, write: &dyn Fn(&mut Writer)| set.push((label, encode(write)));
    for (label, time) in [
        (labels::EXPIRATION, claims.expiration),
        (labels::NOT_BEFORE, claims.not_before),
        (labels::ISSUED_AT, claims.issued_at),
    ] {
        if let Some(time) = time {
            put(label, &|w| ended(w.int(time)));
        }
    }
    if let Some(confirmation) = &claims.confirmation {
        put(labels::CONFIRMATION, &|w| write_confirmation(confirmation, w));
    }
    for (label, bytes) in [
        (labels::NONCE, claims.nonce),
        (labels::UEID, claims.ueid),
        (labels::HARDWARE_MODEL, claims.hardware_model),
    ] {
        if let Some(bytes) = bytes {
            put(label, &|w| ended(w.bytes(bytes)));
        }
    }
    if let Some(oemid) = claims.oemid {
        put(labels::OEMID, &|w| {
            ended(match &oemid {
                OemId::Pen(number) => w.uint(*number),
                OemId::Ieee(bytes) => w.bytes(bytes),
                OemId::Random(bytes) => w.bytes(bytes),
            });
        });
    }
    if let Some(hardware) = claims.hardware_version {
        put(labels::HARDWARE_VERSION, &|w| {
            w.array(if hardware.scheme.is_some() { 2 } else { 1 }).text(hardware.version);
            if let Some(scheme) = hardware.scheme {
                w.int(scheme);
            }
        });
    }
    for (label, text) in
        [(labels::PROFILE, claims.eat_profile), (labels::SOFTWARE_NAME, claims.software_name)]
    {
        if let Some(text) = text {
            put(label, &|w| ended(w.text(text)));
        }
    }
    if !claims.manifests.is_empty() {
        put(labels::MANIFESTS, &|w| {
            w.array(claims.manifests.len());
            for manifest in &claims.manifests {
                write_manifest(manifest, profile, w);
            }
        });
    }
    if !claims.measurements.is_empty() {
        put(labels::MEASUREMENTS, &|w| {
            w.array(claims.measurements.len());
            for measurement in &claims.measurements {
                w.array(2).uint(measurement.content_type).bytes(measurement.content);
            }
        });
    }
    set.sort_by_key(|(label, _)| *label);
    encode(|w| {
        w.map(set.len());
        for (label, value) in &set {
            w.int(*label).raw(value);
        }
    })
}

/// Writing is over.
fn ended(_: &mut Writer) {}

fn write_confirmation(confirmation: &Confirmation<'_>, w: &mut Writer) {
    let forms = [
        (confirmation::COSE_KEY, confirmation.key.as_ref().map(|key| key.to_cose_key())),
        (confirmation::KID, confirmation.kid.map(|kid| encode(|w| ended(w.bytes(kid))))),
        (confirmation::THUMBPRINT, confirmation.thumbprint.map(|t| encode(|w| ended(w.bytes(&t.0))))),
    ];
    w.map(forms.iter().filter(|(_, value)| value.is_some()).count());
    for (label, value) in forms {
        if let Some(value) = value {
            w.int(label).raw(&value);
        }
    }
}

fn write_manifest(manifest: &ManifestClaim<'_>, profile: &Profile<'_>, w: &mut Writer) {
    w.array(2);
    match manifest {
        ManifestClaim::SuitReference { uri, digest } => {
            let reference = encode(|w| digest.write(w.array(2).text(uri)));
            w.uint(profile.suit_reference_content_type).bytes(&reference);
        }
        ManifestClaim::Other { content_type, content } => {
            w.uint(*content_type).raw(content);
        }
    }
}
