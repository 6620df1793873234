// SPDX-License-Identifier: Apache-2.0
//! Envelopes and reports.

use super::super::{Made, common};
use super::{accept, lms, reject};
use serde_json::json;
use teep_proto::cbor::encode;
use teep_proto::cose::SigningKey;
use teep_proto::suit::labels::{command, manifest};
use teep_proto::suit::{
    CapabilityReport, ComponentCapability, ComponentId, Digest, DigestAlgorithm, EnvelopeBuilder,
    ManifestBuilder, Parameter, Reason, Record, Report, ReportEntry, ReportResult, SequenceBuilder,
    SystemPropertyClaims,
};

const VENDOR: &[u8] = b"\xc0\xdd\xd5\xf1\x52\x43\x56\x60\x87\xdb\x4f\x5b\x0a\xa2\x6c\x2f";

fn builder() -> ManifestBuilder {
    let check = SequenceBuilder::new().simple(command::IMAGE_MATCH, 15).build();
    ManifestBuilder {
        sequence_number: 1,
        component_id: Some(ComponentId::encode(&["component", "suit"])),
        components: vec![ComponentId::encode(&["component"])],
        shared: SequenceBuilder::new()
            .override_parameters(&[
                Parameter::VendorIdentifier(VENDOR),
                Parameter::ImageDigest(Digest::of(b"payload")),
                Parameter::ImageSize(7),
            ])
            .simple(command::VENDOR_IDENTIFIER, 15)
            .build(),
        sections: vec![
            (
                manifest::INSTALL,
                SequenceBuilder::new()
                    .override_parameters(&[Parameter::Uri("#payload")])
                    .simple(command::FETCH, 15)
                    .simple(command::IMAGE_MATCH, 15)
                    .build(),
            ),
            (manifest::VALIDATE, check),
            (manifest::UNINSTALL, SequenceBuilder::new().simple(command::UNLINK, 15).build()),
        ],
        ..ManifestBuilder::default()
    }
}

/// A dependent: its component 0 is the manifest of the dependency, whose digest it demands.
fn dependent(dependency: &[u8]) -> ManifestBuilder {
    let digest = Digest::of(&encode(|w| {
        w.bytes(dependency);
    }));
    let fetch = SequenceBuilder::new()
        .set_component_index(0)
        .override_parameters(&[Parameter::Uri("#dependency"), Parameter::ImageDigest(digest)])
        .simple(command::FETCH, 15)
        .simple(command::DEPENDENCY_INTEGRITY, 15);
    let process = |s: SequenceBuilder| s.simple(command::PROCESS_DEPENDENCY, 15).build();
    ManifestBuilder {
        sequence_number: 2,
        component_id: Some(ComponentId::encode(&["dependent", "suit"])),
        dependencies: vec![(0, Some(ComponentId::encode(&["dependency"])))],
        components: vec![ComponentId::encode(&["dependency"]), ComponentId::encode(&["configuration"])],
        sections: vec![
            (manifest::DEPENDENCY_RESOLUTION, fetch.build()),
            (manifest::INSTALL, process(SequenceBuilder::new().set_component_index(0))),
            (manifest::VALIDATE, process(SequenceBuilder::new().set_component_index(0))),
        ],
        ..ManifestBuilder::default()
    }
}

