// SPDX-License-Identifier: Apache-2.0
use alloc::vec::Vec;
use core::fmt;
use teep_proto::cose::Accept;
use zeroize::Zeroizing;

pub use teep_proto::teec::{Abilities, RollbackProtection};

/// SHA-256 of code and constants as they are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The Agent's.
    pub agent: [u8; 32],
    /// Those of the TEE that runs it.
    pub tee: [u8; 32],
}

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

    /// How the TEE measures the code that is running; `None` where the TEE measures nothing.
    ///
    /// # Errors
    /// The TEE's reason.
    fn measurement(&mut self) -> Result<Option<Measured>, EnvError>;

    /// Seconds since some moment before the Agent started. They do not go back while it runs, and Linux cannot set them.
    /// What the Agent counts by them it counts since it started.
    fn uptime(&mut self) -> u64;

    /// Seconds since 1970, by a clock that Linux cannot set: certificates count only while they are valid then. `None`
    /// without such a clock, and then their validity is not looked at (REQ-TEEP-155).
    fn trusted_time(&mut self) -> Option<u64>;

    /// What keeps Linux from putting an older copy of [`storage`](Self::storage) back. Nothing, where that is not known.
    fn rollback_protection(&mut self) -> RollbackProtection;

    /// Fills `bytes` from the TEE's random number generator.
    ///
    /// # Errors
    /// The TEE's reason; `bytes` are then not to be used.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), EnvError>;

    /// One line for the TEE's log. Never secrets, never payload bytes (REQ-TEEP-150).
    fn log(&mut self, line: fmt::Arguments<'_>);
}

/// What counts as a signature now.
pub(crate) fn accepted_now(env: &mut impl Env) -> Accept {
    Accept { now: env.trusted_time(), ..Accept::default() }
}

