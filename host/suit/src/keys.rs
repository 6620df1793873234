// SPDX-License-Identifier: Apache-2.0
//! Keys in files: PEM (PKCS#8, SPKI) for other tools, COSE_Key for TEEP. Files are told apart by content.

mod certificates;
mod others;

pub use certificates::{certified, load_anchors, load_certificates};
pub use others::{
    AuthenticationKey, Trusted, generate_symmetric, load_recipient, load_recipient_key, write_cose_key,
};

use crate::{Algorithm, Error};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use teep_proto::cose::{PublicKey, SigningKey};
use zeroize::Zeroizing;

const PEM_START: &str = "-----BEGIN ";
const PRIVATE_PEM: &str = "-----BEGIN PRIVATE KEY-----";
const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----";
/// Bytes a key file has at most: generous, to refuse files that are something else.
const MAX_KEY_FILE: usize = 16 * 1024;

/// Makes a new key from the operating system's random bytes.
///
/// # Errors
/// [`Error::Randomness`] when there are none, and [`Error::Key`] for what is no key of a signer here.
pub fn generate(algorithm: Algorithm) -> Result<SigningKey, Error> {
    let mut secret = Zeroizing::new([0u8; 32]);
    loop {
        getrandom::fill(secret.as_mut_slice()).map_err(|_| Error::Randomness)?;
        match algorithm {
            Algorithm::Ed25519 => return Ok(SigningKey::ed25519_from_seed(&secret)),
            // Only a scalar of zero or not below the order is refused, once in 2^32 tries.
            Algorithm::Esp256 | Algorithm::Es256 => {
                if let Ok(key) = SigningKey::p256_from_scalar(&secret) {
                    return Ok(key);
                }
            }
            Algorithm::HssLms | Algorithm::Hmac256 => {
                return Err(Error::Key(format!("{algorithm} keys are made with other tools")));
            }
        }
    }
}

/// The three files of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFiles {
    /// `NAME.pem`: the private key, PKCS#8.
    pub private_pem: PathBuf,
    /// `NAME.pub.pem`: the public key, SPKI.
    pub public_pem: PathBuf,
    /// `NAME.pub.cose`: the public key, COSE_Key.
    pub public_cose: PathBuf,
}

