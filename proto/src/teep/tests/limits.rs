// SPDX-License-Identifier: Apache-2.0
//! Every list and number at its limit and one past it.

use super::*;
use crate::Kind;
use crate::limits::{MAX_LIST, MAX_SIGNATURES};

/// A message of type `kind` whose option `label` is a list of `n` times `item`.
fn list(kind: u64, label: u64, n: usize, item: &[u8]) -> Vec<u8> {
    with_option(kind, label, |w| {
        w.array(n);
        for _ in 0..n {
            w.raw(item);
        }
    })
}

#[test]
fn lists_at_their_limit_and_one_past_it() {
    let lists: &[(&str, u64, u64, &[u8])] = &[
        ("tc-list", 2, 7, b"\xa1\x00\x81\x41a"),
        ("ext-list", 2, 8, b"\x01"),
        ("requested-tc-list", 2, 13, b"\xa1\x0f\x81\x41a"),
        ("unneeded-manifest-list", 2, 14, b"\x81\x41a"),
        ("unneeded-manifest-list", 3, 14, b"\x81\x41a"),
        ("manifest-list", 3, 9, b"\x41e"),
        ("suit-reports", 2, 18, b"\x41r"),
        ("suit-reports", 4, 18, b"\x41r"),
        ("suit-reports", 5, 18, b"\x41r"),
        ("versions", 5, 3, b"\x00"),
        ("supported-teep-cipher-suites", 5, 1, b"\x81\x82\x12\x28"),
        ("supported-suit-cose-profiles", 5, 4, b"\x84\x2f\x28\x38\x1c\x01"),
        ("supported-freshness-mechanisms", 5, 20, b"\x00"),
    ];
    for (name, kind, label, item) in lists {
        let kind_of = |n| receive(&list(*kind, *label, n, item)).map_err(|error| error.kind);
        assert!(kind_of(1).is_ok(), "{name}");
        assert!(kind_of(MAX_LIST).is_ok(), "{name}");
        assert_eq!(kind_of(MAX_LIST + 1), Err(Kind::TooLarge), "{name}");
        if !matches!(label, 7 | 8) {
            assert_eq!(kind_of(0), Err(Kind::Malformed), "REQ-TEEP-011: {name}");
        } else {
            assert!(kind_of(0).is_ok(), "AMB-04: {name}");
        }
    }
}

#[test]
fn positional_lists_need_an_element() {
    let request = query_request();
    assert!(receive(&raw(Dialect::Final, &Message::QueryRequest(request.clone()))).is_ok());
    let no_suites = QueryRequest { supported_teep_cipher_suites: vec![], ..request.clone() };
    assert!(receive(&raw(Dialect::Final, &Message::QueryRequest(no_suites))).is_err(), "REQ-TEEP-011");
    let no_profiles = QueryRequest { supported_suit_cose_profiles: vec![], ..request };
    assert!(receive(&raw(Dialect::Final, &Message::QueryRequest(no_profiles))).is_err(), "REQ-TEEP-011");
}

#[test]
fn operations_of_a_suite() {
    let suite = |n: usize| {
        let suite = encode(|w| {
            w.array(n);
            for _ in 0..n {
                w.array(2).uint(18).int(-9);
            }
        });
        receive(&list(5, 1, 1, &suite)).map_err(|error| error.kind)
    };
    assert!(suite(1).is_ok() && suite(MAX_SIGNATURES).is_ok());
    assert_eq!(suite(0), Err(Kind::Malformed), "REQ-TEEP-011");
    assert_eq!(suite(MAX_SIGNATURES + 1), Err(Kind::TooLarge));
    for item in [&b"\x81\x81\x12"[..], b"\x81\x83\x12\x28\x28", b"\x81\x12", b"\x81\x82\x12\x61x"] {
        assert!(receive(&list(5, 1, 1, item)).is_err(), "{item:02x?}");
    }
}

#[test]
fn numbers_of_four_bytes() {
    for (kind, label) in [(2, 5), (2, 8), (5, 3)] {
        let message = |value: u64| {
            with_option(kind, label, |w| {
                if label != 5 {
                    w.array(1);
                }
                w.uint(value);
            })
        };
        assert!(receive(&message(u32::MAX.into())).is_ok(), "REQ-TEEP-010: {kind} {label}");
        assert!(receive(&message(1 << 32)).is_err(), "REQ-TEEP-010: {kind} {label}");
    }
}

#[test]
fn attestation_payload_format() {
    let message = |n: usize| {
        encode(|w| {
            w.array(2).uint(2).map(2).uint(6).bytes(b"eat").uint(12).text(&"x".repeat(n));
        })
    };
    assert!(receive(&message(1)).is_ok() && receive(&message(256)).is_ok());
    assert!(receive(&message(0)).is_err() && receive(&message(257)).is_err());
}

#[test]
fn msg_err_msg_and_nothing_else_than_a_signed_message() {
    // REQ-TEEP-009 of err-msg in both messages that have it; msg and the others are tested beside.
    for kind in [3, 5] {
        let message = |n: usize| {
            with_option(kind, 11, |w| {
                w.text(&"x".repeat(n));
            })
        };
        assert!(receive(&message(1)).is_ok() && receive(&message(128)).is_ok(), "REQ-TEEP-009");
        assert!(receive(&message(0)).is_err() && receive(&message(129)).is_err(), "REQ-TEEP-009");
    }
    // REQ-TEEP-003: a payload without COSE wrapper is no signed message. REQ-TEEP-004: nothing behind it.
    let payload = Message::QueryRequest(query_request()).encode().expect("encodes");
    assert!(Signatures::decode(&payload).is_err(), "REQ-TEEP-003");
    let mut trailing = payload;
    trailing.push(0);
    assert!(receive(&trailing).is_err(), "REQ-TEEP-004");
    // REQ-TEEP-016: a label twice, REQ-TEEP-001: a label that is no unsigned integer.
    assert!(receive(b"\x82\x04\xa2\x0a\x61a\x0a\x61b").is_err(), "REQ-TEEP-016");
    assert!(receive(b"\x82\x04\xa1\x20\x61a").is_err(), "REQ-TEEP-001");
    assert!(receive(b"\x82\x04\xa1\x61x\x61a").is_err(), "REQ-TEEP-001");
    // REQ-TEEP-012: err-code 0 in an Update.
    assert!(receive(b"\x82\x03\xa1\x16\x00").is_err(), "REQ-TEEP-012");
    assert!(receive(b"\x82\x03\xa1\x16\x01").is_ok(), "REQ-TEEP-088, REQ-TEEP-089: without err-lang");
}
