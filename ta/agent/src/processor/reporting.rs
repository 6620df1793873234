// SPDX-License-Identifier: Apache-2.0
//! Records: where a command stands and what it has measured (R 4, AMB-SUIT-17). A command that is run for several
//! components gives one for each (REQ-SUIT-102).

use super::run::{Halt, Run};
use super::{Ended, Failure, Stop, World};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use teep_proto::suit::labels::manifest as section_label;
use teep_proto::suit::{Index, Reason, Record};

/// Records of reporting policies in one procedure; those past them are left out, as R allows.
const MAX_RECORDS: usize = 16;
/// Bits of a reporting policy (M 8.4.7).
const RECORD_SUCCESS: u64 = 1;
const RECORD_FAILURE: u64 = 2;
const MEASURE_SUCCESS: u64 = 4;
const MEASURE_FAILURE: u64 = 8;

impl<'b, W: World<'b>> Run<'_, 'b, W> {
    /// Records that a command did what it should, if `policy` asks for that.
    pub(super) fn note_success(&mut self, policy: u64) {
        self.note(policy, RECORD_SUCCESS, MEASURE_SUCCESS);
    }

    /// Records that a condition failed, if `policy` asks for that.
    pub(super) fn note_failure(&mut self, policy: u64) {
        self.note(policy, RECORD_FAILURE, MEASURE_FAILURE);
    }

    /// Adds a record if `policy` has the bit `record`, with what was measured if it has the bit `measured`.
    fn note(&mut self, policy: u64, record: u64, measured: u64) {
        if policy & record == 0 || self.records.len() >= MAX_RECORDS {
            return;
        }
        let mut record = self.place();
        if policy & measured != 0 {
            record.properties.clone_from(&self.found);
        }
        self.records.push(record);
    }

    /// Where the command being run stands.
    fn place(&self) -> Record<'static> {
        let Some(context) = self.contexts.last() else { return Record::default() };
        Record {
            manifest_id: context.path.clone(),
            section: if context.is_shared { section_label::COMMON } else { context.section },
            offset: context.offset,
            component_index: match context.selection {
                Index::One(index) => index,
                _ => 0,
            },
            properties: Vec::new(),
        }
    }

    /// How the procedure ends because of `halt`.
    pub(super) fn ended(&mut self, halt: Halt) -> Ended {
        let records = core::mem::take(&mut self.records).into_boxed_slice();
        match halt {
            Halt::Stop(Stop::Suspended) => Ended::Suspended,
            Halt::Stop(Stop::Env(error)) => Ended::Env(error),
            Halt::Stop(Stop::Fail(reason, text)) => {
                Ended::Failed(Failure { records, ..self.failure(reason, text) })
            }
            Halt::Elsewhere(failure) => Ended::Failed(Failure { records, ..failure }),
        }
    }

    /// A failure of the command being run.
    pub(super) fn failure(&self, reason: Reason, text: Cow<'static, str>) -> Failure {
        let record = Record { properties: self.found.clone(), ..self.place() };
        Failure { reason, record, text, records: Box::default() }
    }
}
