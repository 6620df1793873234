// SPDX-License-Identifier: Apache-2.0
//! Decryption by write and copy (suit.md section 10).

use super::case::{Author, device_key, fetch_and_match, private_key, single};
use super::*;
use teep_proto::cose::{CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, EncryptTo, Encryption, KeyWrap, encrypt};

const FAILED: Reason = Reason::ConditionFailed;
const STOPPED: Reason = Reason::OperationFailed;
const URI: &str = "https://example.org/c";

/// Encrypted to the device, always with the same "random" numbers.
fn encrypted(algorithm: ContentAlgorithm, plaintext: &[u8]) -> Encryption {
    let key = device_key();
    let to = [EncryptTo::Agreement(key.public_key(), KeyWrap::A128Kw)];
    let mut next = 0u8;
    let mut counter = |bytes: &mut [u8]| {
        bytes.iter_mut().for_each(|byte| {
            next = next.wrapping_add(1);
            *byte = next;
        });
        Ok(())
    };
    encrypt(algorithm, &to, plaintext, CONTEXT_SUIT_PAYLOAD, &mut counter, false).expect("encrypts")
}

fn with_key(device: &mut super::vector::Device) {
    device.decryption_keys.push(super::vector::Hex(private_key(7)));
}

/// REQ-SUIT-060, REQ-SUIT-061, REQ-SUIT-062: the modes of the published examples, and the one they lack.
#[test]
fn write_decrypts() {
    for (name, algorithm) in [
        ("write-a128gcm", ContentAlgorithm::A128Gcm),
        ("write-chacha20", ContentAlgorithm::ChaCha20Poly1305),
        ("write-a128ctr", ContentAlgorithm::A128Ctr),
        ("write-a256ctr", ContentAlgorithm::A256Ctr),
    ] {
        let made = encrypted(algorithm, b"secret");
        let ciphertext = made.ciphertext.expect("detached");
        let parameters = [Parameter::Content(&ciphertext), Parameter::EncryptionInfo(&made.structure)];
        let root = Author::new("m.suit", &["c"])
            .install(seq().set_parameters(&parameters).simple(command::WRITE, 0));
        case(name, "encrypted content in the manifest", &root)
            .device(with_key)
            .installs(&[("c", Some(b"secret"))]);
    }
}

#[test]
fn what_was_not_encrypted_to_this_device_is_refused() {
    let made = encrypted(ContentAlgorithm::A128Gcm, b"secret");
    let mut ciphertext = made.ciphertext.expect("detached");
    let root = |ciphertext: &[u8]| {
        let parameters = [Parameter::Content(ciphertext), Parameter::EncryptionInfo(&made.structure)];
        Author::new("m.suit", &["c"])
            .install(seq().override_parameters(&parameters).simple(command::WRITE, 0))
    };
    case("decrypt-other-key", "the device has another key", &root(&ciphertext))
        .device(|device| {
            device.decryption_keys.push(super::vector::Hex(private_key(8)));
        })
        .refused(STOPPED, section::INSTALL, command::WRITE);
    ciphertext[0] ^= 1;
    case("decrypt-changed", "the ciphertext was changed, which an AEAD notices", &root(&ciphertext))
        .device(with_key)
        .refused(STOPPED, section::INSTALL, command::WRITE);
}

/// Fetches ciphertext into component 1 and copies it into component 0.
fn staged(info: &[u8], check: [Option<Digest>; 2]) -> Author {
    let compare = |s: SequenceBuilder, digest: Option<Digest>| match digest {
        Some(digest) => {
            s.override_parameters(&[Parameter::ImageDigest(digest)]).simple(command::IMAGE_MATCH, 0)
        }
        None => s,
    };
    let fetched = seq().set_component_index(1).override_parameters(&[Parameter::Uri(URI)]);
    let fetched = compare(fetched.simple(command::FETCH, 0), check[1]).set_component_index(0);
    let mut parameters = alloc::vec![Parameter::SourceComponent(1)];
    parameters.extend(Some(info).filter(|info| !info.is_empty()).map(Parameter::EncryptionInfo));
    let copied = fetched.override_parameters(&parameters).simple(command::COPY, 0);
    Author::new("m.suit", &["plain", "staging"]).install(compare(copied, check[0]))
}

