// SPDX-License-Identifier: Apache-2.0
use super::*;
use std::os::unix::fs::PermissionsExt;
use teep_proto::cose::SigningKey;
use teep_suit::{Description, create};

struct World {
    dir: tempfile::TempDir,
    directory: Directory,
    signer: SigningKey,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let (directory, made) = Directory::init(&dir.path().join("tam")).unwrap();
    assert_eq!(made.len(), 3);
    let signer = keys::generate(Algorithm::Esp256).unwrap();
    directory.add_signer(&signer.public_key(), None).unwrap();
    World { dir, directory, signer }
}

impl World {
    fn envelope(&self, name: &str, sequence_number: u64, key: &SigningKey) -> PathBuf {
        let description = Description::new([1; 16], sequence_number, [2; 16], [3; 16], name.into());
        let path = self.dir.path().join(name);
        fs::write(&path, create(&description, std::slice::from_ref(key)).unwrap()).unwrap();
        path
    }
}

#[test]
fn init_again_changes_nothing() {
    let World { dir, directory, .. } = world();
    let root = dir.path().join("tam");
    let before = directory.config().unwrap();
    let (again, made) = Directory::init(&root).unwrap();
    assert!(made.is_empty());
    let kid = |config: &TamConfig| config.signing_key(Algorithm::Esp256).public_key().thumbprint();
    assert_eq!(kid(&again.config().unwrap()), kid(&before));
    assert_eq!(fs::metadata(root.join(KEYS)).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(Directory::open(&root).is_ok());
    assert!(matches!(Directory::open(dir.path()), Err(StoreError::NotFound(text)) if text.contains("init")));
}

#[test]
fn a_published_manifest_is_offered_until_withdrawn() {
    let world = world();
    let path = world.envelope("hello.suit", 1, &world.signer);
    let published = world.directory.publish(&path, None, &[]).unwrap();
    assert!(!published.replaced);
    assert_eq!(world.directory.offers().unwrap().items, [published.offer]);
    assert!(matches!(world.directory.publish(&path, None, &[]), Err(StoreError::Nothing(_))));
    world.envelope("hello.suit", 2, &world.signer);
    assert!(world.directory.publish(&path, None, &[]).unwrap().replaced);
    let offers = world.directory.offers().unwrap().items;
    assert_eq!((offers.len(), offers[0].sequence_number), (1, 2));
    world.directory.withdraw("hello.suit", false).unwrap();
    assert!(world.directory.offers().unwrap().items.is_empty());
    assert!(matches!(world.directory.withdraw("hello.suit", false), Err(StoreError::NotFound(_))));
}

#[test]
fn req_teep_111_what_no_vetted_signer_signed_is_not_offered() {
    let world = world();
    let stranger = keys::generate(Algorithm::Ed25519).unwrap();
    let path = world.envelope("alien.suit", 1, &stranger);
    assert!(
        matches!(world.directory.publish(&path, None, &[]), Err(StoreError::Refused(t)) if t.contains("add-signer"))
    );
    // Nor when it is put there by hand.
    let inside = world.dir.path().join("tam/manifests");
    fs::copy(&path, inside.join("alien.suit")).unwrap();
    fs::write(inside.join("junk.suit"), "junk").unwrap();
    fs::write(inside.join("long.suit"), vec![0; MAX_MESSAGE + 10]).unwrap();
    fs::write(inside.join("notes.txt"), "junk").unwrap();
    let offers = world.directory.offers().unwrap();
    assert!(offers.items.is_empty());
    let names: Vec<&str> = offers.unusable.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["manifests/alien.suit", "manifests/junk.suit", "manifests/long.suit"]);
    world.directory.add_signer(&stranger.public_key(), Some("stranger")).unwrap();
    assert_eq!(world.directory.offers().unwrap().items.len(), 1);
}

