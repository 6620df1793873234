// SPDX-License-Identifier: Apache-2.0
use super::labels::{message_type, option};
use super::{
    AttestationPayload, CipherSuite, Dialect, ErrorMessage, Message, QueryRequest, QueryResponse,
    RequestedTc, Success, SuitCoseProfile, Update,
};
use crate::cbor::{Writer, encode, encode_exact};
use crate::suit::ComponentId;
use alloc::vec::Vec;

pub(super) fn message(dialect: Dialect, message: &Message<'_>) -> Vec<u8> {
    let options = match message {
        Message::QueryRequest(m) => query_request(m, dialect),
        Message::QueryResponse(m) => query_response(m, dialect),
        Message::Update(m) => update(m, dialect),
        Message::Success(m) => success(m, dialect),
        Message::Error(m) => error(m, dialect),
    };
    let options = options.sorted();
    encode_exact(|w| match message {
        Message::QueryRequest(m) => {
            w.array(5).uint(dialect.type_on_wire(message_type::QUERY_REQUEST));
            options.write(w);
            write_list(w, &m.supported_teep_cipher_suites, CipherSuite::write);
            write_list(w, &m.supported_suit_cose_profiles, SuitCoseProfile::write);
            w.uint(m.data_item_requested);
        }
        Message::QueryResponse(_) => {
            w.array(2).uint(dialect.type_on_wire(message_type::QUERY_RESPONSE));
            options.write(w);
        }
        Message::Update(_) => {
            w.array(2).uint(dialect.type_on_wire(message_type::UPDATE));
            options.write(w);
        }
        Message::Success(_) => {
            w.array(2).uint(dialect.type_on_wire(message_type::SUCCESS));
            options.write(w);
        }
        Message::Error(m) => {
            w.array(3).uint(dialect.type_on_wire(message_type::ERROR));
            options.write(w);
            w.uint(dialect.translate_err_code(m.err_code.number()));
        }
    })
}

fn query_request<'m>(m: &'m QueryRequest<'_>, dialect: Dialect) -> Options<'m> {
    let mut options = Options::new(dialect);
    options.bytes(option::CHALLENGE, m.challenge);
    options.uints(option::VERSIONS, m.versions.as_ref());
    options.attestation(m.attestation.as_ref());
    options.byte_strings(option::SUIT_REPORTS, &m.suit_reports);
    options.bytes(option::TOKEN, m.token);
    options.uints(option::SUPPORTED_FRESHNESS_MECHANISMS, m.supported_freshness_mechanisms.as_ref());
    options
}

fn query_response<'m>(m: &'m QueryResponse<'_>, dialect: Dialect) -> Options<'m> {
    let mut options = Options::new(dialect);
    if let Some(version) = m.selected_version {
        options.put(option::SELECTED_VERSION, |w| {
            w.uint(version.into());
        });
    }
    options.attestation(m.attestation.as_ref());
    if let Some(list) = &m.tc_list {
        options.put(option::TC_LIST, |w| write_list(w, list, |claims, w| claims.write(w)));
    }
    options.uints(option::EXT_LIST, m.ext_list.as_ref());
    options.list(option::REQUESTED_TC_LIST, &m.requested_tc_list, |tc, w| requested_tc(tc, dialect, w));
    options.component_ids(option::UNNEEDED_MANIFEST_LIST, &m.unneeded_manifest_list);
    options.byte_strings(option::SUIT_REPORTS, &m.suit_reports);
    options.bytes(option::TOKEN, m.token);
    options
}

fn update<'m>(m: &'m Update<'_>, dialect: Dialect) -> Options<'m> {
    let mut options = Options::new(dialect);
    options.byte_strings(option::MANIFEST_LIST, &m.manifest_list);
    options.text(option::ERR_MSG, m.err_msg);
    options.attestation(m.attestation.as_ref());
    options.component_ids(option::UNNEEDED_MANIFEST_LIST, &m.unneeded_manifest_list);
    options.bytes(option::TOKEN, m.token);
    options.text(option::ERR_LANG, m.err_lang);
    if let Some(code) = m.err_code {
        options.put(option::ERR_CODE, |w| {
            w.uint(dialect.translate_err_code(code.number()));
        });
    }
    options
}

fn success<'m>(m: &'m Success<'_>, dialect: Dialect) -> Options<'m> {
    let mut options = Options::new(dialect);
    options.text(option::MSG, m.msg);
    options.byte_strings(option::SUIT_REPORTS, &m.suit_reports);
    options.bytes(option::TOKEN, m.token);
    options
}

