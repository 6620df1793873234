// SPDX-License-Identifier: Apache-2.0
//! What a signer without rights to a manifest does to it with a manifest of its own that depends on it.

use crate::author::*;
use crate::support::*;
use teep_proto::cose::AgreementKey;
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    ComponentId, Digest, ManifestBuilder, Parameter, SequenceBuilder, encode_envelope, text,
};
use teep_sim::MemoryEnv;

/// A manifest of the signer whose prefix is "Elsewhere", with data encrypted to the device, that needs `needed`.
fn elsewhere<'a>(device: &mut Device, needed: Needed<'a>) -> DataAuthor<'a> {
    let key = AgreementKey::from_cose_key(&device.info().decryption_key).expect("a key");
    let mut author = DataAuthor::new("evil", Data::Clear(b"evil")).needing(needed);
    author.id = ComponentId::encode(&["Elsewhere", "evil"]);
    author.components = vec![(ComponentId::encode(&["Elsewhere", "data"]), Data::Encrypted(b"evil", key))];
    author.key = narrow_signer_key();
    author
}

#[test]
fn attack_dependency_under_its_other_name_is_older() {
    // A signer of everything names its manifests by one UUID.
    let mut config = configuration();
    config.trust.signers[0].prefixes = vec![ComponentId::encode::<&[u8]>(&[])];
    let short = ComponentId::encode(&[[0x55; 16]]);
    let data = |n: u64| {
        let mut author = DataAuthor::new("data", Data::Clear(if n == 1 { b"old" } else { b"new" }));
        author.id = short.clone();
        author.sequence_number = n;
        author.envelope()
    };
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    assert_eq!(device.update(&[data(2)]).code(), 0);
    assert_eq!(device.remove(std::slice::from_ref(&short)).code(), 0);
    assert_eq!(device.update(&[data(1)]).code(), 11, "rolled back");
    let old = data(1);
    let id = ComponentId::encode(&text::native_ta([0x55; 16]));
    let evil = elsewhere(&mut device, Needed { id, uri: "#old", envelope: &old });
    let received = device.update(&[evil.envelope()]);
    assert_eq!(received.code(), 11, "an older manifest under its other name: {:?}", received.outcome);
}

/// The signer of the Trusted Application has also signed data without a name of its own, for somebody's dependency.
#[test]
fn attack_unnamed_dependency_takes_the_place_of_a_named_manifest() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    let builder = |id: Option<Vec<u8>>| {
        let ids = [Parameter::VendorIdentifier(&VENDOR), Parameter::ClassIdentifier(&CLASS)];
        ManifestBuilder {
            sequence_number: 1_000_000,
            component_id: id,
            components: vec![name("other")],
            shared: SequenceBuilder::new()
                .override_parameters(&ids)
                .simple(command::VENDOR_IDENTIFIER, 15)
                .build(),
            sections: vec![(
                manifest::INSTALL,
                SequenceBuilder::new()
                    .override_parameters(&[Parameter::Content(b"other")])
                    .simple(command::WRITE, 15)
                    .build(),
            )],
            ..ManifestBuilder::default()
        }
    };
    let unnamed = encode_envelope(&builder(None).build(), &[signer_key()], &[]).expect("encodes");
    let needed = Needed { id: manifest_id(TA), uri: "#ta", envelope: &unnamed };
    let evil = elsewhere(&mut device, needed);
    device.other_tam_says(&update(&other_tam_key(), &[evil.envelope()]));
    let gone = device.installed();
    device.other_tam_says(&unneeded(&other_tam_key(), &[ComponentId::encode(&["Elsewhere", "evil"])]));
    device.remove(&[manifest_id(TA)]);
    let update = device.update(&[envelope(2)]);
    assert_eq!((gone, update.code()), ((Some(1), Some(1)), 0), "{:?}", update.outcome);
}

#[test]
fn revoked_dependent_does_not_hold_up_an_update() {
    let mut device = Device::new();
    let ta = envelope(1);
    assert_eq!(device.update(std::slice::from_ref(&ta)).code(), 0);
    let evil = elsewhere(&mut device, Needed::ta(TA, "#ta", &ta));
    assert_eq!(device.other_tam_says(&update(&other_tam_key(), &[evil.envelope()])).code(), 0);
    assert_eq!(device.update(&[envelope(2)]).code(), 11, "needed by a manifest that counts (rule 8)");
    let revoked = narrow_signer_key().public_key().thumbprint();
    let store = trust_store(1, |store| store.signers.retain(|signer| signer.key.thumbprint() != revoked));
    assert_eq!(device.update(&[trust_envelope(&store)]).code(), 0);
    let received = device.update(&[envelope(2)]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
}

/// A Trusted Application whose manifest checks vendor and class in this section only.
fn picky(section: u64, class: &[u8; 16]) -> Vec<u8> {
    let author = Author::new(1);
    let image = author.image.clone();
    let shared = SequenceBuilder::new().override_parameters(&[
        Parameter::VendorIdentifier(&VENDOR),
        Parameter::ClassIdentifier(class),
        Parameter::ImageDigest(Digest::of(&image)),
        Parameter::ImageSize(image.len() as u64),
    ]);
    let install = SequenceBuilder::new()
        .override_parameters(&[Parameter::Uri("#tc")])
        .simple(command::FETCH, 15)
        .simple(command::IMAGE_MATCH, 15);
    let checks =
        SequenceBuilder::new().simple(command::VENDOR_IDENTIFIER, 15).simple(command::CLASS_IDENTIFIER, 15);
    let builder = ManifestBuilder {
        shared: shared.build(),
        sections: vec![(section, checks.build()), (manifest::INSTALL, install.build())],
        ..author.manifest
    };
    encode_envelope(&builder.build(), &[signer_key()], &[("#tc", &image)]).expect("encodes")
}

#[test]
fn attack_dependent_leaves_out_the_checks_of_its_dependency() {
    for section in [manifest::PAYLOAD_FETCH, manifest::CANDIDATE_VERIFICATION] {
        let ta = picky(section, &[0x99; 16]);
        let mut device = Device::new();
        assert_eq!(device.update(std::slice::from_ref(&ta)).code(), 11, "for another class");
        let evil = elsewhere(&mut device, Needed::ta(TA, "#ta", &ta));
        device.update(&[evil.envelope()]);
        assert_eq!(device.installed(), (None, None), "installed by a signer without rights to it");
    }
}
