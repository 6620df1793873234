// SPDX-License-Identifier: Apache-2.0
//! The examples of the protocol document: a Trusted Application and its personalization data.

use super::*;

#[test]
fn teep_uri_is_fetched_and_refused_as_its_payload_is_no_op_tee_image() {
    let (envelope, payload) = (TEEP.bytes("suit-uri"), TEEP.bytes("payload"));
    let mut device = TEEP.device();
    let (received, fetched) =
        exchange(&mut device, std::slice::from_ref(&envelope), &[(TA_PAYLOAD_URI, &payload)]);
    assert_eq!(fetched, [TA_PAYLOAD_URI]);
    let (reason, record, text) = refused(&mut device, &received);
    assert_eq!((reason, record), (Reason::ComponentUnauthorised, Record::default()));
    assert!(text.contains(NO_IMAGE), "{text}");
    // Another payload does not come as far as that.
    let mut other = payload;
    other[0] ^= 1;
    let (received, _) = exchange(&mut device, std::slice::from_ref(&envelope), &[(TA_PAYLOAD_URI, &other)]);
    let (reason, record, _) = refused(&mut device, &received);
    assert_eq!((reason, record.section), (Reason::ConditionFailed, section::INSTALL));
    assert_eq!(command_at(&envelope, &record), command::IMAGE_MATCH);
}

#[test]
fn teep_integrated_is_refused_as_its_payload_is_no_op_tee_image() {
    let (reason, text) = refuses_as_a_whole(&mut TEEP.device(), &TEEP.bytes("suit-integrated"));
    assert_eq!(reason, Reason::ComponentUnauthorised);
    assert!(text.contains(NO_IMAGE), "{text}");
}

/// AMB-SUIT-15: the image size of the dependency is that of the tagged envelope.
#[test]
fn teep_personalization_is_decrypted_and_refused_as_its_applications_payload_is_no_op_tee_image() {
    let (manifest, payload) = (TEEP.bytes("suit-uri"), TEEP.bytes("payload"));
    let tagged = [b"\xd8\x6b".as_slice(), &manifest].concat();
    for dependency in [tagged, manifest] {
        let server = [(TA_MANIFEST_URI, dependency.as_slice()), (TA_PAYLOAD_URI, payload.as_slice())];
        let envelope = TEEP.bytes("suit-personalization");
        let mut device = TEEP.device();
        let (received, fetched) = exchange(&mut device, std::slice::from_ref(&envelope), &server);
        assert_eq!(fetched, [TA_MANIFEST_URI, TA_PAYLOAD_URI]);
        let (reason, record, text) = refused(&mut device, &received);
        assert_eq!((reason, record), (Reason::ComponentUnauthorised, Record::default()));
        assert!(text.contains(NO_IMAGE), "{text}");
        // A device that cannot decrypt the data does not get as far as that.
        let mut keyless = TEEP.device_with(|config| config.decryption_keys.clear());
        let (received, _) = exchange(&mut keyless, std::slice::from_ref(&envelope), &server);
        let (reason, record, _) = refused(&mut keyless, &received);
        assert_eq!((reason, record.section), (Reason::OperationFailed, section::INSTALL));
        assert_eq!(command_at(&envelope, &record), command::WRITE);
    }
}

/// REQ-SUIT-043, AMB-SUIT-03
#[test]
fn teep_personalization_lacks_dependency_integrity_and_is_refused_in_strict_mode() {
    let manifest = TEEP.bytes("suit-uri");
    let envelope = TEEP.bytes("suit-personalization");
    let mut device = TEEP.device_with(strict);
    let server = [(TA_MANIFEST_URI, manifest.as_slice())];
    let (received, _) = exchange(&mut device, std::slice::from_ref(&envelope), &server);
    let (reason, record, _) = refused(&mut device, &received);
    assert_eq!((reason, record.section), (Reason::OperationFailed, section::INSTALL));
    assert_eq!(command_at(&envelope, &record), command::PROCESS_DEPENDENCY);
}

