// SPDX-License-Identifier: Apache-2.0
//! What a component identifier names on this device.

use alloc::vec::Vec;
use teep_proto::suit::ComponentId;
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

/// Whether two encoded identifiers name the same component.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a == b || native_ta(a).is_some_and(|uuid| native_ta(b) == Some(uuid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use teep_proto::suit::text;

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
    }
}
