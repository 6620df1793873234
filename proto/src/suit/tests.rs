// SPDX-License-Identifier: Apache-2.0
use super::labels::{command, manifest};
use super::*;
use crate::cbor::encode;
use crate::cose::{PublicKey, SigningKey, sign1_detached};
use crate::limits::{
    MAX_COMMANDS, MAX_COMPONENT_ID, MAX_COMPONENT_ID_ELEMENTS, MAX_MANIFEST, MAX_SEQUENCE_DEPTH,
};
use crate::{Error, Kind};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

mod commands;
mod members;
mod places;
mod published;
mod reports;

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.split_whitespace().collect::<Vec<_>>().concat()).expect("hexadecimal")
}

/// The envelope of the TEEP draft's second example, and the key it is signed with.
fn published() -> (Vec<u8>, PublicKey) {
    let x = hex("8496811aae0baaabd26157189eecda26beaa8bf11b6f3fe6e2b5659c85dbc0ad");
    let y = hex("3b1f2a4b6c098131c0a36dacd1d78bd381dcdfb09c052db33991db7338b4a896");
    let key = encode(|w| {
        w.map(4).int(1).int(2).int(-1).int(1).int(-2).bytes(&x).int(-3).bytes(&y);
    });
    let envelope = hex(include_str!("../../vectors/teep-protocol-a9d2fad/suit-integrated.hex"));
    (envelope, PublicKey::from_cose_key(&key).expect("a key"))
}

fn key() -> SigningKey {
    SigningKey::p256_from_scalar(&[5; 32]).expect("a scalar")
}

fn builder() -> ManifestBuilder {
    let digest = Digest::of(b"payload");
    ManifestBuilder {
        sequence_number: 7,
        reference_uri: Some("https://example.org/m.suit".into()),
        component_id: Some(ComponentId::encode(&["m"])),
        components: vec![ComponentId::encode(&["c"])],
        shared: SequenceBuilder::new()
            .override_parameters(&[Parameter::ImageSize(7), Parameter::ImageDigest(digest)])
            .build(),
        sections: vec![
            (manifest::UNINSTALL, SequenceBuilder::new().simple(command::UNLINK, 15).build()),
            (manifest::INSTALL, SequenceBuilder::new().simple(command::FETCH, 15).build()),
        ],
        ..ManifestBuilder::default()
    }
}

/// Signed without the checks that signing makes, as an attacker with a key would.
fn as_it_is(envelope: &EnvelopeBuilder<'_>) -> Vec<u8> {
    let block = sign1_detached(&key(), &envelope.digest()).expect("signs");
    envelope.build(&[block])
}

/// A manifest and nothing else, signed [`as_it_is`].
fn signed(manifest: &[u8]) -> Vec<u8> {
    as_it_is(&EnvelopeBuilder::new(manifest))
}

fn envelope(manifest: &ManifestBuilder) -> Vec<u8> {
    signed(&manifest.build())
}

/// What the signed manifest says, or why it is refused.
fn verified<'b>(envelope: &Envelope<'b>) -> Result<Manifest<'b>, Error> {
    envelope.verify(&[key().public_key()]).map(|verified| verified.into_inner())
}

fn refused(envelope: &[u8]) -> Kind {
    let result = Envelope::decode(envelope).and_then(|e| e.verify(&[key().public_key()]).map(|_| ()));
    result.expect_err("must be refused").kind
}

fn with_shared(shared: Vec<u8>) -> Result<(), Kind> {
    let manifest = ManifestBuilder { shared, ..builder() }.build();
    let envelope = signed(&manifest);
    let decoded = Envelope::decode(&envelope).map_err(|e| e.kind)?;
    decoded.verify(&[key().public_key()]).map(|_| ()).map_err(|e| e.kind)
}

