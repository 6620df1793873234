// SPDX-License-Identifier: Apache-2.0
//! A device in QEMU together with what its makers and operators have: keys, envelopes, a TAM.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use teep_agent::config::{Config, compile_toml};
use teep_proto::cose::{PublicKey, SigningKey};
use teep_suit::{Description, keys};
use teep_tam::{Directory, Handle, HttpConfig, Tam, TamConfig, spawn};

use crate::{ImageDir, Machine, Options, Output};

/// UUID of the demo Trusted Application.
pub const HELLO_UUID: &str = "1c42796f-7fc4-4536-b751-6a58e6f4540c";
/// The same, as bytes.
const HELLO: [u8; 16] =
    [0x1c, 0x42, 0x79, 0x6f, 0x7f, 0xc4, 0x45, 0x36, 0xb7, 0x51, 0x6a, 0x58, 0xe6, 0xf4, 0x54, 0x0c];
/// What `hello-client` exits with when the demo TA is not installed.
pub const NOT_INSTALLED: i32 = 3;
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
        let signer = keys::load_signing_key(&build.join("keys/signer.pem"))?;
        Ok(Self { build, config, signer })
    }

    /// The build directory.
    pub fn build(&self) -> &Path {
        &self.build
    }

    /// The development key of the Trusted Component signer, an anchor of the Agent.
    pub fn signer(&self) -> &SigningKey {
        &self.signer
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
        let path = self.build.join(format!("out/hello-{version}.ta"));
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

    /// A new TAM directory `tam` in `run_dir`, in place of an older one, that vets the development signer.
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
        Ok(directory)
    }

    /// Boots a machine of this name whose TAM is `tam`.
    ///
    /// # Errors
    /// When the port or the machine cannot be had.
    pub fn boot(&self, name: &str, tam: Tam, program: PathBuf) -> Result<Device, Failure> {
        let tam = serve(tam)?;
        let image = ImageDir::new(&self.build)?;
        let options = Options { name: name.to_owned(), tam_port: Some(tam.address().port()), program };
        Ok(Device { machine: Machine::boot(&image, &options)?, tam: Some(tam) })
    }
}

/// Serves `tam` on a free port of the loopback.
///
/// # Errors
/// When there is none.
pub fn serve(tam: Tam) -> Result<Handle, Failure> {
    Ok(spawn(Arc::new(tam), ([127, 0, 0, 1], 0).into(), HttpConfig::default())?)
}

/// A booted device and the TAM it can reach.
#[derive(Debug)]
pub struct Device {
    machine: Machine,
    tam: Option<Handle>,
}

impl Device {
    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
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
        Ok(self.machine.run(command, COMMAND_LIMIT)?)
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
        let (status, info) = self.broker("info")?;
        let key = info.pointer("/agent/public_key").and_then(Value::as_str);
        let key = key.ok_or_else(|| format!("teep-broker info ended with status {status}: {info}"))?;
        Ok(PublicKey::from_cose_key(&hex::decode(key)?)?)
    }
}
