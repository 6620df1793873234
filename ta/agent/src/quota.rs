// SPDX-License-Identifier: Apache-2.0
//! How much the manifests of one signer may have installed.

use crate::component;
use crate::config::{Quota, TrustStore};
use crate::store::{Full, ManifestRecord, State};
use teep_proto::cose::Thumbprint;

/// What the manifests of one signer have installed.
pub(crate) struct Usage {
    pub(crate) components: u64,
    pub(crate) bytes: u64,
    pub(crate) manifests: u64,
}

impl Usage {
    /// In `state`, of `signer`. A component of two signers' manifests is one of each.
    pub(crate) fn of(state: &State, signer: Thumbprint) -> Self {
        let trust = component::trust_store_manifest();
        let is_its = |manifest: &ManifestRecord| manifest.signer == signer && manifest.id != trust;
        let mut usage = Self { components: 0, bytes: 0, manifests: 0 };
        for component in state.components.iter().filter(|component| state.owners(&component.id).any(is_its)) {
            usage.components = usage.components.saturating_add(1);
            usage.bytes = usage.bytes.saturating_add(component.size);
        }
        usage.manifests = state.manifests.iter().filter(|manifest| is_its(manifest)).count() as u64;
        usage
    }
}

/// Refuses `next` in the place of `state` if a signer's manifests would have more of something than they had, and than
/// their quota allows. What is above a quota that was lowered stays, and may become less.
///
/// # Errors
/// What there is too much of.
pub(crate) fn check(trust: &TrustStore, state: &State, next: &State) -> Result<(), Full> {
    for signer in trust.signers.iter().filter(|signer| signer.quota != Quota::default()) {
        let thumbprint = signer.key.thumbprint();
        let (now, then) = (Usage::of(state, thumbprint), Usage::of(next, thumbprint));
        let Quota { max_components, max_bytes, max_manifests } = signer.quota;
        let exceeded =
            |limit: Option<u64>, now: u64, then: u64| limit.is_some_and(|limit| then > limit) && then > now;
        let texts = [
            (
                exceeded(max_components, now.components, then.components),
                "the signer's quota of components (max-components) is used up: remove one of them first",
            ),
            (
                exceeded(max_bytes, now.bytes, then.bytes),
                "the signer's quota of bytes (max-bytes) is used up: remove a component of it first",
            ),
            (
                exceeded(max_manifests, now.manifests, then.manifests),
                "the signer's quota of manifests (max-manifests) is used up: remove one of them first",
            ),
        ];
        if let Some((_, text)) = texts.into_iter().find(|(exceeded, _)| *exceeded) {
            return Err(Full(text));
        }
    }
    Ok(())
}
