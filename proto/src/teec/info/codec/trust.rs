// SPDX-License-Identifier: Apache-2.0
use super::{fixed, identifier, items, list, one_of};
use crate::Error;
use crate::cbor::{Reader, Writer};
use crate::cose::Thumbprint;
use crate::limits::{MAX_LIST, MAX_URI};
use crate::suit::ComponentId;
use crate::teec::{
    AnchorKey, Course, LastContact, Room, SignerInfo, TamInfo, TrustInfo, TrustSource, Validity,
};
use alloc::borrow::ToOwned;

/// Keys of one TAM, and prefixes of one signer.
const MAX_PER_ANCHOR: usize = 8;

const BEGUN: u64 = 0;
const ANSWERED: u64 = 1;
const ENDED: u64 = 2;
const FAILED: u64 = 3;

impl TrustInfo {
    pub(super) fn write(&self, w: &mut Writer) {
        w.array(5).uint(self.source.number()).uint(self.sequence_number);
        list(w, &self.tams, TamInfo::write);
        list(w, &self.signers, SignerInfo::write);
        list(w, &self.verifiers, AnchorKey::write);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(5, "trust anchors")?;
        Ok(Self {
            source: TrustSource::read(r)?,
            sequence_number: r.uint("a sequence number")?,
            tams: items(r, MAX_LIST, TamInfo::read)?,
            signers: items(r, MAX_LIST, SignerInfo::read)?,
            verifiers: items(r, MAX_LIST, AnchorKey::read)?,
        })
    }
}

impl TrustSource {
    fn number(self) -> u64 {
        match self {
            Self::BuiltIn => 0,
            Self::Provisioned => 1,
            Self::Updated => 2,
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        let all = [Self::BuiltIn, Self::Provisioned, Self::Updated];
        one_of(r, all, Self::number, "a source of trust anchors that is known")
    }
}

impl TamInfo {
    fn write(&self, w: &mut Writer) {
        w.array(6).text(&self.uri).text(&self.dialect).bool(self.attestation_required);
        list(w, &self.keys, AnchorKey::write);
        w.uint(self.more_keys);
        match &self.last_contact {
            Some(contact) => contact.write(w),
            None => {
                w.null();
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(6, "a TAM")?;
        Ok(Self {
            uri: r.sized_text(MAX_URI, "a TAM URI")?.to_owned(),
            dialect: r.text("a dialect")?.to_owned(),
            attestation_required: r.bool("true or false")?,
            keys: items(r, MAX_PER_ANCHOR, AnchorKey::read)?,
            more_keys: r.uint("a number of keys")?,
            last_contact: if r.optional_null() { None } else { Some(LastContact::read(r)?) },
        })
    }
}

impl LastContact {
    fn write(&self, w: &mut Writer) {
        match self.course {
            Course::Begun => w.array(2).uint(self.seconds_ago).uint(BEGUN),
            Course::Answered => w.array(2).uint(self.seconds_ago).uint(ANSWERED),
            Course::Ended(err_code) => w.array(3).uint(self.seconds_ago).uint(ENDED).uint(err_code),
            Course::Failed => w.array(2).uint(self.seconds_ago).uint(FAILED),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        let items = r.array("the last contact [seconds, course]")?;
        let seconds_ago = r.uint("seconds")?;
        let course = match (r.uint("the course of a conversation")?, items) {
            (BEGUN, 2) => Course::Begun,
            (ANSWERED, 2) => Course::Answered,
            (ENDED, 3) => Course::Ended(r.uint("an err-code")?),
            (FAILED, 2) => Course::Failed,
            _ => return Err(r.error("a course of a conversation that is known")),
        };
        Ok(Self { seconds_ago, course })
    }
}

impl SignerInfo {
    fn write(&self, w: &mut Writer) {
        w.array(9);
        self.key.write(w);
        list(w, &self.prefixes, |prefix, w| {
            w.bytes(&ComponentId::encode(prefix));
        });
        w.uint(self.more_prefixes).bool(self.commands_limited);
        w.bool(self.personalization_in_clear).bool(self.changes_trust);
        for quota in [self.components, self.bytes, self.manifests] {
            match quota {
                Some(room) => room.write(w),
                None => {
                    w.null();
                }
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(9, "a signer")?;
        let quota = |r: &mut Reader<'_>| if r.optional_null() { Ok(None) } else { Room::read(r).map(Some) };
        Ok(Self {
            key: AnchorKey::read(r)?,
            prefixes: items(r, MAX_PER_ANCHOR, identifier)?,
            more_prefixes: r.uint("a number of prefixes")?,
            commands_limited: r.bool("true or false")?,
            personalization_in_clear: r.bool("true or false")?,
            changes_trust: r.bool("true or false")?,
            components: quota(r)?,
            bytes: quota(r)?,
            manifests: quota(r)?,
        })
    }
}

impl AnchorKey {
    fn write(&self, w: &mut Writer) {
        match &self.certificate {
            None => w.array(1).bytes(&self.thumbprint.0),
            Some(Validity { not_before, not_after }) => {
                w.array(3).bytes(&self.thumbprint.0).uint(*not_before).uint(*not_after)
            }
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        let items = r.array("a key")?;
        let thumbprint = Thumbprint(fixed(r, "a thumbprint")?);
        let certificate = match items {
            1 => None,
            3 => Some(Validity { not_before: r.uint("a time")?, not_after: r.uint("a time")? }),
            _ => return Err(r.error("a key [thumbprint, not before, not after]")),
        };
        Ok(Self { thumbprint, certificate })
    }
}
