// SPDX-License-Identifier: Apache-2.0
//! One test per attack on a COSE_Encrypt.

use super::*;
use crate::cbor::Writer;

const ALG_GCM: &[u8] = b"\xa1\x01\x01";
const ALG_ECDH_A128KW: &[u8] = b"\xa1\x01\x38\x1c";
const CEK: [u8; 16] = [3; 16];

/// A COSE_Encrypt whose parts a test chooses.
struct Crafted {
    tag: Option<u64>,
    protected: Vec<u8>,
    unprotected: Vec<u8>,
    ciphertext: Option<Vec<u8>>,
    recipients: Vec<Vec<u8>>,
}

impl Crafted {
    fn encode(&self) -> Vec<u8> {
        cbor(|w| {
            if let Some(tag) = self.tag {
                w.tag(tag);
            }
            w.array(4).bytes(&self.protected).raw(&self.unprotected);
            match &self.ciphertext {
                Some(ciphertext) => w.bytes(ciphertext),
                None => w.null(),
            };
            w.array(self.recipients.len());
            for recipient in &self.recipients {
                w.raw(recipient);
            }
        })
    }
}

fn map(len: usize, write: impl Fn(&mut Writer)) -> Vec<u8> {
    cbor(|w| {
        w.map(len);
        write(w);
    })
}

fn iv(len: usize) -> Vec<u8> {
    map(1, |w| {
        w.int(5).bytes(&alloc::vec![1; len]);
    })
}

fn recipient(protected: &[u8], unprotected: &[u8], wrapped: &[u8]) -> Vec<u8> {
    cbor(|w| {
        w.array(3).bytes(protected).raw(unprotected).bytes(wrapped);
    })
}

/// AES-KW to the published key, with a true wrapping of [`CEK`].
fn to_kek(alg: i64) -> Vec<u8> {
    let header = map(2, |w| {
        w.int(1).int(alg).int(4).bytes(b"kid-1");
    });
    recipient(b"", &header, &wrapped_cek())
}

fn wrapped_cek() -> Vec<u8> {
    KeyWrap::A128Kw.wrap(&[b'a'; 16], &CEK).expect("wraps")
}

/// ECDH-ES with whatever stands for the ephemeral key.
fn to_agreement(ephemeral: &[u8]) -> Vec<u8> {
    let header = map(1, |w| {
        w.int(-1).raw(ephemeral);
    });
    recipient(ALG_ECDH_A128KW, &header, &[0; 24])
}

fn ec_key(crv: i64, x: &[u8], y: &[u8]) -> Vec<u8> {
    map(4, |w| {
        w.int(1).int(2).int(-1).int(crv).int(-2).bytes(x).int(-3).bytes(y);
    })
}

/// A128GCM to the published key encryption key; opens.
fn gcm() -> Crafted {
    let ciphertext = Some(gcm_ciphertext(ALG_GCM, "Encrypt"));
    let recipients = alloc::vec![to_kek(-3)];
    Crafted { tag: Some(96), protected: ALG_GCM.to_vec(), unprotected: iv(12), ciphertext, recipients }
}

fn to(recipients: &[Vec<u8>]) -> Crafted {
    Crafted { recipients: recipients.to_vec(), ..gcm() }
}

fn gcm_ciphertext(protected: &[u8], context: &str) -> Vec<u8> {
    use aes_gcm::aead::{Aead, KeyInit, Payload};
    let aad = cbor(|w| {
        w.array(3).text(context).bytes(protected).bytes(b"");
    });
    let cipher = aes_gcm::Aes128Gcm::new_from_slice(&CEK).expect("a key");
    cipher.encrypt(&[1; 12].into(), Payload { msg: PLAINTEXT, aad: &aad }).expect("encrypts")
}

/// A128CTR to the published key encryption key; opens.
fn ctr() -> Crafted {
    let unprotected = map(2, |w| {
        w.int(1).int(-65534).int(5).bytes(&[1; 16]);
    });
    Crafted { protected: Vec::new(), unprotected, ..gcm() }
}

fn keys() -> [RecipientKey; 2] {
    [RecipientKey::Symmetric(published_kek()), RecipientKey::Agreement(published_secret())]
}

fn opened(crafted: &Crafted) -> Result<Vec<u8>, Kind> {
    open(&crafted.encode(), &keys(), None)
}

#[test]
fn the_crafted_ones_open() {
    assert_eq!(opened(&gcm()), Ok(PLAINTEXT.to_vec()));
    assert!(opened(&ctr()).is_ok());
    let empty_map = Crafted { protected: b"\xa0".to_vec(), ..ctr() };
    assert!(opened(&empty_map).is_ok(), "an empty map where an empty string is meant");
    assert_eq!(opened(&Crafted { tag: None, ..gcm() }), Ok(PLAINTEXT.to_vec()));
}

