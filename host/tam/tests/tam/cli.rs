// SPDX-License-Identifier: Apache-2.0
//! The command `teep-tam`, from an empty directory to a server.

use crate::world::UUID;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use teep_proto::cose::{Algorithm, PublicKey, Signatures, SigningKey};
use teep_proto::teep::Dialect;
use teep_suit::{Description, create, keys};
use teep_tam::cli::{self, exit};

/// Runs the command in `dir`; a word that begins with @ is a file there.
fn run(dir: &Path, line: &str) -> (u8, String, String) {
    let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
        Some(name) => dir.join(name).into_os_string(),
        None => OsString::from(word),
    });
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = cli::run(std::iter::once("teep-tam".into()).chain(words), &mut out, &mut err);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn ok(dir: &Path, line: &str) -> String {
    let (code, out, err) = run(dir, line);
    assert_eq!((code, err.as_str()), (exit::OK, ""), "{line}");
    out
}

fn envelope(dir: &Path, name: &str, number: u64, key: &SigningKey) {
    let description = Description::new(UUID, number, [2; 16], [3; 16], name.into());
    fs::write(dir.join(name), create(&description, std::slice::from_ref(key)).unwrap()).unwrap();
}

/// A directory with a signer, two devices, and an envelope that the signer made.
fn prepared(dir: &Path) {
    let [signer, one, two] = [(); 3].map(|()| keys::generate(Algorithm::Esp256).unwrap());
    keys::write(&signer, &dir.join("signer")).unwrap();
    envelope(dir, "hello.suit", 1, &signer);
    ok(dir, "init @tam");
    ok(dir, "add-signer @tam @signer.pub.pem");
    for (key, name) in [(one, "board-1"), (two, "board-2")] {
        let digits = hex::encode(key.public_key().to_cose_key());
        ok(dir, &format!("enrol @tam {digits} --name {name}"));
    }
}

#[test]
fn a_manifest_for_one_device() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepared(dir);
    let out = ok(dir, "publish @tam @hello.suit --for board-2");
    assert!(out.contains("published for-") && out.contains("for the agent"), "{out}");
    let list: serde_json::Value = serde_json::from_str(&ok(dir, "--json list @tam")).unwrap();
    let name = list["manifests"][0]["name"].as_str().unwrap();
    assert!(name.ends_with("/hello.suit"), "{name}");
    assert_eq!(list["manifests"][0]["agent"], list["agents"][1]["kid"]);
    assert_eq!(list["manifests"][0]["components"][0]["served"], true);
    assert!(ok(dir, "list @tam").contains("for the agent"));
    assert_eq!(run(dir, "publish @tam @hello.suit --for board-3").0, exit::NOT_FOUND);
    ok(dir, &format!("withdraw @tam {name}"));
    assert!(ok(dir, "list @tam").contains("manifests: none"));
}

#[test]
fn what_devices_are_to_give_up() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepared(dir);
    ok(dir, "publish @tam @hello.suit");
    assert!(ok(dir, "withdraw @tam hello.suit --give-up").contains("told to give it up"));
    assert!(ok(dir, "list @tam").contains("to be given up:\n  hello.suit"));
    ok(dir, "publish @tam @hello.suit");
    assert!(!ok(dir, "list @tam").contains("given up"));
    assert!(ok(dir, "withdraw @tam hello.suit").contains("keep what they have"));
}

#[test]
fn payload_files_are_checked_before_they_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepared(dir);
    fs::write(dir.join("hello.ta"), "hello.suit").unwrap();
    fs::write(dir.join("other.ta"), "other").unwrap();
    let (code, _, err) = run(dir, "publish @tam @hello.suit --payload @other.ta");
    assert!(code == exit::FAILURE && err.contains("does not name"), "{err}");
    assert!(ok(dir, "publish @tam @hello.suit --payload @hello.ta").contains("payload /payloads/hello.ta"));
    assert!(dir.join("tam/payloads/hello.ta").exists());
}

