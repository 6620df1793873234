// SPDX-License-Identifier: Apache-2.0
//! What the Agent says of itself, as the command line shows it.

use crate::agent::FakeTee;
use crate::cli::{Ran, UUID, UUID_BYTES, teep_broker};
use serde_json::{Value, json};
use teep_broker::cli::exit;
use teep_proto::cose::Thumbprint;
use teep_proto::suit::{Digest, text};
use teep_proto::teec::{
    Abilities, AgentInfo, AnchorKey, Course, InstalledComponent, InstalledManifest, LastContact, Pending,
    PendingAction, Reply, RollbackProtection, Room, SignerInfo, StillRunning, Stored, TamInfo, TrustInfo,
    TrustSource, Validity,
};

fn key(n: u8) -> AnchorKey {
    AnchorKey { thumbprint: Thumbprint([n; 32]), certificate: None }
}

/// A new Agent on OP-TEE without patches.
pub(crate) fn info() -> AgentInfo {
    AgentInfo {
        version: "0.1.0".to_owned(),
        public_key: vec![0xa1, 0x01, 0x02],
        decryption_key: vec![0xa1, 0x20],
        report_key: vec![0xa1, 0x21],
        attestation_key: vec![0xa1, 0x22],
        measurement: vec![],
        suite: "ESP256".to_owned(),
        rollback_protection: RollbackProtection::None,
        platform: Abilities::default(),
        stored: Ok(Stored {
            trust: TrustInfo {
                tams: vec![TamInfo {
                    uri: "https://tam.example/tam".to_owned(),
                    dialect: "final".to_owned(),
                    attestation_required: false,
                    keys: vec![key(0x11)],
                    more_keys: 0,
                    last_contact: None,
                }],
                ..TrustInfo::default()
            },
            component_room: Room { used: 0, limit: 31 },
            manifest_room: Room { used: 0, limit: 31 },
            sequence_number_room: Room { used: 0, limit: 256 },
            ..Stored::default()
        }),
    }
}

/// One that has seen a lot, on OP-TEE with patches and RPMB.
fn busy() -> AgentInfo {
    let data_id = vec![b"TEEP-Device".to_vec(), b"SecureFS".to_vec(), UUID_BYTES.to_vec(), b"x".to_vec()];
    let ta = InstalledComponent {
        component_id: text::native_ta(UUID_BYTES),
        uuid: Some(UUID_BYTES),
        version: Some(2),
        size: 122_880,
        digest: Some(Digest::sha256([0xab; 32])),
        sessions: Some(2),
    };
    let data = InstalledComponent {
        component_id: data_id,
        uuid: None,
        version: None,
        size: 1,
        digest: None,
        sessions: None,
    };
    let manifest = |name: &str, component| InstalledManifest {
        manifest_id: vec![name.as_bytes().to_vec()],
        sequence_number: 7,
        signer: Thumbprint([0x33; 32]),
        signer_trusted: true,
        tams: vec![],
        former_tams: 0,
        dependencies: vec![],
        components: vec![component],
    };
    let certificate = Some(Validity { not_before: 1_700_000_000, not_after: 1_900_000_000 });
    let tam = TamInfo {
        uri: "https://tam.example/tam".to_owned(),
        dialect: "pre-26".to_owned(),
        attestation_required: true,
        keys: vec![AnchorKey { certificate, ..key(0x11) }],
        more_keys: 1,
        last_contact: Some(LastContact { seconds_ago: 180, course: Course::Ended(0) }),
    };
    let signer = SignerInfo {
        key: key(0x33),
        prefixes: vec![vec![], vec![b"TEEP-Device".to_vec()]],
        more_prefixes: 2,
        commands_limited: true,
        personalization_in_clear: true,
        changes_trust: true,
        components: Some(Room { used: 2, limit: 4 }),
        bytes: None,
        manifests: Some(Room { used: 2, limit: 8 }),
    };
    AgentInfo {
        measurement: vec![0xcd; 32],
        rollback_protection: RollbackProtection::Rpmb,
        platform: Abilities {
            checks_first: true,
            removes: true,
            lists: true,
            counts_sessions: true,
            exclusive: true,
        },
        stored: Ok(Stored {
            trust: TrustInfo {
                source: TrustSource::Updated,
                sequence_number: 5,
                tams: vec![tam],
                signers: vec![signer],
                verifiers: vec![key(0x44)],
            },
            components: vec![ta, data],
            manifests: vec![
                InstalledManifest {
                    tams: vec![0],
                    former_tams: 1,
                    dependencies: vec![1],
                    ..manifest("app", 1)
                },
                InstalledManifest { signer_trusted: false, ..manifest("ta", 0) },
            ],
            pending: Pending {
                actions: vec![PendingAction::Install(UUID_BYTES), PendingAction::Remove([0x2c; 16])],
                objects: 3,
                still_running: vec![StillRunning { uuid: UUID_BYTES, sessions: 1 }],
            },
            component_room: Room { used: 2, limit: 31 },
            manifest_room: Room { used: 2, limit: 31 },
            sequence_number_room: Room { used: 4, limit: 256 },
        }),
        ..info()
    }
}

