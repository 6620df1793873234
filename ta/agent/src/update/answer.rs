// SPDX-License-Identifier: Apache-2.0
//! What is answered to an Update.

use super::{Order, Progress};
use crate::agent::Failed;
use crate::conversation::Answer;
use crate::store::State;
use crate::transaction::Refusal;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::teec::Outcome;
use teep_proto::teep::{ErrCode, ErrorMessage, Message, Success, Update, diagnostic_text};

impl Progress {
    /// Success, or the Error for `refusal`, with the reports.
    pub(super) fn answer(&self, order: &Order<'_>, refusal: Option<&Refusal>) -> Result<Answer, Failed> {
        let suit_reports = self.reports.list();
        let Order { tam, update, .. } = order;
        let Some(refusal) = refusal else {
            let text = self.sentence();
            let success = Success { token: update.token, msg: None, suit_reports };
            return Answer::new(tam.dialect, &Message::Success(success), Outcome { err_code: 0, text });
        };
        let code = match refusal {
            Refusal::Temporary(_)
            | Refusal::Full(_)
            | Refusal::Unfinished
            | Refusal::TooOften(_)
            | Refusal::Unknown(..) => ErrCode::TEMPORARY_ERROR,
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
        let sessions = self.running.iter().fold(0u32, |sum, one| sum.saturating_add(one.sessions));
        let running = match sessions {
            0 => None,
            1 => Some("1 session still runs the code from before until it ends".to_owned()),
            n => Some(format!("{n} sessions still run the code from before until they end")),
        };
        let passport = self.passport.then(|| "an Attestation Result kept".to_owned());
        let parts =
            [manifests(self.installed, "installed"), manifests(self.removed, "removed"), passport, running];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "nothing to install".to_owned() } else { parts.join("; ") }
    }
}

/// The answer to an Update that was carried out before (AMB-18, REQ-TEEP-095): the same, if it was carried out
/// completely; nothing is changed. One that stopped on the way goes on as long as no other Update came in between.
pub(super) fn repeated(order: &Order<'_>, state: &State, begun: bool) -> Result<Option<Answer>, Failed> {
    let Order { tam, update, payload, .. } = order;
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

/// An Update that reports an error of ours: received, nothing done (AMB-08). In which language the TAM explains it is told
/// with the explanation (REQ-TEEP-015).
pub(super) fn receipt(order: &Order<'_>, code: ErrCode) -> Result<Answer, Failed> {
    let Update { token, err_msg, err_lang, .. } = *order.update;
    let success = Success { token, ..Success::default() };
    let text = match (err_msg, err_lang) {
        (None, _) => format!("the TAM reports {code}: no explanation"),
        (Some(words), None) => format!("the TAM reports {code}: {words}"),
        (Some(words), Some(language)) => format!("the TAM reports {code}, in language {language}: {words}"),
    };
    let outcome = Outcome { err_code: code.number(), text };
    Answer::new(order.tam.dialect, &Message::Success(success), outcome)
}
