// SPDX-License-Identifier: Apache-2.0
//! What the Agent says of itself: everything that is of use, no secret, and nothing is changed by it.

use crate::author::*;
use crate::support::*;
use teep_agent::config::{Config, DecryptionKey, SignerAnchor, TamAnchor};
use teep_agent::{Abilities, RollbackProtection, Session};
use teep_proto::cose::{AgreementKey, AgreementSecret, PublicKey};
use teep_proto::limits::{MAX_LIST, MAX_URI};
use teep_proto::suit::{ComponentId, Digest, text};
use teep_proto::teec::{
    AgentInfo, Command, Course, InstalledComponent, InstalledManifest, LastContact, MAX_REPLY, Pending,
    PendingAction, Reply, Room, StillRunning, Stored, TrustSource,
};
use teep_sim::MemoryEnv;

const URI: &str = "https://tc.example/hello.ta";
const SECRET: &[u8] = b"{\"secret\": \"0123456789abfcdef0123\"}";

/// A TA, and personalization data for it.
fn personalized(mut device: Device) -> Device {
    let key = AgreementKey::from_cose_key(&device.info().decryption_key).expect("a key");
    let app = DataAuthor::new("config.json", Data::Encrypted(SECRET, key))
        .needing(Needed::ta(TA, "#ta", &envelope(3)))
        .envelope();
    let received = device.update(&[app]);
    assert_eq!(received.code(), 0, "{:?}", received.outcome);
    device
}

/// `device`, started with another configuration.
fn with_config(device: &Device, change: impl FnOnce(&mut Config)) -> Device {
    let mut config = configuration();
    change(&mut config);
    Device::start_with(device.env.clone(), &config.encode())
}

fn component<'s>(stored: &'s Stored, id: &[u8]) -> &'s InstalledComponent {
    let is_it = |component: &&InstalledComponent| ComponentId::encode(&component.component_id) == id;
    stored.components.iter().find(is_it).expect("it is listed")
}

fn manifest<'s>(stored: &'s Stored, id: &[u8]) -> &'s InstalledManifest {
    let is_it = |manifest: &&InstalledManifest| ComponentId::encode(&manifest.manifest_id) == id;
    stored.manifests.iter().find(is_it).expect("it is listed")
}

#[test]
fn installed_components_are_told_with_who_brought_and_who_needs_them() {
    let mut device = personalized(Device::new());
    let stored = device.stored();
    let image = Author::new(3).image;
    let ta = component(&stored, &ComponentId::encode(&text::native_ta(TA)));
    assert_eq!((ta.uuid, ta.version, ta.size), (Some(TA), Some(3), image.len() as u64));
    assert_eq!((ta.digest, ta.sessions), (Some(Digest::of(&image)), Some(0)));
    let data = component(&stored, &name("config.json"));
    assert_eq!((data.uuid, data.version, data.size), (None, None, SECRET.len() as u64));
    assert_eq!((data.digest, data.sessions), (Some(Digest::of(SECRET)), None));

    let app = manifest(&stored, &name("config.json.suit"));
    assert_eq!(app.signer, signer_key().public_key().thumbprint());
    assert!(app.signer_trusted);
    assert_eq!(stored.trust.tams[app.tams[0]].uri, TAM_URI);
    assert_eq!((app.tams.len(), app.former_tams), (1, 0));
    let dependency = manifest(&stored, &manifest_id(TA));
    assert_eq!((dependency.tams.len(), dependency.sequence_number), (0, 3));
    assert_eq!(stored.dependents(dependency).collect::<Vec<_>>(), [app]);
    let owned: Vec<_> = app.components.iter().map(|owned| &stored.components[*owned]).collect();
    assert_eq!(owned, [data]);

    assert_eq!(stored.component_room, Room { used: 2, limit: 30 });
    assert_eq!(stored.manifest_room, Room { used: 2, limit: 30 });
    assert_eq!(stored.sequence_number_room, Room { used: 2, limit: 255 });
    assert_eq!(stored.pending, Pending::default());
    assert_eq!(device.restarted().stored().components, stored.components);
}

