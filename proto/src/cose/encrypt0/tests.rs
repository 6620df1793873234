// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::Kind;
use crate::cbor::encode;

const PLAINTEXT: &[u8] = b"\x43abc";

fn key(n: u8, len: usize, kid: Option<&[u8]>) -> SymmetricKey {
    SymmetricKey::new(&alloc::vec![n; len], kid).expect("a key")
}

fn made(content: ContentAlgorithm, key: &SymmetricKey) -> Vec<u8> {
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(0x24);
        Ok(())
    };
    encrypt0(content, key, PLAINTEXT, &mut random).expect("encrypts")
}

fn open(structure: &[u8], keys: &[SymmetricKey]) -> Result<Vec<u8>, Kind> {
    Encrypted0::decode(structure).and_then(|e| e.decrypt(keys)).map_err(|e| e.kind)
}

#[test]
fn every_content_algorithm_tagged_and_untagged() {
    for (content, len) in [
        (ContentAlgorithm::A128Ctr, 16),
        (ContentAlgorithm::A192Ctr, 24),
        (ContentAlgorithm::A256Ctr, 32),
        (ContentAlgorithm::A128Gcm, 16),
        (ContentAlgorithm::ChaCha20Poly1305, 32),
    ] {
        let key = key(1, len, Some(b"name"));
        let structure = made(content, &key);
        for bytes in [&structure[..], &structure[1..]] {
            assert_eq!(open(bytes, core::slice::from_ref(&key)), Ok(PLAINTEXT.to_vec()), "{content}");
            assert_eq!(Encrypted0::decode(bytes).map(|e| e.algorithm()), Ok(content));
        }
    }
}

#[test]
fn kid_selects_and_is_optional() {
    let named = key(1, 16, Some(b"name"));
    let keys = [key(1, 16, None), key(1, 16, Some(b"other"))];
    let structure = made(ContentAlgorithm::A128Gcm, &named);
    assert_eq!(open(&structure, &keys), Err(Kind::Unauthenticated));
    let nameless = made(ContentAlgorithm::A128Gcm, &keys[0]);
    assert_eq!(open(&nameless, &[key(2, 16, None), named]), Ok(PLAINTEXT.to_vec()));
}

#[test]
fn attack_key_of_another_length_or_purpose() {
    let long = key(1, 32, None);
    assert!(encrypt0(ContentAlgorithm::A128Gcm, &long, PLAINTEXT, &mut |_| Ok(())).is_err());
    let structure = made(ContentAlgorithm::A128Gcm, &key(1, 16, None));
    assert_eq!(open(&structure, &[long]), Err(Kind::Unauthenticated));
    let for_wrapping = encode(|w| {
        w.map(3).int(1).int(4).int(3).int(-3).int(-1).bytes(&[1; 16]);
    });
    let for_wrapping = SymmetricKey::from_cose_key(&for_wrapping).expect("a key");
    assert_eq!(open(&structure, core::slice::from_ref(&for_wrapping)), Err(Kind::Unauthenticated));
    assert!(encrypt0(ContentAlgorithm::A128Gcm, &for_wrapping, PLAINTEXT, &mut |_| Ok(())).is_err());
}

#[test]
fn attack_other_structures_and_detached_ciphertext() {
    let key = key(1, 16, None);
    let structure = made(ContentAlgorithm::A128Gcm, &key);
    for tag in [17u8, 18] {
        let retagged = [&[0xc0 | tag][..], &structure[1..]].concat();
        assert_eq!(open(&retagged, core::slice::from_ref(&key)), Err(Kind::Malformed));
    }
    let detached = encode(|w| {
        w.tag(16).array(3).bytes(b"\xa1\x01\x01").map(1).int(5).bytes(&[0x24; 12]).null();
    });
    assert_eq!(open(&detached, core::slice::from_ref(&key)), Err(Kind::Malformed));
}

#[test]
fn attack_ctr_with_a_protected_header() {
    for protected in [&b"\xa1\x04\x41\x01"[..], b"\xa1\x01\x39\xff\xfd"] {
        let structure = encode(|w| {
            w.array(3).bytes(protected).map(2).int(1).int(-65534).int(5).bytes(&[0x24; 16]).bytes(b"content");
        });
        assert_eq!(open(&structure, &[key(1, 16, Some(b"\x01"))]), Err(Kind::Malformed), "AMB-SUIT-22");
    }
}

#[test]
fn attack_every_flipped_byte_and_truncation() {
    let key = key(1, 32, Some(b"name"));
    let structure = made(ContentAlgorithm::ChaCha20Poly1305, &key);
    for at in 0..structure.len() {
        for bit in 0..8 {
            let mut flipped = structure.clone();
            flipped[at] ^= 1 << bit;
            assert!(open(&flipped, core::slice::from_ref(&key)).is_err(), "byte {at} bit {bit}");
        }
        assert!(open(&structure[..at], core::slice::from_ref(&key)).is_err(), "cut at {at}");
    }
}
