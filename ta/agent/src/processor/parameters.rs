// SPDX-License-Identifier: Apache-2.0
//! set-parameters and override-parameters.

use super::frames::Entered;
use super::run::Run;
use super::{Stop, World};
use teep_proto::suit::{Digest, Parameter, Parameters, Reason};

/// The parameters of one component.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Values<'b> {
    pub(super) vendor_id: Option<&'b [u8]>,
    pub(super) class_id: Option<&'b [u8]>,
    pub(super) device_id: Option<&'b [u8]>,
    pub(super) digest: Option<Digest>,
    pub(super) size: Option<u64>,
    pub(super) content: Option<&'b [u8]>,
    pub(super) encryption_info: Option<&'b [u8]>,
    pub(super) uri: Option<&'b str>,
    /// Slot of the source component.
    pub(super) source: Option<usize>,
}

/// Replaces what is set only if `overriding` (REQ-SUIT-048).
fn put<T>(slot: &mut Option<T>, value: T, overriding: bool) {
    if overriding || slot.is_none() {
        *slot = Some(value);
    }
}

impl<'b, W: World<'b>> Run<'_, 'b, W> {
    /// Sets parameters of the current component, those that are set already only if `overriding`.
    pub(super) fn set_parameters(
        &mut self,
        parameters: Parameters<'b>,
        overriding: bool,
    ) -> Result<(), Stop> {
        for parameter in parameters.iter()? {
            self.set_parameter(parameter?, overriding)?;
        }
        Ok(())
    }

    fn set_parameter(&mut self, parameter: Parameter<'b>, overriding: bool) -> Result<(), Stop> {
        // An index means something in the manifest that sets it only.
        let source = match parameter {
            Parameter::StrictOrder(strict) => return self.set_strict_order(strict),
            Parameter::SoftFailure(soft) => return self.set_soft_failure(soft),
            Parameter::SourceComponent(index) => Some(self.slot_of(index)?),
            _ => None,
        };
        let (_, slot) = self.current()?;
        let values = &mut self.components.get_mut(slot)?.values;
        match parameter {
            Parameter::VendorIdentifier(id) => put(&mut values.vendor_id, id, overriding),
            Parameter::ClassIdentifier(id) => put(&mut values.class_id, id, overriding),
            Parameter::DeviceIdentifier(id) => put(&mut values.device_id, id, overriding),
            Parameter::ImageDigest(digest) => put(&mut values.digest, digest, overriding),
            Parameter::ImageSize(size) => put(&mut values.size, size, overriding),
            Parameter::Content(content) => put(&mut values.content, content, overriding),
            Parameter::EncryptionInfo(info) => put(&mut values.encryption_info, info, overriding),
            Parameter::Uri(uri) => put(&mut values.uri, uri, overriding),
            Parameter::SourceComponent(_) => {
                if let Some(source) = source {
                    put(&mut values.source, source, overriding);
                }
            }
            _ => return Err(Stop::fail(Reason::ParameterUnsupported, super::support::PARAMETER)),
        }
        Ok(())
    }

    /// It belongs to the sequence it is set in, which must have been entered by try-each or run-sequence
    /// (REQ-SUIT-019).
    fn set_soft_failure(&mut self, soft: bool) -> Result<(), Stop> {
        let sequence = self.sequence()?;
        if matches!(sequence.entered, Entered::Section | Entered::Shared) {
            let text = "soft-failure outside try-each and run-sequence";
            return Err(Stop::fail(Reason::OperationFailed, text));
        }
        sequence.soft_failure = soft;
        Ok(())
    }
}
