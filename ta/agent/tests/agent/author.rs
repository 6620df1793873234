// SPDX-License-Identifier: Apache-2.0
//! Manifests: good ones, and what a test needs to bend them before they are signed.

use crate::support::*;
use teep_agent::config::TrustStore;
use teep_proto::cose::{
    AgreementKey, CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, EncryptTo, KeyWrap, SigningKey, encrypt,
};
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    ComponentId, Digest, Envelope, ManifestBuilder, Parameter, SequenceBuilder, encode_envelope, text,
};
use teep_sim::ta_image;

/// A manifest for a TA, whose payload is in the envelope.
pub(crate) struct Author {
    pub(crate) manifest: ManifestBuilder,
    pub(crate) image: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) vendor: [u8; 16],
    pub(crate) key: SigningKey,
    /// suit-uninstall.
    pub(crate) uninstall: Vec<u8>,
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
            component_id: Some(manifest_id(uuid)),
            components: vec![ComponentId::encode(&text::native_ta(uuid))],
            ..ManifestBuilder::default()
        };
        let uninstall = SequenceBuilder::new().simple(command::UNLINK, 15).build();
        Self { manifest, payload: image.clone(), image, vendor: VENDOR, key: signer_key(), uninstall }
    }

    pub(crate) fn envelope(self) -> Vec<u8> {
        let payload = self.payload.clone();
        self.sealed(Parameter::Uri("#tc"), false, &[("#tc", &payload)])
    }

    /// The payload is at `uri`. With `open` another manifest may move it.
    pub(crate) fn fetched_from(self, uri: &str, open: bool) -> Vec<u8> {
        self.sealed(Parameter::Uri(uri), open, &[])
    }

    fn sealed(mut self, uri: Parameter<'_>, open: bool, payloads: &[(&str, &[u8])]) -> Vec<u8> {
        let shared = SequenceBuilder::new()
            .override_parameters(&[
                Parameter::VendorIdentifier(&self.vendor),
                Parameter::ClassIdentifier(&CLASS),
                Parameter::ImageDigest(Digest::of(&self.image)),
                Parameter::ImageSize(self.image.len() as u64),
            ])
            .simple(command::VENDOR_IDENTIFIER, 15)
            .simple(command::CLASS_IDENTIFIER, 15);
        let install = SequenceBuilder::new();
        let install = if open { install.set_parameters(&[uri]) } else { install.override_parameters(&[uri]) }
            .simple(command::FETCH, 15)
            .simple(command::IMAGE_MATCH, 15);
        self.manifest.shared = shared.build();
        self.manifest.sections =
            vec![(manifest::INSTALL, install.build()), (manifest::UNINSTALL, self.uninstall)];
        encode_envelope(&self.manifest.build(), &[self.key], payloads).expect("signs")
    }
}

/// An author of a manifest that brings `store`, whose signer may.
pub(crate) fn trust_author(store: &TrustStore) -> Author {
    let payload = store.encode();
    let mut author = Author::new(1);
    author.manifest.sequence_number = store.sequence_number;
    author.manifest.component_id = Some(ComponentId::encode(&text::trust_store_manifest()));
    author.manifest.components = vec![ComponentId::encode(&text::trust_store())];
    Author { image: payload.clone(), payload, key: trust_signer_key(), ..author }
}

/// The envelope of a well-made manifest that brings `store`.
pub(crate) fn trust_envelope(store: &TrustStore) -> Vec<u8> {
    trust_author(store).envelope()
}

/// The built-in trust store, changed, with a sequence number.
pub(crate) fn trust_store(sequence_number: u64, change: impl FnOnce(&mut TrustStore)) -> TrustStore {
    let mut store = TrustStore { sequence_number, ..configuration().trust };
    change(&mut store);
    store
}

/// The envelope of a well-made manifest for the TA.
pub(crate) fn envelope(sequence_number: u64) -> Vec<u8> {
    Author::new(sequence_number).envelope()
}

/// Identifier of the manifest of the TA `uuid`.
pub(crate) fn manifest_id(uuid: [u8; 16]) -> Vec<u8> {
    ComponentId::encode(&text::native_ta_manifest(uuid))
}

/// Identifier below "TEEP-Device", "SecureFS".
pub(crate) fn name(name: &str) -> Vec<u8> {
    ComponentId::encode(&["TEEP-Device", "SecureFS", name])
}

/// What a manifest depends on: its identifier and its envelope.
pub(crate) struct Needed<'a> {
    pub(crate) id: Vec<u8>,
    pub(crate) uri: &'a str,
    pub(crate) envelope: &'a [u8],
}

impl<'a> Needed<'a> {
    /// The manifest of the TA `uuid`.
    pub(crate) fn ta(uuid: [u8; 16], uri: &'a str, envelope: &'a [u8]) -> Self {
        Self { id: manifest_id(uuid), uri, envelope }
    }
}

