// SPDX-License-Identifier: Apache-2.0
//! A device without a REE against a running TAM: `cargo run -p teep-sim --example own-transport -- --help`.

mod device;

use clap::Parser;
use device::Device;
use std::path::PathBuf;
use std::process::ExitCode;
use teep_agent::config::{Config, SignerAnchor, TamAnchor, TrustStore};
use teep_proto::suit::{ComponentId, text};
use teep_sim::MemoryEnv;
use teep_suit::keys;

const EXAMPLE: &str = "\
The device is in memory and gone afterwards; only its key stays the same. Against a TAM of your own
(teep-tam --help shows how to make one):

    own-transport http://127.0.0.1:8080/tam --tam-key DIR/keys/tam-esp256.pub.pem --signer signer.pub.pem
    teep-tam enrol DIR KEY        # KEY is the first thing it prints
    own-transport ... --request UUID";

/// A TEEP Agent that drives its own transport: asks a TAM for changes and installs what it sends, without a Broker
#[derive(Parser)]
#[command(name = "own-transport", after_help = EXAMPLE)]
struct Args {
    /// Where the TAM is
    tam_uri: String,

    /// A key of the TAM (PEM or COSE_Key); repeat it for several
    #[arg(long, value_name = "FILE", required = true)]
    tam_key: Vec<PathBuf>,

    /// A key of somebody who may say what is installed (PEM or COSE_Key)
    #[arg(long, value_name = "FILE", required = true)]
    signer: Vec<PathBuf>,

    /// Vendor of the device, as manifests name it
    #[arg(long, value_name = "UUID", default_value = "c0ddd5f1-5243-5660-87db-4f5b0aa26c2f")]
    vendor: String,

    /// Class of the device, as manifests name it
    #[arg(long, value_name = "UUID", default_value = "bbcdd24d-6031-5d11-a508-ebb6d85a64a9")]
    class: String,

    /// Ask for this Trusted Application, too
    #[arg(long, value_name = "UUID")]
    request: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("own-transport: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let mut device = Device::start(MemoryEnv::new([1; 32]), &configuration(args)?)?;
    let key: String = device.info()?.public_key.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("the device's key: {key}");
    let mut outcomes = device.policy_check()?;
    if let Some(ta) = &args.request {
        outcomes.extend(device.request_ta(uuid(ta)?)?);
    }
    for outcome in &outcomes {
        println!("{}", outcome.text);
    }
    if outcomes.is_empty() {
        println!("nothing to do");
    }
    match outcomes.iter().find(|outcome| outcome.err_code != 0) {
        Some(refusal) => Err(format!("refused with error {}", refusal.err_code)),
        None => Ok(()),
    }
}

/// Whom the device trusts.
fn configuration(args: &Args) -> Result<Config, String> {
    let public_keys = |paths: &[PathBuf]| {
        paths.iter().map(|path| keys::load_public_key(path)).collect::<Result<Vec<_>, _>>()
    };
    let components = vec![ComponentId::encode(&["TEEP-Device", "SecureFS"])];
    let tam_keys = public_keys(&args.tam_key).map_err(|error| error.to_string())?;
    let signers = public_keys(&args.signer).map_err(|error| error.to_string())?;
    let trust = TrustStore {
        tams: vec![TamAnchor::new(args.tam_uri.clone(), tam_keys)],
        signers: signers.into_iter().map(|key| SignerAnchor::new(key, components.clone())).collect(),
        ..TrustStore::default()
    };
    let (vendor_ids, class_ids) = (vec![uuid(&args.vendor)?], vec![uuid(&args.class)?]);
    Ok(Config { vendor_ids, class_ids, trust, ..Config::default() })
}

fn uuid(argument: &str) -> Result<[u8; 16], String> {
    text::parse_uuid(argument).ok_or_else(|| format!("{argument:?} is no UUID"))
}
