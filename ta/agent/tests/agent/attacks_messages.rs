// SPDX-License-Identifier: Apache-2.0
//! Attacks by COSE headers and signatures that no tool makes, and with messages of another time or device.

use crate::author::*;
use crate::support::*;
use crate::{SUITE, support};
use teep_agent::config::Suite;
use teep_proto::cbor::{Reader, Writer, encode};
use teep_proto::cose::{Signatures, sign, sign1_detached};
use teep_proto::suit::{Envelope, EnvelopeBuilder, Reason};
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::{ErrCode, Message, QueryRequest, Update};
use teep_sim::MemoryEnv;

/// Number of the secret of [`tam_key`], and of [`signer_key`].
const TAM: u8 = 1;
const SIGNER: u8 = 4;

/// The signature of the key of `suite` with the number `n` over any bytes.
fn raw_signature(suite: Suite, n: u8, bytes: &[u8]) -> Vec<u8> {
    match suite {
        Suite::Esp256 => {
            use p256::ecdsa::signature::Signer;
            let key = p256::ecdsa::SigningKey::from_slice(&[n; 32]).expect("a scalar");
            let signature: p256::ecdsa::Signature = key.sign(bytes);
            signature.to_bytes().to_vec()
        }
        Suite::Ed25519 => {
            use ed25519_dalek::Signer;
            ed25519_dalek::SigningKey::from_bytes(&[n; 32]).sign(bytes).to_bytes().to_vec()
        }
    }
}

/// The protected header with the algorithm of `suite` and what `more` says.
fn protected(suite: Suite, entries: usize, more: impl FnOnce(&mut Writer)) -> Vec<u8> {
    encode(|w| {
        w.map(entries + 1).int(1).int(suite.algorithm().number());
        more(w);
    })
}

/// A COSE_Sign1 with these headers; the signature is real. Without `payload` it is detached.
fn crafted(
    (suite, n): (Suite, u8),
    protected: &[u8],
    unprotected: impl FnOnce(&mut Writer),
    payload: &[u8],
    is_detached: bool,
) -> Vec<u8> {
    let structure = encode(|w| {
        w.array(4).text("Signature1").bytes(protected).bytes(b"").bytes(payload);
    });
    let signature = raw_signature(suite, n, &structure);
    encode(|w| {
        w.tag(18).array(4).bytes(protected);
        unprotected(w);
        if is_detached { w.null() } else { w.bytes(payload) }.bytes(&signature);
    })
}

fn none(w: &mut Writer) {
    w.map(0);
}

/// An Update that installs the TA, unsigned.
fn payload() -> Vec<u8> {
    let envelope = envelope(1);
    let update = Update { token: Some(TOKEN), manifest_list: vec![&envelope], ..Update::default() };
    encoded(&Message::Update(update))
}

/// The code of the answer to the TAM's `message`, which installs nothing.
fn refused(message: &[u8]) -> u64 {
    let mut device = Device::new();
    device.request_ta(None);
    let code = device.process(message).code();
    assert_ne!(code, 0);
    assert_eq!((device.installed(), device.objects()), ((None, None), 0));
    assert_eq!(device.update(&[envelope(1)]).code(), 0, "the device keeps working");
    code
}

/// What becomes of a manifest with these authentication blocks over its digest.
fn manifest_with(blocks: impl FnOnce(&[u8]) -> Vec<Vec<u8>>) -> Option<(u64, Reason)> {
    let good = envelope(1);
    let good = Envelope::decode(&good).expect("an envelope");
    let builder =
        EnvelopeBuilder { payloads: good.payloads(), ..EnvelopeBuilder::new(good.manifest_bytes()) };
    let mut device = Device::new();
    let received = device.update(&[builder.build(&blocks(&builder.digest()))]);
    let refusal = (received.code() != 0).then(|| received.refusal());
    assert_eq!(device.installed().0.is_some(), refusal.is_none());
    refusal
}

#[test]
fn crafted_message_and_manifest_without_fault_are_taken() {
    let message = crafted((SUITE, TAM), &protected(SUITE, 0, |_| ()), none, &payload(), false);
    let mut device = Device::new();
    device.request_ta(None);
    assert_eq!(device.process(&message).code(), 0);
    let esp256 = Suite::Esp256;
    let block =
        |digest: &[u8]| vec![crafted((esp256, SIGNER), &protected(esp256, 0, |_| ()), none, digest, true)];
    assert_eq!(manifest_with(block), None);
}

#[test]
fn message_with_its_algorithm_in_the_unprotected_header_only() {
    let unprotected = |w: &mut Writer| {
        w.map(1).int(1).int(SUITE.algorithm().number());
    };
    for protected in [&b""[..], b"\xa0"] {
        let message = crafted((SUITE, TAM), protected, unprotected, &payload(), false);
        assert_eq!(refused(&message), ErrCode::PERMANENT_ERROR.number());
    }
    let twice = crafted((SUITE, TAM), &protected(SUITE, 0, |_| ()), unprotected, &payload(), false);
    assert_eq!(refused(&twice), ErrCode::PERMANENT_ERROR.number(), "in both headers");
}