#[test]
fn trust_anchors_are_told_with_role_and_scope() {
    let trust = Device::new().stored().trust;
    assert_eq!((trust.source, trust.sequence_number), (TrustSource::BuiltIn, 0));
    let tams: Vec<_> = trust.tams.iter().map(|tam| (tam.uri.as_str(), tam.keys.len())).collect();
    assert_eq!(tams, [(TAM_URI, 2), (OTHER_TAM_URI, 1)]);
    assert_eq!(trust.tams[0].keys[0].thumbprint, tam_key().public_key().thumbprint());
    let signer = |key: teep_proto::cose::SigningKey| {
        let thumbprint = key.public_key().thumbprint();
        trust.signers.iter().find(|signer| signer.key.thumbprint == thumbprint).expect("it is told")
    };
    let plain = signer(signer_key());
    assert_eq!(plain.prefixes, [[b"TEEP-Device".to_vec()]]);
    assert!(!plain.commands_limited && !plain.personalization_in_clear && !plain.changes_trust);
    assert_eq!(signer(uuid_signer_key()).prefixes, [[TA.to_vec()]]);
    assert!(signer(clear_signer_key()).personalization_in_clear);
    assert!(signer(fetching_signer_key()).commands_limited);
    let changing = signer(trust_signer_key());
    assert!(changing.changes_trust && changing.prefixes.is_empty());
}

#[test]
fn components_of_a_signer_that_is_no_longer_trusted_are_told_as_such() {
    let device = personalized(Device::new());
    let mut without = with_config(&device, |config| {
        let revoked = signer_key().public_key().thumbprint();
        config.trust.signers.retain(|signer| signer.key.thumbprint() != revoked);
        config.trust.tams.remove(0);
    });
    let stored = without.stored();
    assert_eq!(stored.components.len(), 2, "they are still there");
    assert!(stored.manifests.iter().all(|manifest| !manifest.signer_trusted));
    let app = manifest(&stored, &name("config.json.suit"));
    assert_eq!((app.tams.len(), app.former_tams), (0, 1), "its TAM is not trusted either");
}

/// A conversation that gets as far as possible, and what is then known of it.
#[test]
fn last_contact_of_each_tam_is_told() {
    let mut device = Device::new();
    let contacts = |device: &mut Device| -> Vec<Option<LastContact>> {
        device.stored().trust.tams.iter().map(|tam| tam.last_contact).collect()
    };
    assert_eq!(contacts(&mut device), [None, None]);
    device.request_ta(None);
    device.env.pass(7);
    let begun = LastContact { seconds_ago: 7, course: Course::Begun };
    assert_eq!(contacts(&mut device), [Some(begun), None]);
    device.process(&signed_query_request(query_request()));
    let answered = LastContact { course: Course::Answered, ..begun };
    assert_eq!(contacts(&mut device), [Some(answered), None]);
    device.process(&update(&tam_key(), &[envelope(1)]));
    device.env.pass(3);
    let ended = LastContact { seconds_ago: 10, course: Course::Ended(0) };
    assert_eq!(contacts(&mut device), [Some(ended), None]);
    device.request_ta_of(OTHER_TA, Some(OTHER_TAM_URI));
    device.invoke(Command::ProcessError, &[]);
    let failed = LastContact { seconds_ago: 0, course: Course::Failed };
    assert_eq!(contacts(&mut device), [Some(ended), Some(failed)]);
    assert_eq!(contacts(&mut device.restarted()), [None, None], "it is stored nowhere");
}

#[test]
fn platform_and_rollback_protection_are_told() {
    let mut device = Device::new();
    let Abilities { checks_first, removes, lists, counts_sessions, exclusive } = device.info().platform;
    assert!(checks_first && removes && lists && counts_sessions && exclusive);
    device.env.set_stock(true);
    assert_eq!(device.info().platform, Abilities::default());
    assert_eq!(device.info().rollback_protection, RollbackProtection::None);
    device.env.set_rollback_protection(RollbackProtection::Rpmb);
    assert_eq!(device.info().rollback_protection, RollbackProtection::Rpmb);
}

/// Replaced code runs on in its sessions, and no more of them than there were.
#[test]
fn code_that_was_replaced_or_removed_and_runs_still_is_told() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    device.env.set_open_sessions(TA, 2);
    device.update(&[envelope(2)]);
    let running = |device: &mut Device| device.stored().pending.still_running;
    let old = |sessions| [StillRunning { uuid: TA, sessions }];
    assert_eq!(running(&mut device), old(2));
    assert_eq!(device.components()[0].sessions, Some(2));
    device.env.set_open_sessions(TA, 5);
    assert_eq!(running(&mut device), old(2), "the others run the new code");
    device.env.set_open_sessions(TA, 1);
    assert_eq!(running(&mut device), old(1));
    device.env.set_open_sessions(TA, 4);
    assert_eq!(running(&mut device), old(1), "it does not become more");
    device.remove(&[manifest_id(TA)]);
    assert_eq!((running(&mut device).as_slice(), device.components().len()), (&old(4)[..], 0));
    device.env.set_open_sessions(TA, 0);
    assert_eq!(running(&mut device), []);
    device.env.set_open_sessions(TA, 4);
    assert_eq!(running(&mut device), []);
}

