// SPDX-License-Identifier: Apache-2.0
//! A Trusted Application that comes and goes all day long takes no more of the device in the evening.
//!
//! `CYCLES` is how often.

use std::env;
use std::time::Instant;

use serde_json::Value;
use teep_qemu::bench::HELLO_UUID;

use crate::platform::agent;
use crate::support::{Bench, probe};

/// Installations and removals without the variable `CYCLES`.
const CYCLES: u64 = 8;
/// Between two looks at the device.
const STEP: u64 = 4;
/// The Agent remembers this many Updates, of which a cycle has two. Until then it needs more with each one, and at most
/// so many bytes.
const REMEMBERED: u64 = 64;
const UPDATE_RECORD: u64 = 256;
/// What a heap may have in use at one time and not at another, in bytes.
const SLACK: u64 = 1024;

/// What is in use when nothing happens: bytes, and files of secure storage.
#[derive(Clone, Copy, Debug)]
struct Use {
    agent: u64,
    core: u64,
    ta_memory: u64,
    files: u64,
}

#[test]
fn heap_and_storage_are_flat_over_many_installations_and_removals() {
    let cycles = env::var("CYCLES").map_or(CYCLES, |text| text.parse().expect("a number"));
    // Where there is time for it, until the Agent remembers as many Updates as it ever will.
    let warm_up = if cycles > REMEMBERED { REMEMBERED / 2 } else { STEP };
    let mut bench = Bench::new("cycles");
    bench.publish(1);
    let begin = Instant::now();
    let mut done = bench.cycles(warm_up);
    let first = bench.in_use();
    println!("in use after {done} cycles: {first:?}");
    while done < cycles {
        done += bench.cycles(STEP);
        let now = bench.in_use();
        println!("in use after {done} cycles, {:.0} s: {now:?}", begin.elapsed().as_secs_f64());
        let new_updates = (2 * done).min(REMEMBERED) - (2 * warm_up).min(REMEMBERED);
        assert!(now.agent <= first.agent + new_updates * UPDATE_RECORD + SLACK, "{now:?}");
        assert!(now.core <= first.core + SLACK, "{now:?}");
        assert_eq!((now.ta_memory, now.files), (first.ta_memory, first.files), "{now:?}");
    }
}

impl Bench {
    /// Installs and removes the demo TA `count` times, by a loop in the guest.
    fn cycles(&mut self, count: u64) -> u64 {
        let cycle =
            ["request-ta", "unrequest-ta"].map(|task| format!("teep-broker --quiet {task} {HELLO_UUID}"));
        for _ in 0..count.div_ceil(STEP) {
            let command = format!("for i in $(seq {STEP}); do {} || exit 1; done", cycle.join(" && "));
            let output = self.device.run(&command).expect("the guest answers");
            assert_eq!(output.status, 0, "{}", output.stdout);
            for done in ["1 manifest installed", "1 manifest removed"] {
                assert_eq!(output.stdout.matches(done).count() as u64, STEP, "{}", output.stdout);
            }
        }
        count.next_multiple_of(STEP)
    }

    fn in_use(&mut self) -> Use {
        let seen = probe(self, "stats --hold-agent", 0);
        let bytes = |heap: &Value| heap["allocated"].as_u64().expect("a number");
        let list = "ls -1 /var/lib/optee-client/data/tee | wc -l";
        let files = self.device.run(list).expect("the guest answers").stdout;
        Use {
            agent: bytes(&agent(&seen)["heap"]),
            core: bytes(&seen["core"]["heap"]),
            ta_memory: bytes(&seen["core"]["ta_memory"]),
            files: files.trim().parse().expect("a number"),
        }
    }
}