#[test]
fn message_that_names_another_algorithm_than_that_of_the_key() {
    // The other suite's, ES256, HMAC 256/256 with the public key for a secret, ES384, none.
    for algorithm in [support::other_suite().algorithm().number(), -7, 5, -35, 0] {
        let header = encode(|w| {
            w.map(1).int(1).int(algorithm);
        });
        refused(&crafted((SUITE, TAM), &header, none, &payload(), false));
    }
}

#[test]
fn message_with_a_critical_header_that_nobody_knows() {
    let unknown = protected(SUITE, 2, |w| {
        w.int(2).array(1).int(99).int(99).int(0);
    });
    refused(&crafted((SUITE, TAM), &unknown, none, &payload(), false));
    let absent = protected(SUITE, 1, |w| {
        w.int(2).array(1).int(99);
    });
    refused(&crafted((SUITE, TAM), &absent, none, &payload(), false));
    let unprotected = |w: &mut Writer| {
        w.map(1).int(2).array(1).int(1);
    };
    refused(&crafted((SUITE, TAM), &protected(SUITE, 0, |_| ()), unprotected, &payload(), false));
}

#[test]
fn message_with_an_unknown_or_a_second_kid() {
    fn kid(of: &[u8]) -> impl FnOnce(&mut Writer) {
        move |w| {
            w.map(1).int(4).bytes(of);
        }
    }
    let plain = protected(SUITE, 0, |_| ());
    // Its own one, once in either header, is taken; twice it is not.
    let own = tam_key().public_key().thumbprint().0;
    let with_own = protected(SUITE, 1, |w| {
        w.int(4).bytes(&own);
    });
    for message in [
        crafted((SUITE, TAM), &with_own, none, &payload(), false),
        crafted((SUITE, TAM), &plain, kid(&own), &payload(), false),
    ] {
        let mut device = Device::new();
        device.request_ta(None);
        assert_eq!(device.process(&message).code(), 0);
    }
    let malformed = ErrCode::PERMANENT_ERROR.number();
    assert_eq!(refused(&crafted((SUITE, TAM), &with_own, kid(&own), &payload(), false)), malformed);
    let own_twice = |w: &mut Writer| {
        w.int(4).bytes(&own).int(4).bytes(&own);
    };
    let header = protected(SUITE, 2, own_twice);
    assert_eq!(refused(&crafted((SUITE, TAM), &header, none, &payload(), false)), malformed);
    let unprotected = |w: &mut Writer| {
        own_twice(w.map(2));
    };
    assert_eq!(refused(&crafted((SUITE, TAM), &plain, unprotected, &payload(), false)), malformed);
    // Somebody else's.
    refused(&crafted((SUITE, TAM), &plain, kid(b"nobody's"), &payload(), false));
    let with_kid = protected(SUITE, 1, |w| {
        w.int(4).bytes(b"nobody's");
    });
    refused(&crafted((SUITE, TAM), &with_kid, none, &payload(), false));
    refused(&crafted((SUITE, TAM), &with_kid, kid(&own), &payload(), false));
    refused(&crafted((SUITE, TAM), &with_own, kid(b"nobody's"), &payload(), false));
}

#[test]
fn message_with_the_signature_of_another_message() {
    let [wanted, other] =
        [envelope(1), Author::of(OTHER_TA, 1).envelope()].map(|envelope| update(&tam_key(), &[envelope]));
    let len = other.len();
    let mut swapped = wanted.clone();
    let at = swapped.len() - 64;
    swapped[at..].copy_from_slice(&other[len - 64..]);
    refused(&swapped);
}

#[test]
fn message_whose_signature_was_stripped() {
    let good = update(&tam_key(), &[envelope(1)]);
    let signed = Signatures::decode(&good).expect("COSE").claimed_payload().expect("attached").to_vec();
    let header = protected(SUITE, 0, |_| ());
    let sign1 = encode(|w| {
        w.tag(18).array(4).bytes(&header).map(0).bytes(&signed).bytes(b"");
    });
    let no_signatures = encode(|w| {
        w.tag(98).array(4).bytes(b"").map(0).bytes(&signed).array(0);
    });
    let detached = encode(|w| {
        w.tag(18).array(4).bytes(&header).map(0).null().bytes(&[0; 64]);
    });
    for message in [sign1, no_signatures, detached, signed] {
        refused(&message);
    }
}

#[test]
fn message_with_a_strangers_signature_twice() {
    let stranger = key_of(SUITE, 99);
    refused(&sign(&[stranger.clone(), stranger], &payload()).expect("signs"));
}

