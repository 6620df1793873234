// SPDX-License-Identifier: Apache-2.0
//! The one table of limits. Every input is checked against it before memory is spent on it.

/// Bytes of one TEEP message including its COSE wrapper and integrated payloads.
pub const MAX_MESSAGE: usize = 1024 * 1024;
/// Bytes of one SUIT manifest (the content of envelope label 3, without integrated payloads).
pub const MAX_MANIFEST: usize = 8 * 1024;
/// Nesting depth of CBOR arrays, maps and tags within one byte string.
pub const MAX_DEPTH: usize = 16;
/// CBOR items within one byte string that is opened (a byte string inside counts as one).
pub const MAX_ITEMS: usize = 4096;
/// Entries of one CBOR map.
pub const MAX_MAP_ENTRIES: usize = 64;
/// Bytes of a COSE header, protected or unprotected, without certificates.
pub const MAX_COSE_HEADER: usize = 512;
/// Bytes of one X.509 certificate.
pub const MAX_CERTIFICATE: usize = 2048;
/// Certificates in one x5chain, which adds to the bytes of its COSE header.
pub const MAX_CERTIFICATES: usize = 4;
/// Bytes of the kid a key is known by, so that it fits into a header with everything else.
pub const MAX_KID: usize = 256;
/// Signatures in one COSE_Sign, and authentication blocks in one SUIT authentication wrapper.
pub const MAX_SIGNATURES: usize = 4;
/// Recipients of one COSE_Encrypt.
pub const MAX_RECIPIENTS: usize = 16;
/// Levels of trees in one HSS-LMS key, the most that RFC 8554 allows.
pub const MAX_HSS_LEVELS: usize = 8;
/// Entries in one of the lists of a TEEP message (manifests, components, suites, ...).
pub const MAX_LIST: usize = 32;
/// Components in one SUIT manifest.
pub const MAX_COMPONENTS: usize = 16;
/// Dependencies of one SUIT manifest.
pub const MAX_DEPENDENCIES: usize = 8;
/// Elements of a SUIT component identifier.
pub const MAX_COMPONENT_ID_ELEMENTS: usize = 8;
/// Bytes of all elements of a SUIT component identifier together.
pub const MAX_COMPONENT_ID: usize = 256;
/// Bytes of an encoded SUIT component identifier: of its elements, and of the heads of the elements and the array.
pub const MAX_ENCODED_COMPONENT_ID: usize = MAX_COMPONENT_ID + 3 * MAX_COMPONENT_ID_ELEMENTS + 1;
/// Commands run in one procedure, and commands in one manifest.
pub const MAX_COMMANDS: usize = 1024;
/// Nesting of SUIT command sequences (try-each, run-sequence).
pub const MAX_SEQUENCE_DEPTH: usize = 4;
/// Dependencies one above the other, the root manifest not counted.
pub const MAX_DEPENDENCY_DEPTH: usize = 4;
/// Manifests that take part in one procedure: a root manifest and all it depends on.
pub const MAX_PROCEDURE_MANIFESTS: usize = 16;
/// Alternatives of one try-each, a nil at the end included.
pub const MAX_ALTERNATIVES: usize = 16;
/// Bytes of an encoded trust store of the Agent.
pub const MAX_TRUST_STORE: usize = 16 * 1024;
/// Bytes of a URI anywhere (TAM URI, payload URI).
pub const MAX_URI: usize = 512;
/// Numbers in one list of a SUIT capability report.
pub const MAX_CAPABILITIES: usize = 64;
/// Sessions of the TEE client API with the Agent at a time. A Broker needs one per conversation with a TAM.
pub const MAX_SESSIONS: usize = 8;
