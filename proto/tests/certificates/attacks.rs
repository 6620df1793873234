// SPDX-License-Identifier: Apache-2.0
//! Each way to get around a certificate.

use super::*;

#[test]
fn attack_chain_in_both_headers() {
    let (leaf, chain) = three();
    let list = (33, x5chain(&chain.each_ref().map(Certificate::as_der)));
    let message = crafted(&leaf, std::slice::from_ref(&list), std::slice::from_ref(&list));
    assert_eq!(verify(&message, &[anchor(&root())]), Err(Kind::Malformed));
    let twice = crafted(&leaf, &[list.clone(), list], &[]);
    assert_eq!(verify(&twice, &[anchor(&root())]), Err(Kind::Malformed));
}

#[test]
fn attack_leaf_as_ca() {
    let (leaf, chain) = three();
    let mallory = p256(66);
    let forged = Content::leaf("Leaf", "Leaf", &mallory).issue(&leaf);
    let path = [&forged, &chain[0], &chain[1], &chain[2]];
    assert_eq!(verify(&with_chain(&mallory, &path), &[anchor(&root())]), Err(Kind::BadCertificate));
    assert_eq!(verify(&with_chain(&mallory, &[&forged]), &[anchor(&chain[0])]), Err(Kind::BadCertificate));
    let chain = [forged, chain[0].clone()];
    assert_eq!(mallory.with_certificates(&chain).expect_err("refused").kind, Kind::BadCertificate);
}

#[test]
fn attack_ca_without_right_to_issue() {
    let (ca, leaf) = (p256(2), p256(4));
    let ca_content = Content::ca("First", "Root", &ca, None);
    for content in [
        ca_content.clone().with_usage(DIGITAL_SIGNATURE),
        ca_content.clone().without_extension(BASIC_CONSTRAINTS),
        ca_content.clone().with_extension(BASIC_CONSTRAINTS, true, sequence(&[])),
    ] {
        let path = [&Content::leaf("Leaf", "First", &leaf).issue(&ca), &content.issue(&root_key())];
        assert_eq!(verify(&with_chain(&leaf, &path), &[anchor(&root())]), Err(Kind::BadCertificate));
    }
    let path = [
        &Content::leaf("Leaf", "First", &leaf).issue(&ca),
        &ca_content.without_extension(KEY_USAGE).issue(&root_key()),
    ];
    assert_eq!(verify(&with_chain(&leaf, &path), &[anchor(&root())]), Ok(()), "keyUsage may be missing");
}

#[test]
fn attack_path_longer_than_pathlen_allows() {
    let (leaf, chain) = three();
    let message = with_chain(&leaf, &chain.each_ref());
    for (limit, verified) in [(2, Ok(())), (1, Err(Kind::BadCertificate)), (0, Err(Kind::BadCertificate))] {
        let root = Content::ca("Root", "Root", &root_key(), Some(limit)).issue(&root_key());
        assert_eq!(verify(&message, &[anchor(&root)]), verified, "anchor with pathLen {limit}");
    }
    let tight = Content::ca("First", "Root", &p256(2), Some(0)).issue(&root_key());
    let message = with_chain(&leaf, &[&chain[0], &chain[1], &tight]);
    assert_eq!(verify(&message, &[anchor(&root())]), Err(Kind::BadCertificate));
}

#[test]
fn attack_names_that_do_not_chain() {
    let leaf = p256(4);
    for issuer in ["root", "Root ", "Another"] {
        let certificate = Content::leaf("Leaf", issuer, &leaf).issue(&root_key());
        let message = with_chain(&leaf, &[&certificate]);
        assert_eq!(verify(&message, &[anchor(&root())]), Err(Kind::Unauthenticated), "{issuer}");
    }
    let mut nameless = Content::leaf("Leaf", "Root", &leaf).sign(&root_key());
    let issuer = b"\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04Root";
    let at = nameless.windows(issuer.len()).position(|part| part == issuer).unwrap();
    nameless.splice(at..at + issuer.len(), *b"\x30\x00");
    let content = nameless[4..].to_vec();
    bad(&tlv(0x30, &content));
}

