// SPDX-License-Identifier: Apache-2.0
//! SUIT Reports and attestation tokens with signature, MAC and encryption.

use super::super::{Made, common};
use super::{accept, counter, reject};
use serde_json::json;
use teep_proto::cose::{AgreementSecret, ContentAlgorithm, EncryptTo, KeyWrap, SymmetricKey};
use teep_proto::eat::{self, Claims, Confirmation, HardwareVersion, ManifestClaim, OemId, Profile};
use teep_proto::suit::{Authenticator, Digest, Report};

fn device() -> AgreementSecret {
    let d = common::member(&common::key("kek-p256"), "d").try_into().expect("32 bytes");
    AgreementSecret::from_scalar(&d).expect("a scalar")
}

fn reports() -> Vec<Made> {
    const KIND: &str = "protected-report";
    let report = Report::new(
        "https://example.org/m.suit",
        Digest::of(b"manifest"),
        Some(b"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7"),
    );
    let (p256, mac) = (common::signing_key("own-p256"), common::symmetric_key("hmac-256"));
    let content: SymmetricKey = common::symmetric_key("kek-aes");
    let device = device();
    let to_device = EncryptTo::Agreement(device.public_key(), KeyWrap::A128Kw);
    let sign = Authenticator::Sign(&p256);
    let inside = report.protect_confidential(sign, ContentAlgorithm::A128Gcm, &content, &mut counter());
    let outside = report.protect_for(sign, ContentAlgorithm::A128Ctr, &[to_device], &mut counter());
    let signed = report.protect(sign).expect("signs");
    vec![
        accept("report-sign1", signed.clone(), KIND, json!({ "keys": ["own-p256"] })),
        accept(
            "report-mac0",
            report.protect(Authenticator::Mac(&mac)).expect("authenticates"),
            KIND,
            json!({ "mac_keys": ["hmac-256"] }),
        ),
        accept(
            "report-encrypt0-in-sign1",
            inside.expect("encrypts"),
            KIND,
            json!({ "keys": ["own-p256"], "content_keys": ["kek-aes"] }),
        ),
        accept(
            "report-sign1-in-encrypt",
            outside.expect("encrypts"),
            KIND,
            json!({ "keys": ["own-p256"], "recipients": ["kek-p256"] }),
        ),
        reject(
            "report-untrusted-signer",
            signed,
            KIND,
            json!({ "keys": ["own-ed25519"] }),
            [
                "unauthenticated",
                "no signature by a trusted key",
                "signed by another key than the trusted one",
            ],
        ),
    ]
}

fn eats() -> Vec<Made> {
    let key = common::signing_key("own-p256");
    let teep_key = common::public_key("own-ed25519").thumbprint();
    let claims = Claims {
        issued_at: Some(1_700_000_000),
        confirmation: Some(Confirmation::kid(&teep_key)),
        nonce: Some(b"16 byte nonce..."),
        ueid: Some(b"\x01device-0001"),
        oemid: Some(OemId::Pen(76_543)),
        hardware_model: Some(b"model"),
        hardware_version: Some(HardwareVersion { version: "1.0", scheme: None }),
        eat_profile: Some(Profile::DRAFT.uri),
        manifests: vec![ManifestClaim::SuitReference {
            uri: "https://example.org/agent.suit",
            digest: Digest::of(b"manifest"),
        }],
        ..Claims::default()
    };
    let sign = |claims: &Claims<'_>| eat::sign(claims, &Profile::DRAFT, &key).expect("signs");
    let token = sign(&claims);
    let device = device();
    let to_device = EncryptTo::Agreement(device.public_key(), KeyWrap::A128Kw);
    let encrypt = |content| eat::encrypt(&token, content, &[to_device], &mut counter()).expect("encrypts");
    let keys = || json!({ "keys": ["own-p256"], "recipients": ["kek-p256"] });
    let without_cnf = sign(&Claims { confirmation: None, ..claims.clone() });
    vec![
        accept("eat-sign1", token.clone(), "eat", keys()),
        accept("eat-encrypted-gcm", encrypt(ContentAlgorithm::A128Gcm), "eat", keys()),
        accept("eat-encrypted-ctr", encrypt(ContentAlgorithm::A128Ctr), "eat", keys()),
        accept("eat-encrypted-chacha20", encrypt(ContentAlgorithm::ChaCha20Poly1305), "eat", keys()),
        reject(
            "eat-without-cnf",
            without_cnf,
            "eat",
            keys(),
            ["malformed", "", "the required claim cnf is missing"],
        ),
        reject(
            "eat-untrusted-verifier",
            token,
            "eat",
            json!({ "keys": ["own-ed25519"] }),
            ["unauthenticated", "no signature by a trusted key", "no trusted Verifier signed it"],
        ),
    ]
}

pub(super) fn all() -> Vec<Made> {
    let mut all = reports();
    all.extend(eats());
    all
}
