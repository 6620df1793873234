// SPDX-License-Identifier: Apache-2.0
//! The Broker against a scripted Agent and a scripted HTTP server.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong is to panic"
)]

mod agent;
mod cli;
mod fetch;
mod hostile_agent;
mod hostile_tam;
mod relay;
mod server;
mod status;
mod tls;

use agent::FakeTee;
use std::time::Duration;
use teep_broker::{Broker, Config, Event, Failure, Report};
use teep_proto::teec::{Reply, TaRequest};

/// Few rounds, and time enough for a busy machine.
fn patient() -> Config {
    Config {
        max_exchanges: 5,
        max_sessions: 3,
        max_fetches: 3,
        max_payload: 1 << 20,
        fetch_attempts: 3,
        retry_pause: Duration::from_millis(1),
        ..Config::default()
    }
}

/// Settings under which a server that hangs is found out in a moment.
fn impatient() -> Config {
    Config {
        idle_timeout: Duration::from_millis(150),
        exchange_timeout: Duration::from_millis(400),
        ..patient()
    }
}

fn broker(tee: &FakeTee) -> Broker<FakeTee> {
    Broker::new(tee.clone(), patient())
}

fn ta_request() -> TaRequest {
    TaRequest {
        component_id: vec![b"thing".to_vec()],
        tam_uri_hint: Some("https://hint.example/tam".to_owned()),
    }
}

/// RequestTA on an Agent that answers `replies`.
fn request_ta(replies: impl IntoIterator<Item = Reply>) -> (FakeTee, Result<Report, Failure>) {
    let tee = FakeTee::new(replies);
    let result = broker(&tee).request_ta(&ta_request(), &mut |_: Event<'_>| {});
    (tee, result)
}

fn connect(tam_uri: &str) -> Reply {
    Reply::Connect { tam_uri: tam_uri.to_owned() }
}

fn send(tam_uri: &str, message: &[u8]) -> Reply {
    Reply::Send { tam_uri: tam_uri.to_owned(), message: message.to_vec(), outcome: None }
}
