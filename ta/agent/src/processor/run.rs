// SPDX-License-Identifier: Apache-2.0
//! The interpreter's loop: one command after the other, whatever manifest and sequence it stands in.

use super::components::Components;
use super::frames::{Alternatives, Context, Each, Entered, Frame, Running, Unordered};
use super::manifest::Loaded;
use super::{Ended, Failure, Policy, Stop, World};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use teep_proto::limits::MAX_COMMANDS;
use teep_proto::suit::labels::command;
use teep_proto::suit::{Argument, Command, Digest, Index, Parameter, Reason, Record, Sequence};

/// Which procedure is being run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Procedure {
    Update,
    Uninstall,
}

/// A procedure while it is being run.
pub(super) struct Run<'w, 'b, W> {
    pub(super) world: &'w mut W,
    pub(super) procedure: Procedure,
    pub(super) policy: Policy,
    /// The root manifest, then dependencies in the order in which they were met.
    pub(super) manifests: Vec<Loaded<'b>>,
    pub(super) components: Components<'b>,
    /// The manifests being run, from the root manifest to the innermost dependency.
    pub(super) contexts: Vec<Context>,
    pub(super) stack: Vec<Frame<'b>>,
    /// Integrity checks that still count: position of the dependent, slot of the dependency, digest.
    pub(super) checked: Vec<(usize, usize, Digest)>,
    /// Where process-dependency was run: position of the dependent, slot of the dependency, section.
    pub(super) processed: Vec<(usize, usize, u64)>,
    /// Whether the component set was checked since a manifest was added to it.
    pub(super) is_set_checked: bool,
    /// What the command being run has measured.
    pub(super) found: Vec<Parameter<'static>>,
    pub(super) records: Vec<Record<'static>>,
    commands: usize,
}

/// What became of one command.
pub(super) enum Outcome {
    Done,
    /// A condition does not hold; the phrase says what is wrong then.
    Failed(Cow<'static, str>),
    /// The command's work is on the stack.
    Entered,
}

impl Outcome {
    /// Of a condition.
    pub(super) fn of(holds: bool, otherwise: &'static str) -> Self {
        if holds { Self::Done } else { Self::Failed(otherwise.into()) }
    }
}

/// Why a command ends the procedure.
pub(super) enum Halt {
    /// It stopped itself.
    Stop(Stop),
    /// Something did at a place that is not that of the command being run any more, or not yet.
    Elsewhere(Failure),
}

impl<S: Into<Stop>> From<S> for Halt {
    fn from(stop: S) -> Self {
        Self::Stop(stop.into())
    }
}

impl<'w, 'b, W: World<'b>> Run<'w, 'b, W> {
    /// Nothing is set or known yet (REQ-SUIT-009).
    pub(super) fn new(world: &'w mut W, procedure: Procedure) -> Self {
        let policy = world.policy();
        Self {
            world,
            procedure,
            policy,
            manifests: Vec::new(),
            components: Components::new(procedure),
            contexts: Vec::new(),
            stack: Vec::new(),
            checked: Vec::new(),
            processed: Vec::new(),
            is_set_checked: false,
            found: Vec::new(),
            records: Vec::new(),
            commands: 0,
        }
    }

    /// Runs `section` of the root manifest, if it has one, to its end.
    pub(super) fn run(&mut self, section: u64) -> Result<(), Ended> {
        if self.manifests.first().is_some_and(|root| root.section(section).is_some()) {
            self.enter(0, Vec::new(), section).map_err(|stop| self.ended(stop.into()))?;
        }
        while self.advance().map_err(|halt| self.ended(halt))? {}
        Ok(())
    }

    /// Puts the shared sequence and `section` of a manifest on the stack (REQ-SUIT-015). A section that is not there
    /// counts as empty (REQ-SUIT-044).
    pub(super) fn enter(&mut self, manifest: usize, path: Vec<u64>, section: u64) -> Result<(), Stop> {
        let loaded = self.manifests.get(manifest).ok_or(Stop::INTERNAL)?;
        let sequences = [
            (loaded.section(section).unwrap_or(Sequence::EMPTY), Entered::Section),
            (loaded.manifest().shared, Entered::Shared),
        ];
        for (sequence, entered) in sequences {
            self.push(0, sequence, entered)?;
        }
        self.contexts.push(Context {
            manifest,
            path,
            section,
            is_shared: true,
            offset: 0,
            selection: Index::One(0),
            unordered: None,
        });
        Ok(())
    }

