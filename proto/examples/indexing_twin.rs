// SPDX-License-Identifier: Apache-2.0
//! What `panic-check.sh` must find: code that panics when asked for a byte that is not there.
#![no_std]
#![allow(missing_docs, clippy::indexing_slicing, reason = "this is the fault to be found")]

use teep_proto::Error;
use teep_proto::cose::{PublicKey, Signatures};

pub fn byte(bytes: &[u8], keys: &[PublicKey], at: usize) -> Result<u8, Error> {
    Signatures::decode(bytes)?.verify(keys).map(|payload| payload.get()[at])
}
