#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds OP-TEE OS for QEMU's virt machine: the secure world's core and the kit its Trusted Applications are
# built and signed with.
#
#   optee.sh         with patches/ applied: what the image runs
#   optee.sh stock   as Debian has it, the core only: the system test runs on this one too
#
#   in:   AGENT_UUID        the one TA that may install and remove TAs through the patched PTA
#         OPTEE_OS_SRC      an optee_os tree of your own, built instead of Debian's (its changes are picked up).
#                           It is taken as it is, for both variants
#         OPTEE_PATCHES=1   … and a patched copy of it is the patched variant
#         TA_DEV_KIT_DIR    a kit of your own: nothing is built; for the image its OP-TEE must be where its own
#                           build puts it, ../core/ seen from the kit. It is both variants
#         TA_SIGN_KEY       the key for TAs that OP-TEE is built with, instead of its development key
#         BUILD, DEBIAN_MIRROR (see lib.sh, packages.sh)
#   out:  $BUILD/optee/export-ta_arm64   the kit
#         $BUILD/optee/core              tee-{header,pager,pageable}_v2.bin
#         $BUILD/optee/env               to be sourced by a shell: TA_DEV_KIT_DIR, PYTHON3, a python that can run
#                                        the kit's sign_encrypt.py, and OPTEE_CORE, the directory of the core
#         $BUILD/optee-stock/{core,env}  of the stock variant; its env has OPTEE_CORE only
#
# A Trusted Application opens only in an OP-TEE that is built with the key its kit signs with. Both variants are
# built with the same key, so one set of TAs opens in both.

source "$(dirname "$0")/lib.sh"
source "$QEMU_DIR/packages.sh"

case ${1:-patched} in
patched) variant=patched NAME=optee ;;
stock) variant=stock NAME=optee-stock ;;
*) die "optee.sh: '$1' is not a variant: it is patched (the default) or stock" ;;
esac
OUT=$BUILD/$NAME
# Debian's source as it is, and the tree the patches are applied to.
DEBIAN_SRC=$BUILD/optee-src/debian
PATCHED_SRC=$BUILD/optee-src/patched
# Log level 2: OP-TEE tells its version and its failures, not every call. No reserved shared memory: U-Boot loads
# the kernel over its place, and Linux registers memory of its own instead. Statistics are for the tests, which
# measure how much memory the Agent takes. Of the attestation PTA the Agent takes its own measurement and no signature;
# the PTA makes its key at the first call all the same, and a large one takes minutes in QEMU.
FLAGS=(
    PLATFORM=vexpress-qemu_armv8a
    CROSS_COMPILE=aarch64-linux-gnu-
    CROSS_COMPILE64=aarch64-linux-gnu-
    CFG_ARM64_core=y
    CFG_USER_TA_TARGETS=ta_arm64
    CFG_ARM_GICV3=y
    CFG_CORE_RESERVED_SHM=n
    CFG_TEE_CORE_LOG_LEVEL=2
    CFG_WITH_STATS=y
    CFG_TA_STATS=y
    CFG_ATTESTATION_PTA=y
    CFG_ATTESTATION_PTA_KEY_SIZE=1024
    DEBUG=0
)

unpack_debian() {
    local dsc
    dsc=$(fetch_package optee-os source sid)
    rm -rf "$DEBIAN_SRC"
    mkdir -p "${DEBIAN_SRC%/*}"
    dpkg-source --no-check --no-copy -x "$dsc" "$DEBIAN_SRC"
}

# A copy of SOURCE-TREE with the patches.
patch_copy() { # SOURCE-TREE
    local patch
    rm -rf "$PATCHED_SRC"
    mkdir -p "$PATCHED_SRC"
    tar -C "$1" --exclude=./.git --exclude=./out -c . | tar -C "$PATCHED_SRC" -x
    for patch in "${PATCHES[@]}"; do
        echo "${patch##*/}"
        patch -d "$PATCHED_SRC" -p1 --forward --no-backup-if-mismatch <"$patch" ||
            die "${patch##*/} does not apply to $1: rebase it, or build that tree without OPTEE_PATCHES=1"
    done
}

# The kit and the core appear in $OUT. What another tree left is removed first, all of it: of a tree made anew,
# unchanged files may be newer and reverted ones older than what was made of them.
build() { # SOURCE-TREE [TARGET...]
    local tree=$1 flags=("${FLAGS[@]}")
    shift
    if [ "$tree" != "${OPTEE_OS_SRC:-}" ] || [ ! -f "$OUT/own" ] || [ "$(<"$OUT/own")" != "$tree" ]; then
        rm -rf "$OUT"
    fi
    mkdir -p "$OUT"
    printf '%s\n' "$tree" >"$OUT/own"
    if [ -n "$version" ]; then flags+=(TEE_IMPL_VERSION="$version"); fi
    if [ "$variant" = patched ]; then flags+=(CFG_SECSTOR_TA_MGMT_CLIENT_UUID="$AGENT_UUID"); fi
    make -C "$tree" -j"$(nproc)" "${flags[@]}" O="$OUT" PYTHON3="$python" "$@"
}

