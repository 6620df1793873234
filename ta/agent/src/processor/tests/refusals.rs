// SPDX-License-Identifier: Apache-2.0
//! What is refused before anything runs.

use super::case::{Author, fetch_and_match, operator, raw_case, single};
use super::*;
use alloc::vec;
use teep_proto::suit::labels::parameter;
use teep_proto::suit::{ComponentId, Value};

/// REQ-SUIT-006, REQ-SUIT-007
#[test]
fn lower_sequence_numbers_are_refused() {
    let root = |number| single(fetch_and_match()).number(number);
    case("rollback", "the sequence number is below the floor", &root(4)).floor("m.suit", 5).refused(
        Reason::ConditionFailed,
        0,
        0,
    );
    for (name, number) in [("same-number", 5), ("higher-number", 6)] {
        case(name, "it is not", &root(number)).floor("m.suit", 5).installs(&[("c", Some(PAYLOAD))]);
    }
    case("floor-of-another", "the floor of another manifest", &root(4))
        .floor("other.suit", 5)
        .installs(&[("c", Some(PAYLOAD))]);
}

/// REQ-SUIT-030, REQ-SUIT-054
#[test]
fn signer_needs_rights_to_manifest_and_components() {
    let id = |name: &str| ComponentId::encode(&["operator", name]);
    let mut root = single(fetch_and_match()).signed_by(operator());
    let refused = |name, about: &str, root: &Author| {
        case(name, about, root).operator(&["operator"], None).refused(Reason::ComponentUnauthorised, 0, 0)
    };
    refused("rights-none", "no right to anything", &root);
    root.manifest.component_id = Some(id("m.suit"));
    refused("rights-component", "no right to the component", &root);
    root.manifest.component_id = Some(ComponentId::encode(&["m.suit"]));
    root.manifest.components = vec![id("c")];
    refused("rights-manifest", "no right to the manifest's identifier", &root);
    root.manifest.component_id = Some(id("m.suit"));
    let expected = case("rights", "rights to both", &root).operator(&["operator"], None).run();
    assert!(matches!(expected, super::vector::Expected::Installed { .. }), "{expected:?}");
}

/// REQ-SUIT-030: identity, prefix and command.
#[test]
fn signer_needs_rights_to_each_effect() {
    for (name, install, code) in [
        ("rights-fetch", fetch_and_match(), command::FETCH),
        ("rights-write", super::components::write(b"x"), command::WRITE),
        ("rights-copy", seq().simple(command::COPY, 0), command::COPY),
        ("rights-swap", seq().simple(command::SWAP, 0), command::SWAP),
    ] {
        let root = single(install).signed_by(operator());
        case(name, "the signer may name the component, and not do this to it", &root)
            .operator(&[], Some(&[command::UNLINK]))
            .refused(Reason::ComponentUnauthorised, section::INSTALL, code);
    }
}

/// REQ-SUIT-010, REQ-SUIT-017
#[test]
fn components_the_device_cannot_hold_are_refused() {
    case("component-unsupported", "no component of this device", &single(fetch_and_match()))
        .device(|device| device.supported = vec![super::vector::Hex(ComponentId::encode(&["other"]))])
        .refused(Reason::ComponentUnsupported, 0, 0);
}

/// AMB-SUIT-20
#[test]
fn manifest_without_a_name() {
    let root = single(fetch_and_match()).unnamed();
    case("unnamed", "no manifest-component-id, so it could never be removed", &root).refused(
        Reason::ComponentUnsupported,
        0,
        0,
    );
    case("unnamed-accepted", "a device that is set to accept it", &root)
        .device(|device| device.unnamed_manifests = true)
        .installs(&[("c", Some(PAYLOAD))]);
}

/// REQ-SUIT-017: the abort before it does not run.
#[test]
fn what_is_not_supported_is_found_before_anything_runs() {
    let last = || seq().simple(command::ABORT, 0);
    for (name, code) in [
        ("command-use-before", command::USE_BEFORE),
        ("command-component-slot", command::COMPONENT_SLOT),
        ("command-invoke", command::INVOKE),
        ("command-minimum-battery", command::MINIMUM_BATTERY),
        ("command-update-authorized", command::UPDATE_AUTHORIZED),
        ("command-version", command::VERSION),
        ("command-wait", command::WAIT),
        ("command-unassigned", 13),
    ] {
        case(name, "a command the Agent does not have", &single(last().simple(code, 0))).refused(
            Reason::CommandUnsupported,
            section::INSTALL,
            code,
        );
    }
    for (name, install, code) in [
        ("command-override-multiple", last().override_multiple(&[(0, &[])]), command::OVERRIDE_MULTIPLE),
        ("command-copy-params", last().copy_parameters(&[(0, vec![3])]), command::COPY_PARAMS),
        ("command-custom", last().custom(-300, &Value::Null), -300),
    ] {
        case(name, "a command the Agent does not have", &single(install)).refused(
            Reason::CommandUnsupported,
            section::INSTALL,
            code,
        );
    }
}

