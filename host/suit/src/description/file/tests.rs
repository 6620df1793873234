// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::Algorithm;
use std::fs;

const UUID: [u8; 16] = [0x11; 16];
const HEAD: &str = r#"
sequence-number = 3
vendor-id = "c0ddd5f1-5243-5660-87db-4f5b0aa26c2f"
class-id = "00000000-0000-0000-0000-000000000001"
"#;
const SHORT: &str = "ta = \"hello.ta\"\nuuid = \"11111111-1111-1111-1111-111111111111\"\n";
const DATA: &str = "manifest-id = \"m\"\n[[component]]\nid = \"a/hex:01\"\nfile = \"data\"\n";
const DEPENDENCY: &str = "[[dependency]]\nmanifest = \"hello.suit\"\n";

/// A directory with files of each kind.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    let ta = crate::platform_image::tests::image_of(UUID);
    put("hello.ta", &ta);
    put("data", b"words");
    put("empty", b"");
    let signer = keys::generate(Algorithm::Esp256).unwrap();
    let envelope =
        crate::create(&Description::new(UUID, 1, [2; 16], [3; 16], ta), std::slice::from_ref(&signer));
    put("hello.suit", &envelope.unwrap());
    put("signer.cose", &signer.public_key().to_cose_key());
    let other = keys::generate(Algorithm::Esp256).unwrap();
    put("other.cose", &other.public_key().to_cose_key());
    put("device.hex", hex::encode(other.public_key().to_cose_key()).as_bytes());
    put("kek.cose", &keys::generate_symmetric(16).unwrap().to_cose_key());
    dir
}

fn describe_in(dir: &Path, text: &str) -> Result<Description, String> {
    let path = dir.join("it.toml");
    fs::write(&path, text).unwrap();
    Description::read(&path).map_err(|error| error.to_string().replace(dir.to_str().unwrap(), "DIR"))
}

fn describe(text: &str) -> Result<Description, String> {
    describe_in(directory().path(), text)
}

#[test]
fn the_usual_identifiers_follow_from_the_uuid() {
    let described = describe(&format!("{HEAD}{SHORT}")).unwrap();
    assert_eq!(described.sequence_number, 3);
    assert_eq!(described.components[0].id, native_ta(UUID));
    assert_eq!(described.manifest_id, native_ta_manifest(UUID));
    assert_eq!(described.components[0].source, Some(Source::integrated(PAYLOAD_URI)));
    let own =
        format!("{HEAD}{SHORT}component-id = \"a/hex:01\"\nmanifest-id = \"m\"\nreference-uri = \"u\"\n");
    let described = describe(&own).unwrap();
    assert_eq!(described.components[0].id, [b"a".to_vec(), vec![1]]);
    assert_eq!(described.manifest_id, [b"m".to_vec()]);
    assert_eq!(described.reference_uri.as_deref(), Some("u"));
}

#[test]
fn the_short_form_is_a_component() {
    let uri = "uri = \"https://tc.example/ta\"\nuri-overridable = true\n";
    let described = describe(&format!("{HEAD}{SHORT}{uri}")).unwrap();
    let source = Source { overridable: true, ..Source::fetched("https://tc.example/ta") };
    assert_eq!(described.components[0].source, Some(source));
    let both = format!("{HEAD}{SHORT}\n[[component]]\nid = \"x\"\nfile = \"data\"\n");
    let described = describe(&both).unwrap();
    assert_eq!(described.components.len(), 2);
    assert_eq!(described.components[1].source, Some(Source::integrated("#tc1")));
}

#[test]
fn bytes_are_delivered_as_described() {
    for (entries, source) in [
        ("", Some(Source::integrated("#tc"))),
        ("delivery = \"integrated\"\n", Some(Source::integrated("#tc"))),
        ("delivery = \"integrated\"\nuri = \"http://a/b\"\n", Some(Source::integrated("http://a/b"))),
        ("uri = \"http://a/b\"\n", Some(Source::fetched("http://a/b"))),
        ("delivery = \"fetch\"\nuri = \"http://a/b\"\n", Some(Source::fetched("http://a/b"))),
        ("delivery = \"write\"\n", None),
    ] {
        let described = describe(&format!("{HEAD}{DATA}{entries}")).unwrap();
        assert_eq!(described.components[0].source, source, "{entries}");
        assert_eq!(described.components[0].content, b"words");
    }
}

#[test]
fn recipients_are_keys_of_either_kind() {
    let entries =
        "encrypt-to = [\"other.cose\", \"device.hex\", \"kek.cose\"]\ncipher = \"chacha20-poly1305\"\n";
    let described = describe(&format!("{HEAD}{DATA}{entries}")).unwrap();
    let Some(Encryption::New(sealing)) = &described.components[0].encryption else { panic!("not encrypted") };
    assert_eq!(sealing.algorithm, ContentAlgorithm::ChaCha20Poly1305);
    assert!(matches!(
        sealing.recipients[..],
        [crate::Recipient::Agreement(_), crate::Recipient::Agreement(_), crate::Recipient::Symmetric(_)]
    ));
    let described = describe(&format!("{HEAD}{DATA}encrypt-to = [\"kek.cose\"]\n")).unwrap();
    let Some(Encryption::New(sealing)) = &described.components[0].encryption else { panic!("not encrypted") };
    assert_eq!(sealing.algorithm, ContentAlgorithm::A128Gcm, "REQ-SUIT-067");
}

