// SPDX-License-Identifier: Apache-2.0
//! No allocation grows with the payload but the one for the output, which is of its exact size: nothing of 1 MiB is
//! ever copied on the way.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use teep_proto::cose::{Signatures, SigningKey, SymmetricKey, mac0, sign, sign1};
use teep_proto::suit::{ComponentId, Envelope, ManifestBuilder, encode_envelope};
use teep_proto::teep::{Message, Update};

const PAYLOAD: usize = 1024 * 1024 - 8192;
/// Bytes that decoding or signing may allocate beside the output: headers, lists, keys.
const SMALL: u64 = 8192;

/// Runs `make` and checks that beside its output, in memory of exactly its size, it allocates little.
fn one_output(what: &str, make: impl Fn() -> Vec<u8>) -> Vec<u8> {
    let mut output = Vec::new();
    let used = allocation_counter::measure(|| output = make());
    let beside = used.bytes_total - output.len() as u64;
    println!("{what}: {} bytes in one piece, {beside} beside them in {}", output.len(), used.count_total - 1);
    assert!(output.len() > PAYLOAD, "{what}: the payload is in it");
    assert_eq!(output.capacity(), output.len(), "{what}: more memory than output");
    assert!(beside < SMALL, "{what}: {beside} bytes beside the output");
    output
}

fn nothing_large(what: &str, run: impl Fn()) {
    let used = allocation_counter::measure(run);
    println!("{what}: {} bytes in {}", used.bytes_total, used.count_total);
    assert!(used.bytes_total < SMALL, "{what}: {} bytes", used.bytes_total);
}

#[test]
fn update_with_a_large_payload() {
    let envelope = vec![0x5a; PAYLOAD];
    let update = Update { token: Some(b"a token!"), manifest_list: vec![&envelope], ..Update::default() };
    let update = Message::Update(update);
    let payload = one_output("encode an Update", || update.encode().expect("encodes"));
    let keys =
        [SigningKey::p256_from_scalar(&[1; 32]).expect("a scalar"), SigningKey::ed25519_from_seed(&[2; 32])];
    for key in &keys {
        let signed = one_output("sign it", || sign1(key, &payload).expect("signs"));
        let trusted = [key.public_key()];
        nothing_large("decode and verify it", || {
            let verified = Signatures::decode(&signed).and_then(|s| s.verify(&trusted)).expect("verifies");
            assert!(matches!(Message::decode(verified).expect("decodes").get(), Message::Update(_)));
        });
    }
    one_output("sign it twice", || sign(&keys, &payload).expect("signs"));
    let key = SymmetricKey::new(&[3; 32], None).expect("a key");
    one_output("authenticate it", || mac0(&key, &payload).expect("authenticates"));
}

#[test]
fn envelope_with_a_large_payload() {
    let payload = vec![0x5a; PAYLOAD];
    let manifest = ManifestBuilder {
        components: vec![ComponentId::encode(&["component"])],
        component_id: Some(ComponentId::encode(&["component", "suit"])),
        ..ManifestBuilder::default()
    };
    let manifest = manifest.build();
    let key = SigningKey::p256_from_scalar(&[1; 32]).expect("a scalar");
    let signed = one_output("sign an envelope", || {
        encode_envelope(&manifest, std::slice::from_ref(&key), &[("#tc", &payload)]).expect("signs")
    });
    let trusted = [key.public_key()];
    nothing_large("decode and verify it", || {
        let envelope = Envelope::decode(&signed).expect("decodes");
        envelope.verify(&trusted).expect("verifies");
        assert_eq!(envelope.payload("#tc").expect("is there").len(), PAYLOAD);
    });
    let envelope = Envelope::decode(&signed).expect("decodes");
    one_output("encode it again", || envelope.encode(true));
}
