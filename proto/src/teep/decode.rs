// SPDX-License-Identifier: Apache-2.0
use super::labels::{message_type, option};
use super::text::is_net_unicode;
use super::{
    AttestationPayload, CHALLENGE_SIZE, CipherSuite, Dialect, ErrCode, ErrorMessage, MAX_ERR_LANG, MAX_MSG,
    Message, QueryRequest, QueryResponse, RequestedTc, Success, SuitCoseProfile, TOKEN_SIZE, Update,
};
use crate::Error;
use crate::cbor::Reader;
use crate::language;
use crate::limits::MAX_LIST;
use crate::suit::{ComponentId, SystemPropertyClaims};
use alloc::vec::Vec;

/// Bytes of an attestation-payload-format: a media type with parameters.
const MAX_FORMAT: usize = 256;

pub(super) fn message(dialect: Dialect, bytes: &[u8]) -> Result<Message<'_>, Error> {
    let mut r = Reader::open(bytes)?;
    let items = r.array("a TEEP message array")?;
    let at = r.offset();
    let kind = r.uint("a message type")?;
    match (dialect.type_from_wire(kind), items) {
        (Some(message_type::QUERY_REQUEST), 5) => query_request(&mut r, dialect).map(Message::QueryRequest),
        (Some(message_type::QUERY_RESPONSE), 2) => {
            query_response(&mut r, dialect).map(Message::QueryResponse)
        }
        (Some(message_type::UPDATE), 2) => update(&mut r, dialect).map(Message::Update),
        (Some(message_type::SUCCESS), 2) => success(&mut r, dialect).map(Message::Success),
        (Some(message_type::ERROR), 3) => error(&mut r, dialect).map(Message::Error),
        _ => Err(Error::malformed("a TEEP message type 1 to 5 with its number of items", at)),
    }
}

/// Reads an options map. `field` takes the labels the message defines and says whether it did; any other
/// assigned label is an error (REQ-TEEP-016), any unassigned one is passed over (REQ-TEEP-008).
fn options<'b>(
    r: &mut Reader<'b>,
    dialect: Dialect,
    mut field: impl FnMut(u64, &mut Reader<'b>) -> Result<bool, Error>,
) -> Result<(), Error> {
    for _ in 0..r.map("an options map")? {
        let at = r.offset();
        let Some(label) = dialect.option_from_wire(r.uint("an option label")?) else {
            r.item()?;
            continue;
        };
        if !field(label, r).map_err(|error| error.within(option::name(label)))? {
            return Err(Error::malformed("an option this message defines (REQ-TEEP-016)", at));
        }
    }
    Ok(())
}

fn query_request<'b>(r: &mut Reader<'b>, dialect: Dialect) -> Result<QueryRequest<'b>, Error> {
    let mut m = QueryRequest::default();
    let mut attestation = Attestation::default();
    options(r, dialect, |label, r| {
        match label {
            option::TOKEN => m.token = Some(token(r)?),
            option::SUPPORTED_FRESHNESS_MECHANISMS => m.supported_freshness_mechanisms = Some(uints(r)?),
            option::CHALLENGE => m.challenge = Some(challenge(r)?),
            option::VERSIONS => m.versions = Some(u32s(r, 1)?),
            option::SUIT_REPORTS => m.suit_reports = byte_strings(r)?,
            _ => return attestation.field(label, r),
        }
        Ok(true)
    })?;
    m.attestation = attestation.finish(r)?;
    let named = |name| move |error: Error| error.within(name);
    let suites = list(r, 1, CipherSuite::read);
    m.supported_teep_cipher_suites = suites.map_err(named("supported-teep-cipher-suites"))?;
    let profiles = list(r, 1, SuitCoseProfile::read);
    m.supported_suit_cose_profiles = profiles.map_err(named("supported-suit-cose-profiles"))?;
    m.data_item_requested = r.uint("a bit field").map_err(named("data-item-requested"))?;
    Ok(m)
}

