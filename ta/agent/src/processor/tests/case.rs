// SPDX-License-Identifier: Apache-2.0
//! Makes vectors.

use super::vector::{self, Expected, Floor, Hex, Resource, Signer, Stored, Vector};
use super::world;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use std::println;
use teep_proto::cose::{AgreementSecret, SigningKey, sign1_detached};
use teep_proto::suit::labels::{command, manifest as section};
use teep_proto::suit::{
    ComponentId, Digest, DigestAlgorithm, Envelope, EnvelopeBuilder, ManifestBuilder, Parameter, Reason,
    SequenceBuilder, Severable,
};

/// What the component is to be.
pub(super) const PAYLOAD: &[u8] = b"a Trusted Application";
/// The vendor and the class of the device.
pub(super) const VENDOR: [u8; 16] = *b"\x01\x01\x01\x01\x01\x01\x51\x01\x81\x01\x01\x01\x01\x01\x01\x01";
pub(super) const CLASS: [u8; 16] = *b"\x02\x02\x02\x02\x02\x02\x52\x02\x82\x02\x02\x02\x02\x02\x02\x02";

pub(super) fn good() -> Digest {
    Digest::of(PAYLOAD)
}

/// Digest and size of [`PAYLOAD`].
pub(super) fn exactly(bytes: &[u8]) -> [Parameter<'static>; 2] {
    [Parameter::ImageDigest(Digest::of(bytes)), Parameter::ImageSize(bytes.len() as u64)]
}

pub(super) fn seq() -> SequenceBuilder {
    SequenceBuilder::new()
}

pub(super) fn id(name: &str) -> Vec<u8> {
    ComponentId::encode(&[name])
}

fn hex(bytes: &[u8]) -> Hex {
    Hex(bytes.to_vec())
}

/// Who signs: the developer may do everything, the operator what a case says.
pub(super) fn developer() -> SigningKey {
    SigningKey::ed25519_from_seed(&[1; 32])
}

pub(super) fn operator() -> SigningKey {
    SigningKey::ed25519_from_seed(&[2; 32])
}

/// The key payloads are encrypted to.
pub(super) fn device_key() -> AgreementSecret {
    AgreementSecret::from_scalar(&[7; 32]).expect("a scalar")
}

/// The private COSE_Key with this scalar.
pub(super) fn private_key(scalar: u8) -> Vec<u8> {
    let secret = AgreementSecret::from_scalar(&[scalar; 32]).expect("a scalar");
    // {1: 2, -1: 1, -2: x, -3: y} becomes {1: 2, -1: 1, -2: x, -3: y, -4: d}.
    let mut key = secret.public_key().to_cose_key();
    assert_eq!(key[0], 0xa4);
    key[0] = 0xa5;
    key.extend([0x23, 0x58, 0x20]);
    key.extend([scalar; 32]);
    key
}

/// A manifest to be.
#[derive(Clone)]
pub(super) struct Author {
    pub(super) manifest: ManifestBuilder,
    pub(super) payloads: Vec<(String, Vec<u8>)>,
    pub(super) severed: Vec<(u64, Vec<u8>)>,
    pub(super) key: SigningKey,
}

impl Author {
    /// The manifest `name`, of the developer, with these components.
    pub(super) fn new(name: &str, components: &[&str]) -> Self {
        let manifest = ManifestBuilder {
            sequence_number: 1,
            component_id: Some(id(name)),
            components: components.iter().map(|name| id(name)).collect(),
            ..ManifestBuilder::default()
        };
        Self { manifest, payloads: Vec::new(), severed: Vec::new(), key: developer() }
    }

    pub(super) fn shared(mut self, sequence: SequenceBuilder) -> Self {
        self.manifest.shared = sequence.build();
        self
    }

    pub(super) fn section(mut self, label: u64, sequence: SequenceBuilder) -> Self {
        self.manifest.sections.push((label, sequence.build()));
        self
    }

    pub(super) fn resolve(self, sequence: SequenceBuilder) -> Self {
        self.section(section::DEPENDENCY_RESOLUTION, sequence)
    }

    pub(super) fn install(self, sequence: SequenceBuilder) -> Self {
        self.section(section::INSTALL, sequence)
    }

    pub(super) fn uninstall(self, sequence: SequenceBuilder) -> Self {
        self.section(section::UNINSTALL, sequence)
    }

    pub(super) fn dependency(mut self, index: u64, name: &str) -> Self {
        self.manifest.dependencies.push((index, Some(id(name))));
        self
    }

    pub(super) fn payload(mut self, uri: &str, bytes: &[u8]) -> Self {
        self.payloads.push((uri.to_owned(), bytes.to_vec()));
        self
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        self.manifest.sequence_number = number;
        self
    }

    pub(super) fn unnamed(mut self) -> Self {
        self.manifest.component_id = None;
        self
    }

