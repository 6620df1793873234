// SPDX-License-Identifier: Apache-2.0
//! The command line from keys to a verified envelope, and its exit codes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod trust_store;

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

/// Names of files without ending, and of directories.
const NAMES: [&str; 7] = ["signer", "other", "device", "kek", "mac", "public", "none"];

/// Runs the command in `dir`; words with a dot and [`NAMES`] are files there.
fn run(dir: &Path, line: &str) -> (u8, String, String) {
    let words = line.split_whitespace().map(|word| match word {
        _ if word.contains('.') || NAMES.contains(&word) => dir.join(word).into_os_string(),
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
    for (input, why) in [
        ("signer.pem", "would overwrite"),
        ("hello.toml", "would overwrite"),
        ("hello.ta", "no envelope of this manifest"),
    ] {
        let before = fs::read(dir.join(input)).unwrap();
        let (code, _, err) = run(dir, &format!("create hello.toml --key signer.pem --out {input}"));
        assert_eq!(code, exit::FAILURE);
        assert!(err.contains(why), "{err}");
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

/// A description of `greeting.txt` as personalization data for the key `device.pub.cose`.
fn greeting(dir: &Path, more: &str) {
    fs::write(dir.join("greeting.txt"), "Hello, device").unwrap();
    let head = DESCRIPTION.lines().filter(|line| !line.starts_with("ta =") && !line.starts_with("uuid ="));
    let head: Vec<_> = head.collect();
    let text = format!(
        "{}\nmanifest-id = \"greeting\"\n[[component]]\nid = \"text\"\nfile = \"greeting.txt\"\n{more}\n\
         [[dependency]]\nmanifest = \"hello.suit\"\nsigner = \"signer.pub.pem\"\ndelivery = \"installed\"\n",
        head.join("\n")
    );
    fs::write(dir.join("greeting.toml"), text).unwrap();
}

#[test]
fn personalization_data_from_keys_to_a_verified_envelope() {
    let dir = prepared();
    let dir = dir.path();
    run(dir, "create hello.toml --key signer.pem --out hello.suit");
    let (code, out, _) = run(dir, "keygen --algorithm ecdh-es --out device");
    assert!(code == exit::OK && out.contains("device.pub.cose public key"), "{out}");
    greeting(dir, "delivery = \"write\"\nencrypt-to = [\"device.pub.cose\"]\ncipher = \"a128ctr\"");
    let (code, out, err) = run(dir, "create greeting.toml --key other.pem --out greeting.suit");
    assert_eq!((code, err.as_str()), (exit::OK, ""));
    assert!(out.contains("sequence number 1 of text"), "{out}");
    let (code, out, _) = run(dir, "inspect greeting.suit --key other.pub.pem");
    assert_eq!(code, exit::OK);
    for words in [
        "encryption-info    A128CTR, to 1 recipient",
        "dependency 1      TEEP-Device/SecureFS/uuid:11111111-1111-1111-1111-111111111111/suit",
        "dependency-integrity (reporting policy 15)\n  process-dependency (reporting policy 15)",
    ] {
        assert!(out.contains(words), "{words:?} is not in\n{out}");
    }
    let bytes = fs::read(dir.join("greeting.suit")).unwrap();
    assert!(!bytes.windows(5).any(|window| window == b"Hello"));
}

#[test]
fn a_payload_that_devices_fetch_is_put_aside() {
    let dir = prepared();
    let dir = dir.path();
    fs::create_dir(dir.join("public")).unwrap();
    run(dir, "keygen --algorithm a128kw --out kek");
    run(dir, "create hello.toml --key signer.pem --out hello.suit");
    greeting(dir, "uri = \"https://tam.example/x/greeting.enc?v=1\"\nencrypt-to = [\"kek.cose\"]");
    let (code, _, err) = run(dir, "create greeting.toml --key other.pem --out greeting.suit");
    assert_eq!(code, exit::FAILURE);
    assert!(err.contains("say with --payloads where to put it"), "{err}");
    let (code, out, err) =
        run(dir, "create greeting.toml --key other.pem --out greeting.suit --payloads public");
    assert_eq!((code, err.as_str()), (exit::OK, ""));
    assert!(out.contains("greeting.enc: 29 bytes, for https://tam.example/x/greeting.enc?v=1"), "{out}");
    assert_eq!(fs::read(dir.join("public/greeting.enc")).unwrap().len(), 13 + 16, "with the tag of A128GCM");
}

#[test]
fn what_is_encrypted_once_can_be_used_again() {
    let dir = prepared();
    let dir = dir.path();
    run(dir, "create hello.toml --key signer.pem --out hello.suit");
    run(dir, "keygen --algorithm ecdh-es --out device");
    greeting(dir, "ciphertext = \"greeting.enc\"\nencryption-info = \"greeting.info\"");
    let line = "encrypt greeting.txt --to device.pub.cose --out greeting.enc --info greeting.info";
    let (code, out, err) = run(dir, line);
    assert_eq!((code, err.as_str()), (exit::OK, ""));
    assert!(out.contains("29 bytes encrypted with A128GCM, for 1 recipients"), "{out}");
    for out in ["one.suit", "two.suit"] {
        let (code, _, err) = run(dir, &format!("create greeting.toml --key other.pem --out {out}"));
        assert_eq!((code, err.as_str()), (exit::OK, ""));
    }
    assert_eq!(fs::read(dir.join("one.suit")).unwrap(), fs::read(dir.join("two.suit")).unwrap());
    let (code, _, err) =
        run(dir, "encrypt greeting.txt --to device.pub.cose --out greeting.txt --info greeting.info");
    assert!(code == exit::FAILURE && err.contains("would overwrite"), "{err}");
    let (code, _, err) =
        run(dir, "encrypt greeting.txt --to device.pub.cose --out greeting.enc --info greeting.enc");
    assert!(code == exit::FAILURE && err.contains("a file each"), "{err}");
}

/// The profile with HMAC (MTI 3).
#[test]
fn a_mac_can_take_the_place_of_a_signature() {
    let dir = prepared();
    let dir = dir.path();
    run(dir, "keygen --algorithm hmac256 --out mac");
    let (code, _, err) = run(dir, "create hello.toml --key mac.cose --out hello.suit");
    assert_eq!((code, err.as_str()), (exit::OK, ""));
    assert_eq!(run(dir, "verify hello.suit --key mac.cose").0, exit::OK);
    assert_eq!(run(dir, "verify hello.suit --key signer.pub.pem").0, exit::REFUSED);
    let (code, _, err) = run(dir, "create hello.toml --key device.cose --out x.suit");
    assert!(code == exit::FAILURE && err.contains("device.cose"), "{err}");
}

#[test]
fn an_envelope_does_not_take_the_place_of_a_newer_one() {
    let dir = prepared();
    let dir = dir.path();
    fs::write(dir.join("new.toml"), DESCRIPTION.replace("= 1", "= 2")).unwrap();
    assert_eq!(run(dir, "create new.toml --key signer.pem --out hello.suit").0, exit::OK);
    assert_eq!(run(dir, "create new.toml --key signer.pem --out hello.suit").0, exit::OK);
    let (code, _, err) = run(dir, "create hello.toml --key signer.pem --out hello.suit");
    assert_eq!(code, exit::FAILURE);
    assert!(err.contains("is there with sequence number 2"), "{err}");
}

/// Every description in the help is one.
#[test]
fn the_examples_of_the_help_work() {
    let (code, help, _) = run(Path::new("."), "create --help");
    assert_eq!(code, exit::OK);
    let (_, examples) = help.split_once("These begin all of them:").unwrap();
    let is_toml = |line: &&str| line.starts_with("  ") || line.trim().is_empty();
    let blocks: Vec<String> = examples
        .split("\n\n")
        .map(|block| {
            let lines: Vec<_> =
                block.lines().skip_while(|line| !line.starts_with("  ")).filter(is_toml).collect();
            format!("{}\n", lines.join("\n"))
        })
        .collect();
    let [head, fetched, greeting, moved] = &blocks[..] else { panic!("{blocks:#?}") };
    let dir = prepared();
    let dir = dir.path();
    let uuid = "1c42796f-7fc4-4536-b751-6a58e6f4540c";
    let mut image = ta();
    let at = 20 + 32 + 64;
    image[at..at + 16].copy_from_slice(uuid::Uuid::parse_str(uuid).unwrap().as_bytes());
    fs::write(dir.join("hello.ta"), image).unwrap();
    fs::write(dir.join("greeting.txt"), "Hello").unwrap();
    run(dir, "keygen --algorithm ecdh-es --out device");
    let device = fs::read(dir.join("device.pub.cose")).unwrap();
    fs::write(dir.join("device.hex"), hex::encode(device)).unwrap();
    let head = format!(
        "sequence-number = 1\n{}",
        head.replace("\"...\"", "\"22222222-2222-2222-2222-222222222222\"")
    );
    let head = head.replacen("sequence-number = 1\n", "", 1);
    for (name, text) in [("hello", fetched), ("greeting", greeting), ("moved", moved)] {
        fs::write(dir.join(format!("{name}.toml")), format!("{head}{text}")).unwrap();
        let (code, _, err) = run(dir, &format!("create {name}.toml --key signer.pem --out {name}.suit"));
        assert_eq!((code, err.as_str()), (exit::OK, ""), "{name}");
    }
}
