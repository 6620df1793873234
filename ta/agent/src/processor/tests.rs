// SPDX-License-Identifier: Apache-2.0
//! Each test makes one case: a device, an envelope and what must become of it. It runs the case in a small world in
//! memory, and keeps it as a file in `vectors/` for other implementations (see `vectors/README.md` there).

mod case;
mod components;
mod conditions;
mod dependencies;
mod encryption;
mod hostile;
mod indices;
mod links;
mod published;
mod refusals;
mod reports;
mod sequences;
mod vector;
mod world;

use case::{Case, PAYLOAD, case, good, seq};
use teep_proto::suit::labels::{command, manifest as section};
use teep_proto::suit::{Digest, Index, Parameter, Reason, SequenceBuilder};
