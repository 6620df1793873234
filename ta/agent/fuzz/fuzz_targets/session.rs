// SPDX-License-Identifier: Apache-2.0
#![no_main]

#[path = "../../tests/fuzz/script/mod.rs"]
mod script;

// Commands, messages, payloads and power cuts in any order, the state looked at after every error.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    script::run(data);
});
