// SPDX-License-Identifier: Apache-2.0
//! An Update, over as many calls as its payloads from the network need.

mod answer;

use crate::agent::{Agent, Failed};
use crate::config::{Config, TamAnchor, TrustStore};
use crate::conversation::{Answer, verify};
use crate::env::{Env, EnvError, accepted_now};
use crate::install::{self, Done, Halted};
use crate::limits::{INDEX_COPIES, WORKING_MEMORY};
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
use alloc::sync::Arc;
use alloc::vec::Vec;
use answer::{receipt, repeated};
use teep_proto::limits::MAX_LIST;
use teep_proto::suit::{ComponentId, Digest, Envelope, Reason, Report, ReportEntry, SystemPropertyClaims};
use teep_proto::teec::{FetchData, Reply, StillRunning, clip};
use teep_proto::teep::{ErrCode, ErrorMessage, Update, diagnostic_text};

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
    /// It was found to be no repeat, and within the quota.
    begun: bool,
    /// It counts for the quota: it has written something.
    counted: bool,
    /// The Agent has its Attestation Result.
    passport: bool,
    /// Entries of its lists that were carried out.
    done: usize,
    installed: usize,
    removed: usize,
    /// Trusted Applications of which sessions still run code that was replaced or removed.
    running: Vec<StillRunning>,
    reports: Reports,
    /// Of the entry under way.
    pub(crate) effects: Effects,
}

/// Seconds.
const HOUR: u64 = 3600;

/// How many Updates may write something in an [`HOUR`], whoever sends them; 0: any number.
#[derive(Clone, Copy)]
struct Quota {
    limit: u64,
    /// [`Env::uptime`].
    now: u64,
}