# Also after a build of before is found fresh: another one may have left its env.
write_env() { # CORE [KIT]
    mkdir -p "$OUT"
    {
        printf 'export OPTEE_CORE=%q\n' "$1"
        if [ $# -gt 1 ]; then printf 'export TA_DEV_KIT_DIR=%q\nexport PYTHON3=%q\n' "$2" "$python"; fi
    } >"$OUT/env.new"
    if cmp -s "$OUT/env.new" "$OUT/env"; then rm "$OUT/env.new"; else mv "$OUT/env.new" "$OUT/env"; fi
}

python=$(python_for_optee) ||
    die "no python3 with cryptography and elftools: sudo apt-get install -y python3-cryptography python3-pyelftools"

if [ -n "${TA_DEV_KIT_DIR:-}" ]; then
    kit=$(cd "$TA_DEV_KIT_DIR" 2>/dev/null && pwd) || die "TA_DEV_KIT_DIR=$TA_DEV_KIT_DIR is not a directory"
    [ -f "$kit/scripts/sign_encrypt.py" ] ||
        die "TA_DEV_KIT_DIR=$TA_DEV_KIT_DIR is not a TA dev kit (export-ta_arm64 of an OP-TEE build)"
    write_env "${kit%/*}/core" "$kit"
    exit 0
fi

if [ -n "${OPTEE_OS_SRC:-}" ]; then
    [ -d "$OPTEE_OS_SRC" ] || die "OPTEE_OS_SRC=$OPTEE_OS_SRC is not a directory"
    OPTEE_OS_SRC=$(cd "$OPTEE_OS_SRC" && pwd)
    [ -f "$OPTEE_OS_SRC/core/core.mk" ] || die "OPTEE_OS_SRC=$OPTEE_OS_SRC is not an optee_os tree"
    newest=$(find "$OPTEE_OS_SRC" \( -name .git -o -name __pycache__ \) -prune -o -type f -printf '%T@ %p\n' | sort -n | tail -1)
    origin="$OPTEE_OS_SRC $newest" source=$OPTEE_OS_SRC version='' name="OP-TEE OS of $OPTEE_OS_SRC"
    apply=
    if [ "${OPTEE_PATCHES:-0}" = 1 ]; then apply=1; fi
    if [ "$variant" = stock ] && [ -z "$apply" ]; then
        write_env "$BUILD/optee/core"
        exit 0
    fi
else
    origin=$(lock_row optee-os source) source=$DEBIAN_SRC
    version=$(cut -d' ' -f4 <<<"$origin") name="OP-TEE OS $version"
    apply=1
fi
if [ "$variant" = stock ]; then apply=; fi
PATCHES=()
if [ -n "$apply" ]; then
    PATCHES=("$QEMU_DIR"/patches/*.patch)
    version=${version:+$version+teep}
    name="$name, patched"
fi
if [ "$variant" = patched ]; then [ -n "${AGENT_UUID:-}" ] || die "AGENT_UUID is not set: run this through make"; fi

# OP-TEE is built to trust this key for TAs.
sign_key=
if [ -n "${TA_SIGN_KEY:-}" ]; then
    [ -r "$TA_SIGN_KEY" ] || die "TA_SIGN_KEY=$TA_SIGN_KEY cannot be read"
    sign_key=$(sha256sum <"$TA_SIGN_KEY")
fi

key=$(key_of "$(sha256sum <"$0")" "$origin" "$python" "$sign_key" "${AGENT_UUID:-}" \
    "$(if [ -n "$apply" ]; then cat "${PATCHES[@]}" | sha256sum; fi)")
# Core and kit; the stock variant has no kit.
made=("$OUT/core")
if [ "$variant" = patched ]; then made+=("$OUT/export-ta_arm64"); fi
if fresh "$NAME" "$key" "$OUT/core/tee-pager_v2.bin" "${made[@]}"; then
    write_env "${made[@]}"
    exit 0
fi

lock_build
unstamp "$NAME"
if [ "$source" = "$DEBIAN_SRC" ]; then
    source_key=$(key_of "$origin")
    if ! fresh optee-src "$source_key" "$DEBIAN_SRC/core/core.mk"; then
        unstamp optee-src
        step "$name: source" optee-src.log unpack_debian
        stamp optee-src "$source_key"
    fi
fi
if [ -n "$apply" ]; then
    step "$name: ${#PATCHES[@]} patches applied" optee-patch.log patch_copy "$source"
    source=$PATCHED_SRC
fi
if [ "$variant" = patched ]; then
    step "$name: core and TA dev kit" optee.log build "$source"
else
    step "$name, stock: core" optee-stock.log build "$source" "$OUT"/core/tee-{header,pager,pageable}_v2.bin
fi
write_env "${made[@]}"
stamp "$NAME" "$key"
