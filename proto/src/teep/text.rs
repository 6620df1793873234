// SPDX-License-Identifier: Apache-2.0
//! The diagnostic texts msg and err-msg: Net-Unicode (RFC 5198), at most 128 bytes.

use super::MAX_MSG;
use alloc::string::String;

/// Makes `text` one that may be sent as msg or err-msg: what Net-Unicode does not allow becomes a space, and
/// what goes beyond [`MAX_MSG`] bytes is cut at a character. `None` when `text` is empty (REQ-TEEP-009, 014).
pub fn diagnostic_text(text: &str) -> Option<String> {
    let mut fit = String::new();
    for character in text.chars() {
        let character = if allowed(character) { character } else { ' ' };
        if fit.len().saturating_add(character.len_utf8()) > MAX_MSG {
            break;
        }
        fit.push(character);
    }
    Some(fit).filter(|fit| !fit.is_empty())
}

/// Whether `text` is Net-Unicode as far as that can be told without tables of characters: no control
/// characters but the line end CR LF, no byte order mark and none of Unicode's own line separators
/// (RFC 5198 section 2). Whether it is normalised (NFC) is not looked at.
pub(super) fn is_net_unicode(text: &str) -> bool {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let line_end = character == '\r' && characters.next_if_eq(&'\n').is_some();
        if !line_end && !allowed(character) {
            return false;
        }
    }
    true
}

fn allowed(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
}
