// SPDX-License-Identifier: Apache-2.0
//! Manifests that nobody would write, by signers that are trusted: whatever they say, the procedure comes to an end.

use super::case::developer;
use super::vector::{Expected, Hex, Vector, is_updating, kept};
use super::world;
use alloc::vec::Vec;
use teep_proto::cose::sign1_detached;
use teep_proto::suit::{Envelope, EnvelopeBuilder};

/// The envelope with another manifest, signed again; `None` if there is none to be had.
fn with_manifest(envelope: &Envelope<'_>, manifest: &[u8]) -> Option<Vec<u8>> {
    let builder = EnvelopeBuilder { payloads: envelope.payloads(), ..EnvelopeBuilder::new(manifest) };
    let bytes = builder.build(&[sign1_detached(&developer(), &builder.digest()).ok()?]);
    Envelope::decode(&bytes).ok()?.inspect().ok()?;
    Some(bytes)
}

/// Each byte of the manifests of some vectors is changed in two ways. Nothing panics or goes on for ever.
#[test]
fn changed_manifests_come_to_an_end() {
    if is_updating() {
        return;
    }
    let (mut runs, mut installed) = (0, 0);
    for (name, vector) in kept() {
        let is_one = ["try-each-second", "index-true-nested", "copy-a128ctr", "swap", "uninstall-dependency"];
        if !is_one.contains(&name.as_str()) && name != "dependency-integrated" {
            continue;
        }
        let envelope = Envelope::decode(&vector.envelope.0).expect("an envelope");
        for position in 0..envelope.manifest_bytes().len() {
            for change in [0x01, 0x22] {
                let mut manifest = envelope.manifest_bytes().to_vec();
                manifest[position] ^= change;
                let Some(bytes) = with_manifest(&envelope, &manifest) else { continue };
                let changed = Vector { envelope: Hex(bytes), ..vector.clone() };
                installed += u32::from(matches!(world::run(&changed), Expected::Installed { .. }));
                runs += 1;
            }
        }
    }
    assert!(runs > 500 && installed > 0, "{runs} manifests were run, and {installed} installed");
}
