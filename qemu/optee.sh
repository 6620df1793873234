#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds OP-TEE OS for QEMU's virt machine: the secure world's core and the kit its Trusted Applications are
# built and signed with.
#
#   in:   OPTEE_OS_SRC      an optee_os tree of your own, built instead of Debian's (its changes are picked up)
#         TA_DEV_KIT_DIR    a kit of your own: nothing is built; for the image its OP-TEE must be where its own
#                           build puts it, ../core/ seen from the kit
#         TA_SIGN_KEY       the key for TAs that OP-TEE is built with, instead of its development key
#         BUILD, DEBIAN_MIRROR (see lib.sh, packages.sh)
#   out:  $BUILD/optee/export-ta_arm64   the kit
#         $BUILD/optee/core              tee-{header,pager,pageable}_v2.bin
#         $BUILD/optee/env               to be sourced by a shell: TA_DEV_KIT_DIR and PYTHON3, a python that can
#                                        run the kit's sign_encrypt.py
#
# A Trusted Application opens only in the OP-TEE whose kit signed it, so both always come from one build.

source "$(dirname "$0")/lib.sh"
source "$QEMU_DIR/packages.sh"

OUT=$BUILD/optee
# Log level 2: OP-TEE tells its version and its failures, not every call. No reserved shared memory: U-Boot loads
# the kernel over its place, and Linux registers memory of its own instead.
FLAGS=(
    PLATFORM=vexpress-qemu_armv8a
    CROSS_COMPILE=aarch64-linux-gnu-
    CROSS_COMPILE64=aarch64-linux-gnu-
    CFG_ARM64_core=y
    CFG_USER_TA_TARGETS=ta_arm64
    CFG_ARM_GICV3=y
    CFG_CORE_RESERVED_SHM=n
    CFG_TEE_CORE_LOG_LEVEL=2
    DEBUG=0
)

# The kit and the core appear in $OUT; what a build of another tree left is removed first.
build() { # SOURCE-TREE
    make -C "$1" -j"$(nproc)" "${FLAGS[@]}" O="$OUT" PYTHON3="$python"
}

build_debian() {
    local dsc
    dsc=$(fetch_package optee-os source sid)
    rm -rf "$OUT"
    mkdir -p "$OUT"
    dpkg-source --no-check --no-copy -x "$dsc" "$OUT/src"
    build "$OUT/src"
}

build_own() {
    if [ ! -f "$OUT/own" ] || [ "$(<"$OUT/own")" != "$OPTEE_OS_SRC" ]; then rm -rf "$OUT"; fi
    mkdir -p "$OUT"
    printf '%s\n' "$OPTEE_OS_SRC" >"$OUT/own"
    build "$OPTEE_OS_SRC"
}

write_env() { # KIT
    printf 'export TA_DEV_KIT_DIR=%q\nexport PYTHON3=%q\n' "$1" "$python" >"$OUT/env.new"
    if cmp -s "$OUT/env.new" "$OUT/env"; then rm "$OUT/env.new"; else mv "$OUT/env.new" "$OUT/env"; fi
}

python=$(python_for_optee) ||
    die "no python3 with cryptography and elftools: sudo apt-get install -y python3-cryptography python3-pyelftools"

if [ -n "${TA_DEV_KIT_DIR:-}" ]; then
    kit=$(cd "$TA_DEV_KIT_DIR" 2>/dev/null && pwd) || die "TA_DEV_KIT_DIR=$TA_DEV_KIT_DIR is not a directory"
    [ -f "$kit/scripts/sign_encrypt.py" ] ||
        die "TA_DEV_KIT_DIR=$TA_DEV_KIT_DIR is not a TA dev kit (export-ta_arm64 of an OP-TEE build)"
    mkdir -p "$OUT"
    write_env "$kit"
    exit 0
fi

if [ -n "${OPTEE_OS_SRC:-}" ]; then
    [ -d "$OPTEE_OS_SRC" ] || die "OPTEE_OS_SRC=$OPTEE_OS_SRC is not a directory"
    OPTEE_OS_SRC=$(cd "$OPTEE_OS_SRC" && pwd)
    [ -f "$OPTEE_OS_SRC/core/core.mk" ] || die "OPTEE_OS_SRC=$OPTEE_OS_SRC is not an optee_os tree"
    newest=$(find "$OPTEE_OS_SRC" \( -name .git -o -name __pycache__ \) -prune -o -type f -printf '%T@ %p\n' | sort -n | tail -1)
    origin="$OPTEE_OS_SRC $newest" builder=build_own name="OP-TEE OS of $OPTEE_OS_SRC"
else
    row=$(lock_row optee-os source)
    origin=$row builder=build_debian name="OP-TEE OS $(cut -d' ' -f4 <<<"$row")"
fi

# OP-TEE is built to trust this key for TAs.
sign_key=
if [ -n "${TA_SIGN_KEY:-}" ]; then
    [ -r "$TA_SIGN_KEY" ] || die "TA_SIGN_KEY=$TA_SIGN_KEY cannot be read"
    sign_key=$(sha256sum <"$TA_SIGN_KEY")
fi

key=$(key_of "$(sha256sum <"$0")" "$origin" "$python" "$sign_key")
if fresh optee "$key" "$OUT/core/tee-pager_v2.bin" "$OUT/export-ta_arm64/mk/conf.mk"; then
    write_env "$OUT/export-ta_arm64"
    exit 0
fi

lock_build
unstamp optee
step "$name: core and TA dev kit" optee.log $builder
write_env "$OUT/export-ta_arm64"
stamp optee "$key"
