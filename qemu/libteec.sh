#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The arm64 client library of OP-TEE, to link guest programs with.
#
#   in:   BUILD, DEBIAN_MIRROR (see lib.sh, packages.sh)
#   out:  $BUILD/optee-client/usr/{lib,include}: libteec and its headers; OPTEE_CLIENT_EXPORT of the optee-teec
#         crate is $BUILD/optee-client

source "$(dirname "$0")/lib.sh"
source "$QEMU_DIR/packages.sh"

OUT=$BUILD/optee-client

unpack() {
    local library headers
    library=$(fetch_package libteec1 arm64 bookworm)
    headers=$(fetch_package optee-client-dev arm64 bookworm)
    rm -rf "$OUT"
    mkdir -p "$OUT/package" "$OUT/usr/lib" "$OUT/usr/include"
    dpkg -x "$library" "$OUT/package"
    dpkg -x "$headers" "$OUT/package"
    cp -P "$OUT"/package/usr/lib/aarch64-linux-gnu/libteec.so* "$OUT/usr/lib/"
    cp "$OUT"/package/usr/include/tee_client_api*.h "$OUT/usr/include/"
    rm -r "$OUT/package"
}

key=$(key_of "$(sha256sum <"$0")" "$(lock_row libteec1 arm64)" "$(lock_row optee-client-dev arm64)")
if fresh libteec "$key" "$OUT/usr/lib/libteec.so" "$OUT/usr/include/tee_client_api.h"; then exit 0; fi

lock_build
unstamp libteec
step "libteec for the guest" libteec.log unpack
stamp libteec "$key"
