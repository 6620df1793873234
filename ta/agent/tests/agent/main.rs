// SPDX-License-Identifier: Apache-2.0
//! The Agent's behaviour over the in-memory environment.

mod attacks;
mod conversation;
mod power_cut;
mod support;