    /// Does one step; whether there is more to do.
    fn advance(&mut self) -> Result<bool, Halt> {
        match self.stack.last_mut() {
            None => return Ok(false),
            Some(Frame::Sequence(running)) => match running.instructions.next() {
                Some(command) => {
                    let command = command?;
                    let offset = running.base.saturating_add(command.offset as u64);
                    self.begin(command, offset)?;
                }
                None => self.leave()?,
            },
            Some(Frame::Each(each)) => match each.left.pop() {
                Some(index) => {
                    let (command, offset) = (each.command.clone(), each.offset);
                    let context = self.context_mut()?;
                    context.selection = Index::One(index);
                    context.offset = offset;
                    self.execute(&command, offset)?;
                }
                None => self.leave()?,
            },
        }
        Ok(true)
    }

    /// Runs `command`, once for each component if several are selected (REQ-SUIT-021, REQ-SUIT-022).
    fn begin(&mut self, command: Command<'b>, offset: u64) -> Result<(), Halt> {
        self.context_mut()?.offset = offset;
        let selection = self.context()?.selection.clone();
        let mut left = match (&selection, command.code) {
            (Index::One(_), _) | (_, command::SET_COMPONENT_INDEX) => {
                return self.execute(&command, offset);
            }
            (Index::Several(list), _) => list.clone(),
            (Index::All, command::PROCESS_DEPENDENCY) => self.manifest()?.dependency_indices().collect(),
            (Index::All, _) => self.manifest()?.indices().collect(),
        };
        left.reverse();
        self.stack.push(Frame::Each(Each { command, offset, left, selection }));
        Ok(())
    }

    /// Runs `command` for one component.
    fn execute(&mut self, command: &Command<'b>, offset: u64) -> Result<(), Halt> {
        self.commands = self.commands.saturating_add(1);
        if self.commands > MAX_COMMANDS {
            return Err(Stop::fail(Reason::OperationFailed, "more than 1024 commands were run").into());
        }
        self.found.clear();
        let policy = match command.argument {
            Argument::Policy(policy) => policy,
            _ => 0,
        };
        match self.step(command, offset)? {
            Outcome::Entered => Ok(()),
            Outcome::Done => {
                self.note_success(policy);
                Ok(())
            }
            Outcome::Failed(text) => {
                // Where it stands is forgotten when its sequence ends.
                let failure = self.failure(Reason::ConditionFailed, text);
                if self.is_soft() {
                    self.note_failure(policy);
                }
                if self.recover()? { Ok(()) } else { Err(Halt::Elsewhere(failure)) }
            }
        }
    }

    fn step(&mut self, command: &Command<'b>, offset: u64) -> Result<Outcome, Halt> {
        match (command.code, &command.argument) {
            (command::SET_COMPONENT_INDEX, Argument::Index(index)) => {
                self.context_mut()?.selection = index.clone();
            }
            (command::OVERRIDE_PARAMETERS, Argument::Parameters(parameters)) => {
                self.set_parameters(*parameters, true)?;
            }
            (command::SET_PARAMETERS, Argument::Parameters(parameters)) => {
                self.set_parameters(*parameters, false)?;
            }
            (command::TRY_EACH, _) => {
                let mut left = command.nested(offset);
                left.reverse();
                let selection = self.context()?.selection.clone();
                return Ok(self.try_next(Alternatives { left, selection })?);
            }
            (command::RUN_SEQUENCE, Argument::Sequence(inner)) => {
                self.check_run_sequence(*inner)?;
                for (base, inner) in command.nested(offset) {
                    self.push(base, inner.unwrap_or(Sequence::EMPTY), Entered::RunSequence)?;
                }
                return Ok(Outcome::Entered);
            }
            (command::DEPENDENCY_INTEGRITY, _) => self.dependency_integrity()?,
            (command::PROCESS_DEPENDENCY, _) => return self.process_dependency(),
            (command::UNLINK, _) => return self.unlink(),
            (command::WRITE, _) => self.write()?,
            (command::FETCH, _) => self.fetch()?,
            (command::COPY, _) => self.copy()?,
            (command::SWAP, _) => self.swap()?,
            (code, _) => return Ok(self.condition(code)?),
        }
        Ok(Outcome::Done)
    }

    /// Goes into the next alternative of a try-each. The condition has failed if there is none.
    fn try_next(&mut self, mut alternatives: Alternatives<'b>) -> Result<Outcome, Stop> {
        let Some((base, alternative)) = alternatives.left.pop() else {
            return Ok(Outcome::Failed("no alternative of a try-each succeeded".into()));
        };
        let Some(sequence) = alternative else { return Ok(Outcome::Done) };
        self.context_mut()?.selection = alternatives.selection.clone();
        self.push(base, sequence, Entered::TryEach(alternatives))?;
        Ok(Outcome::Entered)
    }

    /// Puts `sequence` on the stack, with the soft-failure it starts with (REQ-SUIT-020).
    fn push(&mut self, base: u64, sequence: Sequence<'b>, entered: Entered<'b>) -> Result<(), Stop> {
        let soft_failure = matches!(entered, Entered::TryEach(_));
        let instructions = sequence.instructions()?;
        self.stack.push(Frame::Sequence(Running { instructions, base, entered, soft_failure }));
        Ok(())
    }

