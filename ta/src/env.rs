// SPDX-License-Identifier: Apache-2.0
//! OP-TEE as the world the Agent lives in.

use crate::{PtaInstaller, SecureStorage, pta};
use core::fmt::{Arguments, Write};
use optee_utee::Random;
use optee_utee::trace::Trace;
use teep_agent::{Env, EnvError};
use zeroize::Zeroizing;

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
    fn measurement(&mut self) -> Result<Option<[u8; 32]>, EnvError> {
        pta::measure().map_err(|error| EnvError { code: error.raw_code() })
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
