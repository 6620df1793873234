// SPDX-License-Identifier: Apache-2.0
//! A device in QEMU and a TAM that serves what a test tells it to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use teep_proto::cose::{PublicKey, SigningKey};
use teep_proto::suit::{Authenticator, ComponentId, Digest, text};
use teep_qemu::bench::{Device, HELLO_UUID, NOT_INSTALLED, Workshop, new_disk, payload_uri};
use teep_qemu::{ImageDir, Optee, Options, Wire};
use teep_suit::{Description, create, create_for};
use teep_tam::store::{Offer, OfferedComponent};
use teep_tam::{MemoryStore, Tam, TamConfig};

/// A device whose Agent is enrolled at its TAM, which serves nothing yet.
pub(crate) struct Bench {
    pub(crate) workshop: Workshop,
    pub(crate) store: MemoryStore,
    pub(crate) device: Device,
    /// What is between Broker and TAM, if a test wants to meddle there.
    pub(crate) wire: Option<Wire>,
    /// What the TAM told, line by line, each with its time.
    pub(crate) told: Told,
    offers: Vec<Offer>,
    withdrawn: Vec<Offer>,
}

pub(crate) type Told = Arc<Mutex<Vec<(Instant, String)>>>;

/// Runs guest-probe, which must end with `status`; gives its JSON, its last line.
pub(crate) fn probe(bench: &mut Bench, arguments: &str, status: i32) -> Value {
    let output = bench.device.run(&format!("guest-probe {arguments}")).expect("the guest answers");
    assert_eq!(output.status, status, "guest-probe {arguments}: {}", output.stdout);
    last_json(&output.stdout)
}

/// The last line, which is JSON.
pub(crate) fn last_json(output: &str) -> Value {
    let line = output.lines().next_back().expect("a line");
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {output:?}"))
}

pub(crate) fn workshop() -> Workshop {
    let build = std::env::var_os("TEEP_BUILD").expect("TEEP_BUILD names the build directory; use make test");
    Workshop::open(Path::new(&build)).expect("what make builds")
}

/// How the machine of the test `name` is started.
pub(crate) fn options(name: &str) -> Options {
    Options::new(name, PathBuf::from(env!("CARGO_BIN_EXE_teep-qemu")))
}

/// With a new disk for secure storage, in the directory of the run.
fn with_storage(options: Options) -> Options {
    let image = ImageDir::new(workshop().build()).expect("the image");
    let storage = new_disk(&image.run_dir(&options.name)).expect("a directory");
    Options { storage: Some(storage), ..options }
}

impl Bench {
    pub(crate) fn new(name: &str) -> Self {
        Self::with_options(options(name))
    }

    /// On this OP-TEE. Tests that say nothing get the patched one.
    pub(crate) fn on(optee: Optee, name: &str) -> Self {
        Self::with_options(Options { optee, ..options(name) })
    }

    /// A device whose secure storage outlives [`Device::restart`].
    pub(crate) fn with_storage(name: &str) -> Self {
        Self::with_options(with_storage(options(name)))
    }

    /// A device that reaches its TAM over a wire that the test can meddle with.
    pub(crate) fn on_wire(name: &str) -> Self {
        Self::on_wire_to(name, workshop().tam_config().expect("the TAM's keys"))
    }

    /// The same, with a TAM that is as `tam` says.
    pub(crate) fn on_wire_to(name: &str, tam: TamConfig) -> Self {
        let wire = Wire::new().expect("a port");
        let mut bench = Self::start(Options { tam_port: Some(wire.port()), ..options(name) }, tam);
        wire.lead_to(bench.device.tam_address().expect("the TAM runs"));
        bench.wire = Some(wire);
        bench
    }

    fn with_options(options: Options) -> Self {
        let tam = workshop().tam_config().expect("the TAM's keys");
        Self::start(options, tam)
    }

    pub(crate) fn with_tam(name: &str, tam: TamConfig) -> Self {
        Self::start(options(name), tam)
    }

