// SPDX-License-Identifier: Apache-2.0
use crate::image;
use crate::loss::Unsettled;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use teep_agent::{
    Abilities, Env, EnvError, InstallError, Installer, Measured, OpenSessions, RollbackProtection, Storage,
};
use zeroize::Zeroizing;

/// TEE_ERROR_TARGET_DEAD: what every call answers after the power was cut.
const NO_POWER: EnvError = EnvError { code: 0xffff_3024 };

/// An OP-TEE with the patch series.
const PATCHED: Abilities =
    Abilities { checks_first: true, removes: true, lists: true, counts_sessions: true, exclusive: true };

/// TEE_ERROR_COMMUNICATION.
const LOST: u32 = 0xffff_000e;

/// A TEE in memory. Clones share it, as two starts of one device do.
#[derive(Clone, Debug, Default)]
pub struct MemoryEnv {
    device: Arc<Mutex<Device>>,
}

#[derive(Clone, Debug, Default)]
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
    unsettled: Unsettled,
    out_of_memory: bool,
    answers_lost: bool,
    write_answers_lost: bool,
    reads_fail: bool,
    abilities: Abilities,
    rollback_protection: RollbackProtection,
    /// Sessions that Trusted Applications have open.
    sessions: BTreeMap<[u8; 16], u32>,
    /// What the TEE measures the Agent to be, if it does.
    measurement: Option<Measured>,
    /// Keys that were derived so far.
    derived: BTreeSet<[u8; 32]>,
    failing: BTreeSet<Call>,
    /// Random numbers drawn so far: the same device draws the same ones.
    drawn: u64,
    /// Read from large objects.
    bytes_read: u64,
    /// Seconds.
    uptime: u64,
    /// Seconds since 1970.
    trusted_time: Option<u64>,
}

/// Something that the Agent asks of the TEE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// To derive a key.
    DeriveKey,
    /// To delete an object.
    Delete,
    /// What the platform can do.
    Abilities,
}

