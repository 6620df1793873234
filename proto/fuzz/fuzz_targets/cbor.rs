// SPDX-License-Identifier: Apache-2.0
#![no_main]
use teep_proto::cbor::Reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(mut reader) = Reader::open(data) {
        assert_eq!(reader.item(), Ok(data));
    }
});
