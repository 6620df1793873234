// SPDX-License-Identifier: Apache-2.0
use crate::Error;
use teep_proto::suit::{Argument, Digest, Envelope, Manifest, Parameter, Section};

/// Checks that each integrated payload has a digest that `manifest` names. The signature does not cover payloads:
/// a device refuses a changed one, and so should whoever passes it on.
///
/// Of a manifest that decrypts nothing can be said: its digests may be those of the plaintext.
///
/// # Errors
/// [`Error::Payload`] with the key of the first payload that was changed.
pub fn check_payloads(envelope: &Envelope<'_>, manifest: &Manifest<'_>) -> Result<(), Error> {
    let (mut digests, mut encrypted) = (Vec::<Digest>::new(), false);
    let sections = manifest.sections.iter().filter_map(|(_, section)| match section {
        Section::Present(sequence) => Some(*sequence),
        Section::Severed(_) => None,
    });
    for sequence in sections.chain([manifest.shared]) {
        sequence.visit(|command| {
            if let Argument::Parameters(parameters) = &command.argument {
                for parameter in parameters.iter()? {
                    match parameter? {
                        Parameter::ImageDigest(digest) => digests.push(digest),
                        Parameter::EncryptionInfo(_) => encrypted = true,
                        _ => {}
                    }
                }
            }
            Ok(())
        })?;
    }
    let named = |bytes: &[u8]| digests.iter().any(|digest| digest.matches(bytes));
    // An integrated dependency is named by the digest of its manifest.
    let dependency =
        |bytes: &[u8]| Envelope::decode(bytes).is_ok_and(|inner| digests.contains(&inner.claimed_digest()));
    let severed = manifest.sections.iter().any(|(_, section)| matches!(section, Section::Severed(_)));
    if encrypted || severed {
        return Ok(());
    }
    match envelope.payloads().iter().find(|(_, bytes)| !named(bytes) && !dependency(bytes)) {
        Some((uri, _)) => Err(Error::Payload((*uri).to_owned())),
        None => Ok(()),
    }
}
