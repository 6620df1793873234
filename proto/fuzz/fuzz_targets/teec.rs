// SPDX-License-Identifier: Apache-2.0
#![no_main]
use teep_proto::teec::{FetchData, Reply, TaRequest};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(request) = TaRequest::decode(data) {
        assert_eq!(request.encode(), data);
    }
    if let Ok(piece) = FetchData::decode(data) {
        assert_eq!(piece.encode(), data);
    }
    if let Ok(reply) = Reply::decode(data) {
        assert_eq!(reply.encode(), data);
    }
});