/// Named objects that only this Agent can read and write, kept across restarts.
///
/// Small ones are read and written as a whole. Large ones are written once, from their first byte to their last, and
/// read in pieces.
pub trait Storage {
    /// Content of the object `name`, at most `limit` bytes of it being acceptable; `None` if there is none.
    ///
    /// # Errors
    /// The TEE's reason; also when the object is larger than `limit`.
    fn read(&mut self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, EnvError>;

    /// Creates or replaces the object `name` in one step: after a power cut it holds the old bytes or the
    /// new ones. When this returns, it and all that was appended and deleted before it lasts: the Agent's commit is one
    /// such write, and what it refers to must be there. Storage that loses what it has acknowledged, as a disk may that lies
    /// to Linux, breaks this contract; what is lost is then found out, but not made up for.
    ///
    /// # Errors
    /// The TEE's reason; the old object is then still there.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), EnvError>;

    /// Bytes of the object `name`; `None` if there is none.
    ///
    /// # Errors
    /// The TEE's reason.
    fn size(&mut self, name: &str) -> Result<Option<u64>, EnvError>;

    /// Reads from `offset` on into `buffer` and returns how many bytes: fewer than it holds only at the object's end.
    ///
    /// # Errors
    /// The TEE's reason; also when there is no such object.
    fn read_at(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, EnvError>;

    /// Writes `bytes` at `offset`, which is where the object ends. With `offset` 0 the object is created, in place of
    /// one that was there. After a power cut or an error it may hold any part of what was written, also of what was
    /// appended before, as long as nothing was [written](Self::write) since.
    ///
    /// # Errors
    /// The TEE's reason; also when the object does not end at `offset`.
    fn append(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), EnvError>;

    /// Deletes the object `name` in one step. One that is not there is deleted already. After a power cut it may be there
    /// again, as long as nothing was [written](Self::write) since.
    ///
    /// # Errors
    /// The TEE's reason.
    fn delete(&mut self, name: &str) -> Result<(), EnvError>;

    /// Calls `visit` with the name of every object, in no order.
    ///
    /// # Errors
    /// The TEE's reason.
    fn for_each_name(&mut self, visit: &mut dyn FnMut(&str)) -> Result<(), EnvError>;

    /// Lets go of what is kept open for the next piece of an object: a session ended.
    fn release(&mut self) {}
}

/// The platform's own way to install and remove Trusted Applications. It checks a signature of its own over each.
pub trait Installer {
    /// An image on its way to the platform. Dropped, it leaves no trace.
    type Image;

    /// What this platform can do.
    ///
    /// # Errors
    /// [`InstallError`], when it does not say so just now.
    fn abilities(&mut self) -> Result<Abilities, InstallError>;

    /// Begins to install the Trusted Application in an image of `size` bytes, a complete file signed for the platform.
    ///
    /// # Errors
    /// [`InstallError`].
    fn begin(&mut self, size: u64) -> Result<Self::Image, InstallError>;

    /// Hands over the next bytes of the image. Where [`Abilities::checks_first`] holds, signature and version
    /// are checked when the header is complete, and the digest with the last byte.
    ///
    /// # Errors
    /// [`InstallError`]; the image is then of no use any more.
    fn write(&mut self, image: &mut Self::Image, bytes: &[u8]) -> Result<(), InstallError>;

    /// Installs the image, or puts it in the place of the installed one, in one step: after a power cut there is the
    /// old one or the new one. Sessions of an old one go on with the old code until they end.
    ///
    /// # Errors
    /// [`InstallError`]; what was installed before is then still there, except perhaps after
    /// [`InstallError::Failed`].
    fn commit(&mut self, image: Self::Image) -> Result<OpenSessions, InstallError>;

    /// Removes the Trusted Application `uuid` in one step. One that is not there is removed already. Sessions of it go
    /// on until they end.
    ///
    /// # Errors
    /// [`InstallError::Unsupported`] where [`Abilities::removes`] does not hold, else the platform's reason.
    fn remove(&mut self, uuid: [u8; 16]) -> Result<OpenSessions, InstallError>;

    /// Whether the Trusted Application `uuid` is installed; `None` when the platform does not tell.
    ///
    /// # Errors
    /// The platform's reason.
    fn is_installed(&mut self, uuid: [u8; 16]) -> Result<Option<bool>, InstallError>;

    /// How many sessions are open with the Trusted Application `uuid`, of whatever version.
    ///
    /// # Errors
    /// The platform's reason.
    fn open_sessions(&mut self, uuid: [u8; 16]) -> Result<OpenSessions, InstallError>;
}

/// How many sessions there are with a Trusted Application, all of which run the replaced or removed code still when it
/// was just replaced or removed; `None` when the platform does not tell. An instance that the platform keeps alive
/// without a session, and that the next session would be in, counts as one.
pub type OpenSessions = Option<u32>;

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
    /// TEE_ERROR_ITEM_NOT_FOUND.
    pub const NOT_FOUND: Self = Self { code: 0xffff_0008 };
    /// TEE_ERROR_BAD_STATE.
    pub const BAD_STATE: Self = Self { code: 0xffff_0007 };
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TEE error {:#010x}", self.code)
    }
}

/// Why the platform did not install or remove a Trusted Application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallError {
    /// It refuses the image's signature or form.
    Refused,
    /// A newer version is installed.
    OlderVersion,
    /// Not enough memory or storage just now.
    OutOfMemory,
    /// It has no such operation.
    Unsupported,
    /// Anything else, as its TEE_Result.
    Failed(u32),
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the platform refuses the image: wrong platform signature or form"),
            Self::OlderVersion => f.write_str("the platform has a newer version of this TA"),
            Self::OutOfMemory => f.write_str("the platform is out of memory"),
            Self::Unsupported => f.write_str("this OP-TEE offers no way to remove a Trusted Application"),
            Self::Failed(code) => write!(f, "the platform failed: TEE error {code:#010x}"),
        }
    }
}
