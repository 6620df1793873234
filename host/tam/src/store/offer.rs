// SPDX-License-Identifier: Apache-2.0
use teep_proto::cose::PublicKey;
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::{Argument, ComponentId, Digest, Envelope, Index, Manifest, Parameter};
use teep_proto::{Error, Kind};

/// A manifest a TAM can send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it is called in logs and lists.
    pub name: String,
    /// What it installs.
    pub components: Vec<OfferedComponent>,
    /// suit-manifest-sequence-number.
    pub sequence_number: u64,
    /// The SUIT envelope.
    pub envelope: Vec<u8>,
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
    /// What `envelope` offers, if one of `signers` signed it. Whoever builds an [`Offer`] otherwise vouches
    /// for what it says.
    ///
    /// # Errors
    /// When it is malformed, too large for one message, signed by none of `signers` (REQ-TEEP-111), or carries a
    /// payload that was changed.
    pub fn verified(name: String, envelope: Vec<u8>, signers: &[PublicKey]) -> Result<Self, Error> {
        if envelope.len() > MAX_MESSAGE {
            return Err(Error {
                kind: Kind::TooLarge,
                what: "an envelope that fits one message",
                offset: 0,
                path: Vec::new(),
            });
        }
        let decoded = Envelope::decode(&envelope)?;
        let verified = decoded.verify(signers)?;
        teep_suit::check_payloads(&decoded, verified.get()).map_err(|_| Error {
            kind: Kind::Unauthenticated,
            what: "a payload was changed: it does not have the digest that was signed",
            offset: 0,
            path: Vec::new(),
        })?;
        let (components, sequence_number) = (components(verified.get())?, verified.get().sequence_number);
        Ok(Self { name, components, sequence_number, envelope })
    }

    /// The component `id` of this offer.
    pub fn component(&self, id: &ComponentId<'_>) -> Option<&OfferedComponent> {
        self.components.iter().find(|component| component.id == id.as_bytes())
    }
}

/// The components with the digests the shared sequence sets. What a try-each or run-sequence sets depends on
/// the device and is left open.
fn components(manifest: &Manifest<'_>) -> Result<Vec<OfferedComponent>, Error> {
    let mut components: Vec<OfferedComponent> = manifest
        .components
        .iter()
        .map(|id| OfferedComponent { id: id.as_bytes().to_vec(), digest: None })
        .collect();
    let mut current = Index::One(0);
    for command in manifest.shared.instructions()? {
        match command?.argument {
            Argument::Index(index) => current = index,
            Argument::Parameters(parameters) => {
                for parameter in parameters.iter()? {
                    if let Parameter::ImageDigest(digest) = parameter? {
                        set_digest(&mut components, &current, digest);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(components)
}

fn set_digest(components: &mut [OfferedComponent], index: &Index, digest: Digest) {
    for (number, component) in (0u64..).zip(components) {
        let meant = match index {
            Index::One(one) => *one == number,
            Index::All => true,
            Index::Several(list) => list.contains(&number),
        };
        if meant {
            component.digest = Some(digest);
        }
    }
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
