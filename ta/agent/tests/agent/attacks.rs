// SPDX-License-Identifier: Apache-2.0
//! Attacks, one test each: by a hostile Broker or network, a foreign TAM, a foreign or limited signer.

use crate::author::*;
use crate::support::*;
use teep_proto::cbor::encode;
use teep_proto::cose::{SigningKey, sign1};
use teep_proto::suit::{ComponentId, Reason};
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::{
    CipherSuite, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse, Success, Update,
};

/// Processes `message` in a conversation with the first TAM.
fn process(message: &[u8]) -> (Device, Received) {
    let mut device = Device::new();
    device.request_ta(None);
    let received = device.process(message);
    (device, received)
}

/// An Update with one bent manifest is refused so, and nothing is installed.
fn refused(author: Author) -> (u64, Reason) {
    let mut device = Device::new();
    let refusal = device.update(&[author.envelope()]).refusal();
    assert_eq!(device.installed(), (None, None));
    refusal
}

#[test]
fn tam_that_is_no_anchor() {
    for stranger in [key(99), SigningKey::ed25519_from_seed(&[99; 32])] {
        let (mut device, received) = process(&update(&stranger, &[envelope(1)]));
        assert_eq!(received.code(), ErrCode::BAD_CERTIFICATE.number());
        assert_eq!(received.token(), None, "AMB-07");
        assert_eq!(device.installed(), (None, None));
    }
}

#[test]
fn request_for_a_cipher_suite_unknown_here() {
    let other = vec![CipherSuite::sign1(other_suite().algorithm())];
    let request = QueryRequest { supported_teep_cipher_suites: other, ..query_request() };
    let request = encoded(&Message::QueryRequest(request));
    let (_, received) = process(&sign1(&key_of(other_suite(), 99), &request).expect("signs"));
    assert_eq!(
        received.code(),
        ErrCode::UNSUPPORTED_CIPHER_SUITES.number(),
        "not 6: nothing could be verified"
    );
    assert_eq!(received.token(), Some(TOKEN.to_vec()), "REQ-TEEP-126: code 5 is the exception");
}

#[test]
fn signer_key_used_as_tam_key() {
    let (_, received) = process(&update(&signer_key(), &[envelope(1)]));
    assert_eq!(received.code(), ErrCode::BAD_CERTIFICATE.number(), "REQ-ARCH-007");
}

#[test]
fn tam_key_used_as_signer_key() {
    let author = Author { key: tam_key(), ..Author::new(1) };
    assert_eq!(refused(author), (11, Reason::Unauthenticated), "REQ-ARCH-007");
}

#[test]
fn another_tams_key_in_this_tams_conversation() {
    let (_, received) = process(&update(&other_tam_key(), &[envelope(1)]));
    assert_eq!(received.code(), ErrCode::BAD_CERTIFICATE.number());
}

#[test]
fn manifest_by_an_unknown_signer() {
    let author = Author { key: key(98), ..Author::new(1) };
    assert_eq!(refused(author), (11, Reason::Unauthenticated));
}

#[test]
fn signer_outside_its_scope() {
    let author = Author { key: narrow_signer_key(), ..Author::new(1) };
    assert_eq!(refused(author), (11, Reason::ComponentUnauthorised));
}

#[test]
fn manifest_id_outside_the_signers_scope() {
    let mut author = Author::new(1);
    author.manifest.component_id = Some(ComponentId::encode(&["Elsewhere", "suit"]));
    assert_eq!(refused(author), (11, Reason::ComponentUnauthorised), "REQ-SUIT-054");
}

#[test]
fn manifest_without_an_id() {
    let mut author = Author::new(1);
    author.manifest.component_id = None;
    assert_eq!(refused(author), (11, Reason::ComponentUnsupported), "AMB-SUIT-20");
}

#[test]
fn component_that_is_no_native_ta() {
    let mut author = Author::new(1);
    author.manifest.components = vec![ComponentId::encode(&["TEEP-Device", "..", "x"])];
    assert_eq!(refused(author), (11, Reason::ComponentUnsupported));
}

#[test]
fn second_manifest_claims_an_installed_component() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    let mut author = Author::new(9);
    author.manifest.component_id = Some(ComponentId::encode(&["TEEP-Device", "mine"]));
    let received = device.update(&[author.envelope()]);
    assert_eq!(received.refusal(), (11, Reason::OperationFailed), "REQ-SUIT-050");
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn payload_changed_under_way() {
    let mut author = Author::new(1);
    let last = author.payload.len() - 1;
    author.payload[last] ^= 1;
    assert_eq!(refused(author), (11, Reason::ConditionFailed));
}

#[test]
fn payload_of_another_ta_under_this_ones_manifest() {
    let mut author = Author::new(1);
    author.image = Author::of([9; 16], 1).image;
    author.payload = author.image.clone();
    assert_eq!(refused(author), (11, Reason::ComponentUnauthorised));
}

#[test]
fn manifest_for_another_vendor() {
    let author = Author { vendor: [9; 16], ..Author::new(1) };
    assert_eq!(refused(author), (11, Reason::ConditionFailed));
}

