// SPDX-License-Identifier: Apache-2.0
//! The SUIT manifest processor: runs the command sequences of one verified manifest.
//!
//! It interprets; it never looks for parameters by itself. Its only effects are those of [`Outcome`]: which
//! bytes are to become the component, and only if a digest under the signer's control matched them. Nested
//! sequences live on an explicit stack, so that no input can make it recurse.

mod support;

use crate::config::Config;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use support::{has_command, has_parameter, selects_only_zero};
use teep_proto::limits::{MAX_COMMANDS, MAX_MANIFEST};
use teep_proto::suit::labels::{command, manifest as section_label};
use teep_proto::suit::{
    Argument, Command, Digest, Envelope, Instructions, Manifest, Parameter, Parameters, Reason, Record,
    Section, Sequence,
};
use teep_proto::{Error, Kind};

/// Sections of the Update procedure in their order (suit.md 8.1).
const UPDATE: [u64; 5] = [
    section_label::DEPENDENCY_RESOLUTION,
    section_label::PAYLOAD_FETCH,
    section_label::CANDIDATE_VERIFICATION,
    section_label::INSTALL,
    section_label::VALIDATE,
];

/// Why processing stopped, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In the words of SUIT Reports.
    pub(crate) reason: Reason,
    /// The command, if it was one.
    pub(crate) record: Record<'static>,
    /// One phrase for people.
    pub(crate) text: Cow<'static, str>,
}

impl Failure {
    /// A failure before any command ran (AMB-SUIT-17).
    pub(crate) fn early(reason: Reason, text: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, record: Record::default(), text: text.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reason = match error.kind {
            Kind::Unauthenticated => Reason::Unauthenticated,
            Kind::UnsupportedAlgorithm => Reason::AlgorithmUnsupported,
            Kind::Unsupported => Reason::CommandUnsupported,
            _ => Reason::CborParse,
        };
        Self::early(reason, error.what)
    }
}

/// What a procedure that ran to its end leaves to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome<'b> {
    /// Digest the component has afterwards, as the manifest demanded and the bytes showed.
    pub(crate) digest: Digest,
    /// The component's new bytes; `None` if the installed ones are right already.
    pub(crate) image: Option<&'b [u8]>,
}

/// Runs the Update procedure of `manifest`, whose one component has the digest `installed` so far.
pub(crate) fn update<'b>(
    manifest: &Manifest<'b>,
    envelope: &Envelope<'b>,
    config: &Config,
    installed: Option<Digest>,
) -> Result<Outcome<'b>, Failure> {
    let sequences = sequences(manifest, envelope)?;
    let mut run = Run { envelope, config, installed, component: Component::default(), steps: 0 };
    for (label, sequence) in &sequences {
        run.check_support(*label, *sequence)?;
    }
    for (label, sequence) in &sequences {
        run.sequence(*label, *sequence)?;
    }
    run.finish()
}

/// What is run, in order: before each section present the shared sequence (REQ-SUIT-015).
fn sequences<'b>(
    manifest: &Manifest<'b>,
    envelope: &Envelope<'b>,
) -> Result<Vec<(u64, Sequence<'b>)>, Failure> {
    let mut sequences = Vec::new();
    for label in UPDATE {
        let sequence = match manifest.section(label) {
            None => continue,
            Some(Section::Present(sequence)) => sequence,
            Some(Section::Severed(digest)) => {
                let content = envelope.severed(label, &digest)?;
                let missing = "a severed member the procedure needs is not in the envelope";
                let content = content.ok_or(Failure::early(Reason::SeveringUnsupported, missing))?;
                if content.len() > MAX_MANIFEST {
                    return Err(Failure::early(Reason::CborParse, "a severed member of more than 8 KiB"));
                }
                let sequence = Sequence::new(content);
                sequence.validate()?;
                sequence
            }
        };
        sequences.push((section_label::COMMON, manifest.shared));
        sequences.push((label, sequence));
    }
    Ok(sequences)
}

/// Parameters and state of the component.
#[derive(Default)]
struct Component<'b> {
    vendor_id: Option<&'b [u8]>,
    class_id: Option<&'b [u8]>,
    device_id: Option<&'b [u8]>,
    digest: Option<Digest>,
    size: Option<u64>,
    uri: Option<&'b str>,
    /// Bytes fetched in this procedure.
    fetched: Option<&'b [u8]>,
    /// The digest that the bytes fetched, or those installed, were last seen to match.
    matched: Option<Digest>,
}

/// How a sequence was entered, which decides what a failed condition means.
enum Entered<'b> {
    /// As a section or as the shared sequence: a failed condition stops the procedure.
    Top,
    /// By run-sequence.
    RunSequence,
    /// By try-each; these alternatives are left.
    TryEach(Vec<Option<Sequence<'b>>>),
}

struct Frame<'b> {
    instructions: Instructions<'b>,
    entered: Entered<'b>,
    soft_failure: bool,
}

