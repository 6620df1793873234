// SPDX-License-Identifier: Apache-2.0
//! The command line: what it prints where, and its exit codes.

use crate::agent::FakeTee;
use crate::server::{Server, message, no_content, status, unused_uri};
use crate::status::info;
use crate::{connect, send};
use serde_json::{Value, json};
use std::ffi::OsString;
use teep_broker::TeeError;
use teep_broker::cli::{exit, run};
use teep_proto::suit::text;
use teep_proto::teec::{Command, Outcome, Reply, TaRequest};

pub(crate) const UUID: &str = "1c42796f-7fc4-4536-b751-6a58e6f4540c";
pub(crate) const UUID_BYTES: [u8; 16] =
    [0x1c, 0x42, 0x79, 0x6f, 0x7f, 0xc4, 0x45, 0x36, 0xb7, 0x51, 0x6a, 0x58, 0xe6, 0xf4, 0x54, 0x0c];

pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        serde_json::from_str(&self.out).unwrap()
    }
}

pub(crate) fn teep_broker(tee: &FakeTee, args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["teep-broker"].iter().chain(args).map(OsString::from);
    let code = run(args, tee.clone(), &mut out, &mut err);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// An Agent that processes an update with this outcome, and the TAM it talks to.
fn update(err_code: u64, text: &str) -> (Server, FakeTee) {
    let server = Server::new([message(b"update"), no_content()]);
    let outcome = Some(Outcome { err_code, text: text.to_owned() });
    let reply = Reply::Send { tam_uri: server.uri(), message: b"reply".to_vec(), outcome };
    let tee = FakeTee::new([connect(&server.uri()), reply]);
    (server, tee)
}

#[test]
fn done_is_0() {
    let (server, tee) = update(0, "version 2 is installed");
    let ran = teep_broker(&tee, &["request-ta", UUID]);
    assert_eq!((ran.code, ran.out.as_str()), (exit::OK, "Done: version 2 is installed\n"));
    assert_eq!(
        ran.err.lines().collect::<Vec<_>>(),
        [
            "agent: RequestTA",
            &format!("connecting to {}", server.uri()),
            "sent an empty request",
            "received 6 bytes",
            "agent: ProcessTeepMessage",
            "agent: version 2 is installed",
            &format!("connecting to {}", server.uri()),
            "sent 5 bytes",
            "received an empty answer: the TAM is done",
        ]
    );

    let server = Server::new([no_content()]);
    let tee = FakeTee::new([send(&server.uri(), b"r"), Reply::Nothing]);
    let ran = teep_broker(&tee, &["policy-check", "-q"]);
    assert_eq!(ran.code, exit::OK);
    assert_eq!(ran.out, "Done: the TAM has nothing to install or remove.\n");
    assert_eq!(ran.err, "");
}

#[test]
fn failure_is_1() {
    let server = Server::new([status("404 Not Found\r\nContent-Length: 0")]);
    let ran = teep_broker(&FakeTee::new([connect(&server.uri())]), &["-q", "request-ta", UUID]);
    assert_eq!((ran.code, ran.out.as_str()), (exit::FAILURE, ""));
    assert!(ran.err.starts_with("teep-broker: the TAM http://127.0.0.1:"), "{}", ran.err);
    assert!(ran.err.ends_with("there is no TAM at this path, check the URI in the Agent's configuration\n"));

    let failed = Reply::Failed { reason: "full".to_owned() };
    let ran = teep_broker(&FakeTee::new([failed]), &["-q", "policy-check"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (exit::FAILURE, "teep-broker: the Agent could not do it: full\n")
    );
}

#[test]
fn nothing_to_do_is_2() {
    for (args, says) in [
        (
            &["policy-check"][..],
            "each TAM was contacted a short time ago, see teep-broker status. Try again later",
        ),
        (&["request-ta", UUID], "the Agent needs no TAM for this."),
        (&["unrequest-ta", UUID], "the Agent needs no TAM for this."),
    ] {
        let ran = teep_broker(&FakeTee::new([Reply::Nothing]), args);
        assert_eq!(ran.code, exit::NOTHING);
        assert!(ran.out.starts_with(&format!("Nothing to do: {says}")), "{}", ran.out);
    }
}

#[test]
fn not_offered_is_3_for_a_request_only() {
    for (args, code) in
        [(&["-q", "request-ta", UUID][..], exit::NOT_FOUND), (&["-q", "policy-check"], exit::OK)]
    {
        let server = Server::new([no_content()]);
        let ran = teep_broker(&FakeTee::new([connect(&server.uri()), Reply::Nothing]), args);
        assert_eq!(ran.code, code, "{}", ran.out);
    }
}

#[test]
fn no_tam_is_4() {
    let uri = unused_uri();
    let ran = teep_broker(&FakeTee::new([connect(&uri), Reply::Nothing]), &["-q", "policy-check"]);
    assert_eq!(ran.code, exit::TAM_UNREACHABLE);
    assert_eq!(ran.err, format!("teep-broker: no answer from the TAM {uri}: nothing listens there\n"));
}

#[test]
fn no_agent_is_5() {
    for args in [&["-q", "status"][..], &["-q", "keys"], &["-q", "policy-check"]] {
        let ran = teep_broker(&FakeTee::closed(TeeError::from_open(0xffff_0008)), args);
        assert_eq!((ran.code, ran.out.as_str()), (exit::TEE_UNAVAILABLE, ""));
        assert!(
            ran.err.contains("not installed in the TEE") && ran.err.contains("0xffff0008"),
            "{}",
            ran.err
        );
    }
    let ran = teep_broker(&FakeTee::raw([Ok(vec![0])]), &["status"]);
    assert_eq!(ran.code, exit::TEE_UNAVAILABLE);
}

#[test]
fn refused_is_6() {
    let (_server, tee) = update(17, "the manifest is older than the installed one");
    let ran = teep_broker(&tee, &["-q", "request-ta", UUID]);
    assert_eq!(ran.code, exit::REFUSED);
    assert_eq!(ran.out, "Refused: the manifest is older than the installed one (TEEP error 17)\n");
}

#[test]
fn wrong_usage_is_64() {
    for args in [
        &[][..],
        &["request"],
        &["request-ta"],
        &["request-ta", ""],
        &["request-ta", "a//b"],
        &["request-ta", "uuid:12"],
        &["request-ta", "x", "--tam"],
        &["policy-check", "x"],
        &["policy-check", "--timeout", "0"],
        &["policy-check", "--timeout", "soon"],
        &["policy-check", "--ca-file", "/nonexistent/ca.pem"],
        &["request-ta", &"x".repeat(5000)],
    ] {
        let ran = teep_broker(&FakeTee::new([]), args);
        assert_eq!((ran.code, ran.out.as_str()), (exit::USAGE, ""), "{args:?}");
        assert!(!ran.err.is_empty());
    }
    let ran = teep_broker(&FakeTee::new([]), &["request-ta", "hex:0"]);
    assert!(ran.err.contains("not hexadecimal: write e.g."), "{}", ran.err);
}

#[test]
fn help_teaches_and_is_0() {
    let ran = teep_broker(&FakeTee::new([]), &["--help"]);
    assert_eq!((ran.code, ran.err.as_str()), (exit::OK, ""));
    for code in [
        exit::OK,
        exit::FAILURE,
        exit::NOTHING,
        exit::TAM_UNREACHABLE,
        exit::TEE_UNAVAILABLE,
        exit::REFUSED,
        exit::USAGE,
    ] {
        let listed = ran.out.lines().any(|line| line.trim_start().starts_with(&format!("{code}  ")));
        assert!(listed, "exit code {code} is not documented");
    }
    // Every example in the help is a command line that can be typed.
    let (_, rest) = ran.out.split_once("Examples:").unwrap();
    let (section, _) = rest.split_once("Exit codes:").unwrap();
    let examples: Vec<_> =
        section.lines().filter_map(|line| line.trim().strip_prefix("teep-broker ")).collect();
    assert_eq!(examples.len(), 7);
    for example in examples {
        // Any file will do.
        let example = example.replace("trust.cbor", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let asks = example.ends_with("status") || example.ends_with("keys");
        let reply = if asks { Reply::Info(info().into()) } else { Reply::Nothing };
        let ran = teep_broker(&FakeTee::new([reply]), &example.split(' ').collect::<Vec<_>>());
        assert_ne!(ran.code, exit::USAGE, "{example}: {}", ran.err);
    }
    let ran = teep_broker(&FakeTee::new([]), &["--version"]);
    assert_eq!((ran.code, ran.out), (exit::OK, format!("teep-broker {}\n", env!("CARGO_PKG_VERSION"))));
}

/// On a machine without OP-TEE the program is there to read; it does not pretend to be more.
#[cfg(not(feature = "optee"))]
#[test]
fn the_program_without_optee_shows_its_help_and_nothing_else() {
    let program = |args: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_teep-broker")).args(args).output().unwrap()
    };
    let help = program(&["--help"]);
    assert_eq!(help.status.code(), Some(exit::OK.into()));
    assert_eq!(String::from_utf8(help.stdout).unwrap(), teep_broker(&FakeTee::new([]), &["--help"]).out);
    for args in [&["-q", "status"][..], &["-q", "keys"], &["-q", "request-ta", UUID], &["-q", "policy-check"]]
    {
        let ran = program(args);
        assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(exit::TEE_UNAVAILABLE.into()), &[][..]));
        let err = String::from_utf8(ran.stderr).unwrap();
        assert!(err.starts_with("teep-broker: this teep-broker was built without OP-TEE"), "{err}");
    }
}

