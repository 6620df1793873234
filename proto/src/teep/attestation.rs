// SPDX-License-Identifier: Apache-2.0
use alloc::string::String;

/// Media type of a CWT EAT (RFC 9782), without a profile: that of Evidence which has none.
pub const EAT_CWT: &str = "application/eat+cwt";
/// Its parameter with the URI of the profile.
const EAT_PROFILE: &str = "eat_profile";

/// An attestation payload and the media type of its format. Its `Debug` form tells the payload's length only: raw
/// Evidence is not for logs (REQ-TEEP-150).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AttestationPayload<'b> {
    /// attestation-payload-format; absent for a CWT EAT in the TEEP profile (REQ-TEEP-075).
    pub format: Option<&'b str>,
    /// attestation-payload.
    pub payload: &'b [u8],
}

impl core::fmt::Debug for AttestationPayload<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let payload = format_args!("{} bytes", self.payload.len());
        f.debug_struct("AttestationPayload").field("format", &self.format).field("payload", &payload).finish()
    }
}

/// What an attestation payload is, judged by its format alone (draft section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttestationKind {
    /// For a Verifier to appraise.
    Evidence,
    /// A Verifier's word, an EAT in the TEEP profile ([`crate::eat`]).
    AttestationResult,
}

impl AttestationPayload<'_> {
    /// Whether the payload is said to be a CWT EAT, in whatever profile.
    pub fn is_eat(&self) -> bool {
        let format = self.format.unwrap_or(EAT_CWT);
        // Not with `str::split`, which can panic.
        let media_type = format.split_once(';').map_or(format, |(media_type, _)| media_type);
        media_type.trim().eq_ignore_ascii_case(EAT_CWT)
    }

    /// Evidence or Attestation Result (REQ-TEEP-105)? `profile` is the URI of the TEEP profile, which is not
    /// assigned before the RFC is published and so is configuration.
    ///
    /// Whatever is not said to be in that profile is Evidence; whoever sends Evidence therefore has to send
    /// a format with it (REQ-TEEP-063).
    pub fn kind(&self, profile: &str) -> AttestationKind {
        match self.format {
            None => AttestationKind::AttestationResult,
            Some(format) if is_eat_of(format, profile) => AttestationKind::AttestationResult,
            Some(_) => AttestationKind::Evidence,
        }
    }
}

/// The media type of a CWT EAT in the profile of this URI, quoted as RFC 9782 wants it.
pub fn eat_media_type(profile: &str) -> String {
    alloc::format!("{EAT_CWT}; {EAT_PROFILE}=\"{profile}\"")
}

/// Whether `format` is the media type of a CWT EAT with the one parameter eat_profile, quoted or not.
fn is_eat_of(format: &str, profile: &str) -> bool {
    let Some((media_type, parameter)) = format.split_once(';') else { return false };
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let value = value.trim();
    let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    media_type.trim().eq_ignore_ascii_case(EAT_CWT)
        && name.trim().eq_ignore_ascii_case(EAT_PROFILE)
        && unquoted == profile
}
