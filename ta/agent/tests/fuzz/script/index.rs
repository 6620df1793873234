// SPDX-License-Identifier: Apache-2.0
//! The Agent's index as it stands in storage, read without the Agent's own code.

use std::collections::BTreeMap;
use teep_proto::cbor::{Major, Reader};

/// What is installed, by the index.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) floors: BTreeMap<Vec<u8>, u64>,
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) components: Vec<Component>,
    pub(crate) updates: usize,
    /// The platform is to do something yet.
    pub(crate) has_journal: bool,
    /// The object with the Attestation Result about the device.
    pub(crate) passport: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) id: Vec<u8>,
    pub(crate) sequence_number: u64,
    pub(crate) signer: Vec<u8>,
    pub(crate) digest: Vec<u8>,
    pub(crate) object: u64,
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) dependencies: Vec<Vec<u8>>,
    pub(crate) components: Vec<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) id: Vec<u8>,
    /// Algorithm and value.
    pub(crate) digest: Option<(i128, Vec<u8>)>,
    pub(crate) size: u64,
    pub(crate) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Native(Vec<u8>),
    Object(u64),
}

/// An item, as far as the index has any.
#[derive(Debug)]
enum Item {
    Int(i128),
    Bytes(Vec<u8>),
    Array(Vec<Item>),
    Other,
}

impl Index {
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let Item::Array(items) = item(&mut Reader::open(bytes).expect("one item")) else {
            panic!("no index")
        };
        let [_format, _next, floors, manifests, components, updates, passport, journal] = items.as_slice()
        else {
            panic!("an index of {} items", items.len())
        };
        let manifests = manifests.array().iter().map(|record| {
            let [id, sequence_number, signer, digest, object, roots, dependencies, components, ..] =
                record.array()
            else {
                panic!("{record:?}")
            };
            Manifest {
                id: id.bytes(),
                sequence_number: sequence_number.uint(),
                signer: signer.bytes(),
                digest: digest.array()[1].bytes(),
                object: object.uint(),
                roots: roots.array().iter().map(Item::bytes).collect(),
                dependencies: dependencies.array().iter().map(Item::bytes).collect(),
                components: components.array().iter().map(Item::bytes).collect(),
            }
        });
        let components = components.array().iter().map(|record| {
            let [id, digest, size, .., place, content, _confidential] = record.array() else {
                panic!("{record:?}")
            };
            Component {
                id: id.bytes(),
                digest: match digest {
                    Item::Array(digest) => Some((digest[0].int(), digest[1].bytes())),
                    _ => None,
                },
                size: size.uint(),
                content: match place.uint() {
                    0 => Content::Native(content.bytes()),
                    _ => Content::Object(content.uint()),
                },
            }
        });
        Self {
            floors: floors.array().chunks(2).map(|pair| (pair[0].bytes(), pair[1].uint())).collect(),
            manifests: manifests.collect(),
            components: components.collect(),
            updates: updates.array().len(),
            has_journal: matches!(journal, Item::Array(_)),
            passport: if let Item::Int(_) = passport { Some(passport.uint()) } else { None },
        }
    }

    /// The manifests with a link on the component `id`.
    pub(crate) fn owners<'i>(&'i self, id: &'i [u8]) -> impl Iterator<Item = &'i Manifest> {
        self.manifests.iter().filter(move |manifest| manifest.components.iter().any(|own| same(own, id)))
    }

    pub(crate) fn manifest(&self, id: &[u8]) -> Option<&Manifest> {
        self.manifests.iter().find(|manifest| manifest.id == id)
    }

    pub(crate) fn objects(&self) -> Vec<u64> {
        let content = self.components.iter().filter_map(|component| match component.content {
            Content::Object(object) => Some(object),
            Content::Native(_) => None,
        });
        let manifests = self.manifests.iter().map(|manifest| manifest.object);
        let mut objects: Vec<_> = manifests.chain(content).chain(self.passport).collect();
        objects.sort_unstable();
        objects.dedup();
        objects
    }
}

/// Whether two identifiers name the same component: a TA has a long and a short one.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a == b || native(a).is_some_and(|uuid| native(b) == Some(uuid))
}

/// The UUID of the TA with the identifier `id`.
pub(crate) fn native(id: &[u8]) -> Option<[u8; 16]> {
    let id = teep_proto::suit::ComponentId::decode(id).ok()?;
    let elements: Vec<_> = id.elements().collect();
    match elements.as_slice() {
        [uuid] | [b"TEEP-Device", b"SecureFS", uuid, b"ta"] => (*uuid).try_into().ok(),
        _ => None,
    }
}

fn item(reader: &mut Reader<'_>) -> Item {
    if reader.next_is(Major::Array) {
        let items = reader.array("an array").expect("an array");
        return Item::Array((0..items).map(|_| item(reader)).collect());
    }
    let bytes = reader.item().expect("an item");
    let mut one = Reader::open(bytes).expect("the item");
    match bytes[0] >> 5 {
        0 => Item::Int(one.uint("a number").expect("a number").into()),
        1 => Item::Int(one.int("a number").expect("a number").into()),
        2 => Item::Bytes(one.bytes("bytes").expect("bytes").to_vec()),
        _ => Item::Other,
    }
}

impl Item {
    fn int(&self) -> i128 {
        if let Self::Int(number) = self { *number } else { panic!("{self:?} is no integer") }
    }

    fn uint(&self) -> u64 {
        u64::try_from(self.int()).expect("no negative number")
    }

    fn bytes(&self) -> Vec<u8> {
        if let Self::Bytes(bytes) = self { bytes.clone() } else { panic!("{self:?} is no byte string") }
    }

    fn array(&self) -> &[Self] {
        if let Self::Array(items) = self { items } else { panic!("{self:?} is no array") }
    }
}
