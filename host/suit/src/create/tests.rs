// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::keys::{self, Trusted};
use crate::{
    Algorithm, Component, Dependency, Encryption, Override, PAYLOAD_URI, Recipient, Sealing, Source, Summary,
};
use teep_proto::cose::{
    AgreementSecret, CONTEXT_SUIT_PAYLOAD, ContentAlgorithm, Encrypted, RecipientKey, SymmetricKey,
};
use teep_proto::suit::labels::{command, parameter};
use teep_proto::suit::{Argument, Command, Digest, Index, Manifest, Parameter, Section, Sequence};

const TA: [u8; 16] = [1; 16];
/// UUIDs of version 5.
const VENDOR: [u8; 16] = [0x52; 16];
const CLASS: [u8; 16] = [0x53; 16];

fn description(image: Vec<u8>) -> Description {
    Description::new(TA, 7, VENDOR, CLASS, image)
}

fn key() -> SigningKey {
    keys::generate(Algorithm::Esp256).unwrap()
}

/// The commands of a sequence as `code`, or `code:argument` where that says more.
fn codes(sequence: Sequence<'_>) -> Vec<String> {
    let show = |command: Result<Command<'_>, _>| {
        let command = command.unwrap();
        match command.argument {
            Argument::Index(Index::One(index)) => format!("{}:{index}", command.code),
            Argument::Parameters(parameters) => {
                let labels: Vec<_> =
                    parameters.iter().unwrap().map(|p| p.unwrap().label().to_string()).collect();
                format!("{}:{}", command.code, labels.join(","))
            }
            _ => command.code.to_string(),
        }
    };
    sequence.instructions().unwrap().map(show).collect()
}

fn section(manifest: &Manifest<'_>, label: u64) -> String {
    match manifest.section(label) {
        Some(Section::Present(sequence)) => codes(sequence).join(" "),
        Some(Section::Severed(_)) => panic!("nothing is severed here"),
        None => String::new(),
    }
}

/// Runs `check` on the manifest of what `description` gives; it also keeps the rules beyond the form of commands.
fn with_manifest(description: &Description, check: impl FnOnce(&Envelope<'_>, &Manifest<'_>)) -> Created {
    let key = key();
    let created = create_for(description, &[Authenticator::Sign(&key)]).unwrap();
    let envelope = Envelope::decode(&created.envelope).unwrap();
    let verified = envelope.verify(&[key.public_key()]).unwrap();
    crate::check_payloads(&envelope, verified.get()).unwrap();
    verified.get().check_rules().unwrap();
    assert!(verified.get().recommendations().unwrap().is_empty());
    check(&envelope, verified.get());
    created
}

