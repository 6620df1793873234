// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::arithmetic_side_effects, reason = "small numbers of a test's own tree")]

use super::*;
use crate::cbor::encode;
use crate::cose::{Accept, Algorithm, PublicKey, Signatures};

/// A signer of its own, so that every parameter set with a small tree is seen. Each chain starts at a hash of
/// its number; nobody should sign like that.
struct Tree {
    ots: OtsType,
    tree: TreeType,
    identifier: [u8; 16],
}

impl Tree {
    fn new(ots: u32, tree: u32, n: u8) -> Self {
        let ots = OtsType::from_code(ots).expect("an LMOTS type");
        Self { ots, tree: TreeType::from_code(tree).expect("an LMS type"), identifier: [n; 16] }
    }

    fn key(&self) -> LmsKey<'_> {
        LmsKey { tree: self.tree, ots: self.ots, identifier: &self.identifier, root: &[] }
    }

    /// What chain `i` of leaf `q` is after `digit` steps.
    fn chain(&self, q: u32, i: u16, digit: u8) -> [u8; N] {
        let key = self.key();
        let mut value: [u8; N] = Sha256::new()
            .chain_update(self.identifier)
            .chain_update([q as u8, i as u8, (i >> 8) as u8])
            .finalize()
            .into();
        for j in 0..digit {
            let step = key.hash(q).chain_update(i.to_be_bytes()).chain_update([j]);
            value = step.chain_update(value).finalize().into();
        }
        value
    }

    fn node(&self, number: u32) -> [u8; N] {
        let (key, leaves) = (self.key(), 1u32 << self.tree.height);
        if number < leaves {
            let parent = key.hash(number).chain_update(D_INTR.to_be_bytes());
            return parent
                .chain_update(self.node(2 * number))
                .chain_update(self.node(2 * number + 1))
                .finalize()
                .into();
        }
        let q = number - leaves;
        let mut ends = key.hash(q).chain_update(D_PBLK.to_be_bytes());
        for i in 0..self.ots.p {
            ends.update(self.chain(q, i, self.ots.top()));
        }
        key.hash(number).chain_update(D_LEAF.to_be_bytes()).chain_update(ends.finalize()).finalize().into()
    }

    fn public(&self) -> Vec<u8> {
        [&self.tree.code.to_be_bytes()[..], &self.ots.code.to_be_bytes(), &self.identifier, &self.node(1)]
            .concat()
    }

    fn sign(&self, q: u32, message: &[u8]) -> Vec<u8> {
        let randomizer = [0x5a; N];
        let hash = self.key().hash(q).chain_update(D_MESG.to_be_bytes()).chain_update(randomizer);
        let hash: [u8; N] = hash.chain_update(message).finalize().into();
        let mut out = [&q.to_be_bytes()[..], &self.ots.code.to_be_bytes(), &randomizer].concat();
        for (i, digit) in (0u16..).zip(self.ots.digits(&hash)) {
            out.extend(self.chain(q, i, digit));
        }
        out.extend(self.tree.code.to_be_bytes());
        let mut node = (1u32 << self.tree.height) + q;
        while node > 1 {
            out.extend(self.node(node ^ 1));
            node >>= 1;
        }
        out
    }
}

/// An HSS key over `trees`, topmost first, and its signature of `message` with leaf `q` of each.
fn hss(trees: &[Tree], q: u32, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let below = (trees.len() as u32 - 1).to_be_bytes();
    let mut signature = below.to_vec();
    for pair in trees.windows(2) {
        let next = pair[1].public();
        signature.extend(pair[0].sign(q, &next));
        signature.extend(next);
    }
    signature.extend(trees[trees.len() - 1].sign(q, message));
    ([&(trees.len() as u32).to_be_bytes()[..], &trees[0].public()].concat(), signature)
}

fn verifies(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    HssPublicKey::from_bytes(key).is_ok_and(|key| key.verifies(b"", message, signature))
}

