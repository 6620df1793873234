// SPDX-License-Identifier: Apache-2.0
use super::source;
use serde_json::{Value, json};
use teep_proto::suit::text;
use teep_proto::teec::{
    AgentInfo, AnchorKey, Course, InstalledComponent, InstalledManifest, LastContact, Pending, PendingAction,
    RollbackProtection, Room, SignerInfo, Stored, TamInfo,
};

/// The object `keys`.
pub(in crate::cli) fn keys(info: &AgentInfo) -> Value {
    json!({
        "public_key": hex::encode(&info.public_key),
        "decryption_key": hex::encode(&info.decryption_key),
        "report_key": hex::encode(&info.report_key),
        "attestation_key": hex::encode(&info.attestation_key),
        "measurement": digits(&info.measurement),
        "tee_measurement": digits(&info.tee_measurement),
    })
}

/// What comes from storage, for one field.
type Part = fn(&Stored) -> Value;

/// The object `status`. What comes from storage is null when that cannot be read.
pub(in crate::cli) fn status(info: &AgentInfo) -> Value {
    let platform = &info.platform;
    let mut status = json!({
        "version": info.version,
        "suite": info.suite,
        "measurement": digits(&info.measurement),
        "tee_measurement": digits(&info.tee_measurement),
        "rollback_protection": match info.rollback_protection {
            RollbackProtection::None => "none",
            RollbackProtection::Rpmb => "rpmb",
        },
        "platform": {
            "installs_in_pieces": platform.checks_first,
            "removes": platform.removes,
            "lists": platform.lists,
            "counts_sessions": platform.counts_sessions,
            "exclusive": platform.exclusive,
        },
        "damage": info.stored.as_ref().err(),
    });
    let stored = info.stored.as_ref().ok();
    let parts: [(&str, Part); 5] = [
        ("components", components),
        ("manifests", |stored| stored.manifests.iter().map(|one| manifest(stored, one)).collect()),
        ("pending", |stored| pending(&stored.pending)),
        ("trust", trust),
        ("room", |stored| {
            json!({
                "components": room(&stored.component_room),
                "manifests": room(&stored.manifest_room),
                "sequence_numbers": room(&stored.sequence_number_room),
            })
        }),
    ];
    if let Some(object) = status.as_object_mut() {
        object.extend(parts.into_iter().map(|(name, part)| (name.to_owned(), stored.map(part).into())));
    }
    status
}

fn digits(measurement: &[u8]) -> Option<String> {
    (!measurement.is_empty()).then(|| hex::encode(measurement))
}

fn components(stored: &Stored) -> Value {
    let one = |(position, component): (usize, &InstalledComponent)| {
        let owners = stored.owners(position).map(|manifest| text::format(&manifest.manifest_id));
        json!({
            "component_id": text::format(&component.component_id),
            "uuid": component.uuid.map(uuid),
            "version": component.version,
            "size": component.size,
            "digest_algorithm": component.digest.map(|digest| digest.algorithm().to_string()),
            "digest": component.digest.map(|digest| digest.to_string()),
            "manifest_sequence_number": stored.sequence_number(position),
            "manifests": owners.collect::<Vec<_>>(),
            "sessions": component.sessions,
        })
    };
    stored.components.iter().enumerate().map(one).collect()
}

fn manifest(stored: &Stored, manifest: &InstalledManifest) -> Value {
    let tams = manifest.tams.iter().filter_map(|tam| stored.trust.tams.get(*tam)).map(|tam| &tam.uri);
    let dependencies = manifest.dependencies.iter().filter_map(|other| stored.manifests.get(*other));
    let components = manifest.components.iter().filter_map(|component| stored.components.get(*component));
    let id = |manifest: &InstalledManifest| text::format(&manifest.manifest_id);
    json!({
        "manifest_id": id(manifest),
        "sequence_number": manifest.sequence_number,
        "signer": manifest.signer.to_string(),
        "signer_trusted": manifest.signer_trusted,
        "tams": tams.collect::<Vec<_>>(),
        "former_tams": manifest.former_tams,
        "dependencies": dependencies.map(id).collect::<Vec<_>>(),
        "dependents": stored.dependents(manifest).map(id).collect::<Vec<_>>(),
        "components": components.map(|one| text::format(&one.component_id)).collect::<Vec<_>>(),
    })
}

fn pending(pending: &Pending) -> Value {
    let action = |action: &PendingAction| match action {
        PendingAction::Install(of) => json!({ "action": "install", "uuid": uuid(*of) }),
        PendingAction::Remove(of) => json!({ "action": "remove", "uuid": uuid(*of) }),
    };
    let running = pending.still_running.iter();
    let running = running.map(|one| json!({ "uuid": uuid(one.uuid), "sessions": one.sessions }));
    json!({
        "actions": pending.actions.iter().map(action).collect::<Vec<_>>(),
        "objects": pending.objects,
        "still_running": running.collect::<Vec<_>>(),
    })
}

fn trust(stored: &Stored) -> Value {
    let trust = &stored.trust;
    json!({
        "source": source(trust.source),
        "sequence_number": trust.sequence_number,
        "tams": trust.tams.iter().map(tam).collect::<Vec<_>>(),
        "signers": trust.signers.iter().map(signer).collect::<Vec<_>>(),
        "verifiers": trust.verifiers.iter().map(key).collect::<Vec<_>>(),
    })
}

fn tam(tam: &TamInfo) -> Value {
    json!({
        "uri": tam.uri,
        "dialect": tam.dialect,
        "attestation_required": tam.attestation_required,
        "keys": tam.keys.iter().map(key).collect::<Vec<_>>(),
        "more_keys": tam.more_keys,
        "last_contact": tam.last_contact.as_ref().map(last_contact),
    })
}

fn last_contact(contact: &LastContact) -> Value {
    let (course, err_code) = match contact.course {
        Course::Begun => ("begun", None),
        Course::Answered => ("answered", None),
        Course::Ended(err_code) => ("ended", Some(err_code)),
        Course::Failed => ("failed", None),
    };
    json!({ "seconds_ago": contact.seconds_ago, "course": course, "err_code": err_code })
}

fn signer(signer: &SignerInfo) -> Value {
    let mut object = key(&signer.key);
    let fields = json!({
        "prefixes": signer.prefixes.iter().map(|prefix| text::format(prefix)).collect::<Vec<_>>(),
        "more_prefixes": signer.more_prefixes,
        "commands_limited": signer.commands_limited,
        "personalization_in_clear": signer.personalization_in_clear,
        "changes_trust": signer.changes_trust,
        "quota": {
            "components": signer.components.as_ref().map(room),
            "bytes": signer.bytes.as_ref().map(room),
            "manifests": signer.manifests.as_ref().map(room),
        },
    });
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
    object
}

fn key(key: &AnchorKey) -> Value {
    let certificate = key
        .certificate
        .map(|validity| json!({ "not_before": validity.not_before, "not_after": validity.not_after }));
    json!({ "thumbprint": key.thumbprint.to_string(), "certificate": certificate })
}

fn uuid(uuid: [u8; 16]) -> String {
    text::format_uuid(uuid).to_string()
}

fn room(room: &Room) -> Value {
    json!({ "used": room.used, "limit": room.limit })
}
