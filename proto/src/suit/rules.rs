// SPDX-License-Identifier: Apache-2.0
//! Rules for authors that a decoder does not need, and that a processor meets when it runs.

use super::labels::{LAST_CUSTOM_COMMAND, command, common};
use super::{Argument, Command, Index, Manifest, Parameter, Parameters, Section, Sequence};
use crate::Error;
use alloc::vec::Vec;

impl Manifest<'_> {
    /// Checks what the documents demand beyond the form of each command: [`Sequence::check_shared`]; with
    /// several components and dependencies, sequences that begin with set-component-index (REQ-SUIT-014);
    /// component indices that the manifest has; identifiers that are UUIDs of version 3, 4 or 5
    /// (REQ-SUIT-103); with encrypted content that comes from elsewhere, a digest of it or of what it decrypts to
    /// (REQ-SUIT-065, REQ-SUIT-118), unless a dependency may have that. Severed sections are not looked at.
    ///
    /// # Errors
    /// The first rule that is broken, with the place of the command.
    pub fn check_rules(&self) -> Result<(), Error> {
        self.shared.check_shared().map_err(|error| error.within("shared-sequence").within("common"))?;
        let sections = self.sections.iter().filter_map(|(label, section)| match section {
            Section::Present(sequence) => Some((super::labels::manifest::name(*label), *sequence)),
            Section::Severed(_) => None,
        });
        for (name, sequence) in sections.chain([(Some("shared-sequence"), self.shared)]) {
            self.check_sequence(sequence).map_err(|error| error.within(name.unwrap_or("section")))?;
        }
        self.check_encrypted()
    }

    /// What the documents recommend to authors and no processor asks for: for a tool to warn of. Nothing is
    /// recommended of what is severed.
    ///
    /// # Errors
    /// What is malformed, which is nothing in a manifest that was decoded.
    pub fn recommendations(&self) -> Result<Vec<&'static str>, Error> {
        let (mut vendor, mut class) = (false, false);
        self.shared.visit(|command| {
            vendor |= command.code == command::VENDOR_IDENTIFIER;
            class |= command.code == command::CLASS_IDENTIFIER;
            Ok(())
        })?;
        let checks = [
            (vendor, "a shared sequence that checks the vendor identifier (REQ-SUIT-011)"),
            (class, "a shared sequence that checks the class identifier (REQ-SUIT-011)"),
        ];
        Ok(checks.into_iter().filter(|(done, _)| !done).map(|(_, what)| what).collect())
    }

    fn check_encrypted(&self) -> Result<(), Error> {
        let (mut from_elsewhere, mut digest) = (None, !self.dependencies.is_empty());
        for (_, section) in
            self.sections.iter().chain([&(common::SHARED_SEQUENCE, Section::Present(self.shared))])
        {
            // Severed commands may set the digest.
            let Section::Present(sequence) = section else { return Ok(()) };
            sequence.visit(|command| {
                let (mut info, mut content) = (false, false);
                let mut look = |parameters: Parameters<'_>| {
                    for parameter in parameters.iter()? {
                        match parameter? {
                            Parameter::EncryptionInfo(_) => info = true,
                            Parameter::Content(_) => content = true,
                            Parameter::ImageDigest(_) => digest = true,
                            _ => {}
                        }
                    }
                    Ok::<(), Error>(())
                };
                match &command.argument {
                    Argument::Parameters(parameters) => look(*parameters)?,
                    Argument::Multiple(list) => {
                        list.iter().try_for_each(|(_, parameters)| look(*parameters))?
                    }
                    _ => {}
                }
                if info && !content {
                    from_elsewhere = from_elsewhere.or(Some(command.offset));
                }
                Ok(())
            })?;
        }
        match from_elsewhere {
            Some(offset) if !digest => {
                Err(Error::malformed("an image digest with encrypted content", offset))
            }
            _ => Ok(()),
        }
    }

    fn check_sequence(&self, sequence: Sequence<'_>) -> Result<(), Error> {
        let several = self.components.len().saturating_add(self.dependencies.len()) > 1;
        let first = sequence.instructions()?.next().transpose()?;
        if several && first.is_some_and(|first| first.code != command::SET_COMPONENT_INDEX) {
            let what = "set-component-index first, as there are several components";
            return Err(Error::malformed(what, 0));
        }
        sequence.visit(|command| {
            if !self.has_indices(command) {
                let what = "an index of suit-components or suit-dependencies";
                return Err(Error::malformed(what, command.offset));
            }
            match &command.argument {
                Argument::Parameters(parameters) => check_uuids(*parameters, command.offset),
                Argument::Multiple(list) => {
                    list.iter().try_for_each(|(_, parameters)| check_uuids(*parameters, command.offset))
                }
                _ => Ok(()),
            }
        })
    }

    fn has_indices(&self, command: &Command<'_>) -> bool {
        let has = |index: &u64| {
            *index < self.components.len() as u64 || self.dependencies.iter().any(|d| d.index == *index)
        };
        match &command.argument {
            Argument::Index(Index::One(index)) => has(index),
            Argument::Index(Index::Several(list)) => list.iter().all(has),
            Argument::Multiple(list) => list.iter().all(|(index, _)| has(index)),
            Argument::CopyParameters(list) => list.iter().all(|(index, _)| has(index)),
            _ => true,
        }
    }
}

