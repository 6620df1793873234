// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::Kind;
use crate::cbor::{Writer, encode};
use crate::cose::{AgreementSecret, KeyWrap};
use crate::suit::Digest;
use alloc::vec;

const PROFILE: Profile<'_> = Profile::DRAFT;
const NONCE: [u8; 32] = [0x4e; 32];

fn verifier() -> SigningKey {
    SigningKey::p256_from_scalar(&[9; 32]).expect("a scalar")
}

fn agent() -> Thumbprint {
    SigningKey::ed25519_from_seed(&[4; 32]).public_key().thumbprint()
}

fn claims(agent: &Thumbprint) -> Claims<'_> {
    Claims {
        issued_at: Some(1_790_000_000),
        confirmation: Some(Confirmation::kid(agent)),
        nonce: Some(&NONCE),
        ueid: Some(b"\x01device"),
        oemid: Some(OemId::Pen(76543)),
        hardware_model: Some(b"qemu-virt"),
        hardware_version: Some(HardwareVersion { version: "1.0.0", scheme: Some(16384) }),
        eat_profile: Some(PROFILE.uri),
        manifests: vec![ManifestClaim::SuitReference {
            uri: "https://example.com/agent.suit",
            digest: Digest::of(b"agent"),
        }],
        ..Claims::default()
    }
}

fn expected<'e>() -> Expected<'e> {
    Expected {
        profile: PROFILE,
        eat_profile: Some(PROFILE.uri),
        teep_key: Some(agent()),
        nonce: Some(&NONCE),
        now: Some(1_790_000_100),
    }
}

fn check(claims: &Claims<'_>, expected: &Expected<'_>) -> Result<(), Error> {
    let token = sign(claims, &PROFILE, &verifier()).expect("signs");
    verify(&token, &[verifier().public_key()], expected).map(|_| ())
}

fn unauthenticated(result: Result<(), Error>) -> bool {
    result.is_err_and(|error| error.kind == Kind::Unauthenticated)
}

/// A claims set with one claim.
fn one_claim(label: i64, value: impl FnOnce(&mut Writer)) -> Vec<u8> {
    encode(|w| {
        w.map(1).int(label);
        value(w);
    })
}

fn inspect(bytes: &[u8]) -> Result<Claims<'_>, Error> {
    Claims::inspect(bytes, &PROFILE)
}

#[test]
fn claims_round_trip() {
    let agent = agent();
    let all = Claims {
        expiration: Some(1_800_000_000),
        not_before: Some(-1),
        software_name: Some("https://example.com/ta.suit"),
        manifests: vec![
            claims(&agent).manifests[0],
            ManifestClaim::Other { content_type: 258, content: b"\x43abc" },
        ],
        measurements: vec![Measurement { content_type: 258, content: b"abc" }, Measurement::sha256(&[3; 32])],
        ..claims(&agent)
    };
    let bytes = all.encode(&PROFILE).expect("encodes");
    assert_eq!(inspect(&bytes).as_ref(), Ok(&all));
    for end in 0..bytes.len() {
        inspect(&bytes[..end]).expect_err("cut short");
    }
    for (id, oemid) in [(3, OemId::Ieee([1, 2, 3])), (16, OemId::Random([7; 16]))] {
        let bytes = Claims { oemid: Some(oemid), ..claims(&agent) }.encode(&PROFILE).expect("encodes");
        assert_eq!(inspect(&bytes).map(|claims| claims.oemid), Ok(Some(oemid)), "{id} bytes");
    }
    assert_eq!(Claims::default().encode(&PROFILE).expect("encodes"), b"\xa0");
}

#[test]
fn signed_without_tag_and_with_the_thumbprint_as_kid() {
    let agent = agent();
    let token = sign(&claims(&agent), &PROFILE, &verifier()).expect("signs");
    assert_eq!(token[0], 0x84, "REQ-TEEP-140: no CBOR tag");
    let signatures = Signatures::decode(&token).expect("decodes");
    let kids: Vec<_> = signatures.claimed_signers().map(|(_, kid)| kid.map(<[u8]>::to_vec)).collect();
    assert_eq!(kids, [Some(verifier().public_key().thumbprint().0.to_vec())], "REQ-TEEP-143");
}

