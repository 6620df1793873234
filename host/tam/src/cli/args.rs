// SPDX-License-Identifier: Apache-2.0
//! What may be written on the command line.

use crate::Attestation;
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use teep_proto::teep::Dialect;

const EXAMPLES: &str = "\
A TAM is a directory. Changes in it count from the next message on. Only DIR/keys and what teep-tam attestation
sets are read when the server starts.

  DIR/keys/         the TAM's own keys; devices have their public halves as trust anchors
  DIR/agents/       public keys of the devices' TEEP Agents: who may talk to this TAM
  DIR/attestation-keys/  public keys that sign the Evidence of the agents of the same names
  DIR/verifiers/    public keys of Verifiers whose Attestation Results about devices count
  DIR/measurements/ what devices' TEEs may measure their Agents to be
  DIR/signers/      keys of component signers, or certificates of CAs: whose manifests it passes on
  DIR/manifests/    *.suit, what there is; the highest sequence number is served
                    for-*/ in it: what is for one device
  DIR/withdrawn/    likewise, what devices that have it are told to give up
  DIR/replaced/     what was published once, without payloads: it tells which numbers devices have
  DIR/payloads/     what manifests name by URI, served at /payloads/NAME with Range requests

From nothing to a first installation:

    teep-tam init DIR
    teep-tam add-signer DIR signer.pub.pem       # from: teep-suit keygen
    teep-tam publish DIR hello.suit              # from: teep-suit create
    teep-tam enrol DIR KEY --name board-1        # KEY is public_key of: teep-broker --json keys
    teep-tam serve DIR
  and on the device:
    teep-broker request-ta UUID

Manifests by URI, personalization and removal; teep-suit create --help shows their descriptions:

    teep-tam publish DIR hello.suit --payload hello.ta    # its URI is http://TAM/payloads/hello.ta
    teep-tam publish DIR greeting.suit --for board-1      # data for one device
    teep-tam withdraw DIR hello.suit --give-up            # devices are told to remove it

A device gets what it requests, newer versions of what it has, what these depend on, and what depends
on them (such as its personalization data), in an order in which it can be installed. If it says that
it needs a manifest no longer, it is told to give it up, with the data that depends on it.

A version can be newer by its manifest alone, with the same payload (other dependencies, other
commands): give it a higher sequence number. Devices tell in SUIT Reports which manifests they have;
those that do not get other payloads only. If the TAM does not know the number, as the manifest was
never published here or was replaced by hand, it leaves it to the device to judge. What a device
refuses it gets again at its next contact, once in each.

To shut a device or a signer out, delete its file. A key has one role: one that is in two of agents/,
attestation-keys/, verifiers/ and signers/ counts in neither.

Signers whose keys change can be vetted by their CA: every signature counts that brings along, in
x5chain, certificates from the key that signed up to the CA. When one of them has expired, by this
machine's clock, the manifest is passed over until it is signed again. Devices know that CA, too.

    teep-tam add-signer DIR ca.crt          # the CA's own certificate, alone in its file
    teep-suit create hello.toml --key signer.pem --certificates chain.pem --out hello.suit

Devices that know a CA and not the TAM's keys: have the public halves in DIR/keys/ certified, and put
beside each key a file with its certificate, behind it those of the issuers up to the CA that is the
devices' trust anchor. Messages then bring them along, in x5chain.

    cat tam-esp256.crt between.crt > DIR/keys/tam-esp256.chain.pem     # and tam-ed25519.chain.pem

Devices that have to prove what they are (attestation_key and measurements are from teep-broker --json keys):

    teep-tam enrol DIR KEY --attestation-key ATTESTATION-KEY
    teep-tam add-measurement DIR MEASUREMENT       # measurement of a device that is known to be good
    teep-tam add-measurement DIR MEASUREMENT       # and its tee_measurement
    teep-tam attestation DIR required              # or for one server: teep-tam serve --attestation required

The TAM then asks for Evidence and checks its signature, that it answers this request, belongs to the
key that signed the message, and, if there are expected measurements, that all it tells are among them. Without
expected measurements nothing is compared: that is for devices whose OP-TEE measures nothing. A device
that does not convince gets ERR_ATTESTATION_REQUIRED with the reason, and no components.

Devices that prove it once, and show what they were told to several TAMs (passport):

    teep-suit keygen --algorithm esp256 --out verifier
    teep-tam serve DIR --attestation required --verifier-key verifier.pem     # one appraises Evidence
    teep-tam add-verifier OTHER-DIR verifier.pub.pem                          # others believe it
    teep-tam attestation OTHER-DIR passport

The first TAM hands a device that convinced it an Attestation Result, which counts for 24 hours
(--result-hours). The others ask for that, without a challenge: they check the Verifier's signature,
that it is about the key that signed the message, and that it has not expired. A device without one that
counts is asked for Evidence if its attestation key is enrolled, and else gets nothing. Devices may then
also report without being asked. One TAM can do both.

