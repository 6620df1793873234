// SPDX-License-Identifier: Apache-2.0
//! The published examples in an Update from a TAM, through the whole Agent. What a test's name says besides is where
//! this device refuses what the manifest processor alone takes, or where the examples deviate (suit.md 13.3).

mod examples;
mod suit;
mod teep;

use self::examples::{bytes, key_member};
use crate::author::*;
use crate::support::*;
use std::collections::BTreeMap;
use teep_agent::config::{Config, DecryptionKey, SignerAnchor};
use teep_agent::{Env, Storage};
use teep_proto::cbor::encode;
use teep_proto::cose::{PublicKey, SigningKey, sign1};
use teep_proto::suit::labels::{command, manifest as section};
use teep_proto::suit::{
    ComponentId, Digest, Envelope, EnvelopeBuilder, ManifestBuilder, Parameter, Reason, Record, ReportResult,
    SequenceBuilder, Severable, encode_envelope,
};
use teep_proto::teec::{Command, FetchData, Reply};
use teep_sim::MemoryEnv;

/// Pieces in which the examples' small payloads are served.
const SMALL_PIECE: usize = 16;

/// Examples of one document, and below what their signers may do everything.
struct Examples {
    directory: &'static str,
    prefixes: &'static [&'static [u8]],
}

const TEEP: Examples = Examples { directory: "teep-protocol-a9d2fad", prefixes: &[b"TEEP-Device"] };
const TRUST_DOMAINS: Examples = Examples {
    directory: "suit-trust-domains-97bf14c",
    prefixes: &[b"00", b"10", b"dependent.suit", b"depending.suit"],
};
const ENCRYPTION: Examples = Examples {
    directory: "suit-firmware-encryption-2947c35",
    prefixes: &[
        b"dependent-manifest.suit",
        b"dependency-manifest.suit",
        b"decrypted-firmware",
        b"encrypted-firmware",
        b"plaintext-firmware",
        // Of the example with slots.
        b"\0",
        b"\x01",
    ],
};
const MANIFEST: Examples = Examples { directory: "suit-manifest-3c9b790", prefixes: &[b"\0"] };

/// Vendor and class identifiers of the TEEP examples, then of the manifest document's.
const VENDORS: [u128; 2] =
    [0xc0dd_d5f1_5243_5660_87db_4f5b_0aa2_6c2f, 0xfa6b_4a53_d5ad_5fdf_be9d_e663_e4d4_1ffe];
const CLASSES: [u128; 2] =
    [0xdb42_f709_3d8c_55ba_a8c5_265f_c582_0f4e, 0x1492_af14_2569_5e48_bf42_9b2d_51f2_ab45];

/// The Trusted Application of the TEEP examples, and where its manifest and payload are.
const UUID: [u8; 16] = *b"\x8d\x82\x57\x3a\x92\x6d\x47\x54\x93\x53\x32\xdc\x29\x99\x7f\x74";
const TA_MANIFEST_URI: &str = "https://example.org/8d82573a-926d-4754-9353-32dc29997f74.suit";
const TA_PAYLOAD_URI: &str = "https://example.org/8d82573a-926d-4754-9353-32dc29997f74.ta";

const CONFIGURATION: &[u8] = br#"{"name":"FOO Bar","secret":"0123456789abfcdef0123456789abcd"}"#;
const FIRMWARE: &[u8] = b"This is a real firmware image.";
const NO_IMAGE: &str = "the payload is no Trusted Application file for the UUID of its component";

fn signer(name: &str) -> SigningKey {
    let scalar = key_member(name, "d").try_into().expect("32 bytes");
    SigningKey::p256_from_scalar(&scalar).expect("a scalar")
}

/// The recipients of all encrypted examples.
fn decryption_keys() -> Vec<DecryptionKey> {
    let member = |name| key_member("kek-p256", name);
    let agreement = encode(|w| {
        w.map(6).int(1).int(2).int(2).bytes(&member("kid")).int(-1).int(1);
        w.int(-2).bytes(&member("x")).int(-3).bytes(&member("y")).int(-4).bytes(&member("d"));
    });
    let (kid, k) = (key_member("kek-aes", "kid"), key_member("kek-aes", "k"));
    let symmetric = encode(|w| {
        w.map(3).int(1).int(4).int(2).bytes(&kid).int(-1).bytes(&k);
    });
    [agreement, symmetric].map(|key| DecryptionKey::from_cose_key(&key).expect("a secret key")).to_vec()
}

