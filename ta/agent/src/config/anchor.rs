// SPDX-License-Identifier: Apache-2.0
//! Trust anchors: keys and certificates, their role, and how far they reach.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use teep_proto::Error;
use teep_proto::cbor::{Reader, Writer};
use teep_proto::cose::{AgreementKey, TrustAnchor};
use teep_proto::limits::{MAX_LIST, MAX_URI};
use teep_proto::suit::ComponentId;
use teep_proto::teep::Dialect;

/// Keys one TAM may have, and prefixes one signer.
const MAX_PER_ANCHOR: usize = 8;

/// Trust anchor of the TAM role: its keys, and those that its CAs vouch for, count for messages in conversations with this
/// URI only.
#[derive(Clone, Debug, PartialEq)]
pub struct TamAnchor {
    /// Where the TAM is.
    pub uri: String,
    /// The numbers of all messages from and to this TAM; never guessed from what it sends.
    pub dialect: Dialect,
    /// Any of them may sign.
    pub keys: Vec<TrustAnchor>,
    /// SUIT Reports and Evidence for this TAM are encrypted to this key; without it they are only signed.
    pub report_key: Option<AgreementKey>,
    /// It is told nothing and obeyed in nothing before a Verifier vouched for it (REQ-TEEP-091).
    pub attestation_required: bool,
}

impl TamAnchor {
    /// A TAM that speaks as the drafts do now, and of which nothing more is known than its keys.
    pub fn new(uri: String, keys: Vec<impl Into<TrustAnchor>>) -> Self {
        let keys = keys.into_iter().map(Into::into).collect();
        Self { uri, dialect: Dialect::Final, keys, report_key: None, attestation_required: false }
    }

    /// Whether a Broker can reach it: its URI is one of http or https.
    pub(super) fn is_reachable(&self) -> bool {
        let mut schemes = ["http://", "https://"].into_iter();
        schemes.any(|scheme| self.uri.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(5).text(&self.uri).text(self.dialect.name()).array(self.keys.len());
        for key in &self.keys {
            w.bytes(&key.encode());
        }
        match &self.report_key {
            Some(key) => w.bytes(&key.to_cose_key()),
            None => w.null(),
        };
        w.bool(self.attestation_required);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(5, "a TAM [uri, dialect, keys, report key, attestation required]")?;
        let uri = r.sized_text(MAX_URI, "a TAM URI")?.to_owned();
        let dialect = r.text("a dialect")?.parse().map_err(|what| r.error(what))?;
        let mut keys = Vec::new();
        for _ in 0..r.list(1, MAX_PER_ANCHOR, "one to eight keys of a TAM")? {
            keys.push(key(r)?);
        }
        let report_key =
            if r.optional_null() { None } else { Some(AgreementKey::from_cose_key(r.bytes("a COSE_Key")?)?) };
        Ok(Self { uri, dialect, keys, report_key, attestation_required: r.bool("true or false")? })
    }
}

/// Trust anchor of the Trusted Component signer role.
#[derive(Clone, Debug, PartialEq)]
pub struct SignerAnchor {
    /// Signs manifests, or is the CA of those who do; these rights are all of theirs together.
    pub key: TrustAnchor,
    /// Encoded component identifiers; the signer may touch what begins with one of them. None at all only for a signer
    /// that may do nothing but change the trust store.
    pub prefixes: Vec<Vec<u8>>,
    /// Codes of the commands it may use on them, of those that write or read components; `None` for all.
    pub commands: Option<Vec<i64>>,
    /// Its manifests may bring personalization data that was not encrypted.
    pub personalization_in_clear: bool,
    /// Its manifests may replace the trust store. No prefix gives this right, and this right gives no other.
    pub trust_store: bool,
    /// How much its manifests may have installed.
    pub quota: Quota,
}

/// The most that a signer's manifests may have installed at a time; `None` where only the Agent's own limits hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Components, Trusted Applications and data.
    pub max_components: Option<u64>,
    /// Bytes of these components.
    pub max_bytes: Option<u64>,
    /// Manifests.
    pub max_manifests: Option<u64>,
}

impl SignerAnchor {
    /// A signer that may do everything with what begins with one of `prefixes`, except what needs a right of its own.
    pub fn new(key: impl Into<TrustAnchor>, prefixes: Vec<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            prefixes,
            commands: None,
            personalization_in_clear: false,
            trust_store: false,
            quota: Quota::default(),
        }
    }

    /// Whether this signer's manifests may name `id` (REQ-SUIT-030, 054).
    pub fn may_touch(&self, id: &ComponentId<'_>) -> bool {
        self.prefixes
            .iter()
            .any(|prefix| ComponentId::decode(prefix).is_ok_and(|prefix| id.starts_with(&prefix)))
    }

    /// Whether this signer's manifests may use the command with code `command`.
    pub fn may_use(&self, command: i64) -> bool {
        self.commands.as_ref().is_none_or(|commands| commands.contains(&command))
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(6).bytes(&self.key.encode()).array(self.prefixes.len());
        for prefix in &self.prefixes {
            w.bytes(prefix);
        }
        match &self.commands {
            Some(commands) => {
                w.array(commands.len());
                commands.iter().for_each(|command| {
                    w.int(*command);
                });
            }
            None => {
                w.null();
            }
        }
        w.bool(self.personalization_in_clear).bool(self.trust_store);
        let Quota { max_components, max_bytes, max_manifests } = self.quota;
        w.array(3);
        for limit in [max_components, max_bytes, max_manifests] {
            match limit {
                Some(limit) => w.uint(limit),
                None => w.null(),
            };
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.array_of(6, "a signer [key, prefixes, commands, personalization in clear, trust store, quota]")?;
        let key = key(r)?;
        let mut prefixes = Vec::new();
        for _ in 0..r.list(0, MAX_PER_ANCHOR, "at most eight component prefixes of a signer")? {
            let prefix = r.bytes("an encoded component identifier")?;
            prefixes.push(ComponentId::decode(prefix)?.as_bytes().to_vec());
        }
        let commands = if r.optional_null() {
            None
        } else {
            let count = r.list(0, MAX_LIST, "command codes")?;
            Some((0..count).map(|_| r.int("a command code")).collect::<Result<_, _>>()?)
        };
        let personalization_in_clear = r.bool("true or false")?;
        let trust_store = r.bool("true or false")?;
        if prefixes.is_empty() && !trust_store {
            return Err(r.error("a component prefix for each signer without the right to the trust store"));
        }
        r.array_of(3, "a quota [components, bytes, manifests]")?;
        let mut limit = || if r.optional_null() { Ok(None) } else { r.uint("a number").map(Some) };
        let quota = Quota { max_components: limit()?, max_bytes: limit()?, max_manifests: limit()? };
        Ok(Self { key, prefixes, commands, personalization_in_clear, trust_store, quota })
    }
}

/// One key of an anchor, or a certificate.
pub(super) fn key(r: &mut Reader<'_>) -> Result<TrustAnchor, Error> {
    TrustAnchor::decode(r.bytes("a COSE_Key or a certificate")?)
}
