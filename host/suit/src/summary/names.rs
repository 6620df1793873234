// SPDX-License-Identifier: Apache-2.0
use super::Parameter;
use teep_proto::suit::labels::{command, manifest};
use uuid::Uuid;

/// Name of the manifest's section `label`.
pub(super) fn section(label: u64) -> &'static str {
    match label {
        manifest::VALIDATE => "validate",
        manifest::LOAD => "load",
        manifest::INVOKE => "invoke",
        manifest::DEPENDENCY_RESOLUTION => "dependency-resolution",
        manifest::PAYLOAD_FETCH => "payload-fetch",
        manifest::CANDIDATE_VERIFICATION => "candidate-verification",
        manifest::INSTALL => "install",
        manifest::UNINSTALL => "uninstall",
        _ => "unknown section",
    }
}

/// Name of the command `code`.
pub(super) fn command(code: i64) -> String {
    match code {
        command::VENDOR_IDENTIFIER => "vendor-identifier",
        command::CLASS_IDENTIFIER => "class-identifier",
        command::IMAGE_MATCH => "image-match",
        command::SET_COMPONENT_INDEX => "set-component-index",
        command::ABORT => "abort",
        command::TRY_EACH => "try-each",
        command::SET_PARAMETERS => "set-parameters",
        command::OVERRIDE_PARAMETERS => "override-parameters",
        command::FETCH => "fetch",
        command::DEVICE_IDENTIFIER => "device-identifier",
        command::RUN_SEQUENCE => "run-sequence",
        command::UNLINK => "unlink",
        _ => return format!("command {code}"),
    }
    .to_owned()
}

/// Name and value of `parameter`.
pub(super) fn parameter(parameter: &Parameter<'_>) -> (String, String) {
    let (name, value) = match parameter {
        Parameter::VendorIdentifier(id) => ("vendor-identifier", identifier(id)),
        Parameter::ClassIdentifier(id) => ("class-identifier", identifier(id)),
        Parameter::DeviceIdentifier(id) => ("device-identifier", identifier(id)),
        Parameter::ImageDigest(digest) => ("image-digest", format!("SHA-256 {digest}")),
        Parameter::StrictOrder(value) => ("strict-order", value.to_string()),
        Parameter::SoftFailure(value) => ("soft-failure", value.to_string()),
        Parameter::ImageSize(size) => ("image-size", size.to_string()),
        Parameter::Uri(uri) => ("uri", (*uri).to_owned()),
        Parameter::Unknown(label) => return (format!("parameter {label}"), "not shown".to_owned()),
    };
    (name.to_owned(), value)
}

fn identifier(id: &[u8]) -> String {
    <[u8; 16]>::try_from(id).map_or_else(|_| hex::encode(id), |id| Uuid::from_bytes(id).to_string())
}