fn query_response<'b>(r: &mut Reader<'b>, dialect: Dialect) -> Result<QueryResponse<'b>, Error> {
    let mut m = QueryResponse::default();
    let mut attestation = Attestation::default();
    options(r, dialect, |label, r| {
        match label {
            option::TOKEN => m.token = Some(token(r)?),
            option::SELECTED_VERSION => m.selected_version = Some(u32_(r)?),
            option::SUIT_REPORTS => m.suit_reports = byte_strings(r)?,
            // Empty lists are let pass here: an Agent with nothing to tell has no other answer (AMB-04).
            option::TC_LIST => m.tc_list = Some(list(r, 0, SystemPropertyClaims::read)?),
            option::EXT_LIST => m.ext_list = Some(u32s(r, 0)?),
            option::REQUESTED_TC_LIST => m.requested_tc_list = list(r, 1, |r| requested_tc(r, dialect))?,
            option::UNNEEDED_MANIFEST_LIST => m.unneeded_manifest_list = list(r, 1, ComponentId::read)?,
            _ => return attestation.field(label, r),
        }
        Ok(true)
    })?;
    m.attestation = attestation.finish(r)?;
    Ok(m)
}

fn update<'b>(r: &mut Reader<'b>, dialect: Dialect) -> Result<Update<'b>, Error> {
    let mut m = Update::default();
    let mut attestation = Attestation::default();
    options(r, dialect, |label, r| {
        match label {
            option::TOKEN => m.token = Some(token(r)?),
            option::UNNEEDED_MANIFEST_LIST => m.unneeded_manifest_list = list(r, 1, ComponentId::read)?,
            option::MANIFEST_LIST => m.manifest_list = byte_strings(r)?,
            option::ERR_CODE => m.err_code = Some(ErrCode::read(r, dialect)?),
            option::ERR_MSG => m.err_msg = Some(msg(r)?),
            option::ERR_LANG => m.err_lang = Some(err_lang(r)?),
            _ => return attestation.field(label, r),
        }
        Ok(true)
    })?;
    m.attestation = attestation.finish(r)?;
    Ok(m)
}

