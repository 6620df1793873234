// SPDX-License-Identifier: Apache-2.0
//! `make shell`: the same machine for a person, with a TAM on the host.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use teep_proto::cose::PublicKey;
use teep_tam::{MemoryStore, Tam};

use crate::bench::{Failure, HELLO_UUID, Workshop, serve};
use crate::{ImageDir, Options, shell};

/// Boots the machine with a root shell on the terminal, and a TAM that knows the device and serves the demo TA.
///
/// # Errors
/// When the image is not complete or QEMU fails.
pub fn workbench(build: &Path, program: PathBuf) -> Result<(), Failure> {
    let workshop = Workshop::open(build)?;
    let run_dir = workshop.build().join("runs/shell");
    let _lock = workshop.lock(&run_dir)?;
    let agent = agent_key(&workshop, program.clone())?;
    let directory = workshop.new_tam_directory(&run_dir)?;
    directory.enrol(&agent, Some("shell-device"))?;
    directory.publish(&workshop.write_envelope(&run_dir, 1)?, None, &[])?;
    let next = workshop.write_envelope(&run_dir, 2)?;

    let log = run_dir.join("tam.log");
    let file = fs::File::create(&log)?;
    let tam = Tam::with_observer(workshop.tam_config()?, directory, move |event| {
        use std::io::Write;
        // A log that cannot be written stops nobody.
        let _ = writeln!(&file, "{event}");
    });
    let tam = serve(tam, None)?;
    println!(
        "A TAM runs on this host at {}, with version 1 of the demo TA. Its log: {}",
        tam.uri(),
        log.display()
    );
    println!("To give it version 2, from another terminal:");
    println!(
        "  {} publish {} {}",
        tam_program(&program).display(),
        run_dir.join("tam").display(),
        next.display()
    );
    println!("In the guest, try:  hello-client;  teep-broker request-ta {HELLO_UUID};  hello-client");
    let options = Options { tam_port: Some(tam.address().port()), ..Options::new("shell", program) };
    shell(&ImageDir::new(workshop.build())?, &options)?;
    Ok(())
}

/// `teep-tam`, which is built beside this program.
fn tam_program(program: &Path) -> PathBuf {
    program.with_file_name("teep-tam")
}

/// The Agent's public key. It depends on the firmware only, so it is read once from a machine of its own and kept.
fn agent_key(workshop: &Workshop, program: PathBuf) -> Result<PublicKey, Failure> {
    let kept = workshop.build().join("runs/agent-key.cose");
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let firmware = modified(&workshop.build().join("image/flash.bin")).unwrap_or(SystemTime::UNIX_EPOCH);
    if modified(&kept).is_some_and(|kept| kept > firmware) {
        return Ok(PublicKey::from_cose_key(&fs::read(&kept)?)?);
    }
    println!("Reading the Agent's public key, once, to enrol the device at the TAM ...");
    let tam = Tam::new(workshop.tam_config()?, MemoryStore::new());
    let key = workshop.boot(tam, Options::new("enrolment", program))?.agent_key()?;
    let new = kept.with_extension("new");
    fs::write(&new, key.to_cose_key())?;
    fs::rename(&new, &kept)?;
    Ok(key)
}
