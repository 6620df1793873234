// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::mock::pta::{Heard, Heeded, Params, put, with_pta};
use optee_utee::raw;

const UUID: [u8; 16] =
    [0x1c, 0x42, 0x79, 0x6f, 0x7f, 0xc4, 0x45, 0x36, 0xb7, 0x51, 0x6a, 0x58, 0xe6, 0xf4, 0x54, 0x0c];
const IN: u32 = raw::TEE_PARAM_TYPE_MEMREF_INPUT;
const OUT: u32 = raw::TEE_PARAM_TYPE_MEMREF_OUTPUT;
const VALUE: u32 = raw::TEE_PARAM_TYPE_VALUE_OUTPUT;

/// A TA store as the patches make it: it wants the parameters it wants, and `installed` are in it.
#[derive(Clone, Default)]
struct Store {
    /// What GET_ABILITIES answers; None is an OP-TEE without patches.
    abilities: Option<(u32, u32)>,
    installed: Vec<[u8; 16]>,
    usage: (u32, u32),
    /// A command that fails, and how.
    fault: Option<(u32, u32)>,
}

impl Store {
    fn patched() -> Self {
        Self { abilities: Some((1, 0xf)), ..Self::default() }
    }

    fn failing(self, command: u32, code: u32) -> Self {
        Self { fault: Some((command, code)), ..self }
    }

    fn answer(&self, call: &Heeded, params: &mut Params) -> u32 {
        if let Some((_, code)) = self.fault.filter(|(command, _)| *command == call.command) {
            return code;
        }
        let value = |param: &mut raw::TEE_Param, (a, b)| {
            param.value = raw::Value { a, b };
            raw::TEE_SUCCESS
        };
        match (call.command, call.types, self.abilities) {
            (command::BOOTSTRAP, IN, _) => raw::TEE_SUCCESS,
            (command::BOOTSTRAP, ..) => raw::TEE_ERROR_BAD_PARAMETERS,
            (_, _, None) => raw::TEE_ERROR_NOT_IMPLEMENTED,
            (command::GET_ABILITIES, VALUE, Some(abilities)) => value(&mut params[0], abilities),
            (command::INSTALL_BEGIN | command::INSTALL_WRITE, IN, _) => raw::TEE_SUCCESS,
            (command::INSTALL_COMMIT, VALUE, _) => value(&mut params[0], self.usage),
            (command::REMOVE, REMOVE_TYPES, _) if call.input.len() == 16 => {
                let found = self.installed.iter().any(|uuid| uuid[..] == call.input);
                if found { value(&mut params[1], self.usage) } else { raw::TEE_ERROR_ITEM_NOT_FOUND }
            }
            (command::GET_USAGE, REMOVE_TYPES, _) if call.input.len() == 16 => {
                value(&mut params[1], self.usage)
            }
            (command::LIST, OUT, _) => {
                let entry = |uuid: &[u8; 16]| [&uuid[..], &[0xff; 8]].concat();
                put(&mut params[0], &self.installed.iter().flat_map(entry).collect::<Vec<u8>>())
            }
            _ => raw::TEE_ERROR_BAD_PARAMETERS,
        }
    }

    fn with<T>(self, test: impl FnOnce(&mut PtaInstaller) -> T) -> (T, Heard) {
        let (result, heard) = with_pta(
            raw::TEE_SUCCESS,
            move |call, params| self.answer(call, params),
            || test(&mut PtaInstaller::default()),
        );
        assert_eq!(heard.uuid, "6e256cba-fc4d-4941-ad09-2ca1860342dd");
        assert_eq!(heard.open, 0, "a session was left open");
        (result, heard)
    }
}

const REMOVE_TYPES: u32 = IN | VALUE << 4;

impl Heard {
    /// Commands and inputs, but for the question what there is.
    fn said(&self) -> Vec<(u32, &[u8])> {
        let calls = self.calls.iter().filter(|call| call.command != command::GET_ABILITIES);
        calls.map(|call| (call.command, call.input.as_slice())).collect()
    }
}

/// Installs `image` in pieces of these sizes.
fn install(
    installer: &mut PtaInstaller,
    image: &[u8],
    piece: usize,
) -> core::result::Result<OpenSessions, InstallError> {
    let mut transfer = installer.begin(image.len() as u64)?;
    for bytes in image.chunks(piece) {
        installer.write(&mut transfer, bytes)?;
    }
    installer.commit(transfer)
}

