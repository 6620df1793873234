// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::mock::disk::{Damage, Disk, with_disk};
use optee_utee::raw;
use std::collections::BTreeSet;

fn with_object(bytes: &[u8]) -> Disk {
    Disk::with(&[("state", bytes)])
}

fn with_corrupt(damage: Damage) -> Disk {
    Disk { corrupt: [(b"state".to_vec(), damage)].into(), ..with_object(b"12345") }
}

fn names(storage: &mut SecureStorage) -> core::result::Result<BTreeSet<String>, EnvError> {
    let mut names = BTreeSet::new();
    storage.for_each_name(&mut |name| assert!(names.insert(name.to_owned())))?;
    Ok(names)
}

#[test]
fn what_is_written_is_read() {
    let (result, _) = with_disk(Disk::default(), |storage| {
        storage.write("state", b"bytes")?;
        storage.read("state", 5)
    });
    assert_eq!(result, Ok(Some(b"bytes".to_vec())));
}

#[test]
fn an_object_without_bytes_is_not_an_absent_one() {
    let (result, _) = with_disk(Disk::default(), |storage| {
        storage.write("state", b"")?;
        assert_eq!((storage.size("state")?, storage.size("other")?), (Some(0), None));
        Ok::<_, EnvError>((storage.read("state", 5)?, storage.read("other", 5)?))
    });
    assert_eq!(result, Ok((Some(Vec::new()), None)));
}

/// All data is given when the object is created, replacing the old one: OP-TEE does that in one step.
#[test]
fn an_object_is_replaced_in_one_call() {
    let (result, disk) = with_disk(with_object(b"old"), |storage| storage.write("state", b"new and longer"));
    assert_eq!(result, Ok(()));
    assert_eq!(disk.objects[&b"state"[..]], b"new and longer");
    assert_eq!(disk.opened, 1);
}

#[test]
fn an_object_as_long_as_the_limit_is_read_and_a_longer_one_is_not() {
    let (result, _) = with_disk(with_object(b"12345"), |storage| storage.read("state", 5));
    assert_eq!(result, Ok(Some(b"12345".to_vec())));
    let (result, disk) = with_disk(with_object(b"123456"), |storage| storage.read("state", 5));
    assert_eq!(result, Err(EnvError { code: raw::TEE_ERROR_EXCESS_DATA }));
    assert_eq!(disk.reads, 0);
}

#[test]
fn an_object_that_gives_less_than_its_size_is_corrupt() {
    let disk = Disk { short_by: 1, ..with_object(b"12345") };
    let (result, _) = with_disk(disk, |storage| storage.read("state", 5));
    assert_eq!(result, Err(EnvError::CORRUPT));
}

#[test]
fn a_large_object_is_written_and_read_in_pieces() {
    let bytes: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
    let (read, disk) = with_disk(with_object(b"something old"), |storage| {
        for (n, piece) in bytes.chunks(3000).enumerate() {
            storage.append("state", n as u64 * 3000, piece)?;
        }
        let mut read = vec![0; bytes.len()];
        for (n, piece) in read.chunks_mut(777).enumerate() {
            assert_eq!(storage.read_at("state", n as u64 * 777, piece)?, piece.len());
        }
        assert_eq!(storage.size("state")?, Some(bytes.len() as u64));
        Ok::<_, EnvError>(read)
    });
    assert_eq!(read.as_ref(), Ok(&bytes));
    assert_eq!(disk.objects[&b"state"[..]], bytes);
}

/// To open a large object takes OP-TEE as long as to read it.
#[test]
fn an_object_that_is_used_in_pieces_is_opened_once() {
    let (result, disk) = with_disk(Disk::with(&[("large", &[0; 100]), ("state", b"1")]), |storage| {
        for piece in 0..10 {
            storage.append("large", 100 + piece, b"x")?;
            storage.write("state", b"12")?;
            storage.read("state", 5)?;
            storage.read_at("large", piece, &mut [0; 5])?;
        }
        storage.size("large")
    });
    assert_eq!(result, Ok(Some(110)));
    assert_eq!(disk.opened, 1 + 20, "once the large one, each time the small one");
}

