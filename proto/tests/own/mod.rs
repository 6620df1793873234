// SPDX-License-Identifier: Apache-2.0
//! What goes into `vectors/own`.

mod lms;
mod protected;
mod suit;
mod teep;

use super::Made;
use serde_json::{Value, json};
use teep_proto::cose::{AgreementSecret, ContentAlgorithm, EncryptTo, KeyWrap, encrypt, encrypt0};

pub(crate) fn all() -> Vec<Made> {
    let mut all = teep::all();
    all.extend(suit::all());
    all.extend(encrypted());
    all.extend(protected::all());
    all
}

pub(crate) fn accept(name: &'static str, bytes: Vec<u8>, kind: &str, more: Value) -> Made {
    row(name, bytes, kind, json!({ "expected": "accept", "canonical": true }), more)
}

/// `says` is what the error of teep-proto has to contain, `why` is for people.
pub(crate) fn reject(
    name: &'static str,
    bytes: Vec<u8>,
    kind: &str,
    more: Value,
    [blame, says, why]: [&str; 3],
) -> Made {
    row(name, bytes, kind, json!({ "expected": "reject", "blame": blame, "says": says, "why": why }), more)
}

fn row(name: &'static str, bytes: Vec<u8>, kind: &str, outcome: Value, more: Value) -> Made {
    let mut row = json!({ "kind": kind });
    for part in [more, outcome] {
        row.as_object_mut().expect("a map").extend(part.as_object().expect("a map").clone());
    }
    Made { name, bytes, row }
}

/// Counts instead of being random, so that the vectors are always the same.
pub(crate) fn counter() -> impl FnMut(&mut [u8]) -> Result<(), teep_proto::Error> {
    let mut next = 0u8;
    move |bytes| {
        for byte in bytes {
            next = next.wrapping_add(1);
            *byte = next;
        }
        Ok(())
    }
}

/// COSE_Encrypt with attached ciphertext: each content algorithm and recipient that no published vector has.
fn encrypted() -> Vec<Made> {
    const PLAINTEXT: &[u8] = b"personalization data";
    let kek = super::common::symmetric_key("kek-aes");
    let d: [u8; 32] =
        super::common::member(&super::common::key("kek-p256"), "d").try_into().expect("32 bytes");
    let device = AgreementSecret::from_scalar(&d).expect("a scalar");
    let to_device = |wrap| EncryptTo::Agreement(device.public_key(), wrap);
    let make = |name, content, to, key: &str, context: &str| {
        let encryption = encrypt(content, &[to], PLAINTEXT, context.as_bytes(), &mut counter(), true);
        let more = json!({
            "recipients": [key], "context": context, "plaintext": hex::encode(PLAINTEXT),
        });
        let mut made = accept(name, encryption.expect("encrypts").structure, "cose-encrypt", more);
        made.row.as_object_mut().expect("a map").remove("canonical");
        made
    };
    // No recipients: the content is encrypted under the key itself.
    let alone = |name, content| {
        let bytes = encrypt0(content, &kek, PLAINTEXT, &mut counter()).expect("encrypts");
        let more = json!({ "content_keys": ["kek-aes"], "plaintext": hex::encode(PLAINTEXT) });
        let mut made = accept(name, bytes, "cose-encrypt0", more);
        made.row.as_object_mut().expect("a map").remove("canonical");
        made
    };
    let sealed = alone("encrypt0-a128gcm", A128Gcm);
    let mut changed = sealed.bytes.clone();
    *changed.last_mut().expect("a tag") ^= 1;
    use ContentAlgorithm::{A128Ctr, A128Gcm, A192Ctr, A256Ctr, ChaCha20Poly1305};
    let (report, eat, payload) = ("SUIT Report Encryption", "EAT Encryption", "SUIT Payload Encryption");
    vec![
        make("encrypt-chacha20-es-ecdh", ChaCha20Poly1305, to_device(KeyWrap::A128Kw), "kek-p256", payload),
        make("encrypt-chacha20-aes-kw", ChaCha20Poly1305, EncryptTo::Symmetric(&kek), "kek-aes", payload),
        make("encrypt-a192ctr-es-ecdh-a192kw", A192Ctr, to_device(KeyWrap::A192Kw), "kek-p256", payload),
        make("encrypt-a256ctr-es-ecdh-a256kw", A256Ctr, to_device(KeyWrap::A256Kw), "kek-p256", payload),
        make("encrypt-a128gcm-eat", A128Gcm, to_device(KeyWrap::A128Kw), "kek-p256", eat),
        make("encrypt-a128gcm-report", A128Gcm, to_device(KeyWrap::A128Kw), "kek-p256", report),
        sealed,
        alone("encrypt0-a128ctr", A128Ctr),
        reject(
            "encrypt0-changed-tag",
            changed,
            "cose-encrypt0",
            json!({ "content_keys": ["kek-aes"] }),
            ["unauthenticated", "no key here that opens", "the last byte of the tag was changed"],
        ),
    ]
}
