// SPDX-License-Identifier: Apache-2.0
//! Installing one SUIT manifest: from the bytes in an Update's manifest-list to the platform's installer.

use crate::component::{self, native_ta};
use crate::config::Config;
use crate::env::{Env, EnvError, InstallError, Installer};
use crate::platform_image;
use crate::processor::{self, Failure};
use crate::state::{Pending, Record, State};
use alloc::format;
use alloc::vec::Vec;
use teep_proto::cose::Verified;
use teep_proto::suit::{
    ComponentId, Digest, Envelope, Manifest, Reason, Report, ReportEntry, ReportResult, SystemPropertyClaims,
};

/// What became of one entry of a manifest-list.
pub(crate) struct Processed {
    /// The encoded SUIT Report.
    pub(crate) report: Vec<u8>,
    /// Why it was not installed, if it was not.
    pub(crate) refusal: Option<Refusal>,
}

/// Why a manifest was not installed.
pub(crate) enum Refusal {
    /// It may be right another time: memory or storage.
    Temporary(EnvError),
    /// It will not.
    Manifest(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Manifest(failure)
    }
}

impl From<EnvError> for Refusal {
    fn from(error: EnvError) -> Self {
        Self::Temporary(error)
    }
}

/// Installs the manifest in `envelope` and reports, with the Update's `token` as nonce (REQ-TEEP-085).
///
/// # Errors
/// When the envelope has not even a digest by which a report could name it.
pub(crate) fn process<E: Env>(
    env: &mut E,
    config: &Config,
    state: &mut State,
    envelope: &[u8],
    token: Option<&[u8]>,
) -> Result<Processed, Failure> {
    let envelope = Envelope::decode(envelope).map_err(Failure::from)?;
    let mut report = Report::new("", envelope.claimed_digest(), token);
    let keys = config.signers.iter().map(|signer| &signer.key);
    let verified = match envelope.verify(keys) {
        Ok(verified) => verified,
        Err(error) => return Ok(refused(report, Failure::from(error).into())),
    };
    report.reference_uri = verified.get().reference_uri.unwrap_or_default();
    Ok(match install(env, config, state, &envelope, &verified) {
        Err(refusal) => refused(report, refusal),
        Ok(digest) => {
            let components = verified.get().components.iter();
            report.records = components
                .map(|id| ReportEntry::Properties(SystemPropertyClaims::new(*id, Some(digest))))
                .collect();
            Processed { report: report.encode(), refusal: None }
        }
    })
}

fn refused(mut report: Report<'_>, refusal: Refusal) -> Processed {
    let (code, record, reason) = match &refusal {
        Refusal::Manifest(failure) => (failure.reason as i64, failure.record.clone(), failure.reason),
        Refusal::Temporary(error) => (error.code.into(), Default::default(), Reason::OperationFailed),
    };
    report.result = ReportResult::Failure { code, record, reason };
    Processed { report: report.encode(), refusal: Some(refusal) }
}

fn install<E: Env>(
    env: &mut E,
    config: &Config,
    state: &mut State,
    envelope: &Envelope<'_>,
    verified: &Verified<Manifest<'_>>,
) -> Result<Digest, Refusal> {
    let manifest = verified.get();
    let (manifest_id, component_id) = admit(config, state, verified)?;
    let installed = state.owner(component_id.as_bytes()).and_then(|record| state.certain_digest(record));
    let outcome = processor::update(manifest, envelope, config, installed)?;
    let record = Record {
        manifest_id: manifest_id.as_bytes().to_vec(),
        sequence_number: manifest.sequence_number,
        signer: verified.signer(),
        manifest: envelope.manifest_bytes().to_vec(),
        component_id: component_id.as_bytes().to_vec(),
        digest: outcome.digest,
    };
    let mut done = state.clone();
    done.settle(&record.manifest_id);
    done.put(record.clone());
    // Nothing is begun that could not be recorded.
    done.fitting()?;
    if let Some(image) = outcome.image {
        commit_image(env, state, &record, image)?;
    }
    done.store(env)?;
    *state = done;
    Ok(outcome.digest)
}

/// The checks that come before any command: who signed, for what, how new.
fn admit<'b>(
    config: &Config,
    state: &State,
    verified: &Verified<Manifest<'b>>,
) -> Result<(ComponentId<'b>, ComponentId<'b>), Failure> {
    let manifest = verified.get();
    if !manifest.dependencies.is_empty() {
        return Err(Failure::early(
            Reason::CommandUnsupported,
            "dependencies, which this Agent does not have",
        ));
    }
    let [component_id] = manifest.components.as_slice() else {
        return Err(Failure::early(Reason::ComponentUnsupported, "more or fewer components than one"));
    };
    let unnamed = "a manifest without manifest-component-id, which could never be removed";
    let manifest_id = manifest.component_id.ok_or(Failure::early(Reason::ComponentUnsupported, unnamed))?;
    let scope = config.signer(verified.signer());
    for id in [&manifest_id, component_id] {
        if !scope.is_some_and(|scope| scope.may_touch(id)) {
            let text = format!("the signer has no right to {id}");
            return Err(Failure::early(Reason::ComponentUnauthorised, text));
        }
    }
    if native_ta(component_id.as_bytes()).is_none() {
        let text = format!("{component_id} is no component of this device");
        return Err(Failure::early(Reason::ComponentUnsupported, text));
    }
    if state.belongs_to_another(component_id.as_bytes(), manifest_id.as_bytes()) {
        let text = format!("{component_id} belongs to another manifest");
        return Err(Failure::early(Reason::ComponentUnauthorised, text));
    }
    let installed = state.manifest(manifest_id.as_bytes());
    if installed.is_some_and(|record| !component::same(&record.component_id, component_id.as_bytes())) {
        let text = format!("{manifest_id} has another component, which this platform cannot remove");
        return Err(Failure::early(Reason::OperationFailed, text));
    }
    match state.floor(manifest_id.as_bytes()) {
        Some(floor) if manifest.sequence_number < floor => {
            let text =
                format!("rollback refused: sequence number {} is below {floor}", manifest.sequence_number);
            Err(Failure::early(Reason::ConditionFailed, text))
        }
        _ => Ok((manifest_id, *component_id)),
    }
}

/// Hands `image` to the platform, after noting in the state what is about to happen.
fn commit_image<E: Env>(
    env: &mut E,
    state: &mut State,
    record: &Record,
    image: &[u8],
) -> Result<(), Refusal> {
    let uuid = platform_image::uuid(image);
    if uuid.is_none() || uuid != native_ta(&record.component_id) {
        let text = "the payload is no Trusted Application file for the UUID of its component";
        return Err(Failure::early(Reason::ComponentUnauthorised, text).into());
    }
    let mut noted = state.clone();
    noted.note(Pending {
        manifest_id: record.manifest_id.clone(),
        sequence_number: record.sequence_number,
        component_id: record.component_id.clone(),
    });
    noted.store(env)?;
    let before = core::mem::replace(state, noted);
    let Err(error) = env.installer().install(image) else { return Ok(()) };
    // The platform says it changed nothing, so the note can go. After any other failure it stays: what became
    // of the image is not known.
    if matches!(error, InstallError::Refused | InstallError::OlderVersion | InstallError::OutOfMemory) {
        before.store(env)?;
        *state = before;
    }
    Err(match error {
        InstallError::OutOfMemory => Refusal::Temporary(EnvError::OUT_OF_MEMORY),
        error => Failure::early(Reason::OperationFailed, format!("{error}")).into(),
    })
}
