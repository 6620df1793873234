// SPDX-License-Identifier: Apache-2.0
//! What may be written on the command line.

use crate::Cipher;
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
     teep-suit create --help shows more: personalization data, dependencies, payloads by URI.

  3. Make the envelope, look at it, hand it to the TAM.
       teep-suit create hello.toml --key signer.pem --out hello.suit
       teep-suit inspect hello.suit --key signer.pub.pem
       teep-tam publish DIR hello.suit

Exit codes:
   0  done
   1  failed; the message says why
   6  the envelope is not signed by any of the keys given, or was changed
  64  the command line is wrong";

const CREATE_EXAMPLES: &str = "\
A key whose devices know a CA and not the key itself: signer.pem was certified by a CA in between, the
certificate of which is certified by the CA that is their trust anchor.
  cat signer.crt between.crt > chain.pem
  teep-suit create hello.toml --key signer.pem --certificates chain.pem --out hello.suit

Every entry of a description is explained in docs/manifest-descriptions.md. These begin all of them:
  sequence-number = 1
  vendor-id = \"c0ddd5f1-5243-5660-87db-4f5b0aa26c2f\"
  class-id = \"...\"

A Trusted Application that devices fetch, from a place that a TAM may change:
  ta = \"hello.ta\"
  uuid = \"1c42796f-7fc4-4536-b751-6a58e6f4540c\"
  uri = \"https://developer.example/hello.ta\"
  uri-overridable = true

