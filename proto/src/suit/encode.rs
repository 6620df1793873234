// SPDX-License-Identifier: Apache-2.0
use super::labels::{MANIFEST_VERSION, TAG_ENVELOPE, common, dependency, envelope, manifest};
use super::{
    Authenticator, ComponentId, Digest, DigestAlgorithm, DigestState, Envelope, Manifest, Sequence, Severable,
};
use crate::Error;
use crate::cbor::{bytes_head, encode, encode_exact};
use crate::cose::SigningKey;
use alloc::string::String;
use alloc::vec::Vec;

/// Builds a SUIT_Manifest.
#[derive(Clone, Debug, Default)]
pub struct ManifestBuilder {
    /// suit-manifest-sequence-number.
    pub sequence_number: u64,
    /// suit-reference-uri.
    pub reference_uri: Option<String>,
    /// suit-manifest-component-id, encoded ([`ComponentId::encode`]).
    pub component_id: Option<Vec<u8>>,
    /// suit-set-version; left out if empty.
    pub set_version: Vec<i64>,
    /// suit-dependencies by component index, each with its encoded prefix. Written in the order of their
    /// indices (REQ-SUIT-110).
    pub dependencies: Vec<(u64, Option<Vec<u8>>)>,
    /// suit-components, each encoded.
    pub components: Vec<Vec<u8>>,
    /// suit-shared-sequence, encoded ([`super::SequenceBuilder::build`]); left out if empty.
    pub shared: Vec<u8>,
    /// Other members by manifest label: sections, each an encoded sequence, suit-text
    /// ([`super::Text::encode`]) and suit-coswid. Written in the order of their labels.
    pub sections: Vec<(u64, Vec<u8>)>,
    /// Members whose content is in the envelope, by manifest label; see [`sever`](Self::sever).
    pub severed: Vec<(u64, Digest)>,
}

impl ManifestBuilder {
    /// Puts the digest of the member `label` in its place and returns its content, for
    /// [`EnvelopeBuilder::severed`]. To be done before signing, and for members that are much longer than a
    /// digest (REQ-SUIT-105).
    ///
    /// # Errors
    /// When there is no such member, or it is not severable (M 8.4.12).
    pub fn sever(&mut self, label: u64, algorithm: DigestAlgorithm) -> Result<(u64, Vec<u8>), Error> {
        let member = self.sections.iter().find(|(l, _)| *l == label).cloned();
        let member = member.filter(|_| super::envelope::SEVERABLE.contains(&label));
        let (_, content) = member.ok_or(Error::malformed("a severable member that the manifest has", 0))?;
        self.sections.retain(|(l, _)| *l != label);
        self.severed.push((label, byte_string_digest(algorithm, &content)));
        Ok((label, content))
    }

    /// The encoded manifest, maps in deterministic order (REQ-SUIT-031).
    pub fn build(&self) -> Vec<u8> {
        let mut members: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut member = |label, encoded| members.push((label, encoded));
        member(
            manifest::VERSION,
            encode(|w| {
                w.uint(MANIFEST_VERSION);
            }),
        );
        member(
            manifest::SEQUENCE_NUMBER,
            encode(|w| {
                w.uint(self.sequence_number);
            }),
        );
        member(manifest::COMMON, byte_string(&self.common()));
        if let Some(uri) = &self.reference_uri {
            member(
                manifest::REFERENCE_URI,
                encode(|w| {
                    w.text(uri);
                }),
            );
        }
        if let Some(id) = &self.component_id {
            member(manifest::COMPONENT_ID, id.clone());
        }
        if !self.set_version.is_empty() {
            let version = encode(|w| {
                w.array(self.set_version.len());
                self.set_version.iter().for_each(|number| {
                    w.int(*number);
                });
            });
            member(manifest::SET_VERSION, byte_string(&version));
        }
        self.sections.iter().for_each(|(label, content)| member(*label, byte_string(content)));
        self.severed.iter().for_each(|(label, digest)| member(*label, digest.encode()));
        map_by_label(members)
    }

