// SPDX-License-Identifier: Apache-2.0
//! The device of a vector, in memory.

use super::vector::{Component, Expected, Hex, Procedure, Record, Signer, Vector};
use crate::component;
use crate::processor::{Content, Ended, Policy, Staged, Stop, World, uninstall, update};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use teep_proto::cose::{
    Accept, AgreementSecret, CONTEXT_SUIT_PAYLOAD, Encrypted, PublicKey, RecipientKey, SymmetricKey,
    Thumbprint, Verified,
};
use teep_proto::suit::{ComponentId, Digest, DigestAlgorithm, Envelope, Manifest, Parameter, Reason};

/// A device.
pub(super) struct Device<'v> {
    vector: &'v Vector,
    vendor_ids: Vec<[u8; 16]>,
    class_ids: Vec<[u8; 16]>,
    signers: Vec<PublicKey>,
    mac_keys: Vec<SymmetricKey>,
    /// URIs whose payloads are there.
    arrived: Vec<String>,
    /// One that is wanted.
    wanted: Option<String>,
    staged: Vec<&'static [u8]>,
    links: Vec<(Hex, Hex)>,
}

fn uuid(hex: &Hex) -> [u8; 16] {
    hex.0.as_slice().try_into().expect("16 bytes")
}

fn leak(bytes: &[u8]) -> &'static [u8] {
    Box::leak(bytes.to_vec().into_boxed_slice())
}

fn fail(reason: Reason, text: &'static str) -> Stop {
    Stop::Fail(reason, text.into())
}

fn begins(id: &ComponentId<'_>, prefixes: &[Hex]) -> bool {
    prefixes.iter().any(|prefix| id.starts_with(&ComponentId::decode(&prefix.0).expect("a prefix")))
}

fn hex_of(id: &ComponentId<'_>) -> Hex {
    Hex(id.as_bytes().to_vec())
}

impl<'v> Device<'v> {
    fn new(vector: &'v Vector, arrived: Vec<String>) -> Self {
        let keys = || vector.device.signers.iter().map(|signer| &signer.key.0);
        Self {
            vector,
            vendor_ids: vector.device.vendor_ids.iter().map(uuid).collect(),
            class_ids: vector.device.class_ids.iter().map(uuid).collect(),
            signers: keys().filter_map(|key| PublicKey::from_cose_key(key).ok()).collect(),
            mac_keys: keys().filter_map(|key| SymmetricKey::from_cose_key(key).ok()).collect(),
            arrived,
            wanted: None,
            staged: Vec::new(),
            links: vector.device.links.clone(),
        }
    }

    fn installed(&self, id: &ComponentId<'_>) -> Option<&'static [u8]> {
        let device = &self.vector.device;
        let mut all = device.components.iter().chain(&device.manifests);
        all.find(|stored| component::same(&stored.id.0, id.as_bytes())).map(|stored| leak(&stored.bytes.0))
    }

    fn bytes(&self, id: &ComponentId<'_>, content: Content<'static>) -> Option<&'static [u8]> {
        match content {
            Content::Installed => self.installed(id),
            Content::Bytes(bytes) => Some(bytes),
            Content::Staged(staged) => {
                let bytes = self.staged[usize::try_from(staged.object).expect("a number")];
                assert_eq!(bytes.len() as u64, staged.size);
                Some(bytes)
            }
        }
    }

    fn stage(&mut self, bytes: &[u8]) -> Content<'static> {
        let staged = Staged { object: self.staged.len() as u64, size: bytes.len() as u64 };
        self.staged.push(leak(bytes));
        Content::Staged(staged)
    }

    fn keys(&self) -> Vec<RecipientKey> {
        let key = |key: &Hex| match AgreementSecret::from_cose_key(&key.0) {
            Ok(secret) => RecipientKey::Agreement(secret),
            Err(_) => RecipientKey::Symmetric(SymmetricKey::from_cose_key(&key.0).expect("a key")),
        };
        self.vector.device.decryption_keys.iter().map(key).collect()
    }
}

impl World<'static> for Device<'_> {
    fn policy(&self) -> Policy {
        Policy {
            strict_dependencies: self.vector.device.strict_dependencies,
            unnamed_manifests: self.vector.device.unnamed_manifests,
        }
    }

    fn vendor_ids(&self) -> &[[u8; 16]] {
        &self.vendor_ids
    }

    fn class_ids(&self) -> &[[u8; 16]] {
        &self.class_ids
    }

    fn device_id(&self) -> Option<[u8; 16]> {
        self.vector.device.device_id.as_ref().map(uuid)
    }