/// OP-TEE refuses to open an object twice: whatever comes next must find it closed.
/// What stays open between sessions would bind OP-TEE to the supplicant of that time.
#[test]
fn an_object_that_is_used_in_pieces_is_not_open_after_the_session() {
    let (result, disk) = with_disk(with_object(b"12345"), |storage| {
        let mut buffer = [0; 2];
        storage.read_at("state", 0, &mut buffer)?;
        storage.release();
        storage.read_at("state", 2, &mut buffer)?;
        Ok::<_, EnvError>(buffer)
    });
    assert_eq!((result, disk.opened), (Ok(*b"34"), 2));
}

#[test]
fn an_object_that_was_used_in_pieces_can_be_used_as_a_whole() {
    let (result, disk) = with_disk(with_object(b"12345"), |storage| {
        storage.append("state", 5, b"6")?;
        assert_eq!(storage.read("state", 10)?, Some(b"123456".to_vec()));
        storage.append("state", 6, b"7")?;
        storage.write("state", b"new")?;
        storage.read_at("state", 0, &mut [0])?;
        storage.append("state", 0, b"newer")?;
        storage.read_at("state", 0, &mut [0])?;
        assert_eq!(names(storage)?, ["state".to_owned()].into());
        storage.delete("state")?;
        storage.size("state")
    });
    assert_eq!((result, disk.objects.len()), (Ok(None), 0));
}

#[test]
fn reading_ends_where_the_object_ends() {
    let (result, _) = with_disk(with_object(b"12345"), |storage| {
        let mut buffer = [0; 4];
        let lens = [0, 1, 3, 5, 6, 1 << 30].map(|offset| storage.read_at("state", offset, &mut buffer));
        (lens, storage.read_at("other", 0, &mut buffer), storage.read_at("state", 1 << 31, &mut buffer))
    });
    let overflow = EnvError { code: raw::TEE_ERROR_OVERFLOW };
    assert_eq!(result, ([4, 4, 2, 0, 0, 0].map(Ok), Err(EnvError::NOT_FOUND), Err(overflow)));
}

#[test]
fn nothing_is_written_but_where_the_object_ends() {
    let (results, disk) = with_disk(with_object(b"12345"), |storage| {
        [("state", 4), ("state", 6), ("state", 1), ("other", 5)]
            .map(|(name, offset)| storage.append(name, offset, b"x"))
    });
    assert_eq!(results, [Err(EnvError::BAD_STATE); 4]);
    assert_eq!((disk.objects[&b"state"[..]].as_slice(), disk.objects.len()), (&b"12345"[..], 1));
}

#[test]
fn a_deleted_object_is_gone_and_deleting_it_again_changes_nothing() {
    let disk = Disk::with(&[("state", b"1"), ("other", b"2")]);
    let (results, disk) = with_disk(disk, |storage| [storage.delete("state"), storage.delete("state")]);
    assert_eq!(results, [Ok(()), Ok(())]);
    assert_eq!(disk.names(), ["other"].into());
}

#[test]
fn every_name_is_visited_once() {
    let longest = "n".repeat(MAX_NAME);
    let disk = Disk::with(&[("state", b""), ("c1", b"1"), (&longest, b"2")]);
    let (result, _) = with_disk(disk, names);
    assert_eq!(result, Ok(["c1".to_owned(), longest, "state".to_owned()].into()));
    // OP-TEE has an error code for it.
    let (result, _) = with_disk(Disk::default(), names);
    assert_eq!(result, Ok(BTreeSet::new()));
}