    /// A device with a copy of the disk `storage`, on which the device with the Agent's key `key` kept its secure
    /// storage. Nobody has spoken to its Agent since it booted.
    pub(crate) fn with_copy(name: &str, storage: &Path, key: PublicKey) -> Self {
        let options = with_storage(options(name));
        fs::copy(storage, options.storage.as_ref().expect("a disk")).expect("a copy of the disk");
        let bench = Self::boot(options, workshop().tam_config().expect("the TAM's keys"));
        bench.store.enrol(key);
        bench
    }

    fn start(options: Options, tam: TamConfig) -> Self {
        let mut bench = Self::boot(options, tam);
        bench.store.enrol(bench.device.agent_key().expect("the Agent tells its public key"));
        bench
    }

    /// A device that its TAM does not know yet.
    pub(crate) fn boot(options: Options, tam: TamConfig) -> Self {
        let workshop = workshop();
        let store = MemoryStore::new();
        let told = Told::default();
        let listener = told.clone();
        let tam = Tam::with_observer(tam, store.clone(), move |event| {
            listener.lock().expect("no panic").push((Instant::now(), event.to_string()));
        });
        let device = workshop.boot(tam, options).expect("boots");
        Self { workshop, store, device, wire: None, told, offers: Vec::new(), withdrawn: Vec::new() }
    }

    /// The developer signs what `description` says, and puts what devices are to fetch for it where the TAM serves it.
    pub(crate) fn sign(&self, description: &Description) -> Vec<u8> {
        let key = Authenticator::Sign(self.workshop.signer());
        let created = create_for(description, &[key]).expect("an envelope");
        for (uri, bytes) in &created.payloads {
            let name = uri.strip_prefix(&payload_uri("")).expect("a payload of the TAM");
            fs::write(self.device.payloads().join(name), bytes).expect("a file");
        }
        created.envelope
    }

    /// Lets the TAM offer it under `name`, besides what it offers under other names.
    pub(crate) fn offer(&mut self, name: &str, description: &Description) -> Vec<u8> {
        let envelope = self.sign(description);
        self.add_offer(name, envelope.clone());
        envelope
    }

    /// The same, signed by the TAM's operator, who may install nothing.
    pub(crate) fn offer_by_operator(&mut self, name: &str, description: &Description) {
        let key = std::slice::from_ref(self.workshop.operator());
        self.add_offer(name, create(description, key).expect("an envelope"));
    }

    /// The same, signed by the owner, for this very device: no device asks for a trust store.
    pub(crate) fn offer_trust_store(&mut self, name: &str, description: &Description) {
        let key = std::slice::from_ref(self.workshop.owner());
        let agent = self.device.agent_key().expect("a key").thumbprint();
        self.add_offer(name, create(description, key).expect("an envelope"));
        self.offers.iter_mut().filter(|offer| offer.name == name).for_each(|offer| offer.agent = Some(agent));
        self.store.set_offers(self.offers.clone());
    }

    fn add_offer(&mut self, name: &str, envelope: Vec<u8>) {
        let workshop = &self.workshop;
        let signers = [workshop.signer(), workshop.operator(), workshop.owner()].map(SigningKey::public_key);
        let offer = Offer::verified(name.to_owned(), envelope, &signers).expect("an offer");
        self.offers.retain(|offer| offer.name != name);
        self.withdrawn.retain(|offer| offer.name != name);
        self.offers.push(offer);
        self.store.set_offers(self.offers.clone());
        self.store.set_withdrawn(self.withdrawn.clone());
    }

    /// The envelope that the TAM offers under `name`.
    pub(crate) fn offered(&self, name: &str) -> Vec<u8> {
        let offer = self.offers.iter().find(|offer| offer.name == name);
        offer.expect("it is offered").envelope.clone()
    }

    /// Lets the TAM take the offer `name` back: devices are to give up what it installed.
    pub(crate) fn withdraw(&mut self, name: &str) {
        let (gone, kept): (Vec<_>, _) = self.offers.drain(..).partition(|offer| offer.name == name);
        self.offers = kept;
        self.withdrawn.extend(gone);
        self.store.set_offers(self.offers.clone());
        self.store.set_withdrawn(self.withdrawn.clone());
    }

