// SPDX-License-Identifier: Apache-2.0
#![no_main]
use teep_proto::teep::{Dialect, Message};

// In both dialects: what was decoded encodes to the same message.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for dialect in Dialect::ALL {
        if let Ok(message) = Message::inspect_in(dialect, data) {
            // A rule that spans fields may keep it from being sent.
            let Ok(again) = message.encode_in(dialect) else { continue };
            assert_eq!(Message::inspect_in(dialect, &again), Ok(message));
        }
    }
    let _ = Dialect::detect(data);
});
