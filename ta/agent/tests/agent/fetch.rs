// SPDX-License-Identifier: Apache-2.0
//! Payloads from the network, which a Broker that may be hostile brings in pieces.

use crate::author::*;
use crate::support::*;
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    Digest, ManifestBuilder, Parameter, Reason, ReportResult, SequenceBuilder, encode_envelope,
};
use teep_proto::teec::{Command, FetchData, MAX_FETCH_DATA, Reply};
use teep_sim::{MemoryEnv, ta_image};

const URI: &str = "https://tc.example/hello.ta";

/// A manifest for a TA of `size` bytes at [`URI`].
fn author(size: usize) -> Author {
    let mut author = Author::new(1);
    author.image = ta_image(TA, 1, &vec![0x5a; size - 100]);
    author
}

/// A device that asks for the payload of `author`, and what it asks.
fn asking(author: Author) -> (Device, Reply) {
    let mut device = Device::new();
    device.invoke(Command::RequestPolicyCheck, &[]);
    let update = update(&tam_key(), &[author.fetched_from(URI, false)]);
    let reply = device.invoke(Command::ProcessTeepMessage, &update);
    (device, reply)
}

fn at(offset: u64) -> Reply {
    Reply::Fetch { uri: URI.to_owned(), offset }
}

fn give(device: &mut Device, offset: usize, bytes: &[u8]) -> Reply {
    device.invoke(Command::FetchData, &FetchData { offset: offset as u64, bytes }.encode())
}

/// A manifest for a data component that is `data` and at `uri`, without its size.
fn data_at(uri: &str, data: &[u8]) -> Vec<u8> {
    let shared = SequenceBuilder::new()
        .override_parameters(&[Parameter::ImageDigest(Digest::of(data)), Parameter::Uri(uri)]);
    let install = SequenceBuilder::new().simple(command::FETCH, 15).simple(command::IMAGE_MATCH, 15);
    let manifest = ManifestBuilder {
        sequence_number: 1,
        component_id: Some(name("data.suit")),
        components: vec![name("data")],
        shared: shared.build(),
        sections: vec![(manifest::INSTALL, install.build())],
        ..ManifestBuilder::default()
    };
    encode_envelope(&manifest.build(), &[signer_key()], &[]).expect("signs")
}

#[test]
fn payload_from_the_network_is_installed() {
    let image = author(50_000).image;
    let mut device = Device::new();
    let received = device.update_from(&[author(50_000).fetched_from(URI, false)], &[(URI, &image)]);
    assert_eq!((received.code(), received.reports()), (0, vec![ReportResult::Success]));
    assert_eq!(device.env.installed(TA), Some((1, image)));
    assert_eq!(device.objects(), 1, "the manifest; the staged image is gone");
}

