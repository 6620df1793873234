// SPDX-License-Identifier: Apache-2.0
//! A TAM that gives nothing to devices that do not convince it, and a device with real keys and a real measurement.

use teep_qemu::bench::REFUSED;
use teep_tam::Attestation;

use crate::support::{Bench, workshop};

/// A device whose TAM requires attestation and knows its attestation key, if `enrolled`.
fn bench(name: &str, enrolled: bool) -> Bench {
    let mut tam = workshop().tam_config().expect("the TAM's keys");
    tam.attestation = Attestation::Required;
    let mut bench = Bench::with_tam(name, tam);
    if enrolled {
        let keys = bench.device.keys().expect("keys");
        bench.store.enrol_attestation_key(keys.public_key.thumbprint(), keys.attestation_key);
    }
    bench.publish(1);
    bench
}

impl Bench {
    /// The device requests the demo TA, and gets nothing because of `why`.
    fn does_not_convince(&mut self, why: &str) {
        self.request(REFUSED);
        let told = self.told.lock().expect("no panic");
        let refused = told.iter().any(|(_, line)| line.starts_with("dropped") && line.contains(why));
        assert!(refused, "{told:?}");
        drop(told);
        assert_eq!(self.hello(), None);
    }
}

/// The measurement is that of OP-TEE's attestation PTA, and one that differs in a bit does not do.
#[test]
fn attested_device_is_served_and_one_with_another_measurement_is_not() {
    let mut bench = bench("attestation", true);
    let measured = bench.device.keys().expect("keys").measurements;
    for [expected, other] in [measured, [measured[1], measured[0]]] {
        assert_ne!(other, [0; 32]);
        let mut wrong = other;
        wrong[31] ^= 1;
        bench.store.set_reference_values(vec![expected, wrong]);
        bench.does_not_convince(&format!("{:.16} is no expected measurement", hex::encode(other)));
    }
    bench.store.set_reference_values(vec![[7; 32], measured[1], measured[0]]);
    bench.request(0);
    assert_eq!(bench.hello(), Some(1));
    // OP-TEE lies at another address then.
    bench.device.restart().expect("boots again");
    assert_eq!(bench.device.keys().expect("keys").measurements, measured);
}

#[test]
fn device_whose_attestation_key_was_not_enrolled_is_not_served() {
    let mut bench = bench("attestation-stranger", false);
    let keys = bench.device.keys().expect("keys");
    bench.store.set_reference_values(keys.measurements.to_vec());
    bench.does_not_convince("no attestation key is enrolled");
    // That the key of the Agent's messages is enrolled in its place does not help.
    bench.store.enrol_attestation_key(keys.public_key.thumbprint(), keys.public_key);
    bench.does_not_convince("does not convince");
}
