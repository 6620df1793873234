// SPDX-License-Identifier: Apache-2.0
//! What must hold whatever was done to the Agent.

use super::fixture::CONFIG;
use super::index::{Content, Index, native, same};
use std::collections::BTreeMap;
use teep_agent::config::TrustStore;
use teep_agent::{Agent, Env, Session, Storage};
use teep_proto::suit::{ComponentId, Digest, DigestAlgorithm, Envelope, text};
use teep_proto::teec::{Command, Reply, TaRequest};
use teep_sim::MemoryEnv;

/// Bytes of the index at most.
const MAX_INDEX: usize = 64 * 1024;
/// Manifests, and components.
const MAX_INSTALLED: usize = 31;

pub(crate) fn object(env: &MemoryEnv, name: &str) -> Option<Vec<u8>> {
    env.clone().storage().read(name, usize::MAX).ok().flatten()
}

/// The index in storage; an empty one where none was written.
pub(crate) fn index(env: &MemoryEnv) -> Index {
    object(env, "state").map(|bytes| Index::decode(&bytes)).unwrap_or_default()
}

/// What a start of the device, with power and a platform that works, makes of its storage, checked. The Trusted
/// Applications `lost` were taken from the platform by somebody else.
pub(crate) fn restart(env: &MemoryEnv, lost: &[[u8; 16]]) -> Index {
    let twin = env.twin();
    twin.restore_power();
    twin.set_out_of_memory(false);
    twin.set_answers_lost(false);
    twin.set_write_answers_lost(false, false);
    let mut agent = Agent::new(twin.clone(), &CONFIG.encode()).expect("the configuration");
    let nothing = TaRequest { component_id: vec![b"nothing".to_vec()], tam_uri_hint: None };
    let reply = agent.invoke(&mut Session::default(), Command::UnrequestTa, &nothing.encode());
    assert_eq!(Reply::decode(&reply), Ok(Reply::Nothing), "the state is read after a restart");
    let index = index(&twin);
    assert!(!index.has_journal, "what was interrupted is finished");
    sound(&twin, &index, lost);
    index
}

/// The state is one that the configuration's signers and TAMs can have made.
fn sound(env: &MemoryEnv, index: &Index, lost: &[[u8; 16]]) {
    assert!(env.object_len("state").is_none_or(|len| len <= MAX_INDEX));
    assert!(index.manifests.len() <= MAX_INSTALLED && index.components.len() <= MAX_INSTALLED);
    assert!(index.floors.len() <= 256 && index.updates <= 64);
    let mut names: Vec<String> = index.objects().iter().map(|number| format!("c{number}")).collect();
    let mut found: Vec<String> =
        env.object_names().into_iter().filter(|name| name.starts_with('c')).collect();
    names.sort();
    found.sort();
    assert_eq!(found, names, "objects are those that the index refers to");
    manifests(env, index);
    components(env, index, lost);
    for uuid in env.installed_uuids() {
        let known = index.components.iter().any(|component| native(&component.id) == Some(uuid));
        assert!(known, "the platform has {uuid:02x?}, and nobody knows of it");
    }
}

fn manifests(env: &MemoryEnv, index: &Index) {
    let tams: Vec<_> = CONFIG.trust.tams.iter().map(|tam| Digest::of(tam.uri.as_bytes())).collect();
    for manifest in &index.manifests {
        assert_eq!(index.manifests.iter().filter(|other| other.id == manifest.id).count(), 1);
        let floor = index.floors.get(Digest::of(&manifest.id).as_bytes());
        assert!(floor.is_some_and(|floor| *floor >= manifest.sequence_number), "the floor is not below");
        for root in &manifest.roots {
            assert!(tams.iter().any(|tam| tam.as_bytes() == root), "a TAM that nobody knows");
        }
        let dependents = index.manifests.iter().any(|other| other.dependencies.contains(&manifest.id));
        let is_agents = manifest.id == ComponentId::encode(&text::trust_store_manifest());
        let is_needed = is_agents || dependents || !manifest.roots.is_empty();
        assert!(is_needed, "nobody needs {}", hex::encode(&manifest.id));
        assert!(
            manifest.dependencies.iter().all(|id| index.manifest(id).is_some()),
            "a dependency is missing"
        );
        assert!(!reaches(index, &manifest.id, &manifest.id), "manifests that need each other");
        let bytes = object(env, &format!("c{}", manifest.object)).expect("the manifest's object");
        let envelope = Envelope::decode(&bytes).expect("the manifest's envelope");
        let verified = envelope.verify(CONFIG.trust.signers.iter().map(|signer| &signer.key));
        let verified = verified.expect("a manifest by a configured signer");
        assert_eq!(verified.signer().0.to_vec(), manifest.signer);
        assert_eq!(verified.get().sequence_number, manifest.sequence_number);
        assert_eq!(envelope.claimed_digest().as_bytes(), manifest.digest);
        let signer = CONFIG.trust.signers.iter().find(|signer| signer.key.thumbprint() == verified.signer());
        let signer = signer.expect("a configured signer");
        if is_agents {
            assert!(signer.trust_store, "the signer has no right to the trust store");
            assert_eq!(manifest.components, [ComponentId::encode(&text::trust_store())]);
            continue;
        }
        for id in manifest.components.iter().chain([&manifest.id]) {
            let id = ComponentId::decode(id).expect("an identifier");
            assert!(signer.may_touch(&id), "{id} is out of the signer's reach");
        }
        let all = [signer.quota.max_components, signer.quota.max_bytes, signer.quota.max_manifests];
        assert!(all.iter().all(Option::is_none) || within_quota(index, signer), "more than the quota");
    }
}

