// SPDX-License-Identifier: Apache-2.0
//! The seeds of the fuzz targets, in `fuzz/corpus`: the vectors and what is inside them, each where a target reads it,
//! and nothing twice. They are made again by
//!
//! ```text
//! UPDATE_GENERATED=1 cargo test -p teep-proto --test fuzz_corpus
//! ```

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

#[path = "common/certificate.rs"]
mod certificate;
mod common;

use certificate::Content;
use common::judge::Receiver;
use common::{Vector, VectorKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use teep_proto::cose::{
    AgreementSecret, RecipientKey, Signatures, SigningKey, SymmetricKey, Thumbprint, sign1,
};
use teep_proto::teec::{
    Abilities, AgentInfo, AnchorKey, Course, FetchData, InstalledComponent, InstalledManifest, LastContact,
    Pending, PendingAction, Reply, RollbackProtection, Room, SignerInfo, StillRunning, Stored, TaRequest,
    TamInfo, TrustInfo, Validity,
};
use teep_proto::{eat, suit};

/// More is no good seed: the fuzzer is to try many.
const MAX_SEED: usize = 2048;

/// Seeds of each target by name.
#[derive(Default)]
struct Corpus(BTreeMap<&'static str, BTreeMap<String, Vec<u8>>>);

impl Corpus {
    fn add(&mut self, target: &'static str, name: &str, bytes: &[u8]) {
        let seeds = self.0.entry(target).or_default();
        if bytes.len() <= MAX_SEED && !seeds.values().any(|seed| seed == bytes) {
            let other = seeds.insert(name.to_owned(), bytes.to_vec());
            assert!(other.is_none(), "two seeds {target}/{name}");
        }
    }

    fn vector(&mut self, vector: &Vector) {
        let name = vector.file.trim_end_matches(".hex").replace('/', "-");
        let bytes = common::bytes(&vector.file);
        self.add("diag", &name, &bytes);
        // What is inside: the payload of what verifies.
        let inside = Receiver::of(vector).judge(&bytes).ok().map(|judged| judged.encoded);
        match vector.kind {
            VectorKind::TeepMessage => {
                self.add("teep", &name, &bytes);
                self.add("cbor", &name, &bytes);
            }
            VectorKind::TeepSigned => {
                self.add("cose", &name, &bytes);
                let payload = Signatures::decode(&bytes).ok().and_then(|s| s.claimed_payload());
                self.add("teep", &name, payload.unwrap_or(&bytes));
            }
            VectorKind::SuitEnvelope => {
                self.add("suit", &name, &bytes);
                let blocks = suit::Envelope::decode(&bytes).map(|e| e.manifest_bytes().to_vec());
                self.add("cbor", &name, &blocks.unwrap_or_default());
            }
            VectorKind::SuitReport => {
                self.add("report", &name, &bytes);
                self.add("cbor", &name, &bytes);
            }
            VectorKind::ProtectedReport => {
                self.add("cose", &name, &bytes);
                self.add("report", &name, &inside.unwrap_or_default());
            }
            VectorKind::Eat => {
                self.add("eat", &name, &bytes);
                self.add("eat", &format!("{name}-claims"), &inside.unwrap_or_default());
            }
            VectorKind::CoseEncrypt | VectorKind::CoseEncrypt0 => self.add("cose", &name, &bytes),
        }
    }
}

/// Keys as COSE_Keys, public and private.
fn keys(corpus: &mut Corpus) {
    for name in ["own-p256", "own-ed25519"] {
        corpus.add("cose", &format!("key-{name}"), &common::public_key(name).to_cose_key());
        corpus.add("cose", &format!("private-key-{name}"), &common::signing_key(name).to_cose_key());
    }
    let hss_lms = common::public_key("own-hss-lms").to_cose_key();
    corpus.add("cose", "key-own-hss-lms", &hss_lms);
    corpus.add("cose", "hss-public-key", &common::member(&common::key("own-hss-lms"), "pub"));
    let symmetric = SymmetricKey::new(&[7; 16], Some(b"kid")).expect("a key");
    corpus.add("cose", "key-symmetric", &symmetric.to_cose_key());
    let RecipientKey::Agreement(secret) = common::recipient_key("kek-p256") else { panic!("a P-256 key") };
    let _: &AgreementSecret = &secret;
    corpus.add("cose", "key-kek-p256", &secret.public_key().to_cose_key());
}

/// Certificates, a signature that brings some along, and the anchor of the target: of the same name, with another key.
fn certificates(corpus: &mut Corpus) {
    let [root, between, leaf] = ["own-p256", "own-ed25519", "own-p256"].map(common::signing_key);
    let other = SigningKey::p256_from_scalar(&[0x5a; 32]).expect("a scalar");
    corpus.add("certificate", "anchor", Content::ca("Root", "Root", &other, None).issue(&other).as_der());
    let chain = [
        Content::leaf("Leaf", "Between", &leaf).issue(&between),
        Content::ca("Between", "Root", &between, Some(0)).issue(&root),
        Content::ca("Root", "Root", &root, None).issue(&root),
    ];
    for (name, certificate) in ["leaf", "between", "root"].iter().zip(&chain) {
        corpus.add("certificate", name, certificate.as_der());
    }
    for count in 1..=3 {
        let key = leaf.clone().with_certificates(&chain[..count]).expect("a chain");
        let message = sign1(&key, b"payload").expect("signs");
        corpus.add("certificate", &format!("chain-of-{count}"), &message);
    }
}

/// Parts of the formats that no vector has on its own.
fn parts(corpus: &mut Corpus) {
    let capabilities = suit::CapabilityReport {
        components: vec![suit::ComponentCapability { elements: vec![b"c"], is_prefix: true }],
        commands: vec![3, 21],
        parameters: vec![3, 14],
        algorithms: vec![-16, -9],
        other: vec![(vec![3, 1], vec![7])],
        ..suit::CapabilityReport::default()
    };
    corpus.add("report", "capability-report", &capabilities.encode().expect("encodes"));
    let hint = Some("https://tam.example/tam".to_owned());
    for (name, tam_uri_hint) in [("ta-request", None), ("ta-request-hint", hint)] {
        let component_id = vec![b"TEEP-Device".to_vec(), vec![1; 16]];
        corpus.add("teec", name, &TaRequest { component_id, tam_uri_hint }.encode());
    }
    let tam_uri = "https://tam.example/tam".to_owned();
    for (name, reply) in [
        ("nothing", Reply::Nothing),
        ("connect", Reply::Connect { tam_uri: tam_uri.clone() }),
        ("send", Reply::Send { tam_uri: tam_uri.clone(), message: vec![0xd2, 0x84], outcome: None }),
        ("fetch", Reply::Fetch { uri: tam_uri, offset: 4096 }),
        ("failed", Reply::Failed { reason: "why".to_owned() }),
    ] {
        corpus.add("teec", name, &reply.encode());
    }
    let info = agent_info();
    let damaged = AgentInfo { stored: Err("damaged".to_owned()), ..info.clone() };
    for (name, info) in [("info", info), ("info-damaged", damaged)] {
        corpus.add("teec", name, &Reply::Info(info.into()).encode());
    }
    corpus.add("teec", "fetch-data", &FetchData { offset: 4096, bytes: b"some of a payload" }.encode());
    // Every way to write an item that the strict reader tells from the others.
    for (name, bytes) in [
        ("indefinite-array", &b"\x9f\x01\xff"[..]),
        ("indefinite-bytes", b"\x5f\x41\x00\xff"),
        ("long-integer", b"\x1a\x00\x00\x00\x01"),
        ("duplicate-key", b"\xa2\x01\x02\x01\x02"),
        ("tag-and-null", b"\xd8\x60\xf6"),
        ("float", b"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00"),
        ("nested", b"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00"),
        ("text", b"\x62\xc3\xa9"),
        ("no-utf8", b"\x62\xc3\x28"),
    ] {
        corpus.add("cbor", name, bytes);
        corpus.add("diag", name, bytes);
    }
    let claims = eat::Claims { ueid: Some(b"\x01device"), ..eat::Claims::default() };
    corpus.add("eat", "one-claim", &claims.encode(&eat::Profile::DRAFT).expect("encodes"));
}

#[test]
fn fuzz_corpus_is_up_to_date() {
    let mut corpus = Corpus::default();
    common::all().iter().for_each(|vector| corpus.vector(vector));
    keys(&mut corpus);
    parts(&mut corpus);
    certificates(&mut corpus);
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let targets = fs::read_dir(directory.with_file_name("fuzz_targets")).expect("the targets").flatten();
    let targets: BTreeSet<String> =
        targets.map(|file| file.path().file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(
        targets,
        corpus.0.keys().map(|target| (*target).to_owned()).collect(),
        "seeds for each target"
    );
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let _ = fs::remove_dir_all(&directory);
        for (target, seeds) in &corpus.0 {
            fs::create_dir_all(directory.join(target)).expect("fuzz/corpus");
            seeds.iter().for_each(|(name, bytes)| {
                fs::write(directory.join(target).join(name), bytes).expect("fuzz/corpus");
            });
        }
    }
    let mut size = 0;
    for (target, seeds) in &corpus.0 {
        let found = fs::read_dir(directory.join(target)).into_iter().flatten().flatten();
        let found: BTreeMap<String, Vec<u8>> = found
            .map(|file| {
                (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).expect("a seed"))
            })
            .collect();
        assert!(
            &found == seeds,
            "fuzz/corpus/{target} is stale; run UPDATE_GENERATED=1 cargo test -p teep-proto --test fuzz_corpus"
        );
        size += found.values().map(Vec::len).sum::<usize>();
    }
    assert!(size < 300_000, "{size} bytes are more than seeds need");
}

/// One of everything that the Agent says of itself.
fn agent_info() -> AgentInfo {
    let certificate = Some(Validity { not_before: 1, not_after: 1 << 33 });
    let key = AnchorKey { thumbprint: Thumbprint([1; 32]), certificate };
    let quota = Some(Room { used: 1, limit: 2 });
    let tam = TamInfo {
        uri: "https://tam.example/tam".to_owned(),
        dialect: "final".to_owned(),
        attestation_required: true,
        keys: vec![key, AnchorKey { certificate: None, ..key }],
        more_keys: 1,
        last_contact: Some(LastContact { seconds_ago: 60, course: Course::Ended(11) }),
    };
    let signer = SignerInfo {
        key,
        prefixes: vec![vec![b"TEEP-Device".to_vec()]],
        more_prefixes: 1,
        commands_limited: false,
        personalization_in_clear: true,
        changes_trust: false,
        components: quota,
        bytes: None,
        manifests: quota,
    };
    let component = InstalledComponent {
        component_id: vec![vec![7; 16]],
        uuid: Some([7; 16]),
        version: Some(2),
        size: 100_000,
        digest: Some(suit::Digest::of(b"x")),
        sessions: Some(1),
    };
    let manifest = InstalledManifest {
        manifest_id: vec![b"m".to_vec()],
        sequence_number: 3,
        signer: Thumbprint([1; 32]),
        signer_trusted: true,
        tams: vec![0],
        former_tams: 0,
        dependencies: vec![0],
        components: vec![0],
    };
    let pending = Pending {
        actions: vec![PendingAction::Install([7; 16]), PendingAction::Remove([8; 16])],
        objects: 1,
        still_running: vec![StillRunning { uuid: [8; 16], sessions: 1 }],
    };
    let trust =
        TrustInfo { tams: vec![tam], signers: vec![signer], verifiers: vec![key], ..TrustInfo::default() };
    AgentInfo {
        version: "1".to_owned(),
        public_key: vec![1],
        decryption_key: vec![2],
        report_key: vec![3],
        attestation_key: vec![4],
        measurement: vec![5; 32],
        tee_measurement: vec![6; 32],
        suite: "ESP256".to_owned(),
        rollback_protection: RollbackProtection::None,
        platform: Abilities::default(),
        stored: Ok(Stored {
            trust,
            components: vec![component],
            manifests: vec![manifest],
            pending,
            ..Stored::default()
        }),
    }
}
