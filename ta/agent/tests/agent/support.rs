// SPDX-License-Identifier: Apache-2.0
//! A device in memory and a TAM made of the wire formats alone, so that it can also be a hostile one.

use teep_agent::config::{Config, SignerAnchor, TamAnchor};
use teep_agent::{Agent, Session};
use teep_proto::cose::{Algorithm, PublicKey, Signatures, SigningKey, sign, sign1};
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    ComponentId, Digest, ManifestBuilder, Parameter, Reason, Report, ReportResult, SequenceBuilder,
    encode_envelope, text,
};
use teep_proto::teec::{Command, Outcome, Reply, TaRequest};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{CipherSuite, Message, QueryRequest, SuitCoseProfile, Update};
use teep_sim::{MemoryEnv, ta_image};

pub(crate) const TAM_URI: &str = "http://tam.example/tam";
pub(crate) const OTHER_TAM_URI: &str = "http://other.example/tam";
pub(crate) const TOKEN: &[u8] = b"a token of 16 by";
pub(crate) const TA: [u8; 16] = [0x1c; 16];
pub(crate) const VENDOR: [u8; 16] = [0xc0; 16];
pub(crate) const CLASS: [u8; 16] = [0xc1; 16];

pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::p256_from_scalar(&[n; 32]).expect("a scalar")
}

pub(crate) fn tam_key() -> SigningKey {
    key(1)
}

pub(crate) fn tam_ed25519_key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[2; 32])
}

pub(crate) fn other_tam_key() -> SigningKey {
    key(3)
}

pub(crate) fn signer_key() -> SigningKey {
    key(4)
}

/// Trusted for components below "Elsewhere" only.
pub(crate) fn narrow_signer_key() -> SigningKey {
    key(5)
}

/// Trusted for the component `[TA]`.
pub(crate) fn uuid_signer_key() -> SigningKey {
    key(6)
}

pub(crate) fn config() -> Vec<u8> {
    let tam = |uri: &str, keys: &[SigningKey]| TamAnchor {
        uri: uri.to_owned(),
        keys: keys.iter().map(SigningKey::public_key).collect(),
    };
    let signer = |key: SigningKey, prefix: &[u8]| SignerAnchor {
        key: key.public_key(),
        prefixes: vec![ComponentId::encode(&[prefix])],
    };
    Config {
        vendor_ids: vec![VENDOR],
        class_ids: vec![CLASS],
        tams: vec![tam(TAM_URI, &[tam_key(), tam_ed25519_key()]), tam(OTHER_TAM_URI, &[other_tam_key()])],
        signers: vec![
            signer(signer_key(), b"TEEP-Device"),
            signer(narrow_signer_key(), b"Elsewhere"),
            signer(uuid_signer_key(), &TA),
        ],
    }
    .encode()
}

/// An Agent with one session, and the device it runs on.
pub(crate) struct Device {
    pub(crate) env: MemoryEnv,
    agent: Agent<MemoryEnv>,
    session: Session,
}

/// A message from the Agent, its signature checked.
pub(crate) struct Received {
    payload: Vec<u8>,
    pub(crate) tam_uri: String,
    pub(crate) outcome: Option<Outcome>,
}

impl Received {
    pub(crate) fn message(&self) -> Message<'_> {
        Message::inspect(&self.payload).expect("the Agent sends TEEP messages")
    }

    /// Error code; 0 for Success.
    pub(crate) fn code(&self) -> u64 {
        match self.message() {
            Message::Success(_) => 0,
            Message::Error(error) => error.err_code.number(),
            other => panic!("neither Success nor Error but {}", other.name()),
        }
    }

    pub(crate) fn token(&self) -> Option<Vec<u8>> {
        match self.message() {
            Message::QueryResponse(m) => m.token.map(<[u8]>::to_vec),
            Message::Success(m) => m.token.map(<[u8]>::to_vec),
            Message::Error(m) => m.token.map(<[u8]>::to_vec),
            other => panic!("an Agent does not send {}", other.name()),
        }
    }

    /// Results of the SUIT Reports; each nonce must be the Update's token (REQ-TEEP-085).
    pub(crate) fn reports(&self) -> Vec<ReportResult<'_>> {
        let list = match self.message() {
            Message::Success(m) => m.suit_reports,
            Message::Error(m) => m.suit_reports,
            other => panic!("no SUIT Reports are expected in {}", other.name()),
        };
        let reports = list.into_iter().map(|bytes| Report::decode(bytes).expect("a SUIT Report"));
        reports
            .map(|report| {
                assert_eq!(report.nonce, Some(TOKEN));
                report.result
            })
            .collect()
    }

    /// Error code, and the reason in the last SUIT Report.
    pub(crate) fn refusal(&self) -> (u64, Reason) {
        match self.reports().pop() {
            Some(ReportResult::Failure { reason, .. }) => (self.code(), reason),
            other => panic!("a report of a failure is expected, not {other:?}"),
        }
    }
}

impl Device {
    pub(crate) fn new() -> Self {
        Self::start(MemoryEnv::new([7; 32]))
    }

    /// Starts the Agent, again if `env` has seen it before.
    pub(crate) fn start(env: MemoryEnv) -> Self {
        let agent = Agent::new(env.clone(), &config()).expect("the configuration");
        Self { env, agent, session: Session::default() }
    }

