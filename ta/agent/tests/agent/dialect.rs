// SPDX-License-Identifier: Apache-2.0
//! A TAM is spoken to in the numbers configured for it, and in no others.

use crate::author::*;
use crate::support::*;
use teep_agent::config::Config;
use teep_proto::cose::{SigningKey, sign1};
use teep_proto::suit::{Report, ReportResult};
use teep_proto::teec::Reply;
use teep_proto::teep::{CipherSuite, Dialect, ErrCode, Message, QueryRequest, Update};
use teep_sim::MemoryEnv;

/// A device whose first TAM has `dialect`; the other has the other one.
fn device(dialect: Dialect) -> Device {
    let mut config = Config::decode(&config()).expect("the configuration");
    for tam in &mut config.trust.tams {
        tam.dialect = if tam.uri == TAM_URI { dialect } else { other(dialect) };
    }
    Device::start_with(MemoryEnv::new([7; 32]), &config.encode())
}

fn other(dialect: Dialect) -> Dialect {
    if dialect == Dialect::Final { Dialect::Pre26 } else { Dialect::Final }
}

/// The answer to `message` of the TAM with `uri`, signed with `key`.
fn say(
    device: &mut Device,
    uri: &str,
    key: &SigningKey,
    dialect: Dialect,
    message: &Message<'_>,
) -> Received {
    assert_eq!(device.request_ta(Some(uri)), Reply::Connect { tam_uri: uri.to_owned() });
    device.process(&sign1(key, &message.encode_in(dialect).expect("encodes")).expect("signs"))
}

/// What the answer says in `dialect`, which is the only one it can be read in.
fn read(dialect: Dialect, received: &Received) -> Message<'_> {
    assert_eq!(Dialect::detect(&received.payload), Some(dialect));
    Message::inspect_in(dialect, &received.payload).expect("the Agent sends TEEP messages")
}

fn order<'b>(envelopes: &'b [Vec<u8>]) -> Message<'b> {
    let manifest_list = envelopes.iter().map(Vec::as_slice).collect();
    Message::Update(Update { token: Some(TOKEN), manifest_list, ..Update::default() })
}

fn result(reports: &[&[u8]]) -> bool {
    let report = Report::decode(reports.first().expect("a report")).expect("a SUIT Report");
    assert_eq!(report.nonce, Some(TOKEN), "REQ-TEEP-085");
    report.result == ReportResult::Success
}

#[test]
fn whole_conversation_in_each_dialect() {
    for dialect in Dialect::ALL {
        let mut device = device(dialect);
        let received =
            say(&mut device, TAM_URI, &tam_key(), dialect, &Message::QueryRequest(query_request()));
        let Message::QueryResponse(response) = read(dialect, &received) else { panic!("no QueryResponse") };
        assert_eq!((response.token, response.requested_tc_list.len()), (Some(TOKEN), 1), "{dialect}");

        let received = say(&mut device, TAM_URI, &tam_key(), dialect, &order(&[envelope(2)]));
        let Message::Success(success) = read(dialect, &received) else { panic!("no Success") };
        assert_eq!((success.token, result(&success.suit_reports)), (Some(TOKEN), true), "{dialect}");
        assert_eq!(device.installed(), (Some(2), Some(2)));

        let received = device.process(
            &sign1(&tam_key(), &order(&[envelope(1)]).encode_in(dialect).expect("encodes")).expect("signs"),
        );
        let Message::Error(error) = read(dialect, &received) else { panic!("no Error") };
        assert_eq!(error.err_code, ErrCode::MANIFEST_PROCESSING_FAILED, "{dialect}");
        assert_eq!((error.token, result(&error.suit_reports)), (Some(TOKEN), false), "{dialect}");
        assert_eq!(received.outcome.map(|outcome| outcome.err_code), Some(11), "whatever stands on the wire");
        assert_eq!(device.installed(), (Some(2), Some(2)));
    }
}

#[test]
fn each_tam_is_spoken_to_in_its_own_dialect() {
    let mut device = device(Dialect::Pre26);
    for _ in 0..2 {
        for (uri, key, dialect) in
            [(TAM_URI, tam_key(), Dialect::Pre26), (OTHER_TAM_URI, other_tam_key(), Dialect::Final)]
        {
            let received = say(&mut device, uri, &key, dialect, &Message::QueryRequest(query_request()));
            let Message::QueryResponse(_) = read(dialect, &received) else { panic!("no QueryResponse") };
        }
    }
}

#[test]
fn errors_are_said_in_the_dialect_of_the_tam() {
    for dialect in Dialect::ALL {
        let code = |message: &[u8]| {
            let mut device = device(dialect);
            device.request_ta(None);
            let received = device.process(message);
            let Message::Error(error) = read(dialect, &received) else { panic!("no Error") };
            (error.err_code, error.token.is_some())
        };
        let request = |request: QueryRequest<'_>, key: &SigningKey| {
            sign1(key, &Message::QueryRequest(request).encode_in(dialect).expect("encodes")).expect("signs")
        };
        let versions = QueryRequest { versions: Some(vec![9]), ..query_request() };
        assert_eq!(code(&request(versions, &tam_key())), (ErrCode::UNSUPPORTED_MSG_VERSION, true));
        let suites = vec![CipherSuite::sign1(other_suite().algorithm())];
        let suites = QueryRequest { supported_teep_cipher_suites: suites, ..query_request() };
        let stranger = key_of(other_suite(), 99);
        assert_eq!(code(&request(suites, &stranger)), (ErrCode::UNSUPPORTED_CIPHER_SUITES, true));
        assert_eq!(code(&request(query_request(), &stranger)), (ErrCode::BAD_CERTIFICATE, false));
        assert_eq!(code(b"garbage"), (ErrCode::PERMANENT_ERROR, false));
    }
}

#[test]
fn a_tam_of_the_other_dialect_is_refused_and_told_so() {
    for dialect in Dialect::ALL {
        let envelopes = [envelope(1)];
        for message in [Message::QueryRequest(query_request()), order(&envelopes)] {
            let mut device = device(dialect);
            let received = say(&mut device, TAM_URI, &tam_key(), other(dialect), &message);
            let Message::Error(error) = read(dialect, &received) else {
                panic!("{} counted", message.name())
            };
            assert_eq!((error.err_code, error.token), (ErrCode::PERMANENT_ERROR, None), "AMB-07");
            let err_msg = error.err_msg.expect("for the TAM's operator");
            assert!(err_msg.contains("give both sides one dialect"), "{err_msg}");
            let outcome = received.outcome.as_ref().expect("for the person at the Broker");
            assert!(outcome.text.contains("give both sides one dialect"), "{}", outcome.text);
            assert_eq!(device.installed(), (None, None));
        }
    }
}
