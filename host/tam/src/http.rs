// SPDX-License-Identifier: Apache-2.0
//! TEEP over HTTP, server side (draft-ietf-teep-otrp-over-http-15 section 6).

use crate::{Error, Tam};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::BodyExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::teep::MEDIA_TYPE;
use tower_http::services::ServeDir;

/// Path of the TAM's one resource.
pub const TAM_PATH: &str = "/tam";

/// Path below which the payload files are.
pub const PAYLOADS_PATH: &str = "/payloads";

/// What the HTTP server bears with from its clients.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Bytes of a request body.
    pub max_body: usize,
    /// Time for a request head to arrive, and for a connection to be idle.
    pub head_timeout: Duration,
    /// Time for a request body to arrive.
    pub body_timeout: Duration,
    /// Age at which a connection is closed after the request at hand.
    pub max_age: Duration,
    /// Time that the request at hand has then, or when the server stops.
    pub grace: Duration,
    /// Connections at a time; more wait.
    pub max_connections: usize,
    /// Directory of the files at [`PAYLOADS_PATH`], if there are any.
    pub payloads: Option<PathBuf>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_body: MAX_MESSAGE,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            max_age: Duration::from_mins(5),
            grace: Duration::from_secs(60),
            max_connections: 512,
            payloads: None,
        }
    }
}

/// The TAM as an HTTP resource at [`TAM_PATH`]. What happens there:
///
/// | Request | Answer |
/// | --- | --- |
/// | another method than POST (REQ-HTTP-001) | 405 |
/// | Accept missing or without application/teep+cbor (REQ-HTTP-030) | 406 |
/// | a body of another type (REQ-HTTP-029) | 415 |
/// | a body that is too long, or too slow | 413, 408 |
/// | no body (REQ-HTTP-031) | 200 with a QueryRequest |
/// | a body that is no TEEP message, or one of the other dialect | 400 |
/// | a message that no enrolled Agent signed | 403 |
/// | a message the TAM answers (REQ-HTTP-034) | 200 with the answer |
/// | any other message, also one that is dropped (REQ-HTTP-033) | 204 |
/// | the TAM fails (REQ-HTTP-035) | 500 |
///
/// For a message that TEEP drops, the documents leave the choice. Garbage and strangers get 400 and 403, so
/// that the person at the device sees a failure instead of "nothing to do", and learns from the status
/// alone whether to look for a broken path or to enrol the device; an attacker learns nothing he did not
/// know. A message by an enrolled Agent that comes late or twice gets 204: its sender did nothing wrong.
/// No answer but 200 has content.
///
/// The files of [`HttpConfig::payloads`] are at [`PAYLOADS_PATH`], by GET and with Range requests, so that a broken
/// transfer can go on. They are for whoever knows the name: what is secret is encrypted.
pub fn router(tam: Arc<Tam>, config: HttpConfig) -> Router {
    let payloads = config.payloads.clone();
    let router = Router::new().route(TAM_PATH, post(handle)).with_state((tam, config));
    match payloads {
        Some(directory) => {
            let files = ServeDir::new(directory).append_index_html_on_directories(false);
            router.nest_service(PAYLOADS_PATH, files)
        }
        None => router,
    }
}

async fn handle(
    State((tam, config)): State<(Arc<Tam>, HttpConfig)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match answer(tam, &config, &headers, body).await {
        Ok(Some(message)) => {
            let headers = [
                (header::CONTENT_TYPE, MEDIA_TYPE),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
                (header::REFERRER_POLICY, "no-referrer"),
            ];
            (headers, message).into_response()
        }
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(status) => status.into_response(),
    }
}

async fn answer(
    tam: Arc<Tam>,
    config: &HttpConfig,
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<Vec<u8>>, StatusCode> {
    if !accepts_teep(headers) {
        return Err(StatusCode::NOT_ACCEPTABLE);
    }
    let is_teep =
        headers.get(header::CONTENT_TYPE).is_some_and(|value| value.to_str().is_ok_and(is_media_type));
    // A type is asked for with a body only (AMB-HTTP-1); here one is sure to come.
    if !is_teep && body.size_hint().lower() > 0 {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let message = tokio::time::timeout(config.body_timeout, read(body, config.max_body))
        .await
        .map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
    if !is_teep && !message.is_empty() {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    // Signatures and files take time that other connections should not wait for.
    let work = tokio::task::spawn_blocking(move || match message.as_slice() {
        [] => tam.process_connect().map(Some),
        message => tam.process_teep_message(message),
    });
    match work.await {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(Error::Malformed(_))) => Err(StatusCode::BAD_REQUEST),
        Ok(Err(Error::Unauthenticated { .. })) => Err(StatusCode::FORBIDDEN),
        Ok(Err(Error::Internal(_))) | Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Reads a body of at most `limit` bytes. Some more are read and thrown away: a client that is still sending
/// when the connection closes does not see the answer.
async fn read(mut body: Body, limit: usize) -> Result<Vec<u8>, StatusCode> {
    let patience = limit.saturating_mul(4);
    if body.size_hint().lower() > patience as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let (mut message, mut total) = (Vec::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total > patience {
            break;
        }
        if total <= limit {
            message.extend_from_slice(&data);
        }
    }
    if total > limit { Err(StatusCode::PAYLOAD_TOO_LARGE) } else { Ok(message) }
}

/// Whether `value`, a media type or range with parameters, is TEEP's type.
fn is_media_type(value: &str) -> bool {
    essence(value).eq_ignore_ascii_case(MEDIA_TYPE)
}

fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// Whether Accept admits TEEP's type: its most precise range that fits decides (RFC 9110 section 12.5.1).
fn accepts_teep(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let fitting = values.flat_map(|value| value.split(',')).filter_map(|range| {
        let precision = [MEDIA_TYPE, "application/*", "*/*"]
            .iter()
            .rev()
            .position(|fit| essence(range).eq_ignore_ascii_case(fit))?;
        Some((precision, weight(range) > 0.0))
    });
    fitting.max().is_some_and(|(_, admitted)| admitted)
}

/// The quality parameter of a range; 1 if it has none, 0 if it makes no sense.
fn weight(range: &str) -> f32 {
    let parameters = range.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut quality = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    quality.next().map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        accepts_teep(&headers)
    }

    #[test]
    fn req_http_030_accept_is_understood() {
        for good in [
            "application/teep+cbor",
            "Application/TEEP+CBOR",
            "text/html, application/teep+cbor;q=0.1",
            "application/*",
            "*/*;q=0.5",
            "*/*;q=0, application/teep+cbor",
        ] {
            assert!(accepts(&[good]), "{good}");
        }
        for bad in [
            "",
            "text/html",
            "application/cbor",
            "application/teep+cbor;q=0",
            "*/*, application/teep+cbor; q=0.0",
            "application/teep+cbor;q=much",
            "application/teep+cborx",
        ] {
            assert!(!accepts(&[bad]), "{bad}");
        }
        assert!(!accepts(&[]));
        assert!(accepts(&["text/html", "application/teep+cbor"]));
    }
}
