// SPDX-License-Identifier: Apache-2.0
use super::*;
use alloc::vec;
use teep_proto::suit::DigestAlgorithm;

// The simulator is built against this crate as others see it, and so has other traits than this one: what needs
// storage is tested in ta/agent/tests. Here is what needs none.

fn staged(object: u64) -> Staged {
    Staged { object, size: 1 }
}

#[test]
fn a_new_wish_replaces_the_one_under_way() {
    let mut effects = Effects::default();
    assert_eq!(effects.fetching(), None);
    assert_eq!(effects.fetch([1; 32], "http://a", None, None, || 1), Ok(()));
    assert_eq!(effects.fetch([1; 32], "http://a", None, None, || unreachable!()), Ok(()), "it is on its way");
    assert_eq!(effects.fetching(), Some(("http://a", 0)));
    assert_eq!(effects.fetch([2; 32], "http://b", None, None, || 2), Ok(()));
    assert_eq!((effects.fetching(), &effects.others), (Some(("http://b", 0)), &vec![1]));
}

#[test]
fn failure_is_told_to_the_command_that_waits() {
    let mut effects = Effects::default();
    let unavailable = || FetchError::Unavailable("404".into());
    effects.give_up(unavailable());
    effects.fetch([1; 32], "http://a", None, None, || 1).expect("begun");
    effects.give_up(unavailable());
    let again = effects.fetch([1; 32], "http://a", None, None, || unreachable!());
    assert_eq!(again, Err(unavailable()));
    effects.give_up(FetchError::Env(EnvError::OUT_OF_MEMORY));
    let again = effects.fetch([1; 32], "http://a", None, None, || unreachable!());
    assert_eq!(again, Err(FetchError::Env(EnvError::OUT_OF_MEMORY)));
}

#[test]
fn digest_computed_on_the_way_is_kept() {
    let mut effects = Effects::default();
    let digest = DigestAlgorithm::Sha384.digest(b"x");
    effects.made([1; 32], staged(1), Some(digest)).expect("room");
    assert_eq!((effects.digest(staged(1)), effects.digest(staged(2))), (Some(digest), None));
}

#[test]
fn there_is_an_end_to_what_one_procedure_stages() {
    let mut effects = Effects::default();
    for n in 0..MAX_EFFECTS as u64 {
        effects.made([1; 32], staged(n), None).expect("room");
    }
    assert_eq!(effects.made([1; 32], staged(0), None), Err(EnvError::OUT_OF_MEMORY));
}
