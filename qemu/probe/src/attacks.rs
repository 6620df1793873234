// SPDX-License-Identifier: Apache-2.0
//! The malformed calls.

use crate::param::Shape;
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Target;
use optee_teec::{Error, ErrorKind};
use teep_proto::teec::{Command, MAX_REPLY, TaRequest};

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
        tally.refusal(&format!("unknown command {command}"), ErrorKind::BadParameters, &result);
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
        tally.refusal(&format!("{} with {shapes:?}", command.name()), ErrorKind::BadParameters, &result);
        recover(target, &result)?;
    }
    Ok(())
}

fn too_long(target: &mut Target, tally: &mut Tally, command: Command) -> Result<(), Error> {
    let most = command.max_request();
    for length in [most.saturating_add(1), most.saturating_add(4096), most.saturating_mul(2).max(65536)] {
        let result = target.call(command.id(), &vec![0xa5; length], MAX_REPLY);
        tally.refusal(&format!("{} of {length} bytes", command.name()), ErrorKind::ExcessData, &result);
        recover(target, &result)?;
    }
    Ok(())
}

fn too_little_room(target: &mut Target, tally: &mut Tally, command: Command) -> Result<(), Error> {
    for room in [0, 1, MAX_REPLY.saturating_sub(1)] {
        let result = target.call(command.id(), &[], room);
        let what = format!("{} with room for {room} bytes", command.name());
        tally.refusal(&what, ErrorKind::ShortBuffer, &result);
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
                let result = target.call(Command::RequestTa.id(), &ta_request().encode(), MAX_REPLY);
                tally.reply("a session to put garbage into", &result);
                recover(target, &result)?;
            }
        }
        let request = garbage_request(&mut random, command);
        let result = target.call(command.id(), &request, MAX_REPLY);
        tally.reply(&format!("{} with garbage, round {round}", command.name()), &result);
        recover(target, &result)?;
    }
    Ok(())
}

/// Noise, CBOR heads followed by noise, or a request with some bytes changed or cut off. Empty for a command
/// that takes nothing.
fn garbage_request(random: &mut Random, command: Command) -> Vec<u8> {
    const HEADS: [&[u8]; 6] = [
        b"\xd2\x84\x43\xa1\x01\x28",
        b"\xd8\x62\x84",
        b"\x82\x84",
        b"\x9b",
        b"\xbf",
        b"\xd8\x6b\xa2\x02\x58",
    ];
    let most = command.max_request();
    let longest = if random.below(8) == 0 { most } else { most.min(512) };
    let length = random.below(longest.saturating_add(1));
    let mut request = match random.below(3) {
        0 => random.bytes(length),
        1 => {
            let mut request = HEADS.get(random.below(HEADS.len())).copied().unwrap_or_default().to_vec();
            request.extend(random.bytes(length));
            request
        }
        _ => {
            let mut request = ta_request().encode();
            for _ in 0..=random.below(3) {
                let at = random.below(request.len());
                let byte = random.byte();
                if let Some(place) = request.get_mut(at) {
                    *place = byte;
                }
            }
            request.truncate(random.below(request.len().saturating_add(16)));
            request
        }
    };
    request.truncate(most);
    request
}

/// A request for something that is nowhere to be had.
fn ta_request() -> TaRequest {
    TaRequest {
        component_id: vec![b"guest-probe".to_vec(), vec![0xee; 16]],
        tam_uri_hint: Some("http://tam.invalid/".to_owned()),
    }
}

fn still_works(target: &mut Target, tally: &mut Tally) -> Result<(), Error> {
    target.reconnect()?;
    let result = target.call(Command::Info.id(), &[], MAX_REPLY);
    tally.reply("Info after all this", &result);
    Ok(())
}

/// After the Agent has died every further call of the session would fail for that reason.
fn recover<T>(target: &mut Target, result: &Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() == ErrorKind::TargetDead => target.reconnect(),
        _ => Ok(()),
    }
}
