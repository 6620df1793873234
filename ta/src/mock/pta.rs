// SPDX-License-Identifier: Apache-2.0
//! One pseudo Trusted Application, as the caller sees it.

use super::{bytes_at, exclusive};
use optee_utee::{Uuid, raw};
use optee_utee_sys::mock_api;
use std::cell::RefCell;
use std::rc::Rc;

/// What the TA said to the pseudo-TA.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) uuid: String,
    pub(crate) calls: Vec<Heeded>,
    /// Sessions that are open.
    pub(crate) open: usize,
}

/// One command.
pub(crate) struct Heeded {
    pub(crate) command: u32,
    pub(crate) types: u32,
    /// Content of p0 when it is an input buffer.
    pub(crate) input: Vec<u8>,
}

pub(crate) type Params = [raw::TEE_Param; 4];

/// Runs `test` with one pseudo-TA that lets itself be opened with the result `open`, and answers with `answer`.
pub(crate) fn with_pta<T>(
    open: u32,
    mut answer: impl FnMut(&Heeded, &mut Params) -> u32 + 'static,
    test: impl FnOnce() -> T,
) -> (T, Heard) {
    let _lock = exclusive();
    let heard = Rc::new(RefCell::new(Heard::default()));

    let on_open = Rc::clone(&heard);
    let opening = mock_api::TEE_OpenTASession_context();
    opening.expect().returning_st(move |uuid, _, types, _, session, _| {
        let mut heard = on_open.borrow_mut();
        assert_eq!(types, 0);
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
        // SAFETY: optee-utee passes four parameters of these types.
        let params = unsafe { &mut *params.cast::<Params>() };
        let mut input = Vec::new();
        if raw::TEE_PARAM_TYPE_GET(types, 0) == raw::TEE_PARAM_TYPE_MEMREF_INPUT {
            // SAFETY: as above.
            input = unsafe { bytes_at(params[0].memref.buffer, params[0].memref.size) }.to_vec();
        }
        let call = Heeded { command, types, input };
        let result = answer(&call, params);
        on_invoke.borrow_mut().calls.push(call);
        result
    });

    let on_close = Rc::clone(&heard);
    let closing = mock_api::TEE_CloseTASession_context();
    closing.expect().returning_st(move |_| on_close.borrow_mut().open -= 1);

    let result = test();
    (result, heard.take())
}

/// Puts `bytes` into an output buffer, or says how long it must be.
pub(crate) fn put(param: &mut raw::TEE_Param, bytes: &[u8]) -> u32 {
    // SAFETY: the caller says that it is a memory reference, and optee-utee that it is valid.
    unsafe {
        let room = core::mem::replace(&mut param.memref.size, bytes.len());
        if bytes.len() > room {
            return raw::TEE_ERROR_SHORT_BUFFER;
        }
        core::ptr::copy(bytes.as_ptr(), param.memref.buffer.cast(), bytes.len());
    }
    raw::TEE_SUCCESS
}
