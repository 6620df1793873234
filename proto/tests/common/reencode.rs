// SPDX-License-Identifier: Apache-2.0
//! A manifest built again from its decoded form, command by command.

use teep_proto::Error;
use teep_proto::suit::{Argument, Command, Manifest, ManifestBuilder, Sequence, SequenceBuilder, Severable};

pub fn manifest(manifest: &Manifest<'_>) -> Result<Vec<u8>, Error> {
    let mut builder = ManifestBuilder::from(manifest);
    if !builder.shared.is_empty() {
        builder.shared = sequence(manifest.shared)?;
    }
    for (label, section) in &manifest.sections {
        if let Severable::Present(present) = section {
            let bytes = sequence(*present)?;
            let slot = builder.sections.iter_mut().find(|(l, _)| l == label).expect("the builder has it");
            slot.1 = bytes;
        }
    }
    Ok(builder.build())
}

/// Recursive, as only a test may be: the vectors' nesting is known.
fn sequence(sequence: Sequence<'_>) -> Result<Vec<u8>, Error> {
    let mut builder = SequenceBuilder::new();
    for command in sequence.instructions()? {
        builder = again(builder, &command?)?;
    }
    Ok(builder.build())
}

fn again(builder: SequenceBuilder, command: &Command<'_>) -> Result<SequenceBuilder, Error> {
    match &command.argument {
        Argument::Sequence(inner) => Ok(builder.run_sequence(&sequence(*inner)?)),
        Argument::Alternatives(list) => {
            let list: Result<Vec<_>, _> = list.iter().map(|one| one.map(sequence).transpose()).collect();
            Ok(builder.try_each(&list?))
        }
        _ => builder.command(command),
    }
}
