// SPDX-License-Identifier: Apache-2.0
//! A TEE client parameter whose type is chosen at run time.

use optee_teec::{Param, ParamNone, ParamTmpRef, ParamType, ParamValue, raw};

pub(crate) enum AnyParam<'a> {
    None(ParamNone),
    Value(ParamValue),
    Memory(ParamTmpRef<'a>),
}

/// The types a parameter can have through the safe interface.
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

    /// A parameter of this type, with `buffer` if it is a memory reference.
    pub(crate) fn param(self, buffer: &mut [u8]) -> AnyParam<'_> {
        let value = |param_type| AnyParam::Value(ParamValue::new(1, u32::MAX, param_type));
        match self {
            Self::None => AnyParam::None(ParamNone),
            Self::ValueInput => value(ParamType::ValueInput),
            Self::ValueOutput => value(ParamType::ValueOutput),
            Self::ValueInout => value(ParamType::ValueInout),
            Self::MemoryInput => AnyParam::Memory(ParamTmpRef::new_input(buffer)),
            Self::MemoryOutput => AnyParam::Memory(ParamTmpRef::new_output(buffer)),
            Self::MemoryInout => AnyParam::Memory(ParamTmpRef::new_inout(buffer)),
        }
    }
}

impl Param for AnyParam<'_> {
    fn to_raw(&mut self) -> raw::TEEC_Parameter {
        match self {
            Self::None(param) => param.to_raw(),
            Self::Value(param) => param.to_raw(),
            Self::Memory(param) => param.to_raw(),
        }
    }

    fn param_type(&self) -> ParamType {
        match self {
            Self::None(param) => param.param_type(),
            Self::Value(param) => param.param_type(),
            Self::Memory(param) => param.param_type(),
        }
    }

    fn from_raw(raw: raw::TEEC_Parameter, param_type: ParamType) -> Self {
        match param_type {
            ParamType::None => Self::None(ParamNone::from_raw(raw, param_type)),
            ParamType::ValueInput | ParamType::ValueOutput | ParamType::ValueInout => {
                Self::Value(ParamValue::from_raw(raw, param_type))
            }
            _ => Self::Memory(ParamTmpRef::from_raw(raw, param_type)),
        }
    }
}
