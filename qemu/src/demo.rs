// SPDX-License-Identifier: Apache-2.0
//! `make demo`: a Trusted Application that is not in the image is installed, updated through a power cut, kept from
//! strangers and from its own past, personalized and removed.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use teep_proto::cose::Algorithm;
use teep_proto::teep::Message;
use teep_tam::{Event, Tam};

use crate::bench::{
    COMMAND_LIMIT, Device, Failure, GREETING, HELLO_UUID, NO_SUCH_DATA, NOT_INSTALLED, REFUSED, Workshop,
    new_disk,
};
use crate::{Options, Output, Wire};

const ABSENT: &str = "not installed";
const VERSION_1: &str = "Hello from a Trusted Application, version 1";
const VERSION_2: &str = "Hello from a Trusted Application, version 2";
const GREETING_2: &str = "Hello, Ada! This is a Trusted Application, version 2";

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
    let (sent, updates) = channel();
    let tam = Tam::with_observer(workshop.tam_config()?, directory.clone(), move |event| {
        println!("       TAM {event}");
        if matches!(event, Event::Sent { message: Message::Update(_), .. }) {
            // Nobody waits for most of them.
            let _ = sent.send(Instant::now());
        }
    });
    let wire = Wire::new()?;
    let storage = Some(new_disk(run_dir)?);
    let options = Options { tam_port: Some(wire.port()), storage, ..Options::new("demo", program) };
    let mut device = workshop.boot(tam, options)?;
    wire.lead_to(device.tam_address().ok_or("the TAM does not run")?);
    steps.end(&format!(
        "Linux is up, /dev/tee0 is there, after {:.1} s",
        device.machine().boot_time().as_secs_f64()
    ));

    steps.begin("The factory enrols the device: the Agent's public keys go to the TAM and to its operator");
    let keys = device.keys()?;
    directory.enrol(&keys.public_key, Some("demo-device"))?;
    let thumbprint = keys.public_key.thumbprint();
    steps.end(&format!("key {thumbprint}, derived in OP-TEE, private half never leaves it"));

    steps.begin("The Trusted Application is absent: opening it fails");
    steps.hello(&mut device, NOT_INSTALLED, ABSENT)?;

    steps.begin("The TAM gets version 1; Linux asks the Agent for the Trusted Application");
    let version_1 = workshop.write_envelope(run_dir, 1)?;
    directory.publish(&version_1, None, &[])?;
    steps.broker(&mut device, &format!("request-ta {HELLO_UUID}"), 0, "Done")?;
    let installed_in = updates.try_recv().map_err(|_| "the TAM sent no Update")?.elapsed();

    steps.begin("The Trusted Application answers");
    steps.hello(&mut device, 0, VERSION_1)?;

    steps.begin("Somebody takes over the TAM and lets it serve a version 2 that they have signed themselves");
    let stranger = teep_suit::keys::generate(Algorithm::Esp256)?;
    let forged = run_dir.join("hello-2.suit");
    fs::write(
        &forged,
        teep_suit::create(&workshop.describe(2, workshop.hello(2)?)?, slice::from_ref(&stranger))?,
    )?;
    directory.add_signer(&stranger.public_key(), Some("stranger"))?;
    directory.publish(&forged, None, &[])?;
    steps.broker(&mut device, "policy-check", REFUSED, "no valid signature by a trusted signer")?;
    directory.withdraw("hello-2.suit", false)?;

    steps.begin("The TAM gets the developer's version 2; the power fails while it is installed");
    let version_2 = workshop.write_envelope(run_dir, 2)?;
    directory.publish(&version_2, None, &[])?;
    while updates.try_recv().is_ok() {}
    let begun = Cell::new(None);
    device.cut_during("teep-broker --quiet policy-check", || {
        begun.set(updates.recv_timeout(COMMAND_LIMIT).ok());
        // Version 1 says how long it takes on this machine.
        thread::sleep(installed_in.mul_f64(0.5));
    })?;
    begun.into_inner().ok_or("the TAM sent no Update")?;
    steps.end(&format!(
        "The machine was killed and is up again, after {:.1} s",
        device.machine().boot_time().as_secs_f64()
    ));

    steps.begin("The device has one of the two versions, and the Agent knows which");
    let version = if device.has(&workshop.hello(2)?)? { VERSION_2 } else { VERSION_1 };
    steps.hello(&mut device, 0, version)?;

    steps.begin("The next policy check finishes what the power cut has interrupted");
    steps.broker(&mut device, "policy-check", 0, "")?;
    let update = wire.longest();

    steps.begin("The Trusted Application answers in version 2");
    steps.hello(&mut device, 0, VERSION_2)?;

    steps.begin("The TAM is told to serve the old manifest again: the Agent refuses to go back");
    directory.withdraw("hello-2.suit", false)?;
    steps.broker(&mut device, "policy-check", REFUSED, "rollback")?;
    directory.withdraw("hello-1.suit", false)?;
    directory.publish(&version_2, None, &[])?;

    steps.begin(
        "The operator gives the TAM a name to greet, encrypted to a key that only this device's OP-TEE has",
    );
    let description = workshop.describe_greeting("Ada", keys.decryption_key, fs::read(&version_2)?)?;
    let greeting = run_dir.join("greeting.suit");
    fs::write(&greeting, teep_suit::create(&description, slice::from_ref(workshop.operator()))?)?;
    directory.publish(&greeting, Some(thumbprint), &[])?;
    steps.broker(&mut device, "policy-check", 0, "Done")?;

    steps.begin("The Trusted Application reads it from the Agent, and nobody else can");
    steps.hello(&mut device, 0, GREETING_2)?;
    steps.command(
        &mut device,
        &format!("hello-client --other read {GREETING}"),
        NO_SUCH_DATA,
        "no such component",
    )?;

    steps.begin("The TAM withdraws both: the device gives them up");
    directory.withdraw(&format!("for-{:.16}/greeting.suit", thumbprint.to_string()), true)?;
    directory.withdraw("hello-2.suit", true)?;
    steps.broker(&mut device, "policy-check", 0, "Done")?;

    steps.begin("The Trusted Application is gone");
    steps.hello(&mut device, NOT_INSTALLED, ABSENT)?;

    steps.begin(
        "Somebody on the network sends the Update again that installed version 2: it does not come back",
    );
    wire.replay(update);
    steps.broker(&mut device, "policy-check", 0, "")?;
    steps.hello(&mut device, NOT_INSTALLED, ABSENT)
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
        self.command(device, "hello-client", status, expected)
    }

    /// A command in the guest ends with `status` and says `expected`.
    fn command(
        &self,
        device: &mut Device,
        command: &str,
        status: i32,
        expected: &str,
    ) -> Result<(), Failure> {
        let output = device.run(command)?;
        self.check(command, &output, status, expected)
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
