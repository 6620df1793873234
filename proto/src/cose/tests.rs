// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::Kind;
use crate::cbor::{Reader, Writer, encode};
use alloc::vec::Vec;

fn p256(n: u8) -> SigningKey {
    SigningKey::p256_from_scalar(&[n; 32]).expect("a valid scalar")
}

fn ed25519(n: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(&[n; 32])
}

fn verify(message: &[u8], keys: &[PublicKey]) -> Result<Vec<u8>, Kind> {
    Signatures::decode(message)
        .and_then(|s| s.verify(keys).map(|v| v.get().to_vec()))
        .map_err(|error| error.kind)
}

/// A Sign1 whose parts a test chooses; the signature is real for the headers as given.
fn crafted(
    key: &SigningKey,
    protected: &[u8],
    unprotected: impl Fn(&mut Writer),
    tag: Option<u64>,
) -> Vec<u8> {
    let structure = encode(|w| {
        w.array(4).text("Signature1").bytes(protected).bytes(b"").bytes(b"payload");
    });
    let signature = key.sign(&structure, b"").expect("signs");
    encode(|w| {
        if let Some(tag) = tag {
            w.tag(tag);
        }
        w.array(4).bytes(protected);
        unprotected(w);
        w.bytes(b"payload").bytes(&signature);
    })
}

fn no_headers(w: &mut Writer) {
    w.map(0);
}

const ALG_ESP256: &[u8] = b"\xa1\x01\x28";

#[test]
fn rfc9679_thumbprint_check_value() {
    let x = hex("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d");
    let y = hex("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c");
    let key = encode(|w| {
        w.map(4).int(1).int(2).int(-1).int(1).int(-2).bytes(&x).int(-3).bytes(&y);
    });
    let key = PublicKey::from_cose_key(&key).expect("a valid key");
    assert_eq!(
        alloc::format!("{}", key.thumbprint()),
        "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
    );
}

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}

#[test]
fn keys_round_trip_as_cose_key() {
    for key in [p256(7), ed25519(7)] {
        let public = key.public_key();
        assert_eq!(PublicKey::from_cose_key(&public.to_cose_key()), Ok(public.clone()));
        let again = SigningKey::from_cose_key(&key.to_cose_key()).expect("private key");
        assert_eq!(again.public_key(), public);
        PublicKey::from_cose_key(&key.to_cose_key()).expect_err("a private key is no public key");
        SigningKey::from_cose_key(&public.to_cose_key()).expect_err("a public key is no private key");
    }
}

#[test]
fn attack_off_curve_point_in_cose_key() {
    let mut x = [0x11u8; 32];
    let mut refused = 0;
    for n in 0..16 {
        x[0] = n;
        let key = encode(|w| {
            w.map(4).int(1).int(2).int(-1).int(1).int(-2).bytes(&x).int(-3).bytes(&[0x22; 32]);
        });
        refused += usize::from(PublicKey::from_cose_key(&key).is_err());
    }
    assert_eq!(refused, 16);
}

#[test]
fn attack_small_order_ed25519_key() {
    let mut identity = [0u8; 32];
    identity[0] = 1;
    let key = encode(|w| {
        w.map(3).int(1).int(1).int(-1).int(6).int(-2).bytes(&identity);
    });
    PublicKey::from_cose_key(&key).expect_err("small order");
}

#[test]
fn sign1_and_sign_verify_under_each_key() {
    for key in [p256(1), ed25519(2)] {
        let message = sign1(&key, b"payload").expect("signs");
        assert_eq!(verify(&message, &[key.public_key()]), Ok(b"payload".to_vec()));
    }
    let both = sign(&[p256(1), ed25519(2)], b"payload").expect("signs");
    for key in [p256(1), ed25519(2)] {
        assert_eq!(verify(&both, &[key.public_key()]), Ok(b"payload".to_vec()), "REQ-TEEP-024");
    }
    assert_eq!(verify(&both, &[p256(3).public_key()]), Err(Kind::Unauthenticated));
    assert_eq!(verify(&both, &[]), Err(Kind::Unauthenticated));
}