#[test]
fn agents_are_enrolled_once_and_by_name() {
    let World { directory, dir, .. } = world();
    let [one, two] = [(); 2].map(|()| keys::generate(Algorithm::Esp256).unwrap().public_key());
    assert_eq!(directory.enrol(&one, Some("board-1")).unwrap(), "board-1.cose");
    assert!(matches!(directory.enrol(&one, None), Err(StoreError::Nothing(t)) if t.contains("board-1")));
    assert!(matches!(directory.enrol(&two, Some("board-1")), Err(StoreError::Invalid(_))));
    let name = directory.enrol(&two, None).unwrap();
    assert_eq!(name, format!("{}.cose", &two.thumbprint().to_string()[..16]));
    fs::write(dir.path().join("tam/agents/broken.cose"), "?").unwrap();
    fs::write(dir.path().join("tam/agents/.hidden"), "?").unwrap();
    let agents = directory.agents().unwrap();
    assert_eq!(agents.items.len(), 2);
    assert_eq!(agents.unusable.len(), 1);
}

/// REQ-ARCH-007.
#[test]
fn attack_one_key_in_two_roles() {
    let World { directory, dir, signer } = world();
    let says = |result: Result<String, StoreError>| {
        assert!(
            matches!(result, Err(StoreError::Invalid(t)) if t.contains("each role needs keys of its own"))
        );
    };
    let agent = keys::generate(Algorithm::Ed25519).unwrap().public_key();
    directory.enrol(&agent, Some("board")).unwrap();
    says(directory.add_signer(&agent, None));
    says(directory.enrol(&signer.public_key(), None));
    let config = directory.config().unwrap();
    for algorithm in [Algorithm::Esp256, Algorithm::Ed25519] {
        let own = config.signing_key(algorithm).public_key();
        says(directory.enrol(&own, None));
        says(directory.add_signer(&own, None));
    }
    // By hand: it counts in neither role, and is named in both.
    let root = dir.path().join("tam");
    fs::copy(root.join("agents/board.cose"), root.join("signers/board.cose")).unwrap();
    assert!(directory.agents().unwrap().items.is_empty());
    assert_eq!(directory.signer_anchors().unwrap(), [signer.public_key().into()]);
    for listing in [directory.agent_entries().unwrap(), directory.signer_entries().unwrap()] {
        assert_eq!(listing.unusable.len(), 1);
        assert!(listing.unusable[0].1.contains("each role needs keys of its own"), "{:?}", listing.unusable);
    }
    fs::remove_file(root.join("signers/board.cose")).unwrap();
    assert_eq!(directory.agents().unwrap().items, [agent]);
    fs::copy(root.join("keys/tam-ed25519.pub.cose"), root.join("agents/tam.cose")).unwrap();
    assert!(
        matches!(directory.config(), Err(StoreError::Invalid(t)) if t.starts_with("agents/tam.cose is a key of"))
    );
}

#[test]
fn names_do_not_leave_the_directory() {
    let world = world();
    let key = keys::generate(Algorithm::Esp256).unwrap().public_key();
    for name in ["../evil", "a/b", "", ".hidden", "-x", "a b", "a\n", "é", &"x".repeat(101)] {
        assert!(matches!(world.directory.enrol(&key, Some(name)), Err(StoreError::Invalid(_))), "{name:?}");
    }
    for name in ["../evil", "a/../b", "a/b/c", "", ".hidden", "-x", "a b", "a\n", "é", &"x".repeat(101)] {
        assert!(matches!(world.directory.withdraw(name, false), Err(StoreError::Invalid(_))), "{name:?}");
    }
}

