// SPDX-License-Identifier: Apache-2.0
//! What Linux can do to secure storage, whose files it keeps, and what comes of it. There is no RPMB here: damage is
//! found, an older copy of everything is not.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};
use teep_proto::cose::PublicKey;
use teep_qemu::bench::{GREETING, HELLO_UUID, NO_SUCH_DATA, NOT_INSTALLED, REFUSED};
use teep_suit::Description;

use crate::support::Bench;

/// Where tee-supplicant keeps the files of secure storage.
const FILES: &str = "/var/lib/optee-client/data/tee";
/// A copy of all of them from an earlier time.
const OLDER: &str = "/var/lib/optee-client/older";

/// A disk with secure storage on which an Agent did some work, and what Linux learns by watching its files.
struct Disk {
    image: PathBuf,
    key: PublicKey,
    /// File with the Agent's record of what is installed.
    state: String,
    /// The same in the older copy.
    older_state: String,
    /// File with the data for the demo TA.
    data: String,
    /// File with the manifest of the data.
    manifest: String,
    hello: Description,
    /// The present one, and that of the older copy.
    greetings: [Description; 2],
}

/// Files of secure storage that were written after `than`, oldest first, but for TAs and the directory of all.
fn newer(bench: &mut Bench, than: &str) -> Vec<String> {
    let files = bench.shell(&format!(
        "cd {FILES} && find . -type f ! -name dirf.db ! -name '*.ta' -newer {than} | xargs stat -c '%y %n' | sort"
    ));
    files.lines().filter_map(|line| Some(line.rsplit_once("./")?.1.to_owned())).collect()
}

/// Version 1 of the demo TA and its data, "Ada", of which [`OLDER`] is a copy; then version 2 and "Grace".
fn disk() -> &'static Disk {
    static DISK: OnceLock<Disk> = OnceLock::new();
    DISK.get_or_init(|| {
        let mut bench = Bench::with_storage("storage");
        let key = bench.device.agent_key().expect("a key");
        let hello = bench.offer("hello.suit", &bench.description(1));
        bench.request(0);
        let first = bench.greeting("Ada", hello);
        bench.offer("greeting.suit", &first);
        bench.broker(&format!("request-ta {GREETING}"), 0);
        bench.shell(&format!("cp -a {FILES} {OLDER}"));
        let older_state = newer(&mut bench, "/init").pop().expect("a file");
        let hello = bench.description(2);
        let envelope = bench.offer("hello.suit", &hello);
        let update = |bench: &mut Bench, sequence_number, name| {
            let greeting = bench.greeting(name, envelope.clone());
            let greeting = Description { sequence_number, ..greeting };
            bench.offer("greeting.suit", &greeting);
            bench.broker("policy-check", 0);
            greeting
        };
        update(&mut bench, 2, "Edsger");
        bench.shell("sleep 1; touch /tmp/then");
        let greeting = update(&mut bench, 3, "Grace");
        let written = newer(&mut bench, "/tmp/then");
        // In the order in which the Agent writes them.
        let Ok([data, manifest, state]) = <[String; 3]>::try_from(written) else { panic!("three files") };
        bench.shell("sync");
        let image = bench.device.machine().run_dir().join("storage.img");
        Disk { image, key, state, older_state, data, manifest, hello, greetings: [greeting, first] }
    })
}

/// A device with that disk, to which Linux does this before anybody calls the Agent.
fn attacked(name: &str, attack: impl FnOnce(&Disk) -> String) -> Bench {
    let disk = disk();
    let mut bench = Bench::with_copy(name, &disk.image, disk.key.clone());
    attack_now(&mut bench, attack);
    bench.offer("hello.suit", &disk.hello);
    bench.offer("greeting.suit", &disk.greetings[0]);
    bench
}

fn attack_now(bench: &mut Bench, attack: impl FnOnce(&Disk) -> String) {
    attack_files(bench, &attack(disk()));
}

fn attack_files(bench: &mut Bench, attack: &str) {
    bench.shell(&format!("cd {FILES} && {attack}"));
}

fn garble(file: &str) -> String {
    format!("dd if=/dev/urandom of={file} bs=1 count=$(stat -c %s {file}) conv=notrunc 2>/dev/null")
}

/// Puts the older copy in the place of all files.
fn restore_all(_: &Disk) -> String {
    format!("rm -r * && cp -a {OLDER}/* .")
}

fn restart(bench: &mut Bench) {
    bench.shell("sync");
    bench.device.restart().expect("boots again");
}

