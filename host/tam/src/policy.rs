// SPDX-License-Identifier: Apache-2.0
//! What an Agent gets: what it asked for, and newer things than it has.

use crate::store::Offer;
use teep_proto::limits::{MAX_LIST, MAX_MESSAGE};
use teep_proto::suit::{ComponentId, SystemPropertyClaims};
use teep_proto::teep::{QueryResponse, RequestedTc};

/// Bytes an Update needs around its envelopes, rounded up: token, signature, and five for each head.
const ROOM_FOR_UPDATE: usize = 512;

/// The offers that answer `response`, each once and in the order it asks for them, as far as one Update has
/// room.
///
/// A requested component gets its offer, unless that has not the sequence number asked for. An installed one
/// gets it when its digest is known to differ from that of the offer: a device without the digest in its
/// claims has to ask.
pub(crate) fn decide<'o>(response: &QueryResponse<'_>, offers: &'o [Offer]) -> Vec<&'o Offer> {
    let requested = response.requested_tc_list.iter().filter_map(|tc| requested(tc, offers));
    let outdated = response.tc_list.iter().flatten().filter_map(|tc| outdated(tc, offers));
    let mut room = MAX_MESSAGE.saturating_sub(ROOM_FOR_UPDATE);
    let mut chosen: Vec<&Offer> = Vec::new();
    for offer in requested.chain(outdated) {
        let known = chosen.iter().any(|other| std::ptr::eq(*other, offer));
        if known || chosen.len() >= MAX_LIST {
            continue;
        }
        if let Some(rest) = room.checked_sub(offer.envelope.len()) {
            room = rest;
            chosen.push(offer);
        }
    }
    chosen
}

/// The offer of highest sequence number for `component`; of equal ones the first.
pub(crate) fn best<'o>(component: &ComponentId<'_>, offers: &'o [Offer]) -> Option<&'o Offer> {
    offers
        .iter()
        .filter(|offer| offer.component(component).is_some())
        .reduce(|best, offer| if offer.sequence_number > best.sequence_number { offer } else { best })
}

fn requested<'o>(tc: &RequestedTc<'_>, offers: &'o [Offer]) -> Option<&'o Offer> {
    let least = tc.tc_manifest_sequence_number.unwrap_or(0);
    best(&tc.component_id, offers).filter(|offer| offer.sequence_number >= least)
}

fn outdated<'o>(tc: &SystemPropertyClaims<'_>, offers: &'o [Offer]) -> Option<&'o Offer> {
    let offer = best(&tc.component_id, offers)?;
    let (installed, offered) = (tc.digest()?, offer.component(&tc.component_id)?.digest?);
    (installed != offered).then_some(offer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OfferedComponent;
    use teep_proto::suit::Digest;

    fn offer(name: &str, components: &[(&[u8], u8)], sequence_number: u64, bytes: usize) -> Offer {
        let components = components
            .iter()
            .map(|(id, digest)| OfferedComponent {
                id: id.to_vec(),
                digest: Some(Digest::sha256([*digest; 32])),
            })
            .collect();
        Offer { name: name.to_owned(), components, sequence_number, envelope: vec![0; bytes] }
    }

    fn id(name: u8) -> Vec<u8> {
        ComponentId::encode(&[[name]])
    }

    type Wanted<'b> = (&'b [u8], Option<u64>);
    type Installed<'b> = (&'b [u8], Option<u8>);

    fn wanted<'b>((id, number): &Wanted<'b>) -> RequestedTc<'b> {
        let component_id = ComponentId::decode(id).unwrap();
        RequestedTc { component_id, tc_manifest_sequence_number: *number, have_binary: None }
    }

    fn installed<'b>((id, digest): &Installed<'b>) -> SystemPropertyClaims<'b> {
        let component_id = ComponentId::decode(id).unwrap();
        SystemPropertyClaims::new(component_id, digest.map(|d| Digest::sha256([d; 32])))
    }

    /// Names of what an Agent gets that wants and has these components.
    fn chosen(wants: &[Wanted<'_>], has: &[Installed<'_>], offers: &[Offer]) -> Vec<String> {
        let response = QueryResponse {
            requested_tc_list: wants.iter().map(wanted).collect(),
            tc_list: Some(has.iter().map(installed).collect()),
            ..QueryResponse::default()
        };
        decide(&response, offers).into_iter().map(|offer| offer.name.clone()).collect()
    }

    #[test]
    fn requested_and_outdated_components_are_sent_once() {
        let (a, b, c) = (id(1), id(2), id(3));
        let offers = [offer("ab", &[(&a, 1), (&b, 1)], 5, 10), offer("c", &[(&c, 1)], 1, 10)];
        assert_eq!(chosen(&[(&a, None), (&b, None)], &[(&b, Some(9))], &offers), ["ab"]);
        assert_eq!(chosen(&[], &[(&a, Some(1)), (&c, Some(2))], &offers), ["c"]);
        assert_eq!(chosen(&[(&c, None)], &[(&a, Some(2))], &offers), ["c", "ab"], "what was asked for first");
        assert!(chosen(&[], &[(&a, Some(1)), (&b, Some(1)), (&id(9), Some(1))], &offers).is_empty());
        assert!(chosen(&[], &[(&a, None)], &offers).is_empty(), "nothing is known to differ");
        assert!(chosen(&[(&id(9), None)], &[], &offers).is_empty());
    }

    #[test]
    fn the_highest_sequence_number_wins() {
        let a = id(1);
        let offers: Vec<Offer> = [3, 7, 7, 5]
            .iter()
            .enumerate()
            .map(|(i, n)| offer(&i.to_string(), &[(&a, i as u8)], *n, 10))
            .collect();
        assert_eq!(chosen(&[(&a, None)], &[], &offers), ["1"]);
        assert_eq!(chosen(&[(&a, Some(7))], &[], &offers), ["1"]);
        assert!(chosen(&[(&a, Some(8))], &[], &offers).is_empty(), "less than was asked for");
        assert!(chosen(&[], &[(&a, Some(1))], &offers).is_empty());
        assert_eq!(chosen(&[], &[(&a, Some(3))], &offers), ["1"]);
    }

    #[test]
    fn one_update_stays_within_the_message_limit() {
        let ids: Vec<Vec<u8>> = (0..MAX_LIST as u8 + 1).map(id).collect();
        let wanted: Vec<Wanted<'_>> = ids.iter().map(|id| (&**id, None)).collect();
        let small: Vec<Offer> = ids.iter().map(|id| offer("small", &[(id, 1)], 1, 10)).collect();
        assert_eq!(chosen(&wanted, &[], &small).len(), MAX_LIST);
        let half = MAX_MESSAGE / 2;
        let large = [
            offer("first", &[(&ids[0], 1)], 1, half),
            offer("too much", &[(&ids[1], 1)], 1, half),
            offer("small", &[(&ids[2], 1)], 1, 100),
        ];
        assert_eq!(chosen(&wanted, &[], &large), ["first", "small"]);
    }
}
