// SPDX-License-Identifier: Apache-2.0
//! Power is cut at every storage and installer operation, and half of what was being appended is there: afterwards the
//! device is as before or as after, nothing else is left, and the same can be ordered again. So it is when power is cut
//! again and again, and when storage has lost what it had not to keep yet.

mod scenarios;

use crate::author::*;
use crate::support::*;
use scenarios::{Scenario, stock_with, with};
use teep_proto::teec::{Command, TrustSource};
use teep_sim::MemoryEnv;

/// Identifier, sequence number and digest of a component.
type Component = (Vec<Vec<u8>>, Option<u64>, Option<Vec<u8>>);

/// Everything that can be seen of a device from outside.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    components: Vec<Component>,
    platform: Vec<([u8; 16], u32)>,
    objects: usize,
    data: Option<Vec<u8>>,
    trust: (u64, TrustSource, Vec<bool>),
}

/// What is there after a restart.
fn seen(device: &Device) -> Seen {
    let mut device = device.restarted();
    let stored = device.stored();
    let mut components: Vec<_> = stored
        .components
        .iter()
        .enumerate()
        .map(|(n, c)| (c.component_id.clone(), stored.sequence_number(n), c.digest.map(|d| d.encode())))
        .collect();
    components.sort();
    let mut trusted: Vec<_> = stored.manifests.iter().map(|m| (&m.manifest_id, m.signer_trusted)).collect();
    trusted.sort();
    let trusted = trusted.into_iter().map(|(_, trusted)| trusted).collect();
    let trust = (stored.trust.sequence_number, stored.trust.source, trusted);
    let uuids = device.env.installed_uuids();
    let version = |uuid| device.env.installed(uuid).map(|(version, _)| version).expect("installed");
    let platform: Vec<_> = uuids.into_iter().map(|uuid| (uuid, version(uuid))).collect();
    let objects = device.objects();
    Seen { components, platform, objects, data: device.read(TA, &name("config.json")), trust }
}

/// A sequence of numbers that is the same each time.
struct Numbers(u64);