fn within_quota(index: &Index, signer: &teep_agent::config::SignerAnchor) -> bool {
    let thumbprint = signer.key.thumbprint().0;
    let own: Vec<_> = index.manifests.iter().filter(|manifest| manifest.signer == thumbprint).collect();
    let components = index.components.iter().filter(|component| {
        own.iter().any(|manifest| manifest.components.iter().any(|id| same(id, &component.id)))
    });
    let (count, bytes) =
        components.fold((0, 0), |(count, bytes), component| (count + 1, bytes + component.size));
    signer.quota.max_components.is_none_or(|max| count <= max)
        && signer.quota.max_bytes.is_none_or(|max| bytes <= max)
        && signer.quota.max_manifests.is_none_or(|max| own.len() as u64 <= max)
}

/// Whether what the manifest `from` depends on leads to `to`.
fn reaches(index: &Index, from: &[u8], to: &[u8]) -> bool {
    let mut left = vec![from.to_vec()];
    let mut seen = Vec::new();
    while let Some(id) = left.pop() {
        let Some(manifest) = index.manifest(&id) else { continue };
        if manifest.dependencies.iter().any(|dependency| dependency == to) {
            return true;
        }
        if !seen.contains(&id) {
            left.extend(manifest.dependencies.iter().cloned());
            seen.push(id);
        }
    }
    false
}

fn components(env: &MemoryEnv, index: &Index, lost: &[[u8; 16]]) {
    for component in &index.components {
        let id = ComponentId::decode(&component.id).expect("an identifier");
        let count = index.components.iter().filter(|other| same(&other.id, &component.id)).count();
        assert_eq!(count, 1, "{id} is there once");
        let owners: Vec<_> = index.owners(&component.id).collect();
        let is_trust_store = component.id == ComponentId::encode(&text::trust_store());
        assert!(is_trust_store || !owners.is_empty(), "{id} belongs to nobody");
        let bytes = match &component.content {
            Content::Native(uuid) => {
                let uuid: [u8; 16] = uuid.as_slice().try_into().expect("a UUID");
                assert_eq!(native(&component.id), Some(uuid));
                env.installed(uuid).map(|(_, image)| image)
            }
            Content::Object(number) => {
                assert!(native(&component.id).is_none());
                Some(object(env, &format!("c{number}")).expect("the component's object"))
            }
        };
        let Some((algorithm, digest)) = &component.digest else { continue };
        let Some(bytes) = bytes else {
            assert!(native(&component.id).is_some_and(|uuid| lost.contains(&uuid)), "{id} is not there");
            continue;
        };
        assert_eq!(component.size, bytes.len() as u64);
        let algorithm =
            i64::try_from(*algorithm).ok().and_then(DigestAlgorithm::from_number).expect("an algorithm");
        assert_eq!(algorithm.digest(&bytes).as_bytes(), digest, "{id} has the digest that is recorded");
        if is_trust_store {
            TrustStore::decode(&bytes).expect("a trust store that the Agent can live with");
            if owners.is_empty() {
                continue;
            }
        }
        // The bytes themselves, for what was written, or the digest stand in what was signed.
        let signed = owners.iter().any(|owner| {
            let envelope = object(env, &format!("c{}", owner.object)).expect("the owner's object");
            [digest, &bytes].iter().any(|part| contains(&envelope, part))
        });
        assert!(signed, "{id} is nothing that its signer signed");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

/// Data that `reader` got from the component `id` is for it: by its name, or because the manifests of data and reader need
/// each other.
pub(crate) fn readable(index: &Index, id: &[u8], reader: [u8; 16]) {
    let is_reader = |id: &Vec<u8>| native(id) == Some(reader);
    let owners: Vec<_> = index.owners(id).collect();
    let dependencies = owners
        .iter()
        .flat_map(|owner| &owner.dependencies)
        .filter_map(|dependency| index.manifest(dependency));
    let dependents = index
        .manifests
        .iter()
        .filter(|other| owners.iter().any(|owner| other.dependencies.contains(&owner.id)));
    let mut natives =
        owners.iter().copied().chain(dependencies).chain(dependents).flat_map(|m| &m.components);
    assert!(contains(id, &reader) || natives.any(is_reader), "{reader:02x?} reads what is not for it");
}

/// No floor of `old` is lower in `new`.
pub(crate) fn floors_rise(old: &BTreeMap<Vec<u8>, u64>, new: &BTreeMap<Vec<u8>, u64>) {
    for (id, floor) in old {
        assert!(new.get(id).is_some_and(|new| new >= floor), "a floor came down");
    }
}
