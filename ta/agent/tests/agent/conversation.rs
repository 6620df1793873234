// SPDX-License-Identifier: Apache-2.0
//! What a well-behaved TAM and Broker see of the Agent.

use crate::author::*;
use crate::support::*;
use teep_proto::suit::{ComponentId, Reason, ReportResult, text};
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{CipherSuite, ErrCode, Message, QueryRequest, Update};

#[test]
fn request_for_a_ta_leads_to_the_tam_and_into_the_query_response() {
    let mut device = Device::new();
    assert_eq!(device.request_ta(None), Reply::Connect { tam_uri: TAM_URI.into() });
    let received = device.process(&signed_query_request(query_request()));
    assert_eq!(received.tam_uri, TAM_URI);
    assert_eq!(received.outcome, None);
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    assert_eq!(response.token, Some(TOKEN), "REQ-TEEP-060");
    let requested: Vec<_> =
        response.requested_tc_list.iter().map(|tc| tc.component_id.to_elements()).collect();
    assert_eq!(requested, [text::native_ta(TA)]);
    let listed = response.tc_list.expect("REQ-TEEP-064");
    assert_eq!(listed.len(), 2, "its trust store and the Agent itself (AMB-04)");
    assert_eq!(response.ext_list, None);
}

#[test]
fn update_installs_and_reports_success() {
    let mut device = Device::new();
    let envelope = envelope(1);
    let update = Update { token: Some(TOKEN), manifest_list: vec![&envelope], ..Update::default() };
    let received = device.say(&order(&tam_key(), update), &[]);
    assert_eq!(received.code(), 0);
    assert_eq!(received.token().as_deref(), Some(TOKEN), "REQ-TEEP-084");
    assert_eq!(received.reports(), [ReportResult::Success]);
    assert_eq!(received.outcome.expect("an outcome").err_code, 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
    assert_eq!(device.request_ta(None), Reply::Nothing, "REQ-TEEP-120");
}

#[test]
fn installed_component_is_listed_with_its_digest_after_a_restart() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    let mut device = Device::start(device.env.clone());
    device.invoke(Command::RequestPolicyCheck, &[]);
    let received = device.process(&signed_query_request(query_request()));
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    let listed = response.tc_list.expect("REQ-TEEP-064");
    let claim = listed.iter().find(|c| c.component_id.to_elements() == text::native_ta(TA)).expect("listed");
    assert_eq!(claim.digest(), Some(teep_proto::suit::Digest::of(&Author::new(1).image)));
}

#[test]
fn newer_manifest_updates_equal_one_is_applied_again_older_one_is_refused() {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
    assert_eq!(device.installed(), (Some(2), Some(2)));
    assert_eq!(device.update(&[envelope(2)]).code(), 0, "REQ-SUIT-007");
    let received = device.update(&[envelope(1)]);
    assert_eq!(received.refusal(), (11, Reason::ConditionFailed), "REQ-SUIT-006");
    assert_eq!(device.installed(), (Some(2), Some(2)));
}

#[test]
fn manifests_are_processed_in_order_up_to_the_first_failure() {
    let mut device = Device::new();
    let mut bad = Author::of([3; 16], 1);
    bad.vendor = [0; 16];
    let received = device.update(&[envelope(1), bad.envelope(), Author::of([4; 16], 1).envelope()]);
    assert_eq!(received.refusal(), (11, Reason::ConditionFailed));
    assert_eq!(received.reports().len(), 2, "AMB-20");
    assert_eq!(device.installed(), (Some(1), Some(1)), "what was completed stays");
    assert!(device.env.installed([4; 16]).is_none());
}

#[test]
fn hint_chooses_among_trusted_tams_only() {
    let mut device = Device::new();
    let to = |uri: &str| Reply::Connect { tam_uri: uri.to_owned() };
    assert_eq!(device.request_ta(Some(OTHER_TAM_URI)), to(OTHER_TAM_URI));
    assert_eq!(device.request_ta(Some("http://evil.example/tam")), to(TAM_URI), "REQ-TEEP-121");
}

#[test]
fn policy_check_names_each_tam_once_then_nothing() {
    let mut device = Device::new();
    let mut check = || device.invoke(Command::RequestPolicyCheck, &[]);
    assert_eq!(check(), Reply::Connect { tam_uri: TAM_URI.into() });
    assert_eq!(check(), Reply::Connect { tam_uri: OTHER_TAM_URI.into() });
    assert_eq!(check(), Reply::Nothing, "REQ-TEEP-122");
}

