// SPDX-License-Identifier: Apache-2.0
//! A program of the operator's that gets the TAM attested.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use teep_proto::cose::Thumbprint;

/// What [`Tam::attested_by`](crate::Tam::attested_by) takes: `program` is run with the Agent's challenge and the
/// thumbprint of the key, in hexadecimal digits, and writes the Attestation Result to its standard output. When it fails
/// there is none; why is on the standard error.
pub(crate) fn by_program(program: PathBuf) -> impl Fn(&[u8], Thumbprint) -> Option<Vec<u8>> + Send + Sync {
    move |challenge, key| {
        let mut command = Command::new(&program);
        command.args([hex::encode(challenge), hex::encode(key.0)]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output =
            output.inspect_err(|error| eprintln!("{} cannot be run: {error}", program.display())).ok()?;
        (output.status.success() && !output.stdout.is_empty()).then_some(output.stdout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought_by(program: &str) -> Option<Vec<u8>> {
        by_program(program.into())(b"\x01\xff", Thumbprint([0xab; 32]))
    }

    #[test]
    fn a_program_brings_the_result_for_challenge_and_key() {
        assert_eq!(brought_by("echo"), Some(format!("01ff {}\n", "ab".repeat(32)).into_bytes()));
    }

    #[test]
    fn a_program_that_fails_or_says_nothing_brings_none() {
        for program in ["false", "true", "/nonexistent/voucher"] {
            assert_eq!(brought_by(program), None, "{program}");
        }
    }
}
