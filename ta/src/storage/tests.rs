// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::mock::{bytes_at, exclusive};
use optee_utee::raw;
use optee_utee_sys::mock_api;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The TEE's private storage: objects by identifier, and those that are open.
#[derive(Default)]
struct Disk {
    objects: BTreeMap<Vec<u8>, Vec<u8>>,
    handles: BTreeMap<usize, Vec<u8>>,
    opened: usize,
    reads: usize,
    /// What the next operations return instead of being done.
    fault: Option<u32>,
    /// Bytes that a read gives less than it should.
    short_by: usize,
}

impl Disk {
    fn open(&mut self, id: &[u8], handle: *mut raw::TEE_ObjectHandle) -> u32 {
        self.opened += 1;
        self.handles.insert(self.opened, id.to_vec());
        // SAFETY: optee-utee passes a place for the handle.
        unsafe { *handle = core::ptr::without_provenance_mut(self.opened) };
        raw::TEE_SUCCESS
    }
}

/// Runs `test` on a disk with these objects. Returns the disk as it is afterwards.
fn with_disk<T>(disk: Disk, test: impl FnOnce(&mut SecureStorage) -> T) -> (T, Disk) {
    let _lock = exclusive();
    let disk = Rc::new(RefCell::new(disk));
    let private = ObjectStorageConstants::Private as u32;

    let at = Rc::clone(&disk);
    let create = mock_api::TEE_CreatePersistentObject_context();
    create.expect().returning_st(move |storage, id, id_len, flags, attributes, data, len, handle| {
        let mut disk = at.borrow_mut();
        if let Some(fault) = disk.fault {
            return fault;
        }
        assert_eq!((storage, attributes.is_null()), (private, true));
        assert_eq!(flags, (DataFlag::ACCESS_WRITE | DataFlag::OVERWRITE).bits());
        // SAFETY: optee-utee passes two buffers of these lengths.
        let (id, data) = unsafe { (bytes_at(id, id_len), bytes_at(data, len)) };
        disk.objects.insert(id.to_vec(), data.to_vec());
        disk.open(id, handle)
    });

    let at = Rc::clone(&disk);
    let open = mock_api::TEE_OpenPersistentObject_context();
    open.expect().returning_st(move |storage, id, id_len, flags, handle| {
        let mut disk = at.borrow_mut();
        if let Some(fault) = disk.fault {
            return fault;
        }
        assert_eq!((storage, flags), (private, DataFlag::ACCESS_READ.bits()));
        // SAFETY: optee-utee passes a buffer of this length.
        let id = unsafe { bytes_at(id, id_len) };
        if disk.objects.contains_key(id) { disk.open(id, handle) } else { raw::TEE_ERROR_ITEM_NOT_FOUND }
    });

    let at = Rc::clone(&disk);
    let info = mock_api::TEE_GetObjectInfo1_context();
    info.expect().returning_st(move |handle, info| {
        let disk = at.borrow();
        let data = &disk.objects[&disk.handles[&handle.addr()]];
        // SAFETY: optee-utee passes a place for the information.
        unsafe { (*info).dataSize = data.len() };
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let read = mock_api::TEE_ReadObjectData_context();
    read.expect().returning_st(move |handle, buffer, len, count| {
        let mut disk = at.borrow_mut();
        disk.reads += 1;
        let data = &disk.objects[&disk.handles[&handle.addr()]];
        let len = len.min(data.len()) - disk.short_by;
        // SAFETY: optee-utee passes a buffer that is at least as long, and a place for the length.
        unsafe {
            core::ptr::copy(data.as_ptr(), buffer.cast(), len);
            *count = len;
        }
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let close = mock_api::TEE_CloseObject_context();
    close.expect().returning_st(move |handle| {
        at.borrow_mut().handles.remove(&handle.addr()).expect("an open handle");
    });

    let result = test(&mut SecureStorage);
    let disk = disk.take();
    assert!(disk.handles.is_empty(), "handles were left open");
    (result, disk)
}

fn with_object(bytes: &[u8]) -> Disk {
    Disk { objects: BTreeMap::from([(b"state".to_vec(), bytes.to_vec())]), ..Disk::default() }
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
        Ok::<_, EnvError>((storage.read("state", 5)?, storage.read("other", 5)?))
    });
    assert_eq!(result, Ok((Some(Vec::new()), None)));
}

/// All data is given when the object is created, replacing the old one: OP-TEE does that in one step. Any
/// other call that could change an object would be unexpected here.
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
    assert_eq!(result, Err(EnvError { code: raw::TEE_ERROR_CORRUPT_OBJECT }));
}

#[test]
fn the_storages_errors_are_passed_on() {
    for code in [
        raw::TEE_ERROR_CORRUPT_OBJECT,
        raw::TEE_ERROR_STORAGE_NOT_AVAILABLE,
        raw::TEE_ERROR_STORAGE_NO_SPACE,
        raw::TEE_ERROR_OUT_OF_MEMORY,
        0xffff_1234,
    ] {
        let faulty = || Disk { fault: Some(code), ..with_object(b"old") };
        let (read, _) = with_disk(faulty(), |storage| storage.read("state", 5));
        assert_eq!(read, Err(EnvError { code }));
        let (written, disk) = with_disk(faulty(), |storage| storage.write("state", b"new"));
        assert_eq!(written, Err(EnvError { code }));
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
        (storage.read(&too_long, 5), storage.write(&too_long, b"bytes"))
    });
    assert_eq!(results, (Err(bad), Err(bad)));
    assert_eq!(disk.opened, 0);
}
