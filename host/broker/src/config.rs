// SPDX-License-Identifier: Apache-2.0
//! Settings of the Broker.

use std::fmt;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, parse_pem};

/// Limits and TLS trust of the Broker. [`Config::default`] suits a device in the field.
#[derive(Clone, Debug)]
pub struct Config {
    /// For finding the TAM's address, and again for TCP and TLS to be established.
    pub connect_timeout: Duration,
    /// For the other side to take or give some bytes on an open connection.
    pub idle_timeout: Duration,
    /// For one POST and its answer as a whole, from address to last byte.
    pub exchange_timeout: Duration,
    /// POSTs in one session. A TAM that still has something to say after so many is cut off.
    pub max_exchanges: u32,
    /// TAMs contacted in one policy check.
    pub max_sessions: u32,
    /// Authorities that may vouch for a TAM's https server; empty = those of the public web.
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