#[test]
fn dependencies_are_named_by_their_envelopes() {
    let described = describe(&format!("{HEAD}{DATA}{DEPENDENCY}")).unwrap();
    assert_eq!(described.dependencies[0].id, native_ta_manifest(UUID));
    assert_eq!(described.dependencies[0].source, Some(Source::integrated("#dependency")));
    let checked = format!("{HEAD}{DATA}{DEPENDENCY}signer = \"signer.cose\"\ndelivery = \"installed\"\n");
    assert_eq!(describe(&checked).unwrap().dependencies[0].source, None);
}

#[test]
fn texts_have_the_names_of_the_document() {
    let texts =
        "[component.text.en]\ncomponent-version = \"1.2\"\n[text.en]\nmanifest-description = \"it\"\n";
    let described = describe(&format!("{HEAD}{DATA}{texts}")).unwrap();
    assert_eq!(described.text["en"][&manifest_text::MANIFEST_DESCRIPTION], "it");
    assert_eq!(described.components[0].text["en"][&component_text::COMPONENT_VERSION], "1.2");
}

#[test]
fn a_mistake_is_named_with_its_place() {
    let short = format!("{HEAD}{SHORT}");
    let data = format!("{HEAD}{DATA}");
    let dependency = format!("{data}{DEPENDENCY}");
    for (text, words) in [
        (short.replace("= 3", "= -3"), "it.toml: line 2"),
        (short.replace("sequence-number = 3", ""), "missing field `sequence-number`"),
        (short.replace("ta = ", "tea = "), "unknown field `tea`"),
        (short.replace("c0ddd5f1-", "c0ddd5f1-0"), "it.toml: vendor-id: "),
        (short.replace("\"11111111-", "\"x-"), "component 1: uuid: "),
        (short.replace("\"11111111-", "\"21111111-"), "hello.ta: the .ta is of Trusted Application 1111"),
        (short.replace("uuid = ", "component-id = "), "ta needs uuid"),
        (HEAD.to_owned(), "manifest-id is missing"),
        (data.replace("manifest-id = \"m\"\n", ""), "manifest-id is missing"),
        (data.replace("id = \"a/hex:01\"\n", ""), "file needs id"),
        (data.replace("a/hex:01", "a//b"), "component 1: id: it has an empty segment"),
        (data.replace("file = \"data\"", ""), "either a Trusted Application"),
        (data.replace("\"data\"", "\"none\""), "cannot read DIR/none"),
        (format!("{data}delivery = \"write\"\nuri = \"http://a/b\"\n"), "leave the uri out"),
        (format!("{data}delivery = \"fetch\"\n"), "needs the uri"),
        (format!("{data}delivery = \"installed\"\n"), "only a dependency"),
        (format!("{data}delivery = \"post\"\n"), "unknown variant `post`"),
        (format!("{data}uri = \"ftp://a/b\"\n"), "http and https servers only"),
        (format!("{data}uri-overridable = true\n"), "say which one"),
        (format!("{data}cipher = \"a128gcm\"\n"), "cipher needs encrypt-to"),
        (format!("{data}cipher = \"rot13\"\nencrypt-to = [\"kek.cose\"]\n"), "unknown variant `rot13`"),
        (format!("{data}encrypt-to = [\"data\"]\n"), "DIR/data: not a COSE_Key"),
        (format!("{data}ciphertext = \"data\"\n"), "ciphertext with encryption-info"),
        (
            format!("{data}ciphertext = \"data\"\nencryption-info = \"data\"\nencrypt-to = [\"kek.cose\"]\n"),
            "ciphertext with encryption-info",
        ),
        (format!("{data}[component.text.en]\ncolour = \"red\"\n"), "text.en.colour is unknown"),
        (dependency.replace("hello.suit", "data"), "not a usable SUIT envelope"),
        (format!("{dependency}signer = \"other.cose\"\n"), "not authenticated"),
        (format!("{dependency}id = \"x\"\n"), "leave its id out"),
        (format!("{dependency}delivery = \"write\"\n"), "dependency 1: a dependency cannot be written"),
        (format!("{dependency}delivery = \"installed\"\nuri = \"http://a/b\"\n"), "leave the uri out"),
        (
            format!("{dependency}[[dependency.override]]\ncomponent-id = \"x\"\nuri = \"http://a/b\"\n"),
            "does not install x",
        ),
    ] {
        let problem = describe(&text).expect_err(words);
        assert!(problem.contains(words), "{problem:?} should contain {words:?}");
        assert!(!problem.contains('\n'), "{problem:?}");
    }
}