fn image(len: usize) -> Vec<u8> {
    (0..len).map(|n| n as u8).collect()
}

#[test]
fn what_the_store_offers_is_found_out_once() {
    let none = Abilities::default();
    let all =
        Abilities { checks_first: true, removes: true, lists: true, counts_sessions: true, exclusive: true };
    for (abilities, expected) in [
        (None, none),
        (Some((1, 0)), none),
        (Some((1, 0x1)), Abilities { checks_first: true, ..none }),
        (Some((1, 0x2)), Abilities { removes: true, ..none }),
        (Some((1, 0x4)), Abilities { lists: true, ..none }),
        (Some((1, 0x8)), Abilities { counts_sessions: true, ..none }),
        (Some((1, 0x10)), Abilities { exclusive: true, ..none }),
        (Some((1, 0x1f)), all),
        // What a later one adds.
        (Some((1, 0xff)), all),
        // What another version means by its bits is not known.
        (Some((2, 0x1f)), none),
        (Some((0, 0x1f)), none),
    ] {
        let (found, heard) = Store { abilities, ..Store::default() }
            .with(|installer| [installer.abilities(), installer.abilities()]);
        assert_eq!(found, [Ok(expected); 2], "{abilities:?}");
        assert_eq!(heard.calls.len(), 1);
    }
}

/// A failure of the moment is no answer: the next question may get one.
#[test]
fn a_store_that_did_not_answer_is_asked_again() {
    let (found, heard) = Store::patched()
        .failing(command::GET_ABILITIES, raw::TEE_ERROR_OUT_OF_MEMORY)
        .with(|installer| (installer.abilities(), installer.begin(1).err(), installer.remove(UUID)));
    assert_eq!(found.0, Err(InstallError::OutOfMemory));
    assert_eq!((found.1, found.2), (Some(InstallError::OutOfMemory), Err(InstallError::OutOfMemory)));
    assert_eq!(heard.calls.len(), 3);
}

#[test]
fn an_image_goes_piece_by_piece_to_a_store_that_takes_it_so() {
    for len in [1, 4095, 4096, 4097, 20_000] {
        for piece in [1000, 4096, 4097, 32_768] {
            let image = image(len);
            let (result, heard) = Store { usage: (2, 1), ..Store::patched() }
                .with(|installer| install(installer, &image, piece));
            assert_eq!(result, Ok(Some(2)));
            let said = heard.said();
            let (commands, bytes): (Vec<u32>, Vec<&[u8]>) = said.iter().copied().unzip();
            let writes = commands.len() - 2;
            assert_eq!(commands[0], command::INSTALL_BEGIN);
            assert_eq!(commands[1..=writes], vec![command::INSTALL_WRITE; writes]);
            assert_eq!(commands[writes + 1], command::INSTALL_COMMIT);
            assert_eq!(bytes.concat(), image, "{len} bytes in pieces of {piece}");
            assert_eq!(bytes[0].len(), len.min(4096), "the whole header at once");
            assert!(bytes.iter().all(|bytes| bytes.len() <= piece.max(4096)));
        }
    }
}

#[test]
fn an_image_goes_as_a_whole_to_a_store_that_knows_no_better() {
    let image = image(20_000);
    let (result, heard) = Store::default().with(|installer| install(installer, &image, 1000));
    assert_eq!(result, Ok(None));
    assert_eq!(heard.said(), [(command::BOOTSTRAP, image.as_slice())]);
}

#[test]
fn a_dropped_image_ends_its_session_and_is_not_committed() {
    for store in [Store::patched(), Store::default()] {
        let (_, heard) = store.with(|installer| {
            let mut transfer = installer.begin(10_000).expect("begun");
            installer.write(&mut transfer, &image(9000)).expect("written");
        });
        let commands: Vec<u32> = heard.said().iter().map(|(command, _)| *command).collect();
        assert!(!commands.contains(&command::INSTALL_COMMIT) && !commands.contains(&command::BOOTSTRAP));
    }
}

