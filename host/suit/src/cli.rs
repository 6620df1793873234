// SPDX-License-Identifier: Apache-2.0
//! The command line `teep-suit`.

mod args;

use crate::command::{self, CommandLine, Done};
use crate::explain::Explanation;
use crate::keys::{AuthenticationKey, Trusted};
use crate::payloads::PayloadFile;
use crate::{
    Algorithm, Cipher, Description, Encryption, Error, Sealing, Summary, TrustStoreSummary, create_for,
    files, keys,
};
use args::{Args, KeyKind, Task};
use serde_json::json;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use teep_agent::config::compile_trust_store;
use teep_proto::cbor::Major;
use teep_proto::cose::RecipientKey;
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::{OpenedReport, ReportKeys};
use zeroize::Zeroizing;

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

/// Runs the command line `args` (the program name first): results go to `out`, errors to `err`. Returns the
/// [`exit`] code.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut impl Write, err: &mut impl Write) -> u8 {
    command::run::<Args>(args, out, err)
}

impl CommandLine for Args {
    type Error = Error;

    fn json(&self) -> bool {
        self.json
    }

    fn perform(&self, _out: &mut impl Write) -> Result<Done, Error> {
        match &self.task {
            Task::Keygen { algorithm, out } => keygen(*algorithm, out),
            Task::Create { description, key, certificates, out, payloads } => {
                create_envelope(description, key, certificates, out, payloads.as_deref())
            }
            Task::Encrypt { file, to, cipher, out, info } => encrypt(file, to, *cipher, out, info),
            Task::TrustStore { description, out } => trust_store(description, out),
            Task::Explain { report, envelopes, key, decrypt_with } => {
                explain(report, envelopes, key, decrypt_with)
            }
            Task::Inspect { envelope, diag: true, .. } => diagnose(envelope),
            Task::Inspect { envelope, key, diag: false } => inspect(envelope, key),
            Task::Verify { envelope, key } => verify(envelope, key),
        }
    }

    fn classify(error: &Error) -> (u8, &'static str) {
        if error.is_refusal() { (exit::REFUSED, "refused") } else { (exit::FAILURE, "failed") }
    }
}

fn keygen(kind: KeyKind, name: &Path) -> Result<Done, Error> {
    match kind {
        KeyKind::Esp256 => signing_key(Algorithm::Esp256, name),
        KeyKind::Ed25519 => signing_key(Algorithm::Ed25519, name),
        KeyKind::EcdhEs => agreement_key(name),
        KeyKind::A128kw => symmetric_key(16, name),
        KeyKind::A256kw | KeyKind::Hmac256 => symmetric_key(32, name),
    }
}