    /// Takes what is complete off the stack.
    fn leave(&mut self) -> Result<(), Stop> {
        self.found.clear();
        match self.stack.pop() {
            Some(Frame::Each(each)) => self.context_mut()?.selection = each.selection,
            Some(Frame::Sequence(Running { entered: Entered::Shared, .. })) => {
                let context = self.context_mut()?;
                context.is_shared = false;
                context.selection = Index::One(0);
                context.unordered = None;
            }
            Some(Frame::Sequence(Running { entered: Entered::Section, .. })) => {
                self.check_processed()?;
                self.contexts.pop();
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the sequence being run may end without ending the procedure.
    fn is_soft(&mut self) -> bool {
        self.sequence().is_ok_and(|sequence| sequence.soft_failure)
    }

    /// After a failed condition: ends the sequence it stands in, and goes on where that allows it.
    fn recover(&mut self) -> Result<bool, Stop> {
        while let Some(frame) = self.stack.pop() {
            match frame {
                Frame::Each(each) => self.context_mut()?.selection = each.selection,
                Frame::Sequence(Running { soft_failure: true, entered: Entered::RunSequence, .. }) => {
                    return Ok(true);
                }
                Frame::Sequence(Running {
                    soft_failure: true,
                    entered: Entered::TryEach(alternatives),
                    ..
                }) => return Ok(!matches!(self.try_next(alternatives)?, Outcome::Failed(_))),
                Frame::Sequence(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Commands are always run in order, which is correct for either value; what must not stand in a sequence without
    /// order is noticed (REQ-SUIT-097).
    pub(super) fn set_strict_order(&mut self, strict: bool) -> Result<(), Stop> {
        let unordered = &mut self.context_mut()?.unordered;
        if strict {
            *unordered = None;
        } else if unordered.is_none() {
            *unordered = Some(Unordered::default());
        }
        Ok(())
    }

    /// Without strict-order, the commands of a run-sequence belong to one component, which it selects itself.
    fn check_run_sequence(&self, inner: Sequence<'b>) -> Result<(), Stop> {
        let is_each = matches!(self.stack.last(), Some(Frame::Each(_)));
        if self.context()?.unordered.is_none() || is_each {
            return Ok(());
        }
        let mut selections = 0usize;
        inner.visit(|command| {
            selections = selections.saturating_add((command.code == command::SET_COMPONENT_INDEX).into());
            Ok(())
        })?;
        let first = inner.instructions()?.next().transpose()?;
        if selections == 1 && first.is_some_and(|first| first.code == command::SET_COMPONENT_INDEX) {
            return Ok(());
        }
        let text = "a run-sequence without strict-order that does not select one component, and that first";
        Err(Stop::fail(Reason::OperationFailed, text))
    }

    /// Notes that a command reads `source` and writes `target`.
    pub(super) fn used(&mut self, source: Option<usize>, target: usize) -> Result<(), Stop> {
        let Some(unordered) = &mut self.context_mut()?.unordered else { return Ok(()) };
        unordered.sources.extend(source);
        unordered.targets.push(target);
        if unordered.sources.iter().any(|source| unordered.targets.contains(source)) {
            let text = "a component that is both source and target while strict-order is false";
            return Err(Stop::fail(Reason::OperationFailed, text));
        }
        Ok(())
    }

    pub(super) fn context(&self) -> Result<&Context, Stop> {
        self.contexts.last().ok_or(Stop::INTERNAL)
    }

    fn context_mut(&mut self) -> Result<&mut Context, Stop> {
        self.contexts.last_mut().ok_or(Stop::INTERNAL)
    }

    /// The manifest being run.
    pub(super) fn manifest(&self) -> Result<&Loaded<'b>, Stop> {
        self.manifests.get(self.context()?.manifest).ok_or(Stop::INTERNAL)
    }

    /// The sequence being run.
    pub(super) fn sequence(&mut self) -> Result<&mut Running<'b>, Stop> {
        let sequence = self.stack.iter_mut().rev().find_map(|frame| match frame {
            Frame::Sequence(running) => Some(running),
            Frame::Each(_) => None,
        });
        sequence.ok_or(Stop::INTERNAL)
    }

    /// The slot behind a component index of the manifest being run.
    pub(super) fn slot_of(&self, index: u64) -> Result<usize, Stop> {
        let slot = self.manifest()?.slot(index);
        slot.ok_or(Stop::fail(Reason::ComponentUnsupported, super::support::INDEX))
    }

    /// The current component: its index and its slot.
    pub(super) fn current(&self) -> Result<(u64, usize), Stop> {
        let Index::One(index) = self.context()?.selection else { return Err(Stop::INTERNAL) };
        Ok((index, self.slot_of(index)?))
    }
}
