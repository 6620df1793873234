// SPDX-License-Identifier: Apache-2.0
//! A device in QEMU together with what its makers and operators have: keys, envelopes, a TAM.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use teep_agent::config::{Config, TrustStore, compile_toml};
use teep_proto::cose::{AgreementKey, ContentAlgorithm, PublicKey, SigningKey};
use teep_proto::suit::{Digest, text};
use teep_suit::{Component, Dependency, Description, Encryption, Recipient, Sealing, keys};
use teep_tam::{Directory, Handle, HttpConfig, PAYLOADS_PATH, Tam, TamConfig, spawn};

use crate::{ImageDir, Machine, Options, Output, TAM_URI};

/// UUID of the demo Trusted Application.
pub const HELLO_UUID: &str = "1c42796f-7fc4-4536-b751-6a58e6f4540c";
/// The same, as bytes.
pub const HELLO: [u8; 16] =
    [0x1c, 0x42, 0x79, 0x6f, 0x7f, 0xc4, 0x45, 0x36, 0xb7, 0x51, 0x6a, 0x58, 0xe6, 0xf4, 0x54, 0x0c];
/// Text form of the component identifier of its personalization data.
pub const GREETING: &str = "TEEP-Device/SecureFS/uuid:1c42796f-7fc4-4536-b751-6a58e6f4540c/greeting";
/// Text form of the identifier of their manifest.
const GREETING_MANIFEST: &str =
    "TEEP-Device/SecureFS/uuid:1c42796f-7fc4-4536-b751-6a58e6f4540c/greeting.suit";
/// What `hello-client` exits with when the demo TA is not installed.
pub const NOT_INSTALLED: i32 = 3;
/// What it exits with when there is no such data, or it is not for the TA that was asked.
pub const NO_SUCH_DATA: i32 = 4;
/// What `teep-broker` exits with when the Agent refused what the TAM wanted.
pub const REFUSED: i32 = 6;
/// How long one command in the guest may take on a busy machine.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// Any error, with a text for people.
pub type Failure = Box<dyn Error>;

/// What the build made for the bench: development keys, the Agent's configuration, signed TAs.
#[derive(Debug)]
pub struct Workshop {
    build: PathBuf,
    config: Config,
    signer: SigningKey,
    operator: SigningKey,
    owner: SigningKey,
}

impl Workshop {
    /// The one in the build directory `build`.
    ///
    /// # Errors
    /// When something is missing there; `make` makes it.
    pub fn open(build: &Path) -> Result<Self, Failure> {
        let build =
            build.canonicalize().map_err(|error| format!("{}: {error}; run make", build.display()))?;
        let config = Config::decode(&compile_toml(&build.join("keys/agent.toml"))?)?;
        let key = |name| keys::load_signing_key(&build.join("keys").join(name));
        let (signer, operator, owner) = (key("signer.pem")?, key("operator.pem")?, key("owner.pem")?);
        Ok(Self { build, config, signer, operator, owner })
    }

    /// The build directory.
    pub fn build(&self) -> &Path {
        &self.build
    }

    /// The development key of the Trusted Component signer, an anchor of the Agent.
    pub fn signer(&self) -> &SigningKey {
        &self.signer
    }

    /// The development key with which the TAM's operator signs manifests: an anchor that may write data, and install
    /// nothing.
    pub fn operator(&self) -> &SigningKey {
        &self.operator
    }

    /// The development key that may replace the Agent's trust store, and do nothing else.
    pub fn owner(&self) -> &SigningKey {
        &self.owner
    }