#[test]
fn an_image_that_is_not_complete_is_refused() {
    // Patched: less than what INSTALL_BEGIN wants. The rest of it is the store's to notice.
    let (result, heard) = Store::patched().with(|installer| {
        let mut transfer = installer.begin(10_000)?;
        installer.write(&mut transfer, &image(4095))?;
        installer.commit(transfer)
    });
    assert_eq!((result, heard.said().len()), (Err(InstallError::Refused), 0));

    let (result, heard) =
        Store::patched().failing(command::INSTALL_COMMIT, raw::TEE_ERROR_SECURITY).with(|installer| {
            let mut transfer = installer.begin(10_000)?;
            installer.write(&mut transfer, &image(9999))?;
            installer.commit(transfer)
        });
    assert_eq!((result, heard.said().len()), (Err(InstallError::Refused), 3));

    let (result, _) = Store::patched().with(|installer| install(installer, &[], 1));
    assert_eq!(result, Err(InstallError::Refused));
}

#[test]
fn more_bytes_than_announced_are_refused_before_they_are_sent() {
    for store in [Store::patched(), Store::default()] {
        let (result, heard) = store.with(|installer| {
            let mut transfer = installer.begin(10).expect("begun");
            installer.write(&mut transfer, &image(11))
        });
        assert_eq!(result, Err(InstallError::Failed(raw::TEE_ERROR_EXCESS_DATA)));
        assert!(heard.said().is_empty());
    }
}

/// The Agent must not die of an image larger than its heap.
#[test]
fn an_image_too_large_for_the_heap_is_out_of_memory() {
    let (result, _) = Store::default().with(|installer| installer.begin(u64::MAX >> 1).err());
    assert_eq!(result, Some(InstallError::OutOfMemory));
    let (result, _) = Store::patched().with(|installer| installer.begin(u64::MAX >> 1).err());
    assert_eq!(result, None, "no memory is needed for it");
}

#[test]
fn the_stores_errors_have_their_meaning() {
    let stages = [
        (Store::default(), command::BOOTSTRAP),
        (Store::patched(), command::INSTALL_BEGIN),
        (Store::patched(), command::INSTALL_WRITE),
        (Store::patched(), command::INSTALL_COMMIT),
    ];
    for (store, stage) in stages {
        for (code, meaning) in [
            (0xffff_000f, InstallError::Refused),
            (0xffff_0003, InstallError::OlderVersion),
            (0xffff_000c, InstallError::OutOfMemory),
            (raw::TEE_ERROR_STORAGE_NO_SPACE, InstallError::OutOfMemory),
            (raw::TEE_ERROR_BAD_STATE, InstallError::Failed(raw::TEE_ERROR_BAD_STATE)),
            (0xffff_1234, InstallError::Failed(0xffff_1234)),
        ] {
            let image = image(10_000);
            let (result, heard) =
                store.clone().failing(stage, code).with(|installer| install(installer, &image, 5000));
            assert_eq!(result, Err(meaning), "command {stage}, {code:08x}");
            assert_eq!(heard.said().last().map(|(command, _)| *command), Some(stage), "nothing after it");
        }
    }
}

/// What everything comes to that is asked of a pseudo-TA of which a session cannot be opened because of `code`.
fn without_a_session(
    code: u32,
) -> (core::result::Result<Abilities, InstallError>, [Option<InstallError>; 3]) {
    let ask = || {
        let mut installer = PtaInstaller::default();
        let others =
            [installer.begin(1).err(), installer.remove(UUID).err(), installer.is_installed(UUID).err()];
        (installer.abilities(), others)
    };
    with_pta(code, |_, _| panic!("not open"), ask).0
}

#[test]
fn a_store_that_does_not_let_the_agent_in_is_a_failure() {
    let failed = InstallError::Failed(raw::TEE_ERROR_ACCESS_DENIED);
    assert_eq!(without_a_session(raw::TEE_ERROR_ACCESS_DENIED), (Err(failed), [Some(failed); 3]));
}

/// Data can be installed all the same.
#[test]
fn an_optee_without_the_store_offers_nothing() {
    let code = raw::TEE_ERROR_ITEM_NOT_FOUND;
    let others = [Some(InstallError::Failed(code)), Some(InstallError::Unsupported), None];
    assert_eq!(without_a_session(code), (Ok(Abilities::default()), others));
}

