// SPDX-License-Identifier: Apache-2.0
//! Manifests as a script has them: well-made ones, bent ones, and commands in any order; signed after they were bent.

use super::fixture::*;
use super::input::Input;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use teep_agent::{Agent, Session};
use teep_proto::cose::{
    AgreementKey, CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, EncryptTo, KeyWrap, encrypt, sign1_detached,
};
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    ComponentId, Digest, Envelope, EnvelopeBuilder, ManifestBuilder, Parameter, SequenceBuilder, text,
};
use teep_proto::teec::{Command, Reply};
use teep_sim::{MemoryEnv, ta_image};

pub(crate) const HARDWARE_KEY: [u8; 32] = [7; 32];

/// The key to which data for the device is encrypted.
static DEVICE_KEY: LazyLock<AgreementKey> = LazyLock::new(|| {
    let mut agent = Agent::new(MemoryEnv::new(HARDWARE_KEY), &CONFIG.encode()).expect("the configuration");
    let reply = agent.invoke(&mut Session::default(), Command::Info, &[]);
    let Ok(Reply::Info(info)) = Reply::decode(&reply) else { panic!("no info") };
    AgreementKey::from_cose_key(&info.decryption_key).expect("a key")
});

/// What authors have put on servers, by URI.
pub(crate) type Server = BTreeMap<String, Vec<u8>>;

/// Payloads of an envelope by URI.
type Payloads = Vec<(String, Vec<u8>)>;

fn publish(server: &mut Server, bytes: Vec<u8>) -> String {
    let uri = format!("http://s.example/{}", server.len());
    server.insert(uri.clone(), bytes);
    uri
}

/// A signed envelope.
pub(crate) fn envelope(input: &mut Input<'_>, server: &mut Server) -> Vec<u8> {
    match input.below(8) {
        0..=2 => ta(input, server),
        3 | 4 => data(input),
        5 => with_dependency(input, server),
        6 if input.one_in(4) => trust(input),
        6 => commands(input, server),
        _ => {
            let mut bytes = ta(input, server);
            input.mutate(&mut bytes);
            bytes
        }
    }
}

fn sequence_number(input: &mut Input<'_>) -> u64 {
    input.below(4) as u64 + 1
}

fn sign(input: &mut Input<'_>, builder: &ManifestBuilder, payloads: &Payloads) -> Vec<u8> {
    let mut bytes = builder.build();
    input.mutate(&mut bytes);
    // Mostly by the first signer.
    let signer = if input.one_in(4) { input.below(SIGNER_KEYS.len()) } else { 0 };
    let mut signers = vec![signer];
    if input.one_in(32) {
        signers.push(input.below(SIGNER_KEYS.len()));
    }
    sealed_by(&bytes, &signers, payloads)
}

/// What is bent is signed too, which the tools for authors refuse.
fn sealed_by(manifest: &[u8], signers: &[usize], payloads: &Payloads) -> Vec<u8> {
    let payloads: Vec<_> = payloads.iter().map(|(uri, bytes)| (uri.as_str(), bytes.as_slice())).collect();
    let builder = EnvelopeBuilder { payloads: &payloads, ..EnvelopeBuilder::new(manifest) };
    let blocks = signers.iter().map(|signer| sign1_detached(&SIGNER_KEYS[*signer], &builder.digest()));
    builder.build(&blocks.map(|block| block.expect("signs")).collect::<Vec<_>>())
}

fn conditions(sequence: SequenceBuilder) -> SequenceBuilder {
    sequence
        .override_parameters(&[Parameter::VendorIdentifier(&VENDOR), Parameter::ClassIdentifier(&CLASS)])
        .simple(command::VENDOR_IDENTIFIER, 15)
        .simple(command::CLASS_IDENTIFIER, 15)
}

/// A manifest for a TA, its image inside or on a server.
fn ta(input: &mut Input<'_>, server: &mut Server) -> Vec<u8> {
    let (which, sequence_number) = (input.below(3), sequence_number(input));
    // Others than the manifest's now and then.
    let version = if input.one_in(8) { input.below(5) as u64 } else { sequence_number };
    let image = image(which, version, input.below(4) * 3000);
    let mut payload = image.clone();
    input.mutate(&mut payload);
    let mut payloads = Payloads::new();
    let uri = if input.one_in(3) {
        publish(server, payload)
    } else {
        payloads.push(("#tc".to_owned(), payload));
        "#tc".to_owned()
    };
    let mut parameters = vec![Parameter::ImageDigest(Digest::of(&image))];
    if !input.one_in(8) {
        parameters.push(Parameter::ImageSize(image.len() as u64));
    }
    let shared = conditions(SequenceBuilder::new().override_parameters(&parameters));
    let install = SequenceBuilder::new()
        .override_parameters(&[Parameter::Uri(&uri)])
        .simple(command::FETCH, 15)
        .simple(command::IMAGE_MATCH, 15);
    let mut sections = vec![(manifest::INSTALL, install.build())];
    if !input.one_in(8) {
        sections.push((manifest::UNINSTALL, SequenceBuilder::new().simple(command::UNLINK, 15).build()));
    }
    let component = if input.one_in(8) { component_id(input.below(12)) } else { component_id(which) };
    let builder = ManifestBuilder {
        sequence_number,
        component_id: (!input.one_in(16)).then(|| manifest_id(which)),
        components: vec![component],
        shared: shared.build(),
        sections,
        ..ManifestBuilder::default()
    };
    sign(input, &builder, &payloads)
}

