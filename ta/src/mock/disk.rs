// SPDX-License-Identifier: Apache-2.0
//! The TEE's private storage, as far as OP-TEE shows it: objects by identifier, and those that are open.

use super::{bytes_at, exclusive};
use crate::SecureStorage;
use optee_utee::{DataFlag, ObjectStorageConstants, raw};
use optee_utee_sys::mock_api;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) objects: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) handles: BTreeMap<usize, Handle>,
    pub(crate) opened: usize,
    pub(crate) reads: usize,
    /// What the next operations return instead of being done.
    pub(crate) fault: Option<u32>,
    /// Bytes that a read gives less than it should.
    pub(crate) short_by: usize,
    /// Objects that Linux has changed, in what is read when they are opened or behind it.
    pub(crate) corrupt: BTreeMap<Vec<u8>, Damage>,
    /// Whether the list of objects itself is damaged.
    pub(crate) unlistable: bool,
    /// Identifiers still to be told by the enumerator, in reverse order.
    pub(crate) enumerated: Option<Vec<Vec<u8>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    Head,
    Data,
}

pub(crate) struct Handle {
    id: Vec<u8>,
    flags: u32,
    position: usize,
}

impl Disk {
    pub(crate) fn with(objects: &[(&str, &[u8])]) -> Self {
        let objects = objects.iter().map(|(id, bytes)| (id.as_bytes().to_vec(), bytes.to_vec())).collect();
        Self { objects, ..Self::default() }
    }

    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.objects.keys().map(|id| std::str::from_utf8(id).expect("text")).collect()
    }

    fn open(&mut self, id: &[u8], flags: u32, handle: *mut raw::TEE_ObjectHandle) -> u32 {
        if self.corrupt.get(id) == Some(&Damage::Head) {
            return self.found_corrupt(id);
        }
        self.opened += 1;
        self.handles.insert(self.opened, Handle { id: id.to_vec(), flags, position: 0 });
        // SAFETY: optee-utee passes a place for the handle.
        unsafe { *handle = core::ptr::without_provenance_mut(self.opened) };
        raw::TEE_SUCCESS
    }

    /// OP-TEE closes and deletes an object that it finds corrupt.
    fn found_corrupt(&mut self, id: &[u8]) -> u32 {
        self.corrupt.remove(id);
        self.objects.remove(id);
        self.handles.retain(|_, handle| handle.id != id);
        raw::TEE_ERROR_CORRUPT_OBJECT
    }

    /// What `handle` refers to, if it was opened with `flag`: OP-TEE panics the TA otherwise.
    fn handle(&mut self, handle: raw::TEE_ObjectHandle, flag: DataFlag) -> &mut Handle {
        let handle = self.handles.get_mut(&handle.addr()).expect("an open handle");
        assert_ne!(handle.flags & flag.bits(), 0, "not opened for this");
        handle
    }

    fn is_open(&self, id: &[u8]) -> bool {
        self.handles.values().any(|handle| handle.id == id)
    }

    fn is_corrupt(&self, handle: raw::TEE_ObjectHandle) -> Option<Vec<u8>> {
        let id = &self.handles[&handle.addr()].id;
        self.corrupt.contains_key(id).then(|| id.clone())
    }
}

