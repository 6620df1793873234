// SPDX-License-Identifier: Apache-2.0
//! What Linux can do to the Agent without a TAM's help: any calls at all, memory that changes during a call, several
//! conversations at once, sessions held open.

use std::time::Duration;

use serde_json::Value;
use teep_qemu::bench::{GREETING, HELLO_UUID, payload_uri};
use teep_suit::Source;

use crate::platform::agent;
use crate::support::{Bench, last_json, probe};

/// Random calls that have to reach the Agent.
const CALLS: u64 = 100_000;
/// They take two minutes on two idle cores; a busy machine is many times slower.
const STORM_LIMIT: Duration = Duration::from_secs(3600);
/// Calls during which memory is changed, for each thing that is to be installed.
const TRIES: u64 = 12;

/// Makes random calls: what came of them, and the memory of the Agent afterwards.
fn storm(bench: &mut Bench, calls: u64, seed: u64) -> (Value, Value) {
    // libteec reports each call that fails on stdout.
    let storm = format!("guest-probe storm --calls {calls} --seed {seed} >/tmp/storm 2>&1");
    let command = format!("guest-probe stats --hold-agent -- sh -c '{storm}'; grep ^{{ /tmp/storm");
    let output = bench.device.run_within(&command, STORM_LIMIT).expect("the guest answers");
    let (statistics, seen) = output.stdout.trim().split_once('\n').expect("two lines");
    let (statistics, seen) = (last_json(statistics), last_json(seen));
    assert_eq!(statistics["status"], 0, "{seen}");
    for counter in ["wrong", "target_dead", "undecodable"] {
        assert_eq!(seen[counter], 0, "{seen}");
    }
    (seen, agent(&statistics).clone())
}

#[test]
fn a_hundred_thousand_random_calls() {
    let mut bench = Bench::new("storm");
    let objects = "ls /var/lib/optee-client/data/tee";
    // Whatever is made at first use is made now.
    let (_, before) = storm(&mut bench, 1_000, 1);
    let stored = bench.shell(objects);
    let (seen, after) = storm(&mut bench, CALLS, 2);
    let reached = seen["reached"].as_u64().expect("a number");
    assert!(reached >= CALLS, "{seen}");
    println!(
        "{reached} random calls of the Agent took {} s: refused {}, replies {}, sessions {}; heap {} before, {} after",
        seen["seconds"], seen["tee_errors"], seen["replies"], seen["opens"], before["heap"], after["heap"]
    );
    assert_eq!((&after["panicked"], &after["sessions"]), (&false.into(), &1.into()), "{after}");
    assert_eq!(before["heap"]["allocated"], after["heap"]["allocated"], "memory is not given back");
    assert_eq!(bench.shell(objects), stored, "objects are left behind");
    bench.works();
}

/// Lets the Broker flip bytes of `prey` in shared memory while the Agent reads them: how often, and how often the Agent
/// took what it read.
fn flip(bench: &mut Bench, prey: &str, seed: u64, broker: &str) -> [u64; 3] {
    let seen = probe(bench, &format!("flip {prey} --tries {TRIES} --seed {seed} -- {broker}"), 0);
    assert!(seen["flips"].as_u64() > Some(0), "{seen}");
    ["tries", "refused", "accepted"].map(|name| seen[name].as_u64().expect("a number"))
}

/// Text of some pages, another one for each version.
fn text(version: u32) -> String {
    let letters = (0..4000u32).map(|number| number.wrapping_mul(7).wrapping_add(version) % 26);
    letters.filter_map(|letter| char::from_digit(letter.wrapping_add(10), 36)).collect()
}

/// Every version of some data reaches the device through memory that changes. Whatever the Agent took must be what was
/// signed.
fn flipped(name: &str, prey: &str, versions: u32, source: Source) {
    let mut bench = Bench::new(name);
    let hello = bench.offer("hello.suit", &bench.description(1));
    bench.request(0);
    let mut sums = [0; 3];
    for version in 1..=versions {
        let mut greeting = bench.greeting(&text(version), hello.clone());
        greeting.sequence_number = version.into();
        greeting.components[0].source = Some(source.clone());
        bench.offer("greeting.suit", &greeting);
        let command = if version == 1 { format!("request-ta {GREETING}") } else { "policy-check".to_owned() };
        let counts = flip(&mut bench, prey, version.into(), &command);
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        assert_eq!(bench.client(&format!("read {GREETING}"), 0), text(version));
    }
    let [tries, refused, accepted] = sums;
    println!(
        "{prey} changed in shared memory during {tries} calls: {refused} refused, {accepted} accepted as signed"
    );
    assert!(refused > 0 && refused + accepted == tries, "{sums:?}");
}

