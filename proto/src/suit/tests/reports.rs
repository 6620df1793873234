// SPDX-License-Identifier: Apache-2.0
//! SUIT Reports, bare and protected, and capability reports.
use super::*;
use crate::cose::{
    AgreementSecret, CONTEXT_SUIT_REPORT, ContentAlgorithm, EncryptTo, KeyWrap, RecipientKey, SymmetricKey,
    encrypt, encrypt0, mac0, sign1,
};
use crate::limits::{MAX_CAPABILITIES, MAX_LIST};

fn id() -> ComponentId<'static> {
    ComponentId::decode(b"\x81\x41c").expect("an id")
}

fn claims() -> SystemPropertyClaims<'static> {
    let parameters = vec![
        Parameter::VendorIdentifier(&[1; 16]),
        Parameter::ImageDigest(Digest::of(b"x")),
        Parameter::ImageSize(9),
        Parameter::Version(b"\x81\x02"),
        Parameter::Custom(-3, Value::Text("x")),
    ];
    SystemPropertyClaims { component_id: id(), parameters }
}

fn capabilities() -> CapabilityReport<'static> {
    CapabilityReport {
        components: vec![
            ComponentCapability { elements: vec![b"TEEP-Device", b"SecureFS"], is_prefix: true },
            ComponentCapability { elements: vec![b"c"], is_prefix: false },
            ComponentCapability { elements: vec![], is_prefix: true },
        ],
        commands: vec![1, 2, 3, 33],
        parameters: vec![1, -1],
        algorithms: vec![-16, -9],
        manifest: vec![5, 24],
        dependency: vec![1],
        other: vec![(vec![3, 1], vec![7]), (vec![2], vec![1, 2])],
        ..CapabilityReport::default()
    }
}

fn full_report() -> Report<'static> {
    let record = Record {
        manifest_id: vec![1, 0],
        section: 20,
        offset: 5,
        component_index: 2,
        properties: vec![Parameter::ImageDigest(Digest::of(b"found"))],
    };
    Report {
        reference_uri: "https://example.org/m.suit",
        manifest_digest: DigestAlgorithm::Sha384.digest(b"m"),
        nonce: Some(&[7; 16]),
        records: vec![
            ReportEntry::Record(record.clone()),
            ReportEntry::Properties(claims()),
            ReportEntry::Properties(claims()),
        ],
        result: ReportResult::Failure { code: -3, record, reason: Reason::ConditionFailed },
        capabilities: Some(CapabilityReport { other: Vec::new(), ..capabilities() }),
    }
}

#[test]
fn reports_round_trip() {
    let bare = Report::new("", Digest::of(b"m"), None);
    let early = ReportResult::Failure { code: 0, record: Record::default(), reason: Reason::CborParse };
    let early = Report { result: early, ..bare.clone() };
    for report in [bare, early, full_report()] {
        let bytes = report.encode().expect("encodes");
        assert_eq!(Report::decode(&bytes), Ok(report), "REQ-SUIT-081, AMB-SUIT-08, AMB-SUIT-17");
        for end in 0..bytes.len() {
            Report::decode(&bytes[..end]).expect_err("cut short");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[end] ^= 1 << bit;
                let _ = Report::decode(&flipped);
            }
        }
    }
    assert_eq!(full_report().properties().count(), 2);
    assert_eq!(claims().digest(), Some(Digest::of(b"x")));
    assert_eq!(SystemPropertyClaims::new(id(), None).digest(), None);
}

