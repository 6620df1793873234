// SPDX-License-Identifier: Apache-2.0
//! What a component identifier names on this device.

use alloc::vec::Vec;
use teep_proto::suit::{ComponentId, text};
use teep_proto::teec::AGENT_UUID;

/// The native Trusted Application that `id` names: as `[UUID]` or as the TEEP examples form it,
/// `['TEEP-Device', 'SecureFS', UUID, 'ta']`, and in no other way. A signer's right to some prefix must not
/// reach a TA through a name of its own making.
///
/// The Agent itself is none: it is part of the platform.
pub(crate) fn native_ta(id: &[u8]) -> Option<[u8; 16]> {
    let id = ComponentId::decode(id).ok()?;
    let elements: Vec<&[u8]> = id.elements().collect();
    let uuid = match elements.as_slice() {
        [uuid] | [b"TEEP-Device", b"SecureFS", uuid, b"ta"] => <[u8; 16]>::try_from(*uuid).ok()?,
        _ => return None,
    };
    (uuid != AGENT_UUID).then_some(uuid)
}

/// The encoded identifier of the Agent's trust store.
pub(crate) fn trust_store() -> Vec<u8> {
    ComponentId::encode(&text::trust_store())
}

/// The encoded identifier of the one manifest that may bring a trust store.
pub(crate) fn trust_store_manifest() -> Vec<u8> {
    ComponentId::encode(&text::trust_store_manifest())
}

/// Names that only identifiers of native TAs and of their manifests end with.
const RESERVED: [&[u8]; 2] = [b"ta", b"suit"];

/// Whether this device can hold the component `id`: a native TA or a data component.
///
/// Identifiers of data components are no file names here; still none has an element that a file system could take for
/// something else (REQ-SUIT-090), and none looks like another form of a native TA's.
pub(crate) fn is_supported(id: &ComponentId<'_>) -> bool {
    if native_ta(id.as_bytes()).is_some() {
        return true;
    }
    let is_name = |element: &[u8]| {
        !element.is_empty() && element != b"." && element != b".." && !has_separator(element)
    };
    let reserved = |last: &[u8]| RESERVED.iter().any(|name| last.eq_ignore_ascii_case(name));
    !id.is_empty()
        && !id.is_agents()
        && id.elements().all(is_name)
        && !id.elements().last().is_some_and(reserved)
}

/// Whether `element` is text with a separator of paths. UUIDs have any octets.
fn has_separator(element: &[u8]) -> bool {
    let is_text = element.iter().all(|octet| (b' '..=b'~').contains(octet));
    is_text && element.iter().any(|octet| matches!(octet, b'/' | b'\\'))
}

/// The native TA whose data `id` is by its name: `['TEEP-Device', 'SecureFS', UUID, name]`.
pub(crate) fn personalized_ta(id: &[u8]) -> Option<[u8; 16]> {
    let id = ComponentId::decode(id).ok()?;
    let elements: Vec<&[u8]> = id.elements().collect();
    match elements.as_slice() {
        [b"TEEP-Device", b"SecureFS", uuid, name] if !RESERVED.contains(name) => {
            <[u8; 16]>::try_from(*uuid).ok().filter(|uuid| *uuid != AGENT_UUID)
        }
        _ => None,
    }
}

/// Whether two encoded identifiers name the same component.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a == b || native_ta(a).is_some_and(|uuid| native_ta(b) == Some(uuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_native_ta_has_two_names_and_no_more() {
        let (short, long) = (ComponentId::encode(&[[7; 16]]), ComponentId::encode(&text::native_ta([7; 16])));
        assert_eq!((native_ta(&short), native_ta(&long)), (Some([7; 16]), Some([7; 16])));
        assert!(same(&short, &long));
        let alias = |elements: &[&[u8]]| native_ta(&ComponentId::encode(elements));
        assert_eq!(alias(&[b"x", &[7; 16], b"ta"]), None);
        assert_eq!(alias(&[b"TEEP-Device", b"SecureFS", &[6; 16], &[7; 16], b"ta"]), None);
        assert_eq!(alias(&[&[7; 16], b"ta"]), None);
        assert_eq!(alias(&[&[7; 15]]), None);
        assert_eq!(alias(&[]), None);
    }

    #[test]
    fn the_agent_is_no_component() {
        assert_eq!(native_ta(&ComponentId::encode(&text::native_ta(AGENT_UUID))), None);
        for name in [&text::native_ta(AGENT_UUID)[..], &[AGENT_UUID.to_vec()]] {
            assert!(!is_supported(&ComponentId::decode(&ComponentId::encode(name)).expect("an id")));
        }
    }

    #[test]
    fn data_components_have_harmless_names() {
        let supported = |elements: &[&[u8]]| {
            is_supported(&ComponentId::decode(&ComponentId::encode(elements)).expect("an id"))
        };
        assert!(supported(&[b"TEEP-Device", b"SecureFS", b"config.json"]));
        assert!(supported(&[b"TEEP-Device", b"SecureFS", &[7; 16], b"config.json"]));
        assert!(supported(&[b"\0"]), "as in the examples of the manifest document");
        let refused: [&[&[u8]]; 10] = [
            &[],
            &[b""],
            &[b"TEEP-Device", b".."],
            &[b"."],
            &[b"a/b"],
            &[b"a\\b"],
            &[b"x", b"../../etc/passwd"],
            &[b"x", &[7; 16], b"ta"],
            &[&[7; 16], b"TA"],
            &[b"x", b"suit"],
        ];
        for elements in refused {
            assert!(!supported(elements), "{elements:?}");
        }
    }

    #[test]
    fn personalization_data_names_its_ta() {
        let of = |elements: &[&[u8]]| personalized_ta(&ComponentId::encode(elements));
        assert_eq!(of(&[b"TEEP-Device", b"SecureFS", &[7; 16], b"config.json"]), Some([7; 16]));
        assert_eq!(of(&[b"TEEP-Device", b"SecureFS", &[7; 16], b"ta"]), None);
        assert_eq!(of(&[b"TEEP-Device", b"SecureFS", b"config.json"]), None);
    }
}
