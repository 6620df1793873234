// SPDX-License-Identifier: Apache-2.0
//! The trust store of a real device, replaced by manifests of its owner: whom it trusts no more, and how often it lets
//! itself be told something.

use serde_json::{Value, json};
use teep_agent::config::TrustStore;
use teep_qemu::bench::REFUSED;

use crate::support::Bench;

const TEMPORARY_ERROR: u64 = 10;
const MANIFEST_PROCESSING_FAILED: u64 = 11;
/// What teep-broker exits with when there is no TAM to talk to.
const NOTHING: i32 = 2;

impl Bench {
    /// Lets the TAM offer a trust store that is the built-in one but for this.
    fn offer_trust(&mut self, sequence_number: u64, change: impl FnOnce(&mut TrustStore)) {
        let description = self.workshop.describe_trust_store(sequence_number, change);
        self.offer_trust_store("trust.suit", &description.expect("a description"));
    }

    /// The same, and the device takes it.
    pub(crate) fn trust(&mut self, sequence_number: u64, change: impl FnOnce(&mut TrustStore)) {
        self.offer_trust(sequence_number, change);
        let value = self.broker("policy-check", 0);
        assert_eq!(value["outcomes"][0]["err_code"], 0, "{value}");
        self.trusts(sequence_number);
    }

    /// The trust store with this sequence number counts, and a manifest brought it.
    fn trusts(&mut self, sequence_number: u64) {
        let status = self.broker("status", 0);
        let trust = &status["status"]["trust"];
        assert_eq!(trust["sequence_number"], sequence_number, "{status}");
        assert_eq!(trust["source"], "updated", "{status}");
    }

    /// teep-broker ends with this Error for the person; what it says.
    fn is_refused(&mut self, arguments: &str, err_code: u64) -> String {
        let value = self.broker(arguments, REFUSED);
        let outcomes = value["outcomes"].as_array().expect("outcomes");
        let refused = outcomes.iter().find(|outcome| outcome["err_code"] != 0).expect("a refusal");
        assert_eq!(refused["err_code"], err_code, "{value}");
        refused["text"].as_str().expect("a text").to_owned()
    }

    /// Whether the signer of the demo TA's manifest is one that the device trusts.
    fn signer_trusted(&mut self) -> Value {
        let status = self.broker("status", 0);
        let manifests = status["status"]["manifests"].as_array().expect("manifests");
        let signer = self.workshop.signer().public_key().thumbprint().to_string();
        let manifest = manifests.iter().find(|manifest| manifest["signer"] == signer.as_str());
        manifest.unwrap_or_else(|| panic!("it is installed: {status}"))["signer_trusted"].clone()
    }
}

#[test]
fn attack_older_trust_store_and_manifests_of_a_revoked_signer() {
    let mut bench = Bench::new("trust");
    bench.offer("hello.suit", &bench.description(1));
    bench.request(0);
    bench.trust(2, |_| ());
    bench.offer_trust(1, |_| ());
    let text = bench.is_refused("policy-check", MANIFEST_PROCESSING_FAILED);
    assert!(text.contains("rollback"), "{text}");
    bench.trusts(2);
    assert_eq!(bench.signer_trusted(), true);

    let signer = bench.workshop.signer().public_key().thumbprint();
    bench.trust(3, |store| store.signers.retain(|other| other.key.thumbprint() != signer));
    assert_eq!(bench.signer_trusted(), false);
    assert_eq!(bench.hello(), Some(1), "what it installed stays");
    bench.offer("hello.suit", &bench.description(2));
    let text = bench.is_refused("policy-check", MANIFEST_PROCESSING_FAILED);
    assert!(text.contains("no valid signature by a trusted signer"), "{text}");
    assert_eq!(bench.hello(), Some(1));
    // The TAM can take it away still.
    bench.withdraw("hello.suit");
    let value = bench.broker("policy-check", 0);
    assert_eq!(value["outcomes"][0]["err_code"], 0, "{value}");
    assert_eq!(bench.hello(), None);
    bench.trusts(3);
}

#[test]
fn policy_by_manifest_limits_policy_checks_and_updates() {
    let mut bench = Bench::new("policy");
    bench.trust(1, |store| store.policy.contact_interval = 3600);
    bench.told.lock().expect("no panic").clear();
    let value = bench.broker("policy-check", NOTHING);
    assert_eq!((&value["result"], &value["outcomes"]), (&json!("nothing"), &json!([])), "{value}");
    assert_eq!(bench.told.lock().expect("no panic").len(), 0, "the TAM was left out");

    // A request is not a policy check. What the TAM has for the device besides comes with it.
    bench.offer("hello.suit", &bench.description(1));
    bench.offer_trust(2, |store| {
        (store.policy.contact_interval, store.policy.updates_per_hour) = (0, 1);
    });
    bench.request(0);
    assert_eq!(bench.hello(), Some(1));
    bench.trusts(2);
    bench.offer("hello.suit", &bench.description(2));
    let text = bench.is_refused("policy-check", TEMPORARY_ERROR);
    let minutes = text.split_once("try again in ").and_then(|(_, rest)| rest.strip_suffix(" minutes"));
    let minutes: Option<u64> = minutes.and_then(|number| number.parse().ok());
    assert!(minutes > Some(0), "{text}");
    assert_eq!(bench.hello(), Some(1));
}
