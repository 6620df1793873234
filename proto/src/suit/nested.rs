// SPDX-License-Identifier: Apache-2.0
//! Where commands of nested sequences stand within their section, as SUIT Reports name it.

use super::{Argument, Command, Sequence};
use alloc::vec::Vec;

impl<'b> Command<'b> {
    /// The sequences that try-each or run-sequence contains, in order, each with the offset at which it begins within
    /// the section if the command itself stands at `offset` there; `None` for nil. What [`Command::offset`] says of a
    /// command in one of them counts from that beginning on.
    ///
    /// ```
    /// use teep_proto::suit::{Sequence, SequenceBuilder, labels::command};
    ///
    /// let inner = SequenceBuilder::new().simple(command::ABORT, 0).build();
    /// let section = SequenceBuilder::new().simple(command::FETCH, 0).run_sequence(&inner).build();
    /// let outer = Sequence::new(&section).instructions()?.last().expect("two commands")?;
    /// let (begin, Some(inner)) = outer.nested(outer.offset as u64)[0] else { panic!("run-sequence has no nil") };
    /// let abort = inner.instructions()?.next().expect("a command")?;
    /// assert_eq!(section[begin as usize + abort.offset], command::ABORT as u8);
    /// # Ok::<(), teep_proto::Error>(())
    /// ```
    pub fn nested(&self, offset: u64) -> Vec<(u64, Option<Sequence<'b>>)> {
        match &self.argument {
            // The code 32 has two bytes.
            Argument::Sequence(inner) => {
                Vec::from([(content_of(offset.saturating_add(2), *inner), Some(*inner))])
            }
            Argument::Alternatives(list) => {
                // The code 15 and the head of the list have one byte each.
                let mut at = offset.saturating_add(2);
                let place = |alternative: &Option<Sequence<'b>>| {
                    let begin = alternative.map_or(at, |inner| content_of(at, inner));
                    let len = alternative.map_or(1, |inner| inner.as_bytes().len() as u64);
                    at = begin.saturating_add(len);
                    (begin, *alternative)
                };
                list.iter().map(place).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Where the content of a byte string begins whose head is at `at`.
fn content_of(at: u64, content: Sequence<'_>) -> u64 {
    let head = match content.as_bytes().len() {
        ..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        _ => 5,
    };
    at.saturating_add(head)
}
