// SPDX-License-Identifier: Apache-2.0
//! The command line `teep-tam`.

mod args;
mod list;

use crate::policy::Catalogue;
use crate::store::{Directory, Offer, Published, StoreError, parse_measurement};
use crate::voucher::by_program;
use crate::{Event, HttpConfig, PAYLOADS_PATH, TAM_PATH, Tam, TamConfig, serve};
use args::{Args, Task};
use list::{certificate_text, list};
use serde_json::json;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use teep_proto::cose::{Anchor, PublicKey, TrustAnchor};
use teep_proto::suit::ComponentId;
use teep_suit::command::{self, CommandLine, Done};
use teep_suit::keys;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Exit codes. They are part of the interface: scripts depend on them.
pub mod exit {
    pub use teep_suit::cli::exit::{FAILURE, OK, USAGE};

    /// There was nothing to do.
    pub const NOTHING: u8 = 2;
    /// What is meant does not exist.
    pub const NOT_FOUND: u8 = 3;
    /// No vetted signer signed the envelope.
    pub const REFUSED: u8 = 6;
}

/// Runs the command line `args` (the program name first): results go to `out`, errors to `err`. Returns the
/// [`exit`] code.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut impl Write, err: &mut impl Write) -> u8 {
    command::run::<Args>(args, out, err)
}

impl CommandLine for Args {
    type Error = StoreError;

    fn json(&self) -> bool {
        self.json
    }

    fn perform(&self, out: &mut impl Write) -> Result<Done, StoreError> {
        match &self.task {
            Task::Init { dir } => init(dir),
            Task::Serve {
                dir,
                listen,
                dialect,
                keep_unneeded,
                attestation,
                attested_by,
                verifier_key,
                result_hours,
            } => {
                let directory = Directory::open(dir)?;
                let mut config =
                    TamConfig { dialect: *dialect, honour_unneeded: !keep_unneeded, ..directory.config()? };
                config.attestation = attestation.unwrap_or(config.attestation);
                if let Some(path) = verifier_key {
                    config.verifier = Some(directory.verifier(path, *result_hours)?);
                }
                let tam = Tam::with_observer(config, directory.clone(), log);
                let tam = match attested_by {
                    Some(program) => tam.attested_by(by_program(program.clone())),
                    None => tam,
                };
                run_server(&directory, tam, *listen, out)
            }
            Task::Enrol { dir, key, attestation_key, name } => {
                let (directory, key) = (Directory::open(dir)?, load_key(key)?);
                let attestation_key = attestation_key.as_deref().map(load_key).transpose()?;
                enrol(&directory, &key, attestation_key.as_ref(), name.as_deref())
            }
            Task::Attestation { dir, policy } => {
                Directory::open(dir)?.set_attestation(*policy)?;
                let text = format!("attestation is {policy} from the next start of the server on");
                Ok(Done::new(text, json!({ "attestation": policy.to_string() })))
            }
            Task::AddMeasurement { dir, digest, name } => {
                let digest = parse_measurement(digest).map_err(StoreError::Invalid)?;
                let name = Directory::open(dir)?.add_measurement(digest, name.as_deref())?;
                let digits = hex::encode(digest);
                let text = format!("expected measurement {name}, {digits}");
                Ok(Done::new(text, json!({ "name": name, "measurement": digits })))
            }
            Task::AddVerifier { dir, key, name } => {
                let (directory, key) = (Directory::open(dir)?, load_key(key)?);
                Ok(added("trusted Verifier", &key, &directory.add_verifier(&key, name.as_deref())?))
            }
            Task::AddSigner { dir, key, name } => {
                let (directory, anchor) = (Directory::open(dir)?, load_anchor(key)?);
                Ok(added("vetted signer", &anchor, &directory.add_signer(&anchor, name.as_deref())?))
            }
            Task::Publish { dir, envelope, agent, payload } => {
                publish(&Directory::open(dir)?, envelope, agent.as_deref(), payload)
            }
            Task::Withdraw { dir, name, give_up } => withdraw(&Directory::open(dir)?, name, *give_up),
            Task::List { dir } => list(&Directory::open(dir)?),
        }
    }

