// SPDX-License-Identifier: Apache-2.0
//! The diagnostic texts msg and err-msg: Net-Unicode (RFC 5198), at most 128 bytes.

use super::{MAX_MSG, Message};
use crate::Error;
use alloc::string::String;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, is_nfc, is_nfc_quick};

/// Stands for what did not fit.
const ELLIPSIS: char = '\u{2026}';

/// Makes `text` one that may be sent as msg or err-msg: what Net-Unicode does not allow becomes a space, in a text that
/// is not normalised (NFC) what makes it so becomes U+FFFD, and what goes beyond [`MAX_MSG`] bytes becomes an ellipsis,
/// after a whole word where that leaves at least half of them. `None` when `text` is empty (REQ-TEEP-009, 014).
pub fn diagnostic_text(text: &str) -> Option<String> {
    let clean = || text.chars().take(MAX_MSG.saturating_add(1)).map(|c| if allowed(c) { c } else { ' ' });
    let mut whole = String::new();
    clean().for_each(|character| whole.push(character));
    let normalised = is_nfc(&whole);
    let mut fit = String::new();
    for character in clean().map(|c| if normalised || is_always_normalised(c) { c } else { '\u{fffd}' }) {
        fit.push(character);
    }
    if fit.len() > MAX_MSG {
        let room = fit.floor_char_boundary(MAX_MSG.saturating_sub(ELLIPSIS.len_utf8()));
        let spaces = fit.bytes().take(room).enumerate().filter(|(_, byte)| *byte == b' ');
        let last = spaces.fold(None, |_, (at, _)| Some(at));
        let word_end = last.filter(|end| *end >= MAX_MSG / 2);
        fit = fit.get(..word_end.unwrap_or(room)).unwrap_or_default().into();
        fit.push(ELLIPSIS);
    }
    Some(fit).filter(|fit| !fit.is_empty())
}

/// Whether no neighbour makes a text with this character not normalised.
fn is_always_normalised(character: char) -> bool {
    canonical_combining_class(character) == 0
        && is_nfc_quick(core::iter::once(character)) == IsNormalized::Yes
}

/// Refuses to send a text that is not normalised (REQ-TEEP-014).
///
/// # Errors
/// When msg or err-msg is not in NFC.
pub(super) fn check_normalised(message: &Message<'_>) -> Result<(), Error> {
    let (name, text) = match message {
        Message::Update(update) => ("err-msg", update.err_msg),
        Message::Success(success) => ("msg", success.msg),
        Message::Error(error) => ("err-msg", error.err_msg),
        Message::QueryRequest(_) | Message::QueryResponse(_) => return Ok(()),
    };
    if text.is_none_or(is_nfc) {
        return Ok(());
    }
    Err(Error::malformed("text in normalisation form C: see diagnostic_text (REQ-TEEP-014)", 0).within(name))
}

/// Whether `text` is Net-Unicode as a receiver demands it: no control characters but the line end CR LF, no byte
/// order mark and none of Unicode's own line separators (RFC 5198 section 2). Normalising is the sender's
/// duty there, and no ground for refusing a message.
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
