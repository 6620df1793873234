// SPDX-License-Identifier: Apache-2.0
//! The command line from keys to a verified envelope, and its exit codes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use teep_suit::cli::{self, exit};

const UUID: [u8; 16] = [0x11; 16];

/// A file with the head of a Trusted Application signed for OP-TEE.
fn ta() -> Vec<u8> {
    let words = [0x4f54_5348u32, 1, 8, 0x7041_4930];
    let mut ta: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    ta.extend([32, 0, 64, 0]);
    ta.extend([0xaa; 32 + 64]);
    ta.extend(UUID);
    ta.extend([1, 0, 0, 0]);
    ta.extend(b"the code");
    ta
}

const DESCRIPTION: &str = r#"
ta = "hello.ta"
uuid = "11111111-1111-1111-1111-111111111111"
sequence-number = 1
vendor-id = "c0ddd5f1-5243-5660-87db-4f5b0aa26c2f"
class-id = "22222222-2222-2222-2222-222222222222"
"#;

/// Runs the command in `dir`; words with a dot or called `signer` are files there.
fn run(dir: &Path, line: &str) -> (u8, String, String) {
    let words = line.split_whitespace().map(|word| match word {
        _ if word.contains('.') || word == "signer" || word == "other" => dir.join(word).into_os_string(),
        _ => OsString::from(word),
    });
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = cli::run(std::iter::once("teep-suit".into()).chain(words), &mut out, &mut err);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn prepared() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("hello.ta"), ta()).unwrap();
    fs::write(dir.path().join("hello.toml"), DESCRIPTION).unwrap();
    for line in ["keygen --algorithm esp256 --out signer", "keygen --algorithm ed25519 --out other"] {
        let (code, _, err) = run(dir.path(), line);
        assert_eq!((code, err.as_str()), (exit::OK, ""), "{line}");
    }
    dir
}

#[test]
fn from_keys_to_a_verified_envelope() {
    let dir = prepared();
    let dir = dir.path();
    let (code, out, err) = run(dir, "create hello.toml --key signer.pem --key other.pem --out hello.suit");
    assert_eq!((code, err.as_str()), (exit::OK, ""));
    assert!(out.contains("sequence number 1 of TEEP-Device/SecureFS/uuid:11111111-"), "{out}");
    for key in ["signer.pub.pem", "other.pub.cose"] {
        let (code, out, _) = run(dir, &format!("verify hello.suit --key {key}"));
        assert_eq!(code, exit::OK);
        assert!(out.contains("unchanged, signed by"), "{out}");
    }
    let (code, out, _) = run(dir, "inspect hello.suit");
    assert_eq!(code, exit::OK);
    assert!(out.starts_with("NOT AUTHENTICATED"), "{out}");
    let (code, out, _) = run(dir, "inspect --diag hello.suit");
    assert_eq!(code, exit::OK);
    assert!(out.contains("/ manifest-sequence-number / 2: 1") && out.contains("/ COSE_Sign1 / 18("), "{out}");
    let (code, out, _) = run(dir, "--json inspect hello.suit --key other.pub.pem");
    assert_eq!(code, exit::OK);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["envelope"]["signatures"].as_array().unwrap().len(), 2);
    assert_eq!(json["envelope"]["authenticated_by"]["algorithm"], "Ed25519");
}

#[test]
fn a_changed_payload_is_refused() {
    let dir = prepared();
    let dir = dir.path();
    run(dir, "create hello.toml --key signer.pem --out hello.suit");
    let mut changed = fs::read(dir.join("hello.suit")).unwrap();
    // The payload is the last item: no signature covers it.
    *changed.last_mut().unwrap() ^= 1;
    fs::write(dir.join("bad.suit"), changed).unwrap();
    let (code, _, err) = run(dir, "verify bad.suit --key signer.pub.pem");
    assert_eq!(code, exit::REFUSED);
    assert!(err.contains("the payload \"#tc\" was changed"), "{err}");
}

#[test]
fn create_overwrites_none_of_its_inputs() {
    let dir = prepared();
    let dir = dir.path();
    for input in ["signer.pem", "hello.toml"] {
        let before = fs::read(dir.join(input)).unwrap();
        let (code, _, err) = run(dir, &format!("create hello.toml --key signer.pem --out {input}"));
        assert_eq!(code, exit::FAILURE);
        assert!(err.contains("would overwrite"), "{err}");
        assert_eq!(fs::read(dir.join(input)).unwrap(), before);
    }
}

#[test]
fn a_changed_or_foreign_envelope_is_refused() {
    let dir = prepared();
    let dir = dir.path();
    run(dir, "create hello.toml --key signer.pem --out hello.suit");
    let (code, out, err) = run(dir, "--json verify hello.suit --key other.pub.pem");
    assert_eq!(code, exit::REFUSED);
    assert!(out.contains("\"result\":\"refused\""), "{out}");
    assert!(err.starts_with("teep-suit: not authenticated"), "{err}");
    let mut changed = fs::read(dir.join("hello.suit")).unwrap();
    let vendor = changed.windows(4).position(|w| w == [0xc0, 0xdd, 0xd5, 0xf1]).unwrap();
    changed[vendor] ^= 1;
    fs::write(dir.join("hello.suit"), changed).unwrap();
    assert_eq!(run(dir, "verify hello.suit --key signer.pub.pem").0, exit::REFUSED);
    assert_eq!(run(dir, "inspect hello.suit --key signer.pub.pem").0, exit::REFUSED);
}

#[test]
fn mistakes_end_with_one_line_that_helps() {
    let dir = prepared();
    let dir = dir.path();
    fs::write(dir.join("alien.toml"), DESCRIPTION.replace("1111-", "9999-")).unwrap();
    fs::write(dir.join("lost.toml"), DESCRIPTION.replace("hello.ta", "lost.ta")).unwrap();
    for (line, code, words) in [
        ("keygen --algorithm esp256 --out signer", exit::FAILURE, "already there"),
        ("create hello.toml --key signer.pub.pem --out x.suit", exit::FAILURE, "PKCS#8"),
        (
            "create alien.toml --key signer.pem --out x.suit",
            exit::FAILURE,
            "the .ta is of Trusted Application",
        ),
        ("create lost.toml --key signer.pem --out x.suit", exit::FAILURE, "lost.ta: No such file"),
        ("verify hello.ta --key signer.pub.pem", exit::FAILURE, "not a usable SUIT envelope"),
        ("verify hello.ta --key signer.pem", exit::FAILURE, ".pub.pem"),
        ("verify none.suit --key signer.pub.pem", exit::FAILURE, "none.suit"),
    ] {
        let (got, _, err) = run(dir, line);
        assert_eq!(got, code, "{line}: {err}");
        assert!(err.contains(words), "{line}: {err}");
        assert_eq!(err.lines().count(), 1, "{line}: {err}");
    }
    assert!(!dir.join("x.suit").exists());
    assert_eq!(run(dir, "create hello.toml --out x.suit").0, exit::USAGE);
    assert_eq!(run(dir, "--help").0, exit::OK);
}
