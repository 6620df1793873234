// SPDX-License-Identifier: Apache-2.0
//! Every vector of `vectors/vectors.jsonl` has the outcome the table says, and no damaged one is accepted
//! for something its signer did not sign.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod common;

use common::judge::Receiver;
use common::{Expected, Vector, VectorKind};
use std::collections::BTreeSet;
use teep_proto::cose::{
    Accept, Algorithm, CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, EncryptTo, Encrypted, RecipientKey,
    Signatures, SymmetricKey, encrypt,
};
use teep_proto::suit::{Command, Envelope, Section, labels};
use teep_proto::teep::Message;

/// What is wrong with a vector's outcome, if anything.
fn complaint(vector: &Vector) -> Option<String> {
    let bytes = common::bytes(&vector.file);
    let result = Receiver::of(vector).judge(&bytes);
    let said = match (vector.expected, &result) {
        (Expected::Accept, Err(error)) => Some(format!("refused: {error}")),
        (Expected::Reject, Ok(_)) => Some("accepted".to_owned()),
        (Expected::Reject, Err(error)) => {
            let (blame, text) = (common::blame(error.kind), error.to_string());
            let says = vector.says.as_deref().expect("a rejected vector has says");
            let fits = vector.blame.as_deref() == Some(blame) && text.contains(says);
            (!fits || vector.why.is_none()).then(|| format!("refused as {blame}: {text}"))
        }
        (Expected::Accept, Ok(judged))
            if matches!(vector.kind, VectorKind::CoseEncrypt | VectorKind::CoseEncrypt0) =>
        {
            let expected = vector.plaintext.as_deref().map(common::unhex);
            (expected.as_ref() != Some(&judged.encoded)).then(|| "another plaintext".to_owned())
        }
        (Expected::Accept, Ok(judged)) => {
            let canonical = vector.canonical.expect("an accepted vector has canonical");
            match (judged.again == judged.encoded, canonical) {
                (true, true) => None,
                // The one reason there is: members of a map that are not in the order of their labels.
                (false, false)
                    if vector.because.as_deref() == Some("unsorted")
                        && sorted(&judged.again) == sorted(&judged.encoded) =>
                {
                    None
                }
                (same, _) => Some(format!(
                    "encoding it again gives {}: {}",
                    if same { "the same bytes" } else { "other bytes" },
                    hex::encode(&judged.again)
                )),
            }
        }
    };
    said.map(|said| format!("{}: {said}", vector.file))
}

fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.sort_unstable();
    bytes
}

fn check(kind: VectorKind) {
    let complaints: Vec<String> = common::of(kind).iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// REQ-TEEP-001, REQ-TEEP-007, REQ-TEEP-041 and AMB-02: the examples of the draft in both number tables.
#[test]
fn teep_messages() {
    check(VectorKind::TeepMessage);
}

/// REQ-TEEP-003, REQ-TEEP-022, REQ-TEEP-024: messages in their COSE wrapper.
#[test]
fn signed_teep_messages() {
    check(VectorKind::TeepSigned);
}

/// REQ-SUIT-001, REQ-SUIT-002, REQ-SUIT-003: published envelopes verify with the published keys, and with
/// REQ-SUIT-031 what was decoded encodes to the same bytes.
#[test]
fn suit_envelopes() {
    check(VectorKind::SuitEnvelope);
}

/// REQ-SUIT-080: reports in the layout of suit-report-22.
#[test]
fn suit_reports() {
    check(VectorKind::SuitReport);
}

/// REQ-SUIT-082, REQ-SUIT-123, AMB-09: reports signed, authenticated by MAC, encrypted inside and outside.
#[test]
fn protected_suit_reports() {
    check(VectorKind::ProtectedReport);
}

/// REQ-TEEP-141: attestation tokens, signed, and encrypted as well.
#[test]
fn eats() {
    check(VectorKind::Eat);
}

/// REQ-SUIT-061, REQ-SUIT-062, REQ-SUIT-063: each decrypts to the published plaintext.
#[test]
fn suit_encryption_infos() {
    check(VectorKind::CoseEncrypt);
}

/// REQ-SUIT-071: signed with HSS-LMS, content under A256CTR, its key under A256KW; and only where that is set.
#[test]
fn hss_lms_profile() {
    let all = common::all();
    let find = |name| all.iter().find(|v: &&Vector| v.file == name).expect("in the table");
    let signed = find("own/suit-hss-lms.hex");
    assert!(signed.hss_lms, "REQ-SUIT-071");
    let bytes = common::bytes(&signed.file);
    let envelope = Envelope::decode(&bytes).expect("decodes");
    let (keys, accept) = ([common::public_key("own-hss-lms")], Accept { hss_lms: true, ..Accept::default() });
    assert_eq!(envelope.verify_with(&keys, accept).expect("verifies").algorithm(), Algorithm::HssLms);
    envelope.verify(&keys).expect_err("not by default");
    let kek = SymmetricKey::new(&[0x2a; 32], None).expect("a key");
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(0x17);
        Ok(())
    };
    let to = [EncryptTo::Symmetric(&kek)];
    let made = encrypt(ContentAlgorithm::A256Ctr, &to, b"payload", CONTEXT_SUIT_PAYLOAD, &mut random, true);
    let structure = made.expect("encrypts").structure;
    let decoded = Encrypted::decode(&structure).expect("decodes");
    let plaintext = decoded.decrypt(&[RecipientKey::Symmetric(kek)], CONTEXT_SUIT_PAYLOAD, None);
    assert_eq!(plaintext.expect("REQ-SUIT-071"), b"payload");
}

