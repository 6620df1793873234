// SPDX-License-Identifier: Apache-2.0
//! What may be written on the command line.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use teep_proto::suit::text::{self, ParseError};
use teep_proto::teec::TaRequest;

const EXAMPLES: &str = "\
Examples:
  Install or update the Trusted Application with this UUID:
    teep-broker request-ta 1c42796f-7fc4-4536-b751-6a58e6f4540c
  Ask for another kind of component, and propose a TAM (the Agent decides):
    teep-broker request-ta TEEP-Device/config/hex:00a1 --tam https://tam.example/tam
  Say that it is no longer needed; the TAM may then order its removal:
    teep-broker unrequest-ta 1c42796f-7fc4-4536-b751-6a58e6f4540c
  Look for updates and removals, e.g. from a daily timer:
    teep-broker --quiet policy-check
  What is installed, and whether the Agent is well:
    teep-broker status
  The public key by which a TAM is to know this device, for a script:
    teep-broker --json keys
  At manufacture: whom the Agent is to trust, made by teep-suit trust-store:
    teep-broker provision trust.cbor

Exit codes:
   0  done
   1  failed, and not as below; the message says why. status: storage is damaged
   2  nothing to do: the Agent needed no TAM, or contacted each a short time ago
   3  the TAM does not offer what was requested
   4  the TAM could not be reached, or its answer never came
   5  OP-TEE or the TEEP Agent in it could not be used
   6  the Agent refused what the TAM wanted, e.g. a bad signature or an older version
  64  the command line is wrong

Payloads that a manifest names by URI are fetched for the Agent from any http or https server, without credentials and \
without following redirects; the Agent takes only what the manifest's signed digest matches. A broken transfer goes on \
where it broke.

Progress and errors are written to stderr, the result to stdout. With --json progress is one JSON object per line too, \
total being null when the server does not say it:
    {\"event\":\"fetched\",\"bytes\":65536,\"total\":131072,\"schema\":1}
Other events: agent-working, connecting, sent, received, fetching, fetch-trouble, outcome.";

/// Ask the TEEP Agent in the TEE to install, update or give up Trusted Applications
///
/// The Agent, inside the TEE, decides what to do and which TAM (Trusted Application Manager) to ask.
/// teep-broker carries the messages between the two over HTTP. It cannot forge or change them.
#[derive(Debug, Parser)]
#[command(name = "teep-broker", version, after_long_help = EXAMPLES, after_help = "More: teep-broker --help")]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) task: Task,

    /// Print one JSON object (schema 1) as the result, and one for each step of progress
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// Do not show progress
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,

    /// Seconds one message to the TAM and its answer may take, or one connection to a payload server
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    timeout: u64,

    /// Accept only https servers, TAM or payload server, vouched for by the certificates in this PEM file
    ///
    /// Without it those of the public web are accepted. TEEP messages and payloads are protected end to end
    /// either way.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
}

impl Args {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Ask for a Trusted Application: install it, or update it
    RequestTa(Component),
    /// Say that a Trusted Application is no longer needed; the TAM decides what becomes of it
    ///
    /// The Agent removes nothing on this word alone: Linux is not trusted with that. It passes the hint on to
    /// the TAM that installed it, and the TAM may answer with an order to remove it. Other TAMs and
    /// Trusted Applications that need it keep it. Exit code 2: it is not installed, there is nothing to say.
    UnrequestTa(Component),
    /// Ask the Agent's TAMs whether anything is to be updated or removed
    PolicyCheck,
    /// Show what the Agent has installed, whom it trusts, what is pending and how safe its storage is
    ///
    /// Nothing is changed by that, and no secret is shown. Rollback protection "none" means: who controls Linux can
    /// put an older copy of everything the TEE has stored back, and the Agent cannot tell. It will then have what
    /// was installed at that time, trust whom it trusted then, and accept the manifests it accepted then. With
    /// "rpmb" OP-TEE refuses such a copy.
    ///
    /// docs/status.md explains an example, line by line and field by field, and says what to do about it.
    Status,
    /// Show the device's public keys, and what the TEE measures the Agent to be
    ///
    /// The public key is the one by which a TAM knows the device, the attestation key the one that vouches for it
    /// (teep-tam enrol). The decryption key is the one to which an author encrypts what is for this device alone
    /// (encrypt-to in teep-suit create --help). The report key verifies the device's SUIT Reports (teep-suit explain
    /// --key).
    Keys,
    /// Hand the Agent its first trust store: whom it is to trust. At manufacture, once
    ///
    /// Only an Agent that was built for that takes one (trust.provisioning in its configuration), and only one: it is
    /// sealed then. Whoever comes first decides whom the device trusts, so do it before the device leaves your
    /// hands, and look at the result with teep-broker status. teep-suit trust-store FILE.toml --out FILE makes the
    /// file. Later the trust store is replaced by manifests of the signers that it gives that right.
    Provision {
        /// The trust store, as teep-suit trust-store writes it
        #[arg(value_name = "FILE")]
        trust_store: PathBuf,
    },
}

impl Task {
    /// The name of the subcommand.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::RequestTa(_) => "request-ta",
            Self::UnrequestTa(_) => "unrequest-ta",
            Self::PolicyCheck => "policy-check",
            Self::Status => "status",
            Self::Keys => "keys",
            Self::Provision { .. } => "provision",
        }
    }
}

/// The Trusted Component that is wanted or no longer wanted.
#[derive(Debug, clap::Args)]
pub(super) struct Component {
    /// Its UUID, or a component id such as TEEP-Device/config/hex:00a1
    ///
    /// The segments of a component id are separated by slashes. A segment is text, or uuid: and a UUID,
    /// or hex: and hexadecimal digits.
    #[arg(value_name = "UUID|COMPONENT-ID")]
    component_id: ComponentId,

    /// A TAM to propose to the Agent, which takes one of those it trusts
    #[arg(long, value_name = "URI")]
    tam: Option<String>,
}

impl Component {
    pub(super) fn request(&self) -> TaRequest {
        TaRequest { component_id: self.component_id.0.clone(), tam_uri_hint: self.tam.clone() }
    }
}

/// A component identifier on the command line.
#[derive(Clone, Debug)]
struct ComponentId(Vec<Vec<u8>>);

impl FromStr for ComponentId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text::parse(text).map(Self)
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
