// SPDX-License-Identifier: Apache-2.0
//! Certificates as trust anchors and in x5chain: what verifies, and each way to get around them.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

#[path = "certificates/attacks.rs"]
mod attacks;
#[path = "common/certificate.rs"]
mod certificate;

use certificate::*;
use sha2::{Digest, Sha256};
use teep_proto::cbor::encode;
use teep_proto::cose::{
    Accept, Certificate, PublicKey, Signatures, SigningKey, TrustAnchor, sign, sign1, sign1_detached,
};
use teep_proto::limits::{MAX_CERTIFICATE, MAX_CERTIFICATES};
use teep_proto::{Error, Kind};

fn p256(n: u8) -> SigningKey {
    SigningKey::p256_from_scalar(&[n; 32]).unwrap()
}

fn ed25519(n: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(&[n; 32])
}

fn root_key() -> SigningKey {
    p256(1)
}

fn root() -> Certificate {
    Content::ca("Root", "Root", &root_key(), None).issue(&root_key())
}

fn anchor(certificate: &Certificate) -> TrustAnchor {
    TrustAnchor::new(certificate.clone()).expect("an anchor")
}

/// Below the root: a CA, a CA of that, and a key that signs; the last first.
fn three() -> (SigningKey, [Certificate; 3]) {
    let (first, second, leaf) = (p256(2), ed25519(3), p256(4));
    let chain = [
        Content::leaf("Leaf", "Second", &leaf).issue(&second),
        Content::ca("Second", "First", &second, Some(0)).issue(&first),
        Content::ca("First", "Root", &first, Some(1)).issue(&root_key()),
    ];
    (leaf, chain)
}

fn verify(message: &[u8], anchors: &[TrustAnchor]) -> Result<(), Kind> {
    verify_at(message, anchors, None).map_err(|error| error.kind)
}

fn verify_at(message: &[u8], anchors: &[TrustAnchor], now: Option<u64>) -> Result<(), Error> {
    let accept = Accept { now, ..Accept::default() };
    let verified = Signatures::decode(message)?.verify_with(anchors, accept)?;
    assert_eq!(*verified.get(), b"payload");
    Ok(())
}

fn x5chain(certificates: &[&[u8]]) -> Vec<u8> {
    encode(|w| {
        if certificates.len() != 1 {
            w.array(certificates.len());
        }
        for certificate in certificates {
            w.bytes(certificate);
        }
    })
}

/// A Sign1 with further entries of its headers, truly signed by `key`.
fn crafted(key: &SigningKey, protected: &[(i64, Vec<u8>)], unprotected: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let alg = key.public_key().algorithm().number();
    let protected = encode(|w| {
        w.map(1 + protected.len()).int(1).int(alg);
        for (label, value) in protected {
            w.int(*label).raw(value);
        }
    });
    let structure = encode(|w| {
        w.array(4).text("Signature1").bytes(&protected).bytes(b"").bytes(b"payload");
    });
    let signed = match key.public_key() {
        PublicKey::P256(_) => {
            p256::ecdsa::Signature::from_der(&signature(key, &structure)).unwrap().to_bytes().to_vec()
        }
        _ => signature(key, &structure),
    };
    encode(|w| {
        w.tag(18).array(4).bytes(&protected).map(unprotected.len());
        for (label, value) in unprotected {
            w.int(*label).raw(value);
        }
        w.bytes(b"payload").bytes(&signed);
    })
}

/// A message by `key` with these certificates in the protected header, however wrong they are.
fn with_chain(key: &SigningKey, certificates: &[&Certificate]) -> Vec<u8> {
    let chain: Vec<_> = certificates.iter().map(|certificate| certificate.as_der()).collect();
    crafted(key, &[(33, x5chain(&chain))], &[])
}

fn bad(der: &[u8]) -> &'static str {
    let error = Certificate::from_der(der).expect_err("a certificate that is refused");
    assert_eq!(error.kind, Kind::BadCertificate);
    error.what
}

