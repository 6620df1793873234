// SPDX-License-Identifier: Apache-2.0
use super::script::Script;
use crate::description::{Component, Dependency, Encryption, Source};
use crate::{Description, Error, Sealed};
use std::borrow::Cow;
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{ComponentId, Digest, Parameter, text};

/// Last segment of the identifier under which a device keeps the ciphertext of a component.
const STAGING: &[u8] = b"encrypted";

/// What a description comes to: each component with its index, its bytes and how they get to the device.
///
/// Indices are given to the components of the description first, then to those that hold ciphertext, then to those of
/// dependencies about which something is said, last to the dependencies.
pub(super) struct Plan<'d> {
    description: &'d Description,
    components: Vec<Planned<'d>>,
    dependencies: Vec<PlannedDependency<'d>>,
    /// Identifiers by index.
    ids: Vec<Vec<Vec<u8>>>,
    /// New URIs by the index of the component they are for.
    overrides: Vec<(u64, &'d str)>,
}

struct Planned<'d> {
    index: u64,
    component: &'d Component,
    digest: Digest,
    sealed: Option<Cow<'d, Sealed>>,
    /// Index of the component that holds the ciphertext.
    staging: Option<u64>,
}

struct PlannedDependency<'d> {
    index: u64,
    dependency: &'d Dependency,
    digest: Digest,
    sections: Vec<u64>,
}

impl<'d> Plan<'d> {
    /// Encrypts what is to be encrypted, and gives everything its index.
    pub(super) fn new(description: &'d Description) -> Result<Self, Error> {
        let mut plan = Self {
            description,
            components: Vec::new(),
            dependencies: Vec::new(),
            ids: description.components.iter().map(|component| component.id.clone()).collect(),
            overrides: Vec::new(),
        };
        for (index, component) in (0..).zip(&description.components) {
            let sealed = component.encryption.as_ref().map(|how| how.seal(&component.content)).transpose()?;
            let staging = match (&sealed, &component.source) {
                (Some(_), Some(_)) => {
                    Some(plan.add_component([&component.id[..], &[STAGING.to_vec()]].concat()))
                }
                _ => None,
            };
            let digest = Digest::of(&component.content);
            plan.components.push(Planned { index, component, digest, sealed, staging });
        }
        for other in description.dependencies.iter().flat_map(|dependency| &dependency.overrides) {
            let index = plan.add_component(other.component.clone());
            plan.overrides.push((index, &other.uri));
        }
        for (index, dependency) in (plan.ids.len() as u64..).zip(&description.dependencies) {
            let (digest, sections) = (dependency.digest()?, dependency.sections()?);
            plan.dependencies.push(PlannedDependency { index, dependency, digest, sections });
        }
        plan.check_names()?;
        Ok(plan)
    }

    fn add_component(&mut self, id: Vec<Vec<u8>>) -> u64 {
        self.ids.push(id);
        (self.ids.len() as u64).saturating_sub(1)
    }