#[test]
fn published_envelope_verifies_and_reads() {
    let (bytes, key) = published();
    let envelope = Envelope::decode(&bytes).expect("decodes");
    assert!(envelope.claimed_digest().to_string().starts_with("cedb0457"), "{}", envelope.claimed_digest());
    let verified = envelope.verify(&[key]).expect("verifies");
    let manifest = verified.get();
    assert_eq!(manifest.sequence_number, 3);
    let id = "TEEP-Device/SecureFS/uuid:8d82573a-926d-4754-9353-32dc29997f74";
    assert_eq!(manifest.components[0].to_string(), alloc::format!("{id}/ta"));
    assert_eq!(manifest.component_id.expect("has one").to_string(), alloc::format!("{id}/suit"));
    let payload = envelope.payload("#tc").expect("integrated");
    assert_eq!(payload, b"Hello, Secure World!");
    let Some(Section::Present(install)) = manifest.section(manifest::INSTALL) else { panic!("no install") };
    let codes: Vec<i64> =
        install.instructions().expect("a sequence").map(|c| c.expect("a command").code).collect();
    assert_eq!(codes, [command::OVERRIDE_PARAMETERS, command::FETCH, command::IMAGE_MATCH]);
    let digest = Digest::of(payload);
    let shared = manifest.shared.instructions().expect("a sequence").next().expect("one").expect("a command");
    let Argument::Parameters(parameters) = shared.argument else { panic!("no parameters") };
    let parameters: Vec<_> = parameters.iter().expect("a map").map(|p| p.expect("a parameter")).collect();
    assert!(
        parameters.contains(&Parameter::ImageDigest(digest))
            && parameters.contains(&Parameter::ImageSize(20))
    );
}

#[test]
fn every_flip_and_truncation_of_the_published_envelope() {
    let (bytes, key) = published();
    let keys = [key];
    let original = Envelope::decode(&bytes).and_then(|e| e.verify(&keys)).expect("verifies").into_inner();
    let payload_at = bytes.windows(5).position(|w| w == b"Hello").expect("payload");
    for at in 0..bytes.len() {
        assert!(Envelope::decode(&bytes[..at]).is_err(), "cut at {at}");
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let Ok(verified) = Envelope::decode(&flipped).and_then(|e| e.verify(&keys)) else { continue };
            // Only the payload and its key are outside the signature; the digest in the manifest covers them.
            assert!(at >= payload_at - 5, "byte {at} bit {bit} is signed");
            assert_eq!(verified.get(), &original);
        }
    }
}

#[test]
fn built_envelope_reads_back() {
    let envelope = encode_envelope(&builder().build(), &[key()], &[("#long", b"x"), ("#tc", b"payload")])
        .expect("signs");
    let envelope = Envelope::decode(&envelope).expect("decodes");
    let verified = envelope.verify(&[key().public_key()]).expect("verifies");
    assert_eq!(verified.signer(), key().public_key().thumbprint());
    assert_eq!(verified.get().reference_uri, Some("https://example.org/m.suit"));
    assert_eq!(envelope.payloads(), [("#tc", &b"payload"[..]), ("#long", b"x")], "deterministic order");
    assert_eq!(envelope.payload("#other"), None);
}

#[test]
fn attack_unsigned_or_foreign_or_swapped() {
    let manifest = builder().build();
    assert_eq!(refused(&encode_envelope(&manifest, &[], &[]).expect("encodes")), Kind::Unauthenticated);
    let foreign = SigningKey::ed25519_from_seed(&[1; 32]);
    assert_eq!(
        refused(&encode_envelope(&manifest, &[foreign], &[]).expect("encodes")),
        Kind::Unauthenticated
    );
    // The wrapper of one manifest around another one.
    let signed = signed(&manifest);
    let other = ManifestBuilder { sequence_number: 8, ..builder() }.build();
    let at = signed.windows(manifest.len()).position(|w| w == manifest).expect("manifest");
    let mut swapped = signed.clone();
    swapped[at..].copy_from_slice(&other);
    assert_eq!(refused(&swapped), Kind::Unauthenticated);
}

#[test]
fn one_good_block_among_several_suffices() {
    let foreign = SigningKey::ed25519_from_seed(&[1; 32]);
    let envelope = encode_envelope(&builder().build(), &[foreign, key()], &[]).expect("signs");
    Envelope::decode(&envelope).and_then(|e| e.verify(&[key().public_key()])).expect("verifies");
}

#[test]
fn manifest_before_its_wrapper_is_refused() {
    let bytes = encode(|w| {
        w.map(2).uint(3).bytes(b"\xa0").uint(2).bytes(b"\x81\x40");
    });
    assert_eq!(refused(&bytes), Kind::Malformed, "REQ-SUIT-100");
}

