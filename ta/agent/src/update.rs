// SPDX-License-Identifier: Apache-2.0
//! An Update, over as many calls as its payloads from the network need.

use crate::agent::{Agent, Failed};
use crate::config::{Config, TamAnchor};
use crate::conversation::Answer;
use crate::env::{Env, EnvError};
use crate::install::{self, Done, Halted};
use crate::limits::WORKING_MEMORY;
use crate::processor::Failure;
use crate::report::{self, Protector, Reports};
use crate::session::Session;
use crate::staging::{Effects, FetchError};
use crate::store::{Hash, State, UpdateRecord, hash, objects};
use crate::transaction::Refusal;
use crate::uninstall;
use crate::world::{Arena, Device};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::limits::MAX_LIST;
use teep_proto::suit::{ComponentId, Digest, Envelope, Report, ReportEntry, SystemPropertyClaims};
use teep_proto::teec::{FetchData, Outcome, Reply, clip};
use teep_proto::teep::{ErrCode, ErrorMessage, Message, Success, Update, diagnostic_text};

/// An Update that waits for a payload.
#[derive(Debug)]
pub(crate) struct Work {
    /// The TAM's message.
    message: Vec<u8>,
    pub(crate) progress: Progress,
}

/// How far an Update is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// It was found to be no repeat.
    begun: bool,
    /// Entries of its lists that were carried out.
    done: usize,
    installed: usize,
    removed: usize,
    /// Sessions that still run code that was replaced or removed.
    sessions: u32,
    reports: Reports,
    /// Of the entry under way.
    pub(crate) effects: Effects,
}

/// An Update, and whose.
pub(crate) struct Order<'b> {
    pub(crate) tam: &'b TamAnchor,
    pub(crate) update: &'b Update<'b>,
    /// Hash of the TAM's key and of the payload that it signed.
    pub(crate) payload: Hash,
}

impl<E: Env> Agent<E> {
    /// Validates a TAM's message and answers it, or asks for a payload first.
    pub(crate) fn process_teep_message(
        &mut self,
        session: &mut Session,
        bytes: &[u8],
    ) -> Result<Reply, Failed> {
        self.drop_work(session);
        let mut progress = Progress::default();
        match self.answer(session, bytes, &mut progress)? {
            Some(reply) => Ok(reply),
            None => match copy(bytes) {
                Ok(message) => self.wait(session, Work { message, progress }),
                Err(error) => {
                    progress.effects.give_up(FetchError::Env(error));
                    let reply = self.answer(session, bytes, &mut progress);
                    if let Some(state) = &self.state {
                        progress.effects.discard(&mut self.env, state);
                    }
                    reply?.ok_or_else(|| format!("{error}"))
                }
            },
        }
    }

    /// More of the payload that the Update of this session waits for.
    pub(crate) fn fetch_data(&mut self, session: &mut Session, request: &[u8]) -> Result<Reply, Failed> {
        let data =
            FetchData::decode(request).map_err(|error| format!("the data is not understood: {error}"))?;
        let mut work = session.work.take().ok_or("nothing is being fetched")?;
        if work.progress.effects.receive(&mut self.env, &data) {
            self.go_on(session, *work)
        } else {
            self.wait(session, *work)
        }
    }

    /// The payload that the Update of this session waits for cannot be had.
    pub(crate) fn fetch_failed(&mut self, session: &mut Session, request: &[u8]) -> Result<Reply, Failed> {
        let mut work = session.work.take().ok_or("nothing is being fetched")?;
        // Whatever the Broker says goes no further than into texts for people.
        let words = core::str::from_utf8(request).unwrap_or("no reason is given");
        let words: String = clip(words).chars().filter(|character| !character.is_control()).collect();
        self.env.log(format_args!("the Broker cannot fetch the payload: {words}"));
        work.progress.effects.give_up(FetchError::Unavailable(words));
        self.go_on(session, *work)
    }

    /// Runs the Update again that waited for a payload.
    fn go_on(&mut self, session: &mut Session, mut work: Work) -> Result<Reply, Failed> {
        let reply = match self.answer(session, &work.message, &mut work.progress) {
            Ok(None) => return self.wait(session, work),
            Ok(Some(reply)) => Ok(reply),
            Err(reason) => Err(reason),
        };
        // Whatever the answer is, nothing of what was fetched for it stays behind.
        session.work = Some(Box::new(work));
        self.drop_work(session);
        reply
    }

    /// Asks the Broker for the payload that `work` needs.
    fn wait(&mut self, session: &mut Session, work: Work) -> Result<Reply, Failed> {
        let (uri, offset) = work.progress.effects.fetching().ok_or("nothing is being fetched")?;
        let reply = Reply::Fetch { uri: uri.to_owned(), offset };
        session.work = Some(Box::new(work));
        Ok(reply)
    }

