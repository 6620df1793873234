// SPDX-License-Identifier: Apache-2.0
//! A device in QEMU and a TAM that serves what a test tells it to.

use std::path::{Path, PathBuf};

use serde_json::Value;
use teep_proto::cose::SigningKey;
use teep_proto::suit::{ComponentId, Digest, text};
use teep_qemu::bench::{Device, HELLO_UUID, NOT_INSTALLED, Workshop};
use teep_suit::create;
use teep_tam::store::{Offer, OfferedComponent};
use teep_tam::{MemoryStore, Tam, TamConfig};

/// A device whose Agent is enrolled at its TAM, which serves nothing yet.
pub(crate) struct Bench {
    pub(crate) workshop: Workshop,
    pub(crate) store: MemoryStore,
    pub(crate) device: Device,
}

pub(crate) fn workshop() -> Workshop {
    let build = std::env::var_os("TEEP_BUILD").expect("TEEP_BUILD names the build directory; use make test");
    Workshop::open(Path::new(&build)).expect("what make builds")
}

impl Bench {
    pub(crate) fn new(name: &str) -> Self {
        let tam = workshop().tam_config().expect("the TAM's keys");
        Self::with_tam(name, tam)
    }

    pub(crate) fn with_tam(name: &str, tam: TamConfig) -> Self {
        let workshop = workshop();
        let store = MemoryStore::new();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_teep-qemu"));
        let mut device = workshop.boot(name, Tam::new(tam, store.clone()), program).expect("boots");
        store.enrol(device.agent_key().expect("the Agent tells its public key"));
        Self { workshop, store, device }
    }

    /// Lets the TAM serve this envelope for the demo TA, whoever signed it and whatever is in it.
    pub(crate) fn serve(&self, envelope: Vec<u8>) {
        let uuid = text::parse(&format!("uuid:{HELLO_UUID}")).expect("a UUID").remove(0);
        let id = text::native_ta(uuid.try_into().expect("16 bytes"));
        // A digest no device has: the TAM sends it to whoever has or wants the TA.
        let component =
            OfferedComponent { id: ComponentId::encode(&id), digest: Some(Digest::sha256([0; 32])) };
        let name = "hello.suit".to_owned();
        self.store.set_offers(vec![Offer {
            name,
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

    fn logs(&self) -> String {
        self.device.machine().run_dir().display().to_string()
    }
}
