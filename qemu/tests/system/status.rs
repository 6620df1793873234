// SPDX-License-Identifier: Apache-2.0
//! What `teep-broker status` says on real OP-TEE, with and without our patches.

use serde_json::{Value, json};
use teep_qemu::Optee;

use crate::support::Bench;

/// The object `status` of an Agent whose storage is in order.
fn status(bench: &mut Bench) -> Value {
    let value = bench.broker("status", 0);
    assert_eq!(value["result"], "ok", "{value}");
    value["status"].clone()
}

#[test]
fn status_on_patched_optee() {
    let status = check(Bench::new("status"));
    let platform = json!({
        "installs_in_pieces": true, "removes": true, "lists": true, "counts_sessions": true, "exclusive": true,
    });
    assert_eq!(status["platform"], platform, "{status}");
    assert_eq!(status["components"][0]["sessions"], 0, "{status}");
}

#[test]
fn status_on_stock_optee() {
    let status = check(Bench::on(Optee::Stock, "status-stock"));
    let platform = json!({
        "installs_in_pieces": false, "removes": false, "lists": false, "counts_sessions": false,
        "exclusive": false,
    });
    assert_eq!(status["platform"], platform, "{status}");
    assert_eq!(status["components"][0]["sessions"], Value::Null, "{status}");
}

/// What is the same on both: nothing is installed, then the demo TA is, in two versions one after the other.
fn check(mut bench: Bench) -> Value {
    let before = status(&mut bench);
    assert_eq!(before["components"], json!([]), "{before}");
    // OP-TEE of the bench has no RPMB, and says so itself.
    assert_eq!(before["rollback_protection"], "none", "{before}");
    let tam = &before["trust"]["tams"][0];
    assert_eq!(tam["last_contact"], Value::Null, "{before}");
    assert_eq!(tam["keys"].as_array().map(Vec::is_empty), Some(false), "{before}");

    bench.works();
    let installed = status(&mut bench);
    let component = &installed["components"][0];
    assert_eq!((&component["version"], &component["manifest_sequence_number"]), (&1.into(), &1.into()));
    let manifest = &installed["manifests"][0];
    let signer = bench.workshop.signer().public_key().thumbprint().to_string();
    assert_eq!((&manifest["signer"], &manifest["signer_trusted"]), (&signer.into(), &true.into()));
    assert_eq!(manifest["tams"][0], installed["trust"]["tams"][0]["uri"], "{installed}");
    let contact = &installed["trust"]["tams"][0]["last_contact"];
    assert_eq!((&contact["course"], &contact["err_code"]), (&"ended".into(), &0.into()), "{installed}");
    assert_eq!(installed["pending"], json!({ "actions": [], "objects": 0, "still_running": [] }));

    bench.publish(2);
    bench.broker("policy-check", 0);
    let updated = status(&mut bench);
    assert_eq!(updated["components"][0]["version"], 2, "{updated}");
    assert_eq!(updated["room"]["components"], json!({ "used": 1, "limit": 30 }));
    // For people it is text, and it says what the lack of RPMB means.
    let text = bench.device.run("teep-broker status").expect("the guest answers");
    assert_eq!(text.status, 0);
    assert!(text.stdout.contains("rollback protection: none: who controls Linux"), "{}", text.stdout);
    updated
}
