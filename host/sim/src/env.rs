// SPDX-License-Identifier: Apache-2.0
use crate::image;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use teep_agent::{Env, EnvError, InstallError, Installer, Storage};
use zeroize::Zeroizing;

/// TEE_ERROR_TARGET_DEAD: what every call answers after the power was cut.
const NO_POWER: EnvError = EnvError { code: 0xffff_3024 };

/// TEE_ERROR_COMMUNICATION.
const LOST: u32 = 0xffff_000e;

/// A TEE in memory. Clones share it, as two starts of one device do.
#[derive(Clone, Debug, Default)]
pub struct MemoryEnv {
    device: Arc<Mutex<Device>>,
}

#[derive(Debug, Default)]
struct Device {
    hardware_key: [u8; 32],
    objects: BTreeMap<String, Vec<u8>>,
    installed: BTreeMap<[u8; 16], (u32, Vec<u8>)>,
    log: Vec<String>,
    /// Changing operations so far.
    operations: usize,
    /// The operation that finds no power, if one is to.
    power_cut_at: Option<usize>,
    powerless: bool,
    out_of_memory: bool,
    answers_lost: bool,
}

impl MemoryEnv {
    /// A device whose hardware unique key is `hardware_key`.
    pub fn new(hardware_key: [u8; 32]) -> Self {
        let device = Device { hardware_key, ..Device::default() };
        Self { device: Arc::new(Mutex::new(device)) }
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Version and bytes of the installed Trusted Application `uuid`, as the TEE would load it.
    pub fn installed(&self, uuid: [u8; 16]) -> Option<(u32, Vec<u8>)> {
        self.device().installed.get(&uuid).cloned()
    }

    /// The Agent's log so far.
    pub fn log_lines(&self) -> Vec<String> {
        self.device().log.clone()
    }

    /// Storage and installer operations so far that change something.
    pub fn operations(&self) -> usize {
        self.device().operations
    }

    /// Cuts the power when `operations` more operations are done: the next one does not happen, and nothing
    /// works until [`restore_power`](Self::restore_power).
    pub fn cut_power_after(&self, operations: usize) {
        let mut device = self.device();
        device.power_cut_at = Some(device.operations.saturating_add(operations));
    }

    /// The device can be started again, with a new [`crate::SimTee`] over a clone of this environment.
    pub fn restore_power(&self) {
        let mut device = self.device();
        device.power_cut_at = None;
        device.powerless = false;
    }

    /// Lets the installer answer that it is out of memory, or not any more.
    pub fn set_out_of_memory(&self, out_of_memory: bool) {
        self.device().out_of_memory = out_of_memory;
    }

    /// Lets the installer do its work but answer with an error, as Linux can by dropping the last of the calls that
    /// OP-TEE makes to it; or not any more.
    pub fn set_answers_lost(&self, answers_lost: bool) {
        self.device().answers_lost = answers_lost;
    }

    /// Replaces a storage object, or deletes it, as an attacker in Linux could without detection by the TEE.
    pub fn tamper(&self, name: &str, bytes: Option<Vec<u8>>) {
        let mut device = self.device();
        match bytes {
            Some(bytes) => device.objects.insert(name.to_owned(), bytes),
            None => device.objects.remove(name),
        };
    }
}

impl Device {
    /// Counts an operation that changes something.
    fn operate(&mut self) -> Result<(), EnvError> {
        self.powerless |= self.power_cut_at == Some(self.operations);
        self.powered()?;
        self.operations = self.operations.saturating_add(1);
        Ok(())
    }

    fn powered(&self) -> Result<(), EnvError> {
        if self.powerless { Err(NO_POWER) } else { Ok(()) }
    }
}

impl Env for MemoryEnv {
    type Storage = Self;
    type Installer = Self;

    fn storage(&mut self) -> &mut Self {
        self
    }

    fn installer(&mut self) -> &mut Self {
        self
    }

    fn derive_key(&mut self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, EnvError> {
        let device = self.device();
        device.powered()?;
        let hash = Sha256::new().chain_update(device.hardware_key).chain_update(label).finalize();
        Ok(Zeroizing::new(hash.into()))
    }

    fn log(&mut self, line: fmt::Arguments<'_>) {
        self.device().log.push(line.to_string());
    }
}

impl Storage for MemoryEnv {
    fn read(&mut self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, EnvError> {
        let device = self.device();
        device.powered()?;
        match device.objects.get(name) {
            Some(bytes) if bytes.len() > limit => Err(EnvError::CORRUPT),
            object => Ok(object.cloned()),
        }
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), EnvError> {
        let mut device = self.device();
        device.operate()?;
        device.objects.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
}

impl Installer for MemoryEnv {
    fn install(&mut self, image: &[u8]) -> Result<(), InstallError> {
        let mut device = self.device();
        device.operate().map_err(|error| InstallError::Failed(error.code))?;
        if device.out_of_memory {
            return Err(InstallError::OutOfMemory);
        }
        let (uuid, version) = image::accept(image).ok_or(InstallError::Refused)?;
        if device.installed.get(&uuid).is_some_and(|(installed, _)| version < *installed) {
            return Err(InstallError::OlderVersion);
        }
        device.installed.insert(uuid, (version, image.to_vec()));
        if device.answers_lost { Err(InstallError::Failed(LOST)) } else { Ok(()) }
    }
}
