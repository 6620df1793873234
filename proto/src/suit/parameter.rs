// SPDX-License-Identifier: Apache-2.0
use super::labels::{TAG_PEN, parameter};
use super::{ComponentId, Digest};
use crate::Error;
use crate::cbor::{Major, Reader, Writer};
use crate::limits::MAX_URI;
use alloc::vec::Vec;
use minicbor::data::Type;

/// The map of a set- or override-parameters directive, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters<'b> {
    item: &'b [u8],
    /// Where the map starts within its sequence.
    offset: usize,
}

/// One parameter. Structured values stay in their byte strings, so that nothing is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter<'b> {
    /// A UUID, for condition-vendor-identifier.
    VendorIdentifier(&'b [u8]),
    /// A vendor named by its private enterprise number: the relative object identifier within tag 112.
    VendorEnterprise(&'b [u8]),
    /// A UUID, for condition-class-identifier.
    ClassIdentifier(&'b [u8]),
    /// A UUID, for condition-device-identifier.
    DeviceIdentifier(&'b [u8]),
    /// Digest of the component.
    ImageDigest(Digest),
    /// Seconds since 1970, for condition-use-before.
    UseBefore(u64),
    /// For condition-component-slot.
    ComponentSlot(u64),
    /// Whether commands run in order; they always do here.
    StrictOrder(bool),
    /// Whether a failed condition ends the sequence only, not the procedure.
    SoftFailure(bool),
    /// Bytes of the component.
    ImageSize(u64),
    /// What write stores, or check-content compares.
    Content(&'b [u8]),
    /// An encoded SUIT_Encryption_Info: how write and copy decrypt (REQ-SUIT-060).
    EncryptionInfo(&'b [u8]),
    /// Where the component comes from.
    Uri(&'b str),
    /// Index of the component that copy and swap take from.
    SourceComponent(u64),
    /// For invoke.
    InvokeArgs(&'b [u8]),
    /// For fetch.
    FetchArguments(&'b [u8]),
    /// Milliwatt hours, for condition-minimum-battery.
    MinimumBattery(u64),
    /// For condition-update-authorized.
    UpdatePriority(i64),
    /// An encoded comparison, for condition-version.
    Version(&'b [u8]),
    /// An encoded map of events, for wait.
    WaitInfo(&'b [u8]),
    /// An encoded map about the component.
    ComponentMetadata(&'b [u8]),
    /// A private one, by its negative label: a hint at most (REQ-SUIT-104).
    Custom(i64, Value<'b>),
    /// One that is not assigned; it is written with the value null.
    Unknown(i64),
}

/// The value of a private parameter or the argument of a private command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'b> {
    /// An integer.
    Int(i64),
    /// True or false; of parameters only.
    Bool(bool),
    /// Nothing; of commands only.
    Null,
    /// A text string.
    Text(&'b str),
    /// A byte string.
    Bytes(&'b [u8]),
}

impl<'b> Value<'b> {
    /// The argument of a private command.
    pub(super) fn read_argument(r: &mut Reader<'b>) -> Result<Self, Error> {
        const WHAT: &str = "an integer, a string or null as argument of a private command";
        if r.optional_null() { Ok(Self::Null) } else { Self::read(r, WHAT) }
    }

    /// The value of a private parameter.
    fn read_parameter(r: &mut Reader<'b>) -> Result<Self, Error> {
        const WHAT: &str = "an integer, a string or a truth value in a private parameter";
        if r.peek() == Some(Type::Bool) { r.bool(WHAT).map(Self::Bool) } else { Self::read(r, WHAT) }
    }

    fn read(r: &mut Reader<'b>, what: &'static str) -> Result<Self, Error> {
        if r.next_is(Major::Bytes) {
            r.bytes(what).map(Self::Bytes)
        } else if r.next_is(Major::Text) {
            r.text(what).map(Self::Text)
        } else {
            r.int(what).map(Self::Int)
        }
    }

    /// Writes it.
    pub(super) fn write(&self, w: &mut Writer) {
        match self {
            Self::Int(value) => w.int(*value),
            Self::Bool(value) => w.bool(*value),
            Self::Null => w.null(),
            Self::Text(value) => w.text(value),
            Self::Bytes(value) => w.bytes(value),
        };
    }
}

impl<'b> Parameters<'b> {
    /// Takes the next item of `r`, whatever it is.
    pub(super) fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        let offset = r.offset();
        r.item().map(|item| Self { item, offset })
    }

    /// The parameters in order.
    ///
    /// # Errors
    /// When the item is no map, and for each parameter whose value has the wrong type.
    pub fn iter(self) -> Result<impl Iterator<Item = Result<Parameter<'b>, Error>>, Error> {
        let offset = self.offset;
        let mut reader = Reader::open(self.item)?;
        let count = reader.map("a map of parameters").map_err(|error| error.shifted(offset))?;
        Ok((0..count).map(move |_| {
            let label = reader.int("a parameter label").map_err(|error| error.shifted(offset))?;
            Parameter::read_value(label, &mut reader)
                .map_err(|error| error.shifted(offset).within(parameter_name(label)))
        }))
    }
}

impl<'b> Parameter<'b> {
    /// Reads the value that follows `label`.
    pub(super) fn read(label: i64, r: &mut Reader<'b>) -> Result<Self, Error> {
        Self::read_value(label, r).map_err(|error| error.within(parameter_name(label)))
    }

    fn read_value(label: i64, r: &mut Reader<'b>) -> Result<Self, Error> {
        const UUID: &str = "a UUID of 16 bytes";
        Ok(match label {
            parameter::VENDOR_IDENTIFIER if r.peek() == Some(Type::Tag) => {
                let at = r.offset();
                if r.optional_tag() != Some(TAG_PEN) {
                    return Err(Error::malformed("a UUID, or tag 112 with an enterprise number", at));
                }
                Self::VendorEnterprise(r.sized_bytes(1..=16, "a relative object identifier")?)
            }
            parameter::VENDOR_IDENTIFIER => Self::VendorIdentifier(r.sized_bytes(16..=16, UUID)?),
            parameter::CLASS_IDENTIFIER => Self::ClassIdentifier(r.sized_bytes(16..=16, UUID)?),
            parameter::DEVICE_IDENTIFIER => Self::DeviceIdentifier(r.sized_bytes(16..=16, UUID)?),
            parameter::IMAGE_DIGEST => {
                let digest = Digest::decode(r.bytes("a SUIT_Digest in a byte string")?);
                Self::ImageDigest(digest.map_err(|error| error.within("SUIT_Digest"))?)
            }
            parameter::USE_BEFORE => Self::UseBefore(r.uint("a time")?),
            parameter::COMPONENT_SLOT => Self::ComponentSlot(r.uint("a slot")?),
            parameter::STRICT_ORDER => Self::StrictOrder(r.bool("true or false")?),
            parameter::SOFT_FAILURE => Self::SoftFailure(r.bool("true or false")?),
            parameter::IMAGE_SIZE => Self::ImageSize(r.uint("a size")?),
            parameter::CONTENT => Self::Content(r.bytes("content in a byte string")?),
            parameter::ENCRYPTION_INFO => {
                Self::EncryptionInfo(r.bytes("a SUIT_Encryption_Info in a byte string")?)
            }
            parameter::URI => Self::Uri(r.sized_text(MAX_URI, "a URI of at most 512 bytes")?),
            parameter::SOURCE_COMPONENT => Self::SourceComponent(r.uint("a component index")?),
            parameter::INVOKE_ARGS => Self::InvokeArgs(r.bytes("arguments in a byte string")?),
            parameter::FETCH_ARGUMENTS => Self::FetchArguments(r.bytes("arguments in a byte string")?),
            parameter::MINIMUM_BATTERY => Self::MinimumBattery(r.uint("milliwatt hours")?),
            parameter::UPDATE_PRIORITY => Self::UpdatePriority(r.int("a priority")?),
            parameter::VERSION => Self::Version(r.bytes("a version comparison in a byte string")?),
            parameter::WAIT_INFO => Self::WaitInfo(r.bytes("events in a byte string")?),
            parameter::COMPONENT_METADATA => {
                Self::ComponentMetadata(r.bytes("component metadata in a byte string")?)
            }
            ..=-1 => Self::Custom(label, Value::read_parameter(r)?),
            _ => {
                r.item()?;
                Self::Unknown(label)
            }
        })
    }

    /// Its number, see [`super::labels::parameter`].
    pub fn label(&self) -> i64 {
        match self {
            Self::VendorIdentifier(_) | Self::VendorEnterprise(_) => parameter::VENDOR_IDENTIFIER,
            Self::ClassIdentifier(_) => parameter::CLASS_IDENTIFIER,
            Self::DeviceIdentifier(_) => parameter::DEVICE_IDENTIFIER,
            Self::ImageDigest(_) => parameter::IMAGE_DIGEST,
            Self::UseBefore(_) => parameter::USE_BEFORE,
            Self::ComponentSlot(_) => parameter::COMPONENT_SLOT,
            Self::StrictOrder(_) => parameter::STRICT_ORDER,
            Self::SoftFailure(_) => parameter::SOFT_FAILURE,
            Self::ImageSize(_) => parameter::IMAGE_SIZE,
            Self::Content(_) => parameter::CONTENT,
            Self::EncryptionInfo(_) => parameter::ENCRYPTION_INFO,
            Self::Uri(_) => parameter::URI,
            Self::SourceComponent(_) => parameter::SOURCE_COMPONENT,
            Self::InvokeArgs(_) => parameter::INVOKE_ARGS,
            Self::FetchArguments(_) => parameter::FETCH_ARGUMENTS,
            Self::MinimumBattery(_) => parameter::MINIMUM_BATTERY,
            Self::UpdatePriority(_) => parameter::UPDATE_PRIORITY,
            Self::Version(_) => parameter::VERSION,
            Self::WaitInfo(_) => parameter::WAIT_INFO,
            Self::ComponentMetadata(_) => parameter::COMPONENT_METADATA,
            Self::Custom(label, _) | Self::Unknown(label) => *label,
        }
    }

    fn write(&self, w: &mut Writer) {
        w.int(self.label());
        match self {
            Self::VendorEnterprise(oid) => w.tag(TAG_PEN).bytes(oid),
            Self::VendorIdentifier(bytes)
            | Self::ClassIdentifier(bytes)
            | Self::DeviceIdentifier(bytes)
            | Self::Content(bytes)
            | Self::EncryptionInfo(bytes)
            | Self::InvokeArgs(bytes)
            | Self::FetchArguments(bytes)
            | Self::Version(bytes)
            | Self::WaitInfo(bytes)
            | Self::ComponentMetadata(bytes) => w.bytes(bytes),
            Self::ImageDigest(digest) => w.bytes(&digest.encode()),
            Self::StrictOrder(value) | Self::SoftFailure(value) => w.bool(*value),
            Self::UseBefore(number)
            | Self::ComponentSlot(number)
            | Self::ImageSize(number)
            | Self::SourceComponent(number)
            | Self::MinimumBattery(number) => w.uint(*number),
            Self::UpdatePriority(priority) => w.int(*priority),
            Self::Uri(uri) => w.text(uri),
            Self::Custom(_, value) => {
                value.write(w);
                w
            }
            Self::Unknown(_) => w.null(),
        };
    }
}

fn parameter_name(label: i64) -> &'static str {
    parameter::name(label).unwrap_or("private parameter")
}

/// Writes `parameters` as a map in deterministic order (REQ-SUIT-031), behind the component identifier that
/// system-property-claims have as their first entry.
pub(super) fn write_map(
    w: &mut Writer,
    component_id: Option<&ComponentId<'_>>,
    parameters: &[Parameter<'_>],
) {
    let mut sorted: Vec<&Parameter<'_>> = parameters.iter().collect();
    sorted.sort_by_key(|parameter| deterministic(parameter.label()));
    w.map(sorted.len().saturating_add(component_id.is_some().into()));
    if let Some(id) = component_id {
        w.int(super::labels::SYSTEM_COMPONENT_ID).raw(id.as_bytes());
    }
    for parameter in sorted {
        parameter.write(w);
    }
}

/// Sorts integers as RFC 8949 section 4.2.1 does: negative ones last, those near zero first.
pub(super) fn deterministic(label: i64) -> (bool, u64) {
    (label < 0, label.unsigned_abs())
}