/// REQ-ARCH-006
#[test]
fn self_signed_certificate_is_its_key_with_a_validity() {
    for key in [p256(9), ed25519(9)] {
        let own = anchor(&Content::leaf("TAM", "TAM", &key).issue(&key));
        let message = sign1(&key, b"payload").unwrap();
        assert_eq!(verify(&message, std::slice::from_ref(&own)), Ok(()), "without a clock");
        for (now, kind) in [
            (NOT_BEFORE - 1, Some(Kind::CertificateExpired)),
            (NOT_BEFORE, None),
            (NOT_AFTER, None),
            (NOT_AFTER + 1, Some(Kind::CertificateExpired)),
        ] {
            let verified = verify_at(&message, std::slice::from_ref(&own), Some(now));
            assert_eq!(verified.err().map(|error| error.kind), kind, "at {now}");
        }
        // What came with a message of its own changes nothing.
        let certificates = match &own {
            TrustAnchor::Certificate(certificate) => vec![(**certificate).clone()],
            TrustAnchor::Key(_) => panic!("a certificate"),
        };
        let message = sign1(&key.with_certificates(&certificates).unwrap(), b"payload").unwrap();
        assert_eq!(verify(&message, std::slice::from_ref(&own)), Ok(()));
    }
}

#[test]
fn trust_anchors_are_encoded_as_what_they_are() {
    let (key, chain) = three();
    for anchor in [TrustAnchor::from(key.public_key()), anchor(&root()), anchor(&chain[0])] {
        assert_eq!(TrustAnchor::decode(&anchor.encode()), Ok(anchor.clone()));
    }
    assert_eq!(anchor(&root()).thumbprint(), root_key().public_key().thumbprint());
    assert_eq!(chain[0].subject(), "CN=Leaf");
    assert_eq!(chain[0].validity(), (NOT_BEFORE, NOT_AFTER));
    assert!(TrustAnchor::decode(b"").is_err() && TrustAnchor::decode(b"\x30").is_err());
    let neither = Content::leaf("Leaf", "Root", &key).with_usage(0x10).issue(&root_key());
    assert_eq!(TrustAnchor::new(neither).expect_err("a key that may do nothing").kind, Kind::BadCertificate);
}

/// REQ-ARCH-006, REQ-ARCH-032
#[test]
fn chain_leads_to_the_anchor_and_both_keys_are_known() {
    let (leaf, chain) = three();
    let with_root = [&chain[..], &[root()]].concat();
    for certificates in [&chain[..], &with_root] {
        let key = leaf.clone().with_certificates(certificates).unwrap();
        let message = sign1(&key, b"payload").unwrap();
        let anchors = [p256(7).public_key().into(), anchor(&root())];
        let signatures = Signatures::decode(&message).unwrap();
        let verified = signatures.verify(&anchors).expect("verifies");
        assert_eq!(verified.signer(), root_key().public_key().thumbprint());
        assert_eq!(verified.key(), leaf.public_key().thumbprint());
        let claimed = signatures.claimed_certificates().next().unwrap().unwrap();
        assert_eq!(claimed, certificates);
        // A CA in between is an anchor as good, and so is the last certificate of all.
        for (at, anchor_) in chain.iter().enumerate() {
            let verified = Signatures::decode(&message).unwrap().verify(&[anchor(anchor_)]);
            // What stands behind the anchor in x5chain did not lead to it.
            assert_eq!(verified.is_ok(), at == 0 || at + 1 == certificates.len(), "{at}");
        }
        // Whoever trusts the key needs no certificate.
        assert_eq!(verify(&message, &[leaf.public_key().into()]), Ok(()));
        let raw = Signatures::decode(&message).unwrap().verify(&[leaf.public_key()]).expect("verifies");
        assert_eq!(raw.signer(), raw.key());
    }
    let detached = sign1_detached(&leaf.clone().with_certificates(&chain).unwrap(), b"digest").unwrap();
    Signatures::decode(&detached).unwrap().verify_detached(b"digest", &[anchor(&root())]).expect("verifies");
}

#[test]
fn verify_each_finds_every_key_below_one_anchor() {
    let keys = [p256(4), ed25519(5)].map(|key| {
        let certificate = Content::leaf("Leaf", "Root", &key).issue(&root_key());
        key.with_certificates(&[certificate]).unwrap()
    });
    let message = sign(&keys, b"payload").unwrap();
    let signatures = Signatures::decode(&message).unwrap();
    let anchors = [anchor(&root())];
    let found: Vec<_> = signatures.verify_each(&anchors, Accept::default()).map(|v| v.key()).collect();
    assert_eq!(found, keys.map(|key| key.public_key().thumbprint()));
}