fn envelopes() -> Vec<Made> {
    let (p256, ed25519) = (common::signing_key("own-p256"), common::signing_key("own-ed25519"));
    let plain = builder().build();
    let payloads: &[(&str, &[u8])] = &[("#payload", b"payload")];
    let sign = |envelope: EnvelopeBuilder<'_>, keys: &[SigningKey]| envelope.sign(keys).expect("signs");
    let with = |name, bytes, keys: &[&str]| accept(name, bytes, "suit-envelope", json!({ "keys": keys }));
    let new = EnvelopeBuilder { payloads, ..EnvelopeBuilder::new(&plain) };
    let mut severed = builder();
    let install = severed.sever(manifest::INSTALL, DigestAlgorithm::Sha256).expect("severable");
    let severed = severed.build();
    let dependency = sign(new, std::slice::from_ref(&ed25519));
    let outer = dependent(&plain).build();
    let set: &[(&str, &[u8])] = &[("#dependency", &dependency)];
    let by_ed25519 = sign(new, std::slice::from_ref(&ed25519));
    let mut changed_manifest = by_ed25519.clone();
    let at = changed_manifest.windows(plain.len()).position(|w| w == plain).expect("the manifest");
    // The sequence number: map head, 1, 1, 2, then the number.
    changed_manifest[at + 4] ^= 2;
    vec![
        with("suit-ed25519", by_ed25519, &["own-ed25519"]),
        with(
            "suit-untagged",
            sign(EnvelopeBuilder { tagged: false, ..new }, std::slice::from_ref(&p256)),
            &["own-p256"],
        ),
        with("suit-two-signers", sign(new, &[ed25519.clone(), p256.clone()]), &["own-p256"]),
        with(
            "suit-sha384",
            sign(EnvelopeBuilder { algorithm: DigestAlgorithm::Sha384, ..new }, std::slice::from_ref(&p256)),
            &["own-p256"],
        ),
        accept(
            "suit-hss-lms",
            new.build(&[by_hss_lms(&new.digest())]),
            "suit-envelope",
            json!({ "keys": ["own-hss-lms"], "hss_lms": true }),
        ),
        reject(
            "suit-hss-lms-not-accepted",
            new.build(&[by_hss_lms(&new.digest())]),
            "suit-envelope",
            json!({ "keys": ["own-hss-lms"] }),
            ["unsupported-algorithm", "accepted algorithm", "the receiver is not set to accept HSS-LMS"],
        ),
        with(
            "suit-severed-install",
            sign(
                EnvelopeBuilder { severed: &[install], payloads, ..EnvelopeBuilder::new(&severed) },
                std::slice::from_ref(&p256),
            ),
            &["own-p256"],
        ),
        with(
            "suit-dependency-set",
            sign(
                EnvelopeBuilder { payloads: set, ..EnvelopeBuilder::new(&outer) },
                std::slice::from_ref(&p256),
            ),
            &["own-p256"],
        ),
        reject(
            "suit-changed-manifest",
            changed_manifest,
            "suit-envelope",
            json!({ "keys": ["own-ed25519"] }),
            ["unauthenticated", "digest", "the sequence number was changed after signing"],
        ),
        reject(
            "suit-untrusted-signer",
            sign(new, &[p256]),
            "suit-envelope",
            json!({ "keys": ["own-ed25519"] }),
            [
                "unauthenticated",
                "no signature by a trusted key",
                "signed by another key than the trusted one",
            ],
        ),
    ]
}

/// An authentication block of the profile suit-sha256-hsslms-a256kw-a256ctr.
fn by_hss_lms(digest: &[u8]) -> Vec<u8> {
    let public = common::public_key("own-hss-lms");
    let published = common::member(&common::key("own-hss-lms"), "pub");
    assert_eq!(hex::encode(lms::public_key()), hex::encode(published), "keys.json");
    let protected = encode(|w| {
        w.map(1).int(1).int(-46);
    });
    let signed = encode(|w| {
        w.array(4).text("Signature1").bytes(&protected).bytes(b"").bytes(digest);
    });
    encode(|w| {
        w.tag(18).array(4).bytes(&protected).map(1).int(4).bytes(&public.thumbprint().0).null();
        w.bytes(&lms::sign(0, &signed));
    })
}

fn reports() -> Vec<Made> {
    const NONCE: &[u8] = b"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7";
    let digest = Digest::of(b"manifest");
    let id = ComponentId::encode(&["component"]);
    let id = ComponentId::decode(&id).expect("a component identifier");
    let new = || Report::new("https://example.org/m.suit", digest, Some(NONCE));
    let record = Record {
        manifest_id: vec![0],
        section: manifest::INSTALL,
        offset: 3,
        component_index: 1,
        properties: vec![Parameter::ImageDigest(Digest::of(b"found"))],
    };
    let measured = SystemPropertyClaims::new(id, Some(Digest::of(b"component")));
    let records = vec![ReportEntry::Properties(measured), ReportEntry::Record(record.clone())];
    let result = ReportResult::Failure { code: -7, record, reason: Reason::ConditionFailed };
    let component = ComponentCapability { elements: vec![b"component"], is_prefix: true };
    let capabilities = CapabilityReport {
        components: vec![component],
        commands: vec![command::IMAGE_MATCH, command::FETCH],
        parameters: vec![3, 14, 21],
        algorithms: vec![-16, -9],
        ..CapabilityReport::default()
    };
    let with =
        |name, report: Report<'_>| accept(name, report.encode().expect("encodes"), "suit-report", json!({}));
    vec![
        with("report-success", new()),
        with("report-without-nonce", Report { nonce: None, ..new() }),
        with("report-failure", Report { records, result, ..new() }),
        with("report-capabilities", Report { capabilities: Some(capabilities), ..new() }),
        reject(
            "report-without-reference",
            encode(|w| {
                w.map(2).uint(3).array(0).uint(4).bool(true);
            }),
            "suit-report",
            json!({}),
            ["malformed", "suit-reference", "member 99 is missing"],
        ),
    ]
}

pub(super) fn all() -> Vec<Made> {
    let mut all = envelopes();
    all.extend(reports());
    all
}