#[test]
fn code_that_was_replaced_after_an_interruption_and_runs_still_is_told() {
    let device = interrupted();
    device.env.set_open_sessions(TA, 3);
    let mut device = device.restarted();
    assert_eq!(device.installed(), (Some(2), Some(2)));
    assert_eq!(device.stored().pending.still_running, [StillRunning { uuid: TA, sessions: 3 }]);
    device.env.set_stock(true);
    assert_eq!(device.components()[0].sessions, None, "nobody counts them");
}

/// A device that lost its power when the platform was to put version 2 in the place of version 1.
fn interrupted() -> Device {
    for cut in 0.. {
        let mut device = Device::new();
        device.update(&[envelope(1)]);
        device.env.cut_power_after(cut);
        assert_ne!(device.update(&[envelope(2)]).code(), 0, "never interrupted there");
        device.env.restore_power();
        let mut device = Device::start(device.env.clone());
        if !device.stored().pending.actions.is_empty() {
            return device;
        }
    }
    unreachable!()
}

#[test]
fn interrupted_work_is_told_and_stays_as_it_is() {
    let mut device = interrupted();
    let before = (device.env.operations(), device.env.object_names());
    let stored = device.stored();
    assert_eq!(stored.pending.actions, [PendingAction::Install(TA)]);
    let ta = &stored.components[0];
    assert_eq!((ta.digest, ta.version), (None, None), "it is open which version the platform has");
    assert_eq!((device.env.operations(), device.env.object_names()), before, "nothing was finished");
    // The next command finishes it.
    let mut device = device.restarted();
    assert_eq!(device.stored().pending, Pending::default());
    assert_eq!(device.installed(), (Some(2), Some(2)));
}

#[test]
fn payloads_on_their_way_are_told_as_objects() {
    let mut device = Device::new();
    device.request_ta(None);
    let image = Author::new(1).image;
    let reply = device
        .invoke(Command::ProcessTeepMessage, &update(&tam_key(), &[Author::new(1).fetched_from(URI, false)]));
    assert_eq!(device.stored().pending.objects, 0);
    let data = teep_proto::teec::FetchData { offset: 0, bytes: &image[..10] };
    device.invoke(Command::FetchData, &data.encode());
    assert_eq!(device.stored().pending.objects, 1);
    assert!(matches!(device.invoke(Command::FetchData, &data.encode()), Reply::Fetch { offset: 10, .. }));
    assert_eq!(device.serve(reply, &[(URI, &image)]).code(), 0, "the Update goes on");
    assert_eq!(device.stored().pending.objects, 0);
}

#[test]
fn trusted_application_that_the_platform_lost_is_told() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    device.env.uninstall(TA);
    let lost = device.components();
    assert_eq!((lost[0].digest, lost[0].version), (None, None));
}

/// Whatever there is to tell, storage and platform are as before.
#[test]
fn status_changes_nothing() {
    let fresh = Device::new();
    let installed = personalized(Device::new());
    let mut waiting = Device::new();
    waiting.request_ta(None);
    let update = update(&tam_key(), &[Author::new(1).fetched_from(URI, false)]);
    assert!(matches!(waiting.invoke(Command::ProcessTeepMessage, &update), Reply::Fetch { .. }));
    let swept = MemoryEnv::new([7; 32]);
    swept.tamper("c7", Some(vec![0; 10]));
    let damaged = MemoryEnv::new([7; 32]);
    damaged.tamper("state", Some(vec![0xff]));
    let [swept, damaged] = [swept, damaged].map(Device::start);
    for mut device in [fresh, installed, waiting, interrupted(), swept, damaged] {
        let before = (device.env.operations(), device.env.object_names(), device.env.installed_uuids());
        for _ in 0..2 {
            device.info();
        }
        let after = (device.env.operations(), device.env.object_names(), device.env.installed_uuids());
        assert_eq!(after, before);
    }
}

/// And the conversation under way in the same session goes on.
#[test]
fn status_disturbs_no_conversation() {
    let mut device = Device::new();
    device.request_ta(None);
    device.info();
    device.process(&signed_query_request(query_request()));
    device.info();
    assert_eq!(device.process(&update(&tam_key(), &[envelope(1)])).code(), 0);
}

#[test]
fn damaged_storage_is_told_with_all_that_does_not_come_from_it() {
    let whole = Device::new().info();
    for bytes in [vec![], vec![0xff], vec![0x80], vec![0; 70_000]] {
        let env = MemoryEnv::new([7; 32]);
        env.tamper("state", Some(bytes));
        let mut device = Device::start(env);
        for _ in 0..2 {
            let info = device.info();
            let damage = info.stored.as_ref().expect_err("it cannot be read").clone();
            assert!(damage.contains("damaged"), "{damage}");
            assert_eq!(AgentInfo { stored: whole.stored.clone(), ..info }, whole);
        }
    }
}