#[test]
fn from_nothing_to_a_served_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let [signer, agent] = [(); 2].map(|()| keys::generate(Algorithm::Esp256).unwrap());
    keys::write(&signer, &dir.join("signer")).unwrap();
    envelope(dir, "hello-1.suit", 1, &signer);
    envelope(dir, "hello-2.suit", 2, &signer);
    assert!(ok(dir, "init @tam").contains("Next:"));
    assert_eq!(run(dir, "init @tam").0, exit::NOTHING);
    ok(dir, "add-signer @tam @signer.pub.pem --name author");
    assert_eq!(run(dir, "add-signer @tam @signer.pub.cose").0, exit::NOTHING);
    let digits = hex::encode(agent.public_key().to_cose_key());
    assert!(ok(dir, &format!("enrol @tam {digits} --name board-1")).contains("enrolled agent board-1.cose"));
    ok(dir, "publish @tam @hello-2.suit");
    assert!(ok(dir, "publish @tam @hello-1.suit").contains("not served: hello-2.suit has sequence number 2"));
    assert_eq!(run(dir, "publish @tam @hello-1.suit").0, exit::NOTHING);
    let list = ok(dir, "list @tam");
    assert!(list.contains("board-1.cose  ESP256 key"), "{list}");
    assert!(list.contains("hello-1.suit  sequence number 1"), "{list}");
    ok(dir, "withdraw @tam hello-2.suit");
    let list: serde_json::Value = serde_json::from_str(&ok(dir, "--json list @tam")).unwrap();
    assert_eq!(list["schema"], 1);
    assert_eq!(list["agents"][0]["kid"], agent.public_key().thumbprint().to_string());
    assert_eq!(list["signers"][0]["name"], "author.cose");
    assert_eq!(list["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(list["manifests"][0]["components"][0]["served"], true);
}

#[test]
fn attestation_keys_reference_values_and_policy() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let keys: Vec<_> = (0..3).map(|_| keys::generate(Algorithm::Esp256).unwrap().public_key()).collect();
    let [agent, first, second] = [0, 1, 2].map(|n: usize| hex::encode(keys[n].to_cose_key()));
    let measured = "ab".repeat(32);
    ok(dir, "init @tam");
    assert!(ok(dir, "list @tam").starts_with("attestation: off\n"));
    ok(dir, "attestation @tam required");
    assert_eq!(run(dir, "attestation @tam required").0, exit::NOTHING);
    // A device that is enrolled already gets its attestation key later.
    ok(dir, &format!("enrol @tam {agent} --name board-1"));
    let text = ok(dir, &format!("enrol @tam {agent} --attestation-key {first}"));
    assert!(text.contains(&format!("attestation key {}", keys[1].thumbprint())), "{text}");
    let again = format!("enrol @tam {agent} --attestation-key {first}");
    assert_eq!(run(dir, &again).0, exit::NOTHING);
    let twice = run(dir, &format!("enrol @tam {second} --attestation-key {second}"));
    assert!(twice.0 == exit::FAILURE && twice.2.contains("each role needs keys of its own"), "{}", twice.2);
    ok(dir, &format!("add-measurement @tam {measured} --name agent-1"));
    assert_eq!(run(dir, &format!("add-measurement @tam {measured}")).0, exit::NOTHING);
    let wrong = run(dir, "add-measurement @tam abcd");
    assert!(wrong.0 == exit::FAILURE && wrong.2.contains("64 hexadecimal digits"), "{}", wrong.2);
    let list: serde_json::Value = serde_json::from_str(&ok(dir, "--json list @tam")).unwrap();
    assert_eq!(list["attestation"], "required");
    assert_eq!(list["attestation_keys"][0]["name"], "board-1.cose");
    assert_eq!(list["attestation_keys"][0]["kid"], keys[1].thumbprint().to_string());
    assert_eq!(list["measurements"][0]["measurement"], measured);
    assert!(ok(dir, "list @tam").contains(&format!("expected measurements:\n  agent-1  {measured}")));
    // A file that is no measurement must not leave the TAM with fewer than its operator thinks.
    fs::write(dir.join("tam/measurements/agent-2"), "ab").unwrap();
    let (code, _, err) = run(dir, "list @tam");
    assert!(code == exit::FAILURE && err.contains("measurements/agent-2"), "{err}");
    fs::write(dir.join("tam/attestation"), "perhaps").unwrap();
    let (code, _, err) = run(dir, "serve @tam --listen 127.0.0.1:0");
    assert!(code == exit::FAILURE && err.contains("\"required\", \"passport\" or \"off\""), "{err}");
}

