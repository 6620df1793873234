// SPDX-License-Identifier: Apache-2.0
//! Manifests that differ although what they install is the same, and devices that tell in SUIT Reports which they have.

use crate::world::{Reaction, UUID, World, component, error, having, success};
use teep_proto::cose::Algorithm;
use teep_proto::suit::{ComponentId, Digest, Report, ReportEntry, SystemPropertyClaims};
use teep_proto::teep::{Dialect, ErrCode, Message, QueryResponse};
use teep_suit::{Description, create};
use teep_tam::TamConfig;
use teep_tam::store::Offer;

/// The manifest with this number; the image is always the first one.
fn offer(world: &World, number: u64) -> Offer {
    let description = Description::new(UUID, number, [2; 16], [3; 16], crate::world::image(1));
    let envelope = create(&description, std::slice::from_ref(&world.signer)).unwrap();
    Offer::verified(format!("hello-{number}.suit"), envelope, &[world.signer.public_key()]).unwrap()
}

/// A QueryResponse of an Agent that has the image by the manifest with `digest`.
fn has(world: &World, digest: Digest) -> Reaction {
    let (token, component) = (world.query(), component());
    let Message::QueryResponse(response) = having(&token, &component, 1) else { panic!("a QueryResponse") };
    let claims = SystemPropertyClaims::new(ComponentId::decode(&component).unwrap(), None);
    let records = vec![ReportEntry::Properties(claims)];
    let report = Report { records, ..Report::new("", digest, Some(&token)) }.encode().unwrap();
    world.send(&Message::QueryResponse(QueryResponse { suit_reports: vec![&report], ..response }))
}

fn sent(world: &World, reaction: &Reaction) -> (Vec<Vec<u8>>, Vec<u8>) {
    reaction.update(world, |update| {
        let manifests = update.manifest_list.iter().map(|envelope| envelope.to_vec()).collect();
        (manifests, update.token.unwrap().to_vec())
    })
}

#[test]
fn newer_manifest_with_the_same_image_is_sent_once() {
    for dialect in Dialect::ALL {
        let mut config = TamConfig::generate().unwrap();
        config.dialect = dialect;
        let world = World::with(config, Algorithm::Esp256);
        let (old, new) = (offer(&world, 1), offer(&world, 2));
        world.store.set_offers(vec![new.clone()]);
        let reaction = has(&world, old.digest);
        assert!(
            reaction.events[0].ends_with(": has 1"),
            "what is installed is not news: {:?}",
            reaction.events
        );
        let (manifests, token) = sent(&world, &reaction);
        assert_eq!(manifests, [new.envelope], "{dialect}");
        assert!(world.send(&success(Some(&token), &[])).is_settled());
        assert!(has(&world, new.digest).is_settled(), "{dialect}");
    }
}

/// The TAM does not know which number the device has, nor does the device take this one.
#[test]
fn device_that_refuses_a_manifest_gets_it_once_in_a_conversation() {
    let world = World::new();
    world.store.set_offers(vec![offer(&world, 1)]);
    for _contact in 0..2 {
        let (manifests, token) = sent(&world, &has(&world, Digest::of(b"a newer one")));
        assert_eq!(manifests.len(), 1);
        let refused = world.send(&error(Some(&token), ErrCode::MANIFEST_PROCESSING_FAILED));
        assert!(refused.is_settled(), "the conversation ends");
    }
}

#[test]
fn device_with_a_higher_number_is_left_alone() {
    let world = World::new();
    let (low, high) = (offer(&world, 1), offer(&world, 2));
    world.store.set_offers(vec![low.clone()]);
    // It was withdrawn, or replaced by its old version.
    world.store.set_withdrawn(vec![high.clone()]);
    assert!(has(&world, high.digest).is_settled());
    world.store.set_withdrawn(Vec::new());
    world.store.set_offers(vec![high.clone()]);
    world.store.set_offers(vec![low]);
    assert!(has(&world, high.digest).is_settled());
}

#[test]
fn device_that_does_not_tell_its_manifests_gets_other_images_only() {
    let world = World::new();
    world.store.set_offers(vec![offer(&world, 2)]);
    assert!(world.send(&having(&world.query(), &component(), 1)).is_settled());
    world.send(&having(&world.query(), &component(), 9)).update(&world, |update| {
        assert_eq!(update.manifest_list.len(), 1);
    });
}