    /// Carries out an Update: unlinks, then installs in order, and stops at the first failure (REQ-TEEP-080 to 083,
    /// AMB-20). `None` while it waits for a payload.
    pub(crate) fn answer_update(
        &mut self,
        session: &Session,
        order: &Order<'_>,
        progress: &mut Progress,
    ) -> Result<Option<Answer>, Failed> {
        let Order { tam, update, payload } = order;
        let entries = update.unneeded_manifest_list.len().saturating_add(update.manifest_list.len());
        if let (Some(code), 0) = (update.err_code, entries) {
            return receipt(order, code).map(Some);
        }
        if entries > MAX_LIST {
            let text = "more than 32 manifests in one Update, those to be unlinked included";
            let error = ErrorMessage::new(update.token, ErrCode::PERMANENT_ERROR, Some(text));
            return Answer::error(tam.dialect, error, text).map(Some);
        }
        let failed = |error| format!("SUIT Reports cannot be protected: {error}");
        let protector = Protector::new(&mut self.env, session.protection, tam).map_err(failed)?;
        let state = self.state()?;
        if let Some(answer) = repeated(order, state, progress.begun)? {
            return Ok(Some(answer));
        }
        progress.begun = true;
        let mut refusal = self.refuse_for_now();
        let Self { env, config, state: Some(state), .. } = self else {
            return Err("the Agent's state is not there".to_owned());
        };
        while refusal.is_none() && progress.done < entries {
            let root = hash(tam.uri.as_bytes());
            let complete = progress.done.saturating_add(1) == entries;
            let record = UpdateRecord { tam: root, payload: *payload, complete };
            let entry = Entry { token: update.token, protector: &protector, record };
            let unneeded = update.unneeded_manifest_list.get(progress.done);
            let position = progress.done.saturating_sub(update.unneeded_manifest_list.len());
            let envelope = update.manifest_list.get(position).copied();
            let carried_out = match (unneeded, envelope) {
                (Some(id), _) => entry.unlink(env, config, state, progress, id),
                (None, Some(envelope)) => entry.install(env, config, state, progress, envelope),
                (None, None) => Ok(()),
            };
            match carried_out {
                Ok(()) => progress.done = progress.done.saturating_add(1),
                Err(Halted::Suspended) => return Ok(None),
                Err(Halted::Refused(refused)) => refusal = Some(refused),
            }
            if let Some(Refusal::Unknown(_)) = refusal {
                // What it refers to, if it is the new one, must not be deleted now.
                progress.effects = Effects::default();
                self.forget_state();
                break;
            }
            progress.effects.discard(env, state);
        }
        if let Some(refusal) = &refusal {
            self.env.log(format_args!("update refused: {refusal}"));
        }
        progress.answer(order, refusal.as_ref()).map(Some)
    }

    /// Why no Update can be carried out just now.
    fn refuse_for_now(&mut self) -> Option<Refusal> {
        if let Err(error) = objects::memory(WORKING_MEMORY) {
            return Some(error.into());
        }
        let unfinished = self.state.as_ref().is_some_and(|state| state.journal.is_some());
        unfinished.then_some(Refusal::Unfinished)
    }
}

/// An entry of one of the lists of an Update.
struct Entry<'e> {
    token: Option<&'e [u8]>,
    protector: &'e Protector,
    /// What is remembered when it is carried out.
    record: UpdateRecord,
}

impl Entry<'_> {
    fn install<E: Env>(
        &self,
        env: &mut E,
        config: &Config,
        state: &mut State,
        progress: &mut Progress,
        envelope: &[u8],
    ) -> Result<(), Halted> {
        let arena = Arena::new();
        let envelope = Envelope::decode(envelope).map_err(Failure::from)?;
        let mut report = Report::new("", envelope.claimed_digest(), self.token);
        let outcome = match envelope.verify(config.signers.iter().map(|signer| &signer.key)) {
            Err(error) => Err(Failure::from(error).into()),
            Ok(verified) => {
                report.reference_uri = verified.get().reference_uri.unwrap_or_default();
                let device = Device::new(env, config, state, &mut progress.effects, &arena);
                install::install(device, &envelope, &verified, self.record.tam, self.record)
            }
        };
        progress.installed = progress.installed.saturating_add(outcome.is_ok().into());
        let removed = outcome.as_ref().map_or(0, |done| done.uninstalled.len());
        progress.removed = progress.removed.saturating_add(removed);
        self.report(env, progress, report, outcome)
    }

    fn unlink<E: Env>(
        &self,
        env: &mut E,
        config: &Config,
        state: &mut State,
        progress: &mut Progress,
        id: &ComponentId<'_>,
    ) -> Result<(), Halted> {
        let arena = Arena::new();
        let stored = state.manifest(id.as_bytes()).map(|manifest| (manifest.object, manifest.digest));
        let reference = stored.map(|(object, digest)| {
            let envelope = arena.open(env, object).ok();
            envelope.and_then(reference).unwrap_or(("", digest))
        });
        let before = state.manifests.len();
        let device = Device::new(env, config, state, &mut progress.effects, &arena);
        let outcome = uninstall::unlink(device, id, self.record.tam, self.record);
        // One that something still needs stays, and is counted when it goes.
        progress.removed = progress.removed.saturating_add(before.saturating_sub(state.manifests.len()));
        let Some((uri, digest)) = reference else { return outcome.map(drop) };
        let report = Report::new(uri, digest, self.token);
        // If it goes with this it is among those that are gone.
        let outcome = outcome.map(|mut done| {
            done.uninstalled.retain(|gone| gone.id != *id);
            done
        });
        self.report(env, progress, report, outcome)
    }

    /// Reports on the manifest of this entry, and on those that are gone with it.
    fn report<'r, E: Env>(
        &self,
        env: &mut E,
        progress: &mut Progress,
        mut report: Report<'r>,
        outcome: Result<Done<'r>, Halted>,
    ) -> Result<(), Halted> {
        let done = match outcome {
            Ok(done) => done,
            Err(Halted::Suspended) => return Err(Halted::Suspended),
            Err(Halted::Refused(refusal)) => {
                report.result = report::result(&refusal);
                if let Refusal::Manifest(failure) = &refusal {
                    report.records = report::entries(&failure.records);
                    report.capabilities = report::capabilities_for(failure.reason);
                }
                progress.reports.add(env, self.protector, report)?;
                return Err(Halted::Refused(refusal));
            }
        };
        report.records = report::entries(&done.records);
        report.records.extend(
            done.components
                .iter()
                .map(|(id, digest)| ReportEntry::Properties(SystemPropertyClaims::new(*id, Some(*digest)))),
        );
        progress.sessions = progress.sessions.saturating_add(done.sessions);
        progress.reports.add(env, self.protector, report)?;
        for gone in &done.uninstalled {
            let Some((uri, digest)) = reference(gone.envelope) else { continue };
            progress.reports.add(env, self.protector, Report::new(uri, digest, self.token))?;
        }
        Ok(())
    }
}

