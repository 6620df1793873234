// SPDX-License-Identifier: Apache-2.0
//! Data components: who may bring them, and who may read them.

use crate::author::*;
use crate::support::*;
use teep_agent::EnvError;
use teep_agent::config::{Config, DecryptionKey};
use teep_proto::cose::{AgreementKey, AgreementSecret};
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    ComponentId, Digest, ManifestBuilder, Parameter, Reason, SequenceBuilder, encode_envelope,
};
use teep_proto::teec::{Command, Reply};
use teep_sim::MemoryEnv;

const SECRET: &[u8] = b"{\"name\": \"FOO Bar\", \"secret\": \"0123456789abfcdef0123\"}";

fn decryption_key(device: &mut Device) -> AgreementKey {
    let Reply::Info(info) = device.invoke(Command::Info, &[]) else { panic!("no info") };
    AgreementKey::from_cose_key(&info.decryption_key).expect("a key")
}

/// Personalization data for the TA, encrypted to `to`.
fn personalization(to: AgreementKey, ta: &[u8]) -> Vec<u8> {
    DataAuthor::new("config.json", Data::Encrypted(SECRET, to)).needing(Needed::ta(TA, "#ta", ta)).envelope()
}

fn personalized() -> Device {
    let mut device = Device::new();
    let to = decryption_key(&mut device);
    let received = device.update(&[personalization(to, &envelope(1))]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    device
}

#[test]
fn personalization_data_is_decrypted_for_its_ta_alone() {
    let mut device = personalized();
    assert_eq!(device.read(TA, &name("config.json")).as_deref(), Some(SECRET));
    assert_eq!(device.restarted().read(TA, &name("config.json")).as_deref(), Some(SECRET));
    assert_eq!(device.read(OTHER_TA, &name("config.json")), None);
    assert_eq!(device.read([0; 16], &name("config.json")), None, "the UUID of a Linux client");
}

#[test]
fn foreign_data_is_not_told_from_none() {
    let mut device = personalized();
    let mut read = |id: &[u8]| device.agent.read_data(OTHER_TA, id, 0, &mut [0; 8]);
    assert_eq!(read(&name("config.json")), Err(EnvError::NOT_FOUND));
    assert_eq!(read(&name("nothing")), Err(EnvError::NOT_FOUND));
    let ta = ComponentId::encode(&teep_proto::suit::text::native_ta(TA));
    assert_eq!(read(&ta), Err(EnvError::NOT_FOUND), "images cannot be read");
    assert_eq!(read(&name("config.json.suit")), Err(EnvError::NOT_FOUND), "nor manifests");
    assert_eq!(read(b"\xff"), Err(EnvError { code: 0xffff_0006 }));
}

#[test]
fn data_is_read_in_pieces_up_to_its_end() {
    let mut device = personalized();
    let mut buffer = [0; 8];
    let size = SECRET.len() as u64;
    let mut read = |offset| {
        let piece = device.agent.read_data(TA, &name("config.json"), offset, &mut buffer).expect("readable");
        assert_eq!(piece.size, size);
        piece.read
    };
    assert_eq!((read(0), read(size - 3), read(size), read(u64::MAX)), (8, 3, 0, 0));
}

#[test]
fn personalization_data_in_the_clear_needs_a_signer_who_may() {
    let ta = envelope(1);
    let clear = |key| {
        let mut author =
            DataAuthor::new("config.json", Data::Clear(b"x")).needing(Needed::ta(TA, "#ta", &ta));
        author.key = key;
        author.envelope()
    };
    let mut device = Device::new();
    assert_eq!(device.update(&[clear(signer_key())]).refusal(), (11, Reason::ComponentUnauthorised));
    assert_eq!((device.components().len(), device.objects()), (0, 0));
    assert_eq!(device.update(&[clear(clear_signer_key())]).code(), 0);
    assert_eq!(device.read(TA, &name("config.json")).as_deref(), Some(&b"x"[..]));
}

#[test]
fn data_that_names_its_ta_is_private_without_dependency() {
    let id = ComponentId::encode(&[&b"TEEP-Device"[..], b"SecureFS", &TA, b"config.json"]);
    let author = |key| {
        let mut author = DataAuthor::new("config.json", Data::Clear(b"x"));
        author.components[0].0 = id.clone();
        author.key = key;
        author.envelope()
    };
    let mut device = Device::new();
    assert_eq!(device.update(&[author(signer_key())]).refusal(), (11, Reason::ComponentUnauthorised));
    assert_eq!(device.update(&[author(clear_signer_key())]).code(), 0);
    assert_eq!(device.read(TA, &id).as_deref(), Some(&b"x"[..]));
    assert_eq!(device.read(OTHER_TA, &id), None);
}

#[test]
fn plain_data_is_for_tas_that_depend_on_it() {
    let data = DataAuthor::new("model.bin", Data::Clear(b"weights")).envelope();
    let mut device = Device::new();
    assert_eq!(device.update(&[data]).code(), 0);
    assert_eq!(device.read(TA, &name("model.bin")), None, "nobody depends on it yet");
    // Another's TA next to it, which does not depend on it.
    assert_eq!(device.update(&[Author::of(OTHER_TA, 1).envelope()]).code(), 0);
    assert_eq!(device.read(OTHER_TA, &name("model.bin")), None);
}

#[test]
fn dependent_ta_cannot_read_anothers_personalization_data() {
    // A manifest with a TA of its own depends on the personalization manifest of another one.
    let mut device = Device::new();
    let to = decryption_key(&mut device);
    let foreign = personalization(to, &envelope(1));
    let spy = Author::of(OTHER_TA, 1).envelope();
    let mut author = DataAuthor::new("spy", Data::Clear(b"")).needing(Needed {
        id: name("config.json.suit"),
        uri: "#pd",
        envelope: &foreign,
    });
    author.needs.push(Needed::ta(OTHER_TA, "#spy", &spy));
    author.key = clear_signer_key();
    let received = device.update(&[author.envelope()]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.read(OTHER_TA, &name("config.json")), None);
    assert_eq!(device.read(TA, &name("config.json")).as_deref(), Some(SECRET));
}

#[test]
fn data_for_another_device() {
    let mut device = Device::new();
    let mut other = Device::start(MemoryEnv::new([8; 32]));
    let to = decryption_key(&mut other);
    let received = device.update(&[personalization(to, &envelope(1))]);
    assert_eq!(received.refusal(), (11, Reason::OperationFailed));
    assert_eq!((device.components().len(), device.objects()), (0, 0));
}

#[test]
fn data_for_a_provisioned_key() {
    let provisioned = AgreementSecret::from_scalar(&[0x33; 32]).expect("a scalar");
    let public = provisioned.public_key().clone();
    let mut config: Config = configuration();
    // COSE_Key {1: 2, -1: 1, -2: x, -3: y, -4: d}
    let mut cose_key = public.to_cose_key();
    cose_key[0] += 1;
    cose_key.extend([0x23, 0x58, 0x20]);
    cose_key.extend([0x33; 32]);
    config.decryption_keys = vec![DecryptionKey::from_cose_key(&cose_key).expect("a secret key")];
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let received = device.update(&[personalization(public, &envelope(1))]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.read(TA, &name("config.json")).as_deref(), Some(SECRET));
}

#[test]
fn new_data_replaces_the_old() {
    let mut device = personalized();
    let to = decryption_key(&mut device);
    let ta = envelope(1);
    let mut author =
        DataAuthor::new("config.json", Data::Encrypted(b"new", to)).needing(Needed::ta(TA, "#ta", &ta));
    author.sequence_number = 2;
    assert_eq!(device.update(&[author.envelope()]).code(), 0);
    assert_eq!(device.read(TA, &name("config.json")).as_deref(), Some(&b"new"[..]));
    assert_eq!(device.objects(), 3);
}

#[test]
fn data_of_a_removed_manifest_cannot_be_read() {
    let mut device = personalized();
    assert_eq!(device.remove(&[name("config.json.suit")]).code(), 0);
    assert_eq!(device.read(TA, &name("config.json")), None);
    assert_eq!(device.objects(), 0, "the TA was there for it alone");
}

/// A manifest by another signer with the components "spy", the installed personalization data and a TA of its own.
fn spy(install: SequenceBuilder, components: Vec<Vec<u8>>) -> Vec<u8> {
    let manifest = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(name("spy.suit")),
        components,
        sections: vec![(manifest::INSTALL, install.build())],
        ..ManifestBuilder::default()
    };
    let image = Author::of(OTHER_TA, 1).image;
    encode_envelope(&manifest.build(), &[clear_signer_key()], &[("#tc", &image)]).expect("signs")
}