/// A manifest of the example's Trusted Application with a payload that OP-TEE takes.
fn application() -> (Vec<u8>, Vec<u8>) {
    let author = Author::of(UUID, 3);
    let image = author.image.clone();
    (author.fetched_from(TA_PAYLOAD_URI, false), image)
}

/// The personalization example for another `application`: its digest and size are replaced, nothing else.
fn personalization_of(application: &[u8]) -> Vec<u8> {
    let published = TEEP.bytes("suit-personalization");
    let mut manifest = Envelope::decode(&published).expect("an envelope").manifest_bytes().to_vec();
    let digest = |envelope: &[u8]| {
        Envelope::decode(envelope).expect("an envelope").claimed_digest().as_bytes().to_vec()
    };
    let size = |size: u64| {
        encode(|w| {
            w.uint(14).uint(size);
        })
    };
    let changes =
        [(digest(&TEEP.bytes("suit-uri")), digest(application)), (size(389), size(application.len() as u64))];
    for (old, new) in changes {
        assert_eq!(old.len(), new.len());
        let at = manifest.windows(old.len()).position(|window| window == old).expect("it is there");
        manifest[at..at + new.len()].copy_from_slice(&new);
    }
    encode_envelope(&manifest, &[signer("key-a")], &[]).expect("signs")
}

fn check_personalized(device: &mut Device, received: &Received, image: &[u8]) {
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    assert_eq!(device.env.installed(UUID).expect("the application").1, image);
    assert_eq!(device.read(UUID, &name("config.json")).as_deref(), Some(CONFIGURATION));
    assert_eq!(device.read(TA, &name("config.json")), None, "another application");
}

/// REQ-SUIT-060, AMB-SUIT-06
#[test]
fn teep_personalization_signed_anew_for_an_op_tee_image_is_installed_read_and_removed() {
    let (application, image) = application();
    let mut device = TEEP.device();
    let server = [(TA_MANIFEST_URI, application.as_slice()), (TA_PAYLOAD_URI, image.as_slice())];
    let (received, fetched) = exchange(&mut device, &[personalization_of(&application)], &server);
    assert_eq!(fetched, [TA_MANIFEST_URI, TA_PAYLOAD_URI]);
    check_personalized(&mut device, &received, &image);
    assert_eq!(device.remove(&[name("config.suit")]).code(), 0);
    assert_eq!(device.read(UUID, &name("config.json")), None);
    assert_eq!(device.env.installed(UUID), None, "the application was there for it alone");
    assert_eq!((device.components().len(), device.objects()), (0, 0));
}

/// suit.md 9.5 rule 7
#[test]
fn teep_personalization_signed_anew_for_an_installed_op_tee_image_fetches_nothing_and_leaves_it() {
    let (application, image) = application();
    let mut device = TEEP.device();
    let (received, _) =
        exchange(&mut device, std::slice::from_ref(&application), &[(TA_PAYLOAD_URI, image.as_slice())]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    let (received, fetched) = exchange(&mut device, &[personalization_of(&application)], &[]);
    assert_eq!(fetched, Vec::<String>::new());
    check_personalized(&mut device, &received, &image);
    assert_eq!(device.remove(&[name("config.suit")]).code(), 0);
    assert_eq!(device.read(UUID, &name("config.json")), None);
    assert!(device.env.installed(UUID).is_some(), "the TAM installed it for itself");
}

/// AMB-SUIT-16: its manifest, with labels of an old draft, is signed with ES256.
#[test]
fn teep_update_message_has_a_manifest_signed_with_es256_and_is_refused() {
    let message = bytes("teep-protocol-15c643e", "update");
    let mut device = TEEP.device();
    let received = device.say(&sign1(&tam_key(), &message).expect("signs"), &[]);
    let (reason, record, text) = refused(&mut device, &received);
    assert_eq!((reason, record), (Reason::AlgorithmUnsupported, Record::default()), "{text}");
}
