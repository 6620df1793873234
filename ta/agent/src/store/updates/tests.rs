// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::limits::UPDATE_RECORD;
use alloc::vec::Vec;

fn record(tam: u8, payload: u8) -> UpdateRecord {
    UpdateRecord::new([tam; 32], [payload; 32], true)
}

/// A state that knows the manifests 0 to 255, by their numbers.
fn state() -> State {
    let mut state = State::default();
    (0..=255).for_each(|n: u8| state.raise_floor(&[n], 1));
    state
}

fn payloads(state: &State) -> Vec<u8> {
    state.updates.iter().map(|update| update.payload[0]).collect()
}

#[test]
fn remembers_updates_up_to_its_limit() {
    let mut state = state();
    assert!(!state.remember_update(record(1, 200), &[1]));
    for n in 0..63 {
        assert!(!state.remember_update(record(2, n), &[1]));
    }
    assert_eq!(state.update(&[62; 32]).map(|(_, latest)| latest), Some(true));
    assert!(state.remember_update(UpdateRecord { complete: false, ..record(3, 100) }, &[1]), "one too many");
    assert!(state.update(&[0; 32]).is_none(), "the oldest of the TAM with the most");
    assert!(state.update(&[200; 32]).is_some(), "not another's");
    assert!(!state.remember_update(record(3, 100), &[1]), "in place of itself");
    assert!(state.update(&[100; 32]).is_some_and(|(record, latest)| record.complete && latest));
}

#[test]
fn of_two_tams_with_as_many_the_one_that_sends_more_loses_one() {
    let mut state = state();
    (0..32).for_each(|n| assert!(!state.remember_update(record(1, n), &[1])));
    (32..64).for_each(|n| assert!(!state.remember_update(record(2, n), &[2])));
    assert!(state.remember_update(record(1, 100), &[1]));
    assert!(state.update(&[0; 32]).is_none() && state.update(&[32; 32]).is_some());
}

#[test]
fn much_about_one_manifest_does_not_displace_what_is_about_others() {
    let mut state = state();
    // About one, about two of which there is much about one, and about nothing that is known.
    state.remember_update(record(1, 200), &[1]);
    state.remember_update(record(1, 201), &[2]);
    state.remember_update(record(1, 201), &[255]);
    state.remember_update(record(1, 202), b"unknown");
    for n in 0..200 {
        state.remember_update(record(1, n), &[2]);
    }
    assert_eq!(payloads(&state)[..2], [200, 201]);
    assert_eq!(payloads(&state)[2..], (138..200).collect::<Vec<_>>(), "the latest of the others");
    // Not even when many others come in turns.
    for n in 0..=199 {
        state.remember_update(record(1, n), &[2 + n % 20]);
    }
    assert_eq!(payloads(&state)[..2], [200, 201]);
}

#[test]
fn of_as_many_about_each_manifest_the_oldest_goes() {
    let mut state = state();
    (0..100).for_each(|n| assert_eq!(state.remember_update(record(1, n), &[n]), n >= 64));
    assert_eq!(payloads(&state), (36..100).collect::<Vec<_>>());
    state.remember_update(record(1, 100), &[99]);
    assert_eq!(payloads(&state)[0], 37, "and not the one before about the same manifest");
}

#[test]
fn manifests_at_both_ends_are_told_apart() {
    for one in 0..MAX_FLOORS {
        let mut set = Manifests::default();
        set.insert(one);
        assert!((0..=MAX_FLOORS).all(|other| set.contains(other) == (other == one)), "{one}");
    }
}

#[test]
fn each_record_takes_as_many_bytes() {
    let mut state = state();
    for n in 0..=255 {
        let before = state.encode().len();
        state.remember_update(record(1, n), &[n]);
        let more = state.encode().len() - before;
        // The list's length takes more from the 24th on.
        assert!(more - UPDATE_RECORD * usize::from(n < 64) <= 1, "{n}: {more}");
    }
}
