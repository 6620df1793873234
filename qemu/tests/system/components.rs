// SPDX-License-Identifier: Apache-2.0
//! All kinds of Trusted Components and all that manifests can do with them, on a real device.

use serde_json::Value;
use teep_proto::suit::text;
use teep_qemu::Optee;
use teep_qemu::bench::{GREETING, HELLO, NO_SUCH_DATA, NOT_INSTALLED, REFUSED, payload_uri};
use teep_suit::{Component, Dependency, Description, Override, Source};

use crate::support::{Bench, probe};

const TEMPORARY_ERROR: u64 = 10;
const MANIFEST_PROCESSING_FAILED: u64 = 11;

fn refusal(value: &Value) -> &str {
    let outcomes = value["outcomes"].as_array().expect("outcomes");
    let refused = outcomes.iter().find(|outcome| outcome["err_code"] != 0);
    refused.and_then(|outcome| outcome["text"].as_str()).unwrap_or_default()
}

impl Bench {
    pub(crate) fn description(&self, version: u32) -> Description {
        let image = self.workshop.hello(version).expect("the demo TA");
        self.workshop.describe(version.into(), image).expect("a description")
    }

    /// Personalization data for the demo TA on this device alone, depending on the manifest in `envelope`.
    pub(crate) fn greeting(&mut self, name: &str, envelope: Vec<u8>) -> Description {
        let to = self.device.keys().expect("keys").decryption_key;
        self.workshop.describe_greeting(name, to, envelope).expect("a description")
    }

    /// What the demo TA, or the other one, says to this.
    pub(crate) fn client(&mut self, arguments: &str, status: i32) -> String {
        let output = self.device.run(&format!("hello-client {arguments}")).expect("the guest answers");
        assert_eq!(output.status, status, "hello-client {arguments}: {}", output.stdout);
        output.stdout.trim().to_owned()
    }
}

#[test]
fn personalization_data_reaches_its_ta_and_nobody_else() {
    let mut bench = Bench::new("personalization");
    let hello = bench.offer("hello.suit", &bench.description(1));
    let greeting = bench.greeting("Ada", hello);
    bench.offer_by_operator("greeting.suit", &greeting);
    bench.request(0);
    assert!(bench.client("", 0).starts_with("Hello, Ada! "));
    assert_eq!(bench.client(&format!("read {GREETING}"), 0), "Ada");
    // Another TA, which OP-TEE vouches for as another, learns not even that it exists.
    bench.client(&format!("--other read {GREETING}"), NO_SUCH_DATA);
    // Linux has no access to that command at all: 0xffff0001.
    let seen = probe(&mut bench, &format!("read-data {GREETING}"), 0);
    assert_eq!(seen["read_data"], "0xffff0001", "{seen}");
    // The data goes, the application stays.
    bench.withdraw("greeting.suit");
    assert_eq!(refusal(&bench.broker("policy-check", 0)), "");
    assert_eq!(bench.hello(), Some(1));
    assert!(bench.client("", 0).starts_with("Hello from "));
}

#[test]
fn removed_ta_is_gone_and_the_replayed_update_does_not_bring_it_back() {
    let mut bench = Bench::on_wire("removal");
    bench.offer("hello.suit", &bench.description(1));
    bench.request(0);
    assert_eq!(bench.hello(), Some(1));
    bench.withdraw("hello.suit");
    assert_eq!(refusal(&bench.broker("policy-check", 0)), "");
    assert_eq!(bench.hello(), None);
    // Whoever holds the wire says again what the TAM said when it installed the TA.
    let wire = bench.wire.as_ref().expect("a wire");
    wire.replay(wire.longest());
    let value = bench.broker("policy-check", 0);
    let text = value.pointer("/outcomes/0/text").map(ToString::to_string).unwrap_or_default();
    assert!(text.contains("carried out before"), "it did arrive: {value}");
    assert_eq!(bench.hello(), None);
    let status = bench.broker("status", 0);
    assert_eq!(status.pointer("/status/components"), Some(&serde_json::json!([])), "{status}");
}

#[test]
fn a_ta_comes_with_what_it_depends_on_and_goes_with_it() {
    let mut bench = Bench::new("dependency");
    let id = text::parse("TEEP-Device/SecureFS/words").expect("an id");
    let words = Description {
        manifest_id: text::parse("TEEP-Device/SecureFS/words.suit").expect("an id"),
        components: vec![Component::written(id, b"plain words".to_vec())],
        ..bench.description(1)
    };
    let words = bench.sign(&words);
    let mut hello = bench.description(1);
    let source = Some(Source::fetched(&payload_uri("words.suit")));
    hello.dependencies.push(Dependency::new(words, source).expect("a manifest"));
    bench.offer("hello.suit", &hello);
    bench.request(0);
    assert_eq!(bench.hello(), Some(1));
    // Plain data, for those whose manifest depends on it.
    assert_eq!(bench.client("read TEEP-Device/SecureFS/words", 0), "plain words");
    bench.client("--other read TEEP-Device/SecureFS/words", NO_SUCH_DATA);
    bench.withdraw("hello.suit");
    bench.broker("policy-check", 0);
    assert_eq!(
        bench.client("", NOT_INSTALLED),
        "hello-client: the Trusted Application is not installed; try: teep-broker request-ta 1c42796f-7fc4-4536-b751-6a58e6f4540c"
    );
    let status = bench.broker("status", 0);
    assert_eq!(status.pointer("/status/components"), Some(&serde_json::json!([])), "{status}");
}

