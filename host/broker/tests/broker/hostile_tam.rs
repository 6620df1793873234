// SPDX-License-Identifier: Apache-2.0
//! A TAM, or somebody in its place, that misbehaves: the Broker fails, tells the Agent, and never hangs.

use crate::server::{Answer, Server, head, message, no_content, ok, status, unused_uri};
use crate::{FakeTee, connect, impatient, patient, request_ta, send, ta_request};
use std::time::{Duration, Instant};
use teep_broker::{Broker, Config, Error, Failure};
use teep_proto::teec::{Command, Outcome, Reply};

/// One answer to the first POST; the Agent must hear of it exactly once, the server of nothing more.
fn fails_on(answer: Answer) -> Failure {
    fails_under(patient(), answer)
}

fn fails_under(config: Config, answer: Answer) -> Failure {
    let server = Server::new([answer]);
    let tee = FakeTee::new([connect(&server.uri())]);
    let result = Broker::new(tee.clone(), config).request_ta(&ta_request(), &mut |_| {});
    let failure = result.expect_err("the answer is unusable");
    // REQ-HTTP-027: ProcessError, then the session is deleted.
    assert_eq!(tee.commands(), [Command::RequestTa, Command::ProcessError]);
    assert_eq!(tee.sessions_opened_and_closed(), (1, 1));
    // A POST is not idempotent: whatever happened to it, it is not sent again.
    assert_eq!(server.requests().len(), 1);
    failure
}

fn unreachable(answer: Answer) -> String {
    cause(fails_on(answer))
}

fn takes_too_long(answer: Answer) {
    let started = Instant::now();
    assert_eq!(cause(fails_under(impatient(), answer)), "it takes too long");
    assert!(started.elapsed() < Duration::from_secs(3));
}

fn cause(failure: Failure) -> String {
    match failure.error {
        Error::Unreachable { cause, .. } => cause,
        error => panic!("{error}"),
    }
}

fn teep_head(rest: &str) -> Vec<u8> {
    head(&format!("200 OK\r\nContent-Type: application/teep+cbor{rest}"))
}

/// REQ-HTTP-027, also for statuses whose body is a TEEP message.
#[test]
fn http_errors_end_the_session() {
    for (line, code) in [
        ("400 Bad Request\r\nContent-Length: 0", 400),
        ("404 Not Found\r\nContent-Type: application/teep+cbor\r\nContent-Length: 1", 404),
        ("415 Unsupported Media Type\r\nContent-Length: 0", 415),
        ("500 Internal Server Error\r\nContent-Length: 0", 500),
        ("503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0", 503),
    ] {
        let failure = fails_on(Answer::Raw([head(line), b"x".to_vec()].concat()));
        assert!(matches!(failure.error, Error::Status { status, .. } if status == code), "{failure}");
    }
}

/// REQ-HTTP-005: a redirect is an error, and its target is not contacted.
#[test]
fn redirects_are_not_followed() {
    for code in [301, 302, 303, 307, 308] {
        let elsewhere = Server::new([no_content()]);
        let answer =
            status(&format!("{code} Elsewhere\r\nLocation: {}\r\nContent-Length: 0", elsewhere.uri()));
        let failure = fails_on(answer);
        assert!(matches!(failure.error, Error::Redirect { status, .. } if status == code), "{failure}");
        assert_eq!(elsewhere.requests().len(), 0);
    }
}

/// REQ-HTTP-002.
#[test]
fn other_media_types_are_refused() {
    for content_type in
        ["text/html", "application/cbor", "application/teep+cborx", "", "application/octet-stream"]
    {
        let failure = fails_on(Answer::Raw(ok(content_type, b"x")));
        assert!(
            matches!(&failure.error, Error::ContentType { found: Some(found), .. } if found == content_type)
        );
    }
    let failure = fails_on(Answer::Raw([head("200 OK\r\nContent-Length: 1"), b"x".to_vec()].concat()));
    assert!(matches!(failure.error, Error::ContentType { found: None, .. }), "{failure}");
}

