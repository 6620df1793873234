// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::cbor::encode as cbor;
use crate::cose::agreement::kdf_context;
use crate::cose::{
    AgreementKey, AgreementSecret, CONTEXT_EAT, CONTEXT_SUIT_PAYLOAD, CONTEXT_SUIT_REPORT, KeyWrap,
    SymmetricKey,
};
use crate::limits::MAX_KID;
use alloc::string::String;

mod attacks;

const PLAINTEXT: &[u8] = b"This is a real firmware image.";
const CONTENT: [ContentAlgorithm; 5] = [
    ContentAlgorithm::A128Ctr,
    ContentAlgorithm::A192Ctr,
    ContentAlgorithm::A256Ctr,
    ContentAlgorithm::A128Gcm,
    ContentAlgorithm::ChaCha20Poly1305,
];
const WRAPS: [KeyWrap; 3] = [KeyWrap::A128Kw, KeyWrap::A192Kw, KeyWrap::A256Kw];

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.split_whitespace().collect::<String>()).expect("hexadecimal")
}

/// Bytes that differ from call to call.
fn counting() -> impl FnMut(&mut [u8]) -> Result<(), Error> {
    let mut next = 0u8;
    move |bytes| {
        bytes.fill_with(|| {
            next = next.wrapping_add(29);
            next
        });
        Ok(())
    }
}

/// The published recipient key, with its name `kid-2` or without.
fn published_secret() -> AgreementSecret {
    let d = hex("60fe6dd6d85d5740a5349b6f91267eeac5ba81b8cb53ee249e4b4eb102c476b3");
    AgreementSecret::from_scalar(&d.try_into().expect("32 bytes")).expect("a scalar")
}

/// The published key encryption key, `kid-1`.
fn published_kek() -> SymmetricKey {
    SymmetricKey::new(&[b'a'; 16], Some(b"kid-1")).expect("a key")
}

fn kek(wrap: KeyWrap) -> SymmetricKey {
    SymmetricKey::new(&alloc::vec![7; wrap.key_len()], Some(b"kek")).expect("a key")
}

fn symmetric(key: SymmetricKey) -> [RecipientKey; 1] {
    [RecipientKey::Symmetric(key)]
}

fn agreement(secret: AgreementSecret) -> [RecipientKey; 1] {
    [RecipientKey::Agreement(secret)]
}

/// Decodes and decrypts a payload of a SUIT manifest.
fn open(structure: &[u8], keys: &[RecipientKey], ciphertext: Option<&[u8]>) -> Result<Vec<u8>, Kind> {
    Encrypted::decode(structure)
        .and_then(|e| e.decrypt(keys, CONTEXT_SUIT_PAYLOAD, ciphertext))
        .map_err(|error| error.kind)
}

/// A published SUIT_Encryption_Info and its ciphertext.
fn published(name: &str) -> [Vec<u8>; 2] {
    macro_rules! files {
        ($name:literal) => {
            [
                include_str!(concat!(
                    "../../../vectors/suit-firmware-encryption-2947c35/suit-encryption-info-",
                    $name,
                    ".hex"
                )),
                include_str!(concat!(
                    "../../../vectors/suit-firmware-encryption-2947c35/encrypted-payload-",
                    $name,
                    ".hex"
                )),
            ]
        };
    }
    let files = match name {
        "aes-kw-aes-ctr" => files!("aes-kw-aes-ctr"),
        "aes-kw-aes-gcm" => files!("aes-kw-aes-gcm"),
        "es-ecdh-aes-ctr" => files!("es-ecdh-aes-ctr"),
        _ => files!("es-ecdh-aes-gcm"),
    };
    files.map(hex)
}

#[test]
fn published_aes_kw_decrypts() {
    let keys = symmetric(published_kek());
    for [info, ciphertext] in [published("aes-kw-aes-ctr"), published("aes-kw-aes-gcm")] {
        assert_eq!(open(&info, &keys, Some(&ciphertext)), Ok(PLAINTEXT.to_vec()), "REQ-SUIT-062");
        assert_eq!(open(&info[2..], &keys, Some(&ciphertext)), Ok(PLAINTEXT.to_vec()), "untagged");
    }
}

