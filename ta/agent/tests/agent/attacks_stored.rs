// SPDX-License-Identifier: Apache-2.0
//! Manifests that are a burden to the device that keeps them, or carries them out.

use crate::author::*;
use crate::support::*;
use teep_proto::cbor::{Reader, encode};
use teep_proto::cose::AgreementSecret;
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    ComponentId, Digest, DigestAlgorithm, ManifestBuilder, Parameter, SequenceBuilder, encode_envelope,
};
use teep_proto::teec::{Command, MAX_REPLY, Reply, TaRequest};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{AttestationPayload, QueryRequest, Update};
use teep_sim::MemoryEnv;

/// `envelope` with another authentication block of `junk` bytes, which nobody signed anything about.
fn padded(envelope: &[u8], junk: usize) -> Vec<u8> {
    let mut r = Reader::open(envelope).expect("encodes");
    let tag = r.optional_tag();
    let entries = r.map("").expect("encodes");
    encode(|w| {
        if let Some(tag) = tag {
            w.tag(tag);
        }
        w.map(entries);
        for _ in 0..entries {
            let key = r.item().expect("encodes");
            w.raw(key);
            if key == [2] {
                let wrapper = r.bytes("").expect("encodes");
                let mut inner = Reader::open(wrapper).expect("encodes");
                let n = inner.array("").expect("encodes");
                let blocks = encode(|w| {
                    w.array(n + 1);
                    for _ in 0..n {
                        w.raw(inner.item().expect("encodes"));
                    }
                    w.bytes(&vec![0; junk]);
                });
                w.bytes(&blocks);
            } else {
                w.raw(r.item().expect("encodes"));
            }
        }
    })
}

#[test]
fn attack_padded_manifest_keeps_the_agent_from_answering() {
    let mut device = Device::new();
    let padded = padded(&envelope(1), 70_000);
    device.other_tam_says(&update(&other_tam_key(), &[padded]));
    device.request_ta_of([0xdd; 16], None);
    let request = QueryRequest {
        data_item_requested: data_item::TRUSTED_COMPONENTS | data_item::SUIT_REPORTS,
        ..query_request()
    };
    let reply = device.invoke(Command::ProcessTeepMessage, &signed_query_request(request));
    assert!(matches!(reply, Reply::Send { .. }), "one TAM keeps the Agent from answering the other");
}

#[test]
fn attack_padded_manifest_cannot_be_removed() {
    let mut device = Device::new();
    let received = device.other_tam_says(&update(&other_tam_key(), &[padded(&envelope(1), 70_000)]));
    assert_eq!(received.code(), 11, "more than could be opened again");
    assert_eq!(device.installed(), (None, None));
    assert_eq!(device.update(&[padded(&envelope(1), 60_000)]).code(), 0);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    assert_eq!(device.installed(), (None, None));
}

/// Each can be opened; all that are opened for the removal together are too much.
#[test]
fn attack_padded_tree_of_manifests_cannot_be_removed() {
    let mut device = Device::new();
    let tas: Vec<_> = (0..4u8)
        .map(|n| ([0x30 + n; 16], padded(&Author::of([0x30 + n; 16], 1).envelope(), 50_000)))
        .collect();
    let mut author = DataAuthor::new("app", Data::Clear(b"settings"));
    author.key = clear_signer_key();
    let uris = ["#0", "#1", "#2", "#3"];
    for ((uuid, envelope), uri) in tas.iter().zip(uris) {
        author = author.needing(Needed::ta(*uuid, uri, envelope));
    }
    let envelope = author.envelope();
    assert_eq!(device.other_tam_says(&update(&other_tam_key(), &[envelope])).code(), 0);
    device.other_tam_says(&unneeded(&other_tam_key(), &[name("app.suit")]));
    assert!(device.components().is_empty());
}

/// A component with a long name.
fn long(n: usize) -> Vec<u8> {
    ComponentId::encode(&[b"TEEP-Device".to_vec(), vec![n as u8 + 0x80; 245]])
}

