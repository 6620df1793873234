// SPDX-License-Identifier: Apache-2.0
//! How much one signer may have installed: up to each quota, one past it, and what else it does not touch.

use crate::author::*;
use crate::support::*;
use teep_agent::config::Quota;
use teep_proto::teec::Reply;
use teep_sim::MemoryEnv;

/// A device on which the usual signer has `quota`.
fn with(quota: Quota) -> Device {
    let mut config = configuration();
    config.trust.signers[0].quota = quota;
    Device::start_with(MemoryEnv::new([7; 32]), &config.encode())
}

fn data(name: &'static str, content: &[u8]) -> Vec<u8> {
    DataAuthor::new(name, Data::Clear(content)).envelope()
}

/// The quota that keeps `device` from taking `envelope`.
fn exceeded(device: &mut Device, envelope: Vec<u8>) -> String {
    let before = device.components();
    let received = device.update(&[envelope]);
    assert_eq!(received.code(), 10, "ERR_TEMPORARY_ERROR");
    assert_eq!(device.components(), before);
    let text = received.outcome.expect("an outcome").text;
    let name = text.split(['(', ')']).nth(1);
    name.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn quota_of_components() {
    let mut device = with(Quota { max_components: Some(2), ..Quota::default() });
    let two = || {
        let mut author = DataAuthor::new("one", Data::Clear(b"1"));
        author.components.push((name("two"), Data::Clear(b"2")));
        author
    };
    let mut three = two();
    three.components.push((name("three"), Data::Clear(b"3")));
    assert_eq!(exceeded(&mut device, three.envelope()), "max-components");
    assert_eq!(device.update(&[two().envelope()]).code(), 0);
    assert_eq!(exceeded(&mut device, data("more", b"x")), "max-components");
    let mut other = DataAuthor::new("others", Data::Clear(b"x"));
    other.key = clear_signer_key();
    assert_eq!(device.update(&[other.envelope()]).code(), 0, "another signer's");
    assert_eq!(device.remove(&[name("one.suit")]).code(), 0);
    assert_eq!(device.update(&[data("more", b"x")]).code(), 0, "there is room again");
}

#[test]
fn quota_of_bytes() {
    let image = Author::new(1).image.len();
    let mut device = with(Quota { max_bytes: Some(image as u64 + 10), ..Quota::default() });
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert_eq!(exceeded(&mut device, data("data", &[0; 11])), "max-bytes");
    assert_eq!(device.update(&[data("data", &[0; 10])]).code(), 0);
    let mut larger = DataAuthor::new("data", Data::Clear(&[0; 11]));
    larger.sequence_number = 2;
    assert_eq!(exceeded(&mut device, larger.envelope()), "max-bytes");
    let mut smaller = DataAuthor::new("data", Data::Clear(&[0; 9]));
    smaller.sequence_number = 2;
    assert_eq!(device.update(&[smaller.envelope()]).code(), 0);
}

#[test]
fn quota_of_manifests() {
    let mut device = with(Quota { max_manifests: Some(2), ..Quota::default() });
    assert_eq!(device.update(&[envelope(1), data("one", b"1")]).code(), 0);
    assert_eq!(exceeded(&mut device, data("two", b"2")), "max-manifests");
    assert_eq!(device.update(&[envelope(2)]).code(), 0, "in the place of an old one");
}

#[test]
fn quota_counts_dependencies_for_their_own_signer() {
    let mut device = with(Quota { max_manifests: Some(0), ..Quota::default() });
    let ta = envelope(1);
    let mut author = DataAuthor::new("app", Data::Clear(b"x")).needing(Needed::ta(TA, "#ta", &ta));
    author.key = clear_signer_key();
    assert_eq!(exceeded(&mut device, author.envelope()), "max-manifests");
    assert_eq!((device.installed(), device.objects()), ((None, None), 0));
}

#[test]
fn what_is_above_a_lowered_quota_stays_and_may_become_less() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1), data("one", b"12345"), data("two", b"2")]).code(), 0);
    let lowered = trust_store(1, |store| {
        store.signers[0].quota =
            Quota { max_components: Some(1), max_bytes: Some(1), max_manifests: Some(1) };
    });
    assert_eq!(device.update(&[trust_envelope(&lowered)]).code(), 0);
    let mut smaller = DataAuthor::new("one", Data::Clear(b"1"));
    smaller.sequence_number = 2;
    assert_eq!(device.update(&[smaller.envelope()]).code(), 0);
    assert_eq!(exceeded(&mut device, data("three", b"")), "max-components");
    for id in [name("one.suit"), name("two.suit")] {
        assert_eq!(device.remove(&[id]).code(), 0);
    }
}

#[test]
fn the_trust_store_is_of_no_quota() {
    let mut config = configuration();
    let none = Quota { max_components: Some(0), max_bytes: Some(0), max_manifests: Some(0) };
    config.trust.signers.last_mut().expect("the trust signer").quota = none;
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    assert!(matches!(device.request_ta(None), Reply::Connect { .. }));
}
