// SPDX-License-Identifier: Apache-2.0
//! TEE client parameters whose types are chosen at run time, over memory that anybody may change at any time.

use optee_teec::{Param, ParamNone, ParamTmpRef, ParamType, ParamValue, raw};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

/// Memory for references. libteec shares it with OP-TEE where it lies and copies nothing, so that the Agent sees what
/// becomes of it during a call.
#[derive(Debug)]
pub(crate) struct Memory(Vec<AtomicU8>);

impl Memory {
    /// `length` bytes, all 0.
    pub(crate) fn new(length: usize) -> Self {
        Self((0..length).map(|_| AtomicU8::new(0)).collect())
    }

    /// These bytes, as far as there are some.
    pub(crate) fn part(&self, range: Range<usize>) -> &[AtomicU8] {
        self.0.get(range).unwrap_or_default()
    }

    /// Writes `bytes` at `offset`, as far as there is room.
    pub(crate) fn put(&self, offset: usize, bytes: &[u8]) {
        for (place, byte) in self.0.iter().skip(offset).zip(bytes) {
            place.store(*byte, Ordering::Relaxed);
        }
    }

    /// What is in these bytes.
    pub(crate) fn get(&self, range: Range<usize>) -> Vec<u8> {
        self.part(range).iter().map(|byte| byte.load(Ordering::Relaxed)).collect()
    }
}

/// A parameter of any type.
pub(crate) struct AnyParam<'a> {
    raw: raw::TEEC_Parameter,
    param_type: ParamType,
    memory: PhantomData<&'a [AtomicU8]>,
}

impl<'a> AnyParam<'a> {
    fn new(raw: raw::TEEC_Parameter, param_type: ParamType) -> Self {
        Self { raw, param_type, memory: PhantomData }
    }

    pub(crate) fn none() -> Self {
        Self::new(ParamNone.to_raw(), ParamType::None)
    }

    pub(crate) fn value(a: u32, b: u32, param_type: ParamType) -> Self {
        Self::new(ParamValue::new(a, b, param_type).to_raw(), param_type)
    }

    /// A temporary reference to `memory`.
    pub(crate) fn memory(memory: &'a [AtomicU8], param_type: ParamType) -> Self {
        let buffer = memory.as_ptr().cast_mut().cast::<c_void>();
        let tmpref = raw::TEEC_TempMemoryReference { buffer, size: memory.len() };
        Self::new(raw::TEEC_Parameter { tmpref }, param_type)
    }

    /// A temporary reference to nothing at all.
    pub(crate) fn null(param_type: ParamType) -> Self {
        let tmpref = raw::TEEC_TempMemoryReference { buffer: std::ptr::null_mut(), size: 0 };
        Self::new(raw::TEEC_Parameter { tmpref }, param_type)
    }

    /// A reference to part of the block `parent`.
    pub(crate) fn registered(
        parent: &'a mut raw::TEEC_SharedMemory,
        part: Range<usize>,
        param_type: ParamType,
    ) -> Self {
        let memref = raw::TEEC_RegisteredMemoryReference { parent, size: part.len(), offset: part.start };
        Self::new(raw::TEEC_Parameter { memref }, param_type)
    }

    /// Bytes of a temporary reference, after a call those that there are or should be.
    pub(crate) fn size(&self) -> usize {
        ParamTmpRef::from_raw(self.raw, self.param_type).updated_size()
    }
}

impl Param for AnyParam<'_> {
    fn to_raw(&mut self) -> raw::TEEC_Parameter {
        self.raw
    }

    fn param_type(&self) -> ParamType {
        self.param_type
    }

    fn from_raw(raw: raw::TEEC_Parameter, param_type: ParamType) -> Self {
        Self::new(raw, param_type)
    }
}

/// The types a parameter can have for the TA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    None,
    ValueInput,
    ValueOutput,
    ValueInout,
    MemoryInput,
    MemoryOutput,
    MemoryInout,
}

impl Shape {
    pub(crate) const ALL: [Self; 7] = [
        Self::None,
        Self::ValueInput,
        Self::ValueOutput,
        Self::ValueInout,
        Self::MemoryInput,
        Self::MemoryOutput,
        Self::MemoryInout,
    ];

    /// A parameter of this type: a value, or a temporary reference to `memory`.
    pub(crate) fn param(self, value: (u32, u32), memory: &[AtomicU8]) -> AnyParam<'_> {
        match self.temporary() {
            Some(param_type) => AnyParam::memory(memory, param_type),
            None => self.no_memory(value),
        }
    }

    /// The type of a temporary reference, if it is one to memory.
    pub(crate) fn temporary(self) -> Option<ParamType> {
        match self {
            Self::MemoryInput => Some(ParamType::MemrefTempInput),
            Self::MemoryOutput => Some(ParamType::MemrefTempOutput),
            Self::MemoryInout => Some(ParamType::MemrefTempInout),
            Self::None | Self::ValueInput | Self::ValueOutput | Self::ValueInout => None,
        }
    }

    /// The type of a reference to part of a registered block, if it is one to memory.
    pub(crate) fn partial(self) -> Option<ParamType> {
        match self {
            Self::MemoryInput => Some(ParamType::MemrefPartialInput),
            Self::MemoryOutput => Some(ParamType::MemrefPartialOutput),
            Self::MemoryInout => Some(ParamType::MemrefPartialInout),
            Self::None | Self::ValueInput | Self::ValueOutput | Self::ValueInout => None,
        }
    }

    fn no_memory<'a>(self, (a, b): (u32, u32)) -> AnyParam<'a> {
        match self {
            Self::ValueInput => AnyParam::value(a, b, ParamType::ValueInput),
            Self::ValueOutput => AnyParam::value(a, b, ParamType::ValueOutput),
            Self::ValueInout => AnyParam::value(a, b, ParamType::ValueInout),
            Self::None | Self::MemoryInput | Self::MemoryOutput | Self::MemoryInout => AnyParam::none(),
        }
    }
}
