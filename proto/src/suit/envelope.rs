// SPDX-License-Identifier: Apache-2.0
use super::encode::EnvelopeParts;
use super::labels::{TAG_ENVELOPE, envelope, manifest};
use super::{AuthenticationBlock, Digest, DigestAlgorithm, Manifest, Sequence, Severable, Text};
use crate::cbor::{Major, Reader};
use crate::cose::{Accept, Anchor, SymmetricKey, Verified};
use crate::limits::{MAX_MANIFEST, MAX_SIGNATURES};
use crate::{Error, Kind};
use alloc::vec::Vec;

/// Members of the manifest whose content may stand in the envelope instead (M 8.4.12).
pub(super) const SEVERABLE: [u64; 6] = [
    manifest::COSWID,
    manifest::DEPENDENCY_RESOLUTION,
    manifest::PAYLOAD_FETCH,
    manifest::CANDIDATE_VERIFICATION,
    manifest::INSTALL,
    manifest::TEXT,
];

/// A SUIT_Envelope whose manifest has *not* been authenticated yet and cannot be reached.
#[derive(Clone, Debug)]
pub struct Envelope<'b> {
    /// The encoded SUIT_Digest, which is what the authentication blocks sign.
    signed: &'b [u8],
    digest: Digest,
    blocks: Vec<&'b [u8]>,
    /// The byte string item at label 3 with its head, which is what the digest covers.
    manifest_item: &'b [u8],
    manifest: &'b [u8],
    /// Severed members as byte string items with their heads.
    severed: Vec<(u64, &'b [u8])>,
    payloads: Vec<(&'b str, &'b [u8])>,
}

/// The name of envelope label 2.
const WRAPPER: &str = "authentication-wrapper";

/// SUIT_Authentication: what the signatures are over, and they.
struct Wrapper<'b> {
    signed: &'b [u8],
    digest: Digest,
    blocks: Vec<&'b [u8]>,
}

impl<'b> Wrapper<'b> {
    fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let items =
            r.list(1, MAX_SIGNATURES.saturating_add(1), "[digest, up to four authentication blocks]")?;
        let signed = r.bytes("a byte string with the SUIT_Digest")?;
        let digest = Digest::decode(signed).map_err(|error| error.in_entry(0))?;
        let mut blocks = Vec::new();
        for _ in 1..items {
            blocks.push(r.bytes("a byte string with an authentication block")?);
        }
        Ok(Self { signed, digest, blocks })
    }
}

