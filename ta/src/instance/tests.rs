// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::mock::disk::{Damage, Disk, with_disk};
use crate::mock::{NONE, exclusive, identity, mem_move, memref};
use optee_utee::{FromRawParameters, raw};
use std::fs;
use std::rc::Rc;
use teep_agent::config::compile_toml;
use teep_proto::cose::SigningKey;
use teep_proto::suit::ComponentId;
use teep_proto::teec::{Command, MAX_REPLY, READ_DATA, Reply};

const CONFIG: &str = r#"
[device]
vendor-ids = ["c0ddd5f1-5243-5660-87db-4f5b0aa26c2f"]
class-ids = ["bbcdd24d-6031-5d11-a508-ebb6d85a64a9"]

[[tam]]
uri = "http://tam.example/tam"
keys = ["key"]
"#;
const READER: [u8; 16] = [7; 16];
const LINUX: u32 = raw::TEE_LOGIN_PUBLIC;
const TA: u32 = raw::TEE_LOGIN_TRUSTED_APP;

fn instance() -> Instance {
    let directory = tempfile::tempdir().expect("a directory");
    let key = SigningKey::p256_from_scalar(&[1; 32]).expect("a key").public_key().to_cose_key();
    fs::write(directory.path().join("key"), key).expect("a key file");
    let config = directory.path().join("agent.toml");
    fs::write(&config, CONFIG).expect("a configuration file");
    let instance = Instance::new();
    instance.create(&compile_toml(&config).expect("compiles")).expect("a configuration");
    instance
}

/// Opens a session as OP-TEE does for this client.
fn open(instance: &Instance, login: u32) -> Result<Client> {
    let _identity = identity(login, READER);
    let mut client = Client::default();
    instance.open_session(&mut client).map(|()| client)
}

/// The parameters of a command from the Broker.
fn teep(instance: &Instance, client: &mut Client, id: u32, reply: &mut [u8]) -> Result<usize> {
    let types =
        raw::TEE_PARAM_TYPES(raw::TEE_PARAM_TYPE_MEMREF_INPUT, raw::TEE_PARAM_TYPE_MEMREF_OUTPUT, 0, 0);
    let mut params = [memref(&mut []), memref(reply), NONE, NONE];
    // SAFETY: the types describe the parameters.
    let mut call = unsafe { Call::from_raw(types, &mut params) }?;
    instance.invoke(client, id, &mut call)?;
    // SAFETY: p1 is a memory reference.
    Ok(unsafe { params[1].memref.size })
}

/// Those of READ_DATA.
fn read_data(instance: &Instance, client: &mut Client, id: u32) -> Result<()> {
    let types = raw::TEE_PARAM_TYPES(
        raw::TEE_PARAM_TYPE_MEMREF_INPUT,
        raw::TEE_PARAM_TYPE_VALUE_INOUT,
        raw::TEE_PARAM_TYPE_MEMREF_OUTPUT,
        0,
    );
    let mut component_id = ComponentId::encode(&["TEEP-Device", "SecureFS", "data"]);
    let mut buffer = [0; 16];
    let mut params = [memref(&mut component_id), NONE, memref(&mut buffer), NONE];
    // SAFETY: the types describe the parameters.
    let mut call = unsafe { Call::from_raw(types, &mut params) }?;
    instance.invoke(client, id, &mut call)
}

#[test]
fn the_limit_of_sessions_holds_and_closing_makes_room() {
    let _lock = exclusive();
    let instance = instance();
    let mut clients: Vec<Client> =
        (0..MAX_SESSIONS).map(|_| open(&instance, LINUX).expect("within the limit")).collect();
    let refused = open(&instance, LINUX).expect_err("one past the limit");
    assert_eq!(refused.kind(), ErrorKind::Busy);
    instance.close_session(&mut clients[0]);
    open(&instance, TA).expect("within the limit again");
}

#[test]
fn a_client_that_optee_does_not_name_gets_no_session() {
    let _lock = exclusive();
    let identity = optee_utee_sys::mock_api::TEE_GetPropertyAsIdentity_context();
    identity.expect().returning_st(|_, _, _| raw::TEE_ERROR_ITEM_NOT_FOUND);
    let refused = instance().open_session(&mut Client::default()).expect_err("nobody");
    assert_eq!(refused.kind(), ErrorKind::ItemNotFound);
}

