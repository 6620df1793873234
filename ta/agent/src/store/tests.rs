// SPDX-License-Identifier: Apache-2.0
use super::*;
use alloc::format;
use alloc::vec;
use teep_proto::limits::MAX_DEPENDENCIES;
use teep_proto::suit::ComponentId;

fn id(name: &str) -> Vec<u8> {
    ComponentId::encode(&[name])
}

fn manifest(name: &str, roots: &[Hash], dependencies: &[&str], components: &[&str]) -> ManifestRecord {
    ManifestRecord {
        id: id(name),
        sequence_number: 1,
        signer: Thumbprint([1; 32]),
        digest: Digest::sha256([2; 32]),
        object: 3,
        roots: roots.to_vec(),
        dependencies: dependencies.iter().map(|name| id(name)).collect(),
        components: components.iter().map(|name| id(name)).collect(),
    }
}

fn component(name: &str, content: Stored) -> ComponentRecord {
    let digest = Some(Digest::sha256([4; 32]));
    ComponentRecord { id: id(name), digest, size: 5, version: Some(3), content, confidential: true }
}

/// A state with something of everything.
fn state() -> State {
    let mut state = State::default();
    state.new_object();
    state.raise_floor(&id("m"), 7);
    state.put_manifest(manifest("m", &[[8; 32]], &["d"], &["c", "x"]));
    state.put_manifest(manifest("d", &[], &[], &["x"]));
    state.put_component(component("c", Stored::Native([9; 16])));
    state.put_component(ComponentRecord { digest: None, ..component("x", Stored::Object(10)) });
    state.remember_update(UpdateRecord::new([1; 32], [2; 32], true), &id("m"));
    let actions = vec![Action::Install { uuid: [9; 16], object: 11 }, Action::Remove { uuid: [12; 16] }];
    state.journal = Some(Journal { actions, fallback: Some(13), replaced: vec![14] });
    state
}

#[test]
fn round_trips() {
    for state in [State::default(), state()] {
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }
}

#[test]
fn every_truncation_of_the_index_is_refused() {
    let bytes = state().encode();
    for end in 0..bytes.len() {
        State::decode(&bytes[..end]).expect_err("cut short");
    }
}

#[test]
fn index_of_another_format_is_refused() {
    let mut bytes = state().encode();
    assert_eq!(bytes[1], 5);
    bytes[1] = 4;
    State::decode(&bytes).expect_err("a format that is not this one");
}

#[test]
fn refers_to_all_its_objects() {
    let mut objects: Vec<u64> = state().objects().collect();
    objects.sort_unstable();
    assert_eq!(objects, [3, 3, 10, 11, 13, 14]);
}

#[test]
fn numbers_are_never_used_twice() {
    let mut state = state();
    let first = state.new_object();
    let mut before = State::decode(&State::default().encode()).expect("a state");
    before.continue_numbers(state.next_object());
    assert_eq!(before.new_object(), first + 1);
}

#[test]
fn floor_only_rises_and_outlives_the_manifest() {
    let mut state = State::default();
    assert_eq!(state.floor(&id("m")), None);
    state.raise_floor(&id("m"), 4);
    state.raise_floor(&id("m"), 3);
    state.raise_floor(&id("d"), 9);
    assert_eq!((state.floor(&id("m")), state.manifest(&id("m"))), (Some(4), None));
}

#[test]
fn put_replaces_what_has_the_same_identifier() {
    let mut state = state();
    state.put_manifest(manifest("m", &[], &[], &[]));
    state.put_component(component("c", Stored::Object(1)));
    assert_eq!((state.manifests.len(), state.components.len()), (2, 2));
    // A native TA has two names.
    let long = ComponentId::encode(&[&b"TEEP-Device"[..], b"SecureFS", &[7; 16], b"ta"]);
    state.put_component(ComponentRecord { id: long, ..component("", Stored::Native([7; 16])) });
    let short = ComponentId::encode(&[[7; 16]]);
    state.put_component(ComponentRecord { id: short.clone(), ..component("", Stored::Native([7; 16])) });
    assert_eq!(state.components.len(), 3);
    assert!(state.component(&short).is_some());
}

#[test]
fn links_are_found_from_both_ends() {
    let state = state();
    let ids = |found: Vec<&ManifestRecord>| -> Vec<Vec<u8>> { found.iter().map(|m| m.id.clone()).collect() };
    assert_eq!(ids(state.owners(&id("x")).collect()), [id("m"), id("d")]);
    assert_eq!(ids(state.dependents(&id("d")).collect()), [id("m")]);
    assert!(state.is_needed(&id("m")) && state.is_needed(&id("d")) && !state.is_needed(&id("other")));
    assert_eq!(ids(state.keeping_alive(&id("x"))), [id("m")], "root manifests only");
    assert_eq!(ids(state.keeping_alive(&id("other"))), [] as [Vec<u8>; 0]);
}

#[test]
fn digest_is_open_while_the_platform_has_something_to_do() {
    let mut state = state();
    let native = state.component(&id("c")).cloned().expect("installed");
    assert_eq!(state.certain_digest(&native), None);
    state.journal = None;
    assert_eq!(state.certain_digest(&native), native.digest);
}