fn expected(data: &[u8]) -> [Parameter<'static>; 2] {
    [Parameter::ImageDigest(Digest::of(data)), Parameter::ImageSize(data.len() as u64)]
}

#[test]
fn attack_signer_claims_anothers_personalization_data_by_its_digest() {
    let mut device = personalized();
    let image = Author::of(OTHER_TA, 1).image;
    let install = SequenceBuilder::new()
        .set_component_index(0)
        .override_parameters(&expected(SECRET))
        .override_parameters(&[Parameter::Uri("#none")])
        .simple(command::FETCH, 15)
        .simple(command::IMAGE_MATCH, 15)
        .set_component_index(1)
        .override_parameters(&expected(&image))
        .override_parameters(&[Parameter::Uri("#tc")])
        .simple(command::FETCH, 15)
        .simple(command::IMAGE_MATCH, 15);
    let own_ta = ComponentId::encode(&teep_proto::suit::text::native_ta(OTHER_TA));
    let received = device.update(&[spy(install, vec![name("config.json"), own_ta])]);
    assert_eq!(received.refusal(), (11, Reason::ComponentUnauthorised));
    assert_eq!(device.read(OTHER_TA, &name("config.json")), None);
    assert_eq!(device.read(TA, &name("config.json")).as_deref(), Some(SECRET));
}

#[test]
fn attack_signer_copies_anothers_personalization_data() {
    let mut device = personalized();
    let own = ComponentId::encode(&[&b"TEEP-Device"[..], b"SecureFS", &OTHER_TA, b"copy"]);
    let install = SequenceBuilder::new()
        .set_component_index(0)
        .override_parameters(&expected(SECRET))
        .override_parameters(&[Parameter::SourceComponent(1)])
        .simple(command::COPY, 15)
        .simple(command::IMAGE_MATCH, 15)
        .set_component_index(1)
        .override_parameters(&expected(SECRET))
        .simple(command::IMAGE_MATCH, 15);
    let received = device.update(&[spy(install, vec![own.clone(), name("config.json")])]);
    assert_eq!(received.refusal(), (11, Reason::ComponentUnauthorised), "{:?}", received.outcome);
    assert_eq!(device.read(OTHER_TA, &own), None);
}
