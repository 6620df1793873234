// SPDX-License-Identifier: Apache-2.0
//! The trust store is replaced by manifests of whom it gives that right, and by nobody and in no way else.

mod content;
mod policy;

use crate::author::*;
use crate::support::*;
use teep_agent::config::{SignerAnchor, TrustStore};
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    ComponentId, Digest, ManifestBuilder, Parameter, Reason, SequenceBuilder, encode_envelope, text,
};
use teep_proto::teec::{AGENT_UUID, Command, Reply, TrustSource};
use teep_proto::teep::Message;
use teep_sim::MemoryEnv;

fn store_id() -> Vec<u8> {
    ComponentId::encode(&text::trust_store())
}

fn store_manifest_id() -> Vec<u8> {
    ComponentId::encode(&text::trust_store_manifest())
}

/// Sequence number of the trust store that counts, and where it is from.
fn counts(device: &mut Device) -> (u64, TrustSource) {
    let trust = device.stored().trust;
    (trust.sequence_number, trust.source)
}

/// How a device refuses `author`, with what text; its trust store is the old one then.
fn refused(author: Author) -> (u64, Reason, String) {
    let mut device = Device::new();
    let received = device.update(&[author.envelope()]);
    assert_eq!(counts(&mut device), (0, TrustSource::BuiltIn));
    assert_eq!(device.objects(), 0);
    let (code, reason) = received.refusal();
    (code, reason, received.outcome.expect("an outcome").text)
}

#[test]
fn replaced_as_a_whole_and_for_good() {
    let mut device = Device::new();
    assert_eq!(counts(&mut device), (0, TrustSource::BuiltIn));
    let uri = "http://third.example/tam";
    let store = trust_store(3, |store| {
        store.tams[1] = tam(uri, &[key(30)]);
        store.signers[0] =
            SignerAnchor::new(key(31).public_key(), vec![ComponentId::encode(&["TEEP-Device"])]);
    });
    assert_eq!(device.update(&[trust_envelope(&store)]).code(), 0);
    for _ in 0..2 {
        assert_eq!(counts(&mut device), (3, TrustSource::Updated));
        assert_eq!(device.request_ta(Some(uri)), Reply::Connect { tam_uri: uri.to_owned() });
        let other = device.request_ta_of(OTHER_TA, Some(OTHER_TAM_URI));
        assert_eq!(other, Reply::Connect { tam_uri: TAM_URI.to_owned() }, "revoked");
        device = device.restarted();
    }
    assert_eq!(device.update(&[envelope(1)]).refusal(), (11, Reason::Unauthenticated), "revoked");
    assert_eq!(device.update(&[Author { key: key(31), ..Author::new(1) }.envelope()]).code(), 0);
}

#[test]
fn the_same_manifest_again_changes_nothing() {
    let mut device = Device::new();
    let envelope = trust_envelope(&trust_store(3, |_| ()));
    assert_eq!(device.update(std::slice::from_ref(&envelope)).code(), 0);
    let objects = device.env.object_names();
    assert_eq!(device.update(&[envelope]).code(), 0, "REQ-SUIT-007");
    assert_eq!((counts(&mut device), device.env.object_names()), ((3, TrustSource::Updated), objects));
}

#[test]
fn attack_signer_whose_prefix_covers_the_trust_store() {
    let author = Author { key: signer_key(), ..trust_author(&trust_store(1, |_| ())) };
    let (code, reason, text) = refused(author);
    assert_eq!((code, reason), (11, Reason::ComponentUnauthorised));
    assert!(text.contains("no right to the trust store"), "{text}");
}

#[test]
fn attack_unknown_signer_and_tams_keys_bring_a_trust_store() {
    for key in [key(98), tam_key(), other_tam_key()] {
        let author = Author { key, ..trust_author(&trust_store(1, |_| ())) };
        let (code, reason, _) = refused(author);
        assert_eq!((code, reason), (11, Reason::Unauthenticated), "REQ-ARCH-007");
    }
}

#[test]
fn attack_trust_signer_installs_something_else() {
    for mut author in [Author::new(1), Author::of(OTHER_TA, 1)] {
        author.key = trust_signer_key();
        let (code, reason, _) = refused(author);
        assert_eq!((code, reason), (11, Reason::ComponentUnauthorised));
    }
}