/// What `teep-broker status` says. In any case that nothing protects from rollback.
fn status(bench: &mut Bench, ends_with: i32) -> Value {
    let value = bench.broker("status", ends_with);
    assert_eq!(value["status"]["rollback_protection"], "none", "{value}");
    value["status"].clone()
}

/// Sequence numbers of the manifests that are installed, the lowest first.
fn sequence_numbers(bench: &mut Bench) -> Vec<u64> {
    let status = status(bench, 0);
    let manifests = status["manifests"].as_array().expect("manifests");
    let mut numbers: Vec<_> =
        manifests.iter().filter_map(|manifest| manifest["sequence_number"].as_u64()).collect();
    numbers.sort_unstable();
    numbers
}

/// The Agent knows that its record is damaged, does nothing, and says so.
fn is_damaged(bench: &mut Bench) {
    does_nothing(bench, "stored state is damaged: restart the device");
}

/// The Agent does nothing because of this `damage`, and says so.
fn does_nothing(bench: &mut Bench, expected: &str) {
    let status = status(bench, 1);
    assert_eq!((&status["trust"], &status["components"]), (&Value::Null, &Value::Null), "{status}");
    let damage = status["damage"].as_str().expect("a text");
    assert!(damage.contains(expected), "{damage}");
    for command in [format!("request-ta {HELLO_UUID}"), "policy-check".to_owned()] {
        let value = bench.broker(&command, 1);
        assert!(value["error"].as_str().is_some_and(|error| error.contains(damage)), "{value}");
    }
}

/// After a restart it has nothing, and takes everything again.
fn starts_again(mut bench: Bench) {
    restart(&mut bench);
    assert_eq!(sequence_numbers(&mut bench), [0; 0]);
    let value = bench.broker(&format!("request-ta {GREETING}"), 0);
    assert_eq!(value["outcomes"][0]["err_code"], 0, "{value}");
    assert_eq!(bench.client("", 0), "Hello, Grace! This is a Trusted Application, version 2");
}

#[test]
fn attack_storage_file_modified() {
    let mut bench = attacked("storage-modified", |disk| garble(&disk.state));
    is_damaged(&mut bench);
    // What OP-TEE itself keeps is as it was.
    assert_eq!(bench.hello(), Some(2));
    restart(&mut bench);
    // Not detected: which sequence numbers there were is forgotten with the record. An older TA is still refused, by
    // OP-TEE; older data is taken.
    bench.offer("hello.suit", &bench.description(1));
    let value = bench.request(REFUSED);
    assert!(value["outcomes"][0]["text"].to_string().contains("newer version of this TA"), "{value}");
    bench.offer("hello.suit", &disk().hello);
    bench.offer("greeting.suit", &Description { sequence_number: 1, ..disk().greetings[0].clone() });
    bench.broker(&format!("request-ta {GREETING}"), 0);
    assert_eq!(sequence_numbers(&mut bench), [1, 2]);
}

#[test]
fn attack_storage_file_deleted() {
    let mut bench = attacked("storage-deleted", |disk| format!("rm {}", disk.state));
    is_damaged(&mut bench);
    assert_eq!(bench.hello(), Some(2));
    starts_again(bench);
}

#[test]
fn attack_storage_file_restored_from_older_copy() {
    let attack = |disk: &Disk| format!("cp -a {OLDER}/{} {}", disk.older_state, disk.state);
    let mut bench = attacked("storage-restored", attack);
    is_damaged(&mut bench);
    assert_eq!(bench.hello(), Some(2));
}

#[test]
fn attack_stored_trust_store_deleted_or_restored_from_older_copy() {
    let mut bench = Bench::with_storage("storage-trust");
    let file_of_trust_store = |bench: &mut Bench, sequence_number| {
        bench.shell("sleep 1; touch /tmp/then");
        bench.trust(sequence_number, |_| ());
        // The Agent writes its manifest, then it, then the record; anything at first use before these.
        newer(bench, "/tmp/then").into_iter().nth_back(1).expect("three files")
    };
    let older = file_of_trust_store(&mut bench, 1);
    bench.shell(&format!("cp -a {FILES} {OLDER}"));
    let present = file_of_trust_store(&mut bench, 2);
    let kept = "/var/lib/optee-client/kept";
    bench.shell(&format!("cp -a {FILES} {kept}"));
    let put_back = format!("rm -r * && cp -a {kept}/* . && cp -a {OLDER}/{older} {present}");
    // The last one is a device that is left alone: OP-TEE has deleted what it found corrupt, and the record tells that
    // there was a trust store.
    for attack in [format!("rm {present}"), put_back, "true".to_owned()] {
        restart(&mut bench);
        attack_files(&mut bench, &attack);
        does_nothing(&mut bench, "stored trust store is damaged");
    }
}