/// Runs `test` on a disk with these objects. Returns the disk as it is afterwards.
pub(crate) fn with_disk<T>(disk: Disk, test: impl FnOnce(&mut SecureStorage) -> T) -> (T, Disk) {
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
        assert_ne!(flags & DataFlag::OVERWRITE.bits(), 0);
        // SAFETY: optee-utee passes two buffers of these lengths.
        let (id, data) = unsafe { (bytes_at(id, id_len), bytes_at(data, len)) };
        if disk.is_open(id) {
            return raw::TEE_ERROR_ACCESS_CONFLICT;
        }
        disk.corrupt.remove(id);
        disk.objects.insert(id.to_vec(), data.to_vec());
        disk.open(id, flags, handle)
    });

    let at = Rc::clone(&disk);
    let open = mock_api::TEE_OpenPersistentObject_context();
    open.expect().returning_st(move |storage, id, id_len, flags, handle| {
        let mut disk = at.borrow_mut();
        if let Some(fault) = disk.fault {
            return fault;
        }
        assert_eq!(storage, private);
        // SAFETY: optee-utee passes a buffer of this length.
        let id = unsafe { bytes_at(id, id_len) };
        if disk.objects.contains_key(id) {
            disk.open(id, flags, handle)
        } else {
            raw::TEE_ERROR_ITEM_NOT_FOUND
        }
    });

    let at = Rc::clone(&disk);
    let info = mock_api::TEE_GetObjectInfo1_context();
    info.expect().returning_st(move |handle, info| {
        let disk = at.borrow();
        let handle = &disk.handles[&handle.addr()];
        // SAFETY: optee-utee passes a place for the information.
        unsafe {
            ((*info).dataSize, (*info).dataPosition) = (disk.objects[&handle.id].len(), handle.position)
        };
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let seek = mock_api::TEE_SeekObjectData_context();
    seek.expect().returning_st(move |handle, offset, whence| {
        let mut disk = at.borrow_mut();
        let end = disk.objects[&disk.handles[&handle.addr()].id].len() as i64;
        let position = match whence {
            raw::TEE_Whence::TEE_DATA_SEEK_SET => offset,
            raw::TEE_Whence::TEE_DATA_SEEK_END => end + offset,
            _ => panic!("not used"),
        };
        disk.handles.get_mut(&handle.addr()).expect("an open handle").position = position as usize;
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let read = mock_api::TEE_ReadObjectData_context();
    read.expect().returning_st(move |handle, buffer, len, count| {
        let mut disk = at.borrow_mut();
        disk.reads += 1;
        if let Some(id) = disk.is_corrupt(handle) {
            return disk.found_corrupt(&id);
        }
        let Handle { id, position, .. } = disk.handle(handle, DataFlag::ACCESS_READ);
        let (id, from) = (id.clone(), *position);
        let data = disk.objects[&id].get(from..).unwrap_or_default();
        let len = len.min(data.len()) - disk.short_by;
        // SAFETY: optee-utee passes a buffer that is at least as long, and a place for the length.
        unsafe {
            core::ptr::copy(data.as_ptr(), buffer.cast(), len);
            *count = len;
        }
        disk.handle(handle, DataFlag::ACCESS_READ).position += len;
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let write = mock_api::TEE_WriteObjectData_context();
    write.expect().returning_st(move |handle, buffer, len| {
        let mut disk = at.borrow_mut();
        if let Some(id) = disk.is_corrupt(handle) {
            return disk.found_corrupt(&id);
        }
        let Handle { id, position, .. } = disk.handle(handle, DataFlag::ACCESS_WRITE);
        let (id, at) = (id.clone(), *position);
        let data = disk.objects.get_mut(&id).expect("an object");
        data.truncate(at);
        // SAFETY: optee-utee passes a buffer of this length.
        data.extend(unsafe { bytes_at(buffer, len) });
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let close = mock_api::TEE_CloseObject_context();
    close.expect().returning_st(move |handle| {
        at.borrow_mut().handles.remove(&handle.addr()).expect("an open handle: OP-TEE panics the TA");
    });

    let at = Rc::clone(&disk);
    let delete = mock_api::TEE_CloseAndDeletePersistentObject1_context();
    delete.expect().returning_st(move |handle| {
        let mut disk = at.borrow_mut();
        let id = disk.handle(handle, DataFlag::ACCESS_WRITE_META).id.clone();
        disk.handles.remove(&handle.addr());
        disk.objects.remove(&id);
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let allocate = mock_api::TEE_AllocatePersistentObjectEnumerator_context();
    allocate.expect().returning_st(move |enumerator| {
        assert!(at.borrow_mut().enumerated.replace(Vec::new()).is_none(), "one enumerator at a time");
        // SAFETY: optee-utee passes a place for the handle.
        unsafe { *enumerator = core::ptr::without_provenance_mut(1) };
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let start = mock_api::TEE_StartPersistentObjectEnumerator_context();
    start.expect().returning_st(move |_, storage| {
        let mut disk = at.borrow_mut();
        assert_eq!(storage, private);
        let ids: Vec<_> = disk.objects.keys().cloned().collect();
        let result = if ids.is_empty() { raw::TEE_ERROR_ITEM_NOT_FOUND } else { raw::TEE_SUCCESS };
        disk.enumerated = Some(ids);
        disk.fault.unwrap_or(result)
    });

    let at = Rc::clone(&disk);
    let next = mock_api::TEE_GetNextPersistentObject_context();
    next.expect().returning_st(move |_, _, id, len| {
        let mut disk = at.borrow_mut();
        if disk.unlistable {
            return raw::TEE_ERROR_CORRUPT_OBJECT;
        }
        let Some(found) = disk.enumerated.as_mut().expect("an enumerator").pop() else {
            return raw::TEE_ERROR_ITEM_NOT_FOUND;
        };
        if disk.corrupt.get(&found) == Some(&Damage::Head) {
            return raw::TEE_ERROR_CORRUPT_OBJECT;
        }
        // SAFETY: optee-utee passes a buffer of this length, which OP-TEE wants to be as long as an identifier can be.
        unsafe {
            assert_eq!(*len, 64);
            core::ptr::copy(found.as_ptr(), id.cast(), found.len());
            *len = found.len();
        }
        raw::TEE_SUCCESS
    });

    let at = Rc::clone(&disk);
    let free = mock_api::TEE_FreePersistentObjectEnumerator_context();
    free.expect().returning_st(move |_| at.borrow_mut().enumerated = None);

    let result = test(&mut SecureStorage::default());
    let disk = disk.take();
    assert!(disk.handles.is_empty(), "handles were left open");
    assert!(disk.enumerated.is_none(), "the enumerator was left");
    (result, disk)
}
