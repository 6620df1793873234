// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::limits::{
    MAX_COMPONENT_ID, MAX_COMPONENT_ID_ELEMENTS, MAX_COMPONENTS, MAX_DEPENDENCIES, MAX_LIST, MAX_URI,
};
use crate::teec::Reply;
use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::vec;

/// One of everything.
pub(in crate::teec) fn info() -> AgentInfo {
    let key = |n| AnchorKey { thumbprint: Thumbprint([n; 32]), certificate: None };
    let certified = Some(Validity { not_before: 1_700_000_000, not_after: 1_900_000_000 });
    AgentInfo {
        version: "1.0".to_owned(),
        public_key: vec![1, 2],
        decryption_key: vec![3],
        report_key: vec![4],
        attestation_key: vec![5],
        measurement: vec![6; 32],
        tee_measurement: vec![7; 32],
        suite: "ESP256".to_owned(),
        rollback_protection: RollbackProtection::Rpmb,
        platform: Abilities { removes: true, counts_sessions: true, ..Abilities::default() },
        stored: Ok(Stored {
            trust: TrustInfo {
                source: TrustSource::Updated,
                sequence_number: 9,
                tams: vec![TamInfo {
                    uri: "https://tam.example/tam".to_owned(),
                    dialect: "final".to_owned(),
                    attestation_required: true,
                    keys: vec![key(1), AnchorKey { certificate: certified, ..key(2) }],
                    more_keys: 0,
                    last_contact: Some(LastContact { seconds_ago: 61, course: Course::Ended(11) }),
                }],
                signers: vec![SignerInfo {
                    key: key(3),
                    prefixes: vec![vec![], vec![b"x".to_vec()]],
                    more_prefixes: 0,
                    commands_limited: true,
                    personalization_in_clear: false,
                    changes_trust: true,
                    components: Some(Room { used: 2, limit: 4 }),
                    bytes: None,
                    manifests: Some(Room { used: 0, limit: 1 }),
                }],
                verifiers: vec![key(4)],
            },
            components: vec![
                InstalledComponent {
                    component_id: vec![vec![7; 16]],
                    uuid: Some([7; 16]),
                    version: Some(u32::MAX),
                    size: 1 << 33,
                    digest: Some(Digest::of(b"x")),
                    sessions: Some(2),
                },
                InstalledComponent {
                    component_id: vec![b"data".to_vec()],
                    uuid: None,
                    version: None,
                    size: 0,
                    digest: None,
                    sessions: None,
                },
            ],
            manifests: vec![InstalledManifest {
                manifest_id: vec![b"m".to_vec()],
                sequence_number: u64::MAX,
                signer: Thumbprint([3; 32]),
                signer_trusted: false,
                tams: vec![0],
                former_tams: 1,
                dependencies: vec![0],
                components: vec![1, 0],
            }],
            pending: Pending {
                actions: vec![PendingAction::Install([7; 16]), PendingAction::Remove([8; 16])],
                objects: 3,
                still_running: vec![StillRunning { uuid: [8; 16], sessions: 1 }],
            },
            component_room: Room { used: 2, limit: 31 },
            manifest_room: Room { used: 1, limit: 31 },
            sequence_number_room: Room { used: 4, limit: 256 },
        }),
    }
}

fn stored(info: &mut AgentInfo) -> &mut Stored {
    info.stored.as_mut().expect("readable")
}

/// Everything there can be, each as large as it can be.
fn largest() -> AgentInfo {
    let share = MAX_COMPONENT_ID / MAX_COMPONENT_ID_ELEMENTS;
    let id = vec![vec![0; share]; MAX_COMPONENT_ID_ELEMENTS];
    let validity = Validity { not_before: u64::MAX, not_after: u64::MAX };
    let key = AnchorKey { thumbprint: Thumbprint([1; 32]), certificate: Some(validity) };
    let installed = MAX_LIST - 1;
    let mut info = info();
    for key in
        [&mut info.public_key, &mut info.decryption_key, &mut info.report_key, &mut info.attestation_key]
    {
        *key = vec![0; 128];
    }
    let stored = stored(&mut info);
    let longest = Some(LastContact { seconds_ago: u64::MAX, course: Course::Ended(u64::MAX) });
    let tam = &stored.trust.tams[0];
    let tam = TamInfo { uri: "x".repeat(MAX_URI), keys: vec![key; 8], last_contact: longest, ..tam.clone() };
    stored.trust.tams = vec![tam; MAX_LIST];
    let full = Some(Room { used: u64::MAX, limit: u64::MAX });
    let signer = SignerInfo {
        key,
        prefixes: vec![id.clone(); 8],
        components: full,
        bytes: full,
        manifests: full,
        ..stored.trust.signers[0].clone()
    };
    stored.trust.signers = vec![signer; MAX_LIST];
    stored.trust.verifiers = vec![key; MAX_LIST];
    let component = InstalledComponent {
        component_id: id.clone(),
        size: u64::MAX,
        digest: Some(crate::suit::DigestAlgorithm::Sha512.digest(b"x")),
        sessions: Some(u32::MAX),
        ..stored.components[0].clone()
    };
    stored.components = vec![component; installed];
    let manifest = InstalledManifest {
        manifest_id: id,
        tams: (0..MAX_LIST).collect(),
        dependencies: (0..MAX_DEPENDENCIES).collect(),
        components: (0..MAX_COMPONENTS).collect(),
        ..stored.manifests[0].clone()
    };
    stored.manifests = vec![manifest; installed];
    stored.pending.actions = vec![PendingAction::Install([7; 16]); 2 * installed];
    stored.pending.still_running = vec![StillRunning { uuid: [8; 16], sessions: u32::MAX }; MAX_LIST];
    info
}

