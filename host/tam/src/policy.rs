// SPDX-License-Identifier: Apache-2.0
//! What an Agent gets: what it asked for, newer things than it has, and what belongs to these; and what it is to give
//! up.

mod device;

pub(crate) use device::Device;

use crate::store::Offer;
use std::collections::BTreeSet;
use teep_proto::cose::Thumbprint;
use teep_proto::limits::{MAX_LIST, MAX_MESSAGE};
use teep_proto::suit::{ComponentId, Digest, SystemPropertyClaims};
use teep_proto::teep::RequestedTc;

/// Bytes an Update needs around its envelopes, rounded up: token, signature, and five for each head.
const ROOM_FOR_UPDATE: usize = 1024;

/// What a TAM has, as far as it concerns one device.
pub(crate) struct Catalogue<'o> {
    offers: Vec<&'o Offer>,
    withdrawn: Vec<&'o Offer>,
    /// What there was once, and is not sent any more.
    replaced: &'o [Offer],
}

/// What a device is told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decision<'o> {
    /// Identifiers of the manifests to give up, encoded; this comes first (REQ-TEEP-080).
    pub(crate) unneeded: Vec<&'o [u8]>,
    /// The manifests to install, in this order.
    pub(crate) manifests: Vec<&'o Offer>,
    /// Identifiers of manifests that are not wanted any more, so that nothing brings them back at once.
    gone: BTreeSet<&'o [u8]>,
    room: usize,
}

impl<'o> Catalogue<'o> {
    /// Of `offers` and `withdrawn`, what is for every device and what is for `agent`.
    pub(crate) fn new(agent: Option<Thumbprint>, offers: &'o [Offer], withdrawn: &'o [Offer]) -> Self {
        let is_meant = |offer: &&Offer| offer.agent.is_none() || offer.agent == agent;
        Self {
            offers: offers.iter().filter(is_meant).collect(),
            withdrawn: withdrawn.iter().filter(is_meant).collect(),
            replaced: &[],
        }
    }

    /// The same, with what it knows of manifests that others `replaced`.
    pub(crate) fn knowing(self, replaced: &'o [Offer]) -> Self {
        Self { replaced, ..self }
    }

