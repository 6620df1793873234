// SPDX-License-Identifier: Apache-2.0
//! TEEP messages in their COSE wrapper, in both dialects.

use super::super::{Made, common};
use super::{accept, reject};
use serde_json::{Value, json};
use teep_proto::cbor::{Reader, Writer, encode};
use teep_proto::cose::{Algorithm, sign, sign1};
use teep_proto::suit::{ComponentId, Digest, Report, SystemPropertyClaims};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{
    AttestationPayload, CipherSuite, Dialect, ErrCode, ErrorMessage, Message, QueryRequest, QueryResponse,
    RequestedTc, Success, SuitCoseProfile, Update,
};

const TOKEN: &[u8] = b"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7";
const SIGNED: &str = "teep-signed";

fn keys(dialect: Dialect, keys: &[&str]) -> Value {
    json!({ "dialect": if dialect == Dialect::Final { "final" } else { "pre-26" }, "keys": keys })
}

fn query_request() -> QueryRequest<'static> {
    QueryRequest {
        token: Some(TOKEN),
        versions: Some(vec![0]),
        supported_teep_cipher_suites: vec![
            CipherSuite::sign1(Algorithm::Esp256),
            CipherSuite::sign1(Algorithm::Ed25519),
        ],
        supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
        data_item_requested: data_item::TRUSTED_COMPONENTS,
        ..QueryRequest::default()
    }
}

