// SPDX-License-Identifier: Apache-2.0
//! What the Agent remembers of its TAMs since it started: bounded by their number, and stored nowhere. After a restart
//! every TAM is one that was never contacted.

use crate::config::TamAnchor;
use crate::limits::{AVOIDED, MAX_REMEMBERED_REQUEST};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use teep_proto::teec::Course;
use teep_proto::teep::QueryRequest;

/// The TAMs that were contacted.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    list: Vec<Contact>,
}

/// What is known of one TAM.
#[derive(Debug)]
pub(crate) struct Contact {
    uri: String,
    /// [`Env::uptime`](crate::Env::uptime) when the last conversation with it began.
    pub(crate) at: u64,
    /// How far that came.
    pub(crate) course: Course,
    /// Its last QueryRequest, as it was signed, if it had neither token nor challenge and was answered, and the Broker has
    /// not failed to reach the TAM since: what answers it may be sent again without being asked for (draft
    /// section 7.2).
    pub(crate) asked: Option<Arc<[u8]>>,
}

impl Contacts {
    /// What is known of the TAM at `uri`; `None` when it was not contacted.
    pub(crate) fn get(&self, uri: &str) -> Option<&Contact> {
        self.list.iter().find(|contact| contact.uri == uri)
    }

    /// A conversation with the TAM at `uri` begins. What is known of others that are not among `tams` any more is
    /// forgotten.
    pub(crate) fn begin(&mut self, tams: &[TamAnchor], uri: &str, now: u64) {
        self.list.retain(|contact| tams.iter().any(|tam| tam.uri == contact.uri));
        match self.get_mut(uri) {
            Some(contact) => (contact.at, contact.course) = (now, Course::Begun),
            None => {
                let uri = uri.to_owned();
                self.list.push(Contact { uri, at: now, course: Course::Begun, asked: None });
            }
        }
    }

    /// The TAM at `uri` is to be asked for changes: it was not in the last `interval` seconds, as far as they have
    /// passed, or the Broker did not reach it.
    pub(crate) fn is_due(&self, uri: &str, interval: u64, now: u64) -> bool {
        self.get(uri).is_none_or(|contact| {
            contact.course == Course::Failed || now.saturating_sub(contact.at) >= interval
        })
    }

    /// The TAM at `uri` has sent another QueryRequest, which is not answered yet.
    pub(crate) fn forget_request(&mut self, uri: &str) {
        if let Some(contact) = self.get_mut(uri) {
            contact.asked = None;
        }
    }

    /// The `request` of the TAM at `uri`, which is in `bytes`, was answered with a QueryResponse.
    pub(crate) fn answered(&mut self, uri: &str, request: &QueryRequest<'_>, bytes: &[u8]) {
        if let Some(contact) = self.get_mut(uri) {
            contact.course = Course::Answered;
            let may_be_remembered = request.token.is_none()
                && request.challenge.is_none()
                && bytes.len() <= MAX_REMEMBERED_REQUEST;
            contact.asked = may_be_remembered.then(|| bytes.into());
        }
    }

    /// The conversation with the TAM at `uri` came to this err-code; 0 for Success.
    pub(crate) fn ended(&mut self, uri: &str, err_code: u64) {
        if let Some(contact) = self.get_mut(uri) {
            contact.course = Course::Ended(err_code);
        }
    }

    /// The Broker did not reach the TAM at `uri`, or not any more: it counts as not contacted, and may not be told
    /// anything unasked (draft section 7.2, condition b).
    pub(crate) fn failed(&mut self, uri: &str) {
        if let Some(contact) = self.get_mut(uri) {
            (contact.course, contact.asked) = (Course::Failed, None);
        }
    }

    /// The Broker did not reach the TAM at `uri` when it was contacted last, less than [`AVOIDED`] ago.
    pub(crate) fn has_failed(&self, uri: &str, now: u64) -> bool {
        self.get(uri).is_some_and(|contact| {
            contact.course == Course::Failed && now.saturating_sub(contact.at) < AVOIDED
        })
    }

    fn get_mut(&mut self, uri: &str) -> Option<&mut Contact> {
        self.list.iter_mut().find(|contact| contact.uri == uri)
    }
}
