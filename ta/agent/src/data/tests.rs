// SPDX-License-Identifier: Apache-2.0
use super::*;
use alloc::vec::Vec;
use teep_proto::cose::Thumbprint;
use teep_proto::suit::{Digest, text};

const TA: [u8; 16] = [0x1c; 16];
const OTHER: [u8; 16] = [0x2c; 16];

fn id(name: &str) -> Vec<u8> {
    ComponentId::encode(&[name])
}

fn manifest(name: &str, dependencies: &[&str], components: &[Vec<u8>]) -> ManifestRecord {
    ManifestRecord {
        id: id(name),
        sequence_number: 1,
        signer: Thumbprint([1; 32]),
        digest: Digest::sha256([2; 32]),
        object: 3,
        roots: Vec::new(),
        dependencies: dependencies.iter().map(|name| id(name)).collect(),
        components: components.to_vec(),
    }
}

fn component(id: Vec<u8>, content: Stored, confidential: bool) -> ComponentRecord {
    ComponentRecord { id, digest: None, size: 1, version: None, content, confidential }
}

fn native(uuid: [u8; 16]) -> Vec<u8> {
    ComponentId::encode(&text::native_ta(uuid))
}

/// The TAs, each with a manifest, and `manifest` with the data component "data".
fn state(manifest_: ManifestRecord, confidential: bool) -> State {
    let mut state = State::default();
    for (name, uuid) in [("ta", TA), ("other", OTHER)] {
        state.put_manifest(manifest(name, &[], &[native(uuid)]));
        state.put_component(component(native(uuid), Stored::Native(uuid), false));
    }
    state.put_manifest(manifest_);
    state.put_component(component(id("data"), Stored::Object(1), confidential));
    state
}

/// Who of the two may read the data.
fn readers(state: &State) -> [bool; 2] {
    let data = state.component(&id("data")).expect("installed");
    [TA, OTHER].map(|ta| may_read(state, data, ta))
}

#[test]
fn data_beside_a_ta_is_for_this_one() {
    let own = manifest("m", &[], &[id("data"), native(TA)]);
    let state = state(own, false);
    assert!(is_private(&state, state.component(&id("data")).expect("installed")));
    assert_eq!(readers(&state), [true, false]);
}

#[test]
fn data_that_depends_on_a_ta_is_for_this_one() {
    assert_eq!(readers(&state(manifest("m", &["ta"], &[id("data")]), false)), [true, false]);
    assert_eq!(readers(&state(manifest("m", &["ta", "other"], &[id("data")]), true)), [true, true]);
}

#[test]
fn encrypted_data_of_nobody_is_for_nobody() {
    assert_eq!(readers(&state(manifest("m", &[], &[id("data")]), true)), [false, false]);
}

#[test]
fn plain_data_is_for_direct_dependents() {
    let mut state = state(manifest("m", &[], &[id("data")]), false);
    assert_eq!(readers(&state), [false, false]);
    state.put_manifest(manifest("other", &["m"], &[native(OTHER)]));
    assert_eq!(readers(&state), [false, true]);
    // A dependent's dependent does not count.
    state.put_manifest(manifest("ta", &["other"], &[native(TA)]));
    assert_eq!(readers(&state), [false, true]);
}

#[test]
fn dependents_of_private_data_do_not_count() {
    let mut state = state(manifest("m", &["ta"], &[id("data")]), false);
    state.put_manifest(manifest("other", &["m"], &[native(OTHER)]));
    assert_eq!(readers(&state), [true, false]);
}

#[test]
fn encrypted_data_is_not_for_dependents_either() {
    let mut state = state(manifest("m", &[], &[id("data")]), true);
    state.put_manifest(manifest("other", &["m"], &[native(OTHER)]));
    assert_eq!(readers(&state), [false, false]);
}