#[test]
fn chain_may_be_unprotected_if_its_first_certificate_is_protected_by_hash() {
    let (leaf, chain) = three();
    let ders: Vec<_> = chain.iter().map(Certificate::as_der).collect();
    let list = (33, x5chain(&ders));
    let x5t = |algorithm: i64, der: &[u8]| {
        let value = encode(|w| {
            w.array(2).int(algorithm).bytes(&Sha256::digest(der));
        });
        (34, value)
    };
    let anchors = [anchor(&root())];
    let verify =
        |protected: &[_], unprotected: &[_]| verify(&crafted(&leaf, protected, unprotected), &anchors);
    let list = || list.clone();
    assert_eq!(verify(&[x5t(-16, ders[0])], &[list()]), Ok(()));
    assert_eq!(verify(&[list(), x5t(-16, ders[0])], &[]), Ok(()));
    // RFC 9360 section 2: the end-entity certificate MUST be integrity protected.
    assert_eq!(verify(&[], &[list()]), Err(Kind::BadCertificate));
    assert_eq!(verify(&[x5t(-16, ders[1])], &[list()]), Err(Kind::BadCertificate), "of another");
    assert_eq!(verify(&[x5t(-43, ders[0])], &[list()]), Err(Kind::Unsupported), "SHA-384");
    assert_eq!(verify(&[x5t(-16, ders[0])], &[]), Err(Kind::Unsupported), "without x5chain");
    assert_eq!(verify(&[], &[list(), x5t(-16, ders[0])]), Err(Kind::Unsupported), "x5t unprotected");
}

/// REQ-TEEP-154, REQ-TEEP-155
#[test]
fn expired_and_not_yet_valid_anywhere_in_the_chain() {
    let keys = [root_key(), p256(2), p256(4)];
    for short in 0..3 {
        let mut contents = [
            Content::ca("Root", "Root", &keys[0], None),
            Content::ca("First", "Root", &keys[1], None),
            Content::leaf("Leaf", "First", &keys[2]),
        ];
        contents[short].validity = ["270101000000Z", "280101000000Z"];
        let [root, first, leaf] =
            [(0, 0), (1, 0), (2, 1)].map(|(n, issuer)| contents[n].issue(&keys[issuer]));
        let message = with_chain(&keys[2], &[&leaf, &first]);
        let at = |now| verify_at(&message, &[anchor(&root)], now).map_err(|error| (error.kind, error.what));
        let expired = |what| Err((Kind::CertificateExpired, what));
        assert_eq!(at(Some(1_798_761_600 - 1)), expired("a certificate that is valid already"));
        assert_eq!(at(Some(1_798_761_600)), Ok(()));
        assert_eq!(at(Some(1_830_297_600)), Ok(()));
        assert_eq!(at(Some(1_830_297_600 + 1)), expired("a certificate that has not expired"));
        assert_eq!(at(None), Ok(()), "without a clock (REQ-TEEP-155)");
        // Who does not know the key learns nothing about the chain.
        let stranger = with_chain(&p256(66), &[&leaf, &first]);
        let error = verify_at(&stranger, &[anchor(&root)], Some(0)).expect_err("another key");
        assert_eq!(error.kind, Kind::Unauthenticated);
    }
}

#[test]
fn validity_in_generalized_time_without_end() {
    let key = p256(4);
    let content =
        Content { validity: ["260101000000Z", "99991231235959Z"], ..Content::leaf("Leaf", "Root", &key) };
    let certificate = content.issue(&root_key());
    assert_eq!(certificate.validity(), (NOT_BEFORE, 253_402_300_799));
    let message = with_chain(&key, &[&certificate]);
    assert_eq!(verify_at(&message, &[anchor(&root())], Some(NOT_AFTER)), Ok(()));
    // Before 1970 there is no time.
    bad(&Content { validity: ["19691231235959Z", "360101000000Z"], ..content }.sign(&root_key()));
}
