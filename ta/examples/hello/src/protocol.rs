// SPDX-License-Identifier: Apache-2.0
//! What the demo Trusted Application and its Linux client agree on.

/// UUID of the demo Trusted Application.
pub(crate) const UUID: &str = "1c42796f-7fc4-4536-b751-6a58e6f4540c";

/// Command that writes a sentence, UTF-8, into parameter 0, an output memory reference.
pub(crate) const HELLO: u32 = 0;
