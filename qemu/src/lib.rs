// SPDX-License-Identifier: Apache-2.0
//! The bench: boots the image that the scripts beside this crate build, in QEMU, and runs commands in it.
//!
//! [`ImageDir`] is the image, [`Machine`] one run of it whose console takes commands, [`shell`] one whose console
//! is the user's terminal, [`forward`] the guest's only way to the network: to a TAM on the host.
//!
//! The machine is QEMU's `virt` with TF-A, [`Optee`], U-Boot and Linux; nothing in it is mocked. Every run has a
//! directory below `runs/` of the build directory with the logs of the normal world, the secure world and QEMU.

#![forbid(unsafe_code)]

pub mod bench;
mod console;
mod demo;
mod error;
pub mod forward;
mod machine;
mod process;
mod wire;
mod workbench;

pub use demo::demo;
pub use error::Error;
pub use machine::{Machine, Output};
pub use process::{ImageDir, Optee, Options, shell};
pub use wire::Wire;
pub use workbench::workbench;

/// The URI of the TAM as the guest sees it, whatever port it has on the host.
pub const TAM_URI: &str = "http://10.0.2.100:8080/tam";
