// SPDX-License-Identifier: Apache-2.0
//! What of the tables of SUIT this processor has. Everything else is refused before anything runs.

use super::manifest::Loaded;
use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::suit::labels::{command, manifest as section_label, parameter};
use teep_proto::suit::{Argument, Command, Index, Instructions, Parameter, Parameters, Reason, Sequence};

const COMMAND: &str = "a command this Agent does not have, or not in this section";
pub(super) const PARAMETER: &str = "a parameter this Agent does not have";
pub(super) const INDEX: &str = "a component index this manifest does not have";
const SELECTION: &str = "several components, and a sequence that does not begin with set-component-index";

/// Codes of the commands this processor has.
pub(crate) const COMMANDS: [i64; 20] = [
    command::VENDOR_IDENTIFIER,
    command::CLASS_IDENTIFIER,
    command::IMAGE_MATCH,
    command::CHECK_CONTENT,
    command::DEPENDENCY_INTEGRITY,
    command::IS_DEPENDENCY,
    command::PROCESS_DEPENDENCY,
    command::SET_COMPONENT_INDEX,
    command::ABORT,
    command::TRY_EACH,
    command::WRITE,
    command::SET_PARAMETERS,
    command::OVERRIDE_PARAMETERS,
    command::FETCH,
    command::COPY,
    command::DEVICE_IDENTIFIER,
    command::IMAGE_NOT_MATCH,
    command::SWAP,
    command::RUN_SEQUENCE,
    command::UNLINK,
];

/// Labels of the parameters this processor has.
pub(crate) const PARAMETERS: [i64; 11] = [
    parameter::VENDOR_IDENTIFIER,
    parameter::CLASS_IDENTIFIER,
    parameter::IMAGE_DIGEST,
    parameter::STRICT_ORDER,
    parameter::SOFT_FAILURE,
    parameter::IMAGE_SIZE,
    parameter::CONTENT,
    parameter::ENCRYPTION_INFO,
    parameter::URI,
    parameter::SOURCE_COMPONENT,
    parameter::DEVICE_IDENTIFIER,
];

/// A command that this processor does not run.
pub(super) struct Refused {
    pub(super) reason: Reason,
    /// Where it stands within the section.
    pub(super) offset: u64,
    pub(super) text: &'static str,
}

/// What the commands of a manifest may give to a component, whichever alternatives are taken.
#[derive(Clone, Copy)]
pub(super) struct Given {
    pub(super) slot: usize,
    /// Something its bytes can be compared with, or the bytes themselves.
    pub(super) digest: bool,
    /// Bytes.
    pub(super) payload: bool,
}

/// A sequence and what is left of it, with every index that may be the current one.
struct Level<'b> {
    base: u64,
    instructions: Instructions<'b>,
    current: Vec<u64>,
}

/// Refuses what cannot be run in `section`, and finds what the sequence gives to components.
pub(super) fn check<'b>(
    loaded: &Loaded<'b>,
    section: u64,
    sequence: Sequence<'b>,
) -> Result<Vec<Given>, Refused> {
    let level = |base, sequence: Sequence<'b>, current| {
        let instructions = sequence.instructions().map_err(|error| malformed(&error, base))?;
        Ok(Level { base, instructions, current })
    };
    let several = loaded.indices().nth(1).is_some();
    let mut given: Vec<Given> = Vec::new();
    let mut stack = Vec::from([level(0, sequence, Vec::from([0]))?]);
    let mut is_first = true;
    while let Some(top) = stack.last_mut() {
        let Some(command) = top.instructions.next() else {
            let ended = stack.pop().map(|level| level.current).unwrap_or_default();
            if let Some(outer) = stack.last_mut() {
                outer.current.extend(ended);
                outer.current.sort_unstable();
                outer.current.dedup();
            }
            continue;
        };
        let command = command.map_err(|error| malformed(&error, top.base))?;
        let offset = top.base.saturating_add(command.offset as u64);
        let refuse = |(reason, text)| Refused { reason, offset, text };
        if is_first && several && command.code != command::SET_COMPONENT_INDEX {
            return Err(refuse((Reason::ComponentUnsupported, SELECTION)));
        }
        is_first = false;
        check_command(loaded, section, &command).map_err(refuse)?;
        if let Argument::Index(index) = &command.argument {
            top.current = match index {
                Index::One(index) => Vec::from([*index]),
                Index::All => loaded.indices().collect(),
                Index::Several(list) => list.clone(),
            };
        }
        let slots = top.current.iter().filter_map(|index| loaded.slot(*index));
        slots.for_each(|slot| add(&mut given, gives(slot, &command)));
        let current = top.current.clone();
        for (base, inner) in command.nested(offset) {
            if let Some(inner) = inner {
                stack.push(level(base, inner, current.clone())?);
            }
        }
    }
    Ok(given)
}