    /// Nothing may have two meanings.
    fn check_names(&self) -> Result<(), Error> {
        let dependencies = self.description.dependencies.iter().map(|dependency| &dependency.id);
        let mut ids: Vec<_> =
            self.ids.iter().chain(dependencies).chain([&self.description.manifest_id]).collect();
        ids.sort();
        match ids.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first) {
            Some(id) => Err(Error::Description(format!(
                "{} is named twice: components, dependencies and the manifest need an id each",
                text::format(id)
            ))),
            None if self.ids.is_empty() && self.dependencies.is_empty() => {
                Err(Error::Description("a manifest needs a component or a dependency".to_owned()))
            }
            None => Ok(()),
        }
    }

    /// The encoded identifiers of suit-components.
    pub(super) fn component_ids(&self) -> Vec<Vec<u8>> {
        self.ids.iter().map(|id| ComponentId::encode(id)).collect()
    }

    /// suit-dependencies: index and encoded prefix.
    pub(super) fn dependency_ids(&self) -> Vec<(u64, Option<Vec<u8>>)> {
        let ids = self.dependencies.iter();
        ids.map(|planned| (planned.index, Some(ComponentId::encode(&planned.dependency.id)))).collect()
    }

    /// Everything that does not stand in the manifest, by its URI: what the envelope carries if `integrated`, else what
    /// devices fetch.
    pub(super) fn payloads(&self, integrated: bool) -> Vec<(&str, &[u8])> {
        let components =
            self.components.iter().map(|planned| (&planned.component.source, planned.delivered()));
        let dependencies =
            self.dependencies.iter().map(|p| (&p.dependency.source, p.dependency.envelope.as_slice()));
        components
            .chain(dependencies)
            .filter_map(|(source, bytes)| Some((source.as_ref()?, bytes)))
            .filter(|(source, _)| source.integrated == integrated)
            .map(|(source, bytes)| (source.uri.as_str(), bytes))
            .collect()
    }

    fn script(&self) -> Script {
        Script::new(self.ids.len().saturating_add(self.dependencies.len()) > 1)
    }

    /// Digests of everything, and the check that the manifest is for this device.
    pub(super) fn shared(&self) -> Option<Vec<u8>> {
        let mut script = self.script();
        let for_whom = [
            Parameter::VendorIdentifier(&self.description.vendor_id),
            Parameter::ClassIdentifier(&self.description.class_id),
        ];
        let mut facts: Vec<(u64, Vec<Parameter<'_>>)> = Vec::new();
        for planned in &self.components {
            facts.push((planned.index, image(planned.digest, planned.component.content.len())));
            if let (Some(index), Some(sealed)) = (planned.staging, &planned.sealed) {
                facts.push((index, image(Digest::of(&sealed.ciphertext), sealed.ciphertext.len())));
            }
        }
        facts.extend(self.overrides.iter().map(|(index, uri)| (*index, vec![Parameter::Uri(uri)])));
        facts.extend(self.dependencies.iter().map(|p| (p.index, vec![Parameter::ImageDigest(p.digest)])));
        for (first, (index, facts)) in (0usize..).zip(facts) {
            script.select(index);
            if first > 0 {
                script.fix(&facts);
                continue;
            }
            script.fix(&[&for_whom[..], &facts].concat());
            script.run(command::VENDOR_IDENTIFIER);
            script.run(command::CLASS_IDENTIFIER);
        }
        script.build()
    }

    /// The sections, by label. A dependency is processed in each one it has (REQ-SUIT-109), before anything else.
    pub(super) fn sections(&self) -> Vec<(u64, Vec<u8>)> {
        const SECTIONS: [u64; 8] = [
            manifest::VALIDATE,
            manifest::LOAD,
            manifest::INVOKE,
            manifest::DEPENDENCY_RESOLUTION,
            manifest::PAYLOAD_FETCH,
            manifest::CANDIDATE_VERIFICATION,
            manifest::INSTALL,
            manifest::UNINSTALL,
        ];
        SECTIONS.into_iter().filter_map(|label| Some((label, self.section(label)?))).collect()
    }

    fn section(&self, label: u64) -> Option<Vec<u8>> {
        let mut script = self.script();
        for planned in &self.dependencies {
            match &planned.dependency.source {
                Some(source) if label == manifest::DEPENDENCY_RESOLUTION => {
                    script.select(planned.index);
                    script.uri(&source.uri, source.overridable);
                    script.run(command::FETCH);
                }
                _ => {}
            }
            // The first and the last one are the dependent's affair in any case: it has a dependency.
            let always = [manifest::DEPENDENCY_RESOLUTION, manifest::UNINSTALL].contains(&label);
            if always || planned.sections.contains(&label) {
                script.process_dependency(planned.index);
            }
        }
        match label {
            manifest::INSTALL => self.components.iter().for_each(|planned| planned.install(&mut script)),
            manifest::VALIDATE => self.components.iter().for_each(|planned| {
                script.select(planned.index);
                script.run(command::IMAGE_MATCH);
            }),
            manifest::UNINSTALL => (0..self.ids.len() as u64).for_each(|index| {
                script.select(index);
                script.run(command::UNLINK);
            }),
            _ => {}
        }
        script.build()
    }
}

impl Planned<'_> {
    /// The bytes that travel.
    fn delivered(&self) -> &[u8] {
        self.sealed.as_ref().map_or(&self.component.content, |sealed| &sealed.ciphertext)
    }

    fn install(&self, script: &mut Script) {
        let info = self.sealed.as_ref().map(|sealed| Parameter::EncryptionInfo(&sealed.info));
        let with = |parameter| std::iter::once(parameter).chain(info).collect::<Vec<_>>();
        match (&self.component.source, self.staging) {
            (None, _) => {
                script.select(self.index);
                script.fix(&with(Parameter::Content(self.delivered())));
                script.run(command::WRITE);
                // What the manifest says itself needs no comparison, what was decrypted does (REQ-SUIT-108).
                if info.is_none() {
                    return;
                }
            }
            (Some(source), None) => {
                script.select(self.index);
                fetch(script, source);
            }
            (Some(source), Some(staging)) => {
                script.select(staging);
                fetch(script, source);
                // Before anything is decrypted (REQ-SUIT-066).
                script.run(command::IMAGE_MATCH);
                script.select(self.index);
                script.fix(&with(Parameter::SourceComponent(staging)));
                script.run(command::COPY);
            }
        }
        script.run(command::IMAGE_MATCH);
    }
}

fn fetch(script: &mut Script, source: &Source) {
    script.uri(&source.uri, source.overridable);
    script.run(command::FETCH);
}

fn image<'p>(digest: Digest, len: usize) -> Vec<Parameter<'p>> {
    vec![Parameter::ImageDigest(digest), Parameter::ImageSize(len as u64)]
}

impl Encryption {
    fn seal(&self, plaintext: &[u8]) -> Result<Cow<'_, Sealed>, Error> {
        match self {
            Self::New(sealing) => sealing.seal(plaintext).map(Cow::Owned),
            Self::Made(sealed) => sealed.check(plaintext.len()).map(|()| Cow::Borrowed(sealed)),
        }
    }
}