/// Value of the first parameter `label` that the manifest sets for the component `index`.
fn parameter_of<'b>(manifest: &Manifest<'b>, index: u64, label: i64) -> Option<Parameter<'b>> {
    let mut found = None;
    let sections = manifest.sections.iter().filter_map(|(_, section)| match section {
        Section::Present(sequence) => Some(*sequence),
        Section::Severed(_) => None,
    });
    for sequence in std::iter::once(manifest.shared).chain(sections) {
        let mut selected = 0;
        for command in sequence.instructions().unwrap() {
            match command.unwrap().argument {
                Argument::Index(Index::One(index)) => selected = index,
                Argument::Parameters(list) if selected == index => {
                    let mut list = list.iter().unwrap().map(Result::unwrap);
                    found = found.or(list.find(|parameter| parameter.label() == label));
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn the_envelope_says_what_the_description_says() {
    let key = key();
    let described = description(b"image".to_vec());
    let bytes = create(&described, std::slice::from_ref(&key)).unwrap();
    assert_eq!(bytes, create(&described, std::slice::from_ref(&key)).unwrap(), "deterministic");
    let created = with_manifest(&described, |envelope, manifest| {
        assert_eq!(manifest.sequence_number, 7);
        assert_eq!(manifest.components.len(), 1);
        assert_eq!(manifest.components[0].to_elements(), described.components[0].id);
        assert_eq!(manifest.component_id.unwrap().to_elements(), described.manifest_id);
        assert_eq!(envelope.payload(PAYLOAD_URI), Some(&b"image"[..]));
        assert_eq!(codes(manifest.shared), ["20:1,2,3,14", "1", "2"]);
        assert_eq!(section(manifest, manifest::INSTALL), "20:21 21 3");
        assert_eq!(section(manifest, manifest::VALIDATE), "3");
        assert_eq!(section(manifest, manifest::UNINSTALL), "33");
        assert_eq!(manifest.sections.len(), 3);
    });
    assert!(created.payloads.is_empty());
}

#[test]
fn each_of_two_signers_suffices() {
    let both = [Algorithm::Esp256, Algorithm::Ed25519].map(|a| keys::generate(a).unwrap());
    let bytes = create(&description(b"image".to_vec()), &both).unwrap();
    for key in &both {
        Summary::verified(&bytes, &Trusted::from(&[key.public_key()][..])).unwrap();
    }
    let stranger = key().public_key();
    assert!(Summary::verified(&bytes, &Trusted::from(&[stranger][..])).unwrap_err().is_refusal());
}

/// The profile with HMAC (MTI 3).
#[test]
fn a_mac_authenticates_as_well() {
    let [mac, other] = [(); 2].map(|()| keys::generate_symmetric(32).unwrap());
    let created = create_for(&description(b"image".to_vec()), &[Authenticator::Mac(&mac)]).unwrap();
    let envelope = Envelope::decode(&created.envelope).unwrap();
    envelope.verify_mac(&[mac]).unwrap();
    envelope.verify_mac(&[other]).unwrap_err();
    let short = keys::generate_symmetric(16).unwrap();
    let error = create_for(&description(vec![]), &[Authenticator::Mac(&short)]).unwrap_err();
    assert!(error.to_string().contains("HMAC"), "{error}");
}

#[test]
fn what_no_device_would_take_is_not_made() {
    let key = [key()];
    let too_long = create(&description(vec![0; MAX_MESSAGE]), &key).unwrap_err();
    assert!(too_long.to_string().contains("give a uri"), "{too_long}");
    let mut odd = description(b"image".to_vec());
    odd.components[0].id = vec![vec![0; 300]];
    assert!(matches!(create(&odd, &key), Err(Error::Description(_))));
    assert!(matches!(create(&description(vec![]), &[]), Err(Error::Key(_))));
    let mut too_much = description(b"image".to_vec());
    too_much.components[0].source = None;
    too_much.components[0].content = vec![0; 9000];
    let error = create(&too_much, &key).unwrap_err();
    assert!(error.to_string().contains("a manifest of at most 8 KiB"), "{error}");
    let mut nothing = description(vec![]);
    nothing.components.clear();
    assert!(create(&nothing, &key).unwrap_err().to_string().contains("needs a component"));
    let mut twice = description(vec![]);
    twice.manifest_id = twice.components[0].id.clone();
    assert!(create(&twice, &key).unwrap_err().to_string().contains("named twice"));
}

#[test]
fn a_payload_by_uri_may_be_larger_than_a_message() {
    let mut described = description(vec![7; MAX_MESSAGE]);
    described.components[0].source = Some(Source::fetched("https://tc.example/ta"));
    let created = with_manifest(&described, |envelope, manifest| {
        assert!(envelope.payloads().is_empty());
        assert_eq!(section(manifest, manifest::INSTALL), "20:21 21 3");
    });
    assert_eq!(created.payloads["https://tc.example/ta"].len(), MAX_MESSAGE);
    assert!(created.envelope.len() < 1000);
}

/// REQ-SUIT-114.
#[test]
fn only_an_overridable_uri_is_set_by_set_parameters() {
    let mut described = description(b"image".to_vec());
    let overridable = Source { overridable: true, ..Source::fetched("https://tc.example/ta") };
    described.components[0].source = Some(overridable);
    with_manifest(&described, |_, manifest| {
        assert_eq!(section(manifest, manifest::INSTALL), "19:21 21 3");
        assert_eq!(codes(manifest.shared), ["20:1,2,3,14", "1", "2"], "the digest is not");
    });
}

#[test]
fn several_components_have_an_index_each() {
    let mut described = description(b"image".to_vec());
    described.components.push(Component::written(vec![b"data".to_vec()], b"words".to_vec()));
    with_manifest(&described, |_, manifest| {
        assert_eq!(codes(manifest.shared), ["12:0", "20:1,2,3,14", "1", "2", "12:1", "20:3,14"]);
        assert_eq!(section(manifest, manifest::INSTALL), "12:0 20:21 21 3 12:1 20:18 18");
        assert_eq!(section(manifest, manifest::VALIDATE), "12:0 3 12:1 3");
        assert_eq!(section(manifest, manifest::UNINSTALL), "12:0 33 12:1 33");
    });
}

const CIPHERS: [ContentAlgorithm; 5] = [
    ContentAlgorithm::A128Gcm,
    ContentAlgorithm::ChaCha20Poly1305,
    ContentAlgorithm::A128Ctr,
    ContentAlgorithm::A192Ctr,
    ContentAlgorithm::A256Ctr,
];

/// Device keys of every kind: with each cipher that is every combination of the six profiles (REQ-SUIT-070).
fn recipients() -> Vec<(Recipient, RecipientKey)> {
    let device = AgreementSecret::from_scalar(&[5; 32]).unwrap();
    let mut all = vec![(Recipient::Agreement(device.public_key().clone()), RecipientKey::Agreement(device))];
    for len in [16, 24, 32] {
        let key = SymmetricKey::new(&[9; 32][..len], None).unwrap();
        all.push((Recipient::Symmetric(key.clone()), RecipientKey::Symmetric(key)));
    }
    all
}

#[test]
fn written_secrets_are_decrypted_by_the_device_alone() {
    for algorithm in CIPHERS {
        for (recipient, device) in recipients() {
            let mut described = description(b"secret".to_vec());
            let sealing = Sealing { algorithm, recipients: vec![recipient] };
            described.components[0].encryption = Some(Encryption::New(sealing));
            described.components[0].source = None;
            let created = with_manifest(&described, |envelope, manifest| {
                assert_eq!(section(manifest, manifest::INSTALL), "20:18,19 18 3");
                assert!(envelope.payloads().is_empty());
                let (Some(Parameter::Content(content)), Some(Parameter::EncryptionInfo(info))) = (
                    parameter_of(manifest, 0, parameter::CONTENT),
                    parameter_of(manifest, 0, parameter::ENCRYPTION_INFO),
                ) else {
                    panic!("neither content nor info");
                };
                let info = Encrypted::decode(info).unwrap();
                assert_eq!(info.algorithm(), algorithm);
                let plaintext = info.decrypt(&[device], CONTEXT_SUIT_PAYLOAD, Some(content)).unwrap();
                assert_eq!(plaintext, b"secret");
                let Some(Parameter::ImageDigest(digest)) = parameter_of(manifest, 0, parameter::IMAGE_DIGEST)
                else {
                    panic!("no digest");
                };
                assert!(digest.matches(b"secret"));
            });
            assert!(!created.envelope.windows(6).any(|window| window == b"secret"));
        }
    }
}

/// REQ-SUIT-064: every time another key.
#[test]
fn nothing_is_encrypted_twice_alike() {
    let mut described = description(b"secret".to_vec());
    let sealing = Sealing {
        algorithm: ContentAlgorithm::A128Gcm,
        recipients: recipients().into_iter().map(|(recipient, _)| recipient).collect(),
    };
    described.components[0].encryption = Some(Encryption::New(sealing.clone()));
    described.components[0].source = None;
    let key = [key()];
    assert_ne!(create(&described, &key).unwrap(), create(&described, &key).unwrap());
    // What is encrypted before stays as it is.
    described.components[0].encryption = Some(Encryption::Made(sealing.seal(b"secret").unwrap()));
    assert_eq!(create(&described, &key).unwrap(), create(&described, &key).unwrap());
    described.components[0].content = b"secret!".to_vec();
    let error = create(&described, &key).unwrap_err();
    assert!(error.to_string().contains("encrypt it again"), "{error}");
}

/// The ciphertext is a component of its own, compared before it is decrypted (REQ-SUIT-066), and the plaintext after.
#[test]
fn an_encrypted_payload_goes_through_a_staging_component() {
    let (recipient, device) = recipients().remove(0);
    let uri = "https://tc.example/ta.enc";
    for source in [Source::integrated(PAYLOAD_URI), Source::fetched(uri)] {
        let mut described = description(b"image".to_vec());
        let sealing = Sealing { algorithm: ContentAlgorithm::A128Ctr, recipients: vec![recipient.clone()] };
        described.components[0].encryption = Some(Encryption::New(sealing));
        described.components[0].source = Some(source);
        let mut ciphertext = Vec::new();
        let created = with_manifest(&described, |envelope, manifest| {
            assert_eq!(manifest.components.len(), 2);
            assert_eq!(manifest.components[1].to_elements().last().unwrap(), b"encrypted");
            assert!(manifest.components[1].starts_with(&manifest.components[0]));
            assert_eq!(
                section(manifest, manifest::INSTALL),
                "12:1 20:21 21 3 12:0 20:19,22 22 3",
                "fetch, compare, decrypt, compare"
            );
            assert_eq!(section(manifest, manifest::UNINSTALL), "12:0 33 12:1 33");
            let Some(Parameter::EncryptionInfo(info)) = parameter_of(manifest, 0, parameter::ENCRYPTION_INFO)
            else {
                panic!("no info");
            };
            ciphertext = envelope.payload(PAYLOAD_URI).map(<[u8]>::to_vec).unwrap_or_default();
            let info = Encrypted::decode(info).unwrap();
            if !ciphertext.is_empty() {
                let plaintext =
                    info.decrypt(std::slice::from_ref(&device), CONTEXT_SUIT_PAYLOAD, Some(&ciphertext));
                assert_eq!(plaintext.unwrap(), b"image");
                let Some(Parameter::ImageDigest(digest)) = parameter_of(manifest, 1, parameter::IMAGE_DIGEST)
                else {
                    panic!("no digest");
                };
                assert!(digest.matches(&ciphertext));
            }
        });
        assert_eq!(ciphertext.is_empty(), created.payloads.contains_key(uri));
    }
}

/// The manifest of the TA, for those that depend on it.
fn ta_manifest(overridable: bool) -> Vec<u8> {
    let mut described = description(b"image".to_vec());
    let source = Source { overridable, ..Source::fetched("https://developer.example/ta") };
    described.components[0].source = Some(source);
    create(&described, &[key()]).unwrap()
}

fn dependent(dependency: Dependency, components: Vec<Component>) -> Description {
    Description {
        manifest_id: vec![b"dependent".to_vec()],
        components,
        dependencies: vec![dependency],
        ..description(Vec::new())
    }
}

/// Templates of suit.md 9.7: the digest in the shared sequence, dependency-integrity before each process-dependency
/// (REQ-SUIT-043), every section that the dependency has (REQ-SUIT-109).
#[test]
fn a_dependency_is_checked_before_it_is_processed() {
    let data = Component::written(vec![b"data".to_vec()], b"words".to_vec());
    let by_uri = Source { overridable: true, ..Source::fetched("https://tam.example/ta.suit") };
    for (source, resolution) in [
        (Some(Source::integrated("#dependency")), "12:1 20:21 21 7 11"),
        (Some(by_uri), "12:1 19:21 21 7 11"),
        (None, "12:1 7 11"),
    ] {
        let dependency = Dependency::new(ta_manifest(false), source).unwrap();
        let digest = Envelope::decode(&dependency.envelope).unwrap().claimed_digest();
        let id = dependency.id.clone();
        let described = dependent(dependency, vec![data.clone()]);
        described.check().unwrap();
        with_manifest(&described, |_, manifest| {
            assert_eq!(manifest.components.len(), 1);
            assert_eq!(manifest.dependencies.len(), 1);
            assert_eq!(manifest.identity(1).unwrap().to_elements(), id);
            assert_eq!(codes(manifest.shared), ["12:0", "20:1,2,3,14", "1", "2", "12:1", "20:3"]);
            assert_eq!(
                parameter_of(manifest, 1, parameter::IMAGE_DIGEST),
                Some(Parameter::ImageDigest(digest)),
                "that of its manifest, not of the envelope (REQ-SUIT-047)"
            );
            assert_eq!(section(manifest, manifest::DEPENDENCY_RESOLUTION), resolution);
            assert_eq!(section(manifest, manifest::INSTALL), "12:1 7 11 12:0 20:18 18");
            assert_eq!(section(manifest, manifest::VALIDATE), "12:1 7 11 12:0 3");
            assert_eq!(section(manifest, manifest::UNINSTALL), "12:1 7 11 12:0 33");
            assert_eq!(manifest.sections.len(), 4, "no section that the dependency has not");
        });
    }
}

/// The case the TEEP hackathon asked for: the developer's manifest stays as it was signed, the TAM's one names another
/// server.
#[test]
fn a_dependent_moves_the_payload_of_its_dependency() {
    let component = description(Vec::new()).components.remove(0).id;
    let overrides = vec![Override { component, uri: "https://tam.example/ta".to_owned() }];
    let envelope = ta_manifest(true);
    let dependency = Dependency::new(envelope.clone(), Some(Source::integrated("#dependency"))).unwrap();
    let described = dependent(Dependency { overrides: overrides.clone(), ..dependency }, Vec::new());
    described.check().unwrap();
    with_manifest(&described, |carrier, manifest| {
        assert_eq!(carrier.payload("#dependency"), Some(&envelope[..]), "unchanged");
        assert_eq!(manifest.components.len(), 1, "named, so that parameters can be set for it");
        assert_eq!(codes(manifest.shared), ["12:0", "20:1,2,21", "1", "2", "12:1", "20:3"]);
        assert_eq!(parameter_of(manifest, 0, parameter::URI), Some(Parameter::Uri("https://tam.example/ta")));
        assert_eq!(section(manifest, manifest::INSTALL), "12:1 7 11", "it is the dependency that fetches");
        for command in [command::FETCH, command::WRITE, command::COPY] {
            assert!(!section(manifest, manifest::INSTALL).contains(&format!(" {command} ")));
        }
    });

    let fixed = Dependency::new(ta_manifest(false), None).unwrap();
    let error = dependent(Dependency { overrides, ..fixed }, Vec::new()).check().unwrap_err();
    assert!(error.to_string().contains("uri-overridable = true"), "{error}");
    let elsewhere = Override { component: vec![b"x".to_vec()], uri: "https://tam.example/ta".to_owned() };
    let dependency = Dependency::new(ta_manifest(true), None).unwrap();
    let error =
        dependent(Dependency { overrides: vec![elsewhere], ..dependency }, Vec::new()).check().unwrap_err();
    assert!(error.to_string().contains("does not install x, but TEEP-Device"), "{error}");
}

#[test]
fn a_changed_dependency_is_refused() {
    let mut changed = ta_manifest(false);
    let at = changed.windows(3).position(|window| window == b"dev").unwrap();
    changed[at] ^= 1;
    let error = Dependency::new(changed, None).unwrap().check().unwrap_err();
    assert!(error.to_string().contains("was changed"), "{error}");
    let mut renamed = Dependency::new(ta_manifest(false), None).unwrap();
    renamed.id = vec![b"x".to_vec()];
    assert!(renamed.check().unwrap_err().to_string().contains("leave its id out"));
}

/// A dependency on a manifest that has a dependency itself: it is processed in section 15 as well.
#[test]
fn dependencies_go_deeper() {
    let inner = Dependency::new(ta_manifest(false), Some(Source::integrated("#inner"))).unwrap();
    let middle = create(&dependent(inner, Vec::new()), &[key()]).unwrap();
    let middle = Dependency::new(middle, Some(Source::integrated("#middle"))).unwrap();
    let mut described = dependent(middle, Vec::new());
    described.manifest_id = vec![b"outer".to_vec()];
    with_manifest(&described, |envelope, manifest| {
        assert_eq!(manifest.components.len(), 0);
        assert_eq!(codes(manifest.shared), ["20:1,2,3", "1", "2"], "one thing needs no index");
        assert_eq!(section(manifest, manifest::DEPENDENCY_RESOLUTION), "20:21 21 7 11");
        let middle = envelope.dependency("#middle").unwrap().unwrap();
        assert!(middle.dependency("#inner").unwrap().is_some());
    });
}

#[test]
fn payloads_with_one_uri_are_refused() {
    let mut described = description(b"image".to_vec());
    described.components.push(Component { id: vec![b"x".to_vec()], ..described.components[0].clone() });
    let error = create(&described, &[key()]).unwrap_err();
    assert!(error.to_string().contains("two payloads have the URI #tc"), "{error}");
}

#[test]
fn texts_are_in_the_manifest() {
    let mut described = description(b"image".to_vec());
    described.text.entry("en".to_owned()).or_default().insert(1, "what it does".to_owned());
    described.components[0].text.entry("de".to_owned()).or_default().insert(6, "1.2".to_owned());
    with_manifest(&described, |envelope, manifest| {
        let text = envelope.text(manifest).unwrap().unwrap();
        let tags: Vec<_> = text.languages.iter().map(|language| language.tag).collect();
        assert_eq!(tags, ["de", "en"]);
        assert_eq!(text.languages[0].components[0].1, [(6, "1.2")]);
        assert_eq!(text.languages[1].manifest, [(1, "what it does")]);
    });
}

#[test]
fn the_digest_is_that_of_what_is_installed() {
    with_manifest(&description(b"image".to_vec()), |_, manifest| {
        let expected = Some(Parameter::ImageDigest(Digest::of(b"image")));
        assert_eq!(parameter_of(manifest, 0, parameter::IMAGE_DIGEST), expected);
    });
}
