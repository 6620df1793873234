// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::call::Call;
use crate::mock::{NONE, exclusive, mem_move, memref};
use optee_utee::{FromRawParameters, raw};
use std::rc::Rc;
use teep_proto::limits::{MAX_COMPONENT_ID, MAX_COMPONENT_ID_ELEMENTS};
use teep_proto::suit::ComponentId;

const TYPES: [u32; 4] = [
    raw::TEE_PARAM_TYPE_MEMREF_INPUT,
    raw::TEE_PARAM_TYPE_VALUE_INOUT,
    raw::TEE_PARAM_TYPE_MEMREF_OUTPUT,
    raw::TEE_PARAM_TYPE_NONE,
];
const ID: &[u8] = b"identifier";

/// What the caller has afterwards: the result, p1.a and the size of p2.
type Outcome = (Result<()>, u32, usize);

fn call(
    component_id: raw::TEE_Param,
    offset: u32,
    bytes: raw::TEE_Param,
    agent: impl FnMut(&[u8], u64, &mut [u8]) -> result::Result<DataPiece, EnvError>,
) -> Outcome {
    let position = raw::TEE_Param { value: raw::Value { a: offset, b: 0 } };
    let mut params = [component_id, position, bytes, NONE];
    let [p0, p1, p2, p3] = TYPES;
    // SAFETY: the types describe the parameters.
    let result =
        unsafe { Call::from_raw(raw::TEE_PARAM_TYPES(p0, p1, p2, p3), &mut params) }.and_then(|call| {
            match call {
                Call::ReadData(mut call) => call.serve(agent),
                Call::Teep(_) => panic!("taken for another command"),
            }
        });
    // SAFETY: as above.
    unsafe { (result, params[1].value.a, params[2].memref.size) }
}

/// An Agent with `data` for whoever asks.
fn agent(data: &[u8]) -> impl FnMut(&[u8], u64, &mut [u8]) -> result::Result<DataPiece, EnvError> {
    |id, offset, buffer| {
        assert_eq!(id, ID);
        let rest = data.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(DataPiece { read, size: data.len() as u64 })
    }
}

fn read(data: &[u8], offset: u32, buffer: &mut [u8]) -> Outcome {
    let _lock = exclusive();
    let _memory = mem_move(&Rc::default());
    call(memref(&mut ID.to_vec()), offset, memref(buffer), agent(data))
}

#[test]
fn data_of_any_length_is_read_into_a_buffer_of_any_length() {
    let data: Vec<u8> = (0..3 * PIECE + 7).map(|n| (n % 251) as u8).collect();
    for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, data.len() - 1, data.len(), data.len() + 100] {
        for offset in [0, 1, PIECE, data.len() - 1, data.len(), data.len() + 1] {
            let mut buffer = vec![0; len];
            let (result, size, filled) = read(&data, offset as u32, &mut buffer);
            result.expect("read");
            let expected = data.get(offset..).unwrap_or_default();
            let expected = &expected[..len.min(expected.len())];
            assert_eq!((size as usize, filled), (data.len(), expected.len()), "{len} bytes at {offset}");
            assert_eq!(&buffer[..filled], expected);
        }
    }
}

/// How a reader learns how large a buffer it needs.
#[test]
fn the_size_is_told_without_a_buffer() {
    let _lock = exclusive();
    let _memory = mem_move(&Rc::default());
    let nowhere = raw::TEE_Param { memref: raw::Memref { buffer: core::ptr::null_mut(), size: 0 } };
    let (result, size, filled) = call(memref(&mut ID.to_vec()), 0, nowhere, agent(b"12345"));
    assert_eq!((result.expect("read"), size, filled), ((), 5, 0));
}

#[test]
fn other_parameter_types_are_bad_parameters() {
    for slot in 0..4 {
        for kind in (0..16).filter(|kind| *kind != TYPES[slot]) {
            let mut wrong = TYPES;
            wrong[slot] = kind;
            let wrong = raw::TEE_PARAM_TYPES(wrong[0], wrong[1], wrong[2], wrong[3]);
            let mut params = [memref(&mut [1]), NONE, memref(&mut [1]), NONE];
            // SAFETY: that the types are wrong must be noticed.
            let refused = unsafe { Call::from_raw(wrong, &mut params) }.err().expect("wrong types");
            assert_eq!(refused.kind(), ErrorKind::BadParameters, "{wrong:04x}");
        }
    }
}