#[test]
fn unreadable_storage_is_told_and_may_be_read_later() {
    let mut device = Device::new();
    device.update(&[envelope(1)]);
    device.env.set_write_answers_lost(false, true);
    let mut device = Device::start(device.env.clone());
    assert!(device.info().stored.expect_err("it cannot be read").contains("cannot be read"));
    device.env.set_write_answers_lost(false, false);
    assert_eq!(device.components().len(), 1);
}

/// Every secret of the device, in any form in which it could be encoded, against every byte of the reply.
#[test]
fn no_secret_leaves_in_the_status() {
    const SYMMETRIC: [u8; 16] = [0x5e; 16];
    let scalar = [0x77; 32];
    // {1: 2, -1: 1, -2: x, -3: y, -4: d}
    let mut ec2 = AgreementSecret::from_scalar(&scalar).expect("a scalar").public_key().to_cose_key();
    ec2[0] += 1;
    ec2.extend([0x23, 0x58, 0x20]);
    ec2.extend(scalar);
    // {1: 4, 3: -3, -1: key}: AES-KW with 128 bits.
    let symmetric = [&[0xa3, 0x01, 0x04, 0x03, 0x22, 0x20, 0x50][..], &SYMMETRIC].concat();
    let mut config = configuration();
    config.decryption_keys =
        [symmetric.as_slice(), &ec2].map(|key| DecryptionKey::from_cose_key(key).expect("a key")).into();
    let hardware_key = *b"hardware unique key of the chip!";
    let mut device = Device::start_with(MemoryEnv::new(hardware_key), &config.encode());
    device = personalized(device);
    let reply = device.agent.invoke(&mut Session::default(), Command::Info, &[]);
    let derived = device.env.derived_keys();
    assert!(derived.len() >= 4, "the keys whose public halves are told");
    let mut secrets = vec![SECRET.to_vec(), SYMMETRIC.to_vec(), scalar.to_vec(), hardware_key.to_vec()];
    secrets.extend(derived.iter().map(|key| key.to_vec()));
    for secret in secrets {
        // A part of it would do harm enough.
        for part in secret.windows(8) {
            assert!(!reply.windows(8).any(|bytes| bytes == part), "{secret:02x?}");
        }
    }
    // What is there would have been found.
    let info = device.info();
    assert!(reply.windows(8).any(|bytes| *bytes == info.decryption_key[info.decryption_key.len() - 8..]));
    // The keys that are told verify, and no more.
    for key in [&info.public_key, &info.report_key, &info.attestation_key] {
        PublicKey::from_cose_key(key).expect("a public key");
    }
    AgreementSecret::from_cose_key(&info.decryption_key).expect_err("its secret half is not there");
}

/// The largest configuration and as many components as fit: the reply has room for them, and says what it leaves out.
#[test]
fn the_most_there_can_be_is_told() {
    let mut config = configuration();
    let names: [String; 7] = std::array::from_fn(|n| format!("{n}{}", "x".repeat(34)));
    let key = |n: usize| {
        let mut scalar = [1; 32];
        scalar[0] = u8::try_from(n / 200).expect("small");
        scalar[1] = u8::try_from(n % 200).expect("small");
        teep_proto::cose::SigningKey::p256_from_scalar(&scalar).expect("a scalar").public_key()
    };
    let prefixes = vec![ComponentId::encode(&names); 8];
    for n in config.trust.signers.len()..MAX_LIST {
        config.trust.signers.push(SignerAnchor::new(key(n), prefixes.clone()));
    }
    for n in config.trust.tams.len()..MAX_LIST {
        let uri = format!("https://{n}.example/{}", "x".repeat(MAX_URI - 20));
        let keys = (0..8).map(|k| key(1000 + 8 * n + k)).collect();
        config.trust.tams.push(TamAnchor::new(uri, keys));
    }
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    // One place is the trust store's.
    for n in 0..MAX_LIST - 2 {
        let data = format!("data {n} {}", "x".repeat(100));
        assert_eq!(device.update(&[DataAuthor::new(&data, Data::Clear(b"x")).envelope()]).code(), 0, "{n}");
    }
    let reply = device.agent.invoke(&mut Session::default(), Command::Info, &[]);
    assert!(reply.len() <= MAX_REPLY, "{} bytes", reply.len());
    let stored = device.stored();
    assert_eq!((stored.components.len(), stored.manifests.len()), (30, 30));
    assert_eq!((stored.trust.tams.len(), stored.trust.signers.len()), (32, 32));
    let last = &stored.trust.signers[31];
    assert_eq!(last.prefixes.len() as u64 + last.more_prefixes, 8);
    assert!(last.more_prefixes > 0, "there is no room for all");
}
