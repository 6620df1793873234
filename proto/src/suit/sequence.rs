// SPDX-License-Identifier: Apache-2.0
use super::labels::{LAST_CUSTOM_COMMAND, command};
use super::{Parameters, Value};
use crate::cbor::{Major, Reader};
use crate::limits::{MAX_ALTERNATIVES, MAX_COMMANDS, MAX_COMPONENTS, MAX_LIST, MAX_SEQUENCE_DEPTH};
use crate::{Error, Kind, Step};
use alloc::vec::Vec;

/// A SUIT_Command_Sequence, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence<'b> {
    bytes: &'b [u8],
}

/// One command: its code and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command<'b> {
    /// Number of the command, see [`super::labels::command`].
    pub code: i64,
    /// Byte offset within its sequence. In a nested sequence that is not the one SUIT Reports name, see
    /// [`nested`](Self::nested).
    pub offset: usize,
    /// What follows the code.
    pub argument: Argument<'b>,
}

/// The argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument<'b> {
    /// Reporting policy of a condition or a directive without other argument.
    Policy(u64),
    /// Of set-component-index.
    Index(Index),
    /// Of try-each: the alternatives; `None`, only as the last one, is the nil that always succeeds.
    Alternatives(Vec<Option<Sequence<'b>>>),
    /// Of set-parameters and override-parameters.
    Parameters(Parameters<'b>),
    /// Of run-sequence.
    Sequence(Sequence<'b>),
    /// Of override-multiple: parameters by component index.
    Multiple(Vec<(u64, Parameters<'b>)>),
    /// Of copy-params: by the index of the component they come from, the labels of the parameters.
    CopyParameters(Vec<(u64, Vec<i64>)>),
    /// Of a private command, whose code is below -256.
    Custom(Value<'b>),
    /// Of a command whose code is not assigned: well-formed, not interpreted.
    Unknown,
}

/// Which components the following commands are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Index {
    /// The component of this index.
    One(u64),
    /// Every component.
    All,
    /// These components, in this order.
    Several(Vec<u64>),
}

impl<'b> Sequence<'b> {
    /// The empty sequence.
    pub const EMPTY: Sequence<'static> = Sequence { bytes: b"\x80" };

    /// Takes encoded bytes; nothing is checked before [`validate`](Self::validate) or
    /// [`instructions`](Self::instructions).
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// The encoded sequence.
    pub const fn as_bytes(self) -> &'b [u8] {
        self.bytes
    }

    /// Walks this sequence and all it contains once, without recursion.
    ///
    /// # Errors
    /// What is malformed, more than [`MAX_COMMANDS`] commands, more than [`MAX_SEQUENCE_DEPTH`] levels.
    pub fn validate(self) -> Result<(), Error> {
        self.visit(|_| Ok(()))
    }

    /// Decodes this sequence and all it contains and shows each command to `visit`: those of one sequence in
    /// order, those of a nested one after those of the sequence it stands in.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), and those of `visit`.
    pub fn visit(self, mut visit: impl FnMut(&Command<'b>) -> Result<(), Error>) -> Result<(), Error> {
        let mut waiting = Vec::from([(self, Place::default())]);
        let mut commands = 0usize;
        while let Some((sequence, place)) = waiting.pop() {
            let inner = sequence.visit_one(&mut commands, &mut visit).map_err(|error| place.locate(error))?;
            for (offset, alternative, sequence) in inner {
                let Some(place) = place.within(offset, alternative) else {
                    let what = "at most 4 levels of command sequences";
                    return Err(place.locate(Error::new(Kind::TooLarge, what, offset)));
                };
                waiting.push((sequence, place));
            }
            if waiting.len() > MAX_COMMANDS {
                return Err(place.locate(Error::new(Kind::TooLarge, "at most 1024 command sequences", 0)));
            }
        }
        Ok(())
    }

    /// Shows the commands of this sequence to `visit`, and returns the sequences within: the offset of the command
    /// and, of try-each, the number of the alternative.
    fn visit_one(
        self,
        commands: &mut usize,
        visit: &mut impl FnMut(&Command<'b>) -> Result<(), Error>,
    ) -> Result<Vec<(usize, Option<usize>, Self)>, Error> {
        let mut inner = Vec::new();
        for command in self.instructions()? {
            let command = command?;
            *commands = commands.saturating_add(1);
            if *commands > MAX_COMMANDS {
                return Err(Error::new(Kind::TooLarge, "at most 1024 commands", command.offset));
            }
            visit(&command)?;
            match command.argument {
                Argument::Sequence(sequence) => inner.push((command.offset, None, sequence)),
                Argument::Alternatives(list) => {
                    let list = list.into_iter().enumerate();
                    inner.extend(list.filter_map(|(n, s)| Some((command.offset, Some(n), s?))));
                }
                Argument::Parameters(parameters) => check_parameters(parameters)?,
                Argument::Multiple(list) => {
                    list.into_iter().try_for_each(|(_, parameters)| check_parameters(parameters))?;
                }
                Argument::Policy(_)
                | Argument::Index(_)
                | Argument::CopyParameters(_)
                | Argument::Custom(_)
                | Argument::Unknown => {}
            }
        }
        Ok(inner)
    }

    /// The commands in order.
    ///
    /// # Errors
    /// When the sequence is no array of code and argument pairs.
    pub fn instructions(self) -> Result<Instructions<'b>, Error> {
        let mut reader = Reader::open(self.bytes)?;
        let items = reader.array("a command sequence array")?;
        if !items.is_multiple_of(2) {
            return Err(Error::malformed("an argument for each command", 0));
        }
        Ok(Instructions { reader, left: items / 2 })
    }
}

/// The way to a nested sequence: for each command around it, from the outside in, its offset, and which of its
/// alternatives it was if it is try-each.
#[derive(Clone, Copy, Default)]
struct Place {
    around: [Option<(usize, Option<usize>)>; MAX_SEQUENCE_DEPTH.saturating_sub(1)],
}

impl Place {
    /// One level further in; `None` if that is too deep.
    fn within(mut self, offset: usize, alternative: Option<usize>) -> Option<Self> {
        *self.around.iter_mut().find(|level| level.is_none())? = Some((offset, alternative));
        Some(self)
    }

    fn locate(&self, error: Error) -> Error {
        self.around.iter().rev().flatten().fold(error, |error, (offset, alternative)| match alternative {
            Some(n) => error.in_entry(*n).behind(Step::Command("try-each", *offset)),
            None => error.behind(Step::Command("run-sequence", *offset)),
        })
    }
}

fn check_parameters(parameters: Parameters<'_>) -> Result<(), Error> {
    parameters.iter()?.try_for_each(|parameter| parameter.map(|_| ()))
}

/// Iterator over the commands of a [`Sequence`]; ends after the first error.
#[derive(Clone, Debug)]
pub struct Instructions<'b> {
    reader: Reader<'b>,
    left: usize,
}

impl<'b> Iterator for Instructions<'b> {
    type Item = Result<Command<'b>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let command = Command::read(&mut self.reader);
        if command.is_err() {
            self.left = 0;
        }
        Some(command)
    }
}

impl<'b> Command<'b> {
    fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        let offset = r.offset();
        let code = r.int("a command code")?;
        let argument = match code {
            command::SET_COMPONENT_INDEX => Argument::Index(Index::read(r)?),
            command::TRY_EACH => Argument::Alternatives(read_alternatives(r)?),
            command::SET_PARAMETERS | command::OVERRIDE_PARAMETERS => {
                Argument::Parameters(Parameters::read(r)?)
            }
            command::RUN_SEQUENCE => Argument::Sequence(Sequence::new(r.bytes("a command sequence")?)),
            command::OVERRIDE_MULTIPLE => Argument::Multiple(read_by_index(r, Parameters::read)?),
            command::COPY_PARAMS => Argument::CopyParameters(read_by_index(r, read_labels)?),
            ..=LAST_CUSTOM_COMMAND => Argument::Custom(Value::read_argument(r)?),
            _ if command::name(code).is_some() => Argument::Policy(r.uint("a reporting policy")?),
            _ => {
                r.item()?;
                Argument::Unknown
            }
        };
        Ok(Self { code, offset, argument })
    }
}

/// Two or more alternatives, the last of which may be nil. Empty sequences are accepted (AMB-SUIT-21).
fn read_alternatives<'b>(r: &mut Reader<'b>) -> Result<Vec<Option<Sequence<'b>>>, Error> {
    let mut list = Vec::new();
    let count = r.list(2, MAX_ALTERNATIVES, "two to sixteen alternatives")?;
    for left in (0..count).rev() {
        let nil = left == 0 && r.optional_null();
        list.push(if nil { None } else { Some(Sequence::new(r.bytes("a sequence, or nil at the end")?)) });
    }
    Ok(list)
}