    fn authorise(
        &mut self,
        signer: Thumbprint,
        id: &ComponentId<'static>,
        command: Option<i64>,
    ) -> Result<(), Stop> {
        // Who made a MAC is not told, so that there is one such signer at most.
        let is = |anchor: &&Signer| {
            let key = PublicKey::from_cose_key(&anchor.key.0);
            key.map_or(self.signers.is_empty(), |key| key.thumbprint() == signer)
        };
        let anchor = self.vector.device.signers.iter().find(is);
        let may = anchor.is_some_and(|anchor| {
            let commands = anchor.commands.as_ref();
            let may_do = |command| commands.is_none_or(|list: &Vec<i64>| list.contains(&command));
            begins(id, &anchor.prefixes) && command.is_none_or(may_do)
        });
        if may { Ok(()) } else { Err(fail(Reason::ComponentUnauthorised, "the signer has no right to it")) }
    }

    fn supports(&mut self, id: &ComponentId<'static>) -> Result<(), Stop> {
        let supported = begins(id, &self.vector.device.supported);
        if supported {
            Ok(())
        } else {
            Err(fail(Reason::ComponentUnsupported, "no component of this device"))
        }
    }

    fn size(&mut self, id: &ComponentId<'static>, content: Content<'static>) -> Result<Option<u64>, Stop> {
        Ok(self.bytes(id, content).map(|bytes| bytes.len() as u64))
    }

    fn matches(
        &mut self,
        id: &ComponentId<'static>,
        content: Content<'static>,
        digest: &Digest,
    ) -> Result<bool, Stop> {
        Ok(self.bytes(id, content).is_some_and(|bytes| digest.matches(bytes)))
    }

    fn digest(
        &mut self,
        id: &ComponentId<'static>,
        content: Content<'static>,
        algorithm: DigestAlgorithm,
    ) -> Result<Option<Digest>, Stop> {
        Ok(self.bytes(id, content).map(|bytes| algorithm.digest(bytes)))
    }

    fn equals(
        &mut self,
        id: &ComponentId<'static>,
        content: Content<'static>,
        expected: &[u8],
    ) -> Result<bool, Stop> {
        Ok(self.bytes(id, content) == Some(expected))
    }

    fn fetch(
        &mut self,
        uri: &'static str,
        _: Option<Digest>,
        limit: Option<u64>,
    ) -> Result<Content<'static>, Stop> {
        if !self.arrived.iter().any(|known| known == uri) {
            self.wanted = Some(uri.to_owned());
            return Err(Stop::Suspended);
        }
        let found = self.vector.device.network.iter().find(|resource| resource.uri == uri);
        let bytes = &found.ok_or_else(|| fail(Reason::OperationFailed, "not found"))?.bytes.0;
        if limit.is_some_and(|limit| bytes.len() as u64 > limit) {
            return Err(fail(Reason::OperationFailed, "more bytes than there may be"));
        }
        Ok(self.stage(bytes))
    }

    fn decrypt(
        &mut self,
        source_id: &ComponentId<'static>,
        source: Content<'static>,
        info: &'static [u8],
    ) -> Result<Content<'static>, Stop> {
        let ciphertext = self.bytes(source_id, source).expect("a source");
        let plaintext = Encrypted::decode(info)
            .and_then(|info| info.decrypt(&self.keys(), CONTEXT_SUIT_PAYLOAD, Some(ciphertext)));
        match plaintext {
            Ok(plaintext) => Ok(self.stage(&plaintext)),
            Err(error) => Err(Stop::Fail(Reason::OperationFailed, error.what.into())),
        }
    }

    fn copy(
        &mut self,
        source_id: &ComponentId<'static>,
        source: Content<'static>,
    ) -> Result<Content<'static>, Stop> {
        if component::native_ta(source_id.as_bytes()).is_some() {
            return Err(fail(Reason::OperationFailed, "a native TA cannot be read back"));
        }
        let bytes = self.bytes(source_id, source).expect("a source");
        Ok(self.stage(bytes))
    }

    fn open(&mut self, id: &ComponentId<'static>, content: Content<'static>) -> Result<&'static [u8], Stop> {
        self.bytes(id, content).ok_or_else(|| fail(Reason::OperationFailed, "no such manifest"))
    }

    fn verify(&mut self, envelope: &Envelope<'static>) -> Result<Verified<Manifest<'static>>, Stop> {
        let accept = Accept { es256: self.vector.device.accept_es256, ..Accept::default() };
        if self.signers.is_empty() {
            return Ok(envelope.verify_mac(&self.mac_keys)?);
        }
        Ok(envelope.verify_with(&self.signers, accept)?)
    }

    fn floor(&mut self, manifest_id: &ComponentId<'static>) -> Option<u64> {
        let mut floors = self.vector.device.floors.iter();
        floors.find(|floor| floor.id == hex_of(manifest_id)).map(|floor| floor.sequence_number)
    }

    fn overwritable(
        &mut self,
        id: &ComponentId<'static>,
        running: &[ComponentId<'static>],
    ) -> Result<(), Stop> {
        let foreign = |(from, to): &(Hex, Hex)| {
            component::same(&to.0, id.as_bytes()) && !running.iter().any(|known| known.as_bytes() == from.0)
        };
        if self.links.iter().any(foreign) {
            return Err(fail(Reason::OperationFailed, "another manifest needs it"));
        }
        Ok(())
    }

    fn unlink_component(
        &mut self,
        manifest_id: &ComponentId<'static>,
        id: &ComponentId<'static>,
    ) -> Result<(), Stop> {
        self.links
            .retain(|(from, to)| *from != hex_of(manifest_id) || !component::same(&to.0, id.as_bytes()));
        Ok(())
    }

    fn unlink_dependency(
        &mut self,
        manifest_id: &ComponentId<'static>,
        dependency_id: &ComponentId<'static>,
    ) -> Result<Option<&'static [u8]>, Stop> {
        let before = self.links.len();
        self.unlink_component(manifest_id, dependency_id)?;
        let is_needed = self.links.iter().any(|(_, to)| *to == hex_of(dependency_id));
        if is_needed || self.links.len() == before { Ok(None) } else { Ok(self.installed(dependency_id)) }
    }
}