#[test]
fn verified_names_the_signer() {
    let (a, b) = (p256(1), ed25519(2));
    let message = sign1(&b, b"x").expect("signs");
    let keys = [a.public_key(), b.public_key()];
    let verified = Signatures::decode(&message).and_then(|s| s.verify(&keys)).expect("verifies");
    assert_eq!(verified.signer(), b.public_key().thumbprint());
    assert_eq!(verified.algorithm(), Algorithm::Ed25519);
}

#[test]
fn untagged_accepted_wrong_tag_refused() {
    let key = p256(1);
    let keys = [key.public_key()];
    for tag in [None, Some(18)] {
        assert!(verify(&crafted(&key, ALG_ESP256, no_headers, tag), &keys).is_ok());
    }
    for tag in [17, 96, 98, 107] {
        assert_eq!(verify(&crafted(&key, ALG_ESP256, no_headers, Some(tag)), &keys), Err(Kind::Malformed));
    }
}

#[test]
fn kid_selects_and_is_optional() {
    let key = p256(1);
    let keys = [key.public_key()];
    assert!(verify(&crafted(&key, ALG_ESP256, no_headers, None), &keys).is_ok());
    let foreign_kid = |w: &mut Writer| {
        w.map(1).int(4).bytes(&[9; 32]);
    };
    assert_eq!(verify(&crafted(&key, ALG_ESP256, foreign_kid, None), &keys), Err(Kind::Unauthenticated));
}

#[test]
fn attack_kid_twice_in_one_layer() {
    let key = p256(1);
    let keys = [key.public_key()];
    let kid = key.public_key().thumbprint().0;
    let unprotected = |times: usize| {
        move |w: &mut Writer| {
            w.map(times);
            for _ in 0..times {
                w.int(4).bytes(&kid);
            }
        }
    };
    let protected = |times: usize| {
        encode(|w| {
            w.map(times + 1).int(1).int(Algorithm::Esp256.number());
            for _ in 0..times {
                w.int(4).bytes(&kid);
            }
        })
    };
    for (inside, outside, is_taken) in
        [(0, 0, true), (1, 0, true), (0, 1, true), (1, 1, false), (2, 0, false), (0, 2, false)]
    {
        let verified = verify(&crafted(&key, &protected(inside), unprotected(outside), None), &keys);
        match is_taken {
            true => assert!(verified.is_ok(), "{inside} {outside}"),
            false => assert_eq!(verified, Err(Kind::Malformed), "{inside} {outside}"),
        }
    }
}

#[test]
fn attack_headers_not_understood() {
    let key = p256(1);
    let keys = [key.public_key()];
    // crit, content type, unknown label: protected.
    for protected in [&b"\xa2\x01\x28\x02\x81\x01"[..], b"\xa2\x01\x28\x03\x00", b"\xa2\x01\x28\x18\x63\x00"]
    {
        assert_eq!(verify(&crafted(&key, protected, no_headers, None), &keys), Err(Kind::Unsupported));
    }
    let unknown = |w: &mut Writer| {
        w.map(1).int(99).int(0);
    };
    assert_eq!(verify(&crafted(&key, ALG_ESP256, unknown, None), &keys), Err(Kind::Unsupported));
}

#[test]
fn attack_algorithm_confusion() {
    let key = p256(1);
    let keys = [key.public_key()];
    let in_unprotected = |w: &mut Writer| {
        w.map(1).int(1).int(-9);
    };
    assert_eq!(verify(&crafted(&key, b"", in_unprotected, None), &keys), Err(Kind::Malformed));
    assert_eq!(verify(&crafted(&key, ALG_ESP256, in_unprotected, None), &keys), Err(Kind::Malformed));
    assert_eq!(verify(&crafted(&key, b"\xa1\x01\x32", no_headers, None), &keys), Err(Kind::Unauthenticated));
    assert_eq!(
        verify(&crafted(&key, b"\xa1\x01\x26", no_headers, None), &keys),
        Err(Kind::UnsupportedAlgorithm),
        "ES256"
    );
}

