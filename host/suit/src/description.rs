// SPDX-License-Identifier: Apache-2.0
use crate::{Error, platform_image};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use teep_proto::suit::text::{self, native_ta, native_ta_manifest};

/// What a Trusted Component is and whom it is for: everything an envelope says, but its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// UUID of the Trusted Application.
    pub uuid: [u8; 16],
    /// Grows with every release; a device refuses a number below that of what it has.
    pub sequence_number: u64,
    /// Vendor of the devices this is for.
    pub vendor_id: [u8; 16],
    /// Class of the devices this is for.
    pub class_id: [u8; 16],
    /// Segments of the component's identifier.
    pub component_id: Vec<Vec<u8>>,
    /// Segments of the manifest's own identifier.
    pub manifest_id: Vec<Vec<u8>>,
    /// Where the manifest can be had; reports name it.
    pub reference_uri: Option<String>,
    /// The Trusted Application itself, as OP-TEE installs it.
    pub image: Vec<u8>,
}

impl Description {
    /// The description of a Trusted Application under its usual identifiers and without reference URI.
    /// Nothing is checked: [`check`](Self::check) does.
    pub fn new(
        uuid: [u8; 16],
        sequence_number: u64,
        vendor_id: [u8; 16],
        class_id: [u8; 16],
        image: Vec<u8>,
    ) -> Self {
        Self {
            uuid,
            sequence_number,
            vendor_id,
            class_id,
            component_id: native_ta(uuid),
            manifest_id: native_ta_manifest(uuid),
            reference_uri: None,
            image,
        }
    }

    /// Reads a description from a TOML file and the image it names, and checks it.
    ///
    /// # Errors
    /// [`Error::Io`] for either file, [`Error::Description`] for what the TOML file says wrongly, and what
    /// [`check`](Self::check) finds.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let wrong = |problem: String| Error::Description(format!("{}: {problem}", path.display()));
        let file: File = toml::from_str(&text).map_err(|error| wrong(toml_problem(&text, &error)))?;
        let ta = path.parent().unwrap_or(Path::new("")).join(&file.ta);
        let image = std::fs::read(&ta).map_err(|source| Error::io("read", &ta, source))?;
        let description = file.describe(image).map_err(wrong)?;
        description.check().map_err(|error| match error {
            Error::Image(problem) => Error::Image(format!("{}: {problem}", ta.display())),
            other => other,
        })?;
        Ok(description)
    }

    /// Checks that the image is a Trusted Application the platform could install and has this UUID.
    ///
    /// # Errors
    /// [`Error::Image`].
    pub fn check(&self) -> Result<(), Error> {
        platform_image::check(&self.image, self.uuid)
    }
}

/// The TOML file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    ta: PathBuf,
    uuid: String,
    sequence_number: u64,
    vendor_id: String,
    class_id: String,
    component_id: Option<String>,
    manifest_id: Option<String>,
    reference_uri: Option<String>,
}

impl File {
    fn describe(self, image: Vec<u8>) -> Result<Description, String> {
        let of = |key: &'static str| move |problem: String| format!("{key}: {problem}");
        let description = Description::new(
            parse_uuid(&self.uuid).map_err(of("uuid"))?,
            self.sequence_number,
            parse_uuid(&self.vendor_id).map_err(of("vendor-id"))?,
            parse_uuid(&self.class_id).map_err(of("class-id"))?,
            image,
        );
        let id = |key, text: Option<String>, default: &Vec<Vec<u8>>| match text {
            Some(text) => text::parse(&text).map_err(|error| of(key)(error.to_string())),
            None => Ok(default.clone()),
        };
        Ok(Description {
            component_id: id("component-id", self.component_id, &description.component_id)?,
            manifest_id: id("manifest-id", self.manifest_id, &description.manifest_id)?,
            reference_uri: self.reference_uri,
            ..description
        })
    }
}

/// Reads a UUID in its usual form.
fn parse_uuid(text: &str) -> Result<[u8; 16], String> {
    text::parse_uuid(text)
        .ok_or_else(|| format!("{text:?} is not a UUID: write it as in 1c42796f-7fc4-4536-b751-6a58e6f4540c"))
}

/// One line of what the TOML reader would say in several.
fn toml_problem(text: &str, error: &toml::de::Error) -> String {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count());
    match line {
        Some(line) => format!("line {}: {}", line.saturating_add(1), error.message()),
        None => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
ta = "hello.ta"
uuid = "1c42796f-7fc4-4536-b751-6a58e6f4540c"
sequence-number = 3
vendor-id = "c0ddd5f1-5243-5660-87db-4f5b0aa26c2f"
class-id = "00000000-0000-0000-0000-000000000001"
"#;

    fn describe(text: &str) -> Result<Description, String> {
        toml::from_str::<File>(text).map_err(|e| toml_problem(text, &e))?.describe(b"image".to_vec())
    }

    #[test]
    fn the_usual_identifiers_follow_from_the_uuid() {
        let description = describe(GOOD).unwrap();
        assert_eq!(description.sequence_number, 3);
        assert_eq!(description.component_id, native_ta(description.uuid));
        assert_eq!(description.manifest_id, native_ta_manifest(description.uuid));
        let own = format!("{GOOD}component-id = \"a/hex:01\"\nmanifest-id = \"m\"\nreference-uri = \"u\"\n");
        let description = describe(&own).unwrap();
        assert_eq!(description.component_id, [b"a".to_vec(), vec![1]]);
        assert_eq!(description.manifest_id, [b"m".to_vec()]);
        assert_eq!(description.reference_uri.as_deref(), Some("u"));
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (from, to, words) in [
            ("sequence-number = 3", "sequence-number = -3", "line 4"),
            ("sequence-number = 3", "", "sequence-number"),
            ("ta = ", "tea = ", "unknown field `tea`"),
            ("c0ddd5f1-", "c0ddd5f1-0", "vendor-id: "),
            ("uuid = \"1c", "uuid = \"xx", "uuid: "),
        ] {
            let problem = describe(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(problem.contains(words), "{problem:?} should contain {words:?}");
            assert!(!problem.contains('\n'), "{problem:?}");
        }
    }
}