/// What Linux can do to one object must not hide the others, or keep the Agent in a loop.
#[test]
fn corruption_hides_only_the_names_of_what_is_corrupt() {
    let objects = Disk::with(&[("a", b"1"), ("b", b"2"), ("c", b"3")]);
    let disk = Disk { corrupt: [(b"b".to_vec(), Damage::Head)].into(), ..objects };
    let (result, _) = with_disk(disk, names);
    assert_eq!(result, Ok(["a".to_owned(), "c".to_owned()].into()));

    let disk = Disk { unlistable: true, ..with_object(b"12345") };
    let (result, _) = with_disk(disk, names);
    assert_eq!(result, Err(EnvError::CORRUPT));
}

/// OP-TEE closes a corrupt object itself, and panics a TA that closes it once more: the mock does, too.
#[test]
fn a_corrupt_object_is_an_error_and_not_the_end_of_the_agent() {
    for damage in [Damage::Head, Damage::Data] {
        let (result, _) = with_disk(with_corrupt(damage), |storage| storage.read("state", 5));
        assert_eq!(result, Err(EnvError::CORRUPT));
        let (result, _) = with_disk(with_corrupt(damage), |storage| storage.read_at("state", 2, &mut [0; 2]));
        assert_eq!(result, Err(EnvError::CORRUPT));
        let (result, _) = with_disk(with_corrupt(damage), |storage| storage.append("state", 5, b"6"));
        assert_eq!(result, Err(EnvError::CORRUPT));
    }
}

#[test]
fn a_corrupt_object_can_be_replaced_and_deleted() {
    for damage in [Damage::Head, Damage::Data] {
        let (result, disk) = with_disk(with_corrupt(damage), |storage| storage.write("state", b"new"));
        assert_eq!((result, disk.objects[&b"state"[..]].as_slice()), (Ok(()), &b"new"[..]));
        let (result, disk) = with_disk(with_corrupt(damage), |storage| storage.delete("state"));
        assert_eq!((result, disk.objects.len()), (Ok(()), 0));
    }
}

#[test]
fn the_storages_errors_are_passed_on() {
    for code in [
        raw::TEE_ERROR_STORAGE_NOT_AVAILABLE,
        raw::TEE_ERROR_STORAGE_NO_SPACE,
        raw::TEE_ERROR_OUT_OF_MEMORY,
        0xffff_1234,
    ] {
        let error = EnvError { code };
        let faulty = || Disk { fault: Some(code), ..with_object(b"old") };
        let (reads, _) = with_disk(faulty(), |storage| {
            (
                storage.read("state", 5),
                storage.size("state"),
                storage.read_at("state", 0, &mut [0]),
                names(storage),
            )
        });
        assert_eq!(reads, (Err(error), Err(error), Err(error), Err(error)));
        let (writes, disk) = with_disk(faulty(), |storage| {
            let appended = [0, 3].map(|offset| storage.append("state", offset, b"new"));
            (storage.write("state", b"new"), appended, storage.delete("state"))
        });
        assert_eq!(writes, (Err(error), [Err(error); 2], Err(error)));
        assert_eq!(disk.objects[&b"state"[..]], b"old");
    }
}

/// OP-TEE panics a TA for a longer identifier.
#[test]
fn a_name_longer_than_an_identifier_never_reaches_optee() {
    let longest = "n".repeat(MAX_NAME);
    let (result, _) = with_disk(Disk::default(), |storage| storage.write(&longest, b"bytes"));
    assert_eq!(result, Ok(()));

    let too_long = "n".repeat(MAX_NAME + 1);
    let bad = EnvError { code: raw::TEE_ERROR_BAD_PARAMETERS };
    let (results, disk) = with_disk(Disk::default(), |storage| {
        assert_eq!((storage.read(&too_long, 5), storage.size(&too_long)), (Err(bad), Err(bad)));
        let at = [0, 5].map(|offset| storage.append(&too_long, offset, b"bytes"));
        let read = storage.read_at(&too_long, 0, &mut [0]).map(drop);
        [storage.write(&too_long, b"bytes"), storage.delete(&too_long), read, at[0], at[1]]
    });
    assert_eq!(results, [Err(bad); 5]);
    assert_eq!(disk.opened, 0);
}
