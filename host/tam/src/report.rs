// SPDX-License-Identifier: Apache-2.0
use teep_proto::cose::{CONTEXT_SUIT_REPORT, RecipientKey};
use teep_proto::suit::ReportLayer;

/// Layers around a report at most: one that authenticates and one that encrypts (AMB-09).
const MAX_LAYERS: usize = 2;

/// The SUIT Report in `bytes`, bare, signed, encrypted to one of `keys`, or both; `None` when it is something else.
///
/// Its own signature need not be checked here: the message that carries it is signed by the Agent it is about.
pub(crate) fn open(bytes: &[u8], keys: &[RecipientKey]) -> Option<Vec<u8>> {
    let mut opened = bytes.to_vec();
    for _ in 0..=MAX_LAYERS {
        opened = match ReportLayer::decode(&opened).ok()? {
            ReportLayer::Bare(report) => return Some(report.to_vec()),
            ReportLayer::Signed(signatures) => signatures.claimed_payload()?.to_vec(),
            ReportLayer::Encrypted(encrypted) => encrypted.decrypt(keys, CONTEXT_SUIT_REPORT, None).ok()?,
            ReportLayer::Authenticated(_) | ReportLayer::Encrypted0(_) => return None,
        };
    }
    None
}