impl MemoryEnv {
    /// A device whose hardware unique key is `hardware_key`.
    pub fn new(hardware_key: [u8; 32]) -> Self {
        let [agent, tee] =
            [&b"the simulated Agent"[..], b"the simulated TEE"].map(|code| Sha256::digest(code).into());
        let measurement = Some(Measured { agent, tee });
        let device = Device { hardware_key, abilities: PATCHED, measurement, ..Device::default() };
        Self { device: Arc::new(Mutex::new(device)) }
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another device in the same state, with the same hardware unique key. Unlike a clone it goes its own way.
    pub fn twin(&self) -> Self {
        Self { device: Arc::new(Mutex::new(self.device().clone())) }
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

    /// Cuts the power when `operations` more operations are done: the next one does not happen, except that half of
    /// what it would have appended to an object is there, and nothing works until
    /// [`restore_power`](Self::restore_power).
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

    /// Lets the next power cuts take back, as `seed` decides, what storage need not keep yet: part of what was appended and
    /// deleted since the last object was written as a whole. `None`: nothing of it.
    pub fn set_lossy(&self, seed: Option<u64>) {
        self.device().unsettled = Unsettled::new(seed);
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

    /// Lets storage replace objects but answer with an error, and with `reads_fail` fail to read any; or not any more.
    pub fn set_write_answers_lost(&self, lost: bool, reads_fail: bool) {
        let mut device = self.device();
        (device.write_answers_lost, device.reads_fail) = (lost, reads_fail);
    }

    /// Lets the platform be an OP-TEE without the patch series, which can remove nothing and checks an image when it is
    /// committed; or not any more.
    pub fn set_stock(&self, stock: bool) {
        self.device().abilities = if stock { Abilities::default() } else { PATCHED };
    }

    /// What the TEE says keeps storage from being rolled back. It keeps [`tamper`](Self::tamper) from nothing.
    pub fn set_rollback_protection(&self, protection: RollbackProtection) {
        self.device().rollback_protection = protection;
    }

    /// Lets the Trusted Application `uuid` have `open` sessions, whatever is done to it.
    pub fn set_open_sessions(&self, uuid: [u8; 16], open: u32) {
        self.device().sessions.insert(uuid, open);
    }

    /// Takes the Trusted Application `uuid` away, as another client of the platform could.
    pub fn uninstall(&self, uuid: [u8; 16]) {
        self.device().installed.remove(&uuid);
    }

    /// Lets this call fail from now on, or not any more, and nothing else.
    pub fn set_failing(&self, call: Call, fails: bool) {
        let failing = &mut self.device().failing;
        if fails {
            failing.insert(call)
        } else {
            failing.remove(&call)
        };
    }

    /// Bytes that were read in pieces so far.
    pub fn bytes_read(&self) -> u64 {
        self.device().bytes_read
    }

    /// What the TEE measures the Agent to be; `None` where it measures nothing.
    pub fn set_measurement(&self, measurement: Option<Measured>) {
        self.device().measurement = measurement;
    }

    /// Gives the device a clock that it trusts, which stands at `now`, in seconds since 1970; or takes it away.
    pub fn set_trusted_time(&self, now: Option<u64>) {
        self.device().trusted_time = now;
    }

    /// Lets `seconds` pass; they do not by themselves.
    pub fn pass(&self, seconds: u64) {
        let mut device = self.device();
        device.uptime = device.uptime.saturating_add(seconds);
        device.trusted_time = device.trusted_time.map(|now| now.saturating_add(seconds));
    }

    /// All keys the Agent derived so far, for tests that none of them gets out.
    pub fn derived_keys(&self) -> Vec<[u8; 32]> {
        self.device().derived.iter().copied().collect()
    }

    /// Names of all storage objects.
    pub fn object_names(&self) -> Vec<String> {
        self.device().objects.keys().cloned().collect()
    }

    /// Bytes of the storage object `name`, if there is one.
    pub fn object_len(&self, name: &str) -> Option<usize> {
        self.device().objects.get(name).map(Vec::len)
    }

    /// UUIDs of all installed Trusted Applications.
    pub fn installed_uuids(&self) -> Vec<[u8; 16]> {
        self.device().installed.keys().copied().collect()
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
    fn works(&self, call: Call) -> Result<(), EnvError> {
        if self.failing.contains(&call) { Err(EnvError { code: LOST }) } else { Ok(()) }
    }

    /// Counts an operation that changes something.
    fn operate(&mut self) -> Result<(), EnvError> {
        if !self.powerless && self.power_cut_at == Some(self.operations) {
            self.powerless = true;
            self.unsettled.lose(&mut self.objects);
        }
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
        let mut device = self.device();
        device.powered()?;
        device.works(Call::DeriveKey)?;
        let hash = Sha256::new().chain_update(device.hardware_key).chain_update(label).finalize();
        device.derived.insert(hash.into());
        Ok(Zeroizing::new(hash.into()))
    }

    fn measurement(&mut self) -> Result<Option<Measured>, EnvError> {
        let device = self.device();
        device.powered()?;
        Ok(device.measurement)
    }

    fn trusted_time(&mut self) -> Option<u64> {
        self.device().trusted_time
    }

    fn uptime(&mut self) -> u64 {
        self.device().uptime
    }

    fn rollback_protection(&mut self) -> RollbackProtection {
        self.device().rollback_protection
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), EnvError> {
        let mut device = self.device();
        device.powered()?;
        for chunk in bytes.chunks_mut(32) {
            device.drawn = device.drawn.saturating_add(1);
            let seed = Sha256::new().chain_update(b"random").chain_update(device.hardware_key);
            let block = seed.chain_update(device.drawn.to_le_bytes()).finalize();
            chunk.iter_mut().zip(block).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
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
            _ if device.reads_fail => Err(EnvError { code: LOST }),
            Some(bytes) if bytes.len() > limit => Err(EnvError::CORRUPT),
            object => Ok(object.cloned()),
        }
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), EnvError> {
        let mut device = self.device();
        device.operate()?;
        device.objects.insert(name.to_owned(), bytes.to_vec());
        device.unsettled.settle();
        if device.write_answers_lost { Err(EnvError { code: LOST }) } else { Ok(()) }
    }

    fn size(&mut self, name: &str) -> Result<Option<u64>, EnvError> {
        let device = self.device();
        device.powered()?;
        Ok(device.objects.get(name).map(|object| object.len() as u64))
    }

    fn read_at(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, EnvError> {
        let mut device = self.device();
        device.powered()?;
        let object = device.objects.get(name).ok_or(EnvError::NOT_FOUND)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(object.len());
        let rest = object.get(from..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        device.bytes_read = device.bytes_read.saturating_add(len as u64);
        Ok(len)
    }

    fn append(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), EnvError> {
        let mut device = self.device();
        let was_powered = device.powered().is_ok();
        let operated = device.operate();
        if operated.is_err() && !was_powered {
            return operated;
        }
        let Device { objects, unsettled, .. } = &mut *device;
        unsettled.note(name, objects.get(name));
        let object = objects.entry(name.to_owned()).or_default();
        if offset == 0 {
            object.clear();
        }
        if object.len() as u64 != offset {
            return Err(EnvError::BAD_STATE);
        }
        let written = if operated.is_ok() { bytes.len() } else { bytes.len() / 2 };
        object.extend(bytes.iter().take(written));
        operated
    }

    fn delete(&mut self, name: &str) -> Result<(), EnvError> {
        let mut device = self.device();
        device.works(Call::Delete)?;
        device.operate()?;
        let Device { objects, unsettled, .. } = &mut *device;
        unsettled.note(name, objects.get(name));
        objects.remove(name);
        Ok(())
    }

    fn for_each_name(&mut self, visit: &mut dyn FnMut(&str)) -> Result<(), EnvError> {
        let names: Vec<String> = {
            let device = self.device();
            device.powered()?;
            device.objects.keys().cloned().collect()
        };
        names.iter().for_each(|name| visit(name));
        Ok(())
    }
}

/// An image on its way to the simulated platform.
#[derive(Debug)]
pub struct Image {
    size: u64,
    bytes: Vec<u8>,
}

impl Device {
    /// UUID and version of an image, if the platform takes it.
    fn check(&self, image: &Image) -> Result<([u8; 16], u32), InstallError> {
        let (uuid, version) = image::accept(&image.bytes).ok_or(InstallError::Refused)?;
        if self.installed.get(&uuid).is_some_and(|(installed, _)| version < *installed) {
            return Err(InstallError::OlderVersion);
        }
        Ok((uuid, version))
    }

    fn install_operation(&mut self) -> Result<(), InstallError> {
        self.operate().map_err(|error| InstallError::Failed(error.code))
    }
}

impl Installer for MemoryEnv {
    type Image = Image;

    fn abilities(&mut self) -> Result<Abilities, InstallError> {
        let device = self.device();
        device.works(Call::Abilities).map_err(|error| InstallError::Failed(error.code))?;
        Ok(device.abilities)
    }

    fn begin(&mut self, size: u64) -> Result<Image, InstallError> {
        let mut device = self.device();
        device.install_operation()?;
        if device.out_of_memory {
            return Err(InstallError::OutOfMemory);
        }
        Ok(Image { size, bytes: Vec::new() })
    }

    fn write(&mut self, image: &mut Image, bytes: &[u8]) -> Result<(), InstallError> {
        let mut device = self.device();
        device.install_operation()?;
        image.bytes.extend(bytes);
        let len = image.bytes.len() as u64;
        match len.cmp(&image.size) {
            Ordering::Greater => Err(InstallError::Refused),
            Ordering::Equal if device.abilities.checks_first => device.check(image).map(drop),
            _ => Ok(()),
        }
    }

    fn commit(&mut self, image: Image) -> Result<OpenSessions, InstallError> {
        let mut device = self.device();
        device.install_operation()?;
        let (uuid, version) = device.check(&image)?;
        device.installed.insert(uuid, (version, image.bytes));
        if device.answers_lost {
            Err(InstallError::Failed(LOST))
        } else {
            Ok(device.sessions.get(&uuid).copied())
        }
    }

    fn remove(&mut self, uuid: [u8; 16]) -> Result<OpenSessions, InstallError> {
        let mut device = self.device();
        if !device.abilities.removes {
            return Err(InstallError::Unsupported);
        }
        device.install_operation()?;
        device.installed.remove(&uuid);
        if device.answers_lost {
            Err(InstallError::Failed(LOST))
        } else {
            Ok(device.sessions.get(&uuid).copied())
        }
    }

    fn is_installed(&mut self, uuid: [u8; 16]) -> Result<Option<bool>, InstallError> {
        let device = self.device();
        Ok(device.abilities.lists.then(|| device.installed.contains_key(&uuid)))
    }

    fn open_sessions(&mut self, uuid: [u8; 16]) -> Result<OpenSessions, InstallError> {
        let device = self.device();
        Ok(device.abilities.counts_sessions.then(|| device.sessions.get(&uuid).copied().unwrap_or(0)))
    }
}
