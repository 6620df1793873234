// SPDX-License-Identifier: Apache-2.0
//! What of the tables of SUIT this processor has. Everything else is refused before anything runs.

use teep_proto::suit::labels::{command, manifest as section_label};
use teep_proto::suit::{Index, Parameter};

/// Whether this processor knows what to do with `parameter`.
pub(super) fn has_parameter(parameter: &Parameter<'_>) -> bool {
    matches!(
        parameter,
        Parameter::VendorIdentifier(_)
            | Parameter::ClassIdentifier(_)
            | Parameter::DeviceIdentifier(_)
            | Parameter::ImageDigest(_)
            | Parameter::ImageSize(_)
            | Parameter::Uri(_)
            | Parameter::StrictOrder(_)
            | Parameter::SoftFailure(_)
    )
}

/// Whether `code` may stand in `section`; the shared sequence has no effects (REQ-SUIT-013).
pub(super) fn has_command(section: u64, code: i64) -> bool {
    match code {
        command::VENDOR_IDENTIFIER
        | command::CLASS_IDENTIFIER
        | command::DEVICE_IDENTIFIER
        | command::IMAGE_MATCH
        | command::ABORT
        | command::SET_COMPONENT_INDEX
        | command::TRY_EACH
        | command::SET_PARAMETERS
        | command::OVERRIDE_PARAMETERS
        | command::RUN_SEQUENCE => true,
        command::FETCH => section != section_label::COMMON,
        _ => false,
    }
}

/// A manifest with one component has index 0 only; true means the same then.
pub(super) fn selects_only_zero(index: &Index) -> bool {
    match index {
        Index::One(0) | Index::All => true,
        Index::One(_) => false,
        Index::Several(list) => list == &[0],
    }
}
