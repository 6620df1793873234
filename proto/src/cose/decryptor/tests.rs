// SPDX-License-Identifier: Apache-2.0
use super::*;
use aes::cipher::StreamCipherSeek;
use alloc::vec::Vec;

const AEAD: [ContentAlgorithm; 2] = [ContentAlgorithm::A128Gcm, ContentAlgorithm::ChaCha20Poly1305];
const AAD: &[u8] = b"an Enc_structure that is no whole number of blocks";

/// Bytes without a pattern of 16.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(n).wrapping_add(n / 251)) as u8).collect()
}

fn key(algorithm: ContentAlgorithm) -> Vec<u8> {
    content(algorithm.key_len())
}

fn iv(algorithm: ContentAlgorithm) -> Vec<u8> {
    content(algorithm.iv_len())
}

/// As the crates of these algorithms do it, all at once.
fn sealed(algorithm: ContentAlgorithm, plaintext: &[u8]) -> Vec<u8> {
    algorithm.seal(&key(algorithm), &iv(algorithm), AAD, plaintext).expect("encrypts")
}

/// Decrypts in pieces, whose lengths `next` gives one by one.
fn opened(
    algorithm: ContentAlgorithm,
    ciphertext: &[u8],
    mut next: impl FnMut() -> usize,
) -> Result<Vec<u8>, Kind> {
    let decryptor = ContentDecryptor::new(algorithm, &key(algorithm), &iv(algorithm), AAD);
    let mut decryptor = decryptor.expect("key and IV have the right lengths");
    let (mut rest, mut plaintext) = (ciphertext, Vec::new());
    let mut arrived = 0usize;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(next().min(rest.len()));
        let mut piece = piece.to_vec();
        plaintext.extend_from_slice(decryptor.update(&mut piece).expect("fits"));
        rest = later;
        arrived = arrived.saturating_add(piece.len());
        assert_eq!(plaintext.len(), arrived.saturating_sub(algorithm.tag_len()), "all but the tag comes out");
    }
    decryptor.finish().map(|()| plaintext).map_err(|error| error.kind)
}

/// A small generator, with a period longer than any test.
fn numbers(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    }
}

#[test]
fn every_length_in_equal_chunks() {
    for algorithm in ContentAlgorithm::ALL {
        for len in 0..=70 {
            let (plaintext, ciphertext) = (content(len), sealed(algorithm, &content(len)));
            assert_eq!(ciphertext.len(), len + algorithm.tag_len());
            for size in (1..=18).chain([31, 32, 33, ciphertext.len() + 1]) {
                assert_eq!(
                    opened(algorithm, &ciphertext, || size),
                    Ok(plaintext.clone()),
                    "{algorithm} {len}/{size}"
                );
            }
        }
    }
}

#[test]
fn random_chunkings_of_long_content_give_the_same() {
    for algorithm in ContentAlgorithm::ALL {
        for (round, len) in [1000, 4097, 40_001].into_iter().enumerate() {
            let (plaintext, ciphertext) = (content(len), sealed(algorithm, &content(len)));
            for longest in [3, 17, 1000, 30_000] {
                let mut random = numbers(round as u64);
                let sizes = || random() % (longest + 1);
                assert_eq!(
                    opened(algorithm, &ciphertext, sizes),
                    Ok(plaintext.clone()),
                    "{algorithm} {len}/{longest}"
                );
            }
        }
    }
}

#[test]
fn attack_wrong_tag_in_any_chunking() {
    for algorithm in AEAD {
        let ciphertext = sealed(algorithm, &content(50));
        for at in 0..ciphertext.len() {
            for size in [1, 7, 16, 17, 66] {
                let mut flipped = ciphertext.clone();
                flipped[at] ^= 1 << (at % 8);
                assert_eq!(opened(algorithm, &flipped, || size), Err(Kind::Unauthenticated), "byte {at}");
                assert_eq!(
                    opened(algorithm, &ciphertext[..at], || size),
                    Err(Kind::Unauthenticated),
                    "{at} bytes"
                );
            }
        }
        let longer = [&ciphertext[..], &[0; 16]].concat();
        assert_eq!(opened(algorithm, &longer, || 5), Err(Kind::Unauthenticated));
        let reordered = [&ciphertext[16..32], &ciphertext[..16], &ciphertext[32..]].concat();
        assert_eq!(opened(algorithm, &reordered, || 5), Err(Kind::Unauthenticated));
    }
}

#[test]
fn attack_additional_data_key_or_iv_of_another() {
    for algorithm in AEAD {
        let ciphertext = sealed(algorithm, &content(50));
        let refused = |key: &[u8], iv: &[u8], aad: &[u8]| {
            let mut decryptor = ContentDecryptor::new(algorithm, key, iv, aad).expect("lengths");
            decryptor.update(&mut ciphertext.clone()).expect("fits");
            decryptor.finish().is_err()
        };
        let (mut other_key, mut other_iv) = (key(algorithm), iv(algorithm));
        assert!(!refused(&other_key, &other_iv, AAD));
        assert!(refused(&other_key, &other_iv, &AAD[1..]));
        assert!(refused(&other_key, &other_iv, &[AAD, &[0]].concat()), "padding is not content");
        other_key[5] ^= 1;
        assert!(refused(&other_key, &other_iv, AAD));
        other_key[5] ^= 1;
        other_iv[11] ^= 1;
        assert!(refused(&other_key, &other_iv, AAD));
    }
}

#[test]
fn keys_and_ivs_of_another_length() {
    for algorithm in ContentAlgorithm::ALL {
        for (key_len, iv_len) in
            [(0, 0), (algorithm.key_len() + 1, algorithm.iv_len()), (algorithm.key_len(), 13)]
        {
            assert!(ContentDecryptor::new(algorithm, &content(key_len), &content(iv_len), AAD).is_none());
        }
    }
}

#[test]
fn end_of_the_key_stream_is_an_error() {
    let (key, iv) = ([0; 32], [0; 12]);
    let mut keystream = ChaCha20::new_from_slices(&key, &iv).expect("lengths");
    keystream.seek(u64::from(u32::MAX) * 64 - 100);
    let mut decryptor = ContentDecryptor {
        algorithm: ContentAlgorithm::ChaCha20Poly1305,
        keystream: Keystream::ChaCha20(keystream),
        authenticator: None,
    };
    assert_eq!(decryptor.update(&mut [0; 100]).map(<[u8]>::len), Ok(100));
    assert_eq!(decryptor.update(&mut [0; 1]).map_err(|e| e.kind), Err(Kind::TooLarge));
}

#[test]
fn says_nothing_of_its_secrets() {
    let algorithm = ContentAlgorithm::A128Gcm;
    let decryptor = ContentDecryptor::new(algorithm, &key(algorithm), &iv(algorithm), AAD).expect("lengths");
    assert_eq!(alloc::format!("{decryptor:?}"), "ContentDecryptor(A128GCM)");
    assert!(size_of::<ContentDecryptor>() <= 1536, "{} bytes", size_of::<ContentDecryptor>());
}
