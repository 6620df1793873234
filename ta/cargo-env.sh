# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What cargo needs to build Trusted Applications. Sourced; sets target, CARGO_TARGET_DIR, TA_DEV_KIT_DIR and
# the flags, from these variables:
#   BUILD              the build directory (default: build at the top of the repository)
#   TA_DEV_KIT_DIR     TA dev kit of the OP-TEE that runs (default: $BUILD/optee/export-ta_arm64)
#   TEEP_AGENT_CONFIG  for package teep-agent-ta, and read by its build.rs: the Agent's configuration file

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

build=${BUILD:-$(dirname "${BASH_SOURCE[0]}")/../build}
mkdir -p "$build"
build=$(cd "$build" && pwd)
# Absolute, because cargo runs build scripts in other directories.
TA_DEV_KIT_DIR=$(realpath -m "${TA_DEV_KIT_DIR:-$build/optee/export-ta_arm64}")
export TA_DEV_KIT_DIR
if [[ -n ${TEEP_AGENT_CONFIG:-} ]]; then
    TEEP_AGENT_CONFIG=$(realpath -m "$TEEP_AGENT_CONFIG")
    export TEEP_AGENT_CONFIG
fi
[[ -r $TA_DEV_KIT_DIR/scripts/sign_encrypt.py ]] \
    || die "no TA dev kit in $TA_DEV_KIT_DIR: run 'make image', or set TA_DEV_KIT_DIR to your own"
[[ -r $build/rust/env ]] || die "$build/rust/env is missing: run 'make' once, it sets up the Rust target"
# shellcheck disable=SC1091
source "$build/rust/env"

# shellcheck disable=SC2034
target=aarch64-unknown-linux-gnu
# Cargo does not see when the kit's libraries change: each kit gets a target directory of its own.
CARGO_TARGET_DIR=$build/ta/$(cat "$TA_DEV_KIT_DIR"/lib/*.a | sha256sum | cut -c 1-16)
export CARGO_TARGET_DIR
# The target is Linux by name only: left alone, these crates ask libc what the CPU can do.
CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS='--cfg aes_backend="soft" --cfg polyval_backend="soft" --cfg sha2_backend="soft"'
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS
