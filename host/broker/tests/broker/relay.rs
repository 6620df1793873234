// SPDX-License-Identifier: Apache-2.0
//! What a Broker does when all goes well: draft-ietf-teep-otrp-over-http-15 sections 4 and 5.

use crate::agent::FakeTee;
use crate::server::{Answer, Server, head, message, no_content, ok, status, unused_uri};
use crate::{broker, connect, request_ta, send, ta_request};
use std::process;
use teep_broker::{Error, Event, Report};
use teep_proto::teec::{Command, Outcome, Reply};

/// Two answers of the TAM, then its end, with an Agent that plays along.
fn conversation() -> (Server, FakeTee) {
    let server = Server::new([message(b"query"), message(b"update"), no_content()]);
    let uri = server.uri();
    let tee = FakeTee::new([
        connect(&uri),
        send(&uri, b"response"),
        Reply::Send {
            tam_uri: uri.clone(),
            message: b"success".to_vec(),
            outcome: Some(Outcome { err_code: 0, text: "installed".to_owned() }),
        },
    ]);
    (server, tee)
}

/// REQ-HTTP-017, -020, -021, -022: the whole exchange in one session. REQ-HTTP-037: the messages are no TEEP
/// messages at all; they arrive unchanged in both directions.
#[test]
fn messages_are_relayed_until_the_tam_is_done() {
    let (server, tee) = conversation();
    let report = broker(&tee).request_ta(&ta_request(), &mut |_| {}).unwrap();

    assert_eq!(report.exchanges, 3);
    assert_eq!(report.outcomes, [Outcome { err_code: 0, text: "installed".to_owned() }]);
    assert_eq!(report.refusal(), None);
    let bodies: Vec<_> = server.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [&b""[..], b"response", b"success"]);
    let calls = tee.calls();
    assert_eq!(
        calls.iter().map(|call| (call.session, call.command)).collect::<Vec<_>>(),
        [(1, Command::RequestTa), (1, Command::ProcessTeepMessage), (1, Command::ProcessTeepMessage)]
    );
    assert_eq!(calls[1].request, b"query");
    assert_eq!(calls[2].request, b"update");
    assert_eq!(tee.sessions_opened_and_closed(), (1, 1));
}

/// REQ-HTTP-001, -003, -004, -006: method and header fields, with and without a message (AMB-HTTP-10).
#[test]
fn requests_are_posts_with_the_right_fields() {
    let (server, tee) = conversation();
    broker(&tee).request_ta(&ta_request(), &mut |_| {}).unwrap();

    let requests = server.requests();
    for request in &requests {
        assert_eq!(request.line, "POST /tam HTTP/1.1");
        assert_eq!(request.header("accept"), Some("application/teep+cbor"));
        assert_eq!(request.header("host"), Some(server.host().as_str()));
        assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
        for name in ["cookie", "accept-encoding", "expect", "transfer-encoding"] {
            assert_eq!(request.header(name), None);
        }
    }
    let content_types: Vec<_> = requests.iter().map(|request| request.header("content-type")).collect();
    assert_eq!(content_types, [None, Some("application/teep+cbor"), Some("application/teep+cbor")]);
}

/// REQ-HTTP-006: a cookie that the TAM sets is not sent back.
#[test]
fn cookies_are_not_kept() {
    let body =
        "200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Type: application/teep+cbor\r\nContent-Length: 1";
    let server = Server::new([Answer::Raw([head(body), b"q".to_vec()].concat()), no_content()]);
    request_ta([connect(&server.uri()), send(&server.uri(), b"r")]).1.unwrap();
    assert_eq!(server.requests()[1].header("cookie"), None);
}

/// The TAM is the one the Agent named, not a proxy that the environment names: the same conversation as in
/// another test, in a process of its own.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let mut child = process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "relay::a_message_of_the_agent_can_open_the_session"])
        .stdout(process::Stdio::piped());
    for name in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"] {
        child.env(name, unused_uri());
    }
    let output = child.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the server was not reached");
}

/// REQ-HTTP-018: the Agent may speak first.
#[test]
fn a_message_of_the_agent_can_open_the_session() {
    let server = Server::new([no_content()]);
    let (_, result) = request_ta([send(&server.uri(), b"unsolicited")]);
    assert_eq!(result, Ok(Report { exchanges: 1, ..Report::default() }));
    let request = &server.requests()[0];
    assert_eq!(request.body, b"unsolicited");
    assert_eq!(request.header("content-type"), Some("application/teep+cbor"));
}

/// REQ-HTTP-014, -016: what the Agent does not care for causes no traffic, and is a success. The request reaches
/// the Agent as it is.
#[test]
fn nothing_to_do_is_a_success_without_traffic() {
    for command in [Command::RequestTa, Command::UnrequestTa] {
        let tee = FakeTee::new([Reply::Nothing]);
        let mut broker = broker(&tee);
        let report = match command {
            Command::RequestTa => broker.request_ta(&ta_request(), &mut |_| {}),
            _ => broker.unrequest_ta(&ta_request(), &mut |_| {}),
        };
        assert_eq!(report, Ok(Report::default()));
        let calls = tee.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].command, command);
        assert_eq!(calls[0].request, ta_request().encode());
    }
}

/// REQ-HTTP-013, -019: the TAM contacted is the Agent's, whatever was proposed.
#[test]
fn the_hint_is_for_the_agent_only() {
    let hinted = Server::new([]);
    let chosen = Server::new([no_content()]);
    let tee = FakeTee::new([connect(&chosen.uri())]);
    let mut request = ta_request();
    request.tam_uri_hint = Some(hinted.uri());
    broker(&tee).request_ta(&request, &mut |_| {}).unwrap();
    assert_eq!(hinted.requests().len(), 0);
    assert_eq!(chosen.requests().len(), 1);
}

/// REQ-HTTP-020, AMB-HTTP-7: any 2xx without a body is the end, whatever its number or Content-Type.
#[test]
fn any_empty_success_ends_the_session() {
    for line in [
        "204 No Content",
        "200 OK\r\nContent-Length: 0",
        "202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 0",
        "200 OK\r\nConnection: close",
    ] {
        let server = Server::new([status(line)]);
        let (tee, result) = request_ta([connect(&server.uri())]);
        assert_eq!(result.map(|report| report.exchanges), Ok(1), "{line}");
        assert_eq!(tee.commands(), [Command::RequestTa]);
    }
}

/// AMB-HTTP-7: a body counts with any 2xx. Case and parameters of the media type do not matter.
#[test]
fn any_success_with_a_message_goes_to_the_agent() {
    for head_line in [
        "200 OK\r\nContent-Type: Application/TEEP+CBOR; x=y\r\nContent-Length: 1",
        "201 Created\r\nContent-Type: application/teep+cbor\r\nContent-Length: 1",
        "200 OK\r\nContent-Type: application/teep+cbor",
    ] {
        let server = Server::new([Answer::Raw([head(head_line), b"q".to_vec()].concat())]);
        let (tee, result) = request_ta([connect(&server.uri()), Reply::Nothing]);
        assert!(result.is_ok(), "{head_line}");
        assert_eq!(tee.calls()[1].request, b"q");
    }
    let chunked = b"200 OK\r\nContent-Type: application/teep+cbor\r\nTransfer-Encoding: chunked";
    let chunked =
        [head(std::str::from_utf8(chunked).unwrap()), b"1\r\nq\r\n2\r\nue\r\n0\r\n\r\n".to_vec()].concat();
    let server = Server::new([Answer::Raw(chunked)]);
    let (tee, result) = request_ta([connect(&server.uri()), Reply::Nothing]);
    assert!(result.is_ok());
    assert_eq!(tee.calls()[1].request, b"que");
}

/// REQ-HTTP-022, AMB-HTTP-3: the Agent ends the session by nothing, or by a message of no bytes.
#[test]
fn the_agent_can_end_the_session() {
    let server = Server::new([message(b"q"), message(b"q")]);
    for last in [Reply::Nothing, send(&server.uri(), b"")] {
        let (_, result) = request_ta([connect(&server.uri()), last]);
        assert_eq!(result.map(|report| report.exchanges), Ok(1));
    }
    assert_eq!(server.requests().len(), 2);
}

/// REQ-HTTP-021: the longest message the Agent takes goes through whole.
#[test]
fn the_longest_message_goes_through() {
    let longest = vec![0x5a; Command::ProcessTeepMessage.max_request()];
    let server = Server::new([Answer::Raw(ok("application/teep+cbor", &longest))]);
    let tee = FakeTee::new([connect(&server.uri()), Reply::Nothing]);
    broker(&tee).request_ta(&ta_request(), &mut |_| {}).unwrap();
    assert_eq!(tee.calls()[1].request, longest);
}

