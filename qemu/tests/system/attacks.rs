// SPDX-License-Identifier: Apache-2.0
//! Attacks on a real device: each ends in the right Error, and the device keeps working.

use std::io::{Read, Write};
use std::net::TcpListener;

use teep_proto::cose::SigningKey;
use teep_qemu::bench::{HELLO_UUID, payload_uri};
use teep_qemu::{ImageDir, Machine, Optee, Options};
use teep_suit::Source;
use teep_tam::{Attestation, TamConfig};

use crate::support::{Bench, options, workshop};

const BAD_CERTIFICATE: u64 = 6;
const MANIFEST_PROCESSING_FAILED: u64 = 11;

#[test]
fn manifest_signed_by_an_unknown_key() {
    let bench = Bench::new("unknown-signer");
    let image = bench.workshop.hello(1).expect("the demo TA");
    bench.serve(bench.envelope(1, image, &SigningKey::ed25519_from_seed(&[9; 32])));
    bench.refused_then_works(MANIFEST_PROCESSING_FAILED, "no valid signature by a trusted signer");
}

#[test]
fn manifest_signed_by_the_tam() {
    let bench = Bench::new("tam-as-signer");
    let image = bench.workshop.hello(1).expect("the demo TA");
    let tam = bench.workshop.tam_config().expect("the TAM's keys");
    bench.serve(bench.envelope(1, image, tam.signing_key(teep_suit::Algorithm::Esp256)));
    bench.refused_then_works(MANIFEST_PROCESSING_FAILED, "no valid signature by a trusted signer");
}

#[test]
fn payload_tampered_with() {
    let bench = Bench::new("tampered");
    let mut envelope = bench.workshop.hello_envelope(1).expect("an envelope");
    // The payload is the last item of the envelope.
    let last = envelope.len() - 1;
    envelope[last] ^= 1;
    bench.serve(envelope);
    bench.refused_then_works(MANIFEST_PROCESSING_FAILED, "do not have the digest");
}

/// The server of the payloads, or whoever is before it, sends something else than what was signed.
#[test]
fn payloads_of_two_manifests_mixed_cut_short_and_oversize() {
    let mut bench = Bench::new("payloads");
    // The images are of one length, so that nothing but the digest tells them apart.
    for version in [2, 1] {
        let mut hello = bench.description(version);
        let source = Source::fetched(&payload_uri(&format!("hello-{version}.ta")));
        hello.components[0].source = Some(source);
        bench.offer("hello.suit", &hello);
    }
    let payloads = bench.device.payloads().to_owned();
    let [signed, other] =
        ["hello-1.ta", "hello-2.ta"].map(|name| std::fs::read(payloads.join(name)).expect("a payload"));
    assert_eq!(signed.len(), other.len());
    let mut oversize = signed.clone();
    oversize.resize(64 << 20, 0);
    let cut = signed[..signed.len() - 1].to_vec();
    for (served, says) in [
        (other, "do not have the digest".to_owned()),
        (cut, format!("{} bytes, and {} in the manifest", signed.len() - 1, signed.len())),
        (oversize, "larger than the manifest says".to_owned()),
    ] {
        std::fs::write(payloads.join("hello-1.ta"), &served).expect("a file");
        let value = bench.request(teep_qemu::bench::REFUSED);
        assert_eq!(
            value.pointer("/outcomes/0/err_code"),
            Some(&MANIFEST_PROCESSING_FAILED.into()),
            "{value}"
        );
        assert!(value.to_string().contains(&says), "{value}");
        assert_eq!(bench.hello(), None);
    }
    std::fs::write(payloads.join("hello-1.ta"), signed).expect("a file");
    bench.broker(&format!("request-ta {HELLO_UUID}"), 0);
    assert_eq!(bench.hello(), Some(1));
}

/// Whoever holds the wire asks the device once more what the TAM asked before, with its challenge. The answer counts as
/// little as the Evidence in it.
#[test]
fn replayed_query_request_with_its_stale_nonce() {
    let mut tam = workshop().tam_config().expect("the TAM's keys");
    tam.attestation = Attestation::Required;
    let mut bench = Bench::on_wire_to("replayed-query", tam);
    let keys = bench.device.keys().expect("keys");
    bench.store.enrol_attestation_key(keys.public_key.thumbprint(), keys.attestation_key);
    bench.works();
    bench.publish(2);
    bench.told.lock().expect("no panic").clear();
    let wire = bench.wire.as_ref().expect("a wire");
    wire.replay_once(wire.first());
    let value = bench.broker("policy-check", 0);
    assert_eq!(value["outcomes"], serde_json::json!([]), "{value}");
    let told = bench.told.lock().expect("no panic").clone();
    let is_stale = |line: &str| line.starts_with("dropped") && line.contains("nonce of its Evidence");
    assert!(told.iter().any(|(_, line)| is_stale(line)), "the device answered: {told:?}");
    assert!(!told.iter().any(|(_, line)| line.starts_with("sent")), "{told:?}");
    assert_eq!(bench.hello(), Some(1));
    bench.broker("policy-check", 0);
    assert_eq!(bench.hello(), Some(2));
}

