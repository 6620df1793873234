// SPDX-License-Identifier: Apache-2.0
//! Power cuts at random moments of Updates, with secure storage on a disk that survives: the device comes back in a
//! state that the Update leads through, its Trusted Application is the one it says, and a retry finishes.
//!
//! `KILLS` is how often within an Update, `KILLS_SEED` repeats the moments of a run.

use std::cell::Cell;
use std::env;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use teep_proto::suit::{Digest, text};
use teep_qemu::bench::{GREETING, HELLO_UUID, NOT_INSTALLED, payload_uri};
use teep_suit::{Component, Dependency, Description, Source};

use crate::random::Random;
use crate::support::{Bench, Told};

/// Cuts within an Update without the variable `KILLS`.
const KILLS: usize = 20;
/// Cuts at most, for each one that is to fall into an Update.
const TRIES: usize = 4;
/// Attempts at each Update that are cut, before one is left alone.
const CUTS_PER_UPDATE: usize = 4;
/// Kinds of Updates.
const STAGES: usize = 5;
/// Parts of the measured length of an Update in the histogram.
const PARTS: usize = 10;
/// Of the cuts, those at a moment before the TAM sends the Update.
const EARLY: f64 = 0.1;
/// From one moment to the next in the length of an Update: so they spread evenly, however many there are.
const GOLDEN: f64 = 0.618;
/// What the TAM tells when it sends an Update, and when it hears that it is done.
const UPDATE: &str = "sent Update";
const SUCCESS: &str = "received Success";
const WORDS: &str = "TEEP-Device/SecureFS/words";

/// The components a device says it has: identifier, sequence number of the manifest, digest; sorted.
type State = Vec<(String, u64, String)>;

/// An Update: how the device gets it, and the states from the one before to the one after.
struct Stage {
    name: &'static str,
    command: String,
    states: Vec<State>,
}

/// Where a cut fell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fell {
    /// The TAM had not sent the Update yet, or it had nothing to send.
    Before,
    /// It had, and had not heard the answer. The part of the measured length that had passed, of [`PARTS`].
    Within(usize),
    /// The TAM had heard that it was done.
    After,
}

/// How long things take.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    /// From the command in Linux until the TAM sends the Update.
    query: Duration,
    /// From then until the TAM hears that it is done.
    update: Duration,
}

struct Life {
    bench: Bench,
    /// Where the last cut of each stage was aimed at, from 0 to 1.
    aims: [f64; STAGES],
    /// Of the last Update of each stage that was not cut.
    lengths: [Length; STAGES],
    fell: Vec<Fell>,
    /// How often the device had something to finish when it was up again.
    unfinished: usize,
    sequence_number: u64,
}

#[test]
fn power_cuts_at_random_moments_of_updates() {
    let number = |name, default| env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let kills = number("KILLS", KILLS as u64) as usize;
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_nanos() as u64;
    let seed = number("KILLS_SEED", now);
    println!("KILLS={kills} KILLS_SEED={seed}");
    let mut random = Random::new(seed);
    let mut life = Life {
        bench: Bench::with_storage("kills"),
        aims: std::array::from_fn(|_| random.below(1000) as f64 / 1000.0),
        lengths: [Length::default(); STAGES],
        fell: Vec::new(),
        unfinished: 0,
        sequence_number: 0,
    };
    let before = life.round(0);
    while life.within() < kills {
        life.round(kills);
    }
    // OP-TEE takes the lowest free file: in a round without cuts it gets to all that a cut has left.
    let after = life.round(0);
    life.report();
    println!("files of secure storage after each Update: {before:?}, and after all cuts: {after:?}");
    assert_eq!(before.last(), after.last(), "nothing is left over");
}

impl Life {
    /// All Updates, with cuts until `kills` in all fell into one. Files in secure storage after each.
    fn round(&mut self, kills: usize) -> Vec<usize> {
        let mut files = Vec::new();
        for index in 0..STAGES {
            let stage = self.prepare(index);
            for _ in 0..CUTS_PER_UPDATE {
                if self.within() >= kills {
                    break;
                }
                if self.fell.len() >= kills * TRIES {
                    self.report();
                    panic!("{} of {} cuts fell into an Update, not {kills}", self.within(), self.fell.len());
                }
                let fell = self.attempt(&stage, index);
                self.fell.push(fell);
                if self.check(&stage) + 1 == stage.states.len() {
                    break;
                }
            }
            self.finish(&stage, index);
            files.push(self.files());
        }
        files
    }

