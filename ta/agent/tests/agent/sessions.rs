// SPDX-License-Identifier: Apache-2.0
//! Several conversations at a time, each in a session of its own.

use crate::author::*;
use crate::support::*;
use teep_agent::Session;
use teep_proto::limits::{MAX_LIST, MAX_SESSIONS};
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{Digest, ManifestBuilder, Parameter, Reason, SequenceBuilder, encode_envelope, text};
use teep_proto::teec::{Command, FetchData, Reply};
use teep_proto::teep::{ErrCode, Message, QueryRequest};
use teep_sim::ta_image;

const URI: &str = "https://tc.example/hello.ta";

/// Lets `session` say and hear what the device's own session would.
fn within<T>(device: &mut Device, session: &mut Session, what: impl FnOnce(&mut Device) -> T) -> T {
    std::mem::swap(&mut device.session, session);
    let outcome = what(device);
    std::mem::swap(&mut device.session, session);
    outcome
}

/// The TA `uuid` with an image of about 2000 bytes, which are all `fill`.
fn author(uuid: [u8; 16], fill: u8) -> Author {
    let mut author = Author::of(uuid, 1);
    author.image = ta_image(uuid, 1, &[fill; 2000]);
    author
}

/// Begins a conversation with the first TAM whose Update waits for the payload of `author`, and gives half of it.
fn half_way(device: &mut Device, session: &mut Session, author: Author) -> Vec<u8> {
    let image = author.image.clone();
    within(device, session, |device| {
        device.invoke(Command::RequestPolicyCheck, &[]);
        let message = update(&tam_key(), &[author.fetched_from(URI, false)]);
        let reply = device.invoke(Command::ProcessTeepMessage, &message);
        assert_eq!(reply, Reply::Fetch { uri: URI.to_owned(), offset: 0 });
        give(device, 0, &image[..1000]);
    });
    image
}

fn give(device: &mut Device, offset: usize, bytes: &[u8]) -> Reply {
    device.invoke(Command::FetchData, &FetchData { offset: offset as u64, bytes }.encode())
}

/// The rest of `image`, and what the Agent answers.
fn finish(device: &mut Device, session: &mut Session, image: &[u8]) -> Received {
    within(device, session, |device| {
        give(device, 1000, &image[1000..]);
        let reply = give(device, image.len(), &[]);
        device.received(reply)
    })
}

fn requested(received: &Received) -> Vec<Vec<Vec<u8>>> {
    let Message::QueryResponse(response) = received.message() else { panic!("no QueryResponse") };
    response.requested_tc_list.iter().map(|tc| tc.component_id.to_elements()).collect()
}

#[test]
fn each_conversation_has_its_own_tam_token_and_request() {
    let mut device = Device::new();
    let mut sessions = [Session::default(), Session::default()];
    let [first, second] = &mut sessions;
    within(&mut device, first, |device| device.request_ta(None));
    within(&mut device, second, |device| device.request_ta_of(OTHER_TA, Some(OTHER_TAM_URI)));
    let asking = |token| QueryRequest { token: Some(token), ..query_request() };
    let (one, two) = (b"token one", b"token two");
    let to_second = encoded(&Message::QueryRequest(asking(two)));
    let to_second = teep_proto::cose::sign1(&other_tam_key(), &to_second).expect("signs");
    let second_says = within(&mut device, second, |device| device.process(&to_second));
    let first_says = within(&mut device, first, |device| device.process(&signed_query_request(asking(one))));
    assert_eq!((first_says.tam_uri.as_str(), second_says.tam_uri.as_str()), (TAM_URI, OTHER_TAM_URI));
    assert_eq!(
        (first_says.token().as_deref(), second_says.token().as_deref()),
        (Some(&one[..]), Some(&two[..]))
    );
    assert_eq!(requested(&first_says), [text::native_ta(TA)]);
    assert_eq!(requested(&second_says), [text::native_ta(OTHER_TA)]);
    // The message for the one does not count in the other.
    assert_ne!(within(&mut device, first, |device| device.process(&to_second)).code(), 0);
}

#[test]
fn conversations_end_by_themselves() {
    for end in 0..3 {
        let mut device = Device::new();
        let mut sessions = [Session::default(), Session::default()];
        let [first, second] = &mut sessions;
        half_way(&mut device, first, author(TA, 1));
        let image = half_way(&mut device, second, author(OTHER_TA, 2));
        assert_eq!(device.objects(), 2);
        match end {
            0 => device.agent.close(first),
            1 => within(&mut device, first, |device| {
                device.invoke(Command::ProcessError, &[]);
            }),
            _ => within(&mut device, first, |device| {
                device.invoke(Command::FetchFailed, b"no");
            }),
        }
        assert_eq!(device.objects(), 1, "{end}: the payload of the first one only is gone");
        assert_eq!(finish(&mut device, second, &image).code(), 0, "{end}");
        assert_eq!(device.env.installed_uuids(), [OTHER_TA], "{end}");
        assert_eq!(device.objects(), 1, "{end}: the manifest");
    }
}

#[test]
fn as_many_updates_as_sessions_wait_at_once() {
    let mut device = Device::new();
    let mut sessions: Vec<Session> = (0..MAX_SESSIONS).map(|_| Session::default()).collect();
    let uuid = |n: usize| [u8::try_from(n + 1).expect("few"); 16];
    let mut images = Vec::new();
    for (n, session) in sessions.iter_mut().enumerate() {
        images.push(half_way(&mut device, session, author(uuid(n), 7)));
    }
    assert_eq!(device.objects(), MAX_SESSIONS);
    // The last one to begin is the first one to end.
    for (n, session) in sessions.iter_mut().enumerate().rev() {
        assert_eq!(finish(&mut device, session, &images[n]).code(), 0, "{n}");
        assert_eq!(device.env.installed(uuid(n)), Some((1, images[n].clone())), "{n}");
    }
    assert_eq!(device.objects(), MAX_SESSIONS, "the manifests");
}