#[test]
fn attack_extensions() {
    let key = p256(4);
    let leaf = Content::leaf("Leaf", "Root", &key);
    let critical = leaf.clone().with_extension(NAME_CONSTRAINTS, true, sequence(&[]));
    assert_eq!(bad(&critical.sign(&root_key())), "no critical extension that is not understood");
    let ignored = leaf.clone().with_extension(NAME_CONSTRAINTS, false, sequence(&[])).issue(&root_key());
    assert_eq!(verify(&with_chain(&key, &[&ignored]), &[anchor(&root())]), Ok(()));
    let mut twice = leaf.clone();
    twice.extensions.push(leaf.extensions[0].clone());
    assert_eq!(bad(&twice.sign(&root_key())), "each extension once");
    for id in [BASIC_CONSTRAINTS, KEY_USAGE, EXT_KEY_USAGE] {
        bad(&leaf.clone().with_extension(id, false, b"\x05\x00".to_vec()).sign(&root_key()));
    }
}

#[test]
fn attack_key_for_something_else() {
    let key = p256(4);
    let leaf = Content::leaf("Leaf", "Root", &key);
    // keyAgreement; serverAuth; a CA, whether its issuer meant that or not.
    let server = sequence(&[b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"]);
    for content in [
        leaf.clone().with_usage(0x08),
        leaf.clone().with_extension(EXT_KEY_USAGE, false, server.clone()),
        leaf.clone().with_extension(EXT_KEY_USAGE, true, server),
        Content::ca("Leaf", "Root", &key, None),
        Content::ca("Leaf", "Root", &key, None).without_extension(KEY_USAGE),
    ] {
        let message = with_chain(&key, &[&content.issue(&root_key())]);
        assert_eq!(verify(&message, &[anchor(&root())]), Err(Kind::BadCertificate));
    }
    let any = sequence(&[b"\x06\x04\x55\x1d\x25\x00"]);
    for content in [leaf.clone().with_extension(EXT_KEY_USAGE, true, any), leaf.without_extension(KEY_USAGE)]
    {
        let message = with_chain(&key, &[&content.issue(&root_key())]);
        assert_eq!(verify(&message, &[anchor(&root())]), Ok(()));
    }
}

#[test]
fn attack_ca_key_signs_the_message_itself() {
    let message = sign1(&root_key(), b"payload").unwrap();
    assert_eq!(verify(&message, &[anchor(&root())]), Err(Kind::BadCertificate));
    let plain = Content::ca("Root", "Root", &root_key(), None).without_extension(KEY_USAGE);
    assert_eq!(verify(&message, &[anchor(&plain.issue(&root_key()))]), Err(Kind::BadCertificate));
    let both = Content::ca("Root", "Root", &root_key(), None).with_usage(DIGITAL_SIGNATURE | KEY_CERT_SIGN);
    assert_eq!(verify(&message, &[anchor(&both.issue(&root_key()))]), Ok(()), "where keyUsage allows it");
}

#[test]
fn attack_raw_key_as_ca() {
    let (leaf, chain) = three();
    let message = with_chain(&leaf, &chain.each_ref());
    assert_eq!(verify(&message, &[root_key().public_key().into()]), Err(Kind::Unauthenticated));
}

#[test]
fn attack_wrong_order_gap_and_strangers_in_the_chain() {
    let (leaf, chain) = three();
    let stranger_key = p256(66);
    let stranger = Content::ca("Root", "Root", &stranger_key, None).issue(&stranger_key);
    let other = Content::leaf("Leaf", "Root", &leaf).issue(&stranger_key);
    let [a, b, c] = chain.each_ref();
    let anchors = [anchor(&root())];
    for (what, path) in [
        ("wrong order", &[a, c, b][..]),
        ("leaf last", &[c, b, a]),
        ("a gap", &[a, c]),
        ("the anchor's neighbour missing", &[a, b]),
        ("self-signed by a stranger with the anchor's name", &[&other, &stranger]),
        ("issued by a stranger with the anchor's name", &[&other]),
        ("a stranger behind", &[a, b, c, &stranger]),
    ] {
        let message = with_chain(&leaf, path);
        assert_eq!(verify(&message, &anchors), Err(Kind::Unauthenticated), "{what}");
        let certificates: Vec<_> = path.iter().map(|certificate| (*certificate).clone()).collect();
        let own = leaf.clone().with_certificates(&certificates);
        let mere_gap = ["the anchor's neighbour missing", "issued by a stranger with the anchor's name"];
        let signs = mere_gap.contains(&what) || what.starts_with("self-signed");
        assert_eq!(own.is_ok(), signs, "{what}");
    }
    assert_eq!(verify(&with_chain(&leaf, &[a, b, c, c]), &anchors), Err(Kind::BadCertificate), "twice");
    assert_eq!(verify(&with_chain(&leaf, &[a, b, c]), &anchors), Ok(()));
    assert_eq!(verify(&sign1(&leaf, b"payload").unwrap(), &anchors), Err(Kind::Unauthenticated), "no chain");
    assert_eq!(verify(&with_chain(&leaf, &[a, b, c]), &[anchor(&stranger)]), Err(Kind::Unauthenticated));
    assert_eq!(verify(&with_chain(&leaf, &[a, b, c]), &[]), Err(Kind::Unauthenticated));
}

#[test]
fn attack_chain_of_another_key_and_kid_of_another() {
    let (leaf, chain) = three();
    let mallory = p256(66);
    let anchors = [anchor(&root())];
    assert_eq!(verify(&with_chain(&mallory, &chain.each_ref()), &anchors), Err(Kind::Unauthenticated));
    let error = mallory.with_certificates(&chain).expect_err("another's certificate");
    assert_eq!(error.what, "first the certificate of the key that signs");
    let list = (33, x5chain(&chain.each_ref().map(Certificate::as_der)));
    let kid = |key: &SigningKey| {
        let value = encode(|w| {
            w.bytes(&key.public_key().thumbprint().0);
        });
        (4, value)
    };
    let with_kid =
        |key: &SigningKey| verify(&crafted(&leaf, std::slice::from_ref(&list), &[kid(key)]), &anchors);
    assert_eq!(with_kid(&leaf), Ok(()));
    assert_eq!(with_kid(&root_key()), Err(Kind::Unauthenticated), "kid of the anchor");
    assert_eq!(with_kid(&p256(66)), Err(Kind::Unauthenticated), "kid of a stranger");
}

#[test]
fn attack_kinds_of_keys_and_signatures() {
    let root_key = root_key();
    let leaf = Content::leaf("Leaf", "Root", &p256(4));
    let rsa = sequence(&[
        &sequence(&[b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", b"\x05\x00"]),
        &bits(&sequence(&[&tlv(0x02, &[0x7f; 128]), b"\x02\x03\x01\x00\x01"])),
    ]);
    let curve = |curve: &[u8], point: &[u8]| {
        sequence(&[&sequence(&[b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", curve]), &bits(point)])
    };
    let p256_curve = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let point = public_key_info(&p256(4).public_key());
    let point = &point[point.len() - 65..];
    let ed25519_info = |x: &[u8]| sequence(&[&sequence(&[b"\x06\x03\x2b\x65\x70"]), &bits(x)]);
    let mut identity = [0; 32];
    identity[0] = 1;
    for (what, key) in [
        ("RSA", rsa),
        ("P-384", curve(b"\x06\x05\x2b\x81\x04\x00\x22", point)),
        ("no curve", curve(b"", point)),
        ("off the curve", curve(p256_curve, &[&[4][..], &[0x11; 64]].concat())),
        ("the identity", curve(p256_curve, &[0])),
        ("compressed", curve(p256_curve, &[&[2][..], &point[1..33]].concat())),
        ("Ed25519 of small order", ed25519_info(&identity)),
        ("Ed25519 cut short", ed25519_info(&[7; 31])),
    ] {
        let content = Content { key, ..leaf.clone() };
        let why = bad(&content.sign(&root_key));
        assert!(why.contains("key"), "{what}: {why}");
    }
    for version in [None, Some(0), Some(1), Some(3)] {
        bad(&Content { version, ..leaf.clone() }.sign(&root_key));
    }
    // ecdsa-with-SHA384 outside, then inside as well.
    let der = leaf.sign(&root_key);
    let sha256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    let mut changed = der.clone();
    let at: Vec<_> = der.windows(sha256.len()).enumerate().filter(|(_, part)| part == sha256).collect();
    assert_eq!(at.len(), 2);
    changed[at[1].0 + 9] = 3;
    assert_eq!(bad(&changed), "a certificate that names one signature algorithm");
    changed[at[0].0 + 9] = 3;
    assert_eq!(bad(&changed), "a certificate signed with ECDSA and SHA-256, or with Ed25519");
}

#[test]
fn certificate_and_chain_limits_and_one_past_them() {
    let leaf = p256(4);
    let filled = |bytes: usize| {
        // The signature has the same length each time, the lengths of what is around it too.
        let content = Content::leaf("Leaf", "Root", &leaf);
        let filler =
            |n: usize| content.clone().with_extension(NAME_CONSTRAINTS, false, vec![0; n]).sign(&ed25519(1));
        filler(bytes - (filler(1000).len() - 1000))
    };
    Certificate::from_der(&filled(MAX_CERTIFICATE)).expect("at the limit");
    assert_eq!(bad(&filled(MAX_CERTIFICATE + 1)), "a certificate of at most 2048 bytes");

    let keys: Vec<_> = (10..16).map(p256).collect();
    let names = ["A", "B", "C", "D", "E", "F"];
    let chain = |count: usize| {
        let mut chain = vec![Content::leaf("Leaf", names[0], &leaf).issue(&keys[0])];
        for n in 1..count {
            chain.push(Content::ca(names[n - 1], names[n], &keys[n - 1], None).issue(&keys[n]));
        }
        (chain, anchor(&Content::ca(names[count - 1], "Root", &keys[count - 1], None).issue(&root_key())))
    };
    for (count, verified) in [(MAX_CERTIFICATES, Ok(())), (MAX_CERTIFICATES + 1, Err(Kind::BadCertificate))] {
        let (certificates, anchor) = chain(count);
        let message = with_chain(&leaf, &certificates.iter().collect::<Vec<_>>());
        assert_eq!(verify(&message, &[anchor]), verified, "{count} certificates");
        assert_eq!(leaf.clone().with_certificates(&certificates).is_ok(), verified.is_ok());
    }
    leaf.clone().with_certificates(&[]).expect_err("none");
    // An array of one or none; something else; a header that is larger than all certificates.
    for value in [
        encode(|w| {
            w.array(1).bytes(root().as_der());
        }),
        encode(|w| {
            w.array(0);
        }),
        encode(|w| {
            w.int(1);
        }),
        encode(|w| {
            w.array(2).bytes(root().as_der()).text("certificate");
        }),
        x5chain(&[&[0x30; 7]]),
    ] {
        let message = crafted(&leaf, &[(33, value)], &[]);
        assert_eq!(verify(&message, &[anchor(&root())]), Err(Kind::BadCertificate));
        assert_eq!(verify(&message, &[leaf.public_key().into()]), Ok(()), "where certificates do not matter");
    }
    let past = x5chain(&[&vec![0; MAX_CERTIFICATES * (MAX_CERTIFICATE + 4) + 512]]);
    assert_eq!(verify(&crafted(&leaf, &[(33, past)], &[]), &[anchor(&root())]), Err(Kind::TooLarge));
}

#[test]
fn every_flipped_byte_and_truncation_of_a_chain_is_refused() {
    let (leaf, chain) = three();
    let anchors = [anchor(&root())];
    // With the hash of the first certificate protected the rest is not, and can be changed on the way.
    let x5t = encode(|w| {
        w.array(2).int(-16).bytes(&Sha256::digest(chain[0].as_der()));
    });
    let list = x5chain(&chain.each_ref().map(Certificate::as_der));
    let message = crafted(&leaf, &[(34, x5t)], &[(33, list)]);
    assert_eq!(verify(&message, &anchors), Ok(()));
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut flipped = message.clone();
            flipped[at] ^= 1 << bit;
            assert!(verify(&flipped, &anchors).is_err(), "byte {at} bit {bit}");
        }
        assert!(verify(&message[..at], &anchors).is_err(), "cut at {at}");
    }
    for certificate in &chain {
        let der = certificate.as_der();
        assert!((0..der.len()).all(|at| Certificate::from_der(&der[..at]).is_err()));
        assert!(Certificate::from_der(&[der, &[0]].concat()).is_err(), "a byte behind it");
    }
}
