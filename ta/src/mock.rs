// SPDX-License-Identifier: Apache-2.0
//! What the tests put in OP-TEE's place: the functions of the TEE Internal Core API, one expectation at a
//! time, through the mock of optee-utee-sys. An unexpected call fails the test.

pub(crate) mod disk;
pub(crate) mod pta;

use core::ffi::c_void;
use optee_utee::raw;
use optee_utee_sys::mock_api;
use optee_utee_sys::mock_utils::SERIAL_TEST_LOCK;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A parameter that is not used.
pub(crate) const NONE: raw::TEE_Param = raw::TEE_Param { value: raw::Value { a: 0, b: 0 } };

/// What was written to the console.
static CONSOLE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The expectations are global: a test that sets some holds this while it runs.
pub(crate) fn exclusive() -> MutexGuard<'static, ()> {
    SERIAL_TEST_LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was written to the console since the last time.
pub(crate) fn take_console() -> String {
    let mut console = CONSOLE.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8(core::mem::take(&mut *console)).expect("the console gets text")
}

/// The bytes at `start`.
///
/// # Safety
/// As for [`core::slice::from_raw_parts`], except that `start` may be anything when `len` is 0.
pub(crate) unsafe fn bytes_at<'a>(start: *const c_void, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: this function's precondition.
    unsafe { core::slice::from_raw_parts(start.cast(), len) }
}

/// A memory reference over `bytes`.
pub(crate) fn memref(bytes: &mut [u8]) -> raw::TEE_Param {
    raw::TEE_Param { memref: raw::Memref { buffer: bytes.as_mut_ptr().cast(), size: bytes.len() } }
}

/// A TEE_MemMove that works, and says how often it was used.
pub(crate) fn mem_move(calls: &Rc<Cell<usize>>) -> mock_api::__TEE_MemMove::Context {
    let calls = Rc::clone(calls);
    let context = mock_api::TEE_MemMove_context();
    context.expect().returning_st(move |to, from, len| {
        calls.set(calls.get() + 1);
        // SAFETY: optee-utee passes two buffers of this length.
        unsafe { core::ptr::copy(from.cast::<u8>(), to.cast(), len) };
    });
    context
}

/// Lets OP-TEE say that the client has this login and UUID.
pub(crate) fn identity(login: u32, uuid: [u8; 16]) -> mock_api::__TEE_GetPropertyAsIdentity::Context {
    let context = mock_api::TEE_GetPropertyAsIdentity_context();
    context.expect().returning_st(move |set, name, identity| {
        assert_eq!(set, raw::TEE_PROPSET_CURRENT_CLIENT);
        // SAFETY: optee-utee passes a C string, and a place for the identity.
        unsafe {
            assert_eq!(core::ffi::CStr::from_ptr(name), c"gpd.client.identity");
            *identity = raw::TEE_Identity { login, uuid: *optee_utee::Uuid::from_bytes(uuid).as_raw_ptr() };
        }
        raw::TEE_SUCCESS
    });
    context
}

/// The console's system call, which the mock does not have.
///
/// # Safety
/// `start` must be valid for reads of `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn _utee_log(start: *const c_void, len: raw::size_t) {
    // SAFETY: this function's precondition.
    let text = unsafe { bytes_at(start, len) };
    CONSOLE.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(text);
}