    pub(crate) fn invoke(&mut self, command: Command, request: &[u8]) -> Reply {
        let reply = self.agent.invoke(&mut self.session, command, request);
        Reply::decode(&reply).expect("the Agent's replies decode")
    }

    pub(crate) fn request_ta(&mut self, hint: Option<&str>) -> Reply {
        let request = TaRequest { component_id: text::native_ta(TA), tam_uri_hint: hint.map(str::to_owned) };
        self.invoke(Command::RequestTa, &request.encode())
    }

    pub(crate) fn public_key(&mut self) -> PublicKey {
        match self.invoke(Command::Info, &[]) {
            Reply::Info(info) => PublicKey::from_cose_key(&info.public_key).expect("a key"),
            other => panic!("{other:?}"),
        }
    }

    /// Hands a TAM's bytes to the Agent and checks the signature of its answer.
    pub(crate) fn process(&mut self, message: &[u8]) -> Received {
        match self.invoke(Command::ProcessTeepMessage, message) {
            Reply::Send { tam_uri, message, outcome } => {
                let signatures = Signatures::decode(&message).expect("COSE");
                let payload = signatures.verify(&[self.public_key()]).expect("the Agent's signature");
                Received { payload: payload.get().to_vec(), tam_uri, outcome }
            }
            other => panic!("{other:?}"),
        }
    }

    /// Begins a conversation and processes an Update with `envelopes` in it.
    pub(crate) fn update(&mut self, envelopes: &[Vec<u8>]) -> Received {
        self.invoke(Command::RequestPolicyCheck, &[]);
        let received = self.process(&update(&tam_key(), envelopes));
        self.session = Session::default();
        received
    }

    /// Sequence number and TA version installed, as far as the Agent and the platform know.
    pub(crate) fn installed(&mut self) -> (Option<u64>, Option<u32>) {
        let Reply::Info(info) = self.invoke(Command::Info, &[]) else { panic!("no info") };
        let component = info.components.iter().find(|c| c.component_id == text::native_ta(TA));
        (component.map(|c| c.manifest_sequence_number), self.env.installed(TA).map(|(version, _)| version))
    }
}

pub(crate) fn query_request() -> QueryRequest<'static> {
    QueryRequest {
        token: Some(TOKEN),
        supported_teep_cipher_suites: vec![
            CipherSuite::sign1(Algorithm::Esp256),
            CipherSuite::sign1(Algorithm::Ed25519),
        ],
        supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
        data_item_requested: data_item::TRUSTED_COMPONENTS,
        ..QueryRequest::default()
    }
}

pub(crate) fn signed_query_request(request: QueryRequest<'_>) -> Vec<u8> {
    let payload = Message::QueryRequest(request).encode();
    sign(&[tam_key(), tam_ed25519_key()], &payload).expect("signs")
}

pub(crate) fn update(key: &SigningKey, envelopes: &[Vec<u8>]) -> Vec<u8> {
    let manifest_list = envelopes.iter().map(Vec::as_slice).collect();
    let update = Update { token: Some(TOKEN), manifest_list, ..Update::default() };
    sign1(key, &Message::Update(update).encode()).expect("signs")
}

/// A manifest for a TA, which a test can bend before it is signed.
pub(crate) struct Author {
    pub(crate) manifest: ManifestBuilder,
    pub(crate) image: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) vendor: [u8; 16],
    pub(crate) key: SigningKey,
}

impl Author {
    pub(crate) fn new(sequence_number: u64) -> Self {
        Self::of(TA, sequence_number)
    }

    pub(crate) fn of(uuid: [u8; 16], sequence_number: u64) -> Self {
        let version = u32::try_from(sequence_number).expect("a small number");
        let image = ta_image(uuid, version, format!("version {version}").as_bytes());
        let manifest = ManifestBuilder {
            sequence_number,
            component_id: Some(ComponentId::encode(&text::native_ta_manifest(uuid))),
            components: vec![ComponentId::encode(&text::native_ta(uuid))],
            ..ManifestBuilder::default()
        };
        Self { manifest, payload: image.clone(), image, vendor: VENDOR, key: signer_key() }
    }

    pub(crate) fn envelope(mut self) -> Vec<u8> {
        let shared = SequenceBuilder::new()
            .override_parameters(&[
                Parameter::VendorIdentifier(&self.vendor),
                Parameter::ClassIdentifier(&CLASS),
                Parameter::ImageDigest(Digest::of(&self.image)),
                Parameter::ImageSize(self.image.len() as u64),
            ])
            .simple(command::VENDOR_IDENTIFIER, 15)
            .simple(command::CLASS_IDENTIFIER, 15);
        let install = SequenceBuilder::new()
            .override_parameters(&[Parameter::Uri("#tc")])
            .simple(command::FETCH, 15)
            .simple(command::IMAGE_MATCH, 15);
        self.manifest.shared = shared.build();
        self.manifest.sections = vec![(manifest::INSTALL, install.build())];
        encode_envelope(&self.manifest.build(), &[self.key], &[("#tc", &self.payload)]).expect("signs")
    }
}

/// The envelope of a well-made manifest for the TA.
pub(crate) fn envelope(sequence_number: u64) -> Vec<u8> {
    Author::new(sequence_number).envelope()
}
