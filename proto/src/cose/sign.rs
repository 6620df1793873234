// SPDX-License-Identifier: Apache-2.0
mod headers;

use super::header::Header;
use super::x509::Chain;
use super::{Algorithm, Anchor, Certificate, PublicKey, SigningKey, Thumbprint, Verified};
use crate::cbor::{Major, Reader, Writer, bytes_head, encode, encode_exact};
use crate::limits::MAX_SIGNATURES;
use crate::{Error, Kind};
use alloc::vec::Vec;
use headers::Headers;

/// CBOR tag and registry number of COSE_Sign1.
pub(crate) const TAG_SIGN1: u64 = 18;
/// CBOR tag and registry number of COSE_Sign.
pub(crate) const TAG_SIGN: u64 = 98;

const CONTEXT_SIGN1: &str = "Signature1";
const CONTEXT_SIGN: &str = "Signature";

/// A COSE_Sign1 or COSE_Sign whose signatures have *not* been checked yet. The payload is out of reach
/// until [`verify`](Self::verify) or [`verify_detached`](Self::verify_detached) hands it out as
/// [`Verified`].
#[derive(Clone, Debug)]
pub struct Signatures<'b> {
    context: &'static str,
    body_protected: &'b [u8],
    payload: Option<&'b [u8]>,
    list: Vec<OneSignature<'b>>,
}

#[derive(Clone, Debug)]
struct OneSignature<'b> {
    /// Encoded protected header of the signer; for Sign1 it is the body's.
    protected: &'b [u8],
    headers: Headers<'b>,
    signature: &'b [u8],
}

impl<'b> OneSignature<'b> {
    /// A COSE_Signature.
    fn read(r: &mut Reader<'b>) -> Result<Self, Error> {
        r.array_of(3, "a COSE_Signature of 3 items")?;
        let protected = r.bytes("a protected header in a byte string")?;
        let headers = Headers::decode(protected, r.item()?)?.with_algorithm()?;
        let signature = r.bytes("a signature")?;
        Ok(Self { protected, headers, signature })
    }
}

/// What counts as a signature besides ESP256 and Ed25519, which always do, and when. By default nothing more, at any
/// time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// ES256 (-7) by a P-256 key: for manifests of the time before ESP256.
    pub es256: bool,
    /// HSS-LMS (-46): for manifests, never for TEEP messages.
    pub hss_lms: bool,
    /// Seconds since 1970 by a clock that is trusted: certificates count if they are valid then. Without one their
    /// validity is not looked at.
    pub now: Option<u64>,
}

impl Accept {
    fn allows(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Esp256 | Algorithm::Ed25519 => true,
            Algorithm::Es256 => self.es256,
            Algorithm::HssLms => self.hss_lms,
            Algorithm::Hmac256 => false,
        }
    }
}

