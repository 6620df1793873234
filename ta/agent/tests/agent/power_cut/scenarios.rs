// SPDX-License-Identifier: Apache-2.0
//! What a device is doing when its power is cut.

use super::{Seen, seen};
use crate::author::*;
use crate::provisioning::blank;
use crate::support::*;
use teep_agent::config::TrustStore;
use teep_proto::cose::AgreementKey;
use teep_proto::teec::{Command, Reply};
use teep_sim::ta_image;

const URI: &str = "https://tc.example/hello.ta";

/// Something that is done to a device, in one step: it is as before afterwards, or as it shall be.
pub(super) struct Scenario {
    pub(super) what: &'static str,
    /// The device before.
    pub(super) device: Device,
    pub(super) old: Seen,
    pub(super) new: Seen,
    /// Storage and installer operations that it takes.
    pub(super) operations: usize,
    /// Does it, and says whether it was done. It can be done again.
    pub(super) act: Box<dyn Fn(&mut Device) -> bool>,
}

impl Scenario {
    fn new(what: &'static str, device: Device, act: impl Fn(&mut Device) -> bool + 'static) -> Self {
        let mut clean = device.twin();
        let before = clean.env.operations();
        assert!(act(&mut clean), "{what}");
        let operations = clean.env.operations() - before;
        let (old, new) = (seen(&device), seen(&clean));
        assert_ne!(old, new, "{what} changes something");
        Self { what, device, old, new, operations, act: Box::new(act) }
    }

    /// An Update, which succeeds.
    fn update(what: &'static str, device: Device, act: impl Fn(&mut Device) -> Received + 'static) -> Self {
        Self::new(what, device, move |device| act(device).code() == 0)
    }

    /// After cuts, and a restart, the device is as before or as it shall be, and not as before if `succeeded`.
    pub(super) fn check(&self, device: &Device, succeeded: bool, cut: &str) {
        let now = seen(device);
        let allowed = now == self.new || (now == self.old && !succeeded);
        assert!(allowed, "{}, {cut}: {now:?}", self.what);
    }

    /// The same can be ordered again, and is done.
    pub(super) fn check_retry(&self, device: &Device, cut: &str) {
        let mut device = device.restarted();
        assert!((self.act)(&mut device), "{}, {cut}: a retry succeeds", self.what);
        assert_eq!(seen(&device), self.new, "{}, {cut}: after a retry", self.what);
    }
}

/// All of them.
pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios = updates();
    scenarios.extend(removals());
    scenarios.extend(stock());
    scenarios.extend(trust());
    scenarios
}

fn updates() -> Vec<Scenario> {
    let (fetched, image) = large(2);
    let again = (fetched.clone(), image.clone());
    let fetch = |(envelope, image): (Vec<u8>, Vec<u8>)| {
        move |device: &mut Device| device.update_from(std::slice::from_ref(&envelope), &[(URI, &image)])
    };
    let data = |n: u64, text: &'static [u8]| {
        let ta = Author::new(1).envelope();
        let mut author = DataAuthor::new("config.json", Data::Encrypted(text, device_key()))
            .needing(Needed::ta(TA, "#1", &ta));
        author.sequence_number = n;
        author.envelope()
    };
    let (first, second) = (data(1, b"secret"), data(2, b"another secret"));
    let personalized = with(std::slice::from_ref(&first));
    vec![
        Scenario::update("install", Device::new(), |d| d.update(&[envelope(1)])),
        Scenario::update("replace", with(&[envelope(1)]), |d| d.update(&[envelope(2)])),
        Scenario::update("install by fetch", Device::new(), fetch((fetched, image))),
        Scenario::update("replace by fetch", with(&[envelope(1)]), fetch(again)),
        Scenario::update("install with dependencies", Device::new(), |d| d.update(&[app(1)])),
        Scenario::update("update with dependencies", with(&[app(1)]), |d| d.update(&[app(2)])),
        Scenario::update("personalize", with(&[envelope(1)]), move |d| {
            d.update(std::slice::from_ref(&first))
        }),
        Scenario::update("personalize again", personalized, move |d| d.update(std::slice::from_ref(&second))),
        Scenario::update("replace a component by another", with(&[envelope(1)]), |d| {
            let mut author = Author::of(OTHER_TA, 2);
            author.manifest.component_id = Some(manifest_id(TA));
            d.update(&[author.envelope()])
        }),
    ]
}

fn removals() -> Vec<Scenario> {
    let app_id = || name("config.json.suit");
    vec![
        Scenario::update("remove", with(&[envelope(1)]), |d| d.remove(&[manifest_id(TA)])),
        Scenario::update("remove with dependencies", with(&[app(1)]), move |d| d.remove(&[app_id()])),
        Scenario::update("remove one of two users", with(&[envelope(1), app(1)]), move |d| {
            d.remove(&[app_id()])
        }),
    ]
}