#[test]
fn image_the_platform_refuses() {
    let mut author = Author::new(1);
    let last = author.image.len() - 1;
    author.image[last] ^= 1;
    author.payload = author.image.clone();
    assert_eq!(refused(author), (11, Reason::OperationFailed));
}

#[test]
fn ta_version_rolled_back_under_a_newer_manifest() {
    let mut device = Device::new();
    device.update(&[envelope(5)]);
    let mut author = Author::new(6);
    author.image = Author::new(4).image;
    author.payload = author.image.clone();
    assert_eq!(device.update(&[author.envelope()]).refusal(), (11, Reason::OperationFailed));
    assert_eq!(device.installed(), (Some(5), Some(5)));
}

#[test]
fn envelope_that_is_garbage() {
    let mut device = Device::new();
    for garbage in [&b""[..], b"\xa0", b"\x00", b"\xff\xff", &[0x81; 300]] {
        let received = device.update(&[garbage.to_vec()]);
        assert_eq!(received.code(), 11);
    }
    assert_eq!(device.update(&[envelope(1)]).code(), 0, "the device keeps working");
}

#[test]
fn message_that_is_garbage() {
    let mut device = Device::new();
    let good = update(&tam_key(), &[envelope(1)]);
    let mut messages =
        vec![vec![], vec![0], vec![0xff; 100], vec![0x9f; 5], vec![0x81; 50_000], b"hello".to_vec()];
    messages.extend((1..good.len()).step_by(7).map(|end| good[..end].to_vec()));
    for message in messages {
        device.request_ta(None);
        let received = device.process(&message);
        assert_eq!((received.code(), received.token()), (ErrCode::PERMANENT_ERROR.number(), None));
    }
    assert_eq!(device.installed(), (None, None));
    assert_eq!(device.update(&[envelope(1)]).code(), 0, "the device keeps working");
}

#[test]
fn header_that_nests_through_byte_strings() {
    // Countersignatures within countersignatures: no level is deep as CBOR, all together would be.
    let mut header = b"\xa1\x01\x28".to_vec();
    while header.len() < 480 {
        let inner = header.clone();
        header = encode(|w| {
            w.map(1).int(7).array(3).bytes(&inner).map(0).bytes(b"");
        });
    }
    let message = encode(|w| {
        w.array(4).bytes(&header).map(0).bytes(b"payload").bytes(&[0; 64]);
    });
    let (_, received) = process(&message);
    assert_eq!(received.code(), ErrCode::PERMANENT_ERROR.number(), "REQ-TEEP-005");
}

#[test]
fn every_flipped_byte_of_an_update() {
    let mut device = Device::new();
    let good = update(&tam_key(), &[envelope(1)]);
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x01;
        device.request_ta(None);
        assert_ne!(device.process(&flipped).code(), 0, "byte {at}");
    }
    assert_eq!(device.installed(), (None, None));
}

#[test]
fn unsigned_message() {
    let payload = encoded(&Message::Success(Success::default()));
    let (_, received) = process(&payload);
    assert_eq!(received.code(), ErrCode::PERMANENT_ERROR.number(), "REQ-TEEP-003");
}

#[test]
fn agents_own_messages_reflected() {
    for message in [
        Message::Success(Success::default()),
        Message::QueryResponse(QueryResponse::default()),
        Message::Error(ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, None)),
    ] {
        let (_, received) = process(&sign1(&tam_key(), &encoded(&message)).expect("signs"));
        assert_eq!(received.code(), ErrCode::PERMANENT_ERROR.number(), "no TAM sends these");
    }
}

#[test]
fn message_without_a_conversation() {
    let mut device = Device::new();
    let reply = device.invoke(Command::ProcessTeepMessage, &update(&tam_key(), &[envelope(1)]));
    assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
    assert_eq!(device.installed(), (None, None));
}

#[test]
fn request_that_is_garbage() {
    let mut device = Device::new();
    for command in [Command::RequestTa, Command::UnrequestTa] {
        for request in [&b""[..], b"\x80", b"\x82\x80\xf6", &[0xff; 64]] {
            let reply = device.invoke(command, request);
            assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
        }
    }
    assert!(matches!(device.request_ta(None), Reply::Connect { .. }), "the device keeps working");
}

#[test]
fn stored_state_damaged_by_linux() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    device.env.tamper("state", Some(b"\x83\x01\x80".to_vec()));
    let mut device = Device::start(device.env.clone());
    let Reply::Failed { reason } = device.request_ta(None) else { panic!("goes on with damaged state") };
    assert!(reason.contains("damaged"), "{reason}");
}

