// SPDX-License-Identifier: Apache-2.0
//! Power is cut at every storage and installer operation: afterwards the device is as before or as after,
//! and the same Update can be given again.

use crate::support::*;
use teep_proto::suit::Reason;

/// A device with version 1 installed.
fn device() -> Device {
    let mut device = Device::new();
    assert_eq!(device.update(&[envelope(1)]).code(), 0);
    device
}

#[test]
fn cut_at_every_operation_of_an_update() {
    let clean = device();
    let before = clean.env.operations();
    let mut clean = clean;
    assert_eq!(clean.update(&[envelope(2)]).code(), 0);
    let operations = clean.env.operations() - before;
    assert!(operations >= 3, "note, install, record");
    for cut in 0..operations {
        let mut device = device();
        device.env.cut_power_after(cut);
        assert_ne!(device.update(&[envelope(2)]).code(), 0, "no success without power");
        device.env.restore_power();
        let mut device = Device::start(device.env.clone());
        let state = device.installed();
        // The manifest's record follows the image: between the two the image is the newer one.
        assert!([(Some(1), Some(1)), (Some(1), Some(2))].contains(&state), "cut {cut}: {state:?}");
        if state.1 == Some(2) {
            let older = device.update(&[envelope(1)]);
            assert_eq!(older.refusal(), (11, Reason::ConditionFailed), "cut {cut}: the floor has risen");
        }
        assert_eq!(device.update(&[envelope(2)]).code(), 0, "cut {cut}: a retry succeeds");
        assert_eq!(device.installed(), (Some(2), Some(2)), "cut {cut}");
    }
    println!("power cuts survived: {operations}/{operations}");
}

#[test]
fn out_of_memory_is_temporary_and_leaves_the_old_version() {
    let mut device = device();
    device.env.set_out_of_memory(true);
    assert_eq!(device.update(&[envelope(2)]).code(), 10, "ERR_TEMPORARY_ERROR");
    assert_eq!(device.installed(), (Some(1), Some(1)));
    device.env.set_out_of_memory(false);
    assert_eq!(device.update(&[envelope(2)]).code(), 0);
}
