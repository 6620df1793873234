// SPDX-License-Identifier: Apache-2.0
use super::{ArgumentSummary, Authority, CommandSequence, CommandSummary, Signer, Summary};
use std::collections::BTreeMap;
use std::fmt;

const UNAUTHENTICATED: &str = "\
NOT AUTHENTICATED: no signature was checked. Anybody can have written what follows.
Check it with: teep-suit inspect FILE --key SIGNER.pub.pem

";

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.authenticated_by {
            None => f.write_str(UNAUTHENTICATED)?,
            Some(signer) => line(f, "checked with", &signer.to_string())?,
        }
        for signer in &self.signatures {
            line(f, "signed by", &signer.to_string())?;
        }
        line(f, "manifest digest", &format!("SHA-256 {}", self.manifest_digest))?;
        line(f, "manifest id", self.manifest_id.as_deref().unwrap_or("none"))?;
        line(f, "sequence number", &self.sequence_number.to_string())?;
        if let Some(uri) = &self.reference_uri {
            line(f, "reference URI", uri)?;
        }
        for (index, component) in self.components.iter().enumerate() {
            line(f, &format!("component {index}"), component)?;
        }
        for (index, prefix) in &self.dependencies {
            line(f, &format!("dependency {index}"), prefix.as_deref().unwrap_or("without prefix"))?;
        }
        for (language, texts) in &self.text {
            for (name, text) in texts {
                line(f, &format!("text in {language}"), &format!("{name}: {text}"))?;
            }
        }
        for warning in &self.warnings {
            line(f, "WARNING", warning)?;
        }
        for payload in &self.payloads {
            let value = match &payload.manifest {
                Some(manifest) => format!("{} bytes, the manifest {manifest}", payload.bytes),
                None => format!("{} bytes, SHA-256 {}", payload.bytes, payload.sha256),
            };
            line(f, &format!("payload {}", payload.uri), &value)?;
        }
        if let Some(store) = &self.trust_store {
            write!(f, "\n{store}")?;
        }
        self.sequences.iter().try_for_each(|sequence| sequence.fmt(f))?;
        write!(f, "\n{} bytes in all", self.bytes)
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = self.algorithm.as_deref().unwrap_or("unknown algorithm,");
        write!(f, "{algorithm} key {}", self.kid.as_deref().unwrap_or("without kid"))?;
        let mut certificates = self.certificates.iter();
        if let Some(own) = certificates.next() {
            write!(f, ", certificate of {own}")?;
        }
        certificates.try_for_each(|issuer| write!(f, ", issued by {issuer}"))?;
        match &self.vouched_by {
            None => Ok(()),
            Some(Authority { subject, kid }) => write!(f, ", vouched for by the CA {subject} with key {kid}"),
        }
    }
}

pub(crate) fn line(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{:<17} {}", printable(name), printable(value))
}

impl fmt::Display for CommandSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.name)?;
        if let Some(digest) = &self.severed {
            writeln!(f, "  in the envelope, SHA-256 {digest}")?;
        }
        write_commands(f, &self.commands, 1)
    }
}

fn write_commands(f: &mut fmt::Formatter<'_>, commands: &[CommandSummary], depth: usize) -> fmt::Result {
    let (indent, deeper) = ("  ".repeat(depth), "  ".repeat(depth.saturating_add(1)));
    for command in commands {
        write!(f, "{indent}{}", command.command)?;
        match &command.argument {
            ArgumentSummary::Policy(policy) => writeln!(f, " (reporting policy {policy})")?,
            ArgumentSummary::Components(indices) => writeln!(f, " {indices}")?,
            ArgumentSummary::Unknown(()) => writeln!(f)?,
            ArgumentSummary::Private(value) => writeln!(f, " {}", printable(value))?,
            ArgumentSummary::ParametersOf(components) => {
                writeln!(f)?;
                for (index, parameters) in components {
                    writeln!(f, "{deeper}of component {index}")?;
                    write_parameters(f, parameters, depth.saturating_add(2))?;
                }
            }
            ArgumentSummary::CopiedFrom(components) => {
                writeln!(f)?;
                for (index, names) in components {
                    writeln!(f, "{deeper}from component {index}: {}", names.join(", "))?;
                }
            }
            ArgumentSummary::Parameters(parameters) => {
                writeln!(f)?;
                write_parameters(f, parameters, depth.saturating_add(1))?;
            }
            ArgumentSummary::Sequence(commands) => {
                writeln!(f)?;
                write_commands(f, commands, depth.saturating_add(1))?;
            }
            ArgumentSummary::Alternatives(list) => {
                writeln!(f)?;
                for commands in list {
                    writeln!(f, "{deeper}{}", if commands.is_empty() { "or nothing" } else { "either" })?;
                    write_commands(f, commands, depth.saturating_add(2))?;
                }
            }
        }
    }
    Ok(())
}

fn write_parameters(
    f: &mut fmt::Formatter<'_>,
    parameters: &BTreeMap<String, String>,
    depth: usize,
) -> fmt::Result {
    let indent = "  ".repeat(depth);
    for (name, value) in parameters {
        writeln!(f, "{indent}{name:<18} {}", printable(value))?;
    }
    Ok(())
}

/// `text` without the characters that steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