#[test]
fn verifiers_and_passports() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let verifier = keys::generate(Algorithm::Esp256).unwrap();
    keys::write(&verifier, &dir.join("verifier")).unwrap();
    ok(dir, "init @tam");
    let text = ok(dir, "add-verifier @tam @verifier.pub.pem --name checker");
    assert!(text.contains("trusted Verifier checker"), "{text}");
    assert_eq!(run(dir, "add-verifier @tam @verifier.pub.cose").0, exit::NOTHING);
    ok(dir, "attestation @tam passport");
    let list: serde_json::Value = serde_json::from_str(&ok(dir, "--json list @tam")).unwrap();
    assert_eq!(list["attestation"], "passport");
    assert_eq!(list["verifiers"][0]["kid"], verifier.public_key().thumbprint().to_string());
    assert!(ok(dir, "list @tam").contains("verifiers:\n  checker.cose  ESP256 key"));
    for line in ["add-signer @tam @verifier.pub.pem", "enrol @tam @verifier.pub.pem"] {
        let (code, _, err) = run(dir, line);
        assert!(code == exit::FAILURE && err.contains("verifiers/checker.cose: each role needs"), "{err}");
    }
    // It is the key of a Verifier, here and there.
    let tam_key = keys::load_public_key(&dir.join("tam/keys/tam-esp256.pub.pem")).unwrap();
    let key = dir.join("verifier.pem");
    let options = ["--verifier-key", key.to_str().unwrap(), "--result-hours", "1"];
    assert!(!first_message(dir, &options, &tam_key).is_empty());
    for (key, why) in [
        ("@tam/keys/tam-ed25519.pem", "one of the TAM itself"),
        ("@verifier.pub.pem", "private key"),
        ("@absent.pem", "absent.pem"),
    ] {
        let (code, _, err) = run(dir, &format!("serve @tam --listen 127.0.0.1:0 --verifier-key {key}"));
        assert!(code == exit::FAILURE && err.contains(why), "{err}");
    }
    assert_eq!(run(dir, "serve @tam --result-hours 2").0, exit::USAGE);
}

#[test]
fn mistakes_end_with_one_line_that_helps() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    envelope(dir, "alien.suit", 1, &keys::generate(Algorithm::Esp256).unwrap());
    fs::write(dir.join("junk.suit"), "junk").unwrap();
    let signer = keys::generate(Algorithm::Esp256).unwrap();
    keys::write(&signer, &dir.join("signer")).unwrap();
    let kid = signer.public_key().thumbprint();
    ok(dir, "init @tam");
    ok(dir, "add-signer @tam @signer.pub.pem --name author");
    for (line, code, words) in [
        ("list @nowhere", exit::NOT_FOUND, "teep-tam init"),
        ("publish @tam @alien.suit", exit::REFUSED, "add-signer"),
        ("publish @tam @junk.suit", exit::FAILURE, "not a usable SUIT envelope"),
        ("publish @tam @absent.suit", exit::FAILURE, "absent.suit"),
        ("publish @tam @tam", exit::FAILURE, ".suit"),
        ("withdraw @tam hello.suit", exit::NOT_FOUND, "teep-tam list"),
        ("enrol @tam zz", exit::NOT_FOUND, "hexadecimal"),
        ("enrol @tam 00", exit::FAILURE, "COSE_Key"),
        (
            &format!("enrol @tam {kid}"),
            exit::FAILURE,
            "give the key itself, a COSE_Key (that of a TEEP Agent is public_key in: teep-broker",
        ),
        ("enrol @tam @signer.pub.pem", exit::FAILURE, "signers/author.cose: each role needs keys of its own"),
        ("add-signer @tam @tam/keys/tam-esp256.pub.pem", exit::FAILURE, "one of the TAM itself"),
        ("enrol @tam @junk.suit", exit::FAILURE, "neither a PEM file nor a COSE_Key"),
    ] {
        let (got, out, err) = run(dir, line);
        assert_eq!((got, out.as_str()), (code, ""), "{line}: {err}");
        assert!(err.contains(words), "{line}: {err}");
        assert_eq!(err.lines().count(), 1, "{line}: {err}");
        let (got, out, _) = run(dir, &format!("--json {line}"));
        assert_eq!(got, code);
        assert!(out.contains("\"error\":"), "{line}: {out}");
    }
    assert_eq!(run(dir, "serve").0, exit::USAGE);
    let (code, _, err) = run(dir, "serve @tam --dialect 26");
    assert_eq!(code, exit::USAGE);
    assert!(err.contains("the dialect is \"final\" or \"pre-26\""), "{err}");
    assert_eq!(run(dir, "--help").0, exit::OK);
}