/// What a report calls the manifest in `envelope`, which was verified when it was installed (REQ-SUIT-081).
fn reference(envelope: &[u8]) -> Option<(&str, Digest)> {
    let envelope = Envelope::decode(envelope).ok()?;
    let uri = envelope.inspect().ok()?.reference_uri.unwrap_or_default();
    Some((uri, envelope.claimed_digest()))
}

impl Progress {
    fn answer(&self, order: &Order<'_>, refusal: Option<&Refusal>) -> Result<Answer, Failed> {
        let suit_reports = self.reports.list();
        let Order { tam, update, .. } = order;
        let Some(refusal) = refusal else {
            let text = self.sentence();
            let success = Success { token: update.token, msg: None, suit_reports };
            return Answer::new(tam.dialect, &Message::Success(success), Outcome { err_code: 0, text });
        };
        let code = match refusal {
            Refusal::Temporary(_) | Refusal::Full(_) | Refusal::Unfinished | Refusal::Unknown(_) => {
                ErrCode::TEMPORARY_ERROR
            }
            Refusal::Manifest(_) => ErrCode::MANIFEST_PROCESSING_FAILED,
        };
        let text = format!("{refusal}");
        let err_msg = diagnostic_text(&text);
        let error =
            ErrorMessage { suit_reports, ..ErrorMessage::new(update.token, code, err_msg.as_deref()) };
        Answer::error(tam.dialect, error, &text)
    }

    /// What was done, for the person at the Broker.
    fn sentence(&self) -> String {
        let manifests = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 manifest {what}")),
            count => Some(format!("{count} manifests {what}")),
        };
        let running = match self.sessions {
            0 => None,
            1 => Some("1 session still runs the code from before until it ends".to_owned()),
            n => Some(format!("{n} sessions still run the code from before until they end")),
        };
        let parts = [manifests(self.installed, "installed"), manifests(self.removed, "removed"), running];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "nothing to install".to_owned() } else { parts.join("; ") }
    }
}

/// The answer to an Update that was carried out before (AMB-18, REQ-TEEP-095): the same, if it was carried out
/// completely; nothing is changed. One that stopped on the way goes on as long as no other Update came in between.
fn repeated(order: &Order<'_>, state: &State, begun: bool) -> Result<Option<Answer>, Failed> {
    let Order { tam, update, payload } = order;
    let text = match state.update(payload) {
        Some((record, _)) if record.complete => {
            let text = "nothing changed: this Update was carried out before".to_owned();
            let success = Success { token: update.token, ..Success::default() };
            let outcome = Outcome { err_code: 0, text };
            return Answer::new(tam.dialect, &Message::Success(success), outcome).map(Some);
        }
        Some((_, is_latest)) if !is_latest && !begun => {
            "nothing changed: this Update failed before, and others were carried out since"
        }
        _ => return Ok(None),
    };
    let error = ErrorMessage::new(update.token, ErrCode::MANIFEST_PROCESSING_FAILED, Some(text));
    Answer::error(tam.dialect, error, text).map(Some)
}

/// An Update that reports an error of ours: received, nothing done (AMB-08).
fn receipt(order: &Order<'_>, code: ErrCode) -> Result<Answer, Failed> {
    let success = Success { token: order.update.token, ..Success::default() };
    let text = format!("the TAM reports {code}: {}", order.update.err_msg.unwrap_or("no explanation"));
    let outcome = Outcome { err_code: code.number(), text };
    Answer::new(order.tam.dialect, &Message::Success(success), outcome)
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>, EnvError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| EnvError::OUT_OF_MEMORY)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}
