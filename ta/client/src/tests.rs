// SPDX-License-Identifier: Apache-2.0
//! Against an Agent behind the mock of the TEE Internal Core API.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    reason = "OP-TEE's interface is one of raw pointers, and a wrong sum fails the test"
)]

use super::*;
use optee_utee::raw;
use optee_utee_sys::mock_api;
use optee_utee_sys::mock_utils::SERIAL_TEST_LOCK;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::PoisonError;

const ID: [&[u8]; 2] = [b"TEEP-Device", b"greeting"];
/// Input buffer, value both ways, output buffer.
const TYPES: u32 = 0x0635;

/// What the Agent does when it is asked.
#[derive(Clone, Default)]
struct Agent {
    /// Result of opening a session.
    open: u32,
    data: Vec<u8>,
    /// What it answers instead of giving data.
    refusal: Option<u32>,
    /// Calls after which the data is replaced by this.
    replacement: Option<(usize, Vec<u8>)>,
}

fn with_data(data: &[u8]) -> Agent {
    Agent { data: data.to_vec(), ..Agent::default() }
}

impl Agent {
    fn answer(&mut self, calls: usize, types: u32, params: &mut [raw::TEE_Param; 4]) -> u32 {
        assert_eq!(types, TYPES);
        if let Some((_, data)) = self.replacement.take_if(|(after, _)| calls > *after) {
            self.data = data;
        }
        // SAFETY: the types say what the parameters are; optee-utee passes valid buffers.
        unsafe {
            let [id, position, bytes, _] = params;
            let id = core::slice::from_raw_parts(id.memref.buffer.cast::<u8>(), id.memref.size);
            assert_eq!(ComponentId::decode(id).expect("an identifier").to_elements(), ID);
            if let Some(code) = self.refusal {
                return code;
            }
            let rest = self.data.get(position.value.a as usize..).unwrap_or_default();
            let read = rest.len().min(bytes.memref.size);
            core::ptr::copy(rest.as_ptr(), bytes.memref.buffer.cast(), read);
            bytes.memref.size = read;
            position.value.a = self.data.len() as u32;
        }
        raw::TEE_SUCCESS
    }

    /// Runs `test` beside this Agent. Gives how many calls there were.
    fn serve<T>(mut self, test: impl FnOnce() -> T) -> (T, usize) {
        let _lock = SERIAL_TEST_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, calls) = (Rc::new(RefCell::new(0)), Rc::new(Cell::new(0)));
        let result = self.open;

        let at = Rc::clone(&open);
        let opening = mock_api::TEE_OpenTASession_context();
        opening.expect().returning_st(move |uuid, _, types, _, session, _| {
            assert_eq!(types, 0);
            // SAFETY: optee-utee passes a UUID and a place for the handle.
            unsafe {
                assert_eq!(Uuid::from(*uuid).to_string(), "f15aa4a3-e3c4-4c8f-8477-30824b81d2b4");
                *session = core::ptr::dangling_mut();
            }
            *at.borrow_mut() += u32::from(result == raw::TEE_SUCCESS);
            result
        });

        let counted = Rc::clone(&calls);
        let invoking = mock_api::TEE_InvokeTACommand_context();
        invoking.expect().returning_st(move |_, _, command, types, params, _| {
            assert_eq!(command, READ_DATA);
            counted.set(counted.get() + 1);
            // SAFETY: optee-utee passes four parameters of these types.
            self.answer(counted.get(), types, unsafe { &mut *params.cast() })
        });

        let at = Rc::clone(&open);
        let closing = mock_api::TEE_CloseTASession_context();
        closing.expect().returning_st(move |_| *at.borrow_mut() -= 1);

        let result = test();
        assert_eq!(*open.borrow(), 0, "a session was left open");
        (result, calls.get())
    }
}

fn read(limit: usize) -> Result<Vec<u8>, Error> {
    Personalization::open()?.read(&ID, limit)
}