/// REQ-SUIT-017, REQ-SUIT-104
#[test]
fn parameters_the_agent_does_not_have_are_refused() {
    for (name, parameter) in [
        ("parameter-enterprise", Parameter::VendorEnterprise(b"x")),
        ("parameter-use-before", Parameter::UseBefore(1)),
        ("parameter-component-slot", Parameter::ComponentSlot(1)),
        ("parameter-invoke-args", Parameter::InvokeArgs(b"x")),
        ("parameter-fetch-arguments", Parameter::FetchArguments(b"x")),
        ("parameter-minimum-battery", Parameter::MinimumBattery(1)),
        ("parameter-update-priority", Parameter::UpdatePriority(1)),
        ("parameter-version", Parameter::Version(b"x")),
        ("parameter-wait-info", Parameter::WaitInfo(b"x")),
        ("parameter-component-metadata", Parameter::ComponentMetadata(b"x")),
        ("parameter-custom", Parameter::Custom(-1, Value::Int(0))),
        ("parameter-unassigned", Parameter::Unknown(77)),
    ] {
        let install = seq().simple(command::ABORT, 0).override_parameters(&[parameter]);
        case(name, "a parameter the Agent does not have", &single(install)).refused(
            Reason::ParameterUnsupported,
            section::INSTALL,
            command::OVERRIDE_PARAMETERS,
        );
    }
}

#[test]
fn every_command_and_parameter_is_either_run_or_refused() {
    for code in crate::processor::COMMANDS {
        assert!(command::ALL.contains(&code), "{code}");
    }
    for label in crate::processor::PARAMETERS {
        assert!(parameter::ALL.contains(&label), "{label}");
    }
    // Those above.
    assert_eq!(command::ALL.len() - crate::processor::COMMANDS.len(), 9);
    assert_eq!(parameter::ALL.len() - crate::processor::PARAMETERS.len(), 9);
}

#[test]
fn what_is_hidden_in_nested_sequences_is_found() {
    let hidden = seq().simple(command::ABORT, 0).simple(command::INVOKE, 0).build();
    let root = single(seq().simple(command::ABORT, 0).run_sequence(&hidden));
    case("command-nested", "in a run-sequence", &root).refused(
        Reason::CommandUnsupported,
        section::INSTALL,
        command::INVOKE,
    );
    let root = single(seq().simple(command::ABORT, 0).try_each(&[Some(seq().build()), Some(hidden)]));
    case("command-alternative", "in an alternative that would not be tried", &root).refused(
        Reason::CommandUnsupported,
        section::INSTALL,
        command::INVOKE,
    );
}

/// REQ-SUIT-012, REQ-SUIT-013
#[test]
fn shared_sequence_has_no_effects() {
    for (name, code) in [
        ("shared-write", command::WRITE),
        ("shared-fetch", command::FETCH),
        ("shared-copy", command::COPY),
        ("shared-swap", command::SWAP),
        ("shared-unlink", command::UNLINK),
        ("shared-process-dependency", command::PROCESS_DEPENDENCY),
    ] {
        let root = single(fetch_and_match()).shared(seq().simple(code, 0));
        case(name, "a command with effects in the shared sequence", &root).refused(
            Reason::CommandUnsupported,
            section::COMMON,
            code,
        );
    }
}

#[test]
fn component_indices_the_manifest_does_not_have_are_refused() {
    for (name, install, code) in [
        ("index-unknown", seq().set_component_index(1), command::SET_COMPONENT_INDEX),
        ("index-unknown-array", seq().select(&Index::Several(vec![0, 1])), command::SET_COMPONENT_INDEX),
        (
            "source-unknown",
            seq().override_parameters(&[Parameter::SourceComponent(1)]),
            command::OVERRIDE_PARAMETERS,
        ),
    ] {
        case(name, "no component and no dependency has this index", &single(install)).refused(
            Reason::ComponentUnsupported,
            section::INSTALL,
            code,
        );
    }
}

/// REQ-SUIT-025, REQ-SUIT-026
#[test]
fn severed_members_are_found_by_their_digest() {
    let root = single(fetch_and_match()).sever(section::INSTALL);
    case("severed", "the section install is in the envelope", &root).installs(&[("c", Some(PAYLOAD))]);
    let mut missing = root.clone();
    missing.severed.clear();
    case("severed-missing", "it is not in the envelope", &missing).refused(Reason::SeveringUnsupported, 0, 0);
    let mut other = root;
    other.severed[0].1 = seq().simple(command::ABORT, 0).build();
    case("severed-other", "another one is in the envelope", &other).refused(Reason::Unauthenticated, 0, 0);
}

#[test]
fn severed_member_is_checked_like_any_other() {
    let root = single(fetch_and_match().simple(command::INVOKE, 0)).sever(section::INSTALL);
    case("severed-unsupported", "a command the Agent does not have", &root).refused(
        Reason::CommandUnsupported,
        section::INSTALL,
        command::INVOKE,
    );
    let mut root = single(seq());
    root.manifest.sections = vec![(section::INSTALL, b"\x81\x0e".to_vec())];
    let envelope = root.sever(section::INSTALL).envelope();
    raw_case("severed-malformed", "it is no command sequence", envelope).refused(Reason::CborParse, 0, 0);
}
