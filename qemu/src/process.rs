// SPDX-License-Identifier: Apache-2.0
//! The QEMU process: what it is given and where its logs go.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// The directory the image was built in, with all files of the image there.
#[derive(Clone, Debug)]
pub struct ImageDir {
    build: PathBuf,
}

impl ImageDir {
    /// The image in the build directory `build` (`image/flash.bin`, `image/Image`, `image/initrd`).
    ///
    /// # Errors
    ///
    /// [`Error::NoImage`] if one of the files is missing.
    pub fn new(build: &Path) -> Result<Self, Error> {
        let image = Self { build: build.to_owned() };
        for name in ["flash.bin", "Image", "initrd"] {
            let file = image.file(name);
            if !file.is_file() {
                return Err(Error::NoImage(file));
            }
        }
        Ok(image)
    }

    /// Where the logs of the run `name` are: `normal.log`, `secure.log`, `qemu.log`.
    #[must_use]
    pub fn run_dir(&self, name: &str) -> PathBuf {
        self.build.join("runs").join(name)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.build.join("image").join(name)
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
    let mut command = qemu(image, options, &run_dir, "");
    command.args(["-mon", "chardev=console"]);
    let status = command.status().map_err(|error| Error::Start(QEMU, error))?;
    if status.success() { Ok(()) } else { Err(Error::Ended { how: format!("QEMU: {status}"), run_dir }) }
}

/// The command for a machine that is driven by a program: console on stdin and stdout, QEMU's own messages in
/// `qemu.log`. QEMU dies with the thread that starts it. Also returns the directory of the run.
pub(crate) fn driven(image: &ImageDir, options: &Options) -> Result<(Command, PathBuf), Error> {
    let run_dir = make_run_dir(image, options)?;
    let log = run_dir.join("qemu.log");
    let messages = File::create(&log).map_err(|error| Error::File(log, error))?;
    let qemu = qemu(image, options, &run_dir, " console.for=commands");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(qemu.get_program()).args(qemu.get_args());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(messages);
    Ok((command, run_dir))
}

const QEMU: &str = "qemu-system-aarch64";

fn make_run_dir(image: &ImageDir, options: &Options) -> Result<PathBuf, Error> {
    let dir = image.run_dir(&options.name);
    match fs::create_dir_all(&dir) {
        Ok(()) => Ok(dir),
        Err(error) => Err(Error::File(dir, error)),
    }
}

fn qemu(image: &ImageDir, options: &Options, run_dir: &Path, kernel_arguments: &str) -> Command {
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
    command.arg("-bios").arg(image.file("flash.bin"));
    command.arg("-kernel").arg(image.file("Image"));
    command.arg("-initrd").arg(image.file("initrd"));
    command.arg("-append").arg(format!("console=ttyAMA0 quiet rdinit=/init panic=-1{kernel_arguments}"));
    let log = |name: &str| comma_escaped(&run_dir.join(name));
    command
        .arg("-chardev")
        .arg(format!("stdio,id=console,mux=on,signal=off,logfile={}", log("normal.log")))
        .args(["-serial", "chardev:console"])
        .arg("-serial")
        .arg(format!("file:{}", run_dir.join("secure.log").display()));
    let mut network = "user,id=net,restrict=on,ipv6=off".to_owned();
    if let Some(port) = options.tam_port {
        let program = comma_escaped(&options.program).replace('\'', r"'\''");
        network.push_str(&format!(",guestfwd=tcp:10.0.2.100:8080-cmd:'{program}' forward 127.0.0.1:{port}"));
    }
    command.arg("-netdev").arg(network);
    // Without `romfile=` QEMU looks for a boot ROM of a package that is not needed otherwise.
    command.args(["-device", "virtio-net-pci,netdev=net,romfile="]);
    command
}

/// A path inside a list of QEMU options, where a comma ends the option.
fn comma_escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}