#[test]
fn required_members_and_all_of_a_failure() {
    let reference = encode(|w| {
        w.array(2).text("");
        Digest::of(b"m").write(w);
    });
    let report = |members: &[(u64, &[u8])]| {
        let bytes = encode(|w| {
            w.map(members.len());
            for (label, item) in members {
                w.uint(*label).raw(item);
            }
        });
        Report::decode(&bytes).map(|_| ())
    };
    let all: [(u64, &[u8]); 3] = [(3, b"\x80"), (4, b"\xf5"), (99, &reference)];
    report(&all).expect("complete");
    for missing in 0..3 {
        let two: Vec<_> = (0..3).filter(|n| *n != missing).map(|n| all[n]).collect();
        report(&two).expect_err("REQ-SUIT-080");
    }
    let record = b"\x85\x80\x14\x05\x00\xa0";
    let result = |members: &[(u64, &[u8])]| {
        let bytes = encode(|w| {
            w.map(members.len());
            for (label, item) in members {
                w.uint(*label).raw(item);
            }
        });
        report(&[(3, b"\x80"), (4, &bytes), (99, &reference)])
    };
    let members: [(u64, &[u8]); 3] = [(5, b"\x20"), (6, record), (7, b"\x0a")];
    result(&members).expect("all three");
    for missing in 0..3 {
        let two: Vec<_> = (0..3).filter(|n| *n != missing).map(|n| members[n]).collect();
        result(&two).expect_err("code, record and reason");
    }
    report(&[(3, b"\x80"), (4, b"\xf4"), (99, &reference)]).expect_err("a result that is false");
    report(&[(3, b"\x81\xa1\x03\x41\x00"), (4, b"\xf5"), (99, &reference)])
        .expect_err("claims about nothing");
}

#[test]
fn record_limit_and_one_past_it() {
    let many = |n: usize| {
        let records = vec![ReportEntry::Properties(SystemPropertyClaims::new(id(), None)); n];
        Report { records, ..Report::new("", Digest::of(b"m"), None) }.encode()
    };
    Report::decode(&many(MAX_LIST).expect("at the limit")).expect("decodes");
    assert_eq!(many(MAX_LIST + 1).expect_err("one past it").kind, Kind::TooLarge);
    let uri = |n: usize| "u".repeat(n);
    let (at, past) = (uri(crate::limits::MAX_URI), uri(crate::limits::MAX_URI + 1));
    Report::decode(&Report::new(&at, Digest::of(b"m"), None).encode().expect("encodes"))
        .expect("at the limit");
    Report::new(&past, Digest::of(b"m"), None).encode().expect_err("one past it");
}

/// REQ-SUIT-083.
#[test]
fn capability_report_round_trips() {
    let report = capabilities();
    let bytes = report.encode().expect("encodes");
    let read = CapabilityReport::decode(&bytes).expect("decodes");
    assert_eq!(read.encode().expect("encodes"), bytes, "REQ-SUIT-031");
    assert_eq!(read.other, [(vec![2], vec![1, 2]), (vec![3, 1], vec![7])], "in deterministic order");
    assert_eq!(
        CapabilityReport { other: Vec::new(), ..read },
        CapabilityReport { other: Vec::new(), ..report }
    );
    for missing in [
        CapabilityReport { components: vec![], ..capabilities() },
        CapabilityReport { commands: vec![], ..capabilities() },
        CapabilityReport { parameters: vec![], ..capabilities() },
        CapabilityReport { algorithms: vec![], ..capabilities() },
    ] {
        assert_eq!(missing.encode().expect_err("1 to 4 are required").kind, Kind::Malformed);
        let report = Report { capabilities: Some(missing), ..Report::new("", Digest::of(b"m"), None) };
        assert_eq!(report.encode().expect_err("within a report").kind, Kind::Malformed);
    }
    let many = |n| CapabilityReport { commands: vec![1; n], ..capabilities() }.encode();
    CapabilityReport::decode(&many(MAX_CAPABILITIES).expect("at the limit")).expect("decodes");
    assert_eq!(many(MAX_CAPABILITIES + 1).expect_err("one past it").kind, Kind::TooLarge);
    for end in 0..bytes.len() {
        CapabilityReport::decode(&bytes[..end]).expect_err("cut short");
    }
    CapabilityReport::decode(b"\xa4\x01\x81\x82\xf5\x41x\x02\x81\x01\x03\x81\x01\x04\x81\x01")
        .expect_err("true before the end");
    CapabilityReport::decode(b"\xa4\x01\x81\x81\xf4\x02\x81\x01\x03\x81\x01\x04\x81\x01").expect_err("false");
}

