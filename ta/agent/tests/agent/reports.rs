// SPDX-License-Identifier: Apache-2.0
//! SUIT Reports, and how they are protected (REQ-SUIT-082, REQ-TEEP-086).

use crate::SUITE;
use crate::author::*;
use crate::support::*;
use teep_agent::config::Suite;
use teep_proto::cose::{AgreementSecret, PublicKey, RecipientKey};
use teep_proto::suit::{
    Digest, Envelope, OpenedReport, Reason, ReportKeys, ReportLayer, ReportResult, TrustedKeys,
};
use teep_proto::teec::{Command, Reply};
use teep_proto::teep::labels::data_item;
use teep_proto::teep::{Message, QueryRequest, SuitCoseProfile};
use teep_sim::MemoryEnv;

/// A conversation: `request`, then an Update with `envelopes`.
fn converse(device: &mut Device, request: QueryRequest<'_>, envelopes: &[Vec<u8>]) -> Received {
    device.invoke(Command::RequestPolicyCheck, &[]);
    device.process(&signed_query_request(request));
    device.process(&update(&tam_key(), envelopes))
}

/// Profiles of an Agent of this suite.
pub(crate) fn profiles(suite: Suite) -> [SuitCoseProfile; 2] {
    match suite {
        Suite::Esp256 => [SuitCoseProfile::ESP256_ECDH_A128CTR, SuitCoseProfile::ESP256_ECDH_A128GCM],
        Suite::Ed25519 => [SuitCoseProfile::ED25519_ECDH_A128CTR, SuitCoseProfile::ED25519_ECDH_CHACHA_POLY],
    }
}

fn report_key(device: &mut Device) -> PublicKey {
    let Reply::Info(info) = device.invoke(Command::Info, &[]) else { panic!("no info") };
    PublicKey::from_cose_key(&info.report_key).expect("a key")
}

fn raw_reports(received: &Received) -> Vec<Vec<u8>> {
    match received.message() {
        Message::Success(m) => m.suit_reports.into_iter().map(<[u8]>::to_vec).collect(),
        other => panic!("{}", other.name()),
    }
}

#[test]
fn report_is_signed_with_a_key_of_its_own() {
    let mut device = Device::new();
    let received = converse(&mut device, query_request(), &[envelope(1)]);
    let key = report_key(&mut device);
    assert_ne!(key, device.public_key(), "REQ-TEEP-086");
    for report in raw_reports(&received) {
        let trusted = TrustedKeys { public: std::slice::from_ref(&key), ..TrustedKeys::default() };
        let keys = ReportKeys { trusted, ..ReportKeys::default() };
        let opened = OpenedReport::open(&report, &keys).expect("the report key's signature");
        assert_eq!(opened.authenticated_by(), Some(key.thumbprint()));
        assert!(!opened.was_encrypted(), "the TAM's key is not known");
    }
}

#[test]
fn report_is_encrypted_to_the_tam_whose_key_is_known() {
    let secret = AgreementSecret::from_scalar(&[0x44; 32]).expect("a scalar");
    let mut config = configuration();
    config.trust.tams[0].report_key = Some(secret.public_key().clone());
    for profile in profiles(SUITE) {
        let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
        let request = QueryRequest { supported_suit_cose_profiles: vec![profile], ..query_request() };
        let received = converse(&mut device, request, &[envelope(1)]);
        let key = report_key(&mut device);
        let report = raw_reports(&received).remove(0);
        let ReportLayer::Encrypted(encrypted) = ReportLayer::decode(&report).expect("a report") else {
            panic!("it is not encrypted")
        };
        assert_eq!(encrypted.algorithm().number(), profile.0[3]);
        let trusted = TrustedKeys { public: &[key], ..TrustedKeys::default() };
        let recipient = [RecipientKey::Agreement(secret.clone())];
        let keys = ReportKeys { trusted, recipient: &recipient, ..ReportKeys::default() };
        let opened = OpenedReport::open(&report, &keys).expect("the TAM can read it");
        assert!(opened.was_encrypted() && opened.authenticated_by().is_some());
        let report = opened.report().expect("a report");
        assert_eq!((report.nonce, report.result), (received.token().as_deref(), ReportResult::Success));
    }
}