impl<'b> Envelope<'b> {
    /// Decodes an envelope, tagged (107) or not.
    ///
    /// # Errors
    /// Unknown members, a manifest that stands before its authentication wrapper (REQ-SUIT-100), and a
    /// manifest of more than [`MAX_MANIFEST`] bytes.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        if r.optional_tag().is_some_and(|tag| tag != TAG_ENVELOPE) {
            return Err(Error::malformed("CBOR tag 107 or none on an envelope", 0));
        }
        let mut wrapper = None;
        let mut manifest = None;
        let (mut severed, mut payloads) = (Vec::new(), Vec::new());
        for _ in 0..r.map("a SUIT_Envelope map")? {
            let at = r.offset();
            if r.next_is(Major::Text) {
                payloads.push((r.text("a URI")?, r.bytes("an integrated payload in a byte string")?));
                continue;
            }
            match r.uint("an envelope label")? {
                envelope::AUTHENTICATION_WRAPPER => {
                    wrapper = Some(r.bytes("a byte string with the wrapper")?)
                }
                envelope::MANIFEST if wrapper.is_none() => {
                    return Err(Error::malformed("the authentication wrapper before the manifest", at));
                }
                envelope::MANIFEST => {
                    let item = r.clone().item()?;
                    manifest =
                        Some((item, r.sized_bytes(1..=usize::MAX, "a byte string with the manifest")?));
                }
                label if SEVERABLE.contains(&label) => {
                    let item = r.clone().item()?;
                    r.bytes("a severed member in a byte string")?;
                    severed.push((label, item));
                }
                _ => return Err(Error::malformed("an envelope member this implementation knows", at)),
            }
        }
        let wrapper = wrapper.ok_or(Error::malformed("an authentication wrapper", 0))?;
        let (manifest_item, manifest) = manifest.ok_or(Error::malformed("a manifest", 0))?;
        if manifest.len() > MAX_MANIFEST {
            return Err(Error::new(Kind::TooLarge, "a manifest of at most 8 KiB", 0));
        }
        let wrapper = Wrapper::decode(wrapper).map_err(|error| error.within(WRAPPER))?;
        let Wrapper { signed, digest, blocks } = wrapper;
        Ok(Self { signed, digest, blocks, manifest_item, manifest, severed, payloads })
    }

    /// The digest the envelope claims for its manifest. Only [`verify`](Self::verify) makes it true.
    pub fn claimed_digest(&self) -> Digest {
        self.digest
    }

    /// The digest of the manifest as it is, whatever the envelope claims: that of the byte string it stands in, head
    /// included. It is what a dependent compares a dependency with (REQ-SUIT-047).
    pub fn manifest_digest(&self, algorithm: DigestAlgorithm) -> Digest {
        algorithm.digest(self.manifest_item)
    }

    /// The authentication blocks, unchecked.
    ///
    /// # Errors
    /// For each block, what is wrong with its form.
    pub fn authentication_blocks(&self) -> impl Iterator<Item = Result<AuthenticationBlock<'b>, Error>> + '_ {
        self.blocks.iter().enumerate().map(|(index, block)| {
            // The digest is the first entry of the wrapper.
            let located = |error: Error| error.in_entry(index.saturating_add(1)).within(WRAPPER);
            AuthenticationBlock::decode(block).map_err(located)
        })
    }

    /// Encodes it again, with or without CBOR tag: byte for byte what was decoded, if that was in
    /// deterministic order.
    pub fn encode(&self, tagged: bool) -> Vec<u8> {
        EnvelopeParts {
            digest: self.signed,
            blocks: &self.blocks,
            manifest: self.manifest,
            severed: &self.severed,
            payloads: &self.payloads,
        }
        .encode(tagged)
    }

    /// What a device keeps of it: neither integrated payloads nor severed text and CoSWID, which are not needed to run
    /// any procedure again.
    pub fn without_payloads(&self) -> Self {
        let is_sequence = |(label, _): &&(u64, &'b [u8])| ![manifest::TEXT, manifest::COSWID].contains(label);
        let severed = self.severed.iter().filter(is_sequence).copied().collect();
        Self { severed, payloads: Vec::new(), ..self.clone() }
    }

    /// The encoded manifest, for storing it. Not authenticated by itself.
    pub fn manifest_bytes(&self) -> &'b [u8] {
        self.manifest
    }

    /// Checks the manifest's digest, then the signature over it, and decodes the manifest
    /// (REQ-SUIT-001 to 003).
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] when the digest is another one's or no block verifies under any of
    /// `anchors`; what is wrong with a certificate, as in [`Signatures::verify`](crate::cose::Signatures::verify); else
    /// what is wrong with the manifest.
    pub fn verify<'k, A: Anchor + 'k>(
        &self,
        anchors: impl IntoIterator<Item = &'k A> + Clone,
    ) -> Result<Verified<Manifest<'b>>, Error> {
        self.verify_with(anchors, Accept::default())
    }

    /// As [`verify`](Self::verify), with the further signature algorithms of `accept`: ES256 for old manifests
    /// (AMB-SUIT-16), HSS-LMS.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_with<'k, A: Anchor + 'k>(
        &self,
        anchors: impl IntoIterator<Item = &'k A> + Clone,
        accept: Accept,
    ) -> Result<Verified<Manifest<'b>>, Error> {
        self.authenticate(|block| block.verify(self.signed, anchors.clone(), accept))
    }

    /// As [`verify`](Self::verify), for the profile with HMAC (MTI 3): a block by one of these
    /// `keys`.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_mac(&self, keys: &[SymmetricKey]) -> Result<Verified<Manifest<'b>>, Error> {
        self.authenticate(|block| block.verify_mac(self.signed, keys))
    }

    fn authenticate(
        &self,
        check: impl Fn(&AuthenticationBlock<'b>) -> Result<Verified<&'b [u8]>, Error>,
    ) -> Result<Verified<Manifest<'b>>, Error> {
        if !self.digest.matches(self.manifest_item) {
            return Err(Error::unauthenticated("the manifest does not have the digest that was signed"));
        }
        let mut refusal = Error::unauthenticated("an envelope without authentication block");
        for block in self.authentication_blocks() {
            match block.and_then(|block| check(&block)) {
                Ok(verified) => return verified.decode(|_| self.inspect()),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// Decodes the manifest without any proof: to show it to a person, or because it was verified before and has been
    /// kept where nobody could change it since (suit.md 9.5 rule 6). Never act on another one.
    ///
    /// # Errors
    /// What is wrong with the manifest.
    pub fn inspect(&self) -> Result<Manifest<'b>, Error> {
        Manifest::decode(self.manifest).map_err(|error| error.within("suit-manifest"))
    }

    /// Whether all there is can be decoded, and every severed member is there.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.authentication_blocks().try_for_each(|block| block.map(|_| ()))?;
        let manifest = self.inspect()?;
        self.text(&manifest)?;
        let severed = manifest.sections.iter().map(|(label, section)| (*label, section.digest()));
        let others = [(manifest::TEXT, manifest.text), (manifest::COSWID, manifest.coswid)];
        let others = others.map(|(label, member)| (label, member.and_then(|member| member.digest())));
        for (label, digest) in severed.chain(others) {
            let Some(digest) = digest else { continue };
            let name = manifest::name(label).unwrap_or("severed member");
            let missing = Error::malformed("the content of what is severed (REQ-SUIT-105)", 0);
            let content = self.severed(label, &digest).and_then(|content| content.ok_or(missing));
            content
                .and_then(|content| match label {
                    manifest::TEXT | manifest::COSWID => Ok(()),
                    _ => Sequence::new(content).validate(),
                })
                .map_err(|error| error.within(name))?;
        }
        Ok(())
    }

    /// The integrated payload under the key `uri`. Not authenticated: compare its digest before use.
    pub fn payload(&self, uri: &str) -> Option<&'b [u8]> {
        self.payloads.iter().find(|(key, _)| *key == uri).map(|(_, bytes)| *bytes)
    }

    /// All integrated payloads with their keys, in order.
    pub fn payloads(&self) -> &[(&'b str, &'b [u8])] {
        &self.payloads
    }

    /// Content of the severed member `label`, if it is there and has `digest` (REQ-SUIT-025).
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] when it is there with another digest.
    pub fn severed(&self, label: u64, digest: &Digest) -> Result<Option<&'b [u8]>, Error> {
        let Some((_, item)) = self.severed.iter().find(|(l, _)| *l == label) else { return Ok(None) };
        if !digest.matches(item) {
            return Err(Error::unauthenticated("a severed member does not have the digest in the manifest"));
        }
        Reader::open(item)?.bytes("a severed member in a byte string").map(Some)
    }

    /// The suit-text of `manifest`, which this envelope gave; `None` if there is none, here or at all
    /// (severed text may be left out).
    ///
    /// # Errors
    /// As [`severed`](Self::severed) and [`Text::decode`].
    pub fn text(&self, manifest: &Manifest<'b>) -> Result<Option<Text<'b>>, Error> {
        let content = self.content(manifest::TEXT, manifest.text)?;
        let text = content.map(|content| Text::decode(content, &manifest.components)).transpose();
        text.map_err(|error| error.within("text"))
    }

    /// The encoded suit-coswid of `manifest`, which this envelope gave; `None` if there is none, here or at
    /// all.
    ///
    /// # Errors
    /// As [`severed`](Self::severed).
    pub fn coswid(&self, manifest: &Manifest<'b>) -> Result<Option<&'b [u8]>, Error> {
        self.content(manifest::COSWID, manifest.coswid)
    }

    fn content(&self, label: u64, member: Option<Severable<&'b [u8]>>) -> Result<Option<&'b [u8]>, Error> {
        match member {
            None => Ok(None),
            Some(Severable::Present(content)) => Ok(Some(content)),
            Some(Severable::Severed(digest)) => self.severed(label, &digest),
        }
    }

    /// The integrated dependency under the key `uri`: an envelope of its own, tagged or not (AMB-SUIT-10,
    /// REQ-SUIT-115).
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn dependency(&self, uri: &str) -> Result<Option<Self>, Error> {
        let dependency = self.payload(uri).map(Self::decode).transpose();
        dependency.map_err(|error| error.within("integrated dependency"))
    }
}
