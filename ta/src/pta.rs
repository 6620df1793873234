// SPDX-License-Identifier: Apache-2.0
//! What OP-TEE's pseudo Trusted Applications do for the Agent.

use optee_utee::{ErrorKind, ParamIndex, Result, TaSession, TaSessionBuilder, TeeParams, Uuid};
use teep_agent::Measured;
use zeroize::Zeroizing;

/// System services, 3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc.
const SYSTEM: [u8; 16] =
    [0x3a, 0x2f, 0x89, 0x78, 0x5d, 0xc0, 0x11, 0xe8, 0x9c, 0x2d, 0xfa, 0x7a, 0xe0, 0x1b, 0xbe, 0xbc];
/// Of [`SYSTEM`]: a key from the hardware unique key and the caller's UUID. In: label, out: 16 to 32 bytes.
const DERIVE_TA_UNIQUE_KEY: u32 = 1;

/// Remote attestation, 39800861-182a-4720-9b67-2bcd622bc0b5.
const ATTESTATION: [u8; 16] =
    [0x39, 0x80, 0x08, 0x61, 0x18, 0x2a, 0x47, 0x20, 0x9b, 0x67, 0x2b, 0xcd, 0x62, 0x2b, 0xc0, 0xb5];
/// Of [`ATTESTATION`]: SHA-256 of the code and constants of the caller as they are in memory. In: nonce, out: this hash
/// and a signature by a key of its own.
const HASH_TA_MEMORY: u32 = 2;
/// The same of OP-TEE's core.
const HASH_TEE_MEMORY: u32 = 3;
/// Bytes of the largest such signature, RSA with 4096 bits.
const MAX_SIGNATURE: usize = 512;

/// Opens a session with the pseudo Trusted Application `uuid`. It ends when it is dropped.
///
/// # Errors
/// `TEE_ERROR_ITEM_NOT_FOUND` when this OP-TEE has none, else the pseudo-TA's reason.
pub(crate) fn open(uuid: [u8; 16]) -> Result<TaSession> {
    TaSessionBuilder::new(Uuid::from_bytes(uuid)).build()
}

/// Key of this TA on this device for `label`, at most 1024 bytes: same label, same key.
///
/// # Errors
/// Those of the system pseudo-TA, `TEE_ERROR_GENERIC` when it returns anything but 32 bytes.
pub(crate) fn derive_key(label: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let mut params = TeeParams::new()
        .with_memref_in(ParamIndex::Arg0, label)
        .with_memref_out(ParamIndex::Arg1, key.as_mut_slice());
    open(SYSTEM)?.invoke_command(DERIVE_TA_UNIQUE_KEY, &mut params)?;
    if params[ParamIndex::Arg1].written_slice().map(<[u8]>::len) != Some(32) {
        return Err(ErrorKind::Generic.into());
    }
    Ok(key)
}

/// What of the code that is running OP-TEE measures; None if it was built without `CFG_ATTESTATION_PTA`.
///
/// # Errors
/// Those of the attestation pseudo-TA, `TEE_ERROR_GENERIC` when it returns no hash.
pub(crate) fn measure() -> Result<Option<Measured>> {
    let mut attestation = match open(ATTESTATION) {
        Err(error) if error.kind() == ErrorKind::ItemNotFound => return Ok(None),
        opened => opened?,
    };
    let agent = hash(&mut attestation, HASH_TA_MEMORY)?;
    let tee = hash(&mut attestation, HASH_TEE_MEMORY)?;
    Ok(Some(Measured { agent, tee }))
}

fn hash(attestation: &mut TaSession, command: u32) -> Result<[u8; 32]> {
    let mut answer = [0; 32 + MAX_SIGNATURE];
    // The signature is not used, so its nonce may be any; the pseudo-TA wants one.
    let mut params = TeeParams::new()
        .with_memref_in(ParamIndex::Arg0, b"nonce")
        .with_memref_out(ParamIndex::Arg1, &mut answer);
    attestation.invoke_command(command, &mut params)?;
    let hash = params[ParamIndex::Arg1].written_slice().and_then(|answer| answer.first_chunk());
    Ok(*hash.ok_or(ErrorKind::Generic)?)
}

#[cfg(test)]
mod tests;