#[test]
fn a_manifest_can_be_for_one_device() {
    let world = world();
    let [one, two] = [(); 2].map(|()| keys::generate(Algorithm::Esp256).unwrap().public_key());
    world.directory.enrol(&one, Some("board-1")).unwrap();
    world.directory.enrol(&two, Some("board-2")).unwrap();
    let kid = one.thumbprint();
    for name in ["board-1", "board-1.cose", &kid.to_string()[..8]] {
        assert_eq!(world.directory.agent(name).unwrap(), kid);
    }
    for name in ["board", "board-3", &kid.to_string()[..7], ""] {
        assert!(matches!(world.directory.agent(name), Err(StoreError::NotFound(_))), "{name:?}");
    }
    let path = world.envelope("greeting.suit", 1, &world.signer);
    let published = world.directory.publish(&path, Some(kid), &[]).unwrap().offer;
    assert_eq!(published.name, format!("for-{:.16}/greeting.suit", kid.to_string()));
    assert_eq!(world.directory.offers().unwrap().items, std::slice::from_ref(&published));
    assert_eq!(published.agent, Some(kid));
    // A device that is shut out gets nothing, and what was its own is for nobody else.
    fs::remove_file(world.dir.path().join("tam/agents/board-1.cose")).unwrap();
    let offers = world.directory.offers().unwrap();
    assert!(offers.items.is_empty() && offers.unusable[0].1.contains("not enrolled"), "{offers:?}");
}

#[test]
fn what_is_withdrawn_can_be_given_up() {
    let world = world();
    let path = world.envelope("hello.suit", 1, &world.signer);
    let offer = world.directory.publish(&path, None, &[]).unwrap().offer;
    world.directory.withdraw("hello.suit", true).unwrap();
    assert!(world.directory.offers().unwrap().items.is_empty());
    assert_eq!(world.directory.withdrawn().unwrap().items, std::slice::from_ref(&offer));
    // Nor does it help the signer that nobody vets it any more.
    fs::remove_dir_all(world.dir.path().join("tam/signers")).unwrap();
    fs::create_dir(world.dir.path().join("tam/signers")).unwrap();
    assert_eq!(world.directory.withdrawn().unwrap().items, [offer]);
    world.directory.add_signer(&world.signer.public_key(), None).unwrap();
    world.directory.publish(&path, None, &[]).unwrap();
    assert!(world.directory.withdrawn().unwrap().items.is_empty(), "it is wanted again");
}

#[test]
fn payloads_are_those_the_manifest_names() {
    let world = world();
    let path = world.envelope("hello.suit", 1, &world.signer);
    let (good, bad) = (world.dir.path().join("hello.ta"), world.dir.path().join("other.ta"));
    fs::write(&good, "hello.suit").unwrap();
    fs::write(&bad, "other").unwrap();
    let refused = world.directory.publish(&path, None, &[bad]).unwrap_err().to_string();
    assert!(refused.contains("does not name"), "{refused}");
    assert!(world.directory.offers().unwrap().items.is_empty(), "nothing is half published");
    assert_eq!(world.directory.publish(&path, None, &[good]).unwrap().payloads, ["hello.ta"]);
    assert_eq!(fs::read(world.directory.payloads().join("hello.ta")).unwrap(), b"hello.suit");
}

#[test]
fn a_replaced_manifest_is_remembered_by_its_digest() {
    let world = world();
    let path = world.envelope("hello.suit", 1, &world.signer);
    let first = world.directory.publish(&path, None, &[]).unwrap().offer;
    assert_eq!(world.directory.replaced(first.digest).unwrap(), None, "it is there");
    world.envelope("hello.suit", 2, &world.signer);
    let second = world.directory.publish(&path, None, &[]).unwrap().offer;
    let known = world.directory.replaced(first.digest).unwrap().expect("it was there");
    assert_eq!((known.sequence_number, &known.manifest_id), (1, &first.manifest_id));
    assert!(known.envelope.len() < first.envelope.len(), "without its payload");
    world.directory.withdraw("hello.suit", false).unwrap();
    assert_eq!(world.directory.replaced(second.digest).unwrap().expect("it was there").sequence_number, 2);
    assert_eq!(world.directory.replaced(Digest::of(b"never there")).unwrap(), None);
    // By somebody who is not vetted, or under another digest, it says nothing.
    let place = |digest: Digest| world.dir.path().join(format!("tam/replaced/{digest}.suit"));
    fs::copy(place(first.digest), place(second.digest)).unwrap();
    assert_eq!(world.directory.replaced(second.digest).unwrap(), None);
    fs::remove_dir_all(world.dir.path().join("tam/signers")).unwrap();
    assert_eq!(world.directory.replaced(first.digest).unwrap(), None);
}