/// The answer is bounded by what the Agent takes, whether its length is announced or not.
#[test]
fn answers_that_are_too_long_are_not_read() {
    let limit = Command::ProcessTeepMessage.max_request();
    let too_long = |answer: Answer| {
        let failure = fails_on(answer);
        assert!(
            matches!(failure.error, Error::AnswerTooLong { limit: told, .. } if told == limit),
            "{failure}"
        );
    };
    too_long(Answer::Stall(teep_head(&format!("\r\nContent-Length: {}", limit + 1))));
    too_long(Answer::Stall(teep_head("\r\nContent-Length: 18446744073709551615")));
    too_long(Answer::Raw([teep_head(""), vec![0; limit + 1]].concat()));
    let chunk = [b"1000\r\n".to_vec(), vec![0; 0x1000], b"\r\n".to_vec()].concat();
    too_long(Answer::Endless(teep_head("\r\nTransfer-Encoding: chunked"), chunk, Duration::ZERO));
    too_long(Answer::Endless(teep_head(""), vec![0; 0x10000], Duration::ZERO));
}

#[test]
fn endless_headers_are_cut_off() {
    let again = b"X-More: and more and more and more and more\r\n".repeat(100);
    let cause = unreachable(Answer::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), again, Duration::ZERO));
    assert!(!cause.is_empty());
    // Interim responses without an end.
    let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec();
    takes_too_long(Answer::Endless(interim.clone(), interim, Duration::from_millis(1)));
}

/// REQ-HTTP-028: silence and trickles are failures of the connection, found below the TEEP-over-HTTP layer.
#[test]
fn silence_and_trickles_end() {
    let body = teep_head("\r\nContent-Length: 100000");
    for answer in [
        Answer::Stall(Vec::new()),
        Answer::Stall(b"HTTP/1.1 2".to_vec()),
        Answer::Stall(body.clone()),
        Answer::Endless(body, b"x".to_vec(), Duration::from_millis(20)),
        Answer::Endless(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), b"x".to_vec(), Duration::from_millis(20)),
    ] {
        takes_too_long(answer);
    }
}

#[test]
fn broken_and_garbled_answers_are_failures() {
    let cut = [teep_head("\r\nContent-Length: 10"), b"12345".to_vec()].concat();
    assert_eq!(unreachable(Answer::Raw(cut)), "the connection broke");
    let cut = [teep_head("\r\nTransfer-Encoding: chunked"), b"5\r\n123".to_vec()].concat();
    assert_eq!(unreachable(Answer::Raw(cut)), "the connection broke");
    assert_eq!(unreachable(Answer::Raw(Vec::new())), "the connection broke");
    assert_eq!(unreachable(Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Ty".to_vec())), "the connection broke");
    for garbage in [
        &b"\x00\x01\x02\x03\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
    ] {
        unreachable(Answer::Raw(garbage.to_vec()));
    }
}

/// REQ-HTTP-027: DNS and TCP.
#[test]
fn a_tam_that_is_not_there() {
    // A label of 64 characters is not a host name: the resolver says so without asking anybody.
    let unknown = format!("http://{}.invalid/", "x".repeat(64));
    for (uri, part) in [(unused_uri(), "nothing listens there"), (unknown, "failed to lookup address")] {
        let (tee, result) = request_ta([connect(&uri)]);
        let failure = result.expect_err("nobody is there");
        assert!(failure.to_string().contains(part), "{failure}");
        assert_eq!(tee.commands(), [Command::RequestTa, Command::ProcessError]);
    }
}

/// A TAM that always has one more message.
#[test]
fn a_conversation_without_end_is_cut_off() {
    let server = Server::new((0..10).map(|_| message(b"q")));
    let mut replies = vec![connect(&server.uri())];
    replies.extend((0..5).map(|_| send(&server.uri(), b"r")));
    let (tee, result) = request_ta(replies);
    let failure = result.expect_err("no end");
    assert_eq!(failure.error, Error::TooManyExchanges { uri: server.uri(), limit: 5 });
    assert_eq!(server.requests().len(), 5);
    assert_eq!(tee.process_errors(), 1);
}

/// When the last message cannot be delivered, what the Agent has done is still told.
#[test]
fn the_outcome_survives_a_tam_that_goes_away() {
    let server = Server::new([message(b"update"), status("500 Oh\r\nContent-Length: 0")]);
    let outcome = Outcome { err_code: 0, text: "installed".to_owned() };
    let success =
        Reply::Send { tam_uri: server.uri(), message: b"success".to_vec(), outcome: Some(outcome.clone()) };
    let (tee, result) = request_ta([connect(&server.uri()), success]);
    let failure = result.expect_err("not delivered");
    assert_eq!(failure.report.outcomes, [outcome]);
    assert_eq!(failure.report.exchanges, 1);
    assert_eq!(tee.process_errors(), 1);
}
