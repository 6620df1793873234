// SPDX-License-Identifier: Apache-2.0
//! COSE_Encrypt: content under a key of its own, and that key for each recipient (suit.md section 10).

use super::content::{self, ContentLayer};
use super::recipient::{Recipient, Wrapped};
use super::{ContentAlgorithm, ContentDecryptor, EncryptTo, Random, RecipientKey};
use crate::cbor::{Reader, encode_exact};
use crate::limits::MAX_RECIPIENTS;
use crate::{Error, Kind};
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// CBOR tag of COSE_Encrypt.
pub(crate) const TAG_ENCRYPT: u64 = 96;
const CONTEXT_ENCRYPT: &str = "Encrypt";

/// A COSE_Encrypt that has not been decrypted yet: SUIT_Encryption_Info, an encrypted EAT or report.
///
/// ```
/// use teep_proto::cose::{
///     AgreementSecret, CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, EncryptTo, Encrypted, KeyWrap, RecipientKey, encrypt,
/// };
///
/// # let mut random = |bytes: &mut [u8]| { bytes.fill(7); Ok(()) };
/// let device = AgreementSecret::generate(&mut random)?;
/// let to = [EncryptTo::Agreement(device.public_key(), KeyWrap::A128Kw)];
/// let made = encrypt(ContentAlgorithm::A128Gcm, &to, b"image", CONTEXT_SUIT_PAYLOAD, &mut random, false)?;
///
/// let info = Encrypted::decode(&made.structure)?;
/// let keys = [RecipientKey::Agreement(device)];
/// assert_eq!(info.decrypt(&keys, CONTEXT_SUIT_PAYLOAD, made.ciphertext.as_deref())?, b"image");
/// # Ok::<(), teep_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encrypted<'b> {
    content: ContentLayer<'b>,
    ciphertext: Option<&'b [u8]>,
    recipients: Vec<Recipient<'b>>,
}

