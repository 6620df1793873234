// SPDX-License-Identifier: Apache-2.0
use teep_proto::suit::labels::command;
use teep_proto::suit::{Parameter, SequenceBuilder};

/// Report on success and failure, in both kinds of report (suit-manifest 8.4.7).
const REPORT_ALWAYS: u64 = 15;

/// A command sequence in the making, for a manifest with one component or several.
pub(super) struct Script {
    /// Whether set-component-index is needed (REQ-SUIT-014).
    several: bool,
    selected: Option<u64>,
    empty: bool,
    builder: SequenceBuilder,
}

impl Script {
    pub(super) fn new(several: bool) -> Self {
        Self { several, selected: None, empty: true, builder: SequenceBuilder::new() }
    }

    /// The commands that follow are for the component or dependency `index`.
    pub(super) fn select(&mut self, index: u64) {
        if self.several && self.selected != Some(index) {
            self.append(|builder| builder.set_component_index(index));
        }
        self.selected = Some(index);
    }

    /// Parameters that hold whatever a dependent says.
    pub(super) fn fix(&mut self, parameters: &[Parameter<'_>]) {
        self.append(|builder| builder.override_parameters(parameters));
    }

    /// Where to fetch from: a dependent may say otherwise, or not (REQ-SUIT-114).
    pub(super) fn uri(&mut self, uri: &str, overridable: bool) {
        let parameters = [Parameter::Uri(uri)];
        self.append(|builder| {
            if overridable {
                builder.set_parameters(&parameters)
            } else {
                builder.override_parameters(&parameters)
            }
        });
    }

    /// A condition or directive without argument of its own.
    pub(super) fn run(&mut self, code: i64) {
        self.append(|builder| builder.simple(code, REPORT_ALWAYS));
    }

    /// Runs the dependency `index`, which is checked before (REQ-SUIT-043).
    pub(super) fn process_dependency(&mut self, index: u64) {
        self.select(index);
        self.run(command::DEPENDENCY_INTEGRITY);
        self.run(command::PROCESS_DEPENDENCY);
    }

    fn append(&mut self, append: impl FnOnce(SequenceBuilder) -> SequenceBuilder) {
        self.empty = false;
        self.builder = append(std::mem::take(&mut self.builder));
    }

    /// The encoded sequence; nothing if it has no commands.
    pub(super) fn build(self) -> Option<Vec<u8>> {
        (!self.empty).then(|| self.builder.build())
    }
}