    pub(super) fn signed_by(mut self, key: SigningKey) -> Self {
        self.key = key;
        self
    }

    pub(super) fn sever(mut self, label: u64) -> Self {
        self.severed.push(self.manifest.sever(label, DigestAlgorithm::Sha256).expect("severs"));
        self
    }

    pub(super) fn envelope(&self) -> Vec<u8> {
        let manifest = self.manifest.build();
        let payloads: Vec<_> =
            self.payloads.iter().map(|(uri, bytes)| (uri.as_str(), bytes.as_slice())).collect();
        let builder = EnvelopeBuilder {
            severed: &self.severed,
            payloads: &payloads,
            ..EnvelopeBuilder::new(&manifest)
        };
        // Signed as it is: some cases are about what no author's tool would sign.
        builder.build(&[sign1_detached(&self.key, &builder.digest()).expect("signs")])
    }

    /// What a dependent compares it with.
    pub(super) fn digest(&self) -> Digest {
        let digest = EnvelopeBuilder::new(&self.manifest.build()).digest();
        Digest::decode(&digest).expect("a digest")
    }
}

/// A vector to be.
pub(super) struct Case {
    name: &'static str,
    vector: Vector,
}

/// A case with the name of its file and what it shows.
pub(super) fn case(name: &'static str, about: &str, root: &Author) -> Case {
    raw_case(name, about, root.envelope())
}

pub(super) fn raw_case(name: &'static str, about: &str, envelope: Vec<u8>) -> Case {
    let signer = Signer {
        key: Hex(developer().public_key().to_cose_key()),
        prefixes: vec![Hex(ComponentId::encode::<&[u8]>(&[]))],
        commands: None,
    };
    let device = vector::Device {
        vendor_ids: vec![hex(&VENDOR)],
        class_ids: vec![hex(&CLASS)],
        supported: vec![Hex(ComponentId::encode::<&[u8]>(&[]))],
        signers: vec![signer],
        ..vector::Device::default()
    };
    let expected = Expected::Removed { links: Vec::new() };
    let vector = Vector {
        about: about.to_owned(),
        procedure: vector::Procedure::Update,
        manifest_id: None,
        envelope: Hex(envelope),
        expected,
        device,
    };
    Case { name, vector }
}

impl Case {
    /// Changes the device.
    pub(super) fn device(mut self, change: impl FnOnce(&mut vector::Device)) -> Self {
        change(&mut self.vector.device);
        self
    }

    /// The component `name` is installed.
    pub(super) fn has(self, name: &str, bytes: &[u8]) -> Self {
        self.device(|device| device.components.push(Stored { id: Hex(id(name)), bytes: hex(bytes) }))
    }

    /// The manifest `name` is installed.
    pub(super) fn stored(self, name: &str, author: &Author) -> Self {
        let bytes = Hex(author.envelope());
        self.device(|device| device.manifests.push(Stored { id: Hex(id(name)), bytes }))
    }

    /// There is a link.
    pub(super) fn link(self, from: &str, to: &str) -> Self {
        self.device(|device| device.links.push((Hex(id(from)), Hex(id(to)))))
    }

    pub(super) fn floor(self, name: &str, sequence_number: u64) -> Self {
        self.device(|device| device.floors.push(Floor { id: Hex(id(name)), sequence_number }))
    }

    /// The network has `bytes` at `uri`.
    pub(super) fn network(self, uri: &str, bytes: &[u8]) -> Self {
        self.device(|device| device.network.push(Resource { uri: uri.to_owned(), bytes: hex(bytes) }))
    }

    pub(super) fn strict(self) -> Self {
        self.device(|device| device.strict_dependencies = true)
    }

    /// The operator may touch what begins with `prefix`, with these commands.
    pub(super) fn operator(self, prefix: &[&str], commands: Option<&[i64]>) -> Self {
        let signer = Signer {
            key: Hex(operator().public_key().to_cose_key()),
            prefixes: vec![Hex(ComponentId::encode(prefix))],
            commands: commands.map(<[i64]>::to_vec),
        };
        self.device(|device| device.signers.push(signer))
    }

    /// The procedure is Uninstall of the manifest `name`.
    pub(super) fn uninstalls(self, name: &str) -> Self {
        self.uninstalls_id(Hex(id(name)))
    }

    /// The procedure is Uninstall of the manifest with this identifier.
    pub(super) fn uninstalls_id(mut self, id: Hex) -> Self {
        self.vector.procedure = vector::Procedure::Uninstall;
        self.vector.manifest_id = Some(id);
        self
    }

    /// Runs it, keeps it, and gives what became of it.
    pub(super) fn run(mut self) -> Expected {
        self.vector.expected = world::run(&self.vector);
        println!("{}: {:?}", self.name, self.vector.expected);
        self.vector.keep(self.name);
        self.vector.expected
    }