    /// Lets the TAM offer what the Update of this stage brings.
    fn prepare(&mut self, index: usize) -> Stage {
        let before = self.state();
        self.sequence_number += 1;
        let sequence_number = self.sequence_number;
        let bench = &mut self.bench;
        let check = "policy-check".to_owned();
        match index {
            0 => {
                let description = Description { sequence_number, ..bench.description(1) };
                bench.offer("hello.suit", &description);
                let states = vec![before.clone(), updated(&before, &[&description])];
                Stage { name: "install", command: format!("request-ta {HELLO_UUID}"), states }
            }
            1 => {
                let description = Description { sequence_number, ..bench.description(2) };
                bench.offer("hello.suit", &description);
                let after = updated(&before, &[&description]);
                Stage { name: "replace", command: check, states: vec![before, after] }
            }
            2 => {
                let words = Description {
                    manifest_id: text::parse(&format!("{WORDS}.suit")).expect("an id"),
                    components: vec![Component::written(
                        text::parse(WORDS).expect("an id"),
                        b"plain words".to_vec(),
                    )],
                    sequence_number,
                    ..bench.description(2)
                };
                let signed = bench.sign(&words);
                std::fs::write(bench.device.payloads().join("words.suit"), &signed).expect("a file");
                let hello = bench.offered("hello.suit");
                let mut greeting = Description { sequence_number, ..bench.greeting("Ada", hello) };
                let source = Some(Source::fetched(&payload_uri("words.suit")));
                greeting.dependencies.push(Dependency::new(signed, source).expect("a manifest"));
                bench.offer_by_operator("greeting.suit", &greeting);
                let after = updated(&before, &[&words, &greeting]);
                Stage {
                    name: "personalization with a dependency",
                    command: check,
                    states: vec![before, after],
                }
            }
            3 => {
                let trust = bench.workshop.describe_trust_store(sequence_number, |_| ());
                let trust = trust.expect("a description");
                bench.offer_trust_store("trust.suit", &trust);
                let after = updated(&before, &[&trust]);
                Stage { name: "trust store", command: check, states: vec![before, after] }
            }
            _ => {
                bench.withdraw("greeting.suit");
                bench.withdraw("hello.suit");
                let is_of_greeting = |id: &str| [GREETING, WORDS].contains(&id);
                let without_greeting = without(&before, is_of_greeting);
                let nothing = without(&before, |id| is_of_greeting(id) || id.ends_with("/ta"));
                Stage { name: "removal", command: check, states: vec![before, without_greeting, nothing] }
            }
        }
    }

    /// Begins with the Update of `stage` and cuts the power at some moment of the time that it takes, seldom before.
    fn attempt(&mut self, stage: &Stage, index: usize) -> Fell {
        let Length { query, update } = self.lengths[index];
        self.aims[index] = (self.aims[index] + GOLDEN).fract();
        let aim = self.aims[index];
        self.told().clear();
        let told = self.bench.told.clone();
        let at = Cell::new(Instant::now());
        let moment = || {
            if aim < EARLY {
                sleep(query.mul_f64(aim / EARLY));
            } else {
                let limit = Instant::now() + query * 10;
                while time(&told, UPDATE).is_none() && Instant::now() < limit {
                    sleep(Duration::from_millis(2));
                }
                sleep(update.mul_f64((aim - EARLY) / (1.0 - EARLY)));
            }
            at.set(Instant::now());
        };
        let command = format!("teep-broker --quiet {}", stage.command);
        self.bench.device.cut_during(&command, moment).expect("boots again");
        let at = at.get();
        let before_cut = |what| time(&self.bench.told, what).filter(|time| *time < at);
        match (before_cut(UPDATE), before_cut(SUCCESS)) {
            (None, _) => Fell::Before,
            (Some(_), Some(_)) => Fell::After,
            (Some(sent), None) => {
                let part = (at - sent).as_secs_f64() / update.as_secs_f64() * PARTS as f64;
                Fell::Within((part as usize).min(PARTS - 1))
            }
        }
    }

    /// The Update of `stage`, left alone.
    fn finish(&mut self, stage: &Stage, index: usize) {
        self.told().clear();
        let began = Instant::now();
        let (status, value) = self.bench.device.broker(&stage.command).expect("the Broker answers");
        // 2: there is nothing left to ask for.
        assert!(matches!(status, 0 | 2), "{}: {value}", stage.name);
        if let (Some(sent), Some(done)) = (time(&self.bench.told, UPDATE), time(&self.bench.told, SUCCESS)) {
            self.lengths[index] = Length { query: sent - began, update: done - sent };
        }
        assert_eq!(self.check(stage) + 1, stage.states.len(), "{} is finished", stage.name);
    }

