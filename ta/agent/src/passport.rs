// SPDX-License-Identifier: Apache-2.0
//! The Attestation Result about this device that a TAM has handed over in an Update, and which the Agent shows to TAMs
//! that ask for attestation without a challenge (draft section 7.1.1.1, passport model). There is one at a time.

use crate::agent::{Agent, Failed};
use crate::config::TrustStore;
use crate::env::{Env, EnvError, accepted_now};
use crate::limits::MAX_PASSPORT;
use crate::store::objects;
use crate::transaction::Refusal;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::cbor::{Reader, encode};
use teep_proto::cose::Signatures;
use teep_proto::eat::{self, Expected};
use teep_proto::teep::{AttestationKind, AttestationPayload};

/// An Attestation Result about this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passport {
    /// Its format; `None` for an EAT in the profile of TEEP (REQ-TEEP-063, 075).
    pub(crate) format: Option<String>,
    pub(crate) payload: Vec<u8>,
}

/// What a Verifier that the Agent knows says of when a passport counts, in seconds since 1970.
struct Validity {
    issued_at: Option<i64>,
}

impl Passport {
    fn new(attestation: &AttestationPayload<'_>) -> Self {
        Self { format: attestation.format.map(str::to_owned), payload: attestation.payload.to_vec() }
    }

    fn attestation(&self) -> AttestationPayload<'_> {
        AttestationPayload { format: self.format.as_deref(), payload: &self.payload }
    }

    fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(2);
            match &self.format {
                Some(format) => w.text(format),
                None => w.null(),
            };
            w.bytes(&self.payload);
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(2, "a passport [format, payload]")?;
        let format = if r.optional_null() { None } else { Some(r.text("a format")?.to_owned()) };
        Ok(Self { format, payload: r.bytes("an Attestation Result")?.to_vec() })
    }
}

impl<E: Env> Agent<E> {
    /// The passport, unless it is known to have expired, or storage has lost it.
    ///
    /// # Errors
    /// When it cannot be read just now.
    pub(crate) fn passport(&mut self, trust: &TrustStore) -> Result<Option<Passport>, Failed> {
        let Some(passport) = self.stored_passport()? else { return Ok(None) };
        match self.judge(trust, &passport.attestation())? {
            Ok(_) => Ok(Some(passport)),
            Err(problem) => {
                self.env.log(format_args!("the Attestation Result of this device is not shown: {problem}"));
                Ok(None)
            }
        }
    }

    /// Whether this Attestation Result is to be kept in the place of the one that there is. The inner error is why it
    /// cannot be this device's, for the TAM.
    ///
    /// # Errors
    /// When that cannot be said just now.
    pub(crate) fn check_passport(
        &mut self,
        attestation: &AttestationPayload<'_>,
    ) -> Result<Result<bool, String>, Failed> {
        let bytes = Passport::new(attestation).encode().len();
        if bytes > MAX_PASSPORT {
            return Ok(Err(format!("the Attestation Result has more than {MAX_PASSPORT} bytes")));
        }
        let trust = self.trust()?;
        let brought = match self.judge(&trust, attestation)? {
            Ok(brought) => brought,
            Err(problem) => return Ok(Err(problem)),
        };
        let stored = self.stored_passport()?;
        let kept = match &stored {
            Some(passport) => self.judge(&trust, &passport.attestation())?.ok().flatten(),
            None => None,
        };
        let displaces = match (brought, kept) {
            (_, None) => true,
            // Any TAM could take the device's good one away.
            (None, Some(_)) => false,
            // An Update that comes again must not put an older one back.
            (Some(brought), Some(kept)) => brought.issued_at >= kept.issued_at,
        };
        if !displaces {
            self.env
                .log(format_args!("an Attestation Result is not kept: the one that there is counts more"));
        }
        Ok(Ok(displaces))
    }

    /// Keeps this Attestation Result, which was checked, in the place of the one before. Says whether it is another one.
    ///
    /// # Errors
    /// Why not; the one before is then still there.
    pub(crate) fn keep_passport(&mut self, attestation: &AttestationPayload<'_>) -> Result<bool, Refusal> {
        let passport = Passport::new(attestation);
        if self.stored_passport().is_ok_and(|stored| stored.as_ref() == Some(&passport)) {
            return Ok(false);
        }
        self.keep(&passport.encode(), |next, object| next.passport = Some(object)).map(|()| true)
    }

    fn stored_passport(&mut self) -> Result<Option<Passport>, Failed> {
        let Some(object) = self.state()?.passport else { return Ok(None) };
        let read = objects::read(&mut self.env, object, MAX_PASSPORT)
            .and_then(|bytes| Passport::decode(&bytes).map_err(|_| EnvError::CORRUPT));
        match read {
            Ok(passport) => Ok(Some(passport)),
            Err(EnvError::CORRUPT) => {
                self.env.log(format_args!("storage has lost the Attestation Result of this device"));
                Ok(None)
            }
            Err(error) => Err(format!("the Attestation Result of this device cannot be read: {error}")),
        }
    }

    /// What can be said of a passport: `None` when it is not in the profile of TEEP, or by a Verifier that the Agent
    /// does not know; it is for the TAM to judge it then. The inner error is why it cannot be this device's.
    fn judge(
        &mut self,
        trust: &TrustStore,
        attestation: &AttestationPayload<'_>,
    ) -> Result<Result<Option<Validity>, String>, Failed> {
        let message_key = self.signing_key()?.public_key().thumbprint();
        let now = self.env.trusted_time().and_then(|now| now.try_into().ok());
        let profile = self.config.eat_profile.as_profile();
        if attestation.kind(profile.uri) == AttestationKind::Evidence {
            return Ok(Ok(None));
        }
        let expected = Expected {
            profile,
            eat_profile: Some(profile.uri),
            teep_key: Some(message_key),
            nonce: None,
            now,
        };
        // Encrypted to somebody else, for example.
        let signed = Signatures::decode(attestation.payload);
        let accept = accepted_now(&mut self.env);
        if signed.and_then(|signed| signed.verify_with(&trust.verifiers, accept)).is_err() {
            return Ok(Ok(None));
        }
        Ok(match eat::verify(attestation.payload, &trust.verifiers, &expected) {
            Ok(claims) => Ok(Some(Validity { issued_at: claims.get().issued_at })),
            Err(error) => Err(format!("the Attestation Result is not this device's, or expired: {error}")),
        })
    }
}