fn published(case: u8) -> [Vec<u8>; 3] {
    let files = match case {
        1 => [
            include_str!("../../../vectors/rfc8554/case1-public-key.hex"),
            include_str!("../../../vectors/rfc8554/case1-message.hex"),
            include_str!("../../../vectors/rfc8554/case1-signature.hex"),
        ],
        _ => [
            include_str!("../../../vectors/rfc8554/case2-public-key.hex"),
            include_str!("../../../vectors/rfc8554/case2-message.hex"),
            include_str!("../../../vectors/rfc8554/case2-signature.hex"),
        ],
    };
    files.map(|text| {
        hex::decode(text.split_whitespace().collect::<alloc::string::String>()).expect("hexadecimal")
    })
}

#[test]
fn rfc8554_test_cases() {
    for case in [1, 2] {
        let [key, message, signature] = published(case);
        assert!(verifies(&key, &message, &signature), "case {case}");
        let (start, end) = message.split_at(40);
        let key = HssPublicKey::from_bytes(&key).expect("a key");
        assert!(key.verifies(start, end, &signature), "the message in two parts");
    }
}

#[test]
fn attack_rfc8554_signature_truncated_extended_or_of_another_message() {
    for case in [1, 2] {
        let [key, message, signature] = published(case);
        for at in 0..signature.len() {
            assert!(!verifies(&key, &message, &signature[..at]), "case {case} cut at {at}");
        }
        assert!(!verifies(&key, &message, &[&signature[..], b"\0"].concat()));
        assert!(!verifies(&key, &message[1..], &signature));
        assert!(!verifies(&key, b"", &signature));
        let [other_key, ..] = published(3 - case);
        assert!(!verifies(&other_key, &message, &signature));
    }
}

#[test]
fn attack_rfc8554_flipped_bytes() {
    let [key, message, signature] = published(1);
    // The whole length in steps of a prime; every byte of a shorter signature below.
    for at in (0..signature.len()).step_by(37).chain(0..12) {
        let mut flipped = signature.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(!verifies(&key, &message, &flipped), "signature byte {at}");
    }
}

#[test]
fn every_width_and_mixed_levels_verify() {
    for ots in 1..=4 {
        let (key, signature) = hss(&[Tree::new(ots, 5, 1)], 31, b"message");
        assert!(verifies(&key, b"message", &signature), "LMOTS type {ots}");
        assert!(!verifies(&key, b"massage", &signature), "LMOTS type {ots}");
    }
    let mixed: Vec<Tree> = (1..=3).map(|n| Tree::new(n.into(), 5, n)).collect();
    let (key, signature) = hss(&mixed, 17, b"message");
    assert!(verifies(&key, b"message", &signature));
}

#[test]
fn level_limit_and_one_past_it() {
    let trees: Vec<Tree> = (0..9).map(|n| Tree::new(2, 5, n)).collect();
    let (key, signature) = hss(&trees[..MAX_HSS_LEVELS], 0, b"message");
    assert!(verifies(&key, b"message", &signature));
    let (key, signature) = hss(&trees, 0, b"message");
    assert_eq!(HssPublicKey::from_bytes(&key).map_err(|e| e.kind), Err(Kind::Malformed));
    assert!(!verifies(&key, b"message", &signature));
    let none = [&[0; 4][..], &key[4..]].concat();
    assert_eq!(HssPublicKey::from_bytes(&none).map_err(|e| e.kind), Err(Kind::Malformed));
}

#[test]
fn attack_every_flipped_byte_of_key_and_signature() {
    let (key, signature) = hss(&[Tree::new(3, 5, 1)], 9, b"message");
    assert!(verifies(&key, b"message", &signature));
    for at in 0..signature.len() {
        let mut flipped = signature.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(!verifies(&key, b"message", &flipped), "signature byte {at}");
    }
    for at in 0..key.len() {
        let mut flipped = key.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(!verifies(&flipped, b"message", &signature), "key byte {at}");
        assert!(HssPublicKey::from_bytes(&key[..at]).is_err(), "key cut at {at}");
    }
}

#[test]
fn attack_flipped_bytes_of_a_key_that_a_level_signs() {
    let (key, signature) = hss(&[Tree::new(3, 5, 1), Tree::new(3, 5, 2)], 9, b"message");
    let signed_key = 4 + (signature.len() - 4 - LMS_KEY) / 2;
    for at in (0..4).chain(signed_key..signed_key + LMS_KEY) {
        let mut flipped = signature.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(!verifies(&key, b"message", &flipped), "signature byte {at}");
    }
}