/// Bytes that differ from call to call; enough for tests.
fn random() -> impl FnMut(&mut [u8]) -> Result<(), Error> {
    let mut next = 0u8;
    move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(5).wrapping_add(1);
            *byte = next;
        }
        Ok(())
    }
}

fn symmetric(n: u8, len: usize) -> SymmetricKey {
    SymmetricKey::new(&vec![n; len], None).expect("a key")
}

/// Opens with every key there is.
fn open(bytes: &[u8]) -> Result<OpenedReport, Error> {
    let secret = AgreementSecret::from_scalar(&[9; 32]).expect("a scalar");
    let keys = ReportKeys {
        trusted: TrustedKeys {
            public: &[key().public_key()],
            symmetric: &[symmetric(1, 32)],
            ..TrustedKeys::default()
        },
        recipient: &[RecipientKey::Agreement(secret)],
        content: &[symmetric(2, 16)],
    };
    OpenedReport::open(bytes, &keys)
}

/// REQ-SUIT-123, REQ-SUIT-124, REQ-SUIT-082, REQ-SUIT-084, AMB-09: every form there is, with and without tags.
#[test]
fn protected_reports_open() {
    let report = full_report();
    let (signer, mac_key, content_key) = (key(), symmetric(1, 32), symmetric(2, 16));
    let (sign, mac) = (Authenticator::Sign(&signer), Authenticator::Mac(&mac_key));
    let recipient = AgreementSecret::from_scalar(&[9; 32]).expect("a scalar");
    let to = [EncryptTo::Agreement(recipient.public_key(), KeyWrap::A128Kw)];
    let random = &mut random();
    let (gcm, ctr) = (ContentAlgorithm::A128Gcm, ContentAlgorithm::A128Ctr);
    for (bytes, tag, encrypted) in [
        (report.protect(sign).expect("signs"), 1, false),
        (report.protect(mac).expect("authenticates"), 1, false),
        (report.protect_confidential(sign, gcm, &content_key, random).expect("protects"), 1, true),
        (report.protect_confidential(mac, ctr, &content_key, random).expect("protects"), 1, true),
        (report.protect_for(sign, gcm, &to, random).expect("protects"), 2, true),
        (report.protect_for(mac, ctr, &to, random).expect("protects"), 2, true),
    ] {
        for bytes in [&bytes[..], &bytes[tag..]] {
            let opened = open(bytes).expect("opens");
            assert_eq!(opened.report(), Ok(report.clone()));
            assert!(opened.authenticated_by().is_some(), "REQ-SUIT-124");
            assert_eq!(opened.was_encrypted(), encrypted);
        }
        for at in (0..bytes.len()).step_by(3) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            if let Ok(opened) = open(&flipped) {
                assert!(opened.authenticated_by().is_none() || opened.report() == Ok(report.clone()), "{at}");
            }
        }
        OpenedReport::open(&bytes, &ReportKeys::default()).expect_err("without keys");
    }
}

