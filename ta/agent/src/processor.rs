// SPDX-License-Identifier: Apache-2.0
//! The SUIT manifest processor: runs the procedures of verified manifests and their dependencies.
//!
//! It interprets, and reaches the device through one trait, [`World`]. Its results are proposals: [`Installed`] says
//! what the manifests want to be there, and only the caller makes it so. Nested sequences and dependencies live on an
//! explicit stack, so that no input can make it recurse.
//!
//! The envelopes stay borrowed for as long as a procedure runs, so that nobody changes what was verified (REQ-SUIT-107).
//! A procedure depends on nothing but them and the world: run again, it does the same (REQ-SUIT-028, REQ-SUIT-096). That is
//! how it waits for the network: it ends as [`Ended::Suspended`] and begins again when the payload is there.

mod completion;
mod components;
mod conditions;
mod dependency;
mod directives;
mod frames;
mod manifest;
mod outcome;
mod parameters;
mod reporting;
mod run;
mod support;
mod world;

pub(crate) use outcome::{Ended, Failure, Installed, ProcessedComponent, ProcessedManifest};
pub(crate) use support::{COMMANDS, PARAMETERS};
pub(crate) use world::{Content, Policy, Staged, Stop, World};

use alloc::vec::Vec;
use run::{Procedure, Run};
use teep_proto::cose::Verified;
use teep_proto::suit::labels::manifest as section_label;
use teep_proto::suit::{ComponentId, Envelope, Manifest};

/// Runs the Update procedure of the root manifest in `root` (suit.md 8.1): dependency-resolution, payload-fetch,
/// candidate-verification, install, validate.
///
/// # Errors
/// Where and why it stopped. The device is then as it was.
pub(crate) fn update<'b, W: World<'b>>(
    world: &mut W,
    root: &Envelope<'b>,
    verified: &Verified<Manifest<'b>>,
) -> Result<Installed<'b>, Ended> {
    let mut run = Run::new(world, Procedure::Update);
    run.load_root(root, verified).map_err(|halt| run.ended(halt))?;
    for section in manifest::UPDATE {
        run.run(section)?;
    }
    run.finish()
}

/// Runs the Uninstall procedure of the manifest `manifest_id`, whose last link is gone, as it was `stored`, and of
/// those dependencies whose last link it takes away. What other links they hold, the caller drops afterwards (suit.md
/// 9.5 rule 5).
///
/// # Errors
/// Where and why it stopped.
pub(crate) fn uninstall<'b, W: World<'b>>(
    world: &mut W,
    manifest_id: ComponentId<'b>,
    stored: &Envelope<'b>,
) -> Result<(), Ended> {
    let mut run = Run::new(world, Procedure::Uninstall);
    let loaded = run.load_stored(manifest_id, stored.clone(), Vec::new());
    loaded.map_err(|halt| run.ended(halt))?;
    run.run(section_label::UNINSTALL)
}

#[cfg(test)]
mod tests;
