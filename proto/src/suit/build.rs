// SPDX-License-Identifier: Apache-2.0
use super::labels::command;
use super::parameter::{Parameter, write_map};
use super::{Argument, Command, Index, Value};
use crate::Error;
use crate::cbor::{Writer, encode};
use alloc::vec::Vec;

/// Builds a SUIT_Command_Sequence command by command.
#[derive(Clone, Debug, Default)]
pub struct SequenceBuilder {
    commands: usize,
    body: Vec<u8>,
}

impl SequenceBuilder {
    /// An empty sequence.
    pub fn new() -> Self {
        Self::default()
    }

    fn append(mut self, code: i64, argument: impl FnOnce(&mut Writer)) -> Self {
        self.commands = self.commands.saturating_add(1);
        self.body.extend(encode(|w| {
            w.int(code);
            argument(w);
        }));
        self
    }

    /// A condition, or a directive whose argument is a reporting policy.
    pub fn simple(self, code: i64, policy: u64) -> Self {
        self.append(code, |w| {
            w.uint(policy);
        })
    }

    /// override-parameters, which fixes them: digests above all. Written in the order of their labels.
    pub fn override_parameters(self, parameters: &[Parameter<'_>]) -> Self {
        self.append(command::OVERRIDE_PARAMETERS, |w| write_map(w, None, parameters))
    }

    /// set-parameters, for what a dependent manifest may set before (REQ-SUIT-114).
    pub fn set_parameters(self, parameters: &[Parameter<'_>]) -> Self {
        self.append(command::SET_PARAMETERS, |w| write_map(w, None, parameters))
    }

    /// override-multiple: parameters by component index, written in the order of the indices.
    pub fn override_multiple(self, parameters: &[(u64, &[Parameter<'_>])]) -> Self {
        let mut sorted: Vec<_> = parameters.iter().collect();
        sorted.sort_by_key(|(index, _)| *index);
        self.append(command::OVERRIDE_MULTIPLE, |w| {
            w.map(sorted.len());
            for (index, parameters) in sorted {
                w.uint(*index);
                write_map(w, None, parameters);
            }
        })
    }

    /// copy-params: labels of parameters by the index of the component they come from, written in the order
    /// of the indices.
    pub fn copy_parameters(self, labels: &[(u64, Vec<i64>)]) -> Self {
        let mut sorted: Vec<_> = labels.iter().collect();
        sorted.sort_by_key(|(index, _)| *index);
        self.append(command::COPY_PARAMS, |w| {
            w.map(sorted.len());
            for (index, labels) in sorted {
                w.uint(*index).array(labels.len());
                labels.iter().for_each(|label| {
                    w.int(*label);
                });
            }
        })
    }

    /// set-component-index with one index.
    pub fn set_component_index(self, index: u64) -> Self {
        self.simple(command::SET_COMPONENT_INDEX, index)
    }

    /// set-component-index with any argument it has.
    pub fn select(self, index: &Index) -> Self {
        self.append(command::SET_COMPONENT_INDEX, |w| match index {
            Index::One(index) => {
                w.uint(*index);
            }
            Index::All => {
                w.bool(true);
            }
            Index::Several(list) => {
                w.array(list.len());
                list.iter().for_each(|index| {
                    w.uint(*index);
                });
            }
        })
    }

    /// try-each over encoded sequences; `None`, as the last one, is the nil that always succeeds.
    pub fn try_each<S: AsRef<[u8]>>(self, alternatives: &[Option<S>]) -> Self {
        self.append(command::TRY_EACH, |w| {
            w.array(alternatives.len());
            for alternative in alternatives {
                match alternative {
                    Some(sequence) => w.bytes(sequence.as_ref()),
                    None => w.null(),
                };
            }
        })
    }

    /// run-sequence of an encoded sequence.
    pub fn run_sequence(self, sequence: &[u8]) -> Self {
        self.append(command::RUN_SEQUENCE, |w| {
            w.bytes(sequence);
        })
    }

    /// A private command; `code` is below -256.
    pub fn custom(self, code: i64, argument: &Value<'_>) -> Self {
        self.append(code, |w| argument.write(w))
    }

    /// A command that was decoded. Sequences within are taken as they are; an unassigned command gets the
    /// argument null.
    ///
    /// # Errors
    /// When one of its parameters is malformed, which those of validated sequences are not.
    pub fn command(self, command: &Command<'_>) -> Result<Self, Error> {
        let code = command.code;
        Ok(match &command.argument {
            Argument::Policy(policy) => self.simple(code, *policy),
            Argument::Index(index) => self.select(index),
            Argument::Alternatives(list) => {
                let list: Vec<_> = list.iter().map(|one| one.map(|sequence| sequence.as_bytes())).collect();
                self.try_each(&list)
            }
            Argument::Parameters(parameters) => {
                let parameters = parameters.iter()?.collect::<Result<Vec<_>, _>>()?;
                self.append(code, |w| write_map(w, None, &parameters))
            }
            Argument::Sequence(sequence) => self.run_sequence(sequence.as_bytes()),
            Argument::Multiple(list) => {
                let mut decoded = Vec::new();
                for (index, parameters) in list {
                    decoded.push((*index, parameters.iter()?.collect::<Result<Vec<_>, _>>()?));
                }
                let borrowed: Vec<_> =
                    decoded.iter().map(|(index, list)| (*index, list.as_slice())).collect();
                self.override_multiple(&borrowed)
            }
            Argument::CopyParameters(list) => self.copy_parameters(list),
            Argument::Custom(value) => self.custom(code, value),
            Argument::Unknown => self.custom(code, &Value::Null),
        })
    }

    /// The encoded sequence.
    pub fn build(self) -> Vec<u8> {
        encode(|w| {
            w.array(self.commands.saturating_mul(2)).raw(&self.body);
        })
    }
}
