// SPDX-License-Identifier: Apache-2.0
//! Decodes and verifies one vector as a receiver does.

use super::{Vector, VectorKind, public_key};
use teep_proto::cose::{
    Accept, Encrypted, Encrypted0, PublicKey, RecipientKey, Signatures, SigningKey, SymmetricKey, sign1,
};
use teep_proto::suit::{Envelope, OpenedReport, Report, ReportKeys, TrustedKeys};
use teep_proto::teep::{Dialect, Message};
use teep_proto::{Error, eat};

/// What a receiver got out of a vector.
#[derive(Debug, PartialEq)]
pub struct Judged {
    /// What the signature covers. A changed vector must not be accepted with another one.
    pub signed: Vec<u8>,
    /// The encoded part that was decoded.
    pub encoded: Vec<u8>,
    /// What encoding the decoded value again gives.
    pub again: Vec<u8>,
}

/// Keys and settings of one vector, read once.
pub struct Receiver {
    kind: VectorKind,
    keys: Vec<PublicKey>,
    mac_keys: Vec<SymmetricKey>,
    accept: Accept,
    dialect: Dialect,
    recipients: Vec<RecipientKey>,
    content_keys: Vec<SymmetricKey>,
    ciphertext: Option<Vec<u8>>,
    context: Vec<u8>,
}

impl Receiver {
    pub fn of(vector: &Vector) -> Self {
        Self {
            kind: vector.kind,
            keys: vector.keys.iter().map(|name| public_key(name)).collect(),
            mac_keys: vector.mac_keys.iter().map(|name| super::symmetric_key(name)).collect(),
            accept: Accept { es256: vector.es256, hss_lms: vector.hss_lms, now: None },
            dialect: if vector.dialect.as_deref() == Some("pre-26") {
                Dialect::Pre26
            } else {
                Dialect::Final
            },
            recipients: vector.recipients.iter().map(|name| super::recipient_key(name)).collect(),
            content_keys: vector.content_keys.iter().map(|name| super::symmetric_key(name)).collect(),
            ciphertext: vector.ciphertext.as_deref().map(super::bytes),
            context: vector.context.as_deref().unwrap_or("SUIT Payload Encryption").into(),
        }
    }

    pub fn judge(&self, bytes: &[u8]) -> Result<Judged, Error> {
        match self.kind {
            VectorKind::TeepMessage => self.message(bytes),
            VectorKind::TeepSigned => self.signed(bytes),
            VectorKind::SuitEnvelope => self.envelope(bytes),
            VectorKind::SuitReport => {
                let report = Report::decode(bytes)?;
                Ok(Judged { signed: Vec::new(), encoded: bytes.to_vec(), again: report.encode()? })
            }
            VectorKind::CoseEncrypt => self.encrypted(bytes),
            VectorKind::CoseEncrypt0 => {
                let plaintext = Encrypted0::decode(bytes)?.decrypt(&self.content_keys)?;
                Ok(Judged { signed: Vec::new(), encoded: plaintext.clone(), again: plaintext })
            }
            VectorKind::ProtectedReport => self.protected_report(bytes),
            VectorKind::Eat => self.eat(bytes),
        }
    }

    /// A bare payload is checked as if a trusted peer had signed it.
    fn message(&self, bytes: &[u8]) -> Result<Judged, Error> {
        // What has not even the form is refused before the signature costs its time.
        Message::inspect_in(self.dialect, bytes)?;
        let key = SigningKey::ed25519_from_seed(&[1; 32]);
        let signed = sign1(&key, bytes)?;
        let payload = Signatures::decode(&signed)?.verify(&[key.public_key()])?;
        let message = Message::decode_in(self.dialect, payload)?;
        let again = message.get().encode_in(self.dialect)?;
        Ok(Judged { signed: Vec::new(), encoded: bytes.to_vec(), again })
    }

    fn signed(&self, bytes: &[u8]) -> Result<Judged, Error> {
        let payload = Signatures::decode(bytes)?.verify(&self.keys)?;
        let signed = payload.get().to_vec();
        let again = Message::decode_in(self.dialect, payload)?.get().encode_in(self.dialect)?;
        Ok(Judged { encoded: signed.clone(), signed, again })
    }

    fn envelope(&self, bytes: &[u8]) -> Result<Judged, Error> {
        let envelope = Envelope::decode(bytes)?;
        let manifest = if self.mac_keys.is_empty() {
            envelope.verify_with(&self.keys, self.accept)?.into_inner()
        } else {
            envelope.verify_mac(&self.mac_keys)?.into_inner()
        };
        let signed = envelope.manifest_bytes().to_vec();
        Ok(Judged { encoded: signed.clone(), signed, again: super::reencode::manifest(&manifest)? })
    }

    /// The plaintext stands for what was signed: with AES-CTR anything decrypts, which is why SUIT has digests.
    fn encrypted(&self, bytes: &[u8]) -> Result<Judged, Error> {
        let encrypted = Encrypted::decode(bytes)?;
        let plaintext = encrypted.decrypt(&self.recipients, &self.context, self.ciphertext.as_deref())?;
        Ok(Judged { signed: Vec::new(), encoded: plaintext.clone(), again: plaintext })
    }

    fn protected_report(&self, bytes: &[u8]) -> Result<Judged, Error> {
        let trusted = TrustedKeys { public: &self.keys, accept: self.accept, symmetric: &self.mac_keys };
        let keys = ReportKeys { trusted, content: &self.content_keys, recipient: &self.recipients };
        let opened = OpenedReport::open(bytes, &keys)?;
        // A receiver takes no report that nobody vouches for (REQ-SUIT-124).
        assert!(opened.authenticated_by().is_some(), "a report nobody signed");
        let again = opened.report()?.encode()?;
        Ok(Judged { signed: again.clone(), encoded: again.clone(), again })
    }

    fn eat(&self, bytes: &[u8]) -> Result<Judged, Error> {
        let token = eat::open(bytes, &self.recipients)?;
        let profile = eat::Profile::DRAFT;
        let expected =
            eat::Expected { profile, eat_profile: Some(profile.uri), teep_key: None, nonce: None, now: None };
        let claims = eat::verify(&token, &self.keys, &expected)?;
        let signed = Signatures::decode(&token)?.claimed_payload().unwrap_or_default().to_vec();
        Ok(Judged { encoded: signed.clone(), signed, again: claims.get().encode(&profile)? })
    }
}