#[test]
fn wrong_tag() {
    for tag in [16, 17, 18, 97, 98, 107] {
        assert_eq!(opened(&Crafted { tag: Some(tag), ..gcm() }), Err(Kind::Malformed));
    }
}

#[test]
fn ephemeral_key_off_the_curve() {
    let good = published_secret().public_key().to_cose_key();
    let mut flipped = good.clone();
    flipped[good.len() - 1] ^= 1;
    for key in [
        flipped,
        ec_key(1, &[0; 32], &[0; 32]),
        ec_key(1, &[0x11; 32], &[0x22; 32]),
        ec_key(1, &[0xff; 32], &[0xff; 32]),
    ] {
        assert_eq!(opened(&to(&[to_agreement(&key)])), Err(Kind::Malformed), "REQ-SUIT-121");
    }
}

#[test]
fn ephemeral_key_is_the_identity_or_cut_short() {
    // The identity has no coordinates: SEC 1 writes it as one zero byte.
    for (x, y) in [(&b""[..], &b""[..]), (b"\0", b""), (&[0x11; 31], &[0x22; 32]), (&[0x11; 33], &[0x22; 32])]
    {
        assert_eq!(opened(&to(&[to_agreement(&ec_key(1, x, y))])), Err(Kind::Malformed), "REQ-SUIT-121");
    }
}

#[test]
fn ephemeral_key_of_another_kind() {
    let on_p384 = ec_key(2, &[0x11; 32], &[0x22; 32]);
    let x25519 = map(3, |w| {
        w.int(1).int(1).int(-1).int(4).int(-2).bytes(&[9; 32]);
    });
    let symmetric = map(2, |w| {
        w.int(1).int(4).int(-1).bytes(&[9; 32]);
    });
    for key in [on_p384, x25519, symmetric] {
        assert_eq!(opened(&to(&[to_agreement(&key)])), Err(Kind::Unsupported));
    }
    let private = crate::cose::SigningKey::p256_from_scalar(&[1; 32]).expect("a key").to_cose_key();
    let missing = recipient(ALG_ECDH_A128KW, &map(0, |_| ()), &[0; 24]);
    for wrong in [to_agreement(&private), to_agreement(b"\x01"), to_agreement(b"\xf6"), missing] {
        assert_eq!(opened(&to(&[wrong])), Err(Kind::Malformed));
    }
    let signing = map(5, |w| {
        w.int(1).int(2).int(3).int(-9).int(-1).int(1).int(-2).bytes(&[0x11; 32]).int(-3).bytes(&[0x22; 32]);
    });
    assert_eq!(AgreementKey::from_cose_key(&signing).map_err(|e| e.kind), Err(Kind::UnsupportedAlgorithm));
}

#[test]
fn wrong_kid() {
    let header = map(2, |w| {
        w.int(1).int(-3).int(4).bytes(b"kid-9");
    });
    let misnamed = to(&[recipient(b"", &header, &wrapped_cek())]);
    assert_eq!(opened(&misnamed), Err(Kind::Unauthenticated), "the key fits, the name does not");
    let header = map(1, |w| {
        w.int(1).int(-3);
    });
    let nameless = to(&[recipient(b"", &header, &wrapped_cek())]);
    assert_eq!(opened(&nameless), Ok(PLAINTEXT.to_vec()), "REQ-SUIT-121: without a name each key is tried");
    let [info, ciphertext] = published("aes-kw-aes-ctr");
    let renamed = SymmetricKey::new(&[b'a'; 16], Some(b"kid-2")).expect("a key");
    assert_eq!(open(&info, &symmetric(renamed), Some(&ciphertext)), Err(Kind::Unauthenticated));
}

#[test]
fn truncated_or_changed_ciphertext_of_an_aead() {
    let ciphertext = gcm_ciphertext(ALG_GCM, "Encrypt");
    for at in 0..ciphertext.len() {
        let cut = Crafted { ciphertext: Some(ciphertext[..at].to_vec()), ..gcm() };
        assert_eq!(opened(&cut), Err(Kind::Unauthenticated), "{at} bytes");
        let mut flipped = ciphertext.clone();
        flipped[at] ^= 0x80;
        let flipped = Crafted { ciphertext: Some(flipped), ..gcm() };
        assert_eq!(opened(&flipped), Err(Kind::Unauthenticated), "byte {at}");
    }
}

#[test]
fn ciphertext_attached_and_detached_or_neither() {
    assert_eq!(open(&gcm().encode(), &keys(), Some(b"another")), Err(Kind::Malformed));
    let detached = Crafted { ciphertext: None, ..gcm() };
    assert_eq!(opened(&detached), Err(Kind::Malformed));
    let ciphertext = gcm_ciphertext(ALG_GCM, "Encrypt");
    assert_eq!(open(&detached.encode(), &keys(), Some(&ciphertext)), Ok(PLAINTEXT.to_vec()));
}