/// REQ-SUIT-065, REQ-SUIT-066, REQ-SUIT-118: ciphertext from elsewhere is compared before it is decrypted.
#[test]
fn copy_decrypts() {
    let made = encrypted(ContentAlgorithm::A128Ctr, b"secret");
    let ciphertext = made.ciphertext.expect("detached");
    let digests = [Some(Digest::of(b"secret")), Some(Digest::of(&ciphertext))];
    let expected: [(&str, Option<&[u8]>); 2] = [("plain", Some(b"secret")), ("staging", Some(&ciphertext))];
    case("copy-a128ctr", "both digests are compared", &staged(&made.structure, digests))
        .network(URI, &ciphertext)
        .device(with_key)
        .installs(&expected);
    let only_ciphertext = staged(&made.structure, [None, digests[1]]);
    case(
        "copy-ciphertext-digest",
        "the digest of the ciphertext says what the plaintext is",
        &only_ciphertext,
    )
    .network(URI, &ciphertext)
    .device(with_key)
    .installs(&expected);
    let mut changed = ciphertext.clone();
    changed[0] ^= 1;
    case("copy-ciphertext-changed", "the ciphertext is another one", &staged(&made.structure, digests))
        .network(URI, &changed)
        .device(with_key)
        .refused(FAILED, section::INSTALL, command::IMAGE_MATCH);
}

/// REQ-SUIT-065
#[test]
fn decrypted_bytes_that_no_digest_fixes_are_not_installed() {
    let made = encrypted(ContentAlgorithm::A128Ctr, b"secret");
    let ciphertext = made.ciphertext.expect("detached");
    case("copy-no-digest", "the manifest gives no digest at all", &staged(&made.structure, [None, None]))
        .network(URI, &ciphertext)
        .device(with_key)
        .refused(STOPPED, section::INSTALL, command::FETCH);
    let only_plaintext = staged(&made.structure, [Some(Digest::of(b"secret")), None]);
    case("copy-plaintext-digest", "no digest of the staged ciphertext", &only_plaintext)
        .network(URI, &ciphertext)
        .device(with_key)
        .refused(STOPPED, section::INSTALL, command::FETCH);
}

#[test]
fn copy_keeps_what_is_known_of_the_source() {
    let root = staged(b"", [None, Some(good())]);
    case("copy", "the source was compared, so the copy was", &root)
        .network(URI, PAYLOAD)
        .installs(&[("plain", Some(PAYLOAD)), ("staging", Some(PAYLOAD))]);
}

/// REQ-SUIT-066, REQ-SUIT-118: the device does not decrypt what anybody may have made up.
#[test]
fn attack_decryption_of_what_was_not_compared_yet() {
    let made = encrypted(ContentAlgorithm::A128Ctr, b"secret");
    let ciphertext = made.ciphertext.expect("detached");
    let compare = |s: SequenceBuilder, index, bytes| {
        s.set_component_index(index)
            .override_parameters(&[Parameter::ImageDigest(Digest::of(bytes))])
            .simple(command::IMAGE_MATCH, 0)
    };
    let parameters = [Parameter::SourceComponent(1), Parameter::EncryptionInfo(&made.structure)];
    let copied = seq()
        .set_component_index(1)
        .override_parameters(&[Parameter::Uri(URI)])
        .simple(command::FETCH, 0)
        .set_component_index(0)
        .override_parameters(&parameters)
        .simple(command::COPY, 0);
    let late = compare(compare(copied, 0, b"secret".as_slice()), 1, ciphertext.as_slice());
    let root = Author::new("m.suit", &["plain", "staging"]).install(late);
    case("copy-compared-late", "the ciphertext is compared after it was decrypted", &root)
        .network(URI, &ciphertext)
        .device(with_key)
        .refused(STOPPED, section::INSTALL, command::COPY);
}

/// AMB-SUIT-18: of fetched bytes only those of a dependency are decrypted.
#[test]
fn fetch_does_not_decrypt_components() {
    let made = encrypted(ContentAlgorithm::A128Gcm, PAYLOAD);
    let ciphertext = made.ciphertext.expect("detached");
    let parameters =
        [Parameter::ImageDigest(Digest::of(&ciphertext)), Parameter::EncryptionInfo(&made.structure)];
    let root = single(fetch_and_match()).shared(seq().override_parameters(&parameters));
    let root = Author { payloads: alloc::vec![("#tc".into(), ciphertext.clone())], ..root };
    case("fetch-encrypted", "encryption-info of a component that is fetched", &root)
        .device(with_key)
        .installs(&[("c", Some(&ciphertext))]);
}