#[test]
fn es256_only_where_accepted_and_only_with_p256() {
    let key = p256(1);
    let message = crafted(&key, b"\xa1\x01\x26", no_headers, None);
    let verify = |keys: &[PublicKey], accept| {
        Signatures::decode(&message)
            .and_then(|s| s.verify_with(keys, accept).map(|v| v.algorithm()))
            .map_err(|e| e.kind)
    };
    let es256 = Accept { es256: true, ..Accept::default() };
    assert_eq!(verify(&[key.public_key()], es256), Ok(Algorithm::Es256));
    assert_eq!(verify(&[p256(2).public_key(), ed25519(1).public_key()], es256), Err(Kind::Unauthenticated));
    for accept in [Accept::default(), Accept { hss_lms: true, ..Accept::default() }] {
        assert_eq!(verify(&[key.public_key()], accept), Err(Kind::UnsupportedAlgorithm));
    }
    // Accepting more changes nothing about ESP256.
    let esp256 = sign1(&key, b"payload").expect("signs");
    let both = Signatures::decode(&esp256).and_then(|s| s.verify_with(&[key.public_key()], es256));
    assert_eq!(both.map(|v| v.algorithm()), Ok(Algorithm::Esp256));
}

#[test]
fn published_es256_manifest_verifies_where_accepted() {
    let envelope = include_str!("../../vectors/suit-manifest-3c9b790/example0-signed.hex");
    let envelope = hex(&envelope.split_whitespace().collect::<alloc::string::String>());
    // {2: << [ << digest >>, << COSE_Sign1 >> ] >>, ...}: the wrapper of the first member.
    let mut r = Reader::open(&envelope).expect("an envelope");
    r.optional_tag();
    r.map("envelope").expect("a map");
    assert_eq!(r.int("label"), Ok(2));
    let mut r = Reader::open(r.bytes("wrapper").expect("bytes")).expect("a wrapper");
    r.array_of(2, "wrapper").expect("digest and one block");
    let (digest, block) = (r.bytes("digest").expect("bytes"), r.bytes("block").expect("bytes"));
    let key_a = encode(|w| {
        w.map(4).int(1).int(2).int(-1).int(1);
        w.int(-2).bytes(&hex("8496811aae0baaabd26157189eecda26beaa8bf11b6f3fe6e2b5659c85dbc0ad"));
        w.int(-3).bytes(&hex("3b1f2a4b6c098131c0a36dacd1d78bd381dcdfb09c052db33991db7338b4a896"));
    });
    let keys = [PublicKey::from_cose_key(&key_a).expect("key A")];
    let signatures = Signatures::decode(block).expect("decodes");
    let strict = signatures.verify_detached(digest, &keys).map(|_| ()).map_err(|e| e.kind);
    assert_eq!(strict, Err(Kind::UnsupportedAlgorithm));
    let accept = Accept { es256: true, ..Accept::default() };
    signatures.verify_detached_with(digest, &keys, accept).expect("verifies as ES256");
}

#[test]
fn attack_algorithm_in_text_or_of_another_structure() {
    let key = p256(1);
    // "ES256" by name, HMAC, A128GCM.
    for protected in [&b"\xa1\x01\x65ES256"[..], b"\xa1\x01\x05", b"\xa1\x01\x01"] {
        let message = crafted(&key, protected, no_headers, None);
        assert_eq!(verify(&message, &[key.public_key()]), Err(Kind::UnsupportedAlgorithm));
    }
}

