// SPDX-License-Identifier: Apache-2.0
//! Payloads by URI (REQ-HTTP-041): from any server, in pieces, and on from where the transfer broke.

use crate::agent::FakeTee;
use crate::server::{Answer, Server, head, message, no_content, status, unused_uri};
use crate::{connect, impatient, patient, send, ta_request};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use teep_broker::{Broker, Config, Error, Event, Failure, TeeError};
use teep_proto::limits::MAX_URI;
use teep_proto::teec::{Command, FetchData, MAX_FETCH_DATA, MAX_TEXT, Reply};

/// A payload that is not a multiple of anything.
fn payload() -> Vec<u8> {
    (0..100_003u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect()
}

fn answer(head_line: &str, body: &[u8]) -> Answer {
    Answer::Raw([head(head_line), body.to_vec()].concat())
}

/// The whole payload, of which only the first `sent` bytes arrive.
fn whole(sent: usize) -> Answer {
    answer("200 OK\r\nContent-Length: 100003\r\nETag: \"one\"", &payload()[..sent])
}

/// What the payload has from `first` on, of which only `sent` bytes arrive.
fn rest(first: usize, sent: usize) -> Answer {
    let line = format!(
        "206 Partial Content\r\nETag: \"one\"\r\nContent-Range: bytes {first}-100002/100003\r\nContent-Length: {}",
        100_003 - first
    );
    answer(&line, &payload()[first..first + sent])
}

/// An Agent that is sent an Update with one payload to fetch, and what it got.
struct World {
    tam: Server,
    tee: FakeTee,
    received: Rc<RefCell<Vec<u8>>>,
}

impl World {
    /// The Agent takes pieces as they come, and tells the TAM how it ended.
    fn new(uri: &str) -> Self {
        let tam = Server::new([message(b"update"), no_content()]);
        let received = Rc::<RefCell<Vec<u8>>>::default();
        let (tam_uri, uri, into) = (tam.uri(), uri.to_owned(), received.clone());
        let tee = FakeTee::playing(move |command, request| {
            let fetch = |offset| Reply::Fetch { uri: uri.clone(), offset };
            let mut received = into.borrow_mut();
            Ok(match command {
                Command::RequestTa => connect(&tam_uri),
                Command::ProcessTeepMessage => fetch(0),
                Command::FetchData => {
                    let data = FetchData::decode(request).unwrap();
                    assert_eq!(data.offset, received.len() as u64);
                    received.extend(data.bytes);
                    if data.bytes.is_empty() {
                        send(&tam_uri, b"success")
                    } else {
                        fetch(received.len() as u64)
                    }
                }
                Command::FetchFailed => send(&tam_uri, request),
                other => panic!("unexpected {}", other.name()),
            }
            .encode())
        });
        Self { tam, tee, received }
    }

    fn run(&self, config: Config) {
        Broker::new(self.tee.clone(), config).request_ta(&ta_request(), &mut |_| {}).unwrap();
    }

    /// The payload has arrived.
    fn succeeds(&self) {
        self.run(patient());
        assert_eq!(self.told_to_the_tam(), "success");
        assert!(*self.received.borrow() == payload(), "other bytes");
    }

    /// It has not: why, in the words the Agent was told.
    fn fails(&self, config: Config) -> String {
        self.run(config);
        self.told_to_the_tam()
    }

    fn told_to_the_tam(&self) -> String {
        String::from_utf8(self.tam.requests()[1].body.clone()).unwrap()
    }

    fn count(&self, command: Command) -> usize {
        self.tee.commands().iter().filter(|c| **c == command).count()
    }
}

fn succeeds(script: impl IntoIterator<Item = Answer>) -> Server {
    let server = Server::new(script);
    World::new(&server.uri()).succeeds();
    server
}

fn fails_under(config: Config, script: impl IntoIterator<Item = Answer>) -> (Server, String) {
    let server = Server::new(script);
    let why = World::new(&server.uri()).fails(config);
    let (_, problem) = why.split_once(&server.uri()).expect("the URI is named");
    (server, problem.trim_start().to_owned())
}

fn fails(script: impl IntoIterator<Item = Answer>) -> (Server, String) {
    fails_under(patient(), script)
}

#[test]
fn a_payload_arrives_in_pieces() {
    let server = Server::new([whole(100_003)]);
    let world = World::new(&server.uri());
    world.succeeds();
    let pieces: Vec<_> = world
        .tee
        .calls()
        .iter()
        .filter(|call| call.command == Command::FetchData)
        .map(|call| FetchData::decode(&call.request).unwrap().bytes.len())
        .collect();
    assert_eq!(pieces, [MAX_FETCH_DATA, MAX_FETCH_DATA, MAX_FETCH_DATA, 1699, 0]);
    assert_eq!(world.tee.sessions_opened_and_closed(), (1, 1));
}

/// Nothing says who asks, and nothing lets the server change the bytes.
#[test]
fn a_payload_is_asked_for_without_credentials() {
    let server = succeeds([whole(40_000), rest(40_000, 60_003)]);
    for request in server.requests() {
        assert_eq!(request.line, "GET /tam HTTP/1.1");
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        for name in ["authorization", "cookie", "content-type", "referer", "from"] {
            assert_eq!(request.header(name), None);
        }
    }
    assert_eq!(server.requests()[0].header("range"), None);
}

#[test]
fn a_cut_connection_is_continued_where_it_was_cut() {
    for cut in [1, 32_767, 32_768, 50_000, 100_002] {
        let server = succeeds([whole(cut), rest(cut, 100_003 - cut)]);
        let request = &server.requests()[1];
        assert_eq!(request.header("range"), Some(format!("bytes={cut}-").as_str()));
        assert_eq!(request.header("if-range"), Some("\"one\""));
    }
}

/// As long as each connection brings something, there may be many.
#[test]
fn a_server_that_cuts_again_and_again_is_continued() {
    let step = 33_000;
    let server = succeeds([whole(step), rest(step, step), rest(2 * step, step), rest(3 * step, 1003)]);
    assert_eq!(server.requests().len(), 4);
    let server = succeeds([answer("", b""), answer("200 OK\r\nContent-Le", b""), whole(100_003)]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_cut_without_a_range_skips_what_is_there() {
    succeeds([whole(50_000), whole(100_003)]);
    // Neither length nor ETag: the end of the connection could be the end of the payload, so it is chunked.
    let chunk = [b"c350\r\n".to_vec(), payload()[..50_000].to_vec(), b"\r\n".to_vec()].concat();
    let plain = answer("200 OK", &payload());
    let server = succeeds([answer("200 OK\r\nTransfer-Encoding: chunked", &chunk), plain]);
    assert_eq!(server.requests()[1].header("if-range"), None);
    assert_eq!(server.requests()[1].header("range"), Some("bytes=50000-"));
}

/// Only the word that these are all bytes is missing.
#[test]
fn a_cut_after_the_last_byte_is_an_end() {
    let chunk = [b"186a3\r\n".to_vec(), payload(), b"\r\n".to_vec()].concat();
    succeeds([
        answer("200 OK\r\nTransfer-Encoding: chunked", &chunk),
        answer("416 Range Not Satisfiable\r\nContent-Range: bytes */100003\r\nContent-Length: 0", b""),
    ]);
}

/// RFC 9110 section 15.3.7: a server may send less than the range that was asked for.
#[test]
fn a_part_of_the_rest_is_continued() {
    let part = "206 Partial Content\r\nContent-Range: bytes 50000-89999/100003\r\nContent-Length: 40000";
    let server = succeeds([whole(50_000), answer(part, &payload()[50_000..90_000]), rest(90_000, 10_003)]);
    assert_eq!(server.requests()[2].header("range"), Some("bytes=90000-"));
}

#[test]
fn a_file_that_changes_meanwhile_is_noticed() {
    let changed = payload().iter().map(|byte| !byte).collect::<Vec<_>>();
    for second in [
        answer("200 OK\r\nContent-Length: 100003\r\nETag: \"two\"", &changed),
        answer("200 OK\r\nContent-Length: 100002", &changed[1..]),
        answer("200 OK\r\nContent-Length: 10", &changed[..10]),
        answer("200 OK\r\nTransfer-Encoding: chunked", b"2\r\nxx\r\n0\r\n\r\n"),
        answer("206 Partial Content\r\nETag: \"two\"\r\nContent-Range: bytes 50000-100002/100003", b""),
        answer("206 Partial Content\r\nContent-Range: bytes 50000-50001/50002", b"xx"),
        answer("416 Range Not Satisfiable\r\nContent-Range: bytes */40000\r\nContent-Length: 0", b""),
        answer("416 Range Not Satisfiable\r\nContent-Length: 0", b""),
    ] {
        let (server, why) = fails([whole(50_000), second]);
        assert_eq!(why, "has changed it while it was fetched");
        assert_eq!(server.requests().len(), 2);
    }
    // A weak validator promises nothing about bytes: it is not compared, and not sent.
    let weak = "200 OK\r\nContent-Length: 100003\r\nETag: W/\"one\"";
    let server = succeeds([answer(weak, &payload()[..50_000]), whole(100_003)]);
    assert_eq!(server.requests()[1].header("if-range"), None);
}

#[test]
fn another_part_than_asked_for_is_refused() {
    for line in [
        "206 Partial Content\r\nContent-Range: bytes 49999-100002/100003",
        "206 Partial Content\r\nContent-Range: bytes 50001-100002/100003",
        "206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x",
        "206 Partial Content\r\nContent-Range: bytes */100003",
        "206 Partial Content\r\nContent-Range: bytes -1-5/100003",
        "206 Partial Content\r\nContent-Range: pages 50000-100002/100003",
        "206 Partial Content\r\nContent-Range: bytes 99999999999999999999-5/1",
    ] {
        let wrong = answer(&format!("{line}\r\nContent-Length: 1"), b"x");
        let (server, why) = fails([whole(50_000), wrong]);
        assert_eq!(why, "sends another part of it than was asked for", "{line}");
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn a_refusal_is_final() {
    for line in [
        "404 Not Found",
        "403 Forbidden",
        "410 Gone",
        "501 Not Implemented",
        "204 No Content",
        "301 Moved Permanently\r\nLocation: http://127.0.0.1:1/",
    ] {
        let (server, why) = fails([answer(&format!("{line}\r\nContent-Length: 0"), b"")]);
        assert!(why.starts_with(&format!("answers with HTTP status {}", &line[..3])), "{why}");
        assert_eq!(server.requests().len(), 1, "{line}");
    }
    let (_, why) = fails([answer("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1", b"x")]);
    assert!(why.contains("content coding"), "{why}");
}

/// REQ-HTTP-005 is about TAMs; payload servers are held to the same.
#[test]
fn redirects_of_payload_servers_are_not_followed() {
    let elsewhere = Server::new([whole(100_003)]);
    let (_, why) = fails([status(&format!("302 Found\r\nLocation: {}", elsewhere.uri()))]);
    assert!(why.contains("redirect"), "{why}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn an_overload_passes() {
    let busy = || answer("503 Service Unavailable\r\nContent-Length: 0", b"");
    succeeds([busy(), busy(), whole(100_003)]);
    let (server, why) = fails([busy(), busy(), busy(), whole(100_003)]);
    assert_eq!((why.as_str(), server.requests().len()), ("answers with HTTP status 503", 3));
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let uri = unused_uri();
    let why = World::new(&uri).fails(patient());
    assert_eq!(why, format!("the server of {uri} cannot be used: nothing listens there"));
}

/// REQ-HTTP-036.
#[test]
fn dangerous_payload_uris_are_not_dereferenced() {
    for uri in ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://user:secret@127.0.0.1/x", "#tc", "x.suit"]
    {
        let world = World::new(uri);
        let why = world.fails(patient());
        assert!(why.starts_with("the payload URI") && why.contains(uri), "{why}");
        assert_eq!(world.count(Command::FetchData), 0);
    }
    let long = format!("ftp://{}", "x".repeat(MAX_URI - 6));
    assert!(World::new(&long).fails(patient()).len() <= MAX_TEXT);
}

/// The Agent has a limit of its own; if it had none, the Broker still has one, and holds one piece at a time.
#[test]
fn a_payload_without_end_is_cut_off() {
    for line in ["200 OK", "200 OK\r\nContent-Length: 18446744073709551615"] {
        let (_, why) = fails([Answer::Endless(head(line), vec![7; 0x10000], Duration::ZERO)]);
        assert_eq!(why, "sends more than the 1048576 bytes a payload may have");
    }
}

/// Silence and trickles are broken transfers, and a trickle is no progress.
#[test]
fn a_payload_that_trickles_is_given_up() {
    let started = Instant::now();
    let first = head("200 OK\r\nContent-Length: 100003");
    let trickle = || Answer::Endless(first.clone(), vec![7], Duration::from_millis(20));
    let (server, why) = fails_under(impatient(), [trickle(), trickle(), trickle(), trickle()]);
    assert_eq!(why, "cannot be used: it takes too long");
    // On a busy machine a connection can be over before its request is read.
    assert!(server.requests().len() <= 3);
    let stall = || Answer::Stall(first.clone());
    let (server, _) = fails_under(impatient(), [stall(), stall(), stall(), stall()]);
    assert!(server.requests().len() <= 3);
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// An Agent that answers a command with the n-th of its replies.
fn scripted(replies: impl IntoIterator<Item = Reply>) -> (FakeTee, Result<(), Failure>) {
    let tee = FakeTee::new(replies);
    let result = Broker::new(tee.clone(), patient()).request_ta(&ta_request(), &mut |_| {});
    (tee, result.map(|_| ()))
}

fn fetch(server: &Server, offset: u64) -> Reply {
    Reply::Fetch { uri: server.uri(), offset }
}

/// The Agent knows its size limits before the payload is over, and need not take the rest.
#[test]
fn the_agent_can_end_the_transfer() {
    let (tam, server) = (Server::new([message(b"update"), no_content()]), Server::new([whole(100_003)]));
    let (tee, result) = scripted([connect(&tam.uri()), fetch(&server, 0), send(&tam.uri(), b"too large")]);
    result.unwrap();
    assert_eq!(tam.requests()[1].body, b"too large");
    assert_eq!(tee.commands().last(), Some(&Command::FetchData));
}

/// An alternative of a try-each, or the next component.
#[test]
fn the_agent_can_go_on_with_another_payload() {
    let tam = Server::new([message(b"update"), no_content()]);
    let gone = Server::new([answer("404 Not Found\r\nContent-Length: 0", b"")]);
    let server = Server::new([answer("200 OK\r\nContent-Length: 3", b"abc")]);
    let (tee, result) = scripted([
        connect(&tam.uri()),
        fetch(&gone, 0),
        fetch(&server, 0),
        fetch(&server, 3),
        send(&tam.uri(), b"success"),
    ]);
    result.unwrap();
    assert_eq!(
        tee.commands()[2..],
        [Command::FetchFailed, Command::FetchData, Command::FetchData],
        "the end is told by a piece of no bytes"
    );
}

/// What it has from an earlier transfer the Agent does not ask for.
#[test]
fn the_agent_can_start_in_the_middle() {
    let tam = Server::new([message(b"update"), no_content()]);
    let server = Server::new([rest(100_000, 3)]);
    let (tee, result) = scripted([
        connect(&tam.uri()),
        fetch(&server, 100_000),
        fetch(&server, 100_003),
        send(&tam.uri(), b"success"),
    ]);
    result.unwrap();
    assert_eq!(server.requests()[0].header("range"), Some("bytes=100000-"));
    let data = FetchData::decode(&tee.calls()[2].request).map(|data| (data.offset, data.bytes.to_vec()));
    assert_eq!(data, Ok((100_000, payload()[100_000..].to_vec())));
}

#[test]
fn a_piece_that_did_not_fit_is_sent_from_where_it_did_not() {
    let tam = Server::new([message(b"update"), no_content()]);
    let server = Server::new([whole(100_003), rest(1000, 99_003)]);
    let (tee, result) =
        scripted([connect(&tam.uri()), fetch(&server, 0), fetch(&server, 1000), send(&tam.uri(), b"enough")]);
    result.unwrap();
    let calls = tee.calls();
    assert_eq!(FetchData::decode(&calls[3].request).unwrap().offset, 1000);
}

/// Neither of an Agent that goes back for ever, nor of one that jumps ahead for ever, comes more than a few requests.
#[test]
fn an_agent_that_never_gets_on_is_told_that_it_failed() {
    for (jump, most) in [(0, 8), (1, 8), (1 << 30, 8)] {
        let tam = Server::new([message(b"update"), no_content()]);
        let server = Server::new((0..100).map(|_| whole(100_003)));
        let (tam_uri, uri) = (tam.uri(), server.uri());
        let mut taken = 0;
        let tee = FakeTee::playing(move |command, request| {
            Ok(match command {
                Command::RequestTa => connect(&tam_uri),
                Command::FetchFailed => send(&tam_uri, request),
                // Every other piece is taken, and then it goes back to where it was.
                _ if jump == 0 => {
                    taken = 32_768 - taken;
                    Reply::Fetch { uri: uri.clone(), offset: 32_768 - taken }
                }
                _ => {
                    taken += jump;
                    Reply::Fetch { uri: uri.clone(), offset: taken }
                }
            }
            .encode())
        });
        Broker::new(tee.clone(), patient()).request_ta(&ta_request(), &mut |_| {}).unwrap();
        assert_eq!(tee.commands().last(), Some(&Command::FetchFailed));
        assert!(server.requests().len() <= most, "{} requests", server.requests().len());
    }
}

/// One payload after the other, for ever.
#[test]
fn an_agent_that_fetches_without_end_is_cut_off() {
    let tam = Server::new([message(b"update")]);
    let server = Server::new((0..10).map(|_| answer("200 OK\r\nContent-Length: 0", b"")));
    let mut replies = vec![connect(&tam.uri())];
    replies.extend((0..4).map(|_| fetch(&server, 0)));
    let (tee, result) = scripted(replies);
    assert_eq!(result.unwrap_err().error, Error::TooManyFetches { limit: 3 });
    assert_eq!((server.requests().len(), tee.process_errors()), (3, 1));
}

/// Payloads belong to an Update; nobody else makes the Broker fetch anything (REQ-HTTP-019).
#[test]
fn a_payload_is_fetched_for_a_message_only() {
    let server = Server::new([whole(100_003)]);
    let (_, result) = scripted([fetch(&server, 0)]);
    assert!(matches!(result.unwrap_err().error, Error::AgentReply { command: Command::RequestTa, .. }));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn an_agent_that_dies_during_a_transfer_ends_the_session() {
    let tam = Server::new([message(b"update")]);
    let server = Server::new([whole(100_003)]);
    let dead = TeeError::from_invoke(0xffff_3024);
    let tee =
        FakeTee::raw([Ok(connect(&tam.uri()).encode()), Ok(fetch(&server, 0).encode()), Err(dead.clone())]);
    let failure = Broker::new(tee.clone(), patient()).request_ta(&ta_request(), &mut |_| {}).unwrap_err();
    assert_eq!(failure.error, Error::Tee(dead));
    assert_eq!(tee.sessions_opened_and_closed(), (1, 1));
}

#[test]
fn a_transfer_tells_its_progress() {
    let server = Server::new([whole(40_000), rest(40_000, 60_003)]);
    let world = World::new(&server.uri());
    let mut events = Vec::new();
    let mut tell = |event: Event<'_>| match event {
        Event::Fetching { offset, .. } => events.push(format!("from {offset}")),
        Event::Fetched { bytes, total } => events.push(format!("{bytes} of {total:?}")),
        Event::FetchTrouble { cause, again, .. } => events.push(format!("{cause}, again: {again}")),
        _ => {}
    };
    Broker::new(world.tee.clone(), patient()).request_ta(&ta_request(), &mut tell).unwrap();
    assert_eq!(
        events,
        [
            "from 0",
            "32768 of Some(100003)",
            "40000 of Some(100003)",
            "cannot be used: the connection broke, again: true",
            "from 40000",
            "72768 of Some(100003)",
            "100003 of Some(100003)",
        ]
    );
}

/// On the command line: a few lines for people, an object per step for programs.
#[test]
fn the_command_line_shows_the_transfer() {
    let shown = |args: &[&str]| {
        let server = Server::new([whole(40_000), rest(40_000, 60_003)]);
        let world = World::new(&server.uri());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = ["teep-broker", "request-ta", "x"].iter().chain(args).map(Into::into);
        teep_broker::cli::run(args, world.tee.clone(), &mut out, &mut err);
        String::from_utf8(err).unwrap().replace(&server.uri(), "URI")
    };
    let text = shown(&[]);
    for line in [
        "fetching URI",
        "fetched 32768 of 100003 bytes",
        "the server of URI cannot be used: the connection broke: trying again",
        "fetching URI from byte 40000 on",
        "fetched 100003 of 100003 bytes",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line:?} is not in\n{text}");
    }
    let events: Vec<serde_json::Value> =
        shown(&["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        events.contains(
            &serde_json::json!({ "schema": 1, "event": "fetched", "bytes": 72768, "total": 100_003 })
        )
    );
}

/// Without progress, too, a person learns why.
#[test]
fn what_was_not_fetched_is_part_of_the_result() {
    let server = Server::new([answer("404 Not Found\r\nContent-Length: 0", b"")]);
    let world = World::new(&server.uri());
    let mut out = Vec::new();
    let args = ["teep-broker", "-q", "request-ta", "x"].map(Into::into);
    teep_broker::cli::run(args, world.tee, &mut out, &mut Vec::new());
    let out = String::from_utf8(out).unwrap();
    let why = format!("Not fetched: the server of {} answers with HTTP status 404\n", server.uri());
    assert!(out.contains(&why), "{out}");
}

/// The payloads of one TAM are not counted for the next.
#[test]
fn payloads_are_counted_for_each_conversation() {
    let server = Server::new((0..10).map(|_| answer("200 OK\r\nContent-Length: 0", b"")));
    let first = Server::new([message(b"update"), no_content()]);
    let second = Server::new([message(b"update"), no_content()]);
    let mut replies = Vec::new();
    for tam in [&first, &second] {
        replies.push(connect(&tam.uri()));
        replies.extend((0..2).map(|_| fetch(&server, 0)));
        replies.push(send(&tam.uri(), b"success"));
    }
    replies.push(Reply::Nothing);
    let tee = FakeTee::new(replies);
    let result = Broker::new(tee.clone(), patient()).policy_check(&mut |_| {});
    assert_eq!(result.map(|report| report.exchanges), Ok(4));
}

#[test]
fn a_tam_that_wants_too_many_payloads_does_not_keep_others_from_being_asked() {
    let server = Server::new((0..10).map(|_| answer("200 OK\r\nContent-Length: 0", b"")));
    let first = Server::new([message(b"update")]);
    let second = Server::new([no_content()]);
    let mut replies = vec![connect(&first.uri())];
    replies.extend((0..4).map(|_| fetch(&server, 0)));
    replies.extend([connect(&second.uri()), Reply::Nothing]);
    let tee = FakeTee::new(replies);
    let failure = Broker::new(tee.clone(), patient()).policy_check(&mut |_| {}).unwrap_err();
    assert_eq!(failure.error, Error::TooManyFetches { limit: 3 });
    assert_eq!(second.requests().len(), 1);
}