/// Attack: a program in Linux asks for the personalization data of a Trusted Application. Storage is not even touched:
/// the mock would not have it.
#[test]
fn linux_does_not_get_data_whatever_parameters_it_sends() {
    let _lock = exclusive();
    let instance = instance();
    let mut client = open(&instance, LINUX).expect("a session");
    let refused = read_data(&instance, &mut client, READ_DATA).expect_err("not for Linux");
    assert_eq!(refused.kind(), ErrorKind::AccessDenied);
    let refused =
        teep(&instance, &mut client, READ_DATA, &mut vec![0; MAX_REPLY]).expect_err("not for Linux");
    assert_eq!(refused.kind(), ErrorKind::AccessDenied);
    // The parameters of one command with the number of another.
    for command in Command::ALL {
        let refused = read_data(&instance, &mut client, command.id()).expect_err("other parameters");
        assert_eq!(refused.kind(), ErrorKind::BadParameters, "{}", command.name());
    }
}

/// Attack: a Trusted Application speaks for the Broker.
#[test]
fn a_trusted_application_does_not_drive_teep_whatever_parameters_it_sends() {
    let _lock = exclusive();
    let instance = instance();
    let mut client = open(&instance, TA).expect("a session");
    let ids = Command::ALL.map(Command::id).into_iter().chain([0, READ_DATA + 1, u32::MAX]);
    for id in ids {
        let refused = teep(&instance, &mut client, id, &mut vec![0; MAX_REPLY]).expect_err("not for a TA");
        assert_eq!(refused.kind(), ErrorKind::AccessDenied, "{id}");
        let refused = read_data(&instance, &mut client, id).expect_err("not for a TA");
        assert_eq!(refused.kind(), ErrorKind::AccessDenied, "{id}");
    }
    let refused =
        teep(&instance, &mut client, READ_DATA, &mut vec![0; MAX_REPLY]).expect_err("other parameters");
    assert_eq!(refused.kind(), ErrorKind::BadParameters);
}

#[test]
fn linux_gets_replies_and_a_trusted_application_the_agents_answer() {
    let instance = instance();
    let (outcome, _) = with_disk(Disk::default(), |_| {
        let _memory = mem_move(&Rc::default());
        let mut reply = vec![0; MAX_REPLY];
        let mut linux = open(&instance, LINUX)?;
        let len = teep(&instance, &mut linux, Command::ProcessError.id(), &mut reply)?;
        let mut reader = open(&instance, TA)?;
        let read = read_data(&instance, &mut reader, READ_DATA).map_err(|error| error.kind());
        instance.close_session(&mut linux);
        instance.close_session(&mut reader);
        Ok::<_, optee_utee::Error>((Reply::decode(&reply[..len]), read))
    });
    let (reply, read) = outcome.expect("sessions");
    assert_eq!(reply, Ok(Reply::Nothing));
    assert_eq!(read, Err(ErrorKind::ItemNotFound), "nothing is installed");
}

/// Attack: Linux damages the Agent's state, which OP-TEE deletes when it finds out, and ends all its sessions, for an
/// Agent that finds nothing and starts anew. The instance outlives its sessions (`TA_FLAG_INSTANCE_KEEP_ALIVE`).
#[test]
fn attack_damaged_state_to_be_forgotten_with_the_last_session() {
    let instance = instance();
    let damage =
        Disk { corrupt: [(b"state".to_vec(), Damage::Data)].into(), ..Disk::with(&[("state", b"12345")]) };
    let (replies, disk) = with_disk(damage, |_| {
        let _memory = mem_move(&Rc::default());
        let mut replies = Vec::new();
        for _ in 0..3 {
            let mut linux = open(&instance, LINUX).expect("a session");
            let mut reply = vec![0; MAX_REPLY];
            let len = teep(&instance, &mut linux, Command::RequestPolicyCheck.id(), &mut reply);
            replies.push(Reply::decode(&reply[..len.expect("a reply")]));
            instance.close_session(&mut linux);
        }
        replies
    });
    assert!(disk.names().is_empty(), "OP-TEE has deleted it");
    for reply in replies {
        let Ok(Reply::Failed { reason }) = &reply else { panic!("{reply:?}") };
        assert!(reason.contains("damaged"), "{reason}");
    }
}
