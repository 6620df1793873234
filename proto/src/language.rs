// SPDX-License-Identifier: Apache-2.0
//! Language tags (RFC 5646), as err-lang and suit-text have them.

/// What is expected where one stands.
pub(crate) const WHAT: &str = "a language tag, e.g. en or pt-BR (RFC 5646)";

/// Whether `text` has the form of a language tag: `[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*` (RFC 9290 appendix A). Whether
/// its subtags are registered is not looked at.
pub(crate) fn is_tag(text: &str) -> bool {
    // Not with `str::split`, which can panic.
    let (mut len, mut first) = (0u8, true);
    for byte in text.bytes() {
        match byte {
            b'-' if len > 0 => (len, first) = (0, false),
            b'a'..=b'z' | b'A'..=b'Z' if len < 8 => len = len.saturating_add(1),
            b'0'..=b'9' if len < 8 && !first => len = len.saturating_add(1),
            _ => return false,
        }
    }
    len > 0
}

#[cfg(test)]
mod tests {
    use super::is_tag;

    #[test]
    fn tags_and_what_is_none() {
        for tag in ["en", "de-CH-1996", "zh-Hant-TW", "sl-rozaj-biske", "x-whatever", "i-klingon", "es-419"] {
            assert!(is_tag(tag), "{tag}");
        }
        let none =
            ["", "-", "en-", "-en", "en--US", "1en", "e n", "en_US", "englisches", "en-123456789", "d\u{e9}"];
        for text in none {
            assert!(!is_tag(text), "{text:?}");
        }
    }
}
