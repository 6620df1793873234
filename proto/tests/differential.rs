// SPDX-License-Identifier: Apache-2.0
//! The strict reader beside ciborium, and COSE_Sign1 beside coset, on generated input.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod common;

use ciborium::Value;
use common::numbers::Numbers;
use coset::{
    CborSerializable, CoseSign1, CoseSign1Builder, CoseSignBuilder, CoseSignatureBuilder, HeaderBuilder,
    TaggedCborSerializable, iana,
};
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use sha2::{Digest, Sha256};
use teep_proto::cbor::{Major, Reader, encode};
use teep_proto::cose::{Signatures, SigningKey, sign, sign1};

/// An item of at most `depth` levels.
trait Values {
    fn value(&mut self, depth: u64) -> Value;
}

impl Values for Numbers {
    fn value(&mut self, depth: u64) -> Value {
        let leaves = 7;
        match self.below(if depth == 0 { leaves } else { leaves + 3 }) {
            0 => Value::from(self.size()),
            1 => Value::from(-1 - (self.size() >> 1) as i64),
            2 => Value::from(self.bytes(40)),
            3 => Value::from(self.bytes(30).iter().map(|b| char::from(*b)).collect::<String>()),
            4 => Value::from(self.below(2) == 0),
            5 => Value::Null,
            6 => Value::Tag(self.size(), Box::new(Value::from(self.size()))),
            7 | 8 => Value::Array((0..self.below(6)).map(|_| self.value(depth - 1)).collect()),
            _ => {
                Value::Map((0..self.below(6)).map(|key| (Value::from(key), self.value(depth - 1))).collect())
            }
        }
    }
}

fn by_ciborium(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("into memory");
    bytes
}

/// All of it as ciborium has it, or `None`.
fn from_ciborium(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value = ciborium::from_reader(&mut rest).ok()?;
    rest.is_empty().then_some(value)
}

/// What the strict reader reads, as ciborium's value; `None` for a simple value ciborium does not have.
fn read(r: &mut Reader<'_>) -> Option<Value> {
    const WHAT: &str = "was checked by open";
    if r.next_is(Major::Uint) {
        return Some(Value::from(r.uint(WHAT).expect(WHAT)));
    }
    if r.next_is(Major::Negative) && r.clone().int(WHAT).is_ok() {
        return Some(Value::from(r.int(WHAT).expect(WHAT)));
    }
    if r.next_is(Major::Bytes) {
        return Some(Value::from(r.bytes(WHAT).expect(WHAT).to_vec()));
    }
    if r.next_is(Major::Text) {
        return Some(Value::from(r.text(WHAT).expect(WHAT)));
    }
    if r.next_is(Major::Array) {
        let len = r.array(WHAT).expect(WHAT);
        return (0..len).map(|_| read(r)).collect::<Option<_>>().map(Value::Array);
    }
    if r.next_is(Major::Map) {
        let len = r.map(WHAT).expect(WHAT);
        return (0..len).map(|_| Some((read(r)?, read(r)?))).collect::<Option<_>>().map(Value::Map);
    }
    if let Some(tag) = r.optional_tag() {
        return Some(Value::Tag(tag, Box::new(read(r)?)));
    }
    if r.optional_null() {
        return Some(Value::Null);
    }
    if r.clone().bool(WHAT).is_ok() {
        return Some(Value::from(r.bool(WHAT).expect(WHAT)));
    }
    // Integers below those of 64 bits, floating point numbers, other simple values.
    from_ciborium(r.item().expect(WHAT))
}

/// Whatever ciborium writes of what these formats use, the strict reader reads, with the same values
/// (REQ-TEEP-004).
#[test]
fn reads_what_ciborium_writes() {
    let mut numbers = Numbers(1);
    for _ in 0..20_000 {
        let value = numbers.value(4);
        let bytes = by_ciborium(&value);
        let mut reader = Reader::open(&bytes).unwrap_or_else(|e| panic!("{e}: {}", hex::encode(&bytes)));
        assert_eq!(read(&mut reader), Some(value), "{}", hex::encode(&bytes));
    }
}

