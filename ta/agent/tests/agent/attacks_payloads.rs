// SPDX-License-Identifier: Apache-2.0
//! Attacks by what goes with well-signed manifests: payloads, conditions, keys of recipients, and counting of links.

use crate::author::*;
use crate::support::*;
use teep_proto::cose::{AgreementKey, SigningKey};
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{Digest, ManifestBuilder, Parameter, Reason, SequenceBuilder, encode_envelope};
use teep_proto::teep::Update;

/// The envelope of `author`, with another payload inside than the manifest's.
fn with_payload(author: Author, payload: &[u8]) -> Vec<u8> {
    Author { payload: payload.to_vec(), ..author }.envelope()
}

#[test]
fn payloads_of_two_manifests_mixed() {
    let authors = || [Author::new(1), Author::of(OTHER_TA, 1)];
    let [first, second] = authors().map(|author| author.image);
    let [one, two] = authors();
    let mixed = [with_payload(one, &second), with_payload(two, &first)];
    let mut device = Device::new();
    for order in [[0, 1], [1, 0]] {
        let received = device.update(&order.map(|n| mixed[n].clone()));
        assert_eq!(received.refusal(), (11, Reason::ConditionFailed));
    }
    assert!(device.env.installed_uuids().is_empty());
    assert_eq!(device.objects(), 0);
    assert_eq!(device.update(&authors().map(Author::envelope)).code(), 0, "each with its own");
}

#[test]
fn payloads_of_two_manifests_mixed_on_their_server() {
    let uris = ["https://s.example/1", "https://s.example/2"];
    let authors = || [Author::new(1), Author::of(OTHER_TA, 1)];
    let [first, second] = authors().map(|author| author.image);
    let [one, two] = authors();
    let envelopes = [one.fetched_from(uris[0], false), two.fetched_from(uris[1], false)];
    let mut device = Device::new();
    let received = device.update_from(&envelopes, &[(uris[0], &second), (uris[1], &first)]);
    assert_ne!(received.code(), 0);
    assert!(device.env.installed_uuids().is_empty());
    assert_eq!(device.objects(), 0);
    assert_eq!(device.update_from(&envelopes, &[(uris[0], &first), (uris[1], &second)]).code(), 0);
}

#[test]
fn manifest_of_one_version_with_the_payload_of_another() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    let newer = with_payload(Author::new(2), &Author::new(1).image);
    assert_eq!(device.update(&[newer]).refusal(), (11, Reason::ConditionFailed));
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn payload_truncated_or_extended() {
    let good = Author::new(1).image;
    let longer = [&good[..], b"\0"].concat();
    for payload in [&good[..0], &good[..1], &good[..good.len() - 1], &longer] {
        let mut device = Device::new();
        let received = device.update(&[with_payload(Author::new(1), payload)]);
        assert_eq!(received.code(), 11, "{} bytes", payload.len());
        assert_eq!((device.installed(), device.objects()), ((None, None), 0));
    }
}

/// A manifest for data whose shared sequence has this condition.
fn conditional(parameter: Parameter<'_>, condition: i64) -> Vec<u8> {
    let install =
        SequenceBuilder::new().override_parameters(&[Parameter::Content(b"x")]).simple(command::WRITE, 15);
    let builder = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(name("x.suit")),
        components: vec![name("x")],
        shared: SequenceBuilder::new()
            .override_parameters(&[parameter, Parameter::ImageDigest(Digest::of(b"x"))])
            .simple(condition, 15)
            .build(),
        sections: vec![(manifest::INSTALL, install.build())],
        ..ManifestBuilder::default()
    };
    encode_envelope(&builder.build(), &[signer_key()], &[]).expect("signs")
}

#[test]
fn manifest_for_another_class_or_device() {
    let mut device = Device::new();
    for (parameter, condition) in [
        (Parameter::VendorIdentifier(&CLASS), command::VENDOR_IDENTIFIER),
        (Parameter::ClassIdentifier(&VENDOR), command::CLASS_IDENTIFIER),
        (Parameter::DeviceIdentifier(&[9; 16]), command::DEVICE_IDENTIFIER),
        // The other way round, and for all devices.
        (Parameter::DeviceIdentifier(&CLASS), command::DEVICE_IDENTIFIER),
        (Parameter::ClassIdentifier(&[0; 16]), command::CLASS_IDENTIFIER),
    ] {
        let refusal = device.update(&[conditional(parameter, condition)]).refusal();
        assert_eq!(refusal, (11, Reason::ConditionFailed), "{parameter:?}");
        assert_eq!(device.objects(), 0);
    }
    let good = conditional(Parameter::ClassIdentifier(&CLASS), command::CLASS_IDENTIFIER);
    assert_eq!(device.update(&[good]).code(), 0);
}