/// REQ-HTTP-023, -024: a policy check is repeated, in one session with the Agent, until it names no TAM.
#[test]
fn a_policy_check_goes_on_until_nothing_is_left() {
    let first = Server::new([no_content()]);
    let second = Server::new([message(b"q"), no_content()]);
    let tee = FakeTee::new([
        connect(&first.uri()),
        connect(&second.uri()),
        send(&second.uri(), b"r"),
        Reply::Nothing,
    ]);
    let report = broker(&tee).policy_check(&mut |_| {}).unwrap();
    assert_eq!(report.exchanges, 3);
    assert_eq!(
        tee.calls().iter().map(|call| (call.session, call.command)).collect::<Vec<_>>(),
        [
            (1, Command::RequestPolicyCheck),
            (1, Command::RequestPolicyCheck),
            (1, Command::ProcessTeepMessage),
            (1, Command::RequestPolicyCheck)
        ]
    );
}

/// REQ-HTTP-024: a TAM that is down does not keep the others from being asked.
#[test]
fn a_policy_check_goes_on_past_a_tam_that_fails() {
    let second = Server::new([no_content()]);
    let gone = "http://127.0.0.1:1/tam";
    let tee = FakeTee::new([connect(gone), connect(&second.uri()), Reply::Nothing]);
    let failure = broker(&tee).policy_check(&mut |_| {}).unwrap_err();
    assert!(matches!(&failure.error, Error::Unreachable { uri, .. } if uri == gone), "{:?}", failure.error);
    assert_eq!(failure.report.exchanges, 1, "the second TAM was asked");
    assert_eq!(tee.process_errors(), 1);
}

/// REQ-HTTP-024: the end is the Agent's to find, but it is not waited for without a bound.
#[test]
fn a_policy_check_that_never_ends_is_cut_off() {
    let server = Server::new([no_content(), no_content(), no_content()]);
    let tee = FakeTee::new([(); 4].map(|()| connect(&server.uri())));
    let failure = broker(&tee).policy_check(&mut |_| {}).unwrap_err();
    assert_eq!(failure.error, Error::TooManySessions { limit: 3 });
    assert_eq!(failure.report.exchanges, 3);
    assert_eq!(tee.process_errors(), 1);
}

#[test]
fn progress_is_told_in_order() {
    let (server, tee) = conversation();
    let mut events = Vec::new();
    broker(&tee)
        .request_ta(&ta_request(), &mut |event: Event<'_>| events.push(format!("{event:?}")))
        .unwrap();
    let connecting = format!("Connecting {{ tam_uri: {:?} }}", server.uri());
    assert_eq!(
        events,
        [
            "AgentWorking { command: RequestTa }",
            &connecting,
            "Sent { bytes: 0 }",
            "Received { bytes: 5 }",
            "AgentWorking { command: ProcessTeepMessage }",
            &connecting,
            "Sent { bytes: 8 }",
            "Received { bytes: 6 }",
            "AgentWorking { command: ProcessTeepMessage }",
            "Outcome(Outcome { err_code: 0, text: \"installed\" })",
            &connecting,
            "Sent { bytes: 7 }",
            "Received { bytes: 0 }",
        ]
    );
}

#[test]
fn info_is_what_the_agent_says() {
    let info = crate::status::info();
    let tee = FakeTee::new([Reply::Info(info.clone().into())]);
    assert_eq!(broker(&tee).info(), Ok(info));
    assert_eq!(tee.sessions_opened_and_closed(), (1, 1));
}

#[test]
fn a_policy_check_goes_on_past_a_tam_whose_message_is_dropped() {
    let first = Server::new([message(b"garbage")]);
    let second = Server::new([no_content()]);
    let tee = FakeTee::new([
        connect(&first.uri()),
        Reply::Failed { reason: "the TAM's message is invalid and was dropped".to_owned() },
        connect(&second.uri()),
        Reply::Nothing,
    ]);
    let failure = broker(&tee).policy_check(&mut |_| {}).unwrap_err();
    assert!(matches!(&failure.error, Error::AgentFailed { .. }), "{:?}", failure.error);
    assert_eq!(second.requests().len(), 1, "the second TAM was asked");
}
