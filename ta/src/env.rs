// SPDX-License-Identifier: Apache-2.0
//! OP-TEE as the world the Agent lives in.

use crate::{PtaInstaller, SecureStorage, pta};
use core::fmt::{Arguments, Write};
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

    #[test]
    fn a_line_of_the_log_says_who_wrote_it() {
        let _lock = exclusive();
        take_console();
        OpteeEnv::default().log(format_args!("installed version {}", 2));
        assert_eq!(take_console(), "teep-agent: installed version 2\n");
    }
}
