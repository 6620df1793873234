// SPDX-License-Identifier: Apache-2.0
//! What stands where in the formats. The numbers and most names are those of the tables of labels.

use super::printer::Shape::{self, Any, Bits, Commands, ComponentId, Cose, ErrCode, List, Map, Message};
use super::printer::Shape::{Either, MapAnd, Number, Open, OpenIf, Options, Tuple, Values};
use crate::cbor::{Major, Reader};
use crate::cose::{Algorithm, ContentAlgorithm};
use crate::eat::labels as claim;
use crate::suit::labels::{SYSTEM_COMPONENT_ID, TAG_ENVELOPE, parameter, report, text};
use crate::suit::labels::{capability, command, common, component_text, dependency, envelope, manifest};
use crate::suit::{DigestAlgorithm, Reason};
use crate::teep::labels::{freshness, message_type, option as label};

/// A form that needs no name.
macro_rules! shape {
    ($shape:expr) => {{
        static SHAPE: Shape = $shape;
        &SHAPE
    }};
}

/// A table of unsigned labels as one of labels.
macro_rules! names {
    ($module:ident) => {
        |number| u64::try_from(number).ok().and_then($module::name)
    };
}

pub(super) static MESSAGE: Shape = Cose(&Message);
pub(super) static REPORT: Shape = Cose(shape!(Either(Major::Map, &REPORT_MAP, &COSE)));
pub(super) static EAT: Shape = Cose(&CLAIMS_SET);
pub(super) static COSE: Shape = Cose(&Any);

// TEEP

/// The items behind the type of a message.
pub(super) fn message_items(kind: Option<u64>) -> &'static [(&'static str, Shape)] {
    static QUERY_REQUEST: [(&str, Shape); 4] = [
        ("options", Options),
        ("supported-teep-cipher-suites", List(&SUITE)),
        ("supported-suit-cose-profiles", List(&PROFILE)),
        ("data-item-requested", Bits(&["attestation", "trusted-components", "extensions", "suit-reports"])),
    ];
    match kind {
        Some(message_type::QUERY_REQUEST) => &QUERY_REQUEST,
        Some(message_type::ERROR) => &[("options", Options), ("err-code", ErrCode)],
        _ => &[("options", Options)],
    }
}

/// The value of an option, by its final label.
pub(super) fn option(number: u64) -> &'static Shape {
    match number {
        label::SUPPORTED_TEEP_CIPHER_SUITES => shape!(List(&SUITE)),
        label::SUPPORTED_SUIT_COSE_PROFILES => shape!(List(&PROFILE)),
        label::ATTESTATION_PAYLOAD => shape!(Open(&EAT)),
        label::TC_LIST => shape!(List(&PROPERTIES)),
        label::MANIFEST_LIST => shape!(List(shape!(Open(&ENVELOPE)))),
        label::REQUESTED_TC_LIST => shape!(List(&Options)),
        label::UNNEEDED_MANIFEST_LIST => shape!(List(&ComponentId)),
        label::COMPONENT_ID => &ComponentId,
        label::SUIT_REPORTS => shape!(List(shape!(Open(&REPORT)))),
        label::SUPPORTED_FRESHNESS_MECHANISMS => shape!(List(shape!(Number(names!(freshness))))),
        label::ERR_CODE => &ErrCode,
        _ => &Any,
    }
}

static SUITE: Shape = List(&Tuple(&[("structure", Number(structure)), ("algorithm", Number(algorithm))]));
static PROFILE: Shape = List(shape!(Number(algorithm)));

fn structure(number: i64) -> Option<&'static str> {
    match number {
        18 => Some("COSE_Sign1"),
        98 => Some("COSE_Sign"),
        _ => None,
    }
}

// COSE

pub(super) static PROTECTED: Shape = Open(&HEADER);
pub(super) static HEADER: Shape = HEADER_MAP;
pub(super) static SIGNATURES: Shape =
    List(&Tuple(&[("protected", Open(&HEADER)), ("unprotected", HEADER_MAP), ("signature", Any)]));
pub(super) static RECIPIENTS: Shape =
    List(&Tuple(&[("protected", Open(&HEADER)), ("unprotected", HEADER_MAP), ("encrypted key", Any)]));
/// Number of the one MAC algorithm.
pub(super) const HMAC_256: i64 = Algorithm::Hmac256.number();

const HEADER_MAP: Shape = Map(header_name, |number| match number {
    1 => &ALGORITHM,
    -1 => &COSE_KEY,
    _ => &Any,
});
static COSE_KEY: Shape = Map(
    |number| {
        Some(match number {
            1 => "kty",
            2 => "kid",
            3 => "alg",
            -1 => "crv",
            -2 => "x",
            -3 => "y",
            _ => return None,
        })
    },
    |number| if number == 3 { &ALGORITHM } else { &Any },
);
static ALGORITHM: Shape = Number(algorithm);

