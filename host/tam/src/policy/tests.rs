// SPDX-License-Identifier: Apache-2.0
mod manifests;

use super::*;
use crate::store::{OfferedComponent, OfferedDependency};
use teep_proto::suit::Digest;
use teep_proto::teep::QueryResponse;

fn offer(name: &str, components: &[(&[u8], u8)], sequence_number: u64, bytes: usize) -> Offer {
    let components = components
        .iter()
        .map(|(id, digest)| OfferedComponent { id: id.to_vec(), digest: Some(Digest::sha256([*digest; 32])) })
        .collect();
    Offer {
        name: name.to_owned(),
        agent: None,
        manifest_id: Some(name.into()),
        digest: Digest::of(name.as_bytes()),
        dependencies: Vec::new(),
        components,
        sequence_number,
        envelope: vec![0; bytes],
    }
}

fn id(name: u8) -> Vec<u8> {
    ComponentId::encode(&[[name]])
}

fn names(decision: &Decision<'_>) -> Vec<String> {
    decision.manifests.iter().map(|offer| offer.name.clone()).collect()
}

type Wanted<'b> = (&'b [u8], Option<u64>);
type Installed<'b> = (&'b [u8], Option<u8>);

fn wanted<'b>((id, number): &Wanted<'b>) -> RequestedTc<'b> {
    let component_id = ComponentId::decode(id).unwrap();
    RequestedTc { component_id, tc_manifest_sequence_number: *number, have_binary: None }
}

fn installed<'b>((id, digest): &Installed<'b>) -> SystemPropertyClaims<'b> {
    let component_id = ComponentId::decode(id).unwrap();
    SystemPropertyClaims::new(component_id, digest.map(|d| Digest::sha256([d; 32])))
}

/// Names of what an Agent gets that wants and has these components.
fn chosen(wants: &[Wanted<'_>], has: &[Installed<'_>], offers: &[Offer]) -> Vec<String> {
    let response = QueryResponse {
        requested_tc_list: wants.iter().map(wanted).collect(),
        tc_list: Some(has.iter().map(installed).collect()),
        ..QueryResponse::default()
    };
    let decision = Catalogue::new(None, offers, &[]).decide(&Device::new(&response, &[]), true);
    assert!(decision.unneeded.is_empty());
    names(&decision)
}

#[test]
fn requested_and_outdated_components_are_sent_once() {
    let (a, b, c) = (id(1), id(2), id(3));
    let offers = [offer("ab", &[(&a, 1), (&b, 1)], 5, 10), offer("c", &[(&c, 1)], 1, 10)];
    assert_eq!(chosen(&[(&a, None), (&b, None)], &[(&b, Some(9))], &offers), ["ab"]);
    assert_eq!(chosen(&[], &[(&a, Some(1)), (&c, Some(2))], &offers), ["c"]);
    assert_eq!(chosen(&[(&c, None)], &[(&a, Some(2))], &offers), ["c", "ab"], "what was asked for first");
    assert!(chosen(&[], &[(&a, Some(1)), (&b, Some(1)), (&id(9), Some(1))], &offers).is_empty());
    assert!(chosen(&[], &[(&a, None)], &offers).is_empty(), "nothing is known to differ");
    assert!(chosen(&[(&id(9), None)], &[], &offers).is_empty());
}

#[test]
fn the_highest_sequence_number_wins() {
    let a = id(1);
    let offers: Vec<Offer> = [3, 7, 7, 5]
        .iter()
        .enumerate()
        .map(|(i, n)| offer(&i.to_string(), &[(&a, i as u8)], *n, 10))
        .collect();
    assert_eq!(chosen(&[(&a, None)], &[], &offers), ["1"]);
    assert_eq!(chosen(&[(&a, Some(7))], &[], &offers), ["1"]);
    assert!(chosen(&[(&a, Some(8))], &[], &offers).is_empty(), "less than was asked for");
    assert!(chosen(&[], &[(&a, Some(1))], &offers).is_empty());
    assert_eq!(chosen(&[], &[(&a, Some(3))], &offers), ["1"]);
}

#[test]
fn one_update_stays_within_the_message_limit() {
    let ids: Vec<Vec<u8>> = (0..MAX_LIST as u8 + 1).map(id).collect();
    let wanted: Vec<Wanted<'_>> = ids.iter().map(|id| (&**id, None)).collect();
    let small: Vec<Offer> = ids.iter().map(|id| offer("small", &[(id, 1)], 1, 10)).collect();
    assert_eq!(chosen(&wanted, &[], &small).len(), MAX_LIST);
    let half = MAX_MESSAGE / 2;
    let large = [
        offer("first", &[(&ids[0], 1)], 1, half),
        offer("too much", &[(&ids[1], 1)], 1, half),
        offer("small", &[(&ids[2], 1)], 1, 100),
    ];
    assert_eq!(chosen(&wanted, &[], &large), ["first", "small"]);
}