fn image(which: usize, version: u64, size: usize) -> Vec<u8> {
    ta_image(UUIDS[which], u32::try_from(version).expect("small"), &vec![which as u8; size])
}

/// A manifest with data in it, clear or encrypted.
fn data(input: &mut Input<'_>) -> Vec<u8> {
    let (which, sequence_number) = (4 + input.below(5), sequence_number(input));
    let plain = format!("settings {sequence_number}").into_bytes();
    let builder = write(input, which, sequence_number, &plain, SequenceBuilder::new(), false);
    sign(input, &builder, &Payloads::new())
}

fn write(
    input: &mut Input<'_>,
    which: usize,
    sequence_number: u64,
    plain: &[u8],
    shared: SequenceBuilder,
    several: bool,
) -> ManifestBuilder {
    let at = |sequence: SequenceBuilder| if several { sequence.set_component_index(0) } else { sequence };
    let encrypted = input.one_in(3);
    let (ciphertext, info) = sealed(plain);
    let content = if encrypted {
        vec![Parameter::Content(&ciphertext), Parameter::EncryptionInfo(&info)]
    } else {
        vec![Parameter::Content(plain)]
    };
    let install = at(SequenceBuilder::new()).override_parameters(&content).simple(command::WRITE, 15);
    let validate = at(SequenceBuilder::new())
        .override_parameters(&[Parameter::ImageDigest(Digest::of(plain))])
        .simple(command::IMAGE_MATCH, 15);
    let uninstall = at(SequenceBuilder::new()).simple(command::UNLINK, 15);
    ManifestBuilder {
        sequence_number,
        component_id: Some(manifest_id(which - 1)),
        components: vec![component_id(which)],
        shared: conditions(at(shared)).build(),
        sections: vec![
            (manifest::VALIDATE, validate.build()),
            (manifest::INSTALL, install.build()),
            (manifest::UNINSTALL, uninstall.build()),
        ],
        ..ManifestBuilder::default()
    }
}

/// Data that depends on a TA, whose envelope is inside or on a server.
fn with_dependency(input: &mut Input<'_>, server: &mut Server) -> Vec<u8> {
    let needed = ta(input, server);
    let id = match Envelope::decode(&needed).and_then(|e| e.inspect()) {
        Ok(manifest) => manifest.component_id.map(|id| id.as_bytes().to_vec()),
        Err(_) => None,
    };
    let id = id.unwrap_or_else(|| manifest_id(input.below(8)));
    let digest = Envelope::decode(&needed).map_or(Digest::of(b""), |envelope| envelope.claimed_digest());
    let mut payloads = Payloads::new();
    let uri = if input.one_in(2) {
        publish(server, needed)
    } else {
        payloads.push(("#d".to_owned(), needed));
        "#d".to_owned()
    };
    let (which, sequence_number) = (4 + input.below(4), sequence_number(input));
    let shared =
        SequenceBuilder::new().set_component_index(1).override_parameters(&[Parameter::ImageDigest(digest)]);
    let plain = format!("for a TA {sequence_number}").into_bytes();
    let mut builder = write(input, which, sequence_number, &plain, shared, true);
    let process = |sequence: SequenceBuilder| {
        sequence.simple(command::DEPENDENCY_INTEGRITY, 15).simple(command::PROCESS_DEPENDENCY, 15).build()
    };
    let at = || SequenceBuilder::new().set_component_index(1);
    let resolve = at().override_parameters(&[Parameter::Uri(&uri)]).simple(command::FETCH, 15);
    builder.dependencies = vec![(1, Some(id))];
    for (section, sequence) in &mut builder.sections {
        if *section == manifest::INSTALL || *section == manifest::UNINSTALL {
            let before = process(at());
            *sequence = joined(&before, sequence);
        }
    }
    builder.sections.push((manifest::DEPENDENCY_RESOLUTION, process(resolve)));
    sign(input, &builder, &payloads)
}

/// A manifest that brings a trust store.
fn trust(input: &mut Input<'_>) -> Vec<u8> {
    let number = 2 + input.below(6) as u64;
    let store = trust_store(number, input.byte().into()).encode();
    let shared = SequenceBuilder::new().override_parameters(&[Parameter::ImageDigest(Digest::of(&store))]);
    let install = SequenceBuilder::new()
        .override_parameters(&[Parameter::Uri("#t")])
        .simple(command::FETCH, 15)
        .simple(command::IMAGE_MATCH, 15);
    let builder = ManifestBuilder {
        sequence_number: if input.one_in(8) { number + 1 } else { number },
        component_id: Some(ComponentId::encode(&text::trust_store_manifest())),
        components: vec![ComponentId::encode(&text::trust_store())],
        shared: shared.build(),
        sections: vec![(manifest::INSTALL, install.build())],
        ..ManifestBuilder::default()
    };
    let mut bytes = builder.build();
    input.mutate(&mut bytes);
    let signer = if input.one_in(4) { input.below(SIGNER_KEYS.len()) } else { 5 };
    sealed_by(&bytes, &[signer], &vec![("#t".to_owned(), store)])
}