/// A manifest that brings `ciphertext`, encrypted as `info` says.
fn encrypted(plain: &[u8], ciphertext: &[u8], info: &[u8]) -> Vec<u8> {
    let install = SequenceBuilder::new()
        .override_parameters(&[Parameter::Content(ciphertext), Parameter::EncryptionInfo(info)])
        .simple(command::WRITE, 15);
    let validate = SequenceBuilder::new()
        .override_parameters(&[Parameter::ImageDigest(Digest::of(plain))])
        .simple(command::IMAGE_MATCH, 15);
    let builder = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(name("x.suit")),
        components: vec![name("x")],
        sections: vec![(manifest::INSTALL, install.build()), (manifest::VALIDATE, validate.build())],
        ..ManifestBuilder::default()
    };
    encode_envelope(&builder.build(), &[signer_key()], &[]).expect("signs")
}

#[test]
fn recipient_with_a_point_off_the_curve_or_the_identity() {
    let mut device = Device::new();
    let to = AgreementKey::from_cose_key(&device.info().decryption_key).expect("a key");
    let (ciphertext, info) = sealed(b"secret", &to);
    // The coordinates of the ephemeral key are the byte strings of 32 bytes.
    let starts: Vec<_> = (2..info.len() - 32).filter(|at| info[at - 2..*at] == [0x58, 32]).collect();
    assert!(!starts.is_empty());
    for start in starts {
        let mut bent = vec![info.clone(); 4];
        bent[0][start + 31] ^= 1;
        bent[1][start..start + 32].fill(0);
        bent[2][start..start + 32].fill(0xff);
        // Another point than the one that was used is on the curve, and gives another key.
        bent[3][start..start + 32]
            .copy_from_slice(&point(&SigningKey::p256_from_scalar(&[9; 32]).expect("one")));
        for info in bent {
            let received = device.update(&[encrypted(b"secret", &ciphertext, &info)]);
            assert_eq!(received.code(), 11);
            assert_eq!(device.objects(), 0, "nothing of it is kept");
        }
    }
    assert_eq!(device.update(&[encrypted(b"secret", &ciphertext, &info)]).code(), 0);
}

/// The x coordinate of the public key.
fn point(key: &SigningKey) -> Vec<u8> {
    let cose_key = key.public_key().to_cose_key();
    let at = (2..cose_key.len()).find(|at| cose_key[at - 2..*at] == [0x58, 32]).expect("a coordinate");
    cose_key[at..at + 32].to_vec()
}

#[test]
fn manifest_listed_twice_is_linked_once() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1), envelope(1)]).code(), 0);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    assert_eq!((device.installed(), device.objects()), ((None, None), 0), "one removal is enough");
}

#[test]
fn unneeded_twice_takes_no_link_of_another() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert_eq!(device.other_tam_says(&update(&other_tam_key(), &[envelope(1)])).code(), 0);
    assert_ne!(device.remove(&[manifest_id(TA), manifest_id(TA)]).code(), 0, "the second one is not its own");
    assert_eq!(device.installed(), (Some(1), Some(1)), "the other TAM needs it");
    assert_eq!(device.other_tam_says(&unneeded(&other_tam_key(), &[manifest_id(TA)])).code(), 0);
    assert_eq!(device.installed(), (None, None));
}

#[test]
fn removed_and_installed_in_one_update() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
    let (id, older) = (manifest_id(TA), envelope(1));
    let unneeded = teep_proto::suit::ComponentId::decode(&id).expect("an id");
    let message = order(
        &tam_key(),
        Update { unneeded_manifest_list: vec![unneeded], manifest_list: vec![&older], ..Update::default() },
    );
    assert_eq!(device.say(&message, &[]).refusal(), (11, Reason::ConditionFailed), "the floor outlives it");
    assert_eq!(device.installed(), (None, None));
}