/// REQ-SUIT-123: the form in which a report is encrypted within its signature.
#[test]
fn encrypted_without_recipients() {
    check(VectorKind::CoseEncrypt0);
}

/// REQ-TEEP-143: thumbprints beside the published keys.
#[test]
fn published_thumbprints() {
    for name in ["key-a", "key-b", "kek-p256"] {
        let expected = common::key(name)["thumbprint"].as_str().expect("a thumbprint").to_owned();
        assert_eq!(common::public_key(name).thumbprint().to_string(), expected, "{name}");
    }
}

/// The inner manifest of the dependency example is signed by another author than the outer one (REQ-SUIT-041,
/// REQ-SUIT-115).
#[test]
fn integrated_dependency_has_its_own_signer() {
    let bytes = common::bytes("suit-firmware-encryption-2947c35/suit-manifest-es-ecdh-dependency.hex");
    let envelope = Envelope::decode(&bytes).expect("decodes");
    let (uri, _) = envelope.payloads().first().expect("an integrated dependency");
    let dependency = envelope.dependency(uri).expect("decodes").expect("is there");
    dependency.verify(&[common::public_key("key-a")]).expect("key A signed it");
    dependency.verify(&[common::public_key("key-b")]).expect_err("key B signed the dependent");
}

/// AMB-12: the manifest in the draft's Update is of an older draft, where 9 was install; read with today's
/// numbers it fetches in suit-invoke and has no suit-install. It is a vector for its signature only.
#[test]
fn manifest_in_the_update_example_has_stale_labels() {
    let bytes = common::bytes("teep-protocol-15c643e/update.hex");
    let Ok(Message::Update(update)) = Message::inspect(&bytes) else { panic!("not an Update") };
    let envelope = Envelope::decode(update.manifest_list[0]).expect("decodes");
    let accept = Accept { es256: true, ..Accept::default() };
    let manifest = envelope.verify_with(&[common::public_key("key-a")], accept).expect("key A, ES256");
    envelope.verify(&[common::public_key("key-a")]).expect_err("ES256 only by explicit setting");
    assert!(manifest.get().section(labels::manifest::INSTALL).is_none());
    let Some(Section::Present(invoke)) = manifest.get().section(labels::manifest::INVOKE) else {
        panic!("no section 9")
    };
    let fetches = |c: Command<'_>| c.code == labels::command::FETCH;
    assert!(invoke.instructions().expect("a sequence").any(|c| fetches(c.expect("a command"))));
}