#[test]
fn tam_without_a_common_profile_gets_no_reports() {
    let mut device = Device::new();
    let offered = profiles(other_suite()).to_vec();
    let request = QueryRequest { supported_suit_cose_profiles: offered, ..query_request() };
    let received = converse(&mut device, request, &[envelope(1)]);
    assert_eq!((received.code(), raw_reports(&received).len()), (0, 0));
}

#[test]
fn report_of_success_tells_what_is_installed() {
    let mut device = Device::new();
    let envelope = envelope(1);
    let received = device.update(std::slice::from_ref(&envelope));
    let reports = received.full_reports();
    assert_eq!(
        reports[0].manifest_digest,
        Envelope::decode(&envelope).expect("an envelope").claimed_digest()
    );
    let properties: Vec<_> = reports[0].properties().map(|p| p.digest()).collect();
    assert_eq!(properties, [Some(Digest::of(&Author::new(1).image))]);
    assert_eq!(reports[0].capabilities, None);
}

#[test]
fn report_of_something_missing_tells_what_there_is() {
    let mut author = Author::new(1);
    author.manifest.components = vec![teep_proto::suit::ComponentId::encode(&["TEEP-Device", "..", "x"])];
    let received = Device::new().update(&[author.envelope()]);
    assert_eq!(received.refusal(), (11, Reason::ComponentUnsupported));
    let reports = received.full_reports();
    let capabilities = reports[0].capabilities.as_ref().expect("REQ-SUIT-083");
    assert!(capabilities.commands.contains(&33) && capabilities.algorithms.contains(&-9));
}

#[test]
fn asked_for_reports_it_tells_what_is_installed_and_what_it_can() {
    let mut device = Device::new();
    let request = || QueryRequest {
        data_item_requested: data_item::SUIT_REPORTS | data_item::TRUSTED_COMPONENTS,
        ..query_request()
    };
    for installed in 0..2 {
        device.invoke(Command::RequestPolicyCheck, &[]);
        let received = device.process(&signed_query_request(request()));
        device.agent.close(&mut device.session);
        let reports = received.full_reports();
        assert_eq!(reports.len(), 1);
        assert!(reports[0].capabilities.is_some());
        assert_eq!(reports[0].properties().count(), installed);
        device.update(&[envelope(1)]);
    }
    for n in 0..20 {
        device.update(&[Author::of([n; 16], 1).envelope()]);
    }
    device.invoke(Command::RequestPolicyCheck, &[]);
    let received = device.process(&signed_query_request(request()));
    assert_eq!(received.full_reports().len(), 21, "and it fits a reply");
}

#[test]
fn manifest_that_linux_damaged_in_storage_is_reported_all_the_same() {
    for damage in [None, Some(vec![]), Some(vec![0xff; 300])] {
        let mut device = Device::new();
        device.update(&[envelope(1)]);
        let object = device.env.object_names().into_iter().find(|name| name != "state").expect("stored");
        device.env.tamper(&object, damage);
        device.invoke(Command::RequestPolicyCheck, &[]);
        let request = QueryRequest { data_item_requested: data_item::SUIT_REPORTS, ..query_request() };
        let received = device.process(&signed_query_request(request));
        let reports = received.full_reports();
        let installed = Envelope::decode(&envelope(1)).expect("an envelope").claimed_digest();
        assert_eq!(reports[0].manifest_digest, installed);
    }
}

#[test]
fn report_names_the_failing_command_of_a_dependency() {
    let mut bad = Author::new(1);
    bad.vendor = [9; 16];
    let bad = bad.envelope();
    let author = DataAuthor::new("app", Data::Clear(b"x")).needing(Needed::ta(TA, "#ta", &bad));
    let received = Device::new().update(&[author.envelope()]);
    let reports = received.full_reports();
    let ReportResult::Failure { record, reason, .. } = &reports[0].result else { panic!("no failure") };
    assert_eq!((record.manifest_id.as_slice(), *reason), (&[1][..], Reason::ConditionFailed));
}
