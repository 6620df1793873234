// SPDX-License-Identifier: Apache-2.0
//! `teep-broker status` and `teep-broker keys` on a simulated device.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use serde_json::Value;
use std::ffi::OsString;
use teep_agent::RollbackProtection;
use teep_agent::config::{Config, SignerAnchor, TamAnchor, TrustStore};
use teep_broker::cli::{exit, run};
use teep_proto::cose::SigningKey;
use teep_proto::suit::ComponentId;
use teep_sim::{MemoryEnv, SimTee};

fn key(n: u8) -> SigningKey {
    SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar")
}

fn tee(env: &MemoryEnv) -> SimTee {
    let trust = TrustStore {
        tams: vec![TamAnchor::new("https://tam.example/tam".to_owned(), vec![key(1).public_key()])],
        signers: vec![SignerAnchor::new(key(2).public_key(), vec![ComponentId::encode(&["TEEP-Device"])])],
        ..TrustStore::default()
    };
    let config = Config { vendor_ids: vec![[1; 16]], class_ids: vec![[2; 16]], trust, ..Config::default() };
    SimTee::start(env.clone(), &config.encode()).expect("the configuration")
}

/// Exit code and what was printed.
fn teep_broker(env: &MemoryEnv, args: &[&str]) -> (u8, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["teep-broker"].iter().chain(args).map(OsString::from);
    let code = run(args, tee(env), &mut out, &mut err);
    assert_eq!(String::from_utf8_lossy(&err), "");
    (code, String::from_utf8(out).expect("text"))
}

fn json(env: &MemoryEnv, command: &str) -> (u8, Value) {
    let (code, out) = teep_broker(env, &["--json", command]);
    (code, serde_json::from_str(&out).expect("JSON"))
}

#[test]
fn status_is_that_of_the_device() {
    let env = MemoryEnv::new([7; 32]);
    let (code, out) = teep_broker(&env, &["status"]);
    assert_eq!(code, exit::OK);
    assert!(out.contains("\nrollback protection: none: "), "{out}");
    assert!(
        out.contains("\ninstalled: none\npending: none\ntrusted (built-in, sequence number 0):\n"),
        "{out}"
    );
    assert!(
        out.contains(&format!(
            "signer {}\n    for:          TEEP-Device\n",
            key(2).public_key().thumbprint()
        ))
    );

    env.set_rollback_protection(RollbackProtection::Rpmb);
    env.set_stock(true);
    let (code, value) = json(&env, "status");
    let status = &value["status"];
    assert_eq!((code, &status["rollback_protection"]), (exit::OK, &"rpmb".into()));
    assert_eq!(status["platform"]["removes"], false);
    let tam = &status["trust"]["tams"][0];
    assert_eq!(tam["keys"][0]["thumbprint"], key(1).public_key().thumbprint().to_string());
    assert_eq!(env.operations(), 0, "nothing was changed");
}

#[test]
fn a_device_with_damaged_storage_tells_its_keys_and_that_it_is_damaged() {
    let whole = json(&MemoryEnv::new([7; 32]), "keys");
    let env = MemoryEnv::new([7; 32]);
    env.tamper("state", Some(vec![0xff]));
    assert_eq!(json(&env, "keys"), whole);
    let (code, value) = json(&env, "status");
    assert_eq!((code, &value["result"]), (exit::FAILURE, &"damaged".into()));
    assert_eq!(value["status"]["components"], Value::Null);
}
