// SPDX-License-Identifier: Apache-2.0
//! The Agent's command for Trusted Applications, called from Linux.

use crate::install_pta::code;
use optee_teec::{Context, Error, Operation, ParamNone, ParamTmpRef, ParamType, ParamValue, Uuid};
use serde_json::json;
use teep_proto::suit::ComponentId;
use teep_proto::teec::{AGENT_UUID, READ_DATA};

/// TEEC_ERROR_ACCESS_DENIED.
const ACCESS_DENIED: u32 = 0xffff_0001;

/// Prints the TEE result of reading the data component with these elements. True if it was denied, and no byte of it
/// came along.
///
/// # Errors
/// When the Agent does not open a session.
pub(crate) fn run(component_id: &[Vec<u8>]) -> Result<bool, Error> {
    let mut context = Context::new()?;
    let mut session = context.open_session(Uuid::from_bytes(AGENT_UUID))?;
    let (id, mut data) = (ComponentId::encode(component_id), vec![0; 4096]);
    let p0 = ParamTmpRef::new_input(&id);
    let p1 = ParamValue::new(0, 0, ParamType::ValueInout);
    let p2 = ParamTmpRef::new_output(&mut data);
    let mut operation = Operation::new(0, p0, p1, p2, ParamNone);
    let result = session.invoke_command(READ_DATA, &mut operation);
    println!("{}", json!({ "schema": 1, "read_data": code(&result) }));
    let denied = result.is_err_and(|error| error.raw_code() == ACCESS_DENIED);
    Ok(denied && data.iter().all(|byte| *byte == 0))
}
