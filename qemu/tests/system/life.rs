// SPDX-License-Identifier: Apache-2.0
//! The life of a Trusted Application, as everybody hopes it to be.

use teep_qemu::Optee;
use teep_qemu::bench::REFUSED;

use crate::support::Bench;

#[test]
fn requested_ta_is_installed_and_answers() {
    install(Bench::new("install"));
}

#[test]
fn requested_ta_is_installed_and_answers_on_stock_optee() {
    install(Bench::on(Optee::Stock, "install-stock"));
}

fn install(mut bench: Bench) {
    assert_eq!(bench.hello(), None, "it is not in the image");
    bench.publish(1);
    let value = bench.request(0);
    assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&0.into()), "{value}");
    assert_eq!(bench.hello(), Some(1));
    let status = bench.broker("status", 0);
    let installed = status.pointer("/status/components/0").expect("it is listed");
    assert_eq!(installed["manifest_sequence_number"], 1, "{status}");
    // Nothing to do any more: not for a request, not for a policy check.
    bench.request(2);
    let value = bench.broker("policy-check", 0);
    assert_eq!(value["outcomes"], serde_json::json!([]), "{value}");
}

#[test]
fn policy_check_updates_the_ta_and_an_older_manifest_is_refused() {
    update(Bench::new("update"));
}

#[test]
fn policy_check_updates_the_ta_and_an_older_manifest_is_refused_on_stock_optee() {
    update(Bench::on(Optee::Stock, "update-stock"));
}

fn update(mut bench: Bench) {
    bench.works();
    bench.publish(2);
    bench.broker("policy-check", 0);
    assert_eq!(bench.hello(), Some(2));
    bench.publish(1);
    let value = bench.broker("policy-check", REFUSED);
    assert_eq!(value.pointer("/outcomes/0/err_code"), Some(&11.into()), "{value}");
    assert!(
        value.pointer("/outcomes/0/text").is_some_and(|text| text.to_string().contains("rollback")),
        "{value}"
    );
    assert_eq!(bench.hello(), Some(2));
}

#[test]
fn tam_that_has_nothing_leaves_the_device_as_it_is() {
    let mut bench = Bench::new("nothing");
    let value = bench.request(3);
    assert_eq!(
        (&value["result"], &value["outcomes"]),
        (&"not-found".into(), &serde_json::json!([])),
        "{value}"
    );
    assert_eq!(bench.hello(), None);
    bench.works();
}

#[test]
fn unreachable_tam_is_said_and_does_no_harm() {
    let mut bench = Bench::new("unreachable");
    bench.device.stop_tam();
    let value = bench.request(4);
    assert!(value["error"].is_string(), "{value}");
    assert_eq!(bench.hello(), None);
    bench.broker("status", 0);
}

#[test]
fn every_device_of_the_bench_has_the_same_key_after_a_restart() {
    // QEMU's hardware unique key is a fixed value; the Agent's key follows from it and is stored nowhere.
    let mut first = Bench::new("key-1");
    let mut second = Bench::new("key-2");
    assert_eq!(first.device.agent_key().expect("a key"), second.device.agent_key().expect("a key"));
}