    fn classify(error: &StoreError) -> (u8, &'static str) {
        match error {
            StoreError::Nothing(_) => (exit::NOTHING, "nothing"),
            StoreError::NotFound(_) => (exit::NOT_FOUND, "not-found"),
            StoreError::Refused(_) => (exit::REFUSED, "refused"),
            StoreError::File(_) | StoreError::Invalid(_) => (exit::FAILURE, "failed"),
        }
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
         give {root}/keys/tam-e*.pub.cose to the devices, as trust anchors for this TAM, and tam-report.pub.cose\n  \
         if their SUIT Reports are to be encrypted\n  \
         teep-tam add-signer {root} SIGNER.pub.pem\n  \
         teep-tam publish {root} COMPONENT.suit\n  \
         teep-tam enrol {root} AGENT-KEY --attestation-key KEY\n  \
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
    if hex::decode(argument).is_err() {
        let problem = format!("{argument} is no file, nor a COSE_Key in hexadecimal digits");
        return Err(StoreError::NotFound(problem));
    }
    keys::parse_public_key(argument.as_bytes())
        .map_err(|problem| StoreError::Invalid(format!("{argument}: {problem}")))
}

/// A key as [`load_key`] reads it, or a certificate in a file.
fn load_anchor(argument: &str) -> Result<TrustAnchor, StoreError> {
    let path = Path::new(argument);
    if !path.exists() {
        return load_key(argument).map(Into::into);
    }
    let mut anchors = keys::load_anchors(path)?;
    match (anchors.pop(), anchors.is_empty()) {
        (Some(anchor), true) => Ok(anchor),
        _ => Err(StoreError::Invalid(format!(
            "{argument} has several certificates: give the one that is to be trusted, in a file of its own"
        ))),
    }
}

fn added(what: &str, anchor: &impl Anchor, name: &str) -> Done {
    let kid = anchor.key().thumbprint().to_string();
    let text = format!("{what} {name}, key {kid}{}", certificate_text(anchor));
    Done::new(text, json!({ "name": name, "kid": kid }))
}

/// Admits the Agent with `key`, and `attestation_key` for its Evidence, also later.
fn enrol(
    directory: &Directory,
    key: &PublicKey,
    attestation_key: Option<&PublicKey>,
    name: Option<&str>,
) -> Result<Done, StoreError> {
    let enrolled = directory.enrol(key, name);
    let Some(attestation_key) = attestation_key else {
        return Ok(added("enrolled agent", key, &enrolled?));
    };
    match enrolled {
        Ok(_) | Err(StoreError::Nothing(_)) => {}
        Err(error) => return Err(error),
    }
    let name = directory.enrol_attestation_key(key.thumbprint(), attestation_key)?;
    let [kid, attestation_kid] = [key, attestation_key].map(|key| key.thumbprint().to_string());
    let text = format!("enrolled agent {name}, key {kid}, attestation key {attestation_kid}");
    Ok(Done::new(text, json!({ "name": name, "kid": kid, "attestation_kid": attestation_kid })))
}

fn publish(
    directory: &Directory,
    envelope: &Path,
    agent: Option<&str>,
    payloads: &[PathBuf],
) -> Result<Done, StoreError> {
    let agent = agent.map(|name| directory.agent(name)).transpose()?;
    let before = directory.manifests()?.items;
    let Published { offer, replaced, payloads } = directory.publish(envelope, agent, payloads)?;
    let mut text = format!("{} {}", if replaced { "replaced" } else { "published" }, offer.name);
    if let Some(agent) = agent {
        text.push_str(&format!(", for the agent {agent} only"));
    }
    let all = directory.manifests()?.items;
    let catalogue = Catalogue::new(agent, &all, &[]);
    for component in &offer.components {
        let Ok(id) = ComponentId::decode(&component.id) else { continue };
        text.push_str(&format!("\n  {id}: sequence number {}", offer.sequence_number));
        match catalogue.best(&id).filter(|best| best.name != offer.name) {
            Some(best) if best.depends_on(&offer) => {
                text.push_str(&format!(", served as part of {}", best.name));
            }
            Some(best) => text.push_str(&format!(
                ", not served: {} has sequence number {}; withdraw that first if this one is wanted",
                best.name, best.sequence_number
            )),
            None => {}
        }
    }
    let paths: Vec<_> = payloads.iter().map(|name| format!("{PAYLOADS_PATH}/{name}")).collect();
    paths.iter().for_each(|path| text.push_str(&format!("\n  payload {path}")));
    let warnings = steps_back(&before, &all);
    let fields = json!({
        "name": offer.name,
        "replaced": replaced,
        "sequence_number": offer.sequence_number,
        "payloads": paths,
        "warnings": warnings,
    });
    Ok(Done::new(text + &lines(&warnings), fields))
}

fn withdraw(directory: &Directory, name: &str, give_up: bool) -> Result<Done, StoreError> {
    let before = directory.manifests()?.items;
    directory.withdraw(name, give_up)?;
    let warnings = steps_back(&before, &directory.manifests()?.items);
    let devices =
        if give_up { "are told to give it up at their next contact" } else { "keep what they have" };
    let text = format!("{name} withdrawn; devices {devices}{}", lines(&warnings));
    Ok(Done::new(text, json!({ "name": name, "give_up": give_up, "warnings": warnings })))
}

/// For each component of which less is served `after` a change than `before`, what devices make of that.
fn steps_back(before: &[Offer], after: &[Offer]) -> Vec<String> {
    let components: BTreeSet<&[u8]> =
        before.iter().flat_map(|offer| &offer.components).map(|component| component.id.as_slice()).collect();
    let step_back = |id: &[u8]| {
        let id = ComponentId::decode(id).ok()?;
        let best = |offers| Catalogue::new(None, offers, &[]).best(&id);
        let (was, is) = (best(before)?, best(after)?);
        (is.sequence_number < was.sequence_number).then(|| {
            format!(
                "{id}: sequence number {} is served now, {} was; devices that have {} refuse it as a rollback",
                is.sequence_number, was.sequence_number, was.sequence_number
            )
        })
    };
    components.into_iter().filter_map(step_back).collect()
}

fn lines(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("\n  warning: {warning}")).collect()
}

fn run_server(
    directory: &Directory,
    tam: Tam,
    listen: SocketAddr,
    out: &mut impl Write,
) -> Result<Done, StoreError> {
    let http = HttpConfig { payloads: Some(directory.payloads()), ..HttpConfig::default() };
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
        serve(listener, Arc::new(tam), http, stop).await;
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