#[test]
fn attack_leaf_number_outside_the_tree() {
    let (key, signature) = hss(&[Tree::new(3, 5, 1)], 31, b"message");
    for q in [32u32, 63, 1 << 31, u32::MAX] {
        let forged = [&signature[..4], &q.to_be_bytes(), &signature[8..]].concat();
        assert!(!verifies(&key, b"message", &forged));
    }
}

#[test]
fn attack_fewer_levels_than_the_key_says() {
    let trees = [Tree::new(3, 5, 1), Tree::new(3, 5, 2)];
    let (key, signature) = hss(&trees, 0, b"message");
    // What the upper tree signed, the lower tree's key, taken for a message that the whole key signed.
    let lower = trees[1].public();
    let upper_signature = &signature[4..4 + (signature.len() - 4 - LMS_KEY) / 2];
    let forged = [&[0; 4], upper_signature].concat();
    assert!(!verifies(&key, &lower, &forged));
    let one_level = [&1u32.to_be_bytes(), &key[4..]].concat();
    assert!(verifies(&one_level, &lower, &forged), "with another number of levels it would be one");
}

#[test]
fn other_hashes_and_unknown_parameters_are_unsupported() {
    let (key, _) = hss(&[Tree::new(4, 5, 1)], 0, b"");
    // SHA-256/192 (10), SHAKE (15) and reserved trees; the same for LMOTS.
    for (at, codes) in [(4, [0, 4, 10, 15, u32::MAX]), (8, [0, 5, 9, 13, u32::MAX])] {
        for code in codes {
            let other = [&key[..at], &code.to_be_bytes(), &key[at + 4..]].concat();
            assert_eq!(HssPublicKey::from_bytes(&other).map_err(|e| e.kind), Err(Kind::UnsupportedAlgorithm));
        }
    }
}

/// A COSE_Sign1 with HSS-LMS over `payload`, and the key as a COSE_Key (RFC 8778).
fn signed(payload: &[u8]) -> (PublicKey, Vec<u8>) {
    let structure = encode(|w| {
        w.array(4).text("Signature1").bytes(b"\xa1\x01\x38\x2d").bytes(b"").bytes(payload);
    });
    let (key, signature) = hss(&[Tree::new(3, 5, 7)], 3, &structure);
    let key = encode(|w| {
        w.map(3).int(1).int(5).int(3).int(-46).int(-1).bytes(&key);
    });
    let message = encode(|w| {
        w.tag(18).array(4).bytes(b"\xa1\x01\x38\x2d").map(0).bytes(payload).bytes(&signature);
    });
    (PublicKey::from_cose_key(&key).expect("a COSE_Key"), message)
}

#[test]
fn in_cose_only_where_accepted() {
    let (key, message) = signed(b"payload");
    let signatures = Signatures::decode(&message).expect("decodes");
    let strict = signatures.verify([&key]).map_err(|e| e.kind);
    assert_eq!(strict.map(|_| ()), Err(Kind::UnsupportedAlgorithm));
    let es256 =
        signatures.verify_with([&key], Accept { es256: true, ..Accept::default() }).map_err(|e| e.kind);
    assert_eq!(es256.map(|_| ()), Err(Kind::UnsupportedAlgorithm));
    let accept = Accept { hss_lms: true, ..Accept::default() };
    let verified = signatures.verify_with([&key], accept).expect("verifies");
    assert_eq!((verified.algorithm(), verified.signer()), (Algorithm::HssLms, key.thumbprint()));
    assert_eq!(*verified.get(), b"payload");
}

#[test]
fn cose_key_round_trips_and_names_its_algorithm() {
    let (key, _) = signed(b"");
    let encoded = key.to_cose_key();
    assert_eq!(PublicKey::from_cose_key(&encoded), Ok(key.clone()));
    assert_eq!(key.algorithm(), Algorithm::HssLms);
    let PublicKey::HssLms(hss) = &key else { panic!("an HSS-LMS key") };
    for (alg, public) in [(-9, hss.as_bytes()), (-46, &hss.as_bytes()[1..]), (-46, b"")] {
        let wrong = encode(|w| {
            w.map(3).int(1).int(5).int(3).int(alg).int(-1).bytes(public);
        });
        PublicKey::from_cose_key(&wrong).expect_err("another algorithm or length");
    }
}
