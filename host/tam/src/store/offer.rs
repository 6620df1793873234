// SPDX-License-Identifier: Apache-2.0
use crate::attestation::now;
use teep_proto::cose::{Accept, Anchor, Thumbprint};
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::labels::{command as command_code, manifest as manifest_label};
use teep_proto::suit::{Argument, ComponentId, Digest, Envelope, Index, Manifest, Parameter, Section};
use teep_proto::{Error, Kind};

/// A manifest a TAM can send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it is called in logs and lists.
    pub name: String,
    /// The one device it is for; `None`: any.
    pub agent: Option<Thumbprint>,
    /// suit-manifest-component-id, encoded: under this the device keeps the manifest.
    pub manifest_id: Option<Vec<u8>>,
    /// Digest of the manifest, by which a dependent names it.
    pub digest: Digest,
    /// Manifests it depends on.
    pub dependencies: Vec<OfferedDependency>,
    /// What it installs.
    pub components: Vec<OfferedComponent>,
    /// suit-manifest-sequence-number.
    pub sequence_number: u64,
    /// The SUIT envelope.
    pub envelope: Vec<u8>,
}

/// A manifest on which another one depends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedDependency {
    /// Its identifier, encoded.
    pub id: Vec<u8>,
    /// The digest it has to have, if the dependent's shared sequence says it outright.
    pub digest: Option<Digest>,
    /// Whether the dependent brings it along, in its envelope or by a URI; otherwise it has to be sent before.
    pub is_brought: bool,
}

/// A component of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedComponent {
    /// Its identifier, encoded.
    pub id: Vec<u8>,
    /// Its image digest, if the manifest's shared sequence says it outright.
    pub digest: Option<Digest>,
}

impl Offer {
    /// What `envelope` offers, if one of `signers` signed it: one of these keys, or one below these CAs with certificates
    /// that are valid now. Whoever builds an [`Offer`] otherwise vouches for what it says.
    ///
    /// # Errors
    /// When it is malformed, too large for one message, signed by none of `signers` (REQ-TEEP-111), or carries a
    /// payload that was changed.
    pub fn verified(name: String, envelope: Vec<u8>, signers: &[impl Anchor]) -> Result<Self, Error> {
        // By a clock before 1970 no certificate is valid yet.
        let now = now().and_then(|now| u64::try_from(now).ok()).unwrap_or_default();
        Self::verified_at(name, envelope, signers, Some(now))
    }

    /// As [`verified`](Self::verified), with certificates that are valid at `now`, in seconds since 1970, or with `None`
    /// whenever.
    pub(super) fn verified_at(
        name: String,
        envelope: Vec<u8>,
        signers: &[impl Anchor],
        now: Option<u64>,
    ) -> Result<Self, Error> {
        let decoded = decode(&envelope)?;
        let verified = decoded.verify_with(signers, Accept { now, ..Accept::default() })?;
        teep_suit::check_payloads(&decoded, verified.get()).map_err(|_| Error {
            kind: Kind::Unauthenticated,
            what: "a payload was changed: it does not have the digest that was signed",
            offset: 0,
            path: Vec::new(),
        })?;
        let offer = Self::of_manifest(name, &decoded, verified.get())?;
        Ok(Self { envelope, ..offer })
    }

    /// A manifest that devices are to give up, whoever signed it: to have that done is the right of the TAM alone.
    ///
    /// # Errors
    /// When it is malformed or too large for one message.
    pub fn withdrawn(name: String, envelope: Vec<u8>) -> Result<Self, Error> {
        let decoded = decode(&envelope)?;
        let offer = Self::of_manifest(name, &decoded, &decoded.inspect()?)?;
        Ok(Self { envelope, ..offer })
    }

    /// What `manifest` offers, which is in the envelope `decoded`, but for the envelope itself.
    fn of_manifest(name: String, decoded: &Envelope<'_>, manifest: &Manifest<'_>) -> Result<Self, Error> {
        let digests = shared_digests(manifest)?;
        let mut components: Vec<_> = (0u64..)
            .zip(&manifest.components)
            .map(|(index, id)| OfferedComponent { id: id.as_bytes().to_vec(), digest: of(&digests, index) })
            .collect();
        let mut dependencies = Vec::new();
        for dependency in &manifest.dependencies {
            let Some(id) = manifest.identity(dependency.index) else { continue };
            dependencies.push(OfferedDependency {
                id: id.as_bytes().to_vec(),
                digest: of(&digests, dependency.index),
                is_brought: is_fetched(manifest, dependency.index)?,
            });
        }
        // What the dependencies in its envelope install, it installs.
        for (_, bytes) in decoded.payloads() {
            let Ok(inner) = Envelope::decode(bytes).and_then(|inner| inner.inspect()) else { continue };
            let inner_digests = shared_digests(&inner)?;
            for (index, id) in (0u64..).zip(&inner.components) {
                let (id, digest) = (id.as_bytes(), of(&inner_digests, index));
                match components.iter_mut().find(|component| component.id == id) {
                    Some(component) => component.digest = component.digest.or(digest),
                    None => components.push(OfferedComponent { id: id.to_vec(), digest }),
                }
            }
        }
        Ok(Self {
            name,
            agent: None,
            manifest_id: manifest.component_id.map(|id| id.as_bytes().to_vec()),
            digest: decoded.claimed_digest(),
            dependencies,
            components,
            sequence_number: manifest.sequence_number,
            envelope: Vec::new(),
        })
    }