impl<'b> Signatures<'b> {
    /// Decodes a COSE_Sign1 or COSE_Sign, tagged or not.
    ///
    /// # Errors
    /// Anything RFC 9052 does not allow, header parameters not understood (REQ-TEEP-005), an algorithm
    /// outside the protected header, and more than [`MAX_SIGNATURES`] signatures. A signature with an
    /// algorithm that is not implemented is no error as long as there is another.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let at = r.offset();
        let tag = r.optional_tag();
        r.array_of(4, "a COSE_Sign1 or COSE_Sign array of 4 items")?;
        let body_protected = r.bytes("a protected header in a byte string")?;
        let body_unprotected = r.item()?;
        let body = Headers::decode(body_protected, body_unprotected)?;
        let payload = if r.optional_null() { None } else { Some(r.bytes("a payload or null")?) };
        let is_sign1 = r.next_is(Major::Bytes);
        match (tag, is_sign1) {
            (None, _) | (Some(TAG_SIGN1), true) | (Some(TAG_SIGN), false) => {}
            _ => return Err(Error::malformed("tag 18 on a COSE_Sign1, 98 on a COSE_Sign, or none", at)),
        }
        if is_sign1 {
            let signature = r.bytes("a signature")?;
            let headers = body.with_algorithm()?;
            let list = alloc::vec![OneSignature { protected: body_protected, headers, signature }];
            return Ok(Self { context: CONTEXT_SIGN1, body_protected, payload, list });
        }
        if body.has_algorithm() || body.x5chain().is_some() {
            let what = "a COSE_Sign whose algorithms and certificates stand with its signatures";
            return Err(Error::malformed(what, at));
        }
        let mut list = Vec::new();
        for index in 0..r.list(1, MAX_SIGNATURES, "one to four signatures")? {
            let one = OneSignature::read(&mut r).map_err(|e| e.in_entry(index).within("signatures"))?;
            list.push(one);
        }
        Ok(Self { context: CONTEXT_SIGN, body_protected, payload, list })
    }

    /// Whether it is a COSE_Sign1, which nobody can make of a COSE_Sign by taking signatures away.
    pub fn is_sign1(&self) -> bool {
        self.context == CONTEXT_SIGN1
    }

    /// Algorithm, if implemented, and `kid` of each signature, as claimed.
    pub fn claimed_signers(&self) -> impl Iterator<Item = (Option<Algorithm>, Option<&[u8]>)> + '_ {
        self.list.iter().map(|one| (one.headers.algorithm(), one.headers.kid()))
    }

    /// The certificates that came with each signature, the one of its key first, as claimed.
    pub fn claimed_certificates(&self) -> impl Iterator<Item = Result<Vec<Certificate>, Error>> + '_ {
        self.list.iter().map(|one| {
            let chain = one.headers.x5chain().map(Chain::decode).transpose()?;
            Ok(chain.map(Chain::into_certificates).unwrap_or_default())
        })
    }

    /// The attached payload, as claimed: for showing it to a person, and for telling a peer why it was refused.
    /// Never act on it.
    pub fn claimed_payload(&self) -> Option<&'b [u8]> {
        self.payload
    }

    /// Checks the attached payload against `anchors` and hands it out.
    ///
    /// A signature with a `kid` is tried with the key of that thumbprint only; one without is tried with
    /// each key of its algorithm. The keys are those of the anchors, and the one of the first certificate of x5chain if
    /// that leads up to the certificate of an anchor.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] when no signature verifies under any of `anchors`. [`Kind::BadCertificate`] when one
    /// would but for what stands in its certificates or is wrong with them, and [`Kind::CertificateExpired`] when one
    /// would at another time.
    pub fn verify<'k, A: Anchor + 'k>(
        &self,
        anchors: impl IntoIterator<Item = &'k A> + Clone,
    ) -> Result<Verified<&'b [u8]>, Error> {
        self.verify_with(anchors, Accept::default())
    }

    /// As [`verify`](Self::verify), within what `accept` says.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_with<'k, A: Anchor + 'k>(
        &self,
        anchors: impl IntoIterator<Item = &'k A> + Clone,
        accept: Accept,
    ) -> Result<Verified<&'b [u8]>, Error> {
        let payload = self.payload.ok_or(Error::malformed("an attached payload", 0))?;
        self.check(payload, anchors, accept)
    }

    /// The attached payload once for each of the signatures that verify, as in [`verify_with`](Self::verify_with).
    pub fn verify_each<'k, A: Anchor + 'k>(
        &self,
        anchors: impl IntoIterator<Item = &'k A> + Clone,
        accept: Accept,
    ) -> impl Iterator<Item = Verified<&'b [u8]>> {
        let signatures =
            self.payload.into_iter().flat_map(|payload| self.list.iter().zip(core::iter::repeat(payload)));
        signatures
            .filter_map(move |(one, payload)| self.check_one(one, payload, anchors.clone(), accept).ok())
    }

    /// Checks a detached payload against `anchors` and hands it back with the proof.
    ///
    /// # Errors
    /// As [`verify`](Self::verify); also when there is an attached payload after all.
    pub fn verify_detached<'p, 'k, A: Anchor + 'k>(
        &self,
        payload: &'p [u8],
        anchors: impl IntoIterator<Item = &'k A> + Clone,
    ) -> Result<Verified<&'p [u8]>, Error> {
        self.verify_detached_with(payload, anchors, Accept::default())
    }

    /// As [`verify_detached`](Self::verify_detached), within what `accept` says.
    ///
    /// # Errors
    /// As [`verify_detached`](Self::verify_detached).
    pub fn verify_detached_with<'p, 'k, A: Anchor + 'k>(
        &self,
        payload: &'p [u8],
        anchors: impl IntoIterator<Item = &'k A> + Clone,
        accept: Accept,
    ) -> Result<Verified<&'p [u8]>, Error> {
        if self.payload.is_some() {
            return Err(Error::malformed("a detached payload", 0));
        }
        self.check(payload, anchors, accept)
    }

    fn check<'p, 'k, A: Anchor + 'k>(
        &self,
        payload: &'p [u8],
        anchors: impl IntoIterator<Item = &'k A> + Clone,
        accept: Accept,
    ) -> Result<Verified<&'p [u8]>, Error> {
        let mut refusal = None;
        for one in &self.list {
            match self.check_one(one, payload, anchors.clone(), accept) {
                Ok(verified) => return Ok(verified),
                Err(error) => refusal = Some(weightier(refusal, error)),
            }
        }
        Err(refusal.unwrap_or(UNTRUSTED))
    }

    fn check_one<'p, 'k, A: Anchor + 'k>(
        &self,
        one: &OneSignature<'_>,
        payload: &'p [u8],
        anchors: impl IntoIterator<Item = &'k A> + Clone,
        accept: Accept,
    ) -> Result<Verified<&'p [u8]>, Error> {
        let algorithm = one.headers.algorithm().filter(|algorithm| accept.allows(*algorithm));
        let algorithm = algorithm.ok_or(UNACCEPTABLE)?;
        let prefix = self.sig_structure_prefix(one, payload.len());
        let signs = |key: &PublicKey| {
            key.serves(algorithm)
                && one.headers.kid().is_none_or(|kid| kid == key.thumbprint().0)
                && key.verifies(&prefix, payload, one.signature)
        };
        let mut refusal = UNTRUSTED;
        for anchor in anchors.clone().into_iter().filter(|anchor| signs(anchor.key())) {
            let checked = anchor.certificate().map_or(Ok(()), |certificate| {
                certificate.check_signs().and_then(|()| certificate.check_validity(accept.now))
            });
            match checked {
                Ok(()) => {
                    let key = anchor.key().thumbprint();
                    return Ok(Verified { value: payload, signer: key, key, algorithm });
                }
                Err(error) => refusal = error,
            }
        }
        let mut certificates = anchors.into_iter().filter_map(Anchor::certificate).peekable();
        // Nothing of a chain is decoded for those who trust no certificate.
        let chain = certificates.peek().and_then(|_| one.headers.chain()).transpose()?;
        let Some(chain) = chain else { return Err(refusal) };
        for anchor in certificates {
            match chain.below(anchor, accept.now, signs) {
                Some(Ok(())) => {
                    let (signer, key) = (anchor.key().thumbprint(), chain.leaf()?.key().thumbprint());
                    return Ok(Verified { value: payload, signer, key, algorithm });
                }
                Some(Err(error)) => refusal = error,
                None => {}
            }
        }
        Err(refusal)
    }

    /// Everything of the Sig_structure (RFC 9052 section 4.4) that precedes the payload's content.
    fn sig_structure_prefix(&self, one: &OneSignature<'_>, payload_len: usize) -> Vec<u8> {
        let signer = (self.context == CONTEXT_SIGN).then_some(one.protected);
        sig_structure_prefix(self.context, self.body_protected, signer, payload_len)
    }
}

