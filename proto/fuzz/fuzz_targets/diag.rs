// SPDX-License-Identifier: Apache-2.0
#![no_main]
use teep_proto::diag;

// Whatever the bytes are, something is shown.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for show in [diag::message, diag::envelope, diag::report, diag::eat, diag::item] {
        assert!(!show(data).is_empty());
    }
});
