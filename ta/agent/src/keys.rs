// SPDX-License-Identifier: Apache-2.0
//! The Agent's own keys. They are derived from the device's hardware unique key and exist in the TEE's memory only.

use crate::env::{Env, EnvError};
use teep_proto::cose::{AgreementSecret, SigningKey};

/// Label under which the key of TEEP messages is derived; each purpose has its own (REQ-TEEP-086).
const MESSAGE_KEY: &[u8] = b"TEEP message signing key, ESP256, try ";
/// Label of the key that signs SUIT Reports.
const REPORT_KEY: &[u8] = b"SUIT Report signing key, ESP256, try ";
/// Label of the key that signs Evidence.
const ATTESTATION_KEY: &[u8] = b"EAT Evidence signing key, ESP256, try ";
/// Label of the key for key agreement, to which payloads for this device are encrypted.
const DECRYPTION_KEY: &[u8] = b"SUIT payload decryption key, ECDH P-256, try ";
/// Tries to derive a scalar below the order of P-256. One fails with a probability of 2^-32.
const TRIES: u8 = 4;

/// The key that signs this Agent's TEEP messages.
///
/// # Errors
/// The TEE's reason.
pub(crate) fn message_key<E: Env>(env: &mut E) -> Result<SigningKey, EnvError> {
    derive(env, MESSAGE_KEY, |scalar| SigningKey::p256_from_scalar(scalar).ok())
}

/// The key that signs SUIT Reports.
///
/// # Errors
/// The TEE's reason.
pub(crate) fn report_key<E: Env>(env: &mut E) -> Result<SigningKey, EnvError> {
    derive(env, REPORT_KEY, |scalar| SigningKey::p256_from_scalar(scalar).ok())
}

/// The key that signs Evidence, and nothing else.
///
/// # Errors
/// The TEE's reason.
pub(crate) fn attestation_key<E: Env>(env: &mut E) -> Result<SigningKey, EnvError> {
    derive(env, ATTESTATION_KEY, |scalar| SigningKey::p256_from_scalar(scalar).ok())
}

/// The key to which payloads for this device alone are encrypted.
///
/// # Errors
/// The TEE's reason.
pub(crate) fn decryption_secret<E: Env>(env: &mut E) -> Result<AgreementSecret, EnvError> {
    derive(env, DECRYPTION_KEY, |scalar| AgreementSecret::from_scalar(scalar).ok())
}

/// The first derived number that is a scalar of P-256.
fn derive<E: Env, K>(
    env: &mut E,
    label: &[u8],
    key_of: impl Fn(&[u8; 32]) -> Option<K>,
) -> Result<K, EnvError> {
    for attempt in 0..TRIES {
        let scalar = env.derive_key(&[label, &[attempt]].concat())?;
        if let Some(key) = key_of(&scalar) {
            return Ok(key);
        }
    }
    Err(EnvError::BAD_STATE)
}