fn header_name(number: i64) -> Option<&'static str> {
    Some(match number {
        1 => "alg",
        2 => "crit",
        3 => "content type",
        4 => "kid",
        5 => "IV",
        -1 => "ephemeral key",
        -20 => "salt",
        _ => return None,
    })
}

/// The algorithm in an encoded protected header.
pub(super) fn header_algorithm(header: &[u8]) -> Option<i64> {
    let mut r = Reader::open(header).ok()?;
    for _ in 0..r.map("a header").ok()? {
        if r.int("a label").ok()? == 1 {
            return r.int("an algorithm").ok();
        }
        r.item().ok()?;
    }
    None
}

fn algorithm(number: i64) -> Option<&'static str> {
    Some(match number {
        -3 => "A128KW",
        -4 => "A192KW",
        -5 => "A256KW",
        -29 => "ECDH-ES+A128KW",
        -30 => "ECDH-ES+A192KW",
        -31 => "ECDH-ES+A256KW",
        _ => match (Algorithm::from_number(number), ContentAlgorithm::from_number(number)) {
            (Some(Algorithm::Esp256), _) => "ESP256",
            (Some(Algorithm::Ed25519), _) => "Ed25519",
            (Some(Algorithm::Es256), _) => "ES256",
            (Some(Algorithm::HssLms), _) => "HSS-LMS",
            (Some(Algorithm::Hmac256), _) => "HMAC 256/256",
            (_, Some(ContentAlgorithm::A128Ctr)) => "A128CTR",
            (_, Some(ContentAlgorithm::A192Ctr)) => "A192CTR",
            (_, Some(ContentAlgorithm::A256Ctr)) => "A256CTR",
            (_, Some(ContentAlgorithm::A128Gcm)) => "A128GCM",
            (_, Some(ContentAlgorithm::ChaCha20Poly1305)) => "ChaCha20/Poly1305",
            (None, None) => match DigestAlgorithm::from_number(number)? {
                DigestAlgorithm::Sha256 => "SHA-256",
                DigestAlgorithm::Sha384 => "SHA-384",
                DigestAlgorithm::Sha512 => "SHA-512",
            },
        },
    })
}

// SUIT

static DIGEST: Shape = DIGEST_TUPLE;
static REFERENCE: Shape = Tuple(&[("uri", Any), ("digest", DIGEST_TUPLE)]);
const DIGEST_TUPLE: Shape = Tuple(&[("algorithm", Number(algorithm)), ("digest", Any)]);

pub(super) static ENVELOPE: Shape = MapAnd(
    |number| names!(envelope)(number).or_else(|| names!(manifest)(number)),
    |number| match u64::try_from(number) {
        Ok(envelope::AUTHENTICATION_WRAPPER) => shape!(Open(&WRAPPER)),
        Ok(envelope::MANIFEST) => shape!(Open(&MANIFEST)),
        Ok(number) => manifest_member(number),
        Err(_) => &Any,
    },
    // Behind a URI: an integrated dependency, or a payload.
    Major::Text,
    &Any,
    shape!(OpenIf(TAG_ENVELOPE, &ENVELOPE)),
);
/// The first entry is the digest, the others are authentication blocks.
static WRAPPER: Shape = List(shape!(Open(shape!(Cose(&DIGEST)))));
static MANIFEST: Shape = Map(names!(manifest), |number| u64::try_from(number).map_or(&Any, manifest_member));
static SEVERABLE: Shape = Either(Major::Array, &DIGEST, shape!(Open(&Commands)));

fn manifest_member(number: u64) -> &'static Shape {
    match number {
        manifest::COMMON => shape!(Open(&COMMON)),
        manifest::COMPONENT_ID => &ComponentId,
        manifest::SET_VERSION => shape!(Open(&Any)),
        manifest::VALIDATE | manifest::LOAD | manifest::INVOKE | manifest::UNINSTALL => {
            shape!(Open(&Commands))
        }
        manifest::DEPENDENCY_RESOLUTION
        | manifest::PAYLOAD_FETCH
        | manifest::CANDIDATE_VERIFICATION
        | manifest::INSTALL => &SEVERABLE,
        manifest::TEXT => shape!(Either(Major::Array, &DIGEST, shape!(Open(&TEXT)))),
        manifest::COSWID => shape!(Either(Major::Array, &DIGEST, shape!(Open(&Any)))),
        _ => &Any,
    }
}

