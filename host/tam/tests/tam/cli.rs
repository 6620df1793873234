// SPDX-License-Identifier: Apache-2.0
//! The command `teep-tam`, from an empty directory to a server.

use crate::world::UUID;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use teep_proto::cose::{Algorithm, SigningKey};
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
fn mistakes_end_with_one_line_that_helps() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    envelope(dir, "alien.suit", 1, &keys::generate(Algorithm::Esp256).unwrap());
    fs::write(dir.join("junk.suit"), "junk").unwrap();
    ok(dir, "init @tam");
    for (line, code, words) in [
        ("list @nowhere", exit::NOT_FOUND, "teep-tam init"),
        ("publish @tam @alien.suit", exit::REFUSED, "add-signer"),
        ("publish @tam @junk.suit", exit::FAILURE, "not a usable SUIT envelope"),
        ("publish @tam @absent.suit", exit::FAILURE, "absent.suit"),
        ("publish @tam @tam", exit::FAILURE, ".suit"),
        ("withdraw @tam hello.suit", exit::NOT_FOUND, "teep-tam list"),
        ("enrol @tam zz", exit::NOT_FOUND, "hexadecimal"),
        ("enrol @tam 00", exit::FAILURE, "COSE_Key"),
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
    assert_eq!(run(dir, "--help").0, exit::OK);
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
    let mut server = Command::new(env!("CARGO_BIN_EXE_teep-tam"))
        .arg("serve")
        .arg(dir.path().join("tam"))
        .args(["--listen", "127.0.0.1:0"])
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
}