fn ask(info: AgentInfo, args: &[&str]) -> Ran {
    teep_broker(&FakeTee::new([Reply::Info(info.into())]), args)
}

#[test]
fn keys_for_people_and_programs() {
    let ran = ask(busy(), &["keys"]);
    assert_eq!(ran.code, exit::OK);
    let measurement = "cd".repeat(32);
    assert_eq!(
        ran.out,
        format!(
            "public key (COSE_Key): a10102\ndecryption key (COSE_Key): a120\nreport key (COSE_Key): a121\n\
             attestation key (COSE_Key): a122\nmeasurement (SHA-256): {measurement}\n"
        )
    );
    assert_eq!(
        ask(busy(), &["keys", "--json"]).json(),
        json!({
            "schema": 1, "command": "keys", "result": "ok",
            "keys": {
                "public_key": "a10102", "decryption_key": "a120", "report_key": "a121",
                "attestation_key": "a122", "measurement": measurement,
            },
        })
    );
    assert!(ask(info(), &["keys"]).out.ends_with("measurement (SHA-256): none\n"));
}

#[test]
fn status_of_a_new_agent() {
    let ran = ask(info(), &["status"]);
    assert_eq!((ran.code, ran.err.as_str()), (exit::OK, ""));
    let thumbprint = "11".repeat(32);
    assert_eq!(
        ran.out,
        format!(
            "\
TEEP Agent 0.1.0, signs with ESP256
measurement:         none
rollback protection: none: who controls Linux can put an older copy of all storage back
platform:            installs one at a time, from the Agent's memory, cannot remove, does not list, does not count \
sessions, obeys any program in Linux
used:                0 of 31 components, 0 of 31 manifests, 0 of 256 sequence numbers
installed: none
pending: none
trusted (built-in, sequence number 0):
  TAM https://tam.example/tam
    key:          {thumbprint}
    last contact: none since the Agent started
"
        )
    );
}

