// SPDX-License-Identifier: Apache-2.0
//! The malformed calls.

use crate::garbage;
use crate::param::Shape;
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Target;
use optee_teec::{Error, ErrorKind};
use teep_proto::teec::{Command, MAX_REPLY};

/// Garbage requests to a command before a new session is opened.
const ROUNDS_PER_SESSION: u32 = 10;

/// Makes every kind of malformed call.
///
/// # Errors
/// When no session with the Agent can be had any more.
pub(crate) fn run(target: &mut Target, tally: &mut Tally, rounds: u32) -> Result<(), Error> {
    unknown_commands(target, tally)?;
    for command in Command::ALL {
        wrong_types(target, tally, command)?;
        too_long(target, tally, command)?;
        too_little_room(target, tally, command)?;
        garbage(target, tally, command, rounds)?;
    }
    still_works(target, tally)
}

fn unknown_commands(target: &mut Target, tally: &mut Tally) -> Result<(), Error> {
    let ids = Command::ALL.map(|command| command.id());
    for command in (0..=31).chain([0x8000_0000, u32::MAX]) {
        if ids.contains(&command) {
            continue;
        }
        let result = target.call(command, b"x", MAX_REPLY);
        tally.refusal(format_args!("unknown command {command}"), ErrorKind::BadParameters, &result);
        recover(target, &result)?;
    }
    Ok(())
}

/// Every combination of types of the first two parameters but the right one, and the right ones with each
/// type in the other two.
fn wrong_types(target: &mut Target, tally: &mut Tally, command: Command) -> Result<(), Error> {
    let right = [Shape::MemoryInput, Shape::MemoryOutput, Shape::None, Shape::None];
    let first_two =
        Shape::ALL.into_iter().flat_map(|p0| Shape::ALL.map(|p1| [p0, p1, Shape::None, Shape::None]));
    let third = Shape::ALL.map(|p2| [Shape::MemoryInput, Shape::MemoryOutput, p2, Shape::None]);
    let fourth = Shape::ALL.map(|p3| [Shape::MemoryInput, Shape::MemoryOutput, Shape::None, p3]);
    for shapes in first_two.chain(third).chain(fourth).filter(|shapes| *shapes != right) {
        let result = target.call_shaped(command.id(), shapes);
        tally.refusal(format_args!("{} with {shapes:?}", command.name()), ErrorKind::BadParameters, &result);
        recover(target, &result)?;
    }
    Ok(())
}

fn too_long(target: &mut Target, tally: &mut Tally, command: Command) -> Result<(), Error> {
    let most = command.max_request();
    for length in [most.saturating_add(1), most.saturating_add(4096), most.saturating_mul(2).max(65536)] {
        let result = target.call(command.id(), &vec![0xa5; length], MAX_REPLY);
        tally.refusal(format_args!("{} of {length} bytes", command.name()), ErrorKind::ExcessData, &result);
        recover(target, &result)?;
    }
    Ok(())
}

fn too_little_room(target: &mut Target, tally: &mut Tally, command: Command) -> Result<(), Error> {
    for room in [0, 1, MAX_REPLY.saturating_sub(1)] {
        let result = target.call(command.id(), &[], room);
        let what = format_args!("{} with room for {room} bytes", command.name());
        tally.refusal(what, ErrorKind::ShortBuffer, &result);
        recover(target, &result)?;
    }
    Ok(())
}

/// Requests that mean nothing, in sessions that may be in any state.
fn garbage(target: &mut Target, tally: &mut Tally, command: Command, rounds: u32) -> Result<(), Error> {
    let mut random = Random::new(command.id().into());
    for round in 0..rounds {
        if round.checked_rem(ROUNDS_PER_SESSION) == Some(0) {
            target.reconnect()?;
            if command == Command::ProcessTeepMessage {
                let result = target.call(Command::RequestTa.id(), &garbage::ta_request().encode(), MAX_REPLY);
                tally.reply(format_args!("a session to put garbage into"), &result);
                recover(target, &result)?;
            }
        }
        let request = garbage::request(&mut random, command);
        let result = target.call(command.id(), &request, MAX_REPLY);
        tally.reply(format_args!("{} with garbage, round {round}", command.name()), &result);
        recover(target, &result)?;
    }
    Ok(())
}

fn still_works(target: &mut Target, tally: &mut Tally) -> Result<(), Error> {
    target.reconnect()?;
    let result = target.call(Command::Info.id(), &[], MAX_REPLY);
    tally.reply(format_args!("Info after all this"), &result);
    Ok(())
}

/// After the Agent has died every further call of the session would fail for that reason.
fn recover<T>(target: &mut Target, result: &Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() == ErrorKind::TargetDead => target.reconnect(),
        _ => Ok(()),
    }
}