const AGENT: Thumbprint = Thumbprint([1; 32]);
const OTHER: Thumbprint = Thumbprint([2; 32]);

/// `offer`, depending on `on` as it is.
fn depending(offer: Offer, on: &Offer, is_brought: bool) -> Offer {
    let id = on.manifest_id.clone().unwrap();
    let dependencies = vec![OfferedDependency { id, digest: Some(on.digest), is_brought }];
    Offer { dependencies, ..offer }
}

/// Another version of `offer`.
fn version(offer: &Offer, name: &str, digest: u8) -> Offer {
    let mut new = Offer { name: name.to_owned(), digest: Digest::sha256([digest; 32]), ..offer.clone() };
    new.components.iter_mut().for_each(|component| component.digest = Some(Digest::sha256([digest; 32])));
    new.sequence_number = 2;
    new
}

/// What `agent` gets and gives up.
fn told(
    agent: Thumbprint,
    wants: &[Wanted<'_>],
    has: &[Installed<'_>],
    unneeded: &[&[u8]],
    (offers, withdrawn): (&[Offer], &[Offer]),
) -> (Vec<String>, Vec<String>) {
    let unneeded: Vec<_> = unneeded.iter().map(|id| ComponentId::encode(&[id])).collect();
    let response = QueryResponse {
        requested_tc_list: wants.iter().map(wanted).collect(),
        tc_list: Some(has.iter().map(installed).collect()),
        unneeded_manifest_list: unneeded.iter().map(|id| ComponentId::decode(id).unwrap()).collect(),
        ..QueryResponse::default()
    };
    // A manifest's identifier must be one where it is compared with what an Agent says.
    let named = |offers: &[Offer]| -> Vec<Offer> {
        let encode = |id: &Vec<u8>| ComponentId::encode(&[id]);
        offers
            .iter()
            .map(|offer| {
                let mut offer = offer.clone();
                offer.manifest_id = offer.manifest_id.as_ref().map(encode);
                offer.dependencies.iter_mut().for_each(|dependency| dependency.id = encode(&dependency.id));
                offer
            })
            .collect()
    };
    let (offers, withdrawn) = (named(offers), named(withdrawn));
    let decision =
        Catalogue::new(Some(agent), &offers, &withdrawn).decide(&Device::new(&response, &[]), true);
    let unneeded = decision.unneeded.iter().map(|id| ComponentId::decode(id).unwrap().to_string());
    (names(&decision), unneeded.collect())
}

fn sent(agent: Thumbprint, wants: &[Wanted<'_>], has: &[Installed<'_>], offers: &[Offer]) -> Vec<String> {
    let (sent, unneeded) = told(agent, wants, has, &[], (offers, &[]));
    assert!(unneeded.is_empty());
    sent
}

#[test]
fn a_dependency_precedes_its_dependent() {
    let (ta, data) = (id(1), id(2));
    let hello = offer("hello", &[(&ta, 1)], 1, 10);
    let greeting = depending(offer("greeting", &[(&data, 1)], 1, 10), &hello, false);
    let offers = [greeting, hello];
    assert_eq!(sent(AGENT, &[(&data, None)], &[], &offers), ["hello", "greeting"]);
    assert_eq!(sent(AGENT, &[(&data, None)], &[(&ta, Some(1))], &offers), ["greeting"], "it is there");
    assert_eq!(sent(AGENT, &[(&data, None)], &[(&ta, Some(2))], &offers), ["hello", "greeting"]);
    assert_eq!(sent(AGENT, &[(&ta, None)], &[], &offers), ["hello", "greeting"], "data goes with it");
    assert_eq!(sent(AGENT, &[], &[(&ta, Some(1))], &offers), ["greeting"]);
    assert!(sent(AGENT, &[], &[(&ta, Some(1)), (&data, Some(1))], &offers).is_empty());
    assert!(sent(AGENT, &[], &[], &offers).is_empty(), "nobody wants it");
}

#[test]
fn a_dependency_that_has_no_room_leaves_its_dependent_out() {
    let (ta, data) = (id(1), id(2));
    let hello = offer("hello", &[(&ta, 1)], 1, MAX_MESSAGE - 2000);
    let greeting = depending(offer("greeting", &[(&data, 1)], 1, 2000), &hello, false);
    assert_eq!(sent(AGENT, &[(&data, None)], &[], &[greeting, hello]), [""; 0]);
}

#[test]
fn dependencies_in_a_circle_end() {
    let (a, b) = (offer("a", &[(&id(1), 1)], 1, 10), offer("b", &[(&id(2), 1)], 1, 10));
    let circle = [depending(a.clone(), &b, false), depending(b, &a, false)];
    assert!(sent(AGENT, &[(&id(1), None)], &[], &circle).is_empty());
}

#[test]
fn a_bound_offer_is_for_one_device() {
    let (ta, data) = (id(1), id(2));
    let hello = offer("hello", &[(&ta, 1)], 1, 10);
    let greeting = depending(offer("greeting", &[(&data, 1)], 1, 10), &hello, false).only_for(AGENT);
    let offers = [hello, greeting];
    assert_eq!(sent(AGENT, &[(&ta, None)], &[], &offers), ["hello", "greeting"]);
    assert_eq!(sent(OTHER, &[(&ta, None)], &[], &offers), ["hello"]);
    assert!(sent(OTHER, &[(&data, None)], &[(&ta, Some(1))], &offers).is_empty());
    assert!(sent(AGENT, &[], &[], &offers).is_empty(), "the TA is not wanted there");
    let alone = [offer("alone", &[(&data, 1)], 1, 10).only_for(AGENT)];
    assert_eq!(sent(AGENT, &[], &[], &alone), ["alone"]);
    assert!(sent(OTHER, &[], &[], &alone).is_empty());
    assert!(sent(AGENT, &[], &[(&data, Some(1))], &alone).is_empty());
    let for_all = offer("for all", &[(&data, 2)], 9, 10);
    let both = [for_all, alone[0].clone()];
    assert_eq!(sent(AGENT, &[(&data, None)], &[], &both), ["alone"], "rather than the one for all");
    assert_eq!(sent(OTHER, &[(&data, None)], &[], &both), ["for all"]);
}

/// The TAM's own manifest that moves the developer's payload.
#[test]
fn a_dependent_with_the_same_component_stands_for_both() {
    let ta = id(1);
    let hello = offer("hello", &[(&ta, 1)], 7, 10);
    let mirror = depending(offer("mirror", &[(&ta, 1)], 1, 10), &hello, true);
    assert_eq!(sent(AGENT, &[(&ta, None)], &[], &[hello.clone(), mirror.clone()]), ["mirror"]);
    assert!(sent(AGENT, &[], &[(&ta, Some(1))], &[hello, mirror]).is_empty());
}

/// suit.md 9.5 rule 8: what a dependent holds is not replaced alone.
#[test]
fn data_is_given_up_and_sent_again_with_its_application() {
    let (ta, data) = (id(1), id(2));
    let hello = version(&offer("hello", &[(&ta, 1)], 1, 10), "hello 2", 2);
    let greeting = depending(offer("greeting", &[(&data, 1)], 1, 10), &hello, false);
    let has = [(&*ta, Some(1)), (&*data, Some(1))];
    let (sent, unneeded) = told(AGENT, &[], &has, &[], (&[greeting, hello], &[]));
    assert_eq!(sent, ["hello 2", "greeting"]);
    assert_eq!(unneeded, ["greeting"]);
}

#[test]
fn what_is_withdrawn_is_given_up() {
    let ta = id(1);
    let hello = offer("hello", &[(&ta, 1)], 1, 10);
    let given_up = |has: &[Installed<'_>], offers: &[Offer], withdrawn: &[Offer]| {
        told(AGENT, &[], has, &[], (offers, withdrawn)).1
    };
    let withdrawn = [hello.clone()];
    assert_eq!(given_up(&[(&ta, Some(1))], &[], &withdrawn), ["hello"]);
    assert_eq!(given_up(&[(&ta, None)], &[], &withdrawn), ["hello"], "in whatever version");
    assert!(given_up(&[(&id(2), Some(1))], &[], &withdrawn).is_empty());
    assert!(
        given_up(&[(&ta, Some(1))], std::slice::from_ref(&hello), &withdrawn).is_empty(),
        "it is offered again"
    );
    let bound = [hello.only_for(OTHER)];
    assert!(given_up(&[(&ta, Some(1))], &[], &bound).is_empty());
}

#[test]
fn what_a_device_does_not_need_goes_with_its_data() {
    let (ta, data) = (id(1), id(2));
    let hello = offer("hello", &[(&ta, 1)], 1, 10);
    let greeting = depending(offer("greeting", &[(&data, 1)], 1, 10), &hello, false).only_for(AGENT);
    let offers = [hello, greeting];
    let has = [(&*ta, Some(9)), (&*data, Some(9))];
    let (sent, unneeded) = told(AGENT, &[], &has, &[b"hello"], (&offers, &[]));
    assert_eq!(unneeded, ["greeting", "hello"]);
    assert!(sent.is_empty(), "nothing brings it back at once");
    let current = [(&*ta, Some(1)), (&*data, Some(1))];
    let (_, unneeded) = told(AGENT, &[], &current, &[b"unknown"], (&offers, &[]));
    assert!(unneeded.is_empty(), "what this TAM does not know is another's affair");
    let response = QueryResponse {
        tc_list: Some(Vec::new()),
        unneeded_manifest_list: vec![ComponentId::decode(&ta).unwrap()],
        ..QueryResponse::default()
    };
    let known = [Offer { manifest_id: Some(ta.clone()), ..offers[0].clone() }];
    let device = Device::new(&response, &[]);
    assert!(Catalogue::new(None, &known, &[]).decide(&device, false).is_empty(), "policy may say no");
}
