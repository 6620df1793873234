// SPDX-License-Identifier: Apache-2.0
//! What may be written on the command line.

use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

const EXAMPLES: &str = "\
A TAM is a directory. Changes in it count from the next message on; the server need not be restarted.

  DIR/keys/         the TAM's own keys; devices have their public halves as trust anchors
  DIR/agents/       public keys of the devices' TEEP Agents: who may talk to this TAM
  DIR/signers/      public keys of component signers: whose manifests this TAM passes on
  DIR/manifests/    *.suit, what there is; the highest sequence number is served

From nothing to a first installation:

    teep-tam init DIR
    teep-tam add-signer DIR signer.pub.pem       # from: teep-suit keygen
    teep-tam publish DIR hello.suit              # from: teep-suit create
    teep-tam enrol DIR KEY --name board-1        # KEY is public_key of: teep-broker --json info
    teep-tam serve DIR
  and on the device:
    teep-broker request-ta UUID

To shut a device or a signer out, delete its file.

The server speaks plain HTTP: TEEP messages are signed end to end. Before the open Internet put a proxy
that ends TLS, limits the rate of requests and passes on POST /tam.

Exit codes:
   0  done
   1  failed; the message says why
   2  nothing to do: it was so already
   3  what was named does not exist
   6  refused: the envelope is not signed by a vetted signer, or was changed
  64  the command line is wrong";

/// Run a TAM (Trusted Application Manager): it tells TEEP Agents what to install
#[derive(Debug, Parser)]
#[command(name = "teep-tam", version, after_long_help = EXAMPLES, after_help = "More: teep-tam --help")]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) task: Task,

    /// Print one JSON object (schema 1) as the result
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Make a TAM directory with new keys, or add what is missing in one
    Init {
        /// The TAM directory
        dir: PathBuf,
    },
    /// Answer TEEP Agents over HTTP until told to stop (SIGTERM, Ctrl-C); one log line per message
    Serve {
        /// The TAM directory
        dir: PathBuf,

        /// Address and port; port 0 takes any free one
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Admit a device by the public key of its TEEP Agent
    Enrol {
        /// The TAM directory
        dir: PathBuf,

        /// The key: a file (COSE_Key or PEM), or the hexadecimal digits of a COSE_Key
        key: String,

        /// What to call the device; otherwise the first digits of the key's thumbprint
        #[arg(long)]
        name: Option<String>,
    },
    /// Vet a signer of Trusted Components by its public key
    AddSigner {
        /// The TAM directory
        dir: PathBuf,

        /// The key: a file (PEM or COSE_Key), or the hexadecimal digits of a COSE_Key
        key: String,

        /// What to call the signer; otherwise the first digits of the key's thumbprint
        #[arg(long)]
        name: Option<String>,
    },
    /// Offer a component to the devices: check its envelope and copy it to the manifests
    Publish {
        /// The TAM directory
        dir: PathBuf,

        /// The envelope; one with the same file name is replaced
        envelope: PathBuf,
    },
    /// Stop offering a component; devices keep what they have
    Withdraw {
        /// The TAM directory
        dir: PathBuf,

        /// File name of the envelope, as `teep-tam list` shows it
        name: String,
    },
    /// Show the devices, the signers and the manifests, and which of these are served
    List {
        /// The TAM directory
        dir: PathBuf,
    },
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