impl Sequence<'_> {
    /// Checks that this shared sequence, and all it contains, has no effect but on parameters (REQ-SUIT-013) and
    /// nothing private (REQ-SUIT-012).
    ///
    /// # Errors
    /// Kind [`Malformed`](crate::Kind::Malformed) with the place of the first command that may not be there.
    pub fn check_shared(self) -> Result<(), Error> {
        self.visit(|command| {
            if command.code <= LAST_CUSTOM_COMMAND {
                return Err(Error::malformed("a shared sequence without private commands", command.offset));
            }
            if !may_be_shared(command.code) {
                return Err(Error::malformed("a shared sequence without side effects", command.offset));
            }
            if let Argument::Parameters(parameters) = command.argument {
                for parameter in parameters.iter()? {
                    if parameter?.label() < 0 {
                        let what = "a shared sequence without private parameters";
                        return Err(Error::malformed(what, command.offset));
                    }
                }
            }
            Ok(())
        })
    }
}

/// The version is the upper half of the seventh byte (RFC 9562 section 4).
fn check_uuids(parameters: Parameters<'_>, offset: usize) -> Result<(), Error> {
    for parameter in parameters.iter()? {
        if let Parameter::VendorIdentifier(id)
        | Parameter::ClassIdentifier(id)
        | Parameter::DeviceIdentifier(id) = parameter?
            && !id.get(6).is_some_and(|byte| (3..=5).contains(&(byte >> 4)))
        {
            return Err(Error::malformed("UUIDs of version 3, 4 or 5 as identifiers", offset));
        }
    }
    Ok(())
}

/// Conditions, and the directives the CDDL lists; set-parameters as the template of trust-domains has it
/// (AMB-SUIT-05).
fn may_be_shared(code: i64) -> bool {
    matches!(
        code,
        command::VENDOR_IDENTIFIER
            | command::CLASS_IDENTIFIER
            | command::IMAGE_MATCH
            | command::USE_BEFORE
            | command::COMPONENT_SLOT
            | command::CHECK_CONTENT
            | command::DEPENDENCY_INTEGRITY
            | command::IS_DEPENDENCY
            | command::SET_COMPONENT_INDEX
            | command::ABORT
            | command::TRY_EACH
            | command::SET_PARAMETERS
            | command::OVERRIDE_PARAMETERS
            | command::DEVICE_IDENTIFIER
            | command::IMAGE_NOT_MATCH
            | command::MINIMUM_BATTERY
            | command::UPDATE_AUTHORIZED
            | command::VERSION
            | command::RUN_SEQUENCE
    )
}
