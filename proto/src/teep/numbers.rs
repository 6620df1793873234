// SPDX-License-Identifier: Apache-2.0
use super::Dialect;
use crate::Error;
use crate::cbor::{Reader, Writer};
use crate::cose::Algorithm;
use crate::limits::MAX_SIGNATURES;
use alloc::vec::Vec;

/// The COSE structure number of a single signature in a cipher suite: the CBOR tag of COSE_Sign1.
const COSE_SIGN1: i64 = crate::cose::TAG_SIGN1 as i64;

/// A TEEP cipher suite: COSE operations, each a structure and an algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CipherSuite {
    operations: Vec<(i64, i64)>,
}

impl CipherSuite {
    /// teep-cipher-suite-sign1-esp256 or -ed25519.
    pub fn sign1(algorithm: Algorithm) -> Self {
        Self { operations: Vec::from([(COSE_SIGN1, algorithm.number())]) }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        let mut operations = Vec::new();
        for _ in 0..r.list(1, MAX_SIGNATURES, "a cipher suite of one to four operations")? {
            r.array_of(2, "an operation [COSE structure, algorithm]")?;
            operations.push((r.int("a COSE structure")?, r.int("a COSE algorithm")?));
        }
        Ok(Self { operations })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(self.operations.len());
        for (structure, algorithm) in &self.operations {
            w.array(2).int(*structure).int(*algorithm);
        }
    }
}

/// A SUIT COSE profile: `[digest, authentication, key exchange, encryption]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuitCoseProfile(pub [i64; 4]);

impl SuitCoseProfile {
    /// suit-sha256-esp256-ecdh-a128ctr
    pub const ESP256_ECDH_A128CTR: Self = Self([-16, -9, -29, -65534]);
    /// suit-sha256-ed25519-ecdh-a128ctr
    pub const ED25519_ECDH_A128CTR: Self = Self([-16, -19, -29, -65534]);
    /// suit-sha256-esp256-ecdh-a128gcm
    pub const ESP256_ECDH_A128GCM: Self = Self([-16, -9, -29, 1]);
    /// suit-sha256-ed25519-ecdh-chacha-poly
    pub const ED25519_ECDH_CHACHA_POLY: Self = Self([-16, -19, -29, 24]);
    /// The four every TAM supports (REQ-TEEP-028).
    pub const TEEP: [Self; 4] = [
        Self::ESP256_ECDH_A128CTR,
        Self::ED25519_ECDH_A128CTR,
        Self::ESP256_ECDH_A128GCM,
        Self::ED25519_ECDH_CHACHA_POLY,
    ];

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        const WHAT: &str = "a SUIT COSE profile of four algorithms";
        r.array_of(4, WHAT)?;
        Ok(Self([r.int(WHAT)?, r.int(WHAT)?, r.int(WHAT)?, r.int(WHAT)?]))
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(4);
        for algorithm in self.0 {
            w.int(algorithm);
        }
    }
}

/// A TEEP error code. Unknown ones are kept (REQ-TEEP-013); 0 does not exist (REQ-TEEP-012).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrCode(u64);

impl ErrCode {
    /// ERR_PERMANENT_ERROR: fields wrong or contradictory.
    pub const PERMANENT_ERROR: Self = Self(1);
    /// ERR_UNSUPPORTED_EXTENSION
    pub const UNSUPPORTED_EXTENSION: Self = Self(2);
    /// ERR_UNSUPPORTED_FRESHNESS_MECHANISMS
    pub const UNSUPPORTED_FRESHNESS_MECHANISMS: Self = Self(3);
    /// ERR_UNSUPPORTED_MSG_VERSION
    pub const UNSUPPORTED_MSG_VERSION: Self = Self(4);
    /// ERR_UNSUPPORTED_CIPHER_SUITES
    pub const UNSUPPORTED_CIPHER_SUITES: Self = Self(5);
    /// ERR_BAD_CERTIFICATE; also an unknown key.
    pub const BAD_CERTIFICATE: Self = Self(6);
    /// ERR_ATTESTATION_REQUIRED
    pub const ATTESTATION_REQUIRED: Self = Self(7);
    /// ERR_UNSUPPORTED_SUIT_REPORT
    pub const UNSUPPORTED_SUIT_REPORT: Self = Self(8);
    /// ERR_CERTIFICATE_EXPIRED
    pub const CERTIFICATE_EXPIRED: Self = Self(9);
    /// ERR_TEMPORARY_ERROR: for example out of memory.
    pub const TEMPORARY_ERROR: Self = Self(10);
    /// ERR_MANIFEST_PROCESSING_FAILED
    pub const MANIFEST_PROCESSING_FAILED: Self = Self(11);

    /// The number on the wire.
    pub fn number(self) -> u64 {
        self.0
    }

    pub(super) fn read(r: &mut Reader<'_>, dialect: Dialect) -> Result<Self, Error> {
        let at = r.offset();
        let code = Self::from_wire(dialect, r.uint("an err-code")?);
        code.ok_or(Error::malformed("an err-code other than 0 (REQ-TEEP-012)", at))
    }

    pub(crate) fn from_wire(dialect: Dialect, wire: u64) -> Option<Self> {
        Some(Self(dialect.translate_err_code(wire))).filter(|code| code.0 != 0)
    }

    /// Name as in the document.
    pub fn name(self) -> &'static str {
        match self {
            Self::PERMANENT_ERROR => "ERR_PERMANENT_ERROR",
            Self::UNSUPPORTED_EXTENSION => "ERR_UNSUPPORTED_EXTENSION",
            Self::UNSUPPORTED_FRESHNESS_MECHANISMS => "ERR_UNSUPPORTED_FRESHNESS_MECHANISMS",
            Self::UNSUPPORTED_MSG_VERSION => "ERR_UNSUPPORTED_MSG_VERSION",
            Self::UNSUPPORTED_CIPHER_SUITES => "ERR_UNSUPPORTED_CIPHER_SUITES",
            Self::BAD_CERTIFICATE => "ERR_BAD_CERTIFICATE",
            Self::ATTESTATION_REQUIRED => "ERR_ATTESTATION_REQUIRED",
            Self::UNSUPPORTED_SUIT_REPORT => "ERR_UNSUPPORTED_SUIT_REPORT",
            Self::CERTIFICATE_EXPIRED => "ERR_CERTIFICATE_EXPIRED",
            Self::TEMPORARY_ERROR => "ERR_TEMPORARY_ERROR",
            Self::MANIFEST_PROCESSING_FAILED => "ERR_MANIFEST_PROCESSING_FAILED",
            Self(_) => "unknown error code",
        }
    }
}

impl core::fmt::Display for ErrCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}
