// SPDX-License-Identifier: Apache-2.0
//! Power is cut at every storage and installer operation, and half of what was being appended is there: afterwards the
//! device is as before or as after, nothing else is left, and the same can be ordered again.

use crate::author::*;
use crate::support::*;
use teep_proto::cose::AgreementKey;
use teep_proto::teec::{Command, Reply};
use teep_sim::{MemoryEnv, ta_image};

const URI: &str = "https://tc.example/hello.ta";

/// Everything that can be seen of a device from outside.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    components: Vec<(Vec<Vec<u8>>, u64, Vec<u8>)>,
    platform: Vec<([u8; 16], u32)>,
    objects: usize,
    data: Option<Vec<u8>>,
}

/// What is there after a restart.
fn seen(device: &Device) -> Seen {
    let mut device = device.restarted();
    let mut components: Vec<_> = device
        .components()
        .into_iter()
        .map(|c| (c.component_id, c.manifest_sequence_number, c.digest))
        .collect();
    components.sort();
    let uuids = device.env.installed_uuids();
    let version = |uuid| device.env.installed(uuid).map(|(version, _)| version).expect("installed");
    let platform: Vec<_> = uuids.into_iter().map(|uuid| (uuid, version(uuid))).collect();
    let objects = device.objects();
    Seen { components, platform, objects, data: device.read(TA, &name("config.json")) }
}

/// Cuts the power at every operation of `act` on what `prepare` makes, and returns how often that was.
fn cut_everywhere(
    what: &str,
    prepare: impl FnOnce() -> Device,
    act: impl Fn(&mut Device) -> Received,
) -> usize {
    let prepared = prepare();
    let old = seen(&prepared);
    let mut clean = prepared.twin();
    let before = clean.env.operations();
    assert_eq!(act(&mut clean).code(), 0, "{what}");
    let operations = clean.env.operations() - before;
    let new = seen(&clean);
    assert_ne!(old, new, "{what} changes something");
    for cut in 0..operations {
        let mut device = prepared.twin();
        device.env.cut_power_after(cut);
        let succeeded = act(&mut device).code() == 0;
        // What the next start makes of it is cut too, here and there.
        device = device.restarted_for(cut % 5);
        let now = seen(&device);
        assert!(now == new || (now == old && !succeeded), "{what}, cut {cut}: {now:?}");
        let mut device = device.restarted();
        assert_eq!(act(&mut device).code(), 0, "{what}, cut {cut}: a retry succeeds");
        assert_eq!(seen(&device), new, "{what}, cut {cut}: after a retry");
    }
    operations
}

fn decryption_key(device: &mut Device) -> AgreementKey {
    let Reply::Info(info) = device.invoke(Command::Info, &[]) else { panic!("no info") };
    AgreementKey::from_cose_key(&info.decryption_key).expect("a key")
}

/// The key of every device of this file.
fn device_key() -> AgreementKey {
    decryption_key(&mut Device::new())
}

/// An app with two TAs and personalization data for one of them.
fn app(sequence_number: u64) -> Vec<u8> {
    let (one, two) =
        (Author::new(sequence_number).envelope(), Author::of(OTHER_TA, sequence_number).envelope());
    let text = format!("settings {sequence_number}");
    let mut author = DataAuthor::new("config.json", Data::Encrypted(text.as_bytes(), device_key()))
        .needing(Needed::ta(TA, "#1", &one))
        .needing(Needed::ta(OTHER_TA, "#2", &two));
    author.sequence_number = sequence_number;
    author.envelope()
}

fn with(envelopes: &[Vec<u8>]) -> Device {
    let mut device = Device::new();
    assert_eq!(device.update(envelopes).code(), 0);
    device
}

fn stock_with(envelopes: &[Vec<u8>]) -> Device {
    let mut device = Device::new();
    device.env.set_stock(true);
    if !envelopes.is_empty() {
        assert_eq!(device.update(envelopes).code(), 0);
    }
    device
}

/// A manifest of version `version` for a TA of 50 kB at [`URI`], and its image.
fn large(version: u64) -> (Vec<u8>, Vec<u8>) {
    let mut author = Author::new(version);
    author.image = ta_image(TA, u32::try_from(version).expect("small"), &[0x5a; 50_000]);
    let image = author.image.clone();
    (author.fetched_from(URI, false), image)
}

#[test]
fn cut_at_every_operation() {
    let (fetched, image) = large(2);
    let serve: &[(&str, &[u8])] = &[(URI, &image)];
    let data = |n: u64, text: &'static [u8]| {
        let ta = Author::new(1).envelope();
        let mut author = DataAuthor::new("config.json", Data::Encrypted(text, device_key()))
            .needing(Needed::ta(TA, "#1", &ta));
        author.sequence_number = n;
        author.envelope()
    };
    let mut cuts = 0;
    cuts += cut_everywhere("install", Device::new, |d| d.update(&[envelope(1)]));
    cuts += cut_everywhere("replace", || with(&[envelope(1)]), |d| d.update(&[envelope(2)]));
    cuts += cut_everywhere("install by fetch", Device::new, |d| {
        d.update_from(std::slice::from_ref(&fetched), serve)
    });
    cuts += cut_everywhere(
        "replace by fetch",
        || with(&[envelope(1)]),
        |d| d.update_from(std::slice::from_ref(&fetched), serve),
    );
    cuts += cut_everywhere("install with dependencies", Device::new, |d| d.update(&[app(1)]));
    cuts += cut_everywhere("update with dependencies", || with(&[app(1)]), |d| d.update(&[app(2)]));
    cuts += cut_everywhere("personalize", || with(&[envelope(1)]), |d| d.update(&[data(1, b"secret")]));
    cuts += cut_everywhere(
        "personalize again",
        || with(&[data(1, b"secret")]),
        |d| d.update(&[data(2, b"another secret")]),
    );
    cuts += cut_everywhere("remove", || with(&[envelope(1)]), |d| d.remove(&[manifest_id(TA)]));
    cuts += cut_everywhere(
        "remove with dependencies",
        || with(&[app(1)]),
        |d| d.remove(&[name("config.json.suit")]),
    );
    cuts += cut_everywhere(
        "remove one of two users",
        || with(&[envelope(1), app(1)]),
        |d| d.remove(&[name("config.json.suit")]),
    );
    cuts += cut_everywhere(
        "replace a component by another",
        || with(&[envelope(1)]),
        |d| {
            let mut author = Author::of(OTHER_TA, 2);
            author.manifest.component_id = Some(manifest_id(TA));
            d.update(&[author.envelope()])
        },
    );
    cuts += cut_everywhere("install, stock", || stock_with(&[]), |d| d.update(&[envelope(1)]));
    cuts += cut_everywhere("replace, stock", || stock_with(&[envelope(1)]), |d| d.update(&[envelope(2)]));
    cuts += cut_everywhere(
        "replace by fetch, stock",
        || stock_with(&[envelope(1)]),
        |d| d.update_from(std::slice::from_ref(&fetched), serve),
    );
    println!("power cuts survived: {cuts}/{cuts}");
    assert!(cuts >= 300, "{cuts}");
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
    let device = Device::start(env);
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