#[test]
fn a_megabyte_by_uri_over_a_connection_that_breaks_in_constant_memory() {
    let mut bench = Bench::on_wire("large");
    let image = bench.workshop.built("hello-large.ta").expect("the large TA");
    assert!(image.len() > 1024 * 1024);
    let mut description = bench.workshop.describe(1, image).expect("a description");
    description.components[0].source = Some(Source::fetched(&payload_uri("hello-large.ta")));
    bench.offer("hello.suit", &description);
    let wire = bench.wire.clone().expect("a wire");
    wire.cut_after(600_000);
    let request = format!("teep-broker --quiet request-ta {}", teep_qemu::bench::HELLO_UUID);
    let seen = probe(&mut bench, &format!("stats --hold-agent -- {request}"), 0);
    assert!(wire.is_honest(), "it did break");
    assert_eq!(bench.hello(), Some(1));
    let agent = crate::platform::agent(&seen);
    let peak = agent["heap"]["peak"].as_u64().expect("a number");
    println!(
        "installing a TA of {} bytes took {peak} bytes of the Agent's heap",
        description.components[0].content.len()
    );
    assert!(peak <= 256 * 1024, "{seen}");
}

/// The case of the TEEP hackathon: a developer's signed manifest names a URI, the TAM's own dependent manifest moves it,
/// and the developer's is not signed again. The TAM's operator could not have installed anything of its own.
#[test]
fn a_dependent_moves_the_payload_to_another_server() {
    let mut bench = Bench::new("override");
    let mut hello = bench.description(1);
    let gone = Source { overridable: true, ..Source::fetched("http://10.0.2.100:8080/payloads/gone.ta") };
    hello.components[0].source = Some(gone);
    let hello = bench.sign(&hello);
    let mut mirror = Description {
        manifest_id: text::parse("TEEP-Device/SecureFS/mirror.suit").expect("an id"),
        components: Vec::new(),
        ..bench.description(1)
    };
    std::fs::remove_file(bench.device.payloads().join("gone.ta")).expect("it was there");
    let image = bench.workshop.hello(1).expect("the demo TA");
    std::fs::write(bench.device.payloads().join("moved.ta"), image).expect("a file");
    let dependency = Dependency::new(hello, Some(Source::integrated("#hello"))).expect("a manifest");
    let moved = Override { component: text::native_ta(HELLO), uri: payload_uri("moved.ta") };
    mirror.dependencies.push(Dependency { overrides: vec![moved], ..dependency });
    bench.offer_by_operator("mirror.suit", &mirror);
    bench.request(0);
    assert_eq!(bench.hello(), Some(1));
}

#[test]
fn stock_op_tee_cannot_remove_and_the_agent_says_so() {
    let mut bench = Bench::on(Optee::Stock, "stock-removal");
    bench.offer("hello.suit", &bench.description(1));
    bench.request(0);
    assert_eq!(bench.hello(), Some(1));
    bench.offer("hello.suit", &bench.description(2));
    bench.broker("policy-check", 0);
    assert_eq!(bench.hello(), Some(2));
    bench.withdraw("hello.suit");
    let value = bench.broker("policy-check", REFUSED);
    assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&MANIFEST_PROCESSING_FAILED.into()), "{value}");
    assert!(refusal(&value).contains("no way to remove"), "{value}");
    assert_eq!(bench.hello(), Some(2));
}

/// Stock OP-TEE takes a whole image in one buffer. One that does not fit the Agent's heap is an error of the moment.
#[test]
fn image_larger_than_the_heap_on_stock_op_tee() {
    let mut bench = Bench::on(Optee::Stock, "stock-memory");
    // OP-TEE would refuse what is behind the end of the image, but sees none of it.
    let mut image = bench.workshop.hello(1).expect("the demo TA");
    image.resize(2 * 1024 * 1024, 0);
    let mut description = bench.workshop.describe(1, image).expect("a description");
    description.components[0].source = Some(Source::fetched(&payload_uri("hello-huge.ta")));
    bench.offer("hello.suit", &description);
    let value = bench.request(REFUSED);
    assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&TEMPORARY_ERROR.into()), "{value}");
    assert_eq!(bench.hello(), None);
    // The Agent is alive.
    bench.works();
}
