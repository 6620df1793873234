// SPDX-License-Identifier: Apache-2.0
//! Trusted Applications that were replaced or removed while they had sessions: bounded, and stored nowhere. After a
//! restart no old code runs any more.

use crate::env::{Env, Installer};
use crate::limits::push_latest;
use alloc::vec::Vec;
use teep_proto::limits::MAX_LIST;
use teep_proto::teec::StillRunning;

/// Those of which an old copy may run still.
#[derive(Debug, Default)]
pub(crate) struct Running {
    list: Vec<StillRunning>,
}

impl Running {
    /// These were replaced or removed. The sessions of each are all of old code, whatever was known of it before.
    pub(crate) fn replaced(&mut self, replaced: &[StillRunning]) {
        for running in replaced {
            self.list.retain(|known| known.uuid != running.uuid);
            push_latest(&mut self.list, MAX_LIST, *running);
        }
    }

    /// Those that may run still, and how many sessions of them at most: as many as there were, or as there are now if
    /// these are fewer.
    pub(crate) fn now<E: Env>(&mut self, env: &mut E) -> Vec<StillRunning> {
        for running in &mut self.list {
            if let Ok(Some(open)) = env.installer().open_sessions(running.uuid) {
                running.sessions = running.sessions.min(open);
            }
        }
        self.list.retain(|running| running.sessions > 0);
        self.list.clone()
    }
}