#[test]
fn attack_private_key_with_the_public_half_of_another() {
    let other = p256(2).public_key().to_cose_key();
    let mixed = [&b"\xa5"[..], &other[1..], b"\x23\x58\x20", &[1; 32]].concat();
    SigningKey::from_cose_key(&mixed).expect_err("a signing key");
    AgreementSecret::from_cose_key(&mixed).expect_err("an agreement key");
    let own = [&b"\xa5"[..], &p256(1).public_key().to_cose_key()[1..], b"\x23\x58\x20", &[1; 32]].concat();
    SigningKey::from_cose_key(&own).expect("a signing key");
    AgreementSecret::from_cose_key(&own).expect("an agreement key");
    AgreementKey::from_cose_key(&own).expect_err("a private key is no public key");
    AgreementSecret::from_cose_key(&own[..77]).expect_err("cut short");
}

#[test]
fn cose_key_limit_and_one_past_it() {
    let key = |kid: usize| {
        let public = p256(1).public_key().to_cose_key();
        encode(|w| {
            w.map(5).raw(&public[1..]).int(2).bytes(&alloc::vec![1; kid]);
        })
    };
    let at = key(512 - 79);
    assert_eq!(at.len(), 512);
    PublicKey::from_cose_key(&at).expect("at the limit");
    let past = PublicKey::from_cose_key(&key(513 - 79)).map_err(|e| e.kind);
    assert_eq!(past.map(|_| ()), Err(Kind::TooLarge));
}

#[test]
fn attack_sign1_taken_for_one_signature_of_sign() {
    let key = p256(1);
    let sign1 = sign1(&key, b"payload").expect("signs");
    let signature = sign1[sign1.len() - 64..].to_vec();
    let transplanted = encode(|w| {
        w.array(4)
            .bytes(b"")
            .map(0)
            .bytes(b"payload")
            .array(1)
            .array(3)
            .bytes(ALG_ESP256)
            .map(0)
            .bytes(&signature);
    });
    assert_eq!(verify(&transplanted, &[key.public_key()]), Err(Kind::Unauthenticated));
}

#[test]
fn signature_limit_and_one_past_it() {
    let keys: Vec<_> = (1..=5).map(p256).collect();
    let at = sign(&keys[..4], b"x").expect("signs");
    assert!(verify(&at, &[keys[3].public_key()]).is_ok());
    for wrong in [&keys[..], &[]] {
        assert_eq!(sign(wrong, b"x").expect_err("more than four, or none").kind, Kind::TooLarge);
    }
    // A fifth signature behind the four: tag, array, two empty headers and the payload come before them.
    let list = 2 + 1 + 1 + 1 + 2;
    assert_eq!(at[list], 0x84);
    let one = (at.len() - list - 1) / 4;
    let mut past = at.clone();
    past[list] = 0x85;
    past.extend_from_slice(&at[at.len() - one..]);
    assert_eq!(verify(&past, &[keys[0].public_key()]), Err(Kind::TooLarge));
}

#[test]
fn detached_payload_is_bound_to_the_signature() {
    let key = p256(1);
    let block = sign1_detached(&key, b"digest").expect("signs");
    let signatures = Signatures::decode(&block).expect("decodes");
    signatures.verify_detached(b"digest", &[key.public_key()]).expect("verifies");
    signatures.verify_detached(b"Digest", &[key.public_key()]).expect_err("another payload");
    signatures.verify(&[key.public_key()]).expect_err("no attached payload");
    let attached = sign1(&key, b"digest").expect("signs");
    let attached = Signatures::decode(&attached).expect("decodes");
    attached.verify_detached(b"digest", &[key.public_key()]).expect_err("an attached payload");
}

#[test]
fn every_flipped_byte_and_truncation_is_refused() {
    let key = p256(1);
    let keys = [key.public_key()];
    let message = sign1(&key, b"payload").expect("signs");
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut flipped = message.clone();
            flipped[at] ^= 1 << bit;
            assert!(verify(&flipped, &keys).is_err(), "byte {at} bit {bit}");
        }
        assert!(verify(&message[..at], &keys).is_err(), "cut at {at}");
    }
}