Personalization data for one device, greeting.toml. device.hex holds the decryption key that
teep-broker keys prints on that device. hello.suit is the Trusted Application's manifest.
  manifest-id = \"TEEP-Device/SecureFS/greeting.suit\"
  [[component]]
  id = \"TEEP-Device/SecureFS/uuid:1c42796f-7fc4-4536-b751-6a58e6f4540c/greeting\"
  file = \"greeting.txt\"
  delivery = \"write\"              # in the manifest itself; integrated and fetch are the others
  encrypt-to = [\"device.hex\"]     # without it: only from a signer with personalization-in-clear
  cipher = \"a128gcm\"              # or chacha20-poly1305, a128ctr, a192ctr, a256ctr
  [[dependency]]
  manifest = \"hello.suit\"
  delivery = \"installed\"          # offer both: the TAM sends hello.suit first

A TAM's own manifest that moves the developer's payload to another server. Its signer needs the
right to name the component, not to change it.
  manifest-id = \"TEEP-Device/SecureFS/hello-from-mirror.suit\"
  [[dependency]]
  manifest = \"hello.suit\"         # carried in the envelope; or with a uri, fetched
  [[dependency.override]]
  component-id = \"1c42796f-7fc4-4536-b751-6a58e6f4540c\"
  uri = \"https://mirror.example/hello.ta\"";

const TRUST_STORE_EXAMPLES: &str = "\
trust.toml, which replaces all that the devices have, so write down everybody whom they are to
trust. Without a sequence number, a TAM and a signer with trust-store = true it is none:
  [trust]
  sequence-number = 2              # above that of the trust store the devices have
  [[tam]]
  uri = \"https://tam.example/tam\"
  keys = [\"tam.pub.pem\"]
  [[signer]]
  key = \"signer.pub.pem\"
  components = [[\"TEEP-Device\", \"SecureFS\"]]
  max-bytes = 1000000
  [[signer]]
  key = \"root.pub.pem\"           # may replace the trust store, and nothing else
  trust-store = true
  [policy]
  updates-per-hour = 20

At manufacture, where the Agent was built to be provisioned:
  teep-suit trust-store trust.toml --out trust.cbor
  teep-suit inspect trust.cbor
  teep-broker provision trust.cbor     # on the device

Later, trust-manifest.toml, signed with the private key of the trust-store signer. Nothing else may
be in it, and both ids are fixed:
  sequence-number = 2              # the same as in trust.toml
  vendor-id = \"c0ddd5f1-5243-5660-87db-4f5b0aa26c2f\"
  class-id = \"...\"
  manifest-id = \"TEEP-Device/SecureFS/uuid:f15aa4a3-e3c4-4c8f-8477-30824b81d2b4/trust/suit\"
  [[component]]
  file = \"trust.cbor\"
  id = \"TEEP-Device/SecureFS/uuid:f15aa4a3-e3c4-4c8f-8477-30824b81d2b4/trust\"
  teep-suit create trust-manifest.toml --key root.pem --out trust.suit
  teep-suit inspect trust.suit --key root.pub.pem
  teep-tam publish DIR trust.suit";

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
    /// Make a key; nothing is overwritten
    ///
    /// For signing: NAME.pem, NAME.pub.pem and NAME.pub.cose. Other keys are COSE_Key files: NAME.cose, which
    /// is secret, and for ecdh-es NAME.pub.cose.
    Keygen {
        /// Kind of key
        #[arg(long)]
        algorithm: KeyKind,

        /// Name of the files, without ending
        #[arg(long, value_name = "NAME")]
        out: PathBuf,
    },
    /// Make a signed envelope from a description
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create {
        /// The description, a TOML file; `teep-suit create --help` shows some
        description: PathBuf,

        /// Key to sign with, PEM or COSE_Key, symmetric for HMAC; repeat it for several signatures
        #[arg(long, required = true, value_name = "KEY.pem")]
        key: Vec<PathBuf>,

        /// Certificates that devices need to trust the key: its own first, then that of each issuer up to the CA they
        /// know, in PEM; repeat it for several keys
        #[arg(long, value_name = "CHAIN.pem")]
        certificates: Vec<PathBuf>,

        /// Where the envelope goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,

        /// Where what devices fetch by URI goes, under the last part of its URI; it must exist
        #[arg(long, value_name = "DIR")]
        payloads: Option<PathBuf>,
    },
    /// Encrypt a component once, to be named in descriptions as ciphertext and encryption-info
    ///
    /// create encrypts by itself where a description says encrypt-to, and each time under another key. Encrypt
    /// first if several manifests are to have the same ciphertext.
    Encrypt {
        /// What is to be encrypted
        file: PathBuf,

        /// Key of one who is to decrypt it: a device's decryption key or a symmetric key; repeat it for several
        #[arg(long, required = true, value_name = "KEY")]
        to: Vec<PathBuf>,

        /// Cipher
        #[arg(long, default_value = "a128gcm")]
        cipher: Cipher,

        /// Where the ciphertext goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,

        /// Where the SUIT_Encryption_Info goes
        #[arg(long, value_name = "FILE")]
        info: PathBuf,
    },
    /// Show what an envelope or a trust store says
    Inspect {
        /// The envelope, or a trust store as trust-store compiles it
        envelope: PathBuf,

        /// Key of its signer, PEM or COSE_Key, symmetric for HMAC, or certificate of the signer or its CA; without it
        /// nothing shown is certain
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

        /// Key that is acceptable, PEM or COSE_Key, symmetric for HMAC, or certificate of a signer or a CA; repeat it
        /// for several
        #[arg(long, required = true, value_name = "KEY")]
        key: Vec<PathBuf>,
    },
    /// Compile a trust store: whom TEEP Agents are to trust
    ///
    /// The description has the entries [[tam]], [[signer]], [[verifier]], [manifests], [policy] and [trust] of an
    /// Agent's configuration file, and is checked by the same code.
    #[command(after_long_help = TRUST_STORE_EXAMPLES)]
    TrustStore {
        /// The description, a TOML file; docs/agent-configuration.md explains every entry
        description: PathBuf,

        /// Where the trust store goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Tell what a SUIT Report says: which command of which manifest failed, and what it found
    Explain {
        /// The report, bare or protected
        report: PathBuf,

        /// The envelope it is about, and those of dependencies that are not in it
        #[arg(required = true)]
        envelopes: Vec<PathBuf>,

        /// Key that authenticates the device's reports, PEM or COSE_Key; repeat it for several
        #[arg(long, value_name = "KEY")]
        key: Vec<PathBuf>,

        /// Private or symmetric COSE_Key that decrypts the report
        #[arg(long, value_name = "KEY")]
        decrypt_with: Vec<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum KeyKind {
    /// Signs: ECDSA on P-256 with SHA-256
    Esp256,
    /// Signs: Ed25519
    Ed25519,
    /// Is encrypted to: ECDH-ES on P-256, as a device's decryption key
    EcdhEs,
    /// Is encrypted to: AES key wrap with 128 bits
    A128kw,
    /// Is encrypted to: AES key wrap with 256 bits
    A256kw,
    /// Authenticates to who has the same key: HMAC with SHA-256
    Hmac256,
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
