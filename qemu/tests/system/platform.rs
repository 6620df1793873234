// SPDX-License-Identifier: Apache-2.0
//! What the Agent stands on: the install PTA with and without our patches, secure storage, memory statistics.

use serde_json::Value;
use teep_proto::teec::AGENT_UUID;
use teep_qemu::Optee;

use crate::support::{Bench, probe};

const ACCESS_DENIED: &str = "0xffff0001";
const BAD_PARAMETERS: &str = "0xffff0006";
const NOT_IMPLEMENTED: &str = "0xffff0009";

/// What `guest-probe stats` has to say of the Agent.
pub(crate) fn agent(seen: &Value) -> &Value {
    let uuid = hex::encode(AGENT_UUID);
    let is_agent = |ta: &&Value| ta["uuid"].as_str().is_some_and(|text| text.replace('-', "") == uuid);
    let mut tas = seen["tas"].as_array().expect("a list").iter();
    tas.find(is_agent).unwrap_or_else(|| panic!("the Agent is loaded: {seen}"))
}

#[test]
fn linux_is_refused_by_the_install_pta() {
    let mut bench = Bench::new("pta-linux");
    let seen = probe(&mut bench, "install-pta", 0);
    for login in ["public", "user"] {
        assert_eq!(seen["logins"][login], ACCESS_DENIED, "{seen}");
    }
    // Nobody in Linux is taken for a TA: that login does not even reach the PTA.
    assert_eq!(seen["logins"]["trusted-app"], BAD_PARAMETERS, "{seen}");
    // The Agent is not.
    bench.works();
}

#[test]
fn linux_is_admitted_by_the_stock_install_pta_which_only_bootstraps() {
    let mut bench = Bench::on(Optee::Stock, "pta-stock");
    let seen = probe(&mut bench, "install-pta", 1);
    assert_eq!(seen["logins"]["public"], "0x00000000", "{seen}");
    assert_eq!(seen["commands"]["0"], BAD_PARAMETERS, "{seen}");
    for command in 1..=9 {
        assert_eq!(seen["commands"][command.to_string()], NOT_IMPLEMENTED, "{seen}");
    }
}

#[test]
fn installed_ta_is_there_after_a_restart() {
    let mut bench = Bench::with_storage("restart");
    bench.works();
    bench.device.restart().expect("boots again");
    assert_eq!(bench.hello(), Some(1));
    let status = bench.broker("status", 0);
    assert_eq!(status.pointer("/status/components/0/manifest_sequence_number"), Some(&1.into()), "{status}");
}

#[test]
fn power_cut_while_a_ta_is_written_leaves_the_old_one() {
    let mut bench = Bench::with_storage("power-cut");
    bench.works();
    bench.publish(2);
    // OP-TEE writes the new TA to a second object, and removes the first once the new one counts.
    let objects = "ls /var/lib/optee-client/data/tee/*.ta";
    assert_eq!(bench.device.run(objects).expect("the guest answers").stdout.lines().count(), 1);
    let update = format!(
        "teep-broker policy-check >/tmp/update.log 2>&1 & until [ $({objects} | wc -l) = 2 ]; do :; done"
    );
    assert_eq!(bench.device.run(&update).expect("the guest answers").status, 0);
    bench.device.restart().expect("boots again");
    assert_eq!(bench.hello(), Some(1));
    bench.broker("policy-check", 0);
    assert_eq!(bench.hello(), Some(2));
    // What was written before the cut has been overwritten or removed.
    assert_eq!(bench.device.run(objects).expect("the guest answers").stdout.lines().count(), 1);
}

#[test]
fn memory_of_the_agent_is_measured() {
    let mut bench = Bench::new("stats");
    bench.publish(1);
    let request = format!("teep-broker request-ta {}", teep_qemu::bench::HELLO_UUID);
    let seen = probe(&mut bench, &format!("stats --hold-agent -- {request}"), 0);
    assert_eq!(bench.hello(), Some(1));
    let agent = agent(&seen);
    println!("heap of the Agent: {}; of OP-TEE's core: {}", agent["heap"], seen["core"]["heap"]);
    assert_eq!((&agent["panicked"], &agent["sessions"]), (&false.into(), &1.into()), "{seen}");
    let bytes = |name| agent["heap"][name].as_u64().expect("a number");
    assert!(bytes("allocated") <= bytes("peak") && bytes("peak") <= bytes("size"), "{seen}");
    // At the least the TA's chunk that was copied out of shared memory.
    assert!(bytes("peak") >= 4096, "{seen}");
}
