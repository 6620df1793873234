// SPDX-License-Identifier: Apache-2.0
//! What the demo Trusted Applications and their Linux client agree on.

/// UUID of the demo Trusted Application.
pub(crate) const HELLO_UUID: &str = "1c42796f-7fc4-4536-b751-6a58e6f4540c";

/// UUID of the other one: the same program, for which the demo's personalization data is not.
pub(crate) const OTHER_UUID: &str = "8bc112a5-7060-47d1-bf62-1b4082ebe321";

/// Command that writes a sentence, UTF-8, into parameter 0, an output memory reference.
pub(crate) const HELLO: u32 = 0;

/// Command that reads the component whose encoded SUIT identifier is in parameter 0, an input memory reference, from the
/// TEEP Agent into parameter 1, an output memory reference. No real Trusted Application shows its data to Linux.
pub(crate) const READ: u32 = 1;