#[test]
fn published_ecdh_es_decrypts() {
    let keys = agreement(published_secret());
    for [info, ciphertext] in [published("es-ecdh-aes-ctr"), published("es-ecdh-aes-gcm")] {
        assert_eq!(open(&info, &keys, Some(&ciphertext)), Ok(PLAINTEXT.to_vec()), "KDF context, no kid");
        let stranger = AgreementSecret::from_scalar(&[9; 32]).expect("a scalar");
        let keys = [
            RecipientKey::Symmetric(published_kek()),
            RecipientKey::Agreement(stranger.clone()),
            RecipientKey::Agreement(published_secret()),
        ];
        assert_eq!(
            open(&info, &keys, Some(&ciphertext)),
            Ok(PLAINTEXT.to_vec()),
            "REQ-SUIT-121: each key tried"
        );
        assert_eq!(open(&info, &keys[..2], Some(&ciphertext)), Err(Kind::Unauthenticated));
    }
}

#[test]
fn published_kdf_context_is_byte_exact() {
    let published =
        hex("84 22 83f6f6f6 83f6f6f6 83 1880 44a101381c 57 53554954205061796c6f616420456e6372797074696f6e");
    assert_eq!(kdf_context(KeyWrap::A128Kw, b"\xa1\x01\x38\x1c", CONTEXT_SUIT_PAYLOAD), published);
    for (wrap, start) in [(KeyWrap::A192Kw, &b"\x84\x23"[..]), (KeyWrap::A256Kw, b"\x84\x24")] {
        assert!(kdf_context(wrap, b"", b"").starts_with(start));
    }
    assert!(kdf_context(KeyWrap::A192Kw, b"", b"").ends_with(b"\x83\x18\xc0\x40\x40"));
    assert!(kdf_context(KeyWrap::A256Kw, b"", b"").ends_with(b"\x83\x19\x01\x00\x40\x40"));
}