Agents that want the TAM attested (attestation = \"required\" in their configuration) send a challenge. A
program of yours brings the Attestation Result for it, from a Verifier that they trust:

    teep-tam serve DIR --attested-by ./voucher    # runs ./voucher CHALLENGE THUMBPRINT, in hexadecimal digits

It writes an EAT in the profile of TEEP to its standard output, with the challenge as eat_nonce and the
thumbprint of the TAM's key as cnf, and ends with 0; whatever else it does is no result.

Messages have the numbers of draft -26 and the IANA registry. Agents that still speak those of
earlier drafts need a TAM URI of their own, that of a second server on the same DIR:

    teep-tam serve DIR --listen ADDRESS:PORT --dialect pre-26

In the configuration of such an Agent this TAM has dialect = \"pre-26\" too. Nothing is guessed:
messages with the other numbers are refused, and the log says so.

The server speaks plain HTTP: TEEP messages are signed end to end. Before the open Internet put a proxy
that ends TLS, limits the rate of requests and passes on POST /tam and GET /payloads/.

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

        /// Numbers of all messages: final (draft -26), or pre-26 for Agents of earlier drafts; see teep-tam --help
        #[arg(long, value_name = "final|pre-26", default_value_t = Dialect::Final)]
        dialect: Dialect,

        /// Do not tell devices to give up what they say they no longer need
        #[arg(long)]
        keep_unneeded: bool,

        /// Whether devices have to prove what they are; otherwise as teep-tam attestation has set it
        #[arg(long, value_name = "required|passport|off")]
        attestation: Option<Attestation>,

        /// A program that gets this TAM attested to Agents that want that; see teep-tam --help
        #[arg(long, value_name = "PROGRAM")]
        attested_by: Option<PathBuf>,

        /// A private key: hand devices whose Evidence convinces an Attestation Result signed with it
        #[arg(long, value_name = "FILE")]
        verifier_key: Option<PathBuf>,

        /// How long such an Attestation Result counts
        #[arg(long, value_name = "HOURS", requires = "verifier_key", default_value_t = 24)]
        result_hours: u32,
    },
    /// Admit a device by the public key of its TEEP Agent
    Enrol {
        /// The TAM directory
        dir: PathBuf,

        /// The key: a file (COSE_Key or PEM), or the hexadecimal digits of a COSE_Key
        key: String,

        /// The key that signs the device's Evidence, likewise; can be added later
        #[arg(long, value_name = "KEY")]
        attestation_key: Option<String>,

        /// What to call the device; otherwise the first digits of the key's thumbprint
        #[arg(long)]
        name: Option<String>,
    },
    /// Set whether devices have to prove what they are before they get anything
    Attestation {
        /// The TAM directory
        dir: PathBuf,

        /// required: a device that sends no convincing Evidence gets nothing; passport: an Attestation Result of a
        /// trusted Verifier will do; off: nothing is asked for
        #[arg(value_name = "required|passport|off")]
        policy: Attestation,
    },
    /// Add what a device's TEE may measure its Agent, or itself, to be
    AddMeasurement {
        /// The TAM directory
        dir: PathBuf,

        /// SHA-256 in hexadecimal digits: measurement or tee_measurement of teep-broker keys, on a device that is
        /// known to be good
        digest: String,

        /// What to call it; otherwise its first digits
        #[arg(long)]
        name: Option<String>,
    },
    /// Trust a Verifier, whose Attestation Results devices then may show, by its public key
    AddVerifier {
        /// The TAM directory
        dir: PathBuf,

        /// The key: a file (PEM or COSE_Key), or the hexadecimal digits of a COSE_Key
        key: String,

        /// What to call the Verifier; otherwise the first digits of the key's thumbprint
        #[arg(long)]
        name: Option<String>,
    },
    /// Vet a signer of Trusted Components by its public key or certificate, or all below a CA by the CA's certificate
    AddSigner {
        /// The TAM directory
        dir: PathBuf,

        /// The key or certificate: a file (PEM, COSE_Key or DER), or the hexadecimal digits of a COSE_Key
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

        /// Offer it to this device only: its name or the first digits of its key's thumbprint
        #[arg(long = "for", value_name = "AGENT")]
        agent: Option<String>,

        /// A file that the manifest names by a URI of this TAM, /payloads/ and the file's name; repeat it for several
        #[arg(long, value_name = "FILE")]
        payload: Vec<PathBuf>,
    },
    /// Stop offering a component
    Withdraw {
        /// The TAM directory
        dir: PathBuf,

        /// Name of the envelope, as `teep-tam list` shows it
        name: String,

        /// Tell devices that have it to give it up; otherwise they keep what they have
        #[arg(long)]
        give_up: bool,
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