/// REQ-SUIT-005.
#[test]
fn other_manifest_version_is_unsupported() {
    let mut manifest = builder().build();
    assert_eq!(manifest[1..3], [1, 1]);
    manifest[2] = 2;
    assert_eq!(refused(&signed(&manifest)), Kind::Unsupported);
}

#[test]
fn manifest_size_limit_and_one_past_it() {
    let sized = |filler: usize| {
        let filler = encode(|w| {
            w.bytes(&vec![0; filler]);
        });
        let mut manifest = builder().build();
        manifest[0] += 1;
        manifest.extend([manifest::TEXT as u8]);
        manifest.extend(filler);
        manifest
    };
    let overhead = sized(1000).len() - 1000;
    let at = sized(MAX_MANIFEST - overhead);
    assert_eq!(at.len(), MAX_MANIFEST);
    let at = signed(&at);
    Envelope::decode(&at).and_then(|e| e.verify(&[key().public_key()])).expect("at the limit");
    let past = signed(&sized(MAX_MANIFEST - overhead + 1));
    assert_eq!(refused(&past), Kind::TooLarge);
}

#[test]
fn command_limits_and_one_past_them() {
    let flat =
        |n: usize| (0..n).fold(SequenceBuilder::new(), |s, _| s.simple(command::IMAGE_MATCH, 0)).build();
    assert_eq!(with_shared(flat(MAX_COMMANDS)), Ok(()));
    assert_eq!(with_shared(flat(MAX_COMMANDS + 1)), Err(Kind::TooLarge));
    let nested = |depth: usize| {
        (1..depth).fold(flat(1), |inner, _| SequenceBuilder::new().run_sequence(&inner).build())
    };
    assert_eq!(with_shared(nested(MAX_SEQUENCE_DEPTH)), Ok(()));
    assert_eq!(with_shared(nested(MAX_SEQUENCE_DEPTH + 1)), Err(Kind::TooLarge));
}

#[test]
fn malformed_sequences_are_refused_before_anything_runs() {
    for sequence in [
        &b"\x81\x03"[..],            // no argument
        b"\x82\x03\xf5",             // policy that is no number
        b"\x82\x0c\xf4",             // component index false
        b"\x82\x0c\x80",             // no component index
        b"\x82\x0f\x81\x41\x80",     // one alternative only
        b"\x82\x14\x80",             // parameters that are no map
        b"\x82\x14\xa1\x03\x41\x00", // a digest that is none
        b"\x82\x14\xa1\x01\x41\x00", // a UUID that is none
        b"\x82\x18\x20\x41\x81",     // a broken sequence inside
        b"\x80\x00",                 // bytes behind
    ] {
        assert!(with_shared(sequence.to_vec()).is_err(), "{sequence:02x?}");
    }
}

#[test]
fn component_id_limits_and_one_past_them() {
    let elements = |n: usize| ComponentId::encode(&vec![b"x"; n]);
    ComponentId::decode(&elements(MAX_COMPONENT_ID_ELEMENTS)).expect("at the limit");
    ComponentId::decode(&elements(MAX_COMPONENT_ID_ELEMENTS + 1)).expect_err("one past it");
    let sized = |n: usize| ComponentId::encode(&[vec![0; n]]);
    ComponentId::decode(&sized(MAX_COMPONENT_ID)).expect("at the limit");
    ComponentId::decode(&sized(MAX_COMPONENT_ID + 1)).expect_err("one past it");
}

#[test]
fn severed_member_counts_only_with_its_digest() {
    let item = encode(|w| {
        w.bytes(b"\x80");
    });
    let bytes = encode(|w| {
        let digest = Digest::of(&[]).encode();
        let wrapper = encode(|w| {
            w.array(1).bytes(&digest);
        });
        w.map(3).uint(2).bytes(&wrapper).uint(3).bytes(b"\xa0").uint(20).raw(&item);
    });
    let envelope = Envelope::decode(&bytes).expect("decodes");
    assert_eq!(envelope.severed(20, &Digest::of(&item)), Ok(Some(&b"\x80"[..])), "REQ-SUIT-025");
    assert_eq!(envelope.severed(16, &Digest::of(&item)), Ok(None));
    envelope.severed(20, &Digest::of(b"\x80")).expect_err("the digest covers the head too");
}