#[test]
fn status_of_a_busy_agent() {
    let ran = ask(busy(), &["status"]);
    assert_eq!(ran.code, exit::OK);
    let [measurement, digest, tam, signer, verifier] =
        ["cd", "ab", "11", "33", "44"].map(|octet| octet.repeat(32));
    assert_eq!(
        ran.out,
        format!(
            "\
TEEP Agent 0.1.0, signs with ESP256
measurement:         {measurement}
rollback protection: rpmb: an older copy of the storage is not accepted
platform:            installs in pieces, removes, lists, counts sessions, obeys the Agent only
used:                2 of 31 components, 2 of 31 manifests, 4 of 256 sequence numbers
installed:
  TEEP-Device/SecureFS/uuid:{UUID}/ta
    Trusted Application, version 2, 122880 bytes, 2 sessions
    SHA-256:      {digest}
    manifest:     ta, sequence number 7
    signer:       {signer}, NOT TRUSTED any more
    needed by:    app
  TEEP-Device/SecureFS/uuid:{UUID}/x
    data, 1 byte
    digest:       open: the platform may have other bytes; they will be installed again
    manifest:     app, sequence number 7
    signer:       {signer}
    needed by:    https://tam.example/tam, a TAM that is not trusted any more
pending:
  install {UUID}: interrupted, is finished with the next request
  remove 2c2c2c2c-2c2c-2c2c-2c2c-2c2c2c2c2c2c: interrupted, is finished with the next request
  3 stored objects of an Update under way, or of one that was interrupted
  {UUID}: up to 1 session of the code from before, until closed
trusted (updated, sequence number 5):
  TAM https://tam.example/tam
    key:          {tam}, certificate valid from 2023-11-14T22:13:20Z until 2030-03-17T17:46:40Z
    and 1 more, for which the Agent's answer has no room
    dialect:      pre-26
    attestation:  required
    last contact: 3 min ago, ended with success
  signer {signer}
    for:          everything
    for:          TEEP-Device
    and 2 more, for which the Agent's answer has no room
    may:          some commands only, personalization data in the clear, changes the trust store
    used:         2 of 4 components, 2 of 8 manifests
  verifier {verifier}
"
        )
    );
}

#[test]
fn status_for_programs() {
    let ran = ask(busy(), &["status", "--json"]);
    assert_eq!(ran.code, exit::OK);
    let (tam, signer, verifier) = ("11".repeat(32), "33".repeat(32), "44".repeat(32));
    let data = format!("TEEP-Device/SecureFS/uuid:{UUID}/x");
    let ta = format!("TEEP-Device/SecureFS/uuid:{UUID}/ta");
    let status = json!({
        "version": "0.1.0", "suite": "ESP256", "measurement": "cd".repeat(32),
        "rollback_protection": "rpmb",
        "platform": {
            "installs_in_pieces": true, "removes": true, "lists": true, "counts_sessions": true, "exclusive": true,
        },
        "damage": null,
        "components": [
            {
                "component_id": ta, "uuid": UUID, "version": 2, "size": 122_880, "digest_algorithm": "SHA-256",
                "digest": "ab".repeat(32), "manifest_sequence_number": 7, "manifests": ["ta"], "sessions": 2,
            },
            {
                "component_id": data, "uuid": null, "version": null, "size": 1, "digest_algorithm": null,
                "digest": null, "manifest_sequence_number": 7, "manifests": ["app"], "sessions": null,
            },
        ],
        "manifests": [
            {
                "manifest_id": "app", "sequence_number": 7, "signer": signer, "signer_trusted": true,
                "tams": ["https://tam.example/tam"], "former_tams": 1, "dependencies": ["ta"],
                "dependents": [], "components": [data],
            },
            {
                "manifest_id": "ta", "sequence_number": 7, "signer": signer, "signer_trusted": false,
                "tams": [], "former_tams": 0, "dependencies": [], "dependents": ["app"], "components": [ta],
            },
        ],
        "pending": {
            "actions": [
                { "action": "install", "uuid": UUID },
                { "action": "remove", "uuid": "2c2c2c2c-2c2c-2c2c-2c2c-2c2c2c2c2c2c" },
            ],
            "objects": 3,
            "still_running": [{ "uuid": UUID, "sessions": 1 }],
        },
        "trust": {
            "source": "updated", "sequence_number": 5,
            "tams": [{
                "uri": "https://tam.example/tam", "dialect": "pre-26", "attestation_required": true,
                "keys": [{
                    "thumbprint": tam,
                    "certificate": { "not_before": 1_700_000_000, "not_after": 1_900_000_000 },
                }],
                "more_keys": 1,
                "last_contact": { "seconds_ago": 180, "course": "ended", "err_code": 0 },
            }],
            "signers": [{
                "thumbprint": signer, "certificate": null, "prefixes": ["", "TEEP-Device"], "more_prefixes": 2,
                "commands_limited": true, "personalization_in_clear": true, "changes_trust": true,
                "quota": {
                    "components": { "used": 2, "limit": 4 }, "bytes": null,
                    "manifests": { "used": 2, "limit": 8 },
                },
            }],
            "verifiers": [{ "thumbprint": verifier, "certificate": null }],
        },
        "room": {
            "components": { "used": 2, "limit": 31 },
            "manifests": { "used": 2, "limit": 31 },
            "sequence_numbers": { "used": 4, "limit": 256 },
        },
    });
    let expected = json!({ "schema": 1, "command": "status", "result": "ok", "status": status });
    assert_eq!(ran.json(), expected);
}

