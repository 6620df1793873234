// SPDX-License-Identifier: Apache-2.0
#![no_main]
use std::sync::LazyLock;
use teep_proto::cose::{Accept, Certificate, Signatures, TrustAnchor};

static ANCHOR: LazyLock<TrustAnchor> = LazyLock::new(|| {
    TrustAnchor::decode(include_bytes!("../corpus/certificate/anchor")).expect("the certificate of a CA")
});

// Certificates, and signatures that bring some along. The anchor has the name of the CA in the seeds and another key,
// which nobody has: nothing may verify.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(data) {
        assert_eq!(certificate.as_der(), data);
        let _ = certificate.subject();
        let _ = TrustAnchor::new(certificate);
    }
    if let Ok(anchor) = TrustAnchor::decode(data) {
        assert_eq!(TrustAnchor::decode(&anchor.encode()), Ok(anchor));
    }
    if let Ok(signatures) = Signatures::decode(data) {
        let _ = signatures.claimed_certificates().count();
        for now in [None, Some(1_800_000_000)] {
            let accept = Accept { es256: true, hss_lms: true, now };
            assert!(signatures.verify_with([&*ANCHOR], accept).is_err());
        }
    }
});