#[test]
fn ctr_with_a_protected_header() {
    let alg_protected = Crafted { protected: b"\xa1\x01\x39\xff\xfd".to_vec(), unprotected: iv(16), ..gcm() };
    let kid_protected = Crafted { protected: b"\xa1\x04\x41\x01".to_vec(), ..ctr() };
    let twice = Crafted { protected: ALG_GCM.to_vec(), ..ctr() };
    for crafted in [alg_protected, kid_protected, twice] {
        assert_eq!(opened(&crafted), Err(Kind::Malformed), "AMB-SUIT-22");
    }
}

#[test]
fn aead_moved_out_of_the_protected_header() {
    let unprotected = map(2, |w| {
        w.int(1).int(1).int(5).bytes(&[1; 12]);
    });
    let ciphertext = Some(gcm_ciphertext(b"", "Encrypt"));
    let crafted = Crafted { protected: Vec::new(), unprotected, ciphertext, ..gcm() };
    assert_eq!(opened(&crafted), Err(Kind::Malformed));
}

#[test]
fn aead_relabelled_as_counter_mode_is_known_to_be_unauthenticated() {
    // GCM counts from IV || 2, so its ciphertext decrypts in counter mode, and can be changed there. The
    // structure is well-formed: only a digest or a signature over it can tell, and the caller learns that.
    let unprotected = map(2, |w| {
        w.int(1).int(-65534).int(5).bytes(&[&[1; 12][..], &[0, 0, 0, 2]].concat());
    });
    let relabelled = Crafted { protected: Vec::new(), unprotected, ..gcm() }.encode();
    let decoded = Encrypted::decode(&relabelled).expect("decodes");
    assert!(!decoded.algorithm().authenticates());
    assert!(open(&relabelled, &keys(), None).is_ok_and(|bytes| bytes.starts_with(PLAINTEXT)));
}

#[test]
fn iv_of_another_size_or_missing() {
    for len in [0, 1, 11, 13, 16] {
        assert_eq!(opened(&Crafted { unprotected: iv(len), ..gcm() }), Err(Kind::Malformed), "GCM {len}");
    }
    for len in [0, 8, 12, 15, 17] {
        let unprotected = map(2, |w| {
            w.int(1).int(-65534).int(5).bytes(&alloc::vec![1; len]);
        });
        assert_eq!(opened(&Crafted { unprotected, ..ctr() }), Err(Kind::Malformed), "CTR {len}");
    }
    assert_eq!(opened(&Crafted { unprotected: map(0, |_| ()), ..gcm() }), Err(Kind::Malformed), "none");
}

#[test]
fn algorithms_confused_between_layers() {
    // A content algorithm for the recipient, a recipient algorithm for the content, a signature algorithm.
    for alg in [-3, -29, -9, 5, 0] {
        let protected = map(1, |w| {
            w.int(1).int(alg);
        });
        let crafted = Crafted { protected, ..gcm() };
        assert_eq!(opened(&crafted), Err(Kind::UnsupportedAlgorithm), "content {alg}");
    }
    for alg in [1, 24, -65534, -6, -25, 5, 0] {
        assert_eq!(opened(&to(&[to_kek(alg)])), Err(Kind::UnsupportedAlgorithm), "recipient {alg}");
    }
    // Each recipient algorithm in the other's bucket.
    let kw_protected = recipient(b"\xa1\x01\x22", &map(0, |_| ()), &wrapped_cek());
    let header = map(2, |w| {
        w.int(1).int(-29).int(-1).raw(&published_secret().public_key().to_cose_key());
    });
    let ecdh_unprotected = recipient(b"", &header, &[0; 24]);
    for wrong in [kw_protected, ecdh_unprotected] {
        assert_eq!(opened(&to(&[wrong])), Err(Kind::Malformed));
    }
}

#[test]
fn key_wrapping_of_another_length_than_the_key() {
    for alg in [-4, -5] {
        assert_eq!(opened(&to(&[to_kek(alg)])), Err(Kind::Unauthenticated), "a 16-byte key with {alg}");
    }
}

#[test]
fn aes_kw_with_what_belongs_to_ecdh() {
    let key = published_secret().public_key().to_cose_key();
    let ephemeral = map(2, |w| {
        w.int(1).int(-3).int(-1).raw(&key);
    });
    let salt = map(2, |w| {
        w.int(1).int(-3).int(-20).bytes(b"salt");
    });
    for header in [ephemeral, salt] {
        assert_eq!(opened(&to(&[recipient(b"", &header, &wrapped_cek())])), Err(Kind::Malformed));
    }
}

