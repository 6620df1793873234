// SPDX-License-Identifier: Apache-2.0
//! Members of manifest and envelope, digests, and authentication blocks.
use super::*;
use crate::cose::SymmetricKey;
use crate::limits::{MAX_COMPONENTS, MAX_DEPENDENCIES, MAX_LIST, MAX_SIGNATURES};
use crate::suit::labels::{component_text, text};
use alloc::boxed::Box;

fn decoded(manifest: &ManifestBuilder, check: impl FnOnce(&Manifest<'_>)) {
    let bytes = envelope(manifest);
    let envelope = Envelope::decode(&bytes).expect("decodes");
    let decoded = verified(&envelope).expect("verifies");
    assert_eq!(ManifestBuilder::from(&decoded).build(), manifest.build());
    check(&decoded);
}

fn refused_as(manifest: &ManifestBuilder) -> Kind {
    refused(&envelope(manifest))
}

fn with_dependencies(dependencies: Vec<(u64, Option<Vec<u8>>)>) -> ManifestBuilder {
    ManifestBuilder { dependencies, ..builder() }
}

#[test]
fn dependencies_in_deterministic_order() {
    let prefix = ComponentId::encode(&["TEEP-Device", "x", "suit"]);
    decoded(&with_dependencies(vec![(30, Some(prefix.clone())), (0, None), (5, None)]), |manifest| {
        let indices: Vec<u64> = manifest.dependencies.iter().map(|d| d.index).collect();
        assert_eq!(indices, [0, 5, 30], "REQ-SUIT-110, REQ-SUIT-031");
        assert_eq!(manifest.identity(30).expect("a prefix").as_bytes(), prefix, "AMB-SUIT-01, AMB-SUIT-02");
        assert_eq!(manifest.identity(0), Some(manifest.components[0]), "a component's index is its own");
        assert_eq!(manifest.identity(5), None, "neither component nor prefix");
        assert!(manifest.dependency(5).is_some() && manifest.dependency(6).is_none());
    });
}

#[test]
fn malformed_dependencies_are_refused() {
    let signed = |dependencies: &[u8]| {
        let common = encode(|w| {
            w.map(1).uint(1).raw(dependencies);
        });
        let manifest = encode(|w| {
            w.map(3).uint(1).uint(1).uint(2).uint(1).uint(3).bytes(&common);
        });
        refused(&signed(&manifest))
    };
    assert_eq!(signed(b"\xa2\x05\xa0\x01\xa0"), Kind::Malformed, "REQ-SUIT-110");
    assert_eq!(signed(b"\xa2\x01\xa0\x01\xa0"), Kind::Malformed, "an index twice");
    assert_eq!(signed(b"\xa0"), Kind::Malformed, "none");
    assert_eq!(signed(b"\xa1\x20\xa0"), Kind::Malformed, "a negative index");
    assert_eq!(signed(b"\xa1\x01\xa1\x01\x40"), Kind::Malformed, "a prefix that is no identifier");
    assert_eq!(signed(b"\xa1\x01\xa1\x02\x40"), Kind::Unsupported, "unknown metadata");
}

#[test]
fn dependency_limit_and_one_past_it() {
    let many = |n: usize| with_dependencies((0..n as u64).map(|index| (index, None)).collect());
    decoded(&many(MAX_DEPENDENCIES), |manifest| assert_eq!(manifest.dependencies.len(), MAX_DEPENDENCIES));
    assert_eq!(refused_as(&many(MAX_DEPENDENCIES + 1)), Kind::TooLarge);
}

/// REQ-SUIT-010.
#[test]
fn component_limit_and_one_past_it() {
    let many = |n: usize| ManifestBuilder { components: vec![ComponentId::encode(&["c"]); n], ..builder() };
    decoded(&many(MAX_COMPONENTS), |manifest| assert_eq!(manifest.components.len(), MAX_COMPONENTS));
    assert_eq!(refused_as(&many(MAX_COMPONENTS + 1)), Kind::TooLarge);
}

#[test]
fn set_version_and_its_limit() {
    let with = |set_version: Vec<i64>| ManifestBuilder { set_version, ..builder() };
    decoded(&with(vec![1, 2, -1, 3]), |manifest| assert_eq!(manifest.set_version, [1, 2, -1, 3]));
    decoded(&with(vec![0; MAX_LIST]), |manifest| assert_eq!(manifest.set_version.len(), MAX_LIST));
    assert_eq!(refused_as(&with(vec![0; MAX_LIST + 1])), Kind::TooLarge);
}

#[test]
fn reference_uri_limit_and_one_past_it() {
    let with = |n: usize| ManifestBuilder { reference_uri: Some("u".repeat(n)), ..builder() };
    decoded(&with(crate::limits::MAX_URI), |manifest| assert!(manifest.reference_uri.is_some()));
    assert_eq!(refused_as(&with(crate::limits::MAX_URI + 1)), Kind::Malformed);
}

/// REQ-SUIT-004, REQ-SUIT-002, REQ-SUIT-025: each algorithm wherever a digest is checked.
#[test]
fn each_digest_algorithm_and_each_severable_member() {
    let id = ComponentId::encode(&["c"]);
    let text = Text { languages: vec![Language { tag: "en", ..Language::default() }] }.encode();
    let sequence = SequenceBuilder::new().simple(command::ABORT, 0).build();
    let severable = [
        (manifest::DEPENDENCY_RESOLUTION, sequence.clone()),
        (manifest::PAYLOAD_FETCH, sequence.clone()),
        (manifest::CANDIDATE_VERIFICATION, sequence.clone()),
        (manifest::INSTALL, sequence.clone()),
        (manifest::TEXT, text),
        (manifest::COSWID, b"\xda\x53\x57\x49\x44\xa0".to_vec()),
    ];
    for algorithm in DigestAlgorithm::ALL {
        let mut builder =
            ManifestBuilder { components: vec![id.clone()], sections: severable.to_vec(), ..builder() };
        decoded(&builder, |manifest| {
            assert!(matches!(manifest.section(manifest::CANDIDATE_VERIFICATION), Some(Section::Present(_))));
        });
        let severed: Vec<_> =
            severable.iter().map(|(label, _)| builder.sever(*label, algorithm).expect("severable")).collect();
        let manifest = builder.build();
        let envelope = EnvelopeBuilder { severed: &severed, algorithm, ..EnvelopeBuilder::new(&manifest) };
        let bytes = envelope.sign(&[key()]).expect("signs");
        let decoded = Envelope::decode(&bytes).expect("decodes");
        assert_eq!(decoded.claimed_digest().algorithm(), algorithm);
        assert_eq!(decoded.encode(true), bytes, "REQ-SUIT-031");
        let manifest = verified(&decoded).expect("verifies");
        assert_eq!(ManifestBuilder::from(&manifest).build(), builder.build());
        for (label, content) in &severable[..4] {
            let Some(Section::Severed(digest)) = manifest.section(*label) else {
                panic!("AMB-SUIT-09: {label} is not severed")
            };
            assert_eq!(decoded.severed(*label, &digest), Ok(Some(&content[..])), "REQ-SUIT-025");
        }
        assert_eq!(decoded.coswid(&manifest), Ok(Some(&severable[5].1[..])));
        assert_eq!(decoded.text(&manifest).expect("its digest").expect("is there").languages[0].tag, "en");
        // Another content under the same digest is refused, and none at all may be for text.
        let mut changed = severed.clone();
        changed[4].1.push(0);
        let bytes = as_it_is(&EnvelopeBuilder { severed: &changed, ..envelope });
        let other = Envelope::decode(&bytes).expect("decodes");
        assert_eq!(other.text(&manifest).expect_err("REQ-SUIT-025").kind, Kind::Unauthenticated);
        for incomplete in
            [EnvelopeBuilder { severed: &changed, ..envelope }, EnvelopeBuilder { severed: &[], ..envelope }]
        {
            incomplete.sign(&[key()]).expect_err("REQ-SUIT-105: severed without its content");
        }
        let bytes = as_it_is(&EnvelopeBuilder { severed: &[], ..envelope });
        let bare = Envelope::decode(&bytes).expect("decodes");
        assert_eq!((bare.text(&manifest), bare.coswid(&manifest)), (Ok(None), Ok(None)));
        verified(&bare).expect("the manifest stands for itself");
    }
}

#[test]
fn what_cannot_be_severed_is_not() {
    let mut builder = builder();
    builder.sever(manifest::TEXT, DigestAlgorithm::Sha256).expect_err("REQ-SUIT-105: it has none");
    builder.sever(manifest::UNINSTALL, DigestAlgorithm::Sha256).expect_err("REQ-SUIT-053");
    for label in [manifest::VALIDATE, manifest::LOAD, manifest::INVOKE, manifest::UNINSTALL] {
        let severed =
            ManifestBuilder { sections: vec![], severed: vec![(label, Digest::of(b""))], ..builder.clone() };
        assert_eq!(refused_as(&severed), Kind::Malformed, "REQ-SUIT-053: {label}");
    }
}

#[test]
fn digests_of_other_length_or_algorithm() {
    for algorithm in DigestAlgorithm::ALL {
        let digest = algorithm.digest(b"x");
        assert_eq!(Digest::decode(&digest.encode()), Ok(digest));
        assert!(digest.matches(b"x") && !digest.matches(b"y"));
        assert_eq!(digest.as_bytes().len(), algorithm.size());
        for size in [algorithm.size() - 1, algorithm.size() + 1] {
            let wrong = encode(|w| {
                w.array(2).int(algorithm.number()).bytes(&vec![0; size]);
            });
            assert_eq!(Digest::decode(&wrong).expect_err("wrong length").kind, Kind::Malformed);
        }
    }
    let shake = encode(|w| {
        w.array(2).int(-18).bytes(&[0; 32]);
    });
    assert_eq!(
        Digest::decode(&shake).expect_err("SHAKE128").kind,
        Kind::UnsupportedAlgorithm,
        "REQ-SUIT-072"
    );
    assert_ne!(Digest::sha256([0; 32]), DigestAlgorithm::Sha512.digest(b""));
}

#[test]
fn text_round_trips_and_is_about_components_of_the_manifest() {
    let (own, other) = (ComponentId::encode(&["c"]), ComponentId::encode(&["d"]));
    let about = |id: &'static [u8]| ComponentId::decode(id).expect("an id");
    let own: &'static [u8] = own.leak();
    let language = |tag| Language {
        tag,
        manifest: vec![
            (text::MANIFEST_DESCRIPTION, "what"),
            (text::UPDATE_DESCRIPTION, "why"),
            (-1, "private"),
        ],
        components: vec![(
            about(own),
            vec![(component_text::VENDOR_NAME, "v"), (component_text::CURRENT_VERSION, "2")],
        )],
    };
    let content = Text { languages: vec![language("de"), language("en-US")] };
    let encoded = content.encode();
    assert_eq!(Text::decode(&encoded, &[about(own)]).as_ref(), Ok(&content));
    let strange = ComponentId::decode(&other).expect("an id");
    assert_eq!(Text::decode(&encoded, &[strange]).expect_err("REQ-SUIT-101").kind, Kind::Malformed);
    let builder = ManifestBuilder { sections: vec![(manifest::TEXT, encoded.clone())], ..builder() };
    let bytes = envelope(&builder);
    let envelope = Envelope::decode(&bytes).expect("decodes");
    let manifest = verified(&envelope).expect("verifies");
    assert_eq!(envelope.text(&manifest), Ok(Some(content)));
    for at in 0..encoded.len() {
        Text::decode(&encoded[..at], &[about(own)]).expect_err("cut short");
    }
    Text::decode(b"\xa0", &[]).expect_err("no language");
    Text::decode(b"\xa1\x65en_US\xa0", &[]).expect_err("no language tag");
    Text::decode(b"\xa1\x62en\xa1\x05\x61x", &[]).expect_err("an unknown label");
    Text::decode(b"\xa1\x62en\xa1\x01\x41x", &[]).expect_err("bytes instead of text");
    let private = Text::decode(b"\xa1\x62en\xa1\x20\x80", &[]).expect("a private entry of any form");
    assert!(private.languages[0].manifest.is_empty());
}

/// REQ-SUIT-029, REQ-SUIT-115, AMB-SUIT-10: tagged or not, the key is the URI.
#[test]
fn integrated_dependency_tagged_or_not() {
    let manifest = builder().build();
    for tagged in [true, false] {
        let inner =
            EnvelopeBuilder { tagged, ..EnvelopeBuilder::new(&manifest) }.sign(&[key()]).expect("signs");
        let outer =
            encode_envelope(&manifest, &[key()], &[("https://a.example/m", &inner), ("#tc", b"\xff")])
                .expect("signs");
        let outer = Envelope::decode(&outer).expect("decodes");
        let dependency = outer.dependency("https://a.example/m").expect("an envelope").expect("is there");
        assert_eq!(verified(&dependency), verified(&outer));
        let item = encode(|w| {
            w.bytes(&manifest);
        });
        assert_eq!(
            dependency.claimed_digest(),
            Digest::of(&item),
            "REQ-SUIT-047: the manifest's byte string"
        );
        assert_ne!(dependency.claimed_digest(), Digest::of(&inner), "REQ-SUIT-047: not the envelope");
        assert_eq!(outer.dependency("#tc").expect_err("no envelope").kind, Kind::Malformed);
    }
    let not_bytes = encode(|w| {
        w.map(3).uint(2).bytes(b"\x81\x40").uint(3).bytes(b"\xa0").text("#tc").text("x");
    });
    assert_eq!(refused(&not_bytes), Kind::Malformed, "REQ-SUIT-029");
}

/// The profile suit-sha256-hmac-a128kw-a128ctr, beside a signature over the same digest (REQ-SUIT-099).
#[test]
fn manifest_under_a_mac() {
    let secret = |n| SymmetricKey::new(&[n; 32], None).expect("a key");
    let manifest = builder().build();
    let both = [Authenticator::Mac(&secret(1)), Authenticator::Sign(&key())];
    for (authenticators, is_signed) in [(&both[..1], false), (&both[..], true)] {
        let bytes = EnvelopeBuilder::new(&manifest).authenticate(authenticators).expect("authenticates");
        let envelope = Envelope::decode(&bytes).expect("decodes");
        let by_mac = envelope.verify_mac(&[secret(2), secret(1)]).expect("REQ-SUIT-003");
        assert_eq!(by_mac.get().sequence_number, 7);
        assert!(envelope.verify_mac(&[secret(2)]).is_err(), "another key");
        assert_eq!(verified(&envelope).is_ok(), is_signed, "a MAC is no signature");
        assert!(matches!(envelope.authentication_blocks().next(), Some(Ok(AuthenticationBlock::Mac0(_)))));
        let mut changed = bytes.clone();
        let at = bytes.windows(manifest.len()).position(|w| w == manifest).expect("manifest");
        changed[at + 4] ^= 1;
        let changed = Envelope::decode(&changed).expect("decodes");
        assert_eq!(changed.verify_mac(&[secret(1)]).expect_err("REQ-SUIT-002").kind, Kind::Unauthenticated);
    }
    let signed = envelope(&builder());
    let signed = Envelope::decode(&signed).expect("decodes");
    assert_eq!(signed.verify_mac(&[secret(1)]).expect_err("no MAC").kind, Kind::UnsupportedAlgorithm);
}

/// REQ-SUIT-099, and the limit of authentication blocks and one past it.
#[test]
fn authentication_blocks_and_their_limit() {
    let manifest = builder().build();
    let strange = SigningKey::ed25519_from_seed(&[1; 32]);
    let keys = |n: usize| {
        let mut keys = vec![Authenticator::Sign(&strange); n];
        keys.push(Authenticator::Sign(Box::leak(Box::new(key()))));
        EnvelopeBuilder::new(&manifest).authenticate(&keys)
    };
    let at = keys(MAX_SIGNATURES - 1).expect("signs");
    verified(&Envelope::decode(&at).expect("decodes")).expect("the last block verifies");
    assert_eq!(keys(MAX_SIGNATURES).expect_err("one past it").kind, Kind::TooLarge);
    let builder = EnvelopeBuilder::new(&manifest);
    let block = crate::cose::sign1_detached(&key(), &builder.digest()).expect("signs");
    assert_eq!(refused(&builder.build(&vec![block; MAX_SIGNATURES + 1])), Kind::TooLarge);
    let untagged = crate::cose::sign1_detached(&key(), &builder.digest()).expect("signs")[1..].to_vec();
    assert_eq!(refused(&builder.build(&[untagged])), Kind::Malformed, "M 8.3: tagged COSE only");
    // COSE_Encrypt0, and COSE_Mac, which has recipients.
    for other in [vec![0xd0, 0x80], vec![0xd8, 97, 0x80]] {
        assert_eq!(refused(&builder.build(&[other])), Kind::Unsupported);
    }
    let mac = builder.build(&[vec![0xd8, 97, 0x80]]);
    let error = Envelope::decode(&mac).expect("decodes").verify(&[key().public_key()]).expect_err("COSE_Mac");
    assert!(error.to_string().contains("COSE_Mac (97)"), "{error}");
    assert!(error.to_string().contains("of authentication-wrapper[1]"), "{error}");
}