#[test]
fn information_round_trips() {
    let damaged = AgentInfo { stored: Err("damaged".to_owned()), ..info() };
    for info in [info(), damaged] {
        let reply = Reply::Info(info.into());
        assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
    }
}

#[test]
fn every_course_of_a_conversation_round_trips() {
    for course in [Course::Begun, Course::Answered, Course::Ended(0), Course::Ended(11), Course::Failed] {
        let mut info = info();
        stored(&mut info).trust.tams[0].last_contact = Some(LastContact { seconds_ago: 0, course });
        let reply = Reply::Info(info.into());
        assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
    }
}

#[test]
fn validity_is_written_as_dates() {
    let validity = Validity { not_before: 0, not_after: 1_900_000_000 };
    assert_eq!(validity.to_string(), "from 1970-01-01T00:00:00Z until 2030-03-17T17:46:40Z");
    let endless = Validity { not_before: 0, not_after: u64::MAX };
    assert!(endless.to_string().ends_with(" until 18446744073709551615 s after 1970"), "{endless}");
}

#[test]
fn every_truncation_is_refused() {
    let bytes = Reply::Info(info().into()).encode();
    for end in 0..bytes.len() {
        Reply::decode(&bytes[..end]).expect_err("cut short");
    }
}

#[test]
fn what_fits_is_told_completely() {
    let mut fitted = info();
    fitted.fit();
    assert_eq!(fitted, info());
}

#[test]
fn the_most_there_can_be_fits_into_a_reply_and_says_what_is_left_out() {
    let mut info = largest();
    assert!(Reply::Info(info.clone().into()).encode().len() > MAX_REPLY, "it has to be cut");
    info.fit();
    let bytes = Reply::Info(info.clone().into()).encode();
    assert!(bytes.len() <= MAX_REPLY, "{} bytes", bytes.len());
    assert_eq!(Reply::decode(&bytes), Ok(Reply::Info(info.clone().into())));
    let stored = stored(&mut info);
    let trust = &stored.trust;
    assert_eq!((trust.tams.len(), trust.signers.len(), trust.verifiers.len()), (32, 32, 32));
    assert!(trust.tams.iter().all(|tam| tam.keys.len() as u64 + tam.more_keys == 8 && tam.more_keys > 0));
    let told = |signer: &SignerInfo| signer.prefixes.len() as u64 + signer.more_prefixes;
    assert!(trust.signers.iter().all(|signer| told(signer) == 8 && signer.more_prefixes > 0));
    assert_eq!((stored.components.len(), stored.manifests.len()), (31, 31));
}

/// Short ones make the most items.
#[test]
fn the_most_short_items_there_can_be_fit() {
    let mut info = largest();
    let short = vec![vec![0]; MAX_COMPONENT_ID_ELEMENTS];
    let stored = stored(&mut info);
    stored.trust.tams.iter_mut().for_each(|tam| tam.uri = "x".to_owned());
    stored.trust.signers.iter_mut().for_each(|signer| signer.prefixes = vec![short.clone(); 8]);
    let whole = info.clone();
    info.fit();
    assert_eq!(info, whole, "nothing has to be left out");
    let reply = Reply::Info(info.into());
    assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
}

#[test]
fn more_than_there_can_be_is_refused() {
    type Change = fn(&mut Stored);
    let changes: [Change; 8] = [
        |stored| stored.components = vec![stored.components[0].clone(); MAX_LIST + 1],
        |stored| stored.manifests = vec![stored.manifests[0].clone(); MAX_LIST + 1],
        |stored| stored.trust.tams = vec![stored.trust.tams[0].clone(); MAX_LIST + 1],
        |stored| stored.trust.signers = vec![stored.trust.signers[0].clone(); MAX_LIST + 1],
        |stored| stored.trust.verifiers = vec![stored.trust.verifiers[0]; MAX_LIST + 1],
        |stored| stored.trust.signers[0].prefixes = vec![vec![]; 9],
        |stored| stored.trust.tams[0].keys = vec![stored.trust.tams[0].keys[0]; 9],
        |stored| stored.pending.actions = vec![PendingAction::Remove([0; 16]); 2 * MAX_LIST + 1],
    ];
    for change in changes {
        let mut info = info();
        change(stored(&mut info));
        Reply::decode(&Reply::Info(info.into()).encode()).expect_err("too many");
    }
}

#[test]
fn positions_of_nothing_and_names_without_elements_are_refused() {
    type Change = fn(&mut Stored);
    let changes: [Change; 5] = [
        |stored| stored.manifests[0].components.push(2),
        |stored| stored.manifests[0].dependencies.push(1),
        |stored| stored.manifests[0].tams.push(1),
        |stored| stored.components[0].component_id.clear(),
        |stored| stored.manifests[0].manifest_id.clear(),
    ];
    for change in changes {
        let mut info = info();
        change(stored(&mut info));
        Reply::decode(&Reply::Info(info.into()).encode()).expect_err("inconsistent");
    }
}