#[test]
fn room_that_another_conversation_took_meanwhile() {
    let mut device = Device::new();
    let mut waiting = Session::default();
    let image = half_way(&mut device, &mut waiting, author(TA, 1));
    let full = (0..MAX_LIST).find(|n| {
        let data = DataAuthor::new(&format!("data {n}"), Data::Clear(b"x"));
        device.update(&[data.envelope()]).code() != 0
    });
    assert!(full.is_some());
    let objects = device.objects();
    assert_eq!(finish(&mut device, &mut waiting, &image).code(), ErrCode::TEMPORARY_ERROR.number());
    assert_eq!(device.objects(), objects - 1, "what was fetched is gone");
    assert!(device.env.installed(TA).is_none());
}

#[test]
fn component_that_another_conversation_removed_meanwhile() {
    // The manifest says to keep what is installed, which is there in the first run and not in the second.
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    let mut waiting = Session::default();
    let image = half_way(&mut device, &mut waiting, author(OTHER_TA, 1));
    assert_eq!(device.remove(&[manifest_id(TA)]).code(), 0);
    assert_eq!(finish(&mut device, &mut waiting, &image).code(), 0);
    assert_eq!(device.env.installed_uuids(), [OTHER_TA], "the state of the second run counts");
    assert_eq!(device.components().len(), 1);
}

#[test]
fn higher_number_that_another_conversation_installed_meanwhile() {
    let mut device = Device::new();
    let mut waiting = Session::default();
    let image = half_way(&mut device, &mut waiting, author(TA, 1));
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
    let received = finish(&mut device, &mut waiting, &image);
    assert_eq!(received.refusal(), (11, Reason::ConditionFailed), "REQ-SUIT-006");
    assert_eq!((device.installed(), device.objects()), ((Some(2), Some(2)), 1));
}

/// Attack: Linux drops what one conversation writes as the Agent's state, so that the Agent reads the old one again, while
/// another conversation waits with a payload whose digest was computed on the way. A third one has a payload of its own
/// written, where that one would be if numbers of objects began anew.
#[test]
fn attack_payload_put_in_the_place_of_another_conversations() {
    let mut device = Device::new();
    let mut victim = Session::default();
    let wanted = [author(TA, 1), author([0x3c; 16], 1)];
    let uris = [URI, "https://tc.example/second"];
    let reply = within(&mut device, &mut victim, |device| {
        device.invoke(Command::RequestPolicyCheck, &[]);
        let message = update(&tam_key(), &[both(&wanted, &uris)]);
        device.invoke(Command::ProcessTeepMessage, &message);
        give(device, 0, &wanted[0].image);
        give(device, wanted[0].image.len(), &[])
    });
    assert_eq!(reply, Reply::Fetch { uri: uris[1].to_owned(), offset: 0 });
    let objects = device.objects();
    device.env.set_write_answers_lost(true, true);
    let lost = device.update(&[DataAuthor::new("lost", Data::Clear(b"x")).envelope()]);
    assert_eq!(lost.code(), ErrCode::TEMPORARY_ERROR.number());
    device.env.set_write_answers_lost(false, false);
    device.env.tamper("state", None);
    // The state is read again.
    assert!(matches!(device.request_ta_of(OTHER_TA, None), Reply::Connect { .. }));
    assert_eq!(device.objects(), objects, "what was fetched is there, what failed is not");
    device.agent.close(&mut device.session);
    let mut forged = Author::of(TA, 9);
    forged.image = ta_image(TA, 9, b"the platform would take this one as well");
    let image = forged.image.clone();
    device.invoke(Command::RequestPolicyCheck, &[]);
    let message = update(&tam_key(), &[forged.fetched_from(URI, false)]);
    device.invoke(Command::ProcessTeepMessage, &message);
    give(&mut device, 0, &image);
    let received = within(&mut device, &mut victim, |device| {
        give(device, 0, &wanted[1].image);
        let reply = give(device, wanted[1].image.len(), &[]);
        device.received(reply)
    });
    assert_eq!(received.code(), 0);
    assert_eq!(device.env.installed(TA), Some((1, wanted[0].image.clone())), "the image with the digest");
}

/// A manifest with the TAs of `authors`, whose images are at `uris`.
fn both(authors: &[Author; 2], uris: &[&str; 2]) -> Vec<u8> {
    let (mut shared, mut install) = (SequenceBuilder::new(), SequenceBuilder::new());
    for ((author, uri), index) in authors.iter().zip(uris).zip(0..) {
        let (digest, size) = (Digest::of(&author.image), author.image.len() as u64);
        shared = shared
            .set_component_index(index)
            .override_parameters(&[Parameter::ImageDigest(digest), Parameter::ImageSize(size)]);
        install = install
            .set_component_index(index)
            .override_parameters(&[Parameter::Uri(uri)])
            .simple(command::FETCH, 15)
            .simple(command::IMAGE_MATCH, 15);
    }
    let manifest = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(name("both.suit")),
        components: authors.iter().flat_map(|author| author.manifest.components.clone()).collect(),
        shared: shared.build(),
        sections: vec![(manifest::INSTALL, install.build())],
        ..ManifestBuilder::default()
    };
    encode_envelope(&manifest.build(), &[signer_key()], &[]).expect("signs")
}