fn signing_key(algorithm: Algorithm, name: &Path) -> Result<Done, Error> {
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

fn agreement_key(name: &Path) -> Result<Done, Error> {
    // A COSE_Key of P-256 is for signing or for agreement as its user says; one file is never used for both here.
    let key = keys::generate(Algorithm::Esp256)?;
    let (private, public) = (with_ending(name, ".cose"), with_ending(name, ".pub.cose"));
    keys::write_cose_key(&private, &Zeroizing::new(key.to_cose_key()), true)?;
    keys::write_cose_key(&public, &key.public_key().to_cose_key(), false)?;
    let kid = key.public_key().thumbprint().to_string();
    let text = format!(
        "{} private key, keep it secret\n{} public key\nkid {kid}",
        private.display(),
        public.display()
    );
    Ok(Done::new(text, json!({ "kid": kid, "algorithm": "ECDH-ES" })))
}

fn symmetric_key(len: usize, name: &Path) -> Result<Done, Error> {
    let path = with_ending(name, ".cose");
    keys::write_cose_key(&path, &keys::generate_symmetric(len)?.to_cose_key(), true)?;
    Ok(Done::new(format!("{} symmetric key, keep it secret", path.display()), json!({ "bytes": len })))
}

fn with_ending(name: &Path, ending: &str) -> PathBuf {
    let mut path = name.as_os_str().to_owned();
    path.push(ending);
    PathBuf::from(path)
}

fn create_envelope(
    description: &Path,
    key_files: &[PathBuf],
    certificate_files: &[PathBuf],
    out: &Path,
    payload_directory: Option<&Path>,
) -> Result<Done, Error> {
    not_an_input(out, key_files.iter().chain(certificate_files).map(PathBuf::as_path).chain([description]))?;
    let mut signing =
        key_files.iter().map(|path| AuthenticationKey::load(path)).collect::<Result<Vec<_>, _>>()?;
    certificate_files.iter().try_for_each(|path| AuthenticationKey::certify(&mut signing, path))?;
    let authenticators: Vec<_> = signing.iter().map(AuthenticationKey::authenticator).collect();
    let description = Description::read(description)?;
    if payload_directory.is_none() {
        nothing_is_lost(&description)?;
    }
    let created = create_for(&description, &authenticators)?;
    not_older(out, &description)?;
    let mut text = String::new();
    let payloads = PayloadFile::all(&created.payloads, payload_directory)?;
    for PayloadFile { path, uri, bytes } in &payloads {
        files::write_atomic(path, bytes)?;
        text.push_str(&format!("{}: {} bytes, for {uri}\n", path.display(), bytes.len()));
    }
    files::write_atomic(out, &created.envelope)?;
    let summary = Summary::unauthenticated(&created.envelope)?;
    let of = if summary.components.is_empty() {
        summary.manifest_id.clone().unwrap_or_default()
    } else {
        summary.components.join(", ")
    };
    text.push_str(&format!(
        "{}: sequence number {} of {}, {} bytes",
        out.display(),
        summary.sequence_number,
        of,
        summary.bytes
    ));
    let fetched: Vec<_> = created.payloads.keys().collect();
    Ok(Done::new(text, json!({ "envelope": summary, "fetched": fetched })))
}

fn trust_store(description: &Path, out: &Path) -> Result<Done, Error> {
    not_an_input(out, [description].into_iter())?;
    let bytes = compile_trust_store(description).map_err(Error::Description)?;
    let store = TrustStoreSummary::unauthenticated(&bytes)?;
    files::write_atomic(out, &bytes)?;
    let tams: Vec<_> = store.tams.iter().map(|tam| tam.uri.as_str()).collect();
    let shown = format!(
        "{}: trust store with sequence number {}, {} signers and the TAMs {}; {} bytes\n\
         component id {}\nmanifest-id {}",
        out.display(),
        store.sequence_number,
        store.signers.len(),
        tams.join(", "),
        store.bytes,
        store.component_id,
        store.manifest_id
    );
    Ok(Done::new(shown, json!({ "trust_store": store })))
}

/// What is encrypted now and fetched later has to be kept.
fn nothing_is_lost(description: &Description) -> Result<(), Error> {
    let mut components = description.components.iter();
    let fetched = components.find_map(|component| match (&component.encryption, &component.source) {
        (Some(Encryption::New(_)), Some(source)) if !source.integrated => Some(&source.uri),
        _ => None,
    });
    match fetched {
        Some(uri) => Err(Error::Description(format!(
            "devices fetch what is encrypted here from {uri}: say with --payloads where to put it"
        ))),
        None => Ok(()),
    }
}

/// A slip of the keyboard must not cost a key.
fn not_an_input<'p>(out: &Path, mut inputs: impl Iterator<Item = &'p Path>) -> Result<(), Error> {
    let same =
        |path: &&Path| path.canonicalize().ok().is_some_and(|path| out.canonicalize().ok() == Some(path));
    match inputs.find(same) {
        Some(input) => {
            Err(Error::Description(format!("--out would overwrite {}: choose another name", input.display())))
        }
        None => Ok(()),
    }
}

/// Nor does an envelope take the place of anything but an older one of the same manifest: devices would refuse it where
/// a newer one was, and something else may be what the description names.
fn not_older(out: &Path, description: &Description) -> Result<(), Error> {
    let Ok(bytes) = std::fs::read(out) else { return Ok(()) };
    let id = teep_proto::suit::text::format(&description.manifest_id);
    let there = Summary::unauthenticated(&bytes).ok();
    let Some(there) = there.filter(|there| there.manifest_id.as_ref() == Some(&id)) else {
        return Err(Error::Description(format!(
            "{} is there, and no envelope of this manifest: choose another name, or remove it",
            out.display()
        )));
    };
    if there.sequence_number > description.sequence_number {
        return Err(Error::Description(format!(
            "{} is there with sequence number {}, devices refuse to go back to {}: raise sequence-number, or remove \
             the file",
            out.display(),
            there.sequence_number,
            description.sequence_number
        )));
    }
    Ok(())
}