impl Examples {
    fn bytes(&self, file: &str) -> Vec<u8> {
        bytes(self.directory, file)
    }

    /// The example's manifest as it is, signed with key A and ESP256.
    fn signed_anew(&self, file: &str) -> Vec<u8> {
        let published = self.bytes(file);
        let envelope = Envelope::decode(&published).expect("an envelope");
        let manifest = envelope.inspect().expect("a manifest");
        let mut severed = Vec::new();
        let mut sever = |label, digest: &Digest| {
            let content = envelope.severed(label, digest).expect("the digest").expect("the member");
            severed.push((label, content.to_vec()));
        };
        for (label, section) in &manifest.sections {
            if let Severable::Severed(digest) = section {
                sever(*label, digest);
            }
        }
        if let Some(Severable::Severed(digest)) = &manifest.text {
            sever(section::TEXT, digest);
        }
        let manifest = envelope.manifest_bytes();
        let builder = EnvelopeBuilder { severed: &severed, ..EnvelopeBuilder::new(manifest) };
        builder.sign(&[signer("key-a")]).expect("signs")
    }

    /// The example's components and sections in a manifest with a name, signed with key A and ESP256.
    fn named_and_signed_anew(&self, file: &str) -> Vec<u8> {
        let published = self.bytes(file);
        let manifest = Envelope::decode(&published).expect("an envelope").inspect().expect("a manifest");
        let sections = manifest.sections.iter().map(|(label, section)| match section {
            Severable::Present(sequence) => (*label, sequence.as_bytes().to_vec()),
            Severable::Severed(_) => panic!("a severed section"),
        });
        let named = ManifestBuilder {
            sequence_number: manifest.sequence_number,
            component_id: Some(ComponentId::encode(&["dependent-manifest.suit"])),
            components: manifest.components.iter().map(|id| id.as_bytes().to_vec()).collect(),
            shared: manifest.shared.as_bytes().to_vec(),
            sections: sections.collect(),
            ..ManifestBuilder::default()
        };
        encode_envelope(&named.build(), &[signer("key-a")], &[]).expect("signs")
    }

    /// A device for which the examples are, and which trusts their signers beside those of the tests.
    fn device_with(&self, change: impl FnOnce(&mut Config)) -> Device {
        let mut config = configuration();
        config.vendor_ids.extend(VENDORS.map(u128::to_be_bytes));
        config.class_ids.extend(CLASSES.map(u128::to_be_bytes));
        let prefixes: Vec<_> = self.prefixes.iter().map(|prefix| ComponentId::encode(&[prefix])).collect();
        config.trust.signers.extend(
            ["key-a", "key-b"].map(|name| SignerAnchor::new(signer(name).public_key(), prefixes.clone())),
        );
        config.decryption_keys = decryption_keys();
        change(&mut config);
        Device::start_with(MemoryEnv::new([7; 32]), &config.encode())
    }

    fn device(&self) -> Device {
        self.device_with(|_| ())
    }
}

fn strict(config: &mut Config) {
    config.trust.policy.strict_dependencies = true;
}

fn unnamed(config: &mut Config) {
    config.trust.policy.unnamed_manifests = true;
}

/// An Update with `envelopes`, as a TAM sends it, and a Broker that serves small pieces. Also what it had to fetch.
fn exchange(device: &mut Device, envelopes: &[Vec<u8>], server: &[(&str, &[u8])]) -> (Received, Vec<String>) {
    device.agent.close(&mut device.session);
    device.invoke(Command::RequestPolicyCheck, &[]);
    let mut reply = device.invoke(Command::ProcessTeepMessage, &update(&tam_key(), envelopes));
    let mut fetched: Vec<String> = Vec::new();
    while let Reply::Fetch { uri, offset } = &reply {
        let (_, payload) = server.iter().find(|(at, _)| at == uri).unwrap_or_else(|| panic!("fetches {uri}"));
        if *offset == 0 {
            fetched.push(uri.clone());
        }
        let at = usize::try_from(*offset).expect("small");
        let piece = FetchData { offset: *offset, bytes: &payload[at..payload.len().min(at + SMALL_PIECE)] };
        reply = device.invoke(Command::FetchData, &piece.encode());
    }
    (device.received(reply), fetched)
}

