// SPDX-License-Identifier: Apache-2.0
//! The head of a Trusted Application signed for OP-TEE (`.ta`, bootstrap format).
//!
//! Read only to tell the author of a mistake before a device does; the platform checks the signature.

use crate::Error;
use uuid::Uuid;

const MAGIC: u32 = 0x4f54_5348;
const BOOTSTRAP_TA: u32 = 1;

/// Checks that `image` is a complete signed Trusted Application in bootstrap format and carries `uuid`.
///
/// # Errors
/// [`Error::Image`] with what it is instead.
pub(crate) fn check(image: &[u8], uuid: [u8; 16]) -> Result<(), Error> {
    let head = Head::read(image).ok_or_else(|| Error::Image(NOT_A_TA.to_owned()))?;
    if head.magic != MAGIC {
        return Err(Error::Image(NOT_A_TA.to_owned()));
    }
    if head.image_type != BOOTSTRAP_TA {
        return Err(Error::Image(format!(
            "the .ta has image type {}, but only signed, unencrypted Trusted Applications (type 1) can be \
             installed: sign it without --enc-key and without subkey",
            head.image_type
        )));
    }
    if Some(image.len()) != head.complete_len {
        return Err(Error::Image("the .ta has not the length its header says: it is damaged".to_owned()));
    }
    if head.uuid != uuid {
        return Err(Error::Image(format!(
            "the .ta is of Trusted Application {}, but the description says uuid = \"{}\"",
            Uuid::from_bytes(head.uuid),
            Uuid::from_bytes(uuid)
        )));
    }
    Ok(())
}

const NOT_A_TA: &str = "not a Trusted Application signed for OP-TEE: make the .ta with sign_encrypt.py of the TA \
                        dev kit";

struct Head {
    magic: u32,
    image_type: u32,
    /// Bytes of the whole file; `None` when the header's numbers are absurd.
    complete_len: Option<usize>,
    uuid: [u8; 16],
}

impl Head {
    /// `struct shdr`, little-endian, then hash, signature, and the UUID in its usual byte order.
    fn read(image: &[u8]) -> Option<Self> {
        let (head, rest) = image.split_first_chunk::<20>()?;
        let u32_at = |at: usize| Some(u32::from_le_bytes(head.get(at..)?.first_chunk().copied()?));
        let u16_at = |at: usize| Some(u16::from_le_bytes(head.get(at..)?.first_chunk().copied()?));
        let proofs = usize::from(u16_at(16)?).checked_add(u16_at(18)?.into())?;
        let uuid = rest.get(proofs..)?.first_chunk::<16>().copied()?;
        let ta_version_and_uuid = 20usize;
        let complete_len = usize::try_from(u32_at(8)?).ok().and_then(|body| {
            body.checked_add(proofs)?.checked_add(head.len())?.checked_add(ta_version_and_uuid)
        });
        Some(Self { magic: u32_at(0)?, image_type: u32_at(4)?, complete_len, uuid })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const UUID: [u8; 16] = [7; 16];

    fn image() -> Vec<u8> {
        image_of(UUID)
    }

    /// A file with the head of a Trusted Application `uuid` signed for OP-TEE.
    pub(crate) fn image_of(uuid: [u8; 16]) -> Vec<u8> {
        let mut image = Vec::new();
        for word in [MAGIC, BOOTSTRAP_TA, 100, 0x7041_4930] {
            image.extend(word.to_le_bytes());
        }
        image.extend([32, 0, 0, 1]);
        image.extend([0xaa; 32 + 256]);
        image.extend(uuid);
        image.extend([1, 0, 0, 0]);
        image.extend([0x55; 100]);
        image
    }

    fn refusal(image: &[u8]) -> String {
        check(image, UUID).unwrap_err().to_string()
    }

    #[test]
    fn a_signed_ta_is_taken_for_its_uuid_only() {
        check(&image(), UUID).unwrap();
        let error = check(&image(), [8; 16]).unwrap_err().to_string();
        assert!(error.contains("07070707-0707-0707-0707-070707070707"), "{error}");
        assert!(error.contains("08080808-0808-0808-0808-080808080808"), "{error}");
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(refusal(b"\x7fELF").contains("sign_encrypt.py"));
        assert!(refusal(&[0; 500]).contains("sign_encrypt.py"));
        for len in 0..image().len() {
            check(&image()[..len], UUID).unwrap_err();
        }
        assert!(refusal(&image()[..image().len() - 1]).contains("damaged"));
        let mut encrypted = image();
        encrypted[4] = 2;
        assert!(refusal(&encrypted).contains("--enc-key"));
        let mut longest = image();
        longest[8..12].fill(0xff);
        longest[16..20].fill(0xff);
        refusal(&longest);
    }
}
