// SPDX-License-Identifier: Apache-2.0
#[path = "../../../../../proto/tests/common/certificate.rs"]
mod certificate;

use super::*;
use crate::config::Policy;
use certificate::Content;
use std::fs;
use teep_proto::cose::{Certificate, RecipientKey, SigningKey, TrustAnchor};
use teep_proto::eat::ManifestClaim;
use teep_proto::suit::labels::command;
use teep_proto::suit::{ComponentId, Digest, EnvelopeBuilder};
use teep_proto::teep::Dialect;

const DEVICE: &str = "[device]
vendor-ids = [\"c0ddd5f1-5243-5660-87db-4f5b0aa26c2f\"]
class-ids = [\"c0ddd5f1-5243-5660-87db-4f5b0aa26c2f\"]
";

/// Stands for a manifest.
const FIRMWARE: &[u8] = b"firmware";

const ATTESTATION_BARE: &str = "[attestation]
oemid = 32473
hwmodel = \"board\"
hwversion = \"1.0\"
";
const ATTESTATION: &str = "[attestation]
oemid = 32473
hwmodel = \"board\"
hwversion = \"1.0\"
manifests = [{ uri = \"https://example.com/optee.suit\", digest = \"0011223300112233001122330011223300112233001122330011223300112233\" }]
";

#[test]
fn compiles_the_cipher_suite() {
    let tam = "[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\n";
    let suite = |entry: &str| {
        let tam = if entry.contains("Ed25519") { tam.replace("a.cose", "e.cose") } else { tam.to_string() };
        compile("suite", &format!("{DEVICE}{entry}{tam}")).map(|config| config.suite)
    };
    assert_eq!(suite(""), Ok(Suite::Esp256));
    assert_eq!(suite("cipher-suite = \"ESP256\"\n"), Ok(Suite::Esp256));
    assert_eq!(suite("cipher-suite = \"Ed25519\"\n"), Ok(Suite::Ed25519));
    assert!(suite("cipher-suite = \"ES256\"\n").is_err_and(|error| error.contains("ESP256")));
    let error = compile("suites", &format!("{DEVICE}cipher-suite = \"Ed25519\"\n{tam}")).expect_err("ESP256");
    assert!(error.contains("agent.toml: it needs a TAM") && error.contains("cipher suite"), "{error}");
}

#[test]
fn compiles_what_evidence_says() {
    let tam = "[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\nattestation = \"required\"\n\
               [[verifier]]\nkey = \"b.cose\"\n[eat]\nteep-profile = \"urn:x\"\nsuit-reference-content-type = 7\n";
    let config =
        compile("evidence", &format!("{DEVICE}{tam}{ATTESTATION}profile = \"urn:y\"\n")).expect("compiles");
    assert!(config.trust.tams[0].attestation_required);
    assert_eq!(config.trust.verifiers.len(), 1);
    assert_eq!(
        (config.eat_profile.uri.as_str(), config.eat_profile.suit_reference_content_type),
        ("urn:x", 7)
    );
    let device = config.attestation.expect("claims");
    let claims = device.claims(&config.eat_profile).expect("claims");
    assert_eq!((claims.hardware_model, claims.eat_profile), (Some(&b"board"[..]), Some("urn:y")));
    assert_eq!(claims.manifests.len(), 1);
}

#[test]
fn firmware_is_named_by_the_envelope_of_its_manifest() {
    let tam = "[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\n";
    let manifests = "manifests = [{ uri = \"https://example.com/optee.suit\", envelope = \"optee.suit\" }]\n";
    let text = format!("{DEVICE}{tam}{ATTESTATION_BARE}{manifests}");
    let config = compile("envelope", &text).expect("compiles");
    let device = config.attestation.expect("claims");
    let claims = device.claims(&config.eat_profile).expect("claims");
    let digest = Digest::decode(&EnvelopeBuilder::new(FIRMWARE).digest()).expect("a digest");
    let named = ManifestClaim::SuitReference { uri: "https://example.com/optee.suit", digest };
    assert_eq!(claims.manifests, [named]);
    for (wrong, why) in [
        (manifests.replace("optee.suit\" }", "a.cose\" }"), "a.cose"),
        (manifests.replace("optee.suit\" }", "none.suit\" }"), "none.suit"),
        (manifests.replace("envelope = \"optee.suit\"", ""), "either a digest or an envelope"),
    ] {
        let error = compile("envelopes", &format!("{DEVICE}{tam}{ATTESTATION_BARE}{wrong}")).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

/// Compiles `text` as an Agent's configuration.
fn compile(name: &str, text: &str) -> Result<Config, String> {
    let compiled = with_keys(name, text, compile_toml);
    compiled.map(|bytes| Config::decode(&bytes).expect("what was compiled decodes"))
}

/// What `compile` makes of `text` in a directory with the COSE_Keys `a.cose` and `b.cose` on P-256, `e.cose` of Ed25519, and
/// the envelope `optee.suit`.
fn with_keys(
    name: &str,
    text: &str,
    compile: impl FnOnce(&Path) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    let directory = std::env::temp_dir().join(format!("teep-agent-{name}-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    for (file, n) in [("a.cose", 1), ("b.cose", 2)] {
        let key = SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar").public_key();
        fs::write(directory.join(file), key.to_cose_key()).expect("written");
    }
    let key = SigningKey::ed25519_from_seed(&[1; 32]).public_key();
    fs::write(directory.join("e.cose"), key.to_cose_key()).expect("written");
    fs::write(directory.join("optee.suit"), EnvelopeBuilder::new(FIRMWARE).build(&[])).expect("written");
    let secret = SigningKey::p256_from_scalar(&[3; 32]).expect("a scalar");
    fs::write(directory.join("secret.cose"), secret.to_cose_key()).expect("written");
    let path = directory.join("agent.toml");
    fs::write(&path, text).expect("written");
    let compiled = compile(&path);
    fs::remove_dir_all(&directory).expect("removed");
    compiled
}

#[test]
fn compiles_roles_and_scopes() {
    let text = format!(
        "{DEVICE}[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\n\
         [[signer]]\nkey = \"b.cose\"\ncomponents = [[\"TEEP-Device\", \"uuid:8d82573a-926d-4754-9353-32dc29997f74\"]]\n"
    );
    let config = compile("good", &text).expect("compiles");
    assert_eq!(config.trust.tams[0].dialect, Dialect::Final, "without a setting");
    for dialect in Dialect::ALL {
        let text = text.replace("[[signer]]", &format!("dialect = \"{dialect}\"\n[[signer]]"));
        assert_eq!(compile("dialect", &text).expect("compiles").trust.tams[0].dialect, dialect);
    }
    assert_eq!(config.trust.tams[0].uri, "https://tam.example/tam");
    let prefix = ComponentId::decode(&config.trust.signers[0].prefixes[0]).expect("id").to_elements();
    assert_eq!((prefix[0].as_slice(), prefix[1].len()), (&b"TEEP-Device"[..], 16));
}

/// REQ-ARCH-006
#[test]
fn certificates_stand_in_the_place_of_keys() {
    let key = |n: u8| SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar");
    let ca = Content::ca("CA", "CA", &key(4), None).issue(&key(4));
    let own = Content::leaf("Signer", "Signer", &key(5)).issue(&key(5));
    let useless = Content::leaf("Nobody", "CA", &key(6)).with_usage(0x08).issue(&key(4));
    let directory = std::env::temp_dir().join(format!("teep-agent-certificates-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    let pem = |certificate: &Certificate| certificate.to_pem().expect("PEM");
    for (file, content) in [
        ("ca.pem", format!("CN = CA\n{}", pem(&ca)).into_bytes()),
        ("own.der", own.as_der().to_vec()),
        ("two.pem", [pem(&ca), pem(&own)].concat().into_bytes()),
        ("useless.der", useless.as_der().to_vec()),
        ("cut.der", own.as_der()[..100].to_vec()),
    ] {
        fs::write(directory.join(file), content).expect("written");
    }
    let compile = |tam: &str, signer: &str| {
        let path = directory.join("agent.toml");
        let text = format!(
            "{DEVICE}[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"{tam}\"]\n\
             [[signer]]\nkey = \"{signer}\"\ncomponents = [[\"x\"]]\n"
        );
        fs::write(&path, text).expect("written");
        compile_toml(&path).map(|bytes| Config::decode(&bytes).expect("what was compiled decodes"))
    };
    let trust = compile("ca.pem", "own.der").expect("compiles").trust;
    assert_eq!(trust.tams[0].keys, [TrustAnchor::new(ca).expect("a CA")]);
    assert_eq!(trust.signers[0].key, TrustAnchor::new(own).expect("a certificate"));
    for (tam, signer, expected) in [
        ("ca.pem", "ca.pem", "each role needs keys of its own"),
        ("two.pem", "own.der", "it holds several certificates"),
        ("ca.pem", "useless.der", "digitalSignature"),
        ("ca.pem", "cut.der", "a certificate in DER"),
    ] {
        let problem = compile(tam, signer).expect_err(expected);
        assert!(problem.contains(expected), "{problem}");
    }
    fs::remove_dir_all(&directory).expect("removed");
}

#[test]
fn compiles_rights_and_keys() {
    let text = format!(
        "{DEVICE}[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\nreport-key = \"b.cose\"\n\
         [[signer]]\nkey = \"b.cose\"\ncomponents = [[\"x\"]]\n\
         commands = [\"fetch\", \"directive-copy\"]\npersonalization-in-clear = true\n\
         [[decryption-key]]\nkey = \"secret.cose\"\nkid = \"kid-1\"\n\
         [manifests]\nstrict-dependencies = true\n"
    );
    let config = compile("rights", &text).expect("compiles");
    assert!(config.trust.tams[0].report_key.is_some());
    assert_eq!(config.trust.signers[0].commands, Some(Vec::from([command::FETCH, command::COPY])));
    assert!(config.trust.signers[0].personalization_in_clear);
    let policy = Policy { strict_dependencies: true, ..Policy::default() };
    assert_eq!(config.trust.policy, policy);
    let key = config.decryption_keys[0].recipient_key().expect("a key");
    let RecipientKey::Agreement(secret) = key else { panic!("another kind of key") };
    assert_eq!(secret.public_key().kid(), b"kid-1");
}

/// REQ-TEEP-152: whoever says nothing gets limits, built in and in a trust store.
#[test]
fn limits_are_there_unless_they_are_lifted() {
    let text = "[trust]\nsequence-number = 1\n[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\n\
         [[signer]]\nkey = \"b.cose\"\ntrust-store = true\n";
    let limits = |policy: &str| {
        let built_in = compile("limits", &format!("{DEVICE}{text}{policy}")).expect("compiles").trust;
        let of = |trust: TrustStore| {
            (trust.policy.contact_interval, trust.policy.errors_per_minute, trust.policy.updates_per_hour)
        };
        let stored = with_keys("stored-limits", &format!("{text}{policy}"), compile_trust_store);
        let stored = TrustStore::decode(&stored.expect("compiles")).expect("a trust store");
        assert_eq!(stored.policy, built_in.policy);
        of(built_in)
    };
    assert_eq!(limits(""), (60, 30, 200));
    assert_eq!(limits("[policy]\nerrors-per-minute = 5\n"), (60, 5, 200));
    assert_eq!(limits("[policy]\ncontact-interval = 0\nupdates-per-hour = 0\n"), (0, 30, 0));
}

#[test]
fn says_what_is_wrong() {
    let tam = "[[tam]]\nuri = \"https://tam.example/tam\"\nkeys = [\"a.cose\"]\n";
    let signer = |key: &str| format!("[[signer]]\nkey = \"{key}\"\ncomponents = [[\"x\"]]\n");
    for (name, text, expected) in [
        ("typo", format!("{DEVICE}{tam}[[singer]]\n"), "singer"),
        ("roles", format!("{DEVICE}{tam}{}", signer("a.cose")), "each role needs keys of its own"),
        (
            "verifier",
            format!("{DEVICE}{tam}[[verifier]]\nkey = \"a.cose\"\n"),
            "each role needs keys of its own",
        ),
        ("unattestable", format!("{DEVICE}{tam}attestation = \"required\"\n"), "there is no [[verifier]]"),
        ("maybe", format!("{DEVICE}{tam}attestation = \"maybe\"\n"), "maybe"),
        (
            "oemid",
            format!("{DEVICE}{tam}{}", ATTESTATION.replace("32473", "\"00\"")),
            "private enterprise number",
        ),
        ("model", format!("{DEVICE}{tam}{}", ATTESTATION.replace("board", "")), "hwmodel"),
        ("digest", format!("{DEVICE}{tam}{}", ATTESTATION.replace("00112233", "")), "no SHA-256 digest"),
        ("no-manifest", format!("{DEVICE}{tam}{}manifests = []\n", ATTESTATION_BARE), "manifests"),
        (
            "disguise",
            format!("{DEVICE}{tam}{}profile = \"urn:ietf:rfc:rfcXXXX\"\n", ATTESTATION),
            "not the one of Attestation Results",
        ),
        ("missing", format!("{DEVICE}{tam}{}", signer("c.cose")), "c.cose"),
        ("no-key", format!("{DEVICE}{tam}{}", signer("agent.toml")), "agent.toml"),
        (
            "command",
            format!("{DEVICE}{tam}{}commands = [\"abort\"]\n", signer("b.cose")),
            "write, fetch, copy and swap",
        ),
        ("public", format!("{DEVICE}{tam}[[decryption-key]]\nkey = \"b.cose\"\n"), "b.cose"),
        ("uuid", format!("{}{tam}", DEVICE.replace("c0dd", "xxxx")), "is no UUID"),
        ("no-tam", format!("tam = []\n{DEVICE}"), "at least one [[tam]]"),
        ("no-device", tam.to_string(), "it needs a [device]"),
        ("twice", format!("{DEVICE}{tam}{tam}"), "https://tam.example/tam has two entries"),
        ("number", format!("{DEVICE}{tam}dialect = 26\n"), "line 7: invalid type: integer `26`"),
        (
            "dialect",
            format!("{DEVICE}{tam}dialect = \"26\"\n"),
            "https://tam.example/tam: the dialect is \"final\" or \"pre-26\"",
        ),
        ("scheme", format!("{DEVICE}{}", tam.replace("https", "ftp")), "no http or https URI"),
        ("all", format!("{DEVICE}{tam}{}", signer("b.cose").replace("[\"x\"]", "[]")), "an element at least"),
    ] {
        let error = compile(name, &text).expect_err(name);
        assert!(error.contains(expected), "{name}: {error}");
    }
}
