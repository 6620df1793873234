// SPDX-License-Identifier: Apache-2.0
//! OP-TEE as the world the Agent lives in.

use crate::{PtaInstaller, SecureStorage, pta};
use core::fmt::{Arguments, Write};
use optee_utee::property::{PropertyKey, TeeTrustedStorageAntiRollbackProtectionLevel};
use optee_utee::trace::Trace;
use optee_utee::{Random, raw};
use teep_agent::{Env, EnvError, Measured, RollbackProtection};
use zeroize::Zeroizing;

/// Level of protection of trusted storage from which on hardware that the TEE controls keeps it from being rolled back
/// (TEE Internal Core API, gpd.tee.trustedStorage.antiRollback.protectionLevel). OP-TEE has it with RPMB, and level 100,
/// which Linux has to enforce, without.
const PROTECTED_BY_HARDWARE: u32 = 1000;

/// OP-TEE's storage, keys, TA store and log.
#[derive(Debug, Default)]
pub struct OpteeEnv {
    storage: SecureStorage,
    installer: PtaInstaller,
}

impl Env for OpteeEnv {
    type Storage = SecureStorage;
    type Installer = PtaInstaller;

    fn storage(&mut self) -> &mut Self::Storage {
        &mut self.storage
    }

    fn installer(&mut self) -> &mut Self::Installer {
        &mut self.installer
    }

    fn derive_key(&mut self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, EnvError> {
        pta::derive_key(label).map_err(|error| EnvError { code: error.raw_code() })
    }

    /// Of the code as it is in memory, by OP-TEE's attestation pseudo-TA. At its first use that makes a key pair of its
    /// own, which takes long.
    fn measurement(&mut self) -> Result<Option<Measured>, EnvError> {
        pta::measure().map_err(|error| EnvError { code: error.raw_code() })
    }

    /// OP-TEE's system time. It is Linux's, though never going back, where OP-TEE was built without a source of its own
    /// (`CFG_SECURE_TIME_SOURCE_REE`).
    fn uptime(&mut self) -> u64 {
        let mut time = raw::TEE_Time { seconds: 0, millis: 0 };
        // SAFETY: it is given a place for the time. It panics the TA rather than fail.
        unsafe { raw::TEE_GetSystemTime(&raw mut time) };
        time.seconds.into()
    }

    /// OP-TEE has no clock that runs while it is off: what it calls the time of the REE is Linux's, and what a TA sets for
    /// itself it has to learn from somebody.
    fn trusted_time(&mut self) -> Option<u64> {
        None
    }

    /// What OP-TEE was built with, not what it found: where RPMB is configured, storage does not work without it.
    fn rollback_protection(&mut self) -> RollbackProtection {
        match TeeTrustedStorageAntiRollbackProtectionLevel.get() {
            Ok(level) if level >= PROTECTED_BY_HARDWARE => RollbackProtection::Rpmb,
            _ => RollbackProtection::None,
        }
    }

    /// OP-TEE panics the TA rather than give fewer bytes.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), EnvError> {
        Random::generate(bytes);
        Ok(())
    }

    fn log(&mut self, line: Arguments<'_>) {
        log(line);
    }
}

/// Writes a line to the secure world's console.
pub fn log(line: Arguments<'_>) {
    // Not trace_println, which panics when a value cannot be formatted; such a line may end early.
    let _ = writeln!(Trace, "teep-agent: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{exclusive, take_console};
    use optee_utee_sys::mock_api;

    #[test]
    fn a_line_of_the_log_says_who_wrote_it() {
        let _lock = exclusive();
        take_console();
        OpteeEnv::default().log(format_args!("installed version {}", 2));
        assert_eq!(take_console(), "teep-agent: installed version 2\n");
    }

    #[test]
    fn uptime_is_that_of_the_tee() {
        let _lock = exclusive();
        let system_time = mock_api::TEE_GetSystemTime_context();
        system_time.expect().returning_st(|time| {
            // SAFETY: a place for the time.
            unsafe { *time = raw::TEE_Time { seconds: u32::MAX, millis: 999 } };
        });
        assert_eq!(OpteeEnv::default().uptime(), u64::from(u32::MAX));
    }

    #[test]
    fn storage_is_protected_from_rollback_where_hardware_does_it() {
        for (level, expected) in [
            (Ok(100), RollbackProtection::None),
            (Ok(0), RollbackProtection::None),
            (Ok(999), RollbackProtection::None),
            (Ok(1000), RollbackProtection::Rpmb),
            (Err(raw::TEE_ERROR_ITEM_NOT_FOUND), RollbackProtection::None),
        ] {
            let _lock = exclusive();
            let property = mock_api::TEE_GetPropertyAsU32_context();
            property.expect().returning_st(move |set, name, value| {
                assert_eq!(set, raw::TEE_PROPSET_TEE_IMPLEMENTATION);
                // SAFETY: optee-utee passes a C string, and a place for the number.
                unsafe {
                    let name = core::ffi::CStr::from_ptr(name);
                    assert_eq!(name, c"gpd.tee.trustedStorage.antiRollback.protectionLevel");
                    *value = level.unwrap_or_default();
                }
                level.err().unwrap_or(raw::TEE_SUCCESS)
            });
            assert_eq!(OpteeEnv::default().rollback_protection(), expected, "{level:?}");
        }
    }

    #[test]
    fn random_bytes_come_from_the_tee() {
        let _lock = exclusive();
        let generate = mock_api::TEE_GenerateRandom_context();
        generate.expect().returning_st(|buffer, len| {
            // SAFETY: optee-utee passes a buffer of this length.
            unsafe { core::ptr::write_bytes(buffer.cast::<u8>(), 0xa5, len) };
        });
        let mut bytes = [0; 40];
        OpteeEnv::default().random(&mut bytes).expect("random bytes");
        assert_eq!(bytes, [0xa5; 40]);
    }
}
