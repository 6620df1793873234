// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::mock::{bytes_at, exclusive};
use optee_utee::raw;
use optee_utee_sys::mock_api;
use std::cell::RefCell;
use std::rc::Rc;

/// What the TA said to a pseudo-TA.
#[derive(Default)]
struct Heard {
    uuid: String,
    command: u32,
    types: u32,
    input: Vec<u8>,
    open: usize,
}

/// Runs `test` with one pseudo-TA that lets itself be opened with the result `open`, then invoked, answers
/// with `answer`, and puts `output` into p1 when there is one.
fn with_pta<T>(open: u32, answer: u32, output: &'static [u8], test: impl FnOnce() -> T) -> (T, Heard) {
    let _lock = exclusive();
    let heard = Rc::new(RefCell::new(Heard::default()));

    let on_open = Rc::clone(&heard);
    let opening = mock_api::TEE_OpenTASession_context();
    opening.expect().returning_st(move |uuid, _, _, _, session, _| {
        let mut heard = on_open.borrow_mut();
        // SAFETY: optee-utee passes a UUID and a place for the handle.
        unsafe {
            heard.uuid = Uuid::from(*uuid).to_string();
            *session = core::ptr::dangling_mut();
        }
        heard.open += usize::from(open == raw::TEE_SUCCESS);
        open
    });

    let on_invoke = Rc::clone(&heard);
    let invoking = mock_api::TEE_InvokeTACommand_context();
    invoking.expect().returning_st(move |_, _, command, types, params, _| {
        let mut heard = on_invoke.borrow_mut();
        (heard.command, heard.types) = (command, types);
        // SAFETY: optee-utee passes four parameters of these types; p0 of both commands is an input buffer.
        unsafe {
            let [p0, p1, ..] = &mut *params.cast::<[raw::TEE_Param; 4]>();
            heard.input = bytes_at(p0.memref.buffer, p0.memref.size).to_vec();
            if raw::TEE_PARAM_TYPE_GET(types, 1) == raw::TEE_PARAM_TYPE_MEMREF_OUTPUT {
                assert!(output.len() <= p1.memref.size);
                core::ptr::copy(output.as_ptr(), p1.memref.buffer.cast(), output.len());
                p1.memref.size = output.len();
            }
        }
        answer
    });

    let on_close = Rc::clone(&heard);
    let closing = mock_api::TEE_CloseTASession_context();
    closing.expect().returning_st(move |_| on_close.borrow_mut().open -= 1);

    let result = test();
    (result, heard.take())
}

#[test]
fn a_key_is_derived_by_the_system_pta_from_its_label() {
    let (key, heard) = with_pta(raw::TEE_SUCCESS, raw::TEE_SUCCESS, &[0x5a; 32], || derive_key(b"label"));
    assert_eq!(*key.expect("a key"), [0x5a; 32]);
    assert_eq!(heard.uuid, "3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc");
    assert_eq!((heard.command, heard.types), (1, 0x0065));
    assert_eq!(heard.input, b"label");
    assert_eq!(heard.open, 0, "the session was left open");
}

#[test]
fn a_key_of_another_length_is_not_used() {
    for output in [&[][..], &[1; 16], &[1; 31]] {
        let (key, _) = with_pta(raw::TEE_SUCCESS, raw::TEE_SUCCESS, output, || derive_key(b"label"));
        assert_eq!(key.expect_err("too short").kind(), ErrorKind::Generic);
    }
}

#[test]
fn the_system_ptas_errors_are_passed_on() {
    for code in [raw::TEE_ERROR_OUT_OF_MEMORY, raw::TEE_ERROR_SECURITY, 0xffff_1234] {
        let (opened, _) = with_pta(code, raw::TEE_SUCCESS, &[], || derive_key(b"label"));
        assert_eq!(opened.expect_err("refused").raw_code(), code);
        let (invoked, heard) = with_pta(raw::TEE_SUCCESS, code, &[], || derive_key(b"label"));
        assert_eq!(invoked.expect_err("refused").raw_code(), code);
        assert_eq!(heard.open, 0, "the session was left open");
    }
}

#[test]
fn an_image_is_installed_by_the_ta_store() {
    let install = || PtaInstaller.install(b"signed TA");
    let (result, heard) = with_pta(raw::TEE_SUCCESS, raw::TEE_SUCCESS, &[], install);
    result.expect("installed");
    assert_eq!(heard.uuid, "6e256cba-fc4d-4941-ad09-2ca1860342dd");
    assert_eq!((heard.command, heard.types), (0, 0x0005));
    assert_eq!(heard.input, b"signed TA");
    assert_eq!(heard.open, 0, "the session was left open");
}

#[test]
fn the_ta_stores_errors_have_their_meaning() {
    for (code, meaning) in [
        (0xffff_000f, InstallError::Refused),
        (0xffff_0003, InstallError::OlderVersion),
        (0xffff_000c, InstallError::OutOfMemory),
        (raw::TEE_ERROR_STORAGE_NO_SPACE, InstallError::Failed(raw::TEE_ERROR_STORAGE_NO_SPACE)),
        (0xffff_1234, InstallError::Failed(0xffff_1234)),
    ] {
        let (result, heard) = with_pta(raw::TEE_SUCCESS, code, &[], || PtaInstaller.install(b"image"));
        assert_eq!(result, Err(meaning), "{code:08x}");
        assert_eq!(heard.open, 0, "the session was left open");
    }
}

#[test]
fn an_optee_without_the_ta_store_is_a_failure() {
    let (result, _) =
        with_pta(raw::TEE_ERROR_ITEM_NOT_FOUND, raw::TEE_SUCCESS, &[], || PtaInstaller.install(b"image"));
    assert_eq!(result, Err(InstallError::Failed(raw::TEE_ERROR_ITEM_NOT_FOUND)));
}
