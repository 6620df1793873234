// SPDX-License-Identifier: Apache-2.0
//! An Agent, or something in its place, that misbehaves.

use crate::agent::FakeTee;
use crate::server::{Server, message, no_content};
use crate::{broker, connect, request_ta, send, ta_request};
use teep_broker::{Error, TeeError};
use teep_proto::teec::{Command, Reply, TaRequest};

fn dead() -> TeeError {
    TeeError::from_invoke(0xffff_3024)
}

fn info() -> Reply {
    Reply::Info(crate::status::info().into())
}

/// REQ-HTTP-026: the Agent's failure is reported, without ProcessError and without traffic.
#[test]
fn a_failing_agent_ends_the_session() {
    let failed = Reply::Failed { reason: "storage is full".to_owned() };
    let (tee, result) = request_ta([failed.clone()]);
    assert_eq!(result.unwrap_err().error, Error::AgentFailed { reason: "storage is full".to_owned() });
    assert_eq!(tee.commands(), [Command::RequestTa]);
    assert_eq!(tee.sessions_opened_and_closed(), (1, 1));

    let server = Server::new([message(b"q")]);
    let (tee, result) = request_ta([connect(&server.uri()), failed]);
    assert!(matches!(result.unwrap_err().error, Error::AgentFailed { .. }));
    assert_eq!(tee.commands(), [Command::RequestTa, Command::ProcessTeepMessage]);
    assert_eq!(server.requests().len(), 1);
}

/// REQ-HTTP-026: so is a TEE that does not answer.
#[test]
fn a_dead_agent_ends_the_session() {
    let server = Server::new([message(b"q")]);
    let tee = FakeTee::raw([Ok(connect(&server.uri()).encode()), Err(dead())]);
    let failure = broker(&tee).request_ta(&ta_request(), &mut |_| {}).unwrap_err();
    assert_eq!(failure.error, Error::Tee(dead()));
    assert_eq!(tee.commands(), [Command::RequestTa, Command::ProcessTeepMessage]);

    let tee = FakeTee::closed(TeeError::from_open(0xffff_0008));
    let failure = broker(&tee).policy_check(&mut |_| {}).unwrap_err();
    assert_eq!(failure.error, Error::Tee(TeeError::from_open(0xffff_0008)));
}

#[test]
fn replies_that_make_no_sense_are_refused() {
    for garbage in [&b""[..], b"\x00", b"\x81\x09", b"\x82\x00\x00", b"\xff", &[0x9b; 4000], b"\x81\x00\x00"]
    {
        let tee = FakeTee::raw([Ok(garbage.to_vec())]);
        let failure = broker(&tee).request_ta(&ta_request(), &mut |_| {}).unwrap_err();
        assert!(matches!(failure.error, Error::AgentReply { command: Command::RequestTa, .. }), "{failure}");
        let tee = FakeTee::raw([Ok(garbage.to_vec())]);
        assert!(matches!(broker(&tee).info(), Err(Error::AgentReply { command: Command::Info, .. })));
    }
}

#[test]
fn replies_to_another_command_are_refused() {
    let (_, result) = request_ta([info()]);
    assert!(matches!(result.unwrap_err().error, Error::AgentReply { command: Command::RequestTa, .. }));

    let server = Server::new([message(b"q"), message(b"q")]);
    for reply in [connect(&server.uri()), info()] {
        let (_, result) = request_ta([connect(&server.uri()), reply]);
        assert!(matches!(
            result.unwrap_err().error,
            Error::AgentReply { command: Command::ProcessTeepMessage, .. }
        ));
    }
    assert_eq!(server.requests().len(), 2);

    let tee = FakeTee::new([Reply::Nothing]);
    assert!(matches!(broker(&tee).info(), Err(Error::AgentReply { command: Command::Info, .. })));
}

/// REQ-HTTP-036: the Broker dereferences http and https only, and never sends credentials.
#[test]
fn dangerous_uris_are_not_dereferenced() {
    for uri in [
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "ftp://tam.example/",
        "https://user:secret@tam.example/tam",
        "gopher://127.0.0.1:25/x",
        "tam.example",
        "//tam.example/tam",
        "http://",
        "http://tam.example/\r\nX: y",
    ] {
        let (tee, result) = request_ta([send(uri, b"secret")]);
        let failure = result.expect_err(uri);
        assert!(matches!(&failure.error, Error::BadUri { uri: named, .. } if named == uri), "{failure}");
        // REQ-HTTP-027: below TEEP over HTTP this is a failure to connect.
        assert_eq!(tee.commands(), [Command::RequestTa, Command::ProcessError]);
    }
}

/// REQ-HTTP-022: the TAM of a session does not change.
#[test]
fn the_tam_cannot_be_changed_in_a_session() {
    let server = Server::new([message(b"q")]);
    let other = Server::new([no_content()]);
    let (_, result) = request_ta([connect(&server.uri()), send(&other.uri(), b"r")]);
    assert!(matches!(
        result.unwrap_err().error,
        Error::AgentReply { command: Command::ProcessTeepMessage, .. }
    ));
    assert_eq!(other.requests().len(), 0);
}

/// A request that is too long for the Agent does not reach it.
#[test]
fn requests_are_as_long_as_the_agent_takes() {
    let tee = FakeTee::new([]);
    let request = TaRequest { component_id: vec![vec![0; 100_000]], tam_uri_hint: None };
    let failure = broker(&tee).request_ta(&request, &mut |_| {}).unwrap_err();
    assert_eq!(failure.error, Error::RequestTooLong { limit: Command::RequestTa.max_request() });
    assert_eq!(tee.sessions_opened_and_closed(), (0, 0));
}
