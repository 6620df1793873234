// SPDX-License-Identifier: Apache-2.0
//! Keys that do more, or other things, than sign: symmetric ones, and those to which components are encrypted. They are
//! kept as COSE_Key.

use super::certificates::{certified, is_certificate, load_anchors, load_certificates};
use super::{as_hex, as_pem, load_signing_key, parse_public_key, read, write_new};
use crate::{Error, Recipient};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use teep_proto::cose::{
    Accept, AgreementKey, AgreementSecret, Certificate, PublicKey, RecipientKey, SigningKey, SymmetricKey,
    TrustAnchor, Verified,
};
use teep_proto::suit::{Authenticator, Envelope, Manifest, TrustedKeys};
use zeroize::Zeroizing;

/// A key that authenticates envelopes.
#[derive(Clone, Debug)]
pub enum AuthenticationKey {
    /// Signs.
    Sign(Box<SigningKey>),
    /// Makes a MAC for those who have the same key.
    Mac(SymmetricKey),
}

impl AuthenticationKey {
    /// Reads a private key as [`load_signing_key`] does, or a symmetric COSE_Key.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Key`] which says what the file holds instead.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = Zeroizing::new(read(path)?);
        match SymmetricKey::from_cose_key(&bytes) {
            Ok(key) => Ok(Self::Mac(key)),
            Err(_) => load_signing_key(path).map(Box::new).map(Self::Sign),
        }
    }

    /// Gives the certificates in the file at `path` to that of `keys` which they belong to; its signatures bring them
    /// along.
    ///
    /// # Errors
    /// As [`certified`]; also when they belong to none of `keys`.
    pub fn certify(keys: &mut [Self], path: &Path) -> Result<(), Error> {
        let certificates = load_certificates(path)?;
        let own = certificates.first().map(|certificate| certificate.key());
        let mut keys = keys.iter_mut().filter_map(|key| match key {
            Self::Sign(key) => Some(key),
            Self::Mac(_) => None,
        });
        let Some(key) = keys.find(|key| Some(&key.public_key()) == own) else {
            let path = path.display();
            return Err(Error::Key(format!("{path}: the first certificate is of none of the keys (--key)")));
        };
        **key = certified((**key).clone(), path)?;
        Ok(())
    }

    /// The key, to authenticate with.
    pub fn authenticator(&self) -> Authenticator<'_> {
        match self {
            Self::Sign(key) => Authenticator::Sign(key),
            Self::Mac(key) => Authenticator::Mac(key),
        }
    }
}

/// Keys whose signatures and MACs are acceptable.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    public: Vec<PublicKey>,
    certificates: Vec<TrustAnchor>,
    symmetric: Vec<SymmetricKey>,
}

impl Trusted {
    /// Reads public keys as [`load_public_key`](super::load_public_key) does, certificates, each of which is an anchor,
    /// and symmetric COSE_Keys.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Key`] which says what a file holds instead.
    pub fn load(files: &[PathBuf]) -> Result<Self, Error> {
        let mut trusted = Self::default();
        for path in files {
            let bytes = Zeroizing::new(read(path)?);
            if is_certificate(&bytes) {
                trusted.certificates.extend(load_anchors(path)?);
                continue;
            }
            match SymmetricKey::from_cose_key(&bytes) {
                Ok(key) => trusted.symmetric.push(key),
                Err(_) => trusted.public.push(
                    parse_public_key(&bytes)
                        .map_err(|problem| Error::Key(format!("{}: {problem}", path.display())))?,
                ),
            }
        }
        Ok(trusted)
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.public.is_empty() && self.certificates.is_empty() && self.symmetric.is_empty()
    }