/// The five messages, with every option each can have.
fn messages<'a>(
    id: &'a [u8],
    report: &'a [u8],
    envelope: &'a [u8],
) -> [(&'static str, &'static str, Message<'a>); 6] {
    let component_id = ComponentId::decode(id).expect("a component identifier");
    let attestation = AttestationPayload { format: Some("application/eat+cwt"), payload: b"evidence" };
    let attested = QueryRequest {
        token: None,
        challenge: Some(b"challenge"),
        supported_freshness_mechanisms: Some(vec![0, 1]),
        attestation: Some(attestation),
        suit_reports: vec![report],
        data_item_requested: data_item::ATTESTATION,
        ..query_request()
    };
    let response = QueryResponse {
        token: Some(TOKEN),
        selected_version: Some(0),
        attestation: Some(attestation),
        suit_reports: vec![report],
        tc_list: Some(vec![SystemPropertyClaims::new(component_id, Some(Digest::of(b"component")))]),
        requested_tc_list: vec![RequestedTc {
            component_id,
            tc_manifest_sequence_number: Some(3),
            have_binary: Some(true),
        }],
        unneeded_manifest_list: vec![component_id],
        ext_list: Some(vec![1]),
    };
    let update = Update {
        token: Some(TOKEN),
        unneeded_manifest_list: vec![component_id],
        manifest_list: vec![envelope],
        attestation: Some(attestation),
        err_code: Some(ErrCode::ATTESTATION_REQUIRED),
        err_msg: Some("Prüfung fehlgeschlagen"),
        err_lang: Some("de"),
    };
    let success = Success { token: Some(TOKEN), msg: Some("done"), suit_reports: vec![report] };
    let error = ErrorMessage {
        err_lang: Some("en"),
        supported_teep_cipher_suites: vec![CipherSuite::sign1(Algorithm::Ed25519)],
        supported_freshness_mechanisms: Some(vec![0]),
        supported_suit_cose_profiles: vec![SuitCoseProfile::ESP256_ECDH_A128CTR],
        challenge: Some(b"challenge"),
        versions: Some(vec![0]),
        suit_reports: vec![report],
        ..ErrorMessage::new(Some(TOKEN), ErrCode::MANIFEST_PROCESSING_FAILED, Some("disk full"))
    };
    [
        ("query-request", "query-request-pre-26", Message::QueryRequest(query_request())),
        ("query-request-attested", "query-request-attested-pre-26", Message::QueryRequest(attested)),
        ("query-response", "query-response-pre-26", Message::QueryResponse(response)),
        ("update", "update-pre-26", Message::Update(update)),
        ("success", "success-pre-26", Message::Success(success)),
        ("error", "error-pre-26", Message::Error(error)),
    ]
}

pub(super) fn all() -> Vec<Made> {
    let id = ComponentId::encode(&["TEEP-Device", "component"]);
    let report = Report::new("https://example.org/m.suit", Digest::of(b"manifest"), Some(TOKEN))
        .encode()
        .expect("encodes");
    let envelope = common::bytes("teep-protocol-a9d2fad/suit-uri.hex");
    let (p256, ed25519) = (common::signing_key("own-p256"), common::signing_key("own-ed25519"));
    let mut all = Vec::new();
    for (name, name_pre_26, message) in messages(&id, &report, &envelope) {
        for (dialect, name) in [(Dialect::Final, name), (Dialect::Pre26, name_pre_26)] {
            let signed = sign1(&p256, &message.encode_in(dialect).expect("encodes")).expect("signs");
            all.push(accept(name, signed, SIGNED, keys(dialect, &["own-p256"])));
        }
    }
    let request = Message::QueryRequest(query_request()).encode().expect("encodes");
    let here = |names: &[&str]| keys(Dialect::Final, names);
    let both = sign(&[p256.clone(), ed25519.clone()], &request).expect("signs");
    all.push(accept("sign-verified-by-p256", both.clone(), SIGNED, here(&["own-p256"])));
    all.push(accept("sign-verified-by-ed25519", both.clone(), SIGNED, here(&["own-ed25519"])));
    let by_ed25519 = sign1(&ed25519, &request).expect("signs");
    all.push(accept("ed25519", by_ed25519.clone(), SIGNED, here(&["own-ed25519"])));
    // The first byte of a tagged COSE_Sign1 is its tag.
    all.push(accept("untagged", by_ed25519[1..].to_vec(), SIGNED, here(&["own-ed25519"])));
    let unauthenticated = "unauthenticated";
    let why = [unauthenticated, "no signature by a trusted key", "the signer is not among the trusted ones"];
    all.push(reject("untrusted-signer", both, SIGNED, here(&["key-a"]), why));
    let mut changed = by_ed25519.clone();
    *changed.last_mut().expect("a signature") ^= 1;
    let why = [unauthenticated, "no signature by a trusted key", "the signature was changed"];
    all.push(reject("changed-signature", changed, SIGNED, here(&["own-ed25519"]), why));
    let mut longer = by_ed25519;
    longer.push(0);
    all.push(reject(
        "trailing-byte",
        longer,
        SIGNED,
        here(&["own-ed25519"]),
        ["malformed", "", "a byte follows the item"],
    ));
    all.extend(broken(&ed25519));
    all
}

/// Signed by a trusted key, and yet no valid messages.
fn broken(key: &teep_proto::cose::SigningKey) -> Vec<Made> {
    let made = |name, payload: Vec<u8>, why| {
        let signed = sign1(key, &payload).expect("signs");
        reject(name, signed, SIGNED, keys(Dialect::Final, &["own-ed25519"]), why)
    };
    // A valid one with another head: its options and what it asks for come from here.
    let valid = Message::QueryRequest(query_request()).encode().expect("encodes");
    let request = |options: usize, write: fn(&mut Writer), item: u64| {
        let mut r = Reader::open(&valid).expect("strict CBOR");
        r.array_of(5, "5 items").expect("a QueryRequest");
        let mut items = (0..4).map(|_| r.item().expect("an item")).skip(2);
        let (suites, profiles) = (items.next().expect("suites"), items.next().expect("profiles"));
        encode(|w| {
            w.array(5).uint(1).map(options);
            write(w);
            w.raw(suites).raw(profiles).uint(item);
        })
    };
    let asked = data_item::TRUSTED_COMPONENTS;
    let success_with = |label: u64, text: &str| {
        encode(|w| {
            w.array(2).uint(4).map(1).uint(label).text(text);
        })
    };
    vec![
        made(
            "token-with-attestation",
            request(2, |w| _ = w.uint(3).array(1).uint(0).uint(19).bytes(TOKEN), data_item::ATTESTATION),
            ["malformed", "REQ-TEEP-041", "attestation is requested, and yet there is a token"],
        ),
        made(
            "neither-token-nor-attestation",
            request(1, |w| _ = w.uint(3).array(1).uint(0), asked),
            ["malformed", "REQ-TEEP-041", "attestation is not requested, and yet there is no token"],
        ),
        made(
            "challenge-without-attestation",
            request(
                3,
                |w| _ = w.uint(2).bytes(b"challenge").uint(3).array(1).uint(0).uint(19).bytes(TOKEN),
                asked,
            ),
            ["malformed", "REQ-TEEP-043", "attestation is not requested, and yet there is a challenge"],
        ),
        made(
            "option-of-another-message",
            success_with(11, "an err-msg"),
            ["malformed", "REQ-TEEP-016", "err-msg is assigned, but not to Success"],
        ),
        made(
            "msg-of-129-bytes",
            success_with(10, &"é".repeat(65)),
            ["malformed", "", "65 characters, but 130 bytes"],
        ),
        made(
            "pre-26-success-as-final",
            Message::Success(Success { token: Some(TOKEN), ..Success::default() })
                .encode_in(Dialect::Pre26)
                .expect("encodes"),
            ["malformed", "", "type 5 with two items is Success in the other dialect only"],
        ),
    ]
}
