// SPDX-License-Identifier: Apache-2.0
use crate::Error;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use teep_proto::suit::{Argument, Digest, Envelope, EnvelopeBuilder, Manifest, Parameter, Section};

/// Checks that each integrated payload has a digest that `manifest` names. The signature does not cover payloads:
/// a device refuses a changed one, and so should whoever passes it on.
///
/// Of a manifest that decrypts nothing can be said: its digests may be those of the plaintext.
///
/// # Errors
/// [`Error::Payload`] with the key of the first payload that was changed.
pub fn check_payloads(envelope: &Envelope<'_>, manifest: &Manifest<'_>) -> Result<(), Error> {
    let Named { digests, encrypted } = Named::by(manifest)?;
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

/// Whether the manifest in `envelope` names `bytes`, which are elsewhere, by their digest: as a component or as a
/// dependency. Whoever signed it.
///
/// # Errors
/// [`Error::Envelope`].
pub fn names_payload(envelope: &[u8], bytes: &[u8]) -> Result<bool, Error> {
    let Named { digests, .. } = Named::by(&Envelope::decode(envelope)?.inspect()?)?;
    let dependency = Envelope::decode(bytes).ok().map(|inner| inner.claimed_digest());
    Ok(digests.iter().any(|digest| digest.matches(bytes) || Some(*digest) == dependency))
}

/// A file that devices will fetch.
pub(crate) struct PayloadFile<'p> {
    /// Where it goes.
    pub(crate) path: PathBuf,
    /// Where devices fetch it from.
    pub(crate) uri: &'p str,
    /// What is in it.
    pub(crate) bytes: &'p [u8],
}

impl<'p> PayloadFile<'p> {
    /// The files for `payloads`, in `directory` under the last part of their URIs; none without a directory.
    ///
    /// # Errors
    /// [`Error::Description`] when a URI has no such part, or two have the same.
    pub(crate) fn all(
        payloads: &'p BTreeMap<String, Vec<u8>>,
        directory: Option<&Path>,
    ) -> Result<Vec<Self>, Error> {
        let Some(directory) = directory else { return Ok(Vec::new()) };
        let mut files: Vec<Self> = Vec::new();
        for (uri, bytes) in payloads {
            let path = uri.split(['?', '#']).next().unwrap_or_default();
            let name = path.rsplit('/').next().filter(|name| !matches!(*name, "" | "." | ".."));
            let name = name.ok_or_else(|| Error::Description(format!("{uri} ends without a file name")))?;
            let path = directory.join(name);
            if files.iter().any(|other| other.path == path) {
                let problem = format!("two URIs end in {name}: each needs a file of its own");
                return Err(Error::Description(problem));
            }
            files.push(Self { path, uri, bytes });
        }
        Ok(files)
    }
}

/// Whether the manifest in `envelope` has the digest that the envelope claims for it, whoever signed that.
pub(crate) fn is_unchanged(envelope: &Envelope<'_>) -> bool {
    let claimed = envelope.claimed_digest();
    let algorithm = claimed.algorithm();
    let builder = EnvelopeBuilder { algorithm, ..EnvelopeBuilder::new(envelope.manifest_bytes()) };
    builder.digest() == claimed.encode()
}

/// What a manifest says about bytes elsewhere, severed sections left aside.
pub(crate) struct Named {
    /// Digests of components and dependencies.
    pub(crate) digests: Vec<Digest>,
    /// Whether something is decrypted.
    encrypted: bool,
}

impl Named {
    /// # Errors
    /// What is malformed.
    pub(crate) fn by(manifest: &Manifest<'_>) -> Result<Self, Error> {
        let mut named = Self { digests: Vec::new(), encrypted: false };
        each_parameter(manifest, |_, parameter| match parameter {
            Parameter::ImageDigest(digest) => named.digests.push(digest),
            Parameter::EncryptionInfo(_) => named.encrypted = true,
            _ => {}
        })?;
        Ok(named)
    }
}

/// Shows each parameter that a command of the manifest sets or overrides, with the code of the command; severed sections
/// left aside.
///
/// # Errors
/// What is malformed.
pub(crate) fn each_parameter<'b>(
    manifest: &Manifest<'b>,
    mut see: impl FnMut(i64, Parameter<'b>),
) -> Result<(), Error> {
    let sections = manifest.sections.iter().filter_map(|(_, section)| match section {
        Section::Present(sequence) => Some(*sequence),
        Section::Severed(_) => None,
    });
    for sequence in sections.chain([manifest.shared]) {
        sequence.visit(|command| {
            if let Argument::Parameters(parameters) = &command.argument {
                for parameter in parameters.iter()? {
                    see(command.code, parameter?);
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}