#[test]
fn update_changed_in_shared_memory_during_the_call() {
    flipped("flip-update", "update", 4, Source::integrated("#greeting"));
}

#[test]
fn payload_changed_in_shared_memory_during_the_call() {
    flipped("flip-payload", "payload", 3, Source::fetched(&payload_uri("greeting")));
}

#[test]
fn image_changed_in_shared_memory_during_the_call() {
    let mut bench = Bench::new("flip-image");
    for version in [1, 2] {
        bench.publish(version);
        let command =
            if version == 1 { format!("request-ta {HELLO_UUID}") } else { "policy-check".to_owned() };
        let [tries, refused, accepted] = flip(&mut bench, "update", version.into(), &command);
        println!(
            "image changed in shared memory during {tries} calls: {refused} refused, {accepted} accepted as signed"
        );
        assert!(refused > 0 && refused + accepted == tries, "version {version}");
        assert_eq!(bench.hello(), Some(version));
    }
}

#[test]
fn conversations_at_the_same_time_do_not_disturb_each_other() {
    let mut bench = Bench::new("conversations");
    let objects = "ls /var/lib/optee-client/data/tee | wc -l";
    let mut counts = Vec::new();
    // Three Brokers at once, two of which want the same; each has to fetch something in many pieces.
    for version in 1..=2 {
        let mut hello = bench.description(version);
        hello.components[0].source = Some(Source::fetched(&payload_uri(&format!("hello-{version}.ta"))));
        let hello = bench.offer("hello.suit", &hello);
        let mut greeting = bench.greeting(&text(version), hello);
        greeting.sequence_number = version.into();
        greeting.components[0].source = Some(Source::fetched(&payload_uri("greeting")));
        bench.offer("greeting.suit", &greeting);
        let brokers =
            [format!("request-ta {HELLO_UUID}"), format!("request-ta {GREETING}"), "policy-check".to_owned()];
        let (mut start, mut end) = (String::new(), String::new());
        for (number, broker) in brokers.iter().enumerate() {
            let broker = if version == 1 { broker } else { "policy-check" };
            let file = format!("/tmp/broker-{number}");
            start += &format!(
                "(teep-broker --json --quiet {broker} >{file} 2>/dev/null; echo status $? >>{file}) & "
            );
            end += &format!("cat {file}; ");
        }
        let seen = bench.shell(&format!("{start} wait; {end}"));
        println!("version {version}, three Brokers at once: {seen}");
        assert_eq!(seen.matches("status 0").count(), brokers.len(), "{seen}");
        assert_eq!(bench.hello(), Some(version));
        assert_eq!(bench.client(&format!("read {GREETING}"), 0), text(version));
        counts.push(bench.shell(objects));
    }
    assert_eq!(counts[0], counts[1], "objects are left behind");
    // Nothing is left to do.
    let value = bench.broker("policy-check", 0);
    assert_eq!(value["outcomes"], serde_json::json!([]), "{value}");
}

#[test]
fn session_with_a_ta_outlives_its_replacement_and_its_removal() {
    let mut bench = Bench::new("held-session");
    let says = |version: u32| format!("Hello from a Trusted Application, version {version}");
    let held = |bench: &mut Bench| {
        let command = format!("guest-probe hold {HELLO_UUID} -- teep-broker --json --quiet policy-check");
        let output = bench.device.run(&command).expect("the guest answers");
        let seen = last_json(&output.stdout);
        assert_eq!((output.status, &seen["status"]), (0, &0.into()), "{}", output.stdout);
        assert!(
            output.stdout.contains("1 session still runs the code from before until it ends"),
            "{}",
            output.stdout
        );
        seen
    };
    bench.offer("hello.suit", &bench.description(1));
    bench.request(0);
    bench.offer("hello.suit", &bench.description(2));
    let seen = held(&mut bench);
    assert_eq!((&seen["before"], &seen["held"]), (&says(1).into(), &says(1).into()), "{seen}");
    assert_eq!((&seen["new"], &seen["last"]), (&says(2).into(), &says(2).into()), "{seen}");
    bench.withdraw("hello.suit");
    let seen = held(&mut bench);
    assert_eq!((&seen["before"], &seen["held"]), (&says(2).into(), &says(2).into()), "{seen}");
    assert_eq!((&seen["new"], &seen["last"]), (&"0xffff0008".into(), &"0xffff0008".into()), "{seen}");
}
