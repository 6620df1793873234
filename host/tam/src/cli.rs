// SPDX-License-Identifier: Apache-2.0
//! The command line `teep-tam`.

mod args;
mod output;

use crate::policy;
use crate::store::{Directory, Published, StoreError};
use crate::{Event, HttpConfig, TAM_PATH, Tam, serve};
use args::{Args, Task};
use clap::Parser;
use output::{Done, failed, list};
use serde_json::json;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use teep_proto::cose::PublicKey;
use teep_proto::suit::ComponentId;
use teep_suit::keys;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Exit codes. They are part of the interface: scripts depend on them.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Failed in another way than those below.
    pub const FAILURE: u8 = 1;
    /// There was nothing to do.
    pub const NOTHING: u8 = 2;
    /// What is meant does not exist.
    pub const NOT_FOUND: u8 = 3;
    /// No vetted signer signed the envelope.
    pub const REFUSED: u8 = 6;
    /// The command line is wrong.
    pub const USAGE: u8 = 64;
}

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
    match perform(&args.task, out) {
        Ok(done) => {
            let _ = if args.json { writeln!(out, "{}", done.object) } else { writeln!(out, "{}", done.text) };
            exit::OK
        }
        Err(error) => {
            let (code, object) = failed(&error);
            if args.json {
                let _ = writeln!(out, "{object}");
            }
            let _ = writeln!(err, "teep-tam: {error}");
            code
        }
    }
}

fn perform(task: &Task, out: &mut impl Write) -> Result<Done, StoreError> {
    match task {
        Task::Init { dir } => init(dir),
        Task::Serve { dir, listen } => run_server(&Directory::open(dir)?, *listen, out),
        Task::Enrol { dir, key, name } => {
            let (directory, key) = (Directory::open(dir)?, load_key(key)?);
            Ok(added("enrolled agent", &key, &directory.enrol(&key, name.as_deref())?))
        }
        Task::AddSigner { dir, key, name } => {
            let (directory, key) = (Directory::open(dir)?, load_key(key)?);
            Ok(added("vetted signer", &key, &directory.add_signer(&key, name.as_deref())?))
        }
        Task::Publish { dir, envelope } => publish(&Directory::open(dir)?, envelope),
        Task::Withdraw { dir, name } => {
            Directory::open(dir)?.withdraw(name)?;
            Ok(Done::new(format!("{name} withdrawn; devices keep what they have"), json!({ "name": name })))
        }
        Task::List { dir } => list(&Directory::open(dir)?),
    }
}

fn init(dir: &Path) -> Result<Done, StoreError> {
    let (_, made) = Directory::init(dir)?;
    if made.is_empty() {
        return Err(StoreError::Nothing(format!("{} is a TAM directory already", dir.display())));
    }
    let root = dir.display();
    let text = format!(
        "{root} is ready. Next:\n  \
         give {root}/keys/*.pub.cose to the devices, as trust anchors for this TAM\n  \
         teep-tam add-signer {root} SIGNER.pub.pem\n  \
         teep-tam publish {root} COMPONENT.suit\n  \
         teep-tam enrol {root} AGENT-KEY\n  \
         teep-tam serve {root}"
    );
    Ok(Done::new(text, json!({ "directory": dir })))
}

/// A key in a file, or the digits of a COSE_Key themselves.
fn load_key(argument: &str) -> Result<PublicKey, StoreError> {
    let path = Path::new(argument);
    if path.exists() {
        return Ok(keys::load_public_key(path)?);
    }
    let digits = hex::decode(argument).map_err(|_| {
        StoreError::NotFound(format!("{argument} is no file, nor a COSE_Key in hexadecimal digits"))
    })?;
    PublicKey::from_cose_key(&digits).map_err(|error| StoreError::Invalid(format!("{argument}: {error}")))
}

fn added(what: &str, key: &PublicKey, name: &str) -> Done {
    let kid = key.thumbprint().to_string();
    Done::new(format!("{what} {name}, key {kid}"), json!({ "name": name, "kid": kid }))
}

fn publish(directory: &Directory, envelope: &Path) -> Result<Done, StoreError> {
    let Published { offer, replaced } = directory.publish(envelope)?;
    let mut text = format!("{} {}", if replaced { "replaced" } else { "published" }, offer.name);
    let all = directory.manifests()?.items;
    for component in &offer.components {
        let Ok(id) = ComponentId::decode(&component.id) else { continue };
        text.push_str(&format!("\n  {id}: sequence number {}", offer.sequence_number));
        if let Some(best) = policy::best(&id, &all).filter(|best| best.name != offer.name) {
            text.push_str(&format!(
                ", not served: {} has sequence number {}; withdraw that first if this one is wanted",
                best.name, best.sequence_number
            ));
        }
    }
    let fields =
        json!({ "name": offer.name, "replaced": replaced, "sequence_number": offer.sequence_number });
    Ok(Done::new(text, fields))
}

fn run_server(directory: &Directory, listen: SocketAddr, out: &mut impl Write) -> Result<Done, StoreError> {
    let tam = Arc::new(Tam::with_observer(directory.config()?, directory.clone(), log));
    let failure = |what: String| move |error: io::Error| StoreError::Invalid(format!("{what}: {error}"));
    let runtime = tokio::runtime::Runtime::new().map_err(failure("cannot start".to_owned()))?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(|error| cannot_listen(listen, &error))?;
        let address = listener.local_addr().map_err(failure(format!("cannot listen on {listen}")))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failure("cannot wait".to_owned()))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failure("cannot wait".to_owned()))?;
        let _ = writeln!(out, "listening on http://{address}{TAM_PATH}").and_then(|()| out.flush());
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        serve(listener, tam, HttpConfig::default(), stop).await;
        Ok(Done::new("stopped".to_owned(), json!({})))
    })
}

fn cannot_listen(listen: SocketAddr, error: &io::Error) -> StoreError {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port: stop it, or choose another one with --listen".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need more rights".to_owned(),
        _ => error.to_string(),
    };
    StoreError::Invalid(format!("cannot listen on {listen}: {hint}"))
}

fn log(event: &Event<'_>) {
    // Without a reader there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "teep-tam: {event}");
}
