// SPDX-License-Identifier: Apache-2.0
//! What the Agent says of itself, as it is shown.

mod json;

pub(super) use json::{keys as keys_json, status as status_json};

use super::output::printable;
use std::fmt::Write;
use teep_proto::suit::text;
use teep_proto::teec::{
    Abilities, AgentInfo, AnchorKey, Course, InstalledComponent, InstalledManifest, LastContact, Pending,
    PendingAction, RollbackProtection, Room, SignerInfo, Stored, TamInfo, TrustSource,
};

/// The device's public keys, which are for enrolment and for authors.
pub(super) fn keys(info: &AgentInfo) -> String {
    let mut lines = String::new();
    for (name, key) in [
        ("public key", &info.public_key),
        ("decryption key", &info.decryption_key),
        ("report key", &info.report_key),
        ("attestation key", &info.attestation_key),
    ] {
        line(&mut lines, 0, &format!("{name} (COSE_Key): {}", hex::encode(key)));
    }
    for (name, measurement) in
        [("measurement", &info.measurement), ("TEE measurement", &info.tee_measurement)]
    {
        line(&mut lines, 0, &format!("{name} (SHA-256): {}", digits(measurement)));
    }
    lines
}

/// Everything else.
pub(super) fn status(info: &AgentInfo) -> String {
    let mut lines = String::new();
    let title = format!("TEEP Agent {}, signs with {}", printable(&info.version), printable(&info.suite));
    line(&mut lines, 0, &title);
    field(&mut lines, 0, "measurement", &digits(&info.measurement));
    field(&mut lines, 0, "TEE measurement", &digits(&info.tee_measurement));
    field(&mut lines, 0, "rollback protection", rollback_protection(info.rollback_protection));
    field(&mut lines, 0, "platform", &platform(&info.platform));
    match &info.stored {
        Ok(stored) => {
            components(&mut lines, stored);
            pending(&mut lines, &stored.pending);
            anchors(&mut lines, stored);
        }
        Err(damage) => {
            field(&mut lines, 0, "damaged", &printable(damage));
            line(
                &mut lines,
                1,
                "What is installed and who is trusted is not known. The Agent does nothing until it",
            );
            line(
                &mut lines,
                1,
                "can read its storage again. Before you restart the device, read what to do about it",
            );
            line(&mut lines, 1, "in docs/status.md: a restart begins anew with what storage has then.");
        }
    }
    lines
}

fn digits(measurement: &[u8]) -> String {
    if measurement.is_empty() { "none".to_owned() } else { hex::encode(measurement) }
}

fn rollback_protection(protection: RollbackProtection) -> &'static str {
    match protection {
        RollbackProtection::Rpmb => "rpmb: an older copy of the storage is not accepted",
        RollbackProtection::None => "none: who controls Linux can put an older copy of all storage back",
    }
}

fn platform(abilities: &Abilities) -> String {
    let Abilities { checks_first, removes, lists, counts_sessions, exclusive } = *abilities;
    let parts = [
        if checks_first { "installs in pieces" } else { "installs one at a time, from the Agent's memory" },
        if removes { "removes" } else { "cannot remove" },
        if lists { "lists" } else { "does not list" },
        if counts_sessions { "counts sessions" } else { "does not count sessions" },
        if exclusive { "obeys the Agent only" } else { "obeys any program in Linux" },
    ];
    parts.join(", ")
}

fn components(lines: &mut String, stored: &Stored) {
    let Stored { component_room, manifest_room, sequence_number_room, .. } = stored;
    let rooms = format!(
        "{}, {}, {}",
        room(component_room, "components"),
        room(manifest_room, "manifests"),
        room(sequence_number_room, "sequence numbers")
    );
    field(lines, 0, "used", &rooms);
    list(lines, "installed", stored.components.is_empty());
    for (position, component) in stored.components.iter().enumerate() {
        line(lines, 1, &text::format(&component.component_id));
        line(lines, 2, &facts(component));
        match &component.digest {
            Some(digest) => field(lines, 2, &digest.algorithm().to_string(), &digest.to_string()),
            None => field(
                lines,
                2,
                "digest",
                "open: the platform may have other bytes; they will be installed again",
            ),
        }
        for manifest in stored.owners(position) {
            let id = text::format(&manifest.manifest_id);
            field(lines, 2, "manifest", &format!("{id}, sequence number {}", manifest.sequence_number));
            let trusted = if manifest.signer_trusted { "" } else { ", NOT TRUSTED any more" };
            field(lines, 2, "signer", &format!("{}{trusted}", manifest.signer));
            field(lines, 2, "needed by", &needed_by(stored, manifest));
        }
    }
}

