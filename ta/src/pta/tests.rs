// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::mock::pta::{put, with_pta};
use optee_utee::raw;

#[test]
fn a_key_is_derived_by_the_system_pta_from_its_label() {
    let (key, heard) =
        with_pta(raw::TEE_SUCCESS, |_, params| put(&mut params[1], &[0x5a; 32]), || derive_key(b"label"));
    assert_eq!(*key.expect("a key"), [0x5a; 32]);
    assert_eq!(heard.uuid, "3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc");
    assert_eq!((heard.calls[0].command, heard.calls[0].types), (1, 0x0065));
    assert_eq!(heard.calls[0].input, b"label");
    assert_eq!(heard.open, 0, "the session was left open");
}

#[test]
fn a_key_of_another_length_is_not_used() {
    for output in [&[][..], &[1; 16], &[1; 31]] {
        let (key, _) =
            with_pta(raw::TEE_SUCCESS, |_, params| put(&mut params[1], output), || derive_key(b"label"));
        assert_eq!(key.expect_err("too short").kind(), ErrorKind::Generic);
    }
}

#[test]
fn the_system_ptas_errors_are_passed_on() {
    for code in [raw::TEE_ERROR_OUT_OF_MEMORY, raw::TEE_ERROR_SECURITY, 0xffff_1234] {
        let (opened, _) = with_pta(code, |_, _| panic!("not open"), || derive_key(b"label"));
        assert_eq!(opened.expect_err("refused").raw_code(), code);
        let (invoked, heard) = with_pta(raw::TEE_SUCCESS, move |_, _| code, || derive_key(b"label"));
        assert_eq!(invoked.expect_err("refused").raw_code(), code);
        assert_eq!(heard.open, 0, "the session was left open");
    }
}

#[test]
fn the_measurement_is_that_of_the_attestation_pta() {
    let answer = |command: u32| [&[command as u8; 32][..], &[0xff; 384]].concat();
    let (measured, heard) =
        with_pta(raw::TEE_SUCCESS, move |call, params| put(&mut params[1], &answer(call.command)), measure);
    assert_eq!(measured.expect("a measurement"), Some(Measured { agent: [2; 32], tee: [3; 32] }));
    assert_eq!(heard.uuid, "39800861-182a-4720-9b67-2bcd622bc0b5");
    assert_eq!(heard.calls.len(), 2);
    for call in &heard.calls {
        assert_eq!(call.types, 0x0065);
        assert!(!call.input.is_empty(), "a nonce");
    }
    assert_eq!(heard.open, 0, "the session was left open");
}

#[test]
fn an_optee_without_the_attestation_pta_measures_nothing() {
    let (measured, _) = with_pta(raw::TEE_ERROR_ITEM_NOT_FOUND, |_, _| panic!("not open"), measure);
    assert_eq!(measured.expect("no failure"), None);
    let (measured, _) = with_pta(raw::TEE_ERROR_OUT_OF_MEMORY, |_, _| panic!("not open"), measure);
    assert_eq!(measured.expect_err("a failure").kind(), ErrorKind::OutOfMemory);
}

#[test]
fn an_answer_without_a_whole_hash_is_no_measurement() {
    let (measured, _) = with_pta(raw::TEE_SUCCESS, |_, params| put(&mut params[1], &[1; 31]), measure);
    assert_eq!(measured.expect_err("too short").kind(), ErrorKind::Generic);
    let (measured, _) = with_pta(raw::TEE_SUCCESS, |_, _| raw::TEE_ERROR_ACCESS_DENIED, measure);
    assert_eq!(measured.expect_err("refused").kind(), ErrorKind::AccessDenied);
}
