// SPDX-License-Identifier: Apache-2.0
#![no_main]
use teep_proto::suit::{CapabilityReport, Report};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(report) = Report::decode(data) {
        assert_eq!(Report::decode(&report.encode().expect("was decoded")), Ok(report));
    }
    if let Ok(report) = CapabilityReport::decode(data) {
        assert_eq!(CapabilityReport::decode(&report.encode().expect("was decoded")), Ok(report));
    }
});
