// SPDX-License-Identifier: Apache-2.0
//! What a certificate of a company's CA does not make of a key.

use super::certificate::{Content, EXT_KEY_USAGE};
use crate::author::*;
use crate::support::*;
use teep_agent::config::{Config, SignerAnchor};
use teep_proto::cose::{Certificate, SigningKey, TrustAnchor};
use teep_proto::suit::ComponentId;
use teep_sim::MemoryEnv;

/// The company's CA: its key and its certificate.
fn company() -> (SigningKey, Certificate) {
    let ca = key(0x70);
    (ca.clone(), Content::ca("Company", "Company", &ca, None).issue(&ca))
}

/// Whether a device that is configured so installs what `signer` signed.
fn installs(config: &Config, signer: SigningKey) -> bool {
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    device.update(&[Author { key: signer, ..Author::new(1) }.envelope()]);
    device.installed() != (None, None)
}

/// The TAM's own certificate is pinned, the signers are whoever the company's CA vouches for.
#[test]
fn attack_tams_key_below_the_ca_of_the_signers() {
    let (ca, root) = company();
    let certificate = Content::leaf("TAM", "Company", &tam_key()).issue(&ca);
    let mut config = configuration();
    let signers = TrustAnchor::new(root).expect("well-formed");
    config.trust.signers.push(SignerAnchor::new(signers, vec![ComponentId::encode(&["TEEP-Device"])]));
    let as_signer = || tam_key().with_certificates(std::slice::from_ref(&certificate)).expect("well-formed");
    let raw = installs(&config, as_signer());
    config.trust.tams[0].keys = vec![TrustAnchor::new(certificate.clone()).expect("well-formed")];
    let pinned = installs(&config, as_signer());
    assert_eq!((raw, pinned), (false, false), "a TAM's key signs no manifests");
}

#[test]
fn attack_signers_key_below_the_ca_of_the_tam() {
    let (ca, root) = company();
    let mut config = configuration();
    config.trust.tams[0].keys = vec![TrustAnchor::new(root).expect("well-formed")];
    let signer = signer_key();
    let certificate = Content::leaf("Signer", "Company", &signer).issue(&ca);
    let signer = signer.with_certificates(&[certificate]).expect("well-formed");
    let mut device = Device::start_with(MemoryEnv::new([7; 32]), &config.encode());
    let received = device.say(&update(&signer, &[envelope(1)]), &[]);
    assert_eq!(device.installed(), (None, None), "{:?}", received.outcome);
}

/// A CA that is for TLS servers only, says its certificate.
#[test]
fn attack_ca_for_something_else() {
    let (ca, root) = company();
    let (web, leaf) = (key(0x71), key(0x72));
    let server = b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01".to_vec();
    let chain = [
        Content::leaf("Leaf", "Web CA", &leaf).issue(&web),
        Content::ca("Web CA", "Company", &web, None).with_extension(EXT_KEY_USAGE, true, server).issue(&ca),
    ];
    let mut config = configuration();
    let signers = TrustAnchor::new(root).expect("well-formed");
    config.trust.signers.push(SignerAnchor::new(signers, vec![ComponentId::encode(&["TEEP-Device"])]));
    let Ok(signer) = leaf.with_certificates(&chain) else { return };
    assert!(!installs(&config, signer), "by a certificate for other purposes");
}