    /// Lets the TAM serve this envelope for the demo TA, whoever signed it and whatever is in it.
    pub(crate) fn serve(&self, envelope: Vec<u8>) {
        let uuid = text::parse(&format!("uuid:{HELLO_UUID}")).expect("a UUID").remove(0);
        let id = text::native_ta(uuid.try_into().expect("16 bytes"));
        // A digest no device has: the TAM sends it to whoever has or wants the TA.
        let component =
            OfferedComponent { id: ComponentId::encode(&id), digest: Some(Digest::sha256([0; 32])) };
        self.store.set_offers(vec![Offer {
            name: "hello.suit".to_owned(),
            agent: None,
            manifest_id: None,
            digest: Digest::sha256([0; 32]),
            dependencies: Vec::new(),
            components: vec![component],
            sequence_number: 1,
            envelope,
        }]);
    }

    /// Lets the TAM serve the demo TA in this version, well made.
    pub(crate) fn publish(&self, version: u32) {
        let envelope = self.workshop.hello_envelope(version).expect("an envelope");
        let signer = self.workshop.signer().public_key();
        let offer = Offer::verified(format!("hello-{version}.suit"), envelope, &[signer]).expect("an offer");
        self.store.set_offers(vec![offer]);
    }

    /// The envelope of `image` with this sequence number, signed by `key`.
    pub(crate) fn envelope(&self, sequence_number: u64, image: Vec<u8>, key: &SigningKey) -> Vec<u8> {
        let description = self.workshop.describe(sequence_number, image).expect("a description");
        create(&description, std::slice::from_ref(key)).expect("an envelope")
    }

    /// Runs teep-broker, which must end with `status`; gives its JSON.
    pub(crate) fn broker(&mut self, arguments: &str, status: i32) -> Value {
        let (ended, value) = self.device.broker(arguments).expect("the Broker answers");
        assert_eq!(ended, status, "teep-broker {arguments}: {value}; logs in {}", self.logs());
        value
    }

    pub(crate) fn request(&mut self, status: i32) -> Value {
        self.broker(&format!("request-ta {HELLO_UUID}"), status)
    }

    /// Requests the TA; the Agent must refuse with TEEP error `err_code` and say `text`. Then a good manifest
    /// must go in as if nothing had been.
    pub(crate) fn refused_then_works(mut self, err_code: u64, text: &str) {
        let value = self.request(teep_qemu::bench::REFUSED);
        let outcome = value.pointer("/outcomes/0").expect("an outcome");
        assert_eq!(outcome["err_code"], err_code, "{value}");
        assert!(outcome["text"].as_str().is_some_and(|said| said.contains(text)), "{value}");
        assert_eq!(self.hello(), None, "nothing was installed");
        self.works();
    }

    /// Installs version 1 and calls it.
    pub(crate) fn works(&mut self) {
        self.publish(1);
        self.request(0);
        assert_eq!(self.hello(), Some(1));
    }

    /// The version the demo TA answers with, if it is there.
    pub(crate) fn hello(&mut self) -> Option<u32> {
        let output = self.device.run("hello-client").expect("the guest answers");
        match output.status {
            NOT_INSTALLED => None,
            0 => output.stdout.rsplit(' ').next().and_then(|number| number.trim().parse().ok()),
            status => panic!("hello-client ended with {status}: {}; logs in {}", output.stdout, self.logs()),
        }
    }

    /// Runs a shell command in the guest, which must end well; what it printed.
    pub(crate) fn shell(&mut self, command: &str) -> String {
        let output = self.device.run(command).expect("the guest answers");
        assert_eq!(output.status, 0, "{command}: {}", output.stdout);
        output.stdout
    }

    fn logs(&self) -> String {
        self.device.machine().run_dir().display().to_string()
    }
}
