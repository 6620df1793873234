// SPDX-License-Identifier: Apache-2.0
//! Settings of the Broker.

use std::fmt;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, parse_pem};

/// Limits and TLS trust of the Broker. [`Config::default`] suits a device in the field.
#[derive(Clone, Debug)]
pub struct Config {
    /// For finding the server's address, and again for TCP and TLS to be established.
    pub connect_timeout: Duration,
    /// For the other side to take or give some bytes on an open connection.
    pub idle_timeout: Duration,
    /// For one request and its answer as a whole, from address to last byte. A payload that takes longer is
    /// continued in another request.
    pub exchange_timeout: Duration,
    /// POSTs in one session. A TAM that still has something to say after so many is cut off.
    pub max_exchanges: u32,
    /// TAMs contacted in one policy check.
    pub max_sessions: u32,
    /// Payloads fetched for the Agent in one conversation.
    pub max_fetches: u32,
    /// Bytes of one payload. The Agent's own limit is lower; this one holds whatever the Agent asks for.
    pub max_payload: u64,
    /// GETs in a row for one payload that bring it no further, before it is given up.
    pub fetch_attempts: u32,
    /// Before the second of these GETs; doubled before each further one.
    pub retry_pause: Duration,
    /// Authorities that may vouch for an https server, TAM or payload server; empty = those of the public web.
    pub root_certificates: Vec<Certificate<'static>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            exchange_timeout: Duration::from_secs(300),
            max_exchanges: 64,
            max_sessions: 32,
            max_fetches: 256,
            max_payload: 1 << 30,
            fetch_attempts: 5,
            retry_pause: Duration::from_secs(1),
            root_certificates: Vec::new(),
        }
    }
}

impl Config {
    /// Accepts https servers vouched for by the certificates in `pem`, and no longer those of the public web.
    ///
    /// # Errors
    /// When `pem` holds no certificate or something that is not PEM.
    pub fn trust_only(&mut self, pem: &[u8]) -> Result<(), ConfigError> {
        let mut certificates = Vec::new();
        for item in parse_pem(pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|_| ConfigError::NotPem)? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(ConfigError::NoCertificate);
        }
        self.root_certificates = certificates;
        Ok(())
    }
}

/// Settings that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Certificates were expected in PEM.
    NotPem,
    /// There is no certificate.
    NoCertificate,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPem => "not a PEM file: it should have lines like -----BEGIN CERTIFICATE-----",
            Self::NoCertificate => "no certificate in it: it should have a part -----BEGIN CERTIFICATE-----",
        })
    }
}

impl std::error::Error for ConfigError {}
