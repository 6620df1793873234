// SPDX-License-Identifier: Apache-2.0
//! Certificates of those who sign.

use super::{as_pem, read};
use crate::Error;
use std::path::Path;
use teep_proto::cose::{Certificate, SigningKey};

/// Reads certificates: any number in PEM, or one in DER.
///
/// # Errors
/// [`Error::Io`], or [`Error::Key`] which says what the file holds instead.
pub fn load_certificates(path: &Path) -> Result<Vec<Certificate>, Error> {
    let bytes = read(path)?;
    let certificates = match as_pem(&bytes) {
        Some(pem) => Certificate::from_pem(pem),
        None => Certificate::from_der(&bytes).map(|certificate| vec![certificate]),
    };
    certificates.map_err(|error| Error::Key(format!("{}: {error}", path.display())))
}

/// `key`, whose signatures bring along the certificates in the file at `path`: first its own, behind each the one of its
/// issuer.
///
/// # Errors
/// As [`load_certificates`]; [`Error::Key`] when they are not the key's, or stand in another order.
pub fn certified(key: SigningKey, path: &Path) -> Result<SigningKey, Error> {
    let certificates = load_certificates(path)?;
    key.with_certificates(&certificates).map_err(|error| Error::Key(format!("{}: {error}", path.display())))
}