impl Numbers {
    /// One below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        // The multiplier and increment of MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

/// Cuts the power at every operation of `scenario`, and what the next start makes of it here and there.
fn cut_everywhere(scenario: &Scenario) {
    for cut in 0..scenario.operations {
        let label = format!("cut {cut}");
        let mut device = scenario.device.twin();
        device.env.cut_power_after(cut);
        let succeeded = (scenario.act)(&mut device);
        device = device.restarted_for(cut % 5);
        scenario.check(&device, succeeded, &label);
        scenario.check_retry(&device, &label);
    }
}

#[test]
fn cut_at_every_operation() {
    let scenarios = scenarios::all();
    scenarios.iter().for_each(cut_everywhere);
    let cuts: usize = scenarios.iter().map(|scenario| scenario.operations).sum();
    println!("power cuts survived: {cuts}/{cuts}");
    assert!(cuts >= 300, "{cuts}");
}

/// 300 of them, or as many as DOUBLE_CUTS says in the environment: 10 000 take ten minutes in release.
#[test]
fn random_double_cuts() {
    let cuts_to_do =
        std::env::var("DOUBLE_CUTS").map_or(300, |n| n.parse().expect("DOUBLE_CUTS is a number"));
    let scenarios = scenarios::all();
    let mut numbers = Numbers(0x7ee9);
    for n in 0..cuts_to_do {
        let scenario = &scenarios[numbers.below(scenarios.len())];
        let mut device = scenario.device.twin();
        // Cut while it is done, while the next start looks after that, and while it is done again.
        let cuts =
            [numbers.below(scenario.operations), numbers.below(12), numbers.below(scenario.operations)];
        let label = format!("number {n}, cuts {cuts:?}");
        device.env.cut_power_after(cuts[0]);
        let mut succeeded = (scenario.act)(&mut device);
        device = device.restarted_for(cuts[1]);
        scenario.check(&device, succeeded, &label);
        device = device.restarted();
        // With its keys derived it can answer without power too.
        device.invoke(Command::Info, &[]);
        device.env.cut_power_after(cuts[2]);
        succeeded |= (scenario.act)(&mut device);
        scenario.check(&device, succeeded, &label);
        scenario.check_retry(&device, &label);
    }
    println!("random double cuts survived: {cuts_to_do}/{cuts_to_do}");
}

#[test]
fn cuts_that_take_back_what_storage_had_not_to_keep_yet() {
    let (mut cuts, mut numbers) = (0, Numbers(0x1057));
    for scenario in scenarios::all() {
        for cut in 0..scenario.operations {
            let seed = numbers.below(usize::MAX >> 33) as u64;
            let label = format!("cut {cut}, seed {seed}");
            let mut device = scenario.device.twin();
            device.env.set_lossy(Some(seed));
            device.env.cut_power_after(cut);
            let succeeded = (scenario.act)(&mut device);
            device = device.restarted_for(cut % 7);
            device.env.set_lossy(None);
            scenario.check(&device, succeeded, &label);
            scenario.check_retry(&device, &label);
            cuts += 1;
        }
    }
    println!("cuts with lost writes survived: {cuts}/{cuts}");
}

#[test]
fn cut_while_a_stock_platform_refuses() {
    let mut bad = Author::new(2);
    let last = bad.image.len() - 1;
    bad.image[last] ^= 1;
    bad.payload = bad.image.clone();
    let bad = bad.envelope();
    let prepared = stock_with(&[envelope(1)]);
    let (old, before) = (seen(&prepared), prepared.env.operations());
    let mut clean = prepared.twin();
    assert_eq!(clean.update(std::slice::from_ref(&bad)).code(), 11);
    let operations = clean.env.operations() - before;
    assert_eq!(seen(&clean), old);
    for cut in 0..operations {
        let mut device = prepared.twin();
        device.env.cut_power_after(cut);
        assert_ne!(device.update(std::slice::from_ref(&bad)).code(), 0);
        assert_eq!(seen(&device), old, "cut {cut}");
        assert_eq!(device.restarted().update(&[envelope(2)]).code(), 0, "cut {cut}");
    }
}

#[test]
fn update_of_several_manifests_goes_on_after_a_cut() {
    let manifests = || vec![envelope(1), Author::of(OTHER_TA, 1).envelope()];
    let message = update(&tam_key(), &manifests());
    let mut clean = Device::new();
    assert_eq!(clean.say(&message, &[]).code(), 0);
    let new = seen(&clean);
    for cut in 0..clean.env.operations() {
        let mut device = Device::new();
        device.env.cut_power_after(cut);
        device.say(&message, &[]);
        // The TAM's very message comes again, as a Broker may bring it.
        let mut device = device.restarted();
        assert_eq!(device.say(&message, &[]).code(), 0, "cut {cut}");
        assert_eq!(seen(&device), new, "cut {cut}");
    }
}

#[test]
fn out_of_memory_is_temporary_and_leaves_the_old_version() {
    let mut device = with(&[envelope(1)]);
    device.env.set_out_of_memory(true);
    assert_eq!(device.update(&[envelope(2)]).code(), 10, "ERR_TEMPORARY_ERROR");
    assert_eq!((device.installed(), device.objects()), ((Some(1), Some(1)), 1));
    device.env.set_out_of_memory(false);
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
}

#[test]
fn objects_that_an_interruption_left_go_with_the_next_start() {
    let env = MemoryEnv::new([7; 32]);
    for n in 0..100 {
        env.tamper(&format!("c{n}"), Some(vec![0; 10]));
    }
    env.tamper("something else", Some(vec![]));
    let device = Device::start(env).restarted();
    assert_eq!(device.env.object_names(), ["something else"]);
}

#[test]
fn answer_of_storage_lost_when_the_state_is_written() {
    for reads_fail in [false, true] {
        let mut device = with(&[envelope(1)]);
        device.env.set_write_answers_lost(true, reads_fail);
        let code = device.update(&[envelope(2)]).code();
        assert!([0, 10].contains(&code), "{code}");
        device.env.set_write_answers_lost(false, false);
        assert_eq!(device.update(&[envelope(2)]).code(), 0, "{reads_fail}");
        assert_eq!((device.installed(), device.objects()), ((Some(2), Some(2)), 1), "{reads_fail}");
        assert_eq!(seen(&device), seen(&with(&[envelope(2)])));
    }
}

#[test]
fn what_was_staged_is_lost_in_a_power_cut() {
    for stock in [false, true] {
        let prepared = if stock { stock_with(&[envelope(1)]) } else { with(&[envelope(1)]) };
        for cut in 0..20 {
            let mut device = prepared.twin();
            device.env.cut_power_after(cut);
            device.update(&[envelope(2)]);
            for object in device.env.object_names().into_iter().filter(|name| name != "state") {
                device.env.tamper(&object, None);
            }
            let mut device = device.restarted();
            assert_eq!(device.update(&[envelope(2)]).code(), 0, "stock {stock}, cut {cut}: it goes on");
            assert_eq!((device.installed(), device.objects()), ((Some(2), Some(2)), 1), "cut {cut}");
        }
    }
}
