# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# guard_elf FILE: refuses an ELF that OP-TEE could not load as a Trusted Application. OP-TEE itself would
# say no more than 0xffff0005 or 0xffff0007 when the first client opens a session.

guard_elf() {
    local file=$1 name needed undefined
    name=$(basename "$file")

    # A missing tool finds nothing wrong, which must not look like "nothing is wrong".
    if ! type readelf aarch64-linux-gnu-nm &>/dev/null; then
        echo "$name: cannot be checked without binutils: apt install binutils gcc-aarch64-linux-gnu" >&2
        return 1
    fi
    if ! readelf --wide --file-header "$file" 2>/dev/null | grep -q 'Machine:.*AArch64'; then
        echo "$name: not an ELF for AArch64; build with --target aarch64-unknown-linux-gnu" >&2
        return 1
    fi
    needed=$(readelf --wide --dynamic "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | paste -sd ' ')
    if [[ -n $needed ]]; then
        echo "$name: needs $needed, which OP-TEE does not have; a crate uses libc: give it a software backend (RUSTFLAGS --cfg) or drop it" >&2
        return 1
    fi
    undefined=$(aarch64-linux-gnu-nm --undefined-only --format=posix "$file" | cut -d ' ' -f 1 | paste -sd ' ')
    if [[ -n $undefined ]]; then
        echo "$name: nobody defines $undefined; a crate expects an operating system: find it with 'cargo tree' and drop it or its feature" >&2
        return 1
    fi
    if ! readelf --wide --section-headers "$file" | grep -q ' \.ta_head '; then
        echo "$name: has no .ta_head section; main.rs must include user_ta_header.rs and build.rs call optee_utee_build" >&2
        return 1
    fi
}