/// REQ-HTTP-040: component and proposed TAM reach the Agent, for both requests.
#[test]
fn the_request_reaches_the_agent() {
    for command in ["request-ta", "unrequest-ta"] {
        let tee = FakeTee::new([Reply::Nothing]);
        teep_broker(&tee, &[command, UUID, "--tam", "https://tam.example/"]);
        let expected = TaRequest {
            component_id: text::native_ta(UUID_BYTES),
            tam_uri_hint: Some("https://tam.example/".to_owned()),
        };
        assert_eq!(TaRequest::decode(&tee.calls()[0].request), Ok(expected));
    }
}

#[test]
fn json_of_a_conversation() {
    let (_server, tee) = update(0, "version 2 is installed");
    let ran = teep_broker(&tee, &["--json", "--quiet", "request-ta", UUID]);
    assert_eq!(
        ran.json(),
        json!({
            "schema": 1, "command": "request-ta", "result": "ok", "exchanges": 2,
            "outcomes": [{ "err_code": 0, "text": "version 2 is installed" }], "unfetched": [],
        })
    );
    assert_eq!(ran.err, "");

    let (_server, tee) = update(17, "no");
    assert_eq!(teep_broker(&tee, &["request-ta", UUID, "--json"]).json()["result"], "refused");

    let ran = teep_broker(&FakeTee::new([Reply::Nothing]), &["policy-check", "--json"]);
    assert_eq!(
        ran.json(),
        json!({ "schema": 1, "command": "policy-check", "result": "nothing", "exchanges": 0, "outcomes": [], "unfetched": [] })
    );
}

