// SPDX-License-Identifier: Apache-2.0
use super::Source;
use crate::Error;
use crate::payloads::{check_payloads, each_parameter, is_unchanged};
use teep_proto::suit::labels::command;
use teep_proto::suit::{ComponentId, Digest, Envelope, Manifest, Parameter, Section, text};

/// A manifest on which another one depends.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// Segments of its identifier.
    pub id: Vec<Vec<u8>>,
    /// Its envelope.
    pub envelope: Vec<u8>,
    /// Where a device gets the envelope from; `None`: it has been installed before.
    pub source: Option<Source>,
    /// What its dependent says in its stead.
    pub overrides: Vec<Override>,
}

/// Another place for the payload of a dependency's component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Segments of the component's identifier.
    pub component: Vec<Vec<u8>>,
    /// Where devices fetch it from instead.
    pub uri: String,
}

impl Dependency {
    /// The manifest in `envelope` under its own identifier.
    ///
    /// # Errors
    /// [`Error::Envelope`], and [`Error::Description`] when it has no identifier.
    pub fn new(envelope: Vec<u8>, source: Option<Source>) -> Result<Self, Error> {
        let id = Envelope::decode(&envelope)?.inspect()?.component_id.map(|id| id.to_elements());
        let missing = || wrong("a dependency has no manifest-component-id: say its id".to_owned());
        Ok(Self { id: id.ok_or_else(missing)?, envelope, source, overrides: Vec::new() })
    }

    /// The digest by which a dependent names it.
    ///
    /// # Errors
    /// [`Error::Envelope`].
    pub fn digest(&self) -> Result<Digest, Error> {
        Ok(Envelope::decode(&self.envelope)?.claimed_digest())
    }

    /// Labels of the sections it has, severed ones among them.
    ///
    /// # Errors
    /// [`Error::Envelope`].
    pub fn sections(&self) -> Result<Vec<u64>, Error> {
        let manifest = Envelope::decode(&self.envelope)?.inspect()?;
        Ok(manifest.sections.iter().map(|(label, _)| *label).collect())
    }

    /// Checks all that can be checked without its signer's key: the digest of the manifest and of the payloads it
    /// carries, the identifier, and that what is overridden may be.
    ///
    /// # Errors
    /// [`Error::Envelope`], [`Error::Payload`], [`Error::Description`].
    pub fn check(&self) -> Result<(), Error> {
        let envelope = Envelope::decode(&self.envelope)?;
        let manifest = envelope.inspect()?;
        let name = text::format(&self.id);
        if !is_unchanged(&envelope) {
            return Err(wrong(format!("the dependency {name} was changed: its manifest has another digest")));
        }
        check_payloads(&envelope, &manifest)?;
        let encoded = ComponentId::encode(&self.id);
        if manifest.component_id.is_some_and(|id| id.as_bytes() != encoded) {
            return Err(wrong(format!(
                "the dependency {name} says it is {}: leave its id out",
                own_id(&manifest)
            )));
        }
        self.overrides.iter().try_for_each(|other| other.check(&name, &manifest))
    }
}

impl Override {
    fn check(&self, dependency: &str, manifest: &Manifest<'_>) -> Result<(), Error> {
        let component = text::format(&self.component);
        let encoded = ComponentId::encode(&self.component);
        if !manifest.components.iter().any(|id| id.as_bytes() == encoded) {
            let has: Vec<_> = manifest.components.iter().map(ToString::to_string).collect();
            let has = has.join(", ");
            return Err(wrong(format!("{dependency} does not install {component}, but {has}")));
        }
        if sets_uri(manifest, command::SET_PARAMETERS)? {
            return Ok(());
        }
        let why = if sets_uri(manifest, command::OVERRIDE_PARAMETERS)? {
            "it fixes the URI: its author has to create it with uri-overridable = true"
        } else {
            "it has no payload URI"
        };
        Err(wrong(format!("the URI of {component} in {dependency} cannot be overridden, {why}")))
    }
}

/// Whether a command `code` of the manifest sets a URI. What is severed may.
fn sets_uri(manifest: &Manifest<'_>, code: i64) -> Result<bool, Error> {
    let severed = manifest.sections.iter().any(|(_, section)| matches!(section, Section::Severed(_)));
    let mut found = severed;
    each_parameter(manifest, |by, parameter| found |= by == code && matches!(parameter, Parameter::Uri(_)))?;
    Ok(found)
}

fn own_id(manifest: &Manifest<'_>) -> String {
    manifest.component_id.map_or_else(|| "nameless".to_owned(), |id| id.to_string())
}

fn wrong(problem: String) -> Error {
    Error::Description(problem)
}