    fn common(&self) -> Vec<u8> {
        let mut members = Vec::new();
        if !self.dependencies.is_empty() {
            let dependencies = self.dependencies.iter().map(|(index, prefix)| {
                let prefix = prefix.iter().map(|prefix| (dependency::PREFIX, prefix.clone()));
                (*index, map_by_label(prefix.collect()))
            });
            members.push((common::DEPENDENCIES, map_by_label(dependencies.collect())));
        }
        if !self.components.is_empty() {
            let components = encode(|w| {
                w.array(self.components.len());
                self.components.iter().for_each(|component| {
                    w.raw(component);
                });
            });
            members.push((common::COMPONENTS, components));
        }
        if !self.shared.is_empty() {
            members.push((common::SHARED_SEQUENCE, byte_string(&self.shared)));
        }
        map_by_label(members)
    }
}

/// What was decoded, to be changed or encoded again.
impl From<&Manifest<'_>> for ManifestBuilder {
    fn from(decoded: &Manifest<'_>) -> Self {
        let owned = |id: ComponentId<'_>| id.as_bytes().to_vec();
        let mut builder = Self {
            sequence_number: decoded.sequence_number,
            reference_uri: decoded.reference_uri.map(String::from),
            component_id: decoded.component_id.map(owned),
            set_version: decoded.set_version.clone(),
            dependencies: decoded.dependencies.iter().map(|d| (d.index, d.prefix.map(owned))).collect(),
            components: decoded.components.iter().copied().map(owned).collect(),
            ..Self::default()
        };
        if decoded.shared != Sequence::EMPTY {
            builder.shared = decoded.shared.as_bytes().to_vec();
        }
        let sections =
            decoded.sections.iter().map(|(label, section)| (*label, section.map(Sequence::as_bytes)));
        let text = decoded.text.map(|text| (manifest::TEXT, text));
        let coswid = decoded.coswid.map(|coswid| (manifest::COSWID, coswid));
        for (label, member) in sections.chain(text).chain(coswid) {
            match member {
                Severable::Present(content) => builder.sections.push((label, content.to_vec())),
                Severable::Severed(digest) => builder.severed.push((label, digest)),
            }
        }
        builder
    }
}

/// Builds a SUIT_Envelope around an encoded manifest.
#[derive(Clone, Copy, Debug)]
pub struct EnvelopeBuilder<'a> {
    /// The manifest ([`ManifestBuilder::build`]).
    pub manifest: &'a [u8],
    /// Contents of the manifest's severed members by label ([`ManifestBuilder::sever`]).
    pub severed: &'a [(u64, Vec<u8>)],
    /// Integrated payloads and dependencies under their URIs.
    pub payloads: &'a [(&'a str, &'a [u8])],
    /// Algorithm of the manifest's digest.
    pub algorithm: DigestAlgorithm,
    /// Whether the envelope gets its CBOR tag.
    pub tagged: bool,
}

impl<'a> EnvelopeBuilder<'a> {
    /// A tagged envelope with nothing but `manifest`, with SHA-256.
    pub fn new(manifest: &'a [u8]) -> Self {
        Self { manifest, severed: &[], payloads: &[], algorithm: DigestAlgorithm::Sha256, tagged: true }
    }

    /// The encoded SUIT_Digest of the manifest, which is what authentication blocks are made over.
    pub fn digest(&self) -> Vec<u8> {
        byte_string_digest(self.algorithm, self.manifest).encode()
    }

