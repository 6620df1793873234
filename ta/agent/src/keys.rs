// SPDX-License-Identifier: Apache-2.0
//! The Agent's own keys. They are derived from the device's hardware unique key and exist in the TEE's memory only.

use crate::config::Suite;
use crate::env::{Env, EnvError};
use alloc::format;
use teep_proto::cose::{AgreementSecret, SigningKey};

/// What the label begins with under which the key of TEEP messages is derived; each purpose has its own
/// (REQ-TEEP-086), and each algorithm.
const MESSAGE_KEY: &str = "TEEP message signing key";
/// The same, of the key that signs SUIT Reports.
const REPORT_KEY: &str = "SUIT Report signing key";
/// The same, of the key that signs Evidence.
const ATTESTATION_KEY: &str = "EAT Evidence signing key";
/// Label of the key for key agreement, to which payloads for this device are encrypted.
const DECRYPTION_KEY: &str = "SUIT payload decryption key, ECDH P-256, try ";
/// Tries to derive a scalar below the order of P-256. One fails with a probability of 2^-32.
const TRIES: u8 = 4;

/// The key that signs this Agent's TEEP messages.
///
/// # Errors
/// The TEE's reason.
pub(crate) fn message_key<E: Env>(env: &mut E, suite: Suite) -> Result<SigningKey, EnvError> {
    signing_key(env, MESSAGE_KEY, suite)
}

/// The key that signs SUIT Reports.
///
/// # Errors
/// The TEE's reason.
pub(crate) fn report_key<E: Env>(env: &mut E, suite: Suite) -> Result<SigningKey, EnvError> {
    signing_key(env, REPORT_KEY, suite)
}

/// The key that signs Evidence, and nothing else.
///
/// # Errors
/// The TEE's reason.
pub(crate) fn attestation_key<E: Env>(env: &mut E, suite: Suite) -> Result<SigningKey, EnvError> {
    signing_key(env, ATTESTATION_KEY, suite)
}

/// The key to which payloads for this device alone are encrypted.
///
/// # Errors
/// The TEE's reason.
pub(crate) fn decryption_secret<E: Env>(env: &mut E) -> Result<AgreementSecret, EnvError> {
    derive(env, DECRYPTION_KEY, |scalar| AgreementSecret::from_scalar(scalar).ok())
}

fn signing_key<E: Env>(env: &mut E, purpose: &str, suite: Suite) -> Result<SigningKey, EnvError> {
    let label = format!("{purpose}, {}, try ", suite.algorithm());
    derive(env, &label, |secret| match suite {
        Suite::Esp256 => SigningKey::p256_from_scalar(secret).ok(),
        Suite::Ed25519 => Some(SigningKey::ed25519_from_seed(secret)),
    })
}

/// The first derived number that is a key: every one is, except that few are no scalar of P-256.
fn derive<E: Env, K>(
    env: &mut E,
    label: &str,
    key_of: impl Fn(&[u8; 32]) -> Option<K>,
) -> Result<K, EnvError> {
    for attempt in 0..TRIES {
        let secret = env.derive_key(&[label.as_bytes(), &[attempt]].concat())?;
        if let Some(key) = key_of(&secret) {
            return Ok(key);
        }
    }
    Err(EnvError::BAD_STATE)
}