fn encrypt(file: &Path, to: &[PathBuf], cipher: Cipher, out: &Path, info: &Path) -> Result<Done, Error> {
    if out == info {
        return Err(Error::Description("--out and --info need a file each".to_owned()));
    }
    for target in [out, info] {
        not_an_input(target, to.iter().map(PathBuf::as_path).chain([file]))?;
    }
    let plaintext = Zeroizing::new(std::fs::read(file).map_err(|source| Error::io("read", file, source))?);
    let recipients = to.iter().map(|path| keys::load_recipient(path)).collect::<Result<_, _>>()?;
    let sealing = Sealing { algorithm: cipher.into(), recipients };
    let sealed = sealing.seal(&plaintext)?;
    files::write_atomic(out, &sealed.ciphertext)?;
    files::write_atomic(info, &sealed.info)?;
    let text = format!(
        "{}: {} bytes encrypted with {}, for {} recipients; {}: the encryption-info",
        out.display(),
        sealed.ciphertext.len(),
        sealing.algorithm,
        to.len(),
        info.display()
    );
    let cipher = sealing.algorithm.to_string();
    Ok(Done::new(text, json!({ "cipher": cipher, "bytes": sealed.ciphertext.len(), "recipients": to.len() })))
}

fn explain(
    report: &Path,
    envelopes: &[PathBuf],
    key_files: &[PathBuf],
    decrypt_with: &[PathBuf],
) -> Result<Done, Error> {
    let trusted = Trusted::load(key_files)?;
    let recipient =
        decrypt_with.iter().map(|path| keys::load_recipient_key(path)).collect::<Result<Vec<_>, _>>()?;
    let content: Vec<_> = recipient
        .iter()
        .filter_map(|key| match key {
            RecipientKey::Symmetric(key) => Some(key.clone()),
            RecipientKey::Agreement(_) => None,
        })
        .collect();
    let report_keys = ReportKeys { trusted: trusted.keys(), recipient: &recipient, content: &content };
    let opened = OpenedReport::open(&read_envelope(report)?, &report_keys).map_err(Error::Report)?;
    let envelopes = envelopes.iter().map(|path| read_envelope(path)).collect::<Result<Vec<_>, _>>()?;
    let explanation = Explanation::new(&opened, &envelopes)?;
    Ok(Done::new(explanation.to_string().trim_end().to_owned(), json!({ "report": explanation })))
}

fn inspect(path: &Path, key_files: &[PathBuf]) -> Result<Done, Error> {
    let bytes = read_envelope(path)?;
    let summary = match Trusted::load(key_files)? {
        nobody if nobody.is_empty() && is_list(&bytes) => return inspect_trust_store(&bytes),
        nobody if nobody.is_empty() => Summary::unauthenticated(&bytes)?,
        trusted => verified(path, &bytes, &trusted)?,
    };
    Ok(Done::new(summary.to_string(), json!({ "envelope": summary })))
}

/// Whether `bytes` are what a trust store is in CBOR, and an envelope is not.
fn is_list(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first >> 5 == Major::Array as u8)
}

fn inspect_trust_store(bytes: &[u8]) -> Result<Done, Error> {
    let store = TrustStoreSummary::unauthenticated(bytes)?;
    let text =
        format!("NOT AUTHENTICATED: only the envelope that brings a trust store is signed.\n\n{store}");
    Ok(Done::new(text.trim_end().to_owned(), json!({ "trust_store": store })))
}

fn verified(path: &Path, bytes: &[u8], trusted: &Trusted) -> Result<Summary, Error> {
    if TrustStoreSummary::unauthenticated(bytes).is_ok() {
        let problem = "a trust store, which has no signature of its own: give the envelope that brings it";
        return Err(Error::Description(problem.to_owned()).in_file(path));
    }
    Summary::verified(bytes, trusted)
}

fn diagnose(path: &Path) -> Result<Done, Error> {
    let text = teep_proto::diag::any(&read_envelope(path)?);
    let fields = json!({ "diagnostic": text });
    Ok(Done::new(text, fields))
}

fn verify(path: &Path, key_files: &[PathBuf]) -> Result<Done, Error> {
    let summary = verified(path, &read_envelope(path)?, &Trusted::load(key_files)?)?;
    let signer = summary.authenticated_by.as_ref().map(ToString::to_string).unwrap_or_default();
    let text = format!("{}: unchanged, signed by {signer}", path.display());
    Ok(Done::new(text, json!({ "envelope": summary })))
}

fn read_envelope(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
    if bytes.len() > MAX_MESSAGE {
        let problem = format!("{}: longer than any TEEP message ({MAX_MESSAGE} bytes)", path.display());
        return Err(Error::Description(problem));
    }
    Ok(bytes)
}
