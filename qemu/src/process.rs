// SPDX-License-Identifier: Apache-2.0
//! The QEMU process: what it is given and where its logs go.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// The directory the image was built in, with all files of the image there.
#[derive(Clone, Debug)]
pub struct ImageDir {
    build: PathBuf,
}

impl ImageDir {
    /// The image in the build directory `build` (`image/flash.bin`, `image/Image`, `image/initrd`,
    /// `image/storage.img`).
    ///
    /// # Errors
    ///
    /// [`Error::NoImage`] if one of the files is missing.
    pub fn new(build: &Path) -> Result<Self, Error> {
        let image = Self { build: build.to_owned() };
        for name in [Optee::Patched.flash(), "Image", "initrd", "storage.img"] {
            image.existing(name)?;
        }
        Ok(image)
    }

    /// Where the logs of the run `name` are: `normal.log`, `secure.log`, `qemu.log`.
    #[must_use]
    pub fn run_dir(&self, name: &str) -> PathBuf {
        self.build.join("runs").join(name)
    }

    fn existing(&self, name: &str) -> Result<PathBuf, Error> {
        let file = self.file(name);
        if file.is_file() { Ok(file) } else { Err(Error::NoImage(file)) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.build.join("image").join(name)
    }
}

/// The OP-TEE a machine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Optee {
    /// With the patches of this project: its install PTA streams, removes, lists, and admits only the Agent.
    #[default]
    Patched,
    /// Without them; built for the system test only.
    Stock,
}

impl Optee {
    fn flash(self) -> &'static str {
        match self {
            Self::Patched => "flash.bin",
            Self::Stock => "flash-stock.bin",
        }
    }
}

/// How a machine is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names the directory of the run; of two machines with one name only one may run.
    pub name: String,
    /// The port on the host's loopback that [`TAM_URI`](crate::TAM_URI) leads to; without it the guest reaches
    /// nothing.
    pub tam_port: Option<u16>,
    /// The `teep-qemu` program, which QEMU runs for each connection to the TAM.
    pub program: PathBuf,
    /// The OP-TEE.
    pub optee: Optee,
    /// The disk image that OP-TEE's secure storage is kept on; an empty one is made if the file is not there.
    /// Without it secure storage ends with the machine.
    pub storage: Option<PathBuf>,
}

impl Options {
    /// The patched OP-TEE, no TAM, secure storage that ends with the machine.
    #[must_use]
    pub fn new(name: &str, program: PathBuf) -> Self {
        Self { name: name.to_owned(), tam_port: None, program, optee: Optee::default(), storage: None }
    }
}

/// Boots the machine with its console on the user's terminal and returns when it ends. All keys go to the guest,
/// Ctrl-C too; `exit` in the guest, or Ctrl-A and then X, leaves.
///
/// # Errors
///
/// [`Error::Start`] if there is no QEMU, [`Error::Ended`] if it failed, [`Error::File`] if the directory of the
/// run cannot be made.
pub fn shell(image: &ImageDir, options: &Options) -> Result<(), Error> {
    let run_dir = make_run_dir(image, options)?;
    let mut command = qemu(image, options, &run_dir, "")?;
    command.args(["-mon", "chardev=console"]);
    let status = command.status().map_err(|error| Error::Start(QEMU, error))?;
    if status.success() { Ok(()) } else { Err(Error::Ended { how: format!("QEMU: {status}"), run_dir }) }
}

/// The command for a machine that is driven by a program: console on stdin and stdout, QEMU's own messages in
/// `qemu.log`. QEMU dies with the thread that starts it.
pub(crate) fn driven(image: &ImageDir, options: &Options, run_dir: &Path) -> Result<Command, Error> {
    let log = run_dir.join("qemu.log");
    let messages = File::create(&log).map_err(|error| Error::File(log, error))?;
    let qemu = qemu(image, options, run_dir, " console.for=commands")?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(qemu.get_program()).args(qemu.get_args());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(messages);
    Ok(command)
}

const QEMU: &str = "qemu-system-aarch64";
const NORMAL_LOG: &str = "normal.log";
/// The log of the secure world in the directory of a run.
pub(crate) const SECURE_LOG: &str = "secure.log";

/// The directory of a new run. QEMU appends to the logs, so that a machine that is booted again adds to them: those of
/// an older run go.
pub(crate) fn make_run_dir(image: &ImageDir, options: &Options) -> Result<PathBuf, Error> {
    let dir = image.run_dir(&options.name);
    if let Err(error) = fs::create_dir_all(&dir) {
        return Err(Error::File(dir, error));
    }
    for log in [NORMAL_LOG, SECURE_LOG] {
        let file = dir.join(log);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::File(file, error)),
            _ => {}
        }
    }
    Ok(dir)
}

fn qemu(
    image: &ImageDir,
    options: &Options,
    run_dir: &Path,
    kernel_arguments: &str,
) -> Result<Command, Error> {
    let mut command = Command::new(QEMU);
    // Not `-cpu max`: OP-TEE hangs on it at the first call.
    command.args([
        "-machine",
        "virt,secure=on,gic-version=3",
        "-cpu",
        "cortex-a57",
        "-smp",
        "2",
        "-m",
        "1024",
    ]);
    command.args(["-nodefaults", "-display", "none", "-no-reboot"]);
    command.arg("-bios").arg(image.existing(options.optee.flash())?);
    command.arg("-kernel").arg(image.file("Image"));
    command.arg("-initrd").arg(image.file("initrd"));
    let mut append = format!("console=ttyAMA0 quiet rdinit=/init panic=-1{kernel_arguments}");
    if let Some(storage) = &options.storage {
        command.args(disk(image, storage)?);
        append.push_str(" storage=disk");
    }
    command.arg("-append").arg(append);
    let log = |name: &str| comma_escaped(&run_dir.join(name));
    command
        .arg("-chardev")
        .arg(format!("stdio,id=console,mux=on,signal=off,logfile={},logappend=on", log(NORMAL_LOG)))
        .args(["-serial", "chardev:console"])
        .arg("-chardev")
        .arg(format!("file,id=secure,path={},append=on", log(SECURE_LOG)))
        .args(["-serial", "chardev:secure"]);
    let mut network = "user,id=net,restrict=on,ipv6=off".to_owned();
    if let Some(port) = options.tam_port {
        let program = comma_escaped(&options.program).replace('\'', r"'\''");
        network.push_str(&format!(",guestfwd=tcp:10.0.2.100:8080-cmd:'{program}' forward 127.0.0.1:{port}"));
    }
    command.arg("-netdev").arg(network);
    // Without `romfile=` QEMU looks for a boot ROM of a package that is not needed otherwise.
    command.args(["-device", "virtio-net-pci,netdev=net,romfile="]);
    Ok(command)
}

/// QEMU's arguments for a disk on the file `path`, which is made if it is not there. What the guest has written is in
/// the file when QEMU is killed; that the guest's flushes do not wait for the host's disk only saves time.
fn disk(image: &ImageDir, path: &Path) -> Result<[String; 4], Error> {
    if !path.exists() {
        fs::copy(image.file("storage.img"), path).map_err(|error| Error::File(path.to_owned(), error))?;
    }
    let drive = format!("file={},format=raw,if=none,id=storage,cache=unsafe", comma_escaped(path));
    Ok(["-drive".to_owned(), drive, "-device".to_owned(), "virtio-blk-pci,drive=storage".to_owned()])
}

/// A path inside a list of QEMU options, where a comma ends the option.
fn comma_escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}