    /// It is installed: these components, with their new bytes or `None` for what stays.
    pub(super) fn installs(self, expected: &[(&str, Option<&[u8]>)]) -> Vec<vector::Record> {
        match self.run() {
            Expected::Installed { components, records, .. } => {
                let found: Vec<_> = components
                    .iter()
                    .map(|component| (component.id.0.clone(), component.bytes.as_ref().map(|b| b.0.clone())))
                    .collect();
                let expected: Vec<_> =
                    expected.iter().map(|(name, bytes)| (id(name), bytes.map(<[u8]>::to_vec))).collect();
                assert_eq!(found, expected);
                records
            }
            other => panic!("{other:?}"),
        }
    }

    /// It is refused for this reason, in this section by a command with this code; 0 and 0 if by none.
    pub(super) fn refused(self, reason: Reason, section: u64, code: i64) -> vector::Record {
        let vector = self.vector.clone();
        match self.run() {
            Expected::Refused { reason: found, record, text, .. } => {
                assert_eq!((found, record.section), (reason as u8, section), "{text}");
                if section == 0 {
                    assert_eq!((code, record.offset), (0, 0));
                } else {
                    assert_eq!(command_at(&vector, &record), code, "{text}");
                }
                record
            }
            other => panic!("{other:?}"),
        }
    }

    /// It is uninstalled; these links are left.
    pub(super) fn removes(self, expected: &[(&str, &str)]) {
        match self.run() {
            Expected::Removed { links } => {
                let expected: Vec<_> =
                    expected.iter().map(|(from, to)| (Hex(id(from)), Hex(id(to)))).collect();
                assert_eq!(links, expected);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Code of the command that stands where `record` says.
fn command_at(vector: &Vector, record: &vector::Record) -> i64 {
    let device = &vector.device;
    let root = Envelope::decode(&vector.envelope.0).expect("an envelope");
    let stored = device.manifests.iter().map(|stored| stored.bytes.0.as_slice());
    let fetched = device.network.iter().map(|resource| resource.bytes.0.as_slice());
    let mut envelopes: Vec<_> = stored.chain(fetched).filter_map(|b| Envelope::decode(b).ok()).collect();
    let mut waiting = Vec::from([root.clone()]);
    while let Some(envelope) = waiting.pop() {
        waiting.extend(envelope.payloads().iter().filter_map(|(_, bytes)| Envelope::decode(bytes).ok()));
        envelopes.push(envelope);
    }
    let mut envelope = root;
    for index in &record.manifest_id {
        let id =
            envelope.inspect().expect("a manifest").identity(*index).expect("a dependency").to_elements();
        let named = |envelope: &&Envelope<'_>| {
            let own = envelope.inspect().expect("a manifest").component_id;
            own.is_some_and(|own| own.to_elements() == id)
        };
        envelope = envelopes.iter().find(named).expect("the dependency").clone();
    }
    let manifest = envelope.inspect().expect("a manifest");
    let sequence = match (record.section, manifest.section(record.section)) {
        (section::COMMON, _) => manifest.shared.as_bytes(),
        (_, Some(Severable::Present(sequence))) => sequence.as_bytes(),
        (label, Some(Severable::Severed(digest))) => {
            envelope.severed(label, &digest).expect("the digest").expect("the member")
        }
        (label, None) => panic!("no section {label}"),
    };
    let offset = usize::try_from(record.offset).expect("an offset");
    code(&sequence[offset..])
}

/// The integer at the beginning of `bytes`: command codes are below 256.
fn code(bytes: &[u8]) -> i64 {
    match bytes {
        [0x18, code, ..] => i64::from(*code),
        [code @ ..0x18, ..] => i64::from(*code),
        [0x39, high, low, ..] => !i64::from(u16::from_be_bytes([*high, *low])),
        _ => panic!("no command"),
    }
}

/// A manifest with one component, whose digest it fixes, and this section install.
pub(super) fn single(install: SequenceBuilder) -> Author {
    Author::new("m.suit", &["c"])
        .shared(seq().override_parameters(&[Parameter::ImageDigest(good())]))
        .install(install)
        .payload("#tc", PAYLOAD)
        .payload("#bad", b"something else")
}

/// Fetches from `uri`.
pub(super) fn fetch(uri: &str) -> SequenceBuilder {
    seq().override_parameters(&[Parameter::Uri(uri)]).simple(command::FETCH, 0)
}

/// Fetches the payload and compares it.
pub(super) fn fetch_and_match() -> SequenceBuilder {
    fetch("#tc").simple(command::IMAGE_MATCH, 0)
}

/// Sets soft-failure.
pub(super) fn soft(value: bool) -> SequenceBuilder {
    seq().override_parameters(&[Parameter::SoftFailure(value)])
}