/// A data component.
pub(crate) enum Data<'a> {
    /// In the manifest.
    Clear(&'a [u8]),
    /// In the manifest, encrypted to a device.
    Encrypted(&'a [u8], AgreementKey),
    /// A dependency brings it, and fetches it from this URI if it lets itself be told.
    Moved(&'a str),
}

/// A manifest for data, with dependencies.
pub(crate) struct DataAuthor<'a> {
    pub(crate) id: Vec<u8>,
    pub(crate) sequence_number: u64,
    pub(crate) components: Vec<(Vec<u8>, Data<'a>)>,
    pub(crate) needs: Vec<Needed<'a>>,
    pub(crate) key: SigningKey,
}

impl<'a> DataAuthor<'a> {
    /// A manifest `name.suit` with the data component `name`.
    pub(crate) fn new(of: &str, data: Data<'a>) -> Self {
        Self {
            id: name(&format!("{of}.suit")),
            sequence_number: 1,
            components: vec![(name(of), data)],
            needs: Vec::new(),
            key: signer_key(),
        }
    }

    pub(crate) fn needing(mut self, needed: Needed<'a>) -> Self {
        self.needs.push(needed);
        self
    }

    /// The envelope; dependencies whose URIs begin with "#" are in it.
    pub(crate) fn envelope(self) -> Vec<u8> {
        let count = self.components.len() as u64;
        let several = self.components.len() + self.needs.len() > 1;
        let at = |sequence: SequenceBuilder, index| {
            if several { sequence.set_component_index(index) } else { sequence }
        };
        let mut shared = SequenceBuilder::new();
        let (mut resolve, mut install, mut validate, mut uninstall) =
            (SequenceBuilder::new(), SequenceBuilder::new(), SequenceBuilder::new(), SequenceBuilder::new());
        for ((_, data), index) in self.components.iter().zip(0..) {
            if let Data::Moved(uri) = data {
                // Parameters belong to component identities, and the dependency's component is this one too.
                install = at(install, index).set_parameters(&[Parameter::Uri(uri)]);
            }
        }
        for (needed, index) in self.needs.iter().zip(count..) {
            let digest = Envelope::decode(needed.envelope).expect("an envelope").claimed_digest();
            shared = at(shared, index).override_parameters(&[Parameter::ImageDigest(digest)]);
            resolve = at(resolve, index)
                .override_parameters(&[Parameter::Uri(needed.uri)])
                .simple(command::FETCH, 15)
                .simple(command::DEPENDENCY_INTEGRITY, 15)
                .simple(command::PROCESS_DEPENDENCY, 15);
            install = at(install, index)
                .simple(command::DEPENDENCY_INTEGRITY, 15)
                .simple(command::PROCESS_DEPENDENCY, 15);
            uninstall = at(uninstall, index)
                .simple(command::DEPENDENCY_INTEGRITY, 15)
                .simple(command::PROCESS_DEPENDENCY, 15);
        }
        for ((_, data), index) in self.components.iter().zip(0..) {
            uninstall = at(uninstall, index).simple(command::UNLINK, 15);
            let ids = [Parameter::VendorIdentifier(&VENDOR), Parameter::ClassIdentifier(&CLASS)];
            shared = at(shared, index)
                .override_parameters(&ids)
                .simple(command::VENDOR_IDENTIFIER, 15)
                .simple(command::CLASS_IDENTIFIER, 15);
            let plain = match data {
                Data::Clear(plain) | Data::Encrypted(plain, _) => *plain,
                Data::Moved(_) => continue,
            };
            install = at(install, index);
            install = if let Data::Encrypted(plain, device) = data {
                let (ciphertext, info) = sealed(plain, device);
                install
                    .override_parameters(&[Parameter::Content(&ciphertext), Parameter::EncryptionInfo(&info)])
            } else {
                install.override_parameters(&[Parameter::Content(plain)])
            };
            install = install.simple(command::WRITE, 15);
            let digest = [Parameter::ImageDigest(Digest::of(plain))];
            validate = at(validate, index).override_parameters(&digest).simple(command::IMAGE_MATCH, 15);
        }
        let builder = ManifestBuilder {
            sequence_number: self.sequence_number,
            component_id: Some(self.id),
            dependencies: self.needs.iter().zip(count..).map(|(n, i)| (i, Some(n.id.clone()))).collect(),
            components: self.components.iter().map(|(id, _)| id.clone()).collect(),
            shared: shared.build(),
            sections: [
                (manifest::DEPENDENCY_RESOLUTION, resolve.build()),
                (manifest::INSTALL, install.build()),
                (manifest::VALIDATE, validate.build()),
                (manifest::UNINSTALL, uninstall.build()),
            ]
            .into_iter()
            .filter(|(_, sequence)| sequence != &SequenceBuilder::new().build())
            .collect(),
            ..ManifestBuilder::default()
        };
        let integrated: Vec<_> =
            self.needs.iter().filter(|n| n.uri.starts_with('#')).map(|n| (n.uri, n.envelope)).collect();
        encode_envelope(&builder.build(), &[self.key], &integrated).expect("signs")
    }
}

/// `plain` encrypted to `device`, and how.
pub(crate) fn sealed(plain: &[u8], device: &AgreementKey) -> (Vec<u8>, Vec<u8>) {
    let to = [EncryptTo::Agreement(device, KeyWrap::A128Kw)];
    let mut seed = 0u8;
    let mut random = |bytes: &mut [u8]| {
        seed = seed.wrapping_add(1);
        bytes.fill(seed);
        Ok(())
    };
    let made = encrypt(ContentAlgorithm::A128Gcm, &to, plain, CONTEXT_SUIT_PAYLOAD, &mut random, false)
        .expect("encrypts");
    (made.ciphertext.expect("detached"), made.structure)
}
