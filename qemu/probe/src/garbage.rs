// SPDX-License-Identifier: Apache-2.0
//! Requests that mean nothing, or nothing good.

use crate::random::Random;
use teep_proto::cbor::{Writer, encode};
use teep_proto::teec::{Command, FetchData, MAX_FETCH_DATA, TaRequest};

/// What requests, messages and envelopes begin with.
const HEADS: [&[u8]; 6] =
    [b"\xd2\x84\x43\xa1\x01\x28", b"\xd8\x62\x84", b"\x82\x84", b"\x9b", b"\xbf", b"\xd8\x6b\xa2\x02\x58"];

/// A request for something that is nowhere to be had.
pub(crate) fn ta_request() -> TaRequest {
    TaRequest {
        component_id: vec![b"guest-probe".to_vec(), vec![0xee; 16]],
        tam_uri_hint: Some("http://tam.invalid/".to_owned()),
    }
}

/// Noise, CBOR heads followed by noise, or something that the first decoders take, with some bytes changed or cut off.
/// Empty for a command that takes nothing.
pub(crate) fn request(random: &mut Random, command: Command) -> Vec<u8> {
    let most = command.max_request();
    let longest = if random.below(8) == 0 { most } else { most.min(512) };
    let length = random.below(longest.saturating_add(1));
    let mut request = match random.below(4) {
        0 => random.bytes(length),
        1 => {
            let mut request = HEADS.get(random.below(HEADS.len())).copied().unwrap_or_default().to_vec();
            request.extend(random.bytes(length));
            request
        }
        2 => well_formed(random, command),
        _ => {
            let mut request = well_formed(random, command);
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

/// Something that has the form of a request for `command`.
fn well_formed(random: &mut Random, command: Command) -> Vec<u8> {
    match command {
        Command::ProcessTeepMessage => message(random),
        Command::FetchData => {
            let length = random.below(MAX_FETCH_DATA.min(600).saturating_add(1));
            let bytes = random.bytes(length);
            FetchData { offset: random.next().checked_rem(70_000).unwrap_or(0), bytes: &bytes }.encode()
        }
        Command::FetchFailed => b"the payload server is on fire".to_vec(),
        _ => ta_request().encode(),
    }
}

/// A COSE_Sign1 or COSE_Sign that nobody signed, around what looks like a QueryRequest or an Update with a manifest.
fn message(random: &mut Random) -> Vec<u8> {
    let payload = if random.below(2) == 0 { query_request(random) } else { update(random) };
    let protected = encode(|w| {
        // ESP256, Ed25519, and one that nobody has.
        let algorithm = [-9, -19, -65_000].get(random.below(3)).copied().unwrap_or(0);
        w.map(1).uint(1).int(algorithm);
    });
    let kid = random.bytes(32);
    let signature = random.bytes(64);
    let header = |w: &mut Writer| {
        w.bytes(&protected).map(1).uint(4).bytes(&kid);
    };
    if random.below(4) > 0 {
        return encode(|w| {
            w.tag(18).array(4);
            header(w);
            w.bytes(&payload).bytes(&signature);
        });
    }
    encode(|w| {
        w.tag(98).array(4).bytes(&[]).map(0).bytes(&payload).array(1).array(3);
        header(w);
        w.bytes(&signature);
    })
}

fn query_request(random: &mut Random) -> Vec<u8> {
    let token = random.bytes(16);
    encode(|w| {
        // Type, options with a token, a cipher suite, a SUIT COSE profile, data items.
        w.array(5).uint(1).map(1).uint(20).bytes(&token);
        w.array(1).array(1).array(2).uint(18).int(-9);
        w.array(1).array(2).int(-9).int(-29);
        w.uint(2);
    })
}

fn update(random: &mut Random) -> Vec<u8> {
    let token = random.bytes(16);
    let length = random.below(400);
    let manifest = random.bytes(length);
    let digest = encode(|w| {
        w.array(2).int(-16).bytes(&[0x5a; 32]);
    });
    let wrapper = encode(|w| {
        w.array(1).bytes(&digest);
    });
    let envelope = encode(|w| {
        w.tag(107).map(2).uint(2).bytes(&wrapper).uint(3).bytes(&manifest);
    });
    encode(|w| {
        w.array(2).uint(3).map(2).uint(10).array(1).bytes(&envelope).uint(20).bytes(&token);
    })
}