/// REQ-TEEP-066, REQ-TEEP-084, REQ-TEEP-085, REQ-TEEP-086: the report carries the token of the message it answers, and
/// whoever opens it sees by which key, which is not the one of the message around it.
#[test]
fn report_in_an_answer_has_its_token_and_a_key_of_its_own() {
    use crate::cose::Signatures;
    use crate::teep::{Message, QueryResponse, Success};
    let token = [0x7e; 16];
    let (message_key, report_key) = (SigningKey::ed25519_from_seed(&[8; 32]), key());
    let report = Report::new("", Digest::of(b"m"), Some(&token));
    for (signer, own) in [(&report_key, true), (&message_key, false)] {
        let report = report.protect(Authenticator::Sign(signer)).expect("signs");
        let answers = [
            Message::Success(Success { token: Some(&token), suit_reports: vec![&report], msg: None }),
            Message::QueryResponse(QueryResponse {
                token: Some(&token),
                suit_reports: vec![&report],
                ..QueryResponse::default()
            }),
        ];
        for answer in &answers {
            let bytes = sign1(&message_key, &answer.encode().expect("encodes")).expect("signs");
            let verified = Signatures::decode(&bytes).and_then(|s| s.verify(&[message_key.public_key()]));
            let verified = Message::decode(verified.expect("verifies")).expect("decodes");
            let (token, reports) = match verified.get() {
                Message::Success(success) => (success.token, &success.suit_reports),
                Message::QueryResponse(response) => (response.token, &response.suit_reports),
                _ => panic!("another message"),
            };
            let public = [report_key.public_key(), message_key.public_key()];
            let trusted = TrustedKeys { public: &public, ..TrustedKeys::default() };
            let keys = ReportKeys { trusted, ..ReportKeys::default() };
            let opened = OpenedReport::open(reports[0], &keys).expect("opens");
            assert_eq!(opened.report().expect("decodes").nonce, token, "REQ-TEEP-066, REQ-TEEP-085");
            assert_eq!(opened.authenticated_by() != Some(verified.signer()), own, "REQ-TEEP-086");
        }
    }
}

#[test]
fn bare_and_merely_encrypted_reports_are_not_authenticated() {
    let report = full_report();
    let opened = open(&report.encode().expect("encodes")).expect("a bare report");
    assert_eq!((opened.authenticated_by(), opened.was_encrypted()), (None, false), "REQ-SUIT-124");
    let wrapped = encode(|w| {
        w.bytes(&report.encode().expect("encodes"));
    });
    let random = &mut random();
    let alone = encrypt0(ContentAlgorithm::A128Gcm, &symmetric(2, 16), &wrapped, random).expect("encrypts");
    let opened = open(&alone).expect("opens");
    assert_eq!((opened.authenticated_by(), opened.was_encrypted()), (None, true));
    let naked =
        encrypt0(ContentAlgorithm::A128Gcm, &symmetric(2, 16), &report.encode().expect("encodes"), random);
    open(&naked.expect("encrypts")).expect_err("REQ-SUIT-123: the ciphertext holds a byte string");
    // The other order of AMB-09: a COSE_Encrypt of the wrapped report within a signature.
    let recipient = AgreementSecret::from_scalar(&[9; 32]).expect("a scalar");
    let to = [EncryptTo::Agreement(recipient.public_key(), KeyWrap::A128Kw)];
    let inner = encrypt(ContentAlgorithm::A128Gcm, &to, &wrapped, CONTEXT_SUIT_REPORT, random, true)
        .expect("encrypts");
    let opened = open(&sign1(&key(), &inner.structure).expect("signs")).expect("opens");
    assert!(opened.authenticated_by().is_some() && opened.was_encrypted());
}

#[test]
fn attack_layers_upon_layers() {
    let report = full_report().encode().expect("encodes");
    let once = sign1(&key(), &report).expect("signs");
    let twice = sign1(&key(), &once).expect("signs");
    open(&twice).expect_err("signed twice");
    open(&mac0(&symmetric(1, 32), &once).expect("authenticates")).expect_err("authenticated twice");
    open(&sign1(&SigningKey::ed25519_from_seed(&[3; 32]), &report).expect("signs")).expect_err("a stranger");
    for garbage in
        [&b"\x80"[..], b"\x01", b"\x85\x40\xa0\xf6\x40\x40", b"\xd8\x64\xa0", b"\x84\x40\xa0\xf6\x40"]
    {
        open(garbage).expect_err("no report");
    }
}