/// REQ-TEEP-106, REQ-TEEP-124, REQ-TEEP-144.
#[test]
fn accepted_from_a_trusted_verifier_only() {
    let agent = agent();
    assert_eq!(check(&claims(&agent), &expected()), Ok(()), "REQ-TEEP-106, REQ-TEEP-124");
    let token = sign(&claims(&agent), &PROFILE, &verifier()).expect("signs");
    let stranger = SigningKey::ed25519_from_seed(&[5; 32]).public_key();
    for keys in [&[stranger][..], &[]] {
        let error = verify(&token, keys, &expected()).expect_err("no trusted Verifier");
        assert_eq!(error.kind, Kind::Unauthenticated, "REQ-TEEP-106");
    }
    for at in 0..token.len() {
        let mut flipped = token.clone();
        flipped[at] ^= 1;
        assert!(verify(&flipped, &[verifier().public_key()], &expected()).is_err(), "byte {at}");
    }
}

#[test]
fn attack_token_of_another_device() {
    let (own, other) = (agent(), verifier().public_key().thumbprint());
    assert!(unauthenticated(check(&claims(&other), &expected())), "REQ-TEEP-106");
    let anyones = Expected { teep_key: None, ..expected() };
    assert_eq!(check(&claims(&other), &anyones), Ok(()), "AMB-10: by configuration");
    // Every form of cnf, and forms that contradict each other.
    let key = SigningKey::ed25519_from_seed(&[4; 32]).public_key();
    let forms = |kid, thumbprint, key| {
        check(
            &Claims { confirmation: Some(Confirmation { kid, thumbprint, key }), ..claims(&own) },
            &expected(),
        )
    };
    assert_eq!(forms(None, Some(own), None), Ok(()));
    assert_eq!(forms(None, None, Some(key.clone())), Ok(()));
    assert_eq!(forms(Some(&own.0), Some(own), Some(key)), Ok(()));
    assert!(unauthenticated(forms(Some(&own.0), Some(other), None)));
    assert!(unauthenticated(forms(Some(&own.0[..31]), None, None)), "a prefix of the thumbprint");
    assert!(unauthenticated(forms(None, None, Some(verifier().public_key()))));
}

/// REQ-TEEP-052: Evidence for the challenge in an Error 7, which the Agent sends, has it as its nonce.
#[test]
fn challenge_of_an_error_becomes_the_nonce() {
    use crate::teep::{ErrCode, ErrorMessage, Message};
    let challenge = [0x33; 64];
    let error = ErrorMessage {
        challenge: Some(&challenge),
        ..ErrorMessage::new(None, ErrCode::ATTESTATION_REQUIRED, None)
    };
    let bytes = Message::Error(error).encode().expect("encodes");
    let Ok(Message::Error(error)) = Message::inspect(&bytes) else { panic!("an Error") };
    let agent = agent();
    let evidence = Claims { nonce: error.challenge, ..claims(&agent) };
    let expected = Expected { nonce: Some(&challenge), ..expected() };
    assert_eq!(check(&evidence, &expected), Ok(()), "REQ-TEEP-052");
    assert!(unauthenticated(check(&claims(&agent), &expected)), "REQ-TEEP-052: another nonce");
    // A challenge may be longer than a nonce (RFC 9711): such Evidence cannot be made.
    let longer = Claims { nonce: Some(&[0x33; 65]), ..claims(&agent) };
    assert!(sign(&longer, &PROFILE, &verifier()).is_err(), "REQ-TEEP-052");
}

/// REQ-TEEP-076.
#[test]
fn manifests_of_the_agent_and_of_its_firmware() {
    let agent = agent();
    let reference = |uri| ManifestClaim::SuitReference { uri, digest: Digest::of(uri.as_bytes()) };
    let manifests =
        vec![reference("https://example.com/agent.suit"), reference("https://example.com/optee.suit")];
    let evidence = Claims { manifests: manifests.clone(), ..claims(&agent) };
    let token = sign(&evidence, &PROFILE, &verifier()).expect("signs");
    let keys = [verifier().public_key()];
    let verified = verify(&token, &keys, &expected()).expect("verifies");
    assert_eq!(verified.get().manifests, manifests, "REQ-TEEP-076");
}

#[test]
fn attack_token_of_another_request_profile_or_time() {
    let agent = agent();
    let claims = || claims(&agent);
    let no_nonce = Claims { nonce: None, ..claims() };
    assert!(unauthenticated(check(&no_nonce, &expected())), "REQ-TEEP-062, REQ-TEEP-131");
    assert!(unauthenticated(check(&Claims { nonce: Some(&[1; 32]), ..claims() }, &expected())));
    assert_eq!(check(&no_nonce, &Expected { nonce: None, ..expected() }), Ok(()));
    assert!(unauthenticated(check(&Claims { eat_profile: Some("urn:x"), ..claims() }, &expected())));
    assert_eq!(check(&Claims { eat_profile: None, ..claims() }, &expected()), Ok(()));
    let evidence = Expected { eat_profile: None, ..expected() };
    assert_eq!(check(&Claims { eat_profile: Some("urn:x"), ..claims() }, &evidence), Ok(()));
    let now = 1_790_000_100;
    assert!(unauthenticated(check(&Claims { expiration: Some(now), ..claims() }, &expected())));
    assert_eq!(check(&Claims { expiration: Some(now + 1), ..claims() }, &expected()), Ok(()));
    assert!(unauthenticated(check(&Claims { not_before: Some(now + 1), ..claims() }, &expected())));
    assert_eq!(check(&Claims { not_before: Some(now), ..claims() }, &expected()), Ok(()));
}