#[test]
fn a_buffer_of_some_length_that_is_nowhere_is_bad_parameters() {
    let nowhere = raw::TEE_Param { memref: raw::Memref { buffer: core::ptr::null_mut(), size: 5 } };
    for (id, bytes) in [(nowhere, memref(&mut [0; 4])), (memref(&mut [0; 4]), nowhere)] {
        let (result, ..) = call(id, 0, bytes, |_, _, _| panic!("the Agent was asked"));
        assert_eq!(result.expect_err("no buffer").kind(), ErrorKind::BadParameters);
    }
}

#[test]
fn the_longest_identifier_is_taken_and_one_byte_more_is_not() {
    let longest = [&[0; MAX_COMPONENT_ID - MAX_COMPONENT_ID_ELEMENTS + 1][..]]
        .into_iter()
        .chain([&[0; 1][..]; MAX_COMPONENT_ID_ELEMENTS - 1]);
    let id = ComponentId::encode(&longest.collect::<Vec<_>>());
    assert!(id.len() <= MAX_ENCODED_COMPONENT_ID && ComponentId::decode(&id).is_ok());

    let _lock = exclusive();
    let _memory = mem_move(&Rc::default());
    let nothing = |id: &[u8], _: u64, _: &mut [u8]| {
        assert_eq!(id.len(), MAX_ENCODED_COMPONENT_ID);
        Err(EnvError::NOT_FOUND)
    };
    let mut id = vec![0; MAX_ENCODED_COMPONENT_ID];
    let (result, ..) = call(memref(&mut id), 0, memref(&mut [0]), nothing);
    assert_eq!(result.expect_err("no such data").kind(), ErrorKind::ItemNotFound);
    id.push(0);
    let (result, ..) = call(memref(&mut id), 0, memref(&mut [0]), nothing);
    assert_eq!(result.expect_err("too long").kind(), ErrorKind::ExcessData);
}

/// DESIGN rule 3.9: a Trusted Application may give a buffer that Linux can write.
#[test]
fn the_identifier_is_fetched_once() {
    let _lock = exclusive();
    let copies = Rc::default();
    let _memory = mem_move(&copies);
    let mut id = ID.to_vec();
    let start = id.as_mut_ptr();
    let mut offsets = Vec::new();
    let (result, ..) = call(memref(&mut id), 0, memref(&mut vec![0; 2 * PIECE]), |id, offset, buffer| {
        assert_eq!(id, ID);
        // SAFETY: only the call under test uses the buffer at this time.
        unsafe { start.write(b'X') };
        offsets.push(offset);
        Ok(DataPiece { read: buffer.len(), size: 3 * PIECE as u64 })
    });
    result.expect("read");
    assert_eq!(offsets, [0, PIECE as u64]);
    assert_eq!(copies.get(), 3, "the identifier and two pieces");
}

#[test]
fn the_agents_reasons_are_passed_on() {
    for code in [0xffff_0008, 0xffff_0006, 0xffff_000c, 0xf010_0001, 0xffff_1234] {
        let _lock = exclusive();
        let _memory = mem_move(&Rc::default());
        let refuse = |_: &[u8], _: u64, _: &mut [u8]| Err(EnvError { code });
        let (result, ..) = call(memref(&mut ID.to_vec()), 0, memref(&mut [0; 4]), refuse);
        assert_eq!(result.expect_err("refused").raw_code(), code);
    }
}

#[test]
fn a_component_that_32_bits_cannot_count_is_an_error() {
    let _lock = exclusive();
    let _memory = mem_move(&Rc::default());
    let large = |_: &[u8], _: u64, _: &mut [u8]| Ok(DataPiece { read: 0, size: 1 << 32 });
    let (result, ..) = call(memref(&mut ID.to_vec()), 0, memref(&mut [0; 4]), large);
    assert_eq!(result.expect_err("too large").kind(), ErrorKind::ExcessData);
}
