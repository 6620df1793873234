// SPDX-License-Identifier: Apache-2.0
//! The Agent that is built with the other cipher suite (draft section 8.1).

use std::fs;

use teep_proto::cose::Algorithm;
use teep_qemu::bench::{HELLO_UUID, payload_uri};
use teep_suit::keys;
use teep_tam::TamConfig;

use crate::support::{Bench, options, workshop};

/// What `make` builds for this test, and where the guest has the Agent of the image.
const AGENT: &str = "agent-ed25519.ta";
const IN_THE_GUEST: &str = "/lib/optee_armtz/f15aa4a3-e3c4-4c8f-8477-30824b81d2b4.ta";

/// A device with that Agent, enrolled at a TAM that the Agent knows by its Ed25519 key alone.
fn bench() -> Bench {
    let known = workshop().build().join("keys/tam-ed25519.pem");
    let known = keys::load_signing_key(&known).expect("the TAM's key");
    let stranger = keys::generate(Algorithm::Esp256).expect("a key");
    let tam = TamConfig::new(stranger, known).expect("a key of each suite");
    let mut bench = Bench::boot(options("ed25519"), tam);
    let agent = bench.workshop.built(AGENT).expect("the Agent");
    fs::write(bench.device.payloads().join(AGENT), agent).expect("a file");
    // OP-TEE has not loaded the one of the image yet: it does that when somebody calls it.
    bench.shell(&format!("wget -q -O {IN_THE_GUEST} {}", payload_uri(AGENT)));
    bench.store.enrol(bench.device.agent_key().expect("the Agent tells its public key"));
    bench
}

#[test]
fn agent_built_with_ed25519_installs_updates_and_removes() {
    let mut bench = bench();
    let device = bench.device.keys().expect("keys");
    let algorithms = [device.public_key, device.attestation_key].map(|key| key.algorithm());
    assert_eq!(algorithms, [Algorithm::Ed25519; 2], "the Agent of the image has ESP256");

    bench.offer("hello.suit", &bench.description(1));
    succeeds(&mut bench, &format!("request-ta {HELLO_UUID}"));
    assert_eq!(bench.hello(), Some(1));
    bench.offer("hello.suit", &bench.description(2));
    succeeds(&mut bench, "policy-check");
    assert_eq!(bench.hello(), Some(2));
    bench.withdraw("hello.suit");
    succeeds(&mut bench, "policy-check");
    assert_eq!(bench.hello(), None);
}

/// The TAM has something for the Agent to do, and the Agent does it.
fn succeeds(bench: &mut Bench, arguments: &str) {
    let value = bench.broker(arguments, 0);
    assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&0.into()), "{value}");
}
