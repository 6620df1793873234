// SPDX-License-Identifier: Apache-2.0
//! How the state changes: everything is prepared beside it, one write makes the new one true, and what the platform has
//! to do for that follows. An interruption leaves the old state, or the new one with a journal of what is left to do.

use crate::env::{Env, EnvError, InstallError, Installer, Storage};
use crate::processor::Failure;
use crate::store::{Action, Full, Journal, State, Stored, objects};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use teep_proto::suit::Reason;
use teep_proto::teec::StillRunning;

/// Why nothing was changed, or not all.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It may be right another time: memory or storage.
    Temporary(EnvError),
    /// There is no room for more.
    Full(Full),
    /// The platform has not done yet what was ordered before.
    Unfinished,
    /// Too many Updates have written something of late; it may be right after so many seconds.
    TooOften(u64),
    /// Storage failed, and it is not known whether the state is the old one or this new one.
    Unknown(EnvError, Box<State>),
    /// It will not.
    Manifest(Failure),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Temporary(EnvError::OUT_OF_MEMORY) => f.write_str("out of memory or storage"),
            Self::Temporary(error) | Self::Unknown(error, _) => write!(f, "storage failed: {error}"),
            Self::Full(Full(what)) => f.write_str(what),
            Self::Unfinished => {
                f.write_str("the platform could not finish what was ordered before: try again later")
            }
            Self::TooOften(seconds) => {
                let minutes = seconds.div_ceil(60);
                write!(
                    f,
                    "this device has had as many Updates as it takes in an hour: try again in {minutes} minutes"
                )
            }
            Self::Manifest(failure) => write!(f, "{}: {}", failure.reason, failure.text),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Manifest(failure)
    }
}

impl From<EnvError> for Refusal {
    fn from(error: EnvError) -> Self {
        Self::Temporary(error)
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::Full(full)
    }
}

impl From<InstallError> for Refusal {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::OutOfMemory => Self::Temporary(EnvError::OUT_OF_MEMORY),
            error => Failure::early(Reason::OperationFailed, format!("{error}")).into(),
        }
    }
}

/// Images that were handed to the platform, by their UUIDs, until they are committed.
type Prepared<E> = Vec<([u8; 16], Option<<<E as Env>::Installer as Installer>::Image>)>;

/// An image that is to be installed, staged as an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewImage {
    /// UUID in the image, and of the component.
    pub(crate) uuid: [u8; 16],
    /// Where it is staged.
    pub(crate) object: u64,
    /// Its bytes.
    pub(crate) size: u64,
}

/// Puts `next` in the place of `state`, with `images` given to the platform, and returns the Trusted Applications of
/// which sessions still run code that was replaced or removed.
///
/// # Errors
/// Why it was not done; `state` is then as before. After [`InstallError::Failed`], when nobody knows what the platform
/// did, it is `next` with a journal. After [`Refusal::Unknown`] it has to be read again, and nothing may be deleted.
pub(crate) fn commit<E: Env>(
    env: &mut E,
    state: &mut State,
    mut next: State,
    images: &[NewImage],
) -> Result<Vec<StillRunning>, Refusal> {
    // Whether it can do this may be another matter when it says what it can do.
    let abilities = env.installer().abilities().map_err(|error| match error {
        InstallError::Failed(code) => Refusal::Temporary(EnvError { code }),
        error => error.into(),
    })?;
    let actions = actions(state, &next, images);
    if !abilities.removes && actions.iter().any(|action| matches!(action, Action::Remove { .. })) {
        return Err(InstallError::Unsupported.into());
    }
    if !abilities.checks_first && actions.len() > 1 {
        let text =
            "this OP-TEE can install one Trusted Application at a time only: send one manifest for each";
        return Err(Failure::early(Reason::OperationFailed, text).into());
    }
    next.continue_numbers(state.next_object());
    next.left.clone_from(&state.left);
    next.check_room(state)?;
    let mut prepared = Prepared::<E>::new();
    for image in images {
        prepared.push((image.uuid, Some(prepare::<E>(env, image.object, image.size)?)));
    }
    let fallback = if abilities.checks_first || images.is_empty() { None } else { Some(state.new_object()) };
    next.continue_numbers(state.next_object());
    let replaced = state.objects().filter(|object| !next.objects().any(|kept| kept == *object)).collect();
    let journal = Journal { actions, fallback, replaced };
    let idle = journal.actions.is_empty();
    let unneeded: Vec<u64> = journal.replaced.clone();
    next.journal = (!idle).then_some(journal);
    // With the journal it is larger.
    next.check_size()?;
    if let Some(object) = fallback {
        env.storage().write(&objects::name(object), &state.encode())?;
    }
    if let Err(error) = next.store(env) {
        // What Linux lets storage say that it did not do may be done.
        let is_next = State::load(env).map(|mut stored| {
            stored.left.clone_from(&next.left);
            stored == next
        });
        match is_next {
            Ok(true) => {}
            Ok(false) => {
                objects::delete_unneeded(env, state, fallback);
                return Err(error.into());
            }
            Err(_) => return Err(Refusal::Unknown(error, Box::new(next))),
        }
    }
    *state = next;
    if idle {
        objects::delete_unneeded(env, state, unneeded);
        return Ok(Vec::new());
    }
    finish(env, state, prepared)
}