    /// The keys of the TAM that is an anchor of the Agent.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tam_config(&self) -> Result<TamConfig, Failure> {
        let key = |name| keys::load_signing_key(&self.build.join("keys").join(name));
        Ok(TamConfig::new(key("tam-esp256.pem")?, key("tam-ed25519.pem")?)?)
    }

    /// The demo TA in TA version `version`, as signed for OP-TEE.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn hello(&self, version: u32) -> Result<Vec<u8>, Failure> {
        self.built(&format!("hello-{version}.ta"))
    }

    /// The file `name` of what `make` puts into `out`.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn built(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let path = self.build.join("out").join(name);
        fs::read(&path).map_err(|error| format!("{}: {error}; run make", path.display()).into())
    }

    /// The description of the demo TA `image`, for the devices the Agent is configured for.
    ///
    /// # Errors
    /// When the configuration has no vendor or class.
    pub fn describe(&self, sequence_number: u64, image: Vec<u8>) -> Result<Description, Failure> {
        let vendor = self.config.vendor_ids.first().ok_or("the Agent's configuration has no vendor-ids")?;
        let class = self.config.class_ids.first().ok_or("the Agent's configuration has no class-ids")?;
        Ok(Description::new(HELLO, sequence_number, *vendor, *class, image))
    }

    /// The description of personalization data for the demo TA: a name to greet, encrypted to the device that has the
    /// key `to`. It depends on the manifest in `envelope`, that of the demo TA.
    ///
    /// # Errors
    /// When the envelope is none, or as for [`describe`](Self::describe).
    pub fn describe_greeting(
        &self,
        name: &str,
        to: AgreementKey,
        envelope: Vec<u8>,
    ) -> Result<Description, Failure> {
        let recipients = vec![Recipient::Agreement(to)];
        let sealing = Sealing { algorithm: ContentAlgorithm::A128Gcm, recipients };
        let mut component = Component::written(text::parse(GREETING)?, name.into());
        component.encryption = Some(Encryption::New(sealing));
        Ok(Description {
            manifest_id: text::parse(GREETING_MANIFEST)?,
            components: vec![component],
            dependencies: vec![Dependency::new(envelope, None)?],
            ..self.describe(1, Vec::new())?
        })
    }

    /// The description of a trust store that is the built-in one but for its sequence number and what `change` does.
    ///
    /// # Errors
    /// As for [`describe`](Self::describe).
    pub fn describe_trust_store(
        &self,
        sequence_number: u64,
        change: impl FnOnce(&mut TrustStore),
    ) -> Result<Description, Failure> {
        let mut store = TrustStore { sequence_number, ..self.config.trust.clone() };
        change(&mut store);
        Ok(Description {
            manifest_id: text::trust_store_manifest(),
            components: vec![Component::written(text::trust_store(), store.encode())],
            ..self.describe(sequence_number, Vec::new())?
        })
    }

    /// The signed envelope of the demo TA, version and sequence number `version`.
    ///
    /// # Errors
    /// When it has not been built or cannot be signed.
    pub fn hello_envelope(&self, version: u32) -> Result<Vec<u8>, Failure> {
        let description = self.describe(version.into(), self.hello(version)?)?;
        Ok(teep_suit::create(&description, std::slice::from_ref(&self.signer))?)
    }

    /// Writes [`hello_envelope`](Self::hello_envelope) to `hello-VERSION.suit` in `directory`.
    ///
    /// # Errors
    /// As there; also when the file cannot be written.
    pub fn write_envelope(&self, directory: &Path, version: u32) -> Result<PathBuf, Failure> {
        let path = directory.join(format!("hello-{version}.suit"));
        fs::write(&path, self.hello_envelope(version)?)?;
        Ok(path)
    }

    /// Takes `run_dir` for this process, until the result is dropped.
    ///
    /// # Errors
    /// When another process has it.
    pub fn lock(&self, run_dir: &Path) -> Result<fs::File, Failure> {
        fs::create_dir_all(run_dir)?;
        let lock = fs::File::create(run_dir.join("lock"))?;
        let busy = |_| {
            format!("another run uses {}: wait for its end, or build with another BUILD=", run_dir.display())
        };
        lock.try_lock().map_err(busy)?;
        Ok(lock)
    }

    /// A new TAM directory `tam` in `run_dir`, in place of an older one, that vets the development signers.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new_tam_directory(&self, run_dir: &Path) -> Result<Directory, Failure> {
        let path = run_dir.join("tam");
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        let (directory, _) = Directory::init(&path)?;
        directory.add_signer(&self.signer.public_key(), Some("developer"))?;
        directory.add_signer(&self.operator.public_key(), Some("operator"))?;
        Ok(directory)
    }

    /// Boots a machine whose TAM is `tam`, and reached directly unless `options` name a port. The TAM serves the
    /// payload files in the directory `payloads` of the run, which is made, empty.
    ///
    /// # Errors
    /// When the directory, the port or the machine cannot be had.
    pub fn boot(&self, tam: Tam, options: Options) -> Result<Device, Failure> {
        let image = ImageDir::new(&self.build)?;
        let payloads = image.run_dir(&options.name).join("payloads");
        if payloads.exists() {
            fs::remove_dir_all(&payloads)?;
        }
        fs::create_dir_all(&payloads)?;
        let tam = serve(tam, Some(payloads.clone()))?;
        let options = Options { tam_port: options.tam_port.or(Some(tam.address().port())), ..options };
        Ok(Device { machine: Machine::boot(&image, &options)?, tam: Some(tam), payloads })
    }
}

/// Serves `tam` on a free port of the loopback, with the payload files of a directory.
///
/// # Errors
/// When there is none.
pub fn serve(tam: Tam, payloads: Option<PathBuf>) -> Result<Handle, Failure> {
    let http = HttpConfig { payloads, ..HttpConfig::default() };
    Ok(spawn(Arc::new(tam), ([127, 0, 0, 1], 0).into(), http)?)
}

/// The name of an empty disk for [`Options::storage`] in the directory of a run, in place of an older one. It is made
/// when the machine starts.
///
/// # Errors
/// When the directory cannot be made, or the older one stays.
pub fn new_disk(run_dir: &Path) -> Result<PathBuf, Failure> {
    fs::create_dir_all(run_dir)?;
    let storage = run_dir.join("storage.img");
    if storage.exists() {
        fs::remove_file(&storage)?;
    }
    Ok(storage)
}

