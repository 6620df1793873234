// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::cbor::Writer;
use crate::cose::{Signatures, SigningKey, sign1};
use alloc::string::String;

const SUIT_DIGEST: usize = 36;

fn hmac_key() -> SymmetricKey {
    SymmetricKey::new(&[b'a'; 32], None).expect("a key")
}

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.split_whitespace().collect::<String>()).expect("hexadecimal")
}

fn kind(result: Result<Verified<&[u8]>, Error>) -> Result<Vec<u8>, Kind> {
    result.map(|v| v.get().to_vec()).map_err(|e| e.kind)
}

fn verify(message: &[u8], key: &SymmetricKey) -> Result<Vec<u8>, Kind> {
    let mac = Mac0::decode(message).map_err(|e| e.kind)?;
    kind(mac.verify(core::slice::from_ref(key)))
}

/// A Mac0 whose headers a test chooses; the tag is real for them.
fn crafted(protected: &[u8], unprotected: impl Fn(&mut Writer), tag_len: usize, tag: Option<u64>) -> Vec<u8> {
    let mac = authenticator(&hmac_key(), protected, b"payload").expect("a MAC").finalize().into_bytes();
    encode(|w| {
        if let Some(tag) = tag {
            w.tag(tag);
        }
        w.array(4).bytes(protected);
        unprotected(w);
        w.bytes(b"payload").bytes(&mac[..tag_len]);
    })
}

fn no_headers(w: &mut Writer) {
    w.map(0);
}

const ALG_HMAC256: &[u8] = b"\xa1\x01\x05";

/// Digest and authentication block of a published manifest.
fn authentication(envelope: &[u8]) -> (&[u8], &[u8]) {
    let mut r = Reader::open(envelope).expect("an envelope");
    r.optional_tag();
    r.map("envelope").expect("a map");
    assert_eq!(r.int("label"), Ok(2));
    let mut r = Reader::open(r.bytes("wrapper").expect("bytes")).expect("a wrapper");
    r.array_of(2, "wrapper").expect("digest and one block");
    (r.bytes("digest").expect("a digest"), r.bytes("block").expect("a block"))
}

#[test]
fn published_hmac_manifests_verify() {
    for text in [
        include_str!("../../../vectors/suit-firmware-encryption-2947c35/suit-manifest-aes-kw-content.hex"),
        include_str!("../../../vectors/suit-firmware-encryption-2947c35/suit-manifest-aes-kw.hex"),
        include_str!("../../../vectors/suit-firmware-encryption-2947c35/suit-manifest-aes-kw-slot.hex"),
    ] {
        let envelope = hex(text);
        let (digest, block) = authentication(&envelope);
        assert_eq!(digest.len(), SUIT_DIGEST);
        let mac = Mac0::decode(block).expect("a COSE_Mac0");
        let verified = mac.verify_detached(digest, &[hmac_key()]).expect("the published MAC");
        assert_eq!((verified.algorithm(), verified.signer()), (Algorithm::Hmac256, hmac_key().thumbprint()));
        assert_eq!(mac0_detached(&hmac_key(), digest).expect("a MAC"), block, "encodes to the same bytes");
        let other = SymmetricKey::new(&[b'b'; 32], None).expect("a key");
        assert_eq!(kind(mac.verify_detached(digest, &[other])), Err(Kind::Unauthenticated));
        assert_eq!(kind(mac.verify(&[hmac_key()])), Err(Kind::Malformed), "no attached payload");
    }
}

#[test]
fn kid_selects_and_is_optional() {
    let named = SymmetricKey::new(&[7; 32], Some(b"name")).expect("a key");
    let message = mac0(&named, b"payload").expect("a MAC");
    assert_eq!(verify(&message, &named), Ok(b"payload".to_vec()));
    let nameless = SymmetricKey::new(&[7; 32], None).expect("a key");
    assert_eq!(verify(&message, &nameless), Err(Kind::Unauthenticated), "a kid means one key");
    assert_eq!(verify(&mac0(&nameless, b"payload").expect("a MAC"), &named), Ok(b"payload".to_vec()));
}

#[test]
fn untagged_accepted_wrong_tag_refused() {
    for tag in [None, Some(17)] {
        assert!(verify(&crafted(ALG_HMAC256, no_headers, 32, tag), &hmac_key()).is_ok());
    }
    for tag in [16, 18, 96, 97, 98] {
        let message = crafted(ALG_HMAC256, no_headers, 32, Some(tag));
        assert_eq!(verify(&message, &hmac_key()), Err(Kind::Malformed));
    }
}