#[test]
fn a_step_back_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let signer = keys::generate(Algorithm::Esp256).unwrap();
    keys::write(&signer, &dir.join("signer")).unwrap();
    ok(dir, "init @tam");
    ok(dir, "add-signer @tam @signer.pub.pem");
    let warned = |line: &str, was: u64, is: u64| {
        let out = ok(dir, line);
        let expected =
            format!("sequence number {is} is served now, {was} was; devices that have {was} refuse it");
        assert!(out.contains("warning: ") && out.contains(&expected), "{line}: {out}");
    };
    let quiet = |line: &str| assert!(!ok(dir, line).contains("warning"), "{line}");
    envelope(dir, "hello.suit", 3, &signer);
    quiet("publish @tam @hello.suit");
    envelope(dir, "hello.suit", 2, &signer);
    warned("publish @tam @hello.suit", 3, 2);
    envelope(dir, "newer.suit", 5, &signer);
    quiet("publish @tam @newer.suit");
    warned("withdraw @tam newer.suit", 5, 2);
    quiet("publish @tam @newer.suit");
    quiet("withdraw @tam hello.suit");
    let json: serde_json::Value = serde_json::from_str(&ok(dir, "--json withdraw @tam newer.suit")).unwrap();
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(0), "nothing is served instead");
}

#[test]
fn a_port_in_use_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), "init @tam");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, _, err) = run(dir.path(), &format!("serve @tam --listen {address}"));
    assert_eq!(code, exit::FAILURE);
    assert!(err.contains(&format!("cannot listen on {address}: another program uses this port")), "{err}");
    assert_eq!(err.lines().count(), 1);
}

#[test]
fn the_server_says_where_it_listens_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), "init @tam");
    let tam_key = keys::load_public_key(&dir.path().join("tam/keys/tam-esp256.pub.pem")).unwrap();
    for (options, dialect) in [
        (&[][..], Dialect::Final),
        (&["--dialect", "final"], Dialect::Final),
        (&["--dialect", "pre-26"], Dialect::Pre26),
    ] {
        let payload = first_message(dir.path(), options, &tam_key);
        assert_eq!(Dialect::detect(&payload), Some(dialect), "{options:?}");
    }
}

/// What a server with these options says to an Agent that connects.
fn first_message(dir: &Path, options: &[&str], tam_key: &PublicKey) -> Vec<u8> {
    let mut server = Command::new(env!("CARGO_BIN_EXE_teep-tam"))
        .arg("serve")
        .arg(dir.join("tam"))
        .args(["--listen", "127.0.0.1:0"])
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address =
        line.trim().strip_prefix("listening on http://").and_then(|l| l.strip_suffix("/tam")).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        "POST /tam HTTP/1.1\r\nHost: tam\r\nAccept: application/teep+cbor\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    // The shell's own kill: the program is not on every machine.
    Command::new("sh").args(["-c", &format!("kill -TERM {}", server.id())]).status().unwrap();
    let status = server.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    let mut log = String::new();
    server.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.starts_with("teep-tam: sent QueryRequest, "), "{log}");
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    Signatures::decode(&answer[body..]).unwrap().verify([tam_key]).unwrap().get().to_vec()
}