#[test]
fn attack_storage_directory_restored_from_older_copy() {
    let mut bench = attacked("storage-directory", |_| format!("cp -a {OLDER}/dirf.db ."));
    is_damaged(&mut bench);
    // OP-TEE's own list of TAs is among what does not fit together any more.
    assert_eq!(bench.hello(), None);
    starts_again(bench);
}

#[test]
fn attack_storage_file_truncated() {
    let mut bench = attacked("storage-truncated", |disk| format!("truncate -s 5000 {}", disk.data));
    data_is_lost(&mut bench);
}

#[test]
fn attack_storage_file_swapped() {
    let swap = |Disk { data, manifest, .. }: &Disk| {
        format!("mv {data} x && mv {manifest} {data} && mv x {manifest}")
    };
    let mut bench = attacked("storage-swapped", swap);
    data_is_lost(&mut bench);
}

/// Nobody gets wrong data, and the next policy check brings it again.
fn data_is_lost(bench: &mut Bench) {
    // TEE_ERROR_CORRUPT_OBJECT, once: OP-TEE deletes what it finds corrupt.
    let said = bench.client(&format!("read {GREETING}"), 1);
    assert!(said.contains("0xf0100001"), "{said}");
    bench.client(&format!("read {GREETING}"), NO_SUCH_DATA);
    assert_eq!(bench.client("", 0), "Hello from a Trusted Application, version 2");
    assert_eq!(sequence_numbers(bench), [2, 3]);
    let value = bench.broker("policy-check", 0);
    assert_eq!(value["outcomes"][0]["err_code"], 0, "{value}");
    assert_eq!(bench.client("", 0), "Hello, Grace! This is a Trusted Application, version 2");
    assert_eq!(sequence_numbers(bench), [2, 3]);
}

#[test]
fn attack_storage_file_modified_under_a_live_agent() {
    let mut bench = attacked("storage-live", |_| "true".to_owned());
    assert_eq!(sequence_numbers(&mut bench), [2, 3]);
    // The Agent has read its record, and writes the whole of it anew with the next change.
    attack_now(&mut bench, |disk| garble(&disk.state));
    assert_eq!(sequence_numbers(&mut bench), [2, 3]);
    bench.withdraw("greeting.suit");
    let value = bench.broker("policy-check", 0);
    assert_eq!(value["outcomes"][0]["err_code"], 0, "{value}");
    restart(&mut bench);
    assert_eq!(sequence_numbers(&mut bench), [2]);
    assert_eq!(bench.hello(), Some(2));
}

#[test]
fn attack_whole_storage_deleted() {
    let mut bench = attacked("storage-gone", |_| "rm -r *".to_owned());
    // Not detected: this is a new device, on which older versions are not older than anything.
    assert_eq!(sequence_numbers(&mut bench), [0; 0]);
    bench.client("", NOT_INSTALLED);
    bench.offer("hello.suit", &bench.description(1));
    bench.request(0);
    assert_eq!(bench.hello(), Some(1));
}

#[test]
fn attack_whole_storage_restored() {
    let mut bench = attacked("storage-older", restore_all);
    // Not detected: everything is as it was then, until the TAM is asked.
    assert_eq!(sequence_numbers(&mut bench), [1, 1]);
    assert_eq!(bench.client("", 0), "Hello, Ada! This is a Trusted Application, version 1");
    let value = bench.broker("policy-check", 0);
    assert_eq!(value["outcomes"][0]["err_code"], 0, "{value}");
    assert_eq!(bench.client("", 0), "Hello, Grace! This is a Trusted Application, version 2");
}

#[test]
fn attack_whole_storage_restored_under_a_live_agent() {
    let mut bench = attacked("storage-older-live", |_| "true".to_owned());
    assert_eq!(sequence_numbers(&mut bench), [2, 3]);
    attack_now(&mut bench, restore_all);
    // Not detected: OP-TEE runs the older TA, while the Agent knows of the newer one until the restart.
    assert_eq!(sequence_numbers(&mut bench), [2, 3]);
    assert_eq!(bench.hello(), Some(1));
    restart(&mut bench);
    assert_eq!(sequence_numbers(&mut bench), [1, 1]);
    let value = bench.broker("policy-check", 0);
    assert_ne!(value["outcomes"], json!([]), "{value}");
    assert_eq!(bench.client("", 0), "Hello, Grace! This is a Trusted Application, version 2");
}
