// SPDX-License-Identifier: Apache-2.0
use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn written_keys_read_back_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    for algorithm in [Algorithm::Esp256, Algorithm::Ed25519] {
        let key = generate(algorithm).unwrap();
        let files = write(&key, &dir.path().join(algorithm.to_string())).unwrap();
        let private = load_signing_key(&files.private_pem).unwrap();
        assert_eq!(private.to_cose_key(), key.to_cose_key());
        assert_eq!(load_public_key(&files.public_pem).unwrap(), key.public_key());
        assert_eq!(load_public_key(&files.public_cose).unwrap(), key.public_key());
        let text = format!("{}\n", hex::encode(key.public_key().to_cose_key()));
        assert_eq!(parse_public_key(text.as_bytes()).unwrap(), key.public_key());
        assert_eq!(parse_signing_key(&key.to_cose_key()).unwrap().to_cose_key(), key.to_cose_key());
        assert_eq!(fs::metadata(&files.private_pem).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn two_keys_differ() {
    let [one, other] = [(); 2].map(|()| generate(Algorithm::Esp256).unwrap().public_key());
    assert_ne!(one, other);
}

#[test]
fn nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let name = dir.path().join("signer");
    let key = generate(Algorithm::Ed25519).unwrap();
    for present in [".pem", ".pub.pem", ".pub.cose"] {
        let path = dir.path().join(format!("signer{present}"));
        fs::write(&path, "precious").unwrap();
        assert!(matches!(write(&key, &name), Err(Error::Exists(p)) if p == path));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no other file appears");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_wrong_file_is_named_for_what_it_is() {
    let key = generate(Algorithm::Esp256).unwrap();
    let private = private_to_pem(&key).unwrap();
    let public = public_to_pem(&key.public_key()).unwrap();
    let says = |result: Result<PublicKey, String>, words: &str| {
        let text = result.unwrap_err();
        assert!(text.contains(words), "{text:?} should contain {words:?}");
    };
    says(parse_public_key(&private), ".pub.pem");
    says(parse_public_key(&key.to_cose_key()), "holds a private one");
    let kid = key.public_key().thumbprint().to_string();
    says(parse_public_key(kid.as_bytes()), "give the key itself");
    says(parse_public_key(b"a10101"), "not those of a COSE_Key");
    says(parse_public_key(b""), "empty");
    says(parse_public_key(b"hello"), "neither a PEM file nor a COSE_Key");
    says(parse_public_key(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "keygen");
    assert!(parse_signing_key(public.as_bytes()).unwrap_err().contains("PKCS#8"));
    assert!(parse_signing_key(b"-----BEGIN EC PRIVATE KEY-----\n").unwrap_err().contains("openssl pkcs8"));
    assert!(parse_signing_key(&key.public_key().to_cose_key()).unwrap_err().contains("no 32-byte d"));
}