fn stock() -> Vec<Scenario> {
    let (fetched, image) = large(2);
    vec![
        Scenario::update("install, stock", stock_with(&[]), |d| d.update(&[envelope(1)])),
        Scenario::update("replace, stock", stock_with(&[envelope(1)]), |d| d.update(&[envelope(2)])),
        Scenario::update("replace by fetch, stock", stock_with(&[envelope(1)]), move |d| {
            d.update_from(std::slice::from_ref(&fetched), &[(URI, &image)])
        }),
    ]
}

fn trust() -> Vec<Scenario> {
    let revoking = |n: u64| trust_envelope(&trust_store(n, |store| drop(store.signers.remove(0))));
    let policy =
        |n: u64| trust_envelope(&trust_store(n, |store| store.policy.unnamed_manifests = n % 2 == 1));
    let without_tam = trust_envelope(&trust_store(1, |store| drop(store.tams.remove(0))));
    let orphan = || with(&[app(1), revoking(1)]);
    vec![
        Scenario::update("first change of the trust store", Device::new(), move |d| d.update(&[policy(1)])),
        Scenario::update("another change of the trust store", with(&[policy(1)]), move |d| {
            d.update(&[policy(2)])
        }),
        Scenario::update("large trust store by fetch", with(&[policy(1)]), |d| {
            let author = trust_author(&padded(2));
            let payload = author.payload.clone();
            d.update_from(&[author.fetched_from(URI, false)], &[(URI, &payload)])
        }),
        Scenario::update("revoke a signer", with(&[app(1)]), move |d| d.update(&[revoking(1)])),
        Scenario::update("withdraw what a revoked signer installed", orphan(), |d| {
            d.remove(&[name("config.json.suit")])
        }),
        Scenario::update("replace what a revoked signer installed", with(&[envelope(1), revoking(1)]), |d| {
            d.update(&[Author { key: clear_signer_key(), ..Author::new(2) }.envelope()])
        }),
        Scenario::update("revoke a TAM", with(&[envelope(1)]), move |d| {
            d.other_tam_says(&update(&other_tam_key(), std::slice::from_ref(&without_tam)))
        }),
        Scenario::new("provision", blank(), |d| {
            match d.invoke(Command::Provision, &trust_store(1, |_| ()).encode()) {
                Reply::Nothing => true,
                Reply::Failed { reason } => reason.contains("has a trust store already"),
                other => panic!("{other:?}"),
            }
        }),
    ]
}

/// A trust store that is handed over in several pieces.
fn padded(n: u64) -> TrustStore {
    trust_store(n, |store| {
        let prefix = teep_proto::suit::ComponentId::encode(&[[7; 250]]);
        for key_number in 40..46 {
            let anchor =
                teep_agent::config::SignerAnchor::new(key(key_number).public_key(), vec![prefix.clone(); 8]);
            store.signers.push(anchor);
        }
    })
}

fn decryption_key(device: &mut Device) -> AgreementKey {
    let Reply::Info(info) = device.invoke(Command::Info, &[]) else { panic!("no info") };
    AgreementKey::from_cose_key(&info.decryption_key).expect("a key")
}

/// The key of every device of this file.
fn device_key() -> AgreementKey {
    decryption_key(&mut Device::new())
}

/// An app with two TAs and personalization data for one of them.
fn app(sequence_number: u64) -> Vec<u8> {
    let (one, two) =
        (Author::new(sequence_number).envelope(), Author::of(OTHER_TA, sequence_number).envelope());
    let text = format!("settings {sequence_number}");
    let mut author = DataAuthor::new("config.json", Data::Encrypted(text.as_bytes(), device_key()))
        .needing(Needed::ta(TA, "#1", &one))
        .needing(Needed::ta(OTHER_TA, "#2", &two));
    author.sequence_number = sequence_number;
    author.envelope()
}

pub(super) fn with(envelopes: &[Vec<u8>]) -> Device {
    let mut device = Device::new();
    assert_eq!(device.update(envelopes).code(), 0);
    device
}

pub(super) fn stock_with(envelopes: &[Vec<u8>]) -> Device {
    let mut device = Device::new();
    device.env.set_stock(true);
    if !envelopes.is_empty() {
        assert_eq!(device.update(envelopes).code(), 0);
    }
    device
}

/// A manifest of version `version` for a TA of 50 kB at [`URI`], and its image.
fn large(version: u64) -> (Vec<u8>, Vec<u8>) {
    let mut author = Author::new(version);
    author.image = ta_image(TA, u32::try_from(version).expect("small"), &[0x5a; 50_000]);
    let image = author.image.clone();
    (author.fetched_from(URI, false), image)
}