#[test]
fn attack_trust_store_under_another_manifests_identifier() {
    for id in [manifest_id(TA), name("data.suit"), ComponentId::encode(&text::native_ta_manifest(AGENT_UUID))]
    {
        for key in [trust_signer_key(), signer_key()] {
            let mut author = Author { key, ..trust_author(&trust_store(1, |_| ())) };
            author.manifest.component_id = Some(id.clone());
            let (code, reason, _) = refused(author);
            assert_eq!((code, reason), (11, Reason::ComponentUnauthorised));
        }
    }
}

#[test]
fn attack_trust_manifest_with_another_component() {
    for components in [
        vec![ComponentId::encode(&text::native_ta(TA))],
        vec![store_id(), name("data")],
        vec![name("data"), store_id()],
        vec![ComponentId::encode(&[&b"TEEP-Device"[..], b"SecureFS", &AGENT_UUID, b"other"])],
        vec![],
    ] {
        let mut author = trust_author(&trust_store(1, |_| ()));
        author.manifest.components = components;
        let mut device = Device::new();
        let received = device.update(&[author.envelope()]);
        assert_eq!((received.code(), counts(&mut device)), (11, (0, TrustSource::BuiltIn)));
    }
}

#[test]
fn attack_something_else_of_the_agent() {
    for id in [
        ComponentId::encode(&[&b"TEEP-Device"[..], b"SecureFS", &AGENT_UUID, b"other"]),
        ComponentId::encode(&[&b"TEEP-Device"[..], &AGENT_UUID]),
        ComponentId::encode(&[&b"TEEP-Device"[..], b"SecureFS", &AGENT_UUID, b"trust", b"more"]),
    ] {
        for key in [trust_signer_key(), signer_key()] {
            let mut author = Author { key: key.clone(), ..trust_author(&trust_store(1, |_| ())) };
            author.manifest.components = vec![id.clone()];
            author.manifest.component_id = Some(manifest_id(TA));
            assert_eq!(refused(author).1, Reason::ComponentUnauthorised);
            let mut author = Author { key, ..Author::new(1) };
            author.manifest.component_id = Some(id.clone());
            assert_eq!(refused(author).1, Reason::ComponentUnauthorised, "as a manifest");
        }
    }
}

#[test]
fn attack_unnamed_manifest_brings_a_trust_store() {
    let mut config = configuration();
    config.trust.policy.unnamed_manifests = true;
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    for key in [trust_signer_key(), signer_key()] {
        let mut author = Author { key, ..trust_author(&trust_store(1, |_| ())) };
        author.manifest.component_id = None;
        assert_eq!(device.update(&[author.envelope()]).refusal(), (11, Reason::ComponentUnauthorised));
    }
    assert_eq!(counts(&mut device), (0, TrustSource::BuiltIn));
}

/// A manifest by the signer with the widest prefix, in which `code` has the components `first` and `second`, of which one
/// is the trust store.
fn moving(code: i64, first: Vec<u8>, second: Vec<u8>) -> Vec<u8> {
    let ids = [Parameter::VendorIdentifier(&VENDOR), Parameter::ClassIdentifier(&CLASS)];
    let shared = SequenceBuilder::new()
        .set_component_index(0)
        .override_parameters(&ids)
        .simple(command::VENDOR_IDENTIFIER, 15)
        .simple(command::CLASS_IDENTIFIER, 15);
    let install = SequenceBuilder::new()
        .set_component_index(1)
        .override_parameters(&[Parameter::Content(b"data")])
        .simple(command::WRITE, 15)
        .set_component_index(0)
        .override_parameters(&[Parameter::SourceComponent(1)])
        .simple(code, 15);
    let builder = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(name("moving.suit")),
        components: vec![first, second],
        shared: shared.build(),
        sections: vec![(manifest::INSTALL, install.build())],
        ..ManifestBuilder::default()
    };
    encode_envelope(&builder.build(), &[signer_key()], &[]).expect("signs")
}

