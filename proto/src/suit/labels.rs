// SPDX-License-Identifier: Apache-2.0
//! The numbers of the SUIT documents, named as there.

/// CBOR tag of a SUIT_Envelope.
pub const TAG_ENVELOPE: u64 = 107;
/// CBOR tag of a vendor identifier that is the relative object identifier of a private enterprise number
/// (RFC 9090).
pub const TAG_PEN: u64 = 112;
/// The only suit-manifest-version there is (REQ-SUIT-005).
pub const MANIFEST_VERSION: u64 = 1;
/// The highest command code that is private; above it, up to -1, codes are unassigned (AMB-SUIT-12,
/// AMB-SUIT-23).
pub const LAST_CUSTOM_COMMAND: i64 = -257;

/// One number, its constant, and what the document calls it without the prefix all names of its table have.
macro_rules! table {
    ($(#[$about:meta])* $module:ident: $number:ty; $($(#[$doc:meta])* $name:ident = $value:literal $text:literal)+) => {
        $(#[$about])*
        pub mod $module {
            $($(#[$doc])* #[doc = concat!("`", $text, "`")] pub const $name: $number = $value;)+
            /// What the document calls `number`, without the prefix all names of this table have.
            pub const fn name(number: $number) -> Option<&'static str> {
                match number {
                    $($name => Some($text),)+
                    _ => None,
                }
            }
            /// Every number of this table.
            pub const ALL: &[$number] = &[$($name),+];
        }
    };
}

table! {
    /// Members of SUIT_Envelope; the severable members have the numbers of [`manifest`].
    envelope: u64;
    AUTHENTICATION_WRAPPER = 2 "authentication-wrapper"
    MANIFEST = 3 "manifest"
}

table! {
    /// Members of SUIT_Manifest.
    manifest: u64;
    VERSION = 1 "manifest-version"
    SEQUENCE_NUMBER = 2 "manifest-sequence-number"
    COMMON = 3 "common"
    REFERENCE_URI = 4 "reference-uri"
    /// Trust-domains.
    COMPONENT_ID = 5 "manifest-component-id"
    /// Update-management.
    SET_VERSION = 6 "set-version"
    VALIDATE = 7 "validate"
    LOAD = 8 "load"
    INVOKE = 9 "invoke"
    /// Update-management.
    COSWID = 14 "coswid"
    /// Trust-domains.
    DEPENDENCY_RESOLUTION = 15 "dependency-resolution"
    PAYLOAD_FETCH = 16 "payload-fetch"
    /// Trust-domains.
    CANDIDATE_VERIFICATION = 18 "candidate-verification"
    INSTALL = 20 "install"
    TEXT = 23 "text"
    /// Trust-domains.
    UNINSTALL = 24 "uninstall"
}

table! {
    /// Members of SUIT_Common.
    common: u64;
    /// Trust-domains.
    DEPENDENCIES = 1 "dependencies"
    COMPONENTS = 2 "components"
    SHARED_SEQUENCE = 4 "shared-sequence"
}

table! {
    /// Members of SUIT_Dependency_Metadata.
    dependency: u64;
    PREFIX = 1 "dependency-prefix"
}

table! {
    /// Command codes.
    command: i64;
    VENDOR_IDENTIFIER = 1 "vendor-identifier"
    CLASS_IDENTIFIER = 2 "class-identifier"
    IMAGE_MATCH = 3 "image-match"
    /// Update-management.
    USE_BEFORE = 4 "use-before"
    COMPONENT_SLOT = 5 "component-slot"
    CHECK_CONTENT = 6 "check-content"
    /// Trust-domains.
    DEPENDENCY_INTEGRITY = 7 "dependency-integrity"
    /// Trust-domains.
    IS_DEPENDENCY = 8 "is-dependency"
    /// Trust-domains.
    PROCESS_DEPENDENCY = 11 "process-dependency"
    SET_COMPONENT_INDEX = 12 "set-component-index"
    ABORT = 14 "abort"
    TRY_EACH = 15 "try-each"
    WRITE = 18 "write"
    /// Trust-domains.
    SET_PARAMETERS = 19 "set-parameters"
    OVERRIDE_PARAMETERS = 20 "override-parameters"
    FETCH = 21 "fetch"
    COPY = 22 "copy"
    INVOKE = 23 "invoke"
    DEVICE_IDENTIFIER = 24 "device-identifier"
    /// Update-management.
    IMAGE_NOT_MATCH = 25 "image-not-match"
    /// Update-management.
    MINIMUM_BATTERY = 26 "minimum-battery"
    /// Update-management.
    UPDATE_AUTHORIZED = 27 "update-authorized"
    /// Update-management.
    VERSION = 28 "version"
    /// Update-management.
    WAIT = 29 "wait"
    SWAP = 31 "swap"
    RUN_SEQUENCE = 32 "run-sequence"
    /// Trust-domains.
    UNLINK = 33 "unlink"
    /// Update-management.
    OVERRIDE_MULTIPLE = 34 "override-multiple"
    /// Update-management.
    COPY_PARAMS = 35 "copy-params"
}

table! {
    /// Parameter labels.
    parameter: i64;
    VENDOR_IDENTIFIER = 1 "vendor-identifier"
    CLASS_IDENTIFIER = 2 "class-identifier"
    IMAGE_DIGEST = 3 "image-digest"
    /// Update-management.
    USE_BEFORE = 4 "use-before"
    COMPONENT_SLOT = 5 "component-slot"
    STRICT_ORDER = 12 "strict-order"
    SOFT_FAILURE = 13 "soft-failure"
    IMAGE_SIZE = 14 "image-size"
    CONTENT = 18 "content"
    /// Firmware-encryption.
    ENCRYPTION_INFO = 19 "encryption-info"
    URI = 21 "uri"
    SOURCE_COMPONENT = 22 "source-component"
    INVOKE_ARGS = 23 "invoke-args"
    DEVICE_IDENTIFIER = 24 "device-identifier"
    /// In the CDDL, but missing from the IANA list (AMB-SUIT-11).
    FETCH_ARGUMENTS = 25 "fetch-arguments"
    /// Update-management.
    MINIMUM_BATTERY = 26 "minimum-battery"
    /// Update-management.
    UPDATE_PRIORITY = 27 "update-priority"
    /// Update-management.
    VERSION = 28 "version"
    /// Update-management.
    WAIT_INFO = 29 "wait-info"
    /// Update-management.
    COMPONENT_METADATA = 30 "component-metadata"
}

table! {
    /// Entries of suit-text for the manifest as a whole, in one language.
    text: i64;
    MANIFEST_DESCRIPTION = 1 "manifest-description"
    UPDATE_DESCRIPTION = 2 "update-description"
    MANIFEST_JSON_SOURCE = 3 "manifest-json-source"
    MANIFEST_YAML_SOURCE = 4 "manifest-yaml-source"
}

table! {
    /// Entries of suit-text for one component, in one language.
    component_text: i64;
    VENDOR_NAME = 1 "vendor-name"
    MODEL_NAME = 2 "model-name"
    VENDOR_DOMAIN = 3 "vendor-domain"
    MODEL_INFO = 4 "model-info"
    COMPONENT_DESCRIPTION = 5 "component-description"
    COMPONENT_VERSION = 6 "component-version"
    /// Update-management.
    VERSION_REQUIRED = 7 "version-required"
    /// Update-management.
    CURRENT_VERSION = 8 "current-version"
}

table! {
    /// Members of SUIT_Report and its parts.
    report: u64;
    NONCE = 2 "nonce"
    RECORDS = 3 "records"
    RESULT = 4 "result"
    RESULT_CODE = 5 "result-code"
    RESULT_RECORD = 6 "result-record"
    RESULT_REASON = 7 "result-reason"
    CAPABILITY_REPORT = 8 "capability-report"
    REFERENCE = 99 "reference"
}

/// Label of the component identifier among the SUIT parameters in system-property-claims.
pub const SYSTEM_COMPONENT_ID: i64 = 0;

table! {
    /// Members of SUIT_Capability_Report.
    capability: u64;
    COMPONENTS = 1 "component-capabilities"
    COMMANDS = 2 "command-capabilities"
    PARAMETERS = 3 "parameters-capabilities"
    ALGORITHMS = 4 "crypto-algo-capabilities"
    ENVELOPE = 5 "envelope-capabilities"
    MANIFEST = 6 "manifest-capabilities"
    COMMON = 7 "common-capabilities"
    TEXT = 8 "text-capabilities"
    COMPONENT_TEXT = 9 "text-component-capabilities"
    DEPENDENCY = 10 "dependency-capabilities"
}