#[test]
fn there_is_room_up_to_each_limit() {
    let mut state = State::default();
    let fill = |state: &mut State, n: usize| {
        state.put_manifest(manifest(&format!("m{n}"), &[], &[], &[]));
        state.put_component(component(&format!("c{n}"), Stored::Object(1)));
    };
    (1..MAX_MANIFESTS).for_each(|n| fill(&mut state, n));
    (1..MAX_FLOORS as u64).for_each(|n| state.raise_floor(&n.to_be_bytes(), n));
    assert_eq!(state.check_room(&state), Ok(()));
    let mut full = state.clone();
    full.put_manifest(manifest("one more", &[], &[], &[]));
    full.check_room(&state).expect_err("manifests");
    let mut full = state.clone();
    full.put_component(component("one more", Stored::Object(1)));
    full.check_room(&state).expect_err("components");
    let mut full = state.clone();
    full.raise_floor(b"one more", 1);
    full.check_room(&state).expect_err("sequence numbers");
    let mut full = state.clone();
    let roots = [[0; 32]; MAX_LIST + 1];
    full.put_manifest(manifest("m1", &roots, &[], &[]));
    full.check_room(&state).expect_err("TAMs");
    assert_eq!(with_trust_store(&state, 1).check_room(&state), Ok(()), "it has a place of its own");
}

/// `state`, with a trust store in the object `object`.
fn with_trust_store(state: &State, object: u64) -> State {
    let mut state = state.clone();
    let id = component::trust_store_manifest();
    state.raise_floor(&id, 1);
    state.put_manifest(ManifestRecord { id, ..manifest("", &[], &[], &[]) });
    state.put_component(ComponentRecord {
        id: component::trust_store(),
        ..component("", Stored::Object(object))
    });
    state
}

#[test]
fn some_bytes_of_the_index_are_for_changes_of_the_trust_store_only() {
    let grown = |state: &State, n: u8, roots: usize| {
        let dependencies = vec![ComponentId::encode(&[[b'd'; 200]]); MAX_DEPENDENCIES];
        let roots = [[0; 32]; MAX_LIST][..roots].to_vec();
        let mut grown = state.clone();
        grown.put_manifest(ManifestRecord {
            dependencies,
            roots,
            ..manifest(&format!("m{n}"), &[], &[], &[])
        });
        grown
    };
    let (mut full, mut n) = (State::default(), 1);
    while grown(&full, n, MAX_LIST).check_room(&full).is_ok() {
        full = grown(&full, n, MAX_LIST);
        n += 1;
    }
    let roots = (0..MAX_LIST).rev().find(|roots| grown(&full, n, *roots).check_room(&full).is_ok());
    full = roots.map_or(full.clone(), |roots| grown(&full, n, roots));
    assert!(usize::from(n) < MAX_MANIFESTS, "there are too many bytes, not too many manifests");
    let changed = with_trust_store(&full, 1);
    assert_eq!(changed.check_room(&full), Ok(()));
    assert_eq!(with_trust_store(&changed, 2).check_room(&changed), Ok(()), "and again");
    let mut removed = changed.clone();
    removed.manifests.remove(0);
    assert_eq!(removed.check_room(&changed), Ok(()), "what is too large may become smaller");
    grown(&changed, n + 1, MAX_LIST).check_room(&changed).expect_err("not larger");
}

#[test]
fn index_has_room_up_to_the_last_byte_and_not_one_more() {
    // No Update is remembered yet, and has its room.
    let limit = MAX_INDEX - TRUST_RESERVE - MAX_UPDATES * UPDATE_RECORD;
    // With one manifest more, which has so many roots and dependencies, the last of them with a name of so many bytes.
    let with = |state: &State, (roots, dependencies, last): (usize, usize, usize)| {
        let mut needed = vec![ComponentId::encode(&[[b'd'; 200]]); dependencies];
        needed.push(ComponentId::encode(&[vec![b'd'; last]]));
        let mut state = state.clone();
        let record = manifest(&format!("m{}", state.manifests.len()), &[], &[], &[]);
        let roots = vec![[0; 32]; roots];
        state.put_manifest(ManifestRecord { dependencies: needed, roots, ..record });
        state
    };
    let (mut state, largest) = (State::default(), (MAX_LIST, MAX_DEPENDENCIES - 1, 200));
    while with(&state, largest).encode().len() + 300 < limit {
        state = with(&state, largest);
    }
    let sizes = (0..=MAX_LIST).flat_map(|roots| (0..MAX_DEPENDENCIES).map(move |count| (roots, count)));
    let mut sizes = sizes.flat_map(|(roots, count)| (30..64).map(move |last| (roots, count, last)));
    let exact = sizes.find(|size| with(&state, *size).encode().len() == limit).expect("some size is exact");
    assert_eq!(with(&state, exact).check_room(&state), Ok(()));
    let longer = with(&state, (exact.0, exact.1, exact.2 + 1));
    assert_eq!(longer.encode().len(), limit + 1);
    longer.check_room(&state).expect_err("one byte more");
}