struct Run<'r, 'b> {
    envelope: &'r Envelope<'b>,
    config: &'r Config,
    installed: Option<Digest>,
    component: Component<'b>,
    steps: usize,
}

/// What became of one command.
enum Step<'b> {
    Done,
    ConditionFailed(&'static str),
    Enter(Frame<'b>),
}

impl<'b> Run<'_, 'b> {
    /// Refuses what this processor cannot run, before anything runs.
    fn check_support(&self, section: u64, sequence: Sequence<'b>) -> Result<(), Failure> {
        let mut waiting = Vec::from([sequence]);
        while let Some(sequence) = waiting.pop() {
            for command in sequence.instructions()? {
                let command = command?;
                let place = |reason, text| Failure { reason, record: record(section, &command), text };
                if !has_command(section, command.code) {
                    let text = "a command this Agent does not have, or not in this section";
                    return Err(place(Reason::CommandUnsupported, text.into()));
                }
                match command.argument {
                    Argument::Sequence(inner) => waiting.push(inner),
                    Argument::Alternatives(ref list) => waiting.extend(list.iter().copied().flatten()),
                    Argument::Parameters(parameters) => {
                        for parameter in parameters.iter()? {
                            if !has_parameter(&parameter?) {
                                let text = "a parameter this Agent does not have";
                                return Err(place(Reason::ParameterUnsupported, text.into()));
                            }
                        }
                    }
                    Argument::Index(ref index) if !selects_only_zero(index) => {
                        let text = "a component index this manifest does not have";
                        return Err(place(Reason::ComponentUnsupported, text.into()));
                    }
                    Argument::Policy(_)
                    | Argument::Index(_)
                    | Argument::Multiple(_)
                    | Argument::CopyParameters(_)
                    | Argument::Custom(_)
                    | Argument::Unknown => {}
                }
            }
        }
        Ok(())
    }

    /// Runs one top-level sequence to its end.
    fn sequence(&mut self, section: u64, sequence: Sequence<'b>) -> Result<(), Failure> {
        let mut stack = Vec::from([frame(sequence, Entered::Top)?]);
        while let Some(top) = stack.last_mut() {
            let Some(command) = top.instructions.next() else {
                stack.pop();
                continue;
            };
            let command = command?;
            self.steps = self.steps.saturating_add(1);
            if self.steps > MAX_COMMANDS {
                return Err(Failure::early(Reason::OperationFailed, "more than 1024 commands were run"));
            }
            let failed = |reason, text: &'static str| Failure {
                reason,
                record: record(section, &command),
                text: text.into(),
            };
            match self.step(&command, top).map_err(|(reason, text)| failed(reason, text))? {
                Step::Done => {}
                Step::Enter(frame) => stack.push(frame),
                Step::ConditionFailed(text) => recover(&mut stack).map_err(|failure| match failure {
                    Some(failure) => failure,
                    None => failed(Reason::ConditionFailed, text),
                })?,
            }
        }
        Ok(())
    }

    /// Runs one command. An error stops the procedure whatever soft-failure says (REQ-SUIT-018).
    fn step(
        &mut self,
        command: &Command<'b>,
        top: &mut Frame<'b>,
    ) -> Result<Step<'b>, (Reason, &'static str)> {
        let condition = |holds: bool, text| if holds { Step::Done } else { Step::ConditionFailed(text) };
        let internal = |error: Error| (Reason::CborParse, error.what);
        Ok(match (command.code, &command.argument) {
            (command::VENDOR_IDENTIFIER, _) => {
                let known = &self.config.vendor_ids;
                condition(
                    is_one_of(self.component.vendor_id, known),
                    "the manifest is for another vendor's devices",
                )
            }
            (command::CLASS_IDENTIFIER, _) => {
                let known = &self.config.class_ids;
                condition(
                    is_one_of(self.component.class_id, known),
                    "the manifest is for another class of devices",
                )
            }
            (command::DEVICE_IDENTIFIER, _) => {
                condition(is_one_of(self.component.device_id, &[]), "the manifest is for another device")
            }
            (command::IMAGE_MATCH, _) => {
                condition(self.image_match(), "the component's bytes do not have the digest in the manifest")
            }
            (command::ABORT, _) => condition(false, "the manifest says abort"),
            (command::FETCH, _) => {
                self.fetch()?;
                Step::Done
            }
            (command::OVERRIDE_PARAMETERS, Argument::Parameters(parameters)) => {
                self.set_parameters(*parameters, true, top)?;
                Step::Done
            }
            (command::SET_PARAMETERS, Argument::Parameters(parameters)) => {
                self.set_parameters(*parameters, false, top)?;
                Step::Done
            }
            (command::SET_COMPONENT_INDEX, _) => Step::Done,
            (command::RUN_SEQUENCE, Argument::Sequence(inner)) => {
                Step::Enter(frame(*inner, Entered::RunSequence).map_err(internal)?)
            }
            (command::TRY_EACH, Argument::Alternatives(list)) => {
                let mut left: Vec<_> = list.iter().copied().rev().collect();
                match left.pop().flatten() {
                    Some(first) => Step::Enter(frame(first, Entered::TryEach(left)).map_err(internal)?),
                    None => Step::Done,
                }
            }
            _ => return Err((Reason::CommandUnsupported, "a command this Agent does not have")),
        })
    }

    /// Takes the integrated payload under the URI (M 7.5), unless the component is installed as demanded.
    fn fetch(&mut self) -> Result<(), (Reason, &'static str)> {
        let component = &mut self.component;
        component.matched = None;
        if component.size.is_some() && component.digest.is_some() && component.digest == self.installed {
            component.fetched = None;
            return Ok(());
        }
        let uri = component.uri.ok_or((Reason::OperationFailed, "fetch without a URI"))?;
        let payload = self.envelope.payload(uri);
        let payload = payload.ok_or((Reason::OperationFailed, "the URI names no integrated payload"))?;
        if component.size.is_some_and(|size| size != payload.len() as u64) {
            return Err((Reason::OperationFailed, "the payload has another size than the manifest says"));
        }
        component.fetched = Some(payload);
        Ok(())
    }

    /// Whether the component, as fetched or else as installed, has the digest set.
    fn image_match(&mut self) -> bool {
        let Component { digest, fetched, .. } = self.component;
        self.component.matched = digest.filter(|digest| match fetched {
            Some(bytes) => digest.matches(bytes),
            None => self.installed == Some(*digest),
        });
        self.component.matched.is_some()
    }

    fn set_parameters(
        &mut self,
        parameters: Parameters<'b>,
        overriding: bool,
        top: &mut Frame<'b>,
    ) -> Result<(), (Reason, &'static str)> {
        fn put<T>(slot: &mut Option<T>, value: T, overriding: bool) {
            if overriding || slot.is_none() {
                *slot = Some(value);
            }
        }
        let internal = |error: Error| (Reason::CborParse, error.what);
        let component = &mut self.component;
        for parameter in parameters.iter().map_err(internal)? {
            match parameter.map_err(internal)? {
                Parameter::VendorIdentifier(id) => put(&mut component.vendor_id, id, overriding),
                Parameter::ClassIdentifier(id) => put(&mut component.class_id, id, overriding),
                Parameter::DeviceIdentifier(id) => put(&mut component.device_id, id, overriding),
                Parameter::ImageDigest(digest) => put(&mut component.digest, digest, overriding),
                Parameter::ImageSize(size) => put(&mut component.size, size, overriding),
                Parameter::Uri(uri) => put(&mut component.uri, uri, overriding),
                // Commands always run in order, which is correct for either value (M 6.7).
                Parameter::StrictOrder(_) => {}
                Parameter::SoftFailure(_) if matches!(top.entered, Entered::Top) => {
                    return Err((Reason::OperationFailed, "soft-failure outside try-each and run-sequence"));
                }
                Parameter::SoftFailure(soft) => top.soft_failure = soft,
                _ => {
                    return Err((Reason::ParameterUnsupported, "a parameter this Agent does not have"));
                }
            }
        }
        Ok(())
    }

    /// Bytes whose digest was not compared after they were fetched never become a component (REQ-SUIT-108).
    fn finish(self) -> Result<Outcome<'b>, Failure> {
        let text = "the manifest never compares the component with a digest";
        let digest = self.component.matched.ok_or(Failure::early(Reason::ConditionFailed, text))?;
        Ok(Outcome { digest, image: self.component.fetched })
    }
}