    /// What `device` is told. `honour_unneeded`: what nobody on it needs any more may go.
    ///
    /// To be given up are manifests that were withdrawn, and with those that the device itself does not need all that
    /// depends on them here. Then come, as far as one Update has room, the offers for what it requests, unless they
    /// have not the sequence number asked for; for what it has with another digest than the offer's, or by an older
    /// manifest than the offer, and a device that tells neither has to ask; and what goes with these or is for this
    /// very device. What an offer depends on precedes it.
    pub(crate) fn decide(&self, device: &Device<'_>, honour_unneeded: bool) -> Decision<'o> {
        let mut decision =
            Decision { room: MAX_MESSAGE.saturating_sub(ROOM_FOR_UPDATE), ..Decision::default() };
        let gone = self.withdrawn.iter().filter(|offer| {
            let id = offer.manifest_id.as_ref();
            device.has_some(offer) && !self.offers.iter().any(|other| other.manifest_id.as_ref() == id)
        });
        gone.for_each(|offer| decision.give_up_for_good(offer));
        if honour_unneeded {
            self.give_up_unneeded(device, &mut decision);
        }
        for tc in &device.response.requested_tc_list {
            self.requested(tc).into_iter().for_each(|offer| self.send(offer, device, &mut decision));
        }
        for tc in device.components() {
            self.outdated(tc, device).into_iter().for_each(|offer| self.send(offer, device, &mut decision));
        }
        self.send_companions(device, &mut decision);
        decision
    }

    /// A hint that a Trusted Application is not needed any more is one that its data is not needed either.
    fn give_up_unneeded(&self, device: &Device<'_>, decision: &mut Decision<'o>) {
        let all = || self.offers.iter().chain(&self.withdrawn);
        for id in &device.response.unneeded_manifest_list {
            for offer in all().filter(|offer| offer.manifest_id.as_deref() == Some(id.as_bytes())) {
                let dependents = all().filter(|other| {
                    let mut on = other.dependencies.iter();
                    on.any(|dependency| dependency.id == id.as_bytes()) && device.has_some(other)
                });
                dependents.for_each(|dependent| decision.give_up_for_good(dependent));
                decision.give_up_for_good(offer);
            }
        }
    }

    /// The offer for `component`: one for this very device before one for all, then the highest sequence number, of
    /// equal ones the first. One that depends on another offer with this component stands for both.
    pub(crate) fn best(&self, component: &ComponentId<'_>) -> Option<&'o Offer> {
        let fitting = || self.offers.iter().copied().filter(|offer| offer.component(component).is_some());
        fitting()
            .filter(|offer| !fitting().any(|other| other.depends_on(offer)))
            .reduce(|best, offer| if rank(offer) > rank(best) { offer } else { best })
    }

    fn requested(&self, tc: &RequestedTc<'_>) -> Option<&'o Offer> {
        let least = tc.tc_manifest_sequence_number.unwrap_or(0);
        self.best(&tc.component_id).filter(|offer| offer.sequence_number >= least)
    }

    fn outdated(&self, tc: &SystemPropertyClaims<'_>, device: &Device<'_>) -> Option<&'o Offer> {
        let offer = self.best(&tc.component_id)?;
        let offered = offer.component(&tc.component_id)?.digest;
        let is_other = tc.digest().zip(offered).is_some_and(|(installed, offered)| installed != offered);
        (is_other || self.is_newer(offer, device)).then_some(offer)
    }

    /// Whether `device` has components of `offer` by other manifests, in whose place this one comes. If nobody here knows
    /// their sequence numbers, the device has to judge; but not where it would have to give up first what depends on them,
    /// as that would be gone if it refuses.
    fn is_newer(&self, offer: &Offer, device: &Device<'_>) -> bool {
        let all = || self.offers.iter().chain(&self.withdrawn).copied().chain(self.replaced);
        let replaces = |digest: Digest| {
            let mut known = all().filter(|other| other.digest == digest).peekable();
            if known.peek().is_none() {
                return !all().any(|other| needs(other, offer) && device.has_some(other));
            }
            known.all(|other| {
                let is_newer = offer.sequence_number > other.sequence_number;
                offer.depends_on(other) || (offer.manifest_id == other.manifest_id && is_newer)
            })
        };
        let mut told = device.manifests_for(offer).peekable();
        !device.has_manifest(offer) && told.peek().is_some() && told.all(replaces)
    }

    /// Whether there is nothing of `offer` that `device` has not.
    fn is_current(&self, offer: &Offer, device: &Device<'_>) -> bool {
        device.has_components(offer) && !self.is_newer(offer, device)
    }

    /// What depends on something that is sent or installed, and what is for this very device.
    fn send_companions(&self, device: &Device<'_>, decision: &mut Decision<'o>) {
        for offer in self.offers.iter().copied() {
            let mut needed = offer.dependencies.iter().filter(|dependency| !dependency.is_brought);
            // It goes with what is replaced, even if it stays the same itself (suit.md 9.5 rule 8).
            let replaced = needed.clone().any(|d| decision.manifests.iter().any(|other| d.is_met_by(other)));
            if replaced {
                self.send(offer, device, decision);
                if device.has_some(offer) && decision.manifests.iter().any(|sent| std::ptr::eq(*sent, offer))
                {
                    decision.give_up(offer);
                }
                continue;
            }
            let depends = needed.clone().next().is_some();
            let met =
                needed.all(|d| self.offers.iter().any(|o| d.is_met_by(o) && self.is_current(o, device)));
            if !self.is_current(offer, device) && met && (depends || offer.agent.is_some()) {
                self.send(offer, device, decision);
            }
        }
    }

    /// Adds `offer` and, before it, what it depends on and does not bring along: all or nothing.
    fn send(&self, offer: &'o Offer, device: &Device<'_>, decision: &mut Decision<'o>) {
        let mut wanted = vec![offer];
        let mut next = 0;
        while let Some(dependent) = wanted.get(next) {
            next = next.saturating_add(1);
            let missing = dependent.dependencies.iter().filter(|dependency| !dependency.is_brought);
            let missing: Vec<_> = missing
                .filter_map(|dependency| self.offers.iter().copied().find(|o| dependency.is_met_by(o)))
                .filter(|dependency| !self.is_current(dependency, device))
                .collect();
            // A manifest that depends on itself never ends, and is never installed.
            if wanted.len().saturating_add(missing.len()) > MAX_LIST {
                return;
            }
            wanted.extend(missing);
        }
        decision.install(&wanted);
    }
}

impl<'o> Decision<'o> {
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.unneeded.is_empty() && self.manifests.is_empty()
    }

    fn give_up(&mut self, offer: &'o Offer) {
        let id = offer.manifest_id.as_deref().filter(|id| !self.unneeded.contains(id));
        if self.unneeded.len() < MAX_LIST {
            self.unneeded.extend(id);
        }
    }

    fn give_up_for_good(&mut self, offer: &'o Offer) {
        self.give_up(offer);
        self.gone.extend(offer.manifest_id.as_deref());
    }

    /// Adds `wanted`, the last one first, without what is there; nothing if one of them is gone.
    fn install(&mut self, wanted: &[&'o Offer]) {
        let mut new: Vec<&'o Offer> = Vec::new();
        for offer in wanted.iter().rev().copied() {
            if !new.iter().chain(&self.manifests).any(|other| std::ptr::eq(*other, offer)) {
                new.push(offer);
            }
        }
        if new.iter().any(|offer| offer.manifest_id.as_deref().is_some_and(|id| self.gone.contains(id))) {
            return;
        }
        let bytes = new.iter().fold(0usize, |sum, offer| sum.saturating_add(offer.envelope.len()));
        let fits = self.manifests.len().saturating_add(new.len()) <= MAX_LIST;
        if let (true, Some(rest)) = (fits, self.room.checked_sub(bytes)) {
            self.room = rest;
            self.manifests.extend(new);
        }
    }
}

fn rank(offer: &Offer) -> (bool, u64) {
    (offer.agent.is_some(), offer.sequence_number)
}

/// Whether `dependent` needs `offer`, in whatever version, and does not bring it along.
fn needs(dependent: &Offer, offer: &Offer) -> bool {
    let mut needed = dependent.dependencies.iter().filter(|dependency| !dependency.is_brought);
    needed.any(|dependency| offer.manifest_id.as_ref() == Some(&dependency.id))
}

#[cfg(test)]
mod tests;
