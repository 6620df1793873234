// SPDX-License-Identifier: Apache-2.0
//! The published examples in `proto/vectors`, for the tests of the processor and of the whole Agent.

use std::string::String;
use std::vec::Vec;
use std::{format, fs};

fn read(file: &str) -> String {
    let path = format!("{}/../../proto/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The example `file` of those in `directory`.
pub(super) fn bytes(directory: &str, file: &str) -> Vec<u8> {
    let text: String = read(&format!("{directory}/{file}.hex")).split_whitespace().collect();
    hex::decode(text).expect("hexadecimal")
}

/// A member of a key in `keys.json`.
pub(super) fn key_member(name: &str, member: &str) -> Vec<u8> {
    let keys = read("keys.json");
    let (_, key) = keys.split_once(&format!("\"{name}\"")).expect("the key");
    let (_, value) = key.split_once(&format!("\"{member}\": \"")).expect("the member");
    hex::decode(value.split_once('"').expect("a string").0).expect("hexadecimal")
}