impl<'b> Encrypted<'b> {
    /// Decodes a COSE_Encrypt, tagged or not.
    ///
    /// # Errors
    /// Anything RFC 9052 or the firmware-encryption document does not allow, header parameters not understood,
    /// an ephemeral key that is not on the curve, more than [`MAX_RECIPIENTS`] recipients. A recipient with an
    /// algorithm that is not implemented is no error as long as there is another.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let at = r.offset();
        if !matches!(r.optional_tag(), None | Some(TAG_ENCRYPT)) {
            return Err(Error::malformed("tag 96 on a COSE_Encrypt, or none", at));
        }
        r.array_of(4, "a COSE_Encrypt array of 4 items")?;
        let protected = r.bytes("a protected header in a byte string")?;
        let content = ContentLayer::decode(protected, r.item()?)?;
        if content.kid.is_some() {
            return Err(Error::malformed("kids with the recipients only", at));
        }
        let ciphertext = if r.optional_null() { None } else { Some(r.bytes("a ciphertext or null")?) };
        let key_len = content.algorithm.key_len();
        let mut recipients = Vec::new();
        for index in 0..r.list(1, MAX_RECIPIENTS, "one to 16 recipients")? {
            let recipient =
                Recipient::read(&mut r, key_len).map_err(|e| e.in_entry(index).within("recipients"))?;
            recipients.extend(recipient);
        }
        if recipients.is_empty() {
            let what = "a recipient with AES-KW or ECDH-ES with AES-KW";
            return Err(Error::new(Kind::UnsupportedAlgorithm, what, at));
        }
        Ok(Self { content, ciphertext, recipients })
    }

    /// What the content is encrypted with.
    pub fn algorithm(&self) -> ContentAlgorithm {
        self.content.algorithm
    }

    /// Whether the ciphertext is elsewhere.
    pub fn is_detached(&self) -> bool {
        self.ciphertext.is_none()
    }

    /// How many recipients there are whose algorithm is implemented.
    pub fn recipients(&self) -> usize {
        self.recipients.len()
    }

    /// Decrypts with the first key that opens a recipient layer.
    ///
    /// A layer with a `kid` is tried with the keys of that name, one without is tried with each key
    /// (REQ-SUIT-121). `context` is [`CONTEXT_SUIT_PAYLOAD`](super::CONTEXT_SUIT_PAYLOAD) or one of its
    /// neighbours; `detached` is the ciphertext exactly if [`is_detached`](Self::is_detached). With AES-CTR the result is *not* authentic:
    /// the caller compares it with a signed digest.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] when no key opens a layer, or the content was changed; malformed when there
    /// are two ciphertexts or none.
    pub fn decrypt(
        &self,
        recipient_keys: &[RecipientKey],
        context: &[u8],
        detached: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let ciphertext = match (self.ciphertext, detached) {
            (Some(ciphertext), None) | (None, Some(ciphertext)) => ciphertext,
            _ => return Err(Error::malformed("one ciphertext, attached or detached", 0)),
        };
        self.content.open(&self.content_key(recipient_keys, context)?, CONTEXT_ENCRYPT, ciphertext)
    }

    /// For a detached ciphertext that arrives in pieces; keys and context are those of
    /// [`decrypt`](Self::decrypt).
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] when no key opens a layer; malformed when the ciphertext is attached.
    pub fn decryptor(
        &self,
        recipient_keys: &[RecipientKey],
        context: &[u8],
    ) -> Result<ContentDecryptor, Error> {
        if !self.is_detached() {
            return Err(Error::malformed("a detached ciphertext", 0));
        }
        self.content.decryptor(&self.content_key(recipient_keys, context)?, CONTEXT_ENCRYPT)
    }

    /// What the first key that opens a recipient layer finds there.
    fn content_key(&self, keys: &[RecipientKey], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.recipients
            .iter()
            .find_map(|recipient| keys.iter().find_map(|key| recipient.unwrap(key, context)))
            .ok_or(Error::unauthenticated("no recipient whose key is here"))
    }
}

/// What [`encrypt`] makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// The tagged COSE_Encrypt.
    pub structure: Vec<u8>,
    /// The ciphertext, when it is not in the structure.
    pub ciphertext: Option<Vec<u8>>,
}

/// Encrypts `plaintext` under a new random key for all `recipients`, with the ciphertext in the structure if
/// `attached` (REQ-TEEP-031).
///
/// # Errors
/// Those of `random`, no or more than [`MAX_RECIPIENTS`] recipients, and a symmetric key that is not for AES-KW.
pub fn encrypt(
    content: ContentAlgorithm,
    recipients: &[EncryptTo<'_>],
    plaintext: &[u8],
    context: &[u8],
    random: &mut Random<'_>,
    attached: bool,
) -> Result<Encryption, Error> {
    if !(1..=MAX_RECIPIENTS).contains(&recipients.len()) {
        return Err(Error::new(Kind::TooLarge, "one to 16 recipients", 0));
    }
    let mut key = Zeroizing::new(alloc::vec![0; content.key_len()]);
    random(&mut key)?;
    let layers = recipients
        .iter()
        .map(|to| Wrapped::new(*to, &key, context, random))
        .collect::<Result<Vec<_>, _>>()?;
    let sealed = content::seal(content, &key, None, CONTEXT_ENCRYPT, plaintext, random)?;
    let structure = encode_exact(|w| {
        w.tag(TAG_ENCRYPT).array(4).bytes(&sealed.protected).raw(&sealed.unprotected);
        if attached {
            w.bytes(&sealed.ciphertext)
        } else {
            w.null()
        };
        w.array(layers.len());
        for layer in &layers {
            layer.write(w);
        }
    });
    Ok(Encryption { structure, ciphertext: (!attached).then_some(sealed.ciphertext) })
}

#[cfg(test)]
mod tests;
