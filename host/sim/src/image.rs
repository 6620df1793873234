// SPDX-License-Identifier: Apache-2.0
use sha2::{Digest, Sha256};

const MAGIC: u32 = 0x4f54_5348;
const BOOTSTRAP_TA: u32 = 1;
const HASH_SIZE: usize = 32;
const SIGNATURE_SIZE: usize = 8;
const UUID_OFFSET: usize = 20 + HASH_SIZE + SIGNATURE_SIZE;

/// A file laid out like an OP-TEE Trusted Application in bootstrap format. The simulator's platform takes it
/// when the hash in it is right; the place of the signature is empty.
pub fn ta_image(uuid: [u8; 16], ta_version: u32, body: &[u8]) -> Vec<u8> {
    let mut signed = Vec::from(uuid);
    signed.extend(ta_version.to_le_bytes());
    signed.extend(body);
    let mut image = Vec::new();
    for word in [MAGIC, BOOTSTRAP_TA, u32::try_from(body.len()).unwrap_or(u32::MAX), 0] {
        image.extend(word.to_le_bytes());
    }
    for size in [HASH_SIZE, SIGNATURE_SIZE] {
        image.extend(u16::try_from(size).unwrap_or(u16::MAX).to_le_bytes());
    }
    image.extend(Sha256::digest(&signed));
    image.extend([0; SIGNATURE_SIZE]);
    image.extend(signed);
    image
}

/// UUID and version of an image the simulated platform accepts.
pub(crate) fn accept(image: &[u8]) -> Option<([u8; 16], u32)> {
    let signed = image.get(UUID_OFFSET..)?;
    let hash = image.get(20..20 + HASH_SIZE)?;
    if Sha256::digest(signed).as_slice() != hash {
        return None;
    }
    let uuid = signed.first_chunk::<16>()?;
    let version = signed.get(16..)?.first_chunk::<4>()?;
    Some((*uuid, u32::from_le_bytes(*version)))
}
