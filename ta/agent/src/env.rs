// SPDX-License-Identifier: Apache-2.0
use alloc::vec::Vec;
use core::fmt;
use zeroize::Zeroizing;

/// The Agent's only door to the world.
pub trait Env {
    /// Where the Agent keeps its state.
    type Storage: Storage;
    /// What puts Trusted Applications into the TEE.
    type Installer: Installer;

    /// The storage.
    fn storage(&mut self) -> &mut Self::Storage;

    /// The installer.
    fn installer(&mut self) -> &mut Self::Installer;

    /// 32 secret bytes that depend on the device's hardware unique key, on the Agent's identity and on
    /// `label`, and on nothing else.
    ///
    /// # Errors
    /// The TEE's reason.
    fn derive_key(&mut self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, EnvError>;

    /// One line for the TEE's log. Never secrets, never payload bytes (REQ-TEEP-150).
    fn log(&mut self, line: fmt::Arguments<'_>);
}

/// Named objects that only this Agent can read and write, kept across restarts.
pub trait Storage {
    /// Content of the object `name`, at most `limit` bytes of it being acceptable; `None` if there is none.
    ///
    /// # Errors
    /// The TEE's reason; also when the object is larger than `limit`.
    fn read(&mut self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, EnvError>;

    /// Creates or replaces the object `name` in one step: after a power cut it holds the old bytes or the
    /// new ones.
    ///
    /// # Errors
    /// The TEE's reason; the old object is then still there.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), EnvError>;
}

/// The platform's own way to install a Trusted Application.
pub trait Installer {
    /// Installs or replaces the Trusted Application in `image`, a complete file signed for the platform, in
    /// one step: after a power cut there is the old one or the new one.
    ///
    /// # Errors
    /// [`InstallError`]; what was installed before is then still there.
    fn install(&mut self, image: &[u8]) -> Result<(), InstallError>;
}

/// A failure of the TEE, as its TEE_Result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvError {
    /// TEE_Result, for example 0xffff000c.
    pub code: u32,
}

impl EnvError {
    /// TEE_ERROR_OUT_OF_MEMORY.
    pub const OUT_OF_MEMORY: Self = Self { code: 0xffff_000c };
    /// TEE_ERROR_CORRUPT_OBJECT: what was stored is not what is read.
    pub const CORRUPT: Self = Self { code: 0xf010_0001 };
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TEE error {:#010x}", self.code)
    }
}

/// Why the platform did not install an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallError {
    /// It refuses the image's signature or form.
    Refused,
    /// A newer version is installed.
    OlderVersion,
    /// Not enough memory just now.
    OutOfMemory,
    /// Anything else, as its TEE_Result.
    Failed(u32),
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the platform refuses the image: wrong platform signature or form"),
            Self::OlderVersion => f.write_str("the platform has a newer version of this TA"),
            Self::OutOfMemory => f.write_str("the platform is out of memory"),
            Self::Failed(code) => write!(f, "the platform could not install: TEE error {code:#010x}"),
        }
    }
}
