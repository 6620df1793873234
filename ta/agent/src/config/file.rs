// SPDX-License-Identifier: Apache-2.0
//! The configuration file an integrator edits.

use super::{Config, SignerAnchor, TamAnchor};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Deserialize;
use std::path::Path;
use teep_proto::cose::PublicKey;
use teep_proto::suit::{ComponentId, text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    device: Device,
    tam: Vec<Tam>,
    #[serde(default)]
    signer: Vec<Signer>,
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
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Signer {
    key: String,
    components: Vec<Vec<String>>,
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
        if tam.keys.is_empty() {
            return wrong(&format!("the TAM {} has no keys", tam.uri));
        }
        let keys = tam.keys.iter().map(|name| key(name)).collect::<Result<_, _>>()?;
        tams.push(TamAnchor { uri: tam.uri, keys });
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
        signers.push(SignerAnchor { key: key(&signer.key)?, prefixes });
    }
    let ids = |list: &[String]| list.iter().map(|id| uuid(id)).collect::<Result<_, _>>();
    let vendor_ids = ids(&file.device.vendor_ids).map_err(|e| format!("{shown}: {e}"))?;
    let class_ids = ids(&file.device.class_ids).map_err(|e| format!("{shown}: {e}"))?;
    let config = Config { vendor_ids, class_ids, tams, signers };
    if let Some(kid) = config.key_with_two_roles() {
        return Err(format!("{shown}: key {kid} is a TAM's and a signer's; each role needs keys of its own"));
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

fn prefix(elements: &[String]) -> Result<Vec<u8>, String> {
    let elements = elements.iter().map(|element| text::parse_segment(element)).collect::<Result<Vec<_>, _>>();
    let encoded = ComponentId::encode(&elements.map_err(|e| e.to_string())?);
    ComponentId::decode(&encoded).map_err(|e| e.to_string())?;
    Ok(encoded)
}

fn uuid(text: &str) -> Result<[u8; 16], String> {
    text::parse_uuid(text).ok_or_else(|| format!("{text:?} is no UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use teep_proto::cose::SigningKey;

    const DEVICE: &str = "[device]
vendor-ids = [\"c0ddd5f1-5243-5660-87db-4f5b0aa26c2f\"]
class-ids = [\"c0ddd5f1-5243-5660-87db-4f5b0aa26c2f\"]
";

    /// Compiles `text` in a directory with the COSE_Keys `a.cose` and `b.cose`.
    fn compile(name: &str, text: &str) -> Result<Config, String> {
        let directory = std::env::temp_dir().join(format!("teep-agent-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        for (file, n) in [("a.cose", 1), ("b.cose", 2)] {
            let key = SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar").public_key();
            fs::write(directory.join(file), key.to_cose_key()).expect("written");
        }
        let path = directory.join("agent.toml");
        fs::write(&path, text).expect("written");
        let compiled = compile_toml(&path);
        fs::remove_dir_all(&directory).expect("removed");
        compiled.map(|bytes| Config::decode(&bytes).expect("what was compiled decodes"))
    }

    #[test]
    fn compiles_roles_and_scopes() {
        let text = format!(
            "{DEVICE}[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\n\
             [[signer]]\nkey = \"b.cose\"\ncomponents = [[\"TEEP-Device\", \"uuid:8d82573a-926d-4754-9353-32dc29997f74\"]]\n"
        );
        let config = compile("good", &text).expect("compiles");
        assert_eq!(config.tams[0].uri, "https://tam.example/tam");
        let prefix = ComponentId::decode(&config.signers[0].prefixes[0]).expect("id").to_elements();
        assert_eq!((prefix[0].as_slice(), prefix[1].len()), (&b"TEEP-Device"[..], 16));
    }

    #[test]
    fn says_what_is_wrong() {
        let tam = "[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\n";
        let signer = |key: &str| format!("[[signer]]\nkey = \"{key}\"\ncomponents = [[\"x\"]]\n");
        for (name, text, expected) in [
            ("typo", format!("{DEVICE}{tam}[[singer]]\n"), "singer"),
            ("roles", format!("{DEVICE}{tam}{}", signer("a.cose")), "each role needs keys of its own"),
            ("missing", format!("{DEVICE}{tam}{}", signer("c.cose")), "c.cose"),
            ("no-key", format!("{DEVICE}{tam}{}", signer("agent.toml")), "agent.toml"),
            ("uuid", format!("{}{tam}", DEVICE.replace("c0dd", "xxxx")), "is no UUID"),
            ("no-tam", format!("tam = []\n{DEVICE}"), "at least one [[tam]]"),
            ("scheme", format!("{DEVICE}{}", tam.replace("https", "ftp")), "no http or https URI"),
            (
                "all",
                format!("{DEVICE}{tam}{}", signer("b.cose").replace("[\"x\"]", "[]")),
                "an element at least",
            ),
        ] {
            let error = compile(name, &text).expect_err(name);
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
