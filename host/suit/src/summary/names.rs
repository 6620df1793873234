// SPDX-License-Identifier: Apache-2.0
use super::Parameter;
use std::collections::BTreeMap;
use teep_proto::cose::Encrypted;
use teep_proto::suit::labels::{command, component_text, manifest, parameter, text};
use teep_proto::suit::{Language, Value};
use uuid::Uuid;

/// Bytes of a value that are shown; of a longer one its beginning and its length.
const SHOWN: usize = 32;

/// Name of the manifest's section `label`.
pub(crate) fn section(label: u64) -> &'static str {
    manifest::name(label).unwrap_or("unknown section")
}

/// Name of the command `code`.
pub(crate) fn command(code: i64) -> String {
    command::name(code).map_or_else(|| format!("command {code}"), str::to_owned)
}

/// Name of the parameter `label`.
pub(super) fn parameter_label(label: i64) -> String {
    parameter::name(label).map_or_else(|| format!("parameter {label}"), str::to_owned)
}

/// Name and value of `parameter`.
pub(crate) fn parameter(parameter: &Parameter<'_>) -> (String, String) {
    let value = match parameter {
        Parameter::VendorIdentifier(id)
        | Parameter::ClassIdentifier(id)
        | Parameter::DeviceIdentifier(id) => identifier(id),
        Parameter::VendorEnterprise(id) => format!("enterprise number {}", hex::encode(id)),
        Parameter::ImageDigest(digest) => format!("{} {digest}", digest.algorithm()),
        Parameter::StrictOrder(value) | Parameter::SoftFailure(value) => value.to_string(),
        Parameter::UseBefore(number)
        | Parameter::ComponentSlot(number)
        | Parameter::ImageSize(number)
        | Parameter::SourceComponent(number)
        | Parameter::MinimumBattery(number) => number.to_string(),
        Parameter::UpdatePriority(priority) => priority.to_string(),
        Parameter::Uri(uri) => (*uri).to_owned(),
        Parameter::EncryptionInfo(bytes) => encryption(bytes),
        Parameter::Content(bytes)
        | Parameter::InvokeArgs(bytes)
        | Parameter::FetchArguments(bytes)
        | Parameter::Version(bytes)
        | Parameter::WaitInfo(bytes)
        | Parameter::ComponentMetadata(bytes) => shortened(bytes),
        Parameter::Custom(_, private) => value(private),
        Parameter::Unknown(_) => "not shown".to_owned(),
    };
    (parameter_label(parameter.label()), value)
}

/// With what something is encrypted, and to how many.
fn encryption(info: &[u8]) -> String {
    match Encrypted::decode(info) {
        Ok(info) => match info.recipients() {
            1 => format!("{}, to 1 recipient", info.algorithm()),
            several => format!("{}, to {several} recipients", info.algorithm()),
        },
        Err(_) => format!("not understood: {}", shortened(info)),
    }
}

/// A private value.
pub(super) fn value(value: &Value<'_>) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null => "null".to_owned(),
        Value::Text(text) => format!("\"{text}\""),
        Value::Bytes(bytes) => shortened(bytes),
    }
}

/// The texts of `language` by what they are about.
pub(super) fn texts(language: &Language<'_>) -> BTreeMap<String, String> {
    let named = |name: Option<&str>, label: i64| name.map_or_else(|| format!("text {label}"), str::to_owned);
    let manifest =
        language.manifest.iter().map(|(label, t)| (named(text::name(*label), *label), t.to_string()));
    let components = language.components.iter().flat_map(|(id, entries)| {
        entries.iter().map(move |(label, t)| {
            (format!("{} of {id}", named(component_text::name(*label), *label)), t.to_string())
        })
    });
    manifest.chain(components).collect()
}

fn shortened(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(beginning) if bytes.len() > SHOWN => {
            format!("{}... ({} bytes)", hex::encode(beginning), bytes.len())
        }
        _ => hex::encode(bytes),
    }
}

fn identifier(id: &[u8]) -> String {
    <[u8; 16]>::try_from(id).map_or_else(|_| hex::encode(id), |id| Uuid::from_bytes(id).to_string())
}