#[test]
fn attack_copy_or_swap_into_the_trust_store_or_out_of_it() {
    let mut device = Device::new();
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    for code in [command::COPY, command::SWAP] {
        for (first, second) in [(store_id(), name("data")), (name("data"), store_id())] {
            let refusal = device.update(&[moving(code, first, second)]).refusal();
            assert_eq!(refusal, (11, Reason::ComponentUnauthorised));
        }
    }
    assert_eq!(counts(&mut device), (1, TrustSource::Updated));
}

#[test]
fn attack_trust_store_as_a_dependency() {
    let store = trust_envelope(&trust_store(1, |_| ()));
    let app = |envelope: &[u8]| {
        let needed = Needed { id: store_manifest_id(), uri: "#trust", envelope };
        DataAuthor::new("data", Data::Clear(b"data")).needing(needed).envelope()
    };
    let mut device = Device::new();
    assert_eq!(device.update(&[app(&store)]).refusal(), (11, Reason::ComponentUnauthorised), "brought");
    assert_eq!(counts(&mut device), (0, TrustSource::BuiltIn));
    assert_eq!(device.update(std::slice::from_ref(&store)).code(), 0);
    assert_eq!(device.update(&[app(&store)]).refusal(), (11, Reason::ComponentUnauthorised), "installed");
    let mut author = trust_author(&trust_store(2, |_| ()));
    author.manifest.dependencies = vec![(1, Some(manifest_id(TA)))];
    assert_eq!(device.update(&[author.envelope()]).code(), 11, "a dependent");
    assert_eq!(counts(&mut device), (1, TrustSource::Updated));
}

#[test]
fn attack_rollback_of_the_trust_store() {
    let mut device = Device::new();
    assert_eq!(device.update(&[trust_envelope(&trust_store(5, |_| ()))]).code(), 0);
    for _ in 0..2 {
        for number in [1, 4] {
            let older = trust_envelope(&trust_store(number, |_| ()));
            assert_eq!(device.update(&[older]).refusal(), (11, Reason::ConditionFailed));
        }
        let other = trust_envelope(&trust_store(5, |store| store.policy.updates_per_hour = 9));
        assert_eq!(device.update(&[other]).refusal(), (11, Reason::ConditionFailed), "another one with 5");
        assert_eq!(counts(&mut device), (5, TrustSource::Updated));
        device = device.restarted();
    }
    assert_eq!(device.update(&[trust_envelope(&trust_store(6, |_| ()))]).code(), 0);
}

#[test]
fn attack_trust_store_that_is_not_newer_than_the_built_in_one() {
    let mut config = configuration();
    config.trust.sequence_number = 5;
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    for number in [0, 4, 5] {
        let refusal = device.update(&[trust_envelope(&trust_store(number, |_| ()))]).refusal();
        assert_eq!(refusal, (11, Reason::ConditionFailed), "{number}");
    }
    assert_eq!(device.update(&[trust_envelope(&trust_store(6, |_| ()))]).code(), 0);
    assert_eq!(counts(&mut device), (6, TrustSource::Updated));
}

#[test]
fn firmware_with_newer_anchors_wins() {
    let mut device = Device::new();
    assert_eq!(device.update(&[trust_envelope(&trust_store(5, |_| ()))]).code(), 0);
    let built_in = |number: u64| {
        let mut config = configuration();
        config.trust.sequence_number = number;
        config.encode()
    };
    for (number, expected) in
        [(4, (5, TrustSource::Updated)), (5, (5, TrustSource::Updated)), (6, (6, TrustSource::BuiltIn))]
    {
        device = Device::start_with(device.env.clone(), &built_in(number));
        assert_eq!(counts(&mut device), expected);
    }
    let refusal = device.update(&[trust_envelope(&trust_store(5, |_| ()))]).refusal();
    assert_eq!(refusal, (11, Reason::ConditionFailed), "not even the one that is installed");
    assert_eq!(device.update(&[trust_envelope(&trust_store(7, |_| ()))]).code(), 0);
    assert_eq!(counts(&mut device), (7, TrustSource::Updated));
}

#[test]
fn attack_unlinked_trust_store() {
    let mut device = Device::new();
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    let refusal = device.remove(&[store_manifest_id()]).refusal();
    assert_eq!(refusal, (11, Reason::ComponentUnauthorised));
    let other = device.other_tam_says(&unneeded(&other_tam_key(), &[store_manifest_id()]));
    assert_eq!(other.refusal(), (11, Reason::ComponentUnauthorised));
    // What else is removed does not take it along.
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    assert_eq!(counts(&mut device.restarted()), (1, TrustSource::Updated));
}

