// SPDX-License-Identifier: Apache-2.0
use crate::{Description, Error};
use teep_proto::cose::SigningKey;
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    ComponentId, Digest, Envelope, ManifestBuilder, Parameter, SequenceBuilder, encode_envelope,
};

/// The key of the integrated payload in the envelopes made here.
pub const PAYLOAD_URI: &str = "#tc";

/// Report on success and failure, in both kinds of report (suit-manifest 8.4.7).
const REPORT_ALWAYS: u64 = 15;
/// Bytes an Update and its signature need around the envelope, rounded up.
const ROOM_FOR_UPDATE: usize = 512;

/// Makes the envelope of `description`, with the image as integrated payload, signed by each of `keys`.
/// The same input gives the same bytes. The image is taken as it is: [`Description::check`] looks at it.
///
/// # Errors
/// [`Error::Description`] when the envelope would not fit an Update, or would not be accepted by the
/// decoder every receiver has; [`Error::Key`] without any key.
pub fn create(description: &Description, keys: &[SigningKey]) -> Result<Vec<u8>, Error> {
    if keys.is_empty() {
        return Err(Error::Key("an envelope needs at least one signature: give a key".to_owned()));
    }
    let encoded_manifest = encode_manifest(description);
    let envelope = encode_envelope(&encoded_manifest, keys, &[(PAYLOAD_URI, &description.image)])?;
    let most = MAX_MESSAGE.saturating_sub(ROOM_FOR_UPDATE);
    if envelope.len() > most {
        return Err(Error::Description(format!(
            "the envelope would have {} bytes, but one TEEP message carries at most {most}: make the Trusted \
             Application smaller",
            envelope.len()
        )));
    }
    let public: Vec<_> = keys.iter().map(SigningKey::public_key).collect();
    Envelope::decode(&envelope)
        .and_then(|decoded| decoded.verify(&public))
        .map_err(|error| Error::Description(format!("the description gives no valid manifest: {error}")))?;
    Ok(envelope)
}

fn encode_manifest(description: &Description) -> Vec<u8> {
    let shared = SequenceBuilder::new()
        .override_parameters(&[
            Parameter::VendorIdentifier(&description.vendor_id),
            Parameter::ClassIdentifier(&description.class_id),
            Parameter::ImageDigest(Digest::of(&description.image)),
            Parameter::ImageSize(description.image.len() as u64),
        ])
        .simple(command::VENDOR_IDENTIFIER, REPORT_ALWAYS)
        .simple(command::CLASS_IDENTIFIER, REPORT_ALWAYS);
    let install = SequenceBuilder::new()
        .override_parameters(&[Parameter::Uri(PAYLOAD_URI)])
        .simple(command::FETCH, REPORT_ALWAYS)
        .simple(command::IMAGE_MATCH, REPORT_ALWAYS);
    let validate = SequenceBuilder::new().simple(command::IMAGE_MATCH, REPORT_ALWAYS);
    let uninstall = SequenceBuilder::new().simple(command::UNLINK, REPORT_ALWAYS);
    ManifestBuilder {
        sequence_number: description.sequence_number,
        reference_uri: description.reference_uri.clone(),
        component_id: Some(ComponentId::encode(&description.manifest_id)),
        components: vec![ComponentId::encode(&description.component_id)],
        shared: shared.build(),
        sections: vec![
            (manifest::VALIDATE, validate.build()),
            (manifest::INSTALL, install.build()),
            (manifest::UNINSTALL, uninstall.build()),
        ],
        ..ManifestBuilder::default()
    }
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Summary, keys};

    fn description(image: Vec<u8>) -> Description {
        Description::new([1; 16], 7, [2; 16], [3; 16], image)
    }

    #[test]
    fn the_envelope_says_what_the_description_says() {
        let key = keys::generate(Algorithm::Esp256).unwrap();
        let described = description(b"image".to_vec());
        let bytes = create(&described, std::slice::from_ref(&key)).unwrap();
        assert_eq!(bytes, create(&described, std::slice::from_ref(&key)).unwrap(), "deterministic");
        let envelope = Envelope::decode(&bytes).unwrap();
        let verified = envelope.verify(&[key.public_key()]).unwrap();
        let manifest = verified.get();
        assert_eq!(manifest.sequence_number, 7);
        assert_eq!(manifest.components.len(), 1);
        assert_eq!(manifest.components[0].to_elements(), described.component_id);
        assert_eq!(manifest.component_id.unwrap().to_elements(), described.manifest_id);
        assert_eq!(envelope.payload(PAYLOAD_URI), Some(&b"image"[..]));
    }

    #[test]
    fn each_of_two_signers_suffices() {
        let both = [Algorithm::Esp256, Algorithm::Ed25519].map(|a| keys::generate(a).unwrap());
        let bytes = create(&description(b"image".to_vec()), &both).unwrap();
        for key in &both {
            Summary::verified(&bytes, &[key.public_key()]).unwrap();
        }
        let stranger = keys::generate(Algorithm::Esp256).unwrap().public_key();
        assert!(Summary::verified(&bytes, &[stranger]).unwrap_err().is_refusal());
    }

    #[test]
    fn what_no_device_would_take_is_not_made() {
        let key = [keys::generate(Algorithm::Esp256).unwrap()];
        let too_long = create(&description(vec![0; MAX_MESSAGE]), &key).unwrap_err();
        assert!(too_long.to_string().contains("smaller"), "{too_long}");
        let mut odd = description(b"image".to_vec());
        odd.component_id = vec![vec![0; 300]];
        assert!(matches!(create(&odd, &key), Err(Error::Description(_))));
        assert!(matches!(create(&description(vec![]), &[]), Err(Error::Key(_))));
    }
}
