// SPDX-License-Identifier: Apache-2.0
//! Vectors for what no public one covers, in `vectors/own`. Everything about them is fixed, keys and "random"
//! numbers too, so that making them again gives the same bytes; this is checked. After a change on purpose:
//!
//! ```text
//! UPDATE_GENERATED=1 cargo test -p teep-proto --test own_vectors
//! ```

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod common;
mod own;

use std::fs;

/// A vector as it is made: the line of the table and the bytes.
pub(crate) struct Made {
    name: &'static str,
    bytes: Vec<u8>,
    row: serde_json::Value,
}

/// Hexadecimal as all files here have it: 48 bytes a line.
fn wrapped(bytes: &[u8]) -> String {
    bytes.chunks(48).map(|line| hex::encode(line) + "\n").collect()
}

#[test]
fn own_vectors_are_up_to_date() {
    let made: Vec<Made> = own::all();
    let directory = common::directory();
    let table = directory.join("vectors.jsonl");
    let mut rows = Vec::new();
    for Made { name, row, .. } in &made {
        let mut line = serde_json::json!({ "file": format!("own/{name}.hex") });
        line.as_object_mut().expect("a map").extend(row.as_object().expect("a map").clone());
        rows.push(line.to_string());
    }
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(directory.join("own")).expect("vectors/own");
        for Made { name, bytes, .. } in &made {
            fs::write(directory.join(format!("own/{name}.hex")), wrapped(bytes)).expect("vectors/own");
        }
        let kept = common::read(&table);
        let kept = kept.lines().filter(|line| !line.contains("\"own/")).map(str::to_owned);
        let lines: Vec<String> = kept.chain(rows.iter().cloned()).collect();
        fs::write(&table, lines.join("\n") + "\n").expect("vectors.jsonl");
    }
    let found: Vec<String> =
        common::read(&table).lines().filter(|l| l.contains("\"own/")).map(str::to_owned).collect();
    assert!(
        found == rows,
        "vectors.jsonl is stale; run UPDATE_GENERATED=1 cargo test -p teep-proto --test own_vectors"
    );
    for Made { name, bytes, .. } in &made {
        assert!(common::bytes(&format!("own/{name}.hex")) == *bytes, "vectors/own/{name}.hex is stale");
    }
}