fn read_by_index<'b, T>(
    r: &mut Reader<'b>,
    read: impl Fn(&mut Reader<'b>) -> Result<T, Error>,
) -> Result<Vec<(u64, T)>, Error> {
    let at = r.offset();
    let mut list = Vec::new();
    for _ in 0..r.map("a map by component index")? {
        list.push((r.uint("a component index")?, read(r)?));
    }
    if list.is_empty() { Err(Error::malformed("at least one component index", at)) } else { Ok(list) }
}

fn read_labels(r: &mut Reader<'_>) -> Result<Vec<i64>, Error> {
    let mut labels = Vec::new();
    for _ in 0..r.list(1, MAX_LIST, "an array of parameter labels")? {
        labels.push(r.int("a parameter label")?);
    }
    Ok(labels)
}

impl Index {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        const WHAT: &str = "a component index, true, or an array of indices";
        if r.next_is(Major::Uint) {
            return r.uint(WHAT).map(Self::One);
        }
        if !r.next_is(Major::Array) {
            return if r.bool(WHAT)? { Ok(Self::All) } else { Err(r.error(WHAT)) };
        }
        let mut list = Vec::new();
        for _ in 0..r.list(1, MAX_COMPONENTS, WHAT)? {
            list.push(r.uint(WHAT)?);
        }
        Ok(Self::Several(list))
    }
}