#[test]
fn a_removed_trusted_application_is_gone_and_removing_it_again_changes_nothing() {
    let store = Store { installed: vec![[1; 16], UUID], ..Store::patched() };
    let (removed, heard) = store.with(|installer| installer.remove(UUID));
    assert_eq!(removed, Ok(Some(0)));
    assert_eq!(heard.said(), [(command::REMOVE, &UUID[..])]);

    let (removed, _) = Store::patched().with(|installer| installer.remove(UUID));
    assert_eq!(removed, Ok(Some(0)));
}

/// When it was removed and the answer was lost, for example.
#[test]
fn code_of_what_is_removed_already_is_counted() {
    let store = Store { usage: (2, 1), ..Store::patched() };
    let (removed, _) = store.with(|installer| installer.remove(UUID));
    assert_eq!(removed, Ok(Some(2)));
}

#[test]
fn a_store_without_removal_says_so_before_anything_is_tried() {
    let (removed, heard) = Store::default().with(|installer| installer.remove(UUID));
    assert_eq!(removed, Err(InstallError::Unsupported));
    assert!(heard.said().is_empty());
}

#[test]
fn failures_to_remove_are_not_taken_for_those_of_an_image() {
    for (code, meaning) in [
        (0xffff_0003, InstallError::Failed(0xffff_0003)),
        (0xffff_000f, InstallError::Failed(0xffff_000f)),
        (0xffff_000c, InstallError::OutOfMemory),
    ] {
        let (removed, _) =
            Store::patched().failing(command::REMOVE, code).with(|installer| installer.remove(UUID));
        assert_eq!(removed, Err(meaning));
    }
}

/// Sessions, or an instance without one that the next session will get.
#[test]
fn old_code_that_is_still_in_use_is_counted() {
    for (usage, expected) in [((0, 0), 0), ((3, 1), 3), ((2, 2), 2), ((0, 1), 1)] {
        let store = Store { usage, installed: vec![UUID], ..Store::patched() };
        let (counts, _) =
            store.with(|installer| [installer.remove(UUID), install(installer, &image(5000), 5000)]);
        assert_eq!(counts, [Ok(Some(expected)); 2]);
    }
}

#[test]
fn open_sessions_are_counted_by_a_store_that_tells_the_usage() {
    for (usage, expected) in [((0, 0), 0), ((3, 1), 3), ((0, 1), 1)] {
        let (counted, heard) =
            Store { usage, ..Store::patched() }.with(|installer| installer.open_sessions(UUID));
        assert_eq!(counted, Ok(Some(expected)));
        assert_eq!(heard.said(), [(command::GET_USAGE, &UUID[..])]);
    }
    let (counted, heard) = Store::default().with(|installer| installer.open_sessions(UUID));
    assert_eq!(counted, Ok(None));
    assert!(heard.said().is_empty());
    let (counted, _) = Store::patched()
        .failing(command::GET_USAGE, 0xffff_1234)
        .with(|installer| installer.open_sessions(UUID));
    assert_eq!(counted, Err(InstallError::Failed(0xffff_1234)));
}

#[test]
fn what_is_installed_is_told_by_a_store_that_lists() {
    for others in [0, 31, 32, 100, 4095] {
        let mut installed: Vec<[u8; 16]> = (0..others).map(|n: u32| u128::from(n).to_be_bytes()).collect();
        let (told, _) = Store { installed: installed.clone(), ..Store::patched() }
            .with(|installer| installer.is_installed(UUID));
        assert_eq!(told, Ok(Some(false)));
        installed.push(UUID);
        let (told, _) =
            Store { installed, ..Store::patched() }.with(|installer| installer.is_installed(UUID));
        assert_eq!(told, Ok(Some(true)), "with {others} others");
    }
    let (told, _) = Store::default().with(|installer| installer.is_installed(UUID));
    assert_eq!(told, Ok(None));
}

/// The buffer grows as the store demands, but not without end.
#[test]
fn a_store_that_never_has_enough_room_is_a_failure() {
    let (told, heard) = Store::patched()
        .failing(command::LIST, raw::TEE_ERROR_SHORT_BUFFER)
        .with(|installer| installer.is_installed(UUID));
    assert_eq!(told, Err(InstallError::Failed(raw::TEE_ERROR_SHORT_BUFFER)));
    assert_eq!(heard.said().len(), 8);
}