#[test]
fn json_of_a_failure() {
    for (tee, result) in [
        (FakeTee::new([connect(&unused_uri()), Reply::Nothing]), "tam-unreachable"),
        (FakeTee::closed(TeeError::new("no TEE")), "tee-unavailable"),
        (FakeTee::new([Reply::Failed { reason: "full".to_owned() }]), "failed"),
    ] {
        let ran = teep_broker(&tee, &["--json", "policy-check"]);
        let json = ran.json();
        assert_eq!((&json["schema"], &json["result"]), (&json!(1), &json!(result)));
        assert!(ran.err.contains(json["error"].as_str().unwrap()));
    }
}

/// What a TAM can put into the Agent's words must not steer the terminal.
#[test]
fn control_characters_do_not_reach_the_terminal() {
    let (_server, tee) = update(1, "\x1b[2J\x07gone\nDone: fine");
    let ran = teep_broker(&tee, &["request-ta", UUID]);
    assert_eq!(ran.out.lines().count(), 1);
    let tee = FakeTee::new([Reply::Failed { reason: "\x1b[2J".to_owned() }]);
    let ran_failed = teep_broker(&tee, &["policy-check"]);
    for text in [ran.out, ran.err, ran_failed.err] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[test]
fn provision_hands_over_the_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trust.cbor");
    std::fs::write(&file, b"a trust store").unwrap();
    let file = file.to_str().unwrap();
    let sealed = Reply::Failed { reason: "the Agent has a trust store already".to_owned() };
    let tee = FakeTee::new([Reply::Nothing, Reply::Nothing, sealed]);
    let ran = teep_broker(&tee, &["provision", file]);
    assert_eq!((ran.code, ran.err.as_str()), (exit::OK, ""));
    assert!(ran.out.starts_with("Provisioned:"), "{}", ran.out);
    let ran = teep_broker(&tee, &["--json", "provision", file]);
    assert_eq!(ran.json(), json!({ "schema": 1, "command": "provision", "result": "ok" }));
    let ran = teep_broker(&tee, &["provision", file]);
    assert_eq!(ran.code, exit::FAILURE);
    assert!(ran.err.contains("has a trust store already"), "{}", ran.err);
    let requests: Vec<_> = tee.calls().into_iter().map(|call| (call.command, call.request)).collect();
    assert_eq!(requests, vec![(Command::Provision, b"a trust store".to_vec()); 3]);
}

#[test]
fn provision_of_what_is_no_trust_store_asks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trust.cbor");
    let path = file.to_str().unwrap();
    let ran = teep_broker(&FakeTee::new([]), &["provision", path]);
    assert_eq!(ran.code, exit::USAGE);
    assert!(ran.err.contains("trust.cbor: No such file"), "{}", ran.err);
    std::fs::write(&file, vec![0; Command::Provision.max_request() + 1]).unwrap();
    let ran = teep_broker(&FakeTee::new([]), &["provision", path]);
    assert_eq!(ran.code, exit::USAGE);
    assert!(ran.err.contains("this is no trust store"), "{}", ran.err);
}
