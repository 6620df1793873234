// SPDX-License-Identifier: Apache-2.0
//! The numbers of the SUIT documents, named as there.

/// CBOR tag of a SUIT_Envelope.
pub const TAG_ENVELOPE: u64 = 107;
/// The only suit-manifest-version there is (REQ-SUIT-005).
pub const MANIFEST_VERSION: u64 = 1;
/// COSE algorithm number of SHA-256.
pub const SHA_256: i64 = -16;

/// Members of SUIT_Envelope; the severable members have the numbers of [`manifest`].
pub mod envelope {
    /// suit-authentication-wrapper
    pub const AUTHENTICATION_WRAPPER: u64 = 2;
    /// suit-manifest
    pub const MANIFEST: u64 = 3;
}

/// Members of SUIT_Manifest.
pub mod manifest {
    /// suit-manifest-version
    pub const VERSION: u64 = 1;
    /// suit-manifest-sequence-number
    pub const SEQUENCE_NUMBER: u64 = 2;
    /// suit-common
    pub const COMMON: u64 = 3;
    /// suit-reference-uri
    pub const REFERENCE_URI: u64 = 4;
    /// suit-manifest-component-id (trust-domains)
    pub const COMPONENT_ID: u64 = 5;
    /// suit-set-version (update-management)
    pub const SET_VERSION: u64 = 6;
    /// suit-validate
    pub const VALIDATE: u64 = 7;
    /// suit-load
    pub const LOAD: u64 = 8;
    /// suit-invoke
    pub const INVOKE: u64 = 9;
    /// suit-coswid (update-management)
    pub const COSWID: u64 = 14;
    /// suit-dependency-resolution (trust-domains)
    pub const DEPENDENCY_RESOLUTION: u64 = 15;
    /// suit-payload-fetch
    pub const PAYLOAD_FETCH: u64 = 16;
    /// suit-candidate-verification (trust-domains)
    pub const CANDIDATE_VERIFICATION: u64 = 18;
    /// suit-install
    pub const INSTALL: u64 = 20;
    /// suit-text
    pub const TEXT: u64 = 23;
    /// suit-uninstall (trust-domains)
    pub const UNINSTALL: u64 = 24;
}

/// Members of SUIT_Common.
pub mod common {
    /// suit-dependencies (trust-domains)
    pub const DEPENDENCIES: u64 = 1;
    /// suit-components
    pub const COMPONENTS: u64 = 2;
    /// suit-shared-sequence
    pub const SHARED_SEQUENCE: u64 = 4;
}

/// Command codes.
pub mod command {
    /// suit-condition-vendor-identifier
    pub const VENDOR_IDENTIFIER: i64 = 1;
    /// suit-condition-class-identifier
    pub const CLASS_IDENTIFIER: i64 = 2;
    /// suit-condition-image-match
    pub const IMAGE_MATCH: i64 = 3;
    /// suit-directive-set-component-index
    pub const SET_COMPONENT_INDEX: i64 = 12;
    /// suit-condition-abort
    pub const ABORT: i64 = 14;
    /// suit-directive-try-each
    pub const TRY_EACH: i64 = 15;
    /// suit-directive-set-parameters (trust-domains)
    pub const SET_PARAMETERS: i64 = 19;
    /// suit-directive-override-parameters
    pub const OVERRIDE_PARAMETERS: i64 = 20;
    /// suit-directive-fetch
    pub const FETCH: i64 = 21;
    /// suit-condition-device-identifier
    pub const DEVICE_IDENTIFIER: i64 = 24;
    /// suit-directive-run-sequence
    pub const RUN_SEQUENCE: i64 = 32;
    /// suit-directive-unlink (trust-domains)
    pub const UNLINK: i64 = 33;
}

/// Parameter labels.
pub mod parameter {
    /// suit-parameter-vendor-identifier
    pub const VENDOR_IDENTIFIER: i64 = 1;
    /// suit-parameter-class-identifier
    pub const CLASS_IDENTIFIER: i64 = 2;
    /// suit-parameter-image-digest
    pub const IMAGE_DIGEST: i64 = 3;
    /// suit-parameter-strict-order
    pub const STRICT_ORDER: i64 = 12;
    /// suit-parameter-soft-failure
    pub const SOFT_FAILURE: i64 = 13;
    /// suit-parameter-image-size
    pub const IMAGE_SIZE: i64 = 14;
    /// suit-parameter-uri
    pub const URI: i64 = 21;
    /// suit-parameter-device-identifier
    pub const DEVICE_IDENTIFIER: i64 = 24;
}

/// Members of SUIT_Report and its parts.
pub mod report {
    /// component-id in system-property-claims
    pub const SYSTEM_COMPONENT_ID: i64 = 0;
    /// suit-report-nonce
    pub const NONCE: u64 = 2;
    /// suit-report-records
    pub const RECORDS: u64 = 3;
    /// suit-report-result
    pub const RESULT: u64 = 4;
    /// suit-report-result-code
    pub const RESULT_CODE: u64 = 5;
    /// suit-report-result-record
    pub const RESULT_RECORD: u64 = 6;
    /// suit-report-result-reason
    pub const RESULT_REASON: u64 = 7;
    /// suit-report-reference
    pub const REFERENCE: u64 = 99;
}