/// Does what the journal of a state says that is left, after an interruption or a failure of the platform. Returns the
/// same as [`commit`].
///
/// # Errors
/// Why it cannot be done now; the journal is then still there.
pub(crate) fn resume<E: Env>(env: &mut E, state: &mut State) -> Result<Vec<StillRunning>, Refusal> {
    let Some(journal) = &state.journal else { return Ok(Vec::new()) };
    let journal = journal.clone();
    env.log(format_args!(
        "finishing what was interrupted: {} actions of the platform",
        journal.actions.len()
    ));
    let mut prepared = Prepared::<E>::new();
    for action in &journal.actions {
        let Action::Install { uuid, object } = action else { continue };
        // An image that storage has lost will never be installed.
        let Some(size) = env.storage().size(&objects::name(*object))? else { continue };
        match prepare::<E>(env, *object, size) {
            Ok(image) => prepared.push((*uuid, Some(image))),
            // Not for ever: what the platform will never take must not keep the rest from being done.
            Err(error) if is_final(error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match finish(env, state, prepared) {
        Err(_) if state.journal.is_none() => Ok(Vec::new()),
        finished => finished,
    }
}

/// What the platform has to do: install `images`, and remove what is in `state` and not in `next`.
fn actions(state: &State, next: &State, images: &[NewImage]) -> Vec<Action> {
    let natives = |state: &State| -> Vec<[u8; 16]> {
        let natives = state.components.iter().filter_map(|component| match component.content {
            Stored::Native(uuid) => Some(uuid),
            Stored::Object(_) => None,
        });
        natives.collect()
    };
    let kept = natives(next);
    let removed = natives(state).into_iter().filter(|uuid| !kept.contains(uuid));
    let installs = images.iter().map(|image| Action::Install { uuid: image.uuid, object: image.object });
    installs.chain(removed.map(|uuid| Action::Remove { uuid })).collect()
}

/// Hands an image to the platform, which now checks it as far as it can without installing it.
fn prepare<E: Env>(
    env: &mut E,
    object: u64,
    size: u64,
) -> Result<<E::Installer as Installer>::Image, InstallError> {
    let mut image = env.installer().begin(size)?;
    objects::for_each_piece(env, object, |env, piece| {
        env.installer().write(&mut image, piece).map_err(Piece::Install)
    })
    .map_err(|piece| match piece {
        Piece::Install(error) => error,
        Piece::Storage(EnvError::OUT_OF_MEMORY) => InstallError::OutOfMemory,
        Piece::Storage(EnvError::CORRUPT | EnvError::NOT_FOUND) => InstallError::Refused,
        Piece::Storage(error) => InstallError::Failed(error.code),
    })?;
    Ok(image)
}

/// What can go wrong with one piece of an image.
enum Piece {
    Install(InstallError),
    Storage(EnvError),
}

impl From<EnvError> for Piece {
    fn from(error: EnvError) -> Self {
        Self::Storage(error)
    }
}

/// Lets the platform do what the journal says, and ends the journal.
fn finish<E: Env>(
    env: &mut E,
    state: &mut State,
    mut prepared: Prepared<E>,
) -> Result<Vec<StillRunning>, Refusal> {
    let Some(journal) = state.journal.clone() else { return Ok(Vec::new()) };
    let (mut running, mut refused) = (Vec::new(), None);
    for action in &journal.actions {
        let uuid = action.uuid();
        let outcome = match action {
            Action::Install { .. } => {
                let image =
                    prepared.iter_mut().find(|(of, _)| *of == uuid).and_then(|(_, image)| image.take());
                image.map_or(Err(InstallError::Refused), |image| env.installer().commit(image))
            }
            Action::Remove { .. } => env.installer().remove(uuid),
        };
        match outcome {
            Ok(Some(sessions)) if sessions > 0 => running.push(StillRunning { uuid, sessions }),
            Ok(_) => {}
            Err(error) => {
                let fallback = journal.fallback.filter(|_| !matches!(error, InstallError::Failed(_)));
                match fallback.map(|fallback| fall_back(env, state, fallback)) {
                    Some(Ok(())) => return Err(error.into()),
                    // Storage has lost it: then it is open what there is.
                    Some(Err(EnvError::CORRUPT)) | None => {}
                    Some(Err(error)) => return Err(error.into()),
                }
                if !is_final(error) {
                    return Err(error.into());
                }
                leave_open(state, uuid);
                refused = Some(error);
            }
        }
    }
    let held: Vec<u64> = state.objects().collect();
    state.journal = None;
    if let Err(error) = state.store(env) {
        state.journal = Some(journal);
        return Err(error.into());
    }
    objects::delete_unneeded(env, state, held);
    refused.map_or(Ok(running), |error| Err(error.into()))
}

/// Whether doing it again would lead to the same.
fn is_final(error: InstallError) -> bool {
    matches!(error, InstallError::Refused | InstallError::OlderVersion | InstallError::Unsupported)
}

/// Goes back to the state before, which the object `fallback` holds.
fn fall_back<E: Env>(env: &mut E, state: &mut State, fallback: u64) -> Result<(), EnvError> {
    let bytes = objects::read(env, fallback, usize::MAX)?;
    let mut before = State::decode(&bytes).map_err(|_| EnvError::CORRUPT)?;
    before.continue_numbers(state.next_object());
    before.left.clone_from(&state.left);
    before.store(env)?;
    let after: Vec<u64> = state.objects().collect();
    *state = before;
    objects::delete_unneeded(env, state, after);
    Ok(())
}

/// Leaves open what the components are that the platform or storage does not have any more, so that they are sent again.
pub(crate) fn compare_with_platform<E: Env>(env: &mut E, state: &mut State) {
    for component in state.components.iter_mut().filter(|component| !component.is_trust_store()) {
        let is_gone = match component.content {
            Stored::Native(uuid) => env.installer().is_installed(uuid) == Ok(Some(false)),
            Stored::Object(object) => match env.storage().size(&objects::name(object)) {
                Ok(size) => size != Some(component.size),
                Err(error) => error == EnvError::CORRUPT,
            },
        };
        if component.digest.is_some() && is_gone {
            env.log(format_args!("a component that was installed is gone"));
            component.digest = None;
        }
    }
}

/// The platform took another image in the meantime: which one the component has is not known any more.
fn leave_open(state: &mut State, uuid: [u8; 16]) {
    for component in &mut state.components {
        if component.content == Stored::Native(uuid) {
            component.digest = None;
        }
    }
}
