// SPDX-License-Identifier: Apache-2.0
//! What may be written on the command line.

use crate::Algorithm;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
From a Trusted Application to an envelope a TAM can serve:

  1. Once: make the key that says \"this component comes from us\". Its public half goes to the devices
     (as trust anchor for Trusted Component signers) and to the TAM (teep-tam add-signer).
       teep-suit keygen --algorithm esp256 --out signer

  2. Describe the component in hello.toml. Paths are relative to that file.
       ta = \"hello.ta\"              # made by sign_encrypt.py of the TA dev kit
       uuid = \"1c42796f-7fc4-4536-b751-6a58e6f4540c\"
       sequence-number = 1          # raise it with every release: devices refuse to go back
       vendor-id = \"c0ddd5f1-5243-5660-87db-4f5b0aa26c2f\"   # of the devices it is for
       class-id = \"...\"             # likewise
       # Optional; these are the defaults for this uuid:
       # component-id = \"TEEP-Device/SecureFS/uuid:1c42796f-7fc4-4536-b751-6a58e6f4540c/ta\"
       # manifest-id  = \"TEEP-Device/SecureFS/uuid:1c42796f-7fc4-4536-b751-6a58e6f4540c/suit\"
       # reference-uri = \"https://example.com/hello.suit\"

  3. Make the envelope, look at it, hand it to the TAM.
       teep-suit create hello.toml --key signer.pem --out hello.suit
       teep-suit inspect hello.suit --key signer.pub.pem
       teep-tam publish DIR hello.suit

Exit codes:
   0  done
   1  failed; the message says why
   6  the envelope is not signed by any of the keys given, or was changed
  64  the command line is wrong";

/// Make, sign and look into SUIT envelopes for Trusted Applications
///
/// A SUIT envelope carries a Trusted Application and the signed manifest that says what it is, which
/// devices it is for and how it is installed.
#[derive(Debug, Parser)]
#[command(name = "teep-suit", version, after_long_help = EXAMPLES, after_help = "More: teep-suit --help")]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) task: Task,

    /// Print one JSON object (schema 1) as the result
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Make a key: NAME.pem, NAME.pub.pem and NAME.pub.cose; nothing is overwritten
    Keygen {
        /// Kind of key
        #[arg(long)]
        algorithm: AlgorithmName,

        /// Name of the files, without ending
        #[arg(long, value_name = "NAME")]
        out: PathBuf,
    },
    /// Make the signed envelope of a Trusted Application from its description
    Create {
        /// The description, a TOML file; `teep-suit --help` shows one
        description: PathBuf,

        /// Private key to sign with, PEM or COSE_Key; repeat it for several signatures
        #[arg(long, required = true, value_name = "KEY.pem")]
        key: Vec<PathBuf>,

        /// Where the envelope goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Show what an envelope says
    Inspect {
        /// The envelope
        envelope: PathBuf,

        /// Public key of its signer, PEM or COSE_Key; without it nothing shown is certain
        #[arg(long, value_name = "KEY")]
        key: Vec<PathBuf>,

        /// Show every byte's meaning in CBOR diagnostic notation, verifying nothing; the file may also be a
        /// TEEP message, a SUIT Report or an attestation token
        #[arg(long, conflicts_with = "key")]
        diag: bool,
    },
    /// Check that an envelope is unchanged and signed by one of the keys
    Verify {
        /// The envelope
        envelope: PathBuf,

        /// Public key that is acceptable, PEM or COSE_Key; repeat it for several
        #[arg(long, required = true, value_name = "KEY")]
        key: Vec<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum AlgorithmName {
    /// ECDSA on P-256 with SHA-256
    Esp256,
    /// Ed25519
    Ed25519,
}

impl From<AlgorithmName> for Algorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::Esp256 => Self::Esp256,
            AlgorithmName::Ed25519 => Self::Ed25519,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }
}
