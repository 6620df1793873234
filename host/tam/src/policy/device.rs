// SPDX-License-Identifier: Apache-2.0
use crate::store::Offer;
use teep_proto::suit::{Digest, Report, ReportResult, SystemPropertyClaims};
use teep_proto::teep::QueryResponse;

/// What a device has, as it tells in a QueryResponse.
///
/// The tc-list names components and their digests, in either dialect, and no sequence number: tc-manifest-sequence-number
/// is in requested-tc-list only, and SUIT has no parameter for it that system-property-claims could have. Which
/// manifests these components are of is in the SUIT Reports, by the digests of the manifests.
pub(crate) struct Device<'r> {
    pub(crate) response: &'r QueryResponse<'r>,
    manifests: Vec<Report<'r>>,
}

impl<'r> Device<'r> {
    /// A device that says `response`, with the SUIT Reports in it opened. What cannot be read, or is about a manifest that
    /// failed, says nothing about what is installed.
    pub(crate) fn new(response: &'r QueryResponse<'r>, reports: &'r [Option<Vec<u8>>]) -> Self {
        let reports = reports.iter().flatten().filter_map(|report| Report::decode(report).ok());
        let manifests = reports.filter(|report| report.result == ReportResult::Success).collect();
        Self { response, manifests }
    }

    /// Its components.
    pub(crate) fn components(&self) -> &'r [SystemPropertyClaims<'r>] {
        self.response.tc_list.as_deref().unwrap_or_default()
    }

    /// Whether something of `offer` is installed, in whatever version.
    pub(crate) fn has_some(&self, offer: &Offer) -> bool {
        self.components().iter().any(|tc| offer.component(&tc.component_id).is_some())
    }

    /// Whether all components of `offer` are installed, in its version. Where the offer does not tell the digest of one,
    /// that is so if its manifest is.
    pub(crate) fn has_components(&self, offer: &Offer) -> bool {
        offer.components.iter().all(|component| {
            let mut same = self.components().iter().filter(|tc| tc.component_id.as_bytes() == component.id);
            match component.digest {
                Some(digest) => same.any(|tc| tc.digest() == Some(digest)),
                None => self.has_manifest(offer) && same.any(|tc| tc.digest().is_some()),
            }
        })
    }

    /// The manifests that it tells to have, by their digests.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = Digest> {
        self.manifests.iter().map(|report| report.manifest_digest)
    }

    /// Whether it tells that this very manifest is installed.
    pub(crate) fn has_manifest(&self, offer: &Offer) -> bool {
        self.manifests().any(|digest| digest == offer.digest)
    }

    /// The manifests that it tells to have for components of `offer`, by their digests.
    pub(crate) fn manifests_for(&self, offer: &Offer) -> impl Iterator<Item = Digest> {
        let is_for = |report: &&Report<'_>| {
            report.properties().any(|claims| offer.component(&claims.component_id).is_some())
        };
        self.manifests.iter().filter(is_for).map(|report| report.manifest_digest)
    }
}