/// What the strict reader accepts ciborium accepts, with the same value: on damaged items, where nearly all
/// the interesting encodings are (REQ-TEEP-004).
#[test]
fn accepts_a_subset_of_ciborium() {
    let mut numbers = Numbers(2);
    let (mut strict, mut lenient) = (0, 0);
    for _ in 0..100_000 {
        let mut bytes = by_ciborium(&numbers.value(3));
        for _ in 0..1 + numbers.below(3) {
            let at = numbers.below(bytes.len() as u64) as usize;
            match numbers.below(4) {
                0 => bytes[at] = numbers.next() as u8,
                1 => bytes.insert(at, numbers.next() as u8),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes[at] ^= 1 << numbers.below(8),
            }
        }
        let theirs = from_ciborium(&bytes);
        lenient += usize::from(theirs.is_some());
        if let Ok(mut reader) = Reader::open(&bytes) {
            strict += 1;
            // Simple values other than false, true and null are well-formed, but ciborium has no value for them.
            let Some(ours) = read(&mut reader) else { continue };
            let theirs =
                theirs.unwrap_or_else(|| panic!("only the strict reader takes {}", hex::encode(&bytes)));
            // Through ciborium once, as it makes one number of a bignum's tag and bytes; as text, as NaN is not
            // equal to itself.
            let ours = from_ciborium(&by_ciborium(&ours)).expect("a value");
            assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{}", hex::encode(&bytes));
        }
    }
    assert!(strict > 1000 && lenient > strict, "{strict} accepted here, {lenient} by ciborium");
}

/// The same message by both: same bytes, and each verifies the other's (REQ-TEEP-003, REQ-TEEP-017).
#[test]
fn sign1_is_that_of_coset() {
    let mut numbers = Numbers(3);
    let scalar = [7; 32];
    let key = SigningKey::p256_from_scalar(&scalar).expect("a scalar");
    let theirs = p256::ecdsa::SigningKey::from_slice(&scalar).expect("a scalar");
    for _ in 0..100 {
        let payload = encode(|w| {
            w.bytes(&numbers.bytes(400));
        });
        let ours = sign1(&key, &payload).expect("signs");
        let by_coset = CoseSign1Builder::new()
            .protected(HeaderBuilder::new().algorithm(iana::Algorithm::ESP256).build())
            .unprotected(HeaderBuilder::new().key_id(key.public_key().thumbprint().0.to_vec()).build())
            .payload(payload.clone())
            .create_signature(b"", |tbs| {
                let signature: p256::ecdsa::Signature =
                    theirs.sign_prehash(&Sha256::digest(tbs)).expect("signs");
                signature.to_bytes().to_vec()
            })
            .build();
        assert_eq!(by_coset.clone().to_tagged_vec().expect("encodes"), ours);
        let untagged = by_coset.to_vec().expect("encodes");
        let verified = Signatures::decode(&untagged).and_then(|s| s.verify(&[key.public_key()]));
        assert_eq!(*verified.expect("verifies").get(), payload);
        CoseSign1::from_tagged_slice(&ours)
            .expect("decodes")
            .verify_signature(b"", |signature, tbs| {
                let signature = p256::ecdsa::Signature::from_slice(signature)?;
                theirs.verifying_key().verify_prehash(&Sha256::digest(tbs), &signature)
            })
            .expect("coset verifies it");
    }
}

/// A COSE_Sign by both: coset reads what is signed here, and makes the same bytes (REQ-TEEP-017, REQ-TEEP-022).
#[test]
fn sign_is_that_of_coset() {
    let scalars = [[7; 32], [8; 32]];
    let keys = scalars.map(|scalar| SigningKey::p256_from_scalar(&scalar).expect("a scalar"));
    let theirs = scalars.map(|scalar| p256::ecdsa::SigningKey::from_slice(&scalar).expect("a scalar"));
    let payload = b"a TEEP message";
    let ours = sign(&keys, payload).expect("signs");
    let mut builder = CoseSignBuilder::new().payload(payload.to_vec());
    for (key, theirs) in keys.iter().zip(&theirs) {
        let signer = CoseSignatureBuilder::new()
            .protected(HeaderBuilder::new().algorithm(iana::Algorithm::ESP256).build())
            .unprotected(HeaderBuilder::new().key_id(key.public_key().thumbprint().0.to_vec()).build())
            .build();
        builder = builder.add_created_signature(signer, b"", |tbs| {
            let signature: p256::ecdsa::Signature = theirs.sign_prehash(&Sha256::digest(tbs)).expect("signs");
            signature.to_bytes().to_vec()
        });
    }
    assert_eq!(builder.build().to_tagged_vec().expect("encodes"), ours);
    for key in &keys {
        let verified = Signatures::decode(&ours).and_then(|s| s.verify(&[key.public_key()]));
        assert_eq!(*verified.expect("verifies").get(), payload);
    }
}
