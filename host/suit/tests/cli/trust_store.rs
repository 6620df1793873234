// SPDX-License-Identifier: Apache-2.0
//! A trust store from its description to the envelope that brings it, and the mistakes that a device would refuse later.

use crate::{prepared, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use teep_proto::suit::text;
use teep_suit::cli::exit;
use teep_suit::keys;

const TRUST: &str = r#"
[trust]
sequence-number = 2
[[tam]]
uri = "https://tam.example/tam"
keys = ["other.pub.pem"]
dialect = "pre-26"
report-key = "device.pub.cose"
[[signer]]
key = "hello.pub.pem"
components = [["TEEP-Device", "uuid:11111111-1111-1111-1111-111111111111"]]
commands = ["fetch"]
max-bytes = 1000
[[signer]]
key = "signer.pub.pem"
trust-store = true
[policy]
updates-per-hour = 20
"#;

/// With the keys of [`prepared`] and those that `TRUST` names, and `trust.toml`.
fn world() -> tempfile::TempDir {
    let dir = prepared();
    run(dir.path(), "keygen --algorithm ecdh-es --out device");
    keys::write(&keys::generate(teep_suit::Algorithm::Ed25519).unwrap(), &dir.path().join("hello")).unwrap();
    fs::write(dir.path().join("trust.toml"), TRUST).unwrap();
    dir
}

fn kid(dir: &Path, key: &str) -> String {
    keys::load_public_key(&dir.join(key)).unwrap().thumbprint().to_string()
}

/// Describes the manifest of `trust.cbor` in `manifest.toml`, with these in place of what is right.
fn describe(dir: &Path, sequence_number: u64, id: &str, manifest_id: &str) {
    let text = format!(
        "sequence-number = {sequence_number}\nvendor-id = \"c0ddd5f1-5243-5660-87db-4f5b0aa26c2f\"\n\
         class-id = \"bbcdd24d-6031-5d11-a508-ebb6d85a64a9\"\nmanifest-id = \"{manifest_id}\"\n\
         [[component]]\nfile = \"trust.cbor\"\nid = \"{id}\"\n"
    );
    fs::write(dir.join("manifest.toml"), text).unwrap();
}

fn ids() -> [String; 2] {
    [text::trust_store(), text::trust_store_manifest()].map(|id| text::format(&id))
}

#[test]
fn from_its_description_to_an_envelope_that_shows_it() {
    let dir = world();
    let dir = dir.path();
    let (code, out, err) = run(dir, "trust-store trust.toml --out trust.cbor");
    assert_eq!((code, err.as_str()), (exit::OK, ""));
    let [id, manifest_id] = ids();
    for words in ["sequence number 2, 2 signers and the TAMs https://tam.example/tam", &id, &manifest_id] {
        assert!(out.contains(words), "{words:?} is not in\n{out}");
    }
    describe(dir, 2, &id, &manifest_id);
    let (code, _, err) = run(dir, "create manifest.toml --key signer.pem --out trust.suit");
    assert_eq!((code, err.as_str()), (exit::OK, ""));
    let [tam, hello, signer] = ["other", "hello", "signer"].map(|name| kid(dir, &format!("{name}.pub.pem")));
    let report_key = kid(dir, "device.pub.cose");
    let expected = format!(
        "trust store, sequence number 2, {} bytes\n  \
           TAM             https://tam.example/tam\n    \
             key           {tam}\n    \
             dialect       pre-26\n    \
             report key    {report_key}\n  \
           signer          {hello}\n    \
             for           TEEP-Device/uuid:11111111-1111-1111-1111-111111111111\n    \
             commands      fetch\n    \
             at most       1000 bytes\n  \
           signer          {signer}\n    \
             may           replace the trust store\n  \
           policy          contact-interval 60\n                  \
                           errors-per-minute 30\n                  \
                           updates-per-hour 20\n  \
           manifests       strict-dependencies false\n                  \
                           unnamed false\n",
        fs::read(dir.join("trust.cbor")).unwrap().len()
    );
    for line in ["inspect trust.cbor", "inspect trust.suit", "inspect trust.suit --key signer.pub.pem"] {
        let (code, out, _) = run(dir, line);
        assert_eq!(code, exit::OK);
        assert!(out.contains(&expected), "{line}: {expected}\nis not in\n{out}");
        assert!(!out.contains("WARNING"), "{out}");
        assert_eq!(out.starts_with("NOT AUTHENTICATED"), !line.contains("--key"), "{out}");
    }
    let object = |line: &str| serde_json::from_str::<Value>(&run(dir, line).1).unwrap();
    let alone = object("--json inspect trust.cbor");
    let store = &alone["trust_store"];
    assert_eq!(store["sequence_number"], 2);
    assert_eq!(
        (&store["tams"][0]["uri"], &store["tams"][0]["keys"][0]["kid"]),
        (&"https://tam.example/tam".into(), &tam.into())
    );
    assert_eq!(
        (&store["signers"][0]["kid"], &store["signers"][0]["trust_store"]),
        (&hello.into(), &false.into())
    );
    assert_eq!(
        (&store["signers"][1]["kid"], &store["signers"][1]["trust_store"]),
        (&signer.into(), &true.into())
    );
    assert_eq!(store["signers"][0]["prefixes"][0], "TEEP-Device/uuid:11111111-1111-1111-1111-111111111111");
    assert_eq!(store["policy"]["updates_per_hour"], 20);
    assert_eq!(object("--json inspect trust.suit")["envelope"]["trust_store"], *store);
    assert_eq!(object("--json trust-store trust.toml --out trust.cbor")["trust_store"], *store);
}

#[test]
fn what_a_device_would_refuse_is_not_signed() {
    let dir = world();
    let dir = dir.path();
    run(dir, "trust-store trust.toml --out trust.cbor");
    let [id, manifest_id] = ids();
    let mistyped = id.replace("f15a", "f15b");
    for (sequence_number, id, manifest_id, words) in [
        (3, &id, &manifest_id, "sequence-number is 3, but that in the trust store is 2"),
        (
            2,
            &mistyped,
            &manifest_id,
            "is a trust store, which devices take only as TEEP-Device/SecureFS/uuid:f15aa4a3-",
        ),
        (
            2,
            &id,
            &mistyped,
            "devices take a trust store only from the manifest TEEP-Device/SecureFS/uuid:f15aa4a3-",
        ),
    ] {
        describe(dir, sequence_number, id, manifest_id);
        let (code, _, err) = run(dir, "create manifest.toml --key signer.pem --out trust.suit");
        assert_eq!(code, exit::FAILURE, "{err}");
        assert!(err.contains("manifest.toml: ") && err.contains(words), "{words:?} is not in {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(!dir.join("trust.suit").exists());
    }
}

#[test]
fn all_that_is_wrong_with_a_trust_store_is_said_at_once() {
    let dir = world();
    let dir = dir.path();
    let told = |text: &str| {
        fs::write(dir.join("trust.toml"), text).unwrap();
        let (code, _, err) = run(dir, "trust-store trust.toml --out trust.cbor");
        assert_eq!((code, err.lines().count()), (exit::FAILURE, 1), "{err}");
        assert!(!dir.join("trust.cbor").exists());
        err
    };
    let built_in = "[device]\nvendor-ids = []\nclass-ids = []\n[[decryption-key]]\nkey = \"none\"\n\
                    [attestation]\noemid = 1\nhwmodel = \"m\"\nhwversion = \"1\"\nmanifests = []\n\
                    [eat]\n[trust]\nprovisioning = true\n";
    let err = told(built_in);
    for words in [
        "cannot be in a trust store: [device], [[decryption-key]], [attestation], [eat], trust.provisioning;",
        "no trust.sequence-number",
        "no [[tam]]",
        "no [[signer]] has trust-store = true",
    ] {
        assert!(err.contains(words), "{words:?} is not in {err}");
    }
    let err = told(&TRUST.replace("sequence-number = 2", ""));
    assert!(err.contains("no trust.sequence-number") && !err.contains("no [["), "{err}");
    let err = told(&TRUST.replace("trust-store = true", "trust-store = false"));
    assert!(err.contains("no [[signer]] has trust-store = true") && !err.contains("byte"), "{err}");
    let err = told(&TRUST.replace("[policy]", "[polity]"));
    assert!(err.contains("trust.toml: line 17: unknown field `polity`"), "{err}");
}

#[test]
fn a_trust_store_is_no_envelope() {
    let dir = world();
    let dir = dir.path();
    run(dir, "trust-store trust.toml --out trust.cbor");
    let (code, out, _) = run(dir, "inspect --diag trust.cbor");
    assert!(code == exit::OK && !out.contains("QueryRequest"), "{out}");
    for line in ["verify trust.cbor --key signer.pub.pem", "inspect trust.cbor --key signer.pub.pem"] {
        let (code, _, err) = run(dir, line);
        assert_eq!(code, exit::FAILURE);
        assert!(err.contains("trust.cbor: a trust store, which has no signature of its own"), "{err}");
    }
    let mut cut = fs::read(dir.join("trust.cbor")).unwrap();
    cut.pop();
    fs::write(dir.join("trust.cbor"), cut).unwrap();
    let (code, _, err) = run(dir, "inspect trust.cbor");
    assert_eq!(code, exit::FAILURE);
    assert!(err.contains("neither a SUIT envelope nor a usable trust store"), "{err}");
}