/// After a failed condition: goes on where the enclosing sequences allow it. `Err(None)` when none does.
fn recover(stack: &mut Vec<Frame<'_>>) -> Result<(), Option<Failure>> {
    let Some(top) = stack.pop() else { return Err(None) };
    match top.entered {
        Entered::RunSequence if top.soft_failure => Ok(()),
        Entered::TryEach(mut left) if top.soft_failure => {
            let alternative = left.pop().ok_or(None)?;
            if let Some(sequence) = alternative {
                let next = frame(sequence, Entered::TryEach(left));
                stack.push(next.map_err(|error| Some(Failure::from(error)))?);
            }
            Ok(())
        }
        _ => Err(None),
    }
}

/// Enters `sequence` with the soft-failure it starts with (REQ-SUIT-020).
fn frame<'b>(sequence: Sequence<'b>, entered: Entered<'b>) -> Result<Frame<'b>, Error> {
    let soft_failure = matches!(entered, Entered::TryEach(_));
    Ok(Frame { instructions: sequence.instructions()?, entered, soft_failure })
}

fn record(section: u64, command: &Command<'_>) -> Record<'static> {
    Record { section, offset: command.offset as u64, ..Record::default() }
}

fn is_one_of(id: Option<&[u8]>, known: &[[u8; 16]]) -> bool {
    id.is_some_and(|id| known.iter().any(|known| known == id))
}

#[cfg(test)]
mod tests;