/// Why the only manifest was refused, where, and in what words; and that the device is as it was.
fn refused(device: &mut Device, received: &Received) -> (Reason, Record<'static>, String) {
    assert_eq!((device.components().len(), device.objects()), (0, 0), "nothing stays behind");
    assert_eq!(device.env.installed_uuids(), Vec::<[u8; 16]>::new());
    assert_eq!(received.code(), 11);
    let text = received.outcome.as_ref().expect("an outcome").text.clone();
    let [report] = received.full_reports().try_into().expect("one report");
    match report.result {
        ReportResult::Failure { reason, record, .. } => {
            let Record { manifest_id, section, offset, component_index, .. } = record;
            let properties = Vec::new();
            (reason, Record { manifest_id, section, offset, component_index, properties }, text)
        }
        ReportResult::Success => panic!("a failure is expected"),
    }
}

/// `envelope` is refused before anything runs, or because of the result.
fn refuses_as_a_whole(device: &mut Device, envelope: &[u8]) -> (Reason, String) {
    let (received, _) = exchange(device, &[envelope.to_vec()], &[]);
    let (reason, record, text) = refused(device, &received);
    assert_eq!(record, Record::default(), "{text}");
    (reason, text)
}

/// `envelope` is refused at a command of its own section `install`, and nothing is fetched from the network.
fn refuses_in_install(device: &mut Device, envelope: &[u8], code: i64) -> (Reason, String) {
    let (received, _) = exchange(device, &[envelope.to_vec()], &[]);
    let (reason, record, text) = refused(device, &received);
    assert_eq!((&record.manifest_id, record.section), (&Vec::new(), section::INSTALL), "{text}");
    assert_eq!(command_at(envelope, &record), code, "{text}");
    (reason, text)
}

/// The command that `record` is about.
fn command_at(envelope: &[u8], record: &Record<'_>) -> i64 {
    let manifest = Envelope::decode(envelope).expect("an envelope").inspect().expect("a manifest");
    let section = manifest.sections.iter().find(|(label, _)| *label == record.section);
    let Some((_, Severable::Present(sequence))) = section else { panic!("no section {}", record.section) };
    let mut commands =
        sequence.instructions().expect("a sequence").map(|command| command.expect("a command"));
    commands.find(|command| command.offset as u64 == record.offset).expect("a command there").code
}

/// Checks that exactly these data components are installed and stored, and were reported with their digests.
fn check_installed(device: &mut Device, received: &Received, expected: &[(&str, &[u8])]) {
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    let id = |name: &str| ComponentId::encode(&[name]);
    let told = device.components().into_iter().map(|c| (ComponentId::encode(&c.component_id), c.digest));
    let digests = expected.iter().map(|(name, bytes)| (id(name), Some(Digest::of(bytes))));
    assert_eq!(told.collect::<BTreeMap<_, _>>(), digests.collect());
    let mut stored = Vec::new();
    for name in device.env.object_names() {
        stored.extend(device.env.storage().read(&name, 1 << 20).expect("storage"));
    }
    for (name, bytes) in expected {
        assert!(stored.iter().any(|object| object == bytes), "{name} is not stored");
    }
    let [report] = received.full_reports().try_into().expect("one report");
    let mut reported: Vec<_> =
        report.properties().map(|claims| claims.component_id.as_bytes().to_vec()).collect();
    let mut names: Vec<_> = expected.iter().map(|(name, _)| id(name)).collect();
    reported.sort();
    names.sort();
    assert_eq!((report.result.clone(), reported), (ReportResult::Success, names));
}
