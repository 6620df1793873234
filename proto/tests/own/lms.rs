// SPDX-License-Identifier: Apache-2.0
//! A signer with LMS_SHA256_M32_H5 and LMOTS_SHA256_N32_W8 (RFC 8554) in one level, for vectors: the crate itself
//! only verifies. Its secrets are made as RFC 8554 appendix A says, from a seed that is published here.

use sha2::{Digest, Sha256};

const HEIGHT: u32 = 5;
const CHAINS: u16 = 34;
const LMS_TYPE: u32 = 5;
const LMOTS_TYPE: u32 = 4;
const D_PBLK: [u8; 2] = [0x80, 0x80];
const D_MESG: [u8; 2] = [0x81, 0x81];
const D_LEAF: [u8; 2] = [0x82, 0x82];
const D_INTR: [u8; 2] = [0x83, 0x83];
const IDENTIFIER: [u8; 16] = *b"published key id";
const SEED: [u8; 32] = [0x4c; 32];

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |state, part| state.chain_update(part)).finalize().into()
}

/// What chain `i` of leaf `q` is after `steps`.
fn chain(q: u32, i: u16, steps: u8) -> [u8; 32] {
    let (q, i) = (q.to_be_bytes(), i.to_be_bytes());
    let secret = hash(&[&IDENTIFIER, &q, &i, &[0xff], &SEED]);
    (0..steps).fold(secret, |value, step| hash(&[&IDENTIFIER, &q, &i, &[step], &value]))
}

/// Node `number` of the tree, whose root is 1.
fn node(number: u32) -> [u8; 32] {
    let name = number.to_be_bytes();
    let Some(q) = number.checked_sub(1 << HEIGHT) else {
        return hash(&[&IDENTIFIER, &name, &D_INTR, &node(2 * number), &node(2 * number + 1)]);
    };
    let ends: Vec<u8> = (0..CHAINS).flat_map(|i| chain(q, i, 255)).collect();
    let one_time_key = hash(&[&IDENTIFIER, &q.to_be_bytes(), &D_PBLK, &ends]);
    hash(&[&IDENTIFIER, &name, &D_LEAF, &one_time_key])
}

/// The HSS public key of one level.
pub(super) fn public_key() -> Vec<u8> {
    [&1u32.to_be_bytes()[..], &LMS_TYPE.to_be_bytes(), &LMOTS_TYPE.to_be_bytes(), &IDENTIFIER, &node(1)]
        .concat()
}

/// The HSS signature of `message` with leaf `q`, each of which is for one message only.
pub(super) fn sign(q: u32, message: &[u8]) -> Vec<u8> {
    let leaf = q.to_be_bytes();
    let randomizer = hash(&[b"randomizer of vector", &leaf]);
    let digest = hash(&[&IDENTIFIER, &leaf, &D_MESG, &randomizer, message]);
    let checksum: u16 = digest.iter().map(|digit| u16::from(255 - digit)).sum();
    let digits = digest.into_iter().chain(checksum.to_be_bytes());
    let mut signature = [&0u32.to_be_bytes()[..], &leaf, &LMOTS_TYPE.to_be_bytes(), &randomizer].concat();
    signature.extend((0..CHAINS).zip(digits).flat_map(|(i, digit)| chain(q, i, digit)));
    signature.extend(LMS_TYPE.to_be_bytes());
    let path = std::iter::successors(Some((1 << HEIGHT) + q), |number| Some(number / 2));
    signature.extend(path.take_while(|number| *number > 1).flat_map(|number| node(number ^ 1)));
    signature
}
