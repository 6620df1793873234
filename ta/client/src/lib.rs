// SPDX-License-Identifier: Apache-2.0
//! What a Trusted Application links to read its personalization data from the TEEP Agent.
//!
//! The Agent does not keep personalization data yet; this crate reserves the name and the place.
#![no_std]
#![forbid(unsafe_code)]
