// SPDX-License-Identifier: Apache-2.0
//! Fetching a payload for the Agent (REQ-HTTP-041): piece by piece, and on from where it broke.

use crate::broker::call;
use crate::http::Client;
use crate::http::payload::{Payload, Trouble, Version};
use crate::uri::WebUri;
use crate::{Config, Error, Event, TeeSession};
use std::thread;
use teep_proto::teec::{Command, FetchData, MAX_FETCH_DATA, Reply};

/// The transfer of one payload.
pub(crate) struct Fetcher<'a> {
    client: &'a Client,
    config: &'a Config,
    progress: &'a mut dyn FnMut(Event<'_>),
    version: Version,
    /// Where the last byte was that the Agent has taken, however often it went back since.
    highest: u64,
    /// Bytes taken beyond that since the last time the attempts were counted anew.
    progress_made: u64,
}

/// How the bytes of one answer came to an end.
enum End {
    /// With the Agent's reply to something else than a piece in the middle.
    Reply(Reply),
    /// Before the payload did; the Agent wants the rest from this offset.
    Broken(u64, Trouble),
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(
        client: &'a Client,
        config: &'a Config,
        progress: &'a mut dyn FnMut(Event<'_>),
    ) -> Self {
        Self { client, config, progress, version: Version::default(), highest: 0, progress_made: 0 }
    }

    /// Fetches what the payload at `uri` has from `offset` on, and returns the Agent's reply to all of it; or why it
    /// cannot be had, which is for the Agent to know.
    ///
    /// # Errors
    /// When the Agent fails.
    pub(crate) fn run<S: TeeSession>(
        mut self,
        session: &mut S,
        uri: &str,
        offset: u64,
    ) -> Result<Result<Reply, String>, Error> {
        match WebUri::parse(uri) {
            Err(problem) => Ok(Err(format!("the payload URI {problem}: {uri:?}"))),
            Ok(web_uri) => {
                let transferred = self.transfer(session, &web_uri, offset)?;
                Ok(transferred.map_err(|trouble| format!("the server of {uri} {trouble}")))
            }
        }
    }

    fn transfer<S: TeeSession>(
        &mut self,
        session: &mut S,
        uri: &WebUri,
        mut offset: u64,
    ) -> Result<Result<Reply, String>, Error> {
        let mut pause = self.config.retry_pause;
        let mut attempts = 0u32;
        loop {
            (self.progress)(Event::Fetching { uri: uri.as_str(), offset });
            let trouble = match self.client.get(uri, offset, &mut self.version) {
                Ok(payload) => match self.hand_over(session, uri, payload, offset)? {
                    End::Reply(reply) => return Ok(Ok(reply)),
                    End::Broken(next, trouble) => {
                        offset = next;
                        trouble
                    }
                },
                Err(trouble) => trouble,
            };
            // Less than a piece is no progress: a server, or an Agent, that goes on so never comes to an end.
            if self.progress_made >= MAX_FETCH_DATA as u64 {
                (attempts, pause, self.progress_made) = (0, self.config.retry_pause, 0);
            }
            attempts = attempts.saturating_add(1);
            let (cause, again) = match trouble {
                Trouble::Passing(cause) => (cause, attempts < self.config.fetch_attempts),
                Trouble::Final(cause) => (cause, false),
            };
            (self.progress)(Event::FetchTrouble { uri: uri.as_str(), cause: &cause, again });
            if !again {
                return Ok(Err(cause));
            }
            thread::sleep(pause);
            pause = pause.saturating_mul(2);
        }
    }

    /// Hands the bytes of one answer to the Agent.
    fn hand_over<S: TeeSession>(
        &mut self,
        session: &mut S,
        uri: &WebUri,
        mut payload: Payload,
        mut offset: u64,
    ) -> Result<End, Error> {
        let mut piece = Vec::with_capacity(MAX_FETCH_DATA);
        loop {
            let read = match payload.read(&mut piece) {
                Err(trouble) if piece.is_empty() => return Ok(End::Broken(offset, trouble)),
                read => read,
            };
            let after = offset.saturating_add(piece.len() as u64);
            if after > self.config.max_payload {
                let limit = self.config.max_payload;
                let problem = format!("sends more than the {limit} bytes a payload may have");
                return Ok(End::Broken(offset, Trouble::Final(problem)));
            }
            let request = FetchData { offset, bytes: &piece }.encode();
            let next = match call(session, Command::FetchData, &request)? {
                Reply::Fetch { uri: same, offset: next } if same == uri.as_str() && !piece.is_empty() => next,
                reply => return Ok(End::Reply(reply)),
            };
            (self.progress)(Event::Fetched { bytes: next, total: self.version.total });
            if next != after {
                let problem = format!("is asked again: the Agent wants the payload from byte {next}");
                return Ok(End::Broken(next, Trouble::Passing(problem)));
            }
            self.advance(offset, after);
            offset = next;
            if let Err(trouble) = read {
                return Ok(End::Broken(offset, trouble));
            }
        }
    }
    /// Counts the bytes from `offset` to `after`, as far as the Agent has them for the first time.
    fn advance(&mut self, offset: u64, after: u64) {
        let new = after.saturating_sub(self.highest.max(offset));
        self.progress_made = self.progress_made.saturating_add(new);
        self.highest = self.highest.max(after);
    }
}
