// SPDX-License-Identifier: Apache-2.0
use super::labels::{MANIFEST_VERSION, TAG_ENVELOPE, command, common, envelope, manifest, parameter};
use super::{Digest, Parameter};
use crate::Error;
use crate::cbor::{Writer, encode};
use crate::cose::{SigningKey, sign1_detached};
use alloc::string::String;
use alloc::vec::Vec;

/// Builds a SUIT_Command_Sequence command by command.
#[derive(Clone, Debug, Default)]
pub struct SequenceBuilder {
    commands: usize,
    body: Vec<u8>,
}

impl SequenceBuilder {
    /// An empty sequence.
    pub fn new() -> Self {
        Self::default()
    }

    fn command(mut self, code: i64, argument: impl FnOnce(&mut Writer)) -> Self {
        self.commands = self.commands.saturating_add(1);
        self.body.extend(encode(|w| {
            w.int(code);
            argument(w);
        }));
        self
    }

    /// A condition, or a directive whose argument is a reporting policy.
    pub fn simple(self, code: i64, policy: u64) -> Self {
        self.command(code, |w| {
            w.uint(policy);
        })
    }

    /// override-parameters. The parameters are written in the order of their labels.
    pub fn override_parameters(self, parameters: &[Parameter<'_>]) -> Self {
        self.command(command::OVERRIDE_PARAMETERS, |w| write_parameters(w, parameters))
    }

    /// set-component-index with one index.
    pub fn set_component_index(self, index: u64) -> Self {
        self.simple(command::SET_COMPONENT_INDEX, index)
    }

    /// try-each over encoded sequences; `None` is the nil that always succeeds.
    pub fn try_each(self, alternatives: &[Option<Vec<u8>>]) -> Self {
        self.command(command::TRY_EACH, |w| {
            w.array(alternatives.len());
            for alternative in alternatives {
                match alternative {
                    Some(sequence) => w.bytes(sequence),
                    None => w.null(),
                };
            }
        })
    }

    /// run-sequence of an encoded sequence.
    pub fn run_sequence(self, sequence: &[u8]) -> Self {
        self.command(command::RUN_SEQUENCE, |w| {
            w.bytes(sequence);
        })
    }

    /// The encoded sequence.
    pub fn build(self) -> Vec<u8> {
        encode(|w| {
            w.array(self.commands.saturating_mul(2)).raw(&self.body);
        })
    }
}

fn write_parameters(w: &mut Writer, parameters: &[Parameter<'_>]) {
    let mut sorted: Vec<(i64, &Parameter<'_>)> = parameters.iter().map(|p| (label(p), p)).collect();
    sorted.sort_by_key(|(label, _)| *label);
    w.map(sorted.len());
    for (label, value) in sorted {
        w.int(label);
        match value {
            Parameter::VendorIdentifier(id)
            | Parameter::ClassIdentifier(id)
            | Parameter::DeviceIdentifier(id) => w.bytes(id),
            Parameter::ImageDigest(digest) => w.bytes(&digest.encode()),
            Parameter::StrictOrder(value) | Parameter::SoftFailure(value) => w.bool(*value),
            Parameter::ImageSize(size) => w.uint(*size),
            Parameter::Uri(uri) => w.text(uri),
            Parameter::Unknown(_) => w.null(),
        };
    }
}

fn label(value: &Parameter<'_>) -> i64 {
    match value {
        Parameter::VendorIdentifier(_) => parameter::VENDOR_IDENTIFIER,
        Parameter::ClassIdentifier(_) => parameter::CLASS_IDENTIFIER,
        Parameter::DeviceIdentifier(_) => parameter::DEVICE_IDENTIFIER,
        Parameter::ImageDigest(_) => parameter::IMAGE_DIGEST,
        Parameter::StrictOrder(_) => parameter::STRICT_ORDER,
        Parameter::SoftFailure(_) => parameter::SOFT_FAILURE,
        Parameter::ImageSize(_) => parameter::IMAGE_SIZE,
        Parameter::Uri(_) => parameter::URI,
        Parameter::Unknown(label) => *label,
    }
}

/// Builds a SUIT_Manifest.
#[derive(Clone, Debug, Default)]
pub struct ManifestBuilder {
    /// suit-manifest-sequence-number.
    pub sequence_number: u64,
    /// suit-reference-uri.
    pub reference_uri: Option<String>,
    /// suit-manifest-component-id, encoded ([`super::ComponentId::encode`]).
    pub component_id: Option<Vec<u8>>,
    /// suit-components, each encoded.
    pub components: Vec<Vec<u8>>,
    /// suit-shared-sequence, encoded ([`SequenceBuilder::build`]).
    pub shared: Vec<u8>,
    /// Sections by manifest label, each an encoded sequence. Written in the order of their labels.
    pub sections: Vec<(u64, Vec<u8>)>,
}

impl ManifestBuilder {
    /// The encoded manifest, maps in deterministic order (REQ-SUIT-031).
    pub fn build(&self) -> Vec<u8> {
        let common = encode(|w| {
            w.map(2).uint(common::COMPONENTS).array(self.components.len());
            for component in &self.components {
                w.raw(component);
            }
            w.uint(common::SHARED_SEQUENCE).bytes(&self.shared);
        });
        let mut sections: Vec<&(u64, Vec<u8>)> = self.sections.iter().collect();
        sections.sort_by_key(|(label, _)| *label);
        let optional =
            usize::from(self.reference_uri.is_some()).saturating_add(self.component_id.is_some().into());
        encode(|w| {
            w.map(sections.len().saturating_add(optional).saturating_add(3));
            w.uint(manifest::VERSION).uint(MANIFEST_VERSION);
            w.uint(manifest::SEQUENCE_NUMBER).uint(self.sequence_number);
            w.uint(manifest::COMMON).bytes(&common);
            if let Some(uri) = &self.reference_uri {
                w.uint(manifest::REFERENCE_URI).text(uri);
            }
            if let Some(id) = &self.component_id {
                w.uint(manifest::COMPONENT_ID).raw(id);
            }
            for (label, sequence) in sections {
                w.uint(*label).bytes(sequence);
            }
        })
    }
}

/// A tagged SUIT_Envelope around an encoded manifest, signed by each of `keys`, with integrated
/// `payloads` under their URIs.
///
/// # Errors
/// When a key cannot sign.
pub fn encode_envelope(
    manifest: &[u8],
    keys: &[SigningKey],
    payloads: &[(&str, &[u8])],
) -> Result<Vec<u8>, Error> {
    let manifest_item = encode(|w| {
        w.bytes(manifest);
    });
    let digest = Digest::of(&manifest_item).encode();
    let blocks: Vec<Vec<u8>> =
        keys.iter().map(|key| sign1_detached(key, &digest)).collect::<Result<_, _>>()?;
    let wrapper = encode(|w| {
        w.array(blocks.len().saturating_add(1)).bytes(&digest);
        for block in &blocks {
            w.bytes(block);
        }
    });
    // Deterministic order of text keys: shorter ones first, then bytewise.
    let mut payloads = payloads.to_vec();
    payloads.sort_by_key(|(uri, _)| (uri.len(), *uri));
    Ok(encode(|w| {
        w.tag(TAG_ENVELOPE).map(payloads.len().saturating_add(2));
        w.uint(envelope::AUTHENTICATION_WRAPPER).bytes(&wrapper);
        w.uint(envelope::MANIFEST).raw(&manifest_item);
        for (uri, bytes) in payloads {
            w.text(uri).bytes(bytes);
        }
    }))
}
