// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::{Algorithm, Dependency, Encryption, Override, Sealing, Source, create, keys};
use teep_agent::config::{SignerAnchor, TamAnchor};
use teep_proto::cose::ContentAlgorithm;
use teep_proto::teec::AGENT_UUID;

/// An encoded trust store that a device would take.
fn store(sequence_number: u64) -> Vec<u8> {
    let key = || keys::generate(Algorithm::Esp256).unwrap().public_key();
    let signer = SignerAnchor { trust_store: true, ..SignerAnchor::new(key(), Vec::new()) };
    let tams = vec![TamAnchor::new("https://tam.example/tam".to_owned(), vec![key()])];
    TrustStore { sequence_number, tams, signers: vec![signer], ..TrustStore::default() }.encode()
}

/// Brings the trust store with sequence number 2 as it should be.
fn good() -> Description {
    Description {
        manifest_id: text::trust_store_manifest(),
        components: vec![Component::written(text::trust_store(), store(2))],
        ..Description::new([1; 16], 2, [0x52; 16], [0x53; 16], Vec::new())
    }
}

fn id(text: &str) -> Vec<Vec<u8>> {
    text::parse(text).unwrap()
}

/// Of the Agent, but not the trust store.
fn of_agent(last: &str) -> Vec<Vec<u8>> {
    id(&format!("TEEP-Device/SecureFS/uuid:{}/{last}", text::format_uuid(AGENT_UUID)))
}

fn refusal(change: impl FnOnce(&mut Description)) -> String {
    let mut description = good();
    change(&mut description);
    description.check().expect_err("a device would refuse it").to_string()
}

fn dependency(on: &Description) -> Dependency {
    let key = keys::generate(Algorithm::Esp256).unwrap();
    Dependency::new(create(on, &[key]).unwrap(), None).unwrap()
}

fn sealing() -> Option<Encryption> {
    Some(Encryption::New(Sealing { algorithm: ContentAlgorithm::A128Gcm, recipients: Vec::new() }))
}

#[test]
fn what_devices_take_is_no_mistake() {
    good().check().unwrap();
    let mut carried = good();
    carried.components[0].source = Some(Source::integrated("#tc"));
    carried.check().unwrap();
    carried.components[0].source = Some(Source::fetched("https://example.com/trust.cbor"));
    carried.check().unwrap();
    let mut written = good();
    written.components[0].encryption = sealing();
    written.check().unwrap();
}

#[test]
fn sequence_numbers_are_equal_and_above_zero() {
    let text = refusal(|description| description.sequence_number = 3);
    assert!(text.contains("sequence-number is 3, but that in the trust store is 2"), "{text}");
    let text = refusal(|description| {
        description.sequence_number = 0;
        description.components[0].content = store(0);
    });
    assert!(text.contains("newer than that of no device"), "{text}");
}

#[test]
fn identifiers_are_those_of_the_trust_store() {
    let (component, manifest) =
        (text::format(&text::trust_store()), text::format(&text::trust_store_manifest()));
    // The Agent's UUID with one digit mistyped, without `uuid:`, and its right form with another name behind it.
    let mistyped = id("TEEP-Device/SecureFS/uuid:f15aa4a3-e3c4-4c8f-8477-30824b81d2b5/trust");
    let as_text = id("TEEP-Device/SecureFS/f15aa4a3-e3c4-4c8f-8477-30824b81d2b4/trust");
    for wrong in [mistyped, as_text, of_agent("trst"), of_agent("trust/suit"), id("trust")] {
        let text = refusal(|description| {
            description.components[0].id = wrong.clone();
            // The manifest itself may be any.
            description.manifest_id = id("trust.suit");
        });
        assert!(text.contains(&format!("{} is a trust store", text::format(&wrong))), "{text}");
        assert!(text.ends_with(&component), "{text}");
    }
    for wrong in [id("TEEP-Device/SecureFS/trust.suit"), of_agent("suit"), of_agent("trust")] {
        let text = refusal(|description| description.manifest_id = wrong.clone());
        assert!(text.contains(&format!("manifest-id is {}", text::format(&wrong))), "{text}");
        assert!(text.ends_with(&manifest), "{text}");
    }
    let text = refusal(|description| {
        description.components = vec![Component::written(of_agent("trst"), b"text".to_vec())];
    });
    assert!(text.contains("manifest-id is that of the trust store") && text.ends_with(&component), "{text}");
}

#[test]
fn nothing_else_is_the_agents() {
    let own = Description::new(AGENT_UUID, 1, [0x52; 16], [0x53; 16], Vec::new());
    let of = |description: &Description| super::check(description).expect_err("the Agent itself").to_string();
    assert!(of(&own).contains("the TEEP Agent's own"), "{}", of(&own));
    let data = |component, manifest_id| Description {
        manifest_id,
        components: vec![Component::written(component, b"text".to_vec())],
        ..good()
    };
    for description in [data(of_agent("x"), id("x.suit")), data(id("x"), of_agent("x"))] {
        assert!(of(&description).contains("the TEEP Agent's own"), "{}", of(&description));
    }
    let mut dependent = data(id("x"), id("x.suit"));
    super::check(&dependent).unwrap();
    dependent.dependencies = vec![dependency(&good())];
    assert!(of(&dependent).contains("the TEEP Agent's own"), "{}", of(&dependent));
    dependent.dependencies = vec![dependency(&data(id("y"), id("y.suit")))];
    super::check(&dependent).unwrap();
    let uri = "https://example.com/y".to_owned();
    dependent.dependencies[0].overrides = vec![Override { component: text::trust_store(), uri }];
    assert!(of(&dependent).contains("the TEEP Agent's own"), "{}", of(&dependent));
}

#[test]
fn the_manifest_has_nothing_else() {
    let alone = "that one component and no dependency";
    let other = Component::written(id("x"), b"text".to_vec());
    let text = refusal(|description| description.components.push(other.clone()));
    assert!(text.contains(alone), "{text}");
    let data = Description { manifest_id: id("x.suit"), components: vec![other.clone()], ..good() };
    let text = refusal(|description| description.dependencies.push(dependency(&data)));
    assert!(text.contains(alone), "{text}");
    let text = refusal(|description| {
        description.components[0].encryption = sealing();
        description.components[0].source = Some(Source::integrated("#tc"));
    });
    assert!(text.contains("delivery = \"write\""), "{text}");
    let text = refusal(|description| description.components[0].content = b"[trust]".to_vec());
    assert!(text.contains("not what teep-suit trust-store makes"), "{text}");
}