#[test]
fn every_flipped_byte_of_a_wrapped_key() {
    for [info, ciphertext] in ["aes-kw-aes-gcm", "es-ecdh-aes-gcm"].map(published) {
        for at in info.len() - 24..info.len() {
            let mut flipped = info.clone();
            flipped[at] ^= 1;
            assert_eq!(open(&flipped, &keys(), Some(&ciphertext)), Err(Kind::Unauthenticated), "byte {at}");
        }
    }
}

#[test]
fn wrapped_key_of_another_length() {
    let header = map(1, |w| {
        w.int(1).int(-3);
    });
    for len in [0, 7, 8, 16, 23, 25, 32, 40, 512] {
        let crafted = to(&[recipient(b"", &header, &alloc::vec![0; len])]);
        assert_eq!(opened(&crafted), Err(Kind::Malformed), "{len} bytes");
    }
}

#[test]
fn wrong_context_string() {
    let [info, ciphertext] = published("es-ecdh-aes-gcm");
    let decoded = Encrypted::decode(&info).expect("decodes");
    for context in [CONTEXT_SUIT_REPORT, CONTEXT_EAT, b"", b"SUIT Payload Encryption\0"] {
        let refused = decoded.decrypt(&keys(), context, Some(&ciphertext)).map_err(|e| e.kind);
        assert_eq!(refused, Err(Kind::Unauthenticated), "REQ-TEEP-032");
    }
    let other_structure = Crafted { ciphertext: Some(gcm_ciphertext(ALG_GCM, "Encrypt0")), ..gcm() };
    assert_eq!(opened(&other_structure), Err(Kind::Unauthenticated));
}

#[test]
fn salt_is_used() {
    let [info, ciphertext] = published("es-ecdh-aes-gcm");
    let salted = |salt: &[u8]| {
        let at = info.windows(2).position(|w| w == b"\xa1\x20").expect("the recipient's header");
        let end = info.len() - 26;
        let salt = cbor(|w| {
            w.int(-20).bytes(salt);
        });
        [&info[..at], b"\xa2", &info[at + 1..end], &salt, &info[end..]].concat()
    };
    let no_salt = open(&salted(b""), &keys(), Some(&ciphertext));
    assert_eq!(no_salt, Ok(PLAINTEXT.to_vec()), "an empty salt is none (RFC 5869 section 2.2)");
    assert_eq!(open(&salted(b"salt"), &keys(), Some(&ciphertext)), Err(Kind::Unauthenticated));
}

#[test]
fn headers_not_understood() {
    for unknown in [2, 3, 6, 7, 11, 33, 99, -2] {
        let unprotected = map(2, |w| {
            w.int(5).bytes(&[1; 12]).int(unknown).bytes(b"");
        });
        let crafted = Crafted { unprotected, ..gcm() };
        assert_eq!(opened(&crafted), Err(Kind::Unsupported), "REQ-TEEP-005: {unknown}");
        let header = map(2, |w| {
            w.int(1).int(-3).int(unknown).bytes(b"");
        });
        let crafted = to(&[recipient(b"", &header, &wrapped_cek())]);
        assert_eq!(opened(&crafted), Err(Kind::Unsupported), "REQ-TEEP-005: {unknown}");
    }
    let critical = Crafted { protected: b"\xa2\x01\x01\x02\x81\x05".to_vec(), ..gcm() };
    assert_eq!(opened(&critical), Err(Kind::Unsupported), "crit");
}

#[test]
fn recipient_of_another_algorithm_beside_ours() {
    let direct = recipient(b"\xa1\x01\x25", &map(0, |_| ()), b"");
    assert_eq!(opened(&to(&[direct, to_kek(-3)])), Ok(PLAINTEXT.to_vec()));
}

#[test]
fn recipient_limit_and_one_past_it() {
    let with = |n: usize| opened(&to(&alloc::vec![to_kek(-3); n]));
    assert_eq!(with(MAX_RECIPIENTS), Ok(PLAINTEXT.to_vec()));
    assert_eq!(with(MAX_RECIPIENTS + 1), Err(Kind::TooLarge));
    assert_eq!(with(0), Err(Kind::Malformed));
    let shared = published_kek();
    let many = alloc::vec![EncryptTo::Symmetric(&shared); MAX_RECIPIENTS + 1];
    for (n, fits) in [(0, false), (MAX_RECIPIENTS, true), (MAX_RECIPIENTS + 1, false)] {
        let made = encrypt(CONTENT[3], &many[..n], PLAINTEXT, b"", &mut counting(), true);
        assert_eq!(made.is_ok(), fits, "{n} recipients");
    }
}