/// No TAM has a reference to it, and still it stays.
#[test]
fn trust_store_is_needed_by_the_agent() {
    let mut info = busy();
    let stored = info.stored.as_mut().unwrap();
    stored.manifests[0].manifest_id = text::trust_store_manifest();
    stored.manifests[0].tams.clear();
    stored.manifests[0].former_tams = 0;
    let out = ask(info, &["status"]).out;
    assert!(out.contains("\n    needed by:    the Agent\n"), "{out}");
}

#[test]
fn damaged_storage_is_told_and_is_1() {
    let damaged = AgentInfo { stored: Err("the Agent's stored state is damaged".to_owned()), ..busy() };
    let ran = ask(damaged.clone(), &["status"]);
    assert_eq!(ran.code, exit::FAILURE);
    assert!(ran.out.starts_with("TEEP Agent 0.1.0"), "{}", ran.out);
    assert!(ran.out.contains("\ndamaged:             the Agent's stored state is damaged\n"), "{}", ran.out);
    let ran = ask(damaged.clone(), &["status", "--json"]);
    assert_eq!(ran.code, exit::FAILURE);
    let json = ran.json();
    assert_eq!(json["result"], "damaged");
    let status = &json["status"];
    assert_eq!(status["damage"], "the Agent's stored state is damaged");
    for part in ["components", "manifests", "pending", "trust", "room"] {
        assert_eq!(status[part], Value::Null, "{part}");
    }
    // The keys do not come from storage.
    assert_eq!(ask(damaged, &["keys"]).code, exit::OK);
}

#[test]
fn every_course_of_a_conversation_is_told() {
    for (course, seconds_ago, text, name) in [
        (Course::Begun, 119, "119 s ago, no answer of the TAM yet", "begun"),
        (Course::Answered, 120, "2 min ago, its query was answered, no more came", "answered"),
        (Course::Ended(0), 7200, "2 h ago, ended with success", "ended"),
        (Course::Ended(17), 172_800, "2 days ago, ended with TEEP error 17", "ended"),
        (Course::Failed, 0, "0 s ago, not reached", "failed"),
    ] {
        let mut info = info();
        let stored = info.stored.as_mut().unwrap();
        stored.trust.tams[0].last_contact = Some(LastContact { seconds_ago, course });
        assert!(ask(info.clone(), &["status"]).out.contains(text), "{text}");
        let json = ask(info, &["status", "--json"]).json();
        let contact = &json["status"]["trust"]["tams"][0]["last_contact"];
        assert_eq!((&contact["course"], &contact["seconds_ago"]), (&json!(name), &json!(seconds_ago)));
    }
}

/// What a TAM or a manifest named must not steer the terminal.
#[test]
fn control_characters_in_names_do_not_reach_the_terminal() {
    let mut info = busy();
    info.version = "\x1b[2J".to_owned();
    let stored = info.stored.as_mut().unwrap();
    stored.trust.tams[0].uri = "https://\x1b[2J".to_owned();
    stored.components[0].component_id = vec![b"\x1b[2J".to_vec()];
    stored.manifests[0].manifest_id = vec![b"\n\x07".to_vec()];
    let ran = ask(info, &["status"]);
    assert!(!ran.out.chars().any(|c| c.is_control() && c != '\n'), "{:?}", ran.out);
}