static COMMON: Shape = Map(names!(common), |number| match u64::try_from(number) {
    Ok(common::DEPENDENCIES) => shape!(Values(&DEPENDENCY)),
    Ok(common::COMPONENTS) => shape!(List(&ComponentId)),
    Ok(common::SHARED_SEQUENCE) => shape!(Open(&Commands)),
    _ => &Any,
});
static DEPENDENCY: Shape = Map(names!(dependency), |number| match u64::try_from(number) {
    Ok(dependency::PREFIX) => &ComponentId,
    _ => &Any,
});
static TEXT: Shape = Values(shape!(MapAnd(
    text::name,
    |_| &Any,
    Major::Array,
    &ComponentId,
    shape!(Map(component_text::name, |_| &Any))
)));

pub(super) fn command_name(code: i64) -> Option<&'static str> {
    command::name(code)
}

/// What follows a command.
pub(super) fn argument(code: i64) -> &'static Shape {
    match code {
        command::TRY_EACH => shape!(List(shape!(Open(&Commands)))),
        command::RUN_SEQUENCE => shape!(Open(&Commands)),
        command::SET_PARAMETERS | command::OVERRIDE_PARAMETERS => &PARAMETERS,
        command::OVERRIDE_MULTIPLE => shape!(Values(&PARAMETERS)),
        command::COPY_PARAMS => shape!(Values(shape!(List(shape!(Number(parameter::name)))))),
        _ => &Any,
    }
}

static PARAMETERS: Shape = Map(parameter::name, parameter_value);

fn parameter_value(number: i64) -> &'static Shape {
    match number {
        parameter::IMAGE_DIGEST => shape!(Open(&DIGEST)),
        parameter::ENCRYPTION_INFO => shape!(Open(&COSE)),
        parameter::VERSION | parameter::WAIT_INFO | parameter::COMPONENT_METADATA => shape!(Open(&Any)),
        _ => &Any,
    }
}

static PROPERTIES: Shape = Map(
    |number| if number == SYSTEM_COMPONENT_ID { Some("component-id") } else { parameter::name(number) },
    |number| if number == SYSTEM_COMPONENT_ID { &ComponentId } else { parameter_value(number) },
);

static REPORT_MAP: Shape = Map(names!(report), |number| match u64::try_from(number) {
    Ok(report::REFERENCE) => &REFERENCE,
    Ok(report::RECORDS) => shape!(List(shape!(Either(Major::Array, &RECORD, &PROPERTIES)))),
    Ok(report::RESULT) => &RESULT,
    Ok(report::CAPABILITY_REPORT) => &CAPABILITIES,
    _ => &Any,
});
static RESULT: Shape = Map(names!(report), |number| match u64::try_from(number) {
    Ok(report::RESULT_RECORD) => &RECORD,
    Ok(report::RESULT_REASON) => shape!(Number(reason)),
    _ => &Any,
});
static RECORD: Shape = Tuple(&[
    ("manifest", Any),
    ("section", Number(names!(manifest))),
    ("offset", Any),
    ("component-index", Any),
    ("properties", Map(parameter::name, parameter_value)),
]);
static CAPABILITIES: Shape = Map(names!(capability), |number| match u64::try_from(number) {
    Ok(capability::COMPONENTS) => shape!(List(&ComponentId)),
    Ok(capability::COMMANDS) => shape!(List(shape!(Number(command::name)))),
    Ok(capability::PARAMETERS) => shape!(List(shape!(Number(parameter::name)))),
    Ok(capability::ALGORITHMS) => shape!(List(shape!(Number(algorithm)))),
    Ok(capability::MANIFEST) => shape!(List(shape!(Number(names!(manifest))))),
    Ok(capability::TEXT) => shape!(List(shape!(Number(text::name)))),
    Ok(capability::COMPONENT_TEXT) => shape!(List(shape!(Number(component_text::name)))),
    _ => &Any,
});

fn reason(number: i64) -> Option<&'static str> {
    u64::try_from(number).ok().and_then(Reason::from_number).map(Reason::text)
}

// EAT

static CLAIMS_SET: Shape = Map(crate::eat::claim_name, |number| match number {
    claim::CONFIRMATION => &CONFIRMATION,
    claim::MANIFESTS => shape!(List(&MANIFEST_CLAIM)),
    claim::MEASUREMENTS => shape!(List(&MEASUREMENT)),
    _ => &Any,
});
static CONFIRMATION: Shape = Map(
    |number| match number {
        claim::confirmation::COSE_KEY => Some("COSE_Key"),
        claim::confirmation::KID => Some("kid"),
        claim::confirmation::THUMBPRINT => Some("ckt"),
        _ => None,
    },
    |number| if number == claim::confirmation::COSE_KEY { &COSE_KEY } else { &Any },
);
static MEASUREMENT: Shape = Tuple(&[("content type", Any), ("content", Any)]);
static MANIFEST_CLAIM: Shape =
    Tuple(&[("content type", Any), ("content", Either(Major::Bytes, shape!(Open(&REFERENCE)), &REFERENCE))]);
