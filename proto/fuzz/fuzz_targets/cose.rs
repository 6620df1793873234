// SPDX-License-Identifier: Apache-2.0
#![no_main]
use teep_proto::cose::{
    Accept, AgreementKey, AgreementSecret, Encrypted, Encrypted0, HssPublicKey, Mac0, PublicKey,
    RecipientKey, Signatures, SigningKey, SymmetricKey,
};

// Structures and keys; nobody holds a key for what the fuzzer makes, so nothing may verify.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let key = SigningKey::ed25519_from_seed(&[9; 32]).public_key();
    let secret = SymmetricKey::new(&[9; 32], None).expect("32 bytes");
    if let Ok(signatures) = Signatures::decode(data) {
        assert!(signatures.verify_with([&key], Accept { es256: true, hss_lms: true, now: None }).is_err());
    }
    if let Ok(mac) = Mac0::decode(data) {
        assert!(mac.verify(&[secret.clone()]).is_err());
    }
    if let Ok(encrypted) = Encrypted::decode(data) {
        let keys = [
            RecipientKey::Symmetric(SymmetricKey::new(&[9; 16], None).expect("16 bytes")),
            RecipientKey::Agreement(AgreementSecret::from_scalar(&[9; 32]).expect("a scalar")),
        ];
        let detached = encrypted.is_detached().then_some(&b"ciphertext of 16"[..]);
        assert!(encrypted.decrypt(&keys, b"SUIT Payload Encryption", detached).is_err());
    }
    if let Ok(encrypted) = Encrypted0::decode(data) {
        let _ = encrypted.decrypt(&[secret]);
    }
    if let Ok(key) = PublicKey::from_cose_key(data) {
        assert_eq!(PublicKey::from_cose_key(&key.to_cose_key()), Ok(key));
    }
    let _ = SigningKey::from_cose_key(data);
    let _ = SymmetricKey::from_cose_key(data);
    let _ = AgreementKey::from_cose_key(data);
    let _ = AgreementSecret::from_cose_key(data);
    let _ = HssPublicKey::from_bytes(data);
});
