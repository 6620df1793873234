// SPDX-License-Identifier: Apache-2.0
//! One HTTP exchange with a payload server: a GET of what a payload has from some byte on (RFC 9110 section 14).
//!
//! The bytes are nobody's word: the Agent checks their digest (REQ-HTTP-041). What is checked here only spares it
//! bytes that cannot be those it asked for.

use super::{Client, cause};
use crate::uri::WebUri;
use std::io::{self, Read};
use teep_proto::teec::MAX_FETCH_DATA;
use ureq::Body;
use ureq::http::{HeaderMap, HeaderValue, Request, Response, header};

/// Why a payload, or the rest of it, did not come.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It may be different in a while: the end of a sentence about the server.
    Passing(String),
    /// Asking again will not help: likewise.
    Final(String),
}

/// What tells one state of the file on the server from another.
#[derive(Debug, Default)]
pub(crate) struct Version {
    /// Strong validator.
    etag: Option<HeaderValue>,
    /// Bytes of the whole payload.
    pub(crate) total: Option<u64>,
}

/// The rest of a payload, as it comes in.
pub(crate) struct Payload {
    body: Box<dyn Read>,
    /// Bytes still to come, where the server said it.
    missing: Option<u64>,
}

impl Client {
    /// GETs what the payload at `uri` has from `offset` on. `version` is what earlier answers for the same payload
    /// said about it, and learns from this one.
    pub(crate) fn get(&self, uri: &WebUri, offset: u64, version: &mut Version) -> Result<Payload, Trouble> {
        let mut request = Request::get(uri.uri())
            .header(header::ACCEPT, "*/*")
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONNECTION, "close");
        if offset > 0 {
            request = request.header(header::RANGE, format!("bytes={offset}-"));
            if let Some(etag) = &version.etag {
                request = request.header(header::IF_RANGE, etag);
            }
        }
        let sent = request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request));
        let response = sent.map_err(|error| trouble(&error))?;
        let skip = match response.status().as_u16() {
            // The server ignores ranges.
            200 => {
                version.check(response.headers(), response.body().content_length())?;
                offset
            }
            206 => {
                let range = content_range(response.headers()).and_then(ContentRange::satisfied);
                let (first, total) = range.ok_or_else(|| Trouble::Final(BAD_RANGE.to_owned()))?;
                version.check(response.headers(), total)?;
                if first != offset {
                    return Err(Trouble::Final(BAD_RANGE.to_owned()));
                }
                0
            }
            // All bytes have come already, only the server's word that these are all has not.
            416 if content_range(response.headers()).is_some_and(|range| range.unsatisfied(offset)) => {
                return Ok(Payload { body: Box::new(io::empty()), missing: None });
            }
            416 => return Err(Trouble::Final(CHANGED.to_owned())),
            status => return Err(status_trouble(status)),
        };
        if response.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(Trouble::Final("sends it in a content coding that was not asked for".to_owned()));
        }
        let missing = version.total.map(|total| total.saturating_sub(offset));
        Payload::skipping(response, skip, missing)
    }
}

const BAD_RANGE: &str = "sends another part of it than was asked for";
const CHANGED: &str = "has changed it while it was fetched";

impl Payload {
    /// The body of `response` without its first bytes, which the Agent has.
    fn skipping(response: Response<Body>, skip: u64, missing: Option<u64>) -> Result<Self, Trouble> {
        let mut body = response.into_body().into_reader();
        match io::copy(&mut body.by_ref().take(skip), &mut io::sink()) {
            Ok(skipped) if skipped == skip => Ok(Self { body: Box::new(body), missing }),
            Ok(_) => Err(Trouble::Final(CHANGED.to_owned())),
            Err(error) => Err(trouble(&error.into())),
        }
    }

    /// Reads the next [`MAX_FETCH_DATA`] bytes into `piece`; fewer when they are the last ones or something went wrong,
    /// none at the end.
    pub(crate) fn read(&mut self, piece: &mut Vec<u8>) -> Result<(), Trouble> {
        piece.clear();
        let read = (&mut self.body).take(MAX_FETCH_DATA as u64).read_to_end(piece);
        let read = read.map_err(|error| trouble(&error.into()))? as u64;
        self.missing = self.missing.map(|missing| missing.saturating_sub(read));
        // A server may answer with less than it was asked for.
        match (read, self.missing) {
            (0, Some(1..)) => Err(Trouble::Passing("ends before the payload does".to_owned())),
            _ => Ok(()),
        }
    }
}

impl Version {
    /// # Errors
    /// When `headers` and `total` are those of another state of the payload.
    fn check(&mut self, headers: &HeaderMap, total: Option<u64>) -> Result<(), Trouble> {
        let etag = headers.get(header::ETAG).filter(|etag| etag.as_bytes().starts_with(b"\""));
        if differ(self.etag.as_ref(), etag) || differ(self.total, total) {
            return Err(Trouble::Final(CHANGED.to_owned()));
        }
        self.etag = self.etag.take().or(etag.cloned());
        self.total = self.total.or(total);
        Ok(())
    }
}

/// What is not known does not differ.
fn differ<T: PartialEq>(known: Option<T>, now: Option<T>) -> bool {
    known.zip(now).is_some_and(|(known, now)| known != now)
}

/// The Content-Range field of an answer: first byte, bytes in all.
struct ContentRange {
    first: Option<u64>,
    total: Option<u64>,
}

impl ContentRange {
    fn satisfied(self) -> Option<(u64, Option<u64>)> {
        self.first.map(|first| (first, self.total))
    }

    fn unsatisfied(&self, offset: u64) -> bool {
        self.first.is_none() && self.total == Some(offset)
    }
}

fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let (range, total) =
        headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    let first = match range.split_once('-') {
        Some((first, _)) => Some(first.parse().ok()?),
        None if range == "*" => None,
        None => return None,
    };
    Some(ContentRange { first, total })
}

fn trouble(error: &ureq::Error) -> Trouble {
    let what = format!("cannot be used: {}", cause(error));
    match error {
        // A server that is not who it should be is not asked again.
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => Trouble::Final(what),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Trouble::Final(what),
        _ => Trouble::Passing(what),
    }
}

fn status_trouble(status: u16) -> Trouble {
    let what = format!("answers with HTTP status {status}");
    match status {
        300..=399 => Trouble::Final(format!("{what}, a redirect, which is not followed")),
        408 | 425 | 429 | 500 | 502..=504 => Trouble::Passing(what),
        _ => Trouble::Final(what),
    }
}