/// Where the guest finds the payload file `name` of its TAM.
pub fn payload_uri(name: &str) -> String {
    let server = TAM_URI.strip_suffix("/tam").unwrap_or(TAM_URI);
    format!("{server}{PAYLOADS_PATH}/{name}")
}

/// A booted device and the TAM it can reach.
#[derive(Debug)]
pub struct Device {
    machine: Machine,
    tam: Option<Handle>,
    payloads: PathBuf,
}

impl Device {
    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Cuts the power of the machine and boots it again; the TAM stays. What the device keeps is in
    /// [`Options::storage`].
    ///
    /// # Errors
    /// When the machine does not boot.
    pub fn restart(&mut self) -> Result<(), Failure> {
        Ok(self.machine.restart()?)
    }

    /// Starts a shell command in the guest, cuts the power as soon as `moment` returns, and boots the machine again.
    ///
    /// # Errors
    /// When the machine does not boot.
    pub fn cut_during(&mut self, command: &str, moment: impl FnOnce()) -> Result<(), Failure> {
        Ok(self.machine.cut_during(command, moment)?)
    }

    /// The TAM's address, while it runs.
    pub fn tam_address(&self) -> Option<SocketAddr> {
        self.tam.as_ref().map(Handle::address)
    }

    /// The directory of the TAM's payload files.
    pub fn payloads(&self) -> &Path {
        &self.payloads
    }

    /// Stops the TAM: from now on nothing answers.
    pub fn stop_tam(&mut self) {
        self.tam = None;
    }

    /// Runs a shell command in the guest.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn run(&mut self, command: &str) -> Result<Output, Failure> {
        self.run_within(command, COMMAND_LIMIT)
    }

    /// Runs one that may take longer.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_within(&mut self, command: &str, limit: Duration) -> Result<Output, Failure> {
        Ok(self.machine.run(command, limit)?)
    }

    /// Runs `teep-broker --json` with these arguments: its exit status and what it printed.
    ///
    /// # Errors
    /// When the machine does not answer or the Broker prints no JSON.
    pub fn broker(&mut self, arguments: &str) -> Result<(i32, Value), Failure> {
        let output = self.run(&format!("teep-broker --json --quiet {arguments} 2>/dev/null"))?;
        let value = serde_json::from_str(&output.stdout)
            .map_err(|error| format!("teep-broker {arguments}: {error} in {:?}", output.stdout))?;
        Ok((output.status, value))
    }

    /// Reads the Agent's public key, as a factory does to enrol the device at its TAM.
    ///
    /// # Errors
    /// When the Agent does not answer.
    pub fn agent_key(&mut self) -> Result<PublicKey, Failure> {
        Ok(self.keys()?.public_key)
    }

    /// Reads what a factory reads once.
    ///
    /// # Errors
    /// When the Agent does not answer.
    pub fn keys(&mut self) -> Result<Keys, Failure> {
        let (status, value) = self.broker("keys")?;
        let bytes = |name: &str| -> Result<Vec<u8>, Failure> {
            let digits = value.pointer("/keys").and_then(|keys| keys.get(name)).and_then(Value::as_str);
            let digits =
                digits.ok_or_else(|| format!("teep-broker keys ended with status {status}: {value}"))?;
            Ok(hex::decode(digits)?)
        };
        let digest = |name: &str| -> Result<[u8; 32], Failure> {
            Ok(bytes(name)?.try_into().map_err(|_| format!("{name} is no SHA-256 digest"))?)
        };
        Ok(Keys {
            public_key: PublicKey::from_cose_key(&bytes("public_key")?)?,
            decryption_key: AgreementKey::from_cose_key(&bytes("decryption_key")?)?,
            attestation_key: PublicKey::from_cose_key(&bytes("attestation_key")?)?,
            measurements: [digest("measurement")?, digest("tee_measurement")?],
        })
    }

    /// Whether the Agent says that the demo TA is installed and is `image`.
    ///
    /// # Errors
    /// When the Agent does not answer.
    pub fn has(&mut self, image: &[u8]) -> Result<bool, Failure> {
        let (_, status) = self.broker("status")?;
        let components = status.pointer("/status/components").and_then(Value::as_array);
        let components = components.ok_or_else(|| format!("teep-broker status says {status}"))?;
        let digest = hex::encode(Digest::of(image).as_bytes());
        Ok(components.iter().any(|component| component["digest"] == digest.as_str()))
    }
}

/// What tells a device and its Agent from others.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Verifies the Agent's messages: a TAM knows the device by it.
    pub public_key: PublicKey,
    /// Payloads for this device alone are encrypted to it.
    pub decryption_key: AgreementKey,
    /// Verifies Evidence.
    pub attestation_key: PublicKey,
    /// What OP-TEE measures the Agent and itself to be: the reference values, if the device is known to be good.
    pub measurements: [[u8; 32]; 2],
}
