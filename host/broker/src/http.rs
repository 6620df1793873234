// SPDX-License-Identifier: Apache-2.0
//! One HTTP exchange with a TAM: a POST and its answer (draft-ietf-teep-otrp-over-http-15 sections 4 and 5).
//! With a payload server: [`payload`].

pub(crate) mod payload;

use crate::uri::WebUri;
use crate::{Config, Error};
use std::sync::Arc;
use teep_proto::teep::MEDIA_TYPE;
use ureq::http::{Request, Response, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// The HTTP client of the Broker.
///
/// Every request has a connection of its own. A POST on a kept connection that the server has just closed fails
/// ambiguously, and resending it could deliver a single-use token twice; so nothing is kept and nothing is
/// ever sent again.
pub(crate) struct Client {
    agent: Agent,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Self {
        let roots = match config.root_certificates.as_slice() {
            [] => RootCerts::WebPki,
            certificates => RootCerts::Specific(Arc::new(certificates.to_vec())),
        };
        let agent = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .user_agent(concat!("teep-broker/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(config.connect_timeout))
            .timeout_connect(Some(config.connect_timeout))
            .timeout_per_read(Some(config.idle_timeout))
            .timeout_per_write(Some(config.idle_timeout))
            .timeout_global(Some(config.exchange_timeout))
            .build()
            .new_agent();
        Self { agent }
    }

    /// POSTs `message`, or an empty body if it is empty, and returns the body of the answer, which may be
    /// empty: at most `limit` bytes.
    pub(crate) fn post(&self, tam: &WebUri, message: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
        let mut request =
            Request::post(tam.uri()).header(header::ACCEPT, MEDIA_TYPE).header(header::CONNECTION, "close");
        if !message.is_empty() {
            request = request.header(header::CONTENT_TYPE, MEDIA_TYPE);
        }
        let sent =
            request.body(message).map_err(ureq::Error::from).and_then(|request| self.agent.run(request));
        let mut response = sent.map_err(|error| unreachable(tam, &error))?;
        check_status(tam, response.status())?;
        let body = read_body(tam, &mut response, limit)?;
        if !body.is_empty() {
            check_content_type(tam, &response)?;
        }
        Ok(body)
    }
}

/// Any 2xx will do: the body decides what follows, not the number.
fn check_status(tam: &WebUri, status: StatusCode) -> Result<(), Error> {
    let uri = tam.to_string();
    match status.as_u16() {
        200..=299 => Ok(()),
        status @ 300..=399 => Err(Error::Redirect { uri, status }),
        status => Err(Error::Status { uri, status }),
    }
}

fn check_content_type(tam: &WebUri, response: &Response<Body>) -> Result<(), Error> {
    let found =
        response.headers().get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let media_type = found.as_deref().and_then(|value| value.split(';').next()).map(str::trim);
    match media_type {
        Some(media_type) if media_type.eq_ignore_ascii_case(MEDIA_TYPE) => Ok(()),
        _ => Err(Error::ContentType { uri: tam.to_string(), found: found.map(|value| value.into_owned()) }),
    }
}

fn read_body(tam: &WebUri, response: &mut Response<Body>, limit: usize) -> Result<Vec<u8>, Error> {
    let too_long = || Error::AnswerTooLong { uri: tam.to_string(), limit };
    let bytes = u64::try_from(limit).unwrap_or(u64::MAX);
    if response.body().content_length().is_some_and(|length| length > bytes) {
        return Err(too_long());
    }
    // The reader reports its limit when it is reached, not when it is passed: one more byte is asked for.
    match response.body_mut().with_config().limit(bytes.saturating_add(1)).read_to_vec() {
        Ok(body) if body.len() <= limit => Ok(body),
        Ok(_) | Err(ureq::Error::BodyExceedsLimit(_)) => Err(too_long()),
        Err(error) => Err(unreachable(tam, &error)),
    }
}

fn unreachable(tam: &WebUri, error: &ureq::Error) -> Error {
    Error::Unreachable { uri: tam.to_string(), cause: cause(error) }
}

/// `error` in words for a person.
fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "its host name is unknown".to_owned(),
        ureq::Error::Timeout(ureq::Timeout::Resolve) => "looking up its host name takes too long".to_owned(),
        ureq::Error::Timeout(ureq::Timeout::Connect) => "connecting takes too long".to_owned(),
        ureq::Error::Timeout(_) => "it takes too long".to_owned(),
        ureq::Error::Protocol(error) => format!("it does not speak HTTP properly ({error})"),
        ureq::Error::LargeResponseHeader(..) => "its HTTP headers are too long".to_owned(),
        ureq::Error::Rustls(error) => format!("TLS failed ({error})"),
        ureq::Error::Tls(error) => format!("TLS failed ({error})"),
        ureq::Error::Io(error) => io_cause(error),
        error => error.to_string(),
    }
}

fn io_cause(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => "the connection broke".to_owned(),
        ErrorKind::InvalidData => format!("TLS failed ({error})"),
        _ => error.to_string(),
    }
}