    /// The same offer, for one device only.
    pub fn only_for(self, agent: Thumbprint) -> Self {
        Self { agent: Some(agent), ..self }
    }

    /// Whether it depends on `other`, in this version.
    pub fn depends_on(&self, other: &Self) -> bool {
        self.dependencies.iter().any(|dependency| dependency.is_met_by(other))
    }

    /// The component `id` of this offer.
    pub fn component(&self, id: &ComponentId<'_>) -> Option<&OfferedComponent> {
        self.components.iter().find(|component| component.id == id.as_bytes())
    }
}

impl OfferedDependency {
    /// Whether `offer` is the manifest that is meant.
    pub fn is_met_by(&self, offer: &Offer) -> bool {
        offer.manifest_id.as_ref() == Some(&self.id)
            && self.digest.is_none_or(|digest| digest == offer.digest)
    }
}

/// The digests the shared sequence sets, in order. What a try-each or run-sequence sets depends on the device and is
/// left open.
fn shared_digests(manifest: &Manifest<'_>) -> Result<Vec<(Index, Digest)>, Error> {
    let mut digests = Vec::new();
    let mut current = Index::One(0);
    // A manifest with nothing but one dependency has no need to say which index is meant.
    if let (true, [only]) = (manifest.components.is_empty(), manifest.dependencies.as_slice()) {
        current = Index::One(only.index);
    }
    for command in manifest.shared.instructions()? {
        match command?.argument {
            Argument::Index(index) => current = index,
            Argument::Parameters(parameters) => {
                for parameter in parameters.iter()? {
                    if let Parameter::ImageDigest(digest) = parameter? {
                        digests.push((current.clone(), digest));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(digests)
}

/// The last digest set for the component or dependency `number`.
fn of(digests: &[(Index, Digest)], number: u64) -> Option<Digest> {
    let meant = |index: &Index| match index {
        Index::One(one) => *one == number,
        Index::All => true,
        Index::Several(list) => list.contains(&number),
    };
    digests.iter().rev().find(|(index, _)| meant(index)).map(|(_, digest)| *digest)
}

/// Whether the manifest fetches its dependency `number` itself.
fn is_fetched(manifest: &Manifest<'_>, number: u64) -> Result<bool, Error> {
    let Some(Section::Present(resolution)) = manifest.section(manifest_label::DEPENDENCY_RESOLUTION) else {
        return Ok(false);
    };
    // As in the shared sequence, one dependency alone is meant without an index.
    let (mut selected, mut fetched) = (manifest.components.is_empty(), false);
    for command in resolution.instructions()? {
        let command = command?;
        match command.argument {
            Argument::Index(Index::One(index)) => selected = index == number,
            Argument::Index(Index::Several(list)) => selected = list.contains(&number),
            Argument::Index(Index::All) => selected = true,
            _ => fetched |= selected && command.code == command_code::FETCH,
        }
    }
    Ok(fetched)
}

fn decode(envelope: &[u8]) -> Result<Envelope<'_>, Error> {
    if envelope.len() > MAX_MESSAGE {
        let what = "an envelope that fits one message";
        return Err(Error { kind: Kind::TooLarge, what, offset: 0, path: Vec::new() });
    }
    Envelope::decode(envelope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use teep_proto::suit::{ManifestBuilder, SequenceBuilder, encode_envelope};
    use teep_suit::{Algorithm, keys};

    #[test]
    fn digests_go_to_the_components_the_manifest_names() {
        let digests = [1u8, 2, 3].map(|n| Digest::sha256([n; 32]));
        let of = |digest| [Parameter::ImageDigest(digest)];
        let hidden = SequenceBuilder::new().override_parameters(&of(Digest::sha256([9; 32]))).build();
        let shared = SequenceBuilder::new()
            .override_parameters(&of(digests[0]))
            .set_component_index(1)
            .override_parameters(&of(digests[1]))
            .set_component_index(2)
            .try_each(&[Some(hidden), None])
            .build();
        let ids = [b"a", b"b", b"c"].map(|id| ComponentId::encode(&[id]));
        let manifest = ManifestBuilder {
            sequence_number: 4,
            components: ids.to_vec(),
            shared,
            ..ManifestBuilder::default()
        };
        let key = keys::generate(Algorithm::Esp256).unwrap();
        let envelope = encode_envelope(&manifest.build(), std::slice::from_ref(&key), &[]).unwrap();
        let offer = Offer::verified("x".to_owned(), envelope.clone(), &[key.public_key()]).unwrap();
        let found: Vec<Option<Digest>> = offer.components.iter().map(|c| c.digest).collect();
        assert_eq!(found, [Some(digests[0]), Some(digests[1]), None]);
        assert_eq!(offer.sequence_number, 4);
        assert!(offer.component(&ComponentId::decode(&ids[2]).unwrap()).is_some());
        let other = keys::generate(Algorithm::Esp256).unwrap().public_key();
        let refused = Offer::verified("x".to_owned(), envelope, &[other]).unwrap_err();
        assert_eq!(refused.kind, Kind::Unauthenticated);
    }
}