#[test]
fn manifest_with_bent_headers() {
    let esp256 = Suite::Esp256;
    let refusal = |header: &[u8], unprotected: fn(&mut Writer)| {
        let blocks =
            manifest_with(|digest| vec![crafted((esp256, SIGNER), header, unprotected, digest, true)]);
        blocks.expect("it is refused").0
    };
    let algorithm_unprotected = |w: &mut Writer| {
        w.map(1).int(1).int(-9);
    };
    assert_eq!(refusal(b"", algorithm_unprotected), 11);
    assert_eq!(refusal(b"\xa1\x01\x32", none), 11, "the number of Ed25519");
    assert_eq!(refusal(b"\xa1\x01\x26", none), 11, "ES256");
    let critical = protected(esp256, 2, |w| {
        w.int(2).array(1).int(99).int(99).int(0);
    });
    assert_eq!(refusal(&critical, none), 11);
    let unknown_kid = |w: &mut Writer| {
        w.map(1).int(4).bytes(b"nobody's");
    };
    assert_eq!(refusal(&protected(esp256, 0, |_| ()), unknown_kid), 11);
}

#[test]
fn manifest_whose_signatures_were_stripped_swapped_or_doubled() {
    let unauthenticated = Some((11, Reason::Unauthenticated));
    let by = |key: &teep_proto::cose::SigningKey, digest: &[u8]| sign1_detached(key, digest).expect("signs");
    assert_eq!(manifest_with(|_| vec![]), unauthenticated);
    let other = Author::of(OTHER_TA, 1).envelope();
    let other = Envelope::decode(&other).expect("an envelope").claimed_digest().encode();
    assert_eq!(manifest_with(|_| vec![by(&signer_key(), &other)]), unauthenticated);
    assert_eq!(manifest_with(|digest| vec![by(&key(98), digest), by(&key(98), digest)]), unauthenticated);
    // Two signatures by one signer are one signer.
    let narrow = |digest: &[u8]| vec![by(&narrow_signer_key(), digest), by(&narrow_signer_key(), digest)];
    assert_eq!(manifest_with(narrow), Some((11, Reason::ComponentUnauthorised)));
}

/// What the Agent answers to the QueryRequest of a TAM.
fn answer(device: &mut Device, request: &[u8]) -> Received {
    device.invoke(Command::RequestPolicyCheck, &[]);
    let received = device.process(request);
    device.agent.close(&mut device.session);
    received
}

#[test]
fn replayed_query_request() {
    let mut device = Device::new();
    let request = signed_query_request(QueryRequest { token: Some(b"the old token 1"), ..query_request() });
    answer(&mut device, &request);
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
    let before = (device.installed(), device.env.operations());
    // The token that comes back is the old one, which counts with no TAM any more, and only a TAM's.
    let received = answer(&mut device, &request);
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    assert_eq!(response.token, Some(&b"the old token 1"[..]));
    assert_eq!((device.installed(), device.env.operations()), before, "nothing is changed by it");
    // In the conversation with another TAM it counts as little as any stranger's.
    assert_eq!(device.other_tam_says(&request).code(), ErrCode::BAD_CERTIFICATE.number());
}

#[test]
fn messages_of_another_device() {
    let mut other = Device::start(teep_sim::MemoryEnv::new([8; 32]));
    other.invoke(Command::RequestPolicyCheck, &[]);
    let request = signed_query_request(query_request());
    let Reply::Send { message: query_response, .. } = other.invoke(Command::ProcessTeepMessage, &request)
    else {
        panic!("no QueryResponse")
    };
    let Reply::Send { message: success, .. } =
        other.invoke(Command::ProcessTeepMessage, &update(&tam_key(), &[envelope(1)]))
    else {
        panic!("no Success")
    };
    for message in [query_response, success] {
        assert_eq!(refused(&message), ErrCode::BAD_CERTIFICATE.number(), "another device is no TAM");
    }
}

/// The signature number `n` of a COSE_Sign, alone.
fn only(message: &[u8], n: usize) -> Vec<u8> {
    let mut r = Reader::open(message).expect("well-formed");
    r.optional_tag();
    r.array("").expect("well-formed");
    let head: Vec<_> = (0..3).map(|_| r.item().expect("well-formed")).collect();
    let count = r.array("").expect("well-formed");
    let list: Vec<_> = (0..count).map(|_| r.item().expect("well-formed")).collect();
    encode(|w| {
        w.tag(98).array(4);
        head.iter().for_each(|item| {
            w.raw(item);
        });
        w.array(1).raw(list[n]);
    })
}

#[test]
fn attack_replayed_update_with_one_of_its_two_signatures() {
    let mut config = configuration();
    let second = key_of(SUITE, 40);
    config.trust.tams[0].keys.push(second.public_key().into());
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let envelope = envelope(1);
    let order =
        Update { token: Some(b"a token of 17 byt"), manifest_list: vec![&envelope], ..Update::default() };
    let payload = Message::Update(order).encode().expect("well-formed");
    let install = sign(&[tam_key(), second], &payload).expect("well-formed");
    device.say(&install, &[]);
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    for replay in [install.clone(), only(&install, 0), only(&install, 1)] {
        let received = device.say(&replay, &[]);
        assert_eq!(device.installed(), (None, None), "{:?}", received.outcome);
    }
}
