// SPDX-License-Identifier: Apache-2.0
//! The Agent's limits, beside those of the formats in [`teep_proto::limits`].

use alloc::vec::Vec;
use teep_proto::limits::MAX_LIST;

/// Manifests kept, with the trust store's, whose place nobody else can take.
pub(crate) const MAX_MANIFESTS: usize = MAX_LIST - 1;
/// Components installed, with the trust store, whose place nobody else can take: with the Agent itself they fill the
/// tc-list of a QueryResponse.
pub(crate) const MAX_INSTALLED: usize = MAX_LIST - 1;
/// Manifest identifiers whose sequence numbers are remembered, installed or not, with the trust store's.
pub(crate) const MAX_FLOORS: usize = 256;
/// Updates that are recognised when they come again.
pub(crate) const MAX_UPDATES: usize = 64;
/// Bytes of the index of what is installed. Bounds what all TAMs together can make the Agent remember.
pub(crate) const MAX_INDEX: usize = 64 * 1024;
/// Bytes that one of them takes in the index.
pub(crate) const UPDATE_RECORD: usize = 104;
/// Bytes of the index that only a change of the trust store may use: whom the Agent does not trust any more cannot keep
/// it from being told so.
pub(crate) const TRUST_RESERVE: usize = 1024;
/// Requests of Linux for components that are remembered. When there are more, the oldest may be made again.
pub(crate) const MAX_REQUESTS: usize = 32;
/// Seconds in which a TAM that the Broker did not reach is asked for something only if there is no other, or Linux
/// proposes it. After them the order of the trust store counts again, which has the TAM in charge first.
pub(crate) const AVOIDED: u64 = 600;
/// Bytes of a QueryRequest that is remembered to be answered again: one with certificates fits.
pub(crate) const MAX_REMEMBERED_REQUEST: usize = 2048;
/// Bytes of the Attestation Result that is kept, with its format.
pub(crate) const MAX_PASSPORT: usize = 4096;
/// Bytes of a payload when the manifest does not say how many it has.
pub(crate) const MAX_PAYLOAD: u64 = 16 * 1024 * 1024;
/// Payloads fetched and decrypted in one procedure.
pub(crate) const MAX_EFFECTS: usize = 64;
/// Bytes of an envelope that is opened: a dependency that was fetched, or a stored manifest.
pub(crate) const MAX_ENVELOPE: usize = 64 * 1024;
/// Envelopes and identifiers that one procedure keeps in memory.
pub(crate) const MAX_KEPT: usize = 96;
/// Bytes of all of them together.
pub(crate) const MAX_KEPT_BYTES: usize = 192 * 1024;
/// Bytes of all SUIT Reports in one message: what goes into a reply, with room for the rest of it. Reports that would
/// make it more than that come without records.
pub(crate) const MAX_REPORTS: usize = 24 * 1024;
/// Bytes of all SUIT Reports in one message, those without records too. What does not fit is left out: lists of as many
/// identifiers as there can be and a passport have to fit into the same reply.
pub(crate) const MAX_ALL_REPORTS: usize = 36 * 1024;
/// Objects that could not be deleted and are remembered.
pub(crate) const MAX_LEFT: usize = 64;
/// Bytes of an object that are handled at a time.
pub(crate) const PIECE: usize = 8 * 1024;
/// Memory that must be there for an Update to be begun: what is needed on the way beside payloads and messages, in many
/// small pieces.
pub(crate) const WORKING_MEMORY: usize = 96 * 1024;
/// How many times the index must fit into memory beside that: the next one, and encoded, and read again to be checked.
pub(crate) const INDEX_COPIES: usize = 3;

/// Adds `item` to `list`, from which the oldest one goes if there are `limit` already.
pub(crate) fn push_latest<T>(list: &mut Vec<T>, limit: usize, item: T) {
    // Vec::remove would panic for a position that is not there.
    let mut goes = list.len() >= limit;
    list.retain(|_| !core::mem::take(&mut goes));
    list.push(item);
}