    /// The envelope, signed by each of `keys`.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    pub fn sign(&self, keys: &[SigningKey]) -> Result<Vec<u8>, Error> {
        let authenticators: Vec<_> = keys.iter().map(Authenticator::Sign).collect();
        self.authenticate(&authenticators)
    }

    /// The envelope, with an authentication block by each of `keys`, all over the same digest (REQ-SUIT-099).
    ///
    /// # Errors
    /// When a key cannot do that; what a receiver would refuse: nothing is signed that is malformed, past a
    /// limit, or severed without its content in [`severed`](Self::severed) (REQ-SUIT-105).
    pub fn authenticate(&self, keys: &[Authenticator<'_>]) -> Result<Vec<u8>, Error> {
        let digest = self.digest();
        let blocks = keys.iter().map(|key| key.detached(&digest)).collect::<Result<Vec<_>, _>>()?;
        let bytes = self.build(&blocks);
        Envelope::decode(&bytes)?.check()?;
        Ok(bytes)
    }

    /// The envelope with these authentication blocks, which were made elsewhere over [`digest`](Self::digest):
    /// tagged COSE structures with detached payload. Nothing is checked.
    pub fn build(&self, blocks: &[Vec<u8>]) -> Vec<u8> {
        let severed: Vec<_> =
            self.severed.iter().map(|(label, content)| (*label, byte_string(content))).collect();
        EnvelopeParts {
            digest: &self.digest(),
            blocks: &blocks.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            manifest: self.manifest,
            severed: &severed.iter().map(|(label, item)| (*label, item.as_slice())).collect::<Vec<_>>(),
            payloads: self.payloads,
        }
        .encode(self.tagged)
    }
}

/// All there is in an envelope.
pub(super) struct EnvelopeParts<'a> {
    /// The encoded SUIT_Digest.
    pub(super) digest: &'a [u8],
    pub(super) blocks: &'a [&'a [u8]],
    pub(super) manifest: &'a [u8],
    /// Byte string items.
    pub(super) severed: &'a [(u64, &'a [u8])],
    pub(super) payloads: &'a [(&'a str, &'a [u8])],
}

impl EnvelopeParts<'_> {
    /// Encodes the envelope, in deterministic order.
    pub(super) fn encode(&self, tagged: bool) -> Vec<u8> {
        let wrapper = encode(|w| {
            w.array(self.blocks.len().saturating_add(1)).bytes(self.digest);
            self.blocks.iter().for_each(|block| {
                w.bytes(block);
            });
        });
        let mut severed = self.severed.to_vec();
        severed.sort_by_key(|(label, _)| *label);
        // Of text keys shorter ones come first, then it goes bytewise.
        let mut payloads = self.payloads.to_vec();
        payloads.sort_by_key(|(uri, _)| (uri.len(), *uri));
        encode_exact(|w| {
            if tagged {
                w.tag(TAG_ENVELOPE);
            }
            w.map(severed.len().saturating_add(payloads.len()).saturating_add(2));
            w.uint(envelope::AUTHENTICATION_WRAPPER).bytes(&wrapper);
            w.uint(envelope::MANIFEST).bytes(self.manifest);
            for (label, item) in &severed {
                w.uint(*label).raw(item);
            }
            for (uri, bytes) in &payloads {
                w.text(uri).bytes(bytes);
            }
        })
    }
}

/// A tagged SUIT_Envelope around an encoded manifest, signed by each of `keys`, with integrated
/// `payloads` under their URIs. [`EnvelopeBuilder`] makes others.
///
/// # Errors
/// As [`EnvelopeBuilder::authenticate`].
pub fn encode_envelope(
    manifest: &[u8],
    keys: &[SigningKey],
    payloads: &[(&str, &[u8])],
) -> Result<Vec<u8>, Error> {
    EnvelopeBuilder { payloads, ..EnvelopeBuilder::new(manifest) }.sign(keys)
}

/// The digest of the byte string item with this `content` (suit.md section 7).
fn byte_string_digest(algorithm: DigestAlgorithm, content: &[u8]) -> Digest {
    let mut head = Vec::new();
    bytes_head(&mut head, content.len());
    let mut state = DigestState::new(algorithm);
    state.update(&head);
    state.update(content);
    state.finish()
}

fn byte_string(content: &[u8]) -> Vec<u8> {
    encode(|w| {
        w.bytes(content);
    })
}

/// A map of encoded items, in the order of their labels.
fn map_by_label(mut members: Vec<(u64, Vec<u8>)>) -> Vec<u8> {
    members.sort_by_key(|(label, _)| *label);
    encode(|w| {
        w.map(members.len());
        members.iter().for_each(|(label, item)| {
            w.uint(*label).raw(item);
        });
    })
}
