// SPDX-License-Identifier: Apache-2.0
//! Certificates of those who sign.

use super::{as_pem, load_public_key, read};
use crate::Error;
use std::path::Path;
use teep_proto::cose::{Certificate, SigningKey, TrustAnchor};

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

/// Reads what is trusted to sign: certificates as [`load_certificates`] does, each of which is an anchor, or one public
/// key as [`load_public_key`] does.
///
/// # Errors
/// As these; [`Error::Key`] when a certificate allows its key neither to sign nor to issue certificates.
pub fn load_anchors(path: &Path) -> Result<Vec<TrustAnchor>, Error> {
    if !is_certificate(&read(path)?) {
        return Ok(vec![load_public_key(path)?.into()]);
    }
    let anchor = |certificate| {
        TrustAnchor::new(certificate).map_err(|error| Error::Key(format!("{}: {error}", path.display())))
    };
    load_certificates(path)?.into_iter().map(anchor).collect()
}

/// Whether `bytes` are certificates, in PEM or DER, which no COSE_Key begins as.
pub(super) fn is_certificate(bytes: &[u8]) -> bool {
    /// A SEQUENCE, too long for a length of one byte.
    const DER: &[u8] = &[0x30, 0x82];
    as_pem(bytes).map_or(bytes.starts_with(DER), |pem| pem.starts_with("-----BEGIN CERTIFICATE-----"))
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