#[test]
fn more_manifests_than_the_agent_keeps() {
    let mut device = Device::new();
    let mut refusals = 0;
    for n in 0..40u8 {
        let received = device.update(&[Author::of([n; 16], 1).envelope()]);
        let installed = device.env.installed([n; 16]).is_some();
        assert_eq!(installed, received.code() == 0, "what cannot be recorded is not installed");
        if received.code() != 0 {
            assert_eq!(received.code(), ErrCode::TEMPORARY_ERROR.number());
            refusals += 1;
        }
    }
    // With the trust store and the Agent itself they fill the tc-list.
    assert_eq!(refusals, 40 - (teep_proto::limits::MAX_LIST - 2));
    assert_eq!(device.update(&[trust_envelope(&trust_store(1, |_| ()))]).code(), 0);
    let received = device.update(&[Author::of([0; 16], 2).envelope()]);
    assert_eq!(received.code(), 0, "what is installed can still be updated");
    device.invoke(Command::RequestPolicyCheck, &[]);
    let received = device.process(&signed_query_request(query_request()));
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    assert_eq!(response.tc_list.map(|list| list.len()), Some(teep_proto::limits::MAX_LIST));
}

#[test]
fn signer_reaches_another_ta_through_a_name_of_its_own_making() {
    for elements in [
        vec![&b"TEEP-Device"[..], b"SecureFS", &[9; 16], &TA, b"ta"],
        vec![b"TEEP-Device", &TA, b"ta"],
        vec![b"TEEP-Device", b"SecureFS", &TA, b"TA"],
    ] {
        let mut author = Author::new(1);
        author.manifest.components = vec![ComponentId::encode(&elements)];
        assert_eq!(refused(author), (11, Reason::ComponentUnsupported), "{elements:?}");
    }
}

#[test]
fn short_name_for_a_ta_that_is_installed_under_the_long_one() {
    let mut device = Device::new();
    device.update(&[envelope(5)]);
    let mut author = Author { key: uuid_signer_key(), ..Author::new(9) };
    author.manifest.components = vec![ComponentId::encode(&[TA])];
    author.manifest.component_id = Some(ComponentId::encode(&[&TA[..], b"suit"]));
    let received = device.update(&[author.envelope()]);
    assert_eq!(received.refusal(), (11, Reason::OperationFailed), "REQ-SUIT-050");
    assert_eq!(device.installed(), (Some(5), Some(5)));
}

#[test]
fn manifest_replaces_the_agent_itself() {
    let author = Author::of(teep_proto::teec::AGENT_UUID, 9);
    let mut device = Device::new();
    let refusal = device.update(&[author.envelope()]).refusal();
    assert_eq!(refusal, (11, Reason::ComponentUnauthorised));
}

#[test]
fn update_with_an_error_code_and_a_manifest() {
    let mut device = Device::new();
    device.invoke(Command::RequestPolicyCheck, &[]);
    let envelope = envelope(1);
    let update = Update {
        token: Some(TOKEN),
        err_code: Some(ErrCode::TEMPORARY_ERROR),
        manifest_list: vec![&envelope],
        ..Update::default()
    };
    let received = device.process(&sign1(&tam_key(), &encoded(&Message::Update(update))).expect("signs"));
    assert_eq!((received.code(), received.reports().len()), (0, 1), "Success means installed (REQ-TEEP-082)");
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn linux_drops_the_answer_of_the_installer() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    device.env.set_answers_lost(true);
    assert_eq!(device.update(&[envelope(3)]).refusal(), (11, Reason::OperationFailed));
    device.env.set_answers_lost(false);
    // Another manifest in between does not make it forget.
    assert_eq!(device.update(&[Author::of([9; 16], 1).envelope()]).code(), 0);
    for _ in 0..2 {
        let refusal = device.update(&[envelope(2)]).refusal();
        assert_eq!(refusal, (11, Reason::ConditionFailed), "version 3 may be installed");
        device = Device::start(device.env.clone());
    }
    assert_eq!(device.update(&[envelope(3)]).code(), 0);
    assert_eq!(device.installed(), (Some(3), Some(3)));
}

#[test]
fn damaged_state_is_not_taken_for_an_empty_one_later() {
    let mut device = Device::new();
    device.update(&[envelope(2)]);
    device.env.tamper("state", Some(b"\x83\x01\x80".to_vec()));
    let mut device = Device::start(device.env.clone());
    assert!(matches!(device.request_ta(None), Reply::Failed { .. }));
    // OP-TEE deletes an object that it finds corrupt.
    device.env.tamper("state", None);
    assert!(matches!(device.request_ta(None), Reply::Failed { .. }));
}

/// Nothing is made of it that the state may be the one before or the one after a write of which no answer came: none is
/// neither.
#[test]
fn attack_state_deleted_while_the_agent_reads_it_again() {
    let mut device = Device::new();
    let revoking = trust_store(1, |store| drop(store.signers.remove(0)));
    assert_eq!(device.update(&[trust_envelope(&revoking)]).code(), 0);
    assert_eq!(device.update(&[envelope(2)]).code(), 11, "the signer is revoked");
    let mut author = Author::new(2);
    author.key = clear_signer_key();
    device.env.set_write_answers_lost(true, true);
    assert_eq!(device.update(&[author.envelope()]).code(), 10);
    device.env.set_write_answers_lost(false, false);
    device.env.tamper("state", None);
    device.agent.close(&mut device.session);
    device.invoke(Command::RequestPolicyCheck, &[]);
    let reply = device.invoke(Command::ProcessTeepMessage, &update(&tam_key(), &[envelope(1)]));
    assert!(matches!(reply, Reply::Failed { .. }), "a revoked signer's manifest: {reply:?}");
}