/// Where the texts this was built from are at hand, the copies are byte for byte what they hold.
#[test]
fn copies_are_those_of_the_drafts() {
    let spec = common::directory().join("../../../shared/spec/vectors");
    if !spec.is_dir() {
        return;
    }
    let mut originals = Vec::new();
    let mut waiting = vec![spec];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
            if entry.path().is_dir() {
                waiting.push(entry.path());
            } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                // Hexadecimal of whole files without their comments, and of the blocks of the draft's text.
                let plain: String = text.lines().map(|l| l.split('#').next().unwrap_or(l)).collect();
                originals.extend([plain, hex::encode(&text)]);
                originals.extend(text.split("~~~").map(str::to_owned));
            }
        }
    }
    let normal = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
    let originals: BTreeSet<String> = originals.iter().map(|text| normal(text)).collect();
    for vector in common::all().iter().filter(|v| !v.file.starts_with("own/")) {
        for file in [Some(&vector.file), vector.ciphertext.as_ref()].into_iter().flatten() {
            assert!(originals.contains(&hex::encode(common::bytes(file))), "{file} is no copy");
        }
    }
}

/// Every file is in the table, so that none is forgotten. RFC 8554's are parts of a signature, not messages;
/// the tests of `cose::hss_lms` read them.
#[test]
fn every_file_is_in_the_table() {
    let all = common::all();
    for directory in std::fs::read_dir(common::directory()).expect("vectors").flatten() {
        if !directory.path().is_dir() {
            continue;
        }
        for file in std::fs::read_dir(directory.path()).expect("a directory").flatten() {
            let (directory, file) = (directory.file_name(), file.file_name());
            let name = format!("{}/{}", directory.to_string_lossy(), file.to_string_lossy());
            let used = directory == "rfc8554"
                || all.iter().any(|v| v.file == name || v.ciphertext.as_deref() == Some(&name));
            assert!(used || name.ends_with("/payload.hex"), "{name} is not in vectors.jsonl");
        }
    }
}

/// One damaged copy of a vector: refused, or still exactly what was signed.
fn damaged(receiver: &Receiver, vector: &Vector, signed: Option<&[u8]>, bytes: &[u8], what: &str) {
    // Whatever it is, decoding it as anything must not panic either.
    let _ = Signatures::decode(bytes);
    if let Ok(judged) = receiver.judge(bytes)
        && let Some(signed) = signed
    {
        assert!(judged.signed == signed, "{}: {what}: other signed bytes are accepted", vector.file);
    }
}

/// Every truncation of each vector, and every byte changed in one bit and in all.
fn damage_all(kind: VectorKind) {
    for vector in &common::of(kind) {
        let receiver = Receiver::of(vector);
        let bytes = common::bytes(&vector.file);
        let original = receiver.judge(&bytes).ok().map(|judged| judged.signed);
        for end in 0..bytes.len() {
            let cut = bytes.get(..end).expect("within");
            let accepted = receiver.judge(cut).is_ok();
            assert!(!accepted || original.is_none(), "{}: cut at {end} is accepted", vector.file);
        }
        for at in 0..bytes.len() {
            for mask in [1 << (at % 8), 0xff] {
                let mut flipped = bytes.clone();
                flipped[at] ^= mask;
                damaged(&receiver, vector, original.as_deref(), &flipped, &format!("byte {at} ^ {mask:#x}"));
            }
        }
    }
}

/// REQ-TEEP-002, REQ-TEEP-004, REQ-TEEP-007.
#[test]
fn damaged_teep_messages() {
    damage_all(VectorKind::TeepMessage);
}

/// REQ-TEEP-003, REQ-TEEP-006.
#[test]
fn damaged_signed_teep_messages() {
    damage_all(VectorKind::TeepSigned);
}

/// REQ-SUIT-001, REQ-SUIT-002, REQ-SUIT-003.
#[test]
fn damaged_suit_envelopes() {
    damage_all(VectorKind::SuitEnvelope);
}

#[test]
fn damaged_suit_reports() {
    damage_all(VectorKind::SuitReport);
}

/// REQ-SUIT-121: a changed ephemeral point is off the curve or another key's.
#[test]
fn damaged_encryption_infos() {
    damage_all(VectorKind::CoseEncrypt);
}

#[test]
fn damaged_encrypted_without_recipients() {
    damage_all(VectorKind::CoseEncrypt0);
}

/// REQ-SUIT-124.
#[test]
fn damaged_protected_reports() {
    damage_all(VectorKind::ProtectedReport);
}

/// REQ-TEEP-106.
#[test]
fn damaged_eats() {
    damage_all(VectorKind::Eat);
}