const UNTRUSTED: Error = Error::unauthenticated("no signature by a trusted key");
const UNACCEPTABLE: Error =
    Error::new(Kind::UnsupportedAlgorithm, "a signature with an accepted algorithm", 0);

/// Of two reasons to refuse the one that says more.
fn weightier(first: Option<Error>, second: Error) -> Error {
    let weight = |error: &Error| match error.kind {
        Kind::UnsupportedAlgorithm => 0,
        Kind::Unauthenticated => 1,
        _ => 2,
    };
    first.filter(|first| weight(first) >= weight(&second)).unwrap_or(second)
}

fn sig_structure_prefix(context: &str, body: &[u8], signer: Option<&[u8]>, payload_len: usize) -> Vec<u8> {
    let mut prefix = encode(|w| {
        w.array(if signer.is_some() { 5 } else { 4 }).text(context).bytes(body);
        if let Some(signer) = signer {
            w.bytes(signer);
        }
        w.bytes(b"");
    });
    bytes_head(&mut prefix, payload_len);
    prefix
}

/// A tagged COSE_Sign1 with attached payload.
///
/// # Errors
/// When the key cannot sign, which does not happen to keys this crate made.
pub fn sign1(key: &SigningKey, payload: &[u8]) -> Result<Vec<u8>, Error> {
    sign1_with(key, payload, Some(payload))
}