fn success<'b>(r: &mut Reader<'b>, dialect: Dialect) -> Result<Success<'b>, Error> {
    let mut m = Success::default();
    options(r, dialect, |label, r| {
        match label {
            option::TOKEN => m.token = Some(token(r)?),
            option::MSG => m.msg = Some(msg(r)?),
            option::SUIT_REPORTS => m.suit_reports = byte_strings(r)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(m)
}

fn error<'b>(r: &mut Reader<'b>, dialect: Dialect) -> Result<ErrorMessage<'b>, Error> {
    let mut m = ErrorMessage::new(None, ErrCode::PERMANENT_ERROR, None);
    options(r, dialect, |label, r| {
        match label {
            option::TOKEN => m.token = Some(token(r)?),
            option::ERR_MSG => m.err_msg = Some(msg(r)?),
            option::ERR_LANG => m.err_lang = Some(err_lang(r)?),
            option::SUPPORTED_TEEP_CIPHER_SUITES => {
                m.supported_teep_cipher_suites = list(r, 1, CipherSuite::read)?;
            }
            option::SUPPORTED_FRESHNESS_MECHANISMS => m.supported_freshness_mechanisms = Some(uints(r)?),
            option::SUPPORTED_SUIT_COSE_PROFILES => {
                m.supported_suit_cose_profiles = list(r, 1, SuitCoseProfile::read)?;
            }
            option::CHALLENGE => m.challenge = Some(challenge(r)?),
            option::VERSIONS => m.versions = Some(u32s(r, 1)?),
            option::SUIT_REPORTS => m.suit_reports = byte_strings(r)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    m.err_code = ErrCode::read(r, dialect)?;
    Ok(m)
}

/// The two attestation options, which three messages share.
#[derive(Default)]
struct Attestation<'b> {
    format: Option<&'b str>,
    payload: Option<&'b [u8]>,
}

impl<'b> Attestation<'b> {
    fn field(&mut self, label: u64, r: &mut Reader<'b>) -> Result<bool, Error> {
        match label {
            option::ATTESTATION_PAYLOAD => self.payload = Some(r.bytes("an attestation payload")?),
            option::ATTESTATION_PAYLOAD_FORMAT => {
                self.format = Some(r.sized_text(MAX_FORMAT, "a media type of at most 256 bytes")?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self, r: &Reader<'b>) -> Result<Option<AttestationPayload<'b>>, Error> {
        match (self.payload, self.format) {
            (Some(payload), format) => Ok(Some(AttestationPayload { format, payload })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(r.error("an attestation payload with its format")),
        }
    }
}

fn token<'b>(r: &mut Reader<'b>) -> Result<&'b [u8], Error> {
    r.sized_bytes(TOKEN_SIZE, "a token of 8 to 64 bytes")
}

fn challenge<'b>(r: &mut Reader<'b>) -> Result<&'b [u8], Error> {
    r.sized_bytes(CHALLENGE_SIZE, "a challenge of 8 to 512 bytes")
}

fn msg<'b>(r: &mut Reader<'b>) -> Result<&'b str, Error> {
    let at = r.offset();
    let text = r.sized_text(MAX_MSG, "a text of 1 to 128 bytes")?;
    if !is_net_unicode(text) {
        return Err(Error::malformed("a text without control characters (REQ-TEEP-014)", at));
    }
    Ok(text)
}

fn err_lang<'b>(r: &mut Reader<'b>) -> Result<&'b str, Error> {
    let at = r.offset();
    let tag = r.sized_text(MAX_ERR_LANG, "a language tag of 1 to 35 bytes")?;
    if language::is_tag(tag) { Ok(tag) } else { Err(Error::malformed(language::WHAT, at)) }
}

fn u32_(r: &mut Reader<'_>) -> Result<u32, Error> {
    let at = r.offset();
    let value = r.uint("an unsigned integer")?;
    u32::try_from(value).map_err(|_| Error::malformed("a number of at most 4 bytes (REQ-TEEP-010)", at))
}

fn uints(r: &mut Reader<'_>) -> Result<Vec<u64>, Error> {
    list(r, 1, |r| r.uint("an unsigned integer"))
}

fn u32s(r: &mut Reader<'_>, min: usize) -> Result<Vec<u32>, Error> {
    list(r, min, u32_)
}

fn byte_strings<'b>(r: &mut Reader<'b>) -> Result<Vec<&'b [u8]>, Error> {
    list(r, 1, |r| r.bytes("a byte string"))
}

fn requested_tc<'b>(r: &mut Reader<'b>, dialect: Dialect) -> Result<RequestedTc<'b>, Error> {
    let at = r.offset();
    let (mut component_id, mut tc_manifest_sequence_number, mut have_binary) = (None, None, None);
    options(r, dialect, |label, r| {
        match label {
            option::COMPONENT_ID => component_id = Some(ComponentId::read(r)?),
            option::TC_MANIFEST_SEQUENCE_NUMBER => {
                tc_manifest_sequence_number = Some(r.uint("a sequence number")?);
            }
            option::HAVE_BINARY => have_binary = Some(r.bool("true or false")?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let component_id = component_id.ok_or(Error::malformed("a component identifier", at))?;
    Ok(RequestedTc { component_id, tc_manifest_sequence_number, have_binary })
}

/// A list of `min` to [`MAX_LIST`] items (REQ-TEEP-011).
fn list<'b, T>(
    r: &mut Reader<'b>,
    min: usize,
    read: impl Fn(&mut Reader<'b>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let count = r.list(min, MAX_LIST, "a list of at most 32 items, not empty unless allowed")?;
    (0..count).map(|index| read(r).map_err(|error| error.in_entry(index))).collect()
}
