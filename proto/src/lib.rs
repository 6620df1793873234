// SPDX-License-Identifier: Apache-2.0
//! Wire formats of TEEP (Trusted Execution Environment Provisioning), SUIT and COSE.
//!
//! Shared by the TEEP Agent, the TAM and the author's tool. Everything here is `no_std`, contains no
//! `unsafe`, and treats every byte as hostile: decoding is strict (definite lengths, shortest
//! integers, no duplicate keys, no trailing bytes, bounded depth and size; see [`cbor`] and [`limits`])
//! and nothing inside a message or manifest is available before its signature was verified (see
//! [`cose::Verified`]).
//!
//! | Module | Document |
//! | --- | --- |
//! | [`teep`] | draft-ietf-teep-protocol-26, and the numbers of the drafts before |
//! | [`suit`] | draft-ietf-suit-manifest-37, trust-domains-12, report-22 |
//! | [`cose`] | RFC 9052, RFC 9053, RFC 9459, RFC 9679; RFC 8554 and RFC 8778 to verify |
//! | [`eat`] | RFC 9711 in the profile of draft-ietf-teep-protocol-26 |
//! | [`diag`] | RFC 8610 appendix G, to show all of these to a person |
//! | [`teec`] | the private interface between TEEP Broker and TEEP Agent |
//!
//! # Examples
//!
//! Decode and verify a QueryRequest, as an Agent does. Nothing of it can be reached before the signature was
//! checked:
//!
//! ```
//! use teep_proto::cose::{Algorithm, Signatures, SigningKey, sign1};
//! use teep_proto::teep::{CipherSuite, Message, QueryRequest, SuitCoseProfile, labels::data_item};
//!
//! # let tam = SigningKey::p256_from_scalar(&[1; 32])?;
//! # let tam_keys = [tam.public_key()];
//! # let request = Message::QueryRequest(QueryRequest {
//! #     token: Some(b"16 random bytes."),
//! #     supported_teep_cipher_suites: vec![CipherSuite::sign1(Algorithm::Esp256)],
//! #     supported_suit_cose_profiles: SuitCoseProfile::TEEP.to_vec(),
//! #     data_item_requested: data_item::TRUSTED_COMPONENTS,
//! #     ..QueryRequest::default()
//! # });
//! # let body = sign1(&tam, &request.encode()?)?;
//! let verified = Message::decode(Signatures::decode(&body)?.verify(&tam_keys)?)?;
//! assert_eq!(verified.signer(), tam_keys[0].thumbprint());
//! let Message::QueryRequest(request) = verified.get() else { panic!("another message") };
//! assert!(request.requests(data_item::TRUSTED_COMPONENTS));
//! # Ok::<(), teep_proto::Error>(())
//! ```
//!
//! Create and sign an envelope, as an author does, and send it in an Update, as a TAM does:
//!
//! ```
//! use teep_proto::cose::{SigningKey, sign1};
//! use teep_proto::suit::labels::{command, manifest};
//! use teep_proto::suit::{ComponentId, Digest, ManifestBuilder, Parameter, SequenceBuilder, encode_envelope};
//! use teep_proto::teep::{Message, Update};
//!
//! # let (author, tam) = (SigningKey::ed25519_from_seed(&[1; 32]), SigningKey::p256_from_scalar(&[2; 32])?);
//! let payload = b"a Trusted Application";
//! let manifest = ManifestBuilder {
//!     sequence_number: 1,
//!     component_id: Some(ComponentId::encode(&["hello", "suit"])),
//!     components: vec![ComponentId::encode(&["hello", "ta"])],
//!     shared: SequenceBuilder::new()
//!         .override_parameters(&[
//!             Parameter::ImageDigest(Digest::of(payload)),
//!             Parameter::ImageSize(payload.len() as u64),
//!         ])
//!         .build(),
//!     sections: vec![(
//!         manifest::INSTALL,
//!         SequenceBuilder::new()
//!             .override_parameters(&[Parameter::Uri("#ta")])
//!             .simple(command::FETCH, 15)
//!             .simple(command::IMAGE_MATCH, 15)
//!             .build(),
//!     )],
//!     ..ManifestBuilder::default()
//! };
//! let envelope = encode_envelope(&manifest.build(), &[author], &[("#ta", payload)])?;
//!
//! let update = Message::Update(Update {
//!     token: Some(b"another 16 bytes"),
//!     manifest_list: vec![&envelope],
//!     ..Update::default()
//! });
//! let body = sign1(&tam, &update.encode()?)?;
//! # assert_eq!(body[0], 0xd2);
//! # Ok::<(), teep_proto::Error>(())
//! ```
//!
//! Verify a manifest and walk through what it would do:
//!
//! ```
//! use teep_proto::suit::{Argument, Envelope, Parameter, Section, labels::{command, manifest}};
//!
//! # use teep_proto::cose::SigningKey;
//! # use teep_proto::suit::{ComponentId, ManifestBuilder, SequenceBuilder, encode_envelope};
//! # let author = SigningKey::ed25519_from_seed(&[1; 32]);
//! # let install = SequenceBuilder::new()
//! #     .override_parameters(&[Parameter::Uri("https://example.org/hello.ta")])
//! #     .simple(command::FETCH, 15)
//! #     .build();
//! # let built = ManifestBuilder {
//! #     components: vec![ComponentId::encode(&["hello", "ta"])],
//! #     sections: vec![(manifest::INSTALL, install)],
//! #     ..ManifestBuilder::default()
//! # };
//! # let bytes = encode_envelope(&built.build(), &[author.clone()], &[])?;
//! # let author_keys = [author.public_key()];
//! let envelope = Envelope::decode(&bytes)?;
//! let verified = envelope.verify(&author_keys)?;
//! let Some(Section::Present(install)) = verified.get().section(manifest::INSTALL) else {
//!     panic!("nothing to install, or severed")
//! };
//! let mut fetched_from = None;
//! for command in install.instructions()? {
//!     if let Argument::Parameters(parameters) = command?.argument {
//!         for parameter in parameters.iter()? {
//!             if let Parameter::Uri(uri) = parameter? {
//!                 fetched_from = Some(uri);
//!             }
//!         }
//!     }
//! }
//! assert_eq!(fetched_from, Some("https://example.org/hello.ta"));
//! # Ok::<(), teep_proto::Error>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cbor;
pub mod cose;
pub mod diag;
pub mod eat;
mod error;
mod language;
pub mod limits;
pub mod suit;
pub mod teec;
pub mod teep;

pub use error::{Error, Kind, Step};