#[test]
fn broken_transfer_goes_on_where_it_broke() {
    let author = author(3000);
    let image = author.image.clone();
    let (mut device, reply) = asking(author);
    assert_eq!(reply, at(0));
    assert_eq!(give(&mut device, 0, &image[..1000]), at(1000));
    // The Broker begins again from the start, goes on too far ahead, then does as it is told.
    assert_eq!(give(&mut device, 0, &image[..500]), at(1000));
    assert_eq!(give(&mut device, 1500, &image[1500..2000]), at(1000));
    assert_eq!(give(&mut device, 1000, &image[1000..]), at(image.len() as u64));
    let reply = give(&mut device, image.len(), &[]);
    assert_eq!(device.received(reply).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn file_larger_than_any_message_can_be() {
    let author = author(3 * 1024 * 1024);
    let image = author.image.clone();
    let (mut device, mut reply) = asking(author);
    let mut pieces = image.chunks(MAX_FETCH_DATA);
    let mut offset = 0;
    while matches!(reply, Reply::Fetch { .. }) {
        let piece = pieces.next().unwrap_or_default();
        reply = give(&mut device, offset, piece);
        offset += piece.len();
    }
    assert_eq!(device.received(reply).code(), 0);
    assert_eq!(device.installed(), (Some(1), Some(1)));
}

#[test]
fn endless_payload_is_stopped_at_the_size_in_the_manifest() {
    let author = author(3000);
    let (mut device, _) = asking(author);
    let mut reply = at(0);
    let mut given = 0;
    while let Reply::Fetch { offset, .. } = reply {
        reply = give(&mut device, usize::try_from(offset).expect("small"), &[7; 1000]);
        given += 1;
        assert!(given < 10, "it takes no end of it");
    }
    let received = device.received(reply);
    assert_eq!(received.refusal(), (11, Reason::OperationFailed));
    assert_eq!(device.objects(), 0, "nothing of it is kept");
}

#[test]
fn payload_that_ends_too_early() {
    let author = author(3000);
    let image = author.image.clone();
    let (mut device, _) = asking(author);
    give(&mut device, 0, &image[..2000]);
    let reply = give(&mut device, 2000, &[]);
    assert_eq!(device.received(reply).refusal(), (11, Reason::OperationFailed));
    assert_eq!((device.installed(), device.objects()), ((None, None), 0));
}

#[test]
fn payload_that_was_changed_on_the_way() {
    let author = author(3000);
    let mut image = author.image.clone();
    image[1500] ^= 1;
    let (mut device, reply) = asking(author);
    let received = device.serve(reply, &[(URI, &image)]);
    let reports = received.full_reports();
    let ReportResult::Failure { reason, record, .. } = &reports[0].result else { panic!("no failure") };
    assert_eq!((*reason, record.section), (Reason::ConditionFailed, 20), "image-match in install");
    assert_eq!((device.installed(), device.objects()), ((None, None), 0), "REQ-SUIT-108");
}

#[test]
fn payload_that_cannot_be_fetched_names_the_fetch() {
    let (mut device, reply) = asking(author(3000));
    let received = device.serve(reply, &[]);
    let reports = received.full_reports();
    let ReportResult::Failure { reason, record, .. } = &reports[0].result else { panic!("no failure") };
    assert_eq!((*reason, record.section), (Reason::OperationFailed, 20));
    assert!(record.offset > 0, "the offset of the fetch in install");
    assert!(received.outcome.expect("an outcome").text.contains("cannot be fetched: 404 Not Found"));
    assert_eq!(device.objects(), 0);
}

#[test]
fn scheme_that_no_broker_fetches() {
    let received = Device::new().update(&[author(3000).fetched_from("file:///etc/passwd", false)]);
    assert_eq!(received.refusal(), (11, Reason::OperationFailed));
}

#[test]
fn what_was_fetched_goes_with_the_conversation() {
    for end in 0..4 {
        let author = author(3000);
        let image = author.image.clone();
        let (mut device, _) = asking(author);
        give(&mut device, 0, &image[..1000]);
        assert_eq!(device.objects(), 1);
        match end {
            0 => assert_eq!(device.invoke(Command::ProcessError, &[]), Reply::Nothing),
            1 => device.agent.close(&mut device.session),
            2 => assert!(matches!(device.invoke(Command::RequestPolicyCheck, &[]), Reply::Connect { .. })),
            _ => device = device.restarted(),
        }
        assert_eq!(device.objects(), 0, "end {end}");
        assert!(
            matches!(give(&mut device, 1000, &image[1000..]), Reply::Failed { .. }),
            "nothing is fetched"
        );
    }
}

#[test]
fn data_that_nobody_asked_for() {
    let mut device = Device::new();
    assert!(matches!(give(&mut device, 0, b"x"), Reply::Failed { .. }));
    assert!(matches!(device.invoke(Command::FetchFailed, b"x"), Reply::Failed { .. }));
    let (mut device, _) = asking(author(3000));
    assert!(matches!(device.invoke(Command::FetchData, b"\xff"), Reply::Failed { .. }), "garbage");
    assert_eq!(device.objects(), 0);
}

#[test]
fn device_that_changed_while_the_payload_was_on_its_way() {
    // The very check that the first run passed fails in the run that commits.
    let author = author(3000);
    let image = author.image.clone();
    let (mut device, reply) = asking(author);
    let mut other = teep_agent::Session::default();
    std::mem::swap(&mut device.session, &mut other);
    assert_eq!(device.update(&[envelope(5)]).code(), 0, "another conversation installs version 5");
    std::mem::swap(&mut device.session, &mut other);
    let received = device.serve(reply, &[(URI, &image)]);
    assert_eq!(received.refusal(), (11, Reason::ConditionFailed), "REQ-SUIT-006");
    assert_eq!((device.installed(), device.objects()), ((Some(5), Some(5)), 1));
}

#[test]
fn two_conversations_fetch_at_the_same_time() {
    let mut device = Device::new();
    let images = [TA, OTHER_TA].map(|uuid| ta_image(uuid, 1, &[3; 2000]));
    let mut sessions = [teep_agent::Session::default(), teep_agent::Session::default()];
    for (n, uuid) in [TA, OTHER_TA].into_iter().enumerate() {
        let mut author = Author::of(uuid, 1);
        author.image = images[n].clone();
        std::mem::swap(&mut device.session, &mut sessions[n]);
        device.invoke(Command::RequestPolicyCheck, &[]);
        let update = update(&tam_key(), &[author.fetched_from(URI, false)]);
        assert_eq!(device.invoke(Command::ProcessTeepMessage, &update), at(0));
        std::mem::swap(&mut device.session, &mut sessions[n]);
    }
    for from in [0, 1000] {
        for n in 0..2 {
            std::mem::swap(&mut device.session, &mut sessions[n]);
            let end = if from == 0 { 1000 } else { images[n].len() };
            assert_eq!(give(&mut device, from, &images[n][from..end]), at(end as u64));
            std::mem::swap(&mut device.session, &mut sessions[n]);
        }
    }
    for n in 0..2 {
        std::mem::swap(&mut device.session, &mut sessions[n]);
        let reply = give(&mut device, images[n].len(), &[]);
        assert_eq!(device.received(reply).code(), 0);
        std::mem::swap(&mut device.session, &mut sessions[n]);
    }
    assert_eq!(device.env.installed_uuids(), [TA, OTHER_TA]);
    assert_eq!(device.objects(), 2);
}

#[test]
fn storage_that_fails_while_the_payload_arrives_is_no_fault_of_the_manifest() {
    let author = author(3000);
    let image = author.image.clone();
    let (mut device, _) = asking(author);
    give(&mut device, 0, &image[..1000]);
    device.env.tamper("c0", Some(vec![]));
    let reply = give(&mut device, 1000, &image[1000..]);
    assert_eq!(device.received(reply).code(), 10, "ERR_TEMPORARY_ERROR");
    assert_eq!(device.objects(), 0);
    let env: &MemoryEnv = &device.env;
    assert!(env.installed(TA).is_none());
}

#[test]
fn update_that_another_conversation_finished_meanwhile() {
    let author = author(3000);
    let image = author.image.clone();
    let update = update(&tam_key(), &[author.fetched_from(URI, false)]);
    let mut device = Device::new();
    let mut sessions = [teep_agent::Session::default(), teep_agent::Session::default()];
    for session in &mut sessions {
        std::mem::swap(&mut device.session, session);
        device.invoke(Command::RequestPolicyCheck, &[]);
        assert_eq!(device.invoke(Command::ProcessTeepMessage, &update), at(0));
        give(&mut device, 0, &image);
        std::mem::swap(&mut device.session, session);
    }
    for session in &mut sessions {
        std::mem::swap(&mut device.session, session);
        let reply = give(&mut device, image.len(), &[]);
        assert_eq!(device.received(reply).code(), 0);
        std::mem::swap(&mut device.session, session);
    }
    assert_eq!((device.installed(), device.objects()), ((Some(1), Some(1)), 1), "nothing stays behind");
}

#[test]
fn payload_of_unknown_size_ends_at_16_mib() {
    let limit = 16 * 1024 * 1024;
    for (size, code) in [(limit, 0), (limit + 1, 11)] {
        let uri = "https://tc.example/data";
        let data = vec![7; size];
        let mut device = Device::new();
        device.invoke(Command::RequestPolicyCheck, &[]);
        let update = update(&tam_key(), &[data_at(uri, &data)]);
        let mut reply = device.invoke(Command::ProcessTeepMessage, &update);
        while let Reply::Fetch { offset, .. } = &reply {
            let from = usize::try_from(*offset).expect("small").min(size);
            let to = size.min(from + MAX_FETCH_DATA);
            reply = give(&mut device, from, &data[from..to]);
        }
        assert_eq!(device.received(reply).code(), code, "{size}");
    }
}
