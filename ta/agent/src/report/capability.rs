// SPDX-License-Identifier: Apache-2.0
use crate::processor;
use alloc::vec;
use alloc::vec::Vec;
use teep_proto::cose::{Algorithm, ContentAlgorithm, KeyWrap};
use teep_proto::suit::labels::{common, dependency, envelope, manifest};
use teep_proto::suit::{CapabilityReport, ComponentCapability, DigestAlgorithm, Reason};

/// What this Agent's manifest processor has (REQ-SUIT-083).
pub(crate) fn capabilities() -> CapabilityReport<'static> {
    let numbers = |labels: &[u64]| labels.iter().filter_map(|label| i64::try_from(*label).ok()).collect();
    let severable = [
        manifest::DEPENDENCY_RESOLUTION,
        manifest::PAYLOAD_FETCH,
        manifest::CANDIDATE_VERIFICATION,
        manifest::INSTALL,
        manifest::TEXT,
        manifest::COSWID,
    ];
    CapabilityReport {
        components: vec![ComponentCapability {
            elements: vec![b"TEEP-Device", b"SecureFS"],
            is_prefix: true,
        }],
        commands: processor::COMMANDS.to_vec(),
        parameters: processor::PARAMETERS.to_vec(),
        algorithms: algorithms(),
        envelope: numbers(&[envelope::ALL, &severable].concat()),
        manifest: numbers(manifest::ALL),
        common: numbers(common::ALL),
        dependency: numbers(dependency::ALL),
        ..CapabilityReport::default()
    }
}

fn algorithms() -> Vec<i64> {
    let digests = DigestAlgorithm::ALL.map(DigestAlgorithm::number);
    let signatures = [Algorithm::Esp256, Algorithm::Ed25519].map(Algorithm::number);
    let wraps = [KeyWrap::A128Kw, KeyWrap::A192Kw, KeyWrap::A256Kw];
    let contents = [
        ContentAlgorithm::A128Ctr,
        ContentAlgorithm::A192Ctr,
        ContentAlgorithm::A256Ctr,
        ContentAlgorithm::A128Gcm,
        ContentAlgorithm::ChaCha20Poly1305,
    ];
    let mut all = Vec::new();
    all.extend(digests);
    all.extend(signatures);
    all.extend(wraps.map(KeyWrap::number));
    all.extend(wraps.map(KeyWrap::ecdh_es_number));
    all.extend(contents.map(ContentAlgorithm::number));
    all
}

/// The same when a manifest failed for `reason` because it needs something that is not there.
pub(crate) fn capabilities_for(reason: Reason) -> Option<CapabilityReport<'static>> {
    let missing = matches!(
        reason,
        Reason::CoseUnsupported
            | Reason::AlgorithmUnsupported
            | Reason::CommandUnsupported
            | Reason::ComponentUnsupported
            | Reason::ParameterUnsupported
            | Reason::SeveringUnsupported
    );
    missing.then(capabilities)
}