#[test]
fn attack_stored_trust_store_deleted_or_replaced_by_an_older_one() {
    let mut device = Device::new();
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    let newer = trust_store(2, |store| store.policy.updates_per_hour = 9);
    assert_eq!(device.update(&[trust_envelope(&newer)]).code(), 0);
    let size = newer.encode().len();
    let names = device.env.object_names();
    let object = names.iter().find(|name| device.env.object_len(name) == Some(size)).expect("its object");
    let older = trust_store(1, |_| ()).encode();
    for bytes in [None, Some(older), Some(vec![0; size])] {
        let device = device.twin();
        device.env.tamper(object, bytes);
        let mut device = device.restarted();
        let Reply::Failed { reason } = device.request_ta(None) else { panic!("the built-in one counts") };
        assert_eq!(reason, "the Agent's stored trust store is damaged");
        let mut config = configuration();
        config.trust.sequence_number = 3;
        let mut device = Device::start_with(device.env.clone(), &config.encode());
        assert_eq!(counts(&mut device), (3, TrustSource::BuiltIn), "newer firmware helps");
        assert_eq!(device.update(&[trust_envelope(&trust_store(4, |_| ()))]).code(), 0);
    }
}

#[test]
fn attack_full_agent_cannot_be_told_whom_not_to_trust() {
    let mut device = Device::new();
    let installed = (0..40u8).filter(|n| device.update(&[Author::of([*n; 16], 1).envelope()]).code() == 0);
    assert_eq!(installed.count(), 30);
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    assert_eq!(counts(&mut device), (1, TrustSource::Updated));
}

#[test]
fn signer_with_the_right_and_without_a_command() {
    let mut config = configuration();
    config.trust.signers.last_mut().expect("the trust signer").commands = Some(vec![command::WRITE]);
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let refusal = device.update(&[trust_envelope(&trust_store(1, |_| ()))]).refusal();
    assert_eq!(refusal, (11, Reason::ComponentUnauthorised), "it would have to fetch");
    let store = trust_store(1, |_| ()).encode();
    let mut author = DataAuthor::new("data", Data::Clear(&store));
    (author.id, author.components[0].0, author.key) = (store_manifest_id(), store_id(), trust_signer_key());
    assert_eq!(device.update(&[author.envelope()]).code(), 0);
    assert_eq!(counts(&mut device), (1, TrustSource::Updated));
}

#[test]
fn trust_store_is_no_personalization_data() {
    let mut device = Device::new();
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    for reader in [AGENT_UUID, TA] {
        assert_eq!(device.read(reader, &store_id()), None);
    }
}

/// What the device tells a TAM of its trust store: how often, and what first.
fn told(device: &mut Device) -> (usize, Option<Digest>) {
    device.agent.close(&mut device.session);
    device.invoke(Command::RequestPolicyCheck, &[]);
    let received = device.process(&signed_query_request(query_request()));
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    let claims = response.tc_list.expect("a list");
    let claims = claims.iter().filter(|claim| claim.component_id.as_bytes() == store_id());
    let digests: Vec<_> = claims.map(|claim| claim.digest()).collect();
    (digests.len(), digests.first().copied().flatten())
}

#[test]
fn the_tam_sees_which_trust_store_counts() {
    let mut device = Device::new();
    let digest = |store: &TrustStore| (1, Some(Digest::of(&store.encode())));
    assert_eq!(told(&mut device), digest(&configuration().trust), "the built-in one");
    let store = trust_store(1, |_| ());
    assert_eq!(device.update(&[trust_envelope(&store)]).code(), 0);
    assert_eq!(told(&mut device), digest(&store));
    let mut config = configuration();
    config.trust.sequence_number = 2;
    device = Device::start_with(device.env.clone(), &config.encode());
    assert_eq!(told(&mut device), digest(&config.trust), "the newer built-in one");
    config.trust.signers.retain(|signer| !signer.trust_store);
    device = Device::start_with(device.env.clone(), &config.encode());
    assert_eq!(told(&mut device), (0, None), "nobody could change it");
}
