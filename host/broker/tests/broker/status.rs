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

const GREETING: &str = "TEEP-Device/SecureFS/greeting.suit";

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
        tee_measurement: vec![],
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
            component_room: Room { used: 0, limit: 30 },
            manifest_room: Room { used: 0, limit: 30 },
            sequence_number_room: Room { used: 0, limit: 255 },
            ..Stored::default()
        }),
    }
}

/// One that has seen a lot, on OP-TEE with patches and RPMB.
fn busy() -> AgentInfo {
    let id = |text: &str| text::parse(text).unwrap();
    let ta = InstalledComponent {
        component_id: text::native_ta(UUID_BYTES),
        uuid: Some(UUID_BYTES),
        version: Some(2),
        size: 122_880,
        digest: Some(Digest::sha256([0xab; 32])),
        sessions: Some(2),
    };
    let data = InstalledComponent {
        component_id: id(&format!("TEEP-Device/SecureFS/uuid:{UUID}/greeting")),
        uuid: None,
        version: None,
        size: 1,
        digest: None,
        sessions: None,
    };
    let manifest = |manifest_id, sequence_number, component| InstalledManifest {
        manifest_id,
        sequence_number,
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
        tee_measurement: vec![0xce; 32],
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
                source: TrustSource::BuiltIn,
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
                    ..manifest(id(GREETING), 7, 1)
                },
                InstalledManifest {
                    signer: Thumbprint([0x55; 32]),
                    signer_trusted: false,
                    ..manifest(text::native_ta_manifest(UUID_BYTES), 2, 0)
                },
            ],
            pending: Pending {
                actions: vec![PendingAction::Install([0x2b; 16]), PendingAction::Remove([0x2c; 16])],
                objects: 3,
                still_running: vec![StillRunning { uuid: UUID_BYTES, sessions: 1 }],
            },
            component_room: Room { used: 2, limit: 30 },
            manifest_room: Room { used: 2, limit: 30 },
            sequence_number_room: Room { used: 4, limit: 255 },
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
    let [measurement, tee_measurement] = ["cd", "ce"].map(|byte| byte.repeat(32));
    assert_eq!(
        ran.out,
        format!(
            "public key (COSE_Key): a10102\ndecryption key (COSE_Key): a120\nreport key (COSE_Key): a121\n\
             attestation key (COSE_Key): a122\nmeasurement (SHA-256): {measurement}\n\
             TEE measurement (SHA-256): {tee_measurement}\n"
        )
    );
    assert_eq!(
        ask(busy(), &["keys", "--json"]).json(),
        json!({
            "schema": 1, "command": "keys", "result": "ok",
            "keys": {
                "public_key": "a10102", "decryption_key": "a120", "report_key": "a121",
                "attestation_key": "a122", "measurement": measurement, "tee_measurement": tee_measurement,
            },
        })
    );
    assert!(
        ask(info(), &["keys"])
            .out
            .ends_with("\nmeasurement (SHA-256): none\nTEE measurement (SHA-256): none\n")
    );
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
TEE measurement:     none
rollback protection: none: who controls Linux can put an older copy of all storage back
platform:            installs one at a time, from the Agent's memory, cannot remove, does not list, does not count \
sessions, obeys any program in Linux
used:                0 of 30 components, 0 of 30 manifests, 0 of 255 sequence numbers
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

/// What people read about it is what they see.
#[test]
fn status_of_a_busy_agent_is_the_documented_example() {
    let documentation = include_str!("../../../../docs/status.md");
    let (_, rest) = documentation.split_once("```text\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let ran = ask(busy(), &["status"]);
    assert_eq!((ran.code, ran.out.as_str()), (exit::OK, example));
}

#[test]
fn status_for_programs() {
    let ran = ask(busy(), &["status", "--json"]);
    assert_eq!(ran.code, exit::OK);
    let (tam, signer, verifier) = ("11".repeat(32), "33".repeat(32), "44".repeat(32));
    let data = format!("TEEP-Device/SecureFS/uuid:{UUID}/greeting");
    let suit = format!("TEEP-Device/SecureFS/uuid:{UUID}/suit");
    let ta = format!("TEEP-Device/SecureFS/uuid:{UUID}/ta");
    let status = json!({
        "version": "0.1.0", "suite": "ESP256", "measurement": "cd".repeat(32), "tee_measurement": "ce".repeat(32),
        "rollback_protection": "rpmb",
        "platform": {
            "installs_in_pieces": true, "removes": true, "lists": true, "counts_sessions": true, "exclusive": true,
        },
        "damage": null,
        "components": [
            {
                "component_id": ta, "uuid": UUID, "version": 2, "size": 122_880, "digest_algorithm": "SHA-256",
                "digest": "ab".repeat(32), "manifest_sequence_number": 2, "manifests": [suit], "sessions": 2,
            },
            {
                "component_id": data, "uuid": null, "version": null, "size": 1, "digest_algorithm": null,
                "digest": null, "manifest_sequence_number": 7, "manifests": [GREETING], "sessions": null,
            },
        ],
        "manifests": [
            {
                "manifest_id": GREETING, "sequence_number": 7, "signer": signer, "signer_trusted": true,
                "tams": ["https://tam.example/tam"], "former_tams": 1, "dependencies": [suit],
                "dependents": [], "components": [data],
            },
            {
                "manifest_id": suit, "sequence_number": 2, "signer": "55".repeat(32), "signer_trusted": false,
                "tams": [], "former_tams": 0, "dependencies": [], "dependents": [GREETING], "components": [ta],
            },
        ],
        "pending": {
            "actions": [
                { "action": "install", "uuid": "2b2b2b2b-2b2b-2b2b-2b2b-2b2b2b2b2b2b" },
                { "action": "remove", "uuid": "2c2c2c2c-2c2c-2c2c-2c2c-2c2c2c2c2c2c" },
            ],
            "objects": 3,
            "still_running": [{ "uuid": UUID, "sessions": 1 }],
        },
        "trust": {
            "source": "built-in", "sequence_number": 5,
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
            "components": { "used": 2, "limit": 30 },
            "manifests": { "used": 2, "limit": 30 },
            "sequence_numbers": { "used": 4, "limit": 255 },
        },
    });
    let expected = json!({ "schema": 1, "command": "status", "result": "ok", "status": status });
    assert_eq!(ran.json(), expected);
}

/// No TAM has a reference to it, and still it stays.
#[test]
fn trust_store_of_a_manifest_is_needed_by_the_agent() {
    let mut info = busy();
    let stored = info.stored.as_mut().unwrap();
    stored.trust.source = TrustSource::Updated;
    stored.manifests[0].manifest_id = text::trust_store_manifest();
    stored.manifests[0].tams.clear();
    stored.manifests[0].former_tams = 0;
    let out = ask(info.clone(), &["status"]).out;
    assert!(out.contains("\n    needed by:    the Agent\n"), "{out}");
    assert!(out.contains("\ntrusted (updated, sequence number 5):\n"), "{out}");
    info.stored.as_mut().unwrap().trust.source = TrustSource::Provisioned;
    let json = ask(info, &["status", "--json"]).json();
    assert_eq!(json["status"]["trust"]["source"], "provisioned");
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
