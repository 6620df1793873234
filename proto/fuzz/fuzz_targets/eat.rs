// SPDX-License-Identifier: Apache-2.0
#![no_main]
use teep_proto::eat::{Claims, Profile, open};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = open(data, &[]);
    if let Ok(claims) = Claims::inspect(data, &Profile::DRAFT) {
        let again = claims.encode(&Profile::DRAFT).expect("was decoded");
        assert_eq!(Claims::inspect(&again, &Profile::DRAFT), Ok(claims));
    }
});
