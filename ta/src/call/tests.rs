// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::mock::{NONE, exclusive, mem_move, memref};
use optee_utee::raw::TEE_PARAM_TYPES;
use optee_utee_sys::mock_api;
use std::cell::Cell;
use std::rc::Rc;
use teep_proto::teec::Command;

const MESSAGE: u32 = Command::ProcessTeepMessage.id();

/// Makes one call with these buffers, as OP-TEE would. Returns the result and the size of p1 afterwards.
fn call(
    id: u32,
    types: u32,
    request: raw::TEE_Param,
    reply: &mut [u8],
    agent: impl FnOnce(Command, &[u8]) -> Vec<u8>,
) -> (Result<()>, usize) {
    let mut params = [request, memref(reply), NONE, NONE];
    // SAFETY: the types describe the parameters, or are wrong in a way that from_raw must notice.
    let result = unsafe { Call::from_raw(types, &mut params) }.and_then(|call| match call {
        Call::Teep(mut call) => call.serve(id, agent),
        Call::ReadData(_) => panic!("taken for READ_DATA"),
    });
    // SAFETY: p1 is a memory reference.
    (result, unsafe { params[1].memref.size })
}

fn refuse(_: Command, _: &[u8]) -> Vec<u8> {
    panic!("the Agent was asked")
}

#[test]
fn a_request_goes_in_and_the_reply_comes_out() {
    let _lock = exclusive();
    let _memory = mem_move(&Rc::default());
    let (mut request, mut reply) = (*b"message", vec![0; MAX_REPLY]);
    let (result, size) = call(MESSAGE, TEEP, memref(&mut request), &mut reply, |command, request| {
        assert_eq!((command, request), (Command::ProcessTeepMessage, &b"message"[..]));
        b"answer".to_vec()
    });
    result.expect("a good call");
    assert_eq!(&reply[..size], b"answer");
}

/// DESIGN rule 3.9: what Linux writes after the one copy is not seen.
#[test]
fn the_request_is_fetched_once() {
    let _lock = exclusive();
    let mut shared = *b"checked";
    let (start, fetches) = (shared.as_mut_ptr(), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&fetches);
    let context = mock_api::TEE_MemMove_context();
    context.expect().returning_st(move |to, from, len| {
        // SAFETY: optee-utee passes two buffers of this length.
        unsafe { core::ptr::copy(from.cast::<u8>(), to.cast(), len) };
        if core::ptr::eq(from.cast(), start) {
            counted.set(counted.get() + 1);
            // SAFETY: the buffer is as long, and only the call under test uses it at this time.
            unsafe { core::ptr::copy(b"swapped".as_ptr(), start, len) };
        }
    });
    let seen = |_: Command, request: &[u8]| request.to_vec();
    let mut reply = vec![0; MAX_REPLY];
    let request = raw::TEE_Param { memref: raw::Memref { buffer: start.cast(), size: 7 } };
    let (result, size) = call(MESSAGE, TEEP, request, &mut reply, seen);
    result.expect("a good call");
    assert_eq!(&reply[..size], b"checked");
    assert_eq!(fetches.get(), 1);
}

#[test]
fn an_empty_request_needs_no_buffer() {
    let _lock = exclusive();
    let copies = Rc::default();
    let _memory = mem_move(&copies);
    let nothing = raw::TEE_Param { memref: raw::Memref { buffer: core::ptr::null_mut(), size: 0 } };
    let mut reply = vec![0; MAX_REPLY];
    let (result, size) = call(Command::Info.id(), TEEP, nothing, &mut reply, |_, request| {
        assert!(request.is_empty());
        b"info".to_vec()
    });
    result.expect("a good call");
    assert_eq!(&reply[..size], b"info");
    assert_eq!(copies.get(), 1, "only the reply is copied");
}

#[test]
fn other_parameter_types_are_bad_parameters() {
    let right = [raw::TEE_PARAM_TYPE_MEMREF_INPUT, raw::TEE_PARAM_TYPE_MEMREF_OUTPUT, 0, 0];
    for slot in 0..4 {
        for kind in (0..16).filter(|kind| *kind != right[slot]) {
            let mut wrong = right;
            wrong[slot] = kind;
            let wrong = TEE_PARAM_TYPES(wrong[0], wrong[1], wrong[2], wrong[3]);
            let (result, _) = call(MESSAGE, wrong, memref(&mut [1]), &mut vec![0; MAX_REPLY], refuse);
            assert_eq!(result.expect_err("wrong types").kind(), ErrorKind::BadParameters, "{wrong:04x}");
        }
    }
    let (result, _) = call(MESSAGE, TEEP | 1 << 16, memref(&mut [1]), &mut vec![0; MAX_REPLY], refuse);
    assert_eq!(result.expect_err("a fifth parameter").kind(), ErrorKind::BadParameters);
}

#[test]
fn an_unknown_command_is_bad_parameters() {
    for id in [0, Command::ALL.len() as u32 + 1, u32::MAX] {
        let (result, _) = call(id, TEEP, memref(&mut []), &mut vec![0; MAX_REPLY], refuse);
        assert_eq!(result.expect_err("unknown").kind(), ErrorKind::BadParameters, "{id}");
    }
}

#[test]
fn a_request_of_some_length_without_a_buffer_is_bad_parameters() {
    let nowhere = raw::TEE_Param { memref: raw::Memref { buffer: core::ptr::null_mut(), size: 5 } };
    let (result, _) = call(MESSAGE, TEEP, nowhere, &mut vec![0; MAX_REPLY], refuse);
    assert_eq!(result.expect_err("no buffer").kind(), ErrorKind::BadParameters);
}

/// Nothing may happen before it is sure that the reply can be given.
#[test]
fn a_reply_buffer_one_byte_too_short_is_refused_with_the_size_it_takes() {
    let mut reply = vec![0; MAX_REPLY - 1];
    let (result, size) = call(MESSAGE, TEEP, memref(&mut [1]), &mut reply, refuse);
    assert_eq!(result.expect_err("too short").kind(), ErrorKind::ShortBuffer);
    assert_eq!(size, MAX_REPLY);
}

#[test]
fn the_longest_request_of_each_command_is_taken_and_one_byte_more_is_not() {
    let _lock = exclusive();
    let _memory = mem_move(&Rc::default());
    for command in Command::ALL {
        let mut request = vec![7; command.max_request() + 1];
        let mut reply = vec![0; MAX_REPLY];
        let (result, _) = call(command.id(), TEEP, memref(&mut request), &mut reply, refuse);
        assert_eq!(result.expect_err("too long").kind(), ErrorKind::ExcessData, "{}", command.name());

        request.pop();
        let limit = request.len();
        let (result, _) = call(command.id(), TEEP, memref(&mut request), &mut reply, |_, request| {
            assert_eq!(request.len(), limit);
            Vec::new()
        });
        result.expect("within the limit");
    }
}

#[test]
fn a_reply_that_does_not_fit_is_reported() {
    let mut reply = vec![0; MAX_REPLY];
    let (result, _) = call(MESSAGE, TEEP, memref(&mut []), &mut reply, |_, _| vec![0; MAX_REPLY + 1]);
    assert_eq!(result.expect_err("does not fit").kind(), ErrorKind::ShortBuffer);
}
