// SPDX-License-Identifier: Apache-2.0
//! What OP-TEE's pseudo Trusted Applications do for the Agent.

use optee_utee::{ErrorKind, ParamIndex, Result, TaSessionBuilder, TeeParams, Uuid};
use teep_agent::{InstallError, Installer};
use zeroize::Zeroizing;

/// System services, 3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc.
const SYSTEM: [u8; 16] =
    [0x3a, 0x2f, 0x89, 0x78, 0x5d, 0xc0, 0x11, 0xe8, 0x9c, 0x2d, 0xfa, 0x7a, 0xe0, 0x1b, 0xbe, 0xbc];
/// Of [`SYSTEM`]: a key from the hardware unique key and the caller's UUID. In: label, out: 16 to 32 bytes.
const DERIVE_TA_UNIQUE_KEY: u32 = 1;

/// The TA store in secure storage, 6e256cba-fc4d-4941-ad09-2ca1860342dd.
const SECSTOR_TA_MGMT: [u8; 16] =
    [0x6e, 0x25, 0x6c, 0xba, 0xfc, 0x4d, 0x49, 0x41, 0xad, 0x09, 0x2c, 0xa1, 0x86, 0x03, 0x42, 0xdd];
/// Of [`SECSTOR_TA_MGMT`]: install a signed TA. In: the complete `.ta`.
const BOOTSTRAP: u32 = 0;

/// Key of this TA on this device for `label`, at most 1024 bytes: same label, same key.
///
/// # Errors
/// Those of the system pseudo-TA, `TEE_ERROR_GENERIC` when it returns anything but 32 bytes.
pub(crate) fn derive_key(label: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let mut params = TeeParams::new()
        .with_memref_in(ParamIndex::Arg0, label)
        .with_memref_out(ParamIndex::Arg1, key.as_mut_slice());
    invoke(SYSTEM, DERIVE_TA_UNIQUE_KEY, &mut params)?;
    if params[ParamIndex::Arg1].written_slice().map(<[u8]>::len) != Some(32) {
        return Err(ErrorKind::Generic.into());
    }
    Ok(key)
}

/// Installs Trusted Applications into OP-TEE's secure storage TA store.
#[derive(Debug, Default)]
pub struct PtaInstaller;

impl Installer for PtaInstaller {
    fn install(&mut self, image: &[u8]) -> core::result::Result<(), InstallError> {
        let mut params = TeeParams::new().with_memref_in(ParamIndex::Arg0, image);
        invoke(SECSTOR_TA_MGMT, BOOTSTRAP, &mut params).map_err(|error| match error.kind() {
            ErrorKind::Security => InstallError::Refused,
            ErrorKind::AccessConflict => InstallError::OlderVersion,
            ErrorKind::OutOfMemory => InstallError::OutOfMemory,
            _ => InstallError::Failed(error.raw_code()),
        })
    }
}

fn invoke(pta: [u8; 16], command: u32, params: &mut TeeParams<'_>) -> Result<()> {
    TaSessionBuilder::new(Uuid::from_bytes(pta)).build()?.invoke_command(command, params)
}

#[cfg(test)]
mod tests;