#[test]
fn tam_whose_key_is_no_anchor() {
    let tam = TamConfig::generate().expect("keys");
    let mut bench = Bench::with_tam("foreign-tam", tam);
    bench.publish(1);
    let value = bench.request(teep_qemu::bench::REFUSED);
    assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&BAD_CERTIFICATE.into()), "{value}");
    assert_eq!(bench.hello(), None);
    bench.broker("status", 0);
}

#[test]
fn ta_that_op_tee_itself_refuses() {
    refused_by_op_tee(Bench::new("refused-by-op-tee"));
}

#[test]
fn ta_that_op_tee_itself_refuses_on_stock_optee() {
    refused_by_op_tee(Bench::on(Optee::Stock, "refused-by-stock"));
}

fn refused_by_op_tee(bench: Bench) {
    // Rightly described and signed by the trusted signer, but not as OP-TEE's signature says.
    let mut image = bench.workshop.hello(1).expect("the demo TA");
    let last = image.len() - 1;
    image[last] ^= 1;
    bench.serve(bench.envelope(1, image, bench.workshop.signer()));
    bench.refused_then_works(MANIFEST_PROCESSING_FAILED, "the platform refuses the image");
}

#[test]
fn older_ta_under_a_newer_manifest() {
    older_ta(Bench::new("older-ta"));
}

#[test]
fn older_ta_under_a_newer_manifest_on_stock_optee() {
    older_ta(Bench::on(Optee::Stock, "older-ta-stock"));
}

fn older_ta(mut bench: Bench) {
    bench.publish(2);
    bench.request(0);
    assert_eq!(bench.hello(), Some(2));
    let image = bench.workshop.hello(1).expect("the demo TA");
    bench.serve(bench.envelope(3, image, bench.workshop.signer()));
    let value = bench.broker("policy-check", teep_qemu::bench::REFUSED);
    assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&MANIFEST_PROCESSING_FAILED.into()), "{value}");
    assert_eq!(bench.hello(), Some(2));
}

#[test]
fn older_ta_after_linux_deleted_the_newer_one() {
    let mut bench = Bench::new("deleted-object");
    bench.publish(2);
    bench.request(0);
    assert_eq!(bench.hello(), Some(2));
    // The encrypted image is a file of Linux's; that it is installed, and its version, is in secure storage.
    let delete = "rm /var/lib/optee-client/data/tee/*.ta";
    assert_eq!(bench.device.run(delete).expect("the guest answers").status, 0);
    let image = bench.workshop.hello(1).expect("the demo TA");
    bench.serve(bench.envelope(3, image, bench.workshop.signer()));
    let value = bench.broker("policy-check", teep_qemu::bench::REFUSED);
    assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&MANIFEST_PROCESSING_FAILED.into()), "{value}");
    assert_eq!(bench.hello(), None);
}

#[test]
fn garbage_from_linux() {
    let mut bench = Bench::new("garbage-linux");
    let output = bench.device.run("guest-probe agent --rounds 50").expect("the guest answers");
    let result: serde_json::Value = serde_json::from_str(output.stdout.trim()).expect("one line of JSON");
    assert_eq!(output.status, 0, "{result}");
    for counter in ["wrong", "target_dead", "undecodable"] {
        assert_eq!(result[counter], 0, "{result}");
    }
    bench.works();
}

#[test]
fn garbage_from_the_tam() {
    let workshop = workshop();
    let image = ImageDir::new(workshop.build()).expect("the image");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let tam_port = Some(listener.local_addr().expect("an address").port());
    let options = Options { tam_port, ..options("garbage-tam") };
    let bodies: [&[u8]; 6] =
        [b"hello", &[0xff; 3000], &[0x81; 100_000], b"\xd2\x84\x40\xa0\x40\x40", b"\x00", &[0; 1 << 20]];
    std::thread::spawn(move || {
        // Each request gets the next body, whatever it is; the Agent's Error ends the session.
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let body = if number % 2 == 0 { bodies[number / 2] } else { b"" };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/teep+cbor\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    let mut machine = Machine::boot(&image, &options).expect("boots");
    let limit = teep_qemu::bench::COMMAND_LIMIT;
    for body in bodies {
        let command = "teep-broker --json --quiet policy-check 2>/dev/null";
        let output = machine.run(command, limit).expect("the guest answers");
        assert_eq!(output.status, teep_qemu::bench::REFUSED, "{} bytes: {}", body.len(), output.stdout);
        let value: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
        assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&1.into()), "{value}");
    }
    let output = machine.run("teep-broker status", limit).expect("the guest answers");
    assert_eq!(output.status, 0, "{}", output.stdout);
}