#[test]
fn every_required_claim_is_required() {
    let agent = agent();
    let claims = || claims(&agent);
    let other = ManifestClaim::Other { content_type: 258, content: b"\x40" };
    for (name, incomplete) in [
        ("ueid", Claims { ueid: None, ..claims() }),
        ("oemid", Claims { oemid: None, ..claims() }),
        ("hwmodel", Claims { hardware_model: None, ..claims() }),
        ("hwversion", Claims { hardware_version: None, ..claims() }),
        ("manifests", Claims { manifests: vec![], ..claims() }),
        ("cnf", Claims { confirmation: None, ..claims() }),
        ("REQ-TEEP-145", Claims { manifests: vec![other], ..claims() }),
    ] {
        let error = check(&incomplete, &Expected { teep_key: None, ..expected() }).expect_err(name);
        assert!(error.what.contains(name), "REQ-TEEP-141: {error}");
    }
}

#[test]
fn sizes_at_their_limits_and_one_past_them() {
    for (label, min, max) in [(labels::NONCE, 8, 64), (labels::UEID, 7, 33), (labels::HARDWARE_MODEL, 1, 32)]
    {
        let claim = |n: usize| {
            one_claim(label, |w| {
                w.bytes(&vec![1; n]);
            })
        };
        for n in [min, max] {
            assert!(inspect(&claim(n)).is_ok(), "claim {label}: {n}");
        }
        for n in [min - 1, max + 1] {
            assert!(inspect(&claim(n)).is_err(), "claim {label}: {n}");
        }
    }
    for n in 0..18usize {
        let claim = one_claim(labels::OEMID, |w| {
            w.bytes(&vec![1; n]);
        });
        assert_eq!(inspect(&claim).is_ok(), n == 3 || n == 16, "oemid of {n}");
    }
    for (label, max) in [(labels::PROFILE, 512), (labels::SOFTWARE_NAME, 512)] {
        let claim = |n: usize| {
            one_claim(label, |w| {
                w.text(&"u".repeat(n));
            })
        };
        assert!(inspect(&claim(1)).is_ok() && inspect(&claim(max)).is_ok(), "claim {label}");
        assert!(inspect(&claim(0)).is_err() && inspect(&claim(max + 1)).is_err(), "claim {label}");
    }
    let manifests = |n: usize| {
        one_claim(labels::MANIFESTS, |w| {
            w.array(n);
            for _ in 0..n {
                w.array(2).uint(258).bytes(b"");
            }
        })
    };
    assert!(inspect(&manifests(1)).is_ok() && inspect(&manifests(32)).is_ok());
    assert!(inspect(&manifests(0)).is_err() && inspect(&manifests(33)).is_err());
    let measurements = |n: usize, bytes: usize| {
        one_claim(labels::MEASUREMENTS, |w| {
            w.array(n);
            for _ in 0..n {
                w.array(2).uint(42).bytes(&vec![1; bytes]);
            }
        })
    };
    assert!(inspect(&measurements(1, 1)).is_ok() && inspect(&measurements(32, 512)).is_ok());
    for (n, bytes) in [(0, 1), (33, 1), (1, 0), (1, 513)] {
        assert!(inspect(&measurements(n, bytes)).is_err(), "{n} measurements of {bytes} bytes");
    }
}

#[test]
fn a_measured_digest_is_told_from_other_measurements() {
    assert_eq!(Measurement::sha256(&[3; 32]).as_sha256(), Some([3; 32]));
    assert_eq!(Measurement { content_type: 258, content: &[3; 32] }.as_sha256(), None, "a CoSWID");
    assert_eq!(Measurement { content: &[3; 31], ..Measurement::sha256(&[3; 32]) }.as_sha256(), None);
}