#[test]
fn key_wrapping_check_values_of_rfc3394() {
    let key = hex("00112233445566778899aabbccddeeff");
    let kek = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    for (wrap, wrapped) in [
        (KeyWrap::A128Kw, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
        (KeyWrap::A192Kw, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"),
        (KeyWrap::A256Kw, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
    ] {
        let kek = &kek[..wrap.key_len()];
        assert_eq!(wrap.wrap(kek, &key), Some(hex(wrapped)));
        assert_eq!(wrap.unwrap(kek, &hex(wrapped)).map(|k| k.to_vec()), Some(key.clone()));
    }
}

#[test]
fn every_content_algorithm_to_every_recipient() {
    let secret = published_secret();
    for content in CONTENT {
        for wrap in WRAPS {
            let shared = kek(wrap);
            let recipients = [EncryptTo::Agreement(secret.public_key(), wrap), EncryptTo::Symmetric(&shared)];
            for attached in [true, false] {
                let Encryption { structure, ciphertext } =
                    encrypt(content, &recipients, PLAINTEXT, CONTEXT_SUIT_PAYLOAD, &mut counting(), attached)
                        .expect("encrypts");
                assert_eq!(ciphertext.is_none(), attached);
                let decoded = Encrypted::decode(&structure).expect("decodes");
                assert_eq!((decoded.algorithm(), decoded.is_detached()), (content, !attached));
                for keys in [agreement(secret.clone()), symmetric(shared.clone())] {
                    let opened = open(&structure, &keys, ciphertext.as_deref());
                    assert_eq!(opened, Ok(PLAINTEXT.to_vec()), "{content} {wrap:?}");
                }
            }
        }
    }
}

#[test]
fn published_ciphertexts_decrypt_as_they_arrive() {
    let keys = [RecipientKey::Symmetric(published_kek()), RecipientKey::Agreement(published_secret())];
    for name in ["aes-kw-aes-ctr", "aes-kw-aes-gcm", "es-ecdh-aes-ctr", "es-ecdh-aes-gcm"] {
        let [info, mut ciphertext] = published(name);
        let decoded = Encrypted::decode(&info).expect("decodes");
        let mut decryptor = decoded.decryptor(&keys, CONTEXT_SUIT_PAYLOAD).expect("a key fits");
        let mut plaintext = Vec::new();
        for piece in ciphertext.chunks_mut(7) {
            plaintext.extend_from_slice(decryptor.update(piece).expect("fits"));
        }
        assert_eq!(decryptor.finish(), Ok(()), "REQ-SUIT-062");
        assert_eq!(plaintext, PLAINTEXT, "{name}");
        let kind =
            |keys: &[RecipientKey], context| decoded.decryptor(keys, context).map(|_| ()).map_err(|e| e.kind);
        assert_eq!(kind(&[], CONTEXT_SUIT_PAYLOAD), Err(Kind::Unauthenticated));
        if name.starts_with("es-ecdh") {
            assert_eq!(kind(&keys, CONTEXT_EAT), Err(Kind::Unauthenticated), "REQ-TEEP-032");
        }
    }
    let shared = published_kek();
    let to = [EncryptTo::Symmetric(&shared)];
    let attached = encrypt(CONTENT[3], &to, PLAINTEXT, CONTEXT_SUIT_PAYLOAD, &mut counting(), true);
    let structure = attached.expect("encrypts").structure;
    let decoded = Encrypted::decode(&structure).expect("decodes");
    let refused = decoded.decryptor(&keys, CONTEXT_SUIT_PAYLOAD).map(|_| ()).map_err(|e| e.kind);
    assert_eq!(refused, Err(Kind::Malformed), "nothing is to arrive");
}

#[test]
fn eats_and_reports_have_their_own_contexts() {
    let secret = published_secret();
    let to = [EncryptTo::Agreement(secret.public_key(), KeyWrap::A128Kw)];
    let contexts = [CONTEXT_SUIT_PAYLOAD, CONTEXT_SUIT_REPORT, CONTEXT_EAT];
    for made in contexts {
        let made_for = encrypt(CONTENT[3], &to, PLAINTEXT, made, &mut counting(), true).expect("encrypts");
        let decoded = Encrypted::decode(&made_for.structure).expect("decodes");
        for read in contexts {
            let opened = decoded.decrypt(&agreement(secret.clone()), read, None);
            assert_eq!(opened.is_ok(), made == read, "REQ-TEEP-032");
        }
    }
}

/// REQ-SUIT-064, REQ-SUIT-119.
#[test]
fn every_encryption_draws_its_own_key_and_iv() {
    let shared = published_kek();
    let to = [EncryptTo::Symmetric(&shared)];
    for content in CONTENT {
        let mut drawn: Vec<Vec<u8>> = Vec::new();
        let mut source = counting();
        for _ in 0..3 {
            let mut random = |bytes: &mut [u8]| {
                source(bytes)?;
                drawn.push(bytes.to_vec());
                Ok(())
            };
            let made =
                encrypt(content, &to, PLAINTEXT, CONTEXT_SUIT_PAYLOAD, &mut random, false).expect("encrypts");
            let iv = drawn.last().expect("an IV");
            let in_header = made.structure.windows(iv.len()).any(|part| part == &iv[..]);
            assert!(in_header, "REQ-SUIT-119: {content}");
            let key = &drawn[drawn.len() - 2];
            assert!(!made.structure.windows(16).any(|part| part == &key[..16]), "the key is wrapped");
        }
        let lengths: Vec<usize> = drawn.iter().map(Vec::len).collect();
        assert_eq!(lengths, [content.key_len(), content.iv_len()].repeat(3), "REQ-SUIT-064: {content}");
        drawn.sort();
        drawn.dedup();
        assert_eq!(drawn.len(), 6, "REQ-SUIT-064: {content}: nothing is used again");
    }
}

#[test]
fn kid_of_an_agreement_key_is_its_name_or_thumbprint() {
    let secret = published_secret();
    let public = secret.public_key();
    assert_eq!(public.kid(), public.thumbprint().0, "REQ-TEEP-143");
    assert_eq!(
        alloc::format!("{}", public.thumbprint()),
        "e96788b10b1610abe478f9ce8dcfe2304c0911dd8cfeadde25ec30ccb5a7b5af"
    );
    let named = named_secret();
    assert_eq!(named.public_key().kid(), b"kid-2");
    for to in [public, named.public_key()] {
        let to = [EncryptTo::Agreement(to, KeyWrap::A128Kw)];
        let made = encrypt(CONTENT[4], &to, PLAINTEXT, CONTEXT_SUIT_PAYLOAD, &mut counting(), true);
        let structure = made.expect("encrypts").structure;
        assert_eq!(open(&structure, &agreement(named.clone()), None), Ok(PLAINTEXT.to_vec()));
    }
}

/// The published recipient key as the COSE_Key it is published as.
fn named_secret() -> AgreementSecret {
    let key = cbor(|w| {
        w.map(6).int(1).int(2).int(2).bytes(b"kid-2").int(-1).int(1);
        w.int(-2).bytes(&hex("5886cd61dd875862e5aaa820e7a15274c968a9bc96048ddcace32f50c3651ba3"));
        w.int(-3).bytes(&hex("9eed8125e932cd60c0ead3650d0a485cf726d378d1b016ed4298b2961e258f1b"));
        w.int(-4).bytes(&hex("60fe6dd6d85d5740a5349b6f91267eeac5ba81b8cb53ee249e4b4eb102c476b3"));
    });
    AgreementSecret::from_cose_key(&key).expect("the published key")
}

#[test]
fn agreement_keys_round_trip_and_stay_secret() {
    let secret = published_secret();
    let public = secret.public_key();
    assert_eq!(AgreementKey::from_cose_key(&public.to_cose_key()).as_ref(), Ok(public));
    assert!(!alloc::format!("{secret:?}").contains("60fe6d"));
    let again = AgreementSecret::generate(&mut counting()).expect("generates");
    assert_ne!(again.public_key(), public);
}

#[test]
fn oversize_headers() {
    let with_kid = |len: usize| {
        let header = cbor(|w| {
            w.map(2).int(1).int(-3).int(4).bytes(&alloc::vec![0; len]);
        });
        let info = cbor(|w| {
            w.array(4).bytes(b"").map(2).int(1).int(-65534).int(5).bytes(&[0; 16]).bytes(b"content");
            w.array(1).array(3).bytes(b"").raw(&header).bytes(&[0; 24]);
        });
        (header.len(), open(&info, &symmetric(published_kek()), None))
    };
    assert_eq!(with_kid(505), (512, Err(Kind::Unauthenticated)), "at the limit");
    assert_eq!(with_kid(506), (513, Err(Kind::TooLarge)), "one past it");
}

/// Also: whatever kid a key has, what is encrypted for it decodes.
#[test]
fn kid_limit_and_one_past_it() {
    let kid = |len: usize| alloc::vec![b'k'; len];
    let symmetric = |len| SymmetricKey::new(&[7; 16], Some(&kid(len)));
    assert_eq!(symmetric(MAX_KID + 1).expect_err("one past it").kind, Kind::TooLarge);
    let secret = published_secret();
    let agreement = |len| {
        let bare = secret.public_key().to_cose_key();
        let key = cbor(|w| {
            w.map(5).raw(&bare[1..3]).int(2).bytes(&kid(len)).raw(&bare[3..]);
        });
        AgreementKey::from_cose_key(&key)
    };
    assert_eq!(agreement(MAX_KID + 1).expect_err("one past it").kind, Kind::TooLarge);
    let (shared, agreed) =
        (symmetric(MAX_KID).expect("at the limit"), agreement(MAX_KID).expect("at the limit"));
    let to = [EncryptTo::Symmetric(&shared), EncryptTo::Agreement(&agreed, KeyWrap::A128Kw)];
    let made =
        encrypt(CONTENT[3], &to, PLAINTEXT, CONTEXT_SUIT_PAYLOAD, &mut counting(), true).expect("encrypts");
    let keys = [RecipientKey::Symmetric(shared)];
    assert_eq!(open(&made.structure, &keys, None), Ok(PLAINTEXT.to_vec()));
}

#[test]
fn random_source_that_fails_or_repeats() {
    let failure = Error { kind: Kind::Unsupported, what: "randomness", offset: 0, path: Vec::new() };
    let secret = published_secret();
    let to = [EncryptTo::Agreement(secret.public_key(), KeyWrap::A128Kw)];
    let failed = encrypt(CONTENT[0], &to, PLAINTEXT, b"", &mut |_| Err(failure.clone()), true);
    assert_eq!(failed, Err(failure.clone()));
    for stuck in [0, 0xff] {
        let mut source = |bytes: &mut [u8]| {
            bytes.fill(stuck);
            Ok(())
        };
        let made = encrypt(CONTENT[0], &to, PLAINTEXT, b"", &mut source, true);
        made.expect_err("no scalar of zero or past the order");
    }
}

#[test]
fn attack_every_flipped_byte_and_truncation_of_the_structure() {
    let secret = published_secret();
    let to = [EncryptTo::Agreement(secret.public_key(), KeyWrap::A128Kw)];
    let made = encrypt(CONTENT[4], &to, PLAINTEXT, CONTEXT_SUIT_PAYLOAD, &mut counting(), true);
    let structure = made.expect("encrypts").structure;
    let keys = agreement(secret);
    for at in 0..structure.len() {
        let mut flipped = structure.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(open(&flipped, &keys, None).is_err(), "byte {at}");
        assert!(open(&structure[..at], &keys, None).is_err(), "cut at {at}");
    }
}