impl KeyFiles {
    /// The names of the files for a key called `name`, which may have a directory in front.
    pub fn of(name: &Path) -> Self {
        let with = |suffix: &str| {
            let mut path = name.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        Self { private_pem: with(".pem"), public_pem: with(".pub.pem"), public_cose: with(".pub.cose") }
    }
}

/// Writes `key` to the three files of `name`, the private one readable by its owner only.
///
/// # Errors
/// [`Error::Exists`] when one of the files is there; nothing is overwritten. [`Error::Io`] when one cannot
/// be written; those already written are removed again.
pub fn write(key: &SigningKey, name: &Path) -> Result<KeyFiles, Error> {
    let files = KeyFiles::of(name);
    let public = key.public_key();
    let contents = [
        (&files.private_pem, 0o600, private_to_pem(key)?),
        (&files.public_pem, 0o644, Zeroizing::new(public_to_pem(&public)?.into_bytes())),
        (&files.public_cose, 0o644, Zeroizing::new(public.to_cose_key())),
    ];
    if let Some((path, ..)) = contents.iter().find(|(path, ..)| path.exists()) {
        return Err(Error::Exists((*path).clone()));
    }
    let mut written = Vec::new();
    for (path, mode, bytes) in &contents {
        written.push(*path);
        if let Err(source) = write_new(path, *mode, bytes) {
            written.iter().for_each(|path| drop(fs::remove_file(path)));
            return Err(Error::io("write", path, source));
        }
    }
    Ok(files)
}

fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a private key: a PKCS#8 PEM file or a COSE_Key.
///
/// # Errors
/// [`Error::Io`], or [`Error::Key`] which says what the file holds instead.
pub fn load_signing_key(path: &Path) -> Result<SigningKey, Error> {
    let bytes = Zeroizing::new(read(path)?);
    parse_signing_key(&bytes).map_err(|problem| Error::Key(format!("{}: {problem}", path.display())))
}

/// Reads a public key: an SPKI PEM file, a COSE_Key, or a COSE_Key in hexadecimal.
///
/// # Errors
/// As [`load_signing_key`].
pub fn load_public_key(path: &Path) -> Result<PublicKey, Error> {
    let bytes = Zeroizing::new(read(path)?);
    parse_public_key(&bytes).map_err(|problem| Error::Key(format!("{}: {problem}", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path).map_err(|source| Error::io("read", path, source))?;
    if bytes.len() > MAX_KEY_FILE {
        return Err(Error::Key(format!("{}: not a key: it has more than 16 KiB", path.display())));
    }
    Ok(bytes)
}

fn parse_signing_key(bytes: &[u8]) -> Result<SigningKey, String> {
    let Some(pem) = as_pem(bytes) else {
        return SigningKey::from_cose_key(bytes).map_err(|error| not_a_key(bytes, &error));
    };
    if !pem.starts_with(PRIVATE_PEM) {
        return Err(other_pem(pem, "a private key (PKCS#8, \"BEGIN PRIVATE KEY\")"));
    }
    SigningKey::from_pem(pem).map_err(|_| WRONG_CURVE.to_owned())
}

/// Reads a public key from the content of a file, see [`load_public_key`].
///
/// # Errors
/// What the bytes are instead.
pub fn parse_public_key(bytes: &[u8]) -> Result<PublicKey, String> {
    if let Some(digits) = as_hex(bytes) {
        return PublicKey::from_cose_key(&digits).map_err(|error| match digits.len() {
            // As long as a thumbprint, and shorter than any COSE_Key of a public key.
            32 => {
                "this is a key's thumbprint (kid); give the key itself, a COSE_Key (that of a TEEP Agent is \
                   public_key in: teep-broker --json keys)"
                    .to_owned()
            }
            _ => format!("hexadecimal digits, but not those of a COSE_Key: {error}"),
        });
    }
    let Some(pem) = as_pem(bytes) else {
        return PublicKey::from_cose_key(bytes).map_err(|error| not_a_key(bytes, &error));
    };
    if !pem.starts_with(PUBLIC_PEM) {
        return Err(other_pem(pem, "a public key (SPKI, \"BEGIN PUBLIC KEY\")"));
    }
    PublicKey::from_pem(pem).map_err(|_| WRONG_CURVE.to_owned())
}

const WRONG_CURVE: &str = "neither a P-256 nor an Ed25519 key; teep-suit keygen makes both kinds";

/// `bytes` as PEM text if they are that, without what may stand in front or behind.
fn as_pem(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.get(text.find(PEM_START)?..).map(str::trim_end)
}

fn as_hex(bytes: &[u8]) -> Option<Vec<u8>> {
    hex::decode(bytes.trim_ascii()).ok().filter(|decoded| !decoded.is_empty())
}

fn other_pem(pem: &str, wanted: &str) -> String {
    let label = pem.lines().next().unwrap_or_default().trim_matches('-').trim_start_matches("BEGIN ");
    let hint = match label {
        "PRIVATE KEY" => "; its public half is the file with .pub.pem at its end",
        "EC PRIVATE KEY" => "; convert it with: openssl pkcs8 -topk8 -nocrypt",
        "CERTIFICATE" => "; take the key out of it with: openssl x509 -pubkey -noout",
        "ENCRYPTED PRIVATE KEY" => "; decrypt it with: openssl pkcs8",
        _ => "",
    };
    format!("needs {wanted}, but this is {label:?}{hint}")
}

fn not_a_key(bytes: &[u8], error: &teep_proto::Error) -> String {
    if bytes.is_empty() {
        return "the file is empty".to_owned();
    }
    format!("neither a PEM file nor a COSE_Key: {error}")
}

fn private_to_pem(key: &SigningKey) -> Result<Zeroizing<Vec<u8>>, Error> {
    let pem = key.to_pem().map_err(|error| Error::Key(error.to_string()))?;
    Ok(Zeroizing::new(pem.as_bytes().to_vec()))
}

fn public_to_pem(key: &PublicKey) -> Result<String, Error> {
    match key {
        PublicKey::P256(key) => key.to_public_key_pem(LineEnding::LF),
        PublicKey::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
        PublicKey::HssLms(_) => return Err(Error::Key("HSS-LMS keys are kept as COSE_Key only".to_owned())),
    }
    .map_err(|error| Error::Key(error.to_string()))
}

#[cfg(test)]
mod tests;
