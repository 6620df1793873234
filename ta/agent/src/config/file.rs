// SPDX-License-Identifier: Apache-2.0
//! The configuration file an integrator edits.

mod attestation;

use super::{Config, DecryptionKey, SignerAnchor, TamAnchor};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use attestation::{Attestation, Eat};
use serde::Deserialize;
use std::path::Path;
use teep_proto::Error;
use teep_proto::cbor::{Reader, encode};
use teep_proto::cose::{AgreementKey, PublicKey, SigningKey};
use teep_proto::suit::labels::command;
use teep_proto::suit::{ComponentId, text};
use teep_proto::teep::Dialect;
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    device: Device,
    tam: Vec<Tam>,
    #[serde(default)]
    signer: Vec<Signer>,
    #[serde(default)]
    decryption_key: Vec<Decryption>,
    #[serde(default)]
    manifests: Manifests,
    attestation: Option<Attestation>,
    #[serde(default)]
    eat: Eat,
    #[serde(default)]
    verifier: Vec<Verifier>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Device {
    vendor_ids: Vec<String>,
    class_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Tam {
    uri: String,
    dialect: Option<String>,
    keys: Vec<String>,
    report_key: Option<String>,
    attestation: Option<TamAttestation>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum TamAttestation {
    Required,
    Off,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verifier {
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Signer {
    key: String,
    components: Vec<Vec<String>>,
    commands: Option<Vec<String>>,
    #[serde(default)]
    personalization_in_clear: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Decryption {
    key: String,
    kid: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Manifests {
    #[serde(default)]
    strict_dependencies: bool,
    #[serde(default)]
    unnamed: bool,
}

/// Compiles the configuration file at `path`. Key files are relative to it.
///
/// # Errors
/// One sentence that names the file and what is wrong in it.
pub fn compile_toml(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
    let file: File = toml::from_str(&text).map_err(|e| format!("{shown}: {e}"))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let key = |name: &str| public_key(&directory.join(name));
    let wrong = |what: &str| Err(format!("{shown}: {what}"));
    if file.device.vendor_ids.is_empty() || file.device.class_ids.is_empty() {
        return wrong("device.vendor-ids and device.class-ids need at least one UUID each");
    }
    if file.tam.is_empty() {
        return wrong("it needs at least one [[tam]]");
    }
    let mut tams = Vec::new();
    for tam in file.tam {
        if !["http://", "https://"].iter().any(|scheme| tam.uri.starts_with(scheme)) {
            return wrong(&format!("tam.uri {:?} is no http or https URI", tam.uri));
        }
        if tams.iter().any(|other: &TamAnchor| other.uri == tam.uri) {
            return wrong(&format!("the TAM {} has two entries; one with all its keys is meant", tam.uri));
        }
        if tam.keys.is_empty() {
            return wrong(&format!("the TAM {} has no keys", tam.uri));
        }
        let dialect = tam.dialect.as_deref().map_or(Ok(Dialect::Final), str::parse);
        let dialect = dialect.map_err(|e| format!("{shown}: the TAM {}: {e}", tam.uri))?;
        let keys = tam.keys.iter().map(|name| key(name)).collect::<Result<_, _>>()?;
        let report_key = tam.report_key.map(|name| agreement_key(&directory.join(name))).transpose()?;
        let attestation_required = tam.attestation == Some(TamAttestation::Required);
        tams.push(TamAnchor { uri: tam.uri, dialect, keys, report_key, attestation_required });
    }
    let mut signers = Vec::new();
    for signer in file.signer {
        if signer.components.is_empty() || signer.components.iter().any(Vec::is_empty) {
            return wrong(&format!(
                "the signer with {} needs components, each with an element at least",
                signer.key
            ));
        }
        let prefixes = signer.components.iter().map(|c| prefix(c)).collect::<Result<_, _>>();
        let prefixes = prefixes.map_err(|e| format!("{shown}: {e}"))?;
        let named = |commands: Vec<String>| commands.iter().map(|name| command_code(name)).collect();
        let commands = signer.commands.map(named).transpose().map_err(|e: String| format!("{shown}: {e}"))?;
        let personalization_in_clear = signer.personalization_in_clear;
        signers.push(SignerAnchor { key: key(&signer.key)?, prefixes, commands, personalization_in_clear });
    }
    let mut decryption_keys = Vec::new();
    for Decryption { key, kid } in file.decryption_key {
        decryption_keys.push(decryption_key(&directory.join(key), kid.as_deref())?);
    }
    let ids = |list: &[String]| list.iter().map(|id| uuid(id)).collect::<Result<_, _>>();
    let vendor_ids = ids(&file.device.vendor_ids).map_err(|e| format!("{shown}: {e}"))?;
    let class_ids = ids(&file.device.class_ids).map_err(|e| format!("{shown}: {e}"))?;
    let eat_profile = file.eat.profile();
    let attestation = file.attestation.map(|attestation| attestation.claims(&eat_profile)).transpose();
    let attestation = attestation.map_err(|e| format!("{shown}: {e}"))?;
    let verifiers = file.verifier.iter().map(|verifier| key(&verifier.key)).collect::<Result<_, _>>()?;
    let config = Config {
        vendor_ids,
        class_ids,
        tams,
        signers,
        decryption_keys,
        strict_dependencies: file.manifests.strict_dependencies,
        unnamed_manifests: file.manifests.unnamed,
        attestation,
        eat_profile,
        verifiers,
    };
    if let Some(tam) = config.unattestable_tam() {
        return Err(format!("{shown}: the TAM {} has to be attested, but there is no [[verifier]]", tam.uri));
    }
    if let Some(kid) = config.key_with_two_roles() {
        return Err(format!("{shown}: key {kid} has two roles; each role needs keys of its own"));
    }
    let bytes = config.encode();
    Config::decode(&bytes).map_err(|e| format!("{shown}: {e}"))?;
    Ok(bytes)
}

/// A public key in PEM (SubjectPublicKeyInfo) or as a COSE_Key.
fn public_key(path: &Path) -> Result<PublicKey, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("key {}: {e}", path.display()))?;
    let wrong = |what: &dyn core::fmt::Display| format!("key {}: {what}", path.display());
    let Some(pem) =
        std::str::from_utf8(&bytes).ok().filter(|text| text.trim_start().starts_with("-----BEGIN"))
    else {
        return PublicKey::from_cose_key(&bytes).map_err(|e| wrong(&e));
    };
    PublicKey::from_pem(pem).map_err(|e| wrong(&e))
}

/// A public key for ECDH-ES: a key on P-256 in PEM, or a COSE_Key.
fn agreement_key(path: &Path) -> Result<AgreementKey, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("key {}: {e}", path.display()))?;
    // In PEM a key does not say what it is for.
    let cose_key = if is_pem(&bytes) { public_key(path)?.to_cose_key() } else { bytes };
    AgreementKey::from_cose_key(&cose_key).map_err(|e| format!("key {}: {e}", path.display()))
}

/// A secret key in PEM (PKCS#8, P-256) or as a COSE_Key, under the name `kid` if there is one.
fn decryption_key(path: &Path, kid: Option<&str>) -> Result<DecryptionKey, String> {
    let wrong = |what: &dyn core::fmt::Display| format!("key {}: {what}", path.display());
    let bytes = Zeroizing::new(std::fs::read(path).map_err(|e| wrong(&e))?);
    let cose_key = match std::str::from_utf8(&bytes).ok().filter(|_| is_pem(&bytes)) {
        Some(pem) => Zeroizing::new(SigningKey::from_pem(pem).map_err(|e| wrong(&e))?.to_cose_key()),
        None => bytes,
    };
    let named = kid.map(|kid| with_kid(&cose_key, kid.as_bytes())).transpose().map_err(|e| wrong(&e))?;
    DecryptionKey::from_cose_key(&named.unwrap_or(cose_key)).map_err(|e| wrong(&e))
}

/// The COSE_Key `cose_key` with the name `kid` in place of the one that it has.
fn with_kid(cose_key: &[u8], kid: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    /// Label of the name of a COSE_Key (RFC 9052 section 7).
    const KID: i64 = 2;
    let mut r = Reader::open(cose_key)?;
    let name = encode(|w| {
        w.bytes(kid);
    });
    let mut members = Vec::from([(KID, name)]);
    for _ in 0..r.map("a COSE_Key map")? {
        let label = r.int("a label of a COSE_Key")?;
        let item = r.item()?.to_vec();
        if label != KID {
            members.push((label, item));
        }
    }
    // Deterministic order: labels from 0 up, then those from -1 down.
    members.sort_by_key(|(label, _)| (*label < 0, label.unsigned_abs()));
    Ok(Zeroizing::new(encode(|w| {
        w.map(members.len());
        for (label, item) in &members {
            w.int(*label).raw(item);
        }
    })))
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN")
}

/// Code of the command that the documents call `directive-NAME`, one of those that touch components.
fn command_code(name: &str) -> Result<i64, String> {
    let short = name.strip_prefix("directive-").unwrap_or(name);
    let touching = [command::WRITE, command::FETCH, command::COPY, command::SWAP];
    let found = touching.into_iter().find(|code| command::name(*code) == Some(short));
    found.ok_or_else(|| format!("{name:?} is none of the commands write, fetch, copy and swap"))
}

fn prefix(elements: &[String]) -> Result<Vec<u8>, String> {
    let elements = elements.iter().map(|element| text::parse_segment(element)).collect::<Result<Vec<_>, _>>();
    let encoded = ComponentId::encode(&elements.map_err(|e| e.to_string())?);
    ComponentId::decode(&encoded).map_err(|e| e.to_string())?;
    Ok(encoded)
}

/// The bytes of hexadecimal digits.
fn hexadecimal(digits: &str) -> Result<Vec<u8>, String> {
    text::parse_segment(&format!("hex:{digits}")).map_err(|e| e.to_string())
}

fn uuid(text: &str) -> Result<[u8; 16], String> {
    text::parse_uuid(text).ok_or_else(|| format!("{text:?} is no UUID"))
}

#[cfg(test)]
mod tests;