/// What becomes of `vector`.
pub(super) fn run(vector: &Vector) -> Expected {
    match ended(vector) {
        Ok(expected) => expected,
        Err(Ended::Failed(failure)) => Expected::Refused {
            reason: failure.reason as u8,
            record: record(&failure.record),
            text: failure.text.to_string(),
            records: failure.records.iter().map(record).collect(),
        },
        Err(other) => panic!("{other:?}"),
    }
}

/// Runs the procedure of `vector`, as often as it waits for the network.
pub(super) fn ended(vector: &Vector) -> Result<Expected, Ended> {
    let envelope = Envelope::decode(leak(&vector.envelope.0)).expect("an envelope");
    let mut arrived = Vec::new();
    loop {
        let mut device = Device::new(vector, arrived.clone());
        let ended = match vector.procedure {
            Procedure::Update => run_update(&mut device, &envelope),
            Procedure::Uninstall => {
                let id = leak(&vector.manifest_id.as_ref().expect("an identifier").0);
                uninstall(&mut device, ComponentId::decode(id).expect("an identifier"), &envelope)
                    .map(|()| Expected::Removed { links: device.links.clone() })
            }
        };
        let Err(Ended::Suspended) = ended else { return ended };
        arrived.push(device.wanted.take().expect("something is wanted"));
        assert!(arrived.len() < 20, "it waits for the same payload again and again");
    }
}

fn run_update(device: &mut Device<'_>, envelope: &Envelope<'static>) -> Result<Expected, Ended> {
    let verified = device.verify(envelope).expect("a signature by a signer of the device");
    let installed = update(device, envelope, &verified)?;
    let components = installed.components.iter().map(|component| Component {
        id: hex_of(&component.id),
        digest: Hex(component.digest.encode()),
        bytes: match component.content {
            Content::Installed => None,
            content => device.bytes(&component.id, content).map(|bytes| Hex(bytes.to_vec())),
        },
        confidential: component.confidential,
    });
    Ok(Expected::Installed {
        components: components.collect(),
        manifests: installed.manifests.iter().map(|manifest| hex_of(&manifest.id)).collect(),
        records: installed.records.iter().map(record).collect(),
    })
}

fn record(record: &teep_proto::suit::Record<'_>) -> Record {
    let mut kept = Record {
        manifest_id: record.manifest_id.clone(),
        section: record.section,
        offset: record.offset,
        component_index: record.component_index,
        ..Record::default()
    };
    for property in &record.properties {
        match property {
            Parameter::ImageDigest(digest) => kept.digest = Some(Hex(digest.encode())),
            Parameter::ImageSize(size) => kept.size = Some(*size),
            other => panic!("a property {other:?}"),
        }
    }
    kept
}
