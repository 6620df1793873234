// SPDX-License-Identifier: Apache-2.0
//! Who a session is with.

use optee_utee::property::{ClientIdentity, PropertyKey};
use optee_utee::{LoginType, Result};
use teep_proto::teec::READ_DATA;

/// The client of a session. OP-TEE vouches for it: Linux cannot log in as a Trusted Application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A program in Linux, or Linux itself: the Broker, for all the Agent knows.
    #[default]
    Linux,
    /// The Trusted Application with this UUID.
    TrustedApplication([u8; 16]),
}

impl Caller {
    /// The client of the session in which OP-TEE has just called this TA.
    ///
    /// # Errors
    /// OP-TEE's reason not to tell.
    pub(crate) fn identify() -> Result<Self> {
        let identity = ClientIdentity.get()?;
        Ok(match identity.login_type() {
            LoginType::TrustedApp => Self::TrustedApplication(octets(&identity.uuid())),
            _ => Self::Linux,
        })
    }

    /// Whether this client may give command `id`. A Trusted Application may read data and nothing else: it has no
    /// Broker, and what the TAMs are asked is not for it to drive. Linux may do everything but read data.
    pub(crate) fn may(self, id: u32) -> bool {
        matches!(self, Self::TrustedApplication(_)) == (id == READ_DATA)
    }
}

/// The UUID as in a SUIT component identifier.
fn octets(uuid: &optee_utee::Uuid) -> [u8; 16] {
    // SAFETY: the pointer is to a field of `uuid`.
    let uuid = unsafe { *uuid.as_raw_ptr() };
    let fields = u128::from(uuid.timeLow) << 96
        | u128::from(uuid.timeMid) << 80
        | u128::from(uuid.timeHiAndVersion) << 64
        | u128::from(u64::from_be_bytes(uuid.clockSeqAndNode));
    fields.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{exclusive, identity};
    use optee_utee::raw;
    use teep_proto::teec::Command;

    const UUID: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    #[test]
    fn a_trusted_application_is_known_by_its_uuid() {
        let _lock = exclusive();
        let _identity = identity(raw::TEE_LOGIN_TRUSTED_APP, UUID);
        assert_eq!(Caller::identify().expect("an identity"), Caller::TrustedApplication(UUID));
    }

    /// A UUID that Linux gives, for example that of a user, does not make it a Trusted Application.
    #[test]
    fn every_other_login_is_linux() {
        const REE_KERNEL: u32 = 0x8000_0000;
        for login in [
            raw::TEE_LOGIN_PUBLIC,
            raw::TEE_LOGIN_USER,
            raw::TEE_LOGIN_GROUP,
            raw::TEE_LOGIN_APPLICATION,
            raw::TEE_LOGIN_APPLICATION_USER,
            raw::TEE_LOGIN_APPLICATION_GROUP,
            REE_KERNEL,
            raw::TEE_LOGIN_TRUSTED_APP - 1,
            u32::MAX,
        ] {
            let _lock = exclusive();
            let _identity = identity(login, UUID);
            assert_eq!(Caller::identify().expect("an identity"), Caller::Linux, "{login:#x}");
        }
    }

    #[test]
    fn linux_may_not_read_data_and_a_trusted_application_may_do_nothing_else() {
        let reader = Caller::TrustedApplication(UUID);
        assert!(reader.may(READ_DATA) && !Caller::Linux.may(READ_DATA));
        for command in Command::ALL {
            assert!(Caller::Linux.may(command.id()) && !reader.may(command.id()), "{}", command.name());
        }
    }
}