fn malformed(error: &Error, base: u64) -> Refused {
    Refused { reason: Reason::CborParse, offset: base.saturating_add(error.offset as u64), text: error.what }
}

fn check_command(
    loaded: &Loaded<'_>,
    section: u64,
    command: &Command<'_>,
) -> Result<(), (Reason, &'static str)> {
    let has = |index: &u64| loaded.slot(*index).is_some();
    let indices = match &command.argument {
        Argument::Index(Index::One(index)) => has(index),
        Argument::Index(Index::Several(list)) => list.iter().all(has),
        _ => true,
    };
    if !has_command(section, command.code) {
        return Err((Reason::CommandUnsupported, COMMAND));
    }
    if !indices {
        return Err((Reason::ComponentUnsupported, INDEX));
    }
    let Argument::Parameters(parameters) = command.argument else { return Ok(()) };
    for parameter in list(parameters) {
        if !has_parameter(&parameter) {
            return Err((Reason::ParameterUnsupported, PARAMETER));
        }
        if matches!(&parameter, Parameter::SourceComponent(index) if !has(index)) {
            return Err((Reason::ComponentUnsupported, INDEX));
        }
    }
    Ok(())
}

/// What `command` gives to the component in `slot`.
fn gives(slot: usize, command: &Command<'_>) -> Given {
    let moves = matches!(command.code, command::COPY | command::SWAP);
    let digest = match command.argument {
        Argument::Parameters(parameters) => list(parameters)
            .any(|parameter| matches!(parameter, Parameter::ImageDigest(_) | Parameter::Content(_))),
        _ => moves,
    };
    Given { slot, digest, payload: moves || matches!(command.code, command::FETCH | command::WRITE) }
}

/// Adds `more` to what there is for its slot.
pub(super) fn add(given: &mut Vec<Given>, more: Given) {
    match given.iter_mut().find(|known| known.slot == more.slot) {
        Some(known) => {
            known.digest |= more.digest;
            known.payload |= more.payload;
        }
        None => given.push(more),
    }
}

/// The parameters of a sequence that was validated.
fn list(parameters: Parameters<'_>) -> impl Iterator<Item = Parameter<'_>> {
    parameters.iter().into_iter().flatten().flatten()
}

/// Whether this processor knows what to do with `parameter`. A private one may be left out by its author at any time
/// (REQ-SUIT-104), but is unknown all the same.
fn has_parameter(parameter: &Parameter<'_>) -> bool {
    !matches!(parameter, Parameter::VendorEnterprise(_)) && PARAMETERS.contains(&parameter.label())
}

/// Whether `code` may stand in `section`: the shared sequence has no effects (REQ-SUIT-013), and Uninstall none but
/// on links.
pub(super) fn has_command(section: u64, code: i64) -> bool {
    let is_allowed = match code {
        command::PROCESS_DEPENDENCY | command::UNLINK => section != section_label::COMMON,
        command::WRITE | command::FETCH | command::COPY | command::SWAP => {
            ![section_label::COMMON, section_label::UNINSTALL].contains(&section)
        }
        _ => true,
    };
    is_allowed && COMMANDS.contains(&code)
}