#[test]
fn process_error_ends_the_conversation_without_a_message() {
    let mut device = Device::new();
    device.request_ta(None);
    assert_eq!(device.invoke(Command::ProcessError, &[]), Reply::Nothing, "REQ-TEEP-123");
    let reply = device.invoke(Command::ProcessTeepMessage, &signed_query_request(query_request()));
    assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
}

#[test]
fn negotiation_failures_carry_their_lists() {
    let answer = |request: QueryRequest<'_>| {
        let mut device = Device::new();
        device.request_ta(None);
        device.process(&signed_query_request(request))
    };
    let received = answer(QueryRequest { versions: Some(vec![1, 2]), ..query_request() });
    let Message::Error(error) = received.message() else { panic!("no Error") };
    assert_eq!((error.err_code, error.versions), (ErrCode::UNSUPPORTED_MSG_VERSION, Some(vec![0])));
    assert_eq!(error.token, Some(TOKEN));

    let other = vec![CipherSuite::sign1(other_suite().algorithm())];
    let received = answer(QueryRequest { supported_teep_cipher_suites: other, ..query_request() });
    let Message::Error(error) = received.message() else { panic!("no Error") };
    assert_eq!(error.err_code, ErrCode::UNSUPPORTED_CIPHER_SUITES);
    let own = CipherSuite::sign1(crate::SUITE.algorithm());
    assert_eq!(error.supported_teep_cipher_suites, [own], "REQ-TEEP-090");

    let item = data_item::ATTESTATION;
    let received = answer(QueryRequest { token: None, data_item_requested: item, ..query_request() });
    assert_eq!(received.code(), ErrCode::PERMANENT_ERROR.number(), "no attestation to offer");
}

#[test]
fn extensions_are_answered_with_the_empty_list() {
    let mut device = Device::new();
    device.request_ta(None);
    let request = QueryRequest { data_item_requested: data_item::EXTENSIONS, ..query_request() };
    let received = device.process(&signed_query_request(request));
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    assert_eq!((response.ext_list, response.tc_list), (Some(vec![]), None), "REQ-TEEP-065, AMB-04");
}

#[test]
fn update_that_reports_an_error_is_receipted() {
    let mut device = Device::new();
    device.request_ta(None);
    let update = Update {
        token: Some(TOKEN),
        err_code: Some(ErrCode::TEMPORARY_ERROR),
        err_msg: Some("bald wieder"),
        err_lang: Some("de-AT"),
        ..Update::default()
    };
    let received = device.process(&order(&tam_key(), update.clone()));
    assert_eq!(received.code(), 0, "AMB-08");
    let outcome = received.outcome.expect("the person at the Broker learns of it");
    assert_eq!(outcome.err_code, 10);
    assert!(outcome.text.ends_with("(10), in language de-AT: bald wieder"), "REQ-TEEP-015: {}", outcome.text);
    // Words need no language, and a language without words is of no use.
    for (err_msg, err_lang, end) in
        [(Some("later"), None, "(10): later"), (None, Some("de"), "(10): no explanation")]
    {
        let received = device.process(&order(&tam_key(), Update { err_msg, err_lang, ..update.clone() }));
        let text = received.outcome.expect("an outcome").text;
        assert!(text.ends_with(end), "{text}");
    }
}

#[test]
fn unneeded_manifest_that_is_not_installed_is_a_success() {
    let received = Device::new().remove(&[manifest_id(TA)]);
    assert_eq!((received.code(), received.reports().len()), (0, 0), "REQ-TEEP-097");
}

#[test]
fn unrequested_ta_is_named_as_unneeded() {
    let mut device = Device::new();
    let request =
        teep_proto::teec::TaRequest { component_id: text::native_ta(TA), tam_uri_hint: None }.encode();
    assert_eq!(device.invoke(Command::UnrequestTa, &request), Reply::Nothing, "not installed");
    device.update(&[envelope(1)]);
    assert_eq!(device.invoke(Command::UnrequestTa, &request), Reply::Connect { tam_uri: TAM_URI.into() });
    let received = device.process(&signed_query_request(query_request()));
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    let unneeded: Vec<_> = response.unneeded_manifest_list.iter().map(ComponentId::to_elements).collect();
    assert_eq!(unneeded, [text::native_ta_manifest(TA)], "REQ-TEEP-069");
    assert_eq!(device.installed(), (Some(1), Some(1)), "a hint removes nothing (REQ-ARCH-025)");
}

#[test]
fn each_device_has_its_own_key_and_keeps_it() {
    let a = Device::new();
    let again = Device::start(a.env.clone()).public_key();
    let other = Device::start(teep_sim::MemoryEnv::new([8; 32])).public_key();
    assert_eq!(a.public_key(), again);
    assert_ne!(a.public_key(), other);
}