/// A manifest with the data components `list`, each with 1 byte.
fn lists(n: usize, list: &[usize]) -> Vec<u8> {
    let mut shared = SequenceBuilder::new();
    let mut install = SequenceBuilder::new();
    for i in 0..list.len() as u64 {
        shared = shared
            .set_component_index(i)
            .override_parameters(&[Parameter::VendorIdentifier(&VENDOR)])
            .simple(command::VENDOR_IDENTIFIER, 15);
        install = install
            .set_component_index(i)
            .override_parameters(&[
                Parameter::ImageDigest(teep_proto::suit::DigestAlgorithm::Sha512.digest(b"x")),
                Parameter::ImageSize(1),
                Parameter::Content(b"x"),
            ])
            .simple(command::WRITE, 15)
            .simple(command::IMAGE_MATCH, 15);
    }
    let uri: String = "u".repeat(512);
    let builder = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(ComponentId::encode(&[b"TEEP-Device".to_vec(), vec![n as u8; 245]])),
        components: list.iter().map(|n| long(*n)).collect(),
        reference_uri: Some(uri),
        shared: shared.build(),
        sections: vec![(manifest::INSTALL, install.build())],
        ..ManifestBuilder::default()
    };
    encode_envelope(&builder.build(), &[signer_key()], &[]).expect("encodes")
}

#[test]
fn attack_manifests_of_which_no_report_fits_into_a_reply() {
    let mut config = crate::passport::config();
    let secret = AgreementSecret::from_scalar(&[21; 32]).expect("encodes");
    config.trust.tams[0].report_key = Some(secret.public_key().clone());
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    for n in 0..30usize {
        let list: Vec<usize> = if n < 2 {
            (n * 15..n * 15 + 15).collect()
        } else if n < 4 {
            (0..15).collect()
        } else {
            vec![0]
        };
        let envelope = lists(n, &list);
        let received = device.update(&[envelope]);
        assert_eq!(received.code(), 0, "{n} {:?}", received.outcome);
    }
    // The hostile TAM brings a passport, too.
    let attestation = Some(AttestationPayload { format: Some("application/x"), payload: &[7; 4070] });
    let passport = order(&other_tam_key(), Update { attestation, ..Default::default() });
    assert_eq!(device.other_tam_says(&passport).code(), 0);
    device.agent.close(&mut device.session);
    for (what, items) in [("without attestation", 0), ("with", data_item::ATTESTATION)] {
        let id = ComponentId::decode(&long(0)).expect("encodes").to_elements();
        let gone = TaRequest { component_id: id, tam_uri_hint: Some(TAM_URI.to_owned()) };
        assert!(matches!(device.invoke(Command::UnrequestTa, &gone.encode()), Reply::Connect { .. }));
        let request = QueryRequest {
            token: if items == 0 { Some(&[7; 64]) } else { None },
            data_item_requested: data_item::TRUSTED_COMPONENTS | data_item::SUIT_REPORTS | items,
            ..query_request()
        };
        let reply = device.agent.invoke(
            &mut device.session,
            Command::ProcessTeepMessage,
            &signed_query_request(request),
        );
        if let Reply::Failed { reason } = Reply::decode(&reply).expect("encodes") {
            panic!("{reason}");
        }
        assert!(reply.len() <= MAX_REPLY, "{what}: {} bytes", reply.len());
        device.agent.close(&mut device.session);
    }
}

/// Digests are computed once, however often a manifest compares them.
#[test]
fn attack_signer_keeps_the_agent_busy() {
    const URI: &str = "http://x.example/big";
    const SIZE: u64 = 1 << 16;
    let mut device = Device::new();
    let big = vec![7; SIZE as usize];
    let other = DigestAlgorithm::Sha512.digest(b"other");
    let shared = SequenceBuilder::new().override_parameters(&[
        Parameter::VendorIdentifier(&VENDOR),
        Parameter::ClassIdentifier(&CLASS),
        Parameter::ImageDigest(Digest::of(&big)),
        Parameter::ImageSize(SIZE),
        Parameter::Uri(URI),
    ]);
    let install = SequenceBuilder::new().simple(command::FETCH, 15).simple(command::IMAGE_MATCH, 15);
    let mut compare = SequenceBuilder::new().override_parameters(&[Parameter::ImageDigest(other)]);
    for _ in 0..500 {
        compare = compare.simple(command::IMAGE_NOT_MATCH, 15);
    }
    let builder = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(name("slow.suit")),
        components: vec![name("slow")],
        shared: shared.simple(command::VENDOR_IDENTIFIER, 15).build(),
        sections: vec![(manifest::INSTALL, install.build()), (manifest::VALIDATE, compare.build())],
        ..ManifestBuilder::default()
    };
    let envelope = encode_envelope(&builder.build(), &[signer_key()], &[]).expect("encodes");
    assert_eq!(device.update_from(&[envelope], &[(URI, &big)]).code(), 0);
    let read = device.env.bytes_read();
    assert!(read < 10 * SIZE, "{read} bytes read");
}
