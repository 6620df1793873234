// SPDX-License-Identifier: Apache-2.0
//! Which URIs the Broker is willing to dereference.

use std::fmt;
use ureq::http::Uri;

/// A URI of a TAM or a payload that the Broker may use: absolute, http or https, with a host, without
/// credentials or fragment.
///
/// The Agent chooses it, but a URI is dereferenced by the Broker with its own network rights, so the
/// risks of RFC 3986 section 7 are its to consider (REQ-HTTP-036): other schemes reach files and other
/// services, and credentials in a URI are sent to whoever the host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebUri {
    text: String,
    uri: Uri,
}

impl WebUri {
    /// # Errors
    /// What is wrong with `text`, as the end of a sentence about it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has characters that a URI cannot have");
        }
        if text.contains('#') {
            return Err("has a fragment");
        }
        let uri: Uri = text.parse().map_err(|_| "is not a URI")?;
        match uri.scheme_str() {
            Some("https" | "http") => {}
            _ => return Err("is neither https nor http"),
        }
        let authority = uri.authority().ok_or("has no host")?;
        if authority.host().is_empty() {
            return Err("has no host");
        }
        if authority.as_str().contains('@') {
            return Err("has credentials in it");
        }
        Ok(Self { text: text.to_owned(), uri })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Display for WebUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_uris_pass() {
        for text in [
            "http://10.0.2.100:8080/tam",
            "https://tam.example",
            "https://tam.example/a/b?c=d",
            "HTTPS://[2001:db8::1]:8443/tam",
        ] {
            assert_eq!(WebUri::parse(text).expect(text).as_str(), text);
        }
    }

    /// REQ-HTTP-036.
    #[test]
    fn everything_else_is_refused() {
        for (text, part) in [
            ("", "not a URI"),
            ("tam.example", "neither"),
            ("/tam", "neither"),
            ("file:///etc/passwd", "not a URI"),
            ("file://host/etc/passwd", "neither"),
            ("ftp://tam.example/", "neither"),
            ("https:///tam", "not a URI"),
            ("https://:8443/tam", "no host"),
            ("https://user:secret@tam.example/", "credentials"),
            ("https://user@tam.example/", "credentials"),
            ("https://tam.example/#x", "fragment"),
            ("https://tam.example/a b", "characters"),
            ("https://tam.example/\r\nHost: x", "characters"),
            ("https://täm.example/", "characters"),
        ] {
            let problem = WebUri::parse(text).expect_err(text);
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}