fn facts(component: &InstalledComponent) -> String {
    let kind = match (component.uuid, component.version) {
        (None, _) => "data".to_owned(),
        (Some(_), Some(version)) => format!("Trusted Application, version {version}"),
        (Some(_), None) => "Trusted Application".to_owned(),
    };
    let sessions = match component.sessions {
        None | Some(0) => String::new(),
        Some(open) => format!(", {}", count(open.into(), "session")),
    };
    format!("{kind}, {}{sessions}", count(component.size, "byte"))
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn needed_by(stored: &Stored, manifest: &InstalledManifest) -> String {
    let tams = manifest.tams.iter().filter_map(|tam| stored.trust.tams.get(*tam));
    let mut users: Vec<String> = tams.map(|tam| printable(&tam.uri)).collect();
    users.extend(stored.dependents(manifest).map(|dependent| text::format(&dependent.manifest_id)));
    match manifest.former_tams {
        0 => {}
        1 => users.push("a TAM that is not trusted any more".to_owned()),
        n => users.push(format!("{n} TAMs that are not trusted any more")),
    }
    if manifest.manifest_id == text::trust_store_manifest() {
        users.push("the Agent".to_owned());
    }
    if users.is_empty() { "nobody".to_owned() } else { users.join(", ") }
}

fn pending(lines: &mut String, pending: &Pending) {
    let Pending { actions, objects, still_running } = pending;
    list(lines, "pending", actions.is_empty() && *objects == 0 && still_running.is_empty());
    for action in actions {
        let what = match action {
            PendingAction::Install(uuid) => format!("install {}", text::format_uuid(*uuid)),
            PendingAction::Remove(uuid) => format!("remove {}", text::format_uuid(*uuid)),
        };
        line(lines, 1, &format!("{what}: interrupted, is finished with the next request"));
    }
    if *objects > 0 {
        let objects = count(*objects, "stored object");
        line(lines, 1, &format!("{objects} of an Update under way, or of one that was interrupted"));
    }
    for running in still_running {
        let (uuid, sessions) = (text::format_uuid(running.uuid), count(running.sessions.into(), "session"));
        line(lines, 1, &format!("{uuid}: up to {sessions} of the code from before, until closed"));
    }
}

fn anchors(lines: &mut String, stored: &Stored) {
    let trust = &stored.trust;
    let source = source(trust.source);
    line(lines, 0, &format!("trusted ({source}, sequence number {}):", trust.sequence_number));
    trust.tams.iter().for_each(|anchor| tam(lines, anchor));
    trust.signers.iter().for_each(|anchor| signer(lines, anchor));
    for verifier in &trust.verifiers {
        line(lines, 1, &format!("verifier {}", key(verifier)));
    }
}

fn tam(lines: &mut String, tam: &TamInfo) {
    line(lines, 1, &format!("TAM {}", printable(&tam.uri)));
    for anchor in &tam.keys {
        field(lines, 2, "key", &key(anchor));
    }
    more(lines, tam.more_keys);
    if tam.dialect != FINAL {
        field(lines, 2, "dialect", &printable(&tam.dialect));
    }
    if tam.attestation_required {
        field(lines, 2, "attestation", "required");
    }
    field(lines, 2, "last contact", &tam.last_contact.as_ref().map_or_else(never, last_contact));
}

/// The dialect of which nothing is said.
const FINAL: &str = "final";

fn never() -> String {
    "none since the Agent started".to_owned()
}

fn last_contact(contact: &LastContact) -> String {
    let course = match contact.course {
        Course::Begun => "no answer of the TAM yet".to_owned(),
        Course::Answered => "its query was answered, no more came".to_owned(),
        Course::Ended(0) => "ended with success".to_owned(),
        Course::Ended(code) => format!("ended with TEEP error {code}"),
        Course::Failed => "not reached".to_owned(),
    };
    format!("{} ago, {course}", duration(contact.seconds_ago))
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn signer(lines: &mut String, signer: &SignerInfo) {
    line(lines, 1, &format!("signer {}", key(&signer.key)));
    for prefix in &signer.prefixes {
        let reach = if prefix.is_empty() { "everything".to_owned() } else { text::format(prefix) };
        field(lines, 2, "for", &reach);
    }
    more(lines, signer.more_prefixes);
    let rights = [
        (signer.commands_limited, "some commands only"),
        (signer.personalization_in_clear, "personalization data in the clear"),
        (signer.changes_trust, "changes the trust store"),
    ];
    let rights: Vec<_> = rights.into_iter().filter(|(has, _)| *has).map(|(_, right)| right).collect();
    if !rights.is_empty() {
        field(lines, 2, "may", &rights.join(", "));
    }
    let quotas =
        [(signer.components, "components"), (signer.bytes, "bytes"), (signer.manifests, "manifests")];
    let quotas = quotas.iter().filter_map(|(quota, what)| quota.as_ref().map(|quota| room(quota, what)));
    let quotas: Vec<_> = quotas.collect();
    if !quotas.is_empty() {
        field(lines, 2, "used", &quotas.join(", "));
    }
}

fn key(key: &AnchorKey) -> String {
    match &key.certificate {
        None => key.thumbprint.to_string(),
        Some(validity) => format!("{}, certificate valid {validity}", key.thumbprint),
    }
}

fn more(lines: &mut String, number: u64) {
    if number > 0 {
        line(lines, 2, &format!("and {number} more, for which the Agent's answer has no room"));
    }
}

fn room(room: &Room, what: &str) -> String {
    format!("{} of {} {what}", room.used, room.limit)
}

/// What is said, in text and JSON, about where trust anchors are from.
fn source(source: TrustSource) -> &'static str {
    match source {
        TrustSource::BuiltIn => "built-in",
        TrustSource::Provisioned => "provisioned",
        TrustSource::Updated => "updated",
    }
}

/// The head of a list of which the items follow, unless there are none.
fn list(lines: &mut String, title: &str, is_empty: bool) {
    line(lines, 0, &format!("{title}:{}", if is_empty { " none" } else { "" }));
}

fn field(lines: &mut String, level: usize, name: &str, value: &str) {
    let width = if level == 0 { 21 } else { 14 };
    line(lines, level, &format!("{:width$}{value}", format!("{name}:")));
}

fn line(lines: &mut String, level: usize, text: &str) {
    // Writing into a String does not fail.
    let _ = writeln!(lines, "{:indent$}{text}", "", indent = level.saturating_mul(2));
}