#[test]
fn attack_truncated_tag() {
    for len in [0, 1, 8, 16, 31] {
        let message = crafted(ALG_HMAC256, no_headers, len, None);
        assert_eq!(verify(&message, &hmac_key()), Err(Kind::Malformed));
    }
    let hmac_256_64 = crafted(b"\xa1\x01\x04", no_headers, 8, None);
    assert_eq!(verify(&hmac_256_64, &hmac_key()), Err(Kind::UnsupportedAlgorithm), "HMAC 256/64");
}

#[test]
fn attack_headers_and_algorithm_confusion() {
    let in_unprotected = |w: &mut Writer| {
        w.map(1).int(1).int(5);
    };
    assert_eq!(verify(&crafted(b"", in_unprotected, 32, None), &hmac_key()), Err(Kind::Unsupported));
    assert_eq!(verify(&crafted(b"", no_headers, 32, None), &hmac_key()), Err(Kind::Malformed));
    for protected in [&b"\xa2\x01\x05\x02\x81\x01"[..], b"\xa2\x01\x05\x18\x63\x00", b"\xa2\x01\x05\x61a\x00"]
    {
        let message = crafted(protected, no_headers, 32, None);
        assert_eq!(verify(&message, &hmac_key()), Err(Kind::Unsupported), "REQ-TEEP-005");
    }
    // A public key's bytes as HMAC key: neither structure is ever taken for the other.
    let signer = SigningKey::p256_from_scalar(&[1; 32]).expect("a key");
    let signature = sign1(&signer, b"payload").expect("signs");
    Mac0::decode(&signature).expect_err("a signature is no MAC");
    assert_eq!(
        Mac0::decode(&signature[1..]).map(|_| ()).map_err(|e| e.kind),
        Err(Kind::UnsupportedAlgorithm)
    );
    let mac = mac0(&hmac_key(), b"payload").expect("a MAC");
    let keys = [signer.public_key()];
    for bytes in [&mac[..], &mac[1..]] {
        assert!(Signatures::decode(bytes).and_then(|s| s.verify(&keys).map(|_| ())).is_err());
    }
}

/// REQ-SUIT-120.
#[test]
fn attack_keys_of_other_purpose_or_length() {
    let cose_key = |alg: i64, len: usize| {
        encode(|w| {
            w.map(3).int(1).int(4).int(3).int(alg).int(-1).bytes(&alloc::vec![b'a'; len]);
        })
    };
    let message = mac0(&hmac_key(), b"payload").expect("a MAC");
    let for_hmac = SymmetricKey::from_cose_key(&cose_key(5, 32)).expect("a key");
    assert_eq!(verify(&message, &for_hmac), Ok(b"payload".to_vec()));
    let for_wrapping = SymmetricKey::from_cose_key(&cose_key(-5, 32)).expect("a key");
    assert_eq!(verify(&message, &for_wrapping), Err(Kind::Unauthenticated));
    mac0(&for_wrapping, b"payload").expect_err("a key for AES-KW");
    let short = SymmetricKey::from_cose_key(&cose_key(5, 31)).expect("a key");
    mac0(&short, b"payload").expect_err("a key of less than 32 bytes");
    SymmetricKey::from_cose_key(&cose_key(5, 15)).expect_err("too short for anything");
    SymmetricKey::from_cose_key(&cose_key(5, 65)).expect_err("too long for anything");
}

#[test]
fn symmetric_keys_round_trip_and_stay_secret() {
    let encoded = encode(|w| {
        w.map(4).int(1).int(4).int(2).bytes(b"kid-1").int(3).int(-3).int(-1).bytes(&[b'a'; 16]);
    });
    let key = SymmetricKey::from_cose_key(&encoded).expect("a key");
    assert_eq!(*key.to_cose_key(), encoded);
    let shown = alloc::format!("{key:?}");
    assert!(!shown.contains("97, 97") && !shown.contains("aa"), "{shown}");
    let public = SigningKey::p256_from_scalar(&[1; 32]).expect("a key").public_key().to_cose_key();
    SymmetricKey::from_cose_key(&public).expect_err("an EC2 key");
}

#[test]
fn every_flipped_byte_and_truncation_is_refused() {
    let key = hmac_key();
    let message = mac0(&key, b"payload").expect("a MAC");
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut flipped = message.clone();
            flipped[at] ^= 1 << bit;
            assert!(verify(&flipped, &key).is_err(), "byte {at} bit {bit}");
        }
        assert!(verify(&message[..at], &key).is_err(), "cut at {at}");
    }
}
