// SPDX-License-Identifier: Apache-2.0
//! The command line `teep-suit`.

mod args;

use crate::{Description, Error, Summary, create, files, keys};
use args::{Args, Task};
use clap::Parser;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use teep_proto::limits::MAX_MESSAGE;

/// Exit codes. They are part of the interface: scripts depend on them.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Failed in another way than those below.
    pub const FAILURE: u8 = 1;
    /// No acceptable key signed the envelope.
    pub const REFUSED: u8 = 6;
    /// The command line is wrong.
    pub const USAGE: u8 = 64;
}

const SCHEMA: u32 = 1;

/// Runs the command line `args` (the program name first): results go to `out`, errors to `err`. Returns the
/// [`exit`] code.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut impl Write, err: &mut impl Write) -> u8 {
    // A reader that has gone away is told nothing; the exit code still says what was done.
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            let _ = write!(err, "{}", error.render());
            return exit::USAGE;
        }
        Err(help) => {
            let _ = write!(out, "{}", help.render());
            return exit::OK;
        }
    };
    match perform(&args.task) {
        Ok(Done { text, object }) => {
            let _ = if args.json { writeln!(out, "{object}") } else { writeln!(out, "{text}") };
            exit::OK
        }
        Err(error) => {
            let code = if error.is_refusal() { exit::REFUSED } else { exit::FAILURE };
            if args.json {
                let result = if error.is_refusal() { "refused" } else { "failed" };
                let object = json!({ "schema": SCHEMA, "result": result, "error": error.to_string() });
                let _ = writeln!(out, "{object}");
            }
            let _ = writeln!(err, "teep-suit: {error}");
            code
        }
    }
}

/// What a task has to tell, for a person and for a program.
struct Done {
    text: String,
    object: Value,
}

impl Done {
    fn new(text: String, fields: Value) -> Self {
        let mut object = json!({ "schema": SCHEMA, "result": "ok" });
        if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
            object.extend(fields);
        }
        Self { text, object }
    }
}

fn perform(task: &Task) -> Result<Done, Error> {
    match task {
        Task::Keygen { algorithm, out } => keygen((*algorithm).into(), out),
        Task::Create { description, key, out } => create_envelope(description, key, out),
        Task::Inspect { envelope, diag: true, .. } => diagnose(envelope),
        Task::Inspect { envelope, key, diag: false } => inspect(envelope, key),
        Task::Verify { envelope, key } => verify(envelope, key),
    }
}

fn keygen(algorithm: crate::Algorithm, name: &Path) -> Result<Done, Error> {
    let key = keys::generate(algorithm)?;
    let files = keys::write(&key, name)?;
    let kid = key.public_key().thumbprint().to_string();
    let text = format!(
        "{} private key, keep it secret\n{} and\n{} public key\nkid {kid}",
        files.private_pem.display(),
        files.public_pem.display(),
        files.public_cose.display()
    );
    Ok(Done::new(text, json!({ "kid": kid, "algorithm": algorithm.to_string() })))
}

fn create_envelope(description: &Path, key_files: &[PathBuf], out: &Path) -> Result<Done, Error> {
    let same =
        |path: &Path| path.canonicalize().ok().is_some_and(|path| out.canonicalize().ok() == Some(path));
    if let Some(input) = key_files.iter().map(PathBuf::as_path).chain([description]).find(|path| same(path)) {
        return Err(Error::Description(format!(
            "--out would overwrite {}: choose another name",
            input.display()
        )));
    }
    let signing = key_files.iter().map(|path| keys::load_signing_key(path)).collect::<Result<Vec<_>, _>>()?;
    let envelope = create(&Description::read(description)?, &signing)?;
    files::write_atomic(out, &envelope)?;
    let summary = Summary::unauthenticated(&envelope)?;
    let text = format!(
        "{}: sequence number {} of {}, {} bytes",
        out.display(),
        summary.sequence_number,
        summary.components.join(", "),
        summary.bytes
    );
    Ok(Done::new(text, json!({ "envelope": summary })))
}

fn inspect(path: &Path, key_files: &[PathBuf]) -> Result<Done, Error> {
    let bytes = read_envelope(path)?;
    let summary = match load_public_keys(key_files)?.as_slice() {
        [] => Summary::unauthenticated(&bytes)?,
        keys => Summary::verified(&bytes, keys)?,
    };
    Ok(Done::new(summary.to_string(), json!({ "envelope": summary })))
}

fn diagnose(path: &Path) -> Result<Done, Error> {
    let text = teep_proto::diag::any(&read_envelope(path)?);
    let fields = json!({ "diagnostic": text });
    Ok(Done::new(text, fields))
}

fn verify(path: &Path, key_files: &[PathBuf]) -> Result<Done, Error> {
    let summary = Summary::verified(&read_envelope(path)?, &load_public_keys(key_files)?)?;
    let signer = summary.authenticated_by.as_ref().map(ToString::to_string).unwrap_or_default();
    let text = format!("{}: unchanged, signed by {signer}", path.display());
    Ok(Done::new(text, json!({ "envelope": summary })))
}

fn load_public_keys(files: &[PathBuf]) -> Result<Vec<teep_proto::cose::PublicKey>, Error> {
    files.iter().map(|path| keys::load_public_key(path)).collect()
}

fn read_envelope(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
    if bytes.len() > MAX_MESSAGE {
        let problem = format!("{}: longer than any TEEP message ({MAX_MESSAGE} bytes)", path.display());
        return Err(Error::Description(problem));
    }
    Ok(bytes)
}
