// SPDX-License-Identifier: Apache-2.0
//! `make demo`: a Trusted Application that is not in the image is installed, updated, and not rolled back.

use std::path::{Path, PathBuf};
use std::time::Instant;

use teep_tam::Tam;

use crate::Output;
use crate::bench::{Device, Failure, HELLO_UUID, NOT_INSTALLED, REFUSED, Workshop};

const ABSENT: &str = "not installed";
const VERSION_1: &str = "Hello from a Trusted Application, version 1";
const VERSION_2: &str = "Hello from a Trusted Application, version 2";

/// Runs the demonstration and tells about it on stdout. `program` is this program, which QEMU calls back.
///
/// # Errors
/// When a step does not hold, with what to look at.
pub fn demo(build: &Path, program: PathBuf) -> Result<(), Failure> {
    let start = Instant::now();
    let workshop = Workshop::open(build)?;
    let run_dir = workshop.build().join("runs/demo");
    let _lock = workshop.lock(&run_dir)?;
    let logs = format!("logs of both worlds: {0}/normal.log and {0}/secure.log", run_dir.display());
    play(&workshop, &run_dir, program).map_err(|error| format!("{error}\n       {logs}"))?;
    println!("\nEvery step held, in {:.1} s; {logs}", start.elapsed().as_secs_f64());
    Ok(())
}

fn play(workshop: &Workshop, run_dir: &Path, program: PathBuf) -> Result<(), Failure> {
    let mut steps = Steps::default();

    steps.begin("A device starts: TF-A, OP-TEE, Linux in QEMU; a TAM starts on this host");
    let directory = workshop.new_tam_directory(run_dir)?;
    let tam = Tam::with_observer(workshop.tam_config()?, directory.clone(), |event| {
        println!("       TAM {event}");
    });
    let mut device = workshop.boot("demo", tam, program)?;
    steps.end(&format!(
        "Linux is up, /dev/tee0 is there, after {:.1} s",
        device.machine().boot_time().as_secs_f64()
    ));

    steps.begin("The factory enrols the device: the Agent's public key goes to the TAM");
    let key = device.agent_key()?;
    directory.enrol(&key, Some("demo-device"))?;
    steps.end(&format!("key {}, derived in OP-TEE, private half never leaves it", key.thumbprint()));

    steps.begin("The Trusted Application is absent: opening it fails");
    steps.hello(&mut device, NOT_INSTALLED, ABSENT)?;

    steps.begin("The TAM gets version 1; Linux asks the Agent for the Trusted Application");
    let version_1 = workshop.write_envelope(run_dir, 1)?;
    directory.publish(&version_1)?;
    steps.broker(&mut device, &format!("request-ta {HELLO_UUID}"), 0, "Done")?;

    steps.begin("The Trusted Application answers");
    steps.hello(&mut device, 0, VERSION_1)?;

    steps.begin("The TAM gets version 2; a policy check finds it");
    directory.publish(&workshop.write_envelope(run_dir, 2)?)?;
    steps.broker(&mut device, "policy-check", 0, "Done")?;

    steps.begin("The Trusted Application answers in version 2");
    steps.hello(&mut device, 0, VERSION_2)?;

    steps.begin("The TAM is told to serve the old manifest again: the Agent refuses to go back");
    directory.withdraw("hello-2.suit")?;
    steps.broker(&mut device, "policy-check", REFUSED, "rollback")?;

    steps.begin("Version 2 still answers");
    steps.hello(&mut device, 0, VERSION_2)
}

/// Prints the steps as they go, with their times.
#[derive(Default)]
struct Steps {
    number: u32,
    start: Option<Instant>,
}

impl Steps {
    fn begin(&mut self, what: &str) {
        self.number = self.number.saturating_add(1);
        self.start = Some(Instant::now());
        println!("{:>3}.  {what}", self.number);
    }

    fn end(&self, what: &str) {
        let seconds = self.start.map_or(0.0, |start| start.elapsed().as_secs_f64());
        println!("       -> {what}  [{seconds:.1} s]");
    }

    /// The client of the demo TA ends with `status` and says `expected`.
    fn hello(&self, device: &mut Device, status: i32, expected: &str) -> Result<(), Failure> {
        let output = device.run("hello-client")?;
        self.check("hello-client", &output, status, expected)
    }

    /// `teep-broker` ends with `status` and says `expected`.
    fn broker(
        &self,
        device: &mut Device,
        arguments: &str,
        status: i32,
        expected: &str,
    ) -> Result<(), Failure> {
        let output = device.run(&format!("teep-broker --quiet {arguments}"))?;
        self.check(&format!("teep-broker {arguments}"), &output, status, expected)
    }

    fn check(&self, command: &str, output: &Output, status: i32, expected: &str) -> Result<(), Failure> {
        let said = output.stdout.trim();
        if output.status == status && said.contains(expected) {
            self.end(said.lines().next().unwrap_or_default());
            return Ok(());
        }
        let number = self.number;
        Err(format!(
            "step {number} does not hold: {command} should end with status {status} and say {expected:?},\n       \
             but ended with status {} and said {said:?}",
            output.status
        )
        .into())
    }
}