    /// Which of its states the device is in. It has to be one of them, and the Trusted Application what it says.
    fn check(&mut self, stage: &Stage) -> usize {
        let state = self.state();
        let found = stage.states.iter().position(|known| *known == state);
        let found = found.unwrap_or_else(|| panic!("{}: {state:?}", stage.name));
        let says = self.bench.device.run("hello-client").expect("the guest answers");
        let image =
            |version| hex::encode(Digest::of(&self.bench.workshop.hello(version).expect("a TA")).as_bytes());
        let version = |digest: &str| (1..=2).find(|version| image(*version) == digest);
        let ta = state.iter().find(|(id, ..)| id.ends_with("/ta"));
        match ta.map(|(_, _, digest)| version(digest).expect("a version")) {
            None => assert_eq!(says.status, NOT_INSTALLED, "{}: {}", stage.name, says.stdout),
            Some(version) => {
                assert!(
                    says.stdout.trim().ends_with(&format!("version {version}")),
                    "{state:?} {}",
                    says.stdout
                );
                let is_personalized = state.iter().any(|(id, ..)| id == GREETING);
                assert_eq!(says.stdout.contains("Ada"), is_personalized, "{state:?} {}", says.stdout);
            }
        }
        found
    }

    /// What the device says it has, when it has finished what an interruption left to do.
    fn state(&mut self) -> State {
        let mut status = self.bench.broker("status", 0);
        if is_unfinished(&status) {
            self.unfinished += 1;
            // Any request will do; there is nothing to say about this one.
            self.bench.broker("unrequest-ta TEEP-Device/SecureFS/nothing", 2);
            status = self.bench.broker("status", 0);
            assert!(!is_unfinished(&status), "{status}");
        }
        let components = status.pointer("/status/components").and_then(Value::as_array).expect("components");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let component = |value: &Value| {
            let sequence_number = value["manifest_sequence_number"].as_u64().expect("a number");
            (text(&value["component_id"]), sequence_number, text(&value["digest"]))
        };
        let mut state: State = components.iter().map(component).collect();
        state.sort();
        // It trusts whom the trust store that it lists says.
        let listed = state.iter().find(|(id, ..)| id.ends_with("/trust")).map_or(0, |(_, number, _)| *number);
        assert_eq!(status.pointer("/status/trust/sequence_number"), Some(&listed.into()), "{status}");
        state
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, String)>> {
        self.bench.told.lock().expect("no panic")
    }

    /// Files in which OP-TEE has secure storage: one for each object, and one for each installed TA.
    fn files(&mut self) -> usize {
        let list = self.bench.device.run("ls -1 /var/lib/optee-client/data/tee").expect("the guest answers");
        list.stdout.lines().count()
    }

    /// How many cuts fell into an Update.
    fn within(&self) -> usize {
        self.fell.iter().filter(|fell| matches!(fell, Fell::Within(_))).count()
    }

    /// Where the cuts fell.
    fn report(&self) {
        let count = |wanted: Fell| self.fell.iter().filter(|fell| **fell == wanted).count();
        let within: Vec<_> = (0..PARTS).map(|part| count(Fell::Within(part))).collect();
        println!(
            "{} power cuts survived: {} before the Update came, {} within it, in the tenths of its length {within:?}, \
             {} after it; {} left the device something to finish",
            self.fell.len(),
            count(Fell::Before),
            self.within(),
            count(Fell::After),
            self.unfinished
        );
    }
}

/// Whether the Agent says that it has to finish something: to install, to remove, or objects that belong to nothing.
fn is_unfinished(status: &Value) -> bool {
    let pending = status.pointer("/status/pending").expect("storage can be read");
    pending["actions"] != serde_json::json!([]) || pending["objects"] != 0
}

/// When the TAM told first that it did `what`.
fn time(told: &Told, what: &str) -> Option<Instant> {
    let told = told.lock().expect("no panic");
    told.iter().find(|(_, line)| line.starts_with(what)).map(|(time, _)| *time)
}

/// `state` with what these manifests bring, in the place of what it has under the same identifiers.
fn updated(state: &State, manifests: &[&Description]) -> State {
    let components = manifests.iter().flat_map(|manifest| {
        manifest.components.iter().map(|component| {
            let digest = hex::encode(Digest::of(&component.content).as_bytes());
            (text::format(&component.id), manifest.sequence_number, digest)
        })
    });
    let new: Vec<_> = components.collect();
    let mut state = without(state, |id| new.iter().any(|(other, ..)| other == id));
    state.extend(new);
    state.sort();
    state
}

/// `state` without the components of these identifiers.
fn without(state: &State, gone: impl Fn(&str) -> bool) -> State {
    state.iter().filter(|(id, ..)| !gone(id)).cloned().collect()
}