/// An Update, and whose.
pub(crate) struct Order<'b> {
    pub(crate) tam: &'b TamAnchor,
    pub(crate) update: &'b Update<'b>,
    /// Hash of the TAM's key and of the payload that it signed.
    pub(crate) payload: Hash,
    /// With the TAM's signatures.
    pub(crate) message: &'b [u8],
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
        let reply = match self.answer(session, bytes, &mut progress) {
            Ok(None) => match copy(bytes) {
                Ok(message) => return self.wait(session, Work { message, progress }),
                Err(error) => {
                    progress.effects.give_up(FetchError::Env(error));
                    let reply = self.answer(session, bytes, &mut progress);
                    reply.and_then(|reply| reply.ok_or_else(|| format!("{error}")))
                }
            },
            Ok(Some(reply)) => Ok(reply),
            Err(reason) => Err(reason),
        };
        // Whatever the answer is, nothing of what was staged for it stays behind.
        self.discard(&mut progress.effects);
        reply
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
        self.discard(&mut work.progress.effects);
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
        let Order { tam, update, payload, .. } = order;
        let entries = update.unneeded_manifest_list.len().saturating_add(update.manifest_list.len());
        if let (Some(code), 0) = (update.err_code, entries) {
            return receipt(order, code).map(Some);
        }
        if entries > MAX_LIST {
            let text = "more than 32 manifests in one Update, those to be unlinked included";
            let trust = self.trust()?;
            self.count_error(&trust, &text)?;
            let error = ErrorMessage::new(update.token, ErrCode::PERMANENT_ERROR, Some(text));
            return Answer::error(tam.dialect, error, text).map(Some);
        }
        let failed = |error| format!("SUIT Reports cannot be protected: {error}");
        let protector =
            Protector::new(&mut self.env, self.config.suite, session.protection, tam).map_err(failed)?;
        let mut trust = self.trust()?;
        let state = self.state()?;
        if let Some(answer) = repeated(order, state, progress.begun)? {
            return Ok(Some(answer));
        }
        let mut passport = None;
        if let (false, Some(attestation)) = (progress.begun, &update.attestation) {
            match self.check_passport(attestation)? {
                Ok(is_to_be_kept) => passport = is_to_be_kept.then_some(attestation),
                Err(text) => {
                    let err_msg = diagnostic_text(&text);
                    let error = ErrorMessage::new(update.token, ErrCode::PERMANENT_ERROR, err_msg.as_deref());
                    return Answer::error(tam.dialect, error, &text).map(Some);
                }
            }
        }
        let quota = Quota { limit: trust.policy.updates_per_hour.into(), now: self.env.uptime() };
        let mut refusal = self.refuse_for_now(progress, quota);
        if let (None, Some(passport)) = (&refusal, passport) {
            match self.keep_passport(passport) {
                Ok(is_new) => {
                    progress.passport = true;
                    if is_new {
                        progress.counted = true;
                        self.updates.count(quota.limit, HOUR, quota.now);
                    }
                }
                Err(refused) => refusal = Some(refused),
            }
        }
        progress.begun |= refusal.is_none();
        while refusal.is_none() && progress.done < entries {
            trust = match self.still_trusted(session, order, trust) {
                Ok(trust) => trust,
                Err(refused) => {
                    refusal = Some(refused);
                    break;
                }
            };
            let Self { env, config, state: Some(state), updates, running, .. } = self else {
                return Err("the Agent's state is not there".to_owned());
            };
            let root = hash(tam.uri.as_bytes());
            let complete = progress.done.saturating_add(1) == entries;
            let record = UpdateRecord::new(root, *payload, complete);
            let entry = Entry { token: update.token, protector: &protector, record, config, trust: &trust };
            let unneeded = update.unneeded_manifest_list.get(progress.done);
            let position = progress.done.saturating_sub(update.unneeded_manifest_list.len());
            let envelope = update.manifest_list.get(position).copied();
            let known = progress.running.len();
            let carried_out = match (unneeded, envelope) {
                (Some(id), _) => entry.unlink(env, state, progress, id),
                (None, Some(envelope)) => entry.install(env, state, progress, envelope),
                (None, None) => Ok(()),
            };
            if !progress.counted && (carried_out.is_ok() || !progress.effects.is_empty()) {
                progress.counted = true;
                updates.count(quota.limit, HOUR, quota.now);
            }
            running.replaced(progress.running.get(known..).unwrap_or_default());
            match carried_out {
                Ok(()) => progress.done = progress.done.saturating_add(1),
                Err(Halted::Suspended) => return Ok(None),
                Err(Halted::Refused(refused)) => refusal = Some(refused),
            }
            if let Some(Refusal::Unknown(_, next)) = &mut refusal {
                // What it refers to, if it is the new one, must not be deleted now.
                let next = core::mem::take(&mut **next);
                self.forget_state(next, core::mem::take(&mut progress.effects).into_objects());
                break;
            }
            progress.effects.discard(env, state);
        }
        if let Some(refusal) = &refusal {
            self.env.log(format_args!("update refused: {refusal}"));
        }
        progress.answer(order, refusal.as_ref()).map(Some)
    }

    /// The trust store that counts for the next entry. Where it is not the one `before`, because an entry has changed it,
    /// the TAM must be trusted by it too for the rest of the Update.
    fn still_trusted(
        &mut self,
        session: &Session,
        order: &Order<'_>,
        before: Arc<TrustStore>,
    ) -> Result<Arc<TrustStore>, Refusal> {
        let trust = self.effective_trust()?;
        if Arc::ptr_eq(&trust, &before) {
            return Ok(trust);
        }
        let accept = accepted_now(&mut self.env);
        let is_obeyed =
            trust.tam(&order.tam.uri).is_some_and(|tam| match verify(&trust, tam, order.message, accept) {
                Ok((message, _)) => {
                    let key = message.key();
                    matches!(Self::unattested_update(&trust, tam, session, order.update, key), Ok(None))
                }
                Err(_) => false,
            });
        if is_obeyed {
            return Ok(trust);
        }
        let text = "the new trust store does not trust this TAM: the rest of the Update is not carried out";
        Err(Failure::early(Reason::Unauthenticated, text).into())
    }

    /// Why the Update of which `progress` was made cannot be carried out just now.
    fn refuse_for_now(&self, progress: &Progress, quota: Quota) -> Option<Refusal> {
        let index = self.state.as_ref().map_or(0, State::weight);
        if let Err(error) = objects::memory(WORKING_MEMORY.saturating_add(index.saturating_mul(INDEX_COPIES)))
        {
            return Some(error.into());
        }
        if self.state.as_ref().is_some_and(|state| state.journal.is_some()) {
            return Some(Refusal::Unfinished);
        }
        if progress.begun || quota.limit == 0 {
            return None;
        }
        self.updates.check(quota.limit, HOUR, quota.now).err().map(Refusal::TooOften)
    }
}

/// An entry of one of the lists of an Update.
struct Entry<'e> {
    token: Option<&'e [u8]>,
    protector: &'e Protector,
    /// What is remembered when it is carried out.
    record: UpdateRecord,
    config: &'e Config,
    trust: &'e TrustStore,
}

impl Entry<'_> {
    fn install<E: Env>(
        &self,
        env: &mut E,
        state: &mut State,
        progress: &mut Progress,
        envelope: &[u8],
    ) -> Result<(), Halted> {
        let arena = Arena::new();
        let envelope = Envelope::decode(envelope).map_err(Failure::from)?;
        let mut report = Report::new("", envelope.claimed_digest(), self.token);
        let signers = self.trust.signers.iter().map(|signer| &signer.key);
        let outcome = match envelope.verify_with(signers, accepted_now(env)) {
            Err(error) => Err(Failure::from(error).into()),
            Ok(verified) => {
                report.reference_uri = verified.get().reference_uri.unwrap_or_default();
                let device = Device::new(env, self.config, self.trust, state, &mut progress.effects, &arena);
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
        let device = Device::new(env, self.config, self.trust, state, &mut progress.effects, &arena);
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
        progress.running.extend(done.running);
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

fn copy(bytes: &[u8]) -> Result<Vec<u8>, EnvError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| EnvError::OUT_OF_MEMORY)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}
