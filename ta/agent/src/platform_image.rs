// SPDX-License-Identifier: Apache-2.0
//! The header of an OP-TEE Trusted Application file in bootstrap format, as far as the Agent must see it.
//!
//! The platform checks the signature; the Agent checks that the file is for the component it is installed
//! as. Otherwise a signer trusted for one Trusted Application could replace another.

/// "OTSH" in the byte order of the file.
const MAGIC: u32 = 0x4f54_5348;
/// Image type of a TA in bootstrap format, the only one the installer takes.
const BOOTSTRAP_TA: u32 = 1;
/// Bytes of the fixed part: magic, type, image size, algorithm, hash size, signature size.
const FIXED: usize = 20;

/// Bytes from which UUID and version can be read whatever the platform's key is: RSA with 4096 bits and SHA-512.
pub(crate) const MAX_HEADER: usize = FIXED + 64 + 512 + 20;

/// UUID and version of the Trusted Application in `image`, or `None` if it is no TA in bootstrap format.
pub(crate) fn identity(image: &[u8]) -> Option<([u8; 16], u32)> {
    if word(image, 0)? != MAGIC || word(image, 4)? != BOOTSTRAP_TA {
        return None;
    }
    let sizes = word(image, 16)?;
    let (hash, signature) = (usize::from(sizes as u16), usize::from((sizes >> 16) as u16));
    let start = FIXED.checked_add(hash)?.checked_add(signature)?;
    let uuid = image.get(start..)?.first_chunk().copied()?;
    Some((uuid, word(image, start.checked_add(16)?)?))
}

/// The little-endian word at `offset`.
fn word(image: &[u8], offset: usize) -> Option<u32> {
    let bytes = image.get(offset..offset.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn image(kind: u32) -> Vec<u8> {
        let mut image = Vec::new();
        for value in [MAGIC, kind, 100, 0x7041_4930] {
            image.extend(value.to_le_bytes());
        }
        image.extend(32u16.to_le_bytes());
        image.extend(8u16.to_le_bytes());
        image.extend([0xaa; 40]);
        image.extend([7; 16]);
        image.extend(3u32.to_le_bytes());
        image
    }

    #[test]
    fn finds_uuid_and_version_behind_hash_and_signature() {
        assert_eq!(identity(&image(BOOTSTRAP_TA)), Some(([7; 16], 3)));
    }

    #[test]
    fn refuses_other_types_and_every_truncation() {
        assert_eq!(identity(&image(0)), None);
        assert_eq!(identity(&image(2)), None);
        let whole = image(BOOTSTRAP_TA);
        for end in 0..whole.len() {
            assert_eq!(identity(&whole[..end]), None);
        }
    }
}