/// Two sequences as one.
fn joined(first: &[u8], second: &[u8]) -> Vec<u8> {
    SequenceBuilder::new().run_sequence(first).run_sequence(second).build()
}

/// Commands in any order over a few components.
fn commands(input: &mut Input<'_>, server: &mut Server) -> Vec<u8> {
    let sequence_number = sequence_number(input);
    let components: Vec<_> = (0..=input.below(3)).map(|_| component_id(input.below(12))).collect();
    let image = image(input.below(3), sequence_number, 10);
    let fetched = publish(server, image.clone());
    let (ciphertext, info) = sealed(b"any data");
    let known = Known { image: &image, fetched: &fetched, ciphertext: &ciphertext, info: &info };
    let mut dependencies = Vec::new();
    if input.one_in(3) {
        dependencies.push((components.len() as u64, Some(manifest_id(input.below(8)))));
    }
    let shared = sequence(input, &known, 0);
    const SECTIONS: [u64; 7] = [
        manifest::INSTALL,
        manifest::VALIDATE,
        manifest::UNINSTALL,
        manifest::PAYLOAD_FETCH,
        manifest::DEPENDENCY_RESOLUTION,
        manifest::CANDIDATE_VERIFICATION,
        manifest::LOAD,
    ];
    let mut sections: Vec<(u64, Vec<u8>)> = Vec::new();
    for _ in 0..=input.below(3) {
        let label = input.pick(&SECTIONS);
        sections.retain(|(other, _)| *other != label);
        sections.push((label, sequence(input, &known, 0).build()));
    }
    let builder = ManifestBuilder {
        sequence_number,
        component_id: Some(manifest_id(input.below(8))),
        dependencies,
        components,
        shared: shared.build(),
        sections,
        ..ManifestBuilder::default()
    };
    sign(input, &builder, &vec![("#p".to_owned(), image.clone())])
}

/// What parameters of a script name.
struct Known<'k> {
    image: &'k [u8],
    fetched: &'k str,
    ciphertext: &'k [u8],
    info: &'k [u8],
}

fn sequence(input: &mut Input<'_>, known: &Known<'_>, depth: usize) -> SequenceBuilder {
    let mut built = SequenceBuilder::new();
    for _ in 0..=input.below(6) {
        built = match input.below(16) {
            0..=5 => built.override_parameters(&[parameter(input, known)]),
            6 => built.set_parameters(&[parameter(input, known)]),
            7 => built.set_component_index(input.below(5) as u64),
            8 | 9 => built.simple(command::FETCH, 15),
            10 => built.simple(command::WRITE, 15),
            11 => built.simple(command::COPY, 15),
            12 => built.simple(command::IMAGE_MATCH, 15),
            13 if depth < 5 => {
                let alternatives = [Some(sequence(input, known, depth + 1).build()), None];
                built.try_each(&alternatives)
            }
            14 if depth < 5 => built.run_sequence(&sequence(input, known, depth + 1).build()),
            _ => built.simple(input.pick(command::ALL), input.below(16) as u64),
        };
    }
    built
}

fn parameter<'k>(input: &mut Input<'_>, known: &Known<'k>) -> Parameter<'k> {
    match input.below(14) {
        0 => Parameter::Uri("#p"),
        1 => Parameter::Uri(known.fetched),
        2 => Parameter::ImageDigest(Digest::of(known.image)),
        3 => Parameter::ImageSize(known.image.len() as u64),
        4 => Parameter::Content(known.image),
        5 => Parameter::Content(b"any data"),
        6 => Parameter::ImageDigest(Digest::of(b"any data")),
        7 => Parameter::SourceComponent(input.below(4) as u64),
        8 => Parameter::Content(known.ciphertext),
        9 => Parameter::EncryptionInfo(known.info),
        10 => Parameter::SoftFailure(true),
        11 => Parameter::VendorIdentifier(&VENDOR),
        12 => Parameter::ImageSize(1 << input.below(40)),
        _ => Parameter::Uri("https://s.example/nothing"),
    }
}

fn sealed(plain: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let to = [EncryptTo::Agreement(&DEVICE_KEY, KeyWrap::A128Kw)];
    let mut seed = 0u8;
    let mut random = |bytes: &mut [u8]| {
        seed = seed.wrapping_add(1);
        bytes.fill(seed);
        Ok(())
    };
    let made = encrypt(ContentAlgorithm::A128Gcm, &to, plain, CONTEXT_SUIT_PAYLOAD, &mut random, false);
    let made = made.expect("encrypts");
    (made.ciphertext.expect("detached"), made.structure)
}

/// An identifier for an unneeded-manifest-list.
pub(crate) fn unneeded(bytes: &[u8]) -> ComponentId<'_> {
    ComponentId::decode(bytes).expect("an identifier")
}