fn error<'m>(m: &'m ErrorMessage<'_>, dialect: Dialect) -> Options<'m> {
    let mut options = Options::new(dialect);
    let (suites, profiles) = (&m.supported_teep_cipher_suites, &m.supported_suit_cose_profiles);
    options.list(option::SUPPORTED_TEEP_CIPHER_SUITES, suites, CipherSuite::write);
    options.bytes(option::CHALLENGE, m.challenge);
    options.uints(option::VERSIONS, m.versions.as_ref());
    options.list(option::SUPPORTED_SUIT_COSE_PROFILES, profiles, SuitCoseProfile::write);
    options.text(option::ERR_MSG, m.err_msg);
    options.byte_strings(option::SUIT_REPORTS, &m.suit_reports);
    options.bytes(option::TOKEN, m.token);
    options.uints(option::SUPPORTED_FRESHNESS_MECHANISMS, m.supported_freshness_mechanisms.as_ref());
    options.text(option::ERR_LANG, m.err_lang);
    options
}

fn requested_tc(tc: &RequestedTc<'_>, dialect: Dialect, w: &mut Writer) {
    let mut options = Options::new(dialect);
    options.put(option::COMPONENT_ID, |w| {
        w.raw(tc.component_id.as_bytes());
    });
    if let Some(number) = tc.tc_manifest_sequence_number {
        options.put(option::TC_MANIFEST_SEQUENCE_NUMBER, |w| {
            w.uint(number);
        });
    }
    if let Some(have_binary) = tc.have_binary {
        options.put(option::HAVE_BINARY, |w| {
            w.bool(have_binary);
        });
    }
    options.sorted().write(w);
}

/// An options map in the making; absent options leave no trace.
struct Options<'m> {
    dialect: Dialect,
    /// Labels as on the wire, and values.
    entries: Vec<(u64, Value<'m>)>,
}

/// The value of an option. What may be large is not copied before it is written.
enum Value<'m> {
    Encoded(Vec<u8>),
    Bytes(&'m [u8]),
    List(&'m [&'m [u8]]),
}

impl<'m> Options<'m> {
    fn new(dialect: Dialect) -> Self {
        Self { dialect, entries: Vec::new() }
    }

    fn put(&mut self, label: u64, value: impl FnOnce(&mut Writer)) {
        self.add(label, Value::Encoded(encode(value)));
    }

    fn add(&mut self, label: u64, value: Value<'m>) {
        self.entries.push((self.dialect.option_on_wire(label), value));
    }

    fn bytes(&mut self, label: u64, value: Option<&'m [u8]>) {
        if let Some(value) = value {
            self.add(label, Value::Bytes(value));
        }
    }

    fn text(&mut self, label: u64, value: Option<&str>) {
        if let Some(value) = value {
            self.put(label, |w| {
                w.text(value);
            });
        }
    }

    fn uints<T: Copy + Into<u64>>(&mut self, label: u64, values: Option<&Vec<T>>) {
        if let Some(values) = values {
            self.put(label, |w| {
                write_list(w, values, |value, w| {
                    w.uint((*value).into());
                });
            });
        }
    }

    /// A list option that is absent when empty (REQ-TEEP-011).
    fn list<T>(&mut self, label: u64, values: &[T], write: impl Fn(&T, &mut Writer)) {
        if !values.is_empty() {
            self.put(label, |w| write_list(w, values, write));
        }
    }

    fn byte_strings(&mut self, label: u64, values: &'m [&'m [u8]]) {
        if !values.is_empty() {
            self.add(label, Value::List(values));
        }
    }

    fn component_ids(&mut self, label: u64, values: &[ComponentId<'_>]) {
        self.list(label, values, |id, w| {
            w.raw(id.as_bytes());
        });
    }

    fn attestation(&mut self, attestation: Option<&AttestationPayload<'m>>) {
        if let Some(attestation) = attestation {
            self.bytes(option::ATTESTATION_PAYLOAD, Some(attestation.payload));
            self.text(option::ATTESTATION_PAYLOAD_FORMAT, attestation.format);
        }
    }

    /// In the order of the labels, whatever order the options came in.
    fn sorted(mut self) -> Self {
        self.entries.sort_by_key(|(label, _)| *label);
        self
    }

    /// Writes the map.
    fn write(&self, w: &mut Writer) {
        w.map(self.entries.len());
        for (label, value) in &self.entries {
            w.uint(*label);
            match value {
                Value::Encoded(encoded) => _ = w.raw(encoded),
                Value::Bytes(bytes) => _ = w.bytes(bytes),
                Value::List(list) => write_list(w, list, |bytes, w| _ = w.bytes(bytes)),
            }
        }
    }
}

fn write_list<T>(w: &mut Writer, values: &[T], write: impl Fn(&T, &mut Writer)) {
    w.array(values.len());
    for value in values {
        write(value, w);
    }
}