    /// The keys, with HSS-LMS if one is such a key: whoever names it wants it.
    pub fn keys(&self) -> TrustedKeys<'_> {
        let hss_lms = self.public.iter().any(|key| matches!(key, PublicKey::HssLms(_)));
        TrustedKeys {
            public: &self.public,
            accept: Accept { hss_lms, ..Accept::default() },
            symmetric: &self.symmetric,
        }
    }

    /// Checks that one of them authenticates `envelope`, with certificates that are valid now.
    ///
    /// # Errors
    /// [`Error::Envelope`]; [`Error::is_refusal`] tells whether it is the signature.
    pub fn verify<'b>(&self, envelope: &Envelope<'b>) -> Result<Verified<Manifest<'b>>, Error> {
        let TrustedKeys { public, accept, symmetric } = self.keys();
        let mut signed = envelope.verify_with(public, accept);
        if signed.is_err() && !self.certificates.is_empty() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|now| now.as_secs()).ok();
            signed = envelope.verify_with(&self.certificates, Accept { now, ..accept });
        }
        if signed.is_err() && !symmetric.is_empty() {
            return Ok(envelope.verify_mac(symmetric)?);
        }
        Ok(signed?)
    }

    /// The certificate of the CA that vouches for the key that signed what [`verify`](Self::verify) gave; `None` where the
    /// key itself is trusted.
    pub fn authority(&self, manifest: &Verified<Manifest<'_>>) -> Option<&Certificate> {
        let anchor = self.certificates.iter().find(|anchor| anchor.thumbprint() == manifest.signer())?;
        match anchor {
            TrustAnchor::Certificate(certificate) if manifest.key() != manifest.signer() => Some(certificate),
            _ => None,
        }
    }
}

impl From<&[PublicKey]> for Trusted {
    fn from(public: &[PublicKey]) -> Self {
        Self { public: public.to_vec(), ..Self::default() }
    }
}

/// Reads a key to which a component is encrypted: a public key for ECDH-ES or a symmetric one, as COSE_Key, or as
/// its hexadecimal digits, which is how `teep-broker keys` prints a device's decryption key.
///
/// # Errors
/// [`Error::Io`], or [`Error::Key`] which says what the file holds instead.
pub fn load_recipient(path: &Path) -> Result<Recipient, Error> {
    load_cose_key(path, |bytes| match SymmetricKey::from_cose_key(bytes) {
        Ok(key) => Ok(Recipient::Symmetric(key)),
        Err(_) => AgreementKey::from_cose_key(bytes).map(Recipient::Agreement),
    })
}

/// Reads the key of one who decrypts, as COSE_Key.
///
/// # Errors
/// As [`load_recipient`].
pub fn load_recipient_key(path: &Path) -> Result<RecipientKey, Error> {
    load_cose_key(path, |bytes| match SymmetricKey::from_cose_key(bytes) {
        Ok(key) => Ok(RecipientKey::Symmetric(key)),
        Err(_) => AgreementSecret::from_cose_key(bytes).map(RecipientKey::Agreement),
    })
}

fn load_cose_key<K>(
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<K, teep_proto::Error>,
) -> Result<K, Error> {
    let bytes = Zeroizing::new(read(path)?);
    let here = |problem: String| Error::Key(format!("{}: {problem}", path.display()));
    if as_pem(&bytes).is_some() {
        return Err(here("keys for encryption are kept as COSE_Key, not as PEM".to_owned()));
    }
    let key = Zeroizing::new(as_hex(&bytes).unwrap_or_else(|| bytes.to_vec()));
    parse(&key).map_err(|error| here(format!("not a COSE_Key for this: {error}")))
}

/// A new symmetric key of `len` bytes.
///
/// # Errors
/// [`Error::Randomness`].
pub fn generate_symmetric(len: usize) -> Result<SymmetricKey, Error> {
    let mut secret = Zeroizing::new(vec![0; len]);
    getrandom::fill(&mut secret).map_err(|_| Error::Randomness)?;
    Ok(SymmetricKey::new(&secret, None)?)
}

/// Writes an encoded COSE_Key, secret or not, to a file that must not be there yet.
///
/// # Errors
/// [`Error::Exists`], [`Error::Io`].
pub fn write_cose_key(path: &Path, key: &[u8], secret: bool) -> Result<(), Error> {
    if path.exists() {
        return Err(Error::Exists(path.to_owned()));
    }
    write_new(path, if secret { 0o600 } else { 0o644 }, key)
        .map_err(|source| Error::io("write", path, source))
}