#[test]
fn tags_and_several_nonces_are_refused() {
    let two = one_claim(labels::NONCE, |w| {
        w.array(2).bytes(&NONCE).bytes(&NONCE);
    });
    assert!(inspect(&two).is_err(), "REQ-TEEP-142");
    let tagged = one_claim(-70000, |w| {
        w.array(1).map(1).uint(0).tag(1).uint(0);
    });
    let error = inspect(&tagged).expect_err("a tag in a claim that is passed over");
    assert!(error.what.contains("REQ-TEEP-140"), "{error}");
    assert!(
        inspect(&encode(|w| {
            w.tag(61).map(0);
        }))
        .is_err()
    );
    // REQ-TEEP-140, REQ-TEEP-146: indefinite lengths and longer integers than needed.
    for bytes in [&b"\xbf\xff"[..], b"\xa1\x18\x0a\x40", b"\xa1\x0a\x5f\x48nnnnnnnn\xff"] {
        assert!(inspect(bytes).is_err(), "REQ-TEEP-140: {bytes:02x?}");
    }
    assert!(inspect(b"\xa2\x63abc\x01\x39\xff\xff\x81\x02").is_ok(), "unknown claims are passed over");
}

#[test]
fn suit_reference_bare_or_wrapped_under_the_configured_number() {
    let profile = Profile { suit_reference_content_type: 12345, ..PROFILE };
    let reference = encode(|w| {
        Digest::of(b"m").write(w.array(2).text("coap://x/m"));
    });
    let expected = [ManifestClaim::SuitReference { uri: "coap://x/m", digest: Digest::of(b"m") }];
    let bare = one_claim(labels::MANIFESTS, |w| {
        w.array(1).array(2).uint(12345).raw(&reference);
    });
    let wrapped = one_claim(labels::MANIFESTS, |w| {
        w.array(1).array(2).uint(12345).bytes(&reference);
    });
    for bytes in [&bare, &wrapped] {
        let claims = Claims::inspect(bytes, &profile).expect("REQ-TEEP-145");
        assert_eq!(claims.manifests, expected, "REQ-TEEP-145");
        assert!(matches!(inspect(bytes).expect("another type").manifests[..], [ManifestClaim::Other { .. }]));
        assert_eq!(claims.encode(&profile).expect("encodes"), wrapped, "RFC 9711 wants the byte string");
    }
    // The draft's own example has a map.
    let map = one_claim(labels::MANIFESTS, |w| {
        w.array(1).array(2).uint(60).map(1).uint(1).text("coap://x/m");
    });
    assert!(inspect(&map).is_err());
}

#[test]
fn encrypted_on_top_of_the_signature() {
    let agent = agent();
    let token = sign(&claims(&agent), &PROFILE, &verifier()).expect("signs");
    let tam = AgreementSecret::from_scalar(&[6; 32]).expect("a scalar");
    let mut next = 0u8;
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_add(41);
            *byte = next;
        }
        Ok(())
    };
    for content in [ContentAlgorithm::A128Ctr, ContentAlgorithm::A128Gcm, ContentAlgorithm::ChaCha20Poly1305]
    {
        let to = EncryptTo::Agreement(tam.public_key(), KeyWrap::A128Kw);
        let sealed = encrypt(&token, content, &[to], &mut random).expect("encrypts");
        assert_eq!(sealed[0], 0x84, "REQ-TEEP-140: no CBOR tag");
        assert!(!Encrypted::decode(&sealed).expect("COSE_Encrypt").is_detached(), "REQ-TEEP-031");
        assert!(!sealed.windows(6).any(|window| window == b"device"), "confidential");
        let keys = [RecipientKey::Agreement(tam.clone())];
        let opened = open(&sealed, &keys).expect("decrypts");
        verify(&opened, &[verifier().public_key()], &expected()).expect("verifies");
        let stranger = AgreementSecret::from_scalar(&[7; 32]).expect("a scalar");
        assert!(open(&sealed, &[RecipientKey::Agreement(stranger)]).is_err());
        // The context binds the ciphertext to its purpose.
        let decoded = Encrypted::decode(&sealed).expect("COSE_Encrypt");
        let wrong = decoded.decrypt(&keys, crate::cose::CONTEXT_SUIT_REPORT, None);
        assert!(wrong.is_err(), "REQ-TEEP-032, REQ-TEEP-033");
        // Detached ciphertext is refused.
        let detached =
            cose_encrypt(content, &[to], &token, CONTEXT_EAT, &mut random, false).expect("encrypts");
        assert!(open(&detached.structure, &keys).is_err(), "REQ-TEEP-031");
    }
    assert_eq!(open(&token, &[]).expect("not encrypted").as_ref(), token);
    assert!(open(b"\xa0", &[]).is_err());
}