/// A tagged COSE_Sign1 over a detached payload, as SUIT uses it.
///
/// # Errors
/// As [`sign1`].
pub fn sign1_detached(key: &SigningKey, payload: &[u8]) -> Result<Vec<u8>, Error> {
    sign1_with(key, payload, None)
}

fn sign1_with(key: &SigningKey, payload: &[u8], attached: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let (protected, kid) = signer_headers(key);
    let prefix = sig_structure_prefix(CONTEXT_SIGN1, &protected, None, payload.len());
    let signature = key.sign(&prefix, payload)?;
    Ok(encode_exact(|w| {
        w.tag(TAG_SIGN1).array(4).bytes(&protected);
        write_kid(w, &kid);
        match attached {
            Some(payload) => w.bytes(payload),
            None => w.null(),
        };
        w.bytes(&signature);
    }))
}

/// A tagged COSE_Sign with attached payload and one signature by each of `keys` (REQ-TEEP-022).
///
/// # Errors
/// As [`sign1`]; no or more than [`MAX_SIGNATURES`] keys.
pub fn sign(keys: &[SigningKey], payload: &[u8]) -> Result<Vec<u8>, Error> {
    if !(1..=MAX_SIGNATURES).contains(&keys.len()) {
        return Err(Error::new(Kind::TooLarge, "one to four signatures", 0));
    }
    let mut signatures = Vec::new();
    for key in keys {
        let (protected, kid) = signer_headers(key);
        let prefix = sig_structure_prefix(CONTEXT_SIGN, b"", Some(&protected), payload.len());
        signatures.push((protected, kid, key.sign(&prefix, payload)?));
    }
    Ok(encode_exact(|w| {
        w.tag(TAG_SIGN).array(4).bytes(b"").map(0).bytes(payload).array(signatures.len());
        for (protected, kid, signature) in &signatures {
            w.array(3).bytes(protected);
            write_kid(w, kid).bytes(signature);
        }
    }))
}

/// The protected header of a signature by `key` and its kid. The certificates are protected, because the first has to be.
fn signer_headers(key: &SigningKey) -> (Vec<u8>, Thumbprint) {
    let public = key.public_key();
    let x5chain = key.chain().map(Chain::encode);
    let alg = Some(public.algorithm().number());
    let protected = encode(|w| Header { alg, x5chain: x5chain.as_deref(), ..Header::default() }.write(w));
    (protected, public.thumbprint())
}

fn write_kid<'w>(w: &'w mut Writer, kid: &Thumbprint) -> &'w mut Writer {
    Header { kid: Some(&kid.0), ..Header::default() }.write(w);
    w
}