#[test]
fn data_within_the_limit_is_read() {
    for data in [&b""[..], b"Ada", &[7; 100]] {
        let (result, _) = with_data(data).serve(|| read(100));
        assert_eq!(result.as_deref(), Ok(data));
    }
}

#[test]
fn data_beyond_the_limit_is_not_even_asked_for() {
    let (result, calls) = with_data(&[7; 101]).serve(|| read(100));
    assert_eq!((result, calls), (Err(Error::TooLarge { size: 101 }), 1));
}

#[test]
fn large_data_is_read_in_pieces() {
    let data: Vec<u8> = (0..1000u32).map(|n| n as u8).collect();
    let ((read, size), _) = with_data(&data).serve(|| {
        let mut agent = Personalization::open().expect("a session");
        let (mut read, mut buffer) = (Vec::new(), [0; 300]);
        loop {
            let piece = agent.read_at(&ID, read.len() as u32, &mut buffer).expect("a piece");
            assert_eq!(piece.size, 1000);
            if piece.read == 0 {
                break;
            }
            read.extend(&buffer[..piece.read]);
        }
        (read, agent.size(&ID))
    });
    assert_eq!((read, size), (data, Ok(1000)));
}

/// What is returned is one version of the data, whole.
#[test]
fn data_that_is_replaced_meanwhile_is_not_mixed() {
    for replacement in [&b"Grace"[..], b"Al", b""] {
        let agent = Agent { replacement: Some((1, replacement.to_vec())), ..with_data(b"Ada") };
        let (result, _) = agent.serve(|| read(100));
        assert_eq!(result, Err(Error::Busy), "{replacement:?}");
    }
}

#[test]
fn the_cause_of_a_refusal_is_told() {
    for (code, cause) in [
        (raw::TEE_ERROR_ITEM_NOT_FOUND, Error::NotFound),
        (raw::TEE_ERROR_BAD_PARAMETERS, Error::BadIdentifier),
        (raw::TEE_ERROR_EXCESS_DATA, Error::BadIdentifier),
        (raw::TEE_ERROR_BUSY, Error::Busy),
        (raw::TEE_ERROR_OUT_OF_MEMORY, Error::OutOfMemory),
        (raw::TEE_ERROR_TARGET_DEAD, Error::Failed(raw::TEE_ERROR_TARGET_DEAD)),
    ] {
        let (result, _) = Agent { refusal: Some(code), ..with_data(b"Ada") }.serve(|| read(100));
        assert_eq!(result, Err(cause), "{code:08x}");
    }
}

#[test]
fn without_an_agent_there_is_a_cause_too() {
    for (code, cause) in [
        (raw::TEE_ERROR_ITEM_NOT_FOUND, Error::NoAgent),
        (raw::TEE_ERROR_BUSY, Error::Busy),
        (raw::TEE_ERROR_OUT_OF_MEMORY, Error::OutOfMemory),
        (raw::TEE_ERROR_SECURITY, Error::Failed(raw::TEE_ERROR_SECURITY)),
    ] {
        let (result, calls) = Agent { open: code, ..with_data(b"Ada") }.serve(|| read(100));
        assert_eq!((result, calls), (Err(cause), 0), "{code:08x}");
    }
}

#[test]
fn a_trusted_application_can_pass_an_error_on() {
    for (error, code) in [
        (Error::NotFound, raw::TEE_ERROR_ITEM_NOT_FOUND),
        (Error::NoAgent, raw::TEE_ERROR_ITEM_NOT_FOUND),
        (Error::BadIdentifier, raw::TEE_ERROR_BAD_PARAMETERS),
        (Error::TooLarge { size: 7 }, raw::TEE_ERROR_EXCESS_DATA),
        (Error::Busy, raw::TEE_ERROR_BUSY),
        (Error::OutOfMemory, raw::TEE_ERROR_OUT_OF_MEMORY),
        (Error::Failed(0xffff_1234), 0xffff_1234),
    ] {
        assert_eq!(optee_utee::Error::from(error).raw_code(), code);
        assert!(!error.to_string().is_empty());
    }
}
