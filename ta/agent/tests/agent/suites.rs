// SPDX-License-Identifier: Apache-2.0
//! The cipher suite of the Agent (draft section 8.1). Every other test here runs for both suites, too.

use crate::SUITE;
use crate::author::*;
use crate::support::*;
use teep_agent::config::{Config, Suite};
use teep_proto::cose::{PublicKey, Signatures, sign, sign1};
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::{CipherSuite, ErrCode, Message, QueryRequest, Update};
use teep_sim::MemoryEnv;

/// Message, report and attestation key of one device, built with this suite.
fn keys(suite: Suite) -> [PublicKey; 3] {
    let config = Config { suite, ..configuration() };
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let Reply::Info(info) = device.invoke(Command::Info, &[]) else { panic!("no info") };
    [info.public_key, info.report_key, info.attestation_key]
        .map(|key| PublicKey::from_cose_key(&key).expect("a key"))
}

/// REQ-TEEP-021, 086.
#[test]
fn all_that_an_agent_signs_is_signed_in_its_suite_and_each_with_a_key_of_its_own() {
    let (own, other) = (keys(SUITE), keys(other_suite()));
    assert!(own.iter().all(|key| key.algorithm() == SUITE.algorithm()));
    assert!(other.iter().all(|key| key.algorithm() == other_suite().algorithm()));
    assert!(own[0] != own[1] && own[0] != own[2] && own[1] != own[2]);
}

/// REQ-TEEP-023, 024: one signature that the Agent can check is enough.
#[test]
fn a_query_request_signed_in_one_suite_is_answered_in_the_agents() {
    let request = encoded(&Message::QueryRequest(query_request()));
    let both = sign(&[tam_other_suite_key(), tam_key()], &request).expect("signs");
    for message in [both, sign1(&tam_key(), &request).expect("signs")] {
        let mut device = Device::new();
        device.request_ta(None);
        let Reply::Send { message, .. } = device.invoke(Command::ProcessTeepMessage, &message) else {
            panic!("no answer")
        };
        let signatures = Signatures::decode(&message).expect("COSE");
        let answer = signatures.verify(&[device.public_key()]).expect("the Agent's signature");
        assert_eq!(answer.algorithm(), SUITE.algorithm(), "REQ-TEEP-026");
    }
}

/// REQ-TEEP-025, 090: in a suite that every TAM has.
#[test]
fn error_for_no_common_suite_is_signed_in_the_agents() {
    let mut device = Device::new();
    device.request_ta(None);
    let offered = vec![CipherSuite::sign1(other_suite().algorithm())];
    let request = QueryRequest { supported_teep_cipher_suites: offered, ..query_request() };
    let received = device.process(&signed_query_request(request));
    let Message::Error(error) = received.message() else { panic!("no Error") };
    assert_eq!(error.err_code, ErrCode::UNSUPPORTED_CIPHER_SUITES);
    assert_eq!(error.supported_teep_cipher_suites, [CipherSuite::sign1(SUITE.algorithm())]);
}

/// REQ-TEEP-026: the TAM has this key, but not for this Agent.
#[test]
fn attack_update_in_the_other_cipher_suite() {
    let mut device = Device::new();
    let envelope = envelope(1);
    let update = Update { token: Some(TOKEN), manifest_list: vec![&envelope], ..Update::default() };
    let received = device.say(&order(&tam_other_suite_key(), update.clone()), &[]);
    assert_eq!((received.code(), received.token()), (1, Some(TOKEN.to_vec())), "ERR_PERMANENT_ERROR");
    assert_eq!(device.installed(), (None, None));
    assert_eq!(device.say(&order(&tam_key(), update), &[]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
}
