// SPDX-License-Identifier: Apache-2.0
//! QueryResponses that nobody asked for (draft section 7.2).

use crate::SUITE;
use crate::author::*;
use crate::passport::{bringing, config, passport_request, result, shown, verifier, with_passport};
use crate::support::*;
use teep_agent::config::TrustStore;
use teep_proto::suit::text;
use teep_proto::teec::{Command, Reply, TaRequest};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{Message, QueryRequest};
use teep_sim::{Call, MemoryEnv};

/// A device that showed its passport in the last conversation, and may speak first in the next one.
fn introduced() -> (Device, Vec<u8>) {
    let (mut device, passport) = with_passport();
    assert!(shown(&mut device, passport_request(Some(vec![1]))).is_some());
    device.agent.close(&mut device.session);
    (device, passport)
}

/// Whether the device speaks first.
fn speaks_first(device: &mut Device) -> bool {
    match device.request_ta(Some(TAM_URI)) {
        Reply::Send { .. } => true,
        Reply::Connect { .. } => false,
        other => panic!("{other:?}"),
    }
}

/// REQ-TEEP-073.
#[test]
fn an_unsolicited_query_response_says_all_that_was_asked_for_last() {
    let (mut device, passport) = introduced();
    let reply = device.request_ta(None);
    let received = device.received(reply);
    assert_eq!((received.tam_uri.as_str(), &received.outcome), (TAM_URI, &None));
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    assert_eq!(response.token, None);
    let attestation = response.attestation.expect("what was asked for last");
    assert_eq!((attestation.format, attestation.payload), (None, passport.as_slice()));
    assert_eq!(response.tc_list.expect("what was asked for last").len(), 2);
    let wanted: Vec<_> = response.requested_tc_list.iter().map(|tc| tc.component_id.to_elements()).collect();
    assert_eq!(wanted, [text::native_ta(TA)]);
    // What the TAM answers is carried out.
    let reply = device.invoke(Command::ProcessTeepMessage, &update(&tam_key(), &[envelope(1)]));
    assert_eq!(device.serve(reply, &[]).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    // So it is with the two other requests of Linux.
    device.agent.close(&mut device.session);
    let unneeded = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None };
    let reply = device.invoke(Command::UnrequestTa, &unneeded.encode());
    let received = device.received(reply);
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    assert_eq!(response.unneeded_manifest_list.len(), 1);
    device.agent.close(&mut device.session);
    let first = device.invoke(Command::RequestPolicyCheck, &[]);
    assert!(matches!(first, Reply::Send { .. }), "{first:?}");
    let second = device.invoke(Command::RequestPolicyCheck, &[]);
    assert_eq!(second, Reply::Connect { tam_uri: OTHER_TAM_URI.to_owned() }, "it never asked");
}

/// Condition (a): the last QueryRequest had neither token nor challenge.
#[test]
fn no_unsolicited_query_response_to_a_tam_that_uses_tokens_or_challenges() {
    let request = QueryRequest { challenge: Some(b"a challenge of 24 bytes."), ..passport_request(None) };
    for request in [query_request(), request] {
        let (mut device, _) = introduced();
        device.invoke(Command::RequestPolicyCheck, &[]);
        let answer = device.process(&signed_query_request(request));
        assert!(matches!(answer.message(), Message::QueryResponse(_)));
        assert!(!speaks_first(&mut device));
    }
    let (mut device, _) = introduced();
    device.invoke(Command::RequestPolicyCheck, &[]);
    let refused = QueryRequest { versions: Some(vec![9]), ..query_request() };
    assert!(matches!(device.process(&signed_query_request(refused)).message(), Message::Error(_)));
    assert!(!speaks_first(&mut device), "also when it was not answered");
}

/// Condition (a), before there was any QueryRequest, as after a restart; and of another TAM.
#[test]
fn no_unsolicited_query_response_to_a_tam_that_has_not_asked() {
    let (mut device, _) = with_passport();
    assert!(!speaks_first(&mut device));
    let (mut device, _) = introduced();
    let other = device.request_ta_of(OTHER_TA, Some(OTHER_TAM_URI));
    assert_eq!(other, Reply::Connect { tam_uri: OTHER_TAM_URI.to_owned() });
    let mut device = Device::start_with(device.env.clone(), &config().encode());
    assert!(!speaks_first(&mut device));
}

/// Condition (b): the Broker has not failed to reach the TAM since.
#[test]
fn no_unsolicited_query_response_after_process_error() {
    let (mut device, _) = introduced();
    assert!(speaks_first(&mut device));
    device.invoke(Command::ProcessError, &[]);
    assert!(!speaks_first(&mut device));
    assert!(shown(&mut device, passport_request(None)).is_some());
    device.agent.close(&mut device.session);
    assert!(speaks_first(&mut device), "it has asked again");
}

/// Condition (c): the key that signed the request is still one of the TAM's.
#[test]
fn no_unsolicited_query_response_to_a_tam_whose_key_is_not_trusted_any_more() {
    let mut old = config();
    old.provisioning = true;
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &old.encode());
    let passport = result(&verifier(), &device, 100);
    device.say(&bringing(&passport, None), &[]);
    assert!(shown(&mut device, passport_request(None)).is_some());
    device.agent.close(&mut device.session);
    assert!(speaks_first(&mut device));
    device.agent.close(&mut device.session);
    let mut trust = TrustStore { sequence_number: 1, ..old.trust };
    trust.tams[0].keys = vec![key_of(SUITE, 90).public_key().into()];
    trust.signers[0].trust_store = true;
    assert_eq!(device.invoke(Command::Provision, &trust.encode()), Reply::Nothing);
    assert!(!speaks_first(&mut device));
}

#[test]
fn an_unsolicited_query_response_that_cannot_be_made_costs_nothing_but_an_exchange() {
    let (mut device, _) = with_passport();
    device.update(&[envelope(1)]);
    let mut request = passport_request(None);
    request.data_item_requested |= data_item::SUIT_REPORTS;
    assert!(shown(&mut device, request).is_some());
    device.agent.close(&mut device.session);
    assert!(matches!(device.request_ta_of(OTHER_TA, None), Reply::Send { .. }));
    device.agent.close(&mut device.session);
    // There is no key for the report just now.
    device.env.set_failing(Call::DeriveKey, true);
    assert!(matches!(device.request_ta_of(OTHER_TA, None), Reply::Connect { .. }));
}

#[test]
fn no_unsolicited_query_response_without_a_passport() {
    let (mut device, _) = introduced();
    device.env.set_trusted_time(Some(4_102_444_800));
    assert!(!speaks_first(&mut device), "it has expired");
}
