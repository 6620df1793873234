// SPDX-License-Identifier: Apache-2.0
//! The numbers of draft-ietf-teep-protocol-26 (final, as in the IANA registry), named as there, and the
//! table [`pre_26`] that translates them to those of the drafts before.

/// Message types.
pub mod message_type {
    /// QueryRequest
    pub const QUERY_REQUEST: u64 = 1;
    /// QueryResponse
    pub const QUERY_RESPONSE: u64 = 2;
    /// Update
    pub const UPDATE: u64 = 3;
    /// Success
    pub const SUCCESS: u64 = 4;
    /// Error
    pub const ERROR: u64 = 5;

    /// Name of a type.
    pub const fn name(number: u64) -> Option<&'static str> {
        Some(match number {
            QUERY_REQUEST => "QueryRequest",
            QUERY_RESPONSE => "QueryResponse",
            UPDATE => "Update",
            SUCCESS => "Success",
            ERROR => "Error",
            _ => return None,
        })
    }
}

/// Labels of the options maps.
pub mod option {
    /// Reserved, never sent.
    pub const RESERVED: u64 = 0;
    /// supported-teep-cipher-suites
    pub const SUPPORTED_TEEP_CIPHER_SUITES: u64 = 1;
    /// challenge
    pub const CHALLENGE: u64 = 2;
    /// versions
    pub const VERSIONS: u64 = 3;
    /// supported-suit-cose-profiles
    pub const SUPPORTED_SUIT_COSE_PROFILES: u64 = 4;
    /// selected-version
    pub const SELECTED_VERSION: u64 = 5;
    /// attestation-payload
    pub const ATTESTATION_PAYLOAD: u64 = 6;
    /// tc-list
    pub const TC_LIST: u64 = 7;
    /// ext-list
    pub const EXT_LIST: u64 = 8;
    /// manifest-list
    pub const MANIFEST_LIST: u64 = 9;
    /// msg
    pub const MSG: u64 = 10;
    /// err-msg
    pub const ERR_MSG: u64 = 11;
    /// attestation-payload-format
    pub const ATTESTATION_PAYLOAD_FORMAT: u64 = 12;
    /// requested-tc-list
    pub const REQUESTED_TC_LIST: u64 = 13;
    /// unneeded-manifest-list
    pub const UNNEEDED_MANIFEST_LIST: u64 = 14;
    /// component-id
    pub const COMPONENT_ID: u64 = 15;
    /// tc-manifest-sequence-number
    pub const TC_MANIFEST_SEQUENCE_NUMBER: u64 = 16;
    /// have-binary
    pub const HAVE_BINARY: u64 = 17;
    /// suit-reports
    pub const SUIT_REPORTS: u64 = 18;
    /// token
    pub const TOKEN: u64 = 19;
    /// supported-freshness-mechanisms
    pub const SUPPORTED_FRESHNESS_MECHANISMS: u64 = 20;
    /// err-lang
    pub const ERR_LANG: u64 = 21;
    /// err-code
    pub const ERR_CODE: u64 = 22;
    /// The highest assigned label: above it, labels are unknown and ignored (REQ-TEEP-008).
    pub const LAST_ASSIGNED: u64 = ERR_CODE;

    /// Name of a label, for messages to people.
    pub const fn name(label: u64) -> &'static str {
        match label {
            SUPPORTED_TEEP_CIPHER_SUITES => "supported-teep-cipher-suites",
            CHALLENGE => "challenge",
            VERSIONS => "versions",
            SUPPORTED_SUIT_COSE_PROFILES => "supported-suit-cose-profiles",
            SELECTED_VERSION => "selected-version",
            ATTESTATION_PAYLOAD => "attestation-payload",
            TC_LIST => "tc-list",
            EXT_LIST => "ext-list",
            MANIFEST_LIST => "manifest-list",
            MSG => "msg",
            ERR_MSG => "err-msg",
            ATTESTATION_PAYLOAD_FORMAT => "attestation-payload-format",
            REQUESTED_TC_LIST => "requested-tc-list",
            UNNEEDED_MANIFEST_LIST => "unneeded-manifest-list",
            COMPONENT_ID => "component-id",
            TC_MANIFEST_SEQUENCE_NUMBER => "tc-manifest-sequence-number",
            HAVE_BINARY => "have-binary",
            SUIT_REPORTS => "suit-reports",
            TOKEN => "token",
            SUPPORTED_FRESHNESS_MECHANISMS => "supported-freshness-mechanisms",
            ERR_LANG => "err-lang",
            ERR_CODE => "err-code",
            RESERVED => "reserved option",
            _ => "unassigned option",
        }
    }
}

/// Bits of data-item-requested.
pub mod data_item {
    /// attestation
    pub const ATTESTATION: u64 = 1;
    /// trusted-components
    pub const TRUSTED_COMPONENTS: u64 = 2;
    /// extensions
    pub const EXTENSIONS: u64 = 4;
    /// suit-reports
    pub const SUIT_REPORTS: u64 = 8;
}

/// Freshness mechanisms.
pub mod freshness {
    /// FRESHNESS_NONCE
    pub const NONCE: u64 = 0;
    /// FRESHNESS_TIMESTAMP
    pub const TIMESTAMP: u64 = 1;

    /// Name of a mechanism, for messages to people.
    pub const fn name(number: u64) -> Option<&'static str> {
        match number {
            NONCE => Some("nonce"),
            TIMESTAMP => Some("timestamp"),
            _ => None,
        }
    }
}

/// The numbers of the drafts before -26: each table holds, at the place of a final number, the old one.
pub mod pre_26 {
    /// Of [`message_type`](super::message_type).
    pub const MESSAGE_TYPE: [u64; 6] = [0, 1, 2, 3, 5, 6];
    /// Of [`option`](super::option).
    pub const OPTION: [u64; 23] =
        [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];
    /// selected-teep-cipher-suite until November 2023: no option any more, and not free either.
    pub const RETIRED_OPTION: u64 = 5;
    /// Of ERR_MANIFEST_PROCESSING_FAILED; the other error codes are the same in both dialects.
    pub const ERR_MANIFEST_PROCESSING_FAILED: u64 = 17;
}
