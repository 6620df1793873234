// SPDX-License-Identifier: Apache-2.0
use super::Digest;
use super::labels::{command, parameter};
use crate::cbor::{Major, Reader};
use crate::limits::{MAX_COMMANDS, MAX_COMPONENTS, MAX_SEQUENCE_DEPTH, MAX_URI};
use crate::{Error, Kind};
use alloc::vec::Vec;

/// A SUIT_Command_Sequence, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence<'b> {
    bytes: &'b [u8],
}

/// One command: its code and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Command<'b> {
    /// Number of the command, see [`super::labels::command`].
    pub code: i64,
    /// Byte offset within its sequence, as SUIT Reports name it.
    pub offset: usize,
    /// What follows the code.
    pub argument: Argument<'b>,
}

/// The argument of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument<'b> {
    /// Reporting policy of a condition or a directive without other argument.
    Policy(u64),
    /// Of set-component-index.
    Index(Index),
    /// Of try-each: the alternatives; `None` is the nil that always succeeds.
    Alternatives(Vec<Option<Sequence<'b>>>),
    /// Of set-parameters and override-parameters.
    Parameters(Parameters<'b>),
    /// Of run-sequence.
    Sequence(Sequence<'b>),
    /// Of a custom command: well-formed, not interpreted.
    Other,
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

/// The map of a set- or override-parameters directive, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters<'b> {
    item: &'b [u8],
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Parameter<'b> {
    /// A UUID.
    VendorIdentifier(&'b [u8]),
    /// A UUID.
    ClassIdentifier(&'b [u8]),
    /// A UUID.
    DeviceIdentifier(&'b [u8]),
    /// Digest of the component.
    ImageDigest(Digest),
    /// Whether commands run in order; they always do here.
    StrictOrder(bool),
    /// Whether a failed condition ends the sequence only, not the procedure.
    SoftFailure(bool),
    /// Bytes of the component.
    ImageSize(u64),
    /// Where the component comes from.
    Uri(&'b str),
    /// One this implementation does not decode.
    Unknown(i64),
}

impl<'b> Sequence<'b> {
    /// The empty sequence.
    pub const EMPTY: Sequence<'static> = Sequence { bytes: b"\x80" };

    /// Takes encoded bytes; nothing is checked before [`validate`](Self::validate) or
    /// [`instructions`](Self::instructions).
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// Walks this sequence and all it contains once, without recursion.
    ///
    /// # Errors
    /// What is malformed, more than [`MAX_COMMANDS`] commands, more than [`MAX_SEQUENCE_DEPTH`] levels.
    pub fn validate(self) -> Result<(), Error> {
        let mut waiting = Vec::from([(self, 1usize)]);
        let mut commands = 0usize;
        while let Some((sequence, depth)) = waiting.pop() {
            if depth > MAX_SEQUENCE_DEPTH {
                return Err(Error::new(Kind::TooLarge, "at most 4 levels of command sequences", 0));
            }
            for command in sequence.instructions()? {
                commands = commands.saturating_add(1);
                if commands > MAX_COMMANDS {
                    return Err(Error::new(Kind::TooLarge, "at most 1024 commands", 0));
                }
                let inner = depth.saturating_add(1);
                match command?.argument {
                    Argument::Sequence(sequence) => waiting.push((sequence, inner)),
                    Argument::Alternatives(list) => {
                        waiting.extend(list.into_iter().flatten().map(|s| (s, inner)))
                    }
                    Argument::Parameters(parameters) => {
                        for parameter in parameters.iter()? {
                            parameter?;
                        }
                    }
                    Argument::Policy(_) | Argument::Index(_) | Argument::Other => {}
                }
            }
        }
        Ok(())
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
            command::TRY_EACH => {
                let mut list = Vec::new();
                for _ in 0..r.list(2, MAX_COMPONENTS, "two to sixteen alternatives")? {
                    let nil = r.optional_null();
                    list.push(if nil { None } else { Some(Sequence::new(r.bytes("a sequence or nil")?)) });
                }
                Argument::Alternatives(list)
            }
            command::SET_PARAMETERS | command::OVERRIDE_PARAMETERS => {
                Argument::Parameters(Parameters { item: r.item()? })
            }
            command::RUN_SEQUENCE => Argument::Sequence(Sequence::new(r.bytes("a command sequence")?)),
            // Commands this implementation has no shape for: update-management's and private ones.
            34 | 35 | ..0 => {
                r.item()?;
                Argument::Other
            }
            _ => Argument::Policy(r.uint("a reporting policy")?),
        };
        Ok(Self { code, offset, argument })
    }
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

impl<'b> Parameters<'b> {
    /// The parameters with their labels.
    ///
    /// # Errors
    /// When the item is no map.
    pub fn iter(self) -> Result<impl Iterator<Item = Result<Parameter<'b>, Error>>, Error> {
        let mut reader = Reader::open(self.item)?;
        let count = reader.map("a map of parameters")?;
        Ok((0..count).map(move |_| Parameter::read(&mut reader)))
    }
}

impl<'b> Parameter<'b> {
    fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        const UUID: &str = "a UUID of 16 bytes";
        Ok(match r.int("a parameter label")? {
            parameter::VENDOR_IDENTIFIER => Self::VendorIdentifier(r.sized_bytes(16..=16, UUID)?),
            parameter::CLASS_IDENTIFIER => Self::ClassIdentifier(r.sized_bytes(16..=16, UUID)?),
            parameter::DEVICE_IDENTIFIER => Self::DeviceIdentifier(r.sized_bytes(16..=16, UUID)?),
            parameter::IMAGE_DIGEST => Self::ImageDigest(Digest::decode(r.bytes("a SUIT_Digest")?)?),
            parameter::STRICT_ORDER => Self::StrictOrder(r.bool("true or false")?),
            parameter::SOFT_FAILURE => Self::SoftFailure(r.bool("true or false")?),
            parameter::IMAGE_SIZE => Self::ImageSize(r.uint("a size")?),
            parameter::URI => Self::Uri(r.sized_text(MAX_URI, "a URI of at most 512 bytes")?),
            label => {
                r.item()?;
                Self::Unknown(label)
            }
        })
    }
}
