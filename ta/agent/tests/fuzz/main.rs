// SPDX-License-Identifier: Apache-2.0
//! Lives of devices out of random bytes: what the fuzz target `session` does, without a fuzzer.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod script;

use script::Summary;
use std::fs;
use std::path::Path;

/// Scripts of one run.
const SCRIPTS: u64 = 1500;

impl Summary {
    fn add(&mut self, one: &Self) {
        let Self { steps, successes, errors, fetches, restarts, installed } = one;
        self.steps += steps;
        self.successes += successes;
        self.errors += errors;
        self.fetches += fetches;
        self.restarts += restarts;
        self.installed += installed;
    }
}

/// Pseudorandom bytes, the same ones for the same `seed`: SplitMix64.
fn random(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    });
    words.flatten().take(len).collect()
}

#[test]
fn random_sequences_keep_the_state_sound() {
    let mut all = Summary::default();
    for seed in 0..SCRIPTS {
        let bytes = random(seed, 40 + usize::try_from(seed % 7).expect("small") * 60);
        let one = std::panic::catch_unwind(|| script::run(&bytes));
        let one = one.unwrap_or_else(|_| panic!("script {seed}"));
        all.add(&one);
    }
    println!("{SCRIPTS} random sequences: {all:?}");
    // Otherwise they would show little.
    assert!(all.successes > 200 && all.errors > 200 && all.fetches > 200 && all.installed > 100, "{all:?}");
}

/// What the fuzzer kept, and what it found a fault with.
#[test]
fn seeds_keep_the_state_sound() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut all = Summary::default();
    for directory in ["corpus/session", "regressions/session"].map(|name| fuzz.join(name)) {
        for file in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let bytes = fs::read(file.path()).expect("a seed");
            let one = std::panic::catch_unwind(|| script::run(&bytes));
            all.add(&one.unwrap_or_else(|_| panic!("{}", file.path().display())));
        }
    }
    println!("seeds: {all:?}");
    assert!(all.successes > 50 && all.restarts > 10 && all.installed > 10, "{all:?}");
}
